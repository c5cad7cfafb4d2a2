//! What tables and memories start with: element segments, data segments, memory runs.

use super::module::{check_function_ref, check_init, global_type, ref_type};
use super::{each, ensure};
use crate::error::{Fault, LoadError};
use crate::image::Image;
use wasmc_abi::ValType;
use wasmc_abi::image::{ElementRecord, ITEM_GLOBAL, InitKind, MemoryRun, NONE, SegmentMode, Table};
use wasmc_abi::vmctx::PAGE_LEN;

/// Checks all segments. Active ones may still lie outside their table or memory: that is found out
/// when the module is instantiated, since the sizes of imports and values of globals are known then.
pub(super) fn check(image: &Image<'_>) -> Result<(), LoadError> {
    check_elements(image)?;
    check_data(image)?;
    check_memory_runs(image)
}

fn check_elements(image: &Image<'_>) -> Result<(), LoadError> {
    let mut end = 0;
    each(Table::Elements, image.elements(), |_, element| {
        let ty = ref_type(element.ty)?;
        if mode(element.mode)? == SegmentMode::Active {
            let table = image.tables().get(element.table).ok_or(Fault::TableIndex)?;
            ensure(table.ty == element.ty, Fault::TypeMismatch)?;
            check_offset(image, element.offset_kind, element.offset)?;
        }
        if element.count != 0 {
            // Ascending, so that checking them takes no longer than the table is.
            ensure(element.first >= end, Fault::Order)?;
            end = element.first.saturating_add(element.count);
            check_items(image, ty, &element)?;
        }
        Ok(())
    })
}

fn check_items(image: &Image<'_>, ty: ValType, element: &ElementRecord) -> Result<(), Fault> {
    let items = image.items(element);
    ensure(items.len() == element.count, Fault::ItemRange)?;
    items.iter().try_for_each(|item| match item.item {
        NONE => Ok(()),
        item if item & ITEM_GLOBAL != 0 => {
            let global = u64::from(item & !ITEM_GLOBAL);
            check_init(image, ty, InitKind::Global as u32, global, image.globals().len())
        }
        function => {
            ensure(ty == ValType::FuncRef, Fault::TypeMismatch)?;
            check_function_ref(image, function)
        }
    })
}

fn check_data(image: &Image<'_>) -> Result<(), LoadError> {
    let [readonly, ..] = image.segments();
    each(Table::Data, image.data_segments(), |_, data| {
        ensure(data.reserved == 0, Fault::Reserved)?;
        if mode(data.mode)? == SegmentMode::Active {
            ensure(data.memory < image.memories().len(), Fault::MemoryIndex)?;
            check_offset(image, data.offset_kind, data.offset)?;
        }
        ensure(readonly.contains(data.data_offset, data.data_len), Fault::OutsideReadOnly)
    })
}

fn mode(number: u32) -> Result<SegmentMode, Fault> {
    SegmentMode::from_number(number).ok_or(Fault::Kind)
}

/// Where an active segment goes: a number, of the width that its table or memory has.
fn check_offset(image: &Image<'_>, kind: u32, operand: u64) -> Result<(), Fault> {
    match InitKind::from_number(kind).ok_or(Fault::Kind)? {
        InitKind::Const => Ok(()),
        InitKind::Global => {
            let ty = global_type(image, operand, image.globals().len())?;
            ensure(matches!(ty, ValType::I32 | ValType::I64), Fault::TypeMismatch)
        }
        InitKind::Function => Err(Fault::TypeMismatch),
    }
}

fn check_memory_runs(image: &Image<'_>) -> Result<(), LoadError> {
    // The memory of the run before, and where it ends there.
    let mut end = (0, 0);
    each(Table::MemoryRuns, image.memory_runs(), |_, run| {
        ensure((run.memory, run.address) >= end, Fault::Overlap)?;
        end = (run.memory, run.address.saturating_add(run.len.into()));
        check_memory_run(image, &run)
    })
}

fn check_memory_run(image: &Image<'_>, run: &MemoryRun) -> Result<(), Fault> {
    let [readonly, ..] = image.segments();
    let page_len = image.header().page_len;
    ensure(run.reserved == 0, Fault::Reserved)?;
    // An imported memory may have contents already: its segments are data records.
    ensure(run.memory >= image.header().imported_memories, Fault::MemoryIndex)?;
    let memory = image.memories().get(run.memory).ok_or(Fault::MemoryIndex)?;
    let aligned = run.address.is_multiple_of(page_len.into()) && run.data_offset.is_multiple_of(page_len);
    ensure(aligned, Fault::PageAlignment)?;
    let end = run.address.saturating_add(run.len.into());
    ensure(end <= memory.min.saturating_mul(PAGE_LEN), Fault::OutsideMemory)?;
    ensure(readonly.contains(run.data_offset, run.len), Fault::OutsideReadOnly)
}
