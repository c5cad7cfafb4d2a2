//! The configurations that every claim about code is checked in.

use std::fmt;
use std::num::NonZeroUsize;
use wasmc::{MemoryModel, OptLevel, Options};

/// A level and a memory model; everything else as users get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How much is optimised.
    pub level: OptLevel,
    /// How accesses are kept inside linear memory.
    pub memory: MemoryModel,
}

impl Config {
    /// No optimisation, the default, and the most; in both memory models.
    pub const ALL: [Config; 6] = [
        Config { level: OptLevel::O0, memory: MemoryModel::Guard },
        Config { level: OptLevel::O0, memory: MemoryModel::Checked },
        Config { level: OptLevel::O2, memory: MemoryModel::Guard },
        Config { level: OptLevel::O2, memory: MemoryModel::Checked },
        Config { level: OptLevel::O3, memory: MemoryModel::Guard },
        Config { level: OptLevel::O3, memory: MemoryModel::Checked },
    ];

    /// Options of a compilation. One thread: the tests themselves run side by side.
    pub fn options(self) -> Options {
        Options { level: self.level, memory: self.memory, threads: NonZeroUsize::MIN, ..Options::default() }
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.level.name(), self.memory.name())
    }
}
