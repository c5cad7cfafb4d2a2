//! Canonical ids of types: equal for equal types of all modules of the process (spec: valid/conventions, defined
//! types). In: recursion groups, of images or one function type of the host's. Out: an id for each type, and the
//! record of it that compiled code compares.
//!
//! Types stay for the life of the process: they are few, and equal ones are stored once however often modules come
//! and go.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{OnceLock, RwLock};
use std::{fmt, ptr};

use wasmc_abi::image::{NONE, Table, TypeForm};
use wasmc_abi::vmctx::{DISPLAY_MIN, type_record};
use wasmc_abi::{FieldType, RefType, StorageType, ValType, object};
use wasmc_loader::{Fault, Image, LoadError};

use crate::types::FuncType;

/// A type by its place in the registry.
#[derive(Clone, Copy)]
pub(crate) struct TypeId(&'static Type);

/// What the registry knows of a type.
pub(crate) struct Type {
    number: u32,
    composite: Composite,
    /// Its supertypes from the outermost on, itself last.
    display: Vec<TypeId>,
    /// What compiled code sees of it.
    record: Vec<u64>,
    object: ObjectLayout,
}

/// What objects of a type have where.
#[derive(Debug)]
pub(crate) struct ObjectLayout {
    /// Length of a struct, or of an array without elements, bytes.
    #[cfg_attr(not(feature = "gc"), expect(dead_code, reason = "nobody makes one"))]
    pub(crate) len: u32,
    /// Length of an array's element.
    pub(crate) element_len: u32,
    /// Offsets of a struct's references to objects; that of the first element of an array of such.
    pub(crate) references: Vec<u32>,
}

impl ObjectLayout {
    fn of(composite: &Composite) -> ObjectLayout {
        let is_reference = |field: &FieldType| matches!(field.storage, StorageType::Val(ty) if ty.is_collectable());
        match composite {
            Composite::Func(_) => ObjectLayout { len: 0, element_len: 0, references: Vec::new() },
            Composite::Struct(fields) => {
                let offsets = object::field_offsets(fields).zip(fields).filter(|(_, field)| is_reference(field));
                let references = offsets.map(|(offset, _)| offset).collect();
                ObjectLayout { len: object::struct_len(fields.iter().copied()), element_len: 0, references }
            }
            Composite::Array(element) => ObjectLayout {
                len: object::ELEMENTS,
                element_len: object::storage_len(element.storage),
                references: is_reference(element).then_some(object::ELEMENTS).into_iter().collect(),
            },
        }
    }
}

/// What a type is. Types that are named go by their numbers here.
#[derive(Debug)]
pub(crate) enum Composite {
    /// A function type.
    Func(FuncType),
    /// A struct type, by its fields.
    Struct(Box<[FieldType]>),
    /// An array type, by its elements.
    Array(FieldType),
}

/// A type as it is compared with others: what it is, with the types of its own group counted from
/// [`RELATIVE`], and all others by their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Definition {
    form: TypeForm,
    is_final: bool,
    supertype: Option<u32>,
    /// Parameters, or fields.
    first: Vec<FieldType>,
    results: Vec<FieldType>,
}

/// Where places in a group begin, above all numbers.
const RELATIVE: u32 = RefType::INDEX_MAX / 2;

/// Every type met so far.
#[derive(Default)]
struct Registry {
    groups: HashMap<Vec<Definition>, u32>,
    types: Vec<TypeId>,
}

static REGISTRY: OnceLock<RwLock<Registry>> = OnceLock::new();

fn registry() -> &'static RwLock<Registry> {
    REGISTRY.get_or_init(RwLock::default)
}

fn value(ty: ValType) -> FieldType {
    FieldType { storage: StorageType::Val(ty), mutable: false }
}

impl Definition {
    fn of(ty: &FuncType) -> Definition {
        let values = |types: &[ValType]| types.iter().map(|ty| value(*ty)).collect();
        let (first, results) = (values(ty.params()), values(ty.results()));
        Definition { form: TypeForm::Function, is_final: true, supertype: None, first, results }
    }

    /// A type of an image; `map` gives what stands for a type that it names by its index.
    fn of_image(image: &Image<'_>, index: u32, map: &impl Fn(u32) -> u32) -> Option<Definition> {
        let (ty, sub) = (image.types().get(index)?, image.sub_type(index));
        let form = TypeForm::from_number(sub.form)?;
        let (first, results) = match form {
            TypeForm::Function => (image.params(&ty).map(value).collect(), image.results(&ty).map(value).collect()),
            TypeForm::Struct => (image.fields(&ty).collect(), Vec::new()),
            TypeForm::Array => (image.fields(&ty).take(1).collect(), Vec::new()),
        };
        let map_all = |types: Vec<FieldType>| types.into_iter().map(|ty| ty.map_index(map)).collect();
        let supertype = (sub.supertype != NONE).then(|| map(sub.supertype));
        Some(Definition {
            form,
            is_final: sub.is_final == 1,
            supertype,
            first: map_all(first),
            results: map_all(results),
        })
    }

