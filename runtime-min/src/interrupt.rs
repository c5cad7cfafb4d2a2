//! Stopping a guest that runs too long, from another thread and at no cost to its code.
//!
//! The thread that runs the guest gets a signal. If it is in compiled code, the handler makes that code continue
//! as if it had trapped where it stands: nothing in it has to be left in order. If it is in a host function, the
//! function goes on, and the guest's trap comes as soon as it has returned. So it is with helpers that may take
//! long: the handler leaves a note. Between them lie instants in which none of this holds (a short helper, the way
//! into a host function and out of it); whoever wants the interruption sends the signal until it is taken.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, compiler_fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::sys::unix;

/// How often the signal is sent at most: with the pauses, for about a second.
const ATTEMPTS: u32 = 200;

/// The first pause; each is twice the one before, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_micros(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// Stops the calls of one store. It can be cloned and sent to any thread, and may outlive the store.
#[derive(Clone, Debug)]
pub struct InterruptHandle(pub(crate) Arc<Interruption>);

impl InterruptHandle {
    /// Ends the call that the host is making into the store, if there is one, with the trap
    /// [`Interrupted`](wasmc_abi::TrapCode::Interrupted): compiled code at once, a host function when it returns.
    /// Calls made later are not affected. Waits until the guest has been told, which takes some microseconds; no
    /// longer than about a second, should the guest's thread have `SIGURG` blocked.
    pub fn interrupt(&self) {
        let state = &*self.0;
        let running = state.running.load(Ordering::SeqCst);
        if running == 0 {
            return;
        }
        state.requested.store(running, Ordering::SeqCst);
        if let Some(thread) = &*state.parked() {
            thread.unpark();
        }
        let mut pause = FIRST_PAUSE;
        for attempt in 0..ATTEMPTS {
            if state.running.load(Ordering::SeqCst) != running {
                return;
            }
            // A host function that has begun before the pause sees the request when it returns.
            if attempt > 0 && state.in_host.load(Ordering::SeqCst) {
                return;
            }
            unix::send_interruption(running as u32);
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// What the thread that runs a guest and those that want it to stop know of one another. All but `requested` is
/// written by the running thread alone, which reads it in a signal handler too, but for `parked`: in the order of
/// the program.
#[derive(Debug, Default)]
pub(crate) struct Interruption {
    /// The outermost call: the thread's number (low half) and the call's (high half); 0 while there is none.
    running: AtomicU64,
    /// What `running` was when an interruption was asked for.
    requested: AtomicU64,
    /// Whether a host function runs.
    in_host: AtomicBool,
    /// The running thread, while it waits for another.
    parked: Mutex<Option<Thread>>,
}

/// The present thread is to be woken by an interruption.
pub(crate) struct Parked<'a>(&'a Interruption);

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        *self.0.parked() = None;
    }
}

impl Interruption {
    /// The present thread makes an outermost call, the store's `number`th.
    pub(crate) fn begin(&self, number: u32) {
        self.running.store(u64::from(number) << 32 | u64::from(unix::thread_number()), Ordering::Release);
    }

    /// That call has ended.
    pub(crate) fn end(&self) {
        self.running.store(0, Ordering::Release);
    }

    /// Notes that a host function runs from now on, or that compiled code does. Returns what was before.
    pub(crate) fn set_in_host(&self, in_host: bool) -> bool {
        let before = self.in_host.load(Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        self.in_host.store(in_host, Ordering::Relaxed);
        // The request is looked for after this, also by a handler in between.
        compiler_fence(Ordering::SeqCst);
        before
    }

    /// Takes note that the call that runs is to end and could not: something of the runtime's is running.
    pub(crate) fn leave_note(&self) {
        NOTE.set(!self.in_host.load(Ordering::Relaxed));
    }

    /// The present thread is about to wait. An interruption from now on wakes it; one that came before is due.
    pub(crate) fn park(&self) -> Parked<'_> {
        *self.parked() = Some(thread::current());
        Parked(self)
    }

    fn parked(&self) -> MutexGuard<'_, Option<Thread>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the call that runs is to end.
    pub(crate) fn is_due(&self) -> bool {
        let running = self.running.load(Ordering::Relaxed);
        running != 0 && self.requested.load(Ordering::Acquire) == running
    }
}

thread_local! {
    /// What the signal handler has noted for the helper that is running.
    static NOTE: Cell<bool> = const { Cell::new(false) };
}

/// Whether the handler has left a note, perhaps for a call before; it is gone then.
#[inline]
pub(crate) fn take_note() -> bool {
    NOTE.get() && NOTE.replace(false)
}
