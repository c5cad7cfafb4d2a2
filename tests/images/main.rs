//! Images that the compiler made, as bytes: damaged in every way the loader must withstand, for machines
//! that they do not fit, and the same whatever does not matter.

mod damaged;
mod deterministic;
mod incremental;
mod mismatched;

#[path = "../../loader/tests/image/support"]
mod support {
    pub mod exercise;
    pub mod memory;
    pub mod mutate;
    pub mod seal;
}

use wasmc::{OptLevel, Options};
use wasmc_abi::target::{Arch, FloatAbi, IsaState, MemoryModel};
use wasmc_loader::Machine;

/// The module that most of the tests compile.
const REAL: &str = include_str!("real.wat");

/// A machine with nothing beyond what the default image is for.
const MACHINE: Machine = Machine {
    arch: Arch::X86_64,
    isa_states: &[IsaState::Default],
    float_abi: FloatAbi::Hard,
    pointer_bits: 64,
    // The first seven are those of x86-64-v2 (`a_missing_cpu_feature_is_named`).
    cpu_features: 0x7F,
    page_len: 4096,
    memory_models: &[MemoryModel::Guard, MemoryModel::Checked],
};

/// An image as users get it.
fn real_image() -> Vec<u8> {
    real_image_with(Options { level: OptLevel::O2, ..Options::default() })
}

fn real_image_with(options: Options) -> Vec<u8> {
    wasmc::compile(REAL.as_bytes(), &options).expect("the module is right")
}
