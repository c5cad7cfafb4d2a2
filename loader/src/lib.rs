//! `.aot` bytes → callable code, in two steps that a caller can keep apart:
//!
//! ```text
//! bytes ─parse→ Image<'a> ─load→ LoadedCode<M> → Code<'_>
//!                         ─load_in_place, load_copied→ Code<'a>
//! ```
//!
//! [`parse`] decides whether the bytes are a sound image that this [`Machine`] can run; it copies
//! and allocates nothing. [`load`] places the image into a [`CodeMemory`], fills its pointers and
//! seals it. Firmware needs no such trait: its images have no pointers to fill, so
//! [`load_in_place`] takes one where it lies, in flash say, and [`load_copied`] copies it to a
//! buffer. An [`Image`] is validated bytes, a [`Code`] can be called; neither can be made in another way. Not done here: Wasm semantics, memory and files of an OS, machine relocations.

#![no_std]
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

#[allow(unsafe_code)]
mod cache;
#[allow(unsafe_code)]
pub mod call;
mod check;
mod code_memory;
#[allow(unsafe_code)]
mod cpu;
mod elf;
mod error;
mod fixup;
mod image;
pub mod limits;
mod loaded;
mod machine;
mod place;
mod records;

pub use check::{Verify, parse};
pub use code_memory::{Access, CodeMemory, MemoryFailure, Placement, Segment};
pub use error::{DirectoryFault, Fault, HeaderFault, LoadError, MemoryStep, SegmentFault};
pub use image::Image;
pub use loaded::{Code, LoadedCode};
pub use machine::Machine;
pub use records::Records;

use wasmc_abi::Builtin;

/// Makes a checked image callable: place, fix up, seal.
///
/// `helpers[k]` is the address of the helper with number `k`. On failure `memory` is dropped, which
/// gives back what it had reserved.
///
/// # Safety
/// The image's machine code will run with the rights of this process. The caller trusts its origin,
/// has parsed it for the machine that this is, and hands over helpers that have the signatures of
/// [`wasmc_abi::for_each_builtin!`] and stay callable as long as the code is.
#[allow(unsafe_code, reason = "states what the caller promises; nothing in here is unsafe")]
pub unsafe fn load<M: CodeMemory>(
    image: &Image<'_>,
    mut memory: M,
    helpers: &[usize; Builtin::COUNT],
) -> Result<LoadedCode<M>, LoadError> {
    let placed = place::place(image, &mut memory)?;
    fixup::fix_up(image, placed.base, helpers, &mut memory)?;
    place::seal(image, &placed, &mut memory)?;
    Ok(LoadedCode::new(image, placed.base, memory))
}

/// Makes a checked image callable where its bytes are, which have to be executable there. Only images
/// without pointers to fill can do that: those for targets without an OS.
///
/// # Safety
/// As [`load`], with the helpers that the runtime names in the instance's block.
#[allow(unsafe_code, reason = "states what the caller promises; nothing in here is unsafe")]
pub unsafe fn load_in_place<'a>(image: Image<'a>) -> Result<Code<'a>, LoadError> {
    Code::in_place(image)
}

/// Makes a checked image callable in `buffer`, aligned to the header's `page_len` and at least as long
/// as its `image_len`; otherwise as [`load_in_place`]. The bytes that were parsed may go.
///
/// # Safety
/// As [`load_in_place`].
#[allow(unsafe_code, reason = "states what the caller promises; nothing in here is unsafe")]
pub unsafe fn load_copied<'a>(image: &Image<'_>, buffer: &'a mut [u8]) -> Result<Code<'a>, LoadError> {
    Code::copied(image, buffer)
}
