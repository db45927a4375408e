//! The contract of [`Gate`], sentence by sentence, over steps of every age and versions of every kind.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    Carried, Comparison, Errors, Gate, Histogram, Judgement, Observation, Saturation, Step,
    Subject, Targets, Window,
};

/// Makes a module of tests which hold a gate to the contract of [`Gate`]. The expression gives a new gate.
///
/// ```
/// petswipe_monitor::gate_conformance!(absolute, petswipe_monitor::AbsolutePolicy::default());
/// ```
#[macro_export]
macro_rules! gate_conformance {
    ($module:ident, $gate:expr $(,)?) => {
        $crate::conformance_tests!(
            $module,
            $gate,
            [
                a_gate_without_observations_never_passes,
                a_gate_is_a_pure_function,
                a_gate_looks_at_nothing_older_than_the_step,
                a_judgement_survives_the_journal,
            ]
        );
    };
}

/// See [`Gate`]: nothing seen, nothing measured or nothing served does not pass, however often it is judged.
pub fn a_gate_without_observations_never_passes(gate: &dyn Gate) {
    for step in steps() {
        never_passes(gate, &step, &|_| Vec::new());
        for candidate in [nothing, quiet] {
            for reference in [None, Some(nothing as Kind), Some(quiet), Some(healthy)] {
                never_passes(gate, &step, &|windows| see(windows, candidate, reference));
            }
        }
        never_passes(gate, &step, &|windows| {
            let empty: Vec<_> = windows.iter().map(|w| Window::empty(w.from)).collect();
            see(&empty, healthy, None)
        });
    }
}

/// See [`Gate`]: whatever it judged in between, it judges the same in the same way.
pub fn a_gate_is_a_pure_function(gate: &dyn Gate) {
    let first = everything(gate);
    let mut again: Vec<_> = first.iter().rev().map(|case| case.judge(gate)).collect();
    again.reverse();
    for (case, judged) in first.iter().zip(again) {
        assert_eq!(judged, case.judged, "{:?}", case.step);
        assert_eq!(gate.windows(&case.step, &case.carried), case.windows, "{:?}", case.step);
    }
}

/// See [`Gate`]: it does not ask for what was before the step, but for what it carries of steps before, and does not pass for it.
pub fn a_gate_looks_at_nothing_older_than_the_step(gate: &dyn Gate) {
    let cases = everything(gate);
    for step in steps() {
        for carried in cases.iter().map(|case| &case.judged.carried) {
            for window in gate.windows(&step, carried) {
                let is_older = window.to <= step.started;
                assert!(window.from >= step.started || is_older, "{window} in {step:?}");
                assert!(window.from <= window.to, "{window} in {step:?}");
            }
        }
        for window in gate.windows(&step, &Carried::default()) {
            assert!(window.from >= step.started, "{window} in {step:?}");
            assert!(window.to <= step.now.max(step.started), "{window}");
        }
        // All of it before the step, and the last second in it.
        for end in [Duration::ZERO, Duration::from_secs(1)] {
            let (from, to) = (step.started + end - Duration::from_secs(60), step.started + end);
            for reference in [None, Some(healthy as Kind)] {
                never_passes(gate, &step, &|windows| {
                    let older: Vec<_> = windows.iter().map(|_| Window { from, to }).collect();
                    see(&older, healthy, reference)
                });
            }
        }
    }
}

/// See [`Gate`]: what is read back from a journal is what was written.
pub fn a_judgement_survives_the_journal(gate: &dyn Gate) {
    for Case { judged, .. } in everything(gate) {
        let written = serde_json::to_string(&judged).expect("a judgement can be written");
        let read: Judgement = serde_json::from_str(&written).expect("and read");
        assert_eq!(read, judged, "{written}");
    }
}

/// A judgement, and what it was made of.
struct Case {
    step: Step,
    windows: Vec<Window>,
    seen: Vec<Comparison>,
    carried: Carried,
    judged: Judgement,
}

