//! Integer lanes.

use super::lanes::{Half, Shape, Sign, Translator, unshaped};
use crate::translate::Result;
use Half::{High, Low};
use Shape::{I8x16, I16x8, I32x4, I64x2};
use Sign::{Signed, Unsigned};
use inkwell::IntPredicate;
use inkwell::types::VectorType;
use inkwell::values::{BasicValue, IntValue, VectorValue};
use wasmc_abi::target::Arch;
use wasmparser::Operator as O;

pub fn translate(f: &mut Translator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    Ok(arithmetic(f, operator)? || compare(f, operator)? || widening(f, operator)? || whole(f, operator)?)
}

fn arithmetic(f: &mut Translator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    match operator {
        O::I8x16Add => binary(f, I8x16, |f, a, b| Ok(f.builder.build_int_add(a, b, "")?))?,
        O::I16x8Add => binary(f, I16x8, |f, a, b| Ok(f.builder.build_int_add(a, b, "")?))?,
        O::I32x4Add => binary(f, I32x4, |f, a, b| Ok(f.builder.build_int_add(a, b, "")?))?,
        O::I64x2Add => binary(f, I64x2, |f, a, b| Ok(f.builder.build_int_add(a, b, "")?))?,
        O::I8x16Sub => binary(f, I8x16, |f, a, b| Ok(f.builder.build_int_sub(a, b, "")?))?,
        O::I16x8Sub => binary(f, I16x8, |f, a, b| Ok(f.builder.build_int_sub(a, b, "")?))?,
        O::I32x4Sub => binary(f, I32x4, |f, a, b| Ok(f.builder.build_int_sub(a, b, "")?))?,
        O::I64x2Sub => binary(f, I64x2, |f, a, b| Ok(f.builder.build_int_sub(a, b, "")?))?,
        O::I16x8Mul => binary(f, I16x8, |f, a, b| Ok(f.builder.build_int_mul(a, b, "")?))?,
        O::I32x4Mul => binary(f, I32x4, |f, a, b| Ok(f.builder.build_int_mul(a, b, "")?))?,
        O::I64x2Mul => binary(f, I64x2, product)?,
        O::I8x16AddSatS => binary_call(f, I8x16, "llvm.sadd.sat")?,
        O::I16x8AddSatS => binary_call(f, I16x8, "llvm.sadd.sat")?,
        O::I8x16AddSatU => binary_call(f, I8x16, "llvm.uadd.sat")?,
        O::I16x8AddSatU => binary_call(f, I16x8, "llvm.uadd.sat")?,
        O::I8x16SubSatS => binary_call(f, I8x16, "llvm.ssub.sat")?,
        O::I16x8SubSatS => binary_call(f, I16x8, "llvm.ssub.sat")?,
        O::I8x16SubSatU => binary_call(f, I8x16, "llvm.usub.sat")?,
        O::I16x8SubSatU => binary_call(f, I16x8, "llvm.usub.sat")?,
        O::I8x16MinS => binary_call(f, I8x16, "llvm.smin")?,
        O::I16x8MinS => binary_call(f, I16x8, "llvm.smin")?,
        O::I32x4MinS => binary_call(f, I32x4, "llvm.smin")?,
        O::I8x16MinU => binary_call(f, I8x16, "llvm.umin")?,
        O::I16x8MinU => binary_call(f, I16x8, "llvm.umin")?,
        O::I32x4MinU => binary_call(f, I32x4, "llvm.umin")?,
        O::I8x16MaxS => binary_call(f, I8x16, "llvm.smax")?,
        O::I16x8MaxS => binary_call(f, I16x8, "llvm.smax")?,
        O::I32x4MaxS => binary_call(f, I32x4, "llvm.smax")?,
        O::I8x16MaxU => binary_call(f, I8x16, "llvm.umax")?,
        O::I16x8MaxU => binary_call(f, I16x8, "llvm.umax")?,
        O::I32x4MaxU => binary_call(f, I32x4, "llvm.umax")?,
        O::I8x16AvgrU => binary(f, I8x16, average)?,
        O::I16x8AvgrU => binary(f, I16x8, average)?,
        O::I16x8Q15MulrSatS => binary(f, I16x8, q15_product)?,
        O::I8x16Abs => unary(f, I8x16, absolute)?,
        O::I16x8Abs => unary(f, I16x8, absolute)?,
        O::I32x4Abs => unary(f, I32x4, absolute)?,
        O::I64x2Abs => unary(f, I64x2, absolute)?,
        O::I8x16Neg => unary(f, I8x16, |f, a| Ok(f.builder.build_int_neg(a, "")?))?,
        O::I16x8Neg => unary(f, I16x8, |f, a| Ok(f.builder.build_int_neg(a, "")?))?,
        O::I32x4Neg => unary(f, I32x4, |f, a| Ok(f.builder.build_int_neg(a, "")?))?,
        O::I64x2Neg => unary(f, I64x2, |f, a| Ok(f.builder.build_int_neg(a, "")?))?,
        O::I8x16Popcnt => unary(f, I8x16, |f, a| f.vector_call("llvm.ctpop", &[a]))?,
        O::I8x16Shl => shift(f, I8x16, |f, a, n| Ok(f.builder.build_left_shift(a, n, "")?))?,
        O::I16x8Shl => shift(f, I16x8, |f, a, n| Ok(f.builder.build_left_shift(a, n, "")?))?,
        O::I32x4Shl => shift(f, I32x4, |f, a, n| Ok(f.builder.build_left_shift(a, n, "")?))?,
        O::I64x2Shl => shift(f, I64x2, |f, a, n| Ok(f.builder.build_left_shift(a, n, "")?))?,
        O::I8x16ShrS => shift(f, I8x16, |f, a, n| Ok(f.builder.build_right_shift(a, n, true, "")?))?,
        O::I16x8ShrS => shift(f, I16x8, |f, a, n| Ok(f.builder.build_right_shift(a, n, true, "")?))?,
        O::I32x4ShrS => shift(f, I32x4, |f, a, n| Ok(f.builder.build_right_shift(a, n, true, "")?))?,
        O::I64x2ShrS => shift(f, I64x2, |f, a, n| Ok(f.builder.build_right_shift(a, n, true, "")?))?,
        O::I8x16ShrU => shift(f, I8x16, |f, a, n| Ok(f.builder.build_right_shift(a, n, false, "")?))?,
        O::I16x8ShrU => shift(f, I16x8, |f, a, n| Ok(f.builder.build_right_shift(a, n, false, "")?))?,
        O::I32x4ShrU => shift(f, I32x4, |f, a, n| Ok(f.builder.build_right_shift(a, n, false, "")?))?,
        O::I64x2ShrU => shift(f, I64x2, |f, a, n| Ok(f.builder.build_right_shift(a, n, false, "")?))?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn compare(f: &mut Translator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    use IntPredicate as P;
    let (shape, predicate) = match operator {
        O::I8x16Eq => (I8x16, P::EQ),
        O::I16x8Eq => (I16x8, P::EQ),
        O::I32x4Eq => (I32x4, P::EQ),
        O::I64x2Eq => (I64x2, P::EQ),
        O::I8x16Ne => (I8x16, P::NE),
        O::I16x8Ne => (I16x8, P::NE),
        O::I32x4Ne => (I32x4, P::NE),
        O::I64x2Ne => (I64x2, P::NE),
        O::I8x16LtS => (I8x16, P::SLT),
        O::I16x8LtS => (I16x8, P::SLT),
        O::I32x4LtS => (I32x4, P::SLT),
        O::I64x2LtS => (I64x2, P::SLT),
        O::I8x16LtU => (I8x16, P::ULT),
        O::I16x8LtU => (I16x8, P::ULT),
        O::I32x4LtU => (I32x4, P::ULT),
        O::I8x16GtS => (I8x16, P::SGT),
        O::I16x8GtS => (I16x8, P::SGT),
        O::I32x4GtS => (I32x4, P::SGT),
        O::I64x2GtS => (I64x2, P::SGT),
        O::I8x16GtU => (I8x16, P::UGT),
        O::I16x8GtU => (I16x8, P::UGT),
        O::I32x4GtU => (I32x4, P::UGT),
        O::I8x16LeS => (I8x16, P::SLE),
        O::I16x8LeS => (I16x8, P::SLE),
        O::I32x4LeS => (I32x4, P::SLE),
        O::I64x2LeS => (I64x2, P::SLE),
        O::I8x16LeU => (I8x16, P::ULE),
        O::I16x8LeU => (I16x8, P::ULE),
        O::I32x4LeU => (I32x4, P::ULE),
        O::I8x16GeS => (I8x16, P::SGE),
        O::I16x8GeS => (I16x8, P::SGE),
        O::I32x4GeS => (I32x4, P::SGE),
        O::I64x2GeS => (I64x2, P::SGE),
        O::I8x16GeU => (I8x16, P::UGE),
        O::I16x8GeU => (I16x8, P::UGE),
        O::I32x4GeU => (I32x4, P::UGE),
        _ => return Ok(false),
    };
    let (b, a) = (f.pop_vector(shape)?, f.pop_vector(shape)?);
    if shape == I64x2 && f.unit.has(Arch::Arm, "neon") && !matches!(predicate, P::EQ | P::NE) {
        let mask = armv7_order(f, predicate, a, b)?;
        f.push_vector(mask)?;
        return Ok(true);
    }
    let condition = f.builder.build_int_compare(predicate, a, b, "")?;
    f.push_mask(condition, shape)?;
    Ok(true)
}

/// Lanes of 64 bits, which NEON does not compare: a difference that saturates has the right sign.
fn armv7_order<'ctx>(
    f: &Translator<'_, 'ctx>,
    predicate: IntPredicate,
    a: VectorValue<'ctx>,
    b: VectorValue<'ctx>,
) -> Result<VectorValue<'ctx>> {
    use IntPredicate as P;
    let (lesser, greater) = if matches!(predicate, P::SLT | P::SGE) { (a, b) } else { (b, a) };
    let difference = f.vector_call("llvm.ssub.sat", &[lesser, greater])?;
    let less = f.builder.build_right_shift(difference, f.unit.types.splat(a.get_type(), 63), true, "")?;
    Ok(if matches!(predicate, P::SLT | P::SGT) { less } else { f.builder.build_not(less, "")? })
}

