//! The tables on the pages in `docs/` are those of `abi`. `BLESS=1` rewrites them.

mod aot_format;
mod runtime_abi;

use std::fmt::Write;
use std::path::Path;
use wasmc_abi::Field;

const START: &str = "<!-- generated from abi: BLESS=1 cargo test -p wasmc --test pages -->\n";
const END: &str = "<!-- end -->";

#[test]
fn the_format_page_has_the_tables_of_abi() {
    check("aot-format.md", &aot_format::tables());
}

#[test]
fn the_runtime_page_has_the_tables_of_abi() {
    check("runtime-abi.md", &runtime_abi::tables());
}

/// Compares the page's generated part, or rewrites it.
fn check(name: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(START).expect("the page has a place for the tables");
    let (found, after) = rest.split_once(END).expect("the tables have an end");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, [before, START, wanted, END, after].concat()).unwrap();
    } else {
        assert!(found == wanted, "docs/{name} differs from abi; BLESS=1 rewrites it");
    }
}

/// A record's fields, below a heading.
fn record(page: &mut String, heading: &str, fields: &[Field]) {
    writeln!(page, "\n### {heading}\n\n| offset | bytes | field | meaning |\n|---|---|---|---|").unwrap();
    for Field { name, offset, len, doc } in fields {
        writeln!(page, "| {offset} | {len} | `{name}` | {} |", prose(doc)).unwrap();
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
