//! Numbers the sites: instructions at which execution can leave the code. Each keeps one debug
//! location whose line is its number, so that the line table of the object maps code to sites and
//! the places in the module, through all inlining, stay here.

use crate::parse::{FuncIndex, Module};
use inkwell::debug_info::{AsDIScope, DILocation};
use inkwell::llvm_sys::debuginfo::{
    LLVMDIBuilderCreateDebugLocation, LLVMDILocationGetInlinedAt, LLVMDILocationGetLine, LLVMDILocationGetScope,
    LLVMDISubprogramGetLine, LLVMGetMetadataKind, LLVMMetadataKind,
};
use inkwell::module::Module as LlvmModule;
use inkwell::values::{FunctionValue, InstructionOpcode, InstructionValue};
use std::collections::HashMap;

/// The places of each site, innermost first: its own, then those of the calls that it was inlined through. They are
/// offsets in the module, or [`Place`]s, which stay the same wherever functions stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chains<P = u32> {
    places: Vec<P>,
    /// Where those of each site end.
    ends: Vec<u32>,
}

/// A place in a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// Index of the function.
    pub function: u32,
    /// One more than the distance from the start of its body; 0 if the place is not known.
    pub line: u32,
}

impl<P> Default for Chains<P> {
    fn default() -> Self {
        Chains { places: Vec::new(), ends: Vec::new() }
    }
}

impl<P: Copy> Chains<P> {
    /// How many sites there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds a site.
    pub fn push(&mut self, places: &[P]) {
        self.places.extend_from_slice(places);
        self.ends.push(self.places.len() as u32);
    }

    /// The places of a site.
    pub fn get(&self, site: usize) -> &[P] {
        let start = site.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.places[start as usize..self.ends[site] as usize]
    }

    /// Adds other sites behind these.
    pub fn append(&mut self, others: &Chains<P>) {
        (0..others.len()).for_each(|site| self.push(others.get(site)));
    }
}

impl Chains<Place> {
    /// The offsets in a module.
    pub fn offsets(self, module: &Module<'_>) -> Chains {
        let offset = |place: Place| match (place.line, module.defined(FuncIndex(place.function))) {
            (0, _) | (_, None) => 0,
            (line, Some(function)) => module.bodies[function.get()].offset + (line - 1),
        };
        Chains { places: self.places.into_iter().map(offset).collect(), ends: self.ends }
    }
}

/// Gives every site its number, from 1 on; returns their chains.
pub fn number(llvm: &LlvmModule<'_>) -> Chains<Place> {
    let mut chains = Chains::default();
    let mut numbers: HashMap<Box<[Place]>, u32> = HashMap::new();
    for function in llvm.get_functions() {
        for block in function.get_basic_block_iter() {
            for instruction in block.get_instructions() {
                let Some(location) = instruction.get_debug_location() else { continue };
                let places = if is_site(instruction) { places(&location) } else { Box::default() };
                if places.iter().all(|place| place.line == 0) {
                    forget(function, instruction);
                    continue;
                }
                let number = *numbers.entry(places).or_insert_with_key(|places| {
                    chains.push(places);
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

/// The places of an instruction and of the calls it was inlined through.
fn places(location: &DILocation<'_>) -> Box<[Place]> {
    let mut chain = Vec::new();
    let mut at = location.as_mut_ptr();
    while !at.is_null() {
        // SAFETY: `at` is a location of this module: the instruction's, or one that it is inlined at. Its scope is a
        // function's, of which the line is read only if it is one.
        unsafe {
            let scope = LLVMDILocationGetScope(at);
            let is_function = matches!(LLVMGetMetadataKind(scope), LLVMMetadataKind::LLVMDISubprogramMetadataKind);
            assert!(is_function, "translation makes no other scopes");
            chain.push(Place { function: LLVMDISubprogramGetLine(scope), line: LLVMDILocationGetLine(at) });
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
