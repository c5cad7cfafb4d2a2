//! What can go wrong, as the host sees it. Messages are complete sentences.

use std::fmt;

use crate::exception::Exception;
use crate::trap::Trap;
use crate::types::{ExternType, FuncType};
use wasmc_loader::LoadError;

/// Why loading, linking, instantiating or calling did not succeed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not an image that this machine and this loader can run.
    Load(LoadError),
    /// A file could not be read or mapped, or a host function says so of something else.
    Io(std::io::Error),
    /// Imports that are missing or of another type.
    Link(ImportError),
    /// The guest trapped.
    Trap(Trap),
    /// The guest threw an exception that nothing caught. A host function that returns one throws it.
    Exception(Exception),
    /// The guest ended itself with this exit code.
    Exit(i32),
    /// A host function failed.
    Host(Box<dyn std::error::Error + Send + Sync>),
    /// Something that was asked for by name is not there or has another type.
    Export(ExportError),
    /// A linear memory could not be had.
    Memory(MemoryError),
    /// A limit of the store or of the runtime is in the way.
    Limit(LimitError),
    /// The module uses this, and the runtime was built without its feature `gc`.
    WithoutGc(&'static str),
    /// A value's type is not the one that is needed; the text says where and which.
    Type(String),
}

impl Error {
    /// An error of a host function, from any error value.
    pub fn host(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Host(error.into())
    }

    /// The trap, if this is one.
    pub fn trap(&self) -> Option<&Trap> {
        match self {
            Error::Trap(trap) => Some(trap),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Load(error) => error.fmt(f),
            Error::Io(error) => write!(f, "Input or output failed: {error}."),
            Error::Link(error) => error.fmt(f),
            Error::Trap(trap) => trap.fmt(f),
            Error::Exception(exception) => exception.fmt(f),
            Error::Exit(code) => write!(f, "The guest exited with code {code}."),
            Error::Host(error) => error.fmt(f),
            Error::Export(error) => error.fmt(f),
            Error::Memory(error) => error.fmt(f),
            Error::Limit(error) => error.fmt(f),
            Error::WithoutGc(what) => write!(
                f,
                "The module uses {what}, and this runtime was built without its feature `gc`. Turn that on, or compile the \
                 module's source without {what}."
            ),
            Error::Type(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) => Some(error),
            Error::Host(error) => error.source(),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($variant:ident $ty:ty;)*) => {$(
        impl From<$ty> for Error {
            fn from(error: $ty) -> Error {
                Error::$variant(error)
            }
        }
    )*};
}
from! {
    Load LoadError;
    Io std::io::Error;
    Link ImportError;
    Trap Trap;
    Exception Exception;
    Export ExportError;
    Memory MemoryError;
    Limit LimitError;
    Host Box<dyn std::error::Error + Send + Sync>;
}

impl From<&str> for Error {
    fn from(text: &str) -> Error {
        Error::Host(text.into())
    }
}

impl From<String> for Error {
    fn from(text: String) -> Error {
        Error::Host(text.into())
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Error {
        match never {}
    }
}

/// Every import that could not be satisfied, in the module's order.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportError {
    /// Never empty.
    pub missing: Vec<MissingImport>,
}

/// One import that could not be satisfied.
#[derive(Debug, Clone, PartialEq)]
pub struct MissingImport {
    /// Module name.
    pub module: String,
    /// Field name.
    pub name: String,
    /// What the module asks for.
    pub wanted: ExternType,
    /// What there is under that name, if anything. Sizes are the current ones.
    pub offered: Option<ExternType>,
    /// The reason, where the types alone do not tell it.
    pub note: Option<String>,
}

impl fmt::Display for MissingImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" \"{}\": wanted {}, ", self.module, self.name, self.wanted)?;
        match &self.offered {
            Some(offered) => write!(f, "found {offered}")?,
            None => write!(f, "found nothing of that name")?,
        }
        self.note.as_ref().map_or(Ok(()), |note| write!(f, " ({note})"))
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.missing.as_slice() {
            [one] => write!(f, "An import cannot be satisfied: {one}."),
            all => {
                write!(f, "{} imports cannot be satisfied:", all.len())?;
                all.iter().try_for_each(|import| write!(f, "\n  {import}"))
            }
        }
    }
}

impl std::error::Error for ImportError {}

