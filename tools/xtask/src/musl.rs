//! Programs as small as they get: `aot-run` with musl, of which a static program keeps little, in place of glibc, of
//! which one that does nothing has 367 KB on ARMv7 and 683 KB on x86-64.
//!
//! Debian has musl for the machine that it runs on only. The Zig distribution, a package of PyPI's, has its source
//! and builds it for any machine; what it builds (`crt1.o` and three libraries) is then linked by the cross compilers
//! that `cross` has anyway. Rust's library is built for size and says nothing when it panics.

use crate::cross::{self, MACHINES, RUSTC};
use crate::fetch;
use crate::setup;
use crate::shell::{self, CommandExt};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One machine.
struct Machine {
    /// As `cross` calls it.
    name: &'static str,
    /// Rust's triple.
    triple: &'static str,
    /// Zig's.
    zig: &'static str,
    linker: &'static str,
}

const fn machine(name: &'static str, triple: &'static str, zig: &'static str, linker: &'static str) -> Machine {
    Machine { name, triple, zig, linker }
}

const WITH_MUSL: &[Machine] = &[
    machine("x86_64", "x86_64-unknown-linux-musl", "x86_64-linux-musl", "cc"),
    machine("aarch64", "aarch64-unknown-linux-musl", "aarch64-linux-musl", MACHINES[0].gcc),
    machine("armv7", "armv7-unknown-linux-musleabihf", "arm-linux-musleabihf", MACHINES[1].gcc),
    machine("riscv64", "riscv64gc-unknown-linux-musl", "riscv64-linux-musl", MACHINES[2].gcc),
];

/// What Zig links with a static C program besides the program: musl's start code, its library, and Zig's own two.
const LIBRARIES: [&str; 4] = ["crt1.o", "libc.a", "libzigc.a", "libcompiler_rt.a"];

/// Builds `aot-run` for every machine; the machines' names, and where it is.
pub fn small() -> Result<Vec<(&'static str, PathBuf)>> {
    setup::setup_cross()?;
    WITH_MUSL.iter().map(|machine| Ok((machine.name, build(machine)?))).collect()
}

fn build(machine: &Machine) -> Result<PathBuf> {
    let libraries = libraries(machine)?;
    let flags = [
        "-Ctarget-feature=+crt-static",
        "-Crelocation-model=static",
        "-Clink-self-contained=no",
        "-Clink-arg=-nostdlib",
        &format!("-Clink-arg={}", libraries.join("crt1.o").display()),
        &format!("-Lnative={}", libraries.display()),
        "-Clink-arg=-lzigc",
        "-Clink-arg=-lcompiler_rt",
        "-Clink-arg=-lc",
        "-Zunstable-options",
        "-Cpanic=immediate-abort",
        // Nothing unwinds, so nobody reads these tables.
        "-Cforce-unwind-tables=no",
        "-Clink-arg=-Wl,--no-eh-frame-hdr",
    ];
    let linker = format!("CARGO_TARGET_{}_LINKER", machine.triple.replace('-', "_").to_uppercase());
    shell::cargo(&["build", "-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"])
        .args(["--target", machine.triple, "--profile", "small", "--package", "aot-run", "--bin", "aot-run"])
        .env("RUSTC", RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env("CARGO_TARGET_DIR", dir())
        .env(linker, machine.linker)
        .status_ok()?;
    Ok(dir().join(machine.triple).join("small/aot-run"))
}

/// The folder with [`LIBRARIES`] for a machine, which are built if they are not there.
fn libraries(machine: &Machine) -> Result<PathBuf> {
    let folder = dir().join("libraries").join(machine.zig);
    if LIBRARIES.iter().all(|name| folder.join(name).exists()) {
        return Ok(folder);
    }
    let zig = zig()?;
    fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
    let (source, cache) = (folder.join("empty.c"), dir().join("cache"));
    fs::write(&source, "int main(void) { return 0; }\n")?;
    eprintln!("building musl for {}", machine.zig);
    let mut command = Command::new(&zig);
    command.args(["cc", "-target", machine.zig, "-static", "-Os"]).arg(&source);
    command.arg("-o").arg(folder.join("empty")).arg("--verbose");
    command.env("ZIG_GLOBAL_CACHE_DIR", &cache).env("ZIG_LOCAL_CACHE_DIR", &cache).current_dir(&folder);
    let output = command.output().context("zig could not be started")?;
    // The linker's command, among others.
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for name in LIBRARIES {
        let is_it = |word: &&str| Path::new(word).file_name().is_some_and(|file| file == name);
        let path = said.split_whitespace().find(is_it).with_context(|| format!("zig linked no {name}:\n{said}"))?;
        fs::copy(folder.join(path), folder.join(name)).with_context(|| format!("could not copy {path}"))?;
    }
    // Rust's library asks for an unwinder, which nothing here calls.
    Command::new("ar").arg("rc").arg(folder.join("libunwind.a")).output_ok()?;
    Ok(folder)
}

/// The Zig compiler, fetched if it is not there.
fn zig() -> Result<PathBuf> {
    let zig = fetch::folder("zig")?.join("zig");
    // Zip as unpacked there loses the executable bit.
    Command::new("chmod").arg("u+x").arg(&zig).output_ok()?;
    Ok(zig)
}

fn dir() -> PathBuf {
    cross::dir().join("musl")
}
