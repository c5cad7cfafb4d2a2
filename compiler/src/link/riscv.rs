//! RISC-V, both widths. Source: RISC-V ELF psABI, "Relocations"; the names below are its own. Objects
//! are made without linker relaxation: instructions stay as they are.

use super::machine::*;
use object::elf::*;
use wasmc_abi::Frame;

pub static CODE_64: Code = Code { stub: Jump { len: 16, code: stub_64 }, ..CODE };
pub static CODE_32: Code = Code { stub: Jump { len: 16, code: stub_32 }, ..CODE };

const CODE: Code = Code {
    relocations: RELOCATIONS,
    relax_slot_load: None,
    stub: Jump { len: 0, code: stub_64 },
    // Of calls of 32 bits, which reach everything, LLVM makes none: those are ours (`optimize/near.rs`).
    veneer: Some(Veneer { jump: Jump { len: 8, code: veneer }, branch_bias: 0 }),
    // 16 zero bits are an illegal instruction.
    fill: &[0],
    // psABI, "DWARF Register Numbers": 1 is ra, 2 sp.
    stack_pointer: gimli::Register(2),
    return_address: gimli::Register(1),
    entry_frame: Frame { cfa_offset: 0, return_address: None },
};

static RELOCATIONS: &[Relocation] = &[
    // The linker may put a procedure linkage table in between, but there is none.
    row(R_RISCV_CALL_PLT, "R_RISCV_CALL_PLT", RELATIVE, &CALL),
    row(R_RISCV_PCREL_HI20, "R_RISCV_PCREL_HI20", RELATIVE, &HI20),
    row(R_RISCV_PCREL_LO12_I, "R_RISCV_PCREL_LO12_I", Value::Paired, &LO12_I),
    row(R_RISCV_PCREL_LO12_S, "R_RISCV_PCREL_LO12_S", Value::Paired, &LO12_S),
    row(R_RISCV_ADD32, "R_RISCV_ADD32", Value::Term, &ADD_32),
    row(R_RISCV_SUB32, "R_RISCV_SUB32", Value::Term, &SUB_32),
    row(R_RISCV_GOT_HI20, "R_RISCV_GOT_HI20", Value::Relative(Base::Slot), &HI20),
    row(R_RISCV_CALL, "R_RISCV_CALL", RELATIVE, &CALL),
    row(R_RISCV_JAL, "R_RISCV_JAL", Value::Branch, &JAL),
    row(R_RISCV_BRANCH, "R_RISCV_BRANCH", RELATIVE, &BRANCH),
    row(R_RISCV_RVC_JUMP, "R_RISCV_RVC_JUMP", RELATIVE, &RVC_JUMP),
    row(R_RISCV_RVC_BRANCH, "R_RISCV_RVC_BRANCH", RELATIVE, &RVC_BRANCH),
    row(R_RISCV_32_PCREL, "R_RISCV_32_PCREL", RELATIVE, &SIGNED_32),
    row(R_RISCV_32, "R_RISCV_32", Value::Pointer, &WORD_32),
    row(R_RISCV_64, "R_RISCV_64", Value::Pointer, &WORD_64),
    row(R_RISCV_HI20, "R_RISCV_HI20", Value::Absolute, &HI20),
    row(R_RISCV_LO12_I, "R_RISCV_LO12_I", Value::Absolute, &LO12_I),
    row(R_RISCV_LO12_S, "R_RISCV_LO12_S", Value::Absolute, &LO12_S),
    row(R_RISCV_ADD8, "R_RISCV_ADD8", Value::Term, &ADD_8),
    row(R_RISCV_ADD16, "R_RISCV_ADD16", Value::Term, &ADD_16),
    row(R_RISCV_ADD64, "R_RISCV_ADD64", Value::Term, &ADD_64),
    row(R_RISCV_SUB6, "R_RISCV_SUB6", Value::Term, &SUB_6),
    row(R_RISCV_SUB8, "R_RISCV_SUB8", Value::Term, &SUB_8),
    row(R_RISCV_SUB16, "R_RISCV_SUB16", Value::Term, &SUB_16),
    row(R_RISCV_SUB64, "R_RISCV_SUB64", Value::Term, &SUB_64),
    row(R_RISCV_SET6, "R_RISCV_SET6", Value::Term, &SET_6),
    row(R_RISCV_SET8, "R_RISCV_SET8", Value::Term, &SET_8),
    row(R_RISCV_SET16, "R_RISCV_SET16", Value::Term, &SET_16),
    row(R_RISCV_SET32, "R_RISCV_SET32", Value::Term, &SET_32),
    row(R_RISCV_SET_ULEB128, "R_RISCV_SET_ULEB128", Value::Term, &SET_ULEB128),
    row(R_RISCV_SUB_ULEB128, "R_RISCV_SUB_ULEB128", Value::Term, &SUB_ULEB128),
];

