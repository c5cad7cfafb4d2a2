//! Routines that LLVM's code generator calls by name, linked into the image: 64-bit division, conversions,
//! soft float, rounding. In: the objects of a module. Out: one more, with what they call and have not got.
//!
//! The routines are C (`routines.c`), which `make.sh` has turned into LLVM IR for no machine in particular
//! (`routines.ll`). Here they get the names and conventions of a target, and become code for it like the
//! guest's. What stands for a piece of every function, and follows no convention, is assembly (`saves.rs`). Any name
//! that is neither here nor a helper's is an error of the link step.

mod saves;
mod table;
#[cfg(test)]
mod tests;

use crate::emit::emit;
use crate::error::CompileError;
use crate::generate::Emitted;
use crate::machine::target_machine;
use crate::optimize;
use crate::options::{OptLevel, Options};
use crate::target::{Os, TargetRow};
use crate::translate::{Debug, RoutineAttributes};
use inkwell::GlobalVisibility;
use inkwell::context::Context;
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::module::{Linkage, Module as LlvmModule};
use inkwell::targets::{FileType, TargetData, TargetTriple};
use inkwell::values::BasicMetadataValueEnum;
use object::{Object, ObjectSymbol};
use saves::Saves;
use std::collections::BTreeSet;
use table::Row;
use wasmc_abi::Builtin;

/// The routines as IR, and the zero byte that LLVM wants to find behind it.
const IR: &str = concat!(include_str!("routines.ll"), "\0");

/// A routine by one of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Routine {
    Compiled(&'static Row),
    Saves(Saves),
}

/// An object with the routines that `objects` call, if they call any.
pub fn object(objects: &[Emitted], options: &Options) -> Result<Option<Vec<u8>>, CompileError> {
    let row = options.target.row;
    let mut routines = BTreeSet::new();
    for object in objects {
        routines.append(&mut undefined(&object.bytes, row)?);
    }
    if routines.is_empty() {
        return Ok(None);
    }
    // Routines may call others, on some machines.
    loop {
        let object = generate(&routines, options)?;
        let mut more = undefined(&object, row)?;
        more.retain(|routine| !routines.contains(routine));
        if more.is_empty() {
            return Ok(Some(object));
        }
        routines.append(&mut more);
    }
}

/// The routines that an object refers to and does not define.
fn undefined(object: &[u8], target: &TargetRow) -> Result<BTreeSet<Routine>, CompileError> {
    let object = object::File::parse(object).map_err(|e| failed(format!("LLVM's object cannot be read: {e}")))?;
    let names = object.symbols().filter(|s| s.is_undefined()).filter_map(|s| s.name().ok().map(str::to_string));
    Ok(names.filter_map(|name| find(&name, target)).collect())
}

/// The routine that has a name on a target. What the runtime has anyway, where there is a table to
/// reach it by, is none.
fn find(name: &str, target: &TargetRow) -> Option<Routine> {
    let helper = target.os == Os::Linux && Builtin::ALL.iter().any(|b| b.symbol() == name);
    let row = table::ROWS.iter().find(|row| row.symbol == name && !helper);
    row.map(Routine::Compiled).or_else(|| Saves::find(name, target).map(Routine::Saves))
}

/// Code for these routines.
fn generate(routines: &BTreeSet<Routine>, options: &Options) -> Result<Vec<u8>, CompileError> {
    // Somebody debugs the guest's code without optimisation, but not this.
    let level = if options.level == OptLevel::O0 { OptLevel::O2 } else { options.level };
    let options = &Options { level, ..options.clone() };
    let context = Context::create();
    let machine = target_machine(options)?;
    let llvm = parse(&context)?;
    llvm.set_triple(&TargetTriple::create(options.target.row.triple));
    llvm.set_data_layout(&TargetData::create(options.target.row.data_layout).get_data_layout());
    // It has nothing to say, but some machines have frame tables only where there is debug information.
    Debug::new(&context, &llvm).finish();
    let attributes = RoutineAttributes::new(&context, options);
    for function in llvm.get_functions().filter(|f| f.count_basic_blocks() > 0) {
        function.set_linkage(Linkage::Internal);
        attributes.add(function);
    }
    let mut saves = BTreeSet::new();
    for routine in routines {
        match routine {
            Routine::Compiled(row) => define(&llvm, row, &attributes)?,
            Routine::Saves(routine) => _ = saves.insert(*routine),
        }
    }
    llvm.set_inline_assembly(&saves::assembly(&saves, options.target.row));
    optimize::optimize_routines(&llvm, options, &machine)?;
    emit(&llvm, &machine, FileType::Object)
}

fn parse(context: &Context) -> Result<LlvmModule<'_>, CompileError> {
    let text = IR.strip_suffix('\0').expect("it ends in one");
    let buffer = MemoryBuffer::create_from_memory_range(text.as_bytes(), "routines");
    context.create_module_from_ir(buffer).map_err(|e| failed(format!("the routines are not LLVM IR: {e}")))
}

/// The function with the row's name and convention: it calls the routine, and LLVM merges the two.
fn define(llvm: &LlvmModule<'_>, row: &Row, attributes: &RoutineAttributes) -> Result<(), CompileError> {
    let routine = llvm.get_function(row.routine).unwrap_or_else(|| panic!("there is no routine {}", row.routine));
    let function = llvm.add_function(row.symbol, routine.get_type(), Some(Linkage::External));
    function.as_global_value().set_visibility(GlobalVisibility::Hidden);
    function.set_call_conventions(row.convention());
    attributes.add(function);
    let context = llvm.get_context();
    let builder = context.create_builder();
    builder.position_at_end(context.append_basic_block(function, ""));
    let arguments: Vec<_> = function.get_param_iter().map(BasicMetadataValueEnum::from).collect();
    let call = builder.build_call(routine, &arguments, "")?;
    match call.try_as_basic_value().basic() {
        Some(value) => builder.build_return(Some(&value))?,
        None => builder.build_return(None)?,
    };
    Ok(())
}

fn failed(message: String) -> CompileError {
    CompileError::Llvm { phase: "routines", message }
}
