//! Values at the boundary between host and guest: [`Val`] where types are known only at run time, and
//! the traits by which Rust types stand for Wasm's, so that a typed call needs no `Val`.

use std::fmt;
use std::num::NonZeroU64;

use wasmc_abi::signature::slot_count;
use wasmc_abi::{HeapType, RefType, ValType};

use crate::any::AnyRef;
use crate::arity::for_each_arity;
use crate::error::{Error, LimitError};
use crate::exception::ExnRef;
use crate::func::Func;
use crate::references::is_own_extern;
use crate::store::{StoreCore, StoreId};
use crate::types::matches;
use crate::vmctx::{GlobalValue, RawRef};

/// A reference to a host value: a token that the embedder chooses and that a guest can only pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExternRef(NonZeroU64);

impl ExternRef {
    /// A reference with this token; `None` for 0, which stands for null, and from 2<sup>63</sup> on: those are the runtime's
    /// own, for objects of guests that became host values.
    pub fn new(token: u64) -> Option<ExternRef> {
        ExternRef::from_slot(token).filter(|_| !is_own_extern(token))
    }

    /// As compiled code has it.
    #[inline]
    pub(crate) fn from_slot(bits: u64) -> Option<ExternRef> {
        NonZeroU64::new(bits).map(ExternRef)
    }

    /// The token.
    #[inline]
    pub fn token(self) -> u64 {
        self.0.get()
    }
}

/// A Wasm value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Val {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// The bits of a single-precision float.
    F32(u32),
    /// The bits of a double-precision float.
    F64(u64),
    /// A vector, lane 0 in the low bits.
    V128(u128),
    /// A reference to a function.
    FuncRef(Option<Func>),
    /// A reference to a host value.
    ExternRef(Option<ExternRef>),
    /// A reference to an exception.
    ExnRef(Option<ExnRef>),
    /// A reference to an object of a guest's, an integer of 31 bits, or a host value as such.
    AnyRef(Option<AnyRef>),
}

impl Val {
    /// Its type.
    pub fn ty(&self) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::V128(_) => ValType::V128,
            Val::FuncRef(_) => ValType::FuncRef,
            Val::ExternRef(_) => ValType::ExternRef,
            Val::ExnRef(_) => ValType::Ref(RefType::EXN),
            Val::AnyRef(_) => ValType::Ref(RefType::ANY),
        }
    }

    /// Whether it is one of the values of a type.
    fn is_a(&self, ty: ValType, store: &StoreCore) -> bool {
        match (self, ty.ref_type()) {
            (_, None) => self.ty() == ty,
            (Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) | Val::AnyRef(None), Some(wanted)) => {
                wanted.is_nullable() && self.ty() == top(wanted)
            }
            (Val::FuncRef(Some(func)), Some(_)) => matches(func.ref_type(), ty),
            (Val::ExternRef(Some(_)), Some(_)) => matches(RefType::new(false, HeapType::Extern).val_type(), ty),
            (Val::ExnRef(Some(_)), Some(_)) => matches(RefType::new(false, HeapType::Exn).val_type(), ty),
            (Val::AnyRef(Some(reference)), Some(_)) => matches(store.any_type(*reference), ty),
            (_, Some(_)) => false,
        }
    }

    /// The value 0 or null of a type; null even where the type has no such value.
    pub fn zero(ty: ValType) -> Val {
        match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::V128(0),
            ValType::FuncRef => Val::FuncRef(None),
            ValType::ExternRef => Val::ExternRef(None),
            ValType::Ref(ty) if ty.heap().top() == HeapType::Exn => Val::ExnRef(None),
            ValType::Ref(ty) if ty.heap().top() == HeapType::Any => Val::AnyRef(None),
            ValType::Ref(ty) => Val::zero(top(ty)),
        }
    }

    /// The value of a type that slots hold. References must be of the store.
    pub(crate) fn from_slots(slots: GlobalValue, ty: ValType, store: &StoreCore) -> Val {
        let [low, high] = slots;
        match ty {
            ValType::I32 => Val::I32(low as i32),
            ValType::I64 => Val::I64(low as i64),
            ValType::F32 => Val::F32(low as u32),
            ValType::F64 => Val::F64(low),
            ValType::V128 => Val::V128(u128::from(low) | u128::from(high) << 64),
            // SAFETY: a slot of type `funcref` that compiled code or `to_slots` has filled.
            ValType::FuncRef => Val::FuncRef(Func::from_raw(unsafe { RawRef::from_slot(low) }, store.id())),
            ValType::ExternRef => Val::ExternRef(ExternRef::from_slot(low)),
            ValType::Ref(ty) if ty.heap().top() == HeapType::Exn => Val::ExnRef(store.new_handle(low).map(ExnRef)),
            ValType::Ref(ty) if ty.heap().top() == HeapType::Any => Val::AnyRef(store.new_handle(low).map(AnyRef)),
            ValType::Ref(ty) => Val::from_slots(slots, top(ty), store),
        }
    }

    /// The reference of a table of this element type.
    pub(crate) fn from_reference(reference: RawRef, element: ValType, store: &StoreCore) -> Val {
        Val::from_slots([reference.bits(), 0], element, store)
    }
}

