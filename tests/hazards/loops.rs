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

/// Bytes added to bytes, sixteen at a time, until a round's sum has a zero; what it returns is where that was.
const VECTORS: &str = "(module (memory (export \"m\") 1)
    (func (export \"fill\") (param $zero i32) (param $with i32) (local $i i32)
      (loop $l
        (i32.store8 (local.get $i) (i32.add (i32.rem_u (i32.mul (local.get $i) (i32.const 7)) (i32.const 97)) (i32.const 1)))
        (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 16384))))
      (i32.store8 (local.get $zero) (local.get $with)))
    (func (export \"add\") (param $to i32) (param $other i32) (param $n i32) (result i32) (local $i i32) (local $sum v128)
      (loop $l
        (local.set $sum (i8x16.add
          (v128.load (i32.add (local.get $to) (local.get $i))) (v128.load (i32.add (local.get $other) (local.get $i)))))
        (v128.store (i32.add (local.get $to) (local.get $i)) (local.get $sum))
        (local.set $i (i32.add (local.get $i) (i32.const 16)))
        (br_if $l (i32.ne (local.get $i) (local.get $n))))
      (local.get $i))
    (func (export \"find\") (param $to i32) (param $other i32) (param $n i32) (result i32) (local $i i32) (local $sum v128)
      (block $out
        (loop $l
          (local.set $sum (i8x16.add
            (v128.load (i32.add (local.get $to) (local.get $i))) (v128.load (i32.add (local.get $other) (local.get $i)))))
          (v128.store (i32.add (local.get $to) (local.get $i)) (local.get $sum))
          (br_if $out (i32.eqz (i8x16.all_true (local.get $sum))))
          (local.set $i (i32.add (local.get $i) (i32.const 16)))
          (br_if $l (i32.ne (local.get $i) (local.get $n)))))
      (local.get $i)))";

#[test]
fn loops_of_vectors_take_as_many_rounds_as_they_should() {
    const TO: usize = 1024;
    everywhere(VECTORS, |engine, config| {
        for rounds in [1, 2, 8, 9, 10, 17, 200] {
            // Apart, and so that a round reads what the one before, or the one before that, has written.
            for other in [TO + 4096, TO - 16, TO - 24, TO - 32, TO + 8] {
                for zero in [rounds - 1, rounds / 2, 300] {
                    let mut bytes: Vec<u8> = (0..16384u32).map(|i| (i * 7 % 97 + 1) as u8).collect();
                    let zero = TO + 16 * zero + 5;
                    let with = 0u8.wrapping_sub(bytes[zero + other - TO]);
                    bytes[zero] = with;
                    let mut wanted = bytes.clone();
                    let mut found = None;
                    for at in (0..rounds).map(|round| 16 * round) {
                        let sum: Vec<u8> =
                            (at..at + 16).map(|i| wanted[TO + i].wrapping_add(wanted[other + i])).collect();
                        wanted[TO + at..][..16].copy_from_slice(&sum);
                        if found.is_none() && sum.contains(&0) {
                            found = Some((at, wanted.clone()));
                        }
                    }
                    let args = [TO, other, 16 * rounds].map(|number| Value::I32(number as u32));
                    let end = (16 * rounds, wanted);
                    for (name, (last, wanted)) in [("add", &end), ("find", found.as_ref().unwrap_or(&end))] {
                        engine.call("fill", &[Value::I32(zero as u32), Value::I32(with.into())]);
                        let outcome = engine.call(name, &args);
                        assert_eq!(outcome, values([Value::I32(*last as u32)]), "{config}: {name} {rounds} {other}");
                        let memory = engine.memory("m").unwrap();
                        assert!(memory[..wanted.len()] == wanted[..], "{config}: {name} {rounds} {other} {zero}");
                    }
                }
            }
        }
    });
}
