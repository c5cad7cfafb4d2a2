//! Randomness. In: a place and a length. Out: bytes from the host's generator, written straight into guest memory.

use super::limits::RANDOM_CHUNK_BYTES;
use super::{Errno, GuestMemory, WasiCtx};
use rustix::rand::{GetRandomFlags, getrandom};

/// Fills a buffer with random bytes.
pub fn random_get(_: &mut WasiCtx, guest: &mut GuestMemory<'_>, buffer: u32, len: u32) -> Result<(), Errno> {
    for chunk in guest.bytes_mut(buffer, len)?.chunks_mut(RANDOM_CHUNK_BYTES) {
        fill(chunk)?;
    }
    Ok(())
}

/// A signal may cut a request short, or stop it before it began.
fn fill(mut rest: &mut [u8]) -> Result<(), Errno> {
    while !rest.is_empty() {
        match getrandom(&mut *rest, GetRandomFlags::empty()) {
            Ok(filled) => rest = rest.get_mut(filled..).ok_or(Errno::Io)?,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
