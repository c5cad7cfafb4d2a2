//! Instances. In: a module, a buffer, and the host's functions. Out: an [`Instance`], made in the spec's order (spec:
//! exec/modules, instantiation), in the buffer as `wasmc_abi::ram` divides it up.

use core::marker::PhantomData;
use core::ptr::{self, NonNull};

#[cfg(feature = "gc")]
use wasmc_abi::TrapCode;
use wasmc_abi::image::{ExternKind, ImportRecord, NONE};
use wasmc_abi::ram::{self, RECORD_LEN, Ram};
use wasmc_abi::signature::slot_count;
use wasmc_abi::vmctx;
use wasmc_abi::{HeapType, RefType, ValType};
use wasmc_loader::Image;

#[cfg(feature = "gc")]
use crate::arrays::{self, Objects};
use crate::bare::Module;
use crate::bare::call::{self, Stack};
use crate::bare::cells;
use crate::bare::error::{Error, Trap};
#[cfg(feature = "gc")]
use crate::bare::heap::Heap;
use crate::bare::host::{HostFunc, HostRecord};
#[cfg(feature = "gc")]
use crate::bare::objects::{self, Referent};
use crate::bare::value::{MAX_VALUES, Values};
#[cfg(feature = "gc")]
use crate::builtins::Segment;
use crate::builtins::{self, Growth, HelperTable};
use crate::guest::Guest;
use crate::vmctx::{FuncRecord, MemoryRecord, Ptr, RawRef, TableRecord};

/// An instance of a module, for a host with data of type `T`. It lives in the buffer that it was given.
#[derive(Debug)]
pub struct Instance<'a, T> {
    record: NonNull<Record>,
    /// What it leads to: the buffer, the host's data, the module.
    lent: PhantomData<(&'a mut [u8], &'a mut T, &'a Module<'a>)>,
}

/// The runtime's own record of an instance.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Record {
    /// First, so that the address of one is that of the other.
    pub(super) guest: Guest,
    /// The next instance of the group, in a circle; null if there is no group.
    pub(super) next: *mut Record,
    data: *mut u8,
    /// Index of the memory that host functions are given, or [`NONE`].
    main_memory: u32,
    /// Its globals are given their values: what that makes is not yet referred to from where a collection looks.
    #[cfg(feature = "gc")]
    pub(super) is_initialising: bool,
    /// Room to grow: from the end of the last memory, to where tables and objects that came later start.
    pub(super) free: (usize, usize),
    #[cfg(feature = "gc")]
    pub(super) heap: Heap,
}

const _: () = assert!(size_of::<Record>() <= RECORD_LEN as usize);

impl Record {
    /// The lowest stack pointer with which its code may be entered.
    pub(super) fn stack_limit(&self) -> usize {
        self.guest.block().stack_limit().get() as usize
    }

    /// The memory that host functions are given.
    ///
    /// # Safety
    /// No compiled code runs, and nobody else uses the memory, as long as the bytes are used.
    pub(super) unsafe fn memory<'a>(&self) -> &'a mut [u8] {
        match self.main_memory {
            // SAFETY: by the caller's promise.
            index if index != NONE => unsafe { self.guest.memory(index).bytes() },
            _ => &mut [],
        }
    }
}

/// The helpers of instances that import functions only, and those of the host.
pub(super) static HELPERS: HelperTable = builtins::table::<Bare>();

/// What an instance has from others.
pub(super) trait Linking {
    /// Its helpers.
    fn helpers(&self) -> *mut HelperTable;

    /// The canonical id of a type of its image, if another instance has the type; those of the types before it are in its
    /// block.
    fn type_id(&self, guest: &Guest, ty: u32) -> Option<u64>;

    /// Fills the slot of an import with what another instance exports; whether one does. `index` is that in the
    /// kind's index space.
    fn link<'m>(&self, guest: &Guest, image: &Image<'m>, import: &ImportRecord, index: u32) -> Result<bool, Error<'m>>;
}

/// Nothing.
struct Alone;

impl Linking for Alone {
    fn helpers(&self) -> *mut HelperTable {
        (&raw const HELPERS).cast_mut()
    }

