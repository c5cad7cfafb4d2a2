//! Float lanes: as exact as scalars, NaNs included (spec: exec/numerics).

use super::lanes::{Shape, Translator, unshaped};
use crate::translate::Result;
use crate::translate::ops::numeric::{CANONICAL_NAN_32, CANONICAL_NAN_64, Extremum, min_max, rounded};
use Shape::{F32x4, F64x2};
use inkwell::builder::Builder;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{BasicValue, BasicValueEnum, FloatMathValue, InstructionOpcode, VectorValue};
use inkwell::{FloatPredicate, IntPredicate};
use wasmc_abi::target::Arch;
use wasmparser::Operator as O;

pub fn translate(f: &mut Translator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    match operator {
        O::F32x4Add => arithmetic(f, F32x4, Arithmetic::Add)?,
        O::F64x2Add => arithmetic(f, F64x2, Arithmetic::Add)?,
        O::F32x4Sub => arithmetic(f, F32x4, Arithmetic::Sub)?,
        O::F64x2Sub => arithmetic(f, F64x2, Arithmetic::Sub)?,
        O::F32x4Mul => arithmetic(f, F32x4, Arithmetic::Mul)?,
        O::F64x2Mul => arithmetic(f, F64x2, Arithmetic::Mul)?,
        O::F32x4Div => arithmetic(f, F32x4, Arithmetic::Div)?,
        O::F64x2Div => arithmetic(f, F64x2, Arithmetic::Div)?,
        O::F32x4Min => extremum(f, F32x4, Extremum::Min)?,
        O::F64x2Min => extremum(f, F64x2, Extremum::Min)?,
        O::F32x4Max => extremum(f, F32x4, Extremum::Max)?,
        O::F64x2Max => extremum(f, F64x2, Extremum::Max)?,
        O::F32x4PMin => pseudo_extremum(f, F32x4, FloatPredicate::OGT)?,
        O::F64x2PMin => pseudo_extremum(f, F64x2, FloatPredicate::OGT)?,
        O::F32x4PMax => pseudo_extremum(f, F32x4, FloatPredicate::OLT)?,
        O::F64x2PMax => pseudo_extremum(f, F64x2, FloatPredicate::OLT)?,
        O::F32x4Ceil => round(f, F32x4, "llvm.ceil")?,
        O::F64x2Ceil => round(f, F64x2, "llvm.ceil")?,
        O::F32x4Floor => round(f, F32x4, "llvm.floor")?,
        O::F64x2Floor => round(f, F64x2, "llvm.floor")?,
        O::F32x4Trunc => round(f, F32x4, "llvm.trunc")?,
        O::F64x2Trunc => round(f, F64x2, "llvm.trunc")?,
        O::F32x4Nearest => round(f, F32x4, "llvm.roundeven")?,
        O::F64x2Nearest => round(f, F64x2, "llvm.roundeven")?,
        O::F32x4Sqrt => square_root(f, F32x4)?,
        O::F64x2Sqrt => square_root(f, F64x2)?,
        O::F32x4Abs => absolute(f, F32x4)?,
        O::F64x2Abs => absolute(f, F64x2)?,
        O::F32x4Neg => negate(f, F32x4)?,
        O::F64x2Neg => negate(f, F64x2)?,
        O::F32x4Eq => compare(f, F32x4, FloatPredicate::OEQ)?,
        O::F64x2Eq => compare(f, F64x2, FloatPredicate::OEQ)?,
        O::F32x4Ne => compare(f, F32x4, FloatPredicate::UNE)?,
        O::F64x2Ne => compare(f, F64x2, FloatPredicate::UNE)?,
        O::F32x4Lt => compare(f, F32x4, FloatPredicate::OLT)?,
        O::F64x2Lt => compare(f, F64x2, FloatPredicate::OLT)?,
        O::F32x4Gt => compare(f, F32x4, FloatPredicate::OGT)?,
        O::F64x2Gt => compare(f, F64x2, FloatPredicate::OGT)?,
        O::F32x4Le => compare(f, F32x4, FloatPredicate::OLE)?,
        O::F64x2Le => compare(f, F64x2, FloatPredicate::OLE)?,
        O::F32x4Ge => compare(f, F32x4, FloatPredicate::OGE)?,
        O::F64x2Ge => compare(f, F64x2, FloatPredicate::OGE)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// With `--deterministic`, the value with every NaN the canonical one.
pub fn canonical<'ctx>(f: &Translator<'_, 'ctx>, value: VectorValue<'ctx>) -> Result<VectorValue<'ctx>> {
    if !f.unit.deterministic() {
        return Ok(value);
    }
    let ty = value.get_type();
    let (ints, nan) = match ty.get_size() {
        4 => (f.unit.types.vector(Shape::I32x4), CANONICAL_NAN_32),
        _ => (f.unit.types.vector(Shape::I64x2), CANONICAL_NAN_64),
    };
    // As integers: whatever LLVM thinks of NaNs, it keeps these bits.
    let bits = f.builder.build_bit_cast(value, ints, "")?.into_vector_value();
    let is_nan = if by_scalars(f, if ty.get_size() == 4 { F32x4 } else { F64x2 }) {
        let magnitude = f.builder.build_and(bits, f.unit.types.splat(ints, 0x7FFF_FFFF), "")?;
        f.builder.build_int_compare(IntPredicate::UGT, magnitude, f.unit.types.splat(ints, 0x7F80_0000), "")?
    } else {
        f.builder.build_float_compare(FloatPredicate::UNO, value, value, "")?
    };
    let bits = f.builder.build_select(is_nan, f.unit.types.splat(ints, nan), bits, "")?.into_vector_value();
    Ok(f.builder.build_bit_cast(bits, ty, "")?.into_vector_value())
}

