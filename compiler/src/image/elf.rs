//! What makes the image an ELF file: headers in front, symbols and section headers behind. Loaders
//! need the program headers only; `readelf`, `objdump`, gdb and perf read the rest.

use super::layout::Layout;
use crate::link::{Attributes, LinkedCode, Mapping, Symbol, function_index};
use crate::options::Options;
use crate::parse::Module;
use crate::target::TargetRow;
use object::Endianness;
use object::elf;
use object::write::elf::{Encoder, FileHeader, FileHeaderLayout, ProgramHeader, SectionHeader, Sym};
use std::ops::Range;
use wasmc_abi::image::PT_METADATA;
use wasmc_abi::target::{Arch, IsaState};

/// Program headers that there is room for: three segments, the metadata, the stack's protection.
const PROGRAM_HEADERS: u64 = 5;

/// Length of the ELF header and the program headers.
pub fn headers_len(options: &Options) -> u64 {
    let encoder = encoder(options);
    encoder.file_header_size() + PROGRAM_HEADERS * encoder.program_header_size()
}

fn encoder(options: &Options) -> Encoder<Endianness> {
    let row = options.target.row;
    Encoder::new(Endianness::Little, row.pointer_bits == 64, elf::Machine(row.arch as u16))
}

/// Puts the headers into the space before the metadata and appends what is not loaded.
pub fn write(file: &mut Vec<u8>, layout: &Layout, module: &Module<'_>, code: &LinkedCode, options: &Options) {
    let encoder = encoder(options);
    let row = options.target.row;
    let mut sections = Sections::new(layout, row.page_len);
    if !options.strip {
        put_symbols(file, &mut sections, encoder, &symbols(module, code, layout, row));
    }
    if let Some(attributes) = &code.attributes {
        put_attributes(file, &mut sections, attributes);
    }
    let section_headers = sections.put(file, encoder);
    let header = FileHeader {
        os_abi: elf::ELFOSABI_SYSV,
        abi_version: 0,
        e_type: elf::ET_DYN,
        e_machine: elf::Machine(row.arch as u16),
        e_entry: 0,
        e_flags: elf::FileFlags(code.elf_flags),
    };
    let segments = segments(layout, row.page_len);
    let places = FileHeaderLayout {
        e_phoff: encoder.file_header_size(),
        segment_num: segments.len() as u32,
        e_shoff: section_headers,
        section_num: sections.headers.len() as u32 + 1,
        shstrtab_index: sections.headers.len() as u32,
    };
    let mut headers = Vec::new();
    encoder.file_header(&mut headers, &header, &places).expect("offsets below 2^31 fit in any header");
    segments.iter().for_each(|segment| encoder.program_header(&mut headers, segment));
    file[..headers.len()].copy_from_slice(&headers);
}

fn segments(layout: &Layout, page_len: u32) -> Vec<ProgramHeader> {
    let segment = |p_type, p_flags, range: &Range<u32>, align: u64| ProgramHeader {
        p_type,
        p_flags,
        p_offset: range.start.into(),
        p_vaddr: range.start.into(),
        p_paddr: range.start.into(),
        p_filesz: range.len() as u64,
        p_memsz: range.len() as u64,
        p_align: align,
    };
    let loaded = [
        (elf::PF_R, 0..layout.readonly_end()),
        (elf::PF_R | elf::PF_X, layout.text.clone()),
        (elf::PF_R | elf::PF_W, layout.relocated.clone()),
    ];
    let loaded = loaded.iter().filter(|(_, range)| !range.is_empty());
    let mut segments: Vec<_> =
        loaded.map(|(flags, range)| segment(elf::PT_LOAD, *flags, range, page_len.into())).collect();
    segments.push(segment(elf::ProgramType(PT_METADATA), elf::PF_R, &layout.metadata, 8));
    // Says that the stack need not be executable.
    segments.push(segment(elf::PT_GNU_STACK, elf::PF_R | elf::PF_W, &(0..0), 16));
    segments
}

/// Section headers, and the names in them.
struct Sections {
    headers: Vec<SectionHeader>,
    names: Vec<u8>,
    /// Index of the code's section.
    text: u32,
}

impl Sections {
    /// Those of the loaded parts.
    fn new(layout: &Layout, page_len: u32) -> Sections {
        let mut sections = Sections { headers: Vec::new(), names: vec![0], text: 0 };
        let page_len = page_len.into();
        let (read, execute, write) =
            (elf::SHF_ALLOC, elf::SHF_ALLOC | elf::SHF_EXECINSTR, elf::SHF_ALLOC | elf::SHF_WRITE);
        let memory_align = if u64::from(layout.memory.start) % page_len == 0 { page_len } else { 1 };
        for (name, flags, part, align) in [
            (".wasmc.meta", read, &layout.metadata, 8),
            (".wasmc.memory", read, &layout.memory, memory_align),
            (".rodata", read, &layout.rodata, 1 << layout.rodata.start.trailing_zeros().min(6)),
            (".text", execute, &layout.text, page_len),
            (".data.rel.ro", write, &layout.relocated, page_len),
        ] {
            if !part.is_empty() {
                let header = SectionHeader {
                    sh_type: elf::SHT_PROGBITS,
                    sh_flags: flags,
                    sh_addr: part.start.into(),
                    sh_offset: part.start.into(),
                    sh_size: part.len() as u64,
                    sh_addralign: align,
                    ..SectionHeader::default()
                };
                let index = sections.add(name, header);
                if name == ".text" {
                    sections.text = index;
                }
            }
        }
        sections
    }

