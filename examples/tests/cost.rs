//! The example `cost_report` as people run it: what it prints, writes, refuses, and ends with.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "reports/markup.rs"]
mod markup;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples/cost_report")
}

/// Runs it in a directory, without anything of the environment that it would read.
fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command
        .current_dir(directory)
        .env_clear()
        .args(["--quiet", "--demo-resources", "400"])
        .args(arguments);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(directory: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = run(directory, &[arguments, &["--json"]].concat());
    let value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code().unwrap(), value)
}

/// What it says when it refuses to begin.
fn refused(directory: &Path, arguments: &[&str]) -> String {
    let output = run(directory, arguments);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty());
    text(&output.stderr)
}

#[test]
fn its_json_has_what_others_build_upon() {
    let directory = tempfile::tempdir().unwrap();
    let (code, report) = json(directory.path(), &[]);
    assert_eq!(code, 0);
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.len() > 20);
    for finding in findings {
        for field in ["id", "area", "resource", "region", "verdict", "remediation"] {
            assert!(!finding[field].is_null(), "{field} of {finding}");
        }
        assert!(finding["evidence"].is_array());
        let saving = &finding["monthly_saving"];
        for field in ["low", "high", "currency"] {
            assert!(saving[field].is_string(), "{field} of {saving}");
        }
    }
    let total = &report["totals"]["monthly_saving"];
    let cents = |amount: &Value| amount.as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
    for bound in ["low", "high"] {
        let counted = findings.iter().filter(|finding| finding["counted"] == true);
        let sum: i64 = counted.map(|finding| cents(&finding["monthly_saving"][bound])).sum();
        assert_eq!(sum, cents(&total[bound]), "{bound}");
    }
    assert!(report["not_analysed"].as_array().unwrap().is_empty());
    assert!(report["calls"]["ec2:DescribeVolumes"].as_u64() >= Some(1));
    assert!(report["scan_cost"]["amount"].is_string());
}

#[test]
fn the_same_seed_gives_the_same_findings() {
    let directory = tempfile::tempdir().unwrap();
    let ids = |seed: &str| json(directory.path(), &["--demo-seed", seed]).1["findings"].clone();
    let plain = |findings: Value| -> Vec<String> {
        findings.as_array().unwrap().iter().map(|finding| finding["id"].to_string()).collect()
    };
    assert_eq!(plain(ids("5")), plain(ids("5")));
    assert_ne!(plain(ids("5")), plain(ids("6")));
}

#[test]
fn its_exit_code_says_what_a_pipeline_needs() {
    let directory = tempfile::tempdir().unwrap();
    let code = |arguments: &[&str]| run(directory.path(), arguments).status.code().unwrap();
    assert_eq!(code(&[]), 0);
    assert_eq!(code(&["--fail-above", "100"]), 1);
    assert_eq!(code(&["--fail-above", "1000000"]), 0);
    assert_eq!(code(&["--region", "us-east-1,ap-east-1"]), 3);
    let output = run(directory.path(), &["--region", "ap-east-1"]);
    assert!(
        text(&output.stdout).contains("region ap-east-1 is not enabled in this account"),
        "{output:?}"
    );
}

