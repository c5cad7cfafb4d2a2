//! Structs, arrays and exceptions where nothing is allocated. In: an image's types and tags, then a type or a tag at a time.
//! Out: their records in the instance's buffer, and objects, in what is left of it. What nothing refers to any more is
//! found by marking the rest, in all instances of a group, when there is no free cell.

use core::iter;
use core::mem::size_of;
use core::ptr::{self, NonNull};

use wasmc_abi::image::{ExternKind, NONE, TagRecord, TypeForm};
use wasmc_abi::ram::{self, OBJECT_HEAD_LEN, TAG_RECORD_LEN, TYPE_INFO_LEN};
use wasmc_abi::signature::slot_count;
use wasmc_abi::vmctx::{ALIGN, DISPLAY_MIN, exception, type_record};
use wasmc_abi::{FieldType, StorageType, TrapCode, ValType, object};
use wasmc_loader::Image;

use crate::arrays::Objects;
use crate::bare::cells;
use crate::bare::heap::{Cell, GRAIN};
use crate::bare::instance::Record;
use crate::guest::Guest;
use crate::references::{self, OWN};
use crate::roots::each_root;
use crate::vmctx::Ptr;

/// What a heap gets at first, if there is as much left, bytes.
const LEN_MIN: usize = 1024;

/// The most bytes of an object.
const LEN_MAX: u64 = 1 << 30;

/// What the runtime knows of a type or a tag, in front of its record, which holds this one's address.
#[derive(Debug)]
#[repr(C)]
struct Info {
    guest: Ptr<Guest>,
    /// Its index in the guest's image.
    index: u32,
    /// Length of a struct, of an array without elements, or of an exception, bytes.
    len: u32,
    /// Length of an array's element.
    element_len: u32,
}

const _: () = assert!(size_of::<Info>() == TYPE_INFO_LEN as usize);

/// What a module needs before it runs.
pub(super) fn needs(image: &Image<'_>) -> Option<ram::Objects> {
    let depths = (0..image.sub_types().len()).map(|ty| depth(image, ty));
    let own_tags = image.tags().len().saturating_sub(imported_tags(image));
    ram::Objects::new(depths, own_tags, image.tags().iter().map(|tag| slots(image, tag)))
}

/// Count of a type's supertypes.
fn depth(image: &Image<'_>, ty: u32) -> u32 {
    supertypes(image, ty).count() as u32
}

/// A type's supertypes, its own first.
fn supertypes(image: &Image<'_>, ty: u32) -> impl Iterator<Item = u32> {
    let of = |ty: u32| Some(image.sub_type(ty).supertype).filter(|ty| *ty != NONE);
    iter::successors(of(ty), move |ty| of(*ty))
}

/// Whether a function type of an image has more supertypes than the display of any record can show.
pub(super) fn has_deep_functions(image: &Image<'_>) -> bool {
    let is_function = |ty: &u32| image.sub_type(*ty).form == TypeForm::Function as u32;
    (0..image.sub_types().len()).filter(is_function).any(|ty| depth(image, ty) >= DISPLAY_MIN)
}

fn imported_tags(image: &Image<'_>) -> u32 {
    if image.tags().is_empty() {
        return 0;
    }
    image.imports().iter().filter(|import| import.kind == ExternKind::Tag as u32).count() as u32
}

/// The first slots of the values of exceptions with a tag, and their types.
fn values<'a>(image: &'a Image<'_>, tag: TagRecord) -> impl Iterator<Item = (usize, ValType)> + 'a {
    let types = image.types().get(tag.ty).map(|ty| image.params(&ty));
    types.into_iter().flatten().scan(0, |next, ty| {
        let slot = *next;
        *next += slot_count(ty);
        Some((slot, ty))
    })
}

fn slots(image: &Image<'_>, tag: TagRecord) -> u32 {
    values(image, tag).map(|(_, ty)| slot_count(ty) as u32).sum()
}

