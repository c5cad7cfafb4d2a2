//! Memory for objects out of the buffers of instances: parts of them, each divided up into cells, which are free or in use.
//! A collection frees all cells and takes those into use again that something refers to; free neighbours are joined
//! when a cell is looked for.

use core::iter;
use core::mem::size_of;
use core::ptr::{self, NonNull};

use wasmc_abi::ram::OBJECT_HEAD_LEN;

/// A part of a buffer; its cells follow.
#[derive(Debug)]
#[repr(C)]
struct Part {
    next: *mut Part,
    /// Bytes, with this head: a multiple of [`GRAIN`].
    len: usize,
}

/// An object's memory follows.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Cell {
    /// Bytes, with this head: a multiple of [`GRAIN`]. And what it is used for.
    state: usize,
    /// A list that a collection makes.
    next: *mut Cell,
}

/// Lengths are multiples of this. A part's head has as many bytes as a cell's, so that it becomes a cell when the part in
/// front of it gets longer.
pub(super) const GRAIN: usize = size_of::<Cell>();
const _: () = assert!(size_of::<Part>() == GRAIN && GRAIN <= OBJECT_HEAD_LEN as usize && GRAIN.is_multiple_of(8));

/// Nobody may have the cell.
const IN_USE: usize = 1;
/// And nobody ever will.
const PINNED: usize = 2;
const FLAGS: usize = IN_USE | PINNED;

/// Free cells that are shorter are passed over until the next collection.
const SMALL_LEN: usize = 64;

impl Cell {
    /// The cell of an object.
    ///
    /// # Safety
    /// `object` is the address of an object in a heap.
    pub(super) unsafe fn of(object: u64) -> *mut Cell {
        ptr::with_exposed_provenance_mut::<Cell>(object as usize).wrapping_sub(1)
    }

    fn object(cell: *mut Cell) -> NonNull<u8> {
        // SAFETY: it lies behind the head, and not at the end of all addresses.
        unsafe { NonNull::new_unchecked(cell.wrapping_add(1).cast()) }
    }

    fn len(&self) -> usize {
        self.state & !FLAGS
    }

    fn is_in_use(&self) -> bool {
        self.state & IN_USE != 0
    }

    /// Takes it into use and puts it into the list, if it is not in use already.
    ///
    /// # Safety
    /// `this` is a cell, and nobody else uses its heap.
    pub(super) unsafe fn mark(this: *mut Cell, list: &mut *mut Cell) {
        // SAFETY: by the caller's promise.
        unsafe {
            if !(*this).is_in_use() {
                (*this).state |= IN_USE;
                (*this).next = *list;
                *list = this;
            }
        }
    }

    /// Takes the first one off the list: its object.
    ///
    /// # Safety
    /// As above; all of the list are cells.
    pub(super) unsafe fn pop(list: &mut *mut Cell) -> Option<NonNull<u8>> {
        let first = *list;
        if first.is_null() {
            return None;
        }
        // SAFETY: by the caller's promise.
        *list = unsafe { (*first).next };
        Some(Cell::object(first))
    }

    /// Keeps it in use for ever.
    ///
    /// # Safety
    /// As `mark`.
    pub(super) unsafe fn pin(this: *mut Cell) {
        // SAFETY: by the caller's promise.
        unsafe { (*this).state |= PINNED };
    }
}

/// The parts of an instance's buffer that objects are in.
#[derive(Debug)]
pub(super) struct Heap {
    first: *mut Part,
    /// Where the next free cell is looked for.
    part: *mut Part,
    cell: *mut Cell,
    /// Bytes of all parts.
    len: usize,
}

impl Heap {
    pub(super) const EMPTY: Heap =
        Heap { first: ptr::null_mut(), part: ptr::null_mut(), cell: ptr::null_mut(), len: 0 };

    /// Bytes of all its parts.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a part of `len` bytes, as one free cell.
    ///
    /// # Safety
    /// At `start`, a multiple of [`GRAIN`] as `len` is, which is at least twice that, are that many bytes, nobody else's as
    /// long as the heap is used.
    pub(super) unsafe fn add(&mut self, start: *mut u8, len: usize) {
        let part = start.cast::<Part>();
        let cell = part.wrapping_add(1).cast::<Cell>();
        // SAFETY: by the caller's promise; the old part's head is as long as a cell's, and is not needed any more.
        unsafe {
            cell.write(Cell { state: len - GRAIN, next: ptr::null_mut() });
            let behind = start.wrapping_add(len).cast::<Part>();
            if behind == self.first {
                let Part { next, len: more } = self.first.read();
                behind.cast::<Cell>().write(Cell { state: GRAIN, next: ptr::null_mut() });
                part.write(Part { next, len: len + more });
            } else {
                part.write(Part { next: self.first, len });
            }
        }
        self.first = part;
        self.len += len;
        self.rewind();
    }

