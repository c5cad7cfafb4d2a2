//! How many instructions compiled code executes on other machines, beside clang's code from the same C source: the
//! benchmark's kernels, both sides at `-O3`, under qemu, whose own time says nothing about a machine.
//!
//! A kernel runs twice, with some work and with the least. The difference is what the work takes: start, loading and
//! inputs of a fixed size are in both. Both sides have to print the same.

use crate::code_size::{self, Module, Pair};
use crate::cross::{self, Machine};
use crate::setup;
use crate::shell::{CommandExt, cargo, root, target_dir};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Targets, and the memory models that each has.
const TARGETS: &[(&str, &[&str])] = &[
    ("aarch64-linux", &["guard", "checked"]),
    ("armv7-linux", &["checked"]),
    ("thumbv7-linux", &["checked"]),
    ("riscv64-linux", &["guard", "checked"]),
];

/// Amounts of work, which take the emulator a second or so.
const AMOUNTS: &[(&str, u32)] = &[
    ("alignment", 1500),
    ("base64", 120),
    ("big_product", 5),
    ("binary_trees", 2),
    ("compression", 16),
    ("convolution", 6),
    ("crc32", 150),
    ("dispatch", 1200),
    ("fannkuch", 8),
    ("fasta", 300_000),
    ("fft", 40),
    ("fib", 30),
    ("hash_map", 4),
    ("interpreter", 8000),
    ("json", 28),
    ("keyed_hash", 200),
    ("linear_system", 220),
    ("list_sort", 2),
    ("mandelbrot", 250),
    ("matrix_product", 220),
    ("memory_copy", 120),
    ("nbody", 60_000),
    ("quicksort", 100_000),
    ("queens", 10),
    ("ray_spheres", 220),
    ("sha256", 2500),
    ("shortest_paths", 150),
    ("sieve", 20),
    ("spectral_norm", 250),
    ("stencil_2d", 25),
    ("stencil_3d", 18),
    ("string_search", 10),
    ("utf8", 12),
    ("virtual_machine", 120),
    ("words", 12),
];

/// The least work: with none, some kernels would divide by it.
const LEAST: u32 = 1;

const FLAGS: &[&str] = &["-O3", "-ffp-contract=off", "-fno-math-errno", "-nostdlibinc"];

/// Prints a table of the targets named, of all if there are none.
pub fn instructions(names: &[&str]) -> Result<()> {
    let unknown = names.iter().find(|name| !TARGETS.iter().any(|target| target.0 == **name));
    if let Some(name) = unknown {
        let known: Vec<_> = TARGETS.iter().map(|target| target.0).collect();
        bail!("instructions of `{name}` are not counted; the targets are: {}", known.join(", "));
    }
    setup::setup_instructions()?;
    cargo(&["build", "--bin", "wasmc"]).status_ok()?;
    let work = target_dir().join("instructions");
    fs::create_dir_all(&work).with_context(|| format!("could not create {}", work.display()))?;
    let plugin = work.join("count.so");
    let here = root().join("tools/xtask/src");
    Command::new("cc")
        .args(["-O2", "-shared", "-fPIC"])
        .arg(here.join("count.c"))
        .arg("-o")
        .arg(&plugin)
        .output_ok()?;
    let kernels = code_size::kernels()?;
    let modules = kernels.iter().map(|source| code_size::module(source, &FLAGS[..3], &work));
    let modules = modules.collect::<Result<Vec<_>>>()?;

    let mut columns = Vec::new();
    for (target, models) in TARGETS.iter().filter(|target| names.is_empty() || names.contains(&target.0)) {
        let pair = code_size::PAIRS.iter().find(|pair| pair.target == *target).expect("its size is measured too");
        let machine = cross::machine_of(target).expect("programs are built for it");
        let runner = cross::build(&[machine], "aot-run", "aot-run")?.remove(0);
        let counter = Counter { machine, pair, plugin: &plugin, runner: &runner, models, work: &work };
        columns.push((*target, *models, on_all_threads(&modules, |module| counter.count(module))?));
    }
    print_table(&modules, &columns);
    Ok(())
}

/// Executed instructions of a kernel: clang's, and ours in each memory model.
struct Counts {
    clang: u64,
    ours: Vec<u64>,
}

impl Counts {
    /// Ours to clang's, in one memory model.
    fn ratio(&self, model: usize) -> f64 {
        self.ours[model] as f64 / self.clang as f64
    }
}

