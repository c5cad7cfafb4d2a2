//! Arguments and expected results of the scripts.

use crate::script::Failure;
use wasmc_tests::{Any, Value};
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};
use wast::{WastArg, WastRet};

/// An argument as a runner takes it.
pub fn argument(arg: &WastArg<'_>) -> Result<Value, Failure> {
    Ok(match arg {
        WastArg::Core(WastArgCore::I32(value)) => Value::I32(*value as u32),
        WastArg::Core(WastArgCore::I64(value)) => Value::I64(*value as u64),
        WastArg::Core(WastArgCore::F32(value)) => Value::F32(value.bits),
        WastArg::Core(WastArgCore::F64(value)) => Value::F64(value.bits),
        WastArg::Core(WastArgCore::V128(value)) => Value::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArg::Core(WastArgCore::RefNull(ty)) if is_extern(ty) => Value::ExternRef(0),
        WastArg::Core(WastArgCore::RefNull(ty)) if is_exception(ty) => Value::ExnRef(false),
        WastArg::Core(WastArgCore::RefNull(ty)) if is_any(ty) => Value::AnyRef(Any::Null),
        WastArg::Core(WastArgCore::RefNull(_)) => Value::FuncRef(false),
        WastArg::Core(WastArgCore::RefHost(number)) => Value::AnyRef(Any::Host(host_token(*number))),
        WastArg::Core(WastArgCore::RefExtern(number)) => host_value(*number),
        other => return Err(format!("no such argument: {other:?}").into()),
    })
}

/// The script's host values count from 0, which is null here.
fn host_token(number: u32) -> u64 {
    u64::from(number) + 1
}

fn host_value(number: u32) -> Value {
    Value::ExternRef(host_token(number))
}

fn is_extern(ty: &HeapType<'_>) -> bool {
    matches!(ty, HeapType::Abstract { ty: AbstractHeapType::Extern | AbstractHeapType::NoExtern, .. })
}

fn is_any(ty: &HeapType<'_>) -> bool {
    use AbstractHeapType::{Any, Array, Eq, I31, None, Struct};
    matches!(ty, HeapType::Abstract { ty: Any | Array | Eq | I31 | None | Struct, .. })
}

fn is_exception(ty: &HeapType<'_>) -> bool {
    matches!(ty, HeapType::Abstract { ty: AbstractHeapType::Exn | AbstractHeapType::NoExn, .. })
}

/// Whether `found` is what the script wants.
pub fn matches(found: Value, wanted: &WastRet<'_>) -> bool {
    let WastRet::Core(wanted) = wanted else { return false };
    matches_core(found, wanted)
}

fn matches_core(found: Value, wanted: &WastRetCore<'_>) -> bool {
    match (wanted, found) {
        (WastRetCore::Either(choices), found) => choices.iter().any(|wanted| matches_core(found, wanted)),
        (WastRetCore::I32(wanted), Value::I32(found)) => *wanted as u32 == found,
        (WastRetCore::I64(wanted), Value::I64(found)) => *wanted as u64 == found,
        (WastRetCore::F32(wanted), Value::F32(bits)) => matches_single(bits, wanted),
        (WastRetCore::F64(wanted), Value::F64(bits)) => matches_double(bits, wanted),
        (WastRetCore::V128(wanted), Value::V128(bits)) => matches_vector(bits.to_le_bytes(), wanted),
        (WastRetCore::RefNull(ty), Value::FuncRef(false)) => {
            ty.is_none_or(|ty| !is_extern(&ty) && !is_exception(&ty) && !is_any(&ty))
        }
        // A type of the module's own may be of either hierarchy.
        (WastRetCore::RefNull(ty), Value::AnyRef(Any::Null)) => {
            ty.is_none_or(|ty| is_any(&ty) || matches!(ty, HeapType::Concrete(_)))
        }
        (WastRetCore::RefAny, Value::AnyRef(any)) => any != Any::Null,
        (WastRetCore::RefEq, Value::AnyRef(any)) => matches!(any, Any::I31(_) | Any::Struct | Any::Array),
        (WastRetCore::RefI31, Value::AnyRef(any)) => matches!(any, Any::I31(_)),
        (WastRetCore::RefStruct, Value::AnyRef(any)) => any == Any::Struct,
        (WastRetCore::RefArray, Value::AnyRef(any)) => any == Any::Array,
        (WastRetCore::RefHost(wanted), Value::AnyRef(any)) => any == Any::Host(host_token(*wanted)),
        (WastRetCore::RefNull(ty), Value::ExnRef(false)) => ty.is_none_or(|ty| is_exception(&ty)),
        (WastRetCore::RefNull(ty), Value::ExternRef(0)) => ty.is_none_or(|ty| is_extern(&ty)),
        (WastRetCore::RefFunc(None), Value::FuncRef(true)) => true,
        (WastRetCore::RefExtern(None), Value::ExternRef(token)) => token != 0,
        (WastRetCore::RefExtern(Some(wanted)), Value::ExternRef(_)) => found == host_value(*wanted),
        _ => false,
    }
}

fn matches_single(bits: u32, wanted: &NanPattern<F32>) -> bool {
    match wanted {
        NanPattern::Value(wanted) => wanted.bits == bits,
        NanPattern::CanonicalNan => Value::F32(bits).is_canonical_nan(),
        NanPattern::ArithmeticNan => Value::F32(bits).is_arithmetic_nan(),
    }
}

fn matches_double(bits: u64, wanted: &NanPattern<F64>) -> bool {
    match wanted {
        NanPattern::Value(wanted) => wanted.bits == bits,
        NanPattern::CanonicalNan => Value::F64(bits).is_canonical_nan(),
        NanPattern::ArithmeticNan => Value::F64(bits).is_arithmetic_nan(),
    }
}

fn matches_vector(bytes: [u8; 16], wanted: &V128Pattern) -> bool {
    let quarter = |lane: usize| u32::from_le_bytes(bytes.as_chunks().0[lane]);
    let half = |lane: usize| u64::from_le_bytes(bytes.as_chunks().0[lane]);
    match wanted {
        V128Pattern::I8x16(lanes) => bytes == lanes.map(|lane| lane as u8),
        V128Pattern::I16x8(lanes) => *bytes.as_chunks().0 == lanes.map(i16::to_le_bytes),
        V128Pattern::I32x4(lanes) => *bytes.as_chunks().0 == lanes.map(i32::to_le_bytes),
        V128Pattern::I64x2(lanes) => *bytes.as_chunks().0 == lanes.map(i64::to_le_bytes),
        V128Pattern::F32x4(lanes) => (0..).zip(lanes).all(|(lane, wanted)| matches_single(quarter(lane), wanted)),
        V128Pattern::F64x2(lanes) => (0..).zip(lanes).all(|(lane, wanted)| matches_double(half(lane), wanted)),
    }
}
