//! Firmware on emulated boards: builds `tools/boards` with guests for it, runs it under qemu, and compares what it says
//! with `tools/boards/expected.txt`.

use crate::setup;
use crate::shell::{self, CommandExt, root, target_dir};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The compiler of the package `rustc-web`, which has its library's source.
const RUSTC: &str = "/usr/bin/rustc";

/// A board as qemu has it, with one way to compile for it.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    /// As given on the command line.
    pub kind: &'static str,
    /// Rust's triple of the firmware.
    pub triple: &'static str,
    /// The target of `wasmc` for the guests.
    pub target: &'static str,
    /// The linker script, and the machine's name in qemu.
    pub machine: &'static str,
    /// The emulator, and what it has to be told.
    pub emulator: &'static [&'static str],
    /// Settings of the firmware's own.
    pub cfg: &'static [&'static str],
}

/// Semihosting is how firmware writes and ends.
const ARM: &[&str] = &[
    "qemu-system-arm",
    "-serial",
    "null",
    "-chardev",
    "stdio,id=out",
    "-semihosting-config",
    "enable=on,target=native,chardev=out",
];
const RISCV: &[&str] = &["qemu-system-riscv32", "-serial", "stdio", "-bios", "none"];

/// Every board. Each target of `wasmc` without an OS has one.
pub const BOARDS: &[Board] = &[
    Board {
        kind: "cortex-m",
        triple: "thumbv7em-none-eabihf",
        target: "thumbv7em-none-hf",
        machine: "mps2-an386",
        emulator: ARM,
        cfg: &[],
    },
    Board {
        kind: "cortex-m",
        triple: "thumbv7em-none-eabi",
        target: "thumbv7em-none",
        machine: "mps2-an386",
        emulator: ARM,
        cfg: &[],
    },
    Board {
        kind: "cortex-m",
        triple: "thumbv8m.main-none-eabihf",
        target: "thumbv8m.main-none-hf",
        machine: "mps2-an505",
        emulator: ARM,
        cfg: &["--cfg=board_v8m"],
    },
    Board {
        kind: "cortex-m",
        triple: "thumbv8m.main-none-eabi",
        target: "thumbv8m.main-none",
        machine: "mps2-an505",
        emulator: ARM,
        cfg: &["--cfg=board_v8m"],
    },
    Board {
        kind: "riscv",
        triple: "riscv32imac-unknown-none-elf",
        target: "riscv32imac-none",
        machine: "virt",
        emulator: RISCV,
        cfg: &[],
    },
    Board {
        kind: "riscv",
        triple: "riscv32imafc-unknown-none-elf",
        target: "riscv32imafc-none",
        machine: "virt",
        emulator: RISCV,
        cfg: &[],
    },
];

/// A guest: its source, what it is called, and what clang is told for it alone.
type Guest = (&'static str, &'static str, &'static [&'static str]);

/// In a page of memory, or in no more than they need.
const PAGES: &str = "-Wl,--page-size=65536";
const BYTES: &str = "-Wl,--page-size=1";

/// The guests, C and C++ programs.
const GUESTS: &[Guest] = &[
    ("first.c", "first", &[BYTES]),
    ("second.c", "second", &[PAGES]),
    ("third.cpp", "third", &[BYTES, "-fwasm-exceptions", "-mllvm", "-wasm-use-legacy-eh=false"]),
    ("third.cpp", "third-legacy", &[BYTES, "-fwasm-exceptions", "-mllvm", "-wasm-use-legacy-eh=true"]),
];

/// Builds and runs the boards of a kind, or the one for a target; all without a name.
pub fn board(names: &[&str]) -> Result<()> {
    let chosen = |board: &&Board| names.is_empty() || names.contains(&board.kind) || names.contains(&board.target);
    let boards: Vec<&Board> = BOARDS.iter().filter(chosen).collect();
    ensure!(!boards.is_empty(), "there is no such board; there are cortex-m and riscv");
    prepare()?;
    for board in boards {
        let output = run(board)?;
        println!("== {} on {}\n{output}", board.target, board.machine);
        compare(&output)?;
    }
    Ok(())
}

/// Installs and builds what all boards need.
fn prepare() -> Result<()> {
    setup::setup()?;
    setup::setup_boards()?;
    shell::cargo(&["build", "--package", "wasmc"]).status_ok()
}

/// Builds the firmware that does what tests ask for, for a target; where it is. `None` if no board is for it.
pub fn runner(target: &str) -> Result<Option<PathBuf>> {
    let Some(board) = BOARDS.iter().find(|board| board.target == target) else { return Ok(None) };
    prepare()?;
    let guests = guests_dir(board)?;
    compile(board, &source().join("guests/spectest.wat"), &guests.join("spectest.aot"))?;
    build(board, "runner", &["gc"], &[("BOARD_GUESTS", &guests)]).map(Some)
}

/// Runs all boards as if each were a test, with the lines that tests print.
pub fn test() -> Result<()> {
    prepare()?;
    let started = Instant::now();
    println!("\nrunning {} tests", BOARDS.len());
    let mut failed = 0;
    for board in BOARDS {
        let result = run(board).and_then(|output| compare(&output));
        println!("test board::{} ... {}", board.target, if result.is_ok() { "ok" } else { "FAILED" });
        if let Err(error) = result {
            println!("{error:#}");
            failed += 1;
        }
    }
    println!(
        "\ntest result: {}. {} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out; finished in {:.2}s\n",
        if failed == 0 { "ok" } else { "FAILED" },
        BOARDS.len() - failed,
        started.elapsed().as_secs_f64()
    );
    if failed == 0 { Ok(()) } else { bail!("{failed} boards do not do what they should") }
}

