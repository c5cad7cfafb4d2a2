//! Each kind of relocation at the limits of its field, written by us and by lld; and one past them.

use super::*;
use crate::link::machine::{Relocation, Value};
use crate::link::relocate::{addend, patch};
use crate::target::TARGETS;
use object::read::{Object as _, ObjectSection as _};

/// What lld does about what does not fit.
#[derive(Clone, Copy, PartialEq)]
enum Past {
    /// Refuses it, as we do.
    Refused,
    /// Something else: a veneer, or nothing, where the psABI does not ask for a check.
    Other,
}
use Past::{Other, Refused};

/// A kind of relocation and an instruction or data that has it, of symbol `target`.
type Case = (&'static str, &'static str, Past);

const AARCH64: &[Case] = &[
    ("R_AARCH64_CALL26", "bl target", Other),
    ("R_AARCH64_JUMP26", "b target", Other),
    ("R_AARCH64_CONDBR19", "b.eq target", Refused),
    ("R_AARCH64_CONDBR19", "cbnz x9, target", Refused),
    ("R_AARCH64_TSTBR14", "tbz x1, #33, target", Refused),
    ("R_AARCH64_ADR_PREL_LO21", "adr x30, target", Refused),
    ("R_AARCH64_ADR_PREL_PG_HI21", "adrp x1, target", Refused),
    ("R_AARCH64_LD_PREL_LO19", "ldr x17, target", Refused),
    ("R_AARCH64_ADD_ABS_LO12_NC", "add x1, x2, :lo12:target", Other),
    ("R_AARCH64_LDST8_ABS_LO12_NC", "ldrb w1, [x2, :lo12:target]", Other),
    ("R_AARCH64_LDST16_ABS_LO12_NC", "strh w1, [x2, :lo12:target]", Other),
    ("R_AARCH64_LDST32_ABS_LO12_NC", "ldr s1, [x2, :lo12:target]", Other),
    ("R_AARCH64_LDST64_ABS_LO12_NC", "str x1, [x2, :lo12:target]", Other),
    ("R_AARCH64_LDST128_ABS_LO12_NC", "ldr q1, [x2, :lo12:target]", Other),
    ("R_AARCH64_PREL64", ".xword target - .", Other),
    ("R_AARCH64_PREL32", ".word target - .", Refused),
    ("R_AARCH64_PREL16", ".hword target - .", Refused),
];

const RISCV: &[Case] = &[
    ("R_RISCV_CALL_PLT", "call target", Refused),
    ("R_RISCV_CALL", ".reloc ., R_RISCV_CALL, target\nauipc t1, 0\njalr zero, 0(t1)", Refused),
    ("R_RISCV_PCREL_HI20", "auipc a1, %pcrel_hi(target)", Refused),
    ("R_RISCV_JAL", "jal ra, target", Refused),
    ("R_RISCV_BRANCH", "bne a1, a2, target", Refused),
    ("R_RISCV_RVC_JUMP", "c.j target", Refused),
    ("R_RISCV_RVC_BRANCH", "c.bnez a1, target", Refused),
    ("R_RISCV_32_PCREL", ".reloc ., R_RISCV_32_PCREL, target\n.word 0", Other),
    ("R_RISCV_ADD8", ".reloc ., R_RISCV_ADD8, target\n.byte 0x85", Other),
    ("R_RISCV_ADD16", ".reloc ., R_RISCV_ADD16, target\n.half 0x8765", Other),
    ("R_RISCV_ADD32", ".reloc ., R_RISCV_ADD32, target\n.word 0x87654321", Other),
    ("R_RISCV_ADD64", ".reloc ., R_RISCV_ADD64, target\n.quad 0x8765432187654321", Other),
    ("R_RISCV_SUB6", ".reloc ., R_RISCV_SUB6, target\n.byte 0x65", Other),
    ("R_RISCV_SUB8", ".reloc ., R_RISCV_SUB8, target\n.byte 0x65", Other),
    ("R_RISCV_SUB16", ".reloc ., R_RISCV_SUB16, target\n.half 0x8765", Other),
    ("R_RISCV_SUB32", ".reloc ., R_RISCV_SUB32, target\n.word 0x87654321", Other),
    ("R_RISCV_SUB64", ".reloc ., R_RISCV_SUB64, target\n.quad 0x8765432187654321", Other),
    ("R_RISCV_SET6", ".reloc ., R_RISCV_SET6, target\n.byte 0xC5", Other),
    ("R_RISCV_SET8", ".reloc ., R_RISCV_SET8, target\n.byte 5", Other),
    ("R_RISCV_SET16", ".reloc ., R_RISCV_SET16, target\n.half 5", Other),
    ("R_RISCV_SET32", ".reloc ., R_RISCV_SET32, target\n.word 5", Other),
];

