//! Same module, same options: same bytes, whatever the threads, the folder, and what was compiled before.

use crate::{REAL, real_image};
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use wasmc::{Emit, Observer, OptLevel, Options, Phase, compile_observed};
use wasmc_tests::{Engine, Oracle, PLATFORMS, Scratch, Value};

/// Functions of the large module: enough for several units.
const FUNCTIONS: u32 = 200;

/// Steps in each of them.
const STEPS: u32 = 120;

#[test]
fn threads_do_not_matter() {
    let wasm = wat::parse_str(large_module(FUNCTIONS)).expect("the text is well formed");
    let (first, units) = compile(&wasm, 1);
    assert!(units >= 3, "{units} units: the module is too small for this test");
    for threads in [2, 5] {
        let (again, _) = compile(&wasm, threads);
        assert!(again == first, "{threads} threads make another image than one thread");
    }
    // And the units fit together.
    let mut engine = Engine::of(&first, &PLATFORMS[0]).expect("it needs nothing");
    let mut oracle = Oracle::new(&wasm).expect("it is valid");
    for (function, argument) in [("0", 0), ("7", 1), ("123", 0xFFFF_FFFF), ("0", 70_000)] {
        let args = [Value::I32(argument), Value::I64(argument.into())];
        let (found, wanted) = (engine.call(function, &args), oracle.call(function, &args));
        assert!(found.agrees(&wanted), "{function}({argument}): {found} instead of {wanted}");
    }
    assert!(engine.memory("memory") == oracle.memory("memory"));
}

#[test]
fn once_and_again_is_the_same() {
    let first = real_image();
    assert!((0..3).all(|_| real_image() == first));
}

#[test]
fn folders_do_not_matter() {
    let first = real_image();
    let here = std::env::current_dir().expect("tests have a folder");
    let scratch = Scratch::new("images-folders");
    let deeper = scratch.path().join("another folder/below");
    std::fs::create_dir_all(&deeper).expect("the scratch folder can be written");
    // No other test of this target depends on the folder it runs in.
    for folder in [scratch.path(), &deeper, Path::new("/")] {
        std::env::set_current_dir(folder).expect("the folder exists");
        let again = real_image();
        assert!(again == first, "in {} the image is another one", folder.display());
    }
    std::env::set_current_dir(here).expect("the folder exists");
    for folder in [scratch.path().as_os_str(), Path::new(env!("CARGO_MANIFEST_DIR")).as_os_str()] {
        let folder = folder.as_encoded_bytes();
        assert!(!first.windows(folder.len()).any(|part| part == folder), "the image has a path in it");
    }
}

#[test]
fn text_and_binary_differ_in_nothing_but_the_digest_of_what_was_compiled() {
    // The digest is of the binary module in both cases.
    let binary = wat::parse_str(REAL).expect("the module is well formed");
    let options = Options { level: OptLevel::O2, ..Options::default() };
    assert!(wasmc::compile(&binary, &options).expect("the module is right") == real_image());
}

/// An image, and of how many units it was made.
fn compile(wasm: &[u8], threads: usize) -> (Vec<u8>, usize) {
    let threads = NonZeroUsize::new(threads).expect("at least one");
    let options = Options { level: OptLevel::O1, threads, unit_len: 64 << 10, ..Options::default() };
    let mut units = Units::default();
    let image = compile_observed(wasm, &options, Emit::Aot, &mut units).expect("the module is right");
    (image, units.count)
}

/// Counts the reports of progress: one a unit.
#[derive(Default)]
struct Units {
    generating: bool,
    count: usize,
}

impl Observer for Units {
    fn phase_started(&mut self, phase: Phase) {
        self.generating = phase == Phase::Generate;
    }

    fn functions_done(&mut self, _done: usize, _total: usize) {
        self.count += usize::from(self.generating);
    }
}

/// Functions that call one another in a chain, with accesses of memory, constants and a jump table each.
pub fn large_module(functions: u32) -> String {
    let mut text = String::from("(module (memory (export \"memory\") 2)\n");
    for function in 0..functions {
        writeln!(text, "(func (export \"{function}\") (param i32 i64) (result i64) (local f64)").unwrap();
        for step in 0..STEPS {
            let number = (function * STEPS + step).wrapping_mul(0x9E37_79B1);
            text.push_str(&body_step(number ^ number >> 15));
        }
        let callee = function + 1 + (function * 7 % 30);
        if callee < functions {
            writeln!(text, "(local.set 1 (call {callee} (local.get 0) (local.get 1)))").unwrap();
        }
        text.push_str("(block (block (block (br_table 0 1 2 0 1 (local.get 0))) (return (i64.const 1)))");
        text.push_str("(return (local.get 1))) (i64.add (local.get 1) (i64.trunc_sat_f64_s (local.get 2))))\n");
    }
    text.push(')');
    text
}

/// A few instructions; `number` says which. None of them traps.
fn body_step(number: u32) -> String {
    let offset = number >> 20;
    let index = "(i32.and (local.get 0) (i32.const 0xffff))";
    match number % 7 {
        0 => format!("(local.set 1 (i64.xor (local.get 1) (i64.load offset={offset} {index})))"),
        1 => format!("(i32.store offset={offset} {index} (i32.wrap_i64 (local.get 1)))"),
        2 => format!("(local.set 2 (f64.add (local.get 2) (f64.const 0.{number})))"),
        3 => "(local.set 0 (i32.div_u (i32.wrap_i64 (local.get 1)) (i32.or (local.get 0) (i32.const 1))))".into(),
        4 => format!("(local.set 1 (i64.rotl (local.get 1) (i64.const {})))", number % 63 + 1),
        5 => "(local.set 2 (f64.mul (local.get 2) (f64.convert_i64_s (local.get 1))))".into(),
        _ => format!("(local.set 0 (i32.add (local.get 0) (i32.const {number})))"),
    }
}
