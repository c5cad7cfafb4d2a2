//! Instances. In: a module and something for each of its imports. Out: an [`Instance`], made in the
//! spec's order (spec: exec/modules, instantiation).

use std::ptr::NonNull;
use std::sync::Arc;

use wasmc_abi::TrapCode;
use wasmc_abi::image::{ElementItem, ExternKind, ITEM_GLOBAL, InitKind, NONE, SegmentMode};
use wasmc_abi::vmctx::memory_record;

use crate::error::{Error, ExportError, LimitError};
use crate::func::{self, Func, TypedFunc};
use crate::global::{Global, GlobalData};
use crate::host::HostFunc;
use crate::imports::{self, Import};
use crate::memory::{Memory, MemoryData};
use crate::module::{self, Module};
use crate::store::{AsContext, AsContextMut, StoreCore, StoreId};
use crate::table::{Table, TableData};
use crate::trap::Trap;
use crate::types::{ExternType, FuncType};
use crate::value::WasmValues;
use crate::vmctx::{FuncRecord, Ptr, RawRef, Slot, VmBlock};

// `VmBlock::link` fills a whole slot of each kind.
const _: () = assert!(memory_record::LEN == 16);

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
        }
    }
}

/// The runtime's own record of an instance. Lists are in the order of the module's index spaces,
/// imports first, and hold numbers of the store.
#[derive(Debug)]
pub(crate) struct InstanceData {
    pub(crate) store: NonNull<StoreCore>,
    store_id: StoreId,
    pub(crate) index: u32,
    module: Module,
    pub(crate) block: VmBlock,
    pub(crate) memories: Vec<u32>,
    pub(crate) tables: Vec<u32>,
    globals: Vec<u32>,
    dropped_elements: Vec<bool>,
    dropped_data: Vec<bool>,
    /// The memory that host functions are given.
    main_memory: Option<u32>,
}

impl InstanceData {
    pub(crate) fn main_memory(&self) -> Option<u32> {
        self.main_memory
    }

    pub(crate) fn drop_data(&mut self, segment: u32) {
        self.dropped_data[segment as usize] = true;
    }

    pub(crate) fn drop_element(&mut self, segment: u32) {
        self.dropped_elements[segment as usize] = true;
    }

    /// The function record of a function that can be referred to.
    fn function(&self, index: u32) -> Option<Slot<FuncRecord>> {
        let image = self.module.image();
        if index < image.header().imported_functions {
            return Some(self.block.imported_function(index));
        }
        image.escape_index(index).map(|escape| self.block.escaping_function(escape))
    }

    fn reference(&self, function: u32) -> RawRef {
        self.function(function).map_or(RawRef::NULL, RawRef::from_record)
    }

    fn find_export(&self, name: &str) -> Option<Extern> {
        let image = self.module.image();
        let export = image.exports().iter().find(|export| image.export_name(export) == name)?;
        self.item(ExternKind::from_number(export.kind)?, export.index)
    }

    /// A thing in one of the module's index spaces.
    fn item(&self, kind: ExternKind, index: u32) -> Option<Extern> {
        let store = self.store_id;
        let number = |list: &[u32]| list.get(index as usize).copied();
        Some(match kind {
            ExternKind::Function => Extern::Func(Func { store, record: self.function(index)? }),
            ExternKind::Table => Extern::Table(Table { store, index: number(&self.tables)? }),
            ExternKind::Memory => Extern::Memory(Memory { store, index: number(&self.memories)? }),
            ExternKind::Global => Extern::Global(Global { store, index: number(&self.globals)? }),
        })
    }
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
    core.init_globals(index);
    core.init_tables(index).map_err(Trap::new)?;
    core.init_memories(index).map_err(Trap::new)?;
    let id = core.id();
    if let Some(record) = core.start_function(index) {
        Func { store: id, record }.call(&mut store, &[])?;
    }
    Ok(Instance { store: id, index })
}

