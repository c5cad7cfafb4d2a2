//! A unit of a module → LLVM module: declare its functions, then define each.

mod address;
pub(crate) mod alias;
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
pub mod trapping;
mod types;
mod unit;
mod vmctx;

use crate::error::CompileError;
use crate::options::Options;
use crate::parse::{Module, TypeId};
use crate::units::Extent;
pub use attributes::GUEST_CONVENTION;
pub(crate) use attributes::RoutineAttributes;
pub(crate) use debug::Debug;
use function::FunctionTranslator;
pub use function::is_oversized;
use inkwell::context::Context;
use inkwell::module::Module as LlvmModule;
use std::collections::BTreeSet;
use unit::Unit;

pub(crate) type Result<T> = std::result::Result<T, CompileError>;

impl From<inkwell::builder::BuilderError> for CompileError {
    fn from(error: inkwell::builder::BuilderError) -> CompileError {
        CompileError::Llvm { phase: "translation", message: error.to_string() }
    }
}

/// Translates a unit of a module. Functions with the names in `scalar` get no vectors of a length found out at run time.
pub fn translate<'ctx>(
    context: &'ctx Context,
    module: &Module<'_>,
    extent: &Extent<'_>,
    options: &Options,
    scalar: &BTreeSet<String>,
) -> Result<LlvmModule<'ctx>> {
    let unit = Unit::new(context, module, extent, options, scalar)?;
    for defined in extent.functions() {
        FunctionTranslator::translate(&unit, defined)?;
    }
    if extent.is_first() {
        for id in (0..module.types.len() as u32).map(TypeId) {
            entry::define(&unit, id)?;
        }
    }
    profile::define_summary(&unit);
    let llvm = unit.finish();
    attributes::without_vectors(&llvm, options, scalar);
    Ok(llvm)
}
