//! Where everything goes: constants, then code, then what the loader relocates, each section of each
//! object at its alignment; and with that, what every symbol of every object stands for.
//!
//! The constants end where the code starts, so that the distance between them is known although the
//! metadata in front of them grows with what this stage finds out.

use super::machine::Machine;
use super::read::{Object, SectionKind, SymbolPlace};
use super::{Symbol, function_index};
use crate::error::CompileError;
use crate::translate::symbols::HELPER_TABLE;
use std::collections::HashMap;
use std::ops::Range;
use wasmc_abi::Builtin;

/// The most that an image offset may be: a fixup tells offsets from helpers by bit 31.
pub const IMAGE_LIMIT: u64 = 1 << 31;

/// Linked offsets of everything.
#[derive(Debug, Default)]
pub struct Layout {
    pub rodata: Range<u32>,
    pub text: Range<u32>,
    pub relocated: Range<u32>,
    /// The helper table, in `relocated`, if it is used.
    pub helper_table: Option<u32>,
    /// Helpers that LLVM calls by name, with a stub in `text` each.
    pub stubs: Vec<Stub>,
    /// Of each section of each object; 0 for those that are not stored.
    sections: Vec<Vec<u32>>,
    /// Of each symbol of each object.
    targets: Vec<Vec<Target>>,
}

/// A stub that jumps to a helper.
#[derive(Clone, Copy, Debug)]
pub struct Stub {
    pub helper: Builtin,
    pub offset: u32,
}

/// What a symbol stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A linked offset.
    Offset(u32),
    /// A routine of the runtime: its place in [`Layout::stubs`].
    Helper(usize),
    /// Something in a section that is not stored.
    Elsewhere,
    /// Nothing.
    Undefined,
}

