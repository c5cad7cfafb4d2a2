//! Host functions. In: a closure. Out: a function with the C convention that an image's thunk calls,
//! made for the closure's type, so that arguments travel in registers and nothing is boxed on the way.
//!
//! The shim is the one place where guest calls host. It gives back a status: an error or a panic of
//! the closure waits in the store while the thunk raises a trap, and is taken up by the host's call.

use std::any::Any;
use std::fmt;
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{NonNull, null_mut};
use std::sync::{Arc, OnceLock};

use wasmc_abi::TrapCode;
use wasmc_abi::signature::slot_count;
use wasmc_abi::vmctx::host_record;

use crate::arity::for_each_arity;
use crate::error::Error;
use crate::instance::{Extern, Instance};
use crate::memory::MemoryData;
use crate::shared::SharedMemory;
use crate::store::{AsContext, AsContextMut, StoreContext, StoreContextMut, StoreCore};
use crate::trap;
use crate::type_registry::TypeId;
use crate::types::FuncType;
use crate::value::{WasmTy, WasmValues};
use crate::vmctx::Ptr;

/// Some function with the C convention, in a slot of 8 bytes; which parameters it has is known where it was
/// made.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
struct Callback(unsafe extern "C" fn());

/// Calls the same closure with arguments from slots, and writes the results over them.
type Direct = unsafe fn(NonNull<HostRecord>, *mut u64) -> u32;

/// A closure as a function that guests can import. Independent of any store.
pub struct HostFunc {
    ty: FuncType,
    /// Known once it is asked for: of all functions that a linker has, a module imports a few.
    type_id: OnceLock<TypeId>,
    callback: Callback,
    direct: Direct,
    closure: Box<dyn Any + Send + Sync>,
}

impl HostFunc {
    pub(crate) fn ty(&self) -> &FuncType {
        &self.ty
    }

    pub(crate) fn type_id(&self) -> TypeId {
        *self.type_id.get_or_init(|| TypeId::of(&self.ty))
    }
}

/// The shim of every [`HostFunc::failing`]: whatever it is called with, it fails with the text that its closure is.
///
/// # Safety
/// As `run`.
unsafe extern "C" fn fail(record: NonNull<HostRecord>, _results: *mut u64) -> u32 {
    // SAFETY: the record lives as long as its store, which the running call borrows.
    let HostRecord { closure, store, .. } = unsafe { record.as_ref() };
    // SAFETY: the records of such functions have a text as their closure.
    let text: &String = unsafe { &*closure.0.cast() };
    // SAFETY: the call that we are in borrows the store and waits for us.
    unsafe { (*store.as_ptr()).pending = Some(Pending::Error(Error::host(text.clone()))) };
    TrapCode::HostError as u32
}

/// The same, called by the host.
///
/// # Safety
/// As `run`.
unsafe fn fail_directly(record: NonNull<HostRecord>, values: *mut u64) -> u32 {
    // SAFETY: by the caller's promise.
    unsafe { fail(record, values) }
}

impl HostFunc {
    /// A function of any type that fails with a text. The conventions of C on every machine here let a function
    /// leave arguments alone: they are the caller's to remove.
    pub(crate) fn failing(ty: FuncType, text: String) -> HostFunc {
        type Shim = unsafe extern "C" fn(NonNull<HostRecord>, *mut u64) -> u32;
        let callback: Shim = fail;
        HostFunc {
            type_id: OnceLock::new(),
            ty,
            // SAFETY: thunks call it with more arguments than it looks at.
            callback: Callback(unsafe { std::mem::transmute::<Shim, unsafe extern "C" fn()>(callback) }),
            direct: fail_directly,
            closure: Box::new(text),
        }
    }
}

impl fmt::Debug for HostFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostFunc {}", self.ty)
    }
}

