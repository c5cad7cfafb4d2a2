//! What the runtime promises, shown with compiled code: arguments of all kinds in both directions,
//! traces, stacks, faults, references, memory contents that are mapped, programs.
//!
//! The compiler is a library of the test where it can be built. Elsewhere, under an emulator, it is a program
//! of the emulator's machine: `WASMC_TEST_COMPILER`, called for the target `WASMC_TEST_TARGET`
//! (`cargo xtask cross-test` sets both).

mod fuel;
mod profile;
mod references;
mod stops;
mod traces;

use std::sync::{Arc, Mutex};
use wasmc_runtime::*;

#[cfg(not(target_arch = "x86_64"))]
fn compile(wat: &str) -> Vec<u8> {
    compile_with(wat, &[])
}

#[cfg(not(target_arch = "x86_64"))]
fn compile_with(wat: &str, options: &[&str]) -> Vec<u8> {
    let setting = |name: &str| std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set"));
    let folder = tempfile::tempdir().unwrap();
    let (source, image) = (folder.path().join("module.wat"), folder.path().join("module.aot"));
    std::fs::write(&source, wat).unwrap();
    let mut command = std::process::Command::new(setting("WASMC_TEST_COMPILER"));
    command.arg("compile").args(options);
    command.arg("--target").arg(setting("WASMC_TEST_TARGET")).arg(source).arg("-o").arg(&image);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(image).unwrap()
}

#[cfg(not(target_arch = "x86_64"))]
fn compile_for_size(wat: &str) -> Vec<u8> {
    compile_with(wat, &["-Os"])
}

#[cfg(target_arch = "x86_64")]
fn compile(wat: &str) -> Vec<u8> {
    wasmc::compile(wat.as_bytes(), &wasmc::Options::default()).unwrap()
}

#[cfg(target_arch = "x86_64")]
fn compile_for_size(wat: &str) -> Vec<u8> {
    let options = wasmc::Options { level: wasmc::OptLevel::Os, ..Default::default() };
    wasmc::compile(wat.as_bytes(), &options).unwrap()
}

fn module(wat: &str) -> Module {
    // SAFETY: compiled just now.
    unsafe { Module::load_unsigned(&compile(wat)) }.unwrap()
}

fn instance(wat: &str) -> (Store<()>, Instance) {
    instance_of(&module(wat))
}

fn instance_of(module: &Module) -> (Store<()>, Instance) {
    let mut store = Store::new(());
    let instance = Linker::new().instantiate(&mut store, module).unwrap();
    (store, instance)
}

fn trap<T: std::fmt::Debug>(result: Result<T, Error>) -> Trap {
    match result {
        Err(Error::Trap(trap)) => trap,
        other => panic!("{other:?} is no trap"),
    }
}

