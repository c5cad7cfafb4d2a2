//! The tests, for one instruction set state of the code: that of the module's name, on ARM.

use crate::builder::{DATA, POINTERS, RUNS, Sample};
use crate::guest::{LAYOUT, guest};
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmc_abi::fixup::{Fixup, FixupTarget};
use wasmc_abi::image::*;
use wasmc_abi::sites::{Site, SiteWriter};
use wasmc_abi::target::{FloatAbi, IsaState};
use wasmc_abi::{Builtin, Frame};
use wasmc_loader::Machine;
use wasmc_runtime::*;

/// Offsets in the Wasm module: function `i` from `0x100 * i` on.
const WASM_CALL: u32 = 0x110;
const WASM_ACCESS: u32 = 0x222;
const WASM_INLINED: u32 = 0x333;

/// The state of the code that the tests are about.
fn state() -> IsaState {
    if module_path!().ends_with("thumb") { IsaState::Thumb } else { IsaState::Default }
}

/// The default memory model of the machine.
fn model() -> MemoryModel {
    Machine::host().memory_models[0]
}

fn image(model: MemoryModel) -> Sample {
    image_in(state(), model)
}

fn image_in(state: IsaState, model: MemoryModel) -> Sample {
    use ValType::*;
    let (guest, machine) = (guest(state), Machine::host());
    let mut sample = Sample::nothing();
    sample.header.arch = machine.arch as u32;
    sample.header.isa_state = state as u32;
    sample.header.float_abi = FloatAbi::Hard as u32;
    sample.header.pointer_bits = machine.pointer_bits;
    (sample.header.name_offset, sample.header.name_len) = sample.string("guest");
    sample.header.memory_model = model as u32;
    sample.val_types = vec![I32, I32, I32];
    sample.types = vec![
        TypeRecord { first: 0, params: 0, results: 0, entry: guest.entry_v, thunk: 0 },
        TypeRecord { first: 0, params: 2, results: 1, entry: guest.entry_ii_i, thunk: guest.thunk },
        TypeRecord { first: 0, params: 1, results: 1, entry: guest.entry_i_i, thunk: 0 },
    ];
    let ((module_offset, module_len), (name_offset, name_len)) = (sample.string("env"), sample.string("mul"));
    let kind = ExternKind::Function as u32;
    let import =
        ImportRecord { module_offset, module_len, name_offset, name_len, kind, ty: 1, ..ImportRecord::default() };
    sample.imports = vec![import];
    sample.header.imported_functions = 1;

    let functions = [
        ("mul_twice", 1, guest.mul_twice, guest.load),
        ("load", 2, guest.load, guest.grow),
        ("grow", 2, guest.grow, guest.call_slot),
        ("call_slot", 2, guest.call_slot, guest.start),
        ("start", 0, guest.start, guest.end),
    ];
    for (index, (name, ty, start, end)) in (1..).zip(functions) {
        let (name_offset, name_len) = sample.string(name);
        sample.exports.push(ExportRecord { name_offset, name_len, kind, index });
        sample.escapes.push(EscapeRecord { function: index, ordinary: 0 });
        sample.functions.push(FunctionRecord {
            code_offset: start,
            code_len: end - start,
            ty,
            wasm_offset: 0x100 * index,
            name_offset,
            name_len,
        });
    }
    sample.header.start_function = 5;
    for (kind, name) in [(1, "table"), (2, "memory"), (3, "counter")] {
        let (name_offset, name_len) = sample.string(name);
        sample.exports.push(ExportRecord { name_offset, name_len, kind, index: 0 });
    }
    sample.memories = vec![MemoryRecord { flags: 1, min: 1, max: 3, ..MemoryRecord::default() }];
    sample.tables = vec![TableRecord { ty: FuncRef.number(), min: 4, ..TableRecord::default() }];
    sample.globals = vec![
        GlobalRecord { ty: I32.number(), mutable: 1, init: 41, ..GlobalRecord::default() },
        GlobalRecord { ty: FuncRef.number(), init_kind: InitKind::Function as u32, init: 1, ..GlobalRecord::default() },
    ];
    sample.elements = vec![ElementRecord { ty: FuncRef.number(), offset: 1, count: 3, ..ElementRecord::default() }];
    sample.items = [1, 0, ITEM_GLOBAL + 1].map(|item| ElementItem { item }).to_vec();
    sample.data = vec![DataRecord { offset: 16, data_offset: DATA, data_len: 9, ..DataRecord::default() }];
    sample.runs = vec![MemoryRun { address: 4096, data_offset: RUNS, len: 100, ..MemoryRun::default() }];
    sample.fixups = vec![
        Fixup::new(POINTERS, FixupTarget::Helper(Builtin::trap as u32)),
        Fixup::new(POINTERS + usize::BITS / 8, FixupTarget::Helper(Builtin::memory_grow as u32)),
    ];
    let row = |(code_offset, frame): &(u32, Frame)| UnwindRecord {
        code_offset: *code_offset,
        frame: frame.pack().expect("it is small"),
    };
    sample.unwind = guest.frames.iter().map(row).collect();
    let (index, stream) = (&mut sample.site_index, &mut sample.site_stream);
    let mut writer = SiteWriter::new(|byte| stream.push(byte), |record| index.push(record));
    writer.push(&Site::new(guest.mul_twice, &[WASM_CALL]));
    writer.push(&Site::new(guest.load, &[WASM_ACCESS]));
    writer.push(&Site::new(guest.grow, &[0]));
    // As if `call_slot` had the body of function 3 in it.
    writer.push(&Site::new(guest.call_slot, &[WASM_INLINED, 0x444]));

    sample.code[..guest.code.len()].copy_from_slice(guest.code);
    assert_eq!(sample.vmctx_layout(), LAYOUT);
    sample.header.vmctx_len = LAYOUT.len_bytes().unwrap();
    sample
}

