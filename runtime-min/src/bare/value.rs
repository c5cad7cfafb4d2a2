//! Values at the boundary between host and guest: Rust types that stand for Wasm's.

use wasmc_abi::ValType;

use crate::arity::for_each_arity;

/// A Rust type that stands for a Wasm type: `i32`, `u32`, `i64`, `u64`, `f32`, `f64`.
pub trait Value: Copy + private::Sealed {
    /// The Wasm type.
    const TYPE: ValType;
    #[doc(hidden)]
    fn from_slot(slot: u64) -> Self;
    #[doc(hidden)]
    fn into_slot(self) -> u64;
}

mod private {
    pub trait Sealed {}
}

macro_rules! values {
    ($($ty:ident $wasm:ident, $slot:ident => $from:expr, $value:ident => $into:expr;)*) => {$(
        impl private::Sealed for $ty {}
        impl Value for $ty {
            const TYPE: ValType = ValType::$wasm;
            fn from_slot($slot: u64) -> $ty {
                $from
            }
            fn into_slot(self) -> u64 {
                let $value = self;
                $into
            }
        }
    )*};
}
values! {
    i32 I32, slot => slot as i32, value => value as u32 as u64;
    u32 I32, slot => slot as u32, value => value as u64;
    i64 I64, slot => slot as i64, value => value as u64;
    u64 I64, slot => slot, value => value;
    f32 F32, slot => f32::from_bits(slot as u32), value => value.to_bits() as u64;
    f64 F64, slot => f64::from_bits(slot), value => value.to_bits();
}

/// The most values that a call takes or gives.
pub const MAX_VALUES: usize = 16;

/// Values that stand for a function's parameters or for its results: `()`, one [`Value`], or a tuple of up to
/// [`MAX_VALUES`].
pub trait Values {
    /// The Wasm types.
    const TYPES: &'static [ValType];
    #[doc(hidden)]
    fn from_slots(slots: &[u64; MAX_VALUES]) -> Self;
    #[doc(hidden)]
    fn into_slots(self, slots: &mut [u64; MAX_VALUES]);
}

impl<T: Value> Values for T {
    const TYPES: &'static [ValType] = &[T::TYPE];
    fn from_slots(slots: &[u64; MAX_VALUES]) -> T {
        T::from_slot(slots[0])
    }
    fn into_slots(self, slots: &mut [u64; MAX_VALUES]) {
        slots[0] = self.into_slot();
    }
}

macro_rules! tuple {
    ($count:literal $($a:ident)*) => {
        #[allow(non_snake_case, unused_variables, unused_mut, unused_assignments, clippy::unused_unit)]
        impl<$($a: Value),*> Values for ($($a,)*) {
            const TYPES: &'static [ValType] = &[$($a::TYPE),*];
            fn from_slots(slots: &[u64; MAX_VALUES]) -> Self {
                let mut slots = slots.iter().copied();
                // There are as many slots as any tuple has elements.
                $( let $a = $a::from_slot(slots.next().unwrap_or(0)); )*
                ($($a,)*)
            }
            fn into_slots(self, slots: &mut [u64; MAX_VALUES]) {
                let ($($a,)*) = self;
                let values: [u64; $count] = [$($a.into_slot()),*];
                slots.iter_mut().zip(values).for_each(|(slot, value)| *slot = value);
            }
        }
    };
}
for_each_arity!(tuple);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuples_survive_the_way_through_slots() {
        let mut slots = [u64::MAX; MAX_VALUES];
        let values = (-1i32, u64::MAX, 1.5f32, -0.0f64, i64::MIN, 7u32);
        values.into_slots(&mut slots);
        slots[0] |= 0xFFFF_0000_0000; // what lies above 32 bits does not count
        assert_eq!(<(i32, u64, f32, f64, i64, u32)>::from_slots(&slots), values);
        assert_eq!(slots[6..], [u64::MAX; 10]);
        assert_eq!(<(f32, i64) as Values>::TYPES, [ValType::F32, ValType::I64]);
    }
}
