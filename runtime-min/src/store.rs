//! The store: it owns instances, memories, tables, globals and host functions, and the host's data.
//! Handles are numbers or addresses that say which store they belong to.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmc_abi::TrapCode;
use wasmc_abi::target::MemoryModel;
use wasmc_abi::vmctx::FUEL_MAX;

use crate::backtrace::RawTrace;
use crate::error::{Error, LimitError, MemoryError};
use crate::exception::TagData;
use crate::global::{Global, GlobalData};
use crate::handle::Handles;
use crate::heap::Heap;
use crate::host::{HostFunc, HostRecord, Pending};
use crate::instance::InstanceData;
use crate::interrupt::{InterruptHandle, Interruption};
use crate::memory::{Memory, MemoryData};
use crate::module::Module;
use crate::objects::Externals;
use crate::roots::{Cells, RootFrame};
use crate::shared::SharedMemory;
use crate::storage::Arena;
use crate::sys::unix;
use crate::table::{Table, TableData};
use crate::trap::{self, Call, FaultMap, Trap};
use crate::type_registry::TypeId;
use crate::types::{GlobalType, MemoryType, TableType};
use crate::vmctx::{FuncRecord, GlobalValue, MemoryRecord, Ptr, RawRef, Slot, TableRecord};

/// Guest stack of a call from the host, unless [`Store::set_stack_len`] says otherwise.
pub const DEFAULT_STACK_LEN: usize = 1 << 20;

/// What guests leave of the stack to host functions and helpers.
pub const HOST_STACK_RESERVE: usize = 64 << 10;

/// Stack limits of outermost calls are multiples of this, bytes.
const STACK_STEP: usize = 4096;

/// Which store a handle belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreId(NonZeroU64);

impl StoreId {
    fn next() -> StoreId {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed));
        StoreId(id.expect("fewer than 2^64 stores"))
    }

    /// Panics if a handle of store `self` is used with another one.
    #[inline]
    pub(crate) fn check(self, store: StoreId) {
        if self != store {
            self.refuse(store);
        }
    }

    #[cold]
    fn refuse(self, store: StoreId) -> ! {
        let (own, other) = (self.0, store.0);
        panic!("a handle was used with another store than the one it was made for ({own} and {other})");
    }
}

/// The part of a store that does not depend on the host's data.
#[derive(Debug)]
pub struct StoreCore {
    id: StoreId,
    /// Its own address, for what compiled code and host functions reach it by.
    this: NonNull<StoreCore>,
    pub(crate) instances: Arena<InstanceData>,
    pub(crate) memories: Arena<MemoryData>,
    pub(crate) tables: Arena<TableData>,
    pub(crate) globals: Arena<GlobalData>,
    pub(crate) tags: Arena<TagData>,
    pub(crate) heap: Heap,
    /// References to its objects that the host was given.
    pub(crate) handles: RefCell<Handles>,
    pub(crate) externals: Externals,
    /// What compiled code shares with us.
    pub(crate) cells: Cells,
    last_roots: RootFrame,
    /// What thunks are given: one for each import of a host function.
    pub(crate) host_records: Arena<HostRecord>,
    /// Records that lie in no vmctx block: those of things that the host made.
    func_records: Arena<FuncRecord>,
    memory_records: Arena<MemoryRecord>,
    table_records: Arena<TableRecord>,
    global_values: Arena<GlobalValue>,
    /// Every image that an instance uses, by ascending address.
    pub(crate) images: Vec<Module>,
    pub(crate) fault_map: FaultMap,
    /// Why a host function's status was not 0, until the trap has reached the host's call.
    pub(crate) pending: Option<Pending>,
    memory_model: MemoryModel,
    memory_pages_max: u64,
    stack_len: usize,
    /// Lowest address of the guest stack of the current outermost call.
    stack_low: usize,
    stack_limit: usize,
    max_frame: usize,
    /// The thread and the page of its stack for which the limit is right, and from where an outermost call needs
    /// no preparation.
    ready: (u64, usize),
    /// The innermost call from the host.
    pub(crate) call: Call,
    /// Outermost calls so far, as long as they can be interrupted. Wraps.
    calls: u32,
    /// There once somebody may want to interrupt a call.
    pub(crate) interruption: Option<Arc<Interruption>>,
    /// Whether instructions are limited, so that all code has to count them.
    is_fueled: bool,
    /// What was noted of the trap that a call is about to end by.
    pub(crate) noted: Option<(u32, RawTrace)>,
}

