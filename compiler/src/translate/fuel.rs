//! Fuel: with `--fuel`, code counts the instructions that it executes, and traps if they are too many.
//!
//! What a stretch of instructions without a branch costs is added at its start, all at once; the count is compared
//! with the limit where a function and where a round of a loop begins. It is a local variable, and in its cell of the
//! store whenever other code runs. All of it follows from the module alone: every target and every level counts alike.
//! The comparison has the form of a bounds check, so that counted loops do without it (`optimize/counted/`).

use super::Result;
use super::function::FunctionTranslator;
use inkwell::IntPredicate;
use inkwell::values::{BasicValue, InstructionValue, IntValue, PointerValue};
use wasmc_abi::TrapCode;
use wasmc_abi::vmctx::store_cells;
use wasmparser::Operator;

/// What a function knows of fuel.
pub struct Fuel<'ctx> {
    used: PointerValue<'ctx>,
    /// How much is too much. It stays what it is while guests run.
    end: IntValue<'ctx>,
    /// The addition of the present stretch, and what that has cost so far.
    stretch: Option<(InstructionValue<'ctx>, u64)>,
}

/// What an instruction costs: nothing if it only says where others begin and end.
fn cost(operator: &Operator<'_>) -> u64 {
    use Operator as O;
    match operator {
        O::Nop | O::Drop | O::Block { .. } | O::Loop { .. } | O::Else | O::End => 0,
        O::Unreachable | O::Return => 0,
        _ => 1,
    }
}

/// Whether an instruction ends a stretch.
fn branches(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        operator,
        O::Loop { .. }
            | O::If { .. }
            | O::Else
            | O::End
            | O::BrIf { .. }
            | O::BrOnNull { .. }
            | O::BrOnNonNull { .. }
            | O::BrOnCast { .. }
            | O::BrOnCastFail { .. }
            | O::Catch { .. }
            | O::CatchAll
            | O::Delegate { .. }
    )
}

impl<'ctx> FunctionTranslator<'_, 'ctx> {
    /// At the function's start, if fuel is counted. A call costs 1.
    pub fn begin_fuel(&mut self) -> Result<()> {
        if !self.unit.counts_fuel() {
            return Ok(());
        }
        let used = self.builder.build_alloca(self.unit.types.i64, "")?;
        let end = self.fuel_cell(store_cells::FUEL_END)?;
        let end = self.load_tagged(self.unit.types.i64.into(), end, self.unit.alias.fuel)?.into_int_value();
        self.fuel = Some(Fuel { used, end, stretch: None });
        self.reload_fuel()
    }

    /// Begins the function's first stretch.
    pub fn enter_with_fuel(&mut self) -> Result<()> {
        self.begin_stretch(1, true)
    }

    /// After an instruction: takes account of it. One that cannot be executed costs nothing.
    pub fn count_fuel(&mut self, operator: &Operator<'_>, executed: bool) -> Result<()> {
        let Some(fuel) = &mut self.fuel else { return Ok(()) };
        if let Some((_, sum)) = &mut fuel.stretch
            && executed
        {
            *sum += cost(operator);
        }
        if self.reachable && branches(operator) {
            self.begin_stretch(0, matches!(operator, Operator::Loop { .. }))?;
        }
        Ok(())
    }

    fn begin_stretch(&mut self, cost: u64, checked: bool) -> Result<()> {
        self.end_stretch();
        let Some(Fuel { used, end, .. }) = self.fuel else { return Ok(()) };
        let i64 = self.unit.types.i64;
        let before = self.builder.build_load(i64, used, "")?.into_int_value();
        // What is added is known at the end.
        let sum = self.builder.build_int_add(before, i64.const_int(1, false), "")?;
        self.builder.build_store(used, sum)?;
        let addition = sum.as_instruction_value().expect("the sum of something loaded");
        if let Some(fuel) = &mut self.fuel {
            fuel.stretch = Some((addition, cost));
        }
        if checked {
            // Not `sum > limit`: to divide by a round's cost until then, LLVM would need 65 bits.
            let is_out = self.builder.build_int_compare(IntPredicate::UGE, sum, end, "")?;
            self.trap_if(is_out, TrapCode::OutOfFuel)?;
        }
        Ok(())
    }

    /// The present stretch costs what it has come to.
    pub fn end_stretch(&mut self) {
        let stretch = self.fuel.as_mut().and_then(|fuel| fuel.stretch.take());
        if let Some((addition, cost)) = stretch {
            let is_set = addition.set_operand(1, self.unit.types.i64.const_int(cost, false));
            assert!(is_set, "an addition has two operands");
        }
    }

    /// Before other code runs that counts, or looks.
    pub fn store_fuel(&self) -> Result<()> {
        let Some(fuel) = &self.fuel else { return Ok(()) };
        let used = self.builder.build_load(self.unit.types.i64, fuel.used, "")?;
        let cell = self.fuel_cell(store_cells::FUEL_USED)?;
        self.store_tagged(cell, used, self.unit.alias.fuel)
    }

    /// After other code has run.
    pub fn reload_fuel(&self) -> Result<()> {
        let Some(fuel) = &self.fuel else { return Ok(()) };
        let cell = self.fuel_cell(store_cells::FUEL_USED)?;
        let used = self.load_tagged(self.unit.types.i64.into(), cell, self.unit.alias.fuel)?;
        self.builder.build_store(fuel.used, used)?;
        Ok(())
    }

    fn fuel_cell(&self, offset: u32) -> Result<PointerValue<'ctx>> {
        self.field(self.store_cells()?, offset)
    }
}
