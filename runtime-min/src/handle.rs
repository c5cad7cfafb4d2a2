//! References to objects that the host holds: each is a number, and what it stands for stays until the host lets go.

use crate::store::{StoreCore, StoreId};

/// A reference that the host was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle {
    store: StoreId,
    index: u32,
    round: u32,
}

/// The references that the host was given.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    references: Vec<u64>,
    /// How often the host has let go of all. Wraps.
    round: u32,
}

impl Handles {
    pub(crate) fn references(&self) -> &[u64] {
        &self.references
    }

    pub(crate) fn release(&mut self) {
        self.references.clear();
        self.round = self.round.wrapping_add(1);
    }
}

impl StoreCore {
    /// A handle for a reference to an object that is there; `None` for null.
    pub(crate) fn new_handle(&self, reference: u64) -> Option<Handle> {
        if reference == 0 {
            return None;
        }
        let mut handles = self.handles.borrow_mut();
        let (index, round) = (handles.references.len() as u32, handles.round);
        handles.references.push(reference);
        Some(Handle { store: self.id(), index, round })
    }

    /// The reference of a handle.
    pub(crate) fn handle_slot(&self, handle: Option<Handle>) -> u64 {
        let Some(Handle { store, index, round }) = handle else { return 0 };
        store.check(self.id());
        let handles = self.handles.borrow();
        assert!(round == handles.round, "a reference was used after the host had let go of it");
        handles.references[index as usize]
    }
}
