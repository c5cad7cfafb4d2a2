//! Random modules, valid by construction, in the compiler and in an interpreter: results, traps, final
//! memory and globals have to agree. `DIFF_SEEDS=n` tries n seeds, from `DIFF_FIRST` on, `DIFF_SEED=n` just that one;
//! `DIFF_WRITE=FILE` keeps the last module.

mod loops;
mod switches;

use arbitrary::Unstructured;
use std::sync::Arc;
use wasm_smith::{Config as SmithConfig, Module};
use wasmc::{Options, Profile, Profiling};
use wasmc_abi::TrapCode;
use wasmc_abi::checksum::xxh32;
use wasmc_tests::{Config, Engine, Oracle, Outcome, Value};
use wasmi::{ExternType, ValType};

/// Seeds of a usual run: the same ones each time, so that a failure is a change's.
const SEEDS: u64 = 150;
/// Seeds that found something, which every run tries in all configurations: 151 a `switch` at the start of a function,
/// with a profile that says it is hot.
const FOUND: [u64; 1] = [151];
/// What the interpreter may spend on a module; the generated code has a limit of its own besides.
const FUEL: u64 = 3_000_000;
/// Iterations and calls that a module may make, counted in a global by code that the generator adds.
const STEPS: u32 = 1000;
/// Calls of each function, one after the other.
const ROUNDS: usize = 3;

/// A reproducible stream of bytes (xorshift64*).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        // Neighbouring seeds start far apart (the finaliser of splitmix64).
        let mut z = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        Random((z ^ z >> 27) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// WebAssembly 2.0, and those later proposals that the interpreter has too; addresses of 64 bits if `wide`. Nothing
/// imported, everything exported.
fn smith_config(seed: u64, wide: bool) -> SmithConfig {
    SmithConfig {
        // Most random code traps early; of every three modules, two are made not to.
        disallow_traps: !seed.is_multiple_of(3),
        max_imports: 0,
        export_everything: true,
        // Without types there are no functions.
        min_types: 4,
        min_funcs: 6,
        max_funcs: 20,
        max_instructions: 400,
        min_memories: 1,
        // Most programs have one memory.
        max_memories: if seed.is_multiple_of(4) { 3 } else { 1 },
        max_tables: 3,
        max_memory32_bytes: 4 * 65536,
        max_memory64_bytes: 4 * 65536,
        max_table_elements: 200,
        memory_offset_choices: wasm_smith::MemoryOffsetChoices(90, 9, 1),
        allow_start_export: false,
        bulk_memory_enabled: true,
        multi_value_enabled: true,
        reference_types_enabled: true,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        custom_page_sizes_enabled: seed.is_multiple_of(8),
        exceptions_enabled: false,
        extended_const_enabled: true,
        gc_enabled: false,
        memory64_enabled: wide,
        relaxed_simd_enabled: false,
        shared_everything_threads_enabled: false,
        simd_enabled: true,
        tail_call_enabled: true,
        threads_enabled: false,
        wide_arithmetic_enabled: true,
        // NaN bits would differ from engine to engine and reach memory and integers.
        canonicalize_nans: true,
        ..SmithConfig::default()
    }
}

/// The seed's module, made to end.
fn module(seed: u64, config: Config) -> Vec<u8> {
    let mut random = Random::new(seed);
    let bytes: Vec<u8> = (0..1500).flat_map(|_| random.next().to_le_bytes()).collect();
    let wide = seed % 2 == 1 && config.platform.compile_target().row.pointer_bits == 64;
    let smith_config = smith_config(seed, wide);
    let mut module = Module::new(smith_config, &mut Unstructured::new(&bytes)).expect("the bytes suffice");
    module.ensure_termination(STEPS).expect("the configuration allows it");
    module.to_bytes()
}

/// Edge values more often than any.
fn argument(ty: ValType, random: &mut Random) -> Value {
    const EDGES: [u64; 8] = [0, 1, u64::MAX, 0x8000_0000, 0x7FFF_FFFF, 0x8000_0000_0000_0000, 65536, 32];
    let choice = random.next();
    let bits = if choice & 3 != 0 { EDGES[(choice >> 8) as usize % EDGES.len()] } else { random.next() };
    match ty {
        ValType::I32 => Value::I32(bits as u32),
        ValType::I64 => Value::I64(bits),
        ValType::F32 => Value::F32(((bits as i32) as f32).to_bits()),
        ValType::F64 => Value::F64(((bits as i64) as f64).to_bits()),
        ValType::FuncRef => Value::FuncRef(false),
        ValType::ExternRef => Value::ExternRef(0),
        ValType::V128 => Value::V128(u128::from(random.next()) << 64 | u128::from(bits)),
    }
}

/// The interpreter gives one name to two traps.
fn same(found: &Outcome, wanted: &Outcome) -> bool {
    let undefined = Outcome::Trap(TrapCode::UndefinedElement);
    found.agrees(wanted) || *found == undefined && *wanted == Outcome::Trap(TrapCode::TableOutOfBounds)
}

/// Whether a module gives no basis for comparison: it used up what an engine happens to allow.
fn is_a_limit(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Other(_) | Outcome::Trap(TrapCode::StackOverflow))
}

