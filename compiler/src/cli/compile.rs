//! `wasmc compile`: module → file.

use super::cache::Cache;
use super::failure::Failure;
use super::input::{self, Input};
use super::options::{CodegenArgs, EmitKind};
use super::output::Output;
use super::supervise::{self, Job};
use super::terminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `wasmc compile`.
#[derive(Debug, clap::Args)]
pub struct CompileArgs {
    /// The module: binary or text; - for standard input
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The file to write; - for standard output [default: IN with the extension .aot]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Where to stop, and what to write
    #[arg(long, value_name = "STAGE", value_enum, default_value_t)]
    emit: EmitKind,
    /// Have the code count the instructions that it executes, the same number on every target, and trap when they are
    /// more than the host allows
    #[arg(long, help_heading = "Code generation")]
    fuel: bool,
    /// Keep what was compiled in FOLDER, and compile only what has changed since; the result does not depend on it. What
    /// lies there is code: the folder has to be yours alone
    #[arg(long, value_name = "FOLDER")]
    incremental: Option<PathBuf>,
    /// Print time and peak memory of each phase to standard error
    #[arg(long)]
    timings: bool,
    #[command(flatten)]
    codegen: CodegenArgs,
}

/// `wasmc compile`.
pub fn run(args: &CompileArgs, quiet: bool) -> Result<ExitCode, Failure> {
    // All that can be wrong is found out before the long work.
    args.codegen.options()?;
    let module = input::read(&args.input)?.module()?;
    if args.incremental.is_some() && args.emit != EmitKind::Aot {
        return Err(Failure::usage(
            "`--incremental` keeps what .aot files are made from, and `--emit` asks for another",
        )
        .help("leave out one of the two"));
    }
    let path = output_path(args)?;
    let output = Output::prepare(&path)?;
    let kept = args.incremental.as_deref().map(Cache::prepare).transpose()?;
    let Input { name, bytes } = &module;
    let codegen = CodegenArgs { metered: args.fuel, ..args.codegen.clone() };
    let job = Job { name, module: bytes, codegen: &codegen, emit: args.emit, kept: kept.as_ref(), quiet };
    let compiled = supervise::compile(&job)?;
    output.write(&compiled.bytes)?;
    if args.timings {
        terminal::show_timings(&compiled.reports, compiled.elapsed);
    }
    Ok(ExitCode::SUCCESS)
}

fn output_path(args: &CompileArgs) -> Result<PathBuf, Failure> {
    let path = match &args.output {
        Some(path) => path.clone(),
        None if args.input == Path::new("-") => {
            return Err(Failure::usage("a module from standard input has no name to make an output's from")
                .help("name the output with `-o OUT`, or `-o -` for standard output"));
        }
        None => args.input.with_extension(args.emit.extension()),
    };
    if path != Path::new("-") && same_file(&args.input, &path) {
        return Err(Failure::usage(format!(
            "the output `{}` is the module itself, which would be overwritten",
            path.display()
        ))
        .help("name another output with `-o OUT`"));
    }
    Ok(path)
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b && a.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn parse(args: &[&str]) -> CompileArgs {
        let args = ["wasmc", "compile"].iter().chain(args);
        match Cli::try_parse_from(args).unwrap_or_else(|e| panic!("{e}")).command {
            Command::Compile(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_output_lies_beside_the_module_unless_named() {
        for (args, path) in [
            (&["a/b.wasm"][..], "a/b.aot"),
            (&["b.wat", "--emit=llvm"], "b.ll"),
            (&["b"], "b.aot"),
            (&["b.wasm", "-o", "c"], "c"),
            (&["-o-", "b.wasm"], "-"),
            (&["-", "-o", "-"], "-"),
        ] {
            assert_eq!(output_path(&parse(args)).unwrap(), Path::new(path), "{args:?}");
        }
        assert!(output_path(&parse(&["-"])).is_err());
    }

    #[test]
    fn the_module_is_not_overwritten() {
        let file = file!().rsplit('/').next().map(|f| format!("{}/src/cli/{f}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let failure = output_path(&parse(&[&file, "-o", &file])).unwrap_err();
        assert!(failure.message.contains("overwritten"), "{failure:?}");
    }
}
