//! The program headers: at most three segments, in file order, where they belong, never writable and
//! executable.

use super::{Check, Refused};
use crate::code_memory::{Access, Segment};
use crate::elf::{PF_R, PF_W, PF_X, PT_INFORMATIVE, PT_LOAD, ProgramHeader};
use crate::error::{HeaderFault, LoadError, SegmentFault};
use crate::image::{Layout, Segments};
use wasmc_abi::image::PT_METADATA;

impl Check<'_, '_> {
    /// The segments of the image, and what the headers say to be inside them.
    pub(super) fn segments(&mut self) -> Result<(), Refused> {
        let mut index = 0;
        while let Some(row) = self.program_header(index) {
            let checked = match row.kind {
                PT_LOAD => take(self.image.layout_mut(), &row),
                PT_METADATA => linked(&row),
                kind if PT_INFORMATIVE.contains(&kind) => Ok(()),
                _ => Err(SegmentFault::Kind),
            };
            if let Err(fault) = checked {
                return self.refuse(LoadError::Segment { index, fault });
            }
            index = index.saturating_add(1);
        }
        let Layout { header, segments, .. } = self.image.layout();
        let fault = if !segments.readonly.contains(self.metadata.offset, self.metadata.len) {
            HeaderFault::Metadata
        } else if header.code_len != 0 && !segments.code.contains(header.code_offset, header.code_len) {
            HeaderFault::CodeRange
        } else {
            return Ok(());
        };
        self.refuse(LoadError::Header(fault))
    }
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
    const R: u32 = PF_R;
    const RX: u32 = PF_R | PF_X;
    const RW: u32 = PF_R | PF_W;
    let end = segments.end();
    // The read-only segment comes first and starts with the ELF header; each comes once, and before those behind it.
    let (access, place, in_order) = match row.flags {
        R => (Access::Read, &mut segments.readonly, end == 0 && row.offset == 0),
        RX => (Access::Execute, &mut segments.code, end != 0 && segments.relocated.len == 0),
        RW => (Access::Relocated, &mut segments.relocated, end != 0),
        _ => return Err(SegmentFault::Access),
    };
    let (offset, len) = (row.offset, row.file_len);
    let fault = if offset.saturating_add(len) > header.image_len {
        SegmentFault::Range
    } else if !offset.is_multiple_of(header.page_len) {
        SegmentFault::Alignment
    } else if !in_order {
        SegmentFault::Order
    } else if offset < end {
        SegmentFault::Overlap
    } else if place.len != 0 {
        SegmentFault::Order
    } else {
        *place = Segment { offset, len, access };
        return Ok(());
    };
    Err(fault)
}

/// File layout equals memory layout.
fn linked(row: &ProgramHeader) -> Result<(), SegmentFault> {
    let same = row.offset == row.address && row.file_len == row.memory_len;
    if same { Ok(()) } else { Err(SegmentFault::NotLinked) }
}
