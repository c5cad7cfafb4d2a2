//! What the runtime asks of Linux: pages and their protection, the stack's bounds, and the signals of
//! memory faults. The only file with OS calls, WASI apart.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};
use std::sync::Once;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

/// Length of a host page, bytes.
pub(crate) fn page_len() -> usize {
    static PAGE_LEN: AtomicUsize = AtomicUsize::new(0);
    match PAGE_LEN.load(Ordering::Relaxed) {
        0 => {
            // SAFETY: asks for a number.
            let len = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            let len = usize::try_from(len).unwrap_or(4096);
            PAGE_LEN.store(len, Ordering::Relaxed);
            len
        }
        len => len,
    }
}

/// What the kernel says of the CPU, a bit each, in the machine's own order.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn capabilities(word: libc::c_ulong) -> u64 {
    // SAFETY: looks a number up.
    u64::from(unsafe { libc::getauxval(word) })
}

/// The kernel's name for the kind of CPU, such as `v7l`; empty if it has none.
#[cfg(target_arch = "arm")]
pub(crate) fn platform() -> &'static [u8] {
    // SAFETY: looks a number up.
    let name = unsafe { libc::getauxval(libc::AT_PLATFORM) } as *const libc::c_char;
    if name.is_null() {
        return &[];
    }
    // SAFETY: the kernel has put a string there, ended by NUL, for the life of the process.
    unsafe { core::ffi::CStr::from_ptr(name) }.to_bytes()
}

/// What the kernel says of the CPU's extensions (`RISCV_HWPROBE_KEY_IMA_EXT_0`); 0 if it cannot say.
#[cfg(target_arch = "riscv64")]
pub(crate) fn riscv_extensions() -> u64 {
    const RISCV_HWPROBE: libc::c_long = 258;
    let mut pair: [u64; 2] = [4, 0];
    // SAFETY: answers the one question of the pair, for all CPUs together.
    let status = unsafe { libc::syscall(RISCV_HWPROBE, pair.as_mut_ptr(), 1, 0, ptr::null_mut::<u8>(), 0) };
    if status == 0 { pair[1] } else { 0 }
}

/// `len` rounded up to whole host pages; `None` if that does not fit.
pub(crate) fn round_to_pages(len: usize) -> Option<usize> {
    len.checked_next_multiple_of(page_len())
}

/// What may be done with mapped pages. Never writing and executing at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    None,
    Read,
    ReadWrite,
    ReadExecute,
}

impl Protection {
    fn bits(self) -> libc::c_int {
        match self {
            Protection::None => libc::PROT_NONE,
            Protection::Read => libc::PROT_READ,
            Protection::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
            Protection::ReadExecute => libc::PROT_READ | libc::PROT_EXEC,
        }
    }
}

/// Memory of the process alone, which takes no room before it is written to.
const ANONYMOUS: libc::c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;

