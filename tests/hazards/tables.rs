//! Table instructions: bounds, order, and several tables at once.

use crate::{args, everywhere, i32, trap, values};
use wasmc_abi::TrapCode::{TableOutOfBounds, UndefinedElement};
use wasmc_tests::{Outcome, Value};

const MODULE: &str = "(module (type $i (func (result i32)))
    (table $a (export \"a\") 4 8 funcref) (table $b 6 funcref) (table $x (export \"x\") 2 externref)
    (elem $e func $f1 $f2 $f3) (elem (table $a) (i32.const 0) func $f1 $f2)
    (elem declare func $f3)
    (func $f1 (result i32) (i32.const 1)) (func $f2 (result i32) (i32.const 2)) (func $f3 (result i32) (i32.const 3))
    (func (export \"call_a\") (param i32) (result i32) (call_indirect $a (type $i) (local.get 0)))
    (func (export \"call_b\") (param i32) (result i32) (call_indirect $b (type $i) (local.get 0)))
    (func (export \"null_a\") (param i32) (result i32) (ref.is_null (table.get $a (local.get 0))))
    (func (export \"get_dropped\") (param i32) (drop (table.get $a (local.get 0))))
    (func (export \"null_x\") (param i32) (result i32) (ref.is_null (table.get $x (local.get 0))))
    (func (export \"set_a\") (param i32) (table.set $a (local.get 0) (ref.func $f3)))
    (func (export \"clear_a\") (param i32) (table.set $a (local.get 0) (ref.null func)))
    (func (export \"clear_x\") (param i32) (table.set $x (local.get 0) (ref.null extern)))
    (func (export \"size\") (result i32) (table.size $a))
    (func (export \"grow_a\") (param i32) (result i32) (table.grow $a (ref.func $f2) (local.get 0)))
    (func (export \"grow_x\") (param i32) (result i32) (table.grow $x (ref.null extern) (local.get 0)))
    (func (export \"fill_a\") (param i32 i32) (table.fill $a (local.get 0) (ref.func $f1) (local.get 1)))
    (func (export \"copy_ba\") (param i32 i32 i32) (table.copy $b $a (local.get 0) (local.get 1) (local.get 2)))
    (func (export \"copy_aa\") (param i32 i32 i32) (table.copy $a $a (local.get 0) (local.get 1) (local.get 2)))
    (func (export \"init_a\") (param i32 i32 i32) (table.init $a $e (local.get 0) (local.get 1) (local.get 2)))
    (func (export \"drop_e\") (elem.drop $e)))";

#[test]
fn table_instructions_outside_trap_and_change_nothing() {
    everywhere(MODULE, |engine, config| {
        let oob = trap(TableOutOfBounds);
        for (name, numbers) in [
            ("null_a", &[4][..]),
            ("get_dropped", &[4]),
            ("get_dropped", &[u32::MAX]),
            ("null_x", &[2]),
            ("set_a", &[4]),
            ("set_a", &[0x8000_0000]),
            ("clear_x", &[u32::MAX]),
            ("fill_a", &[3, 2]),
            ("fill_a", &[5, 0]),
            ("fill_a", &[1, u32::MAX]),
            ("copy_ba", &[5, 0, 2]),
            ("copy_ba", &[0, 3, 2]),
            ("copy_ba", &[7, 0, 0]),
            ("copy_aa", &[1, 0, u32::MAX]),
            ("copy_aa", &[0, 5, 0]),
            ("init_a", &[0, 1, 3]),
            ("init_a", &[2, 0, 3]),
            ("init_a", &[0, 4, 0]),
            ("init_a", &[u32::MAX, 0, 1]),
        ] {
            let numbers: Vec<Value> = numbers.iter().map(|n| Value::I32(*n)).collect();
            assert_eq!(engine.call(name, &numbers), oob, "{config} {name} {numbers:?}");
        }
        let nulls: Vec<Outcome> = (0..4).map(|n| engine.call("null_a", &args([n]))).collect();
        assert_eq!(nulls, [i32(0), i32(0), i32(1), i32(1)], "{config}: something was written");
    });
}

#[test]
fn table_instructions_inside_do_what_they_say() {
    everywhere(MODULE, |engine, config| {
        let mut does = |name: &str, numbers: &[u32], wanted: Outcome| {
            let numbers: Vec<Value> = numbers.iter().map(|n| Value::I32(*n)).collect();
            assert_eq!(engine.call(name, &numbers), wanted, "{config} {name} {numbers:?}");
        };
        let done = || values([]);
        does("fill_a", &[4, 0], done());
        does("copy_ba", &[6, 4, 0], done());
        does("init_a", &[4, 3, 0], done());
        does("set_a", &[2], done());
        does("call_a", &[2], i32(3));
        does("copy_aa", &[1, 0, 3], done());
        does("call_a", &[1], i32(1));
        does("call_a", &[2], i32(2));
        does("call_a", &[3], i32(3));
        does("copy_aa", &[0, 1, 3], done());
        does("call_a", &[2], i32(3));
        does("copy_ba", &[2, 0, 4], done());
        does("call_b", &[3], i32(2));
        does("call_b", &[6], trap(UndefinedElement));
        does("grow_a", &[5], i32(u32::MAX));
        does("grow_a", &[u32::MAX], i32(u32::MAX));
        does("grow_a", &[4], i32(4));
        does("size", &[], i32(8));
        does("call_a", &[7], i32(2));
        does("init_a", &[5, 1, 2], done());
        does("call_a", &[6], i32(3));
        does("drop_e", &[], done());
        does("init_a", &[0, 0, 0], done());
        does("init_a", &[0, 0, 1], trap(TableOutOfBounds));
        does("clear_a", &[7], done());
        does("null_a", &[7], i32(1));
        does("grow_x", &[3], i32(2));
        does("null_x", &[4], i32(1));
        does("clear_x", &[4], done());
        assert_eq!((engine.table_count("a"), engine.table_count("x")), (Some(8), Some(5)), "{config}");
    });
}
