//! Instances without an allocator, on this machine: what does not depend on the firmware's. The boards
//! (`cargo xtask board`) show the rest.

mod objects;

use super::*;
use crate::bare::instance::HELPERS;
use crate::builtins::HelperTable;
use crate::sys::image_memory::ImageMemory;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;
use wasmc_loader::LoadedCode;

fn compile(wat: &str) -> LoadedCode<ImageMemory> {
    compile_with(wat, &HELPERS)
}

/// The same with the helpers of a group: images for this machine name theirs.
fn compile_for_group(wat: &str) -> LoadedCode<ImageMemory> {
    compile_with(wat, &group::HELPERS)
}

fn compile_with(wat: &str, helpers: &HelperTable) -> LoadedCode<ImageMemory> {
    let memory = wasmc_abi::target::MemoryModel::Checked;
    // The test of fuel says so in its modules; the others' do not count.
    let options = wasmc::Options { memory, fuel: wat.contains(";; metered"), ..wasmc::Options::default() };
    let bytes = wasmc::compile(wat.as_bytes(), &options).unwrap();
    let image = wasmc_loader::parse(&bytes, &crate::sys::host(), Verify::Full).unwrap();
    // SAFETY: compiled just now, and these are the helpers of `bare`.
    unsafe { wasmc_loader::load(&image, ImageMemory::copied(), &helpers.addresses()) }.unwrap()
}

fn module(code: &LoadedCode<ImageMemory>) -> Module<'_> {
    // SAFETY: loaded with the helpers of `bare`.
    unsafe { Module::new(code.code()) }
}

/// 256 KiB of this thread's stack.
fn stack() -> Stack {
    // SAFETY: a thread of a test has 2 MiB.
    unsafe { Stack::down_to(crate::sys::machine::stack_pointer() - 0x40000) }
}

/// A buffer with room for two pages of memory and some more.
type Ram = Buffer<0x26000>;

fn ram() -> std::boxed::Box<Ram> {
    std::boxed::Box::new(Buffer::new())
}

/// Runs `test` with an instance of a module for a host that has these functions and data.
fn with<T, R>(
    wat: &str,
    host: &[HostFunc<T>],
    data: &mut T,
    test: impl FnOnce(Result<Instance<'_, T>, Error<'_>>) -> R,
) -> R {
    let (code, mut ram) = (compile(wat), ram());
    let module = module(&code);
    test(Instance::new(&module, &mut ram.0, host, data, stack()))
}

