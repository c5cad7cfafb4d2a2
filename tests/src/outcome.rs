//! What a request to an engine comes to, in a form that two engines' can be brought to.

use std::fmt;
use wasmc_abi::TrapCode;
use wasmc_test_protocol::{Reply, Value};

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It went well.
    Values(Vec<Value>),
    /// It went well.
    Bytes(Vec<u8>),
    /// It trapped.
    Trap(TrapCode),
    /// It threw an exception with these values that nothing caught.
    Exception(Vec<Value>),
    /// Imports are missing or of another type.
    Link(String),
    /// It was refused, or used up what the engine allows.
    Other(String),
    /// The machine is too small for it.
    Full(String),
    /// The process that the engine runs in ended or hung.
    Died(String),
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

impl From<Reply<'_>> for Outcome {
    fn from(reply: Reply<'_>) -> Outcome {
        match reply {
            Reply::Values(values) => Outcome::Values(values.iter().collect()),
            Reply::Bytes(bytes) => Outcome::Bytes(bytes.to_vec()),
            Reply::Trap(code) => Outcome::Trap(code),
            Reply::Exception(values) => Outcome::Exception(values.iter().collect()),
            Reply::Link(text) => Outcome::Link(text.to_string()),
            Reply::Failed(text) => Outcome::Other(text.to_string()),
            Reply::Full(text) => Outcome::Full(text.to_string()),
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
            Outcome::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Outcome::Trap(code) => write!(f, "trap: {code}"),
            Outcome::Exception(values) => write!(f, "an exception: {values:?}"),
            Outcome::Link(text) | Outcome::Other(text) | Outcome::Full(text) | Outcome::Died(text) => f.write_str(text),
        }
    }
}
