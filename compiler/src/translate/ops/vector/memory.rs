//! Loads and stores of vectors (spec: exec/instructions, memory instructions). Each checks its range before it
//! does anything, and promises no alignment.

use super::lanes::{Shape, Sign, Translator};
use crate::translate::Result;
use crate::translate::ops::memory::{load_value, store_value};
use wasmparser::{MemArg, Operator as O};

pub fn translate(f: &mut Translator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    use Shape::{I8x16, I16x8, I32x4, I64x2};
    use Sign::{Signed, Unsigned};
    match operator {
        O::V128Load { memarg } => {
            let value = load_value(f, memarg, f.unit.types.v128.into(), 16)?;
            f.push(value);
        }
        O::V128Store { memarg } => {
            let value = f.pop();
            store_value(f, memarg, value, 16)?;
        }
        O::V128Load8x8S { memarg } => load_extended(f, memarg, I16x8, Signed)?,
        O::V128Load8x8U { memarg } => load_extended(f, memarg, I16x8, Unsigned)?,
        O::V128Load16x4S { memarg } => load_extended(f, memarg, I32x4, Signed)?,
        O::V128Load16x4U { memarg } => load_extended(f, memarg, I32x4, Unsigned)?,
        O::V128Load32x2S { memarg } => load_extended(f, memarg, I64x2, Signed)?,
        O::V128Load32x2U { memarg } => load_extended(f, memarg, I64x2, Unsigned)?,
        O::V128Load8Splat { memarg } => load_splat(f, memarg, I8x16)?,
        O::V128Load16Splat { memarg } => load_splat(f, memarg, I16x8)?,
        O::V128Load32Splat { memarg } => load_splat(f, memarg, I32x4)?,
        O::V128Load64Splat { memarg } => load_splat(f, memarg, I64x2)?,
        O::V128Load32Zero { memarg } => load_zero(f, memarg, I32x4)?,
        O::V128Load64Zero { memarg } => load_zero(f, memarg, I64x2)?,
        O::V128Load8Lane { memarg, lane } => load_lane(f, memarg, I8x16, *lane)?,
        O::V128Load16Lane { memarg, lane } => load_lane(f, memarg, I16x8, *lane)?,
        O::V128Load32Lane { memarg, lane } => load_lane(f, memarg, I32x4, *lane)?,
        O::V128Load64Lane { memarg, lane } => load_lane(f, memarg, I64x2, *lane)?,
        O::V128Store8Lane { memarg, lane } => store_lane(f, memarg, I8x16, *lane)?,
        O::V128Store16Lane { memarg, lane } => store_lane(f, memarg, I16x8, *lane)?,
        O::V128Store32Lane { memarg, lane } => store_lane(f, memarg, I32x4, *lane)?,
        O::V128Store64Lane { memarg, lane } => store_lane(f, memarg, I64x2, *lane)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Eight bytes, whose lanes become twice as wide.
fn load_extended(f: &mut Translator<'_, '_>, memarg: &MemArg, to: Shape, sign: Sign) -> Result<()> {
    let ty = f.unit.types.ints(to.lane_bits() / 2, to.lanes());
    let value = load_value(f, memarg, ty.into(), 8)?.into_vector_value();
    let value = f.extend(value, to.lane_bits(), sign)?;
    f.push_vector(value)
}

fn load_splat(f: &mut Translator<'_, '_>, memarg: &MemArg, shape: Shape) -> Result<()> {
    let ty = f.unit.types.int(shape.lane_bits());
    let value = load_value(f, memarg, ty.into(), shape.lane_bits() / 8)?;
    let value = f.splat(f.unit.types.vector(shape), value)?;
    f.push_vector(value)
}

fn load_zero(f: &mut Translator<'_, '_>, memarg: &MemArg, shape: Shape) -> Result<()> {
    let ty = f.unit.types.int(shape.lane_bits());
    let value = load_value(f, memarg, ty.into(), shape.lane_bits() / 8)?;
    let value = f.with_lane(f.unit.types.vector(shape).const_zero(), 0, value)?;
    f.push_vector(value)
}

fn load_lane(f: &mut Translator<'_, '_>, memarg: &MemArg, shape: Shape, lane: u8) -> Result<()> {
    let vector = f.pop_vector(shape)?;
    let ty = f.unit.types.int(shape.lane_bits());
    let value = load_value(f, memarg, ty.into(), shape.lane_bits() / 8)?;
    let value = f.with_lane(vector, lane.into(), value)?;
    f.push_vector(value)
}

fn store_lane(f: &mut Translator<'_, '_>, memarg: &MemArg, shape: Shape, lane: u8) -> Result<()> {
    let vector = f.pop_vector(shape)?;
    let value = f.lane(vector, lane.into())?;
    store_value(f, memarg, value, shape.lane_bits() / 8)
}
