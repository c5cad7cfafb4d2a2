//! The name section. It is for people only: where it is malformed, names are missing, no more.

use super::Module;
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
