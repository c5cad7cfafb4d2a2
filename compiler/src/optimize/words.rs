//! Products of 16-bit lanes and a constant, on x86.
//!
//! Where the constant is next to a power of two, LLVM's code generator shifts and adds, as for lanes of 32 bits, whose
//! multiplication is slow. That of 16 bits is done in one instruction, of which two begin in a cycle on every such CPU, and
//! code of vectors waits for free units more than for results: a picture's conversion, which multiplies by 129, was held up
//! by its shifts. A constant that is loaded is one that the code generator does not look at.

use super::guard::int_vector_operand;
use crate::options::{OptLevel, Options};
use inkwell::module::{Linkage, Module as LlvmModule};
use inkwell::types::BasicTypeEnum;
use inkwell::values::{BasicValue, InstructionOpcode as Op, InstructionValue, UnnamedAddress, VectorValue};
use wasmc_abi::target::Arch;

/// Keeps products of words as they are.
pub fn keep_products(llvm: &LlvmModule<'_>, options: &Options) {
    if options.target.row.arch != Arch::X86_64 || options.level == OptLevel::O0 {
        return;
    }
    let context = llvm.get_context();
    let (invariant, kind) = (context.metadata_node(&[]), context.get_kind_id("invariant.load"));
    let mut constants = Vec::new();
    for function in llvm.get_functions() {
        let instructions = function.get_basic_block_iter().flat_map(|block| block.get_instructions());
        let products: Vec<_> = instructions.filter_map(|i| Some((i, taken_apart(i)?))).collect();
        for (product, constant) in products {
            let known = constants.iter().find(|(known, _)| *known == constant).map(|(_, global)| *global);
            let global = known.unwrap_or_else(|| {
                let global = llvm.add_global(constant.get_type(), None, "");
                global.set_initializer(&constant);
                global.set_constant(true);
                global.set_linkage(Linkage::Private);
                global.set_unnamed_address(UnnamedAddress::Global);
                global.set_alignment(constant.get_type().get_size() * 2);
                constants.push((constant, global));
                global
            });
            let builder = context.create_builder();
            builder.position_before(&product);
            let loaded = builder.build_load(constant.get_type(), global.as_pointer_value(), "");
            let loaded = loaded.expect("the builder is positioned");
            let load = loaded.as_instruction_value().expect("a load is an instruction");
            // So that it leaves loops.
            load.set_metadata(invariant, kind).expect("the mark is a node");
            product.set_operand(1, loaded);
        }
    }
}

/// The constant by which a product multiplies, if the code generator would shift and add.
fn taken_apart(product: InstructionValue<'_>) -> Option<VectorValue<'_>> {
    let factor = int_vector_operand(product, 1).filter(|_| product.get_opcode() == Op::Mul)?;
    let ty = factor.get_type();
    let is_word = matches!(ty.get_element_type(), BasicTypeEnum::IntType(lane) if lane.get_bit_width() == 16);
    if !is_word || ty.get_size() < 8 || !factor.is_constant_data_vector() {
        return None;
    }
    let lane = |index| factor.get_element_as_constant(index).into_int_value().get_zero_extended_constant();
    let first = lane(0)? as u16;
    let is_splat = (1..ty.get_size()).all(|index| lane(index) == Some(first.into()));
    let is_next = |number: u16| {
        number > 1 && number % 2 == 1 && ((number - 1).is_power_of_two() || number.wrapping_add(1).is_power_of_two())
    };
    (is_splat && (is_next(first) || is_next(first.wrapping_neg()))).then_some(factor)
}

#[cfg(test)]
mod tests {
    use crate::{Emit, OptLevel, Options, Target, compile_observed};

    fn code(shape: &str, factor: i32) -> String {
        let lanes = if shape == "i16x8" { 8 } else { 4 };
        let text = format!(
            "(module (func (export \"f\") (param v128) (result v128)
               ({shape}.mul (local.get 0) (v128.const {shape}{}))))",
            format!(" {factor}").repeat(lanes)
        );
        let target = Target::new("x86_64-linux", Some("x86-64-v2"), &[]).unwrap();
        let options = Options { target, level: OptLevel::O2, ..Options::default() };
        let asm = compile_observed(text.as_bytes(), &options, Emit::Asm, &mut ()).unwrap();
        String::from_utf8(asm).unwrap()
    }

    #[test]
    fn words_are_multiplied_by_one_instruction() {
        for factor in [3, 5, 7, 127, 129, -127, -129, 12, 126, 102, -3] {
            let asm = code("i16x8", factor);
            assert!(asm.contains("pmullw") && !asm.contains("psllw"), "{factor}: {asm}");
        }
    }

    #[test]
    fn powers_of_two_and_wider_lanes_are_shifted() {
        for (shape, factor) in [("i16x8", 2), ("i16x8", 128), ("i16x8", -32768), ("i32x4", 129)] {
            let asm = code(shape, factor);
            assert!(!asm.contains("pmul"), "{shape} {factor}: {asm}");
        }
    }
}
