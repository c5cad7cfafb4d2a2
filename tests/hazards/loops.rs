//! Loops whose arrays are found to be apart before they start, or not.

use crate::{everywhere, values};
use wasmc_tests::Value;

/// `row[i] += 3 × other[i]`, two elements a round, as clang leaves such loops; and the same over and over, with the
/// arrays changing places each time.
const MODULE: &str = "(module (memory (export \"m\") 1)
    (func $add (export \"add\") (param $row i32) (param $other i32) (param $n i32) (local $i i32) (local $r i32) (local $o i32)
      (loop $l
        (local.set $r (i32.add (local.get $row) (local.get $i)))
        (local.set $o (i32.add (local.get $other) (local.get $i)))
        (i64.store (local.get $r) (i64.add (i64.load (local.get $r)) (i64.mul (i64.const 3) (i64.load (local.get $o)))))
        (i64.store offset=8 (local.get $r)
          (i64.add (i64.load offset=8 (local.get $r)) (i64.mul (i64.const 3) (i64.load offset=8 (local.get $o)))))
        (local.set $i (i32.add (local.get $i) (i32.const 16)))
        (br_if $l (i32.ne (local.get $i) (local.get $n)))))
    (func (export \"turns\") (param $row i32) (param $other i32) (param $n i32) (param $turns i32) (local $t i32)
      (loop $l
        (call $add (local.get $row) (local.get $other) (local.get $n))
        (local.set $t (local.get $row)) (local.set $row (local.get $other)) (local.set $other (local.get $t))
        (br_if $l (local.tee $turns (i32.sub (local.get $turns) (i32.const 1))))))
    (func (export \"fill\") (param $n i32) (local $i i32)
      (loop $l
        (i32.store (local.get $i) (i32.mul (i32.add (local.get $i) (i32.const 7)) (i32.const 0x9e3779b1)))
        (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 4))) (local.get $n))))))";

const LEN: usize = 4096;

/// What the module does, in bytes as they are.
fn add(memory: &mut [u8], row: usize, other: usize, n: usize) {
    let word = |memory: &[u8], at: usize| u64::from_le_bytes(memory[at..at + 8].try_into().unwrap());
    for i in (0..n).step_by(8) {
        let sum = word(memory, row + i).wrapping_add(word(memory, other + i).wrapping_mul(3));
        memory[row + i..row + i + 8].copy_from_slice(&sum.to_le_bytes());
    }
}

#[test]
fn arrays_that_overlap_or_change_places_are_added_in_order() {
    everywhere(MODULE, |engine, config| {
        let number = |n: usize| Value::I32(n as u32);
        for distance in [0, 1, 7, 8, 15, 16, 24, 160, 632, 639, 640, 641, 1024] {
            for (row, other) in [(1024, 1024 + distance), (1024 + distance, 1024)] {
                for turns in [1, 2, 5] {
                    assert_eq!(engine.call("fill", &[number(LEN)]), values([]));
                    let mut wanted = engine.memory("m").unwrap()[..LEN].to_vec();
                    let args = [number(row), number(other), number(640), number(turns)];
                    assert_eq!(engine.call("turns", &args), values([]), "{config}");
                    for turn in 0..turns {
                        let (row, other) = if turn % 2 == 0 { (row, other) } else { (other, row) };
                        add(&mut wanted, row, other, 640);
                    }
                    let found = &engine.memory("m").unwrap()[..LEN];
                    assert!(found == wanted, "{config}: {row} {other} {turns}");
                }
            }
        }
    });
}
