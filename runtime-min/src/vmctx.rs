//! What compiled code reaches by pointers: the block that [`wasmc_abi::vmctx`] describes, and the records
//! that it points to. In: an address. Out: handles that are safe to use as long as the storage lives,
//! which belongs to a store or is the embedder's.

use core::mem::{offset_of, size_of};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicUsize, Ordering};

use wasmc_abi::vmctx::{self, Layout};

/// A pointer in a slot of 8 bytes.
#[derive(Debug)]
#[repr(C, align(8))]
pub(crate) struct Ptr<T>(pub(crate) *mut T);

impl<T> Clone for Ptr<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Ptr<T> {}

/// See [`vmctx::memory_record`].
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct MemoryRecord {
    pub(crate) base: Ptr<u8>,
    pub(crate) len_bytes: u64,
}

/// See [`vmctx::table_record`].
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct TableRecord {
    pub(crate) elements: Ptr<u64>,
    pub(crate) count: u64,
}

/// See [`vmctx::func_record`].
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct FuncRecord {
    pub(crate) code: Ptr<u8>,
    pub(crate) vmctx: Ptr<u8>,
    pub(crate) type_id: u64,
    pub(crate) entry: Ptr<u8>,
    pub(crate) tail: Ptr<u8>,
}

/// The value of a global; one slot, or two for a vector.
pub(crate) type GlobalValue = [u64; 2];

const _: () = {
    assert!(offset_of!(MemoryRecord, base) == vmctx::memory_record::BASE as usize);
    assert!(offset_of!(MemoryRecord, len_bytes) == vmctx::memory_record::LEN_BYTES as usize);
    assert!(size_of::<MemoryRecord>() == vmctx::memory_record::LEN as usize);
    assert!(offset_of!(TableRecord, elements) == vmctx::table_record::ELEMENTS as usize);
    assert!(offset_of!(TableRecord, count) == vmctx::table_record::COUNT as usize);
    assert!(size_of::<TableRecord>() == vmctx::table_record::LEN as usize);
    assert!(offset_of!(FuncRecord, code) == vmctx::func_record::CODE as usize);
    assert!(offset_of!(FuncRecord, vmctx) == vmctx::func_record::VMCTX as usize);
    assert!(offset_of!(FuncRecord, type_id) == vmctx::func_record::TYPE_ID as usize);
    assert!(offset_of!(FuncRecord, entry) == vmctx::func_record::ENTRY as usize);
    assert!(offset_of!(FuncRecord, tail) == vmctx::func_record::TAIL as usize);
    assert!(size_of::<FuncRecord>() == vmctx::func_record::LEN as usize);
    assert!(size_of::<GlobalValue>() == vmctx::GLOBAL_LEN as usize);
    // An element of a `funcref` table in words, in the order of `FuncSlot::words`.
    assert!(vmctx::func_slot::CODE == 0 && vmctx::func_slot::VMCTX == 8);
    assert!(vmctx::func_slot::TYPE_ID == 16 && vmctx::func_slot::REF == 24);
    assert!(vmctx::func_slot::LEN == 32 && vmctx::REF_SLOT_LEN == 8);
};

/// A record at a fixed address that compiled code may read and write between our accesses.
#[derive(Debug)]
pub(crate) struct Slot<T>(NonNull<T>);

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Slot<T> {}

impl<T: Copy> Slot<T> {
    /// A handle to what lies at `pointer`.
    ///
    /// # Safety
    /// The address holds a `T`, aligned, for as long as the handle is used, and by one thread at a time.
    pub(crate) unsafe fn new(pointer: NonNull<T>) -> Slot<T> {
        Slot(pointer)
    }

    pub(crate) fn get(self) -> T {
        // SAFETY: by the promise of `new`.
        unsafe { self.0.as_ptr().read() }
    }

    pub(crate) fn set(self, value: T) {
        // SAFETY: by the promise of `new`.
        unsafe { self.0.as_ptr().write(value) }
    }

    pub(crate) fn pointer(self) -> NonNull<T> {
        self.0
    }

    /// How many records this one lies behind another of the same array.
    pub(crate) fn index_from(self, first: Slot<T>) -> u32 {
        ((self.0.addr().get() - first.0.addr().get()) / size_of::<T>()) as u32
    }
}

impl Slot<MemoryRecord> {
    /// Where the memory is. Of a shared one that never changes.
    pub(crate) fn base(self) -> *mut u8 {
        // SAFETY: by the promise of `new`.
        unsafe { (*self.0.as_ptr()).base.0 }
    }

