//! Floats of a loop that are aligned in every round.
//!
//! Wasm's accesses may be misaligned, whatever their hints say. On ARM that keeps floats out of the instructions that load
//! and store their registers, which take aligned addresses only: a double is two words, and an instruction more to
//! join or to part them. Programs' floats are aligned nearly always. So it is found out before the loop, and the copy's
//! accesses say so; where it does not hold, the loop runs as it was.
//!
//! A memory's base is aligned ([`MEMORY_ALIGN`]). What is added to it is read as a start and a multiple of a step modulo
//! 2^32, the length of a pointer, which any alignment divides: if start and step are multiples of it, then so
//! is every address, wrapped or not, in whatever round. Two addresses that differ by a constant are decided by one test.
//!
//! An access that is said to be aligned and is not is undefined. None is outside the copy, which only the test leads to, and
//! code generation moves no access over the branch that follows on it: it does not know where memory ends.

use super::affine::{Affine, POSITIONED, Recurrences};
use super::copy::Copy;
use super::forest::Loop;
use crate::optimize::bounds::int_operand;
use crate::optimize::guard::pointer_operand;
use crate::options::Options;
use inkwell::IntPredicate as P;
use inkwell::builder::Builder;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{
    BasicMetadataValueEnum, BasicValue, InstructionOpcode as Op, InstructionValue, IntValue, PointerValue,
};
use wasmc_abi::target::{Arch, FloatAbi};
use wasmc_abi::vmctx::MEMORY_ALIGN;

/// More starts than this are not tested before a loop.
const TESTS_MAX: usize = 6;

/// Accesses that are worth to be aligned, and what makes them so.
#[derive(Default)]
pub struct Aligned<'ctx> {
    accesses: Vec<(InstructionValue<'ctx>, u32)>,
    /// Offsets from a memory's base, and what start and step must be multiples of.
    tests: Vec<(Affine<'ctx>, u32)>,
}

impl<'ctx> Aligned<'ctx> {
    /// The accesses of a loop that alignment makes faster.
    pub fn find(of: &Loop<'ctx>, recurrences: &mut Recurrences<'_, 'ctx>, options: &Options) -> Self {
        let mut aligned = Aligned::default();
        let row = options.target.row;
        if row.arch != Arch::Arm || row.float_abi != FloatAbi::Hard {
            return aligned;
        }
        // What is tested for doubles is known of the other floats.
        for bytes in [8, 4] {
            for access in of.instructions().filter(|i| float_bytes(*i) == Some(bytes)) {
                if access.get_alignment().is_ok_and(|align| align < bytes)
                    && let Some(offset) = offset(access, recurrences)
                {
                    aligned.add(access, offset, bytes);
                }
            }
        }
        aligned
    }

    /// Adds an access, unless it is known that it would fail the test, or one that others need.
    fn add(&mut self, access: InstructionValue<'ctx>, offset: Affine<'ctx>, bytes: u32) {
        let is_multiple = |number: i64| number.trailing_zeros() >= bytes.trailing_zeros();
        let never = |sum: &super::affine::Sum<'ctx>| sum.is_constant() && !is_multiple(sum.constant);
        if never(&offset.start) || never(&offset.step) {
            return;
        }
        match self.tests.iter().find_map(|(tested, _)| offset.minus(tested, 32)) {
            Some(difference) if !is_multiple(difference) => return,
            Some(_) => {}
            None if self.tests.len() == TESTS_MAX => return,
            None => self.tests.push((offset, bytes)),
        }
        self.accesses.push((access, bytes));
    }

    /// Finds out, before the loop, whether the accesses are aligned in every round.
    pub fn holds(
        &self,
        builder: &Builder<'ctx>,
        recurrences: &mut Recurrences<'_, 'ctx>,
        holds: &mut Vec<IntValue<'ctx>>,
    ) {
        let Some((first, _)) = self.accesses.first() else { return };
        let word = first.get_parent().expect("it is in a block").get_context().i32_type();
        let mut rests = Vec::new();
        for (Affine { start, step }, align) in &self.tests {
            for sum in [start, step] {
                let sum = recurrences.build_frozen(sum, word);
                let mask = word.const_int((align - 1).into(), false);
                rests.push(builder.build_and(sum, mask, "").expect(POSITIONED));
            }
        }
        let rest = rests.into_iter().reduce(|a, b| builder.build_or(a, b, "").expect(POSITIONED));
        let rest = rest.expect("an access has a test");
        holds.push(builder.build_int_compare(P::EQ, rest, word.const_zero(), "").expect(POSITIONED));
    }

    /// Says of the copy's accesses that they are aligned.
    pub fn mark(&self, copy: &Copy<'ctx>) {
        for (access, align) in &self.accesses {
            copy.instruction(*access).set_alignment(*align).expect("it is a power of two");
        }
    }
}

/// The bytes that an access of a float moves.
fn float_bytes(access: InstructionValue<'_>) -> Option<u32> {
    let ty = match access.get_opcode() {
        Op::Load => access.get_type().try_into().ok()?,
        Op::Store => access.get_operand(0)?.value()?.get_type(),
        _ => return None,
    };
    match ty {
        BasicTypeEnum::FloatType(ty) => Some(ty.get_bit_width() / 8),
        _ => None,
    }
}

/// What is added to a memory's base to make the address of an access, modulo 2^32.
fn offset<'ctx>(access: InstructionValue<'ctx>, recurrences: &mut Recurrences<'_, 'ctx>) -> Option<Affine<'ctx>> {
    let mut at = pointer_operand(access, u32::from(access.get_opcode() == Op::Store))?;
    let mut total = Affine::default();
    while let Some(step) = at.as_instruction_value().filter(|i| i.get_opcode() == Op::GetElementPtr) {
        let bytes = step.get_gep_source_element_type().ok().filter(|ty| ty.is_int_type())?;
        if bytes.into_int_type().get_bit_width() != 8 || step.get_num_operands() != 2 {
            return None;
        }
        total = total.plus(&recurrences.affine(int_operand(step, 1)?)?, 1)?;
        at = pointer_operand(step, 0)?;
    }
    is_base(at).then_some(total)
}

