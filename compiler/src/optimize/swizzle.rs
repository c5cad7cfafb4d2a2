//! Swizzles whose indices are all below 16, as they are where a table is looked up.
//!
//! x86's instruction looks at bit 7 of an index, and at bits 0 to 3 if that is not set. So 0x70 is added to each, with
//! saturation, which leaves bits 0 to 3 as they are below 16 and sets bit 7 from there on. Where no bit above the
//! lowest four can be set, that goes. LLVM's own analyses do not find out: they know bits of lanes, but not how a vector
//! of words makes one of bytes, nor what is left of a saturating difference.

use super::guard::{callee, int_vector_operand};
use super::pieces::picked_lanes;
use inkwell::llvm_sys::core::{LLVMConstIntGetZExtValue, LLVMGetAggregateElement, LLVMIsAConstantInt};
use inkwell::module::Module as LlvmModule;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{AsValueRef, BasicValue, InstructionOpcode as Op, InstructionValue, VectorValue};

const SHUFFLE: &[u8] = b"llvm.x86.ssse3.pshuf.b.128";
const SATURATING_SUM: &[u8] = b"llvm.uadd.sat.v16i8";
const SATURATING_DIFFERENCE: &[u8] = b"llvm.usub.sat.v16i8";
const MINIMUM: &[u8] = b"llvm.umin.v16i8";

/// What translation adds to indices.
const ADDED: u128 = every_byte(0x70);

/// How many instructions are looked at for the indices of one swizzle.
const BUDGET: usize = 64;

/// A vector with the same number in each byte.
const fn every_byte(byte: u8) -> u128 {
    u128::from_le_bytes([byte; 16])
}

/// Takes indices as they are where they are below 16.
pub fn take_small_indices(llvm: &LlvmModule<'_>) {
    if llvm.get_function(&String::from_utf8_lossy(SHUFFLE)).is_none() {
        return;
    }
    for function in llvm.get_functions() {
        for instruction in function.get_basic_block_iter().flat_map(|block| block.get_instructions()) {
            if is_call(instruction, SHUFFLE)
                && let Some(index) = int_vector_operand(instruction, 1).and_then(small_index)
            {
                instruction.set_operand(1, index);
            }
        }
    }
}

