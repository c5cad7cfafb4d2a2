//! The records and flag words of WASI, with their sizes and offsets, for both snapshots.
//!
//! In: bytes and integers of a guest. Out: plain values; and back. Names are those of the specification (preview 1
//! `typenames`). Where snapshot 0 lays a record out differently, the function takes a [`Snapshot`].

use super::errno::Errno;
use cap_std::fs::{Metadata, MetadataExt};
use rustix::fs::{FileType, Stat};

/// Which WASI a module was built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshot {
    /// `wasi_unstable`.
    P0,
    /// `wasi_snapshot_preview1`.
    P1,
}

impl Snapshot {
    /// The module name of its imports.
    pub const fn module_name(self) -> &'static str {
        match self {
            Snapshot::P0 => "wasi_unstable",
            Snapshot::P1 => "wasi_snapshot_preview1",
        }
    }
}

/// `filetype`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Filetype {
    /// Also a pipe: WASI has no word for it.
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketDgram = 5,
    SocketStream = 6,
    SymbolicLink = 7,
}

impl From<FileType> for Filetype {
    fn from(host: FileType) -> Self {
        match host {
            FileType::RegularFile => Filetype::RegularFile,
            FileType::Directory => Filetype::Directory,
            FileType::Symlink => Filetype::SymbolicLink,
            FileType::CharacterDevice => Filetype::CharacterDevice,
            FileType::BlockDevice => Filetype::BlockDevice,
            FileType::Socket => Filetype::SocketStream,
            _ => Filetype::Unknown,
        }
    }
}

