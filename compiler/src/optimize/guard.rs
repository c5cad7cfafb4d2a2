//! Takes out bounds checks that the hardware does (memory model `guard`).
//!
//! A check `index + k > length → trap` goes when the path behind it always comes to an access of
//! `base + index + offset`, `n` bytes, with `offset + n ≥ k`, before anything that could be noticed:
//! if the check would have failed, that access touches a byte at or beyond the length, and such bytes
//! are not mapped. A load that LLVM has dropped therefore keeps its check.
//!
//! What makes this safe, whatever LLVM has done before:
//! - `index` is the same SSA value in the check and in the access, zero-extended from 32 bits or masked
//!   to 32 on the spot, and nothing but constants is added to it in 64 bits. An `add` of narrower pieces is never
//!   looked through, even with `nuw`: LLVM may know that only from the very check that would go.
//! - So the access stays inside the reservation, and so does every other access that is passed on the
//!   way; one that is not of this form ends the search.
//! - A store that is more than one of the machine's does not count: it could leave its first part behind.
//! - An atomic access is an access: a load of its own or, where it stores, one that is aligned and no wider than a
//!   word, so that it is done as a whole or faults. A fence ends the search.
//! - The length of a shared memory may grow between a check and the access. Then the access does not trap and the check
//!   would have: as if it had come a moment later. It never shrinks. Nor is a memory with addresses of 64 bits
//!   ever looked at: no reservation covers those.
//! - In a function that lost a check, what LLVM may have concluded from it is taken away, as far as code generation would
//!   compute another address by it.
//! - A division on the way ends the search too, unless by a constant: its own check may have gone because
//!   of this one.
//! - In a function that lost a check, or has accesses that trap by themselves (`translate/trapping.rs`), loads of linear
//!   memory and stores to the guest's state become volatile, so that code generation keeps them in order: what was stored
//!   before a trap is visible after it, what comes after the trap is not. Not so in an innermost loop in which no check relies on an access: what traps
//!   there does so by a branch, and code generation moves no store into a loop, out of it or over a branch.

use super::bounds::{Counter, conditional, int_operand, upper_bound};
use super::counted::innermost_cycles;
use super::guest_functions;
use super::shape::Shape;
use crate::parse::MemoryIndex;
use crate::target::Target;
use crate::translate::alias::Alias;
use crate::translate::{symbols, trapping};
use inkwell::IntPredicate;
use inkwell::basic_block::BasicBlock;
use inkwell::module::Module as LlvmModule;
use inkwell::values::{
    BasicValue, BasicValueEnum, FunctionValue, InstructionOpcode as Op, InstructionValue, IntValue, PhiValue,
    PointerValue, VectorValue,
};
use std::cell::RefCell;
use std::collections::HashSet;
use wasmc_abi::TrapCode;
use wasmc_abi::vmctx::{GUARD_RESERVATION, MAX_PAGES, PAGE_LEN, memory_record};

/// How many blocks the search behind a check may visit.
const SEARCH_MAX: usize = 24;

/// Bound of the constants that are added to indices and lengths, far above any offset.
const CONSTANT_MAX: i64 = 1 << 40;

/// Where an access may end, counted from its index.
const OFFSET_MAX: i64 = (1 << 32) + 256;

/// How far an index may go in a round of its loop: less than a memory's end is below 2^32.
pub const STEP_MAX: i64 = 1 << 15;

const _: () = assert!((1 << 32) + OFFSET_MAX <= GUARD_RESERVATION as i64);
const _: () = assert!((MAX_PAGES * PAGE_LEN) as i64 + STEP_MAX < 1 << 32);

/// How many phis a length may have come through.
const PHIS_MAX: usize = 32;

/// Removes what can be removed; returns in which functions. Accesses that trap by themselves are volatile from now on, and
/// nothing more.
pub fn remove_checks<'ctx>(llvm: &LlvmModule<'ctx>, shape: &Shape, target: &Target) -> HashSet<FunctionValue<'ctx>> {
    let trap = llvm.get_function(&symbols::trap_stub(TrapCode::MemoryOutOfBounds));
    let whole_store_max = target.whole_store_max().into();
    let alias = Alias::new(llvm.get_context());
    let lost_checks = |function: &FunctionValue<'ctx>| {
        let pass = Pass::new(*function, trap, shape).map(|pass| Pass { whole_store_max, ..pass });
        pass.is_some_and(|pass| pass.run(*function, &alias) > 0)
    };
    guest_functions(llvm).filter(lost_checks).collect()
}

