//! Tail calls: constant stack by every way a tail call can go, whatever is passed; and ordinary calls beside
//! them, whose recursion has to end.

use crate::{args, everywhere, i32, trap, values};
use std::fmt::Write;
use wasmc_abi::TrapCode::{IndirectCallMismatch, StackOverflow, UndefinedElement, UninitializedElement, Unreachable};
use wasmc_tests::{Config, Engine, Value};

/// Counts of the parameters that are passed along: all in registers on some target, or not; results in registers, or
/// in an area.
const COUNTS: [usize; 8] = [0, 1, 2, 3, 4, 6, 10, 30];

/// How many calls follow one another: without constant stack, a hundredth of it is too much. With the most
/// parameters each takes long under an emulator, so there are fewer unless `TAIL_CALLS=all`.
fn depth(config: Config, count: usize) -> u32 {
    let all = std::env::var("TAIL_CALLS").is_ok_and(|calls| calls == "all");
    if config.platform.emulator.is_some() && count > 3 && !all { 300_000 } else { 10_000_000 }
}

/// All five types of numbers by turns.
fn types(count: usize) -> Vec<&'static str> {
    ["i32", "f64", "i64", "v128", "f32"].into_iter().cycle().take(count).collect()
}

fn number(ty: &str, n: usize) -> Value {
    let n = n as u64 + 1;
    match ty {
        "i32" => Value::I32(n as u32 | 0x8000_0000),
        "i64" => Value::I64(n << 40 | n),
        "f32" => Value::F32((n as f32).to_bits()),
        "f64" => Value::F64((n as f64).to_bits()),
        _ => Value::V128(u128::from(n) << 100 | u128::from(n) << 60 | u128::from(n)),
    }
}

fn numbers(count: usize) -> Vec<Value> {
    types(count).iter().enumerate().map(|(n, ty)| number(ty, n)).collect()
}

/// A pair of types: `$there` has a counter before the values, `$back` behind them, and they in reverse. Functions
/// of both return the values.
fn pair(count: usize) -> String {
    let forth = types(count);
    let back: Vec<_> = forth.iter().rev().copied().collect();
    let (forth, back) = (forth.join(" "), back.join(" "));
    format!(
        "(type $there (func (param i32 {forth}) (result {forth})))
        (type $back (func (param {back} i32) (result {forth})))"
    )
}

/// Instructions that get locals.
fn gets(locals: impl Iterator<Item = usize>) -> String {
    locals.fold(String::new(), |mut text, local| {
        write!(text, "(local.get {local})").unwrap();
        text
    })
}

/// The body of a `$there` that goes on by `call`, a tail call of a `$back`, until the counter is 0.
fn there(count: usize, call: &str) -> String {
    let (values, reverse) = (gets(1..=count), gets((1..=count).rev()));
    format!(
        "(if (i32.eqz (local.get 0)) (then {values} return))
        {reverse} (i32.sub (local.get 0) (i32.const 1)) {call}"
    )
}

/// The same for a `$back` and a `$there`.
fn back(count: usize, call: &str) -> String {
    let reverse = gets((0..count).rev());
    format!(
        "(if (i32.eqz (local.get {count})) (then {reverse} return))
        (i32.sub (local.get {count}) (i32.const 1)) {reverse} {call}"
    )
}

fn counted(counter: u32, count: usize) -> Vec<Value> {
    [Value::I32(counter)].into_iter().chain(numbers(count)).collect()
}

