//! The `.aot` file: an ELF image that is already linked, with one block of metadata.
//!
//! File layout equals memory layout: in every loadable segment `p_offset == p_vaddr`, so one number,
//! the *image offset*, names a byte in the file and, added to the image base, in memory.
//!
//! | segment | flags | content |
//! |---|---|---|
//! | 1 | R | ELF header, program headers, metadata ([`Header`], tables), constants, initial memory contents |
//! | 2 | R X | machine code |
//! | 3 | R W, then R | pointers: the helper table, relocated constants; absent when there are none |
//! | [`PT_METADATA`] | R | where the metadata lies inside segment 1 |
//!
//! The metadata block is [`Header`], then the [`Table`]s, each an array of fixed-width records at a
//! multiple of 8 from the block's start, all little-endian, read in place.

pub use crate::record::read_words;
use crate::record::records;
use crate::vmctx::PAGE_LEN;

/// Type of the program header that locates the metadata block (from ELF's range for the OS).
pub const PT_METADATA: u32 = 0x6077_736D;

/// First bytes of the metadata block.
pub const MAGIC: [u8; 8] = *b"wasm.aot";

/// A record of one of the tables.
pub trait Record: Sized + Copy {
    /// Size of the stored form, in bytes.
    const LEN: usize;
    /// The record's name.
    const NAME: &'static str;
    /// Its fields.
    const FIELDS: &'static [crate::Field];
    /// Reads the stored form from the start of `bytes`; `None` if they are too few.
    fn read(bytes: &[u8]) -> Option<Self>;
}

