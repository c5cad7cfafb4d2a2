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
        entry::$name(&mut guest.ctx, &mut guest.memory, guest.snapshot, $($argument),*).unwrap()
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
                let errno = entry::$name(&mut guest.ctx, &mut guest.memory, snapshot, $($argument),*);
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

// Confinement.

/// Ways out of `home` that a guest may find or make there.
fn lay_traps(guest: &Guest) -> Vec<&'static str> {
    fs::create_dir(guest.home("dir")).unwrap();
    symlink("../secret", guest.home("up")).unwrap();
    symlink(guest.secret(""), guest.home("absolute")).unwrap();
    symlink("up", guest.home("twice")).unwrap();
    symlink("../../secret", guest.home("dir/up")).unwrap();
    vec![
        "../secret",
        "./../secret",
        "dir/../../secret",
        "dir/./..//../secret",
        "up",
        "absolute",
        "twice",
        "dir/up",
        "dir/../up",
    ]
}

#[test]
fn no_path_leads_out() {
    let mut guest = Guest::new();
    for way in lay_traps(&guest) {
        let file = format!("{way}/key");
        for path in [file.as_str(), &format!("{file}/"), &format!("{way}/new")] {
            assert_eq!(guest.try_open(path, FOLLOW, 0, 2, 0), Err(number(Errno::Perm)), "{path}");
            assert_eq!(guest.try_open(path, FOLLOW, CREAT, ALL, 0), Err(number(Errno::Perm)), "{path}");
            let len = guest.path(path);
            fails!(Perm, &mut guest, path_filestat_get(DIR, FOLLOW, PATH, len, RECORD));
            fails!(Perm, &mut guest, path_filestat_get(DIR, 0, PATH, len, RECORD));
            fails!(Perm, &mut guest, path_filestat_set_times(DIR, FOLLOW, PATH, len, 1, 1, 5));
            fails!(Perm, &mut guest, path_filestat_set_times(DIR, 0, PATH, len, 1, 1, 5));
            fails!(Perm, &mut guest, path_create_directory(DIR, PATH, len));
            fails!(Perm, &mut guest, path_unlink_file(DIR, PATH, len));
            fails!(Perm, &mut guest, path_remove_directory(DIR, PATH, len));
            fails!(Perm, &mut guest, path_readlink(DIR, PATH, len, DATA, 99, OUT));
        }
        assert_eq!(guest.try_open(way, FOLLOW, DIRECTORY, 0, 0), Err(number(Errno::Perm)), "{way}");
    }
    assert_eq!(fs::read(guest.secret("key")).unwrap(), b"key");
    assert_eq!(fs::read_dir(guest.secret("")).unwrap().count(), 1);
}

#[test]
fn renames_and_links_are_confined_at_both_ends() {
    let mut guest = Guest::new();
    fs::write(guest.home("mine"), "mine").unwrap();
    for way in lay_traps(&guest) {
        for (from, to) in [("mine".to_owned(), format!("{way}/new")), (format!("{way}/key"), "new".to_owned())] {
            let from = guest.path(&from);
            let to = guest.other_path(&to);
            fails!(Perm, &mut guest, path_rename(DIR, PATH, from, DIR, OTHER_PATH, to));
            fails!(Perm, &mut guest, path_link(DIR, 0, PATH, from, DIR, OTHER_PATH, to));
        }
        let target = guest.path("anything");
        let to = guest.other_path(&format!("{way}/new"));
        fails!(Perm, &mut guest, path_symlink(PATH, target, DIR, OTHER_PATH, to));
    }
    assert!(guest.home("mine").exists() && !guest.home("new").exists());
    assert_eq!(fs::read_dir(guest.secret("")).unwrap().count(), 1);
}

#[test]
fn absolute_paths_are_refused_in_paths_and_links() {
    let mut guest = Guest::new();
    symlink("/etc/hostname", guest.home("absolute")).unwrap();
    for path in ["/", "//", "/etc/hostname", "absolute"] {
        assert_eq!(guest.try_open(path, FOLLOW, 0, 2, 0), Err(number(Errno::Perm)), "{path}");
    }
    let (old, new) = (guest.path("/etc/hostname"), guest.other_path("mine"));
    fails!(Perm, &mut guest, path_symlink(PATH, old, DIR, OTHER_PATH, new));
    let len = guest.path("absolute");
    fails!(Perm, &mut guest, path_readlink(DIR, PATH, len, DATA, 99, OUT));
}

#[test]
fn a_link_that_points_out_can_be_made_and_removed_but_not_followed() {
    let mut guest = Guest::new();
    let (old, new) = (guest.path("../secret/key"), guest.other_path("link"));
    ok!(&mut guest, path_symlink(PATH, old, DIR, OTHER_PATH, new));
    assert_eq!(guest.try_open("link", FOLLOW, 0, 2, 0), Err(number(Errno::Perm)));
    assert_eq!(guest.try_open("link", 0, 0, 2, 0), Err(number(Errno::Loop)));
    assert_eq!(guest.try_open("link", FOLLOW, TRUNC, ALL, 0), Err(number(Errno::Perm)));
    ok!(&mut guest, path_unlink_file(DIR, OTHER_PATH, new));
    assert_eq!(fs::read(guest.secret("key")).unwrap(), b"key");
}

#[test]
fn an_opened_directory_is_no_way_up() {
    let mut guest = Guest::new();
    fs::create_dir(guest.home("sub")).unwrap();
    fs::write(guest.home("file"), "").unwrap();
    let sub = guest.open("sub", DIRECTORY);
    let len = guest.path("../file");
    fails!(Perm, &mut guest, path_open(sub, FOLLOW, PATH, len, 0, 2, 0, 0, OUT));
    let len = guest.path("..");
    fails!(Perm, &mut guest, path_open(sub, FOLLOW, PATH, len, DIRECTORY, 0, 0, 0, OUT));
    assert!(guest.try_open("sub/../file", FOLLOW, 0, 2, 0).is_ok());
}

