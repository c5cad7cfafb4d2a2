//! Where threads wait for one another: `memory.atomic.wait` and `memory.atomic.notify` (threads proposal), by the
//! address of what is waited for, which is the same for all instances that a memory is shared by.
//!
//! Waiting threads stand in queues behind locks, a few for all addresses. A thread looks at the value and enters
//! its queue under one lock, a notification takes threads out under the same lock: none is missed.

use std::collections::VecDeque;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::builtins::Expected;
use crate::interrupt::Interruption;

/// How many queues there are.
const QUEUES: usize = 64;

static PARKED: [Mutex<VecDeque<Arc<Waiter>>>; QUEUES] = [const { Mutex::new(VecDeque::new()) }; QUEUES];

/// Whether what a thread expects is there.
///
/// # Safety
/// The address is that of such a number, aligned, in a linear memory that stays.
unsafe fn is_at(expected: Expected, address: NonNull<u8>) -> bool {
    // SAFETY: by the caller's promise; other threads access it by atomics, or by compiled code.
    unsafe {
        match expected {
            Expected::I32(value) => AtomicU32::from_ptr(address.as_ptr().cast()).load(Ordering::SeqCst) == value,
            Expected::I64(value) => AtomicU64::from_ptr(address.as_ptr().cast()).load(Ordering::SeqCst) == value,
        }
    }
}

/// How waiting ended; the numbers are the instruction's results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitResult {
    /// Another thread has notified this one.
    Notified = 0,
    /// There was another value at the address, so there was no waiting.
    NotEqual = 1,
    /// The time was up.
    TimedOut = 2,
}

/// A thread that waits.
struct Waiter {
    address: usize,
    thread: Thread,
    notified: AtomicBool,
}

/// The queue of an address.
fn queue(address: usize) -> MutexGuard<'static, VecDeque<Arc<Waiter>>> {
    // Neighbours wait in different queues. A lock is never poisoned half-way: nothing in it panics.
    PARKED[address / 4 % QUEUES].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until the thread is notified, the time is up, or the call that runs on the thread is interrupted, which
/// looks as if the time were up.
///
/// # Safety
/// As [`is_at`].
pub(crate) unsafe fn wait(
    address: NonNull<u8>,
    expected: Expected,
    timeout: Option<Duration>,
    interruption: Option<&Interruption>,
) -> WaitResult {
    // A time too far to be told is without end.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let key = address.as_ptr().addr();
    let waiter = Arc::new(Waiter { address: key, thread: thread::current(), notified: AtomicBool::new(false) });
    {
        let mut queue = queue(key);
        // SAFETY: by the caller's promise.
        if !unsafe { is_at(expected, address) } {
            return WaitResult::NotEqual;
        }
        queue.push_back(waiter.clone());
    }
    let _parked = interruption.map(Interruption::park);
    loop {
        if waiter.notified.load(Ordering::Acquire) {
            return WaitResult::Notified;
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let due = interruption.filter(|interruption| interruption.is_due());
        if left == Some(Duration::ZERO) || due.is_some() {
            // The thread is woken before it is sent the signal, and the guest is not to go on in between.
            due.inspect(|interruption| interruption.leave_note());
            let mut queue = queue(key);
            queue.retain(|other| !Arc::ptr_eq(other, &waiter));
            // Who took it out before has counted it.
            let notified = waiter.notified.load(Ordering::Acquire);
            return if notified { WaitResult::Notified } else { WaitResult::TimedOut };
        }
        match left {
            Some(left) => thread::park_timeout(left),
            None => thread::park(),
        }
    }
}

/// Notifies up to `count` threads that wait at an address, those first that came first. How many they were.
pub(crate) fn notify(address: NonNull<u8>, count: u32) -> u32 {
    let key = address.as_ptr().addr();
    let mut notified = 0;
    queue(key).retain(|waiter| {
        let chosen = waiter.address == key && notified < count;
        if chosen {
            notified += 1;
            waiter.notified.store(true, Ordering::Release);
            waiter.thread.unpark();
        }
        !chosen
    });
    notified
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(value: &AtomicU32) -> NonNull<u8> {
        NonNull::from(value).cast()
    }

    fn wait_at(value: &AtomicU32, expected: u32, timeout: Option<Duration>) -> WaitResult {
        // SAFETY: the number is there, and aligned.
        unsafe { wait(place(value), Expected::I32(expected), timeout, None) }
    }

    #[test]
    fn another_value_and_no_time_end_at_once() {
        let value = AtomicU32::new(7);
        assert_eq!(wait_at(&value, 6, None), WaitResult::NotEqual);
        assert_eq!(wait_at(&value, 7, Some(Duration::ZERO)), WaitResult::TimedOut);
        assert_eq!(wait_at(&value, 7, Some(Duration::from_millis(5))), WaitResult::TimedOut);
        assert_eq!(notify(place(&value), u32::MAX), 0, "nobody waits any more");
    }

    #[test]
    fn as_many_are_notified_as_are_asked_for_and_no_others() {
        // Two addresses of the same queue.
        let values: Vec<AtomicU32> = (0..=QUEUES).map(|_| AtomicU32::new(1)).collect();
        let (here, there) = (&values[0], &values[QUEUES]);
        thread::scope(|scope| {
            let waiters: Vec<_> = (0..3).map(|_| scope.spawn(|| wait_at(here, 1, None))).collect();
            let other = scope.spawn(|| wait_at(there, 1, None));
            let waiting = |key: &AtomicU32| {
                let key = place(key).as_ptr().addr();
                queue(key).iter().filter(|waiter| waiter.address == key).count()
            };
            while waiting(here) + waiting(there) < 4 {
                thread::yield_now();
            }
            assert_eq!(notify(place(here), 0), 0);
            assert_eq!(notify(place(here), 2), 2);
            assert_eq!((waiting(here), waiting(there)), (1, 1));
            assert_eq!(notify(place(here), 9), 1);
            assert_eq!(notify(place(there), 1), 1);
            let ends: Vec<_> = waiters.into_iter().chain([other]).map(|waiter| waiter.join().unwrap()).collect();
            assert_eq!(ends, [WaitResult::Notified; 4]);
        });
    }
}
