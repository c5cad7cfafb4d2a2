//! One trap a function and code, where nobody asks for its place: at `-Os` and `-Oz` with `--strip`.
//!
//! Until here each check has a call of its own, so that its place tells the Wasm offset. An image without sites
//! does not have those, and nothing else tells one such call from another.

use super::guard::callee;
use crate::translate::symbols;
use inkwell::basic_block::BasicBlock;
use inkwell::module::Module as LlvmModule;
use inkwell::values::{FunctionValue, InstructionOpcode as Op, PointerValue};
use wasmc_abi::TrapCode;

/// Lets all checks of a function that raise the same trap share the call that does.
pub fn share_traps(llvm: &LlvmModule<'_>) {
    let stubs = TrapCode::ALL.iter().filter_map(|code| llvm.get_function(&symbols::trap_stub(*code)));
    let stubs: Vec<_> = stubs.map(|stub| stub.as_global_value().as_pointer_value()).collect();
    for function in llvm.get_functions() {
        share_in(function, &stubs);
    }
}

fn share_in<'ctx>(function: FunctionValue<'ctx>, stubs: &[PointerValue<'ctx>]) {
    let mut first: Vec<Option<BasicBlock<'ctx>>> = vec![None; stubs.len()];
    for block in function.get_basic_blocks() {
        let Some(stub) = trap_of(block).and_then(|stub| stubs.iter().position(|s| *s == stub)) else { continue };
        match first[stub] {
            // A function does not begin with a block that others branch to.
            Some(shared) if Some(block) != function.get_first_basic_block() => {
                block.replace_all_uses_with(&shared);
                // SAFETY: nothing branches to the block any more, and what it computes is not used.
                unsafe { block.delete() }.expect("the block is part of a function");
            }
            Some(_) => {}
            None => first[stub] = Some(block),
        }
    }
}

/// The stub that a block calls, if it does nothing else.
fn trap_of(block: BasicBlock<'_>) -> Option<PointerValue<'_>> {
    let call = block.get_first_instruction().filter(|i| i.get_opcode() == Op::Call)?;
    call.get_next_instruction().filter(|i| i.get_opcode() == Op::Unreachable)?;
    callee(call)
}

#[cfg(test)]
mod tests {
    use crate::{Emit, OptLevel, Options, compile_observed};

    const MODULE: &str = "(module (memory 1) (func (export \"run\") (param i32 i32 i32) (result i32)
        (i32.store (local.get 0) (i32.load (local.get 1)))
        (i32.div_u (i32.load (local.get 2)) (local.get 0))))";

    fn calls_of_traps(strip: bool) -> [usize; 2] {
        let options = Options { level: OptLevel::Os, memory: crate::MemoryModel::Checked, strip, ..Options::default() };
        let ir = compile_observed(MODULE.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
        let ir = String::from_utf8(ir).unwrap();
        ["call void @trap2(", "call void @trap7("].map(|call| ir.matches(call).count())
    }

    #[test]
    fn with_sites_each_check_has_its_trap_and_without_each_code() {
        assert_eq!(calls_of_traps(false), [3, 1]);
        assert_eq!(calls_of_traps(true), [1, 1]);
    }
}
