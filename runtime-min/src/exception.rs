//! Exceptions and their tags as the host sees them.

use std::fmt;
use std::ptr::{self, NonNull};

use wasmc_abi::signature::slot_count;
use wasmc_abi::vmctx::{exception, type_record};
use wasmc_abi::{TrapCode, ValType, object};

use crate::error::Error;
use crate::handle::Handle;
use crate::store::{AsContext, AsContextMut, StoreCore, StoreId};
use crate::trap::Trap;
use crate::type_registry::TypeId;
use crate::types::FuncType;
use crate::value::Val;
use crate::vmctx::Ptr;

/// An exception tag of a store: the kind of an exception, and the types of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// The tag itself. Its address is its identity, and its first slots are those of a type's record: exceptions
/// are objects with it for their type.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct TagData {
    reserved: u64,
    form: u64,
    pub(crate) ty: TypeId,
    /// Its number in the store.
    index: u32,
}

impl TagData {
    pub(crate) fn new(ty: TypeId, index: u32) -> TagData {
        TagData { reserved: 0, form: object::TAG_FORM, ty, index }
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

const _: () = assert!(std::mem::offset_of!(TagData, form) == type_record::FORM as usize);

/// See [`exception`]; the values follow.
#[derive(Debug)]
#[repr(C)]
struct Head {
    tag: Ptr<TagData>,
    own: u64,
}

const _: () = {
    assert!(std::mem::offset_of!(Head, tag) == exception::TAG as usize);
    assert!(std::mem::offset_of!(Head, own) == exception::OWN as usize);
    assert!(size_of::<Head>() == exception::LEN as usize);
};

/// An exception that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thrown(NonNull<Head>);

impl Thrown {
    /// The exception that a reference names; `None` for null.
    ///
    /// # Safety
    /// `bits` are a reference to an exception that has not been reclaimed, and is not before this is used.
    pub(crate) unsafe fn from_reference(bits: u64) -> Option<Thrown> {
        NonNull::new(ptr::with_exposed_provenance_mut(bits as usize)).map(Thrown)
    }

    /// # Safety
    /// As above; the object is an exception.
    pub(crate) unsafe fn from_object(object: NonNull<u8>) -> Thrown {
        Thrown(object.cast())
    }

    /// As compiled code holds it.
    pub(crate) fn reference(self) -> u64 {
        self.0.as_ptr().expose_provenance() as u64
    }

    /// Its tag.
    pub(crate) fn tag<'a>(self) -> &'a TagData {
        // SAFETY: the exception is there; its head names a tag of the store, which lives as long.
        unsafe { &*(*self.0.as_ptr()).tag.0 }
    }

    /// Slot `index` of its values.
    pub(crate) fn slot(self, index: usize) -> *mut u64 {
        assert!(index < self.tag().slots());
        // SAFETY: it has as many slots as its tag's type.
        unsafe { self.0.as_ptr().add(1).cast::<u64>().add(index) }
    }

    /// Hands over the references to objects that it has.
    pub(crate) fn each_reference(self, mut each: impl FnMut(u64)) {
        // SAFETY: slots of references, which are 0 or lead to objects.
        self.tag().references().for_each(|slot| each(unsafe { self.slot(slot).read() }));
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
pub struct ExnRef(pub(crate) Handle);

impl StoreCore {
    /// An exception with the tag of this number, its values 0; `None` if there is no memory. Objects that nobody refers
    /// to may be gone then.
    pub(crate) fn new_exception(&mut self, tag: u32) -> Option<Thrown> {
        let len = size_of::<Head>() + 8 * self.tags[tag].slots();
        let head = self.allocate_object(len as u64).ok()?.cast::<Head>();
        let tag = Ptr(self.tags.pointer(tag).as_ptr());
        // SAFETY: there is room for a head.
        unsafe { head.write(Head { tag, own: 0 }) };
        Some(Thrown(head))
    }

    pub(crate) fn new_tag(&mut self, ty: TypeId) -> Tag {
        let index = self.tags.len();
        Tag { store: self.id(), index: self.tags.push(TagData::new(ty, index)) }
    }

    pub(crate) fn tag(&self, tag: Tag) -> &TagData {
        tag.store.check(self.id());
        &self.tags[tag.index]
    }

    /// Makes what a host function throws.
    pub(crate) fn throw(&mut self, exception: &Exception) -> Result<Thrown, Error> {
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
    pub(crate) fn uncaught(&self, object: Thrown) -> Exception {
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
