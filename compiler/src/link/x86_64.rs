//! x86-64. Source: System V psABI for x86-64, "Relocation Types"; the names below are its own.

use super::machine::{Base, Code, Jump, RELATIVE, Relocation, SIGNED_32, UNSIGNED_32, Value, WORD_64, row};
use object::elf::*;
use wasmc_abi::Frame;

pub static CODE: Code = Code {
    relocations: RELOCATIONS,
    relax_slot_load: Some(relax_slot_load),
    stub: Jump { len: 16, code: stub },
    // Every field is relative and 32 bits wide.
    veneer: None,
    fill: &[INT3],
    // psABI, "DWARF Register Number Mapping": 7 is %rsp, 16 the return address.
    stack_pointer: gimli::Register(7),
    return_address: gimli::Register(16),
    entry_frame: Frame { cfa_offset: 8, return_address: Some(8) },
};

static RELOCATIONS: &[Relocation] = &[
    row(R_X86_64_PC32, "R_X86_64_PC32", RELATIVE, &SIGNED_32),
    // The linker may put a procedure linkage table in between, but there is none: L is S.
    row(R_X86_64_PLT32, "R_X86_64_PLT32", RELATIVE, &SIGNED_32),
    row(R_X86_64_64, "R_X86_64_64", Value::Pointer, &WORD_64),
    row(R_X86_64_PC64, "R_X86_64_PC64", RELATIVE, &WORD_64),
    row(R_X86_64_GOTPCREL, "R_X86_64_GOTPCREL", SLOT, &SIGNED_32),
    row(R_X86_64_GOTPCRELX, "R_X86_64_GOTPCRELX", SLOT, &SIGNED_32),
    row(R_X86_64_REX_GOTPCRELX, "R_X86_64_REX_GOTPCRELX", SLOT, &SIGNED_32),
    row(R_X86_64_32, "R_X86_64_32", Value::Absolute, &UNSIGNED_32),
    row(R_X86_64_32S, "R_X86_64_32S", Value::Absolute, &SIGNED_32),
];

const SLOT: Value = Value::Relative(Base::Slot);

const INT3: u8 = 0xCC;

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
