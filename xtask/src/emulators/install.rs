//! The Python environment of the emulators: made once per set of pinned packages, and reused by every later run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::{apt_install, lock, must, runs, tools};

/// Every package with its version and the hashes of its files; pip takes nothing else.
const REQUIREMENTS: &str = include_str!("../../emulators/requirements.txt");

/// Written last, so what was left half-way has none.
const STAMP: &str = "complete";

/// Says of an interpreter whether it will do: it is new enough, and can make environments.
const EXAMINE: &str =
    "import sys, venv, ensurepip; sys.exit(0 if sys.version_info >= (3, 10, 2) else 1)";

/// What is needed, and how it is got.
const MISSING: &str = "Python 3.10.2 or newer with its module venv is needed for the emulators of AWS, and not found. \
    On Debian and Ubuntu: `sudo apt-get install python3 python3-venv`. \
    `cargo test --workspace` runs all tests that need Rust alone";

/// The interpreter of the environment with the emulators, which is made if it is not there or not whole.
pub(super) fn environment() -> Result<PathBuf, String> {
    let tools = tools()?;
    let failed = |error| format!("{}: {error}", tools.display());
    fs::create_dir_all(&tools).map_err(failed)?;
    let lock = lock(&tools.join("emulators.lock")).map_err(failed)?;
    let home = tools.join(format!("emulators-{:016x}", fingerprint(REQUIREMENTS)));
    let python = home.join("bin/python");
    if is_whole(&home) && runs(Command::new(&python).arg("--version")) {
        return Ok(python);
    }
    let base = match interpreter() {
        Some(base) => base,
        None => {
            apt_install(&["python3", "python3-venv"], &lock)?;
            interpreter().ok_or(MISSING)?
        }
    };
    println!("installing the emulators of AWS into {} (about a minute, once)", home.display());
    if home.exists() {
        fs::remove_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    }
    let mut venv = Command::new(&base);
    must(venv.args(["-m", "venv"]).arg(&home), &lock, "making the Python environment")?;
    let list = home.join("requirements.txt");
    fs::write(&list, REQUIREMENTS).map_err(|error| format!("{}: {error}", list.display()))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    pip.args(["--require-hashes", "--requirement"]).arg(&list);
    must(&mut pip, &lock, "installing the emulators")?;
    fs::write(home.join(STAMP), REQUIREMENTS)
        .map_err(|error| format!("{}: {error}", home.display()))?;
    Ok(python)
}

fn is_whole(home: &Path) -> bool {
    fs::read_to_string(home.join(STAMP)).is_ok_and(|held| held == REQUIREMENTS)
}

/// An interpreter that will do.
fn interpreter() -> Option<PathBuf> {
    let candidates = ["python3", "/usr/bin/python3"].map(PathBuf::from);
    candidates.into_iter().find(|python| runs(Command::new(python).args(["-c", EXAMINE])))
}

/// FNV-1a: the same for the same text on every machine and with every compiler, which is all that a name needs.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_one_version_and_hashes() {
        let lines = REQUIREMENTS.lines().filter(|line| !line.starts_with('#'));
        let mut packages = 0;
        for line in lines.filter(|line| !line.trim_start().starts_with("--hash=sha256:")) {
            packages += 1;
            assert!(
                line.contains("==") && line.ends_with('\\'),
                "`{line}` has no version or no hash"
            );
        }
        assert!(packages > 50, "only {packages} packages");
        for wanted in ["moto==5.2.5 ", "ministack==1.5.33 ", "cbor2=="] {
            assert!(REQUIREMENTS.contains(wanted), "{wanted} is not among them");
        }
    }

    #[test]
    fn what_was_left_half_way_or_pinned_otherwise_is_not_whole() {
        let home = std::env::temp_dir().join(format!("petswipe-install-{}", std::process::id()));
        fs::create_dir_all(&home).unwrap();
        assert!(!is_whole(&home));
        fs::write(home.join(STAMP), "moto==5.2.4").unwrap();
        assert!(!is_whole(&home));
        fs::write(home.join(STAMP), REQUIREMENTS).unwrap();
        assert!(is_whole(&home));
        fs::remove_dir_all(&home).unwrap();
    }

    #[test]
    fn fingerprints_are_those_of_fnv_1a() {
        // From the test suite of "The FNV Non-Cryptographic Hash Algorithm", draft-eastlake-fnv.
        assert_eq!(fingerprint(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint("foobar"), 0x8594_4171_f739_67e8);
    }
}
