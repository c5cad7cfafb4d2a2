//! Exceptions and their tags as the host sees them.

use std::fmt;

use wasmc_abi::signature::slot_count;
use wasmc_abi::{TrapCode, ValType};

use crate::error::Error;
use crate::heap::Object;
use crate::store::{AsContext, AsContextMut, StoreCore, StoreId};
use crate::trap::Trap;
use crate::type_registry::TypeId;
use crate::types::FuncType;
use crate::value::Val;

/// An exception tag of a store: the kind of an exception, and the types of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// The tag itself. Its address is its identity.
#[derive(Debug)]
pub(crate) struct TagData {
    pub(crate) ty: TypeId,
    /// Its number in the store.
    index: u32,
}

impl TagData {
    pub(crate) fn new(ty: TypeId, index: u32) -> TagData {
        TagData { ty, index }
    }

    /// How many slots the values of an exception take.
    pub(crate) fn slots(&self) -> usize {
        self.ty.ty().params().iter().map(|ty| slot_count(*ty)).sum()
    }

    /// The values' first slots, with their types.
    fn values(&self) -> impl Iterator<Item = (usize, ValType)> {
        self.ty.ty().params().iter().scan(0, |next, ty| {
            let slot = *next;
            *next += slot_count(*ty);
            Some((slot, *ty))
        })
    }

    /// The slots that hold references to objects.
    pub(crate) fn references(&self) -> impl Iterator<Item = usize> {
        self.values().filter(|(_, ty)| ty.is_collectable()).map(|(slot, _)| slot)
    }
}

impl Tag {
    /// A tag made by the host, for exceptions with values of the types of these parameters.
    pub fn new(store: &mut impl AsContextMut, params: impl IntoIterator<Item = ValType>) -> Tag {
        store.as_context_mut().core_mut().new_tag(TypeId::of(&FuncType::new(params, [])))
    }

    /// Its type, which has no results.
    pub fn ty(&self, store: &impl AsContext) -> FuncType {
        store.as_context().core().tag(*self).ty.ty().clone()
    }
}

/// An exception that the guest has thrown and nothing has caught, or that a host function throws by returning it as
/// its error.
#[derive(Clone, Debug, PartialEq)]
pub struct Exception {
    tag: Tag,
    values: Vec<Val>,
}

impl Exception {
    /// An exception for a host function to throw. An error if the values are not of the tag's types.
    pub fn new(store: &impl AsContext, tag: Tag, values: &[Val]) -> Result<Exception, Error> {
        let (ty, found) = (tag.ty(store), FuncType::new(values.iter().map(Val::ty), []));
        if ty != found {
            return Err(Error::Type(format!("The tag has the type {ty}, and the values have the type {found}.")));
        }
        Ok(Exception { tag, values: values.to_vec() })
    }

    /// Its tag.
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// Its values.
    pub fn values(&self) -> &[Val] {
        &self.values
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("The guest threw an exception that nothing caught")?;
        for (index, value) in self.values.iter().enumerate() {
            write!(f, "{} {} {value}", if index == 0 { ", with the values" } else { "," }, value.ty())?;
        }
        f.write_str(".")
    }
}

impl std::error::Error for Exception {}

/// A reference to an exception, for the host to hold: until it lets go of all of them
/// ([`Store::release_references`](crate::Store::release_references)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExnRef {
    store: StoreId,
    index: u32,
    round: u32,
}

/// The references that the host was given.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    references: Vec<u64>,
    /// How often the host has let go of all. Wraps.
    round: u32,
}

impl Handles {
    pub(crate) fn references(&self) -> &[u64] {
        &self.references
    }

    pub(crate) fn release(&mut self) {
        self.references.clear();
        self.round = self.round.wrapping_add(1);
    }
}

impl StoreCore {
    pub(crate) fn new_tag(&mut self, ty: TypeId) -> Tag {
        let index = self.tags.len();
        Tag { store: self.id(), index: self.tags.push(TagData::new(ty, index)) }
    }

    pub(crate) fn tag(&self, tag: Tag) -> &TagData {
        tag.store.check(self.id());
        &self.tags[tag.index]
    }

    /// A handle for a reference to an object that is there; `None` for null.
    pub(crate) fn new_handle(&self, reference: u64) -> Option<ExnRef> {
        if reference == 0 {
            return None;
        }
        let mut handles = self.handles.borrow_mut();
        let (index, round) = (handles.references.len() as u32, handles.round);
        handles.references.push(reference);
        Some(ExnRef { store: self.id(), index, round })
    }

    /// The reference of a handle.
    pub(crate) fn handle_slot(&self, handle: Option<ExnRef>) -> u64 {
        let Some(ExnRef { store, index, round }) = handle else { return 0 };
        store.check(self.id());
        let handles = self.handles.borrow();
        assert!(round == handles.round, "a reference was used after the host had let go of it");
        handles.references[index as usize]
    }

    /// Makes what a host function throws.
    pub(crate) fn throw(&mut self, exception: &Exception) -> Result<Object, Error> {
        let ty = self.tag(exception.tag).ty.ty();
        let mut slots = Vec::new();
        for (value, ty) in exception.values.iter().zip(ty.params()) {
            slots.extend_from_slice(&self.to_slots(value, *ty)?[..slot_count(*ty)]);
        }
        // References among the values are the host's, so they stay.
        let object = self.new_exception(exception.tag.index);
        let object = object.ok_or(Trap::new(TrapCode::AllocationFailed))?;
        for (index, value) in slots.into_iter().enumerate() {
            // SAFETY: a slot of a new object.
            unsafe { object.slot(index).write(value) };
        }
        Ok(object)
    }

    /// An exception that has come to the host.
    pub(crate) fn uncaught(&self, object: Object) -> Exception {
        let tag = object.tag();
        let value = |(slot, ty): (usize, ValType)| {
            let high = if slot_count(ty) == 2 { slot + 1 } else { slot };
            // SAFETY: slots of an object that is there.
            let slots = unsafe { [object.slot(slot).read(), object.slot(high).read()] };
            Val::from_slots(slots, ty, self)
        };
        Exception { tag: Tag { store: self.id(), index: tag.index }, values: tag.values().map(value).collect() }
    }
}
