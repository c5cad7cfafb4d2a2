//! Loops of which something is found out before they start, or not: that arrays are apart, that floats are aligned. And
//! loops whose indices are counted in more bits than they have.

use crate::{everywhere, trap, values};
use wasmc_abi::TrapCode;
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

/// Floats that are doubled, as far apart as is said; and floats of two kinds, of which not all can be aligned.
const FLOATS: &str = "(module (memory (export \"m\") 1)
    (func (export \"fill\") (local $i i32)
      (loop $l
        (i32.store8 (local.get $i) (i32.add (i32.rem_u (i32.mul (local.get $i) (i32.const 7)) (i32.const 97)) (i32.const 17)))
        (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 8192)))))
    (func (export \"doubles\") (param $to i32) (param $from i32) (param $step i32) (param $n i32) (result i32) (local $i i32) (local $k i32)
      (loop $l
        (f64.store offset=8 (i32.add (local.get $to) (local.get $k))
          (f64.add (f64.load offset=8 (i32.add (local.get $from) (local.get $k)))
                   (f64.load offset=8 (i32.add (local.get $from) (local.get $k)))))
        (local.set $k (i32.add (local.get $k) (local.get $step)))
        (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      (local.get $k))
    (func (export \"floats\") (param $to i32) (param $from i32) (param $step i32) (param $n i32) (result i32) (local $i i32) (local $k i32)
      (loop $l
        (f32.store offset=4 (i32.add (local.get $to) (local.get $k))
          (f32.add (f32.load offset=4 (i32.add (local.get $from) (local.get $k)))
                   (f32.load offset=4 (i32.add (local.get $from) (local.get $k)))))
        (local.set $k (i32.add (local.get $k) (local.get $step)))
        (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      (local.get $k))
    (func (export \"both\") (param $to i32) (param $from i32) (param $step i32) (param $n i32) (result i32) (local $i i32) (local $k i32)
      (loop $l
        (if (i32.and (local.get $i) (i32.const 1))
          (then (f64.store (i32.add (local.get $to) (local.get $k))
            (f64.promote_f32 (f32.load offset=12 (i32.add (local.get $from) (local.get $k))))))
          (else (f32.store offset=2 (i32.add (local.get $to) (local.get $k))
            (f32.demote_f64 (f64.load (i32.add (local.get $from) (local.get $k)))))))
        (local.set $k (i32.add (local.get $k) (i32.const 16)))
        (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      (local.get $k)))";

/// What a round of each does to memory.
fn round(name: &str, memory: &mut [u8], to: usize, from: usize, i: usize) {
    let f64_at = |memory: &[u8], at: usize| f64::from_le_bytes(memory[at..at + 8].try_into().unwrap());
    let f32_at = |memory: &[u8], at: usize| f32::from_le_bytes(memory[at..at + 4].try_into().unwrap());
    let (to, bytes) = match name {
        "doubles" => (to + 8, (2.0 * f64_at(memory, from + 8)).to_le_bytes().to_vec()),
        "floats" => (to + 4, (2.0 * f32_at(memory, from + 4)).to_le_bytes().to_vec()),
        _ if i % 2 == 1 => (to, f64::from(f32_at(memory, from + 12)).to_le_bytes().to_vec()),
        _ => (to + 2, (f64_at(memory, from) as f32).to_le_bytes().to_vec()),
    };
    memory[to..to + bytes.len()].copy_from_slice(&bytes);
}

#[test]
fn floats_may_be_misaligned_whatever_their_starts_and_steps_are() {
    const AT: usize = 4096;
    everywhere(FLOATS, |engine, config| {
        for name in ["doubles", "floats", "both"] {
            for (to, from) in (0..8).map(|n| (n, 8 - n)).chain((1..8).map(|n| (n, 0))).chain((0..8).map(|n| (0, n))) {
                for step in [8, 16, 12, 4, 9, 0, -8, -12] {
                    let (step, to, from) = (if name == "both" { 16 } else { step }, AT + 1024 + to, AT + from);
                    assert_eq!(engine.call("fill", &[]), values([]));
                    let mut wanted = engine.memory("m").unwrap()[..8192].to_vec();
                    for i in 0..21 {
                        let moved = |at: usize| (at as isize + i as isize * step) as usize;
                        round(name, &mut wanted, moved(to), moved(from), i);
                    }
                    let args = [to, from, step as usize, 21].map(|number| Value::I32(number as u32));
                    assert_eq!(engine.call(name, &args), values([Value::I32((21 * step) as u32)]), "{config}: {name}");
                    let found = &engine.memory("m").unwrap()[..8192];
                    assert!(found == wanted, "{config}: {name} {to} {from} {step}");
                }
            }
        }
    });
}

/// How an index goes on, by the number of an operation: an instruction and its other operand.
const STEPS: [(&str, u32); 12] = [
    ("add", 4),
    ("sub", 4),
    ("add", 0x8000),
    ("sub", 0x7ffc),
    ("mul", 5),
    ("xor", 0x154),
    ("and", 0xfff0),
    ("sub", 40),
    ("add", 0xffff_0004),
    ("shl", 1),
    ("shr_u", 1),
    ("or", 4),
];

/// A machine whose place is an index: what is loaded there says what is stored there and where it goes on. And a walk by any step.
fn walks() -> String {
    let operation = |(number, (step, by)): (usize, &(&str, u32))| {
        let store = format!("(i32.store (local.get $p) (i32.mul (local.get $h) (i32.const {})))", 2 * number + 1);
        let next = format!("(local.set $p (i32.{step} (local.get $p) (i32.const {by})))");
        format!("end {store} {next} br {} ", STEPS.len() - 1 - number)
    };
    let load = "(local.set $h (i32.add (i32.mul (local.get $h) (i32.const 31)) (i32.load (local.get $p))))";
    let again = "(br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))";
    format!(
        "(module (memory (export \"m\") 1)
          (func (export \"fill\") (local $i i32)
            (loop $l
              (i32.store (local.get $i) (i32.mul (i32.add (local.get $i) (i32.const 7)) (i32.const 0x9e3779b1)))
              (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 0x10000)))))
          (func (export \"machine\") (param $p i32) (param $q i32) (param $n i32) (result i32) (local $h i32)
            loop $l block $end {} {load} (i32.rem_u (local.get $h) (i32.const 13)) br_table {} {} end {again} end
            local.get $h)
          (func (export \"walk\") (param $p i32) (param $q i32) (param $n i32) (result i32) (local $h i32)
            (loop $l
              {load}
              (i32.store (local.get $p) (local.get $h))
              (local.set $p (i32.add (local.get $p) (local.get $q)))
              {again})
            (local.get $h)))",
        "block ".repeat(STEPS.len()),
        (0..=STEPS.len()).map(|target| format!("{target} ")).collect::<String>(),
        STEPS.iter().enumerate().map(operation).collect::<String>(),
    )
}

/// What the module does; `None` if it traps.
fn walk(memory: &mut [u8], is_machine: bool, [mut p, q, n]: [u32; 3]) -> Option<u32> {
    let mut hash = 0u32;
    for _ in 0..n {
        let word = memory.get_mut(p as usize..)?.get_mut(..4)?;
        hash = hash.wrapping_mul(31).wrapping_add(u32::from_le_bytes(word.try_into().unwrap()));
        let number = hash % 13;
        if is_machine && number as usize == STEPS.len() {
            continue;
        }
        let times = if is_machine { 2 * number + 1 } else { 1 };
        word.copy_from_slice(&hash.wrapping_mul(times).to_le_bytes());
        let (step, by) = if is_machine { STEPS[number as usize] } else { ("add", q) };
        p = match step {
            "add" => p.wrapping_add(by),
            "sub" => p.wrapping_sub(by),
            "mul" => p.wrapping_mul(by),
            "xor" => p ^ by,
            "and" => p & by,
            "or" => p | by,
            "shl" => p << by,
            _ => p >> by,
        };
    }
    Some(hash)
}

#[test]
fn indices_go_on_in_32_bits() {
    everywhere(&walks(), |engine, config| {
        let steps = [4, 0x8000, 0u32.wrapping_sub(4), 0u32.wrapping_sub(0x7ffc), 0xffff_0004, 0x5555_5555, 0];
        for (start, step) in
            [0u32, 4, 6, 40, 0x7ffc, 0xff00, 0xfffc, 0xfffd].iter().flat_map(|at| steps.map(|by| (*at, by)))
        {
            for (name, is_machine) in [("machine", true), ("walk", false)] {
                let args = [start, step, 3 + start % 50];
                assert_eq!(engine.call("fill", &[]), values([]));
                let mut wanted = engine.memory("m").unwrap().to_vec();
                let outcome = match walk(&mut wanted, is_machine, args) {
                    Some(hash) => values([Value::I32(hash)]),
                    None => trap(TrapCode::MemoryOutOfBounds),
                };
                assert_eq!(engine.call(name, &args.map(Value::I32)), outcome, "{config}: {name} {args:x?}");
                assert!(engine.memory("m").unwrap()[..] == wanted[..], "{config}: {name} {args:x?}");
            }
        }
    });
}

/// Rounds of a hash, each of which loads a word and stores one, at what comes to a counter and a base; the second does so
/// in every fourth round.
const INDICES: &str = "(module (memory (export \"m\") 1)
    (func (export \"fill\") (local $i i32)
      (loop $l
        (i32.store (local.get $i) (i32.mul (i32.add (local.get $i) (i32.const 7)) (i32.const 0x9e3779b1)))
        (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 0x10000)))))
    (func (export \"each\") (param $to i32) (param $from i32) (param $i i32) (param $n i32) (result i32) (local $h i32)
      (loop $l
        (local.set $h (i32.mul (i32.xor (local.get $h) (i32.load (i32.add (local.get $from) (local.get $i))))
          (i32.const 0x9e3779b1)))
        (local.set $h (i32.add (local.get $h) (i32.load offset=8 (i32.add (local.get $i) (local.get $to)))))
        (i32.store (i32.add (local.get $to) (local.get $i)) (local.get $h))
        (local.set $i (i32.add (local.get $i) (i32.const 4)))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $h))
    (func (export \"fourth\") (param $to i32) (param $from i32) (param $i i32) (param $n i32) (result i32) (local $h i32)
      (loop $l
        (if (i32.eqz (i32.and (local.get $i) (i32.const 12))) (then
          (local.set $h (i32.mul (i32.xor (local.get $h) (i32.load (i32.add (local.get $from) (local.get $i))))
            (i32.const 0x9e3779b1)))
          (local.set $h (i32.add (local.get $h) (i32.load offset=8 (i32.add (local.get $i) (local.get $to)))))
          (i32.store (i32.add (local.get $to) (local.get $i)) (local.get $h))))
        (local.set $i (i32.add (local.get $i) (i32.const 4)))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $h)))";

/// What the module does; `None` if it traps.
fn hash(memory: &mut [u8], every: bool, [to, from, start, n]: [u32; 4]) -> Option<u32> {
    let mut hash = 0u32;
    for round in 0..n {
        let i = start.wrapping_add(4 * round);
        if !every && i & 12 != 0 {
            continue;
        }
        let word = |memory: &[u8], at: usize| Some(u32::from_le_bytes(memory.get(at..)?.get(..4)?.try_into().ok()?));
        let (to, from) = (to.wrapping_add(i) as usize, from.wrapping_add(i) as usize);
        hash = (hash ^ word(memory, from)?).wrapping_mul(0x9e37_79b1);
        hash = hash.wrapping_add(word(memory, to + 8)?);
        memory.get_mut(to..)?.get_mut(..4)?.copy_from_slice(&hash.to_le_bytes());
    }
    Some(hash)
}

#[test]
fn sums_of_counters_and_bases_wrap_in_32_bits() {
    const LEN: u32 = 0x1_0000;
    let minus = |n: u32| 0u32.wrapping_sub(n);
    everywhere(INDICES, |engine, config| {
        for args in [
            [1024, 2048, 0, 200],
            // The counter wraps, or a base is below zero, and the sums are inside.
            [1024, 2048, minus(80), 40],
            [minus(1024), minus(4096), 8192, 100],
            [minus(4000), 2048, 4096, 100],
            // They come to the end of the memory, what is loaded or what is stored first, and to that of 2^32.
            [LEN - 96, 2048, 0, 40],
            [2048, LEN - 96, 0, 40],
            [LEN - 4096, LEN - 4000, 3800, 200],
            [minus(48), 4096, 0, 40],
            [4096, minus(48), 0, 40],
            [minus(40), minus(40), 16, 40],
            [minus(16), minus(16), 4, 40],
            [minus(4), minus(4), 4, 1],
        ] {
            for (name, every) in [("each", true), ("fourth", false)] {
                assert_eq!(engine.call("fill", &[]), values([]));
                let mut wanted = engine.memory("m").unwrap().to_vec();
                let outcome = match hash(&mut wanted, every, args) {
                    Some(hash) => values([Value::I32(hash)]),
                    None => trap(TrapCode::MemoryOutOfBounds),
                };
                assert_eq!(engine.call(name, &args.map(Value::I32)), outcome, "{config}: {name} {args:x?}");
                assert!(engine.memory("m").unwrap()[..] == wanted[..], "{config}: {name} {args:x?}");
            }
        }
    });
}

/// A nest of fifteen rounds or fewer, each of which changes two words; its bases, and the rounds of one version, are arguments.
fn nest(end: &str) -> String {
    let at = |index: &str| format!("(i32.add (local.get $base) (i32.mul (local.get {index}) (i32.const 12)))");
    let change = |to: &str, from: &str| {
        format!(
            "(i32.store offset=4 {to} (i32.add (i32.mul (i32.load offset=4 {to}) (i32.load {from})) (i32.load offset=8 {from})))"
        )
    };
    let (i, j) = (at("$i"), at("$j"));
    format!(
        "(local.set $i (i32.const 0))
         (loop $outer
           (local.set $j (i32.add (local.get $i) (i32.const 1)))
           (block $none
             (br_if $none (i32.ge_u (local.get $j) {end}))
             (loop $inner
               {} {}
               (br_if $inner (i32.ne (local.tee $j (i32.add (local.get $j) (i32.const 1))) {end}))))
           (br_if $outer (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 6))))",
        change(&i, &j),
        change(&j, &i)
    )
}

#[test]
fn nests_do_what_their_rounds_do_one_after_the_other() {
    const LEN: u32 = 0x1_0000;
    let locals = "(param $base i32) (local $i i32) (local $j i32)";
    let text = format!(
        "(module (memory (export \"m\") 1)
           (func (export \"fill\") (local $i i32)
             (loop $l
               (i32.store (local.get $i) (i32.mul (i32.add (local.get $i) (i32.const 7)) (i32.const 0x9e3779b1)))
               (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 0x10000)))))
           (func (export \"low\") (local $base i32) (local $i i32) (local $j i32) {low})
           (func (export \"any\") {locals} {low})
           (func (export \"less\") (param $end i32) {locals} {less}))",
        low = nest("(i32.const 6)"),
        less = nest("(local.get $end)"),
    );
    everywhere(&text, |engine, config| {
        for base in [0, 1000, LEN - 72, LEN - 70, LEN - 50, LEN - 20, LEN - 12, LEN - 4, 0u32.wrapping_sub(24)] {
            for end in [6, 5, 3] {
                assert_eq!(engine.call("fill", &[]), values([]));
                let mut wanted = engine.memory("m").unwrap().to_vec();
                let outcome = match rounds_of_nest(&mut wanted, base, end) {
                    Some(()) => values([]),
                    None => trap(TrapCode::MemoryOutOfBounds),
                };
                let found = match (base, end) {
                    (0, 6) => engine.call("low", &[]),
                    (_, 6) => engine.call("any", &[Value::I32(base)]),
                    _ => engine.call("less", &[end, base].map(Value::I32)),
                };
                assert_eq!(found, outcome, "{config}: {base:#x} {end}");
                assert!(engine.memory("m").unwrap()[..] == wanted[..], "{config}: {base:#x} {end}");
            }
        }
    });
}

/// What [`nest`] does; `None` if it traps.
fn rounds_of_nest(memory: &mut [u8], base: u32, end: u32) -> Option<()> {
    let word = |memory: &[u8], at: usize| Some(u32::from_le_bytes(memory.get(at..)?.get(..4)?.try_into().ok()?));
    for (i, j) in (0..6).flat_map(|i| (i + 1..end).map(move |j| (i, j))) {
        let [i, j] = [i, j].map(|index: u32| base.wrapping_add(12 * index) as usize);
        for (to, from) in [(i, j), (j, i)] {
            let sum = word(memory, to + 4)?.wrapping_mul(word(memory, from)?).wrapping_add(word(memory, from + 8)?);
            memory[to + 4..to + 8].copy_from_slice(&sum.to_le_bytes());
        }
    }
    Some(())
}