/// Whether lanes must be computed one by one: NEON of 32-bit ARM takes subnormals for zero, in comparisons too.
pub fn by_scalars(f: &Translator<'_, '_>, shape: Shape) -> bool {
    f.unit.target.arch == Arch::Arm && shape == F32x4 && !f.unit.neon_float()
}

/// Whether what only compares lanes is done by NEON's integers, which lose nothing.
fn by_integers(f: &Translator<'_, '_>, shape: Shape) -> bool {
    by_scalars(f, shape) && f.unit.has(Arch::Arm, "neon")
}

#[derive(Clone, Copy)]
enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
}

impl Arithmetic {
    fn build<'ctx, V: FloatMathValue<'ctx>>(self, builder: &Builder<'ctx>, a: V, b: V) -> Result<V> {
        Ok(match self {
            Arithmetic::Add => builder.build_float_add(a, b, "")?,
            Arithmetic::Sub => builder.build_float_sub(a, b, "")?,
            Arithmetic::Mul => builder.build_float_mul(a, b, "")?,
            Arithmetic::Div => builder.build_float_div(a, b, "")?,
        })
    }
}

fn arithmetic(f: &mut Translator<'_, '_>, shape: Shape, operation: Arithmetic) -> Result<()> {
    let (b, a) = (pop_fenced(f, shape)?, pop_fenced(f, shape)?);
    let value = if by_scalars(f, shape) {
        f.by_lane(&[a, b], a.get_type(), &mut |f, lanes| {
            let (a, b) = (lanes[0].into_float_value(), lanes[1].into_float_value());
            Ok(operation.build(&f.builder, a, b)?.into())
        })?
    } else {
        operation.build(&f.builder, a, b)?
    };
    let value = canonical(f, value)?;
    f.push_vector(value)
}

/// Pops an operand of arithmetic, fenced off from the optimiser where it might see ±0 or ±1 in it and fold
/// `x × 1` and the like to `x`, which keeps a signalling NaN that Wasm's arithmetic must quieten.
pub fn pop_fenced<'ctx>(f: &mut Translator<'_, 'ctx>, shape: Shape) -> Result<VectorValue<'ctx>> {
    let raw = f.pop().into_vector_value();
    let value = f.reshape(raw, f.unit.types.vector(shape))?;
    let origin = unshaped(raw);
    let may_become_constant = match origin.as_instruction_value() {
        None => may_be_neutral(raw, shape),
        Some(instruction) => match instruction.get_opcode() {
            InstructionOpcode::Phi => true,
            InstructionOpcode::Load => {
                let from = instruction.get_operand(0).and_then(|o| o.value());
                let from = from.and_then(|value| value.as_instruction_value());
                from.is_some_and(|i| i.get_opcode() == InstructionOpcode::Alloca)
            }
            _ => false,
        },
    };
    if may_become_constant { f.vector_call("llvm.arithmetic.fence", &[value]) } else { Ok(value) }
}

