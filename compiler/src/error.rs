//! Why a module was not compiled: what, where, and what would help.

use std::collections::BTreeSet;
use wasmc_abi::target::Arch;

/// An error of the compiler.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The input is not a module, or not a valid one.
    #[error("invalid module: {message} (at offset {offset:#x}{})", in_function(*function))]
    Invalid {
        /// What is wrong.
        message: String,
        /// Byte offset in the module.
        offset: usize,
        /// Function index, if inside a body.
        function: Option<u32>,
    },
    /// The module is valid, but needs a proposal that is not supported, or not wanted.
    #[error("the module needs the {proposal} proposal, which {}: {message} (at offset {offset:#x}{})", not_wanted(*compiled), in_function(*function))]
    Unsupported {
        /// Name of the proposal.
        proposal: &'static str,
        /// Whether it would be compiled if it were enabled.
        compiled: bool,
        /// Where it is needed.
        message: String,
        /// Byte offset in the module.
        offset: usize,
        /// Function index, if inside a body.
        function: Option<u32>,
    },
    /// The module has something that code for the target cannot have.
    #[error("the module has {what}, which code for {target} cannot have: {reason}")]
    NotForTarget {
        /// What it has.
        what: &'static str,
        /// The target's name.
        target: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// The module exceeds a limit.
    #[error("{what} is {found}, the limit is {limit}{}", at_offset(*offset))]
    Limit {
        /// What is too large.
        what: String,
        /// How much there is.
        found: u64,
        /// How much there may be.
        limit: u64,
        /// Byte offset in the module, if there is one.
        offset: Option<usize>,
    },
    /// The text format could not be read.
    #[error("{0}")]
    Text(String),
    /// A profile cannot be used, or the module cannot be made to write one.
    #[error("{0}")]
    Profile(String),
    /// An option makes no sense.
    #[error("{0}")]
    Options(String),
    /// LLVM refused.
    #[error("LLVM, {phase}: {message}; this is a bug of wasmc, not of the module")]
    Llvm {
        /// What it was doing.
        phase: &'static str,
        /// What it said.
        message: String,
    },
    /// Functions have a frame whose size LLVM's tables do not give as a number.
    #[error(
        "linking for {arch}: functions have a frame that is not relative to the stack pointer ({}); this is a bug of wasmc, not of the module",
        list(functions)
    )]
    FrameSize {
        /// For what machine.
        arch: Arch,
        /// Their symbols.
        functions: BTreeSet<String>,
    },
    /// The machine code could not be linked.
    #[error("linking for {arch}: {message}; this is a bug of wasmc, not of the module")]
    Link {
        /// For what machine.
        arch: Arch,
        /// What is wrong, with function and symbol.
        message: String,
    },
}

fn not_wanted(compiled: bool) -> &'static str {
    if compiled { "is not enabled" } else { "this version does not compile" }
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn in_function(function: Option<u32>) -> String {
    function.map_or(String::new(), |f| format!(", function {f}"))
}

fn at_offset(offset: Option<usize>) -> String {
    offset.map_or(String::new(), |o| format!(" (at offset {o:#x})"))
}
