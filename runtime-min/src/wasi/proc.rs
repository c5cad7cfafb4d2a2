//! The guest as a process. In: an exit status or a signal. Out: [`WasiExit`], which ends the call of the guest;
//! the host's process is never touched.

use super::{Errno, GuestMemory, WasiCtx};
use std::fmt;

/// A guest asked to end, with this exit status. Not a failure of the host: the caller of the guest decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WasiExit(pub u32);

impl fmt::Display for WasiExit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the guest ended with exit status {}", self.0)
    }
}

impl std::error::Error for WasiExit {}

/// Ends the guest.
pub fn proc_exit(_: &mut WasiCtx, _: &mut GuestMemory<'_>, status: u32) -> Result<(), WasiExit> {
    Err(WasiExit(status))
}

/// `signal` numbers whose usual effect is nothing: none, chld, cont, urg, winch.
const HARMLESS_SIGNALS: [u32; 5] = [0, 16, 17, 22, 27];
/// `signal` numbers whose usual effect is to stop a process: stop, tstp, ttin, ttou.
const STOPPING_SIGNALS: [u32; 4] = [18, 19, 20, 21];
/// The largest `signal` number (sys).
const SIGNAL_MAX: u32 = 30;

/// Sends the guest a signal. It has no handlers, so what happens is the signal's usual effect: nothing, or the end with
/// the status that a shell would show.
pub fn proc_raise(_: &mut WasiCtx, _: &mut GuestMemory<'_>, signal: u32) -> Result<Errno, WasiExit> {
    match signal {
        _ if HARMLESS_SIGNALS.contains(&signal) => Ok(Errno::Success),
        _ if STOPPING_SIGNALS.contains(&signal) => Ok(Errno::Notsup),
        _ if signal > SIGNAL_MAX => Ok(Errno::Inval),
        _ => Err(WasiExit(128 + signal)),
    }
}

/// Lets other threads of the host run.
pub fn sched_yield(_: &mut WasiCtx, _: &mut GuestMemory<'_>) -> Result<(), Errno> {
    std::thread::yield_now();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasi::Snapshot;

    #[test]
    fn a_signal_ends_the_guest_only() {
        let (mut ctx, mut bytes) = (WasiCtx::new(), [0; 8]);
        let guest = &mut GuestMemory::new(&mut bytes, Snapshot::P1);
        assert_eq!(proc_exit(&mut ctx, guest, 7), Err(WasiExit(7)));
        assert_eq!(proc_raise(&mut ctx, guest, 6), Err(WasiExit(134)));
        assert_eq!(proc_raise(&mut ctx, guest, 0), Ok(Errno::Success));
        assert_eq!(proc_raise(&mut ctx, guest, 99), Ok(Errno::Inval));
    }
}
