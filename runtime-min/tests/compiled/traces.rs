//! Where a trap was, and stacks that are used up.

use crate::{compile_for_size, instance, instance_of, module, trap};
use wasmc_runtime::*;

#[test]
fn a_trace_names_functions_and_positions() {
    let wat = r#"(module $demo
        (memory 1)
        (func $read (param $at i32) (result i32) (i32.load (local.get $at)))
        (func $middle (export "middle") (param $depth i32) (result i32)
          (if (result i32) (i32.eqz (local.get $depth))
            (then (call $read (i32.const -4)))
            (else (i32.add (i32.const 1) (call $middle (i32.sub (local.get $depth) (i32.const 1))))))))"#;
    let (mut store, instance) = instance(wat);
    let middle = instance.get_typed_func::<u32, u32>(&store, "middle").unwrap();
    let trap = trap(middle.call(&mut store, 3));
    assert_eq!(trap.code, TrapCode::MemoryOutOfBounds);
    let frames: Vec<_> = trap.frames.iter().map(|f| (f.func_index, f.func_name.as_deref().unwrap())).collect();
    assert_eq!(frames, [(0, "read"), (1, "middle"), (1, "middle"), (1, "middle"), (1, "middle")], "{trap}");
    assert!(trap.frames.iter().all(|frame| frame.module.as_deref() == Some("demo")));
    // The load's opcode in the bytes of the module, and the same call instruction three times.
    let offset = |index: usize| trap.frames[index].wasm_offset.unwrap() as usize;
    #[cfg(target_arch = "x86_64")]
    {
        let wasm = wat::parse_str(wat).unwrap();
        assert_eq!(wasm[offset(0)], 0x28, "{trap}");
        assert_eq!(wasm[offset(1)..][..2], [0x10, 0], "{trap}");
        assert_eq!(wasm[offset(2)..][..2], [0x10, 1], "{trap}");
    }
    assert_eq!((offset(3), offset(4)), (offset(2), offset(2)));
    assert!(trap.to_string().starts_with("out of bounds memory access\n  0: 0x"), "{trap}");
}

/// A call through a constant table that ends in a trap goes to the trap's stub itself: the place is that of the call.
#[test]
fn a_trace_shows_the_indirect_call_that_found_nothing() {
    let wat = r#"(module
        (type $wanted (func (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)))
        (table 3 funcref) (elem (i32.const 0) func $other) (func $other)
        (func $call (param $which i32) (result i64)
          (i64.add (i64.const 1) (call_indirect (type $wanted) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)
            (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8) (local.get $which))))
        (func (export "outer") (param i32) (result i64) (i64.add (call $call (local.get 0)) (i64.const 1))))"#;
    let (mut store, instance) = instance(wat);
    let outer = instance.get_typed_func::<u32, i64>(&store, "outer").unwrap();
    let codes = [TrapCode::IndirectCallMismatch, TrapCode::UninitializedElement, TrapCode::UndefinedElement];
    for (which, code) in [0, 2, 3].into_iter().zip(codes) {
        let trap = trap(outer.call(&mut store, which));
        let names: Vec<_> = trap.frames.iter().map(|frame| frame.func_name.as_deref().unwrap()).collect();
        assert_eq!((trap.code, names.as_slice()), (code, ["call", "outer"].as_slice()), "{trap}");
        #[cfg(target_arch = "x86_64")]
        assert_eq!(wat::parse_str(wat).unwrap()[trap.frames[0].wasm_offset.unwrap() as usize], 0x11, "{trap}");
    }
}

/// A frame may be left of the last function in a chain of tail calls: what it calls makes none itself.
#[test]
fn a_trace_shows_where_a_chain_of_tail_calls_has_got_to() {
    let (mut store, instance) = instance(
        r#"(module
        (memory 1)
        (type $t (func (param i32) (result i32)))
        (table funcref (elem $plain $jumping))
        (func $plain (param i32) (result i32) (i32.load (i32.const -4)))
        (func $jumping (param i32) (result i32)
          (if (local.get 0) (then (return_call $plain (i32.load (i32.const -4)))))
          (i32.load (i32.const -4)))
        (func $chain (param $which i32) (param $left i32) (result i32)
          (if (local.get $left)
            (then (return_call $chain (local.get $which) (i32.sub (local.get $left) (i32.const 1)))))
          (return_call_indirect (type $t) (i32.const 1) (local.get $which)))
        (func (export "outer") (param i32 i32) (result i32)
          (i32.add (i32.const 1) (call $chain (local.get 0) (local.get 1)))))"#,
    );
    let outer = instance.get_typed_func::<(u32, u32), u32>(&store, "outer").unwrap();
    for (which, innermost) in [(0, "plain"), (1, "jumping")] {
        for depth in [0, 1, 1_000_000] {
            let trap = trap(outer.call(&mut store, (which, depth)));
            assert_eq!((trap.code, trap.more_frames), (TrapCode::MemoryOutOfBounds, 0));
            let names: Vec<_> = trap.frames.iter().map(|frame| frame.func_name.as_deref().unwrap()).collect();
            let with_frame = [innermost, "chain", "outer"];
            assert!(names == with_frame || names == [innermost, "outer"], "{trap}");
            assert!(trap.frames.iter().all(|frame| frame.wasm_offset.is_some()), "{trap}");
        }
    }
}

