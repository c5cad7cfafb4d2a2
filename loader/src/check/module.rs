//! The module's types and index spaces: every index names something, every name is one, and what
//! can be called has code.

use super::{Checks, ensure, utf8};
use crate::code_memory::Segment;
use crate::error::{DirectoryFault, Fault, LoadError};
use crate::image::Image;
use crate::limits;
use wasmc_abi::image::limits as flags;
use wasmc_abi::image::{
    EscapeRecord, ExportRecord, ExternKind, FunctionRecord, GlobalRecord, ImportRecord, InitKind, MemoryRecord, NONE,
    SubTypeRecord, Table, TableRecord, TagRecord, TypeForm, TypeNumber, TypeRecord,
};
use wasmc_abi::target::{Arch, IsaState};
use wasmc_abi::{FieldType, RefType, StorageType, ValType};

/// The strings, known to be UTF-8 as a whole. A name needs no more than to start and end between
/// characters.
pub(super) struct Names<'a>(&'a [u8]);

impl<'a> Names<'a> {
    pub(super) fn new(image: &Image<'a>) -> Result<Names<'a>, LoadError> {
        let strings = image.table_bytes(Table::Strings);
        let error = LoadError::Directory { table: Table::Strings, fault: DirectoryFault::Utf8 };
        if utf8::is_utf8(strings) { Ok(Names(strings)) } else { Err(error) }
    }

    /// A name that programs use.
    pub(super) fn check(&self, offset: u32, len: u32) -> Result<(), Fault> {
        ensure(len <= limits::NAME_LEN_MAX, Fault::NameLen)?;
        self.check_any_len(offset, len)
    }

    /// A name for people.
    fn check_any_len(&self, offset: u32, len: u32) -> Result<(), Fault> {
        let end = offset.saturating_add(len);
        ensure(utf8::is_boundary(self.0, offset) && utf8::is_boundary(self.0, end), Fault::Name)
    }
}

impl Checks<'_> {
    /// Checks everything but imports, what segments hold and what is about code positions.
    pub(super) fn module(&mut self) -> Result<(), Fault> {
        self.functions()?;
        self.exports()?;
        self.escapes()?;
        self.tables()?;
        self.memories()?;
        self.globals()?;
        self.tags()
    }

    fn types(&mut self) -> Result<(), Fault> {
        let types = self.image.types().len();
        self.each(Table::ValTypes, |_, ty: TypeNumber| {
            let field = FieldType::from_number(ty.number).ok_or(Fault::ValType)?;
            ensure(defined_type(field.storage).is_none_or(|index| index < types), Fault::TypeIndex)
        })?;
        self.sub_types(types)?;
        let val_types = self.image.val_types().len();
        self.each(Table::Types, |checks, ty: TypeRecord| {
            ensure(ty.params <= limits::PARAMS_MAX && ty.results <= limits::RESULTS_MAX, Fault::Arity)?;
            let end = ty.first.saturating_add(ty.params).saturating_add(ty.results);
            ensure(end <= val_types, Fault::ValTypeRange)?;
            checks.code_start(ty.entry)?;
            checks.code_start(ty.thunk)
        })
    }

    /// Forms of all types or of none. Groups are consecutive, and supertypes come first.
    fn sub_types(&mut self, types: u32) -> Result<(), Fault> {
        let count = self.image.sub_types().len();
        let mut group = 0;
        self.each(Table::SubTypes, |checks, ty: SubTypeRecord| {
            ensure(count == types, Fault::TypeIndex)?;
            TypeForm::from_number(ty.form).ok_or(Fault::Kind)?;
            ensure(ty.is_final <= 1, Fault::Flag)?;
            ensure(ty.supertype == NONE || ty.supertype < checks.index, Fault::Order)?;
            ensure(ty.group == checks.index || checks.index != 0 && ty.group == group, Fault::Order)?;
            group = ty.group;
            Ok(())
        })
    }

