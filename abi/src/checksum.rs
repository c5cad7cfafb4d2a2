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
    let tail = hash.stripes(bytes);
    hash.finish(tail)
}

/// XXH32 of `bytes` with seed 0, with the 8 bytes at `at` taken for zeros, as an image's checksum fields are under the
/// checksum that stands there.
pub fn xxh32_without(bytes: &[u8], at: usize) -> u32 {
    let mut hash = Xxh32::new(0);
    // The stripes that the zeros are in, or as many as there are.
    let (before, rest) = bytes.split_at(bytes.len().min(at - at % STRIPE_LEN));
    let (around, behind) = rest.split_at(rest.len().min(2 * STRIPE_LEN));
    let mut copy = [0; 2 * STRIPE_LEN];
    for (to, (from, place)) in copy.iter_mut().zip(around.iter().zip(before.len()..)) {
        *to = if place.wrapping_sub(at) < 8 { 0 } else { *from };
    }
    hash.stripes(before);
    let tail = hash.stripes(copy.get(..around.len()).unwrap_or_default());
    let tail = if behind.is_empty() { tail } else { hash.stripes(behind) };
    hash.finish(tail)
}

/// Length of the unit in which bytes are taken in.
const STRIPE_LEN: usize = 16;

/// XXH32 of bytes that come in pieces of whole stripes.
struct Xxh32 {
    seed: u32,
    lanes: [u32; 4],
    /// How many bytes came, modulo 2^32.
    len: u32,
}

impl Xxh32 {
    /// Of no bytes.
    fn new(seed: u32) -> Xxh32 {
        let lanes = [seed.wrapping_add(P1).wrapping_add(P2), seed.wrapping_add(P2), seed, seed.wrapping_sub(P1)];
        Xxh32 { seed, lanes, len: 0 }
    }

    /// Takes in the next stripes; what is left over comes back.
    #[cfg_attr(target_os = "none", inline(never))]
    fn stripes<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (stripes, tail): (&[[u8; STRIPE_LEN]], _) = bytes.as_chunks();
        for stripe in stripes {
            for (lane, input) in self.lanes.iter_mut().zip(stripe.as_chunks().0) {
                *lane = round(*lane, word(input));
            }
        }
        self.len = self.len.wrapping_add((bytes.len() - tail.len()) as u32);
        tail
    }

    /// The checksum, with less than a stripe at the end.
    #[cfg_attr(target_os = "none", inline(never))]
    fn finish(&self, tail: &[u8]) -> u32 {
        let [a, b, c, d] = self.lanes;
        let mut hash = if self.len != 0 {
            let ab = a.rotate_left(1).wrapping_add(b.rotate_left(7));
            ab.wrapping_add(c.rotate_left(12)).wrapping_add(d.rotate_left(18))
        } else {
            self.seed.wrapping_add(P5)
        };
        hash = hash.wrapping_add(self.len).wrapping_add(tail.len() as u32);
        let (words, bytes) = tail.as_chunks();
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
    use super::{xxh32, xxh32_without};

    #[test]
    fn known_answers() {
        // Reference values of the xxHash project.
        assert_eq!(xxh32(b"", 0), 0x02CC_5D05);
        assert_eq!(xxh32(b"a", 0), 0x550D_7456);
        assert_eq!(xxh32(b"abc", 0), 0x32D1_53FF);
        assert_eq!(xxh32(b"Nobody inspects the spammish repetition", 0), 0xE229_3B2F);
    }

    #[test]
    fn what_is_taken_for_zeros_does_not_count() {
        let bytes: [u8; 100] = core::array::from_fn(|i| (i * 37) as u8);
        for len in 0..=bytes.len() {
            for at in 0..=len {
                let mut zeroed = bytes;
                zeroed.iter_mut().skip(at).take(8).for_each(|byte| *byte = 0);
                assert_eq!(xxh32_without(&bytes[..len], at), xxh32(&zeroed[..len], 0), "{at} of {len}");
            }
        }
    }
}
