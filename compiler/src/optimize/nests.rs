//! Small nests of loops whose inner rounds are known, unrolled as a whole, at `-O2` and `-O3`.
//!
//! `for i in 0..5 { for j in i + 1..5 { … } }` has ten rounds, each at places of its own. One after the other, their
//! addresses are constant, and what one round stores the next has in a register. LLVM unrolls a nest while that is small;
//! with a check before each access, most of which go once addresses are constant, it is not.
//!
//! LLVM unrolls, which is right for any loop. What is found out here decides no more than whether it is asked to.

use super::aside::is_for_loops;
use super::bounds::{conditional, int_operand};
use super::counted::{Cycle, nests, tell};
use super::guest_functions;
use inkwell::IntPredicate as P;
use inkwell::module::Module as LlvmModule;
use inkwell::values::{BasicValue, InstructionOpcode as Op, IntValue, PhiValue};

/// Rounds of an outer loop at most.
const OUTER_ROUNDS_MAX: u64 = 8;

/// Rounds of an inner loop at most, in one of the outer.
const INNER_ROUNDS_MAX: u64 = 16;

/// Instructions of all rounds at most, checks among them.
const INSTRUCTIONS_MAX: usize = 1200;

/// How many steps a number may be computed in.
const DEPTH_MAX: usize = 8;

const UNROLL: &str = "llvm.loop.unroll.full";

/// Asks LLVM to unroll nests. Returns whether there are any.
pub fn mark_nests(llvm: &LlvmModule<'_>) -> bool {
    let mut found = false;
    for function in guest_functions(llvm).filter(|function| is_for_loops(*function)) {
        for (outer, inner) in nests(function) {
            if instructions_unrolled(&outer, &inner).is_some_and(|count| count <= INSTRUCTIONS_MAX) {
                tell(outer.latch, UNROLL, None);
                tell(inner.latch, UNROLL, None);
                found = true;
            }
        }
    }
    found
}

/// How many instructions there are in all rounds of a nest, if these are known, and the inner rounds not always as many.
fn instructions_unrolled<'ctx>(outer: &Cycle<'ctx>, inner: &Cycle<'ctx>) -> Option<usize> {
    let rounds = rounds(outer, None, OUTER_ROUNDS_MAX)?;
    let counts: Vec<_> = (0..rounds).map(|round| self::rounds(inner, Some((outer, round)), INNER_ROUNDS_MAX)).collect();
    // In one round there may be none: a test before the inner loop says so.
    let known: Vec<_> = counts.iter().flatten().collect();
    if known.len() + 1 < counts.len() || known.iter().all(|count| *count == known[0]) {
        return None;
    }
    let len = |cycle: &Cycle<'ctx>| cycle.members.iter().map(|block| block.get_instructions().count()).sum::<usize>();
    let around = len(outer) - len(inner);
    Some(known.into_iter().map(|count| *count as usize * len(inner)).sum::<usize>() + rounds as usize * around)
}

/// A loop, and which of its rounds, counted from zero.
type Round<'a, 'ctx> = (&'a Cycle<'ctx>, u64);

/// How many rounds a loop has, if they are known and not too many, in a round of the loop around it.
fn rounds<'ctx>(cycle: &Cycle<'ctx>, around: Option<Round<'_, 'ctx>>, most: u64) -> Option<u64> {
    let (condition, on_true, _) = conditional(cycle.latch.get_terminator()?)?;
    let test = condition.as_instruction_value().filter(|test| test.get_opcode() == Op::ICmp)?;
    let (predicate, goes_on) = (test.get_icmp_predicate()?, on_true == cycle.header);
    for round in 0..most {
        let at: Vec<_> = around.into_iter().chain([(cycle, round)]).collect();
        let (a, b) = (int_operand(test, 0)?, int_operand(test, 1)?);
        let holds = holds(predicate, number(a, &at, DEPTH_MAX)?, number(b, &at, DEPTH_MAX)?, bits(a))?;
        if holds != goes_on {
            return Some(round + 1);
        }
    }
    None
}

fn bits(value: IntValue<'_>) -> u32 {
    value.get_type().get_bit_width()
}

fn holds(predicate: P, a: u64, b: u64, bits: u32) -> Option<bool> {
    let signed = |number: u64| (number << (64 - bits)).cast_signed();
    Some(match predicate {
        P::EQ => a == b,
        P::NE => a != b,
        P::ULT => a < b,
        P::ULE => a <= b,
        P::UGT => a > b,
        P::UGE => a >= b,
        P::SLT => signed(a) < signed(b),
        P::SLE => signed(a) <= signed(b),
        P::SGT => signed(a) > signed(b),
        P::SGE => signed(a) >= signed(b),
    })
}

