//! LLVM module → ELF object.

use crate::error::CompileError;
use inkwell::module::Module as LlvmModule;
use inkwell::targets::{FileType, TargetMachine};

/// Generates code for an LLVM module, as an object or an assembly file.
pub fn emit(llvm: &LlvmModule<'_>, machine: &TargetMachine, file_type: FileType) -> Result<Vec<u8>, CompileError> {
    let buffer = machine
        .write_to_memory_buffer(llvm, file_type)
        .map_err(|e| CompileError::Llvm { phase: "code generation", message: e.to_string() })?;
    let bytes = buffer.as_slice();
    // inkwell's buffers end in a zero byte of their own.
    Ok(bytes[..bytes.len() - usize::from(bytes.last() == Some(&0) && file_type == FileType::Assembly)].to_vec())
}
