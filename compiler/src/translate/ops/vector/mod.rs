//! Vector instructions (spec: exec/instructions, vector instructions), a file a group. Between instructions a
//! vector is `<2 x i64>`; each takes it in the shape that it needs. Lowering is by LLVM's own operations where these
//! mean the same and become the machine's instruction, else by an intrinsic of the machine.

mod convert;
mod float;
mod integer;
mod lanes;
mod memory;
mod relaxed;

use super::variable::constant;
use crate::translate::Result;
use inkwell::IntPredicate;
use lanes::{Shape, Sign, Translator};
use wasmc_abi::ValType;
use wasmc_abi::target::Arch;
use wasmparser::Operator as O;

pub fn translate(f: &mut Translator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    Ok(memory::translate(f, operator)?
        || lane(f, operator)?
        || bitwise(f, operator)?
        || integer::translate(f, operator)?
        || float::translate(f, operator)?
        || convert::translate(f, operator)?
        || relaxed::translate(f, operator)?)
}

/// Constants, and what moves lanes.
fn lane(f: &mut Translator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    use Shape::{F32x4, F64x2, I8x16, I16x8, I32x4, I64x2};
    use Sign::{Signed, Unsigned};
    match operator {
        O::V128Const { value } => {
            let value = constant(f, ValType::V128, value.i128() as u128)?;
            f.push(value);
        }
        O::I8x16Shuffle { lanes } => {
            let (b, a) = (f.pop_vector(I8x16)?, f.pop_vector(I8x16)?);
            let value = f.pick(a, b, lanes.iter().map(|lane| u32::from(*lane)))?;
            f.push_vector(value)?;
        }
        O::I8x16Swizzle => swizzle(f)?,
        O::I8x16Splat => splat(f, I8x16)?,
        O::I16x8Splat => splat(f, I16x8)?,
        O::I32x4Splat => splat(f, I32x4)?,
        O::I64x2Splat => splat(f, I64x2)?,
        O::F32x4Splat => splat(f, F32x4)?,
        O::F64x2Splat => splat(f, F64x2)?,
        O::I8x16ExtractLaneS { lane } => extract(f, I8x16, *lane, Signed)?,
        O::I8x16ExtractLaneU { lane } => extract(f, I8x16, *lane, Unsigned)?,
        O::I16x8ExtractLaneS { lane } => extract(f, I16x8, *lane, Signed)?,
        O::I16x8ExtractLaneU { lane } => extract(f, I16x8, *lane, Unsigned)?,
        O::I32x4ExtractLane { lane } => extract(f, I32x4, *lane, Signed)?,
        O::I64x2ExtractLane { lane } => extract(f, I64x2, *lane, Signed)?,
        O::F32x4ExtractLane { lane } => extract_float(f, F32x4, *lane)?,
        O::F64x2ExtractLane { lane } => extract_float(f, F64x2, *lane)?,
        O::I8x16ReplaceLane { lane } => replace(f, I8x16, *lane)?,
        O::I16x8ReplaceLane { lane } => replace(f, I16x8, *lane)?,
        O::I32x4ReplaceLane { lane } => replace(f, I32x4, *lane)?,
        O::I64x2ReplaceLane { lane } => replace(f, I64x2, *lane)?,
        O::F32x4ReplaceLane { lane } => replace(f, F32x4, *lane)?,
        O::F64x2ReplaceLane { lane } => replace(f, F64x2, *lane)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn bitwise(f: &mut Translator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    let mut pop = || f.pop_vector(Shape::I64x2);
    let value = match operator {
        O::V128Not => {
            let a = pop()?;
            f.builder.build_not(a, "")?
        }
        O::V128And => {
            let (b, a) = (pop()?, pop()?);
            f.builder.build_and(a, b, "")?
        }
        O::V128AndNot => {
            let (b, a) = (pop()?, pop()?);
            f.builder.build_and(a, f.builder.build_not(b, "")?, "")?
        }
        O::V128Or => {
            let (b, a) = (pop()?, pop()?);
            f.builder.build_or(a, b, "")?
        }
        O::V128Xor => {
            let (b, a) = (pop()?, pop()?);
            f.builder.build_xor(a, b, "")?
        }
        O::V128Bitselect => {
            bitselect(f)?;
            return Ok(true);
        }
        O::V128AnyTrue => {
            let a = pop()?;
            let bits = if f.unit.target.arch == Arch::Aarch64 {
                let words = f.reshape(a, f.unit.types.vector(Shape::I32x4))?;
                f.intrinsic_call("llvm.vector.reduce.umax", &[words.get_type().into()], &[words.into()])?
            } else {
                f.builder.build_bit_cast(a, f.unit.types.v128_bits(), "")?
            };
            let bits = bits.into_int_value();
            let any = f.builder.build_int_compare(IntPredicate::NE, bits, bits.get_type().const_zero(), "")?;
            let any = f.builder.build_int_z_extend(any, f.unit.types.i32, "")?;
            f.push(any);
            return Ok(true);
        }
        _ => return Ok(false),
    };
    f.push_vector(value)?;
    Ok(true)
}

/// Bits of `a` where the mask has ones, of `b` where it has zeros.
fn bitselect(f: &mut Translator<'_, '_>) -> Result<()> {
    let (mask, b, a) = (f.pop_vector(Shape::I64x2)?, f.pop_vector(Shape::I64x2)?, f.pop_vector(Shape::I64x2)?);
    let a = f.builder.build_and(a, mask, "")?;
    let b = f.builder.build_and(b, f.builder.build_not(mask, "")?, "")?;
    let value = f.builder.build_or(a, b, "")?;
    f.push_vector(value)
}

/// A lane's value as the operand has it, cut to the lane.
fn lane_operand<'ctx>(f: &mut Translator<'_, 'ctx>, shape: Shape) -> Result<inkwell::values::BasicValueEnum<'ctx>> {
    let value = f.pop();
    Ok(match shape {
        Shape::I8x16 | Shape::I16x8 => {
            let lane = f.unit.types.int(shape.lane_bits());
            f.builder.build_int_truncate(value.into_int_value(), lane, "")?.into()
        }
        _ => super::numeric::unfenced(value),
    })
}

fn splat(f: &mut Translator<'_, '_>, shape: Shape) -> Result<()> {
    let value = lane_operand(f, shape)?;
    let value = f.splat(f.unit.types.vector(shape), value)?;
    f.push_vector(value)
}

fn replace(f: &mut Translator<'_, '_>, shape: Shape, lane: u8) -> Result<()> {
    let value = lane_operand(f, shape)?;
    let vector = f.pop_vector(shape)?;
    let value = f.with_lane(vector, lane.into(), value)?;
    f.push_vector(value)
}

fn extract(f: &mut Translator<'_, '_>, shape: Shape, lane: u8, sign: Sign) -> Result<()> {
    let vector = f.pop_vector(shape)?;
    let value = f.lane(vector, lane.into())?.into_int_value();
    f.push_extended(value, sign)
}

fn extract_float(f: &mut Translator<'_, '_>, shape: Shape, lane: u8) -> Result<()> {
    let vector = f.pop_vector(shape)?;
    let value = f.lane(vector, lane.into())?;
    f.push(value);
    Ok(())
}

/// Bytes of `a` by the indices in `b`; an index beyond gives 0.
fn swizzle(f: &mut Translator<'_, '_>) -> Result<()> {
    let (b, a) = (f.pop_vector(Shape::I8x16)?, f.pop_vector(Shape::I8x16)?);
    let ty = a.get_type();
    let value = if f.unit.has(Arch::X86_64, "ssse3") {
        // `pshufb` looks at bits 0 to 3 and 7: whatever is above 15 gets bit 7.
        let b = f.vector_call("llvm.uadd.sat", &[b, f.unit.types.splat(ty, 0x70)])?;
        f.machine_call("llvm.x86.ssse3.pshuf.b.128", &[a, b])?
    } else if f.unit.target.arch == Arch::Aarch64 {
        f.vector_call("llvm.aarch64.neon.tbl1", &[a, b])?
    } else if f.unit.has(Arch::Arm, "neon") {
        let (low, high) = (f.half(a, lanes::Half::Low)?, f.half(a, lanes::Half::High)?);
        let first = f.machine_call("llvm.arm.neon.vtbl2", &[low, high, f.half(b, lanes::Half::Low)?])?;
        let second = f.machine_call("llvm.arm.neon.vtbl2", &[low, high, f.half(b, lanes::Half::High)?])?;
        f.pick(first, second, 0..16)?
    } else if f.has_riscv_vectors() {
        // Zero only from the length of a register on, which may be more than 16.
        let picked = f.riscv_call("llvm.riscv.vrgather.vv", 1, [a, b], None)?;
        let inside = f.builder.build_int_compare(IntPredicate::ULT, b, f.unit.types.splat(ty, 16), "")?;
        f.builder.build_select(inside, picked, ty.const_zero(), "")?.into_vector_value()
    } else {
        let inside = f.builder.build_int_compare(IntPredicate::ULT, b, f.unit.types.splat(ty, 16), "")?;
        let index = f.builder.build_and(b, f.unit.types.splat(ty, 15), "")?;
        let picked = f.by_lane(&[index], ty, &mut |f, index| {
            let index = f.builder.build_int_z_extend(index[0].into_int_value(), f.unit.types.i32, "")?;
            Ok(f.builder.build_extract_element(a, index, "")?)
        })?;
        f.builder.build_select(inside, picked, ty.const_zero(), "")?.into_vector_value()
    };
    f.push_vector(value)
}
