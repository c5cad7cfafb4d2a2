//! What the guests share that run on a stack: the exception that is on its way, the functions under way that hold
//! references, and fuel. There is one of it: guests are entered one at a time.

use core::cell::UnsafeCell;

use wasmc_abi::TrapCode;
use wasmc_abi::vmctx::FUEL_MAX;

use crate::roots::{Cells, RootFrame};
use crate::vmctx::Ptr;

struct Common<T>(UnsafeCell<T>);

// SAFETY: who enters a guest has promised that no other thread, task or core is in one; and only they, and those who wait
// for them, look here.
unsafe impl<T> Sync for Common<T> {}

/// The end of the list of root frames.
static LAST: Common<RootFrame> = Common(UnsafeCell::new(RootFrame::LAST));

#[cfg(not(test))]
static CELLS: Common<Cells> = Common(UnsafeCell::new(Cells::first(Ptr(LAST.0.get()))));

// Tests run at a time, each with instances of its own.
#[cfg(test)]
std::thread_local! {
    static CELLS: Common<Cells> = const { Common(UnsafeCell::new(Cells::first(Ptr(LAST.0.get())))) };
}

/// What compiled code finds by its block.
#[cfg(not(test))]
pub(super) fn cells() -> *mut Cells {
    CELLS.0.get()
}

#[cfg(test)]
pub(super) fn cells() -> *mut Cells {
    CELLS.with(|cells| cells.0.get())
}

/// How many instructions the guests that are called from now on may execute together, if their images count them
/// ([`Module::counts_fuel`](crate::bare::Module::counts_fuel)). A guest that comes to more traps. What counts is the same
/// as in a store of a system.
pub fn set_fuel(fuel: u64) {
    let cells = cells();
    // SAFETY: no guest runs meanwhile, and nobody keeps a reference.
    unsafe { ((*cells).fuel_used, (*cells).fuel_end) = (0, fuel.min(FUEL_MAX) + 1) };
}

/// How many instructions are left of them. After a trap other than for want of fuel it may be too many: those are not
/// counted that the function has executed since it was called, or called another one.
pub fn fuel() -> u64 {
    let cells = cells();
    // SAFETY: as above.
    let (used, end) = unsafe { ((*cells).fuel_used, (*cells).fuel_end) };
    (end - 1).saturating_sub(used)
}

/// The root frames of the functions that are under way.
pub(super) fn roots() -> Ptr<RootFrame> {
    // SAFETY: as above.
    unsafe { (*cells()).roots }
}

/// After a call that began with these root frames and ended by a trap: frames were jumped over.
pub(super) fn forget(roots: Ptr<RootFrame>, code: TrapCode) {
    let cells = cells();
    // SAFETY: as above.
    unsafe {
        ((*cells).exception, (*cells).roots) = (0, roots);
        if code == TrapCode::OutOfFuel {
            (*cells).fuel_used = (*cells).fuel_end;
        }
    }
}

/// Whether a function was left by an exception, which is forgotten.
#[cfg(feature = "gc")]
pub(super) fn take_exception() -> Result<(), TrapCode> {
    // SAFETY: as above.
    let exception = unsafe { core::ptr::replace(&raw mut (*cells()).exception, 0) };
    if exception == 0 { Ok(()) } else { Err(TrapCode::UncaughtException) }
}