/// What a thunk gets in place of a vmctx: the function as one instance has imported it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct HostRecord {
    callback: Callback,
    closure: Ptr<u8>,
    /// Null: the images that run on an OS have a helper table of their own.
    helpers: Ptr<usize>,
    store: NonNull<StoreCore>,
    /// The importing instance; `None` for a function that the host handed out itself.
    instance: Option<u32>,
    func: Arc<HostFunc>,
}

const _: () = {
    assert!(offset_of!(HostRecord, callback) == host_record::CALLBACK as usize);
    assert!(offset_of!(HostRecord, closure) == host_record::DATA as usize);
    assert!(offset_of!(HostRecord, helpers) == host_record::HELPERS as usize);
};

impl HostRecord {
    pub(crate) fn new(func: Arc<HostFunc>, store: NonNull<StoreCore>, instance: Option<u32>) -> HostRecord {
        let closure: &(dyn Any + Send + Sync) = &*func.closure;
        let closure = Ptr((&raw const *closure).cast_mut().cast());
        HostRecord { callback: func.callback, closure, helpers: Ptr(null_mut()), store, instance, func }
    }

    pub(crate) fn func(&self) -> &Arc<HostFunc> {
        &self.func
    }
}

/// Why a host function's status was not 0.
pub(crate) enum Pending {
    Error(Error),
    Panic(Box<dyn Any + Send>),
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pending::Error(error) => write!(f, "{error:?}"),
            Pending::Panic(_) => f.write_str("a panic"),
        }
    }
}

/// Calls a host function from the host.
///
/// # Safety
/// `record` belongs to the store `core`, which is lent to the caller and not used otherwise during the
/// call; `values` has a slot for each argument and each result.
pub(crate) unsafe fn call_direct(
    mut core: NonNull<StoreCore>,
    record: NonNull<HostRecord>,
    values: *mut u64,
) -> Result<(), Error> {
    // SAFETY: the record is alive, as its store is.
    let direct = unsafe { record.as_ref() }.func.direct;
    // SAFETY: by the caller's promise.
    if unsafe { direct(record, values) } == 0 {
        // SAFETY: the host function has returned, so nobody else uses the store.
        return trap::take_exception(unsafe { core.as_mut() });
    }
    // SAFETY: the host function has returned, so nobody else uses the store.
    match unsafe { core.as_mut() }.pending.take() {
        Some(Pending::Error(error)) => Err(error),
        Some(Pending::Panic(payload)) => std::panic::resume_unwind(payload),
        None => Err("A host function failed without an error.".into()),
    }
}

/// What a host function sees of its caller.
#[derive(Debug)]
pub struct Caller<'a, T> {
    store: StoreContextMut<'a, T>,
    instance: Option<u32>,
}

impl<T> Caller<'_, T> {
    /// The host's data.
    pub fn data(&self) -> &T {
        self.store.data()
    }

    /// The host's data, to be changed.
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// The instance that imported the function; `None` if the host itself called it or handed it out.
    pub fn instance(&self) -> Option<Instance> {
        let store = self.store.core().id();
        self.instance.map(|index| Instance { store, index })
    }

    /// An export of the calling instance.
    pub fn get_export(&self, name: &str) -> Option<Extern> {
        self.instance()?.get_export(self, name)
    }

    /// The calling instance's memory: the one exported as `memory`, otherwise its first. Empty if it
    /// has none, or if it is shared ([`shared_memory`](Self::shared_memory)). Bounds are the caller's business:
    /// addresses that come from a guest are hostile.
    pub fn memory(&mut self) -> &mut [u8] {
        self.data_and_memory().1
    }

    /// The memory that [`memory`](Self::memory) is about, if it is shared.
    pub fn shared_memory(&self) -> Option<SharedMemory> {
        let core = self.store.core();
        let memory = core.instances[self.instance?].main_memory()?;
        core.memories[memory].as_shared().cloned()
    }

    /// The host's data, and the memory as [`memory`](Self::memory) gives it.
    pub fn data_and_memory(&mut self) -> (&mut T, &mut [u8]) {
        let (core, data) = self.store.as_context_mut().into_parts();
        let memory = self.instance.and_then(|index| core.instances[index].main_memory());
        let bytes = memory.map(|index| MemoryData::bytes_mut(&mut core.memories[index]));
        (data, bytes.unwrap_or_default())
    }
}

