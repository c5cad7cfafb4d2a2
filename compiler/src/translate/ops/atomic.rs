//! Atomic instructions (threads proposal). Each traps if its effective address is not a multiple of its width, before
//! it looks whether the memory is that long.
//!
//! A shared memory is accessed by LLVM's atomics, sequentially consistent. A memory that is not shared belongs to one
//! store, which one thread uses at a time: nobody can tell whether what happens there is atomic, so it is
//! done by plain accesses. That is also why no target has to have such instructions for firmware, which has no shared
//! memories, and no code calls a library for them.

use super::call::call_builtin;
use super::memory::memory_of;
use crate::translate::Result;
use crate::translate::function::FunctionTranslator;
use inkwell::types::IntType;
use inkwell::values::{BasicValue, InstructionValue, IntValue, PointerValue};
use inkwell::{AtomicOrdering, AtomicRMWBinOp, IntPredicate};
use wasmc_abi::{Builtin, TrapCode};
use wasmparser::{MemArg, Operator as O};

pub fn translate<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, operator: &O<'_>) -> Result<bool> {
    use AtomicRMWBinOp::{Add, And, Or, Sub, Xchg, Xor};
    let t = &f.unit.types;
    let (i8, i16, i32, i64) = (t.i8, t.i16, t.i32, t.i64);
    match operator {
        O::AtomicFence { .. } => fence(f)?,
        O::MemoryAtomicNotify { memarg } => notify(f, memarg)?,
        O::MemoryAtomicWait32 { memarg } => wait(f, memarg, Builtin::memory_wait32, 4)?,
        O::MemoryAtomicWait64 { memarg } => wait(f, memarg, Builtin::memory_wait64, 8)?,
        O::I32AtomicLoad { memarg } => load(f, memarg, i32, i32)?,
        O::I64AtomicLoad { memarg } => load(f, memarg, i64, i64)?,
        O::I32AtomicLoad8U { memarg } => load(f, memarg, i32, i8)?,
        O::I32AtomicLoad16U { memarg } => load(f, memarg, i32, i16)?,
        O::I64AtomicLoad8U { memarg } => load(f, memarg, i64, i8)?,
        O::I64AtomicLoad16U { memarg } => load(f, memarg, i64, i16)?,
        O::I64AtomicLoad32U { memarg } => load(f, memarg, i64, i32)?,
        O::I32AtomicStore { memarg } => store(f, memarg, i32)?,
        O::I64AtomicStore { memarg } => store(f, memarg, i64)?,
        O::I32AtomicStore8 { memarg } => store(f, memarg, i8)?,
        O::I32AtomicStore16 { memarg } => store(f, memarg, i16)?,
        O::I64AtomicStore8 { memarg } => store(f, memarg, i8)?,
        O::I64AtomicStore16 { memarg } => store(f, memarg, i16)?,
        O::I64AtomicStore32 { memarg } => store(f, memarg, i32)?,
        O::I32AtomicRmwAdd { memarg } => modify(f, memarg, i32, i32, Add)?,
        O::I64AtomicRmwAdd { memarg } => modify(f, memarg, i64, i64, Add)?,
        O::I32AtomicRmw8AddU { memarg } => modify(f, memarg, i32, i8, Add)?,
        O::I32AtomicRmw16AddU { memarg } => modify(f, memarg, i32, i16, Add)?,
        O::I64AtomicRmw8AddU { memarg } => modify(f, memarg, i64, i8, Add)?,
        O::I64AtomicRmw16AddU { memarg } => modify(f, memarg, i64, i16, Add)?,
        O::I64AtomicRmw32AddU { memarg } => modify(f, memarg, i64, i32, Add)?,
        O::I32AtomicRmwSub { memarg } => modify(f, memarg, i32, i32, Sub)?,
        O::I64AtomicRmwSub { memarg } => modify(f, memarg, i64, i64, Sub)?,
        O::I32AtomicRmw8SubU { memarg } => modify(f, memarg, i32, i8, Sub)?,
        O::I32AtomicRmw16SubU { memarg } => modify(f, memarg, i32, i16, Sub)?,
        O::I64AtomicRmw8SubU { memarg } => modify(f, memarg, i64, i8, Sub)?,
        O::I64AtomicRmw16SubU { memarg } => modify(f, memarg, i64, i16, Sub)?,
        O::I64AtomicRmw32SubU { memarg } => modify(f, memarg, i64, i32, Sub)?,
        O::I32AtomicRmwAnd { memarg } => modify(f, memarg, i32, i32, And)?,
        O::I64AtomicRmwAnd { memarg } => modify(f, memarg, i64, i64, And)?,
        O::I32AtomicRmw8AndU { memarg } => modify(f, memarg, i32, i8, And)?,
        O::I32AtomicRmw16AndU { memarg } => modify(f, memarg, i32, i16, And)?,
        O::I64AtomicRmw8AndU { memarg } => modify(f, memarg, i64, i8, And)?,
        O::I64AtomicRmw16AndU { memarg } => modify(f, memarg, i64, i16, And)?,
        O::I64AtomicRmw32AndU { memarg } => modify(f, memarg, i64, i32, And)?,
        O::I32AtomicRmwOr { memarg } => modify(f, memarg, i32, i32, Or)?,
        O::I64AtomicRmwOr { memarg } => modify(f, memarg, i64, i64, Or)?,
        O::I32AtomicRmw8OrU { memarg } => modify(f, memarg, i32, i8, Or)?,
        O::I32AtomicRmw16OrU { memarg } => modify(f, memarg, i32, i16, Or)?,
        O::I64AtomicRmw8OrU { memarg } => modify(f, memarg, i64, i8, Or)?,
        O::I64AtomicRmw16OrU { memarg } => modify(f, memarg, i64, i16, Or)?,
        O::I64AtomicRmw32OrU { memarg } => modify(f, memarg, i64, i32, Or)?,
        O::I32AtomicRmwXor { memarg } => modify(f, memarg, i32, i32, Xor)?,
        O::I64AtomicRmwXor { memarg } => modify(f, memarg, i64, i64, Xor)?,
        O::I32AtomicRmw8XorU { memarg } => modify(f, memarg, i32, i8, Xor)?,
        O::I32AtomicRmw16XorU { memarg } => modify(f, memarg, i32, i16, Xor)?,
        O::I64AtomicRmw8XorU { memarg } => modify(f, memarg, i64, i8, Xor)?,
        O::I64AtomicRmw16XorU { memarg } => modify(f, memarg, i64, i16, Xor)?,
        O::I64AtomicRmw32XorU { memarg } => modify(f, memarg, i64, i32, Xor)?,
        O::I32AtomicRmwXchg { memarg } => modify(f, memarg, i32, i32, Xchg)?,
        O::I64AtomicRmwXchg { memarg } => modify(f, memarg, i64, i64, Xchg)?,
        O::I32AtomicRmw8XchgU { memarg } => modify(f, memarg, i32, i8, Xchg)?,
        O::I32AtomicRmw16XchgU { memarg } => modify(f, memarg, i32, i16, Xchg)?,
        O::I64AtomicRmw8XchgU { memarg } => modify(f, memarg, i64, i8, Xchg)?,
        O::I64AtomicRmw16XchgU { memarg } => modify(f, memarg, i64, i16, Xchg)?,
        O::I64AtomicRmw32XchgU { memarg } => modify(f, memarg, i64, i32, Xchg)?,
        O::I32AtomicRmwCmpxchg { memarg } => compare_exchange(f, memarg, i32, i32)?,
        O::I64AtomicRmwCmpxchg { memarg } => compare_exchange(f, memarg, i64, i64)?,
        O::I32AtomicRmw8CmpxchgU { memarg } => compare_exchange(f, memarg, i32, i8)?,
        O::I32AtomicRmw16CmpxchgU { memarg } => compare_exchange(f, memarg, i32, i16)?,
        O::I64AtomicRmw8CmpxchgU { memarg } => compare_exchange(f, memarg, i64, i8)?,
        O::I64AtomicRmw16CmpxchgU { memarg } => compare_exchange(f, memarg, i64, i16)?,
        O::I64AtomicRmw32CmpxchgU { memarg } => compare_exchange(f, memarg, i64, i32)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn is_shared(f: &FunctionTranslator<'_, '_>, memarg: &MemArg) -> bool {
    f.unit.module.memories[memory_of(memarg).get()].shared
}

/// Pops the index; traps unless it and the offset make a multiple of `len`, a power of two.
fn aligned_index<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, memarg: &MemArg, len: u32) -> Result<IntValue<'ctx>> {
    let index = f.pop_int();
    if len > 1 {
        let number = |n: u64| index.get_type().const_int(n, false);
        // Of the sum, which may wrap, only the low bits count.
        let mask = u64::from(len) - 1;
        let sum = f.builder.build_int_add(index, number(memarg.offset & mask), "")?;
        let low = f.builder.build_and(sum, number(mask), "")?;
        let unaligned = f.builder.build_int_compare(IntPredicate::NE, low, number(0), "")?;
        f.trap_if(unaligned, TrapCode::UnalignedAtomic)?;
    }
    Ok(index)
}

