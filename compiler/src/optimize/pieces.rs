//! Vectors that are loaded whole and extended in pieces, on x86-64.
//!
//! Wasm extends a half of a vector at a time, so programs load sixteen bytes and make of them, by shuffles, as many
//! vectors of wider lanes as they fill. The machine extends as it loads: each piece becomes a load of its own, which
//! takes one instruction and keeps no register for the others to come.
//!
//! The piece with the last byte is loaded where the whole was, and faults if that would have: what is beyond the
//! memory's end begins at it. The others are loaded where they are needed, with nothing but loads and computation in
//! between, and in the same block, so that they find the same bytes.

use super::counted::users;
use super::guard::{is_pure_intrinsic, pointer_operand};
use inkwell::builder::{Builder, BuilderError};
use inkwell::llvm_sys::core::{LLVMGetMaskValue, LLVMGetNumMaskElements};
use inkwell::module::Module as LlvmModule;
use inkwell::types::{BasicTypeEnum, VectorType};
use inkwell::values::{AsValueRef, BasicValue, InstructionOpcode as Op, InstructionValue, PointerValue};

/// Bytes of a vector.
const LEN: u32 = 16;

/// Lanes taken out of a loaded vector, all uses of which extend them.
struct Piece<'ctx> {
    shuffle: InstructionValue<'ctx>,
    /// The lanes as a vector of their own.
    ty: VectorType<'ctx>,
    /// Bytes from the start of what was loaded.
    offset: u32,
}

impl Piece<'_> {
    fn is_last(&self) -> bool {
        self.offset + len(self.ty) == LEN
    }
}

/// Loads in pieces what is extended in pieces.
pub fn load_pieces(llvm: &LlvmModule<'_>) {
    for function in llvm.get_functions().filter(|f| f.get_subprogram().is_some()) {
        let instructions = function.get_basic_block_iter().flat_map(|block| block.get_instructions());
        let loads: Vec<_> = instructions.filter(|i| i.get_opcode() == Op::Load).collect();
        for load in loads {
            let whole = shaped(load);
            if let Some(pieces) = pieces(load, whole) {
                split(load, &pieces).expect("the builder is positioned");
                if whole != load {
                    whole.erase_from_basic_block();
                }
                load.erase_from_basic_block();
            }
        }
    }
}

/// What is loaded in the shape that all uses take it in: where a load is volatile, LLVM does not give it that itself.
fn shaped<'ctx>(load: InstructionValue<'ctx>) -> InstructionValue<'ctx> {
    let mut users = users(load);
    match (users.next(), users.next()) {
        (Some(cast), None) if cast.get_opcode() == Op::BitCast && cast.get_type().is_vector_type() => cast,
        _ => load,
    }
}

/// The pieces that a loaded vector, in this shape, is used for, if for nothing else, and if they can be loaded in its
/// place.
fn pieces<'ctx>(load: InstructionValue<'ctx>, whole: InstructionValue<'ctx>) -> Option<Vec<Piece<'ctx>>> {
    let ty = load.get_type();
    let is_vector = ty.is_vector_type() && len(ty.into_vector_type()) == LEN;
    if !is_vector || load.get_atomic_ordering().is_ok_and(|ordering| ordering != inkwell::AtomicOrdering::NotAtomic) {
        return None;
    }
    let pieces = users(whole).map(|shuffle| piece(shuffle, whole)).collect::<Option<Vec<_>>>()?;
    if pieces.len() < 2 || !pieces.iter().any(Piece::is_last) {
        return None;
    }
    // How far nothing happens that others could see, or that could change what is loaded.
    let mut quiet = Vec::new();
    let mut next = load.get_next_instruction();
    while let Some(instruction) = next.filter(|i| is_quiet(*i)) {
        quiet.push(instruction);
        next = instruction.get_next_instruction();
    }
    pieces.iter().all(|piece| quiet.contains(&piece.shuffle)).then_some(pieces)
}

fn is_quiet(instruction: InstructionValue<'_>) -> bool {
    match instruction.get_opcode() {
        Op::Store | Op::Fence | Op::AtomicRMW | Op::AtomicCmpXchg | Op::Invoke | Op::CallBr => false,
        Op::Call => is_pure_intrinsic(instruction),
        _ => true,
    }
}

fn piece<'ctx>(shuffle: InstructionValue<'ctx>, whole: InstructionValue<'ctx>) -> Option<Piece<'ctx>> {
    let is_shuffle = shuffle.get_opcode() == Op::ShuffleVector;
    if !is_shuffle || shuffle.get_operand(0)?.value()?.as_instruction_value() != Some(whole) {
        return None;
    }
    let lanes = picked_lanes(shuffle);
    let first = u32::try_from(*lanes.first()?).ok()?;
    let in_order = lanes.iter().zip(first..).all(|(lane, expected)| u32::try_from(*lane) == Ok(expected));
    let ty = shuffle.get_type().into_vector_type();
    let lane_len = len(ty) / ty.get_size();
    let inside = first * lane_len + len(ty) <= LEN;
    let extended = users(shuffle).all(|extension| {
        let is_extension = matches!(extension.get_opcode(), Op::ZExt | Op::SExt);
        is_extension && len(extension.get_type().into_vector_type()) == LEN
    });
    (in_order && inside && extended && ty.get_size() > 1).then_some(Piece { shuffle, ty, offset: first * lane_len })
}

