//! Counted loops without bounds checks, at `-O2` and `-O3`.
//!
//! A check in a loop keeps LLVM from vectorising it, from unrolling it well and from moving what need not be done in
//! every round. Where it is known before a loop how many rounds it takes at most, and how indices change from round to
//! round, all of a check's rounds can be decided at once. So the loop is doubled: the copy is taken if what it leaves
//! out has been found to be true for every round that may come, else the loop as it was, which traps where it must.
//! Where LLVM has found all checks to hold, the copy is made for its indices alone.
//!
//! The copy differs from the loop in three ways only, all of them facts about values:
//! - a branch to a trap goes the other way always, since its index plus a constant is at most its bound in each round;
//! - an index that is extended from 32 bits to 64 is counted in 64 bits, since it does not wrap;
//! - the exit that the count was read from is taken in the round that was computed, whatever form its test had.
//!
//! Of memory it is said at most that arrays are apart which have been found to be ([`apart`]), and no access is moved,
//! added or left out, so it does not matter what else the loop does, nor that it may be left early. All of it is computed
//! in 64 bits from numbers of hardly more than 32, so that nothing wraps on the way. What LLVM calls poison needs care,
//! since here it is used before the program would use it: counts and steps are made of frozen values, and each comparison
//! of a start or a bound is frozen by itself. If it was poison, then so is the check that it stands for, which the
//! program then does not reach.

mod affine;
mod aligned;
mod apart;
mod choice;
mod copy;
mod count;
mod forest;

use super::aside::is_for_loops;
use super::bounds::{conditional, int_operand};
use super::guard::is_pure_intrinsic;
use super::guest_functions;
use crate::options::{MemoryModel, Options};
use crate::translate::symbols;
use affine::{Affine, POSITIONED, Recurrences, freeze, signed};
use aligned::Aligned;
use apart::Apart;
use forest::Loop;
use inkwell::IntPredicate as P;
use inkwell::basic_block::BasicBlock;
use inkwell::builder::Builder;
use inkwell::module::Module as LlvmModule;
use inkwell::types::IntType;
use inkwell::values::{
    BasicValue, FunctionValue, InstructionOpcode as Op, InstructionValue, IntValue, PhiValue, PointerValue,
};
use std::collections::HashMap;
use wasmc_abi::TrapCode;
use wasmc_abi::target::Arch;

pub use copy::{tell, value_of};
pub use forest::{Cycle, innermost_cycles, latches, nests, successors, users};

/// Loops of more instructions are not copied.
const INSTRUCTIONS_MAX: usize = 400;

/// A loop that goes round less often than this is not worth the comparisons.
const ROUNDS_MIN: u64 = 8;

/// Bound of constants that are added to indices.
const CONSTANT_MAX: i64 = 1 << 40;

/// Doubles the loops of a module that this makes faster. Returns whether there were any. Which of the copies stay may be
/// left to [`settle`].
pub fn version_loops(llvm: &LlvmModule<'_>, options: &Options) -> bool {
    let traps = TrapCode::ALL.iter().filter_map(|code| llvm.get_function(&symbols::trap_stub(*code)));
    let traps: Vec<_> = traps.map(|stub| stub.as_global_value().as_pointer_value()).collect();
    let arch = options.target.row.arch;
    // In `guard` checks cost nothing once they have been removed, in a loop that is not vectorised. On RISC-V a copy has
    // no extensions of indices either, two instructions each.
    let only_vectors = options.memory == MemoryModel::Guard && arch != Arch::Riscv;
    // Where all checks hold, there is an extension less to an access, and more vectors at a time: LLVM counts instructions. On x86-64
    // what has been computed in 32 bits is extended.
    let for_indices = arch == Arch::Aarch64;
    let choose = (only_vectors || for_indices).then(|| choice::declare(llvm));
    let mut versions = 0;
    for function in guest_functions(llvm).filter(|function| is_for_loops(*function)) {
        for of in forest::innermost_loops(function) {
            let has_checks = of.blocks.iter().any(|block| leads_to_trap(*block, &of, &traps).is_some());
            let choose = choose.filter(|_| only_vectors || !has_checks);
            let is_wanted = has_checks || for_indices && has_plain_accesses(&of);
            if is_wanted && version(&of, versions, has_checks, &traps, options, choose).is_some() {
                versions += 1;
            }
        }
    }
    versions > 0
}

