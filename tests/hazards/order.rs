//! What happened before a trap is visible after it, what would have come later is not, and an access
//! traps whether or not anyone wants its result.

use crate::{args, everywhere, i32, trap, values};
use wasmc_abi::TrapCode::{DivideByZero, IntegerOverflow, MemoryOutOfBounds, Unreachable};
use wasmc_tests::{Engine, Value};

const MODULE: &str = "(module (memory (export \"m\") 1) (global $g (export \"g\") (mut i32) (i32.const 0)) (table 1 funcref)
    (func (export \"dropped\") (param i32) (drop (i32.load (local.get 0))))
    (func (export \"unused\") (param i32) (local i32) (local.set 1 (i32.load (local.get 0))))
    (func (export \"times_zero\") (param i32) (result i32) (i32.mul (i32.load (local.get 0)) (i32.const 0)))
    (func (export \"one_arm\") (param i32 i32) (result i32)
        (i32.load (local.get 0)) (drop) (if (result i32) (local.get 1) (then (i32.const 1)) (else (i32.const 2))))
    (func (export \"store_then_trap\") (param i32)
        (i32.store (i32.const 8) (i32.const 42)) (drop (i32.load (local.get 0))) (i32.store (i32.const 8) (i32.const 43)))
    (func (export \"overwritten\") (param i32)
        (i32.store (i32.const 8) (i32.const 7)) (i32.store (local.get 0) (i32.const 1)) (i32.store (i32.const 8) (i32.const 9)))
    (func (export \"store_then_unreachable\") (i32.store (i32.const 8) (i32.const 5)) (unreachable))
    (func (export \"store_then_divide\") (param i32 i32) (result i32)
        (i32.store (i32.const 8) (i32.const 6)) (i32.div_s (local.get 0) (local.get 1)))
    (func (export \"global_after\") (param i32) (drop (i32.load (local.get 0))) (global.set $g (i32.const 1)))
    (func (export \"global_before\") (param i32) (global.set $g (i32.const 2)) (drop (i32.load (local.get 0))))
    (func (export \"global_between\") (param i32)
        (global.set $g (i32.const 3)) (drop (i32.load (local.get 0))) (global.set $g (i32.const 4)))
    (func (export \"division_unused\") (param i32) (drop (i32.div_u (i32.const 1) (local.get 0))))
    (func (export \"truncation_unused\") (param f32) (drop (i32.trunc_f32_s (local.get 0))))
    (func (export \"loop_stores\") (param $count i32) (local $i i32)
        (loop $again
            (i32.store8 (local.get $i) (i32.const 1))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (local.get $count)))))
    (func (export \"loop_invariant\") (param $bad i32) (param $count i32) (local $i i32)
        (block $done (loop $again
            (br_if $done (i32.ge_u (local.get $i) (local.get $count)))
            (i32.store8 offset=100 (local.get $i) (i32.const 1))
            (drop (i32.load (local.get $bad)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $again))))
    (func (export \"two_words\") (param i32)
        (i64.store (i32.const 16) (i64.const 1)) (i64.store (local.get 0) (i64.const -1)) (i64.store (i32.const 16) (i64.const 2)))
    (func (export \"sum_then_trap\") (param i32) (result i32)
        (i32.add (i32.add (i32.load (i32.const 0)) (i32.load (local.get 0))) (i32.load (i32.const 4)))))";

const OUTSIDE: u32 = 65533;

fn word(memory: &[u8], address: usize) -> u32 {
    u32::from_le_bytes(memory[address..address + 4].try_into().expect("four bytes"))
}

#[test]
fn a_load_whose_result_is_not_used_traps() {
    everywhere(MODULE, |engine, config| {
        for address in [OUTSIDE, 0x8000_0000, u32::MAX] {
            for name in ["dropped", "unused", "times_zero", "sum_then_trap"] {
                assert_eq!(
                    engine.call(name, &args([address])),
                    trap(MemoryOutOfBounds),
                    "{config} {name} {address:#x}"
                );
            }
            assert_eq!(engine.call("one_arm", &args([address, 1])), trap(MemoryOutOfBounds), "{config}");
        }
        assert_eq!(engine.call("one_arm", &args([0, 0])), i32(2), "{config}");
        assert_eq!(engine.call("division_unused", &args([0])), trap(DivideByZero), "{config}");
        let large = Value::F32(1e10_f32.to_bits());
        assert_eq!(engine.call("truncation_unused", &[large]), trap(IntegerOverflow), "{config}");
    });
}

#[test]
fn stores_before_a_trap_are_done_and_later_ones_are_not() {
    everywhere(MODULE, |engine, config| {
        let cases: [(&str, &[Value], _, u32); 5] = [
            ("store_then_trap", &args([OUTSIDE]), trap(MemoryOutOfBounds), 42),
            ("overwritten", &args([u32::MAX]), trap(MemoryOutOfBounds), 7),
            ("store_then_unreachable", &[], trap(Unreachable), 5),
            ("store_then_divide", &args([1, 0]), trap(DivideByZero), 6),
            ("store_then_divide", &args([0x8000_0000, u32::MAX]), trap(IntegerOverflow), 6),
        ];
        for (name, args, wanted, stored) in cases {
            assert_eq!(engine.call(name, args), wanted, "{config} {name}");
            let memory = engine.memory("m").expect("it is exported");
            assert_eq!(word(&memory, 8), stored, "{config} {name}");
        }
        assert_eq!(engine.call("two_words", &args([OUTSIDE])), trap(MemoryOutOfBounds), "{config}");
        let memory = engine.memory("m").expect("it is exported");
        assert_eq!(word(&memory, 16), 1, "{config}");
        assert!(memory[65533..].iter().all(|byte| *byte == 0), "{config}: half a store was done");
    });
}

#[test]
fn globals_are_written_in_order_with_traps() {
    everywhere(MODULE, |engine, config| {
        for (name, wanted) in [("global_after", 0), ("global_before", 2), ("global_between", 3)] {
            assert_eq!(engine.call(name, &args([OUTSIDE])), trap(MemoryOutOfBounds), "{config} {name}");
            assert_eq!(engine.global("g"), Some(Value::I32(wanted)), "{config} {name}");
        }
    });
}

#[test]
fn a_loop_stores_up_to_the_end_of_memory_and_traps_there() {
    everywhere(MODULE, |engine, config| {
        assert_eq!(engine.call("loop_stores", &args([70000])), trap(MemoryOutOfBounds), "{config}");
        let memory = engine.memory("m").expect("it is exported");
        assert!(memory.iter().all(|byte| *byte == 1), "{config}: a store before the trap is missing");
    });
}

#[test]
fn a_trapping_load_is_not_moved_out_of_its_loop() {
    everywhere(MODULE, |engine, config| {
        assert_eq!(engine.call("loop_invariant", &args([OUTSIDE, 0])), values([]), "{config}: the body never ran");
        assert_eq!(engine.call("loop_invariant", &args([OUTSIDE, 5])), trap(MemoryOutOfBounds), "{config}");
        let memory = engine.memory("m").expect("it is exported");
        assert_eq!(memory[100..103], [1, 0, 0], "{config}: one store came before the load");
    });
}

/// Memories with and without a guard behind them, and exceptions, in one module: what a trap in the one leaves of the
/// others.
const MIXED: &str = "(module (memory (export \"m\") 1) (memory $small (export \"small\") 100 100 (pagesize 1))
    (global $g (export \"g\") (mut i64) (i64.const 0)) (tag $t (param i32)) (table $t (export \"t\") 2 2 funcref) (elem declare func $f)
    (func $f)
    (func $throw (param i32) (throw $t (local.get 0)))
    (func (export \"other_memory\") (param i32)
        (i32.store $small (i32.const 8) (i32.const 1)) (drop (i32.load (local.get 0))) (i32.store $small (i32.const 8) (i32.const 2)))
    (func (export \"guarded_memory\") (param i32)
        (i32.store (i32.const 8) (i32.const 3)) (drop (i32.load $small (local.get 0))) (i32.store (i32.const 8) (i32.const 4)))
    (func (export \"table\") (param i32) (result i32)
        (table.set $t (i32.const 0) (ref.func $f)) (drop (i32.load8_u (local.get 0))) (table.set $t (i32.const 0) (ref.null func))
        (i32.const 0))
    (func (export \"is_set\") (result i32) (i32.eqz (ref.is_null (table.get $t (i32.const 0)))))
    (func (export \"caught\") (param i32) (result i32)
        (block $h (result i32) (try_table (result i32) (catch $t $h) (call $throw (i32.const 5)) (i32.const 0)))
        (i64.store (local.get 0) (i64.const -1)) (global.set $g (i64.const 9))
        (call $throw (i32.const 6)))
    (func (export \"partly\") (param i32) (global.set $g (i64.const 7)) (v128.store (local.get 0) (v128.const i64x2 -1 -1))
        (global.set $g (i64.const 8)))
    (func (export \"fill_then_load\") (param i32)
        (memory.fill (i32.const 16) (i32.const 5) (i32.const 4)) (drop (i32.load (local.get 0)))
        (memory.fill (i32.const 16) (i32.const 6) (i32.const 4))))";

#[test]
fn a_trap_leaves_everything_as_it_was_then() {
    everywhere(MIXED, |engine, config| {
        assert_eq!(engine.call("other_memory", &args([OUTSIDE])), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(word(&engine.memory("small").expect("it is exported"), 8), 1, "{config}");
        assert_eq!(engine.call("guarded_memory", &args([97])), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(word(&engine.memory("m").expect("it is exported"), 8), 3, "{config}");
        assert_eq!(engine.call("table", &args([0x1_0000])), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(engine.call("is_set", &[]), i32(1), "{config}");
        for _ in 0..2 {
            assert_eq!(engine.call("caught", &args([OUTSIDE])), trap(MemoryOutOfBounds), "{config}");
            assert_eq!(engine.global("g"), Some(Value::I64(0)), "{config}");
            // What has been caught is not thrown at whoever comes next.
            assert_eq!(engine.call("is_set", &[]), i32(1), "{config}");
        }
        for address in [65521, 65535, 0xFFFF_FFF8] {
            assert_eq!(engine.call("partly", &args([address])), trap(MemoryOutOfBounds), "{config} {address}");
            assert_eq!(engine.global("g"), Some(Value::I64(7)), "{config}");
            let memory = engine.memory("m").expect("it is exported");
            assert!(memory[65520..].iter().all(|byte| *byte == 0), "{config}: a part of a store was done");
            assert_eq!(engine.call("other_memory", &args([0])), values([]), "{config}");
        }
        assert_eq!(engine.call("fill_then_load", &args([u32::MAX])), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(word(&engine.memory("m").expect("it is exported"), 16), 0x0505_0505, "{config}");
    });
}

/// Accesses in loops, which LLVM may move and drop as it likes, beside others that trap by themselves: what is inlined
/// into a loop, or stands behind one that has been unrolled. None may go over the other.
const NEIGHBOURS: &str = "(module (memory (export \"m\") 1) (global $g (export \"g\") (mut i32) (i32.const 0))
    (func $touch (param i32) (drop (i32.load (local.get 0))))
    (func $write (param i32) (i32.store (local.get 0) (i32.const 7)))
    (func (export \"unrolled\") (param $at i32) (local $i i32)
        (loop $l (i32.store (i32.const 16) (i32.const 1))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2))))
        (drop (i32.load (local.get $at)))
        (local.set $i (i32.const 0))
        (loop $l (i32.store (i32.const 16) (i32.const 2))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2)))))
    (func (export \"at_a_constant\") (local $i i32)
        (loop $l (i32.store (i32.const 16) (i32.const 1))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2))))
        (drop (i32.load (i32.const 0x7fff0000)))
        (local.set $i (i32.const 0))
        (loop $l (i32.store (i32.const 16) (i32.const 2))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2)))))
    (func (export \"inlined_load\") (param $at i32) (local $i i32)
        (loop $l
            (global.set $g (i32.add (global.get $g) (i32.const 1)))
            (i32.store (i32.const 24) (i32.add (i32.load (i32.const 24)) (i32.const 1)))
            (call $touch (local.get $at))
            (local.set $at (i32.add (local.get $at) (i32.const 0x4000)))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10)))))
    (func (export \"inlined_store\") (param $at i32) (local $i i32)
        (loop $l
            (global.set $g (i32.add (global.get $g) (i32.const 1)))
            (i32.store (i32.const 24) (i32.add (i32.load (i32.const 24)) (i32.const 1)))
            (call $write (local.get $at))
            (local.set $at (i32.add (local.get $at) (i32.const 0x4000)))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10)))))
    (func $counts (param $at i32) (result i32) (call $touch (local.get $at)) (i32.const 1))
    (func (export \"called\") (param $at i32) (result i32)
        (global.set $g (i32.const 5)) (drop (call $counts (local.get $at))) (global.set $g (i32.const 6)) (global.get $g))
    (func (export \"one_of_two\") (param $at i32) (param $first i32)
        (if (local.get $first)
            (then (global.set $g (i32.const 11)) (i32.store (local.get $at) (i32.const 1)))
            (else (global.set $g (i32.const 12)) (i32.store (local.get $at) (i32.const 2))))))";

#[test]
fn accesses_with_and_without_checks_keep_their_order() {
    everywhere(NEIGHBOURS, |engine, config| {
        let at = |engine: &mut Engine, address| word(&engine.memory("m").expect("it is exported"), address);
        for _ in 0..2 {
            assert_eq!(engine.call("unrolled", &args([OUTSIDE])), trap(MemoryOutOfBounds), "{config}");
            assert_eq!(at(engine, 16), 1, "{config}");
            assert_eq!(engine.call("unrolled", &args([0])), values([]), "{config}");
            assert_eq!(at(engine, 16), 2, "{config}");
            assert_eq!(engine.call("at_a_constant", &[]), trap(MemoryOutOfBounds), "{config}");
            assert_eq!(at(engine, 16), 1, "{config}");
        }
        // At 0, 0x4000, 0x8000 and 0xC000 there is memory.
        for (rounds, name) in [(5, "inlined_load"), (10, "inlined_store")] {
            assert_eq!(engine.call(name, &args([0])), trap(MemoryOutOfBounds), "{config}");
            assert_eq!((engine.global("g"), at(engine, 24)), (Some(Value::I32(rounds)), rounds), "{config} {name}");
        }
        assert_eq!(engine.call("called", &args([OUTSIDE])), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(engine.global("g"), Some(Value::I32(5)), "{config}");
        assert_eq!(engine.call("called", &args([0])), i32(6), "{config}");
        for (first, left) in [(1, 11), (0, 12)] {
            assert_eq!(engine.call("one_of_two", &args([OUTSIDE, first])), trap(MemoryOutOfBounds), "{config}");
            assert_eq!(engine.global("g"), Some(Value::I32(left)), "{config}");
        }
    });
}
