//! The machine and the OS: one small file for each. Nothing else in the crate names either.

pub(crate) mod image_memory;
#[cfg(test)]
pub(crate) mod test_code;
pub(crate) mod unix;

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(target_arch = "riscv64", path = "riscv64.rs")]
pub(crate) mod machine;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "arm", target_arch = "riscv64")))]
compile_error!("runtime-min enters and leaves compiled code by a few lines of assembly, which this machine lacks");

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

    /// Where the signal handler makes interrupted code continue; see `machine::fault::redirect`.
    #[link_name = "wasmc_runtime_landing"]
    fn landing();
}
