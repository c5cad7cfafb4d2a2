//! Resolves relocations: computes a row's value, checks that it fits, writes it into its field; or,
//! for a pointer in data, leaves a [`Fixup`] to the loader.

use super::Segment;
use super::layout::{Layout, is_stored};
use super::machine::{Base, Field, Jump, Machine, RELATIVE, Relocation, Value};
use super::read::{Object, SectionKind, SectionRelocation};
use super::resolve::Definition;
use super::veneers::Branch;
use crate::error::CompileError;
use std::ops::Range;
use wasmc_abi::Builtin;
use wasmc_abi::fixup::{Fixup, FixupTarget};

/// The stored bytes, relocated.
#[derive(Debug, Default)]
pub struct Relocated {
    pub rodata: Segment,
    pub text: Segment,
    pub relocated: Segment,
    /// Ascending.
    pub fixups: Vec<Fixup>,
}

/// What all relocations need to know.
#[derive(Clone, Copy)]
pub struct Relocator<'a> {
    pub objects: &'a [Object<'a>],
    pub layout: &'a Layout,
    pub machine: &'a Machine,
}

/// A section while it is relocated.
struct Place<'a> {
    object: usize,
    section: usize,
    kind: SectionKind,
    /// Linked offset of the section.
    offset: u32,
    bytes: &'a mut [u8],
}

