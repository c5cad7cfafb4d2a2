//! Objects that guests refer to and that nobody frees: exceptions. They stay where they are; those that nothing refers
//! to any more are found by marking the others, when enough has been allocated since the last time, and never else.

use std::ptr::{self, NonNull};

use wasmc_abi::vmctx::{exception, root_frame, store_cells};

use crate::exception::TagData;
use crate::storage::Zeroed;
use crate::store::StoreCore;
use crate::vmctx::Ptr;

/// Bytes that are allocated between two collections, at the least; more if more than that is in use.
const BUDGET_MIN: usize = 256 << 10;

/// What the storage of an object costs beside its bytes, about.
const OBJECT_COST: usize = 32;

/// See [`exception`]; the values follow.
#[derive(Debug)]
#[repr(C)]
struct Head {
    tag: Ptr<TagData>,
    /// Whether the present collection has come by.
    marked: u64,
}

/// See [`root_frame`]; the slots follow.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct RootFrame {
    previous: Ptr<RootFrame>,
    count: u64,
}

const _: () = {
    assert!(std::mem::offset_of!(Head, tag) == exception::TAG as usize);
    assert!(std::mem::offset_of!(Head, marked) == exception::OWN as usize);
    assert!(size_of::<Head>() == exception::LEN as usize);
    assert!(std::mem::offset_of!(RootFrame, previous) == root_frame::PREVIOUS as usize);
    assert!(std::mem::offset_of!(RootFrame, count) == root_frame::COUNT as usize);
    assert!(size_of::<RootFrame>() == root_frame::LEN as usize);
};

/// See [`store_cells`].
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Cells {
    /// A reference to an exception.
    pub(crate) exception: u64,
    pub(crate) roots: Ptr<RootFrame>,
}

impl Cells {
    pub(crate) const EMPTY: Cells = Cells { exception: 0, roots: Ptr(ptr::null_mut()) };
}

const _: () = {
    assert!(std::mem::offset_of!(Cells, exception) == store_cells::EXCEPTION as usize);
    assert!(std::mem::offset_of!(Cells, roots) == store_cells::ROOTS as usize);
};

impl RootFrame {
    /// The end of the list.
    pub(crate) const LAST: RootFrame = RootFrame { previous: Ptr(ptr::null_mut()), count: 0 };
}

/// The objects of a store.
#[derive(Debug)]
pub(crate) struct Heap {
    objects: Vec<Zeroed>,
    /// What may still be allocated before the next collection, bytes.
    budget: usize,
}

/// An object that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Object(NonNull<Head>);

impl Object {
    /// The object that a reference names; `None` for null.
    ///
    /// # Safety
    /// `bits` are a reference to an object that has not been reclaimed, and is not before this is used.
    pub(crate) unsafe fn from_reference(bits: u64) -> Option<Object> {
        NonNull::new(ptr::with_exposed_provenance_mut(bits as usize)).map(Object)
    }

    /// As compiled code holds it.
    pub(crate) fn reference(self) -> u64 {
        self.0.as_ptr().expose_provenance() as u64
    }

    /// Its tag.
    pub(crate) fn tag<'a>(self) -> &'a TagData {
        // SAFETY: the object is there; its head names a tag of the store, which lives as long.
        unsafe { &*(*self.0.as_ptr()).tag.0 }
    }

    /// Slot `index` of its values.
    pub(crate) fn slot(self, index: usize) -> *mut u64 {
        assert!(index < self.tag().slots());
        // SAFETY: it has as many slots as its tag's type.
        unsafe { self.0.as_ptr().add(1).cast::<u64>().add(index) }
    }
}

impl Heap {
    pub(crate) const fn new() -> Heap {
        Heap { objects: Vec::new(), budget: BUDGET_MIN }
    }

    /// Whether a collection is due.
    fn is_due(&self) -> bool {
        self.budget == 0
    }

    /// An exception with this tag, its values 0; `None` if there is no memory.
    fn allocate(&mut self, tag: NonNull<TagData>) -> Option<Object> {
        // SAFETY: a tag of the store.
        let len = size_of::<Head>() + 8 * unsafe { tag.as_ref() }.slots();
        let storage = Zeroed::new(len)?;
        self.objects.try_reserve(1).ok()?;
        let head = storage.start().cast::<Head>();
        // SAFETY: there is room for a head.
        unsafe { head.write(Head { tag: Ptr(tag.as_ptr()), marked: 0 }) };
        self.objects.push(storage);
        self.budget = self.budget.saturating_sub(len + OBJECT_COST);
        Some(Object(head))
    }

    /// Frees what none of these references leads to.
    fn collect(&mut self, mut roots: Vec<u64>) {
        while let Some(reference) = roots.pop() {
            // SAFETY: what is referred to has not been freed.
            let Some(object) = (unsafe { Object::from_reference(reference) }) else { continue };
            // SAFETY: the object is there, and no compiled code runs.
            let marked = unsafe { &mut (*object.0.as_ptr()).marked };
            if std::mem::replace(marked, 1) == 0 {
                // SAFETY: slots of references, which are 0 or lead to objects.
                roots.extend(object.tag().references().map(|slot| unsafe { object.slot(slot).read() }));
            }
        }
        self.objects.retain(|storage| {
            let head = storage.start().cast::<Head>();
            // SAFETY: each is an object's.
            std::mem::take(unsafe { &mut (*head.as_ptr()).marked }) == 1
        });
        let in_use: usize = self.objects.iter().map(|storage| storage.len() + OBJECT_COST).sum();
        self.budget = in_use.max(BUDGET_MIN);
    }
}

impl StoreCore {
    /// An exception with the tag of this number, its values 0; `None` if there is no memory. Others that nobody refers
    /// to may be gone then.
    pub(crate) fn new_exception(&mut self, tag: u32) -> Option<Object> {
        if self.heap.is_due() {
            let roots = self.find_roots();
            self.heap.collect(roots);
        }
        self.heap.allocate(self.tags.pointer(tag))
    }

    /// Every reference to an object that is not in one.
    fn find_roots(&self) -> Vec<u64> {
        let mut roots = self.handles.borrow().references().to_vec();
        let globals = self.globals.iter().filter(|global| global.ty.content.is_collectable());
        roots.extend(globals.map(|global| global.value.get()[0]));
        for table in self.tables.iter().filter(|table| table.ty().element.is_collectable()) {
            roots.extend((0..table.elements.count()).filter_map(|index| table.elements.get(index)).map(|r| r.bits()));
        }
        let mut frame = self.cells.roots.0;
        // SAFETY: the list leads through frames of functions that have been called and wait, and ends with ours. Each
        // has as many slots as it says, all of them filled.
        unsafe {
            while !(*frame).previous.0.is_null() {
                let slots = frame.add(1).cast::<u64>();
                roots.extend((0..(*frame).count as usize).map(|slot| slots.add(slot).read()));
                frame = (*frame).previous.0;
            }
        }
        roots
    }
}
