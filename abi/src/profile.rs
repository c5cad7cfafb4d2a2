//! Profiles: how often code went which way.
//!
//! The code of an image that was compiled for it counts in a linear memory of its own, which the module exports under
//! [`EXPORT`] and the guest does not know. What lies there is a part of a profile but for its checksum; a profile is one
//! part or several, one after another, whose counts add up. All numbers are little-endian.
//!
//! ```text
//! 0   PartHeader
//!     BodyRecord, one for each defined function
//!     counters, 8 bytes each
//! ```
//!
//! A body is known by its digest alone: a profile says something of every module with that body, for whatever target.
//! Which counter stands for what follows from the body's instructions, in their order:
//!
//! | instruction | counters |
//! |---|---|
//! | the function's start | how often it was called |
//! | `if`, `br_if`, `br_on_…`, `select` | how often the condition did not hold, and how often it did |
//! | `br_table` | how often each target was taken, the default one last |
//! | `call_indirect` | an index in the table, how many more calls went there than elsewhere since it has stood there, all calls |

use crate::checksum::xxh32;
use crate::image::Record;
use crate::record::records;

/// The name of the memory's export.
pub const EXPORT: &str = "wasmc.profile";

/// What a part begins with.
pub const MAGIC: [u8; 8] = *b"wasmprof";

/// The number of this form.
pub const VERSION: u32 = 1;

/// Length of a counter, bytes.
pub const COUNTER_LEN: usize = 8;

/// Where what the checksum is of begins: all behind the field.
pub const CHECKED_FROM: usize = 16;

records! {
    /// The head of a part of a profile.
    pub struct PartHeader {
        /// [`MAGIC`].
        pub magic: [u8; 8],
        /// [`VERSION`].
        pub version: u32,
        /// XXH32, seed 0, of the rest of the part; 0 in an instance's memory.
        pub checksum: u32,
        /// Length of the part, bytes.
        pub len: u32,
        /// Count of bodies.
        pub bodies: u32,
    }

    /// A function's body and its counters.
    pub struct BodyRecord {
        /// The first 16 bytes of the SHA-256 of the body.
        pub digest: [u8; 16],
        /// Index of its first counter.
        pub first: u32,
        /// Count of its counters.
        pub count: u32,
    }
}

/// The head of the part that lies in an instance's memory, with its checksum. What follows it in the part follows it there.
pub fn sealed_head(memory: &[u8]) -> Option<PartHeader> {
    let header = PartHeader::read(memory).filter(|header| header.magic == MAGIC)?;
    let checksum = xxh32(memory.get(CHECKED_FROM..header.len as usize)?, 0);
    Some(PartHeader { checksum, ..header })
}
