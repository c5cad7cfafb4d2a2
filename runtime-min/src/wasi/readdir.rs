//! Directory listings.
//!
//! In: an open directory and a cookie, 0 for the start. Out: `dirent` records and names, as many as the buffer holds;
//! the last may be cut. A cookie counts entries: the host's own positions take 64 bits, and `telldir` of a 32-bit
//! guest keeps 32. Where the last call ended, the host's position is remembered, so that a long directory is read
//! once; from elsewhere, entries are counted from the start.

use super::descriptor::Directory;
use super::memory::offset;
use super::types::{Dirent, Filetype, Rights};
use super::{Errno, GuestMemory, WasiCtx};
use rustix::fs::{Mode, OFlags, RawDir, SeekFrom};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

/// Bytes of host entries fetched at once.
const HOST_BUFFER_BYTES: usize = 4096;

/// Where a listing stood after some entry.
#[derive(Clone, Copy, Default)]
pub(super) struct Checkpoint {
    cookie: u64,
    host_position: u64,
}

/// Stores entries from `cookie` on. A buffer that is not full at the end means that there are no more.
pub fn fd_readdir(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    fd: u32,
    buffer: u32,
    buffer_len: u32,
    cookie: u64,
    used: u32,
) -> Result<(), Errno> {
    guest.check(used, 4)?;
    guest.check(buffer, buffer_len)?;
    let directory = ctx.descriptors.get_mut(fd)?.directory_mut(Rights::FD_READDIR)?;
    let mut out = Output { guest, address: buffer, room: buffer_len };
    list(directory, cookie, &mut out)?;
    let room = out.room;
    guest.write_u32(used, buffer_len - room)
}

fn list(directory: &mut Directory, cookie: u64, out: &mut Output<'_, '_>) -> Result<(), Errno> {
    let listing = open(directory)?;
    let own = rustix::fs::fstat(&listing)?.st_ino;
    let mut at = directory.checkpoint;
    if at.cookie == cookie {
        rustix::fs::seek(&listing, SeekFrom::Start(at.host_position))?;
    } else {
        at = Checkpoint::default();
    }
    let mut space = [MaybeUninit::uninit(); HOST_BUFFER_BYTES];
    let mut entries = RawDir::new(listing, &mut space);
    while out.room > 0 {
        let Some(entry) = entries.next() else { break };
        let entry = entry?;
        at = Checkpoint { cookie: at.cookie + 1, host_position: entry.next_entry_cookie() };
        if at.cookie <= cookie {
            continue;
        }
        let name = entry.file_name().to_bytes();
        // The parent's number is not the guest's to know where the directory is the highest that it can reach.
        let ino = if name == b".." { own as _ } else { entry.ino() };
        let name_len = u32::try_from(name.len()).map_err(|_| Errno::Overflow)?;
        let dirent = Dirent { next: at.cookie, ino, name_len, filetype: Filetype::from(entry.file_type()) };
        if out.append(&dirent.to_bytes())? && out.append(name)? {
            directory.checkpoint = at;
        }
    }
    Ok(())
}

/// The directory with a position of its own: the same one may be open in several descriptors.
fn open(directory: &Directory) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(&directory.dir, c".", flags, Mode::empty())?)
}

/// The part of the guest's buffer that is still free.
struct Output<'g, 'm> {
    guest: &'g mut GuestMemory<'m>,
    address: u32,
    room: u32,
}

impl Output<'_, '_> {
    /// Stores as much of `bytes` as there is room for; tells whether that was all.
    fn append(&mut self, bytes: &[u8]) -> Result<bool, Errno> {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::Overflow)?.min(self.room);
        self.guest.write(self.address, bytes.get(..len as usize).ok_or(Errno::Fault)?)?;
        self.address = offset(self.address, len)?;
        self.room -= len;
        Ok(len as usize == bytes.len())
    }
}
