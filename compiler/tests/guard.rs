//! Which bounds checks stay in the `guard` model, seen in the IR that code is generated from. That traps
//! are exact all the same is for the tests that run code; here a check that went by mistake would show.

use wasmc::{Emit, MemoryModel, OptLevel, Options, Target, compile_observed};

/// How many out-of-bounds traps the body of the exported function `f` can raise by a check of its own.
fn checks(memory: MemoryModel, level: OptLevel, body: &str) -> usize {
    let wat =
        format!(r#"(module (import "" "call" (func $call)) (global $g (mut i32) (i32.const 0)) (memory 1) {body})"#);
    let options = Options { memory, level, ..Options::default() };
    let ir = compile_observed(wat.as_bytes(), &options, Emit::Optimized, &mut ()).expect("it compiles");
    let ir = String::from_utf8(ir).expect("IR is text");
    let body = ir.split("\n}").find(|f| f.contains("fastcc") && f.contains("@f1(")).expect("f is there");
    body.matches("call void @trap2()").count()
}

/// At a level at which all accesses have checks to begin with.
fn guard(body: &str) -> usize {
    checks(MemoryModel::Guard, OptLevel::Os, body)
}

#[test]
fn an_access_does_its_own_check() {
    let load = r#"(func (export "f") (param i32) (result i32) (i32.load offset=100 (local.get 0)))"#;
    assert_eq!(guard(load), 0);
    assert_eq!(checks(MemoryModel::Checked, OptLevel::O2, load), 1);
    assert_eq!(checks(MemoryModel::Guard, OptLevel::O0, load), 1, "-O0 keeps what is there");
    let store = r#"(func (export "f") (param i32 f64) (f64.store offset=1000000000 (local.get 0) (local.get 1)))"#;
    assert_eq!(guard(store), 0);
}

#[test]
fn accesses_stand_without_checks_from_the_start_but_in_short_loops() {
    for level in [OptLevel::O1, OptLevel::O2, OptLevel::O3] {
        accesses_outside_loops_trap(level);
    }
    // A function of the loop alone, which ends where the operand is 0.
    let in_loop = |level, len: usize| {
        let rest = "(nop)".repeat(len);
        let body = format!(
            r#"(func (export "f") (param i32) (loop $l (drop (i32.load (local.get 0))) {rest}
                (br_if $l (local.tee 0 (i32.load (local.get 0))))))"#
        );
        let options = Options { memory: MemoryModel::Guard, level, ..Options::default() };
        let wat = format!("(module (memory 1) {body})");
        let ir = compile_observed(wat.as_bytes(), &options, Emit::Llvm, &mut ()).expect("it compiles");
        String::from_utf8(ir).expect("IR is text").matches("load atomic volatile i32").count()
    };
    assert_eq!((in_loop(OptLevel::O1, 0), in_loop(OptLevel::O2, 0), in_loop(OptLevel::O3, 0)), (2, 0, 0));
    assert_eq!((in_loop(OptLevel::O2, 500), in_loop(OptLevel::O3, 500), in_loop(OptLevel::O3, 1200)), (2, 0, 2));
    assert_eq!(in_loop(OptLevel::Os, 1200), 0, "code for size is not made faster");
}

fn accesses_outside_loops_trap(level: OptLevel) {
    let translated = |memory: &str, body: &str| {
        let options = Options { memory: MemoryModel::Guard, level, ..Options::default() };
        let wat =
            format!("(module (global $g (mut i32) (i32.const 0)) (memory {memory}) (func (export \"f\") {body}))");
        let stages = [Emit::Llvm, Emit::Optimized];
        let texts =
            stages.map(|stage| compile_observed(wat.as_bytes(), &options, stage, &mut ()).expect("it compiles"));
        texts.map(|text| {
            let text = String::from_utf8(text).expect("IR is text");
            text.split("\n}").find(|f| f.contains("fastcc") && f.contains("@f0(")).expect("f is there").to_string()
        })
    };
    let [llvm, optimized] = translated("1", "(param i32) (drop (i32.load (local.get 0)))");
    assert_eq!((llvm.matches("@trap2").count(), llvm.matches("load atomic volatile i32").count()), (0, 1), "{llvm}");
    assert_eq!(optimized.matches("load volatile i32").count(), 1, "a load stays, needed or not: {optimized}");
    assert!(!optimized.contains("atomic"), "to machine code it is a load like others: {optimized}");
    // The first of two stores to one place is seen if what is between them traps.
    let order = "(param i32) (global.set $g (i32.const 1)) (i32.store (i32.const 8) (i32.const 1))
        (i64.store (local.get 0) (i64.const 5)) (i32.store (i32.const 8) (i32.const 2)) (global.set $g (i32.const 2))";
    let [_, optimized] = translated("1", order);
    assert_eq!(optimized.matches("store volatile i32").count(), 4, "{optimized}");
    assert_eq!(optimized.matches("store volatile i64").count(), 1, "{optimized}");
    // What nothing guards is checked.
    for (memory, index) in [("i64 1", "i64"), ("1 1 (pagesize 1)", "i32"), ("1 2 shared", "i32")] {
        let [llvm, _] = translated(memory, &format!("(param {index}) (drop (i32.load (local.get 0)))"));
        assert_eq!(llvm.matches("call void @trap2()").count(), 1, "{memory}: {llvm}");
    }
}

