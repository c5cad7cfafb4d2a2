//! Memories and tables with addresses of 64 bits: sums that wrap, numbers beyond 32 bits, and the two kinds together.

use crate::{everywhere_wide, i32, trap, values};
use wasmc_abi::TrapCode::{MemoryOutOfBounds, TableOutOfBounds, UndefinedElement};
use wasmc_tests::{Outcome, Value};

fn numbers<const N: usize>(numbers: [u64; N]) -> [Value; N] {
    numbers.map(Value::I64)
}

fn i64(value: u64) -> Outcome {
    values([Value::I64(value)])
}

#[test]
fn no_sum_of_index_offset_and_width_wraps() {
    for memory in ["1", "1 1", "0", "1 3 shared"] {
        for offset in [0, 16, 0x8000_0000, u64::from(u32::MAX), 1 << 32, 1 << 63, u64::MAX - 7, u64::MAX] {
            let text = format!(
                "(module (memory i64 {memory})
                 (func (export \"load\") (param i64) (drop (i64.load offset={offset} (local.get 0))))
                 (func (export \"byte\") (param i64) (drop (i32.load8_u offset={offset} (local.get 0))))
                 (func (export \"store\") (param i64) (v128.store offset={offset} (local.get 0) (v128.const i64x2 1 2))))"
            );
            let len: u64 = if memory == "0" { 0 } else { 65536 };
            everywhere_wide(&text, |engine, config| {
                for (name, width) in [("load", 8), ("byte", 1), ("store", 16)] {
                    let last = len.checked_sub(width).and_then(|last| last.checked_sub(offset));
                    let places = [0, 1, 65536, u64::from(u32::MAX), 1 << 32, 1 << 63, u64::MAX - 15, u64::MAX];
                    for index in places.into_iter().chain(last).chain(last.map(|last| last + 1)) {
                        let wanted =
                            if last.is_some_and(|last| index <= last) { values([]) } else { trap(MemoryOutOfBounds) };
                        let found = engine.call(name, &numbers([index]));
                        assert_eq!(found, wanted, "{config} {name} ({memory}) at {index:#x} + {offset:#x}");
                    }
                }
            });
        }
    }
}

#[test]
fn ranges_of_bulk_instructions_do_not_wrap() {
    let text = "(module (memory $w (export \"w\") i64 1) (memory $n (export \"n\") 1)
        (data $d \"abcdefgh\")
        (func (export \"fill\") (param i64 i64) (memory.fill $w (local.get 0) (i32.const 7) (local.get 1)))
        (func (export \"copy\") (param i64 i64 i64) (memory.copy $w $w (local.get 0) (local.get 1) (local.get 2)))
        (func (export \"out\") (param i32 i64 i32) (memory.copy $n $w (local.get 0) (local.get 1) (local.get 2)))
        (func (export \"in\") (param i64 i32 i32) (memory.copy $w $n (local.get 0) (local.get 1) (local.get 2)))
        (func (export \"init\") (param i64 i32 i32) (memory.init $w $d (local.get 0) (local.get 1) (local.get 2)))
        (func (export \"get\") (param i64) (result i64) (i64.load $w (local.get 0)))
        (func (export \"got\") (param i32) (result i64) (i64.load $n (local.get 0))))";
    everywhere_wide(text, |engine, config| {
        let far = u64::MAX - 7;
        for (to, len) in [(far, 8), (far, 16), (1 << 32, 1), (65536, 1), (1, u64::MAX), (0, 1 << 32), (u64::MAX, 2)] {
            assert_eq!(engine.call("fill", &numbers([to, len])), trap(MemoryOutOfBounds), "{config} {to:#x} {len:#x}");
            for (a, b) in [(to, 0), (0, to)] {
                let found = engine.call("copy", &numbers([a, b, len]));
                assert_eq!(found, trap(MemoryOutOfBounds), "{config} {a:#x} {b:#x} {len:#x}");
            }
        }
        assert_eq!(engine.call("fill", &numbers([65536, 0])), values([]), "{config}");
        assert_eq!(engine.call("get", &numbers([0])), i64(0), "{config}: nothing was written");
        let mixed = |a: u64, b: u32, c: u32| [Value::I64(a), Value::I32(b), Value::I32(c)];
        assert_eq!(engine.call("init", &mixed(8, 0, 8)), values([]), "{config}");
        assert_eq!(engine.call("init", &mixed((1 << 32) + 8, 0, 8)), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(engine.call("init", &mixed(u64::MAX, 0, 2)), trap(MemoryOutOfBounds), "{config}");
        let out = |a: u32, b: u64, c: u32| [Value::I32(a), Value::I64(b), Value::I32(c)];
        assert_eq!(engine.call("out", &out(65528, 8, 8)), values([]), "{config}");
        assert_eq!(engine.call("got", &[Value::I32(65528)]), i64(u64::from_le_bytes(*b"abcdefgh")), "{config}");
        assert_eq!(engine.call("in", &mixed(65520, 65532, 4)), values([]), "{config}");
        assert_eq!(engine.call("get", &numbers([65520])), i64(u32::from_le_bytes(*b"efgh").into()), "{config}");
        for found in [
            engine.call("out", &out(65529, 8, 8)),
            engine.call("out", &out(0, 1 << 32, 1)),
            engine.call("out", &out(u32::MAX, 0, 1)),
            engine.call("in", &mixed(1 << 32, 0, 1)),
            engine.call("in", &mixed(0, u32::MAX, u32::MAX)),
        ] {
            assert_eq!(found, trap(MemoryOutOfBounds), "{config}");
        }
    });
}

#[test]
fn sizes_have_64_bits() {
    let text = "(module (memory i64 1 5) (table $t i64 2 4 externref)
        (func (export \"size\") (result i64) (memory.size))
        (func (export \"grow\") (param i64) (result i64) (memory.grow (local.get 0)))
        (func (export \"count\") (result i64) (table.size $t))
        (func (export \"extend\") (param i64) (result i64) (table.grow $t (ref.null extern) (local.get 0))))";
    everywhere_wide(text, |engine, config| {
        for too_many in [5, 1 << 32, (1 << 32) + 1, 1 << 63, u64::MAX] {
            assert_eq!(engine.call("grow", &numbers([too_many])), i64(u64::MAX), "{config}");
            assert_eq!(engine.call("extend", &numbers([too_many])), i64(u64::MAX), "{config}");
        }
        assert_eq!(engine.call("grow", &numbers([4])), i64(1), "{config}");
        assert_eq!(engine.call("size", &[]), i64(5), "{config}");
        assert_eq!(engine.call("extend", &numbers([2])), i64(2), "{config}");
        assert_eq!(engine.call("count", &[]), i64(4), "{config}");
    });
}

#[test]
fn indices_of_tables_are_not_cut() {
    let text = "(module (type $f (func (result i32))) (table $t i64 2 funcref) (table $n 2 funcref)
        (elem (table $t) (i64.const 1) func $seven) (elem $e func $seven)
        (func $seven (result i32) (i32.const 7))
        (func (export \"call\") (param i64) (result i32) (call_indirect $t (type $f) (local.get 0)))
        (func (export \"narrow\") (param i32) (result i32) (call_indirect $n (type $f) (local.get 0)))
        (func (export \"is_null\") (param i64) (result i32) (ref.is_null (table.get $t (local.get 0))))
        (func (export \"set\") (param i64) (table.set $t (local.get 0) (ref.func $seven)))
        (func (export \"fill\") (param i64 i64) (table.fill $t (local.get 0) (ref.func $seven) (local.get 1)))
        (func (export \"copy\") (param i32 i64 i32) (table.copy $n $t (local.get 0) (local.get 1) (local.get 2)))
        (func (export \"init\") (param i64 i32 i32) (table.init $t $e (local.get 0) (local.get 1) (local.get 2))))";
    everywhere_wide(text, |engine, config| {
        assert_eq!(engine.call("call", &numbers([1])), i32(7), "{config}");
        for index in [2, (1 << 32) + 1, 1 << 63 | 1, u64::MAX] {
            assert_eq!(engine.call("call", &numbers([index])), trap(UndefinedElement), "{config} {index:#x}");
            for name in ["is_null", "set"] {
                assert_eq!(engine.call(name, &numbers([index])), trap(TableOutOfBounds), "{config} {index:#x}");
            }
            assert_eq!(engine.call("fill", &numbers([index, 1])), trap(TableOutOfBounds), "{config}");
            assert_eq!(engine.call("fill", &numbers([1, index])), trap(TableOutOfBounds), "{config}");
            let init = [Value::I64(index), Value::I32(0), Value::I32(1)];
            assert_eq!(engine.call("init", &init), trap(TableOutOfBounds), "{config}");
            let copy = [Value::I32(0), Value::I64(index), Value::I32(1)];
            assert_eq!(engine.call("copy", &copy), trap(TableOutOfBounds), "{config}");
        }
        assert_eq!(engine.call("is_null", &numbers([0])), i32(1), "{config}");
        let copy = [Value::I32(0), Value::I64(0), Value::I32(2)];
        assert_eq!(engine.call("copy", &copy), values([]), "{config}");
        assert_eq!(engine.call("narrow", &[Value::I32(1)]), i32(7), "{config}");
    });
}

/// Offsets of segments, of one instruction and computed.
#[test]
fn segments_go_where_they_say() {
    let text = "(module (memory i64 1)
        (data (i64.const 8) \"first\") (data (i64.sub (i64.const 65528) (i64.const 8)) \"last\")
        (func (export \"get\") (param i64) (result i32) (i32.load (local.get 0))))";
    everywhere_wide(text, |engine, config| {
        assert_eq!(engine.call("get", &numbers([8])), i32(u32::from_le_bytes(*b"firs")), "{config}");
        assert_eq!(engine.call("get", &numbers([65520])), i32(u32::from_le_bytes(*b"last")), "{config}");
    });
}
