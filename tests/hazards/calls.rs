//! Calls: recursion that has to end, many parameters, many results, by every way a call can go.

use crate::{args, everywhere, i32, trap, values};
use std::fmt::Write;
use wasmc_abi::TrapCode::{IndirectCallMismatch, StackOverflow, UndefinedElement, UninitializedElement};
use wasmc_tests::{Config, Engine, Value};

#[test]
fn endless_recursion_traps_and_the_instance_goes_on() {
    let text = "(module (type $f (func (param i32) (result i32))) (table funcref (elem $indirect))
        (global $depth (export \"depth\") (mut i32) (i32.const 0))
        (func $self (export \"self\") (param i32) (result i32) (call $self (local.get 0)))
        (func $tail (export \"tail\") (param i32) (result i32)
            (if (result i32) (local.get 0) (then (call $tail (local.get 0))) (else (i32.const 0))))
        (func $sum (export \"sum\") (param i32) (result i32)
            (i32.add (i32.const 1) (call $sum (i32.add (local.get 0) (i32.const 1)))))
        (func $counting (export \"counting\") (param i32) (result i32)
            (global.set $depth (i32.add (global.get $depth) (i32.const 1))) (call $counting (local.get 0)))
        (func $ping (export \"ping\") (param i32) (result i32) (call $pong (i32.add (local.get 0) (i32.const 1))))
        (func $pong (param i32) (result i32) (call $ping (i32.add (local.get 0) (i32.const 1))))
        (func $indirect (export \"indirect\") (param i32) (result i32)
            (call_indirect (type $f) (local.get 0) (i32.const 0)))
        (func (export \"fine\") (param i32) (result i32) (local.get 0)))";
    everywhere(text, |engine, config| {
        for round in 0..3 {
            for name in ["self", "tail", "sum", "counting", "ping", "indirect"] {
                assert_eq!(engine.call(name, &args([7])), trap(StackOverflow), "{config} {name}, round {round}");
            }
            assert_eq!(engine.call("fine", &args([round])), i32(round), "{config}");
        }
        let Some(Value::I32(depth)) = engine.global("depth") else { panic!("{config}: no global") };
        assert!(depth > 3 * 1000, "{config}: only {depth} calls fitted on three stacks");
    });
}

#[test]
fn recursion_with_large_frames_traps() {
    let mut text = String::from("(module (memory 1) (func $f (export \"f\") (param i32) (result i32)\n(local");
    (0..600).for_each(|_| text += " i64");
    text += ")\n";
    // All of them live across the call.
    (1..=600).for_each(|i| writeln!(text, "(local.set {i} (i64.load (i32.const {})))", i * 8).unwrap());
    text += "(drop (call $f (i32.add (local.get 0) (i32.const 1))))\n";
    (1..=600).for_each(|i| writeln!(text, "(i64.store (i32.const {}) (local.get {i}))", i * 8).unwrap());
    text += "(local.get 0)))";
    everywhere(&text, |engine, config| {
        assert_eq!(engine.call("f", &args([0])), trap(StackOverflow), "{config}");
    });
}

/// A function for each number of values that it holds over a call, each calling the next: what saves registers, in the
/// function or in code that functions share, saves as many as they need, and takes as much stack as is counted.
#[test]
fn values_survive_calls_however_many_there_are() {
    const MOST: u32 = 16;
    let functions = |ty: &str, bytes: u32| {
        let function = |held: u32| {
            let locals = format!(" {ty}").repeat(held as usize);
            let set = |n| format!("(local.set {n} ({ty}.load offset={} (i32.const 0)))", bytes * n);
            let loads: String = (1..=held).map(set).collect();
            let call = format!("(call ${ty}{} (i32.sub (local.get 0) (i32.const 1)))", (held + 1) % (MOST + 1));
            let sum =
                (1..=held).fold(call, |sum, n| format!("({ty}.add ({ty}.mul {sum} ({ty}.const 31)) (local.get {n}))"));
            let result = format!("(if (result {ty}) (local.get 0) (then {sum}) (else ({ty}.const 5)))");
            format!(
                "(func ${ty}{held} (export \"{ty}{held}\") (param i32) (result {ty}) (local{locals}) {loads} {result})"
            )
        };
        (0..=MOST).map(function).collect::<String>()
    };
    let text = format!(
        "(module (memory 1) (data (i32.const 0) \"{}\") {}{})",
        "abcdefghijklmnopqrstuvwxyz0123456789".repeat(4),
        functions("i32", 4),
        functions("i64", 8)
    );
    let word = |n: u32, bytes: u32| {
        let letter = |at: u32| u64::from(b"abcdefghijklmnopqrstuvwxyz0123456789"[at as usize % 36]);
        (bytes * n..bytes * (n + 1)).rev().fold(0, |word, at| word << 8 | letter(at))
    };
    fn wanted(held: u32, depth: u32, word: &dyn Fn(u32) -> u64) -> u64 {
        if depth == 0 {
            return 5;
        }
        let called = wanted((held + 1) % (MOST + 1), depth - 1, word);
        (1..=held).fold(called, |sum, n| sum.wrapping_mul(31).wrapping_add(word(n)))
    }
    everywhere(&text, |engine, config| {
        for held in 0..=MOST {
            let narrow = wanted(held, 40, &|n| word(n, 4)) as u32;
            assert_eq!(engine.call(&format!("i32{held}"), &args([40])), i32(narrow), "{config} {held}");
            let wide = Value::I64(wanted(held, 40, &|n| word(n, 8)));
            assert_eq!(engine.call(&format!("i64{held}"), &args([40])), values([wide]), "{config} {held}");
            for ty in ["i32", "i64"] {
                let deep = engine.call(&format!("{ty}{held}"), &args([u32::MAX]));
                assert_eq!(deep, trap(StackOverflow), "{config} {ty} {held}");
            }
        }
    });
}

/// The parameter and result types: all four number types by turns.
fn types(count: usize) -> Vec<&'static str> {
    ["i32", "f64", "i64", "f32"].into_iter().cycle().take(count).collect()
}

fn number(ty: &str, n: usize) -> Value {
    match ty {
        "i32" => Value::I32(n as u32),
        "i64" => Value::I64(n as u64),
        "f32" => Value::F32((n as f32).to_bits()),
        _ => Value::F64((n as f64).to_bits()),
    }
}

/// A module whose functions pass `count` values through a direct, an indirect and an imported call.
fn passing(count: usize) -> String {
    let types = types(count).join(" ");
    let gets: String = (0..count).map(|i| format!("(local.get {i})")).collect();
    format!(
        "(module (type $t (func (param {types}) (result {types})))
            (import \"other\" \"same\" (func $other (type $t)))
            (table funcref (elem $same $other))
            (func $same (export \"same\") (type $t) {gets})
            (func (export \"direct\") (type $t) {gets} (call $same))
            (func (export \"indirect\") (type $t) {gets} (call_indirect (type $t) (i32.const 0)))
            (func (export \"imported\") (type $t) {gets} (call $other))
            (func (export \"imported_indirect\") (type $t) {gets} (call_indirect (type $t) (i32.const 1)))
            (func (export \"block\") (type $t) {gets} (block (type $t) (br 0)))
            (func (export \"loop\") (type $t) {gets} (loop (type $t)))
            (func (export \"if\") (type $t) {gets} (if (type $t) (i32.const 1) (then) (else (call $same)))))"
    )
}

/// A module with the function that `passing` imports.
fn returning(count: usize) -> String {
    let types = types(count).join(" ");
    let gets: String = (0..count).map(|i| format!("(local.get {i})")).collect();
    format!("(module (func (export \"same\") (param {types}) (result {types}) {gets}))")
}

fn compiled(text: &str, config: Config) -> Vec<u8> {
    wasmc::compile(text.as_bytes(), &config.options()).unwrap_or_else(|error| panic!("{config}: {error}"))
}

/// The values 1, 2, ... of the types.
fn numbers(count: usize) -> Vec<Value> {
    types(count).iter().enumerate().map(|(n, ty)| number(ty, n + 1)).collect()
}

#[test]
fn many_parameters_and_results_of_mixed_types_arrive_by_every_kind_of_call() {
    for count in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 100] {
        let args = numbers(count);
        for config in Config::selected() {
            let (other, module) = (compiled(&returning(count), config), compiled(&passing(count), config));
            let mut engine = Engine::of(&other, config.platform).unwrap_or_else(|stop| panic!("{config}: {stop}"));
            let added = engine.register("other").and_then(|()| engine.instantiate(&module));
            added.unwrap_or_else(|stop| panic!("{config}: {stop}"));
            for name in ["same", "direct", "indirect", "imported", "imported_indirect", "block", "loop", "if"] {
                assert_eq!(engine.call(name, &args), values(args.clone()), "{config} {name} of {count}");
            }
        }
    }
}

#[test]
fn an_indirect_call_checks_index_then_null_then_type() {
    let text = "(module (type $i (func (result i32))) (type $same (func (result i32))) (type $l (func (result i64)))
        (table $t 4 funcref) (table $other 10 funcref) (elem (table $t) (i32.const 0) func $one $long)
        (func $one (type $same) (i32.const 1)) (func $long (type $l) (i64.const 2))
        (func (export \"call\") (param i32) (result i32) (call_indirect $t (type $i) (local.get 0)))
        (func (export \"dropped\") (param i32) (drop (call_indirect $t (type $i) (local.get 0))))
        (func (export \"constant\") (result i32) (call_indirect $t (type $i) (i32.const 4))))";
    everywhere(text, |engine, config| {
        assert_eq!(engine.call("call", &args([0])), i32(1), "{config}: equal types of other index are the same");
        for (index, wanted) in [
            (1, IndirectCallMismatch),
            (2, UninitializedElement),
            (3, UninitializedElement),
            (4, UndefinedElement),
            (10, UndefinedElement),
            (0x7FFF_FFFF, UndefinedElement),
            (0x8000_0000, UndefinedElement),
            (u32::MAX, UndefinedElement),
        ] {
            assert_eq!(engine.call("call", &args([index])), trap(wanted), "{config} {index}");
            assert_eq!(engine.call("dropped", &args([index])), trap(wanted), "{config} {index}");
        }
        assert_eq!(engine.call("constant", &[]), trap(UndefinedElement), "{config}");
    });
}

#[test]
fn functions_named_as_libc_routines_are_ordinary_functions() {
    let text = "(module (memory (export \"m\") 1)
        (func $strlen (export \"strlen\") (param i32) (result i32) (i32.const 99))
        (func $malloc (export \"malloc\") (param i32) (result i32) (i32.const 0))
        (func $memset (export \"memset\") (param i32 i32 i32) (result i32)
            (i32.store8 (local.get 0) (i32.const 1)) (local.get 0))
        (func (export \"use\") (result i32)
            (drop (call $memset (i32.const 5) (i32.const 0) (i32.const 100)))
            (i32.add (call $strlen (i32.const 0)) (i32.eqz (call $malloc (i32.const 8))))))";
    everywhere(text, |engine, config| {
        assert_eq!(engine.call("use", &[]), i32(100), "{config}");
        assert_eq!(engine.call("memset", &args([9, 0, 0])), values([Value::I32(9)]), "{config}");
        let memory = engine.memory("m").expect("it is exported");
        assert_eq!((memory[5], memory[6], memory[9]), (1, 0, 1), "{config}");
    });
}

/// With the runner's module `host`, whose functions return what they get.
#[test]
fn host_functions_get_and_give_values_of_mixed_types() {
    const COUNTS: [usize; 8] = [0, 1, 2, 3, 5, 9, 13, 16];
    let mut text = String::from("(module ");
    for count in COUNTS {
        let types = types(count).join(" ");
        write!(text, "(import \"host\" \"f{count}\" (func $h{count} (param {types}) (result {types})))").unwrap();
    }
    for count in COUNTS {
        let types = types(count).join(" ");
        let gets: String = (0..count).map(|i| format!("(local.get {i})")).collect();
        write!(text, "(func (export \"f{count}\") (param {types}) (result {types}) {gets} (call $h{count}))").unwrap();
        write!(text, "(export \"h{count}\" (func $h{count}))").unwrap();
    }
    text += ")";
    everywhere(&text, |engine, config| {
        for count in COUNTS {
            let args = numbers(count);
            for name in [format!("f{count}"), format!("h{count}")] {
                assert_eq!(engine.call(&name, &args), values(args.clone()), "{config} {name}");
            }
        }
    });
}
