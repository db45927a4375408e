//! What was spent, out of the files that AWS exports; and the same question as SQL for Athena.

use std::collections::BTreeSet;

use jiff::Timestamp;
use petswipe_cost::exports::{Cost, Export, Format, Kind, Limits, Query, Stored, Without, athena};
use petswipe_cost::{Error, Line, Spend, Window, explain};

use super::flags::{ExportCost, ExportFormat};
use super::{Flags, words};
use crate::{Exit, say};

fn refused(error: Error) -> Exit {
    Exit::usage(format!("--export: {}", explain(&error)))
}

/// What the files say, together.
pub(super) async fn spend(flags: &Flags, now: Timestamp) -> Result<Spend, Exit> {
    let query = query(flags, now)?;
    let mut all: Option<Spend> = None;
    let mut seen = BTreeSet::new();
    for path in &flags.export {
        let export = Export::open(path, format(flags), Limits::default()).await.map_err(refused)?;
        for file in export.files() {
            let same = std::fs::canonicalize(file).unwrap_or_else(|_| file.clone());
            if !seen.insert(same) {
                return Err(Exit::usage(format!(
                    "--export names {} twice; allowed: each file once, else its costs are counted twice",
                    file.display()
                )));
            }
        }
        if !flags.quiet {
            let files = super::text::counted(export.files().len(), "file", "files");
            let told = format!("{}: {files} of {}", path.display(), export.kind());
            say(&words::plain(&told));
        }
        let found = export.spend(&query).await.map_err(refused)?;
        all = Some(match all {
            None => found,
            Some(others) => together(others, &found, path)?,
        });
    }
    all.ok_or_else(|| Exit::usage("--export names no file"))
}

/// The costs of both, which have to be in one currency.
fn together(one: Spend, other: &Spend, path: &std::path::Path) -> Result<Spend, Exit> {
    if one.currency() != other.currency() {
        return Err(Exit::usage(format!(
            "--export is {} with costs in {}, and the files before it have {}; allowed: files of one currency",
            path.display(),
            other.currency(),
            one.currency()
        )));
    }
    let (from, to) = (one.from().min(other.from()), one.to().max(other.to()));
    let key = one.tag_key().map(str::to_owned);
    let lines: Vec<Line> = one.lines().chain(other.lines()).collect();
    let all = Spend::of(one.currency(), lines).widened(from, to);
    Ok(all.by_key(key.as_deref()))
}

/// The SQL for Athena. What the table is, files say that are like it, or the flag.
pub(super) async fn sql(flags: &Flags, table: &str, now: Timestamp) -> Result<String, Exit> {
    let (kind, stored) = match (flags.export_format, flags.export.first()) {
        (Some(format), _) => table_of(format),
        (None, Some(path)) => {
            let export = Export::open(path, Format::Auto, Limits::default()).await;
            let export = export.map_err(refused)?;
            let is_parquet = export.files().iter().any(|file| {
                file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("parquet"))
            });
            (export.kind(), if is_parquet { Stored::Parquet } else { Stored::Csv })
        }
        (None, None) => {
            return Err(Exit::usage(
                "--athena-sql needs to know what the table is; give --export-format, or --export with a file of it",
            ));
        }
    };
    athena(&query(flags, now)?, kind, stored, table)
        .map_err(|error| Exit::usage(format!("--athena-sql: {}", explain(&error))))
}

fn table_of(format: ExportFormat) -> (Kind, Stored) {
    match format {
        ExportFormat::FocusCsv => (Kind::Focus, Stored::Csv),
        ExportFormat::FocusParquet => (Kind::Focus, Stored::Parquet),
        ExportFormat::Cur2Csv => (Kind::Cur2, Stored::Csv),
        ExportFormat::Cur2Parquet => (Kind::Cur2, Stored::Parquet),
    }
}

fn format(flags: &Flags) -> Format {
    match flags.export_format {
        None => Format::Auto,
        Some(ExportFormat::FocusCsv) => Format::FocusCsv,
        Some(ExportFormat::FocusParquet) => Format::FocusParquet,
        Some(ExportFormat::Cur2Csv) => Format::Cur2Csv,
        Some(ExportFormat::Cur2Parquet) => Format::Cur2Parquet,
    }
}

/// What is asked: without tax, credits and refunds, as Cost Explorer is asked too, since a trend should not rest on them.
fn query(flags: &Flags, now: Timestamp) -> Result<Query, Exit> {
    let cost = match flags.export_cost {
        ExportCost::Billed => Cost::Billed,
        ExportCost::Effective => Cost::Effective,
    };
    let mut query = Query::daily().of(cost).without(Without::ADJUSTMENTS);
    let tag = flags.export_tag.as_ref().map(|tag| ("--export-tag", tag));
    if let Some((flag, tag)) = tag.or(flags.by_tag.as_ref().map(|tag| ("--by-tag", tag))) {
        query = query
            .by_tag(tag)
            .map_err(|error| Exit::usage(format!("{flag}: {}", explain(&error))))?;
    }
    if let Some(days) = flags.spend_days {
        let (from, to) = Window::days_before(now, days).days().map_err(refused)?;
        query = query.between(from, to);
    }
    Ok(query)
}
