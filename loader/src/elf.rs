//! The few ELF fields that a loader needs, of both classes (System V gABI, "ELF Header", "Program
//! Header"). Only reads; what the values have to be is decided in `check`.

use crate::cursor::Cursor;

pub(crate) const MAGIC: [u8; 4] = *b"\x7FELF";
pub(crate) const CLASS_32: u8 = 1;
pub(crate) const CLASS_64: u8 = 2;
pub(crate) const LITTLE_ENDIAN: u8 = 1;
pub(crate) const CURRENT_VERSION: u8 = 1;
pub(crate) const ET_DYN: u16 = 3;
pub(crate) const PT_LOAD: u32 = 1;

/// Program header types that ask nothing of a loader: they inform debuggers and profilers.
pub(crate) const PT_INFORMATIVE: &[u32] = &[
    0,           // PT_NULL
    4,           // PT_NOTE
    6,           // PT_PHDR
    0x6474_E550, // PT_GNU_EH_FRAME
    0x6474_E551, // PT_GNU_STACK
    0x6474_E552, // PT_GNU_RELRO
    0x6474_E553, // PT_GNU_PROPERTY
    0x7000_0001, // PT_ARM_EXIDX
    0x7000_0003, // PT_RISCV_ATTRIBUTES
];

pub(crate) const PF_X: u32 = 1;
pub(crate) const PF_W: u32 = 2;
pub(crate) const PF_R: u32 = 4;

/// What follows [`MAGIC`], the same in both classes.
pub(crate) struct Ident {
    pub class: u8,
    pub byte_order: u8,
    pub version: u8,
}

impl Ident {
    pub(crate) fn read(bytes: &[u8]) -> Option<Ident> {
        let [class, byte_order, version] = Cursor::at(bytes, MAGIC.len()).array()?;
        Some(Ident { class, byte_order, version })
    }
}

/// The ELF header after the first 16 bytes.
pub(crate) struct ElfHeader {
    pub kind: u16,
    pub machine: u16,
    pub program_headers_offset: u32,
    pub program_header_len: u16,
    pub program_header_count: u16,
}

/// One row of the program header table. Words as [`Class::word`] gives them.
#[derive(Clone, Copy)]
pub(crate) struct ProgramHeader {
    pub kind: u32,
    pub flags: u32,
    pub offset: u32,
    pub address: u32,
    pub file_len: u32,
    pub memory_len: u32,
}

/// The two layouts of ELF structures.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Elf32,
    Elf64,
}

impl Class {
    pub(crate) fn from_number(number: u8) -> Option<Class> {
        match number {
            CLASS_32 => Some(Class::Elf32),
            CLASS_64 => Some(Class::Elf64),
            _ => None,
        }
    }

    /// That of a machine with pointers of this width.
    pub(crate) fn of(pointer_bits: u32) -> Class {
        if pointer_bits == 64 { Class::Elf64 } else { Class::Elf32 }
    }

    pub(crate) fn pointer_bits(self) -> u32 {
        match self {
            Class::Elf32 => 32,
            Class::Elf64 => 64,
        }
    }

    pub(crate) fn header_len(self) -> u32 {
        match self {
            Class::Elf32 => 52,
            Class::Elf64 => 64,
        }
    }

    pub(crate) fn program_header_len(self) -> u16 {
        match self {
            Class::Elf32 => 32,
            Class::Elf64 => 56,
        }
    }

    /// An address, offset or size. Nothing in an image is as large as 2^32: one that is becomes the
    /// largest `u32`, which is beyond every limit too.
    fn word(self, from: &mut Cursor<'_>) -> Option<u32> {
        let low = from.u32()?;
        let high = if self == Class::Elf64 { from.u32()? } else { 0 };
        Some(if high == 0 { low } else { u32::MAX })
    }

    pub(crate) fn header(self, bytes: &[u8]) -> Option<ElfHeader> {
        let mut from = Cursor::at(bytes, 16);
        let kind = from.u16()?;
        let machine = from.u16()?;
        let _version = from.u32()?;
        let _entry = self.word(&mut from)?;
        let program_headers_offset = self.word(&mut from)?;
        let _section_headers_offset = self.word(&mut from)?;
        let _flags = from.u32()?;
        let _header_len = from.u16()?;
        let program_header_len = from.u16()?;
        let program_header_count = from.u16()?;
        Some(ElfHeader { kind, machine, program_headers_offset, program_header_len, program_header_count })
    }

    pub(crate) fn program_header(self, bytes: &[u8], offset: u32) -> Option<ProgramHeader> {
        let mut from = Cursor::at(bytes, offset as usize);
        let kind = from.u32()?;
        // The flags moved when the words grew, for alignment.
        let early_flags = if self == Class::Elf64 { from.u32()? } else { 0 };
        let offset = self.word(&mut from)?;
        let address = self.word(&mut from)?;
        let _physical_address = self.word(&mut from)?;
        let file_len = self.word(&mut from)?;
        let memory_len = self.word(&mut from)?;
        let flags = if self == Class::Elf32 { from.u32()? } else { early_flags };
        Some(ProgramHeader { kind, flags, offset, address, file_len, memory_len })
    }
}
