//! Value types, reference types and fields as stored: a number each.
//!
//! The number of a plain type is the binary format's byte (spec: binary/types). A reference type has its heap type's
//! byte in the low 8 bits; for a defined type that of its kind, and the type's index + 1 from bit 10 on; bit 8
//! says that null is not among its values. Bit 9 says that a field is mutable.

/// A value type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// Single-precision float.
    F32,
    /// Double-precision float.
    F64,
    /// 128-bit vector.
    V128,
    /// Reference to any function, or null: address of a function record, 0 for null.
    FuncRef,
    /// Reference to a host value, or null: an opaque 64-bit token, 0 for null.
    ExternRef,
    /// Any other reference.
    Ref(RefType),
}

/// The plain types by their numbers.
const PLAIN: [(u32, ValType, &str); 7] = [
    (0x7F, ValType::I32, "i32"),
    (0x7E, ValType::I64, "i64"),
    (0x7D, ValType::F32, "f32"),
    (0x7C, ValType::F64, "f64"),
    (0x7B, ValType::V128, "v128"),
    (HeapType::Func as u32, ValType::FuncRef, "funcref"),
    (HeapType::Extern as u32, ValType::ExternRef, "externref"),
];

impl ValType {
    /// The type with this number.
    pub const fn from_number(number: u32) -> Option<ValType> {
        let mut i = 0;
        while i < PLAIN.len() {
            if PLAIN[i].0 == number {
                return Some(PLAIN[i].1);
            }
            i += 1;
        }
        match RefType::from_number(number) {
            Some(ty) => Some(ValType::Ref(ty)),
            None => None,
        }
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        match self {
            ValType::I32 => 0x7F,
            ValType::I64 => 0x7E,
            ValType::F32 => 0x7D,
            ValType::F64 => 0x7C,
            ValType::V128 => 0x7B,
            ValType::FuncRef => HeapType::Func as u32,
            ValType::ExternRef => HeapType::Extern as u32,
            ValType::Ref(ty) => ty.0,
        }
    }

    /// The plain types: those that need no more than a byte.
    pub fn plain() -> impl Iterator<Item = ValType> {
        PLAIN.iter().map(|(_, ty, _)| *ty)
    }

    /// As a reference type, if it is one.
    pub const fn ref_type(self) -> Option<RefType> {
        match self {
            ValType::FuncRef | ValType::ExternRef => Some(RefType(self.number())),
            ValType::Ref(ty) => Some(ty),
            _ => None,
        }
    }

    /// Whether its values are addresses of objects that the runtime reclaims ([`HeapType::is_collectable`]): who keeps one
    /// says so.
    pub const fn is_collectable(self) -> bool {
        match self.ref_type() {
            Some(ty) => ty.heap().is_collectable(),
            None => false,
        }
    }

    /// Whether its values are references to functions.
    pub const fn is_func_ref(self) -> bool {
        match self.ref_type() {
            Some(ty) => matches!(ty.heap().top(), HeapType::Func),
            None => false,
        }
    }

    /// The type with the defined type that it names, if any, renumbered.
    pub fn map_index(self, map: impl FnOnce(u32) -> u32) -> ValType {
        match self {
            ValType::Ref(ty) => ty.map_index(map).val_type(),
            other => other,
        }
    }
}

impl From<RefType> for ValType {
    fn from(ty: RefType) -> ValType {
        ty.val_type()
    }
}

impl core::fmt::Display for ValType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            ValType::Ref(ty) => ty.fmt(f),
            plain => f.write_str(PLAIN.iter().find(|(_, ty, _)| ty == plain).map_or("", |(.., name)| name)),
        }
    }
}