/// A branch out of the loop to a trap, that goes on while `index + constant < bound`.
struct Check<'ctx> {
    /// Where it goes on.
    next: BasicBlock<'ctx>,
    index: Index<'ctx>,
    constant: i64,
    bound: IntValue<'ctx>,
    /// Whether both sides are compared as signed numbers.
    is_signed: bool,
    or_equal: bool,
}

/// An index that changes evenly.
#[derive(Clone)]
struct Index<'ctx> {
    affine: Affine<'ctx>,
    /// 32 where it is extended from that, else 64.
    bits: u32,
}

/// Indices that differ by constants.
struct Group<'ctx> {
    first: Index<'ctx>,
    /// The least and the largest that is added to the first.
    least: i64,
    most: i64,
    /// Bounds, whether they are signed, and how much they must be more than the first at least.
    bounds: Vec<(IntValue<'ctx>, bool, i64)>,
    /// Extensions to 64 bits, with what is added to the first before.
    extensions: Vec<(InstructionValue<'ctx>, i64)>,
}

/// Ends what is made for LLVM's vectoriser of loops alone, once it has run.
pub fn forget(llvm: &LlvmModule<'_>) {
    apart::forget(llvm);
}

/// Decides which copies stay, once LLVM has vectorised what is in one block too.
pub fn settle(llvm: &LlvmModule<'_>) {
    choice::settle(llvm);
}

/// Whether a loop accesses memory, or whatever else, in ways that LLVM may change, and in no other.
fn has_plain_accesses(of: &Loop<'_>) -> bool {
    let mut accesses = of.instructions().filter_map(|i| i.get_volatile().ok()).peekable();
    accesses.peek().is_some() && accesses.all(|is_volatile| !is_volatile)
}

/// Doubles a loop. `number` is of no other loop of the module; `choose` is what hides the decision.
fn version<'ctx>(
    of: &Loop<'ctx>,
    number: u32,
    has_checks: bool,
    traps: &[PointerValue<'ctx>],
    options: &Options,
    choose: Option<FunctionValue<'ctx>>,
) -> Option<()> {
    let small = of.instructions().take(INSTRUCTIONS_MAX + 1).count() <= INSTRUCTIONS_MAX;
    if !small || !copy::can_copy(of, is_pure_intrinsic) {
        return None;
    }
    let builder = of.header.get_context().create_builder();
    builder.position_before(&of.entry.get_terminator()?);
    let mut recurrences = Recurrences::new(of, &builder);
    let exit = count::find_exit(of, &mut recurrences, |block| leads_to_trap(block, of, traps).is_some())?;
    let mut groups: Vec<Group<'ctx>> = Vec::new();
    let mut decided = HashMap::new();
    for block in &of.blocks {
        let Some(check) = check(*block, of, traps, &mut recurrences) else { continue };
        let Some((group, offset)) = place(&mut groups, check.index) else { continue };
        groups[group].add_bound(check.bound, check.is_signed, offset + check.constant, check.or_equal);
        decided.insert(*block, check.next);
    }
    let exits = of.blocks.iter().filter(|block| forest::successors(**block).iter().any(|next| !of.contains(*next)));
    let left = exits.filter(|block| !decided.contains_key(block)).count();
    // In `guard`, a check that stays costs nothing; it is the loop without exits but one that is worth something.
    let worth = if options.memory == MemoryModel::Guard { left == 1 } else { true };
    if has_checks && decided.is_empty() || !worth || !of.is_closed() {
        return None;
    }
    for extension in of.instructions().filter(|i| i.get_opcode() == Op::ZExt) {
        let Some(narrow) = int_operand(extension, 0).filter(|v| v.get_type().get_bit_width() == 32) else { continue };
        let Some(affine) = recurrences.affine(narrow).filter(|a| !a.is_invariant()) else { continue };
        let is_64 = IntValue::try_from(extension).is_ok_and(|wide| wide.get_type().get_bit_width() == 64);
        if is_64 && let Some((group, offset)) = place(&mut groups, Index { affine, bits: 32 }) {
            groups[group].extensions.push((extension, offset));
        }
    }
    if groups.is_empty() {
        return None;
    }
    let apart = Apart::find(of, &groups, &mut recurrences);
    let aligned = Aligned::find(of, &mut recurrences, options);
    let is_wide = options.target.row.pointer_bits == 64;
    Version { of, number, exit, groups, apart, aligned, decided, choose, is_wide }.build(&builder, recurrences);
    Some(())
}

/// The trap that a block may end in, and where it goes on otherwise.
fn leads_to_trap<'ctx>(
    block: BasicBlock<'ctx>,
    of: &Loop<'ctx>,
    traps: &[PointerValue<'ctx>],
) -> Option<(IntValue<'ctx>, BasicBlock<'ctx>, bool)> {
    let (condition, on_true, on_false) = conditional(block.get_terminator()?)?;
    match (of.contains(on_true), of.contains(on_false)) {
        (false, true) if is_trap(on_true, traps) => Some((condition, on_false, true)),
        (true, false) if is_trap(on_false, traps) => Some((condition, on_true, false)),
        _ => None,
    }
}

/// Whether a block does nothing but trap, or leads to such a block and nowhere else.
fn is_trap(block: BasicBlock<'_>, traps: &[PointerValue<'_>]) -> bool {
    let Some(first) = block.get_first_instruction() else { return false };
    match first.get_opcode() {
        Op::Call => super::guard::callee(first).is_some_and(|callee| traps.contains(&callee)),
        Op::Br => match forest::successors(block).as_slice() {
            [next] => next.get_first_instruction().is_some_and(|first| {
                first.get_opcode() == Op::Call
                    && super::guard::callee(first).is_some_and(|callee| traps.contains(&callee))
            }),
            _ => false,
        },
        _ => false,
    }
}

