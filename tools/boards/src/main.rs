//! Firmware for emulated boards. `machine` is the board: start-up, clock, output, end. `scene` is what it does with
//! images, the same on every board. Start reading there.

#![no_std]
#![no_main]

#[cfg_attr(target_arch = "arm", path = "cortex_m.rs")]
#[cfg_attr(target_arch = "riscv32", path = "riscv.rs")]
mod machine;
mod refusals;
mod scene;
#[cfg(target_arch = "arm")]
mod semihosting;

use core::fmt::{self, Write};
use core::panic::PanicInfo;

/// The board's output, for `write!`.
struct Output;

impl Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        machine::write(text.as_bytes());
        Ok(())
    }
}

/// Prints a line.
macro_rules! say {
    ($($part:tt)*) => {{
        use core::fmt::Write;
        // Output does not fail.
        let _ = writeln!($crate::Output, $($part)*);
    }};
}
use say;

/// What start-up code calls.
extern "C" fn main() -> ! {
    scene::play();
    machine::exit(true)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say!("{info}");
    machine::exit(false)
}
