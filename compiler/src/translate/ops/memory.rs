//! Memory instructions (spec: exec/instructions, memory instructions).

use super::bulk;
use super::call::call_builtin;
use crate::parse::MemoryIndex;
use crate::translate::Result;
use crate::translate::function::FunctionTranslator;
use crate::translate::trapping;
use inkwell::types::{BasicTypeEnum, IntType};
use inkwell::values::{BasicValue, BasicValueEnum, InstructionValue, IntValue, PointerValue};
use wasmc_abi::Builtin;
use wasmparser::{MemArg, MemArgTarget, Operator as O};

/// How a loaded integer fills its type.
#[derive(Clone, Copy)]
enum Extend {
    Sign,
    Zero,
}

pub fn translate<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, operator: &O<'_>) -> Result<bool> {
    let t = &f.unit.types;
    let (i8, i16, i32, i64, f32, f64) = (t.i8, t.i16, t.i32, t.i64, t.f32, t.f64);
    match operator {
        O::I32Load { memarg } => load(f, memarg, i32.into())?,
        O::I64Load { memarg } => load(f, memarg, i64.into())?,
        O::F32Load { memarg } => load(f, memarg, f32.into())?,
        O::F64Load { memarg } => load(f, memarg, f64.into())?,
        O::I32Load8S { memarg } => load_narrow(f, memarg, i8, i32, Extend::Sign)?,
        O::I32Load8U { memarg } => load_narrow(f, memarg, i8, i32, Extend::Zero)?,
        O::I32Load16S { memarg } => load_narrow(f, memarg, i16, i32, Extend::Sign)?,
        O::I32Load16U { memarg } => load_narrow(f, memarg, i16, i32, Extend::Zero)?,
        O::I64Load8S { memarg } => load_narrow(f, memarg, i8, i64, Extend::Sign)?,
        O::I64Load8U { memarg } => load_narrow(f, memarg, i8, i64, Extend::Zero)?,
        O::I64Load16S { memarg } => load_narrow(f, memarg, i16, i64, Extend::Sign)?,
        O::I64Load16U { memarg } => load_narrow(f, memarg, i16, i64, Extend::Zero)?,
        O::I64Load32S { memarg } => load_narrow(f, memarg, i32, i64, Extend::Sign)?,
        O::I64Load32U { memarg } => load_narrow(f, memarg, i32, i64, Extend::Zero)?,
        O::I32Store { memarg } | O::F32Store { memarg } => store(f, memarg, 4)?,
        O::I64Store { memarg } | O::F64Store { memarg } => store(f, memarg, 8)?,
        O::I32Store8 { memarg } | O::I64Store8 { memarg } => store_narrow(f, memarg, i8)?,
        O::I32Store16 { memarg } | O::I64Store16 { memarg } => store_narrow(f, memarg, i16)?,
        O::I64Store32 { memarg } => store_narrow(f, memarg, i32)?,
        O::MemorySize { mem } => {
            let len = f.memory_len(MemoryIndex(*mem))?;
            let page_len = f.unit.module.memories[*mem as usize].page_len;
            let shift = len.get_type().const_int(page_len.trailing_zeros().into(), false);
            let pages = f.builder.build_right_shift(len, shift, false, "")?;
            let pages = f.builder.build_int_truncate(pages, f.unit.index_type(MemoryIndex(*mem)), "")?;
            f.push(pages);
        }
        O::MemoryGrow { mem } => {
            let delta = f.pop_int();
            let delta = f.builder.build_int_z_extend(delta, i64, "")?;
            let memory = i32.const_int((*mem).into(), false);
            let pages = call_builtin(f, Builtin::memory_grow, &[f.vmctx.into(), memory.into(), delta.into()])?;
            let pages = pages.expect("it has a result").into_int_value();
            let pages = f.builder.build_int_truncate(pages, f.unit.index_type(MemoryIndex(*mem)), "")?;
            f.push(pages);
        }
        O::MemoryCopy { dst_mem, src_mem } => bulk::copy(f, MemoryIndex(*dst_mem), MemoryIndex(*src_mem))?,
        O::MemoryFill { mem } => bulk::fill(f, MemoryIndex(*mem))?,
        O::MemoryInit { data_index, mem } => {
            let [to, from, len] = pop_range(f, i64)?;
            let (memory, segment) = (i32.const_int((*mem).into(), false), i32.const_int((*data_index).into(), false));
            let args = [f.vmctx.into(), memory.into(), segment.into(), to.into(), from.into(), len.into()];
            let status = call_builtin(f, Builtin::memory_init, &args)?;
            f.trap_on_status(status.expect("it has a result").into_int_value())?;
        }
        O::DataDrop { data_index } => {
            let segment = i32.const_int((*data_index).into(), false);
            call_builtin(f, Builtin::data_drop, &[f.vmctx.into(), segment.into()])?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// The memory that an instruction accesses.
pub fn memory_of(memarg: &MemArg) -> MemoryIndex {
    let MemArgTarget::Memory(memory) = memarg.target else { unreachable!("validated: there are no arrays") };
    MemoryIndex(memory)
}

/// Who finds out that an access is out of bounds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bounds {
    /// A check before it.
    Checked,
    /// It has none, and traps by itself (`translate/trapping.rs`).
    Traps,
}

/// The address of a plain access: a load of `len` bytes or, if `is_store`, a store.
fn address<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    memarg: &MemArg,
    len: u32,
    is_store: bool,
) -> Result<(PointerValue<'ctx>, Bounds)> {
    let index = f.pop_int();
    let memory = memory_of(memarg);
    if !f.keeps_checks() && f.unit.access_faults(memory, is_store.then_some(len)) {
        Ok((f.guarded_address(memory, index, memarg.offset)?, Bounds::Traps))
    } else {
        Ok((f.checked_address(memory, index, memarg.offset, len)?, Bounds::Checked))
    }
}