    fn composite(&self, map: &impl Fn(u32) -> u32) -> Composite {
        let mut fields = self.first.iter().map(|field| field.map_index(map));
        let values = |types: &[FieldType]| -> Vec<ValType> {
            let value = |ty: &FieldType| match ty.map_index(map).storage {
                StorageType::Val(ty) => ty,
                StorageType::I8 | StorageType::I16 => ValType::I32,
            };
            types.iter().map(value).collect()
        };
        match self.form {
            TypeForm::Function => Composite::Func(FuncType::new(values(&self.first), values(&self.results))),
            TypeForm::Struct => Composite::Struct(fields.collect()),
            TypeForm::Array => Composite::Array(fields.next().unwrap_or(value(ValType::I32))),
        }
    }
}

impl Registry {
    /// The number of the first type of a group.
    fn enter(&mut self, group: &[Definition]) -> u32 {
        if let Some(first) = self.groups.get(group) {
            return *first;
        }
        let first = self.types.len() as u32;
        assert!(self.types.len() + group.len() < RELATIVE as usize, "fewer than 2^20 types");
        let absolute = |index: u32| if index < RELATIVE { index } else { first + (index - RELATIVE) };
        for (number, definition) in (first..).zip(group) {
            let mut display =
                match definition.supertype.map(absolute).and_then(|number| self.types.get(number as usize)) {
                    Some(supertype) => supertype.0.display.clone(),
                    None => Vec::new(),
                };
            let composite = definition.composite(&absolute);
            // The type has to have its place before its record can say where that is.
            let object = ObjectLayout::of(&composite);
            let ty = Box::leak(Box::new(Type { number, composite, display: Vec::new(), record: Vec::new(), object }));
            let this: *mut Type = ty;
            let slots = type_record::LEN as usize / 8;
            ty.record = vec![0; slots + DISPLAY_MIN.max(display.len() as u32 + 1) as usize];
            ty.record[type_record::TYPE as usize / 8] = this.expose_provenance() as u64;
            ty.record[type_record::FORM as usize / 8] = definition.form as u64;
            ty.record[type_record::DEPTH as usize / 8] = display.len() as u64;
            let address = ty.record.as_ptr().expose_provenance() as u64;
            let supertypes = display.iter().map(|ty| ty.to_slot()).chain([address]);
            ty.record[slots..].iter_mut().zip(supertypes).for_each(|(slot, address)| *slot = address);
            // SAFETY: leaked just now, and nobody else has changed or will change it but for its display, below.
            display.push(TypeId(unsafe { &*this }));
            ty.display = display;
            self.types.push(TypeId(ty));
        }
        self.groups.insert(group.to_vec(), first);
        first
    }
}

impl TypeId {
    /// The ids of a group's types.
    fn of_group(group: &[Definition]) -> Vec<TypeId> {
        let ids = |registry: &Registry, first: u32| registry.types[first as usize..][..group.len()].to_vec();
        // A poisoned lock holds a whole registry all the same: a group is entered when its types are there.
        let known = registry().read().unwrap_or_else(|e| e.into_inner());
        if let Some(first) = known.groups.get(group) {
            return ids(&known, *first);
        }
        drop(known);
        let mut registry = registry().write().unwrap_or_else(|e| e.into_inner());
        let first = registry.enter(group);
        ids(&registry, first)
    }

    /// The id of a function type of the host's: final, and a group of its own.
    pub(crate) fn of(ty: &FuncType) -> TypeId {
        TypeId::of_group(&[Definition::of(ty)])[0]
    }

