//! What is refused before anything is touched, and what is never promoted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use petswipe_deploy::{Direction, Environment, Error, Outcome, Plan, RevisionId, Split, Target};
use petswipe_runbook::journal::MemoryJournal;
use petswipe_runbook::{
    Decision, Driver, EffectContext, Error as RunbookError, EventOf, Failure, OperationId,
    Performer, Runbook,
};
use serde::{Deserialize, Serialize};

use crate::support::odd::{Busy, BusyCompute, Odd, OddRouter};
use crate::support::*;

type World = fn(&Shop);

#[test]
fn a_state_that_allows_no_way_back_is_refused_with_its_reasons() {
    let worlds: [(World, &str); 5] = [
        (
            |shop| shop.cloud.meddle(split(33)),
            "both sides are live: the weights are shop-blue 67 %, shop-green 33 %, as where a rollout has not \
             ended, which its journal resumes; allowed: 100 % to either shop-blue or shop-green",
        ),
        (
            |shop| shop.cloud.meddle(Split::all_to(baseline())),
            "all traffic goes to shop-baseline; allowed: 100 % to either shop-blue or shop-green",
        ),
        (
            |shop| shop.cloud.meddle(split(100)),
            "the live side shop-green has a desired count of 0; allowed: at least 1; the live side \
             shop-green has 0 healthy tasks (0 unhealthy); allowed: at least 1",
        ),
        (
            |shop| shop.cloud.limit_tasks(&blue(), Some(0)),
            "the live side shop-blue has 0 healthy tasks (0 unhealthy); allowed: at least 1",
        ),
        (
            |shop| deploy_by_hand(shop, &blue()),
            "another deployment is in progress on shop-blue; wait until it is done",
        ),
    ];
    for plan in plans() {
        for (world, why) in worlds {
            let shop = Shop::new();
            world(&shop);
            let before = shop.cloud.configuration();
            let outcome = shop.run(plan.clone());
            assert_eq!(outcome.to_string(), format!("refused: {why}"));
            assert_eq!(shop.changes(), [""; 0]);
            assert_eq!(shop.cloud.configuration(), before);
        }
    }
}

fn deploy_by_hand(shop: &Shop, side: &Environment) {
    use petswipe_deploy::{Authority, Compute, Deployment};
    use petswipe_runbook::Fence;
    let operation = OperationId::new("by-hand").unwrap();
    let authority = Authority { operation, fence: Fence(1) };
    let work = async {
        let from = RevisionId::new("revision:1").unwrap();
        let revision = shop.cloud.register(&authority, &from, &image("shop:v2")).await?;
        shop.cloud.deploy(&authority, side, &Deployment::new(revision, 4)).await
    };
    shop.clock.run(work).unwrap().unwrap();
}

#[test]
fn what_does_not_exist_is_refused() {
    for plan in plans() {
        let shop = Shop::new();
        let unknown = Plan { target: Target::Image(image("shop:v404")), ..plan.clone() };
        assert_eq!(
            shop.run(unknown).to_string(),
            "refused: could not read the state of everything: image shop:v404 was not found"
        );
        assert_eq!(shop.changes(), [""; 0]);

        let shop = Shop::new();
        let live = Target::Revision(RevisionId::new("revision:1").unwrap());
        assert_eq!(
            shop.run(Plan { target: live, ..plan.clone() }).to_string(),
            "refused: revision:1 already serves all traffic from shop-blue"
        );

        let shop = Shop::new();
        let unknown = Target::Revision(RevisionId::new("revision:404").unwrap());
        let outcome = shop.run(Plan { target: unknown, ..plan });
        assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome}");
        shop.assert_untouched();
    }
}

#[test]
fn an_invalid_plan_never_reaches_the_journal() {
    let shop = Shop::new();
    let invalid = Plan { environments: [blue(), blue()], ..canary() };
    let halted = shop.try_start(invalid).unwrap_err();
    assert!(!halted.touched);
    assert_eq!(
        halted.error.to_string(),
        "environments is shop-blue twice; allowed: two different ones"
    );
    assert_eq!(shop.log.history(), None);
}

#[test]
fn without_traffic_nothing_is_promoted() {
    for plan in plans() {
        let shop = Shop::new();
        shop.cloud.set_traffic(0.0);
        let outcome = shop.run(plan);
        assert!(
            outcome.to_string().contains("no conclusive verdict 600s after its time"),
            "{outcome}"
        );
        shop.assert_untouched();
    }
}

