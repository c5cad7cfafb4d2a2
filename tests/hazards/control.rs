//! Branch tables of every size, and loops that never end.

use crate::{args, everywhere, i32};
use std::fmt::Write;
use std::time::Duration;

/// A `br_table` with `targets` targets and the default; it returns how many blocks it left.
fn table(targets: usize, distinct: usize) -> String {
    let mut text = String::from("(module (func (export \"f\") (param i32) (result i32)\n");
    for depth in (0..=distinct).rev() {
        writeln!(text, "(block $b{depth}").unwrap();
    }
    text += "(br_table";
    (0..targets).for_each(|i| write!(text, " $b{}", i % distinct).unwrap());
    writeln!(text, " $b{distinct} (local.get 0)))").unwrap();
    for depth in 0..distinct {
        writeln!(text, "(return (i32.const {depth})))").unwrap();
    }
    writeln!(text, "(i32.const {distinct})))").unwrap();
    text
}

#[test]
fn branch_tables_of_every_size_go_where_they_say() {
    for (targets, distinct) in [(0, 1), (1, 1), (2, 2), (255, 255), (256, 255), (65536, 3)] {
        everywhere(&table(targets, distinct), |engine, config| {
            let indices = [0, 1, 2, 3, 100, 254, 255, 256, 65534, 65535, 65536, 0x7FFF_FFFF, 0x8000_0000, u32::MAX];
            for index in indices {
                let within = (index as usize) < targets;
                let wanted = if within { index as usize % distinct } else { distinct };
                assert_eq!(engine.call("f", &args([index])), i32(wanted as u32), "{config} {index} of {targets}");
            }
        });
    }
}

#[test]
fn jumps_by_way_of_a_switch_go_where_they_say() {
    // As Go's functions jump: 0 adds up, 1 leaves, 2 goes beyond the table and from there to 3, which goes where `$n` says.
    let text = "(module (func (export \"f\") (param $pc i32) (param $n i32) (result i32) (local $sum i32)
        (block $out (loop $l
            (block $default (block $3 (block $2 (block $1 (block $0
                (br_table $0 $1 $2 $3 $out $default (local.get $pc)))
            (local.set $sum (i32.add (local.get $sum) (local.get $n)))
            (if (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (then (local.set $pc (i32.const 0)) (br $l)))
            (local.set $pc (i32.const 2)) (br_if $l (i32.and (local.get $sum) (i32.const 1))))
            (local.set $pc (i32.const 1)) (local.set $pc (i32.const 4)) (br $l))
            (local.set $pc (i32.const -1)) (local.set $n (i32.const 1)) (br $l))
            (local.set $pc (local.get $n)) (br $l))
            (local.set $sum (i32.mul (local.get $sum) (i32.const 1000))) (local.set $pc (i32.const 3)) (br $l)))
        (local.get $sum)))";
    everywhere(text, |engine, config| {
        let wanted = [(0, 3, 6), (0, 2, 3000), (1, 9, 0), (3, 4, 0), (4, 7, 0)];
        for (pc, n, sum) in wanted {
            assert_eq!(engine.call("f", &args([pc, n])), i32(sum), "{config} {pc} {n}");
        }
    });
}

#[test]
fn unreachable_code_of_every_shape_compiles() {
    let text = "(module (memory 1)
        (func (export \"f\") (param i32) (result i32)
            (block $out (result i32)
                (br $out (i32.const 1))
                (loop (unreachable) (br_if 0 (i32.load)) (drop (select)))
                (if (then (unreachable)) (else (br_table 0 0 (i32.const 0))))
                (i32.add)))
        (func (export \"g\") (result i32) (return (i32.const 2)) (f64.add) (i32.trunc_f64_s)))";
    everywhere(text, |engine, config| {
        assert_eq!(engine.call("f", &args([0])), i32(1), "{config}");
        assert_eq!(engine.call("g", &[]), i32(2), "{config}");
    });
}

/// Loops without effect, which an optimiser likes to think finite.
const ENDLESS: [(&str, &str); 3] = [
    ("bare", "(loop $l (br $l))"),
    ("counting", "(local $i i32) (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1))) (br $l))"),
    (
        "never_equal",
        "(local $i i32) (loop $l (local.set $i (i32.add (local.get $i) (i32.const 2)))
             (br_if $l (i32.ne (local.get $i) (i32.const 1))))",
    ),
];

#[test]
fn an_endless_loop_runs_endlessly() {
    for (name, body) in ENDLESS {
        everywhere(&format!("(module (func (export \"f\") {body}))"), |engine, config| {
            let ended = engine.call_within(Duration::from_millis(150), "f", &[]);
            assert_eq!(ended, None, "{config} {name}: the loop ended");
        });
    }
}
