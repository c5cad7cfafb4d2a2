//! Linear memories that several threads use at a time (threads proposal). In: a type with a maximum. Out:
//! [`SharedMemory`], which belongs to no store and can be imported in many.
//!
//! All that the memory may become is reserved from the start, so that it never moves. It grows under a lock, and its
//! length, which compiled code reads at any time, is stored last.

use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU8;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmc_abi::target::MemoryModel;

use crate::builtins::Expected;
use crate::error::{Error, MemoryError};
use crate::linear_memory::LinearMemory;
use crate::memory::{GUARD_BEFORE, most_pages, reserved_len};
use crate::parking::{self, WaitResult};
use crate::sys::unix::{self, Mapping, Protection};
use crate::types::MemoryType;
use crate::vmctx::{MemoryRecord, Ptr, Slot};

/// A linear memory that several threads use at a time. Copies of the handle are the same memory.
#[derive(Clone)]
pub struct SharedMemory(Arc<Shared>);

/// The memory itself.
struct Shared {
    /// Where compiled code of all instances finds base and length.
    record: NonNull<MemoryRecord>,
    mapping: Mapping,
    model: MemoryModel,
    ty: MemoryType,
    /// Growth ends here.
    pages_max: u64,
    growing: Mutex<()>,
}

// SAFETY: the record's base never changes, its length is accessed atomically, and the mapping's pages are
// accessed by atomics or compiled code; growing has a lock.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMemory").field("ty", &self.ty()).field("model", &self.0.model).finish()
    }
}

impl SharedMemory {
    /// A memory of `ty.min` zeroed pages. The type is that of a shared memory, with a maximum. On 64-bit machines it
    /// serves images of both memory models, and takes 8 GiB of address space; on others, its maximum.
    pub fn new(ty: MemoryType) -> Result<SharedMemory, Error> {
        let model = if usize::BITS == 64 { MemoryModel::Guard } else { MemoryModel::Checked };
        Ok(SharedMemory::with_model(ty, model, u64::MAX)?)
    }

    /// A memory that serves images of a memory model.
    pub(crate) fn with_model(
        ty: MemoryType,
        model: MemoryModel,
        pages_limit: u64,
    ) -> Result<SharedMemory, MemoryError> {
        let limit = most_pages(ty, pages_limit);
        let Some(max) = ty.max.filter(|_| ty.shared) else { return Err(MemoryError::NotShared) };
        if ty.min > limit {
            return Err(MemoryError::TooLarge { pages: ty.min, limit });
        }
        let (pages_max, len_bytes) = (limit.min(max), ty.min * ty.page_len);
        // No reservation covers what an index of 64 bits can reach.
        let model = if ty.wide { MemoryModel::Checked } else { model };
        let reserve = reserved_len(model, pages_max * ty.page_len);
        let mapping = usize::try_from(reserve).ok().and_then(|len| Mapping::reserve(len).ok());
        let mapping = mapping.ok_or(MemoryError::Reserve { len_bytes: reserve })?;
        let commit = mapping.protect(GUARD_BEFORE, len_bytes as usize, Protection::ReadWrite);
        commit.map_err(|_| MemoryError::Commit { len_bytes })?;
        let base = mapping.start().wrapping_add(GUARD_BEFORE);
        base.expose_provenance();
        let record = NonNull::from(Box::leak(Box::new(MemoryRecord { base: Ptr(base), len_bytes })));
        let growing = Mutex::new(());
        Ok(SharedMemory(Arc::new(Shared { record, mapping, model, ty, pages_max, growing })))
    }

    pub(crate) fn record(&self) -> Slot<MemoryRecord> {
        // SAFETY: the record lives as long as this; stores that use it keep a copy of the handle.
        unsafe { Slot::new(self.0.record) }
    }

    pub(crate) fn linear(&self) -> LinearMemory {
        // SAFETY: the pages up to the length are there, and stay.
        unsafe { LinearMemory::new(self.record()) }
    }

    pub(crate) fn model(&self) -> MemoryModel {
        self.0.model
    }

    pub(crate) fn pages_max(&self) -> u64 {
        self.0.pages_max
    }

    pub(crate) fn mapping(&self) -> &Mapping {
        &self.0.mapping
    }

    pub(crate) fn is(&self, other: &SharedMemory) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Its type, with the current size as the minimum.
    pub fn ty(&self) -> MemoryType {
        MemoryType { min: self.size(), ..self.0.ty }
    }

    /// Its size in pages, its own.
    pub fn size(&self) -> u64 {
        self.linear().pages(self.0.ty.page_len)
    }

    /// Its bytes. Guests may change them at any time.
    pub fn data(&self) -> &[AtomicU8] {
        let len = self.linear().len_bytes() as usize;
        // SAFETY: the pages up to the length are there, and stay as long as this is borrowed.
        unsafe { std::slice::from_raw_parts(self.record().base().cast::<AtomicU8>(), len) }
    }

