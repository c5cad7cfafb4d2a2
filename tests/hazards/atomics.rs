//! Atomic accesses: what each instruction computes, of a shared memory and of another, and which trap comes first.

use crate::{args, everywhere, i32, trap, values};
use wasmc_abi::TrapCode::{ExpectedSharedMemory, MemoryOutOfBounds, UnalignedAtomic};
use wasmc_tests::{Outcome, Value};

/// Type, suffix of the access's width, suffix of what extends, width in bytes.
const WIDTHS: [(&str, &str, &str, u32); 7] = [
    ("i32", "", "", 4),
    ("i32", "8", "_u", 1),
    ("i32", "16", "_u", 2),
    ("i64", "", "", 8),
    ("i64", "8", "_u", 1),
    ("i64", "16", "_u", 2),
    ("i64", "32", "_u", 4),
];

/// What a read-modify-write stores.
type Modify = fn(u64, u64) -> u64;

const OPERATIONS: [(&str, Modify); 6] = [
    ("add", u64::wrapping_add),
    ("sub", u64::wrapping_sub),
    ("and", |a, b| a & b),
    ("or", |a, b| a | b),
    ("xor", |a, b| a ^ b),
    ("xchg", |_, b| b),
];

const MEMORIES: [&str; 2] = ["1", "1 1 shared"];

