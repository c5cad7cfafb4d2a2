//! The product of two 64-bit numbers in 128 bits, computed as compiler-rt and others do, which becomes the machine's.

use crate::{everywhere, values};
use wasmc_tests::Value;

/// Low and high word; then both with something added, the sums in another order, and parts of it used elsewhere too.
const MODULE: &str = "(module
    (func $parts (param $a i64) (param $b i64) (result i64 i64 i64 i64)
      (local $al i64) (local $bl i64) (local $ah i64) (local $bh i64) (local $low i64) (local $t i64)
      (local.set $al (i64.and (local.get $a) (i64.const 0xFFFFFFFF)))
      (local.set $bl (i64.and (local.get $b) (i64.const 0xFFFFFFFF)))
      (local.set $ah (i64.shr_u (local.get $a) (i64.const 32)))
      (local.set $bh (i64.shr_u (local.get $b) (i64.const 32)))
      (local.set $low (i64.mul (local.get $al) (local.get $bl)))
      (local.tee $t (i64.add (i64.shr_u (local.get $low) (i64.const 32)) (i64.mul (local.get $ah) (local.get $bl))))
      (i64.add (i64.and (local.get $t) (i64.const 0xFFFFFFFF)) (i64.mul (local.get $bh) (local.get $al)))
      (i64.and (local.get $low) (i64.const 0xFFFFFFFF))
      (i64.mul (local.get $ah) (local.get $bh)))
    (func (export \"product\") (param i64 i64) (result i64 i64) (local $t i64) (local $u i64) (local $l i64) (local $h i64)
      (call $parts (local.get 0) (local.get 1))
      (local.set $h) (local.set $l) (local.set $u) (local.set $t)
      (i64.or (local.get $l) (i64.shl (local.get $u) (i64.const 32)))
      (i64.add (local.get $h)
        (i64.add (i64.shr_u (local.get $t) (i64.const 32)) (i64.shr_u (local.get $u) (i64.const 32)))))
    (func (export \"more\") (param i64 i64) (result i64 i64 i64) (local $t i64) (local $u i64) (local $l i64) (local $h i64)
      (call $parts (local.get 0) (local.get 1))
      (local.set $h) (local.set $l) (local.set $u) (local.set $t)
      (i64.add (i64.add (i64.shl (local.get $u) (i64.const 32)) (local.get $l)) (local.get 0))
      (i64.add (i64.add (i64.shr_u (local.get $u) (i64.const 32)) (local.get 1))
        (i64.add (local.get $h) (i64.shr_u (local.get $t) (i64.const 32))))
      (local.get $u)))";

#[test]
fn the_product_of_halves_has_128_bits() {
    const NUMBERS: [u64; 9] = [
        0,
        1,
        0xFFFF_FFFF,
        1 << 32,
        0xFFFF_FFFF_0000_0001,
        u64::MAX,
        0x8000_0000_8000_0000,
        0x0123_4567_89AB_CDEF,
        0xFEDC_BA98_7654_3210,
    ];
    everywhere(MODULE, |engine, config| {
        for a in NUMBERS {
            for b in NUMBERS {
                let product = u128::from(a) * u128::from(b);
                let (low, high) = (product as u64, (product >> 64) as u64);
                let args = [Value::I64(a), Value::I64(b)];
                let wanted = values([Value::I64(low), Value::I64(high)]);
                assert_eq!(engine.call("product", &args), wanted, "{config}: {a:x} * {b:x}");
                let (half, cross) = (0xFFFF_FFFF, (a >> 32) * (b & 0xFFFF_FFFF));
                let t = (((a & half) * (b & half)) >> 32) + cross;
                let u = (t & half) + (b >> 32) * (a & half);
                let wanted = values([low.wrapping_add(a), high.wrapping_add(b), u].map(Value::I64));
                assert_eq!(engine.call("more", &args), wanted, "{config}: {a:x} * {b:x}");
            }
        }
    });
}

/// Loops beside a product, whose last value is used where it meets another: what has to be true of loops before they
/// are doubled must be true after products have been found, too.
#[test]
fn a_loop_beside_a_product_leaves_its_own_value() {
    let loops = "(memory 4)
        (func (export \"loops\") (param $which i32) (param $n i32) (result i32) (local $i i32) (local $left i32)
          (local.set $left (local.get $n))
          (block $out
            (br_if $out (i32.eqz (local.get $n)))
            (if (local.get $which)
              (then (loop $l
                (i32.store (local.get $i) (i32.add (i32.load (local.get $i)) (local.get $left)))
                (local.set $i (i32.add (local.get $i) (i32.const 4)))
                (br_if $l (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
              (else (loop $l
                (i32.store offset=4096 (local.get $i) (i32.xor (i32.load (local.get $i)) (local.get $left)))
                (local.set $i (i32.add (local.get $i) (i32.const 4)))
                (br_if $l (i32.gt_u (local.tee $left (i32.sub (local.get $left) (i32.const 1))) (i32.const 1)))))))
          (i32.add (i32.mul (local.get $left) (i32.const 1000000)) (local.get $i))))";
    let module = format!("{}{loops}", MODULE.strip_suffix(')').expect("it ends"));
    everywhere(&module, |engine, config| {
        for (which, n, left, end) in [(1, 100, 0, 400), (0, 100, 1, 396), (1, 3, 0, 12), (0, 2, 1, 4), (1, 0, 0, 0)] {
            let got = engine.call("loops", &[Value::I32(which), Value::I32(n)]);
            assert_eq!(got, values([Value::I32(left * 1_000_000 + end)]), "{config}: {which} {n}");
        }
    });
}