impl StoreCore {
    fn new() -> StoreCore {
        StoreCore {
            id: StoreId::next(),
            this: NonNull::dangling(),
            instances: Arena::new(),
            memories: Arena::new(),
            tables: Arena::new(),
            globals: Arena::new(),
            tags: Arena::new(),
            heap: Heap::new(),
            handles: RefCell::default(),
            externals: Externals::default(),
            cells: Cells::first(Ptr(std::ptr::null_mut())),
            last_roots: RootFrame::LAST,
            host_records: Arena::new(),
            func_records: Arena::new(),
            memory_records: Arena::new(),
            table_records: Arena::new(),
            global_values: Arena::new(),
            images: Vec::new(),
            fault_map: FaultMap::new(),
            pending: None,
            memory_model: if usize::BITS == 64 { MemoryModel::Guard } else { MemoryModel::Checked },
            memory_pages_max: u64::MAX,
            stack_len: DEFAULT_STACK_LEN,
            stack_low: 0,
            stack_limit: 0,
            max_frame: 0,
            ready: (0, 0),
            call: Call::NONE,
            calls: 0,
            interruption: None,
            is_fueled: false,
            noted: None,
        }
    }

    pub(crate) fn id(&self) -> StoreId {
        self.id
    }

    pub(crate) fn this(&self) -> NonNull<StoreCore> {
        self.this
    }

    pub(crate) fn memory(&self, memory: Memory) -> &MemoryData {
        memory.store.check(self.id);
        &self.memories[memory.index]
    }

    pub(crate) fn memory_mut(&mut self, memory: Memory) -> &mut MemoryData {
        memory.store.check(self.id);
        &mut self.memories[memory.index]
    }

    pub(crate) fn table(&self, table: Table) -> &TableData {
        table.store.check(self.id);
        &self.tables[table.index]
    }

    pub(crate) fn table_mut(&mut self, table: Table) -> &mut TableData {
        table.store.check(self.id);
        &mut self.tables[table.index]
    }

    pub(crate) fn global(&self, global: Global) -> &GlobalData {
        global.store.check(self.id);
        &self.globals[global.index]
    }

    pub(crate) fn memory_pages_max(&self) -> u64 {
        self.memory_pages_max
    }

    pub(crate) fn new_host_memory(&mut self, ty: MemoryType) -> Result<Memory, Error> {
        if ty.shared {
            return Err(MemoryError::Shared.into());
        }
        let index = self.memory_records.push(MemoryRecord { base: Ptr(std::ptr::null_mut()), len_bytes: 0 });
        // SAFETY: the arena lives as long as the store, and so as the memory.
        let record = unsafe { Slot::new(self.memory_records.pointer(index)) };
        let memory = MemoryData::new(ty, self.memory_model, self.memory_pages_max, record)?;
        let index = self.memories.push(memory);
        self.refresh_fault_map();
        Ok(Memory { store: self.id, index })
    }

    /// The store's number for a shared memory, the same one whenever it is asked for.
    pub(crate) fn share_memory(&mut self, shared: &SharedMemory) -> Memory {
        let known = self.memories.iter().position(|memory| memory.as_shared().is_some_and(|known| known.is(shared)));
        let index = known.map_or_else(|| self.memories.push(MemoryData::shared(shared.clone())), |index| index as u32);
        self.refresh_fault_map();
        Memory { store: self.id, index }
    }

    pub(crate) fn new_host_table(&mut self, ty: TableType, init: RawRef) -> Result<Table, Error> {
        let index = self.table_records.push(TableRecord { elements: Ptr(std::ptr::null_mut()), count: 0 });
        // SAFETY: the arena lives as long as the store, and so as the table.
        let record = unsafe { Slot::new(self.table_records.pointer(index)) };
        let table = TableData::new(ty, record)?;
        // All elements exist, so this cannot fail.
        let _ = table.elements.fill(0, init, ty.min);
        Ok(Table { store: self.id, index: self.tables.push(table) })
    }

