//! What objects are: structs, arrays, exceptions, and host values that became objects. Making them, finding out which
//! are still referred to.

use std::collections::HashMap;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use wasmc_abi::image::TypeForm;
use wasmc_abi::vmctx::{DISPLAY_MIN, type_record};
use wasmc_abi::{HeapType, TrapCode, object};

use crate::exception;
use crate::references::{self, OWN};
use crate::store::StoreCore;
use crate::type_registry::TypeId;

/// The most bytes of an object.
const LEN_MAX: u64 = 1 << 31;

/// References that became host values, by number. They are kept: the host may hold them where nobody looks.
#[derive(Debug, Default)]
pub(crate) struct Externals {
    references: Vec<u64>,
    numbers: HashMap<u64, u64>,
}

impl Externals {
    pub(crate) fn references(&self) -> &[u64] {
        &self.references
    }
}

/// The record of host values that became objects: of no type, but of a form.
fn host_record() -> u64 {
    static RECORD: OnceLock<Vec<u64>> = OnceLock::new();
    let record = RECORD.get_or_init(|| {
        let mut record = vec![0; type_record::LEN as usize / 8 + DISPLAY_MIN as usize];
        record[type_record::FORM as usize / 8] = object::HOST_FORM;
        record
    });
    record.as_ptr().expose_provenance() as u64
}

/// What a reference of the hierarchy of `any` leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Referent {
    /// An integer of 31 bits.
    I31(i32),
    /// A struct or an array.
    Object(TypeId),
    /// A host value.
    Host(u64),
}

/// An object that is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object(NonNull<u8>);

impl Object {
    /// The object that a reference names; `None` for null and for integers.
    ///
    /// # Safety
    /// `bits` are a reference of a store, whose object has not been reclaimed, and is not before this is used.
    pub(crate) unsafe fn from_reference(bits: u64) -> Option<Object> {
        let pointer = ptr::with_exposed_provenance_mut(bits as usize);
        if bits & 1 == 1 { None } else { NonNull::new(pointer).map(Object) }
    }

    fn reference(self) -> u64 {
        self.0.as_ptr().expose_provenance() as u64
    }

    /// The value at an offset.
    ///
    /// # Safety
    /// The object has one there.
    pub(crate) unsafe fn at<T>(self, offset: u32) -> *mut T {
        // SAFETY: by the caller's promise.
        unsafe { self.0.as_ptr().add(offset as usize).cast() }
    }

    /// Address of the record of its type, or of its tag.
    pub(crate) fn record(self) -> u64 {
        // SAFETY: every object has one.
        unsafe { self.at::<u64>(object::TYPE).read() }
    }

    fn form(self) -> u64 {
        let record: *const u64 = ptr::with_exposed_provenance(self.record() as usize);
        // SAFETY: every record has a form, tags too.
        unsafe { record.add(type_record::FORM as usize / 8).read() }
    }

    /// # Safety
    /// It is a struct or an array.
    pub(crate) unsafe fn ty(self) -> TypeId {
        // SAFETY: the record of a type.
        unsafe { TypeId::from_slot(self.record()) }
    }

    /// # Safety
    /// It is an array.
    pub(crate) unsafe fn len(self) -> u32 {
        // SAFETY: by the caller's promise.
        unsafe { self.at::<u32>(object::LEN).read() }
    }

    /// Hands over the references to objects that it has.
    fn each_reference(self, mut each: impl FnMut(u64)) {
        // SAFETY: slots that its type or tag says are there, and filled.
        unsafe {
            match self.form() {
                form if form == TypeForm::Struct as u64 => {
                    let offsets = &self.ty().object().references;
                    offsets.iter().for_each(|offset| each(self.at::<u64>(*offset).read()));
                }
                form if form == TypeForm::Array as u64 => {
                    if let Some(offset) = self.ty().object().references.first() {
                        let elements = self.at::<u64>(*offset);
                        (0..self.len() as usize).for_each(|index| each(elements.add(index).read()));
                    }
                }
                object::TAG_FORM => exception::Thrown::from_object(self.0).each_reference(each),
                _ => {}
            }
        }
    }
}

/// What a reference leads to; `None` for null.
///
/// # Safety
/// As [`Object::from_reference`]; it is of the hierarchy of `any`.
pub(crate) unsafe fn referent(bits: u64) -> Option<Referent> {
    if bits & 1 == 1 {
        return Some(Referent::I31(references::i31_value(bits)));
    }
    // SAFETY: by the caller's promise.
    let object = unsafe { Object::from_reference(bits) }?;
    Some(match object.form() {
        // SAFETY: by its form it has a token.
        object::HOST_FORM => Referent::Host(unsafe { object.at::<u64>(object::TOKEN).read() }),
        // SAFETY: what else the hierarchy has.
        _ => Referent::Object(unsafe { object.ty() }),
    })
}

