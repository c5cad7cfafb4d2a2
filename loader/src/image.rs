//! `Image<'a>`: the view of an image's bytes after [`parse`](crate::parse) has checked every offset,
//! index and name in them, once. Accessors read in place. They keep their bounds checks all the same:
//! bytes that change behind our back give wrong answers, never an access outside.

use crate::code_memory::{Access, Segment};
use crate::records::Records;
use core::fmt;
use core::ops::Range;
use wasmc_abi::fixup::Fixup;
use wasmc_abi::image::{
    DataRecord, ElementItem, ElementRecord, EscapeRecord, ExportRecord, ExternKind, FunctionRecord, GlobalRecord,
    Header, ImportRecord, MemoryRecord, MemoryRun, NONE, Record, SubTypeRecord, Table, TableRecord, TagRecord,
    TypeForm, TypeNumber, TypeRecord, UnwindRecord,
};
use wasmc_abi::ram::Ram;
use wasmc_abi::sites::{Site, SiteIndexRecord, SiteReader};
use wasmc_abi::{FieldType, Frame, StorageType, ValType, vmctx};

/// A checked image.
#[derive(Clone, Copy)]
pub struct Image<'a> {
    layout: Layout,
    /// From image offset 0 on: the whole file after parsing, the read-only segment once loaded.
    bytes: &'a [u8],
}

/// What a check has found out about where things are; says nothing without bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layout {
    pub header: Header,
    pub segments: Segments,
    /// Bytes of each table, image offsets.
    pub tables: [Span; Table::COUNT],
}

/// The image's segments, ascending; one that the file does without is empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segments {
    pub readonly: Segment,
    pub code: Segment,
    pub relocated: Segment,
}

impl Default for Segments {
    fn default() -> Self {
        let empty = |access| Segment { offset: 0, len: 0, access };
        let (readonly, code, relocated) = (empty(Access::Read), empty(Access::Execute), empty(Access::Relocated));
        Segments { readonly, code, relocated }
    }
}

/// A range of image offsets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub offset: u32,
    pub len: u32,
}

