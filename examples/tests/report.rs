//! Reports in every format: well-formed, escaped, complete, and the same each time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod reports;

use petswipe_deploy::sim::{Scenario, rollout};
use petswipe_deploy::{BudgetReport, Report, Strategy, TrafficReport};
use petswipe_examples::report::{self, Error, html, markdown, summary};
use petswipe_runbook::sim::FaultPlan;
use petswipe_runbook::{Fence, History, Opening};
use reports::markup::{coordinates, read};
use reports::{at, check, finding};

/// What must hold for every report there can be.
fn assert_sound(name: &str, report: &Report) {
    let page = html(report);
    let (tags, text) = read(&page).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(tags.iter().all(|tag| !["script", "link", "img", "iframe"].contains(&&*tag.name)));
    assert!(tags.iter().all(|tag| tag.attribute("href").or(tag.attribute("src")).is_none()));
    assert!(!page.contains("url(") && !page.contains("@import"), "{name}: needs something else");
    for number in coordinates(&tags) {
        assert!(number.is_finite() && (-50.0..4000.0).contains(&number), "{name}: {number}");
    }
    let markdown = markdown(report);
    for (format, text) in
        [("HTML", text), ("Markdown", markdown.clone()), ("summary", summary(report))]
    {
        for word in ["NaN", "inf", "None", "Some(", "null"] {
            let words = text.split(|c: char| !c.is_alphanumeric() && c != '(');
            assert!(words.into_iter().all(|w| w != word), "{name}: {word} in {format}");
        }
    }
    assert!(
        !page.contains("<div></div></td>") && !page.contains("<dd></dd>"),
        "{name}: empty cell"
    );
    assert_tables(name, &markdown);
    let lines = summary(report).lines().count();
    assert!((4..=24).contains(&lines), "{name}: {lines} lines");
    assert!(!summary(report).contains('\u{1b}'));
    assert!(html(report) == page && self::markdown(report) == markdown, "{name} differs");
}

/// Every row of a table has as many cells as its head, and none is empty.
fn assert_tables(name: &str, markdown: &str) {
    let mut columns = None;
    for line in markdown.lines() {
        if !line.starts_with('|') {
            columns = None;
            continue;
        }
        let cells = line.replace("\\\\", "").replace("\\|", "");
        let cells: Vec<&str> = cells.trim_matches('|').split('|').collect();
        assert_eq!(*columns.get_or_insert(cells.len()), cells.len(), "{name}: {line}");
        assert!(cells.iter().all(|cell| !cell.trim().is_empty()), "{name}: {line}");
    }
}

#[test]
fn every_kind_of_report_is_sound() {
    for (name, report) in reports::all() {
        assert_sound(name, &report);
    }
}

#[test]
fn reports_of_simulated_rollouts_are_sound() {
    let rolling = Strategy::Rolling { minimum_healthy_percent: 100, maximum_percent: 200 };
    let mut outcomes = std::collections::BTreeSet::new();
    for strategy in [Strategy::Canary, Strategy::BlueGreen, rolling] {
        for seed in 0..60 {
            let scenario = Scenario::from_seed(seed);
            let trace = rollout(seed, strategy, &scenario, &FaultPlan::from_seed(seed)).unwrap();
            let opening = Opening {
                operation: "simulated".parse().unwrap(),
                plan: scenario.plan(strategy),
                holder: "test".to_owned(),
                at: trace.began_at,
                fence: Fence(1),
            };
            let whole = History { opening, records: trace.records };
            for length in [whole.records.len(), whole.records.len() / 2, 1, 0] {
                let records = whole.records[..length].to_vec();
                let report = Report::of(&History { records, opening: whole.opening.clone() });
                outcomes.insert(report.outcome.clone());
                assert_sound(&format!("{} {seed} {length}", strategy.name()), &report);
            }
        }
    }
    assert!(["promoted", "rolled-back", "unfinished"].iter().all(|word| outcomes.contains(*word)));
}

#[test]
fn text_from_a_report_is_never_markup() {
    let bad = "<script>alert(\"x\")</script>|&amp;'`*_\n# \u{1b}[31m";
    let mut report = reports::rolled_back();
    let name = || bad.to_owned();
    for field in
        [&mut report.operation, &mut report.service, &mut report.strategy, &mut report.reason]
    {
        *field = name();
    }
    let word: String = bad.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    for state in [&mut report.initial_state, &mut report.final_state].into_iter().flatten() {
        state.weights.insert(word.parse().unwrap(), reports::percent(100));
        for side in state.environments.values_mut() {
            side.image = Some(word.parse().unwrap());
            side.revision = Some(word.parse().unwrap());
        }
    }
    for stage in &mut report.stages {
        stage.name = name();
        stage.evidence.push(finding(bad, Some(1.0), 2.0, bad));
        stage.evidence.push(finding(&format!("{bad} latency"), Some(1.0), 2.0, "ms"));
    }
    for check in &mut report.checks {
        check.text = name();
        check.verdict = name();
        check.evidence.push(finding(&format!("{bad} latency"), Some(1.0), 2.0, "ms"));
    }
    for action in &mut report.actions {
        action.action = format!("{} {bad}", action.action);
        action.result = name();
    }
    let traffic = report.traffic.as_mut().unwrap();
    traffic.requests_by_version.insert(name(), 1);
    traffic.failed_by_version.insert(name(), 1);
    traffic.by_stage.push((name(), 1, 1));
    traffic.series.iter_mut().step_by(3).for_each(|point| point.version = name());
    for outcome in ["rolled-back", "failed", bad] {
        report.outcome = outcome.to_owned();
        assert_sound("injected", &report);
        assert!(!html(&report).contains("alert(\""));
        assert!(
            !markdown(&report).contains("<script") && !markdown(&report).contains("\n# \u{1b}")
        );
    }
}

