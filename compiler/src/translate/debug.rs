//! Where instructions came from. LLVM's debug locations carry Wasm offsets through optimisation: a
//! location's line is the offset in the module, and inlining chains them. Only instructions at which
//! execution can leave the code have one. No debug information reaches the image.

use inkwell::builder::Builder;
use inkwell::context::Context;
use inkwell::debug_info::{
    AsDIScope, DICompileUnit, DIFile, DIFlagsConstants, DISubprogram, DISubroutineType, DWARFEmissionKind,
    DWARFSourceLanguage, DebugInfoBuilder,
};
use inkwell::module::{FlagBehavior, Module as LlvmModule};

/// Makes debug locations.
pub struct Debug<'ctx> {
    context: &'ctx Context,
    builder: DebugInfoBuilder<'ctx>,
    unit: DICompileUnit<'ctx>,
    file: DIFile<'ctx>,
    ty: DISubroutineType<'ctx>,
}

impl<'ctx> Debug<'ctx> {
    pub fn new(context: &'ctx Context, llvm: &LlvmModule<'ctx>) -> Self {
        let version = context.i32_type().const_int(inkwell::debug_info::debug_metadata_version().into(), false);
        llvm.add_basic_value_flag("Debug Info Version", FlagBehavior::Warning, version);
        let (builder, unit) = llvm.create_debug_info_builder(
            true,
            DWARFSourceLanguage::C,
            "module",
            "",
            "",
            true,
            "",
            0,
            "",
            DWARFEmissionKind::LineTablesOnly,
            0,
            false,
            false,
            "",
            "",
        );
        let file = unit.get_file();
        let ty = builder.create_subroutine_type(file, None, &[], inkwell::debug_info::DIFlags::ZERO);
        Debug { context, builder, unit, file, ty }
    }

    /// A scope for the locations of one function.
    pub fn subprogram(&self, name: &str) -> DISubprogram<'ctx> {
        let flags = inkwell::debug_info::DIFlags::ZERO;
        self.builder.create_function(
            self.unit.as_debug_info_scope(),
            name,
            None,
            self.file,
            0,
            self.ty,
            true,
            true,
            0,
            flags,
            true,
        )
    }

    /// What `builder` makes from now on comes from the Wasm instruction at `offset`.
    pub fn locate(&self, builder: &Builder<'ctx>, scope: DISubprogram<'ctx>, offset: u32) {
        let scope = scope.as_debug_info_scope();
        builder.set_current_debug_location(self.builder.create_debug_location(self.context, offset, 0, scope, None));
    }

    pub fn finish(&self) {
        self.builder.finalize();
    }
}