/// A word that may be read with sign or without.
static WORD_32: Field = Field { range: i32::MIN as i64..=u32::MAX as i64, ..data(4, write_32) };

/// What `auipc` adds: the low half follows in an instruction that takes it with sign, so the high half
/// is rounded to the nearest.
const PCREL: std::ops::RangeInclusive<i64> = i32::MIN as i64 - 0x800..=i32::MAX as i64 - 0x800;

static HI20: Field = Field { range: PCREL, ..data(4, write_u_type) };
static LO12_I: Field = Field { range: PCREL, ..data(4, write_i_type) };
static LO12_S: Field = Field { range: PCREL, ..data(4, write_s_type) };
/// `auipc` and `jalr` behind one another.
static CALL: Field = Field { range: PCREL, multiple: 2, ..data(8, write_call) };
static JAL: Field = code(4, 21, 2, write_j_type);
static BRANCH: Field = code(4, 13, 2, write_b_type);
static RVC_JUMP: Field = code(2, 12, 2, write_cj_type);
static RVC_BRANCH: Field = code(2, 9, 2, write_cb_type);

static ADD_8: Field = data(1, |field, value| change(field, 8, |v| v.wrapping_add(value)));
static ADD_16: Field = data(2, |field, value| change(field, 16, |v| v.wrapping_add(value)));
static ADD_32: Field = data(4, |field, value| change(field, 32, |v| v.wrapping_add(value)));
static ADD_64: Field = data(8, |field, value| change(field, 64, |v| v.wrapping_add(value)));
static SUB_6: Field = data(1, |field, value| change(field, 6, |v| v.wrapping_sub(value)));
static SUB_8: Field = data(1, |field, value| change(field, 8, |v| v.wrapping_sub(value)));
static SUB_16: Field = data(2, |field, value| change(field, 16, |v| v.wrapping_sub(value)));
static SUB_32: Field = data(4, |field, value| change(field, 32, |v| v.wrapping_sub(value)));
static SUB_64: Field = data(8, |field, value| change(field, 64, |v| v.wrapping_sub(value)));
static SET_6: Field = data(1, |field, value| change(field, 6, |_| value));
static SET_8: Field = data(1, |field, value| change(field, 8, |_| value));
static SET_16: Field = data(2, |field, value| change(field, 16, |_| value));
static SET_32: Field = data(4, |field, value| change(field, 32, |_| value));
static SET_ULEB128: Field = data(1, |field, value| change_uleb128(field, |_| value));
static SUB_ULEB128: Field = data(1, |field, value| change_uleb128(field, |v| v.wrapping_sub(value)));

/// Replaces the low `bits` of a field by what `to` makes of them, modulo their width.
fn change(field: &mut [u8], bits: u32, to: impl Fn(i64) -> i64) {
    let len = bits.div_ceil(8) as usize;
    let mut bytes = [0; 8];
    bytes[..len].copy_from_slice(&field[..len]);
    let (old, mask) = (i64::from_le_bytes(bytes), (-1i64 as u64 >> (64 - bits)) as i64);
    let new = old & !mask | to(old & mask) & mask;
    field[..len].copy_from_slice(&new.to_le_bytes()[..len]);
}

/// Replaces an unsigned LEB128 number, which keeps its length.
fn change_uleb128(field: &mut [u8], to: impl Fn(i64) -> i64) {
    let len = field.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    let field = &mut field[..len];
    let new = to(field.iter().rev().fold(0, |value, byte| value << 7 | i64::from(byte & 0x7F)));
    for (i, byte) in field.iter_mut().enumerate() {
        *byte = *byte & 0x80 | (new >> (7 * i).min(63)) as u8 & 0x7F;
    }
}

