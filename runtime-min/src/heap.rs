//! Where objects are: memory in blocks of equal cells, which stays where it is. Objects that nothing refers to any more
//! are found by marking the others, when as much has been allocated as was in use after the last time, and never
//! else. A mark is a bit beside the cells; what has none after a collection is free, and is found when it is needed.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::{self, NonNull};

/// A block's length and alignment, bytes: from an object's address that of its block follows.
const BLOCK_LEN: usize = 64 << 10;

/// Blocks that are asked for together.
const CHUNK_BLOCKS: usize = 16;

/// Cells are multiples of this.
const GRAIN: usize = 16;

/// Objects longer than this have a block of their own.
const SMALL_MAX: usize = 8 << 10;

/// Bytes that are allocated between two collections, at the least.
const BUDGET_MIN: usize = 1 << 20;

/// The most bytes in use, unless the store says otherwise.
const LIMIT: usize = if usize::BITS == 64 { 1 << 30 } else { 256 << 20 };

const MARK_WORDS: usize = BLOCK_LEN / GRAIN / 64;

/// What a block begins with; its cells follow.
#[repr(C)]
struct Block {
    cell_len: u32,
    cells: u32,
    /// Cells before this one are in use, whatever their marks say.
    next: u32,
    reserved: u32,
    marks: [u64; MARK_WORDS],
}

const _: () = assert!(size_of::<Block>().is_multiple_of(GRAIN));

/// Lengths of cells: multiples of the grain up to 256 bytes, then four to each power of two.
const fn cell_lens() -> [u32; CLASSES] {
    let mut lens = [0; CLASSES];
    let (mut class, mut len, mut step) = (0, GRAIN as u32, GRAIN as u32);
    while class < CLASSES {
        lens[class] = len;
        if len >= 256 && len.is_power_of_two() {
            step = len / 4;
        }
        len += step;
        class += 1;
    }
    lens
}

/// How many there are: 16 up to 256 bytes, and four for each of the five doublings up to [`SMALL_MAX`].
const CLASSES: usize = 16 + 4 * 5;
const CELL_LENS: [u32; CLASSES] = cell_lens();
const _: () = assert!(CELL_LENS[15] == 256 && CELL_LENS[CLASSES - 1] == SMALL_MAX as u32);

/// The blocks with cells of one length.
#[derive(Debug, Default)]
struct Class {
    blocks: Vec<NonNull<Block>>,
    /// The one that cells are taken from; those before it are full.
    current: usize,
}

/// The objects of a store.
#[derive(Debug)]
pub(crate) struct Heap {
    classes: [Class; CLASSES],
    free: Vec<NonNull<Block>>,
    chunks: Vec<NonNull<Block>>,
    /// Blocks of one object each, with their lengths.
    large: Vec<(NonNull<Block>, usize)>,
    /// Bytes of chunks and of large blocks.
    reserved: usize,
    limit: usize,
    /// What may still be allocated before the next collection, bytes.
    budget: usize,
    /// Whether to collect at every allocation.
    pub(crate) stressed: bool,
    paused: bool,
}

// SAFETY: it owns what it points to.
unsafe impl Send for Heap {}

impl Heap {
    pub(crate) fn new() -> Heap {
        Heap {
            classes: std::array::from_fn(|_| Class::default()),
            free: Vec::new(),
            chunks: Vec::new(),
            large: Vec::new(),
            reserved: 0,
            limit: LIMIT,
            budget: BUDGET_MIN,
            stressed: false,
            paused: false,
        }
    }

    pub(crate) fn set_limit(&mut self, len_bytes: usize) {
        self.limit = len_bytes;
    }

    /// Collections have to wait, or have not any more.
    pub(crate) fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether a collection is due before that many bytes are allocated.
    pub(crate) fn is_due(&self, len: usize) -> bool {
        self.budget < len || self.stressed
    }

    /// Memory for an object, zeroed; `None` if there is no more.
    pub(crate) fn allocate(&mut self, len: usize) -> Option<NonNull<u8>> {
        let cell = if len <= SMALL_MAX { self.allocate_small(len)? } else { self.allocate_large(len)? };
        self.budget = self.budget.saturating_sub(len.max(GRAIN));
        Some(cell)
    }

