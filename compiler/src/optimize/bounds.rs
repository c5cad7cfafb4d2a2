//! What instructions say of numbers: operands, conditions, counters, and upper bounds by how numbers are computed. No flag is
//! trusted: LLVM may know it from a check that goes later.

use inkwell::IntPredicate;
use inkwell::basic_block::BasicBlock;
use inkwell::values::{BasicValue, BasicValueEnum, InstructionOpcode as Op, InstructionValue, IntValue, PhiValue};

/// How far back the bound of an index is looked for.
const BOUND_DEPTH: usize = 6;

/// How many phis of a loop are asked how often it goes round.
const COUNTERS_MAX: usize = 16;

/// A bound that a value keeps: the greatest number of its width if none is seen.
pub fn upper_bound(value: IntValue<'_>) -> u64 {
    bound(value, BOUND_DEPTH)
}

fn bound(value: IntValue<'_>, depth: usize) -> u64 {
    let bits = value.get_type().get_bit_width();
    if let Some(constant) = value.get_zero_extended_constant() {
        return constant;
    }
    let widest = if bits < 64 { (1 << bits) - 1 } else { u64::MAX };
    let instruction = match value.as_instruction_value() {
        Some(instruction) if depth > 0 => instruction,
        _ => return widest,
    };
    let operand = |index| int_operand(instruction, index).map_or(u64::MAX, |v| bound(v, depth - 1));
    let constant = |index| int_operand(instruction, index).and_then(|v| v.get_zero_extended_constant());
    let bound = match instruction.get_opcode() {
        Op::ZExt => operand(0),
        Op::And => operand(0).min(operand(1)),
        Op::Add => operand(0).saturating_add(operand(1)),
        Op::Mul => operand(0).saturating_mul(operand(1)),
        Op::Or | Op::Xor => {
            operand(0).max(operand(1)).checked_next_power_of_two().map_or(u64::MAX, |p| 2 * (p - 1) + 1)
        }
        Op::Shl => constant(1).filter(|c| *c < 32).map_or(u64::MAX, |count| operand(0).saturating_mul(1 << count)),
        Op::LShr => constant(1).filter(|c| *c < 64).map_or(u64::MAX, |count| operand(0) >> count),
        Op::Select => operand(1).max(operand(2)),
        Op::Phi => PhiValue::try_from(instruction).map_or(u64::MAX, |phi| {
            if let Some(bound) = counter_bound(phi, depth) {
                return bound;
            }
            // Only small joins of simple values: the search must not branch out.
            let bounds = phi.get_incomings().map(|(v, _)| bound(v.into_int_value(), depth.min(2) - 1));
            if phi.count_incoming() <= 8 { bounds.max().unwrap_or(u64::MAX) } else { u64::MAX }
        }),
        _ => u64::MAX,
    };
    // Beyond its own width it may have wrapped, to anything.
    if bound <= widest { bound } else { widest }
}

/// A phi of two values.
pub struct Counter<'ctx> {
    /// What it is when its loop is entered.
    pub start: IntValue<'ctx>,
    /// What is added to it in each round.
    pub step: u64,
    /// Where rounds end.
    pub latch: BasicBlock<'ctx>,
}

impl<'ctx> Counter<'ctx> {
    /// Reads a phi as one.
    pub fn of(phi: PhiValue<'ctx>) -> Option<Self> {
        let incoming: Vec<_> = phi.get_incomings().collect();
        let [first, second] = incoming.as_slice() else { return None };
        let step = |value: BasicValueEnum<'ctx>| {
            let add = value.as_instruction_value().filter(|i| i.get_opcode() == Op::Add)?;
            let counted = add.get_operand(0)?.value()?.as_instruction_value()? == phi.as_instruction();
            let step = int_operand(add, 1)?.get_sign_extended_constant()?;
            u64::try_from(step).ok().filter(|step| counted && *step > 0)
        };
        let (start, step, latch) = match (step(first.0), step(second.0)) {
            (None, Some(step)) => (first.0, step, second.1),
            (Some(step), None) => (second.0, step, first.1),
            _ => return None,
        };
        Some(Counter { start: start.into_int_value(), step, latch })
    }

    /// How often its loop goes back at most, if the latch leaves it for one sum of this and the step, which comes to be.
    fn goes_back_max(&self, phi: PhiValue<'ctx>) -> Option<u64> {
        let (condition, on_true, on_false) = conditional(self.latch.get_terminator()?)?;
        let compare = condition.as_instruction_value().filter(|i| i.get_opcode() == Op::ICmp)?;
        let header = phi.as_instruction().get_parent()?;
        let leaves = match compare.get_icmp_predicate()? {
            IntPredicate::EQ => on_true != header && on_false == header,
            IntPredicate::NE => on_false != header && on_true == header,
            _ => false,
        };
        let next = phi.get_incomings().find(|(_, from)| *from == self.latch)?.0.into_int_value();
        let last = int_operand(compare, 1)?.get_zero_extended_constant()?;
        let bits = next.get_type().get_bit_width();
        let way = last.wrapping_sub(self.start.get_zero_extended_constant()?) & (u64::MAX >> (64 - bits));
        // The first sum that equals the last one, without or with a wrap, is so many steps away.
        let ends = leaves && int_operand(compare, 0)? == next && way > 0 && way % self.step == 0;
        ends.then(|| way / self.step - 1)
    }
}

/// Upper bound of a phi that counts in a loop of which some phi says how often it goes round.
fn counter_bound(phi: PhiValue<'_>, depth: usize) -> Option<u64> {
    let Counter { start, step, latch } = Counter::of(phi)?;
    let phis = phi.as_instruction().get_parent()?.get_instructions();
    let phis = phis.take_while(|i| i.get_opcode() == Op::Phi).filter_map(|i| PhiValue::try_from(i).ok());
    let goes_back = phis.take(COUNTERS_MAX).find_map(|other| {
        let is_number = other.as_basic_value().is_int_value();
        let counter = Counter::of(other).filter(|counter| is_number && counter.latch == latch)?;
        counter.goes_back_max(other)
    });
    bound(start, depth - 1).checked_add(step.checked_mul(goes_back?)?)
}

pub fn conditional<'ctx>(
    branch: InstructionValue<'ctx>,
) -> Option<(IntValue<'ctx>, BasicBlock<'ctx>, BasicBlock<'ctx>)> {
    if branch.get_num_operands() != 3 || !branch.is_conditional().unwrap_or(false) {
        return None;
    }
    let condition = branch.get_operand(0)?.value()?;
    // LLVM stores the successors in reverse.
    let (on_false, on_true) = (branch.get_operand(1)?.block()?, branch.get_operand(2)?.block()?);
    match condition {
        BasicValueEnum::IntValue(condition) => Some((condition, on_true, on_false)),
        _ => None,
    }
}

pub fn int_operand(instruction: InstructionValue<'_>, index: u32) -> Option<IntValue<'_>> {
    match instruction.get_operand(index)?.value()? {
        BasicValueEnum::IntValue(value) => Some(value),
        _ => None,
    }
}