fn load(sample: &Sample) -> Module {
    // SAFETY: machine code of this file.
    unsafe { Module::load_unsigned(&sample.build()) }.unwrap()
}

/// A store whose data counts calls, and an instance in it.
fn instance(module: &Module) -> (Store<u32>, Instance) {
    let mut linker = Linker::new();
    linker.func("env", "mul", |mut caller: Caller<'_, u32>, a: i32, b: i32| -> Result<i32, Error> {
        *caller.data_mut() += 1;
        match b {
            0 => Err("zero is not liked".into()),
            13 => panic!("thirteen"),
            _ => Ok(a.wrapping_mul(b)),
        }
    });
    let mut store = Store::new(0);
    let instance = linker.instantiate(&mut store, module).unwrap();
    (store, instance)
}

#[test]
fn a_module_tells_what_it_is() {
    let module = load(&image(model()));
    assert_eq!(module.name(), Some("guest"));
    let imports: Vec<ImportType> = module.imports().collect();
    assert_eq!(imports[0].ty.to_string(), "(func (param i32 i32) (result i32))");
    let exports: Vec<String> = module.exports().map(|e| format!("{} {}", e.name, e.ty)).collect();
    assert_eq!(exports[0], "mul_twice (func (param i32 i32) (result i32))");
    assert_eq!(
        exports[4..],
        ["start (func)", "table (table 4 funcref)", "memory (memory 1 3)", "counter (global (mut i32))"]
    );
}

