//! An interpreter's dispatch, copied to where its operations end.
//!
//! A loop around a `switch` comes back to one place after each operation, from where one jump goes on to all of them. With
//! a profile, the block with the `switch` is copied to the end of the operations that are executed most: that saves them
//! a jump each, and the CPU learns for each of them by itself what comes next. It is done last, as loops are no loops
//! to LLVM any more where they are entered in the middle, and edges become many.
//!
//! Without one, the dispatch has to lie in one line of the cache of instructions: where it did not, a Zen 4 took a third longer
//! for all of an interpreter. So loops that begin with one start at a line, on x86-64 at `-O3`. And operations that end alike, in a
//! store and a step say, have to go back from an end each: where code generation had made one piece of their ends, which leads into the
//! dispatch from above or jumps there, an interpreter took a seventh longer.
//!
//! A copy does what the block does, in the same order. What the block computes and others use goes through slots of the
//! frame, from which LLVM makes values again.

use super::counted::{latches, successors, tell, users, value_of};
use inkwell::basic_block::BasicBlock;
use inkwell::builder::Builder;
use inkwell::llvm_sys::core::{LLVMGetNumSuccessors, LLVMGetSuccessor, LLVMSetSuccessor};
use inkwell::module::Module as LlvmModule;
use inkwell::values::{
    AsValueRef, BasicMetadataValueEnum, BasicValue, BasicValueEnum, FunctionValue, InstructionOpcode as Op,
    InstructionValue, PhiValue, PointerValue,
};
use std::collections::HashMap;

/// Blocks of more instructions are not copied.
const INSTRUCTIONS_MAX: usize = 24;

/// Functions of more instructions are left alone: they have more values than registers, and what is entered in the middle
/// leaves the allocator no place to change that. SQLite's, of 20,000, became less than half as fast.
const FUNCTION_MAX: usize = 2000;

/// How many edges the copies of a block may have together.
const EDGES_MAX: usize = 4096;

/// An operation is one of this many, at the least often, or has no copy.
const SHARE: f64 = 64.0;

/// How many blocks a way back to the dispatch is followed through.
const WAY_MAX: usize = 32;

/// Counts are scaled before they come near this.
const WEIGHT_MAX: u64 = 1 << 30;

/// A `switch` of more cases is a jump through a table that the CPU has to foresee.
const CASES_MIN: u32 = 8;

/// What the CPU's cache of instructions has in one piece.
const LINE: u64 = 64;

/// A block that ends in a `switch`, or that decides whether to come to one, and those that are to end in a copy of it.
struct Dispatch<'ctx> {
    function: FunctionValue<'ctx>,
    block: BasicBlock<'ctx>,
    end: InstructionValue<'ctx>,
    ends: Vec<BasicBlock<'ctx>>,
}

/// Copies what is worth it, where a count of `hot` is a large one; whether there was anything.
pub fn copy_dispatches(llvm: &LlvmModule<'_>, hot: u64) -> bool {
    let mut copied = false;
    let is_small = |f: &FunctionValue<'_>| {
        let all = f.get_basic_block_iter().flat_map(|block| block.get_instructions());
        all.take(FUNCTION_MAX + 1).count() <= FUNCTION_MAX
    };
    for function in llvm.get_functions().filter(|f| f.get_subprogram().is_some() && is_small(f)) {
        for block in function.get_basic_blocks() {
            if let Some(dispatch) = Dispatch::find(function, block, hot) {
                dispatch.copy();
                copied = true;
            }
        }
    }
    copied
}

/// Has dispatches that loops begin with start a line of the CPU's cache, and leaves each operation its own end.
pub fn settle_dispatches(llvm: &LlvmModule<'_>) {
    let align = llvm.get_context().i32_type().const_int(LINE, false);
    for function in super::guest_functions(llvm) {
        let dispatches = latches(function).into_iter().filter(|(header, _)| begins_with_switch(*header));
        for (_, latches) in dispatches.collect::<Vec<_>>() {
            let mut ends = latches.clone();
            if let [latch] = latches.as_slice() {
                tell(*latch, "llvm.loop.align", Some(align.into()));
                ends = function.get_basic_blocks();
                ends.retain(|end| successors(*end).contains(latch));
            }
            ends.into_iter().for_each(keep_apart);
        }
    }
}

