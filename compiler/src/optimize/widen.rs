//! Indices that stay extended to 64 bits, on 64-bit RISC-V and x86-64.
//!
//! An index of 32 bits is extended by zeros for each access, on RISC-V by two instructions, on x86-64 by a move at most; but
//! neither adds a constant or a base in an address before it extends. Where an index comes round a loop, or where something
//! is added to it between accesses, it is kept in 64 bits instead, as the address it stands for:
//!
//! - `extend(p + c)` is `extend(p) + c` if an access at `p` has been executed before. That access was inside of the
//!   memory, so `p` is below 2^32 − 64 KiB, and a small `c` does not wrap.
//! - A phi is of 64 bits if what it gets on its way round is extended for nothing: a sum as above, what is loaded, a
//!   constant, another such phi; on x86-64 whatever is computed, as instructions of 32 bits leave zeros above.
//! - `extend(p + b)`, where the phi `p` counts by a small constant and `b` does not change in its loop, becomes a counter
//!   of its own if an access at `p + b` is executed in each round. `p` may wrap meanwhile, and `p + b` in the first round.
//!
//! Sandbox: all that is rewritten has the same value as before, whenever control comes there. What this rests on is an
//! access that dominates it, at the very value that is added to. In `guard` that access may be what traps, so it has to
//! come first in the machine's code too: it, and what counts on it, are volatile from here on ([`Pass::keep_order`]), as
//! where a check has been removed. In `checked` a branch stands before each access. Nothing rests on flags, and none are
//! set but on extensions of numbers that are small by how they are computed.

use super::bounds::{int_operand, upper_bound};
use super::counted::users;
use super::dominators::DominatorTree;
use super::guard::{Pass, STEP_MAX};
use super::guest_functions;
use super::shape::Shape;
use crate::options::{MemoryModel, OptLevel, Options};
use crate::translate::alias::Alias;
use crate::translate::symbols;
use inkwell::IntPredicate as P;
use inkwell::basic_block::BasicBlock;
use inkwell::builder::Builder;
use inkwell::module::Module as LlvmModule;
use inkwell::types::IntType;
use inkwell::values::{
    BasicValue, BasicValueEnum, FunctionValue, InstructionOpcode as Op, InstructionValue, IntValue, PhiValue,
};
use std::collections::{HashMap, HashSet};
use wasmc_abi::TrapCode;
use wasmc_abi::target::Arch;

/// A function with more phis keeps them as they are: who leads to whom is looked for again and again.
const PHIS_MAX: usize = 4096;

const POSITIONED: &str = "the builder is positioned";

/// Whether extending is work on the target.
pub fn applies(options: &Options) -> bool {
    let row = options.target.row;
    matches!(row.arch, Arch::Riscv | Arch::X86_64) && row.pointer_bits == 64 && options.level != OptLevel::O0
}

/// Widens what can be widened. Returns in which functions that was something.
pub fn widen_indices<'ctx>(llvm: &LlvmModule<'ctx>, shape: &Shape, options: &Options) -> HashSet<FunctionValue<'ctx>> {
    let trap = llvm.get_function(&symbols::trap_stub(TrapCode::MemoryOutOfBounds));
    let alias = Alias::new(llvm.get_context());
    let mut changed = HashSet::new();
    for function in guest_functions(llvm) {
        let Some(pass) = Pass::new(function, trap, shape) else { continue };
        let mut widen = Widen::new(function, &pass, options.target.row.arch);
        let sums = widen.widen_sums();
        let counts = widen.widen_counts();
        let phis = widen.widen_phis();
        if sums || counts || phis {
            changed.insert(function);
            if options.memory == MemoryModel::Guard {
                pass.keep_order(function, &alias);
            }
        }
        extend_small_numbers(function);
    }
    changed
}

/// Lets extensions be of whatever kind is nothing where the number is small by how it is computed.
fn extend_small_numbers(function: FunctionValue<'_>) {
    let instructions = function.get_basic_block_iter().flat_map(|block| block.get_instructions());
    for extension in instructions.filter(|i| narrow_of(*i).is_some_and(is_small)) {
        extension.set_non_negative_flag(true).expect("it is an extension");
    }
}