    pub(crate) fn new_host_global(&mut self, ty: GlobalType, value: GlobalValue) -> Global {
        let index = self.global_values.push(value);
        // SAFETY: the arena lives as long as the store, and so as the global.
        let value = unsafe { Slot::new(self.global_values.pointer(index)) };
        Global { store: self.id, index: self.globals.push(GlobalData { ty, value }) }
    }

    /// Makes the record that one importer of a host function, or the host itself, refers to it by.
    pub(crate) fn new_host_record(&mut self, func: Arc<HostFunc>, instance: Option<u32>) -> NonNull<HostRecord> {
        let index = self.host_records.push(HostRecord::new(func, self.this, instance));
        self.host_records.pointer(index)
    }

    /// Makes a function record that lies in no instance.
    pub(crate) fn new_func_record(&mut self, record: FuncRecord) -> Slot<FuncRecord> {
        let index = self.func_records.push(record);
        // SAFETY: the arena lives as long as the store, and so as the record.
        unsafe { Slot::new(self.func_records.pointer(index)) }
    }

    /// Address of a thunk for host functions of this type, if an image has one.
    pub(crate) fn find_thunk(&self, type_id: TypeId) -> *mut u8 {
        let thunk = self.images.iter().find_map(|image| image.code().thunk_address(image.type_index(type_id)?));
        std::ptr::with_exposed_provenance_mut(thunk.unwrap_or(0))
    }

    /// Takes note of an image that an instance is about to use.
    pub(crate) fn add_image(&mut self, module: &Module) -> Result<(), Error> {
        if self.images.iter().any(|image| image.is(module)) {
            return Ok(());
        }
        if self.is_fueled && !module.counts_fuel() {
            return Err(LimitError::NoFuel.into());
        }
        let max_frame = self.max_frame.max(module.image().header().max_frame as usize);
        self.check_stack(max_frame)?;
        let start = module.code_range().start;
        let at = self.images.partition_point(|image| image.code_range().start < start);
        self.images.insert(at, module.clone());
        if max_frame > self.max_frame {
            self.max_frame = max_frame;
            // At once, should a call be running; otherwise the next one finds a limit that is too low.
            self.set_stack_limit(self.stack_low);
        }
        self.give_thunks();
        Ok(())
    }

    /// Host functions of the host's own that no guest could call so far may have a thunk now.
    fn give_thunks(&mut self) {
        for index in 0..self.func_records.len() {
            let record = self.func_records[index];
            if record.code.0.is_null() {
                // SAFETY: the slot of a record that was made for a function of some type.
                let ty = unsafe { TypeId::from_slot(record.type_id) };
                let code = Ptr(self.find_thunk(ty));
                self.func_records[index] = FuncRecord { code, ..record };
            }
        }
    }

    /// Tells the signal handler which faults are the guests'.
    pub(crate) fn refresh_fault_map(&mut self) {
        let code = self.images.iter().map(|image| (image.code_range().start, image.code_range().end));
        let memory = self.memories.iter().filter_map(MemoryData::reservation);
        self.fault_map.set(code, memory);
    }

    fn check_stack(&self, max_frame: usize) -> Result<(), LimitError> {
        let needed = max_frame + HOST_STACK_RESERVE;
        if needed < self.stack_len {
            return Ok(());
        }
        Err(LimitError::Stack { needed, stack_len: self.stack_len })
    }

    pub(crate) fn stack_limit(&self) -> usize {
        self.stack_limit
    }

    /// The list of root frames while no call is running.
    pub(crate) fn no_roots(&mut self) -> Ptr<RootFrame> {
        Ptr(&raw mut self.last_roots)
    }

    /// Whether a call from the host with the stack pointer at `sp` is an outermost one for which all is prepared.
    #[inline]
    pub(crate) fn is_ready(&self, sp: usize) -> bool {
        self.ready == (unix::thread_id(), sp / STACK_STEP) && !self.is_running()
    }

