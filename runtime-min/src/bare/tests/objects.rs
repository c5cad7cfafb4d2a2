//! Exceptions, structs and arrays without an allocator: that what is referred to stays, and nothing else.

use super::*;

/// What [`EXCEPTIONS`](wasmc_abi::ram::EXCEPTIONS) exceptions may do, and one more.
const THROWS: &str = r#"(module
    (tag $t (param i32 i64)) (tag $chain (param exnref))
    (table $kept 100 exnref)
    (global $last (mut exnref) (ref.null exn))
    (func $throw (param i32) (throw $t (local.get 0) (i64.const -1)))
    (func $chain (param exnref) (throw $chain (local.get 0)))
    (func $caught (param i32) (result exnref)
        (block $h (result exnref) (try_table (catch_all_ref $h) (call $throw (local.get 0))) (unreachable)))
    ;; How many of so many were caught, with the value that they were thrown with.
    (func (export "many") (param $count i32) (result i32) (local $caught i32)
        (loop $next
            (block $h (result i32 i64)
                (try_table (catch $t $h) (call $throw (local.get $count)))
                (unreachable))
            (i32.wrap_i64) (i32.mul)
            (i32.add (local.get $count)) (i32.eqz) (i32.add (local.get $caught)) (local.set $caught)
            (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
        (local.get $caught))
    (func (export "keep") (param i32) (table.set $kept (local.get 0) (call $caught (local.get 0))))
    (func (export "let_go") (global.set $last (ref.null exn)) (table.fill $kept (i32.const 0) (ref.null exn) (i32.const 100)))
    ;; The value of a kept one.
    (func (export "value") (param i32) (result i32)
        (block $h (result i32 i64)
            (try_table (catch $t $h) (throw_ref (table.get $kept (local.get 0))))
            (unreachable))
        (drop))
    ;; An exception with one among its values with one among its values: only the outermost is kept.
    (func (export "chain") (param i32) (result i32)
        (global.set $last
            (block $b (result exnref) (try_table (catch_all_ref $b)
                (call $chain
                    (block $a (result exnref) (try_table (catch_all_ref $a)
                        (call $chain (call $caught (local.get 0)))) (unreachable)))) (unreachable)))
        (i32.const 1))
    (func (export "chained") (result i32)
        (block $h (result i32 i64)
            (try_table (catch $t $h)
                (throw_ref
                    (block $a (result exnref) (try_table (catch $chain $a) (throw_ref
                        (block $b (result exnref)
                            (try_table (catch $chain $b) (throw_ref (global.get $last))) (unreachable))))
                        (unreachable))))
            (unreachable))
        (drop))
    ;; Each call holds one as an operand, and returns its value.
    (func $deep (export "deep") (param i32) (result i32) (local $inside i32)
        (call $caught (local.get 0))
        (if (local.get 0)
            (then (local.set $inside (call $deep (i32.sub (local.get 0) (i32.const 1))))))
        (block $h (param exnref) (result i32 i64)
            (try_table (param exnref) (catch $t $h) (throw_ref))
            (unreachable))
        (drop) (i32.add (local.get $inside)))
    (func $trap (param exnref) (unreachable))
    (func (export "trap") (call $trap (call $caught (i32.const 5))))
    (func (export "uncaught") (call $throw (i32.const 5))))"#;

#[test]
fn exceptions_that_nothing_refers_to_are_used_again_and_no_others() {
    let count = wasmc_abi::ram::EXCEPTIONS as i32;
    let code = compile(THROWS);
    let (module, mut ram) = (module(&code), ram());
    let least = module.ram_len().unwrap() as usize;
    let mut unit = ();
    // No more than there must be, so that no more exceptions can be made.
    let mut instance = Instance::new(&module, &mut ram.0[..least], &[], &mut unit, stack()).unwrap();
    let trapped = |result: Result<(), Error<'static>>, code: TrapCode| match result {
        Err(Error::Trap(trap)) => assert_eq!(trap.code, code),
        other => panic!("{other:?} is not {code}"),
    };
    for _ in 0..3 {
        assert_eq!(instance.call::<_, i32>("many", 10_000), Ok(10_000));
        trapped(instance.call("uncaught", ()), TrapCode::UncaughtException);
        trapped(instance.call("trap", ()), TrapCode::Unreachable);
        for index in 0..count {
            assert_eq!(instance.call::<_, ()>("keep", index), Ok(()));
        }
        trapped(instance.call("keep", count), TrapCode::AllocationFailed);
        trapped(instance.call::<_, i32>("many", 1).map(drop), TrapCode::AllocationFailed);
        for index in 0..count {
            assert_eq!(instance.call::<_, i32>("value", index), Ok(index));
        }
        instance.call::<_, ()>("let_go", ()).unwrap();
        assert_eq!(instance.call::<_, i32>("deep", count - 1), Ok((0..count).sum()));
        trapped(instance.call::<_, i32>("deep", count).map(drop), TrapCode::AllocationFailed);
        assert_eq!(instance.call::<_, i32>("chain", 77), Ok(1));
        assert_eq!(instance.call::<_, i32>("many", 100), Ok(100));
        assert_eq!(instance.call::<_, i32>("chained", ()), Ok(77));
        trapped(instance.call::<_, i32>("deep", count - 3).map(drop), TrapCode::AllocationFailed);
        assert_eq!(instance.call::<_, i32>("deep", count - 4), Ok((0..count - 3).sum()));
        instance.call::<_, ()>("let_go", ()).unwrap();
    }
}

