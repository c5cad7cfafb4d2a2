//! What can go wrong, numbers and names only: `Display` makes the sentence, and costs nothing where it is not used.

use core::fmt;

use wasmc_abi::TrapCode;
use wasmc_abi::image::ExternKind;
use wasmc_loader::LoadError;

/// Why something was not done, or ended early. Names are those in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error<'a> {
    /// The image was not loaded.
    Load(LoadError),
    /// The buffer for the instance is shorter than the image states.
    RamLen {
        /// Bytes that are needed; `None` if no buffer can be that long.
        needed: Option<u32>,
        /// Bytes that it has.
        len: usize,
    },
    /// The buffer for the instance starts at a wrong address.
    RamAlignment {
        /// The alignment that it needs, bytes.
        needed: u32,
    },
    /// Between here and the limit is not enough stack.
    StackLen {
        /// Bytes that the image's largest frame and helpers need.
        needed: usize,
        /// Bytes that are there.
        len: usize,
    },
    /// The host has no function of these names.
    MissingImport {
        /// Module name.
        module: &'a str,
        /// Field name.
        name: &'a str,
    },
    /// The host's function of these names has other types.
    ImportType {
        /// Module name.
        module: &'a str,
        /// Field name.
        name: &'a str,
    },
    /// The module imports something that is no function.
    ImportKind {
        /// Module name.
        module: &'a str,
        /// Field name.
        name: &'a str,
        /// What it imports.
        kind: ExternKind,
    },
    /// A module of a group imports something that no instance exports, or that is of another type.
    NotExported {
        /// Module name.
        module: &'a str,
        /// Field name.
        name: &'a str,
        /// What it imports.
        kind: ExternKind,
    },
    /// Of two modules of a group one uses exceptions, and the other does not and imports from it, or it from the other.
    GroupExceptions {
        /// Module name.
        module: &'a str,
        /// Field name.
        name: &'a str,
    },
    /// A module of a group has a function type with so many supertypes that others may not be able to tell.
    GroupTypes,
    /// A group has no room for another instance, or another name.
    GroupLen {
        /// How many it can have.
        most: usize,
    },
    /// The module has a shared memory.
    SharedMemory,
    /// The module uses exceptions or garbage collection, and the runtime was built without them.
    Objects,
    /// There is no function exported by the name that was asked for.
    MissingExport,
    /// The exported function has other parameters or results than those given.
    ExportType,
    /// The call ended by a trap.
    Trap(Trap),
}

/// The end of a call by a trap: why, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Why.
    pub code: TrapCode,
    /// Index of the function, imports included; `None` if not known.
    pub function: Option<u32>,
    /// Offset of the instruction in the Wasm module; `None` if not known, as in an image without sites.
    pub wasm_offset: Option<u32>,
}

impl Trap {
    /// A trap without a place.
    pub(crate) fn new(code: TrapCode) -> Trap {
        Trap { code, function: None, wasm_offset: None }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(function) = self.function {
            write!(f, " in function {function}")?;
        }
        if let Some(offset) = self.wasm_offset {
            write!(f, " at {offset:#x}")?;
        }
        Ok(())
    }
}

impl core::error::Error for Trap {}

impl fmt::Display for Error<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Error::Load(error) => error.fmt(f),
            Error::RamLen { needed: Some(needed), len } => write!(
                f,
                "The buffer for the instance has {len} bytes and needs {needed}, {} more. Give it more, or compile a \
                 module with less memory; `wasmc inspect --ram` shows what needs how much.",
                (needed as usize).saturating_sub(len)
            ),
            Error::RamLen { needed: None, len } => write!(
                f,
                "The buffer for the instance has {len} bytes; the module needs more than can be addressed. Compile \
                 a module with less memory."
            ),
            Error::RamAlignment { needed } => {
                write!(f, "The buffer for the instance starts at an address that is not a multiple of {needed}.")
            }
            Error::StackLen { needed, len } => write!(
                f,
                "The stack has {len} bytes from here to the limit, and the module needs {needed} before its code can \
                 check it. Lower the limit."
            ),
            Error::MissingImport { module, name } => {
                write!(f, "The module imports the function {module}.{name}, which the host does not have.")
            }
            Error::ImportType { module, name } => write!(
                f,
                "The module imports the function {module}.{name} with other parameters or results than the host's. \
                 `wasmc inspect` shows them."
            ),
            Error::ImportKind { module, name, kind } => {
                let kind = kind.name();
                write!(
                    f,
                    "The module imports the {kind} {module}.{name}, and here only functions can be imported. Define \
                     it in the module, or make a group with an instance that exports it."
                )
            }
            Error::NotExported { module, name, kind } => {
                let kind = kind.name();
                write!(
                    f,
                    "The module imports the {kind} {module}.{name}, which no instance of the group exports, or one of \
                     another type. `wasmc inspect` shows both."
                )
            }
            Error::GroupExceptions { module, name } => write!(
                f,
                "Code without exceptions does not look for those of others; the module imports {module}.{name}, and either it \
                 or the module that exports that has no exception tag. Make one module of the two, or give that one a tag.",
            ),
            Error::GroupTypes => f.write_str(
                "The module has a function type with eight supertypes or more, and shall be linked with others here, which \
                 cannot tell such types. Give it fewer, or an instance without a group.",
            ),
            Error::GroupLen { most } => write!(f, "The group has {most} instances or names, and no room for more."),
            Error::SharedMemory => {
                f.write_str("The module has a shared memory, and here are no threads to share it with.")
            }
            Error::Objects => f.write_str(
                "The module uses exceptions or garbage collection, and this runtime was built without its feature `gc`. Turn \
                 that on, or compile the module's source without them.",
            ),
            Error::MissingExport => f.write_str("The module exports no function of this name."),
            Error::ExportType => f.write_str("The exported function has other parameters or results than the call."),
            Error::Trap(trap) => trap.fmt(f),
        }
    }
}

impl core::error::Error for Error<'_> {}

impl From<LoadError> for Error<'_> {
    fn from(error: LoadError) -> Self {
        Error::Load(error)
    }
}

impl From<Trap> for Error<'_> {
    fn from(trap: Trap) -> Self {
        Error::Trap(trap)
    }
}
