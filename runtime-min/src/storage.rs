//! Storage of a store: zeroed memory, and objects at fixed addresses. Compiled code has pointers into both.

use std::alloc::Layout;
use std::marker::PhantomData;
use std::num::NonZero;
use std::ptr::NonNull;

use wasmc_abi::vmctx::ALIGN;

/// Zeroed memory, aligned as vmctx blocks and tables are. Compiled code reads and writes it too.
#[derive(Debug)]
pub(crate) struct Zeroed {
    start: NonNull<u8>,
    len: usize,
}

impl Zeroed {
    /// `len` zero bytes; `None` if there is no memory for them.
    pub(crate) fn new(len: usize) -> Option<Zeroed> {
        let layout = Self::layout(len)?;
        if len == 0 {
            // Aligned like any other: copies of nothing, too, are between aligned addresses.
            let start = NonNull::without_provenance(NonZero::new(layout.align()).expect("no alignment is 0"));
            return Some(Zeroed { start, len });
        }
        // SAFETY: the length is positive.
        let start = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })?;
        Some(Zeroed { start, len })
    }

    fn layout(len: usize) -> Option<Layout> {
        Layout::from_size_align(len, ALIGN as usize).ok()
    }

    /// Its first byte.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Its length, bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Zeroed {
    fn drop(&mut self) {
        if let (Some(layout), true) = (Self::layout(self.len), self.len > 0) {
            // SAFETY: allocated in `new` with the same layout.
            unsafe { std::alloc::dealloc(self.start.as_ptr(), layout) };
        }
    }
}

/// Objects of one kind at fixed addresses, by number. They live as long as the arena.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    items: Vec<NonNull<T>>,
    owned: PhantomData<T>,
}

impl<T> Arena<T> {
    pub(crate) const fn new() -> Arena<T> {
        Arena { items: Vec::new(), owned: PhantomData }
    }

    pub(crate) fn push(&mut self, item: T) -> u32 {
        let index = u32::try_from(self.items.len()).expect("fewer than 2^32 objects in a store");
        self.items.push(NonNull::from(Box::leak(Box::new(item))));
        index
    }

    pub(crate) fn len(&self) -> u32 {
        self.items.len() as u32
    }

    /// Its address, for compiled code and for handles.
    pub(crate) fn pointer(&self, index: u32) -> NonNull<T> {
        self.items[index as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        // SAFETY: as in `index`.
        self.items.iter().map(|item| unsafe { item.as_ref() })
    }
}

impl<T> std::ops::Index<u32> for Arena<T> {
    type Output = T;

    fn index(&self, index: u32) -> &T {
        // SAFETY: the object is ours and alive. Compiled code and its builtins, which have addresses
        // of such objects, run only while their store is borrowed for the call.
        unsafe { self.items[index as usize].as_ref() }
    }
}

impl<T> std::ops::IndexMut<u32> for Arena<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        // SAFETY: as above.
        unsafe { self.items[index as usize].as_mut() }
    }
}

impl<T> Drop for Arena<T> {
    fn drop(&mut self) {
        for item in &self.items {
            // SAFETY: made by `Box::leak` in `push`, and nobody uses it any more.
            drop(unsafe { Box::from_raw(item.as_ptr()) });
        }
    }
}
