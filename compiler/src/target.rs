//! The machines that code is made for: names, CPUs and features, and how LLVM and the image call them.

mod cpus;
mod names;
mod rows;
#[cfg(test)]
mod tests;

pub use cpus::CpuRow;
pub use rows::{Os, TARGETS, TargetRow};

use crate::error::CompileError;
use wasmc_abi::target::{Arch, cpu_feature_table};

/// A target with a CPU chosen: what code is generated for, exactly.
#[derive(Clone, Debug)]
pub struct Target {
    /// The row of the table.
    pub row: &'static TargetRow,
    /// The CPU, as it was asked for.
    pub cpu: String,
    /// LLVM's name of the CPU whose features are there before [`Self::llvm_features`] changes them.
    pub llvm_cpu: &'static str,
    /// LLVM's name of the CPU that code is scheduled for.
    pub llvm_tune: &'static str,
    /// LLVM's feature string, `+a,-b`.
    pub llvm_features: String,
    /// Required features as the image stores them.
    pub required: u64,
}

impl Default for Target {
    fn default() -> Target {
        Target::new("x86_64-linux", None, &[]).expect("the default target stands in the table")
    }
}

impl Target {
    /// The target called `name` (its own, Rust's or LLVM's), the CPU `cpu` (default: a portable
    /// baseline; `native`: this machine's) and features added or taken away (`+avx2`, `-bmi`): one that is
    /// added brings those that it builds on, one that is taken away takes those that build on it.
    pub fn new(name: &str, cpu: Option<&str>, features: &[String]) -> Result<Target, CompileError> {
        let (row, of_name) = names::find(name)?;
        let name = cpu.unwrap_or(row.default_cpu);
        let (cpu, mut on) = match name {
            "native" => row.native()?,
            _ => row.cpu(name).map(|cpu| (cpu, row.features_of(cpu)))?,
        };
        let changes = features.iter().flat_map(|f| f.split(',')).filter(|f| !f.is_empty());
        for change in of_name.iter().copied().chain(changes) {
            let (add, feature) = match change.strip_prefix('-') {
                Some(feature) => (false, feature),
                None => (true, change.strip_prefix('+').unwrap_or(change)),
            };
            let bit = row.bit(feature).ok_or_else(|| row.unknown_feature(feature))?;
            on = if add { on | row.closure(feature) } else { on & !row.building_on(bit) };
        }
        Ok(Target {
            row,
            cpu: name.to_string(),
            llvm_cpu: row.base_cpu.unwrap_or(cpu.llvm),
            llvm_tune: cpu.llvm,
            llvm_features: row.llvm_features(on),
            required: on,
        })
    }
}

impl Target {
    /// Whether the CPU is one of `arch` and has the feature with LLVM's name.
    pub fn has(&self, arch: Arch, feature: &str) -> bool {
        let row = cpu_feature_table(arch).iter().find(|row| row.name == feature);
        arch == self.row.arch && row.is_some_and(|row| self.required >> row.bit & 1 == 1)
    }

    /// The most bytes that one instruction stores, all of them or none. Vector stores of RISC-V go element by element.
    pub fn whole_store_max(&self) -> u32 {
        match self.row.arch {
            Arch::X86_64 if self.has(Arch::X86_64, "avx") => 32,
            Arch::X86_64 => 16,
            // A store across the end of a page may have been done up to there.
            Arch::Aarch64 | Arch::Arm | Arch::Riscv => 8,
        }
    }

    /// The most bytes that one instruction loads or stores at any address; 0 where it takes an aligned one.
    pub fn unaligned_max(&self) -> u32 {
        match self.row.arch {
            Arch::X86_64 | Arch::Aarch64 => 16,
            Arch::Arm if self.has(Arch::Arm, "neon") => 16,
            Arch::Riscv if !self.llvm_features.split(',').any(|feature| feature == "+unaligned-scalar-mem") => 0,
            Arch::Arm | Arch::Riscv => self.row.pointer_bits / 8,
        }
    }

