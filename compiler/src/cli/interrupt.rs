//! What an interrupted command takes along: its child process and its unfinished file.
//!
//! A thread waits for the signals, so that nothing here runs in a signal handler.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

#[derive(Default)]
struct Unfinished {
    child: Option<u32>,
    file: Option<PathBuf>,
}

static UNFINISHED: Mutex<Unfinished> = Mutex::new(Unfinished { child: None, file: None });

fn unfinished() -> MutexGuard<'static, Unfinished> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, the child process with this id dies with the command.
pub fn child_started(id: u32) {
    listen();
    unfinished().child = Some(id);
}

/// There is no child any more. To be called before its exit status is collected: after that, the
/// id may be another process's.
pub fn child_ended() {
    unfinished().child = None;
}

/// Runs `create`, which makes the file `path`; it is removed if the command is interrupted from
/// then on.
pub fn file_started<T>(path: &Path, create: impl FnOnce() -> std::io::Result<T>) -> std::io::Result<T> {
    listen();
    // The lock is held so that no signal comes between making the file and knowing of it.
    let mut unfinished = unfinished();
    let made = create()?;
    unfinished.file = Some(path.to_path_buf());
    Ok(made)
}

/// Runs `end`, which renames or removes the unfinished file.
pub fn file_ended<T>(end: impl FnOnce() -> T) -> T {
    let mut unfinished = unfinished();
    unfinished.file = None;
    end()
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A signal that the caller wants ignored (`nohup`, a background job) stays ignored.
        let wanted: Vec<i32> = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|s| !is_ignored(*s)).collect();
        // Without the thread the command is interrupted as any other.
        let Ok(mut signals) = Signals::new(wanted) else { return };
        std::thread::spawn(move || {
            for signal in signals.forever() {
                end_by(signal);
            }
        });
    });
}

fn end_by(signal: i32) {
    // The lock is kept: nothing may be made anew on the way out.
    let mut unfinished = unfinished();
    if let Some(path) = unfinished.file.take() {
        let _ = std::fs::remove_file(path);
    }
    let child = unfinished.child.take().and_then(|id| i32::try_from(id).ok());
    if let Some(child) = child.and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(child, rustix::process::Signal::KILL);
    }
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
