//! What the command asks of LLVM itself: its version, its disassembler, its account of a crash.

use std::ffi::{CStr, CString, c_char, c_void};
use std::sync::Once;
use wasmc::target::TargetRow;

/// LLVM's version.
pub fn version() -> String {
    let (major, minor, patch) = inkwell::support::get_llvm_version();
    format!("{major}.{minor}.{patch}")
}

/// Makes LLVM say what it was doing when a signal ends this process.
pub fn account_for_crashes() {
    inkwell::support::enable_llvm_pretty_stack_trace();
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Where it starts, as counted by the caller.
    pub offset: u64,
    /// Its length, bytes.
    pub len: usize,
    /// Its text; `None` for bytes that are no instruction.
    pub text: Option<String>,
    /// The offset that it reads from, if that is relative to the program counter.
    pub reads: Option<u64>,
}

/// Turns a code offset into a name, for targets of calls and branches.
pub type Names<'a> = dyn Fn(u64) -> Option<String> + 'a;

/// What LLVM's callback gets: the names, the one given last, which has to stay alive, and where
/// the instruction was seen to read.
struct Lookup<'a> {
    names: &'a Names<'a>,
    last: CString,
    reads: Option<u64>,
}

extern "C" fn look_up(
    lookup: *mut c_void,
    value: u64,
    reference_type: *mut u64,
    _pc: u64,
    reference_name: *mut *const c_char,
) -> *const c_char {
    use llvm_sys::disassembler::*;
    // SAFETY: LLVM passes back the pointer given to LLVMCreateDisasmCPUFeatures, which points to a
    // `Lookup` that nothing else uses during LLVMDisasmInstruction, and two places for results.
    let (lookup, kind, name) = unsafe { (&mut *lookup.cast::<Lookup>(), &mut *reference_type, &mut *reference_name) };
    let is_branch = *kind == LLVMDisassembler_ReferenceType_In_Branch;
    if *kind == LLVMDisassembler_ReferenceType_In_PCrel_Load {
        lookup.reads = Some(value);
    }
    *kind = LLVMDisassembler_ReferenceType_InOut_None;
    *name = std::ptr::null();
    let found = if is_branch { (lookup.names)(value) } else { None };
    match found.and_then(|found| CString::new(found).ok()) {
        Some(found) => {
            lookup.last = found;
            lookup.last.as_ptr()
        }
        None => std::ptr::null(),
    }
}

/// Disassembles `code`, which starts at `offset` and was made for `row` with its newest CPU; the
/// syntax is that of `--emit=asm`. `None` if LLVM has no disassembler for the target.
pub fn disassemble(row: &TargetRow, code: &[u8], offset: u64, names: &Names) -> Option<Vec<Instruction>> {
    use llvm_sys::disassembler::*;
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let config = inkwell::targets::InitializationConfig {
            disassembler: true,
            machine_code: true,
            info: true,
            ..Default::default()
        };
        inkwell::targets::Target::initialize_x86(&config);
    });
    let triple = CString::new(row.triple).ok()?;
    let cpu = CString::new(row.base_cpu.unwrap_or(row.cpus.last()?.llvm)).ok()?;
    let mut lookup = Lookup { names, last: CString::default(), reads: None };
    let lookup: *mut Lookup = &raw mut lookup;
    // SAFETY: the strings end with NUL and live long enough, `lookup` outlives the context.
    let context = unsafe {
        LLVMCreateDisasmCPUFeatures(triple.as_ptr(), cpu.as_ptr(), c"".as_ptr(), lookup.cast(), 0, None, Some(look_up))
    };
    if context.is_null() {
        return None;
    }
    // SAFETY: `context` was just made.
    unsafe { LLVMSetDisasmOptions(context, LLVMDisassembler_Option_PrintImmHex) };
    let mut instructions = Vec::new();
    let mut at = 0;
    let mut text = [0 as c_char; 512];
    while at < code.len() {
        // LLVM takes the bytes as mutable but only reads them; a copy costs little and asks no trust.
        let mut window = [0; 64];
        let len = window.len().min(code.len() - at);
        window[..len].copy_from_slice(&code[at..at + len]);
        let pc = offset + at as u64;
        // SAFETY: `window` has `len` bytes, `text` has as many as it is said to have.
        let used = unsafe {
            LLVMDisasmInstruction(context, window.as_mut_ptr(), len as u64, pc, text.as_mut_ptr(), text.len())
        };
        // SAFETY: LLVM ends the text with NUL within its length.
        let printed = (used > 0).then(|| unsafe { CStr::from_ptr(text.as_ptr()) });
        instructions.push(Instruction {
            offset: pc,
            len: used.max(1),
            text: printed.map(|p| p.to_string_lossy().trim().to_string()),
            // SAFETY: LLVM uses `lookup` only while it disassembles an instruction.
            reads: unsafe { (*lookup).reads.take() },
        });
        at += used.max(1);
    }
    // SAFETY: made above, and not used after this.
    unsafe { LLVMDisasmDispose(context) };
    Some(instructions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_calls_and_what_is_neither_are_told_apart() {
        let row = wasmc::Target::default().row;
        // xor %eax, %eax; call +0x10 (to 0x1017); an invalid byte; ret.
        let code = [0x31, 0xC0, 0xE8, 0x10, 0, 0, 0, 0x06, 0xC3];
        let names = |at: u64| (at == 0x1017).then(|| "there".to_string());
        let found = disassemble(row, &code, 0x1000, &names).unwrap();
        let texts: Vec<_> = found.iter().map(|i| i.text.as_deref().unwrap_or("?").replace('\t', " ")).collect();
        assert_eq!(texts, ["xorl %eax, %eax", "callq there", "?", "retq"]);
        assert_eq!(found.iter().map(|i| i.len).collect::<Vec<_>>(), [2, 5, 1, 1]);
        assert_eq!(found[3].offset, 0x1008);
    }

    #[test]
    fn reads_relative_to_the_program_counter_are_followed() {
        let row = wasmc::Target::default().row;
        // callq *0xf54(%rip)
        let found = disassemble(row, &[0xFF, 0x15, 0x54, 0x0F, 0, 0], 0x30A6, &|_| None).unwrap();
        assert_eq!(found[0].reads, Some(0x30A6 + 6 + 0xF54));
    }
}
