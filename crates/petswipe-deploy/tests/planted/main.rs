//! Bugs planted in the core, each of which the promises in the simulator must find.
//!
//! | bug | the promise it breaks |
//! |---|---|
//! | `SkipsTheGuard` | 4, a way back exists before a step forward is made |
//! | `ShiftsBeforeThereAreTasks` | 1, no weight without enough healthy capacity |
//! | `ScalesDownBeforeTheBake` | 3, the old side keeps its capacity until the bake has passed |
//! | `SkipsAStageOnResume` | 10, a resumed rollout skips no step |
//! | `RepeatsAStageOnResume` | 10, a resumed rollout repeats no step |
//! | `CountsTheTimeWithoutADriver` | 10, it never moves forward because of the restart |
//! | `EndsStagesEarlyOnAnyPass` | 10, a stage is over before its time only where it has shown enough |
//! | `IgnoresAFail` | 6, only evidence promotes |
//! | `PromotesWhenInconclusive` | 6, no data never promotes |
//! | `GoesBackInSmallSteps` | 4, the first action of a rollback takes all traffic off with one router call |
//! | `GoesBackTasksFirst` | 4, the same |
//! | `LeavesTheNewSideRunning` | 5, counts are what they were before |
//! | `ForgetsAutoScaling` | 5, scaling suspension is what it was before |
//! | `OverwritesForeignWeights` | 2, drift stops the rollout |
//! | `TrustsStaleAnswers` | 7 and 2, nothing is decided on what was true earlier |
//! | `WaitsForTasksForEver` | 9, every wait has a deadline |
//! | `WaitsForAVerdictForEver` | 9, and 6: it goes back after a deadline |
//! | `TakesANoForAYes` | a person is asked and obeyed |
//! | `IgnoresAborts` | an abort brings the system to safety |
//! | `RegistersTheOldImage` | what was promoted is what was asked for |
//! | `ReadsNothingBack` | 2, the split is read back after every change; without it the core gets stuck: 9 |

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use petswipe_deploy::sim::{RolloutWorld, Scenario, rollout};
use petswipe_deploy::{Effect, Outcome, Output, Plan, State, Strategy};
use petswipe_runbook::sim::{FaultPlan, Trace, Violation, World, simulate_with};
use petswipe_runbook::{
    Answer, Approver, EffectContext, EventOf, Failure, Performer, Question, Recorded,
};

mod core;
use core::{Bug, Planted, PlantedState};

/// More worlds than this are not tried.
const SEEDS: u64 = 3_000;

/// The world of a rollout, for a core with a bug in it.
struct PlantedWorld(RolloutWorld);

#[async_trait]
impl Performer<Planted> for PlantedWorld {
    async fn perform(&self, context: &EffectContext, effect: &Effect) -> Result<Output, Failure> {
        self.0.perform(context, effect).await
    }
}

impl World<Planted> for PlantedWorld {
    fn check(&self) -> Result<(), String> {
        self.0.check()
    }

    fn check_record(
        &self,
        planted: &Planted,
        recorded: &Recorded<EventOf<Planted>>,
        state: &PlantedState,
    ) -> Result<(), String> {
        let state: &State = &state.inner;
        self.0.check_record(&planted.plan, recorded, state)
    }

    fn check_end(&self, planted: &Planted, outcome: &Outcome) -> Result<(), String> {
        self.0.check_end(&planted.plan, outcome)
    }

    fn stale(&self, effect: &Effect) -> Option<Output> {
        self.0.stale(effect)
    }
}

struct Approves(bool);

#[async_trait]
impl Approver for Approves {
    async fn ask(&self, _question: &Question) -> Answer {
        if self.0 { Answer::yes("simulation") } else { Answer::no("simulation", "not today") }
    }
}

const ROLLING: Strategy = Strategy::Rolling { minimum_healthy_percent: 100, maximum_percent: 200 };

/// The plan of a world. Where a bug makes it wait for ever, it looks seldom, so that ever comes sooner.
fn plan(bug: Bug, scenario: &Scenario, strategy: Strategy) -> Plan {
    let mut plan = scenario.plan(strategy);
    if bug.waits() {
        plan.capacity.poll = Duration::from_secs(300);
        plan.check_interval = Duration::from_secs(300);
    }
    plan
}

