//! References as numbers of 64 bits: an integer of 31 bits by itself, and what of the runtime's own became a host value.

/// Bit 63 of an `externref` says that it is a reference of the runtime's, not a token of the host's.
pub(crate) const OWN: u64 = 1 << 63;
/// Then bit 62 says that it is an integer of 31 bits.
const OWN_I31: u64 = 1 << 62;

/// Whether an `externref` is one of the runtime's own.
pub(crate) fn is_own_extern(bits: u64) -> bool {
    bits & OWN != 0
}

/// An integer of 31 bits as a reference.
pub(crate) fn i31(value: i32) -> u64 {
    u64::from((value as u32) << 1 | 1)
}

/// Back from [`i31`].
pub(crate) fn i31_value(bits: u64) -> i32 {
    bits as i32 >> 1
}

/// A reference that is an integer as an `externref`.
pub(crate) fn extern_of_i31(bits: u64) -> u64 {
    OWN | OWN_I31 | u64::from(i31_value(bits) as u32 & 0x7FFF_FFFF)
}

/// Back from [`extern_of_i31`], if it is from there.
pub(crate) fn i31_of_extern(bits: u64) -> Option<u64> {
    (bits & OWN != 0 && bits & OWN_I31 != 0).then(|| i31(bits as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_survive_both_ways() {
        for value in [0, 1, -1, 0x3FFF_FFFF, -0x4000_0000] {
            assert_eq!(i31_value(i31(value)), value);
            let outside = extern_of_i31(i31(value));
            assert!(is_own_extern(outside));
            assert_eq!(i31_of_extern(outside), Some(i31(value)));
        }
        assert_eq!(i31_of_extern(OWN | 5), None);
    }
}
