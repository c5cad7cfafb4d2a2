//! Machines, as the header stores them: architecture, float ABI, memory model, CPU features.

macro_rules! numbered {
    ($(#[$meta:meta])* pub enum $name:ident { $( $(#[$doc:meta])* $variant:ident = $number:literal $text:literal, )* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum $name { $( $(#[$doc])* $variant = $number, )* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [$name] = &[ $( $name::$variant, )* ];
            /// The value with this number.
            pub fn from_number(number: u32) -> Option<$name> {
                match number { $( $number => Some($name::$variant), )* _ => None }
            }
            /// The name shown to people.
            pub fn name(self) -> &'static str {
                match self { $( $name::$variant => $text, )* }
            }
        }
        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

numbered! {
    /// Instruction set architecture. The number is ELF's `e_machine`.
    pub enum Arch {
        /// ARM, 32-bit.
        Arm = 40 "arm",
        /// x86-64.
        X86_64 = 62 "x86_64",
        /// AArch64.
        Aarch64 = 183 "aarch64",
        /// RISC-V; the pointer width says which.
        Riscv = 243 "riscv",
    }
}

numbered! {
    /// Instruction set state in which functions are entered.
    pub enum IsaState {
        /// The architecture's only one, or A32.
        Default = 0 "default",
        /// T32: function addresses have bit 0 set.
        Thumb = 1 "thumb",
    }
}

numbered! {
    /// Where floats travel in calls.
    pub enum FloatAbi {
        /// In floating-point registers.
        Hard = 0 "hard",
        /// In integer registers.
        Soft = 1 "soft",
    }
}

numbered! {
    /// How accesses to linear memory are kept inside it.
    pub enum MemoryModel {
        /// The whole index space is reserved; a hardware fault is the check.
        Guard = 0 "guard",
        /// Explicit compares.
        Checked = 1 "checked",
    }
}

/// One optional feature of a CPU.
#[derive(Clone, Copy, Debug)]
pub struct CpuFeature {
    /// Its bit in the header's `cpu_features`.
    pub bit: u32,
    /// LLVM's name for it, which is also the one shown.
    pub name: &'static str,
}

macro_rules! cpu_features {
    ($($(#[$meta:meta])* $table:ident: $($bit:literal $name:literal)*;)*) => {$(
        $(#[$meta])*
        pub const $table: &[CpuFeature] = &[ $( CpuFeature { bit: $bit, name: $name }, )* ];
    )*};
}

// A bit is never given to another feature. What no guest's code can make use of has no row: AES, half precision.
// Nor have vectors of a length found out at run time on AArch64: frames would be of a size found out at run time.
cpu_features! {
    /// The features of x86-64 that code may require, beyond the architecture's baseline.
    X86_64_FEATURES:
        0 "cx16" 1 "sahf" 2 "popcnt" 3 "sse3" 4 "ssse3" 5 "sse4.1" 6 "sse4.2"
        7 "avx" 8 "avx2" 9 "bmi" 10 "bmi2" 11 "f16c" 12 "fma" 13 "lzcnt" 14 "movbe"
        15 "avx512f" 16 "avx512bw" 17 "avx512cd" 18 "avx512dq" 19 "avx512vl";
    /// The features of AArch64 that code may require, beyond Armv8.0-A with Advanced SIMD.
    AARCH64_FEATURES: 0 "lse" 1 "rdm" 2 "dotprod" 3 "i8mm" 4 "sha3" 5 "cssc";
    /// The features of ARM that code may require, beyond what its target always has.
    ARM_FEATURES:
        0 "d32" 1 "neon" 2 "vfp4" 3 "fp-armv8" 4 "hwdiv" 5 "hwdiv-arm" 6 "dotprod" 7 "i8mm"
        8 "dsp" 9 "fp64" 10 "fp-armv8d16sp";
    /// The features of RISC-V that code may require, beyond what its target always has.
    RISCV_FEATURES: 0 "v" 1 "zba" 2 "zbb" 3 "zbs" 4 "zicond" 5 "zfa" 6 "zcb" 7 "d";
}

/// The features of `arch`, one row each.
pub fn cpu_feature_table(arch: Arch) -> &'static [CpuFeature] {
    match arch {
        Arch::X86_64 => X86_64_FEATURES,
        Arch::Aarch64 => AARCH64_FEATURES,
        Arch::Arm => ARM_FEATURES,
        Arch::Riscv => RISCV_FEATURES,
    }
}
