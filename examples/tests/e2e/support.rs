//! Room, directories, conditions that are waited for, and looking at what programs left behind.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use petswipe_deploy::Plan;
use petswipe_runbook::journal::FileJournal;
use petswipe_runbook::{EventLog, History, Journaled};
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long a condition may take to come true on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(2);

/// Short stages with enough traffic to judge them by.
pub(crate) const SHORT: [&str; 8] =
    ["--stages", "10,50,100", "--stage-duration", "2", "--bake", "2", "--rate", "100"];

/// A token that no cloud has.
pub(crate) const FAKE_TOKEN: &str = "0123456789abcdef";

/// Clouds are what takes processor time, so there are never more than that at once.
static CLOUDS: Semaphore = Semaphore::const_new(5);

/// Waits for room for one more cloud.
pub(crate) async fn room() -> SemaphorePermit<'static> {
    CLOUDS.acquire().await.unwrap()
}

/// A directory of the test's own.
pub(crate) fn directory() -> TempDir {
    tempfile::Builder::new().prefix("petswipe-e2e-").tempdir().unwrap()
}

/// The binary of an example, which cargo has put beside this test's.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    let how = "run `cargo build -p petswipe-examples --examples` before a single test";
    assert!(built.exists(), "{} is not built: {how}", built.display());
    built
}

/// Whether a token of a cloud, 64 hexadecimal digits, may be in a text.
pub(crate) fn has_secret(text: &str) -> bool {
    let mut row = 0;
    text.bytes().any(|byte| {
        row = if byte.is_ascii_hexdigit() { row + 1 } else { 0 };
        row >= 32
    })
}

/// Looks through all files below a directory.
pub(crate) fn no_secret_in(directory: &Path) {
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            no_secret_in(&path);
        } else if let Ok(bytes) = std::fs::read(&path) {
            assert!(
                !has_secret(&String::from_utf8_lossy(&bytes)),
                "a secret in {}",
                path.display()
            );
        }
    }
}

/// All files below a directory, by their names in it.
pub(crate) fn files(directory: &TempDir) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![directory.path().to_owned()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => left.push(path),
                false => {
                    let name = path.strip_prefix(directory.path()).unwrap();
                    found.push(name.display().to_string());
                }
            }
        }
    }
    found.sort();
    found
}

/// Asks again and again until the answer is one.
pub(crate) async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// How many whole records a journal holds at the moment.
pub(crate) fn records(journal: &Path) -> usize {
    let bytes = std::fs::read(journal).unwrap_or_default();
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// What a journal holds. Nobody else may have it open.
pub(crate) async fn history(journal: &Path) -> History<Plan> {
    let log = Journaled(Arc::new(FileJournal::open(journal).unwrap()));
    EventLog::<Plan>::load(&log).await.unwrap().expect("the journal is empty")
}

/// Whether a process exists and is not just waiting to be reaped.
pub(crate) fn alive(id: i32) -> bool {
    match std::fs::read_to_string(format!("/proc/{id}/stat")) {
        Ok(stat) => {
            !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X'])
        }
        Err(_) => false,
    }
}

/// Waits until none of these processes is left.
pub(crate) async fn all_gone(processes: &[i32]) {
    let what = format!("processes {processes:?} end");
    eventually(&what, async || processes.iter().all(|id| !alive(*id)).then_some(())).await;
}
