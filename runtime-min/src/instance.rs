//! Instances. In: a module and something for each of its imports. Out: an [`Instance`], made in the
//! spec's order (spec: exec/modules, instantiation).

use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use wasmc_abi::TrapCode;
use wasmc_abi::image::ExternKind;
use wasmc_abi::profile::{self, PartHeader};

#[cfg(feature = "gc")]
use crate::arrays::{self, Objects};
#[cfg(feature = "gc")]
use crate::builtins::Segment;
use crate::builtins::{Expected, Growth};
use crate::error::{Error, ExportError, LimitError};
use crate::exception::Tag;
#[cfg(feature = "gc")]
use crate::exception::Thrown;
use crate::func::{self, Func, TypedFunc};
use crate::global::{Global, GlobalData};
use crate::guest::Guest;
use crate::host::HostFunc;
use crate::imports::{self, Import};
use crate::memory::{Memory, MemoryData};
use crate::module::{self, Module};
use crate::parking;
use crate::shared::SharedMemory;
use crate::storage::Zeroed;
use crate::store::{AsContext, AsContextMut, StoreCore, StoreId};
use crate::table::{Table, TableData};
use crate::trap::{self, Trap};
use crate::types::{ExternType, FuncType};
use crate::value::WasmValues;
use crate::vmctx::{Block, FuncRecord, Ptr, RawRef, Slot};

/// An instance of a module, in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// Something that can be imported or exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A table.
    Table(Table),
    /// A linear memory.
    Memory(Memory),
    /// A global.
    Global(Global),
    /// An exception tag.
    Tag(Tag),
}

macro_rules! extern_from {
    ($($variant:ident $into:ident;)*) => {$(
        impl From<$variant> for Extern {
            fn from(item: $variant) -> Extern {
                Extern::$variant(item)
            }
        }
    )*
        impl Extern {
            $(
                #[doc = concat!("The ", stringify!($into), ", if it is one.")]
                pub fn $into(self) -> Option<$variant> {
                    if let Extern::$variant(item) = self { Some(item) } else { None }
                }
            )*
        }
    };
}
extern_from! {
    Func func;
    Table table;
    Memory memory;
    Global global;
    Tag tag;
}

impl Extern {
    /// Its type; sizes are the current ones.
    pub fn ty(&self, store: &impl AsContext) -> ExternType {
        store.as_context().core().extern_type(self)
    }
}

impl StoreCore {
    pub(crate) fn extern_type(&self, item: &Extern) -> ExternType {
        match *item {
            Extern::Func(func) => {
                func.store.check(self.id());
                ExternType::Func(func.type_id().ty().clone())
            }
            Extern::Table(table) => ExternType::Table(self.table(table).ty()),
            Extern::Memory(memory) => ExternType::Memory(self.memory(memory).ty()),
            Extern::Global(global) => ExternType::Global(self.global(global).ty),
            Extern::Tag(tag) => ExternType::Tag(self.tag(tag).ty.ty().clone()),
        }
    }
}

/// The runtime's own record of an instance. Lists are in the order of the module's index spaces,
/// imports first, and hold numbers of the store.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct InstanceData {
    /// First, so that the address of one is that of the other.
    pub(crate) guest: Guest,
    pub(crate) store: NonNull<StoreCore>,
    store_id: StoreId,
    module: Module,
    /// The vmctx block, and the segments' flags behind it.
    storage: Zeroed,
    memories: Vec<u32>,
    tables: Vec<u32>,
    globals: Vec<u32>,
    tags: Vec<u32>,
    /// The memory that host functions are given.
    main_memory: Option<u32>,
}

impl InstanceData {
    pub(crate) fn main_memory(&self) -> Option<u32> {
        self.main_memory
    }

    fn find_export(&self, name: &str) -> Option<Extern> {
        let export = self.guest.image().find_export(name)?;
        self.item(ExternKind::from_number(export.kind)?, export.index)
    }

