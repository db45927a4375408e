//! Servers that tests start for themselves: Prometheus and PostgreSQL, from Debian where the machine has none.
//!
//! Tests get to know where the programs are and nothing else; each of them starts its own server, on a free port and in a
//! directory of its own, and ends it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::{apt_install, lock, must, runs, tools};

/// Names the program `prometheus`.
const PROMETHEUS: &str = "PETSWIPE_PROMETHEUS";
/// Names the program `promtool`.
const PROMTOOL: &str = "PETSWIPE_PROMTOOL";
/// Names the directory with `initdb` and `postgres`.
const POSTGRES: &str = "PETSWIPE_POSTGRES";

/// Where Debian and Homebrew keep the versions of PostgreSQL, each with a directory `bin`.
const POSTGRES_HOMES: &[&str] = &["/usr/lib/postgresql", "/opt/homebrew/opt"];

/// Keeps the package from making and starting a database cluster of its own; see createcluster.conf(5) of Debian.
const NO_CLUSTER: (&str, &str) =
    ("/etc/postgresql-common/createcluster.conf", "create_main_cluster = false\n");

/// What tests have to be told.
pub(crate) struct Servers(Vec<(&'static str, String)>);

impl Servers {
    /// Finds the programs, or installs them.
    pub(crate) fn find() -> Result<Servers, String> {
        let tools = tools()?;
        let failed = |error| format!("{}: {error}", tools.display());
        fs::create_dir_all(&tools).map_err(failed)?;
        let lock = lock(&tools.join("servers.lock")).map_err(failed)?;
        let (prometheus, promtool) = prometheus(&tools.join("prometheus"), &lock)?;
        let postgres = postgres(&lock)?;
        let found = [(PROMETHEUS, prometheus), (PROMTOOL, promtool), (POSTGRES, postgres)];
        Ok(Servers(found.map(|(name, path)| (name, path.display().to_string())).into()))
    }

    /// The variables, with the paths.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, path)| (*name, path.as_str()))
    }
}

/// `prometheus` and `promtool`: named, installed, unpacked by an earlier run, or unpacked now. The package is not
/// installed, for that would start a server.
fn prometheus(home: &Path, lock: &File) -> Result<(PathBuf, PathBuf), String> {
    let find = || {
        let unpacked = |name| home.join("usr/bin").join(name);
        let server = program(PROMETHEUS, "prometheus", unpacked("prometheus"))?;
        Some((server, program(PROMTOOL, "promtool", unpacked("promtool"))?))
    };
    if let Some(found) = find() {
        return Ok(found);
    }
    let missing = format!(
        "prometheus and promtool are needed for the tests of alerting rules and of Prometheus as a source, and not \
         found: install them, or name them in {PROMETHEUS} and {PROMTOOL}. On Debian and Ubuntu: \
         `sudo apt-get install prometheus`. `cargo test --workspace` runs all tests that need Rust alone"
    );
    if !runs(Command::new("apt-get").arg("--version")) {
        return Err(missing);
    }
    println!("unpacking Debian's package prometheus into {}", home.display());
    let failed = |error| format!("{}: {error}", home.display());
    if home.exists() {
        fs::remove_dir_all(home).map_err(failed)?;
    }
    fs::create_dir_all(home).map_err(failed)?;
    let mut download = Command::new("apt-get");
    download.args(["-qq", "download", "prometheus"]).current_dir(home);
    if must(&mut download, lock, "apt-get download prometheus").is_err() {
        // The lists of packages may be missing or old, and only root may fetch them.
        must(Command::new("apt-get").args(["-qq", "update"]), lock, "apt-get update")?;
        must(&mut download, lock, "apt-get download prometheus")?;
    }
    let mut packages = fs::read_dir(home).map_err(failed)?.filter_map(Result::ok);
    let package = packages.find(|file| file.path().extension().is_some_and(|kind| kind == "deb"));
    let package = package.ok_or("apt-get download prometheus left no package")?.path();
    must(Command::new("dpkg").arg("-x").arg(package).arg(home), lock, "dpkg -x")?;
    find().ok_or(missing)
}

/// The directory of the programs of PostgreSQL: named, installed, or installed now.
fn postgres(lock: &File) -> Result<PathBuf, String> {
    if let Some(found) = postgres_home() {
        return Ok(found);
    }
    // It is left alone where somebody has decided otherwise.
    let (path, text) = NO_CLUSTER;
    if !Path::new(path).exists()
        && let Some(directory) = Path::new(path).parent()
        && fs::create_dir_all(directory).is_ok()
    {
        let _ = fs::write(path, text);
    }
    apt_install(&["postgresql"], lock)?;
    postgres_home().ok_or_else(|| {
        format!(
            "PostgreSQL's initdb and postgres are needed for the tests of database evidence, and not found: install \
             them, or name their directory in {POSTGRES}. On Debian and Ubuntu: `sudo apt-get install postgresql`. \
             `cargo test --workspace` runs all tests that need Rust alone"
        )
    })
}

fn postgres_home() -> Option<PathBuf> {
    let is_home = |directory: &PathBuf| {
        ["initdb", "postgres"].iter().all(|name| answers(&directory.join(name)))
    };
    if let Some(named) = named(POSTGRES) {
        return Some(named).filter(is_home);
    }
    let versions = POSTGRES_HOMES.iter().filter_map(|home| fs::read_dir(home).ok()).flatten();
    let mut homes: Vec<PathBuf> = versions.flatten().map(|entry| entry.path()).collect();
    homes.sort_by_key(|home| std::cmp::Reverse(version(home)));
    let mut homes = homes.into_iter().map(|home| home.join("bin"));
    homes
        .find(is_home)
        .or_else(|| on_path("postgres")?.parent().map(Path::to_owned).filter(is_home))
}

/// The number in the last part of a path: 15 of `/usr/lib/postgresql/15`, 16 of `/opt/homebrew/opt/postgresql@16`.
fn version(home: &Path) -> u32 {
    let name = home.file_name().unwrap_or_default().to_string_lossy();
    name.rsplit('@').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// A program that answers: the named one, else one on the path, else the one given.
fn program(variable: &str, name: &str, or: PathBuf) -> Option<PathBuf> {
    if let Some(named) = named(variable) {
        return Some(named).filter(|path| answers(path));
    }
    on_path(name).into_iter().chain([or]).find(|path| answers(path))
}

fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|named| !named.is_empty()).map(PathBuf::from)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file())
}

fn answers(program: &Path) -> bool {
    runs(Command::new(program).arg("--version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_the_highest_number() {
        let homes = ["/usr/lib/postgresql/9", "/opt/homebrew/opt/postgresql@16", "/usr/lib/x/15"];
        assert_eq!(homes.map(|home| version(Path::new(home))), [9, 16, 15]);
        assert_eq!(version(Path::new("/opt/homebrew/opt/openssl")), 0);
    }

    #[test]
    fn what_does_not_answer_is_not_found() {
        let nowhere = PathBuf::from("/nonexistent/petswipe");
        assert!(!answers(&nowhere));
        assert_eq!(program("PETSWIPE_NOBODY", "petswipe-no-such-program", nowhere), None);
        let cargo = std::env::var_os("CARGO").map(PathBuf::from).expect("Cargo runs the tests");
        assert_eq!(
            program("PETSWIPE_NOBODY", "petswipe-no-such-program", cargo.clone()),
            Some(cargo)
        );
    }
}
