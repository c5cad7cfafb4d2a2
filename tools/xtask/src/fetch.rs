//! Fetches the corpus by package name and exact version, with the registries' own clients, and checks
//! every digest. What is there and right is left alone; with everything there, no network is used.

use crate::manifest::{Folder, Manifest, Module, Package, Registry};
use crate::setup;
use crate::shell::{CommandExt, target_dir};
use crate::test::Scope;
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Brings the corpus to where the tests look for it, and says where that is.
pub fn fetch(scope: Scope) -> Result<()> {
    let corpus = corpus_dir();
    let manifest = Manifest::load();
    for package in &manifest.packages {
        let wanted = |small: bool| small || scope == Scope::Whole;
        let modules: Vec<&Module> =
            manifest.modules.iter().filter(|m| m.package == package.id && wanted(m.small)).collect();
        let folders: Vec<&Folder> =
            manifest.folders.iter().filter(|f| f.package == package.id && wanted(f.small)).collect();
        bring(&corpus, package, &modules, &folders)?;
    }
    Ok(())
}

/// Where a folder of the corpus is, which is brought if it is not there.
pub fn folder(id: &str) -> Result<PathBuf> {
    let (corpus, manifest) = (corpus_dir(), Manifest::load());
    let folder = manifest.folders.iter().find(|folder| folder.id == id).context("the corpus has no such folder")?;
    let package = manifest.packages.iter().find(|package| package.id == folder.package);
    bring(&corpus, package.context("its package is not in the manifest")?, &[], &[folder])?;
    Ok(corpus.join("folders").join(id))
}

/// Brings those modules and folders of a package that are not there.
fn bring(corpus: &Path, package: &Package, modules: &[&Module], folders: &[&Folder]) -> Result<()> {
    let is_missing = |module: &&&Module| !has_digest(&module_path(corpus, module), &module.sha256);
    let modules: Vec<_> = modules.iter().filter(is_missing).collect();
    let place_of = |folder: &Folder| corpus.join("folders").join(&folder.id);
    let folders: Vec<_> = folders.iter().filter(|f| !is_complete(&place_of(f), &f.sha256)).collect();
    if modules.is_empty() && folders.is_empty() {
        return Ok(());
    }
    let work = Scratch::new(corpus)?;
    let unpacked = download(package, &work.0)?;
    for module in modules {
        let made = match &module.build {
            None => unpacked.join(&module.path),
            Some(go_package) => build_with_go(&unpacked, go_package, &work.0)?,
        };
        eprintln!("  {}: {}", module.id, module.what);
        check(&made, &module.sha256, &module.id)?;
        place(&made, &module_path(corpus, module))?;
    }
    for folder in folders {
        let (from, into) = (unpacked.join(&folder.path), place_of(folder));
        check(&folder.proof.as_ref().map_or(from.clone(), |proof| from.join(proof)), &folder.sha256, &folder.id)?;
        match (&folder.file, &folder.proof) {
            (Some(file), _) => place(&from, &into.join(file))?,
            (None, Some(_)) => {
                // What an interrupted run has left.
                fs::remove_dir_all(&into).or_else(|error| match error.kind() {
                    std::io::ErrorKind::NotFound => Ok(()),
                    _ => Err(error),
                })?;
                place(&from, &into)?;
            }
            (None, None) => {
                fs::create_dir_all(&into)?;
                Command::new("tar").arg("-xzf").arg(&from).arg("-C").arg(&into).output_ok()?;
            }
        }
        // Written last: an interrupted run starts this folder again.
        fs::write(mark(&into), &folder.sha256)?;
    }
    Ok(())
}

/// Where the tests look: `WASMC_CORPUS_DIR`, else a folder that git ignores.
pub fn corpus_dir() -> PathBuf {
    std::env::var_os("WASMC_CORPUS_DIR").map_or_else(|| target_dir().join("corpus"), PathBuf::from)
}

