//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::kernels::{self, Kernel};

/// Runs the C kernels natively, through wasmc, Wasmtime and wasm2c, and prints one table of ratios.
#[derive(Debug, Parser)]
#[command(name = "bench")]
pub struct Options {
    /// Run whole programs of the corpus in place of kernels, as processes, and print what they reach of Wasmtime's speed:
    /// `wasmc`, `aot-run` and `wasmtime-run` have to stand beside this program.
    #[arg(long)]
    pub programs: bool,

    /// Only these kernels or programs, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "KERNEL")]
    pub only: Vec<String>,

    /// Only these engines beside native, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "ENGINE")]
    pub engines: Vec<String>,

    /// Timed rounds; in each, every engine runs the kernel once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,

    /// Compilations of each kernel by each engine; the median is reported.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub compile_rounds: u32,

    /// Amount of work for one kernel, in place of the default; may be repeated.
    #[arg(long = "n", value_name = "KERNEL=N", value_parser = parse_amount)]
    pub amounts: Vec<(String, u32)>,

    /// CPU for wasmc, for the native build that it is compared with, and for wasm2c's output: a level such as
    /// x86-64-v3, or `native` for this machine's. Wasmtime always takes this machine's.
    #[arg(long, default_value = "x86-64-v2")]
    pub cpu: String,

    /// Build all modules with vectors (`-msimd128`), not those of the vector group alone. wasm2c takes none of them.
    #[arg(long)]
    pub vectors: bool,

    /// Optimisation level for wasmc.
    #[arg(short = 'O', default_value = "3", value_name = "LEVEL")]
    pub optimize: String,

    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Say what changed beyond noise since an earlier run, which `--format=json` wrote to this file.
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,

    /// Draw the means of groups as SVG into this file.
    #[arg(long, value_name = "FILE")]
    pub chart: Option<PathBuf>,

    /// Run nothing: take the results that `--format=json` wrote to this file.
    #[arg(long, value_name = "FILE")]
    pub read: Option<PathBuf>,

    /// Keep the modules and every engine's artifacts in this directory, for a look with objdump.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,

    /// The C compiler, for both sides.
    #[arg(long, default_value = "clang-22")]
    pub clang: PathBuf,
}

/// How the results are printed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    /// Two tables for people.
    Text,
    /// Every number, the timings of single rounds included.
    Json,
}

impl Options {
    /// The kernel's `n`: the last `--n` that names it, else its default.
    pub fn amount_for(&self, kernel: &Kernel) -> u32 {
        let given = self.amounts.iter().rev().find(|(name, _)| name == kernel.name);
        given.map_or(kernel.n, |&(_, n)| n)
    }
}

fn parse_amount(argument: &str) -> Result<(String, u32), String> {
    let (name, n) = argument.split_once('=').ok_or("expected KERNEL=N, as in fib=30")?;
    kernels::find(name).map_err(|error| error.to_string())?;
    let n = n.parse().map_err(|error| format!("\"{n}\" is not an amount: {error}"))?;
    Ok((name.to_owned(), n))
}
