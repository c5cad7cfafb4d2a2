//! The program headers: at most three segments, in file order, where they belong, never writable and
//! executable.

use super::header::{self, File};
use crate::code_memory::{Access, Segment};
use crate::elf::{PF_R, PF_W, PF_X, PT_INFORMATIVE, PT_LOAD, ProgramHeader};
use crate::error::{HeaderFault, LoadError, SegmentFault};
use crate::image::{Image, Layout, Segments};
use wasmc_abi::image::PT_METADATA;

/// The segments of an image.
#[inline(never)]
pub(super) fn check(file: &File, image: &mut Image<'_>) -> Result<(), LoadError> {
    for (index, row) in (0..).zip(header::program_headers(file.class, &file.elf, image.bytes())) {
        let checked = match row.kind {
            PT_LOAD => take(image.layout_mut(), &row),
            PT_METADATA => linked(&row),
            kind if PT_INFORMATIVE.contains(&kind) => Ok(()),
            _ => Err(SegmentFault::Kind),
        };
        checked.map_err(|fault| LoadError::Segment { index, fault })?;
    }
    check_contents(file, image.layout())
}

impl Segments {
    /// Image offset of the end of the last one.
    fn end(&self) -> u32 {
        self.readonly.end().max(self.code.end()).max(self.relocated.end())
    }
}

/// Enters one loadable segment.
fn take(layout: &mut Layout, row: &ProgramHeader) -> Result<(), SegmentFault> {
    let Layout { header, segments, .. } = layout;
    linked(row)?;
    let access = access(row.flags)?;
    let (offset, len) = (row.offset, row.file_len);
    if offset.saturating_add(len) > header.image_len {
        return Err(SegmentFault::Range);
    }
    if !offset.is_multiple_of(header.page_len) {
        return Err(SegmentFault::Alignment);
    }
    // The read-only segment comes first and starts with the ELF header.
    let is_first = segments.end() == 0;
    if is_first != (access == Access::Read) || (is_first && offset != 0) {
        return Err(SegmentFault::Order);
    }
    if offset < segments.end() {
        return Err(SegmentFault::Overlap);
    }
    let place = match access {
        Access::Read => &mut segments.readonly,
        Access::Execute if segments.relocated.len == 0 => &mut segments.code,
        Access::Execute => return Err(SegmentFault::Order),
        Access::Relocated => &mut segments.relocated,
    };
    if place.len != 0 {
        return Err(SegmentFault::Order);
    }
    *place = Segment { offset, len, access };
    Ok(())
}

/// File layout equals memory layout.
fn linked(row: &ProgramHeader) -> Result<(), SegmentFault> {
    let same = row.offset == row.address && row.file_len == row.memory_len;
    if same { Ok(()) } else { Err(SegmentFault::NotLinked) }
}

fn access(flags: u32) -> Result<Access, SegmentFault> {
    const R: u32 = PF_R;
    const RX: u32 = PF_R | PF_X;
    const RW: u32 = PF_R | PF_W;
    match flags {
        R => Ok(Access::Read),
        RX => Ok(Access::Execute),
        RW => Ok(Access::Relocated),
        _ => Err(SegmentFault::Access),
    }
}

/// What the headers say to be inside the segments.
fn check_contents(file: &File, layout: &Layout) -> Result<(), LoadError> {
    let Layout { header, segments, .. } = layout;
    if !segments.readonly.contains(file.metadata.offset, file.metadata.len) {
        return Err(LoadError::Header(HeaderFault::Metadata));
    }
    let (start, len) = (header.code_offset, header.code_len);
    if len != 0 && !segments.code.contains(start, len) {
        return Err(LoadError::Header(HeaderFault::CodeRange));
    }
    Ok(())
}