/// A heap type that is not a defined one, or the kind of a defined one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum HeapType {
    /// No exception: only null.
    NoExn = 0x74,
    /// No function.
    NoFunc = 0x73,
    /// No host value.
    NoExtern = 0x72,
    /// Nothing of what `Any` is.
    None = 0x71,
    /// Functions.
    Func = 0x70,
    /// Host values.
    Extern = 0x6F,
    /// Integers of 31 bits, structs, arrays, and host values as such.
    Any = 0x6E,
    /// What can be compared: those but host values.
    Eq = 0x6D,
    /// Integers of 31 bits.
    I31 = 0x6C,
    /// Structs.
    Struct = 0x6B,
    /// Arrays.
    Array = 0x6A,
    /// Exceptions: addresses of objects.
    Exn = 0x69,
}

impl HeapType {
    const ALL: [(HeapType, &'static str); 12] = [
        (HeapType::NoExn, "noexn"),
        (HeapType::NoFunc, "nofunc"),
        (HeapType::NoExtern, "noextern"),
        (HeapType::None, "none"),
        (HeapType::Func, "func"),
        (HeapType::Extern, "extern"),
        (HeapType::Any, "any"),
        (HeapType::Eq, "eq"),
        (HeapType::I31, "i31"),
        (HeapType::Struct, "struct"),
        (HeapType::Array, "array"),
        (HeapType::Exn, "exn"),
    ];

    const fn from_byte(byte: u8) -> Option<HeapType> {
        let mut i = 0;
        while i < HeapType::ALL.len() {
            if HeapType::ALL[i].0 as u8 == byte {
                return Some(HeapType::ALL[i].0);
            }
            i += 1;
        }
        None
    }

    /// The name in the text format.
    pub fn name(self) -> &'static str {
        HeapType::ALL.iter().find(|(ty, _)| *ty == self).map_or("", |(_, name)| name)
    }

    /// The largest type of its hierarchy: `Func`, `Extern`, `Exn` or `Any`.
    pub const fn top(self) -> HeapType {
        match self {
            HeapType::NoFunc | HeapType::Func => HeapType::Func,
            HeapType::NoExtern | HeapType::Extern => HeapType::Extern,
            HeapType::NoExn | HeapType::Exn => HeapType::Exn,
            _ => HeapType::Any,
        }
    }

    /// Whether references to it are addresses of objects that the runtime reclaims.
    pub const fn is_collectable(self) -> bool {
        matches!(self.top(), HeapType::Any | HeapType::Exn)
    }

    /// Whether it is the smallest type of its hierarchy, of which only null is.
    pub const fn is_bottom(self) -> bool {
        matches!(self, HeapType::NoFunc | HeapType::NoExtern | HeapType::NoExn | HeapType::None)
    }

    /// Whether all of `self` are `other` (spec: valid/matching, heap types).
    pub fn matches(self, other: HeapType) -> bool {
        if self.top() != other.top() {
            return false;
        }
        let is_eq = matches!(self, HeapType::I31 | HeapType::Struct | HeapType::Array);
        self == other || self.is_bottom() || other == other.top() || other == HeapType::Eq && is_eq
    }
}

/// A reference type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RefType(u32);

impl RefType {
    const NON_NULL: u32 = 1 << 8;
    const INDEX_SHIFT: u32 = 10;
    /// The largest index of a defined type.
    pub const INDEX_MAX: u32 = (1 << (31 - RefType::INDEX_SHIFT)) - 2;

    /// References to values of a heap type.
    pub const fn new(is_nullable: bool, heap: HeapType) -> RefType {
        RefType(heap as u32 | if is_nullable { 0 } else { RefType::NON_NULL })
    }

    /// References to values of the defined type with this index, which is of a kind: `Func`, `Struct` or `Array`.
    pub const fn defined(is_nullable: bool, kind: HeapType, index: u32) -> RefType {
        RefType(RefType::new(is_nullable, kind).0 | (index + 1) << RefType::INDEX_SHIFT)
    }

