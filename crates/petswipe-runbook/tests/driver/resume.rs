//! Starting, suspending and resuming: which journal is accepted, and where a new driver goes on.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use petswipe_runbook::journal::Journal;
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{
    Decision, Driver, EffectContext, Error, EventOf, Failure, FailureKind, Fence, Performer,
    Runbook,
};
use serde::{Deserialize, Serialize};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_suspended_operation_goes_on_when_it_is_resumed() {
    let house = House::new();
    let plan = script([perform([change("a", 1)]), Act::Suspend, perform([change("b", 1)])]);
    let halted = house.driver().start(operation("a"), plan).await.unwrap_err();
    assert!(matches!(halted.error, Error::Suspended { .. }));
    assert_eq!(halted.error.to_string(), "somebody has to look");
    assert_eq!(halted.to_string(), "operation a stopped half-way");
    assert_eq!(halted.left.unwrap().1.results, ["a: ok"]);
    assert!(halted.touched);
    let done = house.driver().resume().await.unwrap();
    assert_eq!(done.state.results, ["a: ok", "b: ok"]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_performed_again_under_a_new_number() {
    let house = House::new();
    let plan = script([perform([change("a", 10)])]);
    let driver = house.driver();
    tokio::select! {
        _ = driver.start(operation("a"), plan) => panic!("too early"),
        () = house.after(5) => {}
    }
    assert_eq!(house.driver().resume().await.unwrap().outcome, "done");
    assert_eq!(
        house.events().await,
        [
            "0 intended #0 a",
            "5 resumed with 2",
            "5 intended #1 a",
            "15 succeeded #1",
            "15 finished done",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_finished_operation_gives_its_outcome_again_and_does_nothing() {
    let house = House::new();
    let plan = script([perform([change("a", 1)])]);
    let first = house.driver().start(operation("a"), plan.clone()).await.unwrap();
    let again = house.driver().resume().await.unwrap();
    assert_eq!((first.already, again.already), (false, true));
    assert_eq!((again.outcome, again.plan), (first.outcome, plan));
    assert_eq!(again.state.results, first.state.results);
    assert_eq!(house.stage.notes().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_bad_plan_is_refused_before_anything_is_written() {
    let house = House::new();
    let halted = house.driver().start(operation("a"), script([])).await.unwrap_err();
    assert!(matches!(halted.error, Error::InvalidPlan { .. }));
    assert_eq!(halted.to_string(), "the operation did not start");
    assert!(house.journal.read().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_holds_an_operation_is_not_started_again() {
    let house = House::new();
    let plan = script([Act::Pause(1)]);
    house.driver().start(operation("first"), plan.clone()).await.unwrap();
    let before = house.events().await;
    let (error, touched) = error_of(house.driver().start(operation("second"), plan).await);
    assert_eq!(
        error.to_string(),
        "journal test already holds operation first; resume it or name another journal"
    );
    assert!(!touched);
    assert_eq!(house.events().await, before);
}

#[tokio::test(start_paused = true)]
async fn of_two_starts_at_the_same_time_one_is_told_that_the_journal_is_taken() {
    let house = House::new();
    let plan = script([Act::Pause(1)]);
    house.driver().start(operation("first"), plan.clone()).await.unwrap();
    // As if it had looked just before the other one wrote.
    *house.journal.reads_blind.lock().unwrap() = Some(());
    let (error, _) = error_of(house.driver().start(operation("second"), plan).await);
    assert!(
        matches!(&error, Error::AlreadyExists { operation, .. } if operation.as_str() == "first")
    );
}

#[tokio::test(start_paused = true)]
async fn an_empty_journal_is_not_resumed() {
    let house = House::new();
    let (error, touched) = error_of(house.driver().resume().await);
    assert_eq!(error.to_string(), "an operation in journal test was not found");
    assert!(!touched);
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_can_not_be_read_may_have_been_touched() {
    let house = House::new();
    *house.journal.reads_fail.lock().unwrap() = true;
    let halted = house.driver().resume().await.unwrap_err();
    assert!(matches!(halted.error, Error::Backend { .. }));
    assert!(halted.touched, "nobody knows");
    assert_eq!(halted.to_string(), "the operation could not be resumed");
}

#[tokio::test(start_paused = true)]
async fn a_resumed_driver_replaces_the_one_before_it() {
    let house = House::new();
    let (first, second) = (house.driver(), house.driver());
    let plan = script([perform([change("a", 10)]), perform([change("b", 10)])]);
    let later = async {
        house.after(5).await;
        second.resume().await
    };
    let (replaced, done) = tokio::join!(first.start(operation("a"), plan), later);
    let (error, touched) = error_of(replaced);
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    assert!(touched);
    assert_eq!(done.unwrap().outcome, "done");
    let begun = house.stage.notes().iter().filter(|note| note.ends_with("begin b")).count();
    assert_eq!(begun, 1, "the first driver began nothing any more");
}

#[tokio::test(start_paused = true)]
async fn a_fenced_effect_stops_the_driver_and_is_not_recorded() {
    let house = House::new();
    let plan = script([perform([failing("a", FailureKind::Fenced)])]);
    let (error, touched) = error_of(house.driver().start(operation("a"), plan).await);
    assert!(matches!(error, Error::LeaseLost { fence: Fence(1), .. }), "{error}");
    assert!(touched);
    assert_eq!(house.events().await, ["0 intended #0 a"]);
}

#[test]
fn time_goes_on_from_the_journal_when_the_clock_is_behind() {
    let late = Arc::new(SimClock::new("2026-11-23T03:10:00Z".parse().unwrap()));
    let house = House::on(late.clone());
    let driver = house.driver();
    *house.journal.fails_from.lock().unwrap() = Some(2);
    let plan = script([perform([silent("a", 30)]), Act::Pause(100)]);
    late.run(driver.start(operation("a"), plan)).unwrap().unwrap_err();
    *house.journal.fails_from.lock().unwrap() = None;

    // Another machine, an hour behind.
    let early = Arc::new(SimClock::new("2026-11-23T02:10:00Z".parse().unwrap()));
    let stage = Stage::new(early.clone());
    let other = House { clock: early.clone(), stage, journal: Arc::clone(&house.journal) };
    early.run(other.driver().resume()).unwrap().unwrap();
    // In its own time: a timeout of 30 s and a pause of 100 s, as planned.
    assert_eq!(other.stage.seconds(), 130);
    let records = early.run(other.records()).unwrap();
    assert!(records.is_sorted_by_key(|recorded| recorded.at), "time never runs back");
    let took = records.last().unwrap().at.duration_since(records[0].at);
    assert_eq!(took.as_secs(), 130);
}

#[test]
fn a_clock_that_is_ahead_of_the_journal_is_believed() {
    let clock = Arc::new(SimClock::new(jiff::Timestamp::UNIX_EPOCH));
    let house = House::on(clock.clone());
    *house.journal.fails_from.lock().unwrap() = Some(1);
    let plan = script([perform([change("a", 1)])]);
    clock.run(house.driver().start(operation("a"), plan)).unwrap().unwrap_err();
    *house.journal.fails_from.lock().unwrap() = None;
    clock.advance(Duration::from_secs(500));
    clock.run(house.driver().resume()).unwrap().unwrap();
    assert_eq!(clock.run(house.events()).unwrap()[0], "500 resumed with 2");
}

/// A runbook that does nothing, of some kind and version.
macro_rules! idle {
    ($name:ident, $kind:literal, $version:literal) => {
        #[derive(Clone, Debug, Serialize, Deserialize)]
        struct $name(Vec<()>);

        impl Runbook for $name {
            type State = ();
            type Effect = ();
            type Output = ();
            type Outcome = ();
            const KIND: &'static str = $kind;
            const VERSION: u32 = $version;

            fn validate(&self) -> Result<(), Error> {
                Ok(())
            }

            fn begin(&self, _: Timestamp) {}

            fn decide(&self, _: &(), _: Timestamp) -> Decision<(), ()> {
                Decision::Finish(())
            }

            fn evolve(&self, _: &mut (), _: &EventOf<Self>, _: Timestamp) {}
        }

        #[async_trait::async_trait]
        impl Performer<$name> for Stage {
            async fn perform(&self, _: &EffectContext, _: &()) -> Result<(), Failure> {
                Ok(())
            }
        }
    };
}

idle!(Other, "other", 1);
idle!(Newer, "script", 2);

#[tokio::test(start_paused = true)]
async fn another_kind_of_operation_is_neither_resumed_nor_overwritten() {
    let house = House::new();
    house.driver().start(operation("a"), script([Act::Pause(1)])).await.unwrap();
    let stage: Arc<Stage> = Arc::clone(&house.stage);
    let driver = Driver::<Other>::new(house.journal.clone(), stage);
    for halted in [
        driver.resume().await.unwrap_err(),
        driver.start(operation("b"), Other(Vec::new())).await.unwrap_err(),
    ] {
        assert_eq!(
            halted.error.to_string(),
            "journal test holds operation a of kind script, not an operation of kind other; \
             resume it with the tool for script, or name another journal"
        );
        assert!(matches!(halted.error, Error::Mismatch { .. }));
    }
    assert_eq!(house.events().await, ["1 finished done"]);
}

#[tokio::test(start_paused = true)]
async fn another_version_of_the_operation_is_not_resumed() {
    let house = House::new();
    let plan = script([perform([change("a", 1)]), Act::Suspend]);
    house.driver().start(operation("a"), plan).await.unwrap_err();
    let stage: Arc<Stage> = Arc::clone(&house.stage);
    let halted = Driver::<Newer>::new(house.journal.clone(), stage).resume().await.unwrap_err();
    assert_eq!(
        halted.error.to_string(),
        "journal test holds operation a of version 1, not version 2 of script; \
         resume it with the release that wrote version 1"
    );
    assert!(halted.touched, "what it did is unknown to this version");
}

#[tokio::test(start_paused = true)]
async fn a_journal_of_something_else_is_corrupt_and_left_alone() {
    let house = House::new();
    let record = petswipe_runbook::journal::Record {
        seq: 0,
        at: Timestamp::UNIX_EPOCH,
        fence: Fence(1),
        payload: serde_json::value::to_raw_value("not an opening").unwrap(),
    };
    let durable = petswipe_runbook::journal::Durability::Durable;
    house.journal.append(0, std::slice::from_ref(&record), durable).await.unwrap();
    let (error, _) = error_of(house.driver().resume().await);
    assert!(matches!(error, Error::Corrupt { line: 1, .. }), "{error}");
    let (error, _) = error_of(house.driver().start(operation("a"), script([Act::Pause(1)])).await);
    assert!(matches!(error, Error::Corrupt { line: 1, .. }), "{error}");
    assert_eq!(house.journal.read().await.unwrap(), [record]);
}
