//! A kernel's C file → a Wasm module, or a native shared object. Both by the same clang with the same flags, but for
//! the target; what a flag does to the comparison is said beside it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::kernels::{Group, Kernel};

const SOURCE_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kernels");

const COMMON_FLAGS: &[&str] = &[
    "-O3",
    // Wasm has no fused multiply-add, and checksums are compared to the last bit.
    "-ffp-contract=off",
    // Else every native square root is followed by a test for errno, which Wasm's has not.
    "-fno-math-errno",
];

// No libc and no entry: a module without imports runs on any engine. The features are those that clang 22 takes for
// every Wasm target (bulk memory among them, hence memory.copy); vectors are not, but for the kernels written with them.
const WASM_FLAGS: &[&str] = &["--target=wasm32", "-nostdlib", "-Wl,--no-entry", "-Wl,-z,stack-size=1048576"];

const NATIVE_FLAGS: &[&str] = &["-shared", "-fPIC", "-fvisibility=hidden"];

/// The compiler that builds the kernels.
#[derive(Clone)]
pub struct Clang {
    program: PathBuf,
    /// First line of `--version`.
    pub version: String,
}

impl Clang {
    /// Asks the program for its version, so that a missing one is named before anything is built.
    pub fn find(program: &Path) -> Result<Self> {
        let output = Command::new(program).arg("--version").output().with_context(|| {
            format!("{} cannot be started. On Debian, install clang-22 and lld-22, or give --clang.", program.display())
        })?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.lines().next().unwrap_or("unknown clang").to_owned();
        Ok(Self { program: program.to_owned(), version })
    }

    /// Returns the module's bytes; the file stays in `dir`. Kernels written with vectors always have them.
    pub fn build_wasm(&self, kernel: &Kernel, vectors: bool, dir: &Path) -> Result<Vec<u8>> {
        let vectors: &[&str] = if vectors || kernel.group == Group::Vectors { &["-msimd128"] } else { &[] };
        let flags = [WASM_FLAGS, vectors].concat();
        let to = dir.join(format!("{}.wasm", kernel.name));
        self.build(Command::new(&self.program).args(flags).arg(source(kernel)).arg(self.routines()?), &to)
    }

    /// Returns the bytes of a shared object for that CPU; the file stays in `dir`.
    pub fn build_native(&self, kernel: &Kernel, cpu: &str, dir: &Path) -> Result<Vec<u8>> {
        let to = dir.join(format!("{}.{cpu}.built", kernel.name));
        self.build_shared(cpu, &[], &source(kernel), &to)
    }

    /// Returns the bytes of a shared object for that CPU, from any C file; the file stays at `to`.
    pub fn build_shared(&self, cpu: &str, flags: &[String], source: &Path, to: &Path) -> Result<Vec<u8>> {
        let mut command = Command::new(&self.program);
        self.build(command.args(NATIVE_FLAGS).args(cpu_flags(cpu)).args(flags).arg(source), to)
    }

    /// What clang calls for what Wasm has no instruction for, the 128-bit product say: its own library, as in any program.
    fn routines(&self) -> Result<String> {
        let mut command = Command::new(&self.program);
        let output = command.args(["--target=wasm32-wasip1", "--print-libgcc-file-name"]).output();
        let output = output.with_context(|| format!("{command:?} cannot be started."))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn build(&self, command: &mut Command, to: &Path) -> Result<Vec<u8>> {
        command.args(COMMON_FLAGS).arg("-o").arg(to);
        let output = command.output().with_context(|| format!("{command:?} cannot be started."))?;
        if !output.status.success() {
            bail!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        std::fs::read(to).with_context(|| format!("{} cannot be read.", to.display()))
    }
}

fn source(kernel: &Kernel) -> PathBuf {
    Path::new(SOURCE_DIR).join(kernel.name).with_extension("c")
}

/// What clang is told of the CPU.
///
/// A level such as x86-64-v2 otherwise brings Sandy Bridge's tuning: rotates become `shld`, which halves the speed of
/// SHA-256 on AMD's processors. This machine's own CPU is tuned for itself.
pub fn cpu_flags(cpu: &str) -> [String; 2] {
    let tuning = if cpu == "native" { "native" } else { "generic" };
    [format!("-march={cpu}"), format!("-mtune={tuning}")]
}

/// Where modules and artifacts are written: a directory to keep, or one that goes when the run ends.
pub struct OutputDir {
    path: PathBuf,
    temporary: bool,
}

impl OutputDir {
    /// Creates `keep`, or a directory of this process's own in the system's temporary one.
    pub fn create(keep: Option<&Path>) -> Result<Self> {
        let own = || std::env::temp_dir().join(format!("wasmc-bench-{}", std::process::id()));
        let path = keep.map_or_else(own, Path::to_owned);
        std::fs::create_dir_all(&path).with_context(|| format!("{} cannot be created.", path.display()))?;
        Ok(Self { path, temporary: keep.is_none() })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for OutputDir {
    fn drop(&mut self) {
        if self.temporary {
            // A directory that cannot be removed is no reason to lose the results.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
