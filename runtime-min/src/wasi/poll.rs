//! Waiting for clocks and descriptors.
//!
//! In: subscriptions. Out: an event for each that has occurred, at least one. A subscription that cannot be waited for
//! gives an event that carries the error, at once. Files are always ready; pipes, terminals and sockets are asked with
//! one poll(2) of the host.

use super::clock::now;
use super::descriptor::{Descriptor, Object};
use super::types::{Awaited, Clockid, Event, Rights, Subscription};
use super::{Errno, GuestMemory, WasiCtx};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::BorrowedFd;

/// What a writable pipe takes at least (POSIX: PIPE_BUF); the host does not tell more.
const WRITABLE_BYTES: u64 = 512;

/// Waits until at least one subscription has occurred.
pub fn poll_oneoff(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    stored: u32,
) -> Result<(), Errno> {
    guest.check(stored, 4)?;
    if count == 0 || count > ctx.limits.subscriptions {
        return Err(Errno::Inval);
    }
    guest.check_array(events, count, Event::SIZE)?;
    let wanted = read_subscriptions(guest, subscriptions, count)?;
    let occurred = wait(ctx, &wanted)?;
    let len = u32::try_from(occurred.len()).map_err(|_| Errno::Overflow)?;
    for (index, event) in (0..len).zip(&occurred) {
        // Checked above: as many events as subscriptions fit.
        guest.write(events + index * Event::SIZE, &event.to_bytes())?;
    }
    guest.write_u32(stored, len)
}

/// Whether something else than a clock is waited for. What cannot be read does not count: it fails.
pub(crate) fn needs_descriptors(guest: &GuestMemory<'_>, subscriptions: u32, count: u32) -> bool {
    let is_clock = |subscription: &Subscription| matches!(subscription.awaited, Awaited::Clock { .. });
    let few = count <= super::Limits::HARD_CAP.subscriptions;
    few && read_subscriptions(guest, subscriptions, count).is_ok_and(|all| !all.iter().all(is_clock))
}

/// All are read before any event is stored: the two lists may lie in the same place.
fn read_subscriptions(guest: &GuestMemory<'_>, address: u32, count: u32) -> Result<Vec<Subscription>, Errno> {
    let size = Subscription::size_of(guest.snapshot());
    let bytes = guest.bytes(address, count.checked_mul(size).ok_or(Errno::Fault)?)?;
    let mut subscriptions = Vec::new();
    subscriptions.try_reserve_exact(count as usize)?;
    for record in bytes.chunks_exact(size as usize) {
        subscriptions.push(Subscription::parse(record, guest.snapshot())?);
    }
    Ok(subscriptions)
}

/// What a subscription comes down to on this host.
enum Source<'d> {
    /// Has occurred, with this event.
    Ready(Event),
    /// Occurs when the clock reaches a time.
    Clock { clock: Clockid, deadline: u64 },
    /// Occurs when the host says so of the descriptor.
    Host(BorrowedFd<'d>),
}

fn wait(ctx: &WasiCtx, subscriptions: &[Subscription]) -> Result<Vec<Event>, Errno> {
    let mut sources = Vec::new();
    sources.try_reserve_exact(subscriptions.len())?;
    sources.extend(subscriptions.iter().map(|subscription| source(ctx, subscription)));
    let mut polled = poll_list(subscriptions, &sources)?;
    let mut events = Vec::new();
    events.try_reserve_exact(subscriptions.len())?;
    while events.is_empty() {
        match poll(&mut polled, timeout(&sources).as_ref()) {
            // A signal of the host's: how long is left is worked out anew.
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        collect(subscriptions, &sources, &polled, &mut events);
        polled.iter_mut().for_each(PollFd::clear_revents);
    }
    Ok(events)
}

fn source<'d>(ctx: &'d WasiCtx, subscription: &Subscription) -> Source<'d> {
    let result = match subscription.awaited {
        Awaited::Clock { id, timeout, absolute } => clock_source(id, timeout, absolute),
        Awaited::FdRead(fd) => descriptor_source(ctx, fd, subscription),
        Awaited::FdWrite(fd) => descriptor_source(ctx, fd, subscription),
    };
    result.unwrap_or_else(|error| Source::Ready(event(subscription, error)))
}

