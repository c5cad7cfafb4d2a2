//! Structs, arrays and integers of 31 bits (spec: exec/instructions, aggregate instructions). `abi::object` says where
//! objects have what.

use super::call::call_builtin;
use super::numeric::unfenced;
use super::reference::check_not_null;
use crate::parse::{Composite, TypeId};
use crate::translate::Result;
use crate::translate::function::FunctionTranslator;
use crate::translate::trap::raise;
use inkwell::IntPredicate;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{BasicMetadataValueEnum, BasicValueEnum, IntValue, PointerValue};
use wasmc_abi::object::{self, storage_len};
use wasmc_abi::{Builtin, FieldType, StorageType, TrapCode};
use wasmparser::Operator as O;

pub fn translate(f: &mut FunctionTranslator<'_, '_>, operator: &O<'_>) -> Result<bool> {
    let id = |f: &FunctionTranslator<'_, '_>, index: u32| f.unit.module.type_ids[index as usize];
    match *operator {
        O::StructNew { struct_type_index } => struct_new(f, id(f, struct_type_index))?,
        O::StructNewDefault { struct_type_index } => {
            let reference = allocate(f, id(f, struct_type_index), None)?;
            f.push(reference);
        }
        O::StructGet { struct_type_index, field_index } | O::StructGetU { struct_type_index, field_index } => {
            struct_get(f, id(f, struct_type_index), field_index, false)?;
        }
        O::StructGetS { struct_type_index, field_index } => struct_get(f, id(f, struct_type_index), field_index, true)?,
        O::StructSet { struct_type_index, field_index } => {
            let (value, reference) = (f.pop(), f.pop_int());
            let (address, storage) = field(f, id(f, struct_type_index), field_index, reference)?;
            store(f, address, storage, value)?;
        }
        O::ArrayNew { array_type_index } => {
            let count = f.pop_int();
            let ty = id(f, array_type_index);
            let reference = allocate(f, ty, Some(count))?;
            let value = f.pop();
            let array = Array { reference, storage: element(f, ty).storage };
            fill(f, array, f.unit.types.i32.const_zero(), value, count)?;
            f.push(reference);
        }
        O::ArrayNewDefault { array_type_index } => {
            let count = f.pop_int();
            let reference = allocate(f, id(f, array_type_index), Some(count))?;
            f.push(reference);
        }
        O::ArrayNewFixed { array_type_index, array_size } => array_new_fixed(f, id(f, array_type_index), array_size)?,
        O::ArrayNewData { array_type_index, array_data_index } => {
            array_new_from(f, Builtin::array_new_data, id(f, array_type_index), array_data_index)?;
        }
        O::ArrayNewElem { array_type_index, array_elem_index } => {
            array_new_from(f, Builtin::array_new_elem, id(f, array_type_index), array_elem_index)?;
        }
        O::ArrayGet { array_type_index } | O::ArrayGetU { array_type_index } => {
            array_get(f, id(f, array_type_index), false)?;
        }
        O::ArrayGetS { array_type_index } => array_get(f, id(f, array_type_index), true)?,
        O::ArraySet { array_type_index } => {
            let (value, index) = (f.pop(), f.pop_int());
            let array = pop_array(f, id(f, array_type_index))?;
            let one = index.get_type().const_int(1, false);
            check_range(f, array, index, one)?;
            let address = array.element(f, index)?;
            store(f, address, array.storage, value)?;
        }
        O::ArrayLen => {
            let reference = f.pop_int();
            check_not_null(f, reference)?;
            let len = len(f, reference)?;
            f.push(len);
        }
        O::ArrayFill { array_type_index } => {
            let (count, value, index) = (f.pop_int(), f.pop(), f.pop_int());
            let array = pop_array(f, id(f, array_type_index))?;
            check_range(f, array, index, count)?;
            fill(f, array, index, value, count)?;
        }
        O::ArrayCopy { array_type_index_dst, array_type_index_src } => {
            array_copy(f, id(f, array_type_index_dst), id(f, array_type_index_src))?;
        }
        O::ArrayInitData { array_data_index, .. } => array_init(f, Builtin::array_init_data, array_data_index)?,
        O::ArrayInitElem { array_elem_index, .. } => array_init(f, Builtin::array_init_elem, array_elem_index)?,
        O::RefI31 => {
            let value = f.pop_int();
            let one = value.get_type().const_int(1, false);
            let shifted = f.builder.build_left_shift(value, one, "")?;
            let tagged = f.builder.build_or(shifted, one, "")?;
            let reference = f.builder.build_int_z_extend(tagged, f.unit.types.i64, "")?;
            f.push(reference);
        }
        O::I31GetS => i31_get(f, true)?,
        O::I31GetU => i31_get(f, false)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn i31_get(f: &mut FunctionTranslator<'_, '_>, signed: bool) -> Result<()> {
    let reference = f.pop_int();
    check_not_null(f, reference)?;
    let tagged = f.builder.build_int_truncate(reference, f.unit.types.i32, "")?;
    let value = f.builder.build_right_shift(tagged, tagged.get_type().const_int(1, false), signed, "")?;
    f.push(value);
    Ok(())
}

fn fields<'u>(f: &FunctionTranslator<'u, '_>, ty: TypeId) -> &'u [FieldType] {
    match &f.unit.module.types[ty.get()].composite {
        Composite::Struct(fields) => fields,
        other => unreachable!("validated: {other:?} is no struct type"),
    }
}

fn element(f: &FunctionTranslator<'_, '_>, ty: TypeId) -> FieldType {
    match &f.unit.module.types[ty.get()].composite {
        Composite::Array(element) => *element,
        other => unreachable!("validated: {other:?} is no array type"),
    }
}

/// A new object, all zero, with that many elements if it is an array. The collector may run; what is on the operand
/// stack stays.
fn allocate<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    ty: TypeId,
    count: Option<IntValue<'ctx>>,
) -> Result<IntValue<'ctx>> {
    let i64 = f.unit.types.i64;
    let count = match count {
        Some(count) => f.builder.build_int_z_extend(count, i64, "")?,
        None => i64.const_zero(),
    };
    make(f, Builtin::object_new, ty, &[count.into()])
}

