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
