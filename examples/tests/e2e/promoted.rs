//! What happens most of the time: the new version is good.

use serde_json::Value;

use super::report::*;
use super::support::*;
use super::tool::*;

async fn promoted(name: &str, strategy: &str, file: &str, arguments: &[&str]) -> Value {
    let directory = directory();
    let tool = Tool::new(name, &directory).args(["--json", "-q", "--report", file]);
    let done = tool.args(arguments.iter().copied()).run().await.with(0);
    assert_eq!(done.stderr, "", "it was told to be quiet");
    let report = done.json();
    assert_eq!(text(&report, "outcome"), "promoted");
    assert_complete(&report, strategy);
    assert_none_failed(&report);
    for action in list(&report, "actions") {
        assert_eq!(text(action, "result"), "done");
    }
    let judged = list(&report, "stages").iter().filter(|stage| stage["name"] != "scale-down delay");
    for stage in judged {
        assert_eq!(text(stage, "verdict"), "pass");
        assert!(!list(stage, "evidence").is_empty(), "{stage:#}");
    }
    let state = &report["final_state"];
    assert_eq!(text(state, "serving"), "petswipe:2");
    let running = |side: &Value| (number(side, "desired"), number(side, "running"));
    let mut counts: Vec<_> =
        state["environments"].as_object().unwrap().values().map(running).collect();
    counts.sort_unstable();
    assert_eq!(counts, [(0, 0), (4, 4)]);
    assert_eq!(files(&directory), [format!(".petswipe/{name}.jsonl"), file.to_owned()]);
    let written = std::fs::read_to_string(directory.path().join(file)).unwrap();
    // Markdown puts a backslash before what would be markup.
    assert!(
        written.replace('\\', "").contains(text(&report, "operation")),
        "{file} is of another operation"
    );
    if file.ends_with(".json") {
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), report);
    }
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_version_is_promoted_with_no_failed_request() {
    let blue_green =
        ["--auto-promote=true", "--smoke-test-duration", "2", "--bake", "2", "--rate", "100"];
    let (canary, blue_green, rolling) = tokio::join!(
        promoted("canary", "canary", "report.html", &SHORT),
        promoted("blue_green", "blue-green", "report.md", &blue_green),
        promoted("rolling", "rolling", "report.json", &["--bake", "2", "--rate", "100"]),
    );
    let expected = ["stage 1", "stage 2", "stage 3", "bake", "scale-down delay"];
    assert_eq!(stages(&canary), expected);
    assert_eq!(shifts(&canary).len(), 3);
    let weights: Vec<_> = list(&canary, "stages").iter().map(|s| number(s, "weight")).collect();
    assert_eq!(weights, [10, 50, 100, 100, 100]);
    assert_eq!(stages(&blue_green), ["stage 1", "bake", "scale-down delay"]);
    assert_eq!(shifts(&blue_green).len(), 1);
    assert_eq!(stages(&rolling), ["bake"]);
    assert_eq!(shifts(&rolling).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_shown_to_be_good_needs_not_wait_for_the_end_of_a_stage() {
    // Without --early the stages alone take twenty minutes, which no test is given.
    let stages = ["--stages", "50,100", "--stage-duration", "600", "--early", "2"];
    let rest = ["--bake", "1", "--rate", "300"];
    let report = promoted("canary", "canary", "report.json", &[&stages[..], &rest].concat()).await;
    assert_eq!(shifts(&report).len(), 2);
}