fn high(value: i64) -> u32 {
    (value + 0x800) as u32 & !0xFFF
}

fn write_u_type(field: &mut [u8], value: i64) {
    insert(field, 0xFFFF_F000, high(value));
}

fn write_i_type(field: &mut [u8], value: i64) {
    insert(field, 0xFFF << 20, (value as u32) << 20);
}

fn write_s_type(field: &mut [u8], value: i64) {
    let value = value as u32;
    insert(field, 0x7F << 25 | 0x1F << 7, value >> 5 << 25 | (value & 0x1F) << 7);
}

fn write_call(field: &mut [u8], value: i64) {
    write_u_type(field, value);
    write_i_type(&mut field[4..], value);
}

/// Moves `count` bits of a value from `from` on to `to` on.
fn bits(value: i64, from: u32, count: u32, to: u32) -> u32 {
    (value as u32 >> from & ((1 << count) - 1)) << to
}

/// imm[20|10:1|11|19:12], bits 12 and up.
fn write_j_type(field: &mut [u8], value: i64) {
    let imm = bits(value, 20, 1, 31) | bits(value, 1, 10, 21) | bits(value, 11, 1, 20) | bits(value, 12, 8, 12);
    insert(field, 0xFFFF_F000, imm);
}

/// imm[12|10:5], bits 25 and up; imm[4:1|11], bits 7 and up.
fn write_b_type(field: &mut [u8], value: i64) {
    let imm = bits(value, 12, 1, 31) | bits(value, 5, 6, 25) | bits(value, 1, 4, 8) | bits(value, 11, 1, 7);
    insert(field, 0xFE00_0F80, imm);
}

/// imm[11|4|9:8|10|6|7|3:1|5], bits 2 to 12.
fn write_cj_type(field: &mut [u8], value: i64) {
    let imm = bits(value, 11, 1, 12) | bits(value, 4, 1, 11) | bits(value, 8, 2, 9) | bits(value, 10, 1, 8);
    let imm = imm | bits(value, 6, 1, 7) | bits(value, 7, 1, 6) | bits(value, 1, 3, 3) | bits(value, 5, 1, 2);
    insert_16(field, 0x1FFC, imm as u16);
}

/// imm[8|4:3], bits 10 to 12; imm[7:6|2:1|5], bits 2 to 6.
fn write_cb_type(field: &mut [u8], value: i64) {
    let imm = bits(value, 8, 1, 12) | bits(value, 3, 2, 10) | bits(value, 6, 2, 5) | bits(value, 1, 2, 3);
    insert_16(field, 0x1C7C, (imm | bits(value, 5, 1, 2)) as u16);
}

/// `auipc t1, %hi; jr %lo(t1)`. Calls of ours take `t1` for changed, or do not come back.
fn veneer(place: u32, to: u32) -> Vec<u8> {
    const AUIPC_T1: u32 = 0x0000_0317;
    const JR_T1: u32 = 0x0003_0067;
    let distance = i64::from(to) - i64::from(place);
    words([AUIPC_T1 | high(distance), JR_T1 | (distance as u32) << 20])
}

/// `auipc t3, %hi; ld t3, %lo(t3); jr t3`, as an entry of a procedure linkage table does it.
fn stub_64(place: u32, to: u32) -> Vec<u8> {
    const LD_T3: u32 = 0x000E_3E03;
    stub(place, to, LD_T3)
}

/// The same with `lw`.
fn stub_32(place: u32, to: u32) -> Vec<u8> {
    const LW_T3: u32 = 0x000E_2E03;
    stub(place, to, LW_T3)
}

fn stub(place: u32, to: u32, load: u32) -> Vec<u8> {
    const AUIPC_T3: u32 = 0x0000_0E17;
    const JR_T3: u32 = 0x000E_0067;
    let distance = i64::from(to) - i64::from(place);
    words([AUIPC_T3 | high(distance), load | (distance as u32) << 20, JR_T3])
}