    /// Free cells are looked for from the start again.
    fn rewind(&mut self) {
        self.part = self.first;
        self.cell = self.first.wrapping_add(1).cast();
    }

    /// All cells.
    ///
    /// # Safety
    /// Nobody else uses the heap, and no cells are joined or divided, as long as the cells are used.
    unsafe fn cells(&self) -> impl Iterator<Item = *mut Cell> {
        let parts = iter::successors(NonNull::new(self.first), |part| {
            // SAFETY: each leads to the next.
            NonNull::new(unsafe { (*part.as_ptr()).next })
        });
        parts.flat_map(|part| {
            let part = part.as_ptr();
            // SAFETY: the cells fill the part.
            unsafe {
                let end = part.wrapping_byte_add((*part).len).cast::<Cell>();
                let first = part.wrapping_add(1).cast::<Cell>();
                let next =
                    move |cell: &*mut Cell| Some(cell.wrapping_byte_add((**cell).len())).filter(|next| *next < end);
                iter::successors(Some(first), next)
            }
        })
    }

    /// Memory for an object: a cell of `len` bytes, a multiple of [`GRAIN`], zeroed behind its head; `None` if there is
    /// none that is as long.
    ///
    /// # Safety
    /// Nobody else uses the heap.
    pub(super) unsafe fn take(&mut self, len: usize) -> Option<NonNull<u8>> {
        let (mut part, mut cell) = (self.part, self.cell);
        // Whether nothing worth another look lies behind.
        let mut passed = true;
        // SAFETY: the cells fill each part, and are nobody else's.
        unsafe {
            while !part.is_null() {
                let end = part.wrapping_byte_add((*part).len).cast::<Cell>();
                while cell < end {
                    if !(*cell).is_in_use() {
                        let mut found = (*cell).len();
                        while let next = cell.wrapping_byte_add(found)
                            && next < end
                            && !(*next).is_in_use()
                        {
                            found += (*next).len();
                        }
                        (*cell).state = found;
                        if found >= len {
                            if found > len {
                                let rest = cell.wrapping_byte_add(len);
                                rest.write(Cell { state: found - len, next: ptr::null_mut() });
                            }
                            (*cell).state = len | IN_USE;
                            if passed {
                                (self.part, self.cell) = (part, cell);
                            }
                            let object = Cell::object(cell);
                            object.write_bytes(0, len - GRAIN);
                            return Some(object);
                        }
                        passed &= found < SMALL_LEN;
                    }
                    cell = cell.wrapping_byte_add((*cell).len());
                    if passed {
                        (self.part, self.cell) = (part, cell);
                    }
                }
                part = (*part).next;
                cell = part.wrapping_add(1).cast();
            }
        }
        None
    }

    /// Begins a collection: frees all cells; those that are pinned are taken into use again, and into the list.
    ///
    /// # Safety
    /// Nobody else uses the heap; as [`Cell::mark`].
    pub(super) unsafe fn clear(&mut self, list: &mut *mut Cell) {
        // SAFETY: by the caller's promise.
        unsafe {
            for cell in self.cells() {
                (*cell).state &= !IN_USE;
                if (*cell).state & PINNED != 0 {
                    Cell::mark(cell, list);
                }
            }
        }
        self.rewind();
    }

    /// Bytes of cells that are in use.
    ///
    /// # Safety
    /// Nobody else uses the heap.
    pub(super) unsafe fn used(&self) -> usize {
        // SAFETY: by the caller's promise.
        unsafe { self.cells().filter(|cell| (**cell).is_in_use()).map(|cell| (*cell).len()).sum() }
    }