fn aligned_address<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    memarg: &MemArg,
    len: u32,
) -> Result<PointerValue<'ctx>> {
    let index = aligned_index(f, memarg, len)?;
    f.checked_address(memory_of(memarg), index, memarg.offset, len)
}

fn len_of(ty: IntType<'_>) -> u32 {
    ty.get_bit_width() / 8
}

/// Says of an access that it is aligned, what it touches and, if the memory is shared, that it is atomic.
fn mark(f: &FunctionTranslator<'_, '_>, memarg: &MemArg, access: InstructionValue<'_>, len: u32) {
    f.unit.alias.mark(access, f.unit.alias.memory);
    access.set_alignment(len).expect("a width is a power of two");
    if is_shared(f, memarg) {
        access.set_atomic_ordering(AtomicOrdering::SequentiallyConsistent).expect("a load or a store");
    }
}

fn load_from<'ctx>(
    f: &FunctionTranslator<'_, 'ctx>,
    memarg: &MemArg,
    from: IntType<'ctx>,
    address: PointerValue<'ctx>,
) -> Result<IntValue<'ctx>> {
    f.locate();
    let value = f.builder.build_load(from, address, "")?;
    f.unlocate();
    mark(f, memarg, value.as_instruction_value().expect("a load is an instruction"), len_of(from));
    Ok(value.into_int_value())
}

