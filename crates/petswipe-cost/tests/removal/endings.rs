//! Removals that end before their end, and those of which nobody knows how they ended.

use std::sync::Arc;

use async_trait::async_trait;
use petswipe_cost::memory::MemoryAccount;
use petswipe_cost::removal::{
    Outcome, Rechecker, RemovalPerformer, RemovalPlan, Remover, StepState,
};
use petswipe_cost::{Action, Error, Region, analyzer};
use petswipe_runbook::journal::MemoryJournal;
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{
    AbortHandle, Driver, Error as RunbookError, Journaled, OperationId, Performer,
};

use crate::world::{World, now};

/// What a remover does instead of what it should.
#[derive(Clone)]
enum Fault {
    /// It never answers about actions, and carries none out.
    MuteAct,
    /// It never answers about snapshots, and makes each nevertheless.
    MuteSnapshot,
    /// It wants the end after its first action.
    Abort(AbortHandle),
}

struct Faulty(Arc<MemoryAccount>, Fault);

fn mute(operation: &str) -> Error {
    Error::backend(operation, "no answer came")
}

#[async_trait]
impl Remover for Faulty {
    async fn snapshot(&self, region: &Region, volume: &str, token: &str) -> Result<String, Error> {
        let made = self.0.snapshot(region, volume, token).await;
        match self.1 {
            Fault::MuteSnapshot => Err(mute("ec2:CreateSnapshot")),
            _ => made,
        }
    }

    async fn act(&self, region: &Region, action: &Action) -> Result<(), Error> {
        match &self.1 {
            Fault::MuteAct => return Err(mute("acting")),
            Fault::Abort(handle) => handle.abort("a test", "it wants the end"),
            Fault::MuteSnapshot => {}
        }
        self.0.act(region, action).await
    }
}

fn performer(
    world: &World,
    plan: &RemovalPlan,
    fault: Fault,
    clock: &Arc<SimClock>,
) -> Arc<dyn Performer<RemovalPlan>> {
    let account = world.account.clone();
    let recheck =
        Rechecker::new(account.clone(), account.clone(), world.prices.clone(), analyzer::all());
    let remover = Arc::new(Faulty(account, fault));
    Arc::new(RemovalPerformer::new(plan.clone(), recheck, remover, clock.clone()))
}

fn operation() -> OperationId {
    OperationId::new("removal-1").unwrap()
}

async fn ended(world: &World, plan: &RemovalPlan, fault: Fault) -> (Outcome, Vec<StepState>) {
    let clock = Arc::new(SimClock::new(now()));
    let performer = performer(world, plan, fault, &clock);
    let log = Arc::new(Journaled(Arc::new(MemoryJournal::new())));
    let driver = Driver::with_clock(log, performer, clock.clone());
    let done = clock.run(driver.start(operation(), plan.clone())).unwrap().unwrap();
    (done.outcome, done.state.steps)
}

#[tokio::test]
async fn an_action_without_an_answer_is_of_unknown_outcome() {
    let world = World::new(400);
    let plan = world.plan(&["eip-unattached:*"], 2).await;
    let (outcome, steps) = ended(&world, &plan, Fault::MuteAct).await;
    assert_eq!(outcome, Outcome { done: 0, skipped: 0, failed: 0, unknown: 2 });
    let StepState::Unknown { why, of_snapshot: false, snapshot: None } = &steps[0] else {
        panic!("{steps:?}")
    };
    assert_eq!(why, "acting failed: no answer came");
    let Action::ReleaseAddress { allocation } = &plan.steps[0].action else { panic!("{plan:?}") };
    let region = &plan.steps[0].region;
    let look =
        format!("aws ec2 describe-addresses --region {region} --allocation-ids {allocation}");
    assert_eq!(plan.steps[0].look(), look);
}

#[tokio::test]
async fn a_snapshot_without_an_answer_is_of_unknown_outcome_and_its_volume_stays() {
    let world = World::new(400);
    let plan = world.plan(&["ebs-unused:*"], 1).await;
    let volumes = world.account.inventory().volumes.len();
    let (outcome, steps) = ended(&world, &plan, Fault::MuteSnapshot).await;
    assert_eq!(outcome, Outcome { done: 0, skipped: 0, failed: 0, unknown: 1 });
    assert!(matches!(steps[0], StepState::Unknown { of_snapshot: true, .. }), "{steps:?}");
    assert!(plan.steps[0].look_for_snapshot().unwrap().contains("ec2 describe-snapshots"));
    let left = world.account.inventory();
    assert_eq!(left.volumes.len(), volumes);
    let token = format!("removal-1/{}", plan.steps[0].action.snapshot_of().unwrap());
    assert_eq!(left.snapshots.iter().filter(|one| one.description == token).count(), 1);
}

#[tokio::test]
async fn who_wants_the_end_gets_it_after_the_step_and_can_go_on() {
    let world = World::new(800);
    let plan = world.plan(&["log-retention:*"], 3).await;
    assert_eq!(plan.steps.len(), 3);
    let left = async || {
        let found = world.report().await.findings;
        plan.steps.iter().filter(|step| found.iter().any(|one| one.id == step.finding)).count()
    };
    let clock = Arc::new(SimClock::new(now()));
    let journal = Arc::new(MemoryJournal::new());
    let abort = AbortHandle::new();
    let first = performer(&world, &plan, Fault::Abort(abort.clone()), &clock);
    let log = Arc::new(Journaled(journal.clone()));
    let driver = Driver::with_clock(log, first, clock.clone()).abort(abort);
    let halted = driver.start(operation(), plan.clone()).await.unwrap_err();
    assert!(halted.touched);
    let RunbookError::Suspended { why } = &halted.error else { panic!("{halted:?}") };
    let expected = "somebody wanted it to end: nothing is under way, and 2 of 3 steps are not done";
    assert_eq!(why, expected);
    assert_eq!(left().await, 2, "another number of steps than one was done");

    let log = Arc::new(Journaled(journal));
    let again = world.performer(&plan, clock.clone());
    let done =
        Driver::<RemovalPlan>::with_clock(log, Arc::new(again), clock).resume().await.unwrap();
    assert_eq!(done.outcome, Outcome { done: 3, skipped: 0, failed: 0, unknown: 0 });
    assert_eq!(left().await, 0);
}
