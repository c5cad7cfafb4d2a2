//! References (spec: exec/instructions, reference instructions).

use crate::parse::FuncIndex;
use crate::translate::Result;
use crate::translate::function::FunctionTranslator;
use inkwell::IntPredicate;
use inkwell::values::IntValue;
use wasmc_abi::TrapCode;
use wasmparser::Operator as O;

pub fn translate(f: &mut FunctionTranslator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    match operator {
        O::RefNull { .. } => f.push(f.unit.types.i64.const_zero()),
        O::RefIsNull => {
            let reference = f.pop_int();
            let is_null = is_null(f, reference)?;
            let value = f.builder.build_int_z_extend(is_null, f.unit.types.i32, "")?;
            f.push(value);
        }
        O::RefFunc { function_index } => ref_func(f, FuncIndex(*function_index))?,
        O::RefAsNonNull => {
            let reference = f.pop_int();
            check_not_null(f, reference)?;
            f.push(reference);
        }
        O::BrOnNull { relative_depth } => {
            let reference = f.pop_int();
            let is_null = is_null(f, reference)?;
            f.branch_on(is_null, *relative_depth)?;
            f.push(reference);
        }
        O::BrOnNonNull { relative_depth } => {
            let reference = f.pop_int();
            let is_null = is_null(f, reference)?;
            let is_there = f.builder.build_not(is_null, "")?;
            f.push(reference);
            f.branch_on(is_there, *relative_depth)?;
            f.pop();
        }
        _ => return Ok(false),
    }
    Ok(true)
}

pub fn is_null<'ctx>(f: &FunctionTranslator<'_, 'ctx>, reference: IntValue<'ctx>) -> Result<IntValue<'ctx>> {
    let null = reference.get_type().const_zero();
    Ok(f.builder.build_int_compare(IntPredicate::EQ, reference, null, "")?)
}

/// Traps if a reference is null.
pub fn check_not_null<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, reference: IntValue<'ctx>) -> Result<()> {
    let is_null = is_null(f, reference)?;
    f.trap_if(is_null, TrapCode::NullReference)
}

/// The address of the function's record in the vmctx.
fn ref_func(f: &mut FunctionTranslator<'_, '_>, function: FuncIndex) -> Result<()> {
    let offset = match f.unit.module.escape_slot(function) {
        Some(slot) => f.unit.layout.escaping_function(slot),
        None => f.unit.layout.imported_function(function.0),
    };
    let record = f.field(f.vmctx, offset)?;
    let reference = f.builder.build_ptr_to_int(record, f.unit.types.i64, "")?;
    f.push(reference);
    Ok(())
}