    /// Whether a call from the host has not returned yet.
    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        self.call.activation.saved_sp != 0
    }

    /// Prepares for a call from the host with the stack pointer at `sp`.
    pub(crate) fn prepare_stack(&mut self, sp: usize) -> Result<(), Error> {
        if !self.is_running() {
            self.prepare_outermost(sp)?;
        }
        if sp > self.stack_limit { Ok(()) } else { Err(Trap::new(TrapCode::StackOverflow).into()) }
    }

    fn prepare_outermost(&mut self, sp: usize) -> Result<(), LimitError> {
        self.check_stack(self.max_frame)?;
        let low = sp.saturating_sub(self.stack_len).max(unix::stack_lowest(sp));
        // In whole pages, so that calls from about the same depth find the limit unchanged.
        let low = low.next_multiple_of(STACK_STEP);
        if low != self.stack_low {
            self.set_stack_limit(low);
        }
        let page = sp / STACK_STEP;
        if page * STACK_STEP > self.stack_limit && self.interruption.is_none() {
            self.ready = (unix::thread_id(), page);
        }
        Ok(())
    }

    /// A call from the host begins, perhaps an outermost one: the guest's code runs from now on. What
    /// [`call_ended`](Self::call_ended) is to be given.
    pub(crate) fn call_begins(&mut self, outermost: bool) -> bool {
        let Some(interruption) = &self.interruption else { return false };
        if outermost {
            self.calls = self.calls.wrapping_add(1);
            interruption.begin(self.calls);
        }
        interruption.set_in_host(false)
    }

    /// That call has ended, and what was before goes on.
    pub(crate) fn call_ended(&mut self, outermost: bool, was_in_host: bool) {
        if let Some(interruption) = &self.interruption {
            interruption.set_in_host(was_in_host);
            if outermost {
                interruption.end();
            }
        }
    }

    fn set_stack_limit(&mut self, stack_low: usize) {
        self.stack_low = stack_low;
        self.stack_limit = stack_low + self.max_frame + HOST_STACK_RESERVE;
        for instance in self.instances.iter() {
            instance.guest.block().stack_limit().set(self.stack_limit as u64);
        }
    }
}

/// The core first, so that a pointer to one is a pointer to the other.
#[repr(C)]
struct StoreInner<T> {
    core: StoreCore,
    data: T,
}

/// Owns everything that instances are made of, and the host's `data`. It lives until the last of them
/// is of no more use: nothing in a store is freed before the store is.
#[derive(Debug)]
pub struct Store<T> {
    /// A pointer rather than a box, because compiled code and host records hold it too.
    inner: NonNull<StoreInner<T>>,
    owned: PhantomData<StoreInner<T>>,
}

// SAFETY: nothing in a store is tied to a thread while no call is running, and while one runs the
// store is borrowed. Host functions are `Send`.
unsafe impl<T: Send> Send for Store<T> {}

impl<T> Store<T> {
    /// An empty store.
    pub fn new(data: T) -> Store<T> {
        let inner = Box::new(StoreInner { core: StoreCore::new(), data });
        let mut inner = NonNull::from(Box::leak(inner));
        // SAFETY: leaked just now, and nobody else has the address.
        let core = unsafe { &mut inner.as_mut().core };
        core.this = inner.cast();
        core.call = Call::of(core.this);
        core.cells.roots = core.no_roots();
        Store { inner, owned: PhantomData }
    }

    /// The host's data.
    pub fn data(&self) -> &T {
        self.as_context().into_data()
    }

    /// The host's data, to be changed.
    pub fn data_mut(&mut self) -> &mut T {
        self.as_context_mut().into_parts().1
    }

    /// Ends the store and gives back the host's data.
    pub fn into_data(self) -> T {
        let inner = self.inner;
        std::mem::forget(self);
        // SAFETY: made by `Box::leak` in `new`; `self` does not drop it any more.
        unsafe { Box::from_raw(inner.as_ptr()) }.data
    }

    /// How much stack a call from the host may use, bytes, its host functions included. The thread
    /// has to have it; where less is left, calls end in the trap "call stack exhausted" earlier.
    pub fn set_stack_len(&mut self, len_bytes: usize) {
        let mut store = self.as_context_mut();
        let core = store.core_mut();
        core.stack_len = len_bytes;
        core.stack_low = 0;
        core.ready = (0, 0);
    }

