//! Calls: direct, of imports, through tables, and of the runtime's helpers.

use super::cast::is_subtype;
use super::reference::check_not_null;
use super::table::checked_slot;
use crate::parse::{FuncIndex, TableIndex, TypeId};
use crate::translate::Result;
use crate::translate::entry::{load_values, store_values};
use crate::translate::function::FunctionTranslator;
use crate::translate::pass::{split, split_results};
use crate::translate::profile::{Branches, LikelyCallee};
use crate::translate::tail;
use crate::translate::trap::load_helper;
use crate::translate::types::direct_params;
use crate::translate::vmctx::Slot;
use inkwell::IntPredicate;
use inkwell::types::BasicMetadataTypeEnum;
use inkwell::values::{BasicMetadataValueEnum, BasicValueEnum, IntValue, PointerValue};
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
        O::ReturnCall { function_index } => return_call(f, FuncIndex(*function_index))?,
        O::ReturnCallIndirect { type_index, table_index } => {
            let ty = f.unit.module.type_ids[*type_index as usize];
            return_call_indirect(f, ty, TableIndex(*table_index))?;
        }
        O::ReturnCallRef { type_index } => return_call_ref(f, f.unit.module.type_ids[*type_index as usize])?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn call(f: &mut FunctionTranslator<'_, '_>, index: FuncIndex) -> Result<()> {
    let ty = f.unit.module.functions[index.get()];
    let callee = match f.unit.function(index) {
        Some(function) => Callee { code: function.as_global_value().as_pointer_value(), vmctx: f.vmctx },
        None => Callee::of_record(f, imported_record(f, index)?)?,
    };
    call_and_push(f, ty, callee, f.unit.may_throw(index))
}

fn call_indirect(f: &mut FunctionTranslator<'_, '_>, ty: TypeId, table: TableIndex) -> Result<()> {
    f.count_callee()?;
    if let Some(likely) = f.likely_callee(table, ty) {
        return call_likely(f, ty, table, likely);
    }
    let callee = element_to_call(f, ty, table)?;
    call_and_push(f, ty, callee, f.unit.indirect_call_may_throw(ty))
}

/// What an indirect call whose index is on the stack goes to.
fn element_to_call<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, ty: TypeId, table: TableIndex) -> Result<Callee<'ctx>> {
    if let Some(code) = f.known_callee(table, ty)? {
        return Ok(Callee { code, vmctx: f.vmctx });
    }
    let element = checked_element(f, ty, table)?;
    Callee::of_element(f, table, element)
}

/// An indirect call that mostly goes to one function: if it does, that is called directly, and can be inlined.
fn call_likely(f: &mut FunctionTranslator<'_, '_>, ty: TypeId, table: TableIndex, likely: LikelyCallee) -> Result<()> {
    let index = f.pop_int();
    let func_type = f.unit.func_type(ty);
    f.root_operands(func_type.params.len())?;
    let args = f.pop_many(func_type.params.len());
    let Branches { direct, other, next } = f.branch_on_callee(likely, index)?;
    let mut ends = Vec::new();
    for block in [direct, other] {
        f.builder.position_at_end(block);
        let callee = if block == direct {
            let function = f.unit.function(likely.function).expect("a likely callee is the module's own");
            Callee { code: function.as_global_value().as_pointer_value(), vmctx: f.vmctx }
        } else {
            f.push(index);
            element_to_call(f, ty, table)?
        };
        let results = call_guest(f, ty, callee, &args)?;
        let end = f.builder.get_insert_block().expect("the builder stands in a block");
        f.builder.build_unconditional_branch(next)?;
        ends.push((results, end));
    }
    f.builder.position_at_end(next);
    let mut merged: Vec<BasicValueEnum<'_>> = Vec::new();
    for (number, ty) in func_type.results.iter().enumerate() {
        let phi = f.builder.build_phi(f.unit.types.value(*ty), "")?;
        for (results, end) in &ends {
            phi.add_incoming(&[(&results[number], *end)]);
        }
        merged.push(phi.as_basic_value());
    }
    if f.unit.indirect_call_may_throw(ty) || f.unit.may_throw(likely.function) {
        f.check_exception()?;
    }
    f.stack.extend(merged);
    Ok(())
}

/// Calls with the operands on the stack, and leaves the results there. If it may throw, what it throws goes on here.
fn call_and_push<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    ty: TypeId,
    callee: Callee<'ctx>,
    may_throw: bool,
) -> Result<()> {
    let params = f.unit.func_type(ty).params.len();
    f.root_operands(params)?;
    let args = f.pop_many(params);
    let results = call_guest(f, ty, callee, &args)?;
    if may_throw {
        f.check_exception()?;
    }
    f.stack.extend(results);
    Ok(())
}