#[test]
fn values_travel_both_ways_and_hosts_see_memory_and_their_data() {
    fn mix(caller: &mut Caller<'_, Vec<String>>, a: i32, b: i64, c: f32, d: f64) -> (f64, i32, f32) {
        caller.data.push(format!("{a} {b} {c} {d} {}", caller.memory[7]));
        caller.memory[8] = 9;
        (d * 2.0, a + 1, c + 0.5)
    }
    let wat = r#"(module
        (import "env" "mix" (func $mix (param i32 i64 f32 f64) (result f64 i32 f32)))
        (memory (export "memory") 1)
        (data (i32.const 7) "\05")
        (func (export "f") (param i32 i64 f32 f64) (result f64 i32 f32)
          (call $mix (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
        (func (export "at8") (result i32) (i32.load8_u (i32.const 8))))"#;
    let mut data = Vec::new();
    with(wat, &[HostFunc::new("env", "mix", mix)], &mut data, |instance| {
        let mut instance = instance.unwrap();
        let results = instance.call::<_, (f64, i32, f32)>("f", (-2i32, i64::MIN, 0.25f32, -1.5f64));
        assert_eq!(results, Ok((-3.0, -1, 0.75)));
        assert_eq!(instance.call::<_, u32>("at8", ()), Ok(9));
        assert_eq!(instance.memory()[8], 9);
        assert_eq!(*instance.data(), ["-2 -9223372036854775808 0.25 -1.5 5"]);
        assert_eq!(instance.call::<_, ()>("g", ()), Err(Error::MissingExport));
        assert_eq!(instance.call::<_, ()>("memory", ()), Err(Error::MissingExport));
        assert_eq!(instance.call::<_, u64>("at8", ()), Err(Error::ExportType));
    });
}

#[test]
fn traps_name_code_function_and_offset_and_the_instance_lives_on() {
    let wat = r#"(module
        (import "env" "fail" (func $fail))
        (func $divide (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
        (func $down (export "down") (param i64) (result i64)
          (i64.add (i64.const 1) (call $down (i64.add (local.get 0) (i64.const 1)))))
        (func (export "fail") (call $fail)))"#;
    let wasm = wat::parse_str(wat).unwrap();
    let fail = |_: &mut Caller<'_, ()>| -> Result<(), TrapCode> { Err(TrapCode::HostError) };
    with(wat, &[HostFunc::new("env", "fail", fail)], &mut (), |instance| {
        let mut instance = instance.unwrap();
        for _ in 0..3 {
            let Err(Error::Trap(trap)) = instance.call::<_, i32>("divide", (1, 0)) else { panic!("no trap") };
            assert_eq!((trap.code, trap.function), (TrapCode::DivideByZero, Some(1)));
            assert_eq!(wasm[trap.wasm_offset.unwrap() as usize], 0x6D, "not at the division: {trap}");
            let Err(Error::Trap(trap)) = instance.call::<_, i64>("down", 0i64) else { panic!("no trap") };
            assert_eq!((trap.code, trap.function), (TrapCode::StackOverflow, Some(2)));
            let Err(Error::Trap(trap)) = instance.call::<_, ()>("fail", ()) else { panic!("no trap") };
            assert_eq!((trap.code, trap.function), (TrapCode::HostError, Some(3)), "not the importer's caller");
            assert_eq!(instance.call::<_, i32>("divide", (6, 3)), Ok(2));
        }
    });
}

#[test]
fn the_host_ends_a_guest_that_calls_it_without_end() {
    let wat = r#"(module (import "env" "tick" (func $tick)) (func (export "f") (loop (call $tick) (br 0))))"#;
    fn tick(caller: &mut Caller<'_, u32>) {
        *caller.data += 1;
        if *caller.data == 5 {
            // As an interrupt handler would, in the midst of a host function.
            assert_eq!(stop(tick as *const () as usize), None);
        }
    }
    let mut count = 0;
    with(wat, &[HostFunc::new("env", "tick", tick)], &mut count, |instance| {
        let result = instance.unwrap().call::<_, ()>("f", ());
        assert!(matches!(result, Err(Error::Trap(Trap { code: TrapCode::Interrupted, .. }))), "{result:?}");
    });
    assert_eq!(count, 5);
    assert_eq!(stop(0), None, "no guest runs");
}

#[test]
fn memories_and_tables_grow_by_what_is_left_of_the_buffer() {
    let wat = r#"(module
        (memory 1 5)
        (table $t 2 funcref)
        (table $u 1 1000000 externref)
        (elem (table $t) (i32.const 1) func $seven)
        (func $seven (result i32) (i32.const 7))
        (func (export "memory") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "put") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
        (func (export "get") (param i32) (result i32) (i32.load (local.get 0)))
        (func (export "t") (param i32) (result i32) (table.grow $t (ref.func $seven) (local.get 0)))
        (func (export "u") (param i32) (result i32) (table.grow $u (ref.null extern) (local.get 0)))
        (func (export "call") (param i32) (result i32) (call_indirect $t (result i32) (local.get 0))))"#;
    with(wat, &[], &mut (), |instance| {
        let mut instance = instance.unwrap();
        let mut call = |name: &str, value: i32| instance.call::<_, i32>(name, value).unwrap();
        // 24 KiB beyond the two pages; elements have 32 bytes, and the first table moves twice.
        for step in [(0, 2), (1, 2), (100, 3), (200, 103), (0, 303)] {
            assert_eq!(call("t", step.0), step.1);
        }
        assert_eq!(call("u", 10), 1);
        assert_eq!((call("t", 5), call("t", 10_000), call("u", 100_000)), (303, -1, -1));
        for index in [1, 2, 102, 307] {
            assert_eq!(call("call", index), 7, "element {index}");
        }
        assert_eq!((call("memory", 0), call("memory", 1), call("memory", 1)), (1, 1, -1));
        assert_eq!(call("get", 0x1FFFC), 0);
        assert_eq!((call("u", 10), call("t", 0)), (11, 308));
        let result = instance.call::<_, i32>("call", 0);
        assert!(matches!(result, Err(Error::Trap(Trap { code: TrapCode::UninitializedElement, .. }))), "{result:?}");
        assert_eq!(instance.call::<_, ()>("put", (0x1FFFC, 5)), Ok(()));
        assert_eq!(instance.call::<_, i32>("get", 0x1FFFC), Ok(5));
    });
}

#[test]
fn a_memory_of_bytes_grows_to_the_last_byte_of_the_buffer() {
    let wat = r#"(module (memory 5 0x100000 (pagesize 1))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "sum") (result i32) (i32.add (i32.load8_u (i32.sub (memory.size) (i32.const 1))) (memory.size)))
        (func (export "mark") (i32.store8 (i32.sub (memory.size) (i32.const 1)) (i32.const 200))))"#;
    with(wat, &[], &mut (), |instance| {
        let mut instance = instance.unwrap();
        let mut len = 5;
        for delta in [0, 1, 10, 11, 1000, 65536] {
            instance.call::<_, ()>("mark", ()).unwrap();
            assert_eq!(instance.call::<_, i32>("grow", delta), Ok(len));
            len += delta;
            assert_eq!(instance.call::<_, i32>("sum", ()), Ok(if delta == 0 { len + 200 } else { len }));
        }
        // What is left, to the alignment of the buffer's end.
        let end = instance.memory().as_ptr_range().end.addr();
        let room = (0x26000 - (end & 0xF)) as i32;
        let mut most = 0;
        for bit in (0..18).rev() {
            if most + (1 << bit) <= room && instance.call::<_, i32>("grow", 1 << bit) != Ok(-1) {
                most += 1 << bit;
            }
        }
        assert!(instance.memory().as_ptr_range().end.addr().is_multiple_of(64), "the buffer has 64-byte units");
        assert_eq!(instance.call::<_, i32>("grow", 1), Ok(-1));
    });
}

#[test]
fn what_does_not_fit_is_refused_and_says_what_and_by_how_much() {
    let refused = |wat: &str, host: &[HostFunc<()>]| {
        with(wat, host, &mut (), |instance| instance.map(|_| ()).map_err(|error| error.to_string()).unwrap_err())
    };
    let f = HostFunc::new("env", "f", |_: &mut Caller<'_, ()>, _: i32| ());
    let wants = |import: &str| format!(r#"(module (import "env" "f" {import}) (memory 1))"#);
    assert!(refused(&wants("(func)"), &[]).contains("imports the function env.f, which"));
    assert!(refused(&wants("(func (param i64))"), std::slice::from_ref(&f)).contains("other parameters"));
    assert!(refused(&wants("(func (param i32) (result i32))"), &[f]).contains("other parameters"));
    assert!(refused(&wants("(global i32)"), &[]).contains("imports the global env.f"));
    assert!(refused("(module (table 1 funcref) (elem (i32.const 1) func 0) (func))", &[]).contains("table access"));
    assert!(refused("(module (func $f unreachable) (start $f))", &[]).starts_with("unreachable in function 0 at 0x"));

    let code = compile("(module (memory 3))");
    let (module, mut ram) = (module(&code), ram());
    let needed = module.ram_len().unwrap() as usize;
    let error = Instance::new(&module, &mut ram.0, &[], &mut (), stack()).map(|_| ()).unwrap_err();
    assert_eq!(error, Error::RamLen { needed: Some(needed as u32), len: 0x26000 });
    assert!(error.to_string().contains(&format!("needs {needed}, {} more", needed - 0x26000)), "{error}");
    let error = Instance::new(&module, &mut ram.0[8..], &[], &mut (), stack()).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("not a multiple of 16"), "{error}");
    let mut enough = std::vec![0; needed + 64];
    let start = enough.as_ptr().align_offset(64);
    // SAFETY: nothing is called.
    let short = unsafe { Stack::down_to(crate::sys::machine::stack_pointer() - 256) };
    let error = Instance::new(&module, &mut enough[start..], &[], &mut (), short).map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::StackLen { needed, len } if len < 1024 && needed >= HELPER_STACK_LEN), "{error}");
    assert!(Instance::new(&module, &mut enough[start..], &[], &mut (), stack()).is_ok());
}

