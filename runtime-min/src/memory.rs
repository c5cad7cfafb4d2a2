//! Linear memories: reserving, growing, initial contents, and access from the host.

use std::fs::File;
use std::sync::atomic::Ordering;

use wasmc_abi::target::MemoryModel;
use wasmc_abi::vmctx::{GUARD_RESERVATION, MAX_WIDE_LEN, MEMORY_ALIGN, PAGE_LEN, max_len};

use crate::error::{Error, MemoryError};
use crate::linear_memory::LinearMemory;
use crate::pages::Pages;
use crate::shared::SharedMemory;
use crate::store::{AsContext, AsContextMut, StoreId};
use crate::sys::unix::{self, Mapping};
use crate::types::MemoryType;
use crate::vmctx::{MemoryRecord, Ptr, Slot};

/// Address space before byte 0 that is never accessible: a wrong negative distance faults.
pub(crate) const GUARD_BEFORE: usize = 1 << 20;

/// Contents at least this long are mapped from the file; shorter ones are copied, which is quicker
/// than a system call and the fault of each page.
const MAP_AT_LEAST: usize = 64 << 10;

/// A linear memory of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// The memory itself.
#[derive(Debug)]
pub(crate) struct MemoryData {
    /// Where compiled code finds base and length; the length is kept nowhere else.
    pub(crate) linear: LinearMemory,
    place: Place,
    model: MemoryModel,
    ty: MemoryType,
    /// Growth ends here.
    pages_max: u64,
}

/// Where a memory's pages are.
#[derive(Debug)]
enum Place {
    Own(Pages),
    /// Other stores use them too.
    Shared(SharedMemory),
}

/// The most pages, its own, that a memory of a type can have, if Wasm pages are limited.
pub(crate) fn most_pages(ty: MemoryType, pages_limit: u64) -> u64 {
    let most = if ty.wide { MAX_WIDE_LEN } else { max_len(usize::BITS) };
    pages_limit.saturating_mul(PAGE_LEN).min(most) / ty.page_len
}

/// Address space that a memory takes which never moves, and which has `len_max` bytes at most.
pub(crate) fn reserved_len(model: MemoryModel, len_max: u64) -> u64 {
    let len = match model {
        MemoryModel::Guard => GUARD_RESERVATION,
        MemoryModel::Checked => len_max,
    };
    GUARD_BEFORE as u64 + len
}

impl MemoryData {
    /// A memory of `ty.min` pages, all zero, which fills `record`. In the guard model everything that
    /// an index and an offset can reach is reserved, so that the base never moves; an index of 64 bits can reach more.
    pub(crate) fn new(
        ty: MemoryType,
        model: MemoryModel,
        pages_limit: u64,
        record: Slot<MemoryRecord>,
    ) -> Result<MemoryData, MemoryError> {
        let model = if ty.wide { MemoryModel::Checked } else { model };
        let limit = most_pages(ty, pages_limit);
        let pages_max = limit.min(ty.max.unwrap_or(u64::MAX));
        if ty.min > limit {
            return Err(MemoryError::TooLarge { pages: ty.min, limit });
        }
        let len_bytes = ty.min * ty.page_len;
        let pages = Pages::new(model, len_bytes)?;
        // SAFETY: filled before it is used; what is mapped is what `publish` says.
        let linear = unsafe { LinearMemory::new(record) };
        let memory = MemoryData { linear, place: Place::Own(pages), model, ty, pages_max };
        memory.publish(len_bytes);
        Ok(memory)
    }

    /// A memory that other stores may use too.
    pub(crate) fn shared(shared: SharedMemory) -> MemoryData {
        let (linear, model, ty, pages_max) = (shared.linear(), shared.model(), shared.ty(), shared.pages_max());
        MemoryData { linear, place: Place::Shared(shared), model, ty, pages_max }
    }

    pub(crate) fn as_shared(&self) -> Option<&SharedMemory> {
        match &self.place {
            Place::Own(_) => None,
            Place::Shared(shared) => Some(shared),
        }
    }

