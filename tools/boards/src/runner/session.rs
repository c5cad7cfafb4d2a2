//! From one reset to the next: instances of a group, which find what the official suite imports.

use crate::arena::Arena;
use crate::channel::Channel;
use crate::machine;
use crate::text::Text;
use wasmc_abi::signature::slot_count;
use wasmc_abi::{HeapType, ValType};
use wasmc_runtime::bare::{
    Board, Caller, Error, Group, HostFunc, Instance, Member, Module, Referent, Stack, Trap, TrapCode,
};
use wasmc_test_protocol::{Any, Head, Inspect, Reply, Request, Value, Values};

/// The most instances at a time.
const INSTANCES: usize = 256;

/// What an instance gets to grow into at most: bytes, and a part of what is left.
const ROOM_MAX: u64 = if cfg!(target_arch = "arm") { 10 << 16 } else { 64 << 20 };
const ROOM_PART: u64 = 8;

/// What the objects of a module get, bytes.
const OBJECTS_LEN: u64 = 256 << 10;

/// What host functions and interrupts may need of the stack, bytes.
const HOST_STACK_LEN: usize = 8192;

/// The most parameters, or results, of a call, in slots and in values.
const SLOTS: usize = 2048;
const VALUES: usize = 1024;

/// Aligned as an image in flash has to be.
#[repr(C, align(64))]
struct Flash<T: ?Sized>(T);

static SPECTEST: &Flash<[u8]> = &Flash(*include_bytes!(concat!(env!("BOARD_GUESTS"), "/spectest.aot")));

macro_rules! nothing {
    ($($name:literal ($($value:ident $ty:ty),*),)*) => {
        [$( HostFunc::new("spectest", $name, |_: &mut Caller<'_, ()>, $($value: $ty),*| {
            let _ = ($($value,)*);
        }) ),*]
    };
}

/// What the suite prints with, which is nobody's business.
static HOST: [HostFunc<()>; 7] = nothing! {
    "print" (),
    "print_i32" (a i32),
    "print_i64" (a i64),
    "print_f32" (a f32),
    "print_f64" (a f64),
    "print_i32_f32" (a i32, b f32),
    "print_f64_f64" (a f64, b f64),
};

/// The instances, by what the tests call them.
struct Session<'a> {
    arena: Arena,
    group: Group<'a, (), INSTANCES>,
    slots: [Option<(Member, &'a Module<'a>)>; INSTANCES],
}