    /// Adds zeroed pages and returns the former size in pages.
    pub fn grow(&self, delta_pages: u64) -> Result<u64, Error> {
        let pages = self.size().saturating_add(delta_pages);
        self.try_grow(delta_pages).ok_or(MemoryError::TooLarge { pages, limit: self.0.pages_max }.into())
    }

    pub(crate) fn try_grow(&self, delta_pages: u64) -> Option<u64> {
        let _growing = self.0.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let (linear, page_len) = (self.linear(), self.0.ty.page_len);
        let old = linear.pages(page_len);
        let new = linear.grown(delta_pages, page_len, self.0.pages_max)?;
        let (old_len, new_len) = (usize::try_from(old * page_len).ok()?, usize::try_from(new * page_len).ok()?);
        // Of the last host page, what is behind the memory's end has never been written to.
        let there = unix::round_to_pages(old_len)?;
        let added = new_len.saturating_sub(there);
        self.0.mapping.protect(GUARD_BEFORE + there, added, Protection::ReadWrite).ok()?;
        self.record().set_len_bytes(new_len as u64);
        Some(old)
    }

    /// The address of `len` bytes at `address`, a multiple of that.
    fn aligned(&self, address: u64, len: u64) -> Result<NonNull<u8>, Error> {
        let memory_len_bytes = self.linear().len_bytes();
        if !self.linear().has(address, len) {
            return Err(MemoryError::OutOfBounds { address, len_bytes: len, memory_len_bytes }.into());
        }
        if !address.is_multiple_of(len) {
            return Err(Error::Type(format!("The address {address:#x} is not a multiple of {len}.")));
        }
        Ok(NonNull::new(self.record().base().wrapping_add(address as usize)).expect("no memory starts at address 0"))
    }

    /// Notifies up to `count` threads that wait at an address. How many they were.
    pub fn notify(&self, address: u64, count: u32) -> Result<u32, Error> {
        Ok(parking::notify(self.aligned(address, 4)?, count))
    }

    /// Waits at an address, if `expected` is there, until another thread notifies this one.
    pub fn wait32(&self, address: u64, expected: u32, timeout: Option<Duration>) -> Result<WaitResult, Error> {
        let place = self.aligned(address, 4)?;
        // SAFETY: as just checked.
        Ok(unsafe { parking::wait(place, Expected::I32(expected), timeout, None) })
    }

    /// The same with eight bytes.
    pub fn wait64(&self, address: u64, expected: u64, timeout: Option<Duration>) -> Result<WaitResult, Error> {
        let place = self.aligned(address, 8)?;
        // SAFETY: as just checked.
        Ok(unsafe { parking::wait(place, Expected::I64(expected), timeout, None) })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: made by `Box::leak`, and nobody has a handle any more.
        drop(unsafe { Box::from_raw(self.record.as_ptr()) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;
    use wasmc_loader::Machine;

    #[test]
    fn threads_grow_it_to_its_maximum_and_it_does_not_move() {
        for &model in Machine::host().memory_models {
            let memory = SharedMemory::with_model(MemoryType::new_shared(1, 41), model, u64::MAX).unwrap();
            let base = memory.data().as_ptr();
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..10 {
                            let old = memory.grow(1).unwrap() as usize;
                            let byte = &memory.data()[old * 65536 + 65535];
                            assert_eq!(byte.fetch_add(1, Ordering::SeqCst), 0, "nobody else has got the page");
                        }
                    });
                }
            });
            assert_eq!((memory.size(), memory.data().as_ptr()), (41, base));
            assert!(matches!(memory.grow(1), Err(Error::Memory(MemoryError::TooLarge { pages: 42, limit: 41 }))));
        }
    }

    #[test]
    fn what_has_no_maximum_or_is_not_shared_is_refused() {
        let unlimited = MemoryType { max: None, ..MemoryType::new_shared(1, 2) };
        for ty in [unlimited, MemoryType::new(1, Some(2))] {
            assert!(matches!(SharedMemory::new(ty), Err(Error::Memory(MemoryError::NotShared))));
        }
    }

    #[test]
    fn hosts_wait_and_notify_at_addresses_that_are_there() {
        let memory = SharedMemory::new(MemoryType::new_shared(1, 1)).unwrap();
        assert_eq!(memory.notify(65532, 1).unwrap(), 0);
        assert!(memory.notify(65536, 1).is_err() && memory.notify(2, 1).is_err());
        assert_eq!(memory.wait64(8, 1, None).unwrap(), WaitResult::NotEqual);
        assert_eq!(memory.wait32(8, 0, Some(Duration::ZERO)).unwrap(), WaitResult::TimedOut);
    }
}
