//! Entering compiled code and leaving it, on ARM with hard floats (AAPCS, VFP variant).
//!
//! See `x86_64.rs` for how a call ends by a trap; the shape is the same. A call leaves its return
//! address in a register, so a trap hands over what was there: a function that calls nothing may not
//! have stored its own. Bit 0 of a code address is the instruction set state of what lies there; the
//! assembly below is good in either.

use crate::activation::{Activation, record_trap};
#[cfg(feature = "std")]
use crate::sys::unix;
use core::arch::{asm, global_asm};

#[cfg(not(target_abi = "eabihf"))]
compile_error!("runtime-min saves floating-point registers, which code for ARM with soft floats may not use");

// FPSCR, the control bits: trapped exceptions (8 to 15), vector length and stride (16 to 21), rounding
// (22, 23), flush-to-zero (24), default NaN (25), alternative half precision (26). Wasm wants 0 in all.
// The flags around them are nobody's business here. Written only if the host's bits are others.
global_asm!(
    ".pushsection .text.wasmc_enter, \"ax\", %progbits",
    ".syntax unified",
    ".p2align 2",
    ".globl wasmc_runtime_enter",
    ".hidden wasmc_runtime_enter",
    ".type wasmc_runtime_enter, %function",
    // enter(r0 vmctx, r1 code, r2 values, r3 trampoline, [sp] activation) -> r0 status
    "wasmc_runtime_enter:",
    ".fnstart",
    "push {{r4-r11, lr}}",
    ".save {{r4-r11, lr}}",
    "vpush {{d8-d15}}",
    ".vsave {{d8-d15}}",
    "sub sp, sp, #12",
    ".pad #12",
    "ldr r12, [sp, #112]",
    "mov r4, sp",
    "str r4, [r12, #{SAVED_SP}]",
    "vmrs r4, fpscr",
    "str r4, [sp]",
    "movw r5, #0xFF00",
    "movt r5, #0x07FF",
    "ands r6, r4, r5",
    "bne 3f",
    "2:",
    "blx r3",
    "mov r0, #0",
    "4:",
    "ldr r4, [sp]",
    "movw r5, #0xFF00",
    "movt r5, #0x07FF",
    "ands r6, r4, r5",
    "bne 5f",
    "6:",
    "add sp, sp, #12",
    "vpop {{d8-d15}}",
    "pop {{r4-r11, pc}}",
    "3:",
    "bic r6, r4, r5",
    "vmsr fpscr, r6",
    "b 2b",
    "5:",
    "vmsr fpscr, r4",
    "b 6b",
    ".fnend",
    ".size wasmc_runtime_enter, . - wasmc_runtime_enter",
    "",
    // Builtin `trap`: called by compiled code with the code in r0.
    ".globl wasmc_runtime_trap",
    ".hidden wasmc_runtime_trap",
    ".type wasmc_runtime_trap, %function",
    "wasmc_runtime_trap:",
    // A return address names the instruction after the call, which may belong to something else.
    "bic r1, lr, #1",
    "sub r1, r1, #1",
    "mov r2, sp",
    "mov r3, #0",
    // Where a faulting access is made to continue: r0 code, r1 pc, r2 sp, r3 return address.
    ".globl wasmc_runtime_landing",
    ".hidden wasmc_runtime_landing",
    ".type wasmc_runtime_landing, %function",
    "wasmc_runtime_landing:",
    "bic r12, r2, #7",
    "mov sp, r12",
    "push {{r0, r1}}",
    "bl {record}",
    "ldr r1, [sp]",
    // leave(r0 saved sp, r1 status)
    "mov sp, r0",
    "mov r0, r1",
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

/// Whether the OS names a feature of this CPU, by LLVM's name for it (Linux, arch/arm/include/uapi/asm/hwcap.h).
#[cfg(feature = "std")]
pub(crate) fn has_feature(name: &str) -> bool {
    let has = |bit: u32| unix::capabilities(libc::AT_HWCAP) >> bit & 1 == 1;
    match name {
        "neon" => has(12),
        "vfp4" => has(16),
        "hwdiv-arm" => has(17),
        "hwdiv" => has(18),
        "d32" => has(19),
        "dotprod" => has(24),
        "i8mm" => has(27),
        // No capability of its own: the floating-point unit of every Armv8-A CPU in this state.
        "fp-armv8" => has(16) && unix::platform().starts_with(b"v8"),
        // A row that this file does not know yet, or of CPUs that do not run Linux: refusing is the safe side.
        _ => false,
    }
}

/// How the signal handler sees the registers of what it interrupted.
#[cfg(feature = "std")]
pub(crate) mod fault {
    /// Program counter and stack pointer.
    pub(crate) fn registers(context: &libc::ucontext_t) -> (usize, usize) {
        (context.uc_mcontext.arm_pc as usize, context.uc_mcontext.arm_sp as usize)
    }

    /// CPSR: the code at the program counter is T32.
    const THUMB: libc::c_ulong = 1 << 5;
    /// CPSR: progress in a T32 block of conditional instructions, which ends here.
    const IF_THEN: libc::c_ulong = 0x0600_FC00;

    /// Makes the interrupted code continue as if it had trapped with `code` where it stands.
    pub(crate) fn redirect(context: &mut libc::ucontext_t, code: u32) {
        let machine = &mut context.uc_mcontext;
        machine.arm_r0 = code;
        machine.arm_r1 = machine.arm_pc;
        machine.arm_r2 = machine.arm_sp;
        machine.arm_r3 = machine.arm_lr;
        let landing = super::super::landing as *const () as libc::c_ulong;
        let state = if landing & 1 == 0 { 0 } else { THUMB };
        machine.arm_cpsr = machine.arm_cpsr & !(THUMB | IF_THEN) | state;
        machine.arm_pc = landing & !1;
    }
}
