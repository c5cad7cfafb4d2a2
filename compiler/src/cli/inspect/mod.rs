//! `wasmc inspect`: what is in an `.aot` file, for people or as JSON, and what a module is written with.

mod disassembly;
mod features;
mod ram;
mod report;
mod text;

use super::failure::{self, Failure};
use super::image_file::ImageFile;
use super::input::{self, Kind};
use super::output::print;
use super::targets::{Format, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `wasmc inspect`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct InspectArgs {
    /// What else to look at.
    #[command(subcommand)]
    what: Option<What>,
    /// The .aot file
    #[arg(value_name = "FILE", required = true)]
    file: Option<PathBuf>,
    /// Text for people, or JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// List every function, the largest first, not just the ten largest
    #[arg(long)]
    functions: bool,
    /// Show what RAM the image needs on a board, where nothing is allocated
    #[arg(long, conflicts_with_all = ["functions", "disassemble"])]
    ram: bool,
    /// Show the machine code of one function: its name, the name of an export, its index, or the
    /// name of a symbol
    #[arg(long, value_name = "FUNCTION|INDEX", conflicts_with = "functions")]
    disassemble: Option<String>,
}

/// What can be looked at beside an image.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the proposals beyond the first version of WebAssembly that a module uses
    Features(features::FeaturesArgs),
}

/// `wasmc inspect`.
pub fn run(args: &InspectArgs) -> Result<ExitCode, Failure> {
    let file = match (&args.what, &args.file) {
        (Some(What::Features(args)), _) => return features::run(args),
        (None, file) => file.as_deref().expect("clap asks for it"),
    };
    let input = input::read(file)?;
    let name = &input.name;
    if !matches!(input.kind(), Ok(Kind::Image)) {
        let failure = match input.kind() {
            Ok(_) => Failure::input(format!("{name} is a WebAssembly module, not an .aot file"))
                .help("`wasmc compile` makes one of it"),
            Err(_) => Failure::input(format!("{name} is not an .aot file: it does not start as ELF does"))
                .help("`wasmc compile` makes .aot files"),
        };
        return Err(failure);
    }
    let image = ImageFile::parse(name, &input.bytes)?;
    let faults = image.faults();
    let out = match &args.disassemble {
        Some(wanted) => {
            let listing = disassembly::disassemble(&image, name, wanted)?;
            match args.format {
                Format::Json => json(&listing) + "\n",
                Format::Text => disassembly::text(&listing),
            }
        }
        None if args.ram => {
            let report = ram::RamReport::new(&image);
            match args.format {
                Format::Json => json(&report) + "\n",
                Format::Text => report.text(),
            }
        }
        None => {
            let report = report::Report::new(&image, name, faults.clone());
            match args.format {
                Format::Json => json(&report) + "\n",
                Format::Text => text::text(&report, args.functions),
            }
        }
    };
    print(&out)?;
    // Shown all the same: who looks at a damaged file wants to see it.
    for fault in &faults {
        failure::warn(&format!("{name} is damaged: {fault}"));
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(failure::BAD_INPUT) })
}
