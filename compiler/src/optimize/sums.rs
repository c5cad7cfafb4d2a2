//! Sums of several numbers, in the order in which their terms are ready.
//!
//! LLVM orders a sum early on, by the blocks that its terms stand in; then every access still begins a block of its own,
//! behind its check. What is loaded so comes last, and all that a round of a hash computes waits in front of it:
//! `(state + mixed) + constants[i] + words[i]`, where both loads could have been done before the round before is over.
//! With the checks gone, or in a copy without them, terms of one block are seen side by side. What is ready first is added
//! first, where that makes the sum ready earlier.
//!
//! Nothing but order changes: addition wraps, and so does what is built here, without any of the flags that the former sum
//! had. No instruction that could be noticed is moved. Sums with a constant are left alone: those are offsets of
//! addresses.

use super::bounds::int_operand;
use super::counted::users;
use inkwell::basic_block::BasicBlock;
use inkwell::builder::BuilderError;
use inkwell::module::Module as LlvmModule;
use inkwell::values::{BasicValue, InstructionOpcode as Op, InstructionValue, IntValue, PhiValue};
use std::collections::HashMap;

/// How many terms a sum may have.
const TERMS_MAX: usize = 32;

/// When values are ready that come out of the round before, and do not just count: behind all else that a round begins with.
const LATE: u32 = 64;

/// Orders the sums of all functions.
pub fn order_sums(llvm: &LlvmModule<'_>) {
    for function in llvm.get_functions().filter(|f| f.get_subprogram().is_some()) {
        for block in function.get_basic_block_iter() {
            Pass { block, ready: HashMap::new() }.run();
        }
    }
}

struct Pass<'ctx> {
    block: BasicBlock<'ctx>,
    /// When the block's values are ready, in steps of one addition. All others are from the start.
    ready: HashMap<InstructionValue<'ctx>, u32>,
}

/// A number to be added.
#[derive(Clone, Copy)]
struct Term<'ctx> {
    value: IntValue<'ctx>,
    ready: u32,
}

impl<'ctx> Pass<'ctx> {
    fn run(mut self) {
        let instructions: Vec<_> = self.block.get_instructions().collect();
        for instruction in instructions {
            let ready = self.ready_at(instruction);
            self.ready.insert(instruction, ready);
            if instruction.get_opcode() == Op::Add && self.sum_above(instruction).is_none() {
                self.order(instruction).expect("the builder is positioned");
            }
        }
    }

    /// When an instruction's result is there.
    fn ready_at(&self, instruction: InstructionValue<'ctx>) -> u32 {
        let takes = match instruction.get_opcode() {
            Op::Phi => return if self.is_late(instruction) { LATE } else { 0 },
            Op::Load => 4,
            Op::Mul => 3,
            Op::UDiv | Op::SDiv | Op::URem | Op::SRem => 16,
            _ => 1,
        };
        let operands = instruction.get_operands().flatten().filter_map(|operand| operand.value());
        takes + operands.filter_map(|value| self.known(value.as_instruction_value()?)).max().unwrap_or(0)
    }

    fn known(&self, instruction: InstructionValue<'ctx>) -> Option<u32> {
        self.ready.get(&instruction).copied()
    }

    /// Whether a phi of a loop of one block has what the round before computed, and that is more than a count.
    fn is_late(&self, phi: InstructionValue<'ctx>) -> bool {
        let Ok(values) = PhiValue::try_from(phi) else { return false };
        let carried = values.get_incomings().find(|(_, from)| *from == self.block);
        let Some(carried) = carried.and_then(|(value, _)| value.as_instruction_value()) else { return false };
        let inside = |index| {
            let operand = carried.get_operand(index).and_then(|operand| operand.value()?.as_instruction_value());
            operand.filter(|operand| operand.get_parent() == Some(self.block))
        };
        let counts = carried.get_opcode() == Op::Add
            && matches!((inside(0), inside(1)), (Some(one), None) | (None, Some(one)) if one == phi);
        carried.get_parent() == Some(self.block) && !counts
    }

