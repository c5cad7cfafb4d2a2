//! The ELF header and the metadata's header: what kind of file this is, whether it is whole, and
//! whether this machine is the one it is for.

use super::{Check, Refused, Verify};
use crate::elf::{self, Class, Ident, ProgramHeader};
use crate::error::{HeaderFault, LoadError};
use crate::image::{Span, range};
use crate::limits;
use wasmc_abi::checksum::{xxh32, xxh32_without};
use wasmc_abi::image::{
    CHECKSUM_FIELDS, ExternKind, FunctionRecord, Header, ImportRecord, MAGIC, NONE, PREFIX_LEN, PT_METADATA, Table,
    TypeRecord, code_flags,
};
use wasmc_abi::{ABI_VERSION, FORMAT_VERSION};

use super::rules::at;

/// The oldest ABI whose images still run.
const OLDEST_ABI_VERSION: u32 = 1;

impl Check<'_, '_> {
    fn refuse_header(&mut self, fault: HeaderFault) -> Result<(), Refused> {
        self.refuse(LoadError::Header(fault))
    }

    /// Whether so many bytes are there.
    fn reaches(&mut self, needed: u32) -> Result<(), Refused> {
        let len = self.image.bytes().len();
        if needed as usize <= len {
            return Ok(());
        }
        self.refuse(LoadError::Truncated { needed: needed.into(), len: len as u64 })
    }

    /// Finds and reads the headers of a file that the machine understands, of versions that this loader
    /// does, and whether the file is all there, its parts where they have to be.
    pub(super) fn headers(&mut self) -> Result<(), Refused> {
        self.read_class()?;
        self.read_elf()?;
        self.find_metadata()?;
        let bytes = self.image.bytes();
        let start = bytes.get(range(self.metadata.offset, self.metadata.len)).unwrap_or_default();
        if read_header(start, &mut self.image.layout_mut().header).is_none() {
            return self.refuse(LoadError::NotAot);
        }
        let header = self.image.header();
        let (format, abi) = (header.format_version, header.abi_version);
        if format != FORMAT_VERSION {
            return self.refuse(LoadError::FormatVersion { image: format, loader: FORMAT_VERSION });
        }
        if !(OLDEST_ABI_VERSION..=ABI_VERSION).contains(&abi) {
            let (oldest, newest) = (OLDEST_ABI_VERSION, ABI_VERSION);
            return self.refuse(LoadError::AbiVersion { image: abi, oldest, newest });
        }
        let (stated, actual) = (header.file_len, bytes.len());
        let (image_len, head_len) = (header.image_len, header.head_len);
        if stated as usize != actual || stated > limits::FILE_LEN_MAX {
            return self.refuse(LoadError::FileLen { stated, actual: actual as u64 });
        }
        if image_len > stated {
            return self.refuse_header(HeaderFault::ImageLen);
        }
        let tables_start = self.metadata.offset.saturating_add(PREFIX_LEN as u32);
        if head_len < tables_start || head_len > stated {
            return self.refuse_header(HeaderFault::HeadLen);
        }
        Ok(())
    }

    /// That of the machine, whose images alone get so far.
    fn class(&self) -> Class {
        // Firmware keeps nothing of the other class.
        Class::of(if cfg!(target_os = "none") { usize::BITS } else { self.machine.pointer_bits })
    }

    fn read_class(&mut self) -> Result<(), Refused> {
        let bytes = self.image.bytes();
        // Less than the magic may be the start of an image that was cut off.
        if bytes.iter().zip(&elf::MAGIC).any(|(found, wanted)| found != wanted) {
            return self.refuse(LoadError::NotElf);
        }
        let Some(ident) = Ident::read(bytes) else { return self.reaches(Class::Elf64.header_len()) };
        let Some(class) = Class::from_number(ident.class) else { return self.refuse(LoadError::NotElf) };
        if ident.byte_order != elf::LITTLE_ENDIAN {
            return self.refuse(LoadError::ByteOrder);
        }
        if ident.version != elf::CURRENT_VERSION {
            return self.refuse_header(HeaderFault::ElfVersion);
        }
        if class.pointer_bits() != self.machine.pointer_bits {
            let (image, machine) = (class.pointer_bits(), self.machine.pointer_bits);
            return self.refuse(LoadError::PointerBits { image, machine });
        }
        Ok(())
    }

    fn read_elf(&mut self) -> Result<(), Refused> {
        let Some(elf) = self.class().header(self.image.bytes()) else { return self.reaches(self.class().header_len()) };
        if elf.kind != elf::ET_DYN {
            return self.refuse_header(HeaderFault::ElfType);
        }
        if u32::from(elf.machine) != self.machine.arch as u32 {
            return self.refuse(LoadError::Arch { image: elf.machine.into(), machine: self.machine.arch });
        }
        let known_len = elf.program_header_len == self.class().program_header_len();
        // Both are 16 bits wide.
        let len = u32::from(elf.program_header_len).wrapping_mul(elf.program_header_count.into());
        let end = elf.program_headers_offset.saturating_add(len);
        if !known_len || elf.program_header_count > limits::PROGRAM_HEADERS_MAX || end > limits::FILE_LEN_MAX {
            return self.refuse_header(HeaderFault::ProgramHeaders);
        }
        self.elf = elf;
        self.reaches(end)
    }

    /// A program header; `None` behind the last. Their table was found to be inside the file.
    #[inline(never)]
    pub(super) fn program_header(&self, index: u32) -> Option<ProgramHeader> {
        if index >= self.elf.program_header_count.into() {
            return None;
        }
        let at = index.wrapping_mul(self.class().program_header_len().into());
        self.class().program_header(self.image.bytes(), self.elf.program_headers_offset.saturating_add(at))
    }