/// The type that all references of a hierarchy have, or are null.
fn top(ty: RefType) -> ValType {
    RefType::new(true, ty.heap().top()).val_type()
}

impl fmt::Display for Val {
    /// Numbers in decimal, floats as Rust writes them, vectors as `0x…`, references to host values by their tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Val::I32(value) => value.fmt(f),
            Val::I64(value) => value.fmt(f),
            Val::F32(bits) => f32::from_bits(*bits).fmt(f),
            Val::F64(bits) => f64::from_bits(*bits).fmt(f),
            Val::V128(bits) => write!(f, "{bits:#034x}"),
            Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) | Val::AnyRef(None) => f.write_str("null"),
            Val::FuncRef(Some(_)) => f.write_str("a function"),
            Val::ExternRef(Some(reference)) => reference.token().fmt(f),
            Val::ExnRef(Some(_)) => f.write_str("an exception"),
            Val::AnyRef(Some(_)) => f.write_str("an object"),
        }
    }
}

impl From<i32> for Val {
    fn from(value: i32) -> Val {
        Val::I32(value)
    }
}
impl From<i64> for Val {
    fn from(value: i64) -> Val {
        Val::I64(value)
    }
}
impl From<f32> for Val {
    fn from(value: f32) -> Val {
        Val::F32(value.to_bits())
    }
}
impl From<f64> for Val {
    fn from(value: f64) -> Val {
        Val::F64(value.to_bits())
    }
}

impl StoreCore {
    /// A value of the given type as slots.
    pub(crate) fn to_slots(&self, value: &Val, ty: ValType) -> Result<GlobalValue, Error> {
        if !value.is_a(ty, self) {
            let text = format!("A value of type {} was given where {ty} is needed.", value.ty());
            return Err(Error::Type(text));
        }
        Ok(match *value {
            Val::I32(value) => [u64::from(value as u32), 0],
            Val::I64(value) => [value as u64, 0],
            Val::F32(bits) => [bits.into(), 0],
            Val::F64(bits) => [bits, 0],
            Val::V128(bits) => [bits as u64, (bits >> 64) as u64],
            Val::FuncRef(func) => [func_slot(func, self.id())?, 0],
            Val::ExternRef(reference) => [reference.map_or(0, ExternRef::token), 0],
            Val::ExnRef(reference) => [self.handle_slot(reference.map(|reference| reference.0)), 0],
            Val::AnyRef(reference) => [self.handle_slot(reference.map(|reference| reference.0)), 0],
        })
    }

    /// A value as a reference of a table's element type.
    pub(crate) fn reference(&self, value: &Val, element: ValType) -> Result<RawRef, Error> {
        let [bits, _] = self.to_slots(value, element)?;
        // SAFETY: made by `to_slots` for this type and store.
        Ok(unsafe { RawRef::from_slot(bits) })
    }
}

/// A function as a guest may hold it: of this store, and with code that a guest can call.
#[inline]
fn func_slot(func: Option<Func>, store: StoreId) -> Result<u64, Error> {
    let Some(func) = func else { return Ok(0) };
    func.store.check(store);
    if func.record.get().code.0.is_null() {
        return Err(LimitError::NoThunk.into());
    }
    Ok(RawRef::from_record(func.record).bits())
}

/// A Rust type that stands for a Wasm type.
///
/// `i32`, `u32`, `i64`, `u64`, `f32`, `f64`, `u128` for vectors (lane 0 in the low bits), `Option<Func>`,
/// `Option<ExternRef>`, `Option<AnyRef>` and `Option<ExnRef>`. What the last two lead to stays until the host lets go of all
/// of them ([`Store::release_references`](crate::Store::release_references)), also where they are a host function's arguments.
pub trait WasmTy: Sized + private::Sealed {
    /// How it travels in a call with the C convention.
    #[doc(hidden)]
    type Abi: Copy;
    /// The Wasm type.
    const TYPE: ValType;
    #[doc(hidden)]
    fn from_abi(abi: Self::Abi, store: &StoreCore) -> Self;
    /// # Safety
    /// `slots` are those of a value of the type, and stay until the call that the value is passed to returns.
    #[doc(hidden)]
    unsafe fn abi_from_slots(slots: *const u64) -> Self::Abi;
    /// # Safety
    /// There are as many slots as the type has.
    #[doc(hidden)]
    unsafe fn write(self, store: &StoreCore, slots: *mut u64) -> Result<(), Error>;
}

