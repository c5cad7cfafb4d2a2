//! A module with very many functions: what grows faster than its input shows here, and branches that do not reach
//! need their veneers. `LARGE_FUNCTIONS=100000` is what `cargo xtask test --all` tries on AArch64 and ARM at -O0: more
//! than 40 MiB of code.

use std::env;
use std::num::NonZeroUsize;
use std::time::Instant;
use wasmc::{Emit, Observer, Options, Phase};
use wasmc_abi::image::{Header, MAGIC, Record};
use wasmc_abi::target::Arch;
use wasmc_tests::{Config, Engine, Outcome, Value};

/// Functions of a usual run.
const FUNCTIONS: u32 = 200;

/// Rounds of arithmetic in each function: 24 bytes of code or more.
const ROUNDS: u32 = 17;

/// The numbers of a round: added, multiplied by, rotated by.
fn numbers(function: u32, round: u32) -> (u32, u32, u32) {
    let seed = (function * ROUNDS + round).wrapping_mul(0x9E37_79B9);
    (seed ^ seed >> 15, seed.wrapping_mul(0x85EB_CA6B) | 0x1000_0001, 1 + seed % 30)
}

/// What the functions are: each passes its result on to the one at the other end, so that calls of every length
/// occur.
fn result(function: u32, count: u32, x: u32, calls: u32) -> u32 {
    let x = (0..ROUNDS)
        .map(|round| numbers(function, round))
        .fold(x, |x, (add, multiply, rotate)| x.wrapping_add(add).wrapping_mul(multiply) ^ x.rotate_left(rotate));
    if calls == 0 { x } else { result(count - 1 - function, count, x, calls - 1) }
}

/// What `run` returns: every function's turn, by way of the table.
fn checksum(count: u32) -> u32 {
    (0..count).fold(1, |x, function| result(function, count, x, 1))
}

/// Opcodes and other bytes of the binary format.
mod byte {
    pub const I32: u8 = 0x7F;
    pub const FUNC: u8 = 0x60;
    pub const END: u8 = 0x0B;
    pub const LOOP: u8 = 0x03;
    pub const IF: u8 = 0x04;
    pub const ELSE: u8 = 0x05;
    pub const EMPTY: u8 = 0x40;
    pub const BR_IF: u8 = 0x0D;
    pub const CALL: u8 = 0x10;
    pub const CALL_INDIRECT: u8 = 0x11;
    pub const GET: u8 = 0x20;
    pub const SET: u8 = 0x21;
    pub const TEE: u8 = 0x22;
    pub const CONST: u8 = 0x41;
    pub const LT_U: u8 = 0x49;
    pub const ADD: u8 = 0x6A;
    pub const SUB: u8 = 0x6B;
    pub const MUL: u8 = 0x6C;
    pub const XOR: u8 = 0x73;
    pub const ROTL: u8 = 0x77;
}

fn unsigned(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn constant(value: u32) -> Vec<u8> {
    let (mut value, mut bytes) = (value as i32, vec![byte::CONST]);
    while !(-64..64).contains(&value) {
        bytes.push(value as u8 & 0x7F | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8 & 0x7F);
    bytes
}

/// With its length before it.
fn sized(bytes: &[u8]) -> Vec<u8> {
    [&unsigned(bytes.len() as u32), bytes].concat()
}

fn module(count: u32) -> Vec<u8> {
    use byte::*;
    let function = |index: u32| {
        let mut body = vec![0];
        for (add, multiply, rotate) in (0..ROUNDS).map(|round| numbers(index, round)) {
            body.extend([&[GET, 0], constant(add).as_slice(), &[ADD], &constant(multiply), &[MUL]].concat());
            body.extend([&[GET, 0], constant(rotate).as_slice(), &[ROTL, XOR, SET, 0]].concat());
        }
        let callee = unsigned(count - 1 - index);
        body.extend([&[GET, 1, IF, I32, GET, 0, GET, 1, CONST, 1, SUB, CALL], callee.as_slice()].concat());
        body.extend([ELSE, GET, 0, END, END]);
        sized(&body)
    };
    // (func (result i32) (local $x i32) (local $i i32) ...)
    let run = [
        &[1, 2, I32, CONST, 1, SET, 0, LOOP, EMPTY, GET, 0, CONST, 1, GET, 1, CALL_INDIRECT, 0, 0, SET, 0],
        [&[GET, 1, CONST, 1, ADD, TEE, 1], constant(count).as_slice(), &[LT_U, BR_IF, 0, END, GET, 0, END]]
            .concat()
            .as_slice(),
    ]
    .concat();
    let all = unsigned(count);
    let indices = (0..count).flat_map(unsigned).collect::<Vec<_>>();
    let types = [2, FUNC, 2, I32, I32, 1, I32, FUNC, 0, 1, I32];
    let functions = [unsigned(count + 1), vec![0; count as usize], vec![1]].concat();
    let table = [&[1, 0x70, 0], all.as_slice()].concat();
    let export = [&[1, 3, b'r', b'u', b'n', 0], all.as_slice()].concat();
    let elements = [&[1, 0, CONST, 0, END], all.as_slice(), &indices].concat();
    let bodies = (0..count).flat_map(function).collect::<Vec<_>>();
    let code = [unsigned(count + 1), bodies, sized(&run)].concat();
    let sections = [(1, &types[..]), (3, &functions), (4, &table), (7, &export), (9, &elements), (10, &code)];
    let sections = sections.iter().flat_map(|(number, content)| [&[*number], sized(content).as_slice()].concat());
    b"\0asm\x01\0\0\0".iter().copied().chain(sections).collect()
}

/// Says how long each phase took.
struct Watch(Instant);

impl Observer for Watch {
    fn phase_started(&mut self, _: Phase) {
        self.0 = Instant::now();
    }

    fn phase_ended(&mut self, phase: Phase) {
        eprintln!("  {phase:?}: {:.1} s", self.0.elapsed().as_secs_f64());
    }
}

#[test]
fn very_many_functions_link_and_run() {
    let count = env::var("LARGE_FUNCTIONS").ok().map_or(FUNCTIONS, |count| count.parse().expect("a number"));
    let wasm = module(count);
    for config in Config::selected() {
        eprintln!("{config}, {count} functions, {} bytes of Wasm:", wasm.len());
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let options = Options { threads, ..config.options() };
        let image =
            wasmc::compile_observed(&wasm, &options, Emit::Aot, &mut Watch(Instant::now())).expect("it is valid");
        let start = image.windows(MAGIC.len()).position(|bytes| bytes == MAGIC).expect("it has a header");
        let header = Header::read(&image[start..]).expect("it is complete");
        eprintln!("  {} bytes of code, a file of {} bytes", header.code_len, image.len());
        let row = options.target.row;
        if count >= 100_000 && row.arch != Arch::X86_64 {
            assert!(header.code_len > 40 << 20, "{config}: {} bytes of code", header.code_len);
        }
        let has_veneers = image.windows(8).any(|bytes| bytes == b".veneer\0");
        // A branch reaches 32 MiB in A32, 16 MiB in T32, 128 MiB on AArch64.
        assert_eq!(has_veneers, row.arch == Arch::Arm && header.code_len > 40 << 20, "{config}");
        let started = Instant::now();
        let mut engine = Engine::of(&image, config.platform).expect("it needs nothing");
        assert_eq!(engine.call("run", &[]), Outcome::Values(vec![Value::I32(checksum(count))]), "{config}");
        eprintln!("  loaded and run in {:.1} s", started.elapsed().as_secs_f64());
    }
}
