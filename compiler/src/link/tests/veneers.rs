//! Veneers: that they are where a branch reaches them, lead where it wants to go, and are as few as
//! possible.

use super::*;
use crate::link::machine::Value;
use crate::link::read::{NO_SYMBOL, Object, ObjectSymbol, Section, SectionKind, SectionRelocation, SymbolPlace};
use crate::target::TARGETS;
use object::elf;

/// How code of a machine that has veneers is written in these tests.
struct Kind {
    target: &'static str,
    call: elf::RelocationType,
    /// A call of the place where it is.
    code: [u8; 4],
    /// A branch that reaches less far.
    short: elf::RelocationType,
    short_code: [u8; 4],
    /// The veneer's code, but for the distance: what it gives to the last instruction.
    asm: &'static str,
}

const KINDS: &[Kind] = &[
    Kind {
        target: "aarch64-linux",
        call: elf::R_AARCH64_CALL26,
        code: 0x9400_0000u32.to_le_bytes(),
        short: elf::R_AARCH64_CONDBR19,
        short_code: 0x5400_0001u32.to_le_bytes(),
        asm: "adrp x16, #0x1234000\nadd x16, x16, #0x678\nbr x16",
    },
    Kind {
        target: "armv7-linux",
        call: elf::R_ARM_CALL,
        code: 0xEBFF_FFFEu32.to_le_bytes(),
        short: elf::R_ARM_JUMP24,
        short_code: 0x1AFF_FFFEu32.to_le_bytes(),
        asm: "movw ip, #0x4668\nmovt ip, #0x123\nadd pc, pc, ip",
    },
    Kind {
        target: "thumbv7-linux",
        call: elf::R_ARM_THM_PC22,
        code: [0xFF, 0xF7, 0xFE, 0xFF],
        short: elf::R_ARM_THM_JUMP19,
        short_code: [0x7F, 0xF4, 0xFE, 0xAF],
        asm: "movw ip, #0x466c\nmovt ip, #0x123\nadd pc, ip",
    },
    Kind {
        target: "riscv64-linux",
        call: elf::R_RISCV_JAL,
        code: 0x0000_00EFu32.to_le_bytes(),
        short: elf::R_RISCV_JAL,
        short_code: 0x0000_006Fu32.to_le_bytes(),
        asm: "auipc t1, 0x1234\njr 0x678(t1)",
    },
];

impl Kind {
    fn machine(&self) -> Machine {
        Machine::of(TARGETS.iter().find(|row| row.name == self.target).unwrap())
    }
}

/// Where the branch leads that stands at `place`.
fn follow(machine: &Machine, number: elf::RelocationType, text: &Segment, place: u32) -> u32 {
    let code = &text.bytes[(place - text.offset) as usize..];
    let row = machine.relocation(number.0).unwrap();
    let bias = machine.code.veneer.as_ref().unwrap().branch_bias;
    let distance = match row.field.addend {
        Some(read) => read(code) + bias,
        None if machine.arch == Arch::Riscv => {
            let code = u32::from_le_bytes(*code.first_chunk().unwrap());
            let high = (code as i32 >> 31 << 20) as u32 | code & 0xF_F000;
            i64::from((high | code >> 9 & 0x800 | code >> 20 & 0x7FE) as i32)
        }
        None => {
            let code = i64::from(u32::from_le_bytes(*code.first_chunk().unwrap()));
            let bits = row.field.range.end().ilog2();
            let field = if bits == 26 { code << 38 >> 38 } else { code >> 5 << 45 >> 45 };
            field * 4
        }
    };
    (i64::from(place) + distance) as u32
}

/// Functions in a section each: `lens` bytes long, with the given branches of others in front.
fn object<'a>(zeros: &'a [u8], code: &'a [Vec<u8>], functions: &[(usize, Vec<SectionRelocation>)]) -> Object<'a> {
    let section =
        |bytes, relocations| Section { name: ".text.x", kind: SectionKind::Text, bytes, align: 4, relocations };
    let mut object = Object { symbols: vec![NO_SYMBOL], ..Object::default() };
    for ((len, relocations), code) in functions.iter().zip(code) {
        let bytes = if relocations.is_empty() { &zeros[..*len] } else { code };
        let place = SymbolPlace::Section(object.sections.len() as u32, 0);
        let name = ["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"][object.sections.len()];
        object.symbols.push(ObjectSymbol { name, place, is_function: true, is_global: true, ..NO_SYMBOL });
        object.sections.push(section(bytes, relocations.clone()));
    }
    object
}

fn branch(number: elf::RelocationType, offset: u32, symbol: u32, addend: Option<i64>) -> SectionRelocation {
    SectionRelocation { offset, number: number.0, symbol, addend }
}