/// What changes the width of lanes. Shapes are those of the result.
fn widening(f: &mut Translator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    match operator {
        O::I16x8ExtendLowI8x16S => extend(f, I16x8, Low, Signed)?,
        O::I16x8ExtendLowI8x16U => extend(f, I16x8, Low, Unsigned)?,
        O::I16x8ExtendHighI8x16S => extend(f, I16x8, High, Signed)?,
        O::I16x8ExtendHighI8x16U => extend(f, I16x8, High, Unsigned)?,
        O::I32x4ExtendLowI16x8S => extend(f, I32x4, Low, Signed)?,
        O::I32x4ExtendLowI16x8U => extend(f, I32x4, Low, Unsigned)?,
        O::I32x4ExtendHighI16x8S => extend(f, I32x4, High, Signed)?,
        O::I32x4ExtendHighI16x8U => extend(f, I32x4, High, Unsigned)?,
        O::I64x2ExtendLowI32x4S => extend(f, I64x2, Low, Signed)?,
        O::I64x2ExtendLowI32x4U => extend(f, I64x2, Low, Unsigned)?,
        O::I64x2ExtendHighI32x4S => extend(f, I64x2, High, Signed)?,
        O::I64x2ExtendHighI32x4U => extend(f, I64x2, High, Unsigned)?,
        O::I16x8ExtMulLowI8x16S => multiply(f, I16x8, Low, Signed)?,
        O::I16x8ExtMulLowI8x16U => multiply(f, I16x8, Low, Unsigned)?,
        O::I16x8ExtMulHighI8x16S => multiply(f, I16x8, High, Signed)?,
        O::I16x8ExtMulHighI8x16U => multiply(f, I16x8, High, Unsigned)?,
        O::I32x4ExtMulLowI16x8S => multiply(f, I32x4, Low, Signed)?,
        O::I32x4ExtMulLowI16x8U => multiply(f, I32x4, Low, Unsigned)?,
        O::I32x4ExtMulHighI16x8S => multiply(f, I32x4, High, Signed)?,
        O::I32x4ExtMulHighI16x8U => multiply(f, I32x4, High, Unsigned)?,
        O::I64x2ExtMulLowI32x4S => multiply(f, I64x2, Low, Signed)?,
        O::I64x2ExtMulLowI32x4U => multiply(f, I64x2, Low, Unsigned)?,
        O::I64x2ExtMulHighI32x4S => multiply(f, I64x2, High, Signed)?,
        O::I64x2ExtMulHighI32x4U => multiply(f, I64x2, High, Unsigned)?,
        O::I16x8ExtAddPairwiseI8x16S => add_pairs(f, I16x8, Signed)?,
        O::I16x8ExtAddPairwiseI8x16U => add_pairs(f, I16x8, Unsigned)?,
        O::I32x4ExtAddPairwiseI16x8S => add_pairs(f, I32x4, Signed)?,
        O::I32x4ExtAddPairwiseI16x8U => add_pairs(f, I32x4, Unsigned)?,
        O::I8x16NarrowI16x8S => narrow(f, I16x8, Signed)?,
        O::I8x16NarrowI16x8U => narrow(f, I16x8, Unsigned)?,
        O::I16x8NarrowI32x4S => narrow(f, I32x4, Signed)?,
        O::I16x8NarrowI32x4U => narrow(f, I32x4, Unsigned)?,
        O::I32x4DotI16x8S => dot(f)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// What makes an `i32` of all lanes.
fn whole(f: &mut Translator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    match operator {
        O::I8x16AllTrue => all_true(f, I8x16)?,
        O::I16x8AllTrue => all_true(f, I16x8)?,
        O::I32x4AllTrue => all_true(f, I32x4)?,
        O::I64x2AllTrue => all_true(f, I64x2)?,
        O::I8x16Bitmask => bitmask(f, I8x16)?,
        O::I16x8Bitmask => bitmask(f, I16x8)?,
        O::I32x4Bitmask => bitmask(f, I32x4)?,
        O::I64x2Bitmask => bitmask(f, I64x2)?,
        _ => return Ok(false),
    }
    Ok(true)
}

type Unary<'u, 'ctx> = fn(&mut Translator<'u, 'ctx>, VectorValue<'ctx>) -> Result<VectorValue<'ctx>>;
type Binary<'u, 'ctx> =
    fn(&mut Translator<'u, 'ctx>, VectorValue<'ctx>, VectorValue<'ctx>) -> Result<VectorValue<'ctx>>;

fn unary<'u, 'ctx>(f: &mut Translator<'u, 'ctx>, shape: Shape, build: Unary<'u, 'ctx>) -> Result<()> {
    let a = f.pop_vector(shape)?;
    let value = build(f, a)?;
    f.push_vector(value)
}

fn binary<'u, 'ctx>(f: &mut Translator<'u, 'ctx>, shape: Shape, build: Binary<'u, 'ctx>) -> Result<()> {
    let (b, a) = (f.pop_vector(shape)?, f.pop_vector(shape)?);
    let value = build(f, a, b)?;
    f.push_vector(value)
}

fn binary_call(f: &mut Translator<'_, '_>, shape: Shape, name: &'static str) -> Result<()> {
    let (b, a) = (f.pop_vector(shape)?, f.pop_vector(shape)?);
    let value = f.vector_call(name, &[a, b])?;
    f.push_vector(value)
}

/// Counts are modulo the lanes' width; LLVM's shifts by the width or more are poison.
fn shift<'u, 'ctx>(f: &mut Translator<'u, 'ctx>, shape: Shape, build: Binary<'u, 'ctx>) -> Result<()> {
    let count = f.pop_int();
    let a = f.pop_vector(shape)?;
    let bits = shape.lane_bits();
    let count = f.builder.build_and(count, f.unit.types.i32.const_int(u64::from(bits) - 1, false), "")?;
    let lane = f.unit.types.int(bits);
    let count = match bits {
        32 => count,
        64 => f.builder.build_int_z_extend(count, lane, "")?,
        _ => f.builder.build_int_truncate(count, lane, "")?,
    };
    let counts = f.splat(a.get_type(), count.into())?;
    let value = build(f, a, counts)?;
    f.push_vector(value)
}

/// The smallest number is its own absolute value.
fn absolute<'ctx>(f: &mut Translator<'_, 'ctx>, a: VectorValue<'ctx>) -> Result<VectorValue<'ctx>> {
    let smallest_is_poison = f.unit.types.bool.const_zero();
    let args = [a.into(), smallest_is_poison.into()];
    Ok(f.intrinsic_call("llvm.abs", &[a.get_type().into()], &args)?.into_vector_value())
}

/// On NEON, which multiplies no lanes of 64 bits, of products of halves: what would come higher does not count.
fn product<'ctx>(
    f: &mut Translator<'_, 'ctx>,
    a: VectorValue<'ctx>,
    b: VectorValue<'ctx>,
) -> Result<VectorValue<'ctx>> {
    if !f.unit.has(Arch::Arm, "neon") {
        return Ok(f.builder.build_int_mul(a, b, "")?);
    }
    let words = f.unit.types.vector(I32x4);
    let swapped = f.reshape(b, words)?;
    let swapped = f.pick(swapped, swapped, [1, 0, 3, 2].into_iter())?;
    let crossed = f.builder.build_int_mul(f.reshape(a, words)?, swapped, "")?;
    let crossed = f.intrinsic_call("llvm.arm.neon.vpaddlu", &[a.get_type().into(), words.into()], &[crossed.into()])?;
    let thirty_two = f.unit.types.splat(a.get_type(), 32);
    let high = f.builder.build_left_shift(crossed.into_vector_value(), thirty_two, "")?;
    let low = |value| f.builder.build_int_truncate(value, f.unit.types.ints(32, 2), "");
    let (a_low, b_low) = (low(a)?, low(b)?);
    let low = f.intrinsic_call("llvm.arm.neon.vmullu", &[a.get_type().into()], &[a_low.into(), b_low.into()])?;
    Ok(f.builder.build_int_add(low.into_vector_value(), high, "")?)
}