    /// Model of memories that the host makes from now on. The guard model, the default on 64-bit
    /// machines, serves images of both models and takes 8 GiB of address space for each memory.
    pub fn set_memory_model(&mut self, model: MemoryModel) {
        self.as_context_mut().core_mut().memory_model = model;
    }

    /// The most Wasm pages that a memory made from now on can have.
    pub fn set_memory_pages_max(&mut self, pages: u64) {
        self.as_context_mut().core_mut().memory_pages_max = pages;
    }

    /// How many bytes the objects of guests may take, those included that nothing refers to any more. What would take
    /// more ends in the trap "allocation failed".
    pub fn set_objects_max(&mut self, len_bytes: usize) {
        self.as_context_mut().core_mut().heap.set_limit(len_bytes);
    }

    /// How many instructions guests may execute from now on, all calls together; a guest that comes to more traps. Images
    /// count them if they were compiled for it (`--fuel`), others cannot be in the store then: an error, now or when they
    /// are instantiated.
    ///
    /// Each instruction counts 1, and so does each call of a guest's function; `block`, `loop`, `else`, `end`, `nop`, `drop`,
    /// `return` and `unreachable` count 0. What comes between two branches is counted at its start; whether it was too
    /// much is found out where the next function or round of a loop begins. All of that is the same on every machine.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<(), Error> {
        let mut store = self.as_context_mut();
        let core = store.core_mut();
        if core.images.iter().any(|image| !image.counts_fuel()) {
            return Err(LimitError::NoFuel.into());
        }
        core.is_fueled = true;
        (core.cells.fuel_used, core.cells.fuel_end) = (0, fuel.min(FUEL_MAX) + 1);
        Ok(())
    }

    /// How many of these instructions are left; `None` without [`set_fuel`](Self::set_fuel). After a trap other than for
    /// want of fuel it may be too many: those are not counted that the function that trapped has executed since it was
    /// called, or called another one.
    pub fn fuel(&self) -> Option<u64> {
        let core = self.as_context().into_core();
        core.is_fueled.then(|| (core.cells.fuel_end - 1).saturating_sub(core.cells.fuel_used))
    }

    /// Collects at every allocation: for tests, since it shows what has been forgotten.
    #[doc(hidden)]
    pub fn stress_collector(&mut self) {
        self.as_context_mut().core_mut().heap.stressed = true;
    }

    /// Lets go of the references to exceptions and other objects that the host was given up to now, so that what they lead to can be
    /// reclaimed. Using one of them later panics, as it does with a handle of another store.
    pub fn release_references(&mut self) {
        self.as_context_mut().core_mut().handles.get_mut().release();
    }

    /// What other threads can stop this store's calls by.
    ///
    /// ```no_run
    /// # use std::{thread, time::Duration};
    /// # use wasmc_runtime::{Error, Store, TypedFunc};
    /// # fn call(store: &mut Store<()>, func: TypedFunc<(), ()>) -> Result<(), Error> {
    /// let handle = store.interrupt_handle();
    /// thread::spawn(move || {
    ///     thread::sleep(Duration::from_secs(1));
    ///     handle.interrupt();
    /// });
    /// func.call(store, ()) // ends after a second, if not before, with the trap "interrupted"
    /// # }
    /// ```
    pub fn interrupt_handle(&mut self) -> InterruptHandle {
        trap::install_interruption_handler();
        let mut store = self.as_context_mut();
        store.core_mut().ready = (0, 0);
        InterruptHandle(store.core_mut().interruption.get_or_insert_default().clone())
    }

    #[cfg(test)]
    pub(crate) fn core(&self) -> &StoreCore {
        self.as_context().into_core()
    }
}

impl<T> Drop for Store<T> {
    fn drop(&mut self) {
        // SAFETY: made by `Box::leak` in `new`. No call is running, since it would borrow the store.
        drop(unsafe { Box::from_raw(self.inner.as_ptr()) });
    }
}

/// A store as it is lent for looking at.
#[derive(Debug)]
pub struct StoreContext<'a, T> {
    inner: NonNull<StoreInner<T>>,
    lent: PhantomData<&'a StoreInner<T>>,
}

