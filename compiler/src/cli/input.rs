//! Reads a file and recognises what it is by its first bytes, so that a wrong one is called by its
//! name.

use super::failure::{Failure, plain};
use super::terminal::size;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// The largest file that is read at all, bytes; the compiler's own limits are lower.
const MAX_LEN: u64 = 2 << 30;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A module, binary.
    Module,
    /// A module, as text.
    Text,
    /// An `.aot` image, or another ELF file.
    Image,
}

/// A file's name as messages have it, and its contents.
#[derive(Debug)]
pub struct Input {
    /// The name.
    pub name: String,
    /// The contents, at least a byte.
    pub bytes: Vec<u8>,
}

/// Reads the file `path`, or standard input if it is `-`.
pub fn read(path: &Path) -> Result<Input, Failure> {
    let stdin = path == Path::new("-");
    let name = if stdin { "standard input".into() } else { path.display().to_string() };
    let mut bytes = Vec::new();
    let read = if stdin {
        std::io::stdin().take(MAX_LEN + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| {
            if file.metadata()?.is_dir() {
                return Err(ErrorKind::IsADirectory.into());
            }
            file.take(MAX_LEN + 1).read_to_end(&mut bytes)
        })
    };
    read.map_err(|error| unreadable(&name, &error))?;
    if bytes.is_empty() {
        return Err(Failure::input(format!("{name} is empty")).help("was the tool that writes it interrupted?"));
    }
    if bytes.len() as u64 > MAX_LEN {
        return Err(Failure::input(format!("{name} is larger than {}", size(MAX_LEN))));
    }
    Ok(Input { name, bytes })
}

fn unreadable(name: &str, error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => Failure::input(format!("there is no file `{name}`"))
            .help("check the spelling, and the folder that the command runs in"),
        ErrorKind::IsADirectory => {
            Failure::input(format!("`{name}` is a folder, not a file")).help("name a .wasm, .wat or .aot file")
        }
        ErrorKind::PermissionDenied => Failure::input(format!("could not read `{name}`: {}", plain(error)))
            .help("check the permissions of the file and of its folders"),
        _ => Failure::input(format!("could not read `{name}`: {}", plain(error))),
    }
}

const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";

/// First bytes of what is often mistaken for a module.
const OTHERS: &[(&[u8], &str)] = &[
    (b"\x1F\x8B", "a gzip archive: unpack it first"),
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"\x28\xB5\x2F\xFD", "a zstd archive: unpack it first"),
    (b"!<arch>", "an archive of object files: link it to a module first"),
    (b"BC\xC0\xDE", "LLVM bitcode: link it to a module first"),
    (b"MZ", "a Windows program"),
    (b"#!", "a script"),
    (b"<", "markup, such as a web page that was downloaded instead of the module"),
    (b"version https://git-lfs", "a Git LFS pointer: `git lfs pull` fetches the file"),
];

impl Input {
    /// What the file is; an error that names it if `wasmc` has no use for it.
    pub fn kind(&self) -> Result<Kind, Failure> {
        let (name, bytes) = (&self.name, &self.bytes[..]);
        if bytes.starts_with(&MODULE) {
            return Ok(Kind::Module);
        }
        if bytes.starts_with(b"\x7FELF") {
            return Ok(Kind::Image);
        }
        if MODULE.starts_with(bytes) {
            let len = bytes.len();
            return Err(Failure::input(format!(
                "{name} is cut short: a module starts with 8 bytes of header, and the file has {len}"
            ))
            .help("copy or build it again"));
        }
        if let Some(version) = bytes.strip_prefix(b"\0asm") {
            return Err(other_version(name, version));
        }
        if let Some((_, what)) = OTHERS.iter().find(|(start, _)| bytes.starts_with(start)) {
            return Err(self.not_wasm(&format!("It looks like {what}")));
        }
        if looks_like_text(bytes) {
            return Ok(Kind::Text);
        }
        Err(self.not_wasm("A module starts with 00 61 73 6d, and in text with `(module`"))
    }

