//! RISC-V's short calls, for size: `jal` takes 4 bytes and reaches 1 MiB, and LLVM, which knows no distances, calls by 8.
//! What a unit brings along for its functions is behind them, or a veneer is (`link/veneers.rs`): only a function's own
//! length may be too much, so that large ones keep the long calls.
//!
//! Here traps are called like this, where each function has one call for a trap code (`share.rs`).

use super::guard::callee;
use crate::translate::symbols;
use inkwell::builder::BuilderError;
use inkwell::module::Module as LlvmModule;
use inkwell::types::BasicMetadataTypeEnum;
use inkwell::values::{
    BasicMetadataValueEnum, BasicValueEnum, FunctionValue, InstructionOpcode as Op, InstructionValue,
};

/// The most operands, of all instructions, that a function has from whose start its end is sure to be reached: 512 bytes of
/// code for each. Most are of some words of code; one of a vector, lane by lane, comes nearest.
const NEAR_OPERANDS: u32 = 2048;

/// Whether a function is so short that its calls reach what stands behind it.
pub fn is_near(function: FunctionValue<'_>) -> bool {
    let instructions = function.get_basic_block_iter().flat_map(|block| block.get_instructions());
    instructions.map(|instruction| instruction.get_num_operands()).sum::<u32>() <= NEAR_OPERANDS
}

/// Calls traps by `jal`. What calls a stub like this does not come back either, and leaves its place in `ra` as any call does.
pub fn call_traps(llvm: &LlvmModule<'_>) {
    let stubs = symbols::trap_stubs().filter_map(|name| llvm.get_function(&name));
    let stubs: Vec<_> = stubs.collect();
    for function in llvm.get_functions().filter(|f| f.get_subprogram().is_some() && is_near(*f)) {
        let instructions = function.get_basic_block_iter().flat_map(|block| block.get_instructions());
        let calls: Vec<_> = instructions.filter(|instruction| instruction.get_opcode() == Op::Call).collect();
        for call in calls {
            let stub = stubs.iter().find(|stub| callee(call) == Some(stub.as_global_value().as_pointer_value()));
            if let Some(stub) = stub {
                replace(llvm, call, *stub).expect("the builder is positioned");
            }
        }
    }
}

fn replace<'ctx>(
    llvm: &LlvmModule<'ctx>,
    call: InstructionValue<'ctx>,
    stub: FunctionValue<'ctx>,
) -> Result<(), BuilderError> {
    let context = llvm.get_context();
    let builder = context.create_builder();
    builder.position_before(&call);
    // What stubs take is in registers from `a0` on.
    let params = stub.count_params();
    let args = (0..params).map(|index| call.get_operand(index).and_then(|o| o.value()).expect("it has an argument"));
    let args = args.chain([BasicValueEnum::from(stub.as_global_value().as_pointer_value())]);
    let args: Vec<_> = args.collect();
    let types: Vec<_> = args.iter().map(|arg| BasicMetadataTypeEnum::from(arg.get_type())).collect();
    let args: Vec<_> = args.into_iter().map(BasicMetadataValueEnum::from).collect();
    let registers: String = (10..10 + params).map(|register| format!("{{x{register}}},")).collect();
    let ty = context.void_type().fn_type(&types, false);
    let assembly = context.create_inline_asm(
        ty,
        format!("jal ra, ${params}"),
        format!("{registers}i,~{{x1}},~{{memory}}"),
        true,
        false,
        None,
        false,
    );
    let short = builder.build_indirect_call(ty, assembly, &args, "")?;
    short.try_as_basic_value().unwrap_instruction().set_debug_location(call.get_debug_location());
    call.erase_from_basic_block();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{Emit, MemoryModel, OptLevel, Options, Target, compile_observed};

    /// Short and long calls of the trap of memory, in a function with so many accesses.
    fn calls(target: &str, accesses: u32, strip: bool) -> [usize; 2] {
        let store = |n: u32| format!("(i32.store (i32.mul (local.get 0) (i32.const {n})) (i32.const 7))");
        let body: String = (1..=accesses).map(store).collect();
        let text = format!("(module (memory 1) (func (export \"run\") (param i32) {body}))");
        let target = Target::new(target, None, &[]).unwrap();
        let options =
            Options { target, level: OptLevel::Os, memory: MemoryModel::Checked, strip, ..Options::default() };
        let ir = compile_observed(text.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
        let ir = String::from_utf8(ir).unwrap();
        let calls = |how: &str| ir.lines().filter(|line| line.contains(how) && line.contains("@trap2")).count();
        [calls("asm sideeffect \"jal"), calls("call void @trap2")]
    }

    #[test]
    fn functions_call_traps_by_short_calls_unless_they_are_large() {
        for target in ["riscv64-linux", "riscv32imac-none"] {
            assert_eq!(calls(target, 3, true), [1, 0], "{target}");
            assert_eq!(calls(target, 3, false), [0, 3], "{target}: with sites each check has its own");
            assert_eq!(calls(target, 400, true), [0, 1], "{target}");
        }
        assert_eq!(calls("thumbv7-linux", 3, true), [0, 1]);
    }

    #[test]
    fn short_calls_pass_what_the_stub_takes() {
        let module = r#"(module (table (export "t") 1 2 funcref) (type $t (func))
            (func (export "run") (param i32) (call_indirect (type $t) (local.get 0))))"#;
        // In firmware stubs take the vmctx too, and before all else.
        for (target, how) in [("riscv64-linux", "$1\", \"{x10},i,"), ("riscv32imac-none", "$2\", \"{x10},{x11},i,")] {
            let target = Target::new(target, None, &[]).unwrap();
            let options = Options { target, level: OptLevel::Os, strip: true, ..Options::default() };
            let options = Options { memory: MemoryModel::Checked, ..options };
            let compile = |emit| compile_observed(module.as_bytes(), &options, emit, &mut ()).unwrap();
            let ir = String::from_utf8(compile(Emit::Optimized)).unwrap();
            let calls: Vec<_> = ir.lines().filter(|line| line.contains("@trap_callee)")).collect();
            assert!(matches!(calls[..], [call] if call.contains(&format!("\"jal ra, {how}"))), "{calls:?}");
            assert!(!compile(Emit::Aot).is_empty());
        }
    }
}
