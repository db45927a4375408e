//! What this machine has, and how it gets more of it: where tools are kept, and packages of Debian.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::workspace;

/// Where tools are kept from run to run.
pub(crate) fn tools() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("PETSWIPE_TOOLS_DIR").filter(|named| !named.is_empty()) {
        return Ok(workspace::root().join(named));
    }
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let home = home.ok_or("neither PETSWIPE_TOOLS_DIR nor HOME says where tools are kept")?;
    Ok(Path::new(&home).join(".cache/petswipe-tools"))
}

/// Whether packages of Debian can be installed here: that takes root.
fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|answer| answer.stdout.trim_ascii() == b"0")
}

/// Installs packages where that is a matter of one command: as root on Debian. Elsewhere nothing is done.
pub(crate) fn apt_install(packages: &[&str], lock: &File) -> Result<(), String> {
    if !is_root() || !runs(Command::new("apt-get").arg("--version")) {
        return Ok(());
    }
    println!("installing {}", packages.join(" and "));
    must(Command::new("apt-get").args(["-qq", "update"]), lock, "apt-get update")?;
    let mut install = Command::new("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["-qq", "install", "--yes", "--no-install-recommends"]).args(packages);
    must(&mut install, lock, &format!("apt-get install {}", packages.join(" ")))
}

/// Whether a command ends with success; what it says is nobody's business.
pub(crate) fn runs(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Two runs at once must not both write. The lock is held as long as this process, or one that it has started with it,
/// lives: an installer that outlives its killed starter must not write into what the next run makes.
pub(crate) fn lock(path: &Path) -> io::Result<File> {
    let lock = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    if lock.try_lock().is_err() {
        println!("another run is installing what the tests need: waiting for it");
        lock.lock()?;
    }
    Ok(lock)
}

/// Runs a command whose complaints are shown, which must succeed, and which holds the lock as its empty standard input.
pub(crate) fn must(command: &mut Command, lock: &File, what: &str) -> Result<(), String> {
    let mut run = || command.stdin(lock.try_clone()?).status();
    let status = run().map_err(|error| format!("{what}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{what} failed ({status})")) }
}
