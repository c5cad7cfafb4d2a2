//! Addresses that loops count or follow: up to the end of memory, across the end of the index space, and not at all.

use crate::{args, everywhere, i32, trap, wherever};
use wasmc_abi::TrapCode::MemoryOutOfBounds;
use wasmc_tests::{Config, Outcome};

const PAGE: u32 = 65536;

const MODULE: &str = "(module (memory (export \"m\") 1)
    (func (export \"put\") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
    (func (export \"fill\") (param i32 i32) (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
    (func (export \"scan\") (param $p i32) (result i32)
        (loop $on (if (i32.load8_u (local.get $p)) (then (local.set $p (i32.add (local.get $p) (i32.const 1))) (br $on))))
        (local.get $p))
    (func (export \"scan_words\") (param $p i32) (param $end i32) (result i32)
        (block $out (loop $on
            (br_if $out (i32.eqz (i32.load offset=8 (local.get $p))))
            (br_if $on (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 4))) (local.get $end)))))
        (local.get $p))
    (func (export \"scan_far\") (param $p i32) (result i32)
        (loop $on (if (i32.load8_u (local.get $p)) (then (local.set $p (i32.add (local.get $p) (i32.const 32767))) (br $on))))
        (local.get $p))
    (func (export \"step_first\") (param $p i32) (result i32)
        (loop $on (br_if $on (i32.load8_u (local.tee $p (i32.add (local.get $p) (i32.const 4))))))
        (local.get $p))
    (func (export \"scan_down\") (param $p i32) (result i32)
        (loop $on (if (i32.load8_u (local.get $p)) (then (local.set $p (i32.sub (local.get $p) (i32.const 4))) (br $on))))
        (local.get $p))
    (func (export \"some_rounds\") (param $p i32) (param $skip i32) (param $n i32) (result i32) (local $sum i32)
        (loop $on
            (if (i32.eqz (local.get $skip))
                (then (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $p)))))
                (else (local.set $skip (i32.sub (local.get $skip) (i32.const 1)))))
            (local.set $p (i32.add (local.get $p) (i32.const 4096)))
            (br_if $on (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $sum))
    (func (export \"follow\") (param $p i32) (result i32) (local $last i32)
        (loop $on (local.set $last (local.get $p)) (br_if $on (local.tee $p (i32.load (local.get $p)))))
        (local.get $last))
    (func (export \"choose\") (param $p i32) (param $key i32) (result i32) (local $n i32)
        (loop $on
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (local.set $p (i32.load (i32.add (local.get $p)
                (i32.shl (i32.lt_u (i32.load offset=8 (local.get $p)) (local.get $key)) (i32.const 2)))))
            (br_if $on (local.get $p)))
        (local.get $n)))";

fn filled(claim: impl Fn(&str, &dyn Fn(&str, &[u32]) -> Outcome)) {
    everywhere(MODULE, |engine, config| {
        engine.call("fill", &args([0, PAGE]));
        let engine = std::cell::RefCell::new(engine);
        let call = |name: &str, numbers: &[u32]| {
            let values: Vec<_> = numbers.iter().flat_map(|number| args([*number])).collect();
            engine.borrow_mut().call(name, &values)
        };
        claim(&config.to_string(), &call);
    });
}

#[test]
fn counting_up_traps_at_the_end_of_memory_and_goes_on_behind_that_of_the_index_space() {
    filled(|config, call| {
        for name in ["scan", "scan_far", "step_first"] {
            for start in [0, 7, PAGE - 1, PAGE, 0x7fff_fff0, 0x8000_0000, u32::MAX - 70000] {
                assert_eq!(call(name, &[start]), trap(MemoryOutOfBounds), "{config} {name} {start:#x}");
            }
        }
        assert_eq!(call("scan", &[u32::MAX]), trap(MemoryOutOfBounds), "{config}");
        call("put", &[40, 0]);
        assert_eq!(call("scan", &[3]), i32(40), "{config}");
        assert_eq!(call("scan_far", &[40]), i32(40), "{config}");
        // The first step wraps, and is the program's.
        assert_eq!(call("step_first", &[u32::MAX - 3]), i32(40), "{config}");
        assert_eq!(call("step_first", &[u32::MAX - 7]), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(call("scan_words", &[0, 100]), i32(32), "{config}");
        assert_eq!(call("scan_words", &[36, 100]), i32(100), "{config}");
        assert_eq!(call("scan_words", &[36, u32::MAX]), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(call("scan_words", &[u32::MAX - 3, 100]), trap(MemoryOutOfBounds), "{config}");
    });
}

#[test]
fn counting_down_wraps_below_zero_and_traps() {
    filled(|config, call| {
        for start in [0, 3, 4000, PAGE - 1] {
            assert_eq!(call("scan_down", &[start]), trap(MemoryOutOfBounds), "{config} {start}");
        }
        call("put", &[40, 0]);
        assert_eq!(call("scan_down", &[400]), i32(40), "{config}");
    });
}

#[test]
fn rounds_without_an_access_may_wrap() {
    filled(|config, call| {
        // From the last page of the index space to the first of memory.
        assert_eq!(call("some_rounds", &[0xffff_f000, 1, 17]), i32(16), "{config}");
        assert_eq!(call("some_rounds", &[0xffff_f000, 0, 17]), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(call("some_rounds", &[0xffff_e000, 1, 17]), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(call("some_rounds", &[0, 0, 16]), i32(16), "{config}");
        assert_eq!(call("some_rounds", &[0, 0, 17]), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(call("some_rounds", &[0, 17, 17]), i32(0), "{config}");
    });
}

#[test]
fn what_is_followed_traps_where_it_leads_outside() {
    filled(|config, call| {
        for (address, next) in [(8, 65000), (65000, 16), (16, 65532), (65532, 0)] {
            call("put", &[address, next]);
        }
        assert_eq!(call("follow", &[8]), i32(65532), "{config}");
        for outside in [PAGE - 3, PAGE, 0x7fff_ffff, 0x8000_0008, 0xffff_fffc, u32::MAX] {
            call("put", &[65532, outside]);
            assert_eq!(call("follow", &[8]), trap(MemoryOutOfBounds), "{config} {outside:#x}");
            call("put", &[104, outside]);
            call("put", &[108, 5]);
            assert_eq!(call("choose", &[100, 0]), trap(MemoryOutOfBounds), "{config} {outside:#x}");
        }
        for (address, word) in [(100, 0), (104, 200), (108, 5), (200, 0), (204, 0), (208, 7)] {
            call("put", &[address, word]);
        }
        assert_eq!(call("choose", &[100, 6]), i32(2), "{config}");
        assert_eq!(call("choose", &[100, 5]), i32(1), "{config}");
        assert_eq!(call("choose", &[PAGE - 8, 6]), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(call("choose", &[0xffff_fff8, 6]), trap(MemoryOutOfBounds), "{config}");
    });
}

#[test]
fn the_largest_memory_is_scanned_to_its_end() {
    let text = MODULE.replace("(memory (export \"m\") 1)", "(memory (export \"m\") 65535)");
    let wasm = wat::parse_str(text).expect("the test's module is well formed");
    let is_wide = |config: &Config| config.platform.compile_target().row.pointer_bits == 64;
    let end = 0xffff_0000_u32;
    wherever(
        &wasm,
        |engine, config| {
            engine.call("fill", &args([end - 64, 64]));
            assert_eq!(engine.call("scan", &args([end - 64])), trap(MemoryOutOfBounds), "{config}");
            assert_eq!(engine.call("scan", &args([end - 65])), i32(end - 65), "{config}");
            assert_eq!(engine.call("scan_words", &args([end - 64, u32::MAX])), trap(MemoryOutOfBounds), "{config}");
            assert_eq!(engine.call("scan_far", &args([end - 1])), trap(MemoryOutOfBounds), "{config}");
            assert_eq!(engine.call("scan_down", &args([end - 1])), i32(end - 65), "{config}");
        },
        Config::selected().into_iter().filter(is_wide),
    );
}
