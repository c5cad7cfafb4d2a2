//! Functions as the host holds and calls them.

use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::Arc;

use crate::error::{Error, LimitError};
use crate::host::{self, HostFunc, HostRecord, IntoHostFunc};
use crate::store::{AsContext, AsContextMut, StoreCore, StoreId};
use crate::trap::{self, Callee};
use crate::type_registry::TypeId;
use crate::types::FuncType;
use crate::value::{MAX_VALUES, Val, WasmValues};
use crate::vmctx::{FuncRecord, Ptr, RawRef, Slot};
use std::ptr::NonNull;
use wasmc_abi::signature::slot_count;
use wasmc_abi::{HeapType, RefType, ValType};

/// A function of a store: a guest's or the host's.
#[derive(Clone, Copy)]
pub struct Func {
    pub(crate) store: StoreId,
    /// In a vmctx block or in the store, which lives as long as anybody may use it.
    pub(crate) record: Slot<FuncRecord>,
}

// SAFETY: the record is looked at only together with its store, which one thread uses at a time.
unsafe impl Send for Func {}
// SAFETY: as above.
unsafe impl Sync for Func {}

impl fmt::Debug for Func {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Func({:?})", self.record.pointer())
    }
}

impl PartialEq for Func {
    fn eq(&self, other: &Func) -> bool {
        self.store == other.store && self.record.pointer() == other.record.pointer()
    }
}
impl Eq for Func {}

/// Its address stands in the entry slot of host functions' records: they have no trampoline.
static HOST_ENTRY: u8 = 0;

/// The entry of a host function's record.
#[inline]
pub(crate) fn host_entry() -> Ptr<u8> {
    Ptr((&raw const HOST_ENTRY).cast_mut())
}

/// The host's record of a function, if it is a host function.
#[inline]
fn host_record(record: &FuncRecord) -> Option<NonNull<HostRecord>> {
    if record.entry.0 == host_entry().0 { NonNull::new(record.vmctx.0.cast()) } else { None }
}

/// The host function that a record stands for, if it does.
pub(crate) fn host_func(record: &FuncRecord) -> Option<Arc<HostFunc>> {
    // SAFETY: records of the store live as long as it does.
    host_record(record).map(|host| unsafe { host.as_ref() }.func().clone())
}

/// Calls the function of a record.
///
/// # Safety
/// `record` belongs to the store `core`, which is lent to the caller and not used otherwise during the
/// call; `values` has a slot for each argument, filled, and for each result.
unsafe fn call_record(core: NonNull<StoreCore>, record: Slot<FuncRecord>, values: *mut u64) -> Result<(), Error> {
    let record = record.get();
    if let Some(host) = host_record(&record) {
        // SAFETY: by the caller's promise.
        return unsafe { host::call_direct(core, host, values) };
    }
    let callee = guest_callee(&record).ok_or(LimitError::NoEntry)?;
    // SAFETY: by the caller's promise; the record's fields belong together.
    unsafe { trap::invoke(core, callee, values) }
}

/// How to call the function of a record, if it is a guest's that the host can call. It stays that way.
fn guest_callee(record: &FuncRecord) -> Option<Callee> {
    let FuncRecord { code, vmctx, entry, .. } = *record;
    let entry = NonNull::new(entry.0).filter(|_| !code.0.is_null() && host_record(record).is_none())?;
    Some(Callee { vmctx: vmctx.0, code: code.0, entry })
}

impl Func {
    #[inline]
    pub(crate) fn from_raw(reference: RawRef, store: StoreId) -> Option<Func> {
        reference.record().map(|record| Func { store, record })
    }

    /// A closure of the host as a function of the store.
    ///
    /// Guests can be given it as an import, and as a reference once a module with an import of the
    /// same type has been instantiated in the store.
    pub fn wrap<S: AsContextMut, Params, Results>(
        store: &mut S,
        func: impl IntoHostFunc<S::Data, Params, Results>,
    ) -> Func {
        let func = Arc::new(func.into_host_func());
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let type_id = func.type_id();
        let record = FuncRecord {
            code: Ptr(core.find_thunk(type_id)),
            vmctx: Ptr(core.new_host_record(func, None).as_ptr().cast()),
            type_id: type_id.to_slot(),
            entry: host_entry(),
            tail: Ptr(std::ptr::null_mut()),
        };
        Func { store: core.id(), record: core.new_func_record(record) }
    }

    pub(crate) fn type_id(&self) -> TypeId {
        // SAFETY: the slot of a record of the store, which was made for a function of some type.
        unsafe { TypeId::from_slot(self.record.get().type_id) }
    }