#[test]
fn a_second_module_takes_the_place_of_the_first_and_finds_nothing_of_it() {
    let first = r#"(module (memory (export "memory") 2)
        (func (export "f") (memory.fill (i32.const 0) (i32.const 0xAB) (i32.const 0x20000))))"#;
    // The global's value is an extended constant expression.
    let second = r#"(module (memory 1) (global (mut i64) (i64.add (i64.const 2) (i64.const 3)))
        (func (export "f") (param i32) (result i64) (i64.add (i64.load (local.get 0)) (global.get 0))))"#;
    let mut ram = ram();
    {
        let code = compile(first);
        let (module, mut unit) = (module(&code), ());
        let mut instance = Instance::new(&module, &mut ram.0, &[], &mut unit, stack()).unwrap();
        instance.call::<_, ()>("f", ()).unwrap();
        assert!(instance.memory().iter().all(|byte| *byte == 0xAB));
    }
    let code = compile(second);
    let (module, mut unit) = (module(&code), ());
    let mut instance = Instance::new(&module, &mut ram.0, &[], &mut unit, stack()).unwrap();
    for address in [0, 8, 0x8000, 0xFFF8] {
        assert_eq!(instance.call::<_, i64>("f", address), Ok(5));
    }
}

/// What the others of a group import from.
const LIBRARY: &str = r#"(module
    (type $twice (func (param i32) (result i32)))
    (import "env" "note" (func $note (param i32)))
    (memory (export "memory") 1 2)
    (table (export "table") 2 8 funcref)
    (global (export "count") (mut i32) (i32.const 0))
    (global (export "seven") i64 (i64.const 7))
    (elem (i32.const 1) func $twice)
    (func $twice (export "twice") (type $twice)
      (call $note (local.get 0))
      (global.set 0 (i32.add (global.get 0) (i32.const 1)))
      (i32.mul (local.get 0) (i32.const 2)))
    (func (export "at") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "through") (param i32) (result i32) (call_indirect (result i32) (local.get 0))))"#;