#[test]
fn a_store_that_is_not_done_as_a_whole_is_checked() {
    let body = "(param i32) (v128.store (local.get 0) (v128.const i64x2 1 2))
        (i64.store offset=64 (local.get 0) (i64.const 1))";
    for (target, checks) in [("x86_64-linux", 0), ("aarch64-linux", 1), ("riscv64-linux", 1)] {
        let target = Target::new(target, None, &[]).expect("there is such a target");
        let options = Options { target, memory: MemoryModel::Guard, level: OptLevel::O1, ..Options::default() };
        let wat = format!("(module (memory 1) (func (export \"f\") {body}))");
        let ir = compile_observed(wat.as_bytes(), &options, Emit::Optimized, &mut ()).expect("it compiles");
        let ir = String::from_utf8(ir).expect("IR is text");
        let body = ir.split("\n}").find(|f| f.contains("fastcc") && f.contains("@f0(")).expect("f is there");
        assert_eq!(body.matches("call void @trap2()").count(), checks, "{body}");
    }
}

#[test]
fn one_access_does_the_checks_of_several() {
    let body = r#"(func (export "f") (param i32) (result i64)
        (i64.add (i64.load offset=8 (local.get 0)) (i64.load offset=16 (local.get 0))))"#;
    assert_eq!(guard(body), 0);
}

#[test]
fn a_load_that_is_dropped_keeps_its_check() {
    let body = r#"(func (export "f") (param i32) (drop (i32.load (local.get 0))))"#;
    assert_eq!(guard(body), 1);
}

#[test]
fn a_check_before_something_that_can_be_noticed_stays() {
    // The dropped load's check must come before the call, and before the other store.
    let call = r#"(func (export "f") (param i32) (drop (i32.load (local.get 0))) (call $call)
        (i32.store (local.get 0) (i32.const 1)))"#;
    assert_eq!(guard(call), 1);
    let store = r#"(func (export "f") (param i32 i32) (drop (i32.load (local.get 0)))
        (i32.store (local.get 1) (i32.const 2)) (i32.store (local.get 0) (i32.const 1)))"#;
    assert_eq!(guard(store), 1);
    let global = r#"(func (export "f") (param i32) (drop (i32.load (local.get 0)))
        (global.set $g (i32.const 1)) (i32.store (local.get 0) (i32.const 1)))"#;
    assert_eq!(guard(global), 1);
}

#[test]
fn an_access_on_one_of_two_ways_is_not_enough() {
    let body = r#"(func (export "f") (param i32 i32) (result i32) (drop (i32.load (local.get 0)))
        (if (result i32) (local.get 1) (then (i32.load (local.get 0))) (else (i32.const 7))))"#;
    assert_eq!(guard(body), 1);
}

#[test]
fn a_narrower_access_behind_a_wider_check_is_not_enough() {
    // The wide load is dropped; the narrow one, of its first byte, faults later than it would have.
    let body = r#"(func (export "f") (param i32) (result i32) (drop (i64.load offset=32 (local.get 0)))
        (i32.load8_u offset=32 (local.get 0)))"#;
    assert_eq!(guard(body), 1);
}

#[test]
fn indices_in_loops_need_no_check() {
    let body = r#"(func (export "f") (param i32) (result i32) (local i32 i32)
        (loop $next
          (local.set 2 (i32.add (local.get 2) (i32.load offset=16 (i32.shl (local.get 1) (i32.const 2)))))
          (local.set 1 (i32.add (local.get 1) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get 1) (local.get 0))))
        (local.get 2))"#;
    assert_eq!(guard(body), 0);
}

