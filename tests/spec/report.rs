//! What one file came to: counts by kind of assertion, and each failure with its place.

use std::collections::BTreeMap;
use std::fmt;
use wasmc_tests::Config;

/// Kinds of directives that can pass or fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `module`, `register` and plain `invoke`.
    Step,
    /// `assert_return`.
    Return,
    /// `assert_trap`.
    Trap,
    /// `assert_exception`.
    Exception,
    /// `assert_exhaustion`.
    Exhaustion,
    /// `assert_invalid`.
    Invalid,
    /// `assert_malformed`.
    Malformed,
    /// `assert_unlinkable`.
    Unlinkable,
}

const KINDS: [(Kind, &str); 8] = [
    (Kind::Step, "step"),
    (Kind::Return, "return"),
    (Kind::Trap, "trap"),
    (Kind::Exception, "exception"),
    (Kind::Exhaustion, "exhaustion"),
    (Kind::Invalid, "invalid"),
    (Kind::Malformed, "malformed"),
    (Kind::Unlinkable, "unlinkable"),
];

/// How many of each kind passed, and how many there were.
#[derive(Clone, Debug, Default)]
pub struct Counts([(u64, u64); KINDS.len()]);

impl Counts {
    /// Counts one directive.
    pub fn count(&mut self, kind: Kind, passed: bool) {
        let entry = &mut self.0[kind as usize];
        entry.0 += u64::from(passed);
        entry.1 += 1;
    }

    /// Adds another file's counts.
    pub fn add(&mut self, other: &Counts) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum = (sum.0 + more.0, sum.1 + more.1);
        }
    }

    /// How many passed.
    pub fn passed(&self) -> u64 {
        self.0.iter().map(|(passed, _)| passed).sum()
    }

    /// How many failed.
    pub fn failed(&self) -> u64 {
        self.0.iter().map(|(passed, all)| all - passed).sum()
    }

    /// The table's heading.
    pub fn heading() -> String {
        let columns: String = KINDS.iter().map(|(_, name)| format!(" {name:>13}")).collect();
        format!("{:<56}{columns}", "")
    }

    /// A row of the table: passed of all, by kind.
    pub fn row(&self, name: &str, verdict: &str) -> String {
        let cell = |(passed, all): &(u64, u64)| match (passed, all) {
            (_, 0) => format!(" {:>13}", "-"),
            (passed, all) => format!(" {:>13}", format!("{passed}/{all}")),
        };
        format!("{verdict:<7}{name:<49}{}", self.0.iter().map(cell).collect::<String>())
    }
}

/// The report on one file in one configuration.
#[derive(Debug)]
pub struct Report {
    /// The file's name.
    pub file: String,
    /// The configuration.
    pub config: Config,
    /// Counts.
    pub counts: Counts,
    /// `file:line: what was wanted, what came`.
    pub failures: Vec<String>,
    /// What firmware cannot do, by reason: lines of the directives.
    pub left_out: BTreeMap<String, Vec<usize>>,
}

impl Report {
    /// One without any counts.
    pub fn new(file: &str, config: Config) -> Report {
        Report {
            file: file.to_string(),
            config,
            counts: Counts::default(),
            failures: Vec::new(),
            left_out: BTreeMap::new(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{} {}", self.config, self.file);
        f.write_str(&self.counts.row(&name, if self.failures.is_empty() { "ok" } else { "FAILED" }))
    }
}