mod private {
    pub trait Sealed {}
}

macro_rules! plain {
    ($($ty:ident $wasm:ident $slot:ident => $from:expr, $into:expr;)*) => {$(
        impl private::Sealed for $ty {}
        impl WasmTy for $ty {
            type Abi = $ty;
            const TYPE: ValType = ValType::$wasm;
            #[inline]
            fn from_abi(abi: $ty, _: &StoreCore) -> $ty {
                abi
            }
            #[inline]
            unsafe fn abi_from_slots(slots: *const u64) -> $ty {
                let from: fn($slot) -> $ty = $from;
                // SAFETY: by the caller's promise.
                from(unsafe { slots.read() } as $slot)
            }
            #[inline]
            unsafe fn write(self, _: &StoreCore, slots: *mut u64) -> Result<(), Error> {
                let into: fn($ty) -> $slot = $into;
                // SAFETY: by the caller's promise.
                unsafe { slots.write(into(self).into()) };
                Ok(())
            }
        }
    )*};
}
plain! {
    i32 I32 u32 => |slot| slot as i32, |value| value as u32;
    u32 I32 u32 => |slot| slot, |value| value;
    i64 I64 u64 => |slot| slot as i64, |value| value as u64;
    u64 I64 u64 => |slot| slot, |value| value;
    f32 F32 u32 => f32::from_bits, f32::to_bits;
    f64 F64 u64 => f64::from_bits, f64::to_bits;
}

/// The address of a vector's two slots; only slots that stay during the call become one.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct VectorAbi(*const [u64; 2]);

impl private::Sealed for u128 {}
impl WasmTy for u128 {
    type Abi = VectorAbi;
    const TYPE: ValType = ValType::V128;
    #[inline]
    fn from_abi(abi: VectorAbi, _: &StoreCore) -> u128 {
        // SAFETY: compiled code passes the address of two slots, which are there during the call.
        let [low, high] = unsafe { abi.0.read() };
        u128::from(low) | u128::from(high) << 64
    }
    #[inline]
    unsafe fn abi_from_slots(slots: *const u64) -> VectorAbi {
        VectorAbi(slots.cast())
    }
    #[inline]
    unsafe fn write(self, _: &StoreCore, slots: *mut u64) -> Result<(), Error> {
        // SAFETY: by the caller's promise.
        unsafe { slots.cast::<[u64; 2]>().write([self as u64, (self >> 64) as u64]) };
        Ok(())
    }
}

impl private::Sealed for Option<Func> {}
impl WasmTy for Option<Func> {
    type Abi = u64;
    const TYPE: ValType = ValType::FuncRef;
    #[inline]
    fn from_abi(abi: u64, store: &StoreCore) -> Self {
        // SAFETY: compiled code passes references of the declared type, of its own store.
        Func::from_raw(unsafe { RawRef::from_slot(abi) }, store.id())
    }
    #[inline]
    unsafe fn abi_from_slots(slots: *const u64) -> u64 {
        // SAFETY: by the caller's promise.
        unsafe { slots.read() }
    }
    #[inline]
    unsafe fn write(self, store: &StoreCore, slots: *mut u64) -> Result<(), Error> {
        let slot = func_slot(self, store.id())?;
        // SAFETY: by the caller's promise.
        unsafe { slots.write(slot) };
        Ok(())
    }
}

impl private::Sealed for Option<ExternRef> {}
impl WasmTy for Option<ExternRef> {
    type Abi = u64;
    const TYPE: ValType = ValType::ExternRef;
    #[inline]
    fn from_abi(abi: u64, _: &StoreCore) -> Self {
        ExternRef::from_slot(abi)
    }
    #[inline]
    unsafe fn abi_from_slots(slots: *const u64) -> u64 {
        // SAFETY: by the caller's promise.
        unsafe { slots.read() }
    }
    #[inline]
    unsafe fn write(self, _: &StoreCore, slots: *mut u64) -> Result<(), Error> {
        // SAFETY: by the caller's promise.
        unsafe { slots.write(self.map_or(0, ExternRef::token)) };
        Ok(())
    }
}

macro_rules! handles {
    ($($ty:ident $wasm:ident;)*) => {$(
        impl private::Sealed for Option<$ty> {}
        impl WasmTy for Option<$ty> {
            type Abi = u64;
            const TYPE: ValType = ValType::Ref(RefType::$wasm);
            #[inline]
            fn from_abi(abi: u64, store: &StoreCore) -> Self {
                store.new_handle(abi).map($ty)
            }
            #[inline]
            unsafe fn abi_from_slots(slots: *const u64) -> u64 {
                // SAFETY: by the caller's promise.
                unsafe { slots.read() }
            }
            #[inline]
            unsafe fn write(self, store: &StoreCore, slots: *mut u64) -> Result<(), Error> {
                // SAFETY: by the caller's promise.
                unsafe { slots.write(store.handle_slot(self.map(|reference| reference.0))) };
                Ok(())
            }
        }
    )*};
}
handles! {
    AnyRef ANY;
    ExnRef EXN;
}

