//! Entering compiled code and leaving it by a trap.
//!
//! A call from the host makes an [`Activation`]. A trap, raised by compiled code through builtin 0 or
//! by a faulting access through the signal handler, is noted there as a list of code positions; it gets
//! its function names after the stack is back, in [`Trap`].

use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use wasmc_abi::TrapCode;

use crate::activation::{self, Activation, Position};
use crate::backtrace;
use crate::error::Error;
use crate::exception::Thrown;
use crate::host::Pending;
use crate::interrupt::{self, Interruption};
use crate::roots::RootFrame;
use crate::store::StoreCore;
use crate::sys::{machine, unix};
use crate::vmctx::Ptr;

pub use crate::backtrace::Frame;

/// The end of a call by a trap: why, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Trap {
    /// Why.
    pub code: TrapCode,
    /// Where, innermost first, inlined calls included; at most 100.
    pub frames: Vec<Frame>,
    /// How many more frames there were.
    pub more_frames: usize,
}

impl Trap {
    /// A trap without a place, for a host function to end its guest with.
    pub fn new(code: TrapCode) -> Trap {
        Trap { code, frames: Vec::new(), more_frames: 0 }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        let several = self.frames.iter().any(|frame| frame.module != self.frames[0].module);
        for (index, frame) in self.frames.iter().enumerate() {
            write!(f, "\n{index:3}: ")?;
            frame.write(f, several)?;
        }
        match self.more_frames {
            0 => Ok(()),
            more => write!(f, "\n     and {more} more"),
        }
    }
}

impl std::error::Error for Trap {}

/// The innermost call of the host into a store's code, while that runs.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Call {
    /// `saved_sp` is 0 while there is none.
    pub(crate) activation: Activation,
    store: NonNull<StoreCore>,
}

impl Call {
    /// Of no store yet.
    pub(crate) const NONE: Call = Call::of(NonNull::dangling());

    pub(crate) const fn of(store: NonNull<StoreCore>) -> Call {
        Call { activation: Activation::new(note_trap, true), store }
    }
}

/// What there is to know of a guest's function to call it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Callee {
    pub(crate) vmctx: *mut u8,
    pub(crate) code: *const u8,
    /// The entry trampoline of its type.
    pub(crate) entry: NonNull<u8>,
}

/// Calls a guest's function.
///
/// # Safety
/// The store is lent to the caller and not used otherwise during the call. The function is one of its guests', what
/// is known of it belongs together, and `values` has a slot for each argument, filled, and for each result.
#[inline]
pub(crate) unsafe fn invoke(mut store: NonNull<StoreCore>, callee: Callee, values: *mut u64) -> Result<(), Error> {
    // SAFETY: lent to the caller, and to nobody in the guest yet.
    if !unsafe { store.as_ref() }.is_ready(machine::stack_pointer()) {
        // SAFETY: by the caller's promise.
        return unsafe { prepare_and_invoke(store, callee, values) };
    }
    // SAFETY: by the caller's promise; `note_trap` expects the activation of a `Call`.
    let status = unsafe {
        let activation = &raw mut (*store.as_ptr()).call.activation;
        activation::enter(activation, callee.vmctx, callee.code, callee.entry.as_ptr(), values)
    };
    // SAFETY: the guest has ended, so the store is ours again.
    let store = unsafe { store.as_mut() };
    store.call.activation.saved_sp = 0;
    if status == 0 && store.cells.exception == 0 { Ok(()) } else { ended(store, status, None) }
}

/// The same if something has to be done before and after.
///
/// # Safety
/// As [`invoke`].
#[inline(never)]
unsafe fn prepare_and_invoke(mut store: NonNull<StoreCore>, callee: Callee, values: *mut u64) -> Result<(), Error> {
    let (outer_sp, was_in_host, roots) = {
        // SAFETY: lent to the caller, and to nobody in the guest yet.
        let store = unsafe { store.as_mut() };
        store.prepare_stack(machine::stack_pointer())?;
        let outer_sp = store.call.activation.saved_sp;
        (outer_sp, store.call_begins(outer_sp == 0), store.cells.roots)
    };
    // SAFETY: by the caller's promise; `note_trap` expects the activation of a `Call`.
    let status = unsafe {
        let activation = &raw mut (*store.as_ptr()).call.activation;
        activation::enter(activation, callee.vmctx, callee.code, callee.entry.as_ptr(), values)
    };
    // SAFETY: the guest has ended, so the store is ours again.
    let store = unsafe { store.as_mut() };
    store.call.activation.saved_sp = outer_sp;
    store.call_ended(outer_sp == 0, was_in_host);
    ended(store, status, Some(roots))
}

