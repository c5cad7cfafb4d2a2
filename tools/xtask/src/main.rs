//! Chores of the workspace, one file each. Builds without LLVM, since `setup` installs it.

mod board;
mod ci;
mod code_size;
mod cross;
mod demo;
mod fetch;
mod instructions;
mod load;
#[path = "../../../tests/corpus/manifest.rs"]
mod manifest;
mod musl;
mod setup;
mod shell;
mod size;
mod start;
mod test;

use anyhow::{Result, bail};

const HELP: &str = "\
Usage: cargo xtask CHORE

  setup            install what is missing (LLVM 22, clang 22 with wasi-libc), by apt
  demo             set up, build, compile a C program through Wasm to native code, run it, show what happened
  test             all tests: the workspace's, the official suite in six configurations, on seven other platforms under
                   qemu and on two boards without an OS, the small corpus modules, firmware on emulated boards
  test --all       the same with every corpus module, and a generated one with 40 MiB of code
  ci               formatting, clippy and docs without warnings, the loader under AddressSanitizer, then `test`
  fetch [--small]  fetch the corpus (or its small modules) into target/corpus
  cross [NAME...]  build aot-run for aarch64, armv7 and riscv64, or those named, into target/cross
  cross-build PROGRAM NAME  build a program of the workspace for one of them, or `runner` for a board's target; the last
                   line says where it is
  cross-test [NAME...]  run the tests of the loader, the runtime and aot-run on them, under qemu
  board [NAME...]  firmware on emulated boards, cortex-m, riscv, or for one target: build it, run it under qemu, compare
                   what it says with tools/boards/expected.txt
  size [linux]     what firmware keeps of the loader and the runtime; with `linux`, the size of aot-run too
  bench [ARGS]     the benchmark table; arguments go to `bench`. With `--programs` that of whole programs, of the corpus
  code-size [TARGET...]  the size of code at -Os beside clang's, of every target, or by kernel of those named
  instructions [TARGET...]  executed instructions of the benchmark's kernels at -O3 on other machines, under qemu,
                   beside those of clang's code
  load             what loading, instantiating, calling and starting cost
";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Err(error) = run(&arguments) {
        eprintln!("xtask: {error:#}");
        std::process::exit(1);
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["setup"] => setup::setup(),
        ["demo"] => demo::demo(),
        ["test"] => test::test(test::Scope::Small),
        ["test", "--all"] => test::test(test::Scope::Whole),
        ["ci"] => ci::ci(),
        ["fetch"] => fetch::fetch(test::Scope::Whole),
        ["fetch", "--small"] => fetch::fetch(test::Scope::Small),
        ["code-size", names @ ..] => code_size::code_size(names),
        ["instructions", names @ ..] => instructions::instructions(names),
        ["load"] => load::load(),
        ["cross", names @ ..] => cross::cross(names),
        ["cross-build", program, name] => cross::cross_build(program, name),
        ["cross-test", names @ ..] => cross::test(names),
        // As tests print it; `test` counts it.
        ["board-test"] => board::test(),
        ["board", names @ ..] => board::board(names),
        ["size", names @ ..] => size::size(names),
        ["bench", rest @ ..] => bench(rest),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        _ => bail!("there is no chore `{}`\n\n{HELP}", words.join(" ")),
    }
}

fn bench(arguments: &[&str]) -> Result<()> {
    setup::setup_bench()?;
    if arguments.contains(&"--programs") {
        // Those that it starts stand beside it.
        let packages = ["bench", "wasmc", "aot-run"].iter().flat_map(|package| ["--package", package]);
        shell::cargo(&["build", "--release"]).args(packages).status_ok()?;
    }
    shell::cargo(&["run", "--release", "--package", "bench", "--"]).args(arguments).status_ok()
}

use shell::CommandExt;
