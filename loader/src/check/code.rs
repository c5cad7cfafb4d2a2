//! Tables about positions: frame sizes, sites, and the pointers to fill.

use super::{Checks, ensure, module};
use crate::error::Fault;
use crate::fixup::pointer_len;
use crate::image::Image;
use wasmc_abi::Builtin;
use wasmc_abi::fixup::{Fixup, FixupTarget};
use wasmc_abi::image::{Table, UnwindRecord};
use wasmc_abi::sites::SiteIndexRecord;

impl Checks<'_> {
    /// Checks all of them. The stream of sites is not decoded: its reader takes any bytes.
    pub(super) fn code(&mut self) -> Result<(), Fault> {
        self.unwind()?;
        self.site_index()?;
        self.fixups()
    }

    fn unwind(&mut self) -> Result<(), Fault> {
        let mut least = 0;
        self.each(Table::Unwind, |checks, row: UnwindRecord| {
            ensure(row.code_offset >= least, Fault::Order)?;
            least = row.code_offset.saturating_add(1);
            ensure(module::code(checks.image).contains(row.code_offset, 1), Fault::CodeRange)
        })
    }

    fn site_index(&mut self) -> Result<(), Fault> {
        let stream_len = self.image.table_bytes(Table::SiteStream).len();
        // Sites may share a code position, their bytes not.
        let (mut code_offset, mut stream_offset) = (0, 0);
        self.each(Table::SiteIndex, |checks, group: SiteIndexRecord| {
            ensure(group.code_offset >= code_offset && group.stream_offset >= stream_offset, Fault::Order)?;
            ensure(module::code(checks.image).contains(group.code_offset, 1), Fault::CodeRange)?;
            ensure((group.stream_offset as usize) < stream_len, Fault::StreamRange)?;
            (code_offset, stream_offset) = (group.code_offset, group.stream_offset.saturating_add(1));
            Ok(())
        })
    }

    /// Ascending and aligned: no two slots share a byte.
    fn fixups(&mut self) -> Result<(), Fault> {
        let mut least = 0;
        self.each(Table::Fixups, |checks, fixup: Fixup| {
            ensure(fixup.slot >= least, Fault::Order)?;
            least = fixup.slot.saturating_add(1);
            check_fixup(checks.image, fixup)
        })
    }
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
