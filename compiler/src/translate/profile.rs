//! Counting which way code goes, and telling LLVM what was counted.
//!
//! Counters are by the body's instructions, as `abi::profile` says, before anything is inlined. What was counted becomes
//! what LLVM knows from its own profiles: weights of branches, how often a function is called, and the distribution
//! of all counts. It changes no code's meaning: a profile that is wrong makes code that is slow.

use super::Result;
use super::function::FunctionTranslator;
use super::unit::Unit;
use crate::parse::{FuncIndex, TableIndex, TypeId};
use crate::profile::{Known, ModuleProfile, Site};
use inkwell::IntPredicate;
use inkwell::module::FlagBehavior;
use inkwell::values::{
    BasicValue, BasicValueEnum, InstructionOpcode, InstructionValue, IntValue, MetadataValue, PointerValue,
};
use wasmc_abi::profile::COUNTER_LEN;
use wasmparser::Operator;

/// A function that most of an indirect call's calls go to.
#[derive(Clone, Copy)]
pub struct LikelyCallee {
    /// Its index in the table.
    pub element: u64,
    /// The function, one of the module's.
    pub function: FuncIndex,
    /// About how many calls went elsewhere, and there.
    counts: [u64; 2],
}

/// How the counts of all functions are distributed, as LLVM's own profiles say it (`ProfileSummary::getMD`).
pub fn define_summary<'ctx>(unit: &Unit<'ctx, '_>) {
    let ModuleProfile::Known(Known { summary, .. }) = &unit.module.profile else { return };
    let context = unit.context;
    let (i32, i64) = (|n: u32| unit.types.i32.const_int(n.into(), false), |n| unit.types.i64.const_int(n, false));
    let string = |text| context.metadata_string(text);
    let pair = |name, value: MetadataValue<'ctx>| context.metadata_node(&[string(name).into(), value.into()]);
    let number = |name, value| context.metadata_node(&[string(name).into(), i64(value).into()]);
    let details = summary.details.iter().map(|(part, least, counts)| {
        context.metadata_node(&[i32(*part).into(), i64(*least).into(), i32(*counts).into()]).into()
    });
    let nodes = [
        pair("ProfileFormat", string("InstrProf")),
        number("TotalCount", summary.total),
        number("MaxCount", summary.max),
        number("MaxInternalCount", summary.max_internal),
        number("MaxFunctionCount", summary.max_function),
        number("NumCounts", summary.counts.into()),
        number("NumFunctions", summary.functions.into()),
        pair("DetailedSummary", context.metadata_node(&details.collect::<Vec<_>>())),
    ];
    let node = context.metadata_node(&nodes.map(Into::into));
    unit.llvm.add_metadata_flag("ProfileSummary", FlagBehavior::Error, node);
}

impl<'u, 'ctx> FunctionTranslator<'u, 'ctx> {
    /// At the function's start, before anything else is known of it.
    pub fn begin_profile(&mut self) -> Result<()> {
        self.counters = 0..1;
        self.count_way(self.unit.types.word.const_zero())?;
        let Some(&[calls]) = self.counted() else { return Ok(()) };
        let ModuleProfile::Known(known) = &self.unit.module.profile else { return Ok(()) };
        let name = self.unit.context.metadata_string("function_entry_count");
        let count = self.unit.types.i64.const_int(calls, false);
        let node = self.unit.context.metadata_node(&[name.into(), count.into()]);
        self.function.as_global_value().set_metadata(node, self.unit.context.get_kind_id("prof"));
        if calls == 0 {
            self.unit.attributes.never_called(self.function);
        } else if calls >= known.summary.hot() {
            self.unit.attributes.often_called(self.function);
        }
        Ok(())
    }

    /// Before an instruction: which counters are its own.
    pub fn step_profile(&mut self, operator: &Operator<'_>) {
        let count = Site::of(operator).map_or(0, Site::counters);
        self.counters = self.counters.end..self.counters.end + count as usize;
    }

