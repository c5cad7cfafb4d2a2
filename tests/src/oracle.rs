//! The second engine: an interpreter, which shares no line with the compiler.

use crate::{Outcome, Value};
use wasmc_abi::TrapCode;
use wasmi::{Extern, ExternType, Ref, Val};

/// An instance in the interpreter.
#[derive(Debug)]
pub struct Oracle {
    store: wasmi::Store<()>,
    instance: wasmi::Instance,
}

impl Oracle {
    /// Instantiates a module without imports.
    pub fn new(wasm: &[u8]) -> Result<Oracle, Outcome> {
        Oracle::with_fuel(wasm, None)
    }

    /// The same; with `fuel`, calls that use it up fail.
    pub fn with_fuel(wasm: &[u8], fuel: Option<u64>) -> Result<Oracle, Outcome> {
        let mut config = config();
        config.consume_fuel(fuel.is_some());
        let engine = wasmi::Engine::new(&config);
        let module = wasmi::Module::new(&engine, wasm).map_err(|error| outcome(&error))?;
        let mut store = wasmi::Store::new(&engine, ());
        if let Some(fuel) = fuel {
            store.set_fuel(fuel).map_err(|error| outcome(&error))?;
        }
        let linker = wasmi::Linker::new(&engine);
        let instance = linker.instantiate_and_start(&mut store, &module).map_err(|error| outcome(&error))?;
        Ok(Oracle { store, instance })
    }

    /// Calls an exported function.
    pub fn call(&mut self, name: &str, args: &[Value]) -> Outcome {
        let Some(func) = self.instance.get_func(&self.store, name) else {
            return Outcome::Other(format!("no function `{name}`"));
        };
        let ty = func.ty(&self.store);
        let args: Vec<Val> = args.iter().zip(ty.params()).map(|(value, ty)| to_val(*value, *ty)).collect();
        let mut results: Vec<Val> = ty.results().iter().map(|ty| Val::default(*ty)).collect();
        match func.call(&mut self.store, &args, &mut results) {
            Ok(()) => Outcome::Values(results.iter().map(from_val).collect()),
            Err(error) => outcome(&error),
        }
    }

    /// Contents of an exported memory.
    pub fn memory(&self, name: &str) -> Option<Vec<u8>> {
        Some(self.instance.get_memory(&self.store, name)?.data(&self.store).to_vec())
    }

    /// Value of an exported global.
    pub fn global(&self, name: &str) -> Option<Value> {
        Some(from_val(&self.instance.get_global(&self.store, name)?.get(&self.store)))
    }

    /// Count of elements of an exported table.
    pub fn table_count(&self, name: &str) -> Option<u64> {
        match self.instance.get_export(&self.store, name)? {
            Extern::Table(table) => Some(table.size(&self.store)),
            _ => None,
        }
    }
}

/// Every proposal that the interpreter has.
fn config() -> wasmi::Config {
    let mut config = wasmi::Config::default();
    config.wasm_custom_page_sizes(true).wasm_wide_arithmetic(true).wasm_memory64(true);
    config
}

/// Names and types of a valid module's exports.
pub fn exports(wasm: &[u8]) -> Vec<(String, ExternType)> {
    let module = wasmi::Module::new(&wasmi::Engine::new(&config()), wasm).expect("the module is valid");
    module.exports().map(|export| (export.name().to_string(), export.ty().clone())).collect()
}

fn to_val(value: Value, ty: wasmi::ValType) -> Val {
    match value {
        Value::I32(value) => Val::I32(value as i32),
        Value::I64(value) => Val::I64(value as i64),
        Value::F32(bits) => Val::F32(wasmi::F32::from_bits(bits)),
        Value::F64(bits) => Val::F64(wasmi::F64::from_bits(bits)),
        Value::V128(bits) => Val::V128(bits.into()),
        Value::FuncRef(_) | Value::ExternRef(_) | Value::ExnRef(_) | Value::AnyRef(_) => Val::default(ty),
    }
}

fn from_val(value: &Val) -> Value {
    match value {
        Val::I32(value) => Value::I32(*value as u32),
        Val::I64(value) => Value::I64(*value as u64),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        Val::FuncRef(func) => Value::FuncRef(!func.is_null()),
        Val::ExternRef(Ref::Null) => Value::ExternRef(0),
        Val::ExternRef(_) => unreachable!("no module of the tests gets a host value"),
        Val::V128(value) => Value::V128(value.as_u128()),
    }
}

fn outcome(error: &wasmi::Error) -> Outcome {
    use wasmi::TrapCode as Theirs;
    Outcome::Trap(match error.as_trap_code() {
        Some(Theirs::UnreachableCodeReached) => TrapCode::Unreachable,
        Some(Theirs::MemoryOutOfBounds) => TrapCode::MemoryOutOfBounds,
        // The interpreter does not tell an indirect call outside the table from a table access.
        Some(Theirs::TableOutOfBounds) => TrapCode::TableOutOfBounds,
        Some(Theirs::IndirectCallToNull) => TrapCode::UninitializedElement,
        Some(Theirs::BadSignature) => TrapCode::IndirectCallMismatch,
        Some(Theirs::IntegerDivisionByZero) => TrapCode::DivideByZero,
        Some(Theirs::IntegerOverflow) => TrapCode::IntegerOverflow,
        Some(Theirs::BadConversionToInteger) => TrapCode::InvalidConversion,
        Some(Theirs::StackOverflow) => TrapCode::StackOverflow,
        _ => {
            // Segments that do not fit are errors of another kind there.
            let text = error.to_string();
            let fits = [TrapCode::MemoryOutOfBounds, TrapCode::TableOutOfBounds];
            match fits.into_iter().find(|code| text.starts_with(code.message())) {
                Some(code) => code,
                None => return Outcome::Other(text),
            }
        }
    })
}
