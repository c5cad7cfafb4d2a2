//! The type section → the module's distinct types: recursion groups that are equal share theirs (spec:
//! valid/conventions, defined types).

use super::{FuncType, Module, TypeId};
use std::collections::HashMap;
use wasmc_abi::{FieldType, HeapType, RefType, StorageType, ValType};
use wasmparser as wasm;

/// A distinct type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SubType {
    /// Whether it has no subtypes.
    pub is_final: bool,
    /// The type that it is a direct subtype of.
    pub supertype: Option<TypeId>,
    /// The first type of its recursion group. The others follow.
    pub group: TypeId,
    /// What it is.
    pub composite: Composite,
}

/// What a type is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Composite {
    /// A function type.
    Func(FuncType),
    /// A struct type, by its fields.
    Struct(Vec<FieldType>),
    /// An array type, by its elements.
    Array(FieldType),
}

impl From<FuncType> for SubType {
    /// A final type in a group of its own, which is given its place later.
    fn from(ty: FuncType) -> SubType {
        SubType { is_final: true, supertype: None, group: TypeId(0), composite: Composite::Func(ty) }
    }
}

impl SubType {
    /// Whether it is a function type as the first version of the language had them; `id` is its own.
    pub fn is_plain(&self, id: TypeId) -> bool {
        let SubType { is_final, supertype, group, composite } = self;
        *is_final && supertype.is_none() && *group == id && matches!(composite, Composite::Func(_))
    }

    /// The heap type that all values of the type have.
    pub fn kind(&self) -> HeapType {
        match self.composite {
            Composite::Func(_) => HeapType::Func,
            Composite::Struct(_) => HeapType::Struct,
            Composite::Array(_) => HeapType::Array,
        }
    }

    fn map_indices(self, map: &impl Fn(u32) -> u32) -> SubType {
        let composite = match self.composite {
            Composite::Func(ty) => {
                let all = |types: Vec<ValType>| types.into_iter().map(|ty| ty.map_index(map)).collect();
                Composite::Func(FuncType { params: all(ty.params), results: all(ty.results) })
            }
            Composite::Struct(fields) => {
                Composite::Struct(fields.into_iter().map(|field| field.map_index(map)).collect())
            }
            Composite::Array(field) => Composite::Array(field.map_index(map)),
        };
        SubType { supertype: self.supertype.map(|id| TypeId(map(id.0))), composite, ..self }
    }
}

/// Reads the type section.
pub fn read<'a>(reader: wasm::TypeSectionReader<'a>, module: &mut Module<'a>) -> Result<(), wasm::BinaryReaderError> {
    let groups = reader.into_iter().collect::<Result<Vec<_>, _>>()?;
    let kinds: Vec<_> = groups.iter().flat_map(|group| group.types().map(kind)).collect();
    // Groups with references to their own types relative to their start, above all ids.
    let mut distinct: HashMap<Vec<SubType>, TypeId> = HashMap::new();
    for group in groups {
        let first = module.type_ids.len() as u32;
        let relative = |index: u32| match index.checked_sub(first) {
            Some(place) => RELATIVE + place,
            None => module.type_ids[index as usize].0,
        };
        let types: Vec<_> = group.types().map(|ty| sub_type(ty, &kinds).map_indices(&relative)).collect();
        let next = TypeId(module.types.len() as u32);
        let id = *distinct.entry(types).or_insert_with_key(|types| {
            let absolute = |index: u32| if index < RELATIVE { index } else { next.0 + (index - RELATIVE) };
            let types = types.iter().cloned().map(|ty| SubType { group: next, ..ty.map_indices(&absolute) });
            module.types.extend(types);
            next
        });
        module.type_ids.extend((0..group.types().len() as u32).map(|place| TypeId(id.0 + place)));
    }
    Ok(())
}

/// Where places in a group begin, while groups are compared.
const RELATIVE: u32 = RefType::INDEX_MAX / 2;

fn kind(ty: &wasm::SubType) -> HeapType {
    match ty.composite_type.inner {
        wasm::CompositeInnerType::Func(_) => HeapType::Func,
        wasm::CompositeInnerType::Struct(_) => HeapType::Struct,
        wasm::CompositeInnerType::Array(_) => HeapType::Array,
        wasm::CompositeInnerType::Cont(_) => unreachable!("validated: there are no continuations"),
    }
}

