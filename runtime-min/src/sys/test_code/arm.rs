//! The tests' code for ARM.

use crate::sys::trap_stub;
use std::arch::{asm, global_asm};

pub(crate) const FLOAT_CONTROL_BITS: u64 = 0x07FF_FF00;
pub(crate) const GUESTS_FLOAT_CONTROL: u64 = 0;
pub(crate) const FLUSH_AND_ROUND_UP: u64 = 1 << 24 | 1 << 22;

pub(crate) fn hosts_float_control() -> u64 {
    let value: u32;
    // SAFETY: reads one register.
    unsafe { asm!("vmrs {}, fpscr", out(reg) value, options(nomem, nostack)) };
    value.into()
}

pub(crate) fn set_hosts_float_control(value: u64) {
    // SAFETY: exceptions stay masked; the tests do no arithmetic in between.
    unsafe { asm!("vmsr fpscr, {}", in(reg) value as u32, options(nomem, nostack)) };
}

// In T32, to begin with: what Rust's own code is not on this target.
global_asm!(
    ".pushsection .text.wasmc_test, \"ax\", %progbits",
    ".syntax unified",
    ".p2align 2",
    ".thumb",
    ".irp name, begin, end, add, deep, float_control, load, call",
    ".globl wasmc_test_\\name",
    ".hidden wasmc_test_\\name",
    ".endr",
    "wasmc_test_begin:",
    ".thumb_func",
    "wasmc_test_add:",
    "ldr r0, [r2]",
    "ldr r1, [r2, #8]",
    "adds r0, r0, r1",
    "str r0, [r2]",
    "ldr r0, [r2, #4]",
    "ldr r1, [r2, #12]",
    "adcs r0, r0, r1",
    "str r0, [r2, #4]",
    "bx lr",
    ".thumb_func",
    "wasmc_test_float_control:",
    "vmrs r0, fpscr",
    "str r0, [r2]",
    "ldr r0, [r2, #8]",
    "cbnz r0, 4f",
    "bx lr",
    "4:",
    "bl {trap}",
    // The access stands in a block of conditional instructions.
    ".thumb_func",
    "wasmc_test_load:",
    "push {{r4}}",
    "ldr r0, [r2]",
    "movs r1, #0",
    "itttt eq",
    "moveq r3, r0",
    "ldrbeq r0, [r0]",
    "streq r0, [r2]",
    "moveq r3, r3",
    "str r1, [r2, #4]",
    "pop {{r4}}",
    "bx lr",
    ".p2align 2",
    ".arm",
    ".type wasmc_test_deep, %function",
    "wasmc_test_deep:",
    "ldr r1, [r2]",
    "ldr r0, [r2, #8]",
    ".irp n, 4, 5, 6, 7, 8, 9, 10, 11",
    "mov r\\n, #0",
    ".endr",
    "vmov d8, r4, r4",
    ".irp n, 9, 10, 11, 12, 13, 14, 15",
    "vmov.f64 d\\n, d8",
    ".endr",
    "2:",
    "sub sp, sp, #44",
    "subs r1, r1, #1",
    "bmi 3f",
    "bl 2b",
    "3:",
    "bl {trap}",
    ".type wasmc_test_call, %function",
    "wasmc_test_call:",
    "push {{r4, lr}}",
    "ldr r12, [r2]",
    "ldr r0, [r2, #8]",
    "mov r1, r2",
    "blx r12",
    "cmp r0, #0",
    "bne 5f",
    "pop {{r4, pc}}",
    "5:",
    "bl {trap}",
    "wasmc_test_end:",
    ".popsection",
    trap = sym trap_stub,
);
