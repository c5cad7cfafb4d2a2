//! What compiled code reaches by pointers: the block that [`wasmc_abi::vmctx`] describes, the records
//! it points to, and the storage of both. In: counts and values. Out: objects with fixed addresses,
//! behind handles that are safe to use as long as their store lives.

use std::alloc::Layout as AllocLayout;
use std::marker::PhantomData;
use std::mem::{offset_of, size_of};
use std::ptr::NonNull;

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
    assert!(size_of::<FuncRecord>() == vmctx::func_record::LEN as usize);
    assert!(size_of::<GlobalValue>() == vmctx::GLOBAL_LEN as usize);
    // An element of a `funcref` table in words, in the order of `FuncSlot::words`.
    assert!(vmctx::func_slot::CODE == 0 && vmctx::func_slot::VMCTX == 8);
    assert!(vmctx::func_slot::TYPE_ID == 16 && vmctx::func_slot::REF == 24);
    assert!(vmctx::func_slot::LEN == 32 && vmctx::EXTERN_SLOT_LEN == 8);
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
    pub(crate) unsafe fn from_slot(bits: u64) -> RawRef {
        RawRef(bits)
    }

    /// A reference to the function of a record.
    pub(crate) fn from_record(record: Slot<FuncRecord>) -> RawRef {
        RawRef(record.0.as_ptr().expose_provenance() as u64)
    }

    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// The function record, if this is a `funcref` and not null.
    pub(crate) fn record(self) -> Option<Slot<FuncRecord>> {
        NonNull::new(std::ptr::with_exposed_provenance_mut(self.0 as usize)).map(Slot)
    }

    /// The element of a `funcref` table that holds this.
    pub(crate) fn func_slot(self) -> [u64; 4] {
        self.record().map_or([0; 4], |record| {
            let FuncRecord { code, vmctx, type_id, .. } = record.get();
            [code.0 as u64, vmctx.0 as u64, type_id, self.0]
        })
    }
}

/// The vmctx block of one instance, all zero at first.
#[derive(Debug)]
pub(crate) struct VmBlock {
    start: NonNull<u8>,
    layout: Layout,
    len: usize,
}

impl VmBlock {
    /// A block with arrays of these lengths; `None` if there is no memory for it.
    pub(crate) fn new(layout: Layout) -> Option<VmBlock> {
        let len = layout.len_bytes()? as usize;
        // SAFETY: the header alone makes the length positive.
        let start = NonNull::new(unsafe { std::alloc::alloc_zeroed(Self::alloc_layout(len)) })?;
        Some(VmBlock { start, layout, len })
    }

    fn alloc_layout(len: usize) -> AllocLayout {
        AllocLayout::from_size_align(len, vmctx::ALIGN as usize).expect("below 2^31 bytes")
    }

    /// What compiled code gets as its vmctx argument.
    pub(crate) fn address(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// The slot at an offset.
    fn at<T: Copy>(&self, offset: u32) -> Slot<T> {
        let end = offset as usize + size_of::<T>();
        assert!(end <= self.len && (offset as usize).is_multiple_of(align_of::<T>()));
        // SAFETY: inside the block and aligned, as just checked. Every bit pattern of the few types
        // that are asked for below is valid, and the block lives as long as its store.
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

    /// Fills the slot of an imported object, which holds the address of the thing itself.
    pub(crate) fn link<T: Copy, U: Copy>(slot: Slot<T>, target: Slot<U>) {
        assert!(size_of::<T>() == 2 * size_of::<u64>());
        // SAFETY: the slot is 16 bytes, as just checked, and holds words or pointers.
        let words = unsafe { Slot::<[u64; 2]>::new(slot.0.cast()) };
        words.set([target.0.as_ptr().expose_provenance() as u64, 0]);
    }
}

impl Drop for VmBlock {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with the same layout.
        unsafe { std::alloc::dealloc(self.start.as_ptr(), Self::alloc_layout(self.len)) };
    }
}

/// Objects of one kind at fixed addresses, by number. They live as long as the arena.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    items: Vec<NonNull<T>>,
    owned: PhantomData<T>,
}

