//! The innermost loops of a function that have one way in and one way back.

use crate::optimize::bounds::conditional;
use inkwell::basic_block::BasicBlock;
use inkwell::values::{
    AsValueRef, BasicValue, FunctionValue, InstructionOpcode as Op, InstructionValue, IntValue, PhiValue,
};
use std::collections::{HashMap, HashSet};

/// Loops of more blocks than this are left alone.
const BLOCKS_MAX: usize = 32;

/// A loop without loops in it.
pub struct Loop<'ctx> {
    /// Where every round begins.
    pub header: BasicBlock<'ctx>,
    /// The block before the first round, which leads nowhere else.
    pub entry: BasicBlock<'ctx>,
    /// Where every round ends that is not the last.
    pub latch: BasicBlock<'ctx>,
    /// All blocks of it, in the function's order.
    pub blocks: Vec<BasicBlock<'ctx>>,
    members: HashSet<BasicBlock<'ctx>>,
}

impl<'ctx> Loop<'ctx> {
    fn of(cycle: Cycle<'ctx>, before: &Predecessors<'ctx>, order: &[BasicBlock<'ctx>]) -> Option<Self> {
        let Cycle { header, latch, members } = cycle;
        let outside: Vec<_> = before[&header].iter().filter(|from| !members.contains(from)).collect();
        let [entry] = outside.as_slice() else { return None };
        let blocks: Vec<_> = order.iter().copied().filter(|block| members.contains(block)).collect();
        let plain = |block: &BasicBlock<'ctx>| block.get_terminator().is_some_and(|t| t.get_opcode() == Op::Br);
        let leads_here_alone = conditional(entry.get_terminator()?).is_none();
        let plain = blocks.iter().all(plain) && plain(entry) && leads_here_alone;
        plain.then_some(Loop { header, entry: **entry, latch, blocks, members })
    }

    pub fn contains(&self, block: BasicBlock<'ctx>) -> bool {
        self.members.contains(&block)
    }

    /// Whether a value is the same in every round: computed before the loop.
    pub fn is_invariant(&self, value: IntValue<'ctx>) -> bool {
        let parent = value.as_instruction_value().and_then(|i| i.get_parent());
        parent.is_none_or(|block| !self.contains(block))
    }

    pub fn instructions(&self) -> impl Iterator<Item = InstructionValue<'ctx>> {
        self.blocks.iter().flat_map(|block| block.get_instructions())
    }

    /// Whether nothing outside uses what is computed inside, but for phis where the loop is left: what they get comes
    /// from a block inside. A phi behind those would have to get the copy's value from a block that both come to.
    pub fn is_closed(&self) -> bool {
        let from_inside = |phi: InstructionValue<'ctx>, value: InstructionValue<'ctx>| {
            PhiValue::try_from(phi).is_ok_and(|phi| {
                let incomings = phi.get_incomings().filter(|(of, _)| of.as_instruction_value() == Some(value));
                incomings.into_iter().all(|(_, from)| self.contains(from))
            })
        };
        self.instructions().all(|instruction| {
            users(instruction).all(|user| {
                let inside = user.get_parent().is_some_and(|block| self.contains(block));
                inside || from_inside(user, instruction)
            })
        })
    }
}

/// Who uses what an instruction computes: for each use, while nothing is changed.
pub fn users<'ctx>(instruction: InstructionValue<'ctx>) -> impl Iterator<Item = InstructionValue<'ctx>> {
    let uses = std::iter::successors(instruction.get_first_use(), |used| used.get_next_use());
    uses.map(|used| user(&used))
}

/// Whose use it is.
pub fn user<'ctx>(used: &inkwell::values::BasicValueUse<'ctx>) -> InstructionValue<'ctx> {
    // SAFETY: what an instruction computes is used by instructions alone.
    unsafe { InstructionValue::new(used.get_user().as_value_ref()) }
}

/// Where a block may go on.
pub fn successors<'ctx>(block: BasicBlock<'ctx>) -> Vec<BasicBlock<'ctx>> {
    let terminator = block.get_terminator();
    terminator.map_or(Vec::new(), |t| t.get_operands().filter_map(|operand| operand?.block()).collect())
}

