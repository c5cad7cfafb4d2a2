//! The compiler here and the runtime in a runner, behind the same calls as the oracle.

use crate::{Config, Outcome, Platform, Runner, Value};
use std::time::Duration;
use wasmc_abi::profile;
use wasmc_test_protocol::{Inspect, Request, Values};

/// Instances of compiled code. Calls go to the youngest.
#[derive(Debug)]
pub struct Engine {
    /// Always there, until it is dropped.
    runner: Option<Runner>,
    instances: u32,
}

impl Engine {
    /// Compiles and instantiates a module without imports; Wasm or text.
    pub fn new(wasm: &[u8], config: Config) -> Result<Engine, Outcome> {
        let image = wasmc::compile(wasm, &config.options()).map_err(|error| Outcome::Other(error.to_string()))?;
        Engine::of(&image, config.platform)
    }

    /// Instantiates an image without imports, other than from the host's modules.
    pub fn of(image: &[u8], platform: &'static Platform) -> Result<Engine, Outcome> {
        let mut engine = Engine { runner: Some(Runner::take(platform)), instances: 0 };
        engine.instantiate(image)?;
        Ok(engine)
    }

    /// Adds an instance, which can import from those that are registered.
    pub fn instantiate(&mut self, image: &[u8]) -> Result<(), Outcome> {
        let slot = self.instances;
        self.instances += 1;
        done(self.runner().ask(&Request::Instantiate { slot, image }))
    }

    /// Gives the youngest instance a name to import from.
    pub fn register(&mut self, name: &str) -> Result<(), Outcome> {
        let slot = self.slot();
        done(self.runner().ask(&Request::Register { slot, name }))
    }

    fn runner(&mut self) -> &mut Runner {
        self.runner.as_mut().expect("it goes only when we do")
    }

    fn slot(&self) -> u32 {
        self.instances - 1
    }

    fn send_call(&mut self, name: &str, args: &[Value]) {
        let slot = self.slot();
        self.runner().send(&Request::Invoke { slot, name, args: Values::List(args) });
    }

    /// Calls an exported function.
    pub fn call(&mut self, name: &str, args: &[Value]) -> Outcome {
        self.send_call(name, args);
        self.runner().fetch()
    }

    /// Calls exported functions, one after the other; faster than each by itself.
    pub fn call_all<'a>(&mut self, calls: impl Iterator<Item = (&'a str, &'a [Value])>) -> Vec<Outcome> {
        let count = calls.map(|(name, args)| self.send_call(name, args)).count();
        (0..count).map(|_| self.runner().fetch()).collect()
    }

    /// Calls an exported function and waits that long for its return.
    pub fn call_within(&mut self, time: Duration, name: &str, args: &[Value]) -> Option<Outcome> {
        self.send_call(name, args);
        self.runner().fetch_within(time)
    }

    /// From now on, calls are made with the host's floating-point control set oddly. An instance must not notice,
    /// and a call that changes it fails.
    pub fn set_odd_float_control(&mut self, odd: bool) {
        done(self.runner().ask(&Request::FloatControl { odd })).unwrap_or_else(|stop| panic!("{stop}"));
    }

    fn inspect(&mut self, what: Inspect, name: &str) -> Outcome {
        let slot = self.slot();
        self.runner().ask(&Request::Inspect { what, slot, name })
    }

    /// What its code has counted, if it was compiled to count.
    pub fn profile(&mut self) -> Option<Vec<u8>> {
        let memory = self.memory(profile::EXPORT)?;
        let head = profile::sealed_head(&memory)?;
        Some([&head.to_bytes(), &memory[profile::PartHeader::LEN..head.len as usize]].concat())
    }

    /// Contents of an exported memory.
    pub fn memory(&mut self, name: &str) -> Option<Vec<u8>> {
        match self.inspect(Inspect::Memory, name) {
            Outcome::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Length and XXH32 of an exported memory.
    pub fn memory_sum(&mut self, name: &str) -> Option<(u64, u32)> {
        match self.inspect(Inspect::MemorySum, name) {
            Outcome::Values(values) => match values[..] {
                [Value::I64(len), Value::I32(sum)] => Some((len, sum)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Value of an exported global.
    pub fn global(&mut self, name: &str) -> Option<Value> {
        match self.inspect(Inspect::Global, name) {
            Outcome::Values(values) => values.first().copied(),
            _ => None,
        }
    }

    /// Count of elements of an exported table.
    pub fn table_count(&mut self, name: &str) -> Option<u64> {
        match self.inspect(Inspect::TableLen, name) {
            Outcome::Values(values) => match values[..] {
                [Value::I64(count)] => Some(count),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(runner) = self.runner.take() {
            runner.give_back();
        }
    }
}

fn done(outcome: Outcome) -> Result<(), Outcome> {
    match outcome {
        Outcome::Values(values) if values.is_empty() => Ok(()),
        other => Err(other),
    }
}
