//! Instructions, one file per chapter of the specification's list. Each `translate` answers whether
//! the operator is one of its chapter.

pub mod atomic;
mod bulk;
pub mod call;
pub mod cast;
pub mod convert;
pub mod memory;
pub mod numeric;
pub mod object;
pub mod reference;
pub mod table;
pub mod variable;
pub mod vector;