/// A set of bits of one of the spec's `flags` types.
macro_rules! flags {
    ($(#[$doc:meta])* $name:ident : $repr:ident { $($bit:ident = $position:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name($repr);

        #[allow(missing_docs)]
        impl $name {
            $(pub const $bit: $name = $name(1 << $position);)*
            pub const NONE: $name = $name(0);
            pub const ALL: $name = $name(0 $(| 1 << $position)*);

            /// The bits that the specification names, others dropped.
            pub const fn truncate(bits: $repr) -> Self {
                $name(bits & Self::ALL.0)
            }

            pub const fn bits(self) -> $repr {
                self.0
            }

            pub const fn contains(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            pub const fn and(self, other: $name) -> $name {
                $name(self.0 & other.0)
            }

            pub const fn or(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }

            pub const fn without(self, other: $name) -> $name {
                $name(self.0 & !other.0)
            }
        }
    };
}

flags! {
    /// `rights`: what may be done with a descriptor.
    Rights: u64 {
        FD_DATASYNC = 0;
        FD_READ = 1;
        FD_SEEK = 2;
        FD_FDSTAT_SET_FLAGS = 3;
        FD_SYNC = 4;
        FD_TELL = 5;
        FD_WRITE = 6;
        FD_ADVISE = 7;
        FD_ALLOCATE = 8;
        PATH_CREATE_DIRECTORY = 9;
        PATH_CREATE_FILE = 10;
        PATH_LINK_SOURCE = 11;
        PATH_LINK_TARGET = 12;
        PATH_OPEN = 13;
        FD_READDIR = 14;
        PATH_READLINK = 15;
        PATH_RENAME_SOURCE = 16;
        PATH_RENAME_TARGET = 17;
        PATH_FILESTAT_GET = 18;
        PATH_FILESTAT_SET_SIZE = 19;
        PATH_FILESTAT_SET_TIMES = 20;
        FD_FILESTAT_GET = 21;
        FD_FILESTAT_SET_SIZE = 22;
        FD_FILESTAT_SET_TIMES = 23;
        PATH_SYMLINK = 24;
        PATH_REMOVE_DIRECTORY = 25;
        PATH_UNLINK_FILE = 26;
        POLL_FD_READWRITE = 27;
        SOCK_SHUTDOWN = 28;
        SOCK_ACCEPT = 29;
    }
}

impl Rights {
    /// What makes sense on an open regular file.
    pub const FILE: Rights = Rights::FD_DATASYNC
        .or(Rights::FD_READ)
        .or(Rights::FD_SEEK)
        .or(Rights::FD_FDSTAT_SET_FLAGS)
        .or(Rights::FD_SYNC)
        .or(Rights::FD_TELL)
        .or(Rights::FD_WRITE)
        .or(Rights::FD_ADVISE)
        .or(Rights::FD_ALLOCATE)
        .or(Rights::FD_FILESTAT_GET)
        .or(Rights::FD_FILESTAT_SET_SIZE)
        .or(Rights::FD_FILESTAT_SET_TIMES)
        .or(Rights::POLL_FD_READWRITE);

    /// What makes sense on an open directory.
    pub const DIRECTORY: Rights = Rights::FD_DATASYNC
        .or(Rights::FD_FDSTAT_SET_FLAGS)
        .or(Rights::FD_SYNC)
        .or(Rights::PATH_CREATE_DIRECTORY)
        .or(Rights::PATH_CREATE_FILE)
        .or(Rights::PATH_LINK_SOURCE)
        .or(Rights::PATH_LINK_TARGET)
        .or(Rights::PATH_OPEN)
        .or(Rights::FD_READDIR)
        .or(Rights::PATH_READLINK)
        .or(Rights::PATH_RENAME_SOURCE)
        .or(Rights::PATH_RENAME_TARGET)
        .or(Rights::PATH_FILESTAT_GET)
        .or(Rights::PATH_FILESTAT_SET_SIZE)
        .or(Rights::PATH_FILESTAT_SET_TIMES)
        .or(Rights::FD_FILESTAT_GET)
        .or(Rights::FD_FILESTAT_SET_TIMES)
        .or(Rights::PATH_SYMLINK)
        .or(Rights::PATH_REMOVE_DIRECTORY)
        .or(Rights::PATH_UNLINK_FILE)
        .or(Rights::POLL_FD_READWRITE);

    /// What every standard stream may do besides its direction. No seeking: wasi-libc's `isatty` takes the right to
    /// seek as a sign that a character device is no terminal.
    pub const STREAM: Rights = Rights::FD_DATASYNC
        .or(Rights::FD_FDSTAT_SET_FLAGS)
        .or(Rights::FD_SYNC)
        .or(Rights::FD_FILESTAT_GET)
        .or(Rights::POLL_FD_READWRITE);

    /// Moving and asking for the offset.
    pub const OFFSET: Rights = Rights::FD_SEEK.or(Rights::FD_TELL).or(Rights::FD_ADVISE);

    /// What a connected socket may do.
    pub const SOCKET: Rights = Rights::STREAM.or(Rights::FD_READ).or(Rights::FD_WRITE).or(Rights::SOCK_SHUTDOWN);

    /// What a listening socket may do; accepted sockets get [`Rights::SOCKET`].
    pub const LISTENER: Rights = Rights::STREAM.or(Rights::SOCK_ACCEPT);
}

flags! {
    /// `fdflags`: how an open descriptor behaves.
    Fdflags: u32 { APPEND = 0; DSYNC = 1; NONBLOCK = 2; RSYNC = 3; SYNC = 4; }
}
flags! {
    /// `oflags`: how `path_open` opens.
    Oflags: u32 { CREAT = 0; DIRECTORY = 1; EXCL = 2; TRUNC = 3; }
}
flags! {
    /// `lookupflags`: how a path's last part is resolved.
    Lookupflags: u32 { SYMLINK_FOLLOW = 0; }
}
flags! {
    /// `fstflags`: which times to set.
    Fstflags: u32 { ATIM = 0; ATIM_NOW = 1; MTIM = 2; MTIM_NOW = 3; }
}
flags! {
    /// `riflags`: how `sock_recv` receives.
    Riflags: u32 { RECV_PEEK = 0; RECV_WAITALL = 1; }
}
flags! {
    /// `sdflags`: which directions `sock_shutdown` ends.
    Sdflags: u32 { RD = 0; WR = 1; }
}

/// Reads a guest's flag word; a bit without a name is an error, since ignoring it would do something else than asked.
macro_rules! parse_flags {
    ($($name:ident)*) => {
        $(impl $name {
            /// Fails on bits that the specification does not name.
            pub fn parse(bits: u32) -> Result<Self, Errno> {
                if bits & !Self::ALL.0 != 0 { Err(Errno::Inval) } else { Ok($name(bits)) }
            }
        })*
    };
}
parse_flags! { Fdflags Oflags Lookupflags Fstflags Riflags Sdflags }

/// `whence`. The two snapshots number it differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Whence {
    Set,
    Cur,
    End,
}

impl Whence {
    /// Snapshot 0: cur, end, set; preview 1: set, cur, end.
    pub fn parse(snapshot: Snapshot, number: u32) -> Result<Self, Errno> {
        match (snapshot, number) {
            (Snapshot::P1, 0) | (Snapshot::P0, 2) => Ok(Whence::Set),
            (Snapshot::P1, 1) | (Snapshot::P0, 0) => Ok(Whence::Cur),
            (Snapshot::P1, 2) | (Snapshot::P0, 1) => Ok(Whence::End),
            _ => Err(Errno::Inval),
        }
    }
}

/// Copies `value` to `at`; `at` is one of the constants of a layout below, inside the record.
fn put<const N: usize>(record: &mut [u8], at: usize, value: [u8; N]) {
    record[at..at + N].copy_from_slice(&value);
}

fn u32_at(record: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|index| record[at + index]))
}

