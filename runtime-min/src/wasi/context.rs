//! What a guest is given: arguments, environment, streams, directories, limits.
//!
//! In: the embedder's grants. Out: [`WasiCtx`], which every WASI function takes. A new context grants the host's
//! standard streams, clocks and randomness and nothing else.

use super::Errno;
use super::descriptor::{Descriptor, Descriptors};
use super::limits::Limits;
use super::stdio::Stdio;
use super::types::Rights;
use cap_std::fs::Dir;
use rustix::fs::OFlags;
use std::fs::OpenOptions;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The state of one WASI guest.
pub struct WasiCtx {
    pub(super) args: Vec<Vec<u8>>,
    pub(super) environ: Vec<Vec<u8>>,
    pub(super) descriptors: Descriptors,
    pub(super) limits: Limits,
}

impl WasiCtx {
    /// No arguments, no variables, no directories; the host's standard streams.
    ///
    /// Writing to a pipe that nobody reads raises SIGPIPE in the host unless it ignores it. Rust programs do; a host
    /// written in C has to.
    pub fn new() -> Self {
        let standard = [0, 1, 2].map(|number| {
            let (own, direction) = standard_stream(number);
            Descriptor::standard(Stdio::Inherit, own, direction)
        });
        WasiCtx {
            args: Vec::new(),
            environ: Vec::new(),
            descriptors: Descriptors::new(standard),
            limits: Limits::DEFAULT,
        }
    }

    /// A context of the same guest without descriptors.
    pub(crate) fn without_descriptors(&self) -> Self {
        WasiCtx {
            args: self.args.clone(),
            environ: self.environ.clone(),
            descriptors: Descriptors::none(),
            limits: self.limits,
        }
    }

    /// Adds an argument; the first is the program's name. What follows a NUL byte, a guest will not see.
    pub fn arg(&mut self, arg: impl Into<Vec<u8>>) -> &mut Self {
        self.args.push(arg.into());
        self
    }

    /// Adds a variable. The host's own environment is not passed on.
    pub fn env(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        self.environ.push([key.as_ref(), b"=", value.as_ref()].concat());
        self
    }

    /// Grants the directory `host` and all below it, under the name `guest`, such as `/`, `.` or `/share`.
    ///
    /// The first directory becomes descriptor 3, and so on; give them before sockets, since programs look for them
    /// from 3 up to the first number that is none. Fails if `host` is not a directory or the descriptor limit is
    /// reached.
    pub fn preopen_dir(&mut self, host: &Path, guest: &str) -> io::Result<()> {
        // Not cap-std's own: it opens with O_PATH where it can, and such a directory can be neither synced nor dated.
        let flags = OFlags::DIRECTORY.bits() as i32;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(host)?;
        let descriptor = Descriptor::preopen(Dir::from_std_file(file), guest.as_bytes().to_vec());
        self.grant(descriptor).map(|_| ())
    }

    /// Grants a listening socket, from which the guest can accept connections. Returns its descriptor.
    pub fn preopen_listener(&mut self, listener: TcpListener) -> io::Result<u32> {
        self.grant(Descriptor::listener(listener))
    }

    /// Grants a connection. Returns its descriptor.
    pub fn preopen_stream(&mut self, stream: TcpStream) -> io::Result<u32> {
        self.grant(Descriptor::stream(stream, Rights::SOCKET))
    }

    /// Connects standard input.
    pub fn stdin(&mut self, stdio: Stdio) -> &mut Self {
        self.connect(0, stdio)
    }

    /// Connects standard output.
    pub fn stdout(&mut self, stdio: Stdio) -> &mut Self {
        self.connect(1, stdio)
    }

    /// Connects standard error.
    pub fn stderr(&mut self, stdio: Stdio) -> &mut Self {
        self.connect(2, stdio)
    }

    /// Sets what the guest may hold or ask for; values above [`Limits::HARD_CAP`] are lowered to it.
    pub fn limits(&mut self, limits: Limits) -> &mut Self {
        self.limits = limits.capped();
        self
    }

    fn connect(&mut self, number: u32, stdio: Stdio) -> &mut Self {
        let (own, direction) = standard_stream(number);
        let descriptor = Descriptor::standard(stdio, own, direction);
        // A guest that already runs may have closed the stream; then it stays closed.
        let _ = self.descriptors.replace(number, descriptor);
        self
    }

    fn grant(&mut self, descriptor: Descriptor) -> io::Result<u32> {
        self.descriptors.insert(descriptor, self.limits.descriptors).map_err(|errno| match errno {
            Errno::Nomem => io::ErrorKind::OutOfMemory.into(),
            _ => io::Error::other("the guest's descriptor limit is reached"),
        })
    }
}

impl Default for WasiCtx {
    fn default() -> Self {
        WasiCtx::new()
    }
}

/// The host's stream of that number, and what a guest may do with it.
fn standard_stream(number: u32) -> (BorrowedFd<'static>, Rights) {
    match number {
        0 => (rustix::stdio::stdin(), Rights::FD_READ),
        1 => (rustix::stdio::stdout(), Rights::FD_WRITE),
        _ => (rustix::stdio::stderr(), Rights::FD_WRITE),
    }
}
