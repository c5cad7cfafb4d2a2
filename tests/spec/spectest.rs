//! The module `spectest`, which the suite's modules import from.

use crate::script::Failure;
use wasmc_runtime::{Global, GlobalType, Linker, Memory, MemoryType, Store, Table, TableType, Val, ValType};

/// Defines it.
pub fn define(linker: &mut Linker<()>, store: &mut Store<()>) -> Result<(), Failure> {
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
        let global = Global::new(store, GlobalType { content, mutable: false }, value)?;
        linker.define("spectest", name, global);
    }
    let ty = TableType { element: ValType::FuncRef, min: 10, max: Some(20) };
    let table = Table::new(store, ty, Val::FuncRef(None))?;
    linker.define("spectest", "table", table);
    let memory = Memory::new(store, MemoryType { min: 1, max: Some(2) })?;
    linker.define("spectest", "memory", memory);
    Ok(())
}
