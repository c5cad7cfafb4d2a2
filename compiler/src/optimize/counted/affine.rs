//! Values that change by the same amount in every round of a loop.

use super::forest::Loop;
use inkwell::builder::Builder;
use inkwell::types::IntType;
use inkwell::values::{
    AsValueRef, BasicValue, BasicValueEnum, InstructionOpcode as Op, InstructionValue, IntValue, PhiValue,
};
use std::collections::HashMap;

/// How far a value is followed.
const DEPTH_MAX: usize = 8;

/// The most terms of a sum.
const TERMS_MAX: usize = 6;

/// Multiples of values that a loop does not change, and a constant; all of it modulo 2^bits of where it is used.
#[derive(Clone, Debug, Default)]
pub struct Sum<'ctx> {
    terms: Vec<(IntValue<'ctx>, i64)>,
    pub constant: i64,
}

impl<'ctx> Sum<'ctx> {
    fn constant(constant: i64) -> Self {
        Sum { terms: Vec::new(), constant }
    }

    fn term(value: IntValue<'ctx>) -> Self {
        Sum { terms: vec![(value, 1)], constant: 0 }
    }

    fn plus(mut self, other: &Self, times: i64) -> Option<Self> {
        for (value, factor) in &other.terms {
            let factor = factor.wrapping_mul(times);
            match self.terms.iter_mut().find(|(known, _)| known == value) {
                Some((_, known)) => *known = known.wrapping_add(factor),
                None => self.terms.push((*value, factor)),
            }
        }
        self.terms.retain(|(_, factor)| *factor != 0);
        self.constant = self.constant.wrapping_add(other.constant.wrapping_mul(times));
        (self.terms.len() <= TERMS_MAX).then_some(self)
    }

    pub fn is_constant(&self) -> bool {
        self.terms.is_empty()
    }

    fn is_zero(&self) -> bool {
        self.is_constant() && self.constant == 0
    }

    /// Whether two sums differ by a constant alone.
    fn has_terms_of(&self, other: &Self) -> bool {
        self.terms.len() == other.terms.len() && self.terms.iter().all(|term| other.terms.contains(term))
    }
}

/// `start + round · step`, modulo 2^bits, in the rounds 0, 1, 2, …
#[derive(Clone, Debug, Default)]
pub struct Affine<'ctx> {
    pub start: Sum<'ctx>,
    pub step: Sum<'ctx>,
}

impl<'ctx> Affine<'ctx> {
    fn invariant(start: Sum<'ctx>) -> Self {
        Affine { start, step: Sum::default() }
    }

    /// This and a multiple of another, if it does not get too long.
    pub fn plus(self, other: &Self, times: i64) -> Option<Self> {
        Some(Affine { start: self.start.plus(&other.start, times)?, step: self.step.plus(&other.step, times)? })
    }

    pub fn is_invariant(&self) -> bool {
        self.step.is_zero()
    }

    /// What this is more than `other` in every round, as a signed number of that many bits, if it is constant.
    pub fn minus(&self, other: &Self, bits: u32) -> Option<i64> {
        let same = self.start.has_terms_of(&other.start) && self.step.has_terms_of(&other.step);
        let same = same && signed(self.step.constant, bits) == signed(other.step.constant, bits);
        same.then(|| signed(self.start.constant.wrapping_sub(other.start.constant), bits))
    }
}

/// The low bits of a number, as a signed number of that many.
pub fn signed(number: i64, bits: u32) -> i64 {
    number << (64 - bits) >> (64 - bits)
}

/// What is known of the values of a loop.
pub struct Recurrences<'a, 'ctx> {
    of: &'a Loop<'ctx>,
    /// At the end of the block before the loop.
    builder: &'a Builder<'ctx>,
    known: HashMap<IntValue<'ctx>, Option<Affine<'ctx>>>,
    frozen: HashMap<IntValue<'ctx>, IntValue<'ctx>>,
}

