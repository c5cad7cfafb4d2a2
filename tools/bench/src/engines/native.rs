//! Native code: clang's shared object, loaded into this process.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use libloading::Library;

use super::{Engine, Program};
use crate::clang::{Clang, cpu_flags};
use crate::kernels::Kernel;

/// clang for one CPU.
pub struct Native {
    name: &'static str,
    cpu: String,
    clang: Clang,
    dir: PathBuf,
}

impl Native {
    /// `dir` takes the shared objects.
    pub fn new(name: &'static str, cpu: &str, clang: &Clang, dir: &Path) -> Self {
        Self { name, cpu: cpu.to_owned(), clang: clang.clone(), dir: dir.to_owned() }
    }
}

impl Engine for Native {
    fn name(&self) -> &str {
        self.name
    }

    fn description(&self) -> String {
        let flags = cpu_flags(&self.cpu).join(" ");
        format!("{}, -O3 {flags}; compile time is the whole process's, C to shared object", self.clang.version)
    }

    fn compile(&self, kernel: &Kernel, _wasm: &[u8]) -> Result<Vec<u8>> {
        self.clang.build_native(kernel, &self.cpu, &self.dir)
    }

    fn load(&self, kernel: &Kernel, artifact: &[u8]) -> Result<Program> {
        load_shared(&self.dir, kernel, self.name, artifact)
    }
}

/// Maps a shared object that exports `run`, as `kernels/kernel.h` declares it, and that was built by `engine`.
pub fn load_shared(dir: &Path, kernel: &Kernel, engine: &str, artifact: &[u8]) -> Result<Program> {
    // A file of its own: the one that clang wrote may be written again, and this one will be mapped.
    let path = dir.join(format!("{}.{engine}.so", kernel.name));
    std::fs::write(&path, artifact).with_context(|| format!("{} cannot be written.", path.display()))?;
    // SAFETY: the library was just built from our own kernel, which has no constructors.
    let library = unsafe { Library::new(&path) }?;
    // SAFETY: kernels/kernel.h declares `run` with this type.
    let run = *unsafe { library.get::<unsafe extern "C" fn(u32) -> u32>(b"run\0") }?;
    Ok(Box::new(move |n| {
        let _mapped = &library;
        // SAFETY: the closure owns the library that `run` lies in; a kernel keeps its statics to itself, and
        // only this thread calls it.
        Ok(unsafe { run(n) })
    }))
}
