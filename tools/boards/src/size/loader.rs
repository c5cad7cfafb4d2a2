//! What firmware keeps of the loader: the least program that loads an image in place, and knows why if it cannot.
//! Never run; `cargo xtask size` measures it.

#![no_std]
#![no_main]

use core::mem::MaybeUninit;
use core::panic::PanicInfo;
use wasmc_loader::{Code, LoadError, Machine, Verify};

/// Where the code is, or why there is none.
static mut LOADED: MaybeUninit<Result<Code<'static>, LoadError>> = MaybeUninit::uninit();

/// What the linker starts from.
///
/// # Safety
/// There are `len` bytes, for ever.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _start(bytes: *const u8, len: usize) -> *const u8 {
    // SAFETY: by the caller's promise.
    let bytes = unsafe { core::slice::from_raw_parts(bytes, len) };
    let image = wasmc_loader::parse(bytes, &Machine::host(), Verify::Full);
    // SAFETY: measured, not run.
    let code = image.and_then(|image| unsafe { wasmc_loader::load_in_place(image) });
    let place = &raw mut LOADED;
    // SAFETY: nobody else uses it.
    unsafe { (*place).write(code) };
    place.cast()
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
