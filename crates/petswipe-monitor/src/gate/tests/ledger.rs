//! What could not be counted at once: it is asked for again, counted when it is known, and never twice.

use super::{STARTED, at, green, step, times, window};
use crate::gate::{
    AbsolutePolicy, All, BudgetPolicy, Carried, Comparison, EvidencePolicy, Gate, Judgement, Step,
};
use crate::slo::Objective;
use crate::{Errors, Observation, Subject, Window};
use std::time::Duration;

/// A rollout with a tick every ten seconds, in each of which 5 of the 50 requests of the candidate fail, and what is known of them.
struct World {
    /// Ticks of which the errors of the reference are known late: which, and since when.
    late: Vec<(i64, i64)>,
    gate: All,
    carried: Carried,
    judged_until: i64,
    /// When the step began.
    started: i64,
    /// How many seconds late anything is known.
    lag: i64,
}

fn budget() -> BudgetPolicy {
    BudgetPolicy {
        slo: "checkout".to_owned(),
        objective: Objective::availability(0.999).unwrap(),
        budget: 10_000.0,
        share: 0.5,
        stale_after: Duration::from_secs(120),
    }
}

fn evidence() -> EvidencePolicy {
    EvidencePolicy { stale_after: Duration::from_secs(120), ..EvidencePolicy::default() }
}

impl World {
    fn new(late: &[(i64, i64)]) -> Self {
        let absolute = AbsolutePolicy { error_rate: 0.5, ..AbsolutePolicy::default() };
        let gate = All::new(vec![Box::new(absolute), Box::new(evidence()), Box::new(budget())]);
        let carried = Carried::default();
        Self { late: late.to_vec(), gate, carried, judged_until: STARTED, started: STARTED, lag: 0 }
    }

    fn side(&self, name: &str, asked: Window, now: i64) -> Observation {
        let from = asked.from.as_second();
        let to = asked.to.as_second().min(now - self.lag).max(from);
        let subject = Subject::environment(name);
        let ticks = u64::try_from((to - from) / 10).unwrap();
        if ticks == 0 {
            return Observation::missing(subject, Window::empty(asked.from));
        }
        let (requests, failed) = if name == "green" { (50, 5) } else { (950, 1) };
        let unknown = (from..to).step_by(10).any(|tick| {
            self.late.iter().any(|(late, since)| STARTED + late == tick && now < STARTED + since)
        });
        let server = (!unknown).then_some(failed * ticks);
        Observation {
            requests: Some(requests * ticks),
            errors: Errors { client: Some(0), server, balancer: Some(0) },
            latency: Some(times(requests * ticks, 20)),
            ..Observation::missing(subject, Window { from: asked.from, to: at(to) })
        }
    }

    /// The next step begins, so many seconds after the first one.
    fn enter(&mut self, seconds: i64) {
        (self.started, self.judged_until) = (STARTED + seconds, STARTED + seconds);
    }

    /// Judges once, so many seconds after the first step began.
    fn judge(&mut self, seconds: i64) -> Judgement {
        let now = STARTED + seconds;
        let (started, judged_until) = (at(self.started), at(self.judged_until));
        let step = Step { started, judged_until, ..step(seconds) };
        let asked = self.gate.windows(&step, &self.carried);
        let seen = asked.into_iter().map(|asked| {
            Comparison::new(self.side("green", asked, now), Some(self.side("blue", asked, now)))
        });
        let judged = self.gate.judge(&step, &seen.collect::<Vec<_>>(), &self.carried);
        self.carried = judged.carried.clone();
        if !judged.covered.is_empty() {
            self.judged_until = judged.covered.to.as_second();
        }
        judged
    }

    fn state(&self, gate: usize, field: &str) -> u64 {
        self.carried.0[gate][field].as_u64().unwrap_or_default()
    }

    /// Requests of the candidate that the evidence counted in the step.
    fn compared(&self) -> u64 {
        self.carried.0[1]["candidate"]["requests"].as_u64().unwrap()
    }
}

