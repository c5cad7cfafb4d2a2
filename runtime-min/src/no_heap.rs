//! In place of `heap.rs` in a runtime without the feature `gc`: there never is an object, and nothing to collect.

use std::ptr::NonNull;

/// The objects of a store: none.
#[derive(Debug)]
pub(crate) struct Heap {
    pub(crate) stressed: bool,
}

impl Heap {
    pub(crate) fn new() -> Heap {
        Heap { stressed: false }
    }

    pub(crate) fn set_limit(&mut self, _len_bytes: usize) {}

    pub(crate) fn pause(&mut self, _paused: bool) {}

    pub(crate) fn is_paused(&self) -> bool {
        true
    }

    pub(crate) fn is_due(&self, _len: usize) -> bool {
        false
    }

    pub(crate) fn allocate(&mut self, _len: usize) -> Option<NonNull<u8>> {
        None
    }

    pub(crate) fn clear_marks(&mut self) {}

    /// # Safety
    /// As in `heap.rs`.
    pub(crate) unsafe fn mark(&mut self, _object: NonNull<u8>) -> bool {
        false
    }

    pub(crate) fn mark_all(&mut self) {}

    pub(crate) fn sweep(&mut self) {}
}
