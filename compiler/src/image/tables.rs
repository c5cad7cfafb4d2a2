//! The metadata block: each of `abi`'s tables from the module, the linked code and the layout.

use super::layout::Layout;
use super::memory::{Memory, StoredSegment};
use crate::link::{LinkedCode, Symbol, function_index};
use crate::parse::{
    Composite, ConstExpr, ExportItem, GlobalType, ImportType, MemoryType, Module, SegmentMode, TableType, TypeId,
};
use crate::translate::symbols;
use std::collections::HashMap;
use wasmc_abi::fixup::{Fixup, FixupTarget};
use wasmc_abi::image::{
    self, DataRecord, DirectoryEntry, ElementItem, ElementRecord, EscapeRecord, ExportRecord, ExternKind,
    FunctionRecord, GlobalRecord, Header, ITEM_GLOBAL, ImportRecord, InitKind, MemoryRecord, MemoryRun, NONE,
    SubTypeRecord, Table, TableRecord, TagRecord, TypeForm, TypeNumber, TypeRecord, UnwindRecord, limits,
};
use wasmc_abi::sites::{SiteIndexRecord, SiteWriter};

/// Strings and sites, which have the same bytes wherever things are placed.
#[derive(Debug, Default)]
pub struct Encoded<'a> {
    strings: Vec<u8>,
    /// Where each string stands. For look-ups only: its order is not one.
    places: HashMap<&'a str, u32>,
    /// Names of the defined functions.
    function_names: Vec<Option<&'a str>>,
    /// With linked offsets.
    site_index: Vec<SiteIndexRecord>,
    /// The bytes of the last table.
    pub site_stream: Vec<u8>,
}

impl<'a> Encoded<'a> {
    /// `strip` leaves out names of functions, and sites.
    pub fn new(module: &Module<'a>, code: &LinkedCode, strip: bool) -> Encoded<'a> {
        let mut encoded = Encoded::default();
        let imports = module.imports.iter().flat_map(|i| [i.module, i.name]);
        let exports = module.exports.iter().map(|e| e.name);
        module.name.into_iter().chain(imports).chain(exports).for_each(|name| encoded.add(name));
        if !strip {
            let first = module.imported_functions as usize;
            encoded.function_names = module.function_names.get(first..).unwrap_or(&[]).to_vec();
            let names = encoded.function_names.clone();
            names.into_iter().flatten().for_each(|name| encoded.add(name));
            let (stream, index) = (&mut encoded.site_stream, &mut encoded.site_index);
            let mut writer = SiteWriter::new(|byte| stream.push(byte), |record| index.push(record));
            code.sites.iter().for_each(|site| writer.push(&site));
        }
        encoded
    }

    fn add(&mut self, string: &'a str) {
        self.places.entry(string).or_insert_with(|| {
            let place = self.strings.len() as u32;
            self.strings.extend_from_slice(string.as_bytes());
            place
        });
    }

    /// Offset and length of a name.
    pub fn name(&self, name: Option<&str>) -> (u32, u32) {
        name.map_or((NONE, 0), |name| (self.places[name], name.len() as u32))
    }
}

/// What the tables are made from.
pub struct Tables<'a> {
    pub module: &'a Module<'a>,
    pub code: &'a LinkedCode,
    pub memory: &'a Memory<'a>,
    pub encoded: &'a Encoded<'a>,
}

