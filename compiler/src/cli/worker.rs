//! The child process in which LLVM works. Module on standard input, [`Frame`]s on standard output;
//! standard error is left to LLVM, which writes there before it aborts.
//!
//! It writes no file, so however it ends, it leaves nothing behind. Units that were kept it reads itself; those that are
//! to be kept it sends.

use super::cache::{Cache, Key};
use super::failure::Failure;
use super::frame::{Frame, PhaseReport};
use super::llvm;
use super::options::{CodegenArgs, EmitKind};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use wasmc::incremental::{self, Store};
use wasmc::{Observer, Phase};

/// Name of the hidden subcommand.
pub const NAME: &str = "__worker";

/// Arguments of the worker.
#[derive(Debug, clap::Args)]
pub struct WorkerArgs {
    #[command(flatten)]
    codegen: CodegenArgs,
    #[arg(long, value_enum, default_value_t)]
    emit: EmitKind,
    #[arg(long)]
    incremental: Option<PathBuf>,
}

/// The worker's whole life.
pub fn run(args: &WorkerArgs) -> Result<ExitCode, Failure> {
    // Without its parent the result would go nowhere.
    let killed = Some(rustix::process::Signal::KILL);
    let _ = rustix::process::set_parent_process_death_signal(killed);
    llvm::account_for_crashes();
    let mut module = Vec::new();
    io::stdin()
        .read_to_end(&mut module)
        .map_err(|e| Failure::internal(format!("the worker could not read the module: {e}")))?;
    let mut sender = Sender { phase_began: Instant::now(), last_count: None };
    let outcome = args.codegen.options().and_then(|options| {
        let units = args.incremental.as_deref().and_then(|folder| Cache::new(Some(folder))).map(Units);
        let compiled = match &units {
            Some(units) if args.emit == EmitKind::Aot => {
                wasmc::compile_incremental(&module, &options, units, &mut sender)
            }
            _ => wasmc::compile_observed(&module, &options, args.emit.emit(), &mut sender),
        };
        compiled.map_err(|error| Failure::compile(&error, &module))
    });
    let (last, status) = match outcome {
        Ok(result) => (Frame::Result(result), 0),
        Err(failure) => {
            let status = failure.status;
            (Frame::Failed(failure), status)
        }
    };
    send(&last);
    Ok(ExitCode::from(status))
}

/// Turns what the compiler tells into frames.
struct Sender {
    phase_began: Instant,
    last_count: Option<Instant>,
}

/// More often than this, no one needs a new number.
const COUNT_INTERVAL: Duration = Duration::from_millis(40);

/// Sends a frame as a whole, whatever other threads send.
fn send(frame: &Frame) {
    // Large results are written at once; `Stdout` would look for line ends in them.
    let mut buffer = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let sent = frame.write(&mut buffer).and_then(|()| buffer.flush());
    if sent.is_err() {
        // The parent is gone, and no one is left to be told.
        std::process::exit(1);
    }
}

/// The units that were kept.
struct Units(Cache);

impl Store for Units {
    fn find(&self, key: &incremental::Key) -> Option<Vec<u8>> {
        std::fs::read(self.0.find(&Key::unit(*key))?).ok()
    }

    fn keep(&self, key: &incremental::Key, entry: Vec<u8>) {
        send(&Frame::Kept(Key::unit(*key), entry));
    }
}

impl Observer for Sender {
    fn phase_started(&mut self, phase: Phase) {
        send(&Frame::Started(phase));
        reset_peak_memory();
        self.last_count = None;
        self.phase_began = Instant::now();
    }

    fn phase_ended(&mut self, phase: Phase) {
        let micros = self.phase_began.elapsed().as_micros() as u64;
        send(&Frame::Ended(PhaseReport { phase, micros, peak_kib: peak_memory_kib() }));
    }

    fn functions_done(&mut self, done: usize, total: usize) {
        let now = Instant::now();
        if done < total && self.last_count.is_some_and(|last| now - last < COUNT_INTERVAL) {
            return;
        }
        self.last_count = Some(now);
        send(&Frame::Functions(done, total));
    }

    fn function_not_optimized(&mut self, function: u32) {
        send(&Frame::NotOptimized(function));
    }

    fn function_not_profiled(&mut self, function: u32) {
        send(&Frame::NotProfiled(function));
    }
}

/// Makes the kernel measure the peak from now on (proc(5), `clear_refs`); if it does not, the peak
/// shown for a phase is that of all phases so far.
fn reset_peak_memory() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The most memory that this process had resident, KiB; 0 if the system does not tell.
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|n| n.parse().ok()).unwrap_or(0)
}
