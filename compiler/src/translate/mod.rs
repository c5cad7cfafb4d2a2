//! Module → LLVM module: declare everything, then define each function.

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
mod roots;
pub mod symbols;
mod tail;
mod trap;
mod types;
mod unit;
mod vmctx;

use crate::error::CompileError;
use crate::options::Options;
use crate::parse::{DefinedFuncIndex, Module, TypeId};
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

/// Translates a module. `progress` is told how many of the bodies are done.
pub fn translate<'ctx>(
    context: &'ctx Context,
    module: &Module<'_>,
    options: &Options,
    progress: &mut dyn FnMut(usize),
) -> Result<LlvmModule<'ctx>> {
    let unit = Unit::new(context, module, options)?;
    for index in 0..module.bodies.len() {
        FunctionTranslator::translate(&unit, DefinedFuncIndex(index as u32))?;
        progress(index + 1);
    }
    for id in (0..module.types.len() as u32).map(TypeId) {
        entry::define(&unit, id)?;
    }
    Ok(unit.finish())
}