records! {
    /// Start of the metadata: what the code was built for, and where the tables are.
    pub struct Header {
        /// [`MAGIC`].
        pub magic: [u8; 8],
        /// [`FORMAT_VERSION`](crate::FORMAT_VERSION).
        pub format_version: u32,
        /// [`ABI_VERSION`](crate::ABI_VERSION).
        pub abi_version: u32,
        /// Length of the loadable part of the file, bytes: section headers and symbols lie behind it.
        pub image_len: u32,
        /// Length of the whole file, bytes.
        pub file_len: u32,
        /// Length of the part under `head_checksum`, bytes from the file's start: up to the site stream, the last table.
        pub head_len: u32,
        /// XXH32, seed 0, of the first `head_len` bytes, with this field and the next as 0.
        pub head_checksum: u32,
        /// XXH32, seed 0, of the rest of the file.
        pub body_checksum: u32,
        /// [`Arch`](crate::target::Arch).
        pub arch: u32,
        /// [`IsaState`](crate::target::IsaState).
        pub isa_state: u32,
        /// [`FloatAbi`](crate::target::FloatAbi).
        pub float_abi: u32,
        /// Width of a pointer, bits.
        pub pointer_bits: u32,
        /// [`MemoryModel`](crate::target::MemoryModel).
        pub memory_model: u32,
        /// Required CPU features, a bit each (rows of the architecture's feature table).
        pub cpu_features: u64,
        /// Largest host page for which segments and memory contents can be mapped, bytes.
        pub page_len: u32,
        /// Largest stack frame of any function, bytes.
        pub max_frame: u32,
        /// Size of the vmctx block, bytes.
        pub vmctx_len: u32,
        /// Start function's index, or [`NONE`].
        pub start_function: u32,
        /// Index of the function that computes globals, called when the others have their values, or [`NONE`].
        pub initialiser: u32,
        /// Count of imported functions.
        pub imported_functions: u32,
        /// Count of imported tables.
        pub imported_tables: u32,
        /// Count of imported memories.
        pub imported_memories: u32,
        /// Count of imported globals.
        pub imported_globals: u32,
        /// Count of imported exception tags.
        pub imported_tags: u32,
        /// Image offset of the first byte of machine code.
        pub code_offset: u32,
        /// Length of the machine code, bytes.
        pub code_len: u32,
        /// SHA-256 of the Wasm module.
        pub source_digest: [u8; 32],
        /// The module's name in [`Table::Strings`], offset; [`NONE`] if it has none.
        pub name_offset: u32,
        /// Its length, bytes.
        pub name_len: u32,
        /// Slots of 8 bytes in the vmctx block for parameters of tail calls, an even number.
        pub tail_slots: u32,
        /// [`code_flags`].
        pub flags: u32,
    }

    /// Where one table lies; the directory of [`Table::COUNT`] entries follows [`Header`].
    pub struct DirectoryEntry {
        /// Distance from the start of the metadata block, bytes, a multiple of 8.
        pub offset: u32,
        /// Count of records.
        pub count: u32,
    }

    /// A distinct type. Its value types or fields are consecutive in [`Table::ValTypes`], parameters first.
    pub struct TypeRecord {
        /// Index of the first value type.
        pub first: u32,
        /// Count of parameters, or of fields.
        pub params: u32,
        /// Count of results.
        pub results: u32,
        /// Image offset of the entry trampoline, 0 if no function of this type can be called by the host.
        pub entry: u32,
        /// Image offset of the host thunk, 0 if no import has this type.
        pub thunk: u32,
    }

    /// A value type, or the type of a field.
    pub struct TypeNumber {
        /// See [`types`](crate::types). A defined type's index is one in [`Table::Types`].
        pub number: u32,
    }

    /// What a type is beside its value types.
    pub struct SubTypeRecord {
        /// [`TypeForm`].
        pub form: u32,
        /// 1 if it has no subtypes.
        pub is_final: u32,
        /// Index of its supertype, which is less than its own, or [`NONE`].
        pub supertype: u32,
        /// Index of the first type of its recursion group, whose types follow one another.
        pub group: u32,
    }

    /// An import, in the module's order.
    pub struct ImportRecord {
        /// Module name, offset in [`Table::Strings`].
        pub module_offset: u32,
        /// Its length, bytes.
        pub module_len: u32,
        /// Field name, offset in [`Table::Strings`].
        pub name_offset: u32,
        /// Its length, bytes.
        pub name_len: u32,
        /// [`ExternKind`].
        pub kind: u32,
        /// Function and tag: index in [`Table::Types`]. Table: element type. Global: value type. Memory: zero.
        pub ty: u32,
        /// Global: 1 if mutable. Table and memory: [`limits`].
        pub flags: u32,
        /// Zero.
        pub reserved: u32,
        /// Table: least count of elements. Memory: least count of pages.
        pub min: u64,
        /// The maximum, if there is one.
        pub max: u64,
    }

    /// An export.
    pub struct ExportRecord {
        /// Name, offset in [`Table::Strings`].
        pub name_offset: u32,
        /// Its length, bytes.
        pub name_len: u32,
        /// [`ExternKind`].
        pub kind: u32,
        /// Index in the kind's index space.
        pub index: u32,
    }

    /// A defined function, in index order. Code offsets ascend, but for those that are 0.
    pub struct FunctionRecord {
        /// Image offset of its code; 0 if every call of it was inlined.
        pub code_offset: u32,
        /// Length of its code, bytes.
        pub code_len: u32,
        /// Index in [`Table::Types`].
        pub ty: u32,
        /// Offset of its body in the Wasm module.
        pub wasm_offset: u32,
        /// Name, offset in [`Table::Strings`]; [`NONE`] if it has none.
        pub name_offset: u32,
        /// Its length, bytes.
        pub name_len: u32,
    }

    /// A defined function that has a function record in the vmctx. Ascending.
    pub struct EscapeRecord {
        /// Function index.
        pub function: u32,
        /// Image offset of its ordinary entry, if its code has the tail convention; otherwise 0.
        pub ordinary: u32,
    }

    /// A table; imports first.
    pub struct TableRecord {
        /// Element type.
        pub ty: u32,
        /// [`limits`].
        pub flags: u32,
        /// Initial count of elements.
        pub min: u64,
        /// The maximum, if there is one.
        pub max: u64,
        /// [`InitKind`] of what its elements are initially.
        pub init_kind: u32,
        /// Zero.
        pub reserved: u32,
        /// Operand of `init_kind`.
        pub init: u64,
    }

    /// A memory; imports first.
    pub struct MemoryRecord {
        /// [`limits`].
        pub flags: u32,
        /// Zero.
        pub reserved: u32,
        /// Initial count of pages.
        pub min: u64,
        /// The maximum, if there is one.
        pub max: u64,
    }

    /// A global; imports first, for which `init` is unused.
    pub struct GlobalRecord {
        /// Value type.
        pub ty: u32,
        /// 1 if mutable.
        pub mutable: u32,
        /// [`InitKind`].
        pub init_kind: u32,
        /// Zero.
        pub reserved: u32,
        /// Operand of `init_kind`.
        pub init: u64,
        /// The high half of a constant vector; otherwise zero.
        pub init_high: u64,
    }

    /// An exception tag; imports first.
    pub struct TagRecord {
        /// Index in [`Table::Types`], of a type without results.
        pub ty: u32,
    }

    /// An element segment. Items are consecutive in [`Table::ElementItems`].
    pub struct ElementRecord {
        /// [`SegmentMode`].
        pub mode: u32,
        /// Table, if active.
        pub table: u32,
        /// Element type.
        pub ty: u32,
        /// [`InitKind`] of the offset, if active.
        pub offset_kind: u32,
        /// Operand of `offset_kind`.
        pub offset: u64,
        /// Index of the first item.
        pub first: u32,
        /// Count of items.
        pub count: u32,
    }

    /// One item: a function index, [`NONE`] for null, or [`ITEM_GLOBAL`] + global index.
    pub struct ElementItem {
        /// See above.
        pub item: u32,
    }

    /// A data segment whose contents are not part of a [`MemoryRun`].
    pub struct DataRecord {
        /// [`SegmentMode`]; [`SegmentMode::Declared`]: already in a memory run, dropped.
        pub mode: u32,
        /// Memory, if active.
        pub memory: u32,
        /// [`InitKind`] of the offset, if active.
        pub offset_kind: u32,
        /// Zero.
        pub reserved: u32,
        /// Operand of `offset_kind`.
        pub offset: u64,
        /// Image offset of the contents.
        pub data_offset: u32,
        /// Their length, bytes.
        pub data_len: u32,
    }

    /// Initial contents of a part of a defined memory, ready to be mapped: what the leading active
    /// segments with constant offsets write. Written before any [`DataRecord`].
    pub struct MemoryRun {
        /// Memory.
        pub memory: u32,
        /// Length, bytes; inside the memory's initial size.
        pub len: u32,
        /// Address in the memory, a multiple of the header's `page_len`.
        pub address: u64,
        /// Image offset of the contents, a multiple of the header's `page_len`.
        pub data_offset: u32,
        /// Zero.
        pub reserved: u32,
    }

    /// The frame from a code position on, up to the next record. Exact at every site. Ascending.
    pub struct UnwindRecord {
        /// Image offset of the first byte it holds for.
        pub code_offset: u32,
        /// [`Frame`](crate::frame::Frame): its size in words of 4 bytes × 64, + the return address's distance from its top in such words.
        pub frame: u32,
    }
}

