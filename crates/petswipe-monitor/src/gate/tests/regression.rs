//! The comparison of latency with the version beside, case by case.

use std::time::Duration;

use super::{green, minute, step, times, window};
use crate::gate::{Carried, Comparison, Gate, Judgement, LatencyRegression};
use crate::{Histogram, Observation};

fn with(latency: Option<Histogram>) -> Observation {
    Observation { latency, ..minute(100, 0) }
}

fn judge(
    gate: &LatencyRegression,
    candidate: Observation,
    beside: Option<Observation>,
) -> Judgement {
    let seen = Comparison::new(candidate, beside);
    gate.judge(&step(60), &[seen], &Carried::default())
}

#[test]
fn it_takes_both_the_ratio_and_the_slack_to_fail() {
    let gate = LatencyRegression::default();
    // candidate, beside (milliseconds), verdict
    let cases = [
        (2, 2, "pass"),
        (100, 2, "pass"),
        (102, 2, "pass"),
        (103, 2, "fail"),
        (800, 2, "fail"),
        (300, 100, "pass"),
        (301, 100, "fail"),
        (299, 100, "pass"),
        (2_000, 1_000, "pass"),
        (3_001, 1_000, "fail"),
        (100, 0, "pass"),
        (101, 0, "fail"),
        (1, 1_000, "pass"),
        (0, 0, "pass"),
    ];
    for (candidate, beside, expected) in cases {
        let [candidate, beside] = [candidate, beside].map(|ms| with(Some(times(100, ms))));
        let judged = judge(&gate, candidate, Some(beside)).verdict;
        assert_eq!(judged.word(), expected, "{judged}");
    }
}

#[test]
fn without_enough_on_both_sides_it_says_nothing() {
    let gate = LatencyRegression::default();
    let slow = |count| Some(times(count, 5_000));
    let fast = |count| Some(with(Some(times(count, 2))));
    for (candidate, beside) in [
        (slow(100), None),
        (slow(100), Some(with(None))),
        (slow(100), fast(0)),
        (slow(100), fast(19)),
        (slow(19), fast(100)),
        (slow(0), fast(100)),
        (None, fast(100)),
    ] {
        let judged = judge(&gate, with(candidate), beside).verdict;
        assert!(judged.is_idle(), "{judged}");
    }
    assert!(judge(&gate, with(slow(20)), fast(20)).verdict.is_fail());
    assert_eq!(gate.judge(&step(60), &[], &Carried::default()).verdict.word(), "inconclusive");
}

#[test]
fn only_what_was_seen_at_the_same_time_is_compared() {
    let gate = LatencyRegression::default();
    let seen = |millis, from, to| Observation {
        window: window(from, to),
        ..with(Some(times(100, millis)))
    };
    let word = |beside, candidate| judge(&gate, candidate, Some(beside)).verdict.word();
    assert_eq!(word(seen(2, 1000, 1060), seen(2, 1000, 1060)), "pass");
    assert_eq!(word(seen(2, 1000, 1059), seen(2, 1000, 1060)), "inconclusive");
    assert_eq!(word(seen(2, 940, 1000), seen(2, 940, 1000)), "inconclusive");
    assert_eq!(word(seen(2, 1000, 1000), seen(2, 1000, 1000)), "inconclusive");
}

#[test]
fn its_largest_numbers_are_no_trouble() {
    let gate =
        LatencyRegression { ratio: f64::MAX, slack: Duration::MAX, ..LatencyRegression::default() };
    let slow = || with(Some(times(100, u64::MAX)));
    assert!(judge(&gate, slow(), Some(slow())).verdict.is_pass());
    assert!(gate.validated().is_ok());
}

#[test]
fn one_that_is_not_valid_judges_nothing() {
    let of = LatencyRegression::default;
    for (gate, expected) in [
        (
            LatencyRegression { quantile: 0.0, ..of() },
            "regression quantile is 0; allowed: above 0, at most 1",
        ),
        (
            LatencyRegression { ratio: f64::NAN, ..of() },
            "regression ratio is NaN; allowed: a number above 1",
        ),
        (
            LatencyRegression { ratio: 1.0, ..of() },
            "regression ratio is 1; allowed: a number above 1",
        ),
        (
            LatencyRegression { minimum_requests: 0, ..of() },
            "minimum requests is 0; allowed: at least 1",
        ),
        (
            LatencyRegression { lookback: Duration::ZERO, ..of() },
            "lookback is 0; allowed: a positive time",
        ),
    ] {
        let fine = with(Some(times(100, 2)));
        let verdict = judge(&gate, fine.clone(), Some(fine)).verdict;
        let text = format!("inconclusive: the policy can't be used: {expected}");
        assert_eq!(verdict.to_string(), text);
        assert!(!verdict.is_idle());
        assert_eq!(gate.validated().unwrap_err().to_string(), expected);
    }
}

#[test]
fn it_says_what_it_compared() {
    let beside =
        Observation { subject: crate::Subject::environment("blue"), ..with(Some(times(100, 2))) };
    let slow = || Observation { subject: green(), ..with(Some(times(100, 800))) };
    let judged = judge(&LatencyRegression::default(), slow(), Some(beside)).verdict;
    assert_eq!(
        judged.to_string(),
        "fail: p50 latency beside the live version 800.00 ms (limit 102.00 ms, 100 samples)"
    );
    let judged = judge(&LatencyRegression::default(), slow(), None).verdict;
    assert_eq!(
        judged.evidence()[0].to_string(),
        "p50 latency beside the live version 800.00 ms (limit 100.00 ms, 100 samples), ignored"
    );
}
