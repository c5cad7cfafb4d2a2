//! Bytes → [`Image`]: whether they are a sound image, and one for this machine. In the order of the
//! threat model's section 4 (signatures are not checked yet), each failure an error of its own.
//! Time is linear in the file, but for binary searches; nothing is allocated, nothing recurses.

mod code;
mod contents;
mod directory;
mod header;
mod module;
mod segments;

pub(crate) use code::check_fixup;

use crate::error::{Fault, LoadError};
use crate::image::{Image, Layout};
use crate::machine::Machine;
use crate::records::Records;
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
    let file = header::read(bytes, machine)?;
    header::check_len(&file, bytes)?;
    header::check_sums(&file, bytes, verify)?;
    header::check_machine(&file, machine)?;
    let segments = segments::check(&file, bytes)?;
    let tables = directory::check(&file, bytes)?;
    let image = Image::new(Layout { header: file.header, segments, tables }, bytes);
    module::check(&image)?;
    contents::check(&image)?;
    code::check(&image)?;
    Ok(image)
}

/// Checks every record of a table; a fault is reported with the record that has it.
fn each<T: Record + Default>(
    table: Table,
    records: Records<'_, T>,
    mut check: impl FnMut(u32, T) -> Result<(), Fault>,
) -> Result<(), LoadError> {
    (0..)
        .zip(records.iter())
        .try_for_each(|(index, record)| check(index, record).map_err(|fault| LoadError::Record { table, index, fault }))
}

/// `fault` unless `holds`.
fn ensure(holds: bool, fault: Fault) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(fault) }
}
