//! The absolute policy, case by case.

use std::time::Duration;

use super::{STARTED, judge, minute, nothing, step, times, window, word};
use crate::gate::absolute::percentile;
use crate::gate::{
    AbsolutePolicy, Carried, Comparison, FindingResult, Gate, LatencyLimit, NoData, Verdict,
};
use crate::{Errors, Observation, Saturation, Targets};

type Change = fn(&mut Observation);

/// Every limit there is.
fn strict(no_data: NoData) -> AbsolutePolicy {
    AbsolutePolicy {
        cpu: Some(0.85),
        memory: Some(0.9),
        unhealthy_targets: Some(0),
        no_data,
        ..AbsolutePolicy::default()
    }
}

fn changed(change: Change) -> Observation {
    let mut seen = minute(1000, 0);
    change(&mut seen);
    seen
}

#[test]
fn a_limit_broken_by_chance_is_not_known_and_one_broken_for_certain_fails() {
    let policy = AbsolutePolicy { by_chance: Some(1e-4), ..AbsolutePolicy::default() };
    let few = judge(&policy, minute(50, 3)).verdict;
    assert_eq!(
        few.to_string(),
        "inconclusive: error rate 6.00 % (limit 5.00 %, 50 samples): above the limit, and that may be by chance"
    );
    assert!(judge(&policy, minute(50, 2)).verdict.is_pass());
    assert!(judge(&policy, minute(50, 15)).verdict.is_fail());
    assert!(judge(&policy, minute(5_000, 400)).verdict.is_fail());
    // Of fifty requests one is slow: that is 2 %, where 1 % may be.
    let mut slow = minute(50, 0);
    slow.latency.as_mut().unwrap().record_many(Duration::from_secs(3), 1);
    assert_eq!(judge(&policy, slow.clone()).verdict.word(), "inconclusive");
    slow.latency.as_mut().unwrap().record_many(Duration::from_secs(3), 20);
    assert!(judge(&policy, slow).verdict.is_fail());
    // Too little data that shall fail still does.
    let strict = AbsolutePolicy { no_data: NoData::Fail, ..policy };
    assert!(judge(&strict, minute(10, 1)).verdict.is_fail());
    for by_chance in [0.0, 1.0, f64::NAN] {
        let policy = AbsolutePolicy { by_chance: Some(by_chance), ..AbsolutePolicy::default() };
        assert!(policy.validated().unwrap_err().to_string().starts_with("by chance is"));
    }
}

/// The histogram puts 970 ms and the limit of 1000 ms into one bucket, which ends at 1003 ms or so.
#[test]
fn a_quantile_within_a_bucket_of_the_limit_is_not_broken_for_certain() {
    let policy = AbsolutePolicy { by_chance: Some(1e-4), ..AbsolutePolicy::default() };
    let with = |slow: u64, millis, slower: u64| {
        let mut latency = times(1_500 - slow - slower, 20);
        latency.merge(&times(slow, millis));
        latency.merge(&times(slower, 1_200));
        Observation { latency: Some(latency), ..minute(1_500, 0) }
    };
    let verdict = judge(&policy, with(30, 970, 1)).verdict;
    assert!(verdict.is_pass(), "{verdict}");
    assert!(verdict.to_string().contains("less than the width of a bucket"), "{verdict}");
    // Without a stated probability the limit holds to the bucket, as it says.
    assert!(judge(&AbsolutePolicy::default(), with(30, 970, 1)).verdict.is_fail());
    assert_eq!(judge(&policy, with(0, 20, 18)).verdict.word(), "inconclusive");
    assert!(judge(&policy, with(30, 970, 60)).verdict.is_fail());
}

