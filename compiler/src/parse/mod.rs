//! Wasm bytes → [`Module`], validated.

mod const_expr;
mod constant_tables;
mod exceptions;
mod index;
mod module;
mod names;
mod operands;
mod print;
mod proposals;
mod sections;
mod types;

pub use constant_tables::TableUses;
pub use index::*;
pub use module::*;
pub use operands::Operands;
pub use print::print;
pub use proposals::{PROPOSALS, Proposal, Proposals, used};
pub use types::{Composite, SubType};

use crate::error::CompileError;
use exceptions::Throwing;
use operands::Validation;
use sha2::{Digest, Sha256};
use wasmparser::{BinaryReaderError, Parser, ValidPayload, Validator, WasmFeatures};

/// Reads and validates a binary module that uses no other proposals than these.
pub fn parse(bytes: &[u8], proposals: Proposals) -> Result<Module<'_>, CompileError> {
    let uses = validate(bytes, proposals)?;
    // What follows meets only errors that validation would have found.
    let mut module = sections::read(bytes).map_err(|e| invalid(bytes, &e))?;
    module.digest = Sha256::digest(bytes).into();
    module.escapes = module.find_escapes();
    module.uses_exceptions = uses.exceptions;
    module.uses_objects = uses.objects;
    module.validation = uses.validation;
    if module.uses_exceptions || module.bodies.iter().any(|body| body.makes_tail_calls) {
        module.throwing = Some(Throwing::find(&module));
    }
    Ok(module)
}

/// What validation finds out about a module.
#[derive(Default)]
struct Uses {
    exceptions: bool,
    objects: bool,
    /// There if the module uses exceptions or objects, so that the types of operands count.
    validation: Option<Validation>,
}

fn validate(bytes: &[u8], proposals: Proposals) -> Result<Uses, CompileError> {
    let is_valid_without = |features: WasmFeatures| {
        let without = proposals.features().difference(features);
        Validator::new_with_features(without).validate_all(bytes).is_ok()
    };
    let exceptions = WasmFeatures::EXCEPTIONS | WasmFeatures::LEGACY_EXCEPTIONS;
    if is_valid_without(exceptions | WasmFeatures::GC) {
        return Ok(Uses::default());
    }
    let error = match validate_bodies(bytes, proposals.features()) {
        Ok(validation) => {
            return Ok(Uses {
                exceptions: !is_valid_without(exceptions),
                objects: !is_valid_without(WasmFeatures::GC),
                validation,
            });
        }
        Err(error) => error,
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

/// What `Validator::validate_all` does, for a module.
fn validate_bodies(bytes: &[u8], features: WasmFeatures) -> Result<Option<Validation>, BinaryReaderError> {
    let mut validator = Validator::new_with_features(features);
    let (mut functions, mut bodies) = (Vec::new(), Vec::new());
    let mut parser = Parser::new(0);
    parser.set_features(features);
    for payload in parser.parse_all(bytes) {
        if let ValidPayload::Func(function, body) = validator.payload(&payload?)? {
            functions.push(function);
            bodies.push(body);
        }
    }
    let validation = Validation::new(functions);
    for (function, body) in (0..).map(DefinedFuncIndex).zip(&bodies) {
        validation.as_ref().map_or(Ok(()), |validation| validation.check(function, body))?;
    }
    Ok(validation)
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
