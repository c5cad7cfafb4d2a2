//! Sites: the places in machine code where execution can leave it, a call or an access or a trap,
//! and the Wasm offsets they came from, the innermost first when functions were inlined.
//!
//! Stored as a byte stream, groups of [`GROUP`] sites, each group decodable by itself; an index
//! record says where a group starts. Writer and reader stand side by side here. Per site, as
//! unsigned LEB128: distance from the previous site's code offset × 4 + [`Callers`]; zigzag difference
//! of the innermost Wasm offset from the previous site's; with [`Callers::Listed`], how many callers
//! are new, the zigzag difference of each from the offset before it, and how many of the previous
//! site's outermost callers follow. The first site of a group counts from the index record's code
//! offset, from Wasm offset 0 and from no callers.

use crate::record::records;

/// Sites in a group.
pub const GROUP: usize = 64;

/// The most callers stored with one site; the outermost beyond that are left out.
pub const MAX_CALLERS: usize = 31;

/// How a site's callers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Callers {
    /// There are none.
    None = 0,
    /// They are those of the previous site.
    Same = 1,
    /// New ones first, then some of the previous site's.
    Listed = 2,
}

records! {
    /// Start of a group of sites.
    pub struct SiteIndexRecord {
        /// Image offset of the group's first site.
        pub code_offset: u32,
        /// Where the group starts in the stream.
        pub stream_offset: u32,
    }
}

/// One site as decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// Image offset from which the site holds, up to the next site.
    pub code_offset: u32,
    /// Wasm offsets, innermost first; 0 where it is not known.
    offsets: [u32; MAX_CALLERS + 1],
    count: usize,
}

impl Site {
    /// A site; offsets beyond the limit are cut off.
    pub fn new(code_offset: u32, wasm_offsets: &[u32]) -> Site {
        let count = wasm_offsets.len().clamp(1, MAX_CALLERS + 1);
        let mut offsets = [0; MAX_CALLERS + 1];
        for (to, from) in offsets.iter_mut().zip(wasm_offsets) {
            *to = *from;
        }
        Site { code_offset, offsets, count }
    }

    /// Wasm offsets of the instruction and of the calls that it was inlined through, innermost first.
    pub fn wasm_offsets(&self) -> &[u32] {
        self.offsets.get(..self.count).unwrap_or(&[])
    }

    /// Adds an outermost caller; `None` if there is no room.
    fn push(&mut self, caller: u32) -> Option<()> {
        *self.offsets.get_mut(self.count)? = caller;
        self.count += 1;
        Some(())
    }

    fn callers(&self) -> &[u32] {
        self.wasm_offsets().get(1..).unwrap_or(&[])
    }
}

/// What the first site of a group counts from.
fn group_start(index: &SiteIndexRecord) -> Site {
    Site::new(index.code_offset, &[0])
}

fn zigzag(from: u32, to: u32) -> u32 {
    let d = to.wrapping_sub(from) as i32;
    ((d << 1) ^ (d >> 31)) as u32
}

fn unzigzag(from: u32, coded: u32) -> u32 {
    from.wrapping_add((coded >> 1) ^ 0u32.wrapping_sub(coded & 1))
}

/// Writes sites, which must come in ascending order of code offset. `byte` receives the stream,
/// `index` the index records.
pub struct SiteWriter<B: FnMut(u8), I: FnMut(SiteIndexRecord)> {
    byte: B,
    index: I,
    written: usize,
    stream_offset: u32,
    previous: Site,
}

impl<B: FnMut(u8), I: FnMut(SiteIndexRecord)> SiteWriter<B, I> {
    /// A writer at the start of both tables.
    pub fn new(byte: B, index: I) -> Self {
        SiteWriter { byte, index, written: 0, stream_offset: 0, previous: Site::new(0, &[0]) }
    }

    /// Appends one site.
    pub fn push(&mut self, site: &Site) {
        if self.written.is_multiple_of(GROUP) {
            let index = SiteIndexRecord { code_offset: site.code_offset, stream_offset: self.stream_offset };
            self.previous = group_start(&index);
            (self.index)(index);
        }
        self.written += 1;
        let previous = self.previous;
        let kind = match site.callers() {
            [] => Callers::None,
            callers if callers == previous.callers() => Callers::Same,
            _ => Callers::Listed,
        };
        self.leb((u64::from(site.code_offset - previous.code_offset) << 2) | kind as u64);
        self.leb(zigzag(previous.offsets[0], site.offsets[0]).into());
        if kind == Callers::Listed {
            let pairs = site.callers().iter().rev().zip(previous.callers().iter().rev());
            let shared = pairs.take_while(|(a, b)| a == b).count();
            let new = site.callers().len() - shared;
            self.leb(new as u64);
            for pair in site.offsets[..=new].windows(2) {
                self.leb(zigzag(pair[0], pair[1]).into());
            }
            self.leb(shared as u64);
        }
        self.previous = *site;
    }

