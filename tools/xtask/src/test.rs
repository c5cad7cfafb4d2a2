//! The tests: runs them, shows their output as it comes, and closes with one line for all of them.

use crate::shell::{CommandExt, cargo};
use crate::{board, cross, fetch, setup};
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

/// How much of the corpus takes part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What compiles in seconds.
    Small,
    /// All of it.
    Whole,
}

/// Platforms other than x86-64 on which the official suite runs, under qemu: each time at -O3.
const EMULATED: &str = "aarch64-linux,armv7-linux,armv7-linux+neon,thumbv7-linux,thumbv7-linux+neon,\
                        riscv64-linux,riscv64-linux+v";

/// Boards without an operating system on which it runs, one of each kind; with `--all` on the others too.
const BOARDS: &str = "thumbv7em-none-hf,riscv32imafc-none";

/// What executes compiled code there.
const RUNNER: &str = "wasmc-test-runner";

/// Random modules on emulated machines: each starts a process under qemu for every function.
const EMULATED_SEEDS: &str = "10";

/// What a generated module of more than 40 MiB of code has, and where it is tried: `tests/large`.
const LARGE: &str = "100000";
const LARGE_TARGETS: &str = "aarch64-linux,armv7-linux,thumbv7-linux";

/// Runs every test of the workspace's default members, then the official suite on other machines, then boards.
pub fn test(scope: Scope) -> Result<()> {
    setup::setup()?;
    setup::setup_cross()?;
    setup::setup_boards()?;
    fetch::fetch(scope)?;
    let started = Instant::now();
    // Side by side, before a test asks for one of them.
    cross::build(&cross::machines(&[])?, RUNNER, RUNNER)?;
    board::runners(&BOARDS.split(',').collect::<Vec<_>>())?;
    // Never one package by itself: that would build its dependencies again, with the features that it alone wants of them.
    let mut command = cargo(&["test", "--no-fail-fast"]);
    command.env("WASMC_CORPUS_DIR", fetch::corpus_dir());
    command.env("WASMC_CORPUS", if scope == Scope::Whole { "whole" } else { "small" });
    let mut counts = Counts::default();
    let mut ok = run(&mut command, &mut counts)?;
    eprintln!("the official suite on {EMULATED}:");
    let mut suite = cargo(&["test", "--test", "spec"]);
    let (name, value) = if scope == Scope::Whole { ("SPEC_FILES", "all") } else { ("SPEC_CONFIG", "O3") };
    ok &= run(suite.env("SPEC_TARGET", EMULATED).env(name, value), &mut counts)?;
    eprintln!("the official suite on boards:");
    let mut boards = cargo(&["test", "--test", "spec"]);
    boards.env("SPEC_TARGET", if scope == Scope::Whole { "boards" } else { BOARDS });
    if scope == Scope::Small {
        boards.env("SPEC_CONFIG", "O3");
    }
    ok &= run(&mut boards, &mut counts)?;
    eprintln!("random modules on {EMULATED}, at -O3:");
    let mut random = cargo(&["test", "--test", "differential"]);
    random.env("SPEC_TARGET", EMULATED).env("SPEC_CONFIG", "O3").env("DIFF_SEEDS", EMULATED_SEEDS);
    ok &= run(&mut random, &mut counts)?;
    if scope == Scope::Whole {
        eprintln!("ten million tail calls there, whatever they pass:");
        let mut deep = cargo(&["test", "--test", "hazards", "ten_million"]);
        deep.env("SPEC_TARGET", EMULATED).env("SPEC_CONFIG", "O3").env("TAIL_CALLS", "all");
        ok &= run(&mut deep, &mut counts)?;
        eprintln!("{LARGE} functions on {LARGE_TARGETS}:");
        let mut large = cargo(&["test", "--test", "large", "--", "--nocapture"]);
        large.env("LARGE_FUNCTIONS", LARGE).env("SPEC_TARGET", LARGE_TARGETS).env("SPEC_CONFIG", "O0-checked");
        ok &= run(&mut large, &mut counts)?;
    }
    // One step, but with the lines that tests print.
    eprintln!("firmware on emulated boards:");
    ok &= run(&mut cargo(&["xtask", "board-test"]), &mut counts)?;
    let ok = ok && counts.failed == 0;
    println!("\nall test targets together:");
    println!(
        "test result: {}. {} passed; {} failed; {} ignored; 0 measured; {} filtered out; finished in {:.2}s",
        if ok { "ok" } else { "FAILED" },
        counts.passed,
        counts.failed,
        counts.ignored,
        counts.filtered,
        started.elapsed().as_secs_f64()
    );
    if !ok {
        // That line says it all and stays the last one.
        std::process::exit(1);
    }
    Ok(())
}

/// Runs a command, shows and counts; whether it succeeded.
fn run(command: &mut Command, counts: &mut Counts) -> Result<bool> {
    eprintln!("$ {}", command.shown());
    let mut child = command.stdout(Stdio::piped()).spawn().context("cargo could not be started")?;
    for line in BufReader::new(child.stdout.take().expect("stdout is piped")).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        println!("{line}");
        counts.add(&line);
    }
    Ok(child.wait()?.success())
}

/// Sums of the closing lines.
#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
    filtered: u64,
}

impl Counts {
    /// Takes `test result: ok. 3 passed; 0 failed; ...` into account; other lines count nothing.
    fn add(&mut self, line: &str) {
        let Some((_, numbers)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for part in numbers.split("; ") {
            let Some((number, what)) = part.split_once(' ') else { continue };
            let number = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                "filtered out" => self.filtered += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn closing_lines_add_up_and_others_do_not_count() {
        let mut counts = Counts::default();
        counts.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s");
        counts.add("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s");
        counts.add("running 3 tests");
        assert_eq!((counts.passed, counts.failed, counts.ignored, counts.filtered), (4, 2, 1, 2));
    }
}
