//! Moving bytes between a descriptor and guest memory, and the offset where that happens.
//!
//! In: a descriptor, lists of buffers. Out: how many bytes were moved. Nothing is buffered: one call of the guest is
//! one vectored call of the host. Where the count goes is checked first, so that no bytes are lost to a bad pointer.

use super::descriptor::{HostFile, Object};
use super::types::{Rights, Whence};
use super::{Errno, GuestMemory, WasiCtx};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::SeekFrom;
use std::io::{IoSlice, IoSliceMut};

/// Reads at the descriptor's offset.
pub fn fd_read(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nread: u32,
) -> Result<(), Errno> {
    guest.check(nread, 4)?;
    let descriptor = ctx.descriptors.get_mut(fd)?;
    if matches!(descriptor.object, Object::Directory(_)) {
        return Err(Errno::Isdir);
    }
    let object = descriptor.object_mut(Rights::FD_READ)?;
    let buffers = guest.buffers(iovs, iovs_len, ctx.limits.iovecs)?;
    let len = if buffers.is_empty() { 0 } else { guest.receive(&buffers, |slices| read(object, slices))? };
    guest.write_len(nread, len)
}

/// Writes at the descriptor's offset.
pub fn fd_write(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nwritten: u32,
) -> Result<(), Errno> {
    guest.check(nwritten, 4)?;
    let object = ctx.descriptors.get_mut(fd)?.object_mut(Rights::FD_WRITE)?;
    let buffers = guest.buffers(iovs, iovs_len, ctx.limits.iovecs)?;
    let len = if buffers.is_empty() { 0 } else { guest.send(&buffers, |slices| write(object, slices))? };
    guest.write_len(nwritten, len)
}

/// Reads at a given offset; the descriptor's own stays.
pub fn fd_pread(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nread: u32,
) -> Result<(), Errno> {
    guest.check(nread, 4)?;
    let descriptor = ctx.descriptors.get(fd)?;
    let file = descriptor.seekable(Rights::FD_READ.or(Rights::FD_SEEK))?;
    let buffers = guest.buffers(iovs, iovs_len, ctx.limits.iovecs)?;
    let read = |slices: &mut [IoSliceMut<'_>]| Ok(rustix::io::preadv(file, slices, offset)?);
    let len = if buffers.is_empty() { 0 } else { guest.receive(&buffers, read)? };
    guest.write_len(nread, len)
}

/// Writes at a given offset; the descriptor's own stays.
pub fn fd_pwrite(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nwritten: u32,
) -> Result<(), Errno> {
    guest.check(nwritten, 4)?;
    let descriptor = ctx.descriptors.get(fd)?;
    let file = descriptor.seekable(Rights::FD_WRITE.or(Rights::FD_SEEK))?;
    let buffers = guest.buffers(iovs, iovs_len, ctx.limits.iovecs)?;
    let write = |slices: &[IoSlice<'_>]| Ok(rustix::io::pwritev(file, slices, offset)?);
    let len = if buffers.is_empty() { 0 } else { guest.send(&buffers, write)? };
    guest.write_len(nwritten, len)
}

/// Moves the offset and stores where it then is.
pub fn fd_seek(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    fd: u32,
    offset: u64,
    whence: u32,
    new_offset: u32,
) -> Result<(), Errno> {
    guest.check(new_offset, 8)?;
    let delta = offset.cast_signed();
    let target = match Whence::parse(guest.snapshot(), whence)? {
        Whence::Cur if delta == 0 => return fd_tell(ctx, guest, fd, new_offset),
        Whence::Set => SeekFrom::Start(u64::try_from(delta).map_err(|_| Errno::Inval)?),
        Whence::Cur => SeekFrom::Current(delta),
        Whence::End => SeekFrom::End(delta),
    };
    let position = rustix::fs::seek(ctx.descriptors.get(fd)?.seekable(Rights::FD_SEEK)?, target)?;
    guest.write_u64(new_offset, position)
}

/// Stores the offset.
pub fn fd_tell(ctx: &mut WasiCtx, guest: &mut GuestMemory<'_>, fd: u32, out: u32) -> Result<(), Errno> {
    let descriptor = ctx.descriptors.get(fd)?;
    // The right to seek contains it (preview 1, `rights.fd_seek`).
    let file = descriptor.seekable(Rights::FD_TELL).or_else(|_| descriptor.seekable(Rights::FD_SEEK))?;
    let position = rustix::fs::tell(file)?;
    guest.write_u64(out, position)
}

fn read(object: &mut Object, slices: &mut [IoSliceMut<'_>]) -> Result<usize, Errno> {
    match object {
        Object::File(file) => {
            wait_is_over(file, PollFlags::IN)?;
            retry(|| rustix::io::readv(&*file, slices))
        }
        Object::Stream(stream) => retry(|| rustix::io::readv(&*stream, slices)),
        Object::Input(input) => Ok(input.read(slices)),
        Object::Null => Ok(0),
        Object::Directory(_) => Err(Errno::Isdir),
        Object::Output(_) | Object::Listener(_) => Err(Errno::Badf),
    }
}

fn write(object: &mut Object, slices: &[IoSlice<'_>]) -> Result<usize, Errno> {
    match object {
        Object::File(file) => {
            wait_is_over(file, PollFlags::OUT)?;
            retry(|| rustix::io::writev(&*file, slices))
        }
        Object::Stream(stream) => retry(|| rustix::io::writev(&*stream, slices)),
        Object::Output(buffer) => buffer.append(slices),
        Object::Null => Ok(total_len(slices)),
        Object::Directory(_) | Object::Input(_) | Object::Listener(_) => Err(Errno::Badf),
    }
}

/// A count must fit a guest's 32 bits, though buffers may name the same bytes again and again.
fn total_len(slices: &[IoSlice<'_>]) -> usize {
    let total = slices.iter().fold(0usize, |sum, slice| sum.saturating_add(slice.len()));
    total.min(i32::MAX as usize)
}

/// Fails with `again` if the guest wants a stream of the host's not to block and it would. The stream itself is left
/// as it is, see [`HostFile`].
fn wait_is_over(file: &HostFile, direction: PollFlags) -> Result<(), Errno> {
    if !file.must_not_block() {
        return Ok(());
    }
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let ready = poll(&mut [PollFd::new(file, direction)], Some(&now))?;
    if ready == 0 { Err(Errno::Again) } else { Ok(()) }
}

/// Signals are the host's affair: a guest cannot have asked for one.
pub(super) fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            result => return result.map_err(Errno::from),
        }
    }
}
