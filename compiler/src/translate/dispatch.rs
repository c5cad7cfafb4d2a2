//! Indirect calls through tables whose elements are known: an array of functions for each type that is called.
//!
//! What such a call needs is in the image then, not in memory that the runtime has made: an array holds, for each
//! element, the distance to the function, or to the stub of the trap that the call ends in. So there is nothing to
//! compare but the index, and the callee has the caller's vmctx.

use super::Result;
use super::function::FunctionTranslator;
use super::symbols;
use super::unit::Unit;
use crate::options::{OptLevel, Options};
use crate::parse::{FuncIndex, Module, TableIndex, TypeId};
use inkwell::values::{GlobalValue, PointerValue};
use inkwell::{GlobalVisibility, IntPredicate};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use wasmc_abi::TrapCode;

/// Bytes of an array's entry: a distance from the array's start.
const ENTRY_LEN: usize = 4;

/// The arrays of a module may always have so many bytes, ...
const ARRAYS_LEN: usize = 4096;
/// ... and this part of what the bodies have.
const PART_OF_CODE: usize = 8;

/// Bytes of code that a call becomes shorter by, at least.
const SAVED_LEN: usize = 16;

/// What an array is for: indirect calls through a table, of a type.
type Key = (TableIndex, TypeId);

/// The arrays, and how many entries each has.
pub type Arrays<'ctx> = BTreeMap<Key, (GlobalValue<'ctx>, u64)>;

/// Declares the arrays of a module, and defines them in its first unit. All functions have been declared.
pub fn define<'ctx>(unit: &Unit<'ctx, '_>, options: &Options) -> Result<Arrays<'ctx>> {
    let mut arrays = Arrays::new();
    // Elsewhere a stub takes an argument that a function does not have.
    if unit.helpers.is_none() {
        return Ok(arrays);
    }
    for (key, elements) in choose(unit.module, options.level) {
        let entries = elements.len() as u64;
        arrays.insert(key, (array(unit, key, &elements)?, entries));
    }
    Ok(arrays)
}

/// The arrays that are worth their bytes: those of types that many calls are of come first.
fn choose(module: &Module<'_>, level: OptLevel) -> Vec<(Key, Vec<Option<FuncIndex>>)> {
    let for_size = level.is_for_size();
    let code: usize = module.bodies.iter().map(|body| body.bytes.len()).sum();
    let mut left = ARRAYS_LEN.max(code / PART_OF_CODE);
    let mut by_calls: Vec<_> = module.table_uses.calls.iter().collect();
    by_calls.sort_by_key(|(_, calls)| Reverse(**calls));
    let mut tables = BTreeMap::new();
    let mut chosen = Vec::new();
    for ((table, ty), calls) in by_calls {
        let elements = tables.entry(*table).or_insert_with(|| module.constant_elements(*table));
        let Some(elements) = elements else { continue };
        let len = elements.len() * ENTRY_LEN;
        let is_callee = |function: &FuncIndex| module.is_subtype(module.functions[function.get()], *ty);
        // A function of another instance has another vmctx.
        let all_own = elements.iter().flatten().filter(|f| is_callee(f)).all(|f| module.defined(*f).is_some());
        if all_own && len <= left && (!for_size || len <= SAVED_LEN * *calls as usize) {
            left -= len;
            chosen.push(((*table, *ty), elements.clone()));
        }
    }
    chosen
}

fn array<'ctx>(unit: &Unit<'ctx, '_>, (table, ty): Key, elements: &[Option<FuncIndex>]) -> Result<GlobalValue<'ctx>> {
    let (i32, word) = (unit.types.i32, unit.types.word);
    let array = unit.llvm.add_global(i32.array_type(elements.len() as u32), None, &symbols::dispatch(table, ty));
    array.set_constant(true);
    array.set_visibility(GlobalVisibility::Hidden);
    if !unit.extent.is_first() {
        return Ok(array);
    }
    let start = array.as_pointer_value().const_to_int(word);
    let entry = |element: &Option<FuncIndex>| -> Result<_> {
        let code = match element {
            None => unit.trap_stub(TrapCode::UninitializedElement)?,
            Some(function) if !unit.module.is_subtype(unit.module.functions[function.get()], ty) => {
                unit.trap_stub(TrapCode::IndirectCallMismatch)?
            }
            Some(function) => unit.function(*function).expect("all callees are defined here"),
        };
        let distance = code.as_global_value().as_pointer_value().const_to_int(word).const_sub(start);
        Ok(if word == i32 { distance } else { distance.const_truncate(i32) })
    };
    array.set_initializer(&i32.const_array(&elements.iter().map(entry).collect::<Result<Vec<_>>>()?));
    Ok(array)
}

impl<'ctx> FunctionTranslator<'_, 'ctx> {
    /// What an indirect call goes to whose index is on the stack, if there is an array for it: a function of this
    /// instance, or the stub of a trap, which then finds the call as the place that it was called from.
    pub fn known_callee(&mut self, table: TableIndex, ty: TypeId) -> Result<Option<PointerValue<'ctx>>> {
        let Some((array, entries)) = self.unit.dispatch.get(&(table, ty)) else { return Ok(None) };
        let word = self.unit.types.word;
        let index = self.pop_int();
        let index = self.builder.build_int_z_extend_or_bit_cast(index, word, "")?;
        let outside = self.builder.build_int_compare(IntPredicate::UGE, index, word.const_int(*entries, false), "")?;
        self.trap_if(outside, TrapCode::UndefinedElement)?;
        let array = array.as_pointer_value();
        let types = &self.unit.types;
        // SAFETY: the array has an entry for every element.
        let entry = unsafe { self.builder.build_in_bounds_gep(types.i32, array, &[index], "")? };
        let distance = self.builder.build_load(types.i32, entry, "")?.into_int_value();
        let distance = self.builder.build_int_s_extend_or_bit_cast(distance, word, "")?;
        // As numbers, since the code is no part of the array.
        let start = self.builder.build_ptr_to_int(array, word, "")?;
        let code = self.builder.build_int_add(start, distance, "")?;
        Ok(Some(self.builder.build_int_to_ptr(code, types.ptr, "")?))
    }
}
