//! The tests' code for AArch64.

use crate::sys::trap_stub;
use std::arch::{asm, global_asm};

pub(crate) const FLOAT_CONTROL_BITS: u64 = !0;
pub(crate) const GUESTS_FLOAT_CONTROL: u64 = 0;
pub(crate) const FLUSH_AND_ROUND_UP: u64 = 1 << 24 | 1 << 22;

pub(crate) fn hosts_float_control() -> u64 {
    let value;
    // SAFETY: reads one register.
    unsafe { asm!("mrs {}, fpcr", out(reg) value, options(nomem, nostack)) };
    value
}

pub(crate) fn set_hosts_float_control(value: u64) {
    // SAFETY: exceptions stay masked; the tests do no arithmetic in between.
    unsafe { asm!("msr fpcr, {}", in(reg) value, options(nomem, nostack)) };
}

global_asm!(
    ".pushsection .text.wasmc_test, \"ax\", %progbits",
    ".p2align 2",
    ".irp name, begin, end, add, deep, float_control, load, call",
    ".globl wasmc_test_\\name",
    ".hidden wasmc_test_\\name",
    ".endr",
    "wasmc_test_begin:",
    "wasmc_test_add:",
    "ldp x9, x10, [x2]",
    "add x9, x9, x10",
    "str x9, [x2]",
    "ret",
    "wasmc_test_deep:",
    "ldr x9, [x2]",
    "ldr w0, [x2, #8]",
    ".irp n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29",
    "mov x\\n, xzr",
    ".endr",
    ".irp n, 8, 9, 10, 11, 12, 13, 14, 15",
    "movi d\\n, #0",
    ".endr",
    "2:",
    "sub sp, sp, #48",
    "subs x9, x9, #1",
    "b.mi 3f",
    "bl 2b",
    "3:",
    "bl {trap}",
    "wasmc_test_float_control:",
    "mrs x9, fpcr",
    "str x9, [x2]",
    "ldr w0, [x2, #8]",
    "cbnz w0, 4f",
    "ret",
    "4:",
    "bl {trap}",
    "wasmc_test_load:",
    "mov x11, sp",
    "sub x10, x11, #8",
    "ldr x9, [x2]",
    "mov sp, x10",
    "ldrb w9, [x9]",
    "mov sp, x11",
    "str x9, [x2]",
    "ret",
    "wasmc_test_call:",
    "stp x29, x30, [sp, #-16]!",
    "ldp x9, x0, [x2]",
    "mov x1, x2",
    "blr x9",
    "cbnz w0, 5f",
    "ldp x29, x30, [sp], #16",
    "ret",
    "5:",
    "bl {trap}",
    "wasmc_test_end:",
    ".popsection",
    trap = sym trap_stub,
);
