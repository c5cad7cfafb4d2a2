//! Effective addresses and bounds checks, the only ones.

use super::Result;
use super::function::FunctionTranslator;
use crate::parse::MemoryIndex;
use inkwell::IntPredicate;
use inkwell::values::{IntValue, PointerValue};
use wasmc_abi::TrapCode;

impl<'ctx> FunctionTranslator<'_, 'ctx> {
    /// The address of `len` bytes at `index` + `offset`, after a check that all of them are inside. The check
    /// stands in the IR in every memory model; in `guard` it is taken out at the end where the access itself
    /// faults.
    pub fn checked_address(
        &mut self,
        memory: MemoryIndex,
        index: IntValue<'ctx>,
        offset: u64,
        len: u32,
    ) -> Result<PointerValue<'ctx>> {
        let word = self.unit.types.word;
        let is_wide = index.get_type() == word;
        let index = self.builder.build_int_z_extend(index, word, "")?;
        if is_wide {
            // Of an offset of 64 bits, the end may be beyond them; no memory is so long.
            self.check_wide(memory, index, offset.saturating_add(len.into()))?;
        } else {
            let end = offset + u64::from(len);
            // The sum of two 32-bit numbers and a width fits in 64 bits, so nothing wraps.
            let end = self.builder.build_int_nuw_add(index, word.const_int(end, false), "")?;
            let memory_len = self.memory_len(memory)?;
            let outside = self.builder.build_int_compare(IntPredicate::UGT, end, memory_len, "")?;
            self.trap_if(outside, TrapCode::MemoryOutOfBounds)?;
        }
        // No length is so great that the sum wraps, which is at most the length here.
        let start = self.builder.build_int_nuw_add(index, word.const_int(offset, false), "")?;
        self.memory_address(memory, start)
    }

    /// The same without a check, where it is known otherwise, or needs none since the access faults.
    pub fn guarded_address(
        &mut self,
        memory: MemoryIndex,
        index: IntValue<'ctx>,
        offset: u64,
    ) -> Result<PointerValue<'ctx>> {
        let word = self.unit.types.word;
        let index = self.builder.build_int_z_extend(index, word, "")?;
        // The sum of two 32-bit numbers.
        let start = self.builder.build_int_nuw_add(index, word.const_int(offset, false), "")?;
        self.memory_address(memory, start)
    }

    /// Traps if `index` + `end` is beyond the memory, where the index is as wide as a pointer. So the sum may wrap; the
    /// memory's length − `end` does not once `end` is known to be no more.
    fn check_wide(&mut self, memory: MemoryIndex, index: IntValue<'ctx>, end: u64) -> Result<()> {
        let lens = self.unit.memory_lens(memory);
        if end > *lens.end() {
            let always = self.unit.types.bool.const_int(1, false);
            return self.trap_if(always, TrapCode::MemoryOutOfBounds);
        }
        let memory_len = self.memory_len(memory)?;
        if end == 1 {
            let outside = self.builder.build_int_compare(IntPredicate::UGE, index, memory_len, "")?;
            return self.trap_if(outside, TrapCode::MemoryOutOfBounds);
        }
        let end = memory_len.get_type().const_int(end, false);
        if end.get_zero_extended_constant() > Some(*lens.start()) {
            let beyond = self.builder.build_int_compare(IntPredicate::UGT, end, memory_len, "")?;
            self.trap_if(beyond, TrapCode::MemoryOutOfBounds)?;
        }
        let last = self.builder.build_int_nuw_sub(memory_len, end, "")?;
        let outside = self.builder.build_int_compare(IntPredicate::UGT, index, last, "")?;
        self.trap_if(outside, TrapCode::MemoryOutOfBounds)
    }

    /// The address of a range of `len` bytes at `start` (both words), after a check that it is inside.
    pub fn checked_range(
        &mut self,
        memory: MemoryIndex,
        start: IntValue<'ctx>,
        len: IntValue<'ctx>,
    ) -> Result<PointerValue<'ctx>> {
        let is_wide = self.unit.index_type(memory) == self.unit.types.word;
        let outside = if is_wide {
            let memory_len = self.memory_len(memory)?;
            // Where the difference wraps, the first comparison has said no.
            let too_long = self.builder.build_int_compare(IntPredicate::UGT, len, memory_len, "")?;
            let last = self.builder.build_int_sub(memory_len, len, "")?;
            let too_far = self.builder.build_int_compare(IntPredicate::UGT, start, last, "")?;
            self.builder.build_or(too_long, too_far, "")?
        } else {
            // Both are of 32 bits, the length too: it is of the narrower of two memories' indices.
            let end = self.builder.build_int_nuw_add(start, len, "")?;
            let memory_len = self.memory_len(memory)?;
            self.builder.build_int_compare(IntPredicate::UGT, end, memory_len, "")?
        };
        self.trap_if(outside, TrapCode::MemoryOutOfBounds)?;
        self.memory_address(memory, start)
    }

    pub(super) fn memory_address(&self, memory: MemoryIndex, start: IntValue<'ctx>) -> Result<PointerValue<'ctx>> {
        let base = self.memory_base(memory)?;
        // SAFETY: plain arithmetic, no `inbounds`: LLVM is promised nothing about the result.
        Ok(unsafe { self.builder.build_gep(self.unit.types.i8, base, &[start], "")? })
    }
}