/// A module with each instruction at an offset; narrow ones have the width's digits in their names.
fn module(memory: &str, offset: u32) -> String {
    let mut text = format!(
        "(module (memory {memory}) (func (export \"get\") (result i64) (i64.load (i32.const 16)))
         (func (export \"set\") (param i64) (i64.store (i32.const 16) (local.get 0)))"
    );
    for (index, (ty, width, extend, _)) in WIDTHS.iter().enumerate() {
        let (load, store) = (format!("{ty}.atomic.load{width}{extend}"), format!("{ty}.atomic.store{width}"));
        text += &format!(
            "(func (export \"load{index}\") (param i32) (result {ty}) ({load} offset={offset} (local.get 0)))
             (func (export \"drop{index}\") (param i32) (drop ({load} offset={offset} (local.get 0))))
             (func (export \"store{index}\") (param i32 {ty}) ({store} offset={offset} (local.get 0) (local.get 1)))
             (func (export \"cmpxchg{index}\") (param i32 {ty} {ty}) (result {ty})
                ({ty}.atomic.rmw{width}.cmpxchg{extend} offset={offset} (local.get 0) (local.get 1) (local.get 2)))"
        );
        for (name, _) in OPERATIONS {
            text += &format!(
                "(func (export \"{name}{index}\") (param i32 {ty}) (result {ty})
                    ({ty}.atomic.rmw{width}.{name}{extend} offset={offset} (local.get 0) (local.get 1)))"
            );
        }
    }
    text + ")"
}

fn number(ty: &str, bits: u64) -> Value {
    if ty == "i32" { Value::I32(bits as u32) } else { Value::I64(bits) }
}

const BITS: u64 = 0xF1E2_D3C4_B5A6_9788;
const OPERAND: u64 = 0x8F7E_6D5C_4B3A_A9F1;

#[test]
fn each_instruction_loads_and_stores_what_it_says() {
    for memory in MEMORIES {
        everywhere(&module(memory, 3), |engine, config| {
            for (index, (ty, _, _, width)) in WIDTHS.iter().enumerate() {
                let mask = u64::MAX >> (64 - 8 * width);
                let old = values([number(ty, BITS & mask)]);
                let after = |new: u64| values([Value::I64(BITS & !mask | new & mask)]);
                let mut run = |name: &str, operands: &[u64]| {
                    engine.call("set", &[Value::I64(BITS)]);
                    let operands = operands.iter().map(|bits| number(ty, *bits));
                    let args: Vec<_> = [Value::I32(13)].into_iter().chain(operands).collect();
                    (engine.call(&format!("{name}{index}"), &args), engine.call("get", &[]))
                };
                let what = format!("{config} {memory}: {ty}, {width} bytes");
                assert_eq!(run("load", &[]), (old.clone(), after(BITS)), "{what}");
                assert_eq!(run("store", &[OPERAND]), (values([]), after(OPERAND)), "{what}");
                for (name, modify) in OPERATIONS {
                    assert_eq!(run(name, &[OPERAND]), (old.clone(), after(modify(BITS, OPERAND))), "{what}: {name}");
                }
                assert_eq!(run("cmpxchg", &[BITS & mask, OPERAND]), (old.clone(), after(OPERAND)), "{what}");
                assert_eq!(run("cmpxchg", &[!BITS & mask, OPERAND]), (old.clone(), after(BITS)), "{what}");
                // Bits beyond what is loaded are compared too.
                let all = if *ty == "i32" { u64::from(u32::MAX) } else { u64::MAX };
                if mask != all {
                    let beyond = (BITS & mask) | (mask + 1);
                    assert_eq!(run("cmpxchg", &[beyond, OPERAND]), (old.clone(), after(BITS)), "{what}");
                }
            }
        });
    }
}

#[test]
fn alignment_is_of_the_effective_address_and_comes_before_bounds() {
    for memory in MEMORIES {
        everywhere(&module(memory, 3), |engine, config| {
            for (index, (ty, _, _, width)) in WIDTHS.iter().enumerate() {
                let mut run = |address: u32| {
                    let operand = number(ty, 0);
                    let found = [
                        engine.call(&format!("drop{index}"), &args([address])),
                        engine.call(&format!("store{index}"), &[Value::I32(address), operand]),
                        engine.call(&format!("add{index}"), &[Value::I32(address), operand]),
                        engine.call(&format!("cmpxchg{index}"), &[Value::I32(address), operand, operand]),
                    ];
                    // What they return does not matter here.
                    let found = found.map(|outcome| match outcome {
                        Outcome::Values(_) => values([]),
                        other => other,
                    });
                    assert!(found.iter().all(|other| *other == found[0]), "{config} {memory} {address}: {found:?}");
                    found[0].clone()
                };
                assert_eq!(run(65536 - 3 - width), values([]), "{config}: the last one");
                assert_eq!(run(65536 - 3), trap(MemoryOutOfBounds), "{config}: behind it");
                // With the offset beyond 2^32, and there aligned.
                assert_eq!(run(u32::MAX - 2), trap(MemoryOutOfBounds), "{config}: no wrap");
                if *width > 1 {
                    assert_eq!(run(14), trap(UnalignedAtomic), "{config}");
                    assert_eq!(run(65534), trap(UnalignedAtomic), "{config}: outside, too");
                }
            }
        });
    }
}

#[test]
fn nobody_waits_in_a_memory_that_is_not_shared() {
    let waits = |memory: &str| {
        format!(
            "(module (memory {memory})
             (func (export \"wait32\") (param i32) (result i32)
                (memory.atomic.wait32 offset=4 (local.get 0) (i32.const 0) (i64.const 1000)))
             (func (export \"wait64\") (param i32) (result i32)
                (memory.atomic.wait64 offset=4 (local.get 0) (i64.const 0) (i64.const 1000)))
             (func (export \"notify\") (param i32) (result i32)
                (memory.atomic.notify offset=4 (local.get 0) (i32.const 1)))
             (func (export \"fence\") (result i32) (atomic.fence) (i32.const 7)))"
        )
    };
    everywhere(&waits("1"), |engine, config| {
        for address in [4, 65532] {
            assert_eq!(engine.call("wait32", &args([address])), trap(ExpectedSharedMemory), "{config}");
            assert_eq!(engine.call("wait64", &args([address])), trap(ExpectedSharedMemory), "{config}");
        }
        assert_eq!(engine.call("wait64", &args([8])), trap(UnalignedAtomic), "{config}");
        assert_eq!(engine.call("notify", &args([4])), i32(0), "{config}");
        assert_eq!(engine.call("notify", &args([65532])), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(engine.call("notify", &args([2])), trap(UnalignedAtomic), "{config}");
        assert_eq!(engine.call("fence", &[]), i32(7), "{config}");
    });
    everywhere(&waits("1 1 shared"), |engine, config| {
        for name in ["wait32", "wait64"] {
            assert_eq!(engine.call(name, &args([4])), i32(2), "{config}: the time is up");
            assert_eq!(engine.call(name, &args([65532])), trap(MemoryOutOfBounds), "{config}");
            assert_eq!(engine.call(name, &args([1])), trap(UnalignedAtomic), "{config}");
        }
        assert_eq!(engine.call("notify", &args([4])), i32(0), "{config}");
        assert_eq!(engine.call("fence", &[]), i32(7), "{config}");
    });
}

/// A check whose work the access does; around it nothing may be lost, or seen that comes after.
#[test]
fn what_was_stored_before_a_trapping_access_is_there_and_nothing_else() {
    let text = "(module (memory (export \"m\") 1 3 shared)
        (func (export \"run\") (param i32)
            (i32.store (i32.const 0) (i32.const 1))
            (drop (i32.atomic.rmw.add (local.get 0) (i32.const 5)))
            (i32.store (i32.const 4) (i32.const 1))
            (i64.atomic.store offset=8 (local.get 0) (i64.const 2))
            (i32.store (i32.const 8) (i32.const 1)))
        (func (export \"sum\") (result i32)
            (i32.add (i32.load (i32.const 0)) (i32.shl (i32.add (i32.load (i32.const 4))
                (i32.shl (i32.load (i32.const 8)) (i32.const 8))) (i32.const 8))))
        (func (export \"grow\") (result i32) (memory.grow (i32.const 1)))
        (func (export \"size\") (result i32) (memory.size)))";
    everywhere(text, |engine, config| {
        assert_eq!(engine.call("run", &args([65536])), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(engine.call("sum", &[]), i32(1), "{config}");
        assert_eq!(engine.call("run", &args([65528])), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(engine.call("sum", &[]), i32(0x101), "{config}");
        assert_eq!(engine.call("grow", &[]), i32(1), "{config}");
        assert_eq!(engine.call("size", &[]), i32(2), "{config}");
        assert_eq!(engine.call("run", &args([65528])), values([]), "{config}");
        assert_eq!(engine.call("sum", &[]), i32(0x1_0101), "{config}");
        assert_eq!(engine.call("grow", &[]), i32(2), "{config}");
        assert_eq!(engine.call("grow", &[]), i32(u32::MAX), "{config}");
    });
}