    /// Its length, which is that of a pointer, in the slot's low half if that has 32 bits. Atomic, because other threads
    /// may have a shared memory grow meanwhile.
    fn len(&self) -> &AtomicUsize {
        // SAFETY: the slot is there, by the promise of `new`, and aligned; the only accesses of several threads at a
        // time are these and compiled code's.
        unsafe { AtomicUsize::from_ptr((&raw mut (*self.0.as_ptr()).len_bytes).cast()) }
    }

    pub(crate) fn len_bytes(self) -> u64 {
        self.len().load(Ordering::Relaxed) as u64
    }

    /// The memory is longer from now on: what is added can be accessed already.
    #[cfg(feature = "std")]
    pub(crate) fn set_len_bytes(self, len_bytes: u64) {
        self.len().store(len_bytes as usize, Ordering::SeqCst);
    }
}

/// A reference as compiled code holds it: null (0), the address of a function record, or the token of
/// a host value. Which of them it is, the type says that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawRef(u64);

impl RawRef {
    pub(crate) const NULL: RawRef = RawRef(0);

    /// A reference out of a slot that compiled code has filled.
    ///
    /// # Safety
    /// If it is used as a `funcref`, it is 0 or the address of a function record of the store.
    #[inline]
    pub(crate) unsafe fn from_slot(bits: u64) -> RawRef {
        RawRef(bits)
    }

    /// A reference to the function of a record.
    #[inline]
    pub(crate) fn from_record(record: Slot<FuncRecord>) -> RawRef {
        RawRef(record.0.as_ptr().expose_provenance() as u64)
    }

    #[inline]
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// The function record, if this is a `funcref` and not null.
    #[inline]
    pub(crate) fn record(self) -> Option<Slot<FuncRecord>> {
        NonNull::new(ptr::with_exposed_provenance_mut(self.0 as usize)).map(Slot)
    }

    /// The element of a `funcref` table that holds this.
    pub(crate) fn func_slot(self) -> [u64; 4] {
        self.record().map_or([0; 4], |record| {
            let FuncRecord { code, vmctx, type_id, .. } = record.get();
            [code.0 as u64, vmctx.0 as u64, type_id, self.0]
        })
    }
}

/// The vmctx block of one instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    start: NonNull<u8>,
    layout: Layout,
}

impl Block {
    /// A block with arrays of these lengths.
    ///
    /// # Safety
    /// At `start`, aligned, is storage of the layout's length, zeroed or filled as a block, which lives as
    /// long as the block is used, and by one thread at a time.
    pub(crate) unsafe fn new(start: NonNull<u8>, layout: Layout) -> Block {
        Block { start, layout }
    }

