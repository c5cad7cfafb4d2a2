//! Stack checks: every guest function that still calls another compares its stack pointer with the
//! limit first. This comes after inlining, so what has become a leaf pays nothing: its frame fits
//! above the limit by the formula in `docs/runtime-abi.md`.

use super::sites;
use crate::options::{OptLevel, Options};
use crate::translate::symbols;
use inkwell::IntPredicate;
use inkwell::attributes::AttributeLoc;
use inkwell::module::Module as LlvmModule;
use inkwell::values::{BasicMetadataValueEnum, FunctionValue, InstructionOpcode, InstructionValue, LLVMTailCallKind};
use wasmc_abi::TrapCode;
use wasmc_abi::target::Arch;
use wasmc_abi::vmctx::STACK_LIMIT;

/// Where functions with a check start at `-O3` on x86-64. The registers that are saved before the check take 18 bytes at most,
/// so that the check's comparison and branch lie in one line of the CPU's cache, which takes them for one operation then.
const ALIGNMENT: u32 = 32;

/// The line of a function's first byte.
const BODY_START: u32 = 1;

/// Inserts the checks.
pub fn insert_checks(llvm: &LlvmModule<'_>, options: &Options) {
    let trap = llvm.get_function(&symbols::trap_stub(TrapCode::StackOverflow));
    for function in llvm.get_functions().filter(|f| f.count_basic_blocks() > 0) {
        release_vmctx(function);
        if is_guest(function) && calls_guest(function) {
            let call = insert_check(llvm, function, trap.expect("kept: the stub is declared external"), options);
            sites::locate(function, call, BODY_START);
            if options.target.row.arch == Arch::X86_64 && options.level == OptLevel::O3 {
                function.as_global_value().set_alignment(ALIGNMENT);
            }
        }
    }
}

/// Takes away what kept the vmctx alive up to here.
fn release_vmctx(function: FunctionValue<'_>) {
    let calls = function.get_basic_block_iter().flat_map(|b| b.get_instructions());
    let held: Vec<_> = calls.filter(|i| i.get_opcode() == InstructionOpcode::Call && is_fake_use(*i)).collect();
    held.into_iter().for_each(InstructionValue::erase_from_basic_block);
}

fn is_fake_use(call: InstructionValue<'_>) -> bool {
    let site = inkwell::values::CallSiteValue::try_from(call).expect("a call is a call site");
    let callee = site.get_called_fn_value();
    callee.is_some_and(|f| f.get_name().to_bytes() == symbols::FAKE_USE.as_bytes())
}

fn is_guest(function: FunctionValue<'_>) -> bool {
    function.get_subprogram().is_some()
}

/// Whether the function calls anything but traps, helpers and intrinsics, whose needs the headroom
/// below the limit covers. A tail call gives up the function's frame first, so that who is called stands where
/// the function stood when it was entered.
fn calls_guest(function: FunctionValue<'_>) -> bool {
    let calls = function.get_basic_block_iter().flat_map(|b| b.get_instructions());
    calls.filter(|i| i.get_opcode() == InstructionOpcode::Call).any(is_guest_call)
}

fn is_guest_call(call: InstructionValue<'_>) -> bool {
    use crate::translate::GUEST_CONVENTION;
    let site = inkwell::values::CallSiteValue::try_from(call).expect("a call is a call site");
    site.get_call_convention() == GUEST_CONVENTION
        && site.get_tail_call_kind() != LLVMTailCallKind::LLVMTailCallKindMustTail
}

fn insert_check<'ctx>(
    llvm: &LlvmModule<'ctx>,
    function: FunctionValue<'ctx>,
    trap: FunctionValue<'ctx>,
    options: &Options,
) -> InstructionValue<'ctx> {
    let context = llvm.get_context();
    let old_entry = function.get_first_basic_block().expect("the function has a body");
    let entry = context.prepend_basic_block(old_entry, "");
    let overflow = context.append_basic_block(function, "");
    let builder = context.create_builder();
    builder.position_at_end(entry);
    // Allocas count as part of the frame only in the entry block.
    let allocas: Vec<_> =
        old_entry.get_instructions().filter(|i| i.get_opcode() == InstructionOpcode::Alloca).collect();
    for alloca in allocas {
        alloca.remove_from_basic_block();
        builder.insert_instruction(&alloca, None);
    }
    let word = if options.target.row.pointer_bits == 32 { context.i32_type() } else { context.i64_type() };
    let read = inkwell::intrinsics::Intrinsic::find("llvm.read_register").expect("LLVM knows it");
    let read = read.get_declaration(llvm, &[word.into()]).expect("it is overloaded");
    let register = context.metadata_node(&[context.metadata_string(options.target.row.stack_pointer).into()]);
    let build = || -> Result<InstructionValue<'ctx>, inkwell::builder::BuilderError> {
        let pointer = builder.build_call(read, &[BasicMetadataValueEnum::from(register)], "")?;
        let pointer = pointer.try_as_basic_value().unwrap_basic().into_int_value();
        let vmctx = function.get_first_param().expect("a guest function has a vmctx").into_pointer_value();
        let offset = word.const_int(STACK_LIMIT.into(), false);
        // SAFETY: the slot is the first of the vmctx block.
        let slot = unsafe { builder.build_in_bounds_gep(context.i8_type(), vmctx, &[offset], "")? };
        let limit = builder.build_load(word, slot, "")?.into_int_value();
        let below = builder.build_int_compare(IntPredicate::ULT, pointer, limit, "")?;
        let branch = builder.build_conditional_branch(below, overflow, old_entry)?;
        let i32 = |n| context.i32_type().const_int(n, false).into();
        let weights = [context.metadata_string("branch_weights").into(), i32(1), i32(1 << 20)];
        branch.set_metadata(context.metadata_node(&weights), context.get_kind_id("prof")).expect("a node");
        builder.position_at_end(overflow);
        let block = [vmctx.into()];
        let call = builder.build_call(trap, &block[..trap.count_params() as usize], "")?;
        for place in (0..trap.count_params()).map(AttributeLoc::Param) {
            trap.attributes(place).into_iter().for_each(|a| call.add_attribute(place, a));
        }
        builder.build_unreachable()?;
        Ok(call.try_as_basic_value().unwrap_instruction())
    };
    build().expect("the builder is positioned")
}

#[cfg(test)]
mod tests {
    use crate::{Emit, OptLevel, Options, compile_observed};

    #[test]
    fn functions_with_a_check_do_not_start_before_the_end_of_a_line() {
        // The first calls itself, the second nothing.
        let module = r#"(module
            (func $f (export "f") (param i32) (result i32)
                (if (result i32) (local.get 0)
                    (then (i32.mul (call $f (i32.sub (local.get 0) (i32.const 1))) (call $f (i32.const 1))))
                    (else (i32.const 1))))
            (func (export "g") (param i32) (result i32) (i32.mul (local.get 0) (local.get 0))))"#;
        let alignments = |level| {
            let options = Options { level, ..Options::default() };
            let asm = compile_observed(module.as_bytes(), &options, Emit::Asm, &mut ()).unwrap();
            let asm = String::from_utf8(asm).unwrap();
            ["f0:", "f1:"].map(|label| {
                let before = asm.lines().take_while(|line| !line.starts_with(label));
                let alignment = before.filter_map(|line| line.trim().strip_prefix(".p2align\t")).last();
                alignment.expect("functions are aligned").to_owned()
            })
        };
        assert_eq!(alignments(OptLevel::O3), ["5", "4"]);
        assert_eq!(alignments(OptLevel::O2), ["4", "4"]);
    }
}