impl<T> AsContext for Caller<'_, T> {
    type Data = T;
    fn as_context(&self) -> StoreContext<'_, T> {
        self.store.as_context()
    }
}
impl<T> AsContextMut for Caller<'_, T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        self.store.as_context_mut()
    }
}

/// What a host function may return: [`WasmValues`], or a `Result` with any error that becomes an
/// [`Error`].
pub trait HostResults {
    #[doc(hidden)]
    type Values: WasmValues;
    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Values, Error>;
}

impl<V: WasmValues> HostResults for V {
    type Values = V;
    #[inline]
    fn into_result(self) -> Result<V, Error> {
        Ok(self)
    }
}

impl<V: WasmValues, E: Into<Error>> HostResults for Result<V, E> {
    type Values = V;
    #[inline]
    fn into_result(self) -> Result<V, Error> {
        self.map_err(Into::into)
    }
}

/// Closures that can be host functions in a store with data `T`: up to 16 parameters of
/// [`WasmTy`], with or without a [`Caller`] before them, and [`HostResults`].
pub trait IntoHostFunc<T, Params, Results>: Send + Sync + 'static {
    #[doc(hidden)]
    fn into_host_func(self) -> HostFunc;
}

/// Runs a closure for a guest: the body of every shim.
///
/// # Safety
/// `record` was made for a closure of type `F` and belongs to a `Store<T>` that is lent to the running
/// call; `results` has a slot for each value of `R`.
#[inline]
unsafe fn run<T, F, A, R: HostResults>(
    record: NonNull<HostRecord>,
    results: *mut u64,
    arguments: impl FnOnce(&StoreCore) -> A,
    call: impl FnOnce(&F, Caller<'_, T>, A) -> R,
) -> u32 {
    // SAFETY: the record lives as long as its store, which the running call borrows.
    let HostRecord { closure, store, instance, .. } = unsafe { record.as_ref() };
    let (mut store, instance) = (*store, *instance);
    // SAFETY: as promised; `func` in the record keeps the closure alive.
    let closure: &F = unsafe { &*closure.0.cast() };
    // SAFETY: the store is alive, and the guest does not use it now.
    let interruption = unsafe { &(*store.as_ptr()).interruption }.as_deref();
    let was_in_host = interruption.is_some_and(|interruption| interruption.set_in_host(true));
    // The store may be left in a state that the closure did not intend when it panics, but every
    // change to it is complete, and the panic goes on in the host.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the call that we are in borrows the store and waits for us.
        let context: StoreContextMut<'_, T> = unsafe { StoreContextMut::from_core(store) };
        let arguments = arguments(context.core());
        let values = call(closure, Caller { store: context, instance }, arguments).into_result()?;
        // SAFETY: as promised; the arguments have been read, and the closure has returned.
        unsafe { values.write_slots(store.as_ref(), results) }
    }));
    let mut is_interrupted = false;
    if let Some(interruption) = interruption {
        interruption.set_in_host(was_in_host);
        is_interrupted = !was_in_host && interruption.is_due();
    }
    let pending = match outcome {
        Ok(Ok(()) | Err(Error::Exception(_))) if is_interrupted => return TrapCode::Interrupted as u32,
        Ok(Ok(())) => return 0,
        Ok(Err(Error::Exception(exception))) => {
            // SAFETY: the closure has returned, and with it every borrow of the store below the call's.
            let store = unsafe { store.as_mut() };
            match store.throw(&exception) {
                Ok(object) => {
                    store.cells.exception = object.reference();
                    return 0;
                }
                Err(error) => Pending::Error(error),
            }
        }
        Ok(Err(error)) => Pending::Error(error),
        Err(payload) => Pending::Panic(payload),
    };
    // SAFETY: the closure has returned, and with it every borrow of the store below the call's.
    unsafe { store.as_mut() }.pending = Some(pending);
    TrapCode::HostError as u32
}

