//! `--profile-generate`, a run, `--profile-use`.

use crate::Desk;

/// Prints nothing, calls one function often, another never, and ends as its argument says: 0 by returning, 1 by an exit
/// with status 3, else by a trap.
const PROGRAM: &str = r#"(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func $often (param i32) (result i32) (if (result i32) (i32.rem_u (local.get 0) (i32.const 10))
        (then (i32.const 1)) (else (i32.const 2))))
    (func $never (param i32) (result i32) (i32.popcnt (local.get 0)))
    (func (export "sum") (param $n i32) (param $end i32) (result i32) (local $sum i32)
        (loop $l
            (local.set $sum (i32.add (local.get $sum) (call $often (local.get $n))))
            (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (if (i32.eq (local.get $end) (i32.const 1)) (then (call $exit (i32.const 3))))
        (if (i32.gt_u (local.get $end) (i32.const 1)) (then (unreachable)))
        (local.get $sum))
    (func (export "other") (result i32) (call $never (i32.const 7))))"#;

#[test]
fn a_profile_is_made_and_used() {
    let desk = Desk::new("profile");
    desk.file("p.wat", PROGRAM);
    let compile = |args: &[&str]| desk.run("wasmc", ["compile", "p.wat"].iter().chain(args));
    assert_eq!(compile(&["--profile-generate", "-o", "counting.aot"]).status, Some(0));
    let run = |image: &str, end: &str| desk.run("aot-run", ["--invoke", "sum", image, "1000", end]);
    let counted = run("counting.aot", "0");
    assert_eq!((counted.status, counted.stdout.as_str()), (Some(0), "1100\n"), "{}", counted.stderr);
    assert!(desk.contents().contains(&"default.wasmprof".to_string()));

    let used = compile(&["--profile-use=default.wasmprof", "-O3", "-o", "used.aot"]);
    assert_eq!((used.status, used.stderr.as_str()), (Some(0), ""));
    assert_eq!(run("used.aot", "0").stdout, "1100\n");
    let ir = compile(&["--profile-use", "default.wasmprof", "--emit=llvm", "-o", "-"]).stdout;
    assert!(ir.contains(r#"!{!"branch_weights", i32 900, i32 100}"#), "{ir}");
    // The same bytes again, others than without, and for a target that nothing was counted on.
    compile(&["--profile-use=default.wasmprof", "-O3", "-o", "again.aot"]);
    compile(&["-O3", "-o", "plain.aot"]);
    let bytes = |name: &str| std::fs::read(desk.path(name)).expect("it was made");
    assert!(bytes("used.aot") == bytes("again.aot") && bytes("used.aot") != bytes("plain.aot"));
    let firmware = compile(&["--profile-use=default.wasmprof", "--target=thumbv7em-none", "-o", "f.aot"]);
    assert_eq!(firmware.status, Some(0), "{}", firmware.stderr);
    compile(&["--profile-generate", "--target=thumbv7em-none", "-o", "f.aot"]).failed_with(&["firmware", "profile"]);
    compile(&["--profile-generate", "--profile-use=default.wasmprof"]).failed_with(&["cannot be used with"]);
}

#[test]
fn a_program_that_exits_or_traps_leaves_its_profile_too() {
    let desk = Desk::new("profile-ends");
    desk.file("p.wat", PROGRAM);
    for (end, status) in [("1", 3), ("2", 134)] {
        let file = format!("{end}.prof");
        // The module has no other argument: a run compiles it, and does not take what it has in the cache.
        let plain = desk.run("wasmc", ["run", "--invoke", "sum", "p.wat", "1000", end]);
        assert_eq!(plain.status, Some(status), "{}", plain.stderr);
        let flags = ["run", "--profile-generate", "--profile-file", &file, "--invoke", "sum", "p.wat", "1000", end];
        assert_eq!(desk.run("wasmc", flags).status, Some(status));
        let use_it = format!("--profile-use={file}");
        let ir = desk.run("wasmc", ["compile", "p.wat", &use_it, "--emit=llvm", "-o", "-"]).stdout;
        assert!(ir.contains(r#"!{!"branch_weights", i32 900, i32 100}"#), "{ir}");
        let used = desk.run("wasmc", ["run", &use_it, "--invoke", "sum", "p.wat", "1000", "0"]);
        assert_eq!(used.stdout, "1100\n", "{}", used.stderr);
    }
    let nowhere = ["run", "--profile-generate", "--profile-file=no/where", "--invoke", "other", "p.wat"];
    let nowhere = desk.run("wasmc", nowhere);
    assert!(nowhere.status == Some(1) && nowhere.stderr.contains("no/where"), "{}", nowhere.stderr);
    // A profile takes an older one's place, and nothing lies beside it.
    assert!(!desk.contents().iter().any(|name| name.contains(".tmp")));
}

#[test]
fn functions_that_have_changed_are_named_and_another_modules_profile_is_refused() {
    let desk = Desk::new("profile-changed");
    desk.file("p.wat", PROGRAM);
    let made = desk.run("wasmc", ["run", "--profile-generate", "--invoke", "sum", "p.wat", "1000", "0"]);
    assert_eq!(made.status, Some(0), "{}", made.stderr);
    desk.file("changed.wat", PROGRAM.replace("(i32.popcnt", "(i32.clz"));
    let compile =
        |module: &str, profile: &str| desk.run("wasmc", ["compile", module, "-o", "x.aot", "--profile-use", profile]);
    let changed = compile("changed.wat", "default.wasmprof");
    assert!(changed.status == Some(0) && changed.stderr.contains("not in the profile"), "{}", changed.stderr);
    assert!(changed.stderr.contains("function 2"), "{}", changed.stderr);
    desk.file("other.wat", "(module (func (export \"f\") (result i32) (i32.const 5)))");
    compile("other.wat", "default.wasmprof").failed_with(&["other.wat", "profile is of another module"]);

    let whole = std::fs::read(desk.path("default.wasmprof")).expect("it was made");
    desk.file("cut", &whole[..whole.len() - 9]);
    compile("p.wat", "cut").failed_with(&["cut", "ends too early"]);
    let mut damaged = whole.clone();
    damaged[40] ^= 1;
    desk.file("damaged", damaged);
    compile("p.wat", "damaged").failed_with(&["damaged", "checksum"]);
    compile("p.wat", "p.wat").failed_with(&["p.wat", "not a profile"]);
    compile("p.wat", "missing").failed_with(&["missing", "--profile-generate"]);
    // Those of two runs, one after the other, are one.
    desk.file("twice", [&whole[..], &whole].concat());
    let ir = desk.run("wasmc", ["compile", "p.wat", "--profile-use=twice", "--emit=llvm", "-o", "-"]).stdout;
    assert!(ir.contains(r#"!{!"branch_weights", i32 1800, i32 200}"#), "{ir}");
    let taken = r#"(module (memory (export "wasmc.profile") 1))"#;
    desk.file("taken.wat", taken);
    desk.run("wasmc", ["compile", "--profile-generate", "taken.wat"]).failed_with(&["taken.wat", "wasmc.profile"]);
}