#[test]
fn final_slashes_ask_for_directories() {
    let mut guest = Guest::new();
    fs::write(guest.home("file"), "").unwrap();
    fs::create_dir(guest.home("dir")).unwrap();
    fs::create_dir(guest.home("other")).unwrap();
    symlink("dir", guest.home("link")).unwrap();
    assert_eq!(guest.try_open("file/", FOLLOW, 0, 2, 0), Err(number(Errno::Notdir)));
    assert!(guest.try_open("dir//", FOLLOW, 0, 2, 0).is_ok());
    let file = guest.path("file/");
    fails!(Notdir, &mut guest, path_unlink_file(DIR, PATH, file));
    fails!(Notdir, &mut guest, path_remove_directory(DIR, PATH, file));
    fails!(Notdir, &mut guest, path_filestat_get(DIR, 0, PATH, file, RECORD));
    let (file, new) = (guest.path("file"), guest.other_path("new/"));
    fails!(Notdir, &mut guest, path_rename(DIR, PATH, file, DIR, OTHER_PATH, new));
    fails!(Noent, &mut guest, path_link(DIR, 0, PATH, file, DIR, OTHER_PATH, new));
    fails!(Noent, &mut guest, path_symlink(PATH, file, DIR, OTHER_PATH, new));
    let dir = guest.path("dir/");
    fails!(Isdir, &mut guest, path_unlink_file(DIR, PATH, dir));
    ok!(&mut guest, path_rename(DIR, PATH, dir, DIR, OTHER_PATH, new));
    ok!(&mut guest, path_remove_directory(DIR, OTHER_PATH, new));
    let other = guest.path("other///");
    ok!(&mut guest, path_remove_directory(DIR, PATH, other));
    ok!(&mut guest, path_create_directory(DIR, PATH, other));
    let link = guest.path("link/");
    fails!(Noent, &mut guest, path_filestat_get(DIR, 0, PATH, link, RECORD));
}

#[test]
fn odd_paths_are_errors() {
    let mut guest = Guest::new();
    assert_eq!(guest.try_open("", FOLLOW, 0, 2, 0), Err(number(Errno::Noent)));
    assert_eq!(guest.try_open("a\0b", FOLLOW, CREAT, 2, 0), Err(number(Errno::Inval)));
    assert_eq!(guest.try_open(&"a".repeat(1025), FOLLOW, CREAT, 2, 0), Err(number(Errno::Nametoolong)));
    symlink("loop", guest.home("loop")).unwrap();
    assert_eq!(guest.try_open("loop", FOLLOW, 0, 2, 0), Err(number(Errno::Loop)));
    let len = guest.put(PATH, b"caf\xe9");
    ok!(&mut guest, path_create_directory(DIR, PATH, len));
}

// Rights.

#[test]
fn rights_never_grow() {
    let mut guest = Guest::new();
    fs::create_dir(guest.home("sub")).unwrap();
    let (base, inheriting) = guest.rights(DIR);
    fails!(Notcapable, &mut guest, fd_fdstat_set_rights(DIR, ALL, inheriting as i64));
    let kept = inheriting & !(Rights::FD_WRITE.bits() | Rights::PATH_UNLINK_FILE.bits());
    ok!(&mut guest, fd_fdstat_set_rights(DIR, base as i64, kept as i64));
    assert_eq!(guest.try_open("new", FOLLOW, CREAT, ALL, 0), Err(number(Errno::Notcapable)));
    let sub = guest.try_open("sub", FOLLOW, DIRECTORY, ALL & !64, 0).unwrap();
    let (sub_base, sub_inheriting) = guest.rights(sub);
    assert_eq!(sub_base & !kept, 0);
    assert_eq!(sub_inheriting & !kept, 0);
    let len = guest.path("anything");
    fails!(Notcapable, &mut guest, path_unlink_file(sub, PATH, len));
    fails!(Notcapable, &mut guest, fd_fdstat_set_rights(sub, base as i64, 0));
}

#[test]
fn a_descriptor_has_no_right_that_was_not_asked_for() {
    let mut guest = Guest::new();
    let file = guest.try_open("file", FOLLOW, CREAT, Rights::FD_READ.bits() as i64, 0).unwrap();
    assert_eq!(guest.rights(file), (Rights::FD_READ.bits(), 0));
    assert_eq!(guest.write(file, b"x"), number(Errno::Badf));
    fails!(Notcapable, &mut guest, fd_filestat_get(file, RECORD));
    fails!(Notcapable, &mut guest, fd_seek(file, 0, 0, OUT));
    fails!(Notcapable, &mut guest, fd_filestat_set_size(file, 0));
}

#[test]
fn making_and_truncating_need_rights_of_the_directory_alone() {
    let mut guest = Guest::new();
    fs::write(guest.home("file"), "contents").unwrap();
    assert!(guest.try_open("file", 0, TRUNC, 0, 0).is_ok());
    assert_eq!(fs::read(guest.home("file")).unwrap(), b"");
    assert!(guest.try_open("new", 0, CREAT | EXCL, 0, 0).is_ok());
    let (base, inheriting) = guest.rights(DIR);
    let without = Rights::PATH_FILESTAT_SET_SIZE.or(Rights::PATH_CREATE_FILE).bits();
    ok!(&mut guest, fd_fdstat_set_rights(DIR, (base & !without) as i64, inheriting as i64));
    assert_eq!(guest.try_open("file", 0, TRUNC, 0, 0), Err(number(Errno::Notcapable)));
    assert_eq!(guest.try_open("newer", 0, CREAT, 0, 0), Err(number(Errno::Notcapable)));
}

// Opening.

