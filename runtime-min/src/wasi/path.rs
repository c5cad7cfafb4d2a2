//! Paths: opening, making, naming and removing what lies below a directory.
//!
//! In: a directory's descriptor and a path relative to it. Out: a new descriptor, a record, or nothing. Every path is
//! resolved by cap-std, one of whose promises is ours: no `..`, no absolute path and no symbolic link leads out of the
//! directory, not even while others rename things. An attempt to leave is `perm`.

use super::descriptor::{Descriptor, Directory, HostFile, Object, host_flags};
use super::fd::{NewTime, new_times, write_filestat};
use super::types::{Fdflags, Filestat, Filetype, Lookupflags, Oflags, Rights};
use super::{Errno, GuestMemory, WasiCtx};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, SystemTimeSpec};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use cap_std::time::SystemTime;
use rustix::fs::OFlags;
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// Opens a file or directory.
#[allow(clippy::too_many_arguments)] // The specification has them.
pub fn path_open(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    fd: u32,
    dirflags: u32,
    path: u32,
    path_len: u32,
    oflags: u32,
    base: u64,
    inheriting: u64,
    fdflags: u32,
    opened: u32,
) -> Result<(), Errno> {
    guest.check(opened, 4)?;
    ctx.descriptors.reserve(ctx.limits.descriptors)?;
    let request = OpenRequest {
        follow: Lookupflags::parse(dirflags)?.contains(Lookupflags::SYMLINK_FOLLOW),
        oflags: Oflags::parse(oflags)?,
        fdflags: Fdflags::parse(fdflags)?,
        base: Rights::truncate(base),
        inheriting: Rights::truncate(inheriting),
    };
    let parent = ctx.descriptors.get(fd)?;
    let directory = parent.directory(request.rights_of_parent())?;
    request.check_inherited(parent.inheriting)?;
    let file = request.open(&directory.dir, &guest_path(ctx, guest, path, path_len)?)?;
    let descriptor = request.describe(file, parent.inheriting)?;
    let number = ctx.descriptors.insert(descriptor, ctx.limits.descriptors)?;
    guest.write_u32(opened, number)
}

/// What `path_open` was asked for.
struct OpenRequest {
    follow: bool,
    oflags: Oflags,
    fdflags: Fdflags,
    base: Rights,
    inheriting: Rights,
}

impl OpenRequest {
    fn rights_of_parent(&self) -> Rights {
        let when = |flag, right| if self.oflags.contains(flag) { right } else { Rights::NONE };
        Rights::PATH_OPEN
            .or(when(Oflags::CREAT, Rights::PATH_CREATE_FILE))
            .or(when(Oflags::TRUNC, Rights::PATH_FILESTAT_SET_SIZE))
    }

    /// Reading and writing decide how a file is opened; a guest that asks for what it cannot have is told so. Other
    /// rights are narrowed in silence: programs ask for all they know of (Go sets every bit).
    fn check_inherited(&self, available: Rights) -> Result<(), Errno> {
        let wanted = self.base.and(Rights::FD_READ.or(Rights::FD_WRITE));
        if available.contains(wanted) { Ok(()) } else { Err(Errno::Notcapable) }
    }

    fn open(&self, dir: &Dir, path: &Path) -> Result<File, Errno> {
        if self.oflags == Oflags::DIRECTORY {
            self.open_directory(dir, path)
        } else if self.oflags.contains(Oflags::DIRECTORY) {
            Err(Errno::Inval)
        } else {
            Ok(dir.open_with(path, &self.options())?.into_std())
        }
    }

    /// In two steps. cap-std's way to a directory gives a descriptor that can be neither listed nor synced nor dated;
    /// and given O_DIRECTORY by us, it would not follow links on hosts that have no openat2.
    fn open_directory(&self, dir: &Dir, path: &Path) -> Result<File, Errno> {
        let found = if self.follow { dir.open_dir(path)? } else { dir.open_dir_nofollow(path)? };
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(OFlags::DIRECTORY.bits() as i32);
        Ok(found.open_with(".", &options)?.into_std())
    }

    fn options(&self) -> OpenOptions {
        let write = self.base.contains(Rights::FD_WRITE) || self.oflags.contains(Oflags::TRUNC);
        let read = self.base.contains(Rights::FD_READ) || !write;
        let mut options = OpenOptions::new();
        options.read(read).write(write).custom_flags(self.host_flags().bits() as i32);
        options.follow(if self.follow { FollowSymlinks::Yes } else { FollowSymlinks::No });
        options
    }

