//! Where a guest's standard streams lead.
//!
//! In: the embedder's choice per stream. Out: the object that stands behind descriptor 0, 1 or 2: the host's own
//! stream, a file, bytes in memory, or nothing.

use super::Errno;
use super::limits::CAPTURED_OUTPUT_BYTES;
use std::fs::File;
use std::io::{IoSlice, IoSliceMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the embedder connects to a standard stream.
pub enum Stdio {
    /// The host's own stream of that number. Read and written directly, without a buffer in between.
    Inherit,
    /// Nothing: reads end at once, writes are swallowed.
    Null,
    /// Bytes to be read, then the end.
    Input(Vec<u8>),
    /// Keeps what is written; the embedder holds a clone of the buffer.
    Output(OutputBuffer),
    /// An open file or pipe of the host.
    File(File),
}

/// Collects what a guest writes. Clones share their contents.
#[derive(Clone, Debug)]
pub struct OutputBuffer {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit: usize,
}

impl OutputBuffer {
    /// An empty buffer that takes up to 64 MiB.
    pub fn new() -> Self {
        OutputBuffer::with_limit(CAPTURED_OUTPUT_BYTES)
    }

    /// An empty buffer; a guest that writes more than `limit` bytes is told that no space is left.
    pub fn with_limit(limit: usize) -> Self {
        OutputBuffer { bytes: Arc::default(), limit }
    }

    /// A copy of what was written so far.
    pub fn contents(&self) -> Vec<u8> {
        self.lock().clone()
    }

    /// Takes what was written so far and leaves the buffer empty.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.lock())
    }

    /// Appends as much as fits; fails only if nothing does.
    pub(super) fn append(&self, slices: &[IoSlice<'_>]) -> Result<usize, Errno> {
        let mut bytes = self.lock();
        let mut written = 0;
        for slice in slices {
            let room = self.limit.saturating_sub(bytes.len());
            let part = slice.get(..slice.len().min(room)).unwrap_or_default();
            bytes.try_reserve(part.len())?;
            bytes.extend_from_slice(part);
            written += part.len();
        }
        let wanted = slices.iter().any(|slice| !slice.is_empty());
        if wanted && written == 0 { Err(Errno::Nospc) } else { Ok(written) }
    }

    // A thread that panicked elsewhere with the lock held leaves whole bytes behind: nothing to distrust.
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for OutputBuffer {
    fn default() -> Self {
        OutputBuffer::new()
    }
}

/// Bytes that are read once, front to back, as from a pipe.
pub(super) struct Input {
    bytes: Vec<u8>,
    position: usize,
}

impl Input {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Input { bytes, position: 0 }
    }

    pub(super) fn remaining(&self) -> &[u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    pub(super) fn read(&mut self, slices: &mut [IoSliceMut<'_>]) -> usize {
        let start = self.position;
        for slice in slices {
            let rest = self.remaining();
            let len = slice.len().min(rest.len());
            slice[..len].copy_from_slice(&rest[..len]);
            self.position += len;
        }
        self.position - start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_buffer_takes_what_fits_and_then_refuses() {
        let buffer = OutputBuffer::with_limit(4);
        assert_eq!(buffer.append(&[IoSlice::new(b"ab"), IoSlice::new(b"cde")]), Ok(4));
        assert_eq!(buffer.append(&[IoSlice::new(b"f")]), Err(Errno::Nospc));
        assert_eq!(buffer.append(&[]), Ok(0));
        assert_eq!(buffer.clone().take(), b"abcd");
        assert!(buffer.contents().is_empty());
    }

    #[test]
    fn input_is_read_once() {
        let mut input = Input::new(b"hello".to_vec());
        let (mut one, mut two) = ([0; 3], [0; 4]);
        assert_eq!(input.read(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)]), 5);
        assert_eq!((&one, &two[..2]), (b"hel", &b"lo"[..]));
        assert_eq!(input.read(&mut [IoSliceMut::new(&mut one)]), 0);
    }
}
