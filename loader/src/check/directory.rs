//! The directory: where each table lies inside the metadata.

use super::header::File;
use crate::error::{DirectoryFault, LoadError};
use crate::image::{Image, Layout, Span, range};
use crate::limits;
use crate::records::Records;
use wasmc_abi::image::{DirectoryEntry, Header, PREFIX_LEN, Table};

/// Places of the tables, image offsets. The metadata block was found to be inside the file and long
/// enough for the directory.
#[inline(never)]
pub(super) fn check(file: &File, image: &mut Image<'_>) -> Result<(), LoadError> {
    let bytes = image.bytes();
    let Layout { header, tables, .. } = image.layout_mut();
    let metadata = bytes.get(range(file.metadata.offset, file.metadata.len)).unwrap_or_default();
    let directory = Records::<DirectoryEntry>::new(metadata.get(Header::LEN..PREFIX_LEN).unwrap_or_default());
    let mut end = PREFIX_LEN as u32;
    let head_end = header.head_len.saturating_sub(file.metadata.offset);
    for ((table, span), index) in Table::ALL.iter().zip(tables).zip(0..) {
        let entry = directory.get(index).unwrap_or_default();
        // Where nothing is does not matter.
        if entry.count == 0 {
            continue;
        }
        // The stream's reader takes any bytes, so the head may end before it.
        let limit = if *table == Table::SiteStream { file.metadata.len } else { file.metadata.len.min(head_end) };
        let len =
            check_entry(*table, &entry, end, limit).map_err(|fault| LoadError::Directory { table: *table, fault })?;
        *span = Span { offset: file.metadata.offset.saturating_add(entry.offset), len };
        end = entry.offset.saturating_add(len);
    }
    Ok(())
}

/// Length of a table in bytes. `start` is where it may begin, at the earliest.
/// `limit` is where it has to end, at the latest.
fn check_entry(table: Table, entry: &DirectoryEntry, start: u32, limit: u32) -> Result<u32, DirectoryFault> {
    if entry.count > limits::records_max(table) {
        return Err(DirectoryFault::Count);
    }
    if !entry.offset.is_multiple_of(8) {
        return Err(DirectoryFault::Alignment);
    }
    if entry.offset < start {
        return Err(DirectoryFault::Order);
    }
    let len = entry.count.saturating_mul(table.record_len() as u32);
    if entry.offset.saturating_add(len) > limit { Err(DirectoryFault::Range) } else { Ok(len) }
}
