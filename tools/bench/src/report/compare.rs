//! This run beside an earlier one: which kernel became faster or slower on which engine, by more than noise.
//!
//! What is compared is the share of native speed, since the machine may be faster or slower today. Noise is what the
//! rounds say of their median: twice its standard error, estimated from the median distance of the rounds from it, of
//! both runs together, and never less than 2 %. It says nothing about what is the same in all rounds of a run, such as
//! where code happens to lie.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::Report;
use crate::kernels::Group;
use crate::measure::{Measurement, shares_of_native};
use crate::statistics::{geometric_mean, median, median_distance};

/// The least change that counts, as a share: rounds are few, and may agree by chance.
const NOISE_MIN: f64 = 0.02;

/// From the median distance to the standard deviation, and from that of one value to that of a median, of a normal
/// distribution.
const DEVIATION_OF_MEDIAN: f64 = 1.4826 * 1.2533;

/// What changed since an earlier run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// What else is not the same in both runs, in words.
    pub differences: Vec<String>,
    /// One entry for each kernel and engine of both runs, the reference excepted.
    pub changes: Vec<Change>,
}

/// A kernel on an engine, then and now.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    /// The kernel.
    pub kernel: String,
    /// Its group.
    pub group: Group,
    /// The engine.
    pub engine: String,
    /// Share of native speed in the earlier run.
    pub before: f64,
    /// Share of native speed in this one.
    pub now: f64,
    /// The relative change that may be noise.
    pub noise: f64,
    /// Whether the change is more than that.
    pub beyond_noise: bool,
}

impl Change {
    fn new(measurement: &Measurement, engine: &str, before: &[f64], now: &[f64]) -> Self {
        let noise = noise(before).hypot(noise(now)).max(NOISE_MIN);
        let (before, now) = (median(before), median(now));
        let change = (now / before).max(before / now) - 1.0;
        let (kernel, group) = (measurement.kernel.clone(), measurement.group);
        Self { kernel, group, engine: engine.to_owned(), before, now, noise, beyond_noise: change > noise }
    }
}

/// Twice the standard error of the median, relative to it.
fn noise(values: &[f64]) -> f64 {
    2.0 * DEVIATION_OF_MEDIAN * median_distance(values) / (values.len() as f64).sqrt() / median(values)
}

/// Compares kernel by kernel, engine by engine.
pub fn compare(before: &Report, now: &Report) -> Comparison {
    let mut changes = Vec::new();
    let mut differences = differences(before, now);
    for measurement in &now.measurements {
        let Some(earlier) = before.measurements.iter().find(|earlier| earlier.kernel == measurement.kernel) else {
            differences.push(format!("{} is new", measurement.kernel));
            continue;
        };
        if (earlier.n, earlier.checksum) != (measurement.n, measurement.checksum) {
            differences.push(format!("{} does other work", measurement.kernel));
        }
        for engine in now.engines.iter().skip(1).map(|engine| engine.name.as_str()) {
            if let (Some(then), Some(now)) = (shares_of_native(earlier, engine), shares_of_native(measurement, engine))
            {
                changes.push(Change::new(measurement, engine, &then, &now));
            }
        }
    }
    Comparison { differences, changes }
}

fn differences(before: &Report, now: &Report) -> Vec<String> {
    let mut differences = Vec::new();
    let mut differ = |what: &str, then: &str, now: &str| {
        if then != now {
            differences.push(format!("{what}: {then}; now: {now}"));
        }
    };
    differ("machine", &before.machine.cpu, &now.machine.cpu);
    differ("clang", &before.clang, &now.clang);
    differ("vectors in all modules", &before.vectors.to_string(), &now.vectors.to_string());
    for engine in &now.engines {
        match before.engines.iter().find(|earlier| earlier.name == engine.name) {
            Some(earlier) => differ(&engine.name, &earlier.description, &engine.description),
            None => differ(&engine.name, "did not run", "runs"),
        }
    }
    differences
}

/// What changed beyond noise, then the means of groups in both runs over the kernels that both have.
pub fn render(comparison: &Comparison) -> String {
    let mut out = String::from("\nSince the earlier run, as shares of native speed:\n\n");
    for difference in &comparison.differences {
        let _ = writeln!(out, "not the same: {difference}");
    }
    let beyond: Vec<_> = comparison.changes.iter().filter(|change| change.beyond_noise).collect();
    for change in &beyond {
        let Change { kernel, engine, before, now, noise, .. } = change;
        let percent = (now / before - 1.0) * 100.0;
        let _ = writeln!(
            out,
            "{kernel:16} {engine:9} {before:.2} -> {now:.2}  {percent:+6.1} %  (noise {:.1} %)",
            noise * 100.0
        );
    }
    let same = comparison.changes.len() - beyond.len();
    let _ = writeln!(out, "{} changed beyond noise, {same} did not.", beyond.len());
    means(comparison, &mut out);
    out
}

fn means(comparison: &Comparison, out: &mut String) {
    let mut engines: Vec<&str> = comparison.changes.iter().map(|change| change.engine.as_str()).collect();
    engines.sort_unstable();
    engines.dedup();
    for group in Group::ALL {
        for engine in &engines {
            let of_both = || comparison.changes.iter().filter(|it| it.group == group && it.engine == *engine);
            if of_both().next().is_some() {
                let before = geometric_mean(of_both().map(|change| change.before));
                let now = geometric_mean(of_both().map(|change| change.now));
                let _ = writeln!(out, "mean of {:20} {engine:9} {before:.3} -> {now:.3}", group.name());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    fn change(before: &[f64], now: &[f64]) -> Change {
        compare(&report("fib", &[("guard", before)]), &report("fib", &[("guard", now)])).changes.remove(0)
    }

    #[test]
    fn what_the_rounds_do_not_agree_on_is_noise() {
        assert!(!change(&[1.0, 1.2, 0.8, 1.1, 0.9], &[0.95, 1.15, 0.75, 1.05, 0.85]).beyond_noise);
        assert!(change(&[1.0, 1.001, 0.999], &[0.95, 0.951, 0.949]).beyond_noise);
        assert!(!change(&[1.0, 1.0, 1.0], &[0.99, 0.99, 0.99]).beyond_noise);
    }

    #[test]
    fn a_gain_is_as_much_a_change_as_a_loss() {
        let gain = change(&[0.8, 0.8, 0.8], &[0.9, 0.9, 0.9]);
        assert!(gain.beyond_noise);
        assert!((gain.before - 0.8).abs() < 1e-9 && (gain.now - 0.9).abs() < 1e-9, "{gain:?}");
    }

    #[test]
    fn what_is_not_in_both_runs_is_said_and_not_compared() {
        let now = report("sieve", &[("guard", &[1.0]), ("wasm2c", &[1.0])]);
        let comparison = compare(&report("fib", &[("guard", &[1.0])]), &now);
        assert_eq!(comparison.changes.len(), 0);
        let text = render(&comparison);
        assert!(text.contains("sieve is new") && text.contains("wasm2c: did not run"), "{text}");
        assert!(text.contains("0 changed beyond noise"), "{text}");
    }
}
