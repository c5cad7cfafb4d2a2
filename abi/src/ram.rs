//! RAM of an instance where nothing is allocated: one buffer, whose length an image states beforehand.
//!
//! | part | length |
//! |---|---|
//! | vmctx block | the header's `vmctx_len` |
//! | the runtime's record | [`RECORD_LEN`] |
//! | host records | [`HOST_RECORD_LEN`] for each imported function |
//! | types and exceptions | [`Objects`]: records of types and tags, then room for [`EXCEPTIONS`] exceptions |
//! | flags of segments | a byte for each element and data segment: whether it was dropped |
//! | tables | their initial elements |
//! | linear memories | their initial pages |
//!
//! Each part starts at a multiple of [`ALIGN`], as the buffer does. What the buffer has
//! beyond that is room to grow: for the last memory from the front, for tables and objects, exceptions among them, from the
//! back.

use crate::ValType;
use crate::image::{Header, MemoryRecord, TableRecord};
use crate::vmctx::{ALIGN, DISPLAY_MIN, REF_SLOT_LEN, exception, func_slot, type_record};

/// Room for the runtime's own record of an instance, bytes.
pub const RECORD_LEN: u32 = 128;

/// A [host record](crate::vmctx::host_record) with what the runtime keeps behind it, bytes.
pub const HOST_RECORD_LEN: u32 = 32;

/// How many exceptions there can be at a time, at least.
pub const EXCEPTIONS: u32 = 8;

/// What stands in front of each object, and at the head of each part of the buffer that objects are in: at most, bytes.
pub const OBJECT_HEAD_LEN: u32 = 16;

/// What the runtime knows of a type or a tag beside its [record](type_record), in front of that, bytes.
pub const TYPE_INFO_LEN: u32 = 24;

/// Where the parts of an instance's RAM start, bytes from the buffer's start. The vmctx block is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ram {
    /// The runtime's record.
    pub record: u32,
    /// Host records.
    pub host_records: u32,
    /// Records of types and tags, then the first part for objects.
    pub objects: u32,
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
    /// For a module with a part for objects of that length ([`Objects::sum`]), that many element and data segments, and
    /// these tables and memories, without the imported ones. `None` if it is 4 GiB or more.
    pub fn new(
        header: &Header,
        objects_len: u32,
        segments: u32,
        tables: impl Iterator<Item = TableRecord>,
        memories: impl Iterator<Item = MemoryRecord>,
    ) -> Option<Ram> {
        let record = align(header.vmctx_len)?;
        let host_records = record.checked_add(RECORD_LEN)?;
        let objects = host_records.checked_add(header.imported_functions.checked_mul(HOST_RECORD_LEN)?)?;
        let flags = objects.checked_add(objects_len)?;
        let tables_start = align(flags.checked_add(segments)?)?;
        let mut memories_start = tables_start;
        for table in tables {
            memories_start = align(memories_start.checked_add(table_len(&table)?)?)?;
        }
        let mut len = memories_start;
        for memory in memories {
            len = len.checked_add(align(u32::try_from(memory.min_len()).ok()?)?)?;
        }
        Some(Ram { record, host_records, objects, flags, tables: tables_start, memories: memories_start, len })
    }
}

/// What a module needs for objects before it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// Bytes of the records of its types: of all, unless they all are function types without sub- and supertypes.
    pub types_len: u32,
    /// Bytes of the records of its own tags.
    pub tags_len: u32,
    /// Bytes of the first part that objects are in, if there are tags.
    pub exceptions_len: u32,
}

impl Objects {
    /// For a module with types of those depths, if they have records, that many tags of its own, and exceptions whose values
    /// take that many slots, tag by tag, imported ones too. `None` if it is 4 GiB or more.
    pub fn new(depths: impl Iterator<Item = u32>, own_tags: u32, slots: impl Iterator<Item = u32>) -> Option<Objects> {
        let types_len = depths.map(type_record_len).try_fold(0u32, u32::checked_add)?;
        let tags_len = own_tags.checked_mul(TAG_RECORD_LEN)?;
        let slots_max = slots.max();
        let exceptions_len = match slots_max {
            Some(slots) => {
                let each = align(exception_len(slots)?)?.checked_add(OBJECT_HEAD_LEN)?;
                each.checked_mul(EXCEPTIONS)?.checked_add(OBJECT_HEAD_LEN)?
            }
            None => 0,
        };
        Some(Objects { types_len, tags_len, exceptions_len })
    }

    /// All of it; `None` if it is 4 GiB or more.
    pub fn sum(&self) -> Option<u32> {
        align(self.types_len.checked_add(self.tags_len)?)?.checked_add(self.exceptions_len)
    }
}

/// Bytes of the record of a type with that many supertypes, and of what stands in front of it.
pub const fn type_record_len(depth: u32) -> u32 {
    let display = if depth < DISPLAY_MIN { DISPLAY_MIN } else { depth + 1 };
    TYPE_INFO_LEN + type_record::LEN + 8 * display
}

/// The same of a tag, which has no display.
pub const TAG_RECORD_LEN: u32 = TYPE_INFO_LEN + type_record::LEN;

/// Bytes of an exception whose values take that many slots.
pub fn exception_len(slots: u32) -> Option<u32> {
    slots.checked_mul(8)?.checked_add(exception::LEN)
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
            host_records: 208,
            objects: 272,
            flags: 272,
            tables: 288,
            memories: 416,
            len: 416 + 2 * 65536,
        };
        assert_eq!(ram, Some(expected));
        // Two slots of values: 16 bytes and as many for the head, and 16 in front.
        let objects = Objects::new([0, 9].into_iter(), 2, [2, 0, 1].into_iter()).unwrap();
        let (types_len, tags_len) = (24 + 24 + 8 * 8 + 24 + 24 + 8 * 10, 2 * 48);
        assert_eq!(objects, Objects { types_len, tags_len, exceptions_len: 16 + 8 * 48 });
        let objects_len = objects.sum().unwrap();
        assert_eq!(objects_len, types_len + tags_len + 400);
        let ram = Ram::new(&header, objects_len, 5, [].into_iter(), [memory].into_iter()).unwrap();
        assert_eq!((ram.objects, ram.flags), (272, 272 + objects_len));
        assert_eq!(Objects::new([].into_iter(), 0, [].into_iter()), Some(Objects::default()));
    }

    #[test]
    fn what_no_buffer_can_hold_is_none() {
        let header = Header { vmctx_len: 80, ..Header::default() };
        let memory = MemoryRecord { min: 65536, ..MemoryRecord::default() };
        assert_eq!(Ram::new(&header, 0, 0, [].into_iter(), [memory].into_iter()), None);
        assert_eq!(Objects::new([].into_iter(), 0, [1 << 29].into_iter()), None);
        let table = TableRecord { min: 1 << 30, ..TableRecord::default() };
        assert_eq!(Ram::new(&header, 0, 0, [table].into_iter(), [].into_iter()), None);
    }
}