/// Absent index, name or item.
pub const NONE: u32 = u32::MAX;

/// Flag of an [`ElementItem`] that names a global.
pub const ITEM_GLOBAL: u32 = 1 << 31;

macro_rules! enumeration {
    ($(#[$meta:meta])* pub enum $name:ident { $( $(#[$doc:meta])* $variant:ident = $number:literal, )* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum $name { $( $(#[$doc])* $variant = $number, )* }
        impl $name {
            /// The value with this number.
            pub fn from_number(number: u32) -> Option<$name> {
                match number { $( $number => Some($name::$variant), )* _ => None }
            }
        }
    };
}

enumeration! {
    /// Kind of an import or export; the numbers of the binary format.
    pub enum ExternKind {
        /// A function.
        Function = 0,
        /// A table.
        Table = 1,
        /// A memory.
        Memory = 2,
        /// A global.
        Global = 3,
        /// An exception tag.
        Tag = 4,
    }
}

impl ExternKind {
    /// The name shown to people.
    pub fn name(self) -> &'static str {
        match self {
            ExternKind::Function => "function",
            ExternKind::Table => "table",
            ExternKind::Memory => "memory",
            ExternKind::Global => "global",
            ExternKind::Tag => "tag",
        }
    }
}

/// Flags of an image's code.
pub mod code_flags {
    /// It counts the instructions that it executes.
    pub const FUEL: u32 = 1;
    /// All that there are.
    pub const ALL: u32 = FUEL;
}