/// A name that does not lead to what was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum ExportError {
    /// There is no such export.
    Missing {
        /// The name.
        name: String,
    },
    /// The export is something else than a function.
    NotAFunction {
        /// The name.
        name: String,
        /// What it is.
        found: ExternType,
    },
    /// The function has another type.
    OtherType {
        /// The name.
        name: String,
        /// The type asked for.
        wanted: FuncType,
        /// The type it has.
        found: FuncType,
    },
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExportError::Missing { name } => {
                write!(f, "The module does not export anything called \"{name}\".")
            }
            ExportError::NotAFunction { name, found } => {
                write!(f, "The export \"{name}\" is not a function but {found}.")
            }
            ExportError::OtherType { name, wanted, found } => {
                write!(f, "The function \"{name}\" has the type {found}, not {wanted}.")
            }
        }
    }
}

impl std::error::Error for ExportError {}

/// Why there is no linear memory of the wanted size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryError {
    /// The system did not give the address space that the guard model needs.
    Reserve {
        /// How much was asked for.
        len_bytes: u64,
    },
    /// The system did not give the memory itself.
    Commit {
        /// How much was asked for.
        len_bytes: u64,
    },
    /// More pages than a memory can have, or than the store allows.
    TooLarge {
        /// Pages asked for.
        pages: u64,
        /// Pages that are possible.
        limit: u64,
    },
    /// The type is not that of a shared memory, or has no maximum.
    NotShared,
    /// The type is that of a shared memory, which belongs to no store.
    Shared,
    /// An access from the host outside the memory.
    OutOfBounds {
        /// First address.
        address: u64,
        /// Length of the access.
        len_bytes: u64,
        /// Length of the memory.
        memory_len_bytes: u64,
    },
}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            MemoryError::Reserve { len_bytes } => write!(
                f,
                "The system refused to reserve {} MiB of address space for a linear memory. \
                 Raise the limit (`ulimit -v`), or compile the module with `--memory checked`, \
                 which reserves nothing.",
                len_bytes >> 20
            ),
            MemoryError::Commit { len_bytes } => {
                write!(f, "The system refused {} KiB for the contents of a linear memory.", len_bytes >> 10)
            }
            MemoryError::TooLarge { pages, limit } => {
                write!(f, "A linear memory of {pages} pages was asked for; at most {limit} are possible.")
            }
            MemoryError::NotShared => f.write_str("A shared memory needs the type of one, with a maximum."),
            MemoryError::Shared => {
                f.write_str("A shared memory belongs to no store; it is made by `SharedMemory::new`.")
            }
            MemoryError::OutOfBounds { address, len_bytes, memory_len_bytes } => write!(
                f,
                "{len_bytes} bytes at address {address:#x} are not inside the linear memory of \
                 {memory_len_bytes} bytes."
            ),
        }
    }
}

impl std::error::Error for MemoryError {}

/// A limit other than a memory's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitError {
    /// The guest stack has no room for the largest frame and the host's reserve.
    Stack {
        /// Bytes that one call can need.
        needed: usize,
        /// Bytes that the store gives.
        stack_len: usize,
    },
    /// A table would be too large, or its memory was not to be had.
    Table {
        /// Elements asked for.
        elements: u64,
        /// Elements that are possible.
        limit: u64,
    },
    /// A block of the instance could not be allocated.
    Instance {
        /// Its length.
        len_bytes: u64,
    },
    /// No loaded image can call a host function of this type, so compiled code cannot be given one.
    NoThunk,
    /// The module was compiled without a way for the host to call functions of this type.
    NoEntry,
    /// The store's fuel is limited, and an image does not count it.
    NoFuel,
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            LimitError::Stack { needed, stack_len } => write!(
                f,
                "A call can need {needed} bytes of stack, its largest frame and the reserve for host \
                 functions, and the store gives {stack_len}. Give it more (`set_stack_len`, `--stack-size`)."
            ),
            LimitError::Table { elements, limit } => {
                write!(f, "A table of {elements} elements was asked for; at most {limit} are possible.")
            }
            LimitError::Instance { len_bytes } => {
                write!(f, "The system refused {len_bytes} bytes for an instance.")
            }
            LimitError::NoThunk => f.write_str(
                "A host function can be referred to by a guest only if a loaded module imports \
                 a function of the same type.",
            ),
            LimitError::NoFuel => f.write_str(
                "The image does not count the instructions that it executes, so they cannot be limited; compile it \
                 with `--fuel`.",
            ),
            LimitError::NoEntry => f.write_str(
                "The module was compiled without an entry for functions of this type, so the host cannot \
                 call it.",
            ),
        }
    }
}

impl std::error::Error for LimitError {}
