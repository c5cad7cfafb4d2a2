//! CPU names, and which features of the architecture's table each has. A test compares every row with LLVM's
//! own tables.

use wasmc_abi::target::Arch;

/// A CPU, or a level that many have.
#[derive(Debug)]
pub struct CpuRow {
    /// The name, as given to `--cpu`.
    pub name: &'static str,
    /// LLVM's name, for scheduling.
    pub llvm: &'static str,
    /// Features that it has beyond the target's base, implied ones left out; separated by spaces.
    pub features: &'static str,
}

/// Rows: name, LLVM's name if it is another, features.
macro_rules! cpus {
    ($($(#[$meta:meta])* $table:ident: $($name:literal $(= $llvm:literal)? $features:literal,)*;)*) => {$(
        $(#[$meta])*
        pub const $table: &[CpuRow] = &[
            $( CpuRow { name: $name, llvm: cpus!(@ $name $($llvm)?), features: $features }, )*
        ];
    )*};
    (@ $name:literal) => { $name };
    (@ $name:literal $llvm:literal) => { $llvm };
}

cpus! {
    /// A level says what there is, not whose scheduling: LLVM's x86-64-v2 alone brings Sandy Bridge's.
    X86_64:
        "x86-64" = "generic" "",
        "x86-64-v2" = "generic" "cx16 sahf popcnt sse4.2",
        "x86-64-v3" = "generic" "cx16 sahf popcnt avx2 bmi bmi2 f16c fma lzcnt movbe",
        "x86-64-v4" = "generic"
            "cx16 sahf popcnt bmi bmi2 lzcnt movbe avx512bw avx512cd avx512dq avx512vl",
        "nehalem" "cx16 sahf popcnt sse4.2",
        "silvermont" "cx16 sahf popcnt sse4.2 movbe",
        "goldmont" "cx16 sahf popcnt sse4.2 movbe",
        "sandybridge" "cx16 sahf popcnt avx",
        "haswell" "cx16 sahf popcnt avx2 bmi bmi2 f16c fma lzcnt movbe",
        "skylake" "cx16 sahf popcnt avx2 bmi bmi2 f16c fma lzcnt movbe",
        "skylake-avx512" "cx16 sahf popcnt bmi bmi2 lzcnt movbe avx512bw avx512cd avx512dq avx512vl",
        "icelake-server" "cx16 sahf popcnt bmi bmi2 lzcnt movbe avx512bw avx512cd avx512dq avx512vl",
        "sapphirerapids" "cx16 sahf popcnt bmi bmi2 lzcnt movbe avx512bw avx512cd avx512dq avx512vl",
        "alderlake" "cx16 sahf popcnt avx2 bmi bmi2 f16c fma lzcnt movbe",
        "znver2" "cx16 sahf popcnt avx2 bmi bmi2 f16c fma lzcnt movbe",
        "znver3" "cx16 sahf popcnt avx2 bmi bmi2 f16c fma lzcnt movbe",
        "znver4" "cx16 sahf popcnt bmi bmi2 lzcnt movbe avx512bw avx512cd avx512dq avx512vl",
        "znver5" "cx16 sahf popcnt bmi bmi2 lzcnt movbe avx512bw avx512cd avx512dq avx512vl",;
    /// Those with the same features differ in scheduling alone.
    AARCH64:
        "generic" "",
        "cortex-a35" "",
        "cortex-a53" "",
        "cortex-a57" "",
        "cortex-a72" "",
        "cortex-a73" "",
        "cortex-a55" "lse rdm dotprod",
        "cortex-a76" "lse rdm dotprod",
        "cortex-a78" "lse rdm dotprod",
        "cortex-a510" "lse rdm dotprod i8mm",
        "cortex-a710" "lse rdm dotprod i8mm",
        "neoverse-n1" "lse rdm dotprod",
        "neoverse-n2" "lse rdm dotprod i8mm",
        "neoverse-v1" "lse rdm dotprod i8mm sha3",
        "neoverse-v2" "lse rdm dotprod i8mm",
        "apple-m1" "lse rdm dotprod sha3",
        "ampere1" "lse rdm dotprod i8mm sha3",;
    /// In A32 state. NEON is an option of some of them; as other compilers do, a name stands for the CPU with it.
    ARMV7A:
        "generic" "",
        "cortex-a5" "neon vfp4",
        "cortex-a7" "neon vfp4 hwdiv-arm",
        "cortex-a8" "neon",
        "cortex-a9" "neon",
        "cortex-a15" "neon vfp4 hwdiv-arm",
        "cortex-a17" "neon vfp4 hwdiv-arm",
        "cortex-a53" "neon fp-armv8 hwdiv-arm",
        "cortex-a72" "neon fp-armv8 hwdiv-arm",;
    /// In T32 state, where division is a feature of its own.
    THUMBV7A:
        "generic" "",
        "cortex-a5" "neon vfp4",
        "cortex-a7" "neon vfp4 hwdiv",
        "cortex-a8" "neon",
        "cortex-a9" "neon",
        "cortex-a15" "neon vfp4 hwdiv",
        "cortex-a17" "neon vfp4 hwdiv",
        "cortex-a53" "neon fp-armv8 hwdiv",
        "cortex-a72" "neon fp-armv8 hwdiv",;
    /// Beyond the general-purpose extensions.
    RISCV64:
        "generic-rv64" "",
        "sifive-u54" "",
        "sifive-u74" "",
        "sifive-p550" "zba zbb",
        "sifive-p670" "v zba zbb zbs",
        "sifive-x280" "v zba zbb",
        "spacemit-x60" "v zba zbb zbs zicond",
        "veyron-v1" "zba zbb zbs",
        "xiangshan-nanhu" "zba zbb zbs",
        "tt-ascalon-d8" "v zba zbb zbs zicond zfa zcb",;
    /// Floats in integer registers.
    CORTEX_M4:
        "cortex-m4" "",
        "cortex-m7" "",;
    /// Cortex-M4 has single precision only.
    CORTEX_M4F:
        "cortex-m4" "",
        "cortex-m7" "fp-armv8d16sp fp64",;
    /// Floats in integer registers. The baseline is scheduled as the most common one.
    CORTEX_M33:
        "generic" = "cortex-m33" "",
        "cortex-m33" "dsp",
        "cortex-m35p" "dsp",
        "cortex-m52" "dsp",
        "cortex-m55" "dsp",
        "cortex-m85" "dsp",;
    /// With single precision at least.
    CORTEX_M33F:
        "generic" = "cortex-m33" "",
        "cortex-m33" "dsp",
        "cortex-m35p" "dsp",
        "cortex-m52" "dsp fp64",
        "cortex-m55" "dsp fp64",
        "cortex-m85" "dsp fp64",;
    /// Floats in integer registers.
    RISCV32:
        "generic-rv32" "",
        "sifive-e31" "",
        "rp2350-hazard3" "zba zbb zbs zcb",;
    /// With single precision at least.
    RISCV32F:
        "generic-rv32" "",
        "sifive-e34" "",
        "sifive-e76" "",
        "andes-n45" "d",;
}

/// What LLVM takes to be part of a feature: the features directly below it. Test: this is LLVM's own view.
pub fn implied(arch: Arch, feature: &str) -> &'static [&'static str] {
    match (arch, feature) {
        (Arch::X86_64, "ssse3") => &["sse3"],
        (Arch::X86_64, "sse4.1") => &["ssse3"],
        (Arch::X86_64, "sse4.2") => &["sse4.1"],
        (Arch::X86_64, "avx") => &["sse4.2"],
        (Arch::X86_64, "avx2" | "f16c" | "fma") => &["avx"],
        (Arch::X86_64, "avx512f") => &["avx2", "f16c", "fma"],
        (Arch::X86_64, "avx512bw" | "avx512cd" | "avx512dq" | "avx512vl") => &["avx512f"],
        (Arch::Arm, "neon") => &["d32"],
        (Arch::Arm, "vfp4") => &["d32"],
        (Arch::Arm, "fp-armv8") => &["vfp4"],
        (Arch::Arm, "dotprod" | "i8mm") => &["neon"],
        (Arch::Riscv, "v") => &["d"],
        _ => &[],
    }
}
