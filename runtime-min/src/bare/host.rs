//! Host functions: rows of a table that can lie in flash. In: a function's name. Out: a function with the C
//! convention that an image's thunk calls, made for the function's types, so that arguments travel in registers.

use core::fmt;
use core::marker::PhantomData;
use core::mem::{offset_of, transmute};
use core::ptr::NonNull;

use wasmc_abi::ram::HOST_RECORD_LEN;
use wasmc_abi::vmctx::host_record;
use wasmc_abi::{TrapCode, ValType};

use crate::arity::for_each_arity;
use crate::bare::call;
use crate::bare::instance::Record;
use crate::bare::value::{MAX_VALUES, Value, Values};
use crate::builtins::HelperTable;
use crate::vmctx::Ptr;

/// Some function with the C convention, in a slot of 8 bytes; which parameters it has is known where it was made.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct Callback(unsafe extern "C" fn());

/// A function that guests can import, for hosts with data of type `T`.
pub struct HostFunc<T> {
    module: &'static str,
    name: &'static str,
    params: &'static [ValType],
    results: &'static [ValType],
    callback: Callback,
    data: PhantomData<fn(&mut T)>,
}

impl<T> HostFunc<T> {
    /// The function `func` under the names `module` and `name`. `func` is a `fn` or a closure that captures nothing;
    /// its first parameter is a [`Caller`], up to [`MAX_VALUES`] others are [`Value`]s; its result is a
    /// [`HostResults`].
    pub const fn new<F: HostFn<T, P, R>, P, R>(module: &'static str, name: &'static str, _func: F) -> HostFunc<T> {
        HostFunc { module, name, params: F::PARAMS, results: F::RESULTS, callback: F::CALLBACK, data: PhantomData }
    }

    pub(super) fn is_called(&self, module: &str, name: &str) -> bool {
        self.module == module && self.name == name
    }

    pub(super) fn params(&self) -> &'static [ValType] {
        self.params
    }

    pub(super) fn results(&self) -> &'static [ValType] {
        self.results
    }

    pub(super) fn callback(&self) -> Callback {
        self.callback
    }
}

impl<T> fmt::Debug for HostFunc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostFunc {}.{}", self.module, self.name)
    }
}

/// What a host function sees of its caller.
#[derive(Debug)]
pub struct Caller<'a, T> {
    /// The host's data.
    pub data: &'a mut T,
    /// The calling instance's memory: the one exported as `memory`, otherwise its first. Empty if it has none.
    /// Bounds are the function's business: addresses that come from a guest are hostile.
    pub memory: &'a mut [u8],
}

/// What a thunk gets in place of a vmctx.
#[derive(Debug)]
#[repr(C)]
pub(super) struct HostRecord {
    pub(super) callback: Callback,
    pub(super) data: Ptr<u8>,
    pub(super) helpers: Ptr<HelperTable>,
    pub(super) instance: Ptr<Record>,
}

const _: () = {
    assert!(offset_of!(HostRecord, callback) == host_record::CALLBACK as usize);
    assert!(offset_of!(HostRecord, data) == host_record::DATA as usize);
    assert!(offset_of!(HostRecord, helpers) == host_record::HELPERS as usize);
    assert!(size_of::<HostRecord>() == HOST_RECORD_LEN as usize);
};

/// What a host function may return: [`Values`], or a `Result` of them whose error ends the guest with that trap.
pub trait HostResults {
    #[doc(hidden)]
    type Values: Values;
    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Values, TrapCode>;
}

impl<V: Values> HostResults for V {
    type Values = V;
    fn into_result(self) -> Result<V, TrapCode> {
        Ok(self)
    }
}

impl<V: Values> HostResults for Result<V, TrapCode> {
    type Values = V;
    fn into_result(self) -> Result<V, TrapCode> {
        self
    }
}

/// Functions that can be host functions with data `T`.
pub trait HostFn<T, P, R>: Copy {
    #[doc(hidden)]
    const PARAMS: &'static [ValType];
    #[doc(hidden)]
    const RESULTS: &'static [ValType];
    #[doc(hidden)]
    const CALLBACK: Callback;
}

/// Runs a host function for a guest: the body of every shim.
///
/// # Safety
/// `record` was made for a host with data of type `T`, whose running call lends data and memory to the function;
/// `results` has a slot for each value of `R`.
#[inline]
unsafe fn run<T, R: HostResults>(
    record: NonNull<HostRecord>,
    results: *mut u64,
    func: impl FnOnce(&mut Caller<'_, T>) -> R,
) -> u32 {
    // SAFETY: the record lives as long as its instance, and nobody else uses what it leads to.
    let mut caller = unsafe {
        let HostRecord { data, instance, .. } = record.as_ref();
        Caller { data: &mut *data.0.cast(), memory: (*instance.0).memory() }
    };
    match func(&mut caller).into_result() {
        Ok(values) => {
            let mut slots = [0; MAX_VALUES];
            values.into_slots(&mut slots);
            for (index, slot) in slots.iter().take(R::Values::TYPES.len()).enumerate() {
                // SAFETY: as promised.
                unsafe { results.add(index).write(*slot) };
            }
            if call::is_stopped() { TrapCode::Interrupted as u32 } else { 0 }
        }
        Err(code) => code as u32,
    }
}

macro_rules! functions {
    ($count:literal $($a:ident)*) => {
        #[allow(non_snake_case, clippy::too_many_arguments)]
        impl<T, F, $($a,)* R> HostFn<T, ($($a,)*), R> for F
        where
            F: Fn(&mut Caller<'_, T>, $($a),*) -> R + Copy,
            $($a: Value,)*
            R: HostResults,
        {
            const PARAMS: &'static [ValType] = &[$($a::TYPE),*];
            const RESULTS: &'static [ValType] = R::Values::TYPES;
            const CALLBACK: Callback = {
                /// # Safety
                /// As `run`; the arguments are those of the function's type.
                unsafe extern "C" fn shim<T, F, $($a,)* R>(
                    record: NonNull<HostRecord>,
                    results: *mut u64,
                    $($a: $a),*
                ) -> u32
                where
                    F: Fn(&mut Caller<'_, T>, $($a),*) -> R,
                    $($a: Value,)*
                    R: HostResults,
                {
                    // SAFETY: a function without a size, as found below, has no bytes to be wrong.
                    let func: &F = unsafe { NonNull::dangling().as_ref() };
                    // SAFETY: by the caller's promise.
                    unsafe { run(record, results, |caller: &mut Caller<'_, T>| func(caller, $($a),*)) }
                }

                assert!(size_of::<F>() == 0, "a host function must be a fn item or a closure that captures nothing");
                type Shim<$($a),*> = unsafe extern "C" fn(NonNull<HostRecord>, *mut u64, $($a),*) -> u32;
                let callback: Shim<$($a),*> = shim::<T, F, $($a,)* R>;
                // SAFETY: thunks for this type call it with its real signature again.
                Callback(unsafe { transmute::<Shim<$($a),*>, unsafe extern "C" fn()>(callback) })
            };
        }
    };
}
for_each_arity!(functions);
