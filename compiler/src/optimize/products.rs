//! Products of two 64-bit numbers in 128 bits, where the machine has them.
//!
//! Wasm has no such instruction; programs call compiler-rt's `__multi3`, or have written the same: four products of
//! halves, and sums of their parts. What is recognised here is that arithmetic, whoever wrote it: with
//! `t = (al·bl >> 32) + ah·bl` and `u = (t & (2³² − 1)) + al·bh`, the high word is `(t >> 32) + (u >> 32) + ah·bh` and
//! the low one `(u << 32) | (al·bl & (2³² − 1))`. None of these sums wraps, whatever the numbers are, so the
//! machine's product may stand in their place.

use super::bounds::int_operand;
use inkwell::builder::Builder;
use inkwell::module::Module as LlvmModule;
use inkwell::values::{BasicValue, InstructionOpcode as Op, InstructionValue, IntValue};

const LOW: u64 = u32::MAX as u64;

/// The most terms that a sum is taken apart to.
const TERMS_MAX: usize = 8;

/// Replaces what computes such a product. Returns whether there was any.
pub fn combine_products(llvm: &LlvmModule<'_>) -> bool {
    let builder = llvm.get_context().create_builder();
    let mut found = false;
    for function in llvm.get_functions() {
        for block in function.get_basic_block_iter() {
            let sums: Vec<_> = block.get_instructions().filter(|i| i.get_opcode() == Op::Add).collect();
            for sum in sums {
                if let Some(parts) = product(sum) {
                    found |= replace(&parts, &builder);
                }
            }
        }
    }
    found
}

/// What a product in 128 bits was computed from.
struct Product<'ctx> {
    a: IntValue<'ctx>,
    b: IntValue<'ctx>,
    /// `t` and `u` as above.
    t: IntValue<'ctx>,
    u: InstructionValue<'ctx>,
    low: IntValue<'ctx>,
}

/// Reads a sum as the `u` of a product.
fn product(sum: InstructionValue<'_>) -> Option<Product<'_>> {
    let (x, y) = (int_operand(sum, 0)?, int_operand(sum, 1)?);
    if x.get_type().get_bit_width() != 64 {
        return None;
    }
    let (t, cross) = low_half(x).map(|t| (t, y)).or_else(|| low_half(y).map(|t| (t, x)))?;
    let [p, q] = operands(t, Op::Add)?;
    let (low, other) = high_half(p).map(|low| (low, q)).or_else(|| high_half(q).map(|low| (low, p)))?;
    let [al, bl] = operands(low, Op::Mul)?.map(low_half);
    let (a, b) = (al?, bl?);
    let crosses = |value, high, low| {
        let [p, q] = operands(value, Op::Mul)?;
        let either = |p, q| high_half(p) == Some(high) && low_half(q) == Some(low);
        (either(p, q) || either(q, p)).then_some(())
    };
    let ordered = crosses(other, a, b).and(crosses(cross, b, a));
    ordered.or_else(|| crosses(other, b, a).and(crosses(cross, a, b)))?;
    Some(Product { a, b, t, u: sum, low })
}

/// The operands of an operation.
fn operands<'ctx>(value: IntValue<'ctx>, op: Op) -> Option<[IntValue<'ctx>; 2]> {
    let instruction = value.as_instruction_value().filter(|i| i.get_opcode() == op)?;
    Some([int_operand(instruction, 0)?, int_operand(instruction, 1)?])
}

/// The number whose low half this is.
fn low_half(value: IntValue<'_>) -> Option<IntValue<'_>> {
    let [number, mask] = operands(value, Op::And)?;
    (mask.get_zero_extended_constant() == Some(LOW)).then_some(number)
}

/// The number whose high half this is.
fn high_half(value: IntValue<'_>) -> Option<IntValue<'_>> {
    let [number, count] = operands(value, Op::LShr)?;
    (count.get_zero_extended_constant() == Some(32)).then_some(number)
}

fn replace<'ctx>(product: &Product<'ctx>, builder: &Builder<'ctx>) -> bool {
    let u = IntValue::try_from(product.u).expect("a sum is a number");
    let mut replaced = false;
    for user in users(product.u) {
        match user.get_opcode() {
            Op::LShr if int_operand(user, 1).and_then(|count| count.get_zero_extended_constant()) == Some(32) => {
                for sum in sums_with(user) {
                    // The highest part may be added last.
                    replaced |= replace_high(product, sum, u, builder)
                        || sums_with(sum).into_iter().any(|sum| replace_high(product, sum, u, builder));
                }
            }
            Op::Shl if int_operand(user, 1).and_then(|count| count.get_zero_extended_constant()) == Some(32) => {
                for sum in users(user).into_iter().filter(|sum| matches!(sum.get_opcode(), Op::Add | Op::Or)) {
                    replaced |= replace_low(product, sum, user, builder);
                }
            }
            _ => {}
        }
    }
    replaced
}

/// A sum that contains the high word becomes the machine's, and what else was added.
fn replace_high<'ctx>(
    product: &Product<'ctx>,
    sum: InstructionValue<'ctx>,
    u: IntValue<'ctx>,
    builder: &Builder<'ctx>,
) -> bool {
    let mut terms = Vec::new();
    take_apart(IntValue::try_from(sum).expect("a sum is a number"), &mut terms);
    let is_highest = |value: &IntValue<'ctx>| {
        let halves = operands(*value, Op::Mul).map(|factors| factors.map(high_half));
        halves == Some([Some(product.a), Some(product.b)]) || halves == Some([Some(product.b), Some(product.a)])
    };
    let mut take =
        |wanted: &dyn Fn(&IntValue<'ctx>) -> bool| terms.iter().position(wanted).map(|place| terms.swap_remove(place));
    let carries = [product.t, u].map(|of| take(&|value| high_half(*value) == Some(of)));
    let highest = take(&is_highest);
    if carries.contains(&None) || highest.is_none() {
        return false;
    }
    let wide = multiply(product, sum, builder);
    let ty = wide.get_type();
    let high = builder.build_right_shift(wide, ty.const_int(64, false), false, "").expect(POSITIONED);
    let high = builder.build_int_truncate(high, u.get_type(), "").expect(POSITIONED);
    let all = terms.into_iter().fold(high, |all, term| builder.build_int_add(all, term, "").expect(POSITIONED));
    sum.replace_all_uses_with(&all.as_instruction_value().expect("it was built"));
    true
}

