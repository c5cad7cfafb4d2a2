//! What the translation of every function of a unit shares: the LLVM module, its declarations, its types.

use super::Result;
use super::alias::Alias;
use super::attributes::Attributes;
use super::debug::Debug;
use super::dispatch::{self, Arrays};
use super::symbols;
use super::types::Types;
use super::vmctx::Slot;
use crate::error::CompileError;
use crate::options::{MemoryModel, Options};
use crate::parse::{
    ConstExpr, DefinedFuncIndex, FuncIndex, FuncType, GlobalIndex, MemoryIndex, Module, TableIndex, TypeId,
};
use crate::target::{Os, TargetRow};
use crate::units::Extent;
use inkwell::GlobalVisibility;
use inkwell::context::Context;
use inkwell::intrinsics::Intrinsic;
use inkwell::module::{Linkage, Module as LlvmModule};
use inkwell::targets::TargetTriple;
use inkwell::types::{BasicMetadataTypeEnum, BasicTypeEnum, FunctionType, IntType};
use inkwell::values::{FunctionValue, GlobalValue, MetadataValue};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;
use wasmc_abi::target::Arch;
use wasmc_abi::vmctx::{Layout, PAGE_LEN};
use wasmc_abi::{Builtin, TrapCode};

/// A defined function.
#[derive(Clone, Copy)]
struct Declared<'ctx> {
    /// As it is called.
    function: FunctionValue<'ctx>,
    /// As it is called by a tail call, if it makes such itself: its body.
    tail_entry: Option<FunctionValue<'ctx>>,
}

