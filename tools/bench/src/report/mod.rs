//! Everything that a run found, with what it takes to repeat it. `--format=json` prints this; `text` makes tables of
//! it, `chart` a picture.

pub mod chart;
pub mod compare;
pub mod text;

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use self::compare::Comparison;
use crate::clang::Clang;
use crate::engines::Engine;
use crate::kernels::Group;
use crate::machine::Machine;
use crate::measure::{EngineMeasurement, Measurement, paired_ratio};
use crate::options::Options;
use crate::statistics::{Summary, geometric_mean};

/// Pairs that get a column of their own when both ran: how much faster the first is than the second.
const DUELS: &[(&str, &str)] = &[("guard", "wasmtime"), ("guard", "wasm2c")];

/// One run of the benchmark.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Where it ran.
    pub machine: Machine,
    /// What built the modules.
    pub clang: String,
    /// Whether all modules have vectors, or those of the vector group alone.
    pub vectors: bool,
    /// Timed rounds.
    pub rounds: u32,
    /// Compilations behind each compile time.
    pub compile_rounds: u32,
    /// The engines, the reference first.
    pub engines: Vec<EngineDescription>,
    /// One entry for each kernel.
    pub measurements: Vec<Measurement>,
    /// Comparisons of two engines other than the reference.
    pub duels: Vec<Duel>,
    /// What changed since another run, if one was named.
    pub comparison: Option<Comparison>,
}

/// An engine's name with its version and settings.
#[derive(Debug, Serialize, Deserialize)]
pub struct EngineDescription {
    /// As the columns are headed.
    pub name: String,
    /// Version and settings.
    pub description: String,
}

/// The first engine against the second.
#[derive(Debug, Serialize, Deserialize)]
pub struct Duel {
    /// `first/second`.
    pub name: String,
    /// The second's duration over the first's, one entry for each kernel, empty where one of them did not run.
    pub ratios: Vec<Option<Summary>>,
}

impl Report {
    /// One that `--format=json` printed.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("{} cannot be read.", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is not what --format=json prints.", path.display()))
    }

    /// Of measurements made with these engines.
    pub fn new(options: &Options, clang: &Clang, engines: &[Box<dyn Engine>], measurements: Vec<Measurement>) -> Self {
        let describe = |engine: &dyn Engine| EngineDescription {
            name: engine.name().to_owned(),
            description: engine.description(),
        };
        let duels = DUELS.iter().filter_map(|&pair| fight(pair, &measurements)).collect();
        Self {
            machine: Machine::describe(),
            clang: clang.version.clone(),
            vectors: options.vectors,
            rounds: options.rounds,
            compile_rounds: options.compile_rounds,
            // One that takes none of the kernels has nothing to say.
            engines: engines
                .iter()
                .filter(|engine| measurements.iter().any(|measurement| measurement.of(engine.name()).is_some()))
                .map(|engine| describe(engine.as_ref()))
                .collect(),
            measurements,
            duels,
            comparison: None,
        }
    }

    /// Geometric mean of a value of an engine over the kernels that it took.
    pub fn mean_over_kernels(&self, engine: &str, value: impl Fn(&EngineMeasurement) -> f64) -> f64 {
        geometric_mean(self.measurements.iter().filter_map(|measurement| measurement.of(engine)).map(value))
    }

    /// The rows of a group: where its kernels stand among the measurements.
    pub fn rows_of(&self, group: Group) -> Vec<usize> {
        (0..self.measurements.len()).filter(|row| self.measurements[*row].group == group).collect()
    }
}

fn fight((first, second): (&str, &str), measurements: &[Measurement]) -> Option<Duel> {
    let ratio = |measurement: &Measurement| {
        Some(paired_ratio(&measurement.of(second)?.run_seconds, &measurement.of(first)?.run_seconds))
    };
    let ratios: Vec<_> = measurements.iter().map(ratio).collect();
    ratios.iter().any(Option::is_some).then(|| Duel { name: format!("{first}/{second}"), ratios })
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A report of one kernel in which native code takes a second a round, and each engine what makes it that share.
    pub fn report(kernel: &str, shares: &[(&str, &[f64])]) -> Report {
        let rounds = shares[0].1.len();
        let engine = |&(name, shares): &(&str, &[f64])| EngineMeasurement {
            engine: name.to_owned(),
            compile_seconds: 1.0,
            artifact_len_bytes: 1,
            text_len_bytes: 1,
            run_seconds: shares.iter().map(|share| 1.0 / share).collect(),
            share_of_native: Summary::of(shares),
        };
        let native = vec![1.0; rounds];
        let engines: Vec<_> = [("native", native.as_slice())].iter().chain(shares).map(engine).collect();
        let describe =
            |one: &EngineMeasurement| EngineDescription { name: one.engine.clone(), description: String::new() };
        Report {
            machine: Machine { cpu: String::new(), cpu_count: 1, linux: String::new() },
            clang: String::new(),
            vectors: false,
            rounds: rounds as u32,
            compile_rounds: 1,
            engines: engines.iter().map(describe).collect(),
            measurements: vec![Measurement {
                kernel: kernel.to_owned(),
                group: Group::Pointers,
                n: 1,
                checksum: 0,
                wasm_len_bytes: 1,
                engines,
            }],
            duels: Vec::new(),
            comparison: None,
        }
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let written = serde_json::to_string(&report("fib", &[("guard", &[0.5, 0.25])])).unwrap();
        let read: Report = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), written);
    }
}
