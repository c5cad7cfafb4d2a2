//! Why an image was refused. Numbers only, so that an error is small and can be copied; `Display`
//! makes a sentence for the person at the prompt: what, both values, what would help.

use core::fmt;
use wasmc_abi::image::Table;
use wasmc_abi::target::{Arch, FloatAbi, IsaState, MemoryModel, cpu_feature_table};

/// Why an image was not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The bytes end before the header does.
    Truncated {
        /// Bytes that are needed.
        needed: u64,
        /// Bytes that are there.
        len: u64,
    },
    /// The bytes are no ELF file.
    NotElf,
    /// An ELF file, but no `.aot` image.
    NotAot,
    /// The ELF header is not that of an image.
    Header(HeaderFault),
    /// Built for a CPU of the other byte order.
    ByteOrder,
    /// Built for another pointer width.
    PointerBits {
        /// Bits, in the image.
        image: u32,
        /// Bits, on this machine.
        machine: u32,
    },
    /// Built for another architecture.
    Arch {
        /// ELF's number.
        image: u32,
        /// This machine.
        machine: Arch,
    },
    /// The file format is another one.
    FormatVersion {
        /// Version of the image.
        image: u32,
        /// The version that this loader reads.
        loader: u32,
    },
    /// The code expects another runtime.
    AbiVersion {
        /// Version of the image.
        image: u32,
        /// The oldest that this loader takes.
        oldest: u32,
        /// The newest.
        newest: u32,
    },
    /// The file is shorter or longer than it says.
    FileLen {
        /// Length in the header, bytes.
        stated: u32,
        /// Length of the file, bytes.
        actual: u64,
    },
    /// The header or the metadata is damaged.
    HeadChecksum {
        /// In the header.
        stated: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// The code or the constants are damaged.
    BodyChecksum {
        /// In the header.
        stated: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// Functions are entered in an instruction set state that this machine lacks.
    IsaState {
        /// Number in the image.
        image: u32,
        /// What this machine has.
        machine: &'static [IsaState],
    },
    /// Floats travel in other registers.
    FloatAbi {
        /// Number in the image.
        image: u32,
        /// This machine.
        machine: FloatAbi,
    },
    /// Accesses to linear memory rely on something that this machine does not offer.
    MemoryModel {
        /// Number in the image.
        image: u32,
        /// What the runtime can serve here.
        machine: &'static [MemoryModel],
    },
    /// The CPU lacks features.
    CpuFeatures {
        /// Whose feature table the bits are of.
        arch: Arch,
        /// Bits in the image.
        image: u64,
        /// Bits of this CPU.
        machine: u64,
    },
    /// Segments cannot be mapped with host pages this large.
    PageLen {
        /// Largest page that the image is laid out for, bytes.
        image: u32,
        /// Host page, bytes.
        machine: u32,
    },
    /// A program header is wrong.
    Segment {
        /// Which one.
        index: u32,
        /// How.
        fault: SegmentFault,
    },
    /// The directory's entry for a table is wrong.
    Directory {
        /// Which one.
        table: Table,
        /// How.
        fault: DirectoryFault,
    },
    /// A record is wrong.
    Record {
        /// Of which table.
        table: Table,
        /// Its index.
        index: u32,
        /// How.
        fault: Fault,
    },
    /// The vmctx block has not the size that the counts give.
    VmctxLen {
        /// In the header, bytes.
        stated: u32,
        /// From the counts; `None` if that is out of all bounds.
        computed: Option<u32>,
    },
    /// The image has pointers to fill, so it cannot be taken as it is.
    Relocated,
    /// The image lies at an address where its parts are not aligned.
    Alignment {
        /// The alignment that it needs, bytes.
        needed: u32,
    },
    /// The buffer for the image is too small.
    CodeBuffer {
        /// Bytes that are needed.
        needed: u32,
        /// Bytes that it has.
        len: u64,
    },
    /// The memory for code could not be had.
    Memory {
        /// During what.
        step: MemoryStep,
        /// OS error number, 0 if there is none.
        code: i32,
    },
}

/// What a [`CodeMemory`](crate::CodeMemory) was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryStep {
    /// Address space.
    Reserve,
    /// A segment's contents.
    Place,
    /// A pointer.
    Write,
    /// A segment's protection.
    Seal,
}

/// A fault whose description is one clause of a sentence.
macro_rules! faults {
    ($($(#[$meta:meta])* pub enum $name:ident { $($variant:ident $clause:literal;)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $( #[doc = concat!("It ", $clause, ".")] $variant, )* }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $( $name::$variant => $clause, )* })
            }
        }
    )*};
}

