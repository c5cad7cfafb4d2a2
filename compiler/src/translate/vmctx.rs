//! Loads and stores at `abi::vmctx` offsets, the only ones.

use super::Result;
use super::function::FunctionTranslator;
use super::pass::align_vector;
use crate::parse::{GlobalIndex, MemoryIndex, TableIndex, TypeId};
use inkwell::AtomicOrdering;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{BasicValue, BasicValueEnum, IntValue, MetadataValue, PointerValue};
use wasmc_abi::vmctx::{MEMORY_ALIGN, memory_record, table_record};

/// How a slot may change while an instance runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Never.
    Invariant,
    /// By the runtime, during calls.
    Variable,
}

impl<'ctx> FunctionTranslator<'_, 'ctx> {
    /// The address `offset` bytes behind `base`, which has that many.
    pub fn field(&self, base: PointerValue<'ctx>, offset: u32) -> Result<PointerValue<'ctx>> {
        let offset = self.unit.types.word.const_int(offset.into(), false);
        // SAFETY: `base` is the vmctx, or a record or an element that the runtime has made, and the
        // offset is one of `abi::vmctx`, inside of it.
        Ok(unsafe { self.builder.build_in_bounds_gep(self.unit.types.i8, base, &[offset], "")? })
    }

    /// Loads a field that is not the guest's.
    pub fn load_slot(
        &self,
        ty: impl Into<BasicTypeEnum<'ctx>>,
        base: PointerValue<'ctx>,
        offset: u32,
        slot: Slot,
    ) -> Result<BasicValueEnum<'ctx>> {
        let address = self.field(base, offset)?;
        let value = self.load_tagged(ty.into(), address, self.unit.alias.vmctx)?;
        if slot == Slot::Invariant {
            self.unit.alias.mark_invariant(value.as_instruction_value().expect("a load is an instruction"));
        }
        Ok(value)
    }

    /// Loads from an address with an alias tag.
    pub fn load_tagged(
        &self,
        ty: BasicTypeEnum<'ctx>,
        address: PointerValue<'ctx>,
        tag: MetadataValue<'ctx>,
    ) -> Result<BasicValueEnum<'ctx>> {
        let value = self.builder.build_load(ty, address, "")?;
        let load = value.as_instruction_value().expect("a load is an instruction");
        align_vector(load);
        self.unit.alias.mark(load, tag);
        Ok(value)
    }

    /// Stores to an address with an alias tag.
    pub fn store_tagged(
        &self,
        address: PointerValue<'ctx>,
        value: BasicValueEnum<'ctx>,
        tag: MetadataValue<'ctx>,
    ) -> Result<()> {
        let store = self.builder.build_store(address, value)?;
        align_vector(store);
        self.unit.alias.mark(store, tag);
        Ok(())
    }

    fn load_pointer(&self, base: PointerValue<'ctx>, offset: u32, slot: Slot) -> Result<PointerValue<'ctx>> {
        Ok(self.load_slot(self.unit.types.ptr, base, offset, slot)?.into_pointer_value())
    }

    /// Address of the record at `offset`, or of the one that the slot there points to if imported.
    fn record(&self, offset: u32, imported: bool) -> Result<PointerValue<'ctx>> {
        if imported { self.load_pointer(self.vmctx, offset, Slot::Invariant) } else { self.field(self.vmctx, offset) }
    }

    /// A shared memory has no record in any instance's block: all of them refer to one.
    fn memory_record(&self, memory: MemoryIndex) -> Result<PointerValue<'ctx>> {
        let elsewhere = self.unit.module.has_record_elsewhere(memory);
        self.record(self.unit.layout.memory(memory.0), elsewhere)
    }

    /// Address of byte 0 of a memory.
    pub fn memory_base(&self, memory: MemoryIndex) -> Result<PointerValue<'ctx>> {
        let slot = self.unit.memory_base_slot(memory);
        let base = self.load_pointer(self.memory_record(memory)?, memory_record::BASE, slot)?;
        self.unit
            .alias
            .mark_aligned(base.as_instruction_value().expect("a load is an instruction"), MEMORY_ALIGN.into());
        Ok(base)
    }

    /// Length of a memory in bytes, as a word.
    ///
    /// Of a shared memory it may change at any time, so it is loaded atomically. It only grows: a check against
    /// a former length is as safe. That a thread sees what another one has added, once they have synchronised, needs
    /// no more than `unordered`: LLVM moves no load above an atomic access that acquires, of whatever memory.
    pub fn memory_len(&self, memory: MemoryIndex) -> Result<IntValue<'ctx>> {
        if let Some(len) = self.unit.fixed_memory_len(memory) {
            return Ok(self.unit.types.word.const_int(len, false));
        }
        let record = self.memory_record(memory)?;
        let len = self.load_slot(self.unit.types.word, record, memory_record::LEN_BYTES, Slot::Variable)?;
        let load = len.as_instruction_value().expect("a load is an instruction");
        let lens = self.unit.memory_lens(memory);
        let bound = |len| self.unit.types.word.const_int(len, false).into();
        let range = self.unit.context.metadata_node(&[bound(*lens.start()), bound(lens.end() + 1)]);
        load.set_metadata(range, self.unit.context.get_kind_id("range")).expect("the range is a node");
        if self.unit.module.memories[memory.get()].shared {
            load.set_atomic_ordering(AtomicOrdering::Unordered).expect("it is a load");
        }
        Ok(len.into_int_value())
    }

    fn table_record(&self, table: TableIndex) -> Result<PointerValue<'ctx>> {
        self.record(self.unit.layout.table(table.0), table.0 < self.unit.module.imported_tables)
    }

    /// Address of element 0 of a table.
    pub fn table_elements(&self, table: TableIndex) -> Result<PointerValue<'ctx>> {
        let slot = if self.unit.fixed_table_count(table).is_some() { Slot::Invariant } else { Slot::Variable };
        self.load_pointer(self.table_record(table)?, table_record::ELEMENTS, slot)
    }

    /// Count of a table's elements, as a word.
    pub fn table_count(&self, table: TableIndex) -> Result<IntValue<'ctx>> {
        if let Some(count) = self.unit.fixed_table_count(table) {
            return Ok(self.unit.types.word.const_int(count, false));
        }
        let record = self.table_record(table)?;
        Ok(self.load_slot(self.unit.types.word, record, table_record::COUNT, Slot::Variable)?.into_int_value())
    }

    /// Where a global's value lies, and its alias tag.
    pub fn global(&self, global: GlobalIndex) -> Result<(PointerValue<'ctx>, MetadataValue<'ctx>)> {
        let offset = self.unit.layout.global(global.0);
        let imported = global.0 < self.unit.module.imported_globals;
        if imported && self.unit.module.globals[global.get()].ty.mutable {
            Ok((self.load_pointer(self.vmctx, offset, Slot::Invariant)?, self.unit.alias.imported_global))
        } else {
            Ok((self.field(self.vmctx, offset)?, self.unit.alias.global(global.get())))
        }
    }

    /// Address of the record of a type, where ids are such addresses.
    pub fn type_record(&self, ty: TypeId) -> Result<PointerValue<'ctx>> {
        self.load_pointer(self.vmctx, self.unit.layout.type_id(ty.0), Slot::Invariant)
    }

    /// Canonical id of a type, as a word.
    pub fn type_id(&self, ty: TypeId) -> Result<IntValue<'ctx>> {
        let offset = self.unit.layout.type_id(ty.0);
        Ok(self.load_slot(self.unit.types.word, self.vmctx, offset, Slot::Invariant)?.into_int_value())
    }
}
