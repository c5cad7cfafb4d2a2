//! Does what is asked, with the runtime as any user has it.

use crate::{float_control, host};
use wasmc_abi::checksum::xxh32;
use wasmc_runtime::{AnyRef, Error, Extern, ExternRef, HeapType, Instance, Linker, Module, Store, Val};
use wasmc_test_protocol::{Any, Inspect, Reply, Request, Value, Values};

/// The instances of a test, and what they can import.
pub struct Machine {
    store: Store<()>,
    linker: Linker<()>,
    instances: Vec<Option<Instance>>,
    odd_floats: bool,
}

/// Why a request could not be met.
enum Stop {
    Run(Error),
    Failed(String),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Run(error)
    }
}

impl Machine {
    /// One without instances.
    pub fn new() -> Machine {
        let mut store = Store::new(());
        if std::env::var_os("WASMC_STRESS_COLLECTOR").is_some() {
            store.stress_collector();
        }
        let mut linker = Linker::new();
        host::define(&mut linker, &mut store);
        Machine { store, linker, instances: Vec::new(), odd_floats: false }
    }

    /// Does what is asked and hands the answer to `answer`, if there is to be one.
    pub fn perform(&mut self, request: Request<'_>, answer: impl FnOnce(Reply<'_>)) {
        if let Request::Skip(_) = request {
            return;
        }
        if let Request::Inspect { what: Inspect::Memory, slot, name } = request {
            match self.memory(slot, name) {
                Ok(bytes) => answer(Reply::Bytes(bytes)),
                Err(stop) => answer_stop(&self.store, stop, answer),
            }
            return;
        }
        match self.values(request) {
            Ok(values) => answer(Reply::Values(Values::List(&values))),
            Err(stop) => answer_stop(&self.store, stop, answer),
        }
    }

    fn values(&mut self, request: Request<'_>) -> Result<Vec<Value>, Stop> {
        match request {
            Request::Skip(_) => {}
            Request::Reset => *self = Machine::new(),
            Request::Instantiate { slot, image } => self.instantiate(slot as usize, image)?,
            Request::Register { slot, name } => {
                let instance = self.instance(slot)?;
                self.linker.instance(&self.store, name, instance);
            }
            Request::Invoke { slot, name, args } => return self.invoke(slot, name, args),
            Request::Inspect { what, slot, name } => return self.inspect(what, slot, name),
            Request::FloatControl { odd } => self.odd_floats = odd,
        }
        Ok(Vec::new())
    }

    fn instantiate(&mut self, slot: usize, image: &[u8]) -> Result<(), Stop> {
        // SAFETY: the tests send images that the compiler under test has just made, unaltered.
        let module = unsafe { Module::load_unsigned(image) }?;
        if self.instances.len() <= slot {
            self.instances.resize(slot + 1, None);
        }
        self.instances[slot] = None;
        self.instances[slot] = Some(self.linker.instantiate(&mut self.store, &module)?);
        Ok(())
    }

    fn instance(&self, slot: u32) -> Result<Instance, Stop> {
        let instance = self.instances.get(slot as usize).copied().flatten();
        instance.ok_or_else(|| Stop::Failed("there is no module".into()))
    }

    fn export(&self, slot: u32, name: &str) -> Result<Option<Extern>, Stop> {
        Ok(self.instance(slot)?.get_export(&self.store, name))
    }

    fn invoke(&mut self, slot: u32, name: &str, args: Values<'_>) -> Result<Vec<Value>, Stop> {
        let Some(Extern::Func(func)) = self.export(slot, name)? else {
            return Err(absent("function", name));
        };
        let args: Vec<Val> = args.iter().map(|value| to_val(&mut self.store, value)).collect::<Result<_, _>>()?;
        let call = |store: &mut Store<()>| func.call(store, &args);
        let results = if self.odd_floats {
            let (results, kept) = float_control::oddly(|| call(&mut self.store));
            if !kept {
                return Err(Stop::Failed("the host's floating-point control was changed".into()));
            }
            results
        } else {
            call(&mut self.store)
        };
        Ok(results?.iter().map(|value| from_val(&self.store, value)).collect())
    }

    fn inspect(&self, what: Inspect, slot: u32, name: &str) -> Result<Vec<Value>, Stop> {
        match (what, self.export(slot, name)?) {
            (Inspect::Global, Some(Extern::Global(global))) => {
                Ok(vec![from_val(&self.store, &global.get(&self.store))])
            }
            (Inspect::TableLen, Some(Extern::Table(table))) => Ok(vec![Value::I64(table.size(&self.store))]),
            (Inspect::MemorySum, Some(Extern::Memory(memory))) => {
                let bytes = memory.data(&self.store);
                Ok(vec![Value::I64(bytes.len() as u64), Value::I32(xxh32(bytes, 0))])
            }
            (what, _) => Err(absent(&format!("{what:?}"), name)),
        }
    }

    fn memory(&self, slot: u32, name: &str) -> Result<&[u8], Stop> {
        match self.export(slot, name)? {
            Some(Extern::Memory(memory)) => Ok(memory.data(&self.store)),
            _ => Err(absent("memory", name)),
        }
    }
}