/// Whether a block, or one behind it, ends in a `switch` that the CPU has to foresee.
fn begins_with_switch(header: BasicBlock<'_>) -> bool {
    let mut ends = [header].into_iter().chain(successors(header)).filter_map(|block| block.get_terminator());
    ends.any(|end| end.get_opcode() == Op::Switch && end.get_num_operands() / 2 > CASES_MIN)
}

/// Keeps code generation from making one piece of what a block and others end with: it does so of all but what is assembly, even if
/// that is none.
fn keep_apart(end: BasicBlock<'_>) {
    let jump = end.get_terminator().filter(|jump| jump.get_opcode() == Op::Br && jump.get_num_operands() == 1);
    let Some(jump) = jump else { return };
    let context = end.get_context();
    let ty = context.void_type().fn_type(&[], false);
    let nothing = context.create_inline_asm(ty, String::new(), String::new(), true, false, None, false);
    let builder = context.create_builder();
    builder.position_before(&jump);
    builder.build_indirect_call(ty, nothing, &[], "").expect(POSITIONED);
}

impl<'ctx> Dispatch<'ctx> {
    fn find(function: FunctionValue<'ctx>, block: BasicBlock<'ctx>, hot: u64) -> Option<Self> {
        let leads_to = switch_behind(block)?;
        let (targets, weights) = (successors(leads_to), weights(leads_to.get_terminator()?)?);
        let total: u64 = weights.iter().sum();
        if weights.len() != targets.len() || total < hot.min(WEIGHT_MAX) {
            return None;
        }
        let body: Vec<_> = body(block).collect();
        if body.len() > INSTRUCTIONS_MAX || !body.into_iter().all(can_copy) {
            return None;
        }
        let blocks = function.get_basic_blocks();
        let often = frequencies(leads_to, block, &blocks);
        let ways: Vec<_> =
            blocks.iter().flat_map(|from| shares(*from).into_iter().map(move |way| (*from, way))).collect();
        let ways: Vec<_> = ways.into_iter().filter(|(_, (to, _))| *to == block).collect();
        let once = |from| ways.iter().filter(|(other, _)| *other == from).count() == 1;
        let branches = |from: BasicBlock<'ctx>| from.get_terminator().is_some_and(|end| end.get_opcode() == Op::Br);
        let mut ends: Vec<_> = ways
            .iter()
            .filter(|(from, _)| *from != block && branches(*from) && once(*from))
            .map(|(from, (_, share))| (often.get(from).copied().unwrap_or(0.0) * share, *from))
            .filter(|(count, _)| *count >= total as f64 / SHARE)
            .collect();
        ends.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        if block != leads_to && ways_to(leads_to, &blocks) != 1 {
            return None;
        }
        // One way to the block itself stays.
        ends.truncate((EDGES_MAX / targets.len()).min(ways.len().saturating_sub(1)));
        let ends: Vec<_> = ends.into_iter().map(|(_, end)| end).collect();
        (!ends.is_empty()).then_some(Dispatch { function, block, end: block.get_terminator()?, ends })
    }

