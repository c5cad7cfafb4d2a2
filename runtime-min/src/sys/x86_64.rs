//! Entering compiled code and leaving it, on x86-64 with the System V convention.
//!
//! `enter` notes where the stack stands and calls an entry trampoline. A trap puts the stack back there and
//! goes on where the trampoline returns to, with a status: what lies between is compiled
//! code without destructors. Rust frames never lie between, because a host function's shim returns
//! a status to its thunk before that raises the trap.
//!
//! `enter` is inline, since the caller then saves only those of the registers that it needs.

use crate::activation::{Activation, record_trap};
use core::arch::{asm, global_asm};

/// The control register for floating-point arithmetic as guests have it.
const GUESTS_MXCSR: u32 = 0x1F80;

// MXCSR, the control bits: denormals-are-zero (6), exception masks (7 to 12), rounding (13, 14),
// flush-to-zero (15). Wasm wants 0x1F80: all masked, to nearest, no flushing. The sticky exception
// flags (0 to 5) are nobody's business here. Reading MXCSR takes longer than the rest of a call, so
// sums are formed that come out otherwise under any other rounding or with flushing; only if they do it is
// read, and written. What the sums do not tell is whether exceptions are masked: where they are not,
// one that is raised comes as a signal, whose handler does the same (`fault::mask_exceptions`).

/// Calls `trampoline(vmctx, code, values)`: see `sys::enter`.
///
/// # Safety
/// As there.
#[inline(always)]
pub(crate) unsafe fn enter(
    vmctx: *mut u8,
    code: *const u8,
    values: *mut u64,
    trampoline: *const u8,
    activation: *mut u8,
) -> u32 {
    let status: u32;
    // SAFETY: by the caller's promise. The trampoline follows the convention of C, so that r12 still is 0 when it
    // returns; after a trap it is the number, and the other registers are whatever the guest had in them.
    unsafe {
        asm!(
            "push rbp",
            "push rbx",
            // The host's MXCSR, and the guest's, which is 0 as long as the host's is good enough.
            "push 0",
            "sub rsp, 8",
            "mov [r8 + {SAVED_SP}], rsp",
            "movaps xmm0, [rip + {SUMS}]",
            "addps xmm0, [rip + {SUMS} + 16]",
            "pcmpeqd xmm0, [rip + {SUMS} + 32]",
            "movmskps eax, xmm0",
            "cmp eax, 15",
            "jne 3f",
            "2:",
            "call rcx",
            "cmp dword ptr [rsp + 12], 0",
            "jne 4f",
            "5:",
            "add rsp, 16",
            "pop rbx",
            "pop rbp",
            ".pushsection .text.unlikely.wasmc_float_control, \"ax\", @progbits",
            "3:",
            "stmxcsr [rsp + 8]",
            "mov dword ptr [rsp + 12], {GUESTS_MXCSR}",
            "ldmxcsr [rsp + 12]",
            "jmp 2b",
            "4:",
            "ldmxcsr [rsp + 8]",
            "jmp 5b",
            ".popsection",
            SAVED_SP = const Activation::SAVED_SP,
            GUESTS_MXCSR = const GUESTS_MXCSR,
            SUMS = sym SUMS,
            inout("r12") 0u32 => status,
            in("rdi") vmctx,
            in("rsi") code,
            in("rdx") values,
            in("rcx") trampoline,
            in("r8") activation,
            out("r13") _,
            out("r14") _,
            out("r15") _,
            clobber_abi("C"),
        );
    }
    status
}

/// Numbers, what is added to each, and the sums. To nearest, 3/4 of the distance to the next number is rounded up and
/// 1/4 down, on either side of zero; and a sum of subnormals is one, if none of them is taken for zero or flushed.
#[repr(C, align(16))]
struct Sums([[u32; 4]; 3]);

static SUMS: Sums = Sums([
    [0x3F80_0000, 0x3F80_0000, 0xBF80_0000, 1],
    [0x33C0_0000, 0x3300_0000, 0xB300_0000, 1],
    [0x3F80_0001, 0x3F80_0000, 0xBF80_0000, 2],
]);

