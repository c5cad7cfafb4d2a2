//! What was compiled before, by what it was made from: images of modules that were run, and objects of units.
//!
//! An entry's name is the digest of everything that its content depends on, so an entry is never
//! out of date: there is nothing to invalidate, and the folder may be deleted at any time.

use super::failure::{Failure, plain};
use super::output::{is_unfinished, replace_file};
use rustix::fs::Access;
use sha2::{Digest, Sha256};
use std::fs::{self, DirEntry, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use wasmc::Options;

/// A folder of entries.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

/// Bytes that a folder may come to.
const LEN_MAX: u64 = 1 << 30;

/// When a file that was never finished is certain to be nobody's.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Name of an entry: its file's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The key of the image of `module`, compiled with `options` by this program.
    pub fn image(module: &[u8], options: &Options) -> Key {
        Key::image_by(&tool(), module, options)
    }

    fn image_by(tool: &str, module: &[u8], options: &Options) -> Key {
        Key::new(&format!("{tool}\n{}", options.description()), module, "aot")
    }

    /// The key of a unit, compiled by this program.
    pub fn unit(key: wasmc::incremental::Key) -> Key {
        Key::new(&tool(), &key.0, "unit")
    }

    fn new(description: &str, content: &[u8], extension: &str) -> Key {
        let mut digest = Sha256::new();
        // The length keeps the description and the content apart.
        digest.update((description.len() as u64).to_le_bytes());
        digest.update(description);
        digest.update(content);
        Key(format!("{}.{extension}", hex(&digest.finalize())))
    }

    /// The key whose file has this name.
    pub fn from_file_name(name: &str) -> Option<Key> {
        let (digest, extension) = name.split_once('.')?;
        let is_one = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
        (is_one && ["aot", "unit"].contains(&extension)).then(|| Key(name.into()))
    }

    /// The name of the file.
    pub fn file_name(&self) -> &str {
        &self.0
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What identifies this program: its versions, and the builds of it and of LLVM that this is, since a
/// developer's builds share a version.
fn tool() -> String {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let llvm =
        maps.lines().filter_map(|line| line.find('/').map(|at| &line[at..])).find(|path| path.contains("libLLVM"));
    let built = |path: &str| {
        fs::metadata(path)
            .map_or(String::new(), |file| format!("{} {}.{}", file.size(), file.mtime(), file.mtime_nsec()))
    };
    format!("wasmc {}\nbuilt {}\nLLVM {}", super::version(), built("/proc/self/exe"), llvm.map_or(String::new(), built))
}

impl Cache {
    /// The cache in `folder`, or else where the environment says: `$WASMC_CACHE_DIR`,
    /// `$XDG_CACHE_HOME/wasmc`, `~/.cache/wasmc`. `None` if it says nothing.
    pub fn new(folder: Option<&Path>) -> Option<Cache> {
        Cache::from_environment(folder, |name| std::env::var_os(name).map(PathBuf::from))
    }

    fn from_environment(folder: Option<&Path>, variable: impl Fn(&str) -> Option<PathBuf>) -> Option<Cache> {
        let set = |name: &str| variable(name).filter(|path| !path.as_os_str().is_empty());
        let folder = folder
            .map(Path::to_path_buf)
            .or_else(|| set("WASMC_CACHE_DIR"))
            // XDG base directories: a relative path is invalid and to be ignored.
            .or_else(|| set("XDG_CACHE_HOME").filter(|p| p.is_absolute()).map(|p| p.join("wasmc")))
            .or_else(|| set("HOME").map(|p| p.join(".cache/wasmc")))?;
        Some(Cache { folder })
    }

    /// The cache in `folder`, which the command line names: it is made, and has to be one that entries can be put in.
    pub fn prepare(folder: &Path) -> Result<Cache, Failure> {
        let cache = Cache { folder: folder.to_path_buf() };
        let made = cache
            .make_folder()
            .and_then(|()| Ok(rustix::fs::access(folder, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)?));
        made.map_err(|error| {
            Failure::file("keep anything in", folder, &error)
                .help("name a folder that is yours, or one that can be made")
        })?;
        cache.belongs_to_us()?;
        Ok(cache)
    }

    /// Refuses a folder that somebody else may write into: what lies there is run, or becomes part of what is. One that
    /// is not there yet will be made for us alone.
    pub fn belongs_to_us(&self) -> Result<(), Failure> {
        let Ok(found) = fs::metadata(&self.folder) else { return Ok(()) };
        let folder = self.folder.display();
        let refuse = |why| Failure::input(format!("compiled code is not kept in `{folder}`: {why}"));
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(refuse("it belongs to another user").help("name a folder of your own"));
        }
        if found.mode() & 0o022 != 0 {
            let help = format!("`chmod go-w {folder}`, or name a folder of your own");
            return Err(refuse("others may write into it").help(help));
        }
        Ok(())
    }

    /// The file of an entry, if there is one. It may be damaged: whoever loads it finds out, and
    /// [removes](Self::remove) it.
    pub fn find(&self, key: &Key) -> Option<PathBuf> {
        let path = self.folder.join(key.file_name());
        // Entries that are in use go last.
        let _ = File::open(&path).ok()?.set_modified(SystemTime::now());
        Some(path).filter(|path| path.is_file())
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes an entry.
    pub fn remove(&self, key: &Key) {
        let _ = fs::remove_file(self.folder.join(key.file_name()));
    }

    /// Stores an entry and gives its file; the error is a sentence for a warning.
    pub fn store(&self, key: &Key, entry: &[u8]) -> Result<PathBuf, String> {
        let path = self.folder.join(key.file_name());
        self.make_folder().and_then(|()| replace_file(&path, entry)).map_err(|error| {
            format!("what was compiled could not be kept in the cache `{}`: {}", self.folder.display(), plain(&error))
        })?;
        Ok(path)
    }

    /// Removes the entries that were not used for longest until the others take no more than a limit, and what
    /// commands that were killed have left unfinished.
    pub fn trim(&self) {
        self.trim_to(LEN_MAX);
    }

    fn trim_to(&self, len_max: u64) {
        let Ok(found) = fs::read_dir(&self.folder) else { return };
        let file = |entry: DirEntry| {
            let (name, metadata) = (entry.file_name(), entry.metadata().ok()?);
            Some((name.into_string().ok()?, metadata.modified().ok()?, metadata.len()))
        };
        let (mut entries, others): (Vec<_>, Vec<_>) =
            found.filter_map(|entry| file(entry.ok()?)).partition(|(name, ..)| Key::from_file_name(name).is_some());
        let is_abandoned = |time: &SystemTime| time.elapsed().is_ok_and(|age| age > ABANDONED);
        for (name, ..) in others.iter().filter(|(name, time, _)| is_unfinished(name) && is_abandoned(time)) {
            let _ = fs::remove_file(self.folder.join(name));
        }
        entries.sort_by_key(|(_, time, _)| *time);
        let mut len: u64 = entries.iter().map(|(.., len)| len).sum();
        for (name, _, entry_len) in entries {
            if len <= len_max {
                break;
            }
            let _ = fs::remove_file(self.folder.join(name));
            len -= entry_len;
        }
    }

    fn make_folder(&self) -> io::Result<()> {
        // For its owner alone: what lies here is run.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroUsize;
    use std::sync::Arc;
    use wasmc::{MemoryModel, OptLevel, Profile, Profiling, Target};
    use wasmc_abi::profile::{COUNTER_LEN, MAGIC, PartHeader, VERSION, sealed_head};

    /// A profile of no function, with a counter of that value.
    fn used(count: u64) -> Profiling {
        let len = (PartHeader::LEN + COUNTER_LEN) as u32;
        let head = PartHeader { magic: MAGIC, version: VERSION, checksum: 0, len, bodies: 0 };
        let memory = [&head.to_bytes()[..], &count.to_le_bytes()].concat();
        let head = sealed_head(&memory).unwrap();
        let part = [&head.to_bytes(), &memory[PartHeader::LEN..]].concat();
        Profiling::Use(Arc::new(Profile::read(&part).unwrap()))
    }

    #[test]
    fn the_key_changes_with_all_that_the_image_depends_on() {
        let options = Options::default();
        let key = |module: &[u8], options: &Options, tool| Key::image_by(tool, module, options);
        let base = key(b"module", &options, "tool");
        let variants = [
            key(b"modulf", &options, "tool"),
            key(b"module", &options, "tool 2"),
            key(b"module", &Options { level: OptLevel::O3, ..options.clone() }, "tool"),
            key(b"module", &Options { memory: MemoryModel::Checked, ..options.clone() }, "tool"),
            key(b"module", &Options { strip: true, ..options.clone() }, "tool"),
            key(b"module", &Options { deterministic: true, ..options.clone() }, "tool"),
            key(b"module", &Options { neon_float: true, ..options.clone() }, "tool"),
            key(b"module", &Options { fuel: true, ..options.clone() }, "tool"),
            key(b"module", &Options { unit_len: 1, ..options.clone() }, "tool"),
            key(b"module", &Options { profiling: Profiling::Generate, ..options.clone() }, "tool"),
            key(b"module", &Options { profiling: used(1), ..options.clone() }, "tool"),
            key(b"module", &Options { profiling: used(2), ..options.clone() }, "tool"),
            key(
                b"module",
                &Options { target: Target::new("x86_64-linux", Some("x86-64-v3"), &[]).unwrap(), ..options.clone() },
                "tool",
            ),
            key(
                b"module",
                &Options { target: Target::new("x86_64-linux", None, &["+avx2".into()]).unwrap(), ..options.clone() },
                "tool",
            ),
        ];
        for (index, variant) in variants.iter().enumerate() {
            assert_ne!(*variant, base, "variant {index}");
            assert_eq!(variants.iter().filter(|v| *v == variant).count(), 1, "variant {index}");
        }
        let more_threads = Options { threads: NonZeroUsize::new(17).unwrap(), ..options.clone() };
        assert_eq!(key(b"module", &more_threads, "tool"), base);
        assert_eq!(Key::from_file_name(base.file_name()), Some(base));
    }

    #[test]
    fn the_folder_is_the_option_then_the_variables_in_order() {
        let folder = |option: Option<&str>, variables: &[(&str, &str)]| {
            let variable =
                |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| PathBuf::from(value));
            Cache::from_environment(option.map(Path::new), variable)
                .map(|cache| cache.folder.to_str().unwrap().to_string())
        };
        let all = [("WASMC_CACHE_DIR", "/w"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(folder(Some("/o"), &all).as_deref(), Some("/o"));
        assert_eq!(folder(None, &all).as_deref(), Some("/w"));
        assert_eq!(folder(None, &all[1..]).as_deref(), Some("/x/wasmc"));
        assert_eq!(folder(None, &all[2..]).as_deref(), Some("/h/.cache/wasmc"));
        let relative = [("XDG_CACHE_HOME", "x"), ("HOME", "/h")];
        assert_eq!(folder(None, &relative).as_deref(), Some("/h/.cache/wasmc"));
        assert_eq!(folder(None, &[("HOME", "")]), None);
    }

    #[test]
    fn an_entry_is_found_until_it_is_removed() {
        let path = std::env::temp_dir().join(format!("wasmc-cache-{}", std::process::id()));
        let cache = Cache::new(Some(&path)).unwrap();
        let key = Key::image(b"module", &Options::default());
        assert_eq!(cache.find(&key), None);
        let entry = cache.store(&key, b"image").unwrap();
        assert_eq!(cache.find(&key), Some(entry.clone()));
        assert_eq!(fs::read(entry).unwrap(), b"image");
        cache.remove(&key);
        assert_eq!(cache.find(&key), None);
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn entries_that_were_not_used_for_longest_go_when_there_are_too_many() {
        let path = std::env::temp_dir().join(format!("wasmc-cache-trim-{}", std::process::id()));
        let cache = Cache::prepare(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        let unit = |number| Key::unit(wasmc::incremental::Key([number; 32]));
        let set_age = |path: &Path, hours: u64| {
            let then = SystemTime::now() - Duration::from_secs(3600 * hours);
            File::open(path).unwrap().set_modified(then).unwrap();
        };
        for number in 0..4 {
            set_age(&cache.store(&unit(number), &[0; 100]).unwrap(), 10 - u64::from(number));
        }
        // Used again; another's file; one that was left unfinished long ago and one of just now.
        assert!(cache.find(&unit(0)).is_some());
        for (name, hours) in [("notes.txt", 99), (".wasmc-1-0.tmp", 2), (".wasmc-2-0.tmp", 0)] {
            fs::write(path.join(name), [0; 1000]).unwrap();
            set_age(&path.join(name), hours);
        }
        cache.trim_to(250);
        let left: Vec<bool> = (0..4).map(|number| cache.find(&unit(number)).is_some()).collect();
        assert_eq!(left, [true, false, false, true]);
        let is_left = |name| path.join(name).exists();
        assert!(is_left("notes.txt") && !is_left(".wasmc-1-0.tmp") && is_left(".wasmc-2-0.tmp"));
        fs::remove_dir_all(&path).unwrap();
    }
}
