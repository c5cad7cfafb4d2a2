//! Exceptions: where they are caught, what they carry, what they leave behind, and that those which nobody refers to
//! any more are reclaimed, and no others.

use crate::{args, everywhere, i32, trap, values, wherever};
use wasmc_abi::TrapCode::{
    DivideByZero, MemoryOutOfBounds, NullReference, StackOverflow, UncaughtException, Unreachable,
};
use wasmc_tests::{Config, Engine, Outcome, Value};

/// As [`everywhere`], for text in which instructions of the legacy form, which the text format does not have any more, stand in
/// brackets: `[try]`, `[try i32]`, `[catch TAG]`, `[catch_all]`, `[delegate LABEL]`, `[rethrow LABEL]`, `[end]`. Labels
/// are numbers, of branches in such a `try` too.
fn legacy(text: &str, claim: impl FnMut(&mut Engine, Config)) {
    // Each becomes a constant that is dropped, seven bytes, and those become the instruction and what does nothing.
    const MARK: u32 = 0x7E57_0000;
    let (mut plain, mut rest, mut instructions) = (String::new(), text, Vec::new());
    while let Some((before, behind)) = rest.split_once('[') {
        let (inside, after) = behind.split_once(']').expect("a bracket is closed");
        let (name, operand) = inside.split_once(' ').unwrap_or((inside, ""));
        let number = || operand.parse::<u8>().expect("a number");
        instructions.push(match name {
            "try" if operand == "i32" => vec![0x06, 0x7F],
            "try" => vec![0x06, 0x40],
            "catch" => vec![0x07, number()],
            "catch_all" => vec![0x19],
            "delegate" => vec![0x18, number()],
            "rethrow" => vec![0x09, number()],
            "end" => vec![0x0B],
            _ => panic!("no such instruction: {inside}"),
        });
        plain += before;
        plain += &format!(" i32.const {} drop ", MARK + instructions.len() as u32 - 1);
        rest = after;
    }
    let mut wasm = wat::parse_str(plain + rest).expect("the test's module is well formed");
    for (index, mut instruction) in (0..).zip(instructions) {
        let number: u32 = MARK + index;
        let leb: [u8; 5] = std::array::from_fn(|i| (number >> (7 * i)) as u8 & 0x7F | if i < 4 { 0x80 } else { 0 });
        let mark = [&[0x41][..], &leb, &[0x1A]].concat();
        let at = wasm.windows(mark.len()).position(|bytes| bytes == mark).expect("the mark is there");
        instruction.resize(mark.len(), 0x01);
        wasm[at..][..mark.len()].copy_from_slice(&instruction);
    }
    wherever(&wasm, claim, Config::selected());
}

fn exception(values: impl IntoIterator<Item = Value>) -> Outcome {
    Outcome::Exception(values.into_iter().collect())
}

