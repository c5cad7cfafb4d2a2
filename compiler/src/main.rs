//! The command `wasmc`: arguments → one subcommand → exit status. Everything else is in `cli/`.

mod cli;

use clap::Parser;
use cli::{Cli, Command};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let Cli { quiet, command } = Cli::parse();
    let outcome = match command {
        Command::Compile(args) => cli::compile::run(&args, quiet),
        Command::Run(args) => cli::run::run(&args, quiet),
        Command::Inspect(args) => cli::inspect::run(&args),
        Command::Targets(args) => cli::targets::run(&args),
        Command::Completions(args) => cli::completions(&args),
        Command::Worker(args) => cli::worker::run(&args),
    };
    outcome.unwrap_or_else(|failure| failure.report())
}