    /// There is one image only, whose types differ.
    fn type_id(&self, _: &Guest, _: u32) -> Option<u64> {
        None
    }

    fn link<'m>(&self, _: &Guest, image: &Image<'m>, import: &ImportRecord, _: u32) -> Result<bool, Error<'m>> {
        match ExternKind::from_number(import.kind) {
            Some(ExternKind::Function) | None => Ok(false),
            Some(kind) => {
                let (module, name) = image.import_names(import);
                Err(Error::ImportKind { module, name, kind })
            }
        }
    }
}

impl<'a, T> Instance<'a, T> {
    /// Makes an instance in `ram` and runs its start function. `ram` is aligned as
    /// [`Buffer`](crate::bare::Buffer) is, and at least as long as [`Module::ram_len`] says. The functions that
    /// the module imports are looked for in `host`.
    pub fn new<'m: 'a>(
        module: &'a Module<'m>,
        ram: &'a mut [u8],
        host: &[HostFunc<T>],
        data: &'a mut T,
        stack: Stack,
    ) -> Result<Instance<'a, T>, Error<'m>> {
        let data: *mut T = data;
        let mut instance = Instance::allocate(module, ram, data, stack, &Alone)?;
        instance.link(module, host, &Alone)?;
        instance.start()?;
        Ok(instance)
    }

    /// An instance in which nothing has a value yet.
    pub(super) fn allocate<'m: 'a>(
        module: &'a Module<'m>,
        ram: &'a mut [u8],
        data: *mut T,
        stack: Stack,
        linking: &impl Linking,
    ) -> Result<Instance<'a, T>, Error<'m>> {
        let record = allocate(module, ram, data.cast(), stack, linking.helpers())?;
        let instance = Instance { record, lent: PhantomData };
        let guest = instance.guest();
        #[cfg(feature = "gc")]
        // SAFETY: the part of the buffer that types have, which is zero.
        let mut records = unsafe { objects::TypeRecords::new(objects_part(module, guest.block().address())) };
        guest.fill(|ty| {
            let known = linking.type_id(guest, ty);
            #[cfg(feature = "gc")]
            return records.next(guest, ty, known);
            #[cfg(not(feature = "gc"))]
            known.unwrap_or(guest.block().type_id(ty).pointer().addr().get() as u64)
        });
        Ok(instance)
    }

