//! Loaded code. In: the bytes or the path of an `.aot` file. Out: a [`Module`], which instances share.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use wasmc_abi::ValType;
use wasmc_abi::image::{ExternKind, GlobalRecord, ImportRecord, MemoryRecord, TableRecord, TypeForm, code_flags};
use wasmc_abi::target::MemoryModel;
use wasmc_loader::{Code, Image, LoadedCode, Verify};

use crate::builtins::{self, HelperTable};
use crate::error::Error;
use crate::instance::Hosted;
use crate::sys;
use crate::sys::image_memory::ImageMemory;
use crate::sys::unix::Mapping;
use crate::trap;
use crate::type_registry::TypeId;
use crate::types::{ExternType, FuncType, GlobalType, MemoryType, TableType};

static HELPERS: HelperTable = builtins::table::<Hosted>();

/// A loaded image: code that instances of it share. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Module(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    /// The code of `loaded`, which lies at a fixed address.
    code: Code<'static>,
    loaded: LoadedCode<ImageMemory>,
    /// Canonical ids of the image's types, in its order.
    type_ids: Vec<TypeId>,
}

/// An import as a module declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportType {
    /// Module name.
    pub module: String,
    /// Field name.
    pub name: String,
    /// What is wanted.
    pub ty: ExternType,
}

/// An export as a module declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportType {
    /// Its name.
    pub name: String,
    /// What it is; sizes are the initial ones.
    pub ty: ExternType,
}

impl Module {
    /// Loads an image from bytes, which are copied.
    ///
    /// # Safety
    /// The image is machine code and runs with the rights of this process. The caller vouches that it
    /// came, unaltered, from a compiler that they trust.
    pub unsafe fn load_unsigned(bytes: &[u8]) -> Result<Module, Error> {
        // SAFETY: by the caller's promise.
        unsafe { Module::load(bytes, ImageMemory::copied(), Verify::Full) }
    }

    /// Maps an image from a file: text and read-only data stay in the page cache, shared with every
    /// process that maps the file. Reads all of it once, for its checksums.
    ///
    /// # Safety
    /// As [`load_unsigned`](Self::load_unsigned). Besides, nobody changes or shortens the file as
    /// long as the module or an instance of it lives; to replace it, write another file and rename.
    pub unsafe fn map_unsigned(path: impl AsRef<Path>) -> Result<Module, Error> {
        // SAFETY: by the caller's promise.
        unsafe { Module::map(path.as_ref(), Verify::Full) }
    }

    /// As [`map_unsigned`](Self::map_unsigned), for a file whose contents were checked before, when it was
    /// installed say: reads the headers and the metadata, and code only when it runs.
    ///
    /// # Safety
    /// As [`map_unsigned`](Self::map_unsigned).
    pub unsafe fn map_checked(path: impl AsRef<Path>) -> Result<Module, Error> {
        // SAFETY: by the caller's promise.
        unsafe { Module::map(path.as_ref(), Verify::Head) }
    }

    /// # Safety
    /// As [`map_unsigned`](Self::map_unsigned).
    unsafe fn map(path: &Path, verify: Verify) -> Result<Module, Error> {
        let file = File::open(path)?;
        let too_large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
        let len = usize::try_from(file.metadata()?.len()).map_err(too_large)?;
        let whole = Mapping::of_file(&file, len)?;
        // SAFETY: the file is mapped readable in its whole length and, by the caller's promise, stays
        // as it is.
        let bytes = unsafe { std::slice::from_raw_parts(whole.start(), len) };
        // SAFETY: by the caller's promise.
        unsafe { Module::load(bytes, ImageMemory::mapped(file), verify) }
    }

    /// # Safety
    /// As [`load_unsigned`](Self::load_unsigned); `memory` maps the same bytes or copies them.
    unsafe fn load(bytes: &[u8], memory: ImageMemory, verify: Verify) -> Result<Module, Error> {
        let image = wasmc_loader::parse(bytes, &sys::host(), verify)?;
        refuse_unfit(&image, cfg!(feature = "gc"))?;
        // SAFETY: parsed for this machine; trusted by the caller; the helpers are functions of this
        // program with the signatures of the table they are made from.
        let loaded = unsafe { wasmc_loader::load(&image, memory, &HELPERS.addresses()) }?;
        // SAFETY: the metadata lies in a mapping that `loaded` owns, wherever that moves, and both are
        // dropped together.
        let code = unsafe { std::mem::transmute::<Code<'_>, Code<'static>>(loaded.code()) };
        let type_ids = TypeId::of_image(&image)?;
        let module = Module(Arc::new(Loaded { code, loaded, type_ids }));
        trap::install_arithmetic_handler();
        if module.memory_model() == MemoryModel::Guard {
            trap::install_fault_handler();
        }
        Ok(module)
    }

