//! The only cast from a code address to a function pointer.

/// An entry trampoline: calls the guest function at `code`. Reads the arguments from `values`, then
/// writes the results over them, one 8-byte slot after another (see [`wasmc_abi::signature`]).
pub type Entry = unsafe extern "C" fn(vmctx: *mut u8, code: *const u8, values: *mut u64);

/// The entry trampoline at `address`.
///
/// # Safety
/// `address` is the one that [`Code::entry_address`](crate::Code::entry_address) gave,
/// or that of another entry trampoline, and its image stays loaded as long as the result is used.
/// Who calls it passes a vmctx of an instance of the code's image, code of a function whose type
/// the trampoline is for, and slots for its arguments and for its results, whichever are more.
pub unsafe fn entry(address: usize) -> Entry {
    // The exposed address: the memory was obtained outside of Rust's allocations.
    let code: *const () = core::ptr::with_exposed_provenance(address);
    // SAFETY: by the caller's promise machine code with the C convention and this signature is there.
    unsafe { core::mem::transmute::<*const (), Entry>(code) }
}
