//! What instructions do with arrays and segments (spec: exec/instructions).

use core::ptr::{self, NonNull};

use wasmc_abi::{TrapCode, object};

use crate::builtins::Segment;
use crate::guest::Guest;
use crate::vmctx::RawRef;

/// Where objects come from.
pub(crate) trait Objects {
    /// A struct, or an array of `count` elements, all zero.
    ///
    /// # Safety
    /// `record` is that of a type of structs or arrays, of an instance whose code waits for the helper that this is called
    /// by; nobody else uses what instances are made of.
    unsafe fn new_object(&mut self, record: u64, count: u64) -> Result<u64, TrapCode>;

    /// Length of the elements of arrays of a type, bytes.
    ///
    /// # Safety
    /// `record` is that of a type of arrays.
    unsafe fn element_len(record: u64) -> u32;
}

/// The parts of an array's elements from `to` on.
///
/// # Safety
/// `array` is a reference to an array.
unsafe fn elements<O: Objects>(array: u64, to: u64, count: u64) -> Result<(NonNull<u8>, u32), TrapCode> {
    let array = NonNull::new(ptr::with_exposed_provenance_mut::<u8>(array as usize)).ok_or(TrapCode::NullReference)?;
    // SAFETY: by the caller's promise.
    unsafe {
        let len = array.add(object::LEN as usize).cast::<u32>().read();
        let inside = to.checked_add(count).is_some_and(|end| end <= len.into());
        let element_len = O::element_len(array.add(object::TYPE as usize).cast().read());
        let start = array.as_ptr().wrapping_add(object::ELEMENTS as usize + to as usize * element_len as usize);
        if inside { Ok((NonNull::new_unchecked(start), element_len)) } else { Err(TrapCode::ArrayOutOfBounds) }
    }
}

/// `array.init_data` and `array.init_elem`.
///
/// # Safety
/// `array` is a reference to an array that items of the segment can be elements of.
pub(crate) unsafe fn init_array<O: Objects>(
    guest: &Guest,
    array: u64,
    segment: Segment,
    to: u64,
    from: u64,
    count: u64,
) -> Result<(), TrapCode> {
    // SAFETY: by the caller's promise.
    let (start, element_len) = unsafe { elements::<O>(array, to, count) }?;
    match segment {
        Segment::Data(segment) => {
            let part = data_part(guest, segment, from, count, element_len)?;
            // SAFETY: as many bytes as the elements have.
            unsafe { start.as_ptr().copy_from_nonoverlapping(part.as_ptr(), part.len()) };
        }
        Segment::Elements(segment) => {
            for (index, reference) in guest.references(segment, from, count)?.map(RawRef::bits).enumerate() {
                // SAFETY: an element of the array.
                unsafe { start.cast::<u64>().add(index).write(reference) };
            }
        }
    }
    Ok(())
}

fn data_part(guest: &Guest, segment: u32, from: u64, count: u64, element_len: u32) -> Result<&[u8], TrapCode> {
    let len = count.checked_mul(element_len.into()).ok_or(TrapCode::MemoryOutOfBounds)?;
    guest.data_part(segment, from, len).ok_or(TrapCode::MemoryOutOfBounds)
}

/// `array.new_data` and `array.new_elem`: the segment is looked at before anything is allocated.
///
/// # Safety
/// As [`Objects::new_object`]; `guest` is the instance, and items of the segment can be elements.
pub(crate) unsafe fn new_array<O: Objects>(
    objects: &mut O,
    guest: &Guest,
    record: u64,
    segment: Segment,
    from: u64,
    count: u64,
) -> Result<u64, TrapCode> {
    match segment {
        Segment::Data(segment) => {
            // SAFETY: by the caller's promise.
            let element_len = unsafe { O::element_len(record) };
            data_part(guest, segment, from, count, element_len)?;
        }
        Segment::Elements(segment) => drop(guest.references(segment, from, count)?),
    }
    // SAFETY: by the caller's promise; an array made just now.
    unsafe {
        let array = objects.new_object(record, count)?;
        init_array::<O>(guest, array, segment, 0, from, count)?;
        Ok(array)
    }
}