/// A store as it is lent for use.
#[derive(Debug)]
pub struct StoreContextMut<'a, T> {
    inner: NonNull<StoreInner<T>>,
    lent: PhantomData<&'a mut StoreInner<T>>,
}

impl<'a, T> StoreContext<'a, T> {
    pub(crate) fn core(&self) -> &StoreCore {
        // SAFETY: the store is alive and lent to us for `'a`.
        unsafe { &self.inner.as_ref().core }
    }

    pub(crate) fn into_core(self) -> &'a StoreCore {
        // SAFETY: as above.
        unsafe { &self.inner.as_ref().core }
    }

    pub(crate) fn into_data(self) -> &'a T {
        // SAFETY: as above.
        unsafe { &self.inner.as_ref().data }
    }

    /// The host's data.
    pub fn data(&self) -> &T {
        // SAFETY: as above.
        unsafe { &self.inner.as_ref().data }
    }
}

impl<'a, T> StoreContextMut<'a, T> {
    /// The store that a host function was called in.
    ///
    /// # Safety
    /// `core` belongs to a `Store<T>`, which is lent to the running call, and nobody else uses that
    /// store during `'a`.
    pub(crate) unsafe fn from_core(core: NonNull<StoreCore>) -> StoreContextMut<'a, T> {
        StoreContextMut { inner: core.cast(), lent: PhantomData }
    }

    /// The pointer that calls into compiled code are made with.
    pub(crate) fn core_pointer(&mut self) -> NonNull<StoreCore> {
        self.inner.cast()
    }

    pub(crate) fn core(&self) -> &StoreCore {
        // SAFETY: the store is alive and lent to us for `'a`.
        unsafe { &self.inner.as_ref().core }
    }

    pub(crate) fn core_mut(&mut self) -> &mut StoreCore {
        // SAFETY: as above, mutably.
        unsafe { &mut self.inner.as_mut().core }
    }

    pub(crate) fn into_core_mut(self) -> &'a mut StoreCore {
        self.into_parts().0
    }

    pub(crate) fn into_parts(mut self) -> (&'a mut StoreCore, &'a mut T) {
        // SAFETY: as above; `self` ends here.
        let inner = unsafe { self.inner.as_mut() };
        (&mut inner.core, &mut inner.data)
    }

    /// The host's data.
    pub fn data(&self) -> &T {
        // SAFETY: as above.
        unsafe { &self.inner.as_ref().data }
    }

    /// The host's data, to be changed.
    pub fn data_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut self.inner.as_mut().data }
    }
}

/// What gives access to a store for looking: a [`Store`], a [`Caller`](crate::Caller), a context, or a
/// reference to one.
pub trait AsContext {
    /// The host's data in the store.
    type Data;
    /// Lends the store.
    fn as_context(&self) -> StoreContext<'_, Self::Data>;
}

/// What gives access to a store for use: a [`Store`], a [`Caller`](crate::Caller), a context, or a
/// mutable reference to one.
pub trait AsContextMut: AsContext {
    /// Lends the store.
    fn as_context_mut(&mut self) -> StoreContextMut<'_, Self::Data>;
}

impl<T> AsContext for Store<T> {
    type Data = T;
    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext { inner: self.inner, lent: PhantomData }
    }
}
impl<T> AsContextMut for Store<T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut { inner: self.inner, lent: PhantomData }
    }
}

impl<T> AsContext for StoreContext<'_, T> {
    type Data = T;
    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext { inner: self.inner, lent: PhantomData }
    }
}
impl<T> AsContext for StoreContextMut<'_, T> {
    type Data = T;
    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext { inner: self.inner, lent: PhantomData }
    }
}
impl<T> AsContextMut for StoreContextMut<'_, T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut { inner: self.inner, lent: PhantomData }
    }
}

impl<S: AsContext> AsContext for &S {
    type Data = S::Data;
    fn as_context(&self) -> StoreContext<'_, S::Data> {
        S::as_context(self)
    }
}
impl<S: AsContext> AsContext for &mut S {
    type Data = S::Data;
    fn as_context(&self) -> StoreContext<'_, S::Data> {
        S::as_context(self)
    }
}
impl<S: AsContextMut> AsContextMut for &mut S {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, S::Data> {
        S::as_context_mut(self)
    }
}
