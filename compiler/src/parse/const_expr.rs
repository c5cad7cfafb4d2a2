//! Constant expressions → [`ConstExpr`].

use super::{ConstExpr, FuncIndex, GlobalIndex};
use wasmparser::{BinaryReaderError, Operator};

/// Reads a validated constant expression (spec: valid/instructions, constant expressions). `Computed` stands for
/// whatever needs more than one instruction, or an object.
pub fn read(expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr, BinaryReaderError> {
    let mut reader = expr.get_operators_reader();
    let first = reader.read()?;
    if !matches!(reader.read()?, Operator::End) {
        return Ok(ConstExpr::Computed);
    }
    Ok(match first {
        Operator::I32Const { value } => ConstExpr::Bits(u128::from(value as u32)),
        Operator::I64Const { value } => ConstExpr::Bits(u128::from(value as u64)),
        Operator::F32Const { value } => ConstExpr::Bits(value.bits().into()),
        Operator::F64Const { value } => ConstExpr::Bits(value.bits().into()),
        Operator::V128Const { value } => ConstExpr::Bits(value.i128() as u128),
        Operator::RefNull { .. } => ConstExpr::Bits(0),
        Operator::RefFunc { function_index } => ConstExpr::Function(FuncIndex(function_index)),
        Operator::GlobalGet { global_index } => ConstExpr::Global(GlobalIndex(global_index)),
        _ => ConstExpr::Computed,
    })
}
