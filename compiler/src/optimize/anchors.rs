//! Anchors: far constant addresses of a memory, made once: at `-Os` and `-Oz`, and for speed on ARM and 64-bit RISC-V, where
//! such a constant takes two instructions.
//!
//! A program's arrays and variables lie at constants that are too large for the offset of an instruction, or make it
//! long, and each access adds its own to the memory's base: one or two instructions, often a register. Here `base +
//! constant` is computed once, behind the load of the base, for all accesses not far behind it; these then have a
//! small offset or none.
//!
//! The sum is the same modulo the length of a pointer, whatever its parts are: addresses, and so what faults,
//! stay what they were. An empty piece of assembly hides it from code generation, which would take it apart again.

use super::bounds::int_operand;
use super::guard::pointer_operand;
use inkwell::InlineAsmDialect;
use inkwell::builder::BuilderError;
use inkwell::context::ContextRef;
use inkwell::module::Module as LlvmModule;
use inkwell::values::{BasicValue, InstructionOpcode as Op, InstructionValue, IntValue, PointerValue};
use std::collections::HashMap;
use wasmc_abi::target::Arch;

/// What makes an anchor worth its instructions.
#[derive(Clone, Copy)]
struct Worth {
    /// How far behind an address all instructions that have an offset reach, as short as they get; bytes.
    reach: i64,
    /// How many accesses an anchor is for, at the least.
    uses: usize,
}

impl Worth {
    fn on(arch: Arch) -> Worth {
        match arch {
            // An offset of one byte in place of four.
            Arch::X86_64 => Worth { reach: 127, uses: 3 },
            Arch::Aarch64 | Arch::Arm => Worth { reach: 4095, uses: 2 },
            Arch::Riscv => Worth { reach: 2047, uses: 2 },
        }
    }
}

/// A load or a store far from its base.
struct Access<'ctx> {
    instruction: InstructionValue<'ctx>,
    index: Option<IntValue<'ctx>>,
    offset: i64,
}

/// Gives accesses anchors.
pub fn share_anchors(llvm: &LlvmModule<'_>, arch: Arch) {
    let worth = Worth::on(arch);
    for function in llvm.get_functions().filter(|f| f.get_subprogram().is_some()) {
        let mut far: Vec<(InstructionValue<'_>, Vec<Access<'_>>)> = Vec::new();
        let mut places = HashMap::new();
        for instruction in function.get_basic_blocks().into_iter().flat_map(|b| b.get_instructions()) {
            let Some((base, access)) =
                access(instruction, worth.reach).filter(|(_, access)| access.offset > worth.reach)
            else {
                continue;
            };
            let place = *places.entry(base).or_insert_with(|| {
                far.push((base, Vec::new()));
                far.len() - 1
            });
            far[place].1.push(access);
        }
        for (base, mut accesses) in far {
            accesses.sort_by_key(|access| access.offset);
            for group in groups(&accesses, worth) {
                anchor(llvm, base, group).expect("the builder is positioned");
            }
        }
    }
}

/// Ascending accesses, cut where the next one is out of reach of a group's first one.
fn groups<'a, 'ctx>(accesses: &'a [Access<'ctx>], worth: Worth) -> Vec<&'a [Access<'ctx>]> {
    let mut groups = Vec::new();
    let mut rest = accesses;
    while let Some(first) = rest.first() {
        let len = rest.partition_point(|access| access.offset - first.offset <= worth.reach);
        let (group, others) = rest.split_at(len);
        if group.len() >= worth.uses {
            groups.push(group);
        }
        rest = others;
    }
    groups
}

/// A load or a store at a loaded base, an index, and a constant.
fn access(instruction: InstructionValue<'_>, reach: i64) -> Option<(InstructionValue<'_>, Access<'_>)> {
    let place = address_place(instruction)?;
    let (mut at, mut index, mut offset) = (pointer_operand(instruction, place)?, None, 0_i64);
    while let Some(step) = at.as_instruction_value().filter(|i| i.get_opcode() == Op::GetElementPtr) {
        let bytes = step.get_gep_source_element_type().ok().filter(|ty| ty.is_int_type())?;
        if bytes.into_int_type().get_bit_width() != 8 || step.get_num_operands() != 2 {
            return None;
        }
        let (variable, constant) = sum(int_operand(step, 1)?, reach);
        offset = offset.checked_add(constant)?;
        match variable {
            Some(_) if index.is_some() => return None,
            Some(_) => index = variable,
            None => {}
        }
        at = pointer_operand(step, 0)?;
    }
    let base = at.as_instruction_value().filter(|i| i.get_opcode() == Op::Load)?;
    Some((base, Access { instruction, index, offset }))
}

