//! Installs what the build and the tests need and the machine lacks. Does nothing, and needs no
//! network and no rights, when everything is there.

use crate::cross::MACHINES;
use crate::shell::CommandExt;
use anyhow::{Context, Result, bail};
use std::process::Command;

/// Debian packages, each with its use. All of them are in Debian 12's own archive.
const PACKAGES: &[(&str, &str)] = &[
    ("build-essential", "the linker that Rust uses, and libc"),
    ("llvm-22-dev", "LLVM, the compiler's back end"),
    ("libpolly-22-dev", "which llvm-config names among LLVM's libraries"),
    ("clang-22", "C to Wasm, for the demo, and to native code, for the benchmark"),
    ("lld-22", "the Wasm linker that clang calls"),
    ("wasi-libc", "libc for Wasm"),
    ("libclang-rt-22-dev-wasm32", "clang's run-time routines for Wasm"),
];

/// What programs for other machines need besides each machine's own packages (see `cross.rs`).
const CROSS_PACKAGES: &[(&str, &str)] = &[
    ("rustc-web", "a Rust compiler that fits the source of its library"),
    ("rust-web-src", "that source"),
    ("qemu-user-static", "runs the programs"),
];

/// What building firmware and running it needs.
const BOARD_PACKAGES: &[(&str, &str)] = &[
    ("rustc-web", "a Rust compiler that fits the source of its library"),
    ("rust-web-src", "that source"),
    ("lld-22", "links firmware"),
    ("qemu-system-arm", "boards with Cortex-M"),
    ("qemu-system-misc", "boards with RISC-V"),
];

/// What the benchmark needs besides.
const BENCH_PACKAGES: &[(&str, &str)] = &[("wabt", "wasm2c, one of the engines")];

/// What counting instructions needs besides what programs for other machines need.
const INSTRUCTIONS_PACKAGES: &[(&str, &str)] = &[("qemu-user", "qemu that can load plugins")];

/// What fetching the corpus needs: a program to look for and the package that has it.
const FETCH_PROGRAMS: &[(&[&str], &str)] =
    &[(&["npm", "--version"], "npm"), (&["python3", "-m", "pip", "--version"], "python3-pip")];

/// Installs what building, testing and the demo need.
pub fn setup() -> Result<()> {
    install(PACKAGES.iter().map(|(name, _)| *name).filter(|name| !installed(name)).collect())
}

/// Installs what building and running programs for other machines needs.
pub fn setup_cross() -> Result<()> {
    let common = CROSS_PACKAGES.iter().map(|(name, _)| *name);
    let machines = MACHINES.iter().flat_map(|machine| machine.packages);
    install(common.chain(machines).filter(|name| !installed(name)).collect())
}

/// Installs what building firmware and running it needs.
pub fn setup_boards() -> Result<()> {
    install(BOARD_PACKAGES.iter().map(|(name, _)| *name).filter(|name| !installed(name)).collect())
}

/// Installs what the benchmark needs.
pub fn setup_bench() -> Result<()> {
    setup()?;
    install(BENCH_PACKAGES.iter().map(|(name, _)| *name).filter(|name| !installed(name)).collect())
}

/// Installs what counting instructions needs.
pub fn setup_instructions() -> Result<()> {
    setup()?;
    setup_cross()?;
    install(INSTRUCTIONS_PACKAGES.iter().map(|(name, _)| *name).filter(|name| !installed(name)).collect())
}

/// Installs what fetching the corpus needs.
pub fn setup_fetch() -> Result<()> {
    let works =
        |words: &[&str]| Command::new(words[0]).args(&words[1..]).output().is_ok_and(|output| output.status.success());
    install(FETCH_PROGRAMS.iter().filter(|(words, _)| !works(words)).map(|(_, package)| *package).collect())
}

fn installed(package: &str) -> bool {
    let query = Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]).output();
    query.is_ok_and(|output| output.status.success() && output.stdout == b"installed")
}

fn install(missing: Vec<&str>) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("missing: {}", missing.join(", "));
    if Command::new("apt-get").arg("--version").output().is_err() {
        bail!(
            "this machine has no apt-get; install LLVM 22 with its development files, clang 22, lld 22 and wasi-libc \
             yourself and name LLVM's folder in LLVM_SYS_221_PREFIX"
        );
    }
    // Package lists may be absent (a fresh container) or old: try with what there is, then update.
    if apt_get(&["install"], &missing).is_err() {
        apt_get(&["update"], &[])?;
        apt_get(&["install"], &missing)
            .context("Debian 12 has these packages; is its security archive among the sources?")?;
    }
    Ok(())
}

fn apt_get(verb: &[&str], packages: &[&str]) -> Result<()> {
    let mut command = if is_root()? { Command::new("apt-get") } else { Command::new("sudo") };
    if !is_root()? {
        command.arg("apt-get");
    }
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command.args(["-qq", "-y", "--no-install-recommends"]).args(verb).args(packages).status_ok()
}

fn is_root() -> Result<bool> {
    Ok(Command::new("id").arg("-u").output_ok()?.trim() == "0")
}
