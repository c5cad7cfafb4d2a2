//! Names for things to import: host functions, things of a store, whole instances.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::error::Error;
use crate::host::{HostFunc, IntoHostFunc};
use crate::imports::{self, Import};
use crate::instance::{self, Extern, Instance};
use crate::module::Module;
use crate::shared::SharedMemory;
use crate::store::{AsContext, AsContextMut};
use crate::types::ExternType;

/// Things by module and field name, from which modules' imports are satisfied. A later definition of
/// a name replaces an earlier one.
///
/// Host functions and shared memories belong to no store: one linker can serve many. Whatever else is defined belongs to
/// a store, and instantiating in another one panics.
pub struct Linker<T> {
    modules: HashMap<String, HashMap<String, Import>>,
    data: PhantomData<fn(&mut T)>,
}

impl<T> Default for Linker<T> {
    fn default() -> Self {
        Linker { modules: HashMap::new(), data: PhantomData }
    }
}

impl<T> Clone for Linker<T> {
    fn clone(&self) -> Self {
        Linker { modules: self.modules.clone(), data: PhantomData }
    }
}

impl<T> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.modules).finish()
    }
}

impl<T> Linker<T> {
    /// A linker without names.
    pub fn new() -> Linker<T> {
        Linker::default()
    }

    fn insert(&mut self, module: &str, name: &str, import: Import) -> &mut Self {
        match self.modules.get_mut(module) {
            Some(names) => names.insert(name.into(), import),
            None => self.modules.entry(module.into()).or_default().insert(name.into(), import),
        };
        self
    }

    /// Defines a host function: a closure with up to 16 parameters, with or without a
    /// [`Caller`](crate::Caller) before them.
    pub fn func<Params, Results>(
        &mut self,
        module: &str,
        name: &str,
        func: impl IntoHostFunc<T, Params, Results>,
    ) -> &mut Self {
        self.insert(module, name, Import::Host(Arc::new(func.into_host_func())))
    }

    /// Defines something of a store.
    pub fn define(&mut self, module: &str, name: &str, item: impl Into<Extern>) -> &mut Self {
        self.insert(module, name, Import::Extern(item.into()))
    }

    /// Defines a shared memory. It belongs to no store.
    pub fn shared_memory(&mut self, module: &str, name: &str, memory: SharedMemory) -> &mut Self {
        self.insert(module, name, Import::Shared(memory))
    }

    /// Defines every export of an instance, under a module name.
    pub fn instance(&mut self, store: &impl AsContext, module: &str, instance: Instance) -> &mut Self {
        for (name, item) in instance.exports(store) {
            self.define(module, &name, item);
        }
        self
    }

    /// Makes everything of the module name `module` known under `alias`, too.
    pub fn alias(&mut self, module: &str, alias: &str) -> &mut Self {
        if let Some(names) = self.modules.get(module).cloned() {
            self.modules.entry(alias.into()).or_default().extend(names);
        }
        self
    }

    /// Defines each function that the module imports and that is not here, or not with its type, as one that fails
    /// when it is called: for modules that import more than they use.
    pub fn fail_unknown_functions(&mut self, module: &Module) -> &mut Self {
        for import in module.imports() {
            let ExternType::Func(ty) = import.ty else { continue };
            let known = self.modules.get(&import.module).and_then(|names| names.get(&import.name));
            let fits = match known {
                Some(Import::Host(func)) => *func.ty() == ty,
                // What it is, its store knows; should it not fit, instantiation says so.
                Some(Import::Extern(_)) => true,
                Some(Import::Shared(_)) | None => false,
            };
            if !fits {
                let text =
                    format!("The function {}.{} was called, which the host does not have.", import.module, import.name);
                let func = HostFunc::failing(ty, text);
                self.insert(&import.module, &import.name, Import::Host(Arc::new(func)));
            }
        }
        self
    }

    /// Whether there is something under these names.
    pub fn has(&self, module: &str, name: &str) -> bool {
        self.modules.get(module).is_some_and(|names| names.contains_key(name))
    }

    /// The type of a host function.
    #[cfg(test)]
    pub(crate) fn host_type(&self, module: &str, name: &str) -> Option<crate::FuncType> {
        match self.modules.get(module)?.get(name)? {
            Import::Host(func) => Some(func.ty().clone()),
            Import::Extern(_) | Import::Shared(_) => None,
        }
    }

    /// Makes an instance of a module, with what is defined here as its imports. Fails with
    /// [`Error::Link`], which names everything that is missing, before anything has happened.
    pub fn instantiate(&self, store: &mut impl AsContextMut<Data = T>, module: &Module) -> Result<Instance, Error> {
        let find = |_: usize, module: &str, name: &str| self.modules.get(module)?.get(name).cloned();
        let imports = imports::resolve(store.as_context().core(), module, find)?;
        instance::instantiate(store, module, &imports)
    }
}
