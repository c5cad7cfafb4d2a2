//! Between host and guest, one pair per signature: entry trampolines and host thunks
//! (`abi::signature` has their conventions).

use super::Result;
use super::pass::{align_vector, build_return, join, split, split_results};
use super::symbols;
use super::types::direct_params;
use super::unit::Unit;
use crate::parse::TypeId;
use inkwell::GlobalVisibility;
use inkwell::builder::Builder;
use inkwell::module::Linkage;
use inkwell::types::BasicMetadataTypeEnum;
use inkwell::values::{BasicMetadataValueEnum, BasicValue, BasicValueEnum, FunctionValue, PointerValue};
use wasmc_abi::ValType;
use wasmc_abi::signature::slot_count;
use wasmc_abi::vmctx::host_record;

/// Defines the trampoline and the thunk of a type, as far as the module can need them.
pub fn define(unit: &Unit<'_, '_>, ty: TypeId) -> Result<()> {
    if unit.module.needs_entry(ty) {
        define_entry(unit, ty)?;
    }
    if unit.module.needs_thunk(ty) {
        define_thunk(unit, ty)?;
    }
    Ok(())
}

/// `void entry(void *vmctx, void *code, uint64_t *values)`, C convention.
fn define_entry<'ctx>(unit: &Unit<'ctx, '_>, ty: TypeId) -> Result<()> {
    let ptr: BasicMetadataTypeEnum = unit.types.ptr.into();
    let (function, builder) = add(unit, &symbols::entry(ty), unit.types.void(&[ptr, ptr, ptr]));
    unit.attributes.hosted(function);
    let [vmctx, code, values] = pointer_params(function);
    let func_type = unit.func_type(ty);
    let mut args: Vec<BasicMetadataValueEnum> = vec![vmctx.into()];
    if unit.types.has_area(func_type) {
        // The area has the layout of `values`, and the arguments have been read when it is written.
        args.push(values.into());
    }
    let direct = direct_params(func_type);
    let loaded = load_from_host(unit, &builder, values, direct)?;
    args.extend(split(unit, &builder, direct, &loaded)?.into_iter().map(BasicMetadataValueEnum::from));
    let call = builder.build_indirect_call(unit.guest_type(ty), code, &args, "")?;
    unit.attributes.guest_call(call);
    if !unit.types.returns_in_area(func_type) {
        let results = split_results(unit, &builder, func_type, call.try_as_basic_value().basic())?;
        store_values(unit, &builder, values, &func_type.results, &results, 0)?;
    }
    builder.build_return(None)?;
    Ok(())
}

/// A guest function that calls `uint32_t callback(void *record, uint64_t *results, parameters...)`.
fn define_thunk<'ctx>(unit: &Unit<'ctx, '_>, ty: TypeId) -> Result<()> {
    let func_type = unit.func_type(ty);
    let (function, builder) = add(unit, &symbols::thunk(ty), unit.guest_type(ty));
    unit.attributes.thunk(function);
    let mut params = function.get_param_iter();
    let record = params.next().expect("a guest function has a vmctx").into_pointer_value();
    let area = if unit.types.has_area(func_type) {
        params.next().expect("and an area if it has many values").into_pointer_value()
    } else {
        let slots: usize = func_type.results.iter().map(|t| slot_count(*t)).sum();
        builder.build_alloca(unit.types.i64.array_type(slots.max(1) as u32), "")?
    };
    let mut args: Vec<BasicMetadataValueEnum> = vec![record.into(), area.into()];
    let mut param_types: Vec<BasicMetadataTypeEnum> = vec![unit.types.ptr.into(); 2];
    let direct = direct_params(func_type);
    for (ty, value) in direct.iter().zip(join(unit, &builder, direct, &mut params)?) {
        let value = if *ty == ValType::V128 { lay_out(unit, &builder, value)?.into() } else { value };
        param_types.push(value.get_type().into());
        args.push(value.into());
    }
    let callback_type = unit.types.i32.fn_type(&param_types, false);
    let callback = slot(unit, &builder, record, host_record::CALLBACK / 8)?;
    let callback = builder.build_load(unit.types.ptr, callback, "")?.into_pointer_value();
    let status = builder.build_indirect_call(callback_type, callback, &args, "")?;
    unit.attributes.hosted_call(status);
    let status = status.try_as_basic_value().unwrap_basic().into_int_value();
    let failed = builder.build_int_compare(inkwell::IntPredicate::NE, status, unit.types.i32.const_zero(), "")?;
    let trap = unit.context.append_basic_block(function, "");
    let done = unit.context.append_basic_block(function, "");
    builder.build_conditional_branch(failed, trap, done)?;
    builder.position_at_end(trap);
    super::trap::raise(unit, &builder, Some(record), status)?;
    builder.position_at_end(done);
    let results = if unit.types.returns_in_area(func_type) {
        vec![]
    } else {
        load_from_host(unit, &builder, area, &func_type.results)?
    };
    let types = if unit.types.returns_in_area(func_type) { &[] } else { func_type.results.as_slice() };
    build_return(unit, &builder, types, &results)
}

