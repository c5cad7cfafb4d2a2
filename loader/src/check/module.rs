//! The module's types and index spaces: every index names something, every name is one, and what
//! can be called has code.

use super::{each, ensure};
use crate::code_memory::Segment;
use crate::error::{DirectoryFault, Fault, HeaderFault, LoadError};
use crate::image::Image;
use crate::limits;
use wasmc_abi::ValType;
use wasmc_abi::image::{ExternKind, ImportRecord, InitKind, NONE, Table, TypeRecord};
use wasmc_abi::target::{Arch, IsaState};
use wasmc_abi::vmctx;

/// Checks everything but what segments hold and what is about code positions.
pub(super) fn check(image: &Image<'_>) -> Result<(), LoadError> {
    let names = Names::new(image)?;
    check_types(image)?;
    check_imports(image, &names)?;
    check_functions(image, &names)?;
    check_exports(image, &names)?;
    check_escapes(image)?;
    check_tables(image)?;
    check_memories(image)?;
    check_globals(image)?;
    check_header(image, &names)
}

/// The strings, known to be UTF-8 as a whole. A name needs no more than to start and end between
/// characters.
struct Names<'a>(&'a str);

impl<'a> Names<'a> {
    fn new(image: &Image<'a>) -> Result<Names<'a>, LoadError> {
        let strings = core::str::from_utf8(image.table_bytes(Table::Strings));
        let error = LoadError::Directory { table: Table::Strings, fault: DirectoryFault::Utf8 };
        Ok(Names(strings.map_err(|_| error)?))
    }

    /// A name that programs use.
    fn check(&self, offset: u32, len: u32) -> Result<(), Fault> {
        ensure(len <= limits::NAME_LEN_MAX, Fault::NameLen)?;
        self.check_any_len(offset, len)
    }

    /// A name for people.
    fn check_any_len(&self, offset: u32, len: u32) -> Result<(), Fault> {
        self.0.get(crate::image::range(offset, len)).map(|_| ()).ok_or(Fault::Name)
    }
}

fn check_types(image: &Image<'_>) -> Result<(), LoadError> {
    let val_types = image.val_types();
    each(Table::ValTypes, val_types, |_, number| val_type(number.into()).map(|_| ()))?;
    each(Table::Types, image.types(), |_, ty| {
        ensure(ty.params <= limits::PARAMS_MAX && ty.results <= limits::RESULTS_MAX, Fault::Arity)?;
        let end = ty.first.saturating_add(ty.params).saturating_add(ty.results);
        ensure(end <= val_types.len(), Fault::ValTypeRange)?;
        check_code_start(image, ty.entry)?;
        check_code_start(image, ty.thunk)
    })
}

fn val_type(number: u32) -> Result<ValType, Fault> {
    ValType::from_number(number).ok_or(Fault::ValType)
}

/// A type of table elements.
pub(super) fn ref_type(number: u32) -> Result<ValType, Fault> {
    match val_type(number)? {
        ty @ (ValType::FuncRef | ValType::ExternRef) => Ok(ty),
        _ => Err(Fault::RefType),
    }
}

/// 0, or where an instruction of the machine code can start.
fn check_code_start(image: &Image<'_>, offset: u32) -> Result<(), Fault> {
    if offset == 0 {
        return Ok(());
    }
    ensure(code(image).contains(offset, 1), Fault::CodeRange)?;
    ensure(offset.is_multiple_of(instruction_align(image)), Fault::CodeAlignment)
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

/// Imports agree with the header's counts, and with the records that stand for them in the tables
/// of their kind.
fn check_imports(image: &Image<'_>, names: &Names<'_>) -> Result<(), LoadError> {
    let mut counts = [0u32; 4];
    each(Table::Imports, image.imports(), |_, import| {
        names.check(import.module_offset, import.module_len)?;
        names.check(import.name_offset, import.name_len)?;
        ensure(import.reserved == 0, Fault::Reserved)?;
        ensure(import.flag <= 1, Fault::Flag)?;
        let kind = ExternKind::from_number(import.kind).ok_or(Fault::Kind)?;
        let count = counts.get_mut(kind as usize).ok_or(Fault::Kind)?;
        let index = *count;
        *count = index.saturating_add(1);
        check_import(image, kind, index, &import)
    })?;
    let header = image.header();
    let stated = [header.imported_functions, header.imported_tables, header.imported_memories, header.imported_globals];
    if counts == stated { Ok(()) } else { Err(LoadError::Header(HeaderFault::Counts)) }
}

/// An import that is number `index` of its kind.
fn check_import(image: &Image<'_>, kind: ExternKind, index: u32, import: &ImportRecord) -> Result<(), Fault> {
    let limits = (import.flag, import.min, import.max);
    match kind {
        ExternKind::Function => {
            let ty = image.types().get(import.ty).ok_or(Fault::TypeIndex)?;
            ensure(ty.thunk != 0, Fault::NoThunk)
        }
        ExternKind::Table => {
            let table = image.tables().get(index).ok_or(Fault::Imported)?;
            ensure(table.ty == import.ty && (table.has_max, table.min, table.max) == limits, Fault::Imported)
        }
        ExternKind::Memory => {
            let memory = image.memories().get(index).ok_or(Fault::Imported)?;
            ensure((memory.has_max, memory.min, memory.max) == limits, Fault::Imported)
        }
        ExternKind::Global => {
            let global = image.globals().get(index).ok_or(Fault::Imported)?;
            ensure((global.ty, global.mutable) == (import.ty, import.flag), Fault::Imported)
        }
    }
}

fn check_functions(image: &Image<'_>, names: &Names<'_>) -> Result<(), LoadError> {
    let (mut code_end, mut wasm_offset) = (0, 0);
    each(Table::Functions, image.functions(), |_, function| {
        image.types().get(function.ty).ok_or(Fault::TypeIndex)?;
        check_code_start(image, function.code_offset)?;
        if function.code_offset != 0 {
            ensure(function.code_offset >= code_end, Fault::Order)?;
            ensure(code(image).contains(function.code_offset, function.code_len), Fault::CodeRange)?;
            code_end = function.code_offset.saturating_add(function.code_len);
        }
        // Not strictly: they may have been left out of the image.
        ensure(function.wasm_offset >= wasm_offset, Fault::Order)?;
        wasm_offset = function.wasm_offset;
        if function.name_offset != NONE {
            names.check_any_len(function.name_offset, function.name_len)?;
        }
        Ok(())
    })
}

/// Two exports of the same name are not looked for: that would take a sorted table or memory. They
/// do no harm, a search finds the first.
fn check_exports(image: &Image<'_>, names: &Names<'_>) -> Result<(), LoadError> {
    each(Table::Exports, image.exports(), |_, export| {
        names.check(export.name_offset, export.name_len)?;
        match ExternKind::from_number(export.kind).ok_or(Fault::Kind)? {
            ExternKind::Function => check_callable(image, export.index),
            ExternKind::Table => ensure(export.index < image.tables().len(), Fault::TableIndex),
            ExternKind::Memory => ensure(export.index < image.memories().len(), Fault::MemoryIndex),
            ExternKind::Global => ensure(export.index < image.globals().len(), Fault::GlobalIndex),
        }
    })
}

/// A function that the host can call: if the module defines it, there are code and an entry
/// trampoline.
fn check_callable(image: &Image<'_>, function: u32) -> Result<(), Fault> {
    match defined_with_code(image, function)? {
        Some(ty) => ensure(ty.entry != 0, Fault::NoEntry),
        None => Ok(()),
    }
}

/// The type of a function that the module defines, and that has code; `None` for an imported one.
fn defined_with_code(image: &Image<'_>, function: u32) -> Result<Option<TypeRecord>, Fault> {
    let Some(defined) = function.checked_sub(image.header().imported_functions) else {
        return Ok(None);
    };
    let record = image.functions().get(defined).ok_or(Fault::FunctionIndex)?;
    ensure(record.code_offset != 0, Fault::NoCode)?;
    image.types().get(record.ty).ok_or(Fault::TypeIndex).map(Some)
}

fn check_escapes(image: &Image<'_>) -> Result<(), LoadError> {
    let mut least = 0;
    each(Table::Escapes, image.escapes(), |_, escape| {
        ensure(escape.function >= least, Fault::Order)?;
        least = escape.function.saturating_add(1);
        let defined = defined_with_code(image, escape.function)?;
        ensure(defined.is_some(), Fault::FunctionIndex)
    })
}

fn check_tables(image: &Image<'_>) -> Result<(), LoadError> {
    each(Table::Tables, image.tables(), |_, table| {
        ref_type(table.ty)?;
        ensure(table.min <= limits::TABLE_ELEMENTS_MAX, Fault::TooLarge)?;
        check_limits(table.has_max, table.min, table.max)
    })
}

fn check_memories(image: &Image<'_>) -> Result<(), LoadError> {
    each(Table::Memories, image.memories(), |_, memory| {
        ensure(memory.reserved == 0, Fault::Reserved)?;
        check_limits(memory.has_max, memory.min, memory.max)?;
        let most = if memory.has_max == 1 { memory.max } else { memory.min };
        ensure(most <= limits::MEMORY_PAGES_MAX, Fault::TooLarge)
    })
}

fn check_limits(has_max: u32, min: u64, max: u64) -> Result<(), Fault> {
    match has_max {
        0 => Ok(()),
        1 => ensure(min <= max, Fault::Limits),
        _ => Err(Fault::Flag),
    }
}

fn check_globals(image: &Image<'_>) -> Result<(), LoadError> {
    each(Table::Globals, image.globals(), |index, global| {
        let ty = val_type(global.ty)?;
        ensure(global.mutable <= 1, Fault::Flag)?;
        ensure(global.reserved == 0, Fault::Reserved)?;
        if index < image.header().imported_globals {
            return Ok(());
        }
        // Globals get their values in order, so one may use those before it.
        check_init(image, ty, global.init_kind, global.init, index)
    })
}

/// A constant expression that gives a value of type `ty` and may use the first `globals` globals.
/// Types matter: a number taken for a reference would be an address of the guest's choice.
pub(super) fn check_init(image: &Image<'_>, ty: ValType, kind: u32, operand: u64, globals: u32) -> Result<(), Fault> {
    let is_ref = matches!(ty, ValType::FuncRef | ValType::ExternRef);
    match InitKind::from_number(kind).ok_or(Fault::Kind)? {
        InitKind::Const => ensure(!is_ref || operand == 0, Fault::NotNull),
        InitKind::Global => ensure(global_type(image, operand, globals)? == ty, Fault::TypeMismatch),
        InitKind::Function => {
            ensure(ty == ValType::FuncRef, Fault::TypeMismatch)?;
            check_function_ref(image, u32::try_from(operand).map_err(|_| Fault::FunctionIndex)?)
        }
    }
}

/// Type of one of the first `globals` globals.
pub(super) fn global_type(image: &Image<'_>, global: u64, globals: u32) -> Result<ValType, Fault> {
    let index = u32::try_from(global).ok().filter(|index| *index < globals);
    let record = index.and_then(|index| image.globals().get(index));
    val_type(record.ok_or(Fault::GlobalIndex)?.ty)
}

/// A function that a reference can be made to: the vmctx has a record of it.
pub(super) fn check_function_ref(image: &Image<'_>, function: u32) -> Result<(), Fault> {
    ensure(function < image.function_count(), Fault::FunctionIndex)?;
    let imported = function < image.header().imported_functions;
    ensure(imported || image.escape_index(function).is_some(), Fault::NoRecord)
}

/// What the header says of the module.
fn check_header(image: &Image<'_>, names: &Names<'_>) -> Result<(), LoadError> {
    let header = image.header();
    if header.name_offset != NONE {
        let checked = names.check(header.name_offset, header.name_len);
        checked.map_err(|_| LoadError::Header(HeaderFault::ModuleName))?;
    }
    if header.start_function != NONE && !can_start(image, header.start_function) {
        return Err(LoadError::Header(HeaderFault::StartFunction));
    }
    let computed = vmctx_layout(image).len_bytes();
    if computed == Some(header.vmctx_len) {
        Ok(())
    } else {
        Err(LoadError::VmctxLen { stated: header.vmctx_len, computed })
    }
}

fn can_start(image: &Image<'_>, function: u32) -> bool {
    let ty = image.function_type(function).and_then(|ty| image.types().get(ty));
    ty.is_some_and(|ty| (ty.params, ty.results) == (0, 0)) && check_callable(image, function).is_ok()
}

fn vmctx_layout(image: &Image<'_>) -> vmctx::Layout {
    vmctx::Layout {
        memories: image.memories().len(),
        tables: image.tables().len(),
        globals: image.globals().len(),
        imported_functions: image.header().imported_functions,
        escaping_functions: image.escapes().len(),
        type_ids: image.types().len(),
    }
}
