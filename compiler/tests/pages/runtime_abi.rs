//! `docs/runtime-abi.md`: what compiled code finds in memory, calls and raises.

use super::record;
use std::fmt::Write;
use wasmc_abi::signature::{MAX_DIRECT_SLOTS, MAX_RESULT_SLOTS, slot_count, tail_words};
use wasmc_abi::target::Arch;
use wasmc_abi::vmctx::{self, Layout};
use wasmc_abi::{Builtin, TrapCode, ValType, for_each_builtin, sites};

/// Everything generated on the page.
pub fn tables() -> String {
    let mut page = String::new();
    record(&mut page, "Header of the vmctx block", vmctx::header::FIELDS);
    arrays(&mut page);
    record(&mut page, "Memory record", vmctx::memory_record::FIELDS);
    record(&mut page, "Table record", vmctx::table_record::FIELDS);
    record(&mut page, "Function record", vmctx::func_record::FIELDS);
    record(&mut page, "Element of a `funcref` table", vmctx::func_slot::FIELDS);
    record(&mut page, "Host record", vmctx::host_record::FIELDS);
    record(&mut page, "Cells of a store", vmctx::store_cells::FIELDS);
    record(&mut page, "Exception", vmctx::exception::FIELDS);
    record(&mut page, "Root frame", vmctx::root_frame::FIELDS);
    builtins(&mut page);
    traps(&mut page);
    value_types(&mut page);
    numbers(&mut page);
    page
}

/// An array of the vmctx block: name, and the offset of element `i` for given lengths of all arrays.
type Array = (&'static str, fn(&Layout, u32) -> u32);

const ARRAYS: [Array; 8] = [
    ("parameters of tail calls", |_, i| vmctx::TAIL_PARAMS + 8 * i),
    ("memories, imports first", Layout::memory),
    ("tables, imports first", Layout::table),
    ("globals, imports first", Layout::global),
    ("imported functions", Layout::imported_function),
    ("escaping functions", Layout::escaping_function),
    ("type ids", Layout::type_id),
    ("tags, imports first", Layout::tag),
];

/// The arrays behind the header. Their order and the size of their elements are what [`Layout`] computes.
fn arrays(page: &mut String) {
    let one_of_each = Layout {
        tail_slots: 2,
        memories: 1,
        tables: 1,
        globals: 1,
        imported_functions: 1,
        escaping_functions: 1,
        type_ids: 1,
        tags: 1,
    };
    let mut rows: Vec<_> = ARRAYS
        .iter()
        .map(|(name, offset)| (offset(&one_of_each, 0), offset(&one_of_each, 1) - offset(&one_of_each, 0), name))
        .collect();
    rows.sort();
    page.push_str("\n### Arrays behind the header\n\n| array | bytes per element | starts at |\n|---|---|---|\n");
    let mut start = vmctx::HEADER_LEN.to_string();
    for (at, len, name) in rows {
        assert!(at >= vmctx::HEADER_LEN);
        writeln!(page, "| {name} | {len} | {start} |").unwrap();
        start = format!("the end of {}", name.trim_end_matches(", imports first"));
    }
}

macro_rules! builtin_rows {
    ($($number:literal $name:ident ($($param:ident: $ty:ident),*) -> $result:ident, $symbol:literal;)*) => {
        /// Name and parameters of each helper, as written in `abi`.
        const BUILTINS: &[(Builtin, &[(&str, &str)], &str)] = &[
            $( (Builtin::$name, &[ $( (stringify!($param), stringify!($ty)), )* ], stringify!($result)), )*
        ];
    };
}
for_each_builtin!(builtin_rows);

fn builtins(page: &mut String) {
    page.push_str("\n### Helpers\n\n| number | helper | signature | LLVM's name |\n|---|---|---|---|\n");
    for (builtin, params, result) in BUILTINS {
        let params: Vec<_> = params.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
        let symbol = match builtin.symbol() {
            "" => String::new(),
            symbol => format!("`{symbol}`"),
        };
        let (number, name, params) = (*builtin as u32, builtin.name(), params.join(", "));
        writeln!(page, "| {number} | `{name}` | `({params}) -> {result}` | {symbol} |").unwrap();
    }
}

fn traps(page: &mut String) {
    page.push_str("\n### Trap codes\n\n| number | code | message |\n|---|---|---|\n");
    for code in TrapCode::ALL {
        writeln!(page, "| {} | `{code:?}` | {code} |", *code as u32).unwrap();
    }
}

fn value_types(page: &mut String) {
    page.push_str("\n### Value types\n\n| number | type | slots |\n|---|---|---|\n");
    for ty in ValType::plain() {
        writeln!(page, "| {:#x} | `{ty}` | {} |", ty.number(), slot_count(ty)).unwrap();
    }
}

fn numbers(page: &mut String) {
    page.push_str("\n### Numbers\n\n| what | value |\n|---|---|\n");
    for (what, value) in [
        ("alignment of the vmctx block, bytes", vmctx::ALIGN.into()),
        ("alignment of a linear memory, bytes", vmctx::MEMORY_ALIGN.into()),
        ("slot of a global, bytes", vmctx::GLOBAL_LEN.into()),
        ("element of a table of other references, bytes", vmctx::REF_SLOT_LEN.into()),
        ("Wasm page, bytes", vmctx::PAGE_LEN),
        ("the most pages of a memory", vmctx::MAX_PAGES),
        ("address space of a memory in the `guard` model, bytes", vmctx::GUARD_RESERVATION),
        ("the most slots of results in registers", MAX_RESULT_SLOTS as u64),
        ("the most slots of parameters passed directly", MAX_DIRECT_SLOTS as u64),
        ("words of parameters of a tail call in registers, x86-64", tail_words(Arch::X86_64) as u64),
        ("the same on AArch64 and RISC-V", tail_words(Arch::Aarch64) as u64),
        ("the same on 32-bit ARM", tail_words(Arch::Arm) as u64),
        ("sites in a group", sites::GROUP as u64),
        ("the most callers stored with a site", sites::MAX_CALLERS as u64),
    ] {
        writeln!(page, "| {what} | {value} |").unwrap();
    }
}
