//! Guests that are interrupted.

use crate::{module, trap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use wasmc_runtime::*;

/// Functions that never end by themselves: in a loop, by calls, by tail calls, in a helper, in host functions.
const UNENDING: &str = r#"(module
    (import "host" "f" (func $f (param i32) (result i32)))
    (import "host" "again" (func $again))
    (memory (export "memory") 16)
    (global $g (mut i32) (i32.const 0))
    (func (export "loop") (loop (br 0)))
    (func $leaf (global.set $g (i32.add (global.get $g) (i32.const 1))))
    (func (export "calls") (loop (call $leaf) (call $even (i32.const 100)) (br 0)))
    (func $even (param i32) (if (local.get 0) (then (call $odd (i32.sub (local.get 0) (i32.const 1))))))
    (func $odd (param i32) (if (local.get 0) (then (call $even (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "fill") (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x100000)) (br 0)))
    (func (export "host") (loop (drop (call $f (i32.const 0))) (br 0)))
    (func (export "slow") (loop (drop (call $f (i32.const 20))) (br 0)))
    (func (export "nested") (call $again) (loop (br 0)))
    (type $none (func))
    (table funcref (elem $jump))
    (func $tick (export "tail") (return_call $tock))
    (func $tock (return_call $tick))
    (func $jump (export "tail_indirect") (return_call_indirect (type $none) (i32.const 0)))
    (func (export "trace") (call $inner))
    (func $inner (loop (br 0)))
    (func (export "count") (result i32) (global.get $g)))"#;

/// A thread that interrupts a guest, and again if the guest had not yet begun: then it was of no effect.
struct Waker {
    has_ended: Arc<AtomicBool>,
    thread: JoinHandle<Instant>,
}

impl Waker {
    fn after(milliseconds: u64, handle: &InterruptHandle) -> Waker {
        let (handle, has_ended) = (handle.clone(), Arc::new(AtomicBool::new(false)));
        let ended = has_ended.clone();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(milliseconds));
            let asked = Instant::now();
            handle.interrupt();
            while !ended.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
                if asked.elapsed() > Duration::from_millis(100) {
                    handle.interrupt();
                }
            }
            asked
        });
        Waker { has_ended, thread }
    }

    /// When it interrupted the guest first.
    fn end(self) -> Instant {
        self.has_ended.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn endless() -> (Store<u32>, Instance) {
    let mut linker: Linker<u32> = Linker::new();
    linker.func("host", "f", |mut caller: Caller<'_, u32>, milliseconds: u32| {
        *caller.data_mut() += 1;
        std::thread::sleep(Duration::from_millis(milliseconds.into()));
        milliseconds
    });
    // Takes no notice of what became of the guest that it calls.
    linker.func("host", "again", |mut caller: Caller<'_, u32>| {
        let Some(Extern::Func(func)) = caller.get_export("loop") else { panic!("no function") };
        assert_eq!(trap(func.call(&mut caller, &[])).code, TrapCode::Interrupted);
        *caller.data_mut() += 1;
    });
    let mut store = Store::new(0);
    let instance = linker.instantiate(&mut store, &module(UNENDING)).unwrap();
    (store, instance)
}

#[test]
fn another_thread_stops_guests_that_would_never_end() {
    let (mut store, instance) = endless();
    let handle = store.interrupt_handle();
    handle.interrupt();
    let count = instance.get_typed_func::<(), i32>(&store, "count").unwrap();
    assert_eq!(count.call(&mut store, ()).unwrap(), 0, "what was asked for between calls is of no effect");
    for name in ["loop", "calls", "tail", "tail_indirect", "fill", "host", "slow", "nested", "trace"] {
        let func = instance.get_typed_func::<(), ()>(&store, name).unwrap();
        for round in 0..5 {
            let waker = Waker::after(5 + round, &handle);
            let trap = trap(func.call(&mut store, ()));
            waker.end();
            assert_eq!(trap.code, TrapCode::Interrupted, "{name}");
            let names: Vec<_> = trap.frames.iter().filter_map(|frame| frame.func_name.as_deref()).collect();
            assert!(name != "trace" || names.contains(&"inner") || names.contains(&"trace"), "{trap}");
            count.call(&mut store, ()).unwrap();
        }
    }
    assert!(*store.data() > 10, "the host functions ran, and the last one to its end");
    drop(store);
    handle.interrupt();
}

/// Beside other processes the system may let a thread wait for long; of several times the shortest is what it takes.
#[test]
fn an_endless_loop_of_any_kind_is_stopped_within_a_millisecond() {
    const OTHERS: &str = r#"(module (memory 16) (table 2 funcref) (elem (i32.const 0) $leaf $leaf) (type $t (func))
        (func $leaf)
        (func (export "empty") (loop (br 0)))
        (func (export "sum") (local i64) (loop (local.set 0 (i64.add (local.get 0) (i64.const 3))) (br 0)))
        (func (export "stores") (local i32) (loop
            (i32.store (i32.and (local.get 0) (i32.const 0xFFFF)) (local.get 0))
            (local.set 0 (i32.add (local.get 0) (i32.const 4))) (br 0)))
        (func (export "divides") (local f64) (loop
            (local.set 0 (f64.sqrt (f64.div (f64.const 1) (f64.add (local.get 0) (f64.const 2))))) (br 0)))
        (func (export "switch") (local i32) (loop $l
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (block $a (block $b (br_table $a $b $l (i32.and (local.get 0) (i32.const 3)))) (br $l)) (br $l)))
        (func (export "indirect") (local i32) (loop
            (call_indirect (type $t) (i32.and (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
            (br 0)))
        (func (export "nested") (local i32) (loop (local.set 0 (i32.const 1000000))
            (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (br 0))))"#;
    let mut linker = Linker::new();
    let mut store = Store::new(0);
    let others = linker.instantiate(&mut store, &module(OTHERS)).unwrap();
    let handle = store.interrupt_handle();
    let mut names: Vec<(String, Instance)> =
        others.exports(&store).into_iter().map(|(name, _)| (name, others)).collect();
    linker.func("host", "f", |_: u32| 0u32).func("host", "again", || {});
    let first = linker.instantiate(&mut store, &module(UNENDING)).unwrap();
    names.extend(["calls", "tail", "tail_indirect", "fill", "host"].map(|name| (name.into(), first)));
    for (name, instance) in names {
        let func = instance.get_typed_func::<(), ()>(&store, &name).unwrap();
        let shortest = (0..30).map(|_| {
            let waker = Waker::after(2, &handle);
            assert_eq!(trap(func.call(&mut store, ())).code, TrapCode::Interrupted, "{name}");
            let ended = Instant::now();
            ended.duration_since(waker.end())
        });
        let shortest = shortest.min().unwrap();
        assert!(shortest < Duration::from_millis(1), "{name}: {shortest:?}");
    }
}

#[test]
fn only_the_store_that_was_meant_is_interrupted() {
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (mut store, instance) = endless();
            let handle = store.interrupt_handle();
            let thread = std::thread::spawn(move || {
                let func = instance.get_typed_func::<(), ()>(&store, "loop").unwrap();
                trap(func.call(&mut store, ())).code
            });
            (handle, thread)
        })
        .collect();
    std::thread::sleep(Duration::from_millis(50));
    for index in 0..threads.len() {
        assert!(threads[index..].iter().all(|(_, thread)| !thread.is_finished()));
        while !threads[index].1.is_finished() {
            threads[index].0.interrupt();
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    for (_, thread) in threads {
        assert_eq!(thread.join().unwrap(), TrapCode::Interrupted);
    }
}
