//! What the tests share: an image to start from, memory that watches what the loader does, a visitor
//! of everything in an image, and a generator of damaged images.

pub mod builder;
pub mod exercise;
pub mod memory;
pub mod mutate;

use wasmc_abi::Builtin;
use wasmc_loader::Machine;

/// The machine that [`builder::Sample`] is for, and which every test runs on in thought.
pub fn machine() -> Machine {
    Machine { cpu_features: 0b111, page_len: 4096, ..builder::Sample::MACHINE_64 }
}

/// Recognisable addresses of helpers.
pub fn helpers() -> [usize; Builtin::COUNT] {
    core::array::from_fn(|k| 0x1000_0000 + 0x100 * k)
}
