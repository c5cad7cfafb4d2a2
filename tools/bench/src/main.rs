//! Builds the C kernels natively and to Wasm, runs them on every engine in turn, prints one table.
//!
//! The picture: `kernels` names them, `clang` builds them, `engines` turn them into something callable, `measure`
//! calls them in interleaved rounds, `report` prints. Nothing here asserts a time: the one thing that fails is a
//! checksum that differs from the native one.

mod artifact;
mod clang;
mod engines;
mod kernels;
mod machine;
mod measure;
mod options;
mod programs;
mod report;
mod statistics;

use anyhow::{Context, Result};
use clap::Parser;

use crate::clang::{Clang, OutputDir};
use crate::options::{Format, Options};
use crate::report::Report;
use crate::report::compare::compare;

fn main() -> Result<()> {
    let options = Options::parse();
    if options.programs {
        return programs::run(&options);
    }
    // Read before the run, which takes minutes.
    let earlier = options.compare.as_deref().map(Report::read).transpose()?;
    let mut report = match &options.read {
        Some(path) => Report::read(path)?,
        None => run(&options)?,
    };
    report.comparison = earlier.map(|earlier| compare(&earlier, &report));
    if let Some(path) = &options.chart {
        std::fs::write(path, report::chart::render(&report))
            .with_context(|| format!("{} cannot be written.", path.display()))?;
    }
    match options.format {
        Format::Text => print!("{}", report::text::render(&report)),
        Format::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(())
}

fn run(options: &Options) -> Result<Report> {
    let output = OutputDir::create(options.keep.as_deref())?;
    let clang = Clang::find(&options.clang)?;
    let engines = engines::select(options, &clang, output.path())?;

    let mut measurements = Vec::new();
    for kernel in kernels::select(&options.only)? {
        let n = options.amount_for(kernel);
        eprintln!("{} ({}), n = {n}", kernel.name, kernel.about);
        let wasm = clang.build_wasm(kernel, options.vectors, output.path())?;
        measurements.push(measure::measure(kernel, n, &wasm, &engines, options)?);
    }
    Ok(Report::new(options, &clang, &engines, measurements))
}