#[test]
fn opening_says_what_is_wrong() {
    let mut guest = Guest::new();
    fs::write(guest.home("file"), "").unwrap();
    fs::create_dir(guest.home("dir")).unwrap();
    symlink("file", guest.home("link")).unwrap();
    let cases = [
        ("file", DIRECTORY, 0, Errno::Notdir),
        ("file", CREAT | EXCL, 2, Errno::Exist),
        ("none", 0, 2, Errno::Noent),
        ("none/file", CREAT, 2, Errno::Noent),
        ("file/file", CREAT, 2, Errno::Notdir),
        ("dir", 0, ALL, Errno::Isdir),
        ("dir", TRUNC, 0, Errno::Isdir),
        ("dir", DIRECTORY | CREAT, 0, Errno::Inval),
        ("file", 16, 0, Errno::Inval),
    ];
    for (path, oflags, rights, errno) in cases {
        assert_eq!(guest.try_open(path, FOLLOW, oflags, rights, 0), Err(number(errno)), "{path} {oflags}");
    }
    assert_eq!(guest.try_open("link", 0, 0, 2, 0), Err(number(Errno::Loop)));
    assert!(guest.try_open("link", FOLLOW, 0, 2, 0).is_ok());
    assert_eq!(guest.try_open("file", FOLLOW, 0, 2, 32), Err(number(Errno::Inval)));
    assert_eq!(guest.try_open("file", 2, 0, 2, 0), Err(number(Errno::Inval)));
    let len = guest.path("file");
    fails!(Notdir, &mut guest, path_open(0, 0, PATH, len, 0, 0, 0, 0, OUT));
    fails!(Badf, &mut guest, path_open(99, 0, PATH, len, 0, 0, 0, 0, OUT));
}

#[test]
fn links_to_directories_are_followed_when_asked() {
    let mut guest = Guest::new();
    fs::create_dir_all(guest.home("dir/sub")).unwrap();
    fs::write(guest.home("dir/sub/file"), "").unwrap();
    symlink("dir", guest.home("link")).unwrap();
    symlink("../link/sub", guest.home("dir/back")).unwrap();
    for path in ["link", "link/", "dir/back", "link/back/../back", "link/sub/."] {
        assert!(guest.try_open(path, FOLLOW, DIRECTORY, 0, 0).is_ok(), "{path}");
        assert!(guest.try_open(path, FOLLOW, 0, 2, 0).is_ok(), "{path}");
    }
    assert!(guest.try_open("dir/back/file", 0, 0, ALL, 0).is_ok());
    assert!(guest.try_open("dir/back", 0, 0, 2, 0).is_err());
    assert!(guest.try_open("dir/back", 0, DIRECTORY, 2, 0).is_err());
}

#[test]
fn a_bad_result_pointer_leaves_nothing_half_done() {
    let mut guest = Guest::new();
    let len = guest.path("new");
    fails!(Fault, &mut guest, path_open(DIR, 0, PATH, len, CREAT, ALL, 0, 0, -2));
    assert!(!guest.home("new").exists());
    let input = Stdio::Input(b"kept".to_vec());
    guest.ctx.stdin(input);
    let iovs = guest.iovec(4);
    fails!(Fault, &mut guest, fd_read(0, iovs, 1, -2));
    assert_eq!(guest.read(0, 9), b"kept");
}

#[test]
fn a_directory_opens_without_the_directory_flag_too() {
    let mut guest = Guest::new();
    let fd = guest.try_open(".", FOLLOW, 0, ALL & !64, 0).unwrap();
    ok!(&mut guest, fd_fdstat_get(fd, RECORD));
    assert_eq!(guest.memory[RECORD as usize], 3);
    let iovs = guest.iovec(4);
    fails!(Isdir, &mut guest, fd_read(fd, iovs, 1, OUT));
    fails!(Badf, &mut guest, fd_write(fd, iovs, 1, OUT));
    fails!(Badf, &mut guest, fd_seek(fd, 0, 0, OUT));
    fails!(Badf, &mut guest, fd_tell(fd, OUT));
    fails!(Badf, &mut guest, fd_allocate(fd, 0, 1));
    fails!(Badf, &mut guest, fd_filestat_set_size(fd, 0));
    ok!(&mut guest, fd_sync(fd));
    ok!(&mut guest, fd_filestat_set_times(DIR, 7_000_000_000, 0, 1));
    ok!(&mut guest, fd_filestat_get(DIR, RECORD));
    assert_eq!(guest.u64(RECORD + 40), 7_000_000_000);
}

#[test]
fn descriptors_are_limited() {
    let mut guest = Guest::new();
    guest.ctx.limits(Limits { descriptors: 6, ..Limits::DEFAULT });
    let first = guest.open("file", CREAT);
    guest.open("file", 0);
    assert_eq!(guest.try_open("other", FOLLOW, CREAT, ALL, 0), Err(number(Errno::Mfile)));
    assert!(!guest.home("other").exists());
    ok!(&mut guest, fd_close(first));
    assert_eq!(guest.open("file", 0), first);
    assert_eq!(Limits { descriptors: u32::MAX, ..Limits::DEFAULT }.capped().descriptors, 1024);
}

// Files.

#[test]
fn transfers_at_an_offset_leave_the_offset() {
    let mut guest = Guest::new();
    let file = guest.open("file", CREAT);
    assert_eq!(guest.write(file, b"0123456789"), 0);
    let len = guest.put(DATA, b"ab");
    let iovs = guest.iovec(len as u32);
    ok!(&mut guest, fd_pwrite(file, iovs, 1, 4, OUT));
    ok!(&mut guest, fd_pread(file, iovs, 1, 3, OUT));
    assert_eq!(guest.bytes(DATA, 2), b"3a");
    ok!(&mut guest, fd_tell(file, RECORD));
    assert_eq!(guest.u64(RECORD), 10);
    assert_eq!(fs::read(guest.home("file")).unwrap(), b"0123ab6789");
    fails!(Inval, &mut guest, fd_pread(file, iovs, 1, -1, OUT));
}

#[test]
fn seek_origins_are_those_of_the_snapshot() {
    let mut guest = Guest::new();
    let file = guest.open("file", CREAT);
    assert_eq!(guest.write(file, b"0123456789"), 0);
    for (snapshot, set, cur, end) in [(Snapshot::P1, 0, 1, 2), (Snapshot::P0, 2, 0, 1)] {
        guest.snapshot = snapshot;
        let mut seek = |offset, whence| {
            ok!(&mut guest, fd_seek(file, offset, whence, RECORD));
            guest.u64(RECORD)
        };
        assert_eq!(seek(2, set), 2);
        assert_eq!(seek(3, cur), 5);
        assert_eq!(seek(-1, end), 9);
        assert_eq!(seek(0, cur), 9);
        fails!(Inval, &mut guest, fd_seek(file, -1, set, RECORD));
        fails!(Inval, &mut guest, fd_seek(file, -11, end, RECORD));
        fails!(Inval, &mut guest, fd_seek(file, 0, 3, RECORD));
    }
}

