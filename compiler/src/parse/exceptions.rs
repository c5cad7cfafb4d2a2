//! Which functions can be left by an exception: found over the calls that the bodies make. In a module that uses no
//! exceptions, those of others end where they come from a call; by a tail call they come to who called.

use super::{Body, DefinedFuncIndex, FuncIndex, Module, TypeId, sections::VALID};
use wasmparser::{BinaryReader, Catch, FunctionBody, Operator as O};

/// The functions and indirect calls that an exception may come out of.
#[derive(Debug, Default)]
pub struct Throwing {
    /// By defined function.
    functions: Vec<bool>,
    /// Indirect calls, by their type.
    types: Vec<bool>,
}

/// What may leave a body by an exception.
#[derive(Default)]
struct Throws {
    itself: bool,
    calls: Vec<FuncIndex>,
    indirect_calls: Vec<TypeId>,
}

impl Throwing {
    /// Finds them. `module` is complete, but for this.
    pub fn find(module: &Module<'_>) -> Throwing {
        let bodies: Vec<Throws> = module.bodies.iter().map(|body| scan(module, body)).collect();
        let mut found = Throwing {
            functions: bodies.iter().map(|body| body.itself).collect(),
            // A table may hold functions of others.
            types: vec![module.has_foreign_references(); module.types.len()],
        };
        loop {
            let (mut functions, mut types) = (found.functions.clone(), found.types.clone());
            for (function, body) in functions.iter_mut().zip(&bodies) {
                *function |= body.calls.iter().any(|callee| found.function(module, *callee))
                    || body.indirect_calls.iter().any(|ty| found.types[ty.get()]);
            }
            for escaping in module.escapes.iter().filter(|escaping| found.function(module, **escaping)) {
                // Of any of its supertypes it can be called, too.
                let mut ty = Some(module.functions[escaping.get()]);
                while let Some(id) = ty {
                    types[id.get()] = true;
                    ty = module.types[id.get()].supertype;
                }
            }
            if (&functions, &types) == (&found.functions, &found.types) {
                return found;
            }
            found = Throwing { functions, types };
        }
    }

    /// Whether a function may throw. Of imported ones nothing is known.
    pub fn function(&self, module: &Module<'_>, function: FuncIndex) -> bool {
        module.defined(function).is_none_or(|DefinedFuncIndex(index)| self.functions[index as usize])
    }

    /// Whether an indirect call of a type may throw.
    pub fn indirect_call(&self, ty: TypeId) -> bool {
        self.types[ty.get()]
    }
}

/// Looks at what a body does outside of blocks that catch everything. Blocks of the legacy form count as blocks that
/// do not: what they catch is said behind them.
fn scan(module: &Module<'_>, body: &Body<'_>) -> Throws {
    let mut throws = Throws::default();
    // Of each open block whether it catches everything.
    let mut blocks = vec![false];
    let body = FunctionBody::new(BinaryReader::new(&body.bytes, body.offset.into()));
    for operator in body.get_operators_reader().expect(VALID) {
        let is_caught = blocks.contains(&true) || !module.uses_exceptions;
        match operator.expect(VALID) {
            // It leaves the function, and all blocks.
            O::ReturnCall { function_index } => throws.calls.push(FuncIndex(function_index)),
            O::ReturnCallIndirect { type_index, .. } | O::ReturnCallRef { type_index } => {
                throws.indirect_calls.push(module.type_ids[type_index as usize]);
            }
            O::Block { .. } | O::Loop { .. } | O::If { .. } | O::Try { .. } => blocks.push(false),
            O::TryTable { try_table } => {
                blocks.push(try_table.catches.iter().any(|c| matches!(c, Catch::All { .. } | Catch::AllRef { .. })));
            }
            O::End | O::Delegate { .. } => drop(blocks.pop()),
            _ if is_caught => {}
            O::Throw { .. } | O::ThrowRef | O::Rethrow { .. } => throws.itself = true,
            O::Call { function_index } => throws.calls.push(FuncIndex(function_index)),
            O::CallIndirect { type_index, .. } | O::CallRef { type_index } => {
                throws.indirect_calls.push(module.type_ids[type_index as usize]);
            }
            _ => {}
        }
    }
    throws
}
