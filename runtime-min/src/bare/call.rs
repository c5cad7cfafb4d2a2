//! A call from the host into compiled code: how deep it may go, how it ends by a trap, and how an interrupt handler
//! ends it.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use wasmc_abi::TrapCode;
use wasmc_loader::{Code, Image};

use crate::activation::{self, Activation, Position};
use crate::bare::cells;
use crate::bare::error::Trap;
use crate::bare::instance::Record;
use crate::sys;
use crate::vmctx::FuncRecord;
use crate::walk;

/// Stack that the guest leaves to the helpers that its code calls, bytes. An interrupt that comes meanwhile, and host
/// functions, have what the embedder leaves them below.
pub const HELPER_STACK_LEN: usize = 512;

/// The part of the stack that a guest may use: from where it is called down to an address.
#[derive(Clone, Copy, Debug)]
pub struct Stack {
    lowest: usize,
}

impl Stack {
    /// Down to `lowest`.
    ///
    /// # Safety
    /// From there up to the stack pointer at every call of the instance, memory belongs to the stack that the calls
    /// are made on. Below there is room for host functions and for interrupt handlers.
    pub const unsafe fn down_to(lowest: usize) -> Stack {
        Stack { lowest }
    }

    /// Bytes from here down to the end.
    pub(super) fn len(self) -> usize {
        sys::machine::stack_pointer().saturating_sub(self.lowest)
    }

    /// What a guest keeps free of them.
    pub(super) fn reserve(max_frame: u32) -> usize {
        (max_frame as usize).saturating_add(HELPER_STACK_LEN)
    }

    /// The stack limit of the instances of an image: see `docs/runtime-abi.md`.
    pub(super) fn limit(self, max_frame: u32) -> usize {
        self.lowest.saturating_add(Stack::reserve(max_frame))
    }
}

/// What a call of the host keeps while compiled code runs.
#[derive(Debug)]
#[repr(C)]
struct Call<'a> {
    activation: Activation,
    code: &'a Code<'a>,
    /// The instance: interrupt handlers ask whether its code, or that of its group, was interrupted.
    instance: NonNull<Record>,
    /// The host wants the call to end, and could not do it itself.
    stop: AtomicBool,
    /// The program counter at which it was made to end.
    stopped_at: AtomicUsize,
    /// Code offset of the trap, in a function.
    place: Option<u32>,
}

/// Calls a function of an instance.
///
/// # Safety
/// The function is one of the instance's index space, with an entry trampoline; nobody else uses the instance and
/// what it is made of; `values` has a slot for each argument, filled, and for each result.
pub(super) unsafe fn invoke(instance: NonNull<Record>, function: FuncRecord, values: *mut u64) -> Result<(), Trap> {
    // SAFETY: by the caller's promise.
    let record = unsafe { instance.as_ref() };
    let (code, limit) = (record.guest.code(), record.stack_limit());
    if sys::machine::stack_pointer() < limit {
        return Err(Trap::new(TrapCode::StackOverflow));
    }
    let mut call = Call {
        activation: Activation::new(note_trap, false),
        code,
        instance,
        stop: AtomicBool::new(false),
        stopped_at: AtomicUsize::new(0),
        place: None,
    };
    let current = &raw mut call;
    let roots = cells::roots();
    let FuncRecord { code, vmctx, entry, .. } = function;
    // SAFETY: by the caller's promise; `note_trap` expects the activation of a `Call`.
    let status = unsafe { activation::enter(current.cast(), vmctx.0, code.0, entry.0, values) };
    if status == 0 {
        #[cfg(feature = "gc")]
        return cells::take_exception().map_err(Trap::new);
        #[cfg(not(feature = "gc"))]
        return Ok(());
    }
    // Compiled code and host functions raise no other numbers.
    let code = TrapCode::from_number(status).unwrap_or(TrapCode::HostError);
    cells::forget(roots, code);
    // SAFETY: `current` still is the address of our variable, and the guest has ended.
    let (image, place) = unsafe { ((*current).code.image(), (*current).place) };
    let site = place.and_then(|offset| image.site_at(offset));
    let wasm_offset = site.and_then(|site| site.wasm_offsets().iter().copied().find(|offset| *offset != 0));
    // With the offset comes the function that was inlined.
    let function = match wasm_offset {
        Some(offset) => image.function_at(offset),
        None => place.and_then(|offset| walk::function_at_code(image, offset)),
    };
    let imported = image.header().imported_functions;
    Err(Trap { code, function: function.map(|defined| defined.saturating_add(imported)), wasm_offset })
}

