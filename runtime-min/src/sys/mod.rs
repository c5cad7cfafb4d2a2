//! The machine and the OS: one small file for each. Nothing else in the crate names either.

#[cfg(feature = "std")]
use wasmc_abi::target::cpu_feature_table;
#[cfg(feature = "std")]
use wasmc_loader::Machine;

#[cfg(feature = "std")]
pub(crate) mod image_memory;
#[cfg(all(test, feature = "std"))]
pub(crate) mod test_code;
#[cfg(feature = "std")]
pub(crate) mod unix;

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(all(target_arch = "arm", not(target_os = "none")), path = "arm.rs")]
#[cfg_attr(all(target_arch = "arm", target_os = "none"), path = "cortex_m.rs")]
#[cfg_attr(target_arch = "riscv64", path = "riscv64.rs")]
#[cfg_attr(target_arch = "riscv32", path = "riscv32.rs")]
pub(crate) mod machine;

#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "riscv64",
    target_arch = "riscv32"
)))]
compile_error!("runtime-min enters and leaves compiled code by a few lines of assembly, which this machine lacks");

/// Address of where an interrupted guest continues; `None` on machines that have an OS, where interrupts are not
/// ours to handle.
pub(crate) fn interrupted_address() -> Option<usize> {
    #[cfg(target_os = "none")]
    return Some(interrupted as *const () as usize);
    #[cfg(not(target_os = "none"))]
    return None;
}

/// The present machine, with what only the OS knows of it. The CPU is asked once: where it is a virtual one, an answer
/// takes longer than an image takes to load.
#[cfg(feature = "std")]
pub(crate) fn host() -> Machine {
    static HOST: std::sync::OnceLock<Machine> = std::sync::OnceLock::new();
    *HOST.get_or_init(|| {
        let host = Machine::host();
        let known = cpu_feature_table(host.arch).iter().filter(|feature| machine::has_feature(feature.name));
        let cpu_features = known.fold(host.cpu_features, |bits, feature| bits | 1 << feature.bit);
        Machine { cpu_features, page_len: u32::try_from(unix::page_len()).unwrap_or(u32::MAX), ..host }
    })
}

#[cfg(target_arch = "x86_64")]
pub(crate) use machine::enter;

// What the assembly in `machine` defines.
unsafe extern "C" {
    /// Calls `trampoline(vmctx, code, values)` with the registers and floating-point control that
    /// compiled code expects, and restores the caller's. Returns 0, or the number of the trap that
    /// ended the call.
    ///
    /// # Safety
    /// `trampoline` fits the code at `code`, `vmctx` is its instance's block, `values` has a slot for
    /// each argument and each result; `activation` is the address of the thread's current
    /// [`Activation`](crate::activation::Activation), which is new.
    #[cfg(not(target_arch = "x86_64"))]
    #[link_name = "wasmc_runtime_enter"]
    pub(crate) fn enter(
        vmctx: *mut u8,
        code: *const u8,
        values: *mut u64,
        trampoline: *const u8,
        activation: *mut u8,
    ) -> u32;

    /// Builtin 0. Only its address is of use to Rust.
    #[link_name = "wasmc_runtime_trap"]
    pub(crate) fn trap_stub(code: u32) -> !;

    /// Where an interrupt handler makes a guest continue that is to end.
    #[cfg(target_os = "none")]
    #[link_name = "wasmc_runtime_interrupted"]
    fn interrupted();

    /// Where the signal handler makes interrupted code continue; see `machine::fault::redirect`.
    #[cfg(feature = "std")]
    #[link_name = "wasmc_runtime_landing"]
    fn landing();
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_the_loaders_with_what_the_os_knows() {
        let (machine, loaders) = (host(), Machine::host());
        assert_eq!(machine.cpu_features & loaders.cpu_features, loaders.cpu_features);
        assert!(machine.page_len >= 4096 && machine.page_len <= loaders.page_len);
    }

    #[test]
    fn what_no_row_names_is_refused() {
        assert!(!machine::has_feature("") && !machine::has_feature("unknown") && !machine::has_feature("q"));
    }

    #[test]
    #[cfg(target_arch = "aarch64")]
    fn answers_are_those_of_the_standard_library() {
        macro_rules! agrees {
            ($($name:tt)*) => {$(
                assert_eq!(machine::has_feature($name), std::arch::is_aarch64_feature_detected!($name), $name);
            )*};
        }
        agrees!("lse" "rdm" "dotprod" "i8mm" "sha3");
    }

    #[test]
    #[cfg(target_arch = "arm")]
    fn answers_fit_one_another() {
        let implies = |a, b| !machine::has_feature(a) || machine::has_feature(b);
        assert!(implies("neon", "d32") && implies("fp-armv8", "vfp4") && implies("fp-armv8", "hwdiv"));
        assert!(implies("hwdiv-arm", "hwdiv") && implies("dotprod", "neon") && implies("i8mm", "neon"));
    }

    #[test]
    #[cfg(target_arch = "riscv64")]
    fn answers_are_those_of_the_standard_library() {
        macro_rules! agrees {
            ($($name:tt)*) => {$(
                assert_eq!(machine::has_feature($name), std::arch::is_riscv_feature_detected!($name), $name);
            )*};
        }
        agrees!("zba" "zbb" "zbs" "zicond" "zfa" "zcb" "d");
        // Rust's own code needs it here.
        assert!(machine::has_feature("d"));
    }
}
