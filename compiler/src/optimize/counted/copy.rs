//! A second copy of a loop.

use super::affine::POSITIONED;
use super::forest::{Loop, successors};
use crate::optimize::bounds::conditional;
use inkwell::basic_block::BasicBlock;
use inkwell::builder::Builder;
use inkwell::context::ContextRef;
use inkwell::llvm_sys;
use inkwell::values::{
    AsValueRef, BasicMetadataValueEnum, BasicValueEnum, InstructionOpcode as Op, InstructionValue, IntValue, PhiValue,
};
use llvm_sys::core::{LLVMMDNodeInContext2, LLVMMetadataAsValue, LLVMSetMetadata, LLVMValueAsMetadata};
use llvm_sys::debuginfo::{LLVMMetadataReplaceAllUsesWith, LLVMTemporaryMDNode};
use std::collections::HashMap;

/// Loops of vectors with more instructions are not unrolled.
const UNROLLED_MAX: usize = 64;

/// How many rounds of a loop of vectors become one.
const ROUNDS_AT_A_TIME: u64 = 2;

/// The copy, block by block and value by value.
pub struct Copy<'ctx> {
    blocks: HashMap<BasicBlock<'ctx>, BasicBlock<'ctx>>,
    values: HashMap<InstructionValue<'ctx>, BasicValueEnum<'ctx>>,
    /// Those that compute nothing.
    others: HashMap<InstructionValue<'ctx>, InstructionValue<'ctx>>,
}

impl<'ctx> Copy<'ctx> {
    pub fn block(&self, original: BasicBlock<'ctx>) -> BasicBlock<'ctx> {
        self.blocks.get(&original).copied().unwrap_or(original)
    }

    pub fn value(&self, original: BasicValueEnum<'ctx>) -> BasicValueEnum<'ctx> {
        use inkwell::values::BasicValue;
        let copied = original.as_instruction_value().and_then(|i| self.values.get(&i));
        copied.copied().unwrap_or(original)
    }

    /// The copy of an instruction, neither a phi nor a terminator.
    pub fn instruction(&self, original: InstructionValue<'ctx>) -> InstructionValue<'ctx> {
        let other = self.others.get(&original).copied();
        other.unwrap_or_else(|| instruction_of(self.values[&original]))
    }

    pub fn context(&self) -> ContextRef<'ctx> {
        self.blocks.values().next().expect("a loop has blocks").get_context()
    }

    /// Lets the copy use `value` in place of its copy of an instruction.
    pub fn replace(&mut self, original: InstructionValue<'ctx>, value: IntValue<'ctx>) {
        self.values.insert(original, value.into());
    }
}

/// Whether the loop is made of what [`copy`] can copy.
pub fn can_copy(of: &Loop<'_>, pure: impl Fn(InstructionValue<'_>) -> bool) -> bool {
    of.instructions().all(|instruction| match instruction.get_opcode() {
        Op::Call => pure(instruction),
        Op::Invoke | Op::CallBr | Op::Alloca | Op::Fence | Op::AtomicRMW | Op::AtomicCmpXchg => false,
        _ => true,
    })
}

/// Copies the loop's blocks with all but their terminators and the operands of phis. Operands are still the original's.
pub fn copy<'ctx>(of: &Loop<'ctx>, builder: &Builder<'ctx>) -> Copy<'ctx> {
    let mut copy = Copy { blocks: HashMap::new(), values: HashMap::new(), others: HashMap::new() };
    let mut last = *of.blocks.last().expect("a loop has blocks");
    for block in &of.blocks {
        last = block.get_context().insert_basic_block_after(last, "");
        copy.blocks.insert(*block, last);
        builder.position_at_end(last);
        for instruction in block.get_instructions().filter(|i| i.get_opcode() != Op::Br) {
            copy_instruction(instruction, builder, &mut copy);
        }
    }
    copy
}

fn copy_instruction<'ctx>(instruction: InstructionValue<'ctx>, builder: &Builder<'ctx>, copy: &mut Copy<'ctx>) {
    if instruction.get_opcode() == Op::Phi {
        let ty = value_of(instruction).get_type();
        let phi = builder.build_phi(ty, "").expect(POSITIONED);
        copy.values.insert(instruction, phi.as_basic_value());
        return;
    }
    let cloned = instruction.explicit_clone();
    let location = instruction.get_debug_location();
    builder.insert_instruction(&cloned, None);
    // The builder has put its own, none, in its place.
    cloned.set_debug_location(location);
    if instruction.get_type().is_void_type() {
        copy.others.insert(instruction, cloned);
    } else {
        copy.values.insert(instruction, value_of(cloned));
    }
}

/// Lets the copy use its own values, gives its phis what comes from `entry` and round again, its blocks their ends, and
/// the phis behind the loop what comes from the copy. A block of `decided` goes on to one successor always. `ends` is
/// a block, and what decides in the copy whether the loop is left there.
pub fn connect<'ctx>(
    of: &Loop<'ctx>,
    copy: &Copy<'ctx>,
    entry: BasicBlock<'ctx>,
    decided: &HashMap<BasicBlock<'ctx>, BasicBlock<'ctx>>,
    ends: (BasicBlock<'ctx>, IntValue<'ctx>),
    builder: &Builder<'ctx>,
) {
    for block in &of.blocks {
        let copied = copy.block(*block);
        for instruction in block.get_instructions() {
            if instruction.get_opcode() == Op::Phi {
                connect_phi(instruction, of, copy, entry);
            }
        }
        for instruction in copied.get_instructions().filter(|i| i.get_opcode() != Op::Phi) {
            for index in 0..instruction.get_num_operands() {
                let Some(value) = instruction.get_operand(index).and_then(|o| o.value()) else { continue };
                let own = copy.value(value);
                if own != value {
                    instruction.set_operand(index, own);
                }
            }
        }
        builder.position_at_end(copied);
        end(*block, of, copy, decided, ends, builder);
        for next in successors(copied).into_iter().filter(|next| !copy.blocks.values().any(|own| own == next)) {
            join(*block, copied, next, copy);
        }
    }
}

