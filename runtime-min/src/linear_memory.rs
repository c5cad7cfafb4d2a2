//! A linear memory through its record, wherever its pages come from: bounds, writing, and how it may grow.

use crate::vmctx::{MemoryRecord, Slot};

/// A linear memory, by the record that compiled code uses too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinearMemory(Slot<MemoryRecord>);

impl LinearMemory {
    /// The memory of a record.
    ///
    /// # Safety
    /// From the record's base on there are as many bytes as it says, readable and writable, for as long as
    /// this is used.
    pub(crate) unsafe fn new(record: Slot<MemoryRecord>) -> LinearMemory {
        LinearMemory(record)
    }

    pub(crate) fn record(self) -> Slot<MemoryRecord> {
        self.0
    }

    pub(crate) fn len_bytes(self) -> u64 {
        self.0.len_bytes()
    }

    /// Its length in pages of `page_len` bytes, its own.
    pub(crate) fn pages(self, page_len: u64) -> u64 {
        self.len_bytes() / page_len
    }

    /// Whether `len` bytes from `address` on exist.
    pub(crate) fn has(self, address: u64, len: u64) -> bool {
        address.checked_add(len).is_some_and(|end| end <= self.len_bytes())
    }

    /// Its bytes.
    ///
    /// # Safety
    /// No compiled code of the store runs, and nobody else uses the bytes, during `'a`.
    pub(crate) unsafe fn bytes<'a>(self) -> &'a mut [u8] {
        // SAFETY: the bytes exist, by the promise of `new`, and are ours, by the caller's.
        unsafe { core::slice::from_raw_parts_mut(self.0.base(), self.len_bytes() as usize) }
    }

    /// Puts `contents` at `address`, where they have to fit; `None`, and no change, if they do not.
    pub(crate) fn write(self, address: u64, contents: &[u8]) -> Option<()> {
        if !self.has(address, contents.len() as u64) {
            return None;
        }
        let to = self.0.base().wrapping_add(address as usize);
        // SAFETY: the bytes exist, as just checked, and contents of an image lie in no memory. Other threads that use
        // a shared memory meanwhile are guests', which see some bytes before others, as Wasm allows.
        unsafe { to.copy_from_nonoverlapping(contents.as_ptr(), contents.len()) };
        Some(())
    }

    /// How many pages of `page_len` bytes it has after growing by `delta`; `None` if that is more than `pages_max`.
    pub(crate) fn grown(self, delta: u64, page_len: u64, pages_max: u64) -> Option<u64> {
        self.pages(page_len).checked_add(delta).filter(|pages| *pages <= pages_max)
    }
}
