//! Machine code that was loaded runs, from memory that was mapped and protected like the real thing.

use crate::support::builder::{CODE, POINTERS, Sample};
use core::ffi::{c_int, c_long, c_void};
use wasmc_abi::Builtin;
use wasmc_abi::fixup::{Fixup, FixupTarget};
use wasmc_loader::{Access, CodeMemory, Machine, MemoryFailure, Placement, Segment, Verify, call, load, parse};

unsafe extern "C" {
    fn mmap(address: *mut c_void, len: usize, protection: c_int, flags: c_int, file: c_int, at: c_long) -> *mut c_void;
    fn mprotect(address: *mut c_void, len: usize, protection: c_int) -> c_int;
    fn munmap(address: *mut c_void, len: usize) -> c_int;
}

const READ: c_int = 1;
const WRITE: c_int = 2;
const EXECUTE: c_int = 4;
const PRIVATE_ANONYMOUS: c_int = 0x22;

/// Anonymous memory that segments are copied to.
struct Pages {
    base: *mut u8,
    len: usize,
}

impl CodeMemory for Pages {
    fn reserve(&mut self, len: usize, _align: usize) -> Result<usize, MemoryFailure> {
        // SAFETY: a new mapping.
        let base = unsafe { mmap(core::ptr::null_mut(), len, READ | WRITE, PRIVATE_ANONYMOUS, -1, 0) };
        assert_ne!(base as isize, -1);
        (self.base, self.len) = (base.cast(), len);
        Ok(base.expose_provenance())
    }

    fn place(&mut self, segment: &Segment, contents: &[u8]) -> Result<Placement, MemoryFailure> {
        self.write(segment.offset, contents)?;
        Ok(Placement::Copied)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), MemoryFailure> {
        assert!(offset as usize + bytes.len() <= self.len);
        // SAFETY: inside the mapping, which is writable until sealed.
        unsafe { self.base.add(offset as usize).copy_from(bytes.as_ptr(), bytes.len()) };
        Ok(())
    }

    fn seal(&mut self, segment: &Segment) -> Result<(), MemoryFailure> {
        let protection = if segment.access == Access::Execute { READ | EXECUTE } else { READ };
        // SAFETY: whole pages of the mapping; segments start at pages of their own.
        let status =
            unsafe { mprotect(self.base.add(segment.offset as usize).cast(), segment.len as usize, protection) };
        if status == 0 { Ok(()) } else { Err(MemoryFailure(status)) }
    }

    fn contents(&self, segment: &Segment) -> &[u8] {
        // SAFETY: mapped, and read-only by now.
        unsafe { core::slice::from_raw_parts(self.base.add(segment.offset as usize), segment.len as usize) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: nothing uses the mapping any more.
        unsafe { munmap(self.base.cast(), self.len) };
    }
}

extern "C" fn double(value: u64) -> u64 {
    value * 2
}

#[test]
fn loaded_code_runs_and_reaches_its_helpers() {
    let mut sample = Sample::new();
    sample.fixups = vec![Fixup::new(POINTERS, FixupTarget::Helper(0))];
    // Entry trampoline of type 0: push rbx; mov rbx, rdx; mov rdi, [rdx]; call rsi; mov [rbx], rax; pop rbx; ret
    let entry = [0x53, 0x48, 0x89, 0xD3, 0x48, 0x8B, 0x3A, 0xFF, 0xD6, 0x48, 0x89, 0x03, 0x5B, 0xC3];
    sample.code[..entry.len()].copy_from_slice(&entry);
    // Function 1: jmp [rip + helper 0's slot]
    let mut jump = vec![0xFF, 0x25];
    jump.extend((POINTERS - (CODE + 0x100 + 6)).to_le_bytes());
    sample.code[0x100..0x106].copy_from_slice(&jump);
    let file = sample.build();

    let machine = Machine { page_len: 4096, ..Machine::host() };
    let image = parse(&file, &machine, Verify::Full).unwrap();
    let mut helpers = [0; Builtin::COUNT];
    helpers[0] = double as *const () as usize;
    let pages = Pages { base: core::ptr::null_mut(), len: 0 };
    // SAFETY: the code is the one above, and helper 0 is what it calls.
    let loaded = unsafe { load(&image, pages, &helpers) }.unwrap();
    drop(file);
    let code = loaded.code();

    let function = code.function_address(0).unwrap();
    let mut values = [21];
    // SAFETY: an entry trampoline and a function of its type, which needs no vmctx.
    unsafe {
        let entry = call::entry(code.entry_address(0).unwrap());
        entry(core::ptr::null_mut(), core::ptr::with_exposed_provenance(function), values.as_mut_ptr());
    }
    assert_eq!(values, [42]);
    assert_eq!(code.image().module_name(), Some("sample"));
}