    /// The sum that another one is a part of, and of nothing else.
    fn sum_above(&self, sum: InstructionValue<'ctx>) -> Option<InstructionValue<'ctx>> {
        let mut users = users(sum);
        let only = users.next().filter(|_| users.next().is_none())?;
        (only.get_opcode() == Op::Add && only.get_parent() == Some(self.block)).then_some(only)
    }

    /// Orders a sum that is no part of another one.
    fn order(&mut self, sum: InstructionValue<'ctx>) -> Result<(), BuilderError> {
        let Some((parts, mut terms)) = self.take_apart(sum) else { return Ok(()) };
        terms.sort_by_key(|term| term.ready);
        let by_time = terms.clone();
        // A machine that adds out of memory wants a register to add to.
        if let Some(first) = terms.iter().position(|term| !term.is_loaded()) {
            terms[..=first].rotate_right(1);
        }
        let order = [terms, by_time].into_iter().min_by_key(|terms| sum_ready(terms)).expect("there are two");
        let ready = sum_ready(&order);
        if self.known(sum).is_none_or(|former| former <= ready) {
            return Ok(());
        }
        let builder = self.block.get_context().create_builder();
        builder.position_before(&sum);
        let mut total = order[0].value;
        for term in &order[1..] {
            total = builder.build_int_add(total, term.value, "")?;
        }
        let total = total.as_instruction_value().expect("a sum of what is not constant");
        sum.replace_all_uses_with(&total);
        self.ready.insert(total, ready);
        parts.into_iter().for_each(InstructionValue::erase_from_basic_block);
        Ok(())
    }

    /// The additions that a sum consists of, each behind the one that it is a part of, and its terms.
    fn take_apart(&self, sum: InstructionValue<'ctx>) -> Option<(Vec<InstructionValue<'ctx>>, Vec<Term<'ctx>>)> {
        let (mut parts, mut terms, mut at) = (vec![sum], Vec::new(), 0);
        while let Some(part) = parts.get(at).copied() {
            for index in [0, 1] {
                let value = int_operand(part, index).filter(|value| !value.is_const())?;
                let instruction = value.as_instruction_value();
                match instruction.filter(|i| i.get_opcode() == Op::Add && self.sum_above(*i) == Some(part)) {
                    Some(own) if own.get_parent() == Some(self.block) => parts.push(own),
                    _ => terms.push(Term { value, ready: instruction.and_then(|i| self.known(i)).unwrap_or(0) }),
                }
            }
            at += 1;
        }
        (3..=TERMS_MAX).contains(&terms.len()).then_some((parts, terms))
    }
}

impl Term<'_> {
    fn is_loaded(&self) -> bool {
        self.value.as_instruction_value().is_some_and(|i| i.get_opcode() == Op::Load)
    }
}

/// When terms are added up, one after the other.
fn sum_ready(terms: &[Term<'_>]) -> u32 {
    terms.iter().map(|term| term.ready).reduce(|sum, term| sum.max(term) + 1).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use crate::{Emit, OptLevel, Options, compile_observed};

    /// A hash whose rounds add what is mixed of the state, two words of memory and the state itself.
    const MODULE: &str = "(module (memory 1) (func (export \"run\") (param $n i32) (result i32) (local $at i32)
        (local $a i32) (local $b i32)
        (loop $round
          (local.set $a
            (i32.add (i32.add (i32.add
              (i32.xor (i32.rotl (local.get $a) (i32.const 7)) (i32.rotl (local.get $a) (i32.const 13)))
              (local.get $b))
              (i32.load (local.get $at)))
              (i32.load offset=4096 (local.get $at)))
            (local.set $b (local.get $a)))
          (br_if $round (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (local.get $n))))
        (local.get $a)))";

    /// What an instruction of this kind computes, and those that the text has of it.
    fn results<'a>(ir: &'a str, operation: &str) -> Vec<(&'a str, &'a str)> {
        let lines = ir.lines().filter_map(|line| line.trim().split_once(" = "));
        lines.filter(|(_, what)| what.starts_with(operation)).collect()
    }

    #[test]
    fn what_a_round_computes_is_added_behind_what_is_loaded() {
        for level in [OptLevel::O2, OptLevel::O3] {
            let options = Options { level, ..Options::default() };
            let ir = compile_observed(MODULE.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
            let ir = String::from_utf8(ir).unwrap();
            let [(mixed, _)] = results(&ir, "xor i32")[..] else { panic!("{ir}") };
            let uses = |what: &str, name: &str| what.split([' ', ',']).any(|word| word == name);
            let sums = results(&ir, "add i32");
            let (last, _) = sums.iter().find(|(_, what)| uses(what, mixed)).expect("it is added");
            assert!(results(&ir, "phi i32").iter().any(|(_, what)| uses(what, last)), "{ir}");
        }
    }
}
