//! Random loops over memory whose ends lie at its edge: counted up and down, by one and by more, with several arrays
//! that may overlap, nested or not. The optimiser decides before a loop that nothing in it traps; here the trap, if one
//! comes, falls into any of its rounds, and all that was stored before must be there. `LOOP_SEEDS=n` tries n modules,
//! `LOOP_SEED=n` just that one; `DIFF_WRITE=FILE` keeps the last module.

use crate::{Calls, Counts, Random, compare_calls, compare_seeds, number};
use wasmc_tests::{Config, Value};

/// Modules of a usual run.
const SEEDS: u64 = 24;
/// What the interpreter may spend on a module. A loop that uses it up is not run by the compiled code.
const FUEL: u64 = 4_000_000;
const FUNCTIONS: usize = 6;
const CALLS: usize = 24;
const PAGE: u32 = 65536;

/// What tells which arguments bring a function to the edge.
struct Shape {
    /// Bytes from round to round.
    stride: i32,
    /// Added to every address.
    offset: u32,
}

/// A load, the store of its width, the type that is computed with, and how that is made of a float and a float of it.
const ACCESSES: [(&str, &str, &str, Option<[&str; 2]>); 12] = [
    ("i32.load8_u", "i32.store8", "i32", None),
    ("i32.load8_s", "i32.store8", "i32", None),
    ("i32.load16_u", "i32.store16", "i32", None),
    ("i32.load", "i32.store", "i32", None),
    ("i32.load", "i32.store", "i32", None),
    ("i64.load32_u", "i64.store32", "i64", None),
    ("i64.load", "i64.store", "i64", None),
    ("i64.load", "i64.store", "i64", None),
    ("i64.load16_s", "i64.store16", "i64", None),
    ("f32.load", "f32.store", "i32", Some(["i32.trunc_sat_f32_s", "f32.convert_i32_s"])),
    ("f64.load", "f64.store", "i32", Some(["i32.trunc_sat_f64_s", "f64.convert_i32_s"])),
    ("f64.load", "f64.store", "i32", Some(["i32.trunc_sat_f64_s", "f64.convert_i32_s"])),
];

/// An address: of the counter, of a pointer that is counted along, or none that any analysis could follow.
fn address(random: &mut Random, shape: &Shape) -> String {
    let scaled = format!("(i32.mul (local.get $i) (i32.const {}))", shape.stride);
    match random.below(12) {
        0..3 => format!("(i32.add (local.get $a) {scaled})"),
        3..5 => format!("(i32.add (local.get $b) {scaled})"),
        5..7 => "(local.get $p)".into(),
        7 => format!("(i32.add (local.get $p) (i32.const {}))", random.one_of(&[-8, -1, 1, 4, 8, 65536])),
        8 => "(i32.add (local.get $a) (i32.mul (local.get $i) (local.get $s)))".into(),
        9 => format!("(i32.sub (local.get $a) {scaled})"),
        10 => format!("(i32.and (i32.add (local.get $p) {scaled}) (i32.const 0xFFFE))"),
        _ => "(local.get $b)".into(),
    }
}

fn statement(random: &mut Random, shape: &Shape) -> String {
    let (load, store, ty, float) = random.one_of(&ACCESSES);
    let sum = format!("${ty}");
    let offset = shape.offset + random.one_of(&[0, 0, 0, 1, 8]);
    let converted = |which: usize, value: String| match float {
        Some(conversions) => format!("({} {value})", conversions[which]),
        None => value,
    };
    let load = converted(0, format!("({load} offset={offset} {})", address(random, shape)));
    let at = format!("offset={} {}", shape.offset, address(random, shape));
    let store = |value: String| format!("({store} {at} {})", converted(1, value));
    match random.below(9) {
        0..3 => format!("(local.set {sum} ({ty}.add (local.get {sum}) {load}))"),
        3..5 => store(format!("({ty}.xor {load} ({ty}.const 0x5A))")),
        5 => store(format!("(local.get {sum})")),
        6 => store(format!("({ty}.add {load} (local.get {sum}))")),
        7 => {
            let store = store(format!("({ty}.const 77)"));
            format!("(if ({ty}.eqz ({ty}.and {load} ({ty}.const 1))) (then {store}))")
        }
        // Left early, seldom.
        _ => format!("(br_if $out ({ty}.eq {load} ({ty}.const 0x47)))"),
    }
}

/// Whether another round follows, with `$i` counted already; the step of `$i`.
fn condition(random: &mut Random) -> (String, i32) {
    let up = random.one_of(&[1, 1, 1, 2, 3, 4, 8]);
    let (compare, step) = match random.below(10) {
        0..3 => ("i32.lt_u", up),
        3 => ("i32.lt_s", up),
        4 => ("i32.le_s", up),
        5 => ("i32.le_u", up),
        6 => ("i32.gt_s", -up),
        7 => ("i32.ge_u", -up),
        _ => ("i32.ne", random.one_of(&[1, 1, 2, 4, -1, -2])),
    };
    (format!("({compare} (local.get $i) (local.get $n))"), step)
}

