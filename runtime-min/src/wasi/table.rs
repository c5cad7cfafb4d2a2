//! The one list of WASI functions, and the way in for a host that has raw arguments.
//!
//! In: a name, its parameters as Wasm has them. Out: through [`entry`], an errno as the i32 that the guest gets, or
//! [`WasiExit`]. Whatever binds WASI to a linker is made from [`for_each_wasi_function`], never written by hand.

use super::proc::WasiExit;
use super::{Errno, GuestMemory, WasiCtx};

/// Calls `$callback!` with one row per function:
///
/// `[P0 P1] fd_seek (fd: i32, offset: i64, whence: i32, new_offset: i32) -> errno = transfer::fd_seek;`
///
/// The brackets list the snapshots that have the function; its type is the same in both. The result is `errno`, one
/// i32, or `never`, for the one function that has no result and does not return. The path is relative to `wasi`.
macro_rules! for_each_wasi_function {
    ($callback:ident) => {
        $callback! {
            [P0 P1] args_get (argv: i32, argv_buf: i32) -> errno = args::args_get;
            [P0 P1] args_sizes_get (argc: i32, bytes: i32) -> errno = args::args_sizes_get;
            [P0 P1] environ_get (environ: i32, environ_buf: i32) -> errno = environ::environ_get;
            [P0 P1] environ_sizes_get (count: i32, bytes: i32) -> errno = environ::environ_sizes_get;
            [P0 P1] clock_res_get (id: i32, out: i32) -> errno = clock::clock_res_get;
            [P0 P1] clock_time_get (id: i32, precision: i64, out: i32) -> errno = clock::clock_time_get;
            [P0 P1] fd_advise (fd: i32, offset: i64, len: i64, advice: i32) -> errno = fd::fd_advise;
            [P0 P1] fd_allocate (fd: i32, offset: i64, len: i64) -> errno = fd::fd_allocate;
            [P0 P1] fd_close (fd: i32) -> errno = fd::fd_close;
            [P0 P1] fd_datasync (fd: i32) -> errno = fd::fd_datasync;
            [P0 P1] fd_fdstat_get (fd: i32, out: i32) -> errno = fd::fd_fdstat_get;
            [P0 P1] fd_fdstat_set_flags (fd: i32, flags: i32) -> errno = fd::fd_fdstat_set_flags;
            [P0 P1] fd_fdstat_set_rights (fd: i32, base: i64, inheriting: i64) -> errno = fd::fd_fdstat_set_rights;
            [P0 P1] fd_filestat_get (fd: i32, out: i32) -> errno = fd::fd_filestat_get;
            [P0 P1] fd_filestat_set_size (fd: i32, size: i64) -> errno = fd::fd_filestat_set_size;
            [P0 P1] fd_filestat_set_times (fd: i32, atim: i64, mtim: i64, flags: i32) -> errno
                = fd::fd_filestat_set_times;
            [P0 P1] fd_pread (fd: i32, iovs: i32, iovs_len: i32, offset: i64, nread: i32) -> errno
                = transfer::fd_pread;
            [P0 P1] fd_prestat_get (fd: i32, out: i32) -> errno = fd::fd_prestat_get;
            [P0 P1] fd_prestat_dir_name (fd: i32, path: i32, path_len: i32) -> errno = fd::fd_prestat_dir_name;
            [P0 P1] fd_pwrite (fd: i32, iovs: i32, iovs_len: i32, offset: i64, nwritten: i32) -> errno
                = transfer::fd_pwrite;
            [P0 P1] fd_read (fd: i32, iovs: i32, iovs_len: i32, nread: i32) -> errno = transfer::fd_read;
            [P0 P1] fd_readdir (fd: i32, buffer: i32, buffer_len: i32, cookie: i64, used: i32) -> errno
                = readdir::fd_readdir;
            [P0 P1] fd_renumber (from: i32, to: i32) -> errno = fd::fd_renumber;
            [P0 P1] fd_seek (fd: i32, offset: i64, whence: i32, new_offset: i32) -> errno = transfer::fd_seek;
            [P0 P1] fd_sync (fd: i32) -> errno = fd::fd_sync;
            [P0 P1] fd_tell (fd: i32, out: i32) -> errno = transfer::fd_tell;
            [P0 P1] fd_write (fd: i32, iovs: i32, iovs_len: i32, nwritten: i32) -> errno = transfer::fd_write;
            [P0 P1] path_create_directory (fd: i32, path: i32, path_len: i32) -> errno
                = path::path_create_directory;
            [P0 P1] path_filestat_get (fd: i32, flags: i32, path: i32, path_len: i32, out: i32) -> errno
                = path::path_filestat_get;
            [P0 P1] path_filestat_set_times (
                fd: i32, flags: i32, path: i32, path_len: i32, atim: i64, mtim: i64, fst_flags: i32
            ) -> errno = path::path_filestat_set_times;
            [P0 P1] path_link (
                old_fd: i32, old_flags: i32, old_path: i32, old_path_len: i32,
                new_fd: i32, new_path: i32, new_path_len: i32
            ) -> errno = path::path_link;
            [P0 P1] path_open (
                fd: i32, dirflags: i32, path: i32, path_len: i32, oflags: i32,
                base: i64, inheriting: i64, fdflags: i32, opened: i32
            ) -> errno = path::path_open;
            [P0 P1] path_readlink (
                fd: i32, path: i32, path_len: i32, buffer: i32, buffer_len: i32, used: i32
            ) -> errno = path::path_readlink;
            [P0 P1] path_remove_directory (fd: i32, path: i32, path_len: i32) -> errno
                = path::path_remove_directory;
            [P0 P1] path_rename (
                old_fd: i32, old_path: i32, old_path_len: i32, new_fd: i32, new_path: i32, new_path_len: i32
            ) -> errno = path::path_rename;
            [P0 P1] path_symlink (
                old_path: i32, old_path_len: i32, fd: i32, new_path: i32, new_path_len: i32
            ) -> errno = path::path_symlink;
            [P0 P1] path_unlink_file (fd: i32, path: i32, path_len: i32) -> errno = path::path_unlink_file;
            [P0 P1] poll_oneoff (subscriptions: i32, events: i32, count: i32, stored: i32) -> errno
                = poll::poll_oneoff;
            [P0 P1] proc_exit (status: i32) -> never = proc::proc_exit;
            [P0 P1] proc_raise (signal: i32) -> errno = proc::proc_raise;
            [P0 P1] random_get (buffer: i32, len: i32) -> errno = random::random_get;
            [P0 P1] sched_yield () -> errno = proc::sched_yield;
            [P1] sock_accept (fd: i32, flags: i32, out: i32) -> errno = sock::sock_accept;
            [P0 P1] sock_recv (
                fd: i32, iovs: i32, iovs_len: i32, flags: i32, received: i32, result_flags: i32
            ) -> errno = sock::sock_recv;
            [P0 P1] sock_send (fd: i32, iovs: i32, iovs_len: i32, flags: i32, sent: i32) -> errno
                = sock::sock_send;
            [P0 P1] sock_shutdown (fd: i32, how: i32) -> errno = sock::sock_shutdown;
        }
    };
}
pub(crate) use for_each_wasi_function;