#[test]
fn vectors_go_both_ways_among_other_values_and_in_areas() {
    let module = module(
        r#"(module
             (import "host" "f" (func $f (param i32 v128 f64 v128) (result v128 i32 v128)))
             (global (export "g") (mut v128) (v128.const i32x4 1 2 3 4))
             (func (export "f") (param i32 v128 f64 v128) (result v128 i32 v128)
               (call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
             (func $one (param v128) (result v128) (v128.not (local.get 0)))
             (func (export "one") (param v128) (result v128) (call $one (local.get 0)))
             ;; Twelve vectors have 24 slots: the last two are passed in an area.
             (func $last (export "last")
               (param v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128) (result v128)
               (i32x4.sub (local.get 11) (local.get 0)))
             (table funcref (elem $last))
             (func (export "indirect") (param v128 v128) (result v128)
               (call_indirect
                 (param v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128) (result v128)
                 (local.get 0) (local.get 1) (local.get 1) (local.get 1) (local.get 1) (local.get 1)
                 (local.get 1) (local.get 1) (local.get 1) (local.get 1) (local.get 1)
                 (i32x4.add (local.get 0) (local.get 1)) (i32.const 0))))"#,
    );
    let (a, b) = (0x0123_4567_89AB_CDEF_0011_2233_4455_6677, 0x8899_AABB_CCDD_EEFF_FEDC_BA98_7654_3210);
    let mut linker = Linker::new();
    linker.func("host", "f", |i: i32, a: u128, x: f64, b: u128| (b, i + x as i32, a));
    let mut store = Store::new(());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let f = instance.get_typed_func::<(i32, u128, f64, u128), (u128, i32, u128)>(&store, "f").unwrap();
    assert_eq!(f.call(&mut store, (40, a, 2.0, b)).unwrap(), (b, 42, a));
    let values = [Val::I32(40), Val::V128(a), Val::from(2.0), Val::V128(b)];
    let results = instance.get_func(&store, "f").unwrap().call(&mut store, &values).unwrap();
    assert_eq!(results, [Val::V128(b), Val::I32(42), Val::V128(a)]);
    let one = instance.get_typed_func::<u128, u128>(&store, "one").unwrap();
    assert_eq!(one.call(&mut store, a).unwrap(), !a);
    let (low, high) = (0x0000_0001_0000_0002_0000_0003_0000_0004, 0x0000_0010_0000_0020_0000_0030_0000_0040);
    let indirect = instance.get_typed_func::<(u128, u128), u128>(&store, "indirect").unwrap();
    assert_eq!(indirect.call(&mut store, (low, high)).unwrap(), high);
    type Twelve = (u128, u128, u128, u128, u128, u128, u128, u128, u128, u128, u128, u128);
    let last = instance.get_typed_func::<Twelve, u128>(&store, "last").unwrap();
    assert_eq!(last.call(&mut store, (low, a, a, a, a, a, a, a, a, a, b, low + high)).unwrap(), high);
    let swap = Func::wrap(&mut store, |a: u128, b: u128| (b, a));
    let swap = swap.typed::<(u128, u128), (u128, u128)>(&store).unwrap();
    assert_eq!(swap.call(&mut store, (a, b)).unwrap(), (b, a));
    let global = instance.get_export(&store, "g").and_then(Extern::global).unwrap();
    assert_eq!(global.get(&store), Val::V128(0x0000_0004_0000_0003_0000_0002_0000_0001));
    global.set(&mut store, Val::V128(a)).unwrap();
    assert_eq!(global.get(&store), Val::V128(a));
}

#[test]
fn sixteen_arguments_of_all_types_reach_the_host_and_come_back() {
    let types = "i32 i64 f32 f64 i32 i64 f32 f64 i32 i64 f32 f64 i32 i64 externref funcref";
    let get: String = (0..16).map(|i| format!("local.get {i} ")).collect();
    let module = module(&format!(
        r#"(module (import "host" "f" (func $f (param {types}) (result f64 i32 externref funcref)))
             (func (export "f") (param {types}) (result f64 i32 externref funcref) {get} call $f))"#
    ));
    type F = Option<Func>;
    type E = Option<ExternRef>;
    type Values = (i32, i64, f32, f64, u32, u64, f32, f64, i32, i64, f32, f64, i32, i64, E, F);
    let seen = Arc::new(Mutex::new(None));
    let mut linker = Linker::new();
    let into = seen.clone();
    #[rustfmt::skip]
    linker.func("host", "f", move |
        a: i32, b: i64, c: f32, d: f64, e: u32, f: u64, g: f32, h: f64,
        i: i32, j: i64, k: f32, l: f64, m: i32, n: i64, o: E, p: F,
    | {
        *into.lock().unwrap() = Some(((a, b, c, d, e, f, g, h), (i, j, k, l, m, n, o, p)));
        (l, m, o, p)
    });
    let mut store = Store::new(());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let f = instance.get_typed_func::<Values, (f64, i32, E, F)>(&store, "f").unwrap();
    #[rustfmt::skip]
    let values: Values = (
        -1, i64::MIN, 0.5, -0.25, u32::MAX, u64::MAX, f32::MIN, f64::MAX,
        7, -8, 9.0, -10.0, i32::MIN, 12, ExternRef::new(13), Some(f.func()),
    );
    let results = f.call(&mut store, values).unwrap();
    let (a, b, c, d, e, f2, g, h, i, j, k, l, m, n, o, p) = values;
    assert_eq!(*seen.lock().unwrap(), Some(((a, b, c, d, e, f2, g, h), (i, j, k, l, m, n, o, p))));
    assert_eq!(results, (-10.0, i32::MIN, ExternRef::new(13), Some(f.func())));
    let nulls = (-1, 0, 0.0, 0.0, 0, 0, 0.0, 0.0, 0, 0, 0.0, 1.0, 2, 0, None, None);
    assert_eq!(f.call(&mut store, nulls).unwrap(), (1.0, 2, None, None));
}

