//! Running a program from the command line, for every command that does: a WASI context out of
//! options, `_start` or a chosen function with arguments out of text, results as text, exit codes.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::error::Error;
use crate::func::Func;
use crate::instance::{Extern, Instance};
use crate::interrupt::InterruptHandle;
use crate::linker::Linker;
use crate::module::Module;
use crate::store::Store;
use crate::types::{ExternType, FuncType, ValType};
use crate::value::{ExternRef, Val};
use crate::wasi::WasiCtx;
use crate::wasi_linker;
use crate::wasi_threads::{self, Thread};

/// Exit code of a trap: what a shell shows for a program that aborted.
pub const EXIT_TRAP: i32 = 134;
/// Exit code of every other failure to run.
pub const EXIT_FAILURE: i32 = 1;
/// The file that a program's profile goes to, if none is named.
pub const PROFILE: &str = "default.wasmprof";

/// What a program is run with.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Directories of the host and the names under which the guest has them.
    pub dirs: Vec<(PathBuf, String)>,
    /// Variables of the guest's environment.
    pub envs: Vec<(OsString, OsString)>,
    /// The program's name and its arguments. Those after the name are a chosen function's.
    pub args: Vec<OsString>,
    /// A function to call instead of `_start`.
    pub invoke: Option<String>,
    /// Guest stack in bytes, if not the default.
    pub stack_len: Option<usize>,
    /// How long the program may run before it is interrupted, if not for ever. A host function that it waits in ends
    /// first.
    pub timeout: Option<Duration>,
    /// How many instructions the program may execute, if they are counted.
    pub fuel: Option<u64>,
    /// Whether imported functions that WASI does not have, or has with another type, fail when they are called,
    /// instead of the program failing before it starts.
    pub unknown_imports_trap: bool,
    /// Where the program's profile goes, if its code counts (`wasmc compile --profile-generate`): [`PROFILE`] if not given.
    pub profile: Option<PathBuf>,
}

impl RunOptions {
    /// Adds a directory written as `HOST::GUEST`, or as `HOST` if the guest has it under that name.
    pub fn dir(&mut self, text: &str) {
        let (host, guest) = text.split_once("::").unwrap_or((text, text));
        self.dirs.push((host.into(), guest.into()));
    }

    /// Adds a variable written as `NAME=VALUE`, or as `NAME` to take over the host's, if it has one.
    pub fn env(&mut self, text: &str) {
        match text.split_once('=') {
            Some((name, value)) => self.envs.push((name.into(), value.into())),
            None => self.envs.extend(std::env::var_os(text).map(|value| (text.into(), value))),
        }
    }

    /// The context that the options describe.
    fn context(&self) -> Result<WasiCtx, Error> {
        let mut context = WasiCtx::new();
        for arg in &self.args {
            context.arg(arg.clone().into_vec());
        }
        for (name, value) in &self.envs {
            context.env(name.clone().into_vec(), value.clone().into_vec());
        }
        for (host, guest) in &self.dirs {
            context
                .preopen_dir(host, guest)
                .map_err(|error| Error::host(format!("The directory {} cannot be opened: {error}.", host.display())))?;
        }
        Ok(context)
    }
}

/// A size as people write it: bytes, or with the unit `K`, `M` or `G`.
pub fn parse_size(text: &str) -> Option<usize> {
    let (digits, shift) = match text.as_bytes().last()?.to_ascii_uppercase() {
        b'K' => (&text[..text.len() - 1], 10),
        b'M' => (&text[..text.len() - 1], 20),
        b'G' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    digits.parse::<usize>().ok()?.checked_mul(1 << shift)
}

/// A time as people write it: seconds, or with the unit `s`, `ms` or `m`, minutes.
pub fn parse_time(text: &str) -> Option<Duration> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0)];
    let (number, seconds) =
        units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds))).unwrap_or((text, 1.0));
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    Duration::try_from_secs_f64(number.parse::<f64>().ok().filter(|_| plain)? * seconds).ok()
}

/// Interrupts a store's calls from some time on, as long as it lives.
struct Timer {
    /// Dropped, it ends the thread.
    _ended: Sender<()>,
}

impl Timer {
    fn start(handle: InterruptHandle, timeout: Duration) -> Timer {
        let (ended, end) = mpsc::channel();
        thread::spawn(move || {
            let mut wait = timeout;
            while end.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                // Between two calls this does nothing, so that the next one has to be told.
                handle.interrupt();
                wait = Duration::from_millis(1);
            }
        });
        Timer { _ended: ended }
    }
}