    /// A thing in one of the module's index spaces.
    fn item(&self, kind: ExternKind, index: u32) -> Option<Extern> {
        let store = self.store_id;
        let number = |list: &[u32]| list.get(index as usize).copied();
        Some(match kind {
            ExternKind::Function => Extern::Func(Func { store, record: self.guest.function(index)? }),
            ExternKind::Table => Extern::Table(Table { store, index: number(&self.tables)? }),
            ExternKind::Memory => Extern::Memory(Memory { store, index: number(&self.memories)? }),
            ExternKind::Global => Extern::Global(Global { store, index: number(&self.globals)? }),
            ExternKind::Tag => Extern::Tag(Tag { store, index: number(&self.tags)? }),
        })
    }
}

/// Instances of a store: their memories and tables grow by what the system gives.
pub(crate) struct Hosted;

impl Growth for Hosted {
    unsafe fn grow_memory(guest: NonNull<Guest>, memory: u32, delta_pages: u64) -> Option<u64> {
        // SAFETY: the record is the first field of an `InstanceData` of a store, which is lent to the call
        // that the guest runs in, and that waits for the helper.
        let (store, memory) = unsafe {
            let instance = guest.cast::<InstanceData>().as_ref();
            (&mut *instance.store.as_ptr(), instance.memories[memory as usize])
        };
        store.memories[memory].grow(delta_pages)
    }

    unsafe fn grow_table(guest: NonNull<Guest>, table: u32, delta: u64, value: RawRef) -> Option<u64> {
        // SAFETY: as above.
        let (store, table) = unsafe {
            let instance = guest.cast::<InstanceData>().as_ref();
            (&mut *instance.store.as_ptr(), instance.tables[table as usize])
        };
        store.tables[table].grow(delta, value)
    }

    unsafe fn wait(address: NonNull<u8>, expected: Expected, timeout: Option<Duration>) -> u32 {
        // SAFETY: by the caller's promise.
        unsafe { parking::wait(address, expected, timeout, trap::interruption().as_deref()) as u32 }
    }

    fn notify(address: NonNull<u8>, count: u32) -> u32 {
        parking::notify(address, count)
    }

    #[cfg(feature = "gc")]
    unsafe fn new_exception(guest: NonNull<Guest>, tag: u32) -> Option<u64> {
        // SAFETY: as above.
        let (store, tag) = unsafe {
            let instance = guest.cast::<InstanceData>().as_ref();
            (&mut *instance.store.as_ptr(), instance.tags[tag as usize])
        };
        store.new_exception(tag).map(Thrown::reference)
    }

    #[cfg(feature = "gc")]
    unsafe fn new_object(guest: NonNull<Guest>, record: u64, count: u64) -> Result<u64, TrapCode> {
        // SAFETY: as above.
        unsafe { store_of(guest).new_object(record, count) }
    }

    #[cfg(feature = "gc")]
    unsafe fn new_array(
        guest: NonNull<Guest>,
        record: u64,
        segment: Segment,
        from: u64,
        count: u64,
    ) -> Result<u64, TrapCode> {
        // SAFETY: as above; the record of the instance is no part of the store's own.
        let (core, guest) = unsafe { (store_of(guest), guest.as_ref()) };
        // SAFETY: as above.
        unsafe { arrays::new_array(core, guest, record, segment, from, count) }
    }

    #[cfg(feature = "gc")]
    unsafe fn init_array(
        guest: NonNull<Guest>,
        array: u64,
        segment: Segment,
        to: u64,
        from: u64,
        count: u64,
    ) -> Result<(), TrapCode> {
        // SAFETY: as above.
        unsafe { arrays::init_array::<StoreCore>(guest.as_ref(), array, segment, to, from, count) }
    }

    unsafe fn any_from_extern(guest: NonNull<Guest>, reference: u64) -> Option<u64> {
        // SAFETY: as above.
        unsafe { store_of(guest) }.any_from_extern(reference)
    }

    unsafe fn extern_from_any(guest: NonNull<Guest>, reference: u64) -> Option<u64> {
        // SAFETY: as above.
        unsafe { store_of(guest).extern_from_any(reference) }
    }

