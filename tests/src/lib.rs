//! What the test targets share: the six configurations that are claimed to work, both engines behind
//! the same few calls, and values that can be compared between them.

mod config;
mod engine;
mod oracle;
mod value;

#[path = "../corpus/manifest.rs"]
pub mod manifest;

pub use config::Config;
pub use engine::{Engine, load};
pub use oracle::Oracle;
pub use value::{Outcome, Value};

use std::path::PathBuf;

/// A folder for one test's files, empty at first; removed when dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new folder. `name` is unique among the tests.
    pub fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("wasmc-tests-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the system's folder for temporary files can be written");
        Scratch(path)
    }

    /// Where it is.
    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left behind harms no later test: names contain the process.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Path of `wasmc` or `aot-run`, built for the profile that the tests were built for.
pub fn tool(name: &str) -> PathBuf {
    static DIR: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    DIR.get_or_init(build_tools).join(name)
}

fn build_tools() -> PathBuf {
    let this = std::env::current_exe().expect("this program has a path");
    // .../target/PROFILE/deps/this
    let dir = this.ancestors().nth(2).expect("cargo puts tests two folders down").to_path_buf();
    let profile = match dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = std::process::Command::new(cargo)
        .args(["build", "--quiet", "--profile", profile, "--package", "wasmc", "--package", "aot-run"])
        .status();
    assert!(status.is_ok_and(|status| status.success()), "the tools could not be built");
    dir
}
