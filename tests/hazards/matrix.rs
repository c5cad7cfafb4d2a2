//! Every numeric operator on every combination of edge values, its operands variable and constant in
//! each position, against the interpreter.

use std::fmt::Write;
use wasmc_tests::{Config, Engine, Oracle, Outcome, Value};

const I32: &[u64] = &[
    0,
    1,
    2,
    3,
    7,
    8,
    31,
    32,
    33,
    63,
    64,
    65,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
    0x00FF_FFFF,
    0x0100_0001,
    0x7FFF_FFFF,
    0x8000_0000,
    0x8000_0001,
    0xFFFF_FF80,
    0xFFFF_8000,
    0xFFFF_FFFE,
    0xFFFF_FFFF,
    0x1234_5678,
];

const I64: &[u64] = &[
    0,
    1,
    2,
    7,
    31,
    32,
    33,
    63,
    64,
    65,
    0x80,
    0x8000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x1_0000_0000,
    0x0020_0000_0000_0001,
    0x0040_0000_4000_0001,
    0x7FFF_FF40_0000_0001,
    0x7FFF_FFFF_FFFF_FFFF,
    0x8000_0000_0000_0000,
    0x8000_0000_0000_0001,
    0x8000_0080_0000_0001,
    0xFFFF_FFFF_8000_0000,
    0xFFFF_FFFF_FFFF_FFFE,
    0xFFFF_FFFF_FFFF_FFFF,
    0x1234_5678_9ABC_DEF0,
];

/// Zeros, ones, halves (ties), subnormals, the edges of the integer ranges, infinities, NaNs of each kind.
const F32: &[u64] = &[
    0x0000_0000,
    0x8000_0000,
    0x3F80_0000,
    0xBF80_0000,
    0x3F00_0000,
    0xBF00_0000,
    0x3FC0_0000,
    0x4020_0000,
    0xC020_0000,
    0x3EFF_FFFF,
    0x3F7F_FFFF,
    0xBF7F_FFFF,
    0x0000_0001,
    0x8000_0001,
    0x007F_FFFF,
    0x0080_0000,
    0x8080_0000,
    0x4AFF_FFFF,
    0x4B00_0001,
    0x4EFF_FFFF,
    0x4F00_0000,
    0xCF00_0000,
    0xCF00_0001,
    0x4F7F_FFFF,
    0x4F80_0000,
    0x5EFF_FFFF,
    0x5F00_0000,
    0xDF00_0000,
    0xDF00_0001,
    0x5F7F_FFFF,
    0x5F80_0000,
    0x7F7F_FFFF,
    0xFF7F_FFFF,
    0x7F80_0000,
    0xFF80_0000,
    0x7FC0_0000,
    0xFFC0_0000,
    0x7FA0_0000,
    0xFF80_0001,
    0x7FC0_1234,
];

const F64: &[u64] = &[
    0x0000_0000_0000_0000,
    0x8000_0000_0000_0000,
    0x3FF0_0000_0000_0000,
    0xBFF0_0000_0000_0000,
    0x3FE0_0000_0000_0000,
    0xBFE0_0000_0000_0000,
    0x3FF8_0000_0000_0000,
    0x4004_0000_0000_0000,
    0xC004_0000_0000_0000,
    0x3FDF_FFFF_FFFF_FFFF,
    0xBFEF_FFFF_FFFF_FFFF,
    0x0000_0000_0000_0001,
    0x8000_0000_0000_0001,
    0x000F_FFFF_FFFF_FFFF,
    0x0010_0000_0000_0000,
    0x36A0_0000_0000_0000,
    0x3690_0000_0000_0001,
    0x3810_0000_0000_0000,
    0x47EF_FFFF_EFFF_FFFF,
    0x47EF_FFFF_F000_0000,
    0x432F_FFFF_FFFF_FFFF,
    0x4330_0000_0000_0001,
    0x41DF_FFFF_FFC0_0000,
    0x41DF_FFFF_FFFF_FFFF,
    0x41E0_0000_0000_0000,
    0xC1E0_0000_0000_0000,
    0xC1E0_0000_001F_FFFF,
    0xC1E0_0000_0020_0000,
    0x41EF_FFFF_FFFF_FFFF,
    0x41F0_0000_0000_0000,
    0x43DF_FFFF_FFFF_FFFF,
    0x43E0_0000_0000_0000,
    0xC3E0_0000_0000_0000,
    0xC3E0_0000_0000_0001,
    0x43EF_FFFF_FFFF_FFFF,
    0x43F0_0000_0000_0000,
    0x7FEF_FFFF_FFFF_FFFF,
    0x7FF0_0000_0000_0000,
    0xFFF0_0000_0000_0000,
    0x7FF8_0000_0000_0000,
    0xFFF8_0000_0000_0000,
    0x7FF4_0000_0000_0000,
    0xFFF0_0000_0000_0001,
    0x7FF8_0000_0000_1234,
];

