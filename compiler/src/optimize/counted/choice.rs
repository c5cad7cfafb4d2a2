//! Which copies stay, where a copy is worth something only if LLVM vectorises it.
//!
//! Until LLVM has, first loops and then what stands in one block, what decides between a loop and its copy goes through a
//! function of which nothing is known. So LLVM concludes nothing from it, and the loop stays right for the case too that
//! the copy would have been taken.

use super::affine::POSITIONED;
use super::forest::{successors, user, users};
use crate::optimize::bounds::{conditional, int_operand};
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::basic_block::BasicBlock;
use inkwell::builder::Builder;
use inkwell::module::Module as LlvmModule;
use inkwell::types::{AnyTypeEnum, BasicTypeEnum};
use inkwell::values::{BasicValue, FunctionValue, InstructionOpcode as Op, InstructionValue, IntValue};
use std::collections::HashSet;

/// Shorter vectors save less than it costs to decide: four bytes at once, in a loop that copies a few.
const VECTOR_BITS_MIN: u32 = 64;

const NAME: &str = "wasmc.choose";

/// What LLVM may know of the function: it does nothing but compute, and may be called or not.
const ATTRIBUTES: [(&str, u64); 5] = [("memory", 0), ("nounwind", 0), ("willreturn", 0), ("nosync", 0), ("nofree", 0)];

/// The function that hides what decides, with a number that keeps one loop's calls apart from those of others.
pub fn declare<'ctx>(llvm: &LlvmModule<'ctx>) -> FunctionValue<'ctx> {
    let context = llvm.get_context();
    let (bool, i32) = (context.bool_type(), context.i32_type());
    let function = llvm.add_function(NAME, bool.fn_type(&[bool.into(), i32.into()], false), None);
    for (name, value) in ATTRIBUTES {
        let kind = Attribute::get_named_enum_kind_id(name);
        function.add_attribute(AttributeLoc::Function, context.create_enum_attribute(kind, value));
    }
    function
}

/// A condition of which nothing is known until [`settle`].
pub fn hide<'ctx>(
    choose: FunctionValue<'ctx>,
    number: u32,
    condition: IntValue<'ctx>,
    builder: &Builder<'ctx>,
) -> IntValue<'ctx> {
    let number = choose.get_type().get_context().i32_type().const_int(number.into(), false);
    let call = builder.build_call(choose, &[condition.into(), number.into()], "").expect(POSITIONED);
    call.try_as_basic_value().basic().expect("it has a result").into_int_value()
}

/// Lets conditions be what they are where the copy has been vectorised, and elsewhere never take it.
pub fn settle(llvm: &LlvmModule<'_>) {
    let Some(choose) = llvm.get_function(NAME) else { return };
    while let Some(used) = choose.as_global_value().as_pointer_value().get_first_use() {
        let call = user(&used);
        let condition = int_operand(call, 0).expect("its first argument");
        let stays = branches_on(call).is_none_or(|branches| branches.iter().any(|branch| is_vectorised(*branch)));
        let settled = if stays { condition } else { condition.get_type().const_zero() };
        let value = IntValue::try_from(call).expect("its result");
        value.replace_all_uses_with(settled);
        call.erase_from_basic_block();
    }
    // SAFETY: no call of it is left.
    unsafe { choose.delete() };
}

/// The branches that a condition decides, if it is used for nothing else.
fn branches_on<'ctx>(condition: InstructionValue<'ctx>) -> Option<Vec<InstructionValue<'ctx>>> {
    users(condition).map(|user| conditional(user).map(|_| user)).collect()
}

/// Whether there are vectors in what runs only if the branch is taken.
fn is_vectorised(branch: InstructionValue<'_>) -> bool {
    let (Some((_, copy, original)), Some(decide)) = (conditional(branch), branch.get_parent()) else { return true };
    let others = reachable(original, decide);
    let has_vectors = |block: BasicBlock<'_>| {
        block.get_instructions().any(|i| i.get_opcode() != Op::Phi && vector_bits(i) >= VECTOR_BITS_MIN)
    };
    reachable(copy, decide).difference(&others).any(|block| has_vectors(*block))
}

/// How long the vector is that an instruction computes.
fn vector_bits(instruction: InstructionValue<'_>) -> u32 {
    let AnyTypeEnum::VectorType(ty) = instruction.get_type() else { return 0 };
    let element = match ty.get_element_type() {
        BasicTypeEnum::IntType(int) => int.get_bit_width(),
        BasicTypeEnum::FloatType(float) => float.get_bit_width(),
        // Pointers: the model is for machines of 64 bits.
        _ => 64,
    };
    ty.get_size() * element
}

/// The blocks that control may come to without passing `end`.
fn reachable<'ctx>(from: BasicBlock<'ctx>, end: BasicBlock<'ctx>) -> HashSet<BasicBlock<'ctx>> {
    let mut found = HashSet::from([from]);
    let mut open = vec![from];
    while let Some(block) = open.pop() {
        open.extend(successors(block).into_iter().filter(|next| *next != end && found.insert(*next)));
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::{Emit, MemoryModel, OptLevel, Options, compile_observed};

    /// Whether vectors are stored in a loop that stores so many bytes a round, each at an address of its own.
    fn has_vectors(bytes: usize) -> bool {
        let store = |at| {
            format!("(i32.store8 (i32.add (i32.add (local.get $i) (local.get $a)) (i32.const {at})) (local.get $v))")
        };
        let module = format!(
            r#"(module (memory 1) (func (export "fill") (param $a i32) (param $v i32) (param $end i32) (local $i i32)
                (loop {}
                    (br_if 0 (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const {bytes}))) (local.get $end))))))"#,
            (0..bytes).map(store).collect::<String>(),
        );
        let options = Options { level: OptLevel::O3, memory: MemoryModel::Guard, ..Options::default() };
        let ir = compile_observed(module.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
        String::from_utf8(ir).unwrap().lines().any(|line| line.trim().starts_with("store <"))
    }

    #[test]
    fn a_copy_stays_if_what_one_round_stores_has_become_one_vector() {
        assert!(has_vectors(8));
        // Four bytes at once are not worth it.
        assert!(!has_vectors(4));
    }
}
