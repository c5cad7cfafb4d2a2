//! Wasm bytes → [`Module`], validated.

mod index;
mod module;

pub use index::*;
pub use module::*;
