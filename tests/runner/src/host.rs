//! The host's modules: `spectest`, which the official suite's modules import from, and `host`, whose functions
//! return what they are given.

use wasmc_runtime::{
    Global, GlobalType, Linker, Memory, MemoryType, SharedMemory, Store, Table, TableType, Val, ValType,
};

/// Defines both.
pub fn define(linker: &mut Linker<()>, store: &mut Store<()>) {
    define_spectest(linker, store);
    define_host(linker);
}

fn define_spectest(linker: &mut Linker<()>, store: &mut Store<()>) {
    linker.func("spectest", "print", || {});
    linker.func("spectest", "print_i32", |_: i32| {});
    linker.func("spectest", "print_i64", |_: i64| {});
    linker.func("spectest", "print_f32", |_: f32| {});
    linker.func("spectest", "print_f64", |_: f64| {});
    linker.func("spectest", "print_i32_f32", |_: i32, _: f32| {});
    linker.func("spectest", "print_f64_f64", |_: f64, _: f64| {});
    for (name, content, value) in [
        ("global_i32", ValType::I32, Val::I32(666)),
        ("global_i64", ValType::I64, Val::I64(666)),
        ("global_f32", ValType::F32, Val::F32(666.6_f32.to_bits())),
        ("global_f64", ValType::F64, Val::F64(666.6_f64.to_bits())),
    ] {
        let global = Global::new(store, GlobalType { content, mutable: false }, value);
        linker.define("spectest", name, global.expect("the value is of the type"));
    }
    let ty = TableType::new(ValType::FuncRef, 10, Some(20));
    let table = Table::new(store, ty, Val::FuncRef(None));
    linker.define("spectest", "table", table.expect("there is memory for a small table"));
    let memory = Memory::new(store, MemoryType::new(1, Some(2)));
    linker.define("spectest", "memory", memory.expect("there is room for a small memory"));
    let memory = SharedMemory::new(MemoryType::new_shared(1, 2));
    linker.shared_memory("spectest", "shared_memory", memory.expect("there is room for a small memory"));
    let ty = TableType { wide: true, ..TableType::new(ValType::FuncRef, 10, Some(20)) };
    let table = Table::new(store, ty, Val::FuncRef(None));
    linker.define("spectest", "table64", table.expect("there is memory for a small table"));
}

/// Calls `func` for the arities that host functions are tried with.
macro_rules! echoes {
    ($linker:ident $($count:literal ($($name:ident $ty:ty),*);)*) => {
        $( $linker.func("host", concat!("f", $count), |$($name: $ty),*| ($($name,)*)); )*
    };
}

fn define_host(linker: &mut Linker<()>) {
    echoes! { linker
        0 ();
        1 (a i32);
        2 (a i32, b f64);
        3 (a i32, b f64, c i64);
        5 (a i32, b f64, c i64, d f32, e i32);
        9 (a i32, b f64, c i64, d f32, e i32, f f64, g i64, h f32, i i32);
        13 (a i32, b f64, c i64, d f32, e i32, f f64, g i64, h f32, i i32, j f64, k i64, l f32, m i32);
        16 (a i32, b f64, c i64, d f32, e i32, f f64, g i64, h f32, i i32, j f64, k i64, l f32, m i32, n f64, o i64, p f32);
    }
}
