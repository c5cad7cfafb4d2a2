//! WASI's functions as imports: the list in `wasi/table.rs`, bound to a linker.

use crate::error::Error;
use crate::host::Caller;
use crate::linker::Linker;
use crate::wasi::{Snapshot, WasiCtx, WasiExit, entry, for_each_wasi_function};

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
            $( for snapshot in [$(Snapshot::$snapshot),+] {
                // The snapshot is a value, not a type: one shim serves both.
                let call = move |mut caller: Caller<'_, T>, $($argument: $type),*| {
                    let (data, memory) = caller.data_and_memory();
                    let result = entry::$name(context(data), memory, snapshot, $($argument),*);
                    result!($result result)
                };
                linker.func(module_name(snapshot), stringify!($name), call);
            } )*
        }
    };
}
for_each_wasi_function!(define);

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
}
