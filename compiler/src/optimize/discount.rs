//! Functions that are inlined as if they had no checks.
//!
//! A check is a sum, a comparison and a branch, and for the inliner the call of a trap as well, which is never executed: in `checked` a function
//! of a dozen accesses is too long for it. Where a loop in a loop calls a function, a check counts for nothing, so that it is inlined as in
//! `guard`. Elsewhere code would grow for little.

use super::guest_functions;
use crate::translate::symbols;
use inkwell::attributes::AttributeLoc;
use inkwell::module::Module as LlvmModule;
use inkwell::values::{CallSiteValue, FunctionValue};
use std::collections::HashSet;
use wasmc_abi::TrapCode;

/// What the call of a trap costs: less than nothing, by what leads to it, three instructions of 5 each.
const TRAP_COST: &str = "-15";

/// Takes what checks cost off the functions that are called in loops within loops.
pub fn discount_checks(llvm: &LlvmModule<'_>) {
    let Some(stub) = llvm.get_function(&symbols::trap_stub(TrapCode::MemoryOutOfBounds)) else { return };
    let is_in_loops =
        |call: &CallSiteValue<'_>| call.get_string_attribute(AttributeLoc::Function, symbols::IN_LOOPS).is_some();
    let in_loops = guest_functions(llvm).flat_map(calls).filter(is_in_loops);
    let called: HashSet<_> = in_loops.filter_map(|call| call.get_called_fn_value()).collect();
    let cost = llvm.get_context().create_string_attribute("call-inline-cost", TRAP_COST);
    for trap in called.into_iter().flat_map(calls).filter(|call| call.get_called_fn_value() == Some(stub)) {
        trap.add_attribute(AttributeLoc::Function, cost);
    }
}

/// The calls in a function.
fn calls<'ctx>(function: FunctionValue<'ctx>) -> impl Iterator<Item = CallSiteValue<'ctx>> {
    let instructions = function.get_basic_block_iter().flat_map(|block| block.get_instructions());
    instructions.filter_map(|instruction| CallSiteValue::try_from(instruction).ok())
}
