//! `wasmc run`: module or image → exit status. The module goes through the compiler and the cache;
//! running is the runtime's work.

use super::cache::{Cache, Key};
use super::failure::{Failure, REPORT_IT, plain, warn};
use super::input::{self, Input, Kind};
use super::options::{CodegenArgs, EmitKind, size_in_bytes};
use super::supervise::{self, Job};
use super::terminal::{self, size};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;
use wasmc_runtime::run::{RunOptions, parse_time};
use wasmc_runtime::{Error, Module};

/// Arguments of `wasmc run`.
#[derive(Debug, clap::Args)]
#[command(override_usage = "wasmc run [OPTIONS] MODULE [ARGUMENTS]...")]
pub struct RunArgs {
    /// The module (.wat, .wasm or .aot; - for standard input), then its arguments, passed on as
    /// they are
    // One list, not two: the parser would take an option that follows the module for its own.
    #[arg(value_name = "MODULE [ARGUMENTS]", trailing_var_arg = true, required = true, num_args = 1..)]
    module_and_arguments: Vec<OsString>,
    /// Let the module use the folder HOST and all below it, as GUEST [default: by the same name]
    #[arg(long = "dir", value_name = "HOST[::GUEST]")]
    dirs: Vec<String>,
    /// Set a variable of the module's environment; without a value, take over this one's
    #[arg(long = "env", value_name = "KEY[=VALUE]")]
    variables: Vec<String>,
    /// What the module gets as its own name [default: MODULE]
    #[arg(long, value_name = "NAME")]
    argv0: Option<OsString>,
    /// Call this export with the arguments as numbers, and print its results, one a line
    #[arg(long, value_name = "FUNCTION")]
    invoke: Option<String>,
    /// Stack of the module, in bytes or with the unit K, M or G
    #[arg(long, value_name = "SIZE", value_parser = size_in_bytes)]
    stack_size: Option<usize>,
    /// Interrupt the module after so many seconds; with a unit: 500ms, 1.5s, 2m
    #[arg(long, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,
    /// Count instructions, and end the module when it has executed so many
    #[arg(long, value_name = "COUNT")]
    fuel: Option<u64>,
    /// Let imported functions that nobody provides trap when they are called, not keep the module from running
    #[arg(long)]
    unknown_imports_trap: bool,
    /// Where the profile goes, if the code counts for one [default: default.wasmprof]
    #[arg(long, value_name = "FILE")]
    profile_file: Option<PathBuf>,
    /// Compile anew and keep nothing
    #[arg(long)]
    no_cache: bool,
    /// Folder that keeps compiled modules [default: $WASMC_CACHE_DIR, or wasmc in the user's cache]
    #[arg(long, value_name = "FOLDER")]
    cache_dir: Option<PathBuf>,
    /// Print time and peak memory of each phase to standard error, if the module is compiled
    #[arg(long)]
    timings: bool,
    #[command(flatten)]
    codegen: CodegenArgs,
}

impl RunArgs {
    fn module(&self) -> &Path {
        Path::new(&self.module_and_arguments[0])
    }

    fn arguments(&self) -> &[OsString] {
        &self.module_and_arguments[1..]
    }
}

/// `wasmc run`.
pub fn run(args: &RunArgs, quiet: bool) -> Result<ExitCode, Failure> {
    let options = run_options(args)?;
    let input = input::read(args.module())?;
    let module = match input.kind()? {
        Kind::Image if args.module() == Path::new("-") => load(&input.bytes),
        Kind::Image => map(args.module()),
        Kind::Module | Kind::Text => compile(args, &input, quiet)?,
    };
    let module = module.map_err(|error| unloadable(&input, &error))?;
    // The module itself is not needed any more, and can be large.
    drop(input);
    execute(&module, &options)
}

/// An image from a file, mapped.
fn map(path: &Path) -> Result<Module, Error> {
    // SAFETY: whoever runs a file by its name trusts it, as with any other program; an entry of the
    // cache was made by this program and lies where only its user writes. Neither is changed in
    // place: `wasmc` replaces files by renaming.
    unsafe { Module::map_unsigned(path) }
}

/// An image from memory, copied.
fn load(image: &[u8]) -> Result<Module, Error> {
    // SAFETY: as in `map`; besides, this is what the compiler just made.
    unsafe { Module::load_unsigned(image) }
}

/// The loader says itself what would help.
fn unloadable(input: &Input, error: &Error) -> Failure {
    Failure::input(error.to_string()).of_file(&input.name)
}

