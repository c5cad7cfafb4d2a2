//! Wasm bytes → [`Module`], validated.

mod const_expr;
mod index;
mod module;
mod names;
mod print;
mod proposals;
mod sections;
mod types;

pub use index::*;
pub use module::*;
pub use print::print;
pub use proposals::{PROPOSALS, Proposal, Proposals, used};
pub use types::{Composite, SubType};

use crate::error::CompileError;
use sha2::{Digest, Sha256};
use wasmparser::{BinaryReaderError, Validator};

/// Reads and validates a binary module that uses no other proposals than these.
pub fn parse(bytes: &[u8], proposals: Proposals) -> Result<Module<'_>, CompileError> {
    validate(bytes, proposals)?;
    // What follows meets only errors that validation would have found.
    let mut module = sections::read(bytes).map_err(|e| invalid(bytes, &e))?;
    module.digest = Sha256::digest(bytes).into();
    module.escapes = module.find_escapes();
    Ok(module)
}

fn validate(bytes: &[u8], proposals: Proposals) -> Result<(), CompileError> {
    let Err(error) = Validator::new_with_features(proposals.features()).validate_all(bytes) else {
        return Ok(());
    };
    match proposals::missing(bytes, &error, proposals) {
        Some(proposal) => Err(CompileError::Unsupported {
            proposal: proposal.name,
            compiled: proposal.compiled,
            message: error.message().to_string(),
            offset: error.offset() as usize,
            function: function_at(bytes, error.offset()),
        }),
        None => Err(invalid(bytes, &error)),
    }
}

fn invalid(bytes: &[u8], error: &BinaryReaderError) -> CompileError {
    CompileError::Invalid {
        message: error.message().to_string(),
        offset: error.offset() as usize,
        function: function_at(bytes, error.offset()),
    }
}

/// Index of the function whose body holds the byte at `offset`.
fn function_at(bytes: &[u8], offset: u64) -> Option<u32> {
    let (mut imported, mut defined) = (0, 0);
    for payload in wasmparser::Parser::new(0).parse_all(bytes) {
        match payload.ok()? {
            wasmparser::Payload::ImportSection(reader) => {
                imported = reader
                    .into_imports()
                    .filter(|i| matches!(i, Ok(i) if matches!(i.ty, wasmparser::TypeRef::Func(_))))
                    .count() as u32;
            }
            wasmparser::Payload::CodeSectionEntry(body) => {
                if body.range().contains(&offset) {
                    return Some(imported + defined);
                }
                defined += 1;
            }
            _ => {}
        }
    }
    None
}
