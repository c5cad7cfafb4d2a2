//! Code that can be called.

use crate::cache;
use crate::code_memory::CodeMemory;
use crate::error::LoadError;
use crate::image::{Image, Layout};
use core::ops::Range;
use wasmc_abi::image::EscapeRecord;
use wasmc_abi::target::IsaState;

/// An image that is placed, filled and sealed. It owns its memory; dropping it unmaps the code.
///
/// It has no lifetime: the bytes that were parsed may go. [`code`](Self::code) gives a fresh view of
/// the metadata, out of the placed read-only segment, whenever one is wanted.
#[derive(Debug)]
pub struct LoadedCode<M> {
    layout: Layout,
    base: usize,
    memory: M,
}

impl<M: CodeMemory> LoadedCode<M> {
    pub(crate) fn new(image: &Image<'_>, base: usize, memory: M) -> Self {
        LoadedCode { layout: *image.layout(), base, memory }
    }

    /// The code, callable as long as this value lives.
    pub fn code(&self) -> Code<'_> {
        let image = Image::new(self.layout, self.memory.contents(&self.layout.segments.readonly));
        Code { image, base: self.base }
    }

    /// The memory that holds the image.
    pub fn memory(&self) -> &M {
        &self.memory
    }
}

/// A placed image: its metadata, constants and initial memory contents, read in place, and the
/// addresses of its code.
#[derive(Clone, Copy, Debug)]
pub struct Code<'a> {
    image: Image<'a>,
    base: usize,
}

impl<'a> Code<'a> {
    /// The code of an image that is executed where it was parsed, such as in flash.
    pub(crate) fn in_place(image: Image<'a>) -> Result<Code<'a>, LoadError> {
        let bytes = whole(&image)?;
        let (base, needed) = (bytes.as_ptr().addr(), image.header().page_len);
        if image.segments()[2].len != 0 {
            return Err(LoadError::Relocated);
        }
        if !base.is_multiple_of(needed as usize) {
            return Err(LoadError::Alignment { needed });
        }
        // The embedder's code reaches it by integers: what it points to was made outside of Rust.
        bytes.as_ptr().expose_provenance();
        Ok(Code { image, base })
    }

    /// The code of an image that is copied to `buffer`.
    pub(crate) fn copied(image: &Image<'_>, buffer: &'a mut [u8]) -> Result<Code<'a>, LoadError> {
        let bytes = whole(image)?;
        let too_small = LoadError::CodeBuffer { needed: image.header().image_len, len: buffer.len() as u64 };
        let place = buffer.get_mut(..bytes.len()).ok_or(too_small)?;
        place.copy_from_slice(bytes);
        let code = Code::in_place(Image::new(*image.layout(), place))?;
        cache::synchronize(code.base, bytes.len());
        Ok(code)
    }

    /// The image's metadata.
    pub fn image(&self) -> &Image<'a> {
        &self.image
    }

    /// Address of image offset 0.
    pub fn base(&self) -> usize {
        self.base
    }

    /// Addresses of the machine code: a program counter of guest code lies in here.
    pub fn code_range(&self) -> Range<usize> {
        let header = self.image.header();
        let start = self.address_of(header.code_offset);
        start..start.wrapping_add(header.code_len as usize)
    }

    /// Address of an image offset, of data or of a position in code.
    pub fn address_of(&self, image_offset: u32) -> usize {
        self.base.wrapping_add(image_offset as usize)
    }

    /// Image offset of an address inside the machine code, such as a program counter.
    pub fn code_offset(&self, address: usize) -> Option<u32> {
        if !self.code_range().contains(&address) {
            return None;
        }
        u32::try_from(address.wrapping_sub(self.base)).ok()
    }

    /// Address under which the function or trampoline at `image_offset` is called: with bit 0 set if
    /// it is T32 code. `None` for offset 0, which stands for code that does not exist.
    pub fn code_address(&self, image_offset: u32) -> Option<usize> {
        let thumb = self.image.header().isa_state == IsaState::Thumb as u32;
        (image_offset != 0).then(|| self.address_of(image_offset) | usize::from(thumb))
    }

    /// Addresses of the code of a function that can be referred to: as it is called, and as it is called by a tail
    /// call, if it has an entry for those.
    pub fn escape_addresses(&self, escape: &EscapeRecord) -> (Option<usize>, Option<usize>) {
        let defined = escape.function.wrapping_sub(self.image.header().imported_functions);
        let code = self.function_address(defined);
        match self.code_address(escape.ordinary) {
            None => (code, None),
            ordinary => (ordinary, code),
        }
    }

    /// Address of the code of a defined function; `None` if it has none of its own.
    pub fn function_address(&self, defined_function: u32) -> Option<usize> {
        self.code_address(self.image.functions().get(defined_function)?.code_offset)
    }

    /// Address of the entry trampoline of a function type, for [`call::entry`](crate::call::entry).
    pub fn entry_address(&self, ty: u32) -> Option<usize> {
        self.code_address(self.image.types().get(ty)?.entry)
    }

    /// Address of the host thunk of a function type.
    pub fn thunk_address(&self, ty: u32) -> Option<usize> {
        self.code_address(self.image.types().get(ty)?.thunk)
    }
}

/// The bytes of all segments, if they are at hand.
fn whole<'a>(image: &Image<'a>) -> Result<&'a [u8], LoadError> {
    let (needed, bytes) = (image.header().image_len, image.bytes());
    let error = LoadError::Truncated { needed: needed.into(), len: bytes.len() as u64 };
    bytes.get(..needed as usize).ok_or(error)
}
