//! Root frames: what a function tells the collector of the references that it holds (`abi::vmctx::root_frame`).
//! Values stay where they are, since nothing moves; a copy of each is in a slot of the frame wherever the collector
//! may run. A frame joins the list when its first slot is used: code that never comes to hold a reference pays nothing.

use super::Result;
use super::function::FunctionTranslator;
use inkwell::values::{BasicValue, BasicValueEnum, InstructionValue, PointerValue};
use wasmc_abi::vmctx::{root_frame, store_cells};

/// The root frame of a function, of a length that is known at its end.
pub struct Roots<'ctx> {
    /// Stands for the frame until then.
    frame: PointerValue<'ctx>,
    /// A variable: the frame before this one in the list; null if this one is not in it.
    previous: PointerValue<'ctx>,
    count: u32,
    /// Slots for operands.
    operands: Vec<u32>,
    /// Stores of the count, and of as many zeros.
    counts: Vec<(InstructionValue<'ctx>, InstructionValue<'ctx>)>,
    /// Whether the frame is in the list from the function's start on.
    always: bool,
}

impl<'ctx> FunctionTranslator<'_, 'ctx> {
    /// Begins the frame, in the entry block.
    pub fn begin_roots(&mut self) -> Result<()> {
        let types = &self.unit.types;
        let frame = self.builder.build_alloca(types.i64, "")?;
        let previous = self.builder.build_alloca(types.ptr, "")?;
        self.builder.build_store(previous, types.ptr.const_null())?;
        let (operands, counts) = (Vec::new(), Vec::new());
        self.roots = Some(Roots { frame, previous, count: 0, operands, counts, always: false });
        Ok(())
    }

    fn roots(&mut self) -> &mut Roots<'ctx> {
        self.roots.as_mut().expect("only modules with collectable references hold some")
    }

    /// A slot more.
    pub fn new_root(&mut self) -> u32 {
        let roots = self.roots();
        roots.count += 1;
        roots.count - 1
    }

    /// Puts the frame into the list from here on, the function's start.
    pub fn always_root(&mut self) -> Result<()> {
        self.link_roots()?;
        self.roots().always = true;
        Ok(())
    }

    /// Keeps a reference in a slot.
    pub fn root(&mut self, slot: u32, reference: BasicValueEnum<'ctx>) -> Result<()> {
        let Roots { frame, previous, always, .. } = *self.roots();
        if !always {
            let linked = self.builder.build_load(self.unit.types.ptr, previous, "")?.into_pointer_value();
            let is_first = self.builder.build_is_null(linked, "")?;
            let (first, next) = (self.new_block(), self.new_block());
            self.branch_unlikely(is_first, first, next)?;
            self.builder.position_at_end(first);
            self.link_roots()?;
            self.builder.build_unconditional_branch(next)?;
            self.builder.position_at_end(next);
        }
        let address = self.field(frame, root_frame::LEN + 8 * slot)?;
        self.builder.build_store(address, reference)?;
        Ok(())
    }

    /// Keeps nothing in a slot any more.
    pub fn clear_root(&self, slot: u32) -> Result<()> {
        let Roots { frame, .. } = self.roots.as_ref().expect("a slot is one of the frame");
        // In the list or not: slots are the frame's own.
        self.builder.build_store(self.field(*frame, root_frame::LEN + 8 * slot)?, self.unit.types.i64.const_zero())?;
        Ok(())
    }

    /// Keeps the references among the operands, but for the last `count` operands.
    pub fn root_operands(&mut self, count: usize) -> Result<()> {
        let Some(operands) = &self.operands else { return Ok(()) };
        let height = self.stack.len() - count;
        let places = operands.collectable();
        for (index, place) in places.into_iter().take_while(|place| *place < height).enumerate() {
            if index == self.roots().operands.len() {
                let slot = self.new_root();
                self.roots().operands.push(slot);
            }
            let slot = self.roots().operands[index];
            self.root(slot, self.stack[place])?;
        }
        Ok(())
    }

    /// Where the innermost frame's address lies.
    fn roots_head(&self) -> Result<PointerValue<'ctx>> {
        self.field(self.store_cells()?, store_cells::ROOTS)
    }

    fn link_roots(&mut self) -> Result<()> {
        let Roots { frame, previous, .. } = *self.roots();
        let (i64, i8) = (self.unit.types.i64, self.unit.types.i8);
        let head = self.roots_head()?;
        let innermost = self.builder.build_load(self.unit.types.ptr, head, "")?;
        self.builder.build_store(self.field(frame, root_frame::PREVIOUS)?, innermost)?;
        let count = self.builder.build_store(self.field(frame, root_frame::COUNT)?, i64.const_zero())?;
        let slots = self.field(frame, root_frame::LEN)?;
        let zeros = self.builder.build_memset(slots, 8, i8.const_zero(), i64.const_zero())?;
        let zeros = zeros.as_instruction_value().expect("a call is an instruction");
        self.builder.build_store(head, frame)?;
        self.builder.build_store(previous, innermost)?;
        self.roots().counts.push((count, zeros));
        Ok(())
    }

    /// Takes the frame out of the list, if it is there: on every way out.
    pub fn pop_roots(&mut self) -> Result<()> {
        let Some(Roots { previous, always, .. }) = self.roots else { return Ok(()) };
        let innermost = self.builder.build_load(self.unit.types.ptr, previous, "")?.into_pointer_value();
        let next = self.new_block();
        if !always {
            let linked = self.new_block();
            let is_linked = self.builder.build_is_not_null(innermost, "")?;
            self.branch_unlikely(is_linked, linked, next)?;
            self.builder.position_at_end(linked);
        }
        self.builder.build_store(self.roots_head()?, innermost)?;
        self.builder.build_unconditional_branch(next)?;
        self.builder.position_at_end(next);
        Ok(())
    }

    /// Gives the frame its length.
    pub fn end_roots(&mut self) -> Result<()> {
        let Some(roots) = self.roots.take() else { return Ok(()) };
        let i64 = self.unit.types.i64;
        let placeholder = roots.frame.as_instruction_value().expect("an alloca is an instruction");
        self.builder.position_before(&placeholder);
        let words = root_frame::LEN / 8 + roots.count;
        let frame = self.builder.build_alloca(i64.array_type(words), "")?;
        placeholder.replace_all_uses_with(&frame.as_instruction_value().expect("an alloca is an instruction"));
        placeholder.erase_from_basic_block();
        for (count, zeros) in roots.counts {
            count.set_operand(0, i64.const_int(roots.count.into(), false));
            zeros.set_operand(2, i64.const_int((8 * roots.count).into(), false));
        }
        Ok(())
    }
}