    const fn from_number(number: u32) -> Option<RefType> {
        let ty = RefType(number);
        let Some(heap) = HeapType::from_byte(number as u8) else { return None };
        let is_kind = matches!(heap, HeapType::Func | HeapType::Struct | HeapType::Array);
        let clean = number & FieldType::MUTABLE == 0 && number >> 31 == 0;
        if clean && (is_kind || ty.index().is_none()) { Some(ty) } else { None }
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Whether null is among its values.
    pub const fn is_nullable(self) -> bool {
        self.0 & RefType::NON_NULL == 0
    }

    /// What its values are, defined types aside.
    pub const fn heap(self) -> HeapType {
        match HeapType::from_byte(self.0 as u8) {
            Some(heap) => heap,
            // No reference type is made with another byte.
            None => HeapType::None,
        }
    }

    /// Index of the defined type, if it is one.
    pub const fn index(self) -> Option<u32> {
        (self.0 >> RefType::INDEX_SHIFT).checked_sub(1)
    }

    /// References to objects, integers and host values as such, or null.
    pub const ANY: RefType = RefType::new(true, HeapType::Any);

    /// References to exceptions, or null.
    pub const EXN: RefType = RefType::new(true, HeapType::Exn);

    /// As a value type.
    pub const fn val_type(self) -> ValType {
        match ValType::from_number(self.0) {
            Some(ty) => ty,
            None => ValType::Ref(self),
        }
    }

    /// The same with the defined type renumbered.
    pub fn map_index(self, map: impl FnOnce(u32) -> u32) -> RefType {
        match self.index() {
            Some(index) => RefType::defined(self.is_nullable(), self.heap(), map(index)),
            None => self,
        }
    }
}

impl core::fmt::Display for RefType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let null = if self.is_nullable() { "null " } else { "" };
        match self.index() {
            Some(index) => write!(f, "(ref {null}{index})"),
            None => write!(f, "(ref {null}{})", self.heap().name()),
        }
    }
}

/// What a field or an element of an object is stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StorageType {
    /// 8 bits.
    I8,
    /// 16 bits.
    I16,
    /// A value.
    Val(ValType),
}

/// The type of a field of a struct, or of an array's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FieldType {
    /// How it is stored.
    pub storage: StorageType,
    /// Whether it can be written.
    pub mutable: bool,
}

impl FieldType {
    const MUTABLE: u32 = 1 << 9;

    /// The type with this number.
    pub fn from_number(number: u32) -> Option<FieldType> {
        let mutable = number & FieldType::MUTABLE != 0;
        let storage = match number & !FieldType::MUTABLE {
            0x78 => StorageType::I8,
            0x77 => StorageType::I16,
            number => StorageType::Val(ValType::from_number(number)?),
        };
        Some(FieldType { storage, mutable })
    }

    /// Its number.
    pub fn number(self) -> u32 {
        let storage = match self.storage {
            StorageType::I8 => 0x78,
            StorageType::I16 => 0x77,
            StorageType::Val(ty) => ty.number(),
        };
        storage | if self.mutable { FieldType::MUTABLE } else { 0 }
    }

    /// The type with the defined type that it names, if any, renumbered.
    pub fn map_index(self, map: impl FnOnce(u32) -> u32) -> FieldType {
        match self.storage {
            StorageType::Val(ty) => FieldType { storage: StorageType::Val(ty.map_index(map)), ..self },
            _ => self,
        }
    }
}

/// What values of a type look like: a number of its kind, or a reference of its hierarchy. The number of a plain type, or
/// that of the hierarchy's largest heap type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeClass(u8);

/// The lowest byte of a heap type, and for each from there on the largest type of its hierarchy.
const HEAP_MIN: u8 = HeapType::Exn as u8;
const TOPS: [u8; 12] = {
    let mut tops = [0; 12];
    let mut i = 0;
    while i < tops.len() {
        let (ty, _) = HeapType::ALL[i];
        tops[(ty as u8 - HEAP_MIN) as usize] = ty.top() as u8;
        i += 1;
    }
    tops
};

impl TypeClass {
    /// References to functions.
    pub const FUNCTION: TypeClass = TypeClass(HeapType::Func as u8);