/// Runs a program and returns its exit code. Results of a chosen function go to `out`, one a line;
/// what went wrong goes to `err`.
pub fn run(module: &Module, options: &RunOptions, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    let profile = Profile::default();
    let outcome = call(module, options, &profile);
    let written = profile.write(options.profile.as_deref().unwrap_or(PROFILE.as_ref()));
    let code = match outcome {
        Ok(results) => results.iter().try_for_each(|value| writeln!(out, "{value}")).map_or(EXIT_FAILURE, |()| 0),
        Err(Error::Exit(code)) => code,
        Err(error) => {
            // There is nobody to tell if this fails.
            let _ = writeln!(err, "{}{error}", if error.trap().is_some() { "Trap: " } else { "" });
            if error.trap().is_some() { EXIT_TRAP } else { EXIT_FAILURE }
        }
    };
    let _ = out.flush();
    match written {
        Ok(()) => code,
        Err(error) => {
            let _ = writeln!(err, "{error}");
            if code == 0 { EXIT_FAILURE } else { code }
        }
    }
}

/// What the instances of a program have counted, however their calls have ended.
#[derive(Clone, Default)]
pub(crate) struct Profile(Arc<Mutex<Vec<u8>>>);

impl Profile {
    /// Adds what an instance has counted.
    pub(crate) fn add(&self, instance: Instance, store: &Store<Thread>) {
        if let Some(part) = instance.profile(store) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(part);
        }
    }

    /// Writes the file, if anything has counted. What is there is replaced as a whole: a program that was killed leaves
    /// what it was.
    fn write(&self, path: &Path) -> Result<(), Error> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes.is_empty() {
            return Ok(());
        }
        replace(path, &bytes)
            .map_err(|error| Error::host(format!("The profile {} cannot be written: {error}.", path.display())))
    }
}

/// Writes a file beside its name and then renames it; what is no file, such as a pipe, is written to.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return fs::write(path, bytes);
    }
    // A link stays a link.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let mut beside = path.clone().into_os_string();
    beside.push(format!(".{}.tmp", std::process::id()));
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // It may never have been there.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Instantiates the module with WASI and calls the function that the options name.
fn call(module: &Module, options: &RunOptions, profile: &Profile) -> Result<Vec<Val>, Error> {
    let context = options.context()?;
    if wasi_threads::has_threads(module) {
        if options.fuel.is_some() {
            return Err(Error::host("A program with threads has no common fuel."));
        }
        let prepare = |linker: &mut Linker<_>| fill_up(linker, module, options);
        let (first, options, stack_len, counted) =
            (module.clone(), options.clone(), options.stack_len, profile.clone());
        let main = move |linker: &Linker<_>, store: &mut Store<_>| enter(linker, store, &first, &options, &counted);
        return wasi_threads::run(module, context, stack_len, profile.clone(), prepare, main);
    }
    let mut linker = Linker::new();
    wasi_linker::add_to_linker_of_threads(&mut linker, module);
    fill_up(&mut linker, module, options);
    let mut store = Store::new(Thread::alone(context));
    if let Some(len) = options.stack_len {
        store.set_stack_len(len);
    }
    if let Some(fuel) = options.fuel {
        store.set_fuel(fuel)?;
    }
    enter(&linker, &mut store, module, options, profile)
}

/// Defines what the module imports beyond what there is, if the options say so.
fn fill_up(linker: &mut Linker<Thread>, module: &Module, options: &RunOptions) {
    if options.unknown_imports_trap {
        linker.fail_unknown_functions(module);
    }
}

/// Instantiates the module and calls the function that the options name.
fn enter(
    linker: &Linker<Thread>,
    store: &mut Store<Thread>,
    module: &Module,
    options: &RunOptions,
    profile: &Profile,
) -> Result<Vec<Val>, Error> {
    let timer = options.timeout.map(|timeout| Timer::start(store.interrupt_handle(), timeout));
    let instance = linker.instantiate(store, module)?;
    let outcome = call_chosen(instance, store, module, options);
    drop(timer);
    profile.add(instance, store);
    outcome
}

fn call_chosen(
    instance: Instance,
    store: &mut Store<Thread>,
    module: &Module,
    options: &RunOptions,
) -> Result<Vec<Val>, Error> {
    let Some(name) = &options.invoke else {
        let start = function(store, instance, module, "_start")?;
        return start.call(store, &[]);
    };
    // A library of the "reactor" kind wants this to have run before anything else.
    if let Some(initialize) = instance.get_func(store, "_initialize") {
        initialize.call(store, &[])?;
    }
    let func = function(store, instance, module, name)?;
    let texts = options.args.get(1..).unwrap_or_default();
    let args = parse_args(name, &func.ty(store), texts)?;
    func.call(store, &args)
}

/// An exported function; an error says which ones there are.
fn function(store: &Store<Thread>, instance: Instance, module: &Module, name: &str) -> Result<Func, Error> {
    if let Some(Extern::Func(func)) = instance.get_export(store, name) {
        return Ok(func);
    }
    let names: Vec<String> =
        module.exports().filter(|export| matches!(export.ty, ExternType::Func(_))).map(|export| export.name).collect();
    let known = match names.as_slice() {
        [] => "It exports no functions.".into(),
        names => format!("It exports {}; choose one with `--invoke`.", names.join(", ")),
    };
    Err(Error::Type(format!("The module does not export a function called \"{name}\". {known}")))
}

