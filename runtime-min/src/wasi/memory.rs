//! Guest memory: the only file that turns a guest's address into bytes.
//!
//! In: the bytes of one linear memory and the snapshot its module was built for. Out: checked slices, little-endian
//! integers, buffer lists. Every address is hostile: whatever does not fit is [`Errno::Fault`]. Nothing here keeps a
//! guest's reference after the call.

use super::errno::Errno;
use super::types::Snapshot;
use std::borrow::Cow;
use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;
use std::sync::atomic::{AtomicU8, Ordering};

/// Bytes of an `iovec` or `ciovec`: address, length.
const IOVEC_SIZE: u32 = 8;

/// The most bytes that one transfer moves to or from a shared memory, by way of a buffer.
const SHARED_TRANSFER_BYTES: usize = 1 << 16;

/// The linear memory of the calling guest, and which record layouts it expects.
pub struct GuestMemory<'m> {
    bytes: Bytes<'m>,
    snapshot: Snapshot,
}

enum Bytes<'m> {
    Own(&'m mut [u8]),
    /// Other threads change them at any time: everything is copied once, then looked at.
    Shared(&'m [AtomicU8]),
}

impl Bytes<'_> {
    fn len(&self) -> usize {
        match self {
            Bytes::Own(bytes) => bytes.len(),
            Bytes::Shared(bytes) => bytes.len(),
        }
    }
}

impl<'m> GuestMemory<'m> {
    /// Wraps all bytes of a linear memory.
    pub fn new(bytes: &'m mut [u8], snapshot: Snapshot) -> Self {
        GuestMemory { bytes: Bytes::Own(bytes), snapshot }
    }

    /// Wraps all bytes of a shared linear memory.
    pub fn shared(bytes: &'m [AtomicU8], snapshot: Snapshot) -> Self {
        GuestMemory { bytes: Bytes::Shared(bytes), snapshot }
    }

