//! How guest functions pass values: most as they are, vectors on some targets as two integers
//! (`abi::signature`).

use super::Result;
use super::types::Types;
use super::unit::Unit;
use crate::parse::FuncType;
use inkwell::builder::Builder;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{BasicValueEnum, InstructionOpcode, InstructionValue};
use wasmc_abi::ValType;

/// Alignment of vectors in frames and slots, bytes: that of slots, and of the stack of 32-bit ARM.
pub const VECTOR_ALIGNMENT: u32 = 8;

/// Says that an access has a slot's alignment, if it is of a vector: LLVM would believe in 16.
pub fn align_vector(access: InstructionValue<'_>) {
    let ty = match access.get_opcode() {
        InstructionOpcode::Store => access.get_operand(0).and_then(|o| o.value()).map(|v| v.get_type()),
        _ => access.get_type().try_into().ok(),
    };
    if matches!(ty, Some(BasicTypeEnum::VectorType(_))) {
        access.set_alignment(VECTOR_ALIGNMENT).expect("it is a power of two");
    }
}

/// Values of these types as they are passed.
pub fn split<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    types: &[ValType],
    values: &[BasicValueEnum<'ctx>],
) -> Result<Vec<BasicValueEnum<'ctx>>> {
    let mut passed = Vec::with_capacity(values.len());
    for (ty, value) in types.iter().zip(values) {
        if unit.types.is_split(*ty) {
            for lane in 0..2 {
                let lane = unit.types.i32.const_int(lane, false);
                passed.push(builder.build_extract_element(value.into_vector_value(), lane, "")?);
            }
        } else {
            passed.push(*value);
        }
    }
    Ok(passed)
}

/// Values of these types from what was passed for them.
pub fn join<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    types: &[ValType],
    passed: &mut dyn Iterator<Item = BasicValueEnum<'ctx>>,
) -> Result<Vec<BasicValueEnum<'ctx>>> {
    let Types { v128, i32, .. } = unit.types;
    let mut next = || passed.next().expect("as many as the types say");
    let mut values = Vec::with_capacity(types.len());
    for ty in types {
        let value = next();
        if unit.types.is_split(*ty) {
            let low = builder.build_insert_element(v128.get_poison(), value, i32.const_zero(), "")?;
            values.push(builder.build_insert_element(low, next(), i32.const_int(1, false), "")?.into());
        } else {
            values.push(value);
        }
    }
    Ok(values)
}

/// The results that a call returned in registers.
pub fn split_results<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    ty: &FuncType,
    returned: Option<BasicValueEnum<'ctx>>,
) -> Result<Vec<BasicValueEnum<'ctx>>> {
    let mut passed = Vec::new();
    match returned {
        None => {}
        Some(BasicValueEnum::StructValue(several)) => {
            for index in 0..several.get_type().count_fields() {
                passed.push(builder.build_extract_value(several, index, "")?);
            }
        }
        Some(one) => passed.push(one),
    }
    join(unit, builder, &ty.results, &mut passed.into_iter())
}

/// Returns values of these types in registers.
pub fn build_return<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    types: &[ValType],
    results: &[BasicValueEnum<'ctx>],
) -> Result<()> {
    let passed = split(unit, builder, types, results)?;
    match passed.as_slice() {
        [] => builder.build_return(None)?,
        [one] => builder.build_return(Some(one))?,
        _ => builder.build_aggregate_return(&passed)?,
    };
    Ok(())
}
