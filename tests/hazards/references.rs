//! References to functions: null, types, and tables that begin with one.

use crate::{args, everywhere, i32, trap};
use wasmc_abi::TrapCode::{IndirectCallMismatch, NullReference, UninitializedElement};

const MODULE: &str = "(module
    (type $i (func (result i32))) (type $ii (func (param i32) (result i32)))
    (table $t 3 5 (ref $i) (ref.func $one)) (table $n 3 (ref null $ii)) (table $f 4 funcref)
    (elem (table $t) (i32.const 1) (ref $i) (ref.func $two))
    (elem (table $f) (i32.const 0) func $one $twice)
    (elem declare func $twice)
    (global $g (export \"g\") (mut (ref null $ii)) (ref.null $ii))
    (memory (export \"memory\") 1)
    (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
    (func $twice (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
    (func (export \"of_t\") (param i32) (result i32) (call_ref $i (table.get $t (local.get 0))))
    (func (export \"of_n\") (param i32) (result i32)
        (call_ref $ii (local.get 0) (table.get $n (local.get 0))))
    (func (export \"set_n\") (param i32) (table.set $n (local.get 0) (ref.func $twice)))
    (func (export \"grow_t\") (result i32) (table.grow $t (ref.func $two) (i32.const 1)))
    (func (export \"indirect\") (param i32) (result i32) (call_indirect $f (type $i) (local.get 0)))
    (func (export \"write_then_call\") (result i32)
        (i32.store8 (i32.const 7) (i32.const 42)) (call_ref $ii (i32.const 1) (global.get $g)))
    (func (export \"set_g\") (global.set $g (ref.func $twice)))
    (func (export \"or_zero\") (result i32)
        (block $null (return (call_ref $ii (i32.const 21) (br_on_null $null (global.get $g))))) (i32.const 0))
    (func (export \"written\") (result i32) (i32.load8_u (i32.const 7)))
    (func (export \"local\") (result i32) (local $l (ref $i)) (local.set $l (ref.func $two)) (call_ref $i (local.get $l))))";

#[test]
fn calls_of_references_find_the_function_or_trap() {
    everywhere(MODULE, |engine, config| {
        assert_eq!([0, 1, 2].map(|index| engine.call("of_t", &args([index]))), [i32(1), i32(2), i32(1)], "{config}");
        assert_eq!(engine.call("grow_t", &[]), i32(3), "{config}");
        assert_eq!(engine.call("of_t", &args([3])), i32(2), "{config}");
        assert_eq!(engine.call("of_n", &args([2])), trap(NullReference), "{config}");
        engine.call("set_n", &args([2]));
        assert_eq!(engine.call("of_n", &args([2])), i32(4), "{config}");
        assert_eq!(engine.call("indirect", &args([0])), i32(1), "{config}");
        assert_eq!(engine.call("indirect", &args([1])), trap(IndirectCallMismatch), "{config}");
        assert_eq!(engine.call("indirect", &args([2])), trap(UninitializedElement), "{config}");
        assert_eq!(engine.call("local", &[]), i32(2), "{config}");
    });
}

#[test]
fn what_was_stored_before_a_call_of_null_is_there() {
    everywhere(MODULE, |engine, config| {
        assert_eq!(engine.call("or_zero", &[]), i32(0), "{config}");
        assert_eq!(engine.call("write_then_call", &[]), trap(NullReference), "{config}");
        assert_eq!(engine.call("written", &[]), i32(42), "{config}");
        engine.call("set_g", &[]);
        assert_eq!(engine.call("or_zero", &[]), i32(42), "{config}");
        assert_eq!(engine.call("write_then_call", &[]), i32(2), "{config}");
    });
}
