//! Running other programs: each call says what it runs, and a failure names the command.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the standard command lacks.
pub trait CommandExt {
    /// Shows the command, runs it, and fails if it does.
    fn status_ok(&mut self) -> Result<()>;
    /// Runs the command quietly; its standard output.
    fn output_ok(&mut self) -> Result<String>;
    /// The command as a person would type it.
    fn shown(&self) -> String;
}

impl CommandExt for Command {
    fn status_ok(&mut self) -> Result<()> {
        let shown = self.shown();
        eprintln!("$ {shown}");
        let status = self.status().with_context(|| format!("`{shown}` could not be started"))?;
        if !status.success() {
            bail!("`{shown}` failed: {status}");
        }
        Ok(())
    }

    fn output_ok(&mut self) -> Result<String> {
        let shown = self.shown();
        let output = self.output().with_context(|| format!("`{shown}` could not be started"))?;
        if !output.status.success() {
            bail!("`{shown}` failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn shown(&self) -> String {
        let words = std::iter::once(self.get_program()).chain(self.get_args());
        words.map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }
}

/// The cargo that runs us, at the root of the workspace.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// The variable by which cargo is told a setting of a target.
pub fn target_setting(triple: &str, name: &str) -> String {
    format!("CARGO_TARGET_{}_{name}", triple.replace(['-', '.'], "_").to_uppercase())
}

/// The root of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("xtask stands two folders below the root").to_path_buf()
}

/// Where cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}
