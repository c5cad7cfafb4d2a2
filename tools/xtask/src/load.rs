//! What loading, calling and starting cost: images of growing size for the table that `runtime-min/examples/load.rs` prints, and
//! one with a function a signature for that of `calls.rs`.

use crate::shell::{CommandExt, cargo, target_dir};
use crate::{setup, start};
use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Functions in each image; a function is about 270 bytes of code.
const FUNCTIONS: [usize; 4] = [100, 1000, 3500, 14_000];

/// Bytes of initial memory contents in the last image.
const CONTENTS_LEN: usize = 8 << 20;

/// A module that has a little of everything.
const SMALL: &str = "(module
    (memory (export \"memory\") 1) (data (i32.const 1024) \"wasm\")
    (table 4 funcref) (elem (i32.const 0) $read)
    (global (mut i32) (i32.const 7))
    (func $read (export \"read\") (result i32) (i32.load (i32.const 1024))))";

/// What `runtime-min/examples/calls.rs` asks for.
const SIGNATURES: [&str; 12] = [
    "->",
    "i32->i32",
    "i32,i32->i32",
    "i64,i64->i64",
    "f32->f32",
    "f64,f64->f64",
    "v128->v128",
    "externref->externref",
    "funcref->funcref",
    "i32->i32,i64",
    "i32,f64,i64->f64",
    "i64,i64,i64,i64,i64,i64,i64,i64->i64",
];

/// Compiles the images and measures.
pub fn load() -> Result<()> {
    setup::setup()?;
    cargo(&["build", "--release", "--package", "wasmc"]).status_ok()?;
    let work = target_dir().join("load");
    fs::create_dir_all(&work).with_context(|| format!("could not create {}", work.display()))?;
    let modules = FUNCTIONS.map(|count| (format!("{count}-functions"), functions(count)));
    let modules = modules.into_iter().chain([("8-MiB-contents".to_string(), contents())]);
    // Without inlining each function stays what it is.
    let images = modules.map(|(name, text)| compile(&work, &name, &text, &["-O0"])).collect::<Result<Vec<_>>>()?;
    let small = compile(&work, "small", SMALL, &[])?;
    let small_checked = compile(&work, "small-checked", SMALL, &["--memory=checked"])?;
    example("load").args([small, small_checked]).args(images).status_ok()?;
    example("calls").arg(compile(&work, "calls", &calls(), &[])?).status_ok()?;
    start::start(&work)
}

/// Compiles the text of a module. Where the image is.
fn compile(work: &Path, name: &str, text: &str, options: &[&str]) -> Result<PathBuf> {
    let (wat, aot) = (work.join(format!("{name}.wat")), work.join(format!("{name}.aot")));
    fs::write(&wat, text)?;
    let mut wasmc = Command::new(target_dir().join("release/wasmc"));
    wasmc.arg("compile").args(options).arg(&wat).arg("-o").arg(&aot).status_ok()?;
    Ok(aot)
}

/// The command that runs an example of the runtime; what follows are its arguments.
fn example(name: &str) -> Command {
    let package = ["--package", "wasmc-runtime", "--no-default-features", "--features", "std"];
    let mut command = cargo(&["run", "--release"]);
    command.args(package).args(["--example", name, "--"]);
    command
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

/// A module that exports and imports a function of each signature, and exports one that calls the imported one as often
/// as it is told.
fn calls() -> String {
    let mut text = String::from("(module\n");
    let types = |list: &str| list.replace(',', " ");
    let value = |ty: &str| match ty {
        "externref" => "(ref.null extern)".into(),
        "funcref" => "(ref.null func)".into(),
        "v128" => "(v128.const i64x2 1 1)".into(),
        number => format!("({number}.const 1)"),
    };
    let values = |list: &str| list.split(',').filter(|ty| !ty.is_empty()).map(value).collect::<String>();
    let signatures = SIGNATURES.map(|name| (name, name.split_once("->").expect("a signature has an arrow")));
    for (name, (params, results)) in signatures {
        let (params, results) = (types(params), types(results));
        let _ = writeln!(text, "(import \"host\" \"{name}\" (func $\"{name}\" (param {params}) (result {results})))");
    }
    for (name, (params, results)) in signatures {
        let drops = "(drop)".repeat(results.split(',').filter(|ty| !ty.is_empty()).count());
        let _ = writeln!(
            text,
            "(func (export \"{name}\") (param {}) (result {}) {})\n\
             (func (export \"calls {name}\") (param $count i32) (loop (call $\"{name}\" {}) {drops} \
             (br_if 0 (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))",
            types(params),
            types(results),
            values(results),
            values(params),
        );
    }
    text + ")"
}

/// A module whose memory starts with contents.
fn contents() -> String {
    format!(
        "(module (memory 256) (data (i32.const 4096) \"{}\") (func (export \"run\")))",
        "wasm".repeat(CONTENTS_LEN / 4)
    )
}
