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
//! - In a function that lost a check, accesses of the guest's state become volatile, so that code
//!   generation keeps them in order: what was stored before a trap is visible after it, what comes
//!   after the trap is not.

use crate::parse::{MemoryIndex, Module};
use crate::translate::symbols;
use inkwell::IntPredicate;
use inkwell::basic_block::BasicBlock;
use inkwell::module::Module as LlvmModule;
use inkwell::values::{
    BasicValue, BasicValueEnum, FunctionValue, InstructionOpcode as Op, InstructionValue, IntValue,
    PointerValue,
};
use wasmc_abi::TrapCode;
use wasmc_abi::vmctx::{GUARD_RESERVATION, Layout, MAX_PAGES, PAGE_LEN, memory_record};

/// How many blocks the search behind a check may visit.
const SEARCH_MAX: usize = 24;

/// How many phis a length may have come through.
const PHIS_MAX: usize = 32;

/// Removes what can be removed; returns how many checks that were.
pub fn remove_checks<'ctx>(llvm: &LlvmModule<'ctx>, module: &Module<'_>) -> usize {
    let Some(trap) = llvm.get_function(&symbols::trap_stub(TrapCode::MemoryOutOfBounds)) else { return 0 };
    let mut removed = 0;
    for function in llvm.get_functions().filter(|f| f.get_subprogram().is_some() && f.count_basic_blocks() > 0) {
        let Some(vmctx) = function.get_first_param() else { continue };
        let BasicValueEnum::PointerValue(vmctx) = vmctx else { continue };
        let pass = Pass { vmctx, trap, module, layout: module.layout() };
        removed += pass.run(function);
    }
    removed
}

