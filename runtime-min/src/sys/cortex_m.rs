//! Entering compiled code and leaving it, on Cortex-M: T32 code, floats in registers or not (AAPCS, base and VFP
//! variants), no OS.
//!
//! See `x86_64.rs` for how a call ends by a trap; the shape is the same. A third way out is the host's: an interrupt
//! handler makes the guest continue at `wasmc_runtime_interrupted`.

use crate::activation::{Activation, record_trap};
use core::arch::{asm, global_asm};
use wasmc_abi::TrapCode;

/// Whether floats travel in registers, which then are saved. It is the firmware's choice, and the loader holds
/// images to it.
const HARD: usize = if cfg!(target_abi = "eabihf") { 1 } else { 0 };

/// What lies below the saved registers, bytes: FPSCR, and what the alignment takes.
const PAD: usize = if HARD == 1 { 12 } else { 4 };

/// All that `enter` puts on the stack, bytes.
const FRAME: usize = 9 * 4 + HARD * 8 * 8 + PAD;

const _: () = assert!(FRAME.is_multiple_of(8));

// FPSCR: see `arm.rs`.
global_asm!(
    ".pushsection .text.wasmc_enter, \"ax\", %progbits",
    ".syntax unified",
    ".thumb",
    // The assembler does not take the target's features to be those of a module's own assembly.
    ".if {HARD}",
    ".fpu fpv4-sp-d16",
    ".endif",
    ".p2align 2",
    ".globl wasmc_runtime_enter",
    ".hidden wasmc_runtime_enter",
    ".type wasmc_runtime_enter, %function",
    ".thumb_func",
    // enter(r0 vmctx, r1 code, r2 values, r3 trampoline, [sp] activation) -> r0 status
    "wasmc_runtime_enter:",
    "push {{r4-r11, lr}}",
    ".if {HARD}",
    "vpush {{d8-d15}}",
    ".endif",
    "sub sp, sp, #{PAD}",
    "ldr r12, [sp, #{FRAME}]",
    "mov r4, sp",
    "str r4, [r12, #{SAVED_SP}]",
    ".if {HARD}",
    "vmrs r4, fpscr",
    "str r4, [sp]",
    "movw r5, #0xFF00",
    "movt r5, #0x07FF",
    "ands r6, r4, r5",
    "beq 2f",
    "bic r6, r4, r5",
    "vmsr fpscr, r6",
    "2:",
    ".endif",
    "blx r3",
    "movs r0, #0",
    "4:",
    ".if {HARD}",
    "ldr r4, [sp]",
    "movw r5, #0xFF00",
    "movt r5, #0x07FF",
    "ands r6, r4, r5",
    "beq 6f",
    "vmsr fpscr, r4",
    "6:",
    ".endif",
    "add sp, sp, #{PAD}",
    ".if {HARD}",
    "vpop {{d8-d15}}",
    ".endif",
    "pop {{r4-r11, pc}}",
    ".size wasmc_runtime_enter, . - wasmc_runtime_enter",
    "",
    // Where an interrupted guest is made to continue. Where it stood, the activation knows.
    ".globl wasmc_runtime_interrupted",
    ".hidden wasmc_runtime_interrupted",
    ".type wasmc_runtime_interrupted, %function",
    ".thumb_func",
    "wasmc_runtime_interrupted:",
    "movs r0, #{INTERRUPTED}",
    "movs r1, #0",
    "b 3f",
    ".size wasmc_runtime_interrupted, . - wasmc_runtime_interrupted",
    "",
    // Builtin `trap`: called by compiled code with the code in r0.
    ".globl wasmc_runtime_trap",
    ".hidden wasmc_runtime_trap",
    ".type wasmc_runtime_trap, %function",
    ".thumb_func",
    "wasmc_runtime_trap:",
    // A return address names the instruction after the call, which may belong to something else.
    "bic r1, lr, #1",
    "subs r1, #1",
    "3:",
    "mov r2, sp",
    "movs r3, #0",
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
    HARD = const HARD,
    PAD = const PAD,
    FRAME = const FRAME,
    INTERRUPTED = const TrapCode::Interrupted as u32,
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