impl Relocator<'_> {
    /// Copies and relocates all stored sections.
    pub fn relocate(&self) -> Result<Relocated, CompileError> {
        let mut to = Relocated {
            rodata: segment(&self.layout.rodata, &[0]),
            text: segment(&self.layout.text, self.machine.code.fill),
            relocated: segment(&self.layout.relocated, &[0]),
            fixups: Vec::new(),
        };
        let mut fixups = Vec::new();
        for (object_index, object) in self.objects.iter().enumerate() {
            for (index, section) in object.sections.iter().enumerate().filter(|(_, s)| is_stored(s.kind)) {
                let offset = self.layout.section(object_index, index);
                let bytes = to.segment(section.kind).bytes_at(offset, section.bytes.len());
                bytes.copy_from_slice(section.bytes);
                let mut place = Place { object: object_index, section: index, kind: section.kind, offset, bytes };
                for relocation in &section.relocations {
                    let fixup = self.apply(&mut place, relocation);
                    fixups.extend(fixup.map_err(|m| self.error(object, index, relocation, &m))?);
                }
            }
        }
        self.add_jumps(&mut to.text);
        fixups.extend(self.slots());
        fixups.sort_unstable_by_key(|f| f.slot);
        Ok(Relocated { fixups, ..to })
    }

    /// A copy of a table about the code, which is not stored, with linked offsets for addresses. The
    /// table itself counts as standing at 0.
    pub fn relocate_table(&self, object_index: usize, index: usize) -> Result<Vec<u8>, CompileError> {
        let object = &self.objects[object_index];
        let mut bytes = object.sections[index].bytes.to_vec();
        for relocation in &object.sections[index].relocations {
            let patched = self.row(relocation).and_then(|row| {
                // Strings and the like, which nobody reads, are at 0.
                let s = self.layout.offset(self.layout.definition(object_index, relocation.symbol)).unwrap_or(0);
                let p = if matches!(row.value, Value::Relative(_)) { relocation.offset } else { 0 };
                let a = addend(row, &bytes, relocation)?;
                patch(row, &mut bytes, relocation.offset, sum(s, a, p))
            });
            patched.map_err(|m| self.error(object, index, relocation, &m))?;
        }
        Ok(bytes)
    }

    /// Applies one relocation, or says what the loader has to do.
    fn apply(&self, place: &mut Place<'_>, relocation: &SectionRelocation) -> Result<Option<Fixup>, String> {
        let row = self.row(relocation)?;
        let definition = self.definition(place.object, relocation)?;
        let value = match row.value {
            Value::Pointer if place.kind == SectionKind::Relocated => {
                return self.pointer(place, definition, relocation, row).map(Some);
            }
            Value::Pointer | Value::Absolute => {
                return Err(format!("with {}: the code is not position-independent", row.name));
            }
            Value::Paired => self.paired(place, definition, relocation)?,
            Value::Relative(Base::Slot) if self.can_relax(definition) => {
                self.relax(place.bytes, relocation.offset)
                    .ok_or_else(|| format!("with {} in an instruction other than a load of its address", row.name))?;
                self.value(RELATIVE, place, definition, relocation, row)?
            }
            value => self.value(value, place, definition, relocation, row)?,
        };
        patch(row, place.bytes, relocation.offset, value)?;
        Ok(None)
    }

    /// Computes a value.
    fn value(
        &self,
        value: Value,
        place: &Place<'_>,
        definition: Definition,
        relocation: &SectionRelocation,
        row: &'static Relocation,
    ) -> Result<i128, String> {
        const PAGE: i128 = 1 << 12;
        let a = addend(row, place.bytes, relocation)?;
        let p = place.offset + relocation.offset;
        let s = |base| self.s(base, definition, row);
        Ok(match value {
            Value::Relative(base) => sum(s(base)?, a, p),
            Value::Page(base) => (sum(s(base)?, a, 0) & -PAGE) - (i128::from(p) & -PAGE),
            Value::InPage(base) => sum(s(base)?, a, 0) & (PAGE - 1),
            Value::Term => sum(s(Base::Symbol)?, a, 0),
            Value::Branch => {
                let branch = Branch { piece: (place.object, place.section), row, definition, addend: a, place: p };
                match branch.distance(self.layout, self.machine) {
                    Some(distance) => distance.into(),
                    // It does not fit, which is said where that matters.
                    None => sum(self.layout.offset(definition).unwrap_or(0), a, p),
                }
            }
            Value::Pointer | Value::Absolute | Value::Paired => unreachable!("not computed from S, A and P"),
        })
    }

    /// S.
    fn s(&self, base: Base, definition: Definition, row: &Relocation) -> Result<u32, String> {
        let s = match base {
            Base::Symbol => self.layout.offset(definition).map(|offset| offset | self.code_pointer_bit(definition)),
            Base::Slot => self.layout.slot(definition, self.machine),
        };
        s.ok_or_else(|| format!("with {}: images of this target have no slots for addresses", row.name))
    }

    /// What the address of a function has in addition.
    fn code_pointer_bit(&self, definition: Definition) -> u32 {
        match definition {
            Definition::Section { is_function: true, .. } | Definition::Helper(_) => self.machine.code_pointer_bit,
            _ => 0,
        }
    }

    /// Whether an address need not be loaded from a slot. Helpers have slots anyway.
    fn can_relax(&self, definition: Definition) -> bool {
        self.machine.code.relax_slot_load.is_some() && !matches!(definition, Definition::Helper(_))
    }

    fn relax(&self, bytes: &mut [u8], offset: u32) -> Option<()> {
        self.machine.code.relax_slot_load.filter(|relax| relax(bytes, offset as usize)).map(|_| ())
    }

    /// The value of which another relocation, at the place that the symbol names, takes the other half.
    fn paired(
        &self,
        place: &Place<'_>,
        definition: Definition,
        relocation: &SectionRelocation,
    ) -> Result<i128, String> {
        let unpaired = || "which has no relocation of the other half of the address".to_string();
        let Definition::Section { object, section, offset, .. } = definition else { return Err(unpaired()) };
        if (object as usize, section as usize, relocation.addend) != (place.object, place.section, Some(0)) {
            return Err(unpaired());
        }
        let relocations = &self.objects[place.object].sections[place.section].relocations;
        let first = relocations.partition_point(|r| r.offset < offset);
        let high = relocations[first..].iter().take_while(|r| r.offset == offset).find_map(|high| {
            let row = self.row(high).ok()?;
            matches!(row.value, Value::Relative(_)).then_some((high, row))
        });
        let (high, row) = high.ok_or_else(unpaired)?;
        self.value(row.value, place, self.definition(place.object, high)?, high, row)
    }

    /// S + A as a pointer that the loader fills in.
    fn pointer(
        &self,
        place: &Place<'_>,
        definition: Definition,
        relocation: &SectionRelocation,
        row: &Relocation,
    ) -> Result<Fixup, String> {
        let (p, end) = (place.offset + relocation.offset, relocation.offset as usize + row.field.len);
        let pointer_len = self.machine.pointer_len;
        if row.field.len != pointer_len as usize || !p.is_multiple_of(pointer_len) || end > place.bytes.len() {
            return Err(format!("with {} in a place that is no pointer", row.name));
        }
        let a = addend(row, place.bytes, relocation)?;
        let target = match definition {
            Definition::Helper(number) if a == 0 => FixupTarget::Helper(number),
            Definition::Helper(_) => return Err(format!("with {} and addend {a}", row.name)),
            _ => match u32::try_from(sum(self.s(Base::Symbol, definition, row)?, a, 0)) {
                Ok(offset) if offset <= self.layout.relocated.end => FixupTarget::Image(offset),
                _ => return Err(format!("with {} and addend {a}: outside the image", row.name)),
            },
        };
        Ok(Fixup::new(p, target))
    }

    /// What a symbol is, if code and constants may refer to it.
    fn definition(&self, object: usize, relocation: &SectionRelocation) -> Result<Definition, String> {
        match self.layout.definition(object, relocation.symbol) {
            Definition::Undefined => Err("which is defined nowhere and is no helper of the runtime".into()),
            Definition::Elsewhere => Err("which lies in a section that is not part of the image".into()),
            definition => Ok(definition),
        }
    }

    fn row(&self, relocation: &SectionRelocation) -> Result<&'static Relocation, String> {
        let number = relocation.number;
        let row = self.machine.relocation(number);
        row.ok_or_else(|| format!("with relocation type {number}, which is unknown to the link step"))
    }

    /// Puts stubs and veneers into the text.
    fn add_jumps(&self, text: &mut Segment) {
        let mut add = |jump: &Jump, place: u32, to: u32| {
            let code = (jump.code)(place, to);
            text.bytes_at(place, code.len()).copy_from_slice(&code);
        };
        let code = self.machine.code;
        for stub in &self.layout.stubs {
            add(&code.stub, stub.offset, self.helper_slot(stub.helper));
        }
        for veneer in self.layout.islands.veneers() {
            let kind = code.veneer.as_ref().expect("only machines with veneers have some");
            let to = self.layout.offset(veneer.to.definition).expect("a veneer leads to what is defined");
            add(&kind.jump, veneer.offset, (i64::from(to) + veneer.to.offset) as u32);
        }
    }

    /// The pointers that are nobody's data: the helper table, and slots.
    fn slots(&self) -> impl Iterator<Item = Fixup> {
        let helpers = if self.layout.helper_table.is_some() { Builtin::ALL } else { &[] };
        let helpers = helpers.iter().map(|h| Fixup::new(self.helper_slot(*h), FixupTarget::Helper(*h as u32)));
        helpers.chain(self.layout.slots.iter().map(|(definition, slot)| {
            let offset = self.layout.offset(*definition).expect("a slot is of what is defined");
            Fixup::new(*slot, FixupTarget::Image(offset | self.code_pointer_bit(*definition)))
        }))
    }

    fn helper_slot(&self, helper: Builtin) -> u32 {
        let slot = self.layout.slot(Definition::Helper(helper as u32), self.machine);
        slot.expect("there is a helper table if anything uses a helper")
    }

    fn error(
        &self,
        object: &Object<'_>,
        section: usize,
        relocation: &SectionRelocation,
        message: &str,
    ) -> CompileError {
        let user = object.describe(section as u32, relocation.offset);
        let symbol = object.symbols.get(relocation.symbol as usize).map_or("", |s| s.name);
        self.machine.error(format!("{user} refers to `{symbol}`, {message}"))
    }
}

