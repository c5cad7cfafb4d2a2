//! Functions that what is done for loops passes by.
//!
//! The passes for loops go through all code, several times, and find nothing to do in most of it. What they gain, they gain
//! in loops whose accesses LLVM may move: those are the short ones (`Options::checked_loop_max`), since all others trap by
//! themselves. Where they are a small part of a long function, and where there are none, the function is set aside
//! (docs/performance.md has what that gains and costs).

use super::counted::innermost_cycles;
use super::guest_functions;
use crate::translate::alias::Alias;
use crate::translate::symbols;
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::basic_block::BasicBlock;
use inkwell::module::Module as LlvmModule;
use inkwell::values::{AnyValueEnum, BasicValue, FunctionValue, InstructionValue};
use std::collections::HashMap;
use wasmc_abi::TrapCode;

/// A function has its loops optimised if it has at most so many basic blocks for each access in them.
const BLOCKS_PER_ACCESS: u32 = 4;

/// And so many beside: short functions take little time.
const BLOCKS_BESIDE: u32 = 8;

/// And at most so many instructions for each access: in code without branches loops may be short in long blocks.
const INSTRUCTIONS_PER_ACCESS: u32 = 12;

/// And so many beside.
const INSTRUCTIONS_BESIDE: u32 = 400;

/// What has LLVM's passes skip a function. The second is only there because the first must not be without.
const SKIPPED: [&str; 2] = ["optnone", "noinline"];

/// What marks functions that are to be set aside: they themselves may be deleted meanwhile.
const MARK: &str = "wasmc-not-for-loops";

/// Marks the functions in which loops are not worth it.
pub fn mark(llvm: &LlvmModule<'_>) {
    let context = llvm.get_context();
    let (alias, checks) = (Alias::new(context), checks_of_accesses(llvm));
    for function in guest_functions(llvm) {
        // Of a memory that is known to be as long as that, no check is left.
        let checked = checks.get(&function).copied().unwrap_or_else(|| blocks_with_accesses(function, &alias));
        let accesses = checked + accesses_in_tight_loops(function, &alias);
        let at_most = |per_access: u32, beside| accesses.saturating_mul(per_access).saturating_add(beside);
        let is_worth = accesses > 0
            && function.count_basic_blocks() <= at_most(BLOCKS_PER_ACCESS, BLOCKS_BESIDE)
            && instructions(function) <= at_most(INSTRUCTIONS_PER_ACCESS, INSTRUCTIONS_BESIDE);
        if !is_worth {
            function.add_attribute(AttributeLoc::Function, context.create_string_attribute(MARK, ""));
        }
    }
}

/// Whether loops are worth it in a function.
pub fn is_for_loops(function: FunctionValue<'_>) -> bool {
    function.get_string_attribute(AttributeLoc::Function, MARK).is_none() && !is_skipped(function)
}

/// The functions that are set aside.
pub struct Aside<'ctx>(Vec<FunctionValue<'ctx>>);

impl<'ctx> Aside<'ctx> {
    /// Sets functions aside but for some. Those are not meant that LLVM skips already, since they are too large for any
    /// optimisation. None may be deleted until they are taken back.
    pub fn all_but(llvm: &LlvmModule<'ctx>, stays: impl Fn(FunctionValue<'ctx>) -> bool) -> Aside<'ctx> {
        let rest = |function: &FunctionValue<'ctx>| !is_skipped(*function) && !stays(*function);
        let aside: Vec<_> = guest_functions(llvm).filter(rest).collect();
        let attributes = SKIPPED.map(|name| llvm.get_context().create_enum_attribute(kind(name), 0));
        for (function, attribute) in aside.iter().flat_map(|function| attributes.map(|attribute| (function, attribute)))
        {
            function.add_attribute(AttributeLoc::Function, attribute);
        }
        Aside(aside)
    }

    /// Takes the functions back in.
    pub fn take_back(self) {
        for (function, name) in self.0.iter().flat_map(|function| SKIPPED.map(|name| (function, name))) {
            function.remove_enum_attribute(AttributeLoc::Function, kind(name));
        }
    }
}

/// Whether LLVM's passes skip a function.
fn is_skipped(function: FunctionValue<'_>) -> bool {
    function.get_enum_attribute(AttributeLoc::Function, kind(SKIPPED[0])).is_some()
}

fn kind(name: &str) -> u32 {
    Attribute::get_named_enum_kind_id(name)
}

/// How many checks of accesses each function has, if any.
fn checks_of_accesses<'ctx>(llvm: &LlvmModule<'ctx>) -> HashMap<FunctionValue<'ctx>, u32> {
    let mut counts = HashMap::new();
    let trap = llvm.get_function(&symbols::trap_stub(TrapCode::MemoryOutOfBounds));
    let first = trap.and_then(|trap| trap.as_global_value().as_pointer_value().get_first_use());
    for used in std::iter::successors(first, |used| used.get_next_use()) {
        let AnyValueEnum::InstructionValue(call) = used.get_user() else { continue };
        if let Some(function) = call.get_parent().and_then(|block| block.get_parent()) {
            *counts.entry(function).or_default() += 1;
        }
    }
    counts
}

/// Whether an instruction accesses linear memory in a way that LLVM may change.
fn is_plain<'ctx>(instruction: InstructionValue<'ctx>, alias: &Alias<'ctx>) -> bool {
    alias.is_of_memory(instruction) && instruction.get_volatile() == Ok(false)
}

