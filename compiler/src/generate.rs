//! Module → objects: each unit is translated, optimised and emitted by itself, on one of the threads, and its LLVM
//! module is gone before the thread begins the next one.

use crate::emit::emit;
use crate::error::CompileError;
use crate::machine::target_machine;
use crate::optimize::{Chains, optimize};
use crate::options::{Emit, Options};
use crate::parse::Module;
use crate::translate::{translate, without_vectors};
use crate::units::{Extent, Units};
use inkwell::context::Context;
use inkwell::module::Module as LlvmModule;
use inkwell::targets::FileType;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What became of a unit.
#[derive(Debug, Default)]
pub struct Emitted {
    /// A relocatable ELF object, or a text if that was asked for.
    pub bytes: Vec<u8>,
    /// Line `n` of the object's line table is number `n − 1` of these.
    pub sites: Chains,
}

/// LLVM's passes follow what they work on by recursion: blocks nest, values depend on one another.
const THREAD_STACK_LEN: usize = 64 << 20;

/// Compiles all units as far as `emit` says. Functions without vectors are named in `scalar`. `progress` is told, each
/// time a unit is done, how many functions it has.
pub fn generate(
    module: &Module<'_>,
    units: &Units,
    options: &Options,
    emit: Emit,
    scalar: &BTreeSet<String>,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Vec<Emitted>, CompileError> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done = Mutex::new((0..units.count()).map(|_| None).collect::<Vec<_>>());
    let work = || {
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(extent) = units.get(number) else { break };
            let emitted = compile_unit(module, &extent, options, emit, scalar);
            failed.fetch_or(emitted.is_err(), Ordering::Relaxed);
            done.lock().expect("no thread has panicked")[number] = Some(emitted);
            progress(extent.functions().len());
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..options.threads.get().min(units.count()) {
            let thread = std::thread::Builder::new().stack_size(THREAD_STACK_LEN);
            thread.spawn_scoped(scope, work).expect("threads can be started");
        }
    });
    // What was not begun is missing only where a unit has failed.
    done.into_inner().expect("no thread has panicked").into_iter().flatten().collect()
}

fn compile_unit(
    module: &Module<'_>,
    extent: &Extent<'_>,
    options: &Options,
    to: Emit,
    scalar: &BTreeSet<String>,
) -> Result<Emitted, CompileError> {
    let context = Context::create();
    let machine = target_machine(options)?;
    let llvm = translate(&context, module, extent, options)?;
    without_vectors(&llvm, options, scalar);
    if to == Emit::Llvm {
        return Ok(text(&llvm));
    }
    let sites = optimize(&llvm, module, options, &machine)?;
    let file_type = match to {
        Emit::Optimized => return Ok(text(&llvm)),
        Emit::Asm => FileType::Assembly,
        _ => FileType::Object,
    };
    Ok(Emitted { bytes: emit(&llvm, &machine, file_type)?, sites })
}

fn text(llvm: &LlvmModule<'_>) -> Emitted {
    Emitted { bytes: llvm.print_to_string().to_bytes().to_vec(), sites: Chains::default() }
}
