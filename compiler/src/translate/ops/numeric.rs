//! Numeric instructions but for conversions (spec: exec/numerics).

use super::variable::constant;
use crate::translate::Result;
use crate::translate::function::FunctionTranslator;
use inkwell::types::FloatType;
use inkwell::values::{AnyValue, BasicValue, BasicValueEnum, FloatValue, InstructionOpcode, IntValue};
use inkwell::{FloatPredicate, IntPredicate};
use wasmc_abi::target::{Arch, FloatAbi};
use wasmc_abi::{TrapCode, ValType};
use wasmparser::Operator as O;

type Translator<'u, 'ctx> = FunctionTranslator<'u, 'ctx>;

pub fn translate<'ctx>(f: &mut Translator<'_, 'ctx>, operator: &O<'_>) -> Result<bool> {
    match operator {
        O::I32Const { value } => push_constant(f, ValType::I32, u128::from(*value as u32))?,
        O::I64Const { value } => push_constant(f, ValType::I64, u128::from(*value as u64))?,
        O::F32Const { value } => push_constant(f, ValType::F32, value.bits().into())?,
        O::F64Const { value } => push_constant(f, ValType::F64, value.bits().into())?,
        _ => return Ok(integer(f, operator)? || compare(f, operator)? || float(f, operator)?),
    }
    Ok(true)
}

fn push_constant(f: &mut Translator<'_, '_>, ty: ValType, bits: u128) -> Result<()> {
    let value = constant(f, ty, bits)?;
    f.push(value);
    Ok(())
}

fn integer<'ctx>(f: &mut Translator<'_, 'ctx>, operator: &O<'_>) -> Result<bool> {
    match operator {
        O::I32Add | O::I64Add => int_binary(f, |f, a, b| Ok(f.builder.build_int_add(a, b, "")?))?,
        O::I32Sub | O::I64Sub => int_binary(f, |f, a, b| Ok(f.builder.build_int_sub(a, b, "")?))?,
        O::I32Mul | O::I64Mul => int_binary(f, |f, a, b| Ok(f.builder.build_int_mul(a, b, "")?))?,
        O::I32And | O::I64And => int_binary(f, |f, a, b| Ok(f.builder.build_and(a, b, "")?))?,
        O::I32Or | O::I64Or => int_binary(f, |f, a, b| Ok(f.builder.build_or(a, b, "")?))?,
        O::I32Xor | O::I64Xor => int_binary(f, |f, a, b| Ok(f.builder.build_xor(a, b, "")?))?,
        O::I32DivS | O::I64DivS => int_binary(f, div_s)?,
        O::I32DivU | O::I64DivU => int_binary(f, |f, a, b| {
            trap_if_zero(f, b)?;
            Ok(f.builder.build_int_unsigned_div(a, b, "")?)
        })?,
        O::I32RemS | O::I64RemS => int_binary(f, rem_s)?,
        O::I32RemU | O::I64RemU => int_binary(f, |f, a, b| {
            trap_if_zero(f, b)?;
            Ok(f.builder.build_int_unsigned_rem(a, b, "")?)
        })?,
        O::I32Shl | O::I64Shl => int_binary(f, |f, a, b| {
            let count = shift_count(f, b)?;
            Ok(f.builder.build_left_shift(a, count, "")?)
        })?,
        O::I32ShrS | O::I64ShrS => int_binary(f, |f, a, b| {
            let count = shift_count(f, b)?;
            Ok(f.builder.build_right_shift(a, count, true, "")?)
        })?,
        O::I32ShrU | O::I64ShrU => int_binary(f, |f, a, b| {
            let count = shift_count(f, b)?;
            Ok(f.builder.build_right_shift(a, count, false, "")?)
        })?,
        // Funnel shifts take their count modulo the width, as Wasm's rotations do.
        O::I32Rotl | O::I64Rotl => int_binary(f, |f, a, b| int_intrinsic(f, "llvm.fshl", &[a, a, b]))?,
        O::I32Rotr | O::I64Rotr => int_binary(f, |f, a, b| int_intrinsic(f, "llvm.fshr", &[a, a, b]))?,
        O::I32Clz | O::I64Clz => int_unary(f, |f, a| count_zeros(f, "llvm.ctlz", a))?,
        O::I32Ctz | O::I64Ctz => int_unary(f, |f, a| count_zeros(f, "llvm.cttz", a))?,
        O::I32Popcnt | O::I64Popcnt => int_unary(f, |f, a| int_intrinsic(f, "llvm.ctpop", &[a]))?,
        O::I32Extend8S | O::I64Extend8S => int_unary(f, |f, a| extend(f, a, f.unit.types.i8))?,
        O::I32Extend16S | O::I64Extend16S => int_unary(f, |f, a| extend(f, a, f.unit.types.i16))?,
        O::I64Extend32S => int_unary(f, |f, a| extend(f, a, f.unit.types.i32))?,
        O::I64Add128 => wide_sum(f, |f, a, b| Ok(f.builder.build_int_add(a, b, "")?))?,
        O::I64Sub128 => wide_sum(f, |f, a, b| Ok(f.builder.build_int_sub(a, b, "")?))?,
        O::I64MulWideU => wide_product(f, false)?,
        O::I64MulWideS => wide_product(f, true)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Two numbers of 128 bits, as four operands, low halves first, to one.
fn wide_sum<'ctx>(
    f: &mut Translator<'_, 'ctx>,
    build: impl FnOnce(&mut Translator<'_, 'ctx>, IntValue<'ctx>, IntValue<'ctx>) -> Result<IntValue<'ctx>>,
) -> Result<()> {
    let halves = f.pop_many(4);
    let wide = |low: BasicValueEnum<'ctx>, high: BasicValueEnum<'ctx>| -> Result<IntValue<'ctx>> {
        let ty = f.unit.context.i128_type();
        let low = f.builder.build_int_z_extend(low.into_int_value(), ty, "")?;
        let high = f.builder.build_int_z_extend(high.into_int_value(), ty, "")?;
        let high = f.builder.build_left_shift(high, ty.const_int(64, false), "")?;
        Ok(f.builder.build_or(low, high, "")?)
    };
    let (a, b) = (wide(halves[0], halves[1])?, wide(halves[2], halves[3])?);
    let sum = build(f, a, b)?;
    push_wide(f, sum)
}

