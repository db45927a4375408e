//! The example `cost_report` on files that AWS exports, as people run it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "reports/markup.rs"]
#[allow(dead_code, reason = "not all that others need is needed here")]
mod markup;
#[path = "cost/process.rs"]
mod process;

use std::fmt::Write as _;
use std::path::Path;

use jiff::civil::{Date, date};

use process::{json, refused, run, text};

const HEAD: &str =
    "ChargePeriodStart,BilledCost,EffectiveCost,ServiceName,BillingCurrency,ChargeCategory,Tags\n";

/// The days of March, April and May 2026.
fn days() -> impl Iterator<Item = Date> {
    date(2026, 3, 1).series(jiff::Span::new().days(1)).take(92)
}

/// An export of those days: 10 USD a day of EC2, of which a team pays a half, and 3 of S3, which jumps to 40 for good on the 1st of May.
/// Beside it a tax, which is no use.
fn focus() -> String {
    let mut text = HEAD.to_owned();
    for (index, day) in days().enumerate() {
        let cents = index % 5;
        let s3 = if day >= date(2026, 5, 1) { 40 } else { 3 };
        let tags = r#""{""team"":""shop""}""#;
        writeln!(text, "{day}T00:00:00Z,5.0{cents},4,Amazon EC2,USD,Usage,{tags}").unwrap();
        writeln!(text, "{day}T01:00:00Z,5.00,4,Amazon EC2,USD,Usage,{{}}").unwrap();
        writeln!(text, "{day}T00:00:00Z,{s3}.0{cents},3,Amazon S3,USD,Usage,").unwrap();
    }
    text + "2026-03-01T00:00:00Z,99,99,Tax,USD,Tax,\n"
}

fn write(directory: &Path, name: &str, content: &str) {
    std::fs::write(directory.join(name), content).unwrap();
}