/// What a call has come to. `roots` is what the list of root frames was before, if not empty for certain.
#[inline(never)]
fn ended(store: &mut StoreCore, status: u32, roots: Option<Ptr<RootFrame>>) -> Result<(), Error> {
    if status == 0 {
        return take_exception(store);
    }
    // The frames that were abandoned have theirs in the list, and one may have been about to be left.
    store.cells.roots = roots.unwrap_or(store.no_roots());
    store.cells.exception = 0;
    Err(finish(store))
}

/// The exception that a function was left by, if it was.
#[inline]
pub(crate) fn take_exception(store: &mut StoreCore) -> Result<(), Error> {
    if store.cells.exception == 0 { Ok(()) } else { uncaught(store) }
}

#[cold]
fn uncaught(store: &mut StoreCore) -> Result<(), Error> {
    let exception = std::mem::take(&mut store.cells.exception);
    // SAFETY: compiled code and host functions put references to exceptions there, and nothing has been reclaimed since.
    let exception = unsafe { Thrown::from_reference(exception) };
    exception.map_or(Ok(()), |exception| Err(store.uncaught(exception).into()))
}

/// Makes an error of a recorded trap; continues a panic of the host function that caused it.
#[cold]
fn finish(store: &mut StoreCore) -> Error {
    let (number, trace) = store.noted.take().expect("a guest ended by a trap that was not recorded");
    let code = TrapCode::from_number(number)
        .unwrap_or_else(|| panic!("compiled code raised trap {number}, which does not exist"));
    if code == TrapCode::OutOfFuel {
        store.cells.fuel_used = store.cells.fuel_end;
    }
    let mut trap = Trap::new(code);
    match store.pending.take() {
        Some(Pending::Panic(payload)) => std::panic::resume_unwind(payload),
        // The guest called a host function that called a guest that trapped: one trace, both parts.
        Some(Pending::Error(Error::Trap(inner))) => trap = inner,
        Some(Pending::Error(error)) => return error,
        None => {}
    }
    backtrace::append(&store.images, &trace, &mut trap);
    trap.into()
}

/// Notes a trap with its trace.
unsafe fn note_trap(activation: *mut Activation, code: u32, position: Position) {
    // SAFETY: the activation is that of a `Call` whose `invoke` waits below us; nobody else uses it.
    let call = unsafe { &mut *activation.cast::<Call>() };
    // SAFETY: the guest has stopped, and `invoke` does not hold on to its reference.
    let store = unsafe { call.store.as_mut() };
    // SAFETY: the walk asks for words between the guest's stack pointer and the frame of `enter`.
    let read = |address: usize| unsafe { ptr::with_exposed_provenance::<usize>(address).read() };
    let trace = backtrace::walk(&store.images, position, call.activation.saved_sp, read);
    store.noted = Some((code, trace));
}

/// Lets faults of guests become traps, once for the process.
pub(crate) fn install_fault_handler() {
    unix::install_fault_handler(on_fault);
}

/// Lets guests on machines where the host may have floating-point exceptions be signals run as if it had not, once for
/// the process.
pub(crate) fn install_arithmetic_handler() {
    #[cfg(target_arch = "x86_64")]
    unix::install_arithmetic_handler(on_arithmetic);
}

/// Lets requests to stop a guest become traps, once for the process.
pub(crate) fn install_interruption_handler() {
    unix::install_interruption_handler(on_interruption);
}

/// Called in a signal handler: the store of the innermost call, if there is one.
fn innermost_store() -> Option<*mut StoreCore> {
    let activation = activation::innermost();
    // SAFETY: activations are the innermost only while their `enter` waits.
    if activation.is_null() || !unsafe { (*activation).in_store } {
        return None;
    }
    // SAFETY: as above, so it is that of a `Call`.
    Some(unsafe { (*activation.cast::<Call>()).store.as_ptr() })
}

