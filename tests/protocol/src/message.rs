//! Requests and replies, written and read. The crate's page draws them.

use crate::value::{VALUE_LEN, Values};
use core::str::from_utf8;
use wasmc_abi::TrapCode;

/// What every message begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Length of the payload, bytes.
    pub len: u32,
    kind: u32,
    a: u32,
    b: u32,
}

impl Head {
    /// Its own length, bytes.
    pub const LEN: usize = 16;

    /// Reads it.
    pub fn read(bytes: &[u8; Head::LEN]) -> Head {
        let (words, _) = bytes.as_chunks();
        let [len, kind, a, b] = core::array::from_fn(|index| u32::from_le_bytes(words[index]));
        Head { len, kind, a, b }
    }

    fn write(&self, put: &mut dyn FnMut(&[u8])) {
        [self.len, self.kind, self.a, self.b].iter().for_each(|word| put(&word.to_le_bytes()));
    }
}

fn write(kind: u32, a: u32, payload: &[u8], put: &mut dyn FnMut(&[u8])) {
    Head { len: payload.len() as u32, kind, a, b: 0 }.write(put);
    put(payload);
}

/// What a runner is asked to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Request<'a> {
    /// Nothing.
    Skip(&'a [u8]),
    /// Forget all instances.
    Reset,
    /// Make an instance.
    Instantiate {
        /// Where to keep it.
        slot: u32,
        /// The `.aot` file.
        image: &'a [u8],
    },
    /// Let others import from an instance.
    Register {
        /// The instance.
        slot: u32,
        /// The module name that it goes by.
        name: &'a str,
    },
    /// Call a function.
    Invoke {
        /// The instance.
        slot: u32,
        /// The export's name.
        name: &'a str,
        /// Its arguments.
        args: Values<'a>,
    },
    /// Say what an export holds.
    Inspect {
        /// What kind of export, and what of it.
        what: Inspect,
        /// The instance.
        slot: u32,
        /// The export's name.
        name: &'a str,
    },
    /// Set the floating-point control oddly during calls, or no longer.
    FloatControl {
        /// Whether.
        odd: bool,
    },
}

/// What can be asked about an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Inspect {
    /// A global's value.
    Global = 5,
    /// How many elements a table has.
    TableLen = 6,
    /// A memory's length and XXH32.
    MemorySum = 7,
    /// A memory's contents.
    Memory = 8,
}

impl<'a> Request<'a> {
    /// Hands its bytes to `put`, piece by piece.
    pub fn write(&self, put: &mut dyn FnMut(&[u8])) {
        match *self {
            Request::Skip(bytes) => write(0, 0, bytes, put),
            Request::Reset => write(1, 0, &[], put),
            Request::Instantiate { slot, image } => write(2, slot, image, put),
            Request::Register { slot, name } => write(3, slot, name.as_bytes(), put),
            Request::Invoke { slot, name, args } => {
                let len = name.len() + args.len() * VALUE_LEN;
                Head { len: len as u32, kind: 4, a: slot, b: name.len() as u32 }.write(put);
                put(name.as_bytes());
                args.write(put);
            }
            Request::Inspect { what, slot, name } => write(what as u32, slot, name.as_bytes(), put),
            Request::FloatControl { odd } => write(9, odd.into(), &[], put),
        }
    }