#[test]
fn instances_are_initialised_as_their_segments_say() {
    let sample = image(model());
    let path = std::env::temp_dir().join(format!("wasmc-hand-made-{}-{}.aot", state(), std::process::id()));
    std::fs::write(&path, sample.build()).unwrap();
    // SAFETY: machine code of this file.
    let mapped = unsafe { Module::map_unsigned(&path) }.unwrap();
    for module in [load(&sample), mapped] {
        let (mut store, instance) = instance(&module);
        let memory = instance.get_memory(&store, "memory").unwrap();
        assert_eq!(memory.data(&store)[15..26], *b"\0some data\0");
        let run: Vec<u8> = (0..100).collect();
        assert_eq!(memory.data(&store)[4096..4196], run);
        assert_eq!(memory.data(&store)[4196], 0);
        let counter = instance.get_global(&store, "counter").unwrap();
        assert_eq!(counter.get(&store), Val::I32(42), "the start function has run");
        let table = instance.get_table(&store, "table").unwrap();
        assert_eq!(table.get(&store, 0), Some(Val::FuncRef(None)));
        let func = instance.get_func(&store, "mul_twice");
        assert_eq!(table.get(&store, 1), Some(Val::FuncRef(func)));
        assert_eq!(table.get(&store, 3), Some(Val::FuncRef(func)));
        let Some(Val::FuncRef(Some(import))) = table.get(&store, 2) else { panic!() };
        assert_eq!(import.call(&mut store, &[Val::I32(6), Val::I32(7)]).unwrap(), [Val::I32(42)]);
        assert_eq!(*store.data(), 1);
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn guests_call_the_host_and_each_other() {
    let module = load(&image(model()));
    let (mut store, instance) = instance(&module);
    let mul_twice = instance.get_typed_func::<(i32, i32), i32>(&store, "mul_twice").unwrap();
    assert_eq!(mul_twice.call(&mut store, (5, -3)).unwrap(), 45);
    assert_eq!(*store.data(), 2);
    let call_slot = instance.get_typed_func::<i32, i32>(&store, "call_slot").unwrap();
    assert_eq!(call_slot.call(&mut store, 1).unwrap(), 9);
    assert_eq!(call_slot.call(&mut store, 2).unwrap(), 6, "the import itself");

    // The first instance's function as the second's import: called directly, also from the other state.
    let mut linker = Linker::new();
    linker.instance(&store, "first", instance).define("env", "mul", mul_twice.func());
    let other = Machine::host().isa_states.iter().find(|other| **other != state());
    let module = load(&image_in(*other.unwrap_or(&state()), model()));
    let second = linker.instantiate(&mut store, &module).unwrap();
    let both = second.get_typed_func::<(u32, u32), u32>(&store, "mul_twice").unwrap();
    assert_eq!(both.call(&mut store, (1, 10)).unwrap(), 10_000);
    let wrong = second.get_typed_func::<i64, ()>(&store, "mul_twice");
    assert!(matches!(wrong, Err(Error::Export(ExportError::OtherType { .. }))));
    let missing = second.get_typed_func::<(), ()>(&store, "multiply");
    assert!(matches!(missing, Err(Error::Export(ExportError::Missing { .. }))));
}

#[test]
fn memory_grows_from_inside() {
    for &model in Machine::host().memory_models {
        let (mut store, instance) = instance(&load(&image(model)));
        let grow = instance.get_typed_func::<i32, i32>(&store, "grow").unwrap();
        let load = instance.get_typed_func::<u32, u32>(&store, "load").unwrap();
        assert_eq!(load.call(&mut store, 16).unwrap(), u32::from(b's'));
        assert_eq!(grow.call(&mut store, 1).unwrap(), 1);
        assert_eq!(grow.call(&mut store, 2).unwrap(), -1);
        assert_eq!(grow.call(&mut store, -1).unwrap(), -1);
        assert_eq!(grow.call(&mut store, 0).unwrap(), 2);
        assert_eq!(load.call(&mut store, 131_071).unwrap(), 0);
        assert_eq!(load.call(&mut store, 16).unwrap(), u32::from(b's'));
    }
}

fn trap<T: std::fmt::Debug>(result: Result<T, Error>) -> Trap {
    match result {
        Err(Error::Trap(trap)) => trap,
        other => panic!("{other:?} is no trap"),
    }
}

#[test]
fn faults_and_traps_say_where_they_happened() {
    let (mut store, instance) = instance(&load(&image(model())));
    let load = instance.get_typed_func::<u32, u32>(&store, "load").unwrap();
    for address in [65536, 1 << 20, u32::MAX] {
        let trap = trap(load.call(&mut store, address));
        assert_eq!(trap.to_string(), "out of bounds memory access\n  0: 0x222  load (function 2)");
    }
    let call_slot = instance.get_typed_func::<i32, i32>(&store, "call_slot").unwrap();
    let trap = trap(call_slot.call(&mut store, 0));
    assert_eq!(
        trap.to_string(),
        "uninitialized element\n  0: 0x333  grow (function 3)\n  1: 0x444  call_slot (function 4)"
    );
    assert_eq!(load.call(&mut store, 0).unwrap(), 0, "the instance lives on");
}

#[test]
fn errors_and_panics_of_host_functions_end_the_guest_and_go_on() {
    let (mut store, instance) = instance(&load(&image(model())));
    let mul_twice = instance.get_typed_func::<(i32, i32), i32>(&store, "mul_twice").unwrap();
    assert_eq!(mul_twice.call(&mut store, (1, 0)).unwrap_err().to_string(), "zero is not liked");
    let panic = catch_unwind(AssertUnwindSafe(|| mul_twice.call(&mut store, (1, 13)))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"thirteen"));
    assert_eq!(mul_twice.call(&mut store, (1, 2)).unwrap(), 4);
}

#[test]
fn a_trap_below_a_host_function_shows_both_parts_of_the_stack() {
    let module = load(&image(model()));
    let mut linker = Linker::new();
    linker.func("env", "mul", |mut caller: Caller<'_, ()>, a: u32, b: u32| -> Result<u32, Error> {
        let Some(Extern::Func(load)) = caller.get_export("load") else { panic!() };
        let load = load.typed::<u32, u32>(&caller)?;
        // The first fails, and that is all right; what the second gives counts.
        assert_eq!(load.call(&mut caller, 1 << 30).unwrap_err().trap().unwrap().frames.len(), 1);
        Ok(load.call(&mut caller, a)? + b)
    });
    let mut store = Store::new(());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let mul_twice = instance.get_typed_func::<(u32, u32), u32>(&store, "mul_twice").unwrap();
    let s = u32::from(b's');
    assert_eq!(mul_twice.call(&mut store, (16, 1)).unwrap(), 1, "no byte at {}", s + 1);
    let trap = trap(mul_twice.call(&mut store, (65536, 0)));
    let names: Vec<&str> = trap.frames.iter().map(|frame| frame.func_name.as_deref().unwrap()).collect();
    assert_eq!(names, ["load", "mul_twice"]);
    assert_eq!(trap.frames[1].wasm_offset, Some(WASM_CALL));
    assert_eq!((trap.frames[1].func_index, trap.frames[1].module.as_deref()), (1, Some("guest")));
}