    /// 0, or where an instruction of the machine code can start.
    fn code_start(&self, offset: u32) -> Result<(), Fault> {
        if offset == 0 {
            return Ok(());
        }
        ensure(code(self.image).contains(offset, 1), Fault::CodeRange)?;
        ensure(offset.is_multiple_of(instruction_align(self.image)), Fault::CodeAlignment)
    }

    /// Types, and imports: they agree with the records that stand for them in the tables of their kind.
    pub(super) fn imports(&mut self) -> Result<(), Fault> {
        self.types()?;
        self.each(Table::Imports, |checks, import: ImportRecord| {
            checks.names.check(import.module_offset, import.module_len)?;
            checks.names.check(import.name_offset, import.name_len)?;
            ensure(import.reserved == 0, Fault::Reserved)?;
            let kind = ExternKind::from_number(import.kind).ok_or(Fault::Kind)?;
            let count = checks.imports.get_mut(kind as usize).ok_or(Fault::Kind)?;
            let index = *count;
            *count = index.saturating_add(1);
            checks.import(kind, index, &import)
        })
    }

    /// An import that is number `index` of its kind.
    fn import(&self, kind: ExternKind, index: u32, import: &ImportRecord) -> Result<(), Fault> {
        let (image, limits) = (self.image, (import.flags, import.min, import.max));
        let same = match kind {
            ExternKind::Function => {
                let ty = image.types().get(import.ty).ok_or(Fault::TypeIndex)?;
                return ensure(ty.thunk != 0, Fault::NoThunk);
            }
            ExternKind::Table => image
                .tables()
                .get(index)
                .is_some_and(|table| table.ty == import.ty && (table.flags, table.min, table.max) == limits),
            ExternKind::Memory => {
                let is_same = |memory: MemoryRecord| (memory.flags, memory.min, memory.max) == limits;
                image.memories().get(index).is_some_and(is_same) && import.ty == 0
            }
            ExternKind::Global => image
                .globals()
                .get(index)
                .is_some_and(|global| (global.ty, global.mutable) == (import.ty, import.flags)),
            ExternKind::Tag => image.tags().get(index).is_some_and(|tag| tag.ty == import.ty),
        };
        ensure(same, Fault::Imported)
    }

    fn functions(&mut self) -> Result<(), Fault> {
        let types = self.image.types().len();
        let (mut code_end, mut wasm_offset) = (0, 0);
        self.each(Table::Functions, |checks, function: FunctionRecord| {
            ensure(function.ty < types, Fault::TypeIndex)?;
            checks.code_start(function.code_offset)?;
            if function.code_offset != 0 {
                ensure(function.code_offset >= code_end, Fault::Order)?;
                ensure(code(checks.image).contains(function.code_offset, function.code_len), Fault::CodeRange)?;
                code_end = function.code_offset.saturating_add(function.code_len);
            }
            // Not strictly: they may have been left out of the image.
            ensure(function.wasm_offset >= wasm_offset, Fault::Order)?;
            wasm_offset = function.wasm_offset;
            if function.name_offset != NONE {
                checks.names.check_any_len(function.name_offset, function.name_len)?;
            }
            Ok(())
        })
    }

    /// Two exports of the same name are not looked for: that would take a sorted table or memory. They
    /// do no harm, a search finds the first.
    fn exports(&mut self) -> Result<(), Fault> {
        self.each(Table::Exports, |checks, export: ExportRecord| {
            checks.names.check(export.name_offset, export.name_len)?;
            let image = checks.image;
            match ExternKind::from_number(export.kind).ok_or(Fault::Kind)? {
                ExternKind::Function => checks.callable(export.index),
                ExternKind::Table => ensure(export.index < image.tables().len(), Fault::TableIndex),
                ExternKind::Memory => ensure(export.index < image.memories().len(), Fault::MemoryIndex),
                ExternKind::Global => ensure(export.index < image.globals().len(), Fault::GlobalIndex),
                ExternKind::Tag => ensure(export.index < image.tags().len(), Fault::TagIndex),
            }
        })
    }

