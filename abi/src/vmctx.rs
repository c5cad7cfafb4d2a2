//! The block that compiled code reaches through its vmctx argument, and the records it points to.
//!
//! Every slot is 8 bytes wide on every target, so each offset is a constant. The block is a fixed
//! header followed by arrays whose lengths come from the module ([`Layout`]); it is aligned to 16.
//!
//! | array | element | of an imported one |
//! |---|---|---|
//! | parameters of tail calls | a slot | |
//! | memories | memory record: base address, length in bytes | or a shared one: address of the record, the runtime's own |
//! | tables | table record: address of the elements, count | address of the record, the runtime's own |
//! | globals | the value, 16 bytes | mutable: address of the value; immutable: a copy of it |
//! | imported functions | function record | |
//! | escaping functions | function record of a defined function that can be referred to | |
//! | type ids | canonical id of each distinct type | |
//! | tags | identity of an exception tag, an address | the exporter's |

macro_rules! slots {
    ($(
        $(#[$meta:meta])*
        pub mod $name:ident { $( #[doc = $doc:literal] $slot:ident = $offset:literal, )* }
    )*) => {$(
        $(#[$meta])*
        pub mod $name {
            $( #[doc = $doc] pub const $slot: u32 = $offset; )*

            /// Size of the record.
            pub const LEN: u32 = 8 * FIELDS.len() as u32;

            /// The slots in order.
            pub const FIELDS: &[$crate::Field] = &[
                $( $crate::Field { name: stringify!($slot), offset: $offset, len: 8, doc: $doc }, )*
            ];

            const _: () = {
                let mut index = 0;
                while index < FIELDS.len() {
                    assert!(FIELDS[index].offset == 8 * index);
                    index += 1;
                }
            };
        }
    )*};
}

slots! {
    /// The block's header.
    pub mod header {
        /// The lowest stack pointer that a function which calls others may have.
        STACK_LIMIT = 0,
        /// Address of the runtime's own record of the instance; compiled code never reads it.
        RUNTIME = 8,
        /// Address of the helper table, a pointer per helper: where code finds it if the image has none.
        HELPERS = 16,
        /// Address of the [`store_cells`](super::store_cells), which all instances of a store share.
        STORE = 24,
    }

    /// What all instances of a store share, as long as one thread runs them.
    pub mod store_cells {
        /// Address of the exception that a function is being left by, 0 if it returned.
        EXCEPTION = 0,
        /// Address of the innermost [`root_frame`](super::root_frame).
        ROOTS = 8,
        /// How many instructions have been executed by code that counts them.
        FUEL_USED = 16,
        /// One more than may be: such code traps if it begins a function or a round of a loop with so many, or more.
        FUEL_END = 24,
    }

    /// A linear memory.
    pub mod memory_record {
        /// Address of byte 0, a multiple of [`MEMORY_ALIGN`](super::MEMORY_ALIGN).
        BASE = 0,
        /// Length in bytes, whole pages of the memory, at most [`MAX_PAGES`](super::MAX_PAGES) of 64 KiB; if addresses have 64 bits, [`MAX_WIDE_LEN`](super::MAX_WIDE_LEN).
        LEN_BYTES = 8,
    }

    /// A table.
    pub mod table_record {
        /// Address of element 0.
        ELEMENTS = 0,
        /// Count of elements.
        COUNT = 8,
    }

    /// A function that can be called without knowing where it is defined. A `funcref` value is the
    /// address of such a record.
    pub mod func_record {
        /// Address of the code, guest convention.
        CODE = 0,
        /// Its vmctx argument.
        VMCTX = 8,
        /// Canonical id of its type; never 0.
        TYPE_ID = 16,
        /// Address of an entry trampoline for its signature.
        ENTRY = 24,
        /// Address of the code, tail convention; 0 if the function has none, as one that makes no tail calls.
        TAIL = 32,
    }

    /// An element of a table of functions: the record's fields in place, so that an indirect call needs
    /// one load less, and the reference itself. A null element is all zero.
    pub mod func_slot {
        /// Address of the code.
        CODE = 0,
        /// Its vmctx argument.
        VMCTX = 8,
        /// Canonical id of its type, 0 in a null element.
        TYPE_ID = 16,
        /// The `funcref` value.
        REF = 24,
    }

    /// A type, for tests of subtypes. The display follows: the addresses of the records of its supertypes, the outermost
    /// first, then its own; [`DISPLAY_MIN`] slots or more. The canonical id of a type, where there
    /// is an OS, is the address of its record.
    pub mod type_record {
        /// The runtime's own.
        TYPE = 0,
        /// [`TypeForm`](crate::image::TypeForm).
        FORM = 8,
        /// Count of its supertypes.
        DEPTH = 16,
    }

    /// What a host thunk receives in place of a vmctx: its first slots; the rest is the runtime's.
    pub mod host_record {
        /// Address of the callback (see [`signature`](crate::signature)).
        CALLBACK = 0,
        /// The runtime's own.
        DATA = 8,
        /// As in a vmctx block, and at the same place: a trap's stub takes either.
        HELPERS = 16,
    }

    /// An exception. An `exnref` value is the address of one, and null is 0.
    pub mod exception {
        /// Identity of its tag.
        TAG = 0,
        /// The runtime's own.
        OWN = 8,
    }

    /// What a guest function keeps in its frame for the collector: the references that it holds. The frames
    /// of a store are a list, the innermost first.
    pub mod root_frame {
        /// Address of the next frame in the list; 0 in the last one, which is the runtime's and has no slots.
        PREVIOUS = 0,
        /// Count of the slots behind the frame's head, 8 bytes each: a reference or 0.
        COUNT = 8,
    }
}

const _: () = assert!(host_record::HELPERS == header::HELPERS);

pub use header::{HELPERS, RUNTIME, STACK_LIMIT, STORE};

/// Size of the header.
pub const HEADER_LEN: u32 = header::LEN;

/// Offset of the parameters that a tail call does not pass in registers, the same in every block.
pub const TAIL_PARAMS: u32 = HEADER_LEN;

/// Alignment of the block.
pub const ALIGN: u32 = 16;

/// Alignment of a linear memory's first byte. Code for machines on which an access must be aligned counts on it.
pub const MEMORY_ALIGN: u32 = 16;

/// The most fuel: more than can ever be used.
pub const FUEL_MAX: u64 = i64::MAX as u64 - 1;

/// The least slots of a type record's display.
pub const DISPLAY_MIN: u32 = 8;

/// Size of a global's slot: room for a vector.
pub const GLOBAL_LEN: u32 = 16;

/// Size of an element of a table of other references: the token.
pub const REF_SLOT_LEN: u32 = 8;

/// Bytes in a Wasm page, but for memories whose pages are single bytes (custom-page-sizes proposal).
pub const PAGE_LEN: u64 = 65536;
/// The most pages a memory ever has: 4 GiB − 64 KiB, so that an address that passed its check can
/// take a small constant without wrapping.
pub const MAX_PAGES: u64 = 65535;

/// The most pages that a memory ever has where pointers are that wide. With 32 bits it is half of
/// [`MAX_PAGES`]: lengths and the distance between two addresses then are positive numbers of 32 bits.
pub const fn max_pages(pointer_bits: u32) -> u64 {
    if pointer_bits == 32 { MAX_PAGES / 2 } else { MAX_PAGES }
}

/// The most bytes of a memory whose addresses have 64 bits: more than a process can have.
pub const MAX_WIDE_LEN: u64 = 1 << 47;

/// The most bytes of a memory whose addresses have 32 bits.
pub const fn max_len(pointer_bits: u32) -> u64 {
    max_pages(pointer_bits) * PAGE_LEN
}

/// Address space that the `guard` model reserves from the base on: every index plus every offset
/// (33 bits) plus the widest access, rounded up to a Wasm page.
pub const GUARD_RESERVATION: u64 = (1 << 33) + PAGE_LEN;

/// Lengths of the arrays, from which every offset follows. Counts include imports where the array does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Slots of 8 bytes for parameters of tail calls, an even number.
    pub tail_slots: u32,
    /// Memories, imports first.
    pub memories: u32,
    /// Tables, imports first.
    pub tables: u32,
    /// Globals, imports first.
    pub globals: u32,
    /// Imported functions.
    pub imported_functions: u32,
    /// Defined functions that can be referred to.
    pub escaping_functions: u32,
    /// Distinct types.
    pub type_ids: u32,
    /// Exception tags, imports first.
    pub tags: u32,
}

impl Layout {
    /// Offset of memory `i`.
    pub const fn memory(&self, i: u32) -> u32 {
        TAIL_PARAMS + self.tail_slots * 8 + i * memory_record::LEN
    }
    /// Offset of table `i`.
    pub const fn table(&self, i: u32) -> u32 {
        self.memory(self.memories) + i * table_record::LEN
    }
    /// Offset of global `i`.
    pub const fn global(&self, i: u32) -> u32 {
        self.table(self.tables) + i * GLOBAL_LEN
    }
    /// Offset of imported function `i`'s record.
    pub const fn imported_function(&self, i: u32) -> u32 {
        self.global(self.globals) + i * func_record::LEN
    }
    /// Offset of the `i`th escaping function's record.
    pub const fn escaping_function(&self, i: u32) -> u32 {
        self.imported_function(self.imported_functions) + i * func_record::LEN
    }
    /// Offset of the id of type `i`.
    pub const fn type_id(&self, i: u32) -> u32 {
        self.escaping_function(self.escaping_functions) + i * 8
    }
    /// Offset of tag `i`.
    pub const fn tag(&self, i: u32) -> u32 {
        self.type_id(self.type_ids) + i * 8
    }
    /// Size of the whole block in bytes; `None` if it does not fit in 31 bits, or an array has 2^24 elements.
    pub const fn len_bytes(&self) -> Option<u32> {
        let counts = self.tail_slots
            | self.memories
            | self.tables
            | self.globals
            | self.imported_functions
            | self.escaping_functions
            | self.type_ids
            | self.tags;
        // Then no offset wraps: an element of each array takes no more than 160 bytes together.
        if counts >> 24 != 0 {
            return None;
        }
        let len = self.tag(self.tags);
        let len = (len + 15) & !15;
        if len < 1 << 31 { Some(len) } else { None }
    }
}
