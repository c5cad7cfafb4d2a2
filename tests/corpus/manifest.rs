//! `modules.toml` as data: what the corpus consists of and where it is fetched from.

use serde::Deserialize;

/// The whole manifest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Packages, by exact version.
    #[serde(rename = "package")]
    pub packages: Vec<Package>,
    /// Modules, taken from a package or built by one.
    #[serde(rename = "module")]
    pub modules: Vec<Module>,
    /// Folders of data, from an archive inside a package.
    #[serde(rename = "folder")]
    pub folders: Vec<Folder>,
}

/// A package of a public registry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// What modules call it.
    pub id: String,
    /// Whose client fetches it.
    pub registry: Registry,
    /// Its name there.
    pub name: String,
    /// Its exact version.
    pub version: String,
}

/// A registry of packages.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Registry {
    /// Archives are `.tgz`.
    Npm,
    /// Archives are `.whl`, which is zip.
    Pypi,
}

/// A module.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Module {
    /// Its name here: `modules/ID.wasm` of the cache.
    pub id: String,
    /// What it shows.
    pub what: String,
    /// The package it comes from.
    pub package: String,
    /// Where it stands in the package.
    #[serde(default)]
    pub path: String,
    /// The Go package to build with `package` in place of taking a file.
    pub build: Option<String>,
    /// Of the module, however it was made.
    pub sha256: String,
    /// Whether every run of the tests takes it.
    #[serde(default)]
    pub small: bool,
}

/// A folder of data or of sources: `folders/ID` of the cache.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// Its name here.
    pub id: String,
    /// The package it comes from.
    pub package: String,
    /// Where its archive (`.tar.gz`), its only file, or the folder itself stands in the package.
    pub path: String,
    /// The name of the only file in the folder.
    pub file: Option<String>,
    /// A file of the folder itself, which is taken as it stands.
    pub proof: Option<String>,
    /// Of the archive, the only file or the proof.
    pub sha256: String,
    /// Whether every run of the tests takes it.
    #[serde(default)]
    pub small: bool,
}

impl Manifest {
    /// The manifest of this tree.
    pub fn load() -> Manifest {
        toml::from_str(include_str!("modules.toml")).expect("modules.toml is well formed")
    }
}
