//! Relaxed vector instructions: of what the proposal allows, each is what the machine's own instruction does, and
//! with `--deterministic` the first of the specification's choices, which is that of the instruction without
//! `relaxed` in its name where there is one.

use super::convert;
use super::float::{by_scalars, canonical, choose, extremum, pop_fenced};
use super::integer::{every_other, q15_product};
use super::lanes::{Half, Shape, Sign, Translator};
use crate::translate::Result;
use crate::translate::ops::numeric::Extremum;
use Shape::{F32x4, F64x2, I8x16, I16x8, I32x4};
use Sign::{Signed, Unsigned};
use inkwell::values::{BasicMetadataValueEnum, VectorValue};
use inkwell::{FloatPredicate, IntPredicate};
use wasmc_abi::target::{Arch, FloatAbi};
use wasmparser::Operator as O;

pub fn translate(f: &mut Translator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    match operator {
        O::I8x16RelaxedSwizzle => swizzle(f)?,
        O::I32x4RelaxedTruncF32x4S => truncate(f, F32x4, Signed)?,
        O::I32x4RelaxedTruncF32x4U => truncate(f, F32x4, Unsigned)?,
        O::I32x4RelaxedTruncF64x2SZero => truncate(f, F64x2, Signed)?,
        O::I32x4RelaxedTruncF64x2UZero => truncate(f, F64x2, Unsigned)?,
        O::F32x4RelaxedMadd => multiply_add(f, F32x4, false)?,
        O::F64x2RelaxedMadd => multiply_add(f, F64x2, false)?,
        O::F32x4RelaxedNmadd => multiply_add(f, F32x4, true)?,
        O::F64x2RelaxedNmadd => multiply_add(f, F64x2, true)?,
        O::I8x16RelaxedLaneselect => select_lanes(f, I8x16)?,
        O::I16x8RelaxedLaneselect => select_lanes(f, I16x8)?,
        O::I32x4RelaxedLaneselect => select_lanes(f, F32x4)?,
        O::I64x2RelaxedLaneselect => select_lanes(f, F64x2)?,
        O::F32x4RelaxedMin => relaxed_extremum(f, F32x4, Extremum::Min)?,
        O::F64x2RelaxedMin => relaxed_extremum(f, F64x2, Extremum::Min)?,
        O::F32x4RelaxedMax => relaxed_extremum(f, F32x4, Extremum::Max)?,
        O::F64x2RelaxedMax => relaxed_extremum(f, F64x2, Extremum::Max)?,
        O::I16x8RelaxedQ15mulrS => {
            let (b, a) = (f.pop_vector(I16x8)?, f.pop_vector(I16x8)?);
            let value = if f.unit.has(Arch::X86_64, "ssse3") && !f.unit.deterministic() {
                f.machine_call("llvm.x86.ssse3.pmul.hr.sw.128", &[a, b])?
            } else {
                q15_product(f, a, b)?
            };
            f.push_vector(value)?;
        }
        O::I16x8RelaxedDotI8x16I7x16S => {
            let (b, a) = (f.pop_vector(I8x16)?, f.pop_vector(I8x16)?);
            let value = dot(f, a, b)?;
            f.push_vector(value)?;
        }
        O::I32x4RelaxedDotI8x16I7x16AddS => dot_add(f)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Indices from 16 to 127 may give any byte that the machine picks.
fn swizzle(f: &mut Translator<'_, '_>) -> Result<()> {
    if f.unit.deterministic() || !f.unit.has(Arch::X86_64, "ssse3") {
        return super::swizzle(f);
    }
    let (b, a) = (f.pop_vector(I8x16)?, f.pop_vector(I8x16)?);
    let value = f.machine_call("llvm.x86.ssse3.pshuf.b.128", &[a, b])?;
    f.push_vector(value)
}

/// A NaN, and what does not fit, may give the number that x86 has for either; for unsigned lanes that is more work
/// than the exact conversion.
fn truncate(f: &mut Translator<'_, '_>, from: Shape, sign: Sign) -> Result<()> {
    if f.unit.deterministic() || f.unit.target.arch != Arch::X86_64 || sign == Unsigned {
        return if from == F32x4 { convert::truncate_single(f, sign) } else { convert::truncate_double(f, sign) };
    }
    let a = f.pop_vector(from)?;
    let name = if from == F32x4 { "llvm.x86.sse2.cvttps2dq" } else { "llvm.x86.sse2.cvttpd2dq" };
    let value = f.machine_call(name, &[a])?;
    f.push_vector(value)
}

/// a × b + c, or −(a × b) + c, rounded once where the machine can do that.
fn multiply_add(f: &mut Translator<'_, '_>, shape: Shape, negated: bool) -> Result<()> {
    let (c, b, a) = (pop_fenced(f, shape)?, pop_fenced(f, shape)?, pop_fenced(f, shape)?);
    let a = if negated { f.builder.build_float_neg(a, "")? } else { a };
    let by_scalars = by_scalars(f, shape);
    let value = if !f.unit.deterministic() && is_fused(f, shape) {
        if by_scalars {
            f.by_lane(&[a, b, c], a.get_type(), &mut |f, lanes| {
                let args: Vec<BasicMetadataValueEnum> = lanes.iter().map(|lane| (*lane).into()).collect();
                f.intrinsic_call("llvm.fma", &[lanes[0].get_type()], &args)
            })?
        } else {
            f.vector_call("llvm.fma", &[a, b, c])?
        }
    } else if by_scalars {
        f.by_lane(&[a, b, c], a.get_type(), &mut |f, lanes| {
            let product = f.builder.build_float_mul(lanes[0].into_float_value(), lanes[1].into_float_value(), "")?;
            Ok(f.builder.build_float_add(product, lanes[2].into_float_value(), "")?.into())
        })?
    } else {
        let product = f.builder.build_float_mul(a, b, "")?;
        f.builder.build_float_add(product, c, "")?
    };
    let value = canonical(f, value)?;
    f.push_vector(value)
}

/// Whether the machine has multiplication and addition in one.
fn is_fused(f: &Translator<'_, '_>, shape: Shape) -> bool {
    let target = f.unit.target;
    match target.arch {
        Arch::X86_64 => f.unit.has(Arch::X86_64, "fma"),
        Arch::Aarch64 => true,
        Arch::Arm => f.unit.has(Arch::Arm, "vfp4") && target.pointer_bits == 32 && shape == F32x4,
        Arch::Riscv => target.float_abi == FloatAbi::Hard && (target.pointer_bits == 64 || shape == F32x4),
    }
}

/// `a` where the mask's lane is all ones, `b` where it is zero. What is between may go by the bit or by the top
/// bit of the lane, or of the byte.
fn select_lanes(f: &mut Translator<'_, '_>, shape: Shape) -> Result<()> {
    if !f.unit.deterministic() && f.has_riscv_vectors() {
        let shape = shape.integers();
        let (mask, b, a) = (f.pop_vector(shape)?, f.pop_vector(shape)?, f.pop_vector(shape)?);
        let first = f.builder.build_int_compare(IntPredicate::SLT, mask, mask.get_type().const_zero(), "")?;
        let value = f.builder.build_select(first, a, b, "")?.into_vector_value();
        return f.push_vector(value);
    }
    if f.unit.deterministic() || !f.unit.has(Arch::X86_64, "sse4.1") {
        return super::bitselect(f);
    }
    let (shape, name) = match shape {
        F32x4 => (F32x4, "llvm.x86.sse41.blendvps"),
        F64x2 => (F64x2, "llvm.x86.sse41.blendvpd"),
        _ => (I8x16, "llvm.x86.sse41.pblendvb"),
    };
    let (mask, b, a) = (f.pop_vector(shape)?, f.pop_vector(shape)?, f.pop_vector(shape)?);
    let value = f.machine_call(name, &[b, a, mask])?;
    f.push_vector(value)
}

/// A NaN or zeros of both signs may give the second operand.
fn relaxed_extremum(f: &mut Translator<'_, '_>, shape: Shape, which: Extremum) -> Result<()> {
    if f.unit.deterministic() || f.unit.target.arch == Arch::Aarch64 {
        return extremum(f, shape, which);
    }
    let (b, a) = (f.pop_vector(shape)?, f.pop_vector(shape)?);
    let before = if which == Extremum::Min { FloatPredicate::OLT } else { FloatPredicate::OGT };
    let value = if by_scalars(f, shape) {
        f.by_lane(&[a, b], a.get_type(), &mut |f, lanes| {
            let (a, b) = (lanes[0].into_float_value(), lanes[1].into_float_value());
            let first = f.builder.build_float_compare(before, a, b, "")?;
            Ok(f.builder.build_select(first, a, b, "")?)
        })?
    } else {
        choose(f, before, a, b)?
    };
    f.push_vector(value)
}

/// Sums of two products. Where the second operand has its top bit set, x86 takes it for unsigned; a sum that does
/// not fit saturates there, and with `--deterministic`, otherwise it wraps.
fn dot<'ctx>(f: &Translator<'_, 'ctx>, a: VectorValue<'ctx>, b: VectorValue<'ctx>) -> Result<VectorValue<'ctx>> {
    if f.unit.has(Arch::X86_64, "ssse3") && !f.unit.deterministic() {
        return f.machine_call("llvm.x86.ssse3.pmadd.ub.sw.128", &[b, a]);
    }
    if f.unit.target.arch == Arch::Aarch64 && !f.unit.deterministic() {
        let product = |half| -> Result<VectorValue<'ctx>> {
            let (a, b) = (f.extend(f.half(a, half)?, 16, Signed)?, f.extend(f.half(b, half)?, 16, Signed)?);
            Ok(f.builder.build_int_mul(a, b, "")?)
        };
        return f.vector_call("llvm.aarch64.neon.addp", &[product(Half::Low)?, product(Half::High)?]);
    }
    let product = |first| -> Result<VectorValue<'ctx>> {
        let (a, b) = (every_other(f, a, first)?, every_other(f, b, first)?);
        Ok(f.builder.build_int_mul(f.extend(a, 16, Signed)?, f.extend(b, 16, Signed)?, "")?)
    };
    f.vector_call("llvm.sadd.sat", &[product(0)?, product(1)?])
}

/// Sums of four products, and of what was there.
fn dot_add(f: &mut Translator<'_, '_>) -> Result<()> {
    let (c, b, a) = (f.pop_vector(I32x4)?, f.pop_vector(I8x16)?, f.pop_vector(I8x16)?);
    let dot_product = match f.unit.target.arch {
        _ if f.unit.deterministic() => None,
        Arch::Aarch64 if f.unit.has(Arch::Aarch64, "dotprod") => Some("llvm.aarch64.neon.sdot"),
        Arch::Arm if f.unit.has(Arch::Arm, "dotprod") => Some("llvm.arm.neon.sdot"),
        _ => None,
    };
    let value = if let Some(name) = dot_product {
        let overload = [c.get_type().into(), a.get_type().into()];
        f.intrinsic_call(name, &overload, &[c.into(), a.into(), b.into()])?.into_vector_value()
    } else {
        let pairs = dot(f, a, b)?;
        let sums = super::integer::pair_sums(f, pairs, I32x4, Signed)?;
        f.builder.build_int_add(sums, c, "")?
    };
    f.push_vector(value)
}