#[test]
fn what_was_not_known_at_once_is_counted_when_it_is_though_another_gate_went_on() {
    let mut on_time = World::new(&[]);
    let mut late = World::new(&[(10, 45)]);
    for seconds in [10, 20, 30, 40] {
        on_time.judge(seconds);
        late.judge(seconds);
    }
    assert_eq!((on_time.compared(), on_time.state(2, "bad")), (200, 20));
    // Not those of the second tick; and the limits, which look at the whole minute, have gone on all the same.
    assert_eq!((late.compared(), late.state(2, "bad")), (150, 15));
    assert_eq!(late.judged_until, STARTED + 40);
    let judged = late.judge(50);
    on_time.judge(50);
    assert_eq!((late.compared(), late.state(2, "bad")), (250, 25));
    assert_eq!(late.carried.0[1]["errors"], on_time.carried.0[1]["errors"]);
    assert!(judged.verdict.is_fail(), "{}", judged.verdict);
}

#[test]
fn a_budget_waits_for_what_is_not_known_yet_and_goes_on_when_it_never_is() {
    let mut world = World::new(&[(0, 100_000), (30, 100_000)]);
    let said: Vec<_> = (1..=18)
        .map(|tick| {
            let judged = world.judge(tick * 10);
            let evidence = judged.verdict.evidence().iter();
            let mut of_budget = evidence.filter(|one| one.metric == "error budget of checkout");
            of_budget.next().unwrap().detail.clone()
        })
        .collect();
    assert!(said[3].contains("the bad requests of green are not known"), "{}", said[3]);
    assert!(said[5].contains("is not known yet"), "{}", said[5]);
    assert!(said[17].contains("what it did in 2 windows was never known"), "{}", said[17]);
    assert!(said[17].starts_with("80 bad requests"), "16 ticks with 5 each: {}", said[17]);
    // What is given up is not asked for any more.
    assert_eq!(world.state(1, "lost"), 2);
    assert!(world.carried.0[1].get("pending").is_none(), "{}", world.carried.0[1]);
}

#[test]
fn bad_requests_that_are_known_of_count_though_the_window_is_given_up() {
    let policy = budget();
    let mut carried = Carried::default();
    for (seconds, known) in [(10, false), (20, true), (300, true), (310, true)] {
        let step = step(seconds);
        let asked = policy.windows(&step, &carried);
        let seen = asked.into_iter().map(|asked| {
            Comparison::new(
                Observation {
                    requests: Some(100),
                    errors: Errors {
                        client: None,
                        server: Some(3),
                        balancer: (known && asked.from > at(STARTED)).then_some(0),
                    },
                    ..Observation::missing(green(), asked)
                },
                None,
            )
        });
        let judged = policy.judge(&step, &seen.collect::<Vec<_>>(), &carried);
        carried = judged.carried;
        let ticks = [10, 20, 300, 310].iter().filter(|tick| **tick <= seconds).count();
        let expected = format!("{} bad requests of", 3 * ticks);
        assert!(judged.verdict.to_string().contains(&expected), "{}", judged.verdict);
    }
}

#[test]
fn no_more_than_a_few_windows_are_asked_for_again_and_none_in_another_step() {
    let late: Vec<_> = (0..30).map(|tick| (tick * 10, 100_000)).collect();
    let mut world = World::new(&late);
    for tick in 1..=10 {
        world.judge(tick * 10);
    }
    let pending = |world: &World| world.carried.0[1]["pending"].as_array().map_or(0, Vec::len);
    // Ten ticks, the oldest of which became one.
    assert_eq!((pending(&world), world.state(1, "lost")), (8, 0));
    assert_eq!(world.carried.0[1]["pending"][0]["window"]["to"], at(STARTED + 30).to_string());
    world.started = STARTED + 200;
    world.judged_until = world.started;
    let judged = world.judge(201);
    assert_eq!((pending(&world), world.state(1, "lost")), (0, 8));
    assert!(!judged.verdict.is_pass());
    assert_eq!(window(STARTED + 200, STARTED + 200).from, judged.covered.from);
}

