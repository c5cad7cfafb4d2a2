//! LLVM's target machines.

use crate::error::CompileError;
use crate::options::{OptLevel, Options};
use crate::target::TargetRow;
use inkwell::OptimizationLevel;
use inkwell::context::{AsContextRef, Context};
use inkwell::llvm_sys::core::LLVMContextSetDiscardValueNames;
use inkwell::targets::{
    CodeModel, InitializationConfig, RelocMode, Target as LlvmTarget, TargetMachine, TargetMachineOptions, TargetTriple,
};
use std::sync::Once;
use wasmc_abi::target::{Arch, IsaState};

/// Whether LLVM's code generator, where it does not optimise, gives functions frame pointers whatever their
/// attributes say: the fast selection of instructions for A32 needs them. Backtraces cannot use them.
pub fn o0_has_frame_pointers(row: &TargetRow) -> bool {
    row.arch == Arch::Arm && row.isa_state == IsaState::Default
}

/// Settings of LLVM that no pipeline's text has. They are the whole process's, so they are the same for all options.
fn set_flags() {
    // Counters of loops stay as wide as the program has them. One of 64 bits in place of an extended one of 32 is below
    // 2³² only as a conclusion, which may rest on a bounds check: the check then cannot be left to the hardware.
    //
    // There are no variables for debuggers, and the older of two passes for their places finds that out sooner: the other
    // took a tenth of code generation.
    //
    // The others save time in code generation (docs/performance.md): in functions of more than ten blocks address
    // modes are looked for again in blocks that have changed and not in all, behind register allocation nothing is left
    // to move out of loops, and strength is reduced by a pipeline of ours (`optimize/pipeline.rs`).
    //
    // Loops of more than eight rounds are not unrolled as a whole: the module's producer has unrolled what is worth it.
    let flags = [
        c"wasmc",
        c"-indvars-widen-indvars=false",
        c"-experimental-debug-variable-locations=false",
        c"-cgpp-huge-func=10",
        c"-disable-postra-machine-licm",
        c"-disable-lsr",
        c"-unroll-full-max-count=8",
    ];
    let pointers = flags.map(|flag| flag.as_ptr());
    // SAFETY: these are strings, and as many as is said; a flag that LLVM
    // does not know changes nothing.
    unsafe {
        let none = std::ptr::null();
        inkwell::llvm_sys::support::LLVMParseCommandLineOptions(pointers.len() as i32, pointers.as_ptr(), none);
    }
}

/// A context in which values have no names but functions and other globals: passes make up one for each value otherwise,
/// which nobody reads.
pub fn nameless_context() -> Context {
    let context = Context::create();
    // SAFETY: the context is ours and alive.
    unsafe { LLVMContextSetDiscardValueNames((&context).as_ctx_ref(), 1) };
    context
}

/// A target machine for the options: position-independent code, small code model.
pub fn target_machine(options: &Options) -> Result<TargetMachine, CompileError> {
    static INITIALIZE: Once = Once::new();
    INITIALIZE.call_once(|| {
        set_flags();
        let config = InitializationConfig::default();
        LlvmTarget::initialize_x86(&config);
        LlvmTarget::initialize_aarch64(&config);
        LlvmTarget::initialize_arm(&config);
        LlvmTarget::initialize_riscv(&config);
    });
    let failed = |message: String| CompileError::Llvm { phase: "target", message };
    let triple = TargetTriple::create(options.target.row.triple);
    let target = LlvmTarget::from_triple(&triple).map_err(|e| failed(e.to_string()))?;
    let level = match options.level {
        OptLevel::O0 if o0_has_frame_pointers(options.target.row) => OptimizationLevel::Less,
        OptLevel::O0 => OptimizationLevel::None,
        OptLevel::O1 => OptimizationLevel::Less,
        OptLevel::O2 | OptLevel::Os | OptLevel::Oz => OptimizationLevel::Default,
        OptLevel::O3 => OptimizationLevel::Aggressive,
    };
    let machine = TargetMachineOptions::new()
        .set_abi(options.target.row.abi)
        .set_cpu(options.target.llvm_cpu)
        .set_features(&options.target.llvm_features)
        .set_level(level)
        .set_reloc_mode(RelocMode::PIC)
        .set_code_model(CodeModel::Small);
    target
        .create_target_machine_from_options(&triple, machine)
        .ok_or_else(|| failed(format!("there is no machine for {}", options.target.row.triple)))
}