fn check<'ctx>(
    block: BasicBlock<'ctx>,
    of: &Loop<'ctx>,
    traps: &[PointerValue<'ctx>],
    recurrences: &mut Recurrences<'_, 'ctx>,
) -> Option<Check<'ctx>> {
    let (condition, next, traps_if) = leads_to_trap(block, of, traps)?;
    let compare = condition.as_instruction_value().filter(|i| i.get_opcode() == Op::ICmp)?;
    let predicate = compare.get_icmp_predicate()?;
    let predicate = if traps_if { count::inverse(predicate) } else { predicate };
    let (a, b) = (int_operand(compare, 0)?, int_operand(compare, 1)?);
    let is_signed = matches!(predicate, P::SLT | P::SLE | P::SGT | P::SGE);
    // What passes is `lesser < bound`, or `lesser ≤ bound`.
    let (lesser, bound, or_equal) = match predicate {
        P::ULT | P::SLT => (a, b, false),
        P::ULE | P::SLE => (a, b, true),
        P::UGT | P::SGT => (b, a, false),
        P::UGE | P::SGE => (b, a, true),
        // What becomes of `index + 8 < end` where `index < end` and a multiple of 8 is known. What is below a number is not
        // that number.
        P::NE => (a, b, false),
        P::EQ => return None,
    };
    if !of.is_invariant(bound) {
        return None;
    }
    let (index, constant) = index(lesser, recurrences)?;
    Some(Check { next, index, constant, bound, is_signed, or_equal })
}

/// Reads a number as an index and a constant that is added to it, without a wrap if the index is as [`Version::holds`]
/// finds it to be.
fn index<'ctx>(value: IntValue<'ctx>, recurrences: &mut Recurrences<'_, 'ctx>) -> Option<(Index<'ctx>, i64)> {
    let bits = value.get_type().get_bit_width();
    let (mut at, mut constant) = (value, 0i64);
    while let Some(sum) = at.as_instruction_value().filter(|_| bits == 64) {
        let disjoint = sum.get_opcode() == Op::Or && sum.get_disjoint_flag().unwrap_or(false);
        if sum.get_opcode() != Op::Add && !disjoint {
            break;
        }
        let Some(added) = int_operand(sum, 1)?.get_sign_extended_constant() else { break };
        constant = constant.checked_add(added).filter(|sum| sum.abs() < CONSTANT_MAX)?;
        at = int_operand(sum, 0)?;
    }
    let extension = at.as_instruction_value().filter(|i| i.get_opcode() == Op::ZExt);
    let narrow = extension.and_then(|i| int_operand(i, 0)).filter(|v| v.get_type().get_bit_width() == 32);
    let (value, bits) = narrow.map_or((at, bits), |narrow| (narrow, 32));
    let affine = recurrences.affine(value).filter(|a| !a.is_invariant())?;
    let evenly = bits == 32 || affine.step.is_constant() && affine.step.constant.unsigned_abs() < 1 << 31;
    evenly.then_some((Index { affine, bits }, constant))
}

