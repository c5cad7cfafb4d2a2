//! An image's contents with numbers turned into names: what the text is made from, and what the
//! JSON is.

use crate::cli::cache::hex;
use crate::cli::image_file::ImageFile;
use goblin::elf::program_header::{PF_R, PF_W, PF_X, PT_LOAD};
use serde::Serialize;
use wasmc_abi::ValType;
use wasmc_abi::image::{
    ExportRecord, ExternKind, FunctionRecord, GlobalRecord, Header, ImportRecord, MemoryRecord, MemoryRun, NONE, Table,
    TableRecord, TagRecord, TypeNumber, TypeRecord,
};
use wasmc_abi::target::{Arch, FloatAbi, IsaState, MemoryModel, cpu_feature_table};

/// All of it.
#[derive(Debug, Serialize)]
pub struct Report {
    pub file: String,
    /// Empty if length and checksums are those that were written.
    pub faults: Vec<String>,
    pub header: HeaderReport,
    pub segments: Vec<Segment>,
    pub sections: Vec<Section>,
    pub tables_of_metadata: Vec<MetadataTable>,
    pub imports: Vec<Import>,
    pub exports: Vec<Export>,
    pub memories: Vec<Memory>,
    pub tables: Vec<TableReport>,
    pub globals: Vec<Global>,
    pub functions: Vec<Function>,
}

/// Every field of [`Header`].
#[derive(Debug, Serialize)]
pub struct HeaderReport {
    pub format_version: u32,
    pub abi_version: u32,
    pub image_len: u32,
    pub file_len: u32,
    pub head_len: u32,
    pub head_checksum: String,
    pub body_checksum: String,
    pub arch: String,
    pub isa_state: String,
    pub float_abi: String,
    pub pointer_bits: u32,
    pub memory_model: String,
    pub cpu_features: Vec<String>,
    pub page_len: u32,
    pub max_frame: u32,
    pub vmctx_len: u32,
    pub start_function: Option<u32>,
    pub imported_functions: u32,
    pub imported_tables: u32,
    pub imported_memories: u32,
    pub imported_globals: u32,
    pub code_offset: u32,
    pub code_len: u32,
    pub source_digest: String,
    pub name: Option<String>,
}

/// A loadable segment.
#[derive(Debug, Serialize)]
pub struct Segment {
    pub flags: String,
    pub offset: u64,
    pub file_len: u64,
    pub memory_len: u64,
}

/// An ELF section.
#[derive(Debug, Serialize)]
pub struct Section {
    pub name: String,
    pub offset: u64,
    pub len: u64,
    /// Whether a loader maps it.
    pub loaded: bool,
}

/// A table of the metadata block.
#[derive(Debug, Serialize)]
pub struct MetadataTable {
    pub name: &'static str,
    pub count: u32,
    pub len: u64,
}

/// An import.
#[derive(Debug, Serialize)]
pub struct Import {
    pub module: String,
    pub name: String,
    pub kind: String,
    #[serde(rename = "type")]
    pub ty: String,
}

/// An export.
#[derive(Debug, Serialize)]
pub struct Export {
    pub name: String,
    pub kind: String,
    pub index: u32,
    #[serde(rename = "type")]
    pub ty: String,
}

/// A memory; sizes in pages.
#[derive(Debug, Serialize)]
pub struct Memory {
    pub index: u32,
    pub imported: bool,
    pub min: u64,
    pub max: Option<u64>,
    /// Length of a page, bytes.
    pub page_len: u64,
    pub address_bits: u32,
    pub shared: bool,
    /// Bytes of initial contents that are ready to be mapped.
    pub contents_len: u64,
}

/// A table; sizes in elements.
#[derive(Debug, Serialize)]
pub struct TableReport {
    pub index: u32,
    pub imported: bool,
    pub element: String,
    pub min: u64,
    pub max: Option<u64>,
    pub index_bits: u32,
}

