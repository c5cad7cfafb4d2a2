//! Where everything goes: constants, then code, then what the loader relocates, each section of each
//! object at its alignment; and with that, what every symbol of every object stands for.
//!
//! The constants end where the code starts, so that the distance between them is known although the
//! metadata in front of them grows with what this stage finds out.

use super::machine::{Jump, Machine};
use super::read::{Object, SectionKind, SymbolPlace};
use super::resolve::{Definition, Definitions, Uses};
use super::veneers::{self, Islands, Piece};
use super::{Mapping, Symbol, function_index};
use crate::error::CompileError;
use std::collections::BTreeMap;
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
    /// Slots in `relocated` that hold the address of what is not a helper.
    pub slots: BTreeMap<Definition, u32>,
    /// Veneers, in `text`.
    pub islands: Islands,
    /// What every symbol is.
    definitions: Definitions,
    /// Sections with code in the order in which they lie.
    pub pieces: Vec<Piece>,
    /// Of each section of each object; 0 for those that are not stored.
    sections: Vec<Vec<u32>>,
}

/// A stub that jumps to a helper.
#[derive(Clone, Copy, Debug)]
pub struct Stub {
    pub helper: Builtin,
    pub offset: u32,
}

impl Layout {
    pub fn new(objects: &[Object<'_>], machine: &Machine) -> Result<Layout, CompileError> {
        let definitions = Definitions::new(objects, machine)?;
        let uses = Uses::of(objects, &definitions, machine);
        let in_order =
            |(index, object)| sections_in_order(object, SectionKind::Text).into_iter().map(move |s| (index, s));
        let mut layout = Layout {
            pieces: objects.iter().enumerate().flat_map(in_order).collect(),
            sections: objects.iter().map(|o| vec![0; o.sections.len()]).collect(),
            stubs: uses.stubs().map(|helper| Stub { helper, offset: 0 }).collect(),
            definitions,
            ..Layout::default()
        };
        layout.place(objects, &uses, machine)?;
        while veneers::add_missing(&mut layout, objects, machine) {
            layout.place(objects, &uses, machine)?;
        }
        Ok(layout)
    }

    /// Linked offset of a section.
    pub fn section(&self, object: usize, section: usize) -> u32 {
        self.sections[object][section]
    }

    /// What a symbol of an object is.
    pub fn definition(&self, object: usize, symbol: u32) -> Definition {
        self.definitions.get(object, symbol)
    }

    /// Where it is; of a helper, where its stub is.
    pub fn offset(&self, definition: Definition) -> Option<u32> {
        match definition {
            Definition::Section { object, section, offset, .. } => {
                Some(self.sections[object as usize][section as usize] + offset)
            }
            Definition::HelperTable => self.helper_table,
            Definition::Helper(number) => self.stubs.iter().find(|s| s.helper as u32 == number).map(|s| s.offset),
            Definition::Elsewhere | Definition::Undefined => None,
        }
    }

    /// The slot with its address.
    pub fn slot(&self, definition: Definition, machine: &Machine) -> Option<u32> {
        match definition {
            Definition::Helper(number) => Some(self.helper_table? + number * machine.pointer_len),
            other => self.slots.get(&other).copied(),
        }
    }

    /// Functions, stubs and veneers in the text, ascending.
    pub fn symbols(&self, objects: &[Object<'_>], machine: &Machine) -> Vec<Symbol> {
        let functions = objects.iter().enumerate().flat_map(|(i, object)| {
            object.symbols.iter().filter_map(move |symbol| match symbol.place {
                SymbolPlace::Section(section, offset) if symbol.is_function => {
                    let offset = self.sections[i][section as usize] + offset;
                    Some(Symbol { name: symbol.name.into(), offset, len: symbol.len })
                }
                _ => None,
            })
        });
        let stub = |s: &Stub| Symbol { name: s.helper.symbol().into(), offset: s.offset, len: machine.code.stub.len };
        let veneer_len = machine.code.veneer.as_ref().map_or(0, |veneer| veneer.jump.len);
        let veneers = self.islands.veneers().map(|veneer| {
            let name = format!("{}.veneer", self.definitions.name(objects, veneer.to.definition));
            Symbol { name, offset: veneer.offset, len: veneer_len }
        });
        let mut symbols: Vec<_> = functions.chain(self.stubs.iter().map(stub)).chain(veneers).collect();
        symbols.sort_by_key(|s| (s.offset, s.len));
        symbols
    }

    /// Where instructions begin in the text and where data does, ascending, as far as objects say so.
    pub fn mappings(&self, objects: &[Object<'_>]) -> Vec<(u32, Mapping)> {
        let of_object = |(index, object): (usize, &Object<'_>)| {
            let mapped = object.symbols.iter().filter_map(move |symbol| match (symbol.mapping, symbol.place) {
                (Some(mapping), SymbolPlace::Section(section, offset)) => Some((section as usize, offset, mapping)),
                _ => None,
            });
            let in_text = |(section, ..): &(usize, u32, Mapping)| object.sections[*section].kind == SectionKind::Text;
            let mapped: Vec<_> = mapped.filter(in_text).collect();
            mapped.into_iter().map(move |(section, offset, mapping)| (self.sections[index][section] + offset, mapping))
        };
        let mut mappings: Vec<_> = objects.iter().enumerate().flat_map(of_object).collect();
        if !mappings.is_empty() {
            let ours = self.stubs.iter().map(|s| s.offset).chain(self.islands.veneers().map(|v| v.offset));
            mappings.extend(ours.map(|offset| (offset, Mapping::Code)));
        }
        mappings.sort_unstable();
        mappings.dedup_by_key(|(_, mapping)| *mapping);
        mappings
    }

    fn place(&mut self, objects: &[Object<'_>], uses: &Uses, machine: &Machine) -> Result<(), CompileError> {
        let mut rodata = Cursor::default();
        self.place_kind(objects, SectionKind::Rodata, &mut rodata);
        // In front of the constants goes what makes the code start at a whole page.
        let rodata_len = rodata.end.next_multiple_of(rodata.align.max(1));
        let text_start = rodata_len.next_multiple_of(machine.page_len.into());
        let rodata_start = text_start - rodata_len;
        let mut text = Cursor { end: text_start, align: 1 };
        self.place_text(objects, machine, &mut text);
        let relocated_start = text.end.next_multiple_of(machine.page_len.into());
        let mut relocated = Cursor { end: relocated_start, align: 1 };
        let pointer_len = u64::from(machine.pointer_len);
        if uses.helper_table {
            self.helper_table = Some(relocated.take(Builtin::COUNT as u64 * pointer_len, pointer_len) as u32);
        }
        for definition in &uses.slots {
            self.slots.insert(*definition, relocated.take(pointer_len, pointer_len) as u32);
        }
        self.place_kind(objects, SectionKind::Relocated, &mut relocated);
        check_limits(&[&rodata, &text, &relocated], machine)?;
        self.shift(objects, SectionKind::Rodata, rodata_start as u32);
        self.rodata = rodata_start as u32..(rodata_start + rodata.end) as u32;
        self.text = text_start as u32..text.end as u32;
        self.relocated = relocated_start as u32..relocated.end as u32;
        Ok(())
    }

    /// Places the code: each piece with its island behind it, then the stubs.
    fn place_text(&mut self, objects: &[Object<'_>], machine: &Machine, text: &mut Cursor) {
        let take = |text: &mut Cursor, jump: &Jump, align: u32| text.take(jump.len.into(), align.into()) as u32;
        for (object, section) in self.pieces.iter().copied() {
            let placed = &objects[object].sections[section];
            // The limit is checked when everything is placed.
            self.sections[object][section] = text.take(placed.bytes.len() as u64, placed.align) as u32;
            if let Some(veneer) = &machine.code.veneer {
                self.islands.of_piece((object, section)).for_each(|v| v.offset = take(text, &veneer.jump, 4));
            }
        }
        let stub = &machine.code.stub;
        self.stubs.iter_mut().for_each(|s| s.offset = take(text, stub, stub.len));
    }

    /// Places all sections of a kind, object by object.
    fn place_kind(&mut self, objects: &[Object<'_>], kind: SectionKind, at: &mut Cursor) {
        for (object, offsets) in objects.iter().zip(&mut self.sections) {
            for index in sections_in_order(object, kind) {
                let section = &object.sections[index];
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
}

/// Whether a section's bytes become part of the image.
pub fn is_stored(kind: SectionKind) -> bool {
    match kind {
        SectionKind::Rodata | SectionKind::Text | SectionKind::Relocated => true,
        SectionKind::Lines | SectionKind::EhFrames | SectionKind::DebugFrames => false,
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

fn check_limits(parts: &[&Cursor], machine: &Machine) -> Result<(), CompileError> {
    for part in parts {
        if part.end > IMAGE_LIMIT {
            let what = "the length of code and constants, in bytes,".into();
            return Err(CompileError::Limit { what, found: part.end, limit: IMAGE_LIMIT, offset: None });
        }
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
