//! Calls of the host into compiled code that are under way. A trap ends the innermost one: [`record_trap`]
//! has it note what it wants to know of the place, and names the stack pointer to go back to.

use core::mem::offset_of;

use crate::sys;

/// One call from the host into compiled code: the first field of what the caller keeps about it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Activation {
    /// Stack pointer to go back to; `enter` writes it.
    pub(crate) saved_sp: usize,
    /// Takes note of a trap.
    note: Note,
    /// Whether it belongs to a call in a store, whose memories may fault.
    pub(crate) in_store: bool,
}

/// Takes note of the trap `code`. It runs on the guest's stack, in the reserve for helpers.
pub(crate) type Note = unsafe fn(activation: *mut Activation, code: u32, position: Position);

/// Where execution stands: registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    /// Program counter: any byte of the instruction.
    pub(crate) pc: usize,
    /// Stack pointer.
    pub(crate) sp: usize,
    /// The register for return addresses, on machines that have one; 0 if it holds none of ours.
    pub(crate) link: usize,
}

impl Activation {
    /// Offset of `saved_sp`, for the assembly.
    pub(crate) const SAVED_SP: usize = offset_of!(Activation, saved_sp);

    pub(crate) const fn new(note: Note, in_store: bool) -> Activation {
        Activation { saved_sp: 0, note, in_store }
    }
}

/// The innermost activation of the thread.
#[cfg(feature = "std")]
mod innermost {
    use super::Activation;
    use std::cell::Cell;
    use std::ptr;

    thread_local! {
        /// The signal handler reads it, so it has to need neither initialisation nor destruction.
        static CURRENT: Cell<*mut Activation> = const { Cell::new(ptr::null_mut()) };
    }

    #[inline]
    pub(crate) fn get() -> *mut Activation {
        CURRENT.get()
    }

    #[inline]
    pub(super) fn replace(activation: *mut Activation) -> *mut Activation {
        CURRENT.replace(activation)
    }
}

/// The innermost activation: of the whole firmware, where no two guests run at the same time.
#[cfg(not(feature = "std"))]
mod innermost {
    use super::Activation;
    use core::ptr;
    use core::sync::atomic::{AtomicPtr, Ordering};

    static CURRENT: AtomicPtr<Activation> = AtomicPtr::new(ptr::null_mut());

    pub(crate) fn get() -> *mut Activation {
        CURRENT.load(Ordering::Relaxed)
    }

    pub(super) fn replace(activation: *mut Activation) -> *mut Activation {
        let previous = get();
        // An interrupt between the two may look, but starts no guest.
        CURRENT.store(activation, Ordering::Relaxed);
        previous
    }
}

pub(crate) use innermost::get as innermost;

/// Calls `trampoline(vmctx, code, values)`. Returns 0, or the number of the trap that ended the call, which
/// has been noted then.
///
/// # Safety
/// Trampoline, code and vmctx belong together, and `values` has a slot for each argument, filled, and for
/// each result. `activation` is new, and what its `Note` expects.
#[inline]
pub(crate) unsafe fn enter(
    activation: *mut Activation,
    vmctx: *mut u8,
    code: *const u8,
    trampoline: *const u8,
    values: *mut u64,
) -> u32 {
    let previous = innermost::replace(activation);
    // SAFETY: by the caller's promise; the activation is the innermost one now.
    let status = unsafe { sys::enter(vmctx, code, values, trampoline, activation.cast()) };
    innermost::replace(previous);
    status
}

/// Has a trap at `pc` noted, with the stack pointer at `sp` there and `link` in the register for return
/// addresses (0 where there is none, or if a call has put its own there), and returns the stack pointer
/// to go back to. Called by the assembly only.
pub(crate) unsafe extern "C" fn record_trap(code: u32, pc: usize, sp: usize, link: usize) -> usize {
    let activation = innermost();
    assert!(!activation.is_null(), "a trap outside of any call of a guest");
    // SAFETY: the activation belongs to the `enter` that waits below us; nobody else uses it.
    unsafe {
        ((*activation).note)(activation, code, Position { pc, sp, link });
        (*activation).saved_sp
    }
}