fn replace_low<'ctx>(
    product: &Product<'ctx>,
    sum: InstructionValue<'ctx>,
    shifted: InstructionValue<'ctx>,
    builder: &Builder<'ctx>,
) -> bool {
    let (Some(x), Some(y)) = (int_operand(sum, 0), int_operand(sum, 1)) else { return false };
    let other = if x.as_instruction_value() == Some(shifted) { y } else { x };
    if low_half(other) != Some(product.low) {
        return false;
    }
    builder.position_before(&sum);
    let low = builder.build_int_mul(product.a, product.b, "").expect(POSITIONED);
    sum.replace_all_uses_with(&low.as_instruction_value().expect("it was built"));
    true
}

/// The product, before `place`.
fn multiply<'ctx>(product: &Product<'ctx>, place: InstructionValue<'ctx>, builder: &Builder<'ctx>) -> IntValue<'ctx> {
    builder.position_before(&place);
    let wide = place.get_type().into_int_type().get_context().i128_type();
    let extend = |value| builder.build_int_z_extend(value, wide, "").expect(POSITIONED);
    builder.build_int_nuw_mul(extend(product.a), extend(product.b), "").expect(POSITIONED)
}

const POSITIONED: &str = "the builder is positioned";

/// The terms of a sum, each with its own.
fn take_apart<'ctx>(value: IntValue<'ctx>, terms: &mut Vec<IntValue<'ctx>>) {
    match operands(value, Op::Add).filter(|_| terms.len() < TERMS_MAX) {
        Some(parts) => parts.into_iter().for_each(|part| take_apart(part, terms)),
        None => terms.push(value),
    }
}

fn sums_with(of: InstructionValue<'_>) -> Vec<InstructionValue<'_>> {
    users(of).into_iter().filter(|user| user.get_opcode() == Op::Add).collect()
}

/// Found before any of them is replaced.
fn users(of: InstructionValue<'_>) -> Vec<InstructionValue<'_>> {
    super::counted::users(of).collect()
}

#[cfg(test)]
mod tests {
    use crate::{Emit, MemoryModel, OptLevel, Options, Target, compile_observed};

    /// As compiler-rt computes it.
    const MODULE: &str = "(module (memory 1) (func (export \"multiply\") (param $a i64) (param $b i64) (result i64 i64)
        (local $al i64) (local $bl i64) (local $low i64) (local $t i64) (local $high i64)
        (local.set $al (i64.and (local.get $a) (i64.const 0xFFFFFFFF)))
        (local.set $bl (i64.and (local.get $b) (i64.const 0xFFFFFFFF)))
        (local.set $low (i64.mul (local.get $al) (local.get $bl)))
        (local.set $t (i64.add (i64.shr_u (local.get $low) (i64.const 32))
          (i64.mul (i64.shr_u (local.get $a) (i64.const 32)) (local.get $bl))))
        (local.set $high (i64.shr_u (local.get $t) (i64.const 32)))
        (local.set $t (i64.add (i64.and (local.get $t) (i64.const 0xFFFFFFFF))
          (i64.mul (i64.shr_u (local.get $b) (i64.const 32)) (local.get $al))))
        (i64.add (i64.and (local.get $low) (i64.const 0xFFFFFFFF)) (i64.shl (local.get $t) (i64.const 32)))
        (i64.add (i64.add (local.get $high) (i64.shr_u (local.get $t) (i64.const 32)))
          (i64.mul (i64.shr_u (local.get $a) (i64.const 32)) (i64.shr_u (local.get $b) (i64.const 32))))))";

    fn products(target: &str, level: OptLevel) -> [usize; 2] {
        let target = Target::new(target, None, &[]).unwrap();
        let options = Options { target, level, memory: MemoryModel::Checked, ..Options::default() };
        let ir = compile_observed(MODULE.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
        let ir = String::from_utf8(ir).unwrap();
        let products = ir.lines().filter(|line| line.contains(" = mul "));
        let (wide, narrow): (Vec<_>, Vec<_>) = products.partition(|line| line.contains(" i128 "));
        [wide.len(), narrow.len()]
    }

    #[test]
    fn the_product_of_halves_is_one_product_where_the_machine_has_it() {
        for target in ["x86_64-linux", "aarch64-linux", "riscv64-linux"] {
            for level in [OptLevel::O1, OptLevel::O2, OptLevel::O3, OptLevel::Os] {
                let [wide, narrow] = products(target, level);
                assert!(wide == 1 && narrow <= 1, "{target}, {level:?}: {wide} wide products, {narrow} others");
            }
        }
        assert_eq!(products("armv7-linux", OptLevel::O3), [0, 4]);
    }
}