const A32: &[Case] = &[
    ("R_ARM_CALL", "bl target", Other),
    ("R_ARM_JUMP24", "b target", Other),
    ("R_ARM_JUMP24", "bleq target", Other),
    ("R_ARM_MOVW_PREL_NC", "movw r9, :lower16:(target - .)", Other),
    ("R_ARM_MOVT_PREL", "movt r9, :upper16:(target - .)", Other),
    ("R_ARM_REL32", ".word target - .", Other),
    ("R_ARM_REL32", ".word target - . - 20", Other),
];

const T32: &[Case] = &[
    ("R_ARM_THM_CALL", "bl target", Other),
    ("R_ARM_THM_JUMP24", "b.w target", Other),
    ("R_ARM_THM_JUMP19", "bls.w target", Other),
    ("R_ARM_THM_JUMP11", ".reloc ., R_ARM_THM_JUMP11, target\n.hword 0xE7FE", Refused),
    ("R_ARM_THM_JUMP8", ".reloc ., R_ARM_THM_JUMP8, target\n.hword 0xD0FE", Refused),
    ("R_ARM_THM_MOVW_PREL_NC", "movw r9, :lower16:(target - .)", Other),
    ("R_ARM_THM_MOVT_PREL", "movt r9, :upper16:(target - .)", Other),
    ("R_ARM_REL32", ".word target - .", Other),
];

#[test]
fn fields_at_their_limits_are_as_lld_writes_them() {
    for (target, cases) in
        [("aarch64-linux", AARCH64), ("riscv64-linux", RISCV), ("armv7-linux", A32), ("thumbv7-linux", T32)]
    {
        let target = TARGETS.iter().find(|row| row.name == target).unwrap();
        let machine = Machine::of(target);
        for (name, asm, past) in cases {
            let row = machine.code.relocations.iter().find(|row| row.name == *name).unwrap();
            let fields = Fields { target, machine: &machine, row, asm };
            fields.check_inside();
            fields.check_past(*past);
        }
    }
}

/// Fields of one kind.
struct Fields<'a> {
    target: &'a TargetRow,
    machine: &'a Machine,
    row: &'static Relocation,
    asm: &'a str,
}

/// Distance of the fields from one another, bytes.
const STEP: usize = 16;