/// Whether a constant has ±0 or ±1 in some lane; yes if it cannot be seen.
fn may_be_neutral(constant: VectorValue<'_>, shape: Shape) -> bool {
    let is_plain =
        matches!(constant.get_type().get_element_type(), BasicTypeEnum::IntType(ty) if ty.get_bit_width() == 64);
    if !is_plain || !constant.is_constant_data_vector() {
        return true;
    }
    (0..2).any(|half| match constant.get_element_as_constant(half) {
        BasicValueEnum::IntValue(half) => match (half.get_zero_extended_constant(), shape) {
            (Some(bits), F32x4) => {
                [bits as u32, (bits >> 32) as u32].iter().any(|bits| is_neutral(f32::from_bits(*bits).into()))
            }
            (Some(bits), _) => is_neutral(f64::from_bits(bits)),
            (None, _) => true,
        },
        _ => true,
    })
}

fn is_neutral(value: f64) -> bool {
    value == 0.0 || value.abs() == 1.0
}

/// As the scalar one: a NaN if there is one, −0 before +0.
pub fn extremum(f: &mut Translator<'_, '_>, shape: Shape, extremum: Extremum) -> Result<()> {
    let (b, a) = (f.pop_vector(shape)?, f.pop_vector(shape)?);
    let ty = a.get_type();
    let value = if f.unit.target.arch == Arch::Aarch64 {
        let name = if extremum == Extremum::Min { "llvm.aarch64.neon.fmin" } else { "llvm.aarch64.neon.fmax" };
        f.vector_call(name, &[a, b])?
    } else if f.has_riscv_vectors() {
        // Fenced: LLVM takes the lesser of a number and itself, or infinity, for that number, though it may be a
        // signalling NaN.
        let name = if extremum == Extremum::Min { "llvm.minimum" } else { "llvm.maximum" };
        let b = f.vector_call("llvm.arithmetic.fence", &[b])?;
        f.vector_call(name, &[a, b])?
    } else if by_integers(f, shape) {
        ordered_extremum(f, a, b, extremum)?
    } else if by_scalars(f, shape) {
        f.by_lane(&[a, b], ty, &mut |f, lanes| {
            Ok(min_max(f, lanes[0].into_float_value(), lanes[1].into_float_value(), extremum)?.into())
        })?
    } else {
        // Taken both ways, what is equal differs in the sign of zero.
        let before = if extremum == Extremum::Min { FloatPredicate::OLT } else { FloatPredicate::OGT };
        let (one, other) = (choose(f, before, a, b)?, choose(f, before, b, a)?);
        let bits = f.unit.types.vector(shape.integers());
        let (one, other) = (f.reshape(one, bits)?, f.reshape(other, bits)?);
        let joined = match extremum {
            Extremum::Min => f.builder.build_or(one, other, "")?,
            Extremum::Max => f.builder.build_and(one, other, "")?,
        };
        let joined = f.reshape(joined, ty)?;
        let nan = if shape == F32x4 { CANONICAL_NAN_32 } else { CANONICAL_NAN_64 };
        let nan = f.reshape(f.unit.types.splat(bits, nan), ty)?;
        let unordered = f.builder.build_float_compare(FloatPredicate::UNO, a, b, "")?;
        f.builder.build_select(unordered, nan, joined, "")?.into_vector_value()
    };
    let value = canonical(f, value)?;
    f.push_vector(value)
}

/// `a` where it is less (or greater) than `b`, otherwise `b`: an instruction of x86.
pub fn choose<'ctx>(
    f: &Translator<'_, 'ctx>,
    predicate: FloatPredicate,
    a: VectorValue<'ctx>,
    b: VectorValue<'ctx>,
) -> Result<VectorValue<'ctx>> {
    if f.unit.target.arch == Arch::X86_64 {
        let is_single = a.get_type().get_size() == 4;
        let name = match (predicate, is_single) {
            (FloatPredicate::OLT, true) => "llvm.x86.sse.min.ps",
            (FloatPredicate::OLT, false) => "llvm.x86.sse2.min.pd",
            (_, true) => "llvm.x86.sse.max.ps",
            (_, false) => "llvm.x86.sse2.max.pd",
        };
        return f.machine_call(name, &[a, b]);
    }
    let condition = f.builder.build_float_compare(predicate, a, b, "")?;
    Ok(f.builder.build_select(condition, a, b, "")?.into_vector_value())
}