macro_rules! closures {
    ($count:literal $($a:ident)*) => {
        closures!(shim ($($a)*) [] []);
        closures!(shim ($($a)*) [Caller<'_, T>,] [caller]);
    };
    (shim ($($a:ident)*) [$($first:ty,)?] [$($caller:ident)?]) => {
        #[allow(non_snake_case, unused_variables, unused_mut, unused_assignments, clippy::too_many_arguments)]
        impl<T, F, $($a,)* R> IntoHostFunc<T, ($($first,)? $($a,)*), R> for F
        where
            F: Fn($($first,)? $($a),*) -> R + Send + Sync + 'static,
            $($a: WasmTy,)*
            R: HostResults,
        {
            fn into_host_func(self) -> HostFunc {
                /// # Safety
                /// As `run`; the arguments are those of the function's type.
                unsafe extern "C" fn shim<T, F, $($a,)* R>(
                    record: NonNull<HostRecord>,
                    results: *mut u64,
                    $($a: $a::Abi),*
                ) -> u32
                where
                    F: Fn($($first,)? $($a),*) -> R,
                    $($a: WasmTy,)*
                    R: HostResults,
                {
                    // SAFETY: by the caller's promise.
                    unsafe {
                        let arguments = |store: &StoreCore| ($($a::from_abi($a, store),)*);
                        run(record, results, arguments, |closure: &F, caller: Caller<'_, T>, ($($a,)*)| {
                            $(let $caller = caller;)?
                            closure($($caller,)? $($a),*)
                        })
                    }
                }

                /// # Safety
                /// As `run`, with the slots of each argument at `values`.
                unsafe fn direct<T, F, $($a,)* R>(record: NonNull<HostRecord>, values: *mut u64) -> u32
                where
                    F: Fn($($first,)? $($a),*) -> R,
                    $($a: WasmTy,)*
                    R: HostResults,
                {
                    let mut next = values;
                    $(
                        // SAFETY: by the caller's promise the slots of each argument are there.
                        let $a = unsafe { $a::abi_from_slots(next) };
                        next = next.wrapping_add(slot_count(<$a as WasmTy>::TYPE));
                    )*
                    // SAFETY: by the caller's promise.
                    unsafe { shim::<T, F, $($a,)* R>(record, values, $($a),*) }
                }

                type Shim<$($a),*> = unsafe extern "C" fn(
                    NonNull<HostRecord>,
                    *mut u64,
                    $(<$a as WasmTy>::Abi),*
                ) -> u32;
                let callback: Shim<$($a),*> = shim::<T, F, $($a,)* R>;
                let params: &[_] = &[$($a::TYPE),*];
                let ty = FuncType::new(params.iter().copied(), R::Values::types());
                HostFunc {
                    type_id: OnceLock::new(),
                    ty,
                    // SAFETY: thunks for this type call it with its real signature again.
                    callback: Callback(unsafe { std::mem::transmute::<Shim<$($a),*>, unsafe extern "C" fn()>(callback) }),
                    direct: direct::<T, F, $($a,)* R>,
                    closure: Box::new(self),
                }
            }
        }
    };
}
for_each_arity!(closures);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::func::Func;
    use crate::linker::Linker;
    use crate::store::Store;
    use crate::trap::Trap;
    use crate::types::ValType;
    use crate::value::{ExternRef, Val};

    #[test]
    fn closures_of_all_shapes_have_their_types() {
        let mut linker: Linker<()> = Linker::new();
        linker
            .func("m", "a", || {})
            .func("m", "b", |x: i32| x)
            .func("m", "c", |_: Caller<'_, ()>, x: u64, y: f32| (y, x))
            .func("m", "d", |_: Option<Func>| -> Result<f64, Trap> { Ok(1.0) })
            .func("m", "e", |_: Caller<'_, ()>| -> Result<Option<ExternRef>, &str> { Ok(None) });
        assert!(linker.has("m", "a") && linker.has("m", "e") && !linker.has("m", "f"));
        let mut store = Store::new(());
        let func = Func::wrap(&mut store, |_: Caller<'_, ()>, x: u64, y: f32| (y, x));
        let ty = FuncType::new([ValType::I64, ValType::F32], [ValType::F32, ValType::I64]);
        assert_eq!(func.ty(&store), ty);
    }

    #[test]
    fn a_wrapped_closure_can_be_called_by_the_host() {
        let mut store = Store::new(10);
        let func = Func::wrap(&mut store, |mut caller: Caller<'_, i32>, x: i32, y: f64| {
            *caller.data_mut() += x;
            (y * 2.0, *caller.data())
        });
        let results = func.call(&mut store, &[Val::I32(-3), Val::from(1.5)]).unwrap();
        assert_eq!(results, [Val::from(3.0), Val::I32(7)]);
        let typed = func.typed::<(i32, f64), (f64, i32)>(&store).unwrap();
        assert_eq!(typed.call(&mut store, (1, 0.5)).unwrap(), (1.0, 8));
        assert_eq!(*store.data(), 8);
        assert!(func.typed::<(i32, f64), f64>(&store).is_err());
        assert!(func.call(&mut store, &[Val::I32(1)]).is_err());
        assert!(func.call(&mut store, &[Val::I32(1), Val::I32(1)]).is_err());
    }

    #[test]
    fn thunks_find_the_closure_behind_the_convention_of_c() {
        let mut store = Store::new(5u64);
        let (a, b, c) = (1.0f32, 2u64, -3i32);
        let func = move |caller: Caller<'_, u64>, x: f32, y: u64, z: i32| (x + a, y + b + caller.data(), z + c);
        let func = Func::wrap(&mut store, func);
        let record = func.record.get().vmctx.0.cast::<HostRecord>();
        type C = unsafe extern "C" fn(*mut HostRecord, *mut u64, f32, u64, i32) -> u32;
        let mut results = [0; 3];
        // SAFETY: as a thunk does it: the callback lies at its offset and has this signature.
        let status = unsafe {
            let callback = std::mem::transmute::<unsafe extern "C" fn(), C>((*record).callback.0);
            callback(record, results.as_mut_ptr(), 0.5, 10, 100)
        };
        assert_eq!(status, 0);
        assert_eq!(results, [u64::from(1.5f32.to_bits()), 17, 97]);
    }

    #[test]
    fn errors_come_back_as_they_are() {
        let mut store = Store::new(());
        let exit = Func::wrap(&mut store, |code: i32| -> Result<(), Error> { Err(Error::Exit(code)) });
        let result = exit.call(&mut store, &[Val::I32(7)]);
        assert!(matches!(result, Err(Error::Exit(7))), "{result:?}");
        let text = Func::wrap(&mut store, || Err::<(), _>("no luck"));
        assert_eq!(text.call(&mut store, &[]).unwrap_err().to_string(), "no luck");
        let nested = Func::wrap(&mut store, move |mut caller: Caller<'_, ()>| {
            exit.call(&mut caller, &[Val::I32(8)]).map(|_| ())
        });
        assert!(matches!(nested.call(&mut store, &[]), Err(Error::Exit(8))));
    }

    #[test]
    fn a_panic_goes_on_in_the_host() {
        let mut store = Store::new(());
        let func = Func::wrap(&mut store, || -> () { panic!("by intent") });
        let caught = catch_unwind(AssertUnwindSafe(|| func.call(&mut store, &[])));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"by intent"));
        assert!(store.core().pending.is_none());
    }

    #[test]
    fn closures_are_dropped_with_their_store() {
        let counted = Arc::new(());
        let mut store = Store::new(());
        let inside = counted.clone();
        Func::wrap(&mut store, move || assert!(Arc::strong_count(&inside) > 0));
        assert_eq!(Arc::strong_count(&counted), 2);
        drop(store);
        assert_eq!(Arc::strong_count(&counted), 1);
    }
}
