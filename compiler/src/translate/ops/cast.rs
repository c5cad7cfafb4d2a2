//! Tests of what references are, casts, and conversions between hierarchies (spec: exec/instructions, reference
//! instructions). A test looks at what the reference itself says, then at the record of its object's type.

use super::call::call_builtin;
use super::reference::is_null;
use crate::parse::TypeId;
use crate::translate::Result;
use crate::translate::function::FunctionTranslator;
use crate::translate::vmctx::Slot;
use inkwell::IntPredicate;
use inkwell::values::{IntValue, PointerValue};
use wasmc_abi::image::TypeForm;
use wasmc_abi::vmctx::{DISPLAY_MIN, func_record, type_record};
use wasmc_abi::{Builtin, HeapType, RefType, TrapCode, object};
use wasmparser::{HeapType as WasmHeapType, Operator as O};

pub fn translate(f: &mut FunctionTranslator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    match *operator {
        O::RefEq => {
            let (a, b) = (f.pop_int(), f.pop_int());
            let equal = f.builder.build_int_compare(IntPredicate::EQ, a, b, "")?;
            let value = f.builder.build_int_z_extend(equal, f.unit.types.i32, "")?;
            f.push(value);
        }
        O::RefTestNonNull { hty } => ref_test(f, false, hty)?,
        O::RefTestNullable { hty } => ref_test(f, true, hty)?,
        O::RefCastNonNull { hty } => ref_cast(f, false, hty)?,
        O::RefCastNullable { hty } => ref_cast(f, true, hty)?,
        O::BrOnCast { relative_depth, to_ref_type, .. } => {
            let is_it = test_top(f, to_ref_type)?;
            f.branch_on(is_it, relative_depth)?;
        }
        O::BrOnCastFail { relative_depth, to_ref_type, .. } => {
            let is_it = test_top(f, to_ref_type)?;
            let is_other = f.builder.build_not(is_it, "")?;
            f.branch_on(is_other, relative_depth)?;
        }
        O::AnyConvertExtern => convert(f, Builtin::any_from_extern)?,
        O::ExternConvertAny => convert(f, Builtin::extern_from_any)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn ref_test(f: &mut FunctionTranslator<'_, '_>, is_nullable: bool, ty: WasmHeapType) -> Result<()> {
    let ty = f.unit.module.ref_type(is_nullable, ty);
    let reference = f.pop_int();
    let is_it = test(f, reference, ty)?;
    let value = f.builder.build_int_z_extend(is_it, f.unit.types.i32, "")?;
    f.push(value);
    Ok(())
}

fn ref_cast(f: &mut FunctionTranslator<'_, '_>, is_nullable: bool, ty: WasmHeapType) -> Result<()> {
    let ty = f.unit.module.ref_type(is_nullable, ty);
    let reference = f.pop_int();
    let is_it = test(f, reference, ty)?;
    let is_other = f.builder.build_not(is_it, "")?;
    f.trap_if(is_other, TrapCode::CastFailure)?;
    f.push(reference);
    Ok(())
}

/// Tests the last operand, which stays.
fn test_top<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, ty: wasmparser::RefType) -> Result<IntValue<'ctx>> {
    let ty = f.unit.module.ref_type(ty.is_nullable(), ty.heap_type());
    let reference = f.pop_int();
    f.push(reference);
    test(f, reference, ty)
}

/// Whether a reference is of a type.
fn test<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, reference: IntValue<'ctx>, ty: RefType) -> Result<IntValue<'ctx>> {
    let bool = f.unit.types.bool;
    let null = is_null(f, reference)?;
    if ty.index().is_none() {
        if ty.heap().is_bottom() {
            return Ok(if ty.is_nullable() { null } else { bool.const_zero() });
        }
        if ty.heap() == ty.heap().top() {
            return Ok(if ty.is_nullable() { bool.const_int(1, false) } else { f.builder.build_not(null, "")? });
        }
    }
    // Without its record: null, and integers of 31 bits. Addresses of function records are even, too.
    let is_number = f.builder.build_int_truncate(reference, bool, "")?;
    let as_number = matches!(ty.heap(), HeapType::I31 | HeapType::Eq);
    let no_object = match (ty.is_nullable(), as_number) {
        (true, true) => f.builder.build_or(null, is_number, "")?,
        (true, false) => null,
        (false, true) => is_number,
        (false, false) => bool.const_zero(),
    };
    if ty.heap() == HeapType::I31 {
        return Ok(no_object);
    }
    let before = f.builder.get_insert_block().expect("the builder stands in a block");
    let (object, next) = (f.new_block(), f.new_block());
    let is_none = f.builder.build_or(null, is_number, "")?;
    f.builder.build_conditional_branch(is_none, next, object)?;
    f.builder.position_at_end(object);
    let is_it = test_object(f, reference, ty)?;
    let end = f.builder.get_insert_block().expect("the builder stands in a block");
    f.builder.build_unconditional_branch(next)?;
    f.builder.position_at_end(next);
    let result = f.builder.build_phi(bool, "")?;
    result.add_incoming(&[(&no_object, before), (&is_it, end)]);
    Ok(result.as_basic_value().into_int_value())
}

