//! Many accesses of one base: their checks may be merged and their addresses shared, but what traps, with which code,
//! and what has been stored by then is as if each were made by itself. Random functions beside a model of them.

use crate::{args, everywhere};
use wasmc_abi::TrapCode::{DivideByZero, MemoryOutOfBounds};
use wasmc_tests::{Outcome, Value};

const FUNCTIONS: usize = 150;
const MEMORY_LEN: usize = 65536;
const SEED: u64 = 0x5EED_0001;

/// Of a function with parameters `p`, the base, and `q`, whose bits choose ways.
#[derive(Debug)]
enum Step {
    Load(Place),
    Store(Place, u8),
    /// Divides by bit `n` of `q`.
    Divide(u32),
    /// By bit `n` of `q`.
    If(u32, Vec<Step>, Vec<Step>),
}

/// `width` bytes at `p + delta`, which wraps, + `offset`, which does not.
#[derive(Clone, Copy, Debug)]
struct Place {
    delta: i32,
    offset: u32,
    width: u32,
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }

    fn place(&mut self) -> Place {
        const DELTAS: [i32; 8] = [0, 0, 0, 4, 8, -4, -8, 12];
        // What is far from the base is added to it once for several accesses, at some levels.
        const OFFSETS: [u32; 14] = [0, 0, 4, 8, 12, 1, 20000, 20004, 20013, 22500, 45000, 45001, 65528, 70000];
        let offsets = [6, 6, 6, 12, 12, 12, 12, 14][self.below(8) as usize];
        Place {
            delta: DELTAS[self.below(8) as usize],
            offset: OFFSETS[self.below(offsets) as usize],
            width: [1, 2, 4, 4, 8][self.below(5) as usize],
        }
    }

    fn steps(&mut self, depth: u32) -> Vec<Step> {
        let count = 1 + self.below(5);
        (0..count)
            .map(|_| match self.below(12) {
                0 | 1 => Step::Store(self.place(), self.below(256) as u8),
                2 if depth < 3 => Step::Divide(self.below(3) as u32),
                3..=5 if depth < 2 => Step::If(self.below(3) as u32, self.steps(depth + 1), self.steps(depth + 1)),
                _ => Step::Load(self.place()),
            })
            .collect()
    }
}

fn text(steps: &[Step], to: &mut String) {
    let index = |place: &Place| format!("offset={} (i32.add (local.get 0) (i32.const {}))", place.offset, place.delta);
    let suffix = |width: u32| ["8", "16", "", "32", ""][width.ilog2() as usize].to_string();
    for step in steps {
        *to += &match step {
            Step::Load(place) if place.width == 8 => {
                format!("(local.set 2 (i64.add (local.get 2) (i64.load {})))\n", index(place))
            }
            Step::Load(place) => {
                let load =
                    if place.width == 4 { "i64.load32_u".into() } else { format!("i64.load{}_u", suffix(place.width)) };
                format!("(local.set 2 (i64.add (local.get 2) ({load} {})))\n", index(place))
            }
            Step::Store(place, byte) => {
                let store = match place.width {
                    8 => "i64.store".into(),
                    4 => "i64.store32".into(),
                    width => format!("i64.store{}", suffix(width)),
                };
                let value = u64::from_ne_bytes([*byte; 8]) as i64;
                format!("({store} {} (i64.const {value}))\n", index(place))
            }
            Step::Divide(bit) => format!(
                "(local.set 2 (i64.add (local.get 2) (i64.extend_i32_u (i32.div_u (i32.const 1)
                 (i32.and (i32.shr_u (local.get 1) (i32.const {bit})) (i32.const 1))))))\n"
            ),
            Step::If(bit, then, otherwise) => {
                let mut parts = [String::new(), String::new()];
                text(then, &mut parts[0]);
                text(otherwise, &mut parts[1]);
                format!(
                    "(if (i32.and (local.get 1) (i32.const {})) (then {}) (else {}))\n",
                    1 << bit,
                    parts[0],
                    parts[1]
                )
            }
        };
    }
}

/// What the steps do to memory and sum, and how they end.
fn run(steps: &[Step], p: u32, q: u32, memory: &mut [u8], sum: &mut u64) -> Result<(), Outcome> {
    let range = |place: &Place| {
        let start = p.wrapping_add_signed(place.delta) as usize + place.offset as usize;
        let end = start + place.width as usize;
        if end > MEMORY_LEN { Err(Outcome::Trap(MemoryOutOfBounds)) } else { Ok(start..end) }
    };
    for step in steps {
        match step {
            Step::Load(place) => {
                let mut bytes = [0; 8];
                bytes[..place.width as usize].copy_from_slice(&memory[range(place)?]);
                *sum = sum.wrapping_add(u64::from_le_bytes(bytes));
            }
            Step::Store(place, byte) => memory[range(place)?].fill(*byte),
            Step::Divide(bit) if q >> bit & 1 == 0 => return Err(Outcome::Trap(DivideByZero)),
            Step::Divide(_) => *sum = sum.wrapping_add(1),
            Step::If(bit, then, otherwise) => {
                run(if q >> bit & 1 == 1 { then } else { otherwise }, p, q, memory, sum)?;
            }
        }
    }
    Ok(())
}

#[test]
fn merged_checks_trap_where_each_by_itself_would() {
    let mut random = Random(SEED);
    let functions: Vec<_> = (0..FUNCTIONS).map(|_| random.steps(0)).collect();
    let mut module = String::from("(module (memory (export \"m\") 1)\n");
    for (index, steps) in functions.iter().enumerate() {
        module += &format!("(func (export \"f{index}\") (param i32 i32) (result i64) (local i64)\n");
        text(steps, &mut module);
        module += "(local.get 2))\n";
    }
    module += ")";
    let end = MEMORY_LEN as u32;
    let bases: Vec<u32> = [0, 100, 0x7FFF_FFFC, 0x8000_0000]
        .into_iter()
        .chain(end - 24..end + 10)
        .chain((u32::MAX - 16..=u32::MAX).step_by(3))
        .collect();
    everywhere(&module, |engine, config| {
        let mut memory = vec![0; MEMORY_LEN];
        for (index, steps) in functions.iter().enumerate() {
            for (round, base) in bases.iter().enumerate() {
                let q = (round % 8) as u32;
                let mut sum = 0;
                let wanted = match run(steps, *base, q, &mut memory, &mut sum) {
                    Ok(()) => Outcome::Values(vec![Value::I64(sum)]),
                    Err(trap) => trap,
                };
                let found = engine.call(&format!("f{index}"), &args([*base, q]));
                assert_eq!(found, wanted, "{config} f{index}({base:#x}, {q}), seed {SEED:#x}: {steps:?}");
            }
            if index % 10 == 9 {
                assert!(engine.memory("m").as_deref() == Some(&memory[..]), "{config}: memory after f{index} differs");
            }
        }
    });
}