/// The group of an index, and what it is more than the group's first.
fn place<'ctx>(groups: &mut Vec<Group<'ctx>>, index: Index<'ctx>) -> Option<(usize, i64)> {
    for (place, group) in groups.iter_mut().enumerate().filter(|(_, group)| group.first.bits == index.bits) {
        let difference = index.affine.minus(&group.first.affine, index.bits);
        if let Some(difference) = difference.filter(|d| d.unsigned_abs() < CONSTANT_MAX.unsigned_abs()) {
            group.least = group.least.min(difference);
            group.most = group.most.max(difference);
            return Some((place, difference));
        }
    }
    let (bounds, extensions) = (Vec::new(), Vec::new());
    groups.push(Group { first: index, least: 0, most: 0, bounds, extensions });
    Some((groups.len() - 1, 0))
}

/// All that is needed to build the second version of a loop.
struct Version<'a, 'ctx> {
    of: &'a Loop<'ctx>,
    number: u32,
    exit: count::Exit<'ctx>,
    groups: Vec<Group<'ctx>>,
    /// Arrays that LLVM could not tell apart.
    apart: Option<Apart<'ctx>>,
    /// Accesses that are found to be aligned.
    aligned: Aligned<'ctx>,
    /// Blocks that end in a check, and where they go on.
    decided: HashMap<BasicBlock<'ctx>, BasicBlock<'ctx>>,
    /// What hides the decision.
    choose: Option<FunctionValue<'ctx>>,
    /// Whether the machine counts in 64 bits.
    is_wide: bool,
}

/// The first index of a group in 64 bits, before the loop.
struct Start<'ctx> {
    start: IntValue<'ctx>,
    step: IntValue<'ctx>,
}

