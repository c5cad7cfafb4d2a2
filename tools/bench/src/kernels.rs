//! The kernels: one row here, one file in `kernels/`.

use anyhow::{Result, bail};

/// A C file that exports `run(n)`.
#[derive(Debug)]
pub struct Kernel {
    /// File name without extension, and the name on the command line.
    pub name: &'static str,
    /// Amount of work that takes 0.1 to 0.3 seconds natively on a machine of 2025.
    pub n: u32,
    /// What `n` counts.
    pub about: &'static str,
}

const KERNELS: &[Kernel] = &[
    Kernel { name: "nbody", n: 4_000_000, about: "steps of five bodies" },
    Kernel { name: "fannkuch", n: 10, about: "numbers permuted" },
    Kernel { name: "spectral_norm", n: 2_000, about: "rows" },
    Kernel { name: "mandelbrot", n: 2_000, about: "points a side" },
    Kernel { name: "fasta", n: 10_000_000, about: "nucleotides" },
    Kernel { name: "fib", n: 40, about: "index of the number" },
    Kernel { name: "sieve", n: 600, about: "sieves of a million" },
    Kernel { name: "quicksort", n: 2_000_000, about: "words" },
    Kernel { name: "matrix_product", n: 900, about: "rows" },
    Kernel { name: "sha256", n: 60_000, about: "KiB" },
    Kernel { name: "crc32", n: 4_000, about: "buffers of 64 KiB" },
    Kernel { name: "json", n: 700, about: "documents of 160 KB" },
    Kernel { name: "interpreter", n: 220_000, about: "numbers tried" },
    Kernel { name: "string_search", n: 220, about: "patterns" },
    Kernel { name: "dispatch", n: 30_000, about: "passes over 1024 objects" },
    Kernel { name: "memory_copy", n: 3_500, about: "turns of about 1 MB" },
];

/// All kernels, or those named, in the order of the table above.
pub fn select(only: &[String]) -> Result<Vec<&'static Kernel>> {
    for name in only {
        find(name)?;
    }
    let wanted = |kernel: &&Kernel| only.is_empty() || only.iter().any(|name| name == kernel.name);
    Ok(KERNELS.iter().filter(wanted).collect())
}

/// The kernel of that name; the error lists the names there are.
pub fn find(name: &str) -> Result<&'static Kernel> {
    match KERNELS.iter().find(|kernel| kernel.name == name) {
        Some(kernel) => Ok(kernel),
        None => {
            let names: Vec<_> = KERNELS.iter().map(|kernel| kernel.name).collect();
            bail!("There is no kernel \"{name}\". The kernels are {}.", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_c_file_has_a_row_and_every_row_a_file() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/kernels");
        let mut files: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().into_string().unwrap().strip_suffix(".c").map(str::to_owned))
            .collect();
        let mut rows: Vec<_> = KERNELS.iter().map(|kernel| kernel.name.to_owned()).collect();
        files.sort();
        rows.sort();
        assert_eq!(files, rows);
    }
}
