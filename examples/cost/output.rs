//! Writing a report to files.

use std::path::{Path, PathBuf};

use petswipe_cost::{Report, explain};

use super::{csv, html, markdown, words};
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
    let clean = words::cleaned(report)?;
    for (path, format) in outputs {
        let text = match format {
            Format::Json => serde_json::to_string_pretty(report).map_err(Exit::usage)? + "\n",
            Format::Html => html::page(&clean),
            Format::Markdown => markdown::report(&clean),
            Format::Csv => csv::report(&clean),
        };
        let failed = |error: crate::report::Error| Exit::usage(explain(&error));
        crate::report::replace(path, &text).map_err(failed)?;
        say(&format!("wrote {}", path.display()));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Arc;

    use petswipe_cost::memory::MemoryAccount;
    use petswipe_cost::{Prices, ReportOptions, Scanner, Tags};

    use super::*;
    use crate::cost::text;

    /// What somebody might call a volume to do harm to who reads of it.
    const NAME: &str = "=HYPERLINK(1)\u{1b}[2J\n# <script>alert(1)</script>|`[x](y)\u{202e}";

    async fn report() -> Report {
        let account = Arc::new(MemoryAccount::example());
        account.change(|inventory| {
            inventory.volumes[0].tags = Tags::from([("Name".to_owned(), NAME.to_owned())]);
        });
        let scanner = Scanner::new(account.clone(), account, Prices::embedded());
        let region = petswipe_cost::Region::new("us-east-1").unwrap();
        let now = "2026-11-28T12:00:00Z".parse().unwrap();
        let scan = scanner.scan(&[region], now, std::future::pending()).await;
        let options = ReportOptions { by_tag: Some("Name".to_owned()), ..ReportOptions::default() };
        Report::of(&scan, &options)
    }

    #[tokio::test]
    async fn names_do_no_harm_in_any_format() {
        let report = report().await;
        assert_eq!(report.findings[0].name.as_deref(), Some(NAME), "it is kept as it is");
        let directory = tempfile::tempdir().unwrap();
        let path = |ending: &str| directory.path().join("report").with_extension(ending);
        let paths = ["json", "html", "md", "csv"].map(path);
        write(&report, &formats(&paths).unwrap()).unwrap();
        let read = |ending: &str| std::fs::read_to_string(path(ending)).unwrap();
        let shown = text::report(&words::cleaned(&report).unwrap(), 0);
        for (format, text) in [
            ("text", &shown),
            ("json", &read("json")),
            ("html", &read("html")),
            ("md", &read("md")),
            ("csv", &read("csv")),
        ] {
            let ours = |c: char| !c.is_control() || c == '\n' || (format == "csv" && c == '\r');
            assert!(text.chars().all(ours), "{format} has a control character");
            assert!(text.contains("HYPERLINK"), "{format} lacks the name");
        }
        for (format, text) in [("text", shown), ("html", read("html")), ("md", read("md"))] {
            assert!(!text.contains('\u{202e}'), "{format} turns the direction of writing");
            assert!(!text.lines().any(|line| line.starts_with("# <") || line.starts_with("# \\<")));
        }
        assert!(!read("html").contains("<script"));
        assert!(!read("md").contains("<script") || read("md").contains("\\<script"));
        assert!(
            read("csv").contains(",\"'=HYPERLINK(1)") || read("csv").contains(",'=HYPERLINK(1)")
        );
        assert_eq!(read("csv").matches("\r\n").count(), 2, "a name has begun a line of its own");
        assert_eq!(Report::from_json(&read("json")).unwrap(), report);
    }
}
