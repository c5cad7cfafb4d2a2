//! A unit of a module → LLVM module: declare its functions, then define each.

mod address;
mod alias;
mod attributes;
mod control;
mod debug;
mod dispatch;
mod entry;
mod exceptions;
mod fuel;
mod function;
mod operands;
mod ops;
mod pass;
mod profile;
mod roots;
pub mod symbols;
mod tail;
mod trap;
mod types;
mod unit;
mod vmctx;

use crate::error::CompileError;
use crate::options::Options;
use crate::parse::{Module, TypeId};
use crate::units::Extent;
pub(crate) use attributes::RoutineAttributes;
pub use attributes::{GUEST_CONVENTION, without_vectors};
pub(crate) use debug::Debug;
use function::FunctionTranslator;
pub use function::is_oversized;
use inkwell::context::Context;
use inkwell::module::Module as LlvmModule;
use unit::Unit;

pub(crate) type Result<T> = std::result::Result<T, CompileError>;

impl From<inkwell::builder::BuilderError> for CompileError {
    fn from(error: inkwell::builder::BuilderError) -> CompileError {
        CompileError::Llvm { phase: "translation", message: error.to_string() }
    }
}

/// Translates a unit of a module.
pub fn translate<'ctx>(
    context: &'ctx Context,
    module: &Module<'_>,
    extent: &Extent<'_>,
    options: &Options,
) -> Result<LlvmModule<'ctx>> {
    let unit = Unit::new(context, module, extent, options)?;
    for defined in extent.functions() {
        FunctionTranslator::translate(&unit, defined)?;
    }
    if extent.is_first() {
        for id in (0..module.types.len() as u32).map(TypeId) {
            entry::define(&unit, id)?;
        }
    }
    profile::define_summary(&unit);
    Ok(unit.finish())
}
