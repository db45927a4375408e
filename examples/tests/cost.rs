//! The example `cost_report` as people run it: what it prints, writes, refuses, and ends with.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "reports/markup.rs"]
mod markup;
#[path = "cost/process.rs"]
mod process;
#[path = "cost/removals.rs"]
mod removals;

use serde_json::Value;

use process::{json, refused, run, text};

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
    for list in ["new", "gone", "grown", "shrunk", "not_looked_at", "hidden"] {
        assert_eq!(same["changes"][list].as_array().unwrap().len(), 0, "{list}");
    }
    let (_, part) = json(directory.path(), &["--baseline", "old.json", "--region", "us-east-1"]);
    assert_eq!(part["changes"]["gone"].as_array().unwrap().len(), 0);
    assert!(part["changes"]["not_looked_at"].as_array().unwrap().len() > 5);
    let (_, part) = json(directory.path(), &["--baseline", "old.json", "--areas", "ebs-unused"]);
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
    let (code, known) = json(directory.path(), &["--explain", finding["id"].as_str().unwrap()]);
    assert_eq!((code, &known["found"]), (0, &true.into()));
    let said = known["said"].as_array().unwrap();
    let flagged = said.iter().find(|one| one["id"] == finding["id"]).unwrap();
    assert_eq!(flagged["monthly_saving"], finding["monthly_saving"]);
}

#[test]
fn what_is_not_there_is_bad_usage_and_what_is_like_it_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (_, report) = json(directory.path(), &["--areas", "ebs-unused"]);
    let volume = report["findings"][0]["resource"].as_str().unwrap();
    let typo = &volume[..volume.len() - 1];
    let said = refused(directory.path(), &["--explain", typo]);
    assert!(said.contains(&format!("there is no {typo} among the")), "{said}");
    assert!(said.contains(&format!("; like it are {volume}")), "{said}");
    let (code, unknown) = json(directory.path(), &["--explain", typo]);
    assert_eq!((code, &unknown["found"], &unknown["near"][0]), (2, &false.into(), &volume.into()));
    // It may be in the region that was not looked at.
    let part = ["--region", "us-east-1,ap-east-1", "--explain"];
    let output = run(directory.path(), &[&part[..], &["vol-nothing"]].concat());
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("region ap-east-1 is not enabled in this account"), "{said}");
    assert!(said.contains("it may be among what was not"), "{said}");
}

#[test]
fn what_is_excluded_by_a_tag_is_so_beside_what_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let (_, usual) = json(directory.path(), &[]);
    let (_, more) = json(directory.path(), &["--exclude-tag", "team=web"]);
    assert_eq!(usual["criteria"]["exclude"], serde_json::json!(["petswipe:keep"]));
    assert_eq!(more["criteria"]["exclude"], serde_json::json!(["petswipe:keep", "team=web"]));
    let ids = |report: &Value| -> Vec<String> {
        let of = |list: &str, id: &dyn Fn(&Value) -> String| -> Vec<String> {
            report[list].as_array().unwrap().iter().map(id).collect()
        };
        of("excluded_ids", &|id| id.to_string())
    };
    let (before, after) = (ids(&usual), ids(&more));
    assert!(!before.is_empty() && after.len() > before.len());
    assert!(before.iter().all(|id| after.contains(id)), "what is kept is reported again");
    let findings = more["findings"].as_array().unwrap();
    assert!(findings.iter().all(|one| one["tags"]["team"] != "web"));
    // What is hidden now is not gone.
    assert_eq!(run(directory.path(), &["--report", "old.json"]).status.code(), Some(0));
    let (_, report) =
        json(directory.path(), &["--baseline", "old.json", "--exclude-tag", "team=web"]);
    let hidden = report["changes"]["hidden"].as_array().unwrap();
    let was = usual["findings"].as_array().unwrap().len();
    assert_eq!(hidden.len(), was - findings.len());
    assert_eq!(report["changes"]["gone"], serde_json::json!([]));
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
    assert_eq!(listed.lines().count(), 20);
    let (_, spend) = json(directory.path(), &["--areas", "spend", "--by-tag", "team"]);
    assert!(spend["findings"].as_array().unwrap().is_empty());
    // The sum of all services may have jumped with it.
    let found = spend["spend"]["jumps"]["found"].as_array().unwrap();
    assert!(found.iter().any(|jump| jump["service"] == "AmazonCloudWatch"), "{found:?}");
    assert_eq!(spend["spend"]["by_tag"].as_array().unwrap().len(), 5);
}

#[test]
fn what_aws_itself_says_stands_beside_the_findings_and_in_no_total() {
    let directory = tempfile::tempdir().unwrap();
    let (code, with) = json(directory.path(), &[]);
    let opinion = &with["aws_opinion"];
    assert_eq!((code, &opinion["anomalies"][0]["service"]), (0, &"AmazonCloudWatch".into()));
    let sizes = opinion["rightsizing"].as_array().unwrap();
    assert_eq!(sizes.len(), 2);
    let areas = text(&run(directory.path(), &["--areas", "help"]).stdout);
    let areas: Vec<_> = areas.lines().filter(|area| !area.starts_with("aws-")).collect();
    let (_, without) = json(directory.path(), &["--areas", &areas.join(",")]);
    assert!(without["aws_opinion"].is_null());
    assert!(without["calls"]["ce:GetAnomalies"].is_null());
    assert_eq!(with["totals"], without["totals"]);
    let files = "report.html,report.md";
    let shown = text(&run(directory.path(), &["--report", files]).stdout);
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
    let instance = sizes[0]["instance"].as_str().unwrap();
    for (format, said) in
        [("text", shown), ("html", read("report.html")), ("md", read("report.md"))]
    {
        // HTML has another apostrophe.
        assert!(said.contains("s own opinion, in no total"), "{format}");
        let said = said.replace('\\', "");
        assert!(
            said.contains("anomaly: AmazonCloudWatch (CW:MetricMonitorUsage) from"),
            "{format}"
        );
        assert!(said.contains(&format!("size: {instance} (")), "{format}");
    }
}

#[cfg(not(feature = "exports"))]
#[test]
fn a_program_without_the_engine_says_how_to_build_one_with_it() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, flag) in
        [(&["--export", "a.csv"][..], "--export"), (&["--athena-sql"], "--athena-sql")]
    {
        let said = refused(directory.path(), arguments);
        let expected = format!(
            "{flag} needs a program that was built with --features exports: cargo run --features exports --example cost_report -- {flag}"
        );
        assert!(said.contains(&expected), "{said}");
        assert_eq!(said.lines().count(), 1);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_result_that_has_no_room_is_not_as_asked() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(process::program());
    command.current_dir(directory.path()).env_clear().args(["--quiet", "--json"]);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command.stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("could not be written to stdout"), "{output:?}");
}