/// The indices to which translation has added something, if they are all below 16.
fn small_index(sum: VectorValue<'_>) -> Option<VectorValue<'_>> {
    let instruction = sum.as_instruction_value()?;
    // LLVM knows some sums that cannot saturate, and of them those that are disjunctions.
    let adds = matches!(instruction.get_opcode(), Op::Add | Op::Or) || is_call(instruction, SATURATING_SUM);
    let index = int_vector_operand(instruction, 0).filter(|_| adds)?;
    let added = constant_bits(int_vector_operand(instruction, 1)?)?;
    let small = || bits(index, &mut { BUDGET }) & !every_byte(15) == 0;
    (index.get_type() == sum.get_type() && added == ADDED && small()).then_some(index)
}

/// The bits of a vector of 128 bits that may be set; all, if nothing is known of it.
fn bits(value: VectorValue<'_>, budget: &mut usize) -> u128 {
    match known_bits(value, budget) {
        Some(bits) if width(value) == Some(128) => bits,
        _ => u128::MAX,
    }
}

fn known_bits(value: VectorValue<'_>, budget: &mut usize) -> Option<u128> {
    *budget = budget.checked_sub(1)?;
    let lane = lane_bits(value)?;
    if let Some(lanes) = constant_lanes(value) {
        let lanes = lanes.map(|number| number.map_or(u128::MAX >> (128 - lane), u128::from));
        return Some(lanes.rev().fold(0, |all, bits| all << (lane - 1) << 1 | bits));
    }
    let instruction = value.as_instruction_value()?;
    let mut operand = |index| int_vector_operand(instruction, index).map(|value| bits(value, budget));
    let count = |index| int_vector_operand(instruction, index).and_then(constant_bits);
    Some(match instruction.get_opcode() {
        Op::BitCast => operand(0)?,
        Op::And => operand(0)? & operand(1)?,
        Op::Or | Op::Xor => operand(0)? | operand(1)?,
        Op::Select => operand(1)? | operand(2)?,
        Op::Shl => by_lane(lane, operand(0)?, count(1)?, |bits, count| shifted(lane, count).map(|c| bits << c)),
        Op::LShr => by_lane(lane, operand(0)?, count(1)?, |bits, count| shifted(lane, count).map(|c| bits >> c)),
        Op::ShuffleVector => shuffled(instruction, lane, operand(0)?, operand(1)?)?,
        Op::Call if is_call(instruction, MINIMUM) => {
            by_lane(lane, operand(0)?, operand(1)?, |a, b| Some(up_to(a.min(b))))
        }
        Op::Call if is_call(instruction, SATURATING_DIFFERENCE) => {
            let subtracted = count(1).unwrap_or(0);
            by_lane(lane, operand(0)?, subtracted, |a, b| Some(up_to(a.saturating_sub(b))))
        }
        // Any byte of the table in each lane.
        Op::Call if is_call(instruction, SHUFFLE) => {
            every_byte(operand(0)?.to_le_bytes().into_iter().fold(0, |all, byte| all | byte))
        }
        _ => return None,
    })
}

/// A count that shifts a lane of so many bits.
fn shifted(lane: u32, count: u128) -> Option<u32> {
    u32::try_from(count).ok().filter(|count| *count < lane)
}

/// The bits that numbers up to this one have.
fn up_to(most: u128) -> u128 {
    u128::MAX.checked_shr(most.leading_zeros()).unwrap_or(0)
}

/// Combines lane by lane; where there is nothing to say, a lane may have any bits.
fn by_lane(lane: u32, a: u128, b: u128, combine: impl Fn(u128, u128) -> Option<u128>) -> u128 {
    let mask = u128::MAX >> (128 - lane);
    let lanes = (0..128).step_by(lane as usize);
    lanes.fold(0, |all, at| all | (combine(a >> at & mask, b >> at & mask).unwrap_or(mask) & mask) << at)
}

/// The lanes of two vectors that a shuffle takes; one that may be any has any bits.
fn shuffled(shuffle: InstructionValue<'_>, lane: u32, a: u128, b: u128) -> Option<u128> {
    let (mask, lanes) = (u128::MAX >> (128 - lane), 128 / lane);
    let picked = picked_lanes(shuffle);
    let operands = [0, 1].map(|index| int_vector_operand(shuffle, index).and_then(width));
    if picked.len() != lanes as usize || operands != [Some(128); 2] {
        return None;
    }
    Some((0..lanes).zip(picked).fold(0, |all, (to, from)| {
        let bits = match u32::try_from(from) {
            Ok(from) if from < lanes => a >> (from * lane) & mask,
            Ok(from) => b >> ((from - lanes) * lane) & mask,
            Err(_) => mask,
        };
        all | bits << (to * lane)
    }))
}

/// The bits of a constant, if they all stand.
fn constant_bits(value: VectorValue<'_>) -> Option<u128> {
    let lane = lane_bits(value)?;
    constant_lanes(value)?.rev().try_fold(0, |all, number| Some(all << (lane - 1) << 1 | u128::from(number?)))
}

/// The lanes of a constant; one may be any number.
fn constant_lanes(value: VectorValue<'_>) -> Option<impl DoubleEndedIterator<Item = Option<u64>>> {
    let count = value.get_type().get_size();
    (width(value) == Some(128) && value.is_const()).then(|| {
        (0..count).map(move |index| {
            // SAFETY: the value is a constant vector with that many lanes.
            let number = unsafe { LLVMIsAConstantInt(LLVMGetAggregateElement(value.as_value_ref(), index)) };
            // SAFETY: it is a constant integer, of at most 64 bits.
            (!number.is_null()).then(|| unsafe { LLVMConstIntGetZExtValue(number) })
        })
    })
}

fn lane_bits(value: VectorValue<'_>) -> Option<u32> {
    match value.get_type().get_element_type() {
        BasicTypeEnum::IntType(ty) => Some(ty.get_bit_width()),
        _ => None,
    }
}

fn width(value: VectorValue<'_>) -> Option<u32> {
    lane_bits(value).map(|lane| lane * value.get_type().get_size())
}

fn is_call(instruction: InstructionValue<'_>, name: &[u8]) -> bool {
    instruction.get_opcode() == Op::Call && callee(instruction).is_some_and(|f| f.get_name().to_bytes() == name)
}

#[cfg(test)]
mod tests {
    use crate::{Emit, OptLevel, Options, Target, compile_observed};

    /// The code of a swizzle by these indices, of two parameters.
    fn code(index: &str) -> String {
        let text = format!(
            "(module (func (export \"f\") (param v128 v128) (result v128)
               (i8x16.swizzle (local.get 0) {index})))"
        );
        let target = Target::new("x86_64-linux", Some("x86-64-v2"), &[]).unwrap();
        let options = Options { target, level: OptLevel::O2, ..Options::default() };
        let asm = compile_observed(text.as_bytes(), &options, Emit::Asm, &mut ()).unwrap();
        String::from_utf8(asm).unwrap()
    }

    fn takes_them_as_they_are(index: &str) -> bool {
        let asm = code(index);
        assert!(asm.contains("pshufb"), "{asm}");
        // With LLVM's own knowledge, the sum may have become a disjunction.
        !asm.contains("paddusb") && !asm.contains("por") && !asm.contains("orps") && !asm.contains("paddb")
    }

    fn splat(shape: &str, lane: u32) -> String {
        let lanes = if shape == "i8x16" { 16 } else { 4 };
        format!("(v128.const {shape}{})", format!(" {lane}").repeat(lanes))
    }

    #[test]
    fn small_indices_are_taken_as_they_are() {
        let masked = format!("(v128.and (local.get 1) {})", splat("i8x16", 15));
        let least = format!("(i8x16.min_u (local.get 1) {})", splat("i8x16", 13));
        let six_bits = format!("(v128.and (i32x4.shr_u (local.get 1) (i32.const 3)) {})", splat("i32x4", 0x3F3F_3F3F));
        let difference = format!("(i8x16.sub_sat_u {six_bits} {})", splat("i8x16", 51));
        let table = "(v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)";
        let picked = format!("(i8x16.swizzle {table} {masked})");
        let nibbles = "(i8x16.shr_u (local.get 1) (i32.const 4))".to_string();
        // Words of three bytes, the fourth zero: 18 to 23 are six bits.
        let zeros = "(v128.const i64x2 0 0)";
        let words = format!("(i8x16.shuffle 2 1 0 16 5 4 3 16 8 7 6 16 11 10 9 16 (local.get 1) {zeros})");
        let shifted = format!("(i32x4.shr_u {words} (i32.const 20))");
        for index in [&masked, &least, &difference, &nibbles, &picked, &shifted] {
            assert!(takes_them_as_they_are(index), "{index}: {}", code(index));
        }
    }

    #[test]
    fn larger_indices_are_not() {
        let masked = format!("(v128.and (local.get 1) {})", splat("i8x16", 31));
        let least = format!("(i8x16.min_u (local.get 1) {})", splat("i8x16", 16));
        let six_bits = format!("(v128.and (local.get 1) {})", splat("i8x16", 0x3F));
        let difference = format!("(i8x16.sub_sat_u {six_bits} {})", splat("i8x16", 46));
        let one =
            "(v128.and (local.get 1) (v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 16))".to_string();
        let words = format!("(v128.and (i16x8.shl (local.get 1) (i32.const 1)) {})", splat("i8x16", 31));
        let nibbles = "(i16x8.shr_u (local.get 1) (i32.const 4))".to_string();
        let bytes = "(i8x16.shuffle 2 1 0 16 5 4 3 16 8 7 6 17 11 10 9 16 (local.get 1) (v128.const i64x2 0x0f00 0))";
        let shifted = format!("(i32x4.shr_u {bytes} (i32.const 20))");
        for index in [&masked, &least, &difference, &nibbles, &words, &one, &shifted] {
            assert!(!takes_them_as_they_are(index), "{index}: {}", code(index));
        }
    }
}
