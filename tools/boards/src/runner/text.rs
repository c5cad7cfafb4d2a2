//! Text without an allocator: what does not fit is left out.

use core::fmt::{self, Display, Write};

/// A message.
pub struct Text {
    bytes: [u8; 512],
    len: usize,
}

impl Text {
    /// What `value` displays as.
    pub fn of(value: impl Display) -> Text {
        let mut text = Text { bytes: [0; 512], len: 0 };
        // It does not fail.
        let _ = write!(text, "{value}");
        text
    }

    /// As a string.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.len]).unwrap_or("text that was cut off")
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let len = text.len().min(self.bytes.len() - self.len);
        self.bytes[self.len..][..len].copy_from_slice(&text.as_bytes()[..len]);
        self.len += len;
        Ok(())
    }
}