/// The loops that have one block before them, in the order of their headers.
pub fn innermost_loops<'ctx>(function: FunctionValue<'ctx>) -> Vec<Loop<'ctx>> {
    let order: Vec<_> = function.get_basic_block_iter().collect();
    let before = predecessors(&order);
    let cycles = innermost(function, &order, &before);
    cycles.into_iter().filter_map(|cycle| Loop::of(cycle, &before, &order)).collect()
}

/// The blocks of all innermost loops.
pub fn innermost_cycles<'ctx>(function: FunctionValue<'ctx>) -> Vec<HashSet<BasicBlock<'ctx>>> {
    let order: Vec<_> = function.get_basic_block_iter().collect();
    let before = predecessors(&order);
    innermost(function, &order, &before).into_iter().map(|cycle| cycle.members).collect()
}

type Predecessors<'ctx> = HashMap<BasicBlock<'ctx>, Vec<BasicBlock<'ctx>>>;

fn predecessors<'ctx>(order: &[BasicBlock<'ctx>]) -> Predecessors<'ctx> {
    let mut before = Predecessors::new();
    for block in order {
        successors(*block).into_iter().for_each(|next| before.entry(next).or_default().push(*block));
    }
    before
}

/// What goes round, entered at its header alone.
pub struct Cycle<'ctx> {
    /// Where every round begins.
    pub header: BasicBlock<'ctx>,
    /// Where every round ends that is not the last.
    pub latch: BasicBlock<'ctx>,
    /// All blocks of it.
    pub members: HashSet<BasicBlock<'ctx>>,
}

/// Loops with one loop in them, and that one, which is innermost.
pub fn nests<'ctx>(function: FunctionValue<'ctx>) -> Vec<(Cycle<'ctx>, Cycle<'ctx>)> {
    let order: Vec<_> = function.get_basic_block_iter().collect();
    let (before, latches) = (predecessors(&order), latches(function));
    let headers = order.iter().filter(|block| latches.contains_key(block));
    let nests = headers.filter_map(|header| {
        let outer = cycle(*header, &latches, &before, 1)?;
        let inner = outer.members.iter().find(|block| *block != header && latches.contains_key(block))?;
        let inner = cycle(*inner, &latches, &before, 0)?;
        inner.members.is_subset(&outer.members).then_some((outer, inner))
    });
    nests.collect()
}

fn innermost<'ctx>(
    function: FunctionValue<'ctx>,
    order: &[BasicBlock<'ctx>],
    before: &Predecessors<'ctx>,
) -> Vec<Cycle<'ctx>> {
    let latches = latches(function);
    let headers = order.iter().filter(|block| latches.contains_key(block));
    headers.filter_map(|header| cycle(*header, &latches, before, 0)).collect()
}

/// The cycle of a header, with as many others in it at most.
fn cycle<'ctx>(
    header: BasicBlock<'ctx>,
    latches: &Predecessors<'ctx>,
    before: &Predecessors<'ctx>,
    others_max: usize,
) -> Option<Cycle<'ctx>> {
    let [latch] = latches[&header].as_slice() else { return None };
    let (mut members, mut todo, mut inner) = (HashSet::from([header]), vec![*latch], 0);
    while let Some(block) = todo.pop() {
        if members.insert(block) {
            inner += usize::from(latches.contains_key(&block));
            if members.len() > BLOCKS_MAX || inner > others_max {
                return None;
            }
            // A block without predecessors: the function's first, or one that is never reached.
            todo.extend(before.get(&block)?);
        }
    }
    let others = members.iter().filter(|block| **block != header);
    let entered = others.flat_map(|block| &before[block]).any(|from| !members.contains(from));
    (!entered).then_some(Cycle { header, latch: *latch, members })
}

/// The blocks from which control goes back, by the block that it goes back to.
pub fn latches<'ctx>(function: FunctionValue<'ctx>) -> Predecessors<'ctx> {
    let mut latches = Predecessors::new();
    let Some(first) = function.get_first_basic_block() else { return latches };
    let (mut seen, mut open) = (HashSet::from([first]), HashSet::from([first]));
    let mut path = vec![(first, successors(first))];
    while let Some((block, todo)) = path.last_mut() {
        let block = *block;
        match todo.pop() {
            Some(next) if open.contains(&next) => latches.entry(next).or_default().push(block),
            Some(next) if seen.insert(next) => {
                open.insert(next);
                path.push((next, successors(next)));
            }
            Some(_) => {}
            None => {
                open.remove(&block);
                path.pop();
            }
        }
    }
    latches
}
