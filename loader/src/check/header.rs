//! The ELF header and the metadata's header: what kind of file this is, whether it is whole, and
//! whether this machine is the one it is for.

use crate::check::{Checks, Verify};
use crate::elf::{self, Class, ElfHeader, Ident, ProgramHeader};
use crate::error::{HeaderFault, LoadError};
use crate::image::{Image, Span, range};
use crate::limits;
use crate::machine::Machine;
use wasmc_abi::checksum::{Xxh32, xxh32};
use wasmc_abi::image::{CHECKSUM_FIELDS, Header, MAGIC, NONE, PREFIX_LEN, PT_METADATA, Record, code_flags};
use wasmc_abi::{ABI_VERSION, FORMAT_VERSION};

/// The oldest ABI whose images still run.
const OLDEST_ABI_VERSION: u32 = 1;

/// A file whose headers could be read.
pub(super) struct File {
    pub class: Class,
    pub elf: ElfHeader,
    /// The metadata block.
    pub metadata: Span,
}

/// Finds and reads the headers of a file that `machine` understands, of versions that this loader
/// does.
#[inline(never)]
pub(super) fn read(image: &mut Image<'_>, machine: &Machine) -> Result<File, LoadError> {
    let bytes = image.bytes();
    let class = read_class(bytes, machine)?;
    let elf = class.header(bytes).ok_or(truncated(class.header_len(), bytes))?;
    check_elf(class, &elf, bytes, machine)?;
    let metadata = find_metadata(class, &elf, bytes)?;
    let start = bytes.get(range(metadata.offset, metadata.len)).unwrap_or_default();
    read_header(start, &mut image.layout_mut().header).ok_or(LoadError::NotAot)?;
    check_versions(image.header())?;
    Ok(File { class, elf, metadata })
}

/// Reads the header to where it stays.
#[inline(never)]
fn read_header(bytes: &[u8], header: &mut Header) -> Option<()> {
    *header = Header::read(bytes)?;
    (header.magic == MAGIC).then_some(())
}

fn truncated(needed: u32, bytes: &[u8]) -> LoadError {
    LoadError::Truncated { needed: needed.into(), len: bytes.len() as u64 }
}

fn read_class(bytes: &[u8], machine: &Machine) -> Result<Class, LoadError> {
    // Less than the magic may be the start of an image that was cut off.
    if bytes.iter().zip(&elf::MAGIC).any(|(found, wanted)| found != wanted) {
        return Err(LoadError::NotElf);
    }
    let ident = Ident::read(bytes).ok_or(truncated(Class::Elf64.header_len(), bytes))?;
    let class = Class::from_number(ident.class).ok_or(LoadError::NotElf)?;
    if ident.byte_order != elf::LITTLE_ENDIAN {
        return Err(LoadError::ByteOrder);
    }
    if ident.version != elf::CURRENT_VERSION {
        return Err(LoadError::Header(HeaderFault::ElfVersion));
    }
    if class.pointer_bits() != machine.pointer_bits {
        return Err(LoadError::PointerBits { image: class.pointer_bits(), machine: machine.pointer_bits });
    }
    // The same, but where the machine is a constant, nothing is left of the other class.
    Ok(Class::of(machine.pointer_bits))
}

fn check_elf(class: Class, elf: &ElfHeader, bytes: &[u8], machine: &Machine) -> Result<(), LoadError> {
    if elf.kind != elf::ET_DYN {
        return Err(LoadError::Header(HeaderFault::ElfType));
    }
    if u32::from(elf.machine) != machine.arch as u32 {
        return Err(LoadError::Arch { image: elf.machine.into(), machine: machine.arch });
    }
    let known_len = elf.program_header_len == class.program_header_len();
    if !known_len || elf.program_header_count > limits::PROGRAM_HEADERS_MAX {
        return Err(LoadError::Header(HeaderFault::ProgramHeaders));
    }
    // Both are 16 bits wide.
    let len = u32::from(elf.program_header_len).wrapping_mul(elf.program_header_count.into());
    let end = elf.program_headers_offset.saturating_add(len);
    if end > limits::FILE_LEN_MAX {
        return Err(LoadError::Header(HeaderFault::ProgramHeaders));
    }
    if end as usize > bytes.len() { Err(truncated(end, bytes)) } else { Ok(()) }
}

