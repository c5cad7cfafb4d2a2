//! The target table: what code can be made for.

use super::cpus::{self, CpuRow};
use wasmc_abi::target::{Arch, FloatAbi, IsaState, MemoryModel};

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
    /// CPUs, the portable baseline among them. The default is [`Self::default_cpu`].
    pub cpus: &'static [CpuRow],
    /// The default of `--cpu`.
    pub default_cpu: &'static str,
    /// LLVM's CPU whose features every row of `cpus` has; `None` where LLVM schedules only for the CPU whose
    /// features it takes as well (ARM): there each row is that CPU, and `base_features` takes from it what
    /// is too much.
    pub base_cpu: Option<&'static str>,
    /// LLVM features that code for this target always has, or never.
    pub base_features: &'static str,
    /// Features of the architecture's table that code for this target may have beyond those; empty names none.
    pub features: &'static [&'static str],
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
        cpus: cpus::X86_64,
        // SSE4.1 has the rounding instructions that Wasm's ceil, floor, trunc and nearest need.
        default_cpu: "x86-64-v2",
        base_cpu: Some("x86-64"),
        base_features: "",
        features: &[
            "cx16", "sahf", "popcnt", "sse3", "ssse3", "sse4.1", "sse4.2", "avx", "avx2", "bmi", "bmi2", "f16c", "fma",
            "lzcnt", "movbe", "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl",
        ],
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
        cpus: cpus::AARCH64,
        default_cpu: "generic",
        base_cpu: Some("generic"),
        base_features: "+neon",
        features: &["lse", "rdm", "dotprod", "i8mm", "sha3", "cssc"],
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
        cpus: cpus::ARMV7A,
        default_cpu: "generic",
        base_cpu: None,
        base_features: "+v7,-v8,-neonfp,+vfp3d16,-d32,-neon,-fp16",
        features: &["d32", "neon", "vfp4", "fp-armv8", "hwdiv-arm", "dotprod", "i8mm"],
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
        cpus: cpus::THUMBV7A,
        default_cpu: "generic",
        base_cpu: None,
        base_features: "+v7,+thumb-mode,-v8,-neonfp,+vfp3d16,-d32,-neon,-fp16",
        features: &["d32", "neon", "vfp4", "fp-armv8", "hwdiv", "dotprod", "i8mm"],
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
        cpus: cpus::RISCV64,
        default_cpu: "generic-rv64",
        base_cpu: Some("generic-rv64"),
        // Linux promises that misaligned scalar accesses work.
        base_features: "+m,+a,+f,+d,+c,-relax,+unaligned-scalar-mem",
        features: &["v", "zba", "zbb", "zbs", "zicond", "zfa", "zcb"],
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
        cpus: cpus::CORTEX_M4,
        default_cpu: "cortex-m4",
        base_cpu: None,
        base_features: "+soft-float,-fpregs",
        features: &[],
        tested: "examples and the official suite on the board mps2-an386 under qemu",
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
        cpus: cpus::CORTEX_M4F,
        default_cpu: "cortex-m4",
        base_cpu: None,
        base_features: "+vfp4d16sp",
        features: &["fp-armv8d16sp", "fp64"],
        tested: "examples and the official suite on the board mps2-an386 under qemu",
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
        cpus: cpus::CORTEX_M33,
        default_cpu: "generic",
        base_cpu: None,
        base_features: "-v8.1m.main,-lob,-mve,+soft-float,-fpregs",
        features: &["dsp"],
        tested: "examples on the board mps2-an505 under qemu",
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
        cpus: cpus::CORTEX_M33F,
        default_cpu: "generic",
        base_cpu: None,
        base_features: "-v8.1m.main,-lob,-mve,+fp-armv8d16sp",
        features: &["dsp", "fp64"],
        tested: "examples on the board mps2-an505 under qemu",
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
        cpus: cpus::RISCV32,
        default_cpu: "generic-rv32",
        base_cpu: Some("generic-rv32"),
        base_features: "+m,+a,+c,-relax",
        features: &["zba", "zbb", "zbs", "zicond", "zcb"],
        tested: "examples and the official suite on the board virt under qemu",
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
        cpus: cpus::RISCV32F,
        default_cpu: "generic-rv32",
        base_cpu: Some("generic-rv32"),
        base_features: "+m,+a,+f,+c,-relax",
        features: &["d", "zba", "zbb", "zbs", "zicond", "zfa", "zcb"],
        tested: "examples and the official suite on the board virt under qemu",
        stack_pointer: "sp",
    },
];

const ARM_LAYOUT: &str = "e-m:e-p:32:32-Fi8-i64:64-v128:64:128-a:0:32-n32-S64";