    /// Finds what the module imports: exports of other instances, then functions of the host.
    pub(super) fn link<'m: 'a>(
        &mut self,
        module: &'a Module<'m>,
        host: &[HostFunc<T>],
        linking: &impl Linking,
    ) -> Result<(), Error<'m>> {
        let (guest, image) = (self.guest(), module.image());
        let mut host_record = host_records(module, guest.block().address());
        let mut counts = [0; 5];
        for import in image.imports().iter() {
            let Some(count) = counts.get_mut(import.kind as usize) else { continue };
            let index = *count;
            *count += 1;
            if linking.link(guest, image, &import, index)? {
                continue;
            }
            let func = find(image, &import, host)?;
            let thunk = module.code().thunk_address(import.ty).unwrap_or(0);
            // SAFETY: the buffer has room for a host record for each imported function, and the record is ours.
            unsafe {
                let (helpers, data) = (Ptr(linking.helpers()), Ptr(self.record.as_ref().data));
                let instance = Ptr(self.record.as_ptr());
                host_record.write(HostRecord { callback: func.callback(), data, helpers, instance });
            }
            guest.block().imported_function(index).set(FuncRecord {
                code: Ptr(ptr::with_exposed_provenance_mut(thunk)),
                vmctx: Ptr(host_record.cast()),
                type_id: guest.block().type_id(import.ty).get(),
                entry: Ptr(ptr::with_exposed_provenance_mut(module.code().entry_address(import.ty).unwrap_or(0))),
                tail: Ptr(ptr::null_mut()),
            });
            host_record = host_record.wrapping_add(1);
        }
        Ok(())
    }

    /// Gives everything its initial value and runs the start function.
    pub(super) fn start(&mut self) -> Result<(), Trap> {
        let guest = self.guest();
        if let Some(rest) = guest.initialise_globals() {
            self.initialise(guest.callable(rest))?;
        }
        guest.initialise(|_, _| false).map_err(Trap::new)?;
        if let Some(start) = guest.start_function() {
            self.enter(guest.callable(start), &mut [0; MAX_VALUES])?;
        }
        Ok(())
    }

    /// Calls the function that gives globals their values.
    fn initialise(&mut self, function: FuncRecord) -> Result<(), Trap> {
        #[cfg(feature = "gc")]
        self.set_initialising(true);
        let done = self.enter(function, &mut [0; MAX_VALUES]);
        #[cfg(feature = "gc")]
        self.set_initialising(false);
        done
    }

    #[cfg(feature = "gc")]
    fn set_initialising(&mut self, is_initialising: bool) {
        // SAFETY: no code runs, and the record is lent to us.
        unsafe { (*self.record.as_ptr()).is_initialising = is_initialising };
    }

    /// What a reference is that a call has returned as bits: a struct, an array, an integer of 31 bits, a host value as
    /// one of these, an exception. `None` for null, and for what is none of them any more.
    #[cfg(feature = "gc")]
    pub fn referent(&mut self, bits: u64) -> Option<Referent> {
        // SAFETY: no code runs, and the instance is lent to us, and its group.
        unsafe { (*self.record.as_ptr()).referent(bits) }
    }

    /// The instance with a record.
    ///
    /// # Safety
    /// It was made for a host with data of type `T`, and is used by this alone during `'a`.
    pub(super) unsafe fn of(record: NonNull<Record>) -> Instance<'a, T> {
        Instance { record, lent: PhantomData }
    }

    pub(super) fn guest<'g>(&self) -> &'g Guest
    where
        'a: 'g,
    {
        // SAFETY: the record lives as long as the buffer is lent, and this part of it does not change.
        unsafe { &(*self.record.as_ptr()).guest }
    }

    pub(super) fn record(&self) -> NonNull<Record> {
        self.record
    }

    /// Calls an exported function.
    pub fn call<P: Values, R: Values>(&mut self, name: &str, params: P) -> Result<R, Error<'static>> {
        let (function, ty) = self.find_function(name)?;
        if !has_types(self.guest().image(), ty, P::TYPES, R::TYPES) {
            return Err(Error::ExportType);
        }
        let mut slots = [0; MAX_VALUES];
        params.into_slots(&mut slots);
        self.enter(function, &mut slots)?;
        Ok(R::from_slots(&slots))
    }

    /// Calls an exported function whose type is known when it is called only: `slots` holds the parameters' bits, then
    /// the results', the low ones first; a vector takes two slots ([`slot_count`]), and there have to be enough for
    /// either. [`Image::find_export`] and [`Image::function_type`] tell the types. References to functions and objects cannot
    /// be passed, other than null.
    pub fn call_slots(&mut self, name: &str, slots: &mut [u64]) -> Result<(), Error<'static>> {
        let (function, ty) = self.find_function(name)?;
        let image = self.guest().image();
        let ty = image.types().get(ty).ok_or(Error::ExportType)?;
        let mut count = 0;
        for param in image.params(&ty) {
            // What a host value is, only the host knows; the address of a function it cannot know.
            let is_null = slots.get(count).is_none_or(|bits| *bits == 0);
            let fits = |ty: RefType| match is_null {
                true => ty.is_nullable(),
                false => ty.heap() == HeapType::Extern,
            };
            if !param.ref_type().is_none_or(fits) {
                return Err(Error::ExportType);
            }
            count += slot_count(param);
        }
        let results: usize = image.results(&ty).map(slot_count).sum();
        if slots.len() < count.max(results) {
            return Err(Error::ExportType);
        }
        // SAFETY: the function is the instance's; slots are enough, and references in them are null or host values;
        // the instance and what it is made of are lent to us.
        Ok(unsafe { call::invoke(self.record, function, slots.as_mut_ptr()) }?)
    }

    /// Type and bits of an exported global; a vector has two slots of them.
    pub fn global(&self, name: &str) -> Option<(ValType, [u64; 2])> {
        let guest = self.guest();
        let export = guest.image().find_export(name).filter(|export| export.kind == ExternKind::Global as u32)?;
        let ty = guest.image().globals().get(export.index)?.ty;
        Some((ValType::from_number(ty)?, guest.global(export.index).get()))
    }

    /// The host's data.
    pub fn data(&mut self) -> &mut T {
        // SAFETY: lent for as long as the instance lives, and no guest runs now.
        unsafe { &mut *self.record.as_ref().data.cast() }
    }

    /// The memory exported as `memory`, otherwise the first; empty if there is none.
    pub fn memory(&mut self) -> &mut [u8] {
        // SAFETY: no guest runs now, and the bytes are lent with the instance.
        unsafe { self.record.as_ref().memory() }
    }

    /// An exported function and its type.
    fn find_function(&self, name: &str) -> Result<(FuncRecord, u32), Error<'static>> {
        let guest = self.guest();
        let image = guest.image();
        let export = image.find_export(name).filter(|export| export.kind == ExternKind::Function as u32);
        let index = export.ok_or(Error::MissingExport)?.index;
        let ty = image.function_type(index).ok_or(Error::MissingExport)?;
        let function = guest.callable(index);
        // A host's function that the module passes on may have no trampoline.
        if function.entry.0.is_null() { Err(Error::MissingExport) } else { Ok((function, ty)) }
    }

    fn enter(&mut self, function: FuncRecord, slots: &mut [u64; MAX_VALUES]) -> Result<(), Trap> {
        // SAFETY: the function is the instance's, its types were compared and so fit the slots; the instance and
        // what it is made of are lent to us.
        unsafe { call::invoke(self.record, function, slots.as_mut_ptr()) }
    }
}

