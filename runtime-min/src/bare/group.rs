//! Instances that import from one another: modules that are linked on the device. Each lives in a buffer of its own;
//! all are of one host, and called one at a time. Firmware that has none keeps nothing of this.

use core::iter;
use core::marker::PhantomData;
use core::ptr::NonNull;

#[cfg(feature = "gc")]
use wasmc_abi::TrapCode;
use wasmc_abi::image::{ExternKind, ImportRecord, NONE, TypeForm};
use wasmc_abi::{FieldType, StorageType, ValType};
use wasmc_loader::Image;

use crate::bare::error::Error;
use crate::bare::host::HostFunc;
use crate::bare::instance::{Bare, Instance, Linking, Record};
#[cfg(feature = "gc")]
use crate::bare::objects;
use crate::bare::{Module, Stack, call};
#[cfg(feature = "gc")]
use crate::builtins::Segment;
use crate::builtins::{self, Growth, HelperTable};
use crate::guest::Guest;
use crate::vmctx::{Block, MemoryRecord, RawRef, Slot, TableRecord};

/// Up to `N` instances, of modules that import from one another and from a host with data of type `T`.
///
/// ```
/// # use wasmc_runtime::bare::{Error, Group, HostFunc, Module, Stack};
/// # #[allow(unused)]
/// /// `program` imports from `library`.
/// fn run<'a>(
///     [library, program]: [&'a Module<'a>; 2],
///     [library_ram, program_ram]: [&'a mut [u8]; 2],
///     host: &'a mut (),
///     stack: Stack,
/// ) -> Result<i32, Error<'a>> {
///     let mut group = Group::<(), 2>::new(&[], host, stack);
///     let library = group.add(library, library_ram)?;
///     group.name(library, "library")?;
///     let program = group.add(program, program_ram)?;
///     group.instance(program).call::<(), i32>("main", ())
/// }
/// ```
#[derive(Debug)]
pub struct Group<'a, T, const N: usize> {
    members: [Option<NonNull<Record>>; N],
    names: [Option<(&'a str, Member)>; N],
    host: &'a [HostFunc<T>],
    data: *mut T,
    stack: Stack,
    /// What was lent.
    lent: PhantomData<(&'a mut [u8], &'a mut T, &'a Module<'a>)>,
}

/// An instance of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member(usize);

impl<'a, T, const N: usize> Group<'a, T, N> {
    /// One without instances. What they import that none of them exports is looked for in `host`.
    pub fn new(host: &'a [HostFunc<T>], data: &'a mut T, stack: Stack) -> Self {
        Group { members: [None; N], names: [None; N], host, data, stack, lent: PhantomData }
    }

    /// Makes an instance, as [`Instance::new`] does. Functions, tables, memories and globals that the module imports
    /// are exports of instances that have got a [`name`](Self::name), or functions of the host. So are exception tags.
    ///
    /// A module that has such tags imports nothing but numbers from one that has none, nor that from it: code without them
    /// does not look for exceptions.
    ///
    /// If it ends by a trap, what it has written to imported tables and memories stays (spec: exec/modules,
    /// instantiation), so that the instance stays too, though it cannot be called from here.
    pub fn add(&mut self, module: &'a Module<'a>, ram: &'a mut [u8]) -> Result<Member, Error<'a>> {
        let place = self.members.iter().position(Option::is_none).ok_or(Error::GroupLen { most: N })?;
        let others = Others { members: &self.members, names: &self.names };
        #[cfg(feature = "gc")]
        if objects::has_deep_functions(module.image()) {
            return Err(Error::GroupTypes);
        }
        let mut instance = Instance::allocate(module, ram, self.data, self.stack, &others)?;
        instance.link(module, self.host, &others)?;
        let record = instance.record();
        // SAFETY: records stay where they are as long as their buffers are lent, and no code runs.
        unsafe {
            let first = self.members.first().copied().flatten().unwrap_or(record).as_ptr();
            (*record.as_ptr()).next = if (*first).next.is_null() { first } else { (*first).next };
            (*first).next = record.as_ptr();
        }
        if let Some(member) = self.members.get_mut(place) {
            *member = Some(record);
        }
        instance.start()?;
        Ok(Member(place))
    }

    /// Lets those that come later import from an instance by a module name. Of two instances with the same name the
    /// later one counts.
    pub fn name(&mut self, member: Member, name: &'a str) -> Result<(), Error<'static>> {
        let same = self.names.iter().position(|entry| entry.is_some_and(|(other, _)| other == name));
        let place = same.or_else(|| self.names.iter().position(Option::is_none));
        let entry = place.and_then(|place| self.names.get_mut(place)).ok_or(Error::GroupLen { most: N })?;
        *entry = Some((name, member));
        Ok(())
    }

    /// An instance, to be called.
    ///
    /// # Panics
    /// If it is one of another group that has more.
    pub fn instance(&mut self, member: Member) -> Instance<'_, T> {
        let record = self.members.get(member.0).copied().flatten();
        // SAFETY: it was made for a host with such data, and nobody else can use it or another of the group meanwhile.
        unsafe { Instance::of(record.expect("the instance is one of this group")) }
    }
}

/// The helpers of instances of groups.
pub(super) static HELPERS: HelperTable = builtins::table::<Grouped>();

/// What there is to import from.
struct Others<'g, 'a> {
    members: &'g [Option<NonNull<Record>>],
    names: &'g [Option<(&'a str, Member)>],
}

