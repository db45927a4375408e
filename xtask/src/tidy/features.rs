//! The features table of a crate's page has exactly the features of its manifest.

use super::Report;
use crate::workspace::Workspace;
use crate::{manifest::Package, markdown};

/// Compares the page of every library with its manifest.
pub(super) fn check(workspace: &Workspace) -> Report {
    let mut report = Report::new("features tables", "features of libraries and rows about them");
    for package in workspace.libraries() {
        let path = format!("{}/README.md", package.dir);
        let text = workspace.files.get(&path).map_or("", String::as_str);
        compare(&mut report, package, &path, text);
    }
    report
}

fn compare(report: &mut Report, package: &Package, path: &str, text: &str) {
    let tables: Vec<_> = markdown::tables(text)
        .into_iter()
        .filter(|rows| {
            rows.first().is_some_and(|header| {
                header.cells.first().is_some_and(|cell| cell.to_lowercase().starts_with("feature"))
            })
        })
        .collect();
    let rows: Vec<_> = tables.iter().flat_map(|rows| &rows[1..]).collect();
    let wanted: Vec<_> =
        package.features.iter().filter(|feature| feature.name != "default").collect();
    if tables.is_empty() && !wanted.is_empty() {
        report.violation(
            path,
            0,
            "has no features table",
            "add one: `| feature | what it adds |`, and a row for each feature of the manifest",
        );
    }
    let mut named = Vec::new();
    for row in rows {
        report.saw();
        let Some(name) = row.cells.first().and_then(|cell| markdown::leading_code(cell)) else {
            report.violation(
                path,
                row.line,
                "a row of the features table names no feature",
                "begin it with the feature's name in backticks",
            );
            continue;
        };
        if !package.has_feature(name) {
            report.violation(
                path,
                row.line,
                format!("there is no feature `{name}`"),
                format!("remove the row, or add the feature to {}", package.manifest()),
            );
        }
        if named.contains(&name) {
            report.violation(path, row.line, format!("feature `{name}` has two rows"), "keep one");
        }
        named.push(name);
    }
    for feature in wanted {
        report.saw();
        if !tables.is_empty() && !named.contains(&feature.name.as_str()) {
            report.violation(
                &package.manifest(),
                feature.line,
                format!("feature `{}` is not in the table of {path}", feature.name),
                format!("add a row: | `{}` | what it adds |", feature.name),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_passes, found};
    use super::*;

    fn repository(readme: &str) -> Report {
        check(&Workspace::of(&[
            ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]"),
            (
                "crates/a/Cargo.toml",
                "[package]\nname = \"a\"\n[features]\ndefault = []\naws = []\nmock = []",
            ),
            ("crates/a/README.md", readme),
        ]))
    }

    #[test]
    fn a_table_with_every_feature_passes() {
        assert_passes(&repository(
            "# a\n| unit | of |\n|---|---|\n| `ms` | time |\n\n\
             | Feature | adds |\n|---|---|\n| `default` | nothing |\n| `aws` | backends |\n| `mock` | mocks |\n",
        ));
    }

    #[test]
    fn rows_too_many_and_too_few_are_found() {
        assert_eq!(
            found(&repository(
                "| feature | adds |\n|---|---|\n| `aws` | backends |\n| `gcp` | more |\n| all | x |\n| `aws` | again |\n"
            )),
            [
                "crates/a/README.md:4: there is no feature `gcp`",
                "crates/a/README.md:5: a row of the features table names no feature",
                "crates/a/README.md:6: feature `aws` has two rows",
                "crates/a/Cargo.toml:6: feature `mock` is not in the table of crates/a/README.md",
            ]
        );
        assert_eq!(found(&repository("# a\n")), ["crates/a/README.md: has no features table"]);
    }
}