    /// Adds a header, whose index comes back.
    fn add(&mut self, name: &str, header: SectionHeader) -> u32 {
        self.headers.push(SectionHeader { sh_name: add_string(&mut self.names, name), ..header });
        self.headers.len() as u32
    }

    /// Appends the names and the headers, whose offset comes back.
    fn put(&mut self, file: &mut Vec<u8>, encoder: Encoder<Endianness>) -> u64 {
        let sh_offset = file.len() as u64;
        let index = self.add(".shstrtab", SectionHeader { sh_offset, ..encoder.strtab_section_header() });
        self.headers[index as usize - 1].sh_size = self.names.len() as u64;
        file.extend_from_slice(&self.names);
        align(file, encoder.address_size());
        let start = file.len() as u64;
        encoder.null_section_header(file, &FileHeaderLayout::default());
        self.headers.iter().for_each(|header| encoder.section_header(file, header));
        start
    }
}

/// A symbol as it is shown.
struct Shown {
    name: String,
    offset: u32,
    len: u32,
    is_local: bool,
    ty: elf::SymbolType,
}

/// Functions by the name that the module gives them, what surrounds them by ours. Local ones first
/// (gABI, "Symbol Table": `sh_info`). Functions of T32 code have bit 0 set.
fn symbols(module: &Module<'_>, code: &LinkedCode, layout: &Layout, row: &TargetRow) -> Vec<Shown> {
    let code_bit = u32::from(row.isa_state == IsaState::Thumb);
    let shown = |symbol: &Symbol| {
        let function = function_index(&symbol.name);
        let name = function.and_then(|f| module.function_names.get(f as usize).copied().flatten());
        // A Wasm name may contain what ends one in ELF.
        let name = name.map_or_else(|| symbol.name.clone(), |name| name.replace('\0', "\u{FFFD}"));
        let offset = (layout.base + symbol.offset) | code_bit;
        Shown { name, offset, len: symbol.len, is_local: function.is_none(), ty: elf::STT_FUNC }
    };
    let mapping = |(offset, mapping): &(u32, Mapping)| Shown {
        name: mapping_name(*mapping, row).into(),
        offset: layout.base + offset,
        len: 0,
        is_local: true,
        ty: elf::STT_NOTYPE,
    };
    let mut symbols: Vec<_> = code.mappings.iter().map(mapping).chain(code.symbols.iter().map(shown)).collect();
    symbols.sort_by_key(|symbol| !symbol.is_local);
    symbols
}

/// psABIs, "Mapping symbols".
fn mapping_name(mapping: Mapping, row: &TargetRow) -> &'static str {
    match (mapping, row.arch, row.isa_state) {
        (Mapping::Data, ..) => "$d",
        (Mapping::Code, Arch::Arm, IsaState::Default) => "$a",
        (Mapping::Code, Arch::Arm, IsaState::Thumb) => "$t",
        (Mapping::Code, ..) => "$x",
    }
}

/// Appends the section by which tools know what instructions there may be.
fn put_attributes(file: &mut Vec<u8>, sections: &mut Sections, attributes: &Attributes) {
    let header = SectionHeader {
        sh_type: elf::SectionType(attributes.sh_type),
        sh_offset: file.len() as u64,
        sh_size: attributes.bytes.len() as u64,
        sh_addralign: 1,
        ..SectionHeader::default()
    };
    sections.add(&attributes.name, header);
    file.extend_from_slice(&attributes.bytes);
}

/// Appends the symbol table and its names.
fn put_symbols(file: &mut Vec<u8>, sections: &mut Sections, encoder: Encoder<Endianness>, symbols: &[Shown]) {
    let mut names = vec![0];
    align(file, encoder.address_size());
    let sh_offset = file.len() as u64;
    encoder.null_symbol(file);
    for symbol in symbols {
        let binding = if symbol.is_local { elf::STB_LOCAL } else { elf::STB_GLOBAL };
        let sym = Sym {
            section: Some(sections.text),
            st_name: add_string(&mut names, &symbol.name),
            st_info: elf::SymbolInfo::new(binding, symbol.ty),
            st_other: elf::SymbolOther(0),
            st_shndx: elf::SHN_UNDEF,
            st_value: symbol.offset.into(),
            st_size: symbol.len.into(),
        };
        encoder.symbol(file, &sym);
    }
    let sh_size = file.len() as u64 - sh_offset;
    let locals = symbols.iter().filter(|symbol| symbol.is_local).count() as u32 + 1;
    // The names' header comes right behind.
    let strtab = sections.headers.len() as u32 + 2;
    sections.add(".symtab", SectionHeader { sh_offset, sh_size, ..encoder.symtab_section_header(strtab, locals) });
    let sh_offset = file.len() as u64;
    let header = SectionHeader { sh_offset, sh_size: names.len() as u64, ..encoder.strtab_section_header() };
    sections.add(".strtab", header);
    file.extend_from_slice(&names);
}

/// Appends a string to a string table; its offset comes back.
fn add_string(table: &mut Vec<u8>, string: &str) -> u32 {
    let offset = table.len() as u32;
    table.extend_from_slice(string.as_bytes());
    table.push(0);
    offset
}

fn align(file: &mut Vec<u8>, to: u64) {
    file.resize(file.len().next_multiple_of(to as usize), 0);
}
