//! Modules that no one here wrote do what they do under other engines: commands through `wasmc run` at -O1, and in both
//! memory models through `wasmc compile` at -O2 plus `aot-run`; libraries through the Rust API.
//!
//! `cargo xtask fetch` brings them; `WASMC_CORPUS_DIR` says where they are, by default `target/corpus`.
//! `WASMC_CORPUS=small` or `whole` says which of them must be there; without it, small ones that are
//! there take part and absent ones are skipped with a message.

mod built;
mod cases;
mod commands;
mod library;
mod refused;

use std::path::PathBuf;
use wasmc::{MemoryModel, Options};
use wasmc_runtime::{Error, Module};
use wasmc_tests::manifest::Manifest;

const MODELS: [MemoryModel; 2] = [MemoryModel::Guard, MemoryModel::Checked];

/// Where the corpus is.
fn corpus_dir() -> PathBuf {
    match std::env::var_os("WASMC_CORPUS_DIR") {
        Some(dir) => dir.into(),
        None => {
            let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(target).join("corpus")
        }
    }
}

/// Path of a module; `None`, and a message, if it takes no part in this run.
fn module_path(id: &str) -> Option<PathBuf> {
    let scope = std::env::var("WASMC_CORPUS").unwrap_or_default();
    let manifest = Manifest::load();
    let module = manifest.modules.iter().find(|module| module.id == id).expect("the manifest has the module");
    let path = corpus_dir().join("modules").join(format!("{id}.wasm"));
    if !module.small && scope != "whole" {
        println!("skipped: {id} is not small; `cargo xtask test --all` takes it");
        return None;
    }
    if !path.is_file() {
        assert!(scope.is_empty(), "{} is missing; `cargo xtask fetch` brings it", path.display());
        println!("skipped: {id} is not there; `cargo xtask fetch` brings it");
        return None;
    }
    Some(path)
}

/// The options that commands use by default, but for the memory model.
fn options(memory: MemoryModel) -> Options {
    Options { memory, ..Options::default() }
}

/// Loads an image that this process has just compiled.
fn load_image(image: &[u8]) -> Result<Module, Error> {
    // SAFETY: the tests pass images that came from the compiler under test, unaltered.
    unsafe { Module::load_unsigned(image) }
}

#[test]
fn every_module_of_the_manifest_has_a_case_or_a_test() {
    let tested = [
        "gofmt-tinygo",
        "source-map",
        "rollup",
        "argon2",
        "argon2-simd",
        "esbuild",
        "sql-js",
        "resvg",
        "web-tree-sitter",
        "pyodide",
    ];
    for module in Manifest::load().modules {
        let has_case = cases::CASES.iter().any(|case| case.module == module.id);
        assert!(has_case || tested.contains(&module.id.as_str()), "{} is fetched and not used", module.id);
    }
}