#[test]
fn a_limit_that_is_broken_fails_whatever_missing_data_means() {
    let cases: &[(&str, &str, Change)] = &[
        ("all is well", "pass", |_| {}),
        ("errors on the limit", "pass", |o| o.errors.server = Some(50)),
        ("errors above it", "fail", |o| o.errors.server = Some(51)),
        ("errors on the limit of both", "pass", |o| {
            (o.errors.server, o.errors.balancer) = (Some(25), Some(25))
        }),
        ("errors above it of both", "fail", |o| {
            (o.errors.server, o.errors.balancer) = (Some(25), Some(26))
        }),
        ("refused clients on the limit", "pass", |o| o.errors.client = Some(250)),
        ("refused clients above it", "fail", |o| o.errors.client = Some(251)),
        ("latency on the limit", "pass", |o| o.latency = Some(times(1000, 1000))),
        ("latency above it", "fail", |o| o.latency = Some(times(1000, 1001))),
        ("one in a hundred slow", "pass", |o| o.latency.as_mut().unwrap().merge(&times(10, 5000))),
        ("two in a hundred slow", "fail", |o| o.latency.as_mut().unwrap().merge(&times(20, 5000))),
        ("cpu on the limit", "pass", |o| o.saturation.cpu = Some(0.85)),
        ("cpu above it", "fail", |o| o.saturation.cpu = Some(0.8501)),
        ("memory above it", "fail", |o| o.saturation.memory = Some(1.2)),
        ("an unhealthy target", "fail", |o| o.targets.as_mut().unwrap().unhealthy = 1),
        ("enough are known to fail", "fail", |o| {
            (o.errors.server, o.errors.balancer) = (Some(51), None)
        }),
        ("more failures than requests", "fail", |o| o.errors.server = Some(2000)),
        ("counts at their largest", "fail", |o| {
            o.errors.server = Some(u64::MAX);
            o.errors.balancer = Some(u64::MAX);
            o.targets = Some(Targets { healthy: u32::MAX, unhealthy: u32::MAX });
        }),
    ];
    for (what, expected, change) in cases {
        for no_data in [NoData::Hold, NoData::Fail, NoData::Ignore] {
            let got = judge(&strict(no_data), changed(*change)).verdict;
            assert_eq!(got.word(), *expected, "{what}, {no_data:?}: {got}");
        }
    }
}

#[test]
fn a_metric_without_data_holds_fails_or_is_ignored() {
    let cases: &[(&str, Change)] = &[
        ("error rate", |o| o.requests = None),
        ("error rate", |o| o.errors.server = None),
        ("error rate", |o| o.errors.balancer = None),
        ("error rate", |o| (o.errors.server, o.errors.balancer) = (Some(50), None)),
        ("client error rate", |o| o.errors.client = None),
        ("p99 latency", |o| o.latency = None),
        ("p99 latency", |o| o.latency = Some(times(0, 0))),
        ("p99 latency", |o| o.latency = Some(times(49, 5000))),
        ("cpu use", |o| o.saturation.cpu = None),
        ("cpu use", |o| o.saturation.cpu = Some(f64::NAN)),
        ("cpu use", |o| o.saturation.cpu = Some(f64::INFINITY)),
        ("cpu use", |o| o.saturation.cpu = Some(f64::MAX)),
        ("cpu use", |o| o.saturation.cpu = Some(-0.1)),
        ("memory use", |o| o.saturation.memory = Some(f64::NEG_INFINITY)),
        ("unhealthy targets", |o| o.targets = None),
        ("unhealthy targets", |o| o.targets = Some(Targets { healthy: 0, unhealthy: 0 })),
    ];
    for (metric, change) in cases {
        let verdict = |no_data| judge(&strict(no_data), changed(*change)).verdict;
        let Verdict::Inconclusive { missing, why, .. } = verdict(NoData::Hold) else {
            panic!("{metric} holds");
        };
        assert!(missing.iter().any(|name| name == metric), "{missing:?}");
        assert!(!why.is_empty());
        assert!(verdict(NoData::Fail).is_fail(), "{metric}");
        let ignoring = verdict(NoData::Ignore);
        assert!(ignoring.is_pass(), "{metric}: {ignoring}");
        let ignored = ignoring.evidence().iter();
        let ignored = ignored.filter(|finding| finding.result == FindingResult::Ignored);
        let ignored: Vec<_> = ignored.map(|finding| &*finding.metric).collect();
        assert!(ignored.contains(metric), "{ignored:?}");
    }
}

#[test]
fn without_any_data_it_holds_or_fails() {
    let quiet = Observation {
        latency: None,
        saturation: Saturation::default(),
        targets: None,
        ..minute(0, 0)
    };
    for (no_data, expected) in
        [(NoData::Hold, "inconclusive"), (NoData::Fail, "fail"), (NoData::Ignore, "inconclusive")]
    {
        let policy = strict(no_data);
        assert_eq!(word(&policy, nothing()), expected);
        assert_eq!(word(&policy, quiet.clone()), expected);
        let unseen = policy.judge(&step(60), &[], &Carried::default());
        assert_eq!(unseen.verdict.word(), expected);
        assert_eq!(unseen.covered, window(1000, 1000));
    }
}

#[test]
fn too_few_requests_are_too_little_whatever_they_show() {
    for failed in [0, 1, 49] {
        let policy = |no_data| AbsolutePolicy { no_data, ..AbsolutePolicy::default() };
        let seen = minute(49, failed);
        let held = judge(&policy(NoData::Hold), seen.clone()).verdict;
        assert_eq!(held.to_string(), "inconclusive: error rate rests on only 49 samples");
        assert_eq!(word(&policy(NoData::Fail), seen.clone()), "fail");
        assert_eq!(word(&policy(NoData::Ignore), seen), "inconclusive");
    }
    assert_eq!(word(&AbsolutePolicy::default(), minute(50, 0)), "pass");
}

