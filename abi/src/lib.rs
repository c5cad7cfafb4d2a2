//! What an `.aot` file and a running instance look like: the contract between the compiler and
//! everything that runs its output. Plain data and constants only; nothing here walks an image,
//! places code or allocates. Every fact stands once, most of them as rows of a table, and both
//! sides (and the pages in `docs/`) are derived from it.

#![no_std]
#![forbid(unsafe_code)]

pub mod builtins;
pub mod checksum;
pub mod fixup;
pub mod frame;
pub mod image;
pub mod object;
pub mod profile;
pub mod ram;
mod record;
pub mod signature;
pub mod sites;
pub mod target;
pub mod trap;
pub mod types;
pub mod vmctx;

pub use builtins::Builtin;
pub use frame::Frame;
pub use record::Field;
pub use trap::TrapCode;
pub use types::{FieldType, HeapType, RefType, StorageType, ValType};

/// Version of the file format: the header, the directory and the records.
pub const FORMAT_VERSION: u32 = 1;

/// Version of what compiled code expects of the running instance: the vmctx layout, the builtins
/// and their numbers, the calling convention of trampolines and thunks.
pub const ABI_VERSION: u32 = 1;
