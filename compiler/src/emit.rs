//! LLVM module → ELF objects: cut into parts of a size that does not depend on the number of threads,
//! so that neither does the output.

use crate::error::CompileError;
use crate::machine::target_machine;
use crate::options::Options;
use inkwell::context::Context;
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::module::{Linkage, Module as LlvmModule};
use inkwell::targets::{FileType, TargetMachine};
use inkwell::values::FunctionValue;
use inkwell::{GlobalVisibility, llvm_sys};
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What code generation made.
#[derive(Debug)]
pub struct Emitted {
    /// Relocatable ELF objects, in the order in which their functions come.
    pub objects: Vec<Vec<u8>>,
    /// Wasm offsets of each site, innermost first. Line `n` of the objects' line tables is site `n − 1`.
    pub sites: Vec<Box<[u32]>>,
}

/// IR instructions in a part: enough that cutting costs little beside generating its code.
const PART_INSTRUCTIONS: usize = 60_000;

/// Generates code for the whole module as one object or assembly file.
pub fn emit_one(llvm: &LlvmModule<'_>, machine: &TargetMachine, file_type: FileType) -> Result<Vec<u8>, CompileError> {
    let buffer = machine
        .write_to_memory_buffer(llvm, file_type)
        .map_err(|e| CompileError::Llvm { phase: "code generation", message: e.to_string() })?;
    let bytes = buffer.as_slice();
    // inkwell's buffers end in a zero byte of their own.
    Ok(bytes[..bytes.len() - usize::from(bytes.last() == Some(&0) && file_type == FileType::Assembly)].to_vec())
}

/// Generates code, on several threads if there is enough of it. `progress` is told how many of how
/// many parts are done.
pub fn emit(
    llvm: LlvmModule<'_>,
    options: &Options,
    machine: &TargetMachine,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<Vec<u8>>, CompileError> {
    let parts = cut(&llvm);
    if parts.len() == 1 {
        let object = emit_one(&llvm, machine, FileType::Object)?;
        progress(1, 1);
        return Ok(vec![object]);
    }
    for function in llvm.get_functions().filter(|f| f.get_linkage() == Linkage::Internal) {
        // Other parts must find it.
        function.set_linkage(Linkage::External);
        function.as_global_value().set_visibility(GlobalVisibility::Hidden);
    }
    let bitcode = llvm.write_bitcode_to_memory();
    drop(llvm);
    let bitcode = bitcode.as_slice();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let objects = Mutex::new(parts.iter().map(|_| Ok(Vec::new())).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        for _ in 0..options.threads.get().min(parts.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(part) = parts.get(index) else { break };
                    let object = emit_part(bitcode, part, options);
                    objects.lock().expect("no thread has panicked")[index] = object;
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1, parts.len());
                }
            });
        }
    });
    objects.into_inner().expect("no thread has panicked").into_iter().collect()
}

/// The names of each part's functions, in order. There is at least one part.
fn cut(llvm: &LlvmModule<'_>) -> Vec<HashSet<Vec<u8>>> {
    let mut parts = vec![HashSet::new()];
    let mut instructions = 0;
    for function in llvm.get_functions().filter(|f| f.count_basic_blocks() > 0) {
        if instructions > PART_INSTRUCTIONS {
            parts.push(HashSet::new());
            instructions = 0;
        }
        instructions += function.get_basic_block_iter().map(|b| b.get_instructions().count()).sum::<usize>();
        parts.last_mut().expect("there is one").insert(function.get_name().to_bytes().to_vec());
    }
    parts
}

fn emit_part(bitcode: &[u8], part: &HashSet<Vec<u8>>, options: &Options) -> Result<Vec<u8>, CompileError> {
    let failed = |message: String| CompileError::Llvm { phase: "code generation", message };
    let context = Context::create();
    let whole = read_lazily(&context, bitcode).map_err(failed)?;
    let others: Vec<_> =
        whole.get_functions().filter(|f| is_defined(*f) && !part.contains(f.get_name().to_bytes())).collect();
    for function in others {
        declare_only(&whole, function);
    }
    // Linking reads the bodies that are left, and takes along only the constants that they use.
    let llvm = context.create_module("part");
    llvm.set_triple(&whole.get_triple());
    llvm.set_data_layout(&whole.get_data_layout());
    llvm.link_in_module(whole).map_err(|e| failed(e.to_string()))?;
    emit_one(&llvm, &target_machine(options)?, FileType::Object)
}

/// Whether the function has a body, read or not.
fn is_defined(function: FunctionValue<'_>) -> bool {
    use inkwell::values::AsValueRef;
    // SAFETY: only asks what kind of function it is.
    unsafe { llvm_sys::core::LLVMIsDeclaration(function.as_value_ref()) == 0 }
}

/// Opens a module whose function bodies are read only when they are needed.
fn read_lazily<'ctx>(context: &'ctx Context, bitcode: &[u8]) -> Result<LlvmModule<'ctx>, String> {
    let buffer = MemoryBuffer::create_from_memory_range_copy(bitcode, "module");
    let mut module = std::ptr::null_mut();
    // SAFETY: the context is live; the module takes over the buffer, which is forgotten here.
    unsafe {
        let raw = buffer.as_mut_ptr();
        std::mem::forget(buffer);
        if llvm_sys::bit_reader::LLVMGetBitcodeModuleInContext2(context.raw(), raw, &mut module) != 0 {
            return Err("the optimised module cannot be read back".into());
        }
        Ok(LlvmModule::new(module))
    }
}

/// Replaces a function whose body has not been read by a declaration.
fn declare_only<'ctx>(llvm: &LlvmModule<'ctx>, function: FunctionValue<'ctx>) {
    use inkwell::attributes::AttributeLoc;
    let name = function.get_name().to_string_lossy().into_owned();
    let declaration = llvm.add_function("", function.get_type(), Some(Linkage::External));
    declaration.set_call_conventions(function.get_call_conventions());
    declaration.as_global_value().set_visibility(GlobalVisibility::Hidden);
    let places =
        (0..function.count_params()).map(AttributeLoc::Param).chain([AttributeLoc::Function, AttributeLoc::Return]);
    for place in places {
        for attribute in function.attributes(place) {
            declaration.add_attribute(place, attribute);
        }
    }
    function.replace_all_uses_with(declaration);
    // SAFETY: nothing refers to the function any more.
    unsafe { function.delete() };
    declaration.as_global_value().set_name(&name);
}