/// The halves of a number of 128 bits, the low one first.
fn push_wide<'ctx>(f: &mut Translator<'_, 'ctx>, value: IntValue<'ctx>) -> Result<()> {
    let low = f.builder.build_int_truncate(value, f.unit.types.i64, "")?;
    let high = f.builder.build_right_shift(value, value.get_type().const_int(64, false), false, "")?;
    let high = f.builder.build_int_truncate(high, f.unit.types.i64, "")?;
    f.push(low);
    f.push(high);
    Ok(())
}

/// The 128 bits of a product of two numbers of 64.
fn wide_product(f: &mut Translator<'_, '_>, signed: bool) -> Result<()> {
    let (b, a) = (f.pop_int(), f.pop_int());
    let wide = f.unit.context.i128_type();
    if f.unit.target.pointer_bits == 64 {
        let extend = |value| match signed {
            true => f.builder.build_int_s_extend(value, wide, ""),
            false => f.builder.build_int_z_extend(value, wide, ""),
        };
        let product = f.builder.build_int_mul(extend(a)?, extend(b)?, "")?;
        return push_wide(f, product);
    }
    // Where LLVM would call a routine: schoolbook, in digits of 32 bits. No sum below exceeds 64.
    let (builder, ty) = (&f.builder, f.unit.types.i64);
    let (half, digit) = (ty.const_int(32, false), ty.const_int(u64::from(u32::MAX), false));
    let low_of = |value| builder.build_and(value, digit, "");
    let high_of = |value| builder.build_right_shift(value, half, false, "");
    let ([a0, b0], [a1, b1]) = ([low_of(a)?, low_of(b)?], [high_of(a)?, high_of(b)?]);
    let first = builder.build_int_mul(a0, b0, "")?;
    let middle = builder.build_int_add(builder.build_int_mul(a1, b0, "")?, high_of(first)?, "")?;
    let other = builder.build_int_add(builder.build_int_mul(a0, b1, "")?, low_of(middle)?, "")?;
    let high = builder.build_int_add(builder.build_int_mul(a1, b1, "")?, high_of(middle)?, "")?;
    let mut high = builder.build_int_add(high, high_of(other)?, "")?;
    let low = builder.build_or(builder.build_left_shift(other, half, "")?, low_of(first)?, "")?;
    if signed {
        // A negative factor has been taken for one that is 2^64 larger.
        let sign = ty.const_int(63, false);
        for (factor, times) in [(a, b), (b, a)] {
            let all = builder.build_right_shift(factor, sign, true, "")?;
            high = builder.build_int_sub(high, builder.build_and(all, times, "")?, "")?;
        }
    }
    f.push(low);
    f.push(high);
    Ok(())
}