    /// Whether an address is that of an object that is in use; whether it is pinned.
    ///
    /// # Safety
    /// Nobody else uses the heap.
    pub(super) unsafe fn find(&self, address: u64) -> Option<bool> {
        // SAFETY: by the caller's promise.
        unsafe {
            let mut used = self.cells().filter(|cell| (**cell).is_in_use());
            let found = used.find(|cell| Cell::object(*cell).addr().get() as u64 == address)?;
            Some((*found).state & PINNED != 0)
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use std::vec::Vec;

    const LEN: usize = 4096;

    #[repr(align(16))]
    struct Room([u8; LEN]);

    /// Cells of these lengths, as many as there are.
    ///
    /// # Safety
    /// As [`Heap::take`].
    unsafe fn fill(heap: &mut Heap, lens: &mut impl Iterator<Item = usize>) -> Vec<(NonNull<u8>, usize)> {
        // SAFETY: by the caller's promise.
        lens.map_while(|len| unsafe { heap.take(len) }.map(|object| (object, len))).collect()
    }

    #[test]
    fn cells_do_not_overlap_and_what_nothing_refers_to_is_used_again() {
        let (mut low, mut high) = (Room([0xAB; LEN]), Room([0xAB; LEN]));
        let mut heap = Heap::EMPTY;
        // SAFETY: the rooms are there to the end, and this is the only one who uses the heap.
        unsafe {
            assert_eq!(heap.take(GRAIN), None);
            heap.add(high.0.as_mut_ptr(), LEN);
            heap.add(low.0.as_mut_ptr().add(LEN / 2), LEN / 2);
            heap.add(low.0.as_mut_ptr(), LEN / 2);
            assert_eq!(heap.len(), 2 * LEN);
            // As one cell: both halves, but for the part's head.
            let whole = heap.take(LEN - GRAIN).unwrap();
            assert_eq!(whole.as_ptr(), low.0.as_mut_ptr().add(2 * GRAIN));
            for round in 0..10 {
                let mut list = ptr::null_mut();
                heap.clear(&mut list);
                assert_eq!((list, heap.used()), (ptr::null_mut(), 0));
                let mut lens = (0..).map(|i| GRAIN * (2 + (i * 7 + round) % 11));
                let mut cells = fill(&mut heap, &mut lens);
                assert!(cells.len() > 2 * LEN / (13 * GRAIN), "{}", cells.len());
                for (object, len) in &cells {
                    let bytes = std::slice::from_raw_parts_mut(object.as_ptr(), len - GRAIN);
                    assert!(bytes.iter().all(|byte| *byte == 0));
                    bytes.fill(0xCD);
                    assert_eq!(heap.find(object.as_ptr().addr() as u64), Some(false));
                }
                // Every third one stays; the others' place is found again, in cells of the same and other lengths.
                heap.clear(&mut list);
                let kept: Vec<_> = cells.iter().copied().step_by(3).collect();
                kept.iter().for_each(|(object, _)| Cell::mark(Cell::of(object.addr().get() as u64), &mut list));
                let mut listed = Vec::new();
                while let Some(object) = Cell::pop(&mut list) {
                    listed.push(object);
                }
                assert_eq!(listed.len(), kept.len());
                let used = heap.used();
                assert_eq!(used, kept.iter().map(|(_, len)| *len).sum());
                let mut small = iter::repeat(2 * GRAIN);
                let more = fill(&mut heap, &mut small);
                assert!(more.len() * 2 * GRAIN + used > 2 * LEN - 60 * GRAIN);
                cells = kept.into_iter().chain(more).collect();
                cells.sort_unstable();
                for pair in cells.windows(2) {
                    let (start, len) = pair[0];
                    assert!(start.addr().get() + len <= pair[1].0.addr().get(), "{pair:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_pinned_stays() {
        let mut room = Room([0; LEN]);
        let mut heap = Heap::EMPTY;
        // SAFETY: as above.
        unsafe {
            heap.add(room.0.as_mut_ptr(), LEN);
            let [first, second] = [(); 2].map(|()| heap.take(4 * GRAIN).unwrap());
            Cell::pin(Cell::of(second.addr().get() as u64));
            let mut list = ptr::null_mut();
            heap.clear(&mut list);
            assert_eq!(Cell::pop(&mut list), Some(second));
            assert_eq!(heap.find(second.addr().get() as u64), Some(true));
            assert_eq!(heap.find(first.addr().get() as u64), None);
            assert_eq!((heap.used(), heap.take(4 * GRAIN)), (4 * GRAIN, Some(first)));
        }
    }
}