macro_rules! tables {
    ($($(#[$doc:meta])* $vis:vis $accessor:ident $table:ident $record:ty;)*) => {
        impl<'a> Image<'a> {
            $( $(#[$doc])*
            $vis fn $accessor(&self) -> Records<'a, $record> {
                Records::new(self.table_bytes(Table::$table))
            } )*
        }
    };
}

tables! {
    /// Distinct types.
    pub types Types TypeRecord;
    /// Value types and fields of all types; see [`params`](Self::params) and [`fields`](Self::fields).
    pub(crate) val_types ValTypes TypeNumber;
    /// Forms of the types; none if all are final functions, each a recursion group of its own.
    pub sub_types SubTypes SubTypeRecord;
    /// Imports, in the module's order.
    pub imports Imports ImportRecord;
    /// Exports.
    pub exports Exports ExportRecord;
    /// Defined functions, in index order.
    pub functions Functions FunctionRecord;
    /// Defined functions that have a function record in the vmctx, ascending.
    pub escapes Escapes EscapeRecord;
    /// Tables, imports first.
    pub tables Tables TableRecord;
    /// Memories, imports first.
    pub memories Memories MemoryRecord;
    /// Globals, imports first.
    pub globals Globals GlobalRecord;
    /// Exception tags, imports first.
    pub tags Tags TagRecord;
    /// Element segments.
    pub elements Elements ElementRecord;
    /// Items of all element segments; see [`items`](Self::items).
    pub(crate) element_items ElementItems ElementItem;
    /// Data segments.
    pub data_segments Data DataRecord;
    /// Initial memory contents, ascending.
    pub memory_runs MemoryRuns MemoryRun;
    /// Pointers to fill at load, ascending.
    pub fixups Fixups Fixup;
    /// Frame sizes by code position, ascending.
    pub unwind_rows Unwind UnwindRecord;
    /// Where groups of sites start, ascending.
    pub site_index SiteIndex SiteIndexRecord;
}

impl<'a> Image<'a> {
    /// `bytes` start at image offset 0. Whoever calls this has checked them or is about to.
    pub(crate) fn new(layout: Layout, bytes: &'a [u8]) -> Self {
        Image { layout, bytes }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// For the check that finds it out.
    pub(crate) fn layout_mut(&mut self) -> &mut Layout {
        &mut self.layout
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What the image was built for, and its counts.
    pub fn header(&self) -> &Header {
        &self.layout.header
    }

    /// The segments in ascending order: read-only, code, relocated. Any but the first may be empty.
    pub fn segments(&self) -> [Segment; 3] {
        let Segments { readonly, code, relocated } = self.layout.segments;
        [readonly, code, relocated]
    }

    /// The bytes of a segment as the file has them; `None` for code once the image is loaded, when
    /// only the read-only segment is at hand.
    pub fn segment_bytes(&self, segment: &Segment) -> Option<&'a [u8]> {
        self.bytes_at(segment.offset, segment.len)
    }

    /// The module's name.
    pub fn module_name(&self) -> Option<&'a str> {
        let header = self.header();
        (header.name_offset != NONE).then(|| self.string(header.name_offset, header.name_len))
    }

    /// Module and field name of an import.
    pub fn import_names(&self, import: &ImportRecord) -> (&'a str, &'a str) {
        (self.string(import.module_offset, import.module_len), self.string(import.name_offset, import.name_len))
    }

    /// Whether an import has these names.
    pub fn is_import(&self, import: &ImportRecord, module: &str, name: &str) -> bool {
        self.name_bytes(import.module_offset, import.module_len) == module.as_bytes()
            && self.name_bytes(import.name_offset, import.name_len) == name.as_bytes()
    }

    /// The export of this name.
    pub fn find_export(&self, name: &str) -> Option<ExportRecord> {
        let mut exports = self.exports().iter();
        exports.find(|export| self.name_bytes(export.name_offset, export.name_len) == name.as_bytes())
    }

    /// Name of an export.
    pub fn export_name(&self, export: &ExportRecord) -> &'a str {
        self.string(export.name_offset, export.name_len)
    }

    /// Name of a function, for people.
    pub fn function_name(&self, function: &FunctionRecord) -> Option<&'a str> {
        (function.name_offset != NONE).then(|| self.string(function.name_offset, function.name_len))
    }

    /// Parameter types of a function type.
    pub fn params(&self, ty: &TypeRecord) -> impl ExactSizeIterator<Item = ValType> + use<'a> {
        self.value_types(ty.first, ty.params)
    }

    /// Result types of a function type.
    pub fn results(&self, ty: &TypeRecord) -> impl ExactSizeIterator<Item = ValType> + use<'a> {
        self.value_types(ty.first.saturating_add(ty.params), ty.results)
    }

    /// The fields of a struct type, or the one that an array's elements are.
    pub fn fields(&self, ty: &TypeRecord) -> impl ExactSizeIterator<Item = FieldType> + use<'a> {
        let fallback = FieldType { storage: StorageType::I8, mutable: false };
        // Every number was checked, so the fallback is never taken.
        let numbers = self.val_types().part(ty.first, ty.params);
        numbers.iter().map(move |ty| FieldType::from_number(ty.number).unwrap_or(fallback))
    }

    /// What a type is beside its value types.
    pub fn sub_type(&self, ty: u32) -> SubTypeRecord {
        let plain = SubTypeRecord { form: TypeForm::Function as u32, is_final: 1, supertype: NONE, group: ty };
        self.sub_types().get(ty).unwrap_or(plain)
    }

    /// Count of functions, imports included.
    pub fn function_count(&self) -> u32 {
        self.header().imported_functions.saturating_add(self.functions().len())
    }

    /// Index in [`types`](Self::types) of a function's type, imports included. For an imported
    /// function this walks the imports.
    pub fn function_type(&self, function: u32) -> Option<u32> {
        match function.checked_sub(self.header().imported_functions) {
            Some(defined) => Some(self.functions().get(defined)?.ty),
            None => {
                let mut functions = self.imports().iter().filter(|i| i.kind == ExternKind::Function as u32);
                Some(functions.nth(function as usize)?.ty)
            }
        }
    }

    /// Position of a defined function among [`escapes`](Self::escapes), by its function index.
    pub fn escape_index(&self, function: u32) -> Option<u32> {
        let escapes = self.escapes();
        let index = escapes.partition_point(|e| e.function < function);
        (escapes.get(index)?.function == function).then_some(index)
    }

    /// Items of an element segment.
    pub fn items(&self, element: &ElementRecord) -> Records<'a, ElementItem> {
        self.element_items().part(element.first, element.count)
    }

    /// Contents of a data segment.
    pub fn data(&self, data: &DataRecord) -> &'a [u8] {
        self.bytes_at(data.data_offset, data.data_len).unwrap_or_default()
    }

    /// Contents of a memory run.
    pub fn run(&self, run: &MemoryRun) -> &'a [u8] {
        self.bytes_at(run.data_offset, run.len).unwrap_or_default()
    }

    /// The site that covers a code position: the last one that starts at or before it. For a return
    /// address, ask for the byte before it.
    pub fn site_at(&self, code_offset: u32) -> Option<Site> {
        let group = self.site_index().last_before(|g| g.code_offset <= code_offset)?;
        let sites = SiteReader::new(self.table_bytes(Table::SiteStream), &group);
        sites.take_while(|s| s.code_offset <= code_offset).last()
    }

    /// The frame at a code position.
    pub fn frame_at(&self, code_offset: u32) -> Option<Frame> {
        Some(Frame::unpack(self.unwind_rows().last_before(|u| u.code_offset <= code_offset)?.frame))
    }

    /// Index among [`functions`](Self::functions) of the one whose body a Wasm offset lies in, such
    /// as those of a [`Site`].
    pub fn function_at(&self, wasm_offset: u32) -> Option<u32> {
        self.functions().partition_point(|f| f.wasm_offset <= wasm_offset).checked_sub(1)
    }

    /// How an instance's RAM is divided up where nothing is allocated and the part for objects has that many bytes;
    /// `None` if it is out of all bounds.
    pub fn ram(&self, objects_len: u32) -> Option<Ram> {
        let header = self.header();
        let segments = self.elements().len().saturating_add(self.data_segments().len());
        let tables = self.tables().iter().skip(header.imported_tables as usize);
        let memories = self.memories().iter().skip(header.imported_memories as usize);
        Ram::new(header, objects_len, segments, tables, memories)
    }

    /// Lengths of the vmctx block's arrays.
    pub fn vmctx_layout(&self) -> vmctx::Layout {
        vmctx::Layout {
            tail_slots: self.header().tail_slots,
            memories: self.memories().len(),
            tables: self.tables().len(),
            globals: self.globals().len(),
            imported_functions: self.header().imported_functions,
            escaping_functions: self.escapes().len(),
            type_ids: self.types().len(),
            tags: self.tags().len(),
        }
    }

    /// The bytes of a table.
    pub(crate) fn table_bytes(&self, table: Table) -> &'a [u8] {
        let Some(span) = self.layout.tables.get(table as usize) else {
            return &[];
        };
        self.bytes_at(span.offset, span.len).unwrap_or_default()
    }

    /// A name that was checked; the empty one should the bytes have changed since.
    fn string(&self, offset: u32, len: u32) -> &'a str {
        core::str::from_utf8(self.name_bytes(offset, len)).unwrap_or_default()
    }

    fn name_bytes(&self, offset: u32, len: u32) -> &'a [u8] {
        self.table_bytes(Table::Strings).get(range(offset, len)).unwrap_or_default()
    }

    fn value_types(&self, first: u32, count: u32) -> impl ExactSizeIterator<Item = ValType> + use<'a> {
        let numbers = self.val_types().part(first, count);
        // Every number was checked, and fields are asked for otherwise.
        numbers.iter().map(|ty| ValType::from_number(ty.number).unwrap_or(ValType::I32))
    }

    fn bytes_at(&self, offset: u32, len: u32) -> Option<&'a [u8]> {
        self.bytes.get(range(offset, len))
    }
}

/// `len` elements from `offset` on. Where that leaves `u32`, a range that no slice has.
pub(crate) fn range(offset: u32, len: u32) -> Range<usize> {
    match offset.checked_add(len) {
        Some(end) => offset as usize..end as usize,
        None => usize::MAX..usize::MAX,
    }
}

// Image offsets are `u32` and index slices.
const _: () = assert!(usize::BITS >= 32);
const _: () = assert!(<u8 as Record>::LEN == 1);

impl fmt::Debug for Image<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").field("header", self.header()).field("segments", &self.segments()).finish()
    }
}