    /// As flags of the host rather than of `OpenOptions`, which refuses to create without writing and to truncate what
    /// is appended to; both are allowed in POSIX and so to a guest. Never a terminal that controls the host's process.
    fn host_flags(&self) -> OFlags {
        let pairs = [(Oflags::CREAT, OFlags::CREATE), (Oflags::EXCL, OFlags::EXCL), (Oflags::TRUNC, OFlags::TRUNC)];
        let chosen = pairs.iter().filter(|(flag, _)| self.oflags.contains(*flag));
        chosen.fold(host_flags(self.fdflags) | OFlags::NOCTTY, |all, (_, host)| all | *host)
    }

    /// The new descriptor, with no right that was not asked for, could not be inherited or means nothing for its type.
    fn describe(&self, file: File, available: Rights) -> Result<Descriptor, Errno> {
        let filetype = Filestat::from(rustix::fs::fstat(&file)?).filetype;
        let (object, possible, passed_on) = if filetype == Filetype::Directory {
            let dir = Dir::from_std_file(file);
            (Object::Directory(Directory::new(dir, None)), Rights::DIRECTORY, self.inheriting.and(available))
        } else {
            (Object::File(HostFile::owned(file, filetype)), Rights::FILE, Rights::NONE)
        };
        Ok(Descriptor { object, base: self.base.and(available).and(possible), inheriting: passed_on })
    }
}

/// Makes a directory.
pub fn path_create_directory(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    let directory = ctx.descriptors.get(fd)?.directory(Rights::PATH_CREATE_DIRECTORY)?;
    Ok(directory.dir.create_dir(guest_path(ctx, guest, path, path_len)?)?)
}

/// Stores the attributes of what a path names.
pub fn path_filestat_get(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
    out: u32,
) -> Result<(), Errno> {
    let directory = ctx.descriptors.get(fd)?.directory(Rights::PATH_FILESTAT_GET)?;
    let path = &guest_path(ctx, guest, path, path_len)?;
    let metadata =
        if follows(flags, path)? { directory.dir.metadata(path)? } else { directory.dir.symlink_metadata(path)? };
    write_filestat(guest, out, metadata.into())
}

/// Sets the times of what a path names.
#[allow(clippy::too_many_arguments)] // The specification has them.
pub fn path_filestat_set_times(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
    atim: u64,
    mtim: u64,
    fst_flags: u32,
) -> Result<(), Errno> {
    let directory = ctx.descriptors.get(fd)?.directory(Rights::PATH_FILESTAT_SET_TIMES)?;
    let (atime, mtime) = new_times(atim, mtim, fst_flags)?;
    let (atime, mtime) = (time_spec(atime)?, time_spec(mtime)?);
    let path = &guest_path(ctx, guest, path, path_len)?;
    if follows(flags, path)? {
        directory.dir.set_times(path, atime, mtime)?;
    } else {
        directory.dir.set_symlink_times(path, atime, mtime)?;
    }
    Ok(())
}

