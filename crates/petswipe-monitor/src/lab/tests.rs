//! The laboratory itself: the published behaviour of each policy comes out, and ours keeps its promises.

use super::policies::{Argo, EcsCanary, Flagger, Gated, GuideScript, RateRatioOnly};
use super::*;

fn row(fault: f64, runs: u32, policy: impl Fn() -> Box<dyn RolloutPolicy>) -> Row {
    let world = World { fault_error_rate: Some(fault), ..World::steady(100.0, 0.001) };
    Row::of(&world, runs, policy)
}

fn ours() -> Box<dyn RolloutPolicy> {
    Box::new(Gated::by_default())
}

#[test]
fn flagger_goes_back_a_minute_after_its_fifth_failed_check() {
    let flagger = || -> Box<dyn RolloutPolicy> { Box::new(Flagger::default()) };
    let row = row(0.2, 20, flagger);
    assert_eq!((row.rollback_share, row.median_seconds), (1.0, Some(360.0)));
    // With 1.2 % errors in both, nearly every good release goes back.
    let good = Row::of(&World::steady(100.0, 0.012), 40, flagger);
    assert!(good.rollback_share > 0.85, "{good:?}");
    // Without traffic every check fails.
    assert_eq!(Row::of(&World::steady(0.0, 0.0), 1, flagger).rollback_share, 1.0);
}

#[test]
fn argo_aborts_with_its_fourth_failed_measurement_and_without_data_with_its_fifth_error() {
    let argo = || -> Box<dyn RolloutPolicy> { Box::new(Argo::default()) };
    assert_eq!(row(0.2, 10, argo).median_seconds, Some(1500.0));
    assert_eq!(row(0.02, 10, argo).rollback_share, 0.0);
    assert_eq!(Row::of(&World::steady(0.0, 0.0), 1, argo).median_seconds, Some(640.0));
}

#[test]
fn ecs_sees_its_alarm_a_minute_after_the_minute() {
    let ecs = || -> Box<dyn RolloutPolicy> { Box::new(EcsCanary::default()) };
    assert_eq!(row(0.2, 20, ecs).median_seconds, Some(120.0));
    assert_eq!(row(0.005, 20, ecs).median_seconds, Some(720.0));
}

#[test]
fn the_script_of_the_guide_sees_only_what_is_gross() {
    let script = || -> Box<dyn RolloutPolicy> { Box::new(GuideScript::default()) };
    assert_eq!(row(0.2, 20, script).median_seconds, Some(60.0));
    assert_eq!(row(0.005, 20, script).rollback_share, 0.0);
}

#[test]
fn the_evidence_alone_is_faster_and_cheaper_than_all_of_them() {
    let fast = || -> Box<dyn RolloutPolicy> { Box::new(RateRatioOnly::new(0.01, 10, 0)) };
    let late = || -> Box<dyn RolloutPolicy> { Box::new(RateRatioOnly::new(0.01, 60, 60)) };
    assert_eq!(row(0.2, 20, fast).median_seconds, Some(10.0));
    assert_eq!(row(0.2, 20, late).median_seconds, Some(120.0));
    let row = row(0.005, 40, fast);
    assert!(row.rollback_share == 1.0 && row.mean_failed_requests < 15.0, "{row:?}");
}

#[test]
fn ours_goes_back_in_seconds_and_promotes_what_is_good() {
    for (fault, seconds, failed) in [(0.02, 60.0, 8.0), (0.05, 30.0, 8.0), (0.2, 10.0, 15.0)] {
        let row = row(fault, 40, ours);
        assert_eq!(row.rollback_share, 1.0, "{row:?}");
        assert!(row.median_seconds.is_some_and(|median| median <= seconds), "{row:?}");
        assert!(row.mean_failed_requests <= failed, "{row:?}");
    }
    for world in [
        World::steady(100.0, 0.001),
        World::steady(100.0, 0.012),
        World { load: Load::Varying, ..World::steady(100.0, 0.002) },
    ] {
        let good = Row::of(&world, 60, ours);
        assert!(good.rollback_share <= 0.02, "{good:?}");
    }
}

#[test]
fn a_gate_whose_evidence_is_thrown_away_is_found_out() {
    // The same gate asked only about the last ten seconds, as if nothing were carried, misses what is small.
    struct Forgetful(Gated);
    impl RolloutPolicy for Forgetful {
        fn name(&self) -> String {
            "forgetful".to_owned()
        }
        fn begin(&mut self) -> u8 {
            self.0.begin()
        }
        fn tick(&mut self, elapsed: u32, second: &Second) -> Next {
            self.0.forget();
            self.0.tick(elapsed, second)
        }
    }
    let forgetful = row(0.005, 20, || Box::new(Forgetful(Gated::by_default())));
    assert!(forgetful.rollback_share < row(0.005, 20, ours).rollback_share, "{forgetful:?}");
}

#[test]
fn a_trace_is_replayed_and_a_broken_one_is_refused_with_its_line() {
    let line = |second: u32, failed: u64| {
        format!(
            r#"{{"second":{second},"candidate":{{"requests":10,"failed":{failed}}},"reference":{{"requests":190,"failed":0}}}}"#
        )
    };
    let good: String = (0..120).map(|second| line(second, 0) + "\n").collect();
    let bad: String = (120..240).map(|second| line(second, 5) + "\n").collect();
    let trace = read((good + &bad).as_bytes()).unwrap();
    let replayed = replay(&trace, ours().as_mut());
    assert_eq!((replayed.ended.as_str(), replayed.seconds), ("rolled back", 130));
    assert_eq!((replayed.failed_requests, replayed.failed_requests_in_trace), (50, 600));
    assert_eq!(replayed.weights, [(0, 5)]);
    for (text, expected) in [
        (line(5, 0) + "\n" + &line(5, 0), "line 2 of the trace is second 5"),
        (line(0, 11), "line 1 of the trace is 11 failed of 10"),
        ("{}".to_owned(), "line 1 of the trace is {}"),
        (line(0, 0).replace("failed", "errors"), "line 1 of the trace is"),
    ] {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert_eq!(replay(&[], ours().as_mut()).seconds, 0);
}

#[test]
fn stages_planned_for_little_traffic_promote_what_is_good_and_find_what_is_bad() {
    let question = crate::planner::Question {
        requests_per_second: 1.0,
        baseline_error_rate: 0.005,
        smallest_ratio: 5.0,
        error_budget: f64::MAX,
        evidence: crate::EvidencePolicy::default(),
    };
    let forecast = question.propose().unwrap();
    let planned = || -> Box<dyn RolloutPolicy> { Box::new(Gated::planned(&question, &forecast)) };
    let good = World::steady(1.0, 0.005);
    let bad = World { fault_error_rate: Some(0.025), ..good };
    assert!(Row::of(&good, 30, planned).rollback_share <= 1.0 / 30.0);
    assert!(Row::of(&bad, 30, planned).rollback_share >= 0.8);
}
