//! The descriptor table: what a guest's numbers stand for, and what it may do with them.
//!
//! In: objects of the host with the rights that go with them. Out: the object, if the number is open and the right is
//! there. Rights can be lowered, never raised.

use super::Errno;
use super::readdir::Checkpoint;
use super::stdio::{Input, OutputBuffer, Stdio};
use super::types::{Fdflags, Filestat, Filetype, Rights};
use cap_std::fs::Dir;
use std::fs::File;
use std::io::IsTerminal;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

/// An open descriptor.
pub(super) struct Descriptor {
    pub(super) object: Object,
    /// What may be done with this descriptor.
    pub(super) base: Rights,
    /// What may be done with descriptors opened through it.
    pub(super) inheriting: Rights,
}

/// What stands behind a descriptor.
pub(super) enum Object {
    File(HostFile),
    Directory(Directory),
    Input(Input),
    Output(OutputBuffer),
    Null,
    Stream(TcpStream),
    Listener(TcpListener),
}

/// A file, pipe or device of the host.
pub(super) struct HostFile {
    handle: Handle,
    pub(super) filetype: Filetype,
    terminal: bool,
    /// Flags that a guest set on a stream of the host's. They are kept here, not set there: the open file is shared
    /// with other processes, a shell for one, which would find its terminal not blocking.
    own_flags: Fdflags,
}

enum Handle {
    Owned(File),
    Inherited(BorrowedFd<'static>),
}

/// A directory below which paths are resolved.
pub(super) struct Directory {
    pub(super) dir: Dir,
    /// The guest's name of it, if the embedder gave it at the start.
    pub(super) preopen: Option<Vec<u8>>,
    /// Where the last listing ended.
    pub(super) checkpoint: Checkpoint,
}

impl Directory {
    pub(super) fn new(dir: Dir, preopen: Option<Vec<u8>>) -> Self {
        Directory { dir, preopen, checkpoint: Checkpoint::default() }
    }
}

impl HostFile {
    /// A file that only this guest has open.
    pub(super) fn owned(file: File, filetype: Filetype) -> Self {
        HostFile::new(Handle::Owned(file), filetype)
    }

    fn inherited(fd: BorrowedFd<'static>) -> Self {
        HostFile::new(Handle::Inherited(fd), host_filetype(fd))
    }

    fn new(handle: Handle, filetype: Filetype) -> Self {
        let terminal = filetype == Filetype::CharacterDevice && handle.as_fd().is_terminal();
        HostFile { handle, filetype, terminal, own_flags: Fdflags::NONE }
    }

    /// Whether it has an offset. /dev/null is a character device that has one, a terminal is one that has not.
    pub(super) fn seekable(&self) -> bool {
        match self.filetype {
            Filetype::RegularFile | Filetype::BlockDevice => true,
            Filetype::CharacterDevice => !self.terminal,
            _ => false,
        }
    }

    /// The flags as the guest sees them.
    pub(super) fn flags(&self) -> Result<Fdflags, Errno> {
        Ok(guest_flags(rustix::fs::fcntl_getfl(self)?).or(self.own_flags))
    }

    /// Sets what can be changed on an open file: append and nonblock. The host ignores other flags, and so do we
    /// where that gives more than was asked for; a file that is to become synchronous and cannot is an error.
    pub(super) fn set_flags(&mut self, flags: Fdflags) -> Result<(), Errno> {
        const CHANGEABLE: Fdflags = Fdflags::APPEND.or(Fdflags::NONBLOCK);
        if !self.flags()?.or(CHANGEABLE).contains(flags) {
            return Err(Errno::Notsup);
        }
        match &self.handle {
            Handle::Inherited(_) => self.own_flags = flags.and(CHANGEABLE),
            Handle::Owned(file) => {
                let kept = rustix::fs::fcntl_getfl(file)?.difference(host_flags(CHANGEABLE));
                rustix::fs::fcntl_setfl(file, kept | host_flags(flags.and(CHANGEABLE)))?;
            }
        }
        Ok(())
    }

    /// Whether a transfer that would block has to fail instead, and the host does not see to it.
    pub(super) fn must_not_block(&self) -> bool {
        self.own_flags.contains(Fdflags::NONBLOCK)
    }
}

impl AsFd for HostFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Handle::Owned(file) => file.as_fd(),
            Handle::Inherited(fd) => *fd,
        }
    }
}

