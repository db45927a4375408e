//! Rollouts that may spend a share of an error budget.

use std::time::Duration;

use proptest::prelude::*;

use super::{STARTED, at, green, minute, nothing, times, window};
use crate::gate::{
    AbsolutePolicy, BudgetPolicy, Carried, Comparison, Gate, Judgement, Policy, Step, Verdict,
};
use crate::slo::{ErrorBudget, Events, Objective, Target};
use crate::{Errors, Observation, Window};

/// A tenth of a budget of 100 bad requests.
fn policy() -> BudgetPolicy {
    BudgetPolicy {
        slo: "checkout".to_owned(),
        objective: Objective::availability(0.999).unwrap(),
        budget: 100.0,
        share: 0.1,
        stale_after: Duration::from_secs(300),
    }
}

/// A tick of a step that began then: what was seen between two seconds, and now.
fn tick(started: i64, from: i64, to: i64) -> Step {
    Step {
        started: at(started),
        judged_until: at(from),
        now: at(to),
        weight: 5,
        reference_weight: 95,
    }
}

fn seen(from: i64, to: i64, requests: u64, failed: u64) -> Observation {
    Observation { window: window(from, to), ..minute(requests, failed) }
}

fn judge(step: Step, candidate: Observation, carried: &Carried) -> Judgement {
    let windows = policy().windows(&step, carried);
    let seen = windows.into_iter().map(|asked| {
        Comparison::new(
            match asked.covers(&candidate.window) {
                true => candidate.clone(),
                false => Observation::missing(green(), Window::empty(asked.from)),
            },
            None,
        )
    });
    policy().judge(&step, &seen.collect::<Vec<_>>(), carried)
}

#[test]
fn what_is_spent_adds_up_over_ticks_and_steps_until_it_is_too_much() {
    let mut carried = Carried::default();
    let mut words = Vec::new();
    // Two steps, with three bad requests a tick; the fourth tick makes it twelve of ten.
    for (started, from, to) in
        [(1000, 1000, 1060), (1000, 1060, 1120), (1200, 1200, 1260), (1200, 1260, 1320)]
    {
        let judged = judge(tick(started, from, to), seen(from, to, 100, 3), &carried);
        assert_eq!(judged.covered, window(started, to));
        words.push(judged.verdict.to_string());
        carried = serde_json::from_str(&serde_json::to_string(&judged.carried).unwrap()).unwrap();
    }
    assert_eq!(
        words,
        [
            "pass: error budget of checkout 3.00 % (limit 10.00 %, 100 samples): 3 bad requests of 10.0 that the rollout may have",
            "pass: error budget of checkout 6.00 % (limit 10.00 %, 200 samples): 6 bad requests of 10.0 that the rollout may have",
            "pass: error budget of checkout 9.00 % (limit 10.00 %, 300 samples): 9 bad requests of 10.0 that the rollout may have",
            "fail: error budget of checkout 12.00 % (limit 10.00 %, 400 samples): 12 bad requests of 10.0 that the rollout may have",
        ]
    );
    // It stays spent, whatever comes after, even nothing.
    let judged = judge(tick(1400, 1400, 1460), seen(1400, 1460, 9000, 0), &carried);
    assert!(judged.verdict.is_fail());
    assert!(judge(tick(1400, 1400, 1401), nothing(), &carried).verdict.is_fail());
}

#[test]
fn spending_exactly_the_share_holds_and_one_more_does_not() {
    for (failed, word) in [(10, "pass"), (11, "fail")] {
        let judged =
            judge(tick(1000, 1000, 1060), seen(1000, 1060, 100, failed), &Carried::default());
        assert_eq!((judged.verdict.word(), judged.settled), (word, word == "pass"));
    }
}

#[test]
fn a_window_is_not_counted_twice() {
    let first = judge(tick(1000, 1000, 1060), seen(1000, 1060, 100, 6), &Carried::default());
    // The same again, and one that begins within it, whatever is asked for.
    for (from, to) in [(1000, 1060), (1059, 1100)] {
        let candidate = seen(from, to, 100, 6);
        let seen = [Comparison::new(candidate, None)];
        let again = policy().judge(&tick(1000, 1000, 1100), &seen, &first.carried);
        assert!(again.verdict.to_string().contains(" 6 bad requests"), "{}", again.verdict);
        assert_eq!(again.covered, first.covered);
    }
    let next = judge(tick(1000, 1060, 1120), seen(1060, 1120, 100, 4), &first.carried);
    assert!(next.verdict.is_pass(), "{}", next.verdict);
}