    /// That of the value type with this number.
    pub fn of(number: u32) -> Option<TypeClass> {
        if (ValType::V128.number()..=ValType::I32.number()).contains(&number) {
            return Some(TypeClass(number as u8));
        }
        let heap = number as u8;
        let top = *TOPS.get(usize::from(heap.wrapping_sub(HEAP_MIN)))?;
        let names_type = number >> RefType::INDEX_SHIFT != 0;
        let is_kind = [HeapType::Func as u8, HeapType::Struct as u8, HeapType::Array as u8].contains(&heap);
        let is_clean = number & (FieldType::MUTABLE | 1 << 31) == 0;
        (is_clean && (is_kind || !names_type)).then_some(TypeClass(top))
    }

    /// That of the field with this number. What is packed is a number.
    pub fn of_field(number: u32) -> Option<TypeClass> {
        match number & !FieldType::MUTABLE {
            0x77 | 0x78 => Some(TypeClass(ValType::I32.number() as u8)),
            number => TypeClass::of(number),
        }
    }

    /// Whether it is one of references.
    pub fn is_reference(self) -> bool {
        self.0 < ValType::V128.number() as u8
    }

    /// Index of the defined type that a value type or field of this class names by its number.
    pub fn index(self, number: u32) -> Option<u32> {
        if self.is_reference() { (number >> RefType::INDEX_SHIFT).checked_sub(1) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_a_round_trip_and_are_those_of_the_binary_format() {
        let refs = [
            RefType::new(true, HeapType::Func),
            RefType::new(false, HeapType::Extern),
            RefType::defined(true, HeapType::Struct, 0),
            RefType::defined(false, HeapType::Func, RefType::INDEX_MAX),
        ];
        for ty in ValType::plain().chain(refs.map(ValType::from)) {
            assert_eq!(ValType::from_number(ty.number()), Some(ty), "{ty}");
            for mutable in [false, true] {
                let field = FieldType { storage: StorageType::Val(ty), mutable };
                assert_eq!(FieldType::from_number(field.number()), Some(field), "{ty}");
            }
        }
        assert_eq!(ValType::from(RefType::new(true, HeapType::Func)), ValType::FuncRef);
        assert_eq!((ValType::I32.number(), ValType::ExternRef.number()), (0x7F, 0x6F));
        for wrong in [0, 0x40, 0x78, 0x17F, 0x70 | 1 << 9, 0x70 | 1 << 31, 0x6D | 1 << 10] {
            assert_eq!(ValType::from_number(wrong), None, "{wrong:#x}");
        }
    }

    #[test]
    fn classes_are_those_of_the_types() {
        let interesting =
            |number: u32| [0, 1 << 8, 1 << 9, 1 << 10, 3 << 10, 1 << 30, 1 << 31].map(|bits| number | bits);
        for number in (0..0x100).flat_map(interesting) {
            let class = ValType::from_number(number).map(|ty| match ty.ref_type() {
                Some(ty) => TypeClass(ty.heap().top() as u8),
                None => TypeClass(ty.number() as u8),
            });
            assert_eq!(TypeClass::of(number), class, "{number:#x}");
            assert_eq!(TypeClass::of_field(number).is_some(), FieldType::from_number(number).is_some(), "{number:#x}");
            if let (Some(class), Some(ty)) = (class, ValType::from_number(number)) {
                assert_eq!(class.is_reference(), ty.ref_type().is_some());
                assert_eq!(class.index(number), ty.ref_type().and_then(RefType::index));
            }
        }
    }

    #[test]
    fn heap_types_match_as_the_hierarchies_say() {
        use HeapType::*;
        for (lower, upper) in [(Struct, Eq), (I31, Any), (None, Array), (NoFunc, Func), (Extern, Extern), (NoExn, Exn)]
        {
            assert!(lower.matches(upper), "{lower:?} {upper:?}");
        }
        for (lower, upper) in [(Any, Eq), (Struct, Array), (Eq, I31), (Exn, Any), (NoExtern, Func), (None, Exn)] {
            assert!(!lower.matches(upper), "{lower:?} {upper:?}");
        }
    }
}
