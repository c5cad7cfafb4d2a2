//! What the tests share: an image to start from, memory that watches what the loader does, a visitor
//! of everything in an image, and a generator of damaged images. All but the image to start from serve
//! `tests/images` too, on images that the compiler made.

pub mod builder;
pub mod exercise;
pub mod memory;
pub mod mutate;
pub mod seal;

pub use exercise::helpers;

use wasmc_loader::Machine;

/// The machine that [`builder::Sample`] is for, and which every test runs on in thought.
pub fn machine() -> Machine {
    Machine { cpu_features: 0b111, page_len: 4096, ..builder::Sample::MACHINE_64 }
}
