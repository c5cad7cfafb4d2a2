//! A module's functions cut into units: each becomes an LLVM module of its own, so that no more than a few of these
//! exist at a time. Where the cuts are depends on the module alone, never on the number of threads.
//!
//! A unit is a run of functions, in the module's order. A small module is one unit.

use crate::parse::{DefinedFuncIndex, FuncIndex, Module};
use std::ops::Range;
use wasmparser::{BinaryReader, FunctionBody, Operator};

/// The units of a module.
#[derive(Debug)]
pub struct Units {
    units: Vec<Range<u32>>,
    /// By defined function: whether another unit than its own calls it.
    called_from_elsewhere: Vec<bool>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct Extent<'u> {
    functions: Range<u32>,
    is_first: bool,
    called_from_elsewhere: &'u [bool],
}

impl Units {
    /// Cuts a module into units of about `len` bytes of Wasm code: of half to twice that, as functions allow.
    pub fn cut(module: &Module<'_>, len: usize) -> Units {
        let (mut units, mut start, mut bytes) = (Vec::new(), 0, 0);
        let last = module.bodies.len().saturating_sub(1);
        for (index, body) in (0..).zip(&module.bodies).take(last) {
            bytes += body.bytes.len();
            if bytes >= len.saturating_mul(2) || bytes >= len / 2 && is_marked(index, body.bytes.len(), len / 2) {
                units.push(start..index + 1);
                (start, bytes) = (index + 1, 0);
            }
        }
        units.push(start..module.bodies.len() as u32);
        let called_from_elsewhere = called_from_elsewhere(module, &units);
        Units { units, called_from_elsewhere }
    }

    /// The whole module as one unit.
    pub fn whole(module: &Module<'_>) -> Units {
        Units::cut(module, usize::MAX)
    }

    /// How many there are: at least one.
    pub fn count(&self) -> usize {
        self.units.len()
    }

    /// The unit with this number.
    pub fn get(&self, number: usize) -> Option<Extent<'_>> {
        let functions = self.units.get(number)?.clone();
        Some(Extent { functions, is_first: number == 0, called_from_elsewhere: &self.called_from_elsewhere })
    }
}

impl Extent<'_> {
    /// Its functions.
    pub fn functions(&self) -> impl ExactSizeIterator<Item = DefinedFuncIndex> + use<> {
        self.functions.clone().map(DefinedFuncIndex)
    }

    /// A function's place in it, if it has one.
    pub fn place(&self, function: DefinedFuncIndex) -> Option<usize> {
        self.functions.contains(&function.0).then(|| (function.0 - self.functions.start) as usize)
    }

    /// Whether other units have to find a function of it.
    pub fn is_called_from_elsewhere(&self, function: DefinedFuncIndex) -> bool {
        self.called_from_elsewhere[function.get()]
    }

    /// Whether what the module has once, and no function in particular, belongs to it.
    pub fn is_first(&self) -> bool {
        self.is_first
    }
}

/// Whether there should be a cut behind a function of `len` bytes: one in `distance` bytes, on average. It depends on the
/// function alone and hardly on its length, so that cuts elsewhere stay where they are if a body changes.
fn is_marked(index: u32, len: usize, distance: usize) -> bool {
    // Multiples of the golden ratio, which are spread evenly.
    let place = index.wrapping_mul(0x9E37_79B1);
    u128::from(place) * (distance as u128) < (len as u128) << 32
}

fn called_from_elsewhere(module: &Module<'_>, units: &[Range<u32>]) -> Vec<bool> {
    let mut called = vec![false; module.bodies.len()];
    if let [_] = units {
        return called;
    }
    for unit in units {
        for body in &module.bodies[unit.start as usize..unit.end as usize] {
            let body = FunctionBody::new(BinaryReader::new(&body.bytes, body.offset.into()));
            for operator in body.get_operators_reader().expect(VALID) {
                let (Operator::Call { function_index } | Operator::ReturnCall { function_index }) =
                    operator.expect(VALID)
                else {
                    continue;
                };
                let callee = module.defined(FuncIndex(function_index)).filter(|callee| !unit.contains(&callee.0));
                if let Some(callee) = callee {
                    called[callee.get()] = true;
                }
            }
        }
    }
    called
}

const VALID: &str = "the module has been validated";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{self, Proposals};

    /// The first and the last call the last; the one between them calls nothing. Each has 4 bytes.
    const THREE: &str = "(module (func call 2) (func nop nop) (func call 2))";

    /// Where units begin and end, and which functions are called from elsewhere.
    fn cuts(text: &str, len: usize) -> (Vec<(u32, u32)>, Vec<bool>) {
        let wasm = wat::parse_str(text).unwrap();
        let module = parse::parse(&wasm, Proposals::default()).unwrap();
        let units = Units::cut(&module, len);
        (units.units.iter().map(|unit| (unit.start, unit.end)).collect(), units.called_from_elsewhere)
    }

    #[test]
    fn every_function_is_in_one_unit() {
        assert_eq!(cuts(THREE, usize::MAX).0, [(0, 3)]);
        assert_eq!(cuts(THREE, 12).0, [(0, 2), (2, 3)]);
        assert_eq!(cuts(THREE, 1).0, [(0, 1), (1, 2), (2, 3)]);
        assert_eq!(cuts("(module)", 1).0, [(0, 0)]);
    }

    /// Functions of these lengths, 2 or more.
    fn functions(lens: &[usize]) -> String {
        format!("(module {})", lens.iter().map(|len| format!("(func {})", "nop ".repeat(len - 2))).collect::<String>())
    }

    #[test]
    fn units_have_half_to_twice_the_length_and_a_body_that_grows_hardly_moves_them() {
        let mut lens: Vec<usize> = (0..2000).map(|k: usize| 20 + k * k % 97).collect();
        let (before, _) = cuts(&functions(&lens), 2000);
        for (start, end) in &before[..before.len() - 1] {
            let len: usize = lens[*start as usize..*end as usize].iter().sum();
            assert!((1000..=4000 + 117).contains(&len), "{start}..{end} has {len}");
        }
        let (all, mean) = (lens.iter().sum::<usize>(), 2000);
        assert!((all / mean * 2 / 3..all / mean * 3 / 2).contains(&before.len()), "{} units", before.len());
        let mut other = 0;
        for function in (0..2000).step_by(20) {
            let was = lens[function];
            lens[function] += 10;
            other += cuts(&functions(&lens), 2000).0.iter().filter(|unit| !before.contains(unit)).count();
            lens[function] = was;
        }
        assert!(other < 20, "100 bodies that grow a little make {other} units of other functions");
    }

    #[test]
    fn calls_across_cuts_are_seen_and_no_others() {
        assert_eq!(cuts(THREE, 1).1, [false, false, true]);
        assert_eq!(cuts(THREE, usize::MAX).1, [false; 3]);
    }
}
