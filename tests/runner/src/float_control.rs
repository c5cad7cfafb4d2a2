//! The host's floating-point control register, set to something that guests must never see: rounding up, and
//! flushing subnormals to zero where the machine can.

/// Calls `call` with the register set oddly; also says whether it still was afterwards.
pub fn oddly<T>(call: impl FnOnce() -> T) -> (T, bool) {
    let usual = get();
    let odd = usual | ODD;
    set(odd);
    let result = call();
    let after = get();
    set(usual);
    (result, after & MASK == odd & MASK)
}

/// MXCSR: flush to zero, round up, denormals are zero.
#[cfg(target_arch = "x86_64")]
const ODD: usize = 1 << 15 | 2 << 13 | 1 << 6;
/// All but the sticky flags.
#[cfg(target_arch = "x86_64")]
const MASK: usize = 0xFFC0;

#[cfg(target_arch = "x86_64")]
fn get() -> usize {
    let mut value = 0_u32;
    // SAFETY: stores four bytes to a variable of that size; SSE is part of the architecture.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut value, options(nostack)) };
    value as usize
}

#[cfg(target_arch = "x86_64")]
fn set(value: usize) {
    let value = value as u32;
    // SAFETY: the exceptions stay masked, and `oddly` restores the former value before Rust computes with floats.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &value, options(nostack, readonly)) };
}

/// FPCR and FPSCR: default NaN, flush to zero, round up.
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
const ODD: usize = 1 << 25 | 1 << 24 | 1 << 22;
/// These, and the other bit of the rounding mode.
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
const MASK: usize = 0xF << 22;

#[cfg(target_arch = "aarch64")]
fn get() -> usize {
    let value: usize;
    // SAFETY: reads a register that every program may read.
    unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) value, options(nomem, nostack)) };
    value
}

#[cfg(target_arch = "aarch64")]
fn set(value: usize) {
    // SAFETY: no exception is enabled, and `oddly` restores the former value before Rust computes with floats.
    unsafe { std::arch::asm!("msr fpcr, {}", in(reg) value, options(nomem, nostack)) };
}

#[cfg(target_arch = "arm")]
fn get() -> usize {
    let value: usize;
    // SAFETY: reads a register that every program on a machine with VFP may read.
    unsafe { std::arch::asm!("vmrs {}, fpscr", out(reg) value, options(nomem, nostack)) };
    value
}

#[cfg(target_arch = "arm")]
fn set(value: usize) {
    // SAFETY: no exception is enabled, and `oddly` restores the former value before Rust computes with floats.
    unsafe { std::arch::asm!("vmsr fpscr, {}", in(reg) value, options(nomem, nostack)) };
}

/// `frm`: round up. There is no flushing.
#[cfg(target_arch = "riscv64")]
const ODD: usize = 3;
#[cfg(target_arch = "riscv64")]
const MASK: usize = 7;

#[cfg(target_arch = "riscv64")]
fn get() -> usize {
    let value: usize;
    // SAFETY: reads a register that every program on a machine with floats may read.
    unsafe { std::arch::asm!("frrm {}", out(reg) value, options(nomem, nostack)) };
    value
}

#[cfg(target_arch = "riscv64")]
fn set(value: usize) {
    // SAFETY: the mode is a valid one, and `oddly` restores the former one before Rust computes with floats.
    unsafe { std::arch::asm!("fsrm {}", in(reg) value, options(nomem, nostack)) };
}