#[test]
fn host_functions_see_the_memory_of_whoever_imported_them() {
    let module = load(&image(model()));
    let mut linker = Linker::new();
    linker.func("env", "mul", |mut caller: Caller<'_, ()>, at: u32, _: u32| {
        let (_, memory) = caller.data_and_memory();
        memory[at as usize] += 1;
        at + 1
    });
    let mut store = Store::new(());
    let first = linker.instantiate(&mut store, &module).unwrap();
    // The second imports what the first imported, out of the first's table.
    let table = first.get_table(&store, "table").unwrap();
    let Some(Val::FuncRef(Some(import))) = table.get(&store, 2) else { panic!() };
    let second = Instance::new(&mut store, &module, &[import.into()]).unwrap();
    let func = second.get_typed_func::<(u32, u32), u32>(&store, "mul_twice").unwrap();
    assert_eq!(func.call(&mut store, (8, 0)).unwrap(), 10);
    let bytes = |store: &Store<()>, instance: Instance| {
        instance.get_memory(store, "memory").unwrap().data(store)[8..10].to_vec()
    };
    assert_eq!(bytes(&store, first), [0, 0]);
    assert_eq!(bytes(&store, second), [1, 1]);
}

#[test]
fn references_to_host_functions_can_be_called_by_guests() {
    let module = load(&image(model()));
    let mut store = Store::new(7);
    let early = Func::wrap(&mut store, |caller: Caller<'_, u32>, a: u32, b: u32| {
        assert_eq!(caller.instance(), None);
        a + b + caller.data()
    });
    let unknown = Func::wrap(&mut store, |_: f32, _: f64| {});
    let mut linker = Linker::new();
    linker.define("env", "mul", early);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let table = instance.get_table(&store, "table").unwrap();
    table.set(&mut store, 0, Val::FuncRef(Some(early))).unwrap();
    let late = Func::wrap(&mut store, |a: u32, b: u32| a * 100 + b);
    table.set(&mut store, 3, Val::FuncRef(Some(late))).unwrap();
    let call_slot = instance.get_typed_func::<u32, u32>(&store, "call_slot").unwrap();
    assert_eq!(call_slot.call(&mut store, 0).unwrap(), 10);
    assert_eq!(call_slot.call(&mut store, 3).unwrap(), 303);
    let refused = table.set(&mut store, 0, Val::FuncRef(Some(unknown)));
    assert!(matches!(refused, Err(Error::Limit(LimitError::NoThunk))));
}