fn is_visible_store(instruction: InstructionValue<'_>) -> bool {
    let is_store = instruction.get_opcode() == Op::Store;
    is_store && pointer_operand(instruction, 1).is_none_or(|address| !root_is_local(address))
}

/// What the pass needs to know of one function.
pub struct Pass<'ctx, 'm> {
    vmctx: PointerValue<'ctx>,
    /// What checks call, if there are any.
    trap: Option<FunctionValue<'ctx>>,
    shape: &'m Shape,
    /// Bytes of the largest store that faults as a whole.
    whole_store_max: i64,
    /// What has been found out about 64-bit indices.
    bounded: RefCell<Vec<(IntValue<'ctx>, bool)>>,
    /// Where accesses stand that a check may have been removed for.
    relied_on: RefCell<HashSet<BasicBlock<'ctx>>>,
}

/// `index + constant`, where `index` is a value below 2^32 (`None`: zero): one of 32 bits, which is then
/// zero-extended, or a masked one of 64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Linear<'ctx> {
    index: Option<IntValue<'ctx>>,
    constant: i64,
}

/// A check: traps if `end > length of memory`.
struct Check<'ctx> {
    branch: InstructionValue<'ctx>,
    /// Where control goes when it passes.
    next: BasicBlock<'ctx>,
    memory: MemoryIndex,
    end: Linear<'ctx>,
}

/// An access of a linear memory at an address that cannot leave its reservation.
struct Access<'ctx> {
    memory: MemoryIndex,
    start: Linear<'ctx>,
    len: i64,
}

impl<'ctx, 'm> Pass<'ctx, 'm> {
    /// `None` if it is not a function that has a vmctx.
    pub fn new(function: FunctionValue<'ctx>, trap: Option<FunctionValue<'ctx>>, shape: &'m Shape) -> Option<Self> {
        match function.get_first_param()? {
            BasicValueEnum::PointerValue(vmctx) => {
                let (bounded, relied_on) = (RefCell::default(), RefCell::default());
                Some(Pass { vmctx, trap, shape, whole_store_max: 0, bounded, relied_on })
            }
            _ => None,
        }
    }

    fn run(&self, function: FunctionValue<'ctx>, alias: &Alias<'ctx>) -> usize {
        let mut removed = 0;
        for block in function.get_basic_block_iter() {
            let Some(check) = self.check(block) else { continue };
            if self.is_done_by_access(&check, block) {
                let builder = check.next.get_context().create_builder();
                builder.position_before(&check.branch);
                builder.build_unconditional_branch(check.next).expect("the builder is positioned");
                check.branch.erase_from_basic_block();
                removed += 1;
            }
        }
        let trapping = self.settle_trapping(function);
        if removed > 0 {
            forget_conclusions(function);
        }
        if removed > 0 || trapping {
            self.keep_order(function, alias);
        }
        removed
    }

    /// Lets accesses that trap by themselves be volatile ones. Returns whether there were any.
    fn settle_trapping(&self, function: FunctionValue<'ctx>) -> bool {
        let mut found = false;
        for block in function.get_basic_block_iter() {
            for access in block.get_instructions().filter(|i| trapping::is_marked(*i)) {
                trapping::unmark(access);
                self.rely_on(block);
                found = true;
            }
        }
        found
    }

