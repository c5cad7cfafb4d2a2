//! Table instructions: bounds, order, and several tables at once.

use crate::{args, everywhere, i32, trap, values};
use wasmc_abi::TrapCode::{IndirectCallMismatch, TableOutOfBounds, UndefinedElement, UninitializedElement};
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

/// A table that nobody writes, with a null, a function of another type, and one of a subtype; more results than fit
/// into registers, and arguments on the stack when a call ends in a trap.
const CONSTANT: &str = "(module
    (type $i (sub (func (result i32)))) (type $more (sub $i (func (result i32))))
    (type $wide (func (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64 i64 i64 i64)))
    (table $t 6 6 funcref) (table $exported (export \"t\") 1 funcref)
    (elem (table $t) (i32.const 0) func $one $two $other $wide) (elem (table $t) (i32.const 1) func $two)
    (elem (table $exported) (i32.const 0) func $one)
    (global $calls (mut i32) (i32.const 0))
    (func $one (type $i) (global.set $calls (i32.add (global.get $calls) (i32.const 1))) (i32.const 1))
    (func $two (type $more) (i32.const 2)) (func $other)
    (func $wide (type $wide) (local.get 9) (local.get 8) (local.get 1) (local.get 0))
    (func (export \"call\") (param i32) (result i32) (call_indirect $t (type $i) (local.get 0)))
    (func (export \"call_more\") (param i32) (result i32) (call_indirect $t (type $more) (local.get 0)))
    (func (export \"call_wide\") (param i32) (result i64)
      (call_indirect $t (type $wide) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6)
        (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10) (local.get 0))
      (i64.mul (i64.const 1000)) i64.add (i64.mul (i64.const 1000)) i64.add (i64.mul (i64.const 1000)) i64.add)
    (func (export \"tail\") (param i32) (result i32) (return_call_indirect $t (type $i) (local.get 0)))
    (func (export \"get\") (param i32) (result i32) (ref.is_null (table.get $t (local.get 0))))
    (func (export \"calls\") (result i32) (global.get $calls)))";

#[test]
fn a_constant_table_is_called_as_any_other() {
    everywhere(CONSTANT, |engine, config| {
        let mut does = |name: &str, numbers: &[u32], wanted: Outcome| {
            let numbers: Vec<Value> = numbers.iter().map(|n| Value::I32(*n)).collect();
            assert_eq!(engine.call(name, &numbers), wanted, "{config} {name} {numbers:?}");
        };
        for name in ["call", "tail"] {
            does(name, &[0], i32(1));
            does(name, &[1], i32(2));
            does(name, &[2], trap(IndirectCallMismatch));
            does(name, &[3], trap(IndirectCallMismatch));
            does(name, &[4], trap(UninitializedElement));
            does(name, &[6], trap(UndefinedElement));
            does(name, &[u32::MAX], trap(UndefinedElement));
        }
        does("call_more", &[1], i32(2));
        does("call_more", &[0], trap(IndirectCallMismatch));
        does("call_wide", &[3], values([Value::I64(10 + 1000 * (9 + 1000 * (2 + 1000)))]));
        does("call_wide", &[0], trap(IndirectCallMismatch));
        does("call_wide", &[5], trap(UninitializedElement));
        does("get", &[3], i32(0));
        does("get", &[4], i32(1));
        does("calls", &[], i32(2));
    });
}

/// What is known of tables that nothing changes is left out of calls through them: their length, types, whose functions
/// they have. Of others it is not.
#[test]
fn calls_through_tables_that_never_change_trap_as_others_do() {
    let text = "(module (type $i (func (param i32) (result i32))) (type $n (func))
        (global $calls (export \"calls\") (mut i32) (i32.const 0))
        (table $same 5 5 funcref) (table $mixed 4 funcref) (table $grown 2 funcref) (table $set 2 2 funcref)
        (elem (table $same) (i32.const 1) func $add $double $call)
        (elem (table $mixed) (i32.const 0) func $add $nothing)
        (elem (table $grown) (i32.const 0) func $add)
        (elem (table $set) (i32.const 0) func $nothing $add)
        (elem declare func $double)
        (func $count (global.set $calls (i32.add (global.get $calls) (i32.const 1))))
        (func $nothing (type $n) (call $count))
        (func $add (type $i) (call $count) (i32.add (local.get 0) (i32.const 1)))
        (func $double (type $i) (call $count) (i32.shl (local.get 0) (i32.const 1)))
        (func $call (type $i) (call_indirect $same (type $i) (local.get 0) (i32.const 2)))
        (func (export \"same\") (param i32) (result i32)
            (i32.add (global.get $calls) (call_indirect $same (type $i) (i32.const 20) (local.get 0))))
        (func (export \"mixed\") (param i32) (result i32)
            (call_indirect $mixed (type $i) (i32.const 20) (local.get 0)))
        (func (export \"grown\") (param i32) (result i32)
            (call_indirect $grown (type $i) (i32.const 20) (local.get 0)))
        (func (export \"set\") (param i32) (result i32)
            (call_indirect $set (type $i) (i32.const 20) (local.get 0)))
        (func (export \"grow\") (result i32) (table.grow $grown (ref.func $double) (i32.const 2)))
        (func (export \"change\") (table.set $set (i32.const 0) (ref.func $double)))
        (func (export \"count\") (result i32) (global.get $calls)))";
    everywhere(text, |engine, config| {
        assert_eq!(engine.call("same", &args([1])), i32(21), "{config}");
        assert_eq!(engine.call("same", &args([2])), i32(41), "{config}");
        assert_eq!(engine.call("same", &args([3])), i32(42), "{config}");
        assert_eq!(engine.call("count", &[]), i32(3), "{config}: the functions are this instance's");
        for (table, index, code) in [
            ("same", 0, UninitializedElement),
            ("same", 4, UninitializedElement),
            ("same", 5, UndefinedElement),
            ("same", u32::MAX, UndefinedElement),
            ("mixed", 1, IndirectCallMismatch),
            ("mixed", 2, UninitializedElement),
            ("mixed", 4, UndefinedElement),
            ("grown", 1, UninitializedElement),
            ("grown", 2, UndefinedElement),
            ("set", 0, IndirectCallMismatch),
            ("set", 2, UndefinedElement),
        ] {
            assert_eq!(engine.call(table, &args([index])), trap(code), "{config} {table} {index}");
        }
        assert_eq!(engine.call("grow", &[]), i32(2), "{config}");
        assert_eq!(engine.call("grown", &args([3])), i32(40), "{config}");
        assert_eq!(engine.call("grown", &args([4])), trap(UndefinedElement), "{config}");
        assert_eq!(engine.call("change", &[]), values([]), "{config}");
        assert_eq!(engine.call("set", &args([0])), i32(40), "{config}");
        assert_eq!(engine.call("set", &args([1])), i32(21), "{config}");
    });
}

/// Tables without elements lie somewhere too.
#[test]
fn nothing_is_copied_between_tables_that_have_nothing() {
    const EMPTY: &str = "(module (table $a 0 externref) (table $b 0 8 externref) (table $f 0 funcref) (elem $e funcref)
        (func (export \"externs\") (param i32)
            (table.copy $b $b (i32.const 0) (i32.const 0) (i32.const 0))
            (table.fill $b (i32.const 0) (ref.null extern) (i32.const 0))
            (table.copy $a $b (i32.const 0) (i32.const 0) (local.get 0)))
        (func (export \"functions\") (param i32)
            (table.copy $f $f (i32.const 0) (i32.const 0) (i32.const 0))
            (table.init $f $e (i32.const 0) (i32.const 0) (local.get 0))))";
    everywhere(EMPTY, |engine, config| {
        for name in ["externs", "functions"] {
            assert_eq!(engine.call(name, &args([0])), values([]), "{config} {name}");
            assert_eq!(engine.call(name, &args([1])), trap(TableOutOfBounds), "{config} {name}");
        }
    });
}