/// Whether a type of the image has these parameters and results.
fn has_types(image: &Image<'_>, ty: u32, params: &[ValType], results: &[ValType]) -> bool {
    image.types().get(ty).is_some_and(|ty| {
        image.params(&ty).eq(params.iter().copied()) && image.results(&ty).eq(results.iter().copied())
    })
}

/// The host's function for an import.
fn find<'h, 'm, T>(
    image: &Image<'m>,
    import: &ImportRecord,
    host: &'h [HostFunc<T>],
) -> Result<&'h HostFunc<T>, Error<'m>> {
    let (module, name) = image.import_names(import);
    let func = host.iter().find(|func| func.is_called(module, name)).ok_or(Error::MissingImport { module, name })?;
    let fits = has_types(image, import.ty, func.params(), func.results());
    if fits { Ok(func) } else { Err(Error::ImportType { module, name }) }
}

/// Where host records start in a buffer.
fn host_records(module: &Module<'_>, ram: *mut u8) -> *mut HostRecord {
    let at = module.ram().map_or(0, |ram| ram.host_records);
    ram.wrapping_add(at as usize).cast()
}

/// Where the part for types, tags and exceptions starts in a buffer.
#[cfg(feature = "gc")]
fn objects_part(module: &Module<'_>, ram: *mut u8) -> *mut u8 {
    ram.wrapping_add(module.ram().map_or(0, |ram| ram.objects) as usize)
}

