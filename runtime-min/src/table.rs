//! Tables of a store: where their elements' storage comes from, and access from the host.

use wasmc_abi::ValType;
use wasmc_abi::ram::element_len;

use crate::elements::Elements;
use crate::error::{Error, LimitError};
use crate::storage::Zeroed;
use crate::store::{AsContext, AsContextMut, StoreId};
use crate::types::TableType;
use crate::value::Val;
use crate::vmctx::{Ptr, RawRef, Slot, TableRecord};

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
    pub(crate) elements: Elements,
    /// The elements, and room to grow.
    storage: Zeroed,
    ty: TableType,
}

impl TableData {
    /// A table of `ty.min` null elements, which fills `record`.
    pub(crate) fn new(ty: TableType, record: Slot<TableRecord>) -> Result<TableData, LimitError> {
        let error = LimitError::Table { elements: ty.min, limit: MAX_ELEMENTS };
        let storage = Self::allocate(ty.element, ty.min).ok_or(error)?;
        record.set(TableRecord { elements: Ptr(storage.start().as_ptr().cast()), count: ty.min });
        // SAFETY: the storage is that long, and what replaces it is longer.
        let elements = unsafe { Elements::new(record, ty.element) };
        Ok(TableData { elements, storage, ty })
    }

    fn allocate(element: ValType, count: u64) -> Option<Zeroed> {
        let count = usize::try_from(count).ok().filter(|_| count <= MAX_ELEMENTS)?;
        Zeroed::new(count * element_len(element.number()) as usize)
    }

    pub(crate) fn record(&self) -> Slot<TableRecord> {
        self.elements.record()
    }

    /// Type with the current size, as it counts for imports.
    pub(crate) fn ty(&self) -> TableType {
        TableType { min: self.elements.count(), ..self.ty }
    }

    /// Adds elements; returns how many there were. `None`, and no change, if they cannot be had.
    pub(crate) fn grow(&mut self, delta: u64, value: RawRef) -> Option<u64> {
        let old = self.elements.count();
        let limit = self.ty.max.unwrap_or(u64::MAX).min(MAX_ELEMENTS);
        let new = self.elements.grown(delta, limit)?;
        let element_len = element_len(self.ty.element.number()) as usize;
        if new as usize * element_len > self.storage.len() {
            // Twice the size, so that a loop of small steps takes linear time.
            let room = new.max(old.saturating_mul(2)).min(limit);
            let storage = Self::allocate(self.ty.element, room)?;
            let used = old as usize * element_len;
            // SAFETY: both are at least that long, and no compiled code runs meanwhile.
            unsafe { storage.start().as_ptr().copy_from_nonoverlapping(self.storage.start().as_ptr(), used) };
            self.storage = storage;
        }
        // SAFETY: the storage is long enough, and holds what there was.
        Some(unsafe { self.elements.resize(self.storage.start().as_ptr().cast(), new, value) })
    }
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
        store.as_context().core().table(*self).elements.count()
    }

    /// An element; `None` outside the table.
    pub fn get(&self, store: &impl AsContext, index: u64) -> Option<Val> {
        let store = store.as_context();
        let table = store.core().table(*self);
        let reference = table.elements.get(index)?;
        Some(Val::from_reference(reference, table.ty.element, store.core()))
    }

    /// Writes an element.
    pub fn set(&self, store: &mut impl AsContextMut, index: u64, value: Val) -> Result<(), Error> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let value = core.reference(&value, core.table(*self).ty.element)?;
        let elements = core.table_mut(*self).elements;
        let out = LimitError::Table { elements: index.saturating_add(1), limit: elements.count() };
        elements.fill(index, value, 1).map_err(|_| out.into())
    }

    /// Adds elements with this value and returns how many there were.
    pub fn grow(&self, store: &mut impl AsContextMut, delta: u64, value: Val) -> Result<u64, Error> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let value = core.reference(&value, core.table(*self).ty.element)?;
        let table = core.table_mut(*self);
        let elements = table.elements.count().saturating_add(delta);
        let limit = table.ty.max.unwrap_or(u64::MAX).min(MAX_ELEMENTS);
        table.grow(delta, value).ok_or(LimitError::Table { elements, limit }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::value::ExternRef;
    use wasmc_abi::TrapCode;

    fn token(number: u64) -> Val {
        Val::ExternRef(ExternRef::new(number))
    }

    #[test]
    fn elements_can_be_written_grown_and_moved() {
        let mut store = Store::new(());
        let ty = TableType::new(ValType::ExternRef, 2, Some(6));
        let table = Table::new(&mut store, ty, token(1)).unwrap();
        table.set(&mut store, 1, token(2)).unwrap();
        assert_eq!(table.grow(&mut store, 3, token(3)).unwrap(), 2);
        assert!(table.grow(&mut store, 2, token(3)).is_err());
        let elements = store.as_context_mut().into_core_mut().table_mut(table).elements;
        let move_within = |to, from, count| elements.copy_from(elements, to, from, count);
        move_within(1, 0, 4).unwrap();
        assert_eq!(move_within(2, 0, 4), Err(TrapCode::TableOutOfBounds));
        assert_eq!(move_within(0, u64::MAX, 2), Err(TrapCode::TableOutOfBounds));
        move_within(5, 5, 0).unwrap();
        assert_eq!(move_within(6, 5, 0), Err(TrapCode::TableOutOfBounds));
        let values: Vec<Val> = (0..5).map(|i| table.get(&store, i).unwrap()).collect();
        assert_eq!(values, [token(1), token(1), token(2), token(3), token(3)]);
        assert_eq!(table.get(&store, 5), None);
    }

    #[test]
    fn values_of_another_type_are_refused() {
        let mut store = Store::new(());
        let ty = TableType::new(ValType::FuncRef, 1, None);
        assert!(Table::new(&mut store, ty, token(1)).is_err());
        let table = Table::new(&mut store, ty, Val::FuncRef(None)).unwrap();
        assert!(table.set(&mut store, 0, Val::I32(0)).is_err());
        assert_eq!(table.get(&store, 0), Some(Val::FuncRef(None)));
        assert!(table.grow(&mut store, MAX_ELEMENTS, Val::FuncRef(None)).is_err());
    }
}