/// Operand type, result type, operators of one operand.
const UNARY: &[(&str, &str, &[&str])] = &[
    ("i32", "i32", &["i32.clz", "i32.ctz", "i32.popcnt", "i32.eqz", "i32.extend8_s", "i32.extend16_s"]),
    ("i64", "i64", &["i64.clz", "i64.ctz", "i64.popcnt", "i64.extend8_s", "i64.extend16_s", "i64.extend32_s"]),
    ("i64", "i32", &["i64.eqz", "i32.wrap_i64"]),
    ("i32", "i64", &["i64.extend_i32_s", "i64.extend_i32_u"]),
    ("f32", "f32", &["f32.abs", "f32.neg", "f32.sqrt", "f32.ceil", "f32.floor", "f32.trunc", "f32.nearest"]),
    ("f64", "f64", &["f64.abs", "f64.neg", "f64.sqrt", "f64.ceil", "f64.floor", "f64.trunc", "f64.nearest"]),
    ("f64", "f32", &["f32.demote_f64"]),
    ("f32", "f64", &["f64.promote_f32"]),
    ("i32", "f32", &["f32.convert_i32_s", "f32.convert_i32_u", "f32.reinterpret_i32"]),
    ("i64", "f32", &["f32.convert_i64_s", "f32.convert_i64_u"]),
    ("i32", "f64", &["f64.convert_i32_s", "f64.convert_i32_u"]),
    ("i64", "f64", &["f64.convert_i64_s", "f64.convert_i64_u", "f64.reinterpret_i64"]),
    (
        "f32",
        "i32",
        &["i32.trunc_f32_s", "i32.trunc_f32_u", "i32.trunc_sat_f32_s", "i32.trunc_sat_f32_u", "i32.reinterpret_f32"],
    ),
    ("f64", "i32", &["i32.trunc_f64_s", "i32.trunc_f64_u", "i32.trunc_sat_f64_s", "i32.trunc_sat_f64_u"]),
    ("f32", "i64", &["i64.trunc_f32_s", "i64.trunc_f32_u", "i64.trunc_sat_f32_s", "i64.trunc_sat_f32_u"]),
    (
        "f64",
        "i64",
        &["i64.trunc_f64_s", "i64.trunc_f64_u", "i64.trunc_sat_f64_s", "i64.trunc_sat_f64_u", "i64.reinterpret_f64"],
    ),
];

/// Operand type, operators of two operands, comparisons.
const INTEGER: (&[&str], &[&str]) = (
    &[
        "add", "sub", "mul", "div_s", "div_u", "rem_s", "rem_u", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl",
        "rotr",
    ],
    &["eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u"],
);
const FLOAT: (&[&str], &[&str]) =
    (&["add", "sub", "mul", "div", "min", "max", "copysign"], &["eq", "ne", "lt", "gt", "le", "ge"]);

fn edges(ty: &str) -> &'static [u64] {
    match ty {
        "i32" => I32,
        "i64" => I64,
        "f32" => F32,
        _ => F64,
    }
}

fn value(ty: &str, bits: u64) -> Value {
    match ty {
        "i32" => Value::I32(bits as u32),
        "i64" => Value::I64(bits),
        "f32" => Value::F32(bits as u32),
        _ => Value::F64(bits),
    }
}

