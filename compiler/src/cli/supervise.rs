//! The parent of the worker: sends it the module, shows how it goes, and puts into words how it
//! died if it did.

use super::cache::Cache;
use super::failure::{Failure, REPORT_IT, plain, warn};
use super::frame::{Frame, PhaseReport};
use super::interrupt;
use super::options::{CodegenArgs, EmitKind, word};
use super::terminal::{Progress, size};
use super::worker;
use std::ffi::OsStr;
use std::io::{BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};
use wasmc::Phase;

/// One compilation.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// What messages call the module.
    pub name: &'a str,
    /// The module, binary or text.
    pub module: &'a [u8],
    /// What code to make.
    pub codegen: &'a CodegenArgs,
    /// What to stop at.
    pub emit: EmitKind,
    /// Where units are kept, if they are.
    pub kept: Option<&'a Cache>,
    /// Show nothing but errors.
    pub quiet: bool,
}

/// What came out of it.
#[derive(Debug)]
pub struct Compiled {
    /// The result.
    pub bytes: Vec<u8>,
    /// What each phase took.
    pub reports: Vec<PhaseReport>,
    /// What it took as a whole.
    pub elapsed: Duration,
}

/// Compiles in a child process: an error in LLVM's code generation aborts the process it is in.
pub fn compile(job: &Job) -> Result<Compiled, Failure> {
    let began = Instant::now();
    let mut child = start(job)?;
    interrupt::child_started(child.id());
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(mut stderr)) = (stdin, stdout, stderr) else {
        unreachable!("all three are pipes");
    };
    thread::scope(|scope| {
        // A worker that died does not read; its exit status says more than the error here.
        scope.spawn(move || stdin.write_all(job.module));
        let said = scope.spawn(move || {
            let mut said = Vec::new();
            let _ = stderr.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        });
        let (sender, frames) = channel();
        scope.spawn(move || {
            let mut stdout = BufReader::with_capacity(1 << 16, stdout);
            while let Ok(Some(frame)) = Frame::read(&mut stdout) {
                let _ = sender.send(frame);
            }
        });
        let heard = listen(&frames, Progress::new(job.quiet), job.kept);
        let said = said.join().unwrap_or_default();
        interrupt::child_ended();
        let status = child
            .wait()
            .map_err(|e| Failure::internal(format!("could not wait for the worker process: {}", plain(&e))))?;
        let compiled = heard.outcome.ok_or_else(|| died(job.name, status, &said, &heard.reports, heard.phase))?;
        if !said.is_empty() {
            let _ = std::io::stderr().write_all(said.as_bytes());
        }
        let bytes = compiled.map_err(|failure| failure.of_file(job.name))?;
        if !heard.not_optimized.is_empty() && !job.quiet {
            warn(&not_optimized(job.name, &heard.not_optimized));
        }
        if !heard.not_profiled.is_empty() && !job.quiet {
            warn(&not_profiled(job.name, &heard.not_profiled));
        }
        if let Some(why) = heard.not_kept.filter(|_| !job.quiet) {
            warn(&why);
        }
        Ok(Compiled { bytes, reports: heard.reports, elapsed: began.elapsed() })
    })
}

fn start(job: &Job) -> Result<Child, Failure> {
    // The same program, even if the file it came from has been replaced meanwhile.
    Command::new("/proc/self/exe")
        .arg0("wasmc")
        .arg(worker::NAME)
        .args(job.codegen.to_args())
        .arg(format!("--emit={}", word(job.emit)))
        .args(job.kept.map(|kept| [OsStr::new("--incremental"), kept.folder().as_os_str()]).into_iter().flatten())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| {
            Failure::input(format!("could not start the worker process: {}", plain(&e)))
                .help("wasmc starts itself again, as /proc/self/exe: is /proc mounted, may processes be made?")
        })
}

/// What the worker told.
#[derive(Default)]
struct Heard {
    reports: Vec<PhaseReport>,
    /// Functions that were too large for the optimiser.
    not_optimized: Vec<u32>,
    /// Functions that the profile does not know.
    not_profiled: Vec<u32>,
    /// The phase that began and did not end.
    phase: Option<Phase>,
    /// Why a unit could not be kept, if one could not.
    not_kept: Option<String>,
    outcome: Option<Result<Vec<u8>, Failure>>,
}

