//! The helpers that compiled code calls, one body per row of `for_each_builtin!`. In: raw arguments
//! of the C convention. Out: results, or the number of a trap. The bodies convert and leave the work
//! to safe functions of the instance, its memories and its tables.

use wasmc_abi::{Builtin, TrapCode};

use crate::instance::InstanceData;
use crate::store::StoreCore;
use crate::sys::trap_stub as trap;
use crate::vmctx::{Ptr, RawRef};

/// The store and the instance number of a vmctx block.
///
/// # Safety
/// `vmctx` is the block of the instance whose code called the helper, and the references end with it.
unsafe fn caller<'a>(vmctx: *mut u8) -> (&'a mut StoreCore, u32) {
    // SAFETY: the slot holds the address of the instance's record, which lives as long as the block.
    let (store, instance) = unsafe {
        let slot = vmctx.add(wasmc_abi::vmctx::RUNTIME as usize);
        let instance = slot.cast::<Ptr<InstanceData>>().read().0;
        ((*instance).store, (*instance).index)
    };
    // SAFETY: the call that the guest runs in borrows the store, and it waits for the helper.
    (unsafe { &mut *store.as_ptr() }, instance)
}

/// 0, or the number of the trap to raise.
fn status(result: Result<(), TrapCode>) -> u32 {
    result.map_or_else(|code| code as u32, |()| 0)
}

/// A count or -1.
fn count_or_minus_one(count: Option<u64>) -> u64 {
    count.unwrap_or(u64::MAX)
}

unsafe extern "C" fn memory_grow(vmctx: *mut u8, memory: u32, delta_pages: u64) -> u64 {
    // SAFETY: called by the instance's code.
    let (store, instance) = unsafe { caller(vmctx) };
    let memory = store.instances[instance].memories[memory as usize];
    count_or_minus_one(store.memories[memory].grow(delta_pages))
}

unsafe extern "C" fn memory_init(vmctx: *mut u8, memory: u32, segment: u32, to: u64, from: u64, len: u64) -> u32 {
    // SAFETY: called by the instance's code.
    let (store, instance) = unsafe { caller(vmctx) };
    status(store.memory_init(instance, memory, segment, to, from, len))
}

unsafe extern "C" fn data_drop(vmctx: *mut u8, segment: u32) {
    // SAFETY: called by the instance's code.
    let (store, instance) = unsafe { caller(vmctx) };
    store.instances[instance].drop_data(segment);
}

unsafe extern "C" fn table_grow(vmctx: *mut u8, table: u32, delta: u64, value: u64) -> u64 {
    // SAFETY: called by the instance's code, with a reference of the table's element type.
    let ((store, instance), value) = unsafe { (caller(vmctx), RawRef::from_slot(value)) };
    let table = store.instances[instance].tables[table as usize];
    count_or_minus_one(store.tables[table].grow(delta, value))
}

unsafe extern "C" fn table_fill(vmctx: *mut u8, table: u32, to: u64, value: u64, count: u64) -> u32 {
    // SAFETY: called by the instance's code, with a reference of the table's element type.
    let ((store, instance), value) = unsafe { (caller(vmctx), RawRef::from_slot(value)) };
    let table = store.instances[instance].tables[table as usize];
    status(store.tables[table].fill(to, value, count))
}

unsafe extern "C" fn table_copy(vmctx: *mut u8, to_table: u32, from_table: u32, to: u64, from: u64, count: u64) -> u32 {
    // SAFETY: called by the instance's code.
    let (store, instance) = unsafe { caller(vmctx) };
    status(store.table_copy(instance, to_table, from_table, to, from, count))
}

unsafe extern "C" fn table_init(vmctx: *mut u8, table: u32, segment: u32, to: u64, from: u64, count: u64) -> u32 {
    // SAFETY: called by the instance's code.
    let (store, instance) = unsafe { caller(vmctx) };
    status(store.table_init(instance, table, segment, to, from, count))
}

unsafe extern "C" fn elem_drop(vmctx: *mut u8, segment: u32) {
    // SAFETY: called by the instance's code.
    let (store, instance) = unsafe { caller(vmctx) };
    store.instances[instance].drop_element(segment);
}

unsafe extern "C" fn memcpy(to: *mut u8, from: *mut u8, len: usize) -> *mut u8 {
    // SAFETY: the calling code has checked both ranges, or they are its own frame's.
    unsafe { to.copy_from_nonoverlapping(from, len) };
    to
}

unsafe extern "C" fn memmove(to: *mut u8, from: *mut u8, len: usize) -> *mut u8 {
    // SAFETY: as above.
    unsafe { to.copy_from(from, len) };
    to
}

unsafe extern "C" fn memset(to: *mut u8, byte: u32, len: usize) -> *mut u8 {
    // SAFETY: as above.
    unsafe { to.write_bytes(byte as u8, len) };
    to
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

macro_rules! address_table {
    ($($number:literal $name:ident ($($param:ident: $t:ident),*) -> $result:ident, $symbol:literal;)*) => {
        /// The helpers' addresses by number. That each body has its row's signature, the casts check.
        pub(crate) fn addresses() -> [usize; Builtin::COUNT] {
            [$( {
                let body: unsafe extern "C" fn($(rust_type!($t)),*) -> rust_type!($result) = $name;
                body as *const () as usize
            } ),*]
        }
    };
}
wasmc_abi::for_each_builtin!(address_table);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_helper_has_an_address_of_its_own() {
        let mut addresses = addresses();
        addresses.sort_unstable();
        assert!(addresses.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
