//! Random functions that jump as Go's do: a loop that begins with a `br_table` on a local, to which jumps store where
//! they go. What they store is a constant or not, and stays or not until the loop is branched to; they may be entered
//! anywhere. `SWITCH_SEEDS=n` tries n modules, `SWITCH_SEED=n` just that one; `DIFF_WRITE=FILE` keeps the last module.

use crate::{Calls, Counts, Random, compare_calls, compare_seeds, number};
use std::fmt::Write;
use wasmc_tests::{Config, Value};

/// Modules of a usual run.
const SEEDS: u64 = 16;
/// What the interpreter may spend on a module.
const FUEL: u64 = 400_000;
const FUNCTIONS: usize = 4;
const CALLS: usize = 24;
/// How many parts of a function are entered in a call.
const STEPS: u32 = 60;

/// What a function consists of.
struct Shape {
    /// Its number: it calls those before it.
    index: usize,
    /// Parts that are jumped to.
    parts: usize,
}

fn condition(random: &mut Random) -> String {
    match random.below(5) {
        0 => "(i32.and (local.get $steps) (i32.const 1))".into(),
        1 => "(i32.lt_s (local.get $x) (local.get $a))".into(),
        2 => "(i64.eqz (i64.and (local.get $y) (i64.const 3)))".into(),
        3 => "(i32.load8_u offset=8 (local.get $a))".into(),
        _ => format!("(i32.ne (local.get $pc) (i32.const {}))", random.below(6)),
    }
}

/// Where a jump goes: mostly to a part.
fn target(random: &mut Random, shape: &Shape) -> String {
    match random.below(12) {
        0 => "(local.get $x)".into(),
        1 => "(i32.and (local.get $x) (i32.const 7))".into(),
        2 => format!("(i32.const {})", random.one_of(&[-1, 1000, i32::MIN, i32::MAX])),
        _ => format!("(i32.const {})", random.below(shape.parts + 2)),
    }
}

fn jump(random: &mut Random, shape: &Shape) -> String {
    let target = target(random, shape);
    let store = match random.below(4) {
        0 => format!("(drop (local.tee $pc {target}))"),
        _ => format!("(local.set $pc {target})"),
    };
    let between = if random.below(4) == 0 { statement(random, shape, 0) } else { String::new() };
    match random.below(8) {
        0 => format!("{store} {between} (br_if $l {})", condition(random)),
        1 => format!("{store} {between} (br_table $l $out {})", condition(random)),
        2 => format!("{store} (if {} (then {between}) (else (br $l)))", condition(random)),
        3 => format!("(block $in {store} (br_if $in {}) (local.set $pc (i32.const 1))) (br $l)", condition(random)),
        _ => format!("(if {} (then {store} {between} (br $l)))", condition(random)),
    }
}

fn statement(random: &mut Random, shape: &Shape, depth: u32) -> String {
    match random.below(if depth == 0 { 9 } else { 14 }) {
        0 => "(local.set $x (i32.add (local.get $x) (local.get $a)))".into(),
        1 => {
            "(local.set $y (i64.add (i64.mul (local.get $y) (i64.const 5)) (i64.extend_i32_u (local.get $pc))))".into()
        }
        2 => "(local.set $x (i32.load offset=4 (local.get $a)))".into(),
        3 => "(i64.store (local.get $a) (i64.xor (local.get $y) (i64.load (local.get $a))))".into(),
        4 => "(i32.store8 offset=3 (local.get $a) (local.get $x))".into(),
        5 => "(local.set $a (i32.add (local.get $a) (i32.const 4)))".into(),
        6 => "(local.set $x (i32.wrap_i64 (local.get $y)))".into(),
        7 => "(local.set $f (f64.add (local.get $f) (f64.convert_i32_s (local.get $x))))".into(),
        8 if shape.index > 0 => {
            let (callee, pc) = (random.below(shape.index), random.below(5));
            format!(
                "(local.set $x (call ${callee} (i32.const {pc}) (local.get $a) (local.get $x)))
                (local.set $y) (local.set $x (i32.xor (local.get $x)))"
            )
        }
        8 => "(local.set $pc (i32.add (local.get $pc) (i32.const 1)))".into(),
        // A loop of its own, with a known number of rounds.
        9 => "(local.set $n (i32.const 9)) (loop $m
                (local.set $x (i32.add (local.get $x) (i32.load16_s offset=2 (local.get $a))))
                (br_if $m (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
            .into(),
        _ => jump(random, shape),
    }
}

fn function(random: &mut Random, index: usize) -> String {
    let shape = Shape { index, parts: 1 + random.below(12) };
    let mut text = format!(
        "(func ${index} (export \"{index}\") (param $pc i32) (param $a i32) (param $x i32) (result i32 i64 i32)
           (local $y i64) (local $f f64) (local $n i32) (local $steps i32) (local.set $steps (i32.const {STEPS}))
           (block $out (loop $l "
    );
    (0..shape.parts).rev().for_each(|part| write!(text, "(block $p{part} ").expect("a string takes it"));
    text += "(br_table ";
    for _ in 0..shape.parts + random.below(3) {
        let label = match random.below(30) {
            0 => "$out".into(),
            1 => "$l".into(),
            _ => format!("$p{}", random.below(shape.parts)),
        };
        write!(text, "{label} ").expect("a string takes it");
    }
    text += "$p0 (local.get $pc))";
    for _ in 0..shape.parts {
        text += ") (br_if $out (i32.eqz (local.get $steps)))
            (local.set $steps (i32.sub (local.get $steps) (i32.const 1))) ";
        (0..=random.below(5)).for_each(|_| text += &statement(random, &shape, 1));
    }
    text += ")) (i32.add (local.get $x) (i32.trunc_sat_f64_s (local.get $f))) (local.get $y) (local.get $pc))\n";
    text
}

fn module(seed: u64) -> String {
    let mut random = Random::new(seed);
    let pages = random.one_of(&["1", "1 1", "65531 65531 (pagesize 1)"]);
    let functions: String = (0..FUNCTIONS).map(|index| function(&mut random, index)).collect();
    format!(
        "(module (memory (export \"m\") {pages}) (data (i32.const 1000) \"\\01\\00\\fe\\7f\\00\\00\\03\") {functions})"
    )
}

/// Enters anywhere, with an address that may be near the memory's end.
fn arguments(random: &mut Random, _: usize, len: u32) -> [Value; 3] {
    let pc = if random.below(8) == 0 { random.next() as u32 } else { random.below(14) as u32 };
    let near = random.below(60) as u32;
    let address = if random.below(4) == 0 { len.wrapping_sub(near) } else { 990 + near };
    [pc, address, random.next() as u32 >> random.below(32)].map(Value::I32)
}

#[test]
fn functions_that_jump_by_a_switch_agree_with_the_interpreter() {
    let compare = |seed, config: Config, counts: &mut Counts| {
        let calls = Calls { functions: FUNCTIONS, each: CALLS, fuel: FUEL };
        compare_calls(seed, &module(seed), calls, config, counts, arguments)
    };
    let Counts { calls, traps, .. } = compare_seeds("SWITCH", SEEDS, compare);
    let balanced = traps > calls / 50 && traps < calls / 2;
    assert!(balanced || number("SWITCH_SEED").is_some(), "too little was compared");
}
