//! Module → LLVM module.

pub mod symbols;
