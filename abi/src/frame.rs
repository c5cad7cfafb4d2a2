//! Frames on the guest's stack, as [`UnwindRecord`](crate::image::UnwindRecord) packs them into one word.

/// What is known of a frame at a code position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Canonical frame address − stack pointer, bytes, a multiple of 4. The caller's stack pointer is
    /// the former.
    pub cfa_offset: u32,
    /// Canonical frame address − address of the return address, bytes, a multiple of 4. `None`: the
    /// return address is still in the link register, as it may be only in the innermost frame.
    pub return_address: Option<u32>,
}

/// Bits of the word below the frame's size.
const DISTANCE_BITS: u32 = 6;
/// Sizes and distances are counted in these, bytes.
const UNIT: u32 = 4;

impl Frame {
    /// The largest size, bytes.
    pub const MAX_CFA_OFFSET: u32 = ((1 << (32 - DISTANCE_BITS)) - 1) * UNIT;

    /// The size in units, shifted by 6, and the return address's distance in units, 0 for the link
    /// register; `None` if they do not fit.
    pub fn pack(self) -> Option<u32> {
        let distance = self.return_address.unwrap_or(0);
        let fits = self.cfa_offset <= Self::MAX_CFA_OFFSET && distance / UNIT < 1 << DISTANCE_BITS;
        let exact = self.cfa_offset.is_multiple_of(UNIT) && distance.is_multiple_of(UNIT);
        let in_register = distance == 0;
        (fits && exact && in_register == self.return_address.is_none())
            .then_some(((self.cfa_offset / UNIT) << DISTANCE_BITS) | (distance / UNIT))
    }

    /// The frame that a word stands for.
    pub fn unpack(word: u32) -> Frame {
        let distance = (word & ((1 << DISTANCE_BITS) - 1)) * UNIT;
        let return_address = if distance == 0 { None } else { Some(distance) };
        Frame { cfa_offset: (word >> DISTANCE_BITS) * UNIT, return_address }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_a_round_trip_and_others_do_not_fit() {
        for cfa_offset in [0, 4, 8, 400, Frame::MAX_CFA_OFFSET] {
            for return_address in [None, Some(4), Some(8), Some(252)] {
                let frame = Frame { cfa_offset, return_address };
                assert_eq!(Frame::unpack(frame.pack().unwrap()), frame);
            }
        }
        for (cfa_offset, return_address) in
            [(2, None), (Frame::MAX_CFA_OFFSET + 4, None), (8, Some(0)), (8, Some(6)), (8, Some(256))]
        {
            assert_eq!(Frame { cfa_offset, return_address }.pack(), None);
        }
    }
}
