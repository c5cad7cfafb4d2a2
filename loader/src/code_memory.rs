//! What the loader needs of memory that can hold code. The implementer is the one who knows the OS:
//! it maps the file, copies the bytes, or finds them where they have to be already.
//!
//! No byte is ever writable and executable at once, and machine code is never written after it was
//! placed: the loader only writes into the [`Access::Relocated`] segment, before it is sealed.

/// Memory for one image. The loader calls [`reserve`](CodeMemory::reserve) once, then
/// [`place`](CodeMemory::place) for each segment that is not empty, [`write`](CodeMemory::write) for
/// each pointer, and [`seal`](CodeMemory::seal) for each segment, ascending throughout.
/// Dropping it gives everything back.
pub trait CodeMemory {
    /// Reserves address space for an image of `len` bytes at a multiple of `align`, a power of two
    /// that is no smaller than the host page. Returns the base address.
    fn reserve(&mut self, len: usize, align: usize) -> Result<usize, MemoryFailure>;

    /// Makes `contents` readable at base + `segment.offset`, not executable while it is writable.
    /// [`Access::Relocated`] must be private to this image and writable; what follows its end in the
    /// last page is of no interest. An implementer that has the file maps the part of it that starts
    /// at `segment.offset` and never looks at `contents`, which are the same bytes.
    fn place(&mut self, segment: &Segment, contents: &[u8]) -> Result<Placement, MemoryFailure>;

    /// Writes `pointer` (4 or 8 bytes, aligned) at base + `offset`, inside the [`Access::Relocated`]
    /// segment. An implementer whose segments lie in read-only storage and were filled when they
    /// were put there compares instead.
    fn write(&mut self, offset: u32, pointer: &[u8]) -> Result<(), MemoryFailure>;

    /// Gives a segment its final protection: read-only, or read and execute.
    fn seal(&mut self, segment: &Segment) -> Result<(), MemoryFailure>;

    /// The bytes of a segment as they were placed; asked for [`Access::Read`] only. They must not
    /// change as long as this value lives.
    fn contents(&self, segment: &Segment) -> &[u8];
}

/// A part of the image with one kind of access. Starts at a multiple of the image's page length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Image offset: the same in the file and from the image base.
    pub offset: u32,
    /// Length in bytes; may be 0.
    pub len: u32,
    /// What it is for.
    pub access: Access,
}

/// What a segment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Metadata, constants, initial memory contents: read-only from the start.
    Read,
    /// Machine code: read and execute.
    Execute,
    /// Pointers: writable until sealed, then read-only.
    Relocated,
}

/// How the contents of a segment got to their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// By stores of this CPU: of machine code, the instruction cache has to hear.
    Copied,
    /// Mapped from a file, or there already.
    Mapped,
}

/// A [`CodeMemory`] could not do what it was asked; holds the OS error number, 0 if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryFailure(pub i32);

impl Segment {
    /// Image offset of its end. Never wraps: segments of an image lie inside it.
    pub const fn end(&self) -> u32 {
        self.offset.saturating_add(self.len)
    }

    /// Whether `len` bytes from image offset `offset` on lie inside.
    pub const fn contains(&self, offset: u32, len: u32) -> bool {
        match offset.checked_add(len) {
            Some(end) => self.offset <= offset && end <= self.end(),
            None => false,
        }
    }
}
