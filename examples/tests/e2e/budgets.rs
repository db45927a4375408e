//! Rollouts that may spend a share of an error budget: what that stops, what it lets go on, and what is refused.

use petswipe_monitor::{MetricSource, Subject, Window};
use serde_json::Value;
use std::time::Duration;
use tempfile::TempDir;

use super::cloud::CloudProcess;
use super::report::*;
use super::support::*;
use super::tool::*;

/// What a service promises, as a file of OpenSLO.
fn promise(directory: &TempDir, service: &str, target: &str) {
    let text = format!(
        "apiVersion: openslo/v1
kind: SLO
metadata: {{name: pets-available}}
spec:
  service: {service}
  indicator:
    metadata: {{name: failed-requests}}
    spec:
      ratioMetric:
        counter: true
        bad: {{metricSource: {{type: Prometheus, spec: {{query: bad}}}}}}
        total: {{metricSource: {{type: Prometheus, spec: {{query: total}}}}}}
  timeWindow: [{{duration: 30d, isRolling: true}}]
  budgetingMethod: Occurrences
  objectives: [{{target: {target}}}]
"
    );
    std::fs::write(directory.path().join("slo.yaml"), text).unwrap();
}

/// How many requests the live side is known to have served.
async fn served(cloud: &CloudProcess) -> Option<u64> {
    let now = jiff::Timestamp::now();
    let window = Window::new(now - Duration::from_secs(300), now).unwrap();
    let blue = Subject::environment(cloud.blue.as_str());
    cloud.client.observe(&blue, window, now).await.unwrap().requests
}

/// Lets a cloud serve so many requests, so that there is an error budget.
async fn serves(cloud: &CloudProcess, requests: u64) {
    let load = cloud.load(200.0);
    eventually("requests are served", async || {
        served(cloud).await.is_some_and(|served| served >= requests).then_some(())
    })
    .await;
    load.stop().await;
}

const SLO: [&str; 4] = ["--slo", "slo.yaml", "--budget-share", "0.02"];

/// As the live version is: within all limits, and no worse than what is beside it.
const FAULT: [&str; 4] = ["--fault", "error-rate=0.03", "--error-threshold", "50"];

fn flags_of(name: &str) -> Vec<&'static str> {
    match name {
        "canary" => SHORT.to_vec(),
        "blue_green" => {
            vec![
                "--auto-promote=true",
                "--smoke-test-duration",
                "0",
                "--bake",
                "2",
                "--rate",
                "100",
            ]
        }
        _ => vec!["--bake", "4", "--rate", "100"],
    }
}