/// A global.
#[derive(Debug, Serialize)]
pub struct Global {
    pub index: u32,
    pub imported: bool,
    #[serde(rename = "type")]
    pub ty: String,
}

/// A defined function.
#[derive(Debug, Serialize)]
pub struct Function {
    pub index: u32,
    pub name: Option<String>,
    #[serde(rename = "type")]
    pub ty: String,
    /// 0 if every call of it was inlined.
    pub code_offset: u32,
    pub code_len: u32,
    pub wasm_offset: u32,
}

/// The name of a number, or the number if it has none.
fn named<T: std::fmt::Display>(value: Option<T>, number: u32) -> String {
    value.map_or_else(|| format!("unknown ({number})"), |value| value.to_string())
}

fn val_type(number: u32) -> String {
    named(ValType::from_number(number), number)
}

impl Report {
    /// Reads everything that an image tells about itself.
    pub fn new(image: &ImageFile, file: &str, faults: Vec<String>) -> Report {
        let types = Types::new(image);
        Report {
            file: file.into(),
            faults,
            header: header(image),
            segments: segments(image),
            sections: sections(image),
            tables_of_metadata: tables_of_metadata(image),
            imports: imports(image, &types),
            exports: exports(image, &types),
            memories: memories(image),
            tables: tables(image),
            globals: globals(image),
            functions: functions(image, &types),
        }
    }
}

fn header(image: &ImageFile) -> HeaderReport {
    let h: &Header = &image.header;
    let arch = Arch::from_number(h.arch);
    HeaderReport {
        format_version: h.format_version,
        abi_version: h.abi_version,
        image_len: h.image_len,
        file_len: h.file_len,
        head_len: h.head_len,
        head_checksum: format!("{:08x}", h.head_checksum),
        body_checksum: format!("{:08x}", h.body_checksum),
        arch: named(arch, h.arch),
        isa_state: named(IsaState::from_number(h.isa_state), h.isa_state),
        float_abi: named(FloatAbi::from_number(h.float_abi), h.float_abi),
        pointer_bits: h.pointer_bits,
        memory_model: named(MemoryModel::from_number(h.memory_model), h.memory_model),
        cpu_features: cpu_features(arch, h.cpu_features),
        page_len: h.page_len,
        max_frame: h.max_frame,
        vmctx_len: h.vmctx_len,
        start_function: Some(h.start_function).filter(|f| *f != NONE),
        imported_functions: h.imported_functions,
        imported_tables: h.imported_tables,
        imported_memories: h.imported_memories,
        imported_globals: h.imported_globals,
        code_offset: h.code_offset,
        code_len: h.code_len,
        source_digest: hex(&h.source_digest),
        name: image.string(h.name_offset, h.name_len),
    }
}

fn cpu_features(arch: Option<Arch>, bits: u64) -> Vec<String> {
    let table = arch.map_or(&[][..], cpu_feature_table);
    let name = |bit: u32| match table.iter().find(|f| f.bit == bit) {
        Some(feature) => feature.name.to_string(),
        None => format!("unknown (bit {bit})"),
    };
    (0..64).filter(|bit| bits >> bit & 1 == 1).map(name).collect()
}

fn segments(image: &ImageFile) -> Vec<Segment> {
    let loaded = image.elf.program_headers.iter().filter(|h| h.p_type == PT_LOAD);
    loaded
        .map(|h| Segment {
            flags: [(PF_R, 'R'), (PF_W, 'W'), (PF_X, 'X')]
                .into_iter()
                .filter(|(flag, _)| h.p_flags & flag != 0)
                .map(|(_, letter)| letter)
                .collect(),
            offset: h.p_offset,
            file_len: h.p_filesz,
            memory_len: h.p_memsz,
        })
        .collect()
}