/// Imports all of it, with types in another order.
const PROGRAM: &str = r#"(module
    (type $none (func (result i32)))
    (import "library" "memory" (memory 1))
    (import "library" "table" (table 1 funcref))
    (import "library" "count" (global $count (mut i32)))
    (import "library" "seven" (global $seven i64))
    (import "library" "twice" (func $twice (param i32) (result i32)))
    (elem (i32.const 0) func $five)
    (data (i32.const 3) "\2a")
    (func $five (result i32) (i32.const 5))
    (func (export "run") (param i32) (result i32) (call $twice (local.get 0)))
    (func (export "indirect") (param i32) (result i32)
      (call_indirect (param i32) (result i32) (local.get 0) (i32.const 1)))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "grow_table") (param i32) (result i32) (table.grow (ref.func $five) (local.get 0)))
    (func (export "numbers") (result i32 i64) (global.get $count) (global.get $seven)))"#;

#[test]
fn instances_of_a_group_share_what_they_import_from_one_another() {
    fn note(caller: &mut Caller<'_, Vec<u32>>, number: u32) {
        caller.data.push(number);
        // The memory is that of the instance that has imported the function.
        assert_eq!(caller.memory[3], 42);
    }
    let host = [HostFunc::new("env", "note", note)];
    let codes = [LIBRARY, PROGRAM].map(compile_for_group);
    let (modules, mut rams, mut notes) = (codes.each_ref().map(module), [ram(), ram()], Vec::new());
    let [library_ram, program_ram] = rams.each_mut();
    let mut group = Group::<_, 2>::new(&host, &mut notes, stack());
    let library = group.add(&modules[0], &mut library_ram.0).unwrap();
    group.name(library, "library").unwrap();
    let program = group.add(&modules[1], &mut program_ram.0).unwrap();
    assert_eq!(group.instance(program).call::<_, i32>("run", 21), Ok(42));
    assert_eq!(group.instance(program).call::<_, i32>("indirect", 4), Ok(8), "the types are equal");
    assert_eq!(group.instance(program).call::<_, (i32, i64)>("numbers", ()), Ok((2, 7)));
    assert_eq!(group.instance(library).call::<_, i32>("at", 3), Ok(42));
    assert_eq!(group.instance(library).call::<_, i32>("through", 0), Ok(5));
    let wrong = group.instance(library).call::<_, i32>("through", 1);
    assert!(matches!(wrong, Err(Error::Trap(Trap { code: TrapCode::IndirectCallMismatch, .. }))), "{wrong:?}");
    // Both grow in the library's buffer, up to the library's limits.
    let mut grow = |name: &str, by: i32| group.instance(program).call::<_, i32>(name, by).unwrap();
    assert_eq!([grow("grow", 1), grow("grow", 1), grow("grow_table", 6), grow("grow_table", 1)], [1, -1, 2, -1]);
    assert_eq!(group.instance(library).memory().len(), 2 << 16);
    assert_eq!(group.instance(library).call::<_, i32>("through", 7), Ok(5));
    assert_eq!(group.instance(program).memory().len(), 2 << 16);
    assert_eq!(group.instance(program).global("count"), None, "it exports none");
    assert_eq!(group.instance(library).global("count"), Some((ValType::I32, [2, 0])));
    assert_eq!(*group.instance(program).data(), [21, 4]);
}

