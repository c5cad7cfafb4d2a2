//! With units that were kept: the same bytes as without, and only what has changed is made anew.

use crate::deterministic::large_module;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use wasmc::incremental::{Key, Store};
use wasmc::{OptLevel, Options, Profile, Profiling, Target, compile, compile_incremental};
use wasmc_tests::{Engine, PLATFORMS, Value};

/// A store in memory, which counts.
#[derive(Default)]
struct Memory(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    entries: HashMap<Key, Vec<u8>>,
    found: usize,
    kept: usize,
}

impl Store for Memory {
    fn find(&self, key: &Key) -> Option<Vec<u8>> {
        let mut inner = self.0.lock().expect("no test panics here");
        let found = inner.entries.get(key).cloned();
        inner.found += usize::from(found.is_some());
        found
    }

    fn keep(&self, key: &Key, entry: Vec<u8>) {
        let mut inner = self.0.lock().expect("no test panics here");
        inner.kept += 1;
        inner.entries.insert(*key, entry);
    }
}

impl Memory {
    /// Compiles, which must give what is made without a store; how many units were found, and how many made.
    fn compile(&self, wasm: &[u8], options: &Options) -> (usize, usize) {
        let image = compile_incremental(wasm, options, self, &mut ()).expect("the module is right");
        assert!(image == compile(wasm, options).expect("the module is right"), "another image than without a store");
        let mut inner = self.0.lock().expect("no test panics here");
        let counts = (inner.found, inner.kept);
        (inner.found, inner.kept) = (0, 0);
        counts
    }

    fn entries(&self) -> Vec<Vec<u8>> {
        self.0.lock().expect("no test panics here").entries.values().cloned().collect()
    }
}

/// Of units so short that the module has a few, and quick to make.
fn options(threads: usize) -> Options {
    let threads = NonZeroUsize::new(threads).expect("at least one");
    Options { level: OptLevel::O1, unit_len: 24 << 10, threads, ..Options::default() }
}

#[test]
fn one_function_that_changes_is_one_unit_that_is_compiled() {
    let text = large_module(80);
    let store = Memory::default();
    let (found, units) = store.compile(text.as_bytes(), &options(2));
    assert!(found == 0 && units >= 4, "{found} units found, {units} made");
    assert_eq!(store.compile(text.as_bytes(), &options(1)), (units, 0));
    // Another constant, and one that makes the body and all offsets behind it longer: in the third function.
    for (what, with) in [("(i32.const 1)", "(i32.const 3)"), ("(i32.const 1)", "(i32.const 123456789)")] {
        let third = text.match_indices("(func").nth(2).expect("there are more").0;
        let at = third + text[third..].find(what).expect("it is there");
        let changed = format!("{}{with}{}", &text[..at], &text[at + what.len()..]);
        let (found, made) = store.compile(changed.as_bytes(), &options(2));
        assert_eq!((found, made), (units - 1, 1), "{with}");
    }
}

#[test]
fn what_code_depends_on_is_in_the_key() {
    const ONE: &str = "(module (memory 1) (global $g (mut i32) (i32.const 0))
        (func (export \"f\") (param i32) (result i32) (i32.load (local.get 0))))";
    let store = Memory::default();
    let base = Options { threads: NonZeroUsize::MIN, ..Options::default() };
    let used = |calls| {
        let image = compile(ONE.as_bytes(), &Options { profiling: Profiling::Generate, ..base.clone() });
        let mut engine = Engine::of(&image.expect("it is right"), &PLATFORMS[0]).expect("it needs nothing");
        (0..calls).for_each(|_| drop(engine.call("f", &[Value::I32(0)])));
        let profile = engine.profile().expect("it counts");
        Profiling::Use(Arc::new(Profile::read(&profile).expect("it is sound")))
    };
    let v3 = || Target::new("x86_64-linux", Some("x86-64-v3"), &[]).expect("it is known");
    for options in [
        base.clone(),
        Options { level: OptLevel::O3, ..base.clone() },
        Options { memory: wasmc::MemoryModel::Checked, ..base.clone() },
        Options { target: v3(), ..base.clone() },
        Options { target: Target::new("aarch64-linux", None, &[]).expect("it is known"), ..base.clone() },
        Options { strip: true, ..base.clone() },
        Options { fuel: true, ..base.clone() },
        Options { profiling: Profiling::Generate, ..base.clone() },
        Options { profiling: used(1), ..base.clone() },
        Options { profiling: used(2), ..base.clone() },
    ] {
        assert_eq!(store.compile(ONE.as_bytes(), &options), (0, 1), "{options:?}");
        assert_eq!(store.compile(ONE.as_bytes(), &options), (1, 0), "{options:?}");
    }
    // Of the module, what no function's instructions tell: pages of one byte, which no guard ends.
    let bytes = ONE.replace("(memory 1)", "(memory 65536 (pagesize 1))");
    assert_eq!(store.compile(bytes.as_bytes(), &base), (0, 1));
    // What is not code: names of exports.
    assert_eq!(store.compile(ONE.replace("\"f\"", "\"g\"").as_bytes(), &base), (1, 0));
}

#[test]
fn damaged_entries_are_made_anew() {
    let text = large_module(4);
    let store = Memory::default();
    assert_eq!(store.compile(text.as_bytes(), &options(1)), (0, 1));
    let [entry] = &store.entries()[..] else { panic!("one unit, one entry") };
    for damage in [
        |entry: &mut Vec<u8>| entry.truncate(100),
        |entry: &mut Vec<u8>| entry.clear(),
        |entry: &mut Vec<u8>| *entry.last_mut().expect("it is not empty") ^= 1,
        |entry: &mut Vec<u8>| entry[40] ^= 0x80,
        |entry: &mut Vec<u8>| entry.push(0),
    ] {
        store.0.lock().expect("no test panics here").entries.values_mut().for_each(damage);
        assert_eq!(store.compile(text.as_bytes(), &options(1)), (1, 1));
        assert_eq!(store.entries(), std::slice::from_ref(entry));
    }
}
