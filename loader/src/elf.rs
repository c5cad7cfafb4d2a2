//! The few ELF fields that a loader needs, of both classes (System V gABI, "ELF Header", "Program
//! Header"). Only reads; what the values have to be is decided in `check`.

use wasmc_abi::image::read_words;

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
        let [_, _, _, _, class, byte_order, version] = *bytes.first_chunk()?;
        Some(Ident { class, byte_order, version })
    }
}

/// The ELF header after the first 16 bytes.
#[derive(Default)]
pub(crate) struct ElfHeader {
    pub kind: u16,
    pub machine: u16,
    pub program_headers_offset: u32,
    pub program_header_len: u16,
    pub program_header_count: u16,
}

/// One row of the program header table. Words as [`word`] gives them.
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

    pub(crate) fn header(self, bytes: &[u8]) -> Option<ElfHeader> {
        // From the kind on: two of 16 bits, then words, the last of them halves again.
        let (first, offset, lens, counts) = match self {
            Class::Elf32 => {
                let [first, _version, _entry, offset, _sections, _flags, lens, counts] = words(bytes, 16)?;
                (first, offset, lens, counts)
            }
            Class::Elf64 => {
                let [first, _version, _, _, low, high, _, _, _flags, lens, counts] = words(bytes, 16)?;
                (first, word(low, high), lens, counts)
            }
        };
        Some(ElfHeader {
            kind: first as u16,
            machine: (first >> 16) as u16,
            program_headers_offset: offset,
            program_header_len: (lens >> 16) as u16,
            program_header_count: counts as u16,
        })
    }

    pub(crate) fn program_header(self, bytes: &[u8], offset: u32) -> Option<ProgramHeader> {
        match self {
            Class::Elf32 => {
                let [kind, offset, address, _physical, file_len, memory_len, flags, _align] = words(bytes, offset)?;
                Some(ProgramHeader { kind, flags, offset, address, file_len, memory_len })
            }
            Class::Elf64 => {
                // The flags moved when the words grew, for alignment.
                let [kind, flags, o0, o1, a0, a1, _, _, f0, f1, m0, m1, _, _] = words(bytes, offset)?;
                let (offset, address) = (word(o0, o1), word(a0, a1));
                Some(ProgramHeader { kind, flags, offset, address, file_len: word(f0, f1), memory_len: word(m0, m1) })
            }
        }
    }
}

/// An address, offset or size of 64 bits. Nothing in an image is as large as 2^32: one that is becomes the
/// largest `u32`, which is beyond every limit too.
fn word(low: u32, high: u32) -> u32 {
    if high == 0 { low } else { u32::MAX }
}

/// `N` words from `offset` on.
fn words<const N: usize>(bytes: &[u8], offset: u32) -> Option<[u32; N]> {
    let mut words = [0; N];
    read_words(bytes.get(offset as usize..)?, &mut words)?;
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_are_little_endian_and_end_with_the_bytes() {
        let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(words(&bytes, 1), Some([0x0403_0201, 0x0807_0605]));
        assert_eq!(words::<2>(&bytes, 2), None);
        assert_eq!(words(&bytes, 9), Some([]));
        assert_eq!(words::<0>(&bytes, 10), None);
        assert_eq!(words::<1>(&bytes, u32::MAX), None);
    }
}