impl Object {
    /// The host's descriptor, if there is one.
    pub(super) fn host_fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Object::File(file) => Some(file.as_fd()),
            Object::Directory(directory) => Some(directory.dir.as_fd()),
            Object::Stream(stream) => Some(stream.as_fd()),
            Object::Listener(listener) => Some(listener.as_fd()),
            Object::Input(_) | Object::Output(_) | Object::Null => None,
        }
    }

    pub(super) fn filetype(&self) -> Filetype {
        match self {
            Object::File(file) => file.filetype,
            Object::Directory(_) => Filetype::Directory,
            Object::Stream(_) | Object::Listener(_) => Filetype::SocketStream,
            Object::Input(_) | Object::Output(_) | Object::Null => Filetype::Unknown,
        }
    }

    /// Attributes of the open file.
    pub(super) fn filestat(&self) -> Result<Filestat, Errno> {
        match self.host_fd() {
            Some(fd) => Ok(rustix::fs::fstat(fd)?.into()),
            None => Ok(Filestat::unknown()),
        }
    }
}

impl Descriptor {
    /// The object, if `rights` are there.
    pub(super) fn object(&self, rights: Rights) -> Result<&Object, Errno> {
        self.require(rights)?;
        Ok(&self.object)
    }

    /// As [`object`](Self::object), to be changed.
    pub(super) fn object_mut(&mut self, rights: Rights) -> Result<&mut Object, Errno> {
        self.require(rights)?;
        Ok(&mut self.object)
    }

    /// The file, if it is one and `rights` are there.
    pub(super) fn file(&self, rights: Rights) -> Result<&HostFile, Errno> {
        match &self.object {
            Object::File(file) => self.require(rights).map(|()| file),
            Object::Directory(_) => Err(Errno::Badf),
            _ => Err(Errno::Inval),
        }
    }

    /// The file, if it has an offset and `rights` are there. What has none says so before rights are looked at: a
    /// program that probes a pipe by seeking expects `spipe`.
    pub(super) fn seekable(&self, rights: Rights) -> Result<&HostFile, Errno> {
        match &self.object {
            Object::File(file) if file.seekable() => self.require(rights).map(|()| file),
            Object::Directory(_) => Err(Errno::Badf),
            _ => Err(Errno::Spipe),
        }
    }

    /// The directory, if it is one and `rights` are there.
    pub(super) fn directory(&self, rights: Rights) -> Result<&Directory, Errno> {
        match &self.object {
            Object::Directory(directory) => self.require(rights).map(|()| directory),
            _ => Err(Errno::Notdir),
        }
    }

    /// As [`directory`](Self::directory), to be changed.
    pub(super) fn directory_mut(&mut self, rights: Rights) -> Result<&mut Directory, Errno> {
        self.directory(rights)?;
        match &mut self.object {
            Object::Directory(directory) => Ok(directory),
            _ => Err(Errno::Notdir),
        }
    }

    /// Reading or writing what is not open for it is `badf`, as in POSIX; other missing rights are `notcapable`.
    fn require(&self, rights: Rights) -> Result<(), Errno> {
        let missing = rights.without(self.base);
        if missing == Rights::NONE {
            Ok(())
        } else if missing.and(Rights::FD_READ.or(Rights::FD_WRITE)) != Rights::NONE {
            Err(Errno::Badf)
        } else {
            Err(Errno::Notcapable)
        }
    }

    /// A directory that the embedder gives, with all rights that a directory can have.
    pub(super) fn preopen(dir: Dir, name: Vec<u8>) -> Self {
        Descriptor {
            object: Object::Directory(Directory::new(dir, Some(name))),
            base: Rights::DIRECTORY,
            inheriting: Rights::DIRECTORY.or(Rights::FILE),
        }
    }

    pub(super) fn listener(listener: TcpListener) -> Self {
        Descriptor { object: Object::Listener(listener), base: Rights::LISTENER, inheriting: Rights::SOCKET }
    }

    pub(super) fn stream(stream: TcpStream, rights: Rights) -> Self {
        Descriptor { object: Object::Stream(stream), base: rights, inheriting: Rights::NONE }
    }

