//! How often a loop goes round at most, found out before it starts.
//!
//! Computed in 64 bits, from numbers of 32 bits or what has been found to be hardly more: nothing wraps.

use super::affine::{Affine, POSITIONED, Recurrences, Sum, signed};
use super::forest::Loop;
use crate::optimize::bounds::{conditional, int_operand};
use crate::optimize::guard::passes_always;
use inkwell::IntPredicate as P;
use inkwell::basic_block::BasicBlock;
use inkwell::builder::Builder;
use inkwell::types::IntType;
use inkwell::values::{BasicValue, InstructionOpcode as Op, IntValue};

/// Numbers of 64 bits in a counter must be less than this, up or down.
const WIDE_MAX: u64 = 1 << 40;

/// The exit by which a loop ends that no other ends earlier.
pub struct Exit<'ctx> {
    counter: Affine<'ctx>,
    bound: Sum<'ctx>,
    /// The loop goes on while this holds of counter and bound.
    goes_on: P,
    /// Of both.
    ty: IntType<'ctx>,
    /// Where it is left.
    pub block: BasicBlock<'ctx>,
}

/// A count of rounds, as code.
pub struct Count<'ctx> {
    /// In which round the exit is taken, from 0, unless the loop has been left before: below 2^32 if `known`.
    pub last: IntValue<'ctx>,
    /// Whether that is so: what must hold, or it is not known.
    pub known: Vec<IntValue<'ctx>>,
}

/// An exit that is passed in every round and tells their count. Traps are none.
pub fn find_exit<'ctx>(
    of: &Loop<'ctx>,
    recurrences: &mut Recurrences<'_, 'ctx>,
    traps: impl Fn(BasicBlock<'ctx>) -> bool,
) -> Option<Exit<'ctx>> {
    let exits = of.blocks.iter().filter(|block| !traps(**block));
    let mut exits = exits.filter(|block| **block == of.latch || passes_always(of.header, of.latch, **block));
    exits.find_map(|block| exit(of, recurrences, *block))
}

fn exit<'ctx>(of: &Loop<'ctx>, recurrences: &mut Recurrences<'_, 'ctx>, block: BasicBlock<'ctx>) -> Option<Exit<'ctx>> {
    let (condition, on_true, on_false) = conditional(block.get_terminator()?)?;
    let compare = condition.as_instruction_value().filter(|i| i.get_opcode() == Op::ICmp)?;
    let predicate = match (of.contains(on_true), of.contains(on_false)) {
        (true, false) => compare.get_icmp_predicate()?,
        (false, true) => inverse(compare.get_icmp_predicate()?),
        _ => return None,
    };
    let (a, b) = (int_operand(compare, 0)?, int_operand(compare, 1)?);
    let (a, b, ty) = match low_word(a, b, recurrences) {
        Some(counter) => (counter, recurrences.affine(b)?, a.get_type().get_context().i32_type()),
        None => (recurrences.affine(a)?, recurrences.affine(b)?, a.get_type()),
    };
    let (counter, bound, goes_on) = match (a.is_invariant(), b.is_invariant()) {
        (false, true) => (a, b.start, predicate),
        (true, false) => (b, a.start, swapped(predicate)),
        _ => return None,
    };
    let step = signed(counter.step.constant, ty.get_bit_width());
    let towards = match goes_on {
        P::NE => step != 0,
        P::ULT | P::ULE | P::SLT | P::SLE => step > 0,
        P::UGT | P::UGE | P::SGT | P::SGE => step < 0,
        P::EQ => false,
    };
    let slow = step.unsigned_abs() < 1 << 31;
    (counter.step.is_constant() && towards && slow).then_some(Exit { counter, bound, goes_on, ty, block })
}

/// A counter of which only the low 32 bits are compared with zero, or the part of them that is not zero anyway.
fn low_word<'ctx>(
    masked: IntValue<'ctx>,
    zero: IntValue<'ctx>,
    recurrences: &mut Recurrences<'_, 'ctx>,
) -> Option<Affine<'ctx>> {
    let mask = masked.as_instruction_value().filter(|i| i.get_opcode() == Op::And && is_zero(zero))?;
    let bits = int_operand(mask, 1)?.get_zero_extended_constant().filter(|bits| *bits != 0)?;
    let least = 1u64 << bits.trailing_zeros();
    let counter = recurrences.affine(int_operand(mask, 0)?)?;
    let multiple = |sum: &Sum<'ctx>| sum.is_constant() && sum.constant.cast_unsigned().is_multiple_of(least);
    (bits + least == 1 << 32 && multiple(&counter.start) && multiple(&counter.step)).then_some(counter)
}

fn is_zero(value: IntValue<'_>) -> bool {
    value.get_zero_extended_constant() == Some(0)
}

/// What holds where `predicate` does not.
pub fn inverse(predicate: P) -> P {
    match predicate {
        P::EQ => P::NE,
        P::NE => P::EQ,
        P::UGT => P::ULE,
        P::UGE => P::ULT,
        P::ULT => P::UGE,
        P::ULE => P::UGT,
        P::SGT => P::SLE,
        P::SGE => P::SLT,
        P::SLT => P::SGE,
        P::SLE => P::SGT,
    }
}

/// The same with its operands the other way round.
fn swapped(predicate: P) -> P {
    match predicate {
        P::UGT => P::ULT,
        P::UGE => P::ULE,
        P::ULT => P::UGT,
        P::ULE => P::UGE,
        P::SGT => P::SLT,
        P::SGE => P::SLE,
        P::SLT => P::SGT,
        P::SLE => P::SGE,
        P::EQ | P::NE => predicate,
    }
}