/// `b` if `a` compares with it so, otherwise `a`, as it is.
fn pseudo_extremum(f: &mut Translator<'_, '_>, shape: Shape, predicate: FloatPredicate) -> Result<()> {
    let (b, a) = (f.pop_vector(shape)?, f.pop_vector(shape)?);
    let swapped = if predicate == FloatPredicate::OGT { FloatPredicate::OLT } else { FloatPredicate::OGT };
    let value = if by_scalars(f, shape) {
        f.by_lane(&[a, b], a.get_type(), &mut |f, lanes| {
            let (a, b) = (lanes[0].into_float_value(), lanes[1].into_float_value());
            let condition = f.builder.build_float_compare(swapped, b, a, "")?;
            Ok(f.builder.build_select(condition, b, a, "")?)
        })?
    } else {
        choose(f, swapped, b, a)?
    };
    f.push_vector(value)
}

fn round(f: &mut Translator<'_, '_>, shape: Shape, name: &'static str) -> Result<()> {
    let a = f.pop_vector(shape)?;
    let value = if f.unit.has(Arch::X86_64, "sse4.1") || f.unit.target.arch == Arch::Aarch64 {
        f.vector_call(name, &[a])?
    } else if f.unit.has(Arch::Riscv, "v") {
        // LLVM leaves a NaN as it is there; an addition of −0 quietens it and changes nothing else.
        let rounded = f.vector_call(name, &[a])?;
        let zero = f.vector_call("llvm.arithmetic.fence", &[f.unit.types.float_splat(shape, -0.0)])?;
        f.builder.build_float_add(rounded, zero, "")?
    } else {
        f.by_lane(&[a], a.get_type(), &mut |f, lanes| Ok(rounded(f, name, lanes[0].into_float_value())?.into()))?
    };
    let value = canonical(f, value)?;
    f.push_vector(value)
}

fn square_root(f: &mut Translator<'_, '_>, shape: Shape) -> Result<()> {
    let a = f.pop_vector(shape)?;
    let value = if by_scalars(f, shape) {
        f.by_lane(&[a], a.get_type(), &mut |f, lanes| {
            f.intrinsic_call("llvm.sqrt", &[lanes[0].get_type()], &[lanes[0].into()])
        })?
    } else {
        f.vector_call("llvm.sqrt", &[a])?
    };
    let value = canonical(f, value)?;
    f.push_vector(value)
}

/// Only a bit changes, whatever the lane is.
fn absolute(f: &mut Translator<'_, '_>, shape: Shape) -> Result<()> {
    let a = f.pop_vector(shape)?;
    let value = f.vector_call("llvm.fabs", &[a])?;
    f.push_vector(value)
}

/// Only a bit changes, whatever the lane is.
fn negate(f: &mut Translator<'_, '_>, shape: Shape) -> Result<()> {
    let a = f.pop_vector(shape)?;
    let value = f.builder.build_float_neg(a, "")?;
    f.push_vector(value)
}

fn compare(f: &mut Translator<'_, '_>, shape: Shape, predicate: FloatPredicate) -> Result<()> {
    let (b, a) = (f.pop_vector(shape)?, f.pop_vector(shape)?);
    if by_integers(f, shape) {
        let mask = compare_by_integers(f, a, b, predicate)?;
        return f.push_vector(mask);
    }
    if !by_scalars(f, shape) {
        let condition = f.builder.build_float_compare(predicate, a, b, "")?;
        return f.push_mask(condition, shape);
    }
    let value = f.by_lane(&[a, b], f.unit.types.vector(shape.integers()), &mut |f, lanes| {
        let (a, b) = (lanes[0].into_float_value(), lanes[1].into_float_value());
        let condition = f.builder.build_float_compare(predicate, a, b, "")?;
        Ok(f.builder.build_int_s_extend(condition, f.unit.types.i32, "")?.into())
    })?;
    f.push_vector(value)
}

/// The bits of infinity.
const INFINITY: u64 = f32::INFINITY.to_bits() as u64;

