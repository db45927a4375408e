//! Mistakes that were made before, elsewhere, and that no gate here makes. The numbers are those of the list of bugs of
//! the scripts that this project replaces.

use std::time::Duration;

use serde_json::json;

use super::{at, green, judge, minute, nothing, step, times, window, word};
use crate::gate::{
    AbsolutePolicy, All, Carried, Comparison, Gate, LatencyRegression, NoData, Verdict,
};
use crate::{Errors, MemorySource, MetricSource, Observation, Saturation, Targets};

/// Whole numbers came back as "3.0", and the shell's arithmetic died on it half-way.
#[test]
fn bug_02_fractional_and_whole_numbers_are_the_same() {
    let policy = |one: &str| {
        let mut policy = serde_json::to_value(AbsolutePolicy::default()).unwrap();
        policy["cpu"] = serde_json::from_str(one).unwrap();
        policy["error_rate"] = serde_json::from_str(one).unwrap();
        serde_json::from_value::<AbsolutePolicy>(policy).unwrap()
    };
    assert_eq!(policy("1"), policy("1.0"));
    let seen = |cpu: &str| {
        let mut seen = serde_json::to_value(minute(100, 5)).unwrap();
        seen["saturation"]["cpu"] = serde_json::from_str(cpu).unwrap();
        serde_json::from_value::<Observation>(seen).unwrap()
    };
    for (whole, fractional) in [("1", "1.0"), ("3", "3.0"), ("0", "0.0"), ("2", "2e0")] {
        assert_eq!(judge(&policy("1"), seen(whole)), judge(&policy("1.0"), seen(fractional)));
    }
    // Every share of 100 requests lies on its limit and not above, however the limit came about.
    for failed in 0..100_u32 {
        for error_rate in
            [f64::from(failed) / 100.0, format!("{}", f64::from(failed) / 100.0).parse().unwrap()]
        {
            let policy = AbsolutePolicy { error_rate, ..AbsolutePolicy::default() };
            let word = |failed| word(&policy, minute(100, failed));
            assert_eq!(word(u64::from(failed)), "pass", "{error_rate}");
            assert_eq!(word(u64::from(failed) + 1), "fail", "{error_rate}");
        }
    }
}

/// No data, zero of zero targets and failed calls read as "health check passed".
#[test]
fn bug_03_no_data_is_never_healthy() {
    let policy = |no_data| AbsolutePolicy {
        cpu: Some(0.85),
        unhealthy_targets: Some(0),
        minimum_requests: 1,
        no_data,
        ..AbsolutePolicy::default()
    };
    let mut gates: Vec<Box<dyn Gate>> = vec![Box::new(LatencyRegression::default())];
    for no_data in [NoData::Hold, NoData::Fail, NoData::Ignore] {
        gates.push(Box::new(policy(no_data)));
        gates.push(Box::new(All::new(vec![
            Box::new(LatencyRegression::default()),
            Box::new(policy(no_data)),
        ])));
    }
    let no_targets = Some(Targets { healthy: 0, unhealthy: 0 });
    let quiet =
        Observation { saturation: Saturation::default(), targets: no_targets, ..minute(0, 0) };
    let only_targets = Observation { targets: no_targets, ..nothing() };
    for gate in &gates {
        for candidate in [nothing(), quiet.clone(), only_targets.clone()] {
            for reference in [None, Some(nothing()), Some(minute(100, 0))] {
                let seen = Comparison::new(candidate.clone(), reference);
                let windows = gate.windows(&step(60), &Carried::default()).len();
                for count in 0..=windows {
                    let seen = vec![seen.clone(); count];
                    let judged = gate.judge(&step(60), &seen, &Carried::default());
                    assert!(!judged.verdict.is_pass(), "{}: {judged:?}", gate.name());
                }
            }
        }
    }
    // Zero of zero targets is not "none is unhealthy", even where everything else is fine.
    let without_targets = Observation { targets: no_targets, ..minute(100, 0) };
    assert_eq!(word(&policy(NoData::Hold), without_targets), "inconclusive");
}

