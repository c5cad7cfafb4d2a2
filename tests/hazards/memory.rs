//! Linear memory: every width at odd addresses and at the edges of the index space, and the bulk
//! instructions' bounds.

use crate::{args, everywhere, i32, trap, values};
use wasmc_abi::TrapCode::MemoryOutOfBounds;
use wasmc_abi::vmctx::{PAGE_LEN, max_pages};
use wasmc_tests::Value;

/// Load, store, type and width in bytes of each pair.
const ACCESSES: [(&str, &str, &str, u32); 13] = [
    ("i32.load8_u", "i32.store8", "i32", 1),
    ("i32.load8_s", "i32.store8", "i32", 1),
    ("i32.load16_u", "i32.store16", "i32", 2),
    ("i32.load16_s", "i32.store16", "i32", 2),
    ("i32.load", "i32.store", "i32", 4),
    ("i64.load8_u", "i64.store8", "i64", 1),
    ("i64.load16_u", "i64.store16", "i64", 2),
    ("i64.load16_s", "i64.store16", "i64", 2),
    ("i64.load32_u", "i64.store32", "i64", 4),
    ("i64.load32_s", "i64.store32", "i64", 4),
    ("i64.load", "i64.store", "i64", 8),
    ("f32.load", "f32.store", "f32", 4),
    ("f64.load", "f64.store", "f64", 8),
];

const PAGE: u32 = 65536;