#[test]
fn exceptions_have_what_is_left_of_the_buffer_beside_tables_and_memory() {
    let code = compile(THROWS);
    let (module, mut ram) = (module(&code), ram());
    let mut unit = ();
    let mut instance = Instance::new(&module, &mut ram.0, &[], &mut unit, stack()).unwrap();
    for index in 0..100 {
        assert_eq!(instance.call::<_, ()>("keep", index), Ok(()));
    }
    assert_eq!(instance.call::<_, i32>("many", 1000), Ok(1000));
    assert_eq!(instance.call::<_, i32>("deep", 500), Ok((0..=500).sum()));
    for index in 0..100 {
        assert_eq!(instance.call::<_, i32>("value", index), Ok(index));
    }
}

/// A list, a tree and an array of them; integers and host values among what they hold.
const OBJECTS: &str = r#"(module
    (rec
      (type $list (sub (struct (field $next (mut (ref null $list))) (field $value i32))))
      (type $long (sub $list (struct (field $next (mut (ref null $list))) (field $value i32) (field $more i64) (field anyref)))))
    (type $lists (array (mut (ref null $list))))
    (type $bytes (array (mut i8)))
    (data $data "\01\02\03\04\05")
    (global $kept (mut (ref null $lists)) (array.new_default $lists (i32.const 50)))
    (global $first (ref $list) (struct.new $list (ref.null $list) (i32.const 1000)))
    (table $t 4 anyref)
    ;; A list of so many, the last with value 1, every third one longer.
    (func $make (export "make") (param $count i32) (result (ref null $list)) (local $list (ref null $list)) (local $i i32)
        (loop $next
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (if (i32.rem_u (local.get $i) (i32.const 3))
                (then (local.set $list (struct.new $list (local.get $list) (local.get $i))))
                (else (local.set $list (struct.new $long (local.get $list) (local.get $i) (i64.const -1)
                    (ref.i31 (local.get $i))))))
            (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
        (local.get $list))
    (func $sum (param $list (ref null $list)) (result i32) (local $sum i32)
        (block $end (loop $next
            (br_if $end (ref.is_null (local.get $list)))
            (local.set $sum (i32.add (local.get $sum) (struct.get $list $value (local.get $list))))
            (block $short (result (ref $list))
                (br_on_cast_fail $short (ref $list) (ref $long) (ref.as_non_null (local.get $list)))
                (if (i32.ne (i31.get_u (ref.cast (ref i31) (struct.get $long 3))) (struct.get $list $value (local.get $list)))
                    (then (unreachable)))
                (local.get $list) (ref.as_non_null))
            (drop)
            (local.set $list (struct.get $list $next (local.get $list)))
            (br $next)))
        (local.get $sum))
    (func (export "sum") (param i32) (result i32) (call $sum (call $make (local.get 0))))
    (func (export "keep") (param $at i32) (param $count i32)
        (array.set $lists (global.get $kept) (local.get $at) (call $make (local.get $count))))
    (func (export "kept") (param i32) (result i32) (call $sum (array.get $lists (global.get $kept) (local.get 0))))
    (func (export "first") (result i32) (struct.get $list $value (global.get $first)))
    (func (export "let_go") (global.set $kept (array.new_default $lists (i32.const 50))))
    ;; The list is an operand while others come and go.
    (func (export "beside") (param i32) (result i32)
        (call $sum (call $make (local.get 0)) (drop (call $make (local.get 0))) (drop (call $make (local.get 0)))))
    (func (export "bytes") (param i32) (result i32) (local $a (ref $bytes))
        (local.set $a (array.new_data $bytes $data (i32.const 1) (i32.const 3)))
        (drop (call $make (local.get 0)))
        (array.init_data $bytes $data (local.get $a) (i32.const 0) (i32.const 4) (i32.const 1))
        (i32.add (i32.mul (array.get_u $bytes (local.get $a) (i32.const 0)) (i32.const 100))
            (array.get_u $bytes (local.get $a) (i32.const 2))))
    (func (export "array") (param i32) (result i32) (array.len (array.new $bytes (i32.const 7) (local.get 0))))
    ;; Host values and objects as one another.
    (func (export "outside") (param i32) (result externref) (extern.convert_any (call $make (local.get 0))))
    (func (export "inside") (param externref) (result i32)
        (call $sum (ref.cast (ref null $list) (any.convert_extern (local.get 0)))))
    (func (export "token") (param externref) (result externref)
        (table.set $t (i32.const 2) (any.convert_extern (local.get 0)))
        (drop (call $make (i32.const 100)))
        (extern.convert_any (table.get $t (i32.const 2))))
    (func (export "number") (param i32) (result i32)
        (i31.get_s (ref.cast (ref i31) (any.convert_extern (extern.convert_any (ref.i31 (local.get 0)))))))
    (func (export "any") (param i32) (result anyref)
        (if (i32.eqz (local.get 0)) (then (return (ref.i31 (i32.const -5)))))
        (if (i32.eq (local.get 0) (i32.const 1)) (then (return (global.get $kept))))
        (call $make (local.get 0))))"#;

#[test]
fn structs_and_arrays_that_nothing_refers_to_are_used_again_and_no_others() {
    let code = compile(OBJECTS);
    let (module, mut ram) = (module(&code), ram());
    let mut unit = ();
    let least = module.ram_len().unwrap() as usize;
    // 16 KiB: 256 short lists of one, with heads, on this machine.
    let mut instance = Instance::new(&module, &mut ram.0[..least + 0x4000], &[], &mut unit, stack()).unwrap();
    let sum = |count: i32| (1..=count).sum::<i32>();
    let full = |result: Result<i32, Error<'static>>| {
        assert!(matches!(result, Err(Error::Trap(Trap { code: TrapCode::AllocationFailed, .. }))), "{result:?}");
    };
    for _ in 0..3 {
        for count in (1..60).chain([100, 150]) {
            assert_eq!(instance.call::<_, i32>("sum", count), Ok(sum(count)));
        }
        for at in 0..20 {
            assert_eq!(instance.call::<_, ()>("keep", (at, at / 2 + 1)), Ok(()));
        }
        for round in 0..200 {
            assert_eq!(instance.call::<_, i32>("sum", round % 40 + 1), Ok(sum(round % 40 + 1)));
            assert_eq!(instance.call::<_, i32>("kept", round % 20), Ok(sum(round % 20 / 2 + 1)));
            assert_eq!(instance.call::<_, i32>("beside", round % 20 + 1), Ok(sum(round % 20 + 1)));
            assert_eq!(instance.call::<_, i32>("bytes", round % 20 + 1), Ok(504));
        }
        full(instance.call("sum", 1000));
        full(instance.call("array", 0x4000));
        full(instance.call("array", -1));
        assert_eq!(instance.call::<_, i32>("array", 3000), Ok(3000));
        assert_eq!(instance.call::<_, i32>("first", ()), Ok(1000));
        instance.call::<_, ()>("let_go", ()).unwrap();
    }
}

