//! References to objects and exceptions as arguments and results of host functions and typed calls.

use crate::module;
use wasmc_runtime::*;

const GUEST: &str = r#"(module
    (type $box (struct (field i32)))
    (import "host" "keep" (func $keep (param anyref i32)))
    (import "host" "kept" (func $kept (param i32) (result anyref)))
    (import "host" "rethrown" (func $rethrown (param exnref) (result exnref)))
    (tag $t (param i32))
    (func (export "keep") (param $count i32)
        (loop $next
            (call $keep (struct.new $box (local.get $count)) (local.get $count))
            (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
    (func (export "churn") (param $count i32)
        (loop $next
            (drop (struct.new $box (i32.const -1)))
            (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
    (func (export "kept") (param i32) (result i32)
        (struct.get $box 0 (ref.cast (ref $box) (call $kept (local.get 0)))))
    (func (export "box") (param i32) (result anyref) (struct.new $box (local.get 0)))
    (func (export "open") (param anyref) (result i32) (struct.get $box 0 (ref.cast (ref $box) (local.get 0))))
    (func (export "through") (param i32) (result i32)
        (block $again (result i32)
            (try_table (catch $t $again)
                (throw_ref (call $rethrown
                    (block $h (result exnref) (try_table (catch_all_ref $h) (throw $t (local.get 0))) (unreachable)))))
            (unreachable))))"#;

#[test]
fn references_go_through_closures_and_typed_calls_and_stay_until_the_host_lets_go() {
    let mut linker: Linker<Vec<Option<AnyRef>>> = Linker::new();
    linker.func("host", "keep", |mut caller: Caller<'_, Vec<_>>, reference: Option<AnyRef>, at: i32| {
        let kept = caller.data_mut();
        kept.resize(kept.len().max(at as usize + 1), None);
        kept[at as usize] = reference;
    });
    linker.func("host", "kept", |caller: Caller<'_, Vec<Option<AnyRef>>>, at: i32| caller.data()[at as usize]);
    linker.func("host", "rethrown", |exception: Option<ExnRef>| exception);
    let mut store = Store::new(Vec::new());
    let instance = linker.instantiate(&mut store, &module(GUEST)).unwrap();
    let keep = instance.get_typed_func::<i32, ()>(&store, "keep").unwrap();
    let churn = instance.get_typed_func::<i32, ()>(&store, "churn").unwrap();
    let kept = instance.get_typed_func::<i32, i32>(&store, "kept").unwrap();
    keep.call(&mut store, 100).unwrap();
    churn.call(&mut store, 300_000).unwrap();
    for at in 1..=100 {
        assert_eq!(kept.call(&mut store, at).unwrap(), at);
    }
    assert!(matches!(kept.call(&mut store, 0), Err(Error::Trap(_))), "there is none");
    let boxed = instance.get_typed_func::<i32, Option<AnyRef>>(&store, "box").unwrap().call(&mut store, 5).unwrap();
    churn.call(&mut store, 300_000).unwrap();
    assert_eq!(boxed.unwrap().heap_type(&store), HeapType::Struct);
    let open = instance.get_typed_func::<Option<AnyRef>, i32>(&store, "open").unwrap();
    assert_eq!(open.call(&mut store, boxed).unwrap(), 5);
    let through = instance.get_typed_func::<i32, i32>(&store, "through").unwrap();
    assert_eq!(through.call(&mut store, 7).unwrap(), 7);
    store.data_mut().clear();
    store.release_references();
    churn.call(&mut store, 10).unwrap();
    let used = std::panic::AssertUnwindSafe(|| open.call(&mut store, boxed));
    assert!(std::panic::catch_unwind(used).is_err(), "the host had let go of it");
}