/// Called in a signal handler: whether a fault is a guest's, which then continues as if it trapped.
fn on_fault(address: usize, context: &mut libc::ucontext_t) -> bool {
    let Some(store) = innermost_store() else { return false };
    // SAFETY: the call waits, so its store is alive; the map may be read at every instant.
    let faults = unsafe { &(*store).fault_map };
    let (pc, _) = machine::fault::registers(context);
    if !faults.is_guest(pc, address) {
        return false;
    }
    machine::fault::redirect(context, TrapCode::MemoryOutOfBounds as u32);
    true
}

/// Called in a signal handler: whether a floating-point exception was raised by a guest or on the way to it, and is
/// masked now.
#[cfg(target_arch = "x86_64")]
fn on_arithmetic(context: &mut libc::ucontext_t) -> bool {
    let Some(store) = innermost_store() else { return false };
    // SAFETY: the call waits, so its store is alive; the map may be read at every instant.
    let map = unsafe { &(*store).fault_map };
    // SAFETY: the activation's `enter` waits or is about to call, having noted its stack pointer.
    let saved_sp = unsafe { (*activation::innermost()).saved_sp };
    let (pc, sp) = machine::fault::registers(context);
    if sp != saved_sp && !map.is_code(pc) {
        return false;
    }
    machine::fault::mask_exceptions(context, saved_sp)
}

/// Called in a signal handler: whether an interruption of the innermost call is due. If compiled code runs, that
/// continues as if it trapped; what else runs will find out (see `interrupt.rs`).
fn on_interruption(context: &mut libc::ucontext_t) -> bool {
    let Some(store) = innermost_store() else { return false };
    // SAFETY: the call waits, so its store is alive; whether it can be interrupted does not change meanwhile.
    let interruption = unsafe { &(*store).interruption };
    if !interruption.as_ref().is_some_and(|interruption| interruption.is_due()) {
        return false;
    }
    // SAFETY: as above; the map may be read at every instant.
    let faults = unsafe { &(*store).fault_map };
    let (pc, _) = machine::fault::registers(context);
    if faults.is_code(pc) {
        machine::fault::redirect(context, TrapCode::Interrupted as u32);
    } else if let Some(interruption) = interruption {
        interruption.leave_note();
    }
    true
}

/// Whether the guest that runs on this thread is to end, and could not when the signal came.
#[inline]
pub(crate) fn is_interrupted() -> bool {
    if !interrupt::take_note() {
        return false;
    }
    let Some(store) = innermost_store() else { return false };
    // SAFETY: the call waits, so its store is alive.
    let interruption = unsafe { &(*store).interruption };
    interruption.as_ref().is_some_and(|interruption| interruption.is_due())
}

/// What others can stop the call by that runs on this thread, if anything.
pub(crate) fn interruption() -> Option<Arc<Interruption>> {
    // SAFETY: the call waits, so its store is alive; whether it can be interrupted does not change meanwhile.
    unsafe { &(*innermost_store()?).interruption }.clone()
}

/// Sorted, disjoint ranges of addresses.
type Ranges = Box<[(usize, usize)]>;

fn contains(ranges: &[(usize, usize)], address: usize) -> bool {
    let after = ranges.partition_point(|(start, _)| *start <= address);
    after.checked_sub(1).is_some_and(|index| address < ranges[index].1)
}

/// Where guests' code and memories lie, as the signal handler reads it: one pointer to something that
/// never changes, so that it is whole at every instant.
#[derive(Debug)]
pub(crate) struct FaultMap(AtomicPtr<(Ranges, Ranges)>);

impl FaultMap {
    pub(crate) const fn new() -> FaultMap {
        FaultMap(AtomicPtr::new(ptr::null_mut()))
    }

    /// Replaces the map.
    pub(crate) fn set(
        &mut self,
        code: impl Iterator<Item = (usize, usize)>,
        memory: impl Iterator<Item = (usize, usize)>,
    ) {
        let sorted = |mut ranges: Vec<(usize, usize)>| {
            ranges.sort_unstable();
            ranges.into_boxed_slice()
        };
        let map = Box::new((sorted(code.collect()), sorted(memory.collect())));
        self.replace(Box::into_raw(map));
    }

