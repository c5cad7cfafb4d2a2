//! Names of the symbols that pass between translation and the link step. All are local to the image.

use crate::parse::{FuncIndex, TableIndex, TypeId};
use wasmc_abi::TrapCode;

/// The attribute of calls in loops within loops, where functions are inlined as if they had no checks.
pub const IN_LOOPS: &str = "wasmc-in-loops";

/// The table of helper addresses: an undefined symbol, pointer-sized slot `k` for builtin `k`.
pub const HELPER_TABLE: &str = "wasmc_helpers";

/// The intrinsic by which a function keeps its vmctx until stack checks are inserted.
pub const FAKE_USE: &str = "llvm.fake.use";

/// A Wasm function. Never its own name: LLVM knows some of those.
pub fn function(index: FuncIndex) -> String {
    format!("f{}", index.0)
}

/// The ordinary entry of a Wasm function that makes tail calls.
pub fn ordinary(index: FuncIndex) -> String {
    format!("ordinary{}", index.0)
}

/// The entry trampoline of a function type.
pub fn entry(ty: TypeId) -> String {
    format!("entry{}", ty.0)
}

/// The host thunk of a function type.
pub fn thunk(ty: TypeId) -> String {
    format!("thunk{}", ty.0)
}

/// The functions that calls of a type through a table go to.
pub fn dispatch(table: TableIndex, ty: TypeId) -> String {
    format!("dispatch{}.{}", table.0, ty.0)
}

/// The stub that raises a trap.
pub fn trap_stub(code: TrapCode) -> String {
    format!("trap{}", code as u32)
}

/// The stub that raises the trap of an indirect call whose callee is not of the call's type.
pub const CALLEE_TRAP_STUB: &str = "trap_callee";

/// The stubs of all traps.
pub fn trap_stubs() -> impl Iterator<Item = String> {
    TrapCode::ALL.iter().map(|code| trap_stub(*code)).chain([CALLEE_TRAP_STUB.to_owned()])
}