impl<'ctx> Version<'_, 'ctx> {
    fn build(&self, builder: &Builder<'ctx>, mut recurrences: Recurrences<'_, 'ctx>) {
        let entry = self.of.entry;
        let context = entry.get_context();
        let wide = context.i64_type();
        let count = self.exit.count(&mut recurrences, builder);
        let few = builder.build_int_compare(P::ULT, count.last, wide.const_int(ROUNDS_MIN - 1, false), "");
        let few = few.expect(POSITIONED);
        let decide = context.insert_basic_block_after(entry, "");
        let former = entry.get_terminator().expect("a block ends");
        builder.build_conditional_branch(few, self.of.header, decide).expect(POSITIONED);
        former.erase_from_basic_block();

        builder.position_at_end(decide);
        let mut starts = Vec::new();
        let mut holds = count.known.clone();
        for group in &self.groups {
            let start = group.start(builder, &mut recurrences, wide);
            group.holds(builder, &start, count.last, &mut holds);
            starts.push(start);
        }
        if let Some(apart) = &self.apart {
            apart.holds(builder, &starts, count.last, &mut holds);
        }
        self.aligned.holds(builder, &mut recurrences, &mut holds);
        let all = holds.into_iter().reduce(|a, b| builder.build_and(a, b, "").expect(POSITIONED));
        let all = all.expect("there is a check");
        let last = if self.is_wide {
            count.last
        } else {
            // It is below 2^32, and the copy counts no further.
            builder.build_int_truncate(count.last, context.i32_type(), "").expect(POSITIONED)
        };
        let all = self.choose.map_or(all, |choose| choice::hide(choose, self.number, all, builder));

        let loops = context.create_builder();
        let mut copy = copy::copy(self.of, &loops);
        builder.build_conditional_branch(all, copy.block(self.of.header), self.of.header).expect(POSITIONED);
        for (group, start) in self.groups.iter().zip(&starts) {
            self.widen(group, start, decide, &mut copy, &loops);
        }
        if let Some(apart) = &self.apart {
            apart.mark(&copy, self.number);
        }
        self.aligned.mark(&copy);
        // What is left in it are checks that fail, or loops of few rounds.
        copy::leave_scalar(self.of);
        let ends = self.count_rounds(last, decide, &copy, &loops);
        copy::connect(self.of, &copy, decide, &self.decided, (self.exit.block, ends), &loops);
        copy::unroll_vectors(self.of, &copy);
        for phi in self.of.header.get_instructions().take_while(|i| i.get_opcode() == Op::Phi) {
            let phi = PhiValue::try_from(phi).expect("it is a phi");
            let start = phi.get_incomings().find(|(_, from)| *from == entry).expect("the loop is entered from there").0;
            phi.add_incoming(&[(&start, decide)]);
        }
    }

    /// Lets the copy count its rounds. Returns whether the one is reached in which it ends.
    fn count_rounds(
        &self,
        last: IntValue<'ctx>,
        decide: BasicBlock<'ctx>,
        copy: &copy::Copy<'ctx>,
        builder: &Builder<'ctx>,
    ) -> IntValue<'ctx> {
        let ty = last.get_type();
        let round = self.counter(ty.const_zero(), ty.const_int(1, false), decide, copy, builder);
        builder.build_int_compare(P::EQ, round, last, "").expect(POSITIONED)
    }

    /// A number that is `start` in the copy's first round, and `step` more in each that follows. The builder then
    /// stands behind the phis.
    fn counter(
        &self,
        start: IntValue<'ctx>,
        step: IntValue<'ctx>,
        decide: BasicBlock<'ctx>,
        copy: &copy::Copy<'ctx>,
        builder: &Builder<'ctx>,
    ) -> IntValue<'ctx> {
        let header = copy.block(self.of.header);
        builder.position_before(&header.get_first_instruction().expect("the header begins with a phi"));
        let phi = builder.build_phi(start.get_type(), "").expect(POSITIONED);
        let counter = phi.as_basic_value().into_int_value();
        match header.get_instructions().find(|i| i.get_opcode() != Op::Phi) {
            Some(first) => builder.position_before(&first),
            None => builder.position_at_end(header),
        }
        let next = match start.get_type().get_bit_width() {
            64 => builder.build_int_nsw_add(counter, step, "").expect(POSITIONED),
            // Behind the last round it may wrap.
            _ => builder.build_int_add(counter, step, "").expect(POSITIONED),
        };
        phi.add_incoming(&[(&start, decide), (&next, copy.block(self.of.latch))]);
        counter
    }

    /// Lets the copy count a group's indices in 64 bits.
    fn widen(
        &self,
        group: &Group<'ctx>,
        start: &Start<'ctx>,
        decide: BasicBlock<'ctx>,
        copy: &mut copy::Copy<'ctx>,
        builder: &Builder<'ctx>,
    ) {
        if group.extensions.is_empty() {
            return;
        }
        let wide = start.start.get_type();
        let counter = self.counter(start.start, start.step, decide, copy, builder);
        for (extension, offset) in &group.extensions {
            let offset = wide.const_int(offset.cast_unsigned(), true);
            let index = builder.build_int_nsw_add(counter, offset, "").expect(POSITIONED);
            copy.replace(*extension, index);
        }
    }
}

impl<'ctx> Group<'ctx> {
    fn add_bound(&mut self, bound: IntValue<'ctx>, is_signed: bool, offset: i64, or_equal: bool) {
        if !is_signed {
            // Below zero it would be far above the bound.
            self.least = self.least.min(offset);
        }
        let distance = offset + i64::from(!or_equal);
        match self.bounds.iter_mut().find(|(known, signed, _)| *known == bound && *signed == is_signed) {
            Some((_, _, most)) => *most = (*most).max(distance),
            None => self.bounds.push((bound, is_signed, distance)),
        }
    }

