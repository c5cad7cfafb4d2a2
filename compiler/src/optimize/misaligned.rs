//! Accesses that may be misaligned, for size, on 32-bit RISC-V without misaligned accesses: each calls a piece of code
//! that looks whether it is aligned. In line a word takes 28 bytes of code and ten instructions of time, so it
//! takes 4 to 10 bytes and six instructions.
//!
//! The pieces are assembly, with `t0` as link register and the address in `a5`: they change no other register but
//! `t1`, `t2` and what they return. So a function without other calls stays one. Nothing in them traps.

use super::near::is_near;
use crate::options::Options;
use inkwell::AddressSpace;
use inkwell::GlobalVisibility;
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::builder::{Builder, BuilderError};
use inkwell::context::ContextRef;
use inkwell::module::{Linkage, Module as LlvmModule};
use inkwell::types::{BasicMetadataTypeEnum, BasicTypeEnum, FunctionType, IntType};
use inkwell::values::{
    BasicMetadataValueEnum, BasicValue, BasicValueEnum, FunctionValue, InstructionOpcode as Op, InstructionValue,
    IntValue,
};
use wasmc_abi::target::Arch;

/// A piece of code.
struct Access {
    name: &'static str,
    /// Of the value, bits.
    bits: u32,
    is_store: bool,
    code: &'static str,
}

static ACCESSES: [Access; 6] = [
    Access {
        name: "misaligned_load16",
        bits: 16,
        is_store: false,
        code: "lbu t1, 1(a5); lbu a5, 0(a5); slli t1, t1, 8; or a5, a5, t1; jr t0",
    },
    Access {
        name: "misaligned_load32",
        bits: 32,
        is_store: false,
        code: "andi t1, a5, 3; bnez t1, 1f; lw a5, 0(a5); jr t0;
            1: lbu t1, 0(a5); lbu t2, 1(a5); slli t2, t2, 8; or t1, t1, t2;
            lbu t2, 2(a5); slli t2, t2, 16; or t1, t1, t2;
            lbu a5, 3(a5); slli a5, a5, 24; or a5, a5, t1; jr t0",
    },
    Access {
        name: "misaligned_load64",
        bits: 64,
        is_store: false,
        code: "andi t1, a5, 3; bnez t1, 1f; lw a4, 0(a5); lw a5, 4(a5); jr t0;
            1: lbu t1, 0(a5); lbu t2, 1(a5); slli t2, t2, 8; or t1, t1, t2;
            lbu t2, 2(a5); slli t2, t2, 16; or t1, t1, t2;
            lbu a4, 3(a5); slli a4, a4, 24; or a4, a4, t1;
            lbu t1, 4(a5); lbu t2, 5(a5); slli t2, t2, 8; or t1, t1, t2;
            lbu t2, 6(a5); slli t2, t2, 16; or t1, t1, t2;
            lbu a5, 7(a5); slli a5, a5, 24; or a5, a5, t1; jr t0",
    },
    Access {
        name: "misaligned_store16",
        bits: 16,
        is_store: true,
        code: "sb a4, 0(a5); srli t1, a4, 8; sb t1, 1(a5); jr t0",
    },
    Access {
        name: "misaligned_store32",
        bits: 32,
        is_store: true,
        code: "andi t1, a5, 3; bnez t1, 1f; sw a4, 0(a5); jr t0;
            1: sb a4, 0(a5); srli t1, a4, 8; sb t1, 1(a5); srli t1, a4, 16; sb t1, 2(a5);
            srli t1, a4, 24; sb t1, 3(a5); jr t0",
    },
    Access {
        name: "misaligned_store64",
        bits: 64,
        is_store: true,
        code: "andi t1, a5, 3; bnez t1, 1f; sw a4, 0(a5); sw a3, 4(a5); jr t0;
            1: sb a4, 0(a5); srli t1, a4, 8; sb t1, 1(a5); srli t1, a4, 16; sb t1, 2(a5);
            srli t1, a4, 24; sb t1, 3(a5);
            sb a3, 4(a5); srli t1, a3, 8; sb t1, 5(a5); srli t1, a3, 16; sb t1, 6(a5);
            srli t1, a3, 24; sb t1, 7(a5); jr t0",
    },
];

/// Whether accesses of a target are made like this.
pub fn applies(options: &Options) -> bool {
    let target = &options.target;
    target.row.arch == Arch::Riscv && target.row.pointer_bits == 32 && target.unaligned_max() == 0
}

