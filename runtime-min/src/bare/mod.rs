//! The runtime where nothing is allocated and no OS is: firmware. Loaded code → an instance in a buffer of the
//! embedder's → results.
//!
//! ```
//! use wasmc_runtime::bare::{Board, Buffer, Caller, Error, HostFunc, Instance, Module, Stack};
//!
//! /// What host functions work on.
//! struct Host {
//!     sum: u32,
//! }
//!
//! fn add(caller: &mut Caller<'_, Host>, address: u32) {
//!     let byte = caller.memory.get(address as usize).copied();
//!     caller.data.sum += u32::from(byte.unwrap_or(0));
//! }
//!
//! static HOST: &[HostFunc<Host>] = &[HostFunc::new("env", "add", add)];
//!
//! # #[allow(unused)]
//! /// Runs the export `main` of an image in flash.
//! fn run<'a>(image: &'a [u8], ram: &mut Buffer<0x20000>, stack: Stack) -> Result<i32, Error<'a>> {
//!     let board = Board { cpu_features: &[] };
//!     // SAFETY: we compiled this image ourselves, and nobody has touched it since.
//!     let module = unsafe { Module::in_place(image, &board.machine()) }?;
//!     let mut host = Host { sum: 0 };
//!     let mut instance = Instance::new(&module, &mut ram.0, HOST, &mut host, stack)?;
//!     instance.call::<(i32,), i32>("main", (5,))
//! }
//! ```
//!
//! What an instance needs is in the image, so it is known before anything runs: [`Module::ram_len`] says how long
//! the buffer has to be (so does `wasmc inspect --ram`). What it has beyond that is room for memories and tables to
//! grow. The guest runs on the caller's stack, down to a limit. When the instance and its module are dropped, both
//! buffers are free for the next.
//!
//! Modules that import from one another make a [`Group`]. Exceptions and garbage collection need the feature `gc`. Not done
//! here: WASI, threads.

mod call;
mod cells;
mod error;
mod group;
#[cfg(feature = "gc")]
mod heap;
mod host;
mod instance;
#[cfg(feature = "gc")]
mod objects;
#[cfg(all(test, feature = "std", target_arch = "x86_64"))]
mod tests;
mod value;

pub use call::{HELPER_STACK_LEN, Stack, stop};
pub use cells::{fuel, set_fuel};
pub use error::{Error, Trap};
pub use group::{Group, Member};
pub use host::{Caller, HostFn, HostFunc, HostResults};
pub use instance::Instance;
#[cfg(feature = "gc")]
pub use objects::Referent;
pub use value::{MAX_VALUES, Value, Values};
pub use wasmc_abi::{TrapCode, ValType};
pub use wasmc_loader::{LoadError, Machine, Verify};

use wasmc_abi::image::code_flags;
use wasmc_abi::ram::Ram;
use wasmc_abi::target::cpu_feature_table;
use wasmc_loader::{Code, Image};

/// What only the maker of a board knows of it. The rest of [`Machine`], such as where floats travel in calls, is
/// what the firmware itself was compiled for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Board {
    /// LLVM's names of what its CPU has beyond the target's baseline: those that `wasmc targets` lists. Others
    /// count nothing.
    pub cpu_features: &'static [&'static str],
}

impl Board {
    /// The machine that images are compared with.
    pub fn machine(&self) -> Machine {
        let machine = Machine::host();
        let has = |name: &&str| cpu_feature_table(machine.arch).iter().find(|feature| feature.name == *name);
        let bits = self.cpu_features.iter().filter_map(has).fold(0, |bits, feature| bits | 1 << feature.bit);
        Machine { cpu_features: machine.cpu_features | bits, ..machine }
    }
}

/// Bytes that are aligned as instances and images need it.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Buffer<const LEN: usize>(pub [u8; LEN]);

impl<const LEN: usize> Buffer<LEN> {
    /// Zeros.
    pub const fn new() -> Self {
        Buffer([0; LEN])
    }
}

impl<const LEN: usize> Default for Buffer<LEN> {
    fn default() -> Self {
        Buffer::new()
    }
}

/// A loaded image.
#[derive(Clone, Copy, Debug)]
pub struct Module<'a> {
    code: Code<'a>,
}

impl<'a> Module<'a> {
    /// Whether its code counts the instructions that it executes, and heeds [`set_fuel`].
    pub fn counts_fuel(&self) -> bool {
        self.image().header().flags & code_flags::FUEL != 0
    }

    /// An image that is executed where it lies, in flash say.
    ///
    /// # Safety
    /// The image's machine code will run with all rights of the firmware: the caller trusts its origin. It stays as
    /// it is, and executable. Guests are entered one at a time: by one thread or task of one core.
    pub unsafe fn in_place(bytes: &'a [u8], machine: &Machine) -> Result<Module<'a>, LoadError> {
        let image = wasmc_loader::parse(bytes, machine, Verify::Full)?;
        // SAFETY: by the caller's promise; instances name our helpers.
        let code = unsafe { wasmc_loader::load_in_place(image) }?;
        Ok(Module { code })
    }

    /// An image that is copied to `buffer`, aligned as [`Buffer`] is, and executed there.
    ///
    /// # Safety
    /// As [`in_place`](Self::in_place), of the buffer.
    pub unsafe fn copied(bytes: &[u8], machine: &Machine, buffer: &'a mut [u8]) -> Result<Module<'a>, LoadError> {
        let image = wasmc_loader::parse(bytes, machine, Verify::Full)?;
        // SAFETY: by the caller's promise; instances name our helpers.
        let code = unsafe { wasmc_loader::load_copied(&image, buffer) }?;
        Ok(Module { code })
    }

    /// Code that the caller has loaded.
    ///
    /// # Safety
    /// As [`in_place`](Self::in_place). If its image has a helper table of its own, that is filled with helpers
    /// of this module's.
    pub unsafe fn new(code: Code<'a>) -> Module<'a> {
        Module { code }
    }

    /// The image's metadata.
    pub fn image(&self) -> &Image<'a> {
        self.code.image()
    }

    /// How long an instance's buffer has to be, bytes; `None` if no buffer can be that long.
    pub fn ram_len(&self) -> Option<u32> {
        Some(self.ram()?.len)
    }

    /// How the buffer is divided up.
    fn ram(&self) -> Option<Ram> {
        #[cfg(feature = "gc")]
        return self.image().ram(objects::needs(self.image())?.sum()?);
        #[cfg(not(feature = "gc"))]
        self.image().ram(0)
    }

    pub(crate) fn code(&self) -> &Code<'a> {
        &self.code
    }
}
