//! Arguments and expected results of the scripts.

use crate::script::Failure;
use wasmc_tests::Value;
use wast::core::{AbstractHeapType, HeapType, NanPattern, WastArgCore, WastRetCore};
use wast::{WastArg, WastRet};

/// An argument as a runner takes it.
pub fn argument(arg: &WastArg<'_>) -> Result<Value, Failure> {
    Ok(match arg {
        WastArg::Core(WastArgCore::I32(value)) => Value::I32(*value as u32),
        WastArg::Core(WastArgCore::I64(value)) => Value::I64(*value as u64),
        WastArg::Core(WastArgCore::F32(value)) => Value::F32(value.bits),
        WastArg::Core(WastArgCore::F64(value)) => Value::F64(value.bits),
        WastArg::Core(WastArgCore::RefNull(ty)) if is_extern(ty) => Value::ExternRef(0),
        WastArg::Core(WastArgCore::RefNull(_)) => Value::FuncRef(false),
        WastArg::Core(WastArgCore::RefExtern(number)) => host_value(*number),
        other => return Err(format!("no such argument in WebAssembly 2.0: {other:?}").into()),
    })
}

/// The script's host values count from 0, which is null here.
fn host_value(number: u32) -> Value {
    Value::ExternRef(u64::from(number) + 1)
}

fn is_extern(ty: &HeapType<'_>) -> bool {
    matches!(ty, HeapType::Abstract { ty: AbstractHeapType::Extern, .. })
}

/// Whether `found` is what the script wants.
pub fn matches(found: Value, wanted: &WastRet<'_>) -> bool {
    let WastRet::Core(wanted) = wanted else { return false };
    match (wanted, found) {
        (WastRetCore::I32(wanted), Value::I32(found)) => *wanted as u32 == found,
        (WastRetCore::I64(wanted), Value::I64(found)) => *wanted as u64 == found,
        (WastRetCore::F32(NanPattern::Value(wanted)), Value::F32(found)) => wanted.bits == found,
        (WastRetCore::F64(NanPattern::Value(wanted)), Value::F64(found)) => wanted.bits == found,
        (WastRetCore::F32(NanPattern::CanonicalNan), Value::F32(_))
        | (WastRetCore::F64(NanPattern::CanonicalNan), Value::F64(_)) => found.is_canonical_nan(),
        (WastRetCore::F32(NanPattern::ArithmeticNan), Value::F32(_))
        | (WastRetCore::F64(NanPattern::ArithmeticNan), Value::F64(_)) => found.is_arithmetic_nan(),
        (WastRetCore::RefNull(ty), Value::FuncRef(false)) => ty.is_none_or(|ty| !is_extern(&ty)),
        (WastRetCore::RefNull(ty), Value::ExternRef(0)) => ty.is_none_or(|ty| is_extern(&ty)),
        (WastRetCore::RefFunc(None), Value::FuncRef(true)) => true,
        (WastRetCore::RefExtern(None), Value::ExternRef(token)) => token != 0,
        (WastRetCore::RefExtern(Some(wanted)), Value::ExternRef(_)) => found == host_value(*wanted),
        _ => false,
    }
}