faults! {
    /// What is wrong with a header.
    pub enum HeaderFault {
        ElfVersion "has an ELF version other than 1";
        ElfType "is not of the ELF type DYN";
        ProgramHeaders "places its program headers outside the file, or has too many or too large ones";
        ImageLen "gives the image a length beyond the file's";
        HeadLen "gives the head a length that does not reach from the metadata's start to the file's end";
        PageLen "has a page length that is no power of two up to 65536";
        Metadata "places the metadata outside the read-only segment";
        CodeRange "places the machine code outside the executable segment";
        Counts "counts other imports than there are";
        Reserved "has flags of its code that do not exist";
        TailSlots "has an odd or too large number of slots for parameters of tail calls";
        ModuleName "places the module's name outside the strings";
        StartFunction "names a start function that does not exist, cannot be called or has parameters or results";
        Initialiser "names an initialiser that does not exist, cannot be called or has parameters or results";
    }

    /// What is wrong with a program header.
    pub enum SegmentFault {
        Kind "asks for something that this loader does not do";
        Order "is not in its place: read-only, then executable, then writable, one of each at most";
        Access "has access rights other than R, R X or R W";
        Range "lies outside the image";
        Overlap "overlaps the one before it";
        Alignment "does not start at a multiple of the page length";
        NotLinked "has different offsets or lengths in the file and in memory";
    }

    /// What is wrong with a directory entry.
    pub enum DirectoryFault {
        Alignment "does not start at a multiple of 8";
        Range "lies outside the metadata";
        Order "overlaps the one before it";
        Count "has more records than this loader takes";
        Utf8 "is not UTF-8";
    }

    /// What is wrong with a record.
    pub enum Fault {
        ValType "has a number that is no value type";
        ValTypeRange "has value types outside their table";
        Arity "has more parameters or results than this loader takes";
        Kind "has a kind or mode that does not exist";
        Flag "has a flag that is neither 0 nor 1";
        Reserved "has a reserved field that is not 0";
        Name "has a name outside the strings";
        NameLen "has a name longer than this loader takes";
        TypeIndex "names a function type that does not exist";
        FunctionIndex "names a function that does not exist";
        TableIndex "names a table that does not exist";
        MemoryIndex "names a memory that does not exist";
        GlobalIndex "names a global that does not exist or has no value yet";
        TagIndex "names a tag that does not exist";
        TagType "names a type that is no function's, or one with results";
        ItemRange "has items outside their table";
        NoCode "names a function that has no code";
        NoEntry "has a type without an entry trampoline";
        NoThunk "has a type without a host thunk";
        NoRecord "refers to a function that has no function record";
        CodeRange "lies outside the machine code";
        CodeAlignment "does not start where an instruction can";
        Order "is not in ascending order";
        Overlap "overlaps the one before it";
        RefType "is no reference type";
        TypeMismatch "has a value of another type";
        Imported "differs from the import that it stands for";
        NotNull "has a constant reference that is not null";
        Limits "has a minimum above its maximum";
        TooLarge "is larger than this loader takes";
        PageAlignment "does not start at a multiple of the page length";
        OutsideMemory "lies outside the memory's initial size";
        OutsideReadOnly "has contents outside the read-only segment";
        StreamRange "starts outside the stream of sites";
        SlotAlignment "has a slot that is not aligned";
        SlotRange "has a slot outside the writable segment";
        Target "points outside the image";
        Helper "names a helper that this runtime does not have";
    }
}

