//! The options that say what code to make, and their way to the compiler in this process or, as
//! arguments, in another.

use super::failure::Failure;
use clap::ValueEnum;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use wasmc::{CompileError, Emit, MemoryModel, OptLevel, Options, Profile, Profiling, Proposals, Target};
use wasmc_abi::target::Arch;
use wasmc_runtime::run::parse_size;

/// Options of code generation, shared by `compile` and `run`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct CodegenArgs {
    /// Machine to compile for (see `wasmc targets`) [default: x86_64-linux]
    #[arg(long, value_name = "NAME|TRIPLE", help_heading = "Code generation")]
    pub target: Option<String>,
    /// CPU or level of it, or `native` for this machine's [default: the target's portable baseline]
    #[arg(long, value_name = "CPU", help_heading = "Code generation")]
    pub cpu: Option<String>,
    /// CPU features to add or take away, such as +avx2,-bmi
    #[arg(long, value_name = "LIST", allow_hyphen_values = true, help_heading = "Code generation")]
    pub features: Vec<String>,
    /// Version of WebAssembly that modules may be written in: mvp, lime1, wasm2 or wasm3, as far as it is compiled
    /// [default: everything that is]
    #[arg(long, value_name = "NAME", help_heading = "Code generation")]
    pub profile: Option<String>,
    /// Proposals that modules may use beside it, by name (`wasmc inspect features` lists those of a module)
    #[arg(long, value_name = "LIST", help_heading = "Code generation")]
    pub enable: Vec<String>,
    /// Proposals that modules may not use
    #[arg(long, value_name = "LIST", help_heading = "Code generation")]
    pub disable: Vec<String>,
    /// How accesses to linear memory are kept inside it [default: the target's first]
    #[arg(long, value_name = "MODEL", value_enum, help_heading = "Code generation")]
    pub memory: Option<Memory>,
    /// How much to optimise: -O0 to -O3, -Os or -Oz for size
    #[arg(
        short = 'O',
        value_name = "LEVEL",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        help_heading = "Code generation"
    )]
    pub level: Level,
    /// Threads that compile; the result does not depend on it [default: all CPUs]
    #[arg(short = 'j', long = "jobs", value_name = "N", help_heading = "Code generation")]
    pub threads: Option<NonZeroUsize>,
    /// Wasm code that is compiled at a time, in bytes or with the unit K or M: less of it makes compiling with
    /// --incremental quicker after a change, and inlines less [default: 64K]
    #[arg(long, value_name = "SIZE", value_parser = size_in_bytes, help_heading = "Code generation")]
    pub unit_size: Option<usize>,
    /// Leave out function names, Wasm offsets and the symbol table; with -Os and -Oz checks share their traps
    #[arg(long, help_heading = "Code generation")]
    pub strip: bool,
    /// The same bits on every target: NaNs that arithmetic makes are canonical, relaxed vector instructions alike
    #[arg(long, help_heading = "Code generation")]
    pub deterministic: bool,
    /// On 32-bit ARM with NEON, compute vectors of f32 with it: faster, but subnormal numbers count as zero
    #[arg(long, conflicts_with = "deterministic", help_heading = "Code generation")]
    pub neon_float: bool,
    /// Make code that counts which way it goes. Run, it leaves a profile: the file default.wasmprof, or that of --profile-file
    #[arg(long, conflicts_with = "profile_use", help_heading = "Code generation")]
    pub profile_generate: bool,
    /// Make the code for what a profile says that it does most. FILE is what a program has left that was compiled with
    /// --profile-generate, for whatever target, or several such files, one after another
    #[arg(long, value_name = "FILE", help_heading = "Code generation")]
    pub profile_use: Option<PathBuf>,
    /// Count executed instructions: how each command's `--fuel` says so to the worker
    #[arg(long, hide = true)]
    pub metered: bool,
    /// Let a thread of the host or a timer stop the code within a millisecond, wherever it is. Every image can be
    /// stopped so, by a signal or an interrupt, and is none the slower for it: nothing has to be chosen
    #[arg(long, help_heading = "Code generation")]
    pub interruptible: bool,
}

/// `--memory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Memory {
    /// The whole index space is reserved; a hardware fault is the check
    Guard,
    /// Explicit compares
    Checked,
}

impl Memory {
    fn model(self) -> MemoryModel {
        match self {
            Memory::Guard => MemoryModel::Guard,
            Memory::Checked => MemoryModel::Checked,
        }
    }
}