impl Referent {
    /// What it is, defined types aside; `Any` for a host value.
    pub(crate) fn heap_type(self) -> HeapType {
        match self {
            Referent::I31(_) => HeapType::I31,
            Referent::Object(ty) if ty.object().element_len != 0 => HeapType::Array,
            Referent::Object(_) => HeapType::Struct,
            Referent::Host(_) => HeapType::Any,
        }
    }
}

impl StoreCore {
    /// Memory for an object of that many bytes, zeroed. Objects that nobody refers to may be gone then.
    pub(crate) fn allocate_object(&mut self, len: u64) -> Result<NonNull<u8>, TrapCode> {
        let len = usize::try_from(len).ok().filter(|_| len <= LEN_MAX).ok_or(TrapCode::AllocationFailed)?;
        if self.heap.is_due(len) {
            self.collect();
        }
        if let Some(object) = self.heap.allocate(len) {
            return Ok(object);
        }
        self.collect();
        self.heap.allocate(len).ok_or(TrapCode::AllocationFailed)
    }

    /// Frees what nothing refers to.
    pub(crate) fn collect(&mut self) {
        if self.heap.is_paused() {
            return;
        }
        let mut pending = self.find_roots();
        self.heap.clear_marks();
        while let Some(reference) = pending.pop() {
            // SAFETY: what is referred to has not been freed.
            let Some(object) = (unsafe { Object::from_reference(reference) }) else { continue };
            // SAFETY: an object of the store.
            if unsafe { self.heap.mark(object.0) } {
                let mut is_full = false;
                object.each_reference(|reference| {
                    is_full |= pending.try_reserve(1).is_err();
                    if !is_full {
                        pending.push(reference);
                    }
                });
                if is_full {
                    self.heap.mark_all();
                    break;
                }
            }
        }
        self.heap.sweep();
    }

    /// A host value as an object, or what had become one; `None` if there is no memory, or nothing that had.
    pub(crate) fn any_from_extern(&mut self, bits: u64) -> Option<u64> {
        if let Some(number) = references::i31_of_extern(bits) {
            return Some(number);
        }
        if references::is_own_extern(bits) {
            return self.externals.references.get((bits & !OWN) as usize).copied();
        }
        let object = Object(self.allocate_object(u64::from(object::TOKEN) + 8).ok()?);
        // SAFETY: a new object of that length.
        unsafe {
            object.at::<u64>(object::TYPE).write(host_record());
            object.at::<u64>(object::TOKEN).write(bits);
        }
        Some(object.reference())
    }

    /// A reference as a host value, or what had become one; `None` for null, and if there is no memory.
    ///
    /// # Safety
    /// As [`referent`].
    pub(crate) unsafe fn extern_from_any(&mut self, bits: u64) -> Option<u64> {
        // SAFETY: by the caller's promise.
        match unsafe { referent(bits) }? {
            Referent::I31(_) => Some(references::extern_of_i31(bits)),
            Referent::Host(token) => Some(token),
            Referent::Object(_) => {
                let Externals { references, numbers } = &mut self.externals;
                references.try_reserve(1).ok()?;
                numbers.try_reserve(1).ok()?;
                let number = *numbers.entry(bits).or_insert_with(|| {
                    references.push(bits);
                    references.len() as u64 - 1
                });
                Some(OWN | number)
            }
        }
    }
}

#[cfg(feature = "gc")]
impl crate::arrays::Objects for StoreCore {
    unsafe fn new_object(&mut self, record: u64, count: u64) -> Result<u64, TrapCode> {
        // SAFETY: by the caller's promise.
        let layout = unsafe { TypeId::from_slot(record) }.object();
        let len = u64::from(layout.len) + count * u64::from(layout.element_len);
        let object = Object(self.allocate_object(len)?);
        // SAFETY: a new object, with a length if it is an array.
        unsafe {
            object.at::<u64>(object::TYPE).write(record);
            if layout.element_len != 0 {
                object.at::<u32>(object::LEN).write(count as u32);
            }
        }
        Ok(object.reference())
    }

    unsafe fn element_len(record: u64) -> u32 {
        // SAFETY: by the caller's promise.
        unsafe { TypeId::from_slot(record) }.object().element_len
    }
}
