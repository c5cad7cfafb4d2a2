//! wasmc, one engine for each memory model.

use anyhow::{Context, Result};
use wasmc::{MemoryModel, OptLevel, Target};
use wasmc_runtime::{Linker, Module, Store};

use super::{Engine, Program};
use crate::kernels::Kernel;
use crate::options::Options;

/// The compiler with its options, the runtime with none.
pub struct Wasmc {
    name: &'static str,
    options: wasmc::Options,
}

impl Wasmc {
    /// Fails where the command line names a CPU or a level that wasmc does not have.
    pub fn new(name: &'static str, memory: MemoryModel, options: &Options) -> Result<Self> {
        let level = format!("O{}", options.optimize);
        let level = OptLevel::ALL.into_iter().find(|known| known.name() == level);
        let level = level.with_context(|| format!("wasmc has no optimisation level \"{}\".", options.optimize))?;
        let target = Target::new("x86_64-linux", Some(&options.cpu), &[])?;
        // One thread, as Wasmtime has here: the table compares work, not processors.
        let threads = std::num::NonZeroUsize::MIN;
        Ok(Self { name, options: wasmc::Options { target, memory, level, threads, ..Default::default() } })
    }
}

impl Engine for Wasmc {
    fn name(&self) -> &str {
        self.name
    }

    fn description(&self) -> String {
        let options = &self.options;
        let (level, cpu, memory) = (options.level.name(), &options.target.cpu, options.memory);
        format!("wasmc {}, -{level} --cpu={cpu}, memory model {memory:?}, one thread", env!("CARGO_PKG_VERSION"))
    }

    fn compile(&self, _kernel: &Kernel, wasm: &[u8]) -> Result<Vec<u8>> {
        Ok(wasmc::compile(wasm, &self.options)?)
    }

    fn load(&self, _kernel: &Kernel, artifact: &[u8]) -> Result<Program> {
        // SAFETY: the bytes come from `compile` above.
        let module = unsafe { Module::load_unsigned(artifact) }?;
        let mut store = Store::new(());
        let instance = Linker::new().instantiate(&mut store, &module)?;
        let run = instance.get_typed_func::<(i32,), i32>(&store, "run")?;
        Ok(Box::new(move |n| Ok(run.call(&mut store, (n.cast_signed(),))?.cast_unsigned())))
    }
}