/// A span of time is measured on the monotonic clock: setting the host's clock must not stretch it.
fn clock_source(id: u32, timeout: u64, absolute: bool) -> Result<Source<'static>, Errno> {
    match (Clockid::parse(id)?, absolute) {
        (clock @ (Clockid::Realtime | Clockid::Monotonic), true) => Ok(Source::Clock { clock, deadline: timeout }),
        (Clockid::Realtime | Clockid::Monotonic, false) => {
            let deadline = now(Clockid::Monotonic).saturating_add(timeout);
            Ok(Source::Clock { clock: Clockid::Monotonic, deadline })
        }
        // These stand still while a guest sleeps.
        (Clockid::ProcessCputime | Clockid::ThreadCputime, _) => Err(Errno::Notsup),
    }
}

fn descriptor_source<'d>(ctx: &'d WasiCtx, fd: u32, subscription: &Subscription) -> Result<Source<'d>, Errno> {
    let descriptor: &Descriptor = ctx.descriptors.get(fd)?;
    let ready = |available_bytes| Ok(Source::Ready(Event { available_bytes, ..event(subscription, Errno::Success) }));
    match descriptor.object(Rights::POLL_FD_READWRITE)? {
        Object::Directory(_) => Err(Errno::Badf),
        Object::Input(input) => ready(input.remaining().len() as u64),
        Object::Output(_) | Object::Null => ready(WRITABLE_BYTES),
        object => Ok(Source::Host(object.host_fd().ok_or(Errno::Badf)?)),
    }
}

fn poll_list<'d>(subscriptions: &[Subscription], sources: &[Source<'d>]) -> Result<Vec<PollFd<'d>>, Errno> {
    let mut polled = Vec::new();
    polled.try_reserve_exact(sources.len())?;
    for (subscription, source) in subscriptions.iter().zip(sources) {
        if let Source::Host(fd) = source {
            let flags = match subscription.awaited {
                Awaited::FdWrite(_) => PollFlags::OUT,
                _ => PollFlags::IN,
            };
            polled.push(PollFd::from_borrowed_fd(*fd, flags));
        }
    }
    Ok(polled)
}

/// Until the first clock's time, not at all if something has occurred already, without end if no clock is waited for.
fn timeout(sources: &[Source<'_>]) -> Option<Timespec> {
    let left = sources.iter().filter_map(|source| match source {
        Source::Ready(_) => Some(0),
        Source::Clock { clock, deadline } => Some(deadline.saturating_sub(now(*clock))),
        Source::Host(_) => None,
    });
    let left = std::time::Duration::from_nanos(left.min()?);
    // Longer than the host can say is without end.
    Timespec::try_from(left).ok()
}

/// `polled` has one entry for each host source, in the same order.
fn collect(subscriptions: &[Subscription], sources: &[Source<'_>], polled: &[PollFd<'_>], events: &mut Vec<Event>) {
    let mut answers = polled.iter();
    for (subscription, source) in subscriptions.iter().zip(sources) {
        match source {
            Source::Ready(event) => events.push(*event),
            Source::Clock { clock, deadline } if now(*clock) >= *deadline => {
                events.push(event(subscription, Errno::Success));
            }
            Source::Clock { .. } => {}
            Source::Host(fd) => {
                let flags = answers.next().map_or(PollFlags::empty(), PollFd::revents);
                events.extend(host_event(subscription, *fd, flags));
            }
        }
    }
}

fn host_event(subscription: &Subscription, fd: BorrowedFd<'_>, flags: PollFlags) -> Option<Event> {
    if flags.is_empty() {
        return None;
    }
    if flags.contains(PollFlags::NVAL) {
        return Some(event(subscription, Errno::Badf));
    }
    let available_bytes = match subscription.awaited {
        Awaited::FdRead(_) => readable_bytes(fd),
        _ => WRITABLE_BYTES,
    };
    let hangup = flags.intersects(PollFlags::HUP | PollFlags::ERR);
    Some(Event { available_bytes, hangup, ..event(subscription, Errno::Success) })
}

/// What the host can tell of; a file at its end, or one that cannot tell, has 0.
fn readable_bytes(fd: BorrowedFd<'_>) -> u64 {
    rustix::io::ioctl_fionread(fd).unwrap_or(0)
}

fn event(subscription: &Subscription, error: Errno) -> Event {
    Event {
        userdata: subscription.userdata,
        error,
        eventtype: subscription.eventtype(),
        available_bytes: 0,
        hangup: false,
    }
}
