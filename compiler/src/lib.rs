//! `wasmc`: WebAssembly to native code ahead of time. [`compile`] is the whole pipeline.

mod emit;
pub mod error;
pub mod generate;
pub mod image;
pub mod incremental;
pub mod link;
mod machine;
mod optimize;
pub mod options;
pub mod parse;
pub mod profile;
pub mod progress;
mod routines;
pub mod target;
pub mod translate;
mod units;

pub use error::CompileError;
pub use options::{Emit, MemoryModel, OptLevel, Options};
pub use parse::Proposals;
pub use profile::{Profile, Profiling};
pub use progress::{Observer, Phase};
pub use target::Target;

use generate::{Emitted, Work};
use incremental::Store;
use parse::{DefinedFuncIndex, Module};
use profile::{Known, ModuleProfile};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Mutex;
use units::Units;

/// Compiles a Wasm module (binary, or text) to an `.aot` image.
pub fn compile(wasm: &[u8], options: &Options) -> Result<Vec<u8>, CompileError> {
    compile_observed(wasm, options, Emit::Aot, &mut ())
}

/// Compiles as far as `emit` says, and tells `observer` how it goes on.
pub fn compile_observed(
    wasm: &[u8],
    options: &Options,
    emit: Emit,
    observer: &mut dyn Observer,
) -> Result<Vec<u8>, CompileError> {
    run(wasm, options, emit, None, observer)
}

/// Compiles to the image that [`compile`] makes, without optimising what has not changed since it was kept in `store`:
/// a large module that differs in one function takes a fraction of the time.
pub fn compile_incremental(
    wasm: &[u8],
    options: &Options,
    store: &dyn Store,
    observer: &mut dyn Observer,
) -> Result<Vec<u8>, CompileError> {
    run(wasm, options, Emit::Aot, Some(store), observer)
}

fn run(
    wasm: &[u8],
    options: &Options,
    emit: Emit,
    store: Option<&dyn Store>,
    observer: &mut dyn Observer,
) -> Result<Vec<u8>, CompileError> {
    let wasm = to_binary(wasm)?;
    let mut records = Vec::new();
    let mut module = phase(observer, Phase::Parse, |_| parse::parse(&wasm, options.proposals))?;
    match &options.profiling {
        Profiling::None => {}
        Profiling::Generate => profile::count(&mut module, &mut records, options.target.row)?,
        Profiling::Use(profile) => use_profile(&mut module, profile, observer)?,
    }
    if emit == Emit::Module {
        return Ok(parse::print(&module).into_bytes());
    }
    if options.level != OptLevel::O0 && emit != Emit::Llvm {
        let oversized = (0..).map(DefinedFuncIndex).zip(&module.bodies).filter(|(_, b)| translate::is_oversized(b));
        oversized.for_each(|(index, _)| observer.function_not_optimized(module.function_index(index).0));
    }
    // Functions that get no vectors, by name. A frame that holds vectors of a length found out at run time has no
    // size that the image could state; such a function is rare, and all is compiled once more.
    let mut scalar = BTreeSet::new();
    loop {
        let work = Work { module: &module, options, emit, scalar: &scalar, store };
        match finish(&work, observer) {
            Err(CompileError::FrameSize { functions, .. }) if !functions.is_subset(&scalar) => scalar.extend(functions),
            result => return result,
        }
    }
}

/// Has a module be compiled by what a profile says of it.
fn use_profile(module: &mut Module<'_>, profile: &Profile, observer: &mut dyn Observer) -> Result<(), CompileError> {
    let known = Known::new(module, profile)?;
    known.unknown().for_each(|index| observer.function_not_profiled(module.function_index(index).0));
    module.profile = ModuleProfile::Known(known);
    Ok(())
}

/// Everything behind the parser.
fn finish(work: &Work<'_>, observer: &mut dyn Observer) -> Result<Vec<u8>, CompileError> {
    let Work { module, options, emit, .. } = *work;
    // What is not an image is one file that LLVM has written.
    let units = if emit == Emit::Aot { Units::cut(module, options.unit_len) } else { Units::whole(module) };
    let mut objects = phase(observer, Phase::Generate, |observer| {
        let total = module.bodies.len();
        let state = Mutex::new((observer, 0));
        generate::generate(work, &units, &|functions| {
            let (observer, done) = &mut *state.lock().expect("no observer panics");
            *done += functions;
            observer.functions_done(*done, total);
        })
    })?;
    if emit != Emit::Aot {
        return Ok(objects.pop().map_or(Vec::new(), |only| only.bytes));
    }
    let linked = phase(observer, Phase::Link, |_| {
        let routines = routines::object(&objects, options)?;
        objects.extend(routines.map(|bytes| Emitted { bytes, ..Emitted::default() }));
        link::link(&objects, options.target.row)
    })?;
    drop(objects);
    phase(observer, Phase::Image, |_| image::write(module, &linked, options))
}

