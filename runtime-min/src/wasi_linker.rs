//! WASI's functions as imports: the list in `wasi/table.rs`, bound to a linker.

use crate::error::Error;
use crate::host::Caller;
use crate::linker::Linker;
use crate::module::Module;
use crate::wasi::{GuestMemory, Snapshot, WasiCtx, WasiExit, entry, for_each_wasi_function, poll_needs_descriptors};
use crate::wasi_threads::Thread;

/// The module name under which programs import a snapshot.
fn module_name(snapshot: Snapshot) -> &'static str {
    match snapshot {
        Snapshot::P0 => "wasi_unstable",
        Snapshot::P1 => "wasi_snapshot_preview1",
    }
}

impl From<WasiExit> for Error {
    fn from(exit: WasiExit) -> Error {
        Error::Exit(exit.0.cast_signed())
    }
}

macro_rules! result {
    (errno $result:expr) => {
        $result
    };
    (never $result:expr) => {
        $result.map(|_| ())
    };
}

/// Whether a call needs descriptors; those that do not need not wait for others'.
macro_rules! needs_descriptors {
    (args $($rest:tt)*) => {
        false
    };
    (clock $($rest:tt)*) => {
        false
    };
    (environ $($rest:tt)*) => {
        false
    };
    (proc $($rest:tt)*) => {
        false
    };
    (random $($rest:tt)*) => {
        false
    };
    (poll $guest:ident $subscriptions:ident $events:ident $count:ident $stored:ident) => {
        poll_needs_descriptors($guest, $subscriptions.cast_unsigned(), $count.cast_unsigned())
    };
    ($module:ident $($rest:tt)*) => {
        true
    };
}

macro_rules! define {
    ($([$($snapshot:ident)+] $name:ident ($($argument:ident: $type:ident),*) -> $result:ident
        = $module:ident::$function:ident;)*) => {
        /// Defines WASI preview 1 (`wasi_snapshot_preview1`) and the older snapshot (`wasi_unstable`).
        /// `context` finds the guest's [`WasiCtx`] in the store's data.
        ///
        /// A guest that calls `proc_exit` ends with [`Error::Exit`].
        pub fn add_to_linker<T: 'static>(
            linker: &mut Linker<T>,
            context: impl Fn(&mut T) -> &mut WasiCtx + Copy + Send + Sync + 'static,
        ) {
            add(linker, &|_, _| true, move |data: &mut T, _, call: &mut dyn FnMut(&mut WasiCtx)| call(context(data)));
        }

        /// What is `wanted`, by the names of module and function. `with` has a call use the guest's [`WasiCtx`], which
        /// has to have its descriptors if the flag says so.
        fn add<T: 'static>(
            linker: &mut Linker<T>,
            wanted: &dyn Fn(&str, &str) -> bool,
            with: impl Fn(&mut T, bool, &mut dyn FnMut(&mut WasiCtx)) + Copy + Send + Sync + 'static,
        ) {
            $( for snapshot in [$(Snapshot::$snapshot),+] {
                if !wanted(module_name(snapshot), stringify!($name)) {
                    continue;
                }
                // The snapshot is a value, not a type: one shim serves both.
                let call = move |mut caller: Caller<'_, T>, $($argument: $type),*| {
                    let shared = caller.shared_memory();
                    let (data, memory) = caller.data_and_memory();
                    let guest = &mut match &shared {
                        Some(shared) => GuestMemory::shared(shared.data(), snapshot),
                        None => GuestMemory::new(memory, snapshot),
                    };
                    let descriptors = needs_descriptors!($module guest $($argument)*);
                    let mut done = None;
                    with(data, descriptors, &mut |context| done = Some(entry::$name(context, guest, $($argument),*)));
                    let result = done.expect("the call has been made");
                    result!($result result)
                };
                linker.func(module_name(snapshot), stringify!($name), call);
            } )*
        }
    };
}
for_each_wasi_function!(define);

/// The same for the threads of a program, of what it imports alone: a program is run once, and to define it all takes longer
/// than to load a small one.
pub(crate) fn add_to_linker_of_threads(linker: &mut Linker<Thread>, module: &Module) {
    let image = module.image();
    let wanted = |module: &str, name: &str| image.imports().iter().any(|import| image.is_import(&import, module, name));
    add(linker, &wanted, |thread: &mut Thread, descriptors, call| thread.with(descriptors, call));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{FuncType, ValType::*};

    #[test]
    fn both_snapshots_are_there_with_the_types_that_programs_expect() {
        let mut linker: Linker<WasiCtx> = Linker::new();
        add_to_linker(&mut linker, |context| context);
        let ty = |name| linker.host_type("wasi_snapshot_preview1", name).unwrap();
        assert_eq!(ty("proc_exit"), FuncType::new([I32], []));
        assert_eq!(ty("sched_yield"), FuncType::new([], [I32]));
        assert_eq!(ty("fd_seek"), FuncType::new([I32, I64, I32, I32], [I32]));
        assert!(linker.has("wasi_unstable", "fd_write"));
        assert!(!linker.has("wasi_unstable", "sock_accept"), "newer than that snapshot");
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_program_is_given_what_it_imports() {
        let wat = "(module (import \"wasi_unstable\" \"proc_exit\" (func (param i32))))";
        let image = wasmc::compile(wat.as_bytes(), &wasmc::Options::default()).unwrap();
        // SAFETY: just compiled.
        let module = unsafe { Module::load_unsigned(&image) }.unwrap();
        let mut linker = Linker::new();
        add_to_linker_of_threads(&mut linker, &module);
        assert!(linker.has("wasi_unstable", "proc_exit"));
        assert!(!linker.has("wasi_snapshot_preview1", "proc_exit") && !linker.has("wasi_unstable", "fd_write"));
    }
}
