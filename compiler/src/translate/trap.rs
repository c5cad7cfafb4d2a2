//! Traps: the stubs that raise them, and branches to calls of the stubs.
//!
//! A stub takes no argument, not even the vmctx: that would have to be kept in a register for a path
//! that is hardly ever taken. The runtime knows which activation is running. But where images have no
//! helper table of their own, the block that leads to it is the argument: a vmctx or a host record.

use super::Result;
use super::function::FunctionTranslator;
use super::unit::Unit;
use inkwell::IntPredicate;
use inkwell::builder::Builder;
use inkwell::values::{BasicValue, BasicValueEnum, FunctionValue, IntValue, PointerValue};
use wasmc_abi::{Builtin, TrapCode, vmctx};

/// Defines the stub of a trap code.
pub fn define_stub<'ctx>(unit: &Unit<'ctx, '_>, stub: FunctionValue<'ctx>, code: TrapCode) -> Result<()> {
    let builder = unit.context.create_builder();
    builder.position_at_end(unit.context.append_basic_block(stub, ""));
    let block = stub.get_first_param().map(BasicValueEnum::into_pointer_value);
    raise(unit, &builder, block, unit.types.i32.const_int(code as u64, false))
}

/// Defines the stub of the trap that an indirect call ends in whose callee's type has another id: 0 if there is no callee.
pub fn define_callee_stub<'ctx>(unit: &Unit<'ctx, '_>, stub: FunctionValue<'ctx>) -> Result<()> {
    let builder = unit.context.create_builder();
    builder.position_at_end(unit.context.append_basic_block(stub, ""));
    let block = unit.helpers.is_none().then(|| stub.get_first_param().expect("the vmctx").into_pointer_value());
    let type_id = stub.get_last_param().expect("the id").into_int_value();
    let is_null = builder.build_int_compare(IntPredicate::EQ, type_id, type_id.get_type().const_zero(), "")?;
    let code = |code: TrapCode| unit.types.i32.const_int(code as u64, false);
    let (null, mismatch) = (code(TrapCode::UninitializedElement), code(TrapCode::IndirectCallMismatch));
    let code = builder.build_select(is_null, null, mismatch, "")?.into_int_value();
    raise(unit, &builder, block, code)
}

/// Ends the block with a call of the trap helper. `block` is as for [`load_helper`].
pub fn raise<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    block: Option<PointerValue<'ctx>>,
    code: IntValue<'ctx>,
) -> Result<()> {
    let helper = load_helper(unit, builder, block, Builtin::trap)?;
    let call = builder.build_indirect_call(unit.types.void(&[unit.types.i32.into()]), helper, &[code.into()], "")?;
    unit.attributes.hosted_call(call);
    unit.attributes.trap_call(call);
    builder.build_unreachable()?;
    Ok(())
}

/// The address of a helper, from the table that the loader fills once. `block` is the vmctx or the host
/// record through which code finds the table, where the image has none.
pub fn load_helper<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    block: Option<PointerValue<'ctx>>,
    builtin: Builtin,
) -> Result<PointerValue<'ctx>> {
    let word = unit.types.word;
    let load = |base: PointerValue<'ctx>, index: u32| -> Result<PointerValue<'ctx>> {
        let index = word.const_int(index.into(), false);
        // SAFETY: a block has the slot, and the table one for every builtin.
        let slot = unsafe { builder.build_in_bounds_gep(unit.types.ptr, base, &[index], "")? };
        let loaded = builder.build_load(unit.types.ptr, slot, "")?;
        unit.alias.mark_invariant(loaded.as_instruction_value().expect("a load is an instruction"));
        Ok(loaded.into_pointer_value())
    };
    let table = match (unit.helpers, block) {
        (Some(table), _) => table.as_pointer_value(),
        (None, Some(block)) => load(block, vmctx::HELPERS * 8 / word.get_bit_width())?,
        (None, None) => unreachable!("who calls a helper has a block"),
    };
    load(table, builtin as u32)
}

impl<'ctx> FunctionTranslator<'_, 'ctx> {
    /// Goes on only if `condition` is false. Each check has a block of its own, so that the trap's
    /// place tells where it came from.
    pub fn trap_if(&mut self, condition: IntValue<'ctx>, code: TrapCode) -> Result<()> {
        let trap = self.new_block();
        let next = self.new_block();
        self.branch_unlikely(condition, trap, next)?;
        self.builder.position_at_end(trap);
        self.trap(code)?;
        self.builder.position_at_end(next);
        Ok(())
    }

    /// Ends the block with a trap.
    pub fn trap(&mut self, code: TrapCode) -> Result<()> {
        self.call_trap_stub(self.unit.trap_stub(code)?, None)
    }

    /// Ends the block with the trap of an indirect call whose callee's type has this id, and not the call's.
    pub fn trap_callee(&mut self, type_id: IntValue<'ctx>) -> Result<()> {
        self.call_trap_stub(self.unit.callee_trap_stub()?, Some(type_id))
    }

    fn call_trap_stub(&mut self, stub: FunctionValue<'ctx>, arg: Option<IntValue<'ctx>>) -> Result<()> {
        let vmctx = self.unit.helpers.is_none().then_some(self.vmctx.into());
        let args: Vec<_> = vmctx.into_iter().chain(arg.map(Into::into)).collect();
        self.locate();
        let call = self.builder.build_call(stub, &args, "")?;
        self.unlocate();
        self.unit.attributes.trap_stub_call(call, vmctx.is_some());
        self.builder.build_unreachable()?;
        Ok(())
    }

    /// Raises what a helper's status says, if it is not 0.
    pub fn trap_on_status(&mut self, status: IntValue<'ctx>) -> Result<()> {
        let failed = self.builder.build_int_compare(IntPredicate::NE, status, status.get_type().const_zero(), "")?;
        let trap = self.new_block();
        let next = self.new_block();
        self.branch_unlikely(failed, trap, next)?;
        self.builder.position_at_end(trap);
        self.locate();
        raise(self.unit, &self.builder, Some(self.vmctx), status)?;
        self.unlocate();
        self.builder.position_at_end(next);
        Ok(())
    }
}