/// (a + b + 1) / 2, in the form that LLVM knows.
fn average<'ctx>(
    f: &mut Translator<'_, 'ctx>,
    a: VectorValue<'ctx>,
    b: VectorValue<'ctx>,
) -> Result<VectorValue<'ctx>> {
    if f.unit.has(Arch::Arm, "neon") {
        return f.vector_call("llvm.arm.neon.vrhaddu", &[a, b]);
    }
    let bits = if a.get_type().get_size() == 16 { 16 } else { 32 };
    let narrow = a.get_type();
    let (a, b) = (f.extend(a, bits, Unsigned)?, f.extend(b, bits, Unsigned)?);
    let one = f.unit.types.splat(a.get_type(), 1);
    let sum = f.builder.build_int_nuw_add(a, b, "")?;
    let sum = f.builder.build_int_nuw_add(sum, one, "")?;
    let half = f.builder.build_right_shift(sum, one, false, "")?;
    Ok(f.builder.build_int_truncate(half, narrow, "")?)
}

/// (a × b + 2¹⁴) / 2¹⁵; only −1 × −1 does not fit.
pub fn q15_product<'ctx>(
    f: &mut Translator<'_, 'ctx>,
    a: VectorValue<'ctx>,
    b: VectorValue<'ctx>,
) -> Result<VectorValue<'ctx>> {
    let ty = a.get_type();
    if f.unit.has(Arch::X86_64, "ssse3") {
        let product = f.machine_call("llvm.x86.ssse3.pmul.hr.sw.128", &[a, b])?;
        let smallest = f.unit.types.splat(ty, 0x8000);
        let overflowed = f.builder.build_int_compare(IntPredicate::EQ, product, smallest, "")?;
        let overflowed = f.extend_mask(overflowed, ty)?;
        return Ok(f.builder.build_xor(product, overflowed, "")?);
    }
    if f.unit.target.arch == Arch::Aarch64 {
        return f.vector_call("llvm.aarch64.neon.sqrdmulh", &[a, b]);
    }
    if f.unit.has(Arch::Arm, "neon") {
        return f.vector_call("llvm.arm.neon.vqrdmulh", &[a, b]);
    }
    if f.has_riscv_vectors() {
        let to_nearest_up = 0;
        return f.riscv_call("llvm.riscv.vsmul", 2, [a, b], Some(to_nearest_up));
    }
    let (a, b) = (f.extend(a, 32, Signed)?, f.extend(b, 32, Signed)?);
    let wide = a.get_type();
    let product = f.builder.build_int_mul(a, b, "")?;
    let rounded = f.builder.build_int_add(product, f.unit.types.splat(wide, 1 << 14), "")?;
    let high = f.builder.build_right_shift(rounded, f.unit.types.splat(wide, 15), true, "")?;
    let fitting = f.vector_call("llvm.smin", &[high, f.unit.types.splat(wide, 0x7FFF)])?;
    Ok(f.builder.build_int_truncate(fitting, ty, "")?)
}