/// Whole pages of address space, owned: dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the pages belong to this value alone and are not tied to a thread.
unsafe impl Send for Mapping {}
// SAFETY: through a shared reference nothing but the bounds can be read without `unsafe`.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Reserves `len` bytes (rounded up to pages) that cannot be accessed yet and cost nothing.
    pub(crate) fn reserve(len: usize) -> io::Result<Mapping> {
        Mapping::anonymous(len, Protection::None)
    }

    fn anonymous(len: usize, protection: Protection) -> io::Result<Mapping> {
        let len = round_to_pages(len.max(1)).ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(ptr::null_mut(), len, protection.bits(), ANONYMOUS, -1, 0) };
        Mapping::from_result(start, len)
    }

    /// Leaves nothing of it here: what there was is the result's.
    pub(crate) fn take(&mut self) -> Mapping {
        std::mem::replace(self, Mapping { start: NonNull::dangling(), len: 0 })
    }

    /// Reserves `len` bytes at a multiple of `align`, a power of two.
    pub(crate) fn reserve_aligned(len: usize, align: usize) -> io::Result<Mapping> {
        if align <= page_len() {
            return Mapping::reserve(len);
        }
        let len = round_to_pages(len.max(1)).ok_or(io::ErrorKind::OutOfMemory)?;
        let wide = Mapping::reserve(len.checked_add(align).ok_or(io::ErrorKind::OutOfMemory)?)?;
        let before = wide.start.as_ptr().align_offset(align);
        // SAFETY: `align_offset` of a byte pointer is below `align`, which was added to the length.
        let start = unsafe { wide.start.add(before) };
        let (wide_start, wide_len) = (wide.start, wide.len);
        std::mem::forget(wide);
        drop(Mapping { start: wide_start, len: before });
        // SAFETY: before + len ≤ wide_len.
        drop(Mapping { start: unsafe { start.add(len) }, len: wide_len - before - len });
        Ok(Mapping { start, len })
    }

    /// Maps `len` bytes of zeros that can be read and written.
    pub(crate) fn zeroed(len: usize) -> io::Result<Mapping> {
        Mapping::anonymous(len, Protection::ReadWrite)
    }

    /// Maps a file of `len` bytes, read-only.
    pub(crate) fn of_file(file: &File, len: usize) -> io::Result<Mapping> {
        if len == 0 {
            return Mapping::reserve(0);
        }
        let len = round_to_pages(len).ok_or(io::ErrorKind::FileTooLarge)?;
        let fd = file.as_raw_fd();
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_READ, libc::MAP_PRIVATE, fd, 0) };
        Mapping::from_result(start, len)
    }

    fn from_result(start: *mut libc::c_void, len: usize) -> io::Result<Mapping> {
        match NonNull::new(start) {
            Some(address) if start != libc::MAP_FAILED => Ok(Mapping { start: address.cast(), len }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Its first byte.
    pub(crate) fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// Its length in bytes, whole pages.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The address of a part, which has to lie inside and to start with a page.
    fn part(&self, offset: usize, len: usize) -> *mut libc::c_void {
        let inside = offset.checked_add(len).is_some_and(|end| end <= self.len);
        assert!(inside && offset.is_multiple_of(page_len()), "{offset:#x}+{len:#x} of {self:?}");
        // SAFETY: inside the mapping.
        unsafe { self.start.as_ptr().add(offset).cast() }
    }

    /// Sets what may be done with the pages of a part.
    pub(crate) fn protect(&self, offset: usize, len: usize, protection: Protection) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        // SAFETY: the pages are ours; who holds pointers into them does so by `unsafe` promises.
        let status = unsafe { libc::mprotect(self.part(offset, len), len, protection.bits()) };
        if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Gets the pages of a part at once, which is quicker than a fault for each. Where the kernel does
    /// not do that (before Linux 5.14), they come as they are written to.
    pub(crate) fn populate(&self, offset: usize, len: usize) {
        // SAFETY: the pages are ours and can be written to; their contents do not change.
        unsafe { libc::madvise(self.part(offset, len), len, libc::MADV_POPULATE_WRITE) };
    }

    /// Replaces the pages of a part, whatever they were, by zeroed ones that can be read and written.
    pub(crate) fn renew(&self, offset: usize, len: usize) -> io::Result<()> {
        let (flags, protection) = (ANONYMOUS | libc::MAP_FIXED, Protection::ReadWrite);
        // SAFETY: replaces pages that are ours.
        let start = unsafe { libc::mmap(self.part(offset, len), len, protection.bits(), flags, -1, 0) };
        if start == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Replaces a part by the file's bytes from `file_offset` on, copy-on-write: as long as they are
    /// not written to, the pages are those of the page cache, shared by everyone who maps the file.
    pub(crate) fn map_file(
        &self,
        offset: usize,
        len: usize,
        file: &File,
        file_offset: u64,
        protection: Protection,
    ) -> io::Result<()> {
        let file_offset = libc::off_t::try_from(file_offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let flags = libc::MAP_PRIVATE | libc::MAP_FIXED;
        // SAFETY: replaces pages that are ours.
        let start =
            unsafe { libc::mmap(self.part(offset, len), len, protection.bits(), flags, file.as_raw_fd(), file_offset) };
        if start == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Makes the mapping `len` bytes long (rounded up to pages); new ones are zero. It may move.
    pub(crate) fn resize(&mut self, len: usize) -> io::Result<()> {
        let len = round_to_pages(len.max(1)).ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: our own mapping, whose new address replaces the old one below.
        let start = unsafe { libc::mremap(self.start.as_ptr().cast(), self.len, len, libc::MREMAP_MAYMOVE) };
        let moved = Mapping::from_result(start, len)?;
        std::mem::forget(std::mem::replace(self, moved));
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: the pages are ours and this is the end of them. A failure leaves them mapped.
            unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
        }
    }
}

/// The number of the present thread, which no other of the process ever has; 0 until [`stack_lowest`] has been
/// asked on it.
#[inline]
pub(crate) fn thread_id() -> u64 {
    THREAD_ID.get()
}

thread_local! {
    static THREAD_ID: Cell<u64> = const { Cell::new(0) };
}

fn new_thread_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The lowest address of the present thread's stack that may be used; 0 if it is not known or if `sp`
/// is on another stack.
pub(crate) fn stack_lowest(sp: usize) -> usize {
    thread_local! {
        static BOUNDS: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
    }
    let (lowest, end) = BOUNDS.get().unwrap_or_else(|| {
        let first = first_stack_bounds().filter(|(lowest, end)| (*lowest..*end).contains(&sp));
        let bounds = first.or_else(stack_bounds).unwrap_or((0, 0));
        BOUNDS.set(Some(bounds));
        THREAD_ID.set(new_thread_id());
        bounds
    });
    if (lowest..end).contains(&sp) { lowest } else { 0 }
}

/// The stack that the process started on, where the kernel has put the bytes that `AT_RANDOM` names: it grows as far as
/// the limit for it allows. The thread library is not asked, since musl's counts only what is mapped so far.
fn first_stack_bounds() -> Option<(usize, usize)> {
    /// The most that is counted on. The kernel keeps twice as much free of other mappings, if the limit is higher.
    const LEN_MAX: usize = 64 << 20;
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: looks a number up; fills `limit`.
    let (random, got) = unsafe { (libc::getauxval(libc::AT_RANDOM), libc::getrlimit(libc::RLIMIT_STACK, &mut limit)) };
    if got != 0 {
        return None;
    }
    let page_len = page_len();
    let end = random as usize / page_len * page_len;
    let len = usize::try_from(limit.rlim_cur).map_or(LEN_MAX, |len| len.min(LEN_MAX));
    // One page more, as below.
    Some((end.checked_sub(len)?.checked_add(page_len)?, end))
}

/// Asks the thread library for the stack's first address above its guard, and its end.
fn stack_bounds() -> Option<(usize, usize)> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut start, mut len, mut guard_len) = (ptr::null_mut(), 0, 0);
    // SAFETY: fills `attributes`, which is used only if that succeeded and destroyed afterwards.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let got = libc::pthread_attr_getstack(attributes.as_ptr(), &mut start, &mut len);
        libc::pthread_attr_getguardsize(attributes.as_ptr(), &mut guard_len);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        if got != 0 {
            return None;
        }
    }
    // One page more than the guard: libraries disagree on whether the guard counts as stack.
    let lowest = (start as usize).checked_add(guard_len)?.checked_add(page_len())?;
    Some((lowest, (start as usize).checked_add(len)?))
}

/// Decides whether a fault at an address is the guest's, and if so makes the thread continue with a
/// trap. Called in a signal handler: no locks, no allocation.
pub(crate) type FaultHandler = fn(address: usize, context: &mut libc::ucontext_t) -> bool;

/// Decides whether an interruption is the guest's, and if so has it trap. Called in a signal handler, too.
pub(crate) type InterruptionHandler = fn(context: &mut libc::ucontext_t) -> bool;

/// Decides whether a floating-point exception is the guest's, and if so masks it. Called in a signal handler, too.
#[cfg(target_arch = "x86_64")]
pub(crate) type ArithmeticHandler = fn(context: &mut libc::ucontext_t) -> bool;

/// The signals that we handle: those of memory faults, of which a guard page raises the one of the system's
/// choice; that of floating-point exceptions; and the one that tells a thread to look whether it is interrupted. That
/// one does nothing by default, and programs that use it have to expect it at any time.
const SIGNALS: [libc::c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, INTERRUPTION];
const INTERRUPTION: libc::c_int = libc::SIGURG;

/// What was installed for a signal before us. Atomics, because a handler reads them.
struct Former {
    action: AtomicUsize,
    flags: AtomicI32,
}

static FORMER: [Former; 4] =
    [const { Former { action: AtomicUsize::new(libc::SIG_DFL), flags: AtomicI32::new(0) } }; 4];

static FAULT_HANDLER: AtomicUsize = AtomicUsize::new(0);
#[cfg(target_arch = "x86_64")]
static ARITHMETIC_HANDLER: AtomicUsize = AtomicUsize::new(0);
static INTERRUPTION_HANDLER: AtomicUsize = AtomicUsize::new(0);

/// Installs `handler` for memory faults, once for the process. Faults that it does not take go to
/// whatever was installed before.
pub(crate) fn install_fault_handler(handler: FaultHandler) {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        FAULT_HANDLER.store(handler as usize, Ordering::Release);
        for (signal, former) in SIGNALS[..2].iter().zip(&FORMER) {
            install(*signal, former, on_fault, 0);
        }
    });
}

