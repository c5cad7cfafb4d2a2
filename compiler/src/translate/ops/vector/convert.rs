//! Conversions between lanes of integers and floats. What does not fit saturates, a NaN becomes 0; what has fewer
//! lanes than its operand fills up with zeros.

use super::float::{by_scalars, canonical, choose};
use super::lanes::{Half, Shape, Sign, Translator};
use crate::translate::Result;
use Shape::{F32x4, F64x2, I32x4, I64x2};
use Sign::{Signed, Unsigned};
use inkwell::values::VectorValue;
use inkwell::{FloatPredicate, IntPredicate};
use wasmc_abi::target::Arch;
use wasmparser::Operator as O;

pub fn translate(f: &mut Translator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    match operator {
        O::I32x4TruncSatF32x4S => truncate_single(f, Signed)?,
        O::I32x4TruncSatF32x4U => truncate_single(f, Unsigned)?,
        O::I32x4TruncSatF64x2SZero => truncate_double(f, Signed)?,
        O::I32x4TruncSatF64x2UZero => truncate_double(f, Unsigned)?,
        O::F32x4ConvertI32x4S => convert(f, F32x4, Signed)?,
        O::F32x4ConvertI32x4U => convert(f, F32x4, Unsigned)?,
        O::F64x2ConvertLowI32x4S => convert(f, F64x2, Signed)?,
        O::F64x2ConvertLowI32x4U => convert(f, F64x2, Unsigned)?,
        O::F32x4DemoteF64x2Zero => {
            let a = f.pop_vector(F64x2)?;
            let value = f.builder.build_float_trunc(a, f.unit.types.f32.vec_type(2), "")?;
            let value = with_zeros(f, value)?;
            let value = canonical(f, value)?;
            f.push_vector(value)?;
        }
        O::F64x2PromoteLowF32x4 => {
            let a = f.pop_vector(F32x4)?;
            let value = f.builder.build_float_ext(f.half(a, Half::Low)?, f.unit.types.vector(F64x2), "")?;
            // Fenced: LLVM folds demote(promote x) to x, which keeps a signalling NaN.
            let value = f.vector_call("llvm.arithmetic.fence", &[value])?;
            let value = canonical(f, value)?;
            f.push_vector(value)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Two lanes, and zeros in the two above.
pub fn with_zeros<'ctx>(f: &Translator<'_, 'ctx>, value: VectorValue<'ctx>) -> Result<VectorValue<'ctx>> {
    f.pick(value, value.get_type().const_zero(), 0..4)
}

fn convert(f: &mut Translator<'_, '_>, to: Shape, sign: Sign) -> Result<()> {
    let a = f.pop_vector(I32x4)?;
    if (to, sign) == (F64x2, Unsigned) && f.unit.target.arch == Arch::X86_64 {
        let value = x86_unsigned_to_double(f, a)?;
        return f.push_vector(value);
    }
    let a = if to == F64x2 { f.half(a, Half::Low)? } else { a };
    let to = f.unit.types.vector(to);
    let value = match sign {
        Signed => f.builder.build_signed_int_to_float(a, to, "")?,
        Unsigned => f.builder.build_unsigned_int_to_float(a, to, "")?,
    };
    f.push_vector(value)
}

fn saturating(sign: Sign) -> &'static str {
    if sign == Signed { "llvm.fptosi.sat" } else { "llvm.fptoui.sat" }
}

pub fn truncate_single(f: &mut Translator<'_, '_>, sign: Sign) -> Result<()> {
    let a = f.pop_vector(F32x4)?;
    let i32x4 = f.unit.types.vector(I32x4);
    let value = match sign {
        _ if by_scalars(f, F32x4) => f.by_lane(&[a], i32x4, &mut |f, lanes| {
            let types = [f.unit.types.i32.into(), f.unit.types.f32.into()];
            f.intrinsic_call(saturating(sign), &types, &[lanes[0].into()])
        })?,
        Signed if f.unit.target.arch == Arch::X86_64 => x86_single_signed(f, a)?,
        Unsigned if f.unit.target.arch == Arch::X86_64 => x86_single_unsigned(f, a)?,
        _ => {
            let types = [i32x4.into(), a.get_type().into()];
            f.intrinsic_call(saturating(sign), &types, &[a.into()])?.into_vector_value()
        }
    };
    f.push_vector(value)
}