/// Sums over the calls that could be compared.
#[derive(Default)]
struct Counts {
    calls: u64,
    traps: u64,
    limits: u64,
}

fn compare(seed: u64, config: Config, counts: &mut Counts) -> Result<(), String> {
    let wasm = module(seed, config);
    compare_image(seed, &wasm, config, &config.options(), counts)?;
    // Firmware keeps no profile.
    if !config.platform.is_board() && Random::new(seed ^ 0x9120).next().is_multiple_of(2) {
        let counting = Options { profiling: Profiling::Generate, ..config.options() };
        let parts =
            compare_image(seed, &wasm, config, &counting, counts).map_err(|text| format!("counting, {text}"))?;
        // Nothing has run whose instance does not come about.
        if !parts.is_empty() {
            let profile = Profile::read(&parts).map_err(|error| error.to_string())?;
            let used = Options { profiling: Profiling::Use(Arc::new(profile)), ..config.options() };
            compare_image(seed, &wasm, config, &used, counts).map_err(|text| format!("with its profile, {text}"))?;
        }
    }
    Ok(())
}

/// Compares a module compiled with these options; what it has counted comes back.
fn compare_image(
    seed: u64,
    wasm: &[u8],
    config: Config,
    options: &Options,
    counts: &mut Counts,
) -> Result<Vec<u8>, String> {
    let image = wasmc::compile(wasm, options).map_err(|error| format!("compiling: {error}"))?;
    let mut parts = Vec::new();
    let exports = wasmc_tests::exports(wasm);
    let mut random = Random::new(!seed);
    for (name, ty) in &exports {
        let ExternType::Func(ty) = ty else { continue };
        // Each function starts from the module's first state and goes on from the one it left.
        let (mut engine, mut oracle) = match (Engine::of(&image, config.platform), Oracle::with_fuel(wasm, Some(FUEL)))
        {
            (Ok(engine), Ok(oracle)) => (engine, oracle),
            (Err(found), Err(wanted)) if same(&found, &wanted) => return Ok(parts),
            (found, wanted) => {
                let shown = |stop: Option<Outcome>| stop.map_or("an instance".into(), |stop| stop.to_string());
                let (found, wanted) = (shown(found.err()), shown(wanted.err()));
                return Err(format!("instantiating: wanted {wanted}, got {found}"));
            }
        };
        for _ in 0..ROUNDS {
            let args: Vec<Value> = ty.params().iter().map(|ty| argument(*ty, &mut random)).collect();
            let wanted = oracle.call(name, &args);
            let found = engine.call(name, &args);
            if is_a_limit(&wanted) || is_a_limit(&found) {
                counts.limits += 1;
                break;
            }
            if !same(&found, &wanted) {
                let args: Vec<String> = args.iter().map(Value::to_string).collect();
                return Err(format!("{name}({}): wanted {wanted}, got {found}", args.join(", ")));
            }
            counts.calls += 1;
            counts.traps += u64::from(matches!(wanted, Outcome::Trap(_)));
            compare_state(&exports, &mut engine, &oracle).map_err(|text| format!("after {name}: {text}"))?;
        }
        parts.extend(engine.profile().unwrap_or_default());
    }
    Ok(parts)
}

fn compare_state(exports: &[(String, ExternType)], engine: &mut Engine, oracle: &Oracle) -> Result<(), String> {
    for (name, ty) in exports {
        match ty {
            ExternType::Memory(_) => {
                let wanted = oracle.memory(name).unwrap_or_default();
                if engine.memory_sum(name) != Some((wanted.len() as u64, xxh32(&wanted, 0))) {
                    let found = engine.memory(name).unwrap_or_default();
                    let at = found.iter().zip(&wanted).position(|(a, b)| a != b);
                    return Err(format!("memory differs at {at:x?}, lengths {} and {}", found.len(), wanted.len()));
                }
            }
            ExternType::Global(_) => {
                let (found, wanted) = (engine.global(name), oracle.global(name));
                if found != wanted {
                    return Err(format!("global {name}: wanted {wanted:?}, got {found:?}"));
                }
            }
            ExternType::Table(_) => {
                let (found, wanted) = (engine.table_count(name), oracle.table_count(name));
                if found != wanted {
                    return Err(format!("table {name}: wanted {wanted:?} elements, got {found:?}"));
                }
            }
            ExternType::Func(_) => {}
        }
    }
    Ok(())
}

/// How functions `0`, `1` and so on of a module are called.
struct Calls {
    functions: usize,
    /// How often each.
    each: usize,
    /// What the interpreter may spend on all of them. What uses it up is not run by the compiled code.
    fuel: u64,
}

