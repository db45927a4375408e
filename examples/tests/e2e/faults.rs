//! New versions that are bad in every way there is.

use std::time::Duration;

use serde_json::Value;

use super::report::*;
use super::support::*;
use super::tool::*;

async fn goes_back(name: &str, fault: &str, arguments: &[&str]) -> Value {
    let directory = directory();
    let tool = Tool::new(name, &directory).args(["--json", "--fault", fault]);
    let done = tool.args(arguments.iter().copied()).run().await.with(1);
    let report = done.json();
    assert_eq!(text(&report, "outcome"), "rolled-back", "{name} with {fault}: {done}");
    assert_as_before(&report);
    assert_eq!(text(&report["final_state"], "serving"), "petswipe:1");
    assert_eq!(number(&report["traffic"]["failed_by_version"], "v1"), 0, "{fault}: {done}");
    report
}

/// Once the weights are back, the bad version hurts nobody any more.
fn nobody_is_hurt_after_the_way_back(fault: &str, report: &Value) {
    let Some(last) = shifts(report).last().copied() else {
        // It never had any traffic.
        return assert_none_failed(report);
    };
    assert!(text(last, "action").ends_with("petswipe-production-blue 100 %"), "{report:#}");
    assert_eq!(text(last, "result"), "done");
    let back = time(last, "at") + Duration::from_millis(number(last, "duration_ms"));
    let series = list(&report["traffic"], "series");
    let later: Vec<_> = series.iter().filter(|point| time(point, "at") > back).collect();
    assert!(!later.is_empty(), "{fault}: no traffic after the way back");
    for point in later {
        assert_eq!(number(point, "failed"), 0, "{fault}: {point:#} after {back}");
        assert_eq!(text(point, "version"), "v1", "{fault}: {point:#} after {back}");
    }
}

async fn canary(fault: &str) {
    let report = goes_back("canary", fault, &SHORT).await;
    nobody_is_hurt_after_the_way_back(fault, &report);
    if fault == "crash-on-boot" || fault == "unhealthy" {
        assert!(shifts(&report).is_empty(), "a side without a healthy task got traffic");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_with_any_fault_is_taken_back() {
    tokio::join!(
        canary("error-rate=0.5"),
        canary("latency=800ms"),
        canary("latency=1500ms"),
        canary("crash-on-boot"),
        canary("crash-after=4s"),
        canary("slow-start=5s"),
        canary("unhealthy"),
    );
}

async fn blue_green(fault: &str, smoke: &str) {
    let arguments =
        ["--auto-promote=true", "--smoke-test-duration", smoke, "--bake", "2", "--rate", "100"];
    let report = goes_back("blue_green", fault, &arguments).await;
    nobody_is_hurt_after_the_way_back(fault, &report);
    if smoke != "0" && fault == "error-rate=0.5" {
        assert!(shifts(&report).is_empty(), "it failed its smoke test and got traffic");
    }
}

async fn rolling(fault: &str) {
    let report = goes_back("rolling", fault, &["--bake", "2", "--rate", "100"]).await;
    if fault != "error-rate=0.5" {
        assert_none_failed(&report);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_strategies_take_a_bad_version_back_as_well() {
    tokio::join!(
        blue_green("error-rate=0.5", "2"),
        blue_green("error-rate=0.5", "0"),
        blue_green("latency=1500ms", "2"),
        blue_green("crash-on-boot", "2"),
        rolling("error-rate=0.5"),
        rolling("crash-on-boot"),
        rolling("unhealthy"),
    );
}
