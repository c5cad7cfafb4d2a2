//! Boards of ARM's MPS2 family as qemu has them: start-up, SysTick as the clock, semihosting for output and the end.

use core::arch::global_asm;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};
use wasmc_runtime::bare;

use crate::semihosting;

/// SysTick's registers (ARMv7-M and ARMv8-M Architecture Reference Manuals, "SysTick").
const SYST_CSR: *mut u32 = 0xE000_E010 as *mut u32;
const SYST_RVR: *mut u32 = 0xE000_E014 as *mut u32;
const SYST_CVR: *mut u32 = 0xE000_E018 as *mut u32;
/// Interrupt Control and State: an exception waits.
const ICSR: *mut u32 = 0xE000_ED04 as *mut u32;
const PENDSTSET: u32 = 1 << 26;

/// SysTick counts the processor's clock: 25 MHz on the boards with Cortex-M4, 20 MHz on those with Cortex-M33.
const NANOSECONDS_A_COUNT: u32 = if cfg!(board_v8m) { 50 } else { 40 };
/// Counts from one interrupt to the next: a millisecond.
const PERIOD: u32 = 1_000_000 / NANOSECONDS_A_COUNT;

static MILLISECONDS: AtomicU32 = AtomicU32::new(0);
/// When to end the guest, in milliseconds; 0: never.
static DEADLINE: AtomicU32 = AtomicU32::new(0);

// The vector table, and from reset to `main`. The coprocessors 10 and 11 are the FPU, which code for hard floats
// needs; on Cortex-M33 interrupts leave its registers to the handler otherwise.
global_asm!(
    ".pushsection .vectors, \"a\", %progbits",
    ".word _stack_top",
    ".word reset",
    ".rept 13",
    ".word fault",
    ".endr",
    ".word tick",
    ".popsection",
    ".pushsection .text.reset, \"ax\", %progbits",
    ".syntax unified",
    ".thumb",
    ".thumb_func",
    ".type reset, %function",
    "reset:",
    "ldr r0, =_data_start",
    "ldr r1, =_data_end",
    "ldr r2, =_data_load",
    "2: cmp r0, r1",
    "itt lo",
    "ldrlo r3, [r2], #4",
    "strlo r3, [r0], #4",
    "blo 2b",
    "ldr r0, =_bss_start",
    "ldr r1, =_bss_end",
    "movs r3, #0",
    "3: cmp r0, r1",
    "it lo",
    "strlo r3, [r0], #4",
    "blo 3b",
    "ldr r0, =0xE000ED88",
    "ldr r1, [r0]",
    "orr r1, r1, #{FPU}",
    "str r1, [r0]",
    "dsb",
    "isb",
    "bl {start}",
    "udf #0",
    ".thumb_func",
    ".type tick, %function",
    // An exception has put eight registers of what it interrupted on the stack that this used.
    "tick:",
    "tst lr, #4",
    "ite eq",
    "mrseq r0, msp",
    "mrsne r0, psp",
    "b {on_tick}",
    ".thumb_func",
    ".type fault, %function",
    "fault:",
    "tst lr, #4",
    "ite eq",
    "mrseq r0, msp",
    "mrsne r0, psp",
    "b {on_fault}",
    ".popsection",
    FPU = const if cfg!(target_abi = "eabihf") { 0xF << 20 } else { 0 },
    start = sym start,
    on_tick = sym on_tick,
    on_fault = sym on_fault,
);

extern "C" fn start() -> ! {
    // SAFETY: the registers are there, and nobody else uses them.
    unsafe {
        SYST_RVR.write_volatile(PERIOD - 1);
        SYST_CVR.write_volatile(0);
        // The processor's clock, with interrupts, on.
        SYST_CSR.write_volatile(7);
    }
    crate::main()
}

/// What an exception puts on the stack.
#[repr(C)]
struct Frame {
    r0_to_r3: [u32; 4],
    r12: u32,
    lr: u32,
    pc: u32,
    xpsr: u32,
}

/// xPSR: progress in a block of conditional instructions, or in a multiple load or store.
const IT_AND_ICI: u32 = 0x0600_FC00;

/// Each millisecond.
extern "C" fn on_tick(frame: &mut Frame) {
    let now = MILLISECONDS.load(Ordering::Relaxed).wrapping_add(1);
    MILLISECONDS.store(now, Ordering::Relaxed);
    let deadline = DEADLINE.load(Ordering::Relaxed);
    if deadline == 0 || now < deadline {
        return;
    }
    if let Some(pc) = bare::stop(frame.pc as usize) {
        // Addresses of code have bit 0 set, program counters do not.
        frame.pc = pc as u32 & !1;
        frame.xpsr &= !IT_AND_ICI;
    }
    DEADLINE.store(0, Ordering::Relaxed);
}

extern "C" fn on_fault(frame: &mut Frame) -> ! {
    panic!("fault at {:#x}, called from {:#x}, {:x?} {:#x}", frame.pc, frame.lr, frame.r0_to_r3, frame.r12)
}

/// Has the guest that runs at `time` (as [`now`] counts, in whole milliseconds) end.
pub fn set_deadline(time: u64) {
    DEADLINE.store((time / 1_000_000) as u32, Ordering::Relaxed);
}

/// Nanoseconds since the start.
pub fn now() -> u64 {
    loop {
        let milliseconds = MILLISECONDS.load(Ordering::Relaxed);
        // SAFETY: reading changes nothing here.
        let (count, waiting) = unsafe { (SYST_CVR.read_volatile(), ICSR.read_volatile() & PENDSTSET != 0) };
        if milliseconds == MILLISECONDS.load(Ordering::Relaxed) && !waiting {
            // It counts down to 0, and from there to the interrupt no time passes.
            let counted = if count == 0 { 0 } else { PERIOD - count };
            return u64::from(milliseconds) * 1_000_000 + u64::from(counted * NANOSECONDS_A_COUNT);
        }
    }
}

/// Instructions since the start, to within a count: under `-icount shift=0` each takes a nanosecond.
pub fn instructions() -> u64 {
    now()
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
    const SYS_WRITEC: u32 = 3;
    for byte in bytes {
        // SAFETY: the operation reads the byte.
        unsafe { semihosting::call(SYS_WRITEC, ptr::from_ref(byte).expose_provenance()) };
    }
}

/// Ends the emulation.
pub fn exit(well: bool) -> ! {
    const SYS_EXIT: u32 = 0x18;
    const APPLICATION_EXIT: usize = 0x20026;
    const RUN_TIME_ERROR: usize = 0x20023;
    loop {
        // SAFETY: the operation takes a number.
        unsafe { semihosting::call(SYS_EXIT, if well { APPLICATION_EXIT } else { RUN_TIME_ERROR }) };
    }
}