/// `-O`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the names are the field's")]
pub enum Level {
    #[value(name = "0")]
    O0,
    #[value(name = "1")]
    O1,
    #[default]
    #[value(name = "2")]
    O2,
    #[value(name = "3")]
    O3,
    #[value(name = "s")]
    Os,
    #[value(name = "z")]
    Oz,
}

/// `--emit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EmitKind {
    /// The parsed module, as text
    Module,
    /// LLVM IR as translated
    Llvm,
    /// LLVM IR as given to code generation
    Optimized,
    /// A relocatable object file
    Object,
    /// Assembly
    Asm,
    /// The .aot file
    #[default]
    Aot,
}

impl EmitKind {
    /// As the library has it.
    pub fn emit(self) -> Emit {
        match self {
            EmitKind::Module => Emit::Module,
            EmitKind::Llvm => Emit::Llvm,
            EmitKind::Optimized => Emit::Optimized,
            EmitKind::Object => Emit::Object,
            EmitKind::Asm => Emit::Asm,
            EmitKind::Aot => Emit::Aot,
        }
    }

    /// Extension of the default output file.
    pub fn extension(self) -> &'static str {
        match self {
            EmitKind::Module => "module.txt",
            EmitKind::Llvm => "ll",
            EmitKind::Optimized => "optimized.ll",
            EmitKind::Object => "o",
            EmitKind::Asm => "s",
            EmitKind::Aot => "aot",
        }
    }
}

/// The word for a value, as it is given on the command line.
pub fn word<T: ValueEnum>(value: T) -> String {
    value.to_possible_value().map_or(String::new(), |v| v.get_name().to_string())
}

impl CodegenArgs {
    /// What the compiler is to do; an error if the target does not have what is asked for.
    pub fn options(&self) -> Result<Options, Failure> {
        let default = Options::default();
        let name = self.target.as_deref().unwrap_or(default.target.row.name);
        let target = Target::new(name, self.cpu.as_deref(), &self.features)
            .map_err(|error| Failure::compile(&error, &[]).help("`wasmc targets` lists everything"))?;
        let models = target.row.memory_models;
        let memory = self.memory.map_or(models[0], Memory::model);
        if !models.contains(&memory) {
            let names: Vec<_> = models.iter().map(|m| m.name()).collect();
            return Err(Failure::usage(format!(
                "target {} does not have the memory model `{memory}`; it has: {}",
                target.row.name,
                names.join(", ")
            )));
        }
        if self.neon_float && !target.has(Arch::Arm, "neon") {
            return Err(Failure::usage(format!(
                "--neon-float is for CPUs of 32-bit ARM with NEON; target {} with these features has none",
                target.row.name
            ))
            .help("there: --features=+neon, or another --cpu; elsewhere vectors of f32 are exact and as fast"));
        }
        Ok(Options {
            target,
            proposals: self.proposals().map_err(|error| Failure::compile(&error, &[]))?,
            memory,
            level: match self.level {
                Level::O0 => OptLevel::O0,
                Level::O1 => OptLevel::O1,
                Level::O2 => OptLevel::O2,
                Level::O3 => OptLevel::O3,
                Level::Os => OptLevel::Os,
                Level::Oz => OptLevel::Oz,
            },
            threads: self.threads.unwrap_or(default.threads),
            strip: self.strip,
            deterministic: self.deterministic,
            neon_float: self.neon_float,
            fuel: self.metered,
            profiling: self.profiling()?,
            unit_len: self.unit_size.unwrap_or(default.unit_len),
        })
    }

    fn profiling(&self) -> Result<Profiling, Failure> {
        let Some(path) = &self.profile_use else {
            return Ok(if self.profile_generate { Profiling::Generate } else { Profiling::None });
        };
        let bytes = std::fs::read(path).map_err(|error| {
            Failure::file("read the profile", path, &error)
                .help("a program that was compiled with --profile-generate leaves one when it has run")
        })?;
        let profile = Profile::read(&bytes)
            .map_err(|error| Failure::compile(&error, &[]).of_file(&path.display().to_string()))?;
        Ok(Profiling::Use(Arc::new(profile)))
    }