/// For size, registers may be saved by code that functions share: a function for each number of values that it holds
/// over a call.
#[test]
fn a_trace_goes_through_frames_of_code_for_size() {
    const MOST: u32 = 14;
    let mut wat = String::from("(module (memory 1) (func $f0 (param i32) (result i32) (i32.load (i32.const -4)))");
    for held in 1..=MOST {
        let locals = " i32".repeat(held as usize);
        let load = |n| format!("(local.set {n} (i32.load offset={} (local.get 0)))", 4 * n);
        let loads: String = (1..=held).map(load).collect();
        let sum = (1..=held).fold(format!("(call $f{} (local.get 0))", held - 1), |sum, n| {
            format!("(i32.mul (i32.add (local.get {n}) {sum}) (i32.const 31))")
        });
        wat += &format!("(func $f{held} (export \"f{held}\") (param i32) (result i32) (local{locals}) {loads} {sum})");
    }
    wat += ")";
    // SAFETY: compiled just now.
    let module = unsafe { Module::load_unsigned(&compile_for_size(&wat)) }.unwrap();
    let (mut store, instance) = instance_of(&module);
    for held in 1..=MOST {
        let f = instance.get_typed_func::<u32, u32>(&store, &format!("f{held}")).unwrap();
        let trap = trap(f.call(&mut store, 0));
        let frames: Vec<_> = trap.frames.iter().map(|frame| frame.func_index).collect();
        assert_eq!((trap.code, frames), (TrapCode::MemoryOutOfBounds, (0..=held).collect()), "{trap}");
        assert!(trap.frames.iter().all(|frame| frame.wasm_offset.is_some()), "{trap}");
    }
}

const ENDLESS: &str = r#"(module
    (func $f (export "f") (param i64) (result i64)
      (i64.add (i64.const 1) (call $f (i64.add (local.get 0) (i64.const 1)))))
    (func (export "ok") (result i32) (i32.const 5)))"#;

#[test]
fn endless_recursion_ends_in_a_trap_as_often_as_one_likes() {
    let (mut store, instance) = instance(ENDLESS);
    let f = instance.get_typed_func::<i64, i64>(&store, "f").unwrap();
    let ok = instance.get_typed_func::<(), i32>(&store, "ok").unwrap();
    for _ in 0..3 {
        assert_eq!(trap(f.call(&mut store, 0)).code, TrapCode::StackOverflow);
        assert_eq!(ok.call(&mut store, ()).unwrap(), 5);
    }
}

#[test]
fn the_trace_of_endless_recursion_is_cut_and_counted() {
    let (mut store, instance) = instance(ENDLESS);
    let f = instance.get_typed_func::<i64, i64>(&store, "f").unwrap();
    let trap = trap(f.call(&mut store, 0));
    assert_eq!(trap.frames.len(), 100);
    assert!(trap.more_frames > 1000 && trap.to_string().ends_with(&format!("and {} more", trap.more_frames)));
}

#[test]
fn a_thread_with_little_stack_is_no_danger() {
    let thread = std::thread::Builder::new().stack_size(200 << 10).spawn(|| {
        let (mut store, instance) = instance(ENDLESS);
        store.set_stack_len(16 << 20);
        let f = instance.get_typed_func::<i64, i64>(&store, "f").unwrap();
        assert_eq!(trap(f.call(&mut store, 0)).code, TrapCode::StackOverflow);
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn endless_recursion_through_the_host_ends_in_a_trap() {
    let module = module(r#"(module (import "" "g" (func $g)) (func (export "f") (call $g)))"#);
    let mut linker = Linker::new();
    linker.func("", "g", |mut caller: Caller<'_, u32>| -> Result<(), Error> {
        *caller.data_mut() += 1;
        let f = caller.get_export("f").and_then(Extern::func).unwrap();
        f.typed::<(), ()>(&caller)?.call(&mut caller, ())
    });
    let mut store = Store::new(0);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let f = instance.get_typed_func::<(), ()>(&store, "f").unwrap();
    let trap = trap(f.call(&mut store, ()));
    assert_eq!(trap.code, TrapCode::StackOverflow);
    // Every guest frame once; the last may not have got as far as its call.
    let calls = *store.data() as usize;
    assert!([calls, calls + 1].contains(&(trap.frames.len() + trap.more_frames)), "{calls} calls, {trap}");
    assert!(calls > 50);
}
