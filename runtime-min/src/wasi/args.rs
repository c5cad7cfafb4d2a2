//! The guest's command line. In: addresses for the strings. Out: the strings, laid out as C's `argv`.

use super::{Errno, GuestMemory, WasiCtx};

/// Stores the arguments and their addresses.
pub fn args_get(ctx: &mut WasiCtx, guest: &mut GuestMemory<'_>, argv: u32, argv_buf: u32) -> Result<(), Errno> {
    guest.write_strings(argv, argv_buf, &ctx.args)
}

/// Stores how many arguments there are and the bytes that they need.
pub fn args_sizes_get(ctx: &mut WasiCtx, guest: &mut GuestMemory<'_>, argc: u32, bytes: u32) -> Result<(), Errno> {
    guest.write_string_sizes(argc, bytes, &ctx.args)
}