#[test]
fn what_was_seen_at_another_time_is_no_data() {
    let policy = AbsolutePolicy::default();
    for (from, to, expected) in [
        (1000, 1060, "pass"),
        (1001, 1059, "pass"),
        (1000, 1000, "inconclusive"),
        (999, 1060, "inconclusive"),
        (940, 1000, "inconclusive"),
        (1000, 1061, "inconclusive"),
    ] {
        let seen = Observation { window: window(from, to), ..minute(1000, 0) };
        assert_eq!(word(&policy, seen), expected, "{from} to {to}");
    }
    // Of the step, and longer ago than the policy looks back.
    let seen = [Comparison::new(minute(1000, 0), None)];
    let later = policy.judge(&step(61), &seen, &Carried::default());
    assert_eq!(later.verdict.word(), "inconclusive");
}

#[test]
fn a_policy_that_is_not_valid_judges_nothing() {
    let with = |change: fn(&mut AbsolutePolicy)| {
        let mut policy = strict(NoData::Ignore);
        change(&mut policy);
        policy
    };
    let invalid = [
        (with(|p| p.error_rate = f64::NAN), "error rate is NaN; allowed: a share from 0 to 1"),
        (with(|p| p.error_rate = -0.01), "error rate is -0.01; allowed: a share from 0 to 1"),
        (
            with(|p| p.client_error_rate = Some(25.0)),
            "client error rate is 25; allowed: a share from 0 to 1",
        ),
        (
            with(|p| p.cpu = Some(f64::INFINITY)),
            "cpu limit is inf; allowed: a positive share, 0.85 for 85 %",
        ),
        (
            with(|p| p.cpu = Some(2e306)),
            &format!("cpu limit is {}; allowed: a positive share, 0.85 for 85 %", 2e306),
        ),
        (
            with(|p| p.memory = Some(0.0)),
            "memory limit is 0; allowed: a positive share, 0.85 for 85 %",
        ),
        (
            with(|p| p.latency[0].quantile = 99.0),
            "latency quantile is 99; allowed: above 0 and at most 1",
        ),
        (
            with(|p| p.latency[0].quantile = f64::NAN),
            "latency quantile is NaN; allowed: above 0 and at most 1",
        ),
        (
            with(|p| p.latency[0].limit = Duration::ZERO),
            "latency limit is 0; allowed: a positive time",
        ),
        (with(|p| p.minimum_requests = 0), "minimum requests is 0; allowed: at least 1"),
        (with(|p| p.lookback = Duration::ZERO), "lookback is 0; allowed: a positive time"),
    ];
    for (policy, expected) in invalid {
        let verdict = judge(&policy, minute(1000, 0)).verdict;
        let text = format!("inconclusive: the policy can't be used: {expected}");
        assert_eq!(verdict.to_string(), text);
        assert_eq!(policy.validated().unwrap_err().to_string(), expected);
    }
    assert!(strict(NoData::Hold).validated().is_ok());
}

#[test]
fn the_evidence_says_what_broke_first_and_in_which_unit() {
    let mut seen = minute(1000, 0);
    seen.errors = Errors { client: Some(0), server: Some(0), balancer: Some(0) };
    seen.latency = Some(times(1000, 2000));
    let verdict = judge(&AbsolutePolicy::default(), seen).verdict;
    assert_eq!(
        verdict.to_string(),
        "fail: p99 latency 2000.00 ms (limit 1000.00 ms, 1000 samples)"
    );
    assert_eq!(verdict.evidence()[0].result, FindingResult::Broken);
    assert_eq!(verdict.evidence().len(), 3);
    let verdict = judge(&AbsolutePolicy::default(), minute(1000, 7)).verdict;
    assert_eq!(
        verdict.to_string(),
        "pass: error rate 0.70 % (limit 5.00 %, 1000 samples); \
         client error rate 0.00 % (limit 25.00 %, 1000 samples); \
         p99 latency 20.00 ms (limit 1000.00 ms, 1000 samples)"
    );
}

