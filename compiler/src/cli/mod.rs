//! The subcommands, one file each, and what they share:
//!
//! ```text
//! input ─recognise→ supervise ─frames← worker (a child process: LLVM may abort)
//!                       └→ output (beside, then renamed) or cache ─→ run
//! ```

pub mod cache;
pub mod compile;
pub mod failure;
pub mod frame;
pub mod image_file;
pub mod input;
pub mod inspect;
pub mod interrupt;
pub mod llvm;
pub mod options;
pub mod output;
pub mod run;
pub mod supervise;
pub mod targets;
pub mod terminal;
pub mod worker;

use clap::{CommandFactory, Parser, Subcommand};
use failure::Failure;
use std::process::ExitCode;

/// WebAssembly to native code, ahead of time, through LLVM.
#[derive(Debug, Parser)]
#[command(name = "wasmc", version = version(), max_term_width = 100)]
pub struct Cli {
    /// Print nothing but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the command can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compile a module to an .aot file
    Compile(compile::CompileArgs),
    /// Run a module: .wat or .wasm through a cache, or an .aot file
    Run(run::RunArgs),
    /// Show what is in an .aot file
    Inspect(inspect::InspectArgs),
    /// List the machines that code can be made for
    Targets(targets::TargetsArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Compile standard input and send the result in frames (wasmc starts itself so)
    #[command(name = worker::NAME, hide = true)]
    Worker(worker::WorkerArgs),
}

/// Arguments of `wasmc completions`.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: clap_complete::Shell,
}

/// `wasmc completions`.
pub fn completions(args: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wasmc", &mut script);
    output::print_bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// The tool's version and those that decide what fits together.
pub fn version() -> String {
    format!(
        "{} (LLVM {}, image format {}, ABI {})",
        env!("CARGO_PKG_VERSION"),
        llvm::version(),
        wasmc_abi::FORMAT_VERSION,
        wasmc_abi::ABI_VERSION
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_argument_definitions_are_consistent() {
        Cli::command().debug_assert();
    }
}
