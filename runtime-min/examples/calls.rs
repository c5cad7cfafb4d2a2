//! What a call across the border costs, in either direction, beside an indirect call in native code with the same
//! arguments: a row a signature. `cargo xtask load` makes the image and runs this.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use wasmc_runtime::{Error, ExternRef, Func, Instance, Linker, Module, Store, WasmValues};

/// Calls in a round.
const CALLS: u32 = 200_000;

/// Rounds; the median counts.
const ROUNDS: usize = 21;

fn main() {
    let image = std::env::args().nth(1).unwrap_or_default();
    if let Err(error) = measure_all(Path::new(&image)) {
        eprintln!("{image}: {error}");
        std::process::exit(1);
    }
}

/// What a row needs: the two sides of each border.
struct Border {
    store: Store<()>,
    instance: Instance,
}

/// The signatures: Rust types, and values of the results. The image has an export and an import for each, by this text.
macro_rules! signatures {
    ($row:ident) => {
        $row!("->", () -> () = ());
        $row!("i32->i32", (a i32) -> i32 = 1);
        $row!("i32,i32->i32", (a i32, b i32) -> i32 = 1);
        $row!("i64,i64->i64", (a i64, b i64) -> i64 = 1);
        $row!("f32->f32", (a f32) -> f32 = 1.0);
        $row!("f64,f64->f64", (a f64, b f64) -> f64 = 1.0);
        $row!("v128->v128", (a u128) -> u128 = 1);
        $row!("externref->externref", (a Option<ExternRef>) -> Option<ExternRef> = None);
        $row!("funcref->funcref", (a Option<Func>) -> Option<Func> = None);
        $row!("i32->i32,i64", (a i32) -> (i32, i64) = (1, 1));
        $row!("i32,f64,i64->f64", (a i32, b f64, c i64) -> f64 = 1.0);
        $row!(
            "i64,i64,i64,i64,i64,i64,i64,i64->i64",
            (a i64, b i64, c i64, d i64, e i64, f i64, g i64, h i64) -> i64 = 1
        );
    };
}

fn measure_all(path: &Path) -> Result<(), Error> {
    // SAFETY: the command that calls this has just compiled the file.
    let module = unsafe { Module::map_checked(path) }?;
    let mut linker = Linker::new();
    macro_rules! define {
        ($name:literal, ($($a:ident $ty:ty),*) -> $result:ty = $value:expr) => {
            linker.func("host", $name, |$($a: $ty),*| -> $result {
                let _ = ($($a,)*);
                $value
            });
        };
    }
    signatures!(define);
    let mut store = Store::new(());
    let instance = linker.instantiate(&mut store, &module)?;
    let mut border = Border { store, instance };

    println!("median nanoseconds a call of {ROUNDS} rounds; beside it an indirect call in native code");
    println!("{:<40} {:>8} {:>8} {:>8}", "signature", "to Wasm", "to host", "native");
    macro_rules! measure {
        ($name:literal, ($($a:ident $ty:ty),*) -> $result:ty = $value:expr) => {{
            #[allow(clippy::unused_unit, clippy::too_many_arguments)]
            fn native($($a: $ty),*) -> $result {
                let _ = ($($a,)*);
                $value
            }
            type Native = fn($($ty),*) -> $result;
            let args = black_box(($(<$ty>::default(),)*));
            let run = |count: u32| {
                let ($($a,)*) = args;
                for _ in 0..count {
                    black_box(black_box(native as Native)($($a),*));
                }
            };
            border.measure::<_, $result>($name, args, run)?;
        }};
    }
    signatures!(measure);
    Ok(())
}

impl Border {
    /// Prints the row of a signature. `native` makes as many calls in native code as it is told.
    fn measure<Params, Results>(&mut self, name: &str, args: Params, native: impl Fn(u32)) -> Result<(), Error>
    where
        Params: WasmValues + Copy,
        Results: WasmValues,
    {
        let Border { store, instance } = self;
        let guest = instance.get_typed_func::<Params, Results>(store, name)?;
        let calling = instance.get_typed_func::<i32, ()>(store, &format!("calls {name}"))?;
        let [mut to_wasm, mut to_host, mut in_native] = [[0.0; ROUNDS]; 3];
        for round in 0..ROUNDS {
            to_wasm[round] = time(|| {
                (0..CALLS).try_for_each(|_| {
                    black_box(guest.call(store, args)?);
                    Ok(())
                })
            })?;
            to_host[round] = time(|| calling.call(store, CALLS as i32))?;
            in_native[round] = time(|| {
                native(CALLS);
                Ok(())
            })?;
        }
        let [to_wasm, to_host, in_native] = [to_wasm, to_host, in_native].map(median);
        println!("{name:<40} {to_wasm:>8.2} {to_host:>8.2} {in_native:>8.2}");
        Ok(())
    }
}

/// Nanoseconds a call, of a round of `CALLS`.
fn time(round: impl FnOnce() -> Result<(), Error>) -> Result<f64, Error> {
    let began = Instant::now();
    round()?;
    Ok(began.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS))
}

fn median(mut times: [f64; ROUNDS]) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[ROUNDS / 2]
}
