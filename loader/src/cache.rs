//! Instruction cache maintenance after machine code was written, one function per machine.

/// Makes the `len` bytes of code that were written at `address` visible to instruction fetches of
/// this thread and of threads that start later. They must be readable by now.
///
/// x86-64: nothing to do, caches are coherent and the code was never fetched before (Intel SDM,
/// "Self-Modifying Code").
#[cfg(target_arch = "x86_64")]
pub(crate) fn synchronize(_address: usize, _len: usize) {}

/// AArch64: clean the data cache to the point of unification, then invalidate the instruction cache
/// there (Arm ARM, "Ordering and completion of data and instruction cache instructions").
#[cfg(target_arch = "aarch64")]
pub(crate) fn synchronize(address: usize, len: usize) {
    use core::arch::asm;
    let cache_type: usize;
    // SAFETY: reads an identification register, which operating systems let programs do.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) cache_type, options(nomem, nostack, preserves_flags)) };
    // The smallest lines of each cache, as a power of two of 4-byte words.
    let data_line = 4 << ((cache_type >> 16) & 15);
    let instruction_line = 4 << (cache_type & 15);
    for line in lines(address, len, data_line) {
        // SAFETY: cleaning a readable line changes no value.
        unsafe { asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags)) };
    }
    // SAFETY: a barrier.
    unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
    for line in lines(address, len, instruction_line) {
        // SAFETY: invalidating an instruction cache line changes no value.
        unsafe { asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags)) };
    }
    // SAFETY: barriers.
    unsafe { asm!("dsb ish", "isb", options(nostack, preserves_flags)) };
}

/// Addresses of the cache lines that a range touches. `line` is a power of two.
#[cfg(target_arch = "aarch64")]
fn lines(address: usize, len: usize, line: usize) -> impl Iterator<Item = usize> {
    let first = address & !line.wrapping_sub(1);
    (first..address.wrapping_add(len)).step_by(line)
}

/// ARM with Linux: programs may not maintain caches themselves; the kernel has a call for it
/// (`cacheflush` of the ARM-private range, arch/arm/kernel/traps.c).
#[cfg(all(target_arch = "arm", not(target_os = "none")))]
pub(crate) fn synchronize(address: usize, len: usize) {
    // r7 holds the call's number, but may be Rust's frame pointer: it is saved around.
    // SAFETY: the call only maintains caches, of memory that belongs to this process.
    unsafe {
        core::arch::asm!(
            "mov {saved}, r7",
            "mov r7, {number}",
            "svc #0",
            "mov r7, {saved}",
            saved = out(reg) _,
            number = in(reg) 0x000F_0002,
            inlateout("r0") address => _,
            in("r1") address.wrapping_add(len),
            in("r2") 0,
            options(nostack),
        )
    };
}

/// Cortex-M: without caches (M0 to M4, M33) barriers suffice: stores are complete, and the pipeline
/// starts anew. The caches of a Cortex-M7 are the embedder's to maintain, who knows whether they are
/// on and which memory they cover.
#[cfg(all(target_arch = "arm", target_os = "none"))]
pub(crate) fn synchronize(_address: usize, _len: usize) {
    // SAFETY: barriers.
    unsafe { core::arch::asm!("dsb", "isb", options(nostack, preserves_flags)) };
}

/// RISC-V with Linux: a thread may move to another hart, so the kernel has to see to all of them
/// (`riscv_flush_icache`, Linux Documentation/arch/riscv/uabi.rst and cmodx.rst).
#[cfg(all(any(target_arch = "riscv32", target_arch = "riscv64"), not(target_os = "none")))]
pub(crate) fn synchronize(address: usize, len: usize) {
    // SAFETY: the call only maintains caches, of memory that belongs to this process.
    unsafe {
        core::arch::asm!(
            "ecall",
            in("a7") 259,
            inlateout("a0") address => _,
            in("a1") address.wrapping_add(len),
            in("a2") 0,
            options(nostack),
        )
    };
}

/// RISC-V without an OS: this hart's fetches see its stores (unprivileged ISA, Zifencei). Firmware
/// that starts code on another hart executes `fence.i` there.
#[cfg(all(any(target_arch = "riscv32", target_arch = "riscv64"), target_os = "none"))]
pub(crate) fn synchronize(_address: usize, _len: usize) {
    // SAFETY: a barrier.
    unsafe { core::arch::asm!("fence.i", options(nostack)) };
}
