//! An instance as its own code knows it, wherever its storage comes from: index spaces by the vmctx block,
//! constant expressions, active segments, and what instructions do to memories, tables and segments
//! (spec: exec/modules, instantiation; exec/instructions).

use core::ptr::{self, NonNull};

use wasmc_abi::image::{ElementItem, EscapeRecord, ExternKind, ITEM_GLOBAL, InitKind, MemoryRun, NONE, SegmentMode};
use wasmc_abi::vmctx::memory_record;
use wasmc_abi::{TrapCode, ValType};
use wasmc_loader::{Code, Image};

use crate::elements::Elements;
use crate::linear_memory::LinearMemory;
use crate::vmctx::{Block, FuncRecord, GlobalValue, MemoryRecord, Ptr, RawRef, Slot, TableRecord};

// `Block::link` fills a whole slot of each kind.
const _: () = assert!(memory_record::LEN == 16);

/// The part of an instance's record that does not depend on where storage comes from. The block's
/// `RUNTIME` slot holds its address.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Guest {
    code: NonNull<Code<'static>>,
    block: Block,
    /// A byte for each element segment, then for each data segment: whether it was dropped.
    flags: NonNull<u8>,
}

impl Guest {
    /// How many segments have a flag.
    pub(crate) fn flag_count(image: &Image<'_>) -> u32 {
        image.elements().len() + image.data_segments().len()
    }

    /// # Safety
    /// During the life of this: `code` lives; at `block`, aligned, is storage of the image's vmctx block,
    /// zeroed, at `flags` a zeroed byte for each segment; and one thread uses them at a time.
    pub(crate) unsafe fn new(code: &Code<'_>, block: NonNull<u8>, flags: NonNull<u8>) -> Guest {
        // SAFETY: by the caller's promise.
        let block = unsafe { Block::new(block, code.image().vmctx_layout()) };
        Guest { code: NonNull::from(code).cast(), block, flags }
    }