    /// What compiled code gets as its vmctx argument.
    pub(crate) fn address(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// The slot at an offset.
    fn at<T: Copy>(&self, offset: u32) -> Slot<T> {
        // SAFETY: every offset below is one of the header or of an element of an array of the layout, and
        // so inside the block; all of them are multiples of 8. Every bit pattern of the few types that are
        // asked for below is valid, and the storage lives, by the promise of `new`.
        unsafe { Slot::new(self.start.add(offset as usize).cast()) }
    }

    /// The lowest stack pointer.
    pub(crate) fn stack_limit(&self) -> Slot<u64> {
        self.at(vmctx::STACK_LIMIT)
    }

    /// The runtime's own record of the instance.
    pub(crate) fn runtime<T>(&self) -> Slot<Ptr<T>> {
        self.at(vmctx::RUNTIME)
    }

    /// Address of the helper table.
    pub(crate) fn helpers<T>(&self) -> Slot<Ptr<T>> {
        self.at(vmctx::HELPERS)
    }

    /// Address of what the instances of a store share.
    pub(crate) fn store<T>(&self) -> Slot<Ptr<T>> {
        self.at(vmctx::STORE)
    }

    /// Record of memory `i`.
    pub(crate) fn memory(&self, i: u32) -> Slot<MemoryRecord> {
        assert!(i < self.layout.memories);
        self.at(self.layout.memory(i))
    }

    /// Record of table `i`.
    pub(crate) fn table(&self, i: u32) -> Slot<TableRecord> {
        assert!(i < self.layout.tables);
        self.at(self.layout.table(i))
    }

    /// Value of global `i`.
    pub(crate) fn global(&self, i: u32) -> Slot<GlobalValue> {
        assert!(i < self.layout.globals);
        self.at(self.layout.global(i))
    }

    /// Record of imported function `i`.
    pub(crate) fn imported_function(&self, i: u32) -> Slot<FuncRecord> {
        assert!(i < self.layout.imported_functions);
        self.at(self.layout.imported_function(i))
    }

    /// Record of the `i`th escaping function.
    pub(crate) fn escaping_function(&self, i: u32) -> Slot<FuncRecord> {
        assert!(i < self.layout.escaping_functions);
        self.at(self.layout.escaping_function(i))
    }

    /// Canonical id of type `i`.
    pub(crate) fn type_id(&self, i: u32) -> Slot<u64> {
        assert!(i < self.layout.type_ids);
        self.at(self.layout.type_id(i))
    }

    /// Identity of tag `i`.
    #[cfg(any(feature = "std", feature = "gc"))]
    pub(crate) fn tag<T: Copy>(&self, i: u32) -> Slot<T> {
        assert!(i < self.layout.tags);
        self.at(self.layout.tag(i))
    }

    /// Fills the slot of an imported object, which holds the address of the thing itself.
    pub(crate) fn link<T: Copy, U: Copy>(slot: Slot<T>, target: Slot<U>) {
        Block::link_owned(slot, target, ptr::null::<u8>());
    }

    /// The same, with the address of who has the thing.
    pub(crate) fn link_owned<T: Copy, U: Copy, O>(slot: Slot<T>, target: Slot<U>, owner: *const O) {
        assert!(size_of::<T>() == 2 * size_of::<u64>());
        // SAFETY: the slot is 16 bytes, as just checked, and holds words or pointers.
        let words = unsafe { Slot::<[u64; 2]>::new(slot.0.cast()) };
        words.set([target.0.as_ptr().expose_provenance() as u64, owner.expose_provenance() as u64]);
    }

    /// Who has an imported object.
    ///
    /// # Safety
    /// [`link_owned`](Self::link_owned) was given it, and it was not null.
    pub(crate) unsafe fn owner<T: Copy, O>(slot: Slot<T>) -> NonNull<O> {
        // SAFETY: the slot has two words, and the second is not 0, by the caller's promise.
        unsafe {
            let word = slot.0.cast::<u64>().add(1).read();
            NonNull::new_unchecked(ptr::with_exposed_provenance_mut(word as usize))
        }
    }

    /// What the slot of an imported object leads to.
    pub(crate) fn linked<T: Copy, U: Copy>(slot: Slot<T>) -> Slot<U> {
        // SAFETY: a slot of two words, whose first is what `link` has put there: the address of an object
        // that lives as long as the importer.
        unsafe {
            let word = slot.0.cast::<u64>().read();
            Slot::new(NonNull::new_unchecked(ptr::with_exposed_provenance_mut(word as usize)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Arena, Zeroed};

    #[test]
    fn slots_lie_where_the_layout_says() {
        let layout = Layout {
            tail_slots: 4,
            memories: 1,
            tables: 2,
            globals: 3,
            imported_functions: 1,
            escaping_functions: 1,
            type_ids: 2,
            tags: 1,
        };
        let storage = Zeroed::new(layout.len_bytes().unwrap() as usize).unwrap();
        // SAFETY: storage of that length, aligned, zeroed, and dropped at the end.
        let block = unsafe { Block::new(storage.start(), layout) };
        block.stack_limit().set(7);
        block.global(2).set([1, 2]);
        block.type_id(1).set(9);
        let start = block.address() as usize;
        assert!(start.is_multiple_of(16));
        assert_eq!(block.stack_limit().pointer().as_ptr() as usize, start);
        let global = block.global(2).pointer().as_ptr() as usize;
        assert_eq!(global - start, layout.global(2) as usize);
        assert_eq!(block.global(2).get(), [1, 2]);
        assert_eq!(block.type_id(0).get(), 0);
        Block::link(block.table(0), block.global(2));
        assert_eq!(block.table(0).get().elements.0 as usize, global);
    }

    #[test]
    fn a_function_slot_repeats_its_record() {
        let mut arena = Arena::new();
        let [code, vmctx, entry, tail] = [16, 32, 48, 64].map(|address: usize| Ptr(address as *mut u8));
        let record = FuncRecord { code, vmctx, type_id: 5, entry, tail };
        let index = arena.push(record);
        // SAFETY: the arena outlives the handle.
        let reference = RawRef::from_record(unsafe { Slot::new(arena.pointer(index)) });
        assert_eq!(reference.func_slot(), [16, 32, 5, reference.bits()]);
        assert_eq!(RawRef::NULL.func_slot(), [0; 4]);
    }
}