/// Reads what is added to an address as a variable plus a constant, modulo the length of a pointer. Sums with constants in reach
/// are left as they are: others may use them.
fn sum(added: IntValue<'_>, reach: i64) -> (Option<IntValue<'_>>, i64) {
    if let Some(constant) = added.get_sign_extended_constant() {
        return (None, constant);
    }
    let sum = added.as_instruction_value().filter(|i| i.get_opcode() == Op::Add);
    let far = sum.and_then(|sum| {
        let constant = int_operand(sum, 1)?.get_sign_extended_constant().filter(|c| *c > reach)?;
        Some((int_operand(sum, 0)?, constant))
    });
    far.map_or((Some(added), 0), |(variable, constant)| (Some(variable), constant))
}

/// Which operand of an instruction is the address that it accesses.
fn address_place(instruction: InstructionValue<'_>) -> Option<u32> {
    match instruction.get_opcode() {
        Op::Load => Some(0),
        Op::Store => Some(1),
        _ => None,
    }
}

fn anchor<'ctx>(
    llvm: &LlvmModule<'ctx>,
    base: InstructionValue<'ctx>,
    accesses: &[Access<'ctx>],
) -> Result<(), BuilderError> {
    let context = llvm.get_context();
    let builder = context.create_builder();
    let pointer = PointerValue::try_from(base).expect("a base is a pointer");
    builder.position_before(&base.get_next_instruction().expect("a load ends no block"));
    let start = accesses[0].offset;
    let add = |base: PointerValue<'ctx>, index: IntValue<'ctx>| {
        // SAFETY: plain arithmetic, no `inbounds`: LLVM is promised nothing about the result.
        unsafe { builder.build_gep(context.i8_type(), base, &[index], "") }
    };
    let word = |offset: i64| context.i64_type().const_int(offset as u64, true);
    let far = hidden(&context, &builder, add(pointer, word(start))?)?;
    for access in accesses {
        builder.position_before(&access.instruction);
        let mut address = far;
        if let Some(index) = access.index {
            address = add(address, index)?;
        }
        if access.offset != start {
            address = add(address, word(access.offset - start))?;
        }
        let place = address_place(access.instruction).expect("it is an access");
        assert!(access.instruction.set_operand(place, address), "the address is an operand");
    }
    Ok(())
}

/// The same address, of which nothing else is known.
fn hidden<'ctx>(
    context: &ContextRef<'ctx>,
    builder: &inkwell::builder::Builder<'ctx>,
    address: PointerValue<'ctx>,
) -> Result<PointerValue<'ctx>, BuilderError> {
    let ty = address.get_type().fn_type(&[address.get_type().into()], false);
    let none =
        context.create_inline_asm(ty, String::new(), "=r,0".into(), false, false, None::<InlineAsmDialect>, false);
    let call = builder.build_indirect_call(ty, none, &[address.into()], "")?;
    Ok(call.try_as_basic_value().unwrap_basic().into_pointer_value())
}

#[cfg(test)]
mod tests {
    use crate::{Emit, OptLevel, Options, Target, compile_observed};

    /// How many anchors a function body gets.
    fn anchors(target: &str, level: OptLevel, body: &str) -> usize {
        let text =
            format!("(module (memory 3) (func (export \"run\") (param $p i32) (param $q i32) (result i32) {body}))");
        let options = Options { target: Target::new(target, None, &[]).unwrap(), level, ..Options::default() };
        let ir = compile_observed(text.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
        String::from_utf8(ir).unwrap().matches("call ptr asm \"\"").count()
    }

    #[test]
    fn accesses_far_from_the_base_share_an_anchor() {
        let arrays = "(i32.store offset=66000 (i32.shl (local.get $p) (i32.const 2)) (local.get $q))
            (i32.store offset=66104 (local.get $q) (local.get $p))
            (i32.load offset=66120 (i32.shl (local.get $q) (i32.const 2)))";
        let variables = "(i32.store (i32.const 66000) (local.get $p)) (i32.store8 (i32.const 66101) (local.get $q))
            (i32.load (i32.const 66100))";
        for target in
            ["x86_64-linux", "aarch64-linux", "armv7-linux", "thumbv7em-none", "riscv64-linux", "riscv32imac-none"]
        {
            assert_eq!([arrays, variables].map(|body| anchors(target, OptLevel::Os, body)), [1, 1], "{target}");
            let for_speed = ["armv7-linux", "thumbv7em-none", "riscv64-linux"].contains(&target);
            assert_eq!(anchors(target, OptLevel::O2, arrays), usize::from(for_speed), "{target}");
        }
    }

    #[test]
    fn there_is_none_for_one_access_or_for_near_ones() {
        let one = "(i32.load offset=66000 (local.get $p))";
        let near =
            "(i32.store offset=40 (local.get $p) (local.get $q)) (i32.store offset=44 (local.get $q) (local.get $p))
            (i32.load offset=48 (local.get $q))";
        let apart = "(i32.store offset=66000 (local.get $p) (local.get $q)) (i32.load offset=99000 (local.get $q))";
        for target in ["x86_64-linux", "aarch64-linux", "thumbv7em-none", "riscv64-linux"] {
            assert_eq!([one, near, apart].map(|body| anchors(target, OptLevel::Os, body)), [0; 3], "{target}");
        }
    }
}