fn absent(what: &str, name: &str) -> Stop {
    Stop::Failed(format!("there is no {what} `{name}`"))
}

fn answer_stop(store: &Store<()>, stop: Stop, answer: impl FnOnce(Reply<'_>)) {
    match stop {
        Stop::Run(Error::Trap(trap)) => answer(Reply::Trap(trap.code)),
        Stop::Run(Error::Exception(exception)) => {
            let values: Vec<Value> = exception.values().iter().map(|value| from_val(store, value)).collect();
            answer(Reply::Exception(Values::List(&values)));
        }
        Stop::Run(Error::Link(error)) => answer(Reply::Link(&error.to_string())),
        Stop::Run(error) => answer(Reply::Failed(&error.to_string())),
        Stop::Failed(text) => answer(Reply::Failed(&text)),
    }
}

/// References to functions, exceptions and other objects cannot be sent; null can.
fn to_val(store: &mut Store<()>, value: Value) -> Result<Val, Error> {
    Ok(match value {
        Value::I32(bits) => Val::I32(bits as i32),
        Value::I64(bits) => Val::I64(bits as i64),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(bits) => Val::V128(bits),
        Value::FuncRef(_) => Val::FuncRef(None),
        Value::ExternRef(token) => Val::ExternRef(ExternRef::new(token)),
        Value::ExnRef(_) => Val::ExnRef(None),
        Value::AnyRef(Any::I31(value)) => Val::AnyRef(Some(AnyRef::from_i31(store, value as i32))),
        Value::AnyRef(Any::Host(token)) => match ExternRef::new(token) {
            Some(value) => Val::AnyRef(Some(AnyRef::from_host(store, value)?)),
            None => Val::AnyRef(None),
        },
        Value::AnyRef(_) => Val::AnyRef(None),
    })
}

fn from_val(store: &Store<()>, value: &Val) -> Value {
    match *value {
        Val::I32(value) => Value::I32(value as u32),
        Val::I64(value) => Value::I64(value as u64),
        Val::F32(bits) => Value::F32(bits),
        Val::F64(bits) => Value::F64(bits),
        Val::V128(bits) => Value::V128(bits),
        Val::FuncRef(func) => Value::FuncRef(func.is_some()),
        Val::ExternRef(reference) => Value::ExternRef(reference.map_or(0, ExternRef::token)),
        Val::ExnRef(reference) => Value::ExnRef(reference.is_some()),
        Val::AnyRef(None) => Value::AnyRef(Any::Null),
        Val::AnyRef(Some(reference)) => Value::AnyRef(match reference.heap_type(store) {
            HeapType::I31 => Any::I31(reference.i31(store).unwrap_or(0) as u32),
            HeapType::Struct => Any::Struct,
            HeapType::Array => Any::Array,
            _ => Any::Host(reference.host(store).map_or(0, ExternRef::token)),
        }),
    }
}
