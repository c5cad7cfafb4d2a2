//! The report as two tables: speed, then what it cost to get there.

use std::fmt::Write;

use super::Report;
use crate::kernels::Group;
use crate::statistics::{Summary, geometric_mean};

/// Head, speed table, cost table.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    head(report, &mut out);
    speed(report).render(&mut out);
    out.push_str(
        "\nCompile time in milliseconds, machine code in bytes (of the whole artifact in brackets); means are \
         geometric.\n\n",
    );
    cost(report).render(&mut out);
    out
}

fn head(report: &Report, out: &mut String) {
    let machine = &report.machine;
    let _ = writeln!(out, "machine: {}, {} processors, Linux {}", machine.cpu, machine.cpu_count, machine.linux);
    let _ = writeln!(out, "modules: {}, -O3; vectors in the group of that name alone", report.clang);
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
    let others = 1..report.engines.len();
    let mut header = vec!["kernel".to_owned(), format!("{} ms", report.engines[0].name)];
    header.extend(report.engines[others.clone()].iter().map(|engine| engine.name.clone()));
    header.extend(report.duels.iter().map(|duel| duel.name.clone()));
    let mut table = Table { rows: vec![header] };

    for (index, measurement) in report.measurements.iter().enumerate() {
        let native_seconds = Summary::of(&measurement.engines[0].run_seconds).median;
        let mut row = vec![measurement.kernel.to_owned(), format!("{:.1}", native_seconds * 1e3)];
        row.extend(measurement.engines[others.clone()].iter().map(|engine| ratio(engine.share_of_native)));
        row.extend(report.duels.iter().map(|duel| ratio(duel.ratios[index])));
        table.rows.push(row);
    }

    for group in Group::ALL {
        let rows = report.rows_of(group);
        if !rows.is_empty() {
            table.rows.push(means(report, group.name(), &rows));
        }
    }
    table.rows.push(means(report, "geometric mean", &Vec::from_iter(0..report.measurements.len())));
    table
}

/// A row of geometric means over some of the kernels.
fn means(report: &Report, name: &str, rows: &[usize]) -> Vec<String> {
    // The spread's width is kept, so that means stand below medians.
    let mean = |ratio: &dyn Fn(usize) -> Summary| {
        let mean = geometric_mean(rows.iter().map(|row| ratio(*row).median));
        format!("{mean:.2}{:13}", "")
    };
    let others = 1..report.engines.len();
    let mut cells = vec![name.to_owned(), String::new()];
    cells.extend(others.map(|engine| mean(&|row| report.measurements[row].engines[engine].share_of_native)));
    cells.extend(report.duels.iter().map(|duel| mean(&|row| duel.ratios[row])));
    cells
}

fn ratio(summary: Summary) -> String {
    format!("{:.2} ({:.2}..{:.2})", summary.median, summary.min, summary.max)
}

fn cost(report: &Report) -> Table {
    let mut header = vec!["kernel".to_owned(), "wasm".to_owned()];
    for engine in &report.engines {
        header.push(format!("{} ms", engine.name));
        header.push("bytes".to_owned());
    }
    let mut table = Table { rows: vec![header] };

    for measurement in &report.measurements {
        let mut row = vec![measurement.kernel.to_owned(), measurement.wasm_len_bytes.to_string()];
        for engine in &measurement.engines {
            row.push(format!("{:.1}", engine.compile_seconds * 1e3));
            row.push(format!("{} ({})", engine.text_len_bytes, engine.artifact_len_bytes));
        }
        table.rows.push(row);
    }

    let wasm_lens = report.measurements.iter().map(|measurement| measurement.wasm_len_bytes as f64);
    let mut means = vec!["geometric mean".to_owned(), format!("{:.0}", geometric_mean(wasm_lens))];
    for index in 0..report.engines.len() {
        means.push(format!("{:.1}", report.mean_over_kernels(index, |one| one.compile_seconds * 1e3)));
        let text_len = report.mean_over_kernels(index, |one| one.text_len_bytes as f64);
        let artifact_len = report.mean_over_kernels(index, |one| one.artifact_len_bytes as f64);
        means.push(format!("{text_len:.0} ({artifact_len:.0})"));
    }
    table.rows.push(means);
    table
}

/// First row: header. First column: left-aligned; all others: right-aligned.
struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    fn render(&self, out: &mut String) {
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

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let mut out = String::new();
        Table { rows: vec![row(["kernel", "ms"]), row(["a", "12.5"])] }.render(&mut out);
        assert_eq!(out, "kernel    ms\na       12.5\n");
    }
}
