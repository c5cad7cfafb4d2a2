//! Runs compiled code for the tests: requests come on standard input, replies leave on standard output
//! (`wasmc-test-protocol` draws both). Built for each target that has an operating system, and run there or under
//! an emulator.

mod float_control;
mod host;
mod machine;

use machine::Machine;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use wasmc_test_protocol::{Head, Request};

fn main() -> io::Result<()> {
    let mut input = BufReader::with_capacity(1 << 16, io::stdin().lock());
    let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut machine = Machine::new();
    let mut payload = Vec::new();
    while !at_end(&mut input)? {
        let mut head = [0; Head::LEN];
        input.read_exact(&mut head)?;
        let head = Head::read(&head);
        payload.resize(head.len as usize, 0);
        input.read_exact(&mut payload)?;
        let request = Request::read(head, &payload).ok_or_else(|| unknown(head))?;
        let mut written = Ok(());
        machine.perform(request, |reply| {
            reply.write(&mut |bytes| {
                if written.is_ok() {
                    written = output.write_all(bytes);
                }
            });
        });
        written?;
        // Replies that somebody may be waiting for; while there are requests, they can wait.
        if input.buffer().is_empty() {
            output.flush()?;
        }
    }
    Ok(())
}

fn at_end(input: &mut impl BufRead) -> io::Result<bool> {
    Ok(input.fill_buf()?.is_empty())
}

fn unknown(head: Head) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("this is no request: {head:?}"))
}
