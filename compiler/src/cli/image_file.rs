//! An `.aot` file read for people: ELF by `goblin`, which shares nothing with the code that wrote
//! it, and the metadata by the records of `abi`.
//!
//! Every read is checked, but unlike a loader this reader goes on where something is wrong, so that
//! a damaged file can be looked at.

use super::failure::Failure;
use goblin::elf::Elf;
use wasmc_abi::checksum::xxh32;
use wasmc_abi::image::{DirectoryEntry, Header, MAGIC, NONE, PREFIX_LEN, PT_METADATA, Record, Table};

/// An image, with its headers read.
#[derive(Debug)]
pub struct ImageFile<'a> {
    /// The whole file.
    pub bytes: &'a [u8],
    /// The ELF view.
    pub elf: Elf<'a>,
    /// The metadata's header.
    pub header: Header,
    /// The metadata block and what follows it.
    metadata: &'a [u8],
    directory: Vec<DirectoryEntry>,
}

impl<'a> ImageFile<'a> {
    /// Reads the headers of the file called `name`.
    pub fn parse(name: &str, bytes: &'a [u8]) -> Result<ImageFile<'a>, Failure> {
        let bad = |why: String| {
            Failure::input(format!("{name} is not a sound .aot image: {why}"))
                .help("copy it again, or make it again with `wasmc compile`")
        };
        let elf = Elf::parse(bytes).map_err(|error| bad(format!("its ELF part: {error}")))?;
        let segment = elf.program_headers.iter().find(|h| h.p_type == PT_METADATA);
        let Some(segment) = segment else {
            return Err(Failure::input(format!(
                "{name} is an ELF file, but not an .aot image: it has no segment of type {PT_METADATA:#x}"
            ))
            .help("`wasmc compile` makes .aot files"));
        };
        let metadata = usize::try_from(segment.p_offset)
            .ok()
            .and_then(|offset| bytes.get(offset..))
            .filter(|metadata| metadata.len() >= PREFIX_LEN)
            .ok_or_else(|| bad(format!("its metadata at {:#x} lies beyond its end", segment.p_offset)))?;
        let header = Header::read(metadata).ok_or_else(|| bad("its header is cut short".into()))?;
        if header.magic != MAGIC {
            return Err(bad(format!("its metadata starts with {:02x?}", header.magic)));
        }
        if header.format_version != wasmc_abi::FORMAT_VERSION {
            return Err(Failure::input(format!(
                "{name} has image format {}, and this wasmc reads format {}",
                header.format_version,
                wasmc_abi::FORMAT_VERSION
            ))
            .help("use the wasmc that made it, or compile the module again"));
        }
        let directory = metadata[Header::LEN..PREFIX_LEN]
            .chunks_exact(DirectoryEntry::LEN)
            .filter_map(DirectoryEntry::read)
            .collect();
        Ok(ImageFile { bytes, elf, header, metadata, directory })
    }

    /// Where a table lies, in bytes from the metadata's start, and its count of records.
    pub fn directory_entry(&self, table: Table) -> DirectoryEntry {
        self.directory.get(table as usize).copied().unwrap_or_default()
    }

    fn table_bytes(&self, table: Table) -> &'a [u8] {
        let DirectoryEntry { offset, count } = self.directory_entry(table);
        let len = count as usize * table.record_len();
        let rest = self.metadata.get(offset as usize..).unwrap_or(&[]);
        &rest[..len.min(rest.len())]
    }

    /// The records of a table, as far as they lie inside the file.
    pub fn table<R: Record>(&self, table: Table) -> Vec<R> {
        self.table_bytes(table).chunks_exact(table.record_len()).filter_map(R::read).collect()
    }

    /// The bytes of a table of bytes.
    pub fn byte_table(&self, table: Table) -> &'a [u8] {
        self.table_bytes(table)
    }

    /// A name; `None` if there is none.
    pub fn string(&self, offset: u32, len: u32) -> Option<String> {
        if offset == NONE {
            return None;
        }
        let from = self.table_bytes(Table::Strings).get(offset as usize..)?;
        Some(String::from_utf8_lossy(from.get(..len as usize)?).into_owned())
    }

    /// What is wrong with the file's length and checksums; nothing if it is as it was written.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let (header, len) = (&self.header, self.bytes.len());
        if header.file_len as usize != len {
            faults.push(format!("the file has {len} bytes, but was written with {}", header.file_len));
        }
        let head_len = (header.head_len as usize).min(len);
        let (head, body) = self.bytes.split_at(head_len);
        let head = xxh32(&without_checksums(head, len - self.metadata.len()), 0);
        for (name, now, then) in [("head", head, header.head_checksum), ("body", xxh32(body, 0), header.body_checksum)]
        {
            if now != then {
                faults.push(format!("the {name} has checksum {now:08x}, but was written with {then:08x}"));
            }
        }
        faults
    }
}

/// The head with both checksum fields as 0, as its checksum has it.
fn without_checksums(head: &[u8], metadata_offset: usize) -> Vec<u8> {
    let mut head = head.to_vec();
    for field in Header::FIELDS.iter().filter(|f| f.name.ends_with("_checksum")) {
        let start = metadata_offset + field.offset;
        if let Some(bytes) = head.get_mut(start..start + field.len) {
            bytes.fill(0);
        }
    }
    head
}