    fn allocate_small(&mut self, len: usize) -> Option<NonNull<u8>> {
        let class = if len <= 256 {
            len.max(1).div_ceil(GRAIN) - 1
        } else {
            CELL_LENS.partition_point(|cell_len| (*cell_len as usize) < len)
        };
        loop {
            let Class { blocks, current } = &mut self.classes[class];
            if let Some(block) = blocks.get(*current) {
                // SAFETY: a block of this heap, which nobody else uses.
                if let Some(cell) = unsafe { Block::take(*block) } {
                    return Some(cell);
                }
                *current += 1;
                continue;
            }
            let block = self.new_block()?;
            // SAFETY: as above; free blocks hold nothing.
            unsafe { Block::start(block, CELL_LENS[class]) };
            let blocks = &mut self.classes[class].blocks;
            blocks.try_reserve(1).ok()?;
            blocks.push(block);
        }
    }

    fn new_block(&mut self) -> Option<NonNull<Block>> {
        if let Some(block) = self.free.pop() {
            return Some(block);
        }
        let len = CHUNK_BLOCKS * BLOCK_LEN;
        // For all of them, once they are free.
        let blocks = (self.chunks.len() + 1) * CHUNK_BLOCKS;
        self.free.try_reserve(blocks - self.free.len()).ok()?;
        self.chunks.try_reserve(1).ok()?;
        let chunk = self.reserve(len)?;
        self.chunks.push(chunk);
        // SAFETY: parts of the chunk.
        self.free.extend((0..CHUNK_BLOCKS).rev().map(|i| unsafe { chunk.byte_add(i * BLOCK_LEN) }));
        self.free.pop()
    }

    fn allocate_large(&mut self, len: usize) -> Option<NonNull<u8>> {
        let total = len.checked_add(size_of::<Block>())?;
        self.large.try_reserve(1).ok()?;
        let block = self.reserve(total)?;
        self.large.push((block, total));
        // SAFETY: a block made just now. Its one cell is as long as it takes; nobody divides by its length.
        unsafe {
            Block::start(block, BLOCK_LEN as u32);
            (*block.as_ptr()).cells = 1;
            Block::take(block)
        }
    }

    fn layout(len: usize) -> Option<Layout> {
        Layout::from_size_align(len, BLOCK_LEN).ok()
    }

    /// Memory of the system's, zeroed.
    fn reserve(&mut self, len: usize) -> Option<NonNull<Block>> {
        let reserved = self.reserved.checked_add(len).filter(|reserved| *reserved <= self.limit)?;
        // SAFETY: the length is not 0.
        let block = NonNull::new(unsafe { alloc_zeroed(Self::layout(len)?) }.cast())?;
        self.reserved = reserved;
        Some(block)
    }

    /// Begins a collection: nothing is marked.
    pub(crate) fn clear_marks(&mut self) {
        self.set_marks(0);
    }

    /// Marks everything: the collection could not find out what is in use.
    pub(crate) fn mark_all(&mut self) {
        self.set_marks(u64::MAX);
    }

    fn set_marks(&mut self, word: u64) {
        for block in
            self.classes.iter().flat_map(|class| &class.blocks).chain(self.large.iter().map(|(block, _)| block))
        {
            // SAFETY: a block of this heap, which nobody else uses.
            unsafe { (*block.as_ptr()).marks = [word; MARK_WORDS] };
        }
    }