#[test]
fn references_go_in_and_out_of_tables() {
    let (mut store, instance) = instance(
        r#"(module (type $t (func (param i32) (result i32)))
             (table $f (export "f") 2 funcref) (table $e (export "e") 2 externref)
             (func $double (export "double") (type $t) (i32.mul (local.get 0) (i32.const 2)))
             (func (export "get") (result funcref) (ref.func $double))
             (func (export "call") (param i32 i32) (result i32)
               (call_indirect $f (type $t) (local.get 1) (local.get 0)))
             (func (export "swap") (param i32 externref) (result externref)
               (table.get $e (local.get 0)) (table.set $e (local.get 0) (local.get 1))))"#,
    );
    let get = instance.get_typed_func::<(), Option<Func>>(&store, "get").unwrap();
    let double = get.call(&mut store, ()).unwrap().unwrap();
    assert_eq!(double.call(&mut store, &[Val::I32(21)]).unwrap(), [Val::I32(42)]);
    let table = instance.get_table(&store, "f").unwrap();
    let call = instance.get_typed_func::<(u32, i32), i32>(&store, "call").unwrap();
    assert_eq!(trap(call.call(&mut store, (1, 5))).code, TrapCode::UninitializedElement);
    assert_eq!(trap(call.call(&mut store, (2, 5))).code, TrapCode::UndefinedElement);
    table.set(&mut store, 1, Val::FuncRef(Some(double))).unwrap();
    assert_eq!(call.call(&mut store, (1, 5)).unwrap(), 10);
    assert_eq!(table.grow(&mut store, 3, Val::FuncRef(Some(double))).unwrap(), 2);
    assert_eq!(call.call(&mut store, (4, 6)).unwrap(), 12);
    table.set(&mut store, 1, Val::FuncRef(Some(get.func()))).unwrap();
    assert_eq!(trap(call.call(&mut store, (1, 5))).code, TrapCode::IndirectCallMismatch);
    type E = Option<ExternRef>;
    let swap = instance.get_typed_func::<(u32, E), E>(&store, "swap").unwrap();
    assert_eq!(swap.call(&mut store, (1, ExternRef::new(u64::MAX))).unwrap(), None);
    assert_eq!(swap.call(&mut store, (1, None)).unwrap(), ExternRef::new(u64::MAX));
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_hosts_floating_point_modes_do_not_reach_the_guest() {
    let (mut store, instance) = instance(
        r#"(module (func (export "half") (param f64) (result f64) (f64.mul (local.get 0) (f64.const 0.5)))
             (func (export "third") (result f64) (f64.div (f64.const 1) (f64.const 3))))"#,
    );
    let half = instance.get_typed_func::<f64, f64>(&store, "half").unwrap();
    let third = instance.get_typed_func::<(), f64>(&store, "third").unwrap();
    let (normal, flushing_up) = (0x1F80u32, 0x1F80u32 | 1 << 15 | 1 << 6 | 2 << 13);
    let set = |mode: &u32| {
        // SAFETY: exceptions stay masked, and the mode is put back before anything computes.
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) mode, options(nostack)) };
    };
    set(&flushing_up);
    let results = (half.call(&mut store, f64::MIN_POSITIVE), third.call(&mut store, ()));
    set(&normal);
    assert_eq!(results.0.unwrap(), f64::MIN_POSITIVE / 2.0);
    assert_eq!(results.1.unwrap().to_bits(), 0x3FD5_5555_5555_5555);
}

