//! Tables about positions: frame sizes, sites, and the pointers to fill.

use super::module::code;
use super::{each, ensure};
use crate::error::{Fault, LoadError};
use crate::fixup::pointer_len;
use crate::image::Image;
use wasmc_abi::Builtin;
use wasmc_abi::fixup::{Fixup, FixupTarget};
use wasmc_abi::image::Table;

/// Checks all of them. The stream of sites is not decoded: its reader takes any bytes.
pub(super) fn check(image: &Image<'_>) -> Result<(), LoadError> {
    check_unwind(image)?;
    check_site_index(image)?;
    check_fixups(image)
}

fn check_unwind(image: &Image<'_>) -> Result<(), LoadError> {
    let mut least = 0;
    each(Table::Unwind, image.unwind_rows(), |_, row| {
        ensure(row.code_offset >= least, Fault::Order)?;
        least = row.code_offset.saturating_add(1);
        ensure(code(image).contains(row.code_offset, 1), Fault::CodeRange)
    })
}

fn check_site_index(image: &Image<'_>) -> Result<(), LoadError> {
    let stream_len = image.table_bytes(Table::SiteStream).len();
    // Sites may share a code position, their bytes not.
    let (mut code_offset, mut stream_offset) = (0, 0);
    each(Table::SiteIndex, image.site_index(), |_, group| {
        ensure(group.code_offset >= code_offset && group.stream_offset >= stream_offset, Fault::Order)?;
        ensure(code(image).contains(group.code_offset, 1), Fault::CodeRange)?;
        ensure((group.stream_offset as usize) < stream_len, Fault::StreamRange)?;
        (code_offset, stream_offset) = (group.code_offset, group.stream_offset.saturating_add(1));
        Ok(())
    })
}

/// Ascending and aligned: no two slots share a byte.
fn check_fixups(image: &Image<'_>) -> Result<(), LoadError> {
    let mut least = 0;
    each(Table::Fixups, image.fixups(), |_, fixup| {
        ensure(fixup.slot >= least, Fault::Order)?;
        least = fixup.slot.saturating_add(1);
        check_fixup(image, fixup)
    })
}

/// A pointer-sized slot in the writable segment, and something to point to.
pub(crate) fn check_fixup(image: &Image<'_>, fixup: Fixup) -> Result<(), Fault> {
    let [_, _, relocated] = image.segments();
    let pointer_len = pointer_len(image.header().pointer_bits) as u32;
    ensure(fixup.slot.is_multiple_of(pointer_len), Fault::SlotAlignment)?;
    ensure(relocated.contains(fixup.slot, pointer_len), Fault::SlotRange)?;
    match fixup.decode() {
        // A pointer to the end is as good as one inside: code compares with it.
        FixupTarget::Image(offset) => ensure(offset <= image.header().image_len, Fault::Target),
        FixupTarget::Helper(number) => ensure((number as usize) < Builtin::COUNT, Fault::Helper),
    }
}