#[test]
fn a_counter_is_an_index_as_wide_as_it_was() {
    // Its least and most are known, so that LLVM would count in 64 bits: below 2³² by what it has concluded.
    let body = r#"(func (export "f") (param i32) (result i32) (local $h i32) (local $i i32)
        (loop $next
          (if (i32.lt_u (local.get $i) (local.get $h))
            (then (i64.store offset=1024 (i32.shl (local.get $i) (i32.const 3))
              (i64.load offset=1024 (i32.shl (local.get $h) (i32.const 3))))))
          (local.set $h (i32.xor (i32.shl (local.get $h) (i32.const 1)) (local.get 0)))
          (br_if $next (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4096))))
        (local.get $h))"#;
    assert_eq!(guard(body), 0);
}

#[test]
fn ranges_are_always_checked() {
    let body = r#"(func (export "f") (param i32 i32) (memory.fill (local.get 0) (i32.const 0) (local.get 1)))"#;
    assert_eq!(guard(body), 1);
}

/// The same with another memory.
fn guard_of(memory: &str, body: &str) -> usize {
    let options = Options { memory: MemoryModel::Guard, level: OptLevel::Os, ..Options::default() };
    let wat = format!("(module (memory {memory}) {body})");
    let ir = compile_observed(wat.as_bytes(), &options, Emit::Optimized, &mut ()).expect("it compiles");
    let ir = String::from_utf8(ir).expect("IR is text");
    let body = ir.split("\n}").find(|f| f.contains("fastcc") && f.contains("@f0(")).expect("f is there");
    body.matches("call void @trap2()").count()
}

#[test]
fn an_atomic_access_does_its_own_check_whether_it_loads_or_stores() {
    for memory in ["1", "1 2 shared"] {
        for access in [
            "(drop (i32.atomic.load (local.get 0)))",
            "(i64.atomic.store (local.get 0) (i64.const 1))",
            "(drop (i32.atomic.rmw.add (local.get 0) (i32.const 1)))",
            "(drop (i64.atomic.rmw32.cmpxchg_u (local.get 0) (i64.const 1) (i64.const 2)))",
        ] {
            // Of a memory that nobody shares, LLVM may drop a load; its check stays.
            let dropped = usize::from(memory == "1" && access.contains("load"));
            let body = format!("(func (export \"f\") (param i32) {access})");
            assert_eq!(guard_of(memory, &body), dropped, "{memory} {access}");
        }
    }
}

#[test]
fn what_a_shared_memory_loads_is_loaded_once_and_checked_by_that() {
    let body = r#"(func (export "f") (param i32) (drop (i32.load (local.get 0))))"#;
    assert_eq!(guard_of("1 2 shared", body), 0, "the load stays, and does the check");
    let fence = r#"(func (export "f") (param i32) (drop (i32.load8_u offset=3 (local.get 0))) (atomic.fence)
        (i32.store (local.get 0) (i32.const 1)))"#;
    assert_eq!(guard_of("1 2 shared", fence), 0);
    let before = r#"(func (export "f") (param i32 i32) (i32.atomic.store (local.get 1) (i32.const 1))
        (i32.store (local.get 0) (i32.const 1)))"#;
    assert_eq!(guard_of("1 2 shared", before), 0, "each does its own");
}

#[test]
fn a_memory_with_addresses_of_64_bits_keeps_its_checks() {
    let body = r#"(func (export "f") (param i64) (result i32) (i32.load (local.get 0)))"#;
    assert_eq!(guard_of("i64 1", body), 1);
    let both = r#"(memory $n 1) (func (export "f") (param i32 i64) (result i32)
        (i32.add (i32.load $n (local.get 0)) (i32.load 0 (local.get 1))))"#;
    assert_eq!(guard_of("i64 1", both), 1);
}

/// LLVM knows from the check that the index is positive; where it would have failed it is not, and code for RISC-V
/// would extend it by its sign, to an address far before the memory.
#[test]
fn what_is_known_from_a_check_goes_with_it() {
    let options = Options { memory: MemoryModel::Guard, level: OptLevel::Os, ..Options::default() };
    let wat = r#"(module (memory 1 1) (func (export "f") (param i32) (result i32) (i32.load offset=3 (local.get 0))))"#;
    let ir = compile_observed(wat.as_bytes(), &options, Emit::Optimized, &mut ()).expect("it compiles");
    let ir = String::from_utf8(ir).expect("IR is text");
    let body = ir.split("\n}").find(|f| f.contains("fastcc") && f.contains("@f0(")).expect("f is there");
    assert!(body.contains("zext i32") && !body.contains("nneg") && !body.contains("@trap2"), "{body}");
}