    fn mapping(&self) -> &Mapping {
        match &self.place {
            Place::Own(pages) => pages.mapping(),
            Place::Shared(shared) => shared.mapping(),
        }
    }

    /// Bytes of the mapping before the memory's first.
    fn before(&self) -> usize {
        match &self.place {
            Place::Own(pages) => pages.before(),
            Place::Shared(_) => GUARD_BEFORE,
        }
    }

    /// Tells compiled code where the memory is now.
    fn publish(&self, len_bytes: u64) {
        let base = self.mapping().start().wrapping_add(self.before());
        debug_assert!(base.addr().is_multiple_of(MEMORY_ALIGN as usize), "mappings start at pages");
        self.record().set(MemoryRecord { base: Ptr(base), len_bytes });
    }

    pub(crate) fn record(&self) -> Slot<MemoryRecord> {
        self.linear.record()
    }

    pub(crate) fn model(&self) -> MemoryModel {
        self.model
    }

    /// Addresses whose faults are accesses out of bounds; `None` in the checked model.
    pub(crate) fn reservation(&self) -> Option<(usize, usize)> {
        let start = self.mapping().start().expose_provenance();
        (self.model == MemoryModel::Guard).then_some((start, start + self.mapping().len()))
    }

    /// Type with the current size, as it counts for imports.
    pub(crate) fn ty(&self) -> MemoryType {
        MemoryType { min: self.pages(), ..self.ty }
    }

    fn pages(&self) -> u64 {
        self.linear.pages(self.ty.page_len)
    }

    /// Adds zeroed pages; returns how many there were. `None`, and no change, if they cannot be had.
    pub(crate) fn grow(&mut self, delta_pages: u64) -> Option<u64> {
        let pages = match &mut self.place {
            Place::Own(pages) => pages,
            Place::Shared(shared) => return shared.try_grow(delta_pages),
        };
        let page_len = self.ty.page_len;
        let old = self.linear.pages(page_len);
        let new = self.linear.grown(delta_pages, page_len, self.pages_max)?;
        if delta_pages == 0 {
            return Some(old);
        }
        let new_len = usize::try_from(new * page_len).ok()?;
        pages.grow(new_len).ok()?;
        self.publish(new_len as u64);
        Some(old)
    }

    /// Empty if it is shared: other threads may change its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.as_shared().is_some() {
            return &[];
        }
        // SAFETY: compiled code does not run while the store is borrowed.
        unsafe { self.linear.bytes() }
    }

    /// As [`bytes`](Self::bytes).
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        if self.as_shared().is_some() {
            return &mut [];
        }
        // SAFETY: as above, and the store is borrowed mutably.
        unsafe { self.linear.bytes() }
    }

    /// Maps whole pages of long contents from `file`, where they lie at `file_offset`, if both are aligned,
    /// and copies the rest. Whether it did; where they do not fit, it does nothing.
    pub(crate) fn initialise(&mut self, address: u64, contents: &[u8], file: &File, file_offset: u64) -> bool {
        if !self.linear.has(address, contents.len() as u64) {
            return false;
        }
        let Some(mapped) = self.map(address, contents.len(), file, file_offset) else { return false };
        self.linear.write(address + mapped as u64, &contents[mapped..]).is_some()
    }

    /// Maps the whole pages of `len` bytes of a file, copy-on-write. Returns how many bytes that were.
    fn map(&mut self, address: u64, len: usize, file: &File, file_offset: u64) -> Option<usize> {
        let page_len = unix::page_len();
        let aligned = address.is_multiple_of(page_len as u64) && file_offset.is_multiple_of(page_len as u64);
        let Place::Own(pages) = &mut self.place else { return None };
        if !aligned || len < MAP_AT_LEAST {
            return None;
        }
        let whole = len - len % page_len;
        pages.map_file(address as usize, whole, file, file_offset).ok()?;
        Some(whole)
    }
}

