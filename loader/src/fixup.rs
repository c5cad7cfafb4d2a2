//! The one relocation loop, the same on every machine: a slot gets image base + offset, or the
//! address of a helper.

use crate::check::check_fixup;
use crate::code_memory::CodeMemory;
use crate::error::{Fault, LoadError, MemoryStep};
use crate::image::Image;
use crate::place::failed;
use wasmc_abi::Builtin;
use wasmc_abi::fixup::{Fixup, FixupTarget};
use wasmc_abi::image::Table;

/// Fills every pointer of an image that lies at `base`.
pub(crate) fn fix_up<M: CodeMemory>(
    image: &Image<'_>,
    base: usize,
    helpers: &[usize; Builtin::COUNT],
    memory: &mut M,
) -> Result<(), LoadError> {
    let pointer_len = pointer_len(image.header().pointer_bits);
    for (index, fixup) in (0..).zip(image.fixups().iter()) {
        let address = address(image, fixup, base, helpers);
        let address = address.map_err(|fault| LoadError::Record { table: Table::Fixups, index, fault })?;
        let pointer = (address as u64).to_le_bytes();
        let pointer = pointer.get(..pointer_len).unwrap_or_default();
        memory.write(fixup.slot, pointer).map_err(failed(MemoryStep::Write))?;
    }
    Ok(())
}

/// What a slot gets.
fn address(image: &Image<'_>, fixup: Fixup, base: usize, helpers: &[usize; Builtin::COUNT]) -> Result<usize, Fault> {
    // Once more, since a write follows: a mapped file that someone changes meanwhile must not make
    // it go astray.
    check_fixup(image, fixup)?;
    match fixup.decode() {
        FixupTarget::Image(offset) => Ok(base.wrapping_add(offset as usize)),
        FixupTarget::Helper(number) => helpers.get(number as usize).copied().ok_or(Fault::Helper),
    }
}

/// Width of a pointer, bytes.
pub(crate) fn pointer_len(pointer_bits: u32) -> usize {
    (pointer_bits / 8) as usize
}