    pub(crate) fn code(&self) -> &Code<'_> {
        // SAFETY: it lives, by the promise of `new`.
        unsafe { self.code.as_ref() }
    }

    pub(crate) fn image(&self) -> &Image<'_> {
        self.code().image()
    }

    pub(crate) fn block(&self) -> &Block {
        &self.block
    }

    /// Fills what the image alone determines. `type_id` gives the canonical id of a type of the image.
    pub(crate) fn fill(&self, mut type_id: impl FnMut(u32) -> u64) {
        let image = self.image();
        for ty in 0..image.types().len() {
            self.block.type_id(ty).set(type_id(ty));
        }
        for (i, escape) in (0..).zip(image.escapes().iter()) {
            self.block.escaping_function(i).set(self.defined_function(&escape));
        }
        for (i, segment) in (0..).zip(image.elements().iter()) {
            self.set_flag(i, segment.mode == SegmentMode::Declared as u32);
        }
        for (i, segment) in (0..).zip(image.data_segments().iter()) {
            self.set_flag(self.data_flag(i), segment.mode == SegmentMode::Declared as u32);
        }
    }

    /// The record of a function that the module defines.
    fn defined_function(&self, escape: &EscapeRecord) -> FuncRecord {
        let (image, code) = (self.image(), self.code());
        let pointer = |address: Option<usize>| Ptr(ptr::with_exposed_provenance_mut(address.unwrap_or(0)));
        let defined = escape.function - image.header().imported_functions;
        let ty = image.functions().get(defined).map_or(0, |function| function.ty);
        let (ordinary, tail) = code.escape_addresses(escape);
        FuncRecord {
            code: pointer(ordinary),
            vmctx: Ptr(self.block.address()),
            type_id: self.block.type_id(ty).get(),
            entry: pointer(code.entry_address(ty)),
            tail: pointer(tail),
        }
    }

    /// The record of a function that can be referred to.
    pub(crate) fn function(&self, index: u32) -> Option<Slot<FuncRecord>> {
        if index < self.image().header().imported_functions {
            return Some(self.block.imported_function(index));
        }
        self.image().escape_index(index).map(|escape| self.block.escaping_function(escape))
    }

    /// What there is to call of a function: its record, or one made for the purpose.
    pub(crate) fn callable(&self, index: u32) -> FuncRecord {
        self.function(index)
            .map_or_else(|| self.defined_function(&EscapeRecord { function: index, ordinary: 0 }), Slot::get)
    }

    fn reference(&self, function: u32) -> RawRef {
        self.function(function).map_or(RawRef::NULL, RawRef::from_record)
    }

    /// A slot of an index space, or what it leads to if that is imported.
    fn resolve<T: Copy>(slot: Slot<T>, imported: bool) -> Slot<T> {
        if imported { Block::linked(slot) } else { slot }
    }

    pub(crate) fn memory(&self, index: u32) -> LinearMemory {
        let image = self.image();
        // A shared memory has its record elsewhere, as an imported one.
        let imported = index < image.header().imported_memories;
        let elsewhere = imported || image.memories().get(index).is_some_and(|memory| memory.is_shared());
        let record: Slot<MemoryRecord> = Self::resolve(self.block.memory(index), elsewhere);
        // SAFETY: whoever made the instance keeps the record filled.
        unsafe { LinearMemory::new(record) }
    }

    pub(crate) fn table(&self, index: u32) -> Elements {
        let image = self.image();
        let imported = index < image.header().imported_tables;
        let record: Slot<TableRecord> = Self::resolve(self.block.table(index), imported);
        let ty = image.tables().get(index).and_then(|table| ValType::from_number(table.ty));
        // SAFETY: whoever made the instance keeps the record filled.
        unsafe { Elements::new(record, ty.unwrap_or(ValType::FuncRef)) }
    }

    pub(crate) fn global(&self, index: u32) -> Slot<GlobalValue> {
        let image = self.image();
        let mutable = image.globals().get(index).is_some_and(|global| global.mutable == 1);
        Self::resolve(self.block.global(index), mutable && index < image.header().imported_globals)
    }

    /// The value of a constant expression.
    fn evaluate(&self, kind: u32, operand: GlobalValue) -> GlobalValue {
        match InitKind::from_number(kind) {
            Some(InitKind::Global) => self.global(operand[0] as u32).get(),
            Some(InitKind::Function) => [self.reference(operand[0] as u32).bits(), 0],
            Some(InitKind::Const) | None => operand,
        }
    }

    /// The offset of an active segment. Of an i32 the upper half of what the slot holds says nothing.
    fn offset(&self, kind: u32, operand: u64, wide: bool) -> u64 {
        let [bits, _] = self.evaluate(kind, [operand, 0]);
        if wide { bits } else { u64::from(bits as u32) }
    }

    /// Gives globals their initial values. What comes back is the function that computes the rest of them, if
    /// there is one: it has to be called next.
    #[must_use]
    pub(crate) fn initialise_globals(&self) -> Option<u32> {
        let image = self.image();
        for (i, record) in (0..).zip(image.globals().iter()) {
            if i >= image.header().imported_globals {
                self.global(i).set(self.evaluate(record.init_kind, [record.init, record.init_high]));
            }
        }
        Some(image.header().initialiser).filter(|function| *function != NONE)
    }

    /// Gives tables and memories their initial contents, in the spec's order. `put_run` writes
    /// ready contents of a memory, if it wants to do that in its own way; it says whether it did.
    pub(crate) fn initialise(&self, mut put_run: impl FnMut(&MemoryRun, &[u8]) -> bool) -> Result<(), TrapCode> {
        let image = self.image();
        for (i, record) in (0..).zip(image.tables().iter()) {
            if i >= image.header().imported_tables {
                let [bits, _] = self.evaluate(record.init_kind, [record.init, 0]);
                // SAFETY: a value whose type was compared with the table's.
                let value = unsafe { RawRef::from_slot(bits) };
                if value != RawRef::NULL {
                    self.table(i).fill(0, value, record.min)?;
                }
            }
        }
        for (i, segment) in (0..).zip(image.elements().iter()) {
            if segment.mode == SegmentMode::Active as u32 {
                let wide = image.tables().get(segment.table).is_some_and(|table| table.is_wide());
                let to = self.offset(segment.offset_kind, segment.offset, wide);
                self.table_init(segment.table, i, to, 0, segment.count.into())?;
                self.drop_element(i);
            }
        }
        for run in image.memory_runs().iter() {
            let contents = image.run(&run);
            if !put_run(&run, contents) {
                self.memory(run.memory).write(run.address, contents).ok_or(TrapCode::MemoryOutOfBounds)?;
            }
        }
        for (i, segment) in (0..).zip(image.data_segments().iter()) {
            if segment.mode == SegmentMode::Active as u32 {
                let wide = image.memories().get(segment.memory).is_some_and(|memory| memory.is_wide());
                let to = self.offset(segment.offset_kind, segment.offset, wide);
                self.memory_init(segment.memory, i, to, 0, segment.data_len.into())?;
                self.drop_data(i);
            }
        }
        Ok(())
    }

    /// The start function, if there is one.
    pub(crate) fn start_function(&self) -> Option<u32> {
        let start = self.image().header().start_function;
        (start != NONE).then_some(start)
    }

    /// The memory that host functions are given: the one exported as `memory`, otherwise the first.
    pub(crate) fn main_memory(&self) -> Option<u32> {
        let image = self.image();
        match image.find_export("memory") {
            Some(export) if export.kind == ExternKind::Memory as u32 => Some(export.index),
            _ => (!image.memories().is_empty()).then_some(0),
        }
    }

    fn data_flag(&self, segment: u32) -> u32 {
        self.image().elements().len().wrapping_add(segment)
    }

    fn set_flag(&self, index: u32, value: bool) {
        // Segments are named by code and by tables that were checked.
        if index < Self::flag_count(self.image()) {
            // SAFETY: there is a flag, by the promise of `new`.
            unsafe { self.flags.add(index as usize).write(value.into()) };
        }
    }

    fn flag(&self, index: u32) -> bool {
        // SAFETY: the callers have found that the segment exists.
        unsafe { self.flags.add(index as usize).read() != 0 }
    }

    /// `data.drop`.
    pub(crate) fn drop_data(&self, segment: u32) {
        self.set_flag(self.data_flag(segment), true);
    }

    /// `elem.drop`.
    pub(crate) fn drop_element(&self, segment: u32) {
        self.set_flag(segment, true);
    }

    /// Bytes of a data segment; `None` if it has not all of them.
    pub(crate) fn data_part(&self, segment: u32, from: u64, len: u64) -> Option<&[u8]> {
        let image = self.image();
        let data = match image.data_segments().get(segment) {
            Some(record) if !self.flag(self.data_flag(segment)) => image.data(&record),
            _ => &[],
        };
        let end = from.checked_add(len).filter(|end| *end <= data.len() as u64)?;
        data.get(from as usize..end as usize)
    }

    /// `memory.init`.
    pub(crate) fn memory_init(&self, memory: u32, segment: u32, to: u64, from: u64, len: u64) -> Result<(), TrapCode> {
        let part = self.data_part(segment, from, len);
        part.and_then(|part| self.memory(memory).write(to, part)).ok_or(TrapCode::MemoryOutOfBounds)
    }

    /// `table.init`.
    pub(crate) fn table_init(&self, table: u32, segment: u32, to: u64, from: u64, count: u64) -> Result<(), TrapCode> {
        self.table(table).write(to, self.references(segment, from, count)?)
    }

    /// Items of an element segment.
    pub(crate) fn references(
        &self,
        segment: u32,
        from: u64,
        count: u64,
    ) -> Result<impl ExactSizeIterator<Item = RawRef> + '_, TrapCode> {
        let image = self.image();
        let items = match image.elements().get(segment) {
            Some(record) if !self.flag(segment) => Some(image.items(&record)),
            _ => None,
        };
        let len = items.map_or(0, |items| items.len());
        let end = from.checked_add(count).filter(|end| *end <= len.into());
        let end = end.ok_or(TrapCode::TableOutOfBounds)?;
        Ok((from as u32..end as u32).map(move |i| {
            let item = items.and_then(|items| items.get(i)).unwrap_or(ElementItem { item: NONE });
            match item.item {
                NONE => RawRef::NULL,
                item if item & ITEM_GLOBAL != 0 => {
                    let [bits, _] = self.global(item & !ITEM_GLOBAL).get();
                    // SAFETY: a global whose type was compared with the segment's.
                    unsafe { RawRef::from_slot(bits) }
                }
                function => self.reference(function),
            }
        }))
    }

    /// `table.copy`.
    pub(crate) fn table_copy(&self, to: (u32, u64), from: (u32, u64), count: u64) -> Result<(), TrapCode> {
        self.table(to.0).copy_from(self.table(from.0), to.1, from.1, count)
    }
}
