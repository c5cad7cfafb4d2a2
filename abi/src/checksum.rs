//! XXH32, the checksum of an image's metadata and of its body: fast on 32-bit machines, a few
//! dozen instructions of code. It finds accidents (bit rot, truncation), not attackers.
//! Source: the xxHash specification, "XXH32 algorithm description".

const P1: u32 = 0x9E37_79B1;
const P2: u32 = 0x85EB_CA77;
const P3: u32 = 0xC2B2_AE3D;
const P4: u32 = 0x27D4_EB2F;
const P5: u32 = 0x1656_67B1;

fn word(bytes: &[u8; 4]) -> u32 {
    u32::from_le_bytes(*bytes)
}

fn round(lane: u32, input: u32) -> u32 {
    lane.wrapping_add(input.wrapping_mul(P2)).rotate_left(13).wrapping_mul(P1)
}

/// XXH32 of `bytes` with the given seed.
pub fn xxh32(bytes: &[u8], seed: u32) -> u32 {
    let mut hash = Xxh32::new(seed);
    hash.update(bytes);
    hash.finish()
}

/// Length of the unit in which bytes are taken in.
const STRIPE_LEN: usize = 16;

/// XXH32 of bytes that come in pieces: of an image's head, the part before its checksum fields, zeros
/// for them, the part behind.
pub struct Xxh32 {
    seed: u32,
    lanes: [u32; 4],
    /// How many bytes came, modulo 2^32.
    len: u32,
    /// The bytes after the last whole stripe.
    tail: [u8; STRIPE_LEN],
    tail_len: usize,
    /// Whether there was a whole stripe.
    striped: bool,
}

impl Xxh32 {
    /// Of no bytes.
    pub fn new(seed: u32) -> Xxh32 {
        let lanes = [seed.wrapping_add(P1).wrapping_add(P2), seed.wrapping_add(P2), seed, seed.wrapping_sub(P1)];
        Xxh32 { seed, lanes, len: 0, tail: [0; STRIPE_LEN], tail_len: 0, striped: false }
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.len = self.len.wrapping_add(bytes.len() as u32);
        if self.tail_len > 0 {
            let free = self.tail.get_mut(self.tail_len..).unwrap_or_default();
            let (fill, rest) = bytes.split_at(free.len().min(bytes.len()));
            free.iter_mut().zip(fill).for_each(|(to, from)| *to = *from);
            (self.tail_len, bytes) = (self.tail_len + fill.len(), rest);
            if self.tail_len < STRIPE_LEN {
                return;
            }
            let stripe = self.tail;
            self.stripe(&stripe);
        }
        let (stripes, tail) = bytes.as_chunks();
        stripes.iter().for_each(|stripe| self.stripe(stripe));
        self.tail.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
        self.tail_len = tail.len();
    }

    fn stripe(&mut self, stripe: &[u8; STRIPE_LEN]) {
        for (lane, input) in self.lanes.iter_mut().zip(stripe.as_chunks().0) {
            *lane = round(*lane, word(input));
        }
        self.striped = true;
    }

    /// The checksum of all bytes so far.
    pub fn finish(&self) -> u32 {
        let [a, b, c, d] = self.lanes;
        let mut hash = if self.striped {
            let ab = a.rotate_left(1).wrapping_add(b.rotate_left(7));
            ab.wrapping_add(c.rotate_left(12)).wrapping_add(d.rotate_left(18))
        } else {
            self.seed.wrapping_add(P5)
        };
        hash = hash.wrapping_add(self.len);
        let (words, bytes) = self.tail.get(..self.tail_len).unwrap_or_default().as_chunks();
        for w in words {
            hash = hash.wrapping_add(word(w).wrapping_mul(P3)).rotate_left(17).wrapping_mul(P4);
        }
        for &b in bytes {
            hash = hash.wrapping_add(u32::from(b).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1);
        }
        hash = (hash ^ (hash >> 15)).wrapping_mul(P2);
        hash = (hash ^ (hash >> 13)).wrapping_mul(P3);
        hash ^ (hash >> 16)
    }
}

#[cfg(test)]
mod tests {
    use super::{Xxh32, xxh32};

    #[test]
    fn known_answers() {
        // Reference values of the xxHash project.
        assert_eq!(xxh32(b"", 0), 0x02CC_5D05);
        assert_eq!(xxh32(b"a", 0), 0x550D_7456);
        assert_eq!(xxh32(b"abc", 0), 0x32D1_53FF);
        assert_eq!(xxh32(b"Nobody inspects the spammish repetition", 0), 0xE229_3B2F);
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let bytes: [u8; 100] = core::array::from_fn(|i| (i * 37) as u8);
        for len in 0..=bytes.len() {
            for middle in 0..=len {
                for second in [middle, len.min(middle + 8), len] {
                    let mut hash = Xxh32::new(7);
                    hash.update(&bytes[..middle]);
                    hash.update(&bytes[middle..second]);
                    hash.update(&bytes[second..len]);
                    assert_eq!(hash.finish(), xxh32(&bytes[..len], 7));
                }
            }
        }
    }
}
