//! Modules that cannot be compiled, or not run as they are.

use crate::Desk;
use std::fmt::Write;

#[test]
fn what_is_not_wasm_is_refused() {
    let desk = Desk::new("not-wasm");
    desk.compile_fails(&desk.file("picture.wasm", b"\x89PNG\r\n\x1a\n\0\0\0\0"), &["picture.wasm", "not"]);
    desk.compile_fails(&desk.file("prose.wasm", "Dear compiler, this is prose."), &["prose.wasm"]);
    desk.compile_fails(&desk.file("empty.wasm", ""), &["empty.wasm"]);
    desk.compile_fails(&desk.path("absent.wasm"), &["absent.wasm", "no file"]);
    // A component is Wasm, but not a module.
    desk.compile_fails(&desk.file("component.wasm", b"\0asm\x0d\0\x01\0"), &["component.wasm", "component"]);
}

#[test]
fn wrong_text_is_refused_with_its_line() {
    let desk = Desk::new("text");
    let path = desk.file("text.wat", "(module\n  (func\n    (i32.addd)))\n");
    desk.compile_fails(&path, &["text.wat", "3", "i32.addd"]);
}

#[test]
fn truncated_modules_are_refused_with_an_offset() {
    let desk = Desk::new("truncated");
    let wasm = wat::parse_str("(module (memory 1) (func (export \"f\") (result i32) (i32.const 7)))").unwrap();
    for len in [9, wasm.len() / 2, wasm.len() - 1] {
        desk.compile_fails(&desk.file("cut.wasm", &wasm[..len]), &["cut.wasm", "0x"]);
    }
    // Inside the first eight bytes no offset helps anyone.
    for len in [4, 6] {
        desk.compile_fails(&desk.file("cut.wasm", &wasm[..len]), &["cut.wasm", "cut short"]);
    }
}

#[test]
fn invalid_modules_are_refused_with_offset_and_function() {
    let desk = Desk::new("invalid");
    let wasm = wat::parse_str("(module (func) (func $sum (result i32) (i64.const 1)))").unwrap();
    desk.compile_fails(&desk.file("types.wasm", wasm), &["types.wasm", "type mismatch", "0x", "function 1"]);
    let wasm = wat::parse_str("(module (func (call 7)))").unwrap();
    desk.compile_fails(&desk.file("index.wasm", wasm), &["index.wasm", "unknown function 7", "0x", "function 0"]);
}

#[test]
fn too_many_locals_and_too_large_functions_are_refused() {
    let desk = Desk::new("large");
    let mut text = String::from("(module (func $many (local");
    (0..50_001).for_each(|_| text += " i32");
    text += ")))";
    let wasm = wat::parse_str(text).unwrap();
    desk.compile_fails(&desk.file("locals.wasm", wasm), &["locals.wasm", "too many locals", "0x", "function 0"]);

    let mut text = String::from("(module (func $huge\n");
    (0..1_600_000).for_each(|_| text += "(drop (i32.const 1000000))");
    text += "))";
    let wasm = wat::parse_str(text).unwrap();
    assert!(wasm.len() > 7_654_321);
    desk.compile_fails(&desk.file("huge.wasm", wasm), &["huge.wasm", "7654321", "0x"]);
}

#[test]
fn what_needs_a_later_proposal_is_refused_by_its_name_and_place() {
    let desk = Desk::new("proposals");
    let wasm = wat::parse_str("(module (type $f (func)) (type (cont $f)))").unwrap();
    desk.compile_fails(&desk.file("stacks.wasm", wasm), &["stack-switching", "0x"]);
}

#[test]
fn what_a_target_cannot_have_is_refused_by_name() {
    let desk = Desk::new("targets");
    for (target, text, words) in [
        ("armv7-linux", "(module (memory i64 1))", ["armv7-linux", "addresses of 64 bits"]),
        ("riscv32imac-none", "(module (table i64 1 funcref))", ["riscv32imac-none", "indices of 64 bits"]),
        ("thumbv7em-none", "(module (memory 1 1 shared))", ["thumbv7em-none", "shared"]),
    ] {
        let module = desk.file("module.wat", text);
        let args = ["compile".as_ref(), module.as_os_str(), "--target".as_ref(), target.as_ref()];
        desk.run("wasmc", args).failed_with(&words);
    }
}

#[test]
fn missing_imports_are_all_named_with_both_types() {
    let desk = Desk::new("imports");
    let mut text =
        String::from("(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func (param i64) (result i64)))\n");
    for index in 0..20 {
        write!(text, "(import \"env\" \"missing{index}\" (func (param i32 f64) (result i64)))").unwrap();
    }
    text += "(import \"env\" \"table\" (table 3 funcref)) (import \"env\" \"g\" (global (mut f32)))
        (func (export \"_start\")))";
    let path = desk.file("imports.wat", text);
    let mut words: Vec<String> = (0..20).map(|index| format!("missing{index}")).collect();
    words.extend(["(func (param i32 f64) (result i64))", "(table 3 funcref)", "(global (mut f32))"].map(String::from));
    // What was offered, where something was.
    words.extend(
        ["fd_write", "(func (param i64) (result i64))", "(func (param i32 i32 i32 i32) (result i32))"]
            .map(String::from),
    );
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    desk.run("wasmc", ["run".as_ref(), path.as_os_str()]).failed_with(&words);
    let image = desk.path("imports.aot");
    let args = ["compile".as_ref(), path.as_os_str(), "-o".as_ref(), image.as_os_str()];
    assert_eq!(desk.run("wasmc", args).status, Some(0), "what is missing, only the host knows");
    desk.run("aot-run", [image]).failed_with(&words);
}
