//! One kernel on every engine: compiled, loaded, then called in interleaved rounds, so that whatever slows the machine
//! for a while slows all of them.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::artifact::text_len_bytes;
use crate::engines::{Engine, Program};
use crate::kernels::{Group, Kernel};
use crate::options::Options;
use crate::statistics::{Summary, median};

/// What one kernel gave. The engines stand in the order of the engine list, the reference first.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measurement {
    /// The kernel's name.
    pub kernel: String,
    /// The group whose mean it counts in.
    pub group: Group,
    /// The amount of work.
    pub n: u32,
    /// What all engines returned.
    pub checksum: u32,
    /// The module's size.
    pub wasm_len_bytes: usize,
    /// One entry for each engine that takes the kernel.
    pub engines: Vec<EngineMeasurement>,
}

impl Measurement {
    /// What the engine of that name did, if it ran.
    pub fn of(&self, engine: &str) -> Option<&EngineMeasurement> {
        self.engines.iter().find(|one| one.engine == engine)
    }
}

/// What one engine did with one kernel.
#[derive(Debug, Serialize, Deserialize)]
pub struct EngineMeasurement {
    /// The engine's name.
    pub engine: String,
    /// Median over the compilations.
    pub compile_seconds: f64,
    /// The whole artifact, as it would be stored.
    pub artifact_len_bytes: usize,
    /// The machine code in it.
    pub text_len_bytes: u64,
    /// Processor time of `run(n)`, one value a round.
    pub run_seconds: Vec<f64>,
    /// The reference's duration over this one's, summarised over the rounds: 1 is native speed, higher is better.
    pub share_of_native: Summary,
}

/// Compiles, warms up and measures. An engine whose checksum differs from the reference's is an error.
pub fn measure(
    kernel: &'static Kernel,
    n: u32,
    wasm: &[u8],
    engines: &[Box<dyn Engine>],
    options: &Options,
) -> Result<Measurement> {
    let engines: Vec<&dyn Engine> = engines.iter().map(AsRef::as_ref).filter(|engine| engine.takes(kernel)).collect();
    let mut compiled = Vec::new();
    let mut programs = Vec::new();
    for engine in &engines {
        let artifact = compile(*engine, kernel, wasm, options)
            .with_context(|| format!("{} cannot compile {}.", engine.name(), kernel.name))?;
        let program = engine
            .load(kernel, &artifact.bytes)
            .with_context(|| format!("{} cannot load {}.", engine.name(), kernel.name))?;
        compiled.push(artifact);
        programs.push(program);
    }

    let mut calls = Calls { kernel, n, checksum: None };
    let rounds = run_rounds(&mut calls, &engines, &mut programs, options.rounds)?;
    let checksum = calls.checksum.expect("the reference has run");
    let engines = summarise(&engines, compiled, rounds)?;
    let kernel_name = kernel.name.to_owned();
    Ok(Measurement { kernel: kernel_name, group: kernel.group, n, checksum, wasm_len_bytes: wasm.len(), engines })
}

/// Kept beside the time that it took.
struct Artifact {
    bytes: Vec<u8>,
    compile_seconds: f64,
}