#[test]
fn files_of_an_export_are_a_report_of_what_was_spent() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "focus.csv", &focus());
    let arguments = ["--export", "focus.csv", "--by-tag", "team"];
    let (code, report) = json(directory.path(), &arguments);
    assert_eq!(code, 0, "{report}");
    assert!(report["account"].is_null() && report["findings"].as_array().unwrap().is_empty());
    let spend = &report["spend"];
    assert_eq!((&spend["from"], &spend["to"]), (&"2026-03-01".into(), &"2026-06-01".into()));
    // 92 days of 10, 61 of 3 and 31 of 40, and twice the cents: 18 rounds of 0 to 4, and 0 and 1.
    let cents = 2 * (18 * 10 + 1);
    let total = format!("{}.{:02}", 920 + 61 * 3 + 31 * 40 + cents / 100, cents % 100);
    assert_eq!(spend["total"], total.as_str());
    let named = |list: &str, name: &str| -> String {
        let mut all = spend[list].as_array().unwrap().iter();
        all.find(|one| one["name"] == name).unwrap()["amount"].as_str().unwrap().to_owned()
    };
    assert_eq!(named("by_service", "Amazon S3"), "1424.81");
    assert_eq!(named("by_tag", "shop"), "461.81");
    assert!(spend["by_service"].as_array().unwrap().iter().all(|one| one["name"] != "Tax"));
    assert_eq!(spend["by_month"].as_array().unwrap().len(), 3);
    assert_eq!(spend["by_day"].as_array().unwrap().len(), 92);
    // A month that was over long ago is whole: what comes next is forecast.
    assert_eq!(spend["settled_until"], "2026-06-01");
    assert_eq!(spend["forecast"]["from"], "2026-06-01");
    assert!(spend["trend"]["per_month"].as_f64().unwrap() > 0.0);
    let jumps = spend["jumps"]["found"].as_array().unwrap();
    assert!(jumps.iter().all(|jump| jump["day"] == "2026-05-01"), "{jumps:?}");
    assert!(jumps.iter().any(|jump| jump["service"] == "Amazon S3"), "{jumps:?}");

    let files = "report.html,report.md";
    let output = run(directory.path(), &[&arguments[..], &["--report", files]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown = text(&output.stdout);
    for line in [
        "SERVICE",
        "Amazon S3",
        "1424.81",
        "TAG",
        "shop",
        "(none)",
        "MONTH FROM",
        "DAY",
        "stands out: Amazon S3",
    ] {
        assert!(shown.contains(line), "{line} is not in {shown}");
    }
    let page = std::fs::read_to_string(directory.path().join("report.html")).unwrap();
    let (_, words) = markup::read(&page).unwrap_or_else(|error| panic!("{error}"));
    assert!(words.contains(&total) && words.contains("1424.81"));
    let markdown = std::fs::read_to_string(directory.path().join("report.md")).unwrap();
    assert!(markdown.contains("| 2026-05-31 |") && markdown.contains("| Amazon S3 | 1424.81 |"));
}

#[test]
fn several_files_are_added_up_and_none_is_counted_twice() {
    let directory = tempfile::tempdir().unwrap();
    let all = focus();
    let (head, rest) = all.split_once('\n').unwrap();
    let (first, second) = rest.split_at(rest.match_indices('\n').nth(150).unwrap().0 + 1);
    std::fs::create_dir(directory.path().join("months")).unwrap();
    write(directory.path(), "whole.csv", &all);
    write(directory.path(), "months/a.csv", &format!("{head}\n{first}"));
    write(directory.path(), "months/b.csv", &format!("{head}\n{second}"));
    let spend = |arguments: &[&str]| json(directory.path(), arguments).1["spend"].clone();
    let whole = spend(&["--export", "whole.csv"]);
    assert_eq!(spend(&["--export", "months"]), whole);
    assert_eq!(spend(&["--export", "months/a.csv", "months/b.csv"]), whole);
    assert_eq!(spend(&["--export", "months/*.csv", "--export-format", "focus-csv"]), whole);
    let effective = spend(&["--export", "whole.csv", "--export-cost", "effective"]);
    assert_eq!(effective["total"], format!("{}.00", 92 * 11));
    for twice in ["months,months/a.csv", "months/a.csv,./months/a.csv"] {
        let said = refused(directory.path(), &["--export", twice]);
        assert!(said.contains("a.csv twice; allowed: each file once"), "{said}");
    }
    // Beside an account it is the same, and the account is looked at too.
    let (_, both) =
        json(directory.path(), &["--export", "whole.csv", "--areas", "ebs-unused,spend"]);
    assert_eq!(both["spend"], whole);
    assert!(!both["findings"].as_array().unwrap().is_empty());
    assert!(both["calls"]["ce:GetCostAndUsage"].is_null(), "it was asked as well");
}

#[test]
fn a_file_that_is_wrong_is_named_with_what_is_wrong_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| write(directory.path(), name, content);
    file("columns.csv", "ChargePeriodStart,BilledCost,ServiceName\n");
    file("number.csv", &format!("{HEAD}2026-03-01T00:00:00Z,1.O,1,S3,USD,Usage,\n"));
    file("day.csv", &format!("{HEAD}yesterday,1,1,S3,USD,Usage,\n"));
    file("dollars.csv", &format!("{HEAD}2026-03-01T00:00:00Z,1,1,S3,USD,Usage,\n"));
    file("yuan.csv", &format!("{HEAD}2026-03-01T00:00:00Z,1,1,S3,CNY,Usage,\n"));
    file("torn.parquet", "PAR1");
    file("bell.csv", "Charge\u{7}\u{1b}[2J\n");
    for (arguments, expected) in [
        (
            &["--export", "columns.csv"][..],
            "columns.csv: as FOCUS 1.x it lacks BillingCurrency, ChargeCategory; as CUR 2.0 it lacks line_item_usage_start_date",
        ),
        (&["--export", "number.csv"], "number.csv: line 2: BilledCost is `1.O`, and not a number"),
        (
            &["--export", "day.csv"],
            "day.csv: line 2: ChargePeriodStart is `yesterday`, and not a time such as 2026-11-01T00:00:00Z",
        ),
        (
            &["--export", "dollars.csv", "yuan.csv"],
            "yuan.csv with costs in CNY, and the files before it have USD; allowed: files of one currency",
        ),
        (&["--export", "torn.parquet"], "torn.parquet: is no whole Parquet file"),
        (&["--export", "none.csv"], "none.csv was not found"),
        (&["--export", "notes.txt"], "notes.txt was not found"),
        (
            &["--export", "dollars.csv", "--export-format", "cur2-csv"],
            "dollars.csv: as CUR 2.0 it lacks",
        ),
        (
            &["--export", "dollars.csv", "--export-format", "focus-parquet"],
            "allowed: a format that fits dollars.csv",
        ),
        (
            &["--export", "dollars.csv", "--export-tag", "a'b"],
            "--export-tag: tag key is a'b; allowed: 1 to 256 characters",
        ),
        (
            &["--export", "dollars.csv", "--spend-days", "30"],
            "any charge asked for in dollars.csv was not found",
        ),
        (&["--athena-sql"], "give --export-format, or --export with a file of it"),
        (
            &["--athena-sql", "a;b", "--export-format", "focus-csv"],
            "--athena-sql: table is a;b; allowed: table, database.table",
        ),
    ] {
        let said = refused(directory.path(), arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    let said = refused(directory.path(), &["--export", "bell.csv"]);
    assert!(!said.trim_end().chars().any(char::is_control), "{said:?}");
}

#[test]
fn the_same_question_is_printed_for_athena() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "focus.csv", &focus());
    let sql = |arguments: &[&str]| {
        let output = run(directory.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        text(&output.stdout)
    };
    let known = sql(&[
        "--athena-sql",
        "billing.focus",
        "--export-format",
        "focus-parquet",
        "--by-tag",
        "team",
    ]);
    assert!(known.starts_with("SELECT CAST(\"ChargePeriodStart\" AS DATE) AS day"), "{known}");
    assert!(known.contains("element_at(\"Tags\", 'team')"), "{known}");
    assert!(
        known.contains(
            "FROM \"billing\".\"focus\"\nWHERE COALESCE(\"ChargeCategory\", '') <> 'Tax'"
        ),
        "{known}"
    );
    let like_the_file = sql(&["--export", "focus.csv", "--athena-sql"]);
    assert!(like_the_file.contains("FROM \"cost_export\""), "{like_the_file}");
    assert!(
        like_the_file.contains("from_iso8601_timestamp"),
        "it is a table of strings: {like_the_file}"
    );
    let effective =
        ["--athena-sql", "cur", "--export-format", "cur2-parquet", "--export-cost", "effective"];
    assert!(sql(&effective).contains("'SavingsPlanRecurringFee' THEN"));
}