fn return_call(f: &mut FunctionTranslator<'_, '_>, index: FuncIndex) -> Result<()> {
    let ty = f.unit.module.functions[index.get()];
    let args = f.pop_many(f.unit.func_type(ty).params.len());
    f.reachable = false;
    if f.repeat(index, &args)? {
        return Ok(());
    }
    let vmctx = f.vmctx;
    match (f.unit.tail_entry(index), f.unit.function(index)) {
        (Some(body), _) => jump(f, ty, Callee { code: body.as_global_value().as_pointer_value(), vmctx }, &args)?,
        (None, Some(function)) => {
            let callee = Callee { code: function.as_global_value().as_pointer_value(), vmctx };
            call_and_return(f, ty, callee, &args)?;
        }
        (None, None) => {
            let record = imported_record(f, index)?;
            let callee = Callee::of_record(f, record)?;
            return_call_record(f, ty, record, callee, &args)?;
        }
    }
    Ok(())
}

fn return_call_indirect(f: &mut FunctionTranslator<'_, '_>, ty: TypeId, table: TableIndex) -> Result<()> {
    let element = checked_element(f, ty, table)?;
    let args = f.pop_many(f.unit.func_type(ty).params.len());
    let tag = f.unit.alias.table;
    let record = f.load_tagged(f.unit.types.ptr.into(), f.field(element, func_slot::REF)?, tag)?;
    let callee = Callee::of_element(f, table, element)?;
    return_call_record(f, ty, record.into_pointer_value(), callee, &args)?;
    f.reachable = false;
    Ok(())
}

fn return_call_ref(f: &mut FunctionTranslator<'_, '_>, ty: TypeId) -> Result<()> {
    let record = checked_record(f)?;
    let args = f.pop_many(f.unit.func_type(ty).params.len());
    let callee = Callee::of_record(f, record)?;
    return_call_record(f, ty, record, callee, &args)?;
    f.reachable = false;
    Ok(())
}

/// A tail call of the function of a record: by its tail entry, if it has one.
fn return_call_record<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    ty: TypeId,
    record: PointerValue<'ctx>,
    callee: Callee<'ctx>,
    args: &[BasicValueEnum<'ctx>],
) -> Result<()> {
    let tail = f.load_slot(f.unit.types.ptr, record, func_record::TAIL, Slot::Invariant)?.into_pointer_value();
    let has_none = f.builder.build_is_null(tail, "")?;
    let (ordinary, direct) = (f.new_block(), f.new_block());
    f.builder.build_conditional_branch(has_none, ordinary, direct)?;
    f.builder.position_at_end(ordinary);
    call_and_return(f, ty, callee, args)?;
    f.builder.position_at_end(direct);
    jump(f, ty, Callee { code: tail, ..callee }, args)
}

/// Gives the stack frame up and goes on in the callee, by the tail convention.
fn jump<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    ty: TypeId,
    callee: Callee<'ctx>,
    args: &[BasicValueEnum<'ctx>],
) -> Result<()> {
    let func_type = f.unit.func_type(ty);
    // The caller's results are of the same types, and so is the area for them.
    let area = f.unit.types.returns_in_area(func_type).then(|| f.area());
    f.pop_roots()?;
    f.store_fuel()?;
    let args = tail::args(f.unit, &f.builder, callee.vmctx, area, func_type, args)?;
    f.locate();
    let call = f.builder.build_indirect_call(f.unit.types.tail(func_type), callee.code, &args, "")?;
    f.unlocate();
    f.unit.attributes.tail_call(call);
    tail::build_return(&f.builder, call)
}

/// A tail call of a function that makes none itself (see [`tail`]).
fn call_and_return<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    ty: TypeId,
    callee: Callee<'ctx>,
    args: &[BasicValueEnum<'ctx>],
) -> Result<()> {
    let results = call_guest(f, ty, callee, args)?;
    f.build_return(&results)
}

/// What is called.
#[derive(Clone, Copy)]
struct Callee<'ctx> {
    code: PointerValue<'ctx>,
    vmctx: PointerValue<'ctx>,
}

impl<'ctx> Callee<'ctx> {
    fn of_record(f: &FunctionTranslator<'_, 'ctx>, record: PointerValue<'ctx>) -> Result<Callee<'ctx>> {
        let ptr = f.unit.types.ptr;
        let code = f.load_slot(ptr, record, func_record::CODE, Slot::Invariant)?.into_pointer_value();
        let vmctx = f.load_slot(ptr, record, func_record::VMCTX, Slot::Invariant)?.into_pointer_value();
        Ok(Callee { code, vmctx })
    }

    fn of_element(
        f: &FunctionTranslator<'_, 'ctx>,
        table: TableIndex,
        element: PointerValue<'ctx>,
    ) -> Result<Callee<'ctx>> {
        let (ptr, tag) = (f.unit.types.ptr, f.unit.alias.table);
        let code = f.load_tagged(ptr.into(), f.field(element, func_slot::CODE)?, tag)?.into_pointer_value();
        if f.unit.has_own_elements(table) {
            return Ok(Callee { code, vmctx: f.vmctx });
        }
        let vmctx = f.load_tagged(ptr.into(), f.field(element, func_slot::VMCTX)?, tag)?.into_pointer_value();
        Ok(Callee { code, vmctx })
    }
}

