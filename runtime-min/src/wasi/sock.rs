//! Sockets that the embedder gave: preview 1 cannot make any.
//!
//! In: a descriptor and buffers. Out: an accepted connection, or how many bytes were moved. On anything that is no
//! socket, `notsock`.

use super::descriptor::{Descriptor, Object};
use super::transfer::retry;
use super::types::{Fdflags, Riflags, Rights, Sdflags};
use super::{Errno, GuestMemory, WasiCtx};
use std::io::{IoSlice, IoSliceMut, Read};
use std::net::{Shutdown, TcpStream};

/// Accepts a connection; it gets the rights that the listening socket passes on.
pub fn sock_accept(ctx: &mut WasiCtx, guest: &mut GuestMemory<'_>, fd: u32, flags: u32, out: u32) -> Result<(), Errno> {
    guest.check(out, 4)?;
    ctx.descriptors.reserve(ctx.limits.descriptors)?;
    let nonblock = match Fdflags::parse(flags)? {
        Fdflags::NONE => false,
        Fdflags::NONBLOCK => true,
        _ => return Err(Errno::Inval),
    };
    let descriptor = ctx.descriptors.get(fd)?;
    let Object::Listener(listener) = socket(descriptor, Rights::SOCK_ACCEPT)? else {
        return Err(Errno::Inval);
    };
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(nonblock)?;
    let accepted = Descriptor::stream(stream, descriptor.inheriting);
    let number = ctx.descriptors.insert(accepted, ctx.limits.descriptors)?;
    guest.write_u32(out, number)
}

/// Receives. TCP never cuts a message, so the result flags are 0.
#[allow(clippy::too_many_arguments)] // The specification has them.
pub fn sock_recv(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    flags: u32,
    received: u32,
    result_flags: u32,
) -> Result<(), Errno> {
    guest.check(received, 4)?;
    guest.check(result_flags, 2)?;
    let flags = Riflags::parse(flags)?;
    let stream = connection(ctx.descriptors.get(fd)?, Rights::FD_READ)?;
    let buffers = guest.buffers(iovs, iovs_len, ctx.limits.iovecs)?;
    let len = guest.receive(&buffers, |slices| receive(stream, slices, flags))?;
    guest.write_len(received, len)?;
    guest.write(result_flags, &[0, 0])
}

/// Sends. There are no flags.
pub fn sock_send(
    ctx: &mut WasiCtx,
    guest: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    flags: u32,
    sent: u32,
) -> Result<(), Errno> {
    guest.check(sent, 4)?;
    if flags != 0 {
        return Err(Errno::Inval);
    }
    let stream = connection(ctx.descriptors.get(fd)?, Rights::FD_WRITE)?;
    let buffers = guest.buffers(iovs, iovs_len, ctx.limits.iovecs)?;
    let send = |slices: &[IoSlice<'_>]| retry(|| rustix::io::writev(stream, slices));
    let len = if buffers.is_empty() { 0 } else { guest.send(&buffers, send)? };
    guest.write_len(sent, len)
}

/// Ends one direction of a connection or both.
pub fn sock_shutdown(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, fd: u32, how: u32) -> Result<(), Errno> {
    let stream = connection(ctx.descriptors.get(fd)?, Rights::SOCK_SHUTDOWN)?;
    let how = match Sdflags::parse(how)? {
        Sdflags::RD => Shutdown::Read,
        Sdflags::WR => Shutdown::Write,
        Sdflags::ALL => Shutdown::Both,
        _ => return Err(Errno::Inval),
    };
    Ok(stream.shutdown(how)?)
}

/// The object, if it is a socket at all; that is looked at before rights.
fn socket(descriptor: &Descriptor, rights: Rights) -> Result<&Object, Errno> {
    match descriptor.object {
        Object::Stream(_) | Object::Listener(_) => descriptor.object(rights),
        _ => Err(Errno::Notsock),
    }
}

fn connection(descriptor: &Descriptor, rights: Rights) -> Result<&TcpStream, Errno> {
    match &descriptor.object {
        Object::Listener(_) => Err(Errno::Notconn),
        _ => match socket(descriptor, rights)? {
            Object::Stream(stream) => Ok(stream),
            _ => Err(Errno::Notsock),
        },
    }
}

fn receive(stream: &TcpStream, slices: &mut [IoSliceMut<'_>], flags: Riflags) -> Result<usize, Errno> {
    if flags.contains(Riflags::RECV_PEEK) {
        // Peeking fills one buffer; the rest is a short read.
        return Ok(slices.first_mut().map_or(Ok(0), |slice| stream.peek(slice))?);
    }
    if flags.contains(Riflags::RECV_WAITALL) {
        return receive_all(stream, slices);
    }
    if slices.is_empty() { Ok(0) } else { retry(|| rustix::io::readv(stream, slices)) }
}

/// Fills all buffers, unless the other side ends or an error comes; what came before an error is not lost.
fn receive_all(mut stream: &TcpStream, slices: &mut [IoSliceMut<'_>]) -> Result<usize, Errno> {
    let mut received = 0;
    for slice in slices {
        let mut rest = &mut slice[..];
        while !rest.is_empty() {
            match stream.read(rest) {
                Ok(0) => return Ok(received),
                Ok(len) => {
                    received += len;
                    rest = rest.get_mut(len..).unwrap_or_default();
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) if received > 0 => return Ok(received),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(received)
}
