//! Confinement, rights, opening, files.

use super::*;

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