fn compare(f: &mut Translator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    use FloatPredicate as F;
    use IntPredicate as I;
    match operator {
        O::I32Eqz | O::I64Eqz => {
            let zero = f.stack[f.stack.len() - 1].into_int_value().get_type().const_zero();
            f.push(zero);
            int_compare(f, I::EQ)?;
        }
        O::I32Eq | O::I64Eq => int_compare(f, I::EQ)?,
        O::I32Ne | O::I64Ne => int_compare(f, I::NE)?,
        O::I32LtS | O::I64LtS => int_compare(f, I::SLT)?,
        O::I32LtU | O::I64LtU => int_compare(f, I::ULT)?,
        O::I32GtS | O::I64GtS => int_compare(f, I::SGT)?,
        O::I32GtU | O::I64GtU => int_compare(f, I::UGT)?,
        O::I32LeS | O::I64LeS => int_compare(f, I::SLE)?,
        O::I32LeU | O::I64LeU => int_compare(f, I::ULE)?,
        O::I32GeS | O::I64GeS => int_compare(f, I::SGE)?,
        O::I32GeU | O::I64GeU => int_compare(f, I::UGE)?,
        O::F32Eq | O::F64Eq => float_compare(f, F::OEQ)?,
        O::F32Ne | O::F64Ne => float_compare(f, F::UNE)?,
        O::F32Lt | O::F64Lt => float_compare(f, F::OLT)?,
        O::F32Gt | O::F64Gt => float_compare(f, F::OGT)?,
        O::F32Le | O::F64Le => float_compare(f, F::OLE)?,
        O::F32Ge | O::F64Ge => float_compare(f, F::OGE)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn float(f: &mut Translator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    match operator {
        O::F32Add | O::F64Add => float_binary(f, |f, a, b| Ok(f.builder.build_float_add(a, b, "")?))?,
        O::F32Sub | O::F64Sub => float_binary(f, |f, a, b| Ok(f.builder.build_float_sub(a, b, "")?))?,
        O::F32Mul | O::F64Mul => float_binary(f, |f, a, b| Ok(f.builder.build_float_mul(a, b, "")?))?,
        O::F32Div | O::F64Div => float_binary(f, |f, a, b| Ok(f.builder.build_float_div(a, b, "")?))?,
        O::F32Min | O::F64Min => float_binary(f, |f, a, b| min_max(f, a, b, Extremum::Min))?,
        O::F32Max | O::F64Max => float_binary(f, |f, a, b| min_max(f, a, b, Extremum::Max))?,
        O::F32Copysign | O::F64Copysign => float_binary(f, |f, a, b| float_intrinsic(f, "llvm.copysign", &[a, b]))?,
        O::F32Neg | O::F64Neg => float_unary(f, |f, a| Ok(f.builder.build_float_neg(a, "")?))?,
        O::F32Abs | O::F64Abs => float_unary(f, |f, a| float_intrinsic(f, "llvm.fabs", &[a]))?,
        O::F32Sqrt | O::F64Sqrt => float_unary(f, |f, a| float_intrinsic(f, "llvm.sqrt", &[a]))?,
        O::F32Ceil | O::F64Ceil => float_unary(f, |f, a| rounded(f, "llvm.ceil", a))?,
        O::F32Floor | O::F64Floor => float_unary(f, |f, a| rounded(f, "llvm.floor", a))?,
        O::F32Trunc | O::F64Trunc => float_unary(f, |f, a| rounded(f, "llvm.trunc", a))?,
        // Ties to even: neither `round` nor `rint`, which depends on the rounding mode.
        O::F32Nearest | O::F64Nearest => float_unary(f, |f, a| rounded(f, "llvm.roundeven", a))?,
        _ => return Ok(false),
    }
    let of_bits = [O::F32Copysign, O::F64Copysign, O::F32Neg, O::F64Neg, O::F32Abs, O::F64Abs];
    if !of_bits.contains(operator) {
        canonicalize(f)?;
    }
    Ok(true)
}

/// Bits of the canonical NaN (spec: exec/numerics).
pub const CANONICAL_NAN_32: u64 = 0x7FC0_0000;
/// Bits of the canonical NaN (spec: exec/numerics).
pub const CANONICAL_NAN_64: u64 = 0x7FF8_0000_0000_0000;

/// With `--deterministic`, makes a NaN that an instruction has left on the stack the canonical one.
pub fn canonicalize(f: &mut Translator<'_, '_>) -> Result<()> {
    if !f.unit.deterministic() {
        return Ok(());
    }
    let value = f.pop_float();
    let (int, nan) = match value.get_type() == f.unit.types.f32 {
        true => (f.unit.types.i32, CANONICAL_NAN_32),
        false => (f.unit.types.i64, CANONICAL_NAN_64),
    };
    // As integers: whatever LLVM thinks of NaNs, it keeps these bits.
    let bits = f.builder.build_bit_cast(value, int, "")?;
    let is_nan = f.builder.build_float_compare(FloatPredicate::UNO, value, value, "")?;
    let bits = f.builder.build_select(is_nan, int.const_int(nan, false).into(), bits, "")?;
    let value = f.builder.build_bit_cast(bits, value.get_type(), "")?;
    f.push(value);
    Ok(())
}

type IntBinary<'u, 'ctx> = fn(&mut Translator<'u, 'ctx>, IntValue<'ctx>, IntValue<'ctx>) -> Result<IntValue<'ctx>>;
type FloatBinary<'u, 'ctx> =
    fn(&mut Translator<'u, 'ctx>, FloatValue<'ctx>, FloatValue<'ctx>) -> Result<FloatValue<'ctx>>;

fn int_binary<'u, 'ctx>(f: &mut Translator<'u, 'ctx>, build: IntBinary<'u, 'ctx>) -> Result<()> {
    let (b, a) = (f.pop_int(), f.pop_int());
    let value = build(f, a, b)?;
    f.push(value);
    Ok(())
}

fn int_unary<'u, 'ctx>(
    f: &mut Translator<'u, 'ctx>,
    build: fn(&mut Translator<'u, 'ctx>, IntValue<'ctx>) -> Result<IntValue<'ctx>>,
) -> Result<()> {
    let a = f.pop_int();
    let value = build(f, a)?;
    f.push(value);
    Ok(())
}

fn float_binary<'u, 'ctx>(f: &mut Translator<'u, 'ctx>, build: FloatBinary<'u, 'ctx>) -> Result<()> {
    let (b, a) = (f.pop_float(), f.pop_float());
    let value = build(f, a, b)?;
    f.push(value);
    Ok(())
}

fn float_unary<'u, 'ctx>(
    f: &mut Translator<'u, 'ctx>,
    build: fn(&mut Translator<'u, 'ctx>, FloatValue<'ctx>) -> Result<FloatValue<'ctx>>,
) -> Result<()> {
    let a = f.pop_float();
    let value = build(f, a)?;
    f.push(value);
    Ok(())
}

fn int_compare(f: &mut Translator<'_, '_>, predicate: IntPredicate) -> Result<()> {
    let (b, a) = (f.pop_int(), f.pop_int());
    let value = f.builder.build_int_compare(predicate, a, b, "")?;
    let value = f.builder.build_int_z_extend(value, f.unit.types.i32, "")?;
    f.push(value);
    Ok(())
}

fn float_compare(f: &mut Translator<'_, '_>, predicate: FloatPredicate) -> Result<()> {
    // A comparison does not care whether a NaN is quiet: constants may be seen through.
    let (b, a) = (unfenced(f.pop()).into_float_value(), unfenced(f.pop()).into_float_value());
    let value = f.builder.build_float_compare(predicate, a, b, "")?;
    let value = f.builder.build_int_z_extend(value, f.unit.types.i32, "")?;
    f.push(value);
    Ok(())
}

fn trap_if_zero<'ctx>(f: &mut Translator<'_, 'ctx>, divisor: IntValue<'ctx>) -> Result<()> {
    let zero = divisor.get_type().const_zero();
    let is_zero = f.builder.build_int_compare(IntPredicate::EQ, divisor, zero, "")?;
    f.trap_if(is_zero, TrapCode::DivideByZero)
}

/// The smallest value of an integer's type.
fn int_min<'ctx>(value: IntValue<'ctx>) -> IntValue<'ctx> {
    let ty = value.get_type();
    ty.const_int(1 << (ty.get_bit_width() - 1), false)
}

fn div_s<'ctx>(f: &mut Translator<'_, 'ctx>, a: IntValue<'ctx>, b: IntValue<'ctx>) -> Result<IntValue<'ctx>> {
    trap_if_zero(f, b)?;
    let is_min = f.builder.build_int_compare(IntPredicate::EQ, a, int_min(a), "")?;
    let is_minus_one = f.builder.build_int_compare(IntPredicate::EQ, b, b.get_type().const_all_ones(), "")?;
    let overflows = f.builder.build_and(is_min, is_minus_one, "")?;
    f.trap_if(overflows, TrapCode::IntegerOverflow)?;
    Ok(f.builder.build_int_signed_div(a, b, "")?)
}

/// MIN % −1 is 0 in Wasm and undefined in LLVM; the remainder by 1 is the same for every dividend.
fn rem_s<'ctx>(f: &mut Translator<'_, 'ctx>, a: IntValue<'ctx>, b: IntValue<'ctx>) -> Result<IntValue<'ctx>> {
    trap_if_zero(f, b)?;
    let ty = b.get_type();
    let is_minus_one = f.builder.build_int_compare(IntPredicate::EQ, b, ty.const_all_ones(), "")?;
    let divisor = f.builder.build_select(is_minus_one, ty.const_int(1, false), b, "")?.into_int_value();
    Ok(f.builder.build_int_signed_rem(a, divisor, "")?)
}

/// Counts are modulo the width; LLVM's shifts by the width or more are poison.
fn shift_count<'ctx>(f: &mut Translator<'_, 'ctx>, count: IntValue<'ctx>) -> Result<IntValue<'ctx>> {
    let ty = count.get_type();
    Ok(f.builder.build_and(count, ty.const_int(u64::from(ty.get_bit_width()) - 1, false), "")?)
}

