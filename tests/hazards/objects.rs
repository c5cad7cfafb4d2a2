//! Objects: fields as they are stored, checks before anything is written, casts at every depth, and references that have
//! to outlive collections.

use crate::{args, everywhere, i32, trap, values};
use wasmc_abi::TrapCode::{AllocationFailed, ArrayOutOfBounds, CastFailure, MemoryOutOfBounds, NullReference};
use wasmc_tests::{Any, Value};

const MODULE: &str = "(module
    (type $packed (struct (field (mut i8)) (field (mut i16)) (field (mut i8)) (field (mut i64)) (field (mut f32))))
    (type $bytes (array (mut i8))) (type $words (array (mut i32)))
    (rec (type $list (struct (field i32) (field (ref null $list)))))
    (type $t0 (sub (struct))) (type $t1 (sub $t0 (struct))) (type $t2 (sub $t1 (struct))) (type $t3 (sub $t2 (struct)))
    (type $t4 (sub $t3 (struct))) (type $t5 (sub $t4 (struct))) (type $t6 (sub $t5 (struct)))
    (type $t7 (sub $t6 (struct))) (type $t8 (sub $t7 (struct))) (type $t9 (sub final $t8 (struct)))
    (data $d \"abcdefgh\")
    (global $a (mut (ref null $words)) (array.new $words (i32.const 7) (i32.const 4)))
    (table $kept 4 anyref)
    (func (export \"packed\") (param i32) (result i32 i32 i32 i32) (local $p (ref $packed))
        (local.set $p (struct.new_default $packed))
        (struct.set $packed 0 (local.get $p) (local.get 0)) (struct.set $packed 1 (local.get $p) (local.get 0))
        (struct.set $packed 3 (local.get $p) (i64.const -1))
        (struct.get_s $packed 0 (local.get $p)) (struct.get_u $packed 0 (local.get $p))
        (struct.get_s $packed 1 (local.get $p)) (struct.get_u $packed 2 (local.get $p)))
    (func (export \"fill\") (param i32 i32) (array.fill $words (global.get $a) (local.get 0) (i32.const 9) (local.get 1)))
    (func (export \"copy\") (param i32 i32 i32)
        (array.copy $words $words (global.get $a) (local.get 0) (global.get $a) (local.get 1) (local.get 2)))
    (func (export \"get\") (param i32) (result i32) (array.get $words (global.get $a) (local.get 0)))
    (func (export \"set\") (param i32) (array.set $words (global.get $a) (local.get 0) (i32.const 5)))
    (func (export \"data\") (param i32 i32) (result i32)
        (array.len (array.new_data $bytes $d (local.get 0) (local.get 1))))
    (func (export \"large\") (param i32) (result i32) (array.len (array.new_default $words (local.get 0))))
    (func (export \"null\") (result i32) (struct.get $list 0 (ref.null $list)))
    (func $make (param i32) (result (ref $t0))
        (block $9 (block $8 (block $7 (block $1 (block $0 (br_table $0 $1 $7 $8 $9 (local.get 0)))
            (return (struct.new $t0))) (return (struct.new $t1))) (return (struct.new $t7)))
            (return (struct.new $t8))) (struct.new $t9))
    (func (export \"is1\") (param i32) (result i32) (ref.test (ref $t1) (call $make (local.get 0))))
    (func (export \"is8\") (param i32) (result i32) (ref.test (ref $t8) (call $make (local.get 0))))
    (func (export \"is9\") (param i32) (result i32) (ref.test (ref $t9) (call $make (local.get 0))))
    (func (export \"as8\") (param i32) (drop (ref.cast (ref $t8) (call $make (local.get 0)))))
    (func (export \"i31\") (param i32) (result i32 i32 anyref)
        (i31.get_s (ref.i31 (local.get 0))) (i31.get_u (ref.i31 (local.get 0))) (ref.i31 (local.get 0)))
    (func $list (param $n i32) (result (ref null $list)) (local $l (ref null $list))
        (loop $loop
            (local.set $l (struct.new $list (local.get $n) (local.get $l)))
            (br_if $loop (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $l))
    (func $sum (param $l (ref null $list)) (result i32) (local $s i32)
        (block $end (loop $loop
            (local.set $s (i32.add (local.get $s) (struct.get $list 0 (br_on_null $end (local.get $l)))))
            (local.set $l (struct.get $list 1 (local.get $l))) (br $loop)))
        (local.get $s))
    (func (export \"keep\") (param $n i32) (result i32) (local $i i32)
        ;; One list in a local, one among the operands, one in a table, while many others come and go.
        (local $kept (ref null $list)) (local.set $kept (call $list (i32.const 100)))
        (table.set $kept (i32.const 1) (call $list (i32.const 100)))
        (call $list (i32.const 100))
        (local.set $i (local.get $n))
        (loop $loop (drop (call $list (i32.const 1000)))
            (br_if $loop (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
        (call $sum)
        (i32.add (call $sum (local.get $kept)))
        (i32.add (call $sum (ref.cast (ref $list) (table.get $kept (i32.const 1)))))))";

#[test]
fn fields_and_elements_are_what_was_stored() {
    everywhere(MODULE, |engine, config| {
        let packed = values([Value::I32(0xFFFF_FF80), Value::I32(0x80), Value::I32(0xFFFF_8180), Value::I32(0)]);
        assert_eq!(engine.call("packed", &args([0x1234_8180])), packed, "{config}");
        let i31 = [Value::I32(0xC000_0000), Value::I32(0x4000_0000), Value::AnyRef(Any::I31(0xC000_0000))];
        assert_eq!(engine.call("i31", &args([0xC000_0000])), values(i31), "{config}");
        assert_eq!(engine.call("data", &args([3, 5])), i32(5), "{config}");
        for (index, of) in [(0, [0, 0, 0]), (1, [1, 0, 0]), (2, [1, 0, 0]), (3, [1, 1, 0]), (4, [1, 1, 1])] {
            let found = ["is1", "is8", "is9"].map(|name| engine.call(name, &args([index])));
            assert_eq!(found, of.map(i32), "{config} {index}");
        }
    });
}

#[test]
fn what_is_outside_or_of_another_type_traps_and_writes_nothing() {
    everywhere(MODULE, |engine, config| {
        let outside = trap(ArrayOutOfBounds);
        for (name, numbers, expected) in [
            ("get", &[4][..], &outside),
            ("get", &[u32::MAX], &outside),
            ("set", &[4], &outside),
            ("fill", &[1, 4], &outside),
            ("fill", &[u32::MAX, 1], &outside),
            ("fill", &[5, 0], &outside),
            ("copy", &[0, 1, 4], &outside),
            ("copy", &[1, 0, u32::MAX], &outside),
            ("data", &[4, 5], &trap(MemoryOutOfBounds)),
            ("data", &[u32::MAX, 1], &trap(MemoryOutOfBounds)),
            ("large", &[u32::MAX], &trap(AllocationFailed)),
            ("null", &[], &trap(NullReference)),
            ("as8", &[2], &trap(CastFailure)),
        ] {
            let numbers: Vec<Value> = numbers.iter().map(|n| Value::I32(*n)).collect();
            assert_eq!(&engine.call(name, &numbers), expected, "{config} {name} {numbers:?}");
        }
        assert_eq!([0, 1, 2, 3].map(|index| engine.call("get", &args([index]))), [7; 4].map(i32), "{config}");
        engine.call("fill", &args([1, 2]));
        engine.call("copy", &args([0, 1, 3]));
        assert_eq!([0, 1, 2, 3].map(|index| engine.call("get", &args([index]))), [9, 9, 7, 7].map(i32), "{config}");
    });
}

#[test]
fn what_is_referred_to_outlives_collections() {
    everywhere(MODULE, |engine, config| {
        // Three hundred thousand objects, of which three hundred stay.
        assert_eq!(engine.call("keep", &args([300])), i32(3 * 5050), "{config}");
    });
}