    fn proposals(&self) -> Result<Proposals, CompileError> {
        let mut proposals = self.profile.as_deref().map_or(Ok(Proposals::default()), Proposals::profile)?;
        fn names(lists: &[String]) -> impl Iterator<Item = &str> {
            lists.iter().flat_map(|list| list.split(',')).filter(|name| !name.is_empty())
        }
        for name in names(&self.enable) {
            proposals = proposals.with(name)?;
        }
        for name in names(&self.disable) {
            proposals = proposals.without(name)?;
        }
        Ok(proposals)
    }

    /// The arguments that parse to this again.
    pub fn to_args(&self) -> Vec<OsString> {
        let mut args = vec![format!("-O{}", word(self.level))];
        let mut option = |name: &str, value: Option<String>| {
            args.extend(value.map(|value| format!("--{name}={value}")));
        };
        option("target", self.target.clone());
        option("cpu", self.cpu.clone());
        for features in &self.features {
            option("features", Some(features.clone()));
        }
        option("profile", self.profile.clone());
        for (name, lists) in [("enable", &self.enable), ("disable", &self.disable)] {
            for list in lists {
                option(name, Some(list.clone()));
            }
        }
        option("memory", self.memory.map(word));
        option("unit-size", self.unit_size.map(|n| n.to_string()));
        option("jobs", self.threads.map(|n| n.to_string()));
        if self.strip {
            args.push("--strip".into());
        }
        if self.deterministic {
            args.push("--deterministic".into());
        }
        if self.neon_float {
            args.push("--neon-float".into());
        }
        if self.profile_generate {
            args.push("--profile-generate".into());
        }
        if self.metered {
            args.push("--metered".into());
        }
        if self.interruptible {
            args.push("--interruptible".into());
        }
        let mut args: Vec<_> = args.into_iter().map(OsString::from).collect();
        if let Some(path) = &self.profile_use {
            args.extend(["--profile-use".into(), path.clone().into()]);
        }
        args
    }
}

/// A number of bytes, which may have a unit.
pub fn size_in_bytes(text: &str) -> Result<usize, String> {
    parse_size(text).ok_or_else(|| "a size is a number of bytes, or has a unit: 65536, 64K, 1M".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        codegen: CodegenArgs,
    }

    fn parse(args: &[&str]) -> CodegenArgs {
        let args = std::iter::once("wasmc").chain(args.iter().copied());
        Only::try_parse_from(args).unwrap_or_else(|e| panic!("{e}")).codegen
    }

    #[test]
    fn arguments_survive_the_way_to_the_worker() {
        for args in [
            &[][..],
            &["-Oz", "--strip", "-j", "3"],
            &["--deterministic"],
            &["--target=armv7-linux", "--features=+neon", "--neon-float"],
            &["--interruptible"],
            &["--profile-generate"],
            &["--unit-size=96K"],
            &["--metered"],
            &["-O", "s", "--target", "x86_64-linux", "--cpu=x86-64-v3", "--memory", "checked"],
            &["--features", "-bmi,+avx2", "--features=+fma", "-j1"],
            &["--profile=wasm2", "--enable", "multi-memory,extended-const", "--disable=multi-value", "--disable=simd"],
        ] {
            let first = parse(args);
            let sent: Vec<_> = first.to_args().into_iter().map(|a| a.into_string().unwrap()).collect();
            let second = parse(&sent.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(format!("{first:?}"), format!("{second:?}"));
            let (first, second) = (first.options().unwrap(), second.options().unwrap());
            assert_eq!(format!("{first:?}"), format!("{second:?}"));
        }
    }

    #[test]
    fn levels_are_spelled_as_everywhere() {
        for level in OptLevel::ALL {
            let args = parse(&[&format!("-{}", level.name())]);
            assert_eq!(args.options().unwrap().level, level);
        }
    }

    #[test]
    fn an_unknown_target_is_a_usage_error_that_lists_the_known_ones() {
        let failure = parse(&["--target=pdp11"]).options().unwrap_err();
        assert_eq!(failure.status, super::super::failure::USAGE);
        assert!(failure.message.contains("pdp11") && failure.message.contains("x86_64-linux"));
    }

    #[test]
    fn neon_floats_are_for_machines_with_neon() {
        for args in [&["--neon-float"][..], &["--neon-float", "--target=armv7-linux", "--features=-neon"]] {
            assert!(parse(args).options().is_err(), "{args:?}");
        }
        assert!(parse(&["--neon-float", "--target=thumbv7-linux", "--features=+neon"]).options().unwrap().neon_float);
    }
}
