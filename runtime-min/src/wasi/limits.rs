//! What one guest may hold or ask for at a time (threat model, section 5).
//!
//! An embedder chooses [`Limits`]; a value above the hard cap is lowered to it.

/// Bounds on what a guest can make the host keep or do in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open descriptors, standard streams and preopens included.
    pub descriptors: u32,
    /// Buffers of one vectored read or write that are used; more are left for the next call.
    pub iovecs: u32,
    /// Bytes of one path.
    pub path_bytes: u32,
    /// Subscriptions of one `poll_oneoff`.
    pub subscriptions: u32,
}

impl Limits {
    /// What a new context has.
    pub const DEFAULT: Limits = Limits { descriptors: 64, iovecs: 64, path_bytes: 1024, subscriptions: 32 };
    /// What an embedder can raise them to.
    pub const HARD_CAP: Limits = Limits { descriptors: 1024, iovecs: 1024, path_bytes: 4096, subscriptions: 1024 };

    /// The same limits, none above its hard cap.
    pub fn capped(self) -> Limits {
        let cap = Limits::HARD_CAP;
        Limits {
            descriptors: self.descriptors.min(cap.descriptors),
            iovecs: self.iovecs.min(cap.iovecs),
            path_bytes: self.path_bytes.min(cap.path_bytes),
            subscriptions: self.subscriptions.min(cap.subscriptions),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits::DEFAULT
    }
}

/// Bytes that `random_get` asks the host for at once.
pub const RANDOM_CHUNK_BYTES: usize = 4096;

/// Bytes that an [`OutputBuffer`](super::OutputBuffer) keeps unless told otherwise.
pub const CAPTURED_OUTPUT_BYTES: usize = 64 << 20;
