//! Facts about the tree itself: who depends on whom, where `unsafe` may stand, how long a file may be.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The most lines of a Rust file.
const LINES_MAX: usize = 900;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ stands in the root").to_path_buf()
}

/// Every Rust file of the rooms, by its path from the root.
fn rust_files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let rooms = ["abi", "compiler", "loader", "runtime-min", "tools", "tests"];
    let mut folders: Vec<PathBuf> = rooms.iter().map(|room| root().join(room)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).expect("it stands below the root").display().to_string();
                files.insert(name, fs::read_to_string(&path).expect("sources are text"));
            }
        }
    }
    assert!(files.len() > 50, "the tree was not found");
    files
}

/// The names in `[dependencies]` and its relatives; those of development count if `development`.
fn dependencies(manifest: &str, development: bool) -> Vec<String> {
    let text = fs::read_to_string(root().join(manifest)).expect("the manifest is there");
    let manifest: toml::Table = toml::from_str(&text).expect("it is TOML");
    let mut tables: Vec<&toml::Table> = ["dependencies", "build-dependencies", "dev-dependencies"]
        .into_iter()
        .filter(|kind| development || *kind != "dev-dependencies")
        .filter_map(|kind| manifest.get(kind)?.as_table())
        .collect();
    if let Some(targets) = manifest.get("target").and_then(|target| target.as_table()) {
        tables.extend(targets.values().filter_map(|target| target.get("dependencies")?.as_table()));
    }
    tables.into_iter().flat_map(|table| table.keys().cloned()).collect()
}

#[test]
fn abi_depends_on_nothing_and_the_loader_on_abi_alone() {
    assert_eq!(dependencies("abi/Cargo.toml", true), [""; 0]);
    assert_eq!(dependencies("loader/Cargo.toml", false), ["wasmc-abi"]);
}

#[test]
fn the_runtime_knows_no_compiler_and_no_llvm() {
    let names = dependencies("runtime-min/Cargo.toml", false);
    for absent in ["wasmc", "inkwell", "llvm-sys", "object", "wasmparser"] {
        assert!(!names.iter().any(|name| name == absent), "runtime-min depends on {absent}");
    }
    for program in ["tools/aot-run", "tests/runner"] {
        let names = dependencies(&format!("{program}/Cargo.toml"), false);
        assert!(!names.iter().any(|name| name == "wasmc"), "{program} depends on the compiler");
    }
}

/// The library of the compiler does not know the loader; the command does, for `run`, behind a feature
/// or in its own files.
#[test]
fn only_the_command_line_part_of_the_compiler_knows_how_images_are_run() {
    for (name, text) in rust_files() {
        if name.starts_with("compiler/src/") && !name.starts_with("compiler/src/cli/") {
            for absent in ["wasmc_runtime", "wasmc_loader"] {
                assert!(!text.contains(absent), "{name} names {absent}");
            }
        }
    }
}

/// LLVM's types stay in the stages that make code.
#[test]
fn llvm_stays_inside_its_stages() {
    let homes = [
        "compiler/src/translate",
        "compiler/src/optimize",
        "compiler/src/emit",
        "compiler/src/machine.rs",
        "compiler/src/routines",
        "compiler/src/target",
        "compiler/src/generate.rs",
        "compiler/src/incremental.rs",
        "compiler/src/cli/llvm.rs",
    ];
    for (name, text) in rust_files() {
        let uses = text.lines().any(|line| {
            let line = line.trim_start();
            !line.starts_with("//") && (line.contains("inkwell::") || line.contains("llvm_sys::"))
        });
        let at_home = homes.iter().any(|home| name.starts_with(home)) || name.starts_with("tests/");
        assert!(!uses || at_home, "{name} uses LLVM; it belongs into {homes:?}");
    }
}

/// Where `unsafe` may stand: entering code, touching its memory, asking the OS, walking LLVM's C API.
const UNSAFE_HOMES: &[&str] = &[
    "compiler/src/cli/",
    "compiler/src/emit",
    "compiler/src/machine.rs",
    "compiler/src/optimize",
    "compiler/src/routines/tests.rs",
    "compiler/src/translate/",
    "loader/src/cache.rs",
    "loader/src/call.rs",
    "loader/src/code_memory.rs",
    "loader/src/cpu.rs",
    "loader/src/fixup.rs",
    "loader/src/lib.rs",
    "loader/src/loaded.rs",
    "loader/src/place.rs",
    "loader/tests/",
    "runtime-min/examples/",
    "runtime-min/src/",
    "runtime-min/tests/",
    "tests/corpus/main.rs",
    "tests/runner/src/",
    "tools/aot-run/",
    "tools/bench/",
    "tools/boards/src/",
];

#[test]
fn unsafe_stands_in_the_named_files_only() {
    for (name, text) in rust_files() {
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
        let uses = code
            .filter(|line| !line.contains('"') && !line.contains("unsafe_"))
            .any(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe"));
        let at_home = UNSAFE_HOMES.iter().any(|home| name.starts_with(home));
        assert!(!uses || at_home, "{name} uses `unsafe`; its homes are {UNSAFE_HOMES:?}");
    }
}

#[test]
fn unsafe_blocks_say_why_they_are_sound() {
    for (name, text) in rust_files() {
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if !code.contains("unsafe {") || code.contains('"') {
                continue;
            }
            // The statement that the block is part of may start a few lines above.
            let above = &lines[index.saturating_sub(8)..index];
            assert!(above.iter().any(|line| line.contains("SAFETY:")), "{name}:{}: no SAFETY comment", index + 1);
        }
    }
}

#[test]
fn every_file_opens_with_what_it_is() {
    for (name, text) in rust_files() {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        assert!(first.starts_with("//!") && first.len() > 12, "{name} does not say what it is");
    }
}

#[test]
fn no_file_is_longer_than_a_head_can_hold() {
    for (name, text) in rust_files() {
        let count = text.lines().count();
        assert!(count <= LINES_MAX, "{name} has {count} lines, more than {LINES_MAX}");
    }
}
