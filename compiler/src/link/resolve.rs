//! What every symbol of every object is: a place in a section of one of them, or something of the
//! runtime. This does not depend on where things are placed.

use super::function_index;
use super::layout::is_stored;
use super::machine::{Machine, Value};
use super::read::{Object, ObjectSymbol, SymbolPlace};
use crate::error::CompileError;
use crate::translate::symbols::HELPER_TABLE;
use std::collections::{BTreeSet, HashMap};
use wasmc_abi::Builtin;

/// What a symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Definition {
    /// A place in a section that is stored.
    Section { object: u32, section: u32, offset: u32, is_function: bool },
    /// The table of helpers.
    HelperTable,
    /// The routine of the runtime with this number.
    Helper(u32),
    /// Something in a section that is not stored.
    Elsewhere,
    /// Nothing.
    Undefined,
}

impl Definition {
    /// The first one in their order.
    pub const LEAST: Definition = Definition::Section { object: 0, section: 0, offset: 0, is_function: false };
}

/// What the symbols of each object are.
#[derive(Debug, Default)]
pub struct Definitions(Vec<Vec<Definition>>);

impl Definitions {
    pub fn new(objects: &[Object<'_>], machine: &Machine) -> Result<Definitions, CompileError> {
        let names = global_names(objects, machine)?;
        let resolve = |index: usize, symbol: &ObjectSymbol<'_>| match place(objects, index, symbol) {
            Definition::Undefined => match names.get(symbol.name) {
                Some((object, symbol)) => place(objects, *object, symbol),
                None if machine.has_relocated => of_runtime(symbol.name),
                None => Definition::Undefined,
            },
            definition => definition,
        };
        let of_object =
            |(index, object): (usize, &Object<'_>)| object.symbols.iter().map(|s| resolve(index, s)).collect();
        Ok(Definitions(objects.iter().enumerate().map(of_object).collect()))
    }

    /// What a symbol of an object is.
    pub fn get(&self, object: usize, symbol: u32) -> Definition {
        self.0[object].get(symbol as usize).copied().unwrap_or(Definition::Undefined)
    }

    /// The name of what is defined.
    pub fn name<'a>(&self, objects: &[Object<'a>], definition: Definition) -> &'a str {
        match definition {
            Definition::Section { object, section, offset, .. } => {
                let at = SymbolPlace::Section(section, offset);
                let found = objects[object as usize].symbols.iter().find(|s| s.place == at && s.is_function);
                found.map_or("code", |symbol| symbol.name)
            }
            Definition::Helper(number) => Builtin::ALL[number as usize].symbol(),
            Definition::HelperTable => HELPER_TABLE,
            Definition::Elsewhere | Definition::Undefined => "",
        }
    }
}

fn place(objects: &[Object<'_>], object: usize, symbol: &ObjectSymbol<'_>) -> Definition {
    match symbol.place {
        SymbolPlace::Section(section, offset) if is_stored(objects[object].sections[section as usize].kind) => {
            Definition::Section { object: object as u32, section, offset, is_function: symbol.is_function }
        }
        SymbolPlace::Section(..) | SymbolPlace::Elsewhere => Definition::Elsewhere,
        SymbolPlace::Undefined => Definition::Undefined,
    }
}

/// What a symbol is that no object defines, in images with pointers that the loader fills.
fn of_runtime(name: &str) -> Definition {
    if name == HELPER_TABLE {
        return Definition::HelperTable;
    }
    let by_name = Builtin::ALL.iter().find(|b| !name.is_empty() && b.symbol() == name);
    by_name.map_or(Definition::Undefined, |helper| Definition::Helper(*helper as u32))
}

/// Global symbols that are defined, and their object, by name. For look-ups only: its order is not one.
type Names<'a> = HashMap<&'a str, (usize, &'a ObjectSymbol<'a>)>;

/// Trampolines and stubs may be defined in several objects, all the same: the first one counts.
fn global_names<'a>(objects: &'a [Object<'a>], machine: &Machine) -> Result<Names<'a>, CompileError> {
    let mut names = Names::new();
    for (index, object) in objects.iter().enumerate() {
        for symbol in object.symbols.iter().filter(|s| s.is_global && s.place != SymbolPlace::Undefined) {
            if !names.contains_key(symbol.name) {
                names.insert(symbol.name, (index, symbol));
            } else if function_index(symbol.name).is_some() && !symbol.is_weak {
                return Err(machine.error(format!("function `{}` is defined in two objects", symbol.name)));
            }
        }
    }
    Ok(names)
}

/// What the objects need beside what they bring.
#[derive(Default)]
pub struct Uses {
    pub helper_table: bool,
    /// By helper: whether it is called by name.
    by_name: [bool; Builtin::COUNT],
    /// What needs a slot with its address.
    pub slots: BTreeSet<Definition>,
}

impl Uses {
    pub fn of(objects: &[Object<'_>], definitions: &Definitions, machine: &Machine) -> Uses {
        let mut uses = Uses::default();
        for (index, object) in objects.iter().enumerate() {
            let stored = object.sections.iter().filter(|s| is_stored(s.kind));
            for relocation in stored.flat_map(|s| &s.relocations) {
                let value = machine.relocation(relocation.number).map(|row| row.value);
                uses.add(definitions.get(index, relocation.symbol), value, machine);
            }
        }
        uses
    }

    fn add(&mut self, definition: Definition, value: Option<Value>, machine: &Machine) {
        let has_slots = machine.has_relocated && machine.code.relax_slot_load.is_none();
        let needs_slot = has_slots && value.is_some_and(Value::is_of_slot);
        match definition {
            Definition::HelperTable => self.helper_table = true,
            Definition::Helper(number) => {
                self.by_name[number as usize] = true;
                // Its stub reads the table.
                self.helper_table = true;
            }
            Definition::Section { .. } if needs_slot => {
                self.slots.insert(definition);
            }
            Definition::Section { .. } | Definition::Elsewhere | Definition::Undefined => {}
        }
    }

    /// Helpers that are called by name.
    pub fn stubs(&self) -> impl Iterator<Item = Builtin> {
        Builtin::ALL.iter().copied().filter(|b| self.by_name[*b as usize])
    }
}
