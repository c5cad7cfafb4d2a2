//! What a person sees while waiting: a progress bar, and after that the table of `--timings`.

use super::frame::PhaseReport;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt::Write;
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use wasmc::Phase;

/// Work shorter than this shows no bar: it would only flicker.
const PATIENCE: Duration = Duration::from_millis(300);

/// The line for a phase that cannot tell how far it is, and for one that can.
const WAITING: &str = "{spinner} {msg} {elapsed}";
const COUNTING: &str = "{spinner} {msg} [{bar:30}] {pos}/{len} functions {elapsed}";

/// The view of one compilation.
pub struct Progress {
    bar: Option<ProgressBar>,
    wanted: bool,
    began: Instant,
    phase: Option<Phase>,
}

impl Progress {
    /// A view on standard error if that is a terminal, and none if `quiet`.
    pub fn new(quiet: bool) -> Progress {
        let wanted = !quiet && std::io::stderr().is_terminal();
        Progress { bar: None, wanted, began: Instant::now(), phase: None }
    }

    /// A phase begins.
    pub fn started(&mut self, phase: Phase) {
        self.phase = Some(phase);
        if let Some(bar) = self.bar() {
            bar.set_style(style(WAITING));
            bar.set_message(doing(phase));
        }
    }

    /// Of the phase's functions, so many out of so many are done.
    pub fn functions(&mut self, done: usize, total: usize) {
        if let Some(bar) = self.bar() {
            bar.set_style(style(COUNTING));
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        }
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        self.wanted = false;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Calls [`started`](Self::started) late, for a phase in which nothing else happens.
    pub fn still_waiting(&mut self) {
        if let (None, Some(phase)) = (&self.bar, self.phase) {
            self.started(phase);
        }
    }

    fn bar(&mut self) -> Option<&ProgressBar> {
        if self.bar.is_none() && self.wanted && self.began.elapsed() > PATIENCE {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style(WAITING));
            bar.set_message(self.phase.map_or("", doing));
            bar.enable_steady_tick(Duration::from_millis(100));
            self.bar = Some(bar);
        }
        self.bar.as_ref()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are constants").progress_chars("=> ")
}

fn doing(phase: Phase) -> &'static str {
    match phase {
        Phase::Parse => "reading",
        Phase::Generate => "generating code",
        Phase::Link => "linking",
        Phase::Image => "writing the image",
    }
}

/// The table of `--timings`, one line per phase.
fn timings(reports: &[PhaseReport], whole: Duration) -> String {
    let mut table = format!("{:<10} {:>10} {:>14}\n", "phase", "seconds", "peak memory");
    let memory = |kib| if kib == 0 { "unknown".into() } else { size(kib * 1024) };
    for PhaseReport { phase, micros, peak_kib } in reports {
        let seconds = *micros as f64 / 1e6;
        let _ = writeln!(table, "{:<10} {seconds:>10.3} {:>14}", phase.name(), memory(*peak_kib));
    }
    let peak = reports.iter().map(|r| r.peak_kib).max().unwrap_or(0);
    let _ = writeln!(table, "{:<10} {:>10.3} {:>14}", "all", whole.as_secs_f64(), memory(peak));
    table
}

/// Prints the table to standard error.
pub fn show_timings(reports: &[PhaseReport], whole: Duration) {
    use std::io::Write;
    let _ = std::io::stderr().write_all(timings(reports, whole).as_bytes());
}

/// A count of bytes for people: three digits and a unit.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "bytes";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    match unit {
        "bytes" => format!("{bytes} bytes"),
        _ if value < 10.0 => format!("{value:.2} {unit}"),
        _ if value < 100.0 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        let all = [0, 1023, 1024, 20_000, 1 << 20, 300 << 20, 5 << 30].map(size);
        assert_eq!(all, ["0 bytes", "1023 bytes", "1.00 KiB", "19.5 KiB", "1.00 MiB", "300 MiB", "5.00 GiB"]);
    }

    #[test]
    fn timings_have_a_line_per_phase_and_a_sum() {
        let report = PhaseReport { phase: Phase::Generate, micros: 1_500_000, peak_kib: 2048 };
        let table = timings(&[report], Duration::from_secs(2));
        assert!(table.contains("generate        1.500       2.00 MiB"), "{table}");
        assert!(table.contains("all             2.000"), "{table}");
    }
}