    #[inline]
    fn is_interrupted() -> bool {
        trap::is_interrupted()
    }
}

/// The store of an instance.
///
/// # Safety
/// As [`Growth::grow_memory`]; the reference ends with the helper.
unsafe fn store_of<'a>(guest: NonNull<Guest>) -> &'a mut StoreCore {
    // SAFETY: the record is the first field of an `InstanceData` of a store, which is lent to the call that the guest
    // runs in, and that waits for the helper.
    unsafe { &mut *guest.cast::<InstanceData>().as_ref().store.as_ptr() }
}

/// Makes an instance and runs its start function.
pub(crate) fn instantiate(
    store: &mut impl AsContextMut,
    module: &Module,
    imports: &[Import],
) -> Result<Instance, Error> {
    let mut store = store.as_context_mut();
    let core = store.core_mut();
    let index = core.allocate(module, imports)?;
    let id = core.id();
    let computing = core.instances[index].guest.initialise_globals();
    if let Some(record) = computing.map(|function| core.function_to_call(index, function)) {
        // It says nothing of what it holds.
        core.heap.pause(true);
        let result = Func { store: id, record }.call(&mut store, &[]);
        store.core_mut().heap.pause(false);
        result?;
    }
    let core = store.core_mut();
    core.initialise(index).map_err(Trap::new)?;
    let start = core.instances[index].guest.start_function();
    if let Some(record) = start.map(|function| core.function_to_call(index, function)) {
        Func { store: id, record }.call(&mut store, &[])?;
    }
    Ok(Instance { store: id, index })
}

impl StoreCore {
    /// Allocates an instance and links its imports, which have been checked. From here on it lives
    /// as long as the store, whatever becomes of its start: others may get hold of its functions.
    fn allocate(&mut self, module: &Module, imports: &[Import]) -> Result<u32, Error> {
        self.add_image(module)?;
        let image = module.image();
        let (block_len, flags_len) = (image.header().vmctx_len as usize, Guest::flag_count(&image) as usize);
        let error = LimitError::Instance { len_bytes: (block_len + flags_len) as u64 };
        let storage = Zeroed::new(block_len + flags_len).ok_or(error)?;
        // SAFETY: the storage goes where the record goes, with the module, which keeps the code.
        let guest = unsafe { Guest::new(module.code(), storage.start(), storage.start().add(block_len)) };
        let (index, block) = (self.instances.len(), *guest.block());

        let (mut memories, mut tables, mut globals, mut tags) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut functions = 0;
        for (record, import) in image.imports().iter().zip(imports) {
            match import {
                Import::Host(func) => {
                    let func = self.import_host(module, record.ty, func, index)?;
                    block.imported_function(functions).set(func);
                    functions += 1;
                }
                Import::Extern(Extern::Func(func)) => {
                    let func = self.import_func(module, record.ty, func, index)?;
                    block.imported_function(functions).set(func);
                    functions += 1;
                }
                Import::Shared(shared) => {
                    let memory = self.share_memory(shared);
                    Block::link(block.memory(memories.len() as u32), shared.record());
                    memories.push(memory.index);
                }
                Import::Extern(Extern::Memory(memory)) => {
                    let slot = block.memory(memories.len() as u32);
                    Block::link(slot, self.memories[memory.index].record());
                    memories.push(memory.index);
                }
                Import::Extern(Extern::Table(table)) => {
                    let slot = block.table(tables.len() as u32);
                    Block::link(slot, self.tables[table.index].record());
                    tables.push(table.index);
                }
                Import::Extern(Extern::Global(global)) => {
                    let slot = block.global(globals.len() as u32);
                    let GlobalData { ty, value } = self.globals[global.index];
                    if ty.mutable {
                        Block::link(slot, value)
                    } else {
                        slot.set(value.get())
                    }
                    globals.push(global.index);
                }
                Import::Extern(Extern::Tag(tag)) => tags.push(tag.index),
            }
        }

        // What can fail comes first, so that a failure leaves nothing behind.
        let (mut new_memories, mut new_tables) = (Vec::new(), Vec::new());
        for (i, record) in (0..).zip(image.memories().iter()).skip(memories.len()) {
            let (ty, limit, model) = (module::memory_type(&record), self.memory_pages_max(), module.memory_model());
            new_memories.push(if ty.shared {
                let shared = SharedMemory::with_model(ty, model, limit)?;
                Block::link(block.memory(i), shared.record());
                MemoryData::shared(shared)
            } else {
                MemoryData::new(ty, model, limit, block.memory(i))?
            });
        }
        for (i, record) in (0..).zip(image.tables().iter()).skip(tables.len()) {
            new_tables.push(TableData::new(module.table_type(&record), block.table(i))?);
        }
        memories.extend(new_memories.into_iter().map(|memory| self.memories.push(memory)));
        tables.extend(new_tables.into_iter().map(|table| self.tables.push(table)));
        for (i, record) in (0..).zip(image.globals().iter()).skip(globals.len()) {
            let global = GlobalData { ty: module.global_type(&record), value: block.global(i) };
            globals.push(self.globals.push(global));
        }

        for record in image.tags().iter().skip(tags.len()) {
            tags.push(self.new_tag(module.type_ids()[record.ty as usize]).index);
        }
        for (i, tag) in (0..).zip(&tags) {
            block.tag(i).set(Ptr(self.tags.pointer(*tag).as_ptr()));
        }

        guest.fill(|ty| module.type_ids()[ty as usize].to_slot());
        block.stack_limit().set(self.stack_limit() as u64);
        block.store().set(Ptr(&raw mut self.cells));
        // What code counts in is not the guest's, nor for what it imports.
        let is_guests = |index: &u32| image.find_export(profile::EXPORT).is_none_or(|export| export.index != *index);
        let main_memory = guest.main_memory().filter(is_guests);
        let main_memory = main_memory.and_then(|index| memories.get(index as usize).copied());
        let (store, store_id, module) = (self.this(), self.id(), module.clone());
        let instance =
            InstanceData { guest, store, store_id, module, storage, memories, tables, globals, tags, main_memory };
        self.instances.push(instance);
        block.runtime().set(Ptr(self.instances.pointer(index).as_ptr()));
        self.refresh_fault_map();
        Ok(index)
    }