    /// A function that the host can call: if the module defines it, there are code and an entry
    /// trampoline.
    pub(super) fn callable(&self, function: u32) -> Result<(), Fault> {
        match self.defined_with_code(function)? {
            Some(ty) => ensure(ty.entry != 0, Fault::NoEntry),
            None => Ok(()),
        }
    }

    /// The type of a function that the module defines, and that has code; `None` for an imported one.
    fn defined_with_code(&self, function: u32) -> Result<Option<TypeRecord>, Fault> {
        let Some(defined) = function.checked_sub(self.image.header().imported_functions) else {
            return Ok(None);
        };
        let record = self.image.functions().get(defined).ok_or(Fault::FunctionIndex)?;
        ensure(record.code_offset != 0, Fault::NoCode)?;
        self.image.types().get(record.ty).ok_or(Fault::TypeIndex).map(Some)
    }

    fn escapes(&mut self) -> Result<(), Fault> {
        let mut least = 0;
        self.each(Table::Escapes, |checks, escape: EscapeRecord| {
            ensure(escape.function >= least, Fault::Order)?;
            least = escape.function.saturating_add(1);
            let defined = checks.defined_with_code(escape.function)?;
            ensure(defined.is_some(), Fault::FunctionIndex)?;
            checks.code_start(escape.ordinary)
        })
    }

    fn tables(&mut self) -> Result<(), Fault> {
        self.each(Table::Tables, |checks, table: TableRecord| {
            let ty = ref_type(checks.image, table.ty)?;
            ensure(table.min <= limits::TABLE_ELEMENTS_MAX, Fault::TooLarge)?;
            ensure(table.reserved == 0, Fault::Reserved)?;
            checks.flags(table.flags, flags::MAX | flags::WIDE)?;
            check_limits(table.max(), table.min)?;
            checks.init(ty.into(), table.init_kind, table.init, checks.image.globals().len())
        })
    }

    fn memories(&mut self) -> Result<(), Fault> {
        self.each(Table::Memories, |checks, memory: MemoryRecord| {
            ensure(memory.reserved == 0, Fault::Reserved)?;
            checks.flags(memory.flags, flags::MAX | flags::SHARED | flags::WIDE | flags::BYTE_PAGES)?;
            ensure(!memory.is_shared() || memory.max().is_some(), Fault::Flag)?;
            check_limits(memory.max(), memory.min)?;
            let most = memory.max().unwrap_or(memory.min);
            let most_len = most.saturating_mul(memory.page_len());
            ensure(memory.is_wide() || most_len <= limits::MEMORY_LEN_MAX, Fault::TooLarge)
        })
    }

    /// The flags of limits: none but `known` ones, and addresses of 64 bits only where pointers have as many.
    fn flags(&self, found: u32, known: u32) -> Result<(), Fault> {
        let wide = found & flags::WIDE != 0;
        ensure(found & !known == 0 && !(wide && self.image.header().pointer_bits != 64), Fault::Flag)
    }

    fn globals(&mut self) -> Result<(), Fault> {
        self.each(Table::Globals, |checks, global: GlobalRecord| {
            let ty = val_type(checks.image, global.ty)?;
            ensure(global.mutable <= 1, Fault::Flag)?;
            ensure(global.reserved == 0, Fault::Reserved)?;
            if checks.index < checks.image.header().imported_globals {
                return Ok(());
            }
            let is_vector = ty == ValType::V128 && global.init_kind == InitKind::Const as u32;
            ensure(is_vector || global.init_high == 0, Fault::Reserved)?;
            // Globals get their values in order, so one may use those before it.
            checks.init(ty, global.init_kind, global.init, checks.index)
        })
    }

