//! Loaded code → instances → results. Runs what `wasmc` compiled, without a compiler.
//!
//! ```no_run
//! use wasmc_runtime::{Caller, Linker, Module, Store};
//!
//! # fn main() -> Result<(), wasmc_runtime::Error> {
//! // SAFETY: we compiled this file ourselves, and nobody has touched it since.
//! let module = unsafe { Module::map_unsigned("app.aot") }?;
//! let mut linker = Linker::new();
//! linker.func("env", "log", |mut caller: Caller<'_, Vec<String>>, address: u32, len: u32| {
//!     let (log, memory) = caller.data_and_memory();
//!     let bytes = memory.get(address as usize..).and_then(|from| from.get(..len as usize));
//!     log.push(String::from_utf8_lossy(bytes.ok_or("a pointer out of bounds")?).into());
//!     Ok::<(), wasmc_runtime::Error>(())
//! });
//! let mut store = Store::new(Vec::new());
//! let instance = linker.instantiate(&mut store, &module)?;
//! let add = instance.get_typed_func::<(i32, i32), i32>(&store, "add")?;
//! assert_eq!(add.call(&mut store, (2, 3))?, 5);
//! # Ok(())
//! # }
//! ```
//!
//! Where to start reading: `instance.rs` makes an instance, `trap.rs` enters its code. What the
//! machine and the OS have to give is in `sys/`; the layout of what compiled code sees, in `vmctx.rs`.

mod activation;
mod backtrace;
mod builtins;
mod elements;
mod error;
mod func;
mod global;
mod guest;
mod host;
mod imports;
mod instance;
mod interrupt;
mod linear_memory;
mod linker;
mod memory;
mod module;
#[cfg(feature = "wasi")]
pub mod run;
mod storage;
mod store;
mod sys;
mod table;
mod trap;
mod types;
mod value;
mod vmctx;
#[cfg(feature = "wasi")]
pub mod wasi;
#[cfg(feature = "wasi")]
mod wasi_linker;

pub use error::{Error, ExportError, ImportError, LimitError, MemoryError, MissingImport};
pub use func::{Func, TypedFunc};
pub use global::Global;
pub use host::{Caller, HostResults, IntoHostFunc};
pub use instance::{Extern, Instance};
pub use interrupt::InterruptHandle;
pub use linker::Linker;
pub use memory::Memory;
pub use module::{ExportType, ImportType, Module};
pub use store::{AsContext, AsContextMut, DEFAULT_STACK_LEN, HOST_STACK_RESERVE, Store, StoreContext, StoreContextMut};
pub use table::Table;
pub use trap::{Frame, Trap};
pub use types::{ExternType, FuncType, GlobalType, MemoryType, TableType};
pub use value::{ExternRef, MAX_VALUES, Val, WasmTy, WasmValues};
pub use wasmc_abi::target::MemoryModel;
pub use wasmc_abi::{TrapCode, ValType};
pub use wasmc_loader::LoadError;
