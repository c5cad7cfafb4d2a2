//! The machine and the OS: one small file for each. Nothing else in the crate names either.

pub(crate) mod image_memory;
pub(crate) mod unix;

#[cfg(target_arch = "x86_64")]
#[path = "x86_64.rs"]
pub(crate) mod machine;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("runtime-min enters and leaves compiled code by a few lines of assembly, which exist for x86-64 so far");