#[test]
fn filestat_has_the_layout_of_the_snapshot() {
    let mut guest = Guest::new();
    fs::write(guest.home("file"), "12345").unwrap();
    fs::hard_link(guest.home("file"), guest.home("other")).unwrap();
    let len = guest.path("file");
    ok!(&mut guest, path_filestat_set_times(DIR, FOLLOW, PATH, len, 11, 12_000_000_013, 5));
    let file = guest.open("file", 0);
    for (snapshot, size_of, nlink_at, size_at) in [(Snapshot::P1, 64, 24, 32), (Snapshot::P0, 56, 20, 24)] {
        guest.snapshot = snapshot;
        guest.memory[RECORD as usize..][..72].fill(0xaa);
        ok!(&mut guest, path_filestat_get(DIR, 0, PATH, len, RECORD));
        let by_path = guest.bytes(RECORD, 72).to_vec();
        ok!(&mut guest, fd_filestat_get(file, RECORD));
        assert_eq!(guest.bytes(RECORD, 72), by_path);
        assert_eq!(by_path[16], 4);
        assert_eq!(guest.u32(RECORD + nlink_at), 2);
        assert_eq!(guest.u64(RECORD + size_at), 5);
        assert_eq!(guest.u64(RECORD + size_at + 8), 11);
        assert_eq!(guest.u64(RECORD + size_at + 16), 12_000_000_013);
        assert!(by_path[size_of..].iter().all(|byte| *byte == 0xaa), "{size_of}");
    }
}

#[test]
fn times_are_set_or_kept_as_asked() {
    let mut guest = Guest::new();
    let file = guest.open("file", CREAT);
    ok!(&mut guest, fd_filestat_set_times(file, 1_000, 2_000, 5));
    ok!(&mut guest, fd_filestat_set_times(file, 0, 3_000, 4));
    ok!(&mut guest, fd_filestat_get(file, RECORD));
    assert_eq!((guest.u64(RECORD + 40), guest.u64(RECORD + 48)), (1_000, 3_000));
    ok!(&mut guest, fd_filestat_set_times(file, 0, 0, 10));
    ok!(&mut guest, fd_filestat_get(file, RECORD));
    assert!(guest.u64(RECORD + 40) > 1_500_000_000_000_000_000);
    fails!(Inval, &mut guest, fd_filestat_set_times(file, 0, 0, 3));
    fails!(Inval, &mut guest, fd_filestat_set_times(file, 0, 0, 12));
    fails!(Inval, &mut guest, fd_filestat_set_times(file, 0, 0, 16));
    symlink("file", guest.home("link")).unwrap();
    let len = guest.path("link");
    ok!(&mut guest, path_filestat_set_times(DIR, 0, PATH, len, 5_000, 6_000, 5));
    ok!(&mut guest, path_filestat_get(DIR, 0, PATH, len, RECORD));
    assert_eq!((guest.memory[RECORD as usize + 16], guest.u64(RECORD + 48)), (7, 6_000));
}

#[test]
fn append_can_be_switched_on_an_open_file() {
    let mut guest = Guest::new();
    let file = guest.try_open("file", FOLLOW, CREAT, ALL, 1).unwrap();
    assert_eq!(guest.write(file, b"one"), 0);
    ok!(&mut guest, fd_seek(file, 0, 0, OUT));
    assert_eq!(guest.write(file, b"two"), 0);
    ok!(&mut guest, fd_fdstat_get(file, RECORD));
    assert_eq!(guest.memory[RECORD as usize + 2], 1);
    ok!(&mut guest, fd_fdstat_set_flags(file, 0));
    ok!(&mut guest, fd_seek(file, 0, 0, OUT));
    assert_eq!(guest.write(file, b"ONE"), 0);
    assert_eq!(fs::read(guest.home("file")).unwrap(), b"ONEtwo");
    ok!(&mut guest, fd_fdstat_set_flags(file, 5));
    fails!(Notsup, &mut guest, fd_fdstat_set_flags(file, 16));
    fails!(Inval, &mut guest, fd_fdstat_set_flags(file, 32));
}

#[test]
fn append_and_truncate_go_together_and_reading_may_create() {
    let mut guest = Guest::new();
    fs::write(guest.home("file"), "old").unwrap();
    let file = guest.try_open("file", FOLLOW, CREAT | TRUNC, ALL, 1).unwrap();
    assert_eq!(guest.write(file, b"new"), 0);
    assert_eq!(fs::read(guest.home("file")).unwrap(), b"new");
    assert!(guest.try_open("empty", FOLLOW, CREAT, 2, 0).is_ok());
    assert!(guest.home("empty").exists());
}

#[test]
fn files_grow_and_shrink() {
    let mut guest = Guest::new();
    let file = guest.open("file", CREAT);
    let size = |guest: &Guest| fs::metadata(guest.home("file")).unwrap().len();
    ok!(&mut guest, fd_allocate(file, 0, 100));
    ok!(&mut guest, fd_allocate(file, 10, 10));
    assert_eq!(size(&guest), 100);
    ok!(&mut guest, fd_allocate(file, 90, 20));
    assert_eq!(size(&guest), 110);
    ok!(&mut guest, fd_filestat_set_size(file, 7));
    assert_eq!(size(&guest), 7);
    fails!(Inval, &mut guest, fd_allocate(file, 0, 0));
    fails!(Inval, &mut guest, fd_allocate(file, -1, 2));
    fails!(Inval, &mut guest, fd_filestat_set_size(file, -1));
    ok!(&mut guest, fd_advise(file, 0, 0, 3));
    fails!(Inval, &mut guest, fd_advise(file, 0, 0, 6));
    ok!(&mut guest, fd_sync(file));
    ok!(&mut guest, fd_datasync(file));
}

