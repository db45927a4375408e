//! How fast the checks were in earlier runs of this program: the file of `--baseline-file`.
//!
//! It is JSON with a checksum, replaced whole or not at all, and holds a fingerprint of each check and of the service: a time
//! is only compared with times of the same requests to the same service.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use petswipe_monitor::explain;
use petswipe_monitor::probe::{Check, Pace, Results};
use serde::{Deserialize, Serialize};

use crate::Exit;

/// The format of the file.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    format: u32,
    checksum: String,
    checks: Vec<KeptCheck>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptCheck {
    name: String,
    /// Of what is asked, of whom, and how times are compared.
    of: String,
    pace: Pace,
}

/// The file, and what it may be the baseline of.
pub(super) struct BaselineFile<'a> {
    path: PathBuf,
    /// The checks that have a baseline.
    checks: Vec<&'a Check>,
    service: String,
}

impl<'a> BaselineFile<'a> {
    /// Opens it, and has `results` go on from what is in it, unless that is to be forgotten. Then writes it, so that one that can't be
    /// written is found before anything is asked.
    ///
    /// # Errors
    /// When no check has a baseline, and for a file that is damaged, of other checks, or can't be read or written.
    pub(super) fn open(
        path: &Path,
        reset: bool,
        checks: &'a [Check],
        service: &str,
        results: &Results,
    ) -> Result<Self, Exit> {
        let checks: Vec<_> = checks.iter().filter(|check| check.baseline.is_some()).collect();
        let file = Self { path: path.to_owned(), checks, service: service.to_owned() };
        if file.checks.is_empty() {
            return Err(file.refused("no check has a baseline", "without it, or a check with one"));
        }
        if !reset {
            file.resume(results)?;
        }
        file.keep(results)?;
        Ok(file)
    }

    fn resume(&self, results: &Results) -> Result<(), Exit> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(self.refused(&error.to_string(), "a file that can be read")),
        };
        let going_on = "one that this program wrote; --reset-baseline begins a new one";
        let damaged = |why: &str| self.refused(&format!("it is damaged, {why}"), going_on);
        let kept: Kept =
            serde_json::from_str(&text).map_err(|error| damaged(&error.to_string()))?;
        if kept.format != FORMAT {
            let why = format!("its format is {}", kept.format);
            return Err(
                self.refused(&why, &format!("format {FORMAT}; --reset-baseline begins a new one"))
            );
        }
        if kept.checksum != checksum(&kept.checks)? {
            return Err(damaged("its checksum is another one"));
        }
        let other = "the same checks of the same service; another file for these, or --reset-baseline, which \
                     forgets how fast they were";
        for KeptCheck { name, of, pace } in kept.checks {
            let why = match self.checks.iter().find(|check| check.name == name) {
                None => format!("it has the baseline of a check {name}, which is not among these"),
                Some(check) if self.fingerprint(check)? != of => {
                    format!("its baseline of {name} is of another check or service of that name")
                }
                Some(_) => {
                    results.go_on(&name, pace).map_err(|error| Exit::usage(explain(&error)))?;
                    continue;
                }
            };
            return Err(self.refused(&why, other));
        }
        Ok(())
    }

    /// Writes how fast the checks are by now.
    ///
    /// # Errors
    /// When the file system refuses; then the file is as it was.
    pub(super) fn keep(&self, results: &Results) -> Result<(), Exit> {
        let mut checks = Vec::new();
        for (name, pace) in results.paces() {
            if let Some(check) = self.checks.iter().find(|check| check.name == name) {
                checks.push(KeptCheck { name, of: self.fingerprint(check)?, pace });
            }
        }
        let kept = Kept { format: FORMAT, checksum: checksum(&checks)?, checks };
        let text = serde_json::to_string_pretty(&kept).map_err(Exit::usage)?;
        replace(&self.path, &text)
            .map_err(|error| self.refused(&error.to_string(), "a file that can be written"))
    }

    /// What is asked, of whom, and how times are compared; not how often, because that changes no time.
    fn fingerprint(&self, check: &Check) -> Result<String, Exit> {
        let of = (&self.service, &check.steps, &check.baseline);
        Ok(format!("{:016x}", hash(&serde_json::to_vec(&of).map_err(Exit::usage)?)))
    }

    fn refused(&self, why: &str, allowed: &str) -> Exit {
        Exit::usage(format!(
            "--baseline-file is {}: {why}; allowed: {allowed}",
            self.path.display()
        ))
    }
}

