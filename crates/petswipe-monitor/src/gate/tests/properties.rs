//! What holds for every policy and everything that can be seen.

use std::time::Duration;

use proptest::prelude::*;

use super::{green, step, window};
use crate::gate::{
    AbsolutePolicy, All, Carried, Comparison, FindingResult, Gate, Judgement, LatencyLimit,
    LatencyRegression, NoData,
};
use crate::{Errors, Histogram, Observation, Saturation, Targets};

fn count() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![
        1 => Just(None),
        6 => (0u64..150).prop_map(Some),
        1 => any::<u64>().prop_map(Some),
    ]
}

fn use_of_it() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        1 => Just(None),
        4 => (0.0f64..1.5).prop_map(Some),
        1 => any::<f64>().prop_map(Some),
    ]
}

prop_compose! {
    fn observation()(
        requests in count(), client in count(), server in count(), balancer in count(),
        latency in prop::option::of(prop::collection::vec(0u64..3_000, 0..120)),
        cpu in use_of_it(), memory in use_of_it(),
        targets in prop::option::of((0u32..3, 0u32..3)),
        (from, to) in prop_oneof![6 => Just((1000, 1060)), 1 => (990i64..1070, 1000i64..1070)],
    ) -> Observation {
        let latency = latency.map(|millis| {
            let mut histogram = Histogram::new();
            millis.into_iter().for_each(|ms| histogram.record(Duration::from_millis(ms)));
            histogram
        });
        Observation {
            requests,
            errors: Errors { client, server, balancer },
            latency,
            saturation: Saturation { cpu, memory },
            targets: targets.map(|(healthy, unhealthy)| Targets { healthy, unhealthy }),
            ..Observation::missing(green(), window(from.min(to), to))
        }
    }
}

fn no_data() -> impl Strategy<Value = NoData> {
    prop_oneof![Just(NoData::Hold), Just(NoData::Fail), Just(NoData::Ignore)]
}

prop_compose! {
    fn policy()(
        error_rate in prop_oneof![0.0f64..=1.0, Just(1.0), Just(0.0)],
        client_error_rate in prop::option::of(0.0f64..=1.0),
        latency in prop::collection::vec((0.01f64..=1.0, 1u64..3_000), 0..3),
        cpu in prop::option::of(0.1f64..1.5), memory in prop::option::of(0.1f64..1.5),
        unhealthy_targets in prop::option::of(0u32..3),
        minimum_requests in 1u64..150, no_data in no_data(), reaches_back in any::<bool>(),
    ) -> AbsolutePolicy {
        let latency = latency.into_iter();
        AbsolutePolicy {
            error_rate,
            client_error_rate,
            latency: latency
                .map(|(quantile, ms)| LatencyLimit { quantile, limit: Duration::from_millis(ms) })
                .collect(),
            cpu,
            memory,
            unhealthy_targets,
            minimum_requests,
            by_chance: None,
            no_data,
            no_data_by_metric: Default::default(),
            lookback: Duration::from_secs(60),
            reaches_back,
        }
    }
}

fn judge(gate: &dyn Gate, candidate: &Observation, reference: Option<&Observation>) -> Judgement {
    let seen = Comparison::new(candidate.clone(), reference.cloned());
    let seen = vec![seen; gate.windows(&step(60), &Carried::default()).len()];
    gate.judge(&step(60), &seen, &Carried::default())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn with_too_few_requests_it_never_passes_under_hold(policy in policy(), seen in observation()) {
        let policy = AbsolutePolicy { no_data: NoData::Hold, ..policy };
        let few = seen.requests.unwrap_or(0) < policy.minimum_requests;
        let judged = judge(&policy, &seen, None);
        prop_assert!(!(few && judged.verdict.is_pass()), "{}", judged.verdict);
    }

    #[test]
    fn a_pass_rests_on_what_holds_and_on_the_time_asked(policy in policy(), seen in observation()) {
        let judged = judge(&policy, &seen, None);
        let results: Vec<_> = judged.verdict.evidence().iter().map(|f| f.result).collect();
        if judged.verdict.is_pass() {
            prop_assert!(results.contains(&FindingResult::Holds));
            prop_assert!(!results.contains(&FindingResult::Broken));
            prop_assert!(!results.contains(&FindingResult::Missing));
            prop_assert!(policy.no_data == NoData::Ignore || !results.contains(&FindingResult::Ignored));
            prop_assert!(window(1000, 1060).covers(&seen.window) && !seen.window.is_empty());
            prop_assert_eq!(judged.covered, seen.window);
        }
        let is_broken = results.contains(&FindingResult::Broken);
        prop_assert_eq!(judged.verdict.is_fail(), is_broken);
    }

    #[test]
    fn more_errors_never_turn_a_fail_into_a_pass(
        policy in policy(), seen in observation(), beside in prop::option::of(observation()),
        (client, server, balancer) in (0u64..200, 0u64..200, 0u64..200),
    ) {
        let mut worse = seen.clone();
        let add = |count: &mut Option<u64>, more| *count = count.map(|n| n.saturating_add(more));
        add(&mut worse.errors.client, client);
        add(&mut worse.errors.server, server);
        add(&mut worse.errors.balancer, balancer);
        let gate = All::new(vec![Box::new(policy), Box::new(LatencyRegression::default())]);
        let (before, after) = (judge(&gate, &seen, beside.as_ref()), judge(&gate, &worse, beside.as_ref()));
        prop_assert!(!before.verdict.is_fail() || after.verdict.is_fail(), "{}", after.verdict);
        prop_assert!(!after.verdict.is_pass() || before.verdict.is_pass(), "{}", before.verdict);
    }

    #[test]
    fn slower_answers_never_turn_a_fail_into_a_pass(
        policy in policy(), seen in observation(), millis in 3_000u64..10_000,
    ) {
        // The same number of answers, some of which take longer than any did.
        let Some(latency) = &seen.latency else { return Ok(()) };
        let mut slower = Histogram::new();
        for (bound, count) in latency.buckets() {
            slower.record_many(bound, count / 2);
            slower.record_many(Duration::from_millis(millis), count - count / 2);
        }
        let slower = Observation { latency: Some(slower), ..seen.clone() };
        let (before, after) = (judge(&policy, &seen, None), judge(&policy, &slower, None));
        prop_assert!(!before.verdict.is_fail() || after.verdict.is_fail(), "{}", after.verdict);
    }

    #[test]
    fn a_judgement_is_always_the_same_and_survives_json(
        policy in policy(), seen in observation(), beside in prop::option::of(observation()),
    ) {
        let gate = All::new(vec![Box::new(policy), Box::new(LatencyRegression::default())]);
        let judged = judge(&gate, &seen, beside.as_ref());
        prop_assert_eq!(&judged, &judge(&gate, &seen, beside.as_ref()));
        let written = serde_json::to_string(&judged).unwrap();
        prop_assert_eq!(serde_json::from_str::<Judgement>(&written).unwrap(), judged);
    }
}