#[test]
fn a_mapped_image_shares_code_and_initial_memory_and_nothing_is_writable_and_executable() {
    let bytes: String = (0..300_000u32).map(|i| format!("\\{:02x}", (i % 251) as u8)).collect();
    let wat = format!(
        r#"(module (memory (export "memory") 8) (data (i32.const 65536) "{bytes}")
             (func (export "poke") (param i32) (i32.store8 (local.get 0) (i32.const 255))))"#
    );
    let path = std::env::temp_dir().join(format!("wasmc-mapped-{}.aot", std::process::id()));
    let image = compile(&wat);
    std::fs::write(&path, &image).unwrap();
    // SAFETY: compiled just now, and nobody changes the file.
    let module = unsafe { Module::map_unsigned(&path) }.unwrap();
    let mut store = Store::new(());
    let instances: [Instance; 2] = std::array::from_fn(|_| Linker::new().instantiate(&mut store, &module).unwrap());
    let [first, second] = instances.map(|instance| instance.get_memory(&store, "memory").unwrap());
    let poke = instances[0].get_typed_func::<u32, ()>(&store, "poke").unwrap();
    poke.call(&mut store, 65536 + 1000).unwrap();
    let expected: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
    assert_eq!(second.data(&store)[65536..][..300_000], expected);
    assert_eq!(second.data(&store)[65536 + 300_000..][..5000], [0; 5000]);
    assert_eq!(first.data(&store)[65536 + 1000], 255);
    assert_eq!(std::fs::read(&path).unwrap(), image);

    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let ours: Vec<&str> = maps.lines().filter(|line| line.contains("wasmc-mapped")).collect();
    // An emulator translates code, and does not execute the pages themselves.
    let code = if std::env::var_os("WASMC_TEST_EMULATOR").is_some() { "r--p" } else { "r-xp" };
    assert!(ours.iter().any(|line| line.contains(code)), "code comes from the file:\n{}", ours.join("\n"));
    // In the checked model they are copied: Linux moves a memory that grows only if it is one mapping.
    let mapped = if module.image().header().memory_model == MemoryModel::Guard as u32 { 2 } else { 0 };
    assert!(ours.iter().filter(|line| line.contains("rw-p")).count() >= mapped, "so do contents:\n{}", ours.join("\n"));
    assert!(!maps.contains("rwx"), "{maps}");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn one_module_runs_on_many_threads_at_once() {
    let module = module(
        r#"(module (memory (export "memory") 1)
             (func (export "work") (param i32) (result i32) (local $i i32)
               (loop $l
                 (i32.store (i32.mul (local.get $i) (i32.const 4)) (i32.add (local.get $i) (local.get 0)))
                 (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
               (i32.load (i32.const 3996)))
             (func (export "out") (result i32) (i32.load (i32.const 65533))))"#,
    );
    let threads: Vec<_> = (0..4u32)
        .map(|seed| {
            let module = module.clone();
            std::thread::spawn(move || {
                // Emulators take long to reserve address space.
                for round in 0..if cfg!(target_arch = "x86_64") { 50 } else { 5 } {
                    let mut store = Store::new(());
                    let instance = Linker::new().instantiate(&mut store, &module).unwrap();
                    let work = instance.get_typed_func::<u32, u32>(&store, "work").unwrap();
                    assert_eq!(work.call(&mut store, seed * round).unwrap(), 999 + seed * round);
                    let out = instance.get_typed_func::<(), u32>(&store, "out").unwrap();
                    assert_eq!(trap(out.call(&mut store, ())).code, TrapCode::MemoryOutOfBounds);
                }
            })
        })
        .collect();
    drop(module);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
#[cfg(target_arch = "x86_64")]
#[ignore = "run in a process of its own by the test below"]
fn child_without_address_space() {
    let module = module("(module (memory 1))");
    // SAFETY: a process of its own.
    unsafe {
        let limit = libc::rlimit { rlim_cur: 4 << 30, rlim_max: 4 << 30 };
        libc::setrlimit(libc::RLIMIT_AS, &limit);
    }
    let mut store = Store::new(());
    let error = Linker::new().instantiate(&mut store, &module).unwrap_err();
    assert!(matches!(error, Error::Memory(MemoryError::Reserve { .. })), "{error}");
    let text = error.to_string();
    assert!(text.contains("ulimit -v") && text.contains("--memory checked"), "{text}");
    store.set_memory_model(MemoryModel::Checked);
    assert!(Memory::new(&mut store, MemoryType::new(1, None)).is_ok());
}

#[test]
#[cfg(target_arch = "x86_64")]
fn without_address_space_there_is_an_error_that_says_what_would_help() {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_without_address_space", "--ignored", "--nocapture"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[cfg(feature = "wasi")]
mod programs {
    use super::module;
    use wasmc_runtime::run::{RunOptions, run};

    /// What a program gives: exit code, results, complaints.
    fn outcome(wat: &str, options: &RunOptions) -> (i32, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(&module(wat), options, &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn invoke(name: &str, args: &[&str]) -> RunOptions {
        let args = std::iter::once("program").chain(args.iter().copied()).map(Into::into).collect();
        RunOptions { invoke: Some(name.into()), args, ..RunOptions::default() }
    }

    #[test]
    fn the_exit_code_is_the_programs() {
        let wat = r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "_start")
              (drop (call $sizes (i32.const 0) (i32.const 4)))
              (call $exit (i32.load (i32.const 0)))))"#;
        let args = ["program", "-1", "--flag"].map(Into::into).to_vec();
        let options = RunOptions { args, ..RunOptions::default() };
        assert_eq!(outcome(wat, &options), (3, String::new(), String::new()));
    }

    #[test]
    fn results_are_printed_one_a_line() {
        let wat = r#"(module (func (export "f") (param i32 f64) (result f64 i32)
            (local.get 1) (i32.sub (local.get 0) (i32.const 1))))"#;
        let ok = outcome(wat, &invoke("f", &["-7", "1.5"]));
        assert_eq!(ok, (0, "1.5\n-8\n".into(), String::new()));
        let (code, _, err) = outcome(wat, &invoke("f", &["7"]));
        assert_eq!((code, err.contains("2 arguments; 1")), (1, true), "{err}");
        let (code, _, err) = outcome(wat, &invoke("f", &["7", "x"]));
        assert_eq!((code, err.contains("\"x\" is not a value of type f64")), (1, true), "{err}");
        let (code, _, err) = outcome(wat, &RunOptions::default());
        assert_eq!((code, err.contains("It exports f; choose one with `--invoke`.")), (1, true), "{err}");
    }

    #[test]
    fn a_trap_prints_its_trace() {
        let wat = r#"(module (func $inner unreachable) (func (export "f") (call $inner)))"#;
        let (code, out, err) = outcome(wat, &invoke("f", &[]));
        assert_eq!((code, out.as_str()), (134, ""));
        assert!(err.starts_with("Trap: unreachable\n  0: 0x") && err.contains("inner (function 0)"), "{err}");
    }

    #[test]
    fn imports_that_nobody_has_are_all_named() {
        let wat = r#"(module (import "env" "a" (func (param i32))) (import "env" "m" (memory 1))
            (func (export "_start")))"#;
        let (code, _, err) = outcome(wat, &RunOptions::default());
        assert_eq!(code, 1);
        assert!(err.contains("\"env\" \"a\": wanted (func (param i32))"), "{err}");
        assert!(err.contains("\"env\" \"m\": wanted (memory 1)"), "{err}");
    }
}

