//! Files and streams of the machine that the emulator runs on ("Semihosting for AArch32 and AArch64", ARM; "RISC-V
//! Semihosting").

use core::arch::asm;
use core::ptr;

/// Asks the debugger, or the emulator in its place, for an operation.
///
/// # Safety
/// The parameter is what the operation takes: often the address of a block of words.
#[cfg(target_arch = "arm")]
pub unsafe fn call(operation: u32, parameter: usize) -> usize {
    let result;
    // SAFETY: by the caller's promise.
    unsafe { asm!("bkpt #0xAB", inout("r0") operation as usize => result, in("r1") parameter, options(nostack)) };
    result
}

/// As above. Three instructions without compression are the sign.
///
/// # Safety
/// As above.
#[cfg(target_arch = "riscv32")]
#[allow(dead_code, reason = "the scene has a serial port")]
pub unsafe fn call(operation: u32, parameter: usize) -> usize {
    let result;
    // SAFETY: by the caller's promise.
    unsafe {
        asm!(
            // In one page, which the emulator reads around the break.
            ".option push",
            ".option norvc",
            ".p2align 4",
            "slli zero, zero, 0x1f",
            "ebreak",
            "srai zero, zero, 7",
            ".option pop",
            inout("a0") operation as usize => result,
            in("a1") parameter,
            options(nostack)
        )
    };
    result
}

/// A file of the host that is open.
#[allow(dead_code, reason = "the scene opens none")]
pub struct File(usize);

#[allow(dead_code, reason = "the scene opens none")]
impl File {
    /// Opens a file to read, or to write from its start; `None` if the host cannot.
    pub fn open(name: &core::ffi::CStr, writes: bool) -> Option<File> {
        const SYS_OPEN: u32 = 1;
        // As fopen's "rb" and "wb".
        let mode = if writes { 5 } else { 1 };
        let block = [name.as_ptr().expose_provenance(), mode, name.count_bytes()];
        // SAFETY: the block is as the operation takes it.
        let handle = unsafe { call(SYS_OPEN, ptr::from_ref(&block).expose_provenance()) };
        (handle != usize::MAX).then_some(File(handle))
    }

    /// Waits for bytes; how many came: 0 at the end.
    pub fn read(&mut self, bytes: &mut [u8]) -> usize {
        const SYS_READ: u32 = 6;
        let block = [self.0, bytes.as_mut_ptr().expose_provenance(), bytes.len()];
        // SAFETY: the block is as the operation takes it, and the bytes are ours to write.
        let missing = unsafe { call(SYS_READ, ptr::from_ref(&block).expose_provenance()) };
        bytes.len().saturating_sub(missing)
    }

    /// Writes all of the bytes; whether it could.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        const SYS_WRITE: u32 = 5;
        let mut left = bytes;
        while !left.is_empty() {
            let block = [self.0, left.as_ptr().expose_provenance(), left.len()];
            // SAFETY: as above.
            let missing = unsafe { call(SYS_WRITE, ptr::from_ref(&block).expose_provenance()) };
            if missing >= left.len() {
                return false;
            }
            left = &left[left.len() - missing..];
        }
        true
    }
}
