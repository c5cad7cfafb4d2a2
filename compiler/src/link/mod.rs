//! ELF objects → [`LinkedCode`]: machine code and its constants, laid out relative to one another,
//! every machine relocation resolved. What is left for the device are pointers in data.
//!
//! Positions here are *linked offsets*: distances from a start that the image writer chooses later,
//! at any multiple of the target's page length. Read `link` first, then `read`, `layout`, `relocate`.

mod aarch64;
mod arm;
mod layout;
mod machine;
mod read;
mod relocate;
mod resolve;
mod riscv;
mod sites;
mod thumb;
mod unwind;
mod veneers;
mod x86_64;

#[cfg(test)]
mod tests;

use crate::error::CompileError;
use crate::generate::Emitted;
use crate::optimize::Chains;
use crate::target::TargetRow;
use layout::Layout;
use machine::Machine;
use object::elf;
use relocate::{Relocated, Relocator};
use unwind::Frames;
use wasmc_abi::fixup::Fixup;
use wasmc_abi::image::UnwindRecord;
use wasmc_abi::sites::Site;
use wasmc_abi::target::{Arch, FloatAbi};

/// Machine code and its constants. All positions are linked offsets.
#[derive(Debug, Default)]
pub struct LinkedCode {
    /// Constants, never written.
    pub rodata: Segment,
    /// Machine code; starts at a multiple of the page length, behind the constants.
    pub text: Segment,
    /// The helper table and constants with pointers in them; starts at a multiple of the page length,
    /// behind the code.
    pub relocated: Segment,
    /// Pointers to fill in `relocated`, ascending.
    pub fixups: Vec<Fixup>,
    /// Functions, trampolines and stubs in `text`, ascending.
    pub symbols: Vec<Symbol>,
    /// Where code came from, ascending.
    pub sites: Sites,
    /// Frame sizes, ascending.
    pub unwind: Vec<UnwindRecord>,
    /// Room that a call of any function may take on the stack, bytes.
    pub max_frame: u32,
    /// What fills space behind the code: an instruction that faults.
    pub fill: &'static [u8],
    /// Where instructions begin in `text` and where data does, ascending; empty where it is all code.
    pub mappings: Vec<(u32, Mapping)>,
    /// What the code needs of a machine, in the architecture's own words, for tools.
    pub attributes: Option<Attributes>,
    /// The same in ELF's header: `e_flags`.
    pub elf_flags: u32,
}

/// What a piece of the code is, for disassemblers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mapping {
    /// Instructions.
    Code,
    /// Constants.
    Data,
}

/// A section of attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Its name.
    pub name: String,
    /// Its ELF type.
    pub sh_type: u32,
    /// Its contents.
    pub bytes: Vec<u8>,
}

/// Bytes that are loaded with one kind of access.
#[derive(Debug, Default)]
pub struct Segment {
    /// Where they start.
    pub offset: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A piece of machine code with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// As in `translate::symbols`, or LLVM's, or that of the routine to which a stub jumps.
    pub name: String,
    /// Where it starts.
    pub offset: u32,
    /// Length, bytes.
    pub len: u32,
}

/// Which parts of the code came from where in the module.
#[derive(Debug, Default)]
pub struct Sites {
    rows: Vec<sites::Row>,
    chains: Chains,
}

impl Sites {
    /// The sites, at linked offsets. Where code belongs to none, one with Wasm offset 0 stands.
    pub fn iter(&self) -> impl Iterator<Item = Site> {
        self.rows.iter().map(|row| {
            let chain = row.chain().map_or(&[0][..], |index| self.chains.get(index));
            Site::new(row.offset, chain)
        })
    }
}

/// Links the objects of one module for `target`.
pub fn link(emitted: &[Emitted], target: &TargetRow) -> Result<LinkedCode, CompileError> {
    let machine = &Machine::of(target);
    let objects = &read::objects(emitted.iter().map(|e| &e.bytes), machine)?[..];
    let layout = &Layout::new(objects, machine)?;
    let symbols = layout.symbols(objects, machine);
    check_order(&symbols, machine)?;
    let linker = Relocator { objects, layout, machine };
    let Relocated { rodata, text, relocated, fixups } = linker.relocate()?;
    let frames = Frames::new(&linker, &symbols)?;
    let (rows, chains) = sites::rows(&linker, &symbols, emitted)?;
    let (unwind, max_frame) = (frames.records(&rows, machine, &symbols)?, frames.max_frame());
    let sites = Sites { rows: sites::needed(&rows, &symbols), chains };
    let (fill, mappings) = (machine.code.fill, layout.mappings(objects));
    let attributes = objects.first().and_then(|object| object.attributes.clone());
    let elf_flags = objects.first().map_or(0, |object| object.elf_flags) | float_flags(target);
    Ok(LinkedCode {
        rodata,
        text,
        relocated,
        fixups,
        symbols,
        sites,
        unwind,
        max_frame,
        fill,
        mappings,
        attributes,
        elf_flags,
    })
}

/// What objects do not say yet: where floats travel in calls (ELF for the Arm Architecture, "ELF header").
fn float_flags(target: &TargetRow) -> u32 {
    match (target.arch, target.float_abi) {
        (Arch::Arm, FloatAbi::Hard) => elf::EF_ARM_ABI_FLOAT_HARD,
        (Arch::Arm, FloatAbi::Soft) => elf::EF_ARM_ABI_FLOAT_SOFT,
        // RISC-V's objects do, and the others have one kind of calls only.
        _ => 0,
    }
}

/// The order of functions in the code is that of their indices, so that both can be searched.
fn check_order(symbols: &[Symbol], machine: &Machine) -> Result<(), CompileError> {
    let functions = symbols.iter().filter_map(|s| Some((function_index(&s.name)?, s)));
    let mut last: Option<(u32, &Symbol)> = None;
    for (index, symbol) in functions {
        if let Some((_, before)) = last.filter(|(before, _)| *before >= index) {
            let message = format!(
                "function `{}` comes behind `{}`; functions that LLVM puts in another order need sections of their own",
                symbol.name, before.name
            );
            return Err(machine.error(message));
        }
        last = Some((index, symbol));
    }
    Ok(())
}

/// The index of the Wasm function that a symbol names: `f12` is function 12. The clones that LLVM
/// makes (`f12.specialized.1`) are functions of their own.
pub fn function_index(symbol: &str) -> Option<u32> {
    let digits = symbol.strip_prefix('f')?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    plain.then(|| digits.parse().ok())?
}

/// The name of the symbol that covers a linked offset, for messages.
fn symbol_at(symbols: &[Symbol], offset: u32) -> &str {
    let after = symbols.partition_point(|s| s.offset <= offset);
    after.checked_sub(1).map_or("code without a symbol", |i| &symbols[i].name)
}