/// A type with the module's own indices for ids.
fn sub_type(ty: &wasm::SubType, kinds: &[HeapType]) -> SubType {
    let kind_of = |index: u32| kinds[index as usize];
    let value = |ty: &wasm::ValType| val_type(ty, |index| (kind_of(index), index));
    let field = |field: &wasm::FieldType| {
        let storage = match &field.element_type {
            wasm::StorageType::I8 => StorageType::I8,
            wasm::StorageType::I16 => StorageType::I16,
            wasm::StorageType::Val(ty) => StorageType::Val(value(ty)),
        };
        FieldType { storage, mutable: field.mutable }
    };
    let composite = match &ty.composite_type.inner {
        wasm::CompositeInnerType::Func(ty) => Composite::Func(FuncType {
            params: ty.params().iter().map(value).collect(),
            results: ty.results().iter().map(value).collect(),
        }),
        wasm::CompositeInnerType::Struct(ty) => Composite::Struct(ty.fields.iter().map(field).collect()),
        wasm::CompositeInnerType::Array(ty) => Composite::Array(field(&ty.0)),
        wasm::CompositeInnerType::Cont(_) => unreachable!("validated: there are no continuations"),
    };
    let supertype = ty.supertype_idxs.first().map(|index| TypeId(module_index(index.unpack())));
    SubType { is_final: ty.is_final, supertype, group: TypeId(0), composite }
}

fn module_index(index: wasm::UnpackedIndex) -> u32 {
    index.as_module_index().expect("what is read from a module names types by their indices there")
}

/// The stored form of a value type. `defined` gives kind and index for the module's own index of a type.
fn val_type(ty: &wasm::ValType, defined: impl Fn(u32) -> (HeapType, u32)) -> ValType {
    match ty {
        wasm::ValType::I32 => ValType::I32,
        wasm::ValType::I64 => ValType::I64,
        wasm::ValType::F32 => ValType::F32,
        wasm::ValType::F64 => ValType::F64,
        wasm::ValType::V128 => ValType::V128,
        wasm::ValType::Ref(ty) => ref_type(ty.is_nullable(), ty.heap_type(), defined).val_type(),
    }
}

fn ref_type(is_nullable: bool, ty: wasm::HeapType, defined: impl Fn(u32) -> (HeapType, u32)) -> RefType {
    let heap = match ty {
        wasm::HeapType::Concrete(index) | wasm::HeapType::Exact(index) => {
            let (kind, index) = defined(module_index(index));
            return RefType::defined(is_nullable, kind, index);
        }
        wasm::HeapType::Abstract { ty, .. } => abstract_type(ty),
    };
    RefType::new(is_nullable, heap)
}

/// The stored form of a validated heap type that no module defines.
pub fn abstract_type(ty: wasm::AbstractHeapType) -> HeapType {
    use wasm::AbstractHeapType as A;
    match ty {
        A::Func => HeapType::Func,
        A::NoFunc => HeapType::NoFunc,
        A::Extern => HeapType::Extern,
        A::NoExtern => HeapType::NoExtern,
        A::Any => HeapType::Any,
        A::Eq => HeapType::Eq,
        A::I31 => HeapType::I31,
        A::Struct => HeapType::Struct,
        A::Array => HeapType::Array,
        A::None => HeapType::None,
        A::Exn => HeapType::Exn,
        A::NoExn => HeapType::NoExn,
        other => unreachable!("validated reference type {other:?}"),
    }
}

impl Module<'_> {
    /// The stored form of a validated value type.
    pub fn val_type(&self, ty: &wasm::ValType) -> ValType {
        val_type(ty, |index| self.defined_type(index))
    }

    /// The stored form of a validated reference type.
    pub fn ref_type(&self, is_nullable: bool, ty: wasm::HeapType) -> RefType {
        ref_type(is_nullable, ty, |index| self.defined_type(index))
    }

    fn defined_type(&self, index: u32) -> (HeapType, u32) {
        let id = self.type_ids[index as usize];
        (self.types[id.get()].kind(), id.0)
    }
}

#[cfg(test)]
mod tests {
    use crate::parse::{Module, Proposals, TypeId, parse};

    fn with_types(wat: &str, check: impl FnOnce(&Module<'_>)) {
        let bytes = wat::parse_str(wat).unwrap();
        check(&parse(&bytes, Proposals::default()).unwrap());
    }

    #[test]
    fn equal_function_types_share_an_id() {
        with_types("(module (type (func)) (type (func (param i32))) (type (func)))", |module| {
            assert_eq!(module.type_ids, [0, 1, 0].map(TypeId));
            assert!(module.types.iter().zip(0..).all(|(ty, id)| ty.is_plain(TypeId(id))));
        });
    }

    #[test]
    fn types_that_name_types_are_equal_if_those_are() {
        let wat = "(module
            (type $a (func)) (type $b (func (param (ref $a)))) (type $c (func)) (type $d (func (param (ref $c))))
            (type $e (func (param (ref null $a)))))";
        with_types(wat, |module| assert_eq!(module.type_ids, [0, 1, 0, 1, 2].map(TypeId)));
    }
}
