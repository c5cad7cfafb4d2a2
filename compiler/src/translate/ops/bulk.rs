//! `memory.copy` and `memory.fill` (spec: exec/instructions, memory instructions).
//!
//! Producers write most copies of structures so, of a length that is known. Those of some dozen bytes are moved here, piece by
//! piece: all of them are loaded before the first one is stored, so that the ranges may overlap. Where a piece would
//! be left over, the last one overlaps the one before it. The range's end comes first: where the hardware does the
//! check, the access that faults is then the first one, and nothing has been written.

use super::call::call_builtin;
use super::memory::{Bounds, load_at, pop_range, store_at};
use crate::parse::MemoryIndex;
use crate::translate::Result;
use crate::translate::function::FunctionTranslator;
use crate::translate::unit::Unit;
use inkwell::types::{BasicTypeEnum, VectorType};
use inkwell::values::{BasicValueEnum, IntValue};
use wasmc_abi::Builtin;

/// How many pieces a range may have, each moved by one or two instructions; and where code is to be small.
const PIECES_MAX: u64 = 8;
const PIECES_MAX_FOR_SIZE: u64 = 3;

/// Both ranges are checked before a byte is moved.
pub fn copy(f: &mut FunctionTranslator<'_, '_>, to_memory: MemoryIndex, from_memory: MemoryIndex) -> Result<()> {
    if let Some(pieces) = Pieces::of_top(f) {
        let [to, from] = pop_ends(f);
        f.checked_address(from_memory, from, 0, pieces.len)?;
        f.checked_address(to_memory, to, 0, pieces.len)?;
        let mut held = Vec::new();
        for offset in pieces.offsets() {
            let address = f.guarded_address(from_memory, from, offset)?;
            held.push((offset, load_at(f, from_memory, address, Bounds::Checked, pieces.ty(f.unit))?));
        }
        return held.into_iter().try_for_each(|(offset, piece)| store(f, to_memory, to, offset, piece));
    }
    let [to, from, len] = pop_range(f, f.unit.types.word)?;
    let from = f.checked_range(from_memory, from, len)?;
    let to = f.checked_range(to_memory, to, len)?;
    call_builtin(f, Builtin::memmove, &[to.into(), from.into(), len.into()])?;
    Ok(())
}

pub fn fill(f: &mut FunctionTranslator<'_, '_>, memory: MemoryIndex) -> Result<()> {
    let byte = f.stack[f.stack.len() - 2];
    let constant = byte.into_int_value().get_zero_extended_constant();
    if let (Some(constant), Some(pieces)) = (constant, Pieces::of_top(f)) {
        let [to, _] = pop_ends(f);
        f.checked_address(memory, to, 0, pieces.len)?;
        // Only the byte at the bottom counts.
        let word = u64::from_ne_bytes([constant as u8; 8]);
        let piece: BasicValueEnum<'_> = match pieces.ty(f.unit) {
            BasicTypeEnum::IntType(ty) => ty.const_int(word, false).into(),
            _ => {
                let half = f.unit.types.i64.const_int(word, false);
                VectorType::const_vector(&[half, half]).into()
            }
        };
        return pieces.offsets().try_for_each(|offset| store(f, memory, to, offset, piece));
    }
    let [to, _, len] = pop_range(f, f.unit.types.word)?;
    let to = f.checked_range(memory, to, len)?;
    call_builtin(f, Builtin::memset, &[to.into(), byte.into(), len.into()])?;
    Ok(())
}

/// A range of constant length, cut in pieces of one length.
#[derive(Clone, Copy)]
struct Pieces {
    len: u32,
    /// A power of two, no greater than `len`; 1 where that is zero.
    piece_len: u32,
}

impl Pieces {
    /// Of the length on top of the operands, if it is constant and not too great.
    fn of_top(f: &FunctionTranslator<'_, '_>) -> Option<Pieces> {
        let len = f.stack.last()?.into_int_value().get_zero_extended_constant()?;
        let pieces_max = if f.unit.is_for_size() { PIECES_MAX_FOR_SIZE } else { PIECES_MAX };
        let widest = f.unit.unaligned_max();
        if widest == 0 || len > pieces_max * u64::from(widest) {
            return None;
        }
        let len = len as u32;
        Some(Pieces { len, piece_len: widest.min(1 << len.max(1).ilog2()) })
    }

    /// Where pieces begin, from the last one to the first.
    fn offsets(self) -> impl Iterator<Item = u64> {
        let Pieces { len, piece_len } = self;
        (0..len.div_ceil(piece_len)).rev().map(move |piece| (piece * piece_len).min(len - piece_len).into())
    }

    fn ty<'ctx>(self, unit: &Unit<'ctx, '_>) -> BasicTypeEnum<'ctx> {
        let types = &unit.types;
        match self.piece_len {
            1 => types.i8.into(),
            2 => types.i16.into(),
            4 => types.i32.into(),
            8 => types.i64.into(),
            _ => types.v128.into(),
        }
    }
}

/// The operands below the length, which goes.
fn pop_ends<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>) -> [IntValue<'ctx>; 2] {
    let operands = f.pop_many(3);
    [operands[0], operands[1]].map(BasicValueEnum::into_int_value)
}

/// Stores a piece of a range that has been checked.
fn store<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    memory: MemoryIndex,
    index: IntValue<'ctx>,
    offset: u64,
    piece: BasicValueEnum<'ctx>,
) -> Result<()> {
    let address = f.guarded_address(memory, index, offset)?;
    store_at(f, memory, address, Bounds::Checked, piece)
}

#[cfg(test)]
mod tests {
    use crate::{Emit, OptLevel, Options, Target, compile_observed};

    /// Calls of helpers that are left of copies of this many bytes.
    fn calls(target: &str, level: OptLevel, len: u32) -> usize {
        let text = format!(
            "(module (memory 1) (func (export \"run\") (param i32 i32)
                (memory.copy (local.get 0) (local.get 1) (i32.const {len}))))"
        );
        let options = Options { target: Target::new(target, None, &[]).unwrap(), level, ..Options::default() };
        let ir = compile_observed(text.as_bytes(), &options, Emit::Llvm, &mut ()).unwrap();
        String::from_utf8(ir).unwrap().lines().filter(|line| line.contains("call ptr ")).count()
    }

    #[test]
    fn copies_are_pieces_where_a_piece_may_lie_anywhere() {
        let of = |target, level| [0, 1, 32, 33, 128, 129].map(|len| calls(target, level, len));
        for target in ["x86_64-linux", "aarch64-linux"] {
            assert_eq!(of(target, OptLevel::O2), [0, 0, 0, 0, 0, 1], "{target}");
            assert_eq!(of(target, OptLevel::Os), [0, 0, 0, 0, 1, 1], "{target}");
        }
        for target in ["armv7-linux", "thumbv7em-none"] {
            assert_eq!(of(target, OptLevel::O2), [0, 0, 0, 1, 1, 1], "{target}");
        }
        assert_eq!(of("riscv32imac-none", OptLevel::O2), [1; 6]);
    }
}