fn extend<'ctx>(
    f: &mut Translator<'_, 'ctx>,
    a: IntValue<'ctx>,
    from: inkwell::types::IntType<'ctx>,
) -> Result<IntValue<'ctx>> {
    let narrow = f.builder.build_int_truncate(a, from, "")?;
    Ok(f.builder.build_int_s_extend(narrow, a.get_type(), "")?)
}

fn int_intrinsic<'ctx>(
    f: &mut Translator<'_, 'ctx>,
    name: &'static str,
    args: &[IntValue<'ctx>],
) -> Result<IntValue<'ctx>> {
    let function = f.unit.intrinsic(name, args[0].get_type().into());
    let args: Vec<_> = args.iter().map(|a| (*a).into()).collect();
    Ok(f.builder.build_call(function, &args, "")?.try_as_basic_value().unwrap_basic().into_int_value())
}

fn count_zeros<'ctx>(f: &mut Translator<'_, 'ctx>, name: &'static str, a: IntValue<'ctx>) -> Result<IntValue<'ctx>> {
    let function = f.unit.intrinsic(name, a.get_type().into());
    let zero_is_poison = f.unit.types.bool.const_zero();
    let call = f.builder.build_call(function, &[a.into(), zero_is_poison.into()], "")?;
    Ok(call.try_as_basic_value().unwrap_basic().into_int_value())
}