/// The program headers. Their table was found to be inside the file.
pub(super) fn program_headers(class: Class, elf: &ElfHeader, bytes: &[u8]) -> impl Iterator<Item = ProgramHeader> {
    let start = elf.program_headers_offset;
    let row_len = u32::from(class.program_header_len());
    (0..u32::from(elf.program_header_count))
        .map_while(move |index| class.program_header(bytes, start.saturating_add(index.wrapping_mul(row_len))))
}

/// The metadata block, in full.
fn find_metadata(class: Class, elf: &ElfHeader, bytes: &[u8]) -> Result<Span, LoadError> {
    let mut found = None;
    for row in program_headers(class, elf, bytes) {
        if row.kind == PT_METADATA && found.replace(row).is_some() {
            return Err(LoadError::NotAot);
        }
    }
    let ProgramHeader { offset, file_len: len, .. } = found.ok_or(LoadError::NotAot)?;
    let end = offset.saturating_add(len);
    if end > limits::FILE_LEN_MAX {
        return Err(LoadError::NotAot);
    }
    let needed = end.max(offset.saturating_add(PREFIX_LEN as u32));
    if needed as usize > bytes.len() {
        return Err(truncated(needed, bytes));
    }
    if (len as usize) < PREFIX_LEN { Err(LoadError::NotAot) } else { Ok(Span { offset, len }) }
}

fn check_versions(header: &Header) -> Result<(), LoadError> {
    if header.format_version != FORMAT_VERSION {
        return Err(LoadError::FormatVersion { image: header.format_version, loader: FORMAT_VERSION });
    }
    let (image, oldest, newest) = (header.abi_version, OLDEST_ABI_VERSION, ABI_VERSION);
    if (oldest..=newest).contains(&image) { Ok(()) } else { Err(LoadError::AbiVersion { image, oldest, newest }) }
}

/// Whether the file is all there, and its parts lie as they have to.
pub(super) fn check_len(file: &File, image: &Image<'_>) -> Result<(), LoadError> {
    let (header, actual) = (image.header(), image.bytes().len());
    if header.file_len as usize != actual || header.file_len > limits::FILE_LEN_MAX {
        return Err(LoadError::FileLen { stated: header.file_len, actual: actual as u64 });
    }
    if header.image_len > header.file_len {
        return Err(LoadError::Header(HeaderFault::ImageLen));
    }
    let tables_start = file.metadata.offset.saturating_add(PREFIX_LEN as u32);
    if header.head_len < tables_start || header.head_len > header.file_len {
        return Err(LoadError::Header(HeaderFault::HeadLen));
    }
    Ok(())
}

/// Whether the bytes are those that were written. Finds accidents, not attackers.
pub(super) fn check_sums(file: &File, image: &Image<'_>, verify: Verify) -> Result<(), LoadError> {
    let header = image.header();
    let (head, body) = image.bytes().split_at_checked(header.head_len as usize).unwrap_or_default();
    let computed = head_checksum(head, file.metadata.offset as usize);
    if computed != header.head_checksum {
        return Err(LoadError::HeadChecksum { stated: header.head_checksum, computed });
    }
    if verify == Verify::Head {
        return Ok(());
    }
    let computed = xxh32(body, 0);
    if computed != header.body_checksum {
        return Err(LoadError::BodyChecksum { stated: header.body_checksum, computed });
    }
    Ok(())
}

