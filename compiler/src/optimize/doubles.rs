//! Doubles that may be misaligned, on ARM: moved as two words.
//!
//! The registers for floats are loaded from aligned addresses only. Of a double that may lie at any other, code generation
//! makes two words by way of the stack: five instructions. As an integer of 64 bits it is two words from the start, and
//! one instruction more moves them over. With NEON there is an instruction for any address.

use crate::options::Options;
use inkwell::builder::{Builder, BuilderError};
use inkwell::module::Module as LlvmModule;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{BasicValue, InstructionOpcode as Op, InstructionValue};
use wasmc_abi::target::Arch;

/// Moves misaligned doubles as integers.
pub fn move_as_words(llvm: &LlvmModule<'_>, options: &Options) {
    if options.target.row.arch != Arch::Arm || options.target.has(Arch::Arm, "neon") {
        return;
    }
    let builder = llvm.get_context().create_builder();
    let functions = llvm.get_functions().filter(|f| f.get_subprogram().is_some());
    let instructions = functions.flat_map(|f| f.get_basic_blocks()).flat_map(|b| b.get_instructions());
    let accesses: Vec<_> = instructions.filter(|i| is_misaligned_double(*i)).collect();
    for access in accesses {
        move_as_word(access, &builder).expect("the builder is positioned");
    }
}

fn is_misaligned_double(access: InstructionValue<'_>) -> bool {
    let ty = match access.get_opcode() {
        Op::Load => access.get_type().try_into().ok(),
        Op::Store => access.get_operand(0).and_then(|o| o.value()).map(|value| value.get_type()),
        _ => None,
    };
    let is_double = matches!(ty, Some(BasicTypeEnum::FloatType(ty)) if ty.get_bit_width() == 64);
    is_double && access.get_alignment().is_ok_and(|align| align < 8)
}

fn move_as_word<'ctx>(access: InstructionValue<'ctx>, builder: &Builder<'ctx>) -> Result<(), BuilderError> {
    let context = access.get_parent().expect("it is in a block").get_context();
    let (int, double) = (context.i64_type(), context.f64_type());
    let operand = |index| access.get_operand(index).and_then(|o| o.value()).expect("it has an address");
    builder.position_before(&access);
    let (moved, value) = if access.get_opcode() == Op::Store {
        let bits = builder.build_bit_cast(operand(0), int, "")?;
        (builder.build_store(operand(1).into_pointer_value(), bits)?, None)
    } else {
        let bits = builder.build_load(int, operand(0).into_pointer_value(), "")?;
        let value = builder.build_bit_cast(bits, double, "")?;
        (bits.as_instruction_value().expect("a load is an instruction"), value.as_instruction_value())
    };
    moved.set_alignment(access.get_alignment().expect("it has one")).expect("it is a power of two");
    moved.set_volatile(access.get_volatile().expect("it is an access")).expect("it is an access");
    let tbaa = context.get_kind_id("tbaa");
    if let Some(tag) = access.get_metadata(tbaa) {
        moved.set_metadata(tag, tbaa).expect("a tag is a node");
    }
    moved.set_debug_location(access.get_debug_location());
    if let Some(value) = value {
        access.replace_all_uses_with(&value);
    }
    access.erase_from_basic_block();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{Emit, OptLevel, Options, Target, compile_observed};

    #[test]
    fn a_misaligned_double_does_not_go_by_way_of_the_stack() {
        let text = "(module (memory 1) (func (export \"run\") (param $to i32) (param $from i32)
            (f64.store offset=9 (local.get $to) (f64.sqrt (f64.load offset=1 (local.get $from))))))";
        let code = |target: &str, features: &str, level| {
            let target = Target::new(target, None, &[features.into()]).unwrap();
            let options = Options { target, level, ..Options::default() };
            let asm = compile_observed(text.as_bytes(), &options, Emit::Asm, &mut ()).unwrap();
            let asm = String::from_utf8(asm).unwrap();
            let start = asm.find("\nf0:").expect("the function is there");
            asm[start..].split(".Lfunc_end").next().unwrap().to_owned()
        };
        for target in ["armv7-linux", "thumbv7-linux"] {
            for level in [OptLevel::O1, OptLevel::Os, OptLevel::O2, OptLevel::O3] {
                let asm = code(target, "", level);
                assert!(asm.contains("vsqrt") && !asm.contains("vldr") && !asm.contains("vstr"), "{target}: {asm}");
            }
            let asm = code(target, "+neon", OptLevel::O2);
            assert!(asm.contains("vld1.8") && asm.contains("vst1.8"), "{target}: {asm}");
        }
    }
}
