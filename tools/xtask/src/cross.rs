//! Programs for the other Linux targets, and their tests under qemu.
//!
//! Rust's own distribution of its library for other machines may not be at hand; Debian has a compiler
//! with its library's source (`rustc-web`, `rust-web-src`), of which Cargo builds the library anew for each
//! target, in one to two minutes, once. Everything is linked statically, so that qemu needs no libraries
//! of the target, and lies below `target/cross`; Cargo sees what is up to date.

use crate::shell::{self, CommandExt, target_dir};
use crate::{board, setup};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

/// The compiler of the package `rustc-web`.
pub const RUSTC: &str = "/usr/bin/rustc";

/// A machine that programs are built for, and that qemu stands in for.
#[derive(Debug)]
pub struct Machine {
    /// As given on the command line; architecture in the names of Wasm targets (`wasmc targets`).
    pub name: &'static str,
    /// Rust's triple.
    pub triple: &'static str,
    /// The targets of `wasmc` that it runs.
    targets: &'static [&'static str],
    /// The linker.
    pub gcc: &'static str,
    /// Debian's packages of it and of libc.
    pub packages: [&'static str; 2],
    /// What runs programs.
    pub emulator: &'static str,
}

/// Every machine.
pub const MACHINES: &[Machine] = &[
    Machine {
        name: "aarch64",
        triple: "aarch64-unknown-linux-gnu",
        targets: &["aarch64-linux"],
        gcc: "aarch64-linux-gnu-gcc",
        packages: ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"],
        emulator: "qemu-aarch64-static",
    },
    Machine {
        name: "armv7",
        triple: "armv7-unknown-linux-gnueabihf",
        targets: &["armv7-linux", "thumbv7-linux"],
        gcc: "arm-linux-gnueabihf-gcc",
        packages: ["gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross"],
        emulator: "qemu-arm-static",
    },
    Machine {
        name: "riscv64",
        triple: "riscv64gc-unknown-linux-gnu",
        targets: &["riscv64-linux"],
        gcc: "riscv64-linux-gnu-gcc",
        packages: ["gcc-riscv64-linux-gnu", "libc6-dev-riscv64-cross"],
        emulator: "qemu-riscv64-static",
    },
];

/// What the three can run of the workspace.
const PACKAGES: &[&str] = &["wasmc-abi", "wasmc-loader", "wasmc-runtime", "aot-run"];

/// The machines of these names; all if there are none.
pub fn machines(names: &[&str]) -> Result<Vec<&'static Machine>> {
    let find = |name: &&str| {
        let known = || MACHINES.iter().map(|machine| machine.name).collect::<Vec<_>>().join(", ");
        MACHINES
            .iter()
            .find(|machine| machine.name == *name || machine.triple == *name)
            .with_context(|| format!("there is no machine `{name}`; the machines are: {}", known()))
    };
    if names.is_empty() { Ok(MACHINES.iter().collect()) } else { names.iter().map(find).collect() }
}

/// The machine that runs what is compiled for a target of `wasmc`.
pub fn machine_of(target: &str) -> Option<&'static Machine> {
    MACHINES.iter().find(|machine| machine.targets.contains(&target))
}

/// Builds `aot-run` for machines, by their names, all if there are none.
pub fn cross(names: &[&str]) -> Result<()> {
    setup::setup_cross()?;
    for path in build(&machines(names)?, "aot-run", "aot-run")? {
        println!("{}", path.display());
    }
    Ok(())
}

/// Builds any program of the workspace for a machine, or the runner of the tests as firmware for a board's target, and
/// prints where it is.
pub fn cross_build(program: &str, name: &str) -> Result<()> {
    let boards = if program == "runner" { board::runners(&[name])? } else { Vec::new() };
    let paths = if boards.is_empty() {
        setup::setup_cross()?;
        build(&machines(&[name])?, program, program)?
    } else {
        boards
    };
    paths.iter().for_each(|path| println!("{}", path.display()));
    Ok(())
}

/// Runs the tests of the crates that run on a device, under qemu. Those of the runtime with compiled code ask this
/// machine's `wasmc` for it, once for each target of the machine.
pub fn test(names: &[&str]) -> Result<()> {
    setup::setup_cross()?;
    setup::setup()?;
    shell::cargo(&["build", "--bin", "wasmc"]).status_ok()?;
    let compiler = target_dir().join("debug/wasmc");
    for machine in machines(names)? {
        let packages: Vec<&str> = PACKAGES.iter().flat_map(|package| ["--package", package]).collect();
        let test = || {
            let mut command = cargo(&[machine], "test");
            // For tests that start themselves.
            command.env("WASMC_TEST_EMULATOR", machine.emulator);
            command
        };
        test().args(packages).args(["--lib", "--bins", "--test", "image", "--test", "hand_made_image"]).status_ok()?;
        for target in machine.targets {
            let mut command = test();
            command.env("WASMC_TEST_COMPILER", &compiler).env("WASMC_TEST_TARGET", target);
            command.args(["--package", "wasmc-runtime", "--test", "compiled"]).status_ok()?;
        }
    }
    Ok(())
}

/// Builds a program for machines, side by side; where it is for each.
pub fn build(machines: &[&Machine], package: &str, program: &str) -> Result<Vec<PathBuf>> {
    cargo(machines, "build").args(["--package", package, "--bin", program]).status_ok()?;
    let path_for = |machine: &&Machine| {
        let path = dir().join(machine.triple).join("debug").join(program);
        if !path.exists() {
            bail!("cargo has built {program}, but not as {}", path.display());
        }
        Ok(path)
    };
    machines.iter().map(path_for).collect()
}

/// Cargo with what it takes to build for machines and to run what was built.
fn cargo(machines: &[&Machine], chore: &str) -> Command {
    let mut command = shell::cargo(&[chore, "-Zbuild-std=std,panic_abort"]);
    for machine in machines {
        let setting = |name| shell::target_setting(machine.triple, name);
        command.args(["--target", machine.triple]);
        command.env(setting("LINKER"), machine.gcc).env(setting("RUNNER"), machine.emulator);
    }
    command
        .env("RUSTC", RUSTC)
        // Building the library is a feature that Cargo calls unstable.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("CARGO_TARGET_DIR", dir());
    command
}

/// Where what is built here lies.
pub fn dir() -> PathBuf {
    target_dir().join("cross")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_go_by_their_names_and_triples() {
        let names = |names: &[&str]| machines(names).unwrap().iter().map(|machine| machine.name).collect::<Vec<_>>();
        assert_eq!(names(&[]), ["aarch64", "armv7", "riscv64"]);
        assert_eq!(names(&["riscv64gc-unknown-linux-gnu", "armv7"]), ["riscv64", "armv7"]);
        assert!(machines(&["x86"]).unwrap_err().to_string().contains("aarch64, armv7, riscv64"));
    }
}