global_asm!(
    ".pushsection .text.wasmc_leave, \"ax\", @progbits",
    ".p2align 4",
    // Builtin `trap`: called by compiled code with the code in edi.
    ".globl wasmc_runtime_trap",
    ".hidden wasmc_runtime_trap",
    ".type wasmc_runtime_trap, @function",
    "wasmc_runtime_trap:",
    // A return address names the instruction after the call, which may belong to something else.
    "mov rsi, [rsp]",
    "dec rsi",
    "lea rdx, [rsp + 8]",
    // Return addresses are on the stack, in no register.
    "xor ecx, ecx",
    // Where a faulting access is made to continue: edi code, rsi pc, rdx sp.
    ".globl wasmc_runtime_landing",
    ".hidden wasmc_runtime_landing",
    "wasmc_runtime_landing:",
    "cld",
    "and rsp, -16",
    "push 0",
    "push rdi",
    "call {record}",
    "mov r12d, [rsp]",
    // To where the trampoline would return, rax being the saved sp.
    "mov rcx, [rax - 8]",
    "mov rsp, rax",
    "jmp rcx",
    ".size wasmc_runtime_trap, . - wasmc_runtime_trap",
    ".popsection",
    record = sym record_trap,
);

/// An address close to the stack pointer.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: reads one register.
    unsafe { asm!("mov {}, rsp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}

/// Whether the OS names a feature of this CPU: nothing is left to ask, the loader has asked the CPU.
#[cfg(feature = "std")]
pub(crate) fn has_feature(_: &str) -> bool {
    false
}

/// How the signal handler sees the registers of what it interrupted.
#[cfg(feature = "std")]
pub(crate) mod fault {
    use super::GUESTS_MXCSR;

    /// Makes the interrupted code continue with all floating-point exceptions masked, and the `enter` with the stack
    /// pointer `saved_sp` put the host's masks back when it ends. Whether it can.
    pub(crate) fn mask_exceptions(context: &mut libc::ucontext_t, saved_sp: usize) -> bool {
        // Of the kernel's `sigcontext` the pointer to the saved registers, and MXCSR among those (`fxregs_state`). Not
        // every C library names them.
        const STATE: usize = 23;
        const MXCSR: usize = 24;
        // SAFETY: the kernel's layout, which never changes; null or the address of what it puts back when the handler
        // returns.
        let state = unsafe { (&raw const context.uc_mcontext).cast::<*mut u8>().add(STATE).read() };
        if state.is_null() {
            return false;
        }
        // SAFETY: as above; and at `saved_sp` `enter` has two words for this, and waits.
        unsafe {
            let mxcsr = state.add(MXCSR).cast::<u32>();
            let saved = std::ptr::with_exposed_provenance_mut::<[u32; 2]>(saved_sp + 8);
            if (*saved)[1] == 0 {
                *saved = [*mxcsr, GUESTS_MXCSR];
            }
            *mxcsr = GUESTS_MXCSR;
        }
        true
    }

    /// Program counter and stack pointer.
    pub(crate) fn registers(context: &libc::ucontext_t) -> (usize, usize) {
        let registers = &context.uc_mcontext.gregs;
        (registers[libc::REG_RIP as usize] as usize, registers[libc::REG_RSP as usize] as usize)
    }

    /// Makes the interrupted code continue as if it had trapped with `code` where it stands.
    pub(crate) fn redirect(context: &mut libc::ucontext_t, code: u32) {
        let (pc, sp) = registers(context);
        let registers = &mut context.uc_mcontext.gregs;
        let mut set = |register: libc::c_int, value: usize| registers[register as usize] = value as i64;
        set(libc::REG_RDI, code as usize);
        set(libc::REG_RSI, pc);
        set(libc::REG_RDX, sp);
        set(libc::REG_RCX, 0);
        set(libc::REG_RIP, super::super::landing as *const () as usize);
    }
}