impl Tables<'_> {
    /// The metadata block with everything where `layout` says, but for the header, which is zeros.
    pub fn to_bytes(&self, layout: &Layout) -> Vec<u8> {
        let mut block = Block { bytes: vec![0; image::PREFIX_LEN] };
        self.put_signatures(layout, &mut block);
        self.put_interface(&mut block);
        self.put_functions(layout, &mut block);
        self.put_stores(&mut block);
        self.put_elements(&mut block);
        self.put_data(layout, &mut block);
        self.put_code_tables(layout, &mut block);
        self.put_sub_types(&mut block);
        block.put_bytes(Table::Strings, &self.encoded.strings);
        block.put_bytes(Table::SiteStream, &self.encoded.site_stream);
        block.bytes
    }

    fn put_signatures(&self, layout: &Layout, block: &mut Block) {
        // Of trampolines in several objects the first one counts, as in the link step.
        let mut named = HashMap::new();
        for symbol in &self.code.symbols {
            named.entry(&symbol.name[..]).or_insert(symbol);
        }
        let place = |name: String| named.get(&name[..]).map_or(0, |symbol| layout.base + symbol.offset);
        let mut numbers = Vec::new();
        let types = (0..).map(TypeId).zip(&self.module.types).map(|(id, ty)| {
            let first = numbers.len() as u32;
            let (params, results) = match &ty.composite {
                Composite::Func(ty) => {
                    numbers.extend(ty.params.iter().chain(&ty.results).map(|ty| ty.number()));
                    (ty.params.len() as u32, ty.results.len() as u32)
                }
                Composite::Struct(fields) => {
                    numbers.extend(fields.iter().map(|field| field.number()));
                    (fields.len() as u32, 0)
                }
                Composite::Array(element) => {
                    numbers.push(element.number());
                    (1, 0)
                }
            };
            let (entry, thunk) = (place(symbols::entry(id)), place(symbols::thunk(id)));
            TypeRecord { first, params, results, entry, thunk }.to_bytes()
        });
        block.put(Table::Types, types);
        block.put(Table::ValTypes, numbers.into_iter().map(|number| TypeNumber { number }.to_bytes()));
    }

    fn put_sub_types(&self, block: &mut Block) {
        let all = || (0..).map(TypeId).zip(&self.module.types);
        let needed = all().any(|(id, ty)| !ty.is_plain(id));
        let records = all().filter(|_| needed).map(|(_, ty)| {
            let form = match ty.composite {
                Composite::Func(_) => TypeForm::Function,
                Composite::Struct(_) => TypeForm::Struct,
                Composite::Array(_) => TypeForm::Array,
            };
            let (form, is_final) = (form as u32, ty.is_final.into());
            let supertype = ty.supertype.map_or(NONE, |id| id.0);
            SubTypeRecord { form, is_final, supertype, group: ty.group.0 }.to_bytes()
        });
        block.put(Table::SubTypes, records);
    }

    fn put_interface(&self, block: &mut Block) {
        let imports = self.module.imports.iter().map(|import| {
            let (module_offset, module_len) = self.encoded.name(Some(import.module));
            let (name_offset, name_len) = self.encoded.name(Some(import.name));
            let names = ImportRecord { module_offset, module_len, name_offset, name_len, ..import_type(&import.ty) };
            names.to_bytes()
        });
        block.put(Table::Imports, imports);
        let exports = self.module.exports.iter().map(|export| {
            let (name_offset, name_len) = self.encoded.name(Some(export.name));
            let (kind, index) = match export.item {
                ExportItem::Function(index) => (ExternKind::Function, index.0),
                ExportItem::Table(index) => (ExternKind::Table, index.0),
                ExportItem::Memory(index) => (ExternKind::Memory, index.0),
                ExportItem::Global(index) => (ExternKind::Global, index.0),
                ExportItem::Tag(index) => (ExternKind::Tag, index.0),
            };
            ExportRecord { name_offset, name_len, kind: kind as u32, index }.to_bytes()
        });
        block.put(Table::Exports, exports);
    }

    fn put_functions(&self, layout: &Layout, block: &mut Block) {
        let mut code: Vec<Option<&Symbol>> = vec![None; self.module.bodies.len()];
        for symbol in &self.code.symbols {
            let index = function_index(&symbol.name).and_then(|f| f.checked_sub(self.module.imported_functions));
            if let Some(code) = index.and_then(|i| code.get_mut(i as usize)) {
                *code = Some(symbol);
            }
        }
        let defined = &self.module.functions[self.module.imported_functions as usize..];
        let functions = code.iter().zip(defined).zip(&self.module.bodies).enumerate().map(|(i, ((code, ty), body))| {
            let name = self.encoded.function_names.get(i).copied().flatten();
            let (name_offset, name_len) = self.encoded.name(name);
            let (code_offset, code_len) = code.map_or((0, 0), |symbol| (layout.base + symbol.offset, symbol.len));
            let (ty, wasm_offset) = (ty.0, body.offset);
            FunctionRecord { code_offset, code_len, ty, wasm_offset, name_offset, name_len }.to_bytes()
        });
        block.put(Table::Functions, functions);
        let mut ordinary = HashMap::new();
        for symbol in &self.code.symbols {
            ordinary.insert(&symbol.name[..], layout.base + symbol.offset);
        }
        let escapes = self.module.escapes.iter().map(|f| {
            let ordinary = ordinary.get(&symbols::ordinary(*f)[..]).copied().unwrap_or(0);
            EscapeRecord { function: f.0, ordinary }.to_bytes()
        });
        block.put(Table::Escapes, escapes);
    }

    fn put_stores(&self, block: &mut Block) {
        let imported = std::iter::repeat_n(ConstExpr::Bits(0), self.module.imported_tables as usize);
        let inits = imported.chain(self.module.table_inits.iter().copied());
        let tables = self.module.tables.iter().zip(inits).map(|(table, expr)| {
            let TableType { element, min, max, .. } = *table;
            let (init_kind, init) = init(expr);
            let (ty, flags, max) = (element.number(), table_flags(table), max.unwrap_or(0));
            TableRecord { ty, flags, min, max, init_kind, reserved: 0, init: init as u64 }.to_bytes()
        });
        block.put(Table::Tables, tables);
        let memories = self.module.memories.iter().map(|memory| {
            let MemoryType { min, max, .. } = *memory;
            MemoryRecord { flags: memory_flags(memory), reserved: 0, min, max: max.unwrap_or(0) }.to_bytes()
        });
        block.put(Table::Memories, memories);
        let globals = self.module.globals.iter().map(|global| {
            let GlobalType { value, mutable } = global.ty;
            let (init_kind, init) = global.init.map_or((InitKind::Const as u32, 0), init);
            let (init, init_high) = (init as u64, (init >> 64) as u64);
            GlobalRecord { ty: value.number(), mutable: mutable.into(), init_kind, reserved: 0, init, init_high }
                .to_bytes()
        });
        block.put(Table::Globals, globals);
        block.put(Table::Tags, self.module.tags.iter().map(|ty| TagRecord { ty: ty.0 }.to_bytes()));
    }

    fn put_elements(&self, block: &mut Block) {
        // Segments that only declare keep no items: they count as dropped.
        let items = |element: &crate::parse::Element| match element.mode {
            SegmentMode::Declared => 0,
            SegmentMode::Active(..) | SegmentMode::Passive => element.items.len(),
        };
        let mut first = 0;
        let elements = self.module.elements.iter().map(|element| {
            let (mode, table, offset_kind, offset) = mode(element.mode, |table| table.0);
            let count = items(element) as u32;
            let ty = element.ty.number();
            let record = ElementRecord { mode, table, ty, offset_kind, offset, first, count };
            first += count;
            record.to_bytes()
        });
        block.put(Table::Elements, elements);
        let items = self.module.elements.iter().flat_map(|element| &element.items[..items(element)]);
        block.put(Table::ElementItems, items.map(|expr| ElementItem { item: item(*expr) }.to_bytes()));
    }

    /// The data segments with a record: those that are needed at run time, and those that only hold a
    /// place which instructions count on.
    fn stored_data(&self) -> impl ExactSizeIterator<Item = (&crate::parse::Data<'_>, &StoredSegment<'_>)> {
        let all = self.module.data.iter().zip(&self.memory.segments);
        let stored: Vec<_> =
            all.filter(|(_, s)| self.module.names_data || matches!(s, StoredSegment::Bytes(..))).collect();
        stored.into_iter()
    }

    fn put_data(&self, layout: &Layout, block: &mut Block) {
        let data = self.stored_data().map(|(data, stored)| {
            let (mode, memory, offset_kind, offset) = mode(data.mode, |memory| memory.0);
            let StoredSegment::Bytes(start, bytes) = *stored else {
                return DataRecord { mode: image::SegmentMode::Declared as u32, ..DataRecord::default() }.to_bytes();
            };
            let (data_offset, data_len) = (layout.memory.start + start as u32, bytes.len() as u32);
            DataRecord { mode, memory, offset_kind, reserved: 0, offset, data_offset, data_len }.to_bytes()
        });
        block.put(Table::Data, data);
        let runs = self.memory.runs.iter().map(|run| {
            let data_offset = layout.memory.start + run.offset as u32;
            let (memory, len, address) = (run.memory, run.bytes.len() as u32, run.address);
            MemoryRun { memory, len, address, data_offset, reserved: 0 }.to_bytes()
        });
        block.put(Table::MemoryRuns, runs);
    }

    fn put_code_tables(&self, layout: &Layout, block: &mut Block) {
        let base = layout.base;
        let fixups = self.code.fixups.iter().map(|fixup| {
            let target = match fixup.decode() {
                FixupTarget::Image(offset) => FixupTarget::Image(base + offset),
                helper => helper,
            };
            Fixup::new(base + fixup.slot, target).to_bytes()
        });
        block.put(Table::Fixups, fixups);
        let unwind = self.code.unwind.iter();
        block.put(Table::Unwind, unwind.map(|u| UnwindRecord { code_offset: base + u.code_offset, ..*u }.to_bytes()));
        let index = self.encoded.site_index.iter();
        block.put(
            Table::SiteIndex,
            index.map(|i| SiteIndexRecord { code_offset: base + i.code_offset, ..*i }.to_bytes()),
        );
    }
}

