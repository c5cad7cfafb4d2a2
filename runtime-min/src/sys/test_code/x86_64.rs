//! The tests' code for x86-64.

use crate::sys::trap_stub;
use std::arch::{asm, global_asm};

pub(crate) const FLOAT_CONTROL_BITS: u64 = 0xFFC0;
pub(crate) const GUESTS_FLOAT_CONTROL: u64 = 0x1F80;
pub(crate) const FLUSH_AND_ROUND_UP: u64 = 0x1F80 | 1 << 15 | 1 << 6 | 2 << 13;

pub(crate) fn hosts_float_control() -> u64 {
    let mut value = 0u32;
    // SAFETY: stores one register.
    unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut value, options(nostack)) };
    value.into()
}

pub(crate) fn set_hosts_float_control(value: u64) {
    let value = value as u32;
    // SAFETY: exceptions stay masked; the tests do no arithmetic in between.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const value, options(nostack)) };
}

global_asm!(
    ".pushsection .text.wasmc_test, \"ax\", @progbits",
    ".irp name, begin, end, add, deep, float_control, invalid, load, call",
    ".globl wasmc_test_\\name",
    ".hidden wasmc_test_\\name",
    ".endr",
    "wasmc_test_begin:",
    "wasmc_test_add:",
    "mov rax, [rdx]",
    "add rax, [rdx + 8]",
    "mov [rdx], rax",
    "ret",
    "wasmc_test_deep:",
    "mov rcx, [rdx]",
    "mov edi, [rdx + 8]",
    "xor ebx, ebx",
    "xor ebp, ebp",
    "xor r12d, r12d",
    "xor r13d, r13d",
    "xor r14d, r14d",
    "xor r15d, r15d",
    "2:",
    "sub rsp, 40",
    "dec rcx",
    "js 3f",
    "call 2b",
    "3:",
    "and rsp, -16",
    "call {trap}",
    "wasmc_test_float_control:",
    "mov qword ptr [rdx], 0",
    "stmxcsr [rdx]",
    "mov edi, [rdx + 8]",
    "test edi, edi",
    "jne 4f",
    "ret",
    "4:",
    "sub rsp, 8",
    "call {trap}",
    "wasmc_test_invalid:",
    "xorps xmm0, xmm0",
    "divss xmm0, xmm0",
    "movd eax, xmm0",
    "mov [rdx], rax",
    "mov edi, [rdx + 8]",
    "test edi, edi",
    "jne 4b",
    "ret",
    "wasmc_test_load:",
    "push rbx",
    "push rbp",
    "mov rax, [rdx]",
    "movzx eax, byte ptr [rax]",
    "mov [rdx], rax",
    "pop rbp",
    "pop rbx",
    "ret",
    "wasmc_test_call:",
    "sub rsp, 8",
    "mov rax, [rdx]",
    "mov rdi, [rdx + 8]",
    "mov rsi, rdx",
    "call rax",
    "test eax, eax",
    "jne 5f",
    "add rsp, 8",
    "ret",
    "5:",
    "mov edi, eax",
    "call {trap}",
    "wasmc_test_end:",
    ".popsection",
    trap = sym trap_stub,
);
