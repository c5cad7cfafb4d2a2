//! What optimisation has to know of a module beside its LLVM module: what the vmctx block holds.

use crate::parse::{MemoryIndex, MemoryType, Module};
use crate::profile::ModuleProfile;
use wasmc_abi::vmctx::Layout;

/// The shape of a module's vmctx block. It decides what code becomes, so all of it is part of a unit's key
/// (`incremental.rs`): what is not in it cannot be read.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Where everything lies in it.
    pub layout: Layout,
    /// Memories, imports first.
    pub memories: Vec<MemoryType>,
    /// How many of them are imported.
    pub imported_memories: u32,
    /// By memory: whether the block has a record's address and not the record.
    records_elsewhere: Vec<bool>,
    /// How many tables are imported.
    pub imported_tables: u32,
    /// How many globals are.
    pub imported_globals: u32,
    /// The least count that is a large one, if there is a profile.
    pub hot: Option<u64>,
}

impl Shape {
    /// The shape of a module's block.
    pub fn of(module: &Module<'_>) -> Shape {
        let elsewhere = |memory| module.has_record_elsewhere(MemoryIndex(memory));
        Shape {
            layout: module.layout(),
            memories: module.memories.clone(),
            imported_memories: module.imported_memories,
            records_elsewhere: (0..module.memories.len() as u32).map(elsewhere).collect(),
            imported_tables: module.imported_tables,
            imported_globals: module.imported_globals,
            hot: match &module.profile {
                ModuleProfile::Known(known) => Some(known.summary.hot()),
                _ => None,
            },
        }
    }

    /// Whether a memory's record is not part of the block, which then has its address.
    pub fn has_record_elsewhere(&self, memory: MemoryIndex) -> bool {
        self.records_elsewhere[memory.get()]
    }
}