/// Calls a helper that makes an object of a type.
fn make<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    builtin: Builtin,
    ty: TypeId,
    args: &[BasicMetadataValueEnum<'ctx>],
) -> Result<IntValue<'ctx>> {
    f.root_operands(0)?;
    let record = f.type_record(ty)?;
    let args = [&[f.vmctx.into(), record.into()], args].concat();
    let made = call_builtin(f, builtin, &args)?.expect("it has a result");
    made_or_trap(f, made.into_int_value())
}

/// What a helper has made, unless it is the number of a trap.
fn made_or_trap<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, made: IntValue<'ctx>) -> Result<IntValue<'ctx>> {
    let least = made.get_type().const_int(object::ADDRESS_MIN, false);
    let failed = f.builder.build_int_compare(IntPredicate::ULT, made, least, "")?;
    let (trap, next) = (f.new_block(), f.new_block());
    f.branch_unlikely(failed, trap, next)?;
    f.builder.position_at_end(trap);
    let code = f.builder.build_int_truncate(made, f.unit.types.i32, "")?;
    f.locate();
    raise(f.unit, &f.builder, Some(f.vmctx), code)?;
    f.unlocate();
    f.builder.position_at_end(next);
    Ok(made)
}

fn pointer<'ctx>(f: &FunctionTranslator<'_, 'ctx>, reference: IntValue<'ctx>) -> Result<PointerValue<'ctx>> {
    Ok(f.builder.build_int_to_ptr(reference, f.unit.types.ptr, "")?)
}

fn struct_new(f: &mut FunctionTranslator<'_, '_>, ty: TypeId) -> Result<()> {
    let fields = fields(f, ty);
    let reference = allocate(f, ty, None)?;
    let object = pointer(f, reference)?;
    let values = f.pop_many(fields.len());
    for ((field, offset), value) in fields.iter().zip(object::field_offsets(fields)).zip(values) {
        store(f, f.field(object, offset)?, field.storage, value)?;
    }
    f.push(reference);
    Ok(())
}

/// The address of a field, and how it is stored.
fn field<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    ty: TypeId,
    index: u32,
    reference: IntValue<'ctx>,
) -> Result<(PointerValue<'ctx>, StorageType)> {
    check_not_null(f, reference)?;
    let fields = fields(f, ty);
    let offset = object::field_offsets(fields).nth(index as usize).expect("validated: the field is there");
    let object = pointer(f, reference)?;
    Ok((f.field(object, offset)?, fields[index as usize].storage))
}

fn struct_get(f: &mut FunctionTranslator<'_, '_>, ty: TypeId, index: u32, signed: bool) -> Result<()> {
    let reference = f.pop_int();
    let (address, storage) = field(f, ty, index, reference)?;
    let value = load(f, address, storage, signed)?;
    f.push(value);
    Ok(())
}

