//! What the link step has to know about a machine: one constant per architecture and instruction set
//! state, in the architecture's own file.

use super::{aarch64, arm, riscv, thumb, x86_64};
use crate::error::CompileError;
use crate::target::{Os, TargetRow};
use std::ops::RangeInclusive;
use wasmc_abi::Frame;
use wasmc_abi::target::{Arch, IsaState};

/// A machine, for a target.
pub struct Machine {
    pub arch: Arch,
    /// Width of a pointer, bytes.
    pub pointer_len: u32,
    /// What parts with different access are aligned to, bytes.
    pub page_len: u32,
    /// Whether images may have pointers for the loader to fill.
    pub has_relocated: bool,
    /// What pointers to code have in addition: 1 for T32.
    pub code_pointer_bit: u32,
    pub code: &'static Code,
}

/// How code of an architecture looks.
pub struct Code {
    /// ELF relocation number → what to compute, where, how wide; the frequent ones first.
    pub relocations: &'static [Relocation],
    /// Makes of the instruction that loads a symbol's address from a slot one that computes it, so
    /// that the field at `field` is relative to the symbol. False if it is another instruction.
    /// Machines without it get the slot.
    pub relax_slot_load: Option<fn(code: &mut [u8], field: usize) -> bool>,
    /// A stub that jumps to where the pointer at a slot says.
    pub stub: Jump,
    /// A veneer that jumps to a place which branches do not reach, if there are such branches.
    pub veneer: Option<Veneer>,
    /// What fills space between pieces of code: an instruction that faults.
    pub fill: &'static [u8],
    /// DWARF's number of the stack pointer.
    pub stack_pointer: gimli::Register,
    /// DWARF's number of the return address.
    pub return_address: gimli::Register,
    /// The frame where a function is entered.
    pub entry_frame: Frame,
}

/// A piece of code that jumps elsewhere.
pub struct Jump {
    /// Its length, with what it is aligned to; bytes.
    pub len: u32,
    /// The code at `place`, which jumps to `to` or, in a stub, to where the slot `to` says.
    pub code: fn(place: u32, to: u32) -> Vec<u8>,
}

/// What makes good that a branch does not reach.
pub struct Veneer {
    pub jump: Jump,
    /// How far ahead of a branch the address is to which its field is relative, if the addend has to
    /// make good for that; bytes.
    pub branch_bias: i64,
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

/// What a relocation computes. S: where the symbol is, or in place of it the slot that holds its
/// address ([`Base`]); A: the addend; P: where the field is; Page: without the low 12 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// S + A as a whole address: left to the loader.
    Pointer,
    /// S + A in a field that no address fits in: code that has to be in a fixed place.
    Absolute,
    /// S + A − P.
    Relative(Base),
    /// S + A − P, in a branch: a veneer makes good what it does not reach.
    Branch,
    /// Page(S + A) − Page(P).
    Page(Base),
    /// (S + A) − Page(S + A).
    InPage(Base),
    /// What the relocation of the field at S computes: the other half of its value.
    Paired,
    /// S + A, a term of a difference of two places; another relocation of the field is the other.
    Term,
}

/// What S stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Where the symbol is.
    Symbol,
    /// Where the slot is that holds the symbol's address.
    Slot,
}

/// Where a relocation's value goes.
#[derive(Debug)]
pub struct Field {
    /// Bytes that it touches, at least.
    pub len: usize,
    /// Values that it can hold.
    pub range: RangeInclusive<i64>,
    /// What they are multiples of.
    pub multiple: i64,
    /// Puts a value of the range into the field, from whose start on it gets the section.
    pub write: fn(&mut [u8], i64),
    /// The addend in the field, where relocations have none of their own (gABI, `SHT_REL`).
    pub addend: Option<fn(&[u8]) -> i64>,
}

