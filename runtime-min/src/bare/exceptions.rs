//! Exceptions where nothing is allocated: so many of equal length in the instance's buffer, and more of them from what is
//! left of it. In: a tag. Out: an exception that nothing refers to. Those that are caught and gone are found by marking the
//! others, when none is left.

use core::iter;
use core::mem::{offset_of, size_of};
use core::ptr::{self, NonNull};

use wasmc_abi::image::TagRecord;
use wasmc_abi::ram::{self, EXCEPTIONS, EXCEPTIONS_HEAD_LEN};
use wasmc_abi::signature::slot_count;
use wasmc_abi::vmctx::exception;
use wasmc_abi::{TrapCode, ValType};
use wasmc_loader::Image;

use crate::bare::instance::{self, Record};
use crate::roots::{Cells, RootFrame, each_root};
use crate::vmctx::Ptr;

/// The exceptions of an instance, at the head of their part of its buffer.
#[derive(Debug)]
#[repr(C, align(16))]
struct Pool {
    cells: Cells,
    last_roots: RootFrame,
    /// The first of the list that all of them form.
    first: u64,
    /// Bytes of each.
    len: u64,
}

const _: () = assert!(size_of::<Pool>() == EXCEPTIONS_HEAD_LEN as usize);

/// See [`exception`]; the values follow.
#[derive(Debug)]
#[repr(C)]
struct Exception {
    /// What the block has for the tag: its index and 1.
    tag: u64,
    /// Address of the next in the list, with [`IN_USE`].
    next: u64,
}

const _: () = {
    assert!(offset_of!(Exception, tag) == exception::TAG as usize);
    assert!(offset_of!(Exception, next) == exception::OWN as usize);
    assert!(size_of::<Exception>() == exception::LEN as usize);
};

/// Set in [`Exception::next`] from when the exception is made until it is found that nothing refers to it.
const IN_USE: u64 = 1;

/// Bytes of the part for exceptions in the buffer of an instance: none without tags.
pub(super) fn part_len(image: &Image<'_>) -> Option<u32> {
    if image.tags().is_empty() { Some(0) } else { ram::exceptions_len(slots_max(image)) }
}

/// Slots of the values that an exception has at most.
fn slots_max(image: &Image<'_>) -> u32 {
    let slots = |tag| values(image, tag).map(|(_, ty)| slot_count(ty) as u32).sum();
    image.tags().iter().map(slots).max().unwrap_or(0)
}

/// The first slots of the values of exceptions with a tag, and their types.
fn values<'a>(image: &'a Image<'_>, tag: TagRecord) -> impl Iterator<Item = (usize, ValType)> + 'a {
    let types = image.types().get(tag.ty).map(|ty| image.params(&ty));
    types.into_iter().flatten().scan(0, |next, ty| {
        let slot = *next;
        *next += slot_count(ty);
        Some((slot, ty))
    })
}

/// Makes the exceptions of an instance, and has its code find them.
///
/// # Safety
/// At `part`, aligned, are as many zeroed bytes as [`part_len`] says, and nobody else's, for as long as the instance lives.
pub(super) unsafe fn prepare(record: &Record, part: *mut u8) {
    let image = record.guest.image();
    let pool = part.cast::<Pool>();
    let len = ram::exception_len(slots_max(image)).unwrap_or(0);
    // SAFETY: by the caller's promise; the exceptions lie one after another behind the head.
    unsafe {
        (*pool).cells.roots = Ptr(&raw mut (*pool).last_roots);
        (*pool).len = len.into();
        for index in 0..EXCEPTIONS {
            add(pool, pool.add(1).byte_add((index * len) as usize).addr());
        }
    }
    record.guest.block().store().set(Ptr(pool));
    for index in 0..image.tags().len() {
        record.guest.block().tag(index).set(u64::from(index) + 1);
    }
}

/// Puts an exception that is not in use into the list.
///
/// # Safety
/// At the address is room for one, in the instance's buffer, and nobody else's.
unsafe fn add(pool: *mut Pool, address: usize) {
    let new: *mut Exception = ptr::with_exposed_provenance_mut(address);
    // SAFETY: by the caller's promise.
    unsafe {
        new.write(Exception { tag: 0, next: (*pool).first });
        (*pool).first = address as u64;
    }
}

/// The list.
///
/// # Safety
/// `pool` is an instance's, which is not entered as long as the list is used.
unsafe fn exceptions(pool: *const Pool) -> impl Iterator<Item = NonNull<Exception>> {
    let at = |address: u64| NonNull::new(ptr::with_exposed_provenance_mut::<Exception>((address & !IN_USE) as usize));
    // SAFETY: each leads to the next, in the buffer of the instance.
    unsafe { iter::successors(at((*pool).first), move |exception| at((*exception.as_ptr()).next)) }
}