    /// The snapshot that the calling module was built for.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot
    }

    /// Fails unless `len` bytes at `address` exist. Functions check where results go before they act, so that a bad
    /// pointer leaves nothing half done.
    pub fn check(&self, address: u32, len: u32) -> Result<(), Errno> {
        self.range(address, len).map(|_| ())
    }

    /// As [`check`](Self::check), for `count` records of `size` bytes.
    pub fn check_array(&self, address: u32, count: u32, size: u32) -> Result<(), Errno> {
        self.check(address, count.checked_mul(size).ok_or(Errno::Fault)?)
    }

    /// `len` bytes at `address`.
    pub fn bytes(&self, address: u32, len: u32) -> Result<Cow<'_, [u8]>, Errno> {
        let range = self.range(address, len)?;
        match &self.bytes {
            Bytes::Own(bytes) => bytes.get(range).map(Cow::Borrowed).ok_or(Errno::Fault),
            Bytes::Shared(bytes) => {
                let mut copy = Vec::new();
                append(&mut copy, bytes.get(range).ok_or(Errno::Fault)?)?;
                Ok(copy.into())
            }
        }
    }

    /// A record of `N` bytes.
    pub fn read_array<const N: usize>(&self, address: u32) -> Result<[u8; N], Errno> {
        let len = u32::try_from(N).map_err(|_| Errno::Fault)?;
        let range = self.range(address, len)?;
        match &self.bytes {
            Bytes::Own(bytes) => bytes.get(range).and_then(|bytes| bytes.try_into().ok()).ok_or(Errno::Fault),
            Bytes::Shared(bytes) => {
                let mut array = [0; N];
                let bytes = bytes.get(range).ok_or(Errno::Fault)?;
                array.iter_mut().zip(bytes).for_each(|(to, from)| *to = from.load(Ordering::Relaxed));
                Ok(array)
            }
        }
    }

    /// A little-endian `u32`.
    pub fn read_u32(&self, address: u32) -> Result<u32, Errno> {
        self.read_array(address).map(u32::from_le_bytes)
    }

    /// Stores `value` at `address`.
    pub fn write(&mut self, address: u32, value: &[u8]) -> Result<(), Errno> {
        let len = u32::try_from(value.len()).map_err(|_| Errno::Fault)?;
        let range = self.range(address, len)?;
        match &mut self.bytes {
            Bytes::Own(bytes) => bytes.get_mut(range).ok_or(Errno::Fault)?.copy_from_slice(value),
            Bytes::Shared(bytes) => store(bytes.get(range).ok_or(Errno::Fault)?, value),
        }
        Ok(())
    }

    /// Stores a little-endian `u32`.
    pub fn write_u32(&mut self, address: u32, value: u32) -> Result<(), Errno> {
        self.write(address, &value.to_le_bytes())
    }

    /// Stores a little-endian `u64`.
    pub fn write_u64(&mut self, address: u32, value: u64) -> Result<(), Errno> {
        self.write(address, &value.to_le_bytes())
    }

    /// Stores a byte count; counts beyond 32 bits cannot be told to a guest.
    pub fn write_len(&mut self, address: u32, len: usize) -> Result<(), Errno> {
        self.write_u32(address, u32::try_from(len).map_err(|_| Errno::Overflow)?)
    }

    /// The buffers that an `iovec_array` names, empty ones left out, at most `limit` of them.
    ///
    /// Buffers beyond the limit are not used: a short read or write is always allowed, and says so. Lists longer than
    /// the hard cap are refused, as POSIX does beyond `IOV_MAX`.
    pub fn buffers(&self, iovs: u32, count: u32, limit: u32) -> Result<Buffers, Errno> {
        if count > super::Limits::HARD_CAP.iovecs {
            return Err(Errno::Inval);
        }
        let mut ranges = Vec::new();
        ranges.try_reserve_exact(count.min(limit) as usize)?;
        for index in 0..count {
            if ranges.len() >= limit as usize {
                break;
            }
            let range = self.buffer(iovs, index)?;
            if !range.is_empty() {
                ranges.push(range);
            }
        }
        Ok(Buffers(ranges))
    }

    /// Has `send` take the buffers' contents, in order. Of a shared memory it gets the first bytes only, if there are
    /// many: a short write.
    pub fn send<R>(
        &self,
        buffers: &Buffers,
        send: impl FnOnce(&[IoSlice<'_>]) -> Result<R, Errno>,
    ) -> Result<R, Errno> {
        let bytes = match &self.bytes {
            Bytes::Own(bytes) => bytes,
            Bytes::Shared(bytes) => return send(&[IoSlice::new(&gather(bytes, buffers)?)]),
        };
        let mut slices = Vec::new();
        slices.try_reserve_exact(buffers.0.len())?;
        for range in &buffers.0 {
            slices.push(IoSlice::new(bytes.get(range.clone()).ok_or(Errno::Fault)?));
        }
        send(&slices)
    }

    /// Has `receive` fill the buffers, in order; it says by how many bytes. Of a shared memory it may get fewer: a
    /// short read.
    pub fn receive(
        &mut self,
        buffers: &Buffers,
        receive: impl FnOnce(&mut [IoSliceMut<'_>]) -> Result<usize, Errno>,
    ) -> Result<usize, Errno> {
        let bytes = match &mut self.bytes {
            Bytes::Own(bytes) => return receive(&mut slices_mut(bytes, buffers)?),
            Bytes::Shared(bytes) => *bytes,
        };
        let mut copy = Vec::new();
        let len = buffers.total_len().min(SHARED_TRANSFER_BYTES);
        copy.try_reserve_exact(len)?;
        copy.resize(len, 0);
        let received = receive(&mut [IoSliceMut::new(&mut copy)])?;
        let mut rest = copy.get(..received).ok_or(Errno::Io)?;
        for range in &buffers.0 {
            let (now, later) = rest.split_at(rest.len().min(range.len()));
            store(bytes.get(range.clone()).ok_or(Errno::Fault)?, now);
            rest = later;
        }
        Ok(received)
    }

    /// Stores strings as C expects `argv` and `environ`: addresses at `pointers`, bytes with a final NUL at `buffer`.
    pub fn write_strings(&mut self, pointers: u32, buffer: u32, strings: &[Vec<u8>]) -> Result<(), Errno> {
        let (mut pointer, mut address) = (pointers, buffer);
        for string in strings {
            self.write_u32(pointer, address)?;
            self.write(address, string)?;
            let end = offset(address, u32::try_from(string.len()).map_err(|_| Errno::Fault)?)?;
            self.write(end, &[0])?;
            pointer = offset(pointer, 4)?;
            address = offset(end, 1)?;
        }
        Ok(())
    }

    /// Stores how many strings there are and how many bytes they take with their final NULs.
    pub fn write_string_sizes(&mut self, count: u32, bytes: u32, strings: &[Vec<u8>]) -> Result<(), Errno> {
        let total = strings.iter().try_fold(0usize, |sum, string| sum.checked_add(string.len())?.checked_add(1));
        self.write_len(count, strings.len())?;
        self.write_len(bytes, total.ok_or(Errno::Overflow)?)
    }

    fn buffer(&self, iovs: u32, index: u32) -> Result<Range<usize>, Errno> {
        let record = offset(iovs, index.checked_mul(IOVEC_SIZE).ok_or(Errno::Fault)?)?;
        self.range(self.read_u32(record)?, self.read_u32(offset(record, 4)?)?)
    }

    // In 64 bits: on a 32-bit host, address + len can be more than a usize holds.
    fn range(&self, address: u32, len: u32) -> Result<Range<usize>, Errno> {
        let end = u64::from(address) + u64::from(len);
        if end > self.bytes.len() as u64 {
            return Err(Errno::Fault);
        }
        Ok(address as usize..end as usize)
    }
}

/// `address + by`, unless that leaves 32 bits.
pub(super) fn offset(address: u32, by: u32) -> Result<u32, Errno> {
    address.checked_add(by).ok_or(Errno::Fault)
}

/// Places of buffers in guest memory, each inside it and none empty.
pub struct Buffers(Vec<Range<usize>>);

impl Buffers {
    /// Whether there is nothing to transfer.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn total_len(&self) -> usize {
        self.0.iter().fold(0, |sum, range| range.len().saturating_add(sum))
    }

    fn overlap(&self) -> Result<bool, Errno> {
        let mut sorted = Vec::new();
        sorted.try_reserve_exact(self.0.len())?;
        sorted.extend(self.0.iter().map(|range| (range.start, range.end)));
        sorted.sort_unstable();
        Ok(sorted.windows(2).any(|pair| pair[0].1 > pair[1].0))
    }
}

/// Appends a copy of bytes of a shared memory.
fn append(copy: &mut Vec<u8>, bytes: &[AtomicU8]) -> Result<(), Errno> {
    copy.try_reserve_exact(bytes.len())?;
    copy.extend(bytes.iter().map(|byte| byte.load(Ordering::Relaxed)));
    Ok(())
}

/// Stores to bytes of a shared memory.
fn store(bytes: &[AtomicU8], value: &[u8]) {
    bytes.iter().zip(value).for_each(|(to, from)| to.store(*from, Ordering::Relaxed));
}

/// The first bytes of buffers in a shared memory.
fn gather(bytes: &[AtomicU8], buffers: &Buffers) -> Result<Vec<u8>, Errno> {
    let mut copy = Vec::new();
    for range in &buffers.0 {
        let bytes = bytes.get(range.clone()).ok_or(Errno::Fault)?;
        let room = SHARED_TRANSFER_BYTES - copy.len();
        append(&mut copy, &bytes[..bytes.len().min(room)])?;
    }
    Ok(copy)
}

/// The buffers to be filled, in order. Buffers that overlap cannot all be lent at once; then only the first is filled, a
/// short read.
fn slices_mut<'b>(bytes: &'b mut [u8], buffers: &Buffers) -> Result<Vec<IoSliceMut<'b>>, Errno> {
    let usable = if buffers.overlap()? { &buffers.0[..1] } else { &buffers.0[..] };
    let mut order: Vec<usize> = Vec::new();
    order.try_reserve_exact(usable.len())?;
    order.extend(0..usable.len());
    order.sort_unstable_by_key(|&index| usable[index].start);
    let mut slices = split_disjoint(bytes, usable, &order)?;
    slices.sort_unstable_by_key(|(index, _)| *index);
    Ok(slices.into_iter().map(|(_, slice)| IoSliceMut::new(slice)).collect())
}

