//! qemu's board `virt`: start-up, the machine timer as the clock, a serial port for output, and the device that ends
//! the emulation.

use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicU32, Ordering};
use wasmc_runtime::bare;

/// The timer of the core-local interrupter, 10 MHz: the time, and when to interrupt.
const MTIME: *mut u32 = 0x0200_BFF8 as *mut u32;
const MTIMECMP: *mut u32 = 0x0200_4000 as *mut u32;
const NANOSECONDS_A_COUNT: u64 = 100;
/// Counts from one interrupt to the next: a millisecond.
const PERIOD: u64 = 10_000;

/// The serial port (16550): where to write a byte.
const SERIAL: *mut u8 = 0x1000_0000 as *mut u8;
/// The device that ends the emulation: what to write.
const FINISHER: *mut u32 = 0x0010_0000 as *mut u32;
const PASS: u32 = 0x5555;
const FAIL: u32 = 0x1_3333;

/// When to end the guest, in milliseconds; 0: never.
static DEADLINE: AtomicU32 = AtomicU32::new(0);

/// Whether code uses the FPU, whose registers interrupts have to save then.
const FPU: usize = if cfg!(target_feature = "f") { 1 } else { 0 };

// From reset to `main`, and interrupts: what the C convention lets a function change is saved.
global_asm!(
    ".pushsection .reset, \"ax\", %progbits",
    ".option push",
    ".if {FPU}",
    ".option arch, +f",
    ".endif",
    ".option arch, +zicsr",
    ".globl _start",
    "_start:",
    "la sp, _stack_top",
    "la t0, _data_start",
    "la t1, _data_end",
    "la t2, _data_load",
    "2: bgeu t0, t1, 3f",
    "lw t3, 0(t2)",
    "sw t3, 0(t0)",
    "addi t0, t0, 4",
    "addi t2, t2, 4",
    "j 2b",
    "3: la t0, _bss_start",
    "la t1, _bss_end",
    "4: bgeu t0, t1, 5f",
    "sw zero, 0(t0)",
    "addi t0, t0, 4",
    "j 4b",
    "5:",
    ".if {FPU}",
    // mstatus: the FPU is on.
    "li t0, 1 << 13",
    "csrs mstatus, t0",
    "fscsr zero",
    ".endif",
    "la t0, trap",
    "csrw mtvec, t0",
    "call {start}",
    "j .",
    ".p2align 2",
    "trap:",
    "addi sp, sp, -160",
    "sw ra, 0(sp)",
    "sw t0, 4(sp)",
    "sw t1, 8(sp)",
    "sw t2, 12(sp)",
    "sw t3, 16(sp)",
    "sw t4, 20(sp)",
    "sw t5, 24(sp)",
    "sw t6, 28(sp)",
    "sw a0, 32(sp)",
    "sw a1, 36(sp)",
    "sw a2, 40(sp)",
    "sw a3, 44(sp)",
    "sw a4, 48(sp)",
    "sw a5, 52(sp)",
    "sw a6, 56(sp)",
    "sw a7, 60(sp)",
    ".if {FPU}",
    "fsw ft0, 64(sp)",
    "fsw ft1, 68(sp)",
    "fsw ft2, 72(sp)",
    "fsw ft3, 76(sp)",
    "fsw ft4, 80(sp)",
    "fsw ft5, 84(sp)",
    "fsw ft6, 88(sp)",
    "fsw ft7, 92(sp)",
    "fsw ft8, 96(sp)",
    "fsw ft9, 100(sp)",
    "fsw ft10, 104(sp)",
    "fsw ft11, 108(sp)",
    "fsw fa0, 112(sp)",
    "fsw fa1, 116(sp)",
    "fsw fa2, 120(sp)",
    "fsw fa3, 124(sp)",
    "fsw fa4, 128(sp)",
    "fsw fa5, 132(sp)",
    "fsw fa6, 136(sp)",
    "fsw fa7, 140(sp)",
    "frcsr t0",
    "sw t0, 144(sp)",
    ".endif",
    "csrr a0, mcause",
    "csrr a1, mepc",
    "call {on_trap}",
    "csrw mepc, a0",
    ".if {FPU}",
    "lw t0, 144(sp)",
    "fscsr t0",
    "flw ft0, 64(sp)",
    "flw ft1, 68(sp)",
    "flw ft2, 72(sp)",
    "flw ft3, 76(sp)",
    "flw ft4, 80(sp)",
    "flw ft5, 84(sp)",
    "flw ft6, 88(sp)",
    "flw ft7, 92(sp)",
    "flw ft8, 96(sp)",
    "flw ft9, 100(sp)",
    "flw ft10, 104(sp)",
    "flw ft11, 108(sp)",
    "flw fa0, 112(sp)",
    "flw fa1, 116(sp)",
    "flw fa2, 120(sp)",
    "flw fa3, 124(sp)",
    "flw fa4, 128(sp)",
    "flw fa5, 132(sp)",
    "flw fa6, 136(sp)",
    "flw fa7, 140(sp)",
    ".endif",
    "lw ra, 0(sp)",
    "lw t0, 4(sp)",
    "lw t1, 8(sp)",
    "lw t2, 12(sp)",
    "lw t3, 16(sp)",
    "lw t4, 20(sp)",
    "lw t5, 24(sp)",
    "lw t6, 28(sp)",
    "lw a0, 32(sp)",
    "lw a1, 36(sp)",
    "lw a2, 40(sp)",
    "lw a3, 44(sp)",
    "lw a4, 48(sp)",
    "lw a5, 52(sp)",
    "lw a6, 56(sp)",
    "lw a7, 60(sp)",
    "addi sp, sp, 160",
    "mret",
    ".option pop",
    ".popsection",
    FPU = const FPU,
    start = sym start,
    on_trap = sym on_trap,
);

