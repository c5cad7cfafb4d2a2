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
    match table {
        Table::Types
        | Table::SubTypes
        | Table::Imports
        | Table::Exports
        | Table::Functions
        | Table::Escapes
        | Table::Globals
        | Table::Tags
        | Table::Elements
        | Table::Data => 1_000_000,
        Table::Tables | Table::Memories => 100_000,
        // Bounded by the file, and only ever indexed.
        Table::ValTypes
        | Table::ElementItems
        | Table::MemoryRuns
        | Table::Fixups
        | Table::Unwind
        | Table::SiteIndex
        | Table::SiteStream
        | Table::Strings => FILE_LEN_MAX,
    }
}
