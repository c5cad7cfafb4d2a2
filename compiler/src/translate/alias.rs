//! What cannot overlap, told to LLVM as type-based alias metadata: linear memory, vmctx slots,
//! each global, table elements and objects. Two accesses of linear memory always have the same tag.

use inkwell::context::ContextRef;
use inkwell::values::{InstructionValue, MetadataValue};

/// Tags for accesses, one a kind of thing.
pub struct Alias<'ctx> {
    context: ContextRef<'ctx>,
    tbaa: u32,
    invariant: u32,
    align: u32,
    pub memory: MetadataValue<'ctx>,
    pub vmctx: MetadataValue<'ctx>,
    pub table: MetadataValue<'ctx>,
    /// Fields and elements of all objects.
    pub object: MetadataValue<'ctx>,
    pub fuel: MetadataValue<'ctx>,
    /// Counters of a profile.
    pub profile: MetadataValue<'ctx>,
    /// All imported mutable globals: two of them may be the same.
    pub imported_global: MetadataValue<'ctx>,
    root: MetadataValue<'ctx>,
}

impl<'ctx> Alias<'ctx> {
    pub fn new(context: ContextRef<'ctx>) -> Self {
        let root = context.metadata_node(&[context.metadata_string("wasmc").into()]);
        let tag = |name: &str| tag(context, root, name);
        Alias {
            context,
            tbaa: context.get_kind_id("tbaa"),
            invariant: context.get_kind_id("invariant.load"),
            align: context.get_kind_id("align"),
            memory: tag("memory"),
            vmctx: tag("vmctx"),
            table: tag("table"),
            object: tag("object"),
            fuel: tag("fuel"),
            profile: tag("profile"),
            imported_global: tag("imported global"),
            root,
        }
    }

    /// The tag of a defined global.
    pub fn global(&self, index: usize) -> MetadataValue<'ctx> {
        tag(self.context, self.root, &format!("global {index}"))
    }

    /// Says what an access touches.
    pub fn mark(&self, access: InstructionValue<'ctx>, tag: MetadataValue<'ctx>) {
        access.set_metadata(tag, self.tbaa).expect("the tag is a node");
    }

    /// Whether an access touches linear memory.
    pub fn is_of_memory(&self, access: InstructionValue<'ctx>) -> bool {
        access.get_metadata(self.tbaa) == Some(self.memory)
    }

    /// Whether an access touches what the runtime has made for code: it does not trap.
    pub fn is_of_runtime(&self, access: InstructionValue<'ctx>) -> bool {
        let tag = access.get_metadata(self.tbaa);
        tag.is_some_and(|tag| [self.vmctx, self.table].contains(&tag))
    }

    /// Says that a load yields the same value whenever it is done.
    pub fn mark_invariant(&self, load: InstructionValue<'ctx>) {
        load.set_metadata(self.context.metadata_node(&[]), self.invariant).expect("the mark is a node");
    }

    /// Says that a load yields a multiple of `align`, a power of two.
    pub fn mark_aligned(&self, load: InstructionValue<'ctx>, align: u64) {
        let align = self.context.i64_type().const_int(align, false);
        load.set_metadata(self.context.metadata_node(&[align.into()]), self.align).expect("the mark is a node");
    }
}

fn tag<'ctx>(context: ContextRef<'ctx>, root: MetadataValue<'ctx>, name: &str) -> MetadataValue<'ctx> {
    let ty = context.metadata_node(&[context.metadata_string(name).into(), root.into()]);
    context.metadata_node(&[ty.into(), ty.into(), context.i64_type().const_zero().into()])
}