impl Layout {
    pub fn new(objects: &[Object<'_>], machine: &Machine) -> Result<Layout, CompileError> {
        let names = global_names(objects, machine)?;
        let uses = Uses::of(objects, &names);
        let mut layout =
            Layout { sections: objects.iter().map(|o| vec![0; o.sections.len()]).collect(), ..Layout::default() };
        layout.place(objects, &uses, machine)?;
        layout.targets = objects.iter().enumerate().map(|(i, o)| layout.resolve(i, o, &names)).collect();
        Ok(layout)
    }

    /// Linked offset of a section.
    pub fn section(&self, object: usize, section: usize) -> u32 {
        self.sections[object][section]
    }

    /// What a symbol of an object stands for.
    pub fn target(&self, object: usize, symbol: u32) -> Target {
        self.targets[object].get(symbol as usize).copied().unwrap_or(Target::Undefined)
    }

    /// The slot of a helper.
    pub fn slot(&self, helper: Builtin, machine: &Machine) -> Option<u32> {
        Some(self.helper_table? + helper as u32 * machine.pointer_len)
    }

    /// Functions and stubs in the text, ascending.
    pub fn symbols(&self, objects: &[Object<'_>], machine: &Machine) -> Vec<Symbol> {
        let functions = objects.iter().enumerate().flat_map(|(i, object)| {
            object.symbols.iter().zip(&self.targets[i]).filter_map(|(symbol, target)| match *target {
                Target::Offset(offset) if symbol.is_function && symbol.place != SymbolPlace::Undefined => {
                    Some(Symbol { name: symbol.name.into(), offset, len: symbol.len })
                }
                _ => None,
            })
        });
        let stub = |s: &Stub| Symbol { name: s.helper.symbol().into(), offset: s.offset, len: machine.code.stub_len };
        let mut symbols: Vec<_> = functions.chain(self.stubs.iter().map(stub)).collect();
        symbols.sort_by_key(|s| (s.offset, s.len));
        symbols
    }

    fn place(&mut self, objects: &[Object<'_>], uses: &Uses, machine: &Machine) -> Result<(), CompileError> {
        let mut rodata = Cursor::default();
        self.place_kind(objects, SectionKind::Rodata, &mut rodata);
        // In front of the constants goes what makes the code start at a whole page.
        let rodata_len = rodata.end.next_multiple_of(rodata.align.max(1));
        let text_start = rodata_len.next_multiple_of(machine.page_len.into());
        let rodata_start = text_start - rodata_len;
        let mut text = Cursor { end: text_start, align: 1 };
        self.place_kind(objects, SectionKind::Text, &mut text);
        for helper in uses.stubs() {
            let offset = text.take(machine.code.stub_len.into(), machine.code.stub_len.into());
            self.stubs.push(Stub { helper, offset: offset as u32 });
        }
        let relocated_start = text.end.next_multiple_of(machine.page_len.into());
        let mut relocated = Cursor { end: relocated_start, align: 1 };
        if uses.helper_table {
            let len = Builtin::COUNT as u64 * u64::from(machine.pointer_len);
            self.helper_table = Some(relocated.take(len, machine.pointer_len.into()) as u32);
        }
        self.place_kind(objects, SectionKind::Relocated, &mut relocated);
        check_limits(&[&rodata, &text, &relocated], text.end - text_start, machine)?;
        self.shift(objects, SectionKind::Rodata, rodata_start as u32);
        self.rodata = rodata_start as u32..(rodata_start + rodata.end) as u32;
        self.text = text_start as u32..text.end as u32;
        self.relocated = relocated_start as u32..relocated.end as u32;
        Ok(())
    }

    /// Places all sections of a kind, object by object.
    fn place_kind(&mut self, objects: &[Object<'_>], kind: SectionKind, at: &mut Cursor) {
        for (object, offsets) in objects.iter().zip(&mut self.sections) {
            for index in sections_in_order(object, kind) {
                let section = &object.sections[index];
                // The limit is checked when everything is placed.
                offsets[index] = at.take(section.bytes.len() as u64, section.align) as u32;
            }
        }
    }

    fn shift(&mut self, objects: &[Object<'_>], kind: SectionKind, by: u32) {
        for (object, offsets) in objects.iter().zip(&mut self.sections) {
            for (section, offset) in object.sections.iter().zip(offsets) {
                if section.kind == kind {
                    *offset += by;
                }
            }
        }
    }

    fn resolve(&self, index: usize, object: &Object<'_>, names: &Names<'_>) -> Vec<Target> {
        let place = |index: usize, object: &Object<'_>, place| match place {
            SymbolPlace::Section(section, offset) if is_stored(object.sections[section as usize].kind) => {
                Target::Offset(self.sections[index][section as usize] + offset)
            }
            SymbolPlace::Section(..) | SymbolPlace::Elsewhere => Target::Elsewhere,
            SymbolPlace::Undefined => Target::Undefined,
        };
        let resolve = |symbol: &super::read::ObjectSymbol<'_>| match place(index, object, symbol.place) {
            Target::Undefined => match names.get(symbol.name) {
                Some(found) => place(found.object, found.of, found.place),
                None => self.resolve_runtime(symbol.name),
            },
            target => target,
        };
        object.symbols.iter().map(resolve).collect()
    }

    /// What a symbol stands for that no object defines.
    fn resolve_runtime(&self, name: &str) -> Target {
        if let (HELPER_TABLE, Some(table)) = (name, self.helper_table) {
            return Target::Offset(table);
        }
        match self.stubs.iter().position(|s| s.helper.symbol() == name) {
            Some(index) => Target::Helper(index),
            None => Target::Undefined,
        }
    }
}

/// Whether a section's bytes become part of the image.
pub fn is_stored(kind: SectionKind) -> bool {
    match kind {
        SectionKind::Rodata | SectionKind::Text | SectionKind::Relocated => true,
        SectionKind::Lines | SectionKind::Frames => false,
    }
}

/// Placing one thing behind another.
#[derive(Default)]
struct Cursor {
    end: u64,
    /// The largest alignment so far.
    align: u64,
}

impl Cursor {
    fn take(&mut self, len: u64, align: u64) -> u64 {
        let start = self.end.next_multiple_of(align);
        self.end = start + len;
        self.align = self.align.max(align);
        start
    }
}

fn check_limits(parts: &[&Cursor], text_len: u64, machine: &Machine) -> Result<(), CompileError> {
    let limit = |what: &str, found, limit| {
        let what = format!("{what}, in bytes,");
        if found > limit { Err(CompileError::Limit { what, found, limit, offset: None }) } else { Ok(()) }
    };
    limit("the length of the machine code", text_len, machine.code.text_limit)?;
    for part in parts {
        limit("the length of code and constants", part.end, IMAGE_LIMIT)?;
        if part.align > machine.page_len.into() {
            return Err(machine.error(format!("a section is aligned to {} bytes, more than a page", part.align)));
        }
    }
    Ok(())
}

/// The stored sections of a kind in the order in which they are placed. Code goes by the first Wasm
/// function in a section, code without one last: LLVM may give functions sections of their own.
fn sections_in_order(object: &Object<'_>, kind: SectionKind) -> Vec<usize> {
    let mut first = vec![u32::MAX; object.sections.len()];
    if kind == SectionKind::Text {
        for symbol in &object.symbols {
            if let (SymbolPlace::Section(section, _), Some(function)) = (symbol.place, function_index(symbol.name)) {
                let first = &mut first[section as usize];
                *first = function.min(*first);
            }
        }
    }
    let mut order: Vec<_> = (0..object.sections.len()).filter(|i| object.sections[*i].kind == kind).collect();
    order.sort_by_key(|i| first[*i]);
    order
}

/// Global symbols that are defined, by name. For look-ups only: its order is not one.
type Names<'a> = HashMap<&'a str, Definition<'a>>;

/// Where a global symbol is defined.
struct Definition<'a> {
    object: usize,
    of: &'a Object<'a>,
    place: SymbolPlace,
}

/// Trampolines and stubs may be defined in several objects, all the same: the first one counts.
fn global_names<'a>(objects: &'a [Object<'a>], machine: &Machine) -> Result<Names<'a>, CompileError> {
    let mut names = Names::new();
    for (index, object) in objects.iter().enumerate() {
        for symbol in object.symbols.iter().filter(|s| s.is_global && s.place != SymbolPlace::Undefined) {
            let definition = Definition { object: index, of: object, place: symbol.place };
            if !names.contains_key(symbol.name) {
                names.insert(symbol.name, definition);
            } else if function_index(symbol.name).is_some() && !symbol.is_weak {
                return Err(machine.error(format!("function `{}` is defined in two objects", symbol.name)));
            }
        }
    }
    Ok(names)
}

/// What of the runtime the objects refer to.
#[derive(Default)]
struct Uses {
    helper_table: bool,
    /// By helper: whether it is called by name.
    by_name: [bool; Builtin::COUNT],
}

impl Uses {
    fn of(objects: &[Object<'_>], names: &Names<'_>) -> Uses {
        let mut uses = Uses::default();
        for object in objects {
            let mut used = vec![false; object.symbols.len()];
            let stored = object.sections.iter().filter(|s| is_stored(s.kind));
            for relocation in stored.flat_map(|s| &s.relocations) {
                if let Some(used) = used.get_mut(relocation.symbol as usize) {
                    *used = true;
                }
            }
            let undefined =
                object.symbols.iter().zip(used).filter(|(s, used)| *used && s.place == SymbolPlace::Undefined);
            for (symbol, _) in undefined.filter(|(s, _)| !names.contains_key(s.name)) {
                uses.add(symbol.name);
            }
        }
        uses
    }

    fn add(&mut self, name: &str) {
        self.helper_table |= name == HELPER_TABLE;
        let by_name = |b: &&Builtin| !name.is_empty() && b.symbol() == name;
        if let Some(helper) = Builtin::ALL.iter().find(by_name) {
            self.by_name[*helper as usize] = true;
            // Its stub reads the table.
            self.helper_table = true;
        }
    }

    fn stubs(&self) -> impl Iterator<Item = Builtin> {
        Builtin::ALL.iter().copied().filter(|b| self.by_name[*b as usize])
    }
}