#[test]
fn what_is_unknown_is_inconclusive_and_counted_when_it_is_known() {
    let unknown = |errors| Observation { errors, ..seen(1000, 1060, 100, 0) };
    let half = Errors { client: None, server: Some(4), balancer: None };
    for observation in [nothing(), unknown(Errors::default()), unknown(half)] {
        let judged = judge(tick(1000, 1000, 1060), observation, &Carried::default());
        assert_eq!(judged.verdict.word(), "inconclusive", "{}", judged.verdict);
        assert!(judged.covered.is_empty());
        // The same time again, now that it is known.
        let judged = judge(tick(1000, 1000, 1060), seen(1000, 1060, 100, 5), &judged.carried);
        assert!(judged.verdict.is_pass());
        assert!(judged.verdict.to_string().contains(" 5 bad requests"), "{}", judged.verdict);
    }
    // Half of the failures are too many already.
    let many = Errors { client: None, server: Some(11), balancer: None };
    let judged = judge(tick(1000, 1000, 1060), unknown(many), &Carried::default());
    assert!(judged.verdict.is_fail(), "{}", judged.verdict);
}

#[test]
fn nothing_seen_lately_or_nothing_served_does_not_pass() {
    let first = judge(tick(1000, 1000, 1060), seen(1000, 1060, 100, 1), &Carried::default());
    let none = |step| policy().judge(&step, &[], &first.carried).verdict.word();
    assert_eq!(none(tick(1000, 1060, 1360)), "pass");
    assert_eq!(none(tick(1000, 1060, 1361)), "inconclusive");
    // Another step has to show something itself.
    assert_eq!(none(tick(1200, 1200, 1210)), "inconclusive");
    let quiet = judge(tick(1000, 1000, 1060), seen(1000, 1060, 0, 0), &Carried::default());
    assert_eq!(quiet.verdict.word(), "inconclusive");
}

#[test]
fn only_the_candidates_bad_requests_count() {
    let reference = Some(seen(1000, 1060, 1000, 900));
    let seen = Comparison::new(seen(1000, 1060, 100, 1), reference);
    let judged = policy().judge(&tick(1000, 1000, 1060), &[seen], &Carried::default());
    assert!(judged.verdict.is_pass(), "{}", judged.verdict);
}

#[test]
fn slow_requests_spend_the_budget_of_an_objective_of_latency() {
    let objective = Objective::latency(0.99, Duration::from_millis(250)).unwrap();
    let policy = BudgetPolicy { objective, ..policy() };
    for (slow, word) in [(10, "pass"), (11, "fail")] {
        let mut latency = times(500, 20);
        latency.merge(&times(slow, 900));
        let candidate = Observation { latency: Some(latency), ..minute(500 + slow, 400) };
        let seen = [Comparison::new(candidate, None)];
        let judged =
            policy.judge(&tick(STARTED, STARTED, STARTED + 60), &seen, &Carried::default());
        assert_eq!(judged.verdict.word(), word, "{}", judged.verdict);
    }
}

#[test]
fn a_state_that_cant_be_read_is_inconclusive_and_kept() {
    let broken = Carried(serde_json::json!({ "bad": "many" }));
    let judged = judge(tick(1000, 1000, 1060), seen(1000, 1060, 100, 1), &broken);
    assert!(judged.verdict.to_string().contains("can't be read"), "{}", judged.verdict);
    assert_eq!(judged.carried, broken);
}

#[test]
fn fields_that_make_no_sense_are_refused_and_judge_nothing() {
    type Change = fn(&mut BudgetPolicy);
    let changes: [(Change, &str); 8] = [
        (|policy| policy.share = 0.0, "share of the error budget is 0;"),
        (|policy| policy.share = 1.5, "share of the error budget is 1.5;"),
        (|policy| policy.share = f64::NAN, "share of the error budget is NaN;"),
        (|policy| policy.budget = 0.0, "error budget is 0;"),
        (|policy| policy.budget = f64::INFINITY, "error budget is inf;"),
        (|policy| policy.slo = " ".to_owned(), "name of the SLO is empty;"),
        (|policy| policy.stale_after = Duration::ZERO, "stale after is 0;"),
        (
            |policy| {
                let target = Target::new(0.9).unwrap();
                policy.objective = Objective::Latency { target, threshold: Duration::ZERO };
            },
            "latency threshold is 0;",
        ),
    ];
    for (change, said) in changes {
        let mut policy = policy();
        change(&mut policy);
        let error = Policy::Budget(policy.clone()).validate().unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
        let judged = super::judge(&policy, minute(100, 0));
        assert!(matches!(judged.verdict, Verdict::Inconclusive { .. }));
    }
}