    /// The metadata block, in full.
    fn find_metadata(&mut self) -> Result<(), Refused> {
        let (mut index, mut count) = (0, 0_u32);
        while let Some(row) = self.program_header(index) {
            if row.kind == PT_METADATA {
                self.metadata = Span { offset: row.offset, len: row.file_len };
                count = count.saturating_add(1);
            }
            index = index.saturating_add(1);
        }
        let Span { offset, len } = self.metadata;
        let end = offset.saturating_add(len);
        if count != 1 || end > limits::FILE_LEN_MAX {
            return self.refuse(LoadError::NotAot);
        }
        self.reaches(end.max(offset.saturating_add(PREFIX_LEN as u32)))?;
        if (len as usize) < PREFIX_LEN { self.refuse(LoadError::NotAot) } else { Ok(()) }
    }

    /// Whether the bytes are those that were written. Finds accidents, not attackers.
    pub(super) fn check_sums(&mut self, verify: Verify) -> Result<(), Refused> {
        let header = self.image.header();
        let (head, body) = self.image.bytes().split_at_checked(header.head_len as usize).unwrap_or_default();
        let stated = header.head_checksum;
        // The checksum fields count as 0.
        let fields = (self.metadata.offset as usize).saturating_add(CHECKSUM_FIELDS.start);
        let computed = xxh32_without(head, fields);
        if computed != stated {
            return self.refuse(LoadError::HeadChecksum { stated, computed });
        }
        if verify == Verify::Head {
            return Ok(());
        }
        let (stated, computed) = (header.body_checksum, xxh32(body, 0));
        if computed != stated { self.refuse(LoadError::BodyChecksum { stated, computed }) } else { Ok(()) }
    }

    /// Whether the code was made for a machine like this.
    pub(super) fn check_machine(&mut self) -> Result<(), Refused> {
        let (header, machine) = (self.image.header(), self.machine);
        let error = if header.arch != machine.arch as u32 {
            LoadError::Arch { image: header.arch, machine: machine.arch }
        } else if !machine.isa_states.iter().any(|state| *state as u32 == header.isa_state) {
            LoadError::IsaState { image: header.isa_state, machine: machine.isa_states }
        } else if header.float_abi != machine.float_abi as u32 {
            LoadError::FloatAbi { image: header.float_abi, machine: machine.float_abi }
        } else if header.pointer_bits != machine.pointer_bits {
            LoadError::PointerBits { image: header.pointer_bits, machine: machine.pointer_bits }
        } else if !machine.memory_models.iter().any(|model| *model as u32 == header.memory_model) {
            LoadError::MemoryModel { image: header.memory_model, machine: machine.memory_models }
        } else if header.cpu_features & !machine.cpu_features != 0 {
            LoadError::CpuFeatures { arch: machine.arch, image: header.cpu_features, machine: machine.cpu_features }
        } else if !header.page_len.is_power_of_two() || header.page_len > limits::PAGE_LEN_MAX {
            LoadError::Header(HeaderFault::PageLen)
        } else if header.page_len < machine.page_len {
            LoadError::PageLen { image: header.page_len, machine: machine.page_len }
        } else {
            return Ok(());
        };
        self.refuse(error)
    }

    /// What the header says of the module, whose records have been checked.
    pub(super) fn check_module(&mut self) -> Result<(), Refused> {
        let header = self.image.header();
        let fault = if header.flags & !code_flags::ALL != 0 {
            HeaderFault::Reserved
        } else if header.tail_slots > 2 * limits::PARAMS_MAX || !header.tail_slots.is_multiple_of(2) {
            // A vector takes two.
            HeaderFault::TailSlots
        } else if header.name_offset != NONE && self.name(header.name_offset, header.name_len).is_err() {
            HeaderFault::ModuleName
        } else if !self.can_start(header.start_function) {
            HeaderFault::StartFunction
        } else if !self.can_start(header.initialiser) {
            HeaderFault::Initialiser
        } else {
            let (stated, computed) = (header.vmctx_len, self.image.vmctx_layout().len_bytes());
            if computed == Some(stated) {
                return Ok(());
            }
            return self.refuse(LoadError::VmctxLen { stated, computed });
        };
        self.refuse_header(fault)
    }

    /// Index of the type of a function, imports included.
    fn function_type(&self, function: u32) -> Option<u32> {
        const FUNCTION: u32 = ExternKind::Function as u32;
        let imported = self.image.header().imported_functions;
        if let Some(defined) = function.checked_sub(imported) {
            return self.word(Table::Functions, defined, at!(FunctionRecord.ty));
        }
        let mut left = function;
        for import in 0..self.count(Table::Imports) {
            if self.word(Table::Imports, import, at!(ImportRecord.kind)) == Some(FUNCTION) {
                if left == 0 {
                    return self.word(Table::Imports, import, at!(ImportRecord.ty));
                }
                left = left.wrapping_sub(1);
            }
        }
        None
    }

    /// Whether a function without parameters and results can be called, if one is named.
    #[inline(never)]
    fn can_start(&self, function: u32) -> bool {
        if function == NONE {
            return true;
        }
        let Some(ty) = self.function_type(function) else { return false };
        let [params, results] =
            [at!(TypeRecord.params), at!(TypeRecord.results)].map(|at| self.word(Table::Types, ty, at));
        (params, results) == (Some(0), Some(0)) && self.callable(function).is_ok()
    }
}

/// Reads the header to where it stays.
#[inline(never)]
fn read_header(bytes: &[u8], header: &mut Header) -> Option<()> {
    header.assign(bytes)?;
    (header.magic == MAGIC).then_some(())
}
