//! What runs a kernel: compile to an artifact, load the artifact, call `run`.
//!
//! A new engine is one file here and one line in `all`.

mod native;
mod wasm2c;
mod wasmc;
mod wasmtime;

use std::path::Path;

use ::wasmc::MemoryModel;
use anyhow::{Result, bail};

use crate::clang::Clang;
use crate::kernels::Kernel;
use crate::options::Options;

/// A kernel ready to be called: `n` to checksum.
pub type Program = Box<dyn FnMut(u32) -> Result<u32>>;

/// Compiles a kernel and runs what came out. Both steps are apart, because only the first is timed as compilation.
pub trait Engine {
    /// Heading of the engine's columns, and its name on the command line.
    fn name(&self) -> &str;

    /// Whether it can run a kernel; its cells are empty where it cannot.
    fn takes(&self, _kernel: &Kernel) -> bool {
        true
    }

    /// Version and settings, for the head of the table.
    fn description(&self) -> String;

    /// From the C file (native) or the module's bytes (all others) to an ELF image.
    fn compile(&self, kernel: &Kernel, wasm: &[u8]) -> Result<Vec<u8>>;

    /// From the image to a fresh instance.
    fn load(&self, kernel: &Kernel, artifact: &[u8]) -> Result<Program>;
}

/// Name of the engine that all others are compared with.
pub const REFERENCE: &str = "native";

/// The reference first, then those asked for in the order of the table.
pub fn select(options: &Options, clang: &Clang, dir: &Path) -> Result<Vec<Box<dyn Engine>>> {
    let mut engines = all(options, clang, dir)?;
    for name in &options.engines {
        if !engines.iter().any(|engine| engine.name() == name) {
            let names: Vec<_> = engines.iter().map(|engine| engine.name()).collect();
            bail!("There is no engine \"{name}\". The engines are {}.", names.join(", "));
        }
    }
    let wanted = |name: &str| {
        name == REFERENCE || options.engines.is_empty() || options.engines.iter().any(|wanted| wanted == name)
    };
    engines.retain(|engine| wanted(engine.name()));
    Ok(engines)
}

fn all(options: &Options, clang: &Clang, dir: &Path) -> Result<Vec<Box<dyn Engine>>> {
    Ok(vec![
        Box::new(native::Native::new(REFERENCE, &options.cpu, clang, dir)),
        Box::new(native::Native::new("baseline", "x86-64", clang, dir)),
        Box::new(wasmc::Wasmc::new("guard", MemoryModel::Guard, options)?),
        Box::new(wasmc::Wasmc::new("checked", MemoryModel::Checked, options)?),
        Box::new(wasmtime::Wasmtime::new()?),
        Box::new(wasm2c::Wasm2c::new(options, clang, dir)),
    ])
}