impl Fields<'_> {
    /// Where the first field is: as far from both ends of the address space as addresses allow.
    fn place(&self) -> i64 {
        if self.machine.pointer_len == 8 { 1 << 40 } else { 1 << 31 }
    }

    /// Values of the row, its limits among them.
    fn values(&self) -> Vec<i64> {
        let (from, to, step) = (*self.row.field.range.start(), *self.row.field.range.end(), self.row.field.multiple);
        let is_sum = self.row.value == Value::Term;
        // What a symbol's address can be, for fields that could hold more.
        let reach = if is_sum || self.machine.pointer_len == 4 { (1 << 31) - (1 << 16) } else { 1 << 39 };
        let (from, to) = (if is_sum { 0 } else { from.max(-reach) }, to.min(reach));
        let some = [0, step, 0x5A5A_5A5A / step * step, 0x0012_3456 / step * step, to / 3 / step * step];
        let some = some.into_iter().flat_map(|value| [value, -value]).chain([from, from + step, to, to - step]);
        some.filter(|value| (from..=to).contains(value) && value % step == 0).collect()
    }

    /// An object with a field for each value.
    fn object(&self, count: usize) -> Vec<u8> {
        let mut asm = String::from(".section .text,\"ax\"\n.p2align 4\n");
        asm.push_str(match self.target.arch {
            Arch::Riscv => ".option exact\n",
            // Before it, branches of T32 are shorter in lld's eyes.
            Arch::Arm => ".arch armv7-a\n",
            _ => "",
        });
        for index in 0..count {
            asm.push_str(&self.asm.replace("target", &format!("target{index}")));
            asm.push_str(&format!("\n.balign {STEP}, 0\n"));
        }
        let triple = format!("-triple={}", self.target.triple);
        let features = if self.target.arch == Arch::Riscv { "-mattr=+c" } else { "-mattr=" };
        let object = tool("llvm-mc", &[&triple, features, "-filetype=obj", "-o", "-"], &asm);
        object.unwrap_or_else(|| panic!("llvm-mc refuses {asm}"))
    }

    /// What lld makes of it, if the relocations have these values.
    fn lld(&self, object: &[u8], values: &[i64]) -> Option<Vec<u8>> {
        let files = [object.to_vec()];
        let section = &read::objects(&files, self.machine).unwrap()[0].sections[0];
        let addend = addend(self.row, section.bytes, &section.relocations[0]).unwrap();
        let file = |name| std::env::temp_dir().join(format!("wasmc-field-{}.{name}", std::process::id()));
        let (input, output) = (file("o"), file("out"));
        std::fs::write(&input, object).unwrap();
        let mut args = vec!["--no-relax".into(), "-e0".into(), format!("-Ttext={:#x}", self.place())];
        for (index, value) in values.iter().enumerate() {
            let p = self.place() + (index * STEP) as i64;
            let symbol = match self.row.value {
                Value::Relative(_) => p + value - addend,
                Value::Branch => p + value - addend + i64::from(self.machine.code_pointer_bit),
                Value::Page(_) => (p & -4096) + value + 0x123,
                Value::InPage(_) => self.place() + value,
                Value::Term => *value,
                other => panic!("{other:?}"),
            };
            args.push(format!("--defsym=target{index}={symbol:#x}"));
        }
        args.extend(["-o".into(), output.to_str().unwrap().into(), input.to_str().unwrap().into()]);
        tool("ld.lld", &args.iter().map(String::as_str).collect::<Vec<_>>(), "")?;
        let file = std::fs::read(&output).unwrap();
        [input, output].iter().for_each(|path| std::fs::remove_file(path).unwrap());
        let file = object::File::parse(&file[..]).unwrap();
        Some(file.section_by_name(".text").unwrap().data().unwrap().to_vec())
    }

    fn check_inside(&self) {
        let values = self.values();
        let files = [self.object(values.len())];
        let objects = read::objects(&files, self.machine).unwrap();
        let section = &objects[0].sections[0];
        let mut ours = section.bytes.to_vec();
        assert_eq!(section.relocations.len(), values.len(), "{}", self.asm);
        for ((index, relocation), value) in section.relocations.iter().enumerate().zip(&values) {
            assert_eq!(
                (relocation.offset as usize, relocation.number),
                (index * STEP, self.row.number),
                "{}",
                self.asm
            );
            patch(self.row, &mut ours, relocation.offset, (*value).into()).unwrap();
        }
        let theirs = self.lld(&files[0], &values);
        let theirs = theirs.unwrap_or_else(|| panic!("lld refuses some of {values:x?}: {}", self.asm));
        for ((value, ours), theirs) in values.iter().zip(ours.chunks(STEP)).zip(theirs.chunks(STEP)) {
            assert_eq!(theirs, ours, "{value:#x}: {} {}", self.target.name, self.asm);
        }
    }

    fn check_past(&self, past: Past) {
        let (range, step) = (&self.row.field.range, self.row.field.multiple);
        let patched = |value: i128| patch(self.row, &mut [0; STEP], 0, value);
        for value in [i128::from(*range.start()) - i128::from(step), i128::from(*range.end()) + i128::from(step)] {
            let message = patched(value).unwrap_err();
            assert!(message.contains(self.row.name) && message.contains("does not fit"), "{message}");
            if past == Refused {
                let taken = self.lld(&self.object(1), &[value as i64]);
                assert!(taken.is_none(), "lld takes {value:#x}: {}", self.asm);
            }
        }
        if step > 1 {
            assert!(patched(i128::from(*range.start()) + 1).unwrap_err().contains("multiple"));
        }
    }
}

#[test]
fn numbers_of_variable_length_are_changed_in_place() {
    let machine = Machine::of(TARGETS.iter().find(|row| row.name == "riscv64-linux").unwrap());
    let row = |number| machine.relocation(number).unwrap();
    let (set, sub) = (row(object::elf::R_RISCV_SET_ULEB128.0), row(object::elf::R_RISCV_SUB_ULEB128.0));
    let mut bytes = [0x80, 0x80, 0x00, 0xFF];
    patch(set, &mut bytes, 0, 0x12345).unwrap();
    assert_eq!(bytes, [0xC5, 0xC6, 0x04, 0xFF]);
    patch(sub, &mut bytes, 0, 0x12301).unwrap();
    assert_eq!(bytes, [0xC4, 0x80, 0x00, 0xFF]);
}
