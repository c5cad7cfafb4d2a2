//! A module with a function for each operator, and for what else differs between targets: addresses,
//! results, calls of the host, jump tables.

use std::fmt::Write;

/// Operand types, result type, operators; one without a type is of the first operand's.
const NUMERIC: &[(&str, &str, &str)] = &[
    ("i32 i32", "i32", "add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr"),
    ("i64 i64", "i64", "add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr"),
    ("i32 i32", "i32", "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"),
    ("i64 i64", "i32", "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"),
    ("i32", "i32", "eqz clz ctz popcnt extend8_s extend16_s"),
    ("i64", "i64", "clz ctz popcnt extend8_s extend16_s extend32_s"),
    ("i64", "i32", "eqz i32.wrap_i64"),
    ("i32", "i64", "i64.extend_i32_s i64.extend_i32_u"),
    ("f32 f32", "f32", "add sub mul div min max copysign"),
    ("f64 f64", "f64", "add sub mul div min max copysign"),
    ("f32 f32", "i32", "eq ne lt gt le ge"),
    ("f64 f64", "i32", "eq ne lt gt le ge"),
    ("f32", "f32", "abs neg sqrt ceil floor trunc nearest"),
    ("f64", "f64", "abs neg sqrt ceil floor trunc nearest"),
    ("f32", "i32", "i32.trunc_f32_s i32.trunc_f32_u i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.reinterpret_f32"),
    ("f32", "i64", "i64.trunc_f32_s i64.trunc_f32_u i64.trunc_sat_f32_s i64.trunc_sat_f32_u"),
    ("f64", "i32", "i32.trunc_f64_s i32.trunc_f64_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u"),
    ("f64", "i64", "i64.trunc_f64_s i64.trunc_f64_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u i64.reinterpret_f64"),
    ("i32", "f32", "f32.convert_i32_s f32.convert_i32_u f32.reinterpret_i32"),
    ("i64", "f32", "f32.convert_i64_s f32.convert_i64_u"),
    ("i32", "f64", "f64.convert_i32_s f64.convert_i32_u"),
    ("i64", "f64", "f64.convert_i64_s f64.convert_i64_u f64.reinterpret_i64"),
    ("f64", "f32", "f32.demote_f64"),
    ("f32", "f64", "f64.promote_f32"),
];

/// What is not numeric.
const REST: &str = r#"
(func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
(func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
(func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
(func (export "size") (result i32) (memory.size))
(func (export "get") (param i32) (result funcref) (table.get (local.get 0)))
(func (export "indirect") (param i32) (result i64 f64) (call_indirect (result i64 f64) (local.get 0)))
(func (export "host") (result i32 f64 i64)
    (call $host (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4) (i32.const 5)))
(func (export "two_longs") (param i64 i64) (result i64 i64) (global.set $g (local.get 1)) (local.get 1) (local.get 0))
(func (export "two_doubles") (param f64 f64) (result f64 f64) (local.get 1) (local.get 0))
(func (export "mixed") (param f64 i64) (result i64 f64) (local.get 1) (local.get 0))
(func (export "three") (param i64 f32) (result f32 i64 f32) (local.get 1) (local.get 0) (local.get 1))
(func (export "jump") (param i32) (result i32)
    (block $a (block $b (block $c (block $d (block $e (block $f
        (br_table $a $b $c $d $e $f $a (local.get 0)))
        (return (call $leaf (i32.const 17)))) (return (i32.const 1234))) (return (call $leaf (i32.const 99))))
        (return (i32.const 7))) (return (call $leaf (i32.const 5))))
    (i32.const 3))
(func $leaf (param i32) (result i32) (i32.load (local.get 0)))
"#;

/// The module, as text.
pub fn module() -> String {
    let mut text = String::from(
        "(module (import \"h\" \"h\" (func $host (param i32 i64 f32 f64 i32) (result i32 f64 i64)))
         (memory 1) (table 3 funcref) (global $g (mut i64) (i64.const 0))\n",
    );
    for (operands, result, operators) in NUMERIC {
        let operands: Vec<_> = operands.split(' ').collect();
        let arguments: String = (0..operands.len()).map(|i| format!(" (local.get {i})")).collect();
        for operator in operators.split(' ') {
            let operator = if operator.contains('.') { operator.into() } else { format!("{}.{operator}", operands[0]) };
            let params = operands.join(" ");
            let body = format!("({operator}{arguments})");
            writeln!(text, "(func (export \"{operator}\") (param {params}) (result {result}) {body})").unwrap();
        }
    }
    for ty in ["i32", "i64", "f32", "f64"] {
        for offset in [0u32, 8, 70000, 0x7FFF_FFFF, 0xFFFF_FFFF] {
            let at = format!("offset={offset} (local.get 0)");
            writeln!(text, "(func (export \"load {ty} {offset}\") (param i32) (result {ty}) ({ty}.load {at}))")
                .unwrap();
            let value = "(local.get 1)";
            writeln!(text, "(func (export \"store {ty} {offset}\") (param i32 {ty}) ({ty}.store {at} {value}))")
                .unwrap();
        }
    }
    text + REST + ")"
}
