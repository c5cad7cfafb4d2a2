//! Bytes → [`Image`]: whether they are a sound image, and one for this machine. In the order of the
//! threat model's section 4 (signatures are not checked yet), each failure an error of its own.
//! Time is linear in the file, but for binary searches; nothing is allocated, nothing recurses.
//!
//! All of it is methods of [`Check`], which hold what has been found out, and the error, in one place: what a loader
//! weighs are results that are passed on, and readers that are there once for each kind of record.

mod contents;
mod directory;
mod header;
mod module;
mod records;
mod rules;
mod segments;
mod utf8;

pub(crate) use contents::check_fixup;

use crate::code_memory::Segment;
use crate::elf::ElfHeader;
use crate::error::{Fault, LoadError};
use crate::image::{Image, Layout, Span};
use crate::machine::Machine;

/// How much of a file its checksums are computed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// All of it, which reads every byte once.
    Full,
    /// Headers and metadata only: for a file on storage that was checked before, and that is mapped,
    /// so that code and constants are fetched when they are used.
    Head,
}

/// Checks that `bytes` are an image that `machine` can run.
pub fn parse<'a>(bytes: &'a [u8], machine: &Machine, verify: Verify) -> Result<Image<'a>, LoadError> {
    let mut check = Check {
        image: Image::new(Layout::default(), bytes),
        machine,
        error: LoadError::NotElf,
        elf: ElfHeader::default(),
        metadata: Span::default(),
        imports: [0; 5],
        index: 0,
        least: 0,
        least_other: 0,
        least_address: 0,
        code: Segment { offset: 0, len: 0, access: crate::code_memory::Access::Execute },
    };
    match check.all(verify) {
        Ok(()) => Ok(check.image),
        Err(Refused) => Err(check.error),
    }
}

/// A check under way.
struct Check<'a, 'm> {
    image: Image<'a>,
    machine: &'m Machine,
    /// Why the image is refused, if it is.
    error: LoadError,
    elf: ElfHeader,
    /// The metadata block.
    metadata: Span,
    /// Imports of each kind.
    imports: [u32; 5],
    /// Index of the record that is being checked.
    index: u32,
    /// The least value of what ascends from record to record, and of something else that does.
    least: u32,
    least_other: u32,
    /// The least address of a memory run in the memory of the one before.
    least_address: usize,
    /// The machine code itself, inside its segment.
    code: Segment,
}

/// The error stands in the check.
struct Refused;

impl Check<'_, '_> {
    fn refuse(&mut self, error: LoadError) -> Result<(), Refused> {
        self.error = error;
        Err(Refused)
    }

    #[inline(never)]
    fn all(&mut self, verify: Verify) -> Result<(), Refused> {
        self.headers()?;
        self.check_sums(verify)?;
        self.check_machine()?;
        self.segments()?;
        self.directory()?;
        self.records()?;
        self.check_module()
    }
}

/// `fault` unless `holds`.
fn ensure(holds: bool, fault: Fault) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(fault) }
}