fn sections(image: &ImageFile) -> Vec<Section> {
    let named = image.elf.section_headers.iter().filter(|h| h.sh_size > 0);
    named
        .map(|h| Section {
            name: image.elf.shdr_strtab.get_at(h.sh_name).unwrap_or("?").into(),
            offset: h.sh_offset,
            len: h.sh_size,
            loaded: h.is_alloc(),
        })
        .collect()
}

fn tables_of_metadata(image: &ImageFile) -> Vec<MetadataTable> {
    let table = |table: &Table| {
        let count = image.directory_entry(*table).count;
        let len = u64::from(count) * table.record_len() as u64;
        MetadataTable { name: table.name(), count, len }
    };
    Table::ALL.iter().map(table).collect()
}

/// Function types as text, by index.
struct Types(Vec<String>);

impl Types {
    fn new(image: &ImageFile) -> Types {
        let all = image.table::<TypeNumber>(Table::ValTypes);
        let list = |first: usize, count: u32| {
            let types = all.get(first..).unwrap_or(&[]).iter().take(count as usize);
            types.map(|ty| val_type(ty.number)).collect::<Vec<_>>().join(", ")
        };
        let text = |ty: &TypeRecord| {
            let first = ty.first as usize;
            let results = list(first.saturating_add(ty.params as usize), ty.results);
            match ty.results {
                0 => format!("({})", list(first, ty.params)),
                1 => format!("({}) -> {results}", list(first, ty.params)),
                _ => format!("({}) -> ({results})", list(first, ty.params)),
            }
        };
        Types(image.table::<TypeRecord>(Table::Types).iter().map(text).collect())
    }

    fn get(&self, index: u32) -> String {
        self.0.get(index as usize).cloned().unwrap_or_else(|| format!("unknown (type {index})"))
    }
}

/// `1 page`, `2 pages`.
pub fn counted(count: u64, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn limits(min: u64, max: Option<u64>, unit: &str) -> String {
    match max {
        Some(max) if max == min => counted(min, unit),
        Some(max) => format!("{min} to {}", counted(max, unit)),
        None => format!("{} or more", counted(min, unit)),
    }
}

impl Memory {
    /// What its pages are called.
    pub fn unit(&self) -> &'static str {
        if self.page_len == 1 { "byte" } else { "page" }
    }

    /// What it is beside its size.
    pub fn kind(&self) -> &'static str {
        match (self.address_bits, self.shared) {
            (64, false) => ", 64-bit",
            (64, true) => ", 64-bit, shared",
            (_, false) => "",
            (_, true) => ", shared",
        }
    }

    /// Its type as text.
    fn ty(&self) -> String {
        format!("{}{}", limits(self.min, self.max, self.unit()), self.kind())
    }
}

impl TableReport {
    /// Its type as text.
    fn ty(&self) -> String {
        let wide = if self.index_bits == 64 { ", 64-bit" } else { "" };
        format!("{}, {}{wide}", self.element, limits(self.min, self.max, "element"))
    }
}

fn imports(image: &ImageFile, types: &Types) -> Vec<Import> {
    // Their records are the first of each kind.
    let (mut memories, mut tables) = (memories(image).into_iter(), tables(image).into_iter());
    let mut import = |r: &ImportRecord| {
        let kind = ExternKind::from_number(r.kind);
        Import {
            module: image.string(r.module_offset, r.module_len).unwrap_or_default(),
            name: image.string(r.name_offset, r.name_len).unwrap_or_default(),
            kind: named(kind.map(ExternKind::name), r.kind),
            ty: match kind {
                Some(ExternKind::Function | ExternKind::Tag) => types.get(r.ty),
                Some(ExternKind::Table) => tables.next().map(|table| table.ty()).unwrap_or_default(),
                Some(ExternKind::Memory) => memories.next().map(|memory| memory.ty()).unwrap_or_default(),
                Some(ExternKind::Global) => global_type(r.ty, r.flags),
                None => String::new(),
            },
        }
    };
    image.table::<ImportRecord>(Table::Imports).iter().map(&mut import).collect()
}

