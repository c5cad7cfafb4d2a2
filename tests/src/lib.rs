//! What the test targets share: the configurations that are claimed to work, the process that runs compiled code
//! on its platform, both engines behind the same few calls, and outcomes that can be compared between them.

mod config;
mod engine;
mod oracle;
mod outcome;
mod runner;

#[path = "../corpus/manifest.rs"]
pub mod manifest;

pub use config::{Config, Emulator, PLATFORMS, Platform};
pub use engine::Engine;
pub use oracle::{Oracle, exports};
pub use outcome::Outcome;
pub use runner::Runner;
pub use wasmc_test_protocol::{Any, Value};

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};

/// In the place of the C library's for LLVM too, as in the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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

/// Path of one of our programs, built for the profile that the tests were built for.
pub fn tool(name: &str) -> PathBuf {
    static BUILT: Programs = LazyLock::new(Mutex::default);
    program(&BUILT, name, || {
        let this = std::env::current_exe().expect("this program has a path");
        // .../target/PROFILE/deps/this
        let dir = this.ancestors().nth(2).expect("cargo puts tests two folders down").to_path_buf();
        let profile = match dir.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(name) => name,
        };
        // From the root, so that dependencies have the features that they have already been built with.
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        let mut build = cargo();
        build.args(["build", "--quiet", "--profile", profile, "--manifest-path", root, "--bin", name]);
        let status = build.status();
        assert!(status.is_ok_and(|status| status.success()), "{name} could not be built");
        dir.join(name)
    })
}

/// Path of one of our programs, built for another machine.
fn cross_tool(name: &str, machine: &str) -> PathBuf {
    static BUILT: Programs = LazyLock::new(Mutex::default);
    program(&BUILT, machine, || {
        let mut command = cargo();
        command.args(["xtask", "cross-build", name, machine]).stderr(Stdio::inherit());
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(output.status.success(), "{name} could not be built for {machine}");
        let said = String::from_utf8(output.stdout).expect("it prints a path");
        // What it installs first may talk, too.
        PathBuf::from(said.lines().last().expect("it prints a path"))
    })
}

/// Programs that this process has built.
type Programs = LazyLock<Mutex<HashMap<String, PathBuf>>>;

fn program(built: &Programs, name: &str, build: impl FnOnce() -> PathBuf) -> PathBuf {
    let mut built = built.lock().expect("no program failed to build before");
    built.entry(name.to_string()).or_insert_with(build).clone()
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