impl Machine {
    pub fn of(target: &TargetRow) -> Machine {
        Machine {
            arch: target.arch,
            pointer_len: target.pointer_bits / 8,
            page_len: target.page_len,
            has_relocated: target.os == Os::Linux,
            code_pointer_bit: (target.isa_state == IsaState::Thumb).into(),
            code: match (target.arch, target.isa_state, target.pointer_bits) {
                (Arch::X86_64, ..) => &x86_64::CODE,
                (Arch::Aarch64, ..) => &aarch64::CODE,
                (Arch::Arm, IsaState::Default, _) => &arm::CODE,
                (Arch::Arm, IsaState::Thumb, _) => &thumb::CODE,
                (Arch::Riscv, _, 32) => &riscv::CODE_32,
                (Arch::Riscv, ..) => &riscv::CODE_64,
            },
        }
    }

    pub fn relocation(&self, number: u32) -> Option<&'static Relocation> {
        self.code.relocations.iter().find(|row| row.number == number)
    }

    pub fn error(&self, message: impl Into<String>) -> CompileError {
        CompileError::Link { arch: self.arch, message: message.into() }
    }
}

impl Value {
    /// Whether the value needs a slot that holds the symbol's address.
    pub fn is_of_slot(self) -> bool {
        matches!(self, Value::Relative(Base::Slot) | Value::Page(Base::Slot) | Value::InPage(Base::Slot))
    }
}

/// A row of a table.
pub const fn row(
    number: object::elf::RelocationType,
    name: &'static str,
    value: Value,
    field: &'static Field,
) -> Relocation {
    Relocation { number: number.0, name, value, field }
}

/// S + A − P and the like, of symbols.
pub const RELATIVE: Value = Value::Relative(Base::Symbol);

/// Fields of data that several machines have.
pub static SIGNED_16: Field = Field { range: i16::MIN as i64..=u16::MAX as i64, ..data(2, write_16) };
pub static SIGNED_32: Field = Field { range: i32::MIN as i64..=i32::MAX as i64, ..data(4, write_32) };
pub static UNSIGNED_32: Field = Field { range: 0..=u32::MAX as i64, ..data(4, write_32) };
pub static WORD_64: Field = data(8, write_64);

/// A field of whole bytes.
pub const fn data(len: usize, write: fn(&mut [u8], i64)) -> Field {
    Field { len, range: i64::MIN..=i64::MAX, multiple: 1, write, addend: None }
}

/// A field in an instruction, for values of `bits` bits, with sign, that are multiples of `multiple`.
pub const fn code(len: usize, bits: u32, multiple: i64, write: fn(&mut [u8], i64)) -> Field {
    let end = 1 << (bits - 1);
    Field { len, range: -end..=end - multiple, multiple, write, addend: None }
}

fn write_16(field: &mut [u8], value: i64) {
    field[..2].copy_from_slice(&(value as u16).to_le_bytes());
}

pub fn write_32(field: &mut [u8], value: i64) {
    field[..4].copy_from_slice(&(value as u32).to_le_bytes());
}

pub fn write_64(field: &mut [u8], value: i64) {
    field[..8].copy_from_slice(&value.to_le_bytes());
}

/// The 32 bits at the start of a field.
pub fn word(field: &[u8]) -> u32 {
    u32::from_le_bytes([field[0], field[1], field[2], field[3]])
}

/// Replaces the bits of `mask` in the 32 bits at the start of a field.
pub fn insert(field: &mut [u8], mask: u32, bits: u32) {
    let word = word(field) & !mask | bits & mask;
    field[..4].copy_from_slice(&word.to_le_bytes());
}

/// Instructions of 32 bits each.
pub fn words<const COUNT: usize>(words: [u32; COUNT]) -> Vec<u8> {
    words.map(u32::to_le_bytes).concat()
}

/// Replaces the bits of `mask` in the 16 bits at the start of a field.
pub fn insert_16(field: &mut [u8], mask: u16, bits: u16) {
    let half = u16::from_le_bytes([field[0], field[1]]) & !mask | bits & mask;
    field[..2].copy_from_slice(&half.to_le_bytes());
}