fn store_to<'ctx>(
    f: &FunctionTranslator<'_, 'ctx>,
    memarg: &MemArg,
    value: IntValue<'ctx>,
    address: PointerValue<'ctx>,
) -> Result<()> {
    f.locate();
    let store = f.builder.build_store(address, value)?;
    f.unlocate();
    mark(f, memarg, store, len_of(value.get_type()));
    Ok(())
}

/// Pushes what was loaded, zero-extended.
fn push<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, value: IntValue<'ctx>, to: IntType<'ctx>) -> Result<()> {
    let value = f.builder.build_int_z_extend(value, to, "")?;
    f.push(value);
    Ok(())
}

fn load<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    memarg: &MemArg,
    to: IntType<'ctx>,
    from: IntType<'ctx>,
) -> Result<()> {
    let address = aligned_address(f, memarg, len_of(from))?;
    let value = load_from(f, memarg, from, address)?;
    push(f, value, to)
}

fn store<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, memarg: &MemArg, to: IntType<'ctx>) -> Result<()> {
    let value = f.pop_int();
    let value = f.builder.build_int_truncate(value, to, "")?;
    let address = aligned_address(f, memarg, len_of(to))?;
    store_to(f, memarg, value, address)
}

/// Loads, stores what `op` makes of that and the operand, pushes what was loaded.
fn modify<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    memarg: &MemArg,
    to: IntType<'ctx>,
    ty: IntType<'ctx>,
    op: AtomicRMWBinOp,
) -> Result<()> {
    let operand = f.pop_int();
    let operand = f.builder.build_int_truncate(operand, ty, "")?;
    let address = aligned_address(f, memarg, len_of(ty))?;
    let old = if is_shared(f, memarg) {
        f.locate();
        let old = f.builder.build_atomicrmw(op, address, operand, AtomicOrdering::SequentiallyConsistent)?;
        f.unlocate();
        f.unit.alias.mark(old.as_instruction_value().expect("it is an instruction"), f.unit.alias.memory);
        old
    } else {
        let old = load_from(f, memarg, ty, address)?;
        let b = &f.builder;
        let new = match op {
            AtomicRMWBinOp::Add => b.build_int_add(old, operand, "")?,
            AtomicRMWBinOp::Sub => b.build_int_sub(old, operand, "")?,
            AtomicRMWBinOp::And => b.build_and(old, operand, "")?,
            AtomicRMWBinOp::Or => b.build_or(old, operand, "")?,
            AtomicRMWBinOp::Xor => b.build_xor(old, operand, "")?,
            AtomicRMWBinOp::Xchg => operand,
            other => unreachable!("no instruction does {other:?}"),
        };
        store_to(f, memarg, new, address)?;
        old
    };
    push(f, old, to)
}