/// Checksum of the head, in which the checksum fields count as 0.
fn head_checksum(head: &[u8], metadata_offset: usize) -> u32 {
    let fields = metadata_offset.saturating_add(CHECKSUM_FIELDS.start);
    let (before, rest) = head.split_at_checked(fields).unwrap_or_default();
    let behind = rest.get(CHECKSUM_FIELDS.len()..).unwrap_or_default();
    let mut checksum = Xxh32::new(0);
    checksum.update(before);
    checksum.update(&[0; CHECKSUM_FIELDS.end - CHECKSUM_FIELDS.start]);
    checksum.update(behind);
    checksum.finish()
}

/// Whether the code was made for a machine like this.
pub(super) fn check_machine(header: &Header, machine: &Machine) -> Result<(), LoadError> {
    if header.arch != machine.arch as u32 {
        return Err(LoadError::Arch { image: header.arch, machine: machine.arch });
    }
    if !machine.isa_states.iter().any(|state| *state as u32 == header.isa_state) {
        return Err(LoadError::IsaState { image: header.isa_state, machine: machine.isa_states });
    }
    if header.float_abi != machine.float_abi as u32 {
        return Err(LoadError::FloatAbi { image: header.float_abi, machine: machine.float_abi });
    }
    if header.pointer_bits != machine.pointer_bits {
        return Err(LoadError::PointerBits { image: header.pointer_bits, machine: machine.pointer_bits });
    }
    if !machine.memory_models.iter().any(|model| *model as u32 == header.memory_model) {
        return Err(LoadError::MemoryModel { image: header.memory_model, machine: machine.memory_models });
    }
    if header.cpu_features & !machine.cpu_features != 0 {
        let (arch, image, machine) = (machine.arch, header.cpu_features, machine.cpu_features);
        return Err(LoadError::CpuFeatures { arch, image, machine });
    }
    if !header.page_len.is_power_of_two() || header.page_len > limits::PAGE_LEN_MAX {
        return Err(LoadError::Header(HeaderFault::PageLen));
    }
    if header.page_len < machine.page_len {
        return Err(LoadError::PageLen { image: header.page_len, machine: machine.page_len });
    }
    Ok(())
}

/// How many imports of each kind there are, once they have been counted.
pub(super) fn check_counts(checks: &Checks<'_>) -> Result<(), LoadError> {
    let header = checks.image.header();
    let stated = [
        header.imported_functions,
        header.imported_tables,
        header.imported_memories,
        header.imported_globals,
        header.imported_tags,
    ];
    if checks.imports == stated { Ok(()) } else { Err(LoadError::Header(HeaderFault::Counts)) }
}

/// What the header says of the module, whose records have been checked.
pub(super) fn check_module(checks: &Checks<'_>) -> Result<(), LoadError> {
    let (image, header) = (checks.image, checks.image.header());
    if header.flags & !code_flags::ALL != 0 {
        return Err(LoadError::Header(HeaderFault::Reserved));
    }
    // A vector takes two.
    if header.tail_slots > 2 * limits::PARAMS_MAX || !header.tail_slots.is_multiple_of(2) {
        return Err(LoadError::Header(HeaderFault::TailSlots));
    }
    if header.name_offset != NONE && checks.names.check(header.name_offset, header.name_len).is_err() {
        return Err(LoadError::Header(HeaderFault::ModuleName));
    }
    for (function, fault) in
        [(header.start_function, HeaderFault::StartFunction), (header.initialiser, HeaderFault::Initialiser)]
    {
        if function != NONE && !can_start(checks, function) {
            return Err(LoadError::Header(fault));
        }
    }
    let computed = image.vmctx_layout().len_bytes();
    if computed == Some(header.vmctx_len) {
        Ok(())
    } else {
        Err(LoadError::VmctxLen { stated: header.vmctx_len, computed })
    }
}

fn can_start(checks: &Checks<'_>, function: u32) -> bool {
    let image = checks.image;
    let ty = image.function_type(function).and_then(|ty| image.types().get(ty));
    ty.is_some_and(|ty| (ty.params, ty.results) == (0, 0)) && checks.callable(function).is_ok()
}