    /// The ids of an image's types, in its order.
    pub(crate) fn of_image(image: &Image<'_>) -> Result<Vec<TypeId>, LoadError> {
        let count = image.types().len();
        let mut ids: Vec<TypeId> = Vec::with_capacity(count as usize);
        while (ids.len() as u32) < count {
            let first = ids.len() as u32;
            let end = (first + 1..count).find(|index| image.sub_type(*index).group != first).unwrap_or(count);
            let map = |index: u32| match ids.get(index as usize) {
                Some(id) => id.number(),
                None => RELATIVE + (index - first),
            };
            let names_later = |ty: &Definition| {
                let named = |field: &FieldType| match field.storage {
                    StorageType::Val(ty) => ty.ref_type().and_then(RefType::index),
                    StorageType::I8 | StorageType::I16 => None,
                };
                ty.first.iter().chain(&ty.results).filter_map(named).any(|index| index >= RELATIVE + (end - first))
            };
            let group: Option<Vec<_>> = (first..end).map(|index| Definition::of_image(image, index, &map)).collect();
            let fault = LoadError::Record { table: Table::Types, index: first, fault: Fault::TypeIndex };
            let group = group.filter(|group| !group.iter().any(names_later)).ok_or(fault)?;
            ids.extend(TypeId::of_group(&group));
        }
        Ok(ids)
    }

    /// The type with this number, which some other type has as a part.
    pub(crate) fn from_number(number: u32) -> TypeId {
        registry().read().unwrap_or_else(|e| e.into_inner()).types[number as usize]
    }

    /// What stands for it in other types.
    pub(crate) fn number(self) -> u32 {
        self.0.number
    }

    /// What it is.
    pub(crate) fn composite(self) -> &'static Composite {
        &self.0.composite
    }

    /// The function type that it is. Panics if it is another one: the caller has a function of it.
    pub(crate) fn ty(self) -> &'static FuncType {
        match self.composite() {
            Composite::Func(ty) => ty,
            other => panic!("{other:?} is no function type"),
        }
    }

    /// What its objects have where.
    pub(crate) fn object(self) -> &'static ObjectLayout {
        &self.0.object
    }

    /// Whether it is `other` or a subtype of it.
    pub(crate) fn matches(self, other: TypeId) -> bool {
        self.0.display.get(other.0.display.len() - 1) == Some(&other)
    }

    /// As compiled code sees it: the address of its record.
    pub(crate) fn to_slot(self) -> u64 {
        self.0.record.as_ptr().expose_provenance() as u64
    }

    /// Back from [`to_slot`](Self::to_slot).
    ///
    /// # Safety
    /// It is from there.
    pub(crate) unsafe fn from_slot(slot: u64) -> TypeId {
        let record: *const u64 = ptr::with_exposed_provenance(slot as usize);
        // SAFETY: by the caller's promise a record, which has this slot, and a type, both of which stay for ever.
        let address = unsafe { record.add(type_record::TYPE as usize / 8).read() };
        // SAFETY: as above.
        TypeId(unsafe { &*ptr::with_exposed_provenance::<Type>(address as usize) })
    }
}

impl PartialEq for TypeId {
    fn eq(&self, other: &TypeId) -> bool {
        ptr::eq(self.0, other.0)
    }
}
impl Eq for TypeId {}

impl Hash for TypeId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number().hash(state);
    }
}

impl fmt::Debug for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypeId({} {:?})", self.number(), self.composite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ValType::*;

    #[test]
    fn equal_types_have_one_id_and_it_is_not_zero() {
        let a = TypeId::of(&FuncType::new([I32, I64], [F32]));
        let b = TypeId::of(&FuncType::new([I32, I64], [F32]));
        let c = TypeId::of(&FuncType::new([I32], [I64, F32]));
        assert_eq!(a, b);
        assert_ne!(a, c, "where parameters end is part of the type");
        assert_ne!(a.to_slot(), 0);
        // SAFETY: from there.
        let back = unsafe { TypeId::from_slot(c.to_slot()) };
        assert_eq!(back.ty().results(), [I64, F32]);
    }

    #[test]
    fn a_type_matches_its_supertypes_and_their_groups_count() {
        let func = |supertype, is_final, first: &[ValType]| Definition {
            form: TypeForm::Function,
            is_final,
            supertype,
            first: first.iter().map(|ty| value(*ty)).collect(),
            results: vec![],
        };
        let top = TypeId::of_group(&[func(None, false, &[F64, I32])])[0];
        let middle = TypeId::of_group(&[func(Some(top.number()), false, &[F64, I32])])[0];
        let group = [func(Some(middle.number()), true, &[F64, I32]), func(Some(RELATIVE), true, &[F64, I32])];
        let low = TypeId::of_group(&group);
        assert_eq!(low, TypeId::of_group(&group));
        assert!(low[0].matches(top) && low[0].matches(middle) && low[1].matches(low[0]) && top.matches(top));
        assert!(!top.matches(middle) && !middle.matches(low[0]));
        assert_ne!(top, TypeId::of(&FuncType::new([F64, I32], [])), "a final type is another one");
        assert_ne!(low[0], TypeId::of_group(&group[..1])[0], "the same in another group");
    }
}
