//! What the evidence policy needs to have compared before it lets anything pass.

use super::evidence::{Rollout, Tick, WELL, by_default};
use super::{at, green, times, window};
use crate::gate::{Comparison, EvidencePolicy, Judgement, LatencyEvidence, NoData, Step};
use crate::{Errors, Observation, Subject};

fn without_shares() -> EvidencePolicy {
    EvidencePolicy { sample_ratio: None, ..EvidencePolicy::default() }
}

/// Ten more seconds, of which that is known; both answer 8 requests a tick.
fn tick(rollout: &mut Rollout, reference: Option<fn(Observation) -> Observation>) -> String {
    let from = rollout.step.now.as_second();
    rollout.step.now = at(from + 10);
    let seen = |name: &str| Observation {
        requests: Some(8),
        errors: Errors { client: Some(0), server: Some(0), balancer: Some(0) },
        latency: Some(times(8, 20)),
        ..Observation::missing(Subject::environment(name), window(from, from + 10))
    };
    let reference = reference.map(|change| change(seen("blue")));
    rollout.judge(&[Comparison::new(seen("green"), reference)]).verdict.to_string()
}

#[test]
fn latency_is_compared_however_little_traffic_there_is() {
    // Eight requests of each a tick: no tick has the twenty that set the thresholds.
    let mut rollout = Rollout::new(without_shares());
    let said: Vec<_> = (0..6).map(|_| tick(&mut rollout, Some(|seen| seen))).collect();
    assert!(said[2].contains("latency evidence is not known"), "{}", said[2]);
    assert!(said[5].starts_with("pass") && said[5].contains("latency evidence"), "{}", said[5]);
    // Slow from then on, it is found.
    let slow = Tick { own: (8, 0), other: (8, 0), millis: (900, 20) };
    let judged = rollout.ticks(20, slow);
    assert!(judged.verdict.is_fail(), "{}", judged.verdict);
    assert!(judged.verdict.to_string().contains("latency evidence"), "{}", judged.verdict);
}

#[test]
fn latency_that_is_never_known_is_missing_and_means_what_the_policy_says() {
    let after = |policy: EvidencePolicy| {
        let mut rollout = Rollout::new(policy);
        let said = |rollout: &mut Rollout| {
            tick(rollout, Some(|seen| Observation { latency: None, ..seen }))
        };
        (0..6).map(|_| said(&mut rollout)).last().unwrap()
    };
    let said = after(without_shares());
    assert!(
        said.contains("latency evidence is not known: the latencies of the two were not compared in this step yet"),
        "{said}"
    );
    assert!(said.starts_with("inconclusive"), "{said}");
    let ignored = after(EvidencePolicy { no_data: NoData::Ignore, ..without_shares() });
    assert!(ignored.starts_with("pass"), "{ignored}");
    let off = after(EvidencePolicy::of_errors());
    assert!(off.starts_with("pass") && !off.contains("latency"), "{off}");
}

#[test]
fn a_reference_that_does_not_answer_is_not_one_that_is_not_there() {
    // The second is what is put in the place of an answer that could not be used.
    let unusable =
        |seen: Observation| Observation::missing(green(), crate::Window::empty(seen.window.from));
    for reference in [None, Some(unusable as fn(Observation) -> Observation)] {
        let mut rollout = by_default();
        let said = tick(&mut rollout, reference);
        assert!(said.starts_with("inconclusive"), "{said}");
        assert!(!rollout.judge(&[]).verdict.is_idle(), "{said}");
    }
    // Where nothing is meant to serve beside it, others decide.
    let mut alone = by_default();
    alone.step = Step { weight: 100, reference_weight: 0, ..alone.step };
    assert!(tick(&mut alone, None).contains("nothing serves beside it"));
    assert!(alone.judge(&[]).verdict.is_idle());
}

#[test]
fn a_reference_with_next_to_no_requests_is_nothing_to_compare_with() {
    let policy = || EvidencePolicy { latency: None, ..without_shares() };
    let silent = Tick { own: (500, 0), other: (0, 0), millis: (20, 20) };
    let said = Rollout::new(policy()).ticks(3, silent).verdict.to_string();
    assert_eq!(said, "inconclusive: what serves beside it has only 0 samples of 20");
    // Of one that is meant to have little, its part is enough.
    let mut last = Rollout::new(policy());
    last.step = Step { weight: 95, reference_weight: 5, ..last.step };
    let few = Tick { own: (950, 0), other: (1, 0), ..silent };
    assert_eq!(last.tick(few).verdict.word(), "inconclusive");
    assert!(last.tick(few).verdict.is_pass());
}

