//! Images with machine code written by hand, so that the runtime is not judged by the compiler's
//! understanding of the contract: thunks, trampolines, helpers, segments, traps and their traces.

#[path = "../../../loader/tests/image/support/builder.rs"]
#[allow(dead_code)]
mod builder;
mod guest;
#[path = "../../../loader/tests/image/support/seal.rs"]
#[allow(dead_code)]
mod seal;

mod cases;
/// Once more, with code in the other state.
#[cfg(target_arch = "arm")]
#[path = "cases.rs"]
#[allow(clippy::duplicate_mod)]
mod thumb;
