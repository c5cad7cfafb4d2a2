//! `LinkedCode` + `Module` → `.aot` bytes.

use crate::error::CompileError;
use crate::link::LinkedCode;
use crate::options::Options;
use crate::parse::Module;

/// The bytes of the `.aot` file.
pub fn write(module: &Module<'_>, code: &LinkedCode, options: &Options) -> Result<Vec<u8>, CompileError> {
    let _ = (module, code);
    Err(CompileError::Link { arch: options.target.row.arch, message: "the image writer is being built".into() })
}