#[test]
fn vectors_are_transferred_in_order() {
    let mut guest = Guest::new();
    let file = guest.open("file", CREAT);
    guest.put(DATA, b"worldhello ");
    let buffers = [(DATA + 5, 6u32), (0, 0), (DATA, 5)];
    for (index, (at, len)) in buffers.into_iter().enumerate() {
        guest.put(IOVS + 8 * index as i32, &at.to_le_bytes());
        guest.put(IOVS + 8 * index as i32 + 4, &len.to_le_bytes());
    }
    ok!(&mut guest, fd_write(file, IOVS, 3, OUT));
    assert_eq!(guest.u32(OUT), 11);
    guest.memory[DATA as usize..][..16].fill(0);
    ok!(&mut guest, fd_pread(file, IOVS, 3, 0, OUT));
    assert_eq!(guest.bytes(DATA, 11), b"worldhello ");
}

#[test]
fn links_are_made_and_read() {
    let mut guest = Guest::new();
    fs::write(guest.home("file"), "x").unwrap();
    let (old, new) = (guest.path("file"), guest.other_path("link"));
    ok!(&mut guest, path_symlink(PATH, old, DIR, OTHER_PATH, new));
    ok!(&mut guest, path_readlink(DIR, OTHER_PATH, new, DATA, 99, OUT));
    assert_eq!((guest.u32(OUT), guest.bytes(DATA, 4)), (4, &b"file"[..]));
    ok!(&mut guest, path_readlink(DIR, OTHER_PATH, new, DATA, 2, OUT));
    assert_eq!(guest.u32(OUT), 2);
    fails!(Inval, &mut guest, path_readlink(DIR, PATH, old, DATA, 9, OUT));
    fails!(Inval, &mut guest, path_link(DIR, 1, OTHER_PATH, new, DIR, PATH, old));
    let third = guest.put(DATA, b"third");
    ok!(&mut guest, path_link(DIR, 0, PATH, old, DIR, DATA, third));
    fails!(Exist, &mut guest, path_link(DIR, 0, PATH, old, DIR, DATA, third));
    assert_eq!(fs::read(guest.home("third")).unwrap(), b"x");
}

#[test]
fn renames_work_within_and_between_directories() {
    let mut guest = Guest::new();
    let shared = tempfile::tempdir().unwrap();
    guest.ctx.preopen_dir(shared.path(), "/share").unwrap();
    fs::write(guest.home("file"), "x").unwrap();
    fs::write(guest.home("old"), "old").unwrap();
    let (from, to) = (guest.path("file"), guest.other_path("old"));
    ok!(&mut guest, path_rename(DIR, PATH, from, DIR, OTHER_PATH, to));
    ok!(&mut guest, path_rename(DIR, OTHER_PATH, to, DIR + 1, PATH, from));
    assert_eq!(fs::read(shared.path().join("file")).unwrap(), b"x");
    fails!(Noent, &mut guest, path_rename(DIR, PATH, from, DIR, OTHER_PATH, to));
}

// Directory listings.

struct Entry {
    next: u64,
    ino: u64,
    filetype: u8,
    name: String,
}

/// The whole entries of a buffer that `fd_readdir` filled.
fn entries(mut buffer: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    while buffer.len() >= 24 {
        let (head, rest) = buffer.split_at(24);
        let len = u32::from_le_bytes(head[16..20].try_into().unwrap()) as usize;
        let Some((name, after)) = rest.split_at_checked(len) else { break };
        entries.push(Entry {
            next: u64::from_le_bytes(head[..8].try_into().unwrap()),
            ino: u64::from_le_bytes(head[8..16].try_into().unwrap()),
            filetype: head[20],
            name: String::from_utf8(name.to_vec()).unwrap(),
        });
        buffer = after;
    }
    entries
}

/// Reads a listing as wasi-libc does, with a buffer of `len` bytes.
fn list(guest: &mut Guest, fd: i32, len: i32) -> Vec<Entry> {
    let (mut all, mut cookie) = (Vec::new(), 0);
    loop {
        ok!(guest, fd_readdir(fd, DATA, len, cookie, OUT));
        let used = guest.u32(OUT) as i32;
        let part = entries(guest.bytes(DATA, used as usize));
        cookie = part.last().map_or(cookie, |entry| entry.next as i64);
        all.extend(part);
        if used < len {
            return all;
        }
    }
}

#[test]
fn listings_are_whole_whatever_the_buffer() {
    let mut guest = Guest::new();
    for index in 0..300 {
        fs::write(guest.home(&format!("file-{index}")), "").unwrap();
    }
    fs::create_dir(guest.home("dir")).unwrap();
    let mut expected: Vec<String> = (0..300).map(|index| format!("file-{index}")).collect();
    expected.extend([".".into(), "..".into(), "dir".into()]);
    expected.sort();
    for len in [40, 64, 100, 4096, 32768] {
        let mut names: Vec<String> = list(&mut guest, DIR, len).into_iter().map(|entry| entry.name).collect();
        names.sort();
        assert_eq!(names, expected, "{len}");
    }
}

#[test]
fn entries_removed_while_listing_do_not_hide_others() {
    let mut guest = Guest::new();
    (0..200).for_each(|index| fs::write(guest.home(&format!("file-{index}")), "").unwrap());
    let (mut seen, mut cookie) = (0, 0);
    loop {
        ok!(&mut guest, fd_readdir(DIR, DATA, 512, cookie, OUT));
        let used = guest.u32(OUT) as usize;
        let part = entries(guest.bytes(DATA, used));
        cookie = part.last().map_or(cookie, |entry| entry.next as i64);
        for entry in part.iter().filter(|entry| entry.filetype == 4) {
            fs::remove_file(guest.home(&entry.name)).unwrap();
            seen += 1;
        }
        if used < 512 {
            break;
        }
    }
    assert_eq!(seen, 200);
}