#[test]
fn objects_as_host_values_stay_and_host_values_as_objects_come_back() {
    let code = compile(OBJECTS);
    let (module, mut ram) = (module(&code), ram());
    let mut unit = ();
    let mut instance = Instance::new(&module, &mut ram.0, &[], &mut unit, stack()).unwrap();
    let mut slots = [9];
    instance.call_slots("outside", &mut slots).unwrap();
    let list = slots;
    for count in [100, 50, 100] {
        instance.call::<_, i32>("sum", count).unwrap();
        slots = list;
        assert_eq!(instance.call_slots("inside", &mut slots), Ok(()));
        assert_eq!(slots[0] as u32, 45);
        slots = [0xABCD_0000_1234];
        assert_eq!(instance.call_slots("token", &mut slots), Ok(()));
        assert_eq!(slots, [0xABCD_0000_1234]);
        assert_eq!(instance.call::<_, i32>("number", -3), Ok(-3));
    }
    // What looks like an object's, and is none that became a host value.
    for wrong in [1 << 63, list[0] + 16, 1 << 63 | 8, u64::MAX >> 1 | 1 << 63] {
        let result = instance.call_slots("inside", &mut [wrong]);
        assert!(matches!(result, Err(Error::Trap(_))), "{result:?}");
    }
    for (number, kind) in [(0, Referent::I31(-5)), (1, Referent::Array), (2, Referent::Struct)] {
        slots = [number];
        instance.call_slots("any", &mut slots).unwrap();
        assert_eq!(instance.referent(slots[0]), Some(kind));
    }
    assert_eq!((instance.referent(0), instance.referent(64)), (None, None));
    assert_eq!(instance.call_slots("sum", &mut []), Err(Error::ExportType));
}