pub fn truncate_double(f: &mut Translator<'_, '_>, sign: Sign) -> Result<()> {
    let a = f.pop_vector(F64x2)?;
    let value = match sign {
        Signed if f.unit.target.arch == Arch::X86_64 => x86_double_signed(f, a)?,
        Unsigned if f.unit.has(Arch::X86_64, "sse4.1") => x86_double_unsigned(f, a)?,
        _ if f.unit.target.arch == Arch::Aarch64 => {
            // To 64 bits and from there to 32: what saturates does so again.
            let types = [f.unit.types.vector(I64x2).into(), a.get_type().into()];
            let wide = f.intrinsic_call(saturating(sign), &types, &[a.into()])?;
            let name = if sign == Signed { "llvm.aarch64.neon.sqxtn" } else { "llvm.aarch64.neon.uqxtn" };
            let narrow = f.intrinsic_call(name, &[f.unit.types.i32.vec_type(2).into()], &[wide.into()])?;
            with_zeros(f, narrow.into_vector_value())?
        }
        _ if f.unit.has(Arch::Riscv, "v") => riscv_double(f, a, sign)?,
        _ => {
            let types = [f.unit.types.i32.vec_type(2).into(), a.get_type().into()];
            let value = f.intrinsic_call(saturating(sign), &types, &[a.into()])?.into_vector_value();
            with_zeros(f, value)?
        }
    };
    f.push_vector(value)
}

/// By way of 64 bits: QEMU 7.2 ends at the instruction that narrows and has a rounding of its own.
fn riscv_double<'ctx>(f: &Translator<'_, 'ctx>, a: VectorValue<'ctx>, sign: Sign) -> Result<VectorValue<'ctx>> {
    let i64x2 = f.unit.types.vector(I64x2);
    let wide = f.intrinsic_call(saturating(sign), &[i64x2.into(), a.get_type().into()], &[a.into()])?;
    let bounds: &[(&str, i64)] = match sign {
        Signed => &[("llvm.smax", i32::MIN as i64), ("llvm.smin", i32::MAX as i64)],
        Unsigned => &[("llvm.umin", u32::MAX as i64)],
    };
    let inside = bounds.iter().try_fold(wide, |value, (name, bound)| {
        let bound = f.unit.types.splat(i64x2, *bound as u64);
        f.intrinsic_call(name, &[i64x2.into()], &[value.into(), bound.into()])
    })?;
    let value = f.builder.build_int_truncate(inside.into_vector_value(), f.unit.types.i32.vec_type(2), "")?;
    with_zeros(f, value)
}

/// All ones where `a` compares with `b` so.
fn mask<'ctx>(
    f: &Translator<'_, 'ctx>,
    predicate: FloatPredicate,
    a: VectorValue<'ctx>,
    b: VectorValue<'ctx>,
    shape: Shape,
) -> Result<VectorValue<'ctx>> {
    let condition = f.builder.build_float_compare(predicate, a, b, "")?;
    f.extend_mask(condition, f.unit.types.vector(shape))
}

/// The instruction gives 2³¹ for all that does not fit: right for what is too small, one too much for what is too
/// large.
fn x86_single_signed<'ctx>(f: &Translator<'_, 'ctx>, a: VectorValue<'ctx>) -> Result<VectorValue<'ctx>> {
    let bits = f.reshape(a, f.unit.types.vector(I32x4))?;
    let number = f.builder.build_and(bits, mask(f, FloatPredicate::ORD, a, a, I32x4)?, "")?;
    let number = f.reshape(number, a.get_type())?;
    let truncated = f.machine_call("llvm.x86.sse2.cvttps2dq", &[number])?;
    let limit = f.unit.types.float_splat(F32x4, 2f64.powi(31));
    let too_large = mask(f, FloatPredicate::OGE, number, limit, I32x4)?;
    Ok(f.builder.build_xor(truncated, too_large, "")?)
}

