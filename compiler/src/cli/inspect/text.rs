//! The report for people.

use super::report::{Function, Report, counted};
use crate::cli::terminal::size;
use std::fmt::Write;

/// Functions shown when not all are asked for.
const LARGEST: usize = 10;

/// The report as text, with every function or the largest.
pub fn text(report: &Report, every_function: bool) -> String {
    let mut page = Page::default();
    header(&mut page, report);
    contents(&mut page, report);
    sizes(&mut page, report);
    functions(&mut page, &report.functions, every_function);
    page.0
}

/// What is shown, line by line.
#[derive(Default)]
pub struct Page(pub String);

impl Page {
    /// A heading, set off from what is above.
    pub fn heading(&mut self, text: &str) {
        let bold = anstyle::Style::new().bold();
        let gap = if self.0.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.0, "{gap}{bold}{text}{bold:#}");
    }

    fn field(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "  {name:<17} {value}");
    }

    /// Rows with columns as wide as they need to be; of the columns in `right`, the numbers are
    /// set to the right.
    pub fn rows(&mut self, rows: &[Vec<String>], right: &[usize]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width =
            |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0).min(60)).collect();
        for row in rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column];
                let _ = match right.contains(&column) {
                    true => write!(line, "  {cell:>width$}"),
                    false => write!(line, "  {cell:<width$}"),
                };
            }
            self.0 += line.trim_end();
            self.0.push('\n');
        }
    }
}

/// A count of bytes for people, and to the byte.
fn exactly(bytes: u32) -> String {
    match size(bytes.into()) {
        short if short.ends_with("bytes") => short,
        short => format!("{short} ({bytes} bytes)"),
    }
}

/// A name as it may be shown: in quotes, control characters escaped.
pub fn quoted(name: &str) -> String {
    format!("{name:?}")
}

fn header(page: &mut Page, report: &Report) {
    let h = &report.header;
    page.heading(&report.file);
    if let Some(name) = &h.name {
        page.field("module", quoted(name));
    }
    page.field("source SHA-256", &h.source_digest);
    page.field("format, ABI", format!("{}, {}", h.format_version, h.abi_version));
    page.field(
        "machine",
        format!("{}, {} bits, instruction set {}, floats {}", h.arch, h.pointer_bits, h.isa_state, h.float_abi),
    );
    let features = h.cpu_features.join(" ");
    page.field("CPU features", if features.is_empty() { "none beyond the baseline" } else { &features });
    page.field("memory model", &h.memory_model);
    page.field("host page", format!("up to {}", size(h.page_len.into())));
    page.field(
        "file",
        format!("{}, {} of it loaded, head {}", exactly(h.file_len), size(h.image_len.into()), size(h.head_len.into())),
    );
    let verdict = if report.faults.is_empty() { "sound" } else { "DAMAGED" };
    page.field("checksums", format!("head {}, body {}: {verdict}", h.head_checksum, h.body_checksum));
    page.field("code", format!("{} at {:#x}", exactly(h.code_len), h.code_offset));
    page.field("largest frame", size(h.max_frame.into()));
    page.field("vmctx", size(h.vmctx_len.into()));
    page.field("start function", h.start_function.map_or("none".into(), |f| f.to_string()));
    page.field(
        "imported",
        format!(
            "{} functions, {} tables, {} memories, {} globals",
            h.imported_functions, h.imported_tables, h.imported_memories, h.imported_globals
        ),
    );
}

fn contents(page: &mut Page, report: &Report) {
    page.heading(&format!("Imports: {}", report.imports.len()));
    let rows: Vec<_> = report
        .imports
        .iter()
        .map(|i| vec![i.kind.clone(), format!("{} {}", quoted(&i.module), quoted(&i.name)), i.ty.clone()])
        .collect();
    page.rows(&rows, &[]);
    page.heading(&format!("Exports: {}", report.exports.len()));
    let rows: Vec<_> = report
        .exports
        .iter()
        .map(|e| vec![e.kind.clone(), quoted(&e.name), e.index.to_string(), e.ty.clone()])
        .collect();
    page.rows(&rows, &[2]);
    page.heading("Memories, tables, globals");
    let of = |imported: bool| if imported { "imported" } else { "own" }.to_string();
    let up_to = |max: Option<u64>| max.map_or("no maximum".into(), |max| format!("at most {max}"));
    let mut rows = Vec::new();
    for m in &report.memories {
        let contents = format!("{} of initial contents", size(m.contents_len));
        rows.push(vec![
            format!("memory {}", m.index),
            of(m.imported),
            format!("{}, {}{}, {contents}", counted(m.min, m.unit()), up_to(m.max), m.kind()),
        ]);
    }
    for t in &report.tables {
        rows.push(vec![
            format!("table {}", t.index),
            of(t.imported),
            format!("{} of {}, {}", counted(t.min, "element"), t.element, up_to(t.max)),
        ]);
    }
    let own = report.globals.iter().filter(|g| !g.imported).count();
    rows.push(vec!["globals".into(), format!("{own} own, {} in all", report.globals.len())]);
    page.rows(&rows, &[]);
}

fn sizes(page: &mut Page, report: &Report) {
    page.heading("Segments (flags, offset, in the file, in memory)");
    let rows: Vec<_> = report
        .segments
        .iter()
        .map(|s| vec![s.flags.clone(), format!("{:#x}", s.offset), size(s.file_len), size(s.memory_len)])
        .collect();
    page.rows(&rows, &[1, 2, 3]);
    page.heading(if report.sections.is_empty() { "Sections: stripped" } else { "Sections" });
    let rows: Vec<_> = report
        .sections
        .iter()
        .map(|s| {
            let loaded = if s.loaded { "" } else { "not loaded" };
            vec![s.name.clone(), format!("{:#x}", s.offset), s.len.to_string(), loaded.into()]
        })
        .collect();
    page.rows(&rows, &[1, 2]);
    page.heading("Metadata (records, bytes)");
    let rows: Vec<_> = report
        .tables_of_metadata
        .iter()
        .filter(|t| t.count > 0)
        .map(|t| vec![t.name.into(), t.count.to_string(), t.len.to_string()])
        .collect();
    page.rows(&rows, &[1, 2]);
}

fn functions(page: &mut Page, functions: &[Function], every: bool) {
    let mut by_size: Vec<_> = functions.iter().filter(|f| f.code_offset != 0).collect();
    // Sorted stably, so functions of one size keep their order.
    by_size.sort_by_key(|f| std::cmp::Reverse(f.code_len));
    let inlined = functions.len() - by_size.len();
    let shown = if every { by_size.len() } else { by_size.len().min(LARGEST) };
    page.heading(&format!(
        "Functions: {} with code, {inlined} inlined everywhere{}",
        by_size.len(),
        if shown < by_size.len() { "; the largest (`--functions` lists all)" } else { "" }
    ));
    let mut rows = vec![["bytes", "index", "offset", "name and type"].map(String::from).to_vec()];
    rows.extend(by_size[..shown].iter().map(|f| {
        vec![
            f.code_len.to_string(),
            f.index.to_string(),
            format!("{:#x}", f.code_offset),
            format!("{} {}", f.name.as_deref().map_or("-".into(), quoted), f.ty),
        ]
    }));
    page.rows(&rows, &[0, 1, 2]);
}
