//! Tests of the gates, and what they share: a step of a minute and what can be seen in it.

mod absolute;
mod all;
mod budget;
mod bugs;
mod compared;
mod evidence;
mod ledger;
mod properties;
mod regression;

use std::time::Duration;

use jiff::Timestamp;

use super::{Carried, Comparison, Gate, Judgement, Step};
use crate::{Errors, Histogram, Observation, Saturation, Subject, Targets, Window};

/// When the step began, in seconds.
pub(super) const STARTED: i64 = 1_000;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn window(from: i64, to: i64) -> Window {
    Window::new(at(from), at(to)).unwrap()
}

/// The step, `seconds` after it began.
pub(super) fn step(seconds: i64) -> Step {
    Step {
        started: at(STARTED),
        judged_until: at(STARTED),
        now: at(STARTED + seconds),
        weight: 5,
        reference_weight: 95,
    }
}

pub(super) fn green() -> Subject {
    Subject::environment("green")
}

pub(super) fn nothing() -> Observation {
    Observation::missing(green(), window(STARTED, STARTED + 60))
}

pub(super) fn times(count: u64, millis: u64) -> Histogram {
    let mut latency = Histogram::new();
    latency.record_many(Duration::from_millis(millis), count);
    latency
}

/// The first minute of the step: all is measured, and all is well but for the failures.
pub(super) fn minute(requests: u64, failed: u64) -> Observation {
    Observation {
        requests: Some(requests),
        errors: Errors { client: Some(0), server: Some(failed), balancer: Some(0) },
        latency: Some(times(requests, 20)),
        saturation: Saturation { cpu: Some(0.5), memory: Some(0.5) },
        targets: Some(Targets { healthy: 2, unhealthy: 0 }),
        ..nothing()
    }
}

/// What a gate says after a minute about a candidate with nothing beside it.
pub(super) fn judge(gate: &dyn Gate, candidate: Observation) -> Judgement {
    let seen = Comparison::new(candidate, None);
    gate.judge(&step(60), &[seen], &Carried::default())
}

/// The verdict in one word.
pub(super) fn word(gate: &dyn Gate, candidate: Observation) -> &'static str {
    judge(gate, candidate).verdict.word()
}

#[test]
fn what_is_covered_is_what_was_measured_in_the_step() {
    let cover = |windows: &[(i64, i64)]| {
        let seen: Vec<_> = windows
            .iter()
            .map(|(from, to)| {
                Comparison::new(Observation { window: window(*from, *to), ..minute(10, 0) }, None)
            })
            .collect();
        super::covered(&step(60), &seen)
    };
    assert_eq!(cover(&[]), window(1000, 1000));
    assert_eq!(cover(&[(1010, 1020), (1000, 1005)]), window(1000, 1020));
    assert_eq!(cover(&[(1010, 1020), (1030, 1030)]), window(1010, 1020));
    assert_eq!(cover(&[(990, 1010), (1050, 1061)]), window(1000, 1000));
    let unknown = Comparison::new(nothing(), Some(minute(10, 0)));
    assert_eq!(super::covered(&step(60), &[unknown]), window(1000, 1000));
}

#[test]
fn a_gate_looks_back_but_not_beyond_the_step() {
    let back = |seconds, lookback| super::recent(&step(seconds), lookback);
    let minute = Duration::from_secs(60);
    assert_eq!(back(0, minute), window(1000, 1000));
    assert_eq!(back(30, minute), window(1000, 1030));
    assert_eq!(back(60, minute), window(1000, 1060));
    assert_eq!(back(90, minute), window(1030, 1090));
    assert_eq!(back(90, Duration::MAX), window(1000, 1090));
    // A clock that went back.
    assert_eq!(back(-30, minute), window(1000, 1000));
}