/// Replaces accesses that LLVM would make byte by byte.
pub fn call_for_accesses(llvm: &LlvmModule<'_>) {
    let functions: Vec<_> = llvm.get_functions().filter(|f| f.get_subprogram().is_some()).collect();
    for function in functions {
        let jump = if is_near(function) { "jal" } else { "call" };
        let instructions = function.get_basic_block_iter().flat_map(|block| block.get_instructions());
        let accesses: Vec<_> = instructions.filter_map(|i| Some((i, access(i)?))).collect();
        for (instruction, access) in accesses {
            replace(llvm, instruction, access, jump).expect("the builder is positioned");
        }
    }
}

/// The piece of code that does what an instruction does, if LLVM would do it byte by byte.
fn access(instruction: InstructionValue<'_>) -> Option<&'static Access> {
    let is_store = instruction.get_opcode() == Op::Store;
    let ty: BasicTypeEnum<'_> = match instruction.get_opcode() {
        Op::Load => instruction.get_type().try_into().ok()?,
        Op::Store => instruction.get_operand(0)?.value()?.get_type(),
        _ => return None,
    };
    let bits = match ty {
        BasicTypeEnum::IntType(ty) => ty.get_bit_width(),
        BasicTypeEnum::FloatType(ty) => ty.get_bit_width(),
        _ => return None,
    };
    // Two words need no more than each of them.
    let is_aligned = instruction.get_alignment().ok()? >= bits.min(32) / 8;
    ACCESSES.iter().find(|access| !is_aligned && access.bits == bits && access.is_store == is_store)
}

fn replace<'ctx>(
    llvm: &LlvmModule<'ctx>,
    instruction: InstructionValue<'ctx>,
    access: &Access,
    jump: &str,
) -> Result<(), BuilderError> {
    let context = llvm.get_context();
    let builder = context.create_builder();
    builder.position_before(&instruction);
    let (i32, ptr) = (context.i32_type(), context.ptr_type(AddressSpace::default()));
    let piece = piece(llvm, access)?.as_global_value().as_pointer_value();
    let address = |index| instruction.get_operand(index).and_then(|o| o.value()).expect("it has an address");
    let call = |ty: FunctionType<'ctx>, registers: &str, args: &[BasicValueEnum<'ctx>]| {
        let constraints = format!("{registers},i,~{{x5}},~{{x6}},~{{x7}},~{{memory}}");
        // The piece's number among the operands.
        let number = registers.split(',').count();
        let assembly = format!("{jump} t0, ${number}");
        let assembly = context.create_inline_asm(ty, assembly, constraints, true, false, None, false);
        let args: Vec<_> = args.iter().copied().chain([piece.into()]).map(BasicMetadataValueEnum::from).collect();
        builder.build_indirect_call(ty, assembly, &args, "")
    };
    if access.is_store {
        let value = bits_of(&builder, address(0), &context)?;
        let words = words(&builder, value, i32)?;
        let args: Vec<BasicValueEnum<'ctx>> = [address(1)].into_iter().chain(words).collect();
        let mut types: Vec<BasicMetadataTypeEnum<'ctx>> = vec![ptr.into()];
        types.resize(args.len(), i32.into());
        types.push(ptr.into());
        let registers = if args.len() == 3 { "{x15},{x14},{x13}" } else { "{x15},{x14}" };
        call(context.void_type().fn_type(&types, false), registers, &args)?;
    } else {
        let address = address(0);
        let params = [ptr.into(), ptr.into()];
        let bits = if access.bits == 64 {
            let ty = context.struct_type(&[i32.into(), i32.into()], false).fn_type(&params, false);
            let pair =
                call(ty, "={x14},={x15},{x15}", &[address])?.try_as_basic_value().unwrap_basic().into_struct_value();
            let i64 = context.i64_type();
            let half = |index| -> Result<_, BuilderError> {
                let word = builder.build_extract_value(pair, index, "")?.into_int_value();
                builder.build_int_z_extend(word, i64, "")
            };
            let high = builder.build_left_shift(half(1)?, i64.const_int(32, false), "")?;
            builder.build_or(half(0)?, high, "")?
        } else {
            let word = call(i32.fn_type(&params, false), "={x15},{x15}", &[address])?;
            let word = word.try_as_basic_value().unwrap_basic().into_int_value();
            if access.bits == 16 { builder.build_int_truncate(word, context.i16_type(), "")? } else { word }
        };
        let ty: BasicTypeEnum<'ctx> = instruction.get_type().try_into().expect("a load has a type");
        let value = if ty.is_int_type() { bits.into() } else { builder.build_bit_cast(bits, ty, "")? };
        let value = value.as_instruction_value().expect("what a call returns is no constant");
        instruction.replace_all_uses_with(&value);
    }
    instruction.erase_from_basic_block();
    Ok(())
}