fn function(random: &mut Random, index: usize) -> (String, Shape) {
    let (goes_on, step) = condition(random);
    let scale = random.one_of(&[1, 2, 4, 4, 8, 8, -1, -4, 5, 16]);
    let shape = Shape { stride: scale, offset: random.one_of(&[0, 0, 0, 0, 4, 1000, PAGE - 4096, 1 << 20]) };
    let body: String = (0..=random.below(4)).map(|_| statement(random, &shape)).collect();
    let count = format!("(local.set $i (i32.add (local.get $i) (i32.const {step})))");
    let along = format!("(local.set $p (i32.add (local.get $p) (i32.const {})))", scale * step);
    let looped = match random.below(3) {
        // The condition first.
        0 => format!("(loop $l (br_if $out (i32.eqz {goes_on})) {body} {count} {along} (br $l))"),
        _ => format!("(loop $l {body} {count} {along} (br_if $l {goes_on}))"),
    };
    // Of what is a multiple, more is known: where it ends exactly.
    let aligned = |name| format!("(local.set ${name} (i32.and (local.get ${name}) (i32.const -8)))");
    let aligned = if random.below(3) == 0 { ["a", "b"].map(aligned).concat() } else { String::new() };
    let nested = random.below(4) == 0;
    let text = if nested {
        // The inner loop starts anew, from a little further on.
        format!(
            "(local.set $j (i32.const 3)) (local.set $start (local.get $i))
             (loop $again (local.set $i (local.get $start)) (local.set $p (local.get $a))
               (block $out {looped}) (local.set $a (i32.add (local.get $a) (i32.const {})))
               (br_if $again (local.tee $j (i32.sub (local.get $j) (i32.const 1)))))",
            random.one_of(&[1, 8, -8, 100])
        )
    } else {
        format!("(block $out (local.set $p (local.get $a)) {looped})")
    };
    let function = format!(
        "(func (export \"{index}\") (param $a i32) (param $b i32) (param $i i32) (param $n i32) (param $s i32)
           (result i32 i64 i32) (local $p i32) (local $j i32) (local $start i32) (local $i32 i32) (local $i64 i64)
           {aligned} {text} (local.get $i32) (local.get $i64) (local.get $i))\n"
    );
    (function, shape)
}

fn module(seed: u64) -> (String, Vec<Shape>) {
    let mut random = Random::new(seed);
    // What lies beyond a memory that does not end with a page is there, so nothing but the check keeps it out.
    let pages = random.one_of(&["1", "1 1", "1 3", "65531 (pagesize 1)", "65531 65531 (pagesize 1)"]);
    let (functions, shapes): (Vec<_>, Vec<_>) = (0..FUNCTIONS).map(|index| function(&mut random, index)).unzip();
    let text = format!(
        "(module (memory (export \"m\") {pages}) {}
           (func $fill (local i32) (loop $l
             (i32.store8 (local.get 0) (i32.shr_u (i32.mul (local.get 0) (i32.const 0x9E3779B1)) (i32.const 19)))
             (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 65531)))))
           (start $fill))",
        functions.concat()
    );
    (text, shapes)
}

/// Arguments by which the last round comes near an end of memory, more often than not.
fn arguments(random: &mut Random, shape: &Shape, len: u32) -> [Value; 5] {
    let rounds = random.one_of(&[1, 2, 7, 8, 9, 10, 16, 33, 100, 300]);
    let from = random.one_of(&[0, 0, 0, 1, 5, u32::MAX - 40, i32::MAX as u32 - 40]);
    // Rather inside than outside, and often by a byte.
    let near = (random.below(24) as u32).wrapping_sub(18);
    let way = (rounds * shape.stride).cast_unsigned();
    let end = len.wrapping_sub(shape.offset);
    let moved = from.wrapping_mul(shape.stride.cast_unsigned());
    let place = |random: &mut Random| match random.below(8) {
        // The last round at the end, or the first if it goes down.
        0..3 => end.wrapping_sub(way).wrapping_add(near).wrapping_sub(moved),
        3 => end.wrapping_add(near).wrapping_sub(moved),
        4 => 0u32.wrapping_sub(near).wrapping_sub(way).wrapping_sub(moved),
        5 => random.next() as u32 % PAGE,
        _ => 1024 + random.below(64) as u32,
    };
    let (a, b) = (place(random), place(random));
    let to = match random.below(4) {
        0 => from.wrapping_sub(rounds.cast_unsigned()),
        1 => from.wrapping_add(rounds.cast_unsigned() * 4),
        _ => from.wrapping_add(rounds.cast_unsigned()),
    };
    let s = random.one_of(&[1, 8, u32::MAX, 4, 0, 24, 65536, u32::MAX - 7]);
    [a, b, from, to, s].map(Value::I32)
}

fn compare(seed: u64, config: Config, counts: &mut Counts) -> Result<(), String> {
    let (text, shapes) = module(seed);
    let calls = Calls { functions: FUNCTIONS, each: CALLS, fuel: FUEL };
    compare_calls(seed, &text, calls, config, counts, |random, index, len| arguments(random, &shapes[index], len))
}

#[test]
fn loops_at_the_edges_of_memory_agree_with_the_interpreter() {
    let counts = compare_seeds("LOOP", SEEDS, compare);
    let Counts { calls, traps, .. } = counts;
    let balanced = traps > calls / 20 && traps < calls - calls / 4;
    assert!(balanced || number("LOOP_SEED").is_some(), "too little was compared");
}