/// What an instruction extends by zeros, from 32 bits to 64.
fn narrow_of(instruction: InstructionValue<'_>) -> Option<IntValue<'_>> {
    let extension = Some(instruction).filter(|i| i.get_opcode() == Op::ZExt)?;
    let narrow = int_operand(extension, 0).filter(|value| value.get_type().get_bit_width() == 32)?;
    let is_64 = IntValue::try_from(extension).is_ok_and(|wide| wide.get_type().get_bit_width() == 64);
    is_64.then_some(narrow)
}

/// Whether a sum does not wrap, by how its parts are computed: then it counts on no access.
fn fits(a: IntValue<'_>, b: IntValue<'_>) -> bool {
    upper_bound(a) + upper_bound(b) < u64::from(u32::MAX)
}

/// Whether a number is not negative, by how it is computed.
fn is_small(value: IntValue<'_>) -> bool {
    upper_bound(value) < 1 << 31
}

/// A place in a function: a block, and how many of its instructions came before when all this began.
#[derive(Clone, Copy)]
struct Place<'ctx> {
    block: BasicBlock<'ctx>,
    index: usize,
}

/// A sum of a counter and what does not change in its loop.
struct Count<'ctx> {
    number: IntValue<'ctx>,
    counter: PhiValue<'ctx>,
    added: IntValue<'ctx>,
    /// What the counter is when its loop is entered, and from where.
    starts: Vec<(IntValue<'ctx>, BasicBlock<'ctx>)>,
    /// By what it is counted, and where the loop goes round.
    steps: Vec<(u64, BasicBlock<'ctx>)>,
}

struct Widen<'a, 'ctx, 'm> {
    pass: &'a Pass<'ctx, 'm>,
    tree: DominatorTree<'ctx>,
    builder: Builder<'ctx>,
    entry: BasicBlock<'ctx>,
    wide: IntType<'ctx>,
    /// Where the function's instructions are, those that this has made left out.
    places: HashMap<InstructionValue<'ctx>, Place<'ctx>>,
    /// By index: where accesses are.
    accesses: HashMap<IntValue<'ctx>, Vec<Place<'ctx>>>,
    /// Indices with accesses that something counts on.
    relied_on: HashSet<IntValue<'ctx>>,
    /// By number: where it is extended already.
    extensions: HashMap<IntValue<'ctx>, Vec<InstructionValue<'ctx>>>,
    /// Numbers that are extended where they are computed.
    extended: HashMap<IntValue<'ctx>, IntValue<'ctx>>,
    /// Whether the machine's instructions of 32 bits leave zeros above what they compute.
    results_are_extended: bool,
}

impl<'a, 'ctx, 'm> Widen<'a, 'ctx, 'm> {
    fn new(function: FunctionValue<'ctx>, pass: &'a Pass<'ctx, 'm>, arch: Arch) -> Self {
        let tree = DominatorTree::new(function);
        let entry = tree.blocks[0];
        let context = entry.get_context();
        let (mut places, mut accesses, mut extensions) = (HashMap::new(), HashMap::new(), HashMap::new());
        for block in &tree.blocks {
            for (index, instruction) in block.get_instructions().enumerate() {
                let place = Place { block: *block, index };
                places.insert(instruction, place);
                if let Some(index) = pass.narrow_index(instruction) {
                    accesses.entry(index).or_insert_with(Vec::new).push(place);
                }
                if let Some(narrow) = narrow_of(instruction) {
                    extensions.entry(narrow).or_insert_with(Vec::new).push(instruction);
                }
            }
        }
        let (builder, wide) = (context.create_builder(), context.i64_type());
        let (relied_on, extended, results_are_extended) = (HashSet::new(), HashMap::new(), arch == Arch::X86_64);
        Widen {
            pass,
            tree,
            builder,
            entry,
            wide,
            places,
            accesses,
            relied_on,
            extensions,
            extended,
            results_are_extended,
        }
    }

