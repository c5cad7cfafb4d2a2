//! References of the hierarchy of `any` as the host holds them: structs, arrays, integers of 31 bits, host values.

use wasmc_abi::{HeapType, RefType, TrapCode, ValType};

use crate::error::Error;
use crate::handle::Handle;
use crate::objects::{self, Referent};
use crate::references;
use crate::store::{AsContext, AsContextMut, StoreCore};
use crate::trap::Trap;
use crate::value::ExternRef;

/// A reference to an object, an integer of 31 bits or a host value as such. What it leads to stays until the host lets
/// go of all of them ([`Store::release_references`](crate::Store::release_references)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnyRef(pub(crate) Handle);

impl AnyRef {
    /// An integer of 31 bits: the upper bit is lost.
    pub fn from_i31(store: &mut impl AsContextMut, value: i32) -> AnyRef {
        let handle = store.as_context_mut().core_mut().new_handle(references::i31(value));
        AnyRef(handle.expect("an integer is not null"))
    }

    /// A host value. An error if there is no memory for it.
    pub fn from_host(store: &mut impl AsContextMut, value: ExternRef) -> Result<AnyRef, Error> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let reference = core.any_from_extern(value.token()).and_then(|reference| core.new_handle(reference));
        Ok(AnyRef(reference.ok_or(Trap::new(TrapCode::AllocationFailed))?))
    }

    /// The integer that it is, with its sign.
    pub fn i31(&self, store: &impl AsContext) -> Option<i32> {
        match store.as_context().core().referent(*self) {
            Referent::I31(value) => Some(value),
            _ => None,
        }
    }

    /// The host value that it is.
    pub fn host(&self, store: &impl AsContext) -> Option<ExternRef> {
        match store.as_context().core().referent(*self) {
            Referent::Host(token) => ExternRef::from_slot(token),
            _ => None,
        }
    }

    /// What it is: `I31`, `Struct`, `Array`, or `Any` for a host value.
    pub fn heap_type(&self, store: &impl AsContext) -> HeapType {
        store.as_context().core().referent(*self).heap_type()
    }
}

impl StoreCore {
    fn referent(&self, reference: AnyRef) -> Referent {
        // SAFETY: the reference of a handle, whose object therefore is there.
        unsafe { objects::referent(self.handle_slot(Some(reference.0))) }.expect("there are no handles for null")
    }

    /// The most precise type of a reference.
    pub(crate) fn any_type(&self, reference: AnyRef) -> ValType {
        let referent = self.referent(reference);
        match referent {
            Referent::Object(ty) => RefType::defined(false, referent.heap_type(), ty.number()).val_type(),
            _ => RefType::new(false, referent.heap_type()).val_type(),
        }
    }
}
