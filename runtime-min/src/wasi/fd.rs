//! Asking about and changing an open descriptor.
//!
//! In: a descriptor and new properties. Out: its state as the specification's records. Transfers are in
//! `transfer.rs`, directory listings in `readdir.rs`.

use super::descriptor::Object;
use super::transfer::retry;
use super::types::{Fdflags, Fdstat, Filestat, Fstflags, Rights};
use super::{Errno, GuestMemory, WasiCtx};
use rustix::fs::{Advice, FallocateFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use std::num::NonZeroU64;
use std::time::{Duration, SystemTime};

/// Closes a descriptor. The host's own standard streams stay open for the host.
pub fn fd_close(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, fd: u32) -> Result<(), Errno> {
    ctx.descriptors.remove(fd).map(drop)
}

/// Closes `to` and gives its number to `from`. Both must be open: a guest cannot choose numbers.
pub fn fd_renumber(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, from: u32, to: u32) -> Result<(), Errno> {
    ctx.descriptors.get(from)?;
    ctx.descriptors.get(to)?;
    if from == to {
        return Ok(());
    }
    let descriptor = ctx.descriptors.remove(from)?;
    ctx.descriptors.replace(to, descriptor)
}

/// Stores type, flags and rights.
pub fn fd_fdstat_get(ctx: &mut WasiCtx, guest: &mut GuestMemory<'_>, fd: u32, out: u32) -> Result<(), Errno> {
    let descriptor = ctx.descriptors.get(fd)?;
    let flags = match &descriptor.object {
        Object::File(file) => file.flags()?,
        _ => Fdflags::NONE,
    };
    let fdstat = Fdstat {
        filetype: descriptor.object.filetype(),
        flags,
        base: descriptor.base,
        inheriting: descriptor.inheriting,
    };
    guest.write(out, &fdstat.to_bytes())
}

/// Changes append and nonblock; the sync flags are fixed when a file is opened.
pub fn fd_fdstat_set_flags(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, fd: u32, flags: u32) -> Result<(), Errno> {
    let object = ctx.descriptors.get_mut(fd)?.object_mut(Rights::FD_FDSTAT_SET_FLAGS)?;
    let flags = Fdflags::parse(flags)?;
    match object {
        Object::File(file) => file.set_flags(flags),
        Object::Stream(stream) => Ok(stream.set_nonblocking(flags.contains(Fdflags::NONBLOCK))?),
        Object::Listener(listener) => Ok(listener.set_nonblocking(flags.contains(Fdflags::NONBLOCK))?),
        // These never block, and have no end to append to.
        Object::Directory(_) | Object::Input(_) | Object::Output(_) | Object::Null => Ok(()),
    }
}

/// Gives up rights. Asking for one that is not there is `notcapable`, and changes nothing.
pub fn fd_fdstat_set_rights(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    base: u64,
    inheriting: u64,
) -> Result<(), Errno> {
    let descriptor = ctx.descriptors.get_mut(fd)?;
    if base & !descriptor.base.bits() != 0 || inheriting & !descriptor.inheriting.bits() != 0 {
        return Err(Errno::Notcapable);
    }
    descriptor.base = Rights::truncate(base);
    descriptor.inheriting = Rights::truncate(inheriting);
    Ok(())
}

/// Stores a file's attributes.
pub fn fd_filestat_get(ctx: &mut WasiCtx, guest: &mut GuestMemory<'_>, fd: u32, out: u32) -> Result<(), Errno> {
    let stat = ctx.descriptors.get(fd)?.object(Rights::FD_FILESTAT_GET)?.filestat()?;
    write_filestat(guest, out, stat)
}

/// Makes a file shorter, or longer with zeros.
pub fn fd_filestat_set_size(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, fd: u32, size: u64) -> Result<(), Errno> {
    let file = ctx.descriptors.get(fd)?.file(Rights::FD_FILESTAT_SET_SIZE)?;
    retry(|| rustix::fs::ftruncate(file, size))
}

/// Sets the times of last access and change.
pub fn fd_filestat_set_times(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    atim: u64,
    mtim: u64,
    flags: u32,
) -> Result<(), Errno> {
    let (atime, mtime) = new_times(atim, mtim, flags)?;
    let object = ctx.descriptors.get(fd)?.object(Rights::FD_FILESTAT_SET_TIMES)?;
    let times = Timestamps { last_access: timespec(atime)?, last_modification: timespec(mtime)? };
    Ok(rustix::fs::futimens(object.host_fd().ok_or(Errno::Notsup)?, &times)?)
}

/// Writes a file's bytes to its device.
pub fn fd_datasync(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, fd: u32) -> Result<(), Errno> {
    match ctx.descriptors.get(fd)?.object(Rights::FD_DATASYNC)?.host_fd() {
        Some(host) => retry(|| rustix::fs::fdatasync(host)),
        None => Ok(()),
    }
}

/// Writes a file's bytes and attributes to its device.
pub fn fd_sync(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, fd: u32) -> Result<(), Errno> {
    match ctx.descriptors.get(fd)?.object(Rights::FD_SYNC)?.host_fd() {
        Some(host) => retry(|| rustix::fs::fsync(host)),
        None => Ok(()),
    }
}

/// Tells the host how a file will be used.
pub fn fd_advise(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    offset: u64,
    len: u64,
    advice: u32,
) -> Result<(), Errno> {
    let advice = match advice {
        0 => Advice::Normal,
        1 => Advice::Sequential,
        2 => Advice::Random,
        3 => Advice::WillNeed,
        4 => Advice::DontNeed,
        5 => Advice::NoReuse,
        _ => return Err(Errno::Inval),
    };
    check_extent(offset, len)?;
    let file = ctx.descriptors.get(fd)?.seekable(Rights::FD_ADVISE)?;
    Ok(rustix::fs::fadvise(file, offset, NonZeroU64::new(len), advice)?)
}

/// Makes sure that a range of a file has space on its device; the file grows if the range ends beyond it.
pub fn fd_allocate(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, fd: u32, offset: u64, len: u64) -> Result<(), Errno> {
    let end = check_extent(offset, len)?;
    let file = ctx.descriptors.get(fd)?.file(Rights::FD_ALLOCATE)?;
    match retry(|| rustix::fs::fallocate(file, FallocateFlags::empty(), offset, len)) {
        // The device cannot promise space; the size is what programs can see of it.
        Err(Errno::Notsup) if rustix::fs::fstat(file).is_ok_and(|stat| (stat.st_size as u64) < end) => {
            retry(|| rustix::fs::ftruncate(file, end))
        }
        Err(Errno::Notsup) => Ok(()),
        result => result,
    }
}

/// Stores what was preopened under a number: 0 for a directory at 0, the length of its name at 4. Numbers that hold
/// nothing preopened are `badf`, which is how programs find the end of the list.
pub fn fd_prestat_get(ctx: &mut WasiCtx, guest: &mut GuestMemory<'_>, fd: u32, out: u32) -> Result<(), Errno> {
    let len = u32::try_from(preopen_name(ctx, fd)?.len()).map_err(|_| Errno::Overflow)?;
    guest.write_u64(out, u64::from(len) << 32)
}

/// Stores a preopened directory's name, without a final NUL.
pub fn fd_prestat_dir_name(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    let name = preopen_name(ctx, fd)?;
    if name.len() > path_len as usize {
        return Err(Errno::Nametoolong);
    }
    guest.write(path, name)
}

fn preopen_name(ctx: &WasiCtx, fd: u32) -> Result<&[u8], Errno> {
    match &ctx.descriptors.get(fd)?.object {
        Object::Directory(directory) => directory.preopen.as_deref().ok_or(Errno::Badf),
        _ => Err(Errno::Badf),
    }
}

/// Stores the record in the layout that the guest's snapshot has.
pub(super) fn write_filestat(guest: &mut GuestMemory<'_>, out: u32, stat: Filestat) -> Result<(), Errno> {
    let snapshot = guest.snapshot();
    let record = stat.to_bytes(snapshot);
    guest.write(out, record.get(..Filestat::size_of(snapshot) as usize).ok_or(Errno::Fault)?)
}

/// A time to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewTime {
    Keep,
    Now,
    At(u64),
}

