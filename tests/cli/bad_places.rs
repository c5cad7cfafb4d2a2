//! Folders, disks and memory that are not as one would wish.

use crate::{Desk, Outcome};
use std::process::Command;
use wasmc_tests::tool;

const MODULE: &str = "(module (memory 1) (func (export \"_start\")))";

/// Runs a line of shell in which `wasmc` and `aot-run` are the tools.
fn shell(desk: &Desk, line: &str) -> Outcome {
    let quoted = |name: &str| format!("'{}'", tool(name).display());
    let line = line.replace("aot-run", &quoted("aot-run")).replace("wasmc ", &format!("{} ", quoted("wasmc")));
    let mut command = Command::new("sh");
    command.args(["-c", &line]).current_dir(desk.scratch.path()).env("XDG_CACHE_HOME", desk.path("cache"));
    Outcome::from(command.output().expect("there is a shell"))
}

#[test]
fn an_output_folder_that_is_missing_or_no_folder_is_named() {
    let desk = Desk::new("output");
    desk.file("m.wat", MODULE);
    desk.file("file", "");
    let before = desk.contents();
    desk.run("wasmc", ["compile", "m.wat", "-o", "missing/m.aot"]).failed_with(&["no folder `missing`"]);
    desk.run("wasmc", ["compile", "m.wat", "-o", "file/m.aot"]).failed_with(&["file", "Not a directory"]);
    // Nobody can create a file there, whatever their rights.
    desk.run("wasmc", ["compile", "m.wat", "-o", "/proc/m.aot"]).failed_with(&["/proc"]);
    assert_eq!(desk.contents(), before);
}

#[test]
fn a_folder_that_nothing_can_be_kept_in_is_named() {
    let desk = Desk::new("incremental-folder");
    desk.file("m.wat", MODULE);
    desk.file("file", "");
    let before = desk.contents();
    for (folder, words) in [("file", ["keep", "`file`"]), ("file/below", ["file/below", "Not a directory"])] {
        desk.run("wasmc", ["compile", "m.wat", "--incremental", folder]).failed_with(&words);
    }
    desk.run("wasmc", ["compile", "m.wat", "--incremental=/proc/none"]).failed_with(&["/proc/none"]);
    assert_eq!(desk.contents(), before);
}

#[test]
fn folders_that_others_may_write_into_keep_no_code() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new("others-folder");
    desk.file("m.wat", MODULE);
    let folder = desk.path("shared");
    std::fs::create_dir(&folder).expect("it can be made");
    for mode in [0o777, 0o1777, 0o770, 0o702] {
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(mode)).expect("it is ours");
        let before = desk.contents();
        for args in [["compile", "m.wat", "--incremental=shared"], ["run", "--cache-dir=shared", "m.wat"]] {
            desk.run("wasmc", args).failed_with(&["`shared`", "others may write into it", "chmod go-w shared"]);
        }
        assert_eq!(desk.contents(), before);
    }
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).expect("it is ours");
    let kept = desk.run("wasmc", ["compile", "m.wat", "--incremental=shared"]);
    assert_eq!(kept.status, Some(0), "{}", kept.stderr);
    desk.run("wasmc", ["compile", "m.wat", "--incremental=shared", "--emit=llvm"])
        .failed_with(&["--emit", "leave out"]);
}

#[test]
fn a_full_disk_keeps_nothing_and_the_result_is_there() {
    let desk = Desk::new("incremental-full");
    desk.file("m.wat", MODULE);
    let outcome =
        shell(&desk, "mkdir kept; trap '' XFSZ; ulimit -f 0; wasmc compile m.wat --incremental kept -o /dev/null");
    assert!(outcome.stderr.contains("could not be kept in the cache `kept`"), "{}", outcome.stderr);
    assert_eq!(outcome.status, Some(0));
    assert_eq!(std::fs::read_dir(desk.path("kept")).expect("it is there").count(), 0);
}

#[test]
fn a_read_only_output_folder_is_named() {
    let desk = Desk::new("read-only");
    desk.file("m.wat", MODULE);
    // For the superuser no folder is read-only: they get the claim checked by the test above.
    let outcome =
        shell(&desk, "mkdir closed && chmod 555 closed && test ! -w closed && wasmc compile m.wat -o closed/m.aot");
    if !outcome.stderr.is_empty() {
        outcome.failed_with(&["closed", "Permission denied"]);
    }
    assert_eq!(desk.contents(), ["closed", "m.wat"]);
}

#[test]
fn a_full_disk_leaves_nothing_behind() {
    let desk = Desk::new("full");
    // More bytes than the limit below, which stands for the disk's.
    let contents: String = (0..40_000).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
    desk.file("m.wat", format!("(module (memory 1) (data (i32.const 0) \"{contents}\") (func (export \"_start\")))"));
    let before = desk.contents();
    let outcome = shell(&desk, "trap '' XFSZ; ulimit -f 16; wasmc compile m.wat -o m.aot");
    outcome.failed_with(&["m.aot"]);
    assert_eq!(desk.contents(), before, "something was left behind");
    // An output that was there stays as it was.
    desk.file("m.aot", "the former one");
    shell(&desk, "trap '' XFSZ; ulimit -f 16; wasmc compile m.wat -o m.aot").failed_with(&["m.aot"]);
    assert_eq!(std::fs::read_to_string(desk.path("m.aot")).expect("it is there"), "the former one");
}

#[test]
fn memory_that_cannot_be_reserved_is_said_with_a_way_out() {
    let desk = Desk::new("reserve");
    desk.image("guard", MODULE, &["--memory", "guard"]);
    desk.image("checked", MODULE, &["--memory", "checked"]);
    // Three GiB of address space: enough for the program, not for the guard model's reservation.
    shell(&desk, "ulimit -v 3145728; aot-run guard.aot").failed_with(&["reserve", "checked"]);
    let outcome = shell(&desk, "ulimit -v 3145728; aot-run checked.aot");
    assert_eq!(outcome.status, Some(0), "the way out is none: {}", outcome.stderr);
}

#[test]
fn a_preopened_folder_that_is_not_there_is_named() {
    let desk = Desk::new("preopen");
    desk.image("m", MODULE, &[]);
    desk.run("aot-run", ["--dir", "nowhere::/", "m.aot"]).failed_with(&["nowhere", "No such file or directory"]);
    desk.run("wasmc", ["run", "--dir", "nowhere::/", "m.wat"]).failed_with(&["nowhere", "No such file or directory"]);
    desk.run("wasmc", ["run", "--dir", "m.wat::/", "m.wat"]).failed_with(&["m.wat", "not a directory"]);
}

#[test]
fn wrong_options_say_what_there_is() {
    let desk = Desk::new("options");
    desk.file("m.wat", MODULE);
    for (args, words) in [
        (["--target", "pdp11"], &["pdp11", "x86_64-linux"][..]),
        (["--cpu", "i486"], &["i486", "x86-64-v3"]),
        (["--features", "+warp"], &["warp", "avx2"]),
        (["--memory", "hope"], &["hope", "guard", "checked"]),
        (["--emit", "poetry"], &["poetry", "llvm"]),
    ] {
        let args = ["compile", "m.wat", "-o", "m.aot", args[0], args[1]];
        desk.run("wasmc", args).failed_with(words);
    }
    assert_eq!(desk.contents(), ["m.wat"]);
}