/// What an access is like: without any promise of alignment, whatever the hint says; of a shared memory volatile.
///
/// Another thread may store at the same place at the same time. Of a plain load LLVM would take for granted that nobody
/// does, and might do it once more after what was loaded has been checked. Its atomics, of the weakest kind too, have to
/// be aligned, which nobody knows here. A volatile access is done once, as it stands; Wasm asks for no more of one that
/// is not atomic.
///
fn mark(f: &FunctionTranslator<'_, '_>, memory: MemoryIndex, access: InstructionValue<'_>, bounds: Bounds) {
    access.set_alignment(1).expect("1 is a power of two");
    if f.unit.module.memories[memory.get()].shared {
        access.set_volatile(true).expect("it is a load or a store");
    }
    if bounds == Bounds::Traps {
        trapping::mark(f.unit.context, access, f.offset_in_body());
    }
}

/// Loads from memory.
pub fn load_value<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    memarg: &MemArg,
    ty: BasicTypeEnum<'ctx>,
    len: u32,
) -> Result<BasicValueEnum<'ctx>> {
    let (address, bounds) = address(f, memarg, len, false)?;
    load_at(f, memory_of(memarg), address, bounds, ty)
}

/// Loads from an address in memory.
pub fn load_at<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    memory: MemoryIndex,
    address: PointerValue<'ctx>,
    bounds: Bounds,
    ty: BasicTypeEnum<'ctx>,
) -> Result<BasicValueEnum<'ctx>> {
    f.locate();
    let value = f.load_tagged(ty, address, f.unit.alias.memory)?;
    f.unlocate();
    mark(f, memory, value.as_instruction_value().expect("a load is an instruction"), bounds);
    Ok(value)
}

fn load<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, memarg: &MemArg, ty: BasicTypeEnum<'ctx>) -> Result<()> {
    let value = load_value(f, memarg, ty, width(ty))?;
    f.push(value);
    Ok(())
}

fn load_narrow<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    memarg: &MemArg,
    from: IntType<'ctx>,
    to: IntType<'ctx>,
    extend: Extend,
) -> Result<()> {
    let value = load_value(f, memarg, from.into(), from.get_bit_width() / 8)?.into_int_value();
    let value = match extend {
        Extend::Sign => f.builder.build_int_s_extend(value, to, "")?,
        Extend::Zero => f.builder.build_int_z_extend(value, to, "")?,
    };
    f.push(value);
    Ok(())
}

fn width(ty: BasicTypeEnum<'_>) -> u32 {
    match ty {
        BasicTypeEnum::IntType(ty) => ty.get_bit_width() / 8,
        BasicTypeEnum::FloatType(ty) => ty.get_bit_width() / 8,
        other => unreachable!("{other:?} is not the type of an access"),
    }
}

fn store(f: &mut FunctionTranslator<'_, '_>, memarg: &MemArg, len: u32) -> Result<()> {
    let value = f.pop();
    let value = super::numeric::unfenced(value);
    store_value(f, memarg, value, len)
}

fn store_narrow<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, memarg: &MemArg, to: IntType<'ctx>) -> Result<()> {
    let value = f.pop_int();
    let value = f.builder.build_int_truncate(value, to, "")?;
    store_value(f, memarg, value.into(), to.get_bit_width() / 8)
}

pub fn store_value<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    memarg: &MemArg,
    value: BasicValueEnum<'ctx>,
    len: u32,
) -> Result<()> {
    let (address, bounds) = address(f, memarg, len, true)?;
    store_at(f, memory_of(memarg), address, bounds, value)
}

/// Stores to an address in memory.
pub fn store_at<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    memory: MemoryIndex,
    address: PointerValue<'ctx>,
    bounds: Bounds,
    value: BasicValueEnum<'ctx>,
) -> Result<()> {
    f.locate();
    let store = f.builder.build_store(address, value)?;
    f.unlocate();
    f.unit.alias.mark(store, f.unit.alias.memory);
    mark(f, memory, store, bounds);
    Ok(())
}

/// Pops `to`, `from` or a value, and a length, as integers of type `ty` each: operands are unsigned.
pub fn pop_range<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, ty: IntType<'ctx>) -> Result<[IntValue<'ctx>; 3]> {
    let operands = f.pop_many(3);
    let mut wide = [ty.const_zero(); 3];
    for (wide, operand) in wide.iter_mut().zip(operands) {
        *wide = f.builder.build_int_z_extend(operand.into_int_value(), ty, "")?;
    }
    Ok(wide)
}
