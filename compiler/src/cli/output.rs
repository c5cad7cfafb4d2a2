//! Where results go. A file is written beside its name and then renamed, so that no one ever sees
//! half of it; standard output gets a result that is complete.

use super::failure::{Failure, plain};
use super::interrupt;
use super::terminal::size;
use rustix::fs::Access;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Where a result goes, found to be usable before the work begins.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// A file that is there when it is complete.
    File(PathBuf),
    /// A device or a pipe, which cannot be replaced by a file.
    Device(PathBuf),
}

impl Output {
    /// The output `path`, where `-` is standard output. `what` names the result in messages.
    pub fn prepare(path: &Path) -> Result<Output, Failure> {
        if path == Path::new("-") {
            return Ok(Output::Stdout);
        }
        // A link stays a link: what it points to is replaced.
        let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                return Err(Failure::input(format!("the output `{}` is a folder", path.display()))
                    .help(format!("name a file in it: `-o {}`", path.join("OUT.aot").display())));
            }
            Ok(found) if !found.is_file() => return Ok(Output::Device(path.clone())),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::file("write", path, &error)),
        }
        let folder = folder_of(path);
        match fs::metadata(folder) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                return Err(cannot_write(path, &format!("`{}` is not a folder", folder.display())));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let why = format!("there is no folder `{}`", folder.display());
                return Err(cannot_write(path, &why).help("make the folder, or name another output with `-o`"));
            }
            Err(error) => return Err(Failure::file("write", path, &error)),
        }
        if let Err(error) = rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK) {
            return Err(explain(path, 0, &error.into()));
        }
        Ok(Output::File(path.clone()))
    }

    /// Writes the whole result, or nothing.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Output::Stdout => print_bytes(bytes),
            Output::Device(path) => OpenOptions::new()
                .write(true)
                .open(path)
                .and_then(|mut device| device.write_all(bytes))
                .map_err(|error| explain(path, bytes.len(), &error)),
            Output::File(path) => replace_file(path, bytes).map_err(|error| explain(path, bytes.len(), &error)),
        }
    }
}

/// Writes `bytes` beside `path` and renames. On failure nothing is left and nothing has changed.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (beside, mut file) = create_beside(path)?;
    let written = file.write_all(bytes);
    drop(file);
    interrupt::file_ended(|| {
        let replaced = written.and_then(|()| fs::rename(&beside, path));
        if replaced.is_err() {
            let _ = fs::remove_file(&beside);
        }
        replaced
    })
}

/// Whether a file has a name that results have until they are complete.
pub fn is_unfinished(name: &str) -> bool {
    name.starts_with(".wasmc-") && name.ends_with(".tmp")
}

fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let folder = folder_of(path);
    let mut tries = 0;
    loop {
        let beside = folder.join(format!(".wasmc-{}-{tries}.tmp", std::process::id()));
        let create = || OpenOptions::new().write(true).create_new(true).open(&beside);
        match interrupt::file_started(&beside, create) {
            // Left behind by a process that was killed, and had the same id.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && tries < 100 => tries += 1,
            Err(error) => return Err(error),
            Ok(file) => return Ok((beside, file)),
        }
    }
}

/// The folder that `path` lies in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) => Path::new("."),
        None => path,
    }
}

fn cannot_write(path: &Path, why: &str) -> Failure {
    Failure::input(format!("could not write `{}`: {why}", path.display()))
}

fn explain(path: &Path, len: usize, error: &io::Error) -> Failure {
    let folder = folder_of(path).display().to_string();
    let failure = cannot_write(path, &plain(error));
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => failure.help(format!(
            "the file takes {}: make room on the file system of `{folder}`, or name another output with `-o`",
            size(len as u64)
        )),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => failure.help(format!(
            "files have to be made in the folder `{folder}`: make it writable, or name another output with `-o`"
        )),
        _ => failure.help("name another output with `-o`"),
    }
}

/// Prints text to standard output, with colours if it is a terminal.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    printed(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Prints bytes to standard output as they are.
pub fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    // Not through `Stdout`, which would keep the end of a line for later and lose its error.
    let mut stdout =
        File::from(std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned().map_err(|error| cannot_print(&error))?);
    printed(stdout.write_all(bytes))
}

fn printed(outcome: io::Result<()>) -> Result<(), Failure> {
    match outcome {
        // `wasmc inspect ... | head` has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(cannot_print(&error)),
        Ok(()) => Ok(()),
    }
}

fn cannot_print(error: &io::Error) -> Failure {
    Failure::input(format!("could not write to standard output: {}", plain(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for one test, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("wasmc-output-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).unwrap();
            Folder(path)
        }
        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_stays_beside() {
        let folder = Folder::new("replace");
        let path = folder.0.join("out.aot");
        for content in [&b"first"[..], b"second, longer", b""] {
            Output::prepare(&path).unwrap().write(content).unwrap();
            assert_eq!(fs::read(&path).unwrap(), content);
            assert_eq!(folder.names(), ["out.aot"]);
        }
    }

    #[test]
    fn a_failed_rename_leaves_nothing() {
        let folder = Folder::new("rename");
        // The name is taken by a folder after it was found free.
        let path = folder.0.join("out.aot");
        let output = Output::prepare(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let failure = output.write(b"content").unwrap_err();
        assert!(failure.message.contains("out.aot"), "{failure:?}");
        assert_eq!(folder.names(), ["out.aot"]);
    }

    #[test]
    fn a_missing_folder_is_found_before_the_work() {
        let folder = Folder::new("missing");
        let failure = Output::prepare(&folder.0.join("no/out.aot")).unwrap_err();
        assert!(failure.message.contains("there is no folder"), "{failure:?}");
        assert!(failure.help.unwrap().contains("make the folder"));
        let failure = Output::prepare(&folder.0).unwrap_err();
        assert!(failure.message.contains("is a folder"), "{failure:?}");
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = Folder::new("link");
        let (file, link) = (folder.0.join("file"), folder.0.join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        Output::prepare(&link).unwrap().write(b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
    }

    #[test]
    fn devices_are_written_to_not_replaced() {
        let null = Path::new("/dev/null");
        assert_eq!(Output::prepare(null).unwrap(), Output::Device(null.into()));
        Output::prepare(null).unwrap().write(b"gone").unwrap();
        let failure = Output::prepare(Path::new("/dev/full")).unwrap().write(b"no").unwrap_err();
        assert!(failure.message.contains("no space left"), "{failure:?}");
        assert!(failure.help.unwrap().contains("make room"));
    }
}
