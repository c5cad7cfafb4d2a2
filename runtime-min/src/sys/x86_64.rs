//! Entering compiled code and leaving it, on x86-64 with the System V convention.
//!
//! `enter` notes where the stack stands and calls an entry trampoline. A trap ends in `leave`, which
//! puts the stack back there and returns from `enter` with a status: what lies between is compiled
//! code without destructors. Rust frames never lie between, because a host function's shim returns
//! a status to its thunk before that raises the trap.

use crate::activation::{Activation, record_trap};
use core::arch::{asm, global_asm};

// MXCSR, the control bits: denormals-are-zero (6), exception masks (7 to 12), rounding (13, 14),
// flush-to-zero (15). Wasm wants 0x1F80: all masked, to nearest, no flushing. The sticky exception
// flags (0 to 5) are nobody's business here. Reading and writing MXCSR takes longer than the rest of
// a call, so it is written only if the host's bits were others, and not read again: guests cannot
// change it.
global_asm!(
    ".pushsection .text.wasmc_enter, \"ax\", @progbits",
    ".p2align 4",
    ".globl wasmc_runtime_enter",
    ".hidden wasmc_runtime_enter",
    ".type wasmc_runtime_enter, @function",
    // enter(rdi vmctx, rsi code, rdx values, rcx trampoline, r8 activation) -> eax status
    "wasmc_runtime_enter:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    ".cfi_offset rbx, -24",
    ".cfi_offset r12, -32",
    ".cfi_offset r13, -40",
    ".cfi_offset r14, -48",
    ".cfi_offset r15, -56",
    "sub rsp, 24",
    "stmxcsr [rsp]",
    "mov [r8 + {SAVED_SP}], rsp",
    "mov eax, [rsp]",
    "and eax, 0xFFC0",
    "cmp eax, 0x1F80",
    "jne 3f",
    "2:",
    "call rcx",
    "xor eax, eax",
    "4:",
    "mov ecx, [rsp]",
    "and ecx, 0xFFC0",
    "cmp ecx, 0x1F80",
    "jne 5f",
    "6:",
    "add rsp, 24",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    ".cfi_remember_state",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_restore_state",
    "3:",
    "mov dword ptr [rsp + 4], 0x1F80",
    "ldmxcsr [rsp + 4]",
    "jmp 2b",
    "5:",
    "ldmxcsr [rsp]",
    "jmp 6b",
    ".cfi_endproc",
    ".size wasmc_runtime_enter, . - wasmc_runtime_enter",
    "",
    // Builtin `trap`: called by compiled code with the code in edi.
    ".globl wasmc_runtime_trap",
    ".hidden wasmc_runtime_trap",
    ".type wasmc_runtime_trap, @function",
    "wasmc_runtime_trap:",
    // A return address names the instruction after the call, which may belong to something else.
    "mov rsi, [rsp]",
    "dec rsi",
    "lea rdx, [rsp + 8]",
    // Return addresses are on the stack, in no register.
    "xor ecx, ecx",
    // Where a faulting access is made to continue: edi code, rsi pc, rdx sp.
    ".globl wasmc_runtime_landing",
    ".hidden wasmc_runtime_landing",
    "wasmc_runtime_landing:",
    "cld",
    "and rsp, -16",
    "push 0",
    "push rdi",
    "call {record}",
    "mov esi, [rsp]",
    // leave(rax saved sp, esi status)
    "mov rsp, rax",
    "lea rbp, [rsp + 64]",
    "mov eax, esi",
    "jmp 4b",
    ".size wasmc_runtime_trap, . - wasmc_runtime_trap",
    ".popsection",
    SAVED_SP = const Activation::SAVED_SP,
    record = sym record_trap,
);

/// An address close to the stack pointer.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: reads one register.
    unsafe { asm!("mov {}, rsp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}

/// Whether the OS names a feature of this CPU: nothing is left to ask, the loader has asked the CPU.
#[cfg(feature = "std")]
pub(crate) fn has_feature(_: &str) -> bool {
    false
}

/// How the signal handler sees the registers of what it interrupted.
#[cfg(feature = "std")]
pub(crate) mod fault {
    /// Program counter and stack pointer.
    pub(crate) fn registers(context: &libc::ucontext_t) -> (usize, usize) {
        let registers = &context.uc_mcontext.gregs;
        (registers[libc::REG_RIP as usize] as usize, registers[libc::REG_RSP as usize] as usize)
    }

    /// Makes the interrupted code continue as if it had trapped with `code` where it stands.
    pub(crate) fn redirect(context: &mut libc::ucontext_t, code: u32) {
        let (pc, sp) = registers(context);
        let registers = &mut context.uc_mcontext.gregs;
        let mut set = |register: libc::c_int, value: usize| registers[register as usize] = value as i64;
        set(libc::REG_RDI, code as usize);
        set(libc::REG_RSI, pc);
        set(libc::REG_RDX, sp);
        set(libc::REG_RCX, 0);
        set(libc::REG_RIP, super::super::landing as *const () as usize);
    }
}