impl Relocated {
    fn segment(&mut self, kind: SectionKind) -> &mut Segment {
        match kind {
            SectionKind::Rodata => &mut self.rodata,
            SectionKind::Text => &mut self.text,
            SectionKind::Relocated => &mut self.relocated,
            SectionKind::Lines | SectionKind::EhFrames | SectionKind::DebugFrames => {
                unreachable!("tables about the code are not stored")
            }
        }
    }
}

impl Segment {
    fn bytes_at(&mut self, offset: u32, len: usize) -> &mut [u8] {
        &mut self.bytes[(offset - self.offset) as usize..][..len]
    }
}

/// A segment full of `fill`, as it stands where offsets are multiples of its length.
fn segment(range: &Range<u32>, fill: &[u8]) -> Segment {
    let bytes = fill.iter().copied().cycle().skip(range.start as usize % fill.len());
    Segment { offset: range.start, bytes: bytes.take(range.len()).collect() }
}

/// S + A − P.
fn sum(s: u32, a: i64, p: u32) -> i128 {
    i128::from(s) + i128::from(a) - i128::from(p)
}

/// A, the relocation's or the field's.
pub fn addend(row: &Relocation, bytes: &[u8], relocation: &SectionRelocation) -> Result<i64, String> {
    match (relocation.addend, row.field.addend) {
        (Some(addend), _) => Ok(addend),
        (None, Some(read)) => Ok(read(field(row, bytes, relocation.offset)?)),
        (None, None) => Err(format!("with {}, without an addend", row.name)),
    }
}

/// The section from a field on.
fn field<'a>(row: &Relocation, bytes: &'a [u8], offset: u32) -> Result<&'a [u8], String> {
    let rest = bytes.get(offset as usize..).filter(|rest| rest.len() >= row.field.len);
    rest.ok_or_else(|| format!("with {} at offset {offset}, outside its section", row.name))
}

/// Puts a value into the field at `offset`.
pub fn patch(row: &Relocation, bytes: &mut [u8], offset: u32, value: i128) -> Result<(), String> {
    let Field { range, multiple, write, .. } = row.field;
    let (name, from, to) = (row.name, range.start(), range.end());
    let fits = i64::try_from(value).ok().filter(|value| range.contains(value));
    let value = fits.ok_or_else(|| format!("with {name}: {value} does not fit, the field holds {from} to {to}"))?;
    if value % multiple != 0 {
        return Err(format!("with {name}: {value} is not a multiple of {multiple}"));
    }
    field(row, bytes, offset)?;
    write(&mut bytes[offset as usize..], value);
    Ok(())
}