fn u64_at(record: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|index| record[at + index]))
}

/// `filestat`.
///
/// | offset in P1 | in P0 | bytes | name |
/// |---:|---:|---|---|
/// | 0 | 0 | 8 | dev |
/// | 8 | 8 | 8 | ino |
/// | 16 | 16 | 1 | filetype |
/// | 24 | 20 | 8 in P1, 4 in P0 | nlink |
/// | 32 | 24 | 8 | size |
/// | 40 | 32 | 8 | atim, ns since 1970 |
/// | 48 | 40 | 8 | mtim |
/// | 56 | 48 | 8 | ctim |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Filestat {
    pub dev: u64,
    pub ino: u64,
    pub filetype: Filetype,
    pub nlink: u64,
    pub size: u64,
    pub atim: u64,
    pub mtim: u64,
    pub ctim: u64,
}

impl Filestat {
    /// Bytes of the record.
    pub const fn size_of(snapshot: Snapshot) -> u32 {
        match snapshot {
            Snapshot::P0 => 56,
            Snapshot::P1 => 64,
        }
    }

    /// What a stream without a host file says of itself.
    pub const fn unknown() -> Self {
        Filestat { dev: 0, ino: 0, filetype: Filetype::Unknown, nlink: 0, size: 0, atim: 0, mtim: 0, ctim: 0 }
    }

    /// The record's bytes; the first [`size_of`](Self::size_of) of them count.
    pub fn to_bytes(self, snapshot: Snapshot) -> [u8; 64] {
        let mut record = [0; 64];
        put(&mut record, 0, self.dev.to_le_bytes());
        put(&mut record, 8, self.ino.to_le_bytes());
        put(&mut record, 16, [self.filetype as u8]);
        let size_at = match snapshot {
            Snapshot::P0 => {
                put(&mut record, 20, u32::try_from(self.nlink).unwrap_or(u32::MAX).to_le_bytes());
                24
            }
            Snapshot::P1 => {
                put(&mut record, 24, self.nlink.to_le_bytes());
                32
            }
        };
        put(&mut record, size_at, self.size.to_le_bytes());
        put(&mut record, size_at + 8, self.atim.to_le_bytes());
        put(&mut record, size_at + 16, self.mtim.to_le_bytes());
        put(&mut record, size_at + 24, self.ctim.to_le_bytes());
        record
    }
}

// The fields' types differ between machines; the casts are conversions on some of them only.
#[allow(clippy::unnecessary_cast)]
impl From<Stat> for Filestat {
    fn from(host: Stat) -> Self {
        Filestat {
            dev: host.st_dev as u64,
            ino: host.st_ino as u64,
            filetype: FileType::from_raw_mode(host.st_mode as _).into(),
            nlink: host.st_nlink as u64,
            size: host.st_size as u64,
            atim: timestamp(host.st_atime as i64, host.st_atime_nsec as i64),
            mtim: timestamp(host.st_mtime as i64, host.st_mtime_nsec as i64),
            ctim: timestamp(host.st_ctime as i64, host.st_ctime_nsec as i64),
        }
    }
}

impl From<Metadata> for Filestat {
    fn from(host: Metadata) -> Self {
        Filestat {
            dev: host.dev(),
            ino: host.ino(),
            filetype: FileType::from_raw_mode(host.mode()).into(),
            nlink: host.nlink(),
            size: host.size(),
            atim: timestamp(host.atime(), host.atime_nsec()),
            mtim: timestamp(host.mtime(), host.mtime_nsec()),
            ctim: timestamp(host.ctime(), host.ctime_nsec()),
        }
    }
}

