//! T32 code of ARM. Source: ELF for the Arm Architecture, "Relocation". A field of 32 bits is two
//! halves of 16, the upper one first.

use super::arm::{BOTH_STATES, half};
use super::machine::*;

pub static CODE: Code = Code {
    stub: Jump { len: 16, code: stub },
    veneer: Some(Veneer { jump: Jump { len: 12, code: veneer }, branch_bias: 4 }),
    // udf #0
    fill: &[0x00, 0xDE],
    ..BOTH_STATES
};

/// `bl` and `b.w`: S, imm10; J1, J2, imm11, where J is not (I xor S).
pub static IMM25: Field = Field { addend: Some(read_imm25), ..code(4, 25, 2, write_imm25) };
/// Conditional `b.w`: S, imm6; J1, J2, imm11.
pub static IMM21: Field = Field { addend: Some(read_imm21), ..code(4, 21, 2, write_imm21) };
/// `b`, 16 bits.
pub static IMM12: Field = Field {
    addend: Some(|field| sign_extend(u32::from(field[1]) << 8 | u32::from(field[0]), 11) << 1),
    ..code(2, 12, 2, |field, value| insert_16(field, 0x7FF, (value >> 1) as u16))
};
/// Conditional `b`, 16 bits.
pub static IMM9: Field = Field {
    addend: Some(|field| sign_extend(field[0].into(), 8) << 1),
    ..code(2, 9, 2, |field, value| insert_16(field, 0xFF, (value >> 1) as u16))
};
/// Half of a distance of 32 bits; the other instruction gets the other half.
pub static MOVW: Field = half(write_half, read_half);
pub static MOVT: Field = half(|field, value| write_half(field, value >> 16), read_half);

/// The instruction of two halves at the start of a field, the upper half first.
fn instruction(field: &[u8]) -> u32 {
    word(field).rotate_left(16)
}

/// Replaces the bits of `mask` in the instruction.
fn replace(field: &mut [u8], mask: u32, bits: u32) {
    insert(field, mask.rotate_left(16), bits.rotate_left(16));
}

fn sign_extend(value: u32, bits: u32) -> i64 {
    i64::from((value << (32 - bits)) as i32 >> (32 - bits))
}

/// Bit `from` of a value as bit `to`.
fn bit(value: u32, from: u32, to: u32) -> u32 {
    (value >> from & 1) << to
}

fn write_imm25(field: &mut [u8], value: i64) {
    let value = value as u32;
    let sign = bit(value, 24, 0);
    let (j1, j2) = (bit(value, 23, 0) ^ sign ^ 1, bit(value, 22, 0) ^ sign ^ 1);
    let imm = sign << 26 | (value >> 12 & 0x3FF) << 16 | j1 << 13 | j2 << 11 | value >> 1 & 0x7FF;
    replace(field, 0x07FF_2FFF, imm);
}

fn read_imm25(field: &[u8]) -> i64 {
    let code = instruction(field);
    let sign = bit(code, 26, 0);
    let (i1, i2) = (bit(code, 13, 0) ^ sign ^ 1, bit(code, 11, 0) ^ sign ^ 1);
    sign_extend(sign << 24 | i1 << 23 | i2 << 22 | (code >> 16 & 0x3FF) << 12 | (code & 0x7FF) << 1, 25)
}

fn write_imm21(field: &mut [u8], value: i64) {
    let value = value as u32;
    let imm = bit(value, 20, 26) | bit(value, 19, 11) | bit(value, 18, 13);
    replace(field, 0x043F_2FFF, imm | (value >> 12 & 0x3F) << 16 | value >> 1 & 0x7FF);
}

fn read_imm21(field: &[u8]) -> i64 {
    let code = instruction(field);
    let imm = bit(code, 26, 20) | bit(code, 11, 19) | bit(code, 13, 18);
    sign_extend(imm | (code >> 16 & 0x3F) << 12 | (code & 0x7FF) << 1, 21)
}

/// imm4, i, imm3, imm8.
fn write_half(field: &mut [u8], value: i64) {
    let value = value as u32;
    let imm = (value >> 12 & 0xF) << 16 | bit(value, 11, 26) | (value >> 8 & 7) << 12 | value & 0xFF;
    replace(field, 0x040F_70FF, imm);
}

fn read_half(field: &[u8]) -> i64 {
    let code = instruction(field);
    let imm = (code >> 16 & 0xF) << 12 | bit(code, 26, 11) | (code >> 12 & 7) << 8 | code & 0xFF;
    sign_extend(imm, 16)
}

/// `movw ip, #lo; movt ip, #hi; add ip, pc; ldr.w pc, [ip]`. The linker may use ip between a call and
/// the routine called (AAPCS32, "Core registers").
fn stub(place: u32, to: u32) -> Vec<u8> {
    const ADD_IP: [u8; 2] = 0x44FCu16.to_le_bytes();
    const LDR_PC: [u8; 4] = [0xDC, 0xF8, 0x00, 0xF0];
    [&move_to_ip(place, to)[..], &ADD_IP, &LDR_PC].concat()
}

/// `movw ip, #lo; movt ip, #hi; add pc, ip`, which stays in its state.
fn veneer(place: u32, to: u32) -> Vec<u8> {
    const ADD_PC: [u8; 2] = 0x44E7u16.to_le_bytes();
    [&move_to_ip(place, to)[..], &ADD_PC].concat()
}

/// Moves to ip the distance from what the third instruction sees as pc.
fn move_to_ip(place: u32, to: u32) -> [u8; 8] {
    const PC: u32 = 8 + 4;
    const MOVW_IP: u32 = 0xF240_0C00;
    const MOVT_IP: u32 = 0xF2C0_0C00;
    let distance = i64::from(to) - i64::from(place + PC);
    let mut code = [0; 8];
    for (code, (base, value)) in code.chunks_mut(4).zip([(MOVW_IP, distance), (MOVT_IP, distance >> 16)]) {
        replace(code, u32::MAX, base);
        write_half(code, value);
    }
    code
}
