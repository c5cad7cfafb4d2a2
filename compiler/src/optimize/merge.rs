//! Merges bounds checks of 32-bit targets, where every check is a comparison: at all levels from `-O2` on.
//!
//! A check is read as `start + len ≤ length`, where `start` is a value plus a constant, modulo 2^32. A check that
//! passed says of every part of its range that it is inside: no length is 2^31 or more, so from `start` on nothing
//! wraps. Lengths never shrink. Hence, of checks with the same value:
//!
//! - One goes whose range is part of that of another which dominates it.
//! - One is widened to the ranges that are certain to be checked after it, before anything that could be noticed:
//!   had one of those failed, the trap is the same, and nothing has happened in between. Its place is not,
//!   so this is done only where images have no sites. Those others then go by the first rule.
//!
//! Nothing rests on what LLVM has concluded (`nuw` and the like). A check becomes only stricter where it stands,
//! and one that goes had been implied, so whatever LLVM did conclude from checks stays true.

use super::bounds::{conditional, int_operand};
use super::dominators::DominatorTree;
use super::guard::{Pass, is_pure_intrinsic, pointer_operand, root_is_local};
use super::shape::Shape;
use crate::parse::MemoryIndex;
use crate::translate::symbols;
use inkwell::IntPredicate as P;
use inkwell::basic_block::BasicBlock;
use inkwell::module::Module as LlvmModule;
use inkwell::values::{BasicValue, FunctionValue, InstructionOpcode as Op, InstructionValue, IntValue};
use wasmc_abi::TrapCode;

/// How many blocks the search behind a check may visit.
const SEARCH_MAX: usize = 24;

/// How far from its value a range may reach.
const REACH: i64 = 1 << 20;

/// Merges checks. `widen` says that a trap's place may change.
pub fn merge_checks(llvm: &LlvmModule<'_>, shape: &Shape, widen: bool) {
    let Some(trap) = llvm.get_function(&symbols::trap_stub(TrapCode::MemoryOutOfBounds)) else { return };
    for function in llvm.get_functions().filter(|f| f.get_subprogram().is_some() && f.count_basic_blocks() > 1) {
        if let Some(pass) = Pass::new(function, Some(trap), shape) {
            Merge { pass, function, widen }.run();
        }
    }
}

struct Merge<'ctx, 'm> {
    pass: Pass<'ctx, 'm>,
    function: FunctionValue<'ctx>,
    widen: bool,
}

/// Bytes from `lo` up to `hi`, counted from a value; as a check, `value + lo + (hi − lo) ≤ length`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Range {
    lo: i64,
    hi: i64,
}

/// Of what a range is part.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Of<'ctx> {
    memory: MemoryIndex,
    value: IntValue<'ctx>,
}

/// A check that ends a block.
struct Check<'ctx> {
    branch: InstructionValue<'ctx>,
    traps_if: bool,
    next: BasicBlock<'ctx>,
    of: Of<'ctx>,
    range: Range,
    /// The length that it compares with.
    length: IntValue<'ctx>,
}

/// What is certain to be checked on the ways on from somewhere.
#[derive(Clone, Copy)]
enum Ahead {
    /// The ways lead to the trap and nowhere else.
    Trap,
    Checked(Option<Range>),
}

impl Range {
    fn covers(self, other: Range) -> bool {
        self.lo <= other.lo && other.hi <= self.hi
    }

