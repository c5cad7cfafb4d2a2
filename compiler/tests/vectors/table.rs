//! The machine instructions of each vector instruction, as a page.
//!
//! Counted is what does the work, as it would stand in a loop: not the return, not the load of the memory's base, not
//! a constant that is loaded or made, not a copy of a register. Where functions do not take vectors in registers (ARM,
//! RISC-V), operands come from memory and the result goes there: these loads and stores, their addresses and the
//! setting of the vector length are not counted either.

use crate::instructions::{self, Instruction};
use crate::reasons;
use std::collections::BTreeMap;
use std::fmt::Write;
use wasmc::{Emit, MemoryModel, OptLevel, Options, Target};

/// A column of the table.
pub struct Column {
    /// Its heading.
    pub name: &'static str,
    target: &'static str,
    cpu: Option<&'static str>,
    features: &'static str,
    /// Whether functions take vectors in registers.
    in_registers: bool,
    /// Whether each row of more than one instruction needs a reason.
    pub reviewed: bool,
}

/// Every column.
pub const COLUMNS: [Column; 5] = [
    Column {
        name: "x86-64-v2",
        target: "x86_64-linux",
        cpu: Some("x86-64-v2"),
        features: "",
        in_registers: true,
        reviewed: false,
    },
    Column {
        name: "x86-64-v3",
        target: "x86_64-linux",
        cpu: Some("x86-64-v3"),
        features: "",
        in_registers: true,
        reviewed: true,
    },
    Column { name: "AArch64", target: "aarch64-linux", cpu: None, features: "", in_registers: true, reviewed: true },
    Column {
        name: "ARMv7 with NEON",
        target: "armv7-linux",
        cpu: None,
        features: "+neon",
        in_registers: false,
        reviewed: false,
    },
    Column {
        name: "RV64 with V",
        target: "riscv64-linux",
        cpu: None,
        features: "+v",
        in_registers: false,
        reviewed: false,
    },
];

/// The mnemonics of each instruction, in the order of `instructions`.
pub fn column(column: &Column, instructions: &[Instruction]) -> Vec<Vec<String>> {
    let target = Target::new(column.target, column.cpu, &[column.features.to_string()]).unwrap();
    let options = Options { target, memory: MemoryModel::Checked, level: OptLevel::O2, ..Options::default() };
    let wat = crate::module(instructions, column.in_registers);
    let asm = wasmc::compile_observed(wat.as_bytes(), &options, Emit::Asm, &mut ()).unwrap();
    let asm = String::from_utf8(asm).unwrap();
    let bodies = bodies(&asm);
    let counted = |(index, instruction): (usize, &Instruction)| {
        let lines = bodies.get(&index).expect("each function has code");
        let mut lines: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !is_incidental(line)).collect();
        if !column.in_registers {
            take_transfers(&mut lines, instruction);
        }
        lines.iter().map(|line| line.split_whitespace().next().unwrap().to_string()).collect()
    };
    instructions.iter().enumerate().map(counted).collect()
}

/// The instructions of each function, by its index.
fn bodies(asm: &str) -> BTreeMap<usize, Vec<String>> {
    let mut bodies = BTreeMap::<usize, Vec<String>>::new();
    let mut current = None;
    for line in asm.lines() {
        if let Some((label, _)) = line.split_once(':').filter(|_| !line.starts_with('\t')) {
            let index = label.strip_prefix('f').and_then(|digits| digits.parse().ok());
            current = index.or(current.filter(|_| !label.starts_with(".Lfunc_end")));
        } else if let (Some(index), Some(code)) = (current, line.strip_prefix('\t')) {
            let code = code.split(" # ").next().unwrap_or(code).split("// ").next().unwrap_or(code);
            let code = code.split('@').next().unwrap_or(code).trim();
            if !code.is_empty() && !code.starts_with(['.', '#']) {
                bodies.entry(index).or_default().push(code.replace('\t', " "));
            }
        }
    }
    bodies
}

