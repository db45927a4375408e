//! The evidence policy: what it counts, what it carries, and what it says.

use super::{STARTED, at, green, step, times, window};
use crate::gate::{
    Carried, Comparison, EvidencePolicy, Gate, Judgement, LatencyEvidence, NoData, Step, Verdict,
};
use crate::{Errors, Observation, Subject};

/// A rollout that is judged tick by tick: the gate carries, the step remembers up to when was judged.
pub(super) struct Rollout {
    policy: EvidencePolicy,
    pub(super) step: Step,
    pub(super) carried: Carried,
}

/// What both did in one tick: requests and failures, and the time that all their requests took.
#[derive(Clone, Copy)]
pub(super) struct Tick {
    pub(super) own: (u64, u64),
    pub(super) other: (u64, u64),
    pub(super) millis: (u64, u64),
}

pub(super) const WELL: Tick = Tick { own: (50, 0), other: (950, 1), millis: (20, 20) };
const BROKEN: Tick = Tick { own: (50, 10), other: (950, 1), millis: (20, 20) };

impl Rollout {
    pub(super) fn new(policy: EvidencePolicy) -> Self {
        Self { policy, step: Step { now: at(STARTED), ..step(0) }, carried: Carried::default() }
    }

    pub(super) fn judge(&mut self, seen: &[Comparison]) -> Judgement {
        let judged = self.policy.judge(&self.step, seen, &self.carried);
        self.carried = judged.carried.clone();
        if !judged.covered.is_empty() {
            self.step.judged_until = judged.covered.to;
        }
        judged
    }

    /// Ten more seconds, in which that happened.
    pub(super) fn tick(&mut self, tick: Tick) -> Judgement {
        let from = self.step.now.as_second();
        self.step.now = at(from + 10);
        let seen = |name: &str, (requests, failed), millis| Observation {
            requests: Some(requests),
            errors: Errors { client: Some(0), server: Some(failed), balancer: Some(0) },
            latency: Some(times(requests, millis)),
            ..Observation::missing(Subject::environment(name), window(from, from + 10))
        };
        let candidate = seen("green", tick.own, tick.millis.0);
        let reference = Some(seen("blue", tick.other, tick.millis.1));
        self.judge(&[Comparison::new(candidate, reference)])
    }

    pub(super) fn ticks(&mut self, count: usize, tick: Tick) -> Judgement {
        let judged = (0..count).map(|_| self.tick(tick)).last();
        judged.unwrap()
    }

    /// The next step, with that weight.
    pub(super) fn enter(&mut self, weight: u8) {
        let now = self.step.now;
        let reference_weight = 100 - weight;
        self.step = Step { started: now, judged_until: now, now, weight, reference_weight };
    }
}

pub(super) fn by_default() -> Rollout {
    Rollout::new(EvidencePolicy::default())
}

#[test]
fn a_good_version_passes_and_a_broken_one_fails_with_the_numbers_that_say_so() {
    let good = by_default().ticks(6, WELL);
    assert!(good.verdict.is_pass(), "{}", good.verdict);
    let bad = by_default().ticks(2, BROKEN);
    assert!(bad.verdict.is_fail(), "{}", bad.verdict);
    let text = bad.verdict.to_string();
    assert!(
        text.contains("20 of 100 failed (20.00 %), beside it 2 of 1900 failed (0.11 %)"),
        "{text}"
    );
}

#[test]
fn what_is_high_on_both_sides_is_no_evidence() {
    let outage = Tick { own: (50, 10), other: (950, 190), millis: (900, 900) };
    let judged = by_default().ticks(30, outage);
    assert!(judged.verdict.is_pass(), "{}", judged.verdict);
}

#[test]
fn evidence_is_carried_from_step_to_step() {
    let few = Tick { own: (50, 1), other: (950, 2), millis: (20, 20) };
    let mut rollout = by_default();
    let verdicts: Vec<_> = (0..4)
        .map(|_| {
            let judged = rollout.ticks(2, few);
            rollout.enter(5);
            judged.verdict.word()
        })
        .collect();
    // No step alone has enough to say so: two failures in a hundred, beside four in 1,900.
    assert_eq!(by_default().ticks(2, few).verdict.word(), "pass");
    assert_eq!(verdicts.last(), Some(&"fail"), "{verdicts:?}");
}

#[test]
fn too_few_requests_are_not_enough_whatever_they_say() {
    let quiet = Tick { own: (4, 0), other: (76, 0), millis: (20, 20) };
    let mut rollout = by_default();
    let early = rollout.ticks(4, quiet);
    assert_eq!(
        early.verdict.to_string(),
        "inconclusive: error evidence rests on only 16 samples of 20"
    );
    assert!(rollout.tick(quiet).verdict.is_pass());
    rollout.enter(10);
    assert_eq!(rollout.tick(quiet).verdict.word(), "inconclusive", "each step needs its own");
}