fn listen(frames: &Receiver<Frame>, mut progress: Progress, kept: Option<&Cache>) -> Heard {
    let mut heard = Heard::default();
    let mut any_kept = false;
    loop {
        match frames.recv_timeout(Duration::from_millis(200)) {
            Ok(Frame::Started(phase)) => {
                heard.phase = Some(phase);
                progress.started(phase);
            }
            Ok(Frame::Ended(report)) => {
                heard.phase = None;
                heard.reports.push(report);
            }
            Ok(Frame::Functions(done, total)) => progress.functions(done, total),
            Ok(Frame::NotOptimized(function)) => heard.not_optimized.push(function),
            Ok(Frame::NotProfiled(function)) => heard.not_profiled.push(function),
            Ok(Frame::Kept(key, entry)) => {
                any_kept = true;
                heard.not_kept = kept.and_then(|cache| cache.store(&key, &entry).err()).or(heard.not_kept);
            }
            Ok(Frame::Failed(failure)) => heard.outcome = Some(Err(failure)),
            Ok(Frame::Result(bytes)) => heard.outcome = Some(Ok(bytes)),
            Err(RecvTimeoutError::Timeout) => progress.still_waiting(),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    kept.filter(|_| any_kept).inspect(|cache| cache.trim());
    heard
}

/// Functions that a warning names.
const NAMED_FUNCTIONS: usize = 5;

/// What a user should know about functions that stay slow.
fn not_optimized(name: &str, functions: &[u32]) -> String {
    let shown = some(functions);
    let limits = "1 MiB of code, 50,000 locals or a br_table of 10,000";
    format!("{name}: too large to be optimised, and so slow: function {shown} ({limits})")
}

/// What a user should know about functions that are compiled as if there were no profile.
fn not_profiled(name: &str, functions: &[u32]) -> String {
    let shown = some(functions);
    format!("{name}: not in the profile, as they are new or have changed since it was made: function {shown}")
}

/// The first few of a list of functions.
fn some(functions: &[u32]) -> String {
    let shown: Vec<_> = functions.iter().take(NAMED_FUNCTIONS).map(u32::to_string).collect();
    let more = match functions.len().saturating_sub(NAMED_FUNCTIONS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

/// Lines of the worker's last words that are shown.
const LAST_WORDS: usize = 8;

/// The worker ended without a result.
fn died(name: &str, status: ExitStatus, said: &str, reports: &[PhaseReport], phase: Option<Phase>) -> Failure {
    let phase = phase.map_or(String::new(), |phase| format!(" in phase {phase}"));
    let function = function_named(said).map_or(String::new(), |f| format!(", at function {f}"));
    let how = match status.signal() {
        Some(signal) => match signal_hook::low_level::signal_name(signal) {
            Some(name) => format!("was ended by {name} (signal {signal})"),
            None => format!("was ended by signal {signal}"),
        },
        None => format!("ended with status {}", status.code().unwrap_or(-1)),
    };
    let mut message = format!("{name}: the compiler process {how}{phase}{function}");
    let words = last_words(said);
    if !words.is_empty() {
        message += ". Its last words:";
        for line in words {
            message += "\n  ";
            message += line;
        }
    }
    let out_of_memory = status.signal() == Some(signal_hook::consts::SIGKILL)
        || ["out of memory", "bad_alloc", "memory allocation of"].iter().any(|s| said.contains(s));
    if out_of_memory {
        let peak = reports.iter().map(|r| r.peak_kib).max().unwrap_or(0);
        return Failure::internal(message).help(format!(
            "most likely memory ran out (the phases before used up to {}); \
             give it more, or use fewer threads (-j1) or a lower level (-O1)",
            size(peak * 1024)
        ));
    }
    Failure::internal(message).help(format!("this is a bug of wasmc, not of the module; {REPORT_IT}"))
}

/// What LLVM or Rust said at the end, without the addresses of a stack dump.
fn last_words(said: &str) -> Vec<&str> {
    let noise = |line: &str| {
        let line = line.trim_start();
        line.is_empty()
            || line.starts_with('#')
            || line.starts_with("Stack dump")
            || line.starts_with("PLEASE submit")
            || line.contains("(/")
            || line.starts_with("note: run with `RUST_BACKTRACE")
    };
    let lines: Vec<_> = said.lines().filter(|line| !noise(line)).collect();
    lines[lines.len().saturating_sub(LAST_WORDS)..].to_vec()
}

/// The Wasm function index in LLVM's account of what it was doing: `on function '@f123'` of code
/// generation, `on function "f123"` of the pass manager. Symbols are those of `translate/symbols.rs`.
fn function_named(said: &str) -> Option<u32> {
    said.match_indices("function ").find_map(|(at, word)| {
        let name = said[at + word.len()..].trim_start_matches(['\'', '"', '@']);
        let digits = name.strip_prefix('f')?;
        let len = digits.bytes().take_while(u8::is_ascii_digit).count();
        digits[..len].parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SELECTION: &str = "LLVM ERROR: Cannot select: t17: i64 = bitcast t3\n\
        PLEASE submit a bug report to https://example.org and include the crash backtrace.\n\
        Stack dump:\n\
        0.\tRunning pass 'Function Pass Manager' on module 'wasm'.\n\
        1.\tRunning pass 'X86 DAG->DAG Instruction Selection' on function '@f123'\n \
        #0 0x00007f9b libLLVM.so (/usr/lib/llvm-22/lib/libLLVM.so.22.1+0x1)\n";

    #[test]
    fn a_crash_names_signal_phase_function_and_llvms_words() {
        let failure = died("a.wasm", ExitStatus::from_raw(6), SELECTION, &[], Some(Phase::Generate));
        assert_eq!(failure.status, super::super::failure::INTERNAL);
        for part in ["a.wasm: ", "SIGABRT (signal 6)", "in phase generate", "function 123", "Cannot select"] {
            assert!(failure.message.contains(part), "{part}: {}", failure.message);
        }
        assert!(!failure.message.contains("0x00007f9b"), "{}", failure.message);
        assert!(failure.help.unwrap().ends_with(REPORT_IT));
    }

    #[test]
    fn functions_are_found_in_both_of_llvms_spellings() {
        assert_eq!(function_named("Running pass \"instcombine\" on function \"f7\""), Some(7));
        assert_eq!(function_named("on function '@f0'"), Some(0));
        assert_eq!(function_named("on function '@free'\non function '@f12'"), Some(12));
        assert_eq!(function_named("function"), None);
        assert_eq!(function_named("function 'f99999999999'"), None);
    }

    #[test]
    fn a_killed_worker_is_told_from_a_broken_one() {
        let failure = died("a.wasm", ExitStatus::from_raw(9), "", &[], None);
        assert!(failure.help.unwrap().contains("memory ran out"));
        let failure = died("a.wasm", ExitStatus::from_raw(101 << 8), "thread 'main' panicked", &[], None);
        assert!(failure.message.contains("status 101") && failure.message.contains("panicked"));
    }
}
