//! Segment → address, and its final protection. How the bytes get there (copied, mapped, left where
//! they are) is the [`CodeMemory`]'s affair.

use crate::cache;
use crate::code_memory::{Access, CodeMemory, MemoryFailure, Placement, Segment};
use crate::error::{LoadError, MemoryStep};
use crate::image::Image;

/// Where an image was placed.
pub(crate) struct Placed {
    pub base: usize,
    /// Whether this CPU wrote the machine code.
    code: Placement,
}

/// Reserves memory for the image and puts every segment into it.
pub(crate) fn place<M: CodeMemory>(image: &Image<'_>, memory: &mut M) -> Result<Placed, LoadError> {
    let header = image.header();
    let base =
        memory.reserve(header.image_len as usize, header.page_len as usize).map_err(failed(MemoryStep::Reserve))?;
    let mut placed = Placed { base, code: Placement::Mapped };
    for segment in not_empty(image) {
        let contents = image.segment_bytes(&segment).unwrap_or_default();
        let placement = memory.place(&segment, contents).map_err(failed(MemoryStep::Place))?;
        if segment.access == Access::Execute {
            placed.code = placement;
        }
    }
    Ok(placed)
}

/// Gives every segment its final protection, and makes code that was copied visible to the
/// instruction fetch.
pub(crate) fn seal<M: CodeMemory>(image: &Image<'_>, placed: &Placed, memory: &mut M) -> Result<(), LoadError> {
    for segment in not_empty(image) {
        memory.seal(&segment).map_err(failed(MemoryStep::Seal))?;
        if segment.access == Access::Execute && placed.code == Placement::Copied {
            cache::synchronize(placed.base.wrapping_add(segment.offset as usize), segment.len as usize);
        }
    }
    Ok(())
}

fn not_empty(image: &Image<'_>) -> impl Iterator<Item = Segment> {
    image.segments().into_iter().filter(|segment| segment.len != 0)
}

/// The error of a step.
pub(crate) fn failed(step: MemoryStep) -> impl Fn(MemoryFailure) -> LoadError {
    move |MemoryFailure(code)| LoadError::Memory { step, code }
}
