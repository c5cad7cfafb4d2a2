//! The machines that code is made for: names, CPU levels and features, and how LLVM and the image
//! call them.

use crate::error::CompileError;
use std::str::FromStr;
use wasmc_abi::target::{Arch, CpuFeature, FloatAbi, IsaState, MemoryModel, cpu_feature_table};

/// A row of the target table.
#[derive(Debug)]
pub struct TargetRow {
    /// The name, as given to `--target`.
    pub name: &'static str,
    /// LLVM's triple.
    pub triple: &'static str,
    /// LLVM's data layout.
    pub data_layout: &'static str,
    /// LLVM's name of the calling convention's variant, empty where the triple says it all.
    pub abi: &'static str,
    /// Architecture as the image stores it.
    pub arch: Arch,
    /// Instruction set state.
    pub isa_state: IsaState,
    /// Float ABI.
    pub float_abi: FloatAbi,
    /// Pointer width, bits.
    pub pointer_bits: u32,
    /// What runs below the runtime.
    pub os: Os,
    /// Largest host page that images allow for, bytes.
    pub page_len: u32,
    /// Memory models that it has, the default first.
    pub memory_models: &'static [MemoryModel],
    /// CPU names: as given to `--cpu`, which are LLVM's too. The default is [`Self::default_cpu`].
    pub cpus: &'static [CpuRow],
    /// The default of `--cpu`.
    pub default_cpu: &'static str,
    /// LLVM features that code for this target always has, or never.
    pub base_features: &'static str,
    /// How it is tested.
    pub tested: &'static str,
    /// LLVM's name of the stack pointer.
    pub stack_pointer: &'static str,
}

/// What runs below the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Os {
    /// Linux: pages, signals, a relocated segment for each process.
    Linux,
    /// Nothing. Images have no relocated segment, so that they can run from flash: code reaches helpers
    /// through its vmctx (`abi::vmctx::HELPERS`), and routines are part of the image.
    None,
}

/// A CPU name and the level of features that it stands for.
#[derive(Debug)]
pub struct CpuRow {
    /// The name.
    pub name: &'static str,
    /// Features of a level up to this one are there.
    pub level: u32,
}

