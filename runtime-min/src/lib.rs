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
//!
//! All of that needs an OS and the feature `std`. What firmware needs is in [`bare`], which is always there.

#![cfg_attr(not(feature = "std"), no_std)]
// A test asks the standard library what it makes of this CPU, by a macro that is not stable there yet. `cargo xtask
// cross-test`, which builds that library too, may use it.
#![cfg_attr(all(test, target_arch = "riscv64"), feature(stdarch_riscv_feature_detection))]

mod activation;
#[cfg(feature = "std")]
mod any;
mod arity;
#[cfg(feature = "gc")]
mod arrays;
#[cfg(feature = "std")]
mod backtrace;
pub mod bare;
mod builtins;
mod elements;
#[cfg(feature = "std")]
mod error;
#[cfg(feature = "std")]
mod exception;
#[cfg(feature = "std")]
mod func;
#[cfg(feature = "std")]
mod global;
mod guest;
#[cfg(feature = "std")]
mod handle;
#[cfg(all(feature = "std", feature = "gc"))]
mod heap;
#[cfg(all(feature = "std", not(feature = "gc")))]
#[path = "no_heap.rs"]
mod heap;
#[cfg(feature = "std")]
mod host;
#[cfg(feature = "std")]
mod imports;
#[cfg(feature = "std")]
mod instance;
#[cfg(feature = "std")]
mod interrupt;
mod linear_memory;
#[cfg(feature = "std")]
mod linker;
#[cfg(feature = "std")]
mod memory;
#[cfg(feature = "std")]
mod module;
#[cfg(feature = "std")]
mod objects;
#[cfg(feature = "std")]
mod pages;
#[cfg(feature = "std")]
mod parking;
#[cfg(any(feature = "std", feature = "gc"))]
mod references;
mod roots;
#[cfg(feature = "wasi")]
pub mod run;
#[cfg(feature = "std")]
mod shared;
#[cfg(feature = "std")]
mod storage;
#[cfg(feature = "std")]
mod store;
mod sys;
#[cfg(feature = "std")]
mod table;
#[cfg(feature = "std")]
mod trap;
#[cfg(feature = "std")]
mod type_registry;
#[cfg(feature = "std")]
mod types;
#[cfg(feature = "std")]
mod value;
mod vmctx;
mod walk;
#[cfg(feature = "wasi")]
pub mod wasi;
#[cfg(feature = "wasi")]
mod wasi_linker;
#[cfg(feature = "wasi")]
mod wasi_threads;

#[cfg(feature = "std")]
pub use any::AnyRef;
#[cfg(feature = "std")]
pub use error::{Error, ExportError, ImportError, LimitError, MemoryError, MissingImport};
#[cfg(feature = "std")]
pub use exception::{Exception, ExnRef, Tag};
#[cfg(feature = "std")]
pub use func::{Func, TypedFunc};
#[cfg(feature = "std")]
pub use global::Global;
#[cfg(feature = "std")]
pub use host::{Caller, HostResults, IntoHostFunc};
#[cfg(feature = "std")]
pub use instance::{Extern, Instance};
#[cfg(feature = "std")]
pub use interrupt::InterruptHandle;
#[cfg(feature = "std")]
pub use linker::Linker;
#[cfg(feature = "std")]
pub use memory::Memory;
#[cfg(feature = "std")]
pub use module::{ExportType, ImportType, Module};
#[cfg(feature = "std")]
pub use parking::WaitResult;
#[cfg(feature = "std")]
pub use shared::SharedMemory;
#[cfg(feature = "std")]
pub use store::{AsContext, AsContextMut, DEFAULT_STACK_LEN, HOST_STACK_RESERVE, Store, StoreContext, StoreContextMut};
#[cfg(feature = "std")]
pub use table::Table;
#[cfg(feature = "std")]
pub use trap::{Frame, Trap};
#[cfg(feature = "std")]
pub use types::{ExternType, FuncType, GlobalType, MemoryType, TableType};
#[cfg(feature = "std")]
pub use value::{ExternRef, MAX_VALUES, Val, WasmTy, WasmValues};
#[cfg(feature = "std")]
pub use wasmc_abi::target::MemoryModel;
#[cfg(feature = "std")]
pub use wasmc_abi::{HeapType, RefType, TrapCode, ValType};
#[cfg(feature = "std")]
pub use wasmc_loader::LoadError;
