//! What a caller may choose.

use crate::parse::Proposals;
use crate::profile::Profiling;
use crate::target::Target;
use std::num::NonZeroUsize;
pub use wasmc_abi::target::MemoryModel;

/// Bytes of Wasm code in a unit: enough that nothing measurable is lost where it ends, and little is compiled again after a
/// change (`docs/performance.md`).
const UNIT_LEN: usize = 64 << 10;

/// Options of a compilation. The defaults are those of the command.
#[derive(Clone, Debug)]
pub struct Options {
    /// The machine to compile for, with its CPU features.
    pub target: Target,
    /// The proposals that modules may use.
    pub proposals: Proposals,
    /// How accesses to linear memory are kept inside it.
    pub memory: MemoryModel,
    /// How much to optimise, and for what.
    pub level: OptLevel,
    /// Threads that compile units. The output does not depend on it.
    pub threads: NonZeroUsize,
    /// How many bytes of Wasm code make a unit of compilation (`docs/architecture.md`). Nothing is inlined from one unit
    /// into another.
    pub unit_len: usize,
    /// Leave out function names, Wasm offsets and the symbol table.
    pub strip: bool,
    /// Every target gives the same bits: NaNs that arithmetic makes are canonical, and relaxed vector instructions do
    /// the same everywhere.
    pub deterministic: bool,
    /// On 32-bit ARM, vectors of `f32` are computed by NEON, which takes subnormal numbers for zero. Scalars are not.
    pub neon_float: bool,
    /// Code counts the instructions that it executes, and traps when they are more than the host allows.
    pub fuel: bool,
    /// Whether code counts which way it goes, or is made by what was counted.
    pub profiling: Profiling,
}

impl Options {
    /// Whether functions that loops within loops call are inlined as if they had no checks: at the level that has time for it.
    pub(crate) fn discounts_checks(&self) -> bool {
        self.level == OptLevel::O3 && self.memory == MemoryModel::Checked
    }

    /// Bytes of a loop in which, in the `guard` model, plain accesses have a check as long as LLVM optimises; all others stand
    /// without one from the start (`translate/trapping.rs`). None has one at the end. Until then, checks are worth what they
    /// cost only where LLVM is to hoist, combine or vectorise accesses, and loops that are long are not doubled
    /// (`optimize/counted`). An interpreter's loop counts as long. `None` if all accesses have one.
    pub fn checked_loop_max(&self) -> Option<u32> {
        match (self.memory, self.level) {
            (MemoryModel::Guard, OptLevel::O1) => Some(0),
            (MemoryModel::Guard, OptLevel::O2) => Some(256),
            (MemoryModel::Guard, OptLevel::O3) => Some(1024),
            _ => None,
        }
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            target: Target::default(),
            proposals: Proposals::default(),
            memory: MemoryModel::Guard,
            level: OptLevel::O2,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            unit_len: UNIT_LEN,
            strip: false,
            deterministic: false,
            neon_float: false,
            fuel: false,
            profiling: Profiling::None,
        }
    }
}

impl Options {
    /// All that code depends on, in words, for digests: different options have different descriptions.
    pub fn description(&self) -> String {
        // Named one by one, so that a new option has to be thought about; threads change nothing.
        let Options {
            target,
            proposals,
            memory,
            level,
            threads: _,
            unit_len,
            strip,
            deterministic,
            neon_float,
            fuel,
            profiling,
        } = self;
        let profiling = match profiling {
            Profiling::None => "none".into(),
            Profiling::Generate => "generate".into(),
            Profiling::Use(profile) => format!("{:x?}", profile.digest()),
        };
        format!(
            "target {} {}\ncpu {} {} {} {:#x}\nmemory {memory}\nlevel {}\nunits {unit_len}\nstrip {strip}\ndeterministic {deterministic}\nneon_float {neon_float}\nfuel {fuel}\nprofile {profiling}\nproposals {proposals:?}\n",
            target.row.name,
            target.row.triple,
            target.cpu,
            target.llvm_tune,
            target.llvm_features,
            target.required,
            level.name(),
        )
    }
}

/// How much to optimise, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the field's")]
pub enum OptLevel {
    O0,
    O1,
    O2,
    O3,
    Os,
    Oz,
}

impl OptLevel {
    /// Every level.
    pub const ALL: [OptLevel; 6] = [OptLevel::O0, OptLevel::O1, OptLevel::O2, OptLevel::O3, OptLevel::Os, OptLevel::Oz];

    /// The name, as after `-`: `O2`.
    pub fn name(self) -> &'static str {
        ["O0", "O1", "O2", "O3", "Os", "Oz"][self as usize]
    }

    /// Whether code is to be small.
    pub fn is_for_size(self) -> bool {
        matches!(self, OptLevel::Os | OptLevel::Oz)
    }
}

/// Where the pipeline may stop and show what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emit {
    /// The parsed module.
    Module,
    /// LLVM IR as translated.
    Llvm,
    /// LLVM IR as given to code generation.
    Optimized,
    /// A relocatable object file.
    Object,
    /// Assembly.
    Asm,
    /// The image.
    Aot,
}
