//! Keeps floats out of NEON, whose arithmetic and comparisons on ARM take subnormal numbers for zero whatever FPSCR
//! says. LLVM knows that of arithmetic, and still vectorises loops that compare floats.

use crate::options::Options;
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::builder::{Builder, BuilderError};
use inkwell::module::Module as LlvmModule;
use inkwell::types::AnyTypeEnum;
use inkwell::values::{BasicValueEnum, CallSiteValue, InstructionOpcode, InstructionValue, Operand};
use wasmc_abi::target::Arch;

/// Forbids vectors in every function that computes with floats. An inliner hands that on to the caller.
pub fn keep_floats_scalar(llvm: &LlvmModule<'_>, options: &Options) {
    if options.target.row.arch != Arch::Arm {
        return;
    }
    let kind = Attribute::get_named_enum_kind_id("noimplicitfloat");
    let no_vectors = llvm.get_context().create_enum_attribute(kind, 0);
    for function in llvm.get_functions() {
        if function.get_basic_block_iter().flat_map(|block| block.get_instructions()).any(computes_with_floats) {
            function.add_attribute(AttributeLoc::Function, no_vectors);
        }
    }
}

/// Computes lane by lane what the optimiser has made vectors of, though the module did so lane by lane.
pub fn scalarize_floats(llvm: &LlvmModule<'_>, options: &Options) {
    if options.target.row.arch != Arch::Arm || options.neon_float {
        return;
    }
    let builder = llvm.get_context().create_builder();
    for function in llvm.get_functions() {
        let instructions: Vec<_> = function
            .get_basic_block_iter()
            .flat_map(|block| block.get_instructions())
            .filter(is_vector_float)
            .collect();
        for instruction in instructions {
            builder.position_before(&instruction);
            let lanes = scalarized(&builder, instruction).expect("the builder is positioned");
            instruction.replace_all_uses_with(&lanes);
            instruction.erase_from_basic_block();
        }
    }
}

fn is_vector_float(instruction: &InstructionValue<'_>) -> bool {
    use InstructionOpcode::{FAdd, FCmp, FDiv, FMul, FSub};
    let is_vector = |operand: Operand<'_>| operand.value().is_some_and(|value| value.is_vector_value());
    matches!(instruction.get_opcode(), FAdd | FSub | FMul | FDiv | FCmp)
        && instruction.get_operand(0).is_some_and(is_vector)
}

/// The last of the instructions that do lane by lane what this one does.
fn scalarized<'ctx>(
    builder: &Builder<'ctx>,
    instruction: InstructionValue<'ctx>,
) -> Result<InstructionValue<'ctx>, BuilderError> {
    let operand = |index| instruction.get_operand(index).and_then(Operand::value).expect("it has two");
    let (a, b) = (operand(0).into_vector_value(), operand(1).into_vector_value());
    let index_type = a.get_type().get_context().i32_type();
    let AnyTypeEnum::VectorType(ty) = instruction.get_type() else { unreachable!("its operands are vectors") };
    let mut result = ty.get_poison();
    for lane in 0..ty.get_size() {
        let index = index_type.const_int(lane.into(), false);
        let of = |vector| builder.build_extract_element(vector, index, "").map(BasicValueEnum::into_float_value);
        let (a, b) = (of(a)?, of(b)?);
        let value: BasicValueEnum = match instruction.get_opcode() {
            InstructionOpcode::FAdd => builder.build_float_add(a, b, "")?.into(),
            InstructionOpcode::FSub => builder.build_float_sub(a, b, "")?.into(),
            InstructionOpcode::FMul => builder.build_float_mul(a, b, "")?.into(),
            InstructionOpcode::FDiv => builder.build_float_div(a, b, "")?.into(),
            _ => {
                let predicate = instruction.get_fcmp_predicate().expect("it compares");
                builder.build_float_compare(predicate, a, b, "")?.into()
            }
        };
        result = builder.build_insert_element(result, value, index, "")?;
    }
    Ok(result.as_instruction().expect("not all lanes are constants: LLVM would have folded them"))
}

