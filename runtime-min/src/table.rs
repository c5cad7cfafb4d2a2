//! Tables of references. A `funcref` element repeats its function's record, so that an indirect call
//! needs one load less.

use wasmc_abi::TrapCode;
use wasmc_abi::ValType;

use crate::error::{Error, LimitError};
use crate::store::{AsContext, AsContextMut, StoreId};
use crate::types::TableType;
use crate::value::Val;
use crate::vmctx::{Ptr, RawRef, Slot, TableRecord, Words};

/// The most elements that a table can have.
pub(crate) const MAX_ELEMENTS: u64 = 10_000_000;

/// A table of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// The table itself.
#[derive(Debug)]
pub(crate) struct TableData {
    /// Where compiled code finds elements and count; the count is kept nowhere else.
    record: Slot<TableRecord>,
    /// The elements, and room to grow.
    words: Words,
    ty: TableType,
}

impl TableData {
    /// A table of `ty.min` null elements, which fills `record`.
    pub(crate) fn new(ty: TableType, record: Slot<TableRecord>) -> Result<TableData, LimitError> {
        let error = LimitError::Table { elements: ty.min, limit: MAX_ELEMENTS };
        let words = Self::allocate(ty.element, ty.min).ok_or(error)?;
        let table = TableData { record, words, ty };
        table.publish(ty.min);
        Ok(table)
    }

    fn allocate(element: ValType, count: u64) -> Option<Words> {
        let count = usize::try_from(count).ok().filter(|_| count <= MAX_ELEMENTS)?;
        Words::new(count * width(element))
    }

    fn publish(&self, count: u64) {
        self.record.set(TableRecord { elements: Ptr(self.words.start()), count });
    }

    pub(crate) fn record(&self) -> Slot<TableRecord> {
        self.record
    }

    pub(crate) fn count(&self) -> u64 {
        self.record.get().count
    }

    /// Type with the current size, as it counts for imports.
    pub(crate) fn ty(&self) -> TableType {
        TableType { min: self.count(), ..self.ty }
    }

    pub(crate) fn get(&self, index: u64) -> Option<RawRef> {
        if index >= self.count() {
            return None;
        }
        let width = width(self.ty.element);
        let bits = self.words.get()[index as usize * width + width - 1];
        // SAFETY: elements are written by `put` below and by compiled code's `table.set`, both of
        // which write references of the element type.
        Some(unsafe { RawRef::from_slot(bits) })
    }

    /// Writes an element that exists.
    fn put(&mut self, index: u64, value: RawRef) {
        let (index, words) = (index as usize, self.words.get_mut());
        match self.ty.element {
            ValType::FuncRef => words[index * 4..][..4].copy_from_slice(&value.func_slot()),
            _ => words[index] = value.bits(),
        }
    }

    /// Whether `count` elements from `from` on exist.
    fn check(&self, from: u64, count: u64) -> Result<(), TrapCode> {
        let inside = from.checked_add(count).is_some_and(|end| end <= self.count());
        if inside { Ok(()) } else { Err(TrapCode::TableOutOfBounds) }
    }

    pub(crate) fn fill(&mut self, to: u64, value: RawRef, count: u64) -> Result<(), TrapCode> {
        self.check(to, count)?;
        (to..to + count).for_each(|index| self.put(index, value));
        Ok(())
    }

    /// Writes the references that `values` yields from `to` on.
    pub(crate) fn write(&mut self, to: u64, values: impl ExactSizeIterator<Item = RawRef>) -> Result<(), TrapCode> {
        self.check(to, values.len() as u64)?;
        (to..).zip(values).for_each(|(index, value)| self.put(index, value));
        Ok(())
    }

    /// Moves elements inside the table.
    pub(crate) fn move_within(&mut self, to: u64, from: u64, count: u64) -> Result<(), TrapCode> {
        self.check(from, count)?;
        self.check(to, count)?;
        let width = width(self.ty.element);
        let start = from as usize * width;
        let words = self.words.get_mut();
        words.copy_within(start..start + count as usize * width, to as usize * width);
        Ok(())
    }

    /// Copies elements of another table of the same element type.
    pub(crate) fn copy_from(&mut self, other: &TableData, to: u64, from: u64, count: u64) -> Result<(), TrapCode> {
        other.check(from, count)?;
        self.check(to, count)?;
        let width = width(self.ty.element);
        let source = &other.words.get()[from as usize * width..][..count as usize * width];
        self.words.get_mut()[to as usize * width..][..source.len()].copy_from_slice(source);
        Ok(())
    }