#[test]
fn entries_have_inodes_and_types_but_not_the_parents() {
    let mut guest = Guest::new();
    fs::write(guest.home("file"), "").unwrap();
    symlink("file", guest.home("link")).unwrap();
    ok!(&mut guest, fd_filestat_get(DIR, RECORD));
    let own = guest.u64(RECORD + 8);
    let file = guest.open("file", 0);
    ok!(&mut guest, fd_filestat_get(file, RECORD));
    let file = guest.u64(RECORD + 8);
    let all = list(&mut guest, DIR, 4096);
    let find = |name: &str| {
        let entry = all.iter().find(|entry| entry.name == name).unwrap();
        (entry.ino, entry.filetype)
    };
    assert_eq!(find("."), (own, 3));
    assert_eq!(find(".."), (own, 3));
    assert_eq!(find("file"), (file, 4));
    assert_eq!(find("link").1, 7);
}

#[test]
fn a_cookie_continues_after_its_entry_and_short_buffers_are_filled() {
    let mut guest = Guest::new();
    for name in ["a", "b", "c"] {
        fs::write(guest.home(name), "").unwrap();
    }
    let all = list(&mut guest, DIR, 4096);
    for (index, entry) in all.iter().enumerate() {
        ok!(&mut guest, fd_readdir(DIR, DATA, 4096, entry.next as i64, OUT));
        let rest = entries(guest.bytes(DATA, guest.u32(OUT) as usize));
        let names = |entries: &[Entry]| entries.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&rest), names(&all[index + 1..]));
    }
    for len in [0, 1, 24, 25] {
        ok!(&mut guest, fd_readdir(DIR, DATA, len, 0, OUT));
        assert_eq!(guest.u32(OUT), len as u32);
    }
    // A position beyond the end; and one that fits the `long` of a 32-bit guest, which telldir returns.
    ok!(&mut guest, fd_readdir(DIR, DATA, 4096, -1, OUT));
    assert_eq!(guest.u32(OUT), 0);
    assert!(all.iter().all(|entry| entry.next < 1 << 31));
    fails!(Fault, &mut guest, fd_readdir(DIR, DATA, -1, 0, OUT));
    let file = guest.open("a", 0);
    fails!(Notdir, &mut guest, fd_readdir(file, DATA, 4096, 0, OUT));
}

// Descriptors and what was given at the start.

#[test]
fn preopens_are_listed_until_badf() {
    let mut guest = Guest::new();
    let other = tempfile::tempdir().unwrap();
    guest.ctx.preopen_dir(other.path(), "/share").unwrap();
    ok!(&mut guest, fd_prestat_get(4, RECORD));
    assert_eq!((guest.u32(RECORD), guest.u32(RECORD + 4)), (0, 6));
    ok!(&mut guest, fd_prestat_dir_name(4, DATA, 6));
    assert_eq!(guest.bytes(DATA, 7), b"/share\0");
    ok!(&mut guest, fd_prestat_dir_name(4, DATA, 7));
    fails!(Nametoolong, &mut guest, fd_prestat_dir_name(4, DATA, 5));
    fails!(Badf, &mut guest, fd_prestat_get(5, RECORD));
    fails!(Badf, &mut guest, fd_prestat_get(0, RECORD));
    let opened = guest.open(".", DIRECTORY);
    fails!(Badf, &mut guest, fd_prestat_get(opened, RECORD));
}

#[test]
fn only_directories_can_be_granted_as_such() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut ctx = WasiCtx::new();
    assert_eq!(ctx.preopen_dir(file.path(), "/").unwrap_err().raw_os_error(), Some(20));
    let error = ctx.preopen_dir(Path::new("/nowhere/at/all"), "/").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn renumbering_closes_the_target_and_frees_the_source() {
    let mut guest = Guest::new();
    let one = guest.open("one", CREAT);
    let two = guest.open("two", CREAT);
    ok!(&mut guest, fd_renumber(one, two));
    fails!(Badf, &mut guest, fd_close(one));
    assert_eq!(guest.write(two, b"1"), 0);
    assert_eq!(fs::read(guest.home("one")).unwrap(), b"1");
    fails!(Badf, &mut guest, fd_renumber(two, one));
    fails!(Badf, &mut guest, fd_renumber(one, two));
    ok!(&mut guest, fd_renumber(two, two));
    ok!(&mut guest, fd_close(two));
    fails!(Badf, &mut guest, fd_close(two));
}

#[test]
fn arguments_and_variables_arrive() {
    let mut guest = Guest::new();
    guest.ctx.arg("prog").arg("-x").env("KEY", "value");
    ok!(&mut guest, args_sizes_get(OUT, OUT + 4));
    assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (2, 8));
    ok!(&mut guest, args_get(RECORD, DATA));
    assert_eq!(guest.bytes(DATA, 8), b"prog\0-x\0");
    assert_eq!((guest.u32(RECORD), guest.u32(RECORD + 4)), (DATA as u32, DATA as u32 + 5));
    ok!(&mut guest, environ_sizes_get(OUT, OUT + 4));
    assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (1, 10));
    ok!(&mut guest, environ_get(RECORD, DATA));
    assert_eq!(guest.bytes(DATA, 10), b"KEY=value\0");
}

#[test]
fn an_empty_environment_is_no_error() {
    let mut guest = Guest::new();
    ok!(&mut guest, environ_sizes_get(OUT, OUT + 4));
    ok!(&mut guest, environ_get(RECORD, DATA));
    assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (0, 0));
}

#[test]
fn clocks_and_randomness_are_there() {
    let mut guest = Guest::new();
    for id in 0..4 {
        ok!(&mut guest, clock_res_get(id, RECORD));
        assert!((1..=1_000_000_000).contains(&guest.u64(RECORD)));
        ok!(&mut guest, clock_time_get(id, 0, RECORD));
        assert!(guest.u64(RECORD) > 0);
    }
    fails!(Inval, &mut guest, clock_time_get(4, 0, RECORD));
    ok!(&mut guest, random_get(DATA, 40000));
    assert!(guest.bytes(DATA, 40000).chunks(40).all(|chunk| chunk.iter().any(|byte| *byte != 0)));
    assert_eq!(guest.memory[DATA as usize + 40000..], [0; MEMORY_LEN - DATA as usize - 40000]);
}

// Streams.

