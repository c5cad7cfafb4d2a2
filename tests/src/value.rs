//! Values and outcomes in a form that both engines' results can be brought to.

use std::fmt;
use wasmc_abi::TrapCode;

/// A value, floats as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Wasm's")]
pub enum Value {
    I32(u32),
    I64(u64),
    F32(u32),
    F64(u64),
    /// The null reference of either type.
    Null,
    /// A function; which one cannot be compared between engines.
    Func,
    /// A host value.
    Extern,
}

impl Value {
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
            Value::Null => f.write_str("null"),
            Value::Func => f.write_str("func"),
            Value::Extern => f.write_str("extern"),
        }
    }
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It returned.
    Values(Vec<Value>),
    /// It trapped.
    Trap(TrapCode),
    /// Something else, which no test wants.
    Other(String),
}

impl Outcome {
    /// Whether two engines agree: equal, but for the bits of NaNs, which Wasm leaves open.
    pub fn agrees(&self, other: &Outcome) -> bool {
        match (self, other) {
            (Outcome::Values(a), Outcome::Values(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || a.is_nan() && b.is_nan())
            }
            _ => self == other,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Values(values) => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Outcome::Trap(code) => write!(f, "trap: {code}"),
            Outcome::Other(text) => f.write_str(text),
        }
    }
}