impl StoreCore {
    /// Allocates an instance and links its imports, which have been checked. From here on it lives
    /// as long as the store, whatever becomes of its start: others may get hold of its functions.
    fn allocate(&mut self, module: &Module, imports: &[Import]) -> Result<u32, Error> {
        self.add_image(module)?;
        let (image, layout) = (module.image(), module.layout());
        let error = LimitError::Instance { len_bytes: layout.len_bytes().unwrap_or(u32::MAX).into() };
        let block = VmBlock::new(layout).ok_or(error)?;
        let (index, header) = (self.instances.len(), image.header());

        let (mut memories, mut tables, mut globals) = (Vec::new(), Vec::new(), Vec::new());
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
                Import::Extern(Extern::Memory(memory)) => {
                    let slot = block.memory(memories.len() as u32);
                    VmBlock::link(slot, self.memories[memory.index].record());
                    memories.push(memory.index);
                }
                Import::Extern(Extern::Table(table)) => {
                    let slot = block.table(tables.len() as u32);
                    VmBlock::link(slot, self.tables[table.index].record());
                    tables.push(table.index);
                }
                Import::Extern(Extern::Global(global)) => {
                    let slot = block.global(globals.len() as u32);
                    let GlobalData { ty, value } = self.globals[global.index];
                    if ty.mutable {
                        VmBlock::link(slot, value)
                    } else {
                        slot.set(value.get())
                    }
                    globals.push(global.index);
                }
            }
        }

        // What can fail comes first, so that a failure leaves nothing behind.
        let (mut new_memories, mut new_tables) = (Vec::new(), Vec::new());
        for (i, record) in (0..).zip(image.memories().iter()).skip(memories.len()) {
            let (ty, limit) = (module::memory_type(&record), self.memory_pages_max());
            new_memories.push(MemoryData::new(ty, module.memory_model(), limit, block.memory(i))?);
        }
        for (i, record) in (0..).zip(image.tables().iter()).skip(tables.len()) {
            new_tables.push(TableData::new(module::table_type(&record), block.table(i))?);
        }
        memories.extend(new_memories.into_iter().map(|memory| self.memories.push(memory)));
        tables.extend(new_tables.into_iter().map(|table| self.tables.push(table)));
        for (i, record) in (0..).zip(image.globals().iter()).skip(globals.len()) {
            let global = GlobalData { ty: module::global_type(&record), value: block.global(i) };
            globals.push(self.globals.push(global));
        }

        for (i, id) in (0..).zip(module.type_ids()) {
            block.type_id(i).set(id.to_slot());
        }
        for (i, escape) in (0..).zip(image.escapes().iter()) {
            let defined = escape.function - header.imported_functions;
            block.escaping_function(i).set(defined_function(module, &block, defined));
        }
        block.stack_limit().set(self.stack_limit() as u64);
        let declared = |mode| mode == SegmentMode::Declared as u32;
        let mut instance = InstanceData {
            store: self.this(),
            store_id: self.id(),
            index,
            module: module.clone(),
            block,
            memories,
            tables,
            globals,
            dropped_elements: image.elements().iter().map(|segment| declared(segment.mode)).collect(),
            dropped_data: image.data_segments().iter().map(|segment| declared(segment.mode)).collect(),
            main_memory: None,
        };
        instance.main_memory = match instance.find_export("memory") {
            Some(Extern::Memory(memory)) => Some(memory.index),
            _ => instance.memories.first().copied(),
        };
        self.instances.push(instance);
        let runtime = Ptr(self.instances.pointer(index).as_ptr());
        self.instances[index].block.runtime().set(runtime);
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

    fn init_globals(&mut self, index: u32) {
        let instance = &self.instances[index];
        let image = instance.module.image();
        let imported = image.header().imported_globals as usize;
        for (i, record) in image.globals().iter().enumerate().skip(imported) {
            let value = match InitKind::from_number(record.init_kind) {
                Some(InitKind::Global) => self.globals[instance.globals[record.init as usize]].value.get(),
                Some(InitKind::Function) => [instance.reference(record.init as u32).bits(), 0],
                Some(InitKind::Const) | None => [record.init, 0],
            };
            self.globals[instance.globals[i]].value.set(value);
        }
    }

    /// The offset of an active segment.
    fn offset(&self, index: u32, kind: u32, operand: u64) -> u64 {
        let bits = match InitKind::from_number(kind) {
            Some(InitKind::Global) => self.globals[self.instances[index].globals[operand as usize]].value.get()[0],
            _ => operand,
        };
        // Tables and memories are indexed by i32; the upper half says nothing.
        u64::from(bits as u32)
    }

    fn init_tables(&mut self, index: u32) -> Result<(), TrapCode> {
        let module = self.instances[index].module.clone();
        for (i, segment) in (0..).zip(module.image().elements().iter()) {
            if segment.mode != SegmentMode::Active as u32 {
                continue;
            }
            let to = self.offset(index, segment.offset_kind, segment.offset);
            self.table_init(index, segment.table, i, to, 0, segment.count.into())?;
            self.instances[index].drop_element(i);
        }
        Ok(())
    }

    fn init_memories(&mut self, index: u32) -> Result<(), TrapCode> {
        let module = self.instances[index].module.clone();
        let image = module.image();
        for run in image.memory_runs().iter() {
            let memory = self.instances[index].memories[run.memory as usize];
            let file = module.file().map(|file| (file, run.data_offset.into()));
            let written = self.memories[memory].initialise(run.address, image.run(&run), file);
            written.ok_or(TrapCode::MemoryOutOfBounds)?;
        }
        for (i, segment) in (0..).zip(image.data_segments().iter()) {
            if segment.mode != SegmentMode::Active as u32 {
                continue;
            }
            let to = self.offset(index, segment.offset_kind, segment.offset);
            self.memory_init(index, segment.memory, i, to, 0, segment.data_len.into())?;
            self.instances[index].drop_data(i);
        }
        Ok(())
    }

    /// The record of the start function. If others cannot refer to it, it
    /// gets one here.
    fn start_function(&mut self, index: u32) -> Option<Slot<FuncRecord>> {
        let instance = &self.instances[index];
        let header = *instance.module.image().header();
        if header.start_function == NONE {
            return None;
        }
        if let Some(record) = instance.function(header.start_function) {
            return Some(record);
        }
        let defined = header.start_function - header.imported_functions;
        let record = defined_function(&instance.module, &instance.block, defined);
        Some(self.new_func_record(record))
    }

    /// `memory.init`.
    pub(crate) fn memory_init(
        &mut self,
        index: u32,
        memory: u32,
        segment: u32,
        to: u64,
        from: u64,
        len: u64,
    ) -> Result<(), TrapCode> {
        let instance = &self.instances[index];
        let image = instance.module.image();
        let data = match image.data_segments().get(segment) {
            Some(record) if !instance.dropped_data[segment as usize] => image.data(&record),
            _ => &[],
        };
        let end = from.checked_add(len).filter(|end| *end <= data.len() as u64);
        let end = end.ok_or(TrapCode::MemoryOutOfBounds)?;
        let memory = &mut self.memories[instance.memories[memory as usize]];
        let written = memory.initialise(to, &data[from as usize..end as usize], None);
        written.ok_or(TrapCode::MemoryOutOfBounds)
    }

    /// `table.init`.
    pub(crate) fn table_init(
        &mut self,
        index: u32,
        table: u32,
        segment: u32,
        to: u64,
        from: u64,
        count: u64,
    ) -> Result<(), TrapCode> {
        let instance = &self.instances[index];
        let image = instance.module.image();
        let items = match image.elements().get(segment) {
            Some(record) if !instance.dropped_elements[segment as usize] => Some(image.items(&record)),
            _ => None,
        };
        let len = items.map_or(0, |items| items.len());
        let end = from.checked_add(count).filter(|end| *end <= len.into());
        let end = end.ok_or(TrapCode::TableOutOfBounds)?;
        let globals = &self.globals;
        let references = (from as u32..end as u32).map(|i| {
            let item = items.and_then(|items| items.get(i)).unwrap_or(ElementItem { item: NONE });
            match item.item {
                NONE => RawRef::NULL,
                item if item & ITEM_GLOBAL != 0 => {
                    let global = instance.globals[(item & !ITEM_GLOBAL) as usize];
                    // SAFETY: a global whose type the compiler has compared with the segment's.
                    unsafe { RawRef::from_slot(globals[global].value.get()[0]) }
                }
                function => instance.reference(function),
            }
        });
        self.tables[instance.tables[table as usize]].write(to, references)
    }

    /// `table.copy`.
    pub(crate) fn table_copy(
        &mut self,
        index: u32,
        to_table: u32,
        from_table: u32,
        to: u64,
        from: u64,
        count: u64,
    ) -> Result<(), TrapCode> {
        let tables = &self.instances[index].tables;
        let (to_table, from_table) = (tables[to_table as usize], tables[from_table as usize]);
        if to_table == from_table {
            return self.tables[to_table].move_within(to, from, count);
        }
        let (to_table, from_table) = self.tables.pair(to_table, from_table);
        to_table.copy_from(from_table, to, from, count)
    }
}

/// The record of a defined function.
fn defined_function(module: &Module, block: &VmBlock, defined: u32) -> FuncRecord {
    let (image, code) = (module.image(), module.code());
    let pointer = |address: Option<usize>| Ptr(std::ptr::with_exposed_provenance_mut(address.unwrap_or(0)));
    let ty = image.functions().get(defined).map_or(0, |function| function.ty);
    FuncRecord {
        code: pointer(code.function_address(defined)),
        vmctx: Ptr(block.address()),
        type_id: module.type_ids()[ty as usize].to_slot(),
        entry: pointer(code.entry_address(ty)),
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
