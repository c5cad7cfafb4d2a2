//! How the command ends when it cannot do what was asked: one sentence or more, what would help,
//! and an exit status.

use anstyle::{AnsiColor, Style};
use std::path::Path;
use std::process::ExitCode;
use wasmc::CompileError;

/// Exit status: the input, a file or the system stands in the way.
pub const BAD_INPUT: u8 = 1;
/// Exit status: the command line makes no sense. The argument parser uses it too.
pub const USAGE: u8 = 2;
/// Exit status: `wasmc` itself is at fault (`EX_SOFTWARE` of `sysexits.h`).
pub const INTERNAL: u8 = 70;

/// What to do about a bug of ours.
pub const REPORT_IT: &str =
    "report it with the module, the command line, the lines above and the output of `wasmc --version`";

const TOO_LARGE: &str = "split what is too large, or let the tool that makes the module optimise it";

/// Why the command ends without having done its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is wrong, and where.
    pub message: String,
    /// What would help.
    pub help: Option<String>,
    /// The exit status.
    pub status: u8,
}

impl Failure {
    /// The input, a file or the system stands in the way.
    pub fn input(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), help: None, status: BAD_INPUT }
    }

    /// The command line makes no sense.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), help: None, status: USAGE }
    }

    /// `wasmc` itself is at fault.
    pub fn internal(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), help: None, status: INTERNAL }
    }

    /// With a word on what would help.
    pub fn help(mut self, help: impl Into<String>) -> Failure {
        self.help = Some(help.into());
        self
    }

    /// About the file `name`, which the message does not mention yet.
    pub fn of_file(mut self, name: &str) -> Failure {
        // `<anon>` is what the reader of texts calls a text without a file.
        self.message = format!("{name}: {}", self.message.replace("<anon>", name));
        self
    }

    /// A file could not be used: `what` is a verb, such as "read".
    pub fn file(what: &str, path: &Path, error: &std::io::Error) -> Failure {
        Failure::input(format!("could not {what} `{}`: {}", path.display(), plain(error)))
    }

    /// The compiler's word on `module`.
    pub fn compile(error: &CompileError, module: &[u8]) -> Failure {
        let message = error.to_string();
        match error {
            CompileError::Invalid { .. } if !module.starts_with(b"\0") => Failure::input(message)
                .help("the text is well-formed, what it says is not; the offset is one in its binary form"),
            // The validator's own limits, which are those of other engines too.
            CompileError::Invalid { message: what, .. } if what.contains("exceed") || what.contains("too many") => {
                Failure::input(message).help(TOO_LARGE)
            }
            CompileError::Invalid { message: what, .. } if what.contains("unexpected end-of-file") => {
                Failure::input(message)
                    .help(format!("the module ends too early, after {} bytes; copy or build it again", module.len()))
            }
            CompileError::Invalid { message: what, .. }
                if what.contains("maximum") || what.contains("size is out of bounds") =>
            {
                Failure::input(message).help(TOO_LARGE)
            }
            CompileError::Invalid { .. } => Failure::input(message)
                .help("the file is damaged, or the tool that made it has a bug; copy or build it again"),
            CompileError::Unsupported { proposal, compiled: true, .. } => {
                Failure::input(message).help(format!("`--enable={proposal}` allows it"))
            }
            CompileError::Unsupported { proposal, .. } => {
                Failure::input(message).help(format!("build the module without {proposal}"))
            }
            CompileError::Limit { .. } => Failure::input(message).help(TOO_LARGE),
            CompileError::Options(_) => Failure::usage(message),
            CompileError::Llvm { .. } | CompileError::FrameSize { .. } | CompileError::Link { .. } => {
                Failure::internal(shortened(&message)).help(REPORT_IT)
            }
            _ => Failure::input(message),
        }
    }

    /// Prints the failure to standard error and gives its exit status.
    pub fn report(&self) -> ExitCode {
        label("error", AnsiColor::Red, &self.message);
        if let Some(help) = &self.help {
            label("help", AnsiColor::Cyan, help);
        }
        ExitCode::from(self.status)
    }
}

/// Prints a warning to standard error.
pub fn warn(message: &str) {
    label("warning", AnsiColor::Yellow, message);
}

/// Lines of a message that are shown: LLVM's verifier says everything at once.
const MESSAGE_LINES: usize = 12;

fn shortened(message: &str) -> String {
    let lines: Vec<_> = message.lines().collect();
    match lines.len().checked_sub(MESSAGE_LINES) {
        None | Some(0) => message.into(),
        Some(more) => format!("{}\n({more} more lines)", lines[..MESSAGE_LINES].join("\n")),
    }
}

fn label(word: &str, color: AnsiColor, text: &str) {
    use std::io::Write;
    let style = Style::new().bold().fg_color(Some(color.into()));
    // Not `eprintln!`: with standard error closed, the exit status still has to tell.
    let _ = writeln!(anstream::stderr(), "{style}{word}:{style:#} {text}");
}

/// An OS error without Rust's "(os error 28)", its first letter small: it ends a sentence.
pub fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_errors_read_as_the_end_of_a_sentence() {
        let full = std::io::Error::from_raw_os_error(28);
        assert_eq!(plain(&full), "no space left on device");
    }

    #[test]
    fn the_status_says_whose_fault_it_is() {
        let llvm = CompileError::Llvm { phase: "emit", message: "no".into() };
        assert_eq!(Failure::compile(&llvm, b"").status, INTERNAL);
        assert_eq!(Failure::compile(&CompileError::Options("no".into()), b"").status, USAGE);
        assert_eq!(Failure::compile(&CompileError::Text("no".into()), b"").status, BAD_INPUT);
    }
}
