//! Reading the JSON report of a rollout.

use jiff::Timestamp;
use serde_json::Value;

/// A field that must be there.
#[track_caller]
pub(crate) fn text<'a>(report: &'a Value, field: &str) -> &'a str {
    report[field].as_str().unwrap_or_else(|| panic!("{field} is no text in {report:#}"))
}

/// A time as RFC 3339.
#[track_caller]
pub(crate) fn time(report: &Value, field: &str) -> Timestamp {
    text(report, field).parse().unwrap_or_else(|why| panic!("{field}: {why}"))
}

/// A list that must be there.
#[track_caller]
pub(crate) fn list<'a>(report: &'a Value, field: &str) -> &'a [Value] {
    report[field].as_array().unwrap_or_else(|| panic!("{field} is no list in {report:#}"))
}

/// A number that must be there.
#[track_caller]
pub(crate) fn number(report: &Value, field: &str) -> u64 {
    report[field].as_u64().unwrap_or_else(|| panic!("{field} is no number in {report:#}"))
}

/// The names of the stages that were begun.
pub(crate) fn stages(report: &Value) -> Vec<&str> {
    list(report, "stages").iter().map(|stage| text(stage, "name")).collect()
}

/// The actions that changed weights.
pub(crate) fn shifts(report: &Value) -> Vec<&Value> {
    let actions = list(report, "actions").iter();
    actions.filter(|action| text(action, "action").starts_with("set the weights to")).collect()
}

/// What must be as it was after a rollout that went back: weights, counts, revisions.
pub(crate) fn essence(state: &Value) -> Value {
    let mut essence = state.clone();
    let sides = essence["environments"].as_object_mut().expect("environments");
    for side in sides.values_mut() {
        // Tasks may still be ending; what they are asked to be is what was put back.
        side.as_object_mut().unwrap().remove("running");
        side.as_object_mut().unwrap().remove("healthy");
    }
    essence
}

/// Checks that everything is as it was before.
#[track_caller]
pub(crate) fn assert_as_before(report: &Value) {
    let (before, now) = (&report["initial_state"], &report["final_state"]);
    assert_eq!(essence(before), essence(now), "{report:#}");
    let weights = now["weights"].as_object().unwrap();
    assert_eq!(weights.values().map(|weight| weight.as_u64().unwrap()).sum::<u64>(), 100);
}

/// Checks that no request failed.
#[track_caller]
pub(crate) fn assert_none_failed(report: &Value) {
    let traffic = &report["traffic"];
    assert!(number(traffic, "requests") > 0, "{traffic:#}");
    assert_eq!(number(traffic, "failed"), 0, "{report:#}");
    let by_version = traffic["failed_by_version"].as_object().expect("failed_by_version");
    assert!(by_version.values().all(|failed| failed == 0), "{traffic:#}");
}

/// Checks every field that the JSON of a rollout has at least.
#[track_caller]
pub(crate) fn assert_complete(report: &Value, strategy: &str) {
    for field in ["operation", "outcome", "reason"] {
        assert!(!text(report, field).is_empty(), "{field} is empty");
    }
    assert_eq!(text(report, "strategy"), strategy);
    let (started, finished) = (time(report, "started_at"), time(report, "finished_at"));
    assert!(started < finished);
    for stage in list(report, "stages") {
        assert!(number(stage, "weight") <= 100);
        assert!(time(stage, "started_at") <= time(stage, "ended_at"), "{stage:#}");
        assert!(time(stage, "started_at") >= started && time(stage, "ended_at") <= finished);
        assert!(["pass", "fail", "inconclusive"].contains(&text(stage, "verdict")), "{stage:#}");
        for finding in list(stage, "evidence") {
            assert!(!text(finding, "metric").is_empty());
        }
    }
    let mut before = started;
    assert!(!list(report, "actions").is_empty());
    for action in list(report, "actions") {
        assert!(!text(action, "action").is_empty());
        assert!(time(action, "at") >= before, "{action:#} is out of order");
        before = time(action, "at");
        number(action, "duration_ms");
    }
    let traffic = &report["traffic"];
    assert!(number(traffic, "failed") <= number(traffic, "requests"));
    assert!(traffic["failed_by_version"].is_object());
    let state = &report["final_state"];
    let weights = state["weights"].as_object().expect("weights");
    assert_eq!(weights.values().map(|weight| weight.as_u64().unwrap()).sum::<u64>(), 100);
    let sides = state["environments"].as_object().expect("environments");
    assert_eq!(sides.len(), 2);
    for side in sides.values() {
        number(side, "desired");
        number(side, "running");
    }
    assert!(state["serving"].is_string(), "{state:#}");
}