    fn replace(&mut self, map: *mut (Ranges, Ranges)) {
        let old = self.0.swap(map, Ordering::AcqRel);
        if !old.is_null() {
            // SAFETY: made by `Box::into_raw` in `set`. Only a signal handler on this thread reads it,
            // and that is not running.
            drop(unsafe { Box::from_raw(old) });
        }
    }

    /// Whether the instruction at `pc` is a guest's.
    fn is_code(&self, pc: usize) -> bool {
        // SAFETY: null or a whole map, which is replaced only outside of signal handlers.
        let map = unsafe { self.0.load(Ordering::Acquire).as_ref() };
        map.is_some_and(|(code, _)| contains(code, pc))
    }

    /// Whether an access to `address` by the instruction at `pc` is one of a guest to its memory.
    fn is_guest(&self, pc: usize, address: usize) -> bool {
        // SAFETY: null or a whole map, which is replaced only outside of signal handlers.
        let map = unsafe { self.0.load(Ordering::Acquire).as_ref() };
        map.is_some_and(|(code, memory)| contains(code, pc) && contains(memory, address))
    }
}

impl Drop for FaultMap {
    fn drop(&mut self) {
        self.replace(ptr::null_mut());
    }
}

#[cfg(test)]
mod tests {
    //! Hand-written code stands in for images: trampolines with the real convention.

    use super::*;
    use crate::store::{AsContextMut, Store, StoreContextMut};
    use crate::sys::test_code::{self as code, FLOAT_CONTROL_BITS, FLUSH_AND_ROUND_UP, GUESTS_FLOAT_CONTROL};
    use crate::sys::unix::{Mapping, Protection};
    use std::os::unix::process::ExitStatusExt;
    use wasmc_abi::vmctx::GUARD_RESERVATION;

    fn callee(entry: *const u8) -> Callee {
        let entry = NonNull::new(entry.cast_mut()).unwrap();
        Callee { vmctx: ptr::null_mut(), code: ptr::null(), entry }
    }

    fn call<T>(store: &mut Store<T>, code: *const u8, values: &mut [u64]) -> Result<(), Error> {
        let core = store.as_context_mut().core_pointer();
        // SAFETY: the test's code keeps to the convention of trampolines.
        unsafe { invoke(core, callee(code), values.as_mut_ptr()) }
    }

    fn code_of(result: Result<(), Error>) -> TrapCode {
        result.expect_err("a trap").trap().expect("a trap").code
    }

    #[test]
    fn code_can_be_entered_and_returns() {
        let mut values = [40, 2];
        call(&mut Store::new(()), code::add(), &mut values).unwrap();
        assert_eq!(values, [42, 2]);
    }

    #[test]
    fn a_trap_deep_in_the_guest_comes_back_with_the_hosts_registers() {
        let mut store = Store::new(());
        for depth in [0, 1, 7, 1000] {
            let kept: Vec<u64> = (0..20).map(|i| i * depth).collect();
            let mut values = [depth, TrapCode::DivideByZero as u64];
            let result = call(&mut store, code::deep(), &mut values);
            assert_eq!(code_of(result), TrapCode::DivideByZero);
            assert!(kept.iter().zip(0..).all(|(value, i)| *value == i * depth));
            assert!(!store.core().is_running());
            assert!(activation::innermost().is_null());
        }
    }