    /// The most precise type of a reference to it.
    pub(crate) fn ref_type(&self) -> ValType {
        RefType::defined(false, HeapType::Func, self.type_id().number()).val_type()
    }

    /// Its type.
    pub fn ty(&self, store: &impl AsContext) -> FuncType {
        self.store.check(store.as_context().core().id());
        self.type_id().ty().clone()
    }

    /// Calls it with values whose types are compared at run time.
    pub fn call(&self, store: &mut impl AsContextMut, params: &[Val]) -> Result<Vec<Val>, Error> {
        let mut store = store.as_context_mut();
        let core = store.core();
        self.store.check(core.id());
        let ty = self.type_id().ty();
        if params.len() != ty.params().len() {
            let (given, wanted) = (params.len(), ty.params().len());
            let text = format!("{given} arguments were given to a function with {wanted} parameters.");
            return Err(Error::Type(text));
        }
        let slots = |types: &[_]| types.iter().map(|ty| slot_count(*ty)).sum::<usize>();
        let mut values = vec![0; slots(ty.params()).max(slots(ty.results()))];
        let mut at = 0;
        for (value, ty) in params.iter().zip(ty.params()) {
            let count = slot_count(*ty);
            values[at..at + count].copy_from_slice(&core.to_slots(value, *ty)?[..count]);
            at += count;
        }
        // SAFETY: the record is of this store, which is lent to us; the slots are those of the type.
        unsafe { call_record(store.core_pointer(), self.record, values.as_mut_ptr()) }?;
        let core = store.core();
        let mut slots = values.into_iter();
        let mut next = move || slots.next().unwrap_or(0);
        let results = ty.results().iter().map(|ty| {
            let slots = [next(), if slot_count(*ty) == 2 { next() } else { 0 }];
            Val::from_slots(slots, *ty, core)
        });
        Ok(results.collect())
    }

    /// The function as one with these Rust types, if they stand for its type.
    pub fn typed<Params: WasmValues, Results: WasmValues>(
        &self,
        store: &impl AsContext,
    ) -> Result<TypedFunc<Params, Results>, Error> {
        self.store.check(store.as_context().core().id());
        let (found, wanted) = (self.type_id().ty(), FuncType::new(Params::types(), Results::types()));
        if *found != wanted {
            return Err(Error::Type(format!("The function has the type {found}, not {wanted}.")));
        }
        Ok(TypedFunc { func: *self, callee: guest_callee(&self.record.get()), types: PhantomData })
    }
}

/// A function whose Rust types have been compared with its type.
pub struct TypedFunc<Params, Results> {
    func: Func,
    /// If it is a guest's.
    callee: Option<Callee>,
    types: PhantomData<fn(Params) -> Results>,
}

// SAFETY: as of `Func`.
unsafe impl<Params, Results> Send for TypedFunc<Params, Results> {}
// SAFETY: as above.
unsafe impl<Params, Results> Sync for TypedFunc<Params, Results> {}

impl<Params, Results> Clone for TypedFunc<Params, Results> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<Params, Results> Copy for TypedFunc<Params, Results> {}

impl<Params, Results> fmt::Debug for TypedFunc<Params, Results> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.func.fmt(f)
    }
}

impl<Params: WasmValues, Results: WasmValues> TypedFunc<Params, Results> {
    /// Calls it. Nothing is allocated on the way.
    #[inline]
    pub fn call(&self, store: &mut impl AsContextMut, params: Params) -> Result<Results, Error> {
        let mut store = store.as_context_mut();
        self.func.store.check(store.core().id());
        // Vectors take two slots. Which array it is, is known for each pair of types.
        let mut few = MaybeUninit::<[u64; MAX_VALUES]>::uninit();
        let mut many = MaybeUninit::<[u64; 2 * MAX_VALUES]>::uninit();
        let values: *mut u64 = if Params::SLOTS.max(Results::SLOTS) <= MAX_VALUES {
            few.as_mut_ptr().cast()
        } else {
            many.as_mut_ptr().cast()
        };
        // SAFETY: there are enough slots for either.
        unsafe { params.write_slots(store.core(), values) }?;
        let core = store.core_pointer();
        // SAFETY: the function is of this store, which is lent to us. The types were compared.
        unsafe {
            match self.callee {
                Some(callee) => trap::invoke(core, callee, values),
                None => call_record(core, self.func.record, values),
            }
        }?;
        // SAFETY: the call has filled the results' slots.
        Ok(unsafe { Results::read_slots(values, store.core()) })
    }

    /// The function without its Rust types.
    pub fn func(&self) -> Func {
        self.func
    }
}
