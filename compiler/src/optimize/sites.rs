//! Numbers the sites: instructions at which execution can leave the code. Each keeps one debug
//! location whose line is its number, so that the line table of the object maps code to sites and
//! the Wasm offsets, through all inlining, stay here.

use inkwell::debug_info::{AsDIScope, DILocation};
use inkwell::llvm_sys::debuginfo::{
    LLVMDIBuilderCreateDebugLocation, LLVMDILocationGetInlinedAt, LLVMDILocationGetLine,
};
use inkwell::module::Module as LlvmModule;
use inkwell::values::{FunctionValue, InstructionOpcode, InstructionValue};
use std::collections::HashMap;

/// The Wasm offsets of each site, innermost first: its own, then those of the calls that it was inlined through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chains {
    offsets: Vec<u32>,
    /// Where those of each site end.
    ends: Vec<u32>,
}

impl Chains {
    /// How many sites there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds a site.
    pub fn push(&mut self, offsets: &[u32]) {
        self.offsets.extend_from_slice(offsets);
        self.ends.push(self.offsets.len() as u32);
    }

    /// The offsets of a site.
    pub fn get(&self, site: usize) -> &[u32] {
        let start = site.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.offsets[start as usize..self.ends[site] as usize]
    }

    /// Adds other sites behind these.
    pub fn append(&mut self, others: &Chains) {
        (0..others.len()).for_each(|site| self.push(others.get(site)));
    }
}

/// Gives every site its number, from 1 on; returns their chains.
pub fn number(llvm: &LlvmModule<'_>) -> Chains {
    let mut chains = Chains::default();
    let mut numbers: HashMap<Box<[u32]>, u32> = HashMap::new();
    for function in llvm.get_functions() {
        for block in function.get_basic_block_iter() {
            for instruction in block.get_instructions() {
                let Some(location) = instruction.get_debug_location() else { continue };
                let offsets = if is_site(instruction) { offsets(&location) } else { Box::default() };
                if offsets.iter().all(|o| *o == 0) {
                    forget(function, instruction);
                    continue;
                }
                let number = *numbers.entry(offsets).or_insert_with_key(|offsets| {
                    chains.push(offsets);
                    chains.len() as u32
                });
                locate(function, instruction, number);
            }
        }
    }
    chains
}

fn is_site(instruction: InstructionValue<'_>) -> bool {
    use InstructionOpcode::{AtomicCmpXchg, AtomicRMW, Call, Load, Store};
    matches!(instruction.get_opcode(), Call | Load | Store | AtomicRMW | AtomicCmpXchg)
}

/// The Wasm offsets of an instruction and of the calls it was inlined through.
fn offsets(location: &DILocation<'_>) -> Box<[u32]> {
    let mut chain = Vec::new();
    let mut at = location.as_mut_ptr();
    while !at.is_null() {
        // SAFETY: `at` is a location of this module: the instruction's, or one that it is inlined at.
        unsafe {
            chain.push(LLVMDILocationGetLine(at));
            at = LLVMDILocationGetInlinedAt(at);
        }
    }
    chain.into()
}

/// No site. LLVM insists on a location at a call: then one of line 0.
fn forget(function: FunctionValue<'_>, instruction: InstructionValue<'_>) {
    match instruction.get_opcode() {
        InstructionOpcode::Call => locate(function, instruction, 0),
        _ => instruction.set_debug_location(None),
    }
}

/// Gives an instruction a location of that line.
pub fn locate(function: FunctionValue<'_>, instruction: InstructionValue<'_>, line: u32) {
    let Some(scope) = function.get_subprogram() else {
        instruction.set_debug_location(None);
        return;
    };
    // SAFETY: the context, the scope and the instruction belong to the same module.
    unsafe {
        use inkwell::values::AsValueRef;
        let context = inkwell::llvm_sys::core::LLVMGetValueContext(function.as_value_ref());
        let scope = scope.as_debug_info_scope().as_mut_ptr();
        let location = LLVMDIBuilderCreateDebugLocation(context, line, 0, scope, std::ptr::null_mut());
        inkwell::llvm_sys::debuginfo::LLVMInstructionSetDebugLoc(instruction.as_value_ref(), location);
    }
}
