//! The means of groups as bars, in SVG: a document of its own, with colours for a light and for a dark page.

use std::fmt::Write;

use super::Report;
use crate::kernels::Group;
use crate::statistics::geometric_mean;

/// The engines with a bar, in this order, and each one's colour by day and by night.
const BARS: &[(&str, &str, &str)] = &[
    ("guard", "#0b5fa5", "#58a6ff"),
    ("checked", "#3d85c6", "#a5d0ff"),
    ("wasmtime", "#c2571a", "#f0883e"),
    ("wasm2c", "#6e6e6e", "#9aa4ae"),
];

// All lengths are in pixels.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 40.0;
const BAR: f64 = 30.0;
const GAP: f64 = 4.0;

/// The chart of a report.
pub fn render(report: &Report) -> String {
    let groups: Vec<_> = Group::ALL.into_iter().filter(|&group| !report.rows_of(group).is_empty()).collect();
    let shares = |group: Group| BARS.iter().map(move |&(engine, ..)| mean(report, group, engine));
    let largest = groups.iter().flat_map(|&group| shares(group).flatten()).fold(1.1, f64::max);
    let axis = Axis { end: (largest / 0.25).ceil() * 0.25 };

    let mut out = head(report);
    axis.draw(&mut out);
    let step = (WIDTH - LEFT - RIGHT) / groups.len().max(1) as f64;
    for (index, &group) in groups.iter().enumerate() {
        let middle = LEFT + step * (index as f64 + 0.5);
        let bars: Vec<_> = shares(group).enumerate().filter_map(|(engine, share)| Some((engine, share?))).collect();
        let left = middle - (bars.len() as f64 * (BAR + GAP) - GAP) / 2.0;
        for (place, &(engine, share)) in bars.iter().enumerate() {
            bar(&mut out, left + place as f64 * (BAR + GAP), engine, share, &axis);
        }
        text(&mut out, middle, HEIGHT - BOTTOM + 22.0, "middle", "", group.name());
    }
    axis.draw_native(&mut out);
    legend(&mut out, report);
    out.push_str("</svg>\n");
    out
}

/// Geometric mean of the kernels of a group; none if one of them did not run.
fn mean(report: &Report, group: Group, engine: &str) -> Option<f64> {
    let share = |row: usize| Some(report.measurements[row].of(engine)?.share_of_native.median);
    let shares: Option<Vec<f64>> = report.rows_of(group).into_iter().map(share).collect();
    Some(geometric_mean(shares.filter(|shares| !shares.is_empty())?))
}

fn head(report: &Report) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" role=\"img\" aria-labelledby=\"title\">\n<title id=\"title\">Speed of compiled code as a \
         share of native</title>\n<style>\ntext {{ font: 13px sans-serif; fill: #1f2328; }}\n.title {{ font-size: 17px; \
         font-weight: bold; }}\n.small, .value {{ font-size: 11px; }}\n.value {{ fill: #ffffff; }}\n.page {{ fill: #ffffff; }}\n.line {{ stroke: #d1d9e0; }}\n\
         .native {{ stroke: #1f2328; stroke-width: 1.5; stroke-dasharray: 5 3; }}\n"
    );
    let colours = |out: &mut String, colour: fn(&(&str, &'static str, &'static str)) -> &'static str| {
        for bar in BARS {
            let _ = writeln!(out, ".{} {{ fill: {}; }}", bar.0, colour(bar));
        }
    };
    colours(&mut out, |bar| bar.1);
    out.push_str(
        "@media (prefers-color-scheme: dark) {\ntext { fill: #e6edf3; }\n.value { fill: #0d1117; }\n.page { fill: #0d1117; }\n.line { stroke: \
         #3d444d; }\n.native { stroke: #e6edf3; }\n",
    );
    colours(&mut out, |bar| bar.2);
    let _ = writeln!(out, "}}\n</style>\n<rect class=\"page\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>");
    text(&mut out, LEFT, 26.0, "start", "title", "Speed of compiled code as a share of native (higher is better)");
    // Of the compiler's version and its flags, the flags.
    let native = report.engines.first().map_or("", |engine| engine.description.as_str());
    let native = native.split(';').next().unwrap_or_default();
    let flags = native.find("-O").map_or("", |start| &native[start..]);
    let about = format!("Geometric means by group of {} kernels. Native: clang {flags}", report.measurements.len());
    text(&mut out, LEFT, 45.0, "start", "small", &about);
    out
}

/// The vertical axis: from zero to `end`, in shares of native speed.
struct Axis {
    end: f64,
}

impl Axis {
    fn y(&self, share: f64) -> f64 {
        HEIGHT - BOTTOM - share / self.end * (HEIGHT - TOP - BOTTOM)
    }

    fn draw(&self, out: &mut String) {
        for mark in 0..=(self.end / 0.25).round() as u32 {
            let share = f64::from(mark) * 0.25;
            self.line(out, "line", share);
            text(out, LEFT - 8.0, self.y(share) + 4.0, "end", "", &format!("{share:.2}"));
        }
    }

    fn draw_native(&self, out: &mut String) {
        self.line(out, "native", 1.0);
    }

    fn line(&self, out: &mut String, class: &str, share: f64) {
        let (y, right) = (self.y(share), WIDTH - RIGHT);
        let _ = writeln!(out, "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
    }
}

fn bar(out: &mut String, x: f64, engine: usize, share: f64, axis: &Axis) {
    let (y, class) = (axis.y(share), BARS[engine].0);
    let height = axis.y(0.0) - y;
    let _ = writeln!(out, "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{BAR}\" height=\"{height:.1}\"/>");
    // At the foot of the bar, where no line is.
    text(out, x + BAR / 2.0, axis.y(0.0) - 6.0, "middle", "value", &format!("{share:.2}"));
}

fn legend(out: &mut String, report: &Report) {
    let mut x = LEFT;
    for &(engine, ..) in BARS.iter().filter(|bar| report.engines.iter().any(|engine| engine.name == bar.0)) {
        let _ = writeln!(out, "<rect class=\"{engine}\" x=\"{x}\" y=\"56\" width=\"12\" height=\"12\"/>");
        let ours = ["guard", "checked"].contains(&engine);
        text(out, x + 17.0, 67.0, "start", "", &format!("{}{engine}", if ours { "wasmc, " } else { "" }));
        x += 140.0;
    }
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, class: &str, content: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;");
    let _ =
        writeln!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{content}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn bars_are_as_high_as_shares_and_an_engine_that_did_not_run_has_none() {
        let svg = render(&report("fib", &[("guard", &[0.5]), ("wasm2c", &[1.0])]));
        // The axis ends at 1.25, so that the line of native speed lies below its end.
        let full = (HEIGHT - TOP - BOTTOM) / 1.25;
        for (engine, height) in [("guard", full / 2.0), ("wasm2c", full)] {
            let bar =
                svg.lines().find(|line| line.contains(&format!("\"{engine}\" x")) && line.contains("width=\"30\""));
            assert!(bar.unwrap().contains(&format!("height=\"{height:.1}\"")), "{bar:?}");
        }
        assert!(!svg.contains("<rect class=\"wasmtime\""), "{svg}");
    }
}
