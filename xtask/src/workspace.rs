//! The repository as the checks see it: files by path, and the members of the workspace.
//!
//! Checks get this value and never open a file themselves, so a test can hand them a workspace made of strings.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::manifest::Package;
use crate::source::Source;
use crate::toml::{self, Leaf};

/// Where sources and documents are kept, from the root.
const FOLDERS: &[&str] = &["crates", "docs", "examples", "xtask"];

/// All that is checked.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// Text by path from the root, with forward slashes.
    pub(crate) files: BTreeMap<String, String>,
    /// The root manifest.
    pub(crate) root: Vec<Leaf>,
    /// The members.
    pub(crate) packages: Vec<Package>,
}

impl Workspace {
    /// Reads the repository this program was built from.
    pub(crate) fn load() -> Result<Workspace, String> {
        let root = root();
        let mut files = BTreeMap::new();
        let failed = |error: std::io::Error| format!("reading {}: {error}", root.display());
        for entry in fs::read_dir(&root).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_file() {
                read_text(&root, &path, &mut files);
            }
        }
        for folder in FOLDERS {
            walk(&root, &root.join(folder), &mut files)?;
        }
        Workspace::new(files)
    }

    /// Understands the manifests among `files`.
    pub(crate) fn new(files: BTreeMap<String, String>) -> Result<Workspace, String> {
        let manifest = files.get("Cargo.toml").map_or("", String::as_str);
        let root = toml::parse(manifest).map_err(|error| format!("Cargo.toml: {error}"))?;
        let members: Vec<&str> = root
            .iter()
            .filter(|leaf| leaf.is(&["workspace", "members"]))
            .flat_map(|leaf| leaf.value.texts())
            .collect();
        let mut packages = Vec::new();
        for (path, text) in &files {
            let Some(dir) = path.strip_suffix("/Cargo.toml") else {
                continue;
            };
            if members.iter().any(|member| is_member(member, dir)) {
                let package =
                    Package::read(dir, text, &root).map_err(|error| format!("{path}: {error}"))?;
                packages.push(package);
            }
        }
        Ok(Workspace { files, root, packages })
    }

    /// A workspace made of strings.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Workspace {
        let files =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Workspace::new(files).expect("the manifests of a fixture are valid")
    }

    /// The member of this name.
    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// The members under `crates/`.
    pub(crate) fn libraries(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.is_library())
    }

    /// The member whose examples people run.
    pub(crate) fn examples(&self) -> Option<&Package> {
        self.packages.iter().find(|package| package.dir == "examples")
    }

    /// The documents that describe the present: all but the changelog.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all_files().filter(|(path, _)| path.ends_with(".md") && *path != "CHANGELOG.md")
    }

    /// Every Rust file.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all_files().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// The Rust files of the libraries themselves, without their test and bench targets.
    pub(crate) fn library_sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sources().filter(|(path, _)| {
            matches!(path.split('/').collect::<Vec<_>>()[..], ["crates", _, "src", ..])
        })
    }

    fn all_files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Library files that are compiled for tests only because the module that declares them says so.
    pub(crate) fn test_only_files(&self) -> BTreeSet<&str> {
        let mut modules = Vec::new();
        for (path, text) in self.library_sources() {
            let parent = match path.rsplit_once('/') {
                Some((dir, "lib.rs" | "main.rs" | "mod.rs")) => dir,
                _ => path.trim_end_matches(".rs"),
            };
            for name in Source::read(text).test_modules() {
                modules.push(format!("{parent}/{name}"));
            }
        }
        self.library_sources()
            .map(|(path, _)| path)
            .filter(|path| {
                modules.iter().any(|module| {
                    path.strip_prefix(module.as_str())
                        .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
                })
            })
            .collect()
    }
}

/// The directory this program belongs to.
pub(crate) fn root() -> PathBuf {
    let own = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().map_or(own.clone(), Path::to_path_buf)
}

/// The Cargo that runs this program, at the root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

fn is_member(member: &str, dir: &str) -> bool {
    match member.strip_suffix("/*") {
        Some(parent) => dir.rsplit_once('/').is_some_and(|(above, _)| above == parent),
        None => member == dir,
    }
}

fn walk(root: &Path, dir: &Path, files: &mut BTreeMap<String, String>) -> Result<(), String> {
    if !dir.exists() {
        return Ok(());
    }
    let failed = |error: std::io::Error| format!("reading {}: {error}", dir.display());
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                walk(root, &path, files)?;
            }
        } else if [".rs", ".toml", ".md"].iter().any(|ending| name.ends_with(ending)) {
            read_text(root, &path, files);
        }
    }
    Ok(())
}

/// Adds a file if it is text; what is not has no facts to check.
fn read_text(root: &Path, path: &Path, files: &mut BTreeMap<String, String>) {
    if let (Ok(text), Ok(short)) = (fs::read_to_string(path), path.strip_prefix(root)) {
        files.insert(short.to_string_lossy().replace('\\', "/"), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_the_globs_of_the_root() {
        let workspace = Workspace::of(&[
            ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\", \"xtask\"]"),
            ("crates/a/Cargo.toml", "[package]\nname = \"a\""),
            ("crates/a/fuzz/Cargo.toml", "[package]\nname = \"fuzz\""),
            ("xtask/Cargo.toml", "[package]\nname = \"xtask\""),
            ("other/Cargo.toml", "[package]\nname = \"other\""),
        ]);
        let names: Vec<_> = workspace.packages.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["a", "xtask"]);
        assert_eq!(workspace.libraries().count(), 1);
    }

    #[test]
    fn files_of_test_modules_are_known() {
        let workspace = Workspace::of(&[
            ("crates/a/src/lib.rs", "mod shift;\n#[cfg(test)]\nmod world;\n"),
            ("crates/a/src/world.rs", ""),
            ("crates/a/src/world/time.rs", ""),
            ("crates/a/src/shift.rs", "#[cfg(test)]\nmod tests;"),
            ("crates/a/src/shift/tests.rs", ""),
            ("crates/a/src/shift/plan.rs", ""),
        ]);
        let found: Vec<_> = workspace.test_only_files().into_iter().collect();
        assert_eq!(
            found,
            ["crates/a/src/shift/tests.rs", "crates/a/src/world.rs", "crates/a/src/world/time.rs"]
        );
    }

    #[test]
    fn the_repository_itself_can_be_loaded() {
        let workspace = Workspace::load().unwrap();
        assert!(workspace.package("xtask").is_some());
        assert!(workspace.files.contains_key("xtask/src/workspace.rs"));
    }
}