/// How many blocks of its innermost loops have such accesses.
fn blocks_with_accesses<'ctx>(function: FunctionValue<'ctx>, alias: &Alias<'ctx>) -> u32 {
    let has_one = |block: &BasicBlock<'ctx>| block.get_instructions().any(|i| is_plain(i, alias));
    innermost_cycles(function).into_iter().flatten().filter(has_one).count() as u32
}

/// How many such accesses are in blocks that lead to themselves: loops all of whose checks are known to hold.
fn accesses_in_tight_loops<'ctx>(function: FunctionValue<'ctx>, alias: &Alias<'ctx>) -> u32 {
    let leads_back = |block: &BasicBlock<'ctx>| {
        let end = block.get_terminator();
        end.is_some_and(|end| end.get_operands().flatten().any(|to| to.block() == Some(*block)))
    };
    let instructions = function.get_basic_block_iter().filter(leads_back).flat_map(|block| block.get_instructions());
    instructions.filter(|i| is_plain(*i, alias)).count() as u32
}

fn instructions(function: FunctionValue<'_>) -> u32 {
    function.get_basic_block_iter().map(|block| block.get_instructions().count() as u32).sum()
}

#[cfg(test)]
mod tests {
    use crate::{Emit, MemoryModel, OptLevel, Options, compile_observed};

    /// Adds up words of memory, in a function with so many branches beside.
    fn sum(branches: usize) -> String {
        let branches: String = (0..branches)
            .map(|n| format!("(if (i32.eq (local.get 0) (i32.const {n})) (then (call $other (i32.const {n}))))"))
            .collect();
        format!(
            "(module (import \"\" \"\" (func $other (param i32))) (memory 1) (func (export \"f\") (param i32) (result i32)
               (local i32 i32) {branches}
               (loop (local.set 1 (i32.add (local.get 1) (i32.load (local.get 2))))
                     (br_if 0 (i32.lt_u (local.tee 2 (i32.add (local.get 2) (i32.const 4))) (local.get 0))))
               (local.get 1)))"
        )
    }

    fn optimized(module: &str, level: OptLevel) -> String {
        optimized_in(MemoryModel::Guard, module, level)
    }

    fn optimized_in(memory: MemoryModel, module: &str, level: OptLevel) -> String {
        let module = wat::parse_str(module).unwrap();
        let options = Options { level, memory, ..Options::default() };
        String::from_utf8(compile_observed(&module, &options, Emit::Optimized, &mut ()).unwrap()).unwrap()
    }

    #[test]
    fn loops_are_vectorised_where_they_are_most_of_a_function() {
        for level in [OptLevel::O2, OptLevel::O3] {
            let has_vectors = |branches| optimized(&sum(branches), level).contains("<4 x i32>");
            assert!(has_vectors(0), "{level:?}");
            assert!(!has_vectors(100), "{level:?}");
        }
    }

    /// Adds up words of memory, in a function with so many rotations beside, without any branch.
    fn straight(rotations: usize) -> String {
        let rotations =
            "(local.set 0 (i32.rotl (i32.add (local.get 0) (local.get 1)) (local.get 0)))".repeat(rotations);
        let module = sum(0);
        let (head, tail) = module.split_at(module.find("(loop").unwrap());
        format!("{head}(local.set 1 (local.get 0)) {rotations} {tail}")
    }

    #[test]
    fn long_functions_have_few_loops_however_few_branches() {
        for level in [OptLevel::O2, OptLevel::O3] {
            let has_vectors = |rotations| optimized(&straight(rotations), level).contains("<4 x i32>");
            assert!(has_vectors(100), "{level:?}");
            assert!(!has_vectors(300), "{level:?}");
        }
    }

    /// Adds four words of memory to four others at places that are sure to be there, again and again.
    fn without_checks() -> String {
        let add = |at: u32| {
            let (from, to) = (64 + 4 * at, 128 + 4 * at);
            format!("(i32.store (i32.const {to}) (i32.add (i32.load (i32.const {to})) (i32.load (i32.const {from}))))")
        };
        format!(
            "(module (memory 1 1) (func (export \"f\") (param i32)
               (loop {} (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))",
            (0..4).map(add).collect::<String>()
        )
    }

    #[test]
    fn loops_whose_checks_have_all_been_found_to_hold_are_vectorised() {
        for level in [OptLevel::O2, OptLevel::O3] {
            let ir = optimized(&without_checks(), level);
            assert!(ir.contains("<4 x i32>"), "{level:?}: {ir}");
        }
    }

    #[test]
    fn loops_whose_checks_hold_count_beside_checks() {
        let module = without_checks();
        let (head, tail) = module.split_at(module.find("(loop").unwrap());
        // Two blocks for each, and one check, which `guard` would not have outside a loop.
        let branch = |n| format!("(if (i32.eq (local.get 0) (i32.const {n})) (then (call 0 (local.get 0))))");
        let branches: String = (0..8).map(branch).collect();
        let import = "(module (import \"\" \"\" (func (param i32)))";
        let check = "(i32.store (local.get 0) (i32.const 1))";
        let module = format!("{} {branches} {check} {tail}", head.replace("(module", import));
        for level in [OptLevel::O2, OptLevel::O3] {
            let ir = optimized_in(MemoryModel::Checked, &module, level);
            assert!(ir.contains("<4 x i32>"), "{level:?}: {ir}");
        }
    }

    #[test]
    fn no_function_stays_aside() {
        for level in [OptLevel::O2, OptLevel::O3] {
            let ir = optimized(&sum(100), level);
            assert!(!ir.contains("optnone"), "{ir}");
        }
    }
}
