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
    for (board, firmware) in boards.iter().zip(firmware(&boards)?) {
        let output = run(board, &firmware)?;
        println!("== {} on {}\n{output}", board.target, board.machine);
        compare(&output)?;
    }
    Ok(())
}

/// Installs and builds what all boards need.
fn prepare() -> Result<()> {
    setup::setup()?;
    setup::setup_boards()?;
    shell::cargo(&["build", "--bin", "wasmc"]).status_ok()
}

/// Builds the firmware that does what tests ask for, for targets; where it is for each of them that a board is for.
pub fn runners(targets: &[&str]) -> Result<Vec<PathBuf>> {
    let boards: Vec<&Board> = BOARDS.iter().filter(|board| targets.contains(&board.target)).collect();
    if boards.is_empty() {
        return Ok(Vec::new());
    }
    prepare()?;
    for board in &boards {
        compile(board, &source().join("guests/spectest.wat"), &guests_dir(board)?.join("spectest.aot"))?;
    }
    build(&boards, "runner", &["gc"], Some(&all_guests_dir()))
}

/// Runs all boards as if each were a test, with the lines that tests print.
pub fn test() -> Result<()> {
    let started = Instant::now();
    let all: Vec<&Board> = BOARDS.iter().collect();
    let firmware = firmware(&all)?;
    println!("\nrunning {} tests", BOARDS.len());
    let mut failed = 0;
    for (board, firmware) in BOARDS.iter().zip(firmware) {
        let result = run(board, &firmware).and_then(|output| compare(&output));
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

/// Builds the firmware of boards with its guests; where it is for each.
fn firmware(boards: &[&Board]) -> Result<Vec<PathBuf>> {
    prepare()?;
    boards.iter().try_for_each(|board| guests(board))?;
    build(boards, "board", &["gc"], Some(&all_guests_dir()))
}

/// Runs firmware; what it said.
fn run(board: &Board, firmware: &Path) -> Result<String> {
    // An emulated second is a thousand million instructions, so that all numbers are the same each time.
    let mut command = Command::new("timeout");
    command.arg("60").args(board.emulator).args(["-machine", board.machine]);
    command.args(["-display", "none", "-monitor", "none", "-icount", "shift=0", "-kernel"]).arg(firmware);
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

/// Where compiled guests lie, in a folder for each triple.
fn all_guests_dir() -> PathBuf {
    target_dir().join("boards/guests")
}

fn guests_dir(board: &Board) -> Result<PathBuf> {
    let dir = all_guests_dir().join(board.triple);
    fs::create_dir_all(&dir).with_context(|| format!("could not create {}", dir.display()))?;
    Ok(dir)
}

/// Compiles a guest, Wasm or text.
fn compile(board: &Board, from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new(target_dir().join("debug/wasmc"));
    command.args(["compile", "-Os", "--target", board.target]).arg(from).arg("-o").arg(to).output_ok().map(drop)
}

/// Compiles the guests.
fn guests(board: &Board) -> Result<()> {
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
    Ok(())
}

/// Builds a program of `tools/boards` with these features for boards, side by side; where it is for each.
pub fn build(boards: &[&Board], program: &str, features: &[&str], guests: Option<&Path>) -> Result<Vec<PathBuf>> {
    let target_dir = target_dir().join("boards");
    let mut command = shell::cargo(&["build", "--quiet", "--release", "-Zbuild-std=core"]);
    command.arg("--manifest-path").arg(source().join("Cargo.toml"));
    command.args(["--bin", program, "--features", &features.join(",")]);
    for board in boards {
        let script = format!("-Clink-arg=-T{}.ld", board.machine);
        // Cargo links in the folder of the package. These words have no spaces, which would part them.
        let mut flags = vec!["-Clinker=ld.lld-22", "-Clinker-flavor=ld.lld", "-Clink-arg=-Llink", &script];
        flags.push("-Crelocation-model=static");
        flags.extend(board.cfg);
        command.args(["--target", board.triple]).env(shell::target_setting(board.triple, "RUSTFLAGS"), flags.join(" "));
    }
    command
        .env("RUSTC", RUSTC)
        // Building the library is a feature that Cargo calls unstable.
        .env("RUSTC_BOOTSTRAP", "1")
        // These would come before the flags of a target.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("CARGO_TARGET_DIR", &target_dir);
    if let Some(guests) = guests {
        command.env("BOARD_GUESTS", guests);
    }
    command.status_ok()?;
    Ok(boards.iter().map(|board| target_dir.join(board.triple).join("release").join(program)).collect())
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
