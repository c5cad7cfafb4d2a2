//! Randomness. In: a place and a length. Out: bytes from the host's generator.

use super::limits::RANDOM_CHUNK_BYTES;
use super::{Errno, GuestMemory, WasiCtx};
use rustix::rand::{GetRandomFlags, getrandom};

/// Fills a buffer with random bytes.
pub fn random_get(_: &mut WasiCtx, guest: &mut GuestMemory<'_>, buffer: u32, len: u32) -> Result<(), Errno> {
    guest.check(buffer, len)?;
    let mut chunk = [0; RANDOM_CHUNK_BYTES];
    for done in (0..len).step_by(RANDOM_CHUNK_BYTES) {
        let part = &mut chunk[..RANDOM_CHUNK_BYTES.min((len - done) as usize)];
        fill(part)?;
        guest.write(buffer + done, part)?;
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