impl<'a, 'ctx> Recurrences<'a, 'ctx> {
    pub fn new(of: &'a Loop<'ctx>, builder: &'a Builder<'ctx>) -> Self {
        Recurrences { of, builder, known: HashMap::new(), frozen: HashMap::new() }
    }

    /// How a value of 32 or 64 bits changes, if it does so evenly.
    pub fn affine(&mut self, value: IntValue<'ctx>) -> Option<Affine<'ctx>> {
        self.follow(value, DEPTH_MAX)
    }

    fn follow(&mut self, value: IntValue<'ctx>, depth: usize) -> Option<Affine<'ctx>> {
        if !matches!(value.get_type().get_bit_width(), 32 | 64) {
            return None;
        }
        if self.of.is_invariant(value) {
            return Some(Affine::invariant(sum(value, 3)));
        }
        if let Some(known) = self.known.get(&value) {
            return known.clone();
        }
        let found = if depth == 0 { None } else { self.computed(value.as_instruction_value()?, depth - 1) };
        self.known.insert(value, found.clone());
        found
    }

    fn computed(&mut self, instruction: InstructionValue<'ctx>, depth: usize) -> Option<Affine<'ctx>> {
        let operand = |index| match instruction.get_operand(index)?.value()? {
            BasicValueEnum::IntValue(value) => Some(value),
            _ => None,
        };
        match instruction.get_opcode() {
            Op::Phi => self.counter(PhiValue::try_from(instruction).ok()?),
            Op::Add => self.follow(operand(0)?, depth)?.plus(&self.follow(operand(1)?, depth)?, 1),
            Op::Or if instruction.get_disjoint_flag().ok()? => {
                self.follow(operand(0)?, depth)?.plus(&self.follow(operand(1)?, depth)?, 1)
            }
            Op::Sub => self.follow(operand(0)?, depth)?.plus(&self.follow(operand(1)?, depth)?, -1),
            // What it is modulo 2^64 tells what it is modulo 2^32.
            Op::Trunc => self.follow(operand(0)?, depth),
            Op::Shl => {
                let count = operand(1)?.get_zero_extended_constant().filter(|count| *count < 32)?;
                Affine::invariant(Sum::default()).plus(&self.follow(operand(0)?, depth)?, 1 << count)
            }
            Op::Mul => {
                let (a, b) = (self.follow(operand(0)?, depth)?, self.follow(operand(1)?, depth)?);
                let bits = operand(0)?.get_type();
                if b.is_invariant() { self.times(&a, &b.start, bits) } else { self.times(&b, &a.start, bits) }
            }
            _ => None,
        }
    }

    fn times(&self, counter: &Affine<'ctx>, factor: &Sum<'ctx>, ty: IntType<'ctx>) -> Option<Affine<'ctx>> {
        if factor.is_constant() {
            return Affine::invariant(Sum::default()).plus(counter, factor.constant);
        }
        let factor = self.build(factor, ty);
        let product = |sum: &Sum<'ctx>| {
            let product = self.builder.build_int_mul(self.build(sum, ty), factor, "").expect(POSITIONED);
            product.get_sign_extended_constant().map_or_else(|| Sum::term(product), Sum::constant)
        };
        Some(Affine { start: product(&counter.start), step: product(&counter.step) })
    }

    /// A phi of the header, to which every round adds the same.
    fn counter(&mut self, phi: PhiValue<'ctx>) -> Option<Affine<'ctx>> {
        if phi.as_instruction().get_parent()? != self.of.header {
            return None;
        }
        let from =
            |block| phi.get_incomings().find(|(_, from)| *from == block).map(|(value, _)| value.into_int_value());
        let (start, next) = (from(self.of.entry)?, from(self.of.latch)?);
        let step = self.step(next, phi.as_basic_value().into_int_value(), DEPTH_MAX / 2)?;
        Some(Affine { start: sum(start, 3), step })
    }

    /// What is added to `phi` to make `next`.
    fn step(&self, next: IntValue<'ctx>, phi: IntValue<'ctx>, depth: usize) -> Option<Sum<'ctx>> {
        if next == phi {
            return Some(Sum::default());
        }
        let instruction = next.as_instruction_value().filter(|_| depth > 0)?;
        let operand = |index| Some(instruction.get_operand(index)?.value()?.into_int_value());
        let invariant = |value| self.of.is_invariant(value).then(|| sum(value, 3));
        match instruction.get_opcode() {
            Op::Add => {
                let (a, b) = (operand(0)?, operand(1)?);
                let (to, added) = match invariant(b) {
                    Some(added) => (a, added),
                    None => (b, invariant(a)?),
                };
                self.step(to, phi, depth - 1)?.plus(&added, 1)
            }
            Op::Sub => self.step(operand(0)?, phi, depth - 1)?.plus(&invariant(operand(1)?)?, -1),
            _ => None,
        }
    }

    /// Computes a sum before the loop.
    pub fn build(&self, sum: &Sum<'ctx>, ty: IntType<'ctx>) -> IntValue<'ctx> {
        self.build_of(sum, ty, |value| value)
    }

    /// The same, of values that are something in any case: what LLVM calls poison, because the program never comes
    /// to use it, is then any number.
    pub fn build_frozen(&mut self, sum: &Sum<'ctx>, ty: IntType<'ctx>) -> IntValue<'ctx> {
        for (value, _) in &sum.terms {
            self.frozen.entry(*value).or_insert_with(|| freeze(self.builder, *value));
        }
        self.build_of(sum, ty, |value| self.frozen[&value])
    }

    fn build_of(
        &self,
        sum: &Sum<'ctx>,
        ty: IntType<'ctx>,
        read: impl Fn(IntValue<'ctx>) -> IntValue<'ctx>,
    ) -> IntValue<'ctx> {
        let builder = self.builder;
        let constant = |number: i64| ty.const_int(number.cast_unsigned(), true);
        let mut total = None;
        for (value, factor) in &sum.terms {
            let value = read(*value);
            let narrow = value.get_type().get_bit_width() > ty.get_bit_width();
            let value = if narrow { builder.build_int_truncate(value, ty, "").expect(POSITIONED) } else { value };
            let product = match factor {
                1 => value,
                _ => builder.build_int_mul(value, constant(*factor), "").expect(POSITIONED),
            };
            total = Some(total.map_or(product, |total| builder.build_int_add(total, product, "").expect(POSITIONED)));
        }
        match total {
            Some(total) if sum.constant == 0 => total,
            Some(total) => builder.build_int_add(total, constant(sum.constant), "").expect(POSITIONED),
            None => constant(sum.constant),
        }
    }
}

pub const POSITIONED: &str = "the builder is positioned";

/// Reads a value from before the loop, as far as it is a sum. What has 64 bits is not made of what has fewer.
fn sum(value: IntValue<'_>, depth: usize) -> Sum<'_> {
    if let Some(constant) = value.get_sign_extended_constant() {
        return Sum::constant(constant);
    }
    let parts = || {
        let instruction = value.as_instruction_value().filter(|_| depth > 0)?;
        let disjoint = instruction.get_opcode() == Op::Or && instruction.get_disjoint_flag().unwrap_or(false);
        let operand = |index| Some(instruction.get_operand(index)?.value()?.into_int_value());
        match instruction.get_opcode() {
            Op::Add => sum(operand(0)?, depth - 1).plus(&sum(operand(1)?, depth - 1), 1),
            _ if disjoint => sum(operand(0)?, depth - 1).plus(&sum(operand(1)?, depth - 1), 1),
            _ => None,
        }
    };
    parts().unwrap_or_else(|| Sum::term(value))
}

/// The value, or any other if it is poison.
pub fn freeze<'ctx>(builder: &Builder<'ctx>, value: IntValue<'ctx>) -> IntValue<'ctx> {
    if value.is_constant_int() {
        return value;
    }
    // SAFETY: builder and value belong to the same context; what is frozen has the value's type.
    unsafe {
        let frozen = inkwell::llvm_sys::core::LLVMBuildFreeze(builder.as_mut_ptr(), value.as_value_ref(), c"".as_ptr());
        IntValue::new(frozen)
    }
}
