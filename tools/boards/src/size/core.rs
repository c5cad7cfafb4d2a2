//! What firmware keeps of the loader and the runtime's core: the least program that loads an image in place, makes an
//! instance with a host function, and calls an export. Never run; `cargo xtask size` measures it.

#![no_std]
#![no_main]

use core::mem::MaybeUninit;
use core::panic::PanicInfo;
use wasmc_runtime::bare::{self, Board, Caller, Error, HostFunc, Instance, Module, Stack};

/// What firmware keeps of a module for as long as it has one.
static mut MODULE: MaybeUninit<Module<'static>> = MaybeUninit::uninit();
static mut INSTANCE: MaybeUninit<Result<Instance<'static, u32>, Error<'static>>> = MaybeUninit::uninit();
static mut HOST_DATA: u32 = 0;

static HOST: &[HostFunc<u32>] = &[HostFunc::new("host", "add", |caller: &mut Caller<'_, u32>, address: u32| {
    *caller.data += caller.memory.get(address as usize).map_or(0, |byte| u32::from(*byte));
})];

/// What the linker starts from: the length of a result, or of what an error takes.
///
/// # Safety
/// There are `len` bytes, for ever, and so on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _start(bytes: *const u8, len: usize, ram: *mut u8, ram_len: usize, result: *mut u8) {
    // SAFETY: measured, not run.
    let (bytes, ram, stack) = unsafe {
        let ram = core::slice::from_raw_parts_mut(ram, ram_len);
        (core::slice::from_raw_parts(bytes, len), ram, Stack::down_to(0x2000_0000))
    };
    // SAFETY: as above.
    let loaded = unsafe { Module::in_place(bytes, &Board::default().machine()) };
    let outcome: Result<i32, Error<'static>> = match loaded {
        Err(error) => Err(error.into()),
        Ok(module) => {
            let place = &raw mut MODULE;
            // SAFETY: nobody else uses the variables.
            let (module, instance, data) =
                unsafe { ((*place).write(module), &mut *&raw mut INSTANCE, &mut *&raw mut HOST_DATA) };
            match instance.write(Instance::new(module, ram, HOST, data, stack)) {
                Ok(instance) => instance.call("run", (1i32,)),
                Err(error) => Err(*error),
            }
        }
    };
    // SAFETY: as above.
    unsafe { result.cast::<Result<i32, Error<'static>>>().write(outcome) };
}

/// As a timer's handler would call it.
#[unsafe(no_mangle)]
pub extern "C" fn on_timer(pc: usize) -> usize {
    bare::stop(pc).unwrap_or(pc)
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