    fn copy(&self) {
        let builder = self.block.get_context().create_builder();
        let computed = self.block.get_instructions().filter(|i| !i.get_type().is_void_type());
        let computed: Vec<_> = computed.into_iter().filter(|i| !i.is_terminator()).collect();
        let slots: HashMap<_, _> =
            computed.iter().filter_map(|value| Some((*value, self.spill(*value, &builder)?))).collect();
        // Phis without what comes from the blocks that get a copy, and that apart.
        let mut values: Vec<HashMap<InstructionValue<'ctx>, BasicValueEnum<'ctx>>> =
            vec![HashMap::new(); self.ends.len()];
        let mut slots_now = Vec::new();
        for value in computed {
            let mut now = value;
            if let Ok(phi) = PhiValue::try_from(value) {
                builder.position_before(&value);
                let new = builder.build_phi(value_of(value).get_type(), "").expect(POSITIONED);
                now = new.as_basic_value().as_instruction_value().expect("a phi is an instruction");
                for (incoming, from) in phi.get_incomings() {
                    match self.ends.iter().position(|end| *end == from) {
                        Some(end) => drop(values[end].insert(now, incoming)),
                        None => new.add_incoming(&[(&incoming, from)]),
                    }
                }
                phi.replace_all_uses_with(&new);
                value.erase_from_basic_block();
            }
            slots_now.extend(slots.get(&value).map(|slot| (now, *slot)));
        }
        // The stores among them are those to the slots.
        let body: Vec<_> = body(self.block).filter(|i| i.get_opcode() != Op::Store).collect();
        for (end, values) in self.ends.iter().zip(&mut values) {
            self.copy_to(*end, &body, values, &slots_now, &builder);
        }
    }

    /// Has all others use a value by way of a slot in the frame, if there are any.
    fn spill(&self, value: InstructionValue<'ctx>, builder: &Builder<'ctx>) -> Option<PointerValue<'ctx>> {
        let this = value_of(value);
        let mut users: Vec<_> = users(value).collect();
        // By user: where operands of his are to be loaded. A phi has its operands at the end of the blocks they come from.
        let mut loads: Vec<(InstructionValue<'ctx>, u32, InstructionValue<'ctx>)> = Vec::new();
        users.dedup();
        let mut seen = Vec::new();
        for user in users {
            if seen.contains(&user) {
                continue;
            }
            seen.push(user);
            let phi = PhiValue::try_from(user).ok();
            for index in 0..user.get_num_operands() {
                if user.get_operand(index).and_then(|o| o.value()) != Some(this) {
                    continue;
                }
                let place = match phi.and_then(|phi| phi.get_incoming(index)) {
                    Some((_, from)) if from == self.block => None,
                    Some((_, from)) => from.get_terminator(),
                    None => Some(user).filter(|user| user.get_parent() != Some(self.block)),
                };
                loads.extend(place.map(|place| (user, index, place)));
            }
        }
        if loads.is_empty() {
            return None;
        }
        let first = self.function.get_first_basic_block()?.get_first_instruction()?;
        builder.position_before(&first);
        let slot = builder.build_alloca(this.get_type(), "").expect(POSITIONED);
        let behind = match value.get_opcode() {
            Op::Phi => self.block.get_instructions().find(|i| i.get_opcode() != Op::Phi),
            _ => value.get_next_instruction(),
        };
        builder.position_before(&behind.expect("a block has an end"));
        builder.build_store(slot, this).expect(POSITIONED);
        // A phi that comes from a block several times has one value for it.
        let mut loaded: HashMap<InstructionValue<'ctx>, BasicValueEnum<'ctx>> = HashMap::new();
        for (user, index, place) in loads {
            let load = *loaded.entry(place).or_insert_with(|| {
                builder.position_before(&place);
                builder.build_load(this.get_type(), slot, "").expect(POSITIONED)
            });
            user.set_operand(index, load);
        }
        Some(slot)
    }

    /// Ends a block with a copy, in which phis have what is in `values`.
    fn copy_to(
        &self,
        end: BasicBlock<'ctx>,
        body: &[InstructionValue<'ctx>],
        values: &mut HashMap<InstructionValue<'ctx>, BasicValueEnum<'ctx>>,
        slots: &[(InstructionValue<'ctx>, PointerValue<'ctx>)],
        builder: &Builder<'ctx>,
    ) {
        let jump = end.get_terminator().expect("a block has an end");
        let mut place = end;
        if successors(end).len() == 1 {
            jump.erase_from_basic_block();
        } else {
            place = self.block.get_context().insert_basic_block_after(end, "");
            redirect(jump, self.block, place);
        }
        builder.position_at_end(place);
        let copied = |value: BasicValueEnum<'ctx>, values: &HashMap<_, BasicValueEnum<'ctx>>| {
            value.as_instruction_value().and_then(|i| values.get(&i)).copied().unwrap_or(value)
        };
        for instruction in body.iter().chain([&self.end]) {
            if *instruction == self.end {
                for (value, slot) in slots {
                    builder.build_store(*slot, copied(value_of(*value), values)).expect(POSITIONED);
                }
            }
            let clone = instruction.explicit_clone();
            for index in 0..clone.get_num_operands() {
                let Some(operand) = clone.get_operand(index).and_then(|o| o.value()) else { continue };
                let own = copied(operand, values);
                if own != operand {
                    clone.set_operand(index, own);
                }
            }
            builder.insert_instruction(&clone, None);
            clone.set_debug_location(instruction.get_debug_location());
            if !instruction.get_type().is_void_type() {
                values.insert(*instruction, value_of(clone));
            }
        }
        let mut done: Vec<BasicBlock<'ctx>> = Vec::new();
        for target in successors(self.block) {
            if done.contains(&target) {
                continue;
            }
            done.push(target);
            for phi in target.get_instructions().take_while(|i| i.get_opcode() == Op::Phi) {
                let Ok(phi) = PhiValue::try_from(phi) else { continue };
                let from_here: Vec<_> = phi.get_incomings().filter(|(_, from)| *from == self.block).collect();
                for (value, _) in from_here {
                    phi.add_incoming(&[(&copied(value, values), place)]);
                }
            }
        }
    }
}

