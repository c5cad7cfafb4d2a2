//! "Compiled code" written by hand for the tests of `trap.rs`, one file a machine: functions with the
//! convention of entry trampolines, between `wasmc_test_begin` and `wasmc_test_end`.
//!
//! Each machine's file has besides them what it takes to look at floating-point control:
//! `FLOAT_CONTROL_BITS`, those of them that the guest finds set, an odd setting that changes results,
//! and functions to read and write the register.

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(target_arch = "riscv64", path = "riscv64.rs")]
mod machine;

pub(crate) use machine::*;

macro_rules! functions {
    ($($(#[$meta:meta])* $name:ident $symbol:literal;)*) => {
        mod code {
            unsafe extern "C" { $( $(#[$meta])* #[link_name = $symbol] pub(super) fn $name(); )* }
        }

        $(
            $(#[$meta])*
            pub(crate) fn $name() -> *const u8 {
                code::$name as *const u8
            }
        )*
    };
}
functions! {
    /// values[0] += values[1]
    add "wasmc_test_add";
    /// Ruins every callee-saved register, goes values[0] frames deep and raises trap values[1].
    deep "wasmc_test_deep";
    /// values[0] = floating-point control, then trap values[1] unless that is 0.
    float_control "wasmc_test_float_control";
    /// values[0] = 0 / 0, an invalid operation, then trap values[1] unless that is 0.
    #[cfg(target_arch = "x86_64")]
    invalid "wasmc_test_invalid";
    /// values[0] = the byte at address values[0], with the stack out of alignment.
    load "wasmc_test_load";
    /// Calls values[0](values[1], values) and raises what it returns.
    call "wasmc_test_call";
}

unsafe extern "C" {
    static wasmc_test_begin: u8;
    static wasmc_test_end: u8;
}

/// Where the functions lie.
pub(crate) fn range() -> (usize, usize) {
    ((&raw const wasmc_test_begin) as usize, (&raw const wasmc_test_end) as usize)
}
