//! Traps: the stubs that raise them, and branches to calls of the stubs.
//!
//! A stub takes no argument, not even the vmctx: that would have to be kept in a register for a path
//! that is hardly ever taken. The runtime knows which activation is running.

use super::Result;
use super::function::FunctionTranslator;
use super::unit::Unit;
use inkwell::values::{BasicValue, IntValue, PointerValue};
use wasmc_abi::{Builtin, TrapCode};

/// Defines the stub of a trap code.
pub fn define_stub<'ctx>(unit: &Unit<'ctx, '_>, code: TrapCode) -> Result<()> {
    let builder = unit.context.create_builder();
    builder.position_at_end(unit.context.append_basic_block(unit.trap_stub(code), ""));
    raise(unit, &builder, unit.types.i32.const_int(code as u64, false))
}

/// Ends the block with a call of the trap helper.
pub fn raise<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &inkwell::builder::Builder<'ctx>,
    code: IntValue<'ctx>,
) -> Result<()> {
    let helper = load_helper(unit, builder, Builtin::trap)?;
    let call = builder.build_indirect_call(unit.types.void(&[unit.types.i32.into()]), helper, &[code.into()], "")?;
    unit.attributes.trap_call(call);
    builder.build_unreachable()?;
    Ok(())
}

/// The address of a helper, from the table that the loader fills once.
pub fn load_helper<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &inkwell::builder::Builder<'ctx>,
    builtin: Builtin,
) -> Result<PointerValue<'ctx>> {
    let index = unit.types.i64.const_int(builtin as u64, false);
    // SAFETY: the table has a slot for every builtin.
    let slot = unsafe { builder.build_in_bounds_gep(unit.types.ptr, unit.helpers.as_pointer_value(), &[index], "")? };
    let helper = builder.build_load(unit.types.ptr, slot, "")?;
    unit.alias.mark_invariant(helper.as_instruction_value().expect("a load is an instruction"));
    Ok(helper.into_pointer_value())
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
        self.locate();
        let call = self.builder.build_call(self.unit.trap_stub(code), &[], "")?;
        self.unlocate();
        self.unit.attributes.trap_call(call);
        self.builder.build_unreachable()?;
        Ok(())
    }

    /// Raises what a helper's status says, if it is not 0.
    pub fn trap_on_status(&mut self, status: IntValue<'ctx>) -> Result<()> {
        let failed =
            self.builder.build_int_compare(inkwell::IntPredicate::NE, status, status.get_type().const_zero(), "")?;
        let trap = self.new_block();
        let next = self.new_block();
        self.branch_unlikely(failed, trap, next)?;
        self.builder.position_at_end(trap);
        self.locate();
        raise(self.unit, &self.builder, status)?;
        self.unlocate();
        self.builder.position_at_end(next);
        Ok(())
    }
}
