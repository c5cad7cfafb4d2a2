//! The machine code of one function, with the Wasm offsets of its sites and the names of what it
//! calls.

use super::text::quoted;
use crate::cli::failure::Failure;
use crate::cli::image_file::ImageFile;
use crate::cli::llvm;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use wasmc::target::TARGETS;
use wasmc_abi::Builtin;
use wasmc_abi::fixup::{Fixup, FixupTarget};
use wasmc_abi::image::{ExportRecord, ExternKind, FunctionRecord, Table};
use wasmc_abi::sites::{SiteIndexRecord, SiteReader};

/// A function, instruction by instruction.
#[derive(Debug, Serialize)]
pub struct Listing {
    pub name: String,
    pub index: Option<u32>,
    pub code_offset: u64,
    pub code_len: u64,
    pub instructions: Vec<Line>,
}

/// One instruction.
#[derive(Debug, Serialize)]
pub struct Line {
    pub offset: u64,
    pub bytes: String,
    /// Absent for bytes that are no instruction.
    pub text: Option<String>,
    /// The helper that is called through the slot read here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helper: Option<String>,
    /// Wasm offsets of the site that starts here, the innermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wasm_offsets: Vec<u32>,
}

/// Where something lies in the machine code.
struct Found {
    name: String,
    index: Option<u32>,
    offset: u64,
    len: u64,
}

/// Disassembles the function `wanted` of the image in `file`.
pub fn disassemble(image: &ImageFile, file: &str, wanted: &str) -> Result<Listing, Failure> {
    let found = find(image, file, wanted)?;
    let end = found.offset.checked_add(found.len);
    let code = end
        .and_then(|end| image.bytes.get(found.offset as usize..end as usize))
        .ok_or_else(|| Failure::input(format!("{file}: the code of `{wanted}` lies beyond the file's end")))?;
    let h = &image.header;
    let row = TARGETS
        .iter()
        .find(|t| (t.arch as u32, t.isa_state as u32, t.pointer_bits) == (h.arch, h.isa_state, h.pointer_bits))
        .ok_or_else(|| Failure::input(format!("{file} is for machine {}, which this wasmc does not know", h.arch)))?;
    let names = names(image);
    let name_at = |offset: u64| {
        // Inside a function the number says more: it stands at the left edge of a line.
        let inside = (found.offset + 1..found.offset + found.len).contains(&offset);
        if inside { None } else { names.get(&offset).cloned() }
    };
    let instructions = llvm::disassemble(row, code, found.offset, &name_at)
        .ok_or_else(|| Failure::internal(format!("LLVM has no disassembler for {}", row.name)))?;
    let helpers = helpers(image);
    let sites = sites(image, found.offset, found.offset + found.len);
    let lines = instructions.into_iter().map(|instruction| {
        let at = (instruction.offset - found.offset) as usize;
        let bytes: Vec<_> = code[at..at + instruction.len].iter().map(|byte| format!("{byte:02x}")).collect();
        let until = instruction.offset + instruction.len as u64;
        // A site need not start where an instruction does; the last one inside is shown.
        let site = sites.range(instruction.offset..until).next_back();
        Line {
            offset: instruction.offset,
            bytes: bytes.join(" "),
            text: instruction.text,
            helper: instruction.reads.and_then(|slot| helpers.get(&slot).cloned()),
            wasm_offsets: site.map_or(Vec::new(), |(_, offsets)| offsets.clone()),
        }
    });
    Ok(Listing {
        instructions: lines.collect(),
        name: found.name,
        index: found.index,
        code_offset: found.offset,
        code_len: found.len,
    })
}

fn find(image: &ImageFile, file: &str, wanted: &str) -> Result<Found, Failure> {
    let imported = image.header.imported_functions;
    let functions = image.table::<FunctionRecord>(Table::Functions);
    let mut indexes: Vec<u32> = (imported..)
        .zip(&functions)
        .filter(|(_, f)| image.string(f.name_offset, f.name_len).as_deref() == Some(wanted))
        .map(|(index, _)| index)
        .collect();
    if indexes.is_empty() {
        indexes.extend(exported_function(image, wanted));
    }
    if indexes.is_empty() {
        indexes.extend(wanted.parse::<u32>().ok());
    }
    let index = match indexes[..] {
        [] => return symbol(image, wanted).ok_or_else(|| unknown(file, wanted)),
        [index] => index,
        _ => {
            let list: Vec<_> = indexes.iter().take(20).map(u32::to_string).collect();
            return Err(Failure::input(format!("{file} has {} functions called {}", indexes.len(), quoted(wanted)))
                .help(format!("give an index: {}", list.join(", "))));
        }
    };
    let Some(defined) = index.checked_sub(imported) else {
        return Err(Failure::input(format!("{file}: function {index} is imported and has no code")));
    };
    let Some(record) = functions.get(defined as usize) else {
        let count = imported as usize + functions.len();
        return Err(Failure::input(format!("{file} has no function {index}, its functions are {count}"))
            .help("indexes start at 0 and count imported functions first"));
    };
    if record.code_offset == 0 {
        return Err(Failure::input(format!(
            "{file}: function {index} has no code of its own, every call of it was inlined"
        ))
        .help("compile with -O0 to have each function by itself"));
    }
    Ok(Found {
        name: image.string(record.name_offset, record.name_len).unwrap_or_default(),
        index: Some(index),
        offset: record.code_offset.into(),
        len: record.code_len.into(),
    })
}

