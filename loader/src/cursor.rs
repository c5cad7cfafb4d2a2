//! Bounds-checked reads of untrusted little-endian bytes, one after another.

/// A position in bytes. A read past their end gives `None`.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// At `offset` of `bytes`; behind their end there is nothing to read.
    pub(crate) fn at(bytes: &'a [u8], offset: usize) -> Self {
        Cursor { rest: bytes.get(offset..).unwrap_or_default() }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*array)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::Cursor;

    #[test]
    fn reads_are_little_endian_and_end_with_the_bytes() {
        let mut cursor = Cursor::at(&[0, 1, 2, 3, 4, 5, 6, 7], 1);
        assert_eq!(cursor.u16(), Some(0x0201));
        assert_eq!(cursor.array::<8>(), None);
        assert_eq!(cursor.u32(), Some(0x0605_0403));
        assert_eq!(cursor.u16(), None);
        assert_eq!(cursor.array(), Some([7]));
        assert_eq!(cursor.array::<1>(), None);
    }

    #[test]
    fn nothing_lies_behind_the_end() {
        assert_eq!(Cursor::at(&[1], 2).array::<1>(), None);
        assert_eq!(Cursor::at(&[1], usize::MAX).array::<1>(), None);
    }
}
