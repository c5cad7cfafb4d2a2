//! How large the code of an image is beside clang's own, from the same C source: the benchmark's kernels, both
//! sides at `-Os`.
//!
//! What is counted: the code of the kernel's own functions, as the code generator emits it. Not of trampolines, trap
//! stubs, routines for soft float, misaligned accesses and the like on our side, of the same routines and libc on clang's; no constants
//! that stand in sections of their own.

use crate::setup;
use crate::shell::{CommandExt, cargo, root, target_dir};
use anyhow::{Context, Result, bail};
use object::{File, Object, ObjectSection, SectionKind};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A target of `wasmc`, and clang's flags for the same machine.
pub struct Pair {
    /// The target's name.
    pub target: &'static str,
    /// The flags.
    pub clang: &'static [&'static str],
}

/// Every target whose code is compared with clang's.
pub const PAIRS: &[Pair] = &[
    Pair { target: "x86_64-linux", clang: &["--target=x86_64-linux-gnu", "-march=x86-64-v2"] },
    Pair { target: "aarch64-linux", clang: &["--target=aarch64-linux-gnu"] },
    Pair { target: "armv7-linux", clang: &["--target=armv7-linux-gnueabihf", "-march=armv7-a", "-mfpu=vfpv3-d16"] },
    Pair {
        target: "thumbv7-linux",
        clang: &["--target=armv7-linux-gnueabihf", "-march=armv7-a", "-mfpu=vfpv3-d16", "-mthumb"],
    },
    Pair { target: "riscv64-linux", clang: &["--target=riscv64-linux-gnu"] },
    Pair { target: "thumbv7em-none", clang: &["--target=thumbv7em-none-eabi", "-mcpu=cortex-m4", "-mfloat-abi=soft"] },
    Pair {
        target: "riscv32imac-none",
        clang: &["--target=riscv32-unknown-none-elf", "-march=rv32imac", "-mabi=ilp32"],
    },
];

/// As in the benchmark, where each is explained; `-nostdlibinc` because a kernel needs clang's own headers only.
const CLANG_FLAGS: &[&str] = &["-Os", "-ffp-contract=off", "-fno-math-errno", "-nostdlibinc"];

const WASM_FLAGS: &[&str] = &["--target=wasm32", "-nostdlib", "-Wl,--no-entry"];

/// Sections of our objects that are not the guest's code, by the start of their names.
const OURS_ALONE: [&str; 4] = [".text.entry", ".text.thunk", ".text.trap", ".text.misaligned_"];

/// Code of a kernel, bytes.
struct Sizes {
    kernel: String,
    wasmc: u64,
    clang: u64,
}

/// Prints the totals of every target, or the table of each of those named.
pub fn code_size(names: &[&str]) -> Result<()> {
    setup::setup()?;
    let unknown = names.iter().find(|name| !PAIRS.iter().any(|pair| pair.target == **name));
    if let Some(name) = unknown {
        let known: Vec<_> = PAIRS.iter().map(|pair| pair.target).collect();
        bail!("code size of `{name}` is not measured; the targets are: {}", known.join(", "));
    }
    cargo(&["build", "--bin", "wasmc"]).status_ok()?;
    let work = target_dir().join("code-size");
    fs::create_dir_all(&work).with_context(|| format!("could not create {}", work.display()))?;
    let modules = kernels()?.iter().map(|source| module(source, CLANG_FLAGS, &work)).collect::<Result<Vec<_>>>()?;
    println!("Code at -Os, bytes: wasmc with --strip, clang-22 from the same C source");
    println!("| target | wasmc | clang | ratio |\n|---|---|---|---|");
    for pair in PAIRS.iter().filter(|pair| names.is_empty() || names.contains(&pair.target)) {
        let sizes = modules.iter().map(|module| sizes(module, pair, &work)).collect::<Result<Vec<_>>>()?;
        if !names.is_empty() {
            sizes.iter().for_each(|s| print_row(&s.kernel, s.wasmc, s.clang));
        }
        let sum = |of: fn(&Sizes) -> u64| sizes.iter().map(of).sum();
        print_row(pair.target, sum(|s| s.wasmc), sum(|s| s.clang));
    }
    Ok(())
}

fn print_row(name: &str, wasmc: u64, clang: u64) {
    println!("| {name} | {wasmc} | {clang} | {:.2} |", wasmc as f64 / clang as f64);
}

/// The C files, by name, but for those written with vectors, which most of the targets do not have.
pub fn kernels() -> Result<Vec<PathBuf>> {
    let dir = root().join("tools/bench/kernels");
    let files = fs::read_dir(&dir).with_context(|| format!("could not read {}", dir.display()))?;
    let mut files = files.map(|file| Ok(file?.path())).collect::<Result<Vec<_>>>()?;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    files.retain(|path| name(path).ends_with(".c") && !name(path).starts_with("vector_"));
    files.sort();
    Ok(files)
}

/// A kernel's source and the Wasm module that was made of it.
pub struct Module {
    /// The C file.
    pub source: PathBuf,
    /// Its name without extension.
    pub kernel: String,
    /// The module.
    pub wasm: PathBuf,
}

/// Compiles a kernel to Wasm, with those flags of clang's beside the target's.
pub fn module(source: &Path, flags: &[&str], work: &Path) -> Result<Module> {
    let kernel = source.file_stem().context("a C file has a name")?.to_string_lossy().into_owned();
    let wasm = work.join(format!("{kernel}.wasm"));
    let mut clang = Command::new("clang-22");
    clang.args(flags).args(WASM_FLAGS).arg(source).arg(routines()?).arg("-o").arg(&wasm).output_ok()?;
    Ok(Module { source: source.to_owned(), kernel, wasm })
}

/// Clang's own library for Wasm.
fn routines() -> Result<String> {
    let path = Command::new("clang-22").args(["--target=wasm32-wasip1", "--print-libgcc-file-name"]).output_ok()?;
    Ok(path.trim_end().to_owned())
}

fn sizes(module: &Module, pair: &Pair, work: &Path) -> Result<Sizes> {
    let object = work.join(format!("{}.{}.o", module.kernel, pair.target));
    let mut wasmc = Command::new(target_dir().join("debug/wasmc"));
    wasmc.args(["compile", "--quiet", "-Os", "--strip", "--emit=object", "--target", pair.target]);
    wasmc.arg(&module.wasm).arg("-o").arg(&object).output_ok()?;
    let ours = code_len(&object)?;
    let mut clang = Command::new("clang-22");
    clang.args(CLANG_FLAGS).args(pair.clang).args(["-ffunction-sections", "-c"]);
    clang.arg(&module.source).arg("-o").arg(&object).output_ok()?;
    Ok(Sizes { kernel: module.kernel.clone(), wasmc: ours, clang: code_len(&object)? })
}

/// Code in an object, bytes, without what is ours alone.
fn code_len(path: &Path) -> Result<u64> {
    let bytes = fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
    let file = File::parse(&*bytes).with_context(|| format!("{} is no object file", path.display()))?;
    let mut len = 0;
    for section in file.sections().filter(|section| section.kind() == SectionKind::Text) {
        let name = section.name()?;
        if !OURS_ALONE.iter().any(|prefix| name.starts_with(prefix)) {
            len += section.size();
        }
    }
    Ok(len)
}
