//! Whether bytes are UTF-8, in a third of the code that `core` has for it, which is made for speed. On hosts, whose
//! images may have megabytes of names, `core` does it.

/// Whether all of the bytes are.
pub(super) fn is_utf8(bytes: &[u8]) -> bool {
    if cfg!(target_os = "none") { is_utf8_slowly(bytes) } else { core::str::from_utf8(bytes).is_ok() }
}

/// Unicode, table 3-7, "Well-Formed UTF-8 Byte Sequences".
fn is_utf8_slowly(bytes: &[u8]) -> bool {
    // How many bytes the character still has, and what the next one may be.
    let (mut left, mut low, mut high) = (0u8, 0x80, 0xBF);
    for &byte in bytes {
        if left != 0 {
            if byte < low || byte > high {
                return false;
            }
            left = left.saturating_sub(1);
            (low, high) = (0x80, 0xBF);
            continue;
        }
        match byte {
            0..=0x7F => {}
            0xC2..=0xDF => left = 1,
            0xE0..=0xEF => left = 2,
            0xF0..=0xF4 => left = 3,
            _ => return false,
        }
        match byte {
            0xE0 => low = 0xA0,
            0xED => high = 0x9F,
            0xF0 => low = 0x90,
            0xF4 => high = 0x8F,
            _ => {}
        }
    }
    left == 0
}

/// Whether a character may start or end at `at`: bytes that go on with one are 10xxxxxx.
pub(super) fn is_boundary(bytes: &[u8], at: u32) -> bool {
    match bytes.get(at as usize) {
        Some(byte) => byte & 0xC0 != 0x80,
        None => at as usize == bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes next to which something changes.
    const EDGES: [u8; 28] = [
        0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
        0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFE, 0xFF,
    ];

    #[test]
    fn the_small_check_agrees_with_core() {
        let mut checked = 0;
        for a in EDGES {
            for b in EDGES {
                for c in EDGES {
                    for d in EDGES {
                        let bytes = [a, b, c, d, 0x41];
                        for len in 0..=5 {
                            let part = bytes.get(..len).unwrap_or_default();
                            assert_eq!(is_utf8_slowly(part), core::str::from_utf8(part).is_ok(), "{part:x?}");
                            checked += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(checked, 6 * 28 * 28 * 28 * 28);
    }

    #[test]
    fn boundaries_are_those_of_str() {
        let text = "aß€😀";
        for at in 0..12 {
            assert_eq!(is_boundary(text.as_bytes(), at), text.is_char_boundary(at as usize), "{at}");
        }
    }
}
