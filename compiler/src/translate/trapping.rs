//! Accesses of a linear memory that trap by themselves.
//!
//! Where the hardware does the checking, a check in the IR is worth what it costs only as long as LLVM is to combine, hoist
//! or vectorise the access, which is in short loops, unless they are an interpreter's. All others stand without one from the
//! start, so that passes have fewer blocks and instructions to go through (docs/performance.md has what that gains).
//!
//! LLVM knows no access that may trap. It has to keep this one and the order of all that others can see before and behind
//! it, so it takes it for an atomic one, volatile, that acquires or releases. LLVM deletes none that is volatile, and takes
//! none for granted. Of an atomic one, however unlike its address is, it supposes that all other memory is read and
//! written there (`AAResults::getModRefInfo`): it drops no store before it because of one behind it, and moves none over
//! it. Volatile alone would not do: for LLVM that orders volatile accesses among themselves alone.
//!
//! What traps has to know its place in the module. LLVM makes one instruction of two equal ones on two ways, which then has
//! no place; so accesses are of different scopes of synchronisation, by which they are not equal.
//!
//! None of this lasts until code generation, which would make something of atomic accesses without alignment:
//! `optimize/guard.rs` turns them into volatile ones, where there is nothing left to reorder but machine code. What a
//! module has of atomic accesses of its own is sequentially consistent, so that one is not taken for the other.

use inkwell::AtomicOrdering::{self, Acquire, NotAtomic, Release};
use inkwell::context::{AsContextRef, Context};
use inkwell::llvm_sys::core::{LLVMGetSyncScopeID, LLVMSetAtomicSyncScopeID};
use inkwell::values::{AsValueRef, InstructionOpcode, InstructionValue};

const IS_ACCESS: &str = "it is a load or a store";

/// How many scopes there are. LLVM numbers them by a byte; a prime, so that what repeats in a body does not meet.
const SCOPES: u32 = 193;

/// LLVM's number of the scope of all threads, which accesses that are not atomic have to have.
const SYSTEM: u32 = 1;

fn ordering(access: InstructionValue<'_>) -> Option<AtomicOrdering> {
    match access.get_opcode() {
        InstructionOpcode::Load => Some(Acquire),
        InstructionOpcode::Store => Some(Release),
        _ => None,
    }
}

/// Marks a load or a store, which stands at an offset in its function's body, as one that traps by itself.
pub fn mark(context: &Context, access: InstructionValue<'_>, offset: u32) {
    access.set_volatile(true).expect(IS_ACCESS);
    access.set_atomic_ordering(ordering(access).expect(IS_ACCESS)).expect(IS_ACCESS);
    let name = format!("wasm{}", offset % SCOPES);
    // SAFETY: the name is as long as is said, and the access, of that context, is an atomic one.
    unsafe {
        let scope = LLVMGetSyncScopeID(context.as_ctx_ref(), name.as_ptr().cast(), name.len());
        LLVMSetAtomicSyncScopeID(access.as_value_ref(), scope);
    }
}

/// Whether an instruction is such an access.
pub fn is_marked(instruction: InstructionValue<'_>) -> bool {
    ordering(instruction).is_some_and(|marked| instruction.get_atomic_ordering().is_ok_and(|found| found == marked))
}

/// Leaves of it that it is volatile.
pub fn unmark(access: InstructionValue<'_>) {
    // SAFETY: it is an atomic access, and LLVM has the scope in every context.
    unsafe { LLVMSetAtomicSyncScopeID(access.as_value_ref(), SYSTEM) };
    access.set_atomic_ordering(NotAtomic).expect(IS_ACCESS);
}

#[cfg(test)]
mod tests {
    use crate::{Emit, MemoryModel, OptLevel, Options, compile_observed};

    /// Accesses that trap by themselves, in a loop that loads, around a `br_table` of so many targets.
    fn marked(targets: usize, level: OptLevel, memory: MemoryModel) -> usize {
        let module = format!(
            "(module (memory 1) (func (export \"f\") (param i32)
               (loop (br_table {} (local.tee 0 (i32.load (local.get 0)))))))",
            "0 ".repeat(targets + 1)
        );
        let options = Options { level, memory, ..Options::default() };
        let ir = compile_observed(module.as_bytes(), &options, Emit::Llvm, &mut ()).unwrap();
        String::from_utf8(ir).unwrap().matches("load atomic volatile").count()
    }

    #[test]
    fn an_interpreter_has_no_checks_however_short() {
        for level in [OptLevel::O2, OptLevel::O3] {
            assert_eq!([0, 8, 9, 99].map(|targets| marked(targets, level, MemoryModel::Guard)), [0, 0, 1, 1]);
            assert_eq!([0, 99].map(|targets| marked(targets, level, MemoryModel::Checked)), [0, 0]);
        }
    }
}