fn compare_by_integers<'ctx>(
    f: &Translator<'_, 'ctx>,
    a: VectorValue<'ctx>,
    b: VectorValue<'ctx>,
    predicate: FloatPredicate,
) -> Result<VectorValue<'ctx>> {
    use FloatPredicate as P;
    use IntPredicate::{EQ, SGE, SLE, SLT, ULE};
    let (types, ty) = (&f.unit.types, f.unit.types.vector(Shape::I32x4));
    let (a, b) = (f.reshape(a, ty)?, f.reshape(b, ty)?);
    let compare = |predicate, a, b| f.builder.build_int_compare::<VectorValue<'_>>(predicate, a, b, "");
    let (lesser, greater) = if matches!(predicate, P::OGT | P::OGE) { (b, a) } else { (a, b) };
    let holds = match predicate {
        P::OEQ | P::UNE => {
            // The same bits and no NaN, or zeros of either sign.
            let doubled = |value| f.builder.build_left_shift(value, types.splat(ty, 1), "");
            let is_number = compare(ULE, doubled(a)?, types.splat(ty, INFINITY << 1))?;
            let same = f.builder.build_and(compare(EQ, a, b)?, is_number, "")?;
            let zeros = compare(EQ, doubled(f.builder.build_or(a, b, "")?)?, ty.const_zero())?;
            f.builder.build_or(same, zeros, "")?
        }
        _ => {
            let (lesser, greater) = (ordered(f, lesser)?, ordered(f, greater)?);
            let order = if matches!(predicate, P::OLT | P::OGT) { SLT } else { SLE };
            // NaNs lie outside of the infinities: where the order holds, it is enough to look at one end of each.
            let below = compare(SLE, greater, types.splat(ty, INFINITY))?;
            let above = compare(SGE, lesser, types.splat(ty, INFINITY.wrapping_neg()))?;
            let inside = f.builder.build_and(below, above, "")?;
            f.builder.build_and(compare(order, lesser, greater)?, inside, "")?
        }
    };
    let holds = if predicate == P::UNE { f.builder.build_not(holds, "")? } else { holds };
    f.extend_mask(holds, ty)
}

/// Numbers in the order of floats, zeros equal, from the bits of floats: of negative ones what is below the sign, negated.
fn ordered<'ctx>(f: &Translator<'_, 'ctx>, bits: VectorValue<'ctx>) -> Result<VectorValue<'ctx>> {
    let ty = bits.get_type();
    let negated = f.builder.build_int_sub(f.unit.types.splat(ty, 1 << 31), bits, "")?;
    let is_negative = f.builder.build_int_compare(IntPredicate::SLT, bits, ty.const_zero(), "")?;
    Ok(f.builder.build_select(is_negative, negated, bits, "")?.into_vector_value())
}

/// The lesser or the greater as integers whose order is that of floats with −0 before +0: of negative ones all bits but
/// the sign are turned round, there and back.
fn ordered_extremum<'ctx>(
    f: &Translator<'_, 'ctx>,
    a: VectorValue<'ctx>,
    b: VectorValue<'ctx>,
    extremum: Extremum,
) -> Result<VectorValue<'ctx>> {
    let (types, ty) = (&f.unit.types, f.unit.types.vector(Shape::I32x4));
    let (bits_a, bits_b) = (f.reshape(a, ty)?, f.reshape(b, ty)?);
    let turn = |bits: VectorValue<'ctx>| -> Result<VectorValue<'ctx>> {
        let sign = f.builder.build_right_shift(bits, types.splat(ty, 31), true, "")?;
        let below_sign = f.builder.build_and(sign, types.splat(ty, i32::MAX as u64), "")?;
        Ok(f.builder.build_xor(bits, below_sign, "")?)
    };
    let name = if extremum == Extremum::Min { "llvm.smin" } else { "llvm.smax" };
    let chosen = turn(f.vector_call(name, &[turn(bits_a)?, turn(bits_b)?])?)?;
    let doubled = |bits| f.builder.build_left_shift(bits, types.splat(ty, 1), "");
    let largest = f.vector_call("llvm.umax", &[doubled(bits_a)?, doubled(bits_b)?])?;
    let is_nan = f.builder.build_int_compare(IntPredicate::UGT, largest, types.splat(ty, INFINITY << 1), "")?;
    let chosen = f.builder.build_select(is_nan, types.splat(ty, CANONICAL_NAN_32), chosen, "")?;
    f.reshape(chosen.into_vector_value(), a.get_type())
}
