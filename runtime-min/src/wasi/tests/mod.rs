//! Claims about WASI as a guest sees it: each test plays a guest that has a memory, a directory and the functions.

use super::types::{Clockid, Rights};
use super::*;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

const OUT: i32 = 0;
const RECORD: i32 = 64;
const IOVS: i32 = 512;
const PATH: i32 = 1024;
const OTHER_PATH: i32 = 6144;
const DATA: i32 = 16384;
const MEMORY_LEN: usize = 65536;
const DIR: i32 = 3;
const ALL: i64 = -1;
const FOLLOW: i32 = 1;
const CREAT: i32 = 1;
const DIRECTORY: i32 = 2;
const EXCL: i32 = 4;
const TRUNC: i32 = 8;

/// A guest whose descriptor 3 is `home`, a directory beside `secret`, which it must not reach.
struct Guest {
    ctx: WasiCtx,
    memory: Vec<u8>,
    snapshot: Snapshot,
    root: tempfile::TempDir,
}

/// Calls an entry with the guest's memory; the result is the errno.
macro_rules! call {
    ($guest:expr, $name:ident($($argument:expr),*)) => {{
        let guest = &mut *$guest;
        entry::$name(&mut guest.ctx, &mut GuestMemory::new(&mut guest.memory, guest.snapshot), $($argument),*).unwrap()
    }};
}

macro_rules! ok {
    ($guest:expr, $name:ident($($argument:expr),*)) => {
        assert_eq!(call!($guest, $name($($argument),*)), 0, "{}", stringify!($name($($argument),*)))
    };
}

macro_rules! fails {
    ($errno:ident, $guest:expr, $name:ident($($argument:expr),*)) => {
        let text = stringify!($name($($argument),*));
        assert_eq!(call!($guest, $name($($argument),*)), Errno::$errno as i32, "{text}")
    };
}

impl Guest {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("home")).unwrap();
        fs::create_dir(root.path().join("secret")).unwrap();
        fs::write(root.path().join("secret/key"), "key").unwrap();
        let mut ctx = WasiCtx::new();
        ctx.stdin(Stdio::Null).stdout(Stdio::Null).stderr(Stdio::Null);
        ctx.preopen_dir(&root.path().join("home"), "/").unwrap();
        Guest { ctx, memory: vec![0; MEMORY_LEN], snapshot: Snapshot::P1, root }
    }

    fn home(&self, path: &str) -> PathBuf {
        self.root.path().join("home").join(path)
    }

    fn secret(&self, path: &str) -> PathBuf {
        self.root.path().join("secret").join(path)
    }

    fn put(&mut self, at: i32, bytes: &[u8]) -> i32 {
        self.memory[at as usize..][..bytes.len()].copy_from_slice(bytes);
        bytes.len() as i32
    }

    fn path(&mut self, path: &str) -> i32 {
        self.put(PATH, path.as_bytes())
    }

    fn other_path(&mut self, path: &str) -> i32 {
        self.put(OTHER_PATH, path.as_bytes())
    }

    fn bytes(&self, at: i32, len: usize) -> &[u8] {
        &self.memory[at as usize..][..len]
    }

    fn u32(&self, at: i32) -> u32 {
        u32::from_le_bytes(self.bytes(at, 4).try_into().unwrap())
    }

    fn u64(&self, at: i32) -> u64 {
        u64::from_le_bytes(self.bytes(at, 8).try_into().unwrap())
    }

    fn try_open(&mut self, path: &str, dirflags: i32, oflags: i32, rights: i64, fdflags: i32) -> Result<i32, i32> {
        let len = self.path(path);
        match call!(self, path_open(DIR, dirflags, PATH, len, oflags, rights, ALL, fdflags, OUT)) {
            0 => Ok(self.u32(OUT) as i32),
            errno => Err(errno),
        }
    }

    fn open(&mut self, path: &str, oflags: i32) -> i32 {
        self.try_open(path, FOLLOW, oflags, ALL, 0).unwrap()
    }

    /// One buffer at `DATA`.
    fn iovec(&mut self, len: u32) -> i32 {
        self.put(IOVS, &(DATA as u32).to_le_bytes());
        self.put(IOVS + 4, &len.to_le_bytes());
        IOVS
    }

    fn write(&mut self, fd: i32, bytes: &[u8]) -> i32 {
        let len = self.put(DATA, bytes);
        let iovs = self.iovec(len as u32);
        call!(self, fd_write(fd, iovs, 1, OUT))
    }

    fn read(&mut self, fd: i32, len: u32) -> Vec<u8> {
        let iovs = self.iovec(len);
        ok!(self, fd_read(fd, iovs, 1, OUT));
        self.bytes(DATA, self.u32(OUT) as usize).to_vec()
    }

    fn rights(&mut self, fd: i32) -> (u64, u64) {
        ok!(self, fd_fdstat_get(fd, RECORD));
        (self.u64(RECORD + 8), self.u64(RECORD + 16))
    }
}