impl<'ctx> Exit<'ctx> {
    /// Computes the count at the end of the block before the loop.
    pub fn count(&self, recurrences: &mut Recurrences<'_, 'ctx>, builder: &Builder<'ctx>) -> Count<'ctx> {
        let start = recurrences.build_frozen(&self.counter.start, self.ty);
        let bound = recurrences.build_frozen(&self.bound, self.ty);
        let step = signed(self.counter.step.constant, self.ty.get_bit_width());
        match self.goes_on {
            P::NE => self.until_equal(builder, start, bound, step),
            _ => self.until_beyond(builder, start, bound, step),
        }
    }

    /// `start + k · step = bound` for the first time at k = distance / step, if that divides without rest.
    fn until_equal(
        &self,
        builder: &Builder<'ctx>,
        start: IntValue<'ctx>,
        bound: IntValue<'ctx>,
        step: i64,
    ) -> Count<'ctx> {
        let (from, to) = if step > 0 { (start, bound) } else { (bound, start) };
        // Modulo 2^bits, as the counter counts.
        let distance = builder.build_int_sub(to, from, "").expect(POSITIONED);
        let size = self.ty.const_int(step.unsigned_abs(), false);
        let (mut last, mut known) = (distance, Vec::new());
        if step.unsigned_abs() != 1 {
            last = builder.build_int_unsigned_div(distance, size, "").expect(POSITIONED);
            let rest = builder.build_int_unsigned_rem(distance, size, "").expect(POSITIONED);
            let zero = self.ty.const_zero();
            known.push(builder.build_int_compare(P::EQ, rest, zero, "").expect(POSITIONED));
        }
        self.limit(builder, last, known)
    }

    /// `start + k · step ≥ bound`, or ≤ where it counts down, for the first time.
    fn until_beyond(
        &self,
        builder: &Builder<'ctx>,
        start: IntValue<'ctx>,
        bound: IntValue<'ctx>,
        step: i64,
    ) -> Count<'ctx> {
        let wide = builder.get_insert_block().expect(POSITIONED).get_context().i64_type();
        let constant = |number: i64| wide.const_int(number.cast_unsigned(), true);
        let is_signed = matches!(self.goes_on, P::SLT | P::SLE | P::SGT | P::SGE);
        let or_equal = matches!(self.goes_on, P::ULE | P::SLE | P::UGE | P::SGE);
        let mut known = Vec::new();
        let widen = |value: IntValue<'ctx>| match (self.ty.get_bit_width(), is_signed) {
            (64, _) => value,
            (_, true) => builder.build_int_s_extend(value, wide, "").expect(POSITIONED),
            (_, false) => builder.build_int_z_extend(value, wide, "").expect(POSITIONED),
        };
        let (start, bound) = (widen(start), widen(bound));
        let size = step.abs();
        // The counter's last value is less than a step beyond the bound; there it must not have wrapped.
        let spare = size - i64::from(!or_equal);
        if self.ty.get_bit_width() == 64 {
            for value in [start, bound] {
                let moved = builder.build_int_add(value, constant(WIDE_MAX.cast_signed()), "").expect(POSITIONED);
                let limit = wide.const_int(2 * WIDE_MAX, false);
                known.push(builder.build_int_compare(P::ULT, moved, limit, "").expect(POSITIONED));
            }
            // Unsigned, what is below zero is far above.
            if !is_signed {
                for value in [start, bound] {
                    known.push(builder.build_int_compare(P::SGE, value, constant(spare), "").expect(POSITIONED));
                }
            }
        } else if spare > 0 {
            let (least, most): (i64, i64) =
                if is_signed { (i32::MIN.into(), i32::MAX.into()) } else { (0, u32::MAX.into()) };
            known.push(if step > 0 {
                builder.build_int_compare(P::SLE, bound, constant(most - spare), "").expect(POSITIONED)
            } else {
                builder.build_int_compare(P::SGE, bound, constant(least + spare), "").expect(POSITIONED)
            });
        }
        let (from, to) = if step > 0 { (start, bound) } else { (bound, start) };
        let distance = builder.build_int_sub(to, from, "").expect(POSITIONED);
        let rounded = builder.build_int_add(distance, constant(spare), "").expect(POSITIONED);
        let nothing = builder.build_int_compare(P::SLT, rounded, constant(0), "").expect(POSITIONED);
        let rounded = builder.build_select(nothing, constant(0), rounded, "").expect(POSITIONED).into_int_value();
        let last = builder.build_int_unsigned_div(rounded, constant(size), "").expect(POSITIONED);
        self.limit(builder, last, known)
    }

    fn limit(&self, builder: &Builder<'ctx>, last: IntValue<'ctx>, mut known: Vec<IntValue<'ctx>>) -> Count<'ctx> {
        let wide = builder.get_insert_block().expect(POSITIONED).get_context().i64_type();
        if self.ty.get_bit_width() == 64 {
            let limit = wide.const_int(1 << 32, false);
            known.push(builder.build_int_compare(P::ULT, last, limit, "").expect(POSITIONED));
        }
        let narrow = last.get_type().get_bit_width() < 64;
        let last = if narrow { builder.build_int_z_extend(last, wide, "").expect(POSITIONED) } else { last };
        Count { last, known }
    }
}