#[test]
fn a_guest_is_found_in_the_code_of_all_of_its_group() {
    let host = [HostFunc::new("env", "note", |_: &mut Caller<'_, ()>, _: u32| {})];
    let codes = [LIBRARY, PROGRAM, "(module)"].map(compile_for_group);
    let modules = codes.each_ref().map(module);
    let (mut rams, mut unit) = ([ram(), ram()], ());
    let [library_ram, program_ram] = rams.each_mut();
    let mut group = Group::<_, 2>::new(&host, &mut unit, stack());
    let library = group.add(&modules[0], &mut library_ram.0).unwrap();
    group.name(library, "library").unwrap();
    let [first, second, other] = modules.each_ref().map(|module| module.code().code_range().start);
    let record = group.instance(library).record();
    let finds = |record, places: [usize; 3]| places.map(|place| call::is_in_code(record, place));
    assert_eq!(finds(record, [first, second, other]), [true, false, false]);
    let program = group.add(&modules[1], &mut program_ram.0).unwrap();
    for member in [library, program] {
        let record = group.instance(member).record();
        assert_eq!(finds(record, [first, second, other]), [true, true, false]);
    }
}

#[test]
fn what_a_group_cannot_link_is_refused_by_name_and_kind() {
    let host = [HostFunc::new("env", "note", |_: &mut Caller<'_, ()>, _: u32| {})];
    let code = compile_for_group(LIBRARY);
    let refused = |wat: &str| {
        let (library, other) = (module(&code), compile_for_group(wat));
        let (other, mut unit) = (module(&other), ());
        let mut rams = [ram(), ram()];
        let [library_ram, other_ram] = rams.each_mut();
        let mut group = Group::<_, 2>::new(&host, &mut unit, stack());
        let library = group.add(&library, &mut library_ram.0).unwrap();
        group.name(library, "library").unwrap();
        group.add(&other, &mut other_ram.0).map(|_| ()).map_err(|error| error.to_string())
    };
    for (import, what) in [
        (r#"(import "library" "memory" (memory 2))"#, "memory library.memory"),
        (r#"(import "library" "memory" (memory 1 1))"#, "memory library.memory"),
        (r#"(import "library" "table" (table 3 funcref))"#, "table library.table"),
        (r#"(import "library" "table" (table 2 8 externref))"#, "table library.table"),
        (r#"(import "library" "count" (global i32))"#, "global library.count"),
        (r#"(import "library" "seven" (global i32))"#, "global library.seven"),
        (r#"(import "library" "eight" (global i64))"#, "global library.eight"),
        (r#"(import "other" "memory" (memory 1))"#, "memory other.memory"),
        (r#"(import "library" "twice" (func (param i64) (result i32)))"#, "function library.twice"),
        (r#"(import "library" "thrice" (func))"#, "function library.thrice"),
    ] {
        let text = refused(&format!("(module {import})")).unwrap_err();
        assert!(text.contains(what), "{import}: {text}");
    }
    assert_eq!(refused(r#"(module (import "library" "table" (table 2 9 funcref)))"#), Ok(()));

    let throws = |import: &str| format!("(module {import} (tag))");
    let text = refused(&throws(r#"(import "library" "memory" (memory 1))"#)).unwrap_err();
    assert!(text.contains("does not look for") && text.contains("library.memory"), "{text}");
    assert_eq!(refused(&throws(r#"(import "library" "seven" (global i64))"#)), Ok(()));

    let (library, mut unit, mut rams) = (module(&code), (), [ram(), ram()]);
    let [first, second] = rams.each_mut();
    let mut group = Group::<_, 1>::new(&host, &mut unit, stack());
    let member = group.add(&library, &mut first.0).unwrap();
    assert_eq!(group.add(&library, &mut second.0), Err(Error::GroupLen { most: 1 }));
    group.name(member, "a").unwrap();
    group.name(member, "a").unwrap();
    assert!(group.name(member, "b").unwrap_err().to_string().contains("1 instances"));
}

#[test]
fn functions_whose_types_are_found_out_at_run_time_are_called_by_slots() {
    let wat = r#"(module
        (func (export "mix") (param v128 i32 externref funcref) (result externref v128 i32)
          (local.get 2) (local.get 0) (i32.add (local.get 1) (i32.const 1))))"#;
    with(wat, &[], &mut (), |instance| {
        let mut instance = instance.unwrap();
        let mut slots = [1, 2, 3 | 1 << 40, 9, 0];
        assert_eq!(instance.call_slots("mix", &mut slots), Ok(()));
        assert_eq!((slots[0], slots[1], slots[2], slots[3] as u32), (9, 1, 2, 4));
        assert_eq!(instance.call_slots("mix", &mut [0; 4]), Err(Error::ExportType), "too few");
        assert_eq!(instance.call_slots("mix", &mut [0, 0, 0, 0, 16]), Err(Error::ExportType), "an address");
        assert_eq!(instance.call_slots("max", &mut [0; 5]), Err(Error::MissingExport));
    });
}

#[test]
fn the_fuel_of_all_guests_is_limited_together() {
    let counted = "(module ;; metered
        (func (export \"loop\") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))";
    let with_tags = counted.replace("(func", "(tag) (func");
    set_fuel(10_000);
    for (wat, left) in [(counted, 9499), (with_tags.as_str(), 8998)] {
        with(wat, &[], &mut (), |instance: Result<Instance<'_, ()>, _>| {
            let mut instance = instance.unwrap();
            assert_eq!(instance.call::<_, ()>("loop", (100i32,)), Ok(()));
            assert_eq!(fuel(), left);
        });
    }
    for wat in [counted, &with_tags] {
        set_fuel(500);
        with(wat, &[], &mut (), |instance: Result<Instance<'_, ()>, _>| {
            let result = instance.unwrap().call::<_, ()>("loop", (100i32,));
            assert!(matches!(result, Err(Error::Trap(Trap { code: TrapCode::OutOfFuel, .. }))), "{result:?}");
            assert_eq!(fuel(), 0);
        });
    }
}