    /// Marks an object; whether it was not yet.
    ///
    /// # Safety
    /// `object` is one of this heap.
    pub(crate) unsafe fn mark(&mut self, object: NonNull<u8>) -> bool {
        let address = object.as_ptr().addr();
        let block = object.as_ptr().map_addr(|address| address & !(BLOCK_LEN - 1)).cast::<Block>();
        // SAFETY: by the caller's promise a block of this heap.
        let block = unsafe { &mut *block };
        let index = (address % BLOCK_LEN - size_of::<Block>()) / block.cell_len as usize;
        let (word, bit) = (&mut block.marks[index / 64], 1 << (index % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Ends a collection: what has no mark is free.
    pub(crate) fn sweep(&mut self) {
        let mut in_use = 0;
        for class in &mut self.classes {
            class.current = 0;
            class.blocks.retain(|block| {
                // SAFETY: a block of this heap, which nobody else uses.
                let Block { cell_len, next, marks, .. } = unsafe { &mut *block.as_ptr() };
                *next = 0;
                let marked: u32 = marks.iter().map(|word| word.count_ones()).sum();
                in_use += (marked * *cell_len) as usize;
                if marked == 0 {
                    self.free.push(*block);
                }
                marked != 0
            });
        }
        let reserved = &mut self.reserved;
        self.large.retain(|(block, len)| {
            // SAFETY: as above.
            let is_marked = unsafe { (*block.as_ptr()).marks[0] } != 0;
            if is_marked {
                in_use += len;
            } else {
                *reserved -= len;
                // SAFETY: allocated so; nothing refers to the object.
                unsafe { release(*block, *len) };
            }
            is_marked
        });
        self.budget = in_use.max(BUDGET_MIN);
    }
}

/// # Safety
/// The memory was reserved with this length, and is not used any more.
unsafe fn release(block: NonNull<Block>, len: usize) {
    if let Some(layout) = Heap::layout(len) {
        // SAFETY: by the caller's promise.
        unsafe { dealloc(block.as_ptr().cast(), layout) };
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        let chunks = self.chunks.iter().map(|chunk| (*chunk, CHUNK_BLOCKS * BLOCK_LEN));
        // SAFETY: reserved so; the store goes, and with it everything that refers to objects.
        chunks.chain(self.large.iter().copied()).for_each(|(block, len)| unsafe { release(block, len) });
    }
}

impl Block {
    /// Makes it one without objects.
    ///
    /// # Safety
    /// It is a block that nobody uses.
    unsafe fn start(block: NonNull<Block>, cell_len: u32) {
        let cells = (BLOCK_LEN - size_of::<Block>()) as u32 / cell_len;
        // SAFETY: by the caller's promise.
        unsafe { block.write(Block { cell_len, cells, next: 0, reserved: 0, marks: [0; MARK_WORDS] }) };
    }

    /// A free cell, zeroed.
    ///
    /// # Safety
    /// It is a block that nobody else uses.
    unsafe fn take(this: NonNull<Block>) -> Option<NonNull<u8>> {
        // SAFETY: by the caller's promise.
        let block = unsafe { &mut *this.as_ptr() };
        let mut index = block.next;
        while index < block.cells {
            // Free cells of the word, from the index on.
            let free = !block.marks[index as usize / 64] >> (index % 64);
            if free == 0 {
                index = (index / 64 + 1) * 64;
                continue;
            }
            index += free.trailing_zeros();
            if index >= block.cells {
                break;
            }
            block.next = index + 1;
            let offset = size_of::<Block>() + index as usize * block.cell_len as usize;
            let len = if block.cell_len as usize > SMALL_MAX { 0 } else { block.cell_len as usize };
            // SAFETY: a cell of the block. That of a large object is zero from the start.
            unsafe {
                let cell = this.byte_add(offset).cast::<u8>();
                ptr::write_bytes(cell.as_ptr(), 0, len);
                return Some(cell);
            }
        }
        block.next = block.cells;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_marked_is_used_again_and_zero() {
        let mut heap = Heap::new();
        let cells: Vec<_> = (0..10_000).map(|i| heap.allocate(i % 300 + 1).unwrap()).collect();
        // SAFETY: objects of the heap, and as long.
        unsafe {
            cells.iter().enumerate().for_each(|(i, cell)| cell.write_bytes(0xAB, i % 300 + 1));
            heap.clear_marks();
            assert!(cells.iter().step_by(2).all(|cell| heap.mark(*cell)));
            assert!(!heap.mark(cells[0]));
        }
        heap.sweep();
        let reserved = heap.reserved;
        let mut kept: Vec<_> = cells.iter().step_by(2).copied().collect();
        kept.sort_unstable();
        for i in 0..5_000 {
            let cell = heap.allocate(2 * i % 300 + 1).unwrap();
            assert!(kept.binary_search(&cell).is_err());
            // SAFETY: as above.
            assert!((0..2 * i % 300 + 1).all(|byte| unsafe { cell.add(byte).read() } == 0));
        }
        assert_eq!(heap.reserved, reserved);
    }

    #[test]
    fn large_objects_go_back_to_the_system_and_the_limit_holds() {
        let mut heap = Heap::new();
        heap.set_limit(1 << 20);
        let large = heap.allocate(600_000).unwrap();
        assert_eq!(heap.allocate(600_000), None);
        assert_eq!(heap.allocate(usize::MAX), None);
        heap.clear_marks();
        // SAFETY: an object of the heap.
        assert!(unsafe { heap.mark(large) });
        heap.sweep();
        assert_eq!(heap.allocate(600_000), None);
        heap.clear_marks();
        heap.sweep();
        assert_eq!(heap.reserved, 0);
        assert!(heap.allocate(600_000).is_some());
    }
}