fn checksum(checks: &[KeptCheck]) -> Result<String, Exit> {
    Ok(format!("{:016x}", hash(&serde_json::to_vec(checks).map_err(Exit::usage)?)))
}

/// FNV-1a of 64 bits, which will be the same tomorrow. It finds accidents, not forgery.
fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Whoever reads it finds the old text or the new one, whole, also after a power cut.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let fill = || {
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    fill().inspect_err(|_| drop(fs::remove_file(&beside)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use petswipe_monitor::probe::{Paced, Run, Step};
    use tempfile::TempDir;

    use super::*;

    fn checks() -> Vec<Check> {
        Check::standard()
    }

    fn results() -> Results {
        Results::new(&checks(), Duration::from_secs(86_400)).unwrap()
    }

    fn open(
        directory: &TempDir,
        reset: bool,
        checks: &[Check],
        service: &str,
    ) -> Result<Results, String> {
        let results = Results::new(checks, Duration::from_secs(86_400)).unwrap();
        let path = directory.path().join("baseline.json");
        let file = BaselineFile::open(&path, reset, checks, service, &results);
        file.map(|_| results).map_err(|exit| exit.message)
    }

    fn took(results: &Results, millis: u64) -> Option<Paced> {
        let run = Run {
            check: "api-health".to_owned(),
            started: Timestamp::UNIX_EPOCH,
            took: Duration::from_millis(millis),
            steps: Vec::new(),
        };
        results.record(&run).unwrap()
    }

    /// A file with twelve runs of 100 ms.
    fn learned() -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        let (checks, results) = (checks(), results());
        let path = directory.path().join("baseline.json");
        let file = BaselineFile::open(&path, false, &checks, "shop", &results).unwrap();
        for _ in 0..12 {
            took(&results, 100);
        }
        file.keep(&results).unwrap();
        directory
    }

    #[test]
    fn what_was_learned_is_known_the_next_time() {
        let directory = learned();
        let results = open(&directory, false, &checks(), "shop").unwrap();
        let limit = Duration::from_millis(125);
        assert_eq!(took(&results, 126), Some(Paced::Slower { limit, in_a_row: 1 }));
        let results = open(&directory, true, &checks(), "shop").unwrap();
        assert_eq!(took(&results, 126), Some(Paced::Learning));
        // And it is forgotten for good.
        let results = open(&directory, false, &checks(), "shop").unwrap();
        assert_eq!(took(&results, 126), Some(Paced::Learning));
    }

    #[test]
    fn the_baseline_of_something_else_is_refused_and_says_how_to_go_on() {
        let directory = learned();
        let mut others = checks();
        others[0].steps = vec![Step::get("/other")];
        let mut named = checks();
        named[0].name = "another".to_owned();
        let mut tolerant = checks();
        tolerant[0].baseline.as_mut().unwrap().tolerance = 2.0;
        for (checks, service, why) in [
            (&checks(), "staging", "of another check or service"),
            (&others, "shop", "of another check or service"),
            (&tolerant, "shop", "of another check or service"),
            (&named, "shop", "a check api-health, which is not among these"),
        ] {
            let refused = open(&directory, false, checks, service).err().unwrap();
            assert!(refused.contains(why) && refused.contains("--reset-baseline"), "{refused}");
        }
        // How often it runs changes no time.
        let mut seldom = checks();
        seldom[0].every = Duration::from_secs(600);
        assert!(open(&directory, false, &seldom, "shop").is_ok());
        let mut none = checks();
        none.iter_mut().for_each(|check| check.baseline = None);
        assert!(
            open(&directory, false, &none, "shop")
                .err()
                .unwrap()
                .contains("no check has a baseline")
        );
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_as_it_is() {
        let directory = learned();
        let path = directory.path().join("baseline.json");
        let whole = fs::read_to_string(&path).unwrap();
        let spoilt = [
            whole.replacen("100000000", "900000000", 1),
            whole.replacen("\"slow\": 0", "\"slow\": 3", 1),
            whole[..whole.len() / 2].to_owned(),
            whole.replacen("\"format\": 1", "\"format\": 2", 1),
            String::new(),
        ];
        for text in spoilt {
            assert_ne!(text, whole);
            fs::write(&path, &text).unwrap();
            let refused = open(&directory, false, &checks(), "shop").err().unwrap();
            assert!(refused.contains("--reset-baseline"), "{refused}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert!(open(&directory, true, &checks(), "shop").is_ok());
        let names: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "nothing is left of how it was written");
    }
}
