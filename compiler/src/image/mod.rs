//! [`LinkedCode`] + [`Module`] → `.aot` bytes, as `abi::image` describes them: an ELF image.
//!
//! ```text
//! 0          ELF header, program headers        ┐
//!            metadata: header, tables           │ R
//!            memory: runs, other data segments  │
//!            constants                          ┘
//! page       machine code                         R X
//! page       helper table, relocated constants    R W, then R
//! image_len  symbols, section headers             not loaded
//! ```

mod elf;
mod layout;
mod memory;
mod tables;

use crate::error::CompileError;
use crate::link::LinkedCode;
use crate::options::Options;
use crate::parse::Module;
use layout::Layout;
use memory::Memory;
use std::ops::Range;
use tables::{Encoded, Tables};
use wasmc_abi::checksum::xxh32;
use wasmc_abi::image::{CHECKSUM_FIELDS, Header, MAGIC, NONE, code_flags};
use wasmc_abi::{ABI_VERSION, FORMAT_VERSION};

/// The most bytes in a file: image offsets and lengths stay below 2^31.
const FILE_LIMIT: u64 = (1 << 31) - 1;

/// Makes the `.aot` file of a module.
pub fn write(module: &Module<'_>, code: &LinkedCode, options: &Options) -> Result<Vec<u8>, CompileError> {
    let memory = Memory::new(module, options.target.row.page_len);
    let encoded = Encoded::new(module, code, options.strip);
    let tables = Tables { module, code, memory: &memory, encoded: &encoded };
    // The tables are as long before everything has its place as after.
    let layout = Layout::new(code, &memory, tables.to_bytes(&Layout::default()).len(), options)?;
    let mut file = Vec::new();
    put(&mut file, &layout.metadata, &tables.to_bytes(&layout), &[0]);
    memory.put(&mut file, layout.memory.start);
    put(&mut file, &layout.rodata, &code.rodata.bytes, &[0]);
    put(&mut file, &layout.text, &code.text.bytes, &[0]);
    // The rest of the last page can be executed too.
    put(&mut file, &layout.relocated, &code.relocated.bytes, code.fill);
    fill_up_to(&mut file, layout.image_len, code.fill);
    elf::write(&mut file, &layout, module, code, options);
    if file.len() as u64 > FILE_LIMIT {
        return Err(too_large("the length of the file, in bytes,", file.len() as u64));
    }
    let header = header(module, code, &layout, &encoded, options, file.len())?;
    file[layout.metadata.start as usize..][..Header::LEN].copy_from_slice(&header.to_bytes());
    add_checksums(&mut file, &layout, header.head_len as usize);
    Ok(file)
}

fn too_large(what: &str, found: u64) -> CompileError {
    CompileError::Limit { what: what.into(), found, limit: FILE_LIMIT, offset: None }
}

/// Appends a part of the file at its place; `fill` goes into the space before it.
fn put(file: &mut Vec<u8>, range: &Range<u32>, bytes: &[u8], fill: &[u8]) {
    assert_eq!(range.len(), bytes.len(), "a part is as long as announced");
    if !range.is_empty() {
        assert!(file.len() <= range.start as usize, "parts ascend: {} then {}", file.len(), range.start);
        fill_up_to(file, range.start, fill);
        file.extend_from_slice(bytes);
    }
}

/// Appends `fill`, as it stands where offsets are multiples of its length.
fn fill_up_to(file: &mut Vec<u8>, end: u32, fill: &[u8]) {
    while file.len() < end as usize {
        file.push(fill[file.len() % fill.len()]);
    }
}

fn header(
    module: &Module<'_>,
    code: &LinkedCode,
    layout: &Layout,
    encoded: &Encoded<'_>,
    options: &Options,
    file_len: usize,
) -> Result<Header, CompileError> {
    let row = options.target.row;
    let vmctx_len = module.layout().len_bytes().ok_or_else(|| {
        let counts = module.functions.len() + module.globals.len() + module.tables.len() + module.types.len();
        too_large("the count of functions, globals, tables and types", counts as u64)
    })?;
    let (name_offset, name_len) = encoded.name(module.name);
    Ok(Header {
        magic: MAGIC,
        format_version: FORMAT_VERSION,
        abi_version: ABI_VERSION,
        image_len: layout.image_len,
        file_len: file_len as u32,
        // The stream is the last table.
        head_len: layout.metadata.end - encoded.site_stream.len() as u32,
        head_checksum: 0,
        body_checksum: 0,
        arch: row.arch as u32,
        isa_state: row.isa_state as u32,
        float_abi: row.float_abi as u32,
        pointer_bits: row.pointer_bits,
        memory_model: options.memory as u32,
        cpu_features: options.target.required,
        page_len: row.page_len,
        max_frame: code.max_frame,
        vmctx_len,
        start_function: module.start.map_or(NONE, |f| f.0),
        initialiser: module.initialiser.map_or(NONE, |f| f.0),
        imported_functions: module.imported_functions,
        imported_tables: module.imported_tables,
        imported_memories: module.imported_memories,
        imported_globals: module.imported_globals,
        imported_tags: module.imported_tags,
        code_offset: if layout.text.is_empty() { 0 } else { layout.text.start },
        code_len: layout.text.len() as u32,
        source_digest: module.digest,
        name_offset,
        name_len,
        tail_slots: module.tail_slots(),
        flags: if options.fuel { code_flags::FUEL } else { 0 },
    })
}

/// Fills the checksum fields, which are 0 until then.
fn add_checksums(file: &mut [u8], layout: &Layout, head_len: usize) {
    let (head, body) = file.split_at(head_len);
    let sums = [xxh32(head, 0), xxh32(body, 0)].map(u32::to_le_bytes);
    let fields = layout.metadata.start as usize + CHECKSUM_FIELDS.start;
    file[fields..][..CHECKSUM_FIELDS.len()].copy_from_slice(sums.as_flattened());
}