/// Calls an intrinsic on floats.
pub fn float_intrinsic<'ctx>(
    f: &Translator<'_, 'ctx>,
    name: &'static str,
    args: &[FloatValue<'ctx>],
) -> Result<FloatValue<'ctx>> {
    let function = f.unit.intrinsic(name, args[0].get_type().into());
    let args: Vec<_> = args.iter().map(|a| (*a).into()).collect();
    Ok(f.builder.build_call(function, &args, "")?.try_as_basic_value().unwrap_basic().into_float_value())
}

/// Rounding to an integer. On RISC-V, LLVM leaves a NaN as it is, a signalling one too; routines do not.
pub fn rounded<'ctx>(
    f: &Translator<'_, 'ctx>,
    name: &'static str,
    value: FloatValue<'ctx>,
) -> Result<FloatValue<'ctx>> {
    let rounded = float_intrinsic(f, name, &[value])?;
    let target = f.unit.target;
    let is_routine =
        target.float_abi == FloatAbi::Soft || (target.pointer_bits == 32 && rounded.get_type() == f.unit.types.f64);
    if target.arch == Arch::Riscv && !is_routine {
        float_intrinsic(f, "llvm.canonicalize", &[rounded])
    } else {
        Ok(rounded)
    }
}

/// A float constant from its exact bits; never through the host's floats, which quieten NaNs.
///
/// ±0 and ±1 are fenced off from the optimiser: it folds `x × 1` and the like to `x`, which keeps a
/// signalling NaN that Wasm's arithmetic must quieten.
pub fn float_constant<'ctx>(
    f: &Translator<'_, 'ctx>,
    bits: IntValue<'ctx>,
    ty: FloatType<'ctx>,
) -> Result<FloatValue<'ctx>> {
    let value = f.builder.build_bit_cast(bits, ty, "")?.into_float_value();
    let neutral = value.get_constant().is_some_and(|(v, _)| v == 0.0 || v.abs() == 1.0);
    if neutral { float_intrinsic(f, "llvm.arithmetic.fence", &[value]) } else { Ok(value) }
}

