//! What tables and memories start with: element segments, data segments, memory runs. Tables about positions: sites,
//! and the pointers to fill.

use super::module::number;
use super::records::{I32, I64, Words};
use super::rules::at;
use super::{Check, ensure};
use crate::error::Fault;
use crate::fixup::pointer_len;
use crate::image::Image;
use wasmc_abi::Builtin;
use wasmc_abi::fixup::{Fixup, FixupTarget};
use wasmc_abi::image::{
    DataRecord, ElementItem, ElementRecord, ITEM_GLOBAL, InitKind, MemoryRecord, MemoryRun, NONE, SegmentMode, Table,
    TableRecord, limits,
};
use wasmc_abi::sites::SiteIndexRecord;
use wasmc_abi::types::TypeClass;
use wasmc_abi::vmctx::PAGE_LEN;

const ACTIVE: u32 = SegmentMode::Active as u32;

/// Place of the operand of an active segment's offset.
const OFFSET: usize = at!(ElementRecord.offset);
const _: () = assert!(at!(DataRecord.offset) == OFFSET);

impl Check<'_, '_> {
    /// Checks a record of one of the tables above. Active segments may still lie outside their table or memory: that
    /// is found out when the module is instantiated, since the sizes of imports and values of globals are known then.
    /// The stream of sites is not decoded: its reader takes any bytes.
    #[inline(always)]
    pub(super) fn contents(&mut self, table: Table, words: &Words) -> Result<(), Fault> {
        match table {
            Table::Elements => self.element(words),
            Table::Data => self.data(words),
            Table::MemoryRuns => self.memory_run(words),
            Table::SiteIndex => {
                let stream_len = self.count(Table::SiteStream);
                ensure(words[at!(SiteIndexRecord.stream_offset)] < stream_len, Fault::StreamRange)
            }
            Table::Fixups => {
                check_fixup(&self.image, Fixup { slot: words[at!(Fixup.slot)], target: words[at!(Fixup.target)] })
            }
            _ => Ok(()),
        }
    }

    fn element(&mut self, words: &Words) -> Result<(), Fault> {
        let ty = words[at!(ElementRecord.ty)];
        if words[at!(ElementRecord.mode)] == ACTIVE {
            let table = self.word(Table::Tables, words[at!(ElementRecord.table)], at!(TableRecord.ty));
            ensure(TypeClass::of(table.ok_or(Fault::TableIndex)?) == TypeClass::of(ty), Fault::TypeMismatch)?;
            self.offset(words, words[at!(ElementRecord.offset_kind)])?;
        }
        let (first, count) = (words[at!(ElementRecord.first)], words[at!(ElementRecord.count)]);
        if count == 0 {
            return Ok(());
        }
        // Ascending, so that checking them takes no longer than the table is.
        ensure(first >= self.least, Fault::Order)?;
        self.least = first.saturating_add(count);
        ensure(self.least <= self.count(Table::ElementItems), Fault::ItemRange)?;
        (first..self.least).try_for_each(|index| {
            let item = self.word(Table::ElementItems, index, at!(ElementItem.item)).unwrap_or(NONE);
            let (kind, index) = match item {
                NONE => (InitKind::Const, 0),
                item if item & ITEM_GLOBAL != 0 => (InitKind::Global, item & !ITEM_GLOBAL),
                function => (InitKind::Function, function),
            };
            self.value(ty, kind as u32, index, 0, self.count(Table::Globals))
        })
    }

    fn data(&self, words: &Words) -> Result<(), Fault> {
        if words[at!(DataRecord.mode)] == ACTIVE {
            ensure(words[at!(DataRecord.memory)] < self.count(Table::Memories), Fault::MemoryIndex)?;
            self.offset(words, words[at!(DataRecord.offset_kind)])?;
        }
        self.readonly(words[at!(DataRecord.data_offset)], words[at!(DataRecord.data_len)])
    }

    /// Contents lie in the read-only segment.
    fn readonly(&self, offset: u32, len: u32) -> Result<(), Fault> {
        let [readonly, ..] = self.image.segments();
        ensure(readonly.contains(offset, len), Fault::OutsideReadOnly)
    }

    /// Where an active segment goes: a number, of the width that its table or memory has.
    fn offset(&self, words: &Words, kind: u32) -> Result<(), Fault> {
        let (low, high) = (words[OFFSET], words[OFFSET + 1]);
        ensure(kind <= InitKind::Function as u32, Fault::Kind)?;
        let holds = kind == InitKind::Const as u32
            || kind == InitKind::Global as u32
                && matches!(self.global_type(low, high, self.count(Table::Globals))?, I32 | I64);
        ensure(holds, Fault::TypeMismatch)
    }

    fn memory_run(&mut self, words: &Words) -> Result<(), Fault> {
        const ADDRESS: usize = at!(MemoryRun.address);
        const MIN: usize = at!(MemoryRecord.min);
        let (memory, len) = (words[at!(MemoryRun.memory)], words[at!(MemoryRun.len)]);
        let offset = words[at!(MemoryRun.data_offset)];
        let address = address(words[ADDRESS], words[ADDRESS + 1]);
        // They ascend by memory, then by address.
        let is_next = memory > self.least || memory == self.least && address >= self.least_address;
        ensure(is_next, Fault::Overlap)?;
        let end = address.saturating_add(len as usize);
        (self.least, self.least_address) = (memory, end);
        // An imported memory may have contents already: its segments are data records.
        ensure(memory >= self.image.header().imported_memories, Fault::MemoryIndex)?;
        let [flags, min, min_high] =
            [at!(MemoryRecord.flags), MIN, MIN + 1].map(|at| self.word(Table::Memories, memory, at));
        let (Some(flags), Some(min), Some(min_high)) = (flags, min, min_high) else { return Err(Fault::MemoryIndex) };
        // The page length is a power of two, and divides 2^32.
        let page_len = self.image.header().page_len;
        ensure((words[ADDRESS] | offset).is_multiple_of(page_len), Fault::PageAlignment)?;
        let page = if flags & limits::BYTE_PAGES != 0 { 1 } else { PAGE_LEN as usize };
        // What is the largest number here is none that an address has.
        let is_inside = end < usize::MAX && end <= self::address(min, min_high).saturating_mul(page);
        ensure(is_inside, Fault::OutsideMemory)?;
        self.readonly(offset, len)
    }
}

/// An address or a length; the largest number if pointers cannot hold it.
fn address(low: u32, high: u32) -> usize {
    usize::try_from(number(low, high)).unwrap_or(usize::MAX)
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