/// Loads what is stored as it is between instructions.
fn load<'ctx>(
    f: &FunctionTranslator<'_, 'ctx>,
    address: PointerValue<'ctx>,
    storage: StorageType,
    signed: bool,
) -> Result<BasicValueEnum<'ctx>> {
    let (tag, types) = (f.unit.alias.object, &f.unit.types);
    let narrow: BasicTypeEnum<'ctx> = match storage {
        StorageType::I8 => types.i8.into(),
        StorageType::I16 => types.i16.into(),
        StorageType::Val(ty) => return f.load_tagged(types.value(ty), address, tag),
    };
    let value = f.load_tagged(narrow, address, tag)?.into_int_value();
    Ok(match signed {
        true => f.builder.build_int_s_extend(value, types.i32, "")?.into(),
        false => f.builder.build_int_z_extend(value, types.i32, "")?.into(),
    })
}

fn store<'ctx>(
    f: &FunctionTranslator<'_, 'ctx>,
    address: PointerValue<'ctx>,
    storage: StorageType,
    value: BasicValueEnum<'ctx>,
) -> Result<()> {
    let value = match storage {
        StorageType::I8 => f.builder.build_int_truncate(value.into_int_value(), f.unit.types.i8, "")?.into(),
        StorageType::I16 => f.builder.build_int_truncate(value.into_int_value(), f.unit.types.i16, "")?.into(),
        StorageType::Val(_) => unfenced(value),
    };
    f.store_tagged(address, value, f.unit.alias.object)
}

/// An array that is there.
#[derive(Clone, Copy)]
struct Array<'ctx> {
    reference: IntValue<'ctx>,
    storage: StorageType,
}

impl<'ctx> Array<'ctx> {
    /// The address of an element that exists, or of the end.
    fn element(self, f: &FunctionTranslator<'_, 'ctx>, index: IntValue<'ctx>) -> Result<PointerValue<'ctx>> {
        let elements = f.field(pointer(f, self.reference)?, object::ELEMENTS)?;
        let offset = self.bytes(f, index)?;
        // SAFETY: the index is at most the array's length.
        Ok(unsafe { f.builder.build_gep(f.unit.types.i8, elements, &[offset], "")? })
    }

    /// The bytes of that many elements, of which the array has as many.
    fn bytes(self, f: &FunctionTranslator<'_, 'ctx>, count: IntValue<'ctx>) -> Result<IntValue<'ctx>> {
        let word = f.unit.types.word;
        let count = f.builder.build_int_z_extend(count, word, "")?;
        let len = word.const_int(storage_len(self.storage).into(), false);
        Ok(f.builder.build_int_nuw_mul(count, len, "")?)
    }
}

fn len<'ctx>(f: &FunctionTranslator<'_, 'ctx>, reference: IntValue<'ctx>) -> Result<IntValue<'ctx>> {
    let address = f.field(pointer(f, reference)?, object::LEN)?;
    Ok(f.load_tagged(f.unit.types.i32.into(), address, f.unit.alias.object)?.into_int_value())
}

fn pop_array<'ctx>(f: &mut FunctionTranslator<'_, 'ctx>, ty: TypeId) -> Result<Array<'ctx>> {
    let reference = f.pop_int();
    check_not_null(f, reference)?;
    Ok(Array { reference, storage: element(f, ty).storage })
}

/// Traps if the array has not all of `count` elements from `index` on.
fn check_range<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    array: Array<'ctx>,
    index: IntValue<'ctx>,
    count: IntValue<'ctx>,
) -> Result<()> {
    let len = len(f, array.reference)?;
    let outside = if count.get_zero_extended_constant() == Some(1) {
        f.builder.build_int_compare(IntPredicate::UGE, index, len, "")?
    } else {
        let i64 = f.unit.types.i64;
        let wide = |value| f.builder.build_int_z_extend(value, i64, "");
        let end = f.builder.build_int_nuw_add(wide(index)?, wide(count)?, "")?;
        f.builder.build_int_compare(IntPredicate::UGT, end, wide(len)?, "")?
    };
    f.trap_if(outside, TrapCode::ArrayOutOfBounds)
}

fn array_get(f: &mut FunctionTranslator<'_, '_>, ty: TypeId, signed: bool) -> Result<()> {
    let index = f.pop_int();
    let array = pop_array(f, ty)?;
    check_range(f, array, index, index.get_type().const_int(1, false))?;
    let address = array.element(f, index)?;
    let value = load(f, address, array.storage, signed)?;
    f.push(value);
    Ok(())
}