pub struct Unit<'ctx, 'm> {
    pub context: &'ctx Context,
    pub llvm: LlvmModule<'ctx>,
    pub module: &'m Module<'m>,
    pub types: Types<'ctx>,
    pub layout: Layout,
    pub alias: Alias<'ctx>,
    pub attributes: Attributes,
    pub debug: Debug<'ctx>,
    /// The image's table of helper addresses, if it has one.
    pub helpers: Option<GlobalValue<'ctx>>,
    pub target: &'static TargetRow,
    options: &'m Options,
    /// Names of functions that get no vectors of a length found out at run time.
    scalar: &'m BTreeSet<String>,
    pub memory_model: MemoryModel,
    /// Whether references to functions of others can come into the module's tables.
    pub has_foreign_references: bool,
    /// Where indirect calls find their callee, if that is known.
    pub dispatch: Arrays<'ctx>,
    pub extent: &'m Extent<'m>,
    functions: Vec<Declared<'ctx>>,
    /// Functions of other units, as far as they are called here.
    others: RefCell<HashMap<DefinedFuncIndex, Declared<'ctx>>>,
    guest_types: RefCell<HashMap<TypeId, FunctionType<'ctx>>>,
    /// Stubs that raise traps, as far as something may call them.
    traps: RefCell<Vec<(TrapCode, FunctionValue<'ctx>)>>,
    intrinsics: RefCell<Vec<(&'static str, Vec<BasicTypeEnum<'ctx>>, FunctionValue<'ctx>)>>,
    unlikely: MetadataValue<'ctx>,
    /// What tables always hold, as far as it was asked for.
    constant_elements: RefCell<BTreeMap<TableIndex, Option<Vec<Option<FuncIndex>>>>>,
    /// Whether these are functions with a body here, as far as it was asked for.
    own_elements: RefCell<BTreeMap<TableIndex, bool>>,
}

impl<'ctx, 'm> Unit<'ctx, 'm> {
    pub fn new(
        context: &'ctx Context,
        module: &'m Module<'m>,
        extent: &'m Extent<'m>,
        options: &'m Options,
        scalar: &'m BTreeSet<String>,
    ) -> Result<Self> {
        let llvm = context.create_module("wasm");
        let row = options.target.row;
        refuse_unfit(module, row)?;
        llvm.set_triple(&TargetTriple::create(row.triple));
        let data = inkwell::targets::TargetData::create(row.data_layout);
        llvm.set_data_layout(&data.get_data_layout());
        let types = Types::new(context, row);
        let layout = module.layout();
        let vmctx_len = layout.len_bytes().ok_or_else(|| CompileError::Limit {
            what: "the instance's block (globals, tables, imports)".into(),
            found: u64::MAX,
            limit: 1 << 31,
            offset: None,
        })?;
        let helpers = (row.os == Os::Linux).then(|| {
            let table = llvm.add_global(types.ptr.array_type(Builtin::COUNT as u32), None, symbols::HELPER_TABLE);
            table.set_constant(true);
            table.set_visibility(GlobalVisibility::Hidden);
            table
        });
        let i32 = |n| types.i32.const_int(n, false).into();
        let prof = context.metadata_node(&[context.metadata_string("branch_weights").into(), i32(1), i32(1 << 20)]);
        let mut unit = Unit {
            context,
            module,
            layout,
            alias: Alias::new(llvm.get_context()),
            attributes: Attributes::new(context, options, vmctx_len),
            debug: Debug::new(context, &llvm),
            helpers,
            target: row,
            options,
            scalar,
            memory_model: options.memory,
            has_foreign_references: module.has_foreign_references(),
            dispatch: Arrays::new(),
            extent,
            functions: Vec::new(),
            others: RefCell::default(),
            guest_types: RefCell::default(),
            traps: RefCell::default(),
            intrinsics: RefCell::default(),
            unlikely: prof,
            constant_elements: RefCell::default(),
            own_elements: RefCell::default(),
            types,
            llvm,
        };
        unit.functions = extent.functions().map(|defined| unit.declare(defined)).collect();
        // Nothing calls it yet: stack checks come after optimisation.
        unit.trap_stub(TrapCode::StackOverflow)?;
        unit.dispatch = dispatch::define(&unit, options)?;
        Ok(unit)
    }

    /// The finished LLVM module.
    pub fn finish(self) -> LlvmModule<'ctx> {
        self.debug.finish();
        self.llvm
    }

    fn declare(&self, defined: DefinedFuncIndex) -> Declared<'ctx> {
        let index = self.module.function_index(defined);
        let ty = self.module.functions[index.get()];
        let name = symbols::function(index);
        let tail_entry = self.module.bodies[defined.get()].makes_tail_calls.then(|| {
            let function = self.declare_guest(defined, &name, self.types.tail(self.func_type(ty)));
            self.attributes.tail(function);
            function
        });
        let name = if tail_entry.is_some() { symbols::ordinary(index) } else { name };
        let function = self.declare_guest(defined, &name, self.guest_type(ty));
        self.attributes.guest(function);
        Declared { function, tail_entry }
    }

    fn declare_guest(&self, defined: DefinedFuncIndex, name: &str, ty: FunctionType<'ctx>) -> FunctionValue<'ctx> {
        let is_ours = self.extent.place(defined).is_some();
        let escapes = self.module.escape_slot(self.module.function_index(defined)).is_some();
        let is_local = is_ours && !escapes && !self.extent.is_called_from_elsewhere(defined);
        let linkage = if is_local { Linkage::Internal } else { Linkage::External };
        let function = self.llvm.add_function(name, ty, Some(linkage));
        if !is_local {
            function.as_global_value().set_visibility(GlobalVisibility::Hidden);
        }
        if is_ours {
            function.set_subprogram(self.debug.subprogram(name, self.module.function_index(defined)));
        }
        function
    }

    /// A stub that raises a trap. Where images have no helpers of their own, it takes the vmctx first.
    fn declare_trap(&self, name: &str, param: Option<BasicMetadataTypeEnum<'ctx>>) -> FunctionValue<'ctx> {
        let vmctx = self.helpers.is_none().then(|| self.types.ptr.into());
        let params: Vec<_> = vmctx.into_iter().chain(param).collect();
        let function = self.llvm.add_function(name, self.types.void(&params), Some(Linkage::External));
        function.as_global_value().set_visibility(GlobalVisibility::Hidden);
        self.attributes.trap(function, vmctx.is_some());
        function
    }

    /// The LLVM type of guest functions of a type.
    pub fn guest_type(&self, ty: TypeId) -> FunctionType<'ctx> {
        *self.guest_types.borrow_mut().entry(ty).or_insert_with(|| self.types.guest(self.func_type(ty)))
    }

    /// The function type with that id.
    pub fn func_type(&self, ty: TypeId) -> &'m FuncType {
        self.module.func_type(ty)
    }