/// Only 5xx of the application were counted; an application that does not answer at all had none.
#[test]
fn bug_09_errors_of_the_load_balancer_count() {
    let with = |server, balancer| Observation {
        errors: Errors { client: Some(0), server, balancer },
        ..minute(100, 0)
    };
    let policy = AbsolutePolicy::default();
    assert_eq!(word(&policy, with(Some(0), Some(6))), "fail");
    assert_eq!(word(&policy, with(Some(3), Some(3))), "fail");
    assert_eq!(word(&policy, with(Some(0), Some(5))), "pass");
    // Not to know them is not to know the error rate.
    assert_eq!(word(&policy, with(Some(0), None)), "inconclusive");
    assert_eq!(word(&policy, with(None, Some(0))), "inconclusive");
    let refused = Observation {
        errors: Errors { client: Some(26), server: Some(0), balancer: Some(0) },
        ..minute(100, 0)
    };
    assert_eq!(word(&policy, refused), "fail");
}

/// Failures of one minute were divided by the requests of another.
#[tokio::test]
async fn bug_09_counts_of_different_minutes_are_never_mixed() {
    let source = MemorySource::new(Duration::from_secs(60), Duration::ZERO);
    let minutes = [(1000, 0), (10, 10), (500, 5)];
    for (index, (requests, failed)) in minutes.into_iter().enumerate() {
        let from = 960 + 60 * index as i64;
        let period = Observation { window: window(from, from + 60), ..minute(requests, failed) };
        source.record(period).unwrap();
    }
    let observe = async |from, to| {
        let asked = window(from, to);
        source.observe(&green(), asked, at(1140)).await.unwrap()
    };
    // Requests and failures are those of the same minutes, whichever are asked for.
    for (from, to, requests, failed) in [
        (960, 1020, 1000, 0),
        (1020, 1080, 10, 10),
        (1080, 1140, 500, 5),
        (961, 1081, 10, 10),
        (1019, 1140, 510, 15),
        (960, 1140, 1510, 15),
    ] {
        let seen = observe(from, to).await;
        let counts = (seen.requests, seen.errors.failed());
        assert_eq!(counts, (Some(requests), Some(failed)), "{from} to {to}");
    }
    // A minute that is missing on the way makes the sum unknown, not smaller.
    let later = Observation { window: window(1200, 1260), ..minute(1000, 0) };
    source.record(later).unwrap();
    let asked = window(960, 1260);
    let gap = source.observe(&green(), asked, at(1260)).await.unwrap();
    assert!(gap.is_missing());
    // And versions are compared only by what they did at the same time.
    let seen = Comparison::new(
        Observation { latency: Some(times(100, 5000)), ..minute(100, 0) },
        Some(Observation { window: window(940, 1000), ..minute(100, 0) }),
    );
    let judged = LatencyRegression::default().judge(&step(60), &[seen], &Carried::default());
    assert!(judged.verdict.is_idle(), "{}", judged.verdict);
}

/// The mean of many fast answers and a few that nobody waits for looks fine.
#[test]
fn bug_09_latency_is_judged_by_its_quantile_not_its_mean() {
    let mut seen = minute(950, 0);
    let latency = seen.latency.get_or_insert_default();
    latency.merge(&times(50, 8_000));
    assert!(latency.mean() < Some(Duration::from_millis(500)));
    let verdict = judge(&AbsolutePolicy::default(), seen).verdict;
    assert!(verdict.is_fail());
    assert_eq!(verdict.evidence()[0].metric, "p99 latency");
}

/// A verdict with its reasons is what a journal keeps, in words that do not change by chance.
#[test]
fn a_verdict_is_kept_in_these_words() {
    let verdict = judge(&AbsolutePolicy::default(), minute(49, 0)).verdict;
    let written = serde_json::to_value(&verdict).unwrap();
    assert_eq!(written["verdict"], "inconclusive");
    assert_eq!(written["missing"], json!(["error rate", "client error rate", "p99 latency"]));
    assert_eq!(written["evidence"][0]["result"], "missing");
    assert_eq!(serde_json::from_value::<Verdict>(written).unwrap(), verdict);
}