/// Whether an instruction only returns, addresses memory, makes a constant or copies a register.
fn is_incidental(line: &str) -> bool {
    let (name, operands) = line.split_once(' ').unwrap_or((line, ""));
    let operands: Vec<&str> = operands.split(',').map(str::trim).collect();
    let same = |a: usize, b: usize| operands.get(a).is_some_and(|x| operands.get(b) == Some(x));
    match name.trim_start_matches('v') {
        "retq" | "ret" | "bx" | "adrp" | "movi" | "mvni" | "movw" | "movt" | "lui" | "li" | "auipc" => true,
        "setivli" | "setvli" | "zeroupper" => true,
        // The memory's base, and constants.
        "movq" if line.contains("(%r13)") => true,
        "ldr" if line.contains("[x20") || line.contains("[r10") || operands[0].starts_with('r') => true,
        "ldr" => line.contains(":lo12:"),
        // Constants, and operands passed in memory: nothing else is known to be aligned.
        "ld1.64" => line.contains(":128]"),
        "adr" => line.contains(".LCPI"),
        "ld" => line.contains("(s10)") || line.contains("(s11)"),
        "mov" if name == "mov" => operands.iter().all(|o| o.starts_with('v') && !o.contains('[')),
        "xorps" | "xorpd" | "pxor" => same(0, 1) && operands.len() < 4 && (operands.len() == 2 || same(1, 2)),
        "pcmpeqd" => same(0, 1) && (operands.len() == 2 || same(1, 2)),
        "movaps" | "movapd" | "movdqa" | "movups" | "movdqu" | "broadcastss" | "pbroadcastd" | "movddup"
        | "pbroadcastb" | "pbroadcastw" | "pbroadcastq" | "broadcastsd"
            if line.contains(".LCPI") =>
        {
            true
        }
        "movaps" | "movapd" | "movdqa" => operands.iter().all(|o| o.starts_with("%xmm")),
        "xorl" => same(0, 1),
        _ => false,
    }
}

/// Takes out the loads of operands, the store of the result and the addresses.
fn take_transfers(lines: &mut Vec<&str>, instruction: &Instruction) {
    let name = |line: &str| line.split(' ').next().unwrap_or("").to_string();
    lines.retain(|line| !matches!(name(line).as_str(), "add" | "addi" | "ldr" | "mv" | "vmov.i32" | "vmov.i8"));
    // The memory's base, of RISC-V.
    if let Some(at) = lines.iter().position(|line| name(line) == "ld") {
        lines.remove(at);
    }
    let is_load = |line: &str| ["vld1", "vle", "vl1r", "ld", "vldmia"].iter().any(|load| name(line).starts_with(load));
    let is_store =
        |line: &str| ["vst1", "vse", "vs1r", "sd", "vstmia"].iter().any(|store| name(line).starts_with(store));
    for _ in instruction.params.iter().filter(|ty| **ty == "v128") {
        if let Some(at) = lines.iter().position(|line| is_load(line)) {
            lines.remove(at);
        }
    }
    if instruction.result == Some("v128")
        && let Some(at) = lines.iter().rposition(|line| is_store(line))
    {
        lines.remove(at);
    }
}

/// The page's table, and what is missing in the review.
pub fn page() -> (String, Vec<String>) {
    let instructions = instructions::all();
    let columns: Vec<_> = COLUMNS.iter().map(|c| (c, column(c, &instructions))).collect();
    let mut page = String::from("\n| | one instruction | of |\n|---|---|---|\n");
    for (column, cells) in &columns {
        let single = cells.iter().filter(|cell| cell.len() <= 1).count();
        let percent = 100 * single / cells.len();
        writeln!(page, "| {} | {single} ({percent} %) | {} |", column.name, cells.len()).unwrap();
    }
    page += "\n| instruction |";
    columns.iter().for_each(|(column, _)| write!(page, " {} |", column.name).unwrap());
    page += " why not one |\n|---|";
    page += &"---|".repeat(columns.len() + 1);
    page.push('\n');
    let mut missing = Vec::new();
    for (index, instruction) in instructions.iter().enumerate() {
        write!(page, "| `{}` |", instruction.name).unwrap();
        let mut why = Vec::new();
        for (column, cells) in &columns {
            let cell = &cells[index];
            match cell.as_slice() {
                [] => page += " – |",
                [one] => write!(page, " `{one}` |").unwrap(),
                several if several.len() <= 12 => {
                    write!(page, " {}: `{}` |", several.len(), several.join(" ")).unwrap();
                }
                many => write!(page, " {} |", many.len()).unwrap(),
            }
            if column.reviewed && cell.len() > 1 {
                match reasons::of(column.name, &instruction.name) {
                    Some(reason) => why.push(format!("{}: {reason}", column.name)),
                    None => missing.push(format!("{} on {}: {cell:?}", instruction.name, column.name)),
                }
            }
        }
        writeln!(page, " {} |", why.join("; ")).unwrap();
    }
    (page, missing)
}