/// Whether something with a type record, an object or a function, is of a type.
fn test_object<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    reference: IntValue<'ctx>,
    ty: RefType,
) -> Result<IntValue<'ctx>> {
    let ptr = f.unit.types.ptr;
    let start = f.builder.build_int_to_ptr(reference, ptr, "")?;
    let offset = if ty.heap() == HeapType::Func { func_record::TYPE_ID } else { object::TYPE };
    let record = f.load_slot(ptr, start, offset, Slot::Invariant)?.into_pointer_value();
    if let Some(id) = ty.index() {
        return is_subtype(f, record, TypeId(id));
    }
    let form = f.load_slot(f.unit.types.i32, record, type_record::FORM, Slot::Invariant)?.into_int_value();
    let (predicate, of) = match ty.heap() {
        HeapType::Struct => (IntPredicate::EQ, TypeForm::Struct as u64),
        HeapType::Array => (IntPredicate::EQ, TypeForm::Array as u64),
        HeapType::Eq => (IntPredicate::NE, object::HOST_FORM),
        other => unreachable!("{other:?} is found out without a record"),
    };
    Ok(f.builder.build_int_compare(predicate, form, form.get_type().const_int(of, false), "")?)
}

/// Whether the type of a record is a type of the module or a subtype of it. A final one has no subtypes.
pub fn is_subtype<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    record: PointerValue<'ctx>,
    ty: TypeId,
) -> Result<IntValue<'ctx>> {
    let (ptr, word) = (f.unit.types.ptr, f.unit.types.word);
    let wanted = f.type_id(ty)?;
    let is_same = |f: &FunctionTranslator<'_, 'ctx>, record: PointerValue<'ctx>| -> Result<IntValue<'ctx>> {
        let id = f.builder.build_ptr_to_int(record, word, "")?;
        Ok(f.builder.build_int_compare(IntPredicate::EQ, id, wanted, "")?)
    };
    if f.unit.module.types[ty.get()].is_final {
        return is_same(f, record);
    }
    let depth = std::iter::successors(Some(ty), |ty| f.unit.module.types[ty.get()].supertype).count() as u32 - 1;
    let slot = type_record::LEN + 8 * depth;
    if depth < DISPLAY_MIN {
        let there = f.load_slot(ptr, record, slot, Slot::Invariant)?.into_pointer_value();
        return is_same(f, there);
    }
    // A display has more than the least count of slots only if the type is as deep.
    let found = f.load_slot(f.unit.types.i32, record, type_record::DEPTH, Slot::Invariant)?.into_int_value();
    let least = found.get_type().const_int(depth.into(), false);
    let is_deep = f.builder.build_int_compare(IntPredicate::UGE, found, least, "")?;
    let before = f.builder.get_insert_block().expect("the builder stands in a block");
    let (deep, next) = (f.new_block(), f.new_block());
    f.builder.build_conditional_branch(is_deep, deep, next)?;
    f.builder.position_at_end(deep);
    let there = f.load_slot(ptr, record, slot, Slot::Invariant)?.into_pointer_value();
    let is_it = is_same(f, there)?;
    f.builder.build_unconditional_branch(next)?;
    f.builder.position_at_end(next);
    let result = f.builder.build_phi(f.unit.types.bool, "")?;
    result.add_incoming(&[(&f.unit.types.bool.const_zero(), before), (&is_it, deep)]);
    Ok(result.as_basic_value().into_int_value())
}

/// Null stays null. The collector may run.
fn convert(f: &mut FunctionTranslator<'_, '_>, builtin: Builtin) -> Result<()> {
    f.root_operands(0)?;
    let reference = f.pop_int();
    let null = is_null(f, reference)?;
    let before = f.builder.get_insert_block().expect("the builder stands in a block");
    let (there, next) = (f.new_block(), f.new_block());
    f.builder.build_conditional_branch(null, next, there)?;
    f.builder.position_at_end(there);
    let made = call_builtin(f, builtin, &[f.vmctx.into(), reference.into()])?.expect("it has a result");
    let made = made.into_int_value();
    let failed = is_null(f, made)?;
    f.trap_if(failed, TrapCode::AllocationFailed)?;
    let end = f.builder.get_insert_block().expect("the builder stands in a block");
    f.builder.build_unconditional_branch(next)?;
    f.builder.position_at_end(next);
    let result = f.builder.build_phi(f.unit.types.i64, "")?;
    result.add_incoming(&[(&reference, before), (&made, end)]);
    f.push(result.as_basic_value());
    Ok(())
}
