//! The report of a rollout for people: one HTML page with charts, Markdown, JSON, and a summary for the terminal.
//!
//! All of them tell the same facts, worked out once in `facts` and `tables`. Nothing here reads a clock or the cloud:
//! the same [`Report`] always gives the same bytes.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use petswipe_deploy::Report;

mod charts;
mod facts;
mod html;
mod markdown;
mod panels;
mod series;
mod summary;
mod svg;
mod tables;
mod text;

pub(crate) use html::STYLE;
pub use html::html;
pub use markdown::markdown;
pub use summary::summary;
pub(crate) use svg::{at, escape};
pub(crate) use text::{check as check_in_words, measured};

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The ending of the file's name does not name a format.
    #[error("the report {path:?} has no known format: end its name with .json, .html or .md")]
    UnknownEnding {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// There is a directory of that name.
    #[error("the report {path:?} is a directory: name a file that ends with .json, .html or .md")]
    IsDirectory {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The report could not be turned into JSON.
    #[error("the report {path:?} could not be written as JSON")]
    Encode {
        /// The path that was asked for.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The file system said no. An older report at that path is as it was.
    #[error("the report {path:?} could not be written: {operation} failed")]
    Io {
        /// The path that was asked for.
        path: PathBuf,
        /// Which step.
        operation: &'static str,
        /// Why.
        source: io::Error,
    },
}

#[derive(Clone, Copy)]
enum Format {
    Json,
    Html,
    Markdown,
}

impl Format {
    fn of(path: &Path) -> Result<Self, Error> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        let format = match ending.as_deref() {
            Some("json") => Self::Json,
            Some("html") => Self::Html,
            Some("md") => Self::Markdown,
            _ => return Err(Error::UnknownEnding { path: path.to_owned() }),
        };
        if path.is_dir() {
            return Err(Error::IsDirectory { path: path.to_owned() });
        }
        Ok(format)
    }
}

/// Whether a report could be written to `path`: call it before a rollout begins, not when it has ended.
///
/// # Errors
/// [`Error::UnknownEnding`] unless it ends with `.json`, `.html` or `.md`, and [`Error::IsDirectory`].
pub fn check(path: &Path) -> Result<(), Error> {
    Format::of(path).map(|_| ())
}

/// Writes the report to `path`, in the format that its ending names, and creates the directories above it.
///
/// Whoever reads that path sees the older report or the whole new one, never a part.
///
/// # Errors
/// As [`check`]; [`Error::Encode`], and [`Error::Io`] when the file system refuses.
pub fn write(path: &Path, report: &Report) -> Result<(), Error> {
    let encoded = serde_json::to_string_pretty(report);
    let json = encoded.map_err(|source| Error::Encode { path: path.to_owned(), source })? + "\n";
    write_text(path, || json, || html(report), || markdown(report))
}

/// The same for a report of any kind, given in each format.
pub(crate) fn write_text(
    path: &Path,
    json: impl FnOnce() -> String,
    html: impl FnOnce() -> String,
    markdown: impl FnOnce() -> String,
) -> Result<(), Error> {
    let text = match Format::of(path)? {
        Format::Html => html(),
        Format::Markdown => markdown(),
        Format::Json => json(),
    };
    replace(path, &text)
}

/// Puts a text in the place of a file, all at once.
///
/// # Errors
/// [`Error::Io`] when the file system refuses.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |operation| move |source| Error::Io { path: path.to_owned(), operation, source };
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs::create_dir_all(directory).map_err(failed("creating its directory"))?;
    }
    let beside = beside(path);
    let written = fill(&beside, text.as_bytes())
        .map_err(failed("writing a temporary file beside it"))
        .and_then(|()| fs::rename(&beside, path).map_err(failed("renaming the temporary file")));
    if written.is_err() {
        // Best effort: the first error is the one that matters.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// A hidden name in the same directory, so that the rename stays within one file system.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