/// Builds the firmware with its guests and runs it; what it said.
fn run(board: &Board) -> Result<String> {
    let guests = guests(board)?;
    let firmware = build(board, "board", &["gc"], &[("BOARD_GUESTS", &guests)])?;
    // An emulated second is a thousand million instructions, so that all numbers are the same each time.
    let mut command = Command::new("timeout");
    command.arg("60").args(board.emulator).args(["-machine", board.machine]);
    command.args(["-display", "none", "-monitor", "none", "-icount", "shift=0", "-kernel"]).arg(&firmware);
    let shown = command.shown();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("`{shown}` could not be started"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("`{shown}` failed: {}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(text)
}

fn source() -> PathBuf {
    root().join("tools/boards")
}

/// Where compiled guests lie.
fn guests_dir(board: &Board) -> Result<PathBuf> {
    let dir = target_dir().join("boards/guests").join(board.target);
    fs::create_dir_all(&dir).with_context(|| format!("could not create {}", dir.display()))?;
    Ok(dir)
}

/// Compiles a guest, Wasm or text.
fn compile(board: &Board, from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new(target_dir().join("debug/wasmc"));
    command.args(["compile", "-Os", "--target", board.target]).arg(from).arg("-o").arg(to).output_ok().map(drop)
}

/// Compiles the guests; where they are.
fn guests(board: &Board) -> Result<PathBuf> {
    let work = guests_dir(board)?;
    for (source_name, name, flags) in GUESTS {
        let wasm = work.join(name);
        // A stack of 4 KiB, then data.
        Command::new("clang-22")
            .args(["--target=wasm32", "-O2", "-nostdlib", "-mbulk-memory", "-Wall", "-Wno-infinite-recursion"])
            .args(["-Wl,--no-entry", "-Wl,-z,stack-size=4096"])
            .args(*flags)
            .arg("-o")
            .arg(wasm.with_extension("wasm"))
            .arg(source().join("guests").join(source_name))
            .output_ok()?;
        compile(board, &wasm.with_extension("wasm"), &wasm.with_extension("aot"))?;
    }
    Ok(work)
}

/// Builds a program of `tools/boards` with these features; where it is.
pub fn build(board: &Board, program: &str, features: &[&str], environment: &[(&str, &Path)]) -> Result<PathBuf> {
    let manifest = source().join("Cargo.toml");
    let target_dir = target_dir().join("boards");
    let link = |argument: String| format!("-Clink-arg={argument}");
    let mut flags = vec!["-Clinker=ld.lld-22".to_string(), "-Clinker-flavor=ld.lld".to_string()];
    flags.extend([
        link(format!("-L{}", source().join("link").display())),
        link(format!("-T{}.ld", board.machine)),
        "-Crelocation-model=static".to_string(),
    ]);
    if program == "runner" {
        flags.push(link("--defsym=STACK_LEN=0x100000".to_string()));
    }
    flags.extend(board.cfg.iter().map(|cfg| cfg.to_string()));
    let mut command = shell::cargo(&["build", "--quiet", "--release", "-Zbuild-std=core", "--target", board.triple]);
    command.arg("--manifest-path").arg(manifest).args(["--bin", program, "--features", &features.join(",")]);
    command
        .env("RUSTC", RUSTC)
        // Building the library is a feature that Cargo calls unstable.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env("CARGO_TARGET_DIR", &target_dir)
        .envs(environment.iter().copied())
        .status_ok()?;
    Ok(target_dir.join(board.triple).join("release").join(program))
}

/// Compares what a board has said with what is expected, where `*` stands for anything.
fn compare(output: &str) -> Result<()> {
    let expected = fs::read_to_string(source().join("expected.txt")).context("what boards should say is missing")?;
    let mut lines = output.lines();
    for wanted in expected.lines() {
        let line = lines.next().unwrap_or("(nothing more)");
        ensure!(
            matches(line, wanted),
            "the board says\n  {line}\nwhere this is expected:\n  {wanted}\nAll of it:\n{output}"
        );
    }
    if let Some(line) = lines.next() { bail!("the board goes on with\n  {line}\nAll of it:\n{output}") } else { Ok(()) }
}

/// Whether a line has the parts of a pattern between its `*`s, in order.
fn matches(line: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return line == pattern };
    let Some(mut left) = line.strip_prefix(start) else { return false };
    let parts: Vec<&str> = rest.split('*').collect();
    let (end, middle) = parts.split_last().expect("a split has a part");
    for part in middle {
        let Some((_, behind)) = left.split_once(part) else { return false };
        left = behind;
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_anything() {
        for (line, pattern) in [("abc", "abc"), ("a 12 b", "a * b"), ("a 1 b 2", "a * b *"), ("", "*"), ("xx", "*x")] {
            assert!(matches(line, pattern), "{line} is not {pattern}");
        }
        for (line, pattern) in [("abc", "ab"), ("a 12 c", "a * b"), ("b a", "a*"), ("ab", "a*b*c")] {
            assert!(!matches(line, pattern), "{line} is {pattern}");
        }
    }
}
