//! Arrays that are apart from one another for as long as a loop runs.
//!
//! To LLVM all arrays of a guest are parts of one memory. Where it vectorises, it compares before the loop where the
//! accesses go, each with each. If a round writes several elements of one array, as it does where clang has unrolled the
//! loop, the accesses of that array interleave, the comparison never holds, and the vectors are dead code. So arrays
//! are compared here, each with all its accesses, and in the copy, accesses of arrays that have been found to be apart
//! are in alias scopes that say so. That is true of the rounds that the comparison was made for, and not of another
//! time that the program comes by. So the scopes are taken off again once loops have been vectorised ([`forget`]),
//! before anything could join rounds of one time with those of another.

use super::affine::{POSITIONED, Recurrences, freeze};
use super::copy::Copy;
use super::forest::Loop;
use super::{Group, Start, index};
use crate::optimize::guard::{address_parts, pointer_operand};
use inkwell::IntPredicate as P;
use inkwell::builder::Builder;
use inkwell::module::Module as LlvmModule;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{AsValueRef, InstructionOpcode as Op, InstructionValue, IntValue};

/// More comparisons than this are not made before a loop.
const PAIRS_MAX: usize = 10;

/// The arrays of a loop.
pub struct Apart<'ctx> {
    arrays: Vec<Array<'ctx>>,
}

/// What accesses with indices of one group touch.
struct Array<'ctx> {
    group: usize,
    accesses: Vec<InstructionValue<'ctx>>,
    /// The least byte that a round touches, and the first behind all of them, from the group's first index on.
    bytes: (i64, i64),
    is_written: bool,
}

impl<'ctx> Apart<'ctx> {
    /// The arrays of a loop, if LLVM's own comparison could not hold.
    pub fn find(of: &Loop<'ctx>, groups: &[Group<'ctx>], recurrences: &mut Recurrences<'_, 'ctx>) -> Option<Self> {
        let mut arrays: Vec<Array<'ctx>> = Vec::new();
        let mut memory = None;
        let mut interleave = false;
        for access in of.instructions().filter(|i| matches!(i.get_opcode(), Op::Load | Op::Store)) {
            let is_store = access.get_opcode() == Op::Store;
            let value = if is_store { access.get_operand(0)?.value()?.get_type() } else { loaded(access)? };
            let (base, index, constant) = address_parts(pointer_operand(access, u32::from(is_store))?)?;
            let (group, first) = place(index?, constant, groups, recurrences)?;
            // Vectors of an array's elements that are apart by who knows how much are put together one by one, which
            // takes longer than the loop does without vectors.
            if *memory.get_or_insert(base) != base || !groups[group].first.affine.step.is_constant() {
                return None;
            }
            let bytes = (first, first + byte_count(value)?);
            match arrays.iter_mut().find(|array| array.group == group) {
                Some(array) => {
                    array.is_written |= is_store;
                    interleave |= array.is_written && !array.accesses.is_empty() && array.bytes != bytes;
                    array.bytes = (array.bytes.0.min(bytes.0), array.bytes.1.max(bytes.1));
                    array.accesses.push(access);
                }
                None => arrays.push(Array { group, accesses: vec![access], bytes, is_written: is_store }),
            }
        }
        let apart = Apart { arrays };
        let pairs = apart.pairs().count();
        (interleave && (1..=PAIRS_MAX).contains(&pairs)).then_some(apart)
    }

    /// Arrays of which one at least is written.
    fn pairs(&self) -> impl Iterator<Item = (&Array<'ctx>, &Array<'ctx>)> {
        let later = |at: usize| self.arrays[at + 1..].iter();
        let all = self.arrays.iter().enumerate().flat_map(move |(at, one)| later(at).map(move |other| (one, other)));
        all.filter(|(one, other)| one.is_written || other.is_written)
    }

    /// Finds out, before the loop, whether the arrays are apart in the first round and all `last` that follow it.
    pub fn holds(
        &self,
        builder: &Builder<'ctx>,
        starts: &[Start<'ctx>],
        last: IntValue<'ctx>,
        holds: &mut Vec<IntValue<'ctx>>,
    ) {
        let ranges: Vec<_> = self.arrays.iter().map(|array| array.range(builder, &starts[array.group], last)).collect();
        let range = |array: &Array<'ctx>| {
            let place = self.arrays.iter().position(|other| other.group == array.group).expect("it is one of them");
            ranges[place]
        };
        for (one, other) in self.pairs() {
            let ((low, high), (other_low, other_high)) = (range(one), range(other));
            let below = builder.build_int_compare(P::SLE, high, other_low, "").expect(POSITIONED);
            let above = builder.build_int_compare(P::SLE, other_high, low, "").expect(POSITIONED);
            let either = builder.build_or(below, above, "").expect(POSITIONED);
            holds.push(freeze(builder, either));
        }
    }

    /// Says of the copy's accesses which arrays they are in, and which they are apart from. `number` is the loop's.
    pub fn mark(&self, copy: &Copy<'ctx>, number: u32) {
        let context = copy.context();
        let node = |values: &[_]| context.metadata_node(values);
        let string = |text: String| context.metadata_string(&text);
        let domain = node(&[string(format!("loop {number}")).into()]);
        let scope = |array: &Array<'ctx>| {
            let name = string(format!("array {number}.{}", array.group));
            node(&[name.into(), domain.into()])
        };
        let (scope_kind, noalias_kind) = (context.get_kind_id("alias.scope"), context.get_kind_id("noalias"));
        for array in &self.arrays {
            let others = self.pairs().filter_map(|(one, other)| match array.group {
                group if group == one.group => Some(other),
                group if group == other.group => Some(one),
                _ => None,
            });
            let others: Vec<_> = others.map(|other| scope(other).into()).collect();
            for access in &array.accesses {
                let access = copy.instruction(*access);
                access.set_metadata(node(&[scope(array).into()]), scope_kind).expect("a list is a node");
                access.set_metadata(node(&others), noalias_kind).expect("a list is a node");
            }
        }
    }
}

