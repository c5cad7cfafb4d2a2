//! A validated Wasm module as plain data: what the rest of the compiler works from.

use super::constant_tables::TableUses;
use super::exceptions::Throwing;
use super::index::{DefinedFuncIndex, FuncIndex, GlobalIndex, MemoryIndex, TableIndex, TagIndex, TypeId};
use super::operands::Validation;
use super::types::{Composite, SubType};
use crate::profile::ModuleProfile;
use std::borrow::Cow;
use wasmc_abi::ValType;
use wasmc_abi::signature::slot_count;

/// A module, borrowed from its bytes.
#[derive(Debug, Default)]
pub struct Module<'a> {
    /// SHA-256 of the module's bytes.
    pub digest: [u8; 32],
    /// From the name section.
    pub name: Option<&'a str>,
    /// Distinct types.
    pub types: Vec<SubType>,
    /// The module's own type indices.
    pub type_ids: Vec<TypeId>,
    /// Imports in the module's order.
    pub imports: Vec<Import<'a>>,
    /// Exports in the module's order.
    pub exports: Vec<Export<'a>>,
    /// Type of each function, imports first.
    pub functions: Vec<TypeId>,
    /// How many of them are imported.
    pub imported_functions: u32,
    /// Names from the name section, by function index, imports included.
    pub function_names: Vec<Option<&'a str>>,
    /// Offsets in the module of `if` and `br_if` instructions whose condition is likely to hold, or not to
    /// (branch-hinting proposal). Ascending.
    pub branch_hints: Vec<(u32, bool)>,
    /// Bodies of the defined functions.
    pub bodies: Vec<Body<'a>>,
    /// Tables, imports first.
    pub tables: Vec<TableType>,
    /// What the elements of the defined tables are initially.
    pub table_inits: Vec<ConstExpr>,
    /// How many of them are imported.
    pub imported_tables: u32,
    /// Memories, imports first.
    pub memories: Vec<MemoryType>,
    /// How many of them are imported.
    pub imported_memories: u32,
    /// Globals, imports first.
    pub globals: Vec<Global>,
    /// How many of them are imported.
    pub imported_globals: u32,
    /// Type of each exception tag, imports first.
    pub tags: Vec<TypeId>,
    /// How many of them are imported.
    pub imported_tags: u32,
    /// The start function.
    pub start: Option<FuncIndex>,
    /// The function that sets the globals whose value is computed: made for the purpose, the last of all.
    pub initialiser: Option<FuncIndex>,
    /// Functions that the initialiser refers to.
    pub computed_references: Vec<FuncIndex>,
    /// Element segments.
    pub elements: Vec<Element>,
    /// Data segments.
    pub data: Vec<Data<'a>>,
    /// Whether instructions may name data segments: there is a data count section.
    pub names_data: bool,
    /// Defined functions that can be referred to: exported, in element segments, `ref.func`, start.
    /// Ascending.
    pub escapes: Vec<FuncIndex>,
    /// What the bodies do with the tables.
    pub table_uses: TableUses,
    /// Whether the module uses exceptions.
    pub uses_exceptions: bool,
    /// Whether it uses structs, arrays, or types with subtypes.
    pub uses_objects: bool,
    /// For the types of operands, if there may be references to what the runtime reclaims: it has to be told of them.
    pub validation: Option<Validation>,
    /// Which functions may be left by an exception, if that is more than the imported ones.
    pub throwing: Option<Throwing>,
    /// What it has to do with profiles.
    pub profile: ModuleProfile,
}

/// A function type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FuncType {
    /// Parameter types.
    pub params: Vec<ValType>,
    /// Result types.
    pub results: Vec<ValType>,
}

/// A function body: its bytes and where they stand in the module.
#[derive(Clone, Debug, Default)]
pub struct Body<'a> {
    /// Locals and instructions.
    pub bytes: Cow<'a, [u8]>,
    /// Offset in the module.
    pub offset: u32,
    /// Whether there are tail calls of other functions among the instructions.
    pub makes_tail_calls: bool,
    /// Whether there are tail calls of the function itself.
    pub repeats: bool,
    /// Targets of the `br_table` that has most of them.
    pub branch_targets_max: u32,
    /// The loops: their offsets in the module, in ascending order, and their lengths in bytes.
    pub loops: Vec<(u32, u32)>,
}

/// An import.
#[derive(Clone, Debug)]
pub struct Import<'a> {
    /// Module name.
    pub module: &'a str,
    /// Field name.
    pub name: &'a str,
    /// What is imported.
    pub ty: ImportType,
}