fn imported_record<'ctx>(f: &FunctionTranslator<'_, 'ctx>, index: FuncIndex) -> Result<PointerValue<'ctx>> {
    f.field(f.vmctx, f.unit.layout.imported_function(index.0))
}

/// The element of a table whose index is on the stack, a function of that type: bounds, then null, then type
/// (spec: exec/instructions, call_indirect). A null element has type id 0, which no type has, so one compare finds
/// both; which it was is found out only then, by the trap's stub.
fn checked_element<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    ty: TypeId,
    table: TableIndex,
) -> Result<PointerValue<'ctx>> {
    let index = f.pop_int();
    let slot = checked_slot(f, table, index, TrapCode::UndefinedElement)?;
    let types = &f.unit.types;
    let tag = f.unit.alias.table;
    let type_id = f.load_tagged(types.word.into(), f.field(slot, func_slot::TYPE_ID)?, tag)?.into_int_value();
    if f.unit.module.types[ty.get()].is_final {
        check_type(f, type_id, ty)?;
    } else {
        let null = f.builder.build_int_compare(IntPredicate::EQ, type_id, types.word.const_zero(), "")?;
        f.trap_if(null, TrapCode::UninitializedElement)?;
        let record = f.builder.build_int_to_ptr(type_id, types.ptr, "")?;
        let is_it = is_subtype(f, record, ty)?;
        let differs = f.builder.build_not(is_it, "")?;
        f.trap_if(differs, TrapCode::IndirectCallMismatch)?;
    }
    Ok(slot)
}

/// Compares the id of an element's type with that of a type without subtypes.
fn check_type<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, type_id: IntValue<'ctx>, ty: TypeId) -> Result<()> {
    let wanted = f.type_id(ty)?;
    let differs = f.builder.build_int_compare(IntPredicate::NE, type_id, wanted, "")?;
    let (wrong, right) = (f.new_block(), f.new_block());
    f.branch_unlikely(differs, wrong, right)?;
    f.builder.position_at_end(wrong);
    f.trap_callee(type_id)?;
    f.builder.position_at_end(right);
    Ok(())
}

/// Calls what the record says that a reference is the address of.
fn call_ref(f: &mut FunctionTranslator<'_, '_>, ty: TypeId) -> Result<()> {
    let record = checked_record(f)?;
    let callee = Callee::of_record(f, record)?;
    call_and_push(f, ty, callee, f.unit.indirect_call_may_throw(ty))
}

/// The record that the reference on the stack is the address of.
fn checked_record<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>) -> Result<PointerValue<'ctx>> {
    let reference = f.pop_int();
    check_not_null(f, reference)?;
    Ok(f.builder.build_int_to_ptr(reference, f.unit.types.ptr, "")?)
}

/// Calls guest code. The results come back.
fn call_guest<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    ty: TypeId,
    callee: Callee<'ctx>,
    values: &[BasicValueEnum<'ctx>],
) -> Result<Vec<BasicValueEnum<'ctx>>> {
    let func_type = f.unit.func_type(ty);
    let mut args: Vec<BasicMetadataValueEnum> = vec![callee.vmctx.into()];
    let area = if f.unit.types.has_area(func_type) { Some(f.new_area(func_type)?) } else { None };
    let direct = direct_params(func_type).len();
    if let Some(area) = area {
        args.push(area.into());
        store_values(f.unit, &f.builder, area, &func_type.params, values, direct)?;
    }
    let passed = split(f.unit, &f.builder, &func_type.params, &values[..direct])?;
    args.extend(passed.into_iter().map(BasicMetadataValueEnum::from));
    f.store_fuel()?;
    f.locate();
    let call = f.builder.build_indirect_call(f.unit.guest_type(ty), callee.code, &args, "")?;
    f.unlocate();
    f.unit.attributes.guest_call(call);
    if f.loops() > 1 {
        f.unit.attributes.call_in_loops(call);
    }
    f.reload_fuel()?;
    match area {
        Some(area) if f.unit.types.returns_in_area(func_type) => {
            load_values(f.unit, &f.builder, area, &func_type.results, 0)
        }
        _ => split_results(f.unit, &f.builder, func_type, call.try_as_basic_value().basic()),
    }
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
