//! ARM, 32-bit. Source: ELF for the Arm Architecture, "Relocation"; the names below are its own. Here
//! are the relocations of data, which both instruction set states have, and those of A32 code; those
//! of T32 code are in `thumb.rs`. Addends stand in the fields.

use super::machine::*;
use super::thumb;
use object::elf::*;
use wasmc_abi::Frame;

pub static CODE: Code = Code {
    stub: Jump { len: 16, code: stub },
    veneer: Some(Veneer { jump: Jump { len: 12, code: veneer }, branch_bias: 8 }),
    // udf #0
    fill: &[0xF0, 0x00, 0xF0, 0xE7],
    ..BOTH_STATES
};

/// What both instruction set states have in common.
pub const BOTH_STATES: Code = Code {
    relocations: RELOCATIONS,
    relax_slot_load: None,
    stub: Jump { len: 0, code: stub },
    veneer: None,
    fill: &[],
    // DWARF for the Arm Architecture, "DWARF register names": 13 is SP, 14 LR.
    stack_pointer: gimli::Register(13),
    return_address: gimli::Register(14),
    entry_frame: Frame { cfa_offset: 0, return_address: None },
};

static RELOCATIONS: &[Relocation] = &[
    row(R_ARM_CALL, "R_ARM_CALL", Value::Branch, &IMM24),
    row(R_ARM_THM_PC22, "R_ARM_THM_CALL", Value::Branch, &thumb::IMM25),
    row(R_ARM_REL32, "R_ARM_REL32", RELATIVE, &WORD_32),
    row(R_ARM_MOVW_PREL_NC, "R_ARM_MOVW_PREL_NC", RELATIVE, &MOVW),
    row(R_ARM_MOVT_PREL, "R_ARM_MOVT_PREL", RELATIVE, &MOVT),
    row(R_ARM_THM_MOVW_PREL_NC, "R_ARM_THM_MOVW_PREL_NC", RELATIVE, &thumb::MOVW),
    row(R_ARM_THM_MOVT_PREL, "R_ARM_THM_MOVT_PREL", RELATIVE, &thumb::MOVT),
    row(R_ARM_JUMP24, "R_ARM_JUMP24", Value::Branch, &IMM24),
    row(R_ARM_THM_JUMP24, "R_ARM_THM_JUMP24", Value::Branch, &thumb::IMM25),
    row(R_ARM_THM_JUMP19, "R_ARM_THM_JUMP19", Value::Branch, &thumb::IMM21),
    row(R_ARM_THM_PC11, "R_ARM_THM_JUMP11", Value::Branch, &thumb::IMM12),
    row(R_ARM_THM_PC9, "R_ARM_THM_JUMP8", Value::Branch, &thumb::IMM9),
    row(R_ARM_ABS32, "R_ARM_ABS32", Value::Pointer, &WORD_32),
    row(R_ARM_TARGET1, "R_ARM_TARGET1", Value::Pointer, &WORD_32),
    row(R_ARM_GOT_PREL, "R_ARM_GOT_PREL", Value::Relative(Base::Slot), &WORD_32),
    row(R_ARM_MOVW_ABS_NC, "R_ARM_MOVW_ABS_NC", Value::Absolute, &MOVW),
    row(R_ARM_MOVT_ABS, "R_ARM_MOVT_ABS", Value::Absolute, &MOVT),
    row(R_ARM_THM_MOVW_ABS_NC, "R_ARM_THM_MOVW_ABS_NC", Value::Absolute, &thumb::MOVW),
    row(R_ARM_THM_MOVT_ABS, "R_ARM_THM_MOVT_ABS", Value::Absolute, &thumb::MOVT),
];

/// A word that may be read with sign or without.
static WORD_32: Field = Field {
    range: i32::MIN as i64..=u32::MAX as i64,
    addend: Some(|field| (word(field) as i32).into()),
    ..data(4, write_32)
};

static IMM24: Field = Field {
    addend: Some(|field| (word(field) << 8) as i32 as i64 >> 6),
    ..code(4, 26, 4, |field, value| insert(field, 0x00FF_FFFF, (value >> 2) as u32))
};

/// Half of a distance of 32 bits; the other instruction gets the other half.
static MOVW: Field = half(write_half, read_half);
static MOVT: Field = half(|field, value| write_half(field, value >> 16), read_half);

/// A field that takes 16 of a distance's 32 bits. Its addend has 16 bits with sign.
pub const fn half(write: fn(&mut [u8], i64), addend: fn(&[u8]) -> i64) -> Field {
    Field { range: i32::MIN as i64..=i32::MAX as i64, addend: Some(addend), ..data(4, write) }
}

/// imm4, bits 16 to 19; imm12, bits 0 to 11.
fn write_half(field: &mut [u8], value: i64) {
    let value = value as u32;
    insert(field, 0x000F_0FFF, (value & 0xF000) << 4 | value & 0xFFF);
}

fn read_half(field: &[u8]) -> i64 {
    let word = word(field);
    i64::from((word >> 4 & 0xF000 | word & 0xFFF) as u16 as i16)
}

/// `movw ip, #lo; movt ip, #hi; add ip, pc, ip; ldr pc, [ip]`. The linker may use ip between a call
/// and the routine called (AAPCS32, "Core registers").
fn stub(place: u32, to: u32) -> Vec<u8> {
    const ADD_IP: u32 = 0xE08F_C00C;
    const LDR_PC: u32 = 0xE59C_F000;
    let [low, high] = move_to_ip(place, to);
    words([low, high, ADD_IP, LDR_PC])
}

/// `movw ip, #lo; movt ip, #hi; add pc, pc, ip`.
fn veneer(place: u32, to: u32) -> Vec<u8> {
    const ADD_PC: u32 = 0xE08F_F00C;
    let [low, high] = move_to_ip(place, to);
    words([low, high, ADD_PC])
}

/// Moves to ip the distance from what the third instruction sees as pc.
fn move_to_ip(place: u32, to: u32) -> [u32; 2] {
    const PC: u32 = 8 + 8;
    let distance = i64::from(to) - i64::from(place + PC);
    let [mut low, mut high] = [0xE300_C000u32, 0xE340_C000].map(u32::to_le_bytes);
    write_half(&mut low, distance);
    write_half(&mut high, distance >> 16);
    [low, high].map(u32::from_le_bytes)
}