/// A number in these rounds, if it is computed from constants and counters.
fn number<'ctx>(value: IntValue<'ctx>, at: &[Round<'_, 'ctx>], depth: usize) -> Option<u64> {
    if bits(value) > 64 || depth == 0 {
        return None;
    }
    let mask = u64::MAX >> (64 - bits(value));
    if let Some(constant) = value.get_zero_extended_constant() {
        return Some(constant & mask);
    }
    let instruction = value.as_instruction_value()?;
    let operand = |index| number(int_operand(instruction, index)?, at, depth - 1);
    let number = match instruction.get_opcode() {
        Op::Phi => counter(PhiValue::try_from(instruction).ok()?, at, depth - 1)?,
        Op::Add => operand(0)?.wrapping_add(operand(1)?),
        Op::Sub => operand(0)?.wrapping_sub(operand(1)?),
        Op::Mul => operand(0)?.wrapping_mul(operand(1)?),
        Op::ZExt | Op::Trunc => operand(0)?,
        _ => return None,
    };
    Some(number & mask)
}

/// What a phi is that counts by a constant, in one of these rounds.
fn counter<'ctx>(phi: PhiValue<'ctx>, at: &[Round<'_, 'ctx>], depth: usize) -> Option<u64> {
    let block = phi.as_instruction().get_parent()?;
    let (cycle, round) = at.iter().find(|(cycle, _)| cycle.header == block)?;
    let mut starts = phi.get_incomings().filter(|(_, from)| *from != cycle.latch);
    let (start, None) = (starts.next()?.0, starts.next()) else { return None };
    let (next, _) = phi.get_incomings().find(|(_, from)| *from == cycle.latch)?;
    let sum = next.as_instruction_value().filter(|sum| sum.get_opcode() == Op::Add)?;
    let step = int_operand(sum, 1)?.get_sign_extended_constant()?;
    let counts = int_operand(sum, 0)?.as_instruction_value() == Some(phi.as_instruction());
    let start = number(start.into_int_value(), at, depth)?;
    counts.then(|| start.wrapping_add(step.cast_unsigned().wrapping_mul(*round)))
}

#[cfg(test)]
mod tests {
    use crate::{Emit, OptLevel, Options, compile_observed};

    /// How often code branches that has a nest in a loop, of as many outer rounds, with the inner counter from `start` to
    /// `end`.
    fn branches(outer: u32, start: &str, end: &str, level: OptLevel) -> usize {
        let at = |index: &str| format!("(i32.mul (local.get {index}) (i32.const 24))");
        let text = format!(
            "(module (memory 1) (func (export \"run\") (param $n i32) (local $i i32) (local $j i32)
               (loop $rounds
                 (local.set $i (i32.const 0))
                 (loop $outer
                   (local.set $j {start})
                   (block $none
                     (br_if $none (i32.ge_u (local.get $j) {end}))
                     (loop $inner
                       (f64.store offset=1000 {i}
                         (f64.sub (f64.load offset=1000 {i}) (f64.mul (f64.load offset=1008 {i}) (f64.load offset=1008 {j}))))
                       (f64.store offset=1000 {j}
                         (f64.sub (f64.load offset=1000 {j}) (f64.mul (f64.load offset=1016 {i}) (f64.load offset=1016 {j}))))
                       (br_if $inner (i32.ne (local.tee $j (i32.add (local.get $j) (i32.const 1))) {end}))))
                   (br_if $outer (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {outer}))))
                 (br_if $rounds (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))",
            i = at("$i"),
            j = at("$j"),
        );
        let options = Options { level, ..Options::default() };
        let ir = compile_observed(text.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
        let ir = String::from_utf8(ir).unwrap();
        let (_, function) = ir.split_once("@f0(").expect("it is the first function");
        let function = function.split("\n}").next().expect("it ends");
        function.matches("br i1").count()
    }

    #[test]
    fn nests_whose_rounds_are_known_and_differ_are_unrolled() {
        let behind = "(i32.add (local.get $i) (i32.const 1))";
        let before = "(i32.sub (i32.const 4) (local.get $i))";
        for level in [OptLevel::O2, OptLevel::O3] {
            // What is left is the loop around the nest.
            for start in [behind, before] {
                assert!(branches(5, start, "(i32.const 5)", level) <= 2, "{start} {level:?}");
            }
            let others = [(12, "(i32.const 12)"), (5, "(i32.const 40)"), (5, "(local.get $n)")];
            for (outer, end) in others {
                assert!(branches(outer, behind, end, level) > 2, "{outer} {end} {level:?}");
            }
        }
        assert!(branches(5, behind, "(i32.const 5)", OptLevel::Os) > 2);
    }
}