/// What the pass needs to know of one function.
struct Pass<'ctx, 'm> {
    vmctx: PointerValue<'ctx>,
    trap: FunctionValue<'ctx>,
    module: &'m Module<'m>,
    layout: Layout,
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

impl<'ctx> Pass<'ctx, '_> {
    fn run(&self, function: FunctionValue<'ctx>) -> usize {
        let mut removed = 0;
        for block in function.get_basic_block_iter() {
            let Some(check) = self.check(block) else { continue };
            let mut budget = SEARCH_MAX;
            if self.always_faults(&check, check.next, &mut budget) {
                let builder = check.next.get_context().create_builder();
                builder.position_before(&check.branch);
                builder.build_unconditional_branch(check.next).expect("the builder is positioned");
                check.branch.erase_from_basic_block();
                removed += 1;
            }
        }
        if removed > 0 {
            self.keep_order(function);
        }
        removed
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
            _ => return None,
        };
        let (memory, limit) = self.limit(lesser)?;
        let mut end = linear(greater)?;
        // index + c > length − limit, so index + (c + limit) > length; for integers, ≥ is > one less.
        end.constant = end.constant.checked_add(limit)?.checked_add(or_equal.into())?;
        Some(Check { branch, next, memory, end })
    }

    /// Reads a value as `length of a memory − limit`.
    fn limit(&self, value: IntValue<'ctx>) -> Option<(MemoryIndex, i64)> {
        if let Some(constant) = value.get_zero_extended_constant() {
            let memory = MemoryIndex(0);
            let len = self.fixed_len(memory)?;
            return Some((memory, len.checked_sub(i64::try_from(constant).ok()?)?));
        }
        let mut seen = Vec::new();
        self.length_of(value.into(), &mut seen).flatten().map(|memory| (memory, 0))
    }

    /// The length of the module's only memory, if it never changes.
    fn fixed_len(&self, memory: MemoryIndex) -> Option<i64> {
        let ty = self.module.memories.get(memory.get())?;
        let fixed = self.module.memories.len() == 1
            && self.module.imported_memories == 0
            && ty.max == Some(ty.min)
            && ty.min <= MAX_PAGES;
        fixed.then_some((ty.min * PAGE_LEN) as i64)
    }

    /// The memory whose length `value` is: loaded from its record, however that came here. `Some(None)`
    /// is a phi that is being looked at, which adds nothing to what its other operands say.
    fn length_of(&self, value: BasicValueEnum<'ctx>, seen: &mut Vec<InstructionValue<'ctx>>) -> Option<Option<MemoryIndex>> {
        let instruction = value.as_instruction_value()?;
        match instruction.get_opcode() {
            Op::Load => self.record_field(pointer_operand(instruction, 0)?, memory_record::LEN_BYTES).map(Some),
            // Exact: a length fits in 32 bits.
            Op::Trunc if value.get_type().into_int_type().get_bit_width() == 32 => {
                self.length_of(instruction.get_operand(0)?.value()?, seen)
            }
            Op::Phi if seen.contains(&instruction) => Some(None),
            Op::Phi if seen.len() < PHIS_MAX => {
                seen.push(instruction);
                let phi = inkwell::values::PhiValue::try_from(instruction).ok()?;
                let mut found = None;
                for (incoming, _) in phi.get_incomings() {
                    let memory = self.length_of(incoming, seen)?;
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
        for memory in 0..self.layout.memories {
            let slot = i64::from(self.layout.memory(memory));
            let matches = if memory < self.module.imported_memories {
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

    /// Whether every way on from the start of `block` comes to an access that faults if the check
    /// would have failed, before it does anything that could be noticed.
    fn always_faults(&self, check: &Check<'ctx>, block: BasicBlock<'ctx>, budget: &mut usize) -> bool {
        if *budget == 0 {
            return false;
        }
        *budget -= 1;
        for instruction in block.get_instructions() {
            match instruction.get_opcode() {
                Op::Load | Op::Store => match self.step(check, instruction) {
                    Step::Faults => return true,
                    Step::Harmless => {}
                    Step::Unknown => return false,
                },
                Op::Call if is_pure_intrinsic(instruction) => {}
                Op::Br => return self.successors_fault(check, instruction, budget),
                Op::Call
                | Op::Switch
                | Op::Return
                | Op::Unreachable
                | Op::Fence
                | Op::AtomicRMW
                | Op::AtomicCmpXchg
                | Op::Invoke
                | Op::IndirectBr => return false,
                _ => {}
            }
        }
        false
    }

    fn successors_fault(&self, check: &Check<'ctx>, branch: InstructionValue<'ctx>, budget: &mut usize) -> bool {
        let Some((_, on_true, on_false)) = conditional(branch) else {
            let Some(next) = branch.get_operand(0).and_then(|o| o.block()) else { return false };
            return self.always_faults(check, next, budget);
        };
        // Another check's trap is the same trap.
        [on_true, on_false].into_iter().all(|next| self.is_trap(next) || self.always_faults(check, next, budget))
    }

    fn step(&self, check: &Check<'ctx>, instruction: InstructionValue<'ctx>) -> Step {
        let is_store = instruction.get_opcode() == Op::Store;
        let Some(address) = pointer_operand(instruction, u32::from(is_store)) else { return Step::Unknown };
        if let Some(access) = self.access(instruction, address) {
            let covers = access.start.constant + access.len >= check.end.constant;
            if access.memory == check.memory && access.start.index == check.end.index && covers {
                return Step::Faults;
            }
            return if is_store { Step::Unknown } else { Step::Harmless };
        }
        if !is_store && self.is_own(address) { Step::Harmless } else { Step::Unknown }
    }

    /// Reads a load or a store as an access that cannot leave the reservation.
    fn access(&self, instruction: InstructionValue<'ctx>, address: PointerValue<'ctx>) -> Option<Access<'ctx>> {
        let (base, start) = base_and_offset(address)?;
        let load = base.as_instruction_value().filter(|i| i.get_opcode() == Op::Load)?;
        let memory = self.record_field(pointer_operand(load, 0)?, memory_record::BASE)?;
        let ty = match instruction.get_opcode() {
            Op::Store => match instruction.get_operand(0)?.value()? {
                BasicValueEnum::IntValue(v) => v.get_type().get_bit_width(),
                BasicValueEnum::FloatValue(v) => v.get_type().get_bit_width(),
                _ => return None,
            },
            _ => match inkwell::types::BasicTypeEnum::try_from(instruction.get_type()).ok()? {
                inkwell::types::BasicTypeEnum::IntType(t) => t.get_bit_width(),
                inkwell::types::BasicTypeEnum::FloatType(t) => t.get_bit_width(),
                _ => return None,
            },
        };
        let len = i64::from(ty.div_ceil(8));
        let end = start.constant.checked_add(len)?.checked_add(1 << 32)?;
        let inside = start.constant >= 0 && end <= GUARD_RESERVATION as i64;
        inside.then_some(Access { memory, start, len })
    }

    /// Whether an address is of the instance's own block or of this frame: reading there cannot fault.
    fn is_own(&self, address: PointerValue<'ctx>) -> bool {
        let Some((root, _)) = strip_constants(address) else { return false };
        root == self.vmctx || is_local(root) || self.is_record(root)
    }

    fn is_record(&self, root: PointerValue<'ctx>) -> bool {
        (0..self.layout.memories.max(self.layout.tables).max(self.layout.globals)).take(64).any(|i| {
            let memory = i < self.module.imported_memories && self.is_load_from_vmctx(root, self.layout.memory(i).into());
            let table = i < self.module.imported_tables && self.is_load_from_vmctx(root, self.layout.table(i).into());
            let global = i < self.module.imported_globals && self.is_load_from_vmctx(root, self.layout.global(i).into());
            memory || table || global
        })
    }

    /// Whether a block does nothing but raise the trap for accesses out of bounds.
    fn is_trap(&self, block: BasicBlock<'ctx>) -> bool {
        let Some(first) = block.get_first_instruction() else { return false };
        let ends = first.get_next_instruction().is_some_and(|i| i.get_opcode() == Op::Unreachable);
        ends && first.get_opcode() == Op::Call && callee(first) == Some(self.trap.as_global_value().as_pointer_value())
    }

    /// Makes accesses of what others can see volatile: linear memory, globals, tables.
    fn keep_order(&self, function: FunctionValue<'ctx>) {
        for instruction in function.get_basic_block_iter().flat_map(|b| b.get_instructions()) {
            let visible = match instruction.get_opcode() {
                Op::Store => pointer_operand(instruction, 1).is_none_or(|p| !root_is_local(p)),
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

enum Step {
    /// Faults if the check would have failed.
    Faults,
    /// Does nothing that could be noticed.
    Harmless,
    Unknown,
}

fn conditional<'ctx>(
    branch: InstructionValue<'ctx>,
) -> Option<(IntValue<'ctx>, BasicBlock<'ctx>, BasicBlock<'ctx>)> {
    if branch.get_num_operands() != 3 || !branch.is_conditional().unwrap_or(false) {
        return None;
    }
    let condition = branch.get_operand(0)?.value()?;
    // LLVM stores the successors in reverse.
    let (on_false, on_true) = (branch.get_operand(1)?.block()?, branch.get_operand(2)?.block()?);
    match condition {
        BasicValueEnum::IntValue(condition) => Some((condition, on_true, on_false)),
        _ => None,
    }
}

fn int_operand(instruction: InstructionValue<'_>, index: u32) -> Option<IntValue<'_>> {
    match instruction.get_operand(index)?.value()? {
        BasicValueEnum::IntValue(value) => Some(value),
        _ => None,
    }
}

fn pointer_operand(instruction: InstructionValue<'_>, index: u32) -> Option<PointerValue<'_>> {
    match instruction.get_operand(index)?.value()? {
        BasicValueEnum::PointerValue(value) => Some(value),
        _ => None,
    }
}

fn callee(call: InstructionValue<'_>) -> Option<PointerValue<'_>> {
    pointer_operand(call, call.get_num_operands() - 1)
}

/// Reads an integer as a zero-extended 32-bit value plus a constant. A 32-bit value is taken as it is.
fn linear(value: IntValue<'_>) -> Option<Linear<'_>> {
    if value.get_type().get_bit_width() == 32 {
        return Some(match value.get_zero_extended_constant() {
            Some(constant) => Linear { index: None, constant: constant as i64 },
            None => Linear { index: Some(value), constant: 0 },
        });
    }
    if value.get_type().get_bit_width() != 64 {
        return None;
    }
    if let Some(constant) = value.get_zero_extended_constant() {
        let constant = i64::try_from(constant).ok().filter(|c| *c < 1 << 40)?;
        return Some(Linear { index: None, constant });
    }
    let instruction = value.as_instruction_value()?;
    match instruction.get_opcode() {
        Op::ZExt => {
            let narrow = int_operand(instruction, 0)?;
            (narrow.get_type().get_bit_width() == 32).then_some(Linear { index: Some(narrow), constant: 0 })
        }
        // How a zero-extension looks after its operand was widened: the mask bounds the value itself.
        Op::And => {
            let mask = int_operand(instruction, 1)?.get_zero_extended_constant()?;
            (mask <= u64::from(u32::MAX)).then_some(Linear { index: Some(value), constant: 0 })
        }
        Op::Add | Op::Or => {
            let added = int_operand(instruction, 1)?.get_sign_extended_constant()?;
            // A disjoint `or` of low bits is an addition: the bits are known from shifts and masks.
            if instruction.get_opcode() == Op::Or && !(instruction.get_disjoint_flag().ok()? && (0..4096).contains(&added)) {
                return None;
            }
            let mut sum = linear(int_operand(instruction, 0)?)?;
            sum.constant = sum.constant.checked_add(added)?;
            // Neither the sum nor a part of it wraps: the index has 32 bits.
            (added.abs() < 1 << 40 && sum.constant.abs() < 1 << 41).then_some(sum)
        }
        _ => None,
    }
}

/// Reads an address as a base plus a linear offset: any chain of byte-wise address computations with
/// at most one index that is not constant.
fn base_and_offset(address: PointerValue<'_>) -> Option<(PointerValue<'_>, Linear<'_>)> {
    let (mut at, mut total) = (address, Linear { index: None, constant: 0 });
    while let Some(gep) = byte_gep(at) {
        let step = linear(int_operand(gep, 1)?)?;
        if step.index.is_some() && total.index.is_some() {
            return None;
        }
        total.index = total.index.or(step.index);
        total.constant = total.constant.checked_add(step.constant)?;
        at = pointer_operand(gep, 0)?;
    }
    Some((at, total))
}

/// The instruction of an address computation in bytes with a 64-bit index. (A narrower index would be
/// sign-extended.)
fn byte_gep(address: PointerValue<'_>) -> Option<InstructionValue<'_>> {
    let gep = address.as_instruction_value().filter(|i| i.get_opcode() == Op::GetElementPtr)?;
    let bytes = gep.get_gep_source_element_type().ok()?;
    let bytes = bytes.is_int_type() && bytes.into_int_type().get_bit_width() == 8;
    let wide = int_operand(gep, 1)?.get_type().get_bit_width() == 64;
    (bytes && wide && gep.get_num_operands() == 2).then_some(gep)
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

fn root_is_local(address: PointerValue<'_>) -> bool {
    is_local(root_of(address))
}

fn is_constant(root: PointerValue<'_>) -> bool {
    root.is_const()
}

/// Intrinsics that compute and do nothing else: all that the translation uses, but those on memory.
fn is_pure_intrinsic(call: InstructionValue<'_>) -> bool {
    let Some(callee) = callee(call) else { return false };
    let name = callee.get_name().to_bytes();
    let on_memory = [&b"llvm.mem"[..], b"llvm.masked", b"llvm.vp", b"llvm.lifetime", b"llvm.assume", b"llvm.trap"];
    name.starts_with(b"llvm.") && !on_memory.iter().any(|prefix| name.starts_with(prefix))
}
