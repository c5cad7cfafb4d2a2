//! The commands as a person meets them: wrong input gives a message that says what, where and what
//! would help, an exit status other than 0, and leaves nothing behind.

mod bad_images;
mod bad_modules;
mod bad_places;
mod good;
mod profile;
mod programs;
mod threads;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use wasmc_tests::{Scratch, tool};

/// A folder with files to work on.
struct Desk {
    scratch: Scratch,
}

/// What a command came to.
struct Outcome {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn new(name: &str) -> Desk {
        Desk { scratch: Scratch::new(&format!("cli-{name}")) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Writes a file; its path.
    fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, contents).expect("the scratch folder can be written");
        path
    }

    /// Names of what lies in the folder.
    fn contents(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.scratch.path()).expect("the scratch folder can be read");
        let names = entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name != "cache").collect();
        names.sort();
        names
    }

    /// Runs `wasmc`, or `aot-run`, with a cache of its own.
    fn run<S: AsRef<OsStr>>(&self, name: &str, args: impl IntoIterator<Item = S>) -> Outcome {
        let mut command = Command::new(tool(name));
        command.args(args).current_dir(self.scratch.path()).env("XDG_CACHE_HOME", self.path("cache"));
        command.stdin(std::process::Stdio::null());
        Outcome::from(command.output().expect("the tool can be started"))
    }

    /// Compiles a module that is right.
    fn image(&self, name: &str, text: &str, more: &[&str]) -> PathBuf {
        let (module, image) = (self.file(&format!("{name}.wat"), text), self.path(&format!("{name}.aot")));
        let args = [OsStr::new("compile"), module.as_os_str(), OsStr::new("-o"), image.as_os_str()];
        let outcome = self.run("wasmc", args.into_iter().chain(more.iter().map(OsStr::new)));
        assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
        image
    }

    /// Compiling `path` must fail with a message that has all of `words`, and leave nothing behind.
    fn compile_fails(&self, path: &Path, words: &[&str]) {
        let before = self.contents();
        let outcome =
            self.run("wasmc", [OsStr::new("compile"), path.as_os_str(), OsStr::new("-o"), OsStr::new("out.aot")]);
        outcome.failed_with(words);
        assert_eq!(self.contents(), before, "something was left behind");
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Outcome {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Outcome { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Outcome {
    fn failed_with(&self, words: &[&str]) {
        let message = &self.stderr;
        assert!(self.status.is_some_and(|status| status != 0), "status {:?}; {message}", self.status);
        for word in words {
            assert!(message.to_lowercase().contains(&word.to_lowercase()), "`{word}` is not in the message: {message}");
        }
        assert!(!message.contains("panicked"), "{message}");
        assert!(self.stdout.is_empty(), "a failure printed a result: {}", self.stdout);
    }
}