#[test]
fn slow_requests_are_evidence_and_slightly_slower_ones_are_not() {
    let slower = |millis| Tick { millis: (millis, 100), ..WELL };
    let slow = by_default().ticks(30, slower(400));
    assert!(slow.verdict.is_fail(), "{}", slow.verdict);
    assert!(slow.verdict.to_string().contains("latency evidence"), "{}", slow.verdict);
    let fine = by_default().ticks(300, slower(110));
    assert!(fine.verdict.is_pass(), "{}", fine.verdict);
}

#[test]
fn whole_distributions_are_compared_where_that_is_asked_for() {
    let latency = LatencyEvidence { bands: true, ..LatencyEvidence::default() };
    let policy = EvidencePolicy { latency: Some(latency), ..EvidencePolicy::default() };
    let slow = Tick { own: (500, 0), other: (9_500, 0), millis: (400, 100) };
    let mut rollout = Rollout::new(policy.clone());
    let judged = rollout.ticks(3, slow);
    let text = judged.verdict.to_string();
    assert!(text.contains("latency distribution beside the live version 100.00 %"), "{text}");
    let same = Tick { millis: (100, 100), ..slow };
    assert!(Rollout::new(policy).ticks(100, same).verdict.is_pass());
}

#[test]
fn what_is_not_enough_by_itself_is_enough_together() {
    // Some failures and some slow requests, neither of which alone is an alarm.
    let verdict = |failed, slow, others| {
        let policy = EvidencePolicy { sample_ratio: None, ..EvidencePolicy::default() };
        let mut rollout = Rollout::new(policy);
        rollout.ticks(2, WELL);
        let from = rollout.step.now.as_second();
        rollout.step.now = at(from + 10);
        let seen = |name: &str, requests, failed, slow| {
            let mut latency = times(requests - slow, 20);
            latency.merge(&times(slow, 900));
            Observation {
                requests: Some(requests),
                errors: Errors { client: Some(0), server: Some(failed), balancer: Some(0) },
                latency: Some(latency),
                ..Observation::missing(Subject::environment(name), window(from, from + 10))
            }
        };
        let candidate = seen("green", 50, failed, slow);
        let reference = Some(seen("blue", others, 1, 1));
        rollout.judge(&[Comparison::new(candidate, reference)]).verdict
    };
    let alone =
        |verdict: &Verdict| verdict.is_fail() && !verdict.to_string().contains("all evidence");
    let counts = (0..6).flat_map(|failed| (0..12).map(move |slow| (failed, slow)));
    let mut cases = counts.flat_map(|(failed, slow)| {
        (300..3_000).step_by(10).map(move |others| (failed, slow, others))
    });
    let found = cases.find(|(failed, slow, others)| {
        let both = verdict(*failed, *slow, *others);
        both.is_fail() && both.to_string().contains("all evidence")
    });
    let (failed, slow, others) = found.expect("two that are enough together");
    assert!(!alone(&verdict(failed, 0, others)));
    assert!(!verdict(0, slow, others).is_fail());
}

#[test]
fn traffic_that_is_not_divided_as_asked_is_found() {
    let sticky = Tick { own: (500, 0), other: (500, 0), millis: (20, 20) };
    let judged = by_default().ticks(2, sticky);
    let text = judged.verdict.to_string();
    assert!(text.contains("1000 of 2000 requests (50.00 %), asked for are 5.00 %"), "{text}");
    let nearly = Tick { own: (55, 0), other: (945, 0), millis: (20, 20) };
    assert!(by_default().ticks(100, nearly).verdict.is_pass());
}

#[test]
fn it_is_settled_once_the_version_is_shown_to_be_good() {
    let mut rollout = by_default();
    assert!(!rollout.ticks(2, WELL).settled);
    let judged = rollout.ticks(30, WELL);
    assert!(judged.settled && judged.verdict.is_pass());
    rollout.enter(10);
    let tenth = Tick { own: (100, 0), other: (900, 1), ..WELL };
    let judged = rollout.ticks(2, tenth);
    assert!(judged.verdict.is_pass() && !judged.settled, "each step shows it again");
    assert!(rollout.ticks(10, tenth).settled);

    let policy = EvidencePolicy { wait_for_acceptance: true, ..EvidencePolicy::default() };
    let mut patient = Rollout::new(policy);
    assert_eq!(patient.ticks(2, WELL).verdict.word(), "inconclusive");
    assert!(patient.ticks(30, WELL).verdict.is_pass());
}

#[test]
fn nothing_is_counted_twice() {
    let few = Tick { own: (50, 1), ..WELL };
    let mut rollout = by_default();
    rollout.ticks(2, few);
    let before = rollout.carried.clone();
    // The same seconds again, as a source gives them that answers late, or to one who forgot up to when was judged.
    rollout.step.judged_until = at(STARTED);
    rollout.step.now = at(STARTED);
    let again = rollout.tick(few);
    assert_eq!(again.carried, before);
}

