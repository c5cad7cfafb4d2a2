//! What firmware keeps of the loader and the runtime: code and read-only data, and RAM beside the module's own.

use crate::board::{self, BOARDS, Board};
use crate::shell::CommandExt;
use crate::{musl, setup};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

/// One program.
struct Program {
    name: &'static str,
    what: &'static str,
    /// Features that it is built with.
    features: &'static [&'static str],
    /// How many bytes of it are wanted at most on Thumb-2 and on 32-bit RISC-V.
    thumb_max: Option<u64>,
    riscv_max: Option<u64>,
}

const PROGRAMS: &[Program] = &[
    Program { name: "size-loader", what: "loader", features: &[], thumb_max: Some(8 << 10), riscv_max: Some(10 << 10) },
    Program {
        name: "size-core",
        what: "loader and runtime core",
        features: &[],
        thumb_max: Some(24 << 10),
        riscv_max: None,
    },
    Program {
        name: "size-core",
        what: "the same, with exceptions and objects",
        features: &["gc"],
        thumb_max: None,
        riscv_max: None,
    },
];

/// The most RAM of the runtime's own, bytes.
const RAM_MAX: u64 = 1 << 10;

/// The most bytes of `aot-run` on Linux.
const AOT_RUN_MAX: u64 = 400 << 10;

/// Prints the table. `names`: `linux` for the programs on Linux too, which takes minutes.
pub fn size(names: &[&str]) -> Result<()> {
    setup::setup_boards()?;
    println!("| target | program | code | read-only data | both | limit | RAM | limit |");
    println!("|---|---|---|---|---|---|---|---|");
    for board in BOARDS {
        for program @ Program { name, what, thumb_max, riscv_max, .. } in PROGRAMS {
            let limit = if board.kind == "riscv" { riscv_max } else { thumb_max };
            let limit = limit.map_or(String::new(), |limit| limit.to_string());
            let sizes = Sizes::of(&firmware(board, program)?)?;
            let ram = if *name == "size-core" {
                format!("{} | {RAM_MAX}", sizes.ram + instance_len())
            } else {
                format!("{} | ", sizes.ram)
            };
            let Sizes { code, constants, .. } = sizes;
            println!("| {} | {what} | {code} | {constants} | {} | {limit} | {ram} |", board.target, code + constants);
        }
    }
    if names == ["linux"] {
        println!("\n| machine | aot-run, static, stripped | limit |\n|---|---|---|");
        for (machine, path) in musl::small()? {
            println!("| {machine} | {} | {AOT_RUN_MAX} |", fs::metadata(path)?.len());
        }
    }
    Ok(())
}

/// RAM in an instance's buffer that no part of the module asks for: the runtime's record and the head of the block.
fn instance_len() -> u64 {
    u64::from(wasmc_abi::ram::RECORD_LEN + wasmc_abi::vmctx::HEADER_LEN)
}

fn firmware(board: &Board, program: &Program) -> Result<std::path::PathBuf> {
    let board = Board { machine: "size", ..*board };
    Ok(board::build(&[&board], program.name, program.features, None)?.remove(0))
}

/// Bytes of a program.
struct Sizes {
    code: u64,
    constants: u64,
    ram: u64,
}

impl Sizes {
    /// As `readelf` lists the sections.
    fn of(program: &Path) -> Result<Sizes> {
        let sections = Command::new("readelf").args(["--sections", "--wide"]).arg(program).output_ok()?;
        let len = |name: &str| -> Result<u64> {
            let line = sections.lines().find_map(|line| line.split_once(']')?.1.trim().strip_prefix(name));
            // Columns behind the name: type, address, offset, size.
            let Some(size) = line.and_then(|line| line.split_whitespace().nth(3)) else { return Ok(0) };
            u64::from_str_radix(size, 16).with_context(|| format!("readelf shows {name} with the size {size}"))
        };
        Ok(Sizes { code: len(".text ")?, constants: len(".rodata ")?, ram: len(".data ")? + len(".bss ")? })
    }
}