/// A value's bits as an integer.
fn bits_of<'ctx>(
    builder: &Builder<'ctx>,
    value: BasicValueEnum<'ctx>,
    context: &ContextRef<'ctx>,
) -> Result<IntValue<'ctx>, BuilderError> {
    Ok(match value {
        BasicValueEnum::FloatValue(value) if value.get_type().get_bit_width() == 32 => {
            builder.build_bit_cast(value, context.i32_type(), "")?.into_int_value()
        }
        BasicValueEnum::FloatValue(value) => builder.build_bit_cast(value, context.i64_type(), "")?.into_int_value(),
        other => other.into_int_value(),
    })
}

/// The words of an integer, the low one first.
fn words<'ctx>(
    builder: &Builder<'ctx>,
    value: IntValue<'ctx>,
    word: IntType<'ctx>,
) -> Result<Vec<BasicValueEnum<'ctx>>, BuilderError> {
    Ok(match value.get_type().get_bit_width() {
        32 => vec![value.into()],
        64 => {
            let high = builder.build_right_shift(value, value.get_type().const_int(32, false), false, "")?;
            let low = builder.build_int_truncate(value, word, "")?;
            vec![low.into(), builder.build_int_truncate(high, word, "")?.into()]
        }
        _ => vec![builder.build_int_z_extend(value, word, "")?.into()],
    })
}

/// The function that a piece of code is. It has no frame, and its frame table says so.
fn piece<'ctx>(llvm: &LlvmModule<'ctx>, access: &Access) -> Result<FunctionValue<'ctx>, BuilderError> {
    if let Some(known) = llvm.get_function(access.name) {
        return Ok(known);
    }
    let context = llvm.get_context();
    let ty = context.void_type().fn_type(&[], false);
    let function = llvm.add_function(access.name, ty, Some(Linkage::External));
    function.as_global_value().set_visibility(GlobalVisibility::Hidden);
    let any_guest = llvm.get_functions().find(|f| f.get_subprogram().is_some()).expect("a guest's access calls it");
    for attribute in any_guest.attributes(AttributeLoc::Function) {
        function.add_attribute(AttributeLoc::Function, attribute);
    }
    for name in ["naked", "noinline"] {
        let kind = Attribute::get_named_enum_kind_id(name);
        function.add_attribute(AttributeLoc::Function, context.create_enum_attribute(kind, 0));
    }
    let builder = context.create_builder();
    builder.position_at_end(context.append_basic_block(function, ""));
    let code = context.create_inline_asm(ty, access.code.into(), String::new(), true, false, None, false);
    builder.build_indirect_call(ty, code, &[], "")?;
    builder.build_unreachable()?;
    Ok(function)
}

#[cfg(test)]
mod tests {
    use crate::{Emit, MemoryModel, OptLevel, Options, Target, compile_observed};

    /// How many accesses of each kind call for code, in a function that has one of each type.
    fn calls(level: OptLevel, body: &str) -> Vec<usize> {
        let text = format!("(module (memory 1) (func (export \"run\") (param i32 i64 f32 f64) {body}))");
        let target = Target::new("riscv32imac-none", None, &[]).unwrap();
        let options = Options { target, level, memory: MemoryModel::Checked, ..Options::default() };
        let ir = compile_observed(text.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
        let ir = String::from_utf8(ir).unwrap();
        super::ACCESSES.iter().map(|a| ir.matches(&format!("ptr @{})", a.name)).count()).collect()
    }

    #[test]
    fn accesses_that_may_be_misaligned_call_for_code_and_others_do_not() {
        let copy = |index: &str| {
            format!(
                "(i32.store16 {index} (i32.load16_s offset=32 {index})) (i32.store offset=4 {index} (i32.load offset=36 {index}))
                 (i64.store offset=8 {index} (i64.load offset=40 {index})) (f32.store offset=16 {index} (f32.load offset=48 {index}))
                 (f64.store offset=24 {index} (f64.load offset=56 {index}))"
            )
        };
        assert_eq!(calls(OptLevel::Os, &copy("(local.get 0)")), [1, 2, 2, 1, 2, 2]);
        assert_eq!(calls(OptLevel::Os, &copy("(i32.shl (local.get 0) (i32.const 2))")), [0; 6]);
        assert_eq!(calls(OptLevel::Os, &copy("(i32.const 1025)")), [1, 2, 2, 1, 2, 2]);
        assert_eq!(calls(OptLevel::O2, &copy("(local.get 0)")), [0; 6]);
    }
}