/// Writes the record of a type or tag, and what stands in front; its address.
///
/// # Safety
/// At `place`, aligned, is room for it, zeroed.
unsafe fn write(place: *mut u8, info: Info, form: u64) -> u64 {
    let record = place.wrapping_add(TYPE_INFO_LEN as usize).cast::<u64>();
    // SAFETY: by the caller's promise.
    unsafe {
        place.cast::<Info>().write(info);
        record.add(type_record::TYPE as usize / 8).write(place.expose_provenance() as u64);
        record.add(type_record::FORM as usize / 8).write(form);
    }
    record.addr() as u64
}

/// The records of an image's types, in its order, where their ids are not those of other instances'.
pub(super) struct TypeRecords {
    next: *mut u8,
}

impl TypeRecords {
    /// # Safety
    /// At `part`, aligned, are as many zeroed bytes as [`needs`] says that types need, as long as the instance lives.
    pub(super) unsafe fn new(part: *mut u8) -> TypeRecords {
        TypeRecords { next: part }
    }

    /// The id of the next type: `known`, or that of a record of its own; if the image's types have none, the address of
    /// the block's slot for it. Nothing that lies behind that is taken for a supertype's record: within reach of a display
    /// are other types' slots, tags and the runtime's record, and none of the module's types has supertypes.
    pub(super) fn next(&mut self, guest: &Guest, ty: u32, known: Option<u64>) -> u64 {
        let image = guest.image();
        if image.sub_types().is_empty() {
            return known.unwrap_or(guest.block().type_id(ty).pointer().addr().get() as u64);
        }
        let (place, depth) = (self.next, depth(image, ty));
        self.next = place.wrapping_add(ram::type_record_len(depth) as usize);
        if let Some(known) = known {
            return known;
        }
        let form = image.sub_type(ty).form;
        let record = image.types().get(ty);
        let mut fields = record.into_iter().flat_map(|ty| image.fields(&ty));
        let (len, element_len) = match TypeForm::from_number(form) {
            Some(TypeForm::Struct) => (object::struct_len(fields), 0),
            Some(TypeForm::Array) => {
                (object::ELEMENTS, fields.next().map_or(0, |field| object::storage_len(field.storage)))
            }
            _ => (0, 0),
        };
        let info = Info { guest: Ptr(ptr::from_ref(guest).cast_mut()), index: ty, len, element_len };
        // SAFETY: by the promise of `new`; the display has a slot for the type and each of its supertypes.
        unsafe {
            let id = write(place, info, form.into());
            let record = place.wrapping_add(TYPE_INFO_LEN as usize).cast::<u64>();
            record.add(type_record::DEPTH as usize / 8).write(depth.into());
            let display = record.add(type_record::LEN as usize / 8);
            display.add(depth as usize).write(id);
            for (ty, depth) in supertypes(image, ty).zip((0..depth).rev()) {
                display.add(depth as usize).write(guest.block().type_id(ty).get());
            }
            id
        }
    }
}

/// Makes the records of a module's tags, and the first part of its heap.
///
/// # Safety
/// At `part`, aligned, is what [`needs`] says, zeroed and nobody else's, for as long as the instance lives.
pub(super) unsafe fn prepare(record: &mut Record, part: *mut u8, needs: &ram::Objects) {
    let guest = &record.guest;
    let image = guest.image();
    let mut place = part.wrapping_add(needs.types_len as usize);
    for (index, tag) in (0..).zip(image.tags().iter()).skip(imported_tags(image) as usize) {
        let len = ram::exception_len(slots(image, tag)).unwrap_or(0);
        let info = Info { guest: Ptr(ptr::from_ref(guest).cast_mut()), index, len, element_len: 0 };
        // SAFETY: by the caller's promise.
        guest.block().tag(index).set(unsafe { write(place, info, object::TAG_FORM) });
        place = place.wrapping_add(TAG_RECORD_LEN as usize);
    }
    if needs.exceptions_len != 0 {
        let start = part.wrapping_add(ram::align(needs.types_len + needs.tags_len).unwrap_or(0) as usize);
        // SAFETY: by the caller's promise.
        unsafe { record.heap.add(start, needs.exceptions_len as usize) };
    }
}