/// Whether a position is in a function, or in what was inlined into an entry of one.
fn is_in_function(image: &Image<'_>, code_offset: u32) -> bool {
    let site = image.site_at(code_offset);
    site.is_some_and(|site| site.wasm_offsets().iter().any(|offset| *offset != 0))
        || walk::function_at_code(image, code_offset).is_some()
}

/// Notes the place of a trap: the innermost position in a function, since a trap's stub is none.
unsafe fn note_trap(activation: *mut Activation, _code: u32, position: Position) {
    // SAFETY: the activation is that of a `Call` whose `invoke` waits below us; nobody else uses it but interrupt
    // handlers, which use what is atomic.
    let (code, top, stopped_at, place) = unsafe {
        let call = activation.cast::<Call<'_>>();
        ((*call).code, (*activation).saved_sp, &(*call).stopped_at, &mut (*call).place)
    };
    let mut position = position;
    if position.pc == 0 {
        position.pc = stopped_at.load(Ordering::Relaxed);
    }
    // SAFETY: the walk asks for words between the guest's stack pointer and the frame of `enter`.
    let read = |address: usize| unsafe { ptr::with_exposed_provenance::<usize>(address).read() };
    // A stub, then its caller.
    for _ in 0..2 {
        let Some(offset) = code.code_offset(position.pc) else { return };
        if is_in_function(code.image(), offset) {
            *place = Some(offset);
            return;
        }
        let frame = code.image().frame_at(offset);
        let Some(caller) = frame.and_then(|frame| walk::caller(position, frame, top, read)) else { return };
        position = caller;
    }
}

/// Ends the guest that runs, for an interrupt handler that has seen enough of it: a watchdog, a timer.
///
/// `pc` is the program counter that was interrupted. If it lies in the guest's code, the answer is the one at which
/// the interrupted code has to continue instead: the handler puts it where its return looks for it, and the call
/// ends by the trap [`TrapCode::Interrupted`]. On Cortex-M the bits of a conditional block (IT) and of an interrupted
/// multiple load or store (ICI), 10 to 15, 25 and 26 of the stacked xPSR, have to be cleared then.
///
/// `None`: no guest runs, or it is in a host function or a helper; when that returns, the guest ends.
pub fn stop(pc: usize) -> Option<usize> {
    let call = innermost()?;
    // SAFETY: the call waits, and its instance was written before.
    let (instance, stop, stopped_at) = unsafe { ((*call).instance, &(*call).stop, &(*call).stopped_at) };
    if !is_in_code(instance, pc) {
        stop.store(true, Ordering::Relaxed);
        return None;
    }
    stopped_at.store(pc, Ordering::Relaxed);
    sys::interrupted_address()
}

/// Whether a program counter is in the code of an instance or of one of its group.
pub(super) fn is_in_code(instance: NonNull<Record>, pc: usize) -> bool {
    let mut member = instance;
    loop {
        // SAFETY: a call of the instance waits, so that it is there, and its group.
        let (code, next) = unsafe { (member.as_ref().guest.code(), member.as_ref().next) };
        if code.code_range().contains(&pc) {
            return true;
        }
        match NonNull::new(next) {
            Some(next) if next != instance => member = next,
            _ => return false,
        }
    }
}

/// The innermost call, if it is one of an instance of ours.
fn innermost() -> Option<*mut Call<'static>> {
    let activation = activation::innermost();
    // SAFETY: activations are the innermost only while their `enter` waits.
    let ours = !activation.is_null() && !unsafe { (*activation).in_store };
    ours.then_some(activation.cast())
}

/// Whether the guest that runs is to end, and could not when its host wanted it.
pub(super) fn is_stopped() -> bool {
    // SAFETY: the call waits.
    innermost().is_some_and(|call| unsafe { (*call).stop.load(Ordering::Relaxed) })
}