    /// Adds elements; returns how many there were. `None`, and no change, if they cannot be had.
    pub(crate) fn grow(&mut self, delta: u64, value: RawRef) -> Option<u64> {
        let old = self.count();
        let limit = self.ty.max.unwrap_or(u64::MAX).min(MAX_ELEMENTS);
        let new = old.checked_add(delta).filter(|new| *new <= limit)?;
        let width = width(self.ty.element);
        if new as usize * width > self.words.get().len() {
            // Twice the size, so that a loop of small steps takes linear time.
            let room = new.max(old.saturating_mul(2)).min(limit);
            let mut words = Self::allocate(self.ty.element, room)?;
            let used = old as usize * width;
            words.get_mut()[..used].copy_from_slice(&self.words.get()[..used]);
            self.words = words;
        }
        self.publish(new);
        (old..new).for_each(|index| self.put(index, value));
        Some(old)
    }
}

/// Words in an element.
fn width(element: ValType) -> usize {
    if element == ValType::FuncRef { 4 } else { 1 }
}

impl Table {
    /// A table made by the host, of `ty.min` elements with this value.
    pub fn new(store: &mut impl AsContextMut, ty: TableType, init: Val) -> Result<Table, Error> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let init = core.reference(&init, ty.element)?;
        core.new_host_table(ty, init)
    }

    /// Its type, with the current size as the minimum.
    pub fn ty(&self, store: &impl AsContext) -> TableType {
        store.as_context().core().table(*self).ty()
    }

    /// How many elements it has.
    pub fn size(&self, store: &impl AsContext) -> u64 {
        store.as_context().core().table(*self).count()
    }

    /// An element; `None` outside the table.
    pub fn get(&self, store: &impl AsContext, index: u64) -> Option<Val> {
        let store = store.as_context();
        let table = store.core().table(*self);
        let reference = table.get(index)?;
        Some(Val::from_reference(reference, table.ty.element, self.store))
    }

    /// Writes an element.
    pub fn set(&self, store: &mut impl AsContextMut, index: u64, value: Val) -> Result<(), Error> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let value = core.reference(&value, core.table(*self).ty.element)?;
        let table = core.table_mut(*self);
        let out = LimitError::Table { elements: index.saturating_add(1), limit: table.count() };
        table.fill(index, value, 1).map_err(|_| out.into())
    }

    /// Adds elements with this value and returns how many there were.
    pub fn grow(&self, store: &mut impl AsContextMut, delta: u64, value: Val) -> Result<u64, Error> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let value = core.reference(&value, core.table(*self).ty.element)?;
        let table = core.table_mut(*self);
        let elements = table.count().saturating_add(delta);
        let limit = table.ty.max.unwrap_or(u64::MAX).min(MAX_ELEMENTS);
        table.grow(delta, value).ok_or(LimitError::Table { elements, limit }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::value::ExternRef;

    fn token(number: u64) -> Val {
        Val::ExternRef(ExternRef::new(number))
    }

    #[test]
    fn elements_can_be_written_grown_and_moved() {
        let mut store = Store::new(());
        let ty = TableType { element: ValType::ExternRef, min: 2, max: Some(6) };
        let table = Table::new(&mut store, ty, token(1)).unwrap();
        table.set(&mut store, 1, token(2)).unwrap();
        assert_eq!(table.grow(&mut store, 3, token(3)).unwrap(), 2);
        assert!(table.grow(&mut store, 2, token(3)).is_err());
        let data = store.as_context_mut().into_core_mut().table_mut(table);
        data.move_within(1, 0, 4).unwrap();
        assert_eq!(data.move_within(2, 0, 4), Err(TrapCode::TableOutOfBounds));
        assert_eq!(data.move_within(0, u64::MAX, 2), Err(TrapCode::TableOutOfBounds));
        data.move_within(5, 5, 0).unwrap();
        assert_eq!(data.move_within(6, 5, 0), Err(TrapCode::TableOutOfBounds));
        let values: Vec<Val> = (0..5).map(|i| table.get(&store, i).unwrap()).collect();
        assert_eq!(values, [token(1), token(1), token(2), token(3), token(3)]);
        assert_eq!(table.get(&store, 5), None);
    }

    #[test]
    fn values_of_another_type_are_refused() {
        let mut store = Store::new(());
        let ty = TableType { element: ValType::FuncRef, min: 1, max: None };
        assert!(Table::new(&mut store, ty, token(1)).is_err());
        let table = Table::new(&mut store, ty, Val::FuncRef(None)).unwrap();
        assert!(table.set(&mut store, 0, Val::I32(0)).is_err());
        assert_eq!(table.get(&store, 0), Some(Val::FuncRef(None)));
        assert!(table.grow(&mut store, MAX_ELEMENTS, Val::FuncRef(None)).is_err());
    }
}