impl Others<'_, '_> {
    fn guest(&self, index: usize) -> Option<&Guest> {
        let record = self.members.get(index).copied().flatten()?;
        // SAFETY: the record lives as long as the group, and is no code's while instances are made.
        Some(unsafe { &record.as_ref().guest })
    }

    /// The instance with a name, and the index of its export of this name and kind.
    fn find(&self, module: &str, name: &str, kind: u32) -> Option<Export> {
        let (_, member) = self.names.iter().flatten().find(|(other, _)| *other == module)?;
        let record = self.members.get(member.0).copied().flatten()?;
        let export = self.guest(member.0)?.image().find_export(name).filter(|export| export.kind == kind)?;
        // A record starts with what it has of the guest.
        Some(Export { guest: record.cast(), index: export.index })
    }
}

/// What an instance exports, by the index in its kind's index space.
#[derive(Clone, Copy)]
struct Export {
    guest: NonNull<Guest>,
    index: u32,
}

impl Export {
    fn guest<'g>(self) -> &'g Guest {
        // SAFETY: `find` has found it among the members of a group that is there, and no code runs.
        unsafe { self.guest.as_ref() }
    }
}

impl Linking for Others<'_, '_> {
    fn helpers(&self) -> *mut HelperTable {
        (&raw const HELPERS).cast_mut()
    }

    /// That of the first instance that has the type.
    fn type_id(&self, guest: &Guest, ty: u32) -> Option<u64> {
        (0..self.members.len()).map_while(|index| self.guest(index)).find_map(|other| {
            let same = (0..other.image().types().len()).find(|same| is_same(guest, ty, other, *same))?;
            Some(other.block().type_id(same).get())
        })
    }

    fn link<'m>(&self, guest: &Guest, image: &Image<'m>, import: &ImportRecord, index: u32) -> Result<bool, Error<'m>> {
        let (module, name) = image.import_names(import);
        let found = self.find(module, name, import.kind);
        let shares_nothing = import.kind == ExternKind::Global as u32
            && import.flags == 0
            && ValType::from_number(import.ty).is_some_and(|ty| ty.ref_type().is_none());
        let has_tags = |image: &Image<'_>| !image.tags().is_empty();
        if found.is_some_and(|export| !shares_nothing && has_tags(export.guest().image()) != has_tags(image)) {
            return Err(Error::GroupExceptions { module, name });
        }
        let linked = match (ExternKind::from_number(import.kind), found) {
            (Some(ExternKind::Function), None) | (None, _) => return Ok(false),
            (Some(ExternKind::Function), Some(export)) => {
                let function = export.guest().callable(export.index);
                let wanted = guest.block().type_id(import.ty).get();
                let declared = export.guest().image().function_type(export.index);
                let is_sub = declared.is_some_and(|ty| is_subtype(export.guest(), ty, wanted));
                if function.type_id != wanted && !is_sub {
                    return Err(Error::ImportType { module, name });
                }
                guest.block().imported_function(index).set(function);
                Some(())
            }
            (Some(ExternKind::Table), Some(found)) => link_table(guest, image, found, index),
            (Some(ExternKind::Memory), Some(found)) => link_memory(guest, image, found, index),
            (Some(ExternKind::Global), Some(found)) => link_global(guest, import, found, index),
            #[cfg(feature = "gc")]
            (Some(ExternKind::Tag), Some(found)) => link_tag(guest, image, found, index),
            (Some(_), _) => None,
        };
        match linked {
            Some(()) => Ok(true),
            None => {
                let kind = ExternKind::from_number(import.kind).unwrap_or(ExternKind::Function);
                Err(Error::NotExported { module, name, kind })
            }
        }
    }
}

