//! New versions that are bad in every way there is, with every strategy.

use serde_json::Value;
use std::time::Duration;

use super::report::*;
use super::support::*;
use super::tool::*;

/// A fault, and the flags that make it visible where it would not be with the usual ones.
type Case = (&'static str, &'static [&'static str]);

/// Beside the live version each of them is seen with the usual flags.
const CANARY: &[Case] = &[
    ("error-rate=0.5", &[]),
    ("latency=800ms", &[]),
    ("latency=1500ms", &[]),
    ("crash-on-boot", &[]),
    ("crash-after=4s", &[]),
    ("slow-start=5s", &[]),
    ("unhealthy", &[]),
];

const BLUE_GREEN: &[Case] = &[
    // A smoke test of a few requests finds for certain only what fails every time.
    ("error-rate=1", &[]),
    // Without a smoke test it is found by its users.
    ("error-rate=0.5", &["--smoke-test-duration", "0"]),
    ("latency=1500ms", &[]),
    // After the switch there is no live version to compare with, and the limit is 1000 ms by default.
    ("latency=800ms", &["--latency-threshold", "500"]),
    ("crash-on-boot", &[]),
    // It has to live until it is switched to, so that a crash is a crash before the users.
    ("crash-after=6s", &["--smoke-test-duration", "0"]),
    // The smoke test warms it up, so the cold time is longer than that.
    ("slow-start=10s", &[]),
    ("unhealthy", &["--health-check-timeout", "6"]),
];

const ROLLING: &[Case] = &[
    ("error-rate=0.5", &[]),
    ("latency=1500ms", &[]),
    // As with blue-green.
    ("latency=800ms", &["--latency-threshold", "500"]),
    ("crash-on-boot", &[]),
    // The tasks are replaced in less time, so it is the bake that must be long enough.
    ("crash-after=4s", &["--bake", "10"]),
    ("slow-start=10s", &[]),
    ("unhealthy", &[]),
];

/// Every fault of a strategy, each in a cloud of its own. There is only room for some of them at once.
async fn all_go_back(name: &'static str, usual: &'static [&'static str], cases: &'static [Case]) {
    let kinds: Vec<_> = cases.iter().map(|(fault, _)| fault.split('=').next().unwrap()).collect();
    for kind in ["error-rate", "latency", "crash-on-boot", "crash-after", "slow-start", "unhealthy"]
    {
        assert!(kinds.contains(&kind), "{name} is not tried with {kind}");
    }
    let mut running = tokio::task::JoinSet::new();
    for (fault, flags) in cases {
        // A flag that is given twice is refused, so what makes a fault visible replaces what is usual.
        let usual = usual.chunks(2).filter(|pair| !flags.contains(&pair[0])).flatten();
        let flags: Vec<_> = usual.chain(flags.iter()).copied().collect();
        running.spawn(async move { goes_back(name, fault, &flags).await });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

async fn goes_back(name: &str, fault: &str, flags: &[&str]) {
    let directory = directory();
    let tool = Tool::new(name, &directory).args(["--json", "--fault", fault]);
    let done = tool.args(flags.iter().copied()).run().await.with(1);
    let report = done.json();
    assert_eq!(text(&report, "outcome"), "rolled-back", "{name} with {fault}: {done}");
    assert_as_before(&report);
    assert_eq!(text(&report["final_state"], "serving"), "petswipe:1");
    assert_eq!(number(&report["traffic"]["failed_by_version"], "v1"), 0, "{fault}: {done}");
    nobody_is_hurt_after_the_way_back(name, fault, &report);
    let switched = !shifts(&report).is_empty();
    match fault {
        "crash-on-boot" | "unhealthy" => {
            assert!(!switched, "a side without a healthy task got traffic: {done}");
            assert_none_failed(&report);
        }
        "error-rate=1" => {
            assert!(!switched, "it failed its smoke test and got traffic: {done}");
        }
        // Nothing but time is lost to users.
        slow if slow.starts_with("latency") || slow.starts_with("slow-start") => {
            assert_none_failed(&report);
        }
        _ => {}
    }
}

/// Once the weights are back, or the tasks of a rolling update, the bad version hurts nobody any more.
fn nobody_is_hurt_after_the_way_back(name: &str, fault: &str, report: &Value) {
    let back = match shifts(report).last() {
        Some(last) => {
            assert!(text(last, "action").ends_with("petswipe-production-blue 100 %"), "{report:#}");
            assert_eq!(text(last, "result"), "done");
            time(last, "at") + Duration::from_millis(number(last, "duration_ms"))
        }
        None if name == "rolling" => time(report, "finished_at"),
        // It never had any traffic.
        None => return assert_none_failed(report),
    };
    let series = list(&report["traffic"], "series");
    let later: Vec<_> = series.iter().filter(|point| time(point, "at") > back).collect();
    assert!(!later.is_empty(), "{name} with {fault}: no traffic after the way back");
    for point in later {
        assert_eq!(number(point, "failed"), 0, "{name} with {fault}: {point:#} after {back}");
        assert_eq!(text(point, "version"), "v1", "{name} with {fault}: {point:#} after {back}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_with_any_fault_is_taken_back() {
    all_go_back("canary", &SHORT, CANARY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blue_green_deployment_with_any_fault_is_taken_back() {
    const USUAL: [&str; 8] =
        ["--auto-promote", "true", "--smoke-test-duration", "2", "--bake", "2", "--rate", "100"];
    all_go_back("blue_green", &USUAL, BLUE_GREEN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_update_with_any_fault_is_taken_back() {
    all_go_back("rolling", &["--bake", "3", "--rate", "100"], ROLLING).await;
}

/// The most that may pass from the verdict to the last answer of the bad version, which is later than its last request.
const AT_MOST: i128 = 50;

/// Milliseconds from the failing verdict to the last answer of the bad version.
async fn milliseconds_to_safety(name: &str, arguments: &[&str]) -> i128 {
    let directory = directory();
    let tool = Tool::new(name, &directory).args(["--json", "--fault", "error-rate=0.5"]);
    let done = tool.args(arguments.iter().copied()).run().await.with(1);
    let report = done.json();
    let failing = list(&report, "checks").iter().find(|check| text(check, "verdict") == "fail");
    let verdict = time(failing.unwrap_or_else(|| panic!("no failing check: {done}")), "at");
    let last = time(&report["traffic"]["last_answer_at"], "v2");
    let took = last.duration_since(verdict).as_millis();
    // Every few milliseconds it was sent a request, so it had some just before the verdict.
    assert!(took > -500, "{name}: the bad version had no traffic to lose: {took} ms, {done}");
    took
}

/// The machine may be busy with other things in one run, hardly in all of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_version_gets_no_request_from_soon_after_its_verdict() {
    let canary = ["--stages", "50,100", "--stage-duration", "5", "--rate", "300"];
    let blue_green = ["--auto-promote=true", "--smoke-test-duration", "0", "--rate", "300"];
    for (name, arguments) in [("canary", &canary[..]), ("blue_green", &blue_green)] {
        let mut took = Vec::new();
        while took.len() < 3 && took.iter().all(|time| *time > AT_MOST) {
            took.push(milliseconds_to_safety(name, arguments).await);
        }
        println!("{name}: the last answer of the bad version {took:?} ms after its verdict");
        assert!(took.iter().any(|time| *time <= AT_MOST), "{name}: {took:?} ms");
    }
}
