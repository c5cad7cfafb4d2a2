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