    /// What was counted at the current instruction, if that is known.
    fn counted(&self) -> Option<&'u [u64]> {
        let ModuleProfile::Known(known) = &self.unit.module.profile else { return None };
        let counts = known.bodies[self.defined.get()].as_deref()?.get(self.counters.clone())?;
        Some(counts).filter(|counts| !counts.is_empty())
    }

    /// Counts that the current instruction goes one of its ways, which are numbered.
    pub fn count_way(&self, way: IntValue<'ctx>) -> Result<()> {
        let Some(counter) = self.counter(way)? else { return Ok(()) };
        let one = self.unit.types.i64.const_int(1, false);
        let count = self.builder.build_int_add(self.load_counter(counter)?, one, "")?;
        self.store_counter(counter, count)
    }

    /// Counts which of the targets of a `br_table` is taken: all indices beyond have the last one.
    pub fn count_target(&self, index: IntValue<'ctx>, last: u32) -> Result<()> {
        if !matches!(self.unit.module.profile, ModuleProfile::Counting(_)) {
            return Ok(());
        }
        let last = index.get_type().const_int(last.into(), false);
        let is_less = self.builder.build_int_compare(IntPredicate::ULT, index, last, "")?;
        let target = self.builder.build_select(is_less, index, last, "")?;
        self.count_way(target.into_int_value())
    }

    /// Counts which element of a table is called: one that more calls go to than to all others is left at the end (the
    /// vote of Boyer and Moore).
    pub fn count_callee(&self) -> Result<()> {
        let (types, builder) = (&self.unit.types, &self.builder);
        let counter = |number| self.counter(types.word.const_int(number, false));
        let (Some(element), Some(votes)) = (counter(0)?, counter(1)?) else { return Ok(()) };
        let index = self.stack.last().expect("validated: the index is there").into_int_value();
        let index = builder.build_int_z_extend_or_bit_cast(index, types.i64, "")?;
        let (was, had) = (self.load_counter(element)?, self.load_counter(votes)?);
        let is_free = builder.build_int_compare(IntPredicate::EQ, had, types.i64.const_zero(), "")?;
        let is_same = builder.build_int_compare(IntPredicate::EQ, was, index, "")?;
        let is_for = builder.build_or(is_free, is_same, "")?;
        let one = types.i64.const_int(1, false);
        let (more, less) = (builder.build_int_add(had, one, "")?, builder.build_int_sub(had, one, "")?);
        let has = builder.build_select(is_for, more, less, "")?.into_int_value();
        let is = builder.build_select(is_for, index, was, "")?.into_int_value();
        self.store_counter(element, is)?;
        self.store_counter(votes, has)?;
        self.count_way(types.word.const_int(2, false))
    }

    /// The address of one of the current instruction's counters, if it counts.
    fn counter(&self, number: IntValue<'ctx>) -> Result<Option<PointerValue<'ctx>>> {
        let ModuleProfile::Counting(counting) = &self.unit.module.profile else { return Ok(None) };
        if self.counters.is_empty() {
            return Ok(None);
        }
        let word = self.unit.types.word;
        let first = u64::from(counting.addresses[self.defined.get()]) + (COUNTER_LEN * self.counters.start) as u64;
        let number = self.builder.build_int_z_extend_or_bit_cast(number, word, "")?;
        let distance = self.builder.build_int_mul(number, word.const_int(COUNTER_LEN as u64, false), "")?;
        let start = self.builder.build_int_add(distance, word.const_int(first, false), "")?;
        Ok(Some(self.memory_address(counting.memory, start)?))
    }

    fn load_counter(&self, counter: PointerValue<'ctx>) -> Result<IntValue<'ctx>> {
        Ok(self.load_tagged(self.unit.types.i64.into(), counter, self.unit.alias.profile)?.into_int_value())
    }

    fn store_counter(&self, counter: PointerValue<'ctx>, count: IntValue<'ctx>) -> Result<()> {
        self.store_tagged(counter, count.into(), self.unit.alias.profile)
    }

    /// Weights for a branch on a condition that has been counted.
    pub fn counted_branch(&self) -> Option<MetadataValue<'ctx>> {
        let &[not, taken] = self.counted()? else { return None };
        self.unit.weights(&[taken, not])
    }

    /// Gives the choice between two values its weights.
    pub fn weigh_select(&self, value: BasicValueEnum<'ctx>) {
        // Of constants it is no instruction.
        let select = value.as_instruction_value().filter(|i| i.get_opcode() == InstructionOpcode::Select);
        if let (Some(select), Some(weights)) = (select, self.counted_branch()) {
            select.set_metadata(weights, self.unit.context.get_kind_id("prof")).expect("weights are a node");
        }
    }

    /// Gives a `br_table` its weights.
    pub fn weigh_switch(&self, switch: InstructionValue<'ctx>) {
        let Some([cases @ .., default]) = self.counted() else { return };
        let counts: Vec<u64> = std::iter::once(default).chain(cases).copied().collect();
        if let Some(weights) = self.unit.weights(&counts) {
            switch.set_metadata(weights, self.unit.context.get_kind_id("prof")).expect("weights are a node");
        }
    }

    /// The function that most calls of the current instruction go to, if that is known now and worth a comparison.
    pub fn likely_callee(&self, table: TableIndex, ty: TypeId) -> Option<LikelyCallee> {
        let &[element, votes, calls] = self.counted()? else { return None };
        let ModuleProfile::Known(known) = &self.unit.module.profile else { return None };
        if calls < known.summary.warm() || votes < calls / 3 {
            return None;
        }
        let function = self.unit.constant_element(table, element)?;
        let module = self.unit.module;
        let fits = module.is_subtype(module.functions[function.get()], ty) && module.defined(function).is_some();
        // Each vote that was lost was for another one, or against this one.
        let there = votes + calls.saturating_sub(votes) / 2;
        fits.then_some(LikelyCallee { element, function, counts: [calls.saturating_sub(there), there] })
    }

    /// Branches on whether the likely callee is the one that is called.
    pub fn branch_on_callee(&self, likely: LikelyCallee, index: IntValue<'ctx>) -> Result<Branches<'ctx>> {
        let element = index.get_type().const_int(likely.element, false);
        let is_it = self.builder.build_int_compare(IntPredicate::EQ, index, element, "")?;
        let branches = Branches { direct: self.new_block(), other: self.new_block(), next: self.new_block() };
        let branch = self.builder.build_conditional_branch(is_it, branches.direct, branches.other)?;
        let [elsewhere, there] = likely.counts;
        if let Some(weights) = self.unit.weights(&[there, elsewhere]) {
            branch.set_metadata(weights, self.unit.context.get_kind_id("prof")).expect("weights are a node");
        }
        Ok(branches)
    }
}

/// Where a call goes on whose callee was compared with a likely one.
pub struct Branches<'ctx> {
    pub direct: inkwell::basic_block::BasicBlock<'ctx>,
    pub other: inkwell::basic_block::BasicBlock<'ctx>,
    /// Behind either call.
    pub next: inkwell::basic_block::BasicBlock<'ctx>,
}
