//! Clocks. In: a clock's number. Out: nanoseconds. The four clocks are the host's own, unchanged.

use super::types::{Clockid, timestamp};
use super::{Errno, GuestMemory, WasiCtx};
use rustix::time::{ClockId, Timespec};

/// Stores the resolution of a clock.
pub fn clock_res_get(_: &mut WasiCtx, guest: &mut GuestMemory<'_>, id: u32, out: u32) -> Result<(), Errno> {
    let clock = host_clock(Clockid::parse(id)?);
    guest.write_u64(out, nanoseconds(rustix::time::clock_getres(clock)))
}

/// Stores the time of a clock. The precision asked for is ignored: the host's clock is exact enough and costs the same.
pub fn clock_time_get(
    _: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    id: u32,
    _precision: u64,
    out: u32,
) -> Result<(), Errno> {
    guest.write_u64(out, now(Clockid::parse(id)?))
}

/// The time of a clock in nanoseconds.
pub(super) fn now(clock: Clockid) -> u64 {
    nanoseconds(rustix::time::clock_gettime(host_clock(clock)))
}

fn host_clock(clock: Clockid) -> ClockId {
    match clock {
        Clockid::Realtime => ClockId::Realtime,
        Clockid::Monotonic => ClockId::Monotonic,
        Clockid::ProcessCputime => ClockId::ProcessCPUTime,
        Clockid::ThreadCputime => ClockId::ThreadCPUTime,
    }
}

// The fields' types differ between machines.
#[allow(clippy::unnecessary_cast)]
fn nanoseconds(time: Timespec) -> u64 {
    timestamp(time.tv_sec as i64, time.tv_nsec as i64)
}