fn phase<T>(
    observer: &mut dyn Observer,
    phase: Phase,
    run: impl FnOnce(&mut dyn Observer) -> Result<T, CompileError>,
) -> Result<T, CompileError> {
    observer.phase_started(phase);
    let value = run(observer)?;
    observer.phase_ended(phase);
    Ok(value)
}

/// The binary form of a module that may be text.
pub fn to_binary(wasm: &[u8]) -> Result<Cow<'_, [u8]>, CompileError> {
    if wasm.starts_with(b"\0") || std::str::from_utf8(wasm).is_err() {
        return Ok(wasm.into());
    }
    wat::parse_bytes(wasm).map_err(|e| CompileError::Text(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty-four sums at a time, over arrays: more vectors than there are registers.
    fn many_sums() -> String {
        let sums = 1..=24;
        let index = "(i32.shl (local.get 0) (i32.const 2))";
        let add =
            |k: u32| format!("(local.set {k} (i32.add (local.get {k}) (i32.load offset={} {index})))", 32768 * (k - 1));
        let total = sums.clone().fold("(local.get 0)".to_string(), |total, k| {
            format!("(i32.xor (i32.mul (i32.const {}) {total}) (local.get {k}))", 2 * k + 3)
        });
        format!(
            "(module (memory 40) (func (result i32) (local i32) {} (loop $l {}
               (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 4096)))) {total})
               (export \"f\" (func 0)))",
            "(local i32)".repeat(24),
            sums.map(add).collect::<String>(),
        )
    }

    #[test]
    fn a_function_whose_vectors_do_not_fit_the_registers_gets_none() {
        let target = Target::new("riscv64-linux", None, &["+v".into()]).unwrap();
        let options = Options { target, level: OptLevel::O3, ..Options::default() };
        let wasm = wat::parse_str(many_sums()).unwrap();
        let module = parse::parse(&wasm, options.proposals).unwrap();
        let without = |scalar| {
            let work = Work { module: &module, options: &options, emit: Emit::Aot, scalar: &scalar, store: None };
            finish(&work, &mut ())
        };
        let refused = without(BTreeSet::new()).unwrap_err();
        assert!(matches!(&refused, CompileError::FrameSize { functions, .. } if functions.contains("f0")), "{refused}");
        let image = without(BTreeSet::from(["f0".to_string()])).unwrap();
        assert_eq!(compile(&wasm, &options).unwrap(), image);
    }

    /// What becomes an intrinsic of those vectors has another form without them; LLVM would end the process.
    #[test]
    fn without_such_vectors_each_instruction_has_code() {
        let (all, memory) = (0..40, "(i32.const 0)");
        let load = |k: u32| format!("(local.set {k} (v128.load offset={} {memory}))", 16 * k);
        let operators = [
            "i8x16.swizzle",
            "i16x8.q15mulr_sat_s",
            "i8x16.narrow_i16x8_s",
            "f32x4.min",
            "f64x2.max",
            "i8x16.relaxed_swizzle",
            "i16x8.relaxed_q15mulr_s",
        ];
        let store = |k: u32| {
            let operator = operators[k as usize % operators.len()];
            let (one, other) = (format!("(local.get {k})"), format!("(local.get {})", (k + 7) % 40));
            format!("(v128.store offset={} {memory} ({operator} {one} {other}))", 16 * ((k + 3) % 40))
        };
        let select = "(i32x4.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2))";
        let text = format!(
            "(module (memory 1) (func (export \"f\") {} {} {} (v128.store {memory} {select})))",
            "(local v128)".repeat(40),
            all.clone().map(load).collect::<String>(),
            all.map(store).collect::<String>(),
        );
        let target = Target::new("riscv64-linux", None, &["+v".into()]).unwrap();
        let options = Options { target, level: OptLevel::O2, ..Options::default() };
        let wasm = wat::parse_str(text).unwrap();
        let module = parse::parse(&wasm, options.proposals).unwrap();
        let scalar = BTreeSet::new();
        let work = Work { module: &module, options: &options, emit: Emit::Aot, scalar: &scalar, store: None };
        assert!(matches!(finish(&work, &mut ()), Err(CompileError::FrameSize { .. })), "not all fit into registers");
        compile(&wasm, &options).unwrap();
    }

    /// Remembers what is not optimised.
    #[derive(Default)]
    struct NotOptimized(Vec<u32>);

    impl Observer for NotOptimized {
        fn function_not_optimized(&mut self, function: u32) {
            self.0.push(function);
        }
    }

    /// The optimiser's time grows with the square of the targets.
    #[test]
    fn a_very_large_branch_table_is_left_alone_and_that_is_reported() {
        let table = |targets: usize| {
            format!("(block (block (br_table {} (local.get 0))) (return))", "0 1 ".repeat(targets / 2))
        };
        let text = format!("(module (func (param i32) {}) (func (param i32) {}))", table(2000), table(50_000));
        let mut heard = NotOptimized::default();
        compile_observed(text.as_bytes(), &Options::default(), Emit::Aot, &mut heard).unwrap();
        assert_eq!(heard.0, [1]);
    }
}