/// The module as an image, from the cache or compiled. The inner error is one of loading it.
fn compile(args: &RunArgs, input: &Input, quiet: bool) -> Result<Result<Module, Error>, Failure> {
    let codegen = CodegenArgs { metered: args.fuel.is_some(), ..args.codegen.clone() };
    let options = codegen.options()?;
    let cache = if args.no_cache { None } else { Cache::new(args.cache_dir.as_deref()) };
    cache.as_ref().map_or(Ok(()), Cache::belongs_to_us)?;
    let cache = cache.map(|cache| (Key::image(&input.bytes, &options), cache));
    if let Some((key, cache)) = &cache {
        match cache.find(key).map(|path| map(&path)) {
            Some(Ok(module)) => return Ok(Ok(module)),
            // Damaged on its way through the disk: it is made again.
            Some(Err(_)) => cache.remove(key),
            None => {}
        }
    }
    let job =
        Job { name: &input.name, module: &input.bytes, codegen: &codegen, emit: EmitKind::Aot, kept: None, quiet };
    let compiled = supervise::compile(&job)?;
    if args.timings {
        terminal::show_timings(&compiled.reports, compiled.elapsed);
    }
    let stored = cache.map(|(key, cache)| {
        cache.trim();
        cache.store(&key, &compiled.bytes)
    });
    match stored {
        Some(Ok(path)) => return Ok(map(&path)),
        // The module can be run all the same.
        Some(Err(why)) if !quiet => warn(&why),
        _ => {}
    }
    Ok(load(&compiled.bytes))
}

fn run_options(args: &RunArgs) -> Result<RunOptions, Failure> {
    let mut options = RunOptions { invoke: args.invoke.clone(), ..RunOptions::default() };
    let name = args.argv0.clone().unwrap_or_else(|| args.module().into());
    options.args = std::iter::once(name).chain(args.arguments().iter().cloned()).collect();
    options.stack_len = args.stack_size;
    options.timeout = args.timeout;
    options.fuel = args.fuel;
    options.unknown_imports_trap = args.unknown_imports_trap;
    options.profile = args.profile_file.clone();
    for dir in &args.dirs {
        options.dir(dir);
    }
    for (host, _) in &options.dirs {
        if let Err(error) = std::fs::read_dir(host) {
            return Err(Failure::file("open the folder", host, &error)
                .help("`--dir HOST::GUEST` takes a folder that is there and may be read"));
        }
    }
    for variable in &args.variables {
        options.env(variable);
    }
    Ok(options)
}

fn execute(module: &Module, options: &RunOptions) -> Result<ExitCode, Failure> {
    let mut said = Vec::new();
    let run = |said: &mut Vec<u8>| wasmc_runtime::run::run(module, options, &mut std::io::stdout(), said);
    let status = match options.stack_len {
        None => run(&mut said),
        // The guest runs on its thread's stack, which has to be large enough.
        Some(len) => thread::scope(|scope| {
            let builder = thread::Builder::new().stack_size(len.saturating_add(STACK_BESIDES));
            let thread = builder.spawn_scoped(scope, || run(&mut said)).map_err(|error| {
                Failure::input(format!("no stack of {} could be had: {}", size(len as u64), plain(&error)))
                    .help("give a smaller `--stack-size`")
            })?;
            thread.join().map_err(|_| Failure::internal("the runtime panicked").help(REPORT_IT))
        })?,
    };
    if !said.is_empty() {
        // Words of the runtime: a trap with its backtrace, or why nothing ran.
        Failure::input(String::from_utf8_lossy(&said).trim_end()).report();
    }
    // As the system does: of an exit code, the low byte reaches the parent.
    Ok(ExitCode::from(status as u8))
}

/// Stack for the runtime around a guest, bytes.
const STACK_BESIDES: usize = 1 << 20;

fn time(text: &str) -> Result<Duration, String> {
    parse_time(text).ok_or_else(|| "a time is a number of seconds, or has a unit: 10, 500ms, 1.5s, 2m".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn parse(args: &[&str]) -> Result<(RunArgs, bool), clap::Error> {
        let cli = Cli::try_parse_from(["wasmc", "run"].iter().chain(args))?;
        match cli.command {
            Command::Run(args) => Ok((args, cli.quiet)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_follows_the_module_is_the_modules() {
        for guest in [
            &["-1", "--dir", "x", "-q"][..],
            &["--", "-x"],
            &["--env", "A=B", "--", "--help"],
            &["--version"],
            &["-O3", "-", "", "--unknown=1"],
            &[],
        ] {
            let own = ["--dir", "/tmp::/", "-O1", "m.wasm"];
            let all: Vec<_> = own.iter().chain(guest).copied().collect();
            let (args, quiet) = parse(&all).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(args.module(), Path::new("m.wasm"));
            assert_eq!(args.arguments(), guest);
            assert_eq!((args.dirs.len(), args.variables.len(), quiet), (1, 0, false));
        }
    }

    #[test]
    fn a_mistyped_option_before_the_module_is_an_error() {
        assert!(parse(&["--dri", "x", "m.wasm"]).is_err());
        assert!(parse(&["-q"]).is_err());
        let (args, _) = parse(&["--", "-odd.wasm", "--dir"]).unwrap();
        assert_eq!((args.module(), args.arguments().len()), (Path::new("-odd.wasm"), 1));
    }
}
