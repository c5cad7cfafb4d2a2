//! What loading costs: images of growing size, then the table that `runtime-min/examples/load.rs` prints.

use crate::setup;
use crate::shell::{CommandExt, cargo, target_dir};
use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;
use std::process::Command;

/// Functions in each image; a function is about 270 bytes of code.
const FUNCTIONS: [usize; 4] = [100, 1000, 3500, 14_000];

/// Bytes of initial memory contents in the last image.
const CONTENTS_LEN: usize = 8 << 20;

/// Compiles the images and measures.
pub fn load() -> Result<()> {
    setup::setup()?;
    cargo(&["build", "--release", "--package", "wasmc"]).status_ok()?;
    let work = target_dir().join("load");
    fs::create_dir_all(&work).with_context(|| format!("could not create {}", work.display()))?;
    let modules = FUNCTIONS.map(|count| (format!("{count}-functions"), functions(count)));
    let modules = modules.into_iter().chain([("8-MiB-contents".to_string(), contents())]);
    let mut example = cargo(&[
        "run",
        "--release",
        "--package",
        "wasmc-runtime",
        "--no-default-features",
        "--features",
        "std",
        "--example",
        "load",
        "--",
    ]);
    for (name, text) in modules {
        let (wat, aot) = (work.join(format!("{name}.wat")), work.join(format!("{name}.aot")));
        fs::write(&wat, text)?;
        // Without inlining each function stays what it is.
        Command::new(target_dir().join("release/wasmc"))
            .args(["compile", "-O0"])
            .arg(&wat)
            .arg("-o")
            .arg(&aot)
            .status_ok()?;
        example.arg(aot);
    }
    example.status_ok()
}

/// A module of `count` functions and 16 MiB of memory.
fn functions(count: usize) -> String {
    let mut text = String::from("(module (memory 256) (func $f0 (param i32) (result i32) (local.get 0))\n");
    for index in 1..count {
        let call = format!("(call $f{} (i32.load offset={index} (local.get 0)))", index - 1);
        let _ = writeln!(
            text,
            "(func $f{index} (param i32) (result i32) (i32.store offset={index} (local.get 0) {call}) \
             (i32.div_u {call} (local.get 0)))"
        );
    }
    text + "(export \"run\" (func 1)))"
}

/// A module whose memory starts with contents.
fn contents() -> String {
    format!(
        "(module (memory 256) (data (i32.const 4096) \"{}\") (func (export \"run\")))",
        "wasm".repeat(CONTENTS_LEN / 4)
    )
}