/// Clears the buffer and divides it up: the instance's record, the block, tables and memories.
fn allocate<'m>(
    module: &Module<'m>,
    buffer: &mut [u8],
    data: *mut u8,
    stack: Stack,
    helpers: *mut HelperTable,
) -> Result<NonNull<Record>, Error<'m>> {
    let (image, len) = (module.image(), buffer.len());
    if cfg!(not(feature = "gc")) && !(image.tags().is_empty() && image.sub_types().is_empty()) {
        return Err(Error::Objects);
    }
    let ram = module.ram().ok_or(Error::RamLen { needed: None, len })?;
    if !buffer.as_ptr().addr().is_multiple_of(vmctx::ALIGN as usize) {
        return Err(Error::RamAlignment { needed: vmctx::ALIGN });
    }
    if image.memories().iter().any(|memory| memory.is_shared()) {
        return Err(Error::SharedMemory);
    }
    // What lies behind is cleared when it is used.
    let used = buffer.get_mut(..ram.len as usize).ok_or(Error::RamLen { needed: Some(ram.len), len })?;
    let max_frame = image.header().max_frame;
    if stack.len() < Stack::reserve(max_frame) {
        return Err(Error::StackLen { needed: Stack::reserve(max_frame), len: stack.len() });
    }
    used.fill(0);
    let start = buffer.as_mut_ptr();
    // Compiled code reaches it by integers.
    let address = start.expose_provenance();
    let end = address.saturating_add(len) & !(vmctx::ALIGN as usize - 1);
    let at = |offset: u32| start.wrapping_add(offset as usize);
    // SAFETY: the parts lie in the buffer, one after another, aligned as it is; they are zero, and lent for as long
    // as the instance lives.
    unsafe {
        let block = NonNull::new_unchecked(start);
        let guest = Guest::new(module.code(), block, NonNull::new_unchecked(at(ram.flags)));
        let record = NonNull::new_unchecked(at(ram.record).cast::<Record>());
        record.write(Record {
            main_memory: guest.main_memory().unwrap_or(NONE),
            next: ptr::null_mut(),
            data,
            free: (address.saturating_add(ram.len as usize), end),
            #[cfg(feature = "gc")]
            heap: Heap::EMPTY,
            #[cfg(feature = "gc")]
            is_initialising: false,
            guest,
        });
        let block = record.as_ref().guest.block();
        block.stack_limit().set(stack.limit(max_frame) as u64);
        block.runtime().set(Ptr(record.as_ptr()));
        block.helpers().set(Ptr(helpers));
        block.store().set(Ptr(cells::cells()));
        #[cfg(feature = "gc")]
        if let Some(needs) = objects::needs(image) {
            objects::prepare(&mut *record.as_ptr(), at(ram.objects), &needs);
        }
        place(image, record, &ram, at);
        Ok(record)
    }
}

/// Fills the records of the tables and memories that the module defines.
///
/// # Safety
/// As in `allocate`.
unsafe fn place(image: &Image<'_>, record: NonNull<Record>, ram: &Ram, at: impl Fn(u32) -> *mut u8) {
    // SAFETY: by the caller's promise.
    let block = unsafe { record.as_ref().guest.block() };
    let mut offset = ram.tables;
    for (i, table) in (0..).zip(image.tables().iter()).skip(image.header().imported_tables as usize) {
        block.table(i).set(TableRecord { elements: Ptr(at(offset).cast()), count: table.min });
        let len = ram::table_len(&table).and_then(ram::align).unwrap_or(0);
        offset = offset.saturating_add(len);
    }
    offset = ram.memories;
    for (i, memory) in (0..).zip(image.memories().iter()).skip(image.header().imported_memories as usize) {
        let len_bytes = memory.min_len();
        block.memory(i).set(MemoryRecord { base: Ptr(at(offset)), len_bytes });
        offset = offset.saturating_add(ram::align(len_bytes as u32).unwrap_or(0));
    }
}

/// Instances in a buffer: memories and tables grow by what is left of it.
pub(super) struct Bare;

impl Growth for Bare {
    /// Only the last memory grows: behind it there is room, and no base ever changes.
    unsafe fn grow_memory(guest: NonNull<Guest>, memory: u32, delta_pages: u64) -> Option<u64> {
        // SAFETY: the record is the first field of a `Record`, and nobody else uses the instance.
        let record = unsafe { guest.cast::<Record>().as_mut() };
        let image = record.guest.image();
        let limits = image.memories().get(memory)?;
        let page_len = limits.page_len();
        let most = vmctx::max_len(usize::BITS) / page_len;
        let max = limits.max().unwrap_or(most).min(most);
        let linear = record.guest.memory(memory);
        let (old, pages) = (linear.pages(page_len), linear.grown(delta_pages, page_len, max)?);
        if delta_pages == 0 {
            return Some(old);
        }
        let is_last = memory.checked_add(1) == Some(image.memories().len());
        // Where the next page starts; what is free may start a few bytes behind, to be aligned.
        let MemoryRecord { base, len_bytes } = linear.record().get();
        let start = base.0.addr().checked_add(len_bytes as usize)?;
        let len = usize::try_from(delta_pages.checked_mul(page_len)?).ok()?;
        let new = start.checked_add(len).filter(|new| is_last && *new <= record.free.1)?;
        let bytes: *mut u8 = ptr::with_exposed_provenance_mut(start);
        // SAFETY: bytes of the buffer behind the last memory, in front of the tables that have grown.
        unsafe { bytes.write_bytes(0, len) };
        record.free.0 = new;
        linear.record().set(MemoryRecord { base, len_bytes: pages * page_len });
        Some(old)
    }