impl Memory {
    /// A memory made by the host, of `ty.min` zeroed pages. It has the store's memory model for such
    /// memories (`Store::set_memory_model`); the guard model's serves images of either. A shared memory of a type
    /// comes from [`SharedMemory::new`].
    pub fn new(store: &mut impl AsContextMut, ty: MemoryType) -> Result<Memory, Error> {
        store.as_context_mut().core_mut().new_host_memory(ty)
    }

    /// A shared memory, as one of a store's.
    pub fn from_shared(store: &mut impl AsContextMut, shared: &SharedMemory) -> Memory {
        store.as_context_mut().core_mut().share_memory(shared)
    }

    /// The shared memory, if it is one.
    pub fn shared(&self, store: &impl AsContext) -> Option<SharedMemory> {
        store.as_context().core().memory(*self).as_shared().cloned()
    }

    /// Its type, with the current size as the minimum.
    pub fn ty(&self, store: &impl AsContext) -> MemoryType {
        store.as_context().core().memory(*self).ty()
    }

    /// Its size in pages, its own.
    pub fn size(&self, store: &impl AsContext) -> u64 {
        store.as_context().core().memory(*self).pages()
    }

    /// Its bytes; none if it is shared, as others may change them: then [`SharedMemory::data`] has them.
    pub fn data<'a, S: AsContext>(&self, store: &'a S) -> &'a [u8] {
        store.as_context().into_core().memory(*self).bytes()
    }

    /// Its bytes, to be written; none if it is shared.
    pub fn data_mut<'a, S: AsContextMut>(&self, store: &'a mut S) -> &'a mut [u8] {
        store.as_context_mut().into_core_mut().memory_mut(*self).bytes_mut()
    }

    /// Its bytes, none if it is shared, and the store's data, both to be written.
    pub fn data_and_store_mut<'a, S: AsContextMut>(&self, store: &'a mut S) -> (&'a mut [u8], &'a mut S::Data) {
        let (core, data) = store.as_context_mut().into_parts();
        (core.memory_mut(*self).bytes_mut(), data)
    }

    /// Adds zeroed pages and returns the former size in pages.
    pub fn grow(&self, store: &mut impl AsContextMut, delta_pages: u64) -> Result<u64, Error> {
        let mut store = store.as_context_mut();
        let memory = store.core_mut().memory_mut(*self);
        let (pages, limit) = (memory.pages().saturating_add(delta_pages), memory.pages_max);
        match memory.grow(delta_pages) {
            Some(old) => Ok(old),
            None if pages > limit => Err(MemoryError::TooLarge { pages, limit }.into()),
            None => Err(MemoryError::Commit { len_bytes: delta_pages.saturating_mul(memory.ty.page_len) }.into()),
        }
    }

    /// Copies bytes out of the memory.
    pub fn read(&self, store: &impl AsContext, address: u64, buffer: &mut [u8]) -> Result<(), Error> {
        let store = store.as_context();
        let memory = store.core().memory(*self);
        check(memory, address, buffer.len())?;
        if let Some(shared) = memory.as_shared() {
            let from = &shared.data()[address as usize..];
            buffer.iter_mut().zip(from).for_each(|(to, from)| *to = from.load(Ordering::Relaxed));
            return Ok(());
        }
        buffer.copy_from_slice(&memory.bytes()[address as usize..][..buffer.len()]);
        Ok(())
    }

    /// Copies bytes into the memory.
    pub fn write(&self, store: &mut impl AsContextMut, address: u64, bytes: &[u8]) -> Result<(), Error> {
        let mut store = store.as_context_mut();
        let memory = store.core_mut().memory_mut(*self);
        check(memory, address, bytes.len())?;
        if let Some(shared) = memory.as_shared() {
            let to = &shared.data()[address as usize..];
            bytes.iter().zip(to).for_each(|(from, to)| to.store(*from, Ordering::Relaxed));
            return Ok(());
        }
        memory.bytes_mut()[address as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

fn check(memory: &MemoryData, address: u64, len: usize) -> Result<(), MemoryError> {
    let (len_bytes, memory_len_bytes) = (len as u64, memory.linear.len_bytes());
    if memory.linear.has(address, len_bytes) {
        return Ok(());
    }
    Err(MemoryError::OutOfBounds { address, len_bytes, memory_len_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use wasmc_loader::Machine;

    fn memory(min: u64, max: Option<u64>, model: MemoryModel) -> (Store<()>, Memory) {
        let mut store = Store::new(());
        store.set_memory_model(model);
        let memory = Memory::new(&mut store, MemoryType::new(min, max)).unwrap();
        (store, memory)
    }

    #[test]
    fn grown_pages_are_zero_and_old_ones_keep_their_bytes() {
        for &model in Machine::host().memory_models {
            let (mut store, memory) = memory(1, Some(4), model);
            memory.write(&mut store, 65532, b"last").unwrap();
            assert_eq!(memory.grow(&mut store, 2).unwrap(), 1);
            assert_eq!(memory.size(&store), 3);
            assert_eq!(memory.data(&store)[65532..65537], *b"last\0");
            assert!(memory.data(&store)[65536..].iter().all(|byte| *byte == 0));
            assert!(memory.grow(&mut store, 2).is_err(), "beyond the maximum");
            assert!(memory.grow(&mut store, u64::MAX).is_err());
            assert_eq!(memory.grow(&mut store, 0).unwrap(), 3);
        }
    }

    #[test]
    fn a_memory_without_pages_can_be_had_and_grown() {
        for &model in Machine::host().memory_models {
            let (mut store, memory) = memory(0, None, model);
            assert!(memory.data(&store).is_empty());
            assert!(memory.write(&mut store, 0, b"").is_ok());
            assert!(memory.write(&mut store, 0, b"x").is_err());
            assert!(memory.grow(&mut store, 65536).is_err(), "one page less is the most");
            assert_eq!(memory.grow(&mut store, 1).unwrap(), 0);
            assert_eq!(memory.data_mut(&mut store).len(), 65536);
        }
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_guarded_base_never_moves() {
        let (mut store, memory) = memory(1, None, MemoryModel::Guard);
        let base = memory.data(&store).as_ptr();
        memory.grow(&mut store, 1000).unwrap();
        assert_eq!(memory.data(&store).as_ptr(), base);
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn contents_of_a_file_are_mapped_and_written_privately() {
        let path = std::env::temp_dir().join(format!("wasmc-run-{}", std::process::id()));
        let contents: Vec<u8> = (0..200_000u32).map(|i| ((i * 7) >> 3) as u8).collect();
        std::fs::write(&path, [&[0xEE; 4096], contents.as_slice()].concat()).unwrap();
        let file = File::open(&path).unwrap();
        let (mut store, memory) = memory(8, None, MemoryModel::Guard);
        let data = store.as_context_mut().into_core_mut().memory_mut(memory);
        assert!(data.initialise(65536, &contents, &file, 4096));
        assert!(!data.initialise(7 * 65536, &contents, &file, 4096), "they do not fit");
        assert!(data.linear.write(8 * 65536 - 10, &contents).is_none());
        assert_eq!(data.bytes()[65536..][..contents.len()], contents);
        assert_eq!(data.bytes()[65536 + contents.len()], 0);
        data.bytes_mut()[65536] = 0x55;
        assert_eq!(std::fs::read(&path).unwrap()[4096], contents[0]);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_memory_with_contents_of_a_file_grows_in_either_model() {
        let path = std::env::temp_dir().join(format!("wasmc-grow-{}", std::process::id()));
        std::fs::write(&path, vec![0xEE; 200_000]).unwrap();
        let file = File::open(&path).unwrap();
        for &model in Machine::host().memory_models {
            let (mut store, memory) = memory(8, None, model);
            let data = store.as_context_mut().into_core_mut().memory_mut(memory);
            if !data.initialise(65536, &[0xEE; 200_000], &file, 0) {
                data.linear.write(65536, &[0xEE; 200_000]).unwrap();
            }
            assert_eq!(memory.grow(&mut store, 100).unwrap(), 8);
            assert_eq!(memory.data(&store)[65536..265_536], [0xEE; 200_000]);
        }
        std::fs::remove_file(&path).unwrap();
    }
}
