//! Wasmtime with its default settings: Cranelift for speed, this host's CPU, guard pages, one thread.

use anyhow::Result;
use wasmtime::{Config, Instance, Module, OptLevel, Store};

use super::{Engine, Program};
use crate::kernels::Kernel;

/// The version that Cargo.toml pins; the crate does not tell.
const VERSION: &str = "48.0.8";

/// One engine for all kernels, as an embedder would have it.
pub struct Wasmtime {
    engine: wasmtime::Engine,
}

impl Wasmtime {
    /// Fails where Wasmtime cannot use this host.
    pub fn new() -> Result<Self> {
        let mut config = Config::new();
        // Both are defaults; said here because the table would mean something else without them.
        config.cranelift_opt_level(OptLevel::Speed).signals_based_traps(true);
        Ok(Self { engine: wasmtime::Engine::new(&config)? })
    }
}

impl Engine for Wasmtime {
    fn name(&self) -> &str {
        "wasmtime"
    }

    fn description(&self) -> String {
        format!("Wasmtime {VERSION}, Cranelift, OptLevel::Speed, host CPU, guard pages, one thread")
    }

    fn compile(&self, _kernel: &Kernel, wasm: &[u8]) -> Result<Vec<u8>> {
        Ok(self.engine.precompile_module(wasm)?)
    }

    fn load(&self, _kernel: &Kernel, artifact: &[u8]) -> Result<Program> {
        // SAFETY: the bytes come from `compile` above, of the same engine.
        let module = unsafe { Module::deserialize(&self.engine, artifact) }?;
        let mut store = Store::new(&self.engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let run = instance.get_typed_func::<u32, u32>(&mut store, "run")?;
        Ok(Box::new(move |n| Ok(run.call(&mut store, n)?)))
    }
}