fn array_new_fixed(f: &mut FunctionTranslator<'_, '_>, ty: TypeId, count: u32) -> Result<()> {
    let i32 = f.unit.types.i32;
    let reference = allocate(f, ty, Some(i32.const_int(count.into(), false)))?;
    let array = Array { reference, storage: element(f, ty).storage };
    for (index, value) in f.pop_many(count as usize).into_iter().enumerate() {
        let address = array.element(f, i32.const_int(index as u64, false))?;
        store(f, address, array.storage, value)?;
    }
    f.push(reference);
    Ok(())
}

/// Writes a value to elements that exist.
fn fill<'ctx>(
    f: &mut FunctionTranslator<'_, 'ctx>,
    array: Array<'ctx>,
    index: IntValue<'ctx>,
    value: BasicValueEnum<'ctx>,
    count: IntValue<'ctx>,
) -> Result<()> {
    let start = array.element(f, index)?;
    let word = f.unit.types.word;
    let len = array.bytes(f, count)?;
    let before = f.builder.get_insert_block().expect("the builder stands in a block");
    let (test, body, next) = (f.new_block(), f.new_block(), f.new_block());
    f.builder.build_unconditional_branch(test)?;
    f.builder.position_at_end(test);
    let offset = f.builder.build_phi(word, "")?;
    let at = offset.as_basic_value().into_int_value();
    let done = f.builder.build_int_compare(IntPredicate::EQ, at, len, "")?;
    f.builder.build_conditional_branch(done, next, body)?;
    f.builder.position_at_end(body);
    // SAFETY: below the length of elements that exist.
    let address = unsafe { f.builder.build_gep(f.unit.types.i8, start, &[at], "")? };
    store(f, address, array.storage, value)?;
    let step = word.const_int(storage_len(array.storage).into(), false);
    let after = f.builder.build_int_nuw_add(at, step, "")?;
    f.builder.build_unconditional_branch(test)?;
    offset.add_incoming(&[(&word.const_zero(), before), (&after, body)]);
    f.builder.position_at_end(next);
    Ok(())
}

/// Both ranges are checked before an element is moved (spec: exec/instructions, array.copy).
fn array_copy(f: &mut FunctionTranslator<'_, '_>, to_type: TypeId, from_type: TypeId) -> Result<()> {
    let (count, from_index) = (f.pop_int(), f.pop_int());
    let (from, to_index, to) = (f.pop_int(), f.pop_int(), f.pop_int());
    check_not_null(f, to)?;
    check_not_null(f, from)?;
    let to = Array { reference: to, storage: element(f, to_type).storage };
    let from = Array { reference: from, storage: element(f, from_type).storage };
    check_range(f, to, to_index, count)?;
    check_range(f, from, from_index, count)?;
    let args = [to.element(f, to_index)?.into(), from.element(f, from_index)?.into(), to.bytes(f, count)?.into()];
    call_builtin(f, Builtin::memmove, &args)?;
    Ok(())
}

/// `array.new_data`, `array.new_elem`.
fn array_new_from(f: &mut FunctionTranslator<'_, '_>, builtin: Builtin, ty: TypeId, segment: u32) -> Result<()> {
    let [from, count] = pop_wide(f)?;
    let segment = f.unit.types.i32.const_int(segment.into(), false);
    let reference = make(f, builtin, ty, &[segment.into(), from.into(), count.into()])?;
    f.push(reference);
    Ok(())
}

/// `array.init_data`, `array.init_elem`.
fn array_init(f: &mut FunctionTranslator<'_, '_>, builtin: Builtin, segment: u32) -> Result<()> {
    let [to, from, count] = pop_wide(f)?;
    let reference = f.pop_int();
    check_not_null(f, reference)?;
    let segment = f.unit.types.i32.const_int(segment.into(), false);
    let args = [f.vmctx.into(), reference.into(), segment.into(), to.into(), from.into(), count.into()];
    let status = call_builtin(f, builtin, &args)?.expect("it has a result");
    f.trap_on_status(status.into_int_value())
}

/// The last operands, in 64 bits.
fn pop_wide<'ctx, const N: usize>(f: &mut FunctionTranslator<'_, 'ctx>) -> Result<[IntValue<'ctx>; N]> {
    let mut wide = [f.unit.types.i64.const_zero(); N];
    for (wide, operand) in wide.iter_mut().zip(f.pop_many(N)) {
        *wide = f.builder.build_int_z_extend(operand.into_int_value(), f.unit.types.i64, "")?;
    }
    Ok(wide)
}
