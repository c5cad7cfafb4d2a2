//! Where an image lies in memory: the loader's `CodeMemory`, for a file that is mapped or for bytes
//! that are copied.

use std::fs::File;
use std::io;

use wasmc_loader::{Access, CodeMemory, MemoryFailure, Placement, Segment};

use super::unix::{Mapping, Protection, round_to_pages};

/// Memory of one image.
#[derive(Debug)]
pub(crate) struct ImageMemory {
    mapping: Option<Mapping>,
    /// The file that segments are mapped from, if they are not copied.
    file: Option<File>,
}

fn failure(error: io::Error) -> MemoryFailure {
    MemoryFailure(error.raw_os_error().unwrap_or(0))
}

/// What may be done with a segment in the end.
fn sealed(access: Access) -> Protection {
    match access {
        Access::Execute => Protection::ReadExecute,
        Access::Read | Access::Relocated => Protection::Read,
    }
}

impl ImageMemory {
    /// For an image whose bytes are copied.
    pub(crate) fn copied() -> ImageMemory {
        ImageMemory { mapping: None, file: None }
    }

    /// For an image that lies in a file, which nobody changes as long as this lives.
    pub(crate) fn mapped(file: File) -> ImageMemory {
        ImageMemory { mapping: None, file: Some(file) }
    }

    /// The file, if the image is mapped.
    pub(crate) fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    fn reserved(&self) -> Result<&Mapping, MemoryFailure> {
        self.mapping.as_ref().ok_or(MemoryFailure(0))
    }

    /// The mapping, if `len` bytes from `offset` on lie in it.
    fn part(&self, offset: u32, len: usize) -> Result<&Mapping, MemoryFailure> {
        let mapping = self.reserved()?;
        let inside = (offset as usize).checked_add(len).is_some_and(|end| end <= mapping.len());
        inside.then_some(mapping).ok_or(MemoryFailure(0))
    }
}

impl CodeMemory for ImageMemory {
    fn reserve(&mut self, len: usize, align: usize) -> Result<usize, MemoryFailure> {
        let mapping = self.mapping.insert(Mapping::reserve_aligned(len, align).map_err(failure)?);
        Ok(mapping.start().expose_provenance())
    }

    fn place(&mut self, segment: &Segment, contents: &[u8]) -> Result<Placement, MemoryFailure> {
        let (offset, len) = (segment.offset as usize, contents.len());
        let pages = round_to_pages(len).ok_or(MemoryFailure(0))?;
        let mapping = self.part(segment.offset, pages)?;
        if let Some(file) = &self.file {
            let protection = match segment.access {
                Access::Relocated => Protection::ReadWrite,
                access => sealed(access),
            };
            mapping.map_file(offset, pages, file, offset as u64, protection).map_err(failure)?;
            return Ok(Placement::Mapped);
        }
        mapping.protect(offset, pages, Protection::ReadWrite).map_err(failure)?;
        mapping.populate(offset, pages);
        // SAFETY: `len` bytes inside the mapping, writable since the line above; nobody else has the
        // address yet.
        unsafe { mapping.start().add(offset).copy_from_nonoverlapping(contents.as_ptr(), len) };
        Ok(Placement::Copied)
    }

    fn write(&mut self, offset: u32, pointer: &[u8]) -> Result<(), MemoryFailure> {
        let mapping = self.part(offset, pointer.len())?;
        // SAFETY: inside the mapping, and by the loader's order of calls in the relocated segment,
        // which is writable until it is sealed.
        unsafe {
            let place = mapping.start().add(offset as usize);
            place.copy_from_nonoverlapping(pointer.as_ptr(), pointer.len());
        }
        Ok(())
    }

    fn seal(&mut self, segment: &Segment) -> Result<(), MemoryFailure> {
        if self.file.is_some() && segment.access != Access::Relocated {
            // It was mapped so.
            return Ok(());
        }
        let pages = round_to_pages(segment.len as usize).ok_or(MemoryFailure(0))?;
        let mapping = self.part(segment.offset, pages)?;
        mapping.protect(segment.offset as usize, pages, sealed(segment.access)).map_err(failure)
    }

    fn contents(&self, segment: &Segment) -> &[u8] {
        let len = segment.len as usize;
        match self.part(segment.offset, len) {
            // SAFETY: inside the mapping, placed before the loader asks, and read-only since.
            Ok(mapping) => unsafe { std::slice::from_raw_parts(mapping.start().add(segment.offset as usize), len) },
            Err(_) => &[],
        }
    }
}