fn print_table(modules: &[Module], columns: &[(&str, &[&str], Vec<Counts>)]) {
    println!("Executed instructions at -O3, wasmc's to those of clang-22 from the same C source (millions of those):");
    let heads = columns.iter().flat_map(|(target, models, _)| {
        let models = models.iter().map(move |model| format!(" {target} `{model}` |"));
        std::iter::once(format!(" {target} clang |")).chain(models)
    });
    let heads: Vec<_> = heads.collect();
    println!("| kernel |{}\n|---|{}", heads.concat(), "---|".repeat(heads.len()));
    for (row, module) in modules.iter().enumerate() {
        let cells = columns.iter().flat_map(|(_, models, counts)| {
            let ratios = (0..models.len()).map(move |model| format!(" {:.2} |", counts[row].ratio(model)));
            std::iter::once(format!(" {:.1} |", counts[row].clang as f64 * 1e-6)).chain(ratios)
        });
        println!("| `{}` |{}", module.kernel, cells.collect::<String>());
    }
    let means = columns.iter().flat_map(|(_, models, counts)| {
        let mean = |model| counts.iter().map(|count| count.ratio(model).ln()).sum::<f64>() / counts.len() as f64;
        let means = (0..models.len()).map(move |model| format!(" {:.3} |", mean(model).exp()));
        std::iter::once(" |".to_owned()).chain(means)
    });
    println!("| geometric mean |{}", means.collect::<String>());
}

/// What counting for one target takes.
struct Counter<'a> {
    machine: &'a Machine,
    pair: &'a Pair,
    plugin: &'a Path,
    runner: &'a Path,
    models: &'a [&'a str],
    work: &'a Path,
}

impl Counter<'_> {
    fn count(&self, module: &Module) -> Result<Counts> {
        let amount = AMOUNTS.iter().find(|(kernel, _)| *kernel == module.kernel);
        let (_, amount) = amount.with_context(|| format!("{} has no amount of work", module.kernel))?;
        let file = |kind: &str| self.work.join(format!("{}.{}.{kind}", module.kernel, self.pair.target));

        let (object, program) = (file("o"), file("elf"));
        let mut clang = Command::new("clang-22");
        clang.args(FLAGS).args(self.pair.clang).arg("-c").arg(&module.source).arg("-o").arg(&object).output_ok()?;
        let mut link = Command::new(self.machine.gcc);
        link.args(["-O2", "-static"]).arg(root().join("tools/xtask/src/count_main.c")).arg(&object);
        link.arg("-o").arg(&program).output_ok()?;
        let (clang, expected) = self.work_of(&[program], *amount, &file("count"))?;

        let mut ours = Vec::new();
        for model in self.models {
            let image = file(&format!("{model}.aot"));
            let mut wasmc = Command::new(target_dir().join("debug/wasmc"));
            wasmc.args(["compile", "--quiet", "-O3", "--memory", model, "--target", self.pair.target]);
            wasmc.arg(&module.wasm).arg("-o").arg(&image).output_ok()?;
            let program = [self.runner.into(), "--invoke=run".into(), image];
            let (count, printed) = self.work_of(&program, *amount, &file("count"))?;
            ensure!(printed == expected, "{} prints {printed} and not {expected} ({model})", module.kernel);
            ours.push(count);
        }
        Ok(Counts { clang, ours })
    }

    /// Instructions that the amount of work takes beyond the least one, and what the program prints.
    fn work_of(&self, program: &[PathBuf], amount: u32, to: &Path) -> Result<(u64, String)> {
        let run = |n: u32| -> Result<(u64, String)> {
            // The emulator that is linked statically cannot load plugins.
            let emulator = self.machine.emulator.trim_end_matches("-static");
            let mut command = Command::new(emulator);
            command.arg("-plugin").arg(format!("{},to={}", self.plugin.display(), to.display()));
            let printed = command.args(program).arg(n.to_string()).output_ok()?;
            let count = fs::read_to_string(to).with_context(|| format!("{emulator} has not counted"))?;
            Ok((count.trim().parse()?, printed))
        };
        let ((all, printed), (least, _)) = (run(amount)?, run(LEAST)?);
        ensure!(all > least, "{} does nothing with {amount}", program[0].display());
        Ok((all - least, printed.trim().to_owned()))
    }
}

/// Counts do not depend on what else runs.
fn on_all_threads<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    let worker = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return Ok(done) };
            done.push((index, work(item)?));
        }
    };
    let results: Result<Vec<_>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().expect("no worker panics")).collect()
    });
    let mut results: Vec<_> = results?.into_iter().flatten().collect();
    results.sort_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_has_an_amount_and_every_target_a_pair_and_a_machine() {
        let mut kernels: Vec<_> = code_size::kernels().unwrap();
        kernels.iter_mut().for_each(|path| *path = path.file_stem().unwrap().into());
        let amounts: Vec<_> = AMOUNTS.iter().map(|(kernel, _)| PathBuf::from(kernel)).collect();
        let of_one_side = |path: &&PathBuf| kernels.contains(path) != amounts.contains(path);
        assert_eq!(kernels.iter().chain(&amounts).find(of_one_side), None);
        for (target, _) in TARGETS {
            assert!(code_size::PAIRS.iter().any(|pair| pair.target == *target), "{target}");
            assert!(cross::machine_of(target).is_some(), "{target}");
        }
    }

    #[test]
    fn results_stand_in_the_order_of_their_items() {
        let items: Vec<u32> = (0..100).collect();
        assert_eq!(on_all_threads(&items, |item| Ok(item + 1)).unwrap(), (1..101).collect::<Vec<_>>());
        assert!(on_all_threads(&items, |item| if *item == 7 { bail!("seven") } else { Ok(()) }).is_err());
    }
}