#[test]
fn it_is_made_of_the_whole_budget_or_of_what_is_left() {
    let objective = Objective::availability(0.999).unwrap();
    let budget = |bad| ErrorBudget::new(objective.target(), Events::new(1_000_000, bad).unwrap());
    let whole = BudgetPolicy::of_the_whole("a", objective, &budget(1200), 0.1).unwrap();
    assert_eq!(whole.allowance(), 100.0);
    let left = BudgetPolicy::of_what_is_left("a", objective, &budget(900), 0.1).unwrap();
    assert_eq!(left.allowance(), 10.0);
    for bad in [1000, 1200] {
        let error = BudgetPolicy::of_what_is_left("a", objective, &budget(bad), 0.1).unwrap_err();
        assert!(error.to_string().contains("nothing may be spent on a rollout"), "{error}");
    }
    let none = ErrorBudget::new(objective.target(), Events::default());
    assert!(BudgetPolicy::of_the_whole("a", objective, &none, 0.1).is_err());
}

#[test]
fn as_data_it_is_a_policy_among_others() {
    let policies = [Policy::Absolute(AbsolutePolicy::default()), Policy::Budget(policy())];
    let written = serde_json::to_value(&policies).unwrap();
    assert_eq!(written[1]["budget"]["share"], 0.1);
    assert_eq!(serde_json::from_value::<Vec<Policy>>(written).unwrap(), policies);
    let gate = Policy::gate(&policies);
    assert_eq!(gate.name(), "absolute and error budget of checkout");
    // 3 % errors are within the limits, and 12 bad requests are more than the rollout may have.
    let step = tick(STARTED, STARTED, STARTED + 60);
    let candidate = minute(400, 12);
    let seen = vec![Comparison::new(candidate, None); 2];
    let judged = gate.judge(&step, &seen, &Carried::default());
    assert!(judged.verdict.is_fail(), "{}", judged.verdict);
    assert_eq!(judged.verdict.evidence()[0].metric, "error budget of checkout");
}

proptest! {
    #[test]
    fn however_it_is_cut_into_ticks_and_steps_the_same_is_spent(
        ticks in prop::collection::vec((1u64..200, 0u64..4, any::<bool>()), 1..30),
    ) {
        let mut carried = Carried::default();
        let (mut started, mut spent, mut failed_before) = (1000, 0, false);
        for (index, (requests, failed, new_step)) in ticks.into_iter().enumerate() {
            let from = 1000 + 10 * index as i64;
            if new_step {
                started = from;
            }
            let failed = failed.min(requests);
            spent += failed;
            let judged = judge(tick(started, from, from + 10), seen(from, from + 10, requests, failed), &carried);
            prop_assert_eq!(judged.verdict.is_fail(), spent > 10, "{}", judged.verdict);
            prop_assert!(!failed_before || judged.verdict.is_fail());
            failed_before = judged.verdict.is_fail();
            carried = judged.carried;
        }
    }
}

#[test]
fn the_subject_of_what_is_unknown_is_named() {
    let judged = judge(tick(1000, 1000, 1060), nothing(), &Carried::default());
    assert!(judged.verdict.to_string().contains(&green().to_string()), "{}", judged.verdict);
}

#[test]
fn slow_requests_that_are_known_of_count_though_others_were_not_timed() {
    let limit = Duration::from_millis(250);
    let policy = BudgetPolicy { objective: Objective::latency(0.99, limit).unwrap(), ..policy() };
    let judged = |slow| {
        // Of a thousand requests, half were timed.
        let mut latency = times(500 - slow, 20);
        latency.record_many(Duration::from_secs(1), slow);
        let latency = Some(latency);
        let candidate = Observation { latency, ..seen(1000, 1060, 1000, 0) };
        let step = tick(1000, 1000, 1060);
        policy.judge(&step, &[Comparison::new(candidate, None)], &Carried::default()).verdict
    };
    assert!(judged(12).is_fail(), "{}", judged(12));
    let few = judged(8).to_string();
    assert!(few.contains("the bad requests of green are not known"), "{few}");
    assert!(few.starts_with("inconclusive"), "{few}");
}