/// A new exception with a tag of the instance's, for its code to give it its values: its address. `None` if those that
/// are referred to have left no room.
///
/// # Safety
/// The instance has tags, this is one of them, and its code waits for the helper that this is called by.
pub(super) unsafe fn new(record: &mut Record, tag: u32) -> Option<u64> {
    let Ptr(pool) = record.guest.block().store::<Pool>().get();
    // SAFETY: by the caller's promise; the room that is left is the instance's.
    unsafe {
        let unused = || exceptions(pool).find(|exception| (*exception.as_ptr()).next & IN_USE == 0);
        let found = unused().or_else(|| {
            collect(record, pool);
            unused()
        });
        if found.is_none() {
            let address = record.free.1.checked_sub((*pool).len as usize).filter(|start| *start >= record.free.0)?;
            record.free.1 = address;
            add(pool, address);
        }
        let exception = found.or_else(unused)?.as_ptr();
        (*exception).tag = u64::from(tag) + 1;
        (*exception).next |= IN_USE;
        Some(exception.addr() as u64)
    }
}

/// Finds out which exceptions are referred to.
///
/// # Safety
/// As [`new`].
unsafe fn collect(record: &Record, pool: *mut Pool) {
    let (guest, image) = (&record.guest, record.guest.image());
    // Whether the reference leads to an exception that was not known to be in use.
    let mark = |reference: u64| {
        // SAFETY: by the caller's promise.
        let mut all = unsafe { exceptions(pool) };
        all.find(|exception| exception.addr().get() as u64 == reference).is_some_and(|exception| {
            // SAFETY: as above.
            let next = unsafe { &mut (*exception.as_ptr()).next };
            let found = *next & IN_USE == 0;
            *next |= IN_USE;
            found
        })
    };
    // SAFETY: by the caller's promise.
    unsafe {
        exceptions(pool).for_each(|exception| (*exception.as_ptr()).next &= !IN_USE);
        each_root(&(*pool).cells, |reference| _ = mark(reference));
    }
    let is_collectable = |ty| ValType::from_number(ty).is_some_and(ValType::is_collectable);
    for (index, _) in (0..).zip(image.globals().iter()).filter(|(_, global)| is_collectable(global.ty)) {
        mark(guest.global(index).get()[0]);
    }
    for (index, _) in (0..).zip(image.tables().iter()).filter(|(_, table)| is_collectable(table.ty)) {
        let elements = guest.table(index);
        for element in (0..elements.count()).filter_map(|index| elements.get(index)) {
            mark(element.bits());
        }
    }
    // An exception may have others among its values.
    loop {
        let mut found = false;
        // SAFETY: as above; an exception that is in use has all its values.
        unsafe {
            for exception in exceptions(pool).filter(|exception| (*exception.as_ptr()).next & IN_USE != 0) {
                let tag = image.tags().get((*exception.as_ptr()).tag.wrapping_sub(1) as u32);
                for (slot, _) in
                    tag.into_iter().flat_map(|tag| values(image, tag)).filter(|(_, ty)| ty.is_collectable())
                {
                    found |= mark(exception.as_ptr().add(1).cast::<u64>().add(slot).read());
                }
            }
        }
        if !found {
            return;
        }
    }
}

/// What an instance's code shares with us.
pub(super) struct Shared(*mut Cells);

impl Shared {
    /// That of an instance that is entered now.
    pub(super) fn of(record: &Record) -> Shared {
        Shared(record.guest.block().store::<Cells>().get().0)
    }

    /// The root frames of the functions that are under way.
    pub(super) fn roots(&self) -> Ptr<RootFrame> {
        // SAFETY: the slot holds the address of the instance's cells, which live as long.
        unsafe { (*self.0).roots }
    }

    /// After a call that began with these root frames and ended by a trap: frames were jumped over.
    pub(super) fn forget(&self, roots: Ptr<RootFrame>) {
        // SAFETY: as above.
        unsafe { ((*self.0).exception, (*self.0).roots) = (0, roots) };
    }

    /// Before a call: there is one fuel for all instances.
    pub(super) fn lend_fuel(&self) {
        if instance::has_common_cells(self.0) {
            return;
        }
        let (used, end) = instance::fuel_state();
        // SAFETY: as above.
        unsafe { ((*self.0).fuel_used, (*self.0).fuel_end) = (used, end) };
    }

    /// After it, if `before` was used then.
    pub(super) fn take_fuel_back(&self, before: u64) {
        if instance::has_common_cells(self.0) {
            return;
        }
        // SAFETY: as above.
        let used = unsafe { (*self.0).fuel_used };
        // Others may have used some meanwhile.
        instance::set_fuel_used(instance::fuel_state().0.saturating_add(used.saturating_sub(before)));
    }

    /// Whether a function was left by an exception, which is forgotten.
    pub(super) fn take_exception(&self) -> Result<(), TrapCode> {
        // SAFETY: as above.
        let exception = unsafe { ptr::replace(&raw mut (*self.0).exception, 0) };
        if exception == 0 { Ok(()) } else { Err(TrapCode::UncaughtException) }
    }
}
