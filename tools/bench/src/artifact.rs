//! How much machine code an engine's artifact holds. All engines write ELF, so one reader serves them all and no engine
//! is asked about itself.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use object::{File, Object, ObjectSection, ObjectSegment, ObjectSymbol, SectionKind, SegmentFlags, SymbolKind, elf};

/// Bytes of all functions, wrappers and trampolines among them. Constants, tables and padding are not counted: Wasmtime
/// pads to a page, which would drown a small kernel.
///
/// An image without symbols gives its executable sections, one without section headers its executable segments.
pub fn text_len_bytes(image: &[u8]) -> Result<u64> {
    let file = File::parse(image).context("The artifact is not an object file.")?;
    let lens = [in_functions(&file), in_sections(&file), in_segments(&file)];
    Ok(lens.into_iter().find(|&len| len > 0).unwrap_or(0))
}

fn in_functions(file: &File) -> u64 {
    // Keyed by address: one function may have several names.
    let functions: BTreeMap<u64, u64> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition())
        .map(|symbol| (symbol.address(), symbol.size()))
        .collect();
    functions.values().sum()
}

fn in_sections(file: &File) -> u64 {
    file.sections().filter(|section| section.kind() == SectionKind::Text).map(|section| section.size()).sum()
}

fn in_segments(file: &File) -> u64 {
    let executable = |flags| matches!(flags, SegmentFlags::Elf { p_flags } if p_flags & elf::PF_X != 0);
    file.segments().filter(|segment| executable(segment.flags())).map(|segment| segment.size()).sum()
}
