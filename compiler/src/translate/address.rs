//! Effective addresses and bounds checks, the only ones.

use super::Result;
use super::function::FunctionTranslator;
use crate::parse::MemoryIndex;
use inkwell::IntPredicate;
use inkwell::values::{IntValue, PointerValue};
use wasmc_abi::TrapCode;

impl<'ctx> FunctionTranslator<'_, 'ctx> {
    /// The address of `len` bytes at `index` + `offset`, after a check that all of them are inside.
    ///
    /// The sum of two 32-bit numbers and a width fits in 64 bits, so nothing wraps. The check stands in
    /// the IR in every memory model; in `guard` it is taken out at the end where the access itself faults.
    pub fn checked_address(
        &mut self,
        memory: MemoryIndex,
        index: IntValue<'ctx>,
        offset: u64,
        len: u32,
    ) -> Result<PointerValue<'ctx>> {
        let i64 = self.unit.types.i64;
        let index = self.builder.build_int_z_extend(index, i64, "")?;
        let end = self.builder.build_int_nuw_add(index, i64.const_int(offset + u64::from(len), false), "")?;
        let memory_len = self.memory_len(memory)?;
        let outside = self.builder.build_int_compare(IntPredicate::UGT, end, memory_len, "")?;
        self.trap_if(outside, TrapCode::MemoryOutOfBounds)?;
        let start = self.builder.build_int_nuw_add(index, i64.const_int(offset, false), "")?;
        self.memory_address(memory, start)
    }

    /// The address of a range of `len` bytes at `start` (both 64-bit, from 32), after a check that it is inside.
    pub fn checked_range(
        &mut self,
        memory: MemoryIndex,
        start: IntValue<'ctx>,
        len: IntValue<'ctx>,
    ) -> Result<PointerValue<'ctx>> {
        let end = self.builder.build_int_nuw_add(start, len, "")?;
        let memory_len = self.memory_len(memory)?;
        let outside = self.builder.build_int_compare(IntPredicate::UGT, end, memory_len, "")?;
        self.trap_if(outside, TrapCode::MemoryOutOfBounds)?;
        self.memory_address(memory, start)
    }

    fn memory_address(&self, memory: MemoryIndex, start: IntValue<'ctx>) -> Result<PointerValue<'ctx>> {
        let base = self.memory_base(memory)?;
        // SAFETY: plain arithmetic, no `inbounds`: LLVM is promised nothing about the result.
        Ok(unsafe { self.builder.build_gep(self.unit.types.i8, base, &[start], "")? })
    }
}