/// # Safety
/// `record` is the address of one of a type or tag, of an instance that is there.
unsafe fn info<'a>(record: u64) -> &'a Info {
    let record: *const u64 = ptr::with_exposed_provenance(record as usize);
    // SAFETY: by the caller's promise.
    unsafe {
        let address = record.add(type_record::TYPE as usize / 8).read();
        &*ptr::with_exposed_provenance::<Info>(address as usize)
    }
}

/// The record of host values that became objects: of no type, but of a form.
static HOST_RECORD: [u64; (type_record::LEN / 8 + DISPLAY_MIN) as usize] = {
    let mut record = [0; (type_record::LEN / 8 + DISPLAY_MIN) as usize];
    record[type_record::FORM as usize / 8] = object::HOST_FORM;
    record
};

/// The value at an offset of an object.
///
/// # Safety
/// The object has one there.
unsafe fn at<T>(object: NonNull<u8>, offset: u32) -> *mut T {
    // SAFETY: by the caller's promise.
    unsafe { object.as_ptr().add(offset as usize).cast() }
}

/// Address of the record of its type or tag, and that one's form.
///
/// # Safety
/// It is an object that is there.
unsafe fn record_of(object: NonNull<u8>) -> (u64, u64) {
    // SAFETY: by the caller's promise; every record has a form.
    unsafe {
        let record = at::<u64>(object, object::TYPE).read();
        let form = ptr::with_exposed_provenance::<u64>(record as usize).add(type_record::FORM as usize / 8).read();
        (record, form)
    }
}

/// Hands over the references to objects that an object has.
///
/// # Safety
/// It is one that is there, and whose values are.
unsafe fn each_reference(object: NonNull<u8>, mut each: impl FnMut(u64)) {
    let is_reference = |field: &FieldType| matches!(field.storage, StorageType::Val(ty) if ty.is_collectable());
    // SAFETY: by the caller's promise; slots that its type or tag says are there.
    unsafe {
        let (record, form) = record_of(object);
        if form == object::HOST_FORM {
            return;
        }
        let info = info(record);
        let image = (*info.guest.0).image();
        if form == object::TAG_FORM {
            let tag = image.tags().get(info.index).into_iter();
            let values = tag.flat_map(|tag| values(image, tag)).filter(|(_, ty)| ty.is_collectable());
            return values.for_each(|(slot, _)| each(at::<u64>(object, exception::LEN + 8 * slot as u32).read()));
        }
        let mut fields = image.types().get(info.index).into_iter().flat_map(|ty| image.fields(&ty));
        if form == TypeForm::Struct as u64 {
            let fields = object::layout(fields).filter(|(field, _)| is_reference(field));
            fields.for_each(|(_, offset)| each(at::<u64>(object, offset).read()));
        } else if fields.next().is_some_and(|element| is_reference(&element)) {
            let count = at::<u32>(object, object::LEN).read();
            (0..count).for_each(|index| each(at::<u64>(object, object::ELEMENTS).add(index as usize).read()));
        }
    }
}

/// What an object, an exception or an integer is that the host was given as a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Referent {
    /// An integer of 31 bits.
    I31(i32),
    /// A struct.
    Struct,
    /// An array.
    Array,
    /// A host value's token.
    Host(u64),
    /// An exception.
    Exception,
}

impl Record {
    /// It and the other instances of its group.
    ///
    /// # Safety
    /// They are there, and nobody else uses them, as long as these are used.
    unsafe fn members(&mut self) -> impl Iterator<Item = *mut Record> + use<> {
        let first = ptr::from_mut(self);
        // SAFETY: they form a circle; one that is alone has no next.
        let next = move |record: &*mut Record| Some(unsafe { (**record).next }).filter(|next| !next.is_null());
        iter::successors(Some(first), move |record| next(record).filter(|next| *next != first))
    }

