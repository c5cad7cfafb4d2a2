//! Entering compiled code and leaving it, on 32-bit RISC-V: floats in registers or not (psABI, ILP32 and ILP32F), no
//! OS.
//!
//! See `x86_64.rs` for how a call ends by a trap; the shape is the same. A third way out is the host's: an interrupt
//! handler makes the guest continue at `wasmc_runtime_interrupted`.

use crate::activation::{Activation, record_trap};
use core::arch::{asm, global_asm};
use wasmc_abi::TrapCode;

/// Whether floats travel in registers, which then are saved. It is the firmware's choice, and the loader holds
/// images to it.
const HARD: usize = if cfg!(target_feature = "f") { 1 } else { 0 };

/// All that `enter` puts on the stack, bytes: 13 registers, with floats 12 more and frm below them, aligned.
const FRAME: usize = if HARD == 1 { 112 } else { 64 };

// frm: see `riscv64.rs`.
global_asm!(
    ".pushsection .text.wasmc_enter, \"ax\", %progbits",
    // The assembler does not take the target's features to be those of a module's own assembly.
    ".option push",
    ".if {HARD}",
    ".option arch, +f",
    ".endif",
    ".p2align 2",
    ".globl wasmc_runtime_enter",
    ".hidden wasmc_runtime_enter",
    ".type wasmc_runtime_enter, %function",
    // enter(a0 vmctx, a1 code, a2 values, a3 trampoline, a4 activation) -> a0 status
    "wasmc_runtime_enter:",
    "addi sp, sp, -{FRAME}",
    "sw ra, {FRAME} - 4(sp)",
    "sw s0, {FRAME} - 8(sp)",
    "sw s1, {FRAME} - 12(sp)",
    "sw s2, {FRAME} - 16(sp)",
    "sw s3, {FRAME} - 20(sp)",
    "sw s4, {FRAME} - 24(sp)",
    "sw s5, {FRAME} - 28(sp)",
    "sw s6, {FRAME} - 32(sp)",
    "sw s7, {FRAME} - 36(sp)",
    "sw s8, {FRAME} - 40(sp)",
    "sw s9, {FRAME} - 44(sp)",
    "sw s10, {FRAME} - 48(sp)",
    "sw s11, {FRAME} - 52(sp)",
    "sw sp, {SAVED_SP}(a4)",
    ".if {HARD}",
    "fsw fs0, 56(sp)",
    "fsw fs1, 52(sp)",
    "fsw fs2, 48(sp)",
    "fsw fs3, 44(sp)",
    "fsw fs4, 40(sp)",
    "fsw fs5, 36(sp)",
    "fsw fs6, 32(sp)",
    "fsw fs7, 28(sp)",
    "fsw fs8, 24(sp)",
    "fsw fs9, 20(sp)",
    "fsw fs10, 16(sp)",
    "fsw fs11, 12(sp)",
    "frrm t0",
    "sw t0, 0(sp)",
    "fsrm zero",
    ".endif",
    "jalr a3",
    "li a0, 0",
    "4:",
    ".if {HARD}",
    "lw t0, 0(sp)",
    "fsrm t0",
    "flw fs0, 56(sp)",
    "flw fs1, 52(sp)",
    "flw fs2, 48(sp)",
    "flw fs3, 44(sp)",
    "flw fs4, 40(sp)",
    "flw fs5, 36(sp)",
    "flw fs6, 32(sp)",
    "flw fs7, 28(sp)",
    "flw fs8, 24(sp)",
    "flw fs9, 20(sp)",
    "flw fs10, 16(sp)",
    "flw fs11, 12(sp)",
    ".endif",
    "lw s11, {FRAME} - 52(sp)",
    "lw s10, {FRAME} - 48(sp)",
    "lw s9, {FRAME} - 44(sp)",
    "lw s8, {FRAME} - 40(sp)",
    "lw s7, {FRAME} - 36(sp)",
    "lw s6, {FRAME} - 32(sp)",
    "lw s5, {FRAME} - 28(sp)",
    "lw s4, {FRAME} - 24(sp)",
    "lw s3, {FRAME} - 20(sp)",
    "lw s2, {FRAME} - 16(sp)",
    "lw s1, {FRAME} - 12(sp)",
    "lw s0, {FRAME} - 8(sp)",
    "lw ra, {FRAME} - 4(sp)",
    "addi sp, sp, {FRAME}",
    "ret",
    ".size wasmc_runtime_enter, . - wasmc_runtime_enter",
    "",
    // Where an interrupted guest is made to continue. Where it stood, the activation knows.
    ".globl wasmc_runtime_interrupted",
    ".hidden wasmc_runtime_interrupted",
    ".type wasmc_runtime_interrupted, %function",
    "wasmc_runtime_interrupted:",
    "li a0, {INTERRUPTED}",
    "li a1, 0",
    "j 3f",
    ".size wasmc_runtime_interrupted, . - wasmc_runtime_interrupted",
    "",
    // Builtin `trap`: called by compiled code with the code in a0.
    ".globl wasmc_runtime_trap",
    ".hidden wasmc_runtime_trap",
    ".type wasmc_runtime_trap, %function",
    "wasmc_runtime_trap:",
    // A return address names the instruction after the call, which may belong to something else.
    "addi a1, ra, -1",
    "3:",
    "mv a2, sp",
    "li a3, 0",
    "andi sp, sp, -16",
    "addi sp, sp, -16",
    "sw a0, 0(sp)",
    "call {record}",
    "lw t1, 0(sp)",
    // leave(a0 saved sp, t1 status)
    "mv sp, a0",
    "mv a0, t1",
    "j 4b",
    ".size wasmc_runtime_trap, . - wasmc_runtime_trap",
    ".option pop",
    ".popsection",
    SAVED_SP = const Activation::SAVED_SP,
    HARD = const HARD,
    FRAME = const FRAME,
    INTERRUPTED = const TrapCode::Interrupted as u32,
    record = sym record_trap,
);

/// An address close to the stack pointer.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: reads one register.
    unsafe { asm!("mv {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}
