//! Plans that are carried out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use petswipe_cost::inventory::VolumeState;
use petswipe_cost::memory::MemoryAccount;
use petswipe_cost::removal::{
    Outcome, Rechecker, RemovalPerformer, RemovalPlan, Remover, State, StepState,
};
use petswipe_cost::{Action, Error, Region, analyzer};
use petswipe_runbook::journal::MemoryJournal;
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{Completed, Driver, Journaled, OperationId, Performer};

use crate::world::{World, now};

pub(crate) async fn drive(
    plan: &RemovalPlan,
    performer: RemovalPerformer,
    clock: Arc<SimClock>,
) -> (Outcome, State) {
    let performer: Arc<dyn Performer<RemovalPlan>> = Arc::new(performer);
    let log = Arc::new(Journaled(Arc::new(MemoryJournal::new())));
    let driver = Driver::with_clock(log, performer, clock);
    let done: Completed<RemovalPlan> =
        driver.start(OperationId::new("removal-1").unwrap(), plan.clone()).await.unwrap();
    (done.outcome, done.state)
}

pub(crate) async fn carried_out(world: &World, plan: &RemovalPlan) -> (Outcome, State) {
    let clock = Arc::new(SimClock::new(now()));
    drive(plan, world.performer(plan, clock.clone()), clock).await
}

#[tokio::test]
async fn a_plan_is_carried_out_and_its_findings_are_gone() {
    let world = World::new(400);
    let plan = world.plan(&[], 1000).await;
    let before = world.account.inventory();
    let (outcome, state) = carried_out(&world, &plan).await;
    assert_eq!(outcome, Outcome { done: plan.steps.len(), skipped: 0, failed: 0, unknown: 0 });
    let after = world.report().await;
    for step in &plan.steps {
        assert!(
            after.findings.iter().all(|finding| finding.id != step.finding),
            "{} is still there",
            step.finding
        );
    }
    let now = world.account.inventory();
    for (step, left) in plan.steps.iter().zip(&state.steps) {
        let Action::DeleteVolume { volume } = &step.action else { continue };
        let snapshot = now.snapshots.iter().find(|one| Some(one.id.as_str()) == left.snapshot());
        assert_eq!(snapshot.unwrap().volume_id, *volume, "a volume went without a snapshot");
    }
    // What is in nobody's plan is as it was.
    let deleted =
        plan.steps.iter().filter(|step| matches!(step.action, Action::DeleteVolume { .. })).count();
    assert_eq!(now.volumes.len(), before.volumes.len() - deleted);
    assert_eq!(now.instances.len(), before.instances.len());
}

#[tokio::test]
async fn what_is_used_by_now_is_left() {
    let world = World::new(400);
    let plan = world.plan(&["ebs-unused:*"], 3).await;
    let Action::DeleteVolume { volume } = plan.steps[1].action.clone() else { panic!("{plan:?}") };
    world.account.change(|inventory| {
        let used = inventory.volumes.iter_mut().find(|one| one.id == volume).unwrap();
        used.state = VolumeState::InUse;
    });
    let (outcome, state) = carried_out(&world, &plan).await;
    assert_eq!(outcome, Outcome { done: 2, skipped: 1, failed: 0, unknown: 0 });
    assert_eq!(
        state.steps[1],
        StepState::Skipped { why: "it is attached".to_owned(), snapshot: None }
    );
    assert!(world.account.inventory().volumes.iter().any(|one| one.id == volume));
}

#[tokio::test]
async fn what_is_excluded_by_now_is_left() {
    let world = World::new(400);
    let plan = world.plan(&["eip-unattached:*"], 1).await;
    world.account.change(|inventory| {
        for address in &mut inventory.addresses {
            address.tags.insert(petswipe_cost::demo::KEEP.to_owned(), "yes".to_owned());
        }
    });
    let (outcome, state) = carried_out(&world, &plan).await;
    assert_eq!(outcome.skipped, 1);
    let why = "it is excluded now, or saves nothing any more".to_owned();
    assert_eq!(state.steps[0], StepState::Skipped { why, snapshot: None });
}

/// Somebody attaches the volume while its snapshot is made.
struct Late(Arc<MemoryAccount>, AtomicBool);

#[async_trait]
impl Remover for Late {
    async fn snapshot(&self, region: &Region, volume: &str, token: &str) -> Result<String, Error> {
        let id = self.0.snapshot(region, volume, token).await;
        self.0.change(|inventory| {
            inventory.volumes.iter_mut().for_each(|one| one.state = VolumeState::InUse);
        });
        id
    }

    async fn act(&self, region: &Region, action: &Action) -> Result<(), Error> {
        self.1.store(true, Ordering::Relaxed);
        self.0.act(region, action).await
    }
}

#[tokio::test]
async fn a_finding_is_checked_again_after_its_snapshot_and_the_snapshot_is_named() {
    let world = World::new(400);
    let plan = world.plan(&["ebs-unused:*"], 1).await;
    let late = Arc::new(Late(world.account.clone(), AtomicBool::new(false)));
    let clock = Arc::new(SimClock::new(now()));
    let recheck = Rechecker::new(
        world.account.clone(),
        world.account.clone(),
        world.prices.clone(),
        analyzer::all(),
    );
    let performer = RemovalPerformer::new(plan.clone(), recheck, late.clone(), clock.clone());
    let (outcome, state) = drive(&plan, performer, clock).await;
    assert_eq!(outcome, Outcome { done: 0, skipped: 1, failed: 0, unknown: 0 });
    assert!(!late.1.load(Ordering::Relaxed), "it was acted upon");
    assert_eq!(state.steps[0].snapshot(), Some("snap-00000000000000001"));
}

#[tokio::test]
async fn a_step_that_is_denied_fails_and_the_others_go_on() {
    let world = World::new(400);
    let plan = world.plan(&["ebs-unused:*", "eip-unattached:*"], 100).await;
    let all = plan.steps.len();
    world.account.deny("ec2:ReleaseAddress");
    let (outcome, state) = carried_out(&world, &plan).await;
    let addresses = plan
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::ReleaseAddress { .. }))
        .count();
    assert!(addresses > 0 && addresses < all);
    assert_eq!(
        outcome,
        Outcome { done: all - addresses, skipped: 0, failed: addresses, unknown: 0 }
    );
    let why: Vec<_> = state
        .steps
        .iter()
        .filter_map(|step| match step {
            StepState::Failed { why, .. } => Some(why.as_str()),
            _ => None,
        })
        .collect();
    assert!(why.iter().all(|why| why.starts_with("ec2:ReleaseAddress was denied")), "{why:?}");
}

#[tokio::test]
async fn a_plan_for_another_account_changes_nothing() {
    let world = World::new(400);
    let mut plan = world.plan(&["eip-unattached:*"], 2).await;
    plan.account = Some("999999999999".to_owned());
    let before = world.account.inventory();
    let (outcome, _) = carried_out(&world, &plan).await;
    assert_eq!(outcome.done, 0);
    assert_eq!(world.account.inventory(), before);
}
