//! Profiles: what code counts, and what is made of it.

#[cfg(not(target_arch = "x86_64"))]
use crate::compile_with;
use crate::trap;
use wasmc_abi::image::Record;
use wasmc_abi::profile::{BodyRecord, COUNTER_LEN, PartHeader};
use wasmc_runtime::*;

/// An image that counts.
#[cfg(target_arch = "x86_64")]
fn counting(wat: &str) -> Module {
    let options = wasmc::Options { profiling: wasmc::Profiling::Generate, ..wasmc::Options::default() };
    // SAFETY: compiled just now.
    unsafe { Module::load_unsigned(&wasmc::compile(wat.as_bytes(), &options).unwrap()) }.unwrap()
}

#[cfg(not(target_arch = "x86_64"))]
fn counting(wat: &str) -> Module {
    // SAFETY: compiled just now.
    unsafe { Module::load_unsigned(&compile_with(wat, &["--profile-generate"])) }.unwrap()
}

/// An image made for a profile.
#[cfg(target_arch = "x86_64")]
fn made_for(wat: &str, profile: &[u8]) -> Module {
    let options = wasmc::Options { profiling: with_profile(profile), ..wasmc::Options::default() };
    // SAFETY: compiled just now.
    unsafe { Module::load_unsigned(&wasmc::compile(wat.as_bytes(), &options).unwrap()) }.unwrap()
}

#[cfg(not(target_arch = "x86_64"))]
fn made_for(wat: &str, profile: &[u8]) -> Module {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profile");
    std::fs::write(&path, profile).unwrap();
    let option = format!("--profile-use={}", path.display());
    // SAFETY: compiled just now.
    unsafe { Module::load_unsigned(&compile_with(wat, &[&option])) }.unwrap()
}

/// The counters of each body, in order.
fn counters(profile: &[u8]) -> Vec<Vec<u64>> {
    let head = PartHeader::read(profile).unwrap();
    assert_eq!(head.len as usize, profile.len());
    let (bodies, counters) = profile[PartHeader::LEN..].split_at(head.bodies as usize * BodyRecord::LEN);
    let counters: Vec<u64> = counters.as_chunks::<COUNTER_LEN>().0.iter().map(|c| u64::from_le_bytes(*c)).collect();
    let bodies = bodies.as_chunks().0.iter().map(BodyRecord::from_bytes);
    bodies.map(|BodyRecord { first, count, .. }| counters[first as usize..][..count as usize].to_vec()).collect()
}