/// The value as a constant instruction, to the bit.
fn constant(ty: &str, bits: u64) -> String {
    let float = |negative: bool, nan: Option<u64>, magnitude: String| {
        let sign = if negative { "-" } else { "" };
        nan.map_or(format!("({ty}.const {sign}{magnitude})"), |payload| format!("({ty}.const {sign}nan:{payload:#x})"))
    };
    match ty {
        "f32" => {
            let x = f32::from_bits(bits as u32);
            float(x.is_sign_negative(), x.is_nan().then_some(bits & 0x7F_FFFF), format!("{:e}", x.abs()))
        }
        "f64" => {
            let x = f64::from_bits(bits);
            float(x.is_sign_negative(), x.is_nan().then_some(bits & 0xF_FFFF_FFFF_FFFF), format!("{:e}", x.abs()))
        }
        _ => format!("({ty}.const {bits:#x})"),
    }
}

/// One call to make: the exported name, its arguments, and the operands for the report and the NaN rule.
struct Case {
    function: String,
    args: Vec<Value>,
    operator: String,
    operands: Vec<Value>,
}

/// A module under construction, with the calls to make.
#[derive(Default)]
struct Matrix {
    text: String,
    cases: Vec<Case>,
    functions: usize,
}

impl Matrix {
    /// Adds a function and a case for each tuple of arguments.
    fn add(&mut self, operator: &str, params: &str, result: &str, body: &str, cases: Vec<(Vec<Value>, Vec<Value>)>) {
        let name = format!("f{}", self.functions);
        self.functions += 1;
        writeln!(self.text, "(func (export \"{name}\") (param {params}) (result {result}) ({operator} {body}))")
            .unwrap();
        self.cases.extend(cases.into_iter().map(|(args, operands)| Case {
            function: name.clone(),
            args,
            operator: operator.to_string(),
            operands,
        }));
    }

    fn unary(&mut self, operator: &str, ty: &str, result: &str) {
        let operands = |bits: &u64| vec![value(ty, *bits)];
        let variable = edges(ty).iter().map(|bits| (operands(bits), operands(bits))).collect();
        self.add(operator, ty, result, "(local.get 0)", variable);
        for bits in edges(ty) {
            self.add(operator, "", result, &constant(ty, *bits), vec![(vec![], operands(bits))]);
        }
    }

    fn binary(&mut self, operator: &str, ty: &str, result: &str) {
        let edges = edges(ty);
        let pair = |a: u64, b: u64| vec![value(ty, a), value(ty, b)];
        let all = edges.iter().flat_map(|a| edges.iter().map(|b| (pair(*a, *b), pair(*a, *b)))).collect();
        self.add(operator, &format!("{ty} {ty}"), result, "(local.get 0) (local.get 1)", all);
        let same = edges.iter().map(|a| (vec![value(ty, *a)], pair(*a, *a))).collect();
        self.add(operator, ty, result, "(local.get 0) (local.get 0)", same);
        for fixed in edges {
            let written = constant(ty, *fixed);
            let left = edges.iter().map(|b| (vec![value(ty, *b)], pair(*fixed, *b))).collect();
            self.add(operator, ty, result, &format!("{written} (local.get 0)"), left);
            let right = edges.iter().map(|a| (vec![value(ty, *a)], pair(*a, *fixed))).collect();
            self.add(operator, ty, result, &format!("(local.get 0) {written}"), right);
        }
        // Both constant: folded at compile time. Every pair would be thousands of functions; a diagonal
        // band meets each value on each side several times.
        for (index, a) in edges.iter().enumerate() {
            for step in [0, 1, 2, 5, 11, 17] {
                let b = edges[(index + step) % edges.len()];
                let body = format!("{} {}", constant(ty, *a), constant(ty, b));
                self.add(operator, "", result, &body, vec![(vec![], pair(*a, b))]);
            }
        }
    }

