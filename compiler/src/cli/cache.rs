//! Images of modules that were run before, by what they were made from.
//!
//! An entry's name is the digest of everything that its content depends on, so an entry is never
//! out of date: there is nothing to invalidate, and the folder may be deleted at any time.

use super::failure::plain;
use super::output::replace_file;
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use wasmc::Options;

/// A folder of images.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

/// Name of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The key of `module` compiled with `options` by this program.
    pub fn new(module: &[u8], options: &Options) -> Key {
        Key::with_tool(module, options, &tool())
    }

    fn with_tool(module: &[u8], options: &Options, tool: &str) -> Key {
        // Named one by one, so that a new option has to be thought about; threads change nothing.
        let Options { target, proposals, memory, level, threads: _, unit_len, strip, deterministic, neon_float, fuel } =
            options;
        let description = format!(
            "{tool}\ntarget {} {}\ncpu {} {} {} {:#x}\nmemory {memory}\nlevel {}\nunits {unit_len}\nstrip {strip}\ndeterministic {deterministic}\nneon_float {neon_float}\nfuel {fuel}\nproposals {proposals:?}\n",
            target.row.name,
            target.row.triple,
            target.cpu,
            target.llvm_tune,
            target.llvm_features,
            target.required,
            level.name(),
        );
        let mut digest = Sha256::new();
        // The length keeps the description and the module apart.
        digest.update((description.len() as u64).to_le_bytes());
        digest.update(description);
        digest.update(module);
        Key(hex(&digest.finalize()))
    }

    /// The entry's file name.
    fn file_name(&self) -> String {
        format!("{}.aot", self.0)
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What identifies this program: its versions, and the build of them that this is, since a
/// developer's builds share a version.
fn tool() -> String {
    let built = fs::metadata("/proc/self/exe")
        .map_or(String::new(), |exe| format!("{} {}.{}", exe.size(), exe.mtime(), exe.mtime_nsec()));
    format!("wasmc {}\nbuilt {built}", super::version())
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

    /// The file of an entry, if there is one. It may be damaged: whoever loads it finds out, and
    /// [removes](Self::remove) it.
    pub fn find(&self, key: &Key) -> Option<PathBuf> {
        Some(self.folder.join(key.file_name())).filter(|path| path.is_file())
    }

    /// Removes an entry.
    pub fn remove(&self, key: &Key) {
        let _ = fs::remove_file(self.folder.join(key.file_name()));
    }

    /// Stores an entry and gives its file; the error is a sentence for a warning.
    pub fn store(&self, key: &Key, image: &[u8]) -> Result<PathBuf, String> {
        let path = self.folder.join(key.file_name());
        self.make_folder().and_then(|()| replace_file(&path, image)).map_err(|error| {
            format!("the compiled module could not be kept in the cache `{}`: {}", self.folder.display(), plain(&error))
        })?;
        Ok(path)
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
    use wasmc::{MemoryModel, OptLevel, Target};

    #[test]
    fn the_key_changes_with_all_that_the_image_depends_on() {
        let options = Options::default();
        let key = |module: &[u8], options: &Options, tool| Key::with_tool(module, options, tool);
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
        assert_eq!(base.0.len(), 64);
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
        let key = Key::new(b"module", &Options::default());
        assert_eq!(cache.find(&key), None);
        let entry = cache.store(&key, b"image").unwrap();
        assert_eq!(cache.find(&key), Some(entry.clone()));
        assert_eq!(fs::read(entry).unwrap(), b"image");
        cache.remove(&key);
        assert_eq!(cache.find(&key), None);
        fs::remove_dir_all(&path).unwrap();
    }
}
