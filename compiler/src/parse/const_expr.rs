//! Constant expressions → [`ConstExpr`].

use super::{ConstExpr, FuncIndex, GlobalIndex};
use wasmparser::{BinaryReaderError, Operator};

/// Reads a validated constant expression: one instruction and `end` (spec: valid/instructions,
/// constant expressions, as of Wasm 2.0).
pub fn read(expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr, BinaryReaderError> {
    let mut reader = expr.get_operators_reader();
    Ok(match reader.read()? {
        Operator::I32Const { value } => ConstExpr::Bits(u64::from(value as u32)),
        Operator::I64Const { value } => ConstExpr::Bits(value as u64),
        Operator::F32Const { value } => ConstExpr::Bits(u64::from(value.bits())),
        Operator::F64Const { value } => ConstExpr::Bits(value.bits()),
        Operator::RefNull { .. } => ConstExpr::Bits(0),
        Operator::RefFunc { function_index } => ConstExpr::Function(FuncIndex(function_index)),
        Operator::GlobalGet { global_index } => ConstExpr::Global(GlobalIndex(global_index)),
        operator => unreachable!("validated constant expression with {operator:?}"),
    })
}
