//! x86-64. Source: System V psABI for x86-64, "Relocation Types"; the names below are its own.

use super::machine::{Code, Field, Relocation, Value};
use object::elf;

pub static CODE: Code = Code {
    relocations: &[
        row(elf::R_X86_64_PC32, "R_X86_64_PC32", Value::Relative, &SIGNED_32),
        // The linker may put a procedure linkage table in between, but there is none: L is S.
        row(elf::R_X86_64_PLT32, "R_X86_64_PLT32", Value::Relative, &SIGNED_32),
        row(elf::R_X86_64_64, "R_X86_64_64", Value::Pointer, &WORD_64),
        row(elf::R_X86_64_PC64, "R_X86_64_PC64", Value::Relative, &WORD_64),
        row(elf::R_X86_64_GOTPCREL, "R_X86_64_GOTPCREL", Value::Slot, &SIGNED_32),
        row(elf::R_X86_64_GOTPCRELX, "R_X86_64_GOTPCRELX", Value::Slot, &SIGNED_32),
        row(elf::R_X86_64_REX_GOTPCRELX, "R_X86_64_REX_GOTPCRELX", Value::Slot, &SIGNED_32),
        row(elf::R_X86_64_32, "R_X86_64_32", Value::Absolute, &UNSIGNED_32),
        row(elf::R_X86_64_32S, "R_X86_64_32S", Value::Absolute, &SIGNED_32),
    ],
    relax_slot_load,
    stub,
    stub_len: 16,
    fill: INT3,
    // Every field is relative and 32 bits wide.
    text_limit: 1 << 31,
    // psABI, "DWARF Register Number Mapping": 7 is %rsp.
    stack_pointer: gimli::Register(7),
    entry_cfa_offset: 8,
};

const fn row(number: elf::RelocationType, name: &'static str, value: Value, field: &'static Field) -> Relocation {
    Relocation { number: number.0, name, value, field }
}

static SIGNED_32: Field = Field { len: 4, range: i32::MIN as i64..=i32::MAX as i64, write: write_32 };
static UNSIGNED_32: Field = Field { len: 4, range: 0..=u32::MAX as i64, write: write_32 };
static WORD_64: Field = Field { len: 8, range: i64::MIN..=i64::MAX, write: write_64 };

const INT3: u8 = 0xCC;

fn write_32(field: &mut [u8], value: i64) {
    field.copy_from_slice(&(value as u32).to_le_bytes());
}

fn write_64(field: &mut [u8], value: i64) {
    field.copy_from_slice(&value.to_le_bytes());
}

/// `mov foo@GOTPCREL(%rip), %reg` → `lea foo(%rip), %reg`: the same length, ModRM and prefix
/// (psABI, "Optimize GOTPCRELX Relocations"). `field` is the displacement.
fn relax_slot_load(code: &mut [u8], field: usize) -> bool {
    const MOV_LOAD: u8 = 0x8B;
    const LEA: u8 = 0x8D;
    /// Of ModRM, all but the register: mod 0, r/m 5 is a displacement from %rip.
    const MODRM_MASK: u8 = 0xC7;
    const MODRM_RIP: u8 = 0x05;
    let Some(opcode) = field.checked_sub(2) else { return false };
    if code[opcode] != MOV_LOAD || code[opcode + 1] & MODRM_MASK != MODRM_RIP {
        return false;
    }
    code[opcode] = LEA;
    true
}

/// `jmp *slot(%rip)`.
fn stub(place: u32, slot: u32) -> Vec<u8> {
    const LEN: u32 = 6;
    let displacement = slot.wrapping_sub(place + LEN);
    [&[0xFF, 0x25], &displacement.to_le_bytes()[..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slot_loads_become_address_computations_and_other_instructions_do_not() {
        // mov 0x0(%rip),%rax
        let mut load = [0x48, 0x8B, 0x05, 0, 0, 0, 0];
        assert!(relax_slot_load(&mut load, 3));
        assert_eq!(load, [0x48, 0x8D, 0x05, 0, 0, 0, 0]);
        // mov 0x0(%rip),%r15
        let mut load = [0x4C, 0x8B, 0x3D, 0, 0, 0, 0];
        assert!(relax_slot_load(&mut load, 3));
        // call *0x0(%rip); cmp 0x0(%rip),%rax; mov 0x0(%rax),%rax
        for other in [&[0xFF, 0x15, 0, 0, 0, 0][..], &[0x48, 0x3B, 0x05, 0, 0, 0, 0], &[0x48, 0x8B, 0x80, 0, 0, 0, 0]] {
            let mut code = other.to_vec();
            let field = code.len() - 4;
            assert!(!relax_slot_load(&mut code, field), "{other:x?}");
            assert_eq!(code, other);
        }
        assert!(!relax_slot_load(&mut [0, 0, 0, 0, 0], 1));
    }

    #[test]
    fn a_stub_jumps_through_its_slot() {
        // Behind and before the stub; the displacement counts from the instruction's end.
        assert_eq!(stub(0x100, 0x206), [0xFF, 0x25, 0, 1, 0, 0]);
        assert_eq!(stub(0x100, 0x100), [0xFF, 0x25, 0xFA, 0xFF, 0xFF, 0xFF]);
    }
}
