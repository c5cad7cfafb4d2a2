//! Module → objects: each unit is translated, optimised and emitted by itself, on one of the threads, and its LLVM
//! module is gone before the thread begins the next one.

use crate::emit::emit;
use crate::error::CompileError;
use crate::incremental::{Kept, Store};
use crate::machine::{nameless_context, target_machine};
use crate::optimize::{Chains, Place, Shape, optimize, reduce_strength};
use crate::options::{Emit, Options};
use crate::parse::Module;
use crate::translate::translate;
use crate::units::{Extent, Units};
use inkwell::module::Module as LlvmModule;
use inkwell::targets::FileType;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What became of a unit.
#[derive(Debug, Default)]
pub struct Emitted<P = u32> {
    /// A relocatable ELF object, or a text if that was asked for.
    pub bytes: Vec<u8>,
    /// Line `n` of the object's line table is number `n − 1` of these.
    pub sites: Chains<P>,
}

/// LLVM's passes follow what they work on by recursion: blocks nest, values depend on one another.
const THREAD_STACK_LEN: usize = 64 << 20;

/// What is the same for all units.
pub struct Work<'a> {
    /// The module.
    pub module: &'a Module<'a>,
    /// The options.
    pub options: &'a Options,
    /// How far to go.
    pub emit: Emit,
    /// Names of functions that get no vectors.
    pub scalar: &'a BTreeSet<String>,
    /// Where objects are kept, if they are.
    pub store: Option<&'a dyn Store>,
}

/// Compiles all units. `progress` is told, each time one is done, how many functions it has.
pub fn generate(
    work: &Work<'_>,
    units: &Units,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Vec<Emitted>, CompileError> {
    let shape = Shape::of(work.module);
    let kept = work.store.filter(|_| work.emit == Emit::Aot).map(|store| Kept::new(store, work.options, &shape));
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done = Mutex::new((0..units.count()).map(|_| None).collect::<Vec<_>>());
    let compile_units = || {
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(extent) = units.get(number) else { break };
            let emitted = compile_unit(work, &extent, &shape, kept.as_ref());
            failed.fetch_or(emitted.is_err(), Ordering::Relaxed);
            done.lock().expect("no thread has panicked")[number] = Some(emitted);
            progress(extent.functions().len());
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..work.options.threads.get().min(units.count()) {
            let thread = std::thread::Builder::new().stack_size(THREAD_STACK_LEN);
            thread.spawn_scoped(scope, compile_units).expect("threads can be started");
        }
    });
    // What was not begun is missing only where a unit has failed.
    done.into_inner().expect("no thread has panicked").into_iter().flatten().collect()
}

fn compile_unit(
    work: &Work<'_>,
    extent: &Extent<'_>,
    shape: &Shape,
    kept: Option<&Kept<'_>>,
) -> Result<Emitted, CompileError> {
    let Work { module, options, emit: to, scalar, .. } = *work;
    let context = nameless_context();
    let machine = target_machine(options)?;
    let llvm = translate(&context, module, extent, options, scalar)?;
    if to == Emit::Llvm {
        return Ok(text(&llvm));
    }
    let finish = || {
        let sites = optimize(&llvm, shape, options, &machine)?;
        if to == Emit::Optimized {
            return Ok(Emitted { bytes: text(&llvm).bytes, sites });
        }
        reduce_strength(&llvm, options, &machine)?;
        let bytes = emit(&llvm, &machine, if to == Emit::Asm { FileType::Assembly } else { FileType::Object })?;
        Ok(Emitted { bytes, sites })
    };
    let Emitted { bytes, sites }: Emitted<Place> = match kept {
        Some(kept) => kept.find_or_make(&llvm, module, extent, finish)?,
        None => finish()?,
    };
    Ok(Emitted { bytes, sites: sites.offsets(module) })
}

fn text(llvm: &LlvmModule<'_>) -> Emitted {
    Emitted { bytes: llvm.print_to_string().to_bytes().to_vec(), sites: Chains::default() }
}