#[test]
fn ten_million_tail_calls_take_no_stack_direct_or_indirect() {
    for count in COUNTS {
        let text = format!(
            "(module {} (table funcref (elem $indirect_there $indirect_back))
            (func $there (export \"direct\") (type $there) {})
            (func $back (type $back) {})
            (func $indirect_there (export \"indirect\") (type $there) {})
            (func $indirect_back (type $back) {}))",
            pair(count),
            there(count, "return_call $back"),
            back(count, "return_call $there"),
            there(count, "i32.const 1 return_call_indirect (type $back)"),
            back(count, "i32.const 0 return_call_indirect (type $there)"),
        );
        everywhere(&text, |engine, config| {
            for name in ["direct", "indirect"] {
                for counter in [0, 1, depth(config, count), depth(config, count) + 1] {
                    let found = engine.call(name, &counted(counter, count));
                    assert_eq!(found, values(numbers(count)), "{config} {name} of {count}, {counter} calls");
                }
            }
        });
    }
}

fn compiled(text: &str, config: Config) -> Vec<u8> {
    wasmc::compile(text.as_bytes(), &config.options()).unwrap_or_else(|error| panic!("{config}: {error}\n{text}"))
}

/// The first instance reaches the second by its table, the second the first by an import.
#[test]
fn tail_calls_between_two_instances_take_no_stack() {
    for count in COUNTS {
        let first = format!(
            "(module {} (table (export \"table\") 1 funcref)
            (func (export \"there\") (type $there) {}))",
            pair(count),
            there(count, "i32.const 0 return_call_indirect (type $back)"),
        );
        let second = format!(
            "(module {} (import \"first\" \"there\" (func $there (type $there)))
            (import \"first\" \"table\" (table 1 funcref)) (elem (i32.const 0) $back)
            (func $back (type $back) {})
            (func (export \"start\") (type $there) {}))",
            pair(count),
            back(count, "return_call $there"),
            there(count, "call $back"),
        );
        for config in Config::selected() {
            let (first, second) = (compiled(&first, config), compiled(&second, config));
            let mut engine = Engine::of(&first, config.platform).unwrap_or_else(|stop| panic!("{config}: {stop}"));
            let added = engine.register("first").and_then(|()| engine.instantiate(&second));
            added.unwrap_or_else(|stop| panic!("{config}: {stop}"));
            for counter in [0, 1, depth(config, count), depth(config, count) + 1] {
                let found = engine.call("start", &counted(counter, count));
                assert_eq!(found, values(numbers(count)), "{config} {count}, {counter} calls");
            }
        }
    }
}

/// With the runner's module `host`, whose functions return what they get.
#[test]
fn what_makes_no_tail_calls_can_be_called_by_one() {
    for count in [0, 1, 2, 3, 5, 9, 13, 16] {
        let types: Vec<_> = ["i32", "f64", "i64", "f32"].into_iter().cycle().take(count).collect();
        let args: Vec<_> = types.iter().enumerate().map(|(n, ty)| number(ty, n)).collect();
        let (types, gets) = (types.join(" "), gets(0..count));
        let text = format!(
            "(module (type $t (func (param {types}) (result {types})))
                (import \"host\" \"f{count}\" (func $host (type $t)))
                (table funcref (elem $plain $host))
                (func $plain (type $t) {gets})
                (func (export \"plain\") (type $t) {gets} (return_call $plain))
                (func (export \"host\") (type $t) {gets} (return_call $host))
                (func (export \"plain_indirect\") (type $t) {gets} (return_call_indirect (type $t) (i32.const 0)))
                (func (export \"host_indirect\") (type $t) {gets} (return_call_indirect (type $t) (i32.const 1))))"
        );
        everywhere(&text, |engine, config| {
            for name in ["plain", "host", "plain_indirect", "host_indirect"] {
                assert_eq!(engine.call(name, &args), values(args.clone()), "{config} {name} of {count}");
            }
        });
    }
}

#[test]
fn ordinary_recursion_of_functions_with_tail_calls_exhausts_the_stack() {
    let text = "(module (type $f (func (param i32) (result i32))) (table funcref (elem $indirect $late))
        (func $end (export \"end\") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 5))))
            (return_call $end (i32.sub (local.get 0) (i32.const 1))))
        (func $self (export \"self\") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return_call $end (i32.const 1))))
            (call $self (local.get 0)))
        (func $sum (export \"sum\") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return_call $sum (i32.const 1))))
            (i32.add (i32.const 1) (call $sum (i32.add (local.get 0) (i32.const 1)))))
        (func $ping (export \"ping\") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return_call $end (i32.const 1))))
            (call $pong (local.get 0)))
        (func $pong (param i32) (result i32) (call $ping (local.get 0)))
        ;; A tail call and a call by turns.
        (func $early (export \"early\") (param i32) (result i32) (return_call $late (local.get 0)))
        (func $late (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return_call $end (i32.const 1))))
            (call $early (local.get 0)))
        (func $indirect (export \"indirect\") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return_call $end (i32.const 1))))
            (call_indirect (type $f) (local.get 0) (i32.const 0)))
        (func $mixed (export \"mixed\") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return_call $end (i32.const 1))))
            (drop (call $mixed (local.get 0)))
            (return_call $mixed (local.get 0))))";
    everywhere(text, |engine, config| {
        for round in 0..3 {
            for name in ["self", "sum", "ping", "early", "indirect", "mixed"] {
                assert_eq!(engine.call(name, &args([7])), trap(StackOverflow), "{config} {name}, round {round}");
            }
            assert_eq!(engine.call("end", &args([1_000_000])), i32(5), "{config}");
        }
    });
}

#[test]
fn an_indirect_tail_call_checks_index_then_null_then_type() {
    let text = "(module (type $i (func (param i32) (result i32))) (type $l (func (param i32) (result i64)))
        (table $t 4 funcref) (elem (table $t) (i32.const 0) func $same $long $trap)
        (func $same (type $i) (return_call_indirect $t (type $i) (i32.const 1) (local.get 0)))
        (func $long (type $l) (i64.const 2))
        (func $trap (type $i) unreachable)
        (func (export \"call\") (type $i) (return_call_indirect $t (type $i) (local.get 0) (local.get 0))))";
    everywhere(text, |engine, config| {
        for (index, wanted) in [
            (0, IndirectCallMismatch),
            (1, IndirectCallMismatch),
            (2, Unreachable),
            (3, UninitializedElement),
            (4, UndefinedElement),
            (0x8000_0000, UndefinedElement),
            (u32::MAX, UndefinedElement),
        ] {
            assert_eq!(engine.call("call", &args([index])), trap(wanted), "{config} {index}");
        }
    });
}

/// The parameters that no register holds lie in one place for all functions of an instance.
#[test]
fn calls_in_between_do_not_change_what_a_tail_call_has_passed() {
    let params = "i64 ".repeat(12);
    let sum = |first: &str| {
        (1..12).fold(first.to_string(), |sum, i| format!("(i64.add (i64.mul {sum} (i64.const 3)) (local.get {i}))"))
    };
    let text = format!(
        "(module
        (func $sum (param {params}) (result i64) {sum})
        (func $tail (param {params}) (result i64)
            (if (i64.eqz (local.get 0)) (then (return_call $sum {gets})))
            ;; The same function with other values, while those of this call are needed.
            (i64.add (call $tail (i64.const 0) {reverse}) (call $sum {gets})))
        (func (export \"f\") (param {params}) (result i64) (return_call $tail {gets})))",
        sum = sum("(local.get 0)"),
        gets = gets(0..12),
        reverse = gets((1..12).rev()),
    );
    let hash = |values: [u64; 12]| values[1..].iter().fold(values[0], |sum, v| sum.wrapping_mul(3).wrapping_add(*v));
    let given: [u64; 12] = std::array::from_fn(|i| 1000 + i as u64);
    let mut reversed = given;
    reversed[0] = 0;
    reversed[1..].reverse();
    let wanted = hash(reversed).wrapping_add(hash(given));
    everywhere(&text, |engine, config| {
        assert_eq!(engine.call("f", &given.map(Value::I64)), values([Value::I64(wanted)]), "{config}");
    });
}

/// On 32-bit RISC-V two registers of integers hold results, whatever their types, and the C convention returns longer
/// ones through a pointer that no tail call passes on: the compiler ended there.
#[test]
fn functions_that_return_anything_by_a_tail_call_compile_for_every_target() {
    const RESULTS: [&str; 8] = ["i64", "v128", "i32 f32", "i32 i64", "f64 f32", "i64 i64", "f64 f64", "v128 i32"];
    for (row, results) in wasmc::target::TARGETS.iter().flat_map(|row| RESULTS.map(|results| (row, results))) {
        let text = format!(
            "(module (type $t (func (param i32) (result {results}))) (table 2 2 funcref) (export \"t\" (table 0))
            (func $f (export \"f\") (type $t) (if (local.get 0) (then (return_call $g (i32.const 1))))
                (return_call_indirect (type $t) (local.get 0) (i32.const 0)))
            (func $g (type $t) (return_call $f (i32.const 2))))"
        );
        let target = wasmc::Target::new(row.name, None, &[]).expect("there is such a target");
        let memory = wasmc::MemoryModel::Checked;
        let options = wasmc::Options { target, memory, ..wasmc::Options::default() };
        wasmc::compile(text.as_bytes(), &options).unwrap_or_else(|error| panic!("{} {results}: {error}", row.name));
    }
}
