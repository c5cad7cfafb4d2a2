//! The most of each thing that the loader takes: far above what real modules have, far below what
//! would make an index or a size wrap.

use wasmc_abi::image::Table;

/// Length of a file, bytes. A fixup tells an image offset from a helper by bit 31.
pub const FILE_LEN_MAX: u32 = (1 << 31) - 1;

/// Program headers, of any kind.
pub const PROGRAM_HEADERS_MAX: u16 = 32;

/// Parameters of a function type.
pub const PARAMS_MAX: u32 = 1_000;

/// Results of a function type.
pub const RESULTS_MAX: u32 = 1_000;

/// Length of the name of an import, an export or the module, bytes: the limit of Wasm engines.
/// (Mangled names of C++ and Rust easily exceed 255.) Names of functions are for people only and
/// may have any length.
pub const NAME_LEN_MAX: u32 = 100_000;

/// Initial elements of a table.
pub const TABLE_ELEMENTS_MAX: u64 = 10_000_000;

/// Bytes that a memory may ask for (spec: syntax/types, memory types).
pub const MEMORY_LEN_MAX: u64 = 1 << 32;

/// Page length that an image may ask for, bytes: a Wasm page is a whole number of them.
pub const PAGE_LEN_MAX: u32 = 65_536;

/// Records in a table of the image.
pub const fn records_max(table: Table) -> u32 {
    let bit = 1 << table as u32;
    if FEW & bit != 0 {
        100_000
    } else if BOUNDED & bit != 0 {
        FILE_LEN_MAX
    } else {
        1_000_000
    }
}

const FEW: u32 = bits(&[Table::Tables, Table::Memories]);

/// Bounded by the file, and only ever indexed.
const BOUNDED: u32 = bits(&[
    Table::ValTypes,
    Table::ElementItems,
    Table::MemoryRuns,
    Table::Fixups,
    Table::Unwind,
    Table::SiteIndex,
    Table::SiteStream,
    Table::Strings,
]);

/// A bit for each of these, at its number.
const fn bits(mut tables: &[Table]) -> u32 {
    let mut bits = 0;
    while let Some((table, rest)) = tables.split_first() {
        bits |= 1 << *table as u32;
        tables = rest;
    }
    bits
}
