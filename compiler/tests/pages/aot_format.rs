//! `docs/aot-format.md`: records of an image and the numbers in them.

use super::{prose, record};
use std::fmt::Write;
use wasmc_abi::image::{
    DirectoryEntry, ExternKind, Header, ITEM_GLOBAL, InitKind, MAGIC, NONE, SegmentMode, Table, limits,
};
use wasmc_abi::target::{Arch, FloatAbi, IsaState, MemoryModel, cpu_feature_table};
use wasmc_abi::{ABI_VERSION, FORMAT_VERSION, ValType};

/// Everything generated on the page.
pub fn tables() -> String {
    let mut page = String::new();
    record(&mut page, "Header", Header::FIELDS);
    record(&mut page, "Directory entry", DirectoryEntry::FIELDS);
    page.push_str("\n### Tables\n\n| number | table | record | bytes | content |\n|---|---|---|---|---|\n");
    for table in Table::ALL {
        let (name, record, len) = (table.name(), table.record_name(), table.record_len());
        let (number, doc) = (*table as u32, prose(table.doc()));
        writeln!(page, "| {number} | {name} | `{record}` | {len} | {doc} |").unwrap();
    }
    for table in Table::ALL.iter().filter(|table| !table.record_fields().is_empty()) {
        let heading = format!("{}, of {}", table.record_name(), table.name());
        record(&mut page, &heading, table.record_fields());
    }
    numbers(&mut page);
    page
}

/// Numbers with names.
fn numbers(page: &mut String) {
    page.push_str("\n### Numbers\n\n| kind | numbers |\n|---|---|\n");
    let named = |names: Vec<(u32, String)>| -> String {
        names.iter().map(|(number, name)| format!("{number} {name}")).collect::<Vec<_>>().join(", ")
    };
    let up_to_9 = |name: &dyn Fn(u32) -> Option<String>| named((0..10).filter_map(|n| Some((n, name(n)?))).collect());
    let features = |arch| named(cpu_feature_table(arch).iter().map(|f| (f.bit, f.name.to_string())).collect());
    let lower = |name: String| name.to_lowercase();
    let types = ValType::plain();
    let types = types.map(|ty| format!("{:#x} {ty}", ty.number())).collect::<Vec<_>>().join(", ");
    for (kind, numbers) in [
        ("architecture", named(Arch::ALL.iter().map(|v| (*v as u32, v.to_string())).collect())),
        ("instruction set state", named(IsaState::ALL.iter().map(|v| (*v as u32, v.to_string())).collect())),
        ("float ABI", named(FloatAbi::ALL.iter().map(|v| (*v as u32, v.to_string())).collect())),
        ("memory model", named(MemoryModel::ALL.iter().map(|v| (*v as u32, v.to_string())).collect())),
        ("CPU features of x86-64, by bit", features(Arch::X86_64)),
        ("CPU features of AArch64", features(Arch::Aarch64)),
        ("CPU features of ARM", features(Arch::Arm)),
        ("CPU features of RISC-V", features(Arch::Riscv)),
        ("value type", types),
        ("kind of an import or export", up_to_9(&|n| ExternKind::from_number(n).map(|v| v.name().to_string()))),
        ("what a constant expression yields", up_to_9(&|n| InitKind::from_number(n).map(|v| lower(format!("{v:?}"))))),
        ("flags of the limits of a table or a memory", {
            use limits::{BYTE_PAGES, MAX, SHARED, WIDE};
            format!(
                "{MAX} it has a maximum, {SHARED} shared, {WIDE} addresses of 64 bits, {BYTE_PAGES} pages of one byte"
            )
        }),
        ("mode of a segment", up_to_9(&|n| SegmentMode::from_number(n).map(|v| lower(format!("{v:?}"))))),
        ("`MAGIC`", format!("the bytes `{}`", String::from_utf8_lossy(&MAGIC))),
        ("`FORMAT_VERSION`, `ABI_VERSION`", format!("{FORMAT_VERSION}, {ABI_VERSION}")),
        ("`NONE`: absent index, name or item", format!("{NONE:#x}")),
        ("`ITEM_GLOBAL`: flag of an element item that names a global", format!("{ITEM_GLOBAL:#x}")),
    ] {
        writeln!(page, "| {kind} | {numbers} |").unwrap();
    }
}