#[test]
fn streams_in_memory_are_read_and_captured() {
    let mut guest = Guest::new();
    let (out, err) = (OutputBuffer::new(), OutputBuffer::new());
    guest.ctx.stdin(Stdio::Input(b"question".to_vec()));
    guest.ctx.stdout(Stdio::Output(out.clone())).stderr(Stdio::Output(err.clone()));
    assert_eq!(guest.read(0, 5), b"quest");
    assert_eq!(guest.read(0, 99), b"ion");
    assert_eq!(guest.read(0, 99), b"");
    assert_eq!(guest.write(1, b"answer"), 0);
    assert_eq!(guest.write(2, b"oops"), 0);
    assert_eq!((out.take(), err.contents()), (b"answer".to_vec(), b"oops".to_vec()));
    assert_eq!(guest.write(0, b"x"), number(Errno::Badf));
    fails!(Spipe, &mut guest, fd_seek(1, 0, 1, OUT));
    ok!(&mut guest, fd_filestat_get(1, RECORD));
    ok!(&mut guest, fd_close(1));
    assert_eq!(guest.write(1, b"x"), number(Errno::Badf));
}

#[test]
fn a_pipe_cannot_seek_and_is_no_terminal() {
    let mut guest = Guest::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    guest.ctx.stdin(Stdio::File(std::os::fd::OwnedFd::from(reader).into()));
    fails!(Spipe, &mut guest, fd_seek(0, 0, 0, OUT));
    fails!(Spipe, &mut guest, fd_seek(0, 0, 1, OUT));
    fails!(Spipe, &mut guest, fd_tell(0, OUT));
    let iovs = guest.iovec(4);
    fails!(Spipe, &mut guest, fd_pread(0, iovs, 1, 0, OUT));
    ok!(&mut guest, fd_fdstat_get(0, RECORD));
    assert_eq!(guest.memory[RECORD as usize], 0);
    ok!(&mut guest, fd_fdstat_set_flags(0, 4));
    fails!(Again, &mut guest, fd_read(0, iovs, 1, OUT));
    writer.write_all(b"abc").unwrap();
    assert_eq!(guest.read(0, 9), b"abc");
    drop(writer);
    assert_eq!(guest.read(0, 9), b"");
}

#[test]
fn a_stream_of_the_host_is_not_changed_by_the_guest() {
    let mut guest = Guest::new();
    guest.ctx.stdout(Stdio::Inherit);
    let before = rustix::fs::fcntl_getfl(rustix::stdio::stdout()).unwrap();
    ok!(&mut guest, fd_fdstat_set_flags(1, 4));
    ok!(&mut guest, fd_fdstat_get(1, RECORD));
    assert_eq!(guest.memory[RECORD as usize + 2] & 4, 4);
    assert_eq!(rustix::fs::fcntl_getfl(rustix::stdio::stdout()).unwrap(), before);
    ok!(&mut guest, fd_close(1));
    assert!(rustix::fs::fcntl_getfl(rustix::stdio::stdout()).is_ok());
}

#[test]
fn a_redirected_stream_keeps_its_offset() {
    let mut guest = Guest::new();
    fs::write(guest.home("input"), "0123").unwrap();
    let file = fs::File::open(guest.home("input")).unwrap();
    guest.ctx.stdin(Stdio::File(file));
    ok!(&mut guest, fd_seek(0, 2, 0, OUT));
    assert_eq!(guest.read(0, 9), b"23");
    ok!(&mut guest, fd_fdstat_get(0, RECORD));
    assert_eq!(guest.memory[RECORD as usize], 4);
    // wasi-libc's isatty: a character device without these rights. /dev/null has them.
    guest.ctx.stdin(Stdio::File(fs::File::open("/dev/null").unwrap()));
    let (base, _) = guest.rights(0);
    assert_eq!(guest.memory[RECORD as usize], 2);
    assert_eq!(base & 0x24, 0x24);
}

// Waiting.

struct Sub(u64, u8, u32, u64, u16);

/// Stores subscriptions at `DATA`: userdata, type, clock or descriptor, timeout, flags.
fn subscribe(guest: &mut Guest, subscriptions: &[Sub]) -> i32 {
    let (size, id_at) = if guest.snapshot == Snapshot::P0 { (56, 24) } else { (48, 16) };
    for (index, Sub(userdata, eventtype, id, timeout, flags)) in subscriptions.iter().enumerate() {
        let at = DATA + size * index as i32;
        let id_at = if *eventtype == 0 { id_at } else { 16 };
        guest.memory[at as usize..][..size as usize].fill(0);
        guest.put(at, &userdata.to_le_bytes());
        guest.put(at + 8, &[*eventtype]);
        guest.put(at + id_at, &id.to_le_bytes());
        if *eventtype == 0 {
            guest.put(at + id_at + 8, &timeout.to_le_bytes());
            guest.put(at + id_at + 24, &flags.to_le_bytes());
        }
    }
    subscriptions.len() as i32
}

/// Waits; events are userdata, error, type, bytes, flags.
fn wait(guest: &mut Guest, subscriptions: &[Sub]) -> Vec<(u64, u16, u8, u64, u8)> {
    let count = subscribe(guest, subscriptions);
    ok!(guest, poll_oneoff(DATA, DATA + 8192, count, OUT));
    let event = |index: u32| {
        let at = DATA + 8192 + 32 * index as i32;
        let error = u16::from_le_bytes(guest.bytes(at + 8, 2).try_into().unwrap());
        (guest.u64(at), error, guest.memory[at as usize + 10], guest.u64(at + 16), guest.memory[at as usize + 24])
    };
    (0..guest.u32(OUT)).map(event).collect()
}

#[test]
fn the_first_clock_ends_the_wait() {
    const MS: u64 = 1_000_000;
    for snapshot in [Snapshot::P0, Snapshot::P1] {
        let mut guest = Guest::new();
        guest.snapshot = snapshot;
        let start = std::time::Instant::now();
        let wanted = [Sub(1, 0, 1, 60_000 * MS, 0), Sub(2, 0, 0, 30 * MS, 0), Sub(3, 0, 1, u64::MAX, 0)];
        assert_eq!(wait(&mut guest, &wanted), [(2, 0, 0, 0, 0)]);
        assert!(start.elapsed().as_millis() >= 30, "{:?}", start.elapsed());
        assert!(start.elapsed().as_secs() < 20);
    }
}

