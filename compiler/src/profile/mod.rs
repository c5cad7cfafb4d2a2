//! Profiles: code that counts which way it goes, and code that is made by such counts.
//!
//! The form of a profile is `abi::profile`'s. Here stand what is counted ([`Site`]), the memory in which a module counts
//! (`counting`), reading a profile ([`Profile`]) and what it says of a module ([`Known`]).

mod counting;
mod known;
mod read;

pub use counting::{Counting, count};
pub use known::{Known, Summary};
pub use read::Profile;

use crate::parse::Body;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use wasmparser::{BinaryReader, FunctionBody, Operator};

/// What a compilation has to do with profiles.
#[derive(Clone, Debug, Default)]
pub enum Profiling {
    /// Nothing.
    #[default]
    None,
    /// The code counts which way it goes.
    Generate,
    /// The code is made by what was counted.
    Use(Arc<Profile>),
}

/// What a module has to do with profiles.
#[derive(Debug, Default)]
pub enum ModuleProfile {
    /// Nothing.
    #[default]
    None,
    /// It counts.
    Counting(Counting),
    /// It was counted.
    Known(Known),
}

/// What is counted at an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// How often it went each of so many ways.
    Ways(u32),
    /// How often a value was chosen, and the other one. The block goes on either way.
    Choice,
    /// Which element of a table was called.
    Callee,
}

impl Site {
    /// What is counted at an instruction, if anything.
    pub fn of(operator: &Operator<'_>) -> Option<Site> {
        use Operator as O;
        Some(match operator {
            O::If { .. }
            | O::BrIf { .. }
            | O::BrOnNull { .. }
            | O::BrOnNonNull { .. }
            | O::BrOnCast { .. }
            | O::BrOnCastFail { .. } => Site::Ways(2),
            O::BrTable { targets } => Site::Ways(targets.len() + 1),
            O::Select | O::TypedSelect { .. } => Site::Choice,
            O::CallIndirect { .. } => Site::Callee,
            _ => return None,
        })
    }

    /// How many counters it has.
    pub fn counters(self) -> u32 {
        match self {
            Site::Ways(ways) => ways,
            Site::Choice => 2,
            Site::Callee => 3,
        }
    }
}

/// The sites of a body, in order. Its counters are that of its start and theirs.
fn sites(body: &Body<'_>) -> Vec<Site> {
    const VALID: &str = "the body has been validated";
    let body = FunctionBody::new(BinaryReader::new(&body.bytes, body.offset.into()));
    let operators = body.get_operators_reader().expect(VALID).into_iter();
    operators.filter_map(|operator| Site::of(&operator.expect(VALID))).collect()
}

/// How many counters a body with these sites has.
fn counters(sites: &[Site]) -> u64 {
    1 + sites.iter().map(|site| u64::from(site.counters())).sum::<u64>()
}

/// What a body is known by.
fn digest(body: &Body<'_>) -> [u8; 16] {
    *Sha256::digest(&body.bytes).first_chunk().expect("32 bytes")
}