/// The most values that a typed call takes or gives.
pub const MAX_VALUES: usize = 16;

/// Values that stand for a function's parameters or for its results: `()`, one [`WasmTy`], or a tuple
/// of up to 16.
pub trait WasmValues: Sized {
    /// How many slots they take.
    #[doc(hidden)]
    const SLOTS: usize;
    /// The Wasm types.
    fn types() -> impl ExactSizeIterator<Item = ValType>;
    /// # Safety
    /// There are `SLOTS` slots.
    #[doc(hidden)]
    unsafe fn write_slots(self, store: &StoreCore, slots: *mut u64) -> Result<(), Error>;
    /// # Safety
    /// The `SLOTS` slots hold values of these types, references of the store.
    #[doc(hidden)]
    unsafe fn read_slots(slots: *const u64, store: &StoreCore) -> Self;
}

impl<T: WasmTy> WasmValues for T {
    const SLOTS: usize = slot_count(T::TYPE);
    fn types() -> impl ExactSizeIterator<Item = ValType> {
        [T::TYPE].into_iter()
    }
    #[inline]
    unsafe fn write_slots(self, store: &StoreCore, slots: *mut u64) -> Result<(), Error> {
        // SAFETY: by the caller's promise.
        unsafe { self.write(store, slots) }
    }
    #[inline]
    unsafe fn read_slots(slots: *const u64, store: &StoreCore) -> T {
        // SAFETY: by the caller's promise.
        T::from_abi(unsafe { T::abi_from_slots(slots) }, store)
    }
}

macro_rules! tuple {
    ($count:literal $($a:ident)*) => {
        #[allow(non_snake_case, unused_variables, unused_mut, unused_assignments, clippy::unused_unit)]
        impl<$($a: WasmTy),*> WasmValues for ($($a,)*) {
            const SLOTS: usize = 0 $(+ slot_count($a::TYPE))*;
            fn types() -> impl ExactSizeIterator<Item = ValType> {
                let types: [ValType; $count] = [$($a::TYPE),*];
                types.into_iter()
            }
            #[inline]
            unsafe fn write_slots(self, store: &StoreCore, slots: *mut u64) -> Result<(), Error> {
                let ($($a,)*) = self;
                let mut next = slots;
                $(
                    // SAFETY: by the caller's promise.
                    unsafe { $a.write(store, next) }?;
                    next = next.wrapping_add(slot_count(<$a as WasmTy>::TYPE));
                )*
                Ok(())
            }
            #[inline]
            unsafe fn read_slots(slots: *const u64, store: &StoreCore) -> Self {
                let mut next = slots;
                $(
                    // SAFETY: by the caller's promise.
                    let $a = $a::from_abi(unsafe { $a::abi_from_slots(next) }, store);
                    next = next.wrapping_add(slot_count($a::TYPE));
                )*
                ($($a,)*)
            }
        }
    };
}
for_each_arity!(tuple);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn values_survive_the_way_through_slots() {
        let store = Store::new(());
        let core = store.core();
        let values = [
            Val::I32(-1),
            Val::I64(i64::MIN),
            Val::F32(0x7FA0_0001),
            Val::F64(0x7FF4_0000_0000_0001),
            Val::V128(0x0123_4567_89AB_CDEF_0011_2233_4455_6677),
            Val::ExternRef(ExternRef::new(7)),
            Val::ExternRef(None),
            Val::FuncRef(None),
        ];
        for value in values {
            let slots = core.to_slots(&value, value.ty()).unwrap();
            assert_eq!(Val::from_slots(slots, value.ty(), core), value);
        }
        assert!(core.to_slots(&Val::I32(0), ValType::I64).is_err());
    }

    #[test]
    fn tuples_survive_the_way_through_slots() {
        let store = Store::new(());
        let core = store.core();
        type Values = (i32, u64, f32, u128, f64, Option<Func>);
        let values: Values = (-1, u64::MAX, 1.5, 0x0123_4567_89AB_CDEF_0011_2233_4455_6677, -0.0, None);
        let mut slots = [0; 7];
        assert_eq!(Values::SLOTS, slots.len());
        // SAFETY: there are as many slots.
        unsafe { values.write_slots(core, slots.as_mut_ptr()) }.unwrap();
        assert_eq!(slots[3..5], [0x0011_2233_4455_6677, 0x0123_4567_89AB_CDEF]);
        slots[0] |= 0xFFFF_0000_0000; // what lies above 32 bits does not count
        // SAFETY: written just now.
        let back = unsafe { Values::read_slots(slots.as_ptr(), core) };
        assert_eq!(back, values);
    }
}