/// The metadata block while it grows: header, directory, tables.
struct Block {
    bytes: Vec<u8>,
}

impl Block {
    /// Appends a table of records.
    fn put<const LEN: usize>(&mut self, table: Table, records: impl Iterator<Item = [u8; LEN]>) {
        assert_eq!(LEN, table.record_len(), "records of {}", table.name());
        let start = self.start_table();
        records.for_each(|record| self.bytes.extend_from_slice(&record));
        self.enter(table, start);
    }

    /// Appends a table of bytes.
    fn put_bytes(&mut self, table: Table, bytes: &[u8]) {
        let start = self.start_table();
        self.bytes.extend_from_slice(bytes);
        self.enter(table, start);
    }

    fn start_table(&mut self) -> usize {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        self.bytes.len()
    }

    /// Enters a table, from `start` to the end so far, into the directory.
    fn enter(&mut self, table: Table, start: usize) {
        let count = (self.bytes.len() - start) / table.record_len();
        let entry = DirectoryEntry { offset: start as u32, count: count as u32 };
        let place = Header::LEN + table as usize * DirectoryEntry::LEN;
        self.bytes[place..][..DirectoryEntry::LEN].copy_from_slice(&entry.to_bytes());
    }
}

fn table_flags(table: &TableType) -> u32 {
    flags([(table.max.is_some(), limits::MAX), (table.wide, limits::WIDE)])
}

