//! The guest's environment: what the embedder gave, nothing of the host's own. In: addresses for the strings.
//! Out: `KEY=VALUE` strings, laid out as C's `environ`. An empty environment is not an error.

use super::{Errno, GuestMemory, WasiCtx};

/// Stores the variables and their addresses.
pub fn environ_get(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    environ: u32,
    environ_buf: u32,
) -> Result<(), Errno> {
    guest.write_strings(environ, environ_buf, &ctx.environ)
}

/// Stores how many variables there are and the bytes that they need.
pub fn environ_sizes_get(ctx: &mut WasiCtx, guest: &mut GuestMemory<'_>, count: u32, bytes: u32) -> Result<(), Errno> {
    guest.write_string_sizes(count, bytes, &ctx.environ)
}