fn extend(f: &mut Translator<'_, '_>, to: Shape, half: Half, sign: Sign) -> Result<()> {
    let a = f.pop_vector(to.narrower())?;
    let value = f.half(a, half)?;
    let value = f.extend(value, to.lane_bits(), sign)?;
    f.push_vector(value)
}

fn multiply(f: &mut Translator<'_, '_>, to: Shape, half: Half, sign: Sign) -> Result<()> {
    let (b, a) = (f.pop_vector(to.narrower())?, f.pop_vector(to.narrower())?);
    if f.unit.target.arch == Arch::X86_64
        && let Some(value) = x86_product(f, a, b, to, half, sign)?
    {
        return f.push_vector(value);
    }
    let a = f.extend(f.half(a, half)?, to.lane_bits(), sign)?;
    let b = f.extend(f.half(b, half)?, to.lane_bits(), sign)?;
    let value = f.builder.build_int_mul(a, b, "")?;
    f.push_vector(value)
}

/// What takes fewer instructions than to extend both operands, if anything does.
fn x86_product<'ctx>(
    f: &Translator<'_, 'ctx>,
    a: VectorValue<'ctx>,
    b: VectorValue<'ctx>,
    to: Shape,
    half: Half,
    sign: Sign,
) -> Result<Option<VectorValue<'ctx>>> {
    let is_constant = |value| unshaped(value).as_instruction_value().is_none();
    Ok(match (to, half, sign) {
        // The upper halves of the products of words that have the bytes on top.
        (I16x8, High, Signed) => {
            let on_top = |value: VectorValue<'ctx>| -> Result<VectorValue<'ctx>> {
                let value = f.pick(value.get_type().const_zero(), value, interleaved(16, High))?;
                f.reshape(value, f.unit.types.vector(I16x8))
            };
            Some(f.machine_call("llvm.x86.sse2.pmulh.w", &[on_top(a)?, on_top(b)?])?)
        }
        // Lower and upper halves of all products, which serve both halves of the lanes. A constant is extended when
        // the code is made.
        (I32x4, _, Unsigned) => Some(product_of_halves(f, a, b, half, "llvm.x86.sse2.pmulhu.w")?),
        (I32x4, _, Signed) if !is_constant(a) && !is_constant(b) => {
            Some(product_of_halves(f, a, b, half, "llvm.x86.sse2.pmulh.w")?)
        }
        _ => None,
    })
}