/// Compares a module whose functions are numbered, and whose memory is `m`. Arguments may depend on the function and on
/// the memory's length.
fn compare_calls<const N: usize>(
    seed: u64,
    text: &str,
    calls: Calls,
    config: Config,
    counts: &mut Counts,
    mut arguments: impl FnMut(&mut Random, usize, u32) -> [Value; N],
) -> Result<(), String> {
    let wasm = wat::parse_str(text).expect("the generator makes modules that are well formed");
    if let Some(path) = std::env::var_os("DIFF_WRITE") {
        std::fs::write(path, text).expect("DIFF_WRITE can be written");
    }
    let image = wasmc::compile(&wasm, &config.options()).map_err(|error| format!("compiling: {error}"))?;
    let exports = wasmc_tests::exports(&wasm);
    let mut random = Random::new(!seed);
    let engine = || Engine::of(&image, config.platform).map_err(|stop| format!("instantiating: {stop}"));
    let oracle = || Oracle::with_fuel(&wasm, Some(calls.fuel)).map_err(|stop| format!("interpreting: {stop}"));
    let (mut compiled, mut interpreted) = (engine()?, oracle()?);
    let len = interpreted.memory("m").map_or(0, |memory| memory.len() as u32);
    for index in 0..calls.functions {
        let name = index.to_string();
        for _ in 0..calls.each {
            let args = arguments(&mut random, index, len);
            let wanted = interpreted.call(&name, &args);
            if is_a_limit(&wanted) {
                counts.limits += 1;
                (compiled, interpreted) = (engine()?, oracle()?);
                continue;
            }
            let found = compiled.call(&name, &args);
            let shown = || args.map(|value| value.to_string()).join(", ");
            if !same(&found, &wanted) {
                return Err(format!("{name}({}): wanted {wanted}, got {found}", shown()));
            }
            counts.calls += 1;
            counts.traps += u64::from(matches!(wanted, Outcome::Trap(_)));
            compare_state(&exports, &mut compiled, &interpreted)
                .map_err(|text| format!("after {name}({}), {wanted}: {text}", shown()))?;
        }
    }
    Ok(())
}

/// Compares many modules in all configurations: those of `KIND_SEEDS` seeds, or that of `KIND_SEED`.
fn compare_seeds(kind: &str, usual: u64, compare: impl Fn(u64, Config, &mut Counts) -> Result<(), String>) -> Counts {
    let seeds = match number(&format!("{kind}_SEED")) {
        Some(seed) => seed..seed + 1,
        None => 0..number(&format!("{kind}_SEEDS")).unwrap_or(usual),
    };
    let mut counts = Counts::default();
    let mut wrong = Vec::new();
    for seed in seeds.clone() {
        for config in Config::selected() {
            if let Err(text) = compare(seed, config, &mut counts) {
                wrong.push(format!("{kind}_SEED={seed}, {config}: {text}"));
            }
        }
    }
    let Counts { calls, traps, limits } = counts;
    println!("{kind} {seeds:?}: {calls} calls compared, {traps} of them trapped; {limits} ran into a limit");
    assert!(wrong.is_empty(), "{} modules differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(calls > limits, "too little was compared");
    counts
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is not a number")))
}

#[test]
fn random_modules_agree_with_the_interpreter() {
    let (seeds, found) = match number("DIFF_SEED") {
        Some(seed) => (seed..seed + 1, &[][..]),
        None => {
            let first = number("DIFF_FIRST").unwrap_or(0);
            (first..first + number("DIFF_SEEDS").unwrap_or(SEEDS), &FOUND[..])
        }
    };
    let selected = Config::selected();
    let mut counts = Counts::default();
    let mut wrong = Vec::new();
    for seed in seeds.clone().chain(found.iter().copied()) {
        // One configuration, by chance: by turns each would get modules of one kind. A single seed is tried in all of them.
        let configs = if seeds.end - seeds.start == 1 || found.contains(&seed) {
            &selected[..]
        } else {
            &selected[Random::new(seed ^ 0xC0F1).next() as usize % selected.len()..][..1]
        };
        for config in configs {
            if let Some(path) = std::env::var_os("DIFF_WRITE") {
                std::fs::write(path, module(seed, *config)).expect("DIFF_WRITE can be written");
            }
            if let Err(text) = compare(seed, *config, &mut counts) {
                wrong.push(format!("DIFF_SEED={seed}, {config}: {text}"));
            }
        }
    }
    let Counts { calls, traps, limits } = counts;
    println!("seeds {seeds:?}: {calls} calls compared, {traps} of them trapped; {limits} ran into a limit");
    assert!(wrong.is_empty(), "{} modules differ:\n{}", wrong.len(), wrong.join("\n"));
    let count = seeds.end - seeds.start;
    assert!(count == 1 || calls > 10 * count && calls - traps > 5 * count, "too little was compared");
}