fn compile(engine: &dyn Engine, kernel: &Kernel, wasm: &[u8], options: &Options) -> Result<Artifact> {
    let mut bytes = Vec::new();
    let mut seconds = Vec::new();
    for _ in 0..options.compile_rounds {
        let start = Instant::now();
        bytes = engine.compile(kernel, wasm)?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    if let Some(dir) = &options.keep {
        let path = dir.join(format!("{}.{}.elf", kernel.name, engine.name()));
        std::fs::write(&path, &bytes).with_context(|| format!("{} cannot be written.", path.display()))?;
    }
    Ok(Artifact { bytes, compile_seconds: median(&seconds) })
}

/// Returns, for each engine, the seconds of each round.
fn run_rounds(
    calls: &mut Calls,
    engines: &[&dyn Engine],
    programs: &mut [Program],
    rounds: u32,
) -> Result<Vec<Vec<f64>>> {
    // Untimed: pages are touched and checksums compared before anything counts.
    for (engine, program) in engines.iter().zip(&mut *programs) {
        calls.time(*engine, program)?;
    }
    let mut seconds = vec![Vec::new(); engines.len()];
    for round in 0..rounds as usize {
        for turn in 0..engines.len() {
            // Each round begins with another engine, so that none always follows the same one.
            let index = (round + turn) % engines.len();
            seconds[index].push(calls.time(engines[index], &mut programs[index])?);
        }
    }
    Ok(seconds)
}

/// The calls of one kernel, all of which must return the same.
struct Calls {
    kernel: &'static Kernel,
    n: u32,
    checksum: Option<u32>,
}

impl Calls {
    fn time(&mut self, engine: &dyn Engine, program: &mut Program) -> Result<f64> {
        let start = processor_seconds();
        let returned = program(self.n);
        let seconds = processor_seconds() - start;
        let returned = returned.with_context(|| format!("{} failed in {}.", engine.name(), self.kernel.name))?;
        let expected = *self.checksum.get_or_insert(returned);
        ensure!(
            returned == expected,
            "{} returned {returned:#010x} for {}({}), native code {expected:#010x}.",
            engine.name(),
            self.kernel.name,
            self.n,
        );
        Ok(seconds)
    }
}

/// Time that this thread has had a processor for: what others do on the machine counts less than in a clock's time.
fn processor_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn summarise(
    engines: &[&dyn Engine],
    compiled: Vec<Artifact>,
    rounds: Vec<Vec<f64>>,
) -> Result<Vec<EngineMeasurement>> {
    let reference = rounds[0].clone();
    engines
        .iter()
        .zip(compiled)
        .zip(rounds)
        .map(|((engine, artifact), run_seconds)| {
            Ok(EngineMeasurement {
                engine: engine.name().to_owned(),
                compile_seconds: artifact.compile_seconds,
                artifact_len_bytes: artifact.bytes.len(),
                text_len_bytes: text_len_bytes(&artifact.bytes)?,
                share_of_native: paired_ratio(&reference, &run_seconds),
                run_seconds,
            })
        })
        .collect()
}

/// How much faster `other` is than `reference`, round by round.
pub fn paired_ratio(reference: &[f64], other: &[f64]) -> Summary {
    Summary::of(&paired_ratios(reference, other))
}

/// An engine's share of native speed in each round, if it ran.
pub fn shares_of_native(measurement: &Measurement, engine: &str) -> Option<Vec<f64>> {
    let reference = measurement.engines.first()?;
    Some(paired_ratios(&reference.run_seconds, &measurement.of(engine)?.run_seconds))
}

fn paired_ratios(reference: &[f64], other: &[f64]) -> Vec<f64> {
    reference.iter().zip(other).map(|(reference, other)| reference / other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Named(&'static str);

    impl Engine for Named {
        fn name(&self) -> &str {
            self.0
        }
        fn description(&self) -> String {
            String::new()
        }
        fn compile(&self, _kernel: &Kernel, _wasm: &[u8]) -> Result<Vec<u8>> {
            Ok(Vec::new())
        }
        fn load(&self, _kernel: &Kernel, _artifact: &[u8]) -> Result<Program> {
            unreachable!("the test makes its own programs")
        }
    }

    #[test]
    fn an_engine_that_disagrees_with_native_is_an_error() {
        let engines: [&dyn Engine; 2] = [&Named("native"), &Named("other")];
        let mut programs: [Program; 2] = [Box::new(|n| Ok(n + 1)), Box::new(|n| Ok(n + 2))];
        let mut calls = Calls { kernel: crate::kernels::find("fib").unwrap(), n: 1, checksum: None };
        let error = run_rounds(&mut calls, &engines, &mut programs, 1).unwrap_err();
        assert_eq!(error.to_string(), "other returned 0x00000003 for fib(1), native code 0x00000002.");
    }

    #[test]
    fn twice_the_time_is_half_the_share() {
        assert_eq!(paired_ratio(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]), Summary { median: 0.5, min: 0.5, max: 0.5 });
    }
}
