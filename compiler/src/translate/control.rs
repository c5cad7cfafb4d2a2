//! Control frames: block, loop, if, branches, and the code that cannot be reached.

use super::Result;
use super::exceptions::Pad;
use super::function::FunctionTranslator;
use inkwell::IntPredicate;
use inkwell::basic_block::BasicBlock;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{BasicValueEnum, InstructionOpcode, InstructionValue, IntValue, PhiValue, PointerValue};
use std::collections::BTreeMap;
use wasmc_abi::ValType;
use wasmparser::{BlockType, BrTable};

/// How many instructions before a branch what its loop begins with is looked for.
const INSTRUCTIONS_BACK: usize = 8;

/// A construct that has begun and not ended.
pub struct Frame<'ctx> {
    kind: Kind<'ctx>,
    /// Where control goes after the construct, with the results in `results`.
    next: BasicBlock<'ctx>,
    results: Vec<PhiValue<'ctx>>,
    /// Height of the operand stack below the construct's parameters.
    pub height: usize,
    /// Whether anything comes to `next`.
    reached: bool,
    /// Whether accesses in it have checks in any case.
    keeps_checks: bool,
    /// How many loops are around what is in it.
    loops: u32,
    /// What becomes of exceptions in it.
    pub catching: Catching<'ctx>,
    /// In a `try` of the legacy form without a `catch_all` so far: where an exception goes that its clauses up to here
    /// do not take, and that exception.
    pub uncaught: Option<(BasicBlock<'ctx>, IntValue<'ctx>)>,
}

impl<'ctx> Frame<'ctx> {
    /// Where branches to the construct lead, with operands in these.
    fn target(&self) -> (BasicBlock<'ctx>, &[PhiValue<'ctx>]) {
        match &self.kind {
            Kind::Loop { header, params, .. } => (*header, params),
            _ => (self.next, &self.results),
        }
    }
}

/// What a construct does with exceptions.
#[derive(Clone, Copy)]
pub enum Catching<'ctx> {
    Nothing,
    /// They go there.
    Pad(Pad<'ctx>),
    /// It is in a catch clause of the legacy form, for this exception, which is in this slot among the roots.
    Caught(IntValue<'ctx>, u32),
}

enum Kind<'ctx> {
    Block,
    Loop {
        header: BasicBlock<'ctx>,
        params: Vec<PhiValue<'ctx>>,
        /// If each round begins with that.
        switch: Option<Switch<'ctx>>,
    },
    /// `otherwise` is where a false condition leads, until `else` or `end` has taken it.
    If {
        otherwise: Option<BasicBlock<'ctx>>,
        params: Vec<BasicValueEnum<'ctx>>,
    },
}

/// A `br_table` with the value of a local as its index. Compilers write a loop that begins with one where a program goes from
/// anywhere to anywhere: Go's do for each function, whose every jump is a constant, stored to a local, and a branch to the
/// loop. Such branches go on at once where the `br_table` leads ([`FunctionTranslator::take_edge`]).
struct Switch<'ctx> {
    local: PointerValue<'ctx>,
    targets: Vec<BasicBlock<'ctx>>,
    default: BasicBlock<'ctx>,
}

