//! Modules that are libraries: calls with memory in and out, calls back, imports stubbed.

use crate::{MODELS, module_path, options};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use wasmc_runtime::{Caller, Extern, ExternType, Instance, Linker, Memory, Module, Store, Val};

fn load(id: &str, memory: wasmc::MemoryModel) -> Option<Module> {
    let wasm = std::fs::read(module_path(id)?).expect("the module can be read");
    let image = wasmc::compile(&wasm, &options(memory)).unwrap_or_else(|error| panic!("{id}, {memory}: {error}"));
    Some(crate::load_image(&image).unwrap_or_else(|error| panic!("{id}, {memory}: {error}")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// An instance with short ways to call it and to reach its memory. Any failure is the test's.
struct Library<T> {
    store: Store<T>,
    instance: Instance,
    memory: Memory,
}

impl<T> Library<T> {
    fn new(data: T, linker: &Linker<T>, module: &Module, memory: &str) -> Library<T> {
        let mut store = Store::new(data);
        let instance = linker.instantiate(&mut store, module).unwrap_or_else(|error| panic!("{error}"));
        let memory = instance.get_memory(&store, memory).expect("it exports its memory");
        Library { store, instance, memory }
    }

    /// Calls a function of `i32`s; its result, or 0.
    fn call(&mut self, name: &str, args: &[u32]) -> u32 {
        let args: Vec<Val> = args.iter().map(|arg| Val::I32(*arg as i32)).collect();
        let func = self.instance.get_func(&self.store, name).unwrap_or_else(|| panic!("no function {name}"));
        match func.call(&mut self.store, &args).unwrap_or_else(|error| panic!("{name}: {error}")).as_slice() {
            [] => 0,
            [Val::I32(value)] => *value as u32,
            other => panic!("{name} returned {other:?}"),
        }
    }

    fn put(&mut self, address: u32, bytes: &[u8]) {
        self.memory.write(&mut self.store, u64::from(address), bytes).unwrap_or_else(|error| panic!("{error}"));
    }

    fn get(&self, address: u32, len: u32) -> Vec<u8> {
        self.memory.data(&self.store)[address as usize..][..len as usize].to_vec()
    }
}

#[test]
fn gofmt_by_tinygo_formats_text_in_its_memory() {
    for memory in MODELS {
        let Some(module) = load("gofmt-tinygo", memory) else { return };
        let mut gofmt = Library::new((), &Linker::new(), &module, "memory");
        gofmt.call("_initialize", &[]);
        let source = b"package  main\nfunc main( ){\nx:=[]int{1,2 ,3}\n_ = x}\n";
        let at = gofmt.call("alloc", &[source.len() as u32]);
        gofmt.put(at, source);
        assert_eq!(gofmt.call("format", &[]), 1, "{memory}");
        let (at, len) = (gofmt.call("output_ptr", &[]), gofmt.call("output_len", &[]));
        let text = gofmt.get(at, len);
        assert_eq!(text.len(), 58, "{memory}");
        assert_eq!(digest(&text), "6b2cbdfd9696e5338343048f484ebdf130ddda32d519265e26d3479d79226b9a", "{memory}");
        gofmt.call("dispose", &[]);
    }
}

/// What the host is called with for each mapping.
type Mapping = [i32; 10];

#[test]
fn source_map_calls_back_for_every_mapping() {
    for memory in MODELS {
        let Some(module) = load("source-map", memory) else { return };
        let mut linker = Linker::<Vec<Mapping>>::new();
        linker.func("env", "mapping_callback", |mut caller: Caller<'_, Vec<Mapping>>, a, b, c, d, e, f, g, h, i, j| {
            caller.data_mut().push([a, b, c, d, e, f, g, h, i, j]);
        });
        let mut map = Library::new(Vec::new(), &linker, &module, "memory");
        let text = b"AAAA,IAAM,CAAC,GAAG,CAAC;AACX,OAAO,CAAC,GAAG,CAAC,CAAC,CAAC";
        let at = map.call("allocate_mappings", &[text.len() as u32]);
        map.put(at, text);
        let mappings = map.call("parse_mappings", &[at]);
        map.call("by_generated_location", &[mappings]);
        map.call("free_mappings", &[mappings]);
        assert_eq!(map.call("get_last_error", &[]), 0, "{memory}");
        let seen = map.store.data();
        let rows: Vec<String> = seen.iter().map(|row| format!("[{}]", row.map(|n| n.to_string()).join(","))).collect();
        assert_eq!(rows.len(), 12, "{memory}");
        let json = format!("[{}]", rows.join(","));
        assert_eq!(
            digest(json.as_bytes()),
            "d019eb9d2ebeea7e4512d199ca6f586e97aba7acd6797b49a45c7a9b8225d2f3",
            "{memory}"
        );
    }
}

/// A module with the functions that `module` imports: the named ones do nothing, the others trap.
fn stubs(module: &Module, harmless: &str) -> String {
    let mut text = String::from("(module");
    for import in module.imports() {
        let ExternType::Func(ty) = &import.ty else { panic!("{} is no function", import.name) };
        let body = if import.name.contains(harmless) { "" } else { "unreachable" };
        // `(func (param i32))` → `(func (export "...") (param i32) unreachable)`
        let signature = ty.to_string();
        let signature =
            signature.strip_prefix("(func").and_then(|s| s.strip_suffix(')')).expect("it is a function type");
        write!(text, "\n(func (export \"{}\") {signature} {body})", import.name).expect("text can be written");
    }
    text + ")"
}

#[test]
fn rollup_parses_javascript() {
    for memory in MODELS {
        let Some(module) = load("rollup", memory) else { return };
        let stubs = wasmc::compile(stubs(&module, "init_externref").as_bytes(), &options(memory));
        let stubs = crate::load_image(&stubs.unwrap_or_else(|error| panic!("{error}"))).expect("it loads");
        let mut store = Store::new(());
        let mut linker = Linker::new();
        let stubs = linker.instantiate(&mut store, &stubs).unwrap_or_else(|error| panic!("{error}"));
        let names: Vec<_> = module.imports().map(|import| import.module).collect();
        for name in &names {
            linker.instance(&store, name, stubs);
        }
        let instance = linker.instantiate(&mut store, &module).unwrap_or_else(|error| panic!("{error}"));
        let memory_export = instance.get_memory(&store, "memory").expect("it exports its memory");
        let mut rollup = Library { store, instance, memory: memory_export };
        rollup.call("__wbindgen_start", &[]);
        let source = b"export const f = async (x) => { for await (const y of x ?? []) yield_(y ** 2n); };\n\
            class A extends B { #p = `t${1}`; static { label: while (1) break label; } }\n";
        let len = source.len() as u32;
        let at = rollup.call("__wbindgen_export2", &[len, 1]);
        rollup.put(at, source);
        let result = rollup.call("__wbindgen_add_to_stack_pointer", &[(-16_i32) as u32]);
        rollup.call("parse", &[result, at, len, 0, 0, 0]);
        let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        let pair = rollup.get(result, 8);
        let tree = rollup.get(word(&pair[..4]), word(&pair[4..]));
        assert_eq!(tree.len(), 1016, "{memory}");
        assert_eq!(digest(&tree), "55341ed0f21895fe61233ce96e53e931b5d9a0641765ae4158f138950c88dce8", "{memory}");
    }
}

#[test]
fn argon2_hashes_a_password() {
    hashes_a_password("argon2");
}

#[test]
fn argon2_with_vectors_gives_the_same_hash() {
    hashes_a_password("argon2-simd");
}

fn hashes_a_password(id: &str) {
    for memory in MODELS {
        let Some(module) = load(id, memory) else { return };
        let mut linker = Linker::<()>::new();
        linker.func("a", "a", |mut caller: Caller<'_, ()>, to: u32, from: u32, len: u32| {
            let memory = match caller.get_export("c") {
                Some(Extern::Memory(memory)) => memory,
                _ => return Err(wasmc_runtime::Error::from("the module exports its memory as `c`")),
            };
            let (to_, from, len) = (to as usize, from as usize, len as usize);
            memory.data_mut(&mut caller).copy_within(from..from + len, to_);
            Ok(to)
        });
        linker.func("a", "b", |_: u32| 0_u32);
        let mut argon2 = Library::new((), &linker, &module, "c");
        argon2.call("d", &[]);
        let mut text = |text: &[u8]| {
            let at = argon2.call("f", &[text.len() as u32 + 1]);
            argon2.put(at, &[text, b"\0"].concat());
            at
        };
        let (password, salt) = (text(b"password"), text(b"somesalt"));
        let (hash, encoded) = (argon2.call("f", &[32]), argon2.call("f", &[128]));
        let args = [2, 1024, 1, password, 8, salt, 8, hash, 32, encoded, 128, 2, 0x13];
        assert_eq!(argon2.call("e", &args), 0, "{id}, {memory}");
        let found = hex(&argon2.get(hash, 32));
        assert_eq!(found, "ec57ec9c0eaf51eeea2e92ffdcaa9cdee478f1927215b515b7b8d66657f41ed9", "{id}, {memory}");
    }
}

/// From `inputs/gc-list.mbt`, by MoonBit's compiler (npm `@moonbit/moonc-worker` 0.1.202605123).
const GC_LIST: &[u8] = include_bytes!("inputs/gc-list.wasm");

#[test]
fn lists_of_moonbit_are_collected() {
    for memory in MODELS {
        let image = wasmc::compile(GC_LIST, &options(memory)).unwrap_or_else(|error| panic!("{memory}: {error}"));
        let module = crate::load_image(&image).unwrap_or_else(|error| panic!("{memory}: {error}"));
        for (stressed, rounds, churned) in [(false, 3000, 1_488_409_564), (true, 3, 496_996_533)] {
            let mut store = Store::new(());
            // Three million objects of 24 bytes in less than four mebibytes.
            store.set_objects_max(4 << 20);
            if stressed {
                store.stress_collector();
            }
            let instance = Linker::new().instantiate(&mut store, &module).unwrap_or_else(|error| panic!("{error}"));
            let mut call = |name: &str, args: &[i32]| {
                let args: Vec<Val> = args.iter().map(|arg| Val::I32(*arg)).collect();
                let func = instance.get_func(&store, name).unwrap_or_else(|| panic!("no function {name}"));
                func.call(&mut store, &args).unwrap_or_else(|error| panic!("{name}: {error}"))
            };
            assert_eq!(call("sum", &[1000]), [Val::I32(500_500)], "{memory}");
            assert_eq!(call("fibs", &[20]), [Val::I32(6765)], "{memory}");
            assert_eq!(call("churn", &[rounds, 1000]), [Val::I32(churned)], "{memory}");
        }
    }
}