fn global_type(ty: u32, mutable: u32) -> String {
    format!("{}{}", if mutable == 1 { "mut " } else { "" }, val_type(ty))
}

fn exports(image: &ImageFile, types: &Types) -> Vec<Export> {
    let import_types: Vec<_> = image
        .table::<ImportRecord>(Table::Imports)
        .into_iter()
        .filter(|import| import.kind == ExternKind::Function as u32)
        .map(|import| import.ty)
        .collect();
    let defined = image.table::<FunctionRecord>(Table::Functions);
    let function = |index: u32| {
        let imported = import_types.get(index as usize).copied();
        let defined = || defined.get((index as usize).checked_sub(import_types.len())?).map(|f| f.ty);
        imported.or_else(defined).map(|ty| types.get(ty))
    };
    let (memories, tables, globals) = (memories(image), tables(image), globals(image));
    let tags = image.table::<TagRecord>(Table::Tags);
    let export = |r: &ExportRecord| {
        let (kind, at) = (ExternKind::from_number(r.kind), r.index as usize);
        let ty = match kind {
            Some(ExternKind::Function) => function(r.index),
            Some(ExternKind::Table) => tables.get(at).map(TableReport::ty),
            Some(ExternKind::Memory) => memories.get(at).map(Memory::ty),
            Some(ExternKind::Global) => globals.get(at).map(|g| g.ty.clone()),
            Some(ExternKind::Tag) => tags.get(at).map(|tag| types.get(tag.ty)),
            None => None,
        };
        Export {
            name: image.string(r.name_offset, r.name_len).unwrap_or_default(),
            kind: named(kind.map(ExternKind::name), r.kind),
            index: r.index,
            ty: ty.unwrap_or_default(),
        }
    };
    image.table::<ExportRecord>(Table::Exports).iter().map(export).collect()
}

fn memories(image: &ImageFile) -> Vec<Memory> {
    let runs = image.table::<MemoryRun>(Table::MemoryRuns);
    let memories = image.table::<MemoryRecord>(Table::Memories);
    let memory = |(index, r): (u32, &MemoryRecord)| Memory {
        index,
        imported: index < image.header.imported_memories,
        min: r.min,
        max: r.max(),
        page_len: r.page_len(),
        address_bits: if r.is_wide() { 64 } else { 32 },
        shared: r.is_shared(),
        contents_len: runs.iter().filter(|run| run.memory == index).map(|run| u64::from(run.len)).sum(),
    };
    (0..).zip(&memories).map(memory).collect()
}

fn tables(image: &ImageFile) -> Vec<TableReport> {
    let tables = image.table::<TableRecord>(Table::Tables);
    let table = |(index, r): (u32, &TableRecord)| TableReport {
        index,
        imported: index < image.header.imported_tables,
        element: val_type(r.ty),
        min: r.min,
        max: r.max(),
        index_bits: if r.is_wide() { 64 } else { 32 },
    };
    (0..).zip(&tables).map(table).collect()
}

fn globals(image: &ImageFile) -> Vec<Global> {
    let globals = image.table::<GlobalRecord>(Table::Globals);
    let global = |(index, r): (u32, &GlobalRecord)| Global {
        index,
        imported: index < image.header.imported_globals,
        ty: global_type(r.ty, r.mutable),
    };
    (0..).zip(&globals).map(global).collect()
}

fn functions(image: &ImageFile, types: &Types) -> Vec<Function> {
    let functions = image.table::<FunctionRecord>(Table::Functions);
    let function = |(index, r): (u32, &FunctionRecord)| Function {
        index,
        name: image.string(r.name_offset, r.name_len),
        ty: types.get(r.ty),
        code_offset: r.code_offset,
        code_len: r.code_len,
        wasm_offset: r.wasm_offset,
    };
    (image.header.imported_functions..).zip(&functions).map(function).collect()
}
