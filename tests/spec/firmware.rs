//! What firmware on boards leaves out of the suite: nothing silently. Modules that it cannot have, compiler, loader or
//! runtime refuse, each with the reason; what depends on them goes with them. Memory that cannot grow as far as a script
//! wants answers -1, as Wasm allows: such directives are listed here, and fail if they succeed.
//!
//! `firmware.txt` has all of it, by kind of board, file and reason, with a count; a run that leaves out anything else, or
//! less, fails. `BLESS=1` and no file named: written anew.

use crate::report::Report;
use std::collections::BTreeMap;
use std::path::Path;
use wasmc_abi::target::Arch;
use wasmc_tests::Config;

const NOT_LAST: &str = "of several memories only the last one can grow, by what is left of the instance's buffer";
const RAM: &str = "memory would have to grow beyond the board's RAM: by 20 MiB and more";

/// Of files, directives by their lines, on every board or on one kind, whose outcome depends on memory that grows.
const GROWTH: &[(&str, Option<&str>, &[usize], &str)] = &[
    ("multi-memory/linking2.wast", None, &[23, 24, 25, 26, 27, 29], NOT_LAST),
    ("multi-memory/memory_grow.wast", None, &[37, 38, 43, 44, 50, 56, 62, 67, 68, 70, 75, 77, 98, 99, 100], NOT_LAST),
    ("multi-memory/memory_size1.wast", None, &[29], NOT_LAST),
    ("wasm-v3/call.wast", Some("cortex-m"), &[359], RAM),
    ("wasm-v3/call_indirect.wast", Some("cortex-m"), &[603], RAM),
    ("wasm-v3/local_tee.wast", Some("cortex-m"), &[345], RAM),
    ("wasm-v3/memory_grow.wast", Some("cortex-m"), &[10, 13], RAM),
    ("wasm-v3/nop.wast", Some("cortex-m"), &[382], RAM),
];

/// The kind of a configuration's board.
fn kind(config: Config) -> &'static str {
    if config.platform.compile_target().row.arch == Arch::Riscv { "riscv" } else { "cortex-m" }
}

/// Why the directive in a line of a file cannot have its outcome on a board, if that is so.
pub fn growth(file: &str, config: Config, line: usize) -> Option<&'static str> {
    let is_meant = |of: &Option<&str>| of.is_none_or(|of| of == kind(config));
    let mut found = GROWTH.iter().filter(|(name, of, lines, _)| *name == file && is_meant(of) && lines.contains(&line));
    found.next().map(|(.., reason)| *reason).filter(|_| config.platform.is_board())
}

/// Counts of what is left out, by kind of board, file and reason.
type Rows = BTreeMap<(String, String, String), usize>;

/// The list, and what runs have left out.
pub struct List {
    listed: Rows,
    found: Rows,
}

impl List {
    /// As it stands in the tree.
    pub fn read() -> List {
        let text = std::fs::read_to_string(path()).unwrap_or_default();
        let row = |line: &str| -> Option<((String, String, String), usize)> {
            let [kind, file, count, reason] = line.splitn(4, ' ').collect::<Vec<_>>().try_into().ok()?;
            Some(((kind.to_string(), file.to_string(), reason.to_string()), count.parse().ok()?))
        };
        List { listed: text.lines().filter_map(row).collect(), found: Rows::new() }
    }

    /// Compares a report with the list; what differs is a failure of it.
    pub fn compare(&mut self, report: &mut Report) {
        if !report.config.platform.is_board() {
            return;
        }
        let key = |reason: &str| (kind(report.config).to_string(), report.file.clone(), reason.to_string());
        let found: Rows = report.left_out.iter().map(|(reason, lines)| (key(reason), lines.len())).collect();
        let is_same_file = |row: &&(String, String, String)| (&row.0, &row.1) == (&key("").0, &report.file);
        let rows = found.keys().chain(self.listed.keys().filter(is_same_file));
        let differences: Vec<String> = rows
            .filter(|row| found.get(row) != self.listed.get(row))
            .map(|row| {
                let count = |rows: &Rows| rows.get(row).copied().unwrap_or(0);
                let (found, listed) = (count(&found), count(&self.listed));
                format!("left out are {found} directives, where firmware.txt has {listed}, for this reason: {}", row.2)
            })
            .collect();
        self.found.extend(found);
        if std::env::var_os("BLESS").is_none() {
            report.failures.extend(differences);
        }
    }

    /// Closes: prints the sum by kind and reason; writes the list, if that is wanted and all files have run.
    pub fn close(&self, is_whole: bool) {
        if is_whole && !self.found.is_empty() && std::env::var_os("BLESS").is_some() {
            let line = |((kind, file, reason), count): (&(String, String, String), &usize)| {
                format!("{kind} {file} {count} {reason}\n")
            };
            let text: String = self.found.iter().map(line).collect();
            std::fs::write(path(), text).expect("the list can be written");
        }
        let mut sums: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
        for ((kind, _, reason), count) in &self.found {
            let sum = sums.entry((kind, reason)).or_default();
            *sum = (sum.0 + count, sum.1 + 1);
        }
        for ((kind, reason), (directives, files)) in sums {
            println!("left out on {kind}: {directives} directives of {files} files: {reason}");
        }
    }
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/firmware.txt")
}
