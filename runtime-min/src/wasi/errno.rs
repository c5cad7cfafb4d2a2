//! Error numbers of WASI, and how errors of the host become such numbers.
//!
//! In: `rustix::io::Errno`, `std::io::Error`. Out: [`Errno`], the only error type inside `wasi/`.
//! An error that no row names becomes `io`: a guest learns that it failed, never a host's number.

use std::io;

/// Writes the enum, the host's number for each row that has one, and the spec's name.
macro_rules! errnos {
    ($($variant:ident = $number:literal $(from $host:ident)? ;)*) => {
        /// `errno` of WASI preview 1 (and of snapshot 0: the numbers are the same).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        #[allow(missing_docs)]
        pub enum Errno { $($variant = $number,)* }

        impl From<rustix::io::Errno> for Errno {
            fn from(host: rustix::io::Errno) -> Self {
                match host {
                    $($(rustix::io::Errno::$host => Errno::$variant,)?)*
                    _ => Errno::Io,
                }
            }
        }
    };
}

errnos! {
    Success = 0;
    Toobig = 1 from TOOBIG;
    Acces = 2 from ACCESS;
    Addrinuse = 3 from ADDRINUSE;
    Addrnotavail = 4 from ADDRNOTAVAIL;
    Afnosupport = 5 from AFNOSUPPORT;
    Again = 6 from AGAIN;
    Already = 7 from ALREADY;
    Badf = 8 from BADF;
    Badmsg = 9 from BADMSG;
    Busy = 10 from BUSY;
    Canceled = 11 from CANCELED;
    Child = 12 from CHILD;
    Connaborted = 13 from CONNABORTED;
    Connrefused = 14 from CONNREFUSED;
    Connreset = 15 from CONNRESET;
    Deadlk = 16 from DEADLK;
    Destaddrreq = 17 from DESTADDRREQ;
    Dom = 18 from DOM;
    Dquot = 19 from DQUOT;
    Exist = 20 from EXIST;
    Fault = 21 from FAULT;
    Fbig = 22 from FBIG;
    Hostunreach = 23 from HOSTUNREACH;
    Idrm = 24 from IDRM;
    Ilseq = 25 from ILSEQ;
    Inprogress = 26 from INPROGRESS;
    Intr = 27 from INTR;
    Inval = 28 from INVAL;
    Io = 29 from IO;
    Isconn = 30 from ISCONN;
    Isdir = 31 from ISDIR;
    Loop = 32 from LOOP;
    Mfile = 33 from MFILE;
    Mlink = 34 from MLINK;
    Msgsize = 35 from MSGSIZE;
    Multihop = 36 from MULTIHOP;
    Nametoolong = 37 from NAMETOOLONG;
    Netdown = 38 from NETDOWN;
    Netreset = 39 from NETRESET;
    Netunreach = 40 from NETUNREACH;
    Nfile = 41 from NFILE;
    Nobufs = 42 from NOBUFS;
    Nodev = 43 from NODEV;
    Noent = 44 from NOENT;
    Noexec = 45 from NOEXEC;
    Nolck = 46 from NOLCK;
    Nolink = 47 from NOLINK;
    Nomem = 48 from NOMEM;
    Nomsg = 49 from NOMSG;
    Noprotoopt = 50 from NOPROTOOPT;
    Nospc = 51 from NOSPC;
    Nosys = 52 from NOSYS;
    Notconn = 53 from NOTCONN;
    Notdir = 54 from NOTDIR;
    Notempty = 55 from NOTEMPTY;
    Notrecoverable = 56 from NOTRECOVERABLE;
    Notsock = 57 from NOTSOCK;
    Notsup = 58 from OPNOTSUPP;
    Notty = 59 from NOTTY;
    Nxio = 60 from NXIO;
    Overflow = 61 from OVERFLOW;
    Ownerdead = 62 from OWNERDEAD;
    Perm = 63 from PERM;
    Pipe = 64 from PIPE;
    Proto = 65 from PROTO;
    Protonosupport = 66 from PROTONOSUPPORT;
    Prototype = 67 from PROTOTYPE;
    Range = 68 from RANGE;
    Rofs = 69 from ROFS;
    Spipe = 70 from SPIPE;
    Srch = 71 from SRCH;
    Stale = 72 from STALE;
    Timedout = 73 from TIMEDOUT;
    Txtbsy = 74 from TXTBSY;
    Xdev = 75 from XDEV;
    Notcapable = 76;
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        match rustix::io::Errno::from_io_error(&error) {
            Some(host) => host.into(),
            None => from_kind(error.kind()),
        }
    }
}

impl From<std::collections::TryReserveError> for Errno {
    fn from(_: std::collections::TryReserveError) -> Self {
        Errno::Nomem
    }
}

/// Errors without a host number are cap-std's own: an attempt to leave the directory, a path it cannot express.
fn from_kind(kind: io::ErrorKind) -> Errno {
    match kind {
        io::ErrorKind::PermissionDenied => Errno::Perm,
        io::ErrorKind::InvalidInput => Errno::Inval,
        io::ErrorKind::NotFound => Errno::Noent,
        _ => Errno::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_specification() {
        assert_eq!(Errno::Badf as u16, 8);
        assert_eq!(Errno::Noent as u16, 44);
        assert_eq!(Errno::Spipe as u16, 70);
        assert_eq!(Errno::Notcapable as u16, 76);
    }

    #[test]
    fn host_errors_keep_their_meaning() {
        assert_eq!(Errno::from(rustix::io::Errno::NOTEMPTY), Errno::Notempty);
        assert_eq!(Errno::from(io::Error::from_raw_os_error(2)), Errno::Noent);
        assert_eq!(Errno::from(io::Error::from(io::ErrorKind::PermissionDenied)), Errno::Perm);
    }
}