#[test]
fn what_is_missing_is_named_all_at_once() {
    let mut sample = image(model());
    let (name_offset, name_len) = sample.string("other");
    // A second import of the same function type, and a memory.
    sample.imports.push(ImportRecord { name_offset, name_len, ..sample.imports[0] });
    sample.header.imported_functions = 2;
    sample.exports.retain(|export| export.kind != 0);
    sample.escapes.clear();
    sample.elements.clear();
    sample.globals[1] = GlobalRecord { ty: ValType::FuncRef.number(), ..GlobalRecord::default() };
    sample.header.start_function = NONE;
    sample.header.vmctx_len = sample.vmctx_layout().len_bytes().unwrap();
    let module = load(&sample);
    let mut linker = Linker::new();
    linker.func("env", "mul", |_: i64| {});
    let Err(Error::Link(error)) = linker.instantiate(&mut Store::new(()), &module) else { panic!() };
    assert_eq!(error.missing.len(), 2);
    assert_eq!(
        error.to_string(),
        "2 imports cannot be satisfied:\n  \
         \"env\" \"mul\": wanted (func (param i32 i32) (result i32)), found (func (param i64))\n  \
         \"env\" \"other\": wanted (func (param i32 i32) (result i32)), found nothing of that name"
    );
}

#[test]
#[cfg(target_pointer_width = "64")]
fn an_image_without_checks_refuses_a_memory_without_guards() {
    let mut sample = image(model());
    let ((module_offset, module_len), (name_offset, name_len)) = (sample.string("env"), sample.string("memory"));
    let kind = ExternKind::Memory as u32;
    let import =
        ImportRecord { module_offset, module_len, name_offset, name_len, kind, min: 1, ..ImportRecord::default() };
    sample.imports.push(import);
    sample.header.imported_memories = 1;
    sample.memories = vec![MemoryRecord { min: 1, ..MemoryRecord::default() }];
    sample.runs.clear();
    let module = load(&sample);
    let mut linker = Linker::new();
    linker.func("env", "mul", |a: i32, b: i32| a * b);
    let mut store = Store::new(());
    store.set_memory_model(MemoryModel::Checked);
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    linker.define("env", "memory", memory);
    let text = linker.instantiate(&mut store, &module).unwrap_err().to_string();
    assert!(text.contains("`guard`") && text.contains("`checked`"), "{text}");

    // A memory with guards serves both, and the two instances share it.
    store.set_memory_model(MemoryModel::Guard);
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    linker.define("env", "memory", memory);
    let first = linker.instantiate(&mut store, &module).unwrap();
    sample.header.memory_model = MemoryModel::Checked as u32;
    linker.instantiate(&mut store, &load(&sample)).unwrap();
    memory.grow(&mut store, 1).unwrap();
    memory.write(&mut store, 65536, &[77]).unwrap();
    assert_eq!(memory.data(&store)[16..20], *b"some");
    // `load` takes the memory's record to be its own; an imported one is behind a pointer.
    assert!(first.get_memory(&store, "memory").is_some_and(|exported| exported == memory));
}

