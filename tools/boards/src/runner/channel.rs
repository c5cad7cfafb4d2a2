//! The two streams, buffered. Replies wait as long as there are requests at hand.

use crate::machine;
use crate::semihosting::File;
use core::fmt::{self, Write};

const LEN: usize = 1 << 16;

/// Both streams.
pub struct Channel {
    input: File,
    output: File,
    read: &'static mut [u8; LEN],
    /// What of it has not been taken yet.
    ready: core::ops::Range<usize>,
    written: &'static mut [u8; LEN],
    written_len: usize,
}

impl Channel {
    /// The emulator's standard input and output. Called once.
    pub fn open() -> Channel {
        static mut READ: [u8; LEN] = [0; LEN];
        static mut WRITTEN: [u8; LEN] = [0; LEN];
        // SAFETY: nobody else names them, and this is called once.
        let (read, written) = unsafe { (&mut *&raw mut READ, &mut *&raw mut WRITTEN) };
        let open = |name, writes| File::open(name, writes).unwrap_or_else(|| machine::exit(false));
        let (input, output) = (open(c"/dev/stdin", false), open(c"/dev/stdout", true));
        Channel { input, output, read, ready: 0..0, written, written_len: 0 }
    }

    /// Fills `bytes`; whether there were as many.
    pub fn read(&mut self, mut bytes: &mut [u8]) -> bool {
        while !bytes.is_empty() {
            if self.ready.is_empty() {
                self.flush();
                self.ready = 0..self.input.read(self.read);
                if self.ready.is_empty() {
                    return false;
                }
            }
            let len = self.ready.len().min(bytes.len());
            let (now, later) = bytes.split_at_mut(len);
            now.copy_from_slice(&self.read[self.ready.start..][..len]);
            (self.ready.start, bytes) = (self.ready.start + len, later);
        }
        true
    }

    /// Writes all of `bytes`, now or later.
    pub fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.written_len == LEN {
                self.flush();
            }
            let len = (LEN - self.written_len).min(bytes.len());
            let (now, later) = bytes.split_at(len);
            self.written[self.written_len..][..len].copy_from_slice(now);
            (self.written_len, bytes) = (self.written_len + len, later);
        }
    }

    fn flush(&mut self) {
        if !self.output.write(&self.written[..self.written_len]) {
            machine::exit(false);
        }
        self.written_len = 0;
    }
}

/// Writes to the emulator's standard error, before the end.
pub fn complain(text: fmt::Arguments<'_>) {
    struct Errors(File);
    impl Write for Errors {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    if let Some(file) = File::open(c"/dev/stderr", true) {
        // It does not fail.
        let _ = Errors(file).write_fmt(text);
    }
}
