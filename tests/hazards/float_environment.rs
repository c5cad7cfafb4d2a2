//! What the host has done to the floating-point control register must not reach guest code, and guest
//! calls must not undo it.

use crate::everywhere;
use wasmc_tests::{Outcome, Value};

const MODULE: &str = "(module
    (func (export \"third\") (param f64 f64) (result f64) (f64.div (local.get 0) (local.get 1)))
    (func (export \"tiny\") (param f32 f32) (result f32) (f32.mul (local.get 0) (local.get 1)))
    (func (export \"demote\") (param f64) (result f32) (f32.demote_f64 (local.get 0)))
    (func (export \"convert\") (param i64) (result f32) (f32.convert_i64_u (local.get 0)))
    (func (export \"near\") (param f64) (result f64) (f64.nearest (local.get 0))))";

#[test]
fn the_hosts_rounding_and_flushing_do_not_reach_the_guest() {
    const CALLS: [(&str, &[Value]); 6] = [
        ("third", &[Value::F64(0x3FF0_0000_0000_0000), Value::F64(0x4008_0000_0000_0000)]),
        ("third", &[Value::F64(1), Value::F64(0x3FF0_0000_0000_0000)]),
        ("tiny", &[Value::F32(0x0080_0000), Value::F32(0x3F00_0000)]),
        ("demote", &[Value::F64(0x3FB9_9999_9999_999A)]),
        ("convert", &[Value::I64(0xFFFF_FF00_0000_0001)]),
        ("near", &[Value::F64(0x4004_0000_0000_0000)]),
    ];
    everywhere(MODULE, |engine, config| {
        let plain: Vec<Outcome> = CALLS.iter().map(|(name, args)| engine.call(name, args)).collect();
        assert_eq!(plain[1], Outcome::Values(vec![Value::F64(1)]), "{config}: subnormals stay");
        assert_eq!(plain[5], Outcome::Values(vec![Value::F64(0x4000_0000_0000_0000)]), "{config}: to even");
        engine.set_odd_float_control(true);
        for ((name, args), plain) in CALLS.iter().zip(&plain) {
            assert_eq!(&engine.call(name, args), plain, "{config} {name}");
        }
    });
}
