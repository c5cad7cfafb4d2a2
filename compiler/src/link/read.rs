//! ELF bytes → [`Object`]: the sections that matter, their relocations, the symbols, as plain data.
//! Nothing after this file knows the format. What an image has no place for is refused here.

use super::machine::Machine;
use super::{Attributes, Mapping};
use crate::error::CompileError;
use object::read::{Object as _, ObjectSection as _, ObjectSymbol as _};
use object::{RelocationFlags, RelocationTarget, SectionFlags, SectionIndex, SymbolKind, elf};

/// A relocatable object.
#[derive(Debug, Default)]
pub struct Object<'a> {
    pub sections: Vec<Section<'a>>,
    /// By ELF's symbol index.
    pub symbols: Vec<ObjectSymbol<'a>>,
    /// What the code needs of a machine, in the architecture's own words, for tools.
    pub attributes: Option<Attributes>,
    /// The same in ELF's header.
    pub elf_flags: u32,
}

/// A section that matters.
#[derive(Debug)]
pub struct Section<'a> {
    pub name: &'a str,
    pub kind: SectionKind,
    pub bytes: &'a [u8],
    pub align: u64,
    pub relocations: Vec<SectionRelocation>,
}

/// What becomes of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// Constants, stored as they are.
    Rodata,
    /// Machine code.
    Text,
    /// Constants with pointers in them.
    Relocated,
    /// Line table: read for sites, not stored.
    Lines,
    /// Frame table as for exceptions: read for frames, not stored.
    EhFrames,
    /// Frame table as for debuggers: the same. ARM has exceptions of another kind.
    DebugFrames,
}

/// A relocation of a section. They ascend by offset.
#[derive(Clone, Copy, Debug)]
pub struct SectionRelocation {
    /// Where in the section.
    pub offset: u32,
    /// ELF's number.
    pub number: u32,
    /// Index in [`Object::symbols`].
    pub symbol: u32,
    /// `None`: it stands in the field.
    pub addend: Option<i64>,
}

/// A symbol.
#[derive(Clone, Copy, Debug)]
pub struct ObjectSymbol<'a> {
    pub name: &'a str,
    pub place: SymbolPlace,
    pub len: u32,
    pub is_function: bool,
    /// What begins here, if the symbol only says that.
    pub mapping: Option<Mapping>,
    /// Whether other objects see it.
    pub is_global: bool,
    pub is_weak: bool,
}

/// Where a symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolPlace {
    /// In a section of this object: its index in [`Object::sections`], the offset in it.
    Section(u32, u32),
    /// In another object or in the runtime.
    Undefined,
    /// Where nothing in the image can refer to: in a section that is not part of it.
    Elsewhere,
}

/// Reads all objects.
pub fn objects<'a>(
    files: impl IntoIterator<Item = &'a Vec<u8>>,
    machine: &Machine,
) -> Result<Vec<Object<'a>>, CompileError> {
    files.into_iter().map(|bytes| object(bytes, machine)).collect()
}

fn object<'a>(bytes: &'a [u8], machine: &Machine) -> Result<Object<'a>, CompileError> {
    let unreadable = |error: object::read::Error| machine.error(format!("LLVM's object file cannot be read: {error}"));
    let file = object::File::parse(bytes).map_err(unreadable)?;
    let elf_flags = match file.flags() {
        object::FileFlags::Elf { e_flags, .. } => e_flags.0,
        _ => 0,
    };
    let mut read = Object { elf_flags, ..Object::default() };
    // Index in `read.sections` by ELF's section index.
    let mut places: Vec<Option<u32>> = Vec::new();
    for section in file.sections() {
        let name = section.name().map_err(unreadable)?;
        if let (".ARM.attributes" | ".riscv.attributes", SectionFlags::Elf { sh_type, .. }) = (name, section.flags()) {
            let bytes = section.data().map_err(unreadable)?.to_vec();
            read.attributes = Some(Attributes { name: name.into(), sh_type: sh_type.0, bytes });
        }
        let Some(kind) = kind(name, &section, machine)? else { continue };
        let index = section.index().0;
        places.resize(places.len().max(index + 1), None);
        places[index] = Some(read.sections.len() as u32);
        let bytes = section.data().map_err(unreadable)?;
        let relocations = relocations(&section, name, machine)?;
        read.sections.push(Section { name, kind, bytes, align: section.align().max(1), relocations });
    }
    // ELF's symbol 0 stands for no symbol.
    read.symbols.push(NO_SYMBOL);
    for symbol in file.symbols() {
        let index = symbol.index().0;
        read.symbols.resize(read.symbols.len().max(index), NO_SYMBOL);
        let is_function = symbol.kind() == SymbolKind::Text;
        let bit = if is_function { machine.code_pointer_bit } else { 0 };
        let place = match symbol.section_index() {
            Some(SectionIndex(section)) => match places.get(section) {
                Some(Some(section)) => SymbolPlace::Section(*section, symbol.address() as u32 & !bit),
                _ => SymbolPlace::Elsewhere,
            },
            None if symbol.is_undefined() => SymbolPlace::Undefined,
            None => SymbolPlace::Elsewhere,
        };
        let name = symbol.name().map_err(unreadable)?;
        read.symbols.push(ObjectSymbol {
            name,
            place,
            len: symbol.size() as u32,
            is_function,
            mapping: mapping(name),
            is_global: symbol.is_global(),
            is_weak: symbol.is_weak(),
        });
    }
    Ok(read)
}