fn memory_flags(memory: &MemoryType) -> u32 {
    flags([
        (memory.max.is_some(), limits::MAX),
        (memory.shared, limits::SHARED),
        (memory.wide, limits::WIDE),
        (memory.page_len == 1, limits::BYTE_PAGES),
    ])
}

/// Those flags that are set.
fn flags<const N: usize>(flags: [(bool, u32); N]) -> u32 {
    flags.iter().filter(|(set, _)| *set).fold(0, |all, (_, flag)| all | flag)
}

/// The record of an import without its names.
fn import_type(ty: &ImportType) -> ImportRecord {
    let limits =
        |flags, min, max: Option<u64>| ImportRecord { flags, min, max: max.unwrap_or(0), ..ImportRecord::default() };
    let (kind, ty, rest) = match ty {
        ImportType::Function(ty) => (ExternKind::Function, ty.0, ImportRecord::default()),
        ImportType::Table(table) => {
            (ExternKind::Table, table.element.number(), limits(table_flags(table), table.min, table.max))
        }
        ImportType::Memory(memory) => (ExternKind::Memory, 0, limits(memory_flags(memory), memory.min, memory.max)),
        ImportType::Global(global) => (
            ExternKind::Global,
            global.value.number(),
            ImportRecord { flags: global.mutable.into(), ..Default::default() },
        ),
        ImportType::Tag(ty) => (ExternKind::Tag, ty.0, ImportRecord::default()),
    };
    ImportRecord { kind: kind as u32, ty, ..rest }
}

/// Kind and operand of a constant expression.
fn init(expr: ConstExpr) -> (u32, u128) {
    match expr {
        ConstExpr::Bits(bits) => (InitKind::Const as u32, bits),
        // The initialiser will give it its value.
        ConstExpr::Computed => (InitKind::Const as u32, 0),
        ConstExpr::Global(global) => (InitKind::Global as u32, global.0.into()),
        ConstExpr::Function(function) => (InitKind::Function as u32, function.0.into()),
    }
}

fn item(expr: ConstExpr) -> u32 {
    match expr {
        ConstExpr::Function(function) => function.0,
        ConstExpr::Global(global) => ITEM_GLOBAL | global.0,
        ConstExpr::Bits(_) => NONE,
        ConstExpr::Computed => unreachable!("elements are references, which are not computed"),
    }
}

/// Mode, index and offset of a segment.
fn mode<I>(mode: SegmentMode<I>, index: impl Fn(I) -> u32) -> (u32, u32, u32, u64) {
    match mode {
        SegmentMode::Active(of, offset) => {
            let (kind, operand) = init(offset);
            (image::SegmentMode::Active as u32, index(of), kind, operand as u64)
        }
        SegmentMode::Passive => (image::SegmentMode::Passive as u32, 0, 0, 0),
        SegmentMode::Declared => (image::SegmentMode::Declared as u32, 0, 0, 0),
    }
}
