//! The routines on this machine, through LLVM's JIT, against its own arithmetic.

use super::*;
use inkwell::OptimizationLevel;
use inkwell::execution_engine::ExecutionEngine;
use std::ffi::c_void;
use std::fmt::LowerHex;

/// Random operands of each test.
const ROUNDS: usize = 500_000;

/// The routines as machine code of the host.
struct Jit<'ctx> {
    engine: ExecutionEngine<'ctx>,
}

impl<'ctx> Jit<'ctx> {
    fn new(context: &'ctx Context) -> Jit<'ctx> {
        let llvm = parse(context).unwrap();
        Jit { engine: llvm.create_jit_execution_engine(OptimizationLevel::Default).unwrap() }
    }

    fn address(&self, name: &str) -> *const c_void {
        self.engine.get_function_address(name).unwrap_or_else(|e| panic!("{name}: {e}")) as *const c_void
    }
}

/// A routine as a function of Rust; the type has to be that of `routines.c`.
macro_rules! routine {
    ($jit:expr, $name:expr, $ty:ty) => {{
        let address = $jit.address($name);
        // SAFETY: code with that signature; the engine outlives the test's calls.
        unsafe { std::mem::transmute::<*const c_void, $ty>(address) }
    }};
}

#[repr(C)]
#[derive(Debug, PartialEq)]
struct Pair(u64, u64);

/// Operands that a routine can get wrong: special values, neighbours of powers of two, long runs of equal
/// bits, numbers close to each other.
struct Operands {
    state: u64,
}

impl Operands {
    fn new() -> Operands {
        Operands { state: 0x9E37_79B9_7F4A_7C15 }
    }

