//! What the firmware does: loads a module from flash, calls it, survives what guests can do wrong, loads a second one
//! in its place. `expected.txt` has what it prints.

use crate::{machine, refusals, say};
use wasmc_runtime::bare::{Board, Buffer, Caller, Error, HostFunc, Instance, Module, Stack, Trap, TrapCode};

/// Images as they lie in flash: aligned as their headers ask for.
#[repr(C, align(64))]
struct Flash<T: ?Sized>(T);

static FIRST: &Flash<[u8]> = &Flash(*include_bytes!(concat!(env!("BOARD_GUESTS"), "/first.aot")));
static SECOND: &Flash<[u8]> = &Flash(*include_bytes!(concat!(env!("BOARD_GUESTS"), "/second.aot")));
static THIRD: &Flash<[u8]> = &Flash(*include_bytes!(concat!(env!("BOARD_GUESTS"), "/third.aot")));
static LEGACY: &Flash<[u8]> = &Flash(*include_bytes!(concat!(env!("BOARD_GUESTS"), "/third-legacy.aot")));

/// Where instances live, and where code that is copied runs.
static mut RAM: Buffer<0x24000> = Buffer::new();
static mut CODE: Buffer<0x4000> = Buffer::new();

/// What an interrupt handler and a host function may need at most, bytes: guests leave it free.
const HOST_STACK_LEN: usize = 4096;

/// What the host functions work on.
#[derive(Default)]
struct Host {
    /// The code that the guest has called `exit` with.
    exit: Option<u32>,
}

static HOST: &[HostFunc<Host>] = &[
    HostFunc::new("host", "write", write),
    HostFunc::new("host", "clock", clock),
    HostFunc::new("host", "exit", exit),
];

/// Writes a piece of the guest's memory to the board's output.
fn write(caller: &mut Caller<'_, Host>, address: u32, len: u32) -> Result<(), TrapCode> {
    let bytes = caller.memory.get(address as usize..).and_then(|bytes| bytes.get(..len as usize));
    machine::write(bytes.ok_or(TrapCode::MemoryOutOfBounds)?);
    Ok(())
}

/// Nanoseconds since the start.
fn clock(_: &mut Caller<'_, Host>) -> u64 {
    machine::now()
}

/// Ends the guest.
fn exit(caller: &mut Caller<'_, Host>, code: u32) -> Result<(), TrapCode> {
    caller.data.exit = Some(code);
    Err(TrapCode::HostError)
}

/// Plays the scene.
pub fn play() {
    let stack_lowest = machine::stack_lowest() + HOST_STACK_LEN;
    // SAFETY: `main` was entered with the stack pointer at the top of what the linker script gives to the stack;
    // interrupt handlers and host functions have what was added.
    let stack = unsafe { Stack::down_to(stack_lowest) };
    // SAFETY: the scene is played once, and nothing else uses the buffers.
    let (ram, code) = unsafe { (&mut *&raw mut RAM.0, &mut *&raw mut CODE.0) };
    first(ram, stack);
    second(ram, code, stack);
    third("third", &THIRD.0, ram, stack);
    third("legacy", &LEGACY.0, ram, stack);
    refusals::show(&FIRST.0, ram, code, stack);
    say!("done");
}

/// The first module: in place, and with everything that a guest can do wrong.
fn first(ram: &mut [u8], stack: Stack) {
    let before = machine::instructions();
    // SAFETY: compiled with this firmware; it lies in flash, and guests run here only.
    let module = unsafe { Module::in_place(&FIRST.0, &Board::default().machine()) };
    let loaded = machine::instructions();
    let module = module.unwrap_or_else(|error| panic!("{error}"));
    let (mut host, len) = (Host::default(), ram.len());
    let instance = Instance::new(&module, ram, HOST, &mut host, stack);
    let done = machine::instructions();
    let mut instance = instance.unwrap_or_else(|error| panic!("{error}"));
    say!("first: {} bytes of image, {:?} of {len} bytes of RAM", FIRST.0.len(), module.ram_len());
    say!("first: load {} instructions, instantiate {} instructions", loaded - before, done - loaded);

    say!("run: {:?}", instance.call::<_, i32>("run", 10));
    trap("divide by zero", instance.call::<_, i32>("divide", (7, 0)));
    say!("divide: {:?}", instance.call::<_, i32>("divide", (42, 6)));
    trap("wild access", instance.call::<_, i32>("peek", -4));
    trap("endless recursion", instance.call::<_, i32>("dive", 1));
    for name in ["spin", "nag", "fill"] {
        machine::set_deadline(machine::now() + 20_000_000);
        trap(name, instance.call::<_, ()>(name, ()));
    }
    trap("exit", instance.call::<_, ()>("leave", 7));
    say!("exit code: {:?}", instance.data().exit);
    say!("run again: {:?}", instance.call::<_, i32>("run", 20));
}

