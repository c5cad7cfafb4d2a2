//! Resolves relocations: computes a row's value, checks that it fits, writes it into its field; or,
//! for a pointer in data, leaves a [`Fixup`] to the loader.

use super::Segment;
use super::layout::{Layout, Target, is_stored};
use super::machine::{Field, Machine, Relocation, Value};
use super::read::{Object, SectionKind, SectionRelocation};
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
    kind: SectionKind,
    /// Linked offset of the section.
    offset: u32,
    bytes: &'a mut [u8],
}

impl Relocator<'_> {
    /// Copies and relocates all stored sections.
    pub fn relocate(&self) -> Result<Relocated, CompileError> {
        let mut to = Relocated {
            rodata: segment(&self.layout.rodata, 0),
            text: segment(&self.layout.text, self.machine.code.fill),
            relocated: segment(&self.layout.relocated, 0),
            fixups: Vec::new(),
        };
        let mut fixups = Vec::new();
        for (object_index, object) in self.objects.iter().enumerate() {
            for (index, section) in object.sections.iter().enumerate().filter(|(_, s)| is_stored(s.kind)) {
                let offset = self.layout.section(object_index, index);
                let bytes = to.segment(section.kind).bytes_at(offset, section.bytes.len());
                bytes.copy_from_slice(section.bytes);
                let mut place = Place { object: object_index, kind: section.kind, offset, bytes };
                for relocation in &section.relocations {
                    let fixup = self.apply(&mut place, relocation);
                    fixups.extend(fixup.map_err(|m| self.error(object, index, relocation, &m))?);
                }
            }
        }
        self.add_stubs(&mut to.text);
        fixups.extend(self.helper_table());
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
                let s = match self.layout.target(object_index, relocation.symbol) {
                    Target::Offset(offset) => offset,
                    // Strings and the like, which nobody reads.
                    Target::Helper(_) | Target::Elsewhere | Target::Undefined => 0,
                };
                let p = if row.value == Value::Relative { relocation.offset } else { 0 };
                patch(row, &mut bytes, relocation.offset, sum(s, relocation.addend, p))
            });
            patched.map_err(|m| self.error(object, index, relocation, &m))?;
        }
        Ok(bytes)
    }

    /// Applies one relocation, or says what the loader has to do.
    fn apply(&self, place: &mut Place<'_>, relocation: &SectionRelocation) -> Result<Option<Fixup>, String> {
        let row = self.row(relocation)?;
        let p = place.offset + relocation.offset;
        let target = match self.layout.target(place.object, relocation.symbol) {
            Target::Undefined => return Err("which is defined nowhere and is no helper of the runtime".into()),
            Target::Elsewhere => return Err("which lies in a section that is not part of the image".into()),
            target => target,
        };
        let s = match (row.value, target) {
            (Value::Pointer, _) if place.kind == SectionKind::Relocated => {
                return self.pointer(place, p, target, relocation, row).map(Some);
            }
            (Value::Pointer | Value::Absolute, _) => {
                return Err(format!("with {}: the code is not position-independent", row.name));
            }
            (_, Target::Offset(offset)) => offset,
            (Value::Slot, Target::Helper(stub)) => self.slot(self.layout.stubs[stub].helper),
            (_, Target::Helper(stub)) => self.layout.stubs[stub].offset,
            (_, Target::Elsewhere | Target::Undefined) => unreachable!("refused above"),
        };
        let relaxed =
            |place: &mut Place<'_>| (self.machine.code.relax_slot_load)(place.bytes, relocation.offset as usize);
        if row.value == Value::Slot && matches!(target, Target::Offset(_)) && !relaxed(place) {
            return Err(format!("with {} in an instruction other than a load of its address", row.name));
        }
        patch(row, place.bytes, relocation.offset, sum(s, relocation.addend, p))?;
        Ok(None)
    }

    /// S + A as a pointer that the loader fills in.
    fn pointer(
        &self,
        place: &Place<'_>,
        p: u32,
        target: Target,
        relocation: &SectionRelocation,
        row: &Relocation,
    ) -> Result<Fixup, String> {
        let end = relocation.offset as usize + row.field.len;
        let pointer_len = self.machine.pointer_len;
        if row.field.len != pointer_len as usize || !p.is_multiple_of(pointer_len) || end > place.bytes.len() {
            return Err(format!("with {} in a place that is no pointer", row.name));
        }
        let target = match target {
            Target::Helper(stub) if relocation.addend == 0 => {
                FixupTarget::Helper(self.layout.stubs[stub].helper as u32)
            }
            Target::Offset(s) => match u32::try_from(i64::from(s) + relocation.addend) {
                Ok(offset) if offset <= self.layout.relocated.end => FixupTarget::Image(offset),
                _ => return Err(format!("with {} and addend {}: outside the image", row.name, relocation.addend)),
            },
            _ => return Err(format!("with {} and addend {}", row.name, relocation.addend)),
        };
        Ok(Fixup::new(p, target))
    }

    fn row(&self, relocation: &SectionRelocation) -> Result<&'static Relocation, String> {
        let number = relocation.number;
        let row = self.machine.relocation(number);
        row.ok_or_else(|| format!("with relocation type {number}, which is unknown to the link step"))
    }

    fn add_stubs(&self, text: &mut Segment) {
        for stub in &self.layout.stubs {
            let code = (self.machine.code.stub)(stub.offset, self.slot(stub.helper));
            text.bytes_at(stub.offset, code.len()).copy_from_slice(&code);
        }
    }

    fn helper_table(&self) -> impl Iterator<Item = Fixup> {
        let helpers = if self.layout.helper_table.is_some() { Builtin::ALL } else { &[] };
        helpers.iter().map(|helper| Fixup::new(self.slot(*helper), FixupTarget::Helper(*helper as u32)))
    }

    fn slot(&self, helper: Builtin) -> u32 {
        self.layout.slot(helper, self.machine).expect("there is a helper table if anything uses a helper")
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
            SectionKind::Lines | SectionKind::Frames => unreachable!("tables about the code are not stored"),
        }
    }
}

impl Segment {
    fn bytes_at(&mut self, offset: u32, len: usize) -> &mut [u8] {
        &mut self.bytes[(offset - self.offset) as usize..][..len]
    }
}

fn segment(range: &Range<u32>, fill: u8) -> Segment {
    Segment { offset: range.start, bytes: vec![fill; range.len()] }
}

/// S + A − P.
fn sum(s: u32, a: i64, p: u32) -> i128 {
    i128::from(s) + i128::from(a) - i128::from(p)
}

/// Puts a value into the field at `offset`.
fn patch(row: &Relocation, bytes: &mut [u8], offset: u32, value: i128) -> Result<(), String> {
    let Field { len, range, write } = row.field;
    let (name, from, to) = (row.name, range.start(), range.end());
    let fits = i64::try_from(value).ok().filter(|value| range.contains(value));
    let value = fits.ok_or_else(|| format!("with {name}: {value} does not fit, the field holds {from} to {to}"))?;
    let field = bytes.get_mut(offset as usize..).and_then(|rest| rest.get_mut(..*len));
    write(field.ok_or_else(|| format!("with {name} at offset {offset}, outside its section"))?, value);
    Ok(())
}
