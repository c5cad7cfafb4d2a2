//! AArch64. Source: ELF for the Arm 64-bit Architecture, "Relocation"; the names below are its own.

use super::machine::*;
use object::elf::*;
use wasmc_abi::Frame;

pub static CODE: Code = Code {
    relocations: RELOCATIONS,
    relax_slot_load: None,
    stub: Jump { len: 16, code: stub },
    veneer: Some(Veneer { jump: Jump { len: 16, code: veneer }, branch_bias: 0 }),
    // udf #0
    fill: &[0],
    // DWARF for the Arm 64-bit Architecture, "DWARF register names": 30 is LR, 31 SP.
    stack_pointer: gimli::Register(31),
    return_address: gimli::Register(30),
    entry_frame: Frame { cfa_offset: 0, return_address: None },
};

static RELOCATIONS: &[Relocation] = &[
    row(R_AARCH64_CALL26, "R_AARCH64_CALL26", Value::Branch, &IMM26),
    row(R_AARCH64_ADR_PREL_PG_HI21, "R_AARCH64_ADR_PREL_PG_HI21", PAGE, &ADRP),
    row(R_AARCH64_ADD_ABS_LO12_NC, "R_AARCH64_ADD_ABS_LO12_NC", IN_PAGE, &IMM12),
    row(R_AARCH64_LDST8_ABS_LO12_NC, "R_AARCH64_LDST8_ABS_LO12_NC", IN_PAGE, &IMM12),
    row(R_AARCH64_LDST16_ABS_LO12_NC, "R_AARCH64_LDST16_ABS_LO12_NC", IN_PAGE, &IMM12_16),
    row(R_AARCH64_LDST32_ABS_LO12_NC, "R_AARCH64_LDST32_ABS_LO12_NC", IN_PAGE, &IMM12_32),
    row(R_AARCH64_LDST64_ABS_LO12_NC, "R_AARCH64_LDST64_ABS_LO12_NC", IN_PAGE, &IMM12_64),
    row(R_AARCH64_LDST128_ABS_LO12_NC, "R_AARCH64_LDST128_ABS_LO12_NC", IN_PAGE, &IMM12_128),
    row(R_AARCH64_JUMP26, "R_AARCH64_JUMP26", Value::Branch, &IMM26),
    row(R_AARCH64_CONDBR19, "R_AARCH64_CONDBR19", Value::Branch, &IMM19),
    row(R_AARCH64_TSTBR14, "R_AARCH64_TSTBR14", Value::Branch, &IMM14),
    row(R_AARCH64_ADR_PREL_LO21, "R_AARCH64_ADR_PREL_LO21", RELATIVE, &ADR),
    row(R_AARCH64_LD_PREL_LO19, "R_AARCH64_LD_PREL_LO19", RELATIVE, &IMM19),
    row(R_AARCH64_ADR_GOT_PAGE, "R_AARCH64_ADR_GOT_PAGE", Value::Page(Base::Slot), &ADRP),
    row(R_AARCH64_LD64_GOT_LO12_NC, "R_AARCH64_LD64_GOT_LO12_NC", Value::InPage(Base::Slot), &IMM12_64),
    row(R_AARCH64_PREL64, "R_AARCH64_PREL64", RELATIVE, &WORD_64),
    row(R_AARCH64_PREL32, "R_AARCH64_PREL32", RELATIVE, &WORD_32),
    row(R_AARCH64_PREL16, "R_AARCH64_PREL16", RELATIVE, &SIGNED_16),
    row(R_AARCH64_ABS64, "R_AARCH64_ABS64", Value::Pointer, &WORD_64),
    row(R_AARCH64_ABS32, "R_AARCH64_ABS32", Value::Absolute, &WORD_32),
    row(R_AARCH64_ABS16, "R_AARCH64_ABS16", Value::Absolute, &SIGNED_16),
];

const PAGE: Value = Value::Page(Base::Symbol);
const IN_PAGE: Value = Value::InPage(Base::Symbol);

/// A word that may be read with sign or without.
static WORD_32: Field = Field { range: i32::MIN as i64..=u32::MAX as i64, ..data(4, write_32) };

static IMM26: Field = code(4, 28, 4, |field, value| insert(field, 0x03FF_FFFF, (value >> 2) as u32));
static IMM19: Field = code(4, 21, 4, |field, value| insert(field, 0x7FFFF << 5, (value >> 2 << 5) as u32));
static IMM14: Field = code(4, 16, 4, |field, value| insert(field, 0x3FFF << 5, (value >> 2 << 5) as u32));
static ADR: Field = code(4, 21, 1, write_adr);
static ADRP: Field = code(4, 33, 4096, |field, value| write_adr(field, value >> 12));

/// Offsets in a page, in units of the access's width.
static IMM12: Field = imm12(1, |field, value| insert(field, 0xFFF << 10, (value as u32) << 10));
static IMM12_16: Field = imm12(2, |field, value| insert(field, 0xFFF << 10, (value as u32 >> 1) << 10));
static IMM12_32: Field = imm12(4, |field, value| insert(field, 0xFFF << 10, (value as u32 >> 2) << 10));
static IMM12_64: Field = imm12(8, |field, value| insert(field, 0xFFF << 10, (value as u32 >> 3) << 10));
static IMM12_128: Field = imm12(16, |field, value| insert(field, 0xFFF << 10, (value as u32 >> 4) << 10));

const fn imm12(multiple: i64, write: fn(&mut [u8], i64)) -> Field {
    Field { len: 4, range: 0..=0xFFF, multiple, write, addend: None }
}

/// immlo, bits 29 and 30; immhi, bits 5 to 23.
fn write_adr(field: &mut [u8], value: i64) {
    let value = value as u32;
    insert(field, 0x3 << 29, value << 29);
    insert(field, 0x7FFFF << 5, value >> 2 << 5);
}

/// `adrp x16, to; ldr x16, [x16, #lo12]; br x16`. The linker may use x16 and x17 between a call and
/// the routine called (AAPCS64, "General-purpose registers").
fn stub(place: u32, to: u32) -> Vec<u8> {
    words([adrp_x16(place, to), 0xF940_0210 | (to & 0xFFF) >> 3 << 10, BR_X16])
}

/// `adrp x16, to; add x16, x16, #lo12; br x16`.
fn veneer(place: u32, to: u32) -> Vec<u8> {
    words([adrp_x16(place, to), 0x9100_0210 | (to & 0xFFF) << 10, BR_X16])
}

const BR_X16: u32 = 0xD61F_0200;

fn adrp_x16(place: u32, to: u32) -> u32 {
    let mut code = 0x9000_0010u32.to_le_bytes();
    write_adr(&mut code, i64::from(to >> 12) - i64::from(place >> 12));
    u32::from_le_bytes(code)
}