/// Prints a trap.
fn trap<T: core::fmt::Debug>(what: &str, result: Result<T, Error<'static>>) {
    match result {
        // In an endless loop any place is as good as another.
        Err(Error::Trap(Trap { code: TrapCode::Interrupted, .. })) => say!("{what}: {}", TrapCode::Interrupted),
        Err(Error::Trap(trap)) => say!("{what}: {trap}"),
        other => say!("{what}: {other:?} is no trap"),
    }
}

/// The second module, in place of the first: copied to RAM, where it grows its memory.
fn second(ram: &mut [u8], code: &mut [u8], stack: Stack) {
    let before = machine::instructions();
    // SAFETY: compiled with this firmware; the buffer is its alone, and guests run here only.
    let module = unsafe { Module::copied(&SECOND.0, &Board::default().machine(), code) };
    let loaded = machine::instructions();
    let module = module.unwrap_or_else(|error| panic!("{error}"));
    let mut host = Host::default();
    let instance = Instance::new(&module, ram, HOST, &mut host, stack);
    let done = machine::instructions();
    let mut instance = instance.unwrap_or_else(|error| panic!("{error}"));
    say!("second: load {} instructions, instantiate {} instructions", loaded - before, done - loaded);
    say!("sort: {:?}", instance.call::<_, u32>("sort", 1000));
    say!("odd: {:?}", instance.call::<_, u32>("odd", 3));
    say!("grow: {:?} {:?}", instance.call::<_, i32>("grow", 1), instance.call::<_, i32>("grow", 1));
    say!("floats: {:?}", instance.call::<_, f64>("floats", (0.1f32, 3.0f64)));
}

/// A module that throws, in one form of exceptions: with no more RAM than it has to have, and with room for more exceptions.
fn third(form: &str, image: &'static [u8], ram: &mut [u8], stack: Stack) {
    // SAFETY: as the first.
    let module = unsafe { Module::in_place(image, &Board::default().machine()) };
    let module = module.unwrap_or_else(|error| panic!("{error}"));
    let least = module.ram_len().map_or(0, |len| len as usize);
    say!("{form}: {least} bytes of RAM");
    let mut host = Host::default();
    let instance = Instance::new(&module, &mut ram[..least], HOST, &mut host, stack);
    let mut instance = instance.unwrap_or_else(|error| panic!("{error}"));
    let before = machine::instructions();
    say!("{form}: of 10000 calls {:?} threw", instance.call::<_, u32>("many", 10_000));
    say!("{form}: {} instructions a call", (machine::instructions() - before) / 10_000);
    say!("{form}: {:?} frames have caught", instance.call::<_, u32>("deeper", 50));
    trap("uncaught", instance.call::<_, ()>("uncaught", 1));
    say!("{form}: {:?} exceptions at a time", instance.call::<_, u32>("nested", 8));
    // Heads are shorter here than the buffer has room for: a few more than eight fit.
    trap("twice as many", instance.call::<_, u32>("nested", 16));
    say!("{form}: of 1000 calls {:?} threw", instance.call::<_, u32>("many", 1000));
    let instance = Instance::new(&module, ram, HOST, &mut host, stack);
    let mut instance = instance.unwrap_or_else(|error| panic!("{error}"));
    say!("{form}: with more RAM {:?} at a time", instance.call::<_, u32>("nested", 100));
}
