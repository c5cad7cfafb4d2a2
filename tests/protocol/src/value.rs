//! Values, floats as bits, and how they travel.

use core::fmt;
use wasmc_abi::{HeapType, RefType, ValType};

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Wasm's")]
pub enum Value {
    I32(u32),
    I64(u64),
    F32(u32),
    F64(u64),
    V128(u128),
    /// A function or null; which function cannot be told between engines.
    FuncRef(bool),
    /// A host value's token; 0 is null.
    ExternRef(u64),
    /// An exception or null; which exception cannot be told between engines.
    ExnRef(bool),
    /// An object, by what it is.
    AnyRef(Any),
}

/// What a reference of the hierarchy of `any` is; which object it is cannot be told between engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Wasm's")]
pub enum Any {
    Null,
    I31(u32),
    Struct,
    Array,
    /// A host value's token.
    Host(u64),
}

impl Any {
    fn bits(self) -> u128 {
        let (kind, payload) = match self {
            Any::Null => (0, 0),
            Any::I31(value) => (1, value.into()),
            Any::Struct => (2, 0),
            Any::Array => (3, 0),
            Any::Host(token) => (4, token),
        };
        kind | u128::from(payload) << 64
    }

    fn from_bits(bits: u128) -> Any {
        let payload = (bits >> 64) as u64;
        match bits as u64 {
            1 => Any::I31(payload as u32),
            2 => Any::Struct,
            3 => Any::Array,
            4 => Any::Host(payload),
            _ => Any::Null,
        }
    }
}

/// How many bytes a value takes.
pub const VALUE_LEN: usize = 20;

impl Value {
    /// Its type.
    pub fn ty(self) -> ValType {
        match self {
            Value::I32(_) => ValType::I32,
            Value::I64(_) => ValType::I64,
            Value::F32(_) => ValType::F32,
            Value::F64(_) => ValType::F64,
            Value::V128(_) => ValType::V128,
            Value::FuncRef(_) => ValType::FuncRef,
            Value::ExternRef(_) => ValType::ExternRef,
            Value::ExnRef(_) => ValType::Ref(RefType::EXN),
            Value::AnyRef(_) => ValType::Ref(RefType::ANY),
        }
    }

    /// What it is sent as: the value's bits, the low ones first; of a reference that has no meaning elsewhere, whether
    /// it is null.
    pub fn bits(self) -> u128 {
        match self {
            Value::I32(bits) | Value::F32(bits) => bits.into(),
            Value::I64(bits) | Value::F64(bits) | Value::ExternRef(bits) => bits.into(),
            Value::V128(bits) => bits,
            Value::AnyRef(any) => any.bits(),
            Value::FuncRef(there) | Value::ExnRef(there) => there.into(),
        }
    }

    /// The value of a type that the low ones of `bits` are.
    pub fn from_bits(ty: ValType, bits: u128) -> Value {
        match ty {
            ValType::I32 => Value::I32(bits as u32),
            ValType::I64 => Value::I64(bits as u64),
            ValType::F32 => Value::F32(bits as u32),
            ValType::F64 => Value::F64(bits as u64),
            ValType::V128 => Value::V128(bits),
            ValType::FuncRef => Value::FuncRef(bits != 0),
            ValType::ExternRef => Value::ExternRef(bits as u64),
            ValType::Ref(ty) if ty.heap().top() == HeapType::Func => Value::FuncRef(bits != 0),
            ValType::Ref(ty) if ty.heap().top() == HeapType::Exn => Value::ExnRef(bits != 0),
            ValType::Ref(ty) if ty.heap().top() == HeapType::Any => Value::AnyRef(Any::from_bits(bits)),
            ValType::Ref(_) => Value::ExternRef(bits as u64),
        }
    }

    fn encode(self) -> [u8; VALUE_LEN] {
        let mut bytes = [0; VALUE_LEN];
        let (ty, bits) = bytes.split_at_mut(4);
        ty.copy_from_slice(&self.ty().number().to_le_bytes());
        bits.copy_from_slice(&self.bits().to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; VALUE_LEN]) -> Option<Value> {
        let (ty, bits) = bytes.split_first_chunk()?;
        let ty = ValType::from_number(u32::from_le_bytes(*ty))?;
        Some(Value::from_bits(ty, u128::from_le_bytes(*bits.first_chunk()?)))
    }

    /// Whether it is a NaN.
    pub fn is_nan(self) -> bool {
        match self {
            Value::F32(bits) => f32::from_bits(bits).is_nan(),
            Value::F64(bits) => f64::from_bits(bits).is_nan(),
            _ => false,
        }
    }

    /// Whether it is a NaN whose payload is the quiet bit alone; the sign does not matter.
    pub fn is_canonical_nan(self) -> bool {
        match self {
            Value::F32(bits) => bits & 0x7FFF_FFFF == 0x7FC0_0000,
            Value::F64(bits) => bits & 0x7FFF_FFFF_FFFF_FFFF == 0x7FF8_0000_0000_0000,
            _ => false,
        }
    }

    /// Whether it is a NaN with the quiet bit set.
    pub fn is_arithmetic_nan(self) -> bool {
        match self {
            Value::F32(bits) => bits & 0x7FC0_0000 == 0x7FC0_0000,
            Value::F64(bits) => bits & 0x7FF8_0000_0000_0000 == 0x7FF8_0000_0000_0000,
            _ => false,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Value::I32(value) => write!(f, "i32:{value:#x}"),
            Value::I64(value) => write!(f, "i64:{value:#x}"),
            Value::F32(bits) => write!(f, "f32:{:?}={bits:#010x}", f32::from_bits(bits)),
            Value::F64(bits) => write!(f, "f64:{:?}={bits:#018x}", f64::from_bits(bits)),
            Value::V128(bits) => write!(f, "v128:{bits:#034x}"),
            Value::FuncRef(false) => f.write_str("funcref:null"),
            Value::FuncRef(true) => f.write_str("funcref"),
            Value::ExternRef(0) => f.write_str("externref:null"),
            Value::ExnRef(false) => f.write_str("exnref:null"),
            Value::ExnRef(true) => f.write_str("exnref"),
            Value::AnyRef(any) => write!(f, "anyref:{any:?}"),
            Value::ExternRef(token) => write!(f, "externref:{token}"),
        }
    }
}

/// Values one after the other: to be sent, or as they came.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// To be sent.
    List(&'a [Value]),
    /// As they came; each has been looked at.
    Encoded(&'a [u8]),
}

impl<'a> Values<'a> {
    /// Takes a look at each.
    pub(crate) fn check(bytes: &'a [u8]) -> Option<Values<'a>> {
        let (values, rest) = bytes.as_chunks();
        let sound = rest.is_empty() && values.iter().all(|value| Value::decode(value).is_some());
        sound.then_some(Values::Encoded(bytes))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Values::List(values) => values.len(),
            Values::Encoded(bytes) => bytes.len() / VALUE_LEN,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Value> + 'a {
        let (list, bytes) = match *self {
            Values::List(values) => (values, &[][..]),
            Values::Encoded(bytes) => (&[][..], bytes),
        };
        list.iter().copied().chain(bytes.as_chunks().0.iter().filter_map(Value::decode))
    }

    pub(crate) fn write(&self, put: &mut dyn FnMut(&[u8])) {
        self.iter().for_each(|value| put(&value.encode()));
    }
}

impl PartialEq for Values<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
