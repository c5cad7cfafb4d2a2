//! The same commands with nothing wrong: results, arguments, exit status.

use crate::Desk;

const FUNCTIONS: &str = "(module
    (func (export \"sum\") (param i32 i64) (result i64) (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1)))
    (func (export \"both\") (param f64 f32) (result f32 f64) (local.get 1) (local.get 0))
    (func $wild (export \"wild\") (param i32) (result i32) (call $inner (local.get 0)))
    (func $inner (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0))))";

const EXITS: &str = "(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
    (import \"wasi_snapshot_preview1\" \"args_sizes_get\" (func $sizes (param i32 i32) (result i32)))
    (memory (export \"memory\") 1)
    (func (export \"_start\") (drop (call $sizes (i32.const 0) (i32.const 4)))
        (call $exit (i32.add (i32.const 40) (i32.load (i32.const 0))))))";

#[test]
fn invoked_functions_take_negative_numbers_and_print_a_result_a_line() {
    let desk = Desk::new("invoke");
    desk.image("f", FUNCTIONS, &[]);
    for (tool, run, module) in
        [("wasmc", &["run"][..], "f.wat"), ("wasmc", &["run"], "f.aot"), ("aot-run", &[], "f.aot")]
    {
        let call = |args: &[&str]| desk.run(tool, run.iter().chain(&["--invoke", args[0], module]).chain(&args[1..]));
        let sum = call(&["sum", "-7", "-9000000000"]);
        assert_eq!((sum.status, sum.stdout.as_str()), (Some(0), "-9000000007\n"), "{}", sum.stderr);
        let both = call(&["both", "-0.5", "3"]);
        assert_eq!((both.status, both.stdout.as_str()), (Some(0), "3\n-0.5\n"), "{}", both.stderr);
        call(&["wild", "0"]).failed_with(&["integer divide by zero", "inner", "wild", "0x"]);
        call(&["nothing"]).failed_with(&["nothing"]);
        call(&["sum", "1"]).failed_with(&["sum"]);
        call(&["sum", "one", "2"]).failed_with(&["one"]);
    }
}

#[test]
fn the_programs_arguments_and_exit_status_pass_through() {
    let desk = Desk::new("exit");
    desk.image("e", EXITS, &["--memory", "checked", "-O0"]);
    for (tool, args) in [
        ("wasmc", &["run", "e.wat", "-1", "--dir", "x"][..]),
        ("wasmc", &["run", "e.aot", "-1", "--dir", "x"]),
        ("aot-run", &["e.aot", "-1", "--dir", "x"]),
    ] {
        let outcome = desk.run(tool, args);
        assert_eq!(outcome.status, Some(44), "{tool} {args:?}: {}", outcome.stderr);
    }
}

#[test]
fn what_was_kept_is_used_again_and_the_result_is_the_same() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new("incremental");
    let wanted = std::fs::read(desk.image("plain", FUNCTIONS, &[])).expect("it was written");
    let folder = desk.path("kept/here");
    let compile = |text: &str| {
        let image = desk.image("m", text, &["--incremental", "kept/here"]);
        let mut entries: Vec<_> = std::fs::read_dir(&folder)
            .expect("it was made")
            .map(|entry| entry.expect("it can be read").path())
            .map(|path| (std::fs::read(&path).expect("it can be read"), path))
            .collect();
        entries.sort();
        (std::fs::read(image).expect("it was written"), entries)
    };
    let (image, entries) = compile(FUNCTIONS);
    assert!(image == wanted && entries.len() == 1);
    assert_eq!(folder.metadata().expect("it is there").permissions().mode() & 0o777, 0o700);
    assert!(compile(FUNCTIONS) == (wanted.clone(), entries.clone()));
    std::fs::write(&entries[0].1, "damaged").expect("it can be written");
    assert!(compile(FUNCTIONS) == (wanted, entries));
    // Another module has another.
    assert_eq!(compile("(module (func (export \"f\") (result i32) (i32.const 1)))").1.len(), 2);
}

#[test]
fn output_is_the_same_for_any_number_of_threads_and_from_any_folder() {
    let desk = Desk::new("same");
    let first = std::fs::read(desk.image("one", FUNCTIONS, &["-j", "1"])).expect("it was written");
    std::fs::create_dir(desk.path("elsewhere")).expect("the scratch folder can be written");
    desk.file("elsewhere/other.wat", FUNCTIONS);
    for threads in ["1", "2", "7"] {
        let args = ["compile", "elsewhere/other.wat", "-o", "elsewhere/out", "-j", threads];
        assert_eq!(desk.run("wasmc", args).status, Some(0));
        assert_eq!(std::fs::read(desk.path("elsewhere/out")).expect("it was written"), first, "-j {threads}");
    }
}

#[test]
fn the_pipeline_stops_where_it_is_told() {
    let desk = Desk::new("emit");
    desk.file("f.wat", FUNCTIONS);
    for (stage, word) in [("module", "sum"), ("llvm", "define"), ("optimized", "define"), ("asm", ".text")] {
        let outcome = desk.run("wasmc", ["compile", "f.wat", "-o", "-", "--emit", stage]);
        assert!(outcome.status == Some(0) && outcome.stdout.contains(word), "{stage}: {}", outcome.stderr);
    }
}

#[test]
fn inspection_shows_imports_exports_and_the_target() {
    let desk = Desk::new("inspect");
    desk.image("e", EXITS, &[]);
    let outcome = desk.run("wasmc", ["inspect", "e.aot"]);
    for word in ["x86_64", "guard", "proc_exit", "_start", "memory"] {
        assert!(outcome.stdout.contains(word), "`{word}` is not in:\n{}{}", outcome.stdout, outcome.stderr);
    }
    let json = desk.run("wasmc", ["inspect", "--format=json", "e.aot"]).stdout;
    assert!(json.trim_start().starts_with('{') && json.contains("\"proc_exit\""), "{json}");
    assert!(desk.run("wasmc", ["targets"]).stdout.contains("x86_64-linux"));
    desk.image("b", "(module (memory (export \"m\") 1140 (pagesize 1)))", &[]);
    let bytes = desk.run("wasmc", ["inspect", "b.aot"]).stdout;
    assert!(bytes.contains("1140 bytes or more") && !bytes.contains("1140 pages"), "{bytes}");
}

#[test]
fn the_ram_that_an_image_needs_on_a_board_is_shown_by_part() {
    let desk = Desk::new("ram");
    let module = r#"(module (import "host" "f" (func)) (memory 2 5) (table 3 funcref) (data "passive"))"#;
    desk.image("r", module, &["--target=thumbv7em-none"]);
    let json = desk.run("wasmc", ["inspect", "--ram", "--format=json", "r.aot"]).stdout;
    let number = |name: &str| -> u64 {
        let found = json.split_once(&format!("\"{name}\": ")).unwrap_or_else(|| panic!("no {name} in {json}")).1;
        found.split([',', '\n']).next().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name}: {json}"))
    };
    assert_eq!((number("memories_len"), number("memories_len_max")), (2 << 16, 5 << 16));
    // Elements have 32 bytes, and so have records of host functions; a flag fills up what is aligned to 16.
    assert_eq!((number("tables_len"), number("host_records_len"), number("flags_len")), (96, 32, 16));
    // A header of 32 bytes, a memory, a table, an imported function, a type id and 8 bytes of alignment.
    assert_eq!(number("vmctx_len"), 32 + 16 + 16 + 32 + 8 + 8);
    let parts = [
        "vmctx_len",
        "record_len",
        "host_records_len",
        "types_len",
        "tags_len",
        "exceptions_len",
        "flags_len",
        "tables_len",
        "memories_len",
    ];
    assert_eq!(parts.map(number).iter().sum::<u64>(), number("instance_len"));
    assert_eq!(number("exceptions_len"), 0);
    assert!(number("stack_len") >= 512 && number("code_align") == 32);
    let file_len = std::fs::metadata(desk.path("r.aot")).expect("it was written").len();
    assert!((500..=file_len).contains(&number("code_buffer_len")), "{json}");
    let text = desk.run("wasmc", ["inspect", "--ram", "r.aot"]).stdout;
    assert!(text.contains(&number("instance_len").to_string()) && text.contains("may grow to 327680"), "{text}");
    // A record of 48 bytes for each tag. A head of 16 bytes and eight exceptions: each has one too, then 16 bytes, and room
    // for the values of any tag, of which a vector takes two slots.
    desk.image("e", "(module (tag (param i32)) (tag (param v128 f32)))", &["--target=thumbv7em-none"]);
    let json = desk.run("wasmc", ["inspect", "--ram", "--format=json", "e.aot"]).stdout;
    assert!(
        json.contains("\"tags_len\": 96,") && json.contains(&format!("\"exceptions_len\": {},", 16 + 8 * 64)),
        "{json}"
    );
    // A record for each type, with a display of eight slots.
    desk.image("s", "(module (type (struct)) (type (array i8)))", &["--target=thumbv7em-none"]);
    let json = desk.run("wasmc", ["inspect", "--ram", "--format=json", "s.aot"]).stdout;
    assert!(json.contains(&format!("\"types_len\": {},", 2 * (48 + 64))), "{json}");
}

#[test]
fn what_the_optimiser_leaves_alone_is_named_unless_told_to_be_quiet() {
    let desk = Desk::new("oversized");
    let body = " nop".repeat((1 << 20) + 1);
    desk.file("large.wat", format!("(module (func) (func {body}) (func (export \"f\")))"));
    let loud = desk.run("wasmc", ["compile", "large.wat"]);
    assert_eq!(loud.status, Some(0), "{}", loud.stderr);
    assert!(loud.stderr.contains("warning") && loud.stderr.contains("function 1 "), "{}", loud.stderr);
    for quiet in [&["-q"][..], &["-O0"]] {
        let outcome = desk.run("wasmc", ["compile", "large.wat"].iter().chain(quiet));
        assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""), "{quiet:?}");
    }
}

#[test]
fn the_proposals_of_a_module_are_listed_and_can_be_refused_and_allowed() {
    let desk = Desk::new("features");
    let path =
        desk.file("two.wat", "(module (memory 1) (memory 1) (global i32 (i32.add (i32.const 1) (i32.const 2))))");
    let text = desk.run("wasmc", ["inspect", "features", "two.wat"]);
    assert_eq!((text.status, text.stdout.as_str()), (Some(0), "extended-const\nmulti-memory\n"), "{}", text.stderr);
    let json = desk.run("wasmc", ["inspect", "features", "--format=json", "two.wat"]);
    assert!(json.stdout.contains("\"name\": \"multi-memory\""), "{}", json.stdout);
    let compile = |args: &[&str]| desk.run("wasmc", ["compile", "two.wat", "-o", "two.aot"].iter().chain(args));
    for refused in [&["--profile=wasm2"][..], &["--disable=multi-memory"], &["--profile", "lime1"]] {
        compile(refused).failed_with(&["multi-memory", "not enabled", "--enable=multi-memory", "0x"]);
    }
    compile(&["--profile=wasm2", "--enable", "multi-memory"]).failed_with(&["extended-const"]);
    let allowed = compile(&["--profile=wasm2", "--enable=multi-memory,extended-const"]);
    assert_eq!(allowed.status, Some(0), "{}", allowed.stderr);
    compile(&["--enable=multi-memroy"]).failed_with(&["multi-memroy", "multi-memory"]);
    assert!(path.exists());
}

#[test]
fn a_module_that_imports_more_than_it_calls_runs_on_request() {
    let desk = Desk::new("unknown");
    let module = "(module (import \"env\" \"big\" (func $big (param f64 i64 i32 f32 i64 i64 i64 i64 i64 i64) (result i64 f64)))
        (import \"wasi_snapshot_preview1\" \"fd_write\" (func (param i64) (result i64)))
        (func (export \"f\") (result i32) (i32.const 5))
        (func (export \"g\") (result i64) (call $big (f64.const 1) (i64.const 2) (i32.const 3) (f32.const 4) (i64.const 5)
          (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10)) drop))";
    desk.image("m", module, &[]);
    for (tool, run, module) in [("wasmc", &["run"][..], "m.wat"), ("aot-run", &[], "m.aot")] {
        let call =
            |flag: &[&str], name: &str| desk.run(tool, run.iter().chain(flag).chain(&["--invoke", name, module]));
        call(&[], "f").failed_with(&["env", "big", "fd_write"]);
        let f = call(&["--unknown-imports-trap"], "f");
        assert_eq!((f.status, f.stdout.as_str()), (Some(0), "5\n"), "{}", f.stderr);
        call(&["--unknown-imports-trap"], "g").failed_with(&["env.big", "does not have"]);
    }
}

#[test]
fn a_program_that_runs_too_long_is_interrupted() {
    let desk = Desk::new("timeout");
    let endless = "(module (func (export \"_start\") (call $inner)) (func $inner (loop (br 0))))";
    desk.image("t", endless, &["--interruptible"]);
    for (tool, args) in [
        ("wasmc", &["run", "--timeout=50ms", "t.wat"][..]),
        ("wasmc", &["run", "--timeout", "0.05s", "--interruptible", "t.aot"]),
        ("aot-run", &["--timeout", "50ms", "t.aot"]),
    ] {
        let run = desk.run(tool, args);
        assert_eq!(run.status, Some(134), "{}", run.stderr);
        run.failed_with(&["interrupted", "_start"]);
    }
    desk.run("aot-run", ["--timeout", "soon", "t.aot"]).failed_with(&["--timeout", "500ms"]);
}

#[test]
fn a_program_ends_when_its_fuel_is_used() {
    let desk = Desk::new("fuel");
    let counted = "(module (func (export \"_start\") (local i32) (local.set 0 (i32.const 100))
        (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))";
    desk.image("f", counted, &["--fuel"]);
    desk.image("plain", counted, &[]);
    for (tool, run) in [("wasmc", &["run"][..]), ("aot-run", &[])] {
        let run = |fuel: &str, image: &str| desk.run(tool, run.iter().chain(&["--fuel", fuel, image]));
        // Three at the start, and five a round.
        let enough = run("503", "f.aot");
        assert_eq!(enough.status, Some(0), "{}", enough.stderr);
        run("502", "f.aot").failed_with(&["all fuel consumed", "_start"]);
        run("503", "plain.aot").failed_with(&["--fuel"]);
    }
    assert_eq!(desk.run("wasmc", ["run", "--fuel=503", "f.wat"]).status, Some(0));
    desk.run("wasmc", ["run", "--fuel=502", "f.wat"]).failed_with(&["all fuel consumed"]);
}