/// Loads, stores the replacement if what was loaded is as expected, pushes what was loaded. The
/// comparison is of all bits of the operand, more than a narrow access loads.
fn compare_exchange<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    memarg: &MemArg,
    to: IntType<'ctx>,
    ty: IntType<'ctx>,
) -> Result<()> {
    let (new, wide) = (f.pop_int(), f.pop_int());
    let new = f.builder.build_int_truncate(new, ty, "")?;
    let expected = f.builder.build_int_truncate(wide, ty, "")?;
    let address = aligned_address(f, memarg, len_of(ty))?;
    // What cannot be equal is exchanged for itself.
    let loadable = f.builder.build_int_z_extend(expected, to, "")?;
    let loadable = f.builder.build_int_compare(IntPredicate::EQ, loadable, wide, "")?;
    let new = f.builder.build_select(loadable, new, expected, "")?.into_int_value();
    let old = if is_shared(f, memarg) {
        let ordering = AtomicOrdering::SequentiallyConsistent;
        f.locate();
        let pair = f.builder.build_cmpxchg(address, expected, new, ordering, ordering)?;
        f.unlocate();
        f.unit.alias.mark(pair.as_instruction_value().expect("it is an instruction"), f.unit.alias.memory);
        f.builder.build_extract_value(pair, 0, "")?.into_int_value()
    } else {
        let old = load_from(f, memarg, ty, address)?;
        let equal = f.builder.build_int_compare(IntPredicate::EQ, old, expected, "")?;
        let new = f.builder.build_select(equal, new, old, "")?.into_int_value();
        store_to(f, memarg, new, address)?;
        old
    };
    push(f, old, to)
}

/// Orders accesses of different memories, too; without a shared one there is nobody to see an order.
fn fence(f: &FunctionTranslator<'_, '_>) -> Result<()> {
    if f.unit.module.memories.iter().any(|memory| memory.shared) {
        f.builder.build_fence(AtomicOrdering::SequentiallyConsistent, false, "")?;
    }
    Ok(())
}

/// In a memory that is not shared, nobody waits.
fn notify(f: &mut FunctionTranslator<'_, '_>, memarg: &MemArg) -> Result<()> {
    let count = f.pop_int();
    let address = aligned_address(f, memarg, 4)?;
    let notified = if is_shared(f, memarg) {
        let notified = call_builtin(f, Builtin::memory_notify, &[address.into(), count.into()])?;
        notified.expect("it has a result").into_int_value()
    } else {
        f.unit.types.i32.const_zero()
    };
    f.push(notified);
    Ok(())
}

/// In a memory that is not shared, nobody would notify: that comes before the memory's length.
fn wait(f: &mut FunctionTranslator<'_, '_>, memarg: &MemArg, helper: Builtin, len: u32) -> Result<()> {
    let (timeout, expected) = (f.pop_int(), f.pop_int());
    let index = aligned_index(f, memarg, len)?;
    if !is_shared(f, memarg) {
        let always = f.unit.types.bool.const_int(1, false);
        f.trap_if(always, TrapCode::ExpectedSharedMemory)?;
        f.push(f.unit.types.i32.const_zero());
        return Ok(());
    }
    let address = f.checked_address(memory_of(memarg), index, memarg.offset, len)?;
    let result = call_builtin(f, helper, &[address.into(), expected.into(), timeout.into()])?;
    f.push(result.expect("it has a result"));
    Ok(())
}