fn connect_phi<'ctx>(instruction: InstructionValue<'ctx>, of: &Loop<'ctx>, copy: &Copy<'ctx>, entry: BasicBlock<'ctx>) {
    let Ok(phi) = PhiValue::try_from(instruction) else { return };
    let Ok(own) = PhiValue::try_from(instruction_of(copy.value(phi.as_basic_value()))) else { return };
    for (value, from) in phi.get_incomings() {
        let from = if from == of.entry { entry } else { copy.block(from) };
        own.add_incoming(&[(&copy.value(value), from)]);
    }
}

/// Ends the copy of a block as the block ends.
fn end<'ctx>(
    block: BasicBlock<'ctx>,
    of: &Loop<'ctx>,
    copy: &Copy<'ctx>,
    decided: &HashMap<BasicBlock<'ctx>, BasicBlock<'ctx>>,
    (last, ends): (BasicBlock<'ctx>, IntValue<'ctx>),
    builder: &Builder<'ctx>,
) {
    let branch = block.get_terminator().expect("a block ends");
    let built = match (decided.get(&block), conditional(branch)) {
        (Some(next), _) => builder.build_unconditional_branch(copy.block(*next)),
        (None, Some((_, on_true, on_false))) if block == last => {
            let (inside, outside) = if of.contains(on_true) { (on_true, on_false) } else { (on_false, on_true) };
            builder.build_conditional_branch(ends, outside, copy.block(inside))
        }
        (None, Some((condition, on_true, on_false))) => {
            let condition = copy.value(condition.into()).into_int_value();
            builder.build_conditional_branch(condition, copy.block(on_true), copy.block(on_false))
        }
        (None, None) => builder.build_unconditional_branch(copy.block(successors(block)[0])),
    };
    let built = built.expect(POSITIONED);
    let prof = block.get_context().get_kind_id("prof");
    if let Some(weights) = branch.get_metadata(prof).filter(|_| block != last && !decided.contains_key(&block)) {
        built.set_metadata(weights, prof).expect("weights are a node");
    }
    built.set_debug_location(branch.get_debug_location());
}

/// Phis of a block behind the loop get from the copy what they get from the original.
fn join<'ctx>(block: BasicBlock<'ctx>, copied: BasicBlock<'ctx>, next: BasicBlock<'ctx>, copy: &Copy<'ctx>) {
    for phi in next.get_instructions().take_while(|i| i.get_opcode() == Op::Phi) {
        let Ok(phi) = PhiValue::try_from(phi) else { continue };
        let incoming = phi.get_incomings().find(|(_, from)| *from == block);
        if let Some((value, _)) = incoming {
            phi.add_incoming(&[(&copy.value(value), copied)]);
        }
    }
}

/// Says that LLVM is not to vectorise a loop.
pub fn leave_scalar(of: &Loop<'_>) {
    let no = of.header.get_context().bool_type().const_zero();
    tell(of.latch, "llvm.loop.vectorize.enable", Some(no.into()));
}

/// Lets LLVM do several rounds of a loop at a time that the program has vectorised itself: it has no measure of its own
/// for such a loop, while of those that it vectorises it lets two rounds or four run side by side.
pub fn unroll_vectors(of: &Loop<'_>, copy: &Copy<'_>) {
    let len = of.instructions().count();
    let has_vectors = of.instructions().any(|i| i.get_type().is_vector_type() && i.get_opcode() != Op::Phi);
    if has_vectors && len <= UNROLLED_MAX {
        let rounds = of.header.get_context().i32_type().const_int(ROUNDS_AT_A_TIME, false);
        tell(copy.block(of.latch), "llvm.loop.unroll.count", Some(rounds.into()));
    }
}

/// Tells LLVM something of the loop that ends in a block.
pub fn tell(latch: BasicBlock<'_>, name: &str, value: Option<BasicMetadataValueEnum<'_>>) {
    let context = latch.get_context();
    let parts: Vec<_> = [Some(context.metadata_string(name).into()), value].into_iter().flatten().collect();
    let property = context.metadata_node(&parts);
    let kind = context.get_kind_id("llvm.loop");
    let branch = latch.get_terminator().expect("a block ends");
    // SAFETY: the nodes are of the branch's context. What a loop is known by has itself for its first operand, which
    // takes a node that is there before it, and is replaced and disposed of.
    unsafe {
        let first = LLVMTemporaryMDNode(context.raw(), std::ptr::null_mut(), 0);
        let mut operands = [first, LLVMValueAsMetadata(property.as_value_ref())];
        let node = LLVMMDNodeInContext2(context.raw(), operands.as_mut_ptr(), operands.len());
        LLVMMetadataReplaceAllUsesWith(first, node);
        LLVMSetMetadata(branch.as_value_ref(), kind, LLVMMetadataAsValue(context.raw(), node));
    }
}

/// What an instruction computes.
pub fn value_of(instruction: InstructionValue<'_>) -> BasicValueEnum<'_> {
    // SAFETY: the instruction computes a value: its type is not void.
    unsafe { BasicValueEnum::new(instruction.as_value_ref()) }
}

fn instruction_of(value: BasicValueEnum<'_>) -> InstructionValue<'_> {
    use inkwell::values::BasicValue;
    value.as_instruction_value().expect("the copy of an instruction is one")
}
