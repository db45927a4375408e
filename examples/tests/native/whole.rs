//! Whole deployments: promoted, undone, rolled back, resumed.

use std::time::Duration;

use petswipe_deploy::Split;
use petswipe_deploy::memory::Behaviour;
use serde_json::Value;

use crate::world::{World, environment};

const MINUTE: Duration = Duration::from_secs(60);
const CANARY: [&str; 4] = ["--image", "v2", "--strategy", "canary"];
const V1: &str = "revision:1";
const BLUE: &str = "shop-production-blue";
const GREEN: &str = "shop-production-green";

#[test]
fn a_good_version_is_promoted_by_every_strategy_and_undone() {
    for strategy in ["canary", "linear", "blue-green"] {
        let world = World::new();
        let before = world.wire.with(|account| account.deployer.configuration["strategy"].clone());
        world.ends_with(0, &["--image", "v2", "--strategy", strategy]);
        let report = world.report();
        assert_eq!(report.strategy, format!("native-{strategy}"));
        assert_eq!(report.outcome, "promoted");
        assert!(report.checks.iter().any(|check| check.verdict == "pass"));
        let state = report.final_state.unwrap();
        assert_eq!(state.weights[&environment(&format!("{GREEN}-tg"))].get(), 100);
        assert_eq!(world.platform.snapshot().split, Split::all_to(environment(GREEN)));
        let now = world.wire.with(|account| account.deployer.configuration["strategy"].clone());
        assert_eq!((&now, now.as_str()), (&before, Some("ROLLING")));
        // A new journal takes the place of the one that has ended.
        world.ends_with(0, &["--undo"]);
        assert_eq!(world.serving(), (V1.to_owned(), BLUE.to_owned()));
        let report = world.report();
        assert_eq!((report.outcome.as_str(), report.undoes.is_some()), ("promoted", true));
        let twice = world.refuses(2, &["--undo", "--dry-run"]);
        assert!(twice.contains("which is an undo itself"), "{twice}");
    }
}

#[test]
fn a_dry_run_changes_nothing_and_needs_no_journal() {
    let world = World::new();
    world.ends_with(0, &[&CANARY[..], &["--dry-run"]].concat());
    world.ends_with(0, &[&CANARY[..], &["--plan", "--json"]].concat());
    assert_eq!(world.changes(), [""; 0]);
    assert!(!world.path("native.jsonl").exists() && !world.path("report.json").exists());
}

#[test]
fn a_bad_version_goes_back_and_is_no_success() {
    let world = World::new();
    world.behaves(Behaviour { error_rate: 0.2, ..Behaviour::default() });
    world.ends_with(1, &CANARY);
    let report = world.report();
    assert_eq!(report.outcome, "rolled-back");
    assert!(report.reason.contains("error rate"), "{}", report.reason);
    assert_eq!(world.serving(), (V1.to_owned(), BLUE.to_owned()));
    // Begun, let go on to its first share, stopped, and set back.
    let changes = world.changes();
    let expected = [
        "RegisterTaskDefinition",
        "UpdateService",
        "ContinueServiceDeployment",
        "StopServiceDeployment",
        "UpdateService",
    ];
    assert_eq!(changes, expected);
    let refused = world.refuses(2, &["--undo"]);
    assert!(refused.contains("outcome to undo is rolled back"), "{refused}");
}

#[test]
fn limits_of_the_gate_are_those_of_the_flags() {
    let bad = || {
        let world = World::new();
        world.behaves(Behaviour { error_rate: 0.1, ..Behaviour::default() });
        world
    };
    bad().ends_with(1, &[&CANARY[..], &["--error-threshold", "5"]].concat());
    bad().ends_with(0, &[&CANARY[..], &["--error-threshold", "15"]].concat());
    let strict = World::new();
    strict.ends_with(1, &[&CANARY[..], &["--min-requests", "100000000"]].concat());
    assert!(strict.report().reason.contains("no conclusive verdict"), "{}", strict.report().reason);
}

#[test]
fn what_was_killed_is_gone_on_with() {
    for after in [1, 6, 14, 21] {
        let world = World::new();
        world.killed(&CANARY, after * MINUTE);
        let held = world.refuses(2, &CANARY);
        assert!(held.contains("has not ended: go on with it by --resume"), "{held}");
        world.ends_with(0, &["--resume"]);
        let report = world.report();
        assert_eq!((report.outcome.as_str(), report.resumed), ("promoted", 1));
        assert_eq!(world.serving().1, GREEN);
        let begun = world.changes().iter().filter(|name| *name == "UpdateService").count();
        assert_eq!(begun, 2, "begun once and set back once");
    }
}

#[test]
fn the_report_counts_and_tells_everything() {
    let world = World::new();
    world.ends_with(0, &CANARY);
    let text = std::fs::read_to_string(world.path("report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    for field in ["operation", "stages", "checks", "actions", "initial_state", "final_state"] {
        assert!(report.get(field).is_some_and(|value| !value.is_null()), "{field}: {report:#}");
    }
    assert_eq!(report["service"], "shop-production");
    let operation = report["operation"].as_str().unwrap();
    assert!(operation.starts_with("native-"), "{operation}");
}