/// What stands between a block's phis and its end.
fn body(block: BasicBlock<'_>) -> impl Iterator<Item = InstructionValue<'_>> {
    block.get_instructions().filter(|i| !matches!(i.get_opcode(), Op::Phi | Op::Switch | Op::Br))
}

/// What only computes and loads.
fn can_copy(instruction: InstructionValue<'_>) -> bool {
    !matches!(
        instruction.get_opcode(),
        Op::Call
            | Op::Invoke
            | Op::CallBr
            | Op::Alloca
            | Op::Store
            | Op::Fence
            | Op::AtomicRMW
            | Op::AtomicCmpXchg
            | Op::VAArg
            | Op::LandingPad
    )
}

/// Has a branch go to another block in place of one.
fn redirect<'ctx>(branch: InstructionValue<'ctx>, from: BasicBlock<'ctx>, to: BasicBlock<'ctx>) {
    // SAFETY: a branch has as many successors as LLVM says, and the blocks are of its function.
    unsafe {
        for index in 0..LLVMGetNumSuccessors(branch.as_value_ref()) {
            if LLVMGetSuccessor(branch.as_value_ref(), index) == from.as_mut_ptr() {
                LLVMSetSuccessor(branch.as_value_ref(), index, to.as_mut_ptr());
            }
        }
    }
}

/// The block itself, if it ends in a `switch`, or the block with one that it most likely goes on to.
fn switch_behind(block: BasicBlock<'_>) -> Option<BasicBlock<'_>> {
    let switches = |block: BasicBlock<'_>| block.get_terminator().is_some_and(|end| end.get_opcode() == Op::Switch);
    if switches(block) {
        return Some(block);
    }
    let ways = shares(block);
    let (next, share) = ways.iter().copied().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    (ways.len() == 2 && share > 0.5 && switches(next)).then_some(next)
}

/// How many edges go to a block.
fn ways_to(block: BasicBlock<'_>, blocks: &[BasicBlock<'_>]) -> usize {
    blocks.iter().flat_map(|from| successors(*from)).filter(|to| *to == block).count()
}

/// How often blocks are executed, on ways from a `switch` back to where its dispatch begins.
fn frequencies<'ctx>(
    switch: BasicBlock<'ctx>,
    dispatch: BasicBlock<'ctx>,
    blocks: &[BasicBlock<'ctx>],
) -> HashMap<BasicBlock<'ctx>, f64> {
    let total: u64 = switch.get_terminator().and_then(weights).into_iter().flatten().sum();
    let mut first: HashMap<_, f64> = HashMap::new();
    for (to, share) in shares(switch) {
        *first.entry(to).or_default() += share * total as f64;
    }
    let ways: Vec<_> =
        blocks.iter().filter(|from| ![switch, dispatch].contains(from)).map(|from| (*from, shares(*from))).collect();
    let mut often = first.clone();
    for _ in 0..WAY_MAX {
        let mut next = first.clone();
        for (from, to) in &ways {
            let Some(count) = often.get(from).filter(|count| **count > 0.0) else { continue };
            for (to, share) in to.iter().filter(|(to, _)| *to != dispatch) {
                *next.entry(*to).or_default() += count * share;
            }
        }
        often = next;
    }
    often
}