/// Numbers from 2³¹ on are brought below 0 before they are converted, by 2³² less. The conversion gives 2³¹ for what it
/// is not for, which shows in the result's sign.
fn x86_single_unsigned<'ctx>(f: &Translator<'_, 'ctx>, a: VectorValue<'ctx>) -> Result<VectorValue<'ctx>> {
    let positive = choose(f, FloatPredicate::OGT, a, a.get_type().const_zero())?;
    let low = f.machine_call("llvm.x86.sse2.cvttps2dq", &[positive])?;
    let lowered = f.builder.build_float_sub(positive, f.unit.types.float_splat(F32x4, 2f64.powi(32)), "")?;
    // What is too large becomes -1, the largest number.
    let lowered = choose(f, FloatPredicate::OLT, lowered, f.unit.types.float_splat(F32x4, -1.0))?;
    let high = f.machine_call("llvm.x86.sse2.cvttps2dq", &[lowered])?;
    let is_high = f.builder.build_int_compare(IntPredicate::SLT, low, low.get_type().const_zero(), "")?;
    Ok(f.builder.build_select(is_high, high, low, "")?.into_vector_value())
}

/// Behind the upper half of 2⁵², a number below 2³² is added to that.
fn x86_unsigned_to_double<'ctx>(f: &Translator<'_, 'ctx>, a: VectorValue<'ctx>) -> Result<VectorValue<'ctx>> {
    let shift = 2f64.powi(52);
    let upper = f.unit.types.splat(a.get_type(), shift.to_bits() >> 32);
    let shifted = f.pick(a, upper, [0, 4, 1, 5].into_iter())?;
    let shifted = f.reshape(shifted, f.unit.types.vector(F64x2))?;
    Ok(f.builder.build_float_sub(shifted, f.unit.types.float_splat(F64x2, shift), "")?)
}

/// A NaN becomes 0, what is too large the largest number; the instruction gives −2³¹ for what is too small, and
/// zeros in the upper lanes.
fn x86_double_signed<'ctx>(f: &Translator<'_, 'ctx>, a: VectorValue<'ctx>) -> Result<VectorValue<'ctx>> {
    let i64x2 = f.unit.types.vector(I64x2);
    let largest = f.reshape(f.unit.types.float_splat(F64x2, 2f64.powi(31) - 1.0), i64x2)?;
    let largest = f.builder.build_and(largest, mask(f, FloatPredicate::ORD, a, a, I64x2)?, "")?;
    let largest = f.reshape(largest, a.get_type())?;
    let fitting = choose(f, FloatPredicate::OLT, a, largest)?;
    f.machine_call("llvm.x86.sse2.cvttpd2dq", &[fitting])
}

/// Added to 2⁵², a number below 2³² stands in the low bits.
fn x86_double_unsigned<'ctx>(f: &Translator<'_, 'ctx>, a: VectorValue<'ctx>) -> Result<VectorValue<'ctx>> {
    let types = &f.unit.types;
    let positive = choose(f, FloatPredicate::OGT, a, a.get_type().const_zero())?;
    let fitting = choose(f, FloatPredicate::OLT, positive, types.float_splat(F64x2, 2f64.powi(32) - 1.0))?;
    let whole = f.vector_call("llvm.trunc", &[fitting])?;
    let shifted = f.builder.build_float_add(whole, types.float_splat(F64x2, 2f64.powi(52)), "")?;
    let lanes = f.reshape(shifted, types.vector(I32x4))?;
    f.pick(lanes, lanes.get_type().const_zero(), [0, 2, 4, 5].into_iter())
}