/// A vector as callbacks get it: the address of its two slots, in this frame.
fn lay_out<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    value: BasicValueEnum<'ctx>,
) -> Result<PointerValue<'ctx>> {
    let slots = builder.build_alloca(unit.types.i64.array_type(slot_count(ValType::V128) as u32), "")?;
    align_vector(builder.build_store(slots, value)?);
    Ok(slots)
}

fn add<'ctx>(
    unit: &Unit<'ctx, '_>,
    name: &str,
    ty: inkwell::types::FunctionType<'ctx>,
) -> (FunctionValue<'ctx>, Builder<'ctx>) {
    let function = unit.llvm.add_function(name, ty, Some(Linkage::External));
    function.as_global_value().set_visibility(GlobalVisibility::Hidden);
    let builder = unit.context.create_builder();
    builder.position_at_end(unit.context.append_basic_block(function, ""));
    (function, builder)
}

fn pointer_params<'ctx, const N: usize>(function: FunctionValue<'ctx>) -> [PointerValue<'ctx>; N] {
    std::array::from_fn(|i| function.get_nth_param(i as u32).expect("declared above").into_pointer_value())
}

/// Address of 8-byte slot `index`.
pub fn slot<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    base: PointerValue<'ctx>,
    index: u32,
) -> Result<PointerValue<'ctx>> {
    let index = unit.types.i64.const_int(index.into(), false);
    // SAFETY: by `abi::signature` there are as many slots as the signature has values.
    Ok(unsafe { builder.build_in_bounds_gep(unit.types.i64, base, &[index], "")? })
}

/// Reads values of these types from consecutive slots, those before number `first` left out.
pub fn load_values<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    base: PointerValue<'ctx>,
    types: &[ValType],
    first: usize,
) -> Result<Vec<BasicValueEnum<'ctx>>> {
    let mut values = Vec::with_capacity(types.len());
    for (ty, index) in slots(types).skip(first) {
        let address = slot(unit, builder, base, index)?;
        let value = builder.build_load(unit.types.value(ty), address, "")?;
        align_vector(value.as_instruction_value().expect("a load is an instruction"));
        values.push(value);
    }
    Ok(values)
}

/// Reads values of these types from slots that the host has just written. It writes a vector in two parts: CPUs take a
/// part of what was stored a moment ago from where it waits to be written, but have to wait for two parts at once.
fn load_from_host<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    base: PointerValue<'ctx>,
    types: &[ValType],
) -> Result<Vec<BasicValueEnum<'ctx>>> {
    let mut values = Vec::with_capacity(types.len());
    for (ty, index) in slots(types) {
        if ty != ValType::V128 {
            values.push(builder.build_load(unit.types.value(ty), slot(unit, builder, base, index)?, "")?);
            continue;
        }
        let mut vector = unit.types.value(ty).into_vector_type().get_poison();
        for lane in 0..2 {
            let half = builder.build_load(unit.types.i64, slot(unit, builder, base, index + lane)?, "")?;
            // So that LLVM does not make one load of them.
            let load = half.as_instruction_value().expect("a load is an instruction");
            load.set_volatile(true).expect("loads can be volatile");
            let lane = unit.types.i64.const_int(lane.into(), false);
            vector = builder.build_insert_element(vector, half, lane, "")?;
        }
        values.push(vector.into());
    }
    Ok(values)
}

/// Writes values of these types to consecutive slots, those before number `first` left out.
pub fn store_values<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    base: PointerValue<'ctx>,
    types: &[ValType],
    values: &[BasicValueEnum<'ctx>],
    first: usize,
) -> Result<()> {
    for ((_, index), value) in slots(types).zip(values).skip(first) {
        align_vector(builder.build_store(slot(unit, builder, base, index)?, *value)?);
    }
    Ok(())
}

/// The slot of each value.
fn slots(types: &[ValType]) -> impl Iterator<Item = (ValType, u32)> {
    types.iter().scan(0, |next, ty| {
        let index = *next;
        *next += slot_count(*ty) as u32;
        Some((*ty, index))
    })
}
