//! What instructions do with arrays and segments (spec: exec/instructions).

use std::ptr::NonNull;

use wasmc_abi::{TrapCode, object};

use crate::builtins::Segment;
use crate::guest::Guest;
use crate::objects::Object;
use crate::store::StoreCore;
use crate::type_registry::TypeId;
use crate::vmctx::RawRef;

/// The parts of an array's elements from `to` on.
///
/// # Safety
/// `array` is a reference to an array.
unsafe fn elements(array: u64, to: u64, count: u64) -> Result<(NonNull<u8>, u32), TrapCode> {
    // SAFETY: by the caller's promise.
    unsafe {
        let array = Object::from_reference(array).ok_or(TrapCode::NullReference)?;
        let inside = to.checked_add(count).is_some_and(|end| end <= array.len().into());
        let element_len = array.ty().object().element_len;
        let start = array.at::<u8>(object::ELEMENTS).add(to as usize * element_len as usize);
        if inside { Ok((NonNull::new_unchecked(start), element_len)) } else { Err(TrapCode::ArrayOutOfBounds) }
    }
}

/// `array.init_data` and `array.init_elem`.
///
/// # Safety
/// `array` is a reference to an array that items of the segment can be elements of.
pub(crate) unsafe fn init_array(
    guest: &Guest,
    array: u64,
    segment: Segment,
    to: u64,
    from: u64,
    count: u64,
) -> Result<(), TrapCode> {
    // SAFETY: by the caller's promise.
    let (start, element_len) = unsafe { elements(array, to, count) }?;
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
/// As [`StoreCore::new_object`]; `guest` is an instance of the store, and items of the segment can be elements.
pub(crate) unsafe fn new_array(
    core: &mut StoreCore,
    guest: &Guest,
    record: u64,
    segment: Segment,
    from: u64,
    count: u64,
) -> Result<u64, TrapCode> {
    match segment {
        Segment::Data(segment) => {
            // SAFETY: by the caller's promise.
            let element_len = unsafe { TypeId::from_slot(record) }.object().element_len;
            data_part(guest, segment, from, count, element_len)?;
        }
        Segment::Elements(segment) => drop(guest.references(segment, from, count)?),
    }
    // SAFETY: by the caller's promise; an array made just now.
    unsafe {
        let array = core.new_object(record, count)?;
        init_array(guest, array, segment, 0, from, count)?;
        Ok(array)
    }
}
