//! The configurations that every claim about code is checked in: a platform, a level, a memory model.
//!
//! By default those of x86-64, which runs natively. `SPEC_TARGET=aarch64-linux,riscv64-linux` (or `all` with an
//! operating system, or `boards`) chooses other platforms, `SPEC_CONFIG=O2-guard` (or `O2`, `guard`) some of their
//! configurations, or levels that are not tried by default. What is compiled for size is stripped. `alone` stands for
//! configurations in which each function is a unit of compilation by itself; one of them is tried by default where
//! nothing is emulated.

use std::env;
use std::fmt;
use std::num::NonZeroUsize;
use wasmc::target::{Target, TargetRow};
use wasmc::{MemoryModel, OptLevel, Options};

/// A target with CPU features, and what runs its programs here.
#[derive(Debug)]
pub struct Platform {
    /// The target's name.
    pub target: &'static str,
    /// CPU features beside the target's own, as the command takes them.
    pub features: &'static str,
    /// The levels that are tried by default.
    levels: &'static [OptLevel],
    /// What stands in for the machine, unless this one is such a machine.
    pub emulator: Option<Emulator>,
}

/// Another machine on this one.
#[derive(Debug)]
pub struct Emulator {
    /// The machine that programs are built for, as `cargo xtask cross` calls it; of a board, its target.
    pub machine: &'static str,
    /// The words before the program.
    pub command: &'static [&'static str],
    /// Whether it is a board without an operating system, whose runner is firmware.
    pub is_board: bool,
}

const NATIVE: &[OptLevel] = &[OptLevel::O0, OptLevel::O2, OptLevel::O3, OptLevel::Os];
const EMULATED: &[OptLevel] = &[OptLevel::O0, OptLevel::O3];
const SMALL: &[OptLevel] = &[OptLevel::O0, OptLevel::O3, OptLevel::Os];

const AARCH64: Option<Emulator> =
    Some(Emulator { machine: "aarch64", command: &["qemu-aarch64-static"], is_board: false });
// Its CPU has NEON; code that does without must run as well.
const ARM: Option<Emulator> = Some(Emulator { machine: "armv7", command: &["qemu-arm-static"], is_board: false });
const RISCV64: Option<Emulator> =
    Some(Emulator { machine: "riscv64", command: &["qemu-riscv64-static"], is_board: false });
// Vectors longer than the shortest that there may be: code must not count on either length.
const RISCV64_V: Option<Emulator> = Some(Emulator {
    machine: "riscv64",
    command: &["qemu-riscv64-static", "-cpu", "rv64,v=true,vext_spec=v1.0,vlen=256"],
    is_board: false,
});

const fn board(target: &'static str, command: &'static [&'static str]) -> Platform {
    let emulator = Some(Emulator { machine: target, command, is_board: true });
    Platform { target, features: "", levels: EMULATED, emulator }
}

/// No screen, no console; files of the emulator's host by semihosting.
macro_rules! qemu {
    ($($word:literal),*) => {
        &[$($word,)* "-display", "none", "-monitor", "none", "-serial", "null", "-semihosting-config",
            "enable=on,target=native", "-kernel"]
    };
}
const CORTEX_M: &[&str] = qemu!["qemu-system-arm", "-machine", "mps2-an386"];
const RISCV32: &[&str] = qemu!["qemu-system-riscv32", "-machine", "virt", "-bios", "none", "-m", "1536M"];

/// Every platform; those with an operating system first, of which the first is the default.
pub static PLATFORMS: &[Platform] = &[
    Platform { target: "x86_64-linux", features: "", levels: NATIVE, emulator: None },
    Platform { target: "aarch64-linux", features: "", levels: SMALL, emulator: AARCH64 },
    Platform { target: "armv7-linux", features: "", levels: EMULATED, emulator: ARM },
    Platform { target: "thumbv7-linux", features: "", levels: SMALL, emulator: ARM },
    Platform { target: "riscv64-linux", features: "", levels: SMALL, emulator: RISCV64 },
    Platform { target: "armv7-linux", features: "+neon", levels: EMULATED, emulator: ARM },
    Platform { target: "thumbv7-linux", features: "+neon", levels: EMULATED, emulator: ARM },
    Platform { target: "riscv64-linux", features: "+v", levels: EMULATED, emulator: RISCV64_V },
    board("thumbv7em-none-hf", CORTEX_M),
    board("thumbv7em-none", CORTEX_M),
    board("riscv32imafc-none", RISCV32),
    board("riscv32imac-none", RISCV32),
];

impl Platform {
    /// The compiler's target.
    pub fn compile_target(&self) -> Target {
        Target::new(self.target, None, &[self.features.into()]).unwrap_or_else(|error| panic!("{self}: {error}"))
    }

    /// Whether it is firmware on a board.
    pub fn is_board(&self) -> bool {
        self.emulator.as_ref().is_some_and(|emulator| emulator.is_board)
    }

    fn row(&self) -> &'static TargetRow {
        self.compile_target().row
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.target, self.features)
    }
}