/// Nanoseconds since 1970; times before it are 0, times beyond 2554 the largest there is.
pub fn timestamp(seconds: i64, nanoseconds: i64) -> u64 {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let nanoseconds = u64::try_from(nanoseconds).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

/// `fdstat`: 0 filetype, 2 flags, 8 base rights, 16 inheriting rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Fdstat {
    pub filetype: Filetype,
    pub flags: Fdflags,
    pub base: Rights,
    pub inheriting: Rights,
}

impl Fdstat {
    /// The record's bytes.
    pub fn to_bytes(self) -> [u8; 24] {
        let mut record = [0; 24];
        put(&mut record, 0, [self.filetype as u8]);
        put(&mut record, 2, (self.flags.bits() as u16).to_le_bytes());
        put(&mut record, 8, self.base.bits().to_le_bytes());
        put(&mut record, 16, self.inheriting.bits().to_le_bytes());
        record
    }
}

/// `dirent`: 0 next cookie, 8 inode, 16 length of the name that follows, 20 filetype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Dirent {
    pub next: u64,
    pub ino: u64,
    pub name_len: u32,
    pub filetype: Filetype,
}

impl Dirent {
    /// The record's bytes, without the name.
    pub fn to_bytes(self) -> [u8; 24] {
        let mut record = [0; 24];
        put(&mut record, 0, self.next.to_le_bytes());
        put(&mut record, 8, self.ino.to_le_bytes());
        put(&mut record, 16, self.name_len.to_le_bytes());
        put(&mut record, 20, [self.filetype as u8]);
        record
    }
}

/// `clockid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Clockid {
    Realtime,
    Monotonic,
    ProcessCputime,
    ThreadCputime,
}

impl Clockid {
    /// The clock of that number.
    pub fn parse(number: u32) -> Result<Self, Errno> {
        match number {
            0 => Ok(Clockid::Realtime),
            1 => Ok(Clockid::Monotonic),
            2 => Ok(Clockid::ProcessCputime),
            3 => Ok(Clockid::ThreadCputime),
            _ => Err(Errno::Inval),
        }
    }
}

/// `eventtype`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Eventtype {
    Clock = 0,
    FdRead = 1,
    FdWrite = 2,
}

/// What a subscription waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Awaited {
    Clock { id: u32, timeout: u64, absolute: bool },
    FdRead(u32),
    FdWrite(u32),
}

/// `subscription`.
///
/// 0 userdata, 8 type, then for a descriptor its number at 16; for a clock, in P1 (in P0): id at 16 (24), timeout at
/// 24 (32), precision at 32 (40), flags at 40 (48). P0 has a 64-bit identifier at 16 that means nothing to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Subscription {
    pub userdata: u64,
    pub awaited: Awaited,
}

impl Subscription {
    /// Bytes of the record.
    pub const fn size_of(snapshot: Snapshot) -> u32 {
        match snapshot {
            Snapshot::P0 => 56,
            Snapshot::P1 => 48,
        }
    }

    /// Reads a record of [`size_of`](Self::size_of) bytes.
    pub fn parse(record: &[u8], snapshot: Snapshot) -> Result<Self, Errno> {
        let record = record.get(..Self::size_of(snapshot) as usize).ok_or(Errno::Fault)?;
        let awaited = match record[8] {
            0 => parse_clock(record, if snapshot == Snapshot::P0 { 24 } else { 16 })?,
            1 => Awaited::FdRead(u32_at(record, 16)),
            2 => Awaited::FdWrite(u32_at(record, 16)),
            _ => return Err(Errno::Inval),
        };
        Ok(Subscription { userdata: u64_at(record, 0), awaited })
    }

    /// The type that its event will have.
    pub fn eventtype(&self) -> Eventtype {
        match self.awaited {
            Awaited::Clock { .. } => Eventtype::Clock,
            Awaited::FdRead(_) => Eventtype::FdRead,
            Awaited::FdWrite(_) => Eventtype::FdWrite,
        }
    }
}

fn parse_clock(record: &[u8], id_at: usize) -> Result<Awaited, Errno> {
    let flags = u16::from_le_bytes([record[id_at + 24], record[id_at + 25]]);
    if flags > 1 {
        return Err(Errno::Inval);
    }
    Ok(Awaited::Clock { id: u32_at(record, id_at), timeout: u64_at(record, id_at + 8), absolute: flags == 1 })
}