    /// The record of an imported host function: its own for each importer, which it says who it is.
    fn import_host(
        &mut self,
        module: &Module,
        ty: u32,
        func: &Arc<HostFunc>,
        instance: u32,
    ) -> Result<FuncRecord, LimitError> {
        let thunk = module.code().thunk_address(ty).ok_or(LimitError::NoThunk)?;
        Ok(FuncRecord {
            code: Ptr(std::ptr::with_exposed_provenance_mut(thunk)),
            vmctx: Ptr(self.new_host_record(func.clone(), Some(instance)).as_ptr().cast()),
            type_id: func.type_id().to_slot(),
            entry: func::host_entry(),
            tail: Ptr(std::ptr::null_mut()),
        })
    }

    /// The record of an imported function: for a guest's, a copy of its own, so that calls are direct.
    fn import_func(&mut self, module: &Module, ty: u32, func: &Func, instance: u32) -> Result<FuncRecord, LimitError> {
        let record = func.record.get();
        match func::host_func(&record) {
            Some(host) => self.import_host(module, ty, &host, instance),
            None => Ok(record),
        }
    }

    /// Gives tables and memories their contents.
    fn initialise(&mut self, index: u32) -> Result<(), TrapCode> {
        let StoreCore { instances, memories, .. } = self;
        let instance = &instances[index];
        let file = instance.module.file();
        instance.guest.initialise(|run, contents| {
            let memory = &mut memories[instance.memories[run.memory as usize]];
            file.is_some_and(|file| memory.initialise(run.address, contents, file, run.data_offset.into()))
        })
    }

