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
        let (functions, types) = (module.bodies.len(), module.types.len());
        let mut found = Throwing { functions: vec![false; functions], types: vec![false; types] };
        // By function and by type of an indirect call, the functions that throw if it does.
        let (mut callers, mut indirect_callers) = (vec![Vec::new(); functions], vec![Vec::new(); types]);
        // Functions that throw.
        let mut work = Vec::new();
        for (caller, body) in module.bodies.iter().enumerate() {
            let Throws { mut itself, calls, indirect_calls } = scan(module, body);
            for callee in calls {
                match module.defined(callee) {
                    Some(callee) => callers[callee.get()].push(caller),
                    None => itself = true,
                }
            }
            indirect_calls.into_iter().for_each(|ty| indirect_callers[ty.get()].push(caller));
            work.extend(itself.then_some(caller));
        }
        if module.has_foreign_references() {
            // A table may hold functions of others.
            found.types.fill(true);
            work.extend(indirect_callers.iter().flatten());
        }
        while let Some(function) = work.pop() {
            if std::mem::replace(&mut found.functions[function], true) {
                continue;
            }
            work.extend(&callers[function]);
            let index = module.function_index(DefinedFuncIndex(function as u32));
            let mut ty = module.escape_slot(index).map(|_| module.functions[index.get()]);
            // Of any of its supertypes it can be called, too.
            while let Some(id) = ty.filter(|id| !std::mem::replace(&mut found.types[id.get()], true)) {
                work.extend(&indirect_callers[id.get()]);
                ty = module.types[id.get()].supertype;
            }
        }
        found
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

#[cfg(test)]
mod tests {
    use crate::parse::{FuncIndex, Proposals, parse};
    use std::fmt::Write;

    /// Long enough that to go over all functions once for each of them would be noticed.
    #[test]
    fn what_throws_at_the_end_of_a_long_chain_of_calls_throws_at_its_start() {
        const LEN: u32 = 50_000;
        let mut wat = String::from("(module (tag $t)");
        for index in 0..LEN {
            write!(wat, "(func (call {}))", index + 1).unwrap();
        }
        wat += "(func (throw $t)) (func))";
        let bytes = wat::parse_str(&wat).unwrap();
        let module = parse(&bytes, Proposals::default()).unwrap();
        let throwing = module.throwing.as_ref().unwrap();
        assert!((0..=LEN).all(|index| throwing.function(&module, FuncIndex(index))));
        assert!(!throwing.function(&module, FuncIndex(LEN + 1)));
    }

    #[test]
    fn an_indirect_call_throws_if_a_function_of_the_type_or_a_subtype_does() {
        let wat = "(module (tag $t)
            (type $open (sub (func))) (type $sub (sub final $open (func))) (type $other (func (param i32)))
            (table 2 funcref) (elem (i32.const 0) $thrower $plain)
            (func $thrower (type $sub) (throw $t))
            (func $plain (type $other))
            (func (call_indirect (type $open) (i32.const 0)))
            (func (call_indirect (type $other) (i32.const 1) (i32.const 1)))
            (func (call 2)))";
        let bytes = wat::parse_str(wat).unwrap();
        let module = parse(&bytes, Proposals::default()).unwrap();
        let throwing = module.throwing.as_ref().unwrap();
        let found = [0, 1, 2, 3, 4].map(|index| throwing.function(&module, FuncIndex(index)));
        assert_eq!(found, [true, false, true, false, true]);
    }
}