fn product_of_halves<'ctx>(
    f: &Translator<'_, 'ctx>,
    a: VectorValue<'ctx>,
    b: VectorValue<'ctx>,
    half: Half,
    upper: &'static str,
) -> Result<VectorValue<'ctx>> {
    let lower = f.builder.build_int_mul(a, b, "")?;
    let upper = f.machine_call(upper, &[a, b])?;
    let words = f.pick(lower, upper, interleaved(8, half))?;
    f.reshape(words, f.unit.types.vector(I32x4))
}

/// Half of the lanes of two vectors in turns.
fn interleaved(count: u32, half: Half) -> impl Iterator<Item = u32> {
    let first = if half == Low { 0 } else { count / 2 };
    (first..first + count / 2).flat_map(move |lane| [lane, count + lane])
}

fn add_pairs(f: &mut Translator<'_, '_>, to: Shape, sign: Sign) -> Result<()> {
    let a = f.pop_vector(to.narrower())?;
    let value = pair_sums(f, a, to, sign)?;
    f.push_vector(value)
}

/// The sums of neighbours, in lanes of twice the width.
pub fn pair_sums<'ctx>(
    f: &Translator<'_, 'ctx>,
    a: VectorValue<'ctx>,
    to: Shape,
    sign: Sign,
) -> Result<VectorValue<'ctx>> {
    let types = &f.unit.types;
    Ok(match (to, sign) {
        (I16x8, _) if f.unit.has(Arch::X86_64, "ssse3") => {
            // The first operand's bytes are unsigned, the second's signed.
            let ones = types.splat(a.get_type(), 1);
            let args = if sign == Signed { [ones, a] } else { [a, ones] };
            f.machine_call("llvm.x86.ssse3.pmadd.ub.sw.128", &args)?
        }
        (I32x4, Signed) if f.unit.target.arch == Arch::X86_64 => {
            f.machine_call("llvm.x86.sse2.pmadd.wd", &[a, types.splat(a.get_type(), 1)])?
        }
        _ if f.unit.target.arch == Arch::Aarch64 || f.unit.has(Arch::Arm, "neon") => {
            let name = match (f.unit.target.arch, sign) {
                (Arch::Aarch64, Signed) => "llvm.aarch64.neon.saddlp",
                (Arch::Aarch64, Unsigned) => "llvm.aarch64.neon.uaddlp",
                (_, Signed) => "llvm.arm.neon.vpaddls",
                (_, Unsigned) => "llvm.arm.neon.vpaddlu",
            };
            let overload = [types.vector(to).into(), a.get_type().into()];
            f.intrinsic_call(name, &overload, &[a.into()])?.into_vector_value()
        }
        _ => {
            let (even, odd) = (every_other(f, a, 0)?, every_other(f, a, 1)?);
            let (even, odd) = (f.extend(even, to.lane_bits(), sign)?, f.extend(odd, to.lane_bits(), sign)?);
            f.builder.build_int_add(even, odd, "")?
        }
    })
}

