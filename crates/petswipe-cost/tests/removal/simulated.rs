//! Removals in thousands of worlds in which everything goes wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use petswipe_cost::memory::MemoryAccount;
use petswipe_cost::removal::{Answer, Effect, Outcome, RemovalPerformer, RemovalPlan};
use petswipe_runbook::sim::{FaultPlan, SeedTest, check_seeds, simulate};
use petswipe_runbook::{EffectContext, Failure, Performer};

use crate::world::World;

struct Simulated {
    account: Arc<MemoryAccount>,
    performer: RemovalPerformer,
    /// The volumes there were.
    before: Vec<String>,
}

impl Simulated {
    /// The snapshots made of each volume, by the ids of the volumes.
    fn snapshots(&self) -> BTreeMap<String, usize> {
        let mut made = BTreeMap::new();
        for snapshot in self
            .account
            .inventory()
            .snapshots
            .iter()
            .filter(|one| one.description.starts_with("sim"))
        {
            *made.entry(snapshot.volume_id.clone()).or_default() += 1;
        }
        made
    }
}

#[async_trait]
impl Performer<RemovalPlan> for Simulated {
    async fn perform(&self, context: &EffectContext, effect: &Effect) -> Result<Answer, Failure> {
        self.performer.perform(context, effect).await
    }
}

impl petswipe_runbook::sim::World<RemovalPlan> for Simulated {
    fn check(&self) -> Result<(), String> {
        let (now, snapshots) = (self.account.inventory(), self.snapshots());
        for gone in self.before.iter().filter(|id| !now.volumes.iter().any(|one| one.id == **id)) {
            if !snapshots.contains_key(gone) {
                return Err(format!("{gone} is gone without a snapshot"));
            }
        }
        match snapshots.into_iter().find(|(_, made)| *made > 1) {
            Some((volume, made)) => Err(format!("{made} snapshots were made of {volume}")),
            None => Ok(()),
        }
    }

    fn check_end(&self, plan: &RemovalPlan, outcome: &Outcome) -> Result<(), String> {
        let Outcome { done, skipped, failed, unknown } = outcome;
        let all = done + skipped + failed + unknown;
        if all == plan.steps.len() {
            Ok(())
        } else {
            Err(format!("{all} steps of {}", plan.steps.len()))
        }
    }
}

#[test]
fn no_volume_goes_without_one_snapshot_whatever_happens() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let plan = runtime.block_on(World::new(100).plan(&["ebs-unused:*", "eip-unattached:*"], 4));
    assert!(
        plan.steps.len() >= 3 && plan.steps.iter().any(|step| step.action.snapshot_of().is_some()),
        "{plan:?}"
    );
    let seeds = std::env::var("PETSWIPE_SEEDS").ok().and_then(|seeds| seeds.parse::<u64>().ok());
    let seeds = seeds.unwrap_or(400).min(2000);
    let test = SeedTest::integration(
        "petswipe-cost",
        "removal",
        "no_volume_goes_without_one_snapshot_whatever_happens",
    );
    let run = |seed| {
        simulate(seed, &plan, &FaultPlan::from_seed(seed), |clock| {
            let world = World::new(100);
            let before =
                world.account.inventory().volumes.iter().map(|one| one.id.clone()).collect();
            let performer = world.performer(&plan, clock);
            Arc::new(Simulated { account: world.account, performer, before })
        })
    };
    let mut done = 0;
    let ran = check_seeds(test, 0..seeds, |seed| {
        let trace = run(seed)?;
        done += trace.outcome.done;
        Ok(())
    });
    assert_eq!(ran.unwrap_or_else(|error| panic!("{error}")), seeds);
    assert!(done > 0, "nothing was ever carried out");
    let first = run(7).unwrap_or_else(|violation| panic!("{violation}"));
    let again = run(7).unwrap_or_else(|violation| panic!("{violation}"));
    assert_eq!(first.records, again.records, "the same seed gave another trace");
}
