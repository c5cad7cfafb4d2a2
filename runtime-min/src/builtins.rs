//! The helpers that compiled code calls, one body per row of `for_each_builtin!`. In: raw arguments
//! of the C convention. Out: results, or the number of a trap. The bodies convert and leave the work
//! to the instance, its memories and its tables.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::time::Duration;

use wasmc_abi::{Builtin, TrapCode};

use crate::guest::Guest;
use crate::sys::trap_stub;
use crate::vmctx::{Ptr, RawRef};

/// What a thread expects at the address that it waits at.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "std"), allow(dead_code, reason = "without threads nobody looks at it"))]
pub(crate) enum Expected {
    I32(u32),
    I64(u64),
}

/// Where the pages and elements come from by which memories and tables grow, and exceptions, and whether somebody may
/// stop guests.
pub(crate) trait Growth {
    /// `memory.grow`: the size before, in pages; `None`, and no change, if it fails.
    ///
    /// # Safety
    /// `guest` is what the implementer has put into the block's `RUNTIME` slot, and nobody else uses the
    /// instance and what it is made of.
    unsafe fn grow_memory(guest: NonNull<Guest>, memory: u32, delta_pages: u64) -> Option<u64>;

    /// `table.grow`: the size before; `None`, and no change, if it fails.
    ///
    /// # Safety
    /// As `grow_memory`; `value` is of the table's element type.
    unsafe fn grow_table(guest: NonNull<Guest>, table: u32, delta: u64, value: RawRef) -> Option<u64>;

    /// `memory.atomic.wait32` and `wait64` of a shared memory, which only some instances can have.
    ///
    /// # Safety
    /// The address is that of such a number, aligned, in a shared memory of the guest that the present thread runs.
    unsafe fn wait(_address: NonNull<u8>, _expected: Expected, _timeout: Option<Duration>) -> u32 {
        0
    }

    /// `memory.atomic.notify` of a shared memory: how many threads there were.
    fn notify(_address: NonNull<u8>, _count: u32) -> u32 {
        0
    }

    /// A new exception with a tag of the module, its values 0: its address; `None` if there is no memory for it.
    ///
    /// # Safety
    /// As `grow_memory`.
    unsafe fn new_exception(_guest: NonNull<Guest>, _tag: u32) -> Option<u64> {
        None
    }

    /// `struct.new_default`, `array.new_default`: the address of an object of the type with this record.
    ///
    /// # Safety
    /// As `grow_memory`; the record is that of a type of structs or arrays.
    unsafe fn new_object(_guest: NonNull<Guest>, _record: u64, _count: u64) -> Result<u64, TrapCode> {
        Err(TrapCode::AllocationFailed)
    }

    /// `array.new_data` and `array.new_elem`, from items `from` on of a segment.
    ///
    /// # Safety
    /// As `new_object`; the segment's items are of the array's element type.
    unsafe fn new_array(
        _guest: NonNull<Guest>,
        _record: u64,
        _segment: Segment,
        _from: u64,
        _count: u64,
    ) -> Result<u64, TrapCode> {
        Err(TrapCode::AllocationFailed)
    }

    /// `array.init_data` and `array.init_elem`.
    ///
    /// # Safety
    /// As `grow_memory`; the segment's items are of the array's element type.
    unsafe fn init_array(
        _guest: NonNull<Guest>,
        _array: u64,
        _segment: Segment,
        _to: u64,
        _from: u64,
        _count: u64,
    ) -> Result<(), TrapCode> {
        Err(TrapCode::AllocationFailed)
    }

    /// `any.convert_extern`, of something that is not null.
    ///
    /// # Safety
    /// As `grow_memory`.
    unsafe fn any_from_extern(_guest: NonNull<Guest>, _reference: u64) -> Option<u64> {
        None
    }

    /// `extern.convert_any`, of something that is not null.
    ///
    /// # Safety
    /// As `grow_memory`; the reference is of the hierarchy of `any`.
    unsafe fn extern_from_any(_guest: NonNull<Guest>, _reference: u64) -> Option<u64> {
        None
    }

    /// Whether the guest that the present thread runs is to end, and could not while a helper ran.
    fn is_interrupted() -> bool {
        false
    }
}

/// A segment of the calling module.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "gc"), expect(dead_code, reason = "without objects nobody looks at it"))]
pub(crate) enum Segment {
    /// A data segment.
    Data(u32),
    /// An element segment.
    Elements(u32),
}

/// The record of the instance with a vmctx block.
///
/// # Safety
/// `vmctx` is the block of an instance.
unsafe fn record(vmctx: *mut u8) -> NonNull<Guest> {
    // SAFETY: the slot holds the address of the instance's record, which lives as long as the block.
    unsafe {
        let slot = vmctx.add(wasmc_abi::vmctx::RUNTIME as usize);
        NonNull::new_unchecked(slot.cast::<Ptr<Guest>>().read().0)
    }
}