    /// The record of a function of an instance, for a call. If others cannot refer to it, it gets one here.
    fn function_to_call(&mut self, index: u32, function: u32) -> Slot<FuncRecord> {
        let guest = &self.instances[index].guest;
        if let Some(record) = guest.function(function) {
            return record;
        }
        let record = guest.callable(function);
        self.new_func_record(record)
    }
}

impl Instance {
    /// Makes an instance with these imports, in the module's order. See also [`Linker`](crate::Linker).
    ///
    /// A failure after memories and tables have been written to leaves what was written to imported
    /// ones, as the specification says, and functions that were put into tables stay callable.
    pub fn new(store: &mut impl AsContextMut, module: &Module, imports: &[Extern]) -> Result<Instance, Error> {
        let context = store.as_context();
        let find = |index: usize, _: &str, _: &str| imports.get(index).map(|i| Import::Extern(*i));
        let imports = imports::resolve(context.core(), module, find)?;
        instantiate(store, module, &imports)
    }

    fn data(self, core: &StoreCore) -> &InstanceData {
        self.store.check(core.id());
        &core.instances[self.index]
    }

    /// The module that it is an instance of.
    pub fn module(&self, store: &impl AsContext) -> Module {
        self.data(store.as_context().core()).module.clone()
    }

    /// An export.
    pub fn get_export(&self, store: &impl AsContext, name: &str) -> Option<Extern> {
        self.data(store.as_context().core()).find_export(name)
    }

    /// Every export, with its name, in the module's order.
    pub fn exports(&self, store: &impl AsContext) -> Vec<(String, Extern)> {
        let store = store.as_context();
        let data = self.data(store.core());
        let image = data.module.image();
        let exports = image.exports().iter().filter_map(|export| {
            let item = data.item(ExternKind::from_number(export.kind)?, export.index)?;
            Some((image.export_name(&export).into(), item))
        });
        exports.collect()
    }

    /// What its code has counted so far, if it was compiled with `--profile-generate`: a profile for `--profile-use`. Those
    /// of several instances, or of several runs, are one profile if they are written one after another.
    pub fn profile(&self, store: &impl AsContext) -> Option<Vec<u8>> {
        let memory = self.get_memory(store, profile::EXPORT)?;
        let bytes = memory.data(store);
        let head = profile::sealed_head(bytes)?;
        Some([&head.to_bytes(), bytes.get(PartHeader::LEN..head.len as usize)?].concat())
    }

    /// An exported function.
    pub fn get_func(&self, store: &impl AsContext, name: &str) -> Option<Func> {
        self.get_export(store, name)?.func()
    }

    /// An exported memory.
    pub fn get_memory(&self, store: &impl AsContext, name: &str) -> Option<Memory> {
        self.get_export(store, name)?.memory()
    }

    /// An exported table.
    pub fn get_table(&self, store: &impl AsContext, name: &str) -> Option<Table> {
        self.get_export(store, name)?.table()
    }

    /// An exported global.
    pub fn get_global(&self, store: &impl AsContext, name: &str) -> Option<Global> {
        self.get_export(store, name)?.global()
    }

    /// An exported exception tag.
    pub fn get_tag(&self, store: &impl AsContext, name: &str) -> Option<Tag> {
        self.get_export(store, name)?.tag()
    }

    /// An exported function whose type is that of these Rust types.
    pub fn get_typed_func<Params: WasmValues, Results: WasmValues>(
        &self,
        store: &impl AsContext,
        name: &str,
    ) -> Result<TypedFunc<Params, Results>, Error> {
        let func = match self.get_export(store, name) {
            Some(Extern::Func(func)) => func,
            Some(other) => {
                let found = other.ty(store);
                return Err(ExportError::NotAFunction { name: name.into(), found }.into());
            }
            None => return Err(ExportError::Missing { name: name.into() }.into()),
        };
        func.typed(store).map_err(|_| {
            let wanted = FuncType::new(Params::types(), Results::types());
            ExportError::OtherType { name: name.into(), wanted, found: func.ty(store) }.into()
        })
    }
}