#[test]
fn a_failed_start_leaves_what_was_written() {
    let mut sample = image(model());
    let ((module_offset, module_len), (name_offset, name_len)) = (sample.string("env"), sample.string("table"));
    let (kind, ty) = (ExternKind::Table as u32, ValType::FuncRef.number());
    sample.imports.push(ImportRecord {
        module_offset,
        module_len,
        name_offset,
        name_len,
        kind,
        ty,
        min: 4,
        ..ImportRecord::default()
    });
    sample.header.imported_tables = 1;
    sample.runs.clear();
    // The second element segment does not fit.
    sample.elements.push(ElementRecord { offset: 3, first: 3, ..sample.elements[0] });
    sample.items.extend_from_within(..);
    let module = load(&sample);
    let mut store = Store::new(());
    let ty = TableType::new(ValType::FuncRef, 4, None);
    let table = wasmc_runtime::Table::new(&mut store, ty, Val::FuncRef(None)).unwrap();
    let mut linker = Linker::new();
    linker.func("env", "mul", |a: i32, b: i32| a * b).define("env", "table", table);
    let trap = trap(linker.instantiate(&mut store, &module));
    assert_eq!(trap.code, TrapCode::TableOutOfBounds);
    let Some(Val::FuncRef(Some(func))) = table.get(&store, 1) else { panic!() };
    assert_eq!(func.call(&mut store, &[Val::I32(3), Val::I32(4)]).unwrap(), [Val::I32(48)]);
}

#[test]
fn a_store_can_move_to_another_thread_between_calls() {
    let (mut store, instance) = instance(&load(&image(model())));
    let load = instance.get_typed_func::<u32, u32>(&store, "load").unwrap();
    load.call(&mut store, 16).unwrap();
    let thread = std::thread::spawn(move || {
        assert_eq!(trap(load.call(&mut store, 65536)).code, TrapCode::MemoryOutOfBounds);
        load.call(&mut store, 16).unwrap()
    });
    assert_eq!(thread.join().unwrap(), u32::from(b's'));
}

#[test]
fn many_instances_share_one_module() {
    let module = load(&image(model()));
    let mut linker = Linker::new();
    linker.func("env", "mul", |a: i32, b: i32| a * b);
    let mut store = Store::new(());
    for _ in 0..50 {
        linker.instantiate(&mut store, &module).unwrap();
    }
    drop(module);
    let module = load(&image(model()));
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let func = instance.get_typed_func::<(i32, i32), i32>(&store, "mul_twice").unwrap();
    assert_eq!(func.call(&mut store, (3, 4)).unwrap(), 48);
}

#[test]
fn a_frame_that_does_not_fit_the_stack_is_refused() {
    let mut sample = image(model());
    sample.header.max_frame = 1 << 20;
    let mut linker = Linker::new();
    linker.func("env", "mul", |a: i32, b: i32| a * b);
    let mut store = Store::new(());
    let error = linker.instantiate(&mut store, &load(&sample)).unwrap_err();
    assert!(matches!(error, Error::Limit(LimitError::Stack { .. })), "{error}");
    store.set_stack_len(2 << 20);
    assert!(linker.instantiate(&mut store, &load(&sample)).is_ok());
}

#[test]
#[ignore = "prints times; run with --release"]
fn time_of_calls() {
    let (mut store, instance) = instance(&load(&image(model())));
    let load_byte = instance.get_typed_func::<u32, u32>(&store, "load").unwrap();
    let mul_twice = instance.get_typed_func::<(i32, i32), i32>(&store, "mul_twice").unwrap();
    const ROUNDS: u32 = 10_000_000;
    let start = std::time::Instant::now();
    for i in 0..ROUNDS {
        load_byte.call(&mut store, i & 0xFFF).unwrap();
    }
    let call = start.elapsed();
    let start = std::time::Instant::now();
    for i in 0..ROUNDS {
        mul_twice.call(&mut store, (i as i32, 3)).unwrap();
    }
    let host = start.elapsed();
    println!("host to guest {:?}, guest to host {:?}", call / ROUNDS, (host - call) / ROUNDS / 2);
    let module = load(&image(model()));
    let mut linker = Linker::new();
    linker.func("env", "mul", |a: i32, b: i32| a * b);
    let start = std::time::Instant::now();
    for _ in 0..1000 {
        linker.instantiate(&mut Store::new(()), &module).unwrap();
    }
    println!("instantiate and drop {:?}", start.elapsed() / 1000);
    let start = std::time::Instant::now();
    for _ in 0..1000 {
        load_byte.call(&mut store, 1 << 20).unwrap_err();
    }
    println!("trap by fault with trace {:?}", start.elapsed() / 1000);
}