/// The instance with a vmctx block.
///
/// # Safety
/// `vmctx` is the block of the instance whose code called the helper, and the reference ends with it.
unsafe fn caller<'a>(vmctx: *mut u8) -> &'a Guest {
    // SAFETY: the call that the guest runs in has what the instance is made of, and it waits for the helper.
    unsafe { record(vmctx).as_ref() }
}

/// The address of an object, or the number of the trap to raise.
fn made<G: Growth>(result: Result<u64, TrapCode>) -> u64 {
    match result {
        Ok(_) if G::is_interrupted() => TrapCode::Interrupted as u64,
        Ok(reference) => reference,
        Err(code) => code as u64,
    }
}

/// 0, or the number of the trap to raise.
fn status<G: Growth>(result: Result<(), TrapCode>) -> u32 {
    match result {
        Ok(()) if G::is_interrupted() => TrapCode::Interrupted as u32,
        Ok(()) => 0,
        Err(code) => code as u32,
    }
}

/// The end of a helper that has no status to return.
fn end<G: Growth>() {
    if G::is_interrupted() {
        // SAFETY: the code that called the helper could trap in its place. What is jumped over is the helper's
        // frame, which has nothing to clean up; that it is there is why the trap has no place.
        unsafe { trap_stub(TrapCode::Interrupted as u32) }
    }
}

/// A count or -1.
fn count_or_minus_one(count: Option<u64>) -> u64 {
    count.unwrap_or(u64::MAX)
}

/// The bodies, for instances that grow by `G`.
struct Bodies<G>(PhantomData<G>);

#[allow(non_upper_case_globals, reason = "a body among the others")]
impl<G: Growth> Bodies<G> {
    const trap: unsafe extern "C" fn(u32) -> ! = trap_stub;

    unsafe extern "C" fn memory_grow(vmctx: *mut u8, memory: u32, delta_pages: u64) -> u64 {
        // SAFETY: called by the instance's code.
        count_or_minus_one(unsafe { G::grow_memory(record(vmctx), memory, delta_pages) })
    }

    unsafe extern "C" fn memory_init(vmctx: *mut u8, memory: u32, segment: u32, to: u64, from: u64, len: u64) -> u32 {
        // SAFETY: called by the instance's code.
        status::<G>(unsafe { caller(vmctx) }.memory_init(memory, segment, to, from, len))
    }

    unsafe extern "C" fn data_drop(vmctx: *mut u8, segment: u32) {
        // SAFETY: called by the instance's code.
        unsafe { caller(vmctx) }.drop_data(segment);
    }

    unsafe extern "C" fn table_grow(vmctx: *mut u8, table: u32, delta: u64, value: u64) -> u64 {
        // SAFETY: called by the instance's code, with a reference of the table's element type.
        count_or_minus_one(unsafe { G::grow_table(record(vmctx), table, delta, RawRef::from_slot(value)) })
    }

    unsafe extern "C" fn table_fill(vmctx: *mut u8, table: u32, to: u64, value: u64, count: u64) -> u32 {
        // SAFETY: called by the instance's code, with a reference of the table's element type.
        let (guest, value) = unsafe { (caller(vmctx), RawRef::from_slot(value)) };
        status::<G>(guest.table(table).fill(to, value, count))
    }

    unsafe extern "C" fn table_copy(
        vmctx: *mut u8,
        to_table: u32,
        from_table: u32,
        to: u64,
        from: u64,
        count: u64,
    ) -> u32 {
        // SAFETY: called by the instance's code.
        status::<G>(unsafe { caller(vmctx) }.table_copy((to_table, to), (from_table, from), count))
    }

    unsafe extern "C" fn table_init(vmctx: *mut u8, table: u32, segment: u32, to: u64, from: u64, count: u64) -> u32 {
        // SAFETY: called by the instance's code.
        status::<G>(unsafe { caller(vmctx) }.table_init(table, segment, to, from, count))
    }

    unsafe extern "C" fn elem_drop(vmctx: *mut u8, segment: u32) {
        // SAFETY: called by the instance's code.
        unsafe { caller(vmctx) }.drop_element(segment);
    }

    unsafe extern "C" fn memcpy(to: *mut u8, from: *mut u8, len: usize) -> *mut u8 {
        // SAFETY: the calling code has checked both ranges, or they are its own frame's.
        unsafe { to.copy_from_nonoverlapping(from, len) };
        end::<G>();
        to
    }

    unsafe extern "C" fn memmove(to: *mut u8, from: *mut u8, len: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { to.copy_from(from, len) };
        end::<G>();
        to
    }

    unsafe extern "C" fn memset(to: *mut u8, byte: u32, len: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { to.write_bytes(byte as u8, len) };
        end::<G>();
        to
    }

    unsafe extern "C" fn exception(vmctx: *mut u8, tag: u32) -> u64 {
        // SAFETY: called by the instance's code.
        let exception = unsafe { G::new_exception(record(vmctx), tag) };
        end::<G>();
        exception.unwrap_or(0)
    }

