//! `wasmc inspect features`: the proposals that a module uses.

use crate::cli::failure::Failure;
use crate::cli::input;
use crate::cli::output::print;
use crate::cli::targets::{Format, json};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use wasmc::parse;

/// Arguments of `wasmc inspect features`.
#[derive(Debug, clap::Args)]
pub struct FeaturesArgs {
    /// The module: .wasm or .wat
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Text for people, or JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A proposal that a module uses.
#[derive(Debug, Serialize)]
struct Feature {
    /// Its name, as `--enable` and `--disable` take it.
    name: &'static str,
    /// Whether this version compiles it.
    compiled: bool,
}

/// `wasmc inspect features`.
pub fn run(args: &FeaturesArgs) -> Result<ExitCode, Failure> {
    let input = input::read(&args.file)?;
    let wasm = wasmc::to_binary(&input.bytes).map_err(|error| Failure::compile(&error, &input.bytes))?;
    let used = parse::used(&wasm).map_err(|error| Failure::compile(&error, &input.bytes))?;
    let features: Vec<_> = used.iter().map(|p| Feature { name: p.name, compiled: p.compiled }).collect();
    let text = match args.format {
        Format::Json => json(&features) + "\n",
        Format::Text if features.is_empty() => "the first version of WebAssembly is all that it needs\n".into(),
        Format::Text => features.iter().map(line).collect(),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn line(feature: &Feature) -> String {
    format!("{}{}\n", feature.name, if feature.compiled { "" } else { " (not compiled by this version)" })
}
