//! Vectors: what a store leaves behind, NaNs and subnormals in lanes, and the same bits everywhere on request.

use crate::{args, everywhere, trap, values};
use std::fmt::Write;
use std::path::Path;
use wasmc::Options;
use wasmc_abi::TrapCode;
use wasmc_tests::{Config, Engine, Outcome, Value};

const OUT_OF_BOUNDS: TrapCode = TrapCode::MemoryOutOfBounds;

/// Bits of a vector of four lanes.
fn lanes32(lanes: [u32; 4]) -> Value {
    Value::V128(lanes.iter().rev().fold(0, |bits, lane| bits << 32 | u128::from(*lane)))
}

/// Bits of a vector of two lanes.
fn lanes64(lanes: [u64; 2]) -> Value {
    Value::V128(u128::from(lanes[1]) << 64 | u128::from(lanes[0]))
}

#[test]
fn a_vector_store_that_is_partly_outside_leaves_nothing_behind() {
    let text = "(module (memory 1)
        (func (export \"store\") (param i32) (v128.store (local.get 0) (v128.const i64x2 -1 -1)))
        (func (export \"lane\") (param i32) (v128.store64_lane 1 (local.get 0) (v128.const i64x2 -1 -1)))
        (func (export \"two\") (param i32)
          (i64.store (local.get 0) (i64.const -1))
          (v128.store offset=8 (local.get 0) (v128.const i64x2 -1 -1)))
        (func (export \"dropped\") (param i32) (drop (v128.load (local.get 0))))
        (func (export \"load\") (param i32) (result v128) (v128.load (local.get 0)))
        (func (export \"read\") (param i32) (result i64) (i64.load (local.get 0))))";
    everywhere(text, |engine, config| {
        for at in 65521..65536 {
            for name in ["store", "dropped", "load"] {
                assert_eq!(engine.call(name, &args([at])), trap(OUT_OF_BOUNDS), "{config}: {name} at {at}");
            }
        }
        for at in 65529..65536 {
            assert_eq!(engine.call("lane", &args([at])), trap(OUT_OF_BOUNDS), "{config}: lane at {at}");
        }
        assert_eq!(engine.call("read", &args([65528])), values([Value::I64(0)]), "{config}");
        // The first of the two stores is done, the second is not begun.
        assert_eq!(engine.call("two", &args([65520])), trap(OUT_OF_BOUNDS), "{config}");
        assert_eq!(engine.call("read", &args([65520])), values([Value::I64(u64::MAX)]), "{config}");
        assert_eq!(engine.call("read", &args([65528])), values([Value::I64(0)]), "{config}");
        assert_eq!(engine.call("store", &args([65520])), values([]), "{config}");
        assert_eq!(engine.call("load", &args([65520])), values([Value::V128(u128::MAX)]), "{config}");
    });
}

/// What is loaded whole and extended in pieces: of the narrower lanes, the bits, and how often they are extended; both
/// halves in turn, so that all pieces follow one another.
const EXTENDED: [(u32, u32); 4] = [(8, 1), (8, 2), (16, 1), (32, 1)];

/// The sum of all pieces, each times an odd number of its own.
fn weighted_pieces(bits: u32, times: u32, sign: &str) -> String {
    let mut pieces = vec![String::from("(local.get $v)")];
    for step in 0..times {
        let (from, to) = (bits << step, bits << (step + 1));
        let (lanes, wider) = (128 / from, 128 / to);
        let extend = |half: &str, piece: &str| format!("(i{to}x{wider}.extend_{half}_i{from}x{lanes}_{sign} {piece})");
        pieces = pieces.iter().flat_map(|piece| [extend("low", piece), extend("high", piece)]).collect();
    }
    let to = bits << times;
    let shape = format!("i{to}x{}", 128 / to);
    let weighted = pieces
        .iter()
        .zip((1..).step_by(2))
        .map(|(piece, weight)| format!("({shape}.mul {piece} ({shape}.splat (i{}.const {weight})))", to.max(32)));
    weighted.reduce(|sum, piece| format!("({shape}.add {sum} {piece})")).unwrap()
}

/// The same of bytes.
fn weighted_sum(bytes: [u8; 16], bits: u32, times: u32, is_signed: bool) -> u128 {
    let to = bits << times;
    let all = u128::from_le_bytes(bytes);
    let narrow = |lane: u32| {
        let value = (all >> (lane * bits)) & ((1 << bits) - 1);
        if is_signed && value >> (bits - 1) != 0 { value.wrapping_sub(1 << bits) } else { value }
    };
    let lanes = 128 / to;
    (0..lanes).fold(0, |sum, lane| {
        let pieces = (0..1 << times).map(|piece| narrow(piece * lanes + lane).wrapping_mul(u128::from(2 * piece + 1)));
        let total = pieces.fold(0u128, u128::wrapping_add) & ((1 << to) - 1);
        sum | total << (lane * to)
    })
}

#[test]
fn a_vector_that_is_extended_in_pieces_is_loaded_as_one() {
    let mut text = String::from(
        "(module (memory (export \"m\") 1)
           (func (export \"fill\") (param i32 v128) (v128.store (local.get 0) (local.get 1)))",
    );
    for (bits, times) in EXTENDED {
        for sign in ["s", "u"] {
            let sum = weighted_pieces(bits, times, sign);
            write!(
                text,
                "(func (export \"{bits}-{times}-{sign}\") (param $at i32) (result v128) (local $v v128)
                   (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
                   (local.set $v (v128.load (local.get $at)))
                   {sum})
                 (func (export \"{bits}-{times}-{sign}-replaced\") (param $at i32) (result v128) (local $v v128)
                   (local.set $v (v128.load (local.get $at)))
                   (v128.store (local.get $at) (v128.const i64x2 0 0))
                   {sum})"
            )
            .unwrap();
        }
    }
    text += ")";
    everywhere(&text, |engine, config| {
        let bytes: [u8; 16] = std::array::from_fn(|i| (i as u8 + 1).wrapping_mul(0x9D));
        let mut calls = 0;
        for (bits, times) in EXTENDED {
            for sign in ["s", "u"] {
                let name = format!("{bits}-{times}-{sign}");
                let sum = values([Value::V128(weighted_sum(bytes, bits, times, sign == "s"))]);
                for at in [16, 33, 65519, 65520] {
                    let place = Value::I32(at);
                    engine.call("fill", &[place, Value::V128(u128::from_le_bytes(bytes))]);
                    assert_eq!(engine.call(&name, &[place]), sum, "{config}: {name} at {at}");
                    let replaced = format!("{name}-replaced");
                    assert_eq!(engine.call(&replaced, &[place]), sum, "{config}: {replaced} at {at}");
                    let left = &engine.memory("m").unwrap()[at as usize..][..16];
                    assert_eq!(left, [0; 16], "{config}: {replaced} at {at}");
                    calls += 1;
                }
                for at in (65521..65536).chain([0xFFFF_FFF0, 0xFFFF_FFFF]) {
                    assert_eq!(engine.call(&name, &args([at])), trap(OUT_OF_BOUNDS), "{config}: {name} at {at}");
                    calls += 1;
                }
                let count = engine.memory("m").unwrap()[..4].to_vec();
                assert_eq!(count, u32::to_le_bytes(calls), "{config}: {name}");
            }
        }
    });
}

/// Arithmetic with a constant that seems to change nothing.
const NEUTRAL: [(&str, &str); 5] = [("mul", "1"), ("div", "1"), ("sub", "0"), ("add", "-0"), ("mul", "-1")];

#[test]
fn neutral_constants_quieten_signalling_nans_in_lanes() {
    let mut text = String::from("(module");
    for (index, (operation, value)) in NEUTRAL.iter().enumerate() {
        for (shape, scalar, lanes) in [("f32x4", "f32", 4), ("f64x2", "f64", 2)] {
            let constant = format!("(v128.const {shape}{})", format!(" {value}").repeat(lanes));
            let splat = format!("({shape}.splat ({scalar}.const {value}))");
            write!(
                text,
                "(func (export \"{shape}-{index}-const\") (param v128) (result v128)
                   ({shape}.{operation} (local.get 0) {constant}))
                 (func (export \"{shape}-{index}-local\") (param v128) (result v128) (local v128)
                   (local.set 1 {constant}) ({shape}.{operation} (local.get 0) (local.get 1)))
                 (func (export \"{shape}-{index}-splat\") (param v128) (result v128)
                   ({shape}.{operation} (local.get 0) {splat}))"
            )
            .unwrap();
        }
    }
    text += "(func (export \"demote\") (param v128) (result v128)
        (f32x4.demote_f64x2_zero (f64x2.promote_low_f32x4 (local.get 0)))))";
    let (single, double) = (0x7FA0_0001, 0x7FF4_0000_0000_0001);
    everywhere(&text, |engine, config| {
        for index in 0..NEUTRAL.len() {
            for kind in ["const", "local", "splat"] {
                for (shape, argument) in [("f32x4", lanes32([single; 4])), ("f64x2", lanes64([double; 2]))] {
                    let name = format!("{shape}-{index}-{kind}");
                    let quiet = if shape == "f32x4" { 0x0040_0000 << 96 } else { 0x0008_0000_0000_0000 << 64 };
                    match engine.call(&name, &[argument]) {
                        Outcome::Values(found) => {
                            let [Value::V128(bits)] = found[..] else { panic!("{found:?}") };
                            assert_eq!(bits & quiet, quiet, "{config}: {name}: {bits:#x}");
                        }
                        other => panic!("{config}: {name}: {other}"),
                    }
                }
            }
        }
        let Outcome::Values(found) = engine.call("demote", &[lanes32([single; 4])]) else { panic!("{config}") };
        let [Value::V128(bits)] = found[..] else { panic!("{found:?}") };
        assert_eq!(bits & 0x0040_0000_0040_0000, 0x0040_0000_0040_0000, "{config}: {bits:#x}");
    });
}

#[test]
fn words_are_multiplied_by_constants_next_to_powers_of_two() {
    let factors: [u16; 12] = [3, 5, 127, 129, 0x7FFF, 0x8001, 0xFFFD, 0xFF81, 12, 126, 0xC000, 102];
    let functions = factors.map(|factor| {
        let constant = format!("(v128.const i16x8{})", format!(" {factor}").repeat(8));
        format!("(func (export \"{factor}\") (param v128) (result v128) (i16x8.mul (local.get 0) {constant}))")
    });
    let lanes: [u16; 8] = [1, 2, 0x7FFF, 0x8000, 0xFFFF, 0x1234, 0xABCD, 0];
    let vector = |lanes: [u16; 8]| Value::V128(lanes.iter().rev().fold(0, |all, lane| all << 16 | u128::from(*lane)));
    everywhere(&format!("(module {})", functions.concat()), |engine, config| {
        for factor in factors {
            let wanted = vector(lanes.map(|lane| lane.wrapping_mul(factor)));
            assert_eq!(engine.call(&factor.to_string(), &[vector(lanes)]), values([wanted]), "{config}: {factor}");
        }
    });
}

#[test]
fn the_lesser_of_a_signalling_nan_and_what_changes_nothing_is_quiet() {
    let mut text = String::from("(module");
    for (shape, lanes) in [("f32x4", 4), ("f64x2", 2)] {
        for (operation, neutral) in [("min", "inf"), ("max", "-inf")] {
            let constant = format!("(v128.const {shape}{})", format!(" {neutral}").repeat(lanes));
            write!(
                text,
                "(func (export \"{shape}-{operation}-self\") (param v128) (result v128)
                   ({shape}.{operation} (local.get 0) (local.get 0)))
                 (func (export \"{shape}-{operation}-infinity\") (param v128) (result v128)
                   ({shape}.{operation} (local.get 0) {constant}))"
            )
            .unwrap();
        }
    }
    text.push(')');
    let (single, double) = (0x7FA0_0001, 0x7FF4_0000_0000_0001);
    everywhere(&text, |engine, config| {
        for (shape, argument, quiet) in [
            ("f32x4", lanes32([single; 4]), 0x0040_0000_0040_0000_0040_0000_0040_0000),
            ("f64x2", lanes64([double; 2]), 0x0008_0000_0000_0000_0008_0000_0000_0000),
        ] {
            for (operation, other) in [("min", "self"), ("min", "infinity"), ("max", "self"), ("max", "infinity")] {
                let name = format!("{shape}-{operation}-{other}");
                let Outcome::Values(found) = engine.call(&name, &[argument]) else { panic!("{config}: {name}") };
                let [Value::V128(bits)] = found[..] else { panic!("{found:?}") };
                assert_eq!(bits & quiet, quiet, "{config}: {name}: {bits:#x}");
            }
        }
    });
}

#[test]
fn subnormal_lanes_are_numbers() {
    let operations = ["add", "sub", "mul", "div", "min", "max", "pmin", "pmax", "lt", "eq", "gt", "ne"];
    let functions = operations.map(|operation| {
        format!(
            "(func (export \"{operation}\") (param v128 v128) (result v128) (f32x4.{operation} (local.get 0) (local.get 1)))"
        )
    });
    let text = format!(
        "(module {} (func (export \"sqrt\") (param v128) (result v128) (f32x4.sqrt (local.get 0))))",
        functions.concat()
    );
    let a = [0x0000_0001, 0x8000_0003, 0x0070_0000, 0x0000_0100];
    let b = [0x0000_0002, 0x0000_0005, 0x0000_0001, 0x3F80_0000];
    let floats = |lanes: [u32; 4]| lanes.map(f32::from_bits);
    let (x, y) = (floats(a), floats(b));
    let each = |operation: &dyn Fn(f32, f32) -> u32| lanes32(std::array::from_fn(|lane| operation(x[lane], y[lane])));
    let mask = |condition: bool| if condition { u32::MAX } else { 0 };
    let wanted: [(&str, Value); 12] = [
        ("add", each(&|x, y| (x + y).to_bits())),
        ("sub", each(&|x, y| (x - y).to_bits())),
        ("mul", each(&|x, y| (x * y).to_bits())),
        ("div", each(&|x, y| (x / y).to_bits())),
        ("min", each(&|x, y| x.min(y).to_bits())),
        ("max", each(&|x, y| x.max(y).to_bits())),
        ("pmin", each(&|x, y| x.min(y).to_bits())),
        ("pmax", each(&|x, y| x.max(y).to_bits())),
        ("lt", each(&|x, y| mask(x < y))),
        ("eq", each(&|x, y| mask(x == y))),
        ("gt", each(&|x, y| mask(x > y))),
        ("ne", each(&|x, y| mask(x != y))),
    ];
    everywhere(&text, |engine, config| {
        for (name, wanted) in &wanted {
            assert_eq!(engine.call(name, &[lanes32(a), lanes32(b)]), values([*wanted]), "{config}: {name}");
        }
        let root = |bits| f32::from_bits(bits).sqrt().to_bits();
        assert_eq!(engine.call("sqrt", &[lanes32(b)]), values([lanes32(b.map(root))]), "{config}");
    });
}

/// What could differ from machine to machine: instructions by name, and their count of operands.
fn differing() -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for shape in ["f32x4", "f64x2"] {
        for name in ["add", "sub", "mul", "div", "min", "max", "pmin", "pmax", "relaxed_min", "relaxed_max"] {
            found.push((format!("{shape}.{name}"), 2));
        }
        for name in ["sqrt", "ceil", "floor", "trunc", "nearest"] {
            found.push((format!("{shape}.{name}"), 1));
        }
        for name in ["relaxed_madd", "relaxed_nmadd"] {
            found.push((format!("{shape}.{name}"), 3));
        }
    }
    for (name, count) in [
        ("f32x4.demote_f64x2_zero", 1),
        ("f64x2.promote_low_f32x4", 1),
        ("i8x16.relaxed_swizzle", 2),
        ("i32x4.relaxed_trunc_f32x4_s", 1),
        ("i32x4.relaxed_trunc_f32x4_u", 1),
        ("i32x4.relaxed_trunc_f64x2_s_zero", 1),
        ("i32x4.relaxed_trunc_f64x2_u_zero", 1),
        ("i8x16.relaxed_laneselect", 3),
        ("i16x8.relaxed_laneselect", 3),
        ("i32x4.relaxed_laneselect", 3),
        ("i64x2.relaxed_laneselect", 3),
        ("i16x8.relaxed_q15mulr_s", 2),
        ("i16x8.relaxed_dot_i8x16_i7x16_s", 2),
        ("i32x4.relaxed_dot_i8x16_i7x16_add_s", 3),
    ] {
        found.push((name.into(), count));
    }
    found
}

/// For each instruction a function that digests its results for a thousand operands, a third of them NaNs.
fn digests() -> String {
    let mut text = String::from(
        "(module
           (func $next (param $seed v128) (param $round i32) (result v128) (local $bits v128)
             (local.set $bits
               (i64x2.add (i64x2.mul (local.get $seed) (v128.const i64x2 0x5851F42D4C957F2D 0x2545F4914F6CDD1D))
                 (i64x2.splat (i64.extend_i32_u (local.get $round)))))
             (local.set $bits (v128.xor (local.get $bits) (i64x2.shr_u (local.get $bits) (i32.const 29))))
             (select (v128.or (local.get $bits) (v128.const i64x2 0x7FF000007F800000 0xFFF00000FFA00000))
               (local.get $bits) (i32.eqz (i32.rem_u (local.get $round) (i32.const 3)))))",
    );
    for (name, count) in differing() {
        let operands = ["$x", "$y", "$z"][..count].iter().map(|local| format!("(local.get {local})"));
        write!(
            text,
            "(func (export \"{name}\") (result i64) (local $i i32) (local $x v128) (local $y v128) (local $z v128)
                 (local $sum v128)
               (loop $again
                 (local.set $x (call $next (local.get $y) (local.get $i)))
                 (local.set $y (call $next (local.get $x) (i32.add (local.get $i) (i32.const 1))))
                 (local.set $z (call $next (local.get $y) (i32.mul (local.get $i) (i32.const 7))))
                 (local.set $sum (i64x2.add
                   (i64x2.mul (local.get $sum) (v128.const i64x2 0x9E3779B97F4A7C15 0x9E3779B97F4A7C15))
                   ({name} {})))
                 (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
               (i64.xor (i64x2.extract_lane 0 (local.get $sum)) (i64x2.extract_lane 1 (local.get $sum))))",
            operands.collect::<String>()
        )
        .unwrap();
    }
    text + ")"
}

/// The digests of x86-64 stand in a file, so that any other target is compared with them; `BLESS=1` rewrites it.
#[test]
fn deterministic_code_gives_the_same_bits_on_every_target() {
    let wasm = wat::parse_str(digests()).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("hazards/deterministic.txt");
    for config in Config::selected() {
        let image = wasmc::compile(&wasm, &Options { deterministic: true, ..config.options() }).unwrap();
        let mut engine = Engine::of(&image, config.platform).unwrap();
        let found: String =
            differing().iter().map(|(name, _)| format!("{name} {}\n", engine.call(name, &[]))).collect();
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &found).unwrap();
        }
        let wanted = std::fs::read_to_string(&path).unwrap();
        assert!(found == wanted, "{config}: {:?}", found.lines().zip(wanted.lines()).find(|(a, b)| a != b));
    }
}
