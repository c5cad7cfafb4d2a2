//! Damaged images, made from a sound one. Works on any image, not only on the sample.

use super::exercise::exercise;
use super::seal::{metadata_offset, seal_head};
use wasmc_abi::image::{DirectoryEntry, Header, PREFIX_LEN, Record, Table};
use wasmc_loader::{LoadError, Machine, Verify, parse};

/// Records of one table whose fields are changed, at most.
const RECORDS: usize = 8;

/// How the damaged images were received.
#[derive(Debug, Default)]
pub struct Tally {
    pub refused: usize,
    pub loaded: usize,
}

impl Tally {
    /// Parses a file; what is accepted must be harmless, what is refused must have a sentence.
    fn receive(&mut self, file: &[u8], machine: &Machine, verify: Verify) -> Result<(), LoadError> {
        match parse(file, machine, verify) {
            Ok(image) => {
                exercise(&image);
                self.loaded += 1;
                Ok(())
            }
            Err(error) => {
                let message = error.to_string();
                assert!(message.ends_with('.') && message.len() > 40, "no sentence: {message}");
                self.refused += 1;
                Err(error)
            }
        }
    }
}

/// Parses every proper prefix of a file.
pub fn truncate(file: &[u8], machine: &Machine) -> Tally {
    let mut tally = Tally::default();
    for len in 0..file.len() {
        // In memory of its own, so that a sanitizer sees a read past the end.
        let prefix = file[..len].to_vec();
        tally.receive(&prefix, machine, Verify::Full).expect_err("a prefix was accepted");
        tally.receive(&prefix, machine, Verify::Head).expect_err("a prefix was accepted");
    }
    tally
}

/// Changes every byte of the headers and the metadata in four ways: once leaving the checksums as
/// they are, once computing them anew. Of a large image, every `stride`th byte.
pub fn change_bytes(file: &[u8], machine: &Machine, stride: usize) -> Tally {
    let mut tally = Tally::default();
    for at in (0..metadata_end(file)).step_by(stride) {
        let byte = file[at];
        for changed in [0x00, 0xFF, byte.wrapping_add(1), byte.wrapping_sub(1)] {
            if changed == byte {
                continue;
            }
            let mut file = file.to_vec();
            file[at] = changed;
            let stale = tally.receive(&file, machine, Verify::Full);
            stale.expect_err("a change went unnoticed in spite of the checksums");
            seal_head(&mut file);
            let _ = tally.receive(&file, machine, Verify::Head);
        }
    }
    tally
}

/// Sets every field of the header, of the directory and of the first and last records of each table
/// to its extremes and next to its value.
pub fn change_fields(file: &[u8], machine: &Machine) -> Tally {
    let mut tally = Tally::default();
    for (at, len) in fields(file) {
        let value = file[at..at + len].iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        let near = [value.wrapping_add(1), value.wrapping_sub(1), value.wrapping_add(8), value.wrapping_sub(8)];
        let far = [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF8, u32::MAX.into(), u64::MAX >> 1, u64::MAX];
        let places = [file.len() as u64 - 1, file.len() as u64, file.len() as u64 + 1, value << 1, value << 16];
        for changed in near.into_iter().chain(far).chain(places) {
            let mut file = file.to_vec();
            file[at..at + len].copy_from_slice(&changed.to_le_bytes()[..len]);
            seal_head(&mut file);
            let _ = tally.receive(&file, machine, Verify::Head);
        }
    }
    tally
}

/// Changes several bytes at once, `rounds` times; `seed` makes it the same each time.
pub fn change_at_random(file: &[u8], machine: &Machine, seed: u64, rounds: usize) -> Tally {
    let mut tally = Tally::default();
    let mut random = seed | 1;
    let mut next = move |below: usize| {
        // xorshift64*
        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        (random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % below
    };
    let end = metadata_end(file);
    for _ in 0..rounds {
        let mut file = file.to_vec();
        for _ in 0..1 + next(4) {
            let at = next(end);
            file[at] = if next(2) == 0 { next(256) as u8 } else { file[next(end)] };
        }
        seal_head(&mut file);
        let _ = tally.receive(&file, machine, Verify::Head);
    }
    tally
}

fn header(file: &[u8]) -> (usize, Header) {
    let metadata = metadata_offset(file).expect("a sound image");
    (metadata, Header::read(&file[metadata..]).expect("a sound image"))
}

/// Where headers and metadata end, which is at the head's end or behind it.
fn metadata_end(file: &[u8]) -> usize {
    let (metadata, header) = header(file);
    let entries = (metadata + Header::LEN..).step_by(DirectoryEntry::LEN);
    let ends = Table::ALL.iter().zip(entries).map(|(table, entry)| {
        let place = DirectoryEntry::read(&file[entry..]).expect("a sound image");
        metadata + place.offset as usize + place.count as usize * table.record_len()
    });
    ends.max().unwrap_or(0).max(header.head_len as usize)
}

/// Offset and width of the fields to change; of those wider than a number, the first eight bytes.
fn fields(file: &[u8]) -> Vec<(usize, usize)> {
    let (metadata, _) = header(file);
    let mut fields: Vec<_> = Header::FIELDS.iter().map(|field| (metadata + field.offset, field.len.min(8))).collect();
    for (table, entry) in Table::ALL.iter().zip((metadata + Header::LEN..).step_by(DirectoryEntry::LEN)) {
        assert!(entry < metadata + PREFIX_LEN);
        let place = DirectoryEntry::read(&file[entry..]).expect("a sound image");
        fields.extend(DirectoryEntry::FIELDS.iter().map(|field| (entry + field.offset, field.len)));
        let count = place.count as usize;
        for index in (0..count).filter(|index| *index < RECORDS || count - index <= RECORDS) {
            let record = metadata + place.offset as usize + index * table.record_len();
            fields.extend(table.record_fields().iter().map(|field| (record + field.offset, field.len)));
        }
    }
    fields
}