/// Where a block goes on, and how often of all times.
fn shares(block: BasicBlock<'_>) -> Vec<(BasicBlock<'_>, f64)> {
    let targets = successors(block);
    let weights = block.get_terminator().and_then(|end| {
        let mut weights = weights(end).filter(|weights| weights.len() == targets.len())?;
        if end.get_opcode() == Op::Br {
            // Of a branch the weight of where it goes if its condition holds is the first, and that is its last operand.
            weights.reverse();
        }
        Some(weights)
    });
    let weights = weights.filter(|weights| weights.iter().any(|weight| *weight > 0));
    let weights = weights.unwrap_or_else(|| vec![1; targets.len()]);
    let total: u64 = weights.iter().sum();
    targets.into_iter().zip(weights).map(|(to, weight)| (to, weight as f64 / total as f64)).collect()
}

/// A profile's weights of a branch or a `switch`, as LLVM has them.
fn weights(branch: InstructionValue<'_>) -> Option<Vec<u64>> {
    let kind = branch.get_parent()?.get_context().get_kind_id("prof");
    let values = branch.get_metadata(kind)?.get_node_values()?;
    let weight = |value: BasicMetadataValueEnum<'_>| match value {
        BasicMetadataValueEnum::IntValue(weight) => weight.get_zero_extended_constant(),
        _ => None,
    };
    Some(values.into_iter().filter_map(weight).collect())
}

const POSITIONED: &str = "the builder is positioned";

#[cfg(test)]
mod tests {
    use crate::{Emit, OptLevel, Options, Target, compile_observed};

    /// A loop around a `br_table` of so many targets, as assembly.
    fn interpreter(cases: usize, level: OptLevel, target: &str) -> String {
        let targets: String = (0..=cases).map(|case| format!("{case} ")).collect();
        let case = |n| {
            let store =
                format!("(i32.store offset=8 (local.get 1) (i32.mul (local.get 1) (i32.const {})))", 97 * n + 997);
            format!("end {store} (local.set 1 (i32.add (local.get 1) (i32.const 4))) br {} ", cases - 1 - n)
        };
        let module = format!(
            r#"(module (memory 1) (func (export "f") (param i32 i32) (result i32)
                loop
                    block {} (i32.load8_u (local.get 0)) br_table {targets} {} end
                    (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 999)))
                end
                local.get 1))"#,
            "block ".repeat(cases),
            (0..cases).map(case).collect::<String>(),
        );
        let options = Options { level, target: Target::new(target, None, &[]).unwrap(), ..Options::default() };
        let asm = compile_observed(module.as_bytes(), &options, Emit::Asm, &mut ()).unwrap();
        String::from_utf8(asm).unwrap()
    }

    #[test]
    fn operations_of_an_interpreter_end_each_by_itself() {
        // All but a multiplication is the same in each.
        let stores = |cases, level| interpreter(cases, level, "x86_64-linux").matches(", 8(%").count();
        assert_eq!(stores(16, OptLevel::O3), 16);
        assert_eq!(stores(16, OptLevel::O2), 1);
        assert_eq!(stores(4, OptLevel::O3), 1);
    }

    #[test]
    fn a_loop_around_a_large_switch_starts_a_line() {
        let lines = |asm: String| asm.lines().filter(|line| line.trim() == ".p2align\t6").count();
        assert_eq!(lines(interpreter(16, OptLevel::O3, "x86_64-linux")), 1);
        assert_eq!(lines(interpreter(4, OptLevel::O3, "x86_64-linux")), 0);
        assert_eq!(lines(interpreter(16, OptLevel::O2, "x86_64-linux")), 0);
    }
}