fn link_table(guest: &Guest, image: &Image<'_>, export: Export, index: u32) -> Option<()> {
    let wanted = image.tables().get(index)?;
    // SAFETY: the exporter is one of a group that is there, and no code runs.
    let (owner, place) = unsafe { owner_of_table(export.guest, export.index) };
    let exporter = Export { guest: owner, index: place }.guest();
    let found = exporter.image().tables().get(place)?;
    let (have, want) = (ValType::from_number(found.ty)?, ValType::from_number(wanted.ty)?);
    // What is read from it is of the one type, what is written to it of the other.
    let fits = matches(exporter, have, guest, want) && matches(guest, want, exporter, have);
    let fits = fits && found.is_wide() == wanted.is_wide();
    let fits = fits && has_limits(exporter.table(place).count(), found.max(), wanted.min, wanted.max());
    fits.then(|| Block::link_owned(guest.block().table(index), exporter.block().table(place), owner.as_ptr()))
}

fn link_memory(guest: &Guest, image: &Image<'_>, export: Export, index: u32) -> Option<()> {
    let wanted = image.memories().get(index)?;
    // SAFETY: as above.
    let (owner, place) = unsafe { owner_of_memory(export.guest, export.index) };
    let exporter = Export { guest: owner, index: place }.guest();
    let found = exporter.image().memories().get(place)?;
    let page_len = found.page_len();
    let fits = page_len == wanted.page_len() && found.is_wide() == wanted.is_wide() && !wanted.is_shared();
    let pages = exporter.memory(place).pages(page_len);
    let fits = fits && has_limits(pages, found.max(), wanted.min, wanted.max());
    fits.then(|| Block::link_owned(guest.block().memory(index), exporter.block().memory(place), owner.as_ptr()))
}

fn link_global(guest: &Guest, import: &ImportRecord, export: Export, index: u32) -> Option<()> {
    let exporter = export.guest();
    let found = exporter.image().globals().get(export.index)?;
    let (have, want) = (ValType::from_number(found.ty)?, ValType::from_number(import.ty)?);
    let mutable = import.flags == 1;
    let fits = matches(exporter, have, guest, want) && (found.mutable == 1) == mutable;
    if !fits || mutable && !matches(guest, want, exporter, have) {
        return None;
    }
    let (slot, value) = (guest.block().global(index), exporter.global(export.index));
    if mutable {
        Block::link(slot, value)
    } else {
        slot.set(value.get())
    }
    Some(())
}

#[cfg(feature = "gc")]
fn link_tag(guest: &Guest, image: &Image<'_>, export: Export, index: u32) -> Option<()> {
    let exporter = export.guest();
    let (have, want) = (exporter.image().tags().get(export.index)?.ty, image.tags().get(index)?.ty);
    let fits = exporter.block().type_id(have).get() == guest.block().type_id(want).get();
    fits.then(|| guest.block().tag::<u64>(index).set(exporter.block().tag(export.index).get()))
}