    #[test]
    fn floating_point_control_is_the_guests_inside_and_the_hosts_outside() {
        let mut store = Store::new(());
        for trap in [0, TrapCode::Unreachable as u64] {
            let mut values = [7, trap];
            let before = code::hosts_float_control();
            code::set_hosts_float_control(FLUSH_AND_ROUND_UP);
            let result = call(&mut store, code::float_control(), &mut values);
            let after = code::hosts_float_control();
            code::set_hosts_float_control(before);
            assert_eq!(result.is_err(), trap != 0);
            assert_eq!(values[0] & FLOAT_CONTROL_BITS, GUESTS_FLOAT_CONTROL);
            assert_eq!(after & FLOAT_CONTROL_BITS, FLUSH_AND_ROUND_UP);
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn exceptions_that_the_host_has_unmasked_do_not_reach_the_guest() {
        install_arithmetic_handler();
        let mut store = Store::new(());
        store.as_context_mut().core_mut().fault_map.set([code::range()].into_iter(), [].into_iter());
        // All of them, so that one comes on the way in; and the invalid operation alone.
        for masks in [0, 0x1F80 ^ 1 << 7] {
            for trap in [0, TrapCode::Unreachable as u64] {
                let mut values = [1, trap];
                let before = code::hosts_float_control();
                code::set_hosts_float_control(masks);
                let result = call(&mut store, code::invalid(), &mut values);
                let after = code::hosts_float_control();
                code::set_hosts_float_control(before);
                assert_eq!(result.is_err(), trap != 0);
                assert!(f32::from_bits(values[0] as u32).is_nan());
                assert_eq!(after & FLOAT_CONTROL_BITS, masks);
            }
        }
    }

    /// What an access can reach beyond a memory that starts at 0.
    fn reach() -> usize {
        usize::try_from(GUARD_RESERVATION).unwrap_or(1 << 21)
    }

    /// A store whose fault map knows the test's code, and the address of what stands for its memory: 64 KiB,
    /// and no access to anything else that can be reached from there. It stays when the store goes.
    fn store_with_memory() -> (Store<()>, u64) {
        install_fault_handler();
        let mut store = Store::new(());
        let memory = Mapping::reserve(reach()).unwrap();
        memory.protect(0, 65536, Protection::ReadWrite).unwrap();
        let base = memory.start().expose_provenance();
        std::mem::forget(memory);
        let reservation = (base, base + reach());
        store.as_context_mut().core_mut().fault_map.set([code::range()].into_iter(), [reservation].into_iter());
        (store, base as u64)
    }

    #[test]
    fn a_fault_in_the_guests_memory_is_a_trap_wherever_it_is() {
        let (mut store, base) = store_with_memory();
        for _ in 0..3 {
            for distance in [65536u64, 65537, 1 << 20, 0xFFFF_FFFF, 0x1_FFFF_FFFF] {
                if distance >= reach() as u64 {
                    continue;
                }
                let result = call(&mut store, code::load(), &mut [base + distance]);
                assert_eq!(code_of(result), TrapCode::MemoryOutOfBounds, "at {distance:#x}");
            }
            let mut values = [base + 65535];
            call(&mut store, code::load(), &mut values).unwrap();
            assert_eq!(values, [0]);
        }
    }

    #[test]
    fn faults_become_traps_on_other_threads_too() {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    let (mut store, base) = store_with_memory();
                    for _ in 0..100 {
                        let result = call(&mut store, code::load(), &mut [base + 65536]);
                        assert_eq!(code_of(result), TrapCode::MemoryOutOfBounds);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    /// Stands in for a host function: runs the Rust closure behind `closure` in a nested activation.
    extern "C" fn callback(closure: &mut &mut dyn FnMut() -> u32, _: *mut u64) -> u32 {
        closure()
    }

    fn call_host(store: &mut Store<()>, mut closure: &mut dyn FnMut() -> u32) -> Result<(), Error> {
        let closure = &raw mut closure;
        let mut values = [callback as *const () as u64, closure.expose_provenance() as u64];
        call(store, code::call(), &mut values)
    }

    #[test]
    fn a_trap_in_a_nested_call_ends_that_call_only() {
        let (mut store, base) = store_with_memory();
        let core = store.as_context_mut().core_pointer();
        let mut inner = Vec::new();
        let mut host = || {
            // SAFETY: the store waits for us.
            let mut context: StoreContextMut<'_, ()> = unsafe { StoreContextMut::from_core(core) };
            for address in [base + 65536, base] {
                let mut values = [address];
                let code = code::load();
                // SAFETY: as in `call`.
                inner.push(unsafe { invoke(context.core_pointer(), callee(code), values.as_mut_ptr()) });
                assert!(context.core().is_running());
            }
            0
        };
        call_host(&mut store, &mut host).unwrap();
        assert_eq!(inner.len(), 2);
        assert_eq!(code_of(inner.remove(0)), TrapCode::MemoryOutOfBounds);
        assert!(inner.remove(0).is_ok());
        assert!(!store.core().is_running());
        let result = call_host(&mut store, &mut || TrapCode::HostError as u32);
        assert_eq!(code_of(result), TrapCode::HostError);
    }

    /// Enters the guest, which calls back, which enters the guest, and so on.
    fn recurse(core: NonNull<StoreCore>, depth: &mut u32) -> Result<(), Error> {
        *depth += 1;
        let mut result = Ok(());
        let mut host = || {
            result = recurse(core, depth);
            0
        };
        let mut host: &mut dyn FnMut() -> u32 = &mut host;
        let host = &raw mut host;
        let mut values = [callback as *const () as u64, host.expose_provenance() as u64];
        // SAFETY: as in `call`; every activation outside waits.
        unsafe { invoke(core, callee(code::call()), values.as_mut_ptr()) }?;
        result
    }

    #[test]
    fn recursion_between_host_and_guest_ends_in_a_trap() {
        let mut store = Store::new(());
        let mut depth = 0;
        let core = store.as_context_mut().core_pointer();
        assert_eq!(code_of(recurse(core, &mut depth)), TrapCode::StackOverflow);
        assert!(depth > 100, "{depth}");
        call(&mut store, code::add(), &mut [1, 2]).unwrap();
    }

    #[test]
    fn a_guest_gets_no_more_stack_than_the_thread_has() {
        let thread = std::thread::Builder::new().stack_size(256 << 10);
        let depth = thread.spawn(|| {
            let mut store = Store::new(());
            store.set_stack_len(64 << 20);
            let mut depth = 0;
            let core = store.as_context_mut().core_pointer();
            assert_eq!(code_of(recurse(core, &mut depth)), TrapCode::StackOverflow);
            depth
        });
        assert!(depth.unwrap().join().unwrap() > 10);
    }

    #[test]
    fn a_stack_without_room_for_the_reserve_is_refused() {
        let mut store = Store::new(());
        store.set_stack_len(10_000);
        let result = call(&mut store, code::add(), &mut [1, 2]);
        assert!(matches!(result, Err(Error::Limit(_))), "{result:?}");
    }

    /// Runs one of the `child_` tests below in a process of its own.
    fn child(name: &str) -> std::process::ExitStatus {
        let this_test = std::env::current_exe().unwrap();
        // On another machine than the test's, a program runs it.
        let mut command = match std::env::var_os("WASMC_TEST_EMULATOR") {
            Some(emulator) => {
                let mut command = std::process::Command::new(emulator);
                command.arg(this_test);
                command
            }
            None => std::process::Command::new(this_test),
        };
        command.args(["--exact", &format!("trap::tests::{name}"), "--ignored", "--test-threads=1"]);
        command.output().unwrap().status
    }

    extern "C" fn former(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the kernel passes it; `_exit` may be called in a handler.
        unsafe { libc::_exit(if (*info).si_addr() as usize == 64 { 42 } else { 43 }) };
    }

    /// Makes `action` the handler of SIGSEGV, then ours, then shows that guests' faults are traps and
    /// lets the host fault.
    fn fault_after(action: usize, flags: libc::c_int) {
        // SAFETY: a process of its own, one thread that matters; the action fits the flags.
        unsafe {
            let mut former: libc::sigaction = std::mem::zeroed();
            former.sa_sigaction = action;
            former.sa_flags = flags;
            libc::sigaction(libc::SIGSEGV, &former, ptr::null_mut());
        }
        let (mut store, base) = store_with_memory();
        let result = call(&mut store, code::load(), &mut [base + 65536]);
        assert_eq!(code_of(result), TrapCode::MemoryOutOfBounds);
        // The guest's code at a wrong address: a bug of the compiler, which must not look like a trap.
        let _ = call(&mut store, code::load(), &mut [64]);
    }

    #[test]
    #[ignore = "run in a process of its own by the test below"]
    fn child_with_a_former_handler() {
        fault_after(former as *const () as usize, libc::SA_SIGINFO);
    }

    #[test]
    #[ignore = "run in a process of its own by the test below"]
    fn child_with_the_default_action() {
        fault_after(libc::SIG_DFL, 0);
    }

    #[test]
    #[ignore = "run in a process of its own by the test below"]
    fn child_with_an_ignored_signal() {
        fault_after(libc::SIG_IGN, 0);
    }

    #[test]
    fn other_faults_go_where_they_went_before() {
        assert_eq!(child("child_with_a_former_handler").code(), Some(42));
        assert_eq!(child("child_with_the_default_action").signal(), Some(libc::SIGSEGV));
        assert_eq!(child("child_with_an_ignored_signal").signal(), Some(libc::SIGSEGV));
    }
}