impl<'ctx> Array<'ctx> {
    /// The first byte and the first behind it, of all rounds.
    fn range(
        &self,
        builder: &Builder<'ctx>,
        from: &Start<'ctx>,
        last: IntValue<'ctx>,
    ) -> (IntValue<'ctx>, IntValue<'ctx>) {
        let way = builder.build_int_mul(from.step, last, "").expect(POSITIONED);
        let end = builder.build_int_add(from.start, way, "").expect(POSITIONED);
        let rises = builder.build_int_compare(P::SGE, way, way.get_type().const_zero(), "").expect(POSITIONED);
        let choose = |a: IntValue<'ctx>, b: IntValue<'ctx>, bytes: i64| {
            let value = builder.build_select(rises, a, b, "").expect(POSITIONED).into_int_value();
            let bytes = value.get_type().const_int(bytes.cast_unsigned(), true);
            builder.build_int_add(value, bytes, "").expect(POSITIONED)
        };
        (choose(from.start, end, self.bytes.0), choose(end, from.start, self.bytes.1))
    }
}

/// The group of an access's index, one of those that have been found not to wrap, and what the address is more than
/// the base and the group's first.
fn place<'ctx>(
    value: IntValue<'ctx>,
    constant: i64,
    groups: &[Group<'ctx>],
    recurrences: &mut Recurrences<'_, 'ctx>,
) -> Option<(usize, i64)> {
    let (index, added) = if value.get_type().get_bit_width() == 32 {
        let affine = recurrences.affine(value).filter(|affine| !affine.is_invariant())?;
        (super::Index { affine, bits: 32 }, 0)
    } else {
        index(value, recurrences)?
    };
    let (at, difference) = groups.iter().enumerate().find_map(|(at, group)| {
        let fits = group.first.bits == 32 && index.bits == 32;
        let difference = index.affine.minus(&group.first.affine, 32).filter(|_| fits)?;
        (group.least..=group.most).contains(&difference).then_some((at, difference))
    })?;
    Some((at, difference + added.checked_add(constant).filter(|sum| sum.abs() < super::CONSTANT_MAX)?))
}

fn loaded(load: InstructionValue<'_>) -> Option<BasicTypeEnum<'_>> {
    BasicTypeEnum::try_from(load.get_type()).ok()
}

/// Bytes in memory of a scalar.
fn byte_count(ty: BasicTypeEnum<'_>) -> Option<i64> {
    match ty {
        BasicTypeEnum::IntType(ty) => Some(i64::from(ty.get_bit_width().div_ceil(8))),
        BasicTypeEnum::FloatType(ty) => Some(i64::from(ty.get_bit_width() / 8)),
        _ => None,
    }
}

/// Takes all alias scopes off.
pub fn forget(llvm: &LlvmModule<'_>) {
    let context = llvm.get_context();
    let kinds = ["alias.scope", "noalias"].map(|name| context.get_kind_id(name));
    for instruction in llvm.get_functions().flat_map(|f| f.get_basic_block_iter()).flat_map(|b| b.get_instructions()) {
        if matches!(instruction.get_opcode(), Op::Load | Op::Store | Op::Call) {
            for kind in kinds {
                // SAFETY: it is an instruction, and may have no metadata of the kind.
                unsafe {
                    inkwell::llvm_sys::core::LLVMSetMetadata(instruction.as_value_ref(), kind, std::ptr::null_mut())
                };
            }
        }
    }
}