/// A source that knows nothing of a time in the middle answers with what comes after it.
#[test]
fn what_was_before_a_gap_in_an_answer_is_asked_for_by_itself() {
    let policy = budget();
    let mut carried = Carried::default();
    let mut asked_for = Vec::new();
    for seconds in [10, 60, 70] {
        let step = step(seconds);
        let asked = policy.windows(&step, &carried);
        asked_for.push(asked.len());
        let seen = asked.into_iter().map(|asked| {
            // Nothing is known from 30 to 40.
            let hole = window(STARTED + 30, STARTED + 40);
            let known = match (asked.from < hole.to && hole.from < asked.to, asked.to > hole.to) {
                (true, true) => Window { from: hole.to, ..asked },
                (true, false) => Window { to: hole.from, ..asked },
                (false, _) => asked,
            };
            let failed = known.length().as_secs() / 10;
            let candidate = Observation {
                requests: Some(100),
                errors: Errors { client: None, server: Some(failed), balancer: Some(0) },
                ..Observation::missing(green(), known)
            };
            Comparison::new(candidate, None)
        });
        carried = policy.judge(&step, &seen.collect::<Vec<_>>(), &carried).carried;
    }
    assert_eq!(asked_for, [1, 1, 2]);
    // One for each ten seconds but those of which nothing is known.
    assert_eq!((&carried.0["bad"], &carried.0["lost"]), (&6.into(), &1.into()));
    assert!(carried.0.get("pending").is_none());
}

#[test]
fn the_end_of_a_step_that_is_known_only_in_the_next_counts_there_once_and_for_nothing_else() {
    let mut world = World { lag: 20, ..World::new(&[]) };
    (1..=6).for_each(|tick| drop(world.judge(tick * 10)));
    assert_eq!((world.compared(), world.state(2, "bad")), (200, 20));
    world.enter(60);
    let (mut bad, mut served, mut evidence) = (Vec::new(), Vec::new(), Vec::new());
    for tick in 7..=10 {
        world.judge(tick * 10);
        bad.push(world.state(2, "bad"));
        served.push(world.state(2, "served"));
        evidence.push(world.carried.0[1]["errors"].clone());
    }
    // The last two ticks of the step before, and then those of this one.
    assert_eq!((bad, served), (vec![25, 30, 35, 40], vec![0, 0, 50, 100]));
    assert_ne!(evidence[0], evidence[1]);
    assert_eq!(world.compared(), 100);
    assert!(world.carried.0[1].get("earlier").is_none(), "{}", world.carried.0[1]);
    assert_eq!(world.state(1, "lost"), 0);
}

#[test]
fn the_end_of_a_step_that_is_never_known_is_asked_for_until_it_is_old() {
    // Of both ticks one is not known at the end of the step, and one of those only later.
    let mut world = World { lag: 20, ..World::new(&[(40, 100), (50, 100_000)]) };
    (1..=6).for_each(|tick| drop(world.judge(tick * 10)));
    world.enter(60);
    (7..=10).for_each(|tick| drop(world.judge(tick * 10)));
    assert!(world.carried.0[1].get("earlier").is_some(), "{}", world.carried.0[1]);
    // Failures that nobody could tell are none of the budget's.
    assert_eq!(world.state(2, "bad"), 30);
    (11..=19).for_each(|tick| drop(world.judge(tick * 10)));
    assert!(world.carried.0[1].get("earlier").is_none(), "{}", world.carried.0[1]);
    assert!(world.judge(200).verdict.is_fail());
}

#[test]
fn what_came_after_the_last_look_at_a_step_counts_nowhere_and_the_verdict_tells_of_the_rest() {
    let mut world = World { lag: 20, ..World::new(&[]) };
    (1..=6).for_each(|tick| drop(world.judge(tick * 10)));
    // The weights were changed at some time between the look at 60 and the beginning of the step.
    world.enter(70);
    let last = (8..=10).map(|tick| world.judge(tick * 10)).last().unwrap();
    // Six ticks of the step before and one of this.
    assert_eq!((world.state(2, "bad"), world.state(2, "served")), (35, 50));
    assert!(world.carried.0[1].get("earlier").is_none(), "{}", world.carried.0[1]);
    let evidence = last.verdict.evidence();
    let errors = evidence.iter().find(|one| one.metric == "error evidence").unwrap();
    let told = "; at the end of the step before 10 of 100 failed (10.00 %), beside it 2 of 1900 failed (0.11 %)";
    assert!(errors.detail.ends_with(told), "{}", errors.detail);
}
