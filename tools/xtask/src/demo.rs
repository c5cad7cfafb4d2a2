//! From C to a running native program, with everything shown: sizes, times, and what a trap looks like.

use crate::setup;
use crate::shell::{CommandExt, cargo, root, target_dir};
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Builds the tools, then compiles and runs `demo/words.c`.
pub fn demo() -> Result<()> {
    setup::setup()?;
    cargo(&["build", "--release", "--package", "wasmc", "--package", "aot-run"]).status_ok()?;
    let tools = target_dir().join("release");
    let here = root().join("tools/xtask/demo");
    let work = target_dir().join("demo");
    fs::create_dir_all(&work).with_context(|| format!("could not create {}", work.display()))?;
    let (source, text) = (here.join("words.c"), here.join("text.txt"));
    let (wasm, aot) = (work.join("words.wasm"), work.join("words.aot"));

    title("C to Wasm");
    Command::new("clang-22")
        .args(["--target=wasm32-wasi", "-Wno-deprecated", "-O2", "-o"])
        .arg(&wasm)
        .arg(&source)
        .status_ok()?;

    title("Wasm to native code");
    Command::new(tools.join("wasmc")).arg("compile").arg(&wasm).arg("-o").arg(&aot).arg("--timings").status_ok()?;

    title("running it, without LLVM");
    let started = Instant::now();
    Command::new(tools.join("aot-run")).arg(&aot).stdin(File::open(&text)?).status_ok()?;
    let run_time = started.elapsed();

    title("an access outside its memory, on purpose");
    let mut wild = Command::new(tools.join("aot-run"));
    wild.arg(&aot).arg("--wild");
    eprintln!("$ {}", wild.shown());
    let status = wild.status()?;
    ensure!(!status.success(), "the access outside the memory was not noticed");
    println!("({status})");

    title("what came out");
    for path in [&source, &wasm, &aot] {
        println!("{:>9} bytes  {}", fs::metadata(path)?.len(), shown(path));
    }
    println!("{:>9} bytes  of which machine code", text_len(&aot)?);
    println!("{:>9.1} ms     to load and run it, process start to exit", run_time.as_secs_f64() * 1e3);
    Ok(())
}

fn title(text: &str) {
    println!("\n== {text}");
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Size of the machine code, as an outside tool sees it.
fn text_len(aot: &Path) -> Result<u64> {
    let headers = Command::new("readelf").args(["--program-headers", "--wide"]).arg(aot).output_ok()?;
    // Columns: type, offset, virtual address, physical address, size in the file, ..., flags.
    let executable = headers.lines().find(|line| line.contains("LOAD") && line.contains("R E"));
    let size =
        executable.and_then(|line| line.split_whitespace().nth(4)).context("readelf shows no executable segment")?;
    Ok(u64::from_str_radix(size.trim_start_matches("0x"), 16)?)
}