/// What to do about a file whose bytes contradict themselves.
const RECOMPILE: &str = "The file is damaged; copy it again, or compile the module again.";

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            LoadError::Truncated { needed, len } => {
                write!(f, "The file is cut off: it has {len} bytes, its header needs {needed}. {RECOMPILE}")
            }
            LoadError::NotElf => f.write_str(
                "This is not an .aot file: it does not start as an ELF file does. Compile the module with `wasmc compile`.",
            ),
            LoadError::NotAot => f.write_str(
                "This is an ELF file, but not an .aot file: it has no Wasm metadata. Compile the module with `wasmc compile`.",
            ),
            LoadError::Header(fault) => write!(f, "The header {fault}. {RECOMPILE}"),
            LoadError::ByteOrder => f.write_str(
                "The image is for a big-endian machine, .aot files are little-endian. Compile the module with `wasmc compile`.",
            ),
            LoadError::PointerBits { image, machine } => write!(
                f,
                "The image is for {image}-bit pointers, this machine has {machine}-bit ones. \
                 Compile with `--target` for this machine."
            ),
            LoadError::Arch { image, machine } => write!(
                f,
                "The image is for {}, this machine is {machine}. Compile with `--target` for this machine.",
                Numbered(Arch::from_number(image), image)
            ),
            LoadError::FormatVersion { image, loader } => write!(
                f,
                "The image has format version {image}, this loader reads version {loader}. {}",
                newer_or_older(image > loader)
            ),
            LoadError::AbiVersion { image, oldest, newest } => write!(
                f,
                "The image has ABI version {image}, this runtime serves versions {oldest} to {newest}. {}",
                newer_or_older(image > newest)
            ),
            LoadError::FileLen { stated, actual } => write!(
                f,
                "The file has {actual} bytes, its header says {stated}. {RECOMPILE}"
            ),
            LoadError::HeadChecksum { stated, computed } => write!(
                f,
                "The metadata has checksum {computed:08x}, the header says {stated:08x}. {RECOMPILE}"
            ),
            LoadError::BodyChecksum { stated, computed } => write!(
                f,
                "The code and data have checksum {computed:08x}, the header says {stated:08x}. {RECOMPILE}"
            ),
            LoadError::IsaState { image, machine } => write!(
                f,
                "The image is for instruction set state {}, this machine has {}. \
                 Compile with `--target` for this machine.",
                Numbered(IsaState::from_number(image), image),
                List(machine)
            ),
            LoadError::FloatAbi { image, machine } => write!(
                f,
                "The image passes floats the {} way, this runtime the {machine} way. \
                 Compile with `--target` for this machine.",
                Numbered(FloatAbi::from_number(image), image)
            ),
            LoadError::MemoryModel { image, machine } => write!(
                f,
                "The image has memory model {}, this runtime serves {}. Compile with `--memory={}`.",
                Numbered(MemoryModel::from_number(image), image),
                List(machine),
                machine.first().unwrap_or(&MemoryModel::Checked)
            ),
            LoadError::CpuFeatures { arch, image, machine } => write!(
                f,
                "The image requires the CPU features {}; of them this CPU lacks {}. \
                 Compile with a `--cpu` and `--features` that this one satisfies, or without either for the \
                 portable baseline.",
                Features(arch, image),
                Features(arch, image & !machine)
            ),
            LoadError::PageLen { image, machine } => write!(
                f,
                "The image is laid out for pages of up to {image} bytes, this machine has pages of {machine} bytes. \
                 Compile with a `--target` that allows for larger pages."
            ),
            LoadError::Segment { index, fault } => write!(f, "Program header {index} {fault}. {RECOMPILE}"),
            LoadError::Directory { table, fault } => write!(f, "The table {} {fault}. {RECOMPILE}", table.name()),
            LoadError::Record { table, index, fault } => {
                write!(f, "Record {index} of the table {} {fault}. {RECOMPILE}", table.name())
            }
            LoadError::VmctxLen { stated, computed: Some(computed) } => write!(
                f,
                "The header gives the vmctx block {stated} bytes, the module needs {computed}. {RECOMPILE}"
            ),
            LoadError::VmctxLen { stated, computed: None } => write!(
                f,
                "The header gives the vmctx block {stated} bytes, the module needs more than a block can have. {RECOMPILE}"
            ),
            LoadError::Relocated => f.write_str(
                "The image has pointers that a loader has to fill, so it cannot be run where it lies. \
                 Compile with a `--target` without an operating system.",
            ),
            LoadError::Alignment { needed } => write!(
                f,
                "The image lies at an address that is not a multiple of {needed}. Align it in the firmware's layout."
            ),
            LoadError::CodeBuffer { needed, len } => write!(
                f,
                "The buffer for the image has {len} bytes and needs {needed}, {} more. Give it more, or run the \
                 image in place.",
                u64::from(needed).saturating_sub(len)
            ),
            LoadError::Memory { step, code } => write!(
                f,
                "{} failed with OS error {code}. Free memory, or raise the limits of this process.",
                match step {
                    MemoryStep::Reserve => "Reserving address space for the code",
                    MemoryStep::Place => "Placing a segment of the code",
                    MemoryStep::Write => "Filling a pointer of the code",
                    MemoryStep::Seal => "Protecting a segment of the code",
                }
            ),
        }
    }
}

impl core::error::Error for LoadError {}

// It is returned by value through every check.
const _: () = assert!(size_of::<LoadError>() <= 32);

fn newer_or_older(image_is_newer: bool) -> &'static str {
    if image_is_newer {
        "Update the runtime, or compile with the wasmc of its release."
    } else {
        "Compile the module again with a current wasmc."
    }
}

/// A value with a name, or the number that has none.
struct Numbered<T>(Option<T>, u32);

impl<T: fmt::Display> fmt::Display for Numbered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => write!(f, "number {}", self.1),
        }
    }
}

/// What a machine has, separated by commas.
struct List<T: 'static>(&'static [T]);

impl<T: fmt::Display> fmt::Display for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, rest)) = self.0.split_first() else {
            return f.write_str("none");
        };
        first.fmt(f)?;
        rest.iter().try_for_each(|value| write!(f, ", {value}"))
    }
}

/// The names of feature bits, separated by commas.
struct Features(Arch, u64);

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for bit in (0..u64::BITS).filter(|bit| self.1 & (1 << bit) != 0) {
            f.write_str(separator)?;
            match cpu_feature_table(self.0).iter().find(|feature| feature.bit == bit) {
                Some(feature) => f.write_str(feature.name)?,
                None => write!(f, "number {bit}")?,
            }
            separator = ", ";
        }
        Ok(())
    }
}
