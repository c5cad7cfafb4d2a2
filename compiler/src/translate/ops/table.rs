//! Table instructions (spec: exec/instructions, table instructions).

use super::call::call_builtin;
use super::memory::pop_range;
use crate::parse::TableIndex;
use crate::translate::Result;
use crate::translate::function::FunctionTranslator;
use inkwell::IntPredicate;
use inkwell::values::{BasicMetadataValueEnum, IntValue, PointerValue};
use wasmc_abi::ram::element_len;
use wasmc_abi::vmctx::func_slot;
use wasmc_abi::{Builtin, TrapCode};
use wasmparser::Operator as O;

pub fn translate(f: &mut FunctionTranslator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    let (i32, i64) = (f.unit.types.i32, f.unit.types.i64);
    let number = |n: u32| BasicMetadataValueEnum::from(i32.const_int(n.into(), false));
    match operator {
        O::TableGet { table } => {
            let (index, table) = (f.pop_int(), TableIndex(*table));
            let slot = checked_slot(f, table, index, TrapCode::TableOutOfBounds)?;
            let is_func = f.unit.module.tables[table.get()].element.is_func_ref();
            let address = if is_func { f.field(slot, func_slot::REF)? } else { slot };
            let value = f.load_tagged(i64.into(), address, f.unit.alias.table)?;
            f.push(value);
        }
        O::TableSet { table } => {
            let (value, index) = (f.pop(), f.pop_int());
            // The runtime copies the function's record; a fill of one element is that.
            let index = f.builder.build_int_z_extend(index, i64, "")?;
            let one = i64.const_int(1, false);
            let args = [f.vmctx.into(), number(*table), index.into(), value.into(), one.into()];
            status_of(f, Builtin::table_fill, &args)?;
        }
        O::TableSize { table } => {
            let count = f.table_count(TableIndex(*table))?;
            let count = f.builder.build_int_truncate(count, f.unit.table_index_type(TableIndex(*table)), "")?;
            f.push(count);
        }
        O::TableGrow { table } => {
            let (delta, value) = (f.pop_int(), f.pop());
            let delta = f.builder.build_int_z_extend(delta, i64, "")?;
            let args = [f.vmctx.into(), number(*table), delta.into(), value.into()];
            let count = call_builtin(f, Builtin::table_grow, &args)?.expect("it has a result");
            let ty = f.unit.table_index_type(TableIndex(*table));
            let count = f.builder.build_int_truncate(count.into_int_value(), ty, "")?;
            f.push(count);
        }
        O::TableFill { table } => {
            let (count, value, to) = (f.pop_int(), f.pop(), f.pop_int());
            let to = f.builder.build_int_z_extend(to, i64, "")?;
            let count = f.builder.build_int_z_extend(count, i64, "")?;
            let args = [f.vmctx.into(), number(*table), to.into(), value.into(), count.into()];
            status_of(f, Builtin::table_fill, &args)?;
        }
        O::TableCopy { dst_table, src_table } => {
            let [to, from, count] = pop_range(f, i64)?;
            let args = [f.vmctx.into(), number(*dst_table), number(*src_table), to.into(), from.into(), count.into()];
            status_of(f, Builtin::table_copy, &args)?;
        }
        O::TableInit { elem_index, table } => {
            let [to, from, count] = pop_range(f, i64)?;
            let args = [f.vmctx.into(), number(*table), number(*elem_index), to.into(), from.into(), count.into()];
            status_of(f, Builtin::table_init, &args)?;
        }
        O::ElemDrop { elem_index } => {
            call_builtin(f, Builtin::elem_drop, &[f.vmctx.into(), number(*elem_index)])?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn status_of<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    builtin: Builtin,
    args: &[BasicMetadataValueEnum<'ctx>],
) -> Result<()> {
    let status = call_builtin(f, builtin, args)?.expect("it has a result");
    f.trap_on_status(status.into_int_value())
}

/// The address of an element, after a check that it is there.
pub fn checked_slot<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    table: TableIndex,
    index: IntValue<'ctx>,
    code: TrapCode,
) -> Result<PointerValue<'ctx>> {
    let word = f.unit.types.word;
    let index = f.builder.build_int_z_extend(index, word, "")?;
    let count = f.table_count(table)?;
    let outside = f.builder.build_int_compare(IntPredicate::UGE, index, count, "")?;
    f.trap_if(outside, code)?;
    let elements = f.table_elements(table)?;
    let len = element_len(f.unit.module.tables[table.get()].element.number());
    let offset = f.builder.build_int_nuw_mul(index, word.const_int(len.into(), false), "")?;
    // SAFETY: the index is below the table's count.
    Ok(unsafe { f.builder.build_gep(f.unit.types.i8, elements, &[offset], "")? })
}