/// Splits `bytes` into the given disjoint ranges, visited in ascending order; each comes with its place in the list.
fn split_disjoint<'b>(
    bytes: &'b mut [u8],
    ranges: &[Range<usize>],
    ascending: &[usize],
) -> Result<Vec<(usize, &'b mut [u8])>, Errno> {
    let mut parts = Vec::new();
    parts.try_reserve_exact(ranges.len())?;
    let (mut rest, mut rest_start) = (bytes, 0);
    for &index in ascending {
        let range = &ranges[index];
        let gap = range.start.checked_sub(rest_start).ok_or(Errno::Fault)?;
        let (_, from) = rest.split_at_mut_checked(gap).ok_or(Errno::Fault)?;
        let (part, after) = from.split_at_mut_checked(range.len()).ok_or(Errno::Fault)?;
        parts.push((index, part));
        (rest, rest_start) = (after, range.end);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store_iovecs(bytes: &mut [u8], iovecs: &[(u32, u32)]) {
        for (record, (address, len)) in bytes.chunks_exact_mut(8).zip(iovecs) {
            record[..4].copy_from_slice(&address.to_le_bytes());
            record[4..].copy_from_slice(&len.to_le_bytes());
        }
    }

    #[test]
    fn an_address_outside_is_a_fault_and_the_last_byte_is_not() {
        let mut bytes = [0; 16];
        let memory = GuestMemory::new(&mut bytes, Snapshot::P1);
        assert!(memory.check(15, 1).is_ok());
        assert!(memory.check(16, 0).is_ok());
        assert_eq!(memory.check(16, 1), Err(Errno::Fault));
        assert_eq!(memory.check(u32::MAX, u32::MAX), Err(Errno::Fault));
        assert_eq!(memory.check_array(0, 0x8000_0000, 8), Err(Errno::Fault));
        assert_eq!(memory.read_u32(13), Err(Errno::Fault));
    }

    #[test]
    fn buffers_keep_their_order_whatever_their_addresses() {
        let mut bytes = vec![0; 128];
        store_iovecs(&mut bytes, &[(100, 4), (0, 0), (64, 2)]);
        let mut memory = GuestMemory::new(&mut bytes, Snapshot::P1);
        let buffers = memory.buffers(0, 3, 64).unwrap();
        let received = memory.receive(&buffers, |slices| {
            assert_eq!(slices.iter().map(|s| s.len()).collect::<Vec<_>>(), [4, 2]);
            slices[0].fill(1);
            slices[1].fill(2);
            Ok(6)
        });
        assert_eq!(received, Ok(6));
        assert_eq!(bytes[100..104], [1; 4]);
        assert_eq!(bytes[64..66], [2; 2]);
    }

    #[test]
    fn overlapping_buffers_give_a_short_read() {
        let mut bytes = vec![0; 128];
        store_iovecs(&mut bytes, &[(64, 8), (70, 8)]);
        let mut memory = GuestMemory::new(&mut bytes, Snapshot::P1);
        let buffers = memory.buffers(0, 2, 64).unwrap();
        assert_eq!(memory.receive(&buffers, |slices| Ok(slices.len())), Ok(1));
        assert_eq!(memory.send(&buffers, |slices| Ok(slices.len())), Ok(2));
    }

    #[test]
    fn a_shared_memory_is_read_and_written_by_way_of_a_buffer() {
        let mut bytes = vec![0; 1 << 17];
        store_iovecs(&mut bytes, &[(100, 4), (0, 0), (64, 3), (1 << 16, 1 << 16)]);
        bytes[100..104].copy_from_slice(b"abcd");
        bytes[64..67].copy_from_slice(b"efg");
        let bytes: Vec<AtomicU8> = bytes.into_iter().map(AtomicU8::new).collect();
        let mut memory = GuestMemory::shared(&bytes, Snapshot::P1);
        let buffers = memory.buffers(0, 3, 64).unwrap();
        assert_eq!(memory.send(&buffers, |slices| Ok(slices[0].to_vec())), Ok(b"abcdefg".to_vec()));
        let fill = |slices: &mut [IoSliceMut<'_>]| {
            slices[0][..6].copy_from_slice(b"uvwxyz");
            Ok(6)
        };
        assert_eq!(memory.receive(&buffers, fill), Ok(6));
        assert_eq!(*memory.bytes(100, 4).unwrap(), *b"uvwx");
        assert_eq!(*memory.bytes(64, 3).unwrap(), *b"yzg");
        assert_eq!(memory.read_u32(100), Ok(u32::from_le_bytes(*b"uvwx")));
        let long = memory.buffers(0, 4, 64).unwrap();
        assert_eq!(memory.send(&long, |slices| Ok(slices[0].len())), Ok(1 << 16));
        assert_eq!(memory.receive(&long, |slices| Ok(slices[0].len())), Ok(1 << 16));
        assert_eq!(memory.write((1 << 17) - 3, b"four"), Err(Errno::Fault));
    }

    #[test]
    fn long_lists_are_cut_at_the_limit_and_refused_beyond_the_cap() {
        let mut bytes = vec![0; 16384];
        store_iovecs(&mut bytes[..800], &[(8192, 1); 100]);
        let memory = GuestMemory::new(&mut bytes, Snapshot::P1);
        assert_eq!(memory.buffers(0, 100, 64).unwrap().0.len(), 64);
        assert!(matches!(memory.buffers(0, 1025, 64), Err(Errno::Inval)));
        assert!(memory.buffers(0, 1024, 64).is_ok());
    }

    #[test]
    fn strings_are_laid_out_as_argv() {
        let mut bytes = vec![0xff; 64];
        let mut memory = GuestMemory::new(&mut bytes, Snapshot::P1);
        let strings = [b"ab".to_vec(), b"".to_vec()];
        memory.write_string_sizes(32, 36, &strings).unwrap();
        memory.write_strings(0, 16, &strings).unwrap();
        assert_eq!(bytes[..8], [16, 0, 0, 0, 19, 0, 0, 0]);
        assert_eq!(bytes[16..21], *b"ab\0\0\xff");
        assert_eq!(bytes[32..40], [2, 0, 0, 0, 4, 0, 0, 0]);
    }
}