    /// What a reference leads to; `None` for null, and what is no reference.
    ///
    /// # Safety
    /// No code runs, and nobody else uses the instance and its group.
    pub(super) unsafe fn referent(&mut self, bits: u64) -> Option<Referent> {
        if bits & 1 == 1 {
            return Some(Referent::I31(references::i31_value(bits)));
        }
        // SAFETY: by the caller's promise; an object that is there.
        unsafe {
            self.members().find_map(|member| (*member).heap.find(bits))?;
            let object = NonNull::new(ptr::with_exposed_provenance_mut::<u8>(bits as usize))?;
            Some(match record_of(object).1 {
                object::HOST_FORM => Referent::Host(at::<u64>(object, object::TOKEN).read()),
                object::TAG_FORM => Referent::Exception,
                form if form == TypeForm::Struct as u64 => Referent::Struct,
                _ => Referent::Array,
            })
        }
    }

    /// Memory for an object of that many bytes, zeroed. Objects that nothing refers to may be gone then.
    ///
    /// # Safety
    /// Its code waits for the helper that this is called by, and nobody else uses the instance and its group.
    unsafe fn allocate(&mut self, len: u64) -> Result<NonNull<u8>, TrapCode> {
        let len = usize::try_from(len).ok().filter(|_| len <= LEN_MAX).ok_or(TrapCode::AllocationFailed)?;
        let len = len.next_multiple_of(GRAIN) + GRAIN;
        // SAFETY: by the caller's promise.
        unsafe {
            if let Some(object) = self.heap.take(len) {
                return Ok(object);
            }
            if !self.is_initialising {
                self.collect();
            }
            // Half full is full enough for collections to be worth their time.
            if self.is_initialising || self.heap.used() > self.heap.len() / 2 {
                let wanted = self.heap.len().max(LEN_MIN).min((self.free.1 - self.free.0) / 2);
                self.extend(len.max(wanted));
            }
            let mut object = self.heap.take(len);
            if object.is_none() && self.extend(len) {
                object = self.heap.take(len);
            }
            object.ok_or(TrapCode::AllocationFailed)
        }
    }

    /// Takes a part for cells of that many bytes from what is left of the buffer; whether it has as much.
    ///
    /// # Safety
    /// As `allocate`.
    unsafe fn extend(&mut self, len: usize) -> bool {
        let end = self.free.1;
        let start = end.checked_sub(len + OBJECT_HEAD_LEN as usize).map(|start| start & !(ALIGN as usize - 1));
        let Some(start) = start.filter(|start| *start >= self.free.0) else { return false };
        self.free.1 = start;
        // SAFETY: these bytes of the buffer are nobody's.
        unsafe { self.heap.add(ptr::with_exposed_provenance_mut(start), end - start) };
        true
    }

    /// Frees what nothing refers to, in all instances of the group.
    ///
    /// # Safety
    /// As `allocate`.
    unsafe fn collect(&mut self) {
        let mut list = ptr::null_mut();
        let mark = |list: &mut *mut Cell, reference: u64| {
            if reference != 0 && reference & 1 == 0 {
                // SAFETY: a reference to an object that is there, by the caller's promise.
                unsafe { Cell::mark(Cell::of(reference), list) };
            }
        };
        // SAFETY: by the caller's promise.
        unsafe {
            for member in self.members() {
                (*member).heap.clear(&mut list);
            }
            for member in self.members() {
                (*member).each_root(|reference| mark(&mut list, reference));
            }
            let cells = &*cells::cells();
            mark(&mut list, cells.exception);
            each_root(cells, |reference| mark(&mut list, reference));
            while let Some(object) = Cell::pop(&mut list) {
                each_reference(object, |reference| mark(&mut list, reference));
            }
        }
    }

