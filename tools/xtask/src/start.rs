//! What starting a program costs: one that prints a line, natively and as an image, process start to exit.

use crate::shell::{CommandExt, cargo, target_dir};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const HELLO: &str = "#include <stdio.h>\nint main(void) { puts(\"hello\"); }\n";

/// Rounds that count, and before them such as bring files into memory.
const ROUNDS: usize = 1000;
const ROUNDS_BEFORE: usize = 20;

/// How many ways of running the program there are.
const WAYS: usize = 6;

/// A way to run the program.
struct Way {
    name: &'static str,
    words: Vec<String>,
    times: Vec<Duration>,
}

/// Builds all and prints the medians. `wasmc` has been built.
pub fn start(work: &Path) -> Result<()> {
    cargo(&["build", "--release", "--package", "aot-run"]).status_ok()?;
    cargo(&["device"]).status_ok()?;
    let path = |name: &str| work.join(name).display().to_string();
    let source = path("hello.c");
    fs::write(&source, HELLO).with_context(|| format!("could not write {source}"))?;
    let clang = |options: &[&str], output: &str| {
        Command::new("clang-22").arg("-O3").args(options).arg(&source).arg("-o").arg(path(output)).status_ok()
    };
    clang(&[], "hello")?;
    clang(&["-static"], "hello-static")?;
    clang(&["--target=wasm32-wasi", "-Wno-deprecated"], "hello.wasm")?;
    for memory in ["guard", "checked"] {
        let mut wasmc = Command::new(target_dir().join("release/wasmc"));
        wasmc.arg("compile").arg(format!("--memory={memory}")).arg(path("hello.wasm"));
        wasmc.arg("-o").arg(path(&format!("{memory}.aot"))).status_ok()?;
    }
    // Copied, as when it is installed: of what a linker has just written, each page lies by itself in the page cache, and
    // takes longer to be mapped.
    for profile in ["device", "release"] {
        fs::copy(target_dir().join(profile).join("aot-run"), work.join(profile))?;
    }
    let way = |name, words| Way { name, words, times: Vec::new() };
    let mut ways: [Way; WAYS] = [
        way("native", vec![path("hello")]),
        way("native, static", vec![path("hello-static")]),
        way("guard, `cargo device`", vec![path("device"), path("guard.aot")]),
        way("checked, `cargo device`", vec![path("device"), path("checked.aot")]),
        way("guard, `cargo build --release`", vec![path("release"), path("guard.aot")]),
        way("checked, `cargo build --release`", vec![path("release"), path("checked.aot")]),
    ];
    for round in 0..ROUNDS_BEFORE + ROUNDS {
        // Each comes behind each other one.
        for place in 0..WAYS {
            let way = &mut ways[(place + round) % WAYS];
            let time = time(&way.words)?;
            if round >= ROUNDS_BEFORE {
                way.times.push(time);
            }
        }
    }
    println!("\na program that prints a line, process start to exit, {ROUNDS} rounds");
    println!("{:<36} {:>12} {:>10} {:>14} {:>10}", "", "median, µs", "to native", "quartile, µs", "to native");
    ways.iter_mut().for_each(|way| way.times.sort_unstable());
    let micros = |way: &Way, place: usize| way.times[place].as_secs_f64() * 1e6;
    for way in &ways {
        print!("{:<36}", way.name);
        for (place, width) in [(ROUNDS / 2, 12), (ROUNDS / 4, 14)] {
            print!(" {:>width$.0} {:>10.2}", micros(way, place), micros(way, place) / micros(&ways[0], place));
        }
        println!();
    }
    Ok(())
}

fn time(words: &[String]) -> Result<Duration> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdout(Stdio::null());
    let began = Instant::now();
    let status = command.status().with_context(|| format!("`{}` could not be started", words[0]))?;
    let time = began.elapsed();
    ensure!(status.success(), "`{}` failed: {status}", words.join(" "));
    Ok(time)
}