type Run = Result<Trace<Planted>, Box<Violation>>;

fn run(seed: u64, strategy: Strategy, bug: Bug) -> Run {
    let (scenario, faults) = (Scenario::from_seed(seed), FaultPlan::from_seed(seed));
    let planted = Planted { plan: plan(bug, &scenario, strategy), bug };
    let approver = Arc::new(Approves(scenario.approves));
    simulate_with(seed, &planted, &faults, approver, |clock| {
        Arc::new(PlantedWorld(RolloutWorld::new(clock, scenario, &planted.plan)))
    })
}

const STRATEGIES: [Strategy; 3] = [Strategy::Canary, Strategy::BlueGreen, ROLLING];

/// The first violation in which one of the words stands, and how many others came before it.
fn caught(bug: Bug, words: &str) -> (Option<Box<Violation>>, u32) {
    let mut others = 0;
    for seed in 0..SEEDS {
        for strategy in STRATEGIES {
            let Err(violation) = run(seed, strategy, bug) else { continue };
            if words.split(" or ").any(|words| violation.promise.contains(words)) {
                return (Some(violation), others);
            }
            others += 1;
        }
    }
    (None, others)
}

#[test]
fn without_a_bug_the_wrapper_changes_nothing() {
    for seed in 0..20 {
        let (scenario, faults) = (Scenario::from_seed(seed), FaultPlan::from_seed(seed));
        for strategy in STRATEGIES {
            let wrapped = run(seed, strategy, Bug::None).unwrap();
            let plain = rollout(seed, strategy, &scenario, &faults).unwrap();
            assert_eq!(wrapped.performed, plain.performed);
            assert_eq!(wrapped.outcome, plain.outcome);
        }
    }
}

macro_rules! planted {
    ($($test:ident: $bug:ident breaks $words:literal),* $(,)?) => {$(
        #[test]
        fn $test() {
            let bug = Bug::$bug;
            let (found, others) = caught(bug, $words);
            let Some(violation) = found else {
                panic!("{bug:?} slips through {SEEDS} worlds of each strategy ({others} other violations)");
            };
            println!("{bug:?}: seed {} after {others} others: {}", violation.seed, violation.promise);
        }
    )*};
}

planted! {
    a_skipped_guard_is_found: SkipsTheGuard breaks "promise 4 is or promise 1 is",
    traffic_before_tasks_is_found: ShiftsBeforeThereAreTasks breaks "promise 1 is",
    an_early_scale_down_is_found: ScalesDownBeforeTheBake breaks "promise 3",
    a_skipped_stage_is_found: SkipsAStageOnResume breaks "promise 10",
    a_repeated_stage_is_found: RepeatsAStageOnResume breaks "promise 10",
    time_without_a_driver_that_counts_is_found: CountsTheTimeWithoutADriver breaks "promise 10",
    a_stage_that_ends_early_on_any_pass_is_found: EndsStagesEarlyOnAnyPass breaks "promise 10",
    an_ignored_fail_is_found: IgnoresAFail breaks "promise 6",
    an_inconclusive_promotion_is_found: PromotesWhenInconclusive breaks "promise 6",
    a_way_back_in_small_steps_is_found: GoesBackInSmallSteps breaks "promise 4",
    a_way_back_that_begins_with_tasks_is_found: GoesBackTasksFirst breaks "promise 4",
    a_new_side_left_running_is_found: LeavesTheNewSideRunning breaks "not at its end",
    forgotten_auto_scaling_is_found: ForgetsAutoScaling breaks "auto scaling",
    overwritten_foreign_weights_are_found: OverwritesForeignWeights breaks "promise 2",
    trust_in_stale_answers_is_found: TrustsStaleAnswers breaks "promise or stopped though",
    an_endless_wait_for_tasks_is_found: WaitsForTasksForEver breaks "not come to an end",
    an_endless_wait_for_a_verdict_is_found: WaitsForAVerdictForEver breaks "not come to an end",
    a_no_taken_for_a_yes_is_found: TakesANoForAYes breaks "did not say yes",
    an_ignored_abort_is_found: IgnoresAborts breaks "asked for the end",
    the_old_image_is_found: RegistersTheOldImage breaks "is not shop:v2",
    weights_that_are_not_read_back_are_found: ReadsNothingBack breaks "halted",
}
