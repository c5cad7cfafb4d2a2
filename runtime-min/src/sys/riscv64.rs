//! Entering compiled code and leaving it, on 64-bit RISC-V with hard floats (psABI, LP64D).
//!
//! See `x86_64.rs` for how a call ends by a trap; the shape is the same. A call leaves its return
//! address in a register, so a trap hands over what was there: a function that calls nothing may not
//! have stored its own.

use crate::activation::{Activation, record_trap};
#[cfg(feature = "std")]
use crate::sys::unix;
use core::arch::{asm, global_asm};

// The rounding mode, frm, is all there is of floating-point control; Wasm wants 0, to nearest. Written
// only if the host's is another.
global_asm!(
    ".pushsection .text.wasmc_enter, \"ax\", %progbits",
    // The assembler does not take the target's features to be those of a module's own assembly.
    ".option push",
    ".option arch, +d",
    ".p2align 2",
    ".globl wasmc_runtime_enter",
    ".hidden wasmc_runtime_enter",
    ".type wasmc_runtime_enter, %function",
    // enter(a0 vmctx, a1 code, a2 values, a3 trampoline, a4 activation) -> a0 status
    "wasmc_runtime_enter:",
    ".cfi_startproc",
    "addi sp, sp, -208",
    ".cfi_def_cfa_offset 208",
    "sd ra, 200(sp)",
    "sd s0, 192(sp)",
    "sd s1, 184(sp)",
    "sd s2, 176(sp)",
    "sd s3, 168(sp)",
    "sd s4, 160(sp)",
    "sd s5, 152(sp)",
    "sd s6, 144(sp)",
    "sd s7, 136(sp)",
    "sd s8, 128(sp)",
    "sd s9, 120(sp)",
    "sd s10, 112(sp)",
    "sd s11, 104(sp)",
    ".cfi_offset ra, -8",
    ".cfi_offset s0, -16",
    ".cfi_offset s1, -24",
    ".cfi_offset s2, -32",
    ".cfi_offset s3, -40",
    ".cfi_offset s4, -48",
    ".cfi_offset s5, -56",
    ".cfi_offset s6, -64",
    ".cfi_offset s7, -72",
    ".cfi_offset s8, -80",
    ".cfi_offset s9, -88",
    ".cfi_offset s10, -96",
    ".cfi_offset s11, -104",
    "addi s0, sp, 208",
    ".cfi_def_cfa s0, 0",
    "fsd fs0, 96(sp)",
    "fsd fs1, 88(sp)",
    "fsd fs2, 80(sp)",
    "fsd fs3, 72(sp)",
    "fsd fs4, 64(sp)",
    "fsd fs5, 56(sp)",
    "fsd fs6, 48(sp)",
    "fsd fs7, 40(sp)",
    "fsd fs8, 32(sp)",
    "fsd fs9, 24(sp)",
    "fsd fs10, 16(sp)",
    "fsd fs11, 8(sp)",
    ".cfi_offset fs0, -112",
    ".cfi_offset fs1, -120",
    ".cfi_offset fs2, -128",
    ".cfi_offset fs3, -136",
    ".cfi_offset fs4, -144",
    ".cfi_offset fs5, -152",
    ".cfi_offset fs6, -160",
    ".cfi_offset fs7, -168",
    ".cfi_offset fs8, -176",
    ".cfi_offset fs9, -184",
    ".cfi_offset fs10, -192",
    ".cfi_offset fs11, -200",
    "frrm t0",
    "sd t0, 0(sp)",
    "sd sp, {SAVED_SP}(a4)",
    "bnez t0, 3f",
    "2:",
    "jalr a3",
    "li a0, 0",
    "4:",
    "ld t0, 0(sp)",
    "bnez t0, 5f",
    "6:",
    "fld fs0, 96(sp)",
    "fld fs1, 88(sp)",
    "fld fs2, 80(sp)",
    "fld fs3, 72(sp)",
    "fld fs4, 64(sp)",
    "fld fs5, 56(sp)",
    "fld fs6, 48(sp)",
    "fld fs7, 40(sp)",
    "fld fs8, 32(sp)",
    "fld fs9, 24(sp)",
    "fld fs10, 16(sp)",
    "fld fs11, 8(sp)",
    "ld s11, 104(sp)",
    "ld s10, 112(sp)",
    "ld s9, 120(sp)",
    "ld s8, 128(sp)",
    "ld s7, 136(sp)",
    "ld s6, 144(sp)",
    "ld s5, 152(sp)",
    "ld s4, 160(sp)",
    "ld s3, 168(sp)",
    "ld s2, 176(sp)",
    "ld s1, 184(sp)",
    "ld s0, 192(sp)",
    "ld ra, 200(sp)",
    "addi sp, sp, 208",
    ".cfi_remember_state",
    ".cfi_def_cfa sp, 0",
    "ret",
    ".cfi_restore_state",
    "3:",
    "fsrm zero",
    "j 2b",
    "5:",
    "fsrm t0",
    "j 6b",
    ".cfi_endproc",
    ".size wasmc_runtime_enter, . - wasmc_runtime_enter",
    "",
    // Builtin `trap`: called by compiled code with the code in a0.
    ".globl wasmc_runtime_trap",
    ".hidden wasmc_runtime_trap",
    ".type wasmc_runtime_trap, %function",
    "wasmc_runtime_trap:",
    // A return address names the instruction after the call, which may belong to something else.
    "addi a1, ra, -1",
    "mv a2, sp",
    "li a3, 0",
    // Where a faulting access is made to continue: a0 code, a1 pc, a2 sp, a3 return address.
    ".globl wasmc_runtime_landing",
    ".hidden wasmc_runtime_landing",
    "wasmc_runtime_landing:",
    "andi sp, a2, -16",
    "addi sp, sp, -16",
    "sd a0, 0(sp)",
    "call {record}",
    "lw t1, 0(sp)",
    // leave(a0 saved sp, t1 status)
    "mv sp, a0",
    "addi s0, sp, 208",
    "mv a0, t1",
    "j 4b",
    ".size wasmc_runtime_trap, . - wasmc_runtime_trap",
    ".option pop",
    ".popsection",
    SAVED_SP = const Activation::SAVED_SP,
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

/// Whether the OS names a feature of this CPU, by LLVM's name for it: extensions of one letter as Linux always did,
/// others since 6.4 (Documentation/arch/riscv/hwprobe.rst).
#[cfg(feature = "std")]
pub(crate) fn has_feature(name: &str) -> bool {
    let bit = match name {
        "zba" => 3,
        "zbb" => 4,
        "zbs" => 5,
        "zfa" => 32,
        "zicond" => 35,
        "zcb" => 44,
        _ => {
            let [letter @ b'a'..=b'z'] = *name.as_bytes() else { return false };
            return unix::capabilities(libc::AT_HWCAP) >> (letter - b'a') & 1 == 1;
        }
    };
    unix::riscv_extensions() >> bit & 1 == 1
}

/// How the signal handler sees the registers of what it interrupted.
#[cfg(feature = "std")]
pub(crate) mod fault {
    // Places in the kernel's `user_regs_struct` (arch/riscv/include/uapi/asm/ptrace.h): each register at its number,
    // the program counter in place of `zero`. The crate `libc` names them for glibc only.
    const REG_PC: usize = 0;
    const REG_RA: usize = 1;
    const REG_SP: usize = 2;
    const REG_A0: usize = 10;

    /// Program counter and stack pointer.
    pub(crate) fn registers(context: &libc::ucontext_t) -> (usize, usize) {
        let registers = &context.uc_mcontext.__gregs;
        (registers[REG_PC] as usize, registers[REG_SP] as usize)
    }

    /// Makes the interrupted code continue as if it had trapped with `code` where it stands.
    pub(crate) fn redirect(context: &mut libc::ucontext_t, code: u32) {
        let registers = &mut context.uc_mcontext.__gregs;
        registers[REG_A0] = code.into();
        registers[REG_A0 + 1] = registers[REG_PC];
        registers[REG_A0 + 2] = registers[REG_SP];
        registers[REG_A0 + 3] = registers[REG_RA];
        registers[REG_PC] = super::super::landing as *const () as libc::c_ulong;
    }
}