/// What stands behind a fence, or the value itself.
pub fn unfenced(value: BasicValueEnum<'_>) -> BasicValueEnum<'_> {
    let Some(call) = value.as_instruction_value().filter(|i| i.get_opcode() == InstructionOpcode::Call) else {
        return value;
    };
    let callee = call.get_operands().last().flatten().and_then(|o| o.value());
    let is_fence = callee.is_some_and(|c| {
        let name = c.as_any_value_enum();
        name.is_pointer_value() && name.into_pointer_value().get_name().to_bytes().starts_with(b"llvm.arithmetic.fence")
    });
    if is_fence { call.get_operand(0).and_then(|o| o.value()).unwrap_or(value) } else { value }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extremum {
    Min,
    Max,
}

/// Wasm's `min` and `max` propagate NaN and order −0 before +0 (spec: exec/numerics, op-fmin).
/// LLVM's `minnum` loses NaN; `minimum` keeps a signalling one and is not available everywhere.
pub fn min_max<'ctx>(
    f: &Translator<'_, 'ctx>,
    a: FloatValue<'ctx>,
    b: FloatValue<'ctx>,
    extremum: Extremum,
) -> Result<FloatValue<'ctx>> {
    let builder = &f.builder;
    let unordered = builder.build_float_compare(FloatPredicate::UNO, a, b, "")?;
    let less = builder.build_float_compare(FloatPredicate::OLT, a, b, "")?;
    let greater = builder.build_float_compare(FloatPredicate::OGT, a, b, "")?;
    let (take_a, take_b) = if extremum == Extremum::Min { (less, greater) } else { (greater, less) };
    // Equal operands differ at most in the sign of zero: join the bits.
    let int = if a.get_type() == f.unit.types.f32 { f.unit.types.i32 } else { f.unit.types.i64 };
    let a_bits = builder.build_bit_cast(a, int, "")?.into_int_value();
    let b_bits = builder.build_bit_cast(b, int, "")?.into_int_value();
    let joined = match extremum {
        Extremum::Min => builder.build_or(a_bits, b_bits, "")?,
        Extremum::Max => builder.build_and(a_bits, b_bits, "")?,
    };
    let joined = builder.build_bit_cast(joined, a.get_type(), "")?;
    let nan_bits = if int == f.unit.types.i32 { CANONICAL_NAN_32 } else { CANONICAL_NAN_64 };
    let nan = builder.build_bit_cast(int.const_int(nan_bits, false), a.get_type(), "")?;
    let value = builder.build_select(take_b, b.into(), joined, "")?;
    let value = builder.build_select(take_a, a.into(), value, "")?;
    Ok(builder.build_select(unordered, nan, value, "")?.into_float_value())
}
