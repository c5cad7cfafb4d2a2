//! Checksums of an image that was changed: computed anew, so that the checks behind them have to find
//! the change. Works on any image.

use wasmc_abi::checksum::xxh32;
use wasmc_abi::image::{CHECKSUM_FIELDS, Header, MAGIC, Record};

/// Where a file's metadata block lies, if the file can be understood that far.
pub fn metadata_offset(file: &[u8]) -> Option<usize> {
    file.windows(MAGIC.len()).position(|bytes| bytes == MAGIC)
}

/// Computes both checksums anew, as far as the file can be understood.
pub fn seal(file: &mut [u8]) {
    let Some((metadata, header)) = read_header(file) else { return };
    if let Some(body) = file.get(header.head_len as usize..) {
        let sum = xxh32(body, 0);
        file[metadata + CHECKSUM_FIELDS.start + 4..][..4].copy_from_slice(&sum.to_le_bytes());
    }
    seal_head(file);
}

/// Computes the head's checksum anew.
pub fn seal_head(file: &mut [u8]) {
    let Some((metadata, header)) = read_header(file) else { return };
    let Some(head) = file.get(..header.head_len as usize) else { return };
    let fields = metadata + CHECKSUM_FIELDS.start..metadata + CHECKSUM_FIELDS.end;
    if fields.end > head.len() {
        return;
    }
    let mut head = head.to_vec();
    head[fields.clone()].fill(0);
    file[fields.start..fields.start + 4].copy_from_slice(&xxh32(&head, 0).to_le_bytes());
}

fn read_header(file: &[u8]) -> Option<(usize, Header)> {
    let metadata = metadata_offset(file)?;
    Some((metadata, Header::read(&file[metadata..])?))
}

/// Changes a field of the header in a built file and computes the checksums anew.
pub fn patch_header(file: &mut [u8], name: &str, value: &[u8]) {
    let field = Header::FIELDS.iter().find(|field| field.name == name).expect("a field of the header");
    let at = metadata_offset(file).unwrap() + field.offset;
    file[at..at + value.len()].copy_from_slice(value);
    seal(file);
}
