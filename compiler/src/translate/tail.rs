//! The tail convention (`abi::signature`) of functions that make tail calls: their bodies have it, so that any of
//! them can jump to any other with the same results. Everybody else calls an ordinary entry beside the body. (A tail
//! call of the function itself is a loop and does not count.)
//!
//! A tail call of a function *without* that entry is a call and a return. The stack does not grow by it: such a
//! function makes no tail calls, so the chain ends with it, and there is at most one frame more for each call that
//! is under way in Wasm's sense.

use super::Result;
use super::entry::{load_values, slot, store_values};
use super::function::params_by_ordinary_convention;
use super::unit::Unit;
use crate::parse::{FuncIndex, FuncType};
use inkwell::builder::Builder;
use inkwell::types::IntType;
use inkwell::values::{BasicMetadataValueEnum, BasicValueEnum, CallSiteValue, FunctionValue, IntValue, PointerValue};
use wasmc_abi::ValType;
use wasmc_abi::target::Arch;
use wasmc_abi::vmctx::TAIL_PARAMS;

/// Defines the ordinary entry of a function with this body.
pub fn define_ordinary(unit: &Unit<'_, '_>, index: FuncIndex, body: FunctionValue<'_>) -> Result<()> {
    let function = unit.function(index).expect("a defined function is declared");
    let ty = unit.module.function_type(index);
    let builder = unit.context.create_builder();
    builder.position_at_end(unit.context.append_basic_block(function, ""));
    let pointer = |index| function.get_nth_param(index).map(BasicValueEnum::into_pointer_value);
    let vmctx = pointer(0).expect("a guest function has a vmctx");
    let area = if unit.types.returns_in_area(ty) { pointer(1) } else { None };
    let values = params_by_ordinary_convention(unit, &builder, function, ty)?;
    let args = args(unit, &builder, vmctx, area, ty, &values)?;
    // No instruction of the module's, but a place for those of the body, should LLVM put it here.
    unit.debug.locate(&builder, function.get_subprogram().expect("a declared function has a scope"), None);
    let call = builder.build_call(body, &args, "")?;
    builder.unset_current_debug_location();
    unit.attributes.body_call(call);
    build_return(&builder, call)
}

/// Returns what a function with the same results has returned.
pub fn build_return(builder: &Builder<'_>, call: CallSiteValue<'_>) -> Result<()> {
    match call.try_as_basic_value().basic() {
        Some(results) => builder.build_return(Some(&results))?,
        None => builder.build_return(None)?,
    };
    Ok(())
}

/// The arguments of a call by the tail convention. What the words have no room for is left with the callee, whose
/// block is at `vmctx`: nothing may come between this and the call.
pub fn args<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    vmctx: PointerValue<'ctx>,
    area: Option<PointerValue<'ctx>>,
    ty: &FuncType,
    values: &[BasicValueEnum<'ctx>],
) -> Result<Vec<BasicMetadataValueEnum<'ctx>>> {
    let in_words = params_in_words(unit, ty);
    if in_words < values.len() {
        let slots = slot(unit, builder, vmctx, TAIL_PARAMS / 8)?;
        store_values(unit, builder, slots, &ty.params, values, in_words)?;
    }
    let mut args: Vec<BasicMetadataValueEnum> = vec![vmctx.into()];
    args.extend(area.map(BasicMetadataValueEnum::from));
    let without_words = args.len();
    for (ty, value) in ty.params[..in_words].iter().zip(values) {
        args.extend(to_words(unit, builder, *ty, *value)?.into_iter().map(BasicMetadataValueEnum::from));
    }
    args.resize(without_words + unit.types.tail_words, unit.types.word.get_poison().into());
    Ok(args)
}

/// The parameters of a function that was called by the tail convention.
pub fn params<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    function: FunctionValue<'ctx>,
    ty: &FuncType,
) -> Result<Vec<BasicValueEnum<'ctx>>> {
    let mut words =
        function.get_param_iter().skip(1 + usize::from(unit.types.returns_in_area(ty))).map(|w| w.into_int_value());
    let in_words = params_in_words(unit, ty);
    let mut values = Vec::with_capacity(ty.params.len());
    for ty in &ty.params[..in_words] {
        let words: Vec<_> = words.by_ref().take(word_count(unit, *ty)).collect();
        values.push(from_words(unit, builder, *ty, &words)?);
    }
    if in_words < ty.params.len() {
        let vmctx = function.get_first_param().expect("a guest function has a vmctx").into_pointer_value();
        let slots = slot(unit, builder, vmctx, TAIL_PARAMS / 8)?;
        values.extend(load_values(unit, builder, slots, &ty.params, in_words)?);
    }
    Ok(values)
}

/// How many of the parameters are passed in words: the first ones, as long as there is room.
fn params_in_words(unit: &Unit<'_, '_>, ty: &FuncType) -> usize {
    let mut words = 0;
    let fits = |ty: &&ValType| {
        words += word_count(unit, **ty);
        words <= unit.types.tail_words
    };
    ty.params.iter().take_while(fits).count()
}

fn word_count(unit: &Unit<'_, '_>, ty: ValType) -> usize {
    bits(unit, ty).get_bit_width().div_ceil(unit.types.word.get_bit_width()) as usize
}

/// The integer with as many bits as a value.
fn bits<'ctx>(unit: &Unit<'ctx, '_>, ty: ValType) -> IntType<'ctx> {
    match ty {
        ValType::I32 | ValType::F32 => unit.types.i32,
        ValType::I64 | ValType::F64 | ValType::FuncRef | ValType::ExternRef | ValType::Ref(_) => unit.types.i64,
        ValType::V128 => unit.types.i128,
    }
}

fn to_words<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    ty: ValType,
    value: BasicValueEnum<'ctx>,
) -> Result<Vec<IntValue<'ctx>>> {
    let word = unit.types.word;
    let bits = bits(unit, ty);
    let value = builder.build_bit_cast(value, bits, "")?.into_int_value();
    let mut words = Vec::new();
    for index in 0..word_count(unit, ty) as u64 {
        let shift = bits.const_int(index * u64::from(word.get_bit_width()), false);
        let part = if index == 0 { value } else { builder.build_right_shift(value, shift, false, "")? };
        // The upper half of a narrower value is anything: what is there already, on RISC-V copies of the sign.
        let signed = unit.target.arch == Arch::Riscv;
        words.push(builder.build_int_cast_sign_flag(part, word, signed, "")?);
    }
    Ok(words)
}

fn from_words<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    ty: ValType,
    words: &[IntValue<'ctx>],
) -> Result<BasicValueEnum<'ctx>> {
    let bits = bits(unit, ty);
    let mut value = builder.build_int_cast_sign_flag(words[0], bits, false, "")?;
    for (index, word) in (1..).zip(&words[1..]) {
        let shift = bits.const_int(index * u64::from(word.get_type().get_bit_width()), false);
        let part = builder.build_int_z_extend(*word, bits, "")?;
        value = builder.build_or(value, builder.build_left_shift(part, shift, "")?, "")?;
    }
    Ok(builder.build_bit_cast(value, unit.types.value(ty), "")?)
}