/// Throws with a tag of another's, and has none of its own.
const THROWER: &str = r#"(module
    (import "owner" "tag" (tag $t (param i32)))
    (func (export "caught") (param i32) (result i32)
        (block $h (result i32) (try_table (catch $t $h) (throw $t (local.get 0))) (unreachable))))"#;

#[test]
fn there_is_room_for_exceptions_with_imported_tags() {
    let codes = [r#"(module (tag (export "tag") (param i32)))"#, THROWER].map(compile_for_group);
    let (modules, mut rams, mut unit) = (codes.each_ref().map(module), [ram(), ram()], ());
    let [owner_ram, user_ram] = rams.each_mut();
    let lens = modules.each_ref().map(|module| module.ram_len().unwrap() as usize);
    let mut group = Group::<_, 2>::new(&[], &mut unit, stack());
    let owner = group.add(&modules[0], &mut owner_ram.0[..lens[0]]).unwrap();
    group.name(owner, "owner").unwrap();
    let user = group.add(&modules[1], &mut user_ram.0[..lens[1]]).unwrap();
    for value in 0..20 {
        assert_eq!(group.instance(user).call::<_, i32>("caught", value), Ok(value));
    }
}

/// Shares its types, its tag and a table with another.
const OWNER: &str = r#"(module
    (type $box (struct (field i32)))
    (tag $t (export "tag") (param i32 (ref null $box)))
    (table (export "table") 10 (ref null $box))
    (func $make (export "make") (param i32) (result (ref $box)) (struct.new $box (local.get 0)))
    (func (export "value") (param (ref null $box)) (result i32) (struct.get $box 0 (local.get 0)))
    (func (export "throw") (param i32) (throw $t (local.get 0) (call $make (i32.mul (local.get 0) (i32.const 2))))))"#;

