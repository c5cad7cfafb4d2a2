//! Exceptions without an unwinder. A throw leaves the function by a return, with the exception in a cell of the store;
//! whoever called looks there. What is thrown inside a block that catches goes to its [`Pad`] by a branch.

use super::Result;
use super::control::{Catching, Frame};
use super::entry::{load_values, store_values};
use super::function::FunctionTranslator;
use super::ops::call::call_builtin;
use super::vmctx::Slot;
use crate::parse::{TagIndex, TypeId};
use inkwell::IntPredicate;
use inkwell::basic_block::BasicBlock;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{BasicValueEnum, IntValue, PhiValue, PointerValue};
use wasmc_abi::vmctx::{self, exception, store_cells};
use wasmc_abi::{Builtin, TrapCode};
use wasmparser::{BlockType, Catch, TryTable};

/// Where the exceptions of a block go.
#[derive(Clone, Copy)]
pub struct Pad<'ctx> {
    pub block: BasicBlock<'ctx>,
    /// The exception, as a word.
    exception: PhiValue<'ctx>,
}

impl<'ctx> Pad<'ctx> {
    pub fn exception(&self) -> IntValue<'ctx> {
        self.exception.as_basic_value().into_int_value()
    }
}

impl<'ctx> FunctionTranslator<'_, 'ctx> {
    /// Looks whether the function that was called was left by an exception; if so, that goes on here.
    pub fn check_exception(&mut self) -> Result<()> {
        let word = self.unit.types.word;
        let cells = self.store_cells()?;
        let pending = self.load_slot(word, cells, store_cells::EXCEPTION, Slot::Variable)?.into_int_value();
        let is_pending = self.builder.build_int_compare(IntPredicate::NE, pending, word.const_zero(), "")?;
        let next = self.new_block();
        let uses_exceptions = self.unit.module.uses_exceptions;
        if uses_exceptions && pad_of(&self.frames).is_none() {
            // It is where our caller looks for it.
            let exit = self.exceptional_exit();
            self.branch_unlikely(is_pending, exit, next)?;
        } else {
            let caught = self.new_block();
            self.branch_unlikely(is_pending, caught, next)?;
            self.builder.position_at_end(caught);
            if uses_exceptions {
                self.store_exception(word.const_zero())?;
                self.raise(pending)?;
            } else {
                // The runtime empties the cell.
                self.trap(TrapCode::UncaughtException)?;
            }
        }
        self.builder.position_at_end(next);
        Ok(())
    }

    /// Address of what the instances of the store share.
    pub fn store_cells(&self) -> Result<PointerValue<'ctx>> {
        let cells = self.load_slot(self.unit.types.ptr, self.vmctx, vmctx::STORE, Slot::Invariant)?;
        Ok(cells.into_pointer_value())
    }

    fn store_exception(&self, value: IntValue<'ctx>) -> Result<()> {
        let cell = self.field(self.store_cells()?, store_cells::EXCEPTION)?;
        self.store_tagged(cell, value.into(), self.unit.alias.vmctx)
    }

    /// Where the function is left by an exception, which is in its cell.
    fn exceptional_exit(&mut self) -> BasicBlock<'ctx> {
        if let Some(exit) = self.exit {
            return exit;
        }
        let exit = self.new_block();
        self.exit = Some(exit);
        exit
    }

    /// Fills the block of [`Self::exceptional_exit`], if there is one.
    pub fn end_exceptional_exit(&mut self) -> Result<()> {
        let Some(exit) = self.exit else { return Ok(()) };
        self.builder.position_at_end(exit);
        self.pop_roots()?;
        self.store_fuel()?;
        match self.function.get_type().get_return_type() {
            None => self.builder.build_return(None)?,
            // Nobody looks at it.
            Some(ty) => self.builder.build_return(Some(&poison(ty)))?,
        };
        Ok(())
    }

    /// Ends the block by an exception.
    pub fn raise(&mut self, exception: IntValue<'ctx>) -> Result<()> {
        self.raise_from(exception, self.frames.len())
    }

    /// The same, as if only the outermost `frames` constructs were open.
    fn raise_from(&mut self, exception: IntValue<'ctx>, frames: usize) -> Result<()> {
        let target = match pad_of(&self.frames[..frames]) {
            Some(pad) => {
                let from = self.builder.get_insert_block().expect("the builder stands in a block");
                pad.exception.add_incoming(&[(&exception, from)]);
                pad.block
            }
            None => {
                self.store_exception(exception)?;
                self.exceptional_exit()
            }
        };
        self.builder.build_unconditional_branch(target)?;
        Ok(())
    }

    /// `throw`. The helper makes the exception, without its values.
    pub fn throw(&mut self, tag: TagIndex) -> Result<()> {
        self.root_operands(0)?;
        let number = self.unit.types.i32.const_int(tag.0.into(), false);
        let made = call_builtin(self, Builtin::exception, &[self.vmctx.into(), number.into()])?;
        let word = self.unit.types.word;
        let made =
            self.builder.build_int_truncate_or_bit_cast(made.expect("it has a result").into_int_value(), word, "")?;
        let failed = self.builder.build_int_compare(IntPredicate::EQ, made, word.const_zero(), "")?;
        self.trap_if(failed, TrapCode::AllocationFailed)?;
        let params = &self.unit.func_type(self.tag_type(tag)).params;
        let values = self.pop_many(params.len());
        store_values(self.unit, &self.builder, self.values_of(made)?, params, &values, 0)?;
        self.raise(made)?;
        self.reachable = false;
        Ok(())
    }

    /// `throw_ref`.
    pub fn throw_ref(&mut self) -> Result<()> {
        let reference = self.pop_int();
        let word = self.unit.types.word;
        let exception = self.builder.build_int_truncate_or_bit_cast(reference, word, "")?;
        let is_null = self.builder.build_int_compare(IntPredicate::EQ, exception, word.const_zero(), "")?;
        self.trap_if(is_null, TrapCode::NullReference)?;
        self.raise(exception)?;
        self.reachable = false;
        Ok(())
    }

    /// `rethrow`, of the legacy form.
    pub fn rethrow(&mut self, depth: u32) -> Result<()> {
        let frame = &self.frames[self.frames.len() - 1 - depth as usize];
        let Catching::Caught(exception, _) = frame.catching else { unreachable!("validated: it names a catch clause") };
        self.raise(exception)?;
        self.reachable = false;
        Ok(())
    }

    fn tag_type(&self, tag: TagIndex) -> TypeId {
        self.unit.module.tags[tag.get()]
    }

    /// Where the values of an exception lie.
    fn values_of(&self, exception: IntValue<'ctx>) -> Result<PointerValue<'ctx>> {
        let object = self.builder.build_int_to_ptr(exception, self.unit.types.ptr, "")?;
        self.field(object, exception::LEN)
    }

    /// The values of an exception that has this tag.
    fn payload(&self, exception: IntValue<'ctx>, tag: TagIndex) -> Result<Vec<BasicValueEnum<'ctx>>> {
        let params = &self.unit.func_type(self.tag_type(tag)).params;
        load_values(self.unit, &self.builder, self.values_of(exception)?, params, 0)
    }

    /// An exception as a reference.
    fn reference(&self, exception: IntValue<'ctx>) -> Result<BasicValueEnum<'ctx>> {
        Ok(self.builder.build_int_z_extend_or_bit_cast(exception, self.unit.types.i64, "")?.into())
    }

    /// Goes to the second block if the exception has the tag, otherwise to the first, where the builder ends up.
    fn branch_on_tag(&self, exception: IntValue<'ctx>, tag: TagIndex) -> Result<(BasicBlock<'ctx>, BasicBlock<'ctx>)> {
        let word = self.unit.types.word;
        let object = self.builder.build_int_to_ptr(exception, self.unit.types.ptr, "")?;
        let found = self.builder.build_load(word, self.field(object, exception::TAG)?, "")?.into_int_value();
        let wanted = self.load_slot(word, self.vmctx, self.unit.layout.tag(tag.0), Slot::Invariant)?.into_int_value();
        let is_same = self.builder.build_int_compare(IntPredicate::EQ, found, wanted, "")?;
        let (same, other) = (self.new_block(), self.new_block());
        self.builder.build_conditional_branch(is_same, same, other)?;
        Ok((other, same))
    }

    fn new_pad(&self) -> Result<Pad<'ctx>> {
        let here = self.builder.get_insert_block().expect("the builder stands in a block");
        let block = self.new_block();
        self.builder.position_at_end(block);
        let exception = self.builder.build_phi::<BasicTypeEnum>(self.unit.types.word.into(), "")?;
        self.builder.position_at_end(here);
        Ok(Pad { block, exception })
    }

    pub fn begin_try_table(&mut self, try_table: &TryTable) -> Result<()> {
        let pad = self.new_pad()?;
        let here = self.builder.get_insert_block().expect("the builder stands in a block");
        self.builder.position_at_end(pad.block);
        // Labels are those outside, so this comes first.
        self.catch_clauses(pad.exception(), &try_table.catches)?;
        self.builder.position_at_end(here);
        self.begin_block(try_table.ty)?;
        self.innermost().catching = Catching::Pad(pad);
        Ok(())
    }

    fn catch_clauses(&mut self, exception: IntValue<'ctx>, clauses: &[Catch]) -> Result<()> {
        let height = self.stack.len();
        for clause in clauses {
            let (tag, label, by_reference) = match *clause {
                Catch::One { tag, label } => (Some(tag), label, false),
                Catch::OneRef { tag, label } => (Some(tag), label, true),
                Catch::All { label } => (None, label, false),
                Catch::AllRef { label } => (None, label, true),
            };
            let mut next = None;
            if let Some(tag) = tag.map(TagIndex) {
                let (other, same) = self.branch_on_tag(exception, tag)?;
                self.builder.position_at_end(same);
                let values = self.payload(exception, tag)?;
                self.stack.extend(values);
                next = Some(other);
            }
            if by_reference {
                let reference = self.reference(exception)?;
                self.stack.push(reference);
            }
            let target = self.take_edge(label)?;
            self.builder.build_unconditional_branch(target)?;
            self.stack.truncate(height);
            match next {
                Some(next) => self.builder.position_at_end(next),
                None => return Ok(()),
            }
        }
        self.raise(exception)
    }

    /// `try`, of the legacy form, whose clauses follow the body.
    pub fn begin_try(&mut self, ty: BlockType) -> Result<()> {
        let pad = self.new_pad()?;
        self.begin_block(ty)?;
        let frame = self.innermost();
        frame.catching = Catching::Pad(pad);
        frame.uncaught = Some((pad.block, pad.exception()));
        Ok(())
    }

    /// `catch` and, without a tag, `catch_all`, of the legacy form.
    pub fn begin_catch(&mut self, tag: Option<TagIndex>) -> Result<()> {
        if self.reachable {
            self.leave_frame()?;
        }
        let slot = self.catch_root();
        let frame = self.innermost();
        let height = frame.height;
        let (block, exception) = frame.uncaught.take().expect("validated: catch belongs to try, before catch_all");
        frame.catching = Catching::Caught(exception, slot);
        self.stack.truncate(height);
        self.builder.position_at_end(block);
        if let Some(tag) = tag {
            let (other, same) = self.branch_on_tag(exception, tag)?;
            self.innermost().uncaught = Some((other, exception));
            self.builder.position_at_end(same);
            let values = self.payload(exception, tag)?;
            self.stack.extend(values);
        }
        // It can be thrown again up to the clause's end.
        let reference = self.reference(exception)?;
        self.root(slot, reference)?;
        self.reachable = true;
        Ok(())
    }

    /// The slot among the roots for the exception of a catch clause of the innermost construct: as many are in use as
    /// clauses are open.
    fn catch_root(&mut self) -> u32 {
        let outside = self.frames.len() - 1;
        let open = self.frames[..outside].iter().filter(|frame| matches!(frame.catching, Catching::Caught(..))).count();
        if open == self.catch_roots.len() {
            let slot = self.new_root();
            self.catch_roots.push(slot);
        }
        self.catch_roots[open]
    }

    /// The slots of the clauses that are open in construct `index` and those inside it.
    pub fn catch_roots_from(&self, index: usize) -> Vec<u32> {
        let slot = |frame: &Frame<'ctx>| match frame.catching {
            Catching::Caught(_, slot) => Some(slot),
            Catching::Nothing | Catching::Pad(_) => None,
        };
        self.frames[index..].iter().filter_map(slot).collect()
    }

    /// Control leaves construct `index`: what its clauses have caught is not kept any more.
    pub fn leave_catches(&self, index: usize) -> Result<()> {
        self.catch_roots_from(index).into_iter().try_for_each(|slot| self.clear_root(slot))
    }

    /// What no clause of a `try` that has ended takes goes on.
    pub fn raise_uncaught(&mut self, frame: &Frame<'ctx>, frames: usize) -> Result<()> {
        let Some((block, exception)) = frame.uncaught else { return Ok(()) };
        self.builder.position_at_end(block);
        self.raise_from(exception, frames)
    }

    /// `delegate`, of the legacy form: ends its `try`.
    pub fn delegate(&mut self, depth: u32) -> Result<()> {
        // The label counts from outside.
        let frames = self.frames.len() - 1 - depth as usize;
        self.end_with(frames)
    }
}

/// The innermost block that catches what is thrown.
fn pad_of<'ctx>(frames: &[Frame<'ctx>]) -> Option<Pad<'ctx>> {
    frames.iter().rev().find_map(|frame| match frame.catching {
        Catching::Pad(pad) => Some(pad),
        Catching::Nothing | Catching::Caught(..) => None,
    })
}

fn poison(ty: BasicTypeEnum<'_>) -> BasicValueEnum<'_> {
    match ty {
        BasicTypeEnum::ArrayType(ty) => ty.get_poison().into(),
        BasicTypeEnum::FloatType(ty) => ty.get_poison().into(),
        BasicTypeEnum::IntType(ty) => ty.get_poison().into(),
        BasicTypeEnum::PointerType(ty) => ty.get_poison().into(),
        BasicTypeEnum::StructType(ty) => ty.get_poison().into(),
        BasicTypeEnum::VectorType(ty) => ty.get_poison().into(),
        BasicTypeEnum::ScalableVectorType(ty) => ty.get_poison().into(),
    }
}