#[test]
fn a_report_with_nothing_in_it_is_sound() {
    let report = Report { outcome: String::new(), reason: String::new(), ..reports::refused() };
    assert_sound("empty", &report);
    let traffic = Some(TrafficReport::default());
    assert_sound("no series", &Report { traffic, ..report.clone() });
    let odd = Report {
        finished_at: at(-5.0),
        stages: vec![reports::stage("", 0, 3.0, Some(1.0), "")],
        actions: vec![reports::action(1.0, None, "")],
        checks: vec![check(0.0, 0, "")],
        ..report
    };
    assert_sound("backwards", &odd);
}

#[test]
fn numbers_that_are_none_are_not_drawn() {
    let mut report = reports::rolled_back();
    for point in &mut report.traffic.as_mut().unwrap().series {
        (point.p50_ms, point.p99_ms) = (f64::NAN, f64::INFINITY);
    }
    for check in &mut report.checks {
        check.evidence.push(finding("p50 latency", Some(f64::NAN), f64::INFINITY, "ms"));
        check.evidence.push(finding("p90 latency", Some(0.0), 0.0, "ms"));
        check.evidence.push(finding("error rate", Some(f64::NEG_INFINITY), 5.0, "%"));
    }
    report.stages[0].evidence = report.checks[0].evidence.clone();
    assert_sound("not numbers", &report);
    report.traffic = None;
    assert_sound("not numbers in checks", &report);
}

#[test]
fn a_rollout_of_hours_is_drawn_in_few_steps() {
    let mut report = reports::promoted();
    report.finished_at = at(4.0 * 3600.0);
    let traffic = reports::traffic(4 * 3600, &|time| time / 14_400.0, &|_| 0.01, &report.stages);
    report.traffic = Some(traffic);
    report.checks = (0..2880).map(|n| check(f64::from(n) * 5.0, 50, "pass")).collect();
    assert_sound("long", &report);
    assert!(html(&report).len() < 400_000, "{} bytes", html(&report).len());
}

#[test]
fn labels_do_not_lie_upon_each_other() {
    for (name, report) in reports::all() {
        let page = html(&report);
        for panel in page.split("<g transform").skip(1) {
            let (tags, _) = read(&format!(
                "<!DOCTYPE html><g transform{}</g>",
                panel.split("</g>").next().unwrap()
            ))
            .unwrap();
            let labels = tags.iter().filter(|tag| tag.attribute("class") == Some("label"));
            let mut places: Vec<f64> =
                labels.map(|tag| tag.attribute("y").unwrap().parse().unwrap()).collect();
            places.sort_by(f64::total_cmp);
            assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 12.0), "{name}: {places:?}");
        }
    }
}

#[test]
fn every_format_tells_the_same_facts() {
    let report = reports::rolled_back();
    let [page, text, short] = [html(&report), markdown(&report), summary(&report)];
    let text = text.replace('\\', "");
    for fact in [
        "Rolled back",
        "canary",
        "petswipe-production",
        "error rate 21.43 % (limit 5.00 %, 412 samples)",
        "33.4 s",
        &report.operation,
        "2026-05-04 12:00:00 UTC",
        "6,813",
        "64 by v2",
        "of 3 begun",
        "330 ms",
        "of 7 actions",
        "1 fail",
        "error rate 21.4 %, limit 5 %",
        "petswipe-production-green",
    ] {
        for (format, all) in [("HTML", &page), ("Markdown", &text), ("summary", &short)] {
            assert!(all.contains(fact), "{fact} is missing in {format}");
        }
    }
    for fact in ["scale petswipe-production-green to 0", "+24.7 s", "petswipe:v1", "8.84 %"] {
        assert!(page.contains(fact) && text.contains(fact), "{fact}");
    }
}