/// Every target.
pub static TARGETS: &[TargetRow] = &[
    TargetRow {
        name: "x86_64-linux",
        triple: "x86_64-unknown-linux-gnu",
        data_layout: "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128",
        abi: "",
        arch: Arch::X86_64,
        isa_state: IsaState::Default,
        float_abi: FloatAbi::Hard,
        pointer_bits: 64,
        os: Os::Linux,
        page_len: 4096,
        memory_models: &[MemoryModel::Guard, MemoryModel::Checked],
        cpus: &[
            CpuRow { name: "x86-64", level: 1 },
            CpuRow { name: "x86-64-v2", level: 2 },
            CpuRow { name: "x86-64-v3", level: 3 },
            CpuRow { name: "x86-64-v4", level: 4 },
        ],
        // SSE4.1 has the rounding instructions that Wasm's ceil, floor, trunc and nearest need.
        default_cpu: "x86-64-v2",
        base_features: "",
        tested: "native",
        stack_pointer: "rsp",
    },
    TargetRow {
        name: "aarch64-linux",
        triple: "aarch64-unknown-linux-gnu",
        data_layout: "e-m:e-p270:32:32-p271:32:32-p272:64:64-i8:8:32-i16:16:32-i64:64-i128:128-n32:64-S128-Fn32",
        abi: "",
        arch: Arch::Aarch64,
        isa_state: IsaState::Default,
        float_abi: FloatAbi::Hard,
        pointer_bits: 64,
        os: Os::Linux,
        page_len: 65536,
        memory_models: &[MemoryModel::Guard, MemoryModel::Checked],
        cpus: &[CpuRow { name: "generic", level: 1 }],
        default_cpu: "generic",
        base_features: "+neon,+outline-atomics",
        tested: "under qemu-user",
        stack_pointer: "sp",
    },
    TargetRow {
        name: "armv7-linux",
        triple: "armv7-unknown-linux-gnueabihf",
        data_layout: ARM_LAYOUT,
        abi: "",
        arch: Arch::Arm,
        isa_state: IsaState::Default,
        float_abi: FloatAbi::Hard,
        pointer_bits: 32,
        os: Os::Linux,
        page_len: 4096,
        memory_models: &[MemoryModel::Checked],
        cpus: &[CpuRow { name: "generic", level: 1 }],
        default_cpu: "generic",
        base_features: "+v7,+vfp3d16,-d32,-neon,-fp16",
        tested: "under qemu-user",
        stack_pointer: "sp",
    },
    TargetRow {
        name: "thumbv7-linux",
        triple: "thumbv7-unknown-linux-gnueabihf",
        data_layout: ARM_LAYOUT,
        abi: "",
        arch: Arch::Arm,
        isa_state: IsaState::Thumb,
        float_abi: FloatAbi::Hard,
        pointer_bits: 32,
        os: Os::Linux,
        page_len: 4096,
        memory_models: &[MemoryModel::Checked],
        cpus: &[CpuRow { name: "generic", level: 1 }],
        default_cpu: "generic",
        base_features: "+v7,+thumb-mode,+vfp3d16,-d32,-neon,-fp16",
        tested: "under qemu-user",
        stack_pointer: "sp",
    },
    TargetRow {
        name: "riscv64-linux",
        triple: "riscv64-unknown-linux-gnu",
        data_layout: "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128",
        abi: "lp64d",
        arch: Arch::Riscv,
        isa_state: IsaState::Default,
        float_abi: FloatAbi::Hard,
        pointer_bits: 64,
        os: Os::Linux,
        page_len: 4096,
        memory_models: &[MemoryModel::Guard, MemoryModel::Checked],
        cpus: &[CpuRow { name: "generic-rv64", level: 1 }],
        default_cpu: "generic-rv64",
        // Linux promises that misaligned scalar accesses work.
        base_features: "+m,+a,+f,+d,+c,-relax,+unaligned-scalar-mem",
        tested: "under qemu-user",
        stack_pointer: "sp",
    },
    TargetRow {
        name: "thumbv7em-none",
        triple: "thumbv7em-unknown-none-eabi",
        data_layout: ARM_LAYOUT,
        abi: "",
        arch: Arch::Arm,
        isa_state: IsaState::Thumb,
        float_abi: FloatAbi::Soft,
        pointer_bits: 32,
        os: Os::None,
        page_len: 32,
        memory_models: &[MemoryModel::Checked],
        cpus: &[CpuRow { name: "cortex-m4", level: 1 }],
        default_cpu: "cortex-m4",
        base_features: "+soft-float,-fpregs",
        tested: "not run yet, only compiled",
        stack_pointer: "sp",
    },
    TargetRow {
        name: "thumbv7em-none-hf",
        triple: "thumbv7em-unknown-none-eabihf",
        data_layout: ARM_LAYOUT,
        abi: "",
        arch: Arch::Arm,
        isa_state: IsaState::Thumb,
        float_abi: FloatAbi::Hard,
        pointer_bits: 32,
        os: Os::None,
        page_len: 32,
        memory_models: &[MemoryModel::Checked],
        cpus: &[CpuRow { name: "cortex-m4", level: 1 }],
        default_cpu: "cortex-m4",
        base_features: "+vfp4d16sp",
        tested: "not run yet, only compiled",
        stack_pointer: "sp",
    },
    TargetRow {
        name: "thumbv8m.main-none",
        triple: "thumbv8m.main-unknown-none-eabi",
        data_layout: ARM_LAYOUT,
        abi: "",
        arch: Arch::Arm,
        isa_state: IsaState::Thumb,
        float_abi: FloatAbi::Soft,
        pointer_bits: 32,
        os: Os::None,
        page_len: 32,
        memory_models: &[MemoryModel::Checked],
        cpus: &[CpuRow { name: "cortex-m33", level: 1 }],
        default_cpu: "cortex-m33",
        base_features: "+soft-float,-fpregs",
        tested: "not run yet, only compiled",
        stack_pointer: "sp",
    },
    TargetRow {
        name: "thumbv8m.main-none-hf",
        triple: "thumbv8m.main-unknown-none-eabihf",
        data_layout: ARM_LAYOUT,
        abi: "",
        arch: Arch::Arm,
        isa_state: IsaState::Thumb,
        float_abi: FloatAbi::Hard,
        pointer_bits: 32,
        os: Os::None,
        page_len: 32,
        memory_models: &[MemoryModel::Checked],
        cpus: &[CpuRow { name: "cortex-m33", level: 1 }],
        default_cpu: "cortex-m33",
        base_features: "+fp-armv8d16sp",
        tested: "not run yet, only compiled",
        stack_pointer: "sp",
    },
    TargetRow {
        name: "riscv32imac-none",
        triple: "riscv32-unknown-none-elf",
        data_layout: "e-m:e-p:32:32-i64:64-n32-S128",
        abi: "ilp32",
        arch: Arch::Riscv,
        isa_state: IsaState::Default,
        float_abi: FloatAbi::Soft,
        pointer_bits: 32,
        os: Os::None,
        page_len: 32,
        memory_models: &[MemoryModel::Checked],
        cpus: &[CpuRow { name: "generic-rv32", level: 1 }],
        default_cpu: "generic-rv32",
        base_features: "+m,+a,+c,-relax",
        tested: "not run yet, only compiled",
        stack_pointer: "sp",
    },
    TargetRow {
        name: "riscv32imafc-none",
        triple: "riscv32-unknown-none-elf",
        data_layout: "e-m:e-p:32:32-i64:64-n32-S128",
        abi: "ilp32f",
        arch: Arch::Riscv,
        isa_state: IsaState::Default,
        float_abi: FloatAbi::Hard,
        pointer_bits: 32,
        os: Os::None,
        page_len: 32,
        memory_models: &[MemoryModel::Checked],
        cpus: &[CpuRow { name: "generic-rv32", level: 1 }],
        default_cpu: "generic-rv32",
        base_features: "+m,+a,+f,+c,-relax",
        tested: "not run yet, only compiled",
        stack_pointer: "sp",
    },
];