    /// Compares every case in every configuration.
    fn check(&self) {
        let wasm = wat::parse_str(format!("(module {})", self.text)).expect("the module is well formed");
        let mut oracle = Oracle::new(&wasm).unwrap_or_else(|stop| panic!("the oracle: {stop}"));
        let wanted: Vec<Outcome> = self.cases.iter().map(|case| oracle.call(&case.function, &case.args)).collect();
        let mut wrong = Vec::new();
        // Operators mean the same whatever unit they are in.
        let mut configs = Config::selected();
        configs.retain(|config| !config.alone);
        for config in &configs {
            let mut engine = Engine::new(&wasm, *config).unwrap_or_else(|stop| panic!("{config}: {stop}"));
            let found = engine.call_all(self.cases.iter().map(|case| (case.function.as_str(), case.args.as_slice())));
            for ((case, wanted), found) in self.cases.iter().zip(&wanted).zip(found) {
                if !acceptable(case, &found, wanted) {
                    let operands: Vec<String> = case.operands.iter().map(Value::to_string).collect();
                    let form = if case.args.len() == case.operands.len() { "variable" } else { "constant" };
                    wrong.push(format!(
                        "{config}: {} {} ({form}): wanted {wanted}, got {found}",
                        case.operator,
                        operands.join(", ")
                    ));
                }
            }
        }
        let shown = wrong.iter().take(40).map(String::as_str).collect::<Vec<_>>().join("\n");
        assert!(wrong.is_empty(), "{} of {} are wrong:\n{shown}", wrong.len(), self.cases.len() * configs.len());
    }
}

/// Bit operations give the oracle's bits. Arithmetic may choose among NaNs, but only quiet ones, and
/// canonical ones if no operand is another NaN (spec: exec/numerics, NaN propagation).
fn acceptable(case: &Case, found: &Outcome, wanted: &Outcome) -> bool {
    let operator = case.operator.split_once('.').map_or("", |(_, name)| name);
    let bits = ["abs", "neg", "copysign"].contains(&operator) || operator.starts_with("reinterpret");
    match (found, wanted) {
        (Outcome::Values(found), Outcome::Values(wanted)) if !bits && wanted.iter().any(|v| v.is_nan()) => {
            let canonical = case.operands.iter().all(|operand| !operand.is_nan() || operand.is_canonical_nan());
            found.len() == 1 && if canonical { found[0].is_canonical_nan() } else { found[0].is_arithmetic_nan() }
        }
        _ => found == wanted,
    }
}

fn binary_operators(ty: &str, (arithmetic, comparisons): (&[&str], &[&str])) {
    let mut matrix = Matrix::default();
    arithmetic.iter().for_each(|name| matrix.binary(&format!("{ty}.{name}"), ty, ty));
    comparisons.iter().for_each(|name| matrix.binary(&format!("{ty}.{name}"), ty, "i32"));
    matrix.check();
}

#[test]
fn i32_operators_agree_with_the_interpreter_on_edge_values() {
    binary_operators("i32", INTEGER);
}

#[test]
fn i64_operators_agree_with_the_interpreter_on_edge_values() {
    binary_operators("i64", INTEGER);
}

#[test]
fn f32_operators_agree_with_the_interpreter_on_edge_values() {
    binary_operators("f32", FLOAT);
}

#[test]
fn f64_operators_agree_with_the_interpreter_on_edge_values() {
    binary_operators("f64", FLOAT);
}

#[test]
fn unary_operators_and_conversions_agree_with_the_interpreter_on_edge_values() {
    let mut matrix = Matrix::default();
    for (ty, result, operators) in UNARY {
        operators.iter().for_each(|operator| matrix.unary(operator, ty, result));
    }
    matrix.check();
}