/// Moving floats about is no matter.
fn computes_with_floats(instruction: InstructionValue<'_>) -> bool {
    use InstructionOpcode::{FAdd, FCmp, FDiv, FMul, FPExt, FPToSI, FPToUI, FPTrunc, FRem, FSub, SIToFP, UIToFP};
    match instruction.get_opcode() {
        FAdd | FSub | FMul | FDiv | FRem | FCmp | FPTrunc | FPExt | FPToSI | FPToUI | SIToFP | UIToFP => true,
        InstructionOpcode::Call => {
            let call = CallSiteValue::try_from(instruction).expect("a call is a call site");
            let ty = call.get_called_fn_type();
            let returns_float = ty.get_return_type().is_some_and(|ty| ty.is_float_type());
            let is_intrinsic =
                call.get_called_fn_value().is_some_and(|f| f.get_name().to_bytes().starts_with(b"llvm."));
            let takes_float = || ty.get_param_types().iter().any(|ty| ty.is_float_type());
            is_intrinsic && (returns_float || takes_float())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Emit, MemoryModel, OptLevel, Options, Target, compile_observed};

    /// Loops over arrays of 4096 elements, element by element; the last by way of a function.
    fn module() -> String {
        let f32_at = |at: u32| format!("(f32.load offset={at} (local.get 0))");
        let (a, b) = (f32_at(0), f32_at(16384));
        let int = |at: u32| format!("(i32.load offset={at} (local.get 0))");
        let bodies = [
            ("f32", format!("(f32.add {a} {b})")),
            ("f32", format!("(f32.add (f32.mul {a} {b}) (f32.const 1.5))")),
            ("f32", format!("(f32.min {a} {b})")),
            ("f32", format!("(f32.sqrt {a})")),
            ("f32", format!("(f32.nearest {a})")),
            ("i32", format!("(f32.lt {a} {b})")),
            ("i32", format!("(i32.trunc_sat_f32_s {a})")),
            ("f32", format!("(f32.convert_i32_s {})", int(0))),
            ("i32", format!("(call $less {a} {b})")),
            ("i32", format!("(i32.add {} {})", int(0), int(16384))),
        ];
        let functions = bodies.iter().enumerate().map(|(index, (ty, body))| {
            format!(
                "(func (export \"{index}\") (local i32) (loop $l ({ty}.store offset=32768 (local.get 0) {body})
                   (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 4))) (i32.const 16384)))))"
            )
        });
        let less = "(func $less (param f32 f32) (result i32) (f32.lt (local.get 0) (local.get 1)))";
        let vectors = ["lt", "eq", "add", "sub", "mul", "div", "min", "pmin"].map(|name| {
            format!(
                "(func (export \"{name}\") (param v128 v128) (result v128)
                   (f32x4.{name} (local.get 0) (local.get 1)))"
            )
        });
        format!("(module (memory 1) {less} {} {})", functions.collect::<String>(), vectors.concat())
    }

    /// The first instruction that computes with a vector of floats: a register q; or d, where elements are of 32 bits.
    fn vector_of_floats(asm: &str) -> Option<&str> {
        asm.lines().find(|line| {
            let mut words = line.split_whitespace();
            let (name, registers) = (words.next().unwrap_or(""), words.collect::<String>());
            let is_vector = |r: &str| r.starts_with('q') || r.starts_with('d');
            name.starts_with('v')
                && name.contains(".f32")
                && !name.contains(".f64")
                && registers.split(',').any(is_vector)
        })
    }

    fn assembly(module: &str, options: &Options) -> String {
        String::from_utf8(compile_observed(module.as_bytes(), options, Emit::Asm, &mut ()).unwrap()).unwrap()
    }

    #[test]
    fn on_request_vectors_of_floats_are_neons() {
        for name in ["armv7-linux", "thumbv7-linux"] {
            let target = Target::new(name, None, &["+neon".into()]).unwrap();
            let memory = MemoryModel::Checked;
            let options = Options { target, level: OptLevel::O3, memory, neon_float: true, ..Options::default() };
            for (operator, instruction) in [("add", "vadd.f32"), ("mul", "vmul.f32"), ("lt", "vcgt.f32")] {
                let body = format!("(f32x4.{operator} (local.get 0) (local.get 1))");
                let module = format!("(module (func (export \"f\") (param v128 v128) (result v128) {body}))");
                let asm = assembly(&module, &options);
                let vector = vector_of_floats(&asm).unwrap_or_else(|| panic!("{name}, {operator}: {asm}"));
                assert!(vector.trim().starts_with(instruction), "{name}: {vector}");
            }
            // Loops of scalars are exact.
            let scalar = "(module (memory 1) (func (export \"f\") (param i32) (loop $l
                (f32.store offset=4096 (local.get 0) (f32.add (f32.load (local.get 0)) (f32.const 0.1)))
                (i32.store offset=8192 (local.get 0) (f32.lt (f32.load (local.get 0)) (f32.const 0.1)))
                (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 4))) (i32.const 4096))))))";
            assert_eq!(vector_of_floats(&assembly(scalar, &options)), None, "{name}");
        }
    }

    #[test]
    fn floats_are_computed_by_the_scalar_unit_and_integers_in_vectors() {
        let module = module();
        for name in ["armv7-linux", "thumbv7-linux"] {
            for cpu in Target::new(name, None, &[]).unwrap().row.cpus {
                let target = Target::new(name, Some(cpu.name), &["+neon".into()]).unwrap();
                let options =
                    Options { target, level: OptLevel::O3, memory: MemoryModel::Checked, ..Options::default() };
                let asm = assembly(&module, &options);
                assert_eq!(vector_of_floats(&asm), None, "{name}, {}", cpu.name);
                assert!(asm.contains("vadd.i32\tq"), "{name}, {}: nothing was vectorised", cpu.name);
            }
        }
    }
}
