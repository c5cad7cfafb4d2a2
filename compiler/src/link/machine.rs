//! What the link step has to know about a machine: one constant per architecture, in its own file.

use super::x86_64;
use crate::error::CompileError;
use crate::target::TargetRow;
use std::ops::RangeInclusive;
use wasmc_abi::target::Arch;

/// A machine, for a target.
pub struct Machine {
    pub arch: Arch,
    /// Width of a pointer, bytes.
    pub pointer_len: u32,
    /// What parts with different access are aligned to, bytes.
    pub page_len: u32,
    pub code: &'static Code,
}

/// How code of an architecture looks.
pub struct Code {
    /// ELF relocation number → what to compute, where, how wide; the frequent ones first.
    pub relocations: &'static [Relocation],
    /// Makes of the instruction that loads a symbol's address from a slot one that computes it, so
    /// that the field at `field` is relative to the symbol. False if it is another instruction.
    pub relax_slot_load: fn(code: &mut [u8], field: usize) -> bool,
    /// A stub at `place` that jumps to where the pointer at `slot` says.
    pub stub: fn(place: u32, slot: u32) -> Vec<u8>,
    /// Length of a stub, with what it is aligned to; bytes.
    pub stub_len: u32,
    /// What fills space between pieces of code: an instruction that faults.
    pub fill: u8,
    /// The longest text in which every branch reaches, bytes.
    pub text_limit: u64,
    /// DWARF's number of the stack pointer.
    pub stack_pointer: gimli::Register,
    /// Canonical frame address − stack pointer where a function is entered, bytes.
    pub entry_cfa_offset: u32,
}

/// A row of a machine's relocation table.
#[derive(Debug)]
pub struct Relocation {
    /// ELF's number.
    pub number: u32,
    /// The psABI's name.
    pub name: &'static str,
    /// What to compute.
    pub value: Value,
    /// Where to put it.
    pub field: &'static Field,
}

/// What a relocation computes. S: where the symbol is; A: the addend; P: where the field is;
/// G: where the slot is that holds the symbol's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// S + A as a whole address: left to the loader.
    Pointer,
    /// S + A in a field that no address fits in: code that has to be in a fixed place.
    Absolute,
    /// S + A − P.
    Relative,
    /// G + A − P, or S + A − P if the instruction can do without the slot.
    Slot,
}

/// Where a relocation's value goes.
#[derive(Debug)]
pub struct Field {
    /// Bytes that it touches.
    pub len: usize,
    /// Values that it can hold.
    pub range: RangeInclusive<i64>,
    /// Puts a value of the range into the `len` bytes.
    pub write: fn(&mut [u8], i64),
}

impl Machine {
    pub fn of(target: &TargetRow) -> Result<Machine, CompileError> {
        let code = match target.arch {
            Arch::X86_64 => &x86_64::CODE,
            Arch::Arm | Arch::Aarch64 | Arch::Riscv => {
                let message = "there is no table of relocations for this architecture".into();
                return Err(CompileError::Link { arch: target.arch, message });
            }
        };
        let pointer_len = target.pointer_bits / 8;
        Ok(Machine { arch: target.arch, pointer_len, page_len: target.page_len, code })
    }

    pub fn relocation(&self, number: u32) -> Option<&'static Relocation> {
        self.code.relocations.iter().find(|row| row.number == number)
    }

    pub fn error(&self, message: impl Into<String>) -> CompileError {
        CompileError::Link { arch: self.arch, message: message.into() }
    }
}