#[test]
fn absolute_times_are_of_the_clock_that_is_named() {
    let mut guest = Guest::new();
    let soon = super::clock::now(Clockid::Realtime) + 20_000_000;
    let events = wait(&mut guest, &[Sub(1, 0, 0, soon, 1), Sub(2, 0, 1, u64::MAX, 1)]);
    assert_eq!(events, [(1, 0, 0, 0, 0)]);
    assert!(super::clock::now(Clockid::Realtime) >= soon);
    // A time that is past, of both clocks: both have struck.
    let events = wait(&mut guest, &[Sub(1, 0, 0, 1, 1), Sub(2, 0, 1, 1, 1)]);
    assert_eq!(events.len(), 2);
}

#[test]
fn descriptors_are_waited_for_beside_clocks() {
    let mut guest = Guest::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    guest.ctx.stdin(Stdio::File(std::os::fd::OwnedFd::from(reader).into()));
    assert_eq!(wait(&mut guest, &[Sub(1, 1, 0, 0, 0), Sub(2, 0, 1, 5_000_000, 0)]), [(2, 0, 0, 0, 0)]);
    writer.write_all(b"abc").unwrap();
    let far = 60_000_000_000;
    assert_eq!(wait(&mut guest, &[Sub(1, 1, 0, 0, 0), Sub(2, 0, 1, far, 0)]), [(1, 0, 1, 3, 0)]);
    guest.read(0, 9);
    drop(writer);
    assert_eq!(wait(&mut guest, &[Sub(1, 1, 0, 0, 0)]), [(1, 0, 1, 0, 1)]);
}

#[test]
fn files_are_ready_and_errors_are_events() {
    let mut guest = Guest::new();
    fs::write(guest.home("file"), "12345").unwrap();
    let file = guest.open("file", 0) as u32;
    let wanted = [
        Sub(1, 1, file, 0, 0),
        Sub(2, 2, file, 0, 0),
        Sub(3, 1, 99, 0, 0),
        Sub(4, 0, 2, 0, 0),
        Sub(5, 0, 77, 0, 0),
        Sub(6, 1, DIR as u32, 0, 0),
        Sub(7, 2, 1, 0, 0),
    ];
    let events: Vec<_> = wait(&mut guest, &wanted).into_iter().map(|event| (event.0, event.1)).collect();
    let [badf, notsup, inval] = [Errno::Badf, Errno::Notsup, Errno::Inval].map(|errno| errno as u16);
    assert_eq!(events, [(1, 0), (2, 0), (3, badf), (4, notsup), (5, inval), (6, badf), (7, 0)]);
}

#[test]
fn senseless_waits_are_refused() {
    let mut guest = Guest::new();
    fails!(Inval, &mut guest, poll_oneoff(DATA, DATA, 0, OUT));
    fails!(Inval, &mut guest, poll_oneoff(DATA, DATA, 33, OUT));
    subscribe(&mut guest, &[Sub(1, 3, 0, 0, 0)]);
    fails!(Inval, &mut guest, poll_oneoff(DATA, DATA, 1, OUT));
    subscribe(&mut guest, &[Sub(1, 0, 0, 0, 2)]);
    fails!(Inval, &mut guest, poll_oneoff(DATA, DATA, 1, OUT));
    fails!(Fault, &mut guest, poll_oneoff(DATA, -32, 2, OUT));
}

// Sockets.

#[test]
fn a_connection_is_accepted_and_used() {
    let mut guest = Guest::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let listener = guest.ctx.preopen_listener(listener).unwrap() as i32;
    let mut client = TcpStream::connect(address).unwrap();
    ok!(&mut guest, sock_accept(listener, 0, OUT));
    let socket = guest.u32(OUT) as i32;
    client.write_all(b"ping").unwrap();
    let iovs = guest.iovec(4);
    for flags in [1, 2] {
        guest.memory[DATA as usize..][..4].fill(0);
        ok!(&mut guest, sock_recv(socket, iovs, 1, flags, OUT, OUT + 4));
        assert_eq!((guest.u32(OUT), guest.bytes(DATA, 4)), (4, &b"ping"[..]));
    }
    guest.put(DATA, b"pong");
    ok!(&mut guest, sock_send(socket, iovs, 1, 0, OUT));
    assert_eq!(guest.write(socket, b"!"), 0);
    ok!(&mut guest, sock_shutdown(socket, 2));
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "pong!");
    fails!(Badf, &mut guest, fd_prestat_get(listener, RECORD));
    ok!(&mut guest, fd_fdstat_set_flags(listener, 4));
    fails!(Again, &mut guest, sock_accept(listener, 0, OUT));
}

#[test]
fn what_is_no_socket_says_so() {
    let mut guest = Guest::new();
    let iovs = guest.iovec(4);
    for fd in [0, DIR] {
        fails!(Notsock, &mut guest, sock_accept(fd, 0, OUT));
        fails!(Notsock, &mut guest, sock_recv(fd, iovs, 1, 0, OUT, OUT + 4));
        fails!(Notsock, &mut guest, sock_send(fd, iovs, 1, 0, OUT));
        fails!(Notsock, &mut guest, sock_shutdown(fd, 3));
    }
    fails!(Badf, &mut guest, sock_shutdown(99, 3));
}

#[test]
fn a_context_can_move_between_threads() {
    fn assert_send_and_sync<T: Send + Sync>() {}
    assert_send_and_sync::<WasiCtx>();
    assert_send_and_sync::<OutputBuffer>();
}

#[test]
fn exit_ends_the_guest_with_its_status() {
    let mut guest = Guest::new();
    let exit = entry::proc_exit(&mut guest.ctx, &mut guest.memory, Snapshot::P1, 7);
    assert_eq!(exit, Err(WasiExit(7)));
    ok!(&mut guest, sched_yield());
}
