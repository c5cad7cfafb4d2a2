//! How many instructions a guest may execute.

#[cfg(not(target_arch = "x86_64"))]
use crate::compile_with;
use crate::{module, trap};
use wasmc_runtime::*;

/// Images that count fuel, at several levels and in each memory model.
#[cfg(target_arch = "x86_64")]
fn metered(wat: &str) -> Vec<(String, Module)> {
    let mut images = Vec::new();
    for level in wasmc::OptLevel::ALL {
        for memory in [wasmc::MemoryModel::Guard, wasmc::MemoryModel::Checked] {
            let options = wasmc::Options { fuel: true, level, memory, ..wasmc::Options::default() };
            let image = wasmc::compile(wat.as_bytes(), &options).unwrap();
            // SAFETY: compiled just now.
            images.push((format!("{} {memory}", level.name()), unsafe { Module::load_unsigned(&image) }.unwrap()));
        }
    }
    images
}

#[cfg(not(target_arch = "x86_64"))]
fn metered(wat: &str) -> Vec<(String, Module)> {
    let levels = ["-O0", "-O2", "-O3", "-Os"];
    // SAFETY: compiled just now.
    let load = |level| unsafe { Module::load_unsigned(&compile_with(wat, &["--fuel", level])) }.unwrap();
    levels.map(|level| (level.to_string(), load(level))).into()
}

/// What each call costs was counted by hand.
#[test]
fn fuel_is_counted_alike_at_every_level_and_on_every_machine() {
    const COUNTED: &str = r#"(module (import "host" "f" (func $f (param i32) (result i32))) (memory 1)
        (table funcref (elem $fib)) (type $one (func (param i32) (result i32)))
        (func (export "plain") (param i32) (result i32) (nop) (i32.add (local.get 0) (i32.const 1)))
        (func (export "loop") (param i32) (result i32)
            (loop $l (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $l (local.get 0))) (i32.const 0))
        (func (export "sum") (param $n i32) (result i32) (local $sum i32) (local $at i32)
            (loop $l
                (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $at))))
                (local.set $at (i32.add (local.get $at) (i32.const 4)))
                (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $sum))
        (func (export "branches") (param i32) (result i32)
            (if (result i32) (local.get 0) (then (i32.const 5)) (else (i32.add (i32.const 1) (i32.const 2)))))
        (func $fib (export "fib") (param i32) (result i32)
            (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0)) (else (i32.add
                (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
        (func (export "indirect") (param i32) (result i32) (call_indirect (type $one) (local.get 0) (i32.const 0)))
        (func (export "host") (param i32) (result i32) (call $f (call $f (local.get 0))))
        (func (export "switch") (param i32) (result i32)
            (block $b (block $a (br_table $a $b (local.get 0))) (return (i32.const 7)))
            (i32.add (i32.const 4) (i32.const 4)))
        (func $tail (export "tail") (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (return_call $tail (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 3))))
        (func (export "skipped") (param i32) (result i32)
            (block (br 0) (drop (i32.const 1))) (block (br_if 0 (local.get 0)) (drop (i32.const 1))) (i32.const 0))
        (func (export "endless") (param i32) (result i32) (loop (br 0)) (unreachable))
        (func (export "grow") (param i32) (result i32)
            (loop $l (drop (memory.grow (i32.const 0))) (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (i32.const 0)))"#;
    const COSTS: [(&str, i32, u64); 16] = [
        ("plain", 1, 1 + 3),
        ("loop", 1000, 1 + 6 * 1000 + 1),
        ("sum", 1, 1 + 14 + 1),
        ("sum", 1000, 1 + 14 * 1000 + 1),
        ("branches", 1, 1 + 2 + 1),
        ("branches", 0, 1 + 2 + 3),
        ("fib", 1, 6),
        ("fib", 10, 89 * 6 + 88 * 14),
        ("indirect", 10, 1 + 3 + 89 * 6 + 88 * 14),
        ("host", 1, 1 + 3),
        ("switch", 0, 1 + 2 + 1),
        ("switch", 1, 1 + 2 + 3),
        ("tail", 10, 10 * (1 + 2 + 4) + 1 + 2 + 1),
        ("skipped", 1, 1 + 1 + 2 + 1),
        ("skipped", 0, 1 + 1 + 2 + 1 + 1),
        ("grow", 10, 1 + 10 * 7 + 1),
    ];
    let mut linker = Linker::new();
    linker.func("host", "f", |x: i32| x);
    for (config, module) in metered(COUNTED) {
        assert!(module.counts_fuel());
        let mut store = Store::new(());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let find = |store: &_, name: &str| instance.get_typed_func::<i32, i32>(store, name).unwrap();
        find(&store, "fib").call(&mut store, 10).unwrap();
        assert_eq!(store.fuel(), None);
        for (name, arg, cost) in COSTS {
            let func = find(&store, name);
            store.set_fuel(1 << 50).unwrap();
            func.call(&mut store, arg).unwrap();
            assert_eq!(store.fuel(), Some((1 << 50) - cost), "{config}: {name} {arg}");
            // Beyond where counted loops do without checks, too.
            store.set_fuel(cost).unwrap();
            func.call(&mut store, arg).unwrap();
            assert_eq!(store.fuel(), Some(0), "{config}: {name} {arg}");
        }
        for (name, arg, fuel) in
            [("endless", 0, 0), ("endless", 0, 100_000), ("loop", 1000, 6000), ("sum", 1000, 13_000)]
        {
            store.set_fuel(fuel).unwrap();
            let trap = trap(find(&store, name).call(&mut store, arg));
            assert_eq!((trap.code, store.fuel()), (TrapCode::OutOfFuel, Some(0)), "{config}: {name}");
        }
        store.set_fuel(4).unwrap();
        find(&store, "plain").call(&mut store, 0).unwrap();
        assert_eq!(trap(find(&store, "plain").call(&mut store, 0)).code, TrapCode::OutOfFuel, "all calls together");
    }
}

#[test]
fn code_that_does_not_count_its_instructions_cannot_be_limited() {
    let module = module(r#"(module (func (export "f")))"#);
    assert!(!module.counts_fuel());
    let mut store = Store::new(());
    store.set_fuel(100).unwrap();
    let error = Linker::new().instantiate(&mut store, &module).unwrap_err();
    assert!(matches!(error, Error::Limit(LimitError::NoFuel)) && error.to_string().contains("--fuel"), "{error}");
    let mut store = Store::new(());
    Linker::new().instantiate(&mut store, &module).unwrap();
    assert!(matches!(store.set_fuel(100), Err(Error::Limit(LimitError::NoFuel))));
}
