//! The report as two tables: speed, then what it cost to get there.

use std::fmt::Write;

use super::{Report, compare};
use crate::kernels::Group;
use crate::statistics::{Summary, geometric_mean};

/// Head, speed table, cost table, and what changed since the run that this one is compared with.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    head(report, &mut out);
    speed(report).render(&mut out);
    out.push_str(
        "\nCompile time in milliseconds, machine code in bytes (of the whole artifact in brackets); means are \
         geometric.\n\n",
    );
    cost(report).render(&mut out);
    if let Some(comparison) = &report.comparison {
        out.push_str(&compare::render(comparison));
    }
    out
}

fn head(report: &Report, out: &mut String) {
    let machine = &report.machine;
    let _ = writeln!(out, "machine: {}, {} processors, Linux {}", machine.cpu, machine.cpu_count, machine.linux);
    let vectors = if report.vectors { "in all" } else { "in the group of that name alone" };
    let _ = writeln!(out, "modules: {}, -O3; vectors {vectors}", report.clang);
    for engine in &report.engines {
        let _ = writeln!(out, "{}: {}", engine.name, engine.description);
    }
    let _ = writeln!(
        out,
        "\n{} interleaved rounds. Native in milliseconds of processor time; the others as a share of native speed in the same round: \
         median (min..max), 1.00 is native, higher is better.\n",
        report.rounds
    );
}

fn speed(report: &Report) -> Table {
    let (reference, others) = report.engines.split_first().expect("the reference always runs");
    let mut header = vec!["kernel".to_owned(), format!("{} ms", reference.name)];
    header.extend(others.iter().map(|engine| engine.name.clone()));
    header.extend(report.duels.iter().map(|duel| duel.name.clone()));
    let mut table = Table { rows: vec![header] };

    for (index, measurement) in report.measurements.iter().enumerate() {
        let native_seconds = Summary::of(&measurement.engines[0].run_seconds).median;
        let mut row = vec![measurement.kernel.clone(), format!("{:.1}", native_seconds * 1e3)];
        row.extend(ratios(report, index).into_iter().map(ratio));
        table.rows.push(row);
    }

    let scalar = |row: &usize| report.measurements[*row].group != Group::Vectors;
    let scalar = (0..report.measurements.len()).filter(scalar).collect();
    let groups = Group::ALL.into_iter().map(|group| (group.name(), report.rows_of(group)));
    for (name, rows) in groups.chain([("all but vectors", scalar)]) {
        if !rows.is_empty() {
            table.rows.push(means(report, name, &rows));
        }
    }
    table
}

/// What stands in a kernel's row behind the first two cells.
fn ratios(report: &Report, row: usize) -> Vec<Option<Summary>> {
    let measurement = &report.measurements[row];
    let shares = report.engines[1..].iter().map(|engine| Some(measurement.of(&engine.name)?.share_of_native));
    shares.chain(report.duels.iter().map(|duel| duel.ratios[row])).collect()
}

/// A row of geometric means over some of the kernels; empty where one of them has no value.
fn means(report: &Report, name: &str, rows: &[usize]) -> Vec<String> {
    let rows: Vec<_> = rows.iter().map(|&row| ratios(report, row)).collect();
    let mean = |column: usize| {
        let medians: Option<Vec<f64>> = rows.iter().map(|row| Some(row[column]?.median)).collect();
        // The spread's width is kept, so that means stand below medians.
        medians.map_or_else(String::new, |medians| format!("{:.2}{:13}", geometric_mean(medians), ""))
    };
    let mut cells = vec![name.to_owned(), String::new()];
    cells.extend((0..rows.first().map_or(0, Vec::len)).map(mean));
    cells
}

fn ratio(summary: Option<Summary>) -> String {
    summary.map_or_else(String::new, |it| format!("{:.2} ({:.2}..{:.2})", it.median, it.min, it.max))
}

fn cost(report: &Report) -> Table {
    let mut header = vec!["kernel".to_owned(), "wasm".to_owned()];
    for engine in &report.engines {
        header.push(format!("{} ms", engine.name));
        header.push("bytes".to_owned());
    }
    let mut table = Table { rows: vec![header] };

    for measurement in &report.measurements {
        let mut row = vec![measurement.kernel.clone(), measurement.wasm_len_bytes.to_string()];
        for engine in &report.engines {
            let cells = measurement.of(&engine.name).map(|one| {
                let lens = format!("{} ({})", one.text_len_bytes, one.artifact_len_bytes);
                [format!("{:.1}", one.compile_seconds * 1e3), lens]
            });
            row.extend(cells.unwrap_or_default());
        }
        table.rows.push(row);
    }

    let wasm_lens = report.measurements.iter().map(|measurement| measurement.wasm_len_bytes as f64);
    let mut means = vec!["geometric mean".to_owned(), format!("{:.0}", geometric_mean(wasm_lens))];
    for engine in report.engines.iter().map(|engine| engine.name.as_str()) {
        means.push(format!("{:.1}", report.mean_over_kernels(engine, |one| one.compile_seconds * 1e3)));
        let text_len = report.mean_over_kernels(engine, |one| one.text_len_bytes as f64);
        let artifact_len = report.mean_over_kernels(engine, |one| one.artifact_len_bytes as f64);
        means.push(format!("{text_len:.0} ({artifact_len:.0})"));
    }
    table.rows.push(means);
    table
}

/// First row: header. First column: left-aligned; all others: right-aligned.
pub struct Table {
    /// The header first.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Appends a line a row, with columns as wide as they have to be.
    pub fn render(&self, out: &mut String) {
        let widths = self.widths();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let _ = match column {
                    0 => write!(line, "{cell:width$}"),
                    _ => write!(line, "  {cell:>width$}"),
                };
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows[0].len();
        (0..columns).map(|column| self.rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn groups_without_kernels_have_no_row() {
        let mut report = report("vector_matrix", &[("guard", &[0.5])]);
        report.measurements[0].group = Group::Vectors;
        let text = render(&report);
        assert!(text.contains("\nvectors ") && !text.contains("all but vectors"), "{text}");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let mut out = String::new();
        Table { rows: vec![row(["kernel", "ms"]), row(["a", "12.5"])] }.render(&mut out);
        assert_eq!(out, "kernel    ms\na       12.5\n");
    }
}