    unsafe extern "C" fn memory_wait32(address: *mut u8, expected: u32, timeout: u64) -> u32 {
        // SAFETY: the calling code has checked the address.
        unsafe { wait::<G>(address, Expected::I32(expected), timeout) }
    }

    unsafe extern "C" fn memory_wait64(address: *mut u8, expected: u64, timeout: u64) -> u32 {
        // SAFETY: as above.
        unsafe { wait::<G>(address, Expected::I64(expected), timeout) }
    }

    unsafe extern "C" fn memory_notify(address: *mut u8, count: u32) -> u32 {
        NonNull::new(address).map_or(0, |address| G::notify(address, count))
    }

    unsafe extern "C" fn object_new(vmctx: *mut u8, ty: *mut u8, count: u64) -> u64 {
        // SAFETY: called by the instance's code, with the record of one of its types.
        made::<G>(unsafe { G::new_object(record(vmctx), ty.addr() as u64, count) })
    }

    unsafe extern "C" fn array_new_data(vmctx: *mut u8, ty: *mut u8, segment: u32, from: u64, count: u64) -> u64 {
        // SAFETY: as above.
        made::<G>(unsafe { G::new_array(record(vmctx), ty.addr() as u64, Segment::Data(segment), from, count) })
    }

    unsafe extern "C" fn array_new_elem(vmctx: *mut u8, ty: *mut u8, segment: u32, from: u64, count: u64) -> u64 {
        // SAFETY: as above.
        made::<G>(unsafe { G::new_array(record(vmctx), ty.addr() as u64, Segment::Elements(segment), from, count) })
    }

    unsafe extern "C" fn array_init_data(
        vmctx: *mut u8,
        array: u64,
        segment: u32,
        to: u64,
        from: u64,
        count: u64,
    ) -> u32 {
        // SAFETY: called by the instance's code, with an array that is there.
        status::<G>(unsafe { G::init_array(record(vmctx), array, Segment::Data(segment), to, from, count) })
    }

    unsafe extern "C" fn array_init_elem(
        vmctx: *mut u8,
        array: u64,
        segment: u32,
        to: u64,
        from: u64,
        count: u64,
    ) -> u32 {
        // SAFETY: as above.
        status::<G>(unsafe { G::init_array(record(vmctx), array, Segment::Elements(segment), to, from, count) })
    }

    unsafe extern "C" fn any_from_extern(vmctx: *mut u8, reference: u64) -> u64 {
        // SAFETY: called by the instance's code.
        unsafe { G::any_from_extern(record(vmctx), reference) }.unwrap_or(0)
    }

    unsafe extern "C" fn extern_from_any(vmctx: *mut u8, reference: u64) -> u64 {
        // SAFETY: as above, with a reference of that hierarchy.
        unsafe { G::extern_from_any(record(vmctx), reference) }.unwrap_or(0)
    }
}

/// Waits for nanoseconds, without end if that is negative.
///
/// # Safety
/// As [`Growth::wait`].
unsafe fn wait<G: Growth>(address: *mut u8, expected: Expected, timeout: u64) -> u32 {
    let timeout = u64::try_from(timeout.cast_signed()).ok().map(Duration::from_nanos);
    // SAFETY: by the caller's promise.
    let result = NonNull::new(address).map_or(0, |address| unsafe { G::wait(address, expected, timeout) });
    end::<G>();
    result
}

/// The Rust type of a helper's parameter or result.
macro_rules! rust_type {
    (ptr) => { *mut u8 };
    (i32) => { u32 };
    (i64) => { u64 };
    (size) => { usize };
    (void) => { () };
    (never) => { ! };
}

/// The helpers' addresses by number: a helper table.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct HelperTable([*const (); Builtin::COUNT]);

// SAFETY: addresses of functions.
unsafe impl Sync for HelperTable {}

impl HelperTable {
    /// As the loader takes them.
    #[cfg(feature = "std")]
    pub(crate) fn addresses(&self) -> [usize; Builtin::COUNT] {
        self.0.map(|helper| helper as usize)
    }
}

macro_rules! helper_table {
    ($($number:literal $name:ident ($($param:ident: $t:ident),*) -> $result:ident, $symbol:literal;)*) => {
        /// The helpers of instances that grow by `G`. That each body has its row's signature, the casts check.
        pub(crate) const fn table<G: Growth>() -> HelperTable {
            HelperTable([$( {
                let body: unsafe extern "C" fn($(rust_type!($t)),*) -> rust_type!($result) = Bodies::<G>::$name;
                body as *const ()
            } ),*])
        }
    };
}
wasmc_abi::for_each_builtin!(helper_table);

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use crate::instance::Hosted;

    #[test]
    fn every_helper_has_an_address_of_its_own() {
        let mut addresses = table::<Hosted>().addresses();
        addresses.sort_unstable();
        assert!(addresses.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
