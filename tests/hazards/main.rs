//! Where a lowering to LLVM goes wrong easily: each test is one such place, in each of the selected configurations
//! (`tests/src/config.rs`).

mod atomics;
mod calls;
mod control;
mod exceptions;
mod float_environment;
mod loops;
mod matrix;
mod memory;
mod merge;
mod objects;
mod order;
mod pointers;
mod products;
mod references;
mod sums;
mod tables;
mod tail_calls;
mod vectors;
mod wide;

use wasmc_abi::TrapCode;
use wasmc_tests::{Config, Engine, Outcome, Value};

/// Runs `claim` on an instance of `text` in each configuration.
fn everywhere(text: &str, claim: impl FnMut(&mut Engine, Config)) {
    wherever(&wat::parse_str(text).expect("the test's module is well formed"), claim, Config::selected());
}

/// The same where pointers have 64 bits, as memories with such addresses need.
fn everywhere_wide(text: &str, claim: impl FnMut(&mut Engine, Config)) {
    let is_wide = |config: &Config| config.platform.compile_target().row.pointer_bits == 64;
    let wasm = wat::parse_str(text).expect("the test's module is well formed");
    wherever(&wasm, claim, Config::selected().into_iter().filter(is_wide));
}

/// The same for a module in the binary format, in these configurations.
fn wherever(wasm: &[u8], mut claim: impl FnMut(&mut Engine, Config), configs: impl IntoIterator<Item = Config>) {
    for config in configs {
        let mut engine = Engine::new(wasm, config).unwrap_or_else(|stop| panic!("{config}: {stop}"));
        claim(&mut engine, config);
    }
}

/// The outcome of a call that returned `values`.
fn values(values: impl IntoIterator<Item = Value>) -> Outcome {
    Outcome::Values(values.into_iter().collect())
}

/// The outcome of a call that returned one `i32`.
fn i32(value: u32) -> Outcome {
    values([Value::I32(value)])
}

/// The outcome of a call that trapped.
fn trap(code: TrapCode) -> Outcome {
    Outcome::Trap(code)
}

/// The address (or any other number) as an argument.
fn args<const N: usize>(numbers: [u32; N]) -> [Value; N] {
    numbers.map(Value::I32)
}