    /// Reads a number as another one, at which an access has been executed before `at`, and a small constant.
    fn sum(&self, number: IntValue<'ctx>, at: Place<'ctx>) -> Option<(IntValue<'ctx>, IntValue<'ctx>)> {
        let add = number.as_instruction_value_of(Op::Add)?;
        let (a, b) = (int_operand(add, 0)?, int_operand(add, 1)?);
        [(a, b), (b, a)]
            .into_iter()
            .find(|(index, added)| upper_bound(*added) <= STEP_MAX as u64 && self.is_inside(*index, at))
    }

    /// Whether a number is known to be below the end of all memories at `at`: an access there has been executed with it
    /// as index, or it came from where that is so.
    fn is_inside(&self, number: IntValue<'ctx>, at: Place<'ctx>) -> bool {
        if self.is_accessed(number, at) {
            return true;
        }
        let phi = number.as_instruction_value_of(Op::Phi).and_then(|phi| PhiValue::try_from(phi).ok());
        phi.is_some_and(|phi| {
            phi.get_incomings().all(|(incoming, from)| {
                let incoming = incoming.into_int_value();
                is_small(incoming) || self.is_accessed(incoming, end_of(from))
            })
        })
    }

    fn is_accessed(&self, number: IntValue<'ctx>, at: Place<'ctx>) -> bool {
        self.accesses.get(&number).is_some_and(|accesses| accesses.iter().any(|access| self.precedes(*access, at)))
    }

    /// Says what a sum counts on: see [`Self::is_inside`].
    fn rely_on_accesses(&mut self, number: IntValue<'ctx>, user: BasicBlock<'ctx>) {
        let phi = number.as_instruction_value_of(Op::Phi).and_then(|phi| PhiValue::try_from(phi).ok());
        let incomings = phi.into_iter().flat_map(|phi| phi.get_incomings()).map(|(value, _)| value.into_int_value());
        for number in incomings.chain([number]) {
            // A stack's pointer has thousands of accesses, and as many sums.
            if self.relied_on.insert(number) {
                let accesses = self.accesses.get(&number).into_iter().flatten();
                accesses.for_each(|access| self.pass.rely_on(access.block));
            }
        }
        self.pass.rely_on(user);
    }

    fn precedes(&self, place: Place<'ctx>, other: Place<'ctx>) -> bool {
        match place.block == other.block {
            true => place.index < other.index,
            false => self.tree.dominates(place.block, other.block),
        }
    }

    /// Extends indices to which constants are added before these.
    fn widen_sums(&mut self) -> bool {
        let mut sums = Vec::new();
        for (narrow, extensions) in &self.extensions {
            let found = extensions.iter().filter_map(|e| Some((*e, self.sum(*narrow, self.places[e])?)));
            sums.extend(found.map(|found| (*narrow, found)));
        }
        // The order of a map is not the same in each run.
        let order: HashMap<_, _> = self.tree.blocks.iter().enumerate().map(|(at, block)| (*block, at)).collect();
        sums.sort_by_key(|(_, (extension, _))| (order[&self.places[extension].block], self.places[extension].index));
        for (narrow, (extension, (index, added))) in &sums {
            let sum = self.build_sum(*index, *added, *extension);
            IntValue::try_from(*extension).expect("it is a number").replace_all_uses_with(sum);
            self.extensions.get_mut(narrow).expect("it is extended").retain(|e| e != extension);
            extension.erase_from_basic_block();
        }
        !sums.is_empty()
    }

    /// Lets indices be counted in 64 bits that are a sum of a counter and what does not change in the counter's loop.
    fn widen_counts(&mut self) -> bool {
        let numbers = self.tree.blocks.iter().flat_map(|block| block.get_instructions());
        let numbers = numbers.filter_map(|i| IntValue::try_from(i).ok()).filter(|number| self.is_extended(*number));
        let counts: Vec<_> = numbers.filter_map(|number| self.count(number)).collect();
        for count in &counts {
            self.build_count(count);
        }
        !counts.is_empty()
    }

    fn is_extended(&self, number: IntValue<'ctx>) -> bool {
        self.extended.contains_key(&number) || self.extensions.get(&number).is_some_and(|e| !e.is_empty())
    }

