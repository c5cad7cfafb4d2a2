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
                Self::ALL.iter().copied().find(|v| *v as u32 == number)
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

macro_rules! cpu_features {
    ($($bit:literal $llvm:literal $level:literal;)*) => {
        /// One optional feature of a CPU.
        #[derive(Clone, Copy, Debug)]
        pub struct CpuFeature {
            /// Its bit in the header's `cpu_features`.
            pub bit: u32,
            /// LLVM's name for it, which is also the one shown.
            pub name: &'static str,
            /// The first x86-64 level (psABI, "micro-architecture levels") that has it; 5 if none.
            pub level: u32,
        }

        /// The features of x86-64 that code may require, beyond the architecture's baseline.
        pub const X86_64_FEATURES: &[CpuFeature] = &[
            $( CpuFeature { bit: $bit, name: $llvm, level: $level }, )*
        ];
    };
}

cpu_features! {
    0 "cx16" 2;
    1 "sahf" 2;
    2 "popcnt" 2;
    3 "sse3" 2;
    4 "ssse3" 2;
    5 "sse4.1" 2;
    6 "sse4.2" 2;
    7 "avx" 3;
    8 "avx2" 3;
    9 "bmi" 3;
    10 "bmi2" 3;
    11 "f16c" 3;
    12 "fma" 3;
    13 "lzcnt" 3;
    14 "movbe" 3;
    15 "avx512f" 4;
    16 "avx512bw" 4;
    17 "avx512cd" 4;
    18 "avx512dq" 4;
    19 "avx512vl" 4;
}

/// The features of `arch`, one row each.
pub fn cpu_feature_table(arch: Arch) -> &'static [CpuFeature] {
    match arch {
        Arch::X86_64 => X86_64_FEATURES,
        Arch::Arm | Arch::Aarch64 | Arch::Riscv => &[],
    }
}
