//! Threads of a program (wasi-threads): `wasi.thread-spawn` makes an instance of the same module in a store of its own,
//! with the shared memory that the program imports, and has `wasi_thread_start` run on a new thread. The program
//! ends when its first thread does, or when any of them traps or exits.
//!
//! All threads have the same descriptors, behind a lock: a call that waits for one holds up the others' calls that
//! need any. Clocks, exiting and whatever else needs none do not wait.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use crate::error::Error;
use crate::host::Caller;
use crate::interrupt::InterruptHandle;
use crate::linker::Linker;
use crate::module::Module;
use crate::run::Profile;
use crate::shared::SharedMemory;
use crate::store::{DEFAULT_STACK_LEN, HOST_STACK_RESERVE, Store};
use crate::types::ExternType;
use crate::value::Val;
use crate::wasi::WasiCtx;

/// What a thread's stack has beyond the guest's: for the calls around it, and one nested in a host function.
const STACK_BEYOND: usize = 4 * HOST_STACK_RESERVE;

/// The largest number of a thread (wasi-threads, "thread id").
const THREAD_MAX: i32 = (1 << 29) - 1;

/// How often threads are told to end: those that do not hear it wait in host functions, and end with the process.
const ENDINGS: u32 = 100;

/// The function that starts a thread.
const SPAWN: (&str, &str) = ("wasi", "thread-spawn");

/// What a thread of a program has in its store, be it the only one: one type, so that there is one copy of the code.
pub(crate) struct Thread {
    /// The threads of a program that starts some.
    group: Option<Arc<Group>>,
    /// Arguments, environment and limits; descriptors only without a group.
    own: WasiCtx,
}

/// How a program ended.
type Outcome = Result<Vec<Val>, Error>;

/// The threads of a program.
struct Group {
    module: Module,
    linker: OnceLock<Linker<Thread>>,
    wasi: Mutex<WasiCtx>,
    stack_len: usize,
    profile: Profile,
    last_number: AtomicI32,
    running: Mutex<Running>,
    /// The first outcome counts.
    outcome: Sender<Outcome>,
}

#[derive(Default)]
struct Running {
    /// By what each is stopped, with its number.
    threads: Vec<(i32, InterruptHandle)>,
    /// Whether the program has ended, so that there are no new ones.
    ended: bool,
}

/// Whether a module is a program that starts threads.
pub(crate) fn has_threads(module: &Module) -> bool {
    let is_spawn = |import: &crate::module::ImportType| (import.module.as_str(), import.name.as_str()) == SPAWN;
    module.imports().any(|import| is_spawn(&import))
}

/// Runs a program that starts threads; `main` runs its first one, in the store and with the linker that it is given.
pub(crate) fn run(
    module: &Module,
    context: WasiCtx,
    stack_len: Option<usize>,
    profile: Profile,
    prepare: impl FnOnce(&mut Linker<Thread>),
    main: impl FnOnce(&Linker<Thread>, &mut Store<Thread>) -> Outcome + Send + 'static,
) -> Outcome {
    let (outcome, outcomes) = mpsc::channel();
    let group = Arc::new(Group {
        module: module.clone(),
        linker: OnceLock::new(),
        wasi: Mutex::new(context),
        stack_len: stack_len.unwrap_or(DEFAULT_STACK_LEN),
        profile,
        last_number: AtomicI32::new(0),
        running: Mutex::default(),
        outcome,
    });
    let mut linker = Linker::new();
    crate::wasi_linker::add_to_linker_of_threads(&mut linker, module);
    linker.func(SPAWN.0, SPAWN.1, |caller: Caller<'_, Thread>, start: i32| {
        caller.data().group.as_ref().map_or(-1, |group| group.spawn(start))
    });
    for import in module.imports() {
        if let ExternType::Memory(ty) = import.ty
            && ty.shared
        {
            linker.shared_memory(&import.module, &import.name, SharedMemory::new(ty)?);
        }
    }
    prepare(&mut linker);
    let linker = group.linker.get_or_init(|| linker);
    // A thread of its own, so that this one hears of the others' ends even if the first one waits in a host function.
    let mut store = group.store();
    group.start(0, store.interrupt_handle(), {
        let linker = linker.clone();
        move |group| group.report(main(&linker, &mut store))
    })?;
    group.wait(&outcomes)
}

impl Thread {
    /// The only one of its program.
    pub(crate) fn alone(context: WasiCtx) -> Thread {
        Thread { group: None, own: context }
    }

    /// Has `call` use the program's WASI state, with its descriptors or without.
    pub(crate) fn with(&mut self, descriptors: bool, call: impl FnOnce(&mut WasiCtx)) {
        match &self.group {
            // What panics while it has the lock does so between two system calls.
            Some(group) if descriptors => call(&mut group.wasi.lock().unwrap_or_else(PoisonError::into_inner)),
            _ => call(&mut self.own),
        }
    }
}

impl Group {
    fn store(self: &Arc<Group>) -> Store<Thread> {
        let own = self.wasi.lock().unwrap_or_else(PoisonError::into_inner).without_descriptors();
        let mut store = Store::new(Thread { group: Some(self.clone()), own });
        store.set_stack_len(self.stack_len);
        store
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `thread-spawn`: the new thread's number, or a negative one if there is none.
    fn spawn(self: &Arc<Group>, start: i32) -> i32 {
        let next = |last: i32| (last < THREAD_MAX).then_some(last + 1);
        let Ok(last) = self.last_number.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) else { return -1 };
        self.try_spawn(last + 1, start).map_or(-1, |()| last + 1)
    }

    fn try_spawn(self: &Arc<Group>, number: i32, start: i32) -> Result<(), Error> {
        let mut store = self.store();
        let linker = self.linker.get().ok_or("The program has not started.")?;
        let instance = linker.instantiate(&mut store, &self.module)?;
        let function = instance.get_typed_func::<(i32, i32), ()>(&store, "wasi_thread_start")?;
        self.start(number, store.interrupt_handle(), move |group| {
            let outcome = function.call(&mut store, (number, start));
            group.profile.add(instance, &store);
            if let Err(error) = outcome {
                group.report(Err(error));
            }
        })
    }

    /// Starts a thread.
    fn start(
        self: &Arc<Group>,
        number: i32,
        handle: InterruptHandle,
        body: impl FnOnce(&Group) + Send + 'static,
    ) -> Result<(), Error> {
        {
            let mut running = self.running();
            if running.ended {
                return Err("The program has ended.".into());
            }
            running.threads.push((number, handle));
        }
        let group = self.clone();
        let thread = thread::Builder::new().stack_size(self.stack_len.saturating_add(STACK_BEYOND)).spawn(move || {
            body(&group);
            group.leave(number);
        });
        thread.map(drop).map_err(|error| {
            self.leave(number);
            Error::Io(error)
        })
    }

    fn leave(&self, number: i32) {
        self.running().threads.retain(|(other, _)| *other != number);
    }

    fn report(&self, outcome: Outcome) {
        // Later ones, nobody asks for.
        let _ = self.outcome.send(outcome);
    }

    /// Waits for the program's end, then ends its threads.
    fn wait(&self, outcomes: &Receiver<Outcome>) -> Outcome {
        let outcome = outcomes.recv().unwrap_or_else(|_| Err("All threads have ended without a word.".into()));
        self.running().ended = true;
        for _ in 0..ENDINGS {
            let threads = self.running().threads.clone();
            if threads.is_empty() {
                break;
            }
            // One that has not begun yet is told the next time.
            threads.iter().for_each(|(_, handle)| handle.interrupt());
            thread::sleep(Duration::from_millis(1));
        }
        outcome
    }
}