#[test]
fn imports_in_groups_are_imports_as_any_other() {
    let module = module(
        r#"(module
          (import "m" (item "three" (func $three (result i32))) (item "g" (global $g i32)))
          (import "m" (item "four") (item "five") (func (result i32)))
          (import "n" "six" (func $six (result i32)))
          (func (export "f") (result i32 i32 i32 i32 i32) (call 0) (call 1) (call 2) (call $six) (global.get $g)))"#,
    );
    let names: Vec<_> = module.imports().map(|import| format!("{}.{}", import.module, import.name)).collect();
    assert_eq!(names, ["m.three", "m.g", "m.four", "m.five", "n.six"]);
    let mut linker = Linker::new();
    linker.func("m", "three", || 3).func("m", "four", || 4).func("m", "five", || 5).func("n", "six", || 6);
    let mut store = Store::new(());
    let global = Global::new(&mut store, GlobalType { content: ValType::I32, mutable: false }, Val::I32(7)).unwrap();
    linker.define("m", "g", global);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let f = instance.get_typed_func::<(), (i32, i32, i32, i32, i32)>(&store, "f").unwrap();
    assert_eq!(f.call(&mut store, ()).unwrap(), (3, 4, 5, 6, 7));
}

const SHARED: &str = r#"(module (import "env" "memory" (memory 1 4 shared))
    (func (export "count") (param i32) (loop $l
        (drop (i64.atomic.rmw.add (i32.const 8) (i64.const 1)))
        (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))
    (func (export "size") (result i32) (memory.size))
    (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "wait") (param i64) (result i32)
        (memory.atomic.wait32 (i32.const 16) (i32.const 0) (local.get 0)))
    (func (export "notify") (result i32) (memory.atomic.notify (i32.const 16) (i32.const -1))))"#;