/// Flags of the limits of a table or a memory: the bits of the binary format.
pub mod limits {
    /// There is a maximum.
    pub const MAX: u32 = 1;
    /// Several threads may use the memory at a time (threads proposal).
    pub const SHARED: u32 = 2;
    /// Addresses or indices have 64 bits (memory64 proposal).
    pub const WIDE: u32 = 4;
    /// A page of the memory is a byte instead of [`PAGE_LEN`](super::PAGE_LEN) (custom-page-sizes proposal).
    pub const BYTE_PAGES: u32 = 8;
}

impl TableRecord {
    /// The maximum.
    pub fn max(&self) -> Option<u64> {
        (self.flags & limits::MAX != 0).then_some(self.max)
    }

    /// Whether indices have 64 bits.
    pub fn is_wide(&self) -> bool {
        self.flags & limits::WIDE != 0
    }
}

impl MemoryRecord {
    /// The maximum, in pages.
    pub fn max(&self) -> Option<u64> {
        (self.flags & limits::MAX != 0).then_some(self.max)
    }

    /// Whether addresses have 64 bits.
    pub fn is_wide(&self) -> bool {
        self.flags & limits::WIDE != 0
    }

    /// Whether several threads may use it at a time.
    pub fn is_shared(&self) -> bool {
        self.flags & limits::SHARED != 0
    }

    /// Length of a page, bytes.
    pub fn page_len(&self) -> u64 {
        if self.flags & limits::BYTE_PAGES != 0 { 1 } else { PAGE_LEN }
    }

    /// Initial length, bytes; more than any memory can have if it does not fit.
    pub fn min_len(&self) -> u64 {
        self.min.saturating_mul(self.page_len())
    }
}

enumeration! {
    /// What values of a type are.
    pub enum TypeForm {
        /// Functions.
        Function = 0,
        /// Structs.
        Struct = 1,
        /// Arrays.
        Array = 2,
    }
}

enumeration! {
    /// What a constant expression yields.
    pub enum InitKind {
        /// The operand's bits; the low half for a 32-bit type. 0 is the null reference.
        Const = 0,
        /// Value of the global with that index.
        Global = 1,
        /// Reference to the function with that index.
        Function = 2,
    }
}

enumeration! {
    /// When a segment is used.
    pub enum SegmentMode {
        /// At instantiation.
        Active = 0,
        /// By an instruction.
        Passive = 1,
        /// Never: it only declares, or counts as dropped.
        Declared = 2,
    }
}

macro_rules! tables {
    ($($number:literal $name:ident $record:ty, $doc:literal;)*) => {
        /// The tables of the metadata block, in the order of the directory.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Table { $( #[doc = $doc] $name = $number, )* }

        impl Table {
            /// Every table, in order.
            pub const ALL: &'static [Table] = &[ $( Table::$name, )* ];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The table's name.
            pub fn name(self) -> &'static str {
                match self { $( Table::$name => stringify!($name), )* }
            }
            /// The name of its records.
            pub fn record_name(self) -> &'static str {
                match self { $( Table::$name => <$record as Record>::NAME, )* }
            }
            /// The fields of its records.
            pub fn record_fields(self) -> &'static [crate::Field] {
                match self { $( Table::$name => <$record as Record>::FIELDS, )* }
            }
            /// Size of one of its records, bytes.
            pub const fn record_len(self) -> usize {
                // A byte each: firmware keeps it.
                const LENS: [u8; Table::COUNT] = [ $( <$record as Record>::LEN as u8, )* ];
                LENS[self as usize] as usize
            }
            /// What it holds.
            pub fn doc(self) -> &'static str {
                match self { $( Table::$name => $doc, )* }
            }
        }
    };
}