/// Why a request came to nothing.
enum Stop {
    Run(Error<'static>),
    Failed(&'static str),
    /// The board has no room for it.
    Full,
    /// Firmware's interface has no way to do it.
    Cannot(&'static str),
}

impl From<Error<'static>> for Stop {
    fn from(error: Error<'static>) -> Stop {
        Stop::Run(error)
    }
}

/// Does what is asked, up to a reset; whether that came, or the end.
pub fn run(channel: &mut Channel) -> bool {
    // SAFETY: `main` was entered at the top of the stack that the linker script gives it.
    let stack = unsafe { Stack::down_to(machine::stack_lowest() + HOST_STACK_LEN) };
    // SAFETY: instances of an earlier session are gone with it.
    let mut arena = unsafe { Arena::whole() };
    let Some(unit) = arena.put(()) else { return false };
    let mut session = Session { arena, group: Group::new(&HOST, unit, stack), slots: [None; INSTANCES] };
    let spectest =
        session.instantiate(&SPECTEST.0).and_then(|(member, _)| Ok(session.group.name(member, "spectest")?));
    if let Err(stop) = spectest {
        stop.answer(channel);
    }
    loop {
        let mut head = [0; Head::LEN];
        if !channel.read(&mut head) {
            return false;
        }
        let head = Head::read(&head);
        let before = session.arena;
        let Some(payload) = session.arena.take(head.len as usize) else {
            if !skip(channel, head.len) {
                return false;
            }
            Stop::Full.answer(channel);
            continue;
        };
        if !channel.read(payload) {
            return false;
        }
        let request = Request::read(head, payload);
        if let Some(Request::Reset) = request {
            answer(channel, Reply::Values(Values::List(&[])));
            return true;
        }
        if !session.perform(request, channel) {
            // Nothing refers to what came.
            session.arena = before;
        }
    }
}

/// Reads bytes that there is no room for; whether there were as many.
fn skip(channel: &mut Channel, len: u32) -> bool {
    let mut left = len as usize;
    let mut bytes = [0; 256];
    while left > 0 {
        let part = left.min(bytes.len());
        if !channel.read(&mut bytes[..part]) {
            return false;
        }
        left -= part;
    }
    true
}

fn answer(channel: &mut Channel, reply: Reply<'_>) {
    reply.write(&mut |bytes| channel.write(bytes));
}

impl Stop {
    fn answer(&self, channel: &mut Channel) {
        match self {
            // Of its values nothing is known here.
            Stop::Run(Error::Trap(Trap { code: TrapCode::UncaughtException, .. })) => {
                answer(channel, Reply::Exception(Values::List(&[])));
            }
            Stop::Run(Error::Trap(trap)) => answer(channel, Reply::Trap(trap.code)),
            Stop::Run(error) => {
                let text = Text::of(error);
                let reply = match error {
                    Error::MissingImport { .. }
                    | Error::ImportType { .. }
                    | Error::ImportKind { .. }
                    | Error::NotExported { .. } => Reply::Link(text.as_str()),
                    Error::RamLen { .. }
                    | Error::StackLen { .. }
                    | Error::GroupLen { .. }
                    | Error::GroupExceptions { .. }
                    | Error::GroupTypes => Reply::Full(text.as_str()),
                    _ => Reply::Failed(text.as_str()),
                };
                answer(channel, reply);
            }
            Stop::Failed(text) => answer(channel, Reply::Failed(text)),
            Stop::Cannot(text) => answer(channel, Reply::Full(text)),
            Stop::Full => answer(channel, Reply::Full("the board's RAM is used up")),
        }
    }
}

impl Session<'static> {
    /// Does what is asked and answers; whether something refers to the request from now on.
    fn perform(&mut self, request: Option<Request<'static>>, channel: &mut Channel) -> bool {
        let mut values = [Value::I32(0); VALUES];
        let (done, keeps) = match request {
            Some(Request::Skip(_)) => return false,
            Some(Request::Instantiate { slot, image }) => {
                let made = self.instantiate(image);
                // What has run has perhaps left references behind.
                let keeps = matches!(made, Ok(_) | Err(Stop::Run(Error::Trap(_))));
                let entry = self.slots.get_mut(slot as usize);
                let made = match (made, entry) {
                    (Ok(instance), Some(entry)) => {
                        *entry = Some(instance);
                        Ok(0)
                    }
                    (Ok(_), None) => Err(Stop::Full),
                    (Err(stop), entry) => {
                        if let Some(entry) = entry {
                            *entry = None;
                        }
                        Err(stop)
                    }
                };
                (made, keeps)
            }
            Some(Request::Register { slot, name }) => {
                let named = self.instance(slot).and_then(|(member, _)| Ok(self.group.name(member, name)?));
                (named.map(|()| 0), true)
            }
            Some(Request::Invoke { slot, name, args }) => (self.invoke(slot, name, args, &mut values), false),
            Some(Request::Inspect { what: Inspect::Global, slot, name }) => {
                (self.global(slot, name, &mut values), false)
            }
            Some(Request::Reset | Request::Inspect { .. } | Request::FloatControl { .. }) | None => {
                (Err(Stop::Failed("the board's runner does not do that")), false)
            }
        };
        match done {
            Ok(count) => answer(channel, Reply::Values(Values::List(&values[..count]))),
            Err(stop) => stop.answer(channel),
        }
        keeps
    }

    fn instantiate(&mut self, image: &'static [u8]) -> Result<(Member, &'static Module<'static>), Stop> {
        // SAFETY: the tests send images that the compiler under test has just made, unaltered, and nobody touches the
        // arena's bytes again; guests run here only.
        let module = unsafe { Module::in_place(image, &Board::default().machine()) };
        let module: Module<'static> = module.map_err(Error::Load)?;
        let module = &*self.arena.put(module).ok_or(Stop::Full)?;
        let ram_len = module.ram_len().ok_or(Stop::Full)? as usize;
        let room = room(module, self.arena.len().saturating_sub(ram_len) as u64);
        let ram = self.arena.take(ram_len.saturating_add(room)).ok_or(Stop::Full)?;
        let member = self.group.add(module, ram)?;
        Ok((member, module))
    }

    fn instance(&self, slot: u32) -> Result<(Member, &'static Module<'static>), Stop> {
        let instance = self.slots.get(slot as usize).copied().flatten();
        instance.ok_or(Stop::Failed("there is no module"))
    }

    /// Calls a function; how many values it returned.
    fn invoke(&mut self, slot: u32, name: &str, args: Values<'_>, values: &mut [Value; VALUES]) -> Result<usize, Stop> {
        let (member, module) = self.instance(slot)?;
        let image = module.image();
        let ty = image.find_export(name).and_then(|export| image.function_type(export.index));
        let ty = ty.and_then(|ty| image.types().get(ty)).ok_or(Error::MissingExport)?;
        let mut slots = [0; SLOTS];
        let mut count = 0;
        for (value, param) in args.iter().zip(image.params(&ty)) {
            if matches!(value, Value::AnyRef(any) if any != Any::Null) {
                return Err(Stop::Cannot("firmware passes no references to objects"));
            }
            let bits = value.bits();
            for part in 0..slot_count(param) {
                *slots.get_mut(count).ok_or(Stop::Full)? = (bits >> (64 * part)) as u64;
                count += 1;
            }
        }
        let mut instance = self.group.instance(member);
        instance.call_slots(name, &mut slots)?;
        let (mut at, mut count) = (0, 0);
        for ty in image.results(&ty) {
            let bits = [0, 1].map(|part| if part < slot_count(ty) { slots.get(at + part) } else { None });
            let bits = bits.map(|bits| bits.copied().unwrap_or(0));
            *values.get_mut(count).ok_or(Stop::Full)? = value(&mut instance, ty, bits);
            (at, count) = (at + slot_count(ty), count + 1);
        }
        Ok(count)
    }

    /// Reads a global: one value.
    fn global(&mut self, slot: u32, name: &str, values: &mut [Value; VALUES]) -> Result<usize, Stop> {
        let (member, _) = self.instance(slot)?;
        let mut instance = self.group.instance(member);
        let (ty, bits) = instance.global(name).ok_or(Stop::Failed("there is no such global"))?;
        values[0] = value(&mut instance, ty, bits);
        Ok(1)
    }
}

fn value(instance: &mut Instance<'_, ()>, ty: ValType, [low, high]: [u64; 2]) -> Value {
    if ty.ref_type().is_some_and(|ty| ty.heap().top() == HeapType::Any) {
        return Value::AnyRef(match instance.referent(low) {
            Some(Referent::I31(value)) => Any::I31(value as u32),
            Some(Referent::Struct) => Any::Struct,
            Some(Referent::Array) => Any::Array,
            Some(Referent::Host(token)) => Any::Host(token),
            Some(Referent::Exception) | None => Any::Null,
        });
    }
    Value::from_bits(ty, u128::from(low) | u128::from(high) << 64)
}

/// Bytes beyond what an instance needs at the least, for what it may grow by.
fn room(module: &Module<'_>, left: u64) -> usize {
    let image = module.image();
    let header = image.header();
    let memory = image.memories().iter().skip(header.imported_memories as usize).last();
    let memory = memory.map_or(0, |memory| {
        let most = memory.max().map_or(u64::MAX, |max| max.saturating_mul(memory.page_len()));
        most.saturating_sub(memory.min_len())
    });
    let tables = image.tables().iter().skip(header.imported_tables as usize);
    // An element takes 32 bytes; it moves when it grows.
    let tables = tables.map(|table| match table.max() {
        Some(max) if max == table.min => 0,
        max => max.unwrap_or(u64::MAX).saturating_mul(64),
    });
    let objects = if image.sub_types().is_empty() { 0 } else { OBJECTS_LEN };
    let wanted = tables.fold(memory, u64::saturating_add).saturating_add(objects);
    wanted.min(ROOM_MAX).min(left / ROOM_PART) as usize
}
