//! The directory: where each table lies inside the metadata.

use super::{Check, Refused};
use crate::error::{DirectoryFault, LoadError};
use crate::image::{Span, range};
use crate::limits;
use wasmc_abi::image::{DirectoryEntry, Header, PREFIX_LEN, Table, read_words};

impl Check<'_, '_> {
    /// Places of the tables, image offsets. The metadata block was found to be inside the file and long
    /// enough for the directory.
    pub(super) fn directory(&mut self) -> Result<(), Refused> {
        let metadata = self.metadata;
        let mut entries = self.image.bytes().get(range(metadata.offset, metadata.len)).unwrap_or_default();
        entries = entries.get(Header::LEN..).unwrap_or_default();
        let head_end = self.image.header().head_len.saturating_sub(metadata.offset);
        let mut end = PREFIX_LEN as u32;
        for table in Table::ALL {
            let mut words = [0; 2];
            read_words(entries, &mut words);
            entries = entries.get(DirectoryEntry::LEN..).unwrap_or_default();
            let [offset, count] = words;
            // Where nothing is does not matter.
            if count == 0 {
                continue;
            }
            // The stream's reader takes any bytes, so the head may end before it.
            let limit = if *table == Table::SiteStream { metadata.len } else { metadata.len.min(head_end) };
            let len = count.saturating_mul(table.record_len() as u32);
            let fault = if count > limits::records_max(*table) {
                DirectoryFault::Count
            } else if !offset.is_multiple_of(8) {
                DirectoryFault::Alignment
            } else if offset < end {
                DirectoryFault::Order
            } else if offset.saturating_add(len) > limit {
                DirectoryFault::Range
            } else {
                end = offset.saturating_add(len);
                if let Some(span) = self.image.layout_mut().tables.get_mut(*table as usize) {
                    *span = Span { offset: metadata.offset.saturating_add(offset), len };
                }
                continue;
            };
            return self.refuse(LoadError::Directory { table: *table, fault });
        }
        Ok(())
    }
}
