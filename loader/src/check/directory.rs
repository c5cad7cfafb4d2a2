//! The directory: where each table lies inside the metadata.

use super::header::File;
use crate::error::{DirectoryFault, LoadError};
use crate::image::{Span, range};
use crate::limits;
use crate::records::Records;
use wasmc_abi::image::{DirectoryEntry, Header, PREFIX_LEN, Table};

/// Places of the tables, image offsets. The metadata block was found to be inside the file and long
/// enough for the directory.
pub(super) fn check(file: &File, bytes: &[u8]) -> Result<[Span; Table::COUNT], LoadError> {
    let metadata = bytes.get(range(file.metadata.offset, file.metadata.len)).unwrap_or_default();
    let directory = Records::<DirectoryEntry>::new(metadata.get(Header::LEN..PREFIX_LEN).unwrap_or_default());
    let mut tables = [Span::default(); Table::COUNT];
    let mut end = PREFIX_LEN as u32;
    let head_end = file.header.head_len.saturating_sub(file.metadata.offset);
    for ((table, entry), span) in Table::ALL.iter().zip(directory.iter()).zip(&mut tables) {
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
    Ok(tables)
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
