//! Directory listings, descriptors, streams, waiting, sockets.

use super::*;

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
    let exit = entry::proc_exit(&mut guest.ctx, &mut GuestMemory::new(&mut guest.memory, Snapshot::P1), 7);
    assert_eq!(exit, Err(WasiExit(7)));
    ok!(&mut guest, sched_yield());
}