const ARM_LAYOUT: &str = "e-m:e-p:32:32-Fi8-i64:64-v128:64:128-a:0:32-n32-S64";

/// A target with a CPU chosen: what code is generated for, exactly.
#[derive(Clone, Debug)]
pub struct Target {
    /// The row of the table.
    pub row: &'static TargetRow,
    /// LLVM's CPU name.
    pub cpu: String,
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
    /// baseline; `native`: this machine's) and features added or taken away (`+avx2`, `-bmi`).
    pub fn new(name: &str, cpu: Option<&str>, features: &[String]) -> Result<Target, CompileError> {
        let row = find_row(name)?;
        let (cpu, mut features_on) = match cpu {
            Some("native") => (row.default_cpu.to_string(), native_features(row)?),
            Some(cpu) => (cpu.to_string(), level_features(row, cpu)?),
            None => (row.default_cpu.to_string(), level_features(row, row.default_cpu)?),
        };
        for feature in features.iter().flat_map(|f| f.split(',')).filter(|f| !f.is_empty()) {
            let (on, name) = match feature.strip_prefix('-') {
                Some(name) => (false, name),
                None => (true, feature.strip_prefix('+').unwrap_or(feature)),
            };
            let known = cpu_feature_table(row.arch).iter().find(|f| f.name == name);
            let bit = 1 << known.ok_or_else(|| unknown_feature(row, name))?.bit;
            features_on = if on { features_on | bit } else { features_on & !bit };
        }
        Ok(Target { row, cpu, llvm_features: llvm_features(row, features_on), required: features_on })
    }
}