    /// LLVM's feature string without vectors of a length found out at run time.
    pub fn llvm_features_without_vectors(&self) -> String {
        let vectors = if self.row.arch == Arch::Riscv { self.row.bit("v") } else { None };
        self.row.llvm_features(self.required & !vectors.map_or(0, |bit| self.row.building_on(bit)))
    }
}

impl TargetRow {
    /// The features of a CPU, as the image stores them, implied ones included.
    pub fn features_of(&self, cpu: &CpuRow) -> u64 {
        cpu.features.split_whitespace().fold(0, |bits, feature| bits | self.closure(feature))
    }

    /// The names of feature bits.
    pub fn feature_names(&self, bits: u64) -> Vec<&'static str> {
        let table = cpu_feature_table(self.arch).iter();
        table.filter(|feature| bits >> feature.bit & 1 == 1).map(|feature| feature.name).collect()
    }

    /// The bit of a feature that this target may have.
    fn bit(&self, feature: &str) -> Option<u64> {
        let known = cpu_feature_table(self.arch).iter().find(|known| known.name == feature)?;
        self.features.contains(&feature).then_some(1 << known.bit)
    }

    /// A feature and all that it builds on, as far as this target does not always have them.
    fn closure(&self, feature: &str) -> u64 {
        let below = cpus::implied(self.arch, feature).iter();
        below.fold(self.bit(feature).unwrap_or(0), |bits, below| bits | self.closure(below))
    }

    /// The features that have one of `bits` in their closure.
    fn building_on(&self, bits: u64) -> u64 {
        let users = self.features.iter().filter(|feature| self.closure(feature) & bits != 0);
        users.fold(0, |found, feature| found | self.bit(feature).unwrap_or(0))
    }

    fn cpu(&self, name: &str) -> Result<&'static CpuRow, CompileError> {
        self.cpus.iter().find(|cpu| cpu.name == name).ok_or_else(|| {
            let names: Vec<_> = self.cpus.iter().map(|cpu| cpu.name).collect();
            CompileError::Options(format!(
                "target {} has no CPU `{name}`; the CPUs are: {}, and `native` for this machine's",
                self.name,
                names.join(", ")
            ))
        })
    }

    /// This machine's CPU and its features.
    fn native(&self) -> Result<(&'static CpuRow, u64), CompileError> {
        let here = std::env::consts::ARCH;
        let arch = match here {
            "riscv64" => Arch::Riscv.name(),
            _ => here,
        };
        if (self.arch.name(), self.os, self.pointer_bits) != (arch, Os::Linux, usize::BITS) {
            return Err(CompileError::Options(format!(
                "`--cpu=native` means this machine, which is {here} with Linux, but the target is {}; name one of \
                 its CPUs, see `wasmc targets`",
                self.name
            )));
        }
        let host = inkwell::targets::TargetMachine::get_host_cpu_features().to_string();
        let present: Vec<_> = host.split(',').filter_map(|f| f.strip_prefix('+')).collect();
        let on = self.features.iter().filter(|f| present.contains(f)).fold(0, |on, f| on | self.closure(f));
        let name = inkwell::targets::TargetMachine::get_host_cpu_name().to_string();
        let cpu = self.cpus.iter().find(|cpu| cpu.name == name);
        Ok((cpu.map_or_else(|| self.cpu(self.default_cpu), Ok)?, on))
    }

    fn llvm_features(&self, on: u64) -> String {
        // Taking a feature away takes what builds on it, so everything is taken away first.
        let signed = |sign: char, on: u64| {
            let names = self.features.iter().filter(move |f| self.bit(f).unwrap_or(0) & on != 0);
            names.map(move |name| format!("{sign}{name}"))
        };
        let base = self.base_features.split(',').filter(|f| !f.is_empty()).map(str::to_string);
        signed('-', !on).chain(base).chain(signed('+', on)).collect::<Vec<_>>().join(",")
    }

    fn unknown_feature(&self, name: &str) -> CompileError {
        let known = match self.features {
            [] => "none can be chosen".to_string(),
            known => format!("the features are: {}", known.join(", ")),
        };
        CompileError::Options(format!("target {} has no feature `{name}`; {known}", self.name))
    }
}
