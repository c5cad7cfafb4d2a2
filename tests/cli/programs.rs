//! Programs from C, compiled here: their sources stand beside this file.

use crate::Desk;
use std::path::Path;
use std::process::Command;

/// Compiles a source to a file in the desk's folder.
pub fn clang(desk: &Desk, source: &str, flags: &str, output: &str) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("cli").join(source);
    let mut clang = Command::new("clang-22");
    clang.args(flags.split(' ')).arg(source).arg("-o").arg(desk.path(output));
    let status = clang.status();
    let done = status.as_ref().is_ok_and(|status| status.success());
    assert!(done, "{clang:?}: {status:?}; `cargo xtask setup` installs it");
}

#[test]
fn pointers_of_64_bits_make_the_same_of_it_as_this_machine() {
    let desk = Desk::new("wide");
    clang(&desk, "wide.c", "-O1 -DNATIVE", "native");
    let native = Command::new(desk.path("native")).output().expect("it can be started");
    clang(&desk, "wide.c", "--target=wasm64 -O2 -mbulk-memory -nostdlib -Wl,--no-entry", "wide.wasm");
    for memory in ["guard", "checked"] {
        for level in ["-O0", "-O2", "-O3"] {
            let made = desk.run("wasmc", ["compile", "wide.wasm", level, "--memory", memory, "-o", "wide.aot"]);
            assert_eq!(made.status, Some(0), "{}", made.stderr);
            let outcome = desk.run("aot-run", ["--invoke", "run", "wide.aot", "20000"]);
            assert_eq!(outcome.stdout.as_bytes(), native.stdout, "{memory} {level}: {}", outcome.stderr);
        }
    }
}
