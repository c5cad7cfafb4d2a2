//! Arguments and expected results of the scripts.

use crate::script::Failure;
use wasmc_runtime::{ExternRef, Val};
use wast::core::{AbstractHeapType, HeapType, NanPattern, WastArgCore, WastRetCore};
use wast::{WastArg, WastRet};

/// An argument as the runtime takes it.
pub fn argument(arg: &WastArg<'_>) -> Result<Val, Failure> {
    Ok(match arg {
        WastArg::Core(WastArgCore::I32(value)) => Val::I32(*value),
        WastArg::Core(WastArgCore::I64(value)) => Val::I64(*value),
        WastArg::Core(WastArgCore::F32(value)) => Val::F32(value.bits),
        WastArg::Core(WastArgCore::F64(value)) => Val::F64(value.bits),
        WastArg::Core(WastArgCore::RefNull(ty)) if is_extern(ty) => Val::ExternRef(None),
        WastArg::Core(WastArgCore::RefNull(_)) => Val::FuncRef(None),
        WastArg::Core(WastArgCore::RefExtern(number)) => Val::ExternRef(host_value(*number)),
        other => return Err(format!("no such argument in WebAssembly 2.0: {other:?}").into()),
    })
}

/// The script's host values count from 0, which is the runtime's null.
fn host_value(number: u32) -> Option<ExternRef> {
    ExternRef::new(u64::from(number) + 1)
}

fn is_extern(ty: &HeapType<'_>) -> bool {
    matches!(ty, HeapType::Abstract { ty: AbstractHeapType::Extern, .. })
}

/// Whether `found` is what the script wants.
pub fn matches(found: &Val, wanted: &WastRet<'_>) -> bool {
    let WastRet::Core(wanted) = wanted else { return false };
    match (wanted, found) {
        (WastRetCore::I32(wanted), Val::I32(found)) => wanted == found,
        (WastRetCore::I64(wanted), Val::I64(found)) => wanted == found,
        (WastRetCore::F32(wanted), Val::F32(found)) => match wanted {
            NanPattern::Value(wanted) => wanted.bits == *found,
            NanPattern::CanonicalNan => found & 0x7FFF_FFFF == 0x7FC0_0000,
            NanPattern::ArithmeticNan => found & 0x7FC0_0000 == 0x7FC0_0000,
        },
        (WastRetCore::F64(wanted), Val::F64(found)) => match wanted {
            NanPattern::Value(wanted) => wanted.bits == *found,
            NanPattern::CanonicalNan => found & 0x7FFF_FFFF_FFFF_FFFF == 0x7FF8_0000_0000_0000,
            NanPattern::ArithmeticNan => found & 0x7FF8_0000_0000_0000 == 0x7FF8_0000_0000_0000,
        },
        (WastRetCore::RefNull(ty), Val::FuncRef(None)) => ty.is_none_or(|ty| !is_extern(&ty)),
        (WastRetCore::RefNull(ty), Val::ExternRef(None)) => ty.is_none_or(|ty| is_extern(&ty)),
        (WastRetCore::RefFunc(None), Val::FuncRef(Some(_))) => true,
        (WastRetCore::RefExtern(None), Val::ExternRef(Some(_))) => true,
        (WastRetCore::RefExtern(Some(wanted)), Val::ExternRef(found)) => *found == host_value(*wanted),
        _ => false,
    }
}

/// What was found, for a failure's line.
pub fn shown(values: &[Val]) -> String {
    let shown: Vec<String> = values
        .iter()
        .map(|value| match value {
            Val::F32(bits) => format!("f32 {:?} = {bits:#010x}", f32::from_bits(*bits)),
            Val::F64(bits) => format!("f64 {:?} = {bits:#018x}", f64::from_bits(*bits)),
            other => format!("{other:?}"),
        })
        .collect();
    format!("[{}]", shown.join(", "))
}