/// Installs `handler` for floating-point exceptions, once for the process. Those that it does not take go to whatever
/// was installed before.
#[cfg(target_arch = "x86_64")]
pub(crate) fn install_arithmetic_handler(handler: ArithmeticHandler) {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        ARITHMETIC_HANDLER.store(handler as usize, Ordering::Release);
        install(libc::SIGFPE, &FORMER[2], on_arithmetic, 0);
    });
}

/// Installs `handler` for interruptions, once for the process. Others of its signal go to whatever was installed
/// before.
pub(crate) fn install_interruption_handler(handler: InterruptionHandler) {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        INTERRUPTION_HANDLER.store(handler as usize, Ordering::Release);
        install(INTERRUPTION, &FORMER[3], on_signal, libc::SA_RESTART);
    });
}

/// The present thread's number, as the kernel counts.
pub(crate) fn thread_number() -> u32 {
    // SAFETY: asks for a number. It is not kept: a child that `fork` makes has another one.
    unsafe { libc::gettid() as u32 }
}

/// Has a thread of this process look whether it is interrupted. Does nothing if it has ended.
pub(crate) fn send_interruption(thread: u32) {
    // SAFETY: sends a signal that we handle, and that does nothing to a thread that is not interrupted.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread as libc::pid_t, INTERRUPTION) };
}