    fn tags(&mut self) -> Result<(), Fault> {
        self.each(Table::Tags, |checks, tag: TagRecord| {
            let ty = checks.image.types().get(tag.ty).ok_or(Fault::TypeIndex)?;
            let is_function = checks.image.sub_type(tag.ty).form == TypeForm::Function as u32;
            ensure(is_function && ty.results == 0, Fault::TagType)
        })
    }

    /// A constant expression that gives a value of type `ty` and may use the first `globals` globals.
    /// Types matter: a number taken for a reference would be an address of the guest's choice.
    pub(super) fn init(&self, ty: ValType, kind: u32, operand: u64, globals: u32) -> Result<(), Fault> {
        match InitKind::from_number(kind).ok_or(Fault::Kind)? {
            InitKind::Const => ensure(ty.ref_type().is_none() || operand == 0, Fault::NotNull),
            InitKind::Global => ensure(is_alike(global_type(self.image, operand, globals)?, ty), Fault::TypeMismatch),
            InitKind::Function => {
                ensure(ty.is_func_ref(), Fault::TypeMismatch)?;
                self.function_ref(u32::try_from(operand).map_err(|_| Fault::FunctionIndex)?)
            }
        }
    }

    /// A function that a reference can be made to: the vmctx has a record of it.
    fn function_ref(&self, function: u32) -> Result<(), Fault> {
        ensure(function < self.image.function_count(), Fault::FunctionIndex)?;
        let imported = function < self.image.header().imported_functions;
        ensure(imported || self.image.escape_index(function).is_some(), Fault::NoRecord)
    }
}

fn val_type(image: &Image<'_>, number: u32) -> Result<ValType, Fault> {
    let ty = ValType::from_number(number).ok_or(Fault::ValType)?;
    let is_there = defined_type(StorageType::Val(ty)).is_none_or(|index| index < image.types().len());
    if is_there { Ok(ty) } else { Err(Fault::TypeIndex) }
}

/// Index of the defined type that a type names.
fn defined_type(storage: StorageType) -> Option<u32> {
    match storage {
        StorageType::Val(ty) => ty.ref_type()?.index(),
        StorageType::I8 | StorageType::I16 => None,
    }
}

/// A type of table elements.
pub(super) fn ref_type(image: &Image<'_>, number: u32) -> Result<RefType, Fault> {
    val_type(image, number)?.ref_type().ok_or(Fault::RefType)
}

/// Whether values of one type look like values of the other: the same numbers, or references of the same hierarchy.
/// Which of these go where was the compiler's to check.
pub(super) fn is_alike(a: ValType, b: ValType) -> bool {
    match (a.ref_type(), b.ref_type()) {
        (Some(a), Some(b)) => a.heap().top() == b.heap().top(),
        _ => a == b,
    }
}

/// The machine code itself, inside its segment.
pub(super) fn code(image: &Image<'_>) -> Segment {
    let [_, segment, _] = image.segments();
    Segment { offset: image.header().code_offset, len: image.header().code_len, ..segment }
}

fn instruction_align(image: &Image<'_>) -> u32 {
    let header = image.header();
    match (Arch::from_number(header.arch), IsaState::from_number(header.isa_state)) {
        (Some(Arch::Aarch64), _) | (Some(Arch::Arm), Some(IsaState::Default)) => 4,
        // T32; RISC-V with compressed instructions.
        (Some(Arch::Arm | Arch::Riscv), _) => 2,
        (Some(Arch::X86_64) | None, _) => 1,
    }
}

fn check_limits(max: Option<u64>, min: u64) -> Result<(), Fault> {
    ensure(max.is_none_or(|max| min <= max), Fault::Limits)
}

/// Type of one of the first `globals` globals.
pub(super) fn global_type(image: &Image<'_>, global: u64, globals: u32) -> Result<ValType, Fault> {
    let index = u32::try_from(global).ok().filter(|index| *index < globals);
    let record = index.and_then(|index| image.globals().get(index));
    val_type(image, record.ok_or(Fault::GlobalIndex)?.ty)
}