impl<T> Arena<T> {
    pub(crate) const fn new() -> Arena<T> {
        Arena { items: Vec::new(), owned: PhantomData }
    }

    pub(crate) fn push(&mut self, item: T) -> u32 {
        let index = u32::try_from(self.items.len()).expect("fewer than 2^32 objects in a store");
        self.items.push(NonNull::from(Box::leak(Box::new(item))));
        index
    }

    pub(crate) fn len(&self) -> u32 {
        self.items.len() as u32
    }

    /// Its address, for compiled code and for handles.
    pub(crate) fn pointer(&self, index: u32) -> NonNull<T> {
        self.items[index as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        // SAFETY: as in `index`.
        self.items.iter().map(|item| unsafe { item.as_ref() })
    }
}

impl<T> Arena<T> {
    /// Two different objects, the first to be changed.
    pub(crate) fn pair(&mut self, a: u32, b: u32) -> (&mut T, &T) {
        assert_ne!(a, b);
        // SAFETY: as in `index`; they are not the same object.
        unsafe { (&mut *self.items[a as usize].as_ptr(), self.items[b as usize].as_ref()) }
    }
}

impl<T> std::ops::Index<u32> for Arena<T> {
    type Output = T;

    fn index(&self, index: u32) -> &T {
        // SAFETY: the object is ours and alive. Compiled code and its builtins, which have addresses
        // of such objects, run only while their store is borrowed for the call.
        unsafe { self.items[index as usize].as_ref() }
    }
}

impl<T> std::ops::IndexMut<u32> for Arena<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        // SAFETY: as above.
        unsafe { self.items[index as usize].as_mut() }
    }
}

impl<T> Drop for Arena<T> {
    fn drop(&mut self) {
        for item in &self.items {
            // SAFETY: made by `Box::leak` in `push`, and nobody uses it any more.
            drop(unsafe { Box::from_raw(item.as_ptr()) });
        }
    }
}

/// The words of a table's elements. Compiled code reads and writes them too.
#[derive(Debug)]
pub(crate) struct Words {
    start: NonNull<u64>,
    len: usize,
}

impl Words {
    /// `len` zeros; `None` if there is no memory for them.
    pub(crate) fn new(len: usize) -> Option<Words> {
        if len == 0 {
            return Some(Words { start: NonNull::dangling(), len });
        }
        // SAFETY: the length is positive.
        let start = unsafe { std::alloc::alloc_zeroed(AllocLayout::array::<u64>(len).ok()?) };
        Some(Words { start: NonNull::new(start.cast())?, len })
    }

    pub(crate) fn start(&self) -> *mut u64 {
        self.start.as_ptr()
    }

    pub(crate) fn get(&self) -> &[u64] {
        // SAFETY: ours, initialised, and compiled code does not run while we are borrowed.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub(crate) fn get_mut(&mut self) -> &mut [u64] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        if self.len > 0 {
            let layout = AllocLayout::array::<u64>(self.len).expect("checked when it was allocated");
            // SAFETY: allocated in `new` with the same layout.
            unsafe { std::alloc::dealloc(self.start.as_ptr().cast(), layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_lie_where_the_layout_says() {
        let layout =
            Layout { memories: 1, tables: 2, globals: 3, imported_functions: 1, escaping_functions: 1, type_ids: 2 };
        let block = VmBlock::new(layout).unwrap();
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
        VmBlock::link(block.table(0), block.global(2));
        assert_eq!(block.table(0).get().elements.0 as usize, global);
    }

    #[test]
    fn a_function_slot_repeats_its_record() {
        let mut arena = Arena::new();
        let record =
            FuncRecord { code: Ptr(16 as *mut u8), vmctx: Ptr(32 as *mut u8), type_id: 5, entry: Ptr(48 as *mut u8) };
        let index = arena.push(record);
        // SAFETY: the arena outlives the handle.
        let reference = RawRef::from_record(unsafe { Slot::new(arena.pointer(index)) });
        assert_eq!(reference.func_slot(), [16, 32, 5, reference.bits()]);
        assert_eq!(RawRef::NULL.func_slot(), [0; 4]);
    }
}