#[test]
fn what_was_spent_of_error_budgets_is_told_in_every_format() {
    let budget = |spent| BudgetReport {
        slo: "pets-available".to_owned(),
        objective: "99.9 % of requests do not fail".to_owned(),
        budget: 42.0,
        share: 0.1,
        allowance: 4.2,
        spent,
    };
    for (spent, told, tone) in [
        (Some(64), "64 of 4.2", true),
        (Some(3), "3 of 4.2", false),
        (None, "unknown of 4.2", false),
    ] {
        let mut report = reports::rolled_back();
        report.budgets = vec![budget(spent)];
        assert_sound("budgets", &report);
        let [page, text, short] = [html(&report), markdown(&report), summary(&report)];
        for (format, all) in [("HTML", &page), ("Markdown", &text), ("summary", &short)] {
            for fact in
                ["Error budget spent", told, "bad requests of pets", "10 % of what was left"]
            {
                assert!(all.contains(fact), "{fact} is missing in {format}: {all}");
            }
        }
        let bad = |report: &Report| html(report).matches("bad").count();
        report.budgets = vec![budget(Some(0))];
        assert_eq!(page.matches("bad").count() > bad(&report), tone, "{told}");
    }
}

#[test]
fn the_weights_are_read_from_the_changes_as_rollouts_name_them() {
    let promoted = html(&reports::promoted());
    assert!(promoted.contains("green 100 %</text>") && promoted.contains("blue 0 %</text>"));
    let unfinished = html(&reports::resumed());
    assert!(unfinished.contains("green 25 %</text>"), "not what an old survey says");
    assert!(!html(&reports::rolling()).contains("Traffic by environment"));
}

#[test]
fn every_ending_writes_its_format() {
    let temporary = tempfile::tempdir().unwrap();
    // Set it to look at them.
    let wanted = std::env::var_os("PETSWIPE_REPORTS").map(std::path::PathBuf::from);
    let directory = wanted.unwrap_or_else(|| temporary.path().to_owned());
    for (name, one) in reports::all() {
        let path = |ending: &str| directory.join(name).join(format!("report.{ending}"));
        for ending in ["html", "md", "json", "JSON"] {
            report::check(&path(ending)).unwrap();
            report::write(&path(ending), &one).unwrap();
            report::write(&path(ending), &one).unwrap();
        }
        let json = std::fs::read_to_string(path("json")).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), one);
        assert_eq!(std::fs::read_to_string(path("html")).unwrap(), html(&one));
        assert_eq!(std::fs::read_to_string(path("md")).unwrap(), markdown(&one));
        assert_eq!(std::fs::read_dir(directory.join(name)).unwrap().count(), 4, "left-overs");
    }
}

#[test]
fn other_endings_are_refused_before_anything_is_written() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["report", "report.txt", "report.htm", "report.html.gz", ".json", ""] {
        let path = directory.path().join("deep").join(name);
        for refused in [report::check(&path), report::write(&path, &reports::refused())] {
            let error = refused.unwrap_err();
            assert!(matches!(error, Error::UnknownEnding { .. }));
            let message = error.to_string();
            assert!([".json", ".html", ".md"].iter().all(|e| message.contains(e)), "{message}");
        }
    }
    assert!(!directory.path().join("deep").exists());
    let taken = directory.path().join("a.json");
    std::fs::create_dir(&taken).unwrap();
    assert!(matches!(report::check(&taken), Err(Error::IsDirectory { .. })));
    let below = directory.path().join("file");
    std::fs::write(&below, "").unwrap();
    let error = report::write(&below.join("a.md"), &reports::refused()).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

#[test]
fn the_limits_of_several_metrics_are_told_apart_and_not_cut_off() {
    let mut report = reports::rolled_back();
    for check in &mut report.checks {
        check.evidence = vec![
            finding("p99 latency", Some(5.0), 1000.0, "ms"),
            finding("p50 latency beside the live version", Some(1.0), 100.9, "ms"),
            finding("p100 latency", Some(1.0), 3_600_000.0, "ms"),
        ];
    }
    let page = html(&report);
    for label in ["p99 limit 1000 ms", "p50 limit 101 ms", "p100 limit 3600 s"] {
        assert!(page.contains(&format!("</title>{label}</text>")), "no {label:?}");
    }
}

#[test]
fn the_weights_are_drawn_as_long_as_the_traffic() {
    let mut report = reports::rolled_back();
    let drawn = |report: &Report| {
        let page = html(report);
        let (tags, _) = read(&page).unwrap();
        let areas = tags.iter().filter(|tag| tag.attribute("class") == Some("area c0"));
        let paths = areas.filter(|tag| tag.name == "path");
        let ends = paths.filter_map(|tag| {
            let numbers = coordinates(std::slice::from_ref(tag));
            numbers.into_iter().reduce(f64::max)
        });
        ends.collect::<Vec<_>>()
    };
    // Weights and requests, in the wide figure and in the narrow one, each to its right edge.
    assert_eq!(drawn(&report), [780.0, 780.0, 352.0, 352.0]);
    // Nobody knows what became of one that stopped half-way.
    report.outcome = "unfinished".to_owned();
    let half_way = drawn(&report);
    assert!(half_way[0] < 780.0 && half_way[2] < 352.0, "{half_way:?}");
}

#[test]
fn an_undo_is_called_one() {
    let mut report = reports::promoted();
    assert!(summary(&report).starts_with("✓ Promoted: canary of "));
    report.undoes = Some("petswipe:42".parse().unwrap());
    assert!(summary(&report).starts_with("✓ Undone: canary of "));
}
