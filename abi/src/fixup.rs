//! The two things a loader writes into an image: image base + addend, and the address of a helper.
//! The linker inside the compiler has resolved everything else.

use crate::record::records;

records! {
    /// One pointer-sized slot to fill at load.
    pub struct Fixup {
        /// Image offset of the slot, aligned to the pointer width, inside the relocated segment.
        pub slot: u32,
        /// Below 2^31: an image offset, the slot gets image base + it. Otherwise: helper number + 2^31.
        pub target: u32,
    }
}

/// What a fixup writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixupTarget {
    /// Image base + this offset.
    Image(u32),
    /// The address of the helper with this number.
    Helper(u32),
}

const HELPER: u32 = 1 << 31;

impl Fixup {
    /// A fixup of the slot at image offset `slot`.
    pub fn new(slot: u32, target: FixupTarget) -> Fixup {
        let target = match target {
            FixupTarget::Image(offset) => offset,
            FixupTarget::Helper(number) => HELPER | number,
        };
        Fixup { slot, target }
    }

    /// What the slot gets.
    pub fn decode(self) -> FixupTarget {
        if self.target & HELPER == 0 {
            FixupTarget::Image(self.target)
        } else {
            FixupTarget::Helper(self.target & !HELPER)
        }
    }
}