fn exported_function(image: &ImageFile, wanted: &str) -> Option<u32> {
    let exports = image.table::<ExportRecord>(Table::Exports);
    let found = exports.iter().find(|e| {
        e.kind == ExternKind::Function as u32 && image.string(e.name_offset, e.name_len).as_deref() == Some(wanted)
    })?;
    Some(found.index)
}

fn symbol(image: &ImageFile, wanted: &str) -> Option<Found> {
    let mut symbols = image.elf.syms.iter().filter(|s| s.is_function() && s.st_size > 0);
    let found = symbols.find(|s| image.elf.strtab.get_at(s.st_name) == Some(wanted))?;
    Some(Found { name: wanted.into(), index: None, offset: found.st_value & !1, len: found.st_size })
}

fn unknown(file: &str, wanted: &str) -> Failure {
    Failure::input(format!("{file} has no function called {}", quoted(wanted)))
        .help("`wasmc inspect --functions` lists names and indexes; a stripped image has indexes only")
}

/// Names by code offset: of functions, and of symbols that are none (trampolines, trap stubs).
fn names(image: &ImageFile) -> BTreeMap<u64, String> {
    let symbols = image.elf.syms.iter().filter(|s| s.st_value != 0 && s.is_function());
    let mut names: BTreeMap<u64, String> =
        symbols.filter_map(|s| Some((s.st_value & !1, image.elf.strtab.get_at(s.st_name)?.to_string()))).collect();
    let functions = image.table::<FunctionRecord>(Table::Functions);
    for (index, f) in (image.header.imported_functions..).zip(&functions) {
        if f.code_offset != 0 {
            let name = image.string(f.name_offset, f.name_len);
            let name = name.unwrap_or_else(|| format!("function {index}"));
            names.insert(f.code_offset.into(), name);
        }
    }
    names
}

/// Names of helpers by the image offset of their slot.
fn helpers(image: &ImageFile) -> BTreeMap<u64, String> {
    let name = |number: u32| match Builtin::ALL.get(number as usize) {
        Some(builtin) => builtin.name().to_string(),
        None => format!("helper {number}"),
    };
    let fixups = image.table::<Fixup>(Table::Fixups);
    let helpers = fixups.iter().filter_map(|fixup| match fixup.decode() {
        FixupTarget::Helper(number) => Some((fixup.slot.into(), name(number))),
        FixupTarget::Image(_) => None,
    });
    helpers.collect()
}

/// Wasm offsets by code offset, between two code offsets.
fn sites(image: &ImageFile, start: u64, end: u64) -> BTreeMap<u64, Vec<u32>> {
    let index = image.table::<SiteIndexRecord>(Table::SiteIndex);
    let stream = image.byte_table(Table::SiteStream);
    let first = index.partition_point(|r| u64::from(r.code_offset) <= start).saturating_sub(1);
    let groups = index.get(first..).unwrap_or(&[]).iter();
    groups
        .take_while(|r| u64::from(r.code_offset) < end)
        .flat_map(|r| SiteReader::new(stream, r))
        .map(|site| (u64::from(site.code_offset), site.wasm_offsets().to_vec()))
        // Offset 0 is the module's magic: it stands for a place that is not known.
        .filter(|(offset, wasm)| (start..end).contains(offset) && wasm.first() != Some(&0))
        .collect()
}

/// The listing for people.
pub fn text(listing: &Listing) -> String {
    let bold = anstyle::Style::new().bold();
    let dim = anstyle::Style::new().dimmed();
    let title = match (listing.index, listing.name.as_str()) {
        (Some(index), "") => format!("function {index}"),
        (Some(index), name) => format!("function {index} {}", quoted(name)),
        (None, name) => format!("symbol {}", quoted(name)),
    };
    let mut out = format!("{bold}{title}{bold:#}: {} bytes at {:#x}\n", listing.code_len, listing.code_offset);
    for line in &listing.instructions {
        let text = line.text.as_deref().unwrap_or("(no instruction)").replace('\t', " ");
        let _ = write!(out, "{:>8x}:  {dim}{:<30}{dim:#}  {text}", line.offset, line.bytes);
        if let Some(helper) = &line.helper {
            let _ = write!(out, "  {dim}; helper {helper}{dim:#}");
        }
        if !line.wasm_offsets.is_empty() {
            let offsets: Vec<_> = line.wasm_offsets.iter().map(|at| format!("{at:#x}")).collect();
            let _ = write!(out, "  {dim}; wasm {}{dim:#}", offsets.join(" in "));
        }
        out.push('\n');
    }
    out
}
