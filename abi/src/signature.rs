//! The calling conventions.
//!
//! **Guest functions.** LLVM `fastcc` with the vmctx pointer first (in the `swiftself` register
//! where the target has one), then the Wasm parameters whose slots are among the first [`MAX_DIRECT_SLOTS`]. Results
//! of up to [`MAX_RESULT_SLOTS`] slots come back in registers. A vector is one of LLVM's (`<2 x i64>`) on x86-64 and
//! AArch64, two `i64` elsewhere, whatever features the CPU has. With more of either, or with results that
//! are longer than [`max_result_words`], the second argument is a pointer to an area in the
//! caller's frame, one slot ([`slot_count`] × 8 bytes) after another, as in `values` below: parameters
//! beyond those passed directly lie in their slots, results are written from the first slot on.
//!
//! **Functions that make tail calls** have a second entry, for tail calls of them, in the *tail convention*: `fastcc`,
//! the vmctx as an ordinary argument, the pointer to the results' area if there is one, and [`tail_words`] integers as
//! wide as a pointer. So all functions with the same results have one LLVM type and everything is in registers, which is what LLVM's `musttail`
//! needs on every target. Parameters lie in the words as bits, the low word of a wider one first, as long as they fit;
//! from the first on that does not, they lie in their slots at [`TAIL_PARAMS`](crate::vmctx::TAIL_PARAMS) in the
//! *callee's* vmctx block, and the callee reads them before it does anything else. Words that nothing was put in, and
//! the upper halves of narrower values, are anything.
//!
//! **Entry trampolines** (host to guest), one per signature, C convention:
//! `void entry(void *vmctx, void *code, uint64_t *values)`. Arguments are read from `values`, then
//! results are written over them, one slot after another. An `i32` or `f32` takes the low four
//! bytes of its slot; the rest is ignored by readers.
//!
//! **Host thunks** (guest to host), one per signature, guest convention; the vmctx argument is the
//! address of a [`host record`](crate::vmctx::host_record). The thunk calls
//! `uint32_t callback(void *host_record, uint64_t *results, parameters...)` with the C convention, where
//! parameters that are not passed directly lie in `results` as in an area, and a vector is passed as the address
//! of its two slots, which are there during the call;
//! a status other than 0 is raised as that trap.

use crate::target::Arch;
use crate::types::ValType;

/// How many 8-byte slots a value of this type takes.
pub const fn slot_count(ty: ValType) -> usize {
    match ty {
        ValType::V128 => 2,
        _ => 1,
    }
}

/// The most slots of parameters that a guest function is called with directly. More would make frames so large
/// that LLVM keeps a frame pointer on AArch64.
pub const MAX_DIRECT_SLOTS: usize = 20;

/// The most slots of results that a guest function returns in registers.
pub const MAX_RESULT_SLOTS: usize = 2;

/// The most words of 32 bits that they have. The C convention of 32-bit RISC-V returns no more than two: LLVM would
/// return what is longer through a hidden pointer, which no tail call can pass on.
pub const fn max_result_words(arch: Arch, pointer_bits: u32) -> usize {
    match (arch, pointer_bits) {
        (Arch::Riscv, 32) => 2,
        // What as many slots hold.
        _ => 2 * MAX_RESULT_SLOTS,
    }
}

/// Words of 32 bits that a value of a type has.
pub const fn word_count(ty: ValType) -> usize {
    match ty {
        ValType::I32 | ValType::F32 => 1,
        ValType::I64 | ValType::F64 | ValType::FuncRef | ValType::ExternRef | ValType::Ref(_) => 2,
        ValType::V128 => 4,
    }
}

/// How many words of parameters a tail call passes in registers. With the vmctx and the pointer to an area they take
/// the registers in which the C convention passes integers.
pub const fn tail_words(arch: Arch) -> usize {
    match arch {
        Arch::X86_64 => 4,
        Arch::Aarch64 | Arch::Riscv => 6,
        Arch::Arm => 2,
    }
}