#[test]
fn with_health_that_can_not_be_read_nothing_is_promoted_at_whatever_stage() {
    for plan in plans() {
        for name in ["stage 1", "bake", "scale-down delay"] {
            let on = Arc::new(AtomicBool::new(false));
            let broken = Arc::clone(&on);
            let shop = Shop::with(4, |performer| {
                let router = performer.router.clone();
                performer.router =
                    Arc::new(OddRouter { router, odd: Odd::HealthFails, on: broken });
            });
            shop.when(move |_, _, state| {
                let here = state.stages.last().is_some_and(|stage| stage.name == name);
                let forward = state.direction == Direction::Forward;
                on.store(here && forward, Ordering::Relaxed);
            });
            let outcome = shop.run(plan.clone());
            if plan.stages.is_empty() && name != "bake" {
                shop.assert_promoted(&outcome);
                continue;
            }
            assert!(outcome.to_string().contains("could not be read"), "{name}: {outcome}");
            shop.assert_untouched();
        }
    }
}

#[test]
fn a_rollout_that_has_ended_is_left_alone() {
    let shop = Shop::new();
    let outcome = shop.run(canary());
    let before = shop.cloud.configuration();
    let again = shop.try_resume().unwrap();
    assert!(again.already);
    assert_eq!(again.outcome, outcome);
    let halted = shop.try_start(canary()).unwrap_err();
    assert!(matches!(halted.error, RunbookError::AlreadyExists { .. }), "{halted}");
    assert_eq!(shop.cloud.configuration(), before);
}

/// An operation of another kind.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Migration;

impl Runbook for Migration {
    type State = ();
    type Effect = ();
    type Output = ();
    type Outcome = String;
    const KIND: &'static str = "database migration";
    const VERSION: u32 = 1;

    fn validate(&self) -> Result<(), RunbookError> {
        Ok(())
    }

    fn begin(&self, _at: Timestamp) {}

    fn decide(&self, _state: &(), _now: Timestamp) -> Decision<(), String> {
        Decision::Finish("migrated".to_owned())
    }

    fn evolve(&self, _state: &mut (), _event: &EventOf<Self>, _at: Timestamp) {}
}

struct Nothing;

#[async_trait::async_trait]
impl Performer<Migration> for Nothing {
    async fn perform(&self, _: &EffectContext, _: &()) -> Result<(), Failure> {
        Ok(())
    }
}

#[tokio::test]
async fn a_journal_of_another_kind_is_refused() {
    let journal = Arc::new(MemoryJournal::new());
    let driver = Driver::new(journal.clone(), Arc::new(Nothing));
    driver.start(OperationId::new("migration-7").unwrap(), Migration).await.unwrap();
    let shop = Shop::new();
    let driver: Driver<Plan> = Driver::new(journal, Arc::new(shop.performer.clone()));
    let halted = driver.resume().await.unwrap_err();
    assert_eq!(halted.operation, None);
    assert_eq!(
        halted.error.to_string(),
        "journal memory holds operation migration-7 of kind database migration, not an operation of \
         kind petswipe rollout; resume it with the tool for database migration, or name another \
         journal"
    );
}

#[test]
fn errors_say_whether_trying_again_can_help() {
    let waited = seconds(5);
    let action = || "asking".to_owned();
    for (error, helps) in [
        (Error::TimedOut { action: action(), waited }, true),
        (Error::Throttled { action: action(), retry_after: None }, true),
        (Error::backend("asking", "reset"), true),
        (Error::Denied { action: action() }, false),
        (Error::NotFound { what: action() }, false),
        (Error::invalid("stage 1", "", "a stage"), false),
    ] {
        assert_eq!(error.is_retryable(), helps, "{error}");
    }
}

#[test]
fn a_first_look_at_what_was_true_earlier_is_no_look() {
    for mended in [true, false] {
        let on = Arc::new(AtomicBool::new(true));
        let old = Arc::clone(&on);
        let shop = Shop::with(4, |performer| {
            let router = performer.router.clone();
            performer.router = Arc::new(OddRouter { router, odd: Odd::RouteIsOld, on: old });
        });
        // The first record is the intent of the first look.
        shop.when(move |_, recorded, _| on.store(!mended || recorded.seq <= 2, Ordering::Relaxed));
        let outcome = shop.run(canary());
        if mended {
            shop.assert_promoted(&outcome);
        } else {
            let why = "refused: the first look answered what was true earlier (5 attempts)";
            assert_eq!(outcome.to_string(), why);
            assert_eq!(shop.changes(), [""; 0]);
        }
    }
}

#[test]
fn a_conflict_about_anything_but_the_weights_goes_back() {
    for plan in plans() {
        let shop = Shop::with(4, |performer| {
            let (compute, on) = (performer.compute.clone(), Arc::new(AtomicBool::new(true)));
            performer.compute = Arc::new(BusyCompute { compute, busy: Busy::Deploys, on });
        });
        // The way back is such a command as well, so it needs a person then.
        let halted = shop.try_start(plan).unwrap_err();
        let RunbookError::Suspended { why } = &halted.error else { panic!("{halted}") };
        assert!(why.starts_with("going back (could not deploy revision:2 to shop-"), "{why}");
        assert_eq!(shop.cloud.split(), split(0));
    }
}
