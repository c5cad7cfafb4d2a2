//! What runs here: compared with what an image was built for.

use crate::cpu;
use wasmc_abi::target::{Arch, FloatAbi, IsaState, MemoryModel};

/// A machine that may run an image. [`Machine::host`] describes the present one as far as the loader
/// can know it; a caller who knows more changes a field:
///
/// ```
/// use wasmc_loader::Machine;
/// let machine = Machine { page_len: 4096, ..Machine::host() };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Instruction set architecture.
    pub arch: Arch,
    /// Instruction set states that code may be entered in.
    pub isa_states: &'static [IsaState],
    /// Where floats travel in calls.
    pub float_abi: FloatAbi,
    /// Width of a pointer, bits.
    pub pointer_bits: u32,
    /// Features of this CPU, a bit each (rows of the architecture's feature table), as far as the OS
    /// saves their registers.
    pub cpu_features: u64,
    /// Host page: the granularity of mapping and protection, bytes. 1 where there is none.
    pub page_len: u32,
    /// Ways of keeping accesses inside linear memory that the runtime can serve.
    pub memory_models: &'static [MemoryModel],
}

impl Machine {
    /// The present machine: what this crate was compiled for, and the CPU's answers.
    ///
    /// Three fields are careful guesses. `cpu_features`: none but on x86-64, where the CPU can be asked.
    /// `page_len`: where it varies, the largest in use. `memory_models`: [`MemoryModel::Guard`] on 64-bit
    /// machines with an OS.
    pub fn host() -> Machine {
        Machine {
            arch: ARCH,
            isa_states: ISA_STATES,
            float_abi: FLOAT_ABI,
            pointer_bits: usize::BITS,
            cpu_features: cpu::features(),
            page_len: PAGE_LEN,
            memory_models: MEMORY_MODELS,
        }
    }
}

const HAS_OS: bool = !cfg!(target_os = "none");

#[cfg(target_arch = "x86_64")]
const ARCH: Arch = Arch::X86_64;
#[cfg(target_arch = "aarch64")]
const ARCH: Arch = Arch::Aarch64;
#[cfg(target_arch = "arm")]
const ARCH: Arch = Arch::Arm;
#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
const ARCH: Arch = Arch::Riscv;

const ISA_STATES: &[IsaState] = match (ARCH, HAS_OS) {
    (Arch::Arm, true) => &[IsaState::Default, IsaState::Thumb],
    // Cortex-M knows nothing else.
    (Arch::Arm, false) => &[IsaState::Thumb],
    _ => &[IsaState::Default],
};

const FLOAT_ABI: FloatAbi = match ARCH {
    Arch::Arm if cfg!(target_abi = "eabihf") => FloatAbi::Hard,
    Arch::Arm => FloatAbi::Soft,
    // Every Linux of RISC-V has hard floats. Without an OS only the compiler's flags say it.
    Arch::Riscv if HAS_OS || cfg!(target_feature = "f") => FloatAbi::Hard,
    Arch::Riscv => FloatAbi::Soft,
    Arch::X86_64 | Arch::Aarch64 => FloatAbi::Hard,
};

const PAGE_LEN: u32 = match ARCH {
    _ if !HAS_OS => 1,
    // AArch64 kernels use 4, 16 or 64 KiB.
    Arch::Aarch64 => 65536,
    _ => 4096,
};

const MEMORY_MODELS: &[MemoryModel] =
    if HAS_OS && usize::BITS == 64 { &[MemoryModel::Guard, MemoryModel::Checked] } else { &[MemoryModel::Checked] };
