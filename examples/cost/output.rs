//! Writing a report to files.

use std::path::{Path, PathBuf};

use petswipe_cost::{Report, explain};

use super::{csv, html, markdown};
use crate::{Exit, say};

/// How a file is written.
#[derive(Clone, Copy)]
pub(super) enum Format {
    Json,
    Html,
    Markdown,
    Csv,
}

/// The format of each file, by its ending.
pub(super) fn formats(paths: &[PathBuf]) -> Result<Vec<(&Path, Format)>, Exit> {
    let format = |path: &PathBuf| match path.extension().and_then(|ending| ending.to_str()) {
        Some("json") => Ok(Format::Json),
        Some("html") => Ok(Format::Html),
        Some("md") => Ok(Format::Markdown),
        Some("csv") => Ok(Format::Csv),
        _ => Err(Exit::usage(format!(
            "--report is {}; allowed: a name that ends with .json, .html, .md or .csv",
            path.display()
        ))),
    };
    paths.iter().map(|path| Ok((path.as_path(), format(path)?))).collect()
}

/// Writes all of them.
pub(super) fn write(report: &Report, outputs: &[(&Path, Format)]) -> Result<(), Exit> {
    for (path, format) in outputs {
        let text = match format {
            Format::Json => serde_json::to_string_pretty(report).map_err(Exit::usage)? + "\n",
            Format::Html => html::page(report),
            Format::Markdown => markdown::report(report),
            Format::Csv => csv::report(report),
        };
        let failed = |error: crate::report::Error| Exit::usage(explain(&error));
        crate::report::replace(path, &text).map_err(failed)?;
        say(&format!("wrote {}", path.display()));
    }
    Ok(())
}