fn parse_args(name: &str, ty: &FuncType, texts: &[OsString]) -> Result<Vec<Val>, Error> {
    let (given, wanted) = (texts.len(), ty.params().len());
    if given != wanted {
        let text =
            format!("The function \"{name}\" has the type {ty}, so it takes {wanted} arguments; {given} were given.");
        return Err(Error::Type(text));
    }
    let parse = |(text, ty): (&OsString, &ValType)| {
        let value = text.to_str().and_then(|text| parse(text, *ty));
        value.ok_or_else(|| Error::Type(format!("{text:?} is not a value of type {ty}.")))
    };
    texts.iter().zip(ty.params()).map(parse).collect()
}

/// A value out of text: integers signed or unsigned, decimal or `0x…`; floats as Rust writes them.
fn parse(text: &str, ty: ValType) -> Option<Val> {
    Some(match ty {
        ValType::I32 => {
            let value = integer(text)?;
            Val::I32(i32::try_from(value).ok().or_else(|| Some(u32::try_from(value).ok()? as i32))?)
        }
        ValType::I64 => {
            let value = integer(text)?;
            Val::I64(i64::try_from(value).ok().or_else(|| Some(u64::try_from(value).ok()? as i64))?)
        }
        ValType::F32 => Val::from(text.parse::<f32>().ok()?),
        ValType::F64 => Val::from(text.parse::<f64>().ok()?),
        ValType::V128 => Val::V128(u128::from_str_radix(text.strip_prefix("0x")?, 16).ok()?),
        ty if ty.ref_type().is_some_and(|ty| ty.is_nullable()) && text == "null" => Val::zero(ty),
        ValType::ExternRef => Val::ExternRef(Some(ExternRef::new(text.parse().ok()?)?)),
        ValType::FuncRef | ValType::Ref(_) => return None,
    })
}

fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if digits.starts_with(['-', '+']) {
        return None;
    }
    let value = match digits.strip_prefix("0x") {
        Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16).ok()?,
        Some(_) => return None,
        None => digits.parse().ok()?,
    };
    Some(if negative { -i128::from(value) } else { value.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_signed_and_unsigned_and_in_both_bases() {
        assert_eq!(parse("-1", ValType::I32), Some(Val::I32(-1)));
        assert_eq!(parse("4294967295", ValType::I32), Some(Val::I32(-1)));
        assert_eq!(parse("0xffffffff", ValType::I32), Some(Val::I32(-1)));
        assert_eq!(parse("-2147483648", ValType::I32), Some(Val::I32(i32::MIN)));
        assert_eq!(parse("-9223372036854775808", ValType::I64), Some(Val::I64(i64::MIN)));
        for text in ["4294967296", "-2147483649", "", "-", "--1", "+1", "0x", "0x+1", "1.0", "one"] {
            assert_eq!(parse(text, ValType::I32), None, "{text}");
        }
    }

    #[test]
    fn values_are_shown_so_that_they_can_be_read() {
        let values = [
            Val::I32(-7),
            Val::I64(i64::MIN),
            Val::from(0.1f32),
            Val::from(-0.0f64),
            Val::from(f64::INFINITY),
            Val::V128(0xABC),
            Val::ExternRef(ExternRef::new(9)),
            Val::ExternRef(None),
        ];
        for value in values {
            assert_eq!(parse(&value.to_string(), value.ty()), Some(value));
        }
        assert_eq!(Val::from(f32::NAN).to_string(), "NaN");
    }

    #[test]
    fn directories_have_two_names() {
        let mut options = RunOptions::default();
        options.dir("/tmp/x::/data");
        options.dir(".");
        assert_eq!(options.dirs, [("/tmp/x".into(), "/data".into()), (".".into(), ".".into())]);
        options.env("NAME=a=b");
        options.env("WASMC_TEST_NO_SUCH_VARIABLE");
        assert_eq!(options.envs, [("NAME".into(), "a=b".into())]);
    }

    #[test]
    fn times_have_units() {
        let milliseconds = |text| parse_time(text).map(|time| time.as_millis());
        assert_eq!([milliseconds("2"), milliseconds("1.5s")], [Some(2000), Some(1500)]);
        assert_eq!([milliseconds("20ms"), milliseconds("0.5m")], [Some(20), Some(30_000)]);
        for text in ["", "s", "-1", "1h", "1e3", "inf", "nan", "99999999999999999999999"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("65536"), Some(65536));
        assert_eq!(parse_size("64K"), Some(65536));
        assert_eq!(parse_size("2m"), Some(2 << 20));
        for text in ["", "K", "-1", "1.5M", "99999999999999999999", "99999999999G", "7é"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
