//! Image offsets of everything.

use super::memory::Memory;
use super::{FILE_LIMIT, elf, too_large};
use crate::error::CompileError;
use crate::link::{LinkedCode, Segment};
use crate::options::Options;
use std::ops::Range;

/// Alignment of the metadata block.
const METADATA_ALIGN: u64 = 8;

/// Image offsets of the parts, which lie in this order; empty ones are anywhere.
#[derive(Debug, Default)]
pub struct Layout {
    pub metadata: Range<u32>,
    pub memory: Range<u32>,
    pub rodata: Range<u32>,
    pub text: Range<u32>,
    pub relocated: Range<u32>,
    /// What to add to a linked offset.
    pub base: u32,
    /// Length of the part that is loaded.
    pub image_len: u32,
}

impl Layout {
    pub fn new(
        code: &LinkedCode,
        memory: &Memory<'_>,
        metadata_len: usize,
        options: &Options,
    ) -> Result<Layout, CompileError> {
        let page_len = u64::from(options.target.row.page_len);
        let metadata_start = elf::headers_len(options).next_multiple_of(METADATA_ALIGN);
        let metadata_end = metadata_start + metadata_len as u64;
        let memory_start = metadata_end.next_multiple_of(memory.align);
        let memory_end = memory_start + memory.len;
        // The constants end where the code starts, at a whole page: so the code is placed by them.
        let constants_len = u64::from(code.text.offset - code.rodata.offset);
        let text_start = (memory_end + constants_len).next_multiple_of(page_len);
        let end = text_start + u64::from(code.relocated.offset - code.text.offset) + code.relocated.bytes.len() as u64;
        if end > FILE_LIMIT {
            return Err(too_large("the length of the image, in bytes,", end));
        }
        let base = text_start as u32 - code.text.offset;
        let mut layout = Layout {
            metadata: metadata_start as u32..metadata_end as u32,
            memory: memory_start as u32..memory_end as u32,
            rodata: place(&code.rodata, base),
            text: place(&code.text, base),
            relocated: place(&code.relocated, base),
            base,
            image_len: 0,
        };
        layout.image_len = layout.image_end(page_len as u32);
        layout.check(page_len as u32, code);
        Ok(layout)
    }

    /// End of the read-only segment, which starts at 0.
    pub fn readonly_end(&self) -> u32 {
        if self.rodata.is_empty() { self.memory.end } else { self.rodata.end }
    }

    fn image_end(&self, page_len: u32) -> u32 {
        match (self.relocated.is_empty(), self.text.is_empty()) {
            (false, _) => self.relocated.end,
            // What lies in the last page of the code is loaded with it.
            (true, false) => self.text.end.next_multiple_of(page_len),
            (true, true) => self.readonly_end(),
        }
    }

    /// The loader checks the same.
    fn check(&self, page_len: u32, code: &LinkedCode) {
        let parts = [&self.metadata, &self.memory, &self.rodata, &self.text, &self.relocated];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        assert!(parts.is_sorted_by_key(|part| part.start), "parts ascend: {self:?}");
        assert!(parts.windows(2).all(|pair| pair[0].end <= pair[1].start), "parts are disjoint: {self:?}");
        assert!(self.image_len >= parts.last().map_or(0, |part| part.end), "the image has all parts: {self:?}");
        assert_eq!(self.base % page_len, 0, "linked code is moved by whole pages");
        for part in [&self.text, &self.relocated].into_iter().filter(|part| !part.is_empty()) {
            assert_eq!(part.start % page_len, 0, "segments start at a whole page: {self:?}");
        }
        assert!(code.fixups.is_sorted_by_key(|f| f.slot), "fixups ascend");
        assert!(code.symbols.is_sorted_by_key(|s| s.offset), "symbols ascend");
        assert!(code.unwind.is_sorted_by_key(|u| u.code_offset), "frame sizes ascend");
    }
}

fn place(segment: &Segment, base: u32) -> Range<u32> {
    let start = base + segment.offset;
    start..start + segment.bytes.len() as u32
}