    fn leb(&mut self, mut value: u64) {
        loop {
            let more = value >= 0x80;
            (self.byte)((value as u8 & 0x7F) | if more { 0x80 } else { 0 });
            self.stream_offset += 1;
            value >>= 7;
            if !more {
                return;
            }
        }
    }
}

/// Reads the sites of one group: `stream` starts where its index record says.
pub struct SiteReader<'a> {
    stream: &'a [u8],
    left: usize,
    previous: Site,
}

impl<'a> SiteReader<'a> {
    /// A reader of the group that `index` announces; `stream` is the whole stream.
    pub fn new(stream: &'a [u8], index: &SiteIndexRecord) -> Self {
        let stream = stream.get(index.stream_offset as usize..).unwrap_or(&[]);
        SiteReader { stream, left: GROUP, previous: group_start(index) }
    }

    fn leb(&mut self) -> Option<u64> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (&byte, rest) = self.stream.split_first()?;
            self.stream = rest;
            value |= u64::from(byte & 0x7F).checked_shl(shift)?;
            shift += 7;
            if byte < 0x80 {
                return Some(value);
            }
        }
    }
}

impl Iterator for SiteReader<'_> {
    type Item = Site;

    /// The next site; `None` at the group's or the stream's end, or where the bytes make no sense.
    fn next(&mut self) -> Option<Site> {
        self.left = self.left.checked_sub(1)?;
        let head = self.leb()?;
        let code_offset = self.previous.code_offset.checked_add(u32::try_from(head >> 2).ok()?)?;
        let innermost = unzigzag(self.previous.offsets[0], self.leb()? as u32);
        let mut site = Site::new(code_offset, &[innermost]);
        let mut shared = self.previous.callers().len();
        if head & 3 == Callers::Listed as u64 {
            let mut before = innermost;
            for _ in 0..self.leb()? {
                before = unzigzag(before, self.leb()? as u32);
                site.push(before)?;
            }
            shared = usize::try_from(self.leb()?).ok()?;
        }
        if head & 3 != Callers::None as u64 {
            let callers = self.previous.callers();
            for caller in callers.get(callers.len().checked_sub(shared)?..)? {
                site.push(*caller)?;
            }
        }
        self.previous = site;
        Some(site)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    #[test]
    fn sites_survive_a_round_trip() {
        let sites: Vec<Site> = (0..200u32)
            .map(|i| match i % 7 {
                0 => Site::new(i * 7, &[i.wrapping_mul(0x9E37_79B1)]),
                1 => Site::new(i * 7, &[i, u32::MAX - i, 3]),
                2 => Site::new(i * 7, &[i + 9, u32::MAX - i + 1, 3]),
                3 => Site::new(i * 7, &[i, 8, 9, u32::MAX - i + 2, 3]),
                4 => Site::new(i * 7, &[i, 9, u32::MAX - i + 3, 3]),
                5 => Site::new(i * 7, &[i, 9, 9, 3]),
                _ => Site::new(i * 7, &[5; MAX_CALLERS + 1]),
            })
            .collect();
        let (mut stream, mut index) = (Vec::new(), Vec::new());
        let mut writer = SiteWriter::new(|b| stream.push(b), |r| index.push(r));
        sites.iter().for_each(|s| writer.push(s));
        assert_eq!(index.len(), 200usize.div_ceil(GROUP));
        let read: Vec<Site> = index.iter().flat_map(|r| SiteReader::new(&stream, r)).collect();
        assert_eq!(read, sites);
    }

    #[test]
    fn any_bytes_end_without_a_panic() {
        for seed in 0..2000u32 {
            let bytes: [u8; 40] = core::array::from_fn(|i| (crate::checksum::xxh32(&[i as u8], seed) >> 5) as u8);
            let index = SiteIndexRecord { code_offset: seed << 20, stream_offset: seed % 50 };
            assert!(SiteReader::new(&bytes, &index).count() <= GROUP);
        }
    }
}
