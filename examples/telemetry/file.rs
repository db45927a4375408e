//! A file of metrics, kept by a thread of its own: a slow disk holds nothing up.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use petswipe_runbook::telemetry::PrometheusText;
use tokio::sync::oneshot;

use crate::{Exit, say};

/// How often it is written at most; Prometheus seldom reads more often.
const EVERY: Duration = Duration::from_secs(1);

/// A file that is being kept.
pub(super) struct MetricsFile {
    stop: Sender<()>,
    done: oneshot::Receiver<()>,
    path: PathBuf,
}

/// Whether a file can be kept there, as far as can be told without writing it.
///
/// # Errors
/// What is allowed.
pub(super) fn check(path: &Path) -> Result<(), Exit> {
    let refused = |why: &str| {
        let path = path.display();
        Exit::usage(format!(
            "--metrics-file is {path}; allowed: a file in a directory that exists{why}"
        ))
    };
    if path.file_name().is_none() || path.is_dir() {
        return Err(refused(""));
    }
    let directory = directory(path);
    match directory.is_dir() {
        true => Ok(()),
        false => Err(refused(&format!(", and there is no directory {}", directory.display()))),
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl MetricsFile {
    /// Writes what `text` has into the file, every second in which it changed and at the end.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn keep(path: &Path, text: Arc<PrometheusText>) -> Result<Self, Exit> {
        let (stop, stopped) = channel();
        let (finished, done) = oneshot::channel();
        let file = path.to_owned();
        std::thread::Builder::new()
            .name("metrics file".to_owned())
            .spawn(move || {
                keep(&file, &text, &stopped);
                // Nobody may be waiting any more.
                let _ = finished.send(());
            })
            .map_err(Exit::usage)?;
        Ok(Self { stop, done, path: path.to_owned() })
    }

    /// Writes it once more, and waits for that no longer than said.
    pub(super) async fn finish(self, within: Duration) {
        // A thread that is gone has nothing more to write.
        let _ = self.stop.send(());
        if tokio::time::timeout(within, self.done).await.is_err() {
            say(&format!("{} was not written within {within:?}", self.path.display()));
        }
    }
}

fn keep(path: &Path, text: &PrometheusText, stopped: &Receiver<()>) {
    let (mut written, mut said) = (String::new(), false);
    loop {
        let last = !matches!(stopped.recv_timeout(EVERY), Err(RecvTimeoutError::Timeout));
        let now = text.render();
        if now != written {
            match replace(path, &now) {
                Ok(()) => written = now,
                Err(error) if !said => {
                    said = true;
                    say(&format!(
                        "{} can't be written: {error}; it goes on without",
                        path.display()
                    ));
                }
                Err(_) => {}
            }
        }
        if last {
            return;
        }
    }
}

/// Whoever reads it finds the old text or the new one, whole.
pub(crate) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The collector passes over names that do not end in .prom.
    let beside = directory(path).join(format!(".{name}.{}", std::process::id()));
    let replaced = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path));
    if replaced.is_err() {
        // What is left of it is of no use, if anything is.
        let _ = std::fs::remove_file(&beside);
    }
    replaced
}
