//! RAM for images and instances: given out from the front, and taken back all at once.

use core::{ptr, slice};
use wasmc_runtime::bare::Buffer;

/// What is left of it, by addresses.
#[derive(Clone, Copy)]
pub struct Arena {
    next: usize,
    end: usize,
}

/// What images and instances are aligned to.
const ALIGN: usize = align_of::<Buffer<0>>();

impl Arena {
    /// All of it.
    ///
    /// # Safety
    /// Nobody uses any more what was taken from it before.
    pub unsafe fn whole() -> Arena {
        unsafe extern "C" {
            static _arena_start: u8;
            static _arena_end: u8;
        }
        Arena { next: (&raw const _arena_start).addr(), end: (&raw const _arena_end).addr() }
    }

    /// How many bytes are left.
    pub fn len(&self) -> usize {
        self.end - self.next
    }

    /// Bytes that nobody else has, aligned; `None` if there are not so many.
    pub fn take(&mut self, len: usize) -> Option<&'static mut [u8]> {
        let rounded = len.checked_next_multiple_of(ALIGN).filter(|rounded| *rounded <= self.len())?;
        let start = ptr::with_exposed_provenance_mut(self.next);
        self.next += rounded;
        // SAFETY: RAM that the linker script leaves to this alone; it is given out once.
        Some(unsafe { slice::from_raw_parts_mut(start, len) })
    }

    /// A value that stays where it is.
    pub fn put<T>(&mut self, value: T) -> Option<&'static mut T> {
        const { assert!(align_of::<T>() <= ALIGN) };
        let place: *mut T = self.take(size_of::<T>())?.as_mut_ptr().cast();
        // SAFETY: so many bytes, aligned, that nobody else has.
        unsafe {
            place.write(value);
            Some(&mut *place)
        }
    }
}
