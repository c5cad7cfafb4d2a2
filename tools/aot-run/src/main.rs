//! `aot-run`: runs an `.aot` image. Options come before the image; everything after it is the
//! program's, whatever it looks like.

use std::ffi::OsString;
use std::io;
use std::process::exit;

use wasmc_runtime::Module;
use wasmc_runtime::run::{EXIT_FAILURE, RunOptions, parse_size, parse_time, run};

const USAGE: &str = "\
Runs an .aot image made by wasmc.

usage: aot-run [OPTION]... IMAGE [ARGUMENT]...

  --dir HOST::GUEST   give the guest the directory HOST under the name GUEST; without ::GUEST, as HOST
  --env NAME=VALUE    set a variable of the guest's environment; without =VALUE, pass on this one's
  --argv0 NAME        the name that the program sees as its own; otherwise IMAGE
  --invoke FUNCTION   call this export with the ARGUMENTs and print its results
  --stack-size SIZE   stack of the guest and its host functions, default 1M
  --timeout TIME      interrupt the program after so many seconds; with a unit: 500ms, 1.5s, 2m
  --fuel COUNT        end the program after so many instructions, if the image counts them
  --profile-file FILE where the profile goes, if the image counts for one; otherwise default.wasmprof
  --unknown-imports-trap
                      let imported functions that nobody provides trap when they are called
  --help              print this

Only run images that you trust: they contain machine code and are not checked for a signature.
";

/// Options that have a value.
const VALUED: [&str; 8] =
    ["--dir", "--env", "--argv0", "--invoke", "--stack-size", "--timeout", "--fuel", "--profile-file"];

/// Exit code of a wrong command line.
const EXIT_USAGE: i32 = 2;

struct Command {
    image: OsString,
    options: RunOptions,
}

fn main() {
    let command = match parse(std::env::args_os().skip(1)) {
        Ok(Some(command)) => command,
        Ok(None) => {
            print!("{USAGE}");
            return;
        }
        Err(message) => {
            eprintln!("aot-run: {message}\nTry `aot-run --help`.");
            exit(EXIT_USAGE);
        }
    };
    // SAFETY: the person at the prompt named the file to be run, which is their statement of trust.
    let module = match unsafe { Module::map_unsigned(&command.image) } {
        Ok(module) => module,
        Err(error) => {
            eprintln!("aot-run: {}: {error}", command.image.display());
            exit(EXIT_FAILURE);
        }
    };
    exit(run(&module, &command.options, &mut io::stdout().lock(), &mut io::stderr().lock()));
}

/// The command line; `None` if it asks for help.
fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Option<Command>, String> {
    let mut options = RunOptions::default();
    let mut argv0 = None;
    let image = loop {
        let arg = args.next().ok_or("No image is given.")?;
        let text = match arg.to_str() {
            Some("--") => break args.next().ok_or("No image is given.")?,
            Some("--help" | "-h") => return Ok(None),
            Some("--unknown-imports-trap") => {
                options.unknown_imports_trap = true;
                continue;
            }
            Some(text) if text.starts_with("--") => text,
            _ => break arg,
        };
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.into())),
            None => (text, None),
        };
        if !VALUED.contains(&name) {
            return Err(format!("There is no option {name}."));
        }
        let value = value.or_else(|| args.next());
        let value = value.ok_or_else(|| format!("The option {name} needs a value."))?;
        let text = || value.to_str().ok_or_else(|| format!("The value of {name} is not UTF-8."));
        match name {
            "--dir" => options.dir(text()?),
            "--env" => options.env(text()?),
            "--profile-file" => options.profile = Some(value.into()),
            "--invoke" => options.invoke = Some(text()?.into()),
            "--stack-size" => {
                let len = parse_size(text()?);
                options.stack_len = Some(len.ok_or("--stack-size needs a size, such as 65536, 64K or 1M.")?);
            }
            "--fuel" => {
                let fuel = text()?.parse();
                options.fuel = Some(fuel.map_err(|_| "--fuel needs a number of instructions.")?);
            }
            "--timeout" => {
                let time = parse_time(text()?);
                options.timeout = Some(time.ok_or("--timeout needs a time, such as 10, 500ms, 1.5s or 2m.")?);
            }
            _ => argv0 = Some(value),
        }
    };
    options.args = std::iter::once(argv0.unwrap_or_else(|| image.clone())).chain(args).collect();
    Ok(Some(Command { image, options }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Option<Command>, String> {
        parse(args.iter().map(OsString::from))
    }

    #[test]
    fn everything_after_the_image_is_the_programs() {
        let args = ["--dir", "/a::/b", "--env=K=V=W", "x.aot", "--dir", "-1", "--", "--help"];
        let command = parsed(&args).unwrap().unwrap();
        assert_eq!(command.image, "x.aot");
        assert_eq!(command.options.args, ["x.aot", "--dir", "-1", "--", "--help"]);
        assert_eq!(command.options.dirs, [("/a".into(), "/b".into())]);
        assert_eq!(command.options.envs, [("K".into(), "V=W".into())]);
    }

    #[test]
    fn options_may_end_with_two_dashes() {
        let args =
            ["--invoke", "f", "--argv0=me", "--unknown-imports-trap", "--stack-size", "64K", "--", "--odd.aot", "-7"];
        let command = parsed(&args).unwrap().unwrap();
        assert_eq!(command.image, "--odd.aot");
        assert_eq!(command.options.args, ["me", "-7"]);
        assert_eq!(command.options.invoke.as_deref(), Some("f"));
        assert_eq!(command.options.stack_len, Some(65536));
        assert!(command.options.unknown_imports_trap);
        let command = parsed(&["--timeout=20ms", "x.aot"]).unwrap().unwrap();
        assert_eq!(parsed(&["--fuel", "7", "x.aot"]).unwrap().unwrap().options.fuel, Some(7));
        assert_eq!(parsed(&["--profile-file", "p", "x.aot"]).unwrap().unwrap().options.profile, Some("p".into()));
        assert_eq!(command.options.timeout.map(|time| time.as_millis()), Some(20));
    }

    #[test]
    fn wrong_command_lines_are_told_apart() {
        assert!(parsed(&[]).is_err());
        assert!(parsed(&["--dir"]).is_err());
        assert!(parsed(&["--frob", "x"]).is_err_and(|message| message.contains("--frob")));
        assert!(parsed(&["--stack-size", "big", "x"]).is_err());
        assert!(parsed(&["--timeout", "soon", "x"]).is_err());
        assert!(parsed(&["--fuel", "-1", "x"]).is_err());
        assert!(parsed(&["--help"]).unwrap().is_none());
    }
}