/// Bytes of a vector of integers or floats; 0 of another, or one that is no number of bytes.
fn len(ty: VectorType<'_>) -> u32 {
    let lane_bits = match ty.get_element_type() {
        BasicTypeEnum::IntType(lane) => lane.get_bit_width(),
        BasicTypeEnum::FloatType(lane) => lane.get_bit_width(),
        _ => 0,
    };
    if lane_bits % 8 == 0 { ty.get_size() * lane_bits / 8 } else { 0 }
}

fn split(load: InstructionValue<'_>, pieces: &[Piece<'_>]) -> Result<(), BuilderError> {
    let address = pointer_operand(load, 0).expect("a load has an address");
    let builder = load.get_type().into_vector_type().get_context().create_builder();
    for piece in pieces {
        builder.position_before(if piece.is_last() { &load } else { &piece.shuffle });
        let loaded = load_piece(load, address, piece, &builder)?;
        piece.shuffle.replace_all_uses_with(&loaded);
        piece.shuffle.erase_from_basic_block();
    }
    Ok(())
}

fn load_piece<'ctx>(
    load: InstructionValue<'ctx>,
    address: PointerValue<'ctx>,
    piece: &Piece<'ctx>,
    builder: &Builder<'ctx>,
) -> Result<InstructionValue<'ctx>, BuilderError> {
    let context = piece.ty.get_context();
    let offset = context.i64_type().const_int(piece.offset.into(), false);
    // SAFETY: plain arithmetic, no `inbounds`.
    let address = unsafe { builder.build_gep(context.i8_type(), address, &[offset], "")? };
    let loaded = builder.build_load(piece.ty, address, "")?;
    let own = loaded.as_instruction_value().expect("a load");
    own.set_volatile(load.get_volatile().expect("a load")).expect("a load");
    own.set_alignment(1).expect("a load");
    own.set_debug_location(load.get_debug_location());
    for name in ["tbaa", "alias.scope", "noalias"] {
        let kind = context.get_kind_id(name);
        if let Some(node) = load.get_metadata(kind) {
            own.set_metadata(node, kind).expect("it is a node");
        }
    }
    Ok(own)
}

/// The lanes that a shuffle picks; those of the second vector follow those of the first. One that may be any is
/// negative.
pub fn picked_lanes(shuffle: InstructionValue<'_>) -> Vec<i32> {
    // SAFETY: it is a shuffle, and the lanes asked for are among those that it has.
    unsafe {
        let count = LLVMGetNumMaskElements(shuffle.as_value_ref());
        (0..count).map(|lane| LLVMGetMaskValue(shuffle.as_value_ref(), lane)).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Emit, OptLevel, Options, compile_observed};

    /// The IR of a function that loads a vector and gives `body` for it.
    fn optimized(body: &str, level: OptLevel) -> String {
        let module = format!(
            "(module (memory 1) (func (export \"run\") (param $at i32) (result v128) (local $v v128)
               (local.set $v (v128.load (local.get $at))) {body}))"
        );
        let options = Options { level, ..Options::default() };
        String::from_utf8(compile_observed(module.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap()).unwrap()
    }

    /// How many vectors of these lanes are loaded.
    fn loads(ir: &str, ty: &str) -> usize {
        let is_load = |line: &&str| line.contains(" = load ") && line.contains(&format!(" {ty}, ptr"));
        ir.lines().filter(is_load).count()
    }

    const LOW: &str = "(i16x8.extend_low_i8x16_u (local.get $v))";
    const HIGH: &str = "(i16x8.extend_high_i8x16_u (local.get $v))";

    #[test]
    fn both_halves_are_loads_of_their_own() {
        for level in [OptLevel::O1, OptLevel::O2, OptLevel::O3, OptLevel::Os] {
            let ir = optimized(&format!("(i16x8.sub {LOW} {HIGH})"), level);
            assert_eq!((loads(&ir, "<8 x i8>"), loads(&ir, "<16 x i8>"), loads(&ir, "<2 x i64>")), (2, 0, 0), "{ir}");
        }
    }

    #[test]
    fn what_has_another_use_or_leaves_out_the_last_byte_is_loaded_whole() {
        for body in [
            format!("(i16x8.sub {LOW} {LOW})"),
            format!("(i16x8.sub {LOW} (i16x8.sub {HIGH} (local.get $v)))"),
            format!("(i16x8.sub {LOW} (i16x8.neg {LOW}))"),
        ] {
            assert_eq!(loads(&optimized(&body, OptLevel::O2), "<8 x i8>"), 0, "{body}");
        }
    }
}