#[test]
fn each_kind_of_clause_takes_what_it_says() {
    let text = "(module (tag $a (param i32)) (tag $b (param i32)) (tag $c)
        (func $throw (param i32 i32)
            (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $a (local.get 1))))
            (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $b (local.get 1))))
            (if (i32.eq (local.get 0) (i32.const 3)) (then (throw $c))))
        (func $between (param i32 i32) (result i64)
            (call $throw (local.get 0) (local.get 1)) (i64.const 5))
        (func (export \"value\") (param i32 i32) (result i32)
            (block $a (result i32)
                (block $b (result i32 exnref)
                    (block $all
                        (try_table (catch $a $a) (catch_ref $b $b) (catch_all $all)
                            (drop (call $between (local.get 0) (local.get 1))))
                        (return (i32.const -1)))
                    (return (i32.const -2)))
                (drop) (i32.const 100) (i32.add)
                (return))
            (i32.const 1000) (i32.add))
        (func (export \"again\") (param i32 i32) (result i32)
            (block $b (result i32)
                (try_table (catch $b $b)
                    (block $ref (result exnref)
                        (try_table (catch_all_ref $ref) (call $throw (local.get 0) (local.get 1)))
                        (return (i32.const -1)))
                    (throw_ref))
                (unreachable)))
        (func (export \"none\") (param i32 i32) (result i32)
            (try_table (call $throw (local.get 0) (local.get 1))) (i32.const 7))
        (func (export \"null\") (throw_ref (ref.null exn))))";
    everywhere(text, |engine, config| {
        for (kind, result) in [(0, u32::MAX), (1, 1000 + 9), (2, 100 + 9), (3, u32::MAX - 1)] {
            assert_eq!(engine.call("value", &args([kind, 9])), i32(result), "{config} {kind}");
        }
        assert_eq!(engine.call("again", &args([0, 9])), i32(u32::MAX), "{config}");
        assert_eq!(engine.call("again", &args([1, 9])), exception([Value::I32(9)]), "{config}");
        assert_eq!(engine.call("again", &args([2, 9])), i32(9), "{config}");
        assert_eq!(engine.call("again", &args([3, 9])), exception([]), "{config}");
        assert_eq!(engine.call("none", &args([0, 9])), i32(7), "{config}");
        assert_eq!(engine.call("none", &args([2, 9])), exception([Value::I32(9)]), "{config}");
        assert_eq!(engine.call("null", &[]), trap(NullReference), "{config}");
    });
}

#[test]
fn values_of_all_types_arrive() {
    let text = "(module (tag $t (param i32 i64 f32 f64 v128 funcref externref i32))
        (func $throw (export \"throw\") (param i32 i64 f32 f64 v128 externref)
            (throw $t (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (ref.func $throw)
                (local.get 5) (i32.const 77)))
        (func (export \"catch\") (param i32 i64 f32 f64 v128 externref)
                (result i32 i64 f32 f64 v128 funcref externref i32)
            (block $h (result i32 i64 f32 f64 v128 funcref externref i32)
                (try_table (catch $t $h)
                    (call $throw (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5)))
                (unreachable))))";
    everywhere(text, |engine, config| {
        let given = [
            Value::I32(u32::MAX),
            Value::I64(1 << 63 | 5),
            Value::F32(0x7FA0_0001),
            Value::F64(0x7FF4_0000_0000_0001),
            Value::V128(0x0123_4567_89AB_CDEF_0011_2233_4455_6677),
            Value::ExternRef(11),
        ];
        let mut thrown = given.to_vec();
        thrown.insert(5, Value::FuncRef(true));
        thrown.push(Value::I32(77));
        assert_eq!(engine.call("catch", &given), values(thrown.clone()), "{config}");
        assert_eq!(engine.call("throw", &given), exception(thrown), "{config}");
    });
}

/// Results in registers and in memory, parameters that do not fit in registers: none of them is there after a throw.
#[test]
fn calls_of_every_shape_can_be_left() {
    let results = "i32 i64 f64 v128 f32";
    let text = format!(
        "(module (tag $t (param i32))
        (type $many (func (param {0}) (result {results}))) (type $pair (func (param i32) (result i64 i64)))
        (table funcref (elem $many $pair))
        (func $many (type $many) (throw $t (local.get 23)))
        (func $pair (type $pair) (if (local.get 0) (then (throw $t (local.get 0)))) (i64.const 1) (i64.const 2))
        (func (export \"many\") (param i32 i32) (result i32)
            (block $h (result i32)
                (try_table (catch $t $h)
                    {1}
                    (if (param {0}) (result {results}) (local.get 1)
                        (then (call $many)) (else (call_indirect (type $many) (i32.const 0))))
                    (unreachable))
                (unreachable)))
        (func (export \"pair\") (param i32 i32) (result i32)
            (block $h (result i32)
                (try_table (catch $t $h)
                    (local.get 0)
                    (if (param i32) (result i64 i64) (local.get 1)
                        (then (call $pair)) (else (call_indirect (type $pair) (i32.const 1))))
                    (i64.add) (i32.wrap_i64) (return))
                (unreachable))
            (i32.const 10) (i32.mul)))",
        "i32 ".repeat(24),
        (0..24).map(|i| format!("(i32.add (local.get 0) (i32.const {i}))")).collect::<String>(),
    );
    everywhere(&text, |engine, config| {
        for direct in [0, 1] {
            assert_eq!(engine.call("many", &args([100, direct])), i32(123), "{config}");
            assert_eq!(engine.call("pair", &args([0, direct])), i32(3), "{config}");
            assert_eq!(engine.call("pair", &args([4, direct])), i32(40), "{config}");
        }
    });
}

#[test]
fn what_was_stored_before_a_throw_is_there_behind_it() {
    let text = "(module (tag $t) (memory (export \"memory\") 1) (global $g (mut i32) (i32.const 0))
        (func $store (param i32 i32)
            (i32.store (local.get 0) (i32.const 1)) (global.set $g (i32.const 1))
            (if (local.get 1) (then (throw $t)))
            (i32.store offset=4 (local.get 0) (i32.const 2)) (global.set $g (i32.const 2)))
        (func (export \"f\") (param i32 i32) (result i32 i32 i32)
            (block $h
                (try_table (catch_all $h)
                    (i32.store offset=8 (local.get 0) (i32.const 3))
                    (call $store (local.get 0) (local.get 1))
                    (i32.store offset=8 (local.get 0) (i32.const 4))))
            (i32.load (local.get 0)) (global.get $g) (i32.load offset=8 (local.get 0)))
        ;; The second store is out of bounds, the first is not: the throw between comes first.
        (func (export \"before\") (param i32 i32)
            (i32.store8 (local.get 0) (i32.const 5))
            (if (local.get 1) (then (throw $t)))
            (i32.store8 offset=1 (local.get 0) (i32.const 6)))
        (func (export \"load\") (param i32) (result i32) (i32.load8_u (local.get 0))))";
    everywhere(text, |engine, config| {
        let numbers = |n: [u32; 3]| values(n.map(Value::I32));
        assert_eq!(engine.call("f", &args([64, 1])), numbers([1, 1, 3]), "{config}");
        assert_eq!(engine.call("f", &args([64, 0])), numbers([1, 2, 4]), "{config}");
        assert_eq!(engine.call("before", &args([65535, 1])), exception([]), "{config}");
        assert_eq!(engine.call("load", &args([65535])), i32(5), "{config}");
        assert_eq!(engine.call("before", &args([65535, 0])), trap(MemoryOutOfBounds), "{config}");
    });
}

#[test]
fn no_clause_takes_a_trap() {
    let text = "(module (tag $t) (memory 1)
        (func $do (param i32 i32)
            (if (i32.eq (local.get 0) (i32.const 0)) (then (unreachable)))
            (if (i32.eq (local.get 0) (i32.const 1)) (then (drop (i32.div_u (local.get 0) (local.get 1)))))
            (if (i32.eq (local.get 0) (i32.const 2)) (then (drop (i32.load (i32.sub (local.get 1) (i32.const 2))))))
            (if (i32.eq (local.get 0) (i32.const 3)) (then (call $do (local.get 0) (local.get 1))))
            (throw $t))
        (func (export \"f\") (param i32) (result i32)
            (block $h (try_table (catch_all $h) (call $do (local.get 0) (i32.const 0))) (return (i32.const 1)))
            (i32.const 2))
        (func (export \"legacy\") (param i32) (result i32)
            [try i32] (call $do (local.get 0) (i32.const 0)) (i32.const 1) [catch_all] (i32.const 2) [end]))";
    legacy(text, |engine, config| {
        for name in ["f", "legacy"] {
            for (which, code) in [(0, Unreachable), (1, DivideByZero), (2, MemoryOutOfBounds), (3, StackOverflow)] {
                assert_eq!(engine.call(name, &args([which])), trap(code), "{config} {name} {code:?}");
                assert_eq!(engine.call(name, &args([9])), i32(2), "{config} {name}");
            }
        }
    });
}

/// An exception in a local, among operands, in a global, in a table, in another exception: each stays while millions of
/// others come and go. The runner's memory would not hold all of those.
#[test]
fn exceptions_are_reclaimed_when_nobody_refers_to_them_and_not_before() {
    let text = "(module (tag $t (param i32)) (tag $chain (param exnref i32))
        (global $kept (mut exnref) (ref.null exn)) (table $table 4 exnref)
        (func $throw (param i32) (throw $t (local.get 0)))
        (func $make (param i32) (result exnref)
            (block $h (result i32 exnref) (try_table (catch_ref $t $h) (call $throw (local.get 0))) (unreachable))
            (return))
        (func $open (param exnref) (result i32)
            (block $h (result i32) (try_table (catch $t $h) (throw_ref (local.get 0))) (unreachable)))
        (func $churn (param i32) (local exnref)
            (loop $l
                (local.set 1 (call $make (local.get 0)))
                (if (i32.ne (call $open (local.get 1)) (local.get 0)) (then (unreachable)))
                (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
        (func (export \"churn\") (param i32) (call $churn (local.get 0)))
        (func (export \"keep\") (param i32) (result i32) (local exnref exnref)
            (local.set 1 (call $make (i32.const 1)))
            (global.set $kept (call $make (i32.const 2)))
            (table.set $table (i32.const 3) (call $make (i32.const 4)))
            (local.set 2
                (block $h (result exnref)
                    (try_table (catch_all_ref $h) (throw $chain (call $make (i32.const 8)) (i32.const 16)))
                    (unreachable)))
            (call $make (i32.const 32))
            (call $churn (local.get 0))
            (call $open)
            (call $open (local.get 1))
            (call $open (global.get $kept))
            (call $open (table.get $table (i32.const 3)))
            (block $h (result exnref i32)
                (try_table (catch $chain $h) (throw_ref (local.get 2)))
                (unreachable))
            (local.set 0)
            (call $open)
            (local.get 0)
            (i32.add) (i32.add) (i32.add) (i32.add) (i32.add))
        (func $deep (param exnref i32 i32) (result i32)
            (if (result i32) (local.get 1)
                (then (i32.add (call $open (local.get 0))
                    (call $deep (call $make (local.get 1)) (i32.sub (local.get 1) (i32.const 1)) (local.get 2))))
                (else (call $churn (local.get 2)) (i32.const 0))))
        (func (export \"deep\") (param i32 i32) (result i32)
            (call $deep (call $make (i32.const 1000)) (local.get 0) (local.get 1)))
        (func (export \"legacy\") (param i32) (result i32)
            [try i32] (call $throw (i32.const 5)) (i32.const 0) [catch 0] (drop) (call $churn (local.get 0)) [try i32] [rethrow 1] [catch 0] [end] [end]))";
    legacy(text, |engine, config| {
        let many = if config.platform.emulator.is_some() { 30_000 } else { 1_000_000 };
        assert_eq!(engine.call("keep", &args([many])), i32(63), "{config}");
        assert_eq!(engine.call("keep", &args([1])), i32(63), "{config}");
        assert_eq!(engine.call("deep", &args([100, many / 10])), i32(1000 + 101 * 50 - 1), "{config}");
        assert_eq!(engine.call("legacy", &args([many])), i32(5), "{config}");
        assert_eq!(engine.call("churn", &args([many])), values([]), "{config}");
    });
}

#[test]
fn clauses_of_the_legacy_form_take_what_they_say() {
    let text = "(module (tag $a (param i32)) (tag $b (param i32)) (tag $c)
        (global $trace (export \"trace\") (mut i32) (i32.const 0))
        (func $note (param i32)
            (global.set $trace (i32.add (i32.mul (global.get $trace) (i32.const 10)) (local.get 0))))
        (func $throw (param i32)
            (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $a (i32.const 11))))
            (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $b (i32.const 22))))
            (if (i32.eq (local.get 0) (i32.const 3)) (then (throw $c))))
        (func (export \"clauses\") (param i32) (result i32)
            [try i32] (call $throw (local.get 0)) (i32.const 7) [catch 0] [catch 1] (i32.const 100) (i32.add) [catch_all] (i32.const 9) [end])
        (func (export \"bare\") (param i32) (result i32)
            [try] (call $throw (local.get 0)) [end] (i32.const 8))
        ;; In a clause, what is thrown goes outwards.
        (func (export \"outwards\") (param i32) (result i32)
            [try i32] [try i32] (call $throw (local.get 0)) (i32.const 1) [catch 0] (drop) (call $note (i32.const 1)) (throw $b (i32.const 5)) [catch 1] (call $note (i32.const 2)) [end] [catch 1] (call $note (i32.const 3)) [end])
        (func (export \"rethrow\") (param i32) (result i32)
            [try i32] [try i32] (call $throw (local.get 0)) (i32.const 1) [catch 0] (drop) [try i32] (throw $b (i32.const 6)) [catch 1] (drop) [rethrow 1] [end] [catch_all] (call $note (i32.const 4)) [rethrow 0] [end] [catch 0] (call $note (i32.const 5)) [catch 1] (call $note (i32.const 6)) [end])
        (func (export \"delegate\") (param i32) (result i32)
            [try i32] [try i32] [try i32] (call $throw (local.get 0)) (i32.const 1) [delegate 1] [catch_all] (call $note (i32.const 7)) (i32.const 2) [end] [catch_all] (call $note (i32.const 8)) (i32.const 3) [end])
        (func (export \"delegate_to_block\") (param i32) (result i32)
            [try i32] block (result i32) [try i32] [try i32] (call $throw (local.get 0)) (i32.const 1) [delegate 1] [catch_all] (call $note (i32.const 7)) (i32.const 2) [end] end [catch_all] (call $note (i32.const 8)) (i32.const 3) [end])
        (func (export \"delegate_out\") (param i32) (result i32)
            [try i32] [try i32] (call $throw (local.get 0)) (i32.const 1) [delegate 1] [catch_all] (call $note (i32.const 9)) (i32.const 2) [end])
        (func (export \"after\") (param i32) (result i32)
            block [try] (br 1) [try] (unreachable) [catch 0] (drop) [catch_all] [end] [catch_all] [end] end
            [try i32] (call $throw (i32.const 3)) (unreachable) [catch_all] (local.get 0) [end]))";
    legacy(text, |engine, config| {
        let mut check = |name: &str, kind: u32, wanted: Outcome, trace: u32| {
            let before = engine.global("trace");
            assert_eq!(engine.call(name, &args([kind])), wanted, "{config} {name} {kind}");
            let (Some(Value::I32(before)), Some(Value::I32(after))) = (before, engine.global("trace")) else {
                panic!("{config}: no trace")
            };
            let digits = if trace == 0 { 0 } else { trace.ilog10() + 1 };
            assert_eq!(after, before.wrapping_mul(10u32.pow(digits)).wrapping_add(trace), "{config} {name} {kind}");
        };
        for (kind, value) in [(0, 7), (1, 11), (2, 122), (3, 9)] {
            check("clauses", kind, i32(value), 0);
        }
        check("bare", 0, i32(8), 0);
        check("bare", 1, exception([Value::I32(11)]), 0);
        for (kind, wanted, trace) in [(0, i32(1), 0), (1, i32(5), 13), (2, i32(22), 2), (3, exception([]), 0)] {
            check("outwards", kind, wanted, trace);
        }
        for (kind, wanted, trace) in [(0, i32(1), 0), (1, i32(11), 5), (2, i32(22), 46), (3, exception([]), 4)] {
            check("rethrow", kind, wanted, trace);
        }
        for name in ["delegate", "delegate_to_block"] {
            check(name, 0, i32(1), 0);
            check(name, 1, i32(3), 8);
        }
        check("delegate_out", 0, i32(1), 0);
        check("delegate_out", 2, exception([Value::I32(22)]), 0);
        check("after", 6, i32(6), 0);
    });
}

/// Others are made and reclaimed meanwhile. The inner clause is left by a branch, or not.
#[test]
fn what_a_clause_of_the_legacy_form_has_caught_stays_until_control_leaves_it() {
    let text = "(module (tag $t (param i32))
        (func $throw (param i32) (throw $t (local.get 0)))
        (func $others (local $count i32)
            (loop $next
                [try] (call $throw (i32.const 9)) [catch 0] (drop) [end]
                (br_if $next (i32.lt_u (local.tee $count (i32.add (local.get $count) (i32.const 1))) (i32.const 20)))))
        (func (export \"leave\") (param i32) (result i32)
            [try i32]
                [try]
                    (call $throw (i32.const 1))
                [catch 0]
                    (drop)
                    [try]
                        (call $throw (i32.const 2))
                    [catch 0]
                        (drop) (call $others)
                        (br_if 0 (local.get 0))
                        (call $others)
                        [rethrow 0]
                    [end]
                    (call $others)
                    [rethrow 0]
                [end]
                (i32.const 3)
            [catch 0]
            [end]))";
    legacy(text, |engine, config| {
        for _ in 0..3 {
            assert_eq!(engine.call("leave", &args([1])), i32(1), "{config}");
            assert_eq!(engine.call("leave", &args([0])), i32(2), "{config}");
        }
    });
}

#[test]
fn exceptions_go_from_instance_to_instance() {
    let library = "(module (tag $t (export \"t\") (param i32)) (tag $other (param i32))
        (table (export \"table\") 2 funcref) (elem (i32.const 0) $throw)
        (func $throw (export \"throw\") (param i32) (result i32)
            (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $t (i32.const 5))))
            (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $other (i32.const 6))))
            (local.get 0)))";
    let user = "(module (import \"library\" \"t\" (tag $t (param i32)))
        (import \"library\" \"throw\" (func $throw (param i32) (result i32)))
        (import \"library\" \"table\" (table $table 2 funcref)) (elem (i32.const 1) $own)
        (type $f (func (param i32) (result i32)))
        (tag $mine (param i32))
        (func $own (param i32) (result i32) (throw $mine (local.get 0)))
        (func (export \"call\") (param i32) (result i32)
            (block $h (result i32)
                (try_table (catch $t $h) (return (call $throw (local.get 0))))
                (unreachable))
            (i32.const 100) (i32.add))
        (func $tail (export \"tail\") (param i32) (result i32)
            (block $h (result i32)
                (block $all (try_table (catch_all $all) (return_call $throw (local.get 0))))
                (unreachable)))
        (func (export \"over_tail\") (param i32) (result i32)
            (block $h (result i32)
                (try_table (catch $t $h) (return (call $tail (local.get 0))))
                (unreachable))
            (i32.const 300) (i32.add))
        (func (export \"indirect\") (param i32 i32) (result i32)
            (block $mine (result i32)
                (block $t (result i32)
                    (try_table (catch $t $t) (catch $mine $mine)
                        (return (call_indirect $table (type $f) (local.get 0) (local.get 1))))
                    (unreachable))
                (i32.const 100) (i32.add) (return))
            (i32.const 200) (i32.add)))";
    let unaware = "(module (import \"library\" \"throw\" (func $throw (param i32) (result i32)))
        (import \"library\" \"table\" (table $table 2 funcref)) (type $f (func (param i32) (result i32)))
        (func (export \"call\") (param i32) (result i32) (call $throw (local.get 0)))
        (func $tail (export \"tail\") (param i32) (result i32) (return_call $throw (local.get 0)))
        (func (export \"over_tail\") (param i32) (result i32) (i32.add (call $tail (local.get 0)) (i32.const 1)))
        (func (export \"indirect\") (param i32 i32) (result i32)
            (call_indirect $table (type $f) (local.get 0) (local.get 1))))";
    for config in Config::selected() {
        let image = |text: &str| wasmc::compile(text.as_bytes(), &config.options()).unwrap();
        let mut engine = Engine::of(&image(library), config.platform).unwrap();
        engine.register("library").unwrap();
        engine.instantiate(&image(user)).unwrap();
        for _ in 0..2 {
            assert_eq!(engine.call("call", &args([3])), i32(3), "{config}");
            assert_eq!(engine.call("call", &args([1])), i32(105), "{config}");
            assert_eq!(engine.call("call", &args([2])), exception([Value::I32(6)]), "{config}");
            assert_eq!(engine.call("indirect", &args([3, 0])), i32(3), "{config}");
            assert_eq!(engine.call("indirect", &args([1, 0])), i32(105), "{config}");
            assert_eq!(engine.call("indirect", &args([2, 0])), exception([Value::I32(6)]), "{config}");
            assert_eq!(engine.call("indirect", &args([8, 1])), i32(208), "{config}");
            // The frame that a tail call leaves catches nothing any more.
            assert_eq!(engine.call("tail", &args([1])), exception([Value::I32(5)]), "{config}");
            assert_eq!(engine.call("over_tail", &args([1])), i32(305), "{config}");
            assert_eq!(engine.call("over_tail", &args([3])), i32(3), "{config}");
        }
        engine.instantiate(&image(unaware)).unwrap();
        for _ in 0..2 {
            assert_eq!(engine.call("call", &args([3])), i32(3), "{config}");
            assert_eq!(engine.call("call", &args([1])), trap(UncaughtException), "{config}");
            assert_eq!(engine.call("indirect", &args([3, 0])), i32(3), "{config}");
            assert_eq!(engine.call("indirect", &args([8, 1])), trap(UncaughtException), "{config}");
            assert_eq!(engine.call("tail", &args([1])), exception([Value::I32(5)]), "{config}");
            assert_eq!(engine.call("over_tail", &args([1])), trap(UncaughtException), "{config}");
            assert_eq!(engine.call("over_tail", &args([3])), i32(4), "{config}");
        }
    }
}