/// A module with a load, a load whose result is dropped, and a store for each pair.
fn accesses(pages: u32, offset: u32, align: bool) -> String {
    let mut text = format!("(module (memory (export \"m\") {pages})\n");
    for (index, (load, store, ty, width)) in ACCESSES.iter().enumerate() {
        let hint = if align { *width } else { 1 };
        text += &format!(
            "(func (export \"load{index}\") (param i32) (result {ty}) ({load} offset={offset} align={hint} (local.get 0)))
             (func (export \"drop{index}\") (param i32) (drop ({load} offset={offset} align={hint} (local.get 0))))
             (func (export \"store{index}\") (param i32 {ty}) ({store} offset={offset} align={hint} (local.get 0) (local.get 1)))\n"
        );
    }
    text + ")"
}

fn number(ty: &str, bits: u64) -> Value {
    match ty {
        "i32" => Value::I32(bits as u32),
        "i64" => Value::I64(bits),
        "f32" => Value::F32(bits as u32),
        _ => Value::F64(bits),
    }
}

/// What a load of `width` bytes of `bits` gives.
fn loaded(load: &str, ty: &str, width: u32, bits: u64) -> Value {
    let low = bits & (u64::MAX >> (64 - 8 * width));
    let signed = ((low << (64 - 8 * width)) as i64 >> (64 - 8 * width)) as u64;
    number(ty, if load.ends_with("_s") { signed } else { low })
}

#[test]
fn every_width_works_at_every_alignment() {
    const BITS: u64 = 0xF1E2_D3C4_B5A6_9788;
    for align in [false, true] {
        everywhere(&accesses(1, 3, align), |engine, config| {
            for (index, (load, _, ty, width)) in ACCESSES.iter().enumerate() {
                for address in (0..9).chain(PAGE - 16..=PAGE - 3 - width) {
                    let stored = engine.call(&format!("store{index}"), &[Value::I32(address), number(ty, BITS)]);
                    assert_eq!(stored, values([]), "{config} {load} at {address}");
                    let found = engine.call(&format!("load{index}"), &args([address]));
                    assert_eq!(found, values([loaded(load, ty, *width, BITS)]), "{config} {load} at {address}");
                }
            }
        });
    }
}

/// Where LLVM knows the low bits of an address it may choose instructions that insist on alignment.
#[test]
fn every_width_works_where_the_alignment_can_be_seen() {
    const BITS: u64 = 0xF1E2_D3C4_B5A6_9788;
    const PLACES: [(&str, u32, u32); 8] = [
        ("(i32.const 1024)", 0, 1024),
        ("(i32.const 1025)", 0, 1025),
        ("(i32.const 1024)", 2, 1026),
        ("(i32.const 1023)", 4, 1027),
        ("(i32.shl (local.get 0) (i32.const 2))", 0, 1028),
        ("(i32.shl (local.get 0) (i32.const 2))", 3, 1031),
        ("(i32.and (local.get 0) (i32.const -8))", 4, 260),
        ("(i32.or (i32.and (local.get 0) (i32.const -8)) (i32.const 5))", 1, 262),
    ];
    let mut text = String::from("(module (memory (export \"m\") 1)\n");
    for (index, (load, store, ty, _)) in ACCESSES.iter().enumerate() {
        for (place, (address, offset, _)) in PLACES.iter().enumerate() {
            text += &format!(
                "(func (export \"load{index}-{place}\") (param i32) (result {ty}) ({load} offset={offset} {address}))
                 (func (export \"store{index}-{place}\") (param i32 {ty}) ({store} offset={offset} {address} (local.get 1)))\n"
            );
        }
    }
    everywhere(&(text + ")"), |engine, config| {
        for (index, (load, _, ty, width)) in ACCESSES.iter().enumerate() {
            for (place, (address, offset, at)) in PLACES.iter().enumerate() {
                let what = format!("{config} {load} offset={offset} {address}");
                let stored = engine.call(&format!("store{index}-{place}"), &[Value::I32(257), number(ty, BITS)]);
                assert_eq!(stored, values([]), "{what}");
                let found = engine.call(&format!("load{index}-{place}"), &args([257]));
                assert_eq!(found, values([loaded(load, ty, *width, BITS)]), "{what}");
                let bytes = &engine.memory("m").expect("it is exported")[*at as usize..][..*width as usize];
                assert_eq!(bytes, &BITS.to_le_bytes()[..*width as usize], "{what}");
            }
        }
    });
}

#[test]
fn accesses_at_the_edges_of_the_index_space_trap_and_write_nothing() {
    for (pages, offset) in
        [(0, 0), (0, 1), (0, u32::MAX), (1, 0), (1, 1), (1, 65535), (1, 65536), (1, u32::MAX), (1, 0x7FFF_FFFF)]
    {
        everywhere(&accesses(pages, offset, true), |engine, config| {
            for (index, (load, _, ty, width)) in ACCESSES.iter().enumerate() {
                let last = u64::from(pages * PAGE).checked_sub(u64::from(*width) + u64::from(offset));
                let edges = [
                    0,
                    1,
                    0x7FFF_FFFF,
                    0x8000_0000,
                    0xFFFF_FFF8,
                    0xFFFF_FFFF,
                    pages * PAGE,
                    (pages * PAGE).wrapping_sub(1),
                ];
                let beyond = last.map_or(0, |last| last as u32 + 1);
                for address in edges.into_iter().chain([beyond, beyond + width - 1]) {
                    let inside = last.is_some_and(|last| u64::from(address) <= last);
                    let where_ = format!("{config} {load} at {address:#x} offset {offset:#x} of {pages} pages");
                    for name in ["load", "drop"] {
                        let found = engine.call(&format!("{name}{index}"), &args([address]));
                        assert_eq!(found == trap(MemoryOutOfBounds), !inside, "{name}: {where_}: {found}");
                    }
                    if !inside {
                        let found = engine.call(&format!("store{index}"), &[Value::I32(address), number(ty, u64::MAX)]);
                        assert_eq!(found, trap(MemoryOutOfBounds), "store: {where_}");
                    }
                }
            }
            let memory = engine.memory("m").expect("it is exported");
            assert!(memory.iter().all(|byte| *byte == 0), "{config}: a store that trapped wrote something");
        });
    }
}

#[test]
fn constant_addresses_outside_trap_like_computed_ones() {
    let text = "(module (memory 1)
        (func (export \"end\") (result i32) (i32.load (i32.const 65532)))
        (func (export \"beyond\") (result i32) (i32.load (i32.const 65533)))
        (func (export \"negative\") (result i32) (i32.load (i32.const -1)))
        (func (export \"dropped\") (drop (i32.load8_u (i32.const -2147483648))))
        (func (export \"offset\") (result i32) (i32.load offset=4294967295 (i32.const -1)))
        (func (export \"zero\") (i64.store (i32.const 65529) (i64.const 0))))";
    everywhere(text, |engine, config| {
        assert_eq!(engine.call("end", &[]), i32(0), "{config}");
        for name in ["beyond", "negative", "dropped", "offset", "zero"] {
            assert_eq!(engine.call(name, &[]), trap(MemoryOutOfBounds), "{config} {name}");
        }
    });
}

#[test]
fn a_memory_without_pages_grows_and_then_has_them() {
    let text = "(module (memory (export \"m\") 0 3)
        (func (export \"load\") (param i32) (result i32) (i32.load (local.get 0)))
        (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export \"both\") (param i32) (result i32)
            (drop (i32.load8_u (i32.const 0)))
            (drop (memory.grow (i32.const 1)))
            (i32.load (local.get 0)))
        (func (export \"size\") (result i32) (memory.size)))";
    everywhere(text, |engine, config| {
        assert_eq!(engine.call("load", &args([0])), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(engine.call("grow", &args([0])), i32(0), "{config}");
        assert_eq!(engine.call("grow", &args([4])), i32(u32::MAX), "{config}");
        assert_eq!(engine.call("grow", &args([u32::MAX])), i32(u32::MAX), "{config}");
        assert_eq!(engine.call("grow", &args([1])), i32(0), "{config}");
        assert_eq!(engine.call("load", &args([65532])), i32(0), "{config}");
        assert_eq!(engine.call("load", &args([65533])), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(engine.call("both", &args([65536])), i32(0), "{config}: the new length counts at once");
        assert_eq!(engine.call("size", &[]), i32(2), "{config}");
        assert_eq!(engine.call("grow", &args([2])), i32(u32::MAX), "{config}");
        assert_eq!(engine.memory("m").map(|m| m.len()), Some(2 * 65536), "{config}");
    });
}

#[test]
fn memory_ends_a_page_before_the_index_space() {
    let text = "(module (memory 0)
        (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export \"load\") (param i32) (result i32) (i32.load (local.get 0))))";
    everywhere(text, |engine, config| {
        // With 32-bit pointers, memory ends at half of that.
        let pages = max_pages(config.platform.compile_target().row.pointer_bits) as u32;
        assert_eq!(engine.call("grow", &args([pages + 1])), i32(u32::MAX), "{config}");
        assert_eq!(engine.call("grow", &args([pages])), i32(0), "{config}");
        let last = pages * PAGE_LEN as u32 - 4;
        assert_eq!(engine.call("load", &args([last])), i32(0), "{config}");
        assert_eq!(engine.call("load", &args([last + 1])), trap(MemoryOutOfBounds), "{config}");
        assert_eq!(engine.call("load", &args([0xFFFF_FFFF])), trap(MemoryOutOfBounds), "{config}");
    });
}

#[test]
fn bulk_instructions_check_both_ranges_before_they_write() {
    let text = "(module (memory (export \"m\") 1) (data $d \"abcdefgh\") (data (i32.const 0) \"0123456789\")
        (func (export \"copy\") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
        (func (export \"fill\") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
        (func (export \"init\") (param i32 i32 i32) (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
        (func (export \"drop\") (data.drop $d)))";
    everywhere(text, |engine, config| {
        let before = engine.memory("m");
        let oob = trap(MemoryOutOfBounds);
        for (name, numbers) in [
            ("copy", [65535, 0, 2]),
            ("copy", [0, 65535, 2]),
            ("copy", [65537, 0, 0]),
            ("copy", [0, 65537, 0]),
            ("copy", [0x8000_0000, 0, 1]),
            ("copy", [0, 0xFFFF_FFFF, 2]),
            ("copy", [0, 1, 0xFFFF_FFFF]),
            ("fill", [65535, 7, 2]),
            ("fill", [65537, 7, 0]),
            ("fill", [0xFFFF_FFFF, 7, 0xFFFF_FFFF]),
            ("init", [0, 0, 9]),
            ("init", [0, 8, 1]),
            ("init", [0, 9, 0]),
            ("init", [65532, 0, 8]),
            ("init", [0xFFFF_FFFF, 0, 1]),
            ("init", [0, 0xFFFF_FFFF, 1]),
        ] {
            assert_eq!(engine.call(name, &args(numbers)), oob, "{config} {name} {numbers:x?}");
        }
        assert_eq!(engine.memory("m"), before, "{config}: a bulk instruction that trapped wrote something");
        for (name, numbers) in [
            ("copy", [65536, 65536, 0]),
            ("fill", [65536, 7, 0]),
            ("init", [65536, 8, 0]),
            ("copy", [2, 0, 6]),
            ("copy", [20, 2, 6]),
            ("copy", [19, 20, 6]),
            ("fill", [65534, 0x1FF, 2]),
            ("init", [100, 2, 3]),
        ] {
            assert_eq!(engine.call(name, &args(numbers)), values([]), "{config} {name} {numbers:x?}");
        }
        let memory = engine.memory("m").expect("it is exported");
        assert_eq!(&memory[..10], b"0101234589", "{config}");
        assert_eq!(&memory[19..26], b"0123455", "{config}");
        assert_eq!((&memory[65534..], &memory[100..103]), (&[0xFF; 2][..], &b"cde"[..]), "{config}");
        assert_eq!(engine.call("drop", &[]), values([]), "{config}");
        assert_eq!(engine.call("init", &args([0, 0, 1])), oob, "{config}");
        assert_eq!(engine.call("init", &args([0, 0, 0])), values([]), "{config}");
    });
}

/// Lengths around those of the pieces that ranges of constant length are moved in.
const LENS: [u32; 31] = [
    0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 15, 16, 17, 23, 24, 31, 32, 33, 40, 47, 48, 56, 63, 64, 65, 80, 100, 127, 128,
    129,
];

/// What is in memory before each of the tests below.
fn pattern(at: u32) -> u8 {
    (at ^ at >> 8).wrapping_mul(151) as u8
}

/// Ranges of constant length, of one memory or from one to another, are as those of any length, overlap or not: where one of
/// them is outside, nothing is written.
#[test]
fn bulk_instructions_of_constant_length_move_and_fill_what_any_do() {
    let data: String = (0..PAGE).map(|at| format!("\\{:02x}", pattern(at))).collect();
    let mut text = format!(
        "(module (memory $m (export \"m\") 1) (memory $n (export \"n\") 1) (data $d \"{data}\")
         (func (export \"reset\")
            (memory.init $m $d (i32.const 0) (i32.const 0) (i32.const {PAGE}))
            (memory.init $n $d (i32.const 0) (i32.const 0) (i32.const {PAGE})))\n"
    );
    for len in LENS {
        text += &format!(
            "(func (export \"copy{len}\") (param i32 i32) (memory.copy $m $m (local.get 0) (local.get 1) (i32.const {len})))
             (func (export \"across{len}\") (param i32 i32) (memory.copy $n $m (local.get 0) (local.get 1) (i32.const {len})))
             (func (export \"zero{len}\") (param i32 i32) (memory.fill $m (local.get 0) (i32.const 0) (i32.const {len})))
             (func (export \"fill{len}\") (param i32 i32) (memory.fill $m (local.get 0) (i32.const 0x1A7) (i32.const {len})))
             (func (export \"any{len}\") (param i32 i32) (memory.fill $m (local.get 0) (local.get 1) (i32.const {len})))\n"
        );
    }
    everywhere(&(text + ")"), |engine, config| {
        for len in LENS {
            let end = PAGE - len;
            let pairs = [(1000, 2001), (500, 501), (501, 500), (500, 507), (509, 500), (520, 500), (end, 3), (2, end)];
            let outside = [(end + 1, 0), (0, end + 1), (PAGE + 1, 9), (9, PAGE + 1), (u32::MAX, 0), (0, u32::MAX)];
            for (name, memory) in [("copy", "m"), ("across", "n"), ("zero", "m"), ("fill", "m"), ("any", "m")] {
                for (to, other) in pairs.into_iter().chain(outside) {
                    let what = format!("{config} {name}{len}({to}, {other})");
                    assert_eq!(engine.call("reset", &[]), values([]), "{what}");
                    let found = engine.call(&format!("{name}{len}"), &args([to, other]));
                    let is_copy = matches!(name, "copy" | "across");
                    let fits = |start: u32| u64::from(start) + u64::from(len) <= u64::from(PAGE);
                    let passes = fits(to) && (!is_copy || fits(other));
                    assert_eq!(found, if passes { values([]) } else { trap(MemoryOutOfBounds) }, "{what}");
                    let mut wanted: Vec<u8> = (0..PAGE).map(pattern).collect();
                    for at in 0..if passes { len } else { 0 } {
                        wanted[(to + at) as usize] = match name {
                            "zero" => 0,
                            "fill" => 0xA7,
                            "any" => other as u8,
                            _ => pattern(other + at),
                        };
                    }
                    assert!(engine.memory(memory).expect("it is exported") == wanted, "{what}");
                }
            }
        }
    });
}