/// The type of an import.
#[derive(Clone, Debug)]
pub enum ImportType {
    /// A function.
    Function(TypeId),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// An exception tag.
    Tag(TypeId),
}

/// An export.
#[derive(Clone, Debug)]
pub struct Export<'a> {
    /// Name.
    pub name: &'a str,
    /// What is exported.
    pub item: ExportItem,
}

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportItem {
    /// A function.
    Function(FuncIndex),
    /// A table.
    Table(TableIndex),
    /// A memory.
    Memory(MemoryIndex),
    /// A global.
    Global(GlobalIndex),
    /// An exception tag.
    Tag(TagIndex),
}

/// The type of a table.
#[derive(Clone, Copy, Debug)]
pub struct TableType {
    /// A reference type.
    pub element: ValType,
    /// Initial count of elements.
    pub min: u64,
    /// Most elements.
    pub max: Option<u64>,
    /// Whether indices have 64 bits.
    pub wide: bool,
}

/// The type of a memory, in pages.
#[derive(Clone, Copy, Debug)]
pub struct MemoryType {
    /// Initial pages.
    pub min: u64,
    /// Most pages.
    pub max: Option<u64>,
    /// Length of a page, bytes: 64 KiB or 1.
    pub page_len: u64,
    /// Whether several threads may use it at a time.
    pub shared: bool,
    /// Whether addresses have 64 bits.
    pub wide: bool,
}

impl MemoryType {
    /// Initial length, bytes.
    pub fn min_len(self) -> u64 {
        self.min.saturating_mul(self.page_len)
    }

    /// The most bytes that one can have where pointers are that wide.
    pub fn max_len(self, pointer_bits: u32) -> u64 {
        if self.wide { wasmc_abi::vmctx::MAX_WIDE_LEN } else { wasmc_abi::vmctx::max_len(pointer_bits) }
    }

    /// The length of one that cannot grow; `None` for others, and if no memory is so long.
    pub fn fixed_len(self, pointer_bits: u32) -> Option<u64> {
        let fixed = self.max == Some(self.min) && self.min_len() <= self.max_len(pointer_bits);
        fixed.then_some(self.min_len())
    }
}

/// The type of a global.
#[derive(Clone, Copy, Debug)]
pub struct GlobalType {
    /// Type of the value.
    pub value: ValType,
    /// Whether it can be set.
    pub mutable: bool,
}

/// A global; imported ones have no initial value.
#[derive(Clone, Copy, Debug)]
pub struct Global {
    /// Its type.
    pub ty: GlobalType,
    /// Initial value of a defined one.
    pub init: Option<ConstExpr>,
}

/// A constant expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstExpr {
    /// The bits of a number or a vector, the low ones for a narrower type; 0 for a null reference.
    Bits(u128),
    /// Value of a global.
    Global(GlobalIndex),
    /// Reference to a function.
    Function(FuncIndex),
    /// What the module's initialiser sets: of globals only.
    Computed,
}

/// When a segment is used.
#[derive(Clone, Copy, Debug)]
pub enum SegmentMode<I> {
    /// At instantiation, at this offset of this table or memory.
    Active(I, ConstExpr),
    /// By an instruction.
    Passive,
    /// Never.
    Declared,
}

/// An element segment.
#[derive(Clone, Debug)]
pub struct Element {
    /// When it is used.
    pub mode: SegmentMode<TableIndex>,
    /// Type of the elements.
    pub ty: ValType,
    /// The elements.
    pub items: Vec<ConstExpr>,
}

/// A data segment.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// When it is used.
    pub mode: SegmentMode<MemoryIndex>,
    /// Its contents.
    pub bytes: &'a [u8],
}

