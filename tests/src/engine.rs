//! The compiler and the runtime behind the same calls as the oracle.

use crate::{Config, Outcome, Value};
use std::collections::HashMap;
use wasmc_runtime::{Error, Extern, Linker, Module, Store, Val, ValType};

/// Loads an image that this process has just compiled.
pub fn load(image: &[u8]) -> Result<Module, Error> {
    // SAFETY: the tests pass images that came from the compiler under test, unaltered.
    unsafe { Module::load_unsigned(image) }
}

/// An instance of compiled code.
#[derive(Debug)]
pub struct Engine {
    store: Store<()>,
    exports: HashMap<String, Extern>,
}

impl Engine {
    /// Compiles and instantiates a module without imports; Wasm or text.
    pub fn new(wasm: &[u8], config: Config) -> Result<Engine, Outcome> {
        let image = wasmc::compile(wasm, &config.options()).map_err(|error| Outcome::Other(error.to_string()))?;
        Engine::of(&load(&image).map_err(outcome)?)
    }

    /// Instantiates a module without imports.
    pub fn of(module: &Module) -> Result<Engine, Outcome> {
        let mut store = Store::new(());
        let instance = Linker::new().instantiate(&mut store, module).map_err(outcome)?;
        let exports = instance.exports(&store).into_iter().collect();
        Ok(Engine { store, exports })
    }

    /// Calls an exported function.
    pub fn call(&mut self, name: &str, args: &[Value]) -> Outcome {
        let Some(Extern::Func(func)) = self.exports.get(name) else {
            return Outcome::Other(format!("no function `{name}`"));
        };
        let ty = func.ty(&self.store);
        let args: Vec<Val> = args.iter().zip(ty.params()).map(|(value, ty)| to_val(*value, *ty)).collect();
        match func.call(&mut self.store, &args) {
            Ok(results) => Outcome::Values(results.iter().map(from_val).collect()),
            Err(error) => outcome(error),
        }
    }

    /// Contents of an exported memory.
    pub fn memory(&self, name: &str) -> Option<Vec<u8>> {
        match self.exports.get(name)? {
            Extern::Memory(memory) => Some(memory.data(&self.store).to_vec()),
            _ => None,
        }
    }

    /// Value of an exported global.
    pub fn global(&self, name: &str) -> Option<Value> {
        match self.exports.get(name)? {
            Extern::Global(global) => Some(from_val(&global.get(&self.store))),
            _ => None,
        }
    }

    /// Count of elements of an exported table.
    pub fn table_count(&self, name: &str) -> Option<u64> {
        match self.exports.get(name)? {
            Extern::Table(table) => Some(table.size(&self.store)),
            _ => None,
        }
    }
}

fn to_val(value: Value, ty: ValType) -> Val {
    match value {
        Value::I32(value) => Val::I32(value as i32),
        Value::I64(value) => Val::I64(value as i64),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::Null | Value::Func | Value::Extern if ty == ValType::FuncRef => Val::FuncRef(None),
        Value::Null | Value::Func | Value::Extern => Val::ExternRef(None),
    }
}

fn from_val(value: &Val) -> Value {
    match value {
        Val::I32(value) => Value::I32(*value as u32),
        Val::I64(value) => Value::I64(*value as u64),
        Val::F32(bits) => Value::F32(*bits),
        Val::F64(bits) => Value::F64(*bits),
        Val::FuncRef(None) | Val::ExternRef(None) => Value::Null,
        Val::FuncRef(Some(_)) => Value::Func,
        Val::ExternRef(Some(_)) => Value::Extern,
        Val::V128(_) => unreachable!("no module of the tests has vectors"),
    }
}

fn outcome(error: Error) -> Outcome {
    match error {
        Error::Trap(trap) => Outcome::Trap(trap.code),
        other => Outcome::Other(other.to_string()),
    }
}
