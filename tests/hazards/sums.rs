//! Sums of many terms, of which some are loaded and some come out of the round before: the order in which they are added
//! is the compiler's, what they come to is not.

use crate::{everywhere, i32, trap, values};
use wasmc_abi::TrapCode;
use wasmc_tests::Value;

/// Rounds of a hash over words of memory, of 32 and of 64 bits. A partial sum is used twice, a term stands in a sum twice,
/// and what has been stored is loaded again by the round after.
const MODULE: &str = "(module (memory (export \"m\") 1)
    (func (export \"narrow\") (param $at i32) (param $end i32) (result i32) (local $a i32) (local $b i32) (local $part i32)
      (loop $round
        (local.set $part (i32.add (local.get $b) (i32.load offset=4 (local.get $at))))
        (local.set $a
          (i32.add
            (i32.add
              (i32.add
                (i32.xor (i32.rotl (local.get $a) (i32.const 7)) (i32.rotl (local.get $part) (i32.const 13)))
                (local.get $part))
              (i32.add (i32.load (local.get $at)) (i32.load offset=8 (local.get $at))))
            (i32.add (local.get $b) (i32.mul (local.get $at) (local.get $a))))
          (local.set $b (local.get $a)))
        (i32.store offset=8 (local.get $at) (local.get $a))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br_if $round (i32.lt_u (local.get $at) (local.get $end))))
      (i32.xor (local.get $a) (local.get $b)))
    (func (export \"wide\") (param $at i32) (param $end i32) (result i64) (local $a i64) (local $b i64)
      (loop $round
        (local.set $a
          (i64.add
            (i64.add (i64.add (i64.rotl (local.get $a) (i64.const 9)) (i64.load (local.get $at))) (local.get $b))
            (i64.add (i64.load offset=8 (local.get $at)) (local.get $b)))
          (local.set $b (local.get $a)))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $round (i32.lt_u (local.get $at) (local.get $end))))
      (i64.xor (local.get $a) (local.get $b)))
    (func (export \"fill\") (local $i i32)
      (loop $l
        (i32.store (local.get $i) (i32.mul (i32.add (local.get $i) (i32.const 7)) (i32.const 0x9e3779b1)))
        (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 0x10000))))))";

/// A round as the module has it, for each word from `at` to `end`; `None` if one of them traps.
fn narrow(memory: &mut [u8], at: u32, end: u32) -> Option<u32> {
    let word = |memory: &[u8], at: u32| Some(u32::from_le_bytes(memory.get(at as usize..)?.get(..4)?.try_into().ok()?));
    let (mut a, mut b, mut at) = (0u32, 0u32, at);
    while at < end {
        let part = b.wrapping_add(word(memory, at + 4)?);
        let terms = [
            a.rotate_left(7) ^ part.rotate_left(13),
            part,
            word(memory, at)?,
            word(memory, at + 8)?,
            b,
            at.wrapping_mul(a),
        ];
        (a, b) = (terms.into_iter().fold(0, u32::wrapping_add), a);
        memory[at as usize + 8..][..4].copy_from_slice(&a.to_le_bytes());
        at += 4;
    }
    Some(a ^ b)
}

fn wide(memory: &[u8], at: u32, end: u32) -> u64 {
    let word = |at: u32| u64::from_le_bytes(memory[at as usize..][..8].try_into().unwrap());
    let (mut a, mut b) = (0u64, 0u64);
    for at in (at..end).step_by(8) {
        let terms = [a.rotate_left(9), word(at), b, word(at + 8), b];
        (a, b) = (terms.into_iter().fold(0, u64::wrapping_add), a);
    }
    a ^ b
}

#[test]
fn sums_come_to_the_same_in_any_order() {
    everywhere(MODULE, |engine, config| {
        for (at, end) in [(0, 1), (0, 64), (1, 999), (512, 4096)] {
            assert_eq!(engine.call("fill", &[]), values([]));
            let mut memory = engine.memory("m").unwrap();
            let args = [Value::I32(at), Value::I32(end)];
            assert_eq!(
                engine.call("wide", &args),
                values([Value::I64(wide(&memory, at, end))]),
                "{config}: {at} {end}"
            );
            let sum = narrow(&mut memory, at, end).expect("it is all inside");
            assert_eq!(engine.call("narrow", &args), i32(sum), "{config}: {at} {end}");
            assert!(engine.memory("m").unwrap() == memory, "{config}: {at} {end}");
        }
    });
}

#[test]
fn what_was_stored_before_a_sum_that_traps_is_there() {
    everywhere(MODULE, |engine, config| {
        assert_eq!(engine.call("fill", &[]), values([]));
        let mut memory = engine.memory("m").unwrap();
        let (at, end) = (0xFF02, 0x10010);
        assert_eq!(narrow(&mut memory, at, end), None);
        assert_eq!(engine.call("narrow", &[at, end].map(Value::I32)), trap(TrapCode::MemoryOutOfBounds), "{config}");
        assert!(engine.memory("m").unwrap() == memory, "{config}");
    });
}
