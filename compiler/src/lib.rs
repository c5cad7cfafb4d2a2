//! `wasmc`: WebAssembly to native code ahead of time. [`compile`] is the whole pipeline.

pub mod emit;
pub mod error;
pub mod options;
pub mod parse;
pub mod target;
pub mod translate;

pub use error::CompileError;
pub use options::{Emit, MemoryModel, OptLevel, Options};
pub use target::Target;

/// Compiles a Wasm module (binary, or text) to an `.aot` image.
pub fn compile(_wasm: &[u8], _options: &Options) -> Result<Vec<u8>, CompileError> {
    Err(CompileError::Options("the pipeline is being built".into()))
}
