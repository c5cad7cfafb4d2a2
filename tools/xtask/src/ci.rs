//! What a change has to pass: `.ci/run` calls this.

use crate::shell::{CommandExt, cargo, root, target_dir};
use crate::{setup, test};
use anyhow::{Context, Result};
use std::process::Command;

/// Formatting, lints and docs, damaged images under a sanitizer, then every test.
pub fn ci() -> Result<()> {
    setup::setup()?;
    cargo(&["fmt", "--all", "--", "--check"]).status_ok()?;
    // A workspace of its own.
    cargo(&["fmt", "--manifest-path", "tools/boards/Cargo.toml", "--", "--check"]).status_ok()?;
    cargo(&["clippy", "--all-targets", "--", "-Dwarnings"]).status_ok()?;
    // Without the collector, and without an OS.
    for features in ["std", "gc", ""] {
        let without = ["clippy", "--package", "wasmc-runtime", "--no-default-features", "--features", features];
        cargo(&without).args(["--", "-Dwarnings"]).status_ok()?;
    }
    cargo(&["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings").status_ok()?;
    sanitize()?;
    test::test(test::Scope::Small)
}

/// The loader on damaged images, hand-made ones and one that the compiler made, with AddressSanitizer
/// watching every access.
fn sanitize() -> Result<()> {
    let work = target_dir().join("sanitize");
    std::fs::create_dir_all(&work).with_context(|| format!("could not create {}", work.display()))?;
    let image = work.join("real.aot");
    // The compiler is built without: LLVM's library knows no sanitizer.
    cargo(&["build", "--bin", "wasmc", "--bin", "aot-run"]).status_ok()?;
    let mut compile = Command::new(target_dir().join("debug/wasmc"));
    compile.arg("compile").arg(root().join("tests/images/real.wat")).arg("-o").arg(&image).status_ok()?;
    // Rust calls its sanitizers unstable. With a target of its own, build scripts do without.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    cargo(&["test", "--package", "wasmc-loader", "--target", &target, "--test", "image", "mutations"])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env("CARGO_TARGET_DIR", &work)
        .env("WASMC_TEST_IMAGE", &image)
        .status_ok()
}