extern "C" fn start() -> ! {
    wait_for_next();
    // SAFETY: the machine timer's interrupt (mie), then interrupts as such (mstatus): `trap` is ready for them.
    unsafe { asm!("csrs mie, {}", "csrsi mstatus, 8", in(reg) 1 << 7) };
    crate::main()
}

/// Time in counts of the timer.
fn counts() -> u64 {
    loop {
        // SAFETY: reading changes nothing.
        let (high, low, again) =
            unsafe { (MTIME.add(1).read_volatile(), MTIME.read_volatile(), MTIME.add(1).read_volatile()) };
        if high == again {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

/// Sets the timer for the next interrupt.
fn wait_for_next() {
    let next = counts() + PERIOD;
    // SAFETY: nobody else uses the timer. In this order it is never too early in between.
    unsafe {
        MTIMECMP.add(1).write_volatile(u32::MAX);
        MTIMECMP.write_volatile(next as u32);
        MTIMECMP.add(1).write_volatile((next >> 32) as u32);
    }
}

/// Each millisecond, and when something is wrong. Returns where to continue.
extern "C" fn on_trap(cause: u32, pc: usize) -> usize {
    const TIMER_INTERRUPT: u32 = 1 << 31 | 7;
    if cause != TIMER_INTERRUPT {
        panic!("exception {cause} at {pc:#x}");
    }
    wait_for_next();
    let deadline = DEADLINE.load(Ordering::Relaxed);
    if deadline == 0 || (now() / 1_000_000) < deadline.into() {
        return pc;
    }
    DEADLINE.store(0, Ordering::Relaxed);
    bare::stop(pc).unwrap_or(pc)
}

/// Has the guest that runs at `time` (as [`now`] counts, in whole milliseconds) end.
pub fn set_deadline(time: u64) {
    DEADLINE.store((time / 1_000_000) as u32, Ordering::Relaxed);
}

/// Nanoseconds since the start.
pub fn now() -> u64 {
    counts() * NANOSECONDS_A_COUNT
}

/// Instructions since the start.
pub fn instructions() -> u64 {
    let (mut high, mut low, mut again): (u32, u32, u32);
    loop {
        // SAFETY: reads counters.
        unsafe {
            asm!("csrr {}, minstreth", "csrr {}, minstret", "csrr {}, minstreth", out(reg) high, out(reg) low, out(reg) again)
        };
        if high == again {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

/// The lowest address of the stack.
pub fn stack_lowest() -> usize {
    unsafe extern "C" {
        static _stack_lowest: u8;
    }
    (&raw const _stack_lowest).addr()
}

/// Writes to the output.
pub fn write(bytes: &[u8]) {
    for byte in bytes {
        // SAFETY: the port is there, and in qemu always ready.
        unsafe { SERIAL.write_volatile(*byte) };
    }
}

/// Ends the emulation.
pub fn exit(well: bool) -> ! {
    loop {
        // SAFETY: the device is there.
        unsafe { FINISHER.write_volatile(if well { PASS } else { FAIL }) };
    }
}
