//! Claims about the loader as a whole: what it loads, what it refuses and why, and that no bytes make
//! it panic or reach outside of them.

mod loads;
mod mutations;
mod refuses;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod runs;
mod support;
