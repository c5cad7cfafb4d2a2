//! Conversions (spec: exec/numerics, conversions).

use super::numeric::{canonicalize, float_intrinsic};
use super::variable::constant;
use crate::translate::Result;
use crate::translate::function::FunctionTranslator;
use inkwell::FloatPredicate;
use inkwell::types::{FloatType, IntType};
use inkwell::values::FloatValue;
use wasmc_abi::{TrapCode, ValType};
use wasmparser::Operator as O;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Signed,
    Unsigned,
}
use Sign::{Signed, Unsigned};

pub fn translate<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, operator: &O<'_>) -> Result<bool> {
    let t = &f.unit.types;
    let (i32, i64, f32, f64) = (t.i32, t.i64, t.f32, t.f64);
    match operator {
        O::I32WrapI64 => {
            let a = f.pop_int();
            let value = f.builder.build_int_truncate(a, i32, "")?;
            f.push(value);
        }
        O::I64ExtendI32S => {
            let a = f.pop_int();
            let value = f.builder.build_int_s_extend(a, i64, "")?;
            f.push(value);
        }
        O::I64ExtendI32U => {
            let a = f.pop_int();
            let value = f.builder.build_int_z_extend(a, i64, "")?;
            f.push(value);
        }
        O::I32TruncF32S | O::I32TruncF64S => truncate(f, i32, Signed)?,
        O::I32TruncF32U | O::I32TruncF64U => truncate(f, i32, Unsigned)?,
        O::I64TruncF32S | O::I64TruncF64S => truncate(f, i64, Signed)?,
        O::I64TruncF32U | O::I64TruncF64U => truncate(f, i64, Unsigned)?,
        O::I32TruncSatF32S | O::I32TruncSatF64S => truncate_saturating(f, i32, Signed)?,
        O::I32TruncSatF32U | O::I32TruncSatF64U => truncate_saturating(f, i32, Unsigned)?,
        O::I64TruncSatF32S | O::I64TruncSatF64S => truncate_saturating(f, i64, Signed)?,
        O::I64TruncSatF32U | O::I64TruncSatF64U => truncate_saturating(f, i64, Unsigned)?,
        O::F32ConvertI32S | O::F32ConvertI64S => convert(f, f32, Signed)?,
        O::F32ConvertI32U | O::F32ConvertI64U => convert(f, f32, Unsigned)?,
        O::F64ConvertI32S | O::F64ConvertI64S => convert(f, f64, Signed)?,
        O::F64ConvertI32U | O::F64ConvertI64U => convert(f, f64, Unsigned)?,
        O::F32DemoteF64 => {
            let a = f.pop_float();
            let value = f.builder.build_float_trunc(a, f32, "")?;
            f.push(value);
            canonicalize(f)?;
        }
        O::F64PromoteF32 => {
            let a = f.pop_float();
            let value = f.builder.build_float_ext(a, f64, "")?;
            // Fenced: LLVM folds demote(promote x) to x, which keeps a signalling NaN.
            let value = float_intrinsic(f, "llvm.arithmetic.fence", &[value])?;
            f.push(value);
            canonicalize(f)?;
        }
        O::I32ReinterpretF32 => reinterpret(f, ValType::I32)?,
        O::I64ReinterpretF64 => reinterpret(f, ValType::I64)?,
        O::F32ReinterpretI32 => reinterpret(f, ValType::F32)?,
        O::F64ReinterpretI64 => reinterpret(f, ValType::F64)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn reinterpret(f: &mut FunctionTranslator<'_, '_>, to: ValType) -> Result<()> {
    let a = f.pop();
    let value = f.builder.build_bit_cast(a, f.unit.types.value(to), "")?;
    f.push(value);
    Ok(())
}

fn convert<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, to: FloatType<'ctx>, sign: Sign) -> Result<()> {
    let a = f.pop_int();
    let value = match sign {
        Signed => f.builder.build_signed_int_to_float(a, to, "")?,
        Unsigned => f.builder.build_unsigned_int_to_float(a, to, "")?,
    };
    f.push(value);
    Ok(())
}

/// Bits of the bounds between which a float truncates to an integer of `width` bits: the first is the
/// largest that does not, or the smallest that does (`inclusive`); the second is the smallest above.
struct Bounds {
    low: u64,
    inclusive: bool,
    high: u64,
}

fn bounds(source: ValType, width: u32, sign: Sign) -> Bounds {
    let float = |v: f64| if source == ValType::F32 { u64::from((v as f32).to_bits()) } else { v.to_bits() };
    let half = 2f64.powi(width as i32 - 1);
    match sign {
        Unsigned => Bounds { low: float(-1.0), inclusive: false, high: float(2.0 * half) },
        // Only a double holds −2³¹ − 1 exactly; elsewhere nothing lies between it and −2^(width−1).
        Signed if source == ValType::F64 && width == 32 => {
            Bounds { low: float(-half - 1.0), inclusive: false, high: float(half) }
        }
        Signed => Bounds { low: float(-half), inclusive: true, high: float(half) },
    }
}

/// A NaN is an invalid conversion, anything else that does not fit an overflow. LLVM's own
/// conversions are poison there, so the checks come first.
fn truncate<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, to: IntType<'ctx>, sign: Sign) -> Result<()> {
    let a = f.pop_float();
    let source = if a.get_type() == f.unit.types.f32 { ValType::F32 } else { ValType::F64 };
    let bounds = bounds(source, to.get_bit_width(), sign);
    let nan = f.builder.build_float_compare(FloatPredicate::UNO, a, a, "")?;
    f.trap_if(nan, TrapCode::InvalidConversion)?;
    let low = constant_float(f, source, bounds.low)?;
    let high = constant_float(f, source, bounds.high)?;
    let below = if bounds.inclusive { FloatPredicate::ULT } else { FloatPredicate::ULE };
    let too_low = f.builder.build_float_compare(below, a, low, "")?;
    let too_high = f.builder.build_float_compare(FloatPredicate::UGE, a, high, "")?;
    let outside = f.builder.build_or(too_low, too_high, "")?;
    f.trap_if(outside, TrapCode::IntegerOverflow)?;
    let value = match sign {
        Signed => f.builder.build_float_to_signed_int(a, to, "")?,
        Unsigned => f.builder.build_float_to_unsigned_int(a, to, "")?,
    };
    f.push(value);
    Ok(())
}

fn constant_float<'ctx>(f: &FunctionTranslator<'_, 'ctx>, ty: ValType, bits: u64) -> Result<FloatValue<'ctx>> {
    Ok(super::numeric::unfenced(constant(f, ty, bits.into())?).into_float_value())
}

fn truncate_saturating<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, to: IntType<'ctx>, sign: Sign) -> Result<()> {
    let a = f.pop_float();
    let name = if sign == Signed { "llvm.fptosi.sat" } else { "llvm.fptoui.sat" };
    let function = f.unit.intrinsic_from(name, to.into(), a.get_type().into());
    let value = f.builder.build_call(function, &[a.into()], "")?.try_as_basic_value().unwrap_basic();
    f.push(value);
    Ok(())
}
