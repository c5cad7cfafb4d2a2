//! The elements of a table through its record, wherever their storage comes from. An element of a `funcref`
//! table repeats its function's record, so that an indirect call needs one load less.

use wasmc_abi::ram::element_len;
use wasmc_abi::{TrapCode, ValType};

use crate::vmctx::{RawRef, Slot, TableRecord};

/// A table, by the record that compiled code uses too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elements {
    record: Slot<TableRecord>,
    /// Words of an element.
    width: usize,
}

impl Elements {
    /// The elements of a record's table, of this type.
    ///
    /// # Safety
    /// From the record's address on there are as many elements of the type as it says, for as long as
    /// this is used.
    pub(crate) unsafe fn new(record: Slot<TableRecord>, element: ValType) -> Elements {
        Elements { record, width: element_len(element.number()) as usize / size_of::<u64>() }
    }

    pub(crate) fn record(self) -> Slot<TableRecord> {
        self.record
    }

    pub(crate) fn count(self) -> u64 {
        self.record.get().count
    }

    /// Address of an element that exists, or of the end.
    fn at(self, index: u64) -> *mut u64 {
        self.record.get().elements.0.wrapping_add(index as usize * self.width)
    }

    #[cfg(any(feature = "std", feature = "gc"))]
    pub(crate) fn get(self, index: u64) -> Option<RawRef> {
        if index >= self.count() {
            return None;
        }
        // SAFETY: the element exists; its last word is the reference, which was written by `put` below or
        // by compiled code's `table.set`, both of which write references of the element type.
        Some(unsafe { RawRef::from_slot(self.at(index).add(self.width - 1).read()) })
    }

    /// Writes an element that exists.
    fn put(self, index: u64, value: RawRef) {
        let place = self.at(index);
        // SAFETY: the callers below have found that the element exists.
        unsafe {
            match self.width {
                1 => place.write(value.bits()),
                _ => place.cast::<[u64; 4]>().write(value.func_slot()),
            }
        }
    }

    /// Whether `count` elements from `from` on exist.
    fn check(self, from: u64, count: u64) -> Result<(), TrapCode> {
        let inside = from.checked_add(count).is_some_and(|end| end <= self.count());
        if inside { Ok(()) } else { Err(TrapCode::TableOutOfBounds) }
    }

    pub(crate) fn fill(self, to: u64, value: RawRef, count: u64) -> Result<(), TrapCode> {
        self.check(to, count)?;
        (to..to + count).for_each(|index| self.put(index, value));
        Ok(())
    }

    /// Writes the references that `values` yields from `to` on.
    pub(crate) fn write(self, to: u64, values: impl ExactSizeIterator<Item = RawRef>) -> Result<(), TrapCode> {
        self.check(to, values.len() as u64)?;
        (to..).zip(values).for_each(|(index, value)| self.put(index, value));
        Ok(())
    }

    /// Copies elements of a table of the same element type, which may be this one.
    pub(crate) fn copy_from(self, other: Elements, to: u64, from: u64, count: u64) -> Result<(), TrapCode> {
        other.check(from, count)?;
        self.check(to, count)?;
        // SAFETY: all of them exist, as just checked.
        unsafe { self.at(to).copy_from(other.at(from), count as usize * self.width) };
        Ok(())
    }

    /// How many elements it has after growing by `delta`; `None` if that is more than `max`.
    pub(crate) fn grown(self, delta: u64, max: u64) -> Option<u64> {
        self.count().checked_add(delta).filter(|count| *count <= max)
    }

    /// Has `count` elements at `elements` from now on, where those that there were have been copied to. New
    /// ones get a value. Returns how many there were.
    ///
    /// # Safety
    /// There is storage for them, for as long as this is used.
    pub(crate) unsafe fn resize(self, elements: *mut u64, count: u64, value: RawRef) -> u64 {
        let old = self.count();
        self.record.set(TableRecord { elements: crate::vmctx::Ptr(elements), count });
        (old..count).for_each(|index| self.put(index, value));
        old
    }
}
