//! ELF objects → [`LinkedCode`]: position-independent, every machine relocation resolved.

use crate::emit::Emitted;
use crate::error::CompileError;
use crate::target::TargetRow;

/// Machine code and its constants, laid out relative to one another.
#[derive(Debug)]
pub struct LinkedCode {}

/// Links the objects of one module for `target`.
pub fn link(emitted: Emitted, target: &TargetRow) -> Result<LinkedCode, CompileError> {
    let _ = emitted;
    Err(CompileError::Link { arch: target.arch, message: "the linker is being built".into() })
}