fn find_row(name: &str) -> Result<&'static TargetRow, CompileError> {
    if let Some(row) = TARGETS.iter().find(|r| r.name == name) {
        return Ok(row);
    }
    let by_triple = target_lexicon::Triple::from_str(name).ok().and_then(|wanted| {
        let is_wanted = |have: target_lexicon::Triple| {
            (have.architecture, have.operating_system) == (wanted.architecture, wanted.operating_system)
        };
        TARGETS.iter().find(|r| target_lexicon::Triple::from_str(r.triple).is_ok_and(is_wanted))
    });
    by_triple.ok_or_else(|| {
        let names: Vec<_> = TARGETS.iter().map(|r| r.name).collect();
        CompileError::Options(format!("there is no target `{name}`; the targets are: {}", names.join(", ")))
    })
}

fn level_features(row: &TargetRow, cpu: &str) -> Result<u64, CompileError> {
    let found = row.cpus.iter().find(|c| c.name == cpu).ok_or_else(|| {
        let names: Vec<_> = row.cpus.iter().map(|c| c.name).collect();
        CompileError::Options(format!(
            "target {} has no CPU `{cpu}`; the CPUs are: {}, and `native` for this machine's",
            row.name,
            names.join(", ")
        ))
    })?;
    Ok(bits(cpu_feature_table(row.arch).iter().filter(|f| f.level <= found.level)))
}

fn native_features(row: &TargetRow) -> Result<u64, CompileError> {
    if row.arch.name() != std::env::consts::ARCH {
        return Err(CompileError::Options(format!(
            "`--cpu=native` means this machine, which is {}, but the target is {}",
            std::env::consts::ARCH,
            row.name
        )));
    }
    let host = inkwell::targets::TargetMachine::get_host_cpu_features().to_string();
    let host: Vec<_> = host.split(',').filter_map(|f| f.strip_prefix('+')).collect();
    Ok(bits(cpu_feature_table(row.arch).iter().filter(|f| host.contains(&f.name))))
}

fn bits<'a>(features: impl Iterator<Item = &'a CpuFeature>) -> u64 {
    features.fold(0, |bits, f| bits | 1 << f.bit)
}

fn llvm_features(row: &TargetRow, on: u64) -> String {
    let sign = |f: &CpuFeature| if on >> f.bit & 1 == 1 { '+' } else { '-' };
    let base = row.base_features.split(',').filter(|f| !f.is_empty()).map(str::to_string);
    let names = base.chain(cpu_feature_table(row.arch).iter().map(|f| format!("{}{}", sign(f), f.name)));
    names.collect::<Vec<_>>().join(",")
}

fn unknown_feature(row: &TargetRow, name: &str) -> CompileError {
    let names: Vec<_> = cpu_feature_table(row.arch).iter().map(|f| f.name).collect();
    CompileError::Options(format!(
        "target {} has no feature `{name}`; the features are: {}",
        row.name,
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_go_by_their_own_name_rusts_and_llvms() {
        for name in ["x86_64-linux", "x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl", "x86_64-pc-linux-gnu"] {
            assert_eq!(Target::new(name, None, &[]).unwrap().row.name, "x86_64-linux");
        }
        let refused = Target::new("mips-unknown-linux-gnu", None, &[]).unwrap_err().to_string();
        assert!(refused.contains("mips") && refused.contains("x86_64-linux"), "{refused}");
    }

    #[test]
    fn features_follow_the_level_and_the_changes() {
        let v3 = Target::new("x86_64-linux", Some("x86-64-v3"), &["-fma,+avx512f".into()]).unwrap();
        assert!(v3.llvm_features.contains("+avx2") && v3.llvm_features.contains("-fma"));
        assert!(v3.llvm_features.contains("+avx512f") && v3.llvm_features.contains("-avx512bw"));
        let baseline = Target::new("x86_64-linux", Some("x86-64"), &[]).unwrap();
        assert_eq!(baseline.required, 0);
    }
}
