//! Bytes → [`Image`]: whether they are a sound image, and one for this machine. In the order of the
//! threat model's section 4 (signatures are not checked yet), each failure an error of its own.
//! Time is linear in the file, but for binary searches; nothing is allocated, nothing recurses.

mod code;
mod contents;
mod directory;
mod header;
mod module;
mod segments;
mod utf8;

pub(crate) use code::check_fixup;
use module::Names;

use crate::error::{Fault, LoadError};
use crate::image::{Image, Layout};
use crate::machine::Machine;
use wasmc_abi::image::{Record, Table};

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
    let mut image = Image::new(Layout::default(), bytes);
    check(&mut image, machine, verify)?;
    Ok(image)
}

/// Finds out the image's layout, and whether it is sound. What has been found out stands in one place, which the
/// functions below get by reference: taken apart and put together again, it would be a tenth of the loader.
#[inline(never)]
fn check(image: &mut Image<'_>, machine: &Machine, verify: Verify) -> Result<(), LoadError> {
    let file = header::read(image, machine)?;
    header::check_len(&file, image)?;
    header::check_sums(&file, image, verify)?;
    header::check_machine(image.header(), machine)?;
    segments::check(&file, image)?;
    directory::check(&file, image)?;
    let mut checks = Checks::new(image)?;
    checks.report(Checks::imports)?;
    header::check_counts(&checks)?;
    checks.report(|checks| checks.module().and_then(|()| checks.contents()).and_then(|()| checks.code()))?;
    header::check_module(&checks)
}

/// The checks of all records, and where they are: what a fault will be reported with.
struct Checks<'a> {
    image: &'a Image<'a>,
    names: Names<'a>,
    /// Imports of each kind.
    imports: [u32; 5],
    table: Table,
    index: u32,
}

/// Checks the record that bytes start with.
type CheckRecord<'c, 'a> = dyn FnMut(&mut Checks<'a>, &'a [u8]) -> Result<(), Fault> + 'c;

impl<'a> Checks<'a> {
    fn new(image: &'a Image<'_>) -> Result<Checks<'a>, LoadError> {
        Ok(Checks { image, names: Names::new(image)?, imports: [0; 5], table: Table::Types, index: 0 })
    }

    /// A fault in some records as the error that names the record.
    fn report(&mut self, check: impl FnOnce(&mut Self) -> Result<(), Fault>) -> Result<(), LoadError> {
        check(self).map_err(|fault| LoadError::Record { table: self.table, index: self.index, fault })
    }

    /// Checks every record of a table.
    fn each<T: Record>(
        &mut self,
        table: Table,
        mut check: impl FnMut(&mut Checks<'a>, T) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        // What does not depend on the type is there once.
        self.each_of(table, &mut |checks, bytes| match T::read(bytes) {
            Some(record) => check(checks, record),
            None => Ok(()),
        })
    }

    #[inline(never)]
    fn each_of(&mut self, table: Table, check: &mut CheckRecord<'_, 'a>) -> Result<(), Fault> {
        self.table = table;
        self.index = 0;
        // Tables have whole records.
        let len = table.record_len();
        let mut bytes = self.image.table_bytes(table);
        while !bytes.is_empty() {
            check(self, bytes)?;
            self.index = self.index.saturating_add(1);
            bytes = bytes.get(len..).unwrap_or_default();
        }
        Ok(())
    }
}

/// `fault` unless `holds`.
fn ensure(holds: bool, fault: Fault) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(fault) }
}
