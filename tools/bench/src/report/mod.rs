//! Everything that a run found, with what it takes to repeat it. `--format=json` prints this; `text` makes tables of it.

pub mod text;

use serde::Serialize;

use crate::clang::Clang;
use crate::engines::Engine;
use crate::kernels::Group;
use crate::machine::Machine;
use crate::measure::{EngineMeasurement, Measurement, paired_ratio};
use crate::options::Options;
use crate::statistics::{Summary, geometric_mean};

/// Pairs that get a column of their own when both ran: how much faster the first is than the second.
const DUELS: &[(&str, &str)] = &[("guard", "wasmtime")];

/// One run of the benchmark.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where it ran.
    pub machine: Machine,
    /// What built the modules.
    pub clang: String,
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
}

/// An engine's name with its version and settings.
#[derive(Debug, Serialize)]
pub struct EngineDescription {
    /// As the columns are headed.
    pub name: String,
    /// Version and settings.
    pub description: String,
}

/// The first engine against the second.
#[derive(Debug, Serialize)]
pub struct Duel {
    /// `first/second`.
    pub name: String,
    /// The second's duration over the first's, one entry for each kernel.
    pub ratios: Vec<Summary>,
}

impl Report {
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
            rounds: options.rounds,
            compile_rounds: options.compile_rounds,
            engines: engines.iter().map(|engine| describe(engine.as_ref())).collect(),
            measurements,
            duels,
        }
    }

    /// Geometric mean over the kernels of a value that the engine at `index` has in each.
    pub fn mean_over_kernels(&self, index: usize, value: impl Fn(&EngineMeasurement) -> f64) -> f64 {
        geometric_mean(self.measurements.iter().map(|measurement| value(&measurement.engines[index])))
    }

    /// The rows of a group: where its kernels stand among the measurements.
    pub fn rows_of(&self, group: Group) -> Vec<usize> {
        (0..self.measurements.len()).filter(|row| self.measurements[*row].group == group).collect()
    }
}

fn fight((first, second): (&str, &str), measurements: &[Measurement]) -> Option<Duel> {
    let ratios: Option<Vec<Summary>> = measurements
        .iter()
        .map(|measurement| {
            let runs_of = |name| measurement.engines.iter().find(|one| one.engine == name).map(|one| &one.run_seconds);
            Some(paired_ratio(runs_of(second)?, runs_of(first)?))
        })
        .collect();
    Some(Duel { name: format!("{first}/{second}"), ratios: ratios? })
}