#[test]
fn it_is_not_settled_before_latency_is_shown_to_be_good_too() {
    // The errors are shown to be good by so many requests at once; of latencies nothing is compared in the first tick.
    let many = Tick { own: (5_000, 0), other: (95_000, 95), millis: (20, 20) };
    let mut rollout = by_default();
    let first = rollout.tick(many);
    assert!(!first.settled);
    assert!(rollout.tick(many).settled);
    // Twice the median, not yet an alarm by itself in a tick of few requests: no reason to hurry.
    let mut slower = by_default();
    slower.tick(WELL);
    let slow = Tick { own: (900, 0), other: (17_100, 17), millis: (24, 20) };
    assert!(slower.tick(slow).settled, "within the tolerance");
    slower.enter(5);
    let slow = Tick { millis: (40, 20), ..slow };
    assert!(!slower.tick(slow).settled);
}

#[test]
fn a_few_requests_that_were_timed_do_not_show_that_latency_is_good() {
    let ends = |timed, quantiles: &[f64]| {
        let latency =
            LatencyEvidence { quantiles: quantiles.to_vec(), ..LatencyEvidence::default() };
        let mut rollout =
            Rollout::new(EvidencePolicy { latency: Some(latency), ..without_shares() });
        for _ in 0..2 {
            let from = rollout.step.now.as_second();
            rollout.step.now = at(from + 10);
            let seen = |name: &str, latency| Observation {
                requests: Some(5_000),
                errors: Errors { client: Some(0), server: Some(0), balancer: Some(0) },
                latency: Some(latency),
                ..Observation::missing(Subject::environment(name), window(from, from + 10))
            };
            let (candidate, reference) = (seen("green", times(timed, 20)), times(5_000, 20));
            let reference = Some(seen("blue", reference));
            let judged = rollout.judge(&[Comparison::new(candidate, reference)]);
            rollout.carried = judged.carried.clone();
            if from > super::STARTED {
                return (judged.verdict.is_pass(), judged.settled);
            }
        }
        unreachable!()
    };
    let all = LatencyEvidence::default().quantiles;
    assert_eq!(ends(60, &all), (true, false));
    assert_eq!(ends(5_000, &all), (true, true));
    // Of a median a few show much, but not fewer than the policy asks for of anything.
    assert_eq!(ends(19, &[0.5]), (true, false));
    assert_eq!(ends(20, &[0.5]), (true, true));
}

#[test]
fn a_few_milliseconds_are_no_reason_to_go_back() {
    let quick = |millis| {
        let tick = Tick { own: (500, 0), other: (500, 0), millis: (millis, 2) };
        Rollout::new(without_shares()).ticks(20, tick).verdict
    };
    assert!(quick(5).is_pass(), "{}", quick(5));
    let slower = quick(40);
    assert!(slower.is_fail(), "{slower}");
    assert!(slower.to_string().contains("2 ms beside it, 12 ms allowed"), "{slower}");
}

#[test]
fn bunches_delay_what_is_shown_to_be_good_as_well() {
    let ticks = |dispersion, tick| {
        let policy = EvidencePolicy { dispersion, ..EvidencePolicy::of_errors() };
        let mut rollout = Rollout::new(policy);
        (1..500).find(|_| rollout.tick(tick).settled).unwrap()
    };
    // By what is harmless, and by the ratio where more fails than is harmless.
    let failing = Tick { own: (50, 1), other: (950, 19), ..WELL };
    for tick in [WELL, failing] {
        let (single, bunched) = (ticks(1.0, tick), ticks(4.0, tick));
        assert!(bunched >= 3 * single, "{single}, {bunched}");
    }
}

#[test]
fn bunches_delay_what_latency_shows() {
    let ticks = |dispersion, millis, until: fn(&Judgement) -> bool| {
        let latency = LatencyEvidence { quantiles: vec![0.99], ..LatencyEvidence::default() };
        let latency = Some(latency);
        // Errors show at once that they are harmless, so it is latency that is waited for.
        let policy = EvidencePolicy { dispersion, latency, harmless_rate: 0.5, ..without_shares() };
        let mut rollout = Rollout::new(policy);
        // What sets the threshold takes two ticks.
        rollout.ticks(2, Tick { own: (25, 0), other: (25, 0), ..WELL });
        let tick = Tick { own: (25, 0), other: (25, 0), millis: (millis, 20) };
        (1..500).find(|_| until(&rollout.tick(tick))).unwrap()
    };
    // To be shown to be slow, and not to be.
    for (millis, until) in [
        (900, (|judged| judged.verdict.is_fail()) as fn(&Judgement) -> bool),
        (20, |judged| judged.settled),
    ] {
        let (single, bunched) = (ticks(1.0, millis, until), ticks(8.0, millis, until));
        assert!(bunched >= 4 * single, "{millis} ms: {single}, {bunched}");
    }
}