/// What a WASI function returns, as its caller needs it.
trait IntoGuest {
    fn into_guest(self) -> Result<i32, WasiExit>;
}

impl IntoGuest for Result<(), Errno> {
    fn into_guest(self) -> Result<i32, WasiExit> {
        Ok(self.err().unwrap_or(Errno::Success) as i32)
    }
}

impl IntoGuest for Result<Errno, WasiExit> {
    fn into_guest(self) -> Result<i32, WasiExit> {
        self.map(|errno| errno as i32)
    }
}

impl IntoGuest for Result<(), WasiExit> {
    fn into_guest(self) -> Result<i32, WasiExit> {
        self.map(|()| Errno::Success as i32)
    }
}

/// One function per row, all alike: context, the caller's memory, then the parameters as Wasm has them. `Ok` is what the guest gets (nothing, for `proc_exit`); [`WasiExit`] ends it.
#[allow(missing_docs, clippy::too_many_arguments)]
pub mod entry {
    use super::*;

    macro_rules! define_entries {
        ($([$($snapshot:ident)+] $name:ident ($($argument:ident: $type:ident),*) -> $result:ident
            = $module:ident::$function:ident;)*) => {
            $(pub fn $name(
                ctx: &mut WasiCtx,
                guest: &mut GuestMemory<'_>,
                $($argument: $type),*
            ) -> Result<i32, WasiExit> {
                crate::wasi::$module::$function(ctx, guest, $($argument.cast_unsigned()),*).into_guest()
            })*
        };
    }
    for_each_wasi_function!(define_entries);
}
