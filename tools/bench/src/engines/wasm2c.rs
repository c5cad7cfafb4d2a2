//! wasm2c: the module as C, and that C as native code, by the clang that builds the native kernels.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Engine, Program, native};
use crate::clang::{Clang, cpu_flags};
use crate::kernels::{Group, Kernel};
use crate::options::Options;

/// The runtime of wasm2c's output, as Debian installs it.
const RUNTIME: &str = "/usr/share/wabt/wasm2c";

/// What makes a kernel of the output.
const GLUE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/engines/wasm2c.c");

/// wasm2c and clang for one CPU.
pub struct Wasm2c {
    cpu: String,
    vectors: bool,
    clang: Clang,
    dir: PathBuf,
}

impl Wasm2c {
    /// `dir` takes C files and shared objects.
    pub fn new(options: &Options, clang: &Clang, dir: &Path) -> Self {
        Self { cpu: options.cpu.clone(), vectors: options.vectors, clang: clang.clone(), dir: dir.to_owned() }
    }
}

impl Engine for Wasm2c {
    fn name(&self) -> &str {
        "wasm2c"
    }

    /// Debian's release has no vectors.
    fn takes(&self, kernel: &Kernel) -> bool {
        !self.vectors && kernel.group != Group::Vectors
    }

    fn description(&self) -> String {
        let version = Command::new("wasm2c").arg("--version").output();
        let version = version.map_or_else(|_| "?".to_owned(), |output| text(&output.stdout));
        let flags = cpu_flags(&self.cpu).join(" ");
        format!("wasm2c {version}, {} -O3 {flags}, guard pages; compile time is both processes'", self.clang.version)
    }

    fn compile(&self, kernel: &Kernel, wasm: &[u8]) -> Result<Vec<u8>> {
        let file = |extension: &str| self.dir.join(format!("{}.wasm2c.{extension}", kernel.name));
        let (module, generated) = (file("wasm"), file("c"));
        std::fs::write(&module, wasm).with_context(|| format!("{} cannot be written.", module.display()))?;
        let mut command = Command::new("wasm2c");
        command.args(["--module-name=kernel", "-o"]).args([&generated, &module]);
        let output = command.output().context("wasm2c cannot be started. On Debian, install wabt.")?;
        ensure!(output.status.success(), "{command:?} failed:\n{}", text(&output.stderr));

        let flags = [
            format!("-DGENERATED=\"{}\"", generated.display()),
            format!("-I{RUNTIME}"),
            // Guard pages are the default, and what tells a trap by them is a handler in this process, where others
            // have theirs. No kernel traps: the handler is left out, which is another default and changes no code.
            "-DWASM_RT_SKIP_SIGNAL_RECOVERY=1".to_owned(),
        ];
        self.clang.build_shared(&self.cpu, &flags, Path::new(GLUE), &file("built"))
    }

    fn load(&self, kernel: &Kernel, artifact: &[u8]) -> Result<Program> {
        native::load_shared(&self.dir, kernel, self.name(), artifact)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