impl Module<'_> {
    /// The function's place among the bodies; `None` for an import.
    pub fn defined(&self, function: FuncIndex) -> Option<DefinedFuncIndex> {
        function.0.checked_sub(self.imported_functions).map(DefinedFuncIndex)
    }

    /// The index of a function with a body.
    pub fn function_index(&self, defined: DefinedFuncIndex) -> FuncIndex {
        FuncIndex(self.imported_functions + defined.0)
    }

    /// Whether a memory's record is not part of the vmctx block, which then has its address.
    pub fn has_record_elsewhere(&self, memory: MemoryIndex) -> bool {
        memory.0 < self.imported_memories || self.memories[memory.get()].shared
    }

    /// The type of a function.
    pub fn function_type(&self, function: FuncIndex) -> &FuncType {
        self.func_type(self.functions[function.get()])
    }

    /// A function type by its id.
    pub fn func_type(&self, ty: TypeId) -> &FuncType {
        match &self.types[ty.get()].composite {
            Composite::Func(ty) => ty,
            other => unreachable!("validated: {other:?} is not called"),
        }
    }

    /// Whether the condition of the instruction at an offset is likely to hold, if the module says so.
    pub fn branch_hint(&self, offset: u32) -> Option<bool> {
        let index = self.branch_hints.binary_search_by_key(&offset, |(offset, _)| *offset).ok()?;
        Some(self.branch_hints[index].1)
    }

    /// The function's place in the vmctx array of escaping functions.
    pub fn escape_slot(&self, function: FuncIndex) -> Option<u32> {
        self.escapes.binary_search(&function).ok().map(|i| i as u32)
    }

    /// Slots for the parameters of tail calls: as many as a function that has an entry for those takes, made even.
    pub fn tail_slots(&self) -> u32 {
        let defined = self.functions[self.imported_functions as usize..].iter().zip(&self.bodies);
        let with_entry = defined.filter(|(_, body)| body.makes_tail_calls).map(|(ty, _)| &self.func_type(*ty).params);
        let slots = with_entry.map(|params| params.iter().map(|ty| slot_count(*ty) as u32).sum::<u32>());
        slots.max().unwrap_or(0).next_multiple_of(2)
    }

    /// Whether references to functions of others can come into the module's tables.
    pub fn has_foreign_references(&self) -> bool {
        let in_exports = self.exports.iter().any(|export| match export.item {
            ExportItem::Table(_) => true,
            ExportItem::Global(index) => self.globals[index.get()].ty.value.is_func_ref(),
            // `ref.func` may name it then.
            ExportItem::Function(index) => self.defined(index).is_none(),
            _ => false,
        });
        let in_imports = self.imports.iter().any(|import| match import.ty {
            ImportType::Table(_) => true,
            ImportType::Global(ty) => ty.value.is_func_ref(),
            _ => false,
        });
        // Those that are imported as functions, and those that are passed.
        let items = self.elements.iter().flat_map(|element| &element.items);
        let inits = self.globals.iter().filter_map(|global| global.init.as_ref());
        let is_imported = |expr: &ConstExpr| matches!(expr, ConstExpr::Function(f) if self.defined(*f).is_none());
        let in_types = |ty: &SubType| match &ty.composite {
            Composite::Func(ty) => ty.params.iter().chain(&ty.results).any(|ty| ty.is_func_ref()),
            Composite::Struct(_) | Composite::Array(_) => true,
        };
        in_exports || in_imports || items.chain(inits).any(is_imported) || self.types.iter().any(in_types)
    }

    /// Lengths of the vmctx arrays.
    pub fn layout(&self) -> wasmc_abi::vmctx::Layout {
        wasmc_abi::vmctx::Layout {
            tail_slots: self.tail_slots(),
            memories: self.memories.len() as u32,
            tables: self.tables.len() as u32,
            globals: self.globals.len() as u32,
            imported_functions: self.imported_functions,
            escaping_functions: self.escapes.len() as u32,
            type_ids: self.types.len() as u32,
            tags: self.tags.len() as u32,
        }
    }

    /// Whether a host may enter functions of this type: one of them escapes or is imported.
    pub fn needs_entry(&self, ty: TypeId) -> bool {
        let imported = self.functions[..self.imported_functions as usize].contains(&ty);
        imported || self.escapes.iter().any(|f| self.functions[f.get()] == ty)
    }

    /// Whether an import has this type, so that a host function may stand behind it.
    pub fn needs_thunk(&self, ty: TypeId) -> bool {
        self.functions[..self.imported_functions as usize].contains(&ty)
    }
}

impl<'a> Module<'a> {
    /// Everything that `ref.func`, an export, a segment or the host can refer to. A validated body
    /// refers only to functions that stand in one of these places (spec: valid/modules, `C.refs`).
    pub(super) fn find_escapes(&self) -> Vec<FuncIndex> {
        let exported = self.exports.iter().filter_map(|e| match e.item {
            ExportItem::Function(f) => Some(f),
            _ => None,
        });
        let in_exprs = self
            .elements
            .iter()
            .flat_map(|e| e.items.iter().copied())
            .chain(self.globals.iter().filter_map(|g| g.init))
            .chain(self.table_inits.iter().copied());
        let referred = in_exprs.filter_map(|e| match e {
            ConstExpr::Function(f) => Some(f),
            _ => None,
        });
        let mut found: Vec<_> = exported
            .chain(referred)
            .chain(self.start)
            .chain(self.initialiser)
            .chain(self.computed_references.iter().copied())
            .filter(|f| self.defined(*f).is_some())
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}
