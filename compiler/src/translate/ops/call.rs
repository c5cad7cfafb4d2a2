//! Calls: direct, of imports, through tables, and of the runtime's helpers.

use super::reference::check_not_null;
use super::table::checked_slot;
use crate::parse::{FuncIndex, TableIndex, TypeId};
use crate::translate::Result;
use crate::translate::entry::{load_values, store_values};
use crate::translate::function::FunctionTranslator;
use crate::translate::pass::{split, split_results};
use crate::translate::trap::load_helper;
use crate::translate::types::{direct_params, has_area, returns_in_area};
use crate::translate::vmctx::Slot;
use inkwell::IntPredicate;
use inkwell::types::BasicMetadataTypeEnum;
use inkwell::values::{BasicMetadataValueEnum, BasicValueEnum, PointerValue};
use wasmc_abi::builtins::BuiltinType;
use wasmc_abi::vmctx::{func_record, func_slot};
use wasmc_abi::{Builtin, TrapCode};
use wasmparser::Operator as O;

pub fn translate(f: &mut FunctionTranslator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    match operator {
        O::Call { function_index } => call(f, FuncIndex(*function_index))?,
        O::CallIndirect { type_index, table_index } => {
            let ty = f.unit.module.type_ids[*type_index as usize];
            call_indirect(f, ty, TableIndex(*table_index))?;
        }
        O::CallRef { type_index } => call_ref(f, f.unit.module.type_ids[*type_index as usize])?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn call(f: &mut FunctionTranslator<'_, '_>, index: FuncIndex) -> Result<()> {
    let ty = f.unit.module.functions[index.get()];
    if let Some(function) = f.unit.function(index) {
        return call_guest(f, ty, function.as_global_value().as_pointer_value(), f.vmctx);
    }
    let record = f.field(f.vmctx, f.unit.layout.imported_function(index.0))?;
    let ptr = f.unit.types.ptr;
    let code = f.load_slot(ptr, record, func_record::CODE, Slot::Invariant)?.into_pointer_value();
    let vmctx = f.load_slot(ptr, record, func_record::VMCTX, Slot::Invariant)?.into_pointer_value();
    call_guest(f, ty, code, vmctx)
}

/// Bounds, then null, then type (spec: exec/instructions, call_indirect). A null element has type id 0,
/// which no type has, so one compare finds both; which it was is found out only then.
fn call_indirect(f: &mut FunctionTranslator<'_, '_>, ty: TypeId, table: TableIndex) -> Result<()> {
    let index = f.pop_int();
    let slot = checked_slot(f, table, index, TrapCode::UndefinedElement)?;
    let types = &f.unit.types;
    let tag = f.unit.alias.table;
    let type_id = f.load_tagged(types.word.into(), f.field(slot, func_slot::TYPE_ID)?, tag)?.into_int_value();
    let wanted = f.type_id(ty)?;
    let differs = f.builder.build_int_compare(IntPredicate::NE, type_id, wanted, "")?;
    let (wrong, right) = (f.new_block(), f.new_block());
    f.branch_unlikely(differs, wrong, right)?;
    f.builder.position_at_end(wrong);
    let null = f.builder.build_int_compare(IntPredicate::EQ, type_id, types.word.const_zero(), "")?;
    f.trap_if(null, TrapCode::UninitializedElement)?;
    f.trap(TrapCode::IndirectCallMismatch)?;
    f.builder.position_at_end(right);
    let code = f.load_tagged(types.ptr.into(), f.field(slot, func_slot::CODE)?, tag)?.into_pointer_value();
    let vmctx = f.load_tagged(types.ptr.into(), f.field(slot, func_slot::VMCTX)?, tag)?.into_pointer_value();
    call_guest(f, ty, code, vmctx)
}

/// Calls what the record says that a reference is the address of.
fn call_ref(f: &mut FunctionTranslator<'_, '_>, ty: TypeId) -> Result<()> {
    let reference = f.pop_int();
    check_not_null(f, reference)?;
    let ptr = f.unit.types.ptr;
    let record = f.builder.build_int_to_ptr(reference, ptr, "")?;
    let code = f.load_slot(ptr, record, func_record::CODE, Slot::Invariant)?.into_pointer_value();
    let vmctx = f.load_slot(ptr, record, func_record::VMCTX, Slot::Invariant)?.into_pointer_value();
    call_guest(f, ty, code, vmctx)
}

/// Calls guest code with the operands on the stack, and leaves its results there.
fn call_guest<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    ty: TypeId,
    code: PointerValue<'ctx>,
    vmctx: PointerValue<'ctx>,
) -> Result<()> {
    let func_type = f.unit.func_type(ty);
    let mut args: Vec<BasicMetadataValueEnum> = vec![vmctx.into()];
    let values = f.pop_many(func_type.params.len());
    let area = if has_area(func_type) { Some(f.new_area(func_type)?) } else { None };
    let direct = direct_params(func_type).len();
    if let Some(area) = area {
        args.push(area.into());
        store_values(f.unit, &f.builder, area, &func_type.params, &values, direct)?;
    }
    let passed = split(f.unit, &f.builder, &func_type.params, &values[..direct])?;
    args.extend(passed.into_iter().map(BasicMetadataValueEnum::from));
    f.locate();
    let call = f.builder.build_indirect_call(f.unit.guest_type(ty), code, &args, "")?;
    f.unlocate();
    f.unit.attributes.guest_call(call);
    let results = match area {
        Some(area) if returns_in_area(func_type) => load_values(f.unit, &f.builder, area, &func_type.results, 0)?,
        _ => split_results(f.unit, &f.builder, func_type, call.try_as_basic_value().basic())?,
    };
    f.stack.extend(results);
    Ok(())
}

/// Calls a helper of the runtime.
pub fn call_builtin<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    builtin: Builtin,
    args: &[BasicMetadataValueEnum<'ctx>],
) -> Result<Option<BasicValueEnum<'ctx>>> {
    let types = &f.unit.types;
    let params: Vec<BasicMetadataTypeEnum> = builtin
        .params()
        .iter()
        .map(|t| match t {
            BuiltinType::Ptr => types.ptr.into(),
            BuiltinType::I32 => types.i32.into(),
            BuiltinType::I64 => types.i64.into(),
            BuiltinType::Size => types.word.into(),
            BuiltinType::Void | BuiltinType::Never => unreachable!("not the type of a parameter"),
        })
        .collect();
    let ty = match builtin.result() {
        BuiltinType::Void | BuiltinType::Never => types.void(&params),
        BuiltinType::Ptr => inkwell::types::BasicType::fn_type(&types.ptr, &params, false),
        BuiltinType::I32 => types.i32.fn_type(&params, false),
        BuiltinType::I64 => types.i64.fn_type(&params, false),
        BuiltinType::Size => types.word.fn_type(&params, false),
    };
    let helper = load_helper(f.unit, &f.builder, Some(f.vmctx), builtin)?;
    f.locate();
    let call = f.builder.build_indirect_call(ty, helper, args, "")?;
    f.unlocate();
    f.unit.attributes.hosted_call(call);
    Ok(call.try_as_basic_value().basic())
}
