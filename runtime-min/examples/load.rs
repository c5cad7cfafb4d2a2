//! What loading and instantiating cost, beside reading the same file: medians of many rounds, a row
//! an image. `cargo xtask load` makes the images and runs this.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use wasmc_runtime::{Instance, Module, Store};

fn main() {
    let images: Vec<String> = std::env::args().skip(1).collect();
    println!("median microseconds of {ROUNDS} rounds; memory: initial linear memory");
    println!(
        "{:<24} {:>10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "image", "code KiB", "memory KiB", "read", "memcpy", "mapped", "copied", "first", "second", "and end"
    );
    for image in &images {
        if let Err(error) = measure(Path::new(image)) {
            eprintln!("{image}: {error}");
            std::process::exit(1);
        }
    }
}

const ROUNDS: usize = 51;

/// Instances that are made and dropped in a round.
const LIVES: u32 = 50;

/// Blocks of this length are new pages each time, as those of an image are: above glibc's
/// `DEFAULT_MMAP_THRESHOLD_MAX`, the allocator keeps none.
const FRESH_LEN: usize = 64 << 20;

fn measure(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let bytes = std::fs::read(path)?;
    let read = median(|| Ok(black_box(std::fs::read(path)?)))?;
    let memcpy = median(|| {
        let mut copy = Vec::with_capacity(FRESH_LEN);
        copy.extend_from_slice(black_box(&bytes));
        Ok(black_box(copy))
    })?;
    // SAFETY: the command that calls this has just compiled the file.
    let mapped = median(|| Ok(unsafe { Module::map_checked(path) }?))?;
    // SAFETY: as above.
    let copied = median(|| Ok(unsafe { Module::load_unsigned(&bytes) }?))?;
    // SAFETY: as above.
    let module = unsafe { Module::map_checked(path) }?;
    // The first instance takes the faults of the image's pages, so each round has a module of its own.
    let first = median_of(|| {
        // SAFETY: as above.
        let module = unsafe { Module::map_checked(path) }?;
        instantiate(&module)
    })?;
    let second = median_of(|| instantiate(&module))?;
    let whole = median_of(|| {
        let began = Instant::now();
        for _ in 0..LIVES {
            let mut store = Store::new(());
            black_box(Instance::new(&mut store, &module, &[])?);
        }
        Ok(began.elapsed() / LIVES)
    })?;
    let memory: u64 = module.image().memories().iter().map(|memory| memory.min * 64).sum();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    println!(
        "{name:<24} {:>10} {memory:>10} {} {} {} {} {} {} {}",
        module.code_range().len() / 1024,
        shown(read),
        shown(memcpy),
        shown(mapped),
        shown(copied),
        shown(first),
        shown(second),
        shown(whole)
    );
    Ok(())
}

/// The time to make an instance in a new store; what it takes to give both back does not count.
fn instantiate(module: &Module) -> Result<Duration, Box<dyn std::error::Error>> {
    let mut store = Store::new(());
    let began = Instant::now();
    let instance = Instance::new(&mut store, module, &[])?;
    let took = began.elapsed();
    black_box(instance);
    Ok(took)
}

fn median<T>(
    mut run: impl FnMut() -> Result<T, Box<dyn std::error::Error>>,
) -> Result<Duration, Box<dyn std::error::Error>> {
    median_of(|| {
        let began = Instant::now();
        let result = run()?;
        let took = began.elapsed();
        drop(result);
        Ok(took)
    })
}

fn median_of(
    mut run: impl FnMut() -> Result<Duration, Box<dyn std::error::Error>>,
) -> Result<Duration, Box<dyn std::error::Error>> {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        times.push(run()?);
    }
    times.sort_unstable();
    Ok(times[ROUNDS / 2])
}

fn shown(time: Duration) -> String {
    format!("{:>9.2}", time.as_secs_f64() * 1e6)
}
