//! What becomes of each vector instruction.

mod instructions;

use instructions::Instruction;
use wasmc::{OptLevel, Options, Target};

fn module(instructions: &[Instruction], in_registers: bool) -> String {
    let mut text = String::from("(module (memory 1 1)\n");
    for instruction in instructions {
        let mut params = String::new();
        let mut operands = Vec::new();
        let mut next = 0;
        for (index, ty) in instruction.params.iter().enumerate() {
            if index == 0 && instruction.is_memory() {
                operands.push("(i32.const 0)".into());
            } else if ["shl", "shr_s", "shr_u"].iter().any(|op| instruction.name.ends_with(op)) && index == 1 {
                operands.push("(i32.const 3)".into());
            } else if *ty == "v128" && !in_registers {
                operands.push(format!("(v128.load offset={} (i32.const 0))", 64 + 16 * index));
            } else {
                params += &format!("(param {ty})");
                operands.push(format!("(local.get {next})"));
                next += 1;
            }
        }
        let mut body = instruction.text(&operands);
        let mut result = instruction.result.map(|ty| format!("(result {ty})")).unwrap_or_default();
        if instruction.result == Some("v128") && !in_registers {
            body = format!("(v128.store (i32.const 0) {body})");
            result.clear();
        }
        text += &format!("  (func (export {:?}) {params} {result} {body})\n", instruction.name);
    }
    text + ")"
}

#[test]
fn every_target_has_code_for_every_instruction() {
    let instructions: Vec<_> = instructions::all();
    let module = module(&instructions, true);
    for row in wasmc::target::TARGETS {
        for level in [OptLevel::O0, OptLevel::O3] {
            let target = Target::new(row.name, None, &[]).unwrap();
            let options = Options { target, memory: row.memory_models[0], level, ..Options::default() };
            wasmc::compile(module.as_bytes(), &options)
                .unwrap_or_else(|error| panic!("{} {level:?}: {error}", row.name));
        }
    }
}