/// The even or the odd lanes.
pub fn every_other<'ctx>(f: &Translator<'_, 'ctx>, a: VectorValue<'ctx>, first: u32) -> Result<VectorValue<'ctx>> {
    f.pick(a, a.get_type().get_poison(), (0..a.get_type().get_size() / 2).map(|lane| 2 * lane + first))
}

/// Signed lanes of two vectors, brought into the range of lanes of half the width.
fn narrow(f: &mut Translator<'_, '_>, from: Shape, sign: Sign) -> Result<()> {
    let (b, a) = (f.pop_vector(from)?, f.pop_vector(from)?);
    let packed = match (from, sign) {
        _ if f.unit.target.arch != Arch::X86_64 => None,
        (I16x8, Signed) => Some("llvm.x86.sse2.packsswb.128"),
        (I16x8, Unsigned) => Some("llvm.x86.sse2.packuswb.128"),
        (_, Signed) => Some("llvm.x86.sse2.packssdw.128"),
        (_, Unsigned) => f.unit.has(Arch::X86_64, "sse4.1").then_some("llvm.x86.sse41.packusdw"),
    };
    if let Some(name) = packed {
        let value = f.machine_call(name, &[a, b])?;
        return f.push_vector(value);
    }
    let bits = from.lane_bits() / 2;
    if f.unit.has(Arch::Arm, "neon") {
        let name = if sign == Signed { "llvm.arm.neon.vqmovns" } else { "llvm.arm.neon.vqmovnsu" };
        let half = f.unit.types.ints(bits, from.lanes());
        let low = f.intrinsic_call(name, &[half.into()], &[a.into()])?;
        let high = f.intrinsic_call(name, &[half.into()], &[b.into()])?;
        let value = f.pick(low.into_vector_value(), high.into_vector_value(), 0..2 * from.lanes())?;
        return f.push_vector(value);
    }
    // All lanes at once where LLVM knows one instruction for what follows.
    let (a, b) = if f.has_riscv_vectors() { (f.pick(a, b, 0..2 * from.lanes())?, None) } else { (a, Some(b)) };
    let wide = a.get_type();
    let (least, most) = match sign {
        Signed => ((!0u64) << (bits - 1), (1 << (bits - 1)) - 1),
        Unsigned => (0, (1u64 << bits) - 1),
    };
    let (least, most) = (f.unit.types.splat(wide, least), f.unit.types.splat(wide, most));
    let fit = |value| -> Result<VectorValue<'_>> {
        let value = f.vector_call("llvm.smax", &[value, least])?;
        let value = f.vector_call("llvm.smin", &[value, most])?;
        Ok(f.builder.build_int_truncate(value, f.unit.types.ints(bits, wide.get_size()), "")?)
    };
    let value = match b {
        Some(b) => f.pick(fit(a)?, fit(b)?, 0..2 * wide.get_size())?,
        None => fit(a)?,
    };
    f.push_vector(value)
}

