//! Whole programs: WASI commands of the corpus, each compiled before and then run as a process of its own by `aot-run` and
//! by `wasmtime-run`, in interleaved rounds. What is timed is a process from its start to its end, loading included.
//!
//! There is no native code of these modules that would be built by the same compiler from the same source, so the
//! reference is Wasmtime. What a program prints has to be what it prints there. The modules are what `cargo xtask fetch` brings; one
//! that is not there is left out, with a message.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::machine::Machine;
use crate::measure::paired_ratio;
use crate::options::{Format, Options};
use crate::report::text::Table;
use crate::statistics::{Summary, geometric_mean, median};

/// A command line of a module.
struct Program {
    /// Its name in the table.
    name: &'static str,
    /// The module's id in the corpus.
    module: &'static str,
    argv0: &'static str,
    args: &'static [&'static str],
    /// What it reads from standard input.
    stdin: Option<Input>,
    /// Files in the folder that it has as `/`.
    files: &'static [(&'static str, Input)],
    /// A folder of the corpus, and what it is called there.
    library: Option<(&'static str, &'static str)>,
    /// Options of who runs it.
    flags: &'static [&'static str],
    /// A file that it writes, as part of what it prints.
    written: Option<&'static str>,
}

/// What a program is given.
#[derive(Clone, Copy)]
enum Input {
    /// A file, from the repository's root.
    File(&'static str),
    /// A file of the corpus' tests with all but its first two lines so many times.
    Repeated(&'static str, usize),
    /// A circuit of so many flip-flops, each with a function of some of the others before it.
    Circuit(usize),
}

const PROGRAM: Program = Program {
    name: "",
    module: "",
    argv0: "",
    args: &[],
    stdin: None,
    files: &[],
    library: None,
    flags: &[],
    written: None,
};

const PROGRAMS: &[Program] = &[
    Program {
        name: "sqlite",
        module: "sqlite-p0",
        argv0: "sqlite3",
        args: &["-batch"],
        stdin: Some(Input::File("tools/bench/programs/queries.sql")),
        ..PROGRAM
    },
    Program {
        name: "quickjs",
        module: "quickjs",
        argv0: "qjs",
        args: &["/script.js"],
        files: &[("script.js", Input::File("tools/bench/programs/script.js"))],
        // It imports sockets that WASI does not have, and calls none.
        flags: &["--unknown-imports-trap"],
        ..PROGRAM
    },
    Program {
        name: "python",
        module: "python-3.11",
        argv0: "python",
        args: &["/script.py"],
        files: &[("script.py", Input::File("tools/bench/programs/script.py"))],
        library: Some(("python-3.11-stdlib/usr", "/usr")),
        ..PROGRAM
    },
    Program {
        name: "php",
        module: "php-cgi",
        argv0: "php-cgi",
        args: &["-q", "/script.php"],
        files: &[("script.php", Input::File("tools/bench/programs/script.php"))],
        ..PROGRAM
    },
    Program {
        name: "gofmt",
        module: "go-gofmt",
        argv0: "gofmt",
        args: &["-s"],
        stdin: Some(Input::Repeated("tests/corpus/inputs/unformatted.go.txt", 2000)),
        ..PROGRAM
    },
    Program {
        name: "nextpnr",
        module: "nextpnr-ice40",
        argv0: "nextpnr-ice40",
        args: &["--hx1k", "--package=tq144", "--seed=1", "--json=/circuit.json", "--asc=/placed.asc", "--quiet"],
        files: &[("circuit.json", Input::Circuit(1000))],
        library: Some(("ice40-chips/share", "/share")),
        written: Some("placed.asc"),
        ..PROGRAM
    },
];

/// Who runs programs, the reference first.
const RUNNERS: [&str; 3] = [WASMTIME, "guard", "checked"];
const WASMTIME: &str = "wasmtime";

/// What a run gave; `--format=json` prints it.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    machine: Machine,
    /// Optimisation level and CPU of wasmc.
    wasmc: String,
    rounds: u32,
    programs: Vec<Measurement>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Measurement {
    program: String,
    module: String,
    runners: Vec<Runs>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Runs {
    runner: String,
    /// Wall time of the process, one value a round.
    seconds: Vec<f64>,
    /// Wasmtime's duration over this one's in the same round.
    share_of_wasmtime: Summary,
}

/// Runs all that are there, or those that were asked for, and prints what came out.
pub fn run(options: &Options) -> Result<()> {
    for name in &options.only {
        if !PROGRAMS.iter().any(|program| program.name == name) {
            let names: Vec<_> = PROGRAMS.iter().map(|program| program.name).collect();
            bail!("There is no program \"{name}\". The programs are {}.", names.join(", "));
        }
    }
    let place = Place::new(options)?;
    let mut programs = Vec::new();
    for program in PROGRAMS {
        let wanted = options.only.is_empty() || options.only.iter().any(|name| name == program.name);
        if wanted && place.module(program).is_file() {
            programs.push(measure(program, &place, options)?);
        } else if wanted {
            eprintln!("left out: {} is not there; `cargo xtask fetch` brings it", place.module(program).display());
        }
    }
    ensure!(!programs.is_empty(), "No module of the corpus is there. `cargo xtask fetch` brings them.");
    let wasmc = format!("-O{} --cpu={}", options.optimize, options.cpu);
    let report = Report { machine: Machine::describe(), wasmc, rounds: options.rounds, programs };
    match options.format {
        Format::Text => print!("{}", render(&report)),
        Format::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(())
}

/// Where things are.
struct Place {
    /// The repository.
    root: PathBuf,
    /// Where this program stands, and those that it starts.
    tools: PathBuf,
    corpus: PathBuf,
    /// Compiled programs and their folders.
    work: PathBuf,
}

impl Place {
    fn new(options: &Options) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        let own = std::env::current_exe()?;
        let tools = own.parent().context("this program stands nowhere")?.to_owned();
        let target = tools.parent().context("this program does not stand in a target folder")?;
        let corpus = std::env::var_os("WASMC_CORPUS_DIR").map_or_else(|| target.join("corpus"), PathBuf::from);
        let work = options.keep.clone().unwrap_or_else(|| target.join("programs"));
        fs::create_dir_all(&work).with_context(|| format!("{} cannot be created.", work.display()))?;
        Ok(Self { root, tools, corpus, work })
    }

    fn module(&self, program: &Program) -> PathBuf {
        self.corpus.join("modules").join(format!("{}.wasm", program.module))
    }

    /// A program that stands beside this one.
    fn tool(&self, name: &str) -> PathBuf {
        self.tools.join(name)
    }
}

fn measure(program: &Program, place: &Place, options: &Options) -> Result<Measurement> {
    eprintln!("{} ({})", program.name, program.module);
    let images = RUNNERS.map(|runner| compile(program, runner, place, options));
    let images = images.into_iter().collect::<Result<Vec<_>>>()?;
    let folder = prepare(program, place)?;
    // Untimed: files are in the cache then, and outputs compared.
    let expected = start(program, RUNNERS[0], &images[0], &folder, place)?.1;
    for (runner, image) in RUNNERS.iter().zip(&images).skip(1) {
        let output = start(program, runner, image, &folder, place)?.1;
        ensure!(output == expected, "{}: {runner} does not print what Wasmtime prints.", program.name);
    }
    let mut seconds = vec![Vec::new(); RUNNERS.len()];
    for round in 0..options.rounds as usize {
        for turn in 0..RUNNERS.len() {
            // Each round begins with another one, so that none always follows the same one.
            let who = (round + turn) % RUNNERS.len();
            seconds[who].push(start(program, RUNNERS[who], &images[who], &folder, place)?.0);
        }
    }
    let reference = seconds[0].clone();
    let runs = RUNNERS.iter().zip(seconds).map(|(runner, seconds)| Runs {
        runner: (*runner).to_owned(),
        share_of_wasmtime: paired_ratio(&reference, &seconds),
        seconds,
    });
    Ok(Measurement { program: program.name.to_owned(), module: program.module.to_owned(), runners: runs.collect() })
}

/// The compiled program. One that is newer than its module and who compiles it is taken as it is: some take minutes.
fn compile(program: &Program, runner: &str, place: &Place, options: &Options) -> Result<PathBuf> {
    let (module, compiler) = (place.module(program), compiler(runner));
    let settings = if runner == WASMTIME { String::new() } else { format!(".O{}.{}", options.optimize, options.cpu) };
    let image = place.work.join(format!("{}.{runner}{settings}", program.module));
    let newest = newest(&module)?.max(newest(&place.tool(compiler))?);
    if newest_or_never(&image) > newest {
        return Ok(image);
    }
    let mut command = Command::new(place.tool(compiler));
    if runner == WASMTIME {
        command.arg("--compile").args([&module, &image]);
    } else {
        let level = format!("-O{}", options.optimize);
        command.args(["compile", "--quiet", &level, "--cpu", &options.cpu, "--memory", runner, "-o"]);
        command.args([&image, &module]);
    }
    let status = command.status().with_context(|| format!("{command:?} cannot be started."))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(image)
}

fn compiler(runner: &str) -> &'static str {
    if runner == WASMTIME { "wasmtime-run" } else { "wasmc" }
}

fn newest(path: &Path) -> Result<SystemTime> {
    let modified = fs::metadata(path).and_then(|data| data.modified());
    modified.with_context(|| format!("{} is not there.", path.display()))
}

fn newest_or_never(path: &Path) -> SystemTime {
    newest(path).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The program's folder, with what it is given.
fn prepare(program: &Program, place: &Place) -> Result<PathBuf> {
    let folder = place.work.join(format!("{}.folder", program.name));
    fs::create_dir_all(&folder)?;
    for (name, input) in program.files.iter().copied().chain(program.stdin.map(|input| (STDIN, input))) {
        let to = folder.join(name);
        fs::write(&to, text(input, place)?).with_context(|| format!("{} cannot be written.", to.display()))?;
    }
    Ok(folder)
}

/// The file that standard input is read from.
const STDIN: &str = "standard-input";

fn text(input: Input, place: &Place) -> Result<String> {
    let read =
        |path: &str| fs::read_to_string(place.root.join(path)).with_context(|| format!("{path} cannot be read."));
    Ok(match input {
        Input::File(path) => read(path)?,
        Input::Repeated(path, times) => {
            let text = read(path)?;
            let head: usize = text.split_inclusive('\n').take(2).map(str::len).sum();
            let (head, rest) = text.split_at(head);
            head.to_owned() + &rest.repeat(times)
        }
        Input::Circuit(flip_flops) => circuit(flip_flops).to_string(),
    })
}

/// A circuit as yosys writes it for iCE40 chips, where bits of wires are numbers.
fn circuit(flip_flops: usize) -> Value {
    const CLOCK: usize = 2;
    let (before, behind) = (|n: usize| 1_000_000 + n, |n: usize| 100 + n % flip_flops);
    let mut cells = Map::new();
    for n in 0..flip_flops {
        let ports = json!({ "C": "input", "D": "input", "Q": "output" });
        let wires = json!({ "C": [CLOCK], "D": [before(n)], "Q": [behind(n)] });
        let flip_flop = json!({ "type": "SB_DFF", "port_directions": ports, "connections": wires });
        cells.insert(format!("flip_flop{n}"), flip_flop);
        let ports = json!({ "I0": "input", "I1": "input", "I2": "input", "I3": "input", "O": "output" });
        let far = if n % 5 == 0 { json!(behind(3 * n + 1)) } else { json!("0") };
        let near = [0, 1, 7].map(|back| behind(n + flip_flops - back));
        let wires = json!({ "I0": [near[0]], "I1": [near[1]], "I2": [near[2]], "I3": [far], "O": [before(n)] });
        let parameters = json!({ "LUT_INIT": "0110100110010110" });
        let table =
            json!({ "type": "SB_LUT4", "parameters": parameters, "port_directions": ports, "connections": wires });
        cells.insert(format!("table{n}"), table);
    }
    let ports = json!({
        "clock": { "direction": "input", "bits": [CLOCK] },
        "out": { "direction": "output", "bits": [behind(0)] },
    });
    let top = json!({ "attributes": { "top": "1" }, "ports": ports, "cells": cells, "netnames": {} });
    json!({ "creator": "bench", "modules": { "top": top } })
}

/// Runs a program once: how long it took, and what it printed.
fn start(program: &Program, runner: &str, image: &Path, folder: &Path, place: &Place) -> Result<(f64, Vec<u8>)> {
    let mut command = Command::new(place.tool(if runner == WASMTIME { "wasmtime-run" } else { "aot-run" }));
    command.arg("--dir").arg(format!("{}::/", folder.display()));
    if let Some((library, guest)) = program.library {
        let library = place.corpus.join("folders").join(library);
        command.arg("--dir").arg(format!("{}::{guest}", library.display()));
    }
    command.args(["--argv0", program.argv0]).args(program.flags).arg(image).args(program.args);
    command.stdin(match program.stdin {
        Some(_) => File::open(folder.join(STDIN))?.into(),
        None => Stdio::null(),
    });
    let start = Instant::now();
    let output = command.output().with_context(|| format!("{command:?} cannot be started."))?;
    let seconds = start.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{text}", output.status);
    let mut printed = output.stdout;
    if let Some(file) = program.written {
        let path = folder.join(file);
        printed.extend(fs::read(&path).with_context(|| format!("{} is not there.", path.display()))?);
        fs::remove_file(&path)?;
    }
    Ok((seconds, printed))
}

fn render(report: &Report) -> String {
    let machine = &report.machine;
    let mut out = String::new();
    let _ = writeln!(out, "machine: {}, {} processors, Linux {}", machine.cpu, machine.cpu_count, machine.linux);
    let _ = writeln!(out, "guard, checked: wasmc {}, aot-run; wasmtime: wasmtime-run", report.wasmc);
    let _ = writeln!(
        out,
        "\n{} interleaved rounds. Wasmtime in milliseconds of wall time, from a process's start to its end; the others as a share \
         of its speed in the same round: median (min..max), higher is better.\n",
        report.rounds
    );
    let mut header = vec!["program".to_owned(), "wasmtime ms".to_owned()];
    header.extend(RUNNERS[1..].iter().map(|runner| (*runner).to_owned()));
    let mut table = Table { rows: vec![header] };
    for measurement in &report.programs {
        let (reference, others) = measurement.runners.split_first().expect("the reference always runs");
        let mut row = vec![measurement.program.clone(), format!("{:.1}", median(&reference.seconds) * 1e3)];
        row.extend(others.iter().map(|runs| {
            let Summary { median, min, max } = runs.share_of_wasmtime;
            format!("{median:.2} ({min:.2}..{max:.2})")
        }));
        table.rows.push(row);
    }
    let mut means = vec!["geometric mean".to_owned(), String::new()];
    means.extend((1..RUNNERS.len()).map(|runner| {
        let shares = report.programs.iter().map(|program| program.runners[runner].share_of_wasmtime.median);
        // The spread's width is kept, so that means stand below medians.
        format!("{:.2}{:13}", geometric_mean(shares), "")
    }));
    table.rows.push(means);
    table.render(&mut out);
    out
}