    fn bits(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// A few ones or zeros at random places, or all bits at random.
    fn integer(&mut self) -> u64 {
        let (a, b, kind) = (self.bits(), self.bits(), self.bits());
        match kind % 6 {
            0 => a,
            1 => a >> (b % 64),
            2 => (1 << (a % 64)) | (1 << (b % 64)),
            3 => (1u64 << (a % 64)).wrapping_sub(1 << (b % 64)),
            4 => !0 << (a % 64) >> (b % 64),
            _ => a & b.rotate_left(7) & kind.rotate_left(29),
        }
    }

    fn f64(&mut self) -> u64 {
        let (a, fraction) = (self.bits(), self.integer());
        let exponent = match a % 4 {
            0 => self.bits() % 0x800,
            1 => 0x3FF - 70 + self.bits() % 140,
            2 => self.bits() % 60,
            _ => 0x7C0 + self.bits() % 0x40,
        };
        (a & 1 << 63) | exponent << 52 | (fraction & 0xF_FFFF_FFFF_FFFF)
    }

    fn f32(&mut self) -> u32 {
        let (a, fraction) = (self.bits(), self.integer() as u32);
        let exponent = match a % 4 {
            0 => self.bits() % 0x100,
            1 => 0x7F - 40 + self.bits() % 80,
            2 => self.bits() % 30,
            _ => 0xE0 + self.bits() % 0x20,
        };
        (a >> 32) as u32 & 1 << 31 | (exponent as u32) << 23 | (fraction & 0x7F_FFFF)
    }
}

const F32: &[u32] = &[
    0,
    1,
    2,
    0x007F_FFFF,
    0x0080_0000,
    0x0080_0001,
    0x00FF_FFFF,
    0x3EFF_FFFF,
    0x3F00_0000,
    0x3F00_0001,
    0x3F7F_FFFF,
    0x3F80_0000,
    0x3F80_0001,
    0x3FC0_0000,
    0x4020_0000,
    0x4060_0000,
    0x4AFF_FFFF,
    0x4B00_0000,
    0x4B00_0001,
    0x4B7F_FFFF,
    0x4B80_0000,
    0x4EFF_FFFF,
    0x4F00_0000,
    0x4F7F_FFFF,
    0x4F80_0000,
    0x5EFF_FFFF,
    0x5F00_0000,
    0x5F7F_FFFF,
    0x5F80_0000,
    0x7F7F_FFFF,
    0x7F80_0000,
    0x7F80_0001,
    0x7FA0_0000,
    0x7FC0_0000,
    0x7FFF_FFFF,
];

const F64: &[u64] = &[
    0,
    1,
    2,
    0x000F_FFFF_FFFF_FFFF,
    0x0010_0000_0000_0000,
    0x0010_0000_0000_0001,
    0x001F_FFFF_FFFF_FFFF,
    0x3690_0000_0000_0000,
    0x3690_0000_0000_0001,
    0x36A0_0000_0000_0000,
    0x380F_FFFF_FFFF_FFFF,
    0x380F_FFFF_E000_0000,
    0x380F_FFFF_F000_0000,
    0x3810_0000_0000_0000,
    0x3FDF_FFFF_FFFF_FFFF,
    0x3FE0_0000_0000_0000,
    0x3FE0_0000_0000_0001,
    0x3FEF_FFFF_FFFF_FFFF,
    0x3FF0_0000_0000_0000,
    0x3FF0_0000_0000_0001,
    0x3FF0_0000_1000_0000,
    0x3FF0_0000_3000_0000,
    0x3FF8_0000_0000_0000,
    0x4004_0000_0000_0000,
    0x400C_0000_0000_0000,
    0x41DF_FFFF_FFC0_0000,
    0x41E0_0000_0000_0000,
    0x41EF_FFFF_FFE0_0000,
    0x41F0_0000_0000_0000,
    0x432F_FFFF_FFFF_FFFF,
    0x4330_0000_0000_0000,
    0x4330_0000_0000_0001,
    0x433F_FFFF_FFFF_FFFF,
    0x4340_0000_0000_0000,
    0x43DF_FFFF_FFFF_FFFF,
    0x43E0_0000_0000_0000,
    0x43EF_FFFF_FFFF_FFFF,
    0x43F0_0000_0000_0000,
    0x47EF_FFFF_E000_0000,
    0x47EF_FFFF_EFFF_FFFF,
    0x47EF_FFFF_F000_0000,
    0x7FEF_FFFF_FFFF_FFFF,
    0x7FF0_0000_0000_0000,
    0x7FF0_0000_0000_0001,
    0x7FF4_0000_0000_0000,
    0x7FF8_0000_0000_0000,
    0x7FFF_FFFF_FFFF_FFFF,
];

/// Every pair of special values, then random ones.
fn pairs_f64() -> impl Iterator<Item = (f64, f64)> {
    let special = || F64.iter().flat_map(|x| [*x, *x | 1 << 63]);
    let pairs: Vec<_> = special().flat_map(|a| special().map(move |b| (a, b))).collect();
    let mut random = Operands::new();
    let random = (0..ROUNDS).map(move |round| {
        let a = random.f64();
        // Now and then one that is close to the other.
        let b = if round % 8 == 0 { a ^ (random.integer() & 0x8000_0000_0000_00FF) } else { random.f64() };
        (a, b)
    });
    pairs.into_iter().chain(random).map(|(a, b)| (f64::from_bits(a), f64::from_bits(b)))
}

fn pairs_f32() -> impl Iterator<Item = (f32, f32)> {
    let special = || F32.iter().flat_map(|x| [*x, *x | 1 << 31]);
    let pairs: Vec<_> = special().flat_map(|a| special().map(move |b| (a, b))).collect();
    let mut random = Operands::new();
    let random = (0..ROUNDS).map(move |round| {
        let a = random.f32();
        let b = if round % 8 == 0 { a ^ (random.integer() as u32 & 0x8000_00FF) } else { random.f32() };
        (a, b)
    });
    pairs.into_iter().chain(random).map(|(a, b)| (f32::from_bits(a), f32::from_bits(b)))
}

fn pairs_u64() -> impl Iterator<Item = (u64, u64)> {
    let mut random = Operands::new();
    let mut special =
        vec![0, 1, 2, 3, 0xFFFF, 0x1_0000, 0xFFFF_FFFF, 1 << 32, (1 << 32) + 1, i64::MAX as u64, 1 << 63, !0];
    special.extend([0x8000_0000, 0x7FFF_FFFF, 0xFFFF_0000, 0xFFFF_FFFF_0000_0000, 0xFFFF_FFFE_FFFF_FFFF, !1]);
    let pairs: Vec<_> = special.iter().flat_map(|a| special.iter().map(|b| (*a, *b))).collect();
    pairs.into_iter().chain((0..ROUNDS).map(move |_| (random.integer(), random.integer())))
}

fn check<T: PartialEq + LowerHex>(name: &str, operands: impl LowerHexAll, found: T, wanted: T) {
    assert!(found == wanted, "{name} of {}: {found:#x}, wanted {wanted:#x}", operands.text());
}

/// Operands for a message.
trait LowerHexAll {
    fn text(&self) -> String;
}
impl LowerHexAll for u64 {
    fn text(&self) -> String {
        format!("{self:#x}")
    }
}
impl LowerHexAll for (u64, u64) {
    fn text(&self) -> String {
        format!("{:#x}, {:#x}", self.0, self.1)
    }
}

/// The bits of a result, where every NaN is the canonical one.
fn canonical_f64(x: f64) -> u64 {
    if x.is_nan() { 0x7FF8_0000_0000_0000 } else { x.to_bits() }
}

fn canonical_f32(x: f32) -> u32 {
    if x.is_nan() { 0x7FC0_0000 } else { x.to_bits() }
}

macro_rules! binary {
    ($jit:expr, $pairs:expr, $canonical:ident, $F:ty, $($name:literal $operator:tt;)*) => {$(
        let found = routine!($jit, $name, extern "C" fn($F, $F) -> $F);
        for (a, b) in $pairs {
            let operands = (u64::from(a.to_bits()), u64::from(b.to_bits()));
            check($name, operands, found(a, b).to_bits(), $canonical(a $operator b));
        }
    )*};
}

#[test]
fn arithmetic_agrees_with_the_host_to_the_bit() {
    let context = Context::create();
    let jit = Jit::new(&context);
    binary! { jit, pairs_f64(), canonical_f64, f64, "add_f64" +; "sub_f64" -; "mul_f64" *; "div_f64" /; }
    binary! { jit, pairs_f32(), canonical_f32, f32, "add_f32" +; "sub_f32" -; "mul_f32" *; "div_f32" /; }
}

macro_rules! unary {
    ($jit:expr, $pairs:expr, $canonical:ident, $F:ty, $To:ty, $($name:literal $wanted:expr;)*) => {$(
        let found = routine!($jit, $name, extern "C" fn($F) -> $To);
        let wanted: fn($F) -> $To = $wanted;
        for (a, b) in $pairs {
            check($name, u64::from(a.to_bits()), found(a).to_bits(), $canonical(wanted(a)));
            check($name, u64::from(b.to_bits()), found(b).to_bits(), $canonical(wanted(b)));
        }
    )*};
}

#[test]
fn rounding_and_roots_agree_with_the_host_to_the_bit() {
    let context = Context::create();
    let jit = Jit::new(&context);
    unary! { jit, pairs_f64(), canonical_f64, f64, f64,
        "sqrt_f64" f64::sqrt;
        "ceil_f64" f64::ceil;
        "floor_f64" f64::floor;
        "trunc_f64" f64::trunc;
        "nearest_f64" f64::round_ties_even;
    }
    unary! { jit, pairs_f32(), canonical_f32, f32, f32,
        "sqrt_f32" f32::sqrt;
        "ceil_f32" f32::ceil;
        "floor_f32" f32::floor;
        "trunc_f32" f32::trunc;
        "nearest_f32" f32::round_ties_even;
    }
    unary! { jit, pairs_f64(), canonical_f32, f64, f32, "demote" |x| x as f32; }
    unary! { jit, pairs_f32(), canonical_f64, f32, f64, "promote" |x| x.into(); }
}

macro_rules! comparisons {
    ($jit:expr, $pairs:expr, $F:ty, $($name:literal $wanted:expr;)*) => {$(
        let found = routine!($jit, $name, extern "C" fn($F, $F) -> i32);
        let wanted: fn($F, $F) -> i32 = $wanted;
        for (a, b) in $pairs {
            let operands = (u64::from(a.to_bits()), u64::from(b.to_bits()));
            check($name, operands, found(a, b), wanted(a, b));
        }
    )*};
}

#[test]
fn comparisons_agree_with_the_host() {
    let context = Context::create();
    let jit = Jit::new(&context);
    comparisons! { jit, pairs_f64(), f64,
        "compare_less_f64" |a, b| a.partial_cmp(&b).map_or(1, |o| o as i32);
        "compare_greater_f64" |a, b| a.partial_cmp(&b).map_or(-1, |o| o as i32);
        "unordered_f64" |a, b| (a.is_nan() || b.is_nan()).into();
        "eq_f64" |a, b| (a == b).into();
        "lt_f64" |a, b| (a < b).into();
        "le_f64" |a, b| (a <= b).into();
        "gt_f64" |a, b| (a > b).into();
        "ge_f64" |a, b| (a >= b).into();
    }
    comparisons! { jit, pairs_f32(), f32,
        "compare_less_f32" |a, b| a.partial_cmp(&b).map_or(1, |o| o as i32);
        "compare_greater_f32" |a, b| a.partial_cmp(&b).map_or(-1, |o| o as i32);
        "unordered_f32" |a, b| (a.is_nan() || b.is_nan()).into();
        "eq_f32" |a, b| (a == b).into();
        "lt_f32" |a, b| (a < b).into();
        "le_f32" |a, b| (a <= b).into();
        "gt_f32" |a, b| (a > b).into();
        "ge_f32" |a, b| (a >= b).into();
    }
}

macro_rules! from_integers {
    ($jit:expr, $($name:literal $from:ty, $F:ty;)*) => {$(
        let found = routine!($jit, $name, extern "C" fn($from) -> $F);
        for (a, b) in pairs_u64() {
            check($name, a, found(a as $from).to_bits(), (a as $from as $F).to_bits());
            check($name, b, found(b as $from).to_bits(), (b as $from as $F).to_bits());
        }
    )*};
}

/// What does not fit is anything: compiled code does not ask.
macro_rules! to_integers {
    ($jit:expr, $pairs:expr, $($name:literal $F:ty, $to:ty, $limit:expr;)*) => {$(
        let found = routine!($jit, $name, extern "C" fn($F) -> $to);
        let (low, high) = if <$to>::MIN == 0 { (-1.0, $limit * 2.0) } else { (-$limit, $limit) };
        for (a, b) in $pairs {
            for x in [a, b] {
                let x_fits = x > low && x < high || (x == low && low < -1.0);
                let wanted = if x_fits { x as $to } else { continue };
                check($name, u64::from(x.to_bits()), found(x), wanted);
            }
        }
    )*};
}

#[test]
fn conversions_of_integers_agree_with_the_host_to_the_bit() {
    let context = Context::create();
    let jit = Jit::new(&context);
    from_integers! { jit,
        "from_i32_f32" i32, f32; "from_u32_f32" u32, f32; "from_i64_f32" i64, f32; "from_u64_f32" u64, f32;
        "from_i32_f64" i32, f64; "from_u32_f64" u32, f64; "from_i64_f64" i64, f64; "from_u64_f64" u64, f64;
    }
    let (half, long) = (2f32.powi(31), 2f32.powi(63));
    to_integers! { jit, pairs_f32(),
        "to_i32_f32" f32, i32, half; "to_u32_f32" f32, u32, half; "to_i64_f32" f32, i64, long;
        "to_u64_f32" f32, u64, long;
    }
    let (half, long) = (2f64.powi(31), 2f64.powi(63));
    to_integers! { jit, pairs_f64(),
        "to_i32_f64" f64, i32, half; "to_u32_f64" f64, u32, half; "to_i64_f64" f64, i64, long;
        "to_u64_f64" f64, u64, long;
    }
}

type Division = fn(u64, u64) -> u64;

#[test]
fn division_agrees_with_the_host() {
    let context = Context::create();
    let jit = Jit::new(&context);
    let both_u64 = routine!(jit, "div_rem_u64", extern "C" fn(u64, u64) -> Pair);
    let both_s64 = routine!(jit, "div_rem_s64", extern "C" fn(u64, u64) -> Pair);
    let singles: [(&str, Division); 4] = [
        ("div_u64", |a, b| a / b),
        ("rem_u64", |a, b| a % b),
        ("div_s64", |a, b| (a as i64).wrapping_div(b as i64) as u64),
        ("rem_s64", |a, b| (a as i64).wrapping_rem(b as i64) as u64),
    ];
    let singles = singles.map(|(name, wanted)| (name, routine!(jit, name, extern "C" fn(u64, u64) -> u64), wanted));
    let quotient = routine!(jit, "div_u128", extern "C" fn(u64, u64, u64, u64) -> Pair);
    let remainder = routine!(jit, "rem_u128", extern "C" fn(u64, u64, u64, u64) -> Pair);
    let pair = |value: u128| Pair(value as u64, (value >> 64) as u64);
    let wide = |low: u64, high: u64| u128::from(high) << 64 | u128::from(low);
    for (low, high) in pairs_u64() {
        for (a, b) in [
            (wide(low, high), wide(high, low)),
            (wide(low, high), low.into()),
            (low.into(), high.into()),
            (low.into(), wide(low, high)),
            (wide(high, u64::MAX), wide(low, 1 << 63)),
        ] {
            if b != 0 {
                let ((a_low, a_high), (b_low, b_high)) = ((a as u64, (a >> 64) as u64), (b as u64, (b >> 64) as u64));
                assert_eq!(quotient(a_low, a_high, b_low, b_high), pair(a / b), "{a:#x} / {b:#x}");
                assert_eq!(remainder(a_low, a_high, b_low, b_high), pair(a % b), "{a:#x} % {b:#x}");
            }
        }
    }
    for (a, b) in pairs_u64().filter(|(_, b)| *b != 0) {
        assert_eq!(both_u64(a, b), Pair(a / b, a % b), "{a:#x} / {b:#x}");
        let (a, b) = (a as i64, b as i64);
        let wanted = Pair(a.wrapping_div(b) as u64, a.wrapping_rem(b) as u64);
        assert_eq!(both_s64(a as u64, b as u64), wanted, "{a:#x} / {b:#x}, signed");
        for (name, found, wanted) in singles {
            check(name, (a as u64, b as u64), found(a as u64, b as u64), wanted(a as u64, b as u64));
        }
    }
    let both_u32 = routine!(jit, "div_rem_u32", extern "C" fn(u32, u32) -> u64);
    let both_s32 = routine!(jit, "div_rem_s32", extern "C" fn(u32, u32) -> u64);
    let div_u32 = routine!(jit, "div_u32", extern "C" fn(u32, u32) -> u32);
    let div_s32 = routine!(jit, "div_s32", extern "C" fn(i32, i32) -> i32);
    for (a, b) in pairs_u64().map(|(a, b)| (a as u32, b as u32)).filter(|(_, b)| *b != 0) {
        let operands = (u64::from(a), u64::from(b));
        check("div_rem_u32", operands, both_u32(a, b), u64::from(a % b) << 32 | u64::from(a / b));
        check("div_u32", operands, div_u32(a, b), a / b);
        let (quotient, remainder) = ((a as i32).wrapping_div(b as i32), (a as i32).wrapping_rem(b as i32));
        let wanted = u64::from(remainder as u32) << 32 | u64::from(quotient as u32);
        check("div_rem_s32", operands, both_s32(a, b), wanted);
        check("div_s32", operands, div_s32(a as i32, b as i32), quotient);
    }
}

type Shift = fn(u64, u32) -> u64;

#[test]
fn shifts_agree_with_the_host() {
    let context = Context::create();
    let jit = Jit::new(&context);
    let shifts: [(&str, Shift); 3] = [
        ("shift_left", |x, count| x << count),
        ("shift_right", |x, count| x >> count),
        ("shift_right_signed", |x, count| (x as i64 >> count) as u64),
    ];
    for (name, wanted) in shifts {
        let found = routine!(jit, name, extern "C" fn(u64, u32) -> u64);
        for (x, _) in pairs_u64().take(2000) {
            (0..64).for_each(|count| check(name, (x, count.into()), found(x, count), wanted(x, count)));
        }
    }
}

#[test]
fn memory_routines_do_what_their_names_say() {
    let context = Context::create();
    let jit = Jit::new(&context);
    let copy = routine!(jit, "memory_copy", extern "C" fn(*mut u8, *const u8, u32) -> *mut u8);
    let moved = routine!(jit, "memory_move", extern "C" fn(*mut u8, *const u8, u32) -> *mut u8);
    let fill = routine!(jit, "memory_fill", extern "C" fn(*mut u8, u32, u32) -> *mut u8);
    let fill_aeabi = routine!(jit, "memory_fill_aeabi", extern "C" fn(*mut u8, u32, u32));
    let clear = routine!(jit, "memory_clear", extern "C" fn(*mut u8, u32));
    let fresh: Vec<u8> = (0..64).collect();
    for (to, from, len) in [(0, 3, 20), (3, 0, 20), (5, 5, 9), (32, 1, 31), (1, 32, 31), (7, 9, 0), (0, 0, 64)] {
        let mut wanted = fresh.clone();
        wanted.copy_within(from..from + len, to);
        let mut found = fresh.clone();
        let base = found.as_mut_ptr();
        assert_eq!(moved(base.wrapping_add(to), base.wrapping_add(from), len as u32), base.wrapping_add(to));
        assert_eq!(found, wanted, "{len} bytes from {from} to {to}");
        if from.abs_diff(to) >= len {
            found.clone_from(&fresh);
            let base = found.as_mut_ptr();
            copy(base.wrapping_add(to), base.wrapping_add(from), len as u32);
            assert_eq!(found, wanted, "{len} bytes from {from} to {to}, apart");
        }
        found[to..to + len].fill(7);
        wanted[to..to + len].fill(0xAB);
        let start = found.as_mut_ptr().wrapping_add(to);
        fill(start, 0x12AB, len as u32);
        assert_eq!(found, wanted);
        fill_aeabi(start, len as u32, 0xCD);
        clear(start, len as u32 / 2);
        wanted[to..to + len].fill(0xCD);
        wanted[to..to + len / 2].fill(0);
        assert_eq!(found, wanted);
    }
}

#[test]
fn each_routine_has_a_name_and_each_name_a_routine() {
    let context = Context::create();
    let llvm = parse(&context).unwrap();
    let mut symbols = BTreeSet::new();
    for row in table::ROWS {
        assert!(llvm.get_function(row.routine).is_some(), "{}", row.routine);
        assert!(symbols.insert(row.symbol), "{} stands there twice", row.symbol);
    }
    for function in llvm.get_functions().filter(|f| f.get_linkage() == Linkage::External && f.count_basic_blocks() > 0)
    {
        let name = function.get_name().to_str().unwrap();
        assert!(table::ROWS.iter().any(|row| row.routine == name), "nothing can call {name}");
    }
}

/// `BLESS=1 cargo test -p wasmc --lib routines` rewrites the IR.
#[test]
fn the_ir_is_what_clang_makes_of_the_source() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/routines");
    if std::process::Command::new("clang-22").arg("--version").output().is_err() {
        return;
    }
    let made = std::process::Command::new("sh").arg(format!("{folder}/make.sh")).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(format!("{folder}/routines.ll"), &made.stdout).unwrap();
    } else {
        assert!(made.stdout == IR.trim_end_matches('\0').as_bytes(), "routines.ll is not what make.sh prints");
    }
}