/// Gives a file a second name. A symbolic link is linked itself, not what it points to: following is `inval`.
#[allow(clippy::too_many_arguments)] // The specification has them.
pub fn path_link(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    old_fd: u32,
    old_flags: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result<(), Errno> {
    let old = ctx.descriptors.get(old_fd)?.directory(Rights::PATH_LINK_SOURCE)?;
    let new = ctx.descriptors.get(new_fd)?.directory(Rights::PATH_LINK_TARGET)?;
    if Lookupflags::parse(old_flags)? != Lookupflags::NONE {
        return Err(Errno::Inval);
    }
    let old_path = &guest_path(ctx, guest, old_path, old_path_len)?;
    let new_path = &guest_path(ctx, guest, new_path, new_path_len)?;
    Ok(old.dir.hard_link(old_path, &new.dir, new_path)?)
}

/// Stores what a symbolic link says, cut to the buffer. A link to an absolute path does not say where: `perm`.
#[allow(clippy::too_many_arguments)] // The specification has them.
pub fn path_readlink(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
    buffer: u32,
    buffer_len: u32,
    used: u32,
) -> Result<(), Errno> {
    guest.check(used, 4)?;
    let directory = ctx.descriptors.get(fd)?.directory(Rights::PATH_READLINK)?;
    let target = directory.dir.read_link(guest_path(ctx, guest, path, path_len)?)?;
    let target = target.as_os_str().as_bytes();
    let part = target.get(..target.len().min(buffer_len as usize)).unwrap_or_default();
    guest.write(buffer, part)?;
    guest.write_len(used, part.len())
}

/// Removes an empty directory.
pub fn path_remove_directory(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    let directory = ctx.descriptors.get(fd)?.directory(Rights::PATH_REMOVE_DIRECTORY)?;
    // A final slash says what this call demands anyway; cap-std would take it for `path/.`, which cannot be removed.
    let path = &guest_path(ctx, guest, path, path_len)?;
    let path = without_final_slashes(path);
    Ok(directory.dir.remove_dir(path)?)
}

/// Renames, within a directory or from one to another.
#[allow(clippy::too_many_arguments)] // The specification has them.
pub fn path_rename(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    old_fd: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result<(), Errno> {
    let old = ctx.descriptors.get(old_fd)?.directory(Rights::PATH_RENAME_SOURCE)?;
    let new = ctx.descriptors.get(new_fd)?.directory(Rights::PATH_RENAME_TARGET)?;
    let old_path = &guest_path(ctx, guest, old_path, old_path_len)?;
    let new_path = &guest_path(ctx, guest, new_path, new_path_len)?;
    // cap-std drops a slash at the end of the new name; it means that only a directory may get that name.
    if ends_with_slash(new_path) && !old.dir.symlink_metadata(without_final_slashes(old_path))?.is_dir() {
        return Err(Errno::Notdir);
    }
    Ok(old.dir.rename(old_path, &new.dir, new_path)?)
}

/// Makes a symbolic link. One that says an absolute path would lead the host's other programs astray: `perm`.
pub fn path_symlink(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    old_path: u32,
    old_path_len: u32,
    fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result<(), Errno> {
    let directory = ctx.descriptors.get(fd)?.directory(Rights::PATH_SYMLINK)?;
    let contents = guest_path(ctx, guest, old_path, old_path_len)?;
    let new_path = &guest_path(ctx, guest, new_path, new_path_len)?;
    Ok(Dir::symlink(&directory.dir, contents, new_path)?)
}

/// Removes a name of a file.
pub fn path_unlink_file(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    let directory = ctx.descriptors.get(fd)?.directory(Rights::PATH_UNLINK_FILE)?;
    Ok(directory.dir.remove_file(guest_path(ctx, guest, path, path_len)?)?)
}

/// A path as the guest gives it. Bytes that are not UTF-8 are let through: they are names on this host, and
/// `fd_readdir` tells them to the guest.
fn guest_path<'g>(ctx: &WasiCtx, guest: &'g GuestMemory<'_>, path: u32, len: u32) -> Result<Cow<'g, Path>, Errno> {
    if len > ctx.limits.path_bytes {
        return Err(Errno::Nametoolong);
    }
    let bytes = guest.bytes(path, len)?;
    if bytes.is_empty() {
        Err(Errno::Noent)
    } else if bytes.contains(&0) {
        Err(Errno::Inval)
    } else {
        Ok(match bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(Path::new(OsStr::from_bytes(bytes))),
            Cow::Owned(bytes) => Cow::Owned(OsString::from_vec(bytes).into()),
        })
    }
}

/// Whether a link at the end of the path is followed. A final slash asks for what a link points to.
fn follows(flags: u32, path: &Path) -> Result<bool, Errno> {
    Ok(Lookupflags::parse(flags)?.contains(Lookupflags::SYMLINK_FOLLOW) || ends_with_slash(path))
}

fn ends_with_slash(path: &Path) -> bool {
    path.as_os_str().as_bytes().ends_with(b"/")
}

/// The path without slashes at its end; a path of slashes alone stays, and is refused as absolute.
fn without_final_slashes(path: &Path) -> &Path {
    let bytes = path.as_os_str().as_bytes();
    match bytes.iter().rposition(|byte| *byte != b'/') {
        Some(last) => Path::new(OsStr::from_bytes(bytes.get(..=last).unwrap_or(bytes))),
        None => path,
    }
}

fn time_spec(time: NewTime) -> Result<Option<SystemTimeSpec>, Errno> {
    Ok(match time {
        NewTime::Keep => None,
        NewTime::Now => Some(SystemTimeSpec::SymbolicNow),
        NewTime::At(nanoseconds) => Some(SystemTimeSpec::Absolute(SystemTime::from_std(NewTime::at(nanoseconds)?))),
    })
}
