//! The tests' code for 64-bit RISC-V.

use crate::sys::trap_stub;
use std::arch::{asm, global_asm};

// The register has a rounding mode and nothing to flush with.
pub(crate) const FLOAT_CONTROL_BITS: u64 = 7;
pub(crate) const GUESTS_FLOAT_CONTROL: u64 = 0;
pub(crate) const FLUSH_AND_ROUND_UP: u64 = 3;

pub(crate) fn hosts_float_control() -> u64 {
    let value;
    // SAFETY: reads one register.
    unsafe { asm!("frrm {}", out(reg) value, options(nomem, nostack)) };
    value
}

pub(crate) fn set_hosts_float_control(value: u64) {
    // SAFETY: the tests do no arithmetic in between.
    unsafe { asm!("fsrm {}", in(reg) value, options(nomem, nostack)) };
}

global_asm!(
    ".pushsection .text.wasmc_test, \"ax\", %progbits",
    // The assembler does not take the target's features to be those of a module's own assembly.
    ".option push",
    ".option arch, +d",
    ".p2align 2",
    ".irp name, begin, end, add, deep, float_control, load, call",
    ".globl wasmc_test_\\name",
    ".hidden wasmc_test_\\name",
    ".endr",
    "wasmc_test_begin:",
    "wasmc_test_add:",
    "ld a0, 0(a2)",
    "ld a1, 8(a2)",
    "add a0, a0, a1",
    "sd a0, 0(a2)",
    "ret",
    "wasmc_test_deep:",
    "ld a1, 0(a2)",
    "lw a0, 8(a2)",
    ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11",
    "mv s\\n, zero",
    "fmv.d.x fs\\n, zero",
    ".endr",
    "2:",
    "addi sp, sp, -48",
    "addi a1, a1, -1",
    "bltz a1, 3f",
    "jal 2b",
    "3:",
    "call {trap}",
    "wasmc_test_float_control:",
    "frrm a0",
    "sd a0, 0(a2)",
    "lw a0, 8(a2)",
    "bnez a0, 4f",
    "ret",
    "4:",
    "call {trap}",
    "wasmc_test_load:",
    "addi sp, sp, -8",
    "ld a0, 0(a2)",
    "lbu a0, 0(a0)",
    "sd a0, 0(a2)",
    "addi sp, sp, 8",
    "ret",
    "wasmc_test_call:",
    "addi sp, sp, -16",
    "sd ra, 0(sp)",
    "ld a3, 0(a2)",
    "ld a0, 8(a2)",
    "mv a1, a2",
    "jalr a3",
    "bnez a0, 5f",
    "ld ra, 0(sp)",
    "addi sp, sp, 16",
    "ret",
    "5:",
    "call {trap}",
    "wasmc_test_end:",
    ".option pop",
    ".popsection",
    trap = sym trap_stub,
);
