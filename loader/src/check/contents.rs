//! What tables and memories start with: element segments, data segments, memory runs.

use super::module::{global_type, is_alike, ref_type};
use super::{Checks, ensure};
use crate::error::Fault;
use wasmc_abi::ValType;
use wasmc_abi::image::{DataRecord, ElementRecord, ITEM_GLOBAL, InitKind, MemoryRun, NONE, SegmentMode, Table};

impl Checks<'_> {
    /// Checks all segments. Active ones may still lie outside their table or memory: that is found out
    /// when the module is instantiated, since the sizes of imports and values of globals are known then.
    pub(super) fn contents(&mut self) -> Result<(), Fault> {
        self.elements()?;
        self.data()?;
        self.memory_runs()
    }

    fn elements(&mut self) -> Result<(), Fault> {
        let mut end = 0;
        self.each(Table::Elements, |checks, element: ElementRecord| {
            let ty = ValType::from(ref_type(checks.image, element.ty)?);
            if mode(element.mode)? == SegmentMode::Active {
                let table = checks.image.tables().get(element.table).ok_or(Fault::TableIndex)?;
                ensure(is_alike(ref_type(checks.image, table.ty)?.into(), ty), Fault::TypeMismatch)?;
                checks.offset(element.offset_kind, element.offset)?;
            }
            if element.count != 0 {
                // Ascending, so that checking them takes no longer than the table is.
                ensure(element.first >= end, Fault::Order)?;
                end = element.first.saturating_add(element.count);
                checks.items(ty, &element)?;
            }
            Ok(())
        })
    }

    fn items(&self, ty: ValType, element: &ElementRecord) -> Result<(), Fault> {
        let items = self.image.items(element);
        ensure(items.len() == element.count, Fault::ItemRange)?;
        items.iter().try_for_each(|item| match item.item {
            NONE => Ok(()),
            item if item & ITEM_GLOBAL != 0 => {
                let global = u64::from(item & !ITEM_GLOBAL);
                self.init(ty, InitKind::Global as u32, global, self.image.globals().len())
            }
            function => self.init(ty, InitKind::Function as u32, function.into(), 0),
        })
    }

    fn data(&mut self) -> Result<(), Fault> {
        self.each(Table::Data, |checks, data: DataRecord| {
            ensure(data.reserved == 0, Fault::Reserved)?;
            if mode(data.mode)? == SegmentMode::Active {
                ensure(data.memory < checks.image.memories().len(), Fault::MemoryIndex)?;
                checks.offset(data.offset_kind, data.offset)?;
            }
            checks.readonly(data.data_offset, data.data_len)
        })
    }

    /// Contents lie in the read-only segment.
    fn readonly(&self, offset: u32, len: u32) -> Result<(), Fault> {
        let [readonly, ..] = self.image.segments();
        ensure(readonly.contains(offset, len), Fault::OutsideReadOnly)
    }

    /// Where an active segment goes: a number, of the width that its table or memory has.
    fn offset(&self, kind: u32, operand: u64) -> Result<(), Fault> {
        match InitKind::from_number(kind).ok_or(Fault::Kind)? {
            InitKind::Const => Ok(()),
            InitKind::Global => {
                let ty = global_type(self.image, operand, self.image.globals().len())?;
                ensure(matches!(ty, ValType::I32 | ValType::I64), Fault::TypeMismatch)
            }
            InitKind::Function => Err(Fault::TypeMismatch),
        }
    }

    fn memory_runs(&mut self) -> Result<(), Fault> {
        // The memory of the run before, and where it ends there.
        let mut end = (0, 0);
        self.each(Table::MemoryRuns, |checks, run: MemoryRun| {
            ensure((run.memory, run.address) >= end, Fault::Overlap)?;
            end = (run.memory, run.address.saturating_add(run.len.into()));
            checks.memory_run(&run)
        })
    }

    fn memory_run(&self, run: &MemoryRun) -> Result<(), Fault> {
        let page_len = self.image.header().page_len;
        ensure(run.reserved == 0, Fault::Reserved)?;
        // An imported memory may have contents already: its segments are data records.
        ensure(run.memory >= self.image.header().imported_memories, Fault::MemoryIndex)?;
        let memory = self.image.memories().get(run.memory).ok_or(Fault::MemoryIndex)?;
        // The page length is a power of two, and divides 2^32.
        let aligned = (run.address as u32).is_multiple_of(page_len) && run.data_offset.is_multiple_of(page_len);
        ensure(aligned, Fault::PageAlignment)?;
        let end = run.address.saturating_add(run.len.into());
        ensure(end <= memory.min_len(), Fault::OutsideMemory)?;
        self.readonly(run.data_offset, run.len)
    }
}

fn mode(number: u32) -> Result<SegmentMode, Fault> {
    SegmentMode::from_number(number).ok_or(Fault::Kind)
}