tables! {
    0  Types         TypeRecord,       "Distinct types.";
    1  ValTypes      TypeNumber,       "Value types and fields of the types.";
    2  Imports       ImportRecord,     "Imports, in the module's order.";
    3  Exports       ExportRecord,     "Exports.";
    4  Functions     FunctionRecord,   "Defined functions, in index order.";
    5  Escapes       EscapeRecord,     "Defined functions that can be referred to.";
    6  Tables        TableRecord,      "Tables, imports first.";
    7  Memories      MemoryRecord,     "Memories, imports first.";
    8  Globals       GlobalRecord,     "Globals, imports first.";
    9  Tags          TagRecord,        "Exception tags, imports first.";
    10 Elements      ElementRecord,    "Element segments.";
    11 ElementItems  ElementItem,      "Items of the element segments.";
    12 Data          DataRecord,       "Data segments.";
    13 MemoryRuns    MemoryRun,        "Initial memory contents.";
    14 Fixups        crate::fixup::Fixup, "Pointers to fill at load.";
    15 Unwind        UnwindRecord,     "Frame sizes by code position.";
    16 SiteIndex     crate::sites::SiteIndexRecord, "Where groups of sites start.";
    17 SubTypes      SubTypeRecord,    "For each type its form; empty if all are final functions without supertypes, each a group of its own.";
    18 Strings       u8,               "Names, UTF-8.";
    19 SiteStream    u8,               "Sites: code positions and their Wasm offsets (module `sites`).";
}

impl Record for u8 {
    const LEN: usize = 1;
    const NAME: &'static str = "byte";
    const FIELDS: &'static [crate::Field] = &[];
    fn read(bytes: &[u8]) -> Option<u8> {
        bytes.first().copied()
    }
}

/// Length of the header with the directory, bytes: where the first table may start.
pub const PREFIX_LEN: usize = Header::LEN + Table::COUNT * DirectoryEntry::LEN;

/// Image offsets of the header's two checksum fields, relative to the metadata block, which count as
/// 0 under the head's checksum.
pub const CHECKSUM_FIELDS: core::ops::Range<usize> = {
    let mut i = 0;
    while !matches!(Header::FIELDS[i].name.as_bytes(), b"head_checksum") {
        i += 1;
    }
    Header::FIELDS[i].offset..Header::FIELDS[i].offset + 8
};

const _: () = assert!(Header::LEN.is_multiple_of(8));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_survives_a_round_trip() {
        let header =
            Header { magic: MAGIC, format_version: 7, cpu_features: 1 << 40, name_len: 9, ..Header::default() };
        let bytes = header.to_bytes();
        assert_eq!(Header::from_bytes(&bytes), header);
        assert_eq!(&bytes[..8], b"wasm.aot");
        assert_eq!(bytes[8], 7);
    }

    #[test]
    fn checksum_fields_are_the_two_adjacent_ones() {
        let names: [_; 2] = core::array::from_fn(|i| {
            Header::FIELDS.iter().find(|f| f.offset == CHECKSUM_FIELDS.start + 4 * i).map(|f| f.name)
        });
        assert_eq!(names, [Some("head_checksum"), Some("body_checksum")]);
    }

    #[test]
    fn tables_are_numbered_as_they_stand_in_the_directory() {
        for (index, table) in Table::ALL.iter().enumerate() {
            assert_eq!(*table as usize, index);
        }
    }
}
