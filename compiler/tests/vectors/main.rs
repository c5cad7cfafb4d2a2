//! What becomes of each vector instruction: code on every target, and as few machine instructions as there can be.

mod instructions;
mod reasons;
mod table;

use instructions::Instruction;
use std::path::Path;
use wasmc::{OptLevel, Options, Target};

const START: &str = "<!-- generated: BLESS=1 cargo test -p wasmc --test vectors -->\n";
const END: &str = "<!-- end -->";

/// A function for each instruction. Shifts are by a constant, as they nearly always are.
fn module(instructions: &[Instruction], in_registers: bool) -> String {
    let mut text = String::from("(module (memory 1 1)\n");
    for instruction in instructions {
        let mut params = String::new();
        let mut operands = Vec::new();
        let mut next = 0;
        let is_shift = ["shl", "shr_s", "shr_u"].iter().any(|shift| instruction.name.ends_with(shift));
        for (index, ty) in instruction.params.iter().enumerate() {
            if index == 0 && instruction.is_memory() {
                operands.push("(i32.const 0)".into());
            } else if is_shift && index == 1 {
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
    let module = module(&instructions::all(), true);
    for row in wasmc::target::TARGETS {
        for level in [OptLevel::O0, OptLevel::O3] {
            let target = Target::new(row.name, None, &[]).unwrap();
            let options = Options { target, memory: row.memory_models[0], level, ..Options::default() };
            wasmc::compile(module.as_bytes(), &options)
                .unwrap_or_else(|error| panic!("{} {level:?}: {error}", row.name));
        }
    }
}

/// The page is what LLVM makes of them now; a longer row on x86-64-v3 or AArch64 has a reason.
#[test]
fn the_page_says_what_each_instruction_becomes() {
    let (wanted, missing) = table::page();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/vector-instructions.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(START).expect("the page has a place for the table");
    let (found, after) = rest.split_once(END).expect("the table has an end");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, [before, START, &wanted, END, after].concat()).unwrap();
    } else {
        let first = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
        assert!(found == wanted, "the page differs from the code; BLESS=1 rewrites it: {first:?}");
    }
    assert!(missing.is_empty(), "no reason is given for:\n{}", missing.join("\n"));
}