impl<'ctx> Switch<'ctx> {
    /// Where it leads, at the end of a block that has stored a constant to the local not long before.
    fn target_from(&self, block: BasicBlock<'ctx>) -> Option<BasicBlock<'ctx>> {
        let back = std::iter::successors(block.get_last_instruction(), |i| i.get_previous_instruction());
        let stores = |i: &InstructionValue<'ctx>| i.get_opcode() == InstructionOpcode::Store;
        // Nothing but a store to the local itself changes it: its address is known to nobody.
        let to_local = |i: &InstructionValue<'ctx>| i.get_operand(1).and_then(|o| o.value()) == Some(self.local.into());
        let store = back.take(INSTRUCTIONS_BACK).find(|i| stores(i) && to_local(i))?;
        let index = store.get_operand(0)?.value()?.into_int_value().get_zero_extended_constant()?;
        let target = usize::try_from(index).ok().and_then(|index| self.targets.get(index));
        Some(*target.unwrap_or(&self.default))
    }
}

impl<'ctx> FunctionTranslator<'_, 'ctx> {
    pub fn new_block(&self) -> BasicBlock<'ctx> {
        self.unit.context.append_basic_block(self.function, "")
    }

    /// Branches to `rare` if the condition holds, which hardly ever happens.
    pub fn branch_unlikely(
        &self,
        condition: IntValue<'ctx>,
        rare: BasicBlock<'ctx>,
        next: BasicBlock<'ctx>,
    ) -> Result<()> {
        let branch = self.builder.build_conditional_branch(condition, rare, next)?;
        let prof = self.unit.context.get_kind_id("prof");
        branch.set_metadata(self.unit.unlikely(), prof).expect("the weights are a node");
        Ok(())
    }

    /// Branches as the profile or the module says that it is likely, if either does.
    fn branch_hinted(&self, condition: IntValue<'ctx>, then: BasicBlock<'ctx>, next: BasicBlock<'ctx>) -> Result<()> {
        self.count_way(condition)?;
        let branch = self.builder.build_conditional_branch(condition, then, next)?;
        let hinted = || Some(self.unit.likely(self.unit.module.branch_hint(self.offset())?));
        if let Some(weights) = self.counted_branch().or_else(hinted) {
            let prof = self.unit.context.get_kind_id("prof");
            branch.set_metadata(weights, prof).expect("the weights are a node");
        }
        Ok(())
    }

    /// The condition of an `i32` operand.
    pub fn pop_condition(&mut self) -> Result<IntValue<'ctx>> {
        let value = self.pop_int();
        Ok(self.builder.build_int_compare(IntPredicate::NE, value, value.get_type().const_zero(), "")?)
    }

    /// Opens the frame of the body itself, whose end is the return.
    pub fn begin_function(&mut self, results: &[ValType]) -> Result<()> {
        self.push_frame(Kind::Block, results, 0)?;
        self.innermost().keeps_checks = self.unit.checked_loop_max().is_none();
        Ok(())
    }

    pub fn begin_block(&mut self, ty: BlockType) -> Result<()> {
        let (params, results) = self.block_type(ty);
        self.push_frame(Kind::Block, &results, params.len())
    }

    pub fn begin_loop(&mut self, ty: BlockType) -> Result<()> {
        let (params, results) = self.block_type(ty);
        let header = self.new_block();
        let before = self.builder.get_insert_block().expect("the builder stands in a block");
        self.builder.build_unconditional_branch(header)?;
        self.builder.position_at_end(header);
        let phis = self.phis(header, &params)?;
        let values = self.pop_many(params.len());
        for (phi, value) in phis.iter().zip(&values) {
            phi.add_incoming(&[(value, before)]);
        }
        self.stack.extend(phis.iter().map(|phi| phi.as_basic_value()));
        self.push_frame(Kind::Loop { header, params: phis, switch: None }, &results, params.len())
    }

    pub fn begin_if(&mut self, ty: BlockType) -> Result<()> {
        let condition = self.pop_condition()?;
        let (params, results) = self.block_type(ty);
        let (then, otherwise) = (self.new_block(), self.new_block());
        self.branch_hinted(condition, then, otherwise)?;
        self.builder.position_at_end(then);
        let values = self.stack[self.stack.len() - params.len()..].to_vec();
        self.push_frame(Kind::If { otherwise: Some(otherwise), params: values }, &results, params.len())
    }

    pub fn begin_else(&mut self) -> Result<()> {
        if self.reachable {
            self.leave_frame()?;
        }
        let frame = self.frames.last_mut().expect("validated: else has its if");
        let Kind::If { otherwise, params } = &mut frame.kind else { unreachable!("validated: else belongs to if") };
        let (block, params) = (otherwise.take().expect("one else for an if"), params.clone());
        self.stack.truncate(frame.height);
        self.stack.extend(params);
        self.builder.position_at_end(block);
        self.reachable = true;
        Ok(())
    }

    /// Ends the innermost construct.
    pub fn end(&mut self) -> Result<()> {
        self.end_with(self.frames.len() - 1)
    }

    /// Ends the innermost construct. What it does not catch, of all that it could, goes on as if only the outermost
    /// `frames` constructs were open.
    pub fn end_with(&mut self, frames: usize) -> Result<()> {
        if self.reachable {
            self.leave_frame()?;
        }
        let mut frame = self.frames.pop().expect("validated: end has its construct");
        self.raise_uncaught(&frame, frames)?;
        if let Kind::If { otherwise: Some(block), params } = &frame.kind {
            self.builder.position_at_end(*block);
            for (phi, value) in frame.results.iter().zip(params) {
                phi.add_incoming(&[(value, *block)]);
            }
            self.builder.build_unconditional_branch(frame.next)?;
            frame.reached = true;
        }
        self.stack.truncate(frame.height);
        self.builder.position_at_end(frame.next);
        self.reachable = frame.reached;
        if frame.reached {
            self.stack.extend(frame.results.iter().map(|phi| phi.as_basic_value()));
        } else {
            self.builder.build_unreachable()?;
        }
        Ok(())
    }

    pub fn branch(&mut self, depth: u32) -> Result<()> {
        let target = self.take_edge(depth)?;
        self.builder.build_unconditional_branch(target)?;
        self.reachable = false;
        Ok(())
    }

    pub fn branch_if(&mut self, depth: u32) -> Result<()> {
        let condition = self.pop_condition()?;
        self.branch_on(condition, depth)
    }

    /// Branches if a condition that has been computed holds.
    pub fn branch_on(&mut self, condition: IntValue<'ctx>, depth: u32) -> Result<()> {
        let next = self.new_block();
        let index = self.frames.len() - 1 - depth as usize;
        if self.catch_roots_from(index).is_empty() {
            let target = self.take_edge(depth)?;
            self.branch_hinted(condition, target, next)?;
        } else {
            let edge = self.new_block();
            self.branch_hinted(condition, edge, next)?;
            self.builder.position_at_end(edge);
            let target = self.take_edge(depth)?;
            self.builder.build_unconditional_branch(target)?;
        }
        self.builder.position_at_end(next);
        Ok(())
    }

    pub fn branch_table(&mut self, table: &BrTable<'_>) -> Result<()> {
        let index = self.pop_int();
        self.count_target(index, table.len())?;
        let from = self.builder.get_insert_block().expect("the builder stands in a block");
        let switched = self.local_alone_in(from, index);
        // One block per depth: a target's phis then have one entry, however many cases lead there.
        let mut edges = BTreeMap::new();
        let mut edge = |this: &mut Self, depth| -> Result<BasicBlock<'ctx>> {
            if let Some(block) = edges.get(&depth) {
                return Ok(*block);
            }
            let block = this.new_block();
            this.builder.position_at_end(block);
            let target = this.take_edge(depth)?;
            this.builder.build_unconditional_branch(target)?;
            edges.insert(depth, block);
            Ok(block)
        };
        let default = edge(self, table.default())?;
        let mut cases = Vec::with_capacity(table.len() as usize);
        for (case, depth) in table.targets().enumerate() {
            let depth = depth.expect("validated: the branch table can be read");
            cases.push((index.get_type().const_int(case as u64, false), edge(self, depth)?));
        }
        if let Some(local) = switched {
            self.note_switch(from, local, table);
        }
        self.builder.position_at_end(from);
        let switch = self.builder.build_switch(index, default, &cases)?;
        self.weigh_switch(switch);
        self.reachable = false;
        Ok(())
    }

    /// The local whose value a number is, if a block has done nothing but to load that.
    fn local_alone_in(&self, block: BasicBlock<'ctx>, value: IntValue<'ctx>) -> Option<PointerValue<'ctx>> {
        let only = block.get_first_instruction().filter(|first| block.get_last_instruction() == Some(*first));
        let load = only.filter(|i| i.get_opcode() == InstructionOpcode::Load && value.as_instruction() == Some(*i))?;
        let place = load.get_operand(0)?.value()?.into_pointer_value();
        self.locals.iter().any(|local| local.is_at(place)).then_some(place)
    }

    /// Notes that all that the header of a loop does, if the block is one, is to branch by this table and the local. None of
    /// the targets may have phis, or be where catch clauses are left: then a branch there takes nothing along.
    fn note_switch(&mut self, block: BasicBlock<'ctx>, local: PointerValue<'ctx>, table: &BrTable<'_>) {
        let begins = |frame: &Frame<'ctx>| matches!(frame.kind, Kind::Loop { header, .. } if header == block);
        let Some(number) = self.frames.iter().rposition(begins) else { return };
        let target = |depth: u32| {
            let index = self.frames.len() - 1 - depth as usize;
            let (target, phis) = self.frames[index].target();
            (phis.is_empty() && self.catch_roots_from(index).is_empty()).then_some(target)
        };
        let targets = table.targets().map(|depth| target(depth.expect("validated: the branch table can be read")));
        let (Some(targets), Some(default)) = (targets.collect(), target(table.default())) else { return };
        if let Kind::Loop { switch, .. } = &mut self.frames[number].kind {
            *switch = Some(Switch { local, targets, default });
        }
    }

    /// Depth of the frame of the body itself.
    pub fn outermost(&self) -> u32 {
        self.frames.len() as u32 - 1
    }

    /// Gives the operands of a branch from the current block to its target, which is returned. If the branch leaves catch
    /// clauses, the block leads nowhere else.
    pub fn take_edge(&mut self, depth: u32) -> Result<BasicBlock<'ctx>> {
        let from = self.builder.get_insert_block().expect("the builder stands in a block");
        let index = self.frames.len() - 1 - depth as usize;
        self.leave_catches(index)?;
        let frame = &mut self.frames[index];
        match &frame.kind {
            Kind::Loop { switch: Some(switch), .. } => {
                if let Some(target) = switch.target_from(from) {
                    return Ok(target);
                }
            }
            Kind::Loop { .. } => {}
            _ => frame.reached = true,
        }
        let (target, phis) = frame.target();
        let values = &self.stack[self.stack.len() - phis.len()..];
        for (phi, value) in phis.iter().zip(values) {
            phi.add_incoming(&[(value, from)]);
        }
        Ok(target)
    }

    /// Falls out of the innermost construct with its results on the stack.
    pub fn leave_frame(&mut self) -> Result<()> {
        let from = self.builder.get_insert_block().expect("the builder stands in a block");
        self.leave_catches(self.frames.len() - 1)?;
        let frame = self.frames.last_mut().expect("a construct is open");
        frame.reached = true;
        let values = &self.stack[self.stack.len() - frame.results.len()..];
        for (phi, value) in frame.results.iter().zip(values) {
            phi.add_incoming(&[(value, from)]);
        }
        self.builder.build_unconditional_branch(frame.next)?;
        Ok(())
    }

    fn push_frame(&mut self, kind: Kind<'ctx>, results: &[ValType], params: usize) -> Result<()> {
        let here = self.builder.get_insert_block().expect("the builder stands in a block");
        let next = self.new_block();
        let results = self.phis(next, results)?;
        self.builder.position_at_end(here);
        let height = self.stack.len() - params;
        let (catching, uncaught) = (Catching::Nothing, None);
        let keeps_checks = match kind {
            Kind::Loop { .. } => self.keeps_checks() || self.is_short_loop(),
            _ => self.keeps_checks(),
        };
        let loops = self.loops() + u32::from(matches!(kind, Kind::Loop { .. }));
        self.frames.push(Frame {
            kind,
            next,
            results,
            height,
            reached: false,
            keeps_checks,
            loops,
            catching,
            uncaught,
        });
        Ok(())
    }

    /// Whether plain accesses have checks here in any case (`Options::checked_loop_max`).
    pub fn keeps_checks(&self) -> bool {
        self.frames.last().is_none_or(|frame| frame.keeps_checks)
    }

    /// How many loops are around the current instruction.
    pub fn loops(&self) -> u32 {
        self.frames.last().map_or(0, |frame| frame.loops)
    }

    /// Whether the loop that begins with the current instruction is so short that its accesses keep their checks.
    fn is_short_loop(&self) -> bool {
        let loops = &self.unit.module.bodies[self.defined.get()].loops;
        let found = loops.binary_search_by_key(&self.offset(), |(offset, _)| *offset);
        found.is_ok_and(|number| Some(loops[number].1) <= self.unit.checked_loop_max())
    }

    /// The innermost construct.
    pub fn innermost(&mut self) -> &mut Frame<'ctx> {
        self.frames.last_mut().expect("a construct is open")
    }

    /// Phis for values of these types in a block that is still empty. The builder ends up there.
    fn phis(&self, block: BasicBlock<'ctx>, types: &[ValType]) -> Result<Vec<PhiValue<'ctx>>> {
        self.builder.position_at_end(block);
        let build = |ty: &ValType| -> Result<_> {
            Ok(self.builder.build_phi::<BasicTypeEnum>(self.unit.types.value(*ty), "")?)
        };
        types.iter().map(build).collect()
    }

    fn block_type(&self, ty: BlockType) -> (Vec<ValType>, Vec<ValType>) {
        match ty {
            BlockType::Empty => (vec![], vec![]),
            BlockType::Type(ty) => (vec![], vec![self.unit.module.val_type(&ty)]),
            BlockType::FuncType(index) => {
                let ty = self.unit.func_type(self.unit.module.type_ids[index as usize]);
                (ty.params.clone(), ty.results.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Emit, Options, compile_observed};

    /// How many blocks lead to the `br_table` of a function that has one.
    fn ways_to_switch(function: &str) -> usize {
        let module = format!("(module (func (export \"f\") (param i32 i32) {function}))");
        let ir = compile_observed(module.as_bytes(), &Options::default(), Emit::Llvm, &mut ()).unwrap();
        let ir = String::from_utf8(ir).unwrap();
        let before = &ir[..ir.find("switch i32").unwrap()];
        let header = before[..before.rfind("; preds = ").unwrap()].rsplit('\n').next().unwrap();
        let label = header.split(':').next().unwrap();
        ir.lines().filter(|line| line.contains("br ") && line.contains(&format!("label %{label}"))).count()
    }

    /// A loop that begins with a `br_table`, and ends as given.
    fn switching(begin: &str, end: &str) -> String {
        format!(
            "(loop $l (block $b (block $a (br_table $a $b {begin} (local.get 0))) (local.set 1 (i32.const 5))) {end})"
        )
    }

    #[test]
    fn branches_to_a_switch_go_where_it_leads_if_that_is_known() {
        let ways = |end: &str| ways_to_switch(&switching("$a", end));
        assert_eq!(ways("(local.set 0 (i32.const 1)) (br $l)"), 1);
        assert_eq!(ways("(local.set 0 (i32.const -1)) (local.set 1 (i32.const 0)) (br $l)"), 1);
        assert_eq!(ways("(drop (local.tee 0 (i32.const 0))) (br_if $l (local.get 1))"), 1);
        // It is not: another local, another value since, another block.
        assert_eq!(ways("(local.set 1 (i32.const 1)) (br $l)"), 2);
        assert_eq!(ways("(local.set 0 (i32.const 1)) (local.set 0 (local.get 1)) (br $l)"), 2);
        assert_eq!(
            ways("(local.set 0 (i32.const 1)) (block (br_if 0 (local.get 1)) (local.set 0 (i32.const 0))) (br $l)"),
            2
        );
    }

    #[test]
    fn a_switch_that_does_more_is_not_passed_by() {
        let begins = |begin: &str| {
            let end = "(local.set 0 (i32.const 1)) (br $l)";
            ways_to_switch(&format!("(loop $l (block $b (block $a {begin})) {end})"))
        };
        assert_eq!(begins("(br_table $a $b (local.get 0))"), 1);
        assert_eq!(begins("(local.set 1 (i32.const 3)) (br_table $a $b (local.get 0))"), 2);
        assert_eq!(begins("(br_table $a $b (i32.add (local.get 0) (local.get 1)))"), 2);
        assert_eq!(begins("(drop (local.get 0)) (br_table $a $b (local.get 1))"), 2);
    }
}
