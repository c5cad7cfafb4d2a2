//! The tables in `docs/aot-format.md` are those of `abi`. `BLESS=1` rewrites them.

use std::fmt::Write;
use std::path::Path;
use wasmc_abi::image::{DirectoryEntry, ExternKind, Header, ITEM_GLOBAL, InitKind, MAGIC, NONE, SegmentMode, Table};
use wasmc_abi::target::{Arch, FloatAbi, IsaState, MemoryModel, X86_64_FEATURES};
use wasmc_abi::{ABI_VERSION, FORMAT_VERSION, Field, ValType};

const START: &str = "<!-- generated from abi: BLESS=1 cargo test -p wasmc --test aot_format -->\n";
const END: &str = "<!-- end -->";

#[test]
fn the_format_page_has_the_tables_of_abi() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/aot-format.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(START).expect("the page has a place for the tables");
    let (found, after) = rest.split_once(END).expect("the tables have an end");
    let wanted = tables();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, [before, START, &wanted, END, after].concat()).unwrap();
    } else {
        assert!(found == wanted, "docs/aot-format.md differs from abi; BLESS=1 rewrites it");
    }
}

fn tables() -> String {
    let mut page = String::new();
    record(&mut page, "Header", None, Header::FIELDS);
    record(&mut page, "Directory entry", None, DirectoryEntry::FIELDS);
    page.push_str("\n### Tables\n\n| number | table | record | bytes | content |\n|---|---|---|---|---|\n");
    for table in Table::ALL {
        let (name, record, len) = (table.name(), table.record_name(), table.record_len());
        let (number, doc) = (*table as u32, prose(table.doc()));
        writeln!(page, "| {number} | {name} | `{record}` | {len} | {doc} |").unwrap();
    }
    for table in Table::ALL.iter().filter(|table| !table.record_fields().is_empty()) {
        record(&mut page, table.record_name(), Some(*table), table.record_fields());
    }
    numbers(&mut page);
    page
}

/// A record's fields.
fn record(page: &mut String, name: &str, table: Option<Table>, fields: &[Field]) {
    let of = table.map_or(String::new(), |table| format!(", of {}", table.name()));
    writeln!(page, "\n### {name}{of}\n\n| offset | bytes | field | meaning |\n|---|---|---|---|").unwrap();
    for Field { name, offset, len, doc } in fields {
        writeln!(page, "| {offset} | {len} | `{name}` | {} |", prose(doc)).unwrap();
    }
}

/// Numbers with names.
fn numbers(page: &mut String) {
    page.push_str("\n### Numbers\n\n| kind | numbers |\n|---|---|\n");
    let named = |names: Vec<(u32, String)>| -> String {
        names.iter().map(|(number, name)| format!("{number} {name}")).collect::<Vec<_>>().join(", ")
    };
    let up_to_9 = |name: &dyn Fn(u32) -> Option<String>| named((0..10).filter_map(|n| Some((n, name(n)?))).collect());
    let lower = |name: String| name.to_lowercase();
    let types = (0..256).filter_map(ValType::from_number);
    let types = types.map(|ty| format!("{:#x} {ty}", ty as u32)).collect::<Vec<_>>().join(", ");
    for (kind, numbers) in [
        ("architecture", named(Arch::ALL.iter().map(|v| (*v as u32, v.to_string())).collect())),
        ("instruction set state", named(IsaState::ALL.iter().map(|v| (*v as u32, v.to_string())).collect())),
        ("float ABI", named(FloatAbi::ALL.iter().map(|v| (*v as u32, v.to_string())).collect())),
        ("memory model", named(MemoryModel::ALL.iter().map(|v| (*v as u32, v.to_string())).collect())),
        (
            "CPU features of x86-64, by bit",
            named(X86_64_FEATURES.iter().map(|f| (f.bit, f.name.to_string())).collect()),
        ),
        ("value type", types),
        ("kind of an import or export", up_to_9(&|n| ExternKind::from_number(n).map(|v| v.name().to_string()))),
        ("what a constant expression yields", up_to_9(&|n| InitKind::from_number(n).map(|v| lower(format!("{v:?}"))))),
        ("mode of a segment", up_to_9(&|n| SegmentMode::from_number(n).map(|v| lower(format!("{v:?}"))))),
        ("`MAGIC`", format!("the bytes `{}`", String::from_utf8_lossy(&MAGIC))),
        ("`FORMAT_VERSION`, `ABI_VERSION`", format!("{FORMAT_VERSION}, {ABI_VERSION}")),
        ("`NONE`: absent index, name or item", format!("{NONE:#x}")),
        ("`ITEM_GLOBAL`: flag of an element item that names a global", format!("{ITEM_GLOBAL:#x}")),
    ] {
        writeln!(page, "| {kind} | {numbers} |").unwrap();
    }
}

/// Documentation of Rust items without its links: [`X`](path) and [`X`] are `X`.
fn prose(doc: &str) -> String {
    let mut prose = String::new();
    let mut rest = doc.trim();
    while let Some((before, link)) = rest.split_once("[`") {
        let (name, after) = link.split_once("`]").expect("a link ends");
        write!(prose, "{before}`{name}`").unwrap();
        rest = after;
        if let Some((_, behind)) = after.strip_prefix('(').and_then(|target| target.split_once(')')) {
            rest = behind;
        }
    }
    prose + rest
}