    /// Reads a number as a counter and what is added to it in all rounds, if an access is executed with it in each of them.
    fn count(&self, number: IntValue<'ctx>) -> Option<Count<'ctx>> {
        let add = number.as_instruction_value_of(Op::Add)?;
        let (a, b) = (int_operand(add, 0)?, int_operand(add, 1)?);
        [(a, b), (b, a)].into_iter().find_map(|(counter, added)| {
            let counter = PhiValue::try_from(counter.as_instruction_value_of(Op::Phi)?).ok()?;
            let counter_value = self::number(counter);
            let header = counter.as_instruction().get_parent()?;
            let from = added.as_instruction_value().and_then(|i| i.get_parent());
            let is_above = from.is_none_or(|block| block != header && self.tree.dominates(block, header));
            // A block that leads there by several edges would have to bring one value.
            let mut edges = HashSet::new();
            if !counter.get_incomings().all(|(_, from)| edges.insert(from)) {
                return None;
            }
            let (back, enters): (Vec<_>, Vec<_>) =
                counter.get_incomings().partition(|(_, from)| self.tree.dominates(header, *from));
            let steps: Vec<_> = back
                .into_iter()
                .map(|(next, from)| {
                    let step = self.step(next.into_int_value(), counter_value)?;
                    self.is_accessed(number, end_of(from)).then_some((step, from))
                })
                .collect::<Option<_>>()?;
            let starts: Vec<_> = enters.into_iter().map(|(start, from)| (start.into_int_value(), from)).collect();
            (is_above && !steps.is_empty()).then_some(Count { number, counter, added, starts, steps })
        })
    }

    /// The constant that a counter is counted by, if that is small.
    fn step(&self, next: IntValue<'ctx>, counter: IntValue<'ctx>) -> Option<u64> {
        let add = next.as_instruction_value_of(Op::Add)?;
        let step = int_operand(add, 1)?.get_zero_extended_constant()?;
        (int_operand(add, 0)? == counter && step <= STEP_MAX as u64).then_some(step)
    }

    fn build_count(&mut self, count: &Count<'ctx>) {
        let header = count.counter.as_instruction();
        self.builder.position_before(&header);
        let wide = self.builder.build_phi(self.wide, "").expect(POSITIONED);
        let value = wide.as_basic_value().into_int_value();
        for (start, from) in &count.starts {
            self.builder.position_before(&from.get_terminator().expect("a block ends"));
            let start = self.builder.build_int_add(*start, count.added, "").expect(POSITIONED);
            let start = self.builder.build_int_z_extend(start, self.wide, "").expect(POSITIONED);
            wide.add_incoming(&[(&start, *from)]);
        }
        let fits = fits(number(count.counter), count.added);
        for (step, from) in &count.steps {
            if !fits {
                self.rely_on_accesses(count.number, *from);
            }
            self.builder.position_before(&from.get_terminator().expect("a block ends"));
            let next = self.builder.build_int_add(value, self.wide.const_int(*step, false), "").expect(POSITIONED);
            wide.add_incoming(&[(&next, *from)]);
        }
        let sum = count.number.as_instruction_value().expect("it is a sum");
        let extensions: Vec<_> = users(sum).filter(|user| narrow_of(*user).is_some()).collect();
        for extension in extensions {
            IntValue::try_from(extension).expect("it is a number").replace_all_uses_with(value);
            extension.erase_from_basic_block();
        }
        self.extensions.remove(&count.number);
        self.extended.insert(count.number, value);
        // What the counter becomes, and the only thing that it is for.
        let is_next = |(next, from): (BasicValueEnum<'ctx>, BasicBlock<'ctx>)| {
            count.starts.iter().any(|(_, enters)| *enters == from) || next == count.number
        };
        if count.counter.get_incomings().all(is_next) && users(header).all(|user| user == sum) {
            self.builder.position_before(&first_behind_phis(header));
            let truncated = self.builder.build_int_truncate(value, count.number.get_type(), "").expect(POSITIONED);
            count.number.replace_all_uses_with(truncated);
        }
    }

    /// A number, extended where it is computed.
    fn extend(&mut self, number: IntValue<'ctx>) -> IntValue<'ctx> {
        if let Some(constant) = number.get_zero_extended_constant() {
            return self.wide.const_int(constant, false);
        }
        if let Some(extended) = self.extended.get(&number) {
            return *extended;
        }
        let before = match number.as_instruction_value() {
            Some(instruction) => {
                let next = instruction.get_next_instruction().expect("what computes a number ends no block");
                first_behind_phis(next)
            }
            None => first_behind_phis(self.entry.get_first_instruction().expect("a block ends")),
        };
        self.builder.position_before(&before);
        let extended = self.builder.build_int_z_extend(number, self.wide, "").expect(POSITIONED);
        self.extended.insert(number, extended);
        extended
    }

    /// Lets phis be of 64 bits.
    fn widen_phis(&mut self) -> bool {
        let phis = self.phis_to_widen();
        if phis.is_empty() {
            return false;
        }
        for phi in &phis {
            self.builder.position_before(&phi.as_instruction());
            let wide = self.builder.build_phi(self.wide, "").expect(POSITIONED);
            self.extended.insert(number(*phi), wide.as_basic_value().into_int_value());
        }
        for phi in &phis {
            let wide = PhiValue::try_from(self.extended[&number(*phi)].as_instruction_value().expect("a phi"));
            // A block that leads here by several edges brings one value.
            let mut brought = HashMap::new();
            for (incoming, from) in phi.get_incomings() {
                let end = from.get_terminator().expect("a block ends");
                let value = brought.entry(from);
                let value = value.or_insert_with(|| self.extend_for(incoming.into_int_value(), end_of(from), end));
                wide.expect("it is one").add_incoming(&[(value, from)]);
            }
        }
        self.widen_comparisons(&phis);
        for phi in &phis {
            self.replace(*phi);
        }
        true
    }

    /// Phis that are extended in a loop, and get nothing there that would have to be extended for them alone.
    fn phis_to_widen(&self) -> Vec<PhiValue<'ctx>> {
        let instructions = self.tree.blocks.iter().flat_map(|block| block.get_instructions());
        let phis = instructions.filter_map(|i| PhiValue::try_from(i).ok());
        let is_narrow = |phi: &PhiValue<'ctx>| {
            let value = IntValue::try_from(phi.as_instruction());
            value.is_ok_and(|value| value.get_type().get_bit_width() == 32)
        };
        let mut phis: Vec<_> = phis.filter(is_narrow).collect();
        if phis.len() > PHIS_MAX {
            return Vec::new();
        }
        // Those that are not extended may lead to others that are.
        let mut leading: HashSet<_> =
            phis.iter().filter(|phi| self.is_extended(number(**phi))).map(|phi| number(*phi)).collect();
        loop {
            let feeds = |phi: &PhiValue<'ctx>| {
                users(phi.as_instruction()).any(|user| {
                    PhiValue::try_from(user).is_ok_and(|user| is_narrow(&user) && leading.contains(&number(user)))
                })
            };
            let more: Vec<_> = phis.iter().filter(|phi| !leading.contains(&number(**phi)) && feeds(phi)).collect();
            if more.is_empty() {
                break;
            }
            leading.extend(more.into_iter().map(|phi| number(*phi)));
        }
        phis.retain(|phi| leading.contains(&number(*phi)));
        let mut chosen = leading;
        loop {
            let before = phis.len();
            phis.retain(|phi| {
                let stays = self.is_worth_it(*phi, &chosen);
                stays || !chosen.remove(&number(*phi))
            });
            if phis.len() == before {
                return phis;
            }
        }
    }

    fn is_worth_it(&self, phi: PhiValue<'ctx>, chosen: &HashSet<IntValue<'ctx>>) -> bool {
        let block = phi.as_instruction().get_parent().expect("a phi is in a block");
        let is_back = |from: BasicBlock<'ctx>| self.tree.dominates(block, from);
        let begins_loop = phi.get_incomings().any(|(_, from)| is_back(from));
        // What comes in before a loop is extended once.
        let ways = phi.get_incomings().filter(|(_, from)| !begins_loop || is_back(*from));
        let (free, others): (Vec<_>, Vec<_>) =
            ways.partition(|(incoming, from)| self.is_free(incoming.into_int_value(), *from, chosen));
        // Where the number is extended whenever control comes there, it costs no more to do that on the way.
        let extensions = self.extensions.get(&number(phi)).into_iter().flatten();
        let always = extensions.into_iter().any(|e| self.places.get(e).is_some_and(|place| place.block == block));
        others.is_empty() || always && others.len() <= free.len()
    }

    /// Whether a number costs nothing more if it is to be extended where a block ends.
    fn is_free(&self, value: IntValue<'ctx>, from: BasicBlock<'ctx>, chosen: &HashSet<IntValue<'ctx>>) -> bool {
        let end = end_of(from);
        let is_extended = || {
            let extensions = self.extensions.get(&value).into_iter().flatten();
            self.extended.contains_key(&value) || extensions.into_iter().any(|e| self.precedes(self.places[e], end))
        };
        value.is_const()
            || chosen.contains(&value)
            || value.as_instruction_value_of(Op::Load).is_some()
            || is_small(value)
            || self.results_are_extended && is_arithmetic(value)
            || self.sum(value, end).is_some()
            || is_extended()
    }

    /// A number, extended for what comes at `at`, which is `before`.
    fn extend_for(&mut self, value: IntValue<'ctx>, at: Place<'ctx>, before: InstructionValue<'ctx>) -> IntValue<'ctx> {
        match self.sum(value, at).filter(|_| !self.extended.contains_key(&value)) {
            Some((index, added)) => self.build_sum(index, added, before),
            None => self.extend(value),
        }
    }

    fn build_sum(
        &mut self,
        index: IntValue<'ctx>,
        added: IntValue<'ctx>,
        before: InstructionValue<'ctx>,
    ) -> IntValue<'ctx> {
        if !fits(index, added) {
            self.rely_on_accesses(index, before.get_parent().expect("it is in a block"));
        }
        let (index, added) = (self.extend(index), self.extend(added));
        self.builder.position_before(&before);
        self.builder.build_int_add(index, added, "").expect(POSITIONED)
    }

    /// Compares what has become wide as such: narrow numbers would have to be extended for it.
    fn widen_comparisons(&mut self, phis: &[PhiValue<'ctx>]) {
        let chosen: HashSet<_> = phis.iter().map(|phi| number(*phi)).collect();
        let instructions = self.tree.blocks.iter().flat_map(|block| block.get_instructions());
        let comparisons = instructions.filter(|i| i.get_opcode() == Op::ICmp);
        // What is not in its place yet is not of the program.
        let comparisons: Vec<_> = comparisons.filter_map(|i| Some((i, *self.places.get(&i)?))).collect();
        for (compare, place) in comparisons {
            let (Some(a), Some(b)) = (int_operand(compare, 0), int_operand(compare, 1)) else { continue };
            let predicate = compare.get_icmp_predicate().expect("it is a comparison");
            let is_unsigned = !matches!(predicate, P::SLT | P::SLE | P::SGT | P::SGE);
            let phi_of = |value: IntValue<'ctx>| {
                let index = self.sum(value, place).map(|(index, _)| index);
                [Some(value), index].into_iter().flatten().find(|value| chosen.contains(value))
            };
            let Some(phi) = phi_of(a).or(phi_of(b)).filter(|_| is_unsigned) else { continue };
            let phi = phi.as_instruction_value().and_then(|phi| phi.get_parent()).expect("it is a phi");
            // What is computed above the phi is extended before its loop.
            let is_above = |value: IntValue<'ctx>| {
                let block = value.as_instruction_value().and_then(|i| i.get_parent());
                block.is_none_or(|block| block != phi && self.tree.dominates(block, phi))
            };
            let is_cheap = |value| phi_of(value).is_some() || self.extended.contains_key(&value) || is_above(value);
            if !is_cheap(a) || !is_cheap(b) {
                continue;
            }
            let (a, b) = (self.extend_for(a, place, compare), self.extend_for(b, place, compare));
            self.builder.position_before(&compare);
            let wide = self.builder.build_int_compare(predicate, a, b, "").expect(POSITIONED);
            IntValue::try_from(compare).expect("it is a number").replace_all_uses_with(wide);
            compare.erase_from_basic_block();
        }
    }

    /// Puts the wide phi in the place of the narrow one.
    fn replace(&mut self, phi: PhiValue<'ctx>) {
        let narrow = number(phi);
        let wide = self.extended[&narrow];
        let extensions: Vec<_> = users(phi.as_instruction()).filter(|user| narrow_of(*user).is_some()).collect();
        for extension in extensions {
            IntValue::try_from(extension).expect("it is a number").replace_all_uses_with(wide);
            extension.erase_from_basic_block();
        }
        self.builder.position_before(&first_behind_phis(phi.as_instruction()));
        let truncated = self.builder.build_int_truncate(wide, narrow.get_type(), "").expect(POSITIONED);
        narrow.replace_all_uses_with(truncated);
        phi.as_instruction().erase_from_basic_block();
    }
}