/// psABIs, "Mapping symbols": `$a`, `$t` and `$x` stand before instructions, `$d` before data; more
/// may follow behind a point, or, on RISC-V, the extensions in use.
fn mapping(name: &str) -> Option<Mapping> {
    let name = name.strip_prefix('$')?;
    match name.split('.').next()? {
        "d" => Some(Mapping::Data),
        "a" | "t" => Some(Mapping::Code),
        code if code.starts_with('x') => Some(Mapping::Code),
        _ => None,
    }
}

pub const NO_SYMBOL: ObjectSymbol<'static> = ObjectSymbol {
    name: "",
    place: SymbolPlace::Elsewhere,
    len: 0,
    is_function: false,
    mapping: None,
    is_global: false,
    is_weak: false,
};

/// What becomes of a section; `None` if it says nothing to us.
fn kind(name: &str, section: &object::Section<'_, '_>, machine: &Machine) -> Result<Option<SectionKind>, CompileError> {
    let SectionFlags::Elf { sh_type, sh_flags } = section.flags() else {
        return Err(machine.error("LLVM's object file is not an ELF file"));
    };
    if section.size() > u32::MAX.into() {
        return Err(machine.error(format!("section `{name}` has {} bytes, more than an image holds", section.size())));
    }
    let has = |flag: elf::SectionFlags| sh_flags.0 & flag.0 != 0;
    let named = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let allocated = has(elf::SHF_ALLOC) && sh_type != elf::SHT_NOTE && section.size() > 0;
    Ok(Some(match name {
        ".debug_line" => SectionKind::Lines,
        ".debug_frame" => SectionKind::DebugFrames,
        _ if !allocated => return Ok(None),
        ".eh_frame" => SectionKind::EhFrames,
        // How exceptions pass through functions: none does.
        _ if named(".ARM.exidx") || named(".ARM.extab") => return Ok(None),
        _ if named(".text") && has(elf::SHF_EXECINSTR) => SectionKind::Text,
        _ if named(".rodata") && !has(elf::SHF_WRITE) => SectionKind::Rodata,
        _ if named(".data.rel.ro") && machine.has_relocated => SectionKind::Relocated,
        _ => return Err(machine.error(format!("an image has no place for section `{name}` of LLVM's object file"))),
    }))
}

fn relocations(
    section: &object::Section<'_, '_>,
    name: &str,
    machine: &Machine,
) -> Result<Vec<SectionRelocation>, CompileError> {
    let relocation = |(offset, relocation): (u64, object::Relocation)| {
        let RelocationFlags::Elf { r_type, .. } = relocation.flags() else {
            return Err(machine.error(format!("a relocation of `{name}` is not ELF's")));
        };
        let symbol = match relocation.target() {
            RelocationTarget::Symbol(symbol) => symbol.0 as u32,
            _ => 0,
        };
        let addend = (!relocation.has_implicit_addend()).then(|| relocation.addend());
        Ok(SectionRelocation { offset: offset as u32, number: r_type.0, symbol, addend })
    };
    let mut relocations = section.relocations().map(relocation).collect::<Result<Vec<_>, _>>()?;
    // Stable: those of one field stay in their order.
    relocations.sort_by_key(|relocation| relocation.offset);
    Ok(relocations)
}

impl<'a> Object<'a> {
    /// The function in which a place lies, for messages.
    pub fn describe(&self, section: u32, offset: u32) -> String {
        let covers = |s: &&ObjectSymbol| match s.place {
            SymbolPlace::Section(of, start) => {
                of == section && s.is_function && (start..start + s.len).contains(&offset)
            }
            _ => false,
        };
        let name = self.sections[section as usize].name;
        match self.symbols.iter().find(covers) {
            Some(function) => format!("function `{}`", function.name),
            None => format!("`{name}` at offset {offset:#x}"),
        }
    }
}
