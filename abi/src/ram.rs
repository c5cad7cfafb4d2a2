//! RAM of an instance where nothing is allocated: one buffer, whose length an image states beforehand.
//!
//! | part | length |
//! |---|---|
//! | vmctx block | the header's `vmctx_len` |
//! | the runtime's record | [`RECORD_LEN`] |
//! | host records | [`HOST_RECORD_LEN`] for each imported function |
//! | exceptions | [`exceptions_len`]: what the instance's root frames and exceptions hang on, then [`EXCEPTIONS`] of them |
//! | flags of segments | a byte for each element and data segment: whether it was dropped |
//! | tables | their initial elements |
//! | linear memories | their initial pages |
//!
//! Each part starts at a multiple of [`ALIGN`], as the buffer does. What the buffer has
//! beyond that is room to grow: for the last memory from the front, for tables and exceptions from the back.

use crate::ValType;
use crate::image::{Header, MemoryRecord, TableRecord};
use crate::vmctx::{ALIGN, REF_SLOT_LEN, exception, func_slot, root_frame, store_cells};

/// Room for the runtime's own record of an instance, bytes.
pub const RECORD_LEN: u32 = 96;

/// A [host record](crate::vmctx::host_record) with what the runtime keeps behind it, bytes.
pub const HOST_RECORD_LEN: u32 = 32;

/// How many exceptions there can be at a time, at least.
pub const EXCEPTIONS: u32 = 8;

/// What stands in front of them, bytes: the [cells](crate::vmctx::store_cells), the last root frame, and the runtime's own.
pub const EXCEPTIONS_HEAD_LEN: u32 = store_cells::LEN + root_frame::LEN + 16;

/// Where the parts of an instance's RAM start, bytes from the buffer's start. The vmctx block is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ram {
    /// The runtime's record.
    pub record: u32,
    /// Host records.
    pub host_records: u32,
    /// Exceptions, if the module has tags.
    pub exceptions: u32,
    /// Flags of the element segments, then of the data segments.
    pub flags: u32,
    /// Elements of the tables that the module defines, one after another.
    pub tables: u32,
    /// Pages of the memories that the module defines, one after another, each aligned.
    pub memories: u32,
    /// Where the last memory ends: how long the buffer has to be, at least.
    pub len: u32,
}

impl Ram {
    /// For a module with exceptions of that length in all ([`exceptions_len`]), that many element and data segments,
    /// and these tables and memories, without the imported ones. `None` if it is 4 GiB or more.
    pub fn new(
        header: &Header,
        exceptions_len: u32,
        segments: u32,
        tables: impl Iterator<Item = TableRecord>,
        memories: impl Iterator<Item = MemoryRecord>,
    ) -> Option<Ram> {
        let record = align(header.vmctx_len)?;
        let host_records = record.checked_add(RECORD_LEN)?;
        let exceptions = host_records.checked_add(header.imported_functions.checked_mul(HOST_RECORD_LEN)?)?;
        let flags = exceptions.checked_add(exceptions_len)?;
        let tables_start = align(flags.checked_add(segments)?)?;
        let mut memories_start = tables_start;
        for table in tables {
            memories_start = align(memories_start.checked_add(table_len(&table)?)?)?;
        }
        let mut len = memories_start;
        for memory in memories {
            len = len.checked_add(align(u32::try_from(memory.min_len()).ok()?)?)?;
        }
        Some(Ram { record, host_records, exceptions, flags, tables: tables_start, memories: memories_start, len })
    }
}

/// Bytes of an exception whose values take that many slots.
pub fn exception_len(slots: u32) -> Option<u32> {
    align(slots.checked_mul(8)?.checked_add(exception::LEN)?)
}

/// Bytes of the part for exceptions, in a module with tags whose values take at most that many slots. Each exception has
/// room for the values of any of them.
pub fn exceptions_len(slots: u32) -> Option<u32> {
    exception_len(slots)?.checked_mul(EXCEPTIONS)?.checked_add(EXCEPTIONS_HEAD_LEN)
}

/// The next multiple of the alignment.
pub fn align(len: u32) -> Option<u32> {
    len.checked_next_multiple_of(ALIGN)
}

/// Bytes of a table's initial elements.
pub fn table_len(table: &TableRecord) -> Option<u32> {
    u32::try_from(table.min).ok()?.checked_mul(element_len(table.ty))
}

/// Bytes of an element of a table with the element type of this number.
pub const fn element_len(ty: u32) -> u32 {
    match ValType::from_number(ty) {
        Some(ty) if ty.is_func_ref() => func_slot::LEN,
        _ => REF_SLOT_LEN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_one_another_and_are_aligned() {
        let header = Header { vmctx_len: 80, imported_functions: 2, ..Header::default() };
        let tables = [(ValType::FuncRef, 3), (ValType::ExternRef, 3)];
        let tables = tables.map(|(ty, min)| TableRecord { ty: ty.number(), min, ..TableRecord::default() });
        let memory = MemoryRecord { min: 2, ..MemoryRecord::default() };
        let ram = Ram::new(&header, 0, 5, tables.into_iter(), [memory].into_iter());
        let expected = Ram {
            record: 80,
            host_records: 176,
            exceptions: 240,
            flags: 240,
            tables: 256,
            memories: 384,
            len: 384 + 2 * 65536,
        };
        assert_eq!(ram, Some(expected));
        // Two slots of values: 16 bytes and as many for the head.
        let exceptions_len = exceptions_len(2).unwrap();
        assert_eq!(exceptions_len, EXCEPTIONS_HEAD_LEN + 8 * 32);
        let ram = Ram::new(&header, exceptions_len, 5, [].into_iter(), [memory].into_iter()).unwrap();
        assert_eq!((ram.exceptions, ram.flags), (240, 240 + exceptions_len));
    }

    #[test]
    fn what_no_buffer_can_hold_is_none() {
        let header = Header { vmctx_len: 80, ..Header::default() };
        let memory = MemoryRecord { min: 65536, ..MemoryRecord::default() };
        assert_eq!(Ram::new(&header, 0, 0, [].into_iter(), [memory].into_iter()), None);
        assert_eq!(exceptions_len(1 << 29), None);
        let table = TableRecord { min: 1 << 30, ..TableRecord::default() };
        assert_eq!(Ram::new(&header, 0, 0, [table].into_iter(), [].into_iter()), None);
    }
}