/// A function for each instruction that is counted, and calls of a table's functions.
const ALL: &str = r#"(module (memory 1) (type $to (func (param i32) (result i32)))
    (func (export "if") (param i32) (result i32) (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2))))
    (func (export "br_if") (param i32) (result i32) (block (br_if 0 (local.get 0)) (return (i32.const 3))) (i32.const 4))
    (func (export "br_table") (param i32) (result i32)
        (block $c (block $b (block $a (br_table $a $b $a $c (local.get 0))) (return (i32.const 5)))
            (return (i32.const 6))) (i32.const 7))
    (func (export "select") (param i32) (result i32) (select (i32.const 8) (local.get 0) (local.get 0)))
    (func (export "loop") (param i32) (result i32)
        (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (i32.const 9))
    (table 4 4 funcref) (elem (i32.const 0) $f $g)
    (func $f (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func $g (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "call") (param i32 i32) (result i32) (call_indirect (type $to) (local.get 0) (local.get 1)))
    (func (export "skipped") (param i32) (result i32)
        (block (br 0) (if (i32.const 1) (then))) (if (local.get 0) (then)) (i32.const 0)))"#;

/// Calls all functions of [`ALL`]; their results.
fn call_all(store: &mut Store<()>, instance: Instance) -> Vec<i32> {
    let mut results = Vec::new();
    for name in ["if", "br_if", "br_table", "select", "skipped"] {
        let function = instance.get_typed_func::<i32, i32>(&*store, name).unwrap();
        for argument in [0, 1, 1, 2, 2, 2, 3, -1] {
            results.push(function.call(&mut *store, argument).unwrap());
        }
    }
    let function = instance.get_typed_func::<i32, i32>(&*store, "loop").unwrap();
    results.push(function.call(&mut *store, 1000).unwrap());
    let call = instance.get_typed_func::<(i32, i32), i32>(&*store, "call").unwrap();
    for element in [1, 1, 0, 0, 0, 0, 1, 0] {
        results.push(call.call(&mut *store, (4, element)).unwrap());
    }
    // Even what traps is counted.
    trap(call.call(&mut *store, (0, 2)));
    trap(call.call(&mut *store, (-1, 1)));
    results
}

#[test]
fn code_made_for_a_profile_does_what_code_without_one_does() {
    let (mut store, module) = (Store::new(()), counting(ALL));
    let instance = Linker::new().instantiate(&mut store, &module).unwrap();
    let counted = call_all(&mut store, instance);
    let profile = instance.profile(&store).unwrap();
    for module in [crate::module(ALL), made_for(ALL, &profile)] {
        let (mut store, instance) = crate::instance_of(&module);
        assert_eq!(call_all(&mut store, instance), counted);
    }
}

#[test]
fn code_counts_what_is_called_and_which_way_it_goes() {
    let (mut store, module) = (Store::new(()), counting(ALL));
    let instance = Linker::new().instantiate(&mut store, &module).unwrap();
    let fresh = counters(&instance.profile(&store).unwrap());
    assert!(fresh.iter().flatten().all(|count| *count == 0));
    call_all(&mut store, instance);
    let counted = counters(&instance.profile(&store).unwrap());
    assert_eq!(counted[..5], [vec![8, 1, 7], vec![8, 1, 7], vec![8, 1, 2, 3, 2], vec![8, 1, 7], vec![1, 1, 999],]);
    // Calls of $f and $g; votes for the second element of the table were taken back, then given to the first.
    assert_eq!(counted[5..7], [[5], [4]]);
    let &[calls, element, votes, all] = &counted[7][..] else { panic!("{:?}", counted[7]) };
    assert_eq!((calls, all), (10, 10));
    assert!(element == 0 && votes <= 2, "{element} {votes}");
    // What cannot be executed has counters too.
    assert_eq!(counted[8], [8, 0, 0, 1, 7]);
}

#[test]
fn instances_count_by_themselves_and_others_have_no_profile() {
    let (mut store, module) = (Store::new(()), counting(ALL));
    let [one, other] = [(), ()].map(|()| Linker::new().instantiate(&mut store, &module).unwrap());
    call_all(&mut store, one);
    assert!(counters(&other.profile(&store).unwrap()).iter().flatten().all(|count| *count == 0));
    let (store, plain) = crate::instance(ALL);
    assert!(plain.profile(&store).is_none());
}

/// The memory for counters is nobody's but the host's: functions that are imported do not take it for the guest's.
#[test]
fn host_functions_are_not_given_the_memory_for_counters() {
    let module = counting(r#"(module (import "host" "f" (func $f)) (func (export "g") (call $f)))"#);
    let mut linker = Linker::new();
    linker.func("host", "f", |mut caller: Caller<'_, bool>| {
        let (had, memory) = caller.data_and_memory();
        *had = !memory.is_empty();
    });
    let mut store = Store::new(true);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    instance.get_typed_func::<(), ()>(&store, "g").unwrap().call(&mut store, ()).unwrap();
    assert!(!store.data());
    assert_eq!(counters(&instance.profile(&store).unwrap()), [[1]]);
}

#[cfg(target_arch = "x86_64")]
fn with_profile(profile: &[u8]) -> wasmc::Profiling {
    wasmc::Profiling::Use(std::sync::Arc::new(wasmc::Profile::read(profile).unwrap()))
}

#[cfg(target_arch = "x86_64")]
#[test]
fn counts_become_weights() {
    let (mut store, module) = (Store::new(()), counting(ALL));
    let instance = Linker::new().instantiate(&mut store, &module).unwrap();
    call_all(&mut store, instance);
    let profiling = with_profile(&instance.profile(&store).unwrap());
    let options = wasmc::Options { profiling, ..wasmc::Options::default() };
    let ir = wasmc::compile_observed(ALL.as_bytes(), &options, wasmc::Emit::Llvm, &mut ()).unwrap();
    let ir = String::from_utf8(ir).unwrap();
    // Of nodes that are alike there is one.
    for node in [
        r#"!{!"branch_weights", i32 7, i32 1}"#,
        r#"!{!"branch_weights", i32 999, i32 1}"#,
        // The default target first.
        r#"!{!"branch_weights", i32 2, i32 1, i32 2, i32 3}"#,
        r#"!{!"function_entry_count", i64 8}"#,
        r#"!{!"ProfileFormat", !"InstrProf"}"#,
        r#"!{!"MaxCount", i64 999}"#,
        r#"!{!"NumFunctions", i64 9}"#,
    ] {
        assert!(ir.contains(node), "{node} is missing: {ir}");
    }
    let select = ir.lines().find(|line| line.contains("select i1")).unwrap();
    assert!(select.contains("!prof"), "{select}");
}

#[cfg(target_arch = "x86_64")]
#[test]
fn what_was_never_called_is_cold_and_what_was_often_called_is_not() {
    const TWO: &str = r#"(module (func (export "never") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
        (func (export "often") (param i32) (result i32) (i32.add (local.get 0) (i32.const 2))))"#;
    let (mut store, module) = (Store::new(()), counting(TWO));
    let instance = Linker::new().instantiate(&mut store, &module).unwrap();
    let often = instance.get_typed_func::<i32, i32>(&store, "often").unwrap();
    (0..100).for_each(|n| assert_eq!(often.call(&mut store, n).unwrap(), n + 2));
    let profiling = with_profile(&instance.profile(&store).unwrap());
    for level in wasmc::OptLevel::ALL {
        let options = wasmc::Options { profiling: profiling.clone(), level, ..wasmc::Options::default() };
        let ir = wasmc::compile_observed(TWO.as_bytes(), &options, wasmc::Emit::Llvm, &mut ()).unwrap();
        let ir = String::from_utf8(ir).unwrap();
        let attributes = |function: &str| {
            let line = ir.lines().find(|line| line.starts_with("define") && line.contains(function)).unwrap();
            let group = line.split_whitespace().find(|word| word.starts_with('#')).unwrap();
            ir.lines().find(|line| line.starts_with(&format!("attributes {group} "))).unwrap().to_string()
        };
        let (never, often) = (attributes("@f0("), attributes("@f1("));
        assert!(never.contains(" cold ") && never.contains(" optsize "), "{never}");
        assert!(often.contains(" inlinehint ") && !often.contains(" cold "), "{often}");
        wasmc::compile(TWO.as_bytes(), &options).unwrap();
    }
}