type Action = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

fn install(signal: libc::c_int, former: &Former, handler: Action, flags: libc::c_int) {
    // SAFETY: all-zero is a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: only reads what is installed.
    unsafe { libc::sigaction(signal, ptr::null(), &mut action) };
    former.action.store(action.sa_sigaction, Ordering::Release);
    former.flags.store(action.sa_flags, Ordering::Release);
    // The former's mask is kept, so that it runs under the conditions that it asked for. On the
    // alternative stack, as the former may be the one that reports that the ordinary one is full.
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = flags | libc::SA_SIGINFO | libc::SA_ONSTACK | (action.sa_flags & libc::SA_NODEFER);
    // SAFETY: ours are handlers of the `SA_SIGINFO` form that keep to what handlers may do.
    unsafe { libc::sigaction(signal, &action, ptr::null_mut()) };
}

/// The signal handler of interruptions.
extern "C" fn on_signal(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: it was stored from an `InterruptionHandler` before the first signal could come here.
    let handler: InterruptionHandler =
        unsafe { std::mem::transmute(INTERRUPTION_HANDLER.load(Ordering::Acquire) as *const ()) };
    // SAFETY: the kernel passes it, valid and ours for as long as the handler runs.
    let registers = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    if !handler(registers) {
        forward(signal, 0, info, context);
    }
}

/// The signal handler of floating-point exceptions.
#[cfg(target_arch = "x86_64")]
extern "C" fn on_arithmetic(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: it was stored from an `ArithmeticHandler` before the first signal could come here.
    let handler: ArithmeticHandler =
        unsafe { std::mem::transmute(ARITHMETIC_HANDLER.load(Ordering::Acquire) as *const ()) };
    // SAFETY: the kernel passes both, valid and ours for as long as the handler runs.
    let (code, registers) = unsafe { ((*info).si_code, &mut *context.cast::<libc::ucontext_t>()) };
    if code > 0 && handler(registers) {
        return;
    }
    forward(signal, code, info, context);
}

/// The signal handler of faults.
extern "C" fn on_fault(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: it was stored from a `FaultHandler` before the first signal could come here.
    let handler: FaultHandler = unsafe { std::mem::transmute(FAULT_HANDLER.load(Ordering::Acquire) as *const ()) };
    // SAFETY: the kernel passes both, valid and ours for as long as the handler runs.
    let (code, address, registers) =
        unsafe { ((*info).si_code, (*info).si_addr(), &mut *context.cast::<libc::ucontext_t>()) };
    // Codes from 0 down are signals that someone sent: there is no fault and no address.
    if code > 0 && handler(address as usize, registers) {
        return;
    }
    forward(signal, code, info, context);
}

/// Does what would have happened without us.
fn forward(signal: libc::c_int, code: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let former = &FORMER[SIGNALS.iter().position(|ours| *ours == signal).unwrap_or_default()];
    let flags = former.flags.load(Ordering::Acquire);
    let action = if flags & libc::SA_RESETHAND == 0 {
        former.action.load(Ordering::Acquire)
    } else {
        former.action.swap(libc::SIG_DFL, Ordering::AcqRel)
    };
    match action {
        // A fault cannot be ignored: the kernel kills the process then, too.
        libc::SIG_IGN if code <= 0 => {}
        // By default it does nothing.
        libc::SIG_DFL if signal == INTERRUPTION => {}
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: all-zero is a valid `sigaction`: the default action, which ends the process. A
            // faulting instruction runs again after the return and faults; a sent signal is sent again.
            unsafe {
                let default: libc::sigaction = std::mem::zeroed();
                libc::sigaction(signal, &default, ptr::null_mut());
                if code <= 0 {
                    libc::raise(signal);
                }
            }
        }
        // SAFETY: a handler of the form that its flag says was installed there.
        action if flags & libc::SA_SIGINFO != 0 => unsafe {
            std::mem::transmute::<usize, Action>(action)(signal, info, context);
        },
        // SAFETY: as above.
        action => unsafe {
            std::mem::transmute::<usize, extern "C" fn(libc::c_int)>(action)(signal);
        },
    }
}
