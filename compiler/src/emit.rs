//! LLVM module → ELF objects.

/// What code generation made.
#[derive(Debug)]
pub struct Emitted {
    /// Relocatable ELF objects, in the order in which their functions come.
    pub objects: Vec<Vec<u8>>,
    /// Wasm offsets of each site, innermost first. Line `n` of the objects' line tables is site `n − 1`.
    pub sites: Vec<Box<[u32]>>,
}
