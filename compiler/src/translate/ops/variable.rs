//! Variable and parametric instructions (spec: exec/instructions).

use crate::parse::GlobalIndex;
use crate::translate::Result;
use crate::translate::function::FunctionTranslator;
use inkwell::values::{BasicValue, BasicValueEnum};
use wasmc_abi::ValType;
use wasmparser::Operator as O;

pub fn translate(f: &mut FunctionTranslator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    match operator {
        O::LocalGet { local_index } => {
            let value = f.load_local(*local_index)?;
            f.push(value);
        }
        O::LocalSet { local_index } => {
            let value = f.pop();
            f.store_local(*local_index, value)?;
        }
        O::LocalTee { local_index } => {
            let value = *f.stack.last().expect("validated: the operand is there");
            f.store_local(*local_index, value)?;
        }
        O::GlobalGet { global_index } => global_get(f, GlobalIndex(*global_index))?,
        O::GlobalSet { global_index } => {
            let value = f.pop();
            let (address, tag) = f.global(GlobalIndex(*global_index))?;
            f.store_tagged(address, value, tag)?;
        }
        O::Drop => {
            f.pop();
        }
        O::Select | O::TypedSelect { .. } => {
            let condition = f.pop_condition()?;
            let (otherwise, then) = (f.pop(), f.pop());
            f.count_way(condition)?;
            let value = f.builder.build_select(condition, then, otherwise, "")?;
            f.weigh_select(value);
            f.push(value);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn global_get(f: &mut FunctionTranslator<'_, '_>, global: GlobalIndex) -> Result<()> {
    let ty = f.unit.module.globals[global.get()].ty;
    if let Some(bits) = f.unit.fixed_global(global) {
        let value = constant(f, ty.value, bits)?;
        f.push(value);
        return Ok(());
    }
    let (address, tag) = f.global(global)?;
    let value = f.load_tagged(f.unit.types.value(ty.value), address, tag)?;
    if !ty.mutable && !f.is_initialiser {
        f.unit.alias.mark_invariant(value.as_instruction_value().expect("a load is an instruction"));
    }
    f.push(value);
    Ok(())
}

/// A constant of a Wasm type from its bits.
pub fn constant<'ctx>(f: &FunctionTranslator<'_, 'ctx>, ty: ValType, bits: u128) -> Result<BasicValueEnum<'ctx>> {
    let low = bits as u64;
    Ok(match ty {
        ValType::I32 => f.unit.types.i32.const_int(low, false).into(),
        ValType::F32 => {
            super::numeric::float_constant(f, f.unit.types.i32.const_int(low, false), f.unit.types.f32)?.into()
        }
        ValType::F64 => {
            super::numeric::float_constant(f, f.unit.types.i64.const_int(low, false), f.unit.types.f64)?.into()
        }
        ValType::V128 => f.unit.types.vector_constant(bits).into(),
        _ => f.unit.types.i64.const_int(low, false).into(),
    })
}