    /// Refuses an image where a module is wanted.
    pub fn module(self) -> Result<Input, Failure> {
        match self.kind()? {
            Kind::Module | Kind::Text => Ok(self),
            Kind::Image if is_aot(&self.bytes) => {
                Err(Failure::input(format!("{} is already compiled: it is an .aot image", self.name))
                    .help("`wasmc run` or `aot-run` runs it, `wasmc inspect` shows what is in it"))
            }
            Kind::Image => Err(self.not_wasm("It is an ELF file, native code for some machine")),
        }
    }

    fn not_wasm(&self, why: &str) -> Failure {
        let first: Vec<_> = self.bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Failure::input(format!(
            "{} is not a WebAssembly module: its first bytes are {}. {why}",
            self.name,
            first.join(" ")
        ))
        .help("give a module, binary (.wasm) or text (.wat)")
    }
}

/// A file that starts as Wasm does, but then not as a module of version 1.
fn other_version(name: &str, version: &[u8]) -> Failure {
    match version {
        // spec: the component model's binary format has layer 1.
        [_, _, 1, 0, ..] => Failure::input(format!(
            "{name} is a component (component-model proposal), not a module; wasmc compiles modules"
        ))
        .help(
            "build the program as a module (for Rust: target wasm32-wasip1), \
             or take the module out with `wasm-tools component unbundle`",
        ),
        [a, b, c, d, ..] => Failure::input(format!(
            "{name} is WebAssembly of version {}; wasmc knows version 1 (at offset 0x4)",
            u32::from_le_bytes([*a, *b, *c, *d])
        ))
        .help("the file is damaged, or made for another tool; build it again"),
        _ => Failure::input(format!("{name} is cut short inside its 8 bytes of header")).help("copy or build it again"),
    }
}

/// Whether an ELF file has the metadata of an image, of any version.
fn is_aot(bytes: &[u8]) -> bool {
    bytes.windows(wasmc_abi::image::MAGIC.len()).take(1 << 16).any(|w| w == wasmc_abi::image::MAGIC)
}

/// Whether these bytes can be a module as text: UTF-8 that starts, behind space and comments, with
/// a parenthesis.
fn looks_like_text(bytes: &[u8]) -> bool {
    let Ok(mut text) = std::str::from_utf8(bytes) else { return false };
    loop {
        text = text.trim_start();
        if let Some(comment) = text.strip_prefix(";;") {
            text = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if text.starts_with("(;") {
            return true;
        } else {
            return text.starts_with('(');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8]) -> Input {
        Input { name: "x".into(), bytes: bytes.into() }
    }

    #[test]
    fn modules_texts_and_images_are_recognised() {
        assert_eq!(input(b"\0asm\x01\0\0\0rest").kind(), Ok(Kind::Module));
        for text in ["(module)", "\n ;; a comment\n (func)", "(; block ;) (module)"] {
            assert_eq!(input(text.as_bytes()).kind(), Ok(Kind::Text), "{text}");
        }
        assert_eq!(input(b"\x7FELF\x02").kind(), Ok(Kind::Image));
    }

    #[test]
    fn everything_else_is_called_by_its_name() {
        for (bytes, named) in [
            (&b"\0asm\x0D\0\x01\0"[..], "component"),
            (b"\0asm\x02\0\0\0", "version 2"),
            (b"\0as", "cut short"),
            (b"\0asm\x0D", "cut short"),
            (b"\x1F\x8B\x08\0", "1f 8b 08 00"),
            (b"hello there", "68 65 6c 6c 6f 20 74 68"),
            (b"<!DOCTYPE html>", "web page"),
            (b"\xFF\xFE(module)", "ff fe 28"),
        ] {
            let failure = input(bytes).kind().unwrap_err();
            assert!(failure.message.contains(named), "{named}: {}", failure.message);
            assert!(failure.help.is_some());
        }
    }

    #[test]
    fn an_image_is_no_module() {
        let failure = input(b"\x7FELF....wasm.aot....").module().unwrap_err();
        assert!(failure.message.contains("already compiled"));
        let failure = input(b"\x7FELF........").module().unwrap_err();
        assert!(failure.message.contains("an ELF file"));
    }
}
