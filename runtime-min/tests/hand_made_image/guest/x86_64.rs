//! Guest functions take their vmctx in r13, the rest as in C.

use super::{Guest, LAYOUT, guest_at, labels};
use crate::builder::{CODE, POINTERS};
use std::arch::global_asm;
use wasmc_abi::Frame;
use wasmc_abi::target::IsaState;

global_asm!(
    ".pushsection .text.wasmc_guest, \"ax\", @progbits",
    ".irp name, begin, entry_v, entry_i_i, entry_ii_i, thunk, mul_twice, load, grow, call_slot, start, end",
    ".globl wasmc_guest_\\name",
    ".endr",
    ".macro helper number",
    ".byte 0xFF, 0x15", // call [rip + …]
    ".long {POINTERS} - {CODE} + 8 * \\number - (9f - wasmc_guest_begin)",
    "9:",
    ".endm",
    "wasmc_guest_begin:",
    "wasmc_guest_entry_v:",
    "push r13",
    "mov r13, rdi",
    "call rsi",
    "pop r13",
    "ret",
    "wasmc_guest_entry_i_i:",
    "push r13",
    "push rbx",
    "push rbx",
    "mov r13, rdi",
    "mov rbx, rdx",
    "mov rax, rsi",
    "mov edi, [rdx]",
    "call rax",
    "mov [rbx], eax",
    "pop rbx",
    "pop rbx",
    "pop r13",
    "ret",
    "wasmc_guest_entry_ii_i:",
    "push r13",
    "push rbx",
    "push rbx",
    "mov r13, rdi",
    "mov rbx, rdx",
    "mov rax, rsi",
    "mov edi, [rdx]",
    "mov esi, [rdx + 8]",
    "call rax",
    "mov [rbx], eax",
    "pop rbx",
    "pop rbx",
    "pop r13",
    "ret",
    // (i32, i32) -> i32: r13 is a host record.
    "wasmc_guest_thunk:",
    "push rax",
    "push rax",
    "push rax",
    "mov ecx, esi",
    "mov edx, edi",
    "mov rdi, r13",
    "lea rsi, [rsp + 8]",
    "call [r13]",
    "test eax, eax",
    "jne 2f",
    "mov eax, [rsp + 8]",
    "add rsp, 24",
    "ret",
    "2:",
    "mov edi, eax",
    "helper 0",
    // mul(mul(a, b), b) by the import.
    "wasmc_guest_mul_twice:",
    "push r13",
    "push rbx",
    "push rbx",
    "mov ebx, esi",
    "mov rax, [r13 + {IMPORT}]",
    "mov r13, [r13 + {IMPORT} + 8]",
    "call rax",
    "mov edi, eax",
    "mov esi, ebx",
    "mov r13, [rsp + 16]",
    "mov rax, [r13 + {IMPORT}]",
    "mov r13, [r13 + {IMPORT} + 8]",
    "call rax",
    "pop rbx",
    "pop rbx",
    "pop r13",
    "ret",
    // The byte at an address.
    "wasmc_guest_load:",
    "mov rax, [r13 + {MEMORY}]",
    "mov edi, edi",
    "movzx eax, byte ptr [rax + rdi]",
    "ret",
    "wasmc_guest_grow:",
    "push rax",
    "mov edx, edi",
    "mov rdi, r13",
    "xor esi, esi",
    "helper 1",
    "pop rcx",
    "ret",
    // Calls table element i with (i, 3).
    "wasmc_guest_call_slot:",
    "push r13",
    "mov rax, [r13 + {TABLE}]",
    "mov ecx, edi",
    "shl rcx, 5",
    "add rax, rcx",
    "mov rcx, [rax]",
    "test rcx, rcx",
    "je 2f",
    "mov r13, [rax + 8]",
    "mov esi, 3",
    "call rcx",
    "pop r13",
    "ret",
    "2:",
    "mov edi, 5",
    "helper 0",
    "wasmc_guest_start:",
    "inc dword ptr [r13 + {GLOBAL}]",
    "ret",
    "wasmc_guest_end:",
    ".popsection",
    POINTERS = const POINTERS,
    CODE = const CODE,
    IMPORT = const LAYOUT.imported_function(0),
    MEMORY = const LAYOUT.memory(0),
    TABLE = const LAYOUT.table(0),
    GLOBAL = const LAYOUT.global(0),
);

mod label {
    super::labels!("wasmc_guest_": begin entry_v entry_i_i entry_ii_i thunk mul_twice load grow call_slot start end);
}

pub fn guest(_: IsaState) -> Guest {
    let begin = &raw const label::begin;
    let at = |label: *const u8| CODE + (label as usize - begin as usize) as u32;
    // Frame sizes: one push is 1 byte, or 2 where it is of r8 to r15.
    let mut frames = vec![];
    let mut frame = |start: *const u8, pushes: &[u32]| {
        let mut from = at(start);
        for (push, words) in [0].iter().chain(pushes).zip(1..) {
            from += push;
            frames.push((from, Frame { cfa_offset: words * 8, return_address: Some(8) }));
        }
    };
    frame(&raw const label::entry_v, &[2]);
    frame(&raw const label::entry_i_i, &[2, 1, 1]);
    frame(&raw const label::entry_ii_i, &[2, 1, 1]);
    frame(&raw const label::thunk, &[1, 1, 1]);
    frame(&raw const label::mul_twice, &[2, 1, 1]);
    frame(&raw const label::load, &[]);
    frame(&raw const label::grow, &[1]);
    frame(&raw const label::call_slot, &[2]);
    frame(&raw const label::start, &[]);
    guest_at!(label at frames)
}