/// `event`: 0 userdata, 8 error, 10 type, 16 bytes available, 24 flags (1: the other side hung up).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Event {
    pub userdata: u64,
    pub error: Errno,
    pub eventtype: Eventtype,
    pub available_bytes: u64,
    pub hangup: bool,
}

impl Event {
    /// Bytes of the record.
    pub const SIZE: u32 = 32;

    /// The record's bytes.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut record = [0; 32];
        put(&mut record, 0, self.userdata.to_le_bytes());
        put(&mut record, 8, (self.error as u16).to_le_bytes());
        put(&mut record, 10, [self.eventtype as u8]);
        put(&mut record, 16, self.available_bytes.to_le_bytes());
        put(&mut record, 24, u16::from(self.hangup).to_le_bytes());
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: Filestat = Filestat {
        dev: 0x11,
        ino: 0x22,
        filetype: Filetype::RegularFile,
        nlink: 0x1_0000_0033,
        size: 0x44,
        atim: 0x55,
        mtim: 0x66,
        ctim: 0x77,
    };

    /// A record of `len` bytes with the given bytes set.
    fn record(len: usize, set: &[(usize, u8)]) -> Vec<u8> {
        let mut bytes = vec![0; len];
        set.iter().for_each(|&(at, value)| bytes[at] = value);
        bytes
    }

    #[test]
    fn filestat_of_preview1_byte_by_byte() {
        let expected = record(
            64,
            &[(0, 0x11), (8, 0x22), (16, 4), (24, 0x33), (28, 1), (32, 0x44), (40, 0x55), (48, 0x66), (56, 0x77)],
        );
        assert_eq!(STAT.to_bytes(Snapshot::P1).to_vec(), expected);
        assert_eq!(Filestat::size_of(Snapshot::P1), 64);
    }

    #[test]
    fn filestat_of_snapshot0_byte_by_byte() {
        let links = [(20, 0xff), (21, 0xff), (22, 0xff), (23, 0xff)];
        let rest = [(0, 0x11), (8, 0x22), (16, 4), (24, 0x44), (32, 0x55), (40, 0x66), (48, 0x77)];
        let expected = record(64, &[&links[..], &rest[..]].concat());
        assert_eq!(STAT.to_bytes(Snapshot::P0).to_vec(), expected);
        assert_eq!(Filestat::size_of(Snapshot::P0), 56);
    }

    #[test]
    fn whence_is_numbered_by_snapshot() {
        use Whence::*;
        let all = |snapshot| [0, 1, 2].map(|number| Whence::parse(snapshot, number).unwrap());
        assert_eq!(all(Snapshot::P1), [Set, Cur, End]);
        assert_eq!(all(Snapshot::P0), [Cur, End, Set]);
        assert_eq!(Whence::parse(Snapshot::P0, 3), Err(Errno::Inval));
    }

    #[test]
    fn clock_subscription_of_snapshot0_has_one_field_more() {
        let p1 = record(48, &[(0, 9), (8, 0), (16, 1), (24, 7), (40, 1)]);
        let p0 = record(56, &[(0, 9), (8, 0), (16, 0xee), (24, 1), (32, 7), (48, 1)]);
        let expected = Awaited::Clock { id: 1, timeout: 7, absolute: true };
        assert_eq!(Subscription::parse(&p1, Snapshot::P1).unwrap().awaited, expected);
        assert_eq!(Subscription::parse(&p0, Snapshot::P0).unwrap().awaited, expected);
    }

    #[test]
    fn event_and_fdstat_byte_by_byte() {
        let event =
            Event { userdata: 5, error: Errno::Badf, eventtype: Eventtype::FdWrite, available_bytes: 3, hangup: true };
        assert_eq!(event.to_bytes().to_vec(), record(32, &[(0, 5), (8, 8), (10, 2), (16, 3), (24, 1)]));
        let fdstat = Fdstat {
            filetype: Filetype::CharacterDevice,
            flags: Fdflags::NONBLOCK,
            base: Rights::FD_READ,
            inheriting: Rights::FD_WRITE,
        };
        assert_eq!(fdstat.to_bytes().to_vec(), record(24, &[(0, 2), (2, 4), (8, 2), (16, 64)]));
    }

    #[test]
    fn unnamed_flags_are_refused_and_unnamed_rights_dropped() {
        assert_eq!(Oflags::parse(16), Err(Errno::Inval));
        assert_eq!(Rights::truncate(u64::MAX), Rights::ALL);
    }
}
