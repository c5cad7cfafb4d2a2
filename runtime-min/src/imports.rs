//! Whether what a linker or a host offers satisfies a module's imports. Everything that does not is
//! told at once.

use std::sync::Arc;

use wasmc_abi::image::ImportRecord;
use wasmc_abi::target::MemoryModel;

use crate::error::{ImportError, MissingImport};
use crate::host::HostFunc;
use crate::instance::Extern;
use crate::module::Module;
use crate::shared::SharedMemory;
use crate::store::StoreCore;
use crate::types::ExternType;

/// What one import is given.
#[derive(Clone, Debug)]
pub(crate) enum Import {
    /// A host function of no particular store.
    Host(Arc<HostFunc>),
    /// A memory of no particular store.
    Shared(SharedMemory),
    /// Something in the store.
    Extern(Extern),
}

/// Finds something for each import of a module by `find(number, module name, field name)`.
pub(crate) fn resolve(
    store: &StoreCore,
    module: &Module,
    mut find: impl FnMut(usize, &str, &str) -> Option<Import>,
) -> Result<Vec<Import>, ImportError> {
    let image = module.image();
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for (index, record) in image.imports().iter().enumerate() {
        let (module_name, name) = image.import_names(&record);
        match find(index, module_name, name) {
            Some(import) if satisfies(store, module, &record, &import) => found.push(import),
            import => missing.push(MissingImport {
                module: module_name.into(),
                name: name.into(),
                wanted: module.import_type(&record),
                offered: import.as_ref().map(|import| import_type(store, import)),
                note: import.and_then(|import| model_conflict(store, module, &import)),
            }),
        }
    }
    if missing.is_empty() { Ok(found) } else { Err(ImportError { missing }) }
}

fn import_type(store: &StoreCore, import: &Import) -> ExternType {
    match import {
        Import::Host(func) => ExternType::Func(func.ty().clone()),
        Import::Shared(memory) => ExternType::Memory(memory.ty()),
        Import::Extern(item) => store.extern_type(item),
    }
}

fn satisfies(store: &StoreCore, module: &Module, record: &ImportRecord, import: &Import) -> bool {
    // Functions, which are most imports, by their canonical ids, without a copy of their types.
    let type_id = match import {
        Import::Host(func) => Some(func.type_id()),
        Import::Extern(Extern::Func(func)) => {
            func.store.check(store.id());
            Some(func.type_id())
        }
        Import::Extern(_) | Import::Shared(_) => None,
    };
    if let Some(offered) = type_id {
        return record.kind == wasmc_abi::image::ExternKind::Function as u32
            && module.type_ids().get(record.ty as usize).is_some_and(|wanted| offered.matches(*wanted));
    }
    if let Import::Extern(Extern::Tag(tag)) = import {
        // Tags have no subtypes: the types have to be the same.
        let offered = store.tag(*tag).ty;
        return record.kind == wasmc_abi::image::ExternKind::Tag as u32
            && module.type_ids().get(record.ty as usize) == Some(&offered);
    }
    import_type(store, import).matches(&module.import_type(record)) && model_conflict(store, module, import).is_none()
}

/// Why a memory of another memory model cannot be used by a module: code without checks relies on
/// address space that the memory would have to have around it.
fn model_conflict(store: &StoreCore, module: &Module, import: &Import) -> Option<String> {
    let (offered, ty) = match import {
        Import::Extern(Extern::Memory(memory)) => (store.memory(*memory).model(), store.memory(*memory).ty()),
        Import::Shared(memory) => (memory.model(), memory.ty()),
        Import::Extern(_) | Import::Host(_) => return None,
    };
    // Accesses with indices of 64 bits are checked in either model.
    if module.memory_model() == MemoryModel::Checked || offered == MemoryModel::Guard || ty.wide {
        return None;
    }
    Some(format!(
        "the module was compiled for the memory model `{}`, and the memory was made for `{offered}`, \
         without address space around it; compile both with the same `--memory`",
        MemoryModel::Guard
    ))
}
