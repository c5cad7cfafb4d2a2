//! Globals. The value of a defined one lies in its instance's vmctx block, that of a host's own one in
//! a block of its own; importers of a mutable one have its address.

use crate::error::Error;
use crate::store::{AsContext, AsContextMut, StoreId};
use crate::types::GlobalType;
use crate::value::Val;
use crate::vmctx::{GlobalValue, Slot};

/// A global of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Global {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// The global itself.
#[derive(Debug)]
pub(crate) struct GlobalData {
    pub(crate) ty: GlobalType,
    pub(crate) value: Slot<GlobalValue>,
}

impl Global {
    /// A global made by the host.
    pub fn new(store: &mut impl AsContextMut, ty: GlobalType, value: Val) -> Result<Global, Error> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let value = core.to_slots(&value, ty.content)?;
        Ok(core.new_host_global(ty, value))
    }

    /// Its type.
    pub fn ty(&self, store: &impl AsContext) -> GlobalType {
        store.as_context().core().global(*self).ty
    }

    /// Its value.
    pub fn get(&self, store: &impl AsContext) -> Val {
        let store = store.as_context();
        let global = store.core().global(*self);
        Val::from_slots(global.value.get(), global.ty.content, store.core())
    }

    /// Sets its value, if it is mutable.
    pub fn set(&self, store: &mut impl AsContextMut, value: Val) -> Result<(), Error> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let ty = core.global(*self).ty;
        if !ty.mutable {
            return Err(Error::Type("The global is immutable and cannot be set.".into()));
        }
        let value = core.to_slots(&value, ty.content)?;
        core.global(*self).value.set(value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::types::ValType;

    #[test]
    fn only_mutable_globals_can_be_set_and_only_to_their_type() {
        let mut store = Store::new(());
        let ty = GlobalType { content: ValType::I64, mutable: true };
        let global = Global::new(&mut store, ty, Val::I64(-5)).unwrap();
        assert_eq!(global.get(&store), Val::I64(-5));
        global.set(&mut store, Val::I64(1 << 40)).unwrap();
        assert_eq!(global.get(&store), Val::I64(1 << 40));
        assert!(global.set(&mut store, Val::I32(1)).is_err());
        let fixed = GlobalType { mutable: false, ..ty };
        let global = Global::new(&mut store, fixed, Val::I64(9)).unwrap();
        assert!(global.set(&mut store, Val::I64(1)).is_err());
        assert_eq!(global.get(&store), Val::I64(9));
    }

    #[test]
    #[should_panic(expected = "another store")]
    fn a_handle_of_another_store_is_a_bug() {
        let mut store = Store::new(());
        let ty = GlobalType { content: ValType::I64, mutable: true };
        let global = Global::new(&mut store, ty, Val::I64(-5)).unwrap();
        global.get(&Store::new(()));
    }
}