/// Where the likely callee is called directly, all other elements are what they were: another function, one of another
/// type, null, none.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_likely_callee_changes_no_other_call() {
    const CALLS: &str = r#"(module (type $to (func (param i32) (result i32)))
        (table 5 5 funcref) (elem (i32.const 0) $f $g $other $f)
        (func $f (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
        (func $g (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
        (func $other (param i64) (result i64) (local.get 0))
        (func (export "call") (param i32 i32) (result i32)
            (i32.xor (i32.const 64) (call_indirect (type $to) (local.get 0) (local.get 1)))))"#;
    let outcomes = |module: &Module, elements: &[i32]| {
        let mut store = Store::new(());
        let instance = Linker::new().instantiate(&mut store, module).unwrap();
        let call = instance.get_typed_func::<(i32, i32), i32>(&store, "call").unwrap();
        let mut outcome = |element: &i32| match call.call(&mut store, (20, *element)) {
            Ok(value) => Ok(value),
            Err(error) => Err(error.trap().unwrap().code),
        };
        let outcomes: std::collections::BTreeMap<i32, _> =
            elements.iter().map(|element| (*element, outcome(element))).collect();
        (outcomes, instance.profile(&store))
    };
    const ELEMENTS: [i32; 8] = [0, 1, 2, 3, 4, 5, -1, 1 << 16];
    let (wanted, _) = outcomes(&crate::module(CALLS), &ELEMENTS);
    for likely in [0, 1, 2, 4, 9] {
        let (_, profile) = outcomes(&counting(CALLS), &[likely; 100]);
        let profiling = with_profile(&profile.unwrap());
        for level in wasmc::OptLevel::ALL {
            for memory in [wasmc::MemoryModel::Guard, wasmc::MemoryModel::Checked] {
                let options =
                    wasmc::Options { profiling: profiling.clone(), level, memory, ..wasmc::Options::default() };
                let image = wasmc::compile(CALLS.as_bytes(), &options).unwrap();
                // SAFETY: compiled just now.
                let module = unsafe { Module::load_unsigned(&image) }.unwrap();
                assert_eq!(outcomes(&module, &ELEMENTS).0, wanted, "{likely} {} {memory}", level.name());
            }
        }
        let options = wasmc::Options { profiling, ..wasmc::Options::default() };
        let ir = wasmc::compile_observed(CALLS.as_bytes(), &options, wasmc::Emit::Llvm, &mut ()).unwrap();
        let ir = String::from_utf8(ir).unwrap();
        let direct = ir.contains("call fastcc i32 @f0(") || ir.contains("call fastcc i32 @f1(");
        assert_eq!(direct, likely < 2, "{likely}: {ir}");
    }
}

/// An interpreter: operations are bytes, with the next one's operand behind them. It has operations that share their ends, one
/// that stores and then traps, and goes on with what it does not know.
#[cfg(target_arch = "x86_64")]
const INTERPRETER: &str = r#"(module (memory (export "memory") 1)
    (data (i32.const 0) "\00\05\01\03\02\07\09\00\03\01\04\02\08\08\00\03\05\00\06\00")
    (func (export "run") (param $rounds i32) (param $last i32) (result i32)
        (local $pc i32) (local $a i32) (local $b i32) (local $operand i32) (local $operation i32)
        (i32.store8 (i32.const 18) (local.get $last))
        (block $halt
            (loop $next
                (local.set $operation (i32.load8_u (local.get $pc)))
                (local.set $operand (i32.add (local.get $pc) (i32.const 1)))
                (local.set $pc (i32.add (local.get $pc) (i32.const 2)))
                (block $shared
                    (block $six (block $five (block $four (block $three (block $two (block $one (block $zero
                        (br_table $zero $one $two $three $four $five $six $halt $next
                            (local.get $operation)))
                        ;; 0
                        (local.set $a (i32.add (local.get $a) (i32.load8_u (local.get $operand))))
                        (br $next))
                        ;; 1
                        (local.set $b (i32.xor (local.get $a) (local.get $b)))
                        (br $shared))
                        ;; 2
                        (local.set $b (i32.mul (local.get $b) (i32.load8_u (local.get $operand))))
                        (br $shared))
                        ;; 3
                        (i32.store offset=1024 (i32.load8_u (local.get $operand)) (local.get $a))
                        (br $next))
                        ;; 4
                        (local.set $a (i32.add (i32.load offset=1023 (i32.load8_u (local.get $operand))) (local.get $b)))
                        (br $next))
                        ;; 5
                        (br_if $next (i32.eqz (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
                        (local.set $pc (i32.const 0))
                        (br $next))
                    ;; 6
                    (i32.store offset=2048 (i32.const 0) (local.get $b))
                    (i32.store offset=4 (i32.sub (i32.const 0) (i32.load8_u (local.get $operand))) (local.get $a))
                    (br $next))
                (local.set $a (i32.add (local.get $a) (i32.const 1)))
                (br $next)))
        (i32.add (local.get $a) (local.get $b))))"#;

#[cfg(target_arch = "x86_64")]
#[test]
fn an_interpreter_whose_dispatch_is_copied_does_the_same() {
    let outcome = |module: &Module, last: i32, profile: &mut Vec<u8>| {
        let mut store = Store::new(());
        let instance = Linker::new().instantiate(&mut store, module).unwrap();
        let run = instance.get_typed_func::<(i32, i32), i32>(&store, "run").unwrap();
        let result = run.call(&mut store, (1000, last));
        profile.extend(instance.profile(&store).unwrap_or_default());
        let memory = instance.get_memory(&store, "memory").unwrap().data(&store)[..4096].to_vec();
        (result.map_err(|error| error.trap().unwrap().code), memory)
    };
    // The program ends, or traps in its last operation.
    let plain = crate::module(INTERPRETER);
    let wanted = [7, 6].map(|last| outcome(&plain, last, &mut Vec::new()));
    assert!(wanted[0].0.is_ok() && wanted[1].0.is_err(), "{:?} {:?}", wanted[0].0, wanted[1].0);
    assert_ne!(wanted[1].1[2048..2052], [0; 4]);
    let (counts, mut profile) = (counting(INTERPRETER), Vec::new());
    assert_eq!([7, 6].map(|last| outcome(&counts, last, &mut profile)), wanted);
    let profiling = with_profile(&profile);
    for level in wasmc::OptLevel::ALL {
        for memory in [wasmc::MemoryModel::Guard, wasmc::MemoryModel::Checked] {
            let options = wasmc::Options { profiling: profiling.clone(), level, memory, ..wasmc::Options::default() };
            let image = wasmc::compile(INTERPRETER.as_bytes(), &options).unwrap();
            // SAFETY: compiled just now.
            let module = unsafe { Module::load_unsigned(&image) }.unwrap();
            let found = [7, 6].map(|last| outcome(&module, last, &mut Vec::new()));
            assert!(found == wanted, "{} {memory}: {:?}", level.name(), found.map(|(result, _)| result));
            let ir = wasmc::compile_observed(INTERPRETER.as_bytes(), &options, wasmc::Emit::Optimized, &mut ());
            let copies = String::from_utf8(ir.unwrap()).unwrap().matches(" switch i").count();
            let is_fast = matches!(level, wasmc::OptLevel::O2 | wasmc::OptLevel::O3);
            assert!(if is_fast { copies > 2 } else { copies >= 1 }, "{copies}");
        }
    }
}