    fn start(
        &self,
        builder: &Builder<'ctx>,
        recurrences: &mut Recurrences<'_, 'ctx>,
        wide: IntType<'ctx>,
    ) -> Start<'ctx> {
        let Index { affine, bits } = &self.first;
        let ty = if *bits == 32 { wide.get_context().i32_type() } else { wide };
        let start = recurrences.build(&affine.start, ty);
        let step = if affine.step.is_constant() {
            wide.const_int(signed(affine.step.constant, *bits).cast_unsigned(), true)
        } else {
            let step = recurrences.build_frozen(&affine.step, ty);
            builder.build_int_s_extend_or_bit_cast(step, wide, "").expect(POSITIONED)
        };
        Start { start: builder.build_int_z_extend_or_bit_cast(start, wide, "").expect(POSITIONED), step }
    }

    /// Finds out whether no index of the group wraps or is beyond its bound, in the first round and in the `last` that
    /// follow it.
    fn holds(
        &self,
        builder: &Builder<'ctx>,
        from: &Start<'ctx>,
        last: IntValue<'ctx>,
        holds: &mut Vec<IntValue<'ctx>>,
    ) {
        let wide = last.get_type();
        let constant = |number: i64| wide.const_int(number.cast_unsigned(), true);
        let plus = |value, number| match number {
            0 => value,
            _ => builder.build_int_add(value, constant(number), "").expect(POSITIONED),
        };
        let mut hold = |predicate, a, b| {
            let compare = builder.build_int_compare(predicate, a, b, "").expect(POSITIONED);
            holds.push(freeze(builder, compare));
        };
        let way = builder.build_int_mul(from.step, last, "").expect(POSITIONED);
        let end = builder.build_int_add(from.start, way, "").expect(POSITIONED);
        let (lowest, highest) = match from.step.get_sign_extended_constant() {
            Some(0..) => (vec![from.start], vec![end]),
            Some(_) => (vec![end], vec![from.start]),
            None => (vec![from.start, end], vec![from.start, end]),
        };
        if self.first.bits == 64 {
            hold(P::ULE, from.start, constant(CONSTANT_MAX));
        }
        // The start is not below zero.
        for low in lowest.into_iter().filter(|low| *low != from.start || self.least < 0) {
            hold(P::SGE, plus(low, self.least), constant(0));
        }
        let end_of_32_bits = constant(1 << 32);
        let mut bounds: Vec<_> = self
            .bounds
            .iter()
            .map(|(bound, is_signed, distance)| {
                let extend = if *is_signed {
                    Builder::build_int_s_extend_or_bit_cast
                } else {
                    Builder::build_int_z_extend_or_bit_cast
                };
                (extend(builder, *bound, wide, "").expect(POSITIONED), *distance)
            })
            .collect();
        if self.first.bits == 32 {
            for (bound, distance) in &mut bounds {
                let beyond = builder.build_int_compare(P::SGT, *bound, end_of_32_bits, "").expect(POSITIONED);
                let least = builder.build_select(beyond, end_of_32_bits, *bound, "").expect(POSITIONED);
                (*bound, *distance) = (least.into_int_value(), (*distance).max(self.most + 1));
            }
            if bounds.is_empty() {
                bounds.push((end_of_32_bits, self.most + 1));
            }
        }
        for (bound, distance) in bounds {
            for high in &highest {
                hold(P::SLE, plus(*high, distance), bound);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::translate::symbols;
    use crate::{Emit, MemoryModel, OptLevel, Options, Target, compile_observed};
    use wasmc_abi::TrapCode;

    /// A sum of two arrays into a third, with the counter's step and test as given.
    fn module(step: i32, goes_on: &str) -> String {
        let address = |base: &str| format!("(i32.add (local.get ${base}) (i32.shl (local.get $i) (i32.const 3)))");
        format!(
            "(module (memory 4) (func (export \"run\") (param $a i32) (param $b i32) (param $i i32) (param $n i32)
               (loop $l
                 (f64.store {a} (f64.add (f64.load {a}) (f64.load offset=1000 {b})))
                 (local.set $i (i32.add (local.get $i) (i32.const {step})))
                 (br_if $l ({goes_on} (local.get $i) (local.get $n))))))",
            a = address("a"),
            b = address("b"),
        )
    }

    fn optimized(module: &str, level: OptLevel, memory: MemoryModel) -> String {
        let options = Options { target: Target::default(), level, memory, ..Options::default() };
        String::from_utf8(compile_observed(module.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap()).unwrap()
    }

    #[test]
    fn counted_loops_are_vectorised_at_the_levels_for_speed() {
        let forms =
            [(1, "i32.lt_u"), (1, "i32.lt_s"), (1, "i32.ne"), (1, "i32.le_u"), (-1, "i32.gt_s"), (-1, "i32.ne")];
        for (step, goes_on) in forms {
            let module = module(step, goes_on);
            for memory in [MemoryModel::Guard, MemoryModel::Checked] {
                for level in [OptLevel::O2, OptLevel::O3] {
                    let ir = optimized(&module, level, memory);
                    assert!(ir.contains("fadd <2 x double>"), "{goes_on}, {level:?}, {memory:?}:\n{ir}");
                }
                assert!(!optimized(&module, OptLevel::Os, memory).contains("fadd <2 x double>"));
            }
        }
    }

    #[test]
    fn where_the_hardware_checks_only_copies_with_vectors_stay() {
        let trap = format!("call void @{}(", symbols::trap_stub(TrapCode::MemoryOutOfBounds));
        // Each round needs what the one before has computed.
        let hash = "(module (memory 4) (func (export \"run\") (param $i i32) (param $n i32) (result i32) (local $h i32)
            (loop $l
              (local.set $h (i32.mul (i32.xor (local.get $h) (i32.load (local.get $i))) (i32.const 0x9e3779b1)))
              (local.set $i (i32.add (local.get $i) (i32.const 4)))
              (br_if $l (i32.lt_u (local.get $i) (local.get $n))))
            (local.get $h)))";
        let loads = |ir: &str| ir.matches("load i32").count() + ir.matches("load volatile i32").count();
        let guarded = optimized(hash, OptLevel::O3, MemoryModel::Guard);
        // Two are those of the parameters, by who enters from outside.
        assert_eq!((loads(&guarded), guarded.matches(&trap).count()), (1 + 2, 0), "{guarded}");
        let checked = optimized(hash, OptLevel::O3, MemoryModel::Checked);
        assert!(loads(&checked) > 1 + 2 && checked.contains(&trap), "{checked}");
        // The loop beside a copy with vectors has no checks either: lengths are known through what doubling adds.
        let guarded = optimized(&module(1, "i32.lt_u"), OptLevel::O3, MemoryModel::Guard);
        assert!(guarded.contains("fadd <2 x double>") && !guarded.contains(&trap), "{guarded}");
    }

    #[test]
    fn where_all_checks_hold_the_copy_has_no_extensions_on_aarch64() {
        // A row of points becomes another, by those around it; all are there. As clang leaves such a loop, it counts up to zero.
        let at = |offset: i32| format!("(i32.add (i32.add (local.get $i) (local.get $row)) (i32.const {offset}))");
        let sum = [8176, 12264, 12280, 16368].iter().fold(format!("(f64.load {})", at(12272)), |sum, offset| {
            format!("(f64.add {sum} (f64.load {}))", at(*offset))
        });
        let module = format!(
            "(module (memory 4) (func (export \"run\") (param $row i32) (local $i i32)
               (local.set $row (i32.shl (i32.and (local.get $row) (i32.const 7)) (i32.const 12)))
               (local.set $i (i32.const -4080))
               (loop $l
                 (f64.store {} {sum})
                 (br_if $l (local.tee $i (i32.add (local.get $i) (i32.const 8)))))))",
            at(131_072 + 4080)
        );
        for memory in [MemoryModel::Guard, MemoryModel::Checked] {
            let target = Target::new("aarch64-linux", None, &[]).unwrap();
            let options = Options { target, level: OptLevel::O3, memory, ..Options::default() };
            let ir = compile_observed(module.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
            let ir = String::from_utf8(ir).unwrap();
            assert!(ir.contains("fadd <2 x double>") && !ir.contains("zext i32"), "{memory:?}: {ir}");
        }
    }

    #[test]
    fn arrays_whose_accesses_interleave_are_told_apart() {
        // Two elements a round: row[i] += f * other[i], as clang leaves such a loop.
        let element = |offset: u32| {
            let at = |base: &str| format!("(i32.add (local.get ${base}) (local.get $i))");
            format!(
                "(f64.store offset={offset} {row} (f64.add (f64.load offset={offset} {row})
                   (f64.mul (local.get $f) (f64.load offset={offset} {other}))))",
                row = at("row"),
                other = at("other"),
            )
        };
        let module = format!(
            "(module (memory 4) (func (export \"run\") (param $row i32) (param $other i32) (param $f f64) (param $n i32)
               (local $i i32)
               (loop $l {} {}
                 (local.set $i (i32.add (local.get $i) (i32.const 16)))
                 (br_if $l (i32.ne (local.get $i) (local.get $n))))))",
            element(0),
            element(8),
        );
        for memory in [MemoryModel::Guard, MemoryModel::Checked] {
            let ir = optimized(&module, OptLevel::O3, memory);
            // What LLVM compares itself is called so; it could only find that the row overlaps itself.
            assert!(ir.contains("fmul <2 x double>") || ir.contains("fmul <4 x double>"), "{memory:?}:\n{ir}");
            assert!(!ir.contains("found.conflict"), "{memory:?}:\n{ir}");
            assert!(!ir.contains("noalias !"), "{memory:?}:\n{ir}");
        }
    }

    #[test]
    fn arrays_are_not_told_apart_for_vectors_of_elements_that_are_anywhere() {
        // As above, but the other array's elements come at a distance that is a parameter.
        let element = |offset: u32| {
            let row = "(i32.add (local.get $row) (local.get $i))";
            format!(
                "(f64.store offset={offset} {row} (f64.add (f64.load offset={offset} {row})
                   (f64.mul (local.get $f) (f64.load (local.get $other)))))
                 (local.set $other (i32.add (local.get $other) (local.get $step)))"
            )
        };
        let module = format!(
            "(module (memory 4) (func (export \"run\") (param $row i32) (param $other i32) (param $f f64) (param $n i32)
               (param $step i32) (local $i i32)
               (loop $l {} {}
                 (local.set $i (i32.add (local.get $i) (i32.const 16)))
                 (br_if $l (i32.ne (local.get $i) (local.get $n))))))",
            element(0),
            element(8),
        );
        for memory in [MemoryModel::Guard, MemoryModel::Checked] {
            let ir = optimized(&module, OptLevel::O3, memory);
            assert!(ir.contains("fmul double") && !ir.contains(" x double>"), "{memory:?}:\n{ir}");
        }
    }

    #[test]
    fn checks_for_the_last_element_count_as_checks() {
        // Of a memory that cannot grow: behind `row < end`, `row + 8 < end` is `row != end - 8`, since both are multiples of 8.
        let masked = |name: &str| format!("(local.set ${name} (i32.and (local.get ${name}) (i32.const -8)))");
        let along = |name: &str| format!("(local.set ${name} (i32.add (local.get ${name}) (i32.const 16)))");
        let element = |offset: u32| {
            let at = |name: &str| format!("(i32.add (local.get ${name}) (i32.const {offset}))");
            format!(
                "(f64.store {row} (f64.add (f64.load {row}) (f64.mul (local.get $f) (f64.load {other}))))",
                row = at("row"),
                other = at("other"),
            )
        };
        let module = format!(
            "(module (memory 4 4) (func (export \"run\") (param $row i32) (param $other i32) (param $f f64) (param $n i32)
               {} {}
               (loop $l {} {} {} {}
                 (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 2)))))))",
            masked("row"),
            masked("other"),
            element(0),
            element(8),
            along("row"),
            along("other"),
        );
        let trap = format!("call void @{}(", symbols::trap_stub(TrapCode::MemoryOutOfBounds));
        for memory in [MemoryModel::Guard, MemoryModel::Checked] {
            let ir = optimized(&module, OptLevel::O3, memory);
            assert!(ir.contains("fmul <4 x double>"), "{memory:?}:\n{ir}");
            assert!(memory == MemoryModel::Checked || !ir.contains(&trap), "{ir}");
        }
    }

    #[test]
    fn steps_of_any_length_compile() {
        // LLVM divides by the step to count the rounds to each of a loop's exits, in 128 bits.
        for step in [12, 24, 56, 88, 1000] {
            for goes_on in ["i32.ne", "i32.lt_u", "i32.le_s"] {
                let module = module(step, goes_on);
                for memory in [MemoryModel::Guard, MemoryModel::Checked] {
                    let options = Options { level: OptLevel::O3, memory, ..Options::default() };
                    crate::compile(module.as_bytes(), &options).unwrap_or_else(|e| panic!("{step} {goes_on}: {e}"));
                }
            }
        }
    }
}