/// Whether something of that size and maximum is as an import wants it (spec: valid/matching, limits).
fn has_limits(size: u64, max: Option<u64>, wanted_min: u64, wanted_max: Option<u64>) -> bool {
    size >= wanted_min && wanted_max.is_none_or(|wanted| max.is_some_and(|max| max <= wanted))
}

/// The instance that a memory of an instance is defined in, and its index there.
///
/// # Safety
/// The instance is one of a group, and is there, and what it imports from.
unsafe fn owner_of_memory(guest: NonNull<Guest>, index: u32) -> (NonNull<Guest>, u32) {
    // SAFETY: by the caller's promise; `link_memory` has put the owner's address there.
    unsafe {
        if index >= guest.as_ref().image().header().imported_memories {
            return (guest, index);
        }
        let slot = guest.as_ref().block().memory(index);
        let owner: NonNull<Guest> = Block::owner(slot);
        let record: Slot<MemoryRecord> = Block::linked(slot);
        (owner, record.index_from(owner.as_ref().block().memory(0)))
    }
}

/// The same of a table.
///
/// # Safety
/// As above.
unsafe fn owner_of_table(guest: NonNull<Guest>, index: u32) -> (NonNull<Guest>, u32) {
    // SAFETY: as above; `link_table` has put the owner's address there.
    unsafe {
        if index >= guest.as_ref().image().header().imported_tables {
            return (guest, index);
        }
        let slot = guest.as_ref().block().table(index);
        let owner: NonNull<Guest> = Block::owner(slot);
        let record: Slot<TableRecord> = Block::linked(slot);
        (owner, record.index_from(owner.as_ref().block().table(0)))
    }
}

/// Instances of a group: what they import grows where it is defined.
struct Grouped;

impl Growth for Grouped {
    unsafe fn grow_memory(guest: NonNull<Guest>, memory: u32, delta_pages: u64) -> Option<u64> {
        // SAFETY: by the caller's promise; records are the first fields of instances' own.
        unsafe {
            let (owner, memory) = owner_of_memory(guest, memory);
            Bare::grow_memory(owner, memory, delta_pages)
        }
    }

    unsafe fn grow_table(guest: NonNull<Guest>, table: u32, delta: u64, value: RawRef) -> Option<u64> {
        // SAFETY: as above.
        unsafe {
            let (owner, table) = owner_of_table(guest, table);
            Bare::grow_table(owner, table, delta, value)
        }
    }

    #[cfg(feature = "gc")]
    unsafe fn new_exception(guest: NonNull<Guest>, tag: u32) -> Option<u64> {
        // SAFETY: as above.
        unsafe { Bare::new_exception(guest, tag) }
    }

    #[cfg(feature = "gc")]
    unsafe fn new_object(guest: NonNull<Guest>, record: u64, count: u64) -> Result<u64, TrapCode> {
        // SAFETY: as above.
        unsafe { Bare::new_object(guest, record, count) }
    }

    #[cfg(feature = "gc")]
    unsafe fn new_array(
        guest: NonNull<Guest>,
        record: u64,
        segment: Segment,
        from: u64,
        count: u64,
    ) -> Result<u64, TrapCode> {
        // SAFETY: as above.
        unsafe { Bare::new_array(guest, record, segment, from, count) }
    }

    #[cfg(feature = "gc")]
    unsafe fn init_array(
        guest: NonNull<Guest>,
        array: u64,
        segment: Segment,
        to: u64,
        from: u64,
        count: u64,
    ) -> Result<(), TrapCode> {
        // SAFETY: as above.
        unsafe { Bare::init_array(guest, array, segment, to, from, count) }
    }

    #[cfg(feature = "gc")]
    unsafe fn any_from_extern(guest: NonNull<Guest>, reference: u64) -> Option<u64> {
        // SAFETY: as above.
        unsafe { Bare::any_from_extern(guest, reference) }
    }

    #[cfg(feature = "gc")]
    unsafe fn extern_from_any(guest: NonNull<Guest>, reference: u64) -> Option<u64> {
        // SAFETY: as above.
        unsafe { Bare::extern_from_any(guest, reference) }
    }

    fn is_interrupted() -> bool {
        call::is_stopped()
    }
}

