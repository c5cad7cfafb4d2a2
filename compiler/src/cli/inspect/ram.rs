//! What RAM an image needs where nothing is allocated: on a board.

use super::text::Page;
use crate::cli::image_file::ImageFile;
use serde::Serialize;
use wasmc_abi::ValType;
use wasmc_abi::image::{
    ExternKind, ImportRecord, MemoryRecord, NONE, SubTypeRecord, Table, TableRecord, TagRecord, TypeNumber, TypeRecord,
};
use wasmc_abi::ram::{HOST_RECORD_LEN, Objects, RECORD_LEN, Ram};
use wasmc_abi::signature::slot_count;
use wasmc_runtime::bare::HELPER_STACK_LEN;

/// Bytes, if not said otherwise.
#[derive(Debug, Serialize)]
pub struct RamReport {
    /// The buffer of an instance, at least; what it has beyond that is room to grow. Absent if 32 bits cannot count
    /// it.
    pub instance_len: Option<u32>,
    /// Parts of it.
    pub vmctx_len: u32,
    /// The runtime's own record.
    pub record_len: u32,
    /// Records of the host functions that are imported.
    pub host_records_len: u32,
    /// Records of types, if there are others than functions, or they have subtypes.
    pub types_len: u32,
    /// Records of exception tags.
    pub tags_len: u32,
    /// Exceptions, if the module has tags.
    pub exceptions_len: u32,
    /// A byte for each segment, up to the next part.
    pub flags_len: Option<u32>,
    /// Initial elements of tables.
    pub tables_len: Option<u32>,
    /// Initial pages of memories.
    pub memories_len: u64,
    /// The most that memories may ask for; absent if one has no maximum.
    pub memories_len_max: Option<u64>,
    /// Stack, at the least: the largest frame, and what helpers need. Calls add up.
    pub stack_len: u64,
    /// The buffer for code, if it does not run where it lies.
    pub code_buffer_len: u32,
    /// Its alignment, or that of the place where the image lies.
    pub code_align: u32,
}

impl RamReport {
    /// Of an image.
    pub fn new(image: &ImageFile) -> RamReport {
        let header = &image.header;
        let defined_tables =
            image.table::<TableRecord>(Table::Tables).into_iter().skip(header.imported_tables as usize);
        let all_memories = image.table::<MemoryRecord>(Table::Memories);
        let memories = all_memories.iter().skip(header.imported_memories as usize);
        let segments = image.directory_entry(Table::Elements).count + image.directory_entry(Table::Data).count;
        let objects = objects_of(image);
        let objects_len = objects.and_then(|objects| objects.sum());
        let ram =
            objects_len.and_then(|len| Ram::new(header, len, segments, defined_tables, memories.clone().copied()));
        let Objects { types_len, tags_len, exceptions_len } = objects.unwrap_or_default();
        let max = |record: &MemoryRecord| record.max().map(|max| max.saturating_mul(record.page_len()));
        RamReport {
            instance_len: ram.map(|ram| ram.len),
            vmctx_len: header.vmctx_len,
            record_len: RECORD_LEN,
            host_records_len: header.imported_functions.saturating_mul(HOST_RECORD_LEN),
            types_len,
            tags_len,
            exceptions_len,
            flags_len: ram.map(|ram| ram.tables - ram.flags),
            tables_len: ram.map(|ram| ram.memories - ram.tables),
            memories_len: memories.clone().map(|record| record.min_len()).sum(),
            memories_len_max: memories.map(max).sum(),
            stack_len: u64::from(header.max_frame) + HELPER_STACK_LEN as u64,
            code_buffer_len: header.image_len,
            code_align: header.page_len,
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut page = Page::default();
        page.heading("RAM of an instance, bytes");
        let mut rows: Vec<Vec<String>> = Vec::new();
        let mut row = |what: &str, len: Option<u64>, note: String| {
            let len = len.map_or("more than 4 GiB".to_string(), |len| len.to_string());
            rows.push(vec![what.to_string(), len, note]);
        };
        let wide = |len: Option<u32>| len.map(u64::from);
        row("vmctx block", Some(self.vmctx_len.into()), String::new());
        row("the runtime's record", Some(self.record_len.into()), String::new());
        row("host functions", Some(self.host_records_len.into()), String::new());
        row("types and tags", Some(u64::from(self.types_len) + u64::from(self.tags_len)), String::new());
        row("exceptions", Some(self.exceptions_len.into()), String::new());
        row("flags of segments", wide(self.flags_len), String::new());
        row("tables", wide(self.tables_len), String::new());
        let grow = match self.memories_len_max {
            Some(max) if max == self.memories_len => String::new(),
            Some(max) => format!("may grow to {max}"),
            None => "may grow without limit".to_string(),
        };
        row("memories", Some(self.memories_len), grow);
        row("the buffer, at least", wide(self.instance_len), "aligned to 16; more is room to grow".into());
        page.rows(&rows, &[1]);
        page.heading("Beside it");
        page.rows(
            &[
                vec![
                    "stack".into(),
                    self.stack_len.to_string(),
                    "the largest frame and helpers; more, the deeper calls go".into(),
                ],
                vec![
                    "code".into(),
                    self.code_buffer_len.to_string(),
                    format!("if it is copied to RAM, aligned to {}; 0 if it runs where it lies", self.code_align),
                ],
            ],
            &[1],
        );
        page.0
    }
}

/// The part for types, tags and exceptions; `None` if 32 bits cannot count it.
fn objects_of(image: &ImageFile) -> Option<Objects> {
    let types = image.table::<TypeRecord>(Table::Types);
    let numbers = image.table::<TypeNumber>(Table::ValTypes);
    let sub_types = image.table::<SubTypeRecord>(Table::SubTypes);
    let depths = sub_types.iter().map(|sub| {
        let above = |ty: &u32| Some(sub_types.get(*ty as usize)?.supertype).filter(|ty| *ty != NONE);
        std::iter::successors(Some(sub.supertype).filter(|ty| *ty != NONE), above).count() as u32
    });
    let slots = |tag: &TagRecord| {
        let ty = types.get(tag.ty as usize).copied().unwrap_or_default();
        let params = numbers.iter().skip(ty.first as usize).take(ty.params as usize);
        params.filter_map(|ty| ValType::from_number(ty.number)).map(|ty| slot_count(ty) as u32).sum()
    };
    let imports = image.table::<ImportRecord>(Table::Imports);
    let imported = imports.iter().filter(|import| import.kind == ExternKind::Tag as u32).count();
    let tags = image.table(Table::Tags);
    Objects::new(depths, tags.len().saturating_sub(imported) as u32, tags.iter().map(slots))
}