    /// The module's name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.image().module_name()
    }

    /// What the module asks for, in its order.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType> + '_ {
        let image = self.image();
        image.imports().iter().map(move |import| {
            let (module, name) = image.import_names(&import);
            ImportType { module: module.into(), name: name.into(), ty: self.import_type(&import) }
        })
    }

    /// What the module offers.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = ExportType> + '_ {
        let image = self.image();
        image.exports().iter().map(move |export| {
            let kind = ExternKind::from_number(export.kind);
            let ty = kind.and_then(|kind| self.extern_type(kind, export.index));
            // The loader has checked kinds and indices.
            let ty = ty.unwrap_or(ExternType::Func(FuncType::new([], [])));
            ExportType { name: image.export_name(&export).into(), ty }
        })
    }

    /// Whether its code counts the instructions that it executes.
    pub fn counts_fuel(&self) -> bool {
        self.image().header().flags & code_flags::FUEL != 0
    }

    /// The image's metadata, for tools.
    pub fn image(&self) -> Image<'_> {
        *self.0.code.image()
    }

    /// Addresses of the module's machine code.
    pub fn code_range(&self) -> Range<usize> {
        self.0.code.code_range()
    }

    pub(crate) fn code(&self) -> &Code<'_> {
        &self.0.code
    }

    /// The file that initial memory contents can be mapped from.
    pub(crate) fn file(&self) -> Option<&File> {
        self.0.loaded.memory().file()
    }

    pub(crate) fn is(&self, other: &Module) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn type_ids(&self) -> &[TypeId] {
        &self.0.type_ids
    }

    pub(crate) fn memory_model(&self) -> MemoryModel {
        MemoryModel::from_number(self.image().header().memory_model).unwrap_or(MemoryModel::Checked)
    }

    /// A function type of the image by its index.
    pub(crate) fn func_type(&self, ty: u32) -> &'static FuncType {
        self.0.type_ids[ty as usize].ty()
    }

    /// Index of the image's type with this canonical id.
    pub(crate) fn type_index(&self, id: TypeId) -> Option<u32> {
        self.0.type_ids.iter().position(|other| *other == id).map(|index| index as u32)
    }

    pub(crate) fn import_type(&self, import: &ImportRecord) -> ExternType {
        let value_type = self.val_type(import.ty);
        match ExternKind::from_number(import.kind) {
            Some(ExternKind::Table) => {
                let ImportRecord { ty, flags, min, max, .. } = *import;
                ExternType::Table(self.table_type(&TableRecord { ty, flags, min, max, ..TableRecord::default() }))
            }
            Some(ExternKind::Memory) => {
                let ImportRecord { flags, min, max, .. } = *import;
                ExternType::Memory(memory_type(&MemoryRecord { flags, min, max, ..MemoryRecord::default() }))
            }
            Some(ExternKind::Global) => {
                ExternType::Global(GlobalType { content: value_type, mutable: import.flags == 1 })
            }
            Some(ExternKind::Tag) => ExternType::Tag(self.func_type(import.ty).clone()),
            Some(ExternKind::Function) | None => ExternType::Func(self.func_type(import.ty).clone()),
        }
    }

    /// The declared type of a thing in one of the module's index spaces.
    fn extern_type(&self, kind: ExternKind, index: u32) -> Option<ExternType> {
        let image = self.image();
        Some(match kind {
            ExternKind::Function => ExternType::Func(self.func_type(image.function_type(index)?).clone()),
            ExternKind::Table => ExternType::Table(self.table_type(&image.tables().get(index)?)),
            ExternKind::Memory => ExternType::Memory(memory_type(&image.memories().get(index)?)),
            ExternKind::Global => ExternType::Global(self.global_type(&image.globals().get(index)?)),
            ExternKind::Tag => ExternType::Tag(self.func_type(image.tags().get(index)?.ty).clone()),
        })
    }

    /// A value type of the image, with defined types by their canonical numbers.
    fn val_type(&self, number: u32) -> ValType {
        // The loader has checked numbers and indices.
        ValType::from_number(number).unwrap_or(ValType::I32).map_index(|index| self.0.type_ids[index as usize].number())
    }

    pub(crate) fn table_type(&self, record: &TableRecord) -> TableType {
        TableType { element: self.val_type(record.ty), min: record.min, max: record.max(), wide: record.is_wide() }
    }

    pub(crate) fn global_type(&self, record: &GlobalRecord) -> GlobalType {
        GlobalType { content: self.val_type(record.ty), mutable: record.mutable == 1 }
    }
}

pub(crate) fn memory_type(record: &MemoryRecord) -> MemoryType {
    MemoryType {
        min: record.min,
        max: record.max(),
        page_len: record.page_len(),
        shared: record.is_shared(),
        wide: record.is_wide(),
    }
}

/// Refuses what a runtime with or without the feature `gc` cannot run.
fn refuse_unfit(image: &Image<'_>, has_gc: bool) -> Result<(), Error> {
    let is_object = |ty| image.sub_type(ty).form != TypeForm::Function as u32;
    if has_gc {
        Ok(())
    } else if (0..image.types().len()).any(is_object) {
        Err(Error::WithoutGc("garbage collection"))
    } else if !image.tags().is_empty() {
        Err(Error::WithoutGc("exceptions"))
    } else {
        Ok(())
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn without_the_collector_what_needs_it_is_refused_by_name() {
        let refused = |wat: &str, has_gc: bool| {
            let bytes = wasmc::compile(wat.as_bytes(), &wasmc::Options::default()).unwrap();
            let image = wasmc_loader::parse(&bytes, &sys::host(), Verify::Full).unwrap();
            refuse_unfit(&image, has_gc).map_err(|error| error.to_string())
        };
        for (wat, what) in [("(module (tag))", "exceptions"), ("(module (type (array i8)))", "garbage collection")] {
            assert!(refused(wat, true).is_ok());
            assert!(refused(wat, false).unwrap_err().contains(&format!("uses {what}, and this runtime")));
        }
        assert_eq!(refused("(module (func (export \"f\")) (table 1 funcref))", false), Ok(()));
    }
}
