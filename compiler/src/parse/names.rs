//! The name section. It is for people only: where it is malformed, names are missing, no more.

use super::{ExportItem, Module};
use wasmparser::{Name, NameSectionReader};

/// Takes over the names of the module and of its functions.
pub fn read<'a>(reader: NameSectionReader<'a>, module: &mut Module<'a>) {
    for name in reader.into_iter().map_while(Result::ok) {
        match name {
            Name::Module { name, .. } => module.name = Some(name),
            Name::Function(map) => {
                for naming in map.into_iter().map_while(Result::ok) {
                    if let Some(slot) = module.function_names.get_mut(naming.index as usize) {
                        *slot = Some(naming.name);
                    }
                }
            }
            _ => {}
        }
    }
}

/// A function without a name goes by the first one under which it is exported.
pub fn fall_back_to_exports(module: &mut Module<'_>) {
    for export in &module.exports {
        if let ExportItem::Function(index) = export.item {
            module.function_names[index.get()].get_or_insert(export.name);
        }
    }
}