impl Case {
    fn judge(&self, gate: &dyn Gate) -> Judgement {
        gate.judge(&self.step, &self.seen, &self.carried)
    }
}

/// Three judgements, one after the other, of each kind of candidate beside each kind of reference in each step.
fn everything(gate: &dyn Gate) -> Vec<Case> {
    let mut cases = Vec::new();
    for step in steps() {
        for candidate in [nothing, quiet, few, healthy, failing] {
            for reference in [None, Some(nothing as Kind), Some(healthy), Some(failing)] {
                let mut carried = Carried::default();
                for _ in 0..3 {
                    let windows = gate.windows(&step, &carried);
                    let seen = see(&windows, candidate, reference);
                    let judged = gate.judge(&step, &seen, &carried);
                    let next = judged.carried.clone();
                    cases.push(Case {
                        step,
                        windows,
                        seen,
                        carried: std::mem::replace(&mut carried, next),
                        judged,
                    });
                }
            }
        }
    }
    cases
}

/// Five judgements, one after the other, of what is seen in the windows that are asked for.
fn never_passes(gate: &dyn Gate, step: &Step, look: &dyn Fn(&[Window]) -> Vec<Comparison>) {
    let mut carried = Carried::default();
    for _ in 0..5 {
        let seen = look(&gate.windows(step, &carried));
        let judged = gate.judge(step, &seen, &carried);
        assert!(!judged.verdict.is_pass(), "{step:?}, {seen:?}: {judged:?}");
        carried = judged.carried;
    }
}

/// Just begun, at every age, and before it began by a clock that went back.
fn steps() -> Vec<Step> {
    let mut steps = Vec::new();
    for started in ["2026-05-04T12:00:00.25Z", "1969-12-31T23:59:00Z"] {
        let started: Timestamp = started.parse().expect("a time");
        for (age, weight) in [(0, 0), (1, 1), (59, 5), (60, 25), (61, 50), (86_400, 100)] {
            let now = started + Duration::from_secs(age);
            for judged_until in [started, now] {
                steps.push(Step {
                    started,
                    judged_until,
                    now,
                    weight,
                    reference_weight: 100 - weight,
                });
            }
        }
        steps.push(Step {
            started,
            judged_until: started,
            now: started - Duration::from_secs(30),
            weight: 5,
            reference_weight: 95,
        });
    }
    steps
}

/// Makes of an observation of nothing one of its kind.
type Kind = fn(Observation) -> Observation;

fn see(windows: &[Window], candidate: Kind, reference: Option<Kind>) -> Vec<Comparison> {
    let of = |kind: Kind, name, window| {
        let subject = Subject::environment(name);
        kind(Observation::missing(subject, window))
    };
    let seen = windows.iter().map(|window| {
        Comparison::new(
            of(candidate, "green", *window),
            reference.map(|kind| of(kind, "blue", *window)),
        )
    });
    seen.collect()
}

fn nothing(seen: Observation) -> Observation {
    seen
}

fn quiet(seen: Observation) -> Observation {
    served(seen, 0, 0, 0)
}

fn few(seen: Observation) -> Observation {
    served(seen, 3, 1, 40)
}

fn healthy(seen: Observation) -> Observation {
    served(seen, 30_000, 3, 7)
}

fn failing(seen: Observation) -> Observation {
    served(seen, 30_000, 20_000, 31_000)
}

fn served(seen: Observation, requests: u64, failed: u64, millis: u64) -> Observation {
    let mut latency = Histogram::new();
    latency.record_many(Duration::from_millis(millis), requests);
    let is_served = requests > 0;
    Observation {
        requests: Some(requests),
        errors: Errors {
            client: Some(failed / 2),
            server: Some(failed - failed / 3),
            balancer: Some(failed / 3),
        },
        latency: Some(latency),
        saturation: Saturation {
            cpu: is_served.then_some(0.1 + 0.2),
            memory: is_served.then_some(1.0 / 3.0),
        },
        targets: Some(Targets { healthy: if is_served { 3 } else { 0 }, unhealthy: 0 }),
        ..seen
    }
}