/// Whether an address is one that a memory begins at.
fn is_base(address: PointerValue<'_>) -> bool {
    let load = address.as_instruction_value().filter(|i| i.get_opcode() == Op::Load);
    let align = load.and_then(|load| {
        let kind = load.get_parent()?.get_context().get_kind_id("align");
        match load.get_metadata(kind)?.get_node_values()?.first()? {
            BasicMetadataValueEnum::IntValue(align) => align.get_zero_extended_constant(),
            _ => None,
        }
    });
    align == Some(MEMORY_ALIGN.into())
}

const _: () = assert!(MEMORY_ALIGN.is_multiple_of(8));

#[cfg(test)]
mod tests {
    use crate::{Emit, MemoryModel, OptLevel, Options, Target, compile_observed};

    /// A loop of a body, with a pointer `p` and a number `s` of which nothing is known. What it is told by.
    fn optimized(target: &str, body: &str, step: i32) -> String {
        let text = format!(
            "(module (memory 4) (func (export \"run\") (param $p i32) (param $q i32) (param $s i32) (param $n i32)
               (loop $l {body}
                 (local.set $p (i32.add (local.get $p) (i32.const {step})))
                 (br_if $l (i32.ne (local.get $p) (local.get $n))))))"
        );
        let target = Target::new(target, None, &[]).unwrap();
        let options = Options { target, level: OptLevel::O3, memory: MemoryModel::Checked, ..Options::default() };
        let ir = compile_observed(text.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
        String::from_utf8(ir).unwrap()
    }

    /// Accesses of that type that are said to be so aligned.
    fn count(ir: &str, ty: &str, align: u32) -> usize {
        let accesses =
            ir.lines().filter(|line| line.contains(&format!("load {ty},")) || line.contains(&format!("store {ty} ")));
        accesses.filter(|line| line.contains(&format!("align {align}"))).filter(|line| line.contains("!tbaa")).count()
    }

    const DOUBLE: &str =
        "(f64.store offset=24 (local.get $p) (f64.mul (f64.load offset=8 (local.get $p)) (f64.const 3)))";

    #[test]
    fn floats_are_aligned_in_the_copy_and_nowhere_else() {
        let float = "(f32.store offset=24 (local.get $p) (f32.mul (f32.load offset=8 (local.get $p)) (f32.const 3)))";
        for target in ["armv7-linux", "thumbv7-linux", "thumbv7em-none-hf"] {
            let ir = optimized(target, float, 4);
            let (aligned, others) = (count(&ir, "float", 4), count(&ir, "float", 1));
            assert!(aligned >= 2 && others >= 2, "{target}: {aligned} {others}\n{ir}");
        }
        for target in ["armv7-linux", "thumbv7-linux"] {
            let ir = optimized(target, DOUBLE, 8);
            // Where they are not, they are moved as integers.
            let (aligned, others) = (count(&ir, "double", 8), count(&ir, "i64", 1));
            assert!(aligned >= 2 && others >= 2, "{target}: {aligned} {others}\n{ir}");
            assert_eq!(count(&ir, "double", 1) + count(&ir, "i64", 8), 0, "{target}\n{ir}");
        }
        for target in ["x86_64-linux", "thumbv7em-none", "riscv32imafc-none"] {
            assert_eq!(count(&optimized(target, DOUBLE, 8), "double", 8), 0, "{target}");
        }
    }

    #[test]
    fn what_is_never_aligned_is_left_alone() {
        let of = |body: &str, step| {
            let ir = optimized("armv7-linux", body, step);
            (count(&ir, "double", 8), count(&ir, "float", 4), ir)
        };
        // A step that is no multiple of eight.
        let (doubles, ..) = of(DOUBLE, 12);
        assert_eq!(doubles, 0);
        // Two accesses of which only one can be.
        let apart = "(f64.store offset=20 (local.get $p) (f64.mul (f64.load offset=8 (local.get $p)) (f64.const 3)))";
        let (doubles, _, ir) = of(apart, 8);
        assert!(doubles >= 1 && !ir.lines().any(|line| line.contains("store double")), "{ir}");
        // Where doubles are known to be aligned, so are floats at multiples of four.
        let mixed = "(f64.store (local.get $p) (f64.promote_f32 (f32.add (f32.load offset=12 (local.get $p)) (f32.load offset=14 (local.get $p)))))";
        let (doubles, floats, ir) = of(mixed, 8);
        assert!(doubles >= 1 && floats >= 1 && count(&ir, "float", 1) > floats, "{ir}");
    }

    #[test]
    fn steps_and_starts_that_are_not_known_are_tested() {
        let body =
            "(f64.store (i32.add (local.get $q) (i32.mul (local.get $s) (local.get $p))) (f64.load (local.get $p)))";
        let ir = optimized("armv7-linux", body, 8);
        assert!(count(&ir, "double", 8) >= 2 || count(&ir, "i64", 8) >= 2, "{ir}");
    }
}