async fn is_stopped_by_its_budget_alone(name: &'static str) {
    let cloud = CloudProcess::with(&["--fault", "error-rate=0.03"]).await;
    serves(&cloud, 500).await;
    let directory = directory();
    promise(&directory, "petswipe-production", "0.9");
    let tool = || Tool::new(name, &directory).on(&cloud).args(flags_of(name)).args(FAULT);

    let done = tool().args(["--json", "--report", "report.md"]).args(SLO).run().await.with(1);
    let report = done.json();
    assert_eq!(text(&report, "outcome"), "rolled-back", "{done}");
    assert!(text(&report, "reason").contains("error budget of pets-available"), "{done}");
    done.says([
        "error budget of pets-available (90 % of requests do not fail): the new version may have",
    ]);
    assert_as_before(&report);
    let [budget] = list(&report, "budgets") else { panic!("{report:#}") };
    let (spent, allowed) = (number(budget, "spent"), budget["allowance"].as_f64().unwrap());
    assert!(allowed > 0.0 && spent as f64 > allowed, "{budget:#}");
    let told = std::fs::read_to_string(directory.path().join("report.md")).unwrap();
    assert!(told.contains("Error budget spent"), "{told}");

    // The other policies have nothing against it.
    let done = tool().args(["--json"]).run().await.with(0);
    let report = done.json();
    assert_eq!(text(&report, "outcome"), "promoted", "{done}");
    assert_eq!(report["budgets"], Value::Null);
    assert!(number(&report["traffic"], "failed") > 0, "{done}");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_spends_too_much_goes_back_though_nothing_else_is_against_it() {
    is_stopped_by_its_budget_alone("canary").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_does_a_blue_green_deployment() {
    is_stopped_by_its_budget_alone("blue_green").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_does_a_rolling_update() {
    is_stopped_by_its_budget_alone("rolling").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_within_its_share_is_promoted_and_what_it_may_spend_is_in_plan_and_report() {
    let cloud = CloudProcess::start().await;
    let directory = directory();
    let dry = ["--dry-run", "--json"];
    promise(&directory, "petswipe-production-blue", "0.99");
    // The budget is that of requests, and there were none.
    eventually("a second is over", async || served(&cloud).await).await;
    let before = cloud.everything().await;
    let tool = |name| Tool::new(name, &directory).on(&cloud).args(SLO);
    for more in [&dry[..], &SHORT] {
        let done = tool("canary").args(more.iter().copied()).run().await;
        let wrong = done.is_no_refusal(&["--slo", "pets-available", "nothing was served"]);
        assert_eq!(wrong, None);
        assert_eq!(files(&directory), ["slo.yaml"], "{done}");
    }
    serves(&cloud, 300).await;
    for name in ["canary", "blue_green", "rolling"] {
        let plan = tool(name).args(dry).run().await.with(0).json();
        let [budget] = list(&plan, "error_budgets") else { panic!("{plan:#}") };
        assert!(budget["allowed_bad_requests"].as_f64().unwrap() >= 0.06, "{budget:#}");
        assert_eq!((&budget["share"], &budget["budget_spent_requests"]), (&0.02.into(), &0.into()));
        let done = tool(name).args(["--plan"]).run().await.with(0);
        let words = ["spends more of an error budget", "2 % of the", "is not known"];
        assert!(words.iter().all(|word| done.stdout.contains(word)), "{done}");
    }
    assert_eq!(cloud.everything().await, before);

    let done = tool("canary").args(SHORT).args(["--json"]).run().await.with(0);
    let report = done.json();
    assert_none_failed(&report);
    assert_eq!(list(&report, "budgets")[0]["spent"], 0, "{done}");
    // The other side is live now, and what its SLO names is the service still. The way back costs what it costs.
    let plan = tool("canary").args(dry).run().await.with(0).json();
    let served = list(&plan, "error_budgets")[0]["budget_allowed_requests"].as_f64().unwrap();
    assert!(served > 5.0, "{plan:#}");
    let undo = ["--undo", "--json", "--bake", "1", "--rate", "100"];
    let undone = Tool::new("canary", &directory).on(&cloud).args(undo).run().await.with(0).json();
    assert_eq!(undone["budgets"], Value::Null);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_anything_left_of_a_budget_nothing_is_begun() {
    let cloud = CloudProcess::with(&["--fault", "error-rate=0.2"]).await;
    serves(&cloud, 200).await;
    let directory = directory();
    promise(&directory, "petswipe-production-green", "0.99");
    let before = cloud.everything().await;
    for name in ["canary", "rolling"] {
        let done = Tool::new(name, &directory).on(&cloud).args(SLO).run().await;
        let words =
            ["--slo", "error budget left of pets-available", "nothing may be spent on a rollout"];
        assert_eq!(done.is_no_refusal(&words), None);
    }
    // Where the numbers are not to be had there is no budget either.
    let gone = ["--metrics", "prometheus=http://127.0.0.1:9"];
    let done = Tool::new("canary", &directory).on(&cloud).args(SLO).args(gone).run().await;
    let words = ["--metrics is Prometheus at http://127.0.0.1:9", "nothing was touched"];
    assert_eq!(done.is_no_refusal(&words), None);
    assert_eq!(cloud.everything().await, before);
    assert_eq!(files(&directory), ["slo.yaml"]);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_shares_that_make_no_sense_are_refused_before_a_cloud_is_asked() {
    type Case = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);
    let cases: &[Case] = &[
        ("", "", &["--budget-share", "0.1"], &["--slo"]),
        (
            "",
            "",
            &["--slo", "slo.yaml", "--budget-share", "0"],
            &["--budget-share", "0", "above 0"],
        ),
        ("", "", &["--slo", "slo.yaml", "--budget-share", "1.5"], &["1.5", "at most 1"]),
        ("", "", &["--slo", "slo.yaml", "--budget-share", "NaN"], &["NaN", "above 0"]),
        ("", "", &["--slo", "slo.yaml", "--budget-share=-1"], &["-1", "above 0"]),
        ("", "", &["--slo", "none.yaml"], &["--slo is none.yaml", "No such file"]),
        ("", "", &["--slo", "slo.yaml"], &["--slo needs --cloud"]),
        ("spec:", "spec: [", &["--slo", "slo.yaml"], &["--slo is slo.yaml", "allowed: YAML"]),
        (
            "Occurrences",
            "Timeslices",
            &["--slo", "slo.yaml"],
            &["budgetingMethod", "Timeslices", "Occurrences"],
        ),
        ("0.9", "99.9", &["--slo", "slo.yaml"], &["target", "99.9", "a share above 0"]),
        (
            "service: petswipe-production",
            "service: blog",
            &["--slo", "slo.yaml"],
            &["pets-available of blog", "petswipe-production-blue"],
        ),
        (
            "",
            "",
            &["--slo", "slo.yaml", "--environment", "test"],
            &["petswipe-production", "petswipe-test"],
        ),
    ];
    let mut wrong = Vec::new();
    for (from, to, arguments, words) in cases {
        for name in ["canary", "blue_green", "rolling"] {
            let directory = directory();
            promise(&directory, "petswipe-production", "0.9");
            let file = directory.path().join("slo.yaml");
            let held = std::fs::read_to_string(&file).unwrap();
            assert!(held.contains(from), "{from}");
            std::fs::write(&file, held.replacen(from, to, 1)).unwrap();
            let approved: &[&str] = if name == "blue_green" { &["--auto-promote"] } else { &[] };
            let tool = Tool::new(name, &directory).without_cloud().args(approved.iter().copied());
            let done = tool.args(arguments.iter().copied()).run().await;
            wrong.extend(done.is_no_refusal(words).map(|why| format!("{arguments:?} {why}")));
            assert_eq!(files(&directory), ["slo.yaml"], "{done}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