#[test]
fn several_quantiles_are_each_held_to_their_limit() {
    let limit = |quantile, millis| LatencyLimit { quantile, limit: Duration::from_millis(millis) };
    let policy = AbsolutePolicy {
        latency: vec![limit(0.5, 50), limit(0.999, 100), limit(1.0, 500)],
        ..AbsolutePolicy::default()
    };
    let with = |slow: u64, millis| {
        let mut seen = minute(10_000, 0);
        seen.latency.as_mut().unwrap().merge(&times(slow, millis));
        judge(&policy, seen).verdict.to_string()
    };
    assert!(with(1, 400).starts_with("pass"));
    assert!(with(11, 400).starts_with("fail: p99.9 latency 400.00 ms (limit 100.00 ms"));
    assert!(with(1, 501).starts_with("fail: p100 latency 501.00 ms"));
    let names = [0.5, 0.57, 0.07, 0.99, 0.999, 0.9999, 1.0].map(percentile);
    let expected = ["p50", "p57", "p7", "p99", "p99.9", "p99.99", "p100"];
    assert_eq!(names, expected);
}

#[test]
fn what_no_data_means_can_be_said_of_every_metric() {
    let of = |metric: &str, no_data| AbsolutePolicy {
        no_data_by_metric: [(metric.to_owned(), no_data)].into(),
        ..strict(NoData::Hold)
    };
    // The minute has no saturation and no targets.
    let mut seen = minute(1000, 0);
    (seen.saturation, seen.targets) = (Saturation::default(), None);
    assert_eq!(word(&strict(NoData::Hold), seen.clone()), "inconclusive");
    assert_eq!(word(&of("cpu use", NoData::Fail), seen.clone()), "fail");
    let lenient = AbsolutePolicy {
        no_data_by_metric: ["cpu use", "memory use", "unhealthy targets"]
            .map(|metric| (metric.to_owned(), NoData::Ignore))
            .into(),
        ..strict(NoData::Hold)
    };
    assert_eq!(word(&lenient, seen), "pass");
    // The metrics that are not named still hold.
    assert_eq!(word(&lenient, nothing()), "inconclusive");
    let error = of("cpu", NoData::Ignore).validated().unwrap_err().to_string();
    assert_eq!(
        error,
        "metric of a no-data policy is cpu; allowed: error rate, client error rate, p99 latency, cpu use, memory use, \
         unhealthy targets"
    );
}

/// A step of ten minutes, in the last one of which `newest` requests came, and `all` in all of it, of which `failed` failed: the
/// second judgement of the same.
fn in_ten_minutes(policy: &AbsolutePolicy, newest: u64, all: u64, failed: u64) -> Verdict {
    let step = step(600);
    let judge = |carried: &Carried| {
        let windows = policy.windows(&step, carried);
        let seen = windows.iter().zip([(newest, 0), (all, failed)]);
        let seen = seen.map(|(window, (requests, failed))| {
            Comparison::new(Observation { window: *window, ..minute(requests, failed) }, None)
        });
        policy.judge(&step, &seen.collect::<Vec<_>>(), carried)
    };
    judge(&judge(&Carried::default()).carried).verdict
}

#[test]
fn with_little_traffic_all_of_the_step_is_looked_at() {
    let policy = AbsolutePolicy::for_certain();
    let newest = window(STARTED + 540, STARTED + 600);
    assert_eq!(policy.windows(&step(600), &Carried::default()), [newest]);
    let few = policy.judge(
        &step(600),
        &[Comparison::new(Observation { window: newest, ..minute(3, 0) }, None)],
        &Carried::default(),
    );
    assert_eq!(few.verdict.word(), "inconclusive");
    let whole = window(STARTED, STARTED + 600);
    assert_eq!(policy.windows(&step(600), &few.carried), [newest, whole]);
    // Younger than the lookback there is nothing more to look at.
    assert_eq!(policy.windows(&step(60), &few.carried), [window(STARTED, STARTED + 60)]);
    // Three a minute: in the last minute there can't be enough.
    assert!(in_ten_minutes(&policy, 3, 30, 0).is_pass());
    assert!(in_ten_minutes(&policy, 3, 30, 15).is_fail());
    assert_eq!(in_ten_minutes(&policy, 3, 19, 0).word(), "inconclusive");
    // Enough in the last minute: what was before does not matter.
    assert!(in_ten_minutes(&policy, 20, 199, 150).is_pass());
    // A hundred a minute, and then hardly any, or some, and then none: nothing is known about what comes now.
    for (newest, all) in [(3, 1000), (0, 1000), (0, 30), (0, 25)] {
        let stopped = in_ten_minutes(&policy, newest, all, 0);
        assert_eq!(stopped.word(), "inconclusive", "{newest} of {all}: {stopped}");
    }
    // Without a probability that is stated a limit may break by chance: only the lookback counts.
    let plain = AbsolutePolicy { minimum_requests: 20, ..AbsolutePolicy::default() };
    assert_eq!(in_ten_minutes(&plain, 3, 30, 0).word(), "inconclusive");
}
