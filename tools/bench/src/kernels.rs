//! The kernels: one row here, one file in `kernels/`.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// A C file that exports `run(n)`.
#[derive(Debug)]
pub struct Kernel {
    /// File name without extension, and the name on the command line.
    pub name: &'static str,
    /// What kind of code it is: means are taken by group.
    pub group: Group,
    /// Amount of work that takes 0.1 to 0.3 seconds natively on a machine of 2025.
    pub n: u32,
    /// What `n` counts.
    pub about: &'static str,
}

/// Kernels that stress the same things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Loops over arrays of numbers.
    Numeric,
    /// Integers, bytes and strings.
    Integers,
    /// Pointers, calls and branches.
    Pointers,
    /// Vectors of 128 bits, written as such.
    Vectors,
}

impl Group {
    /// In the order of the table.
    pub const ALL: [Group; 4] = [Group::Numeric, Group::Integers, Group::Pointers, Group::Vectors];

    /// As the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Group::Numeric => "numeric loops",
            Group::Integers => "integers and strings",
            Group::Pointers => "pointers and calls",
            Group::Vectors => "vectors",
        }
    }
}

const KERNELS: &[Kernel] = &[
    Kernel { name: "nbody", group: Group::Numeric, n: 4_000_000, about: "steps of five bodies" },
    Kernel { name: "spectral_norm", group: Group::Numeric, n: 2_000, about: "rows" },
    Kernel { name: "mandelbrot", group: Group::Numeric, n: 2_000, about: "points a side" },
    Kernel { name: "matrix_product", group: Group::Numeric, n: 900, about: "rows" },
    Kernel { name: "linear_system", group: Group::Numeric, n: 900, about: "equations" },
    Kernel { name: "stencil_2d", group: Group::Numeric, n: 600, about: "sweeps" },
    Kernel { name: "stencil_3d", group: Group::Numeric, n: 400, about: "sweeps" },
    Kernel { name: "shortest_paths", group: Group::Numeric, n: 500, about: "nodes" },
    Kernel { name: "alignment", group: Group::Numeric, n: 9_000, about: "letters" },
    Kernel { name: "fft", group: Group::Numeric, n: 1_000, about: "transforms forth and back" },
    Kernel { name: "convolution", group: Group::Numeric, n: 120, about: "passes over a picture" },
    Kernel { name: "fannkuch", group: Group::Integers, n: 10, about: "numbers permuted" },
    Kernel { name: "fasta", group: Group::Integers, n: 10_000_000, about: "nucleotides" },
    Kernel { name: "sieve", group: Group::Integers, n: 600, about: "sieves of a million" },
    Kernel { name: "quicksort", group: Group::Integers, n: 2_000_000, about: "words" },
    Kernel { name: "sha256", group: Group::Integers, n: 60_000, about: "KiB" },
    Kernel { name: "crc32", group: Group::Integers, n: 4_000, about: "buffers of 64 KiB" },
    Kernel { name: "keyed_hash", group: Group::Integers, n: 5_000, about: "thousand messages" },
    Kernel { name: "big_product", group: Group::Integers, n: 100, about: "thousand products" },
    Kernel { name: "base64", group: Group::Integers, n: 3_000, about: "buffers of 48 KiB" },
    Kernel { name: "compression", group: Group::Integers, n: 400, about: "buffers of 64 KiB" },
    Kernel { name: "utf8", group: Group::Integers, n: 300, about: "texts of 32768 code points" },
    Kernel { name: "words", group: Group::Integers, n: 300, about: "texts of 128 KiB" },
    Kernel { name: "json", group: Group::Integers, n: 700, about: "documents of 160 KB" },
    Kernel { name: "string_search", group: Group::Integers, n: 220, about: "patterns" },
    Kernel { name: "memory_copy", group: Group::Integers, n: 3_500, about: "turns of about 1 MB" },
    Kernel { name: "fib", group: Group::Pointers, n: 40, about: "index of the number" },
    Kernel { name: "queens", group: Group::Pointers, n: 14, about: "queens" },
    Kernel { name: "interpreter", group: Group::Pointers, n: 220_000, about: "numbers tried" },
    Kernel { name: "virtual_machine", group: Group::Pointers, n: 3_000, about: "programs" },
    Kernel { name: "dispatch", group: Group::Pointers, n: 30_000, about: "passes over 1024 objects" },
    Kernel { name: "ray_spheres", group: Group::Pointers, n: 1_400, about: "points a side" },
    Kernel { name: "binary_trees", group: Group::Pointers, n: 10, about: "trees of 60000 nodes" },
    Kernel { name: "hash_map", group: Group::Pointers, n: 60, about: "fillings with 40000 keys" },
    Kernel { name: "list_sort", group: Group::Pointers, n: 16, about: "lists of 50000 records" },
    Kernel { name: "vector_matrix", group: Group::Vectors, n: 120, about: "products of 256 rows" },
    Kernel { name: "vector_layer", group: Group::Vectors, n: 10_000, about: "inputs to four layers" },
    Kernel { name: "vector_sharpen", group: Group::Vectors, n: 1_200, about: "passes over a picture" },
    Kernel { name: "vector_yuv", group: Group::Vectors, n: 1_200, about: "pictures of 512 Ki points" },
    Kernel { name: "vector_chacha", group: Group::Vectors, n: 4_000, about: "texts of 64 KiB" },
    Kernel { name: "vector_base64", group: Group::Vectors, n: 24_000, about: "buffers of 48 KiB" },
    Kernel { name: "vector_utf8", group: Group::Vectors, n: 24_000, about: "texts of 64 KiB" },
    Kernel { name: "vector_memchr", group: Group::Vectors, n: 40_000, about: "texts of 64 KiB" },
];

/// All kernels, or those named, by group, in the order of the table above.
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