    /// The request that a head and its payload are; `None` if they are none.
    pub fn read(head: Head, payload: &'a [u8]) -> Option<Request<'a>> {
        let slot = head.a;
        let inspect = |what| Some(Request::Inspect { what, slot, name: from_utf8(payload).ok()? });
        match head.kind {
            0 => Some(Request::Skip(payload)),
            1 => Some(Request::Reset),
            2 => Some(Request::Instantiate { slot, image: payload }),
            3 => Some(Request::Register { slot, name: from_utf8(payload).ok()? }),
            4 => {
                let (name, args) = payload.split_at_checked(head.b as usize)?;
                Some(Request::Invoke { slot, name: from_utf8(name).ok()?, args: Values::check(args)? })
            }
            5 => inspect(Inspect::Global),
            6 => inspect(Inspect::TableLen),
            7 => inspect(Inspect::MemorySum),
            8 => inspect(Inspect::Memory),
            9 => Some(Request::FloatControl { odd: head.a != 0 }),
            _ => None,
        }
    }
}

/// What a runner answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reply<'a> {
    /// It went well.
    Values(Values<'a>),
    /// The guest trapped.
    Trap(TrapCode),
    /// It threw an exception with these values that nothing caught.
    Exception(Values<'a>),
    /// Imports are missing or of another type: these.
    Link(&'a str),
    /// Something else went wrong: this.
    Failed(&'a str),
    /// The machine is too small for it: this is used up.
    Full(&'a str),
    /// It went well.
    Bytes(&'a [u8]),
}

impl<'a> Reply<'a> {
    /// Hands its bytes to `put`, piece by piece.
    pub fn write(&self, put: &mut dyn FnMut(&[u8])) {
        match *self {
            Reply::Values(values) => {
                Head { len: (values.len() * VALUE_LEN) as u32, kind: 0, a: 0, b: 0 }.write(put);
                values.write(put);
            }
            Reply::Trap(code) => write(1, code as u32, &[], put),
            Reply::Exception(values) => {
                Head { len: (values.len() * VALUE_LEN) as u32, kind: 5, a: 0, b: 0 }.write(put);
                values.write(put);
            }
            Reply::Link(text) => write(2, 0, text.as_bytes(), put),
            Reply::Failed(text) => write(3, 0, text.as_bytes(), put),
            Reply::Bytes(bytes) => write(4, 0, bytes, put),
            Reply::Full(text) => write(6, 0, text.as_bytes(), put),
        }
    }

    /// The reply that a head and its payload are; `None` if they are none.
    pub fn read(head: Head, payload: &'a [u8]) -> Option<Reply<'a>> {
        match head.kind {
            0 => Some(Reply::Values(Values::check(payload)?)),
            1 => Some(Reply::Trap(TrapCode::from_number(head.a)?)),
            2 => Some(Reply::Link(from_utf8(payload).ok()?)),
            3 => Some(Reply::Failed(from_utf8(payload).ok()?)),
            4 => Some(Reply::Bytes(payload)),
            5 => Some(Reply::Exception(Values::check(payload)?)),
            6 => Some(Reply::Full(from_utf8(payload).ok()?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::{Any, Value};
    use std::vec::Vec;

    fn bytes(write: impl Fn(&mut dyn FnMut(&[u8]))) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut |piece| bytes.extend_from_slice(piece));
        bytes
    }

    const VALUES: [Value; 15] = [
        Value::I32(u32::MAX),
        Value::I64(1 << 63),
        Value::F32(0x7FA0_0001),
        Value::F64(0xFFF0_0000_0000_0001),
        Value::V128(0x0123_4567_89AB_CDEF_0011_2233_4455_6677),
        Value::FuncRef(false),
        Value::FuncRef(true),
        Value::ExternRef(0),
        Value::ExternRef(7),
        Value::ExnRef(false),
        Value::ExnRef(true),
        Value::AnyRef(Any::Null),
        Value::AnyRef(Any::I31(0x7FFF_FFFF)),
        Value::AnyRef(Any::Array),
        Value::AnyRef(Any::Host(u64::MAX)),
    ];

    #[test]
    fn requests_arrive_as_they_were_sent() {
        let name = "naïve";
        for request in [
            Request::Skip(&[1, 2, 3]),
            Request::Reset,
            Request::Instantiate { slot: 3, image: &[0; 100] },
            Request::Register { slot: 4, name },
            Request::Invoke { slot: 5, name, args: Values::List(&VALUES) },
            Request::Invoke { slot: 5, name: "", args: Values::List(&[]) },
            Request::Inspect { what: Inspect::Global, slot: 6, name },
            Request::Inspect { what: Inspect::TableLen, slot: 6, name },
            Request::Inspect { what: Inspect::MemorySum, slot: 6, name },
            Request::Inspect { what: Inspect::Memory, slot: 6, name },
            Request::FloatControl { odd: true },
        ] {
            let bytes = bytes(|put| request.write(put));
            let (head, payload) = bytes.split_first_chunk().unwrap();
            let head = Head::read(head);
            assert_eq!(head.len as usize, payload.len());
            assert_eq!(Request::read(head, payload), Some(request));
        }
    }

    #[test]
    fn replies_arrive_as_they_were_sent() {
        for reply in [
            Reply::Values(Values::List(&VALUES)),
            Reply::Trap(TrapCode::StackOverflow),
            Reply::Exception(Values::List(&VALUES)),
            Reply::Link("an import"),
            Reply::Failed("a reason"),
            Reply::Full("a reason"),
            Reply::Bytes(&[1, 2, 3]),
        ] {
            let bytes = bytes(|put| reply.write(put));
            let (head, payload) = bytes.split_first_chunk().unwrap();
            let head = Head::read(head);
            assert_eq!(head.len as usize, payload.len());
            assert_eq!(Reply::read(head, payload), Some(reply));
        }
    }

    #[test]
    fn what_is_no_message_is_told_apart() {
        let head = |kind, b| Head { len: 0, kind, a: 99, b };
        assert_eq!(Request::read(head(10, 0), &[]), None);
        assert_eq!(Request::read(head(3, 0), &[0xFF]), None);
        assert_eq!(Request::read(head(4, 2), b"f"), None);
        assert_eq!(Request::read(head(4, 1), &[b'f', 0]), None);
        assert_eq!(Request::read(head(4, 0), &[0; VALUE_LEN]), None);
        assert_eq!(Reply::read(head(7, 0), &[]), None);
        assert_eq!(Reply::read(head(1, 0), &[]), None);
    }
}