/// Whether two types are equal: the same of equal groups (spec: valid/conventions, defined types).
fn is_same(a: &Guest, a_index: u32, b: &Guest, b_index: u32) -> bool {
    let (x, y) = (Recursion::of(a, a_index), Recursion::of(b, b_index));
    a_index - x.first == b_index - y.first
        && x.end - x.first == y.end - y.first
        && (x.first..x.end).zip(y.first..y.end).all(|(x_index, y_index)| x.is_equal(x_index, &y, y_index))
}

/// A recursion group of an image.
struct Recursion<'g> {
    guest: &'g Guest,
    first: u32,
    end: u32,
}

impl<'g> Recursion<'g> {
    /// That of a type.
    fn of(guest: &'g Guest, ty: u32) -> Recursion<'g> {
        let (image, first) = (guest.image(), guest.image().sub_type(ty).group);
        let count = image.types().len();
        let end = (ty + 1..count).find(|index| image.sub_type(*index).group != first).unwrap_or(count);
        Recursion { guest, first, end }
    }

    /// What a type is that one of the group names: its place in the group, or its id.
    fn part(&self, index: u32) -> (bool, u64) {
        match index.checked_sub(self.first) {
            Some(place) if index < self.end => (true, place.into()),
            _ => (false, self.guest.block().type_id(index).get()),
        }
    }

    /// The same of a field or a value, with what it is beside.
    fn field(&self, field: FieldType) -> (FieldType, Option<(bool, u64)>) {
        let index = match field.storage {
            StorageType::Val(ty) => ty.ref_type().and_then(|ty| ty.index()),
            StorageType::I8 | StorageType::I16 => None,
        };
        (field.map_index(|_| 0), index.map(|index| self.part(index)))
    }

    /// Whether a type of the group is what one of another is.
    fn is_equal(&self, index: u32, other: &Recursion<'_>, other_index: u32) -> bool {
        let (a, b) = (self.guest.image(), other.guest.image());
        let (Some(x), Some(y)) = (a.types().get(index), b.types().get(other_index)) else { return false };
        let (sub_x, sub_y) = (a.sub_type(index), b.sub_type(other_index));
        let supertype = |group: &Recursion<'_>, ty: u32| (ty != NONE).then(|| group.part(ty));
        let value = |ty: ValType| FieldType { storage: StorageType::Val(ty), mutable: false };
        let same_field = |(x, y): (FieldType, FieldType)| self.field(x) == other.field(y);
        let same = |(x, y): (ValType, ValType)| same_field((value(x), value(y)));
        let is_function = sub_x.form == TypeForm::Function as u32;
        (sub_x.form, sub_x.is_final) == (sub_y.form, sub_y.is_final)
            && supertype(self, sub_x.supertype) == supertype(other, sub_y.supertype)
            && (x.params, x.results) == (y.params, y.results)
            && match is_function {
                true => a.params(&x).zip(b.params(&y)).all(same) && a.results(&x).zip(b.results(&y)).all(same),
                false => a.fields(&x).zip(b.fields(&y)).all(same_field),
            }
    }
}

/// Whether a type of an instance has this id, or one of its supertypes.
fn is_subtype(guest: &Guest, ty: u32, id: u64) -> bool {
    let supertype = |ty: &u32| Some(guest.image().sub_type(*ty).supertype).filter(|ty| *ty != NONE);
    iter::successors(Some(ty), supertype).any(|ty| guest.block().type_id(ty).get() == id)
}

/// Whether all values of one instance's type are of the other's (spec: valid/matching, value types).
fn matches(a: &Guest, have: ValType, b: &Guest, want: ValType) -> bool {
    let (Some(x), Some(y)) = (have.ref_type(), want.ref_type()) else { return have == want };
    if x.is_nullable() && !y.is_nullable() {
        return false;
    }
    match (x.index(), y.index()) {
        (Some(x), Some(y)) => is_subtype(a, x, b.block().type_id(y).get()),
        (None, Some(_)) => x.heap().is_bottom() && x.heap().top() == y.heap().top(),
        (_, None) => x.heap().matches(y.heap()),
    }
}
