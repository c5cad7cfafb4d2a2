//! The guest's machine code, one file a machine. It is copied into the image, where it stands at `CODE`, and
//! reaches helpers through the table at `POINTERS`.

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(target_arch = "riscv64", path = "riscv64.rs")]
mod machine;

use wasmc_abi::Frame;
use wasmc_abi::target::IsaState;
use wasmc_abi::vmctx::Layout;

/// The module's vmctx block.
pub const LAYOUT: Layout = Layout {
    tail_slots: 0,
    memories: 1,
    tables: 1,
    globals: 2,
    imported_functions: 1,
    escaping_functions: 5,
    type_ids: 3,
    tags: 0,
};

/// Code and the image offsets in it.
pub struct Guest {
    pub code: &'static [u8],
    /// Entry trampolines: `() → ()`, `(i32) → (i32)`, `(i32, i32) → (i32)`.
    pub entry_v: u32,
    pub entry_i_i: u32,
    pub entry_ii_i: u32,
    /// Calls the callback of a host record: `(i32, i32) → (i32)`.
    pub thunk: u32,
    /// mul(mul(a, b), b) by the import.
    pub mul_twice: u32,
    /// The byte at an address.
    pub load: u32,
    /// memory.grow
    pub grow: u32,
    /// Calls table element i with (i, 3).
    pub call_slot: u32,
    /// Adds 1 to global 0.
    pub start: u32,
    pub end: u32,
    /// The frame from an offset on.
    pub frames: Vec<(u32, Frame)>,
}

/// The code in a state; only ARM has more than one.
pub fn guest(state: IsaState) -> Guest {
    machine::guest(state)
}

/// The guest whose labels start with a prefix. `framed` are those functions that have a frame, with its size and
/// the distance of the return address from its top (0: in the register); it is there from the label with `_framed` on.
#[cfg(not(target_arch = "x86_64"))]
macro_rules! guest_of {
    ($prefix:literal, framed: $($name:ident $size:literal $distance:literal,)*) => {{
        use $crate::builder::CODE;
        use $crate::guest::Guest;
        use wasmc_abi::Frame;

        mod labels {
            $crate::guest::labels!($prefix: begin entry_v entry_i_i entry_ii_i thunk mul_twice load grow call_slot start end);
        }
        mod framed {
            $crate::guest::labels!($prefix: $($name "_framed")*);
        }
        let begin = &raw const labels::begin;
        let at = |label: *const u8| CODE + (label as usize - begin as usize) as u32;
        let mut frames = vec![];
        $(
            frames.push((at(&raw const labels::$name), Frame { cfa_offset: 0, return_address: None }));
            let return_address = ($distance > 0).then_some($distance);
            frames.push((at(&raw const framed::$name), Frame { cfa_offset: $size, return_address }));
        )*
        frames.push((at(&raw const labels::start), Frame { cfa_offset: 0, return_address: None }));
        // A function without a frame has both its labels at the same place.
        frames.dedup_by_key(|(offset, _)| *offset);
        $crate::guest::guest_at!(labels at frames)
    }};
}

/// Declares labels under their names without the prefix.
macro_rules! labels {
    ($prefix:literal: $($name:ident $($suffix:literal)?)*) => {
        unsafe extern "C" {
            $( #[link_name = concat!($prefix, stringify!($name) $(, $suffix)?)] pub(super) static $name: u8; )*
        }
    };
}

macro_rules! guest_at {
    ($labels:ident $at:ident $frames:ident) => {{
        let start = &raw const $labels::begin;
        let len = ($at(&raw const $labels::end) - $at(start)) as usize;
        Guest {
            // SAFETY: from one label to another in the text section.
            code: unsafe { std::slice::from_raw_parts(start, len) },
            entry_v: $at(&raw const $labels::entry_v),
            entry_i_i: $at(&raw const $labels::entry_i_i),
            entry_ii_i: $at(&raw const $labels::entry_ii_i),
            thunk: $at(&raw const $labels::thunk),
            mul_twice: $at(&raw const $labels::mul_twice),
            load: $at(&raw const $labels::load),
            grow: $at(&raw const $labels::grow),
            call_slot: $at(&raw const $labels::call_slot),
            start: $at(&raw const $labels::start),
            end: $at(&raw const $labels::end),
            frames: $frames,
        }
    }};
}

#[cfg(not(target_arch = "x86_64"))]
use guest_of;
use {guest_at, labels};
