//! Why an instruction cannot be one of the machine's. A `*` at either end of a name stands for anything.

/// Column, instructions, reason.
const REASONS: &[(&str, &[&str], &str)] = &[
    ("x86-64-v3", &["*.extract_lane_s"], "extraction fills up with zeros"),
    ("x86-64-v3", &["*.splat"], "spreads only from a vector register or memory"),
    ("x86-64-v3", &["i8x16.swizzle"], "`pshufb` looks at bit 7 of an index alone"),
    ("x86-64-v3", &["*.ne", "*.le_s", "*.ge_s"], "compares for equal and greater; the rest is negated"),
    ("x86-64-v3", &["*.lt_u", "*.gt_u", "*.le_u", "*.ge_u"], "no unsigned comparison before AVX-512"),
    ("x86-64-v3", &["v128.bitselect"], "no selection by bits before AVX-512"),
    ("x86-64-v3", &["*.any_true", "*.all_true"], "tests set flags; a branch needs no number of them"),
    ("x86-64-v3", &["i8x16.popcnt"], "no count of bits before AVX-512: two look-ups"),
    ("x86-64-v3", &["i8x16.sh*"], "no shifts of bytes: words are shifted and masked"),
    ("x86-64-v3", &["i64x2.shr_s", "i64x2.abs", "i64x2.mul"], "not for 64-bit lanes before AVX-512"),
    ("x86-64-v3", &["i16x8.q15mulr_sat_s"], "`pmulhrsw` does not saturate −1 × −1"),
    ("x86-64-v3", &["i16x8.bitmask"], "only bytes, words of 32 and of 64 bits have a mask"),
    ("x86-64-v3", &["*.extend_high_*"], "extends the low half alone"),
    ("x86-64-v3", &["*.extmul_*"], "operands have to be widened, or moved to even lanes"),
    ("x86-64-v3", &["i32x4.extadd_pairwise_i16x8_u"], "`pmaddwd` is signed"),
    (
        "x86-64-v3",
        &["*.min", "*.max"],
        "`minps` gives the second operand for NaN and for zeros: done both ways, joined",
    ),
    ("x86-64-v3", &["*trunc_sat_*"], "conversion does not saturate, nor give 0 for NaN"),
    ("x86-64-v3", &["*.relaxed_trunc_*"], "no unsigned conversion before AVX-512"),
    ("x86-64-v3", &["*.convert_*"], "no unsigned conversion before AVX-512"),
    ("x86-64-v3", &["*.relaxed_dot_*"], "one step from 8 to 32 bits comes with VNNI"),
    ("AArch64", &["v128.load*"], "loads do not extend lanes"),
    ("AArch64", &["*.ne"], "no comparison for unequal"),
    ("AArch64", &["*.any_true", "*.all_true"], "the result of a reduction has to get to a general register"),
    ("AArch64", &["*.bitmask"], "no such instruction: bits are added up"),
    ("AArch64", &["*.narrow_*"], "one for each half"),
    ("AArch64", &["i32x4.dot_i16x8_s", "i16x8.relaxed_dot*"], "products of each half, then sums of pairs"),
    ("AArch64", &["i32x4.relaxed_dot*"], "one instruction with `--features=+dotprod`"),
    ("AArch64", &["i64x2.mul"], "no multiplication of 64-bit lanes"),
    ("AArch64", &["*.pmin", "*.pmax"], "`fmin` gives NaN where this gives an operand"),
    ("AArch64", &["*trunc_f64x2_*", "*trunc_sat_f64x2_*"], "converts to 64 bits, then narrows"),
    ("AArch64", &["f64x2.convert_low_*"], "converts from 64 bits, so widens first"),
];

/// Why an instruction takes more than one in a column.
pub fn of(column: &str, name: &str) -> Option<&'static str> {
    let matches = |pattern: &str| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => name.contains(rest.trim_end_matches('*')),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => name == pattern,
    };
    let found = REASONS.iter().find(|(of, names, _)| *of == column && names.iter().any(|name| matches(name)));
    found.map(|(_, _, reason)| *reason)
}