#[test]
fn what_can_not_be_compared_is_said_and_never_passes() {
    let known = || Observation {
        requests: Some(500),
        errors: Errors { client: Some(0), server: Some(0), balancer: Some(0) },
        ..Observation::missing(green(), window(STARTED, STARTED + 60))
    };
    let unknown = || Observation { errors: Errors::default(), ..known() };
    let more = || Observation {
        requests: Some(2),
        errors: Errors { server: Some(3), ..known().errors },
        ..known()
    };
    let shifted = || Observation { window: window(STARTED + 10, STARTED + 60), ..known() };
    for (candidate, reference, why) in [
        (unknown(), known(), "the errors of green are not known"),
        (known(), unknown(), "the errors of green are not known"),
        (Observation { requests: None, ..known() }, known(), "the requests of green are not known"),
        (more(), known(), "green has 3 errors in 2 requests"),
        (known(), shifted(), "the two were not seen at the same time"),
    ] {
        let mut rollout = by_default();
        rollout.step.now = at(STARTED + 60);
        let judged = rollout.judge(&[Comparison::new(candidate, Some(reference))]);
        assert_eq!(judged.verdict.to_string(), format!("inconclusive: {why}"));
    }
    let policy = EvidencePolicy { no_data: NoData::Fail, ..EvidencePolicy::default() };
    let judged = Rollout::new(policy).judge(&[]);
    assert!(judged.verdict.to_string().contains("nothing was seen in this step yet"));
    assert!(judged.verdict.is_fail());
}

#[test]
fn silence_after_enough_was_seen_is_no_pass() {
    let mut rollout = by_default();
    assert!(rollout.ticks(6, WELL).verdict.is_pass());
    rollout.step.now = at(STARTED + 60 + 300);
    assert!(rollout.judge(&[]).verdict.is_pass(), "nothing new was closed yet");
    rollout.step.now = at(STARTED + 60 + 301);
    let text = rollout.judge(&[]).verdict.to_string();
    assert!(text.starts_with("inconclusive: nothing was seen since"), "{text}");
}

#[test]
fn without_anything_beside_it_the_time_before_is_what_it_is_compared_with() {
    let seen = |requests, failed, from, to| Observation {
        requests: Some(requests),
        errors: Errors { client: Some(0), server: Some(failed), balancer: Some(0) },
        ..Observation::missing(green(), window(from, to))
    };
    let judge = |failed| {
        let mut rollout = by_default();
        rollout.step = Step { weight: 100, reference_weight: 0, ..step(60) };
        let candidate = seen(6_000, failed, STARTED, STARTED + 60);
        let reference = Some(seen(30_000, 30, STARTED - 300, STARTED));
        rollout.judge(&[Comparison::new(candidate, reference)]).verdict
    };
    assert!(judge(6).is_pass(), "{}", judge(6));
    let bad = judge(120);
    assert!(bad.is_fail());
    assert!(
        bad.to_string().contains("a weaker comparison, because it is of another time"),
        "{bad}"
    );
    let mut alone = by_default();
    alone.step = Step { weight: 100, reference_weight: 0, ..step(60) };
    let candidate = seen(6_000, 6, STARTED, STARTED + 60);
    let judged = alone.judge(&[Comparison::new(candidate, None)]);
    assert_eq!(judged.verdict.to_string(), "inconclusive: nothing serves beside it");
    assert!(judged.verdict.is_idle(), "others decide");
}

#[test]
fn a_state_that_can_not_be_read_is_kept_and_passes_nothing() {
    let mut rollout = by_default();
    rollout.carried = Carried(serde_json::json!({ "of": "another version" }));
    let judged = rollout.tick(WELL);
    assert!(
        judged.verdict.to_string().starts_with("inconclusive: the evidence so far can't be read")
    );
    assert_eq!(judged.carried, Carried(serde_json::json!({ "of": "another version" })));
}

#[test]
fn a_field_that_makes_no_sense_is_refused_with_what_is_allowed() {
    let refused = |change: fn(&mut EvidencePolicy)| {
        let mut policy = EvidencePolicy::default();
        change(&mut policy);
        let judged = Rollout::new(policy.clone()).ticks(6, WELL);
        assert_eq!(judged.verdict.word(), "inconclusive");
        policy.validated().unwrap_err().to_string()
    };
    let texts = [
        refused(|policy| policy.alpha = 0.0),
        refused(|policy| policy.alpha = 1.0),
        refused(|policy| policy.alpha = -0.01),
        refused(|policy| policy.alpha = f64::NAN),
        refused(|policy| policy.beta = 1.0),
        refused(|policy| policy.smallest_ratio = 1.0),
        refused(|policy| policy.smallest_ratio = f64::INFINITY),
        refused(|policy| policy.harmless_rate = 0.0),
        refused(|policy| policy.dispersion = 0.9),
        refused(|policy| policy.before_share = 1.0),
        refused(|policy| policy.minimum_requests = 0),
        refused(|policy| policy.stale_after = std::time::Duration::ZERO),
        refused(|policy| policy.latency.as_mut().unwrap().quantiles = vec![0.9, 0.5]),
        refused(|policy| policy.latency.as_mut().unwrap().tolerance = 0.5),
        refused(|policy| policy.sample_ratio.as_mut().unwrap().tolerance = 2.0),
    ];
    for text in texts {
        assert!(text.contains("; allowed: "), "{text}");
    }
}
