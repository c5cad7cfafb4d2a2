//! Runs the command lines, each in a folder of its own.

use crate::cases::{CASES, Case};
use crate::{corpus_dir, module_path};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use wasmc::MemoryModel;
use wasmc_abi::checksum::xxh32;
use wasmc_tests::{Scratch, tool};

macro_rules! tests {
    ($($test:ident $module:literal),*) => {
        $( #[test] fn $test() { run($module); } )*

        #[test]
        fn every_case_is_run() {
            // Those of a module stand together.
            let mut modules: Vec<_> = CASES.iter().map(|case| case.module).collect();
            modules.dedup();
            assert_eq!(modules, [$( $module ),*], "the list of tests is not that of the cases' modules");
        }
    };
}
tests! {
    icepll "icepll", icepack "icepack", icemulti "icemulti", icebram "icebram", nextpnr "nextpnr-ice40",
    python "python-3.11", php "php-cgi", sqlite "sqlite-p0", gofmt "go-gofmt", quickjs "quickjs"
}

/// The two ways from a module to a running program: at -O1 and at -O2.
#[derive(Clone, Copy, Debug)]
enum Way {
    Run,
    CompileThenRun,
}

/// What is tried of each module.
const WAYS: [(Way, MemoryModel); 3] = [
    (Way::Run, MemoryModel::Guard),
    (Way::CompileThenRun, MemoryModel::Guard),
    (Way::CompileThenRun, MemoryModel::Checked),
];

/// All cases of a module, which is compiled once for each way: `wasmc run` finds its own in its cache then.
fn run(id: &str) {
    let Some(module) = module_path(id) else { return };
    let scratch = Scratch::new(id);
    for (way, memory) in WAYS {
        let dir = scratch.path().join(format!("{memory}-{way:?}"));
        fs::create_dir_all(&dir).expect("the scratch folder can be written");
        let program = match way {
            Way::Run => module.clone(),
            Way::CompileThenRun => compile(&module, memory, &dir),
        };
        for case in CASES.iter().filter(|case| case.module == id) {
            let what = format!("{}, {memory}, {way:?}", case.name);
            let folder = dir.join(case.name);
            prepare(case, &folder);
            check(case, (runner(way, memory, &dir), &program), &folder, &what);
        }
    }
}

/// Puts into the case's folder what it is given.
fn prepare(case: &Case, folder: &Path) {
    fs::create_dir_all(folder).expect("the scratch folder can be written");
    if let Some(id) = case.folder {
        let from = corpus_dir().join("folders").join(id).join(".");
        let copied = Command::new("cp").arg("-r").arg(&from).arg(folder).status();
        assert!(copied.is_ok_and(|status| status.success()), "{} could not be copied", from.display());
    }
    for (input, name) in case.given {
        let to = folder.join(name);
        fs::create_dir_all(to.parent().expect("it has one")).expect("the scratch folder can be written");
        fs::copy(here("inputs").join(input), to).expect("the input is there");
    }
}

fn here(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(folder)
}

/// Compiles a module into the folder.
fn compile(module: &Path, memory: MemoryModel, dir: &Path) -> PathBuf {
    let image = dir.join("module.aot");
    let mut compile = Command::new(tool("wasmc"));
    compile.arg("compile").arg(module).arg("-o").arg(&image).args(["-O2", "--memory", memory.name()]);
    let output = compile.output().expect("wasmc can be started");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "compiling {} failed: {text}", module.display());
    image
}

/// The runner up to its own options.
fn runner(way: Way, memory: MemoryModel, dir: &Path) -> Command {
    match way {
        Way::Run => {
            let mut command = Command::new(tool("wasmc"));
            command.args(["run", "-O1", "--memory", memory.name()]).env("XDG_CACHE_HOME", dir.join("cache"));
            command
        }
        Way::CompileThenRun => Command::new(tool("aot-run")),
    }
}

fn check(case: &Case, (mut command, program): (Command, &Path), folder: &Path, what: &str) {
    if case.root {
        command.arg("--dir").arg(format!("{}::/", folder.display()));
    }
    command.args(["--env", "CORPUS=1", "--argv0", case.argv0]).args(case.flags).arg(program).args(case.args);
    command.stdin(match case.stdin {
        Some(input) => File::open(here("inputs").join(input)).expect("the input is there").into(),
        None => Stdio::null(),
    });
    let output = command.output().expect("the runner can be started");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let expected = |name: &str| fs::read_to_string(here("expected").join(name)).expect("the expectation is there");
    assert_eq!(output.status.code(), Some(case.exit), "{what}: exit status; standard error: {stderr}");
    let stdout = case.stdout.map(expected).unwrap_or_default();
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout, "{what}: standard output; standard error: {stderr}");
    if let Some(name) = case.stderr {
        assert_eq!(stderr, expected(name), "{what}: standard error");
    }
    for (file, name) in case.written {
        let found = fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{what}: {file}: {error}"));
        assert_eq!(found, expected(name), "{what}: {file}");
    }
    for (file, sum) in case.made {
        let found = fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{what}: {file}: {error}"));
        assert_eq!(xxh32(&found, 0), *sum, "{what}: XXH32 of {file}");
    }
}