    /// The function as it is called, if the module defines it.
    pub fn function(&self, index: FuncIndex) -> Option<FunctionValue<'ctx>> {
        self.module.defined(index).map(|defined| self.declared(defined).function)
    }

    /// The function as it is called by a tail call, if it has an entry for that: its body.
    pub fn tail_entry(&self, index: FuncIndex) -> Option<FunctionValue<'ctx>> {
        self.module.defined(index).and_then(|defined| self.declared(defined).tail_entry)
    }

    fn declared(&self, defined: DefinedFuncIndex) -> Declared<'ctx> {
        match self.extent.place(defined) {
            Some(place) => self.functions[place],
            None => *self.others.borrow_mut().entry(defined).or_insert_with(|| self.declare(defined)),
        }
    }

    /// Whether a call of the function may be left by an exception.
    pub fn may_throw(&self, function: FuncIndex) -> bool {
        let found = match &self.module.throwing {
            Some(throwing) => throwing.function(self.module, function),
            None => self.module.defined(function).is_none(),
        };
        found && self.has_exceptions()
    }

    /// Whether an indirect call of a function of a type may.
    pub fn indirect_call_may_throw(&self, ty: TypeId) -> bool {
        let found = match &self.module.throwing {
            Some(throwing) => throwing.indirect_call(ty),
            None => self.has_foreign_references,
        };
        found && self.has_exceptions()
    }

    /// Whether there may be exceptions, should it be another module's. In firmware none comes from another.
    fn has_exceptions(&self) -> bool {
        self.target.os == Os::Linux || self.module.uses_exceptions
    }

    /// The stub that raises a trap.
    pub fn trap_stub(&self, code: TrapCode) -> Result<FunctionValue<'ctx>> {
        if let Some((_, stub)) = self.traps.borrow().iter().find(|(known, _)| *known == code) {
            return Ok(*stub);
        }
        let stub = self.declare_trap(&symbols::trap_stub(code), None);
        self.traps.borrow_mut().push((code, stub));
        super::trap::define_stub(self, stub, code)?;
        Ok(stub)
    }

    /// The stub that raises the trap of an indirect call, by the id of the callee's type.
    pub fn callee_trap_stub(&self) -> Result<FunctionValue<'ctx>> {
        if let Some(stub) = self.llvm.get_function(symbols::CALLEE_TRAP_STUB) {
            return Ok(stub);
        }
        let stub = self.declare_trap(symbols::CALLEE_TRAP_STUB, Some(self.types.word.into()));
        super::trap::define_callee_stub(self, stub)?;
        Ok(stub)
    }

    /// An intrinsic, overloaded for `ty`.
    pub fn intrinsic(&self, name: &'static str, ty: BasicTypeEnum<'ctx>) -> FunctionValue<'ctx> {
        self.overloaded(name, vec![ty])
    }

    /// An intrinsic, overloaded for its result and its operand.
    pub fn intrinsic_from(
        &self,
        name: &'static str,
        to: BasicTypeEnum<'ctx>,
        from: BasicTypeEnum<'ctx>,
    ) -> FunctionValue<'ctx> {
        self.overloaded(name, vec![to, from])
    }

    fn overloaded(&self, name: &'static str, types: Vec<BasicTypeEnum<'ctx>>) -> FunctionValue<'ctx> {
        let mut known = self.intrinsics.borrow_mut();
        if let Some((_, _, function)) = known.iter().find(|(n, t, _)| *n == name && *t == types) {
            return *function;
        }
        let intrinsic = Intrinsic::find(name).unwrap_or_else(|| panic!("LLVM knows {name}"));
        let function = intrinsic.get_declaration(&self.llvm, &types).unwrap_or_else(|| panic!("{name} is overloaded"));
        known.push((name, types, function));
        function
    }

    /// An intrinsic, overloaded for these types, or not at all.
    pub fn intrinsic_of(&self, name: &'static str, types: &[BasicTypeEnum<'ctx>]) -> FunctionValue<'ctx> {
        self.overloaded(name, types.to_vec())
    }

    /// Whether instructions are counted.
    pub fn counts_fuel(&self) -> bool {
        self.options.fuel
    }

    /// Whether code is to be small.
    pub fn is_for_size(&self) -> bool {
        self.options.level.is_for_size()
    }

    /// The most bytes that one instruction loads or stores at any address.
    pub fn unaligned_max(&self) -> u32 {
        self.options.target.unaligned_max()
    }

    /// Whether every target has to give the same bits.
    pub fn deterministic(&self) -> bool {
        self.options.deterministic
    }

    /// Whether vectors of `f32` may be computed by NEON of 32-bit ARM.
    pub fn neon_float(&self) -> bool {
        self.options.neon_float
    }

    /// Whether the CPU is one of `arch` and has the feature with LLVM's name.
    pub fn has(&self, arch: Arch, feature: &str) -> bool {
        self.options.target.has(arch, feature)
    }

    /// Whether a function may use RISC-V's vectors, whose length is found out at run time.
    pub fn has_riscv_vectors(&self, function: FunctionValue<'ctx>) -> bool {
        self.has(Arch::Riscv, "v") && !function.get_name().to_str().is_ok_and(|name| self.scalar.contains(name))
    }

    /// A call of this counts as a use of its arguments, and is nothing.
    pub fn fake_use(&self) -> FunctionValue<'ctx> {
        self.overloaded(symbols::FAKE_USE, vec![])
    }

    /// Weights for a branch whose condition is likely to hold, or not to: those of C's `__builtin_expect`.
    pub fn likely(&self, taken: bool) -> MetadataValue<'ctx> {
        let (then, next) = if taken { (2000, 1) } else { (1, 2000) };
        let weight = |weight| self.types.i32.const_int(weight, false).into();
        let name = self.context.metadata_string("branch_weights").into();
        self.context.metadata_node(&[name, weight(then), weight(next)])
    }

    /// Weights by counts; `None` if nothing was counted.
    pub fn weights(&self, counts: &[u64]) -> Option<MetadataValue<'ctx>> {
        let most = *counts.iter().max().filter(|most| **most > 0)?;
        // Weights have 32 bits, and LLVM adds them up.
        let scale = most / u64::from(u32::MAX / 2) + 1;
        let weight = |count: &u64| self.types.i32.const_int(count / scale, false).into();
        let name = self.context.metadata_string("branch_weights").into();
        let weights: Vec<_> = std::iter::once(name).chain(counts.iter().map(weight)).collect();
        Some(self.context.metadata_node(&weights))
    }

    /// The function at an index of a table, if it is known and always the same.
    pub fn constant_element(&self, table: TableIndex, element: u64) -> Option<FuncIndex> {
        self.with_constant_elements(table, |elements| *elements?.get(usize::try_from(element).ok()?)?)
    }

    /// Weights for a branch whose first target is hardly ever taken.
    pub fn unlikely(&self) -> MetadataValue<'ctx> {
        self.unlikely
    }

    /// The lengths in bytes that a memory can have. It never shrinks, so it keeps its minimum: where a program's constants and
    /// variables are, LLVM finds checks to hold.
    pub fn memory_lens(&self, memory: MemoryIndex) -> RangeInclusive<u64> {
        let ty = self.module.memories[memory.get()];
        let most = ty.max_len(self.target.pointer_bits);
        // An instance with a larger minimum never comes about.
        let min = ty.min_len().min(most);
        min..=most
    }

    /// The length of a memory that can never have another.
    pub fn fixed_memory_len(&self, memory: MemoryIndex) -> Option<u64> {
        let ty = self.module.memories[memory.get()];
        let imported = memory.0 < self.module.imported_memories;
        if imported { None } else { ty.fixed_len(self.target.pointer_bits) }
    }

    /// How many elements a table has, if that never changes; its elements stay where they are then.
    pub fn fixed_table_count(&self, table: TableIndex) -> Option<u64> {
        let ty = self.module.tables[table.get()];
        let count = Some(ty.min).filter(|count| u32::try_from(*count).is_ok());
        count.filter(|count| ty.max == Some(*count) || self.with_constant_elements(table, |e| e.is_some()))
    }

    /// Whether what a table holds are functions of this instance, whenever code of the module runs: a call of any of
    /// them passes on the vmctx.
    pub fn has_own_elements(&self, table: TableIndex) -> bool {
        let is_own = |function: &FuncIndex| self.module.defined(*function).is_some();
        let all_own = || self.with_constant_elements(table, |e| e.is_some_and(|e| e.iter().flatten().all(is_own)));
        *self.own_elements.borrow_mut().entry(table).or_insert_with(all_own)
    }

    /// Asks for what a table always holds, if that is known.
    fn with_constant_elements<T>(&self, table: TableIndex, ask: impl FnOnce(Option<&[Option<FuncIndex>]>) -> T) -> T {
        let mut known = self.constant_elements.borrow_mut();
        ask(known.entry(table).or_insert_with(|| self.module.constant_elements(table)).as_deref())
    }

    /// The type of a memory's addresses and sizes.
    pub fn index_type(&self, memory: MemoryIndex) -> IntType<'ctx> {
        if self.module.memories[memory.get()].wide { self.types.i64 } else { self.types.i32 }
    }

    /// The type of a table's indices and sizes.
    pub fn table_index_type(&self, table: TableIndex) -> IntType<'ctx> {
        if self.module.tables[table.get()].wide { self.types.i64 } else { self.types.i32 }
    }

    /// Whether a plain access of a memory faults in the `guard` model where a check would fail: a load, or a store of that
    /// many bytes, which must be done as a whole or not at all.
    pub fn access_faults(&self, memory: MemoryIndex, stored: Option<u32>) -> bool {
        let ty = self.module.memories[memory.get()];
        // No reservation covers addresses of 64 bits; where a memory may end inside a host page, nothing guards its end.
        let is_guarded = !ty.wide && !ty.shared && ty.page_len >= PAGE_LEN;
        is_guarded && stored.is_none_or(|len| len <= self.options.target.whole_store_max())
    }

    /// See [`Options::checked_loop_max`].
    pub fn checked_loop_max(&self) -> Option<u32> {
        self.options.checked_loop_max()
    }

    /// How a memory's base may change. It does not where all that the memory can become is reserved: a shared one is in
    /// every model, and in the guard model every one but those that a reservation cannot cover. Nor does it in firmware,
    /// which moves no memory.
    pub fn memory_base_slot(&self, memory: MemoryIndex) -> Slot {
        let ty = self.module.memories[memory.get()];
        match self.memory_model {
            MemoryModel::Guard if !ty.wide => Slot::Invariant,
            _ if ty.shared || self.target.os == Os::None => Slot::Invariant,
            _ => Slot::Variable,
        }
    }

    /// The value of a global that is known now.
    pub fn fixed_global(&self, global: GlobalIndex) -> Option<u128> {
        let global = &self.module.globals[global.get()];
        match global.init {
            Some(ConstExpr::Bits(bits)) if !global.ty.mutable => Some(bits),
            _ => None,
        }
    }
}

/// Refuses what code for a target cannot have.
fn refuse_unfit(module: &Module<'_>, row: &TargetRow) -> Result<()> {
    let refuse = |what, reason| Err(CompileError::NotForTarget { what, target: row.name, reason });
    if row.os == Os::None && module.memories.iter().any(|memory| memory.shared) {
        return refuse("a shared memory", "firmware has no threads to share it with");
    }
    if row.pointer_bits == 32 && module.memories.iter().any(|memory| memory.wide) {
        return refuse("a memory with addresses of 64 bits", "its pointers have 32");
    }
    if row.pointer_bits == 32 && module.tables.iter().any(|table| table.wide) {
        return refuse("a table with indices of 64 bits", "its pointers have 32");
    }
    Ok(())
}
