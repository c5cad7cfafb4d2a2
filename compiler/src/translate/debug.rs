//! Where instructions came from. LLVM's debug locations carry that through optimisation: a location's line is one more
//! than the distance from the start of the function's body, its scope's line the index of the function, and inlining
//! chains them. So a body has the same locations wherever it stands in the module. Only instructions at which execution
//! can leave the code have one. No debug information reaches the image.

use crate::parse::FuncIndex;
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

    /// A scope for the locations of one function, whose code has that name.
    pub fn subprogram(&self, name: &str, function: FuncIndex) -> DISubprogram<'ctx> {
        let flags = inkwell::debug_info::DIFlags::ZERO;
        self.builder.create_function(
            self.unit.as_debug_info_scope(),
            name,
            None,
            self.file,
            function.0,
            self.ty,
            true,
            true,
            0,
            flags,
            true,
        )
    }

    /// What `builder` makes from now on comes from the function's instruction at that distance from the start of its
    /// body; from none, if there is no distance.
    pub fn locate(&self, builder: &Builder<'ctx>, scope: DISubprogram<'ctx>, distance: Option<u32>) {
        let scope = scope.as_debug_info_scope();
        let line = distance.map_or(0, |distance| distance + 1);
        builder.set_current_debug_location(self.builder.create_debug_location(self.context, line, 0, scope, None));
    }

    pub fn finish(&self) {
        self.builder.finalize();
    }
}