/// A platform, a level and a memory model; everything else as users get it.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// What the code is for.
    pub platform: &'static Platform,
    /// How much is optimised.
    pub level: OptLevel,
    /// How accesses are kept inside linear memory.
    pub memory: MemoryModel,
    /// Whether each function is a unit by itself, so that all that units have to know of one another is needed.
    pub alone: bool,
}

impl Config {
    /// Configurations of a platform at these levels, in each memory model that its target has.
    fn all(platform: &'static Platform, levels: &'static [OptLevel]) -> impl Iterator<Item = Config> {
        let models = platform.row().memory_models;
        let of_level =
            move |level| models.iter().map(move |memory| Config { platform, level, memory: *memory, alone: false });
        levels.iter().flat_map(move |level| of_level(*level))
    }

    /// Those that the environment selects.
    pub fn selected() -> Vec<Config> {
        let targets = variable("SPEC_TARGET");
        let targets = if targets.is_empty() { vec![PLATFORMS[0].target.to_string()] } else { targets };
        let wanted = |platform: &&Platform| {
            let group = if platform.is_board() { "boards" } else { "all" };
            targets.iter().any(|target| *target == platform.to_string() || target == group)
        };
        let words = variable("SPEC_CONFIG");
        let words: Vec<&str> = words.iter().flat_map(|word| word.split('-')).collect();
        let names_level = words.iter().any(|word| OptLevel::ALL.iter().any(|level| level.name() == *word));
        let levels = |platform: &Platform| if names_level { &OptLevel::ALL } else { platform.levels };
        let names_alone = words.contains(&ALONE);
        let alone = |platform: &'static Platform| {
            let levels = if names_level { &OptLevel::ALL } else { &[OptLevel::O1][..] };
            let by_default = usize::from(words.is_empty() && platform.emulator.is_none());
            let all = Config::all(platform, levels).map(|config| Config { alone: true, ..config });
            all.take(if names_alone { usize::MAX } else { by_default })
        };
        let has = |config: &Config, word: &str| {
            config.level.name() == word || config.memory.name() == word || (config.alone && word == ALONE)
        };
        let configs: Vec<Config> = PLATFORMS
            .iter()
            .filter(wanted)
            .flat_map(|platform| Config::all(platform, levels(platform)).chain(alone(platform)))
            .filter(|config| words.iter().all(|word| has(config, word)))
            .collect();
        assert!(!configs.is_empty(), "SPEC_TARGET and SPEC_CONFIG leave no configuration");
        configs
    }

    /// Options of a compilation. One thread: the tests themselves run side by side.
    pub fn options(self) -> Options {
        Options {
            target: self.platform.compile_target(),
            level: self.level,
            memory: self.memory,
            strip: self.level.is_for_size(),
            threads: NonZeroUsize::MIN,
            unit_len: if self.alone { 1 } else { Options::default().unit_len },
            ..Options::default()
        }
    }
}

/// The word for configurations with a unit a function.
const ALONE: &str = "alone";

/// The words of a variable of the environment.
fn variable(name: &str) -> Vec<String> {
    let text = env::var(name).unwrap_or_default();
    text.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_string).collect()
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.platform, self.level.name(), self.memory.name())?;
        if self.alone { write!(f, " {ALONE}") } else { Ok(()) }
    }
}
