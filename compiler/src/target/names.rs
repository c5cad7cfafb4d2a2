//! Target names: our own, Rust's triples and LLVM's. A triple's parts say which row is meant; its environment
//! says where floats travel.

use super::rows::{TARGETS, TargetRow};
use crate::error::CompileError;
use std::str::FromStr;
use target_lexicon::{
    Aarch64Architecture, Architecture, ArmArchitecture, Environment, OperatingSystem, Riscv32Architecture,
    Riscv64Architecture, Triple,
};

/// The row that `name` means, and CPU features that are part of the name.
pub(super) fn find(name: &str) -> Result<(&'static TargetRow, &'static [&'static str]), CompileError> {
    let row = |name: &str| TARGETS.iter().find(|row| row.name == name);
    if let Some(row) = row(name).or_else(|| TARGETS.iter().find(|row| row.triple == name)) {
        return Ok((row, &[]));
    }
    let triple = Triple::from_str(name).ok();
    let found = triple.as_ref().and_then(of_triple);
    found.and_then(|(name, features)| Some((row(name)?, features))).ok_or_else(|| {
        let names: Vec<_> = TARGETS.iter().map(|row| row.name).collect();
        let why = triple.as_ref().map_or("", why_not);
        CompileError::Options(format!("there is no target `{name}`{why}; the targets are: {}", names.join(", ")))
    })
}

/// The name of the row, and features.
fn of_triple(triple: &Triple) -> Option<(&'static str, &'static [&'static str])> {
    let plain = |name| Some((name, [].as_slice()));
    match (triple.operating_system, triple.architecture) {
        (OperatingSystem::Linux, Architecture::X86_64) if triple.environment != Environment::Gnux32 => {
            plain("x86_64-linux")
        }
        (OperatingSystem::Linux, Architecture::Aarch64(Aarch64Architecture::Aarch64))
            if triple.environment != Environment::GnuIlp32 =>
        {
            plain("aarch64-linux")
        }
        (OperatingSystem::Linux, Architecture::Arm(arm)) if has_hard_floats(triple.environment) => arm_linux(arm),
        (OperatingSystem::Linux, Architecture::Riscv64(riscv)) => match riscv {
            Riscv64Architecture::Riscv64 | Riscv64Architecture::Riscv64gc => plain("riscv64-linux"),
            // RVA23, whose extensions these are; the others are of no use to code made here.
            Riscv64Architecture::Riscv64a23 => {
                Some(("riscv64-linux", &["+v", "+zba", "+zbb", "+zbs", "+zicond", "+zfa", "+zcb"]))
            }
            _ => None,
        },
        (OperatingSystem::None_ | OperatingSystem::Unknown, Architecture::Arm(arm)) => {
            match (arm, triple.environment) {
                (ArmArchitecture::Thumbv7em, Environment::Eabi) => plain("thumbv7em-none"),
                (ArmArchitecture::Thumbv7em, Environment::Eabihf) => plain("thumbv7em-none-hf"),
                (ArmArchitecture::Thumbv8mMain, Environment::Eabi) => plain("thumbv8m.main-none"),
                (ArmArchitecture::Thumbv8mMain, Environment::Eabihf) => plain("thumbv8m.main-none-hf"),
                _ => None,
            }
        }
        (OperatingSystem::None_ | OperatingSystem::Unknown, Architecture::Riscv32(riscv)) => match riscv {
            Riscv32Architecture::Riscv32imac => plain("riscv32imac-none"),
            Riscv32Architecture::Riscv32imafc => plain("riscv32imafc-none"),
            _ => None,
        },
        _ => None,
    }
}

/// Debian's `arm-linux-gnueabihf` is ARMv7; so this is what `arm` stands for.
fn arm_linux(arm: ArmArchitecture) -> Option<(&'static str, &'static [&'static str])> {
    match arm {
        ArmArchitecture::Arm | ArmArchitecture::Armv7 | ArmArchitecture::Armv7a | ArmArchitecture::Armv8a => {
            Some(("armv7-linux", &[]))
        }
        ArmArchitecture::Thumbv7a => Some(("thumbv7-linux", &[])),
        ArmArchitecture::Thumbv7neon => Some(("thumbv7-linux", &["+neon"])),
        _ => None,
    }
}

fn has_hard_floats(environment: Environment) -> bool {
    matches!(environment, Environment::Gnueabihf | Environment::Musleabihf | Environment::Eabihf)
}

/// What makes a triple that is nearly right wrong.
fn why_not(triple: &Triple) -> &'static str {
    match (triple.operating_system, triple.architecture) {
        (OperatingSystem::Linux, Architecture::Arm(_)) if !has_hard_floats(triple.environment) => {
            " (with Linux, floats travel in registers: a name that ends in `eabihf`)"
        }
        (OperatingSystem::None_ | OperatingSystem::Unknown, Architecture::Arm(_)) => {
            " (an environment `eabi` or `eabihf` says where floats travel)"
        }
        (OperatingSystem::None_ | OperatingSystem::Unknown, Architecture::Riscv32(_)) => {
            " (the name has to say which extensions there are)"
        }
        _ => "",
    }
}