/// Sums of two products; only (−2¹⁵)² + (−2¹⁵)² wraps.
fn dot(f: &mut Translator<'_, '_>) -> Result<()> {
    let (b, a) = (f.pop_vector(I16x8)?, f.pop_vector(I16x8)?);
    let value = if f.unit.target.arch == Arch::X86_64 {
        f.machine_call("llvm.x86.sse2.pmadd.wd", &[a, b])?
    } else {
        let (a, b) = (f.extend(a, 32, Signed)?, f.extend(b, 32, Signed)?);
        let products = f.builder.build_int_mul(a, b, "")?;
        let (even, odd) = (every_other(f, products, 0)?, every_other(f, products, 1)?);
        f.builder.build_int_add(even, odd, "")?
    };
    f.push_vector(value)
}

fn all_true(f: &mut Translator<'_, '_>, shape: Shape) -> Result<()> {
    let a = f.pop_vector(shape)?;
    let i32 = f.unit.types.i32;
    if f.unit.has(Arch::X86_64, "sse4.1") {
        let zeros = f.builder.build_int_compare(IntPredicate::EQ, a, a.get_type().const_zero(), "")?;
        let zeros = f.reshape(f.extend_mask(zeros, a.get_type())?, f.unit.types.v128)?;
        let all = f.intrinsic_call("llvm.x86.sse41.ptestz", &[], &[zeros.into(), zeros.into()])?;
        f.push(all);
        return Ok(());
    }
    if f.unit.target.arch == Arch::Aarch64 && shape != I64x2 {
        let least = f.intrinsic_call("llvm.vector.reduce.umin", &[a.get_type().into()], &[a.into()])?.into_int_value();
        let all = f.builder.build_int_compare(IntPredicate::NE, least, least.get_type().const_zero(), "")?;
        let all = f.builder.build_int_z_extend(all, i32, "")?;
        f.push(all);
        return Ok(());
    }
    if f.unit.has(Arch::Arm, "neon") {
        let zeros = f.builder.build_int_compare(IntPredicate::EQ, a, a.get_type().const_zero(), "")?;
        let zeros = f.reshape(f.extend_mask(zeros, a.get_type())?, f.unit.types.v128)?;
        let zeros = f.builder.build_or(f.half(zeros, Low)?, f.half(zeros, High)?, "")?;
        let zeros = f.builder.build_bit_cast(zeros, f.unit.types.i64, "")?.into_int_value();
        let all = f.builder.build_int_compare(IntPredicate::EQ, zeros, f.unit.types.i64.const_zero(), "")?;
        let all = f.builder.build_int_z_extend(all, i32, "")?;
        f.push(all);
        return Ok(());
    }
    let nonzero = f.builder.build_int_compare(IntPredicate::NE, a, a.get_type().const_zero(), "")?;
    let all = f.intrinsic_call("llvm.vector.reduce.and", &[nonzero.get_type().into()], &[nonzero.into()])?;
    let all = f.builder.build_int_z_extend(all.into_int_value(), i32, "")?;
    f.push(all);
    Ok(())
}