    /// The check that ends `block`, if one does.
    fn check(&self, block: BasicBlock<'ctx>) -> Option<Check<'ctx>> {
        let branch = block.get_terminator()?;
        let (condition, on_true, on_false) = conditional(branch)?;
        let (next, traps_if) = match (self.is_trap(on_true), self.is_trap(on_false)) {
            (true, false) => (on_false, true),
            (false, true) => (on_true, false),
            _ => return None,
        };
        let compare = condition.as_instruction_value().filter(|i| i.get_opcode() == Op::ICmp)?;
        let predicate = compare.get_icmp_predicate()?;
        let (a, b) = (int_operand(compare, 0)?, int_operand(compare, 1)?);
        // As `greater > lesser` or `greater ≥ lesser`, true where it traps. Signed or not: the length is
        // not negative, so what is greater is not either.
        use IntPredicate as P;
        let (greater, lesser, or_equal) = match (predicate, traps_if) {
            (P::UGT | P::SGT, true) | (P::ULE | P::SLE, false) => (a, b, false),
            (P::UGE | P::SGE, true) | (P::ULT | P::SLT, false) => (a, b, true),
            (P::ULT | P::SLT, true) | (P::UGE | P::SGE, false) => (b, a, false),
            (P::ULE | P::SLE, true) | (P::UGT | P::SGT, false) => (b, a, true),
            // What is equal is no less: an access that faults for all that is not, does so for this.
            (P::EQ, true) | (P::NE, false) => (a, b, true),
            _ => return None,
        };
        let (memory, limit) = self.limit(lesser)?;
        // Where a memory may end inside a host page, its last bytes have no guard behind them.
        if self.shape.memories.get(memory.get())?.page_len < PAGE_LEN {
            return None;
        }
        let mut end = linear(greater, Side::Check)?;
        // index + c > length − limit, so index + (c + limit) > length; for integers, ≥ is > one less.
        end.constant = end.constant.checked_add(limit)?.checked_add(or_equal.into())?;
        Some(Check { branch, next, memory, end })
    }

    /// Reads a value as `length of a memory − limit`.
    ///
    /// The difference may have wrapped where the length is less than the limit: then `index > value` still
    /// implies `index + limit > length`.
    fn limit(&self, value: IntValue<'ctx>) -> Option<(MemoryIndex, i64)> {
        if let Some(constant) = value.get_zero_extended_constant() {
            let memory = MemoryIndex(0);
            let len = self.fixed_len(memory)?;
            return Some((memory, len.checked_sub(i64::try_from(constant).ok()?)?));
        }
        if let Some(memory) = self.memory_of_length(value) {
            return Some((memory, 0));
        }
        let instruction = value.as_instruction_value()?;
        if instruction.get_opcode() == Op::Trunc && value.get_type().get_bit_width() == 32 {
            return self.limit(int_operand(instruction, 0)?);
        }
        let sum = Some(instruction).filter(|i| i.get_opcode() == Op::Add)?;
        let added = int_operand(sum, 1)?.get_sign_extended_constant().filter(|c| c.abs() < CONSTANT_MAX)?;
        let memory = self.memory_of_length(int_operand(sum, 0)?)?;
        Some((memory, -added))
    }

    /// The length of the module's only memory, if it never changes.
    fn fixed_len(&self, memory: MemoryIndex) -> Option<i64> {
        let ty = self.shape.memories.get(memory.get())?;
        let is_known = self.shape.memories.len() == 1 && self.shape.imported_memories == 0 && !ty.wide;
        ty.fixed_len(64).filter(|_| is_known).map(|len| len as i64)
    }

    /// The memory whose length a value is.
    pub fn memory_of_length(&self, value: IntValue<'ctx>) -> Option<MemoryIndex> {
        self.field_of(value.into(), memory_record::LEN_BYTES, &mut Vec::new()).flatten()
    }

    /// Bytes that a memory always has.
    pub fn least_length(&self, memory: MemoryIndex) -> i64 {
        self.shape.memories[memory.get()].min_len() as i64
    }

    /// The memory whose length or base `value` is: loaded from that field of its record, however that came here.
    /// `Some(None)` is a phi that is being looked at, which adds nothing to what its other operands say.
    fn field_of(
        &self,
        value: BasicValueEnum<'ctx>,
        field: u32,
        seen: &mut Vec<InstructionValue<'ctx>>,
    ) -> Option<Option<MemoryIndex>> {
        let instruction = value.as_instruction_value()?;
        match instruction.get_opcode() {
            Op::Load => self.record_field(pointer_operand(instruction, 0)?, field).map(Some),
            // Neither is ever poison: loops that are doubled freeze a length all the same.
            Op::Freeze => self.field_of(instruction.get_operand(0)?.value()?, field, seen),
            // Exact: a length fits in 32 bits.
            Op::Trunc if value.get_type().into_int_type().get_bit_width() == 32 => {
                self.field_of(instruction.get_operand(0)?.value()?, field, seen)
            }
            Op::Phi if seen.contains(&instruction) => Some(None),
            Op::Phi if seen.len() < PHIS_MAX => {
                seen.push(instruction);
                let phi = PhiValue::try_from(instruction).ok()?;
                let mut found = None;
                for (incoming, _) in phi.get_incomings() {
                    let memory = self.field_of(incoming, field, seen)?;
                    if found.is_some() && memory.is_some() && found != memory {
                        return None;
                    }
                    found = found.or(memory);
                }
                Some(found)
            }
            _ => None,
        }
    }

    /// The memory of which `address` is a field of the record.
    fn record_field(&self, address: PointerValue<'ctx>, field: u32) -> Option<MemoryIndex> {
        let (root, offset) = strip_constants(address)?;
        for memory in 0..self.shape.layout.memories {
            // No reservation covers what an index of 64 bits can reach: checks of such a memory stay, and its
            // accesses are none that fault.
            if self.shape.memories[memory as usize].wide {
                continue;
            }
            let slot = i64::from(self.shape.layout.memory(memory));
            let matches = if self.shape.has_record_elsewhere(MemoryIndex(memory)) {
                offset == i64::from(field) && self.is_load_from_vmctx(root, slot)
            } else {
                offset == slot + i64::from(field) && root == self.vmctx
            };
            if matches {
                return Some(MemoryIndex(memory));
            }
        }
        None
    }

    fn is_load_from_vmctx(&self, value: PointerValue<'ctx>, slot: i64) -> bool {
        let load = value.as_instruction_value().filter(|i| i.get_opcode() == Op::Load);
        let address = load.and_then(|l| pointer_operand(l, 0)).and_then(strip_constants);
        address.is_some_and(|(root, offset)| root == self.vmctx && offset == slot)
    }

    /// Whether every way on from a check that passes comes to an access that faults if the check would
    /// have failed, before it does anything that could be noticed.
    fn is_done_by_access(&self, check: &Check<'ctx>, block: BasicBlock<'ctx>) -> bool {
        let mut path = Path { blocks: vec![block], same: Vec::from_iter(check.end.index), budget: SEARCH_MAX };
        // Where the index is computed anew, it is no longer the one that was checked.
        path.blocks.extend(check.end.index.and_then(|i| i.as_instruction_value()?.get_parent()));
        self.always_faults(check, block, check.next, &mut path)
    }

    fn always_faults(
        &self,
        check: &Check<'ctx>,
        from: BasicBlock<'ctx>,
        block: BasicBlock<'ctx>,
        path: &mut Path<'ctx>,
    ) -> bool {
        if path.budget == 0 || path.blocks.contains(&block) {
            return false;
        }
        path.budget -= 1;
        let (blocks, same) = (path.blocks.len(), path.same.len());
        path.blocks.push(block);
        path.follow(from, block);
        let faults = self.block_faults(check, block, path);
        path.blocks.truncate(blocks);
        path.same.truncate(same);
        faults
    }

    fn block_faults(&self, check: &Check<'ctx>, block: BasicBlock<'ctx>, path: &mut Path<'ctx>) -> bool {
        for instruction in block.get_instructions() {
            match instruction.get_opcode() {
                Op::Load | Op::Store | Op::AtomicRMW | Op::AtomicCmpXchg => match self.step(check, path, instruction) {
                    Step::Faults => return true,
                    Step::Harmless => {}
                    Step::Unknown => return false,
                },
                Op::Call if is_pure_intrinsic(instruction) => {}
                // LLVM may know only from the check that the divisor is not zero.
                Op::UDiv | Op::SDiv | Op::URem | Op::SRem if !divides_by_constant(instruction) => return false,
                Op::Br => return self.successors_fault(check, block, instruction, path),
                Op::Call | Op::Switch | Op::Return | Op::Unreachable | Op::Fence | Op::Invoke | Op::IndirectBr => {
                    return false;
                }
                _ => {}
            }
        }
        false
    }

    fn successors_fault(
        &self,
        check: &Check<'ctx>,
        block: BasicBlock<'ctx>,
        branch: InstructionValue<'ctx>,
        path: &mut Path<'ctx>,
    ) -> bool {
        let Some((_, on_true, on_false)) = conditional(branch) else {
            let Some(next) = branch.get_operand(0).and_then(|o| o.block()) else { return false };
            return self.always_faults(check, block, next, path);
        };
        // Another check's trap is the same trap.
        let mut successors = [on_true, on_false].into_iter();
        successors.all(|next| self.is_trap(next) || self.always_faults(check, block, next, path))
    }

    fn step(&self, check: &Check<'ctx>, path: &Path<'ctx>, instruction: InstructionValue<'ctx>) -> Step {
        let is_load = instruction.get_opcode() == Op::Load;
        if let Some(access) = self.access(instruction) {
            let covers = access.start.constant + access.len >= check.end.constant;
            let whole = is_load || access.len <= self.whole_store_max;
            if access.memory == check.memory && path.is_checked(access.start.index) && covers && whole {
                self.relied_on.borrow_mut().extend(instruction.get_parent());
                return Step::Faults;
            }
            return if is_load { Step::Harmless } else { Step::Unknown };
        }
        let is_own = || pointer_operand(instruction, 0).is_some_and(|address| self.is_own(address));
        if is_load && is_own() { Step::Harmless } else { Step::Unknown }
    }

    /// Reads a load, a store or both at once as an access that cannot leave the reservation.
    fn access(&self, instruction: InstructionValue<'ctx>) -> Option<Access<'ctx>> {
        let access = self.access_of_memory(instruction)?;
        access.start.index.is_none_or(|index| self.is_bounded(index)).then_some(access)
    }

    /// Reads a load, a store or both at once as an access of a memory, which stays inside the reservation if its
    /// index is below 2^32.
    fn access_of_memory(&self, instruction: InstructionValue<'ctx>) -> Option<Access<'ctx>> {
        let (address, bits) = match instruction.get_opcode() {
            Op::Store => {
                (pointer_operand(instruction, 1)?, value_bits(instruction.get_operand(0)?.value()?.get_type())?)
            }
            Op::Load => (pointer_operand(instruction, 0)?, value_bits(instruction.get_type().try_into().ok()?)?),
            // The operand after the address has the type of what is loaded and stored.
            Op::AtomicRMW | Op::AtomicCmpXchg => {
                (pointer_operand(instruction, 0)?, value_bits(instruction.get_operand(1)?.value()?.get_type())?)
            }
            _ => return None,
        };
        let (base, start) = base_and_offset(address)?;
        let memory = self.field_of(base.into(), memory_record::BASE, &mut Vec::new()).flatten()?;
        let len = i64::from(bits.div_ceil(8));
        let inside = start.constant >= 0 && start.constant + len <= OFFSET_MAX;
        inside.then_some(Access { memory, start, len })
    }

    /// The index of 32 bits that an access of a linear memory extends, if it is of the form that is known to stay inside.
    pub fn narrow_index(&self, instruction: InstructionValue<'ctx>) -> Option<IntValue<'ctx>> {
        let index = self.access_of_memory(instruction)?.start.index?;
        (index.get_type().get_bit_width() == 32).then_some(index)
    }

    /// Says that what follows on a block counts on its accesses, and so on the order of all.
    pub fn rely_on(&self, block: BasicBlock<'ctx>) {
        self.relied_on.borrow_mut().insert(block);
    }

    /// Whether an index is below 2^32 wherever it is used: by how it is made, or because it counts up in a
    /// loop.
    fn is_bounded(&self, index: IntValue<'ctx>) -> bool {
        if upper_bound(index) <= u64::from(u32::MAX) {
            return true;
        }
        if let Some((_, known)) = self.bounded.borrow().iter().find(|(i, _)| *i == index) {
            return *known;
        }
        let bounded = self.counts_up(index).unwrap_or(false);
        self.bounded.borrow_mut().push((index, bounded));
        bounded
    }

    /// Whether an index starts low, grows by a constant, and is the index of an access in every round of
    /// its loop. Such an access faults before the index has gone far beyond the memory's length, whatever
    /// made LLVM drop the wrap at 2^32.
    fn counts_up(&self, index: IntValue<'ctx>) -> Option<bool> {
        let (phi, scale) = scaled(index);
        let phi = phi.as_instruction_value().filter(|i| i.get_opcode() == Op::Phi)?;
        let header = phi.get_parent()?;
        let Counter { start, step, latch } = Counter::of(PhiValue::try_from(phi).ok()?)?;
        let starts_low = upper_bound(start).checked_mul(scale as u64)? <= u64::from(u32::MAX);
        let grows_slowly = i64::try_from(step).ok()?.checked_mul(scale)? <= STEP_MAX;
        let everywhere = || {
            let accesses = phi.get_parent()?.get_parent()?.get_basic_block_iter().filter(|block| {
                block.get_instructions().any(|i| self.access_of_memory(i).is_some_and(|a| a.start.index == Some(index)))
            });
            Some(accesses.into_iter().any(|block| passes_always(header, latch, block)))
        };
        Some(starts_low && grows_slowly && everywhere()?)
    }

    /// Whether an address is of the instance's own block or of this frame: reading there cannot fault.
    fn is_own(&self, address: PointerValue<'ctx>) -> bool {
        let Some((root, _)) = strip_constants(address) else { return false };
        root == self.vmctx || is_local(root) || self.is_record(root)
    }

    fn is_record(&self, root: PointerValue<'ctx>) -> bool {
        (0..self.shape.layout.memories.max(self.shape.layout.tables).max(self.shape.layout.globals)).take(64).any(|i| {
            let memory = i < self.shape.layout.memories
                && self.shape.has_record_elsewhere(MemoryIndex(i))
                && self.is_load_from_vmctx(root, self.shape.layout.memory(i).into());
            let table =
                i < self.shape.imported_tables && self.is_load_from_vmctx(root, self.shape.layout.table(i).into());
            let global =
                i < self.shape.imported_globals && self.is_load_from_vmctx(root, self.shape.layout.global(i).into());
            memory || table || global
        })
    }

    /// Whether a block does nothing but raise the trap for accesses out of bounds.
    pub fn is_trap(&self, block: BasicBlock<'ctx>) -> bool {
        let Some(first) = block.get_first_instruction() else { return false };
        let ends = first.get_next_instruction().is_some_and(|i| i.get_opcode() == Op::Unreachable);
        let trap = self.trap.map(|trap| trap.as_global_value().as_pointer_value());
        ends && first.get_opcode() == Op::Call && trap.is_some() && callee(first) == trap
    }

    /// Makes loads of linear memory volatile, which may trap, and stores that others can see: to linear memory, globals,
    /// tables. Instructions that load and store at once are in order as they are.
    pub fn keep_order(&self, function: FunctionValue<'ctx>, alias: &Alias<'ctx>) {
        let relied_on = self.relied_on.borrow();
        let cycles = innermost_cycles(function).into_iter().filter(|cycle| cycle.is_disjoint(&relied_on));
        let in_order: HashSet<_> = cycles.flatten().collect();
        let blocks = function.get_basic_block_iter().filter(|block| !in_order.contains(block));
        for instruction in blocks.flat_map(|b| b.get_instructions()) {
            let visible = match instruction.get_opcode() {
                Op::Store => is_visible_store(instruction),
                Op::Load if alias.is_of_runtime(instruction) => false,
                Op::Load => pointer_operand(instruction, 0).is_none_or(|p| self.may_be_memory(p)),
                _ => false,
            };
            if visible {
                instruction.set_volatile(true).expect("a load or a store");
            }
        }
    }

    fn may_be_memory(&self, address: PointerValue<'ctx>) -> bool {
        let root = root_of(address);
        !(root == self.vmctx || is_local(root) || is_constant(root))
    }
}

/// Takes away what LLVM may have concluded from a check that is gone. Code generation would count on it, and where the
/// check would have failed, compute an address outside the reservation: it extends a number that is said to be positive
/// by its sign, or makes a narrow product a wide one. The sum of a narrow number and a small constant may stay what it
/// is said to be: with or without the wrap, it is inside.
fn forget_conclusions(function: FunctionValue<'_>) {
    for instruction in function.get_basic_block_iter().flat_map(|b| b.get_instructions()) {
        let is_narrow = || int_operand(instruction, 0).is_some_and(|value| value.get_type().get_bit_width() < 64);
        let adds_little = || {
            let added = int_operand(instruction, 1).and_then(|added| added.get_zero_extended_constant());
            added.is_some_and(|added| added < STEP_MAX as u64)
        };
        let forgotten = match instruction.get_opcode() {
            Op::ZExt => instruction.set_non_negative_flag(false),
            Op::Sub | Op::Mul | Op::Shl if is_narrow() => instruction.set_no_unsigned_wrap_flag(false),
            Op::Add if is_narrow() && !adds_little() => instruction.set_no_unsigned_wrap_flag(false),
            Op::Trunc => instruction.set_no_unsigned_wrap_flag(false),
            _ => Ok(()),
        };
        forgotten.expect("the instruction has such a flag");
    }
}

/// A way on from a check.
struct Path<'ctx> {
    /// Blocks on it, and the one that computes the index.
    blocks: Vec<BasicBlock<'ctx>>,
    /// Values that equal the checked index; empty if that is constant.
    same: Vec<IntValue<'ctx>>,
    /// How many more blocks may be visited.
    budget: usize,
}

impl<'ctx> Path<'ctx> {
    fn is_checked(&self, index: Option<IntValue<'ctx>>) -> bool {
        match index {
            Some(index) => self.same.contains(&index),
            None => self.same.is_empty(),
        }
    }

    /// Goes from one block to the next: phis there take over what they get from here.
    fn follow(&mut self, from: BasicBlock<'ctx>, to: BasicBlock<'ctx>) {
        for phi in to.get_instructions().take_while(|i| i.get_opcode() == Op::Phi) {
            let Ok(phi) = PhiValue::try_from(phi) else { continue };
            let incoming = phi.get_incomings().find(|(_, block)| *block == from).map(|(value, _)| value);
            let (Some(BasicValueEnum::IntValue(value)), BasicValueEnum::IntValue(joined)) =
                (incoming, phi.as_basic_value())
            else {
                continue;
            };
            let is_same = linear(value, Side::Access).is_some_and(|l| l.constant == 0 && self.is_checked(l.index));
            if is_same && !self.same.is_empty() && joined.get_type().get_bit_width() >= 32 {
                self.same.push(joined);
            }
        }
    }
}

enum Step {
    /// Faults if the check would have failed.
    Faults,
    /// Does nothing that could be noticed.
    Harmless,
    Unknown,
}

pub fn int_vector_operand(instruction: InstructionValue<'_>, index: u32) -> Option<VectorValue<'_>> {
    match instruction.get_operand(index)?.value()? {
        BasicValueEnum::VectorValue(value) if value.get_type().get_element_type().is_int_type() => Some(value),
        _ => None,
    }
}

pub fn pointer_operand(instruction: InstructionValue<'_>, index: u32) -> Option<PointerValue<'_>> {
    match instruction.get_operand(index)?.value()? {
        BasicValueEnum::PointerValue(value) => Some(value),
        _ => None,
    }
}

/// What a call calls.
pub fn callee(call: InstructionValue<'_>) -> Option<PointerValue<'_>> {
    pointer_operand(call, call.get_num_operands() - 1)
}

/// Where a sum stands: that decides what an `or` of disjoint bits may be taken for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Before the check: `a | b` is at most `a + b`, so what fails as a disjunction fails as a sum.
    Check,
    /// Behind it: only low bits count as disjoint, which LLVM knows from shifts and masks; higher ones
    /// it could know from the check.
    Access,
}

/// Reads an integer as an index plus a constant. A 32-bit value is taken as it is. The caller makes
/// sure that a 64-bit index is below 2^32 ([`Pass::is_bounded`]).
fn linear(value: IntValue<'_>, side: Side) -> Option<Linear<'_>> {
    if let Some(constant) = value.get_zero_extended_constant() {
        let constant = i64::try_from(constant).ok().filter(|c| *c < CONSTANT_MAX)?;
        return Some(Linear { index: None, constant });
    }
    let plain = Linear { index: Some(value), constant: 0 };
    if value.get_type().get_bit_width() != 64 {
        return (value.get_type().get_bit_width() == 32).then_some(plain);
    }
    let Some(instruction) = value.as_instruction_value() else { return Some(plain) };
    match instruction.get_opcode() {
        Op::ZExt => {
            let narrow = int_operand(instruction, 0)?;
            Some(if narrow.get_type().get_bit_width() == 32 {
                Linear { index: Some(narrow), constant: 0 }
            } else {
                plain
            })
        }
        Op::Add | Op::Or => {
            let Some(added) = int_operand(instruction, 1)?.get_sign_extended_constant() else { return Some(plain) };
            let is_sum = instruction.get_opcode() == Op::Add
                || (instruction.get_disjoint_flag().ok()? && added >= 0 && (side == Side::Check || added < LOW_BITS));
            if !is_sum {
                return Some(plain);
            }
            let mut sum = linear(int_operand(instruction, 0)?, side)?;
            sum.constant = sum.constant.checked_add(added)?;
            // Neither the sum nor a part of it wraps: the index has 32 bits.
            (added.abs() < CONSTANT_MAX && sum.constant.abs() < 2 * CONSTANT_MAX).then_some(sum)
        }
        _ => Some(plain),
    }
}

/// Bits below this may be told apart by alignment.
const LOW_BITS: i64 = 4096;

/// Reads an address as a base plus a linear offset: any chain of byte-wise address computations with
/// at most one index that is not constant.
fn base_and_offset(address: PointerValue<'_>) -> Option<(PointerValue<'_>, Linear<'_>)> {
    let (mut at, mut total) = (address, Linear { index: None, constant: 0 });
    while let Some(gep) = byte_gep(at) {
        let step = linear(int_operand(gep, 1)?, Side::Access)?;
        if step.index.is_some() && total.index.is_some() {
            return None;
        }
        total.index = total.index.or(step.index);
        total.constant = total.constant.checked_add(step.constant)?;
        at = pointer_operand(gep, 0)?;
    }
    Some((at, total))
}

/// An address as a base, an index of 32 or 64 bits if there is one that is not constant, and what is added to both.
pub fn address_parts(address: PointerValue<'_>) -> Option<(PointerValue<'_>, Option<IntValue<'_>>, i64)> {
    base_and_offset(address).map(|(base, Linear { index, constant })| (base, index, constant))
}

/// The instruction of an address computation in bytes with a 64-bit index. (A narrower index would be
/// sign-extended.)
fn byte_gep(address: PointerValue<'_>) -> Option<InstructionValue<'_>> {
    let gep = address.as_instruction_value().filter(|i| i.get_opcode() == Op::GetElementPtr)?;
    let bytes = gep.get_gep_source_element_type().ok()?;
    let bytes = bytes.is_int_type() && bytes.into_int_type().get_bit_width() == 8;
    let index = int_operand(gep, 1)?;
    let wide = index.get_type().get_bit_width() == 64 || index.get_sign_extended_constant().is_some_and(|c| c >= 0);
    (bytes && wide && gep.get_num_operands() == 2).then_some(gep)
}

/// An index as a multiple of another value.
fn scaled(index: IntValue<'_>) -> (IntValue<'_>, i64) {
    let shift = index.as_instruction_value().filter(|i| i.get_opcode() == Op::Shl).and_then(|i| {
        let count = int_operand(i, 1)?.get_zero_extended_constant().filter(|c| *c < 16)?;
        Some((int_operand(i, 0)?, 1 << count))
    });
    shift.unwrap_or((index, 1))
}

/// Whether every way from the start of `from` to the end of `to` leads through `through`.
pub fn passes_always(from: BasicBlock<'_>, to: BasicBlock<'_>, through: BasicBlock<'_>) -> bool {
    let (mut seen, mut todo) = (HashSet::new(), vec![from]);
    while let Some(block) = todo.pop() {
        if block == through || !seen.insert(block) {
            continue;
        }
        if block == to {
            return false;
        }
        let Some(terminator) = block.get_terminator() else { return false };
        todo.extend(terminator.get_operands().filter_map(|o| o?.block()));
    }
    true
}

fn value_bits(ty: inkwell::types::BasicTypeEnum<'_>) -> Option<u32> {
    use inkwell::types::BasicTypeEnum as T;
    match ty {
        T::IntType(ty) => Some(ty.get_bit_width()),
        T::FloatType(ty) => Some(ty.get_bit_width()),
        T::VectorType(ty) => Some(value_bits(ty.get_element_type())? * ty.get_size()),
        _ => None,
    }
}

/// An address without constant offsets, and their sum.
fn strip_constants(address: PointerValue<'_>) -> Option<(PointerValue<'_>, i64)> {
    let (root, offset) = base_and_offset(address)?;
    offset.index.is_none().then_some((root, offset.constant))
}

fn root_of(address: PointerValue<'_>) -> PointerValue<'_> {
    let mut at = address;
    while let Some(gep) = at.as_instruction_value().filter(|i| i.get_opcode() == Op::GetElementPtr) {
        let Some(base) = pointer_operand(gep, 0) else { break };
        at = base;
    }
    at
}

fn is_local(root: PointerValue<'_>) -> bool {
    root.as_instruction_value().is_some_and(|i| i.get_opcode() == Op::Alloca)
}

pub fn root_is_local(address: PointerValue<'_>) -> bool {
    is_local(root_of(address))
}

fn is_constant(root: PointerValue<'_>) -> bool {
    root.is_const()
}

fn divides_by_constant(division: InstructionValue<'_>) -> bool {
    let divisor = int_operand(division, 1).and_then(|d| d.get_sign_extended_constant());
    divisor.is_some_and(|d| d != 0 && d != -1)
}

/// Intrinsics that compute and do nothing else: all that the translation uses, but those on memory.
pub fn is_pure_intrinsic(call: InstructionValue<'_>) -> bool {
    let Some(callee) = callee(call) else { return false };
    let name = callee.get_name().to_bytes();
    let on_memory = [&b"llvm.mem"[..], b"llvm.masked", b"llvm.vp", b"llvm.lifetime", b"llvm.assume", b"llvm.trap"];
    name.starts_with(b"llvm.") && !on_memory.iter().any(|prefix| name.starts_with(prefix))
}