/// Operations that only move bits keep a signalling NaN as it is, through memory, globals, calls and
/// selection too.
#[test]
fn moves_keep_signalling_nans() {
    let text = "(module (memory 1) (global $s (mut f32) (f32.const 0)) (global $d (mut f64) (f64.const 0))
        (func $id32 (param f32) (result f32) (local.get 0)) (func $id64 (param f64) (result f64) (local.get 0))
        (func (export \"s\") (param f32) (result f32) (local f32)
            (f32.store (i32.const 8) (call $id32 (local.get 0)))
            (global.set $s (f32.load (i32.const 8)))
            (local.set 1 (select (global.get $s) (f32.const 1) (i32.const 1)))
            (block (result f32) (br_if 0 (local.get 1) (i32.const 1))))
        (func (export \"d\") (param f64) (result f64) (local f64)
            (f64.store (i32.const 8) (call $id64 (local.get 0)))
            (global.set $d (f64.load (i32.const 8)))
            (local.set 1 (select (global.get $d) (f64.const 1) (i32.const 1)))
            (block (result f64) (br_if 0 (local.get 1) (i32.const 1))))
        (func (export \"s_const\") (result f32) (f32.const -nan:0x200001))
        (func (export \"d_const\") (result f64) (f64.const nan:0x4000000000001)))";
    crate::everywhere(text, |engine, config| {
        for bits in F32 {
            let value = Value::F32(*bits as u32);
            assert_eq!(engine.call("s", &[value]), crate::values([value]), "{config}");
        }
        for bits in F64 {
            let value = Value::F64(*bits);
            assert_eq!(engine.call("d", &[value]), crate::values([value]), "{config}");
        }
        assert_eq!(engine.call("s_const", &[]), crate::values([Value::F32(0xFFA0_0001)]), "{config}");
        assert_eq!(engine.call("d_const", &[]), crate::values([Value::F64(0x7FF4_0000_0000_0001)]), "{config}");
    });
}

/// `demote(promote x)`, `x * 1`, `x - 0` and the like must quieten; LLVM would rather drop them.
#[test]
fn identities_quieten_signalling_nans() {
    let bodies = [
        ("f32", "(f32.mul (local.get 0) (f32.const 1))"),
        ("f32", "(f32.div (local.get 0) (f32.const 1))"),
        ("f32", "(f32.sub (local.get 0) (f32.const 0))"),
        ("f32", "(f32.add (local.get 0) (f32.const -0))"),
        ("f32", "(f32.sub (f32.const -0) (local.get 0))"),
        ("f32", "(f32.mul (local.get 0) (f32.const -1))"),
        ("f32", "(f32.mul (f32.const 1) (local.get 0))"),
        ("f32", "(f32.min (local.get 0) (local.get 0))"),
        ("f32", "(f32.max (local.get 0) (f32.const -inf))"),
        ("f32", "(f32.demote_f64 (f64.promote_f32 (local.get 0)))"),
        ("f32", "(f32.nearest (f32.nearest (local.get 0)))"),
        ("f64", "(f64.mul (local.get 0) (f64.const 1))"),
        ("f64", "(f64.div (local.get 0) (f64.const 1))"),
        ("f64", "(f64.sub (local.get 0) (f64.const 0))"),
        ("f64", "(f64.add (local.get 0) (f64.const -0))"),
        ("f64", "(f64.sub (f64.const -0) (local.get 0))"),
        ("f64", "(f64.mul (local.get 0) (f64.const -1))"),
        ("f64", "(f64.max (local.get 0) (local.get 0))"),
        ("f64", "(f64.floor (f64.trunc (local.get 0)))"),
    ];
    let functions: String = bodies
        .iter()
        .enumerate()
        .map(|(index, (ty, body))| format!("(func (export \"f{index}\") (param {ty}) (result {ty}) {body})\n"))
        .collect();
    crate::everywhere(&format!("(module {functions})"), |engine, config| {
        for (index, (ty, body)) in bodies.iter().enumerate() {
            for bits in
                if *ty == "f32" { [0x7FA0_0000, 0xFF80_0001] } else { [0x7FF4_0000_0000_0000, 0xFFF0_0000_0000_0001] }
            {
                match engine.call(&format!("f{index}"), &[value(ty, bits)]) {
                    Outcome::Values(found) if found[0].is_arithmetic_nan() => {}
                    found => panic!("{config} {body} of {bits:#x}: wanted a quiet NaN, got {found}"),
                }
            }
        }
    });
}
