//! Firmware that does what the tests ask for: requests come in a stream of the emulator's host, replies leave in
//! another (`wasmc-test-protocol` draws both). `machine` is the board, `session` what is done from one reset to the next.

#![no_std]
#![no_main]

mod arena;
mod channel;
#[cfg_attr(target_arch = "arm", path = "../cortex_m.rs")]
#[cfg_attr(target_arch = "riscv32", path = "../riscv.rs")]
#[allow(dead_code, reason = "the scene uses more of it")]
mod machine;
#[path = "../semihosting.rs"]
mod semihosting;
mod session;
mod text;

use channel::Channel;
use core::panic::PanicInfo;

/// What start-up code calls.
extern "C" fn main() -> ! {
    let mut channel = Channel::open();
    while session::run(&mut channel) {}
    machine::exit(true)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    channel::complain(format_args!("{info}\n"));
    machine::exit(false)
}