/// An instance of [`SHARED`] in a store of its own.
fn sharing(memory: &SharedMemory, module: &Module) -> (Store<()>, Instance) {
    let mut store = Store::new(());
    let instance = Linker::new().shared_memory("env", "memory", memory.clone()).instantiate(&mut store, module);
    (store, instance.unwrap())
}

#[test]
fn stores_share_a_memory_and_see_it_grow() {
    let (memory, module) = (SharedMemory::new(MemoryType::new_shared(1, 4)).unwrap(), module(SHARED));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (mut store, instance) = sharing(&memory, &module);
            let count = instance.get_typed_func::<u32, ()>(&store, "count").unwrap();
            std::thread::spawn(move || count.call(&mut store, 1000).unwrap())
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let bytes: Vec<u8> =
        memory.data()[8..16].iter().map(|byte| byte.load(std::sync::atomic::Ordering::SeqCst)).collect();
    assert_eq!(bytes, 4000u64.to_le_bytes());
    let ((mut one, first), (mut other, second)) = (sharing(&memory, &module), sharing(&memory, &module));
    let load = second.get_typed_func::<u32, u32>(&other, "load").unwrap();
    assert_eq!(trap(load.call(&mut other, 65536)).code, TrapCode::MemoryOutOfBounds);
    assert_eq!(first.get_typed_func::<(), u32>(&one, "grow").unwrap().call(&mut one, ()).unwrap(), 1);
    assert_eq!(load.call(&mut other, 65536).unwrap(), 0);
    assert_eq!(second.get_typed_func::<(), u32>(&other, "size").unwrap().call(&mut other, ()).unwrap(), 2);
    assert_eq!((memory.grow(2).unwrap(), memory.size()), (2, 4));
    assert!(memory.grow(1).is_err(), "beyond the maximum");
}