#[test]
fn what_a_branch_does_not_reach_it_reaches_through_a_veneer() {
    for kind in KINDS {
        let machine = &kind.machine();
        let reach = *machine.relocation(kind.call.0).unwrap().field.range.end() as usize;
        let addend = machine.relocation(kind.call.0).unwrap().field.addend.is_none().then_some(0);
        let call = |offset, symbol| branch(kind.call, offset, symbol, addend);
        let zeros = vec![0; reach];
        // f0 and f1 call f3, which is too far away, and each other; f3 calls f0 and jumps to it.
        let functions = [
            (0, vec![call(0, 4), branch(kind.short, 4, 4, addend), call(8, 2)]),
            (0, vec![call(0, 4), call(4, 1), call(8, 4)]),
            (reach, vec![]),
            (0, vec![call(0, 1), branch(kind.short, 4, 1, addend), call(8, 4)]),
        ];
        let code = functions.iter().map(|(_, relocations)| {
            let codes = relocations.iter().map(|r| if r.number == kind.call.0 { kind.code } else { kind.short_code });
            codes.flatten().collect::<Vec<u8>>()
        });
        let code: Vec<_> = code.collect();
        let objects = &[object(&zeros, &code, &functions)];
        let layout = &Layout::new(objects, machine).unwrap();
        let linked = Relocator { objects, layout, machine }.relocate().unwrap();
        let symbols = layout.symbols(objects, machine);
        let place = |name: &str| symbols.iter().find(|s| s.name == name).unwrap().offset;
        let veneers = |name: &str| symbols.iter().filter(|s| s.name == name).map(|s| s.offset).collect::<Vec<_>>();
        for (function, relocations) in functions.iter().enumerate().map(|(i, (_, relocations))| (i, relocations)) {
            for relocation in relocations {
                let to = place(["f0", "f1", "f2", "f3"][relocation.symbol as usize - 1]);
                let from = place(["f0", "f1", "f2", "f3"][function]) + relocation.offset;
                let at = follow(machine, elf::RelocationType(relocation.number), &linked.text, from);
                if at == to {
                    continue;
                }
                let name = format!("f{}.veneer", relocation.symbol - 1);
                assert!(veneers(&name).contains(&at), "{}: f{function} at {}", kind.target, relocation.offset);
                let expected = (machine.code.veneer.as_ref().unwrap().jump.code)(at, to);
                let found = &linked.text.bytes[(at - linked.text.offset) as usize..][..expected.len()];
                assert_eq!(found, expected, "{}", kind.target);
            }
        }
        // f0 and f1 share one, the short branch may have one of its own.
        let short = machine.relocation(kind.short.0).unwrap().field.range.end();
        let own = usize::from((*short as usize) < reach / 2);
        assert_eq!((veneers("f3.veneer").len(), veneers("f0.veneer").len()), (1 + own, 1), "{}", kind.target);
        assert!(veneers("f1.veneer").is_empty());
    }
}

#[test]
fn near_code_has_no_veneers() {
    for kind in KINDS {
        let machine = &kind.machine();
        let addend = machine.relocation(kind.call.0).unwrap().field.addend.is_none().then_some(0);
        let zeros = vec![0; *machine.relocation(kind.call.0).unwrap().field.range.end() as usize / 4];
        let functions = [(0, vec![branch(kind.call, 0, 3, addend)]), (zeros.len(), vec![]), (4, vec![])];
        let code = [kind.code.to_vec(), vec![], vec![]];
        let objects = &[object(&zeros, &code, &functions)];
        let layout = &Layout::new(objects, machine).unwrap();
        assert_eq!(layout.islands.veneers().count(), 0);
    }
}

#[test]
fn branches_that_reach_no_veneer_are_refused() {
    for kind in KINDS {
        let machine = &kind.machine();
        let row = machine.relocation(kind.call.0).unwrap();
        assert_eq!(row.value, Value::Branch);
        let reach = *row.field.range.end() as usize;
        let addend = row.field.addend.is_none().then_some(0);
        // The call stands at the start of a function that is as long as it reaches.
        let mut long = vec![0; reach + 16];
        long[..4].copy_from_slice(&kind.code);
        let functions = [(0, vec![branch(kind.call, 0, 2, addend)]), (4, vec![])];
        let zeros = [0; 4];
        let code = [long, vec![]];
        let objects = &[object(&zeros, &code, &functions)];
        let layout = &Layout::new(objects, machine).unwrap();
        let message = Relocator { objects, layout, machine }.relocate().unwrap_err().to_string();
        assert!(message.contains("`f1`") && message.contains("does not fit"), "{message}");
    }
}

#[test]
fn veneers_are_the_code_that_they_say() {
    for kind in KINDS {
        let row = TARGETS.iter().find(|row| row.name == kind.target).unwrap();
        let asm = format!(".text\n{}\n", kind.asm);
        let object = tool("llvm-mc", &[&format!("-triple={}", row.triple), "-filetype=obj", "-o", "-"], &asm).unwrap();
        let machine = kind.machine();
        let files = [object];
        let objects = read::objects(&files, &machine).unwrap();
        let code = (machine.code.veneer.as_ref().unwrap().jump.code)(0x1000, 0x123_5678);
        assert_eq!(objects[0].sections[0].bytes, code, "{}", kind.target);
    }
}