const USER: &str = r#"(module
    (type $other (array i64))
    (type $box (struct (field i32)))
    (import "owner" "tag" (tag $t (param i32 (ref null $box))))
    (import "owner" "table" (table $table 10 (ref null $box)))
    (import "owner" "make" (func $make (param i32) (result (ref $box))))
    (import "owner" "value" (func $value (param (ref null $box)) (result i32)))
    (import "owner" "throw" (func $throw (param i32)))
    (tag $own (param i32 (ref null $box)))
    (func (export "run") (param $count i32) (result i32) (local $sum i32) (local $box (ref null $box))
        (loop $next
            (table.set $table (i32.rem_u (local.get $count) (i32.const 10)) (struct.new $box (local.get $count)))
            (local.set $box (call $make (i32.const 1)))
            (block $h (result i32 (ref null $box))
                (block $wrong (result i32 (ref null $box))
                    (try_table (catch $own $wrong) (catch $t $h) (call $throw (local.get $count))) (unreachable))
                (unreachable))
            (call $value) (i32.add) (i32.add (struct.get $box 0 (local.get $box))) (i32.add (local.get $sum)) (local.set $sum)
            (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
        (local.get $sum))
    (func (export "at") (param i32) (result i32) (struct.get $box 0 (table.get $table (local.get 0)))))"#;

#[test]
fn objects_and_exceptions_get_from_one_instance_of_a_group_to_another() {
    let codes = [OWNER, USER].map(compile_for_group);
    let (modules, mut rams, mut unit) = (codes.each_ref().map(module), [ram(), ram()], ());
    let [owner_ram, user_ram] = rams.each_mut();
    let lens = modules.each_ref().map(|module| module.ram_len().unwrap() as usize + 0x800);
    let mut group = Group::<_, 2>::new(&[], &mut unit, stack());
    let owner = group.add(&modules[0], &mut owner_ram.0[..lens[0]]).unwrap();
    group.name(owner, "owner").unwrap();
    let user = group.add(&modules[1], &mut user_ram.0[..lens[1]]).unwrap();
    let count = 1000;
    for _ in 0..3 {
        assert_eq!(group.instance(user).call::<_, i32>("run", count), Ok((1..=count).map(|i| 3 * i + 1).sum()));
        for at in 0..10 {
            assert_eq!(group.instance(user).call::<_, i32>("at", at), Ok(if at == 0 { 10 } else { at }));
        }
        let thrown = group.instance(owner).call::<_, ()>("throw", 1);
        assert!(matches!(thrown, Err(Error::Trap(Trap { code: TrapCode::UncaughtException, .. }))), "{thrown:?}");
    }
}

#[test]
fn a_type_is_another_ones_if_its_group_and_supertypes_are() {
    let owner = r#"(module
        (type $top (sub (func))) (type $low (sub $top (func)))
        (rec (type $a (struct (field (ref null $b)))) (type $b (array i8)))
        (type $alone (array i8))
        (func (export "f") (type $low))
        (tag (export "alone") (param (ref null $alone)))
        (global (export "a") (mut (ref null $a)) (ref.null $a))
        (global (export "fixed") (ref null $b) (ref.null $b)))"#;
    let code = compile_for_group(owner);
    let links = |wat: &str| {
        let (owner, other) = (module(&code), compile_for_group(wat));
        let (other, mut unit, mut rams) = (module(&other), (), [ram(), ram()]);
        let [owner_ram, other_ram] = rams.each_mut();
        let mut group = Group::<_, 2>::new(&[], &mut unit, stack());
        let owner = group.add(&owner, &mut owner_ram.0).unwrap();
        group.name(owner, "m").unwrap();
        group.add(&other, &mut other_ram.0).map(|_| ()).map_err(|error| error.to_string())
    };
    let top = "(type $top (sub (func))) (type $low (sub $top (func)))";
    let rec = "(rec (type $a (struct (field (ref null $b)))) (type $b (array i8)))";
    for wat in [
        format!(r#"{top} (import "m" "f" (func (type $low))) (tag)"#),
        format!(r#"{top} (import "m" "f" (func (type $top))) (tag)"#),
        format!(r#"{rec} (import "m" "a" (global (mut (ref null $a)))) (tag)"#),
        format!(r#"{rec} (import "m" "fixed" (global arrayref)) (tag)"#),
        r#"(type $x (array i8)) (import "m" "alone" (tag (param (ref null $x))))"#.into(),
    ] {
        assert_eq!(links(&format!("(module {wat})")), Ok(()), "{wat}");
    }
    for (wat, what) in [
        (r#"(import "m" "f" (func))"#.into(), "m.f"),
        (r#"(type $low (sub (func))) (type $x (sub $low (func (param)))) (type $y (sub $x (func))) (import "m" "f" (func (type $y)))"#.into(), "m.f"),
        (r#"(type $a (struct (field (ref null 1)))) (type $b (array i8)) (import "m" "a" (global (mut (ref null $a))))"#
            .replace("(type $a (struct (field (ref null 1)))) (type $b (array i8))", "(type $b (array i8)) (type $a (struct (field (ref null $b))))"), "m.a"),
        (format!(r#"{rec} (import "m" "a" (global (mut anyref)))"#), "m.a"),
        (format!(r#"{rec} (import "m" "alone" (tag (param (ref null $b))))"#), "m.alone"),
        (r#"(import "m" "f" (tag))"#.into(), "m.f"),
    ] {
        let text = links(&format!("(module {wat} (tag))")).unwrap_err();
        assert!(text.contains(what), "{wat}: {text}");
    }
    let mut deep = String::from("(type $0 (sub (func)))");
    for depth in 1..9 {
        deep += &format!("(type ${depth} (sub ${} (func)))", depth - 1);
    }
    assert!(links(&format!("(module {deep})")).unwrap_err().contains("eight supertypes"));
}