    /// The references to objects that globals and tables have.
    fn each_root(&self, mut each: impl FnMut(u64)) {
        let (guest, image) = (&self.guest, self.guest.image());
        let is_collectable = |ty| ValType::from_number(ty).is_some_and(ValType::is_collectable);
        for (index, _) in (0..).zip(image.globals().iter()).filter(|(_, global)| is_collectable(global.ty)) {
            each(guest.global(index).get()[0]);
        }
        for (index, _) in (0..).zip(image.tables().iter()).filter(|(_, table)| is_collectable(table.ty)) {
            let elements = guest.table(index);
            (0..elements.count()).filter_map(|index| elements.get(index)).for_each(|element| each(element.bits()));
        }
    }

    /// A new exception with a tag of the instance's, for its code to give it its values: its address. `None` if those that
    /// are referred to have left no room.
    ///
    /// # Safety
    /// As `allocate`; the tag is there.
    pub(super) unsafe fn new_exception(&mut self, tag: u32) -> Option<u64> {
        let tag: u64 = self.guest.block().tag(tag).get();
        // SAFETY: by the caller's promise; an object of that length.
        unsafe {
            let exception = self.allocate(info(tag).len.into()).ok()?;
            at::<u64>(exception, exception::TAG).write(tag);
            Some(exception.expose_provenance().get() as u64)
        }
    }

    /// A host value as an object, or what had become one; `None` if there is no memory, or nothing that had.
    ///
    /// # Safety
    /// As `allocate`.
    pub(super) unsafe fn any_from_extern(&mut self, bits: u64) -> Option<u64> {
        if let Some(number) = references::i31_of_extern(bits) {
            return Some(number);
        }
        // SAFETY: by the caller's promise; an object of that length.
        unsafe {
            if references::is_own_extern(bits) {
                let is_pinned = self.members().find_map(|member| (*member).heap.find(bits & !OWN));
                return is_pinned.filter(|pinned| *pinned).map(|_| bits & !OWN);
            }
            let object = self.allocate(u64::from(object::TOKEN) + 8).ok()?;
            at::<u64>(object, object::TYPE).write(HOST_RECORD.as_ptr().expose_provenance() as u64);
            at::<u64>(object, object::TOKEN).write(bits);
            Some(object.expose_provenance().get() as u64)
        }
    }

    /// A reference as a host value, or what had become one; `None` for null. An object stays for ever then: the host may
    /// keep it where nobody looks.
    ///
    /// # Safety
    /// As `allocate`; the reference is of the hierarchy of `any`.
    pub(super) unsafe fn extern_from_any(&mut self, bits: u64) -> Option<u64> {
        if bits & 1 == 1 {
            return Some(references::extern_of_i31(bits));
        }
        let object = NonNull::new(ptr::with_exposed_provenance_mut::<u8>(bits as usize))?;
        // SAFETY: by the caller's promise an object that is there.
        unsafe {
            if record_of(object).1 == object::HOST_FORM {
                return Some(at::<u64>(object, object::TOKEN).read());
            }
            Cell::pin(Cell::of(bits));
        }
        Some(OWN | bits)
    }
}

impl Objects for Record {
    unsafe fn new_object(&mut self, record: u64, count: u64) -> Result<u64, TrapCode> {
        // SAFETY: by the caller's promise; a new object, with a length if it is an array.
        unsafe {
            let &Info { len, element_len, .. } = info(record);
            let object = self.allocate(u64::from(len) + count * u64::from(element_len))?;
            at::<u64>(object, object::TYPE).write(record);
            if element_len != 0 {
                at::<u32>(object, object::LEN).write(count as u32);
            }
            Ok(object.expose_provenance().get() as u64)
        }
    }

    unsafe fn element_len(record: u64) -> u32 {
        // SAFETY: by the caller's promise.
        unsafe { info(record) }.element_len
    }
}
