//! Where a collection starts from: the references to objects that are not in objects.

use core::mem::{offset_of, size_of};

use wasmc_abi::vmctx::{root_frame, store_cells};

#[cfg(feature = "std")]
use crate::store::StoreCore;
use crate::vmctx::Ptr;

/// See [`root_frame`]; the slots follow.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct RootFrame {
    previous: Ptr<RootFrame>,
    count: u64,
}

const _: () = {
    assert!(offset_of!(RootFrame, previous) == root_frame::PREVIOUS as usize);
    assert!(offset_of!(RootFrame, count) == root_frame::COUNT as usize);
    assert!(size_of::<RootFrame>() == root_frame::LEN as usize);
};

impl RootFrame {
    /// The end of the list.
    pub(crate) const LAST: RootFrame = RootFrame { previous: Ptr(core::ptr::null_mut()), count: 0 };
}

/// See [`store_cells`].
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Cells {
    /// A reference to an exception.
    pub(crate) exception: u64,
    pub(crate) roots: Ptr<RootFrame>,
    pub(crate) fuel_used: u64,
    pub(crate) fuel_end: u64,
}

impl Cells {
    /// No exception, no function under way but the `last`, and more fuel than can be used.
    pub(crate) const fn first(last: Ptr<RootFrame>) -> Cells {
        Cells { exception: 0, roots: last, fuel_used: 0, fuel_end: wasmc_abi::vmctx::FUEL_MAX + 1 }
    }
}

const _: () = {
    assert!(offset_of!(Cells, exception) == store_cells::EXCEPTION as usize);
    assert!(offset_of!(Cells, roots) == store_cells::ROOTS as usize);
    assert!(offset_of!(Cells, fuel_used) == store_cells::FUEL_USED as usize);
    assert!(offset_of!(Cells, fuel_end) == store_cells::FUEL_END as usize);
    assert!(size_of::<Cells>() == store_cells::LEN as usize);
};

/// Hands over what the functions hold that have been called and wait.
///
/// # Safety
/// The list of the cells leads through the frames of such functions to the last one; each has as many slots as it says,
/// all of them filled.
#[cfg(any(feature = "std", feature = "gc"))]
pub(crate) unsafe fn each_root(cells: &Cells, mut each: impl FnMut(u64)) {
    let mut frame = cells.roots.0;
    // SAFETY: by the caller's promise.
    unsafe {
        while !(*frame).previous.0.is_null() {
            let slots = frame.add(1).cast::<u64>();
            (0..(*frame).count as usize).for_each(|slot| each(slots.add(slot).read()));
            frame = (*frame).previous.0;
        }
    }
}

#[cfg(feature = "std")]
impl StoreCore {
    /// Every reference to an object that is not in one.
    pub(crate) fn find_roots(&self) -> Vec<u64> {
        let mut roots = self.handles.borrow().references().to_vec();
        roots.extend_from_slice(self.externals.references());
        let globals = self.globals.iter().filter(|global| global.ty.content.is_collectable());
        roots.extend(globals.map(|global| global.value.get()[0]));
        for table in self.tables.iter().filter(|table| table.ty().element.is_collectable()) {
            roots.extend((0..table.elements.count()).filter_map(|index| table.elements.get(index)).map(|r| r.bits()));
        }
        // SAFETY: compiled code waits, which has made the list; it ends with ours.
        unsafe { each_root(&self.cells, |reference| roots.push(reference)) };
        roots
    }
}
