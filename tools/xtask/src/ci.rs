//! What a change has to pass: `.ci/run` calls this.

use crate::shell::{CommandExt, cargo};
use crate::{setup, test};
use anyhow::Result;

/// Formatting, lints and docs, then every test.
pub fn ci() -> Result<()> {
    setup::setup()?;
    cargo(&["fmt", "--all", "--", "--check"]).status_ok()?;
    cargo(&["clippy", "--all-targets", "--", "-Dwarnings"]).status_ok()?;
    cargo(&["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings").status_ok()?;
    test::test(test::Scope::Small)
}