#[test]
fn what_it_can_not_read_is_refused_before_anything_is_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    let file =
        |name: &str, content: &str| std::fs::write(directory.path().join(name), content).unwrap();
    file(
        "typo.yaml",
        "suppressions:\n  - id: ebs-unused:*\n    reason: audit\n    untill: 2027-01-01\n",
    );
    file(
        "area.yaml",
        "suppressions:\n  - id: ebs-unusd:us-east-1:*\n    reason: audit\n    until: 2027-01-01\n",
    );
    file("limits.yaml", "logs:\n  retention_days: 10\n");
    file(
        "prices.yaml",
        "{region: us-east-1, currency: EUR, priced_at: 2026-01-01, prices: {'ebs:gp3': '1'}}",
    );
    file("old.json", "{}");
    for (arguments, expected) in [
        (&["--areas", "ebs"][..], "--areas is ebs; allowed: ec2-utilization, rds-utilization"),
        (
            &["--preset", "mine"],
            "--preset is mine; allowed: guide, trusted-advisor, compute-optimizer",
        ),
        (&["--suppressions", "typo.yaml"], "untill"),
        (
            &["--suppressions", "area.yaml"],
            "suppressions[0].id is ebs-unusd:us-east-1:*; allowed: an area of",
        ),
        (&["--suppressions", "none.yaml"], "--suppressions is none.yaml: No such file"),
        (&["--thresholds", "limits.yaml"], "logs.retention_days is 10; allowed: one of [1, 3, 5"),
        (&["--prices", "prices.yaml"], "currency of the prices of us-east-1 is EUR; allowed: USD"),
        (&["--baseline", "old.json"], "--baseline is old.json: the report: missing field"),
        (
            &["--report", "report.pdf"],
            "--report is report.pdf; allowed: a name that ends with .json, .html, .md or .csv",
        ),
        (&["--exclude-tag", "=x"], "KEY or KEY=VALUE"),
        (&["--region", "US East"], "region is US East; allowed: a region's code"),
        (&["--fail-above", "cheap"], "a decimal number with whole cents"),
    ] {
        let said = refused(directory.path(), arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn suppressions_hide_findings_and_say_so() {
    let directory = tempfile::tempdir().unwrap();
    let list = "suppressions:\n  - {id: 'ebs-unused:*', reason: kept for the audit, until: 2999-01-01}\n  - {id: 'nat-gateways:*', reason: over, until: 2020-01-01}\n  - {id: 'eip-unattached:us-east-1:nothing', reason: typo, until: 2999-01-01}\n";
    std::fs::write(directory.path().join("known.yaml"), list).unwrap();
    let (_, report) = json(directory.path(), &["--suppressions", "known.yaml"]);
    let of = |area: &str| {
        report["findings"].as_array().unwrap().iter().filter(|one| one["area"] == area).count()
    };
    assert_eq!(of("ebs-unused"), 0);
    assert!(of("nat-gateways") > 0, "a suppression that is over holds no more");
    let suppressed = report["suppressed"].as_array().unwrap();
    assert!(
        suppressed.len() > 2 && suppressed.iter().all(|one| one["reason"] == "kept for the audit")
    );
    let notes: Vec<_> =
        report["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect();
    let expected = [
        "the suppression nat-gateways:* is over since 2020-01-01",
        "the suppression eip-unattached:us-east-1:nothing matches nothing",
    ];
    assert_eq!(notes, expected);
}

#[test]
fn an_older_report_tells_what_is_new_and_gone() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(run(directory.path(), &["--report", "old.json"]).status.code(), Some(0));
    let (_, same) = json(directory.path(), &["--baseline", "old.json"]);
    for list in ["new", "gone", "grown", "shrunk", "not_looked_at"] {
        assert_eq!(same["changes"][list].as_array().unwrap().len(), 0, "{list}");
    }
    let (_, part) = json(directory.path(), &["--baseline", "old.json", "--region", "us-east-1"]);
    assert_eq!(part["changes"]["gone"].as_array().unwrap().len(), 0);
    assert!(part["changes"]["not_looked_at"].as_array().unwrap().len() > 5);
}

#[test]
fn its_files_are_well_formed_and_need_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let files = "report.html,report.md,report.csv,sub/report.json";
    let output = run(directory.path(), &["--by-tag", "team", "--report", files]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
    let page = read("report.html");
    let (tags, words) = markup::read(&page).unwrap_or_else(|error| panic!("{error}"));
    assert!(tags.iter().all(|tag| !["script", "link", "img", "iframe"].contains(&&*tag.name)));
    assert!(!page.contains("url(") && !page.contains("@import"));
    assert!(
        markup::coordinates(&tags)
            .iter()
            .all(|number| number.is_finite() && (-50.0..4000.0).contains(number))
    );
    let report: Value = serde_json::from_str(&read("sub/report.json")).unwrap();
    let total = report["totals"]["monthly_saving"]["low"].as_str().unwrap();
    for (format, text) in
        [("HTML", &words), ("Markdown", &read("report.md")), ("stdout", &text(&output.stdout))]
    {
        assert!(text.contains(total), "{format} does not have the total");
    }
    let findings = report["findings"].as_array().unwrap();
    let csv = read("report.csv");
    assert_eq!(csv.matches("\r\n").count(), findings.len() + 1);
    for finding in findings {
        assert!(csv.contains(finding["id"].as_str().unwrap()));
    }
}

#[test]
fn one_resource_is_explained_whether_it_is_flagged_or_not() {
    let directory = tempfile::tempdir().unwrap();
    let (_, report) = json(directory.path(), &[]);
    let finding = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["area"] == "ebs-unused")
        .unwrap();
    let output = run(directory.path(), &["--explain", finding["resource"].as_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stdout);
    assert!(said.contains("idle: it is attached to nothing"), "{said}");
    assert!(said.contains("price of ebs:"), "{said}");
    assert!(said.contains("aws ec2 delete-volume --region"), "{said}");
    let output = run(directory.path(), &["--explain", "vol-nothing"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("there is no vol-nothing among the"), "{output:?}");
}

#[test]
fn only_the_areas_asked_for_are_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    let (_, report) = json(directory.path(), &["--areas", "eip-unattached,ebs-unused"]);
    let calls: Vec<_> = report["calls"].as_object().unwrap().keys().cloned().collect();
    let expected = [
        "cloudwatch:GetMetricData",
        "ec2:DescribeAddresses",
        "ec2:DescribeVolumes",
        "sts:GetCallerIdentity",
    ];
    assert_eq!(calls, expected);
    let listed = text(&run(directory.path(), &["--areas", "help"]).stdout);
    assert_eq!(listed.lines().count(), 18);
    let (_, spend) = json(directory.path(), &["--areas", "spend", "--by-tag", "team"]);
    assert!(spend["findings"].as_array().unwrap().is_empty());
    // The sum of all services may have jumped with it.
    let found = spend["spend"]["jumps"]["found"].as_array().unwrap();
    assert!(found.iter().any(|jump| jump["service"] == "AmazonCloudWatch"), "{found:?}");
    assert_eq!(spend["spend"]["by_tag"].as_array().unwrap().len(), 5);
}

#[test]
fn a_plan_of_removals_is_shown_until_it_is_executed_and_then_journaled() {
    let directory = tempfile::tempdir().unwrap();
    let plan = ["--only", "ebs-unused:*,eip-unattached:*", "--plan-removal", "plan.json"];
    assert_eq!(run(directory.path(), &plan).status.code(), Some(0));
    let written = std::fs::read_to_string(directory.path().join("plan.json")).unwrap();
    let steps = serde_json::from_str::<Value>(&written).unwrap()["steps"].as_array().unwrap().len();
    assert!(steps > 3);

    let shown = run(directory.path(), &["--remove", "plan.json"]);
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    assert!(text(&shown.stdout).contains("nothing is changed now"), "{shown:?}");
    assert!(text(&shown.stdout).contains("make a snapshot of vol-"), "{shown:?}");
    assert!(!directory.path().join(".petswipe").exists(), "a journal was begun");

    let (code, done) = json(directory.path(), &["--remove", "plan.json", "--execute"]);
    assert_eq!((code, done["outcome"]["done"].as_u64()), (0, Some(steps as u64)));
    for step in done["steps"].as_array().unwrap() {
        assert_eq!(step["state"], "done");
        let deletes = step["action"]["do"] == "delete-volume";
        assert_eq!(step["snapshot"].is_string(), deletes, "{step}");
    }
    let journal =
        std::fs::read_to_string(directory.path().join(".petswipe/cost_report.jsonl")).unwrap();
    let intents = journal.matches("{\"act\":").count();
    assert_eq!(intents, steps, "each change has its intent in the journal");
    // It is over, so it is only told again.
    let (code, again) = json(directory.path(), &["--remove", "plan.json", "--execute", "--resume"]);
    assert_eq!((code, &again["outcome"]), (0, &done["outcome"]));
}

#[test]
fn a_plan_that_fits_nothing_is_refused_or_left() {
    let directory = tempfile::tempdir().unwrap();
    let plan = ["--only", "eip-unattached:*", "--max-risk", "high", "--plan-removal", "plan.json"];
    assert_eq!(run(directory.path(), &plan).status.code(), Some(0));
    let path = directory.path().join("plan.json");
    let written = std::fs::read_to_string(&path).unwrap();

    // Of another account: the demo account of another seed has other addresses.
    let (code, left) =
        json(directory.path(), &["--demo-seed", "9", "--remove", "plan.json", "--execute"]);
    assert_eq!(
        (code, left["outcome"]["done"].as_u64(), left["outcome"]["failed"].as_u64()),
        (1, Some(0), Some(0))
    );
    assert!(
        left["steps"].as_array().unwrap().iter().all(|step| step["why"] == "it is gone already")
    );

    std::fs::write(&path, written.replace("123456789012", "999999999999")).unwrap();
    let said = refused(directory.path(), &["--remove", "plan.json", "--execute"]);
    assert!(
        said.contains(
            "the plan is for account 999999999999, and this is 123456789012; nothing was touched"
        ),
        "{said}"
    );
    std::fs::write(&path, written.replace("\"steps\"", "\"stepps\"")).unwrap();
    let said = refused(directory.path(), &["--remove", "plan.json"]);
    assert!(said.contains("--remove is plan.json: the plan: unknown field `stepps`"), "{said}");
    std::fs::write(&path, &written).unwrap();
    let said = refused(directory.path(), &["--remove", "plan.json", "--resume"]);
    assert!(said.contains("--resume goes on for real; give --execute with it"), "{said}");
    let said = refused(
        directory.path(),
        &["--remove", "plan.json", "--execute", "--resume", "--journal", "none.jsonl"],
    );
    assert!(said.contains("journal none.jsonl was not found"), "{said}");
}
