//! What `aot-run` is for wasmc, for Wasmtime: runs a WASI program that was compiled before, and nothing else.
//!
//! `wasmtime-run --compile MODULE OUT` compiles; `wasmtime-run [--dir HOST::GUEST]... [--env NAME=VALUE]... [--argv0 NAME]
//! [--unknown-imports-trap] OUT [ARGUMENT]...` runs. Settings are Wasmtime's defaults, but for what programs of the corpus need.

use anyhow::{Context, Result, bail};
use wasmtime::{Caller, Config, Engine, Extern, ExternType, FuncType, Linker, Module, OptLevel, Store, Trap, Val};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder, p0};

fn main() -> Result<()> {
    let mut config = Config::new();
    // The first is a default, as in the other benchmark.
    config.cranelift_opt_level(OptLevel::Speed).wasm_exceptions(true).wasm_threads(true);
    let engine = Engine::new(&config)?;
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [first, module, out] = &args[..]
        && first == "--compile"
    {
        let wasm = std::fs::read(module).with_context(|| format!("{module} cannot be read."))?;
        return std::fs::write(out, engine.precompile_module(&wasm)?)
            .with_context(|| format!("{out} cannot be written."));
    }
    run(&engine, args.into_iter())
}

fn run(engine: &Engine, mut args: impl Iterator<Item = String>) -> Result<()> {
    let mut context = WasiCtxBuilder::new();
    // As its command has it: no thread takes turns with this one.
    context.inherit_stdio().allow_blocking_current_thread(true);
    let (mut argv0, mut unknown_imports_trap) = (None, false);
    let image = loop {
        let argument = args.next().context("No program is given.")?;
        let mut value = || args.next().with_context(|| format!("{argument} needs a value."));
        match argument.as_str() {
            "--dir" => {
                let dir = value()?;
                let (host, guest) = dir.split_once("::").context("--dir is HOST::GUEST.")?;
                context.preopened_dir(host, guest, FsPerms::ReadWrite)?;
            }
            "--env" => {
                let variable = value()?;
                let (name, value) = variable.split_once('=').context("--env is NAME=VALUE.")?;
                context.env(name, value);
            }
            "--argv0" => argv0 = Some(value()?),
            "--unknown-imports-trap" => unknown_imports_trap = true,
            option if option.starts_with("--") => bail!("There is no option {option}."),
            _ => break argument,
        }
    };
    context.arg(argv0.as_ref().unwrap_or(&image));
    args.for_each(|argument| _ = context.arg(argument));

    // SAFETY: the file was made by `--compile`, as who calls this says by naming it.
    let module = unsafe { Module::deserialize_file(engine, &image) }?;
    let mut linker: Linker<WasiP1Ctx> = Linker::new(engine);
    p0::add_to_linker_sync(&mut linker, |context| context)?;
    p1::add_to_linker_sync(&mut linker, |context| context)?;
    let mut store = Store::new(engine, context.build_p1());
    if unknown_imports_trap {
        fill_up(&mut linker, &mut store, &module)?;
    }
    let start = linker.instantiate(&mut store, &module)?.get_typed_func::<(), ()>(&mut store, "_start")?;
    match start.call(&mut store, ()) {
        Ok(()) => Ok(()),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => std::process::exit(exit.0),
            None => Err(error.into()),
        },
    }
}

/// Has each function trap that the module imports and WASI does not have, or not with its type.
fn fill_up(linker: &mut Linker<WasiP1Ctx>, store: &mut Store<WasiP1Ctx>, module: &Module) -> Result<()> {
    linker.allow_shadowing(true);
    for import in module.imports() {
        let ExternType::Func(ty) = import.ty() else { continue };
        let known = linker.get(&mut *store, import.module(), import.name()).ok().and_then(Extern::into_func);
        if known.is_none_or(|func| !FuncType::eq(&func.ty(&*store), &ty)) {
            let fail = |_: Caller<'_, WasiP1Ctx>, _: &[Val], _: &mut [Val]| Err(Trap::UnreachableCodeReached.into());
            linker.func_new(import.module(), import.name(), ty, fail)?;
        }
    }
    Ok(())
}