fn number(errno: Errno) -> i32 {
    errno as i32
}

// Every function, wild arguments.

/// Calls every function with arguments made by `next`, whatever they do.
fn call_all(guest: &mut Guest, snapshot: Snapshot, next: &mut dyn FnMut(&'static str) -> i64) -> usize {
    let mut count = 0;
    macro_rules! call_rows {
        ($([$($present:ident)+] $name:ident ($($argument:ident: $type:ident),*) -> $result:ident
            = $module:ident::$function:ident;)*) => {
            $(if [$(Snapshot::$present),+].contains(&snapshot) {
                count += 1;
                $(let $argument = next(stringify!($argument)) as $type;)*
                let memory = &mut GuestMemory::new(&mut guest.memory, snapshot);
                let errno = entry::$name(&mut guest.ctx, memory, $($argument),*);
                match errno {
                    Ok(errno) => assert!((0..=76).contains(&errno), "{}", stringify!($name)),
                    Err(exit) => assert!(stringify!($name).starts_with("proc_"), "{exit}"),
                }
            })*
        };
    }
    for_each_wasi_function!(call_rows);
    count
}

#[test]
fn every_function_survives_wild_pointers() {
    for (snapshot, count) in [(Snapshot::P0, 45), (Snapshot::P1, 46)] {
        assert_eq!(call_all(&mut Guest::new(), snapshot, &mut |_| -1), count);
        for wild in [0x7fff_ffff, 0x8000_0000, MEMORY_LEN as i64 - 1, MEMORY_LEN as i64 - 4, i64::MIN] {
            call_all(&mut Guest::new(), snapshot, &mut |_| wild);
        }
    }
}

#[test]
fn every_function_survives_wild_pointers_beside_good_descriptors() {
    for snapshot in [Snapshot::P0, Snapshot::P1] {
        for fd in [0, 1, 3] {
            let mut next = |name: &'static str| if name.ends_with("fd") { fd } else { 0xffff_ffff };
            call_all(&mut Guest::new(), snapshot, &mut next);
        }
    }
}

/// Arguments and memory from a small generator; a failure prints its seed.
#[test]
fn every_function_survives_random_arguments() {
    for seed in 1..300u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut guest = Guest::new();
        fs::write(guest.home("a"), "contents").unwrap();
        let choices = [0, 1, 2, 3, 4, 8, 24, 100, 65530, 65536, -1, i64::MAX, 0x1_0000_0001];
        let mut next = |name: &'static str| match (name, random()) {
            // Zeroed memory holds clocks that have struck; other memory could make the test wait.
            ("subscriptions", _) => 32768,
            ("path" | "old_path" | "new_path", _) => PATH.into(),
            ("path_len" | "old_path_len" | "new_path_len", bits) => (bits % 4) as i64,
            (_, bits) => choices[bits as usize % choices.len()],
        };
        guest.put(PATH, b"a/b");
        println!("seed {seed}");
        let snapshot = if seed % 2 == 0 { Snapshot::P0 } else { Snapshot::P1 };
        call_all(&mut guest, snapshot, &mut next);
        assert_eq!(fs::read(guest.secret("key")).unwrap(), b"key");
    }
}

mod descriptors;
mod paths;