#[test]
fn a_guest_that_waits_is_notified_by_another_store_and_by_the_host_and_can_be_interrupted() {
    let (memory, module) = (SharedMemory::new(MemoryType::new_shared(1, 4)).unwrap(), module(SHARED));
    for how in 0..3 {
        let (mut store, instance) = sharing(&memory, &module);
        let wait = instance.get_typed_func::<i64, u32>(&store, "wait").unwrap();
        let handle = store.interrupt_handle();
        let thread = std::thread::spawn(move || wait.call(&mut store, -1));
        let (mut other, notifier) = sharing(&memory, &module);
        let notify = notifier.get_typed_func::<(), u32>(&other, "notify").unwrap();
        let mut woken = 0;
        while !thread.is_finished() {
            match how {
                0 => woken += notify.call(&mut other, ()).unwrap(),
                1 => woken += memory.notify(16, 1).unwrap(),
                _ => handle.interrupt(),
            }
        }
        match (how, thread.join().unwrap()) {
            (0 | 1, Ok(result)) => assert_eq!((result, woken), (0, 1)),
            (_, result) => assert_eq!(trap(result).code, TrapCode::Interrupted),
        }
        assert_eq!(notify.call(&mut other, ()).unwrap(), 0, "nobody waits any more");
    }
}