    /// A standard stream: `own` is the host's stream of the same number, `direction` the right to read or to write.
    pub(super) fn standard(stdio: Stdio, own: BorrowedFd<'static>, direction: Rights) -> Self {
        let object = match stdio {
            Stdio::Inherit => Object::File(HostFile::inherited(own)),
            Stdio::File(file) => {
                let filetype = host_filetype(file.as_fd());
                Object::File(HostFile::owned(file, filetype))
            }
            Stdio::Null => Object::Null,
            Stdio::Input(bytes) => Object::Input(Input::new(bytes)),
            Stdio::Output(buffer) => Object::Output(buffer),
        };
        let offset = match &object {
            Object::File(file) if file.seekable() => Rights::OFFSET,
            _ => Rights::NONE,
        };
        Descriptor { object, base: Rights::STREAM.or(direction).or(offset), inheriting: Rights::NONE }
    }
}

fn host_filetype(fd: BorrowedFd<'_>) -> Filetype {
    rustix::fs::fstat(fd).map_or(Filetype::Unknown, |stat| Filestat::from(stat).filetype)
}

/// Pairs of a WASI flag and the host's. Linux has one flag for the three kinds of sync that rustix knows, the strongest.
const FLAG_PAIRS: [(Fdflags, rustix::fs::OFlags); 5] = [
    (Fdflags::APPEND, rustix::fs::OFlags::APPEND),
    (Fdflags::NONBLOCK, rustix::fs::OFlags::NONBLOCK),
    (Fdflags::SYNC, rustix::fs::OFlags::SYNC),
    (Fdflags::RSYNC, rustix::fs::OFlags::RSYNC),
    (Fdflags::DSYNC, rustix::fs::OFlags::DSYNC),
];

/// Flags for the host's `open` and `fcntl`.
pub(super) fn host_flags(flags: Fdflags) -> rustix::fs::OFlags {
    let chosen = FLAG_PAIRS.iter().filter(|(guest, _)| flags.contains(*guest));
    chosen.fold(rustix::fs::OFlags::empty(), |all, (_, host)| all | *host)
}

fn guest_flags(flags: rustix::fs::OFlags) -> Fdflags {
    let set = FLAG_PAIRS.iter().filter(|(_, host)| flags.contains(*host));
    set.fold(Fdflags::NONE, |all, (guest, _)| all.or(*guest))
}

/// All descriptors of a guest. A new one gets the lowest free number.
pub(super) struct Descriptors {
    slots: Vec<Option<Descriptor>>,
}

impl Descriptors {
    pub(super) fn new(standard: [Descriptor; 3]) -> Self {
        Descriptors { slots: standard.into_iter().map(Some).collect() }
    }

    pub(super) fn none() -> Self {
        Descriptors { slots: Vec::new() }
    }

    pub(super) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.slots.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::Badf)
    }

    pub(super) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.slots.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::Badf)
    }

    /// The number that the next descriptor will have, if the limit and memory allow for one.
    pub(super) fn reserve(&mut self, limit: u32) -> Result<u32, Errno> {
        let free = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        let fd = u32::try_from(free).ok().filter(|fd| *fd < limit).ok_or(Errno::Mfile)?;
        self.slots.try_reserve(1)?;
        Ok(fd)
    }

    pub(super) fn insert(&mut self, descriptor: Descriptor, limit: u32) -> Result<u32, Errno> {
        let fd = self.reserve(limit)?;
        match self.slots.get_mut(fd as usize) {
            Some(slot) => *slot = Some(descriptor),
            None => self.slots.push(Some(descriptor)),
        }
        Ok(fd)
    }

    /// Puts `descriptor` where another one is.
    pub(super) fn replace(&mut self, fd: u32, descriptor: Descriptor) -> Result<(), Errno> {
        *self.get_mut(fd)? = descriptor;
        Ok(())
    }

    pub(super) fn remove(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        self.slots.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::Badf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_survive_the_way_to_the_host_and_back() {
        for bits in 0..=Fdflags::ALL.bits() {
            let flags = Fdflags::parse(bits).unwrap();
            assert!(guest_flags(host_flags(flags)).contains(flags), "{flags:?}");
        }
    }

    #[test]
    fn numbers_are_reused_and_limited() {
        let null = || Descriptor { object: Object::Null, base: Rights::NONE, inheriting: Rights::NONE };
        let mut table = Descriptors::new([null(), null(), null()]);
        assert_eq!(table.insert(null(), 4), Ok(3));
        assert_eq!(table.insert(null(), 4), Err(Errno::Mfile));
        assert!(table.remove(1).is_ok());
        assert!(matches!(table.remove(1), Err(Errno::Badf)));
        assert_eq!(table.insert(null(), 4), Ok(1));
    }
}