#[test]
fn bunches_widen_what_the_time_before_and_the_distributions_allow() {
    let limit = |dispersion| {
        let policy = EvidencePolicy { dispersion, ..EvidencePolicy::default() };
        let mut rollout = Rollout::new(policy);
        rollout.step = Step { weight: 100, reference_weight: 0, ..rollout.step };
        let before = |_| Observation {
            requests: Some(30_000),
            errors: Errors { client: Some(0), server: Some(30), balancer: Some(0) },
            ..Observation::missing(green(), window(super::STARTED - 300, super::STARTED))
        };
        tick(&mut rollout, Some(before));
        rollout.carried.0["before"]["limit"].as_f64().unwrap()
    };
    assert!(limit(4.0) > limit(1.0) * 1.2, "{} {}", limit(1.0), limit(4.0));
    let band = |dispersion| {
        let latency = LatencyEvidence { bands: true, ..LatencyEvidence::default() };
        let policy =
            EvidencePolicy { dispersion, latency: Some(latency), ..EvidencePolicy::default() };
        let judged =
            Rollout::new(policy).ticks(3, Tick { own: (500, 0), other: (9_500, 0), ..WELL });
        let mut found = judged.verdict.evidence().iter();
        let one = found.find(|one| one.metric.starts_with("latency distribution")).unwrap();
        one.limit
    };
    assert!(band(4.0) > band(1.0) * 1.5, "{} {}", band(1.0), band(4.0));
}

#[test]
fn latency_that_is_known_no_more_in_a_later_step_is_missing_there() {
    let mut rollout = Rollout::new(without_shares());
    for _ in 0..8 {
        tick(&mut rollout, Some(|seen| seen));
    }
    rollout.enter(10);
    let silent =
        |rollout: &mut Rollout| tick(rollout, Some(|seen| Observation { latency: None, ..seen }));
    let said = (0..6).map(|_| silent(&mut rollout)).last().unwrap();
    assert!(said.contains("latencies of the two were not compared in this step yet"), "{said}");
    assert!(said.starts_with("inconclusive"), "{said}");
}

#[test]
fn latency_that_is_still_to_be_compared_fails_nobody() {
    let policy = || EvidencePolicy { no_data: NoData::Fail, ..EvidencePolicy::default() };
    let many = Tick { own: (5_000, 0), other: (95_000, 95), millis: (20, 20) };
    let mut rollout = Rollout::new(policy());
    let first = rollout.tick(many).verdict;
    assert_eq!(first.word(), "inconclusive", "{first}");
    assert!(rollout.tick(many).verdict.is_pass());
    let mut without = Rollout::new(EvidencePolicy { sample_ratio: None, ..policy() });
    let absent = Some((|seen| Observation { latency: None, ..seen }) as fn(_) -> _);
    assert!((0..3).map(|_| tick(&mut without, absent)).last().unwrap().starts_with("fail"));
}

#[test]
fn a_state_from_before_acceptance_was_known_goes_on_and_is_not_settled_by_nothing() {
    let many = Tick { own: (5_000, 0), other: (95_000, 95), millis: (20, 20) };
    let mut rollout = by_default();
    rollout.ticks(3, many);
    let slow = rollout.carried.0["slow"].as_object_mut().unwrap();
    for new in ["accepts", "in_step", "absent", "first"] {
        slow.remove(new);
    }
    let slower = Tick { millis: (800, 20), ..many };
    let judged = rollout.tick(slower);
    assert!(judged.verdict.is_fail() && !judged.settled, "{}", judged.verdict);
}

#[test]
fn it_is_not_settled_while_something_may_still_become_known() {
    let many = Tick { own: (5_000, 0), other: (95_000, 95), millis: (20, 20) };
    let mut rollout = by_default();
    assert!(rollout.ticks(3, many).settled);
    tick(&mut rollout, Some(|seen| Observation { errors: Errors::default(), ..seen }));
    assert!(!rollout.tick(many).settled);
}