#[test]
fn what_is_shared_and_what_is_not_do_not_stand_for_one_another() {
    let mut store = Store::new(());
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(4))).unwrap();
    let result = Linker::new().define("env", "memory", memory).instantiate(&mut store, &module(SHARED));
    assert!(matches!(&result, Err(Error::Link(error)) if error.to_string().contains("shared")), "{result:?}");
    let shared = SharedMemory::new(MemoryType::new_shared(1, 4)).unwrap();
    let unshared = module(r#"(module (import "env" "memory" (memory 1 4)))"#);
    let result = Linker::new().shared_memory("env", "memory", shared.clone()).instantiate(&mut store, &unshared);
    assert!(matches!(&result, Err(Error::Link(error)) if error.to_string().contains("shared")), "{result:?}");
    let memory = Memory::from_shared(&mut store, &shared);
    memory.write(&mut store, 65530, b"shared").unwrap();
    let mut bytes = [0; 6];
    memory.read(&store, 65530, &mut bytes).unwrap();
    assert_eq!((&bytes, memory.data(&store).len()), (b"shared", 0));
    assert!(memory.write(&mut store, 65531, b"shared").is_err());
    let exports = module(r#"(module (memory (export "m") 1 2 shared) (data (i32.const 3) "x"))"#);
    let instance = Linker::new().instantiate(&mut store, &exports).unwrap();
    let exported = instance.get_memory(&store, "m").unwrap().shared(&store).unwrap();
    assert_eq!(exported.data()[3].load(std::sync::atomic::Ordering::SeqCst), b'x');
}

/// Throws and catches: `$t` carries an `i32`.
const THROWING: &str = r#"(module
    (import "host" "throw" (func $throw (param i32)))
    (tag $t (export "t") (param i32))
    (global $kept (export "kept") (mut exnref) (ref.null exn))
    (func (export "throw") (param i32) (throw $t (local.get 0)))
    (func (export "catch") (param i32) (result i32)
      (block $h (result i32) (try_table (catch $t $h) (call $throw (local.get 0))) (i32.const -1)))
    (func (export "pass") (param i32) (call $throw (local.get 0)))
    (func $make (param i32) (result exnref)
      (block $h (result exnref) (try_table (catch_all_ref $h) (throw $t (local.get 0))) (unreachable)))
    (func (export "keep") (param i32) (global.set $kept (call $make (local.get 0))))
    (func (export "open") (result i32)
      (block $h (result i32) (try_table (catch $t $h) (throw_ref (global.get $kept))) (unreachable)))
    (func (export "churn") (param i32)
      (loop $l (drop (call $make (local.get 0)))
        (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;

fn throwing() -> (Store<()>, Instance) {
    let mut linker = Linker::new();
    linker.func("host", "throw", |caller: Caller<'_, ()>, value: i32| -> Result<(), Error> {
        let tag = caller.get_export("t").and_then(Extern::tag).ok_or("the caller has no tag")?;
        match value {
            0 => Ok(()),
            _ => Err(Exception::new(&caller, tag, &[Val::I32(value)])?.into()),
        }
    });
    let mut store = Store::new(());
    let instance = linker.instantiate(&mut store, &module(THROWING)).unwrap();
    (store, instance)
}

#[test]
fn an_exception_that_nothing_catches_comes_to_the_host() {
    let (mut store, instance) = throwing();
    let tag = instance.get_tag(&store, "t").unwrap();
    assert_eq!(tag.ty(&store), FuncType::new([ValType::I32], []));
    for name in ["throw", "pass"] {
        let func = instance.get_typed_func::<i32, ()>(&store, name).unwrap();
        for value in [5, -6] {
            match func.call(&mut store, value) {
                Err(Error::Exception(exception)) => {
                    assert_eq!((exception.tag(), exception.values()), (tag, &[Val::I32(value)][..]), "{name}");
                    assert!(exception.to_string().contains(&format!("i32 {value}")), "{exception}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_host_function_throws_what_the_guest_catches() {
    let (mut store, instance) = throwing();
    let catch = instance.get_typed_func::<i32, i32>(&store, "catch").unwrap();
    for (value, result) in [(3, 3), (0, -1), (4, 4)] {
        assert_eq!(catch.call(&mut store, value).unwrap(), result);
    }
    let tag = Tag::new(&mut store, [ValType::I64]);
    assert_ne!(Some(tag), instance.get_tag(&store, "t"));
    assert!(Exception::new(&store, tag, &[Val::I32(1)]).is_err());
    // The host's own call of a function that throws.
    let func = Func::wrap(&mut store, move |caller: Caller<'_, ()>| -> Result<(), Error> {
        Err(Exception::new(&caller, tag, &[Val::I64(7)])?.into())
    });
    let thrown = func.call(&mut store, &[]);
    assert!(matches!(&thrown, Err(Error::Exception(e)) if e.values() == [Val::I64(7)]), "{thrown:?}");
}

#[test]
fn what_the_host_refers_to_stays_and_all_else_is_reclaimed() {
    let resident = || {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let (mut store, instance) = throwing();
    let keep = instance.get_typed_func::<i32, ()>(&store, "keep").unwrap();
    let churn = instance.get_typed_func::<i32, ()>(&store, "churn").unwrap();
    let open = instance.get_typed_func::<(), i32>(&store, "open").unwrap();
    let kept = instance.get_global(&store, "kept").unwrap();
    keep.call(&mut store, 41).unwrap();
    let reference = kept.get(&store);
    assert!(matches!(reference, Val::ExnRef(Some(_))));
    keep.call(&mut store, 42).unwrap();
    churn.call(&mut store, 100_000).unwrap();
    let before = resident();
    churn.call(&mut store, 2_000_000).unwrap();
    // They would be 48 bytes each.
    assert!(resident() < before + (16 << 20), "{before} bytes, then {}", resident());
    assert_eq!(open.call(&mut store, ()).unwrap(), 42);
    kept.set(&mut store, reference).unwrap();
    assert_eq!(open.call(&mut store, ()).unwrap(), 41);
    store.release_references();
    churn.call(&mut store, 100_000).unwrap();
    assert_eq!(open.call(&mut store, ()).unwrap(), 41);
    let used = std::panic::AssertUnwindSafe(|| kept.set(&mut store, reference));
    assert!(std::panic::catch_unwind(used).is_err(), "the host had let go of it");
}
