//! Objects of the collector: where structs and arrays have what. A reference to one is its address; an integer of 31
//! bits is a reference by itself, with its lowest bit set.

use crate::types::{FieldType, StorageType, ValType};

/// Offset of the address of the [record](crate::vmctx::type_record) of an object's type.
pub const TYPE: u32 = 0;
/// Offset of what a struct has behind that: its fields, each aligned to its size, but no more than 8.
pub const FIELDS: u32 = 8;
/// Offset of an array's length, a word of 32 bits.
pub const LEN: u32 = 8;
/// Offset of an array's elements.
pub const ELEMENTS: u32 = 16;
/// Offset of the token of a host value that became an object.
pub const TOKEN: u32 = 8;

/// The form that a host value's record has in place of a [`TypeForm`](crate::image::TypeForm).
pub const HOST_FORM: u64 = 4;

/// The form that a tag's record has, which is the type of the exceptions with it.
pub const TAG_FORM: u64 = 3;

/// References below this are no objects. A helper that makes one returns such a number for a trap.
pub const ADDRESS_MIN: u64 = 256;

/// Size of what is stored for a field or an element, bytes.
pub const fn storage_len(storage: StorageType) -> u32 {
    match storage {
        StorageType::I8 => 1,
        StorageType::I16 => 2,
        StorageType::Val(ValType::I32 | ValType::F32) => 4,
        StorageType::Val(ValType::V128) => 16,
        StorageType::Val(_) => 8,
    }
}

/// The fields of a struct with their offsets.
pub fn layout(fields: impl Iterator<Item = FieldType>) -> impl Iterator<Item = (FieldType, u32)> {
    fields.scan(FIELDS, |next, field| {
        let len = storage_len(field.storage);
        let offset = next.next_multiple_of(if len > 8 { 8 } else { len });
        *next = offset + len;
        Some((field, offset))
    })
}

/// The offset of each field of a struct.
pub fn field_offsets(fields: &[FieldType]) -> impl Iterator<Item = u32> {
    layout(fields.iter().copied()).map(|(_, offset)| offset)
}

/// Size of a struct, bytes.
pub fn struct_len(fields: impl Iterator<Item = FieldType>) -> u32 {
    layout(fields).last().map_or(FIELDS, |(field, offset)| offset + storage_len(field.storage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_aligned_and_a_subtype_has_those_of_its_supertype_in_place() {
        let field = |storage| FieldType { storage, mutable: false };
        let (byte, half) = (field(StorageType::I8), field(StorageType::I16));
        let (word, vector) = (field(StorageType::Val(ValType::I32)), field(StorageType::Val(ValType::V128)));
        let fields = [byte, half, word, byte, vector, byte];
        assert!(field_offsets(&fields).eq([8, 10, 12, 16, 24, 40]));
        assert!(field_offsets(&fields[..4]).eq(field_offsets(&fields).take(4)));
        assert_eq!((struct_len(fields.into_iter()), struct_len([].into_iter())), (41, 8));
    }
}