impl NewTime {
    /// As a point in time, for those who take one.
    pub(super) fn at(nanoseconds: u64) -> Result<SystemTime, Errno> {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(nanoseconds)).ok_or(Errno::Overflow)
    }
}

/// The new times of access and change. Setting a time both to a value and to now is `inval`.
pub(super) fn new_times(atim: u64, mtim: u64, flags: u32) -> Result<(NewTime, NewTime), Errno> {
    let flags = Fstflags::parse(flags)?;
    let one = |value, set, now| match (flags.contains(set), flags.contains(now)) {
        (false, false) => Ok(NewTime::Keep),
        (true, false) => Ok(NewTime::At(value)),
        (false, true) => Ok(NewTime::Now),
        (true, true) => Err(Errno::Inval),
    };
    Ok((one(atim, Fstflags::ATIM, Fstflags::ATIM_NOW)?, one(mtim, Fstflags::MTIM, Fstflags::MTIM_NOW)?))
}

fn timespec(time: NewTime) -> Result<Timespec, Errno> {
    Ok(match time {
        NewTime::Keep => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        NewTime::Now => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
        NewTime::At(nanoseconds) => {
            Timespec::try_from(Duration::from_nanos(nanoseconds)).map_err(|_| Errno::Overflow)?
        }
    })
}

/// The end of a range of a file; offsets are signed on the host.
fn check_extent(offset: u64, len: u64) -> Result<u64, Errno> {
    let end = offset.checked_add(len).ok_or(Errno::Inval)?;
    if i64::try_from(end).is_err() { Err(Errno::Fbig) } else { Ok(end) }
}