fn is_arithmetic(value: IntValue<'_>) -> bool {
    let opcode = value.as_instruction_value().map(|i| i.get_opcode());
    matches!(opcode, Some(Op::Add | Op::Sub | Op::Mul | Op::And | Op::Or | Op::Xor | Op::Shl | Op::LShr | Op::AShr))
}

/// The end of a block, before the instruction that ends it.
fn end_of(block: BasicBlock<'_>) -> Place<'_> {
    Place { block, index: usize::MAX }
}

fn number(phi: PhiValue<'_>) -> IntValue<'_> {
    phi.as_basic_value().into_int_value()
}

/// An instruction, or the first behind the phis that it is one of.
fn first_behind_phis(instruction: InstructionValue<'_>) -> InstructionValue<'_> {
    let mut at = instruction;
    while at.get_opcode() == Op::Phi {
        at = at.get_next_instruction().expect("a block ends");
    }
    at
}

trait OfOpcode<'ctx> {
    fn as_instruction_value_of(&self, opcode: Op) -> Option<InstructionValue<'ctx>>;
}

impl<'ctx> OfOpcode<'ctx> for IntValue<'ctx> {
    fn as_instruction_value_of(&self, opcode: Op) -> Option<InstructionValue<'ctx>> {
        inkwell::values::BasicValue::as_instruction_value(self).filter(|i| i.get_opcode() == opcode)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Emit, MemoryModel, OptLevel, Options, Target, compile_observed};

    /// What becomes of a function of a body.
    fn ir(body: &str, target: &str, memory: MemoryModel) -> String {
        let text = format!(
            "(module (memory 1) (func (export \"run\") (param $p i32) (param $q i32) (result i32) (local $sum i32) {body}))"
        );
        let target = Target::new(target, None, &[]).unwrap();
        let options = Options { target, level: OptLevel::Os, memory, ..Options::default() };
        let ir = compile_observed(text.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
        String::from_utf8(ir).unwrap()
    }

    /// Its phis of 32 and of 64 bits.
    fn phis(body: &str, target: &str, memory: MemoryModel) -> (usize, usize) {
        let ir = ir(body, target, memory);
        (ir.matches("= phi i32").count(), ir.matches("= phi i64").count())
    }

    /// Those of 64-bit RISC-V and of x86-64.
    fn each(body: &str) -> [(usize, usize); 2] {
        ["riscv64-linux", "x86_64-linux"].map(|target| {
            let [found, other] = [MemoryModel::Guard, MemoryModel::Checked].map(|memory| phis(body, target, memory));
            assert_eq!(found, other);
            found
        })
    }

    /// A loop until what `round` leaves is zero.
    fn rounds(round: &str) -> String {
        format!("(loop $again {round} (br_if $again)) (local.get $p)")
    }

    #[test]
    fn what_is_loaded_and_accessed_next_stays_extended() {
        assert_eq!(each(&rounds("(local.tee $p (i32.load (local.get $p)))")), [(0, 1); 2]);
    }

    #[test]
    fn what_is_accessed_in_each_round_is_counted_in_64_bits() {
        let count = |step: &str| {
            rounds(&format!("(i32.load (local.get $p)) (local.set $p (i32.add (local.get $p) (i32.const {step})))"))
        };
        assert_eq!(each(&count("4")), [(0, 1); 2]);
        for step in ["-4", "0x20000"] {
            assert_eq!(each(&count(step)), [(1, 0), (0, 1)], "{step}");
        }
        let variable = "(i32.load (local.get $p)) (local.set $p (i32.add (local.get $p) (local.get $q)))";
        assert_eq!(each(&rounds(variable)), [(1, 0), (0, 1)]);
        let small =
            "(i32.load (local.get $p)) (local.set $p (i32.add (local.get $p) (i32.and (local.get $q) (i32.const 12))))";
        assert_eq!(each(&rounds(small)), [(0, 1); 2]);
    }

    #[test]
    fn sums_that_are_accessed_in_each_round_are_counted_in_64_bits() {
        let load = "(local.set $sum (i32.add (local.get $sum) (i32.load (i32.add (local.get $p) (local.get $q)))))";
        let count = |access: &str, step: &str| {
            let next = format!("(local.tee $p (i32.add (local.get $p) (i32.const {step})))");
            format!("(loop $again {access} (br_if $again {next})) (local.get $sum)")
        };
        // The counter and the sum of what is loaded stay as they are.
        assert_eq!(each(&count(load, "4")), [(2, 1); 2]);
        assert_eq!(each(&count(load, "0x20000")), [(2, 0); 2]);
        let seldom = format!("(if (i32.and (local.get $p) (i32.const 12)) (then {load}))");
        assert_eq!(each(&count(&seldom, "4")), [(3, 0); 2]);
        let changing = format!("{load} (local.set $q (i32.xor (local.get $q) (local.get $sum)))");
        assert_eq!(each(&count(&changing, "4")), [(3, 0); 2]);
    }

    #[test]
    fn what_may_wrap_stays_narrow() {
        let before = |step: &str| {
            rounds(&format!("(local.set $p (i32.add (local.get $p) (i32.const {step}))) (i32.load (local.get $p))"))
        };
        assert_eq!(each(&before("0x20000")), [(1, 0); 2]);
        // The first sum may wrap, and is extended before the loop.
        assert_eq!(each(&before("4")), [(0, 1); 2]);
        let seldom = "(if (i32.eqz (local.get $sum)) (then (local.set $sum (i32.load (local.get $p)))))
            (local.set $p (i32.add (local.get $p) (i32.const 4))) (i32.ne (local.get $p) (local.get $q))";
        assert_eq!(each(&rounds(seldom)), [(3, 0), (2, 1)]);
        // What is extended for nothing is still computed in 32 bits.
        let sum = ir(&rounds(seldom), "x86_64-linux", MemoryModel::Guard);
        assert!(sum.contains("add i32") && !sum.contains("add i64"), "{sum}");
    }

    #[test]
    fn a_sum_that_cannot_wrap_counts_on_no_access() {
        // 20 rows of 100 bytes from 1000 on, or from a place that is given.
        let rows = |start: &str| {
            let ir = ir(
                &format!(
                    "(i32.store8 (local.get $p) (i32.const 1)) (local.set $p {start})
                     (loop $y (local.set $q (i32.const 0))
                       (loop $x (i32.store8 (i32.add (local.get $p) (local.get $q)) (i32.const 7))
                         (br_if $x (i32.ne (local.tee $q (i32.add (local.get $q) (i32.const 3))) (i32.const 99))))
                       (br_if $y (i32.ne (local.tee $p (i32.add (local.get $p) (i32.const 100))) (i32.const 3000))))
                     (i32.const 0)"
                ),
                "x86_64-linux",
                MemoryModel::Guard,
            );
            (ir.matches("store volatile i8 7").count(), ir.matches("store i8 7").count())
        };
        let (volatile, plain) = rows("(i32.const 1000)");
        assert!(volatile == 0 && plain > 0, "{volatile} {plain}");
        let (volatile, _) = rows("(local.get $q)");
        assert!(volatile > 0);
    }
}
