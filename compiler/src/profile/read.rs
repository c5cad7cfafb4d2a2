//! Reading profiles.

use crate::error::CompileError;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use wasmc_abi::checksum::xxh32;
use wasmc_abi::image::Record;
use wasmc_abi::profile::{BodyRecord, CHECKED_FROM, COUNTER_LEN, MAGIC, PartHeader, VERSION};

/// What was counted, by body.
#[derive(Clone, Debug)]
pub struct Profile {
    /// By what the body is known by, and how many such bodies there were before it: what each part says.
    bodies: BTreeMap<([u8; 16], u32), Vec<Vec<u64>>>,
    digest: [u8; 32],
}

impl Profile {
    /// Reads a profile: the bytes that a program has left, or those of several, one after another.
    pub fn read(bytes: &[u8]) -> Result<Profile, CompileError> {
        let mut profile = Profile { bodies: BTreeMap::new(), digest: Sha256::digest(bytes).into() };
        let mut rest = bytes;
        loop {
            let offset = bytes.len() - rest.len();
            rest = profile.read_part(rest).map_err(|what| {
                CompileError::Profile(format!("{what} (at offset {offset:#x} of {} bytes)", bytes.len()))
            })?;
            if rest.is_empty() {
                return Ok(profile);
            }
        }
    }

    /// SHA-256 of the bytes that it was read from.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// What parts say of the body that is known by `digest`, if there were so many of the kind before it.
    pub(super) fn body(&self, digest: [u8; 16], before: u32) -> &[Vec<u64>] {
        self.bodies.get(&(digest, before)).map_or(&[], Vec::as_slice)
    }

    /// Reads a part; what is behind it comes back.
    fn read_part<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], String> {
        let begin = &bytes[..bytes.len().min(MAGIC.len())];
        if *begin != MAGIC[..begin.len()] || begin.is_empty() {
            return Err("this is not a profile that a program compiled with --profile-generate has written".into());
        }
        let cut = || "the profile ends too early: it was not written completely, or was cut".to_string();
        let damaged = |what: &str| format!("the profile is damaged: {what}");
        let header = PartHeader::read(bytes).ok_or_else(cut)?;
        if header.version != VERSION {
            return Err(format!("the profile has version {}; this wasmc reads version {VERSION}", header.version));
        }
        let (part, rest) = bytes.split_at_checked(header.len as usize).ok_or_else(cut)?;
        if part.get(CHECKED_FROM..).map(|checked| xxh32(checked, 0)) != Some(header.checksum) {
            return Err(damaged("its checksum is wrong"));
        }
        let bad = || damaged("its lengths contradict one another");
        let bodies_len = (header.bodies as usize).checked_mul(BodyRecord::LEN).ok_or_else(bad)?;
        let behind_header = part.get(PartHeader::LEN..).ok_or_else(bad)?;
        let (bodies, counters) = behind_header.split_at_checked(bodies_len).ok_or_else(bad)?;
        let (counters, []) = counters.as_chunks::<COUNTER_LEN>() else { return Err(bad()) };
        let mut before = BTreeMap::new();
        for record in bodies.as_chunks().0 {
            let BodyRecord { digest, first, count } = BodyRecord::from_bytes(record);
            let end = first.checked_add(count).ok_or_else(bad)?;
            let counts = counters.get(first as usize..end as usize).ok_or_else(bad)?;
            let before: &mut u32 = before.entry(digest).or_default();
            let counts = counts.iter().map(|count| u64::from_le_bytes(*count)).collect();
            self.bodies.entry((digest, *before)).or_default().push(counts);
            *before += 1;
        }
        Ok(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A part with bodies of these digests and counters.
    fn part(bodies: &[(u8, &[u64])]) -> Vec<u8> {
        let (mut records, mut counters, mut first) = (Vec::new(), Vec::new(), 0);
        for (digest, counts) in bodies {
            let record = BodyRecord { digest: [*digest; 16], first, count: counts.len() as u32 };
            records.extend(record.to_bytes());
            counters.extend(counts.iter().flat_map(|count| count.to_le_bytes()));
            first += record.count;
        }
        let len = (PartHeader::LEN + records.len() + counters.len()) as u32;
        let header = PartHeader { magic: MAGIC, version: VERSION, checksum: 0, len, bodies: bodies.len() as u32 };
        let mut part = [&header.to_bytes()[..], &records, &counters].concat();
        let checksum = xxh32(&part[CHECKED_FROM..], 0);
        part[CHECKED_FROM - 4..CHECKED_FROM].copy_from_slice(&checksum.to_le_bytes());
        part
    }

    #[test]
    fn parts_are_read_one_after_another_and_equal_bodies_in_order() {
        let bytes = [part(&[(1, &[1, 2]), (2, &[3]), (1, &[4, 5])]), part(&[(2, &[6])])].concat();
        let profile = Profile::read(&bytes).unwrap();
        assert_eq!(profile.body([1; 16], 0), [[1, 2]]);
        assert_eq!(profile.body([1; 16], 1), [[4, 5]]);
        assert_eq!(profile.body([2; 16], 0), [[3], [6]]);
        assert!(profile.body([1; 16], 2).is_empty() && profile.body([3; 16], 0).is_empty());
    }

    #[test]
    fn what_is_damaged_or_no_profile_is_refused() {
        let whole = part(&[(1, &[1, 2]), (2, &[3])]);
        for len in 0..whole.len() {
            let error = Profile::read(&whole[..len]).unwrap_err().to_string();
            assert!(error.contains(if len == 0 { "not a profile" } else { "ends too early" }), "{len}: {error}");
        }
        for index in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[index] ^= 0x40;
            assert!(Profile::read(&damaged).is_err(), "byte {index}");
        }
        assert!(Profile::read(&[&whole[..], b"\0"].concat()).unwrap_err().to_string().contains("not a profile"));
        let mut newer = whole;
        newer[8] = 2;
        assert!(Profile::read(&newer).unwrap_err().to_string().contains("version 2"));
    }

    #[test]
    fn lengths_that_contradict_one_another_are_refused_whatever_the_checksum_says() {
        let seal = |mut part: Vec<u8>, at: usize, number: u32| {
            part[at..at + 4].copy_from_slice(&number.to_le_bytes());
            let checksum = xxh32(&part[CHECKED_FROM..], 0);
            part[CHECKED_FROM - 4..CHECKED_FROM].copy_from_slice(&checksum.to_le_bytes());
            part
        };
        let body = PartHeader::LEN + 16;
        for (at, number) in [(20, 5), (20, u32::MAX), (body, 7), (body, u32::MAX), (body + 4, 9)] {
            let error = Profile::read(&seal(part(&[(1, &[1, 2])]), at, number)).unwrap_err().to_string();
            assert!(error.contains("damaged"), "{at} {number}: {error}");
        }
    }
}