/// The lanes' top bits, lane 0's the lowest.
fn bitmask(f: &mut Translator<'_, '_>, shape: Shape) -> Result<()> {
    let a = f.pop_vector(shape)?;
    if f.unit.target.arch == Arch::X86_64 && shape == I16x8 {
        let bytes = f.machine_call("llvm.x86.sse2.packsswb.128", &[a, a.get_type().const_zero()])?;
        let mask = f.intrinsic_call("llvm.x86.sse2.pmovmskb.128", &[], &[bytes.into()])?;
        f.push(mask);
        return Ok(());
    }
    if f.unit.target.arch == Arch::Aarch64 && shape != I8x16 {
        let mask = neon_bitmask(f, a)?;
        f.push(mask);
        return Ok(());
    }
    if f.unit.has(Arch::Arm, "neon") && shape != I64x2 {
        let mask = armv7_bitmask(f, a, shape)?;
        f.push(mask);
        return Ok(());
    }
    let negative = f.builder.build_int_compare(IntPredicate::SLT, a, a.get_type().const_zero(), "")?;
    let bits = f.unit.types.mask(shape.lanes());
    let mask = f.builder.build_bit_cast(negative, bits, "")?.into_int_value();
    let mask = f.builder.build_int_z_extend(mask, f.unit.types.i32, "")?;
    f.push(mask);
    Ok(())
}

/// A bit of each lane that is negative, added up. LLVM cannot see that nothing is left above them.
fn neon_bitmask<'ctx>(f: &Translator<'_, 'ctx>, a: VectorValue<'ctx>) -> Result<IntValue<'ctx>> {
    let (ty, i32) = (a.get_type(), f.unit.types.i32);
    let lanes = ty.get_size();
    if lanes == 2 {
        let tops = f.builder.build_right_shift(a, f.unit.types.splat(ty, 63), false, "")?;
        let low = f.builder.build_int_truncate(f.lane(tops, 0)?.into_int_value(), i32, "")?;
        let high = f.builder.build_int_truncate(f.lane(tops, 1)?.into_int_value(), i32, "")?;
        let high = f.builder.build_left_shift(high, i32.const_int(1, false), "")?;
        return Ok(f.builder.build_or(low, high, "")?);
    }
    let tops = top_bits(f, a)?;
    Ok(f.intrinsic_call("llvm.aarch64.neon.uaddv", &[i32.into(), ty.into()], &[tops.into()])?.into_int_value())
}

/// In each lane that is negative the bit of its number, of bytes in their half.
fn top_bits<'ctx>(f: &Translator<'_, 'ctx>, a: VectorValue<'ctx>) -> Result<VectorValue<'ctx>> {
    let ty = a.get_type();
    let bits = 128 / ty.get_size();
    let bit: Vec<_> = (0..ty.get_size()).map(|lane| f.unit.types.int(bits).const_int(1 << (lane % 8), false)).collect();
    let negative = f.builder.build_right_shift(a, f.unit.types.splat(ty, u64::from(bits) - 1), true, "")?;
    Ok(f.builder.build_and(negative, VectorType::const_vector(&bit), "")?)
}

/// As [`neon_bitmask`], by sums of neighbours: of bytes, two sums of eight are left, which stand side by side.
fn armv7_bitmask<'ctx>(f: &Translator<'_, 'ctx>, a: VectorValue<'ctx>, shape: Shape) -> Result<IntValue<'ctx>> {
    let tops = top_bits(f, a)?;
    let add = |a, b| f.vector_call("llvm.arm.neon.vpadd", &[a, b]);
    let mut sums = add(f.half(tops, Low)?, f.half(tops, High)?)?;
    for _ in 0..if shape == I32x4 { 1 } else { 2 } {
        sums = add(sums, sums)?;
    }
    let sums = if shape == I8x16 { f.reshape(sums, f.unit.types.ints(16, 4))? } else { sums };
    let mask = f.lane(sums, 0)?.into_int_value();
    Ok(f.builder.build_int_z_extend_or_bit_cast(mask, f.unit.types.i32, "")?)
}
