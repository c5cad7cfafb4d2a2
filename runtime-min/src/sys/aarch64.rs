//! Entering compiled code and leaving it, on AArch64 with the procedure call standard of Arm.
//!
//! See `x86_64.rs` for how a call ends by a trap; the shape is the same. A call leaves its return
//! address in a register, so a trap hands over what was there: a function that calls nothing may not
//! have stored its own.

use crate::activation::{Activation, record_trap};
#[cfg(feature = "std")]
use crate::sys::unix;
use core::arch::{asm, global_asm};

// FPCR: Wasm wants 0, which is to nearest, no flushing of denormals, no default NaN, no trapped
// exceptions. The sticky flags are in another register. Written only if the host's value is another.
global_asm!(
    ".pushsection .text.wasmc_enter, \"ax\", %progbits",
    ".p2align 4",
    ".globl wasmc_runtime_enter",
    ".hidden wasmc_runtime_enter",
    ".type wasmc_runtime_enter, %function",
    // enter(x0 vmctx, x1 code, x2 values, x3 trampoline, x4 activation) -> w0 status
    "wasmc_runtime_enter:",
    ".cfi_startproc",
    "stp x29, x30, [sp, #-176]!",
    ".cfi_def_cfa_offset 176",
    ".cfi_offset x29, -176",
    ".cfi_offset x30, -168",
    "mov x29, sp",
    ".cfi_def_cfa x29, 176",
    "stp x19, x20, [sp, #16]",
    "stp x21, x22, [sp, #32]",
    "stp x23, x24, [sp, #48]",
    "stp x25, x26, [sp, #64]",
    "stp x27, x28, [sp, #80]",
    "stp d8, d9, [sp, #96]",
    "stp d10, d11, [sp, #112]",
    "stp d12, d13, [sp, #128]",
    "stp d14, d15, [sp, #144]",
    ".cfi_offset x19, -160",
    ".cfi_offset x20, -152",
    ".cfi_offset x21, -144",
    ".cfi_offset x22, -136",
    ".cfi_offset x23, -128",
    ".cfi_offset x24, -120",
    ".cfi_offset x25, -112",
    ".cfi_offset x26, -104",
    ".cfi_offset x27, -96",
    ".cfi_offset x28, -88",
    ".cfi_offset d8, -80",
    ".cfi_offset d9, -72",
    ".cfi_offset d10, -64",
    ".cfi_offset d11, -56",
    ".cfi_offset d12, -48",
    ".cfi_offset d13, -40",
    ".cfi_offset d14, -32",
    ".cfi_offset d15, -24",
    "mrs x9, fpcr",
    "str x9, [sp, #160]",
    "str x29, [x4, #{SAVED_SP}]",
    "cbnz x9, 3f",
    "2:",
    "blr x3",
    "mov w0, wzr",
    "4:",
    "ldr x9, [sp, #160]",
    "cbnz x9, 5f",
    "6:",
    "ldp d14, d15, [sp, #144]",
    "ldp d12, d13, [sp, #128]",
    "ldp d10, d11, [sp, #112]",
    "ldp d8, d9, [sp, #96]",
    "ldp x27, x28, [sp, #80]",
    "ldp x25, x26, [sp, #64]",
    "ldp x23, x24, [sp, #48]",
    "ldp x21, x22, [sp, #32]",
    "ldp x19, x20, [sp, #16]",
    "ldp x29, x30, [sp], #176",
    ".cfi_remember_state",
    ".cfi_def_cfa sp, 0",
    "ret",
    ".cfi_restore_state",
    "3:",
    "msr fpcr, xzr",
    "b 2b",
    "5:",
    "msr fpcr, x9",
    "b 6b",
    ".cfi_endproc",
    ".size wasmc_runtime_enter, . - wasmc_runtime_enter",
    "",
    // Builtin `trap`: called by compiled code with the code in w0.
    ".globl wasmc_runtime_trap",
    ".hidden wasmc_runtime_trap",
    ".type wasmc_runtime_trap, %function",
    "wasmc_runtime_trap:",
    // A return address names the instruction after the call, which may belong to something else.
    "sub x1, x30, #1",
    "mov x2, sp",
    "mov x3, xzr",
    // Where a faulting access is made to continue: w0 code, x1 pc, x2 sp, x3 return address.
    ".globl wasmc_runtime_landing",
    ".hidden wasmc_runtime_landing",
    "wasmc_runtime_landing:",
    "and sp, x2, #-16",
    "str x0, [sp, #-16]!",
    "bl {record}",
    "ldr w9, [sp]",
    // leave(x0 saved sp, w9 status)
    "mov sp, x0",
    "mov x29, x0",
    "mov w0, w9",
    "b 4b",
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
    unsafe { asm!("mov {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}

/// Whether the OS names a feature of this CPU, by LLVM's name for it (Linux, arch/arm64/include/uapi/asm/hwcap.h).
#[cfg(feature = "std")]
pub(crate) fn has_feature(name: &str) -> bool {
    let (first, second) = (unix::capabilities(libc::AT_HWCAP), unix::capabilities(libc::AT_HWCAP2));
    let all = |capabilities: u64, bits: &[u32]| bits.iter().all(|bit| capabilities >> bit & 1 == 1);
    match name {
        "lse" => all(first, &[8]),
        "rdm" => all(first, &[12]),
        // The feature's SHA-512 half is a capability of its own.
        "sha3" => all(first, &[17, 21]),
        "dotprod" => all(first, &[20]),
        "i8mm" => all(second, &[13]),
        "cssc" => all(second, &[34]),
        // A row that this file does not know yet: refusing is the safe side.
        _ => false,
    }
}

/// How the signal handler sees the registers of what it interrupted.
#[cfg(feature = "std")]
pub(crate) mod fault {
    /// Program counter and stack pointer.
    pub(crate) fn registers(context: &libc::ucontext_t) -> (usize, usize) {
        (context.uc_mcontext.pc as usize, context.uc_mcontext.sp as usize)
    }

    /// Makes the interrupted code continue as if it had trapped with `code` where it stands.
    pub(crate) fn redirect(context: &mut libc::ucontext_t, code: u32) {
        let machine = &mut context.uc_mcontext;
        machine.regs[0] = code.into();
        machine.regs[1] = machine.pc;
        machine.regs[2] = machine.sp;
        machine.regs[3] = machine.regs[30];
        machine.pc = super::super::landing as *const () as u64;
    }
}
