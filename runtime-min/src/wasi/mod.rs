//! WASI: preview 1 (`wasi_snapshot_preview1`) and the older snapshot 0 (`wasi_unstable`).
//!
//! In: a guest's call and its memory. Out: an errno for the guest, results in its memory, or [`WasiExit`]. A guest can
//! reach what [`WasiCtx`] was given and nothing else (threat model, P5). This module knows nothing of the rest of the
//! runtime; `table.rs` is what a linker is filled from. It contains no unsafe code.

#![forbid(unsafe_code)]

mod args;
mod clock;
mod context;
mod descriptor;
mod environ;
mod errno;
mod fd;
mod limits;
mod memory;
mod path;
mod poll;
mod proc;
mod random;
mod readdir;
mod sock;
mod stdio;
mod table;
mod transfer;
pub mod types;

pub use context::WasiCtx;
pub use errno::Errno;
pub use limits::Limits;
pub use memory::GuestMemory;
pub(crate) use poll::needs_descriptors as poll_needs_descriptors;
pub use proc::WasiExit;
pub use stdio::{OutputBuffer, Stdio};
pub use table::entry;
pub(crate) use table::for_each_wasi_function;
pub use types::Snapshot;

pub use crate::wasi_linker::add_to_linker;

#[cfg(test)]
mod tests;
