//! What the tests tell a runner, and what it answers. The tests compile and judge on the host; the runner, on
//! the target itself or under an emulator, has the runtime and nothing else. Without `std` and without
//! allocation: a runner may be a board's firmware that finds its requests in memory.
//!
//! # Messages
//!
//! Both ways there is a stream of messages, each a head and a payload, one right after the other. Integers are
//! little-endian.
//!
//! | offset | bytes | field | meaning |
//! |---|---|---|---|
//! | 0 | 4 | len | length of the payload, bytes |
//! | 4 | 4 | kind | which message it is |
//! | 8 | 4 | a | see below |
//! | 12 | 4 | b | see below |
//! | 16 | len | payload | see below |
//!
//! A runner does what it is asked in order and answers each request but `Skip` with one reply.
//!
//! | kind | request | a | b | payload | answered by |
//! |---|---|---|---|---|---|
//! | 0 | `Skip`: does nothing, so that what follows can be aligned | | | anything | nothing |
//! | 1 | `Reset`: forgets all instances; the host's modules are as at first | | | | `Values`, none |
//! | 2 | `Instantiate` an image, with what is registered as its imports | slot | | the image | `Values`, none |
//! | 3 | `Register` the exports of an instance under a module name | slot | | the name | `Values`, none |
//! | 4 | `Invoke` an exported function | slot | length of the name | the name, the arguments | `Values` |
//! | 5 | `Global`: the value of an exported one | slot | | the name | `Values`, one |
//! | 6 | `TableLen`: count of an exported table's elements | slot | | the name | `Values`, an `i64` |
//! | 7 | `MemorySum`: length and XXH32 of an exported memory | slot | | the name | `Values`, `i64` and `i32` |
//! | 8 | `Memory`: contents of an exported one | slot | | the name | `Bytes` |
//! | 9 | `FloatControl`: makes calls with the host's floating-point control set oddly | 1: oddly, 0: as usual | | | `Values`, none |
//!
//! A **slot** is a number for an instance; the tests count from 0, and from 0 again after a `Reset`.
//!
//! | kind | reply | a | payload |
//! |---|---|---|---|
//! | 0 | `Values`: it went well | | the values |
//! | 1 | `Trap` | the trap's number | |
//! | 2 | `Link`: imports are missing or of another type | | which, as text |
//! | 3 | `Failed`: anything else | | why, as text |
//! | 4 | `Bytes` | | the bytes |
//! | 5 | `Exception`: nothing caught it | | its values |
//! | 6 | `Full`: the machine is too small for it | | what is used up, as text |
//!
//! A value is 20 bytes: its type's number ([`ValType`](wasmc_abi::ValType)), then 16 bytes of bits, the low ones
//! first. Of a reference to a function or an exception, all that is passed on is whether it is null: bits 0 or 1.
//!
//! # The host's modules
//!
//! `spectest`, as the official suite describes it, and `host`, whose functions `f0`, `f1`, `f2`, `f3`, `f5`, `f9`,
//! `f13`, `f16` return what they are given: so many values, of types `i32`, `f64`, `i64`, `f32` by turns.

#![no_std]
#![forbid(unsafe_code)]

mod message;
mod value;

pub use message::{Head, Inspect, Reply, Request};
pub use value::{Any, Value, Values};