/// Downloads and unpacks `package`; the folder with its contents.
fn download(package: &Package, work: &Path) -> Result<PathBuf> {
    setup::setup_fetch()?;
    eprintln!("fetching {} {}", package.name, package.version);
    let mut client = match package.registry {
        Registry::Npm => {
            let mut npm = Command::new("npm");
            npm.args(["pack", "--silent", &format!("{}@{}", package.name, package.version)]);
            npm
        }
        Registry::Pypi => {
            let mut pip = Command::new("python3");
            pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
            pip.args(["--only-binary=:all:", &format!("{}=={}", package.name, package.version)]);
            pip
        }
    };
    client.current_dir(work).output_ok()?;
    let archive = only_file(work).with_context(|| format!("{} gave no single archive", package.name))?;
    let unpacked = work.join("unpacked");
    fs::create_dir(&unpacked)?;
    match package.registry {
        Registry::Npm => Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&unpacked).output_ok()?,
        // Python is there, pip ran in it; unzip may not be.
        Registry::Pypi => {
            Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&archive).arg(&unpacked).output_ok()?
        }
    };
    Ok(unpacked)
}

fn only_file(dir: &Path) -> Result<PathBuf> {
    let files: Vec<PathBuf> = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    ensure!(files.len() == 1, "{} files instead of one", files.len());
    Ok(files.into_iter().next().expect("there is one"))
}

/// Builds a Go package for WASI with the Go distribution unpacked at `unpacked`. The output does not
/// depend on where that is.
fn build_with_go(unpacked: &Path, go_package: &str, work: &Path) -> Result<PathBuf> {
    let root = find_go_root(unpacked)?;
    // Zip as unpacked here loses the executable bits.
    Command::new("chmod").args(["-R", "u+x"]).arg(root.join("bin")).arg(root.join("pkg/tool")).output_ok()?;
    let output = work.join("built.wasm");
    let mut go = Command::new(root.join("bin/go"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GO")) {
        go.env_remove(name);
    }
    go.env("GOROOT", &root).env("GOOS", "wasip1").env("GOARCH", "wasm").env("CGO_ENABLED", "0");
    go.env("GOFLAGS", "-trimpath").env("GOENV", "off").env("GOPROXY", "off").env("GOTOOLCHAIN", "local");
    go.env("GOCACHE", work.join("cache")).env("GOPATH", work.join("path")).current_dir(work);
    go.args(["build", "-o"]).arg(&output).arg(go_package).output_ok()?;
    Ok(output)
}

/// The folder that holds Go's `VERSION`.
fn find_go_root(dir: &Path) -> Result<PathBuf> {
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if folder.join("VERSION").is_file() && folder.join("bin/go").is_file() {
            return Ok(folder);
        }
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    anyhow::bail!("the package holds no Go distribution")
}

fn module_path(corpus: &Path, module: &Module) -> PathBuf {
    corpus.join("modules").join(format!("{}.wasm", module.id))
}

fn mark(folder: &Path) -> PathBuf {
    folder.with_extension("complete")
}

fn is_complete(folder: &Path, sha256: &str) -> bool {
    fs::read_to_string(mark(folder)).is_ok_and(|text| text == sha256)
}

fn has_digest(path: &Path, sha256: &str) -> bool {
    fs::read(path).is_ok_and(|bytes| hex_digest(&bytes) == sha256)
}

fn check(path: &Path, sha256: &str, id: &str) -> Result<()> {
    let bytes = fs::read(path).with_context(|| format!("{id}: {} is not in the package", path.display()))?;
    let found = hex_digest(&bytes);
    ensure!(found == sha256, "{id}: the digest is {found}, expected {sha256}; nothing was kept");
    Ok(())
}

fn hex_digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Moves a finished file or folder to its place, whole or not at all.
fn place(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().expect("the path has a folder"))?;
    fs::rename(from, to).with_context(|| format!("could not write {}", to.display()))
}

/// A folder beside the cache, on the same file system; removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(corpus: &Path) -> Result<Scratch> {
        let dir = corpus.join(format!("work-{}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("could not create {}", dir.display()))?;
        Ok(Scratch(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Go's cache is written read-only in places.
        let _ = Command::new("chmod").args(["-R", "u+w"]).arg(&self.0).output();
        let _ = fs::remove_dir_all(&self.0);
    }
}