    /// The least range that covers both.
    fn hull(self, other: Range) -> Range {
        Range { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// What both cover, if anything.
    fn common(self, other: Range) -> Option<Range> {
        let common = Range { lo: self.lo.max(other.lo), hi: self.hi.min(other.hi) };
        (common.lo <= common.hi).then_some(common)
    }
}

impl<'ctx> Merge<'ctx, '_> {
    fn run(&self) {
        let tree = DominatorTree::new(self.function);
        // What has been checked on the way from the entry to here.
        let mut checked: Vec<(Of<'ctx>, Range)> = Vec::new();
        // Blocks to visit, with how much of `checked` holds there and what their predecessor adds.
        let mut todo = vec![(0, 0, None)];
        while let Some((index, holds, added)) = todo.pop() {
            checked.truncate(holds);
            checked.extend(added);
            let block = tree.blocks[index];
            let passed = self.check(block).and_then(|check| self.visit(block, check, &checked));
            for child in tree.children(index) {
                let is_behind = |(next, ..): &(BasicBlock<'ctx>, _, _)| {
                    tree.blocks[child] == *next && tree.predecessors[child] == 1
                };
                let added = passed.filter(is_behind).map(|(_, of, range)| (of, range));
                todo.push((child, checked.len(), added));
            }
        }
    }

    /// Takes a check out or widens it; what is known behind it.
    fn visit(
        &self,
        block: BasicBlock<'ctx>,
        check: Check<'ctx>,
        checked: &[(Of<'ctx>, Range)],
    ) -> Option<(BasicBlock<'ctx>, Of<'ctx>, Range)> {
        if checked.iter().any(|(of, range)| *of == check.of && range.covers(check.range)) {
            let builder = check.next.get_context().create_builder();
            builder.position_before(&check.branch);
            builder.build_unconditional_branch(check.next).expect("the builder is positioned");
            check.branch.erase_from_basic_block();
            return None;
        }
        let mut range = check.range;
        if self.widen {
            let mut path = vec![block];
            // Where the value is computed anew, it is no longer the one that was checked.
            path.extend(check.of.value.as_instruction_value().and_then(InstructionValue::get_parent));
            if let Ahead::Checked(Some(ahead)) = self.ahead(check.of, check.next, &mut path, &mut SEARCH_MAX.clone()) {
                range = range.hull(ahead);
            }
            let is_safe = range.hi - range.lo <= self.pass.least_length(check.of.memory);
            if range != check.range && is_safe {
                check.widen(range);
            } else {
                range = check.range;
            }
        }
        Some((check.next, check.of, range))
    }

    /// What is checked on every way from the start of a block, before anything that could be noticed.
    fn ahead(
        &self,
        of: Of<'ctx>,
        block: BasicBlock<'ctx>,
        path: &mut Vec<BasicBlock<'ctx>>,
        budget: &mut usize,
    ) -> Ahead {
        if self.pass.is_trap(block) {
            return Ahead::Trap;
        }
        if *budget == 0 || path.contains(&block) {
            return Ahead::Checked(None);
        }
        *budget -= 1;
        path.push(block);
        let ahead = self.ahead_in(of, block, path, budget);
        path.pop();
        ahead
    }

    fn ahead_in(
        &self,
        of: Of<'ctx>,
        block: BasicBlock<'ctx>,
        path: &mut Vec<BasicBlock<'ctx>>,
        budget: &mut usize,
    ) -> Ahead {
        const NOTHING: Ahead = Ahead::Checked(None);
        for instruction in block.get_instructions() {
            match instruction.get_opcode() {
                Op::Store if pointer_operand(instruction, 1).is_some_and(root_is_local) => {}
                Op::Call if is_pure_intrinsic(instruction) => {}
                Op::Br => {
                    if let Some(check) = self.check(block).filter(|check| check.of == of) {
                        return match self.ahead(of, check.next, path, budget) {
                            Ahead::Checked(Some(range)) => Ahead::Checked(Some(check.range.hull(range))),
                            _ => Ahead::Checked(Some(check.range)),
                        };
                    }
                    let Some((_, on_true, on_false)) = conditional(instruction) else {
                        let next = instruction.get_operand(0).and_then(|o| o.block());
                        return next.map_or(NOTHING, |next| self.ahead(of, next, path, budget));
                    };
                    return match (self.ahead(of, on_true, path, budget), self.ahead(of, on_false, path, budget)) {
                        (Ahead::Trap, other) | (other, Ahead::Trap) => other,
                        (Ahead::Checked(a), Ahead::Checked(b)) => {
                            Ahead::Checked(a.zip(b).and_then(|(a, b)| a.common(b)))
                        }
                    };
                }
                // What is read has been checked.
                Op::Load => {}
                Op::Store
                | Op::Call
                | Op::Switch
                | Op::Return
                | Op::Unreachable
                | Op::Fence
                | Op::AtomicRMW
                | Op::AtomicCmpXchg
                | Op::Invoke
                | Op::IndirectBr => return NOTHING,
                _ => {}
            }
        }
        NOTHING
    }

    /// The check that ends a block, if one does.
    fn check(&self, block: BasicBlock<'ctx>) -> Option<Check<'ctx>> {
        let branch = block.get_terminator()?;
        let (condition, on_true, on_false) = conditional(branch)?;
        let (next, traps_if) = match (self.pass.is_trap(on_true), self.pass.is_trap(on_false)) {
            (true, false) => (on_false, true),
            (false, true) => (on_true, false),
            _ => return None,
        };
        let compare = condition.as_instruction_value().filter(|i| i.get_opcode() == Op::ICmp)?;
        let (a, b) = (int_operand(compare, 0)?, int_operand(compare, 1)?);
        let (start, limit, or_equal) = match (compare.get_icmp_predicate()?, traps_if) {
            (P::UGT, true) | (P::ULE, false) => (a, b, false),
            (P::UGE, true) | (P::ULT, false) => (a, b, true),
            (P::ULT, true) | (P::UGE, false) => (b, a, false),
            (P::ULE, true) | (P::UGT, false) => (b, a, true),
            _ => return None,
        };
        if start.get_type().get_bit_width() != 32 || start.is_const() {
            return None;
        }
        let (length, subtracted) = difference(limit);
        let memory = self.pass.memory_of_length(length)?;
        // The difference has not wrapped, so `start > length − k` says what it seems to.
        (0..=self.pass.least_length(memory)).contains(&subtracted).then_some(())?;
        // start ≥ length − k is start + (k + 1) > length.
        let len = subtracted + i64::from(or_equal);
        let (value, lo) = sum(start);
        let range = Range { lo, hi: lo + len };
        (len < REACH).then_some(Check { branch, traps_if, next, of: Of { memory, value }, range, length })
    }
}

impl Check<'_> {
    /// Makes it a check of another range.
    fn widen(&self, to: Range) {
        let context = self.next.get_context();
        let builder = context.create_builder();
        builder.position_before(&self.branch);
        let i32 = self.of.value.get_type();
        let build = || -> Result<(), inkwell::builder::BuilderError> {
            let start = match to.lo {
                0 => self.of.value,
                lo => builder.build_int_add(self.of.value, i32.const_int(lo as u64, true), "")?,
            };
            let last = builder.build_int_add(self.length, i32.const_int((to.lo - to.hi) as u64, true), "")?;
            let predicate = if self.traps_if { P::UGT } else { P::ULE };
            let outside = builder.build_int_compare(predicate, start, last, "")?;
            assert!(self.branch.set_operand(0, outside), "the condition is a branch's first operand");
            Ok(())
        };
        build().expect("the builder is positioned");
    }
}

/// Reads a value as another one less a constant.
fn difference(value: IntValue<'_>) -> (IntValue<'_>, i64) {
    let (from, added) = sum(value);
    (from, -added)
}

/// Reads a value as another one plus a constant, modulo 2^32, whatever its flags say.
fn sum(value: IntValue<'_>) -> (IntValue<'_>, i64) {
    let (mut value, mut total) = (value, 0);
    while let Some(add) = value.as_instruction_value().filter(|i| i.get_opcode() == Op::Add) {
        let operands = int_operand(add, 0).zip(int_operand(add, 1).and_then(|c| c.get_sign_extended_constant()));
        match operands {
            Some((rest, constant)) if (total + constant).abs() < REACH => {
                total += constant;
                value = rest;
            }
            _ => break,
        }
    }
    (value, total)
}

#[cfg(test)]
mod tests {
    use crate::{Emit, MemoryModel, OptLevel, Options, Target, compile_observed};

    /// Comparisons with a memory's length that are left of a function body.
    fn checks(body: &str, strip: bool) -> usize {
        let at = |level| checks_at(level, body, strip);
        assert_eq!([OptLevel::O2, OptLevel::O3].map(at), [at(OptLevel::Os); 2], "{body}");
        at(OptLevel::Os)
    }

    fn checks_at(level: OptLevel, body: &str, strip: bool) -> usize {
        let text = format!(
            "(module (memory 1) (global $g (mut i32) (i32.const 0))
             (func (export \"run\") (param $p i32) (param $q i32) (result i32) {body}))"
        );
        let target = Target::new("thumbv7em-none", None, &[]).unwrap();
        let options = Options { target, level, memory: MemoryModel::Checked, strip, ..Options::default() };
        let ir = compile_observed(text.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
        String::from_utf8(ir).unwrap().matches(" icmp ").count()
    }

    #[test]
    fn a_check_that_another_implies_goes() {
        let descending = "(i32.add (i32.load offset=8 (local.get $p)) (i32.load offset=4 (local.get $p)))";
        assert_eq!([true, false].map(|strip| checks(descending, strip)), [1, 1]);
        let shifted = "(i32.add (i32.load offset=8 (local.get $p))
            (i32.load offset=2 (i32.add (local.get $p) (i32.const 4))))";
        assert_eq!([true, false].map(|strip| checks(shifted, strip)), [1, 1]);
        // Below the first there is another edge.
        let below = "(i32.add (i32.load offset=8 (local.get $p)) (i32.load (i32.sub (local.get $p) (i32.const 4))))";
        assert_eq!(checks(below, false), 2);
    }

    #[test]
    fn a_check_is_widened_where_nobody_sees_the_difference() {
        let ascending = "(i32.add (i32.load (local.get $p)) (i32.load offset=4 (local.get $p)))";
        assert_eq!([true, false].map(|strip| checks(ascending, strip)), [1, 2]);
        let on_both_ways = "(drop (i32.load (local.get $p))) (if (result i32) (local.get $q)
            (then (i32.load offset=4 (local.get $p))) (else (i32.mul (i32.load offset=8 (local.get $p)) (i32.const 3))))";
        assert_eq!(checks(on_both_ways, true), 3, "the first, the condition, and the one of 8");
        for between in ["(global.set $g (i32.const 1))", "(drop (i32.div_u (i32.const 1) (local.get $q)))"] {
            let text = format!("(i32.load (local.get $p)) {between} (i32.add (i32.load offset=4 (local.get $p)))");
            let others = usize::from(between.contains("div"));
            assert_eq!(checks(&text, true), 2 + others, "{between}");
        }
    }
}