    /// A table that grows moves to the end of what is free; the one that did so last extends from there.
    unsafe fn grow_table(guest: NonNull<Guest>, table: u32, delta: u64, value: RawRef) -> Option<u64> {
        // SAFETY: the record is the first field of a `Record`, and nobody else uses the instance.
        let record = unsafe { guest.cast::<Record>().as_mut() };
        let limits = record.guest.image().tables().get(table)?;
        let most = u64::from(u32::MAX);
        let max = limits.max().unwrap_or(most).min(most);
        let elements = record.guest.table(table);
        let (old, count) = (elements.count(), elements.grown(delta, max)?);
        if delta == 0 {
            return Some(old);
        }
        let element_len = u64::from(ram::element_len(limits.ty));
        let (old_len, new_len) = ((old * element_len) as usize, usize::try_from(count.checked_mul(element_len)?).ok()?);
        let from = elements.record().get().elements.0;
        let align = vmctx::ALIGN as usize;
        let (start, mut end) = record.free;
        if from.addr() == end {
            end += old_len.next_multiple_of(align);
        }
        let to = end.checked_sub(new_len)? & !(align - 1);
        if to < start {
            return None;
        }
        let place: *mut u64 = ptr::with_exposed_provenance_mut(to);
        // SAFETY: both are parts of the buffer; the new one is free, or the table's own.
        unsafe {
            place.cast::<u8>().copy_from(from.cast(), old_len);
            elements.resize(place, count, value);
        }
        record.free.1 = to;
        Some(old)
    }

    #[cfg(feature = "gc")]
    unsafe fn new_exception(guest: NonNull<Guest>, tag: u32) -> Option<u64> {
        // SAFETY: the record is the first field of a `Record`, and nobody else uses the instance, whose code names a tag.
        unsafe { guest.cast::<Record>().as_mut().new_exception(tag) }
    }

    #[cfg(feature = "gc")]
    unsafe fn new_object(guest: NonNull<Guest>, record: u64, count: u64) -> Result<u64, TrapCode> {
        // SAFETY: as above, with the record of a type of the instance's.
        unsafe { guest.cast::<Record>().as_mut().new_object(record, count) }
    }

    #[cfg(feature = "gc")]
    unsafe fn new_array(
        guest: NonNull<Guest>,
        record: u64,
        segment: Segment,
        from: u64,
        count: u64,
    ) -> Result<u64, TrapCode> {
        // SAFETY: as above; the guest's part of the record does not change.
        unsafe { arrays::new_array(guest.cast::<Record>().as_mut(), guest.as_ref(), record, segment, from, count) }
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
        // SAFETY: as above, with an array that is there.
        unsafe { arrays::init_array::<Record>(guest.as_ref(), array, segment, to, from, count) }
    }

    #[cfg(feature = "gc")]
    unsafe fn any_from_extern(guest: NonNull<Guest>, reference: u64) -> Option<u64> {
        // SAFETY: as above.
        unsafe { guest.cast::<Record>().as_mut().any_from_extern(reference) }
    }

    #[cfg(feature = "gc")]
    unsafe fn extern_from_any(guest: NonNull<Guest>, reference: u64) -> Option<u64> {
        // SAFETY: as above, with a reference of that hierarchy.
        unsafe { guest.cast::<Record>().as_mut().extern_from_any(reference) }
    }

    fn is_interrupted() -> bool {
        call::is_stopped()
    }
}
