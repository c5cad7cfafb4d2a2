//! What a profile says of a module.

use super::{Profile, Site, counters, digest, sites};
use crate::error::CompileError;
use crate::parse::{DefinedFuncIndex, Module};
use std::collections::BTreeMap;

/// What was counted of a module.
#[derive(Debug)]
pub struct Known {
    /// By body: its counters, if the profile knows the body.
    pub bodies: Vec<Option<Vec<u64>>>,
    /// How all counts are distributed.
    pub summary: Summary,
}

/// How counts are distributed: by this LLVM tells what is hot and what is cold.
#[derive(Debug, Default)]
pub struct Summary {
    /// Sum of all.
    pub total: u64,
    /// The largest.
    pub max: u64,
    /// The largest that is not of a function's start.
    pub max_internal: u64,
    /// The largest of a function's start.
    pub max_function: u64,
    /// How many there are.
    pub counts: u32,
    /// How many functions.
    pub functions: u32,
    /// For some parts of the total, in millionths: the least of the counts that together make it up, the largest first, and
    /// how many of them that takes.
    pub details: Vec<(u32, u64, u32)>,
}

/// The parts of the total that LLVM asks for, in millionths (llvm/ProfileData/ProfileCommon.h, `DefaultCutoffs`).
const PARTS: [u32; 16] = [
    10_000, 100_000, 200_000, 300_000, 400_000, 500_000, 600_000, 700_000, 800_000, 900_000, 950_000, 990_000, 999_000,
    999_900, 999_990, 999_999,
];

/// What is hot makes up this part of the total.
const HOT_PART: u32 = 990_000;
/// And all but what is cold this part.
const WARM_PART: u32 = 999_000;

impl Known {
    /// What a profile says of a module; an error if it knows none of its functions.
    pub fn new(module: &Module<'_>, profile: &Profile) -> Result<Known, CompileError> {
        let (mut before, mut counts) = (BTreeMap::new(), Counts::default());
        let mut bodies = Vec::new();
        for body in &module.bodies {
            let digest = digest(body);
            let before: &mut u32 = before.entry(digest).or_default();
            let sites = sites(body);
            let parts = profile.body(digest, *before).iter().filter(|part| part.len() as u64 == counters(&sites));
            let known = parts.fold(None, |sum: Option<Vec<u64>>, part| match sum {
                None => Some(part.clone()),
                Some(sum) => Some(add(&sum, part, &sites)),
            });
            if let Some(known) = &known {
                counts.take(known, &sites);
            }
            bodies.push(known);
            *before += 1;
        }
        if !bodies.is_empty() && bodies.iter().all(Option::is_none) {
            return Err(CompileError::Profile(
                "the profile is of another module: it knows none of this module's functions".into(),
            ));
        }
        Ok(Known { bodies, summary: counts.summary() })
    }

    /// The functions that the profile does not know.
    pub fn unknown(&self) -> impl Iterator<Item = DefinedFuncIndex> {
        (0..).map(DefinedFuncIndex).zip(&self.bodies).filter(|(_, body)| body.is_none()).map(|(index, _)| index)
    }
}

impl Summary {
    /// The least count that is not cold.
    pub fn warm(&self) -> u64 {
        self.least(WARM_PART)
    }

    /// The least count that is hot.
    pub fn hot(&self) -> u64 {
        self.least(HOT_PART)
    }

    fn least(&self, of: u32) -> u64 {
        self.details.iter().find(|(part, ..)| *part == of).map_or(u64::MAX, |(_, least, _)| (*least).max(1))
    }
}

/// The sum of what two parts say of a body.
fn add(a: &[u64], b: &[u64], sites: &[Site]) -> Vec<u64> {
    let mut sum: Vec<u64> = a.iter().zip(b).map(|(a, b)| a.saturating_add(*b)).collect();
    let mut first = 1;
    for site in sites {
        if *site == Site::Callee {
            let (a, b) = (&a[first..], &b[first..]);
            // The one that has more calls to itself; the other's count against it.
            (sum[first], sum[first + 1]) = match a[0] == b[0] {
                true => (a[0], sum[first + 1]),
                false if a[1] >= b[1] => (a[0], a[1] - b[1]),
                false => (b[0], b[1] - a[1]),
            };
        }
        first += site.counters() as usize;
    }
    sum
}

/// Counts of how often blocks were executed.
#[derive(Default)]
struct Counts {
    all: Vec<u64>,
    max_function: u64,
    max_internal: u64,
    functions: u32,
}

impl Counts {
    fn take(&mut self, counters: &[u64], sites: &[Site]) {
        self.functions += 1;
        self.max_function = self.max_function.max(counters[0]);
        self.all.push(counters[0]);
        let mut rest = &counters[1..];
        for site in sites {
            let (own, behind) = rest.split_at(site.counters() as usize);
            if let Site::Ways(_) = site {
                self.max_internal = own.iter().fold(self.max_internal, |max, count| max.max(*count));
                self.all.extend(own);
            }
            rest = behind;
        }
    }

    fn summary(mut self) -> Summary {
        self.all.sort_unstable_by(|a, b| b.cmp(a));
        let total = self.all.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
        let (mut details, mut sum, mut taken, mut least) = (Vec::new(), 0_u64, 0, 0);
        for part in PARTS {
            let wanted = (u128::from(total) * u128::from(part) / 1_000_000) as u64;
            while sum < wanted && taken < self.all.len() {
                least = self.all[taken];
                sum = sum.saturating_add(least);
                taken += 1;
            }
            details.push((part, least, taken as u32));
        }
        Summary {
            total,
            max: self.all.first().copied().unwrap_or(0),
            max_internal: self.max_internal,
            max_function: self.max_function,
            counts: self.all.len() as u32,
            functions: self.functions,
            details,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_the_callee_with_more_calls_stays() {
        let sites = [Site::Ways(2), Site::Callee, Site::Choice];
        let first = [1, 2, 3, 7, 10, 12, 0, 1];
        assert_eq!(add(&first, &[1, 1, 1, 7, 5, 6, 1, 1], &sites), [2, 3, 4, 7, 15, 18, 1, 2]);
        assert_eq!(add(&first, &[1, 1, 1, 8, 4, 6, 1, 1], &sites)[3..6], [7, 6, 18]);
        assert_eq!(add(&first, &[1, 1, 1, 8, 11, 11, 1, u64::MAX], &sites)[3..], [8, 1, 23, 1, u64::MAX]);
    }

    #[test]
    fn a_summary_says_how_many_counts_make_up_a_part() {
        let mut counts = Counts::default();
        counts.take(&[10, 900, 50, 40, 0], &[Site::Ways(4)]);
        let summary = counts.summary();
        assert_eq!((summary.total, summary.max, summary.max_internal, summary.max_function), (1000, 900, 900, 10));
        assert_eq!((summary.counts, summary.functions), (5, 1));
        assert!(summary.details.contains(&(900_000, 900, 1)) && summary.details.contains(&(950_000, 50, 2)));
        assert_eq!(summary.hot(), 40);
        assert_eq!(Counts::default().summary().hot(), 1);
    }
}
