//! The driver, on a clock that is paused: seconds in these tests are exact, and pass in no time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use petswipe_runbook::journal::Durability;
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{Error, FailureKind, Fence};

#[path = "driver/aborts.rs"]
mod aborts;
#[path = "driver/lease.rs"]
mod lease;
#[path = "driver/leases.rs"]
#[allow(unreachable_pub, reason = "a module of a test")]
mod leases;
#[path = "driver/questions.rs"]
mod questions;
#[path = "driver/resume.rs"]
mod resume;
mod support;
use support::*;

#[tokio::test(start_paused = true)]
async fn intents_are_durable_and_outcomes_need_not_be() {
    let house = House::new();
    let plan = script([perform([change("a", 1), change("b", 1)])]);
    house.driver().start(operation("a"), plan).await.unwrap();
    let durabilities = house.journal.durabilities.lock().unwrap().clone();
    let (safe, quick) = (Durability::Durable, Durability::Buffered);
    // The opening, both intents at once, each outcome, the end.
    assert_eq!(durabilities, [(safe, 1), (safe, 2), (quick, 1), (quick, 1), (safe, 1)]);
}

#[tokio::test(start_paused = true)]
async fn an_effect_begins_only_after_its_intent_was_appended() {
    let house = House::new();
    *house.journal.slow.lock().unwrap() = Some((1, 5));
    let plan = script([perform([change("a", 2)])]);
    house.driver().start(operation("a"), plan).await.unwrap();
    assert_eq!(house.stage.notes(), ["5 begin a", "7 end a"]);
}

#[tokio::test(start_paused = true)]
async fn an_effect_does_not_begin_when_its_intent_can_not_be_written() {
    let house = House::new();
    *house.journal.fails_from.lock().unwrap() = Some(1);
    let plan = script([perform([change("a", 2)])]);
    let (error, touched) = error_of(house.driver().start(operation("a"), plan).await);
    assert!(matches!(error, Error::Backend { .. }), "{error}");
    assert!(!touched);
    assert!(house.stage.notes().is_empty());
    // It can be resumed when the disk has room again.
    *house.journal.fails_from.lock().unwrap() = None;
    assert_eq!(house.driver().resume().await.unwrap().outcome, "done");
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_hangs_halts_the_driver_in_time_and_the_operation_can_be_resumed() {
    for (limit, halts_at) in [(None, 60), (Some(7), 7)] {
        let house = House::new();
        *house.journal.slow.lock().unwrap() = Some((1, 100_000));
        let mut driver = house.driver();
        if let Some(seconds) = limit {
            driver = driver.journal_timeout(Duration::from_secs(seconds));
        }
        let plan = script([perform([change("a", 2)])]);
        let (error, touched) = error_of(driver.start(operation("a"), plan).await);
        let Error::Backend { operation: what, source } = &error else { panic!("{error}") };
        assert_eq!(what, "appending to journal test");
        let why = format!("no answer within {halts_at}s; whether it was written is unknown");
        assert_eq!(source.to_string(), why);
        assert_eq!((house.stage.seconds(), touched), (halts_at, false));
        assert!(house.stage.notes().is_empty());
        *house.journal.slow.lock().unwrap() = None;
        assert_eq!(house.driver().resume().await.unwrap().outcome, "done");
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_hangs_at_its_first_record_halts_the_driver_too() {
    let house = House::new();
    *house.journal.slow.lock().unwrap() = Some((0, 100_000));
    let (error, touched) =
        error_of(house.driver().start(operation("a"), script([Act::Pause(1)])).await);
    assert!(matches!(error, Error::Backend { .. }), "{error}");
    assert_eq!((house.stage.seconds(), touched), (60, false));
}

#[tokio::test(start_paused = true)]
async fn effects_of_one_decision_run_at_the_same_time() {
    let house = House::new();
    let plan = script([perform([change("a", 3), change("b", 5), change("c", 4)])]);
    let done = house.driver().start(operation("a"), plan).await.unwrap();
    assert_eq!(done.state.results, ["a: ok", "c: ok", "b: ok"]);
    assert_eq!(house.stage.seconds(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_failed_effect_is_an_event_and_no_error() {
    let house = House::new();
    let plan = script([
        perform([failing("a", FailureKind::Refused)]),
        perform([failing("b", FailureKind::Transient)]),
    ]);
    let done = house.driver().start(operation("a"), plan).await.unwrap();
    assert_eq!(done.state.results, ["a: Refused", "b: Transient"]);
}

#[tokio::test(start_paused = true)]
async fn an_effect_without_an_answer_times_out_at_its_deadline() {
    let house = House::new();
    let plan = script([perform([silent("a", 7), change("b", 9)])]);
    let done = house.driver().start(operation("a"), plan).await.unwrap();
    assert_eq!(done.state.results, ["a: TimedOut", "b: ok"]);
    let events = house.events().await;
    assert!(events.contains(&"7 failed #0 TimedOut".to_owned()), "{events:?}");
}

#[test]
fn an_outcome_at_the_very_deadline_counts() {
    let clock = Arc::new(SimClock::new(jiff::Timestamp::UNIX_EPOCH));
    let house = House::on(clock.clone());
    let driver = house.driver();
    let mut effect = change("a", 7);
    effect.timeout = 7;
    let done = clock.run(driver.start(operation("a"), script([perform([effect])]))).unwrap();
    assert_eq!(done.unwrap().state.results, ["a: ok"]);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_after_the_deadline_is_dropped() {
    let house = House::new();
    let mut late = change("late", 10);
    late.timeout = 9;
    let plan = script([perform([late]), Act::Pause(5)]);
    let done = house.driver().start(operation("a"), plan).await.unwrap();
    assert_eq!(done.state.results, ["late: TimedOut"]);
    assert_eq!(house.stage.notes(), ["0 begin late"]);
    assert_eq!(house.stage.seconds(), 14);
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_exactly_as_long_as_asked() {
    let house = House::new();
    let plan = script([Act::Pause(3600), perform([change("a", 1)])]);
    house.driver().start(operation("a"), plan).await.unwrap();
    assert_eq!(house.stage.notes(), ["3600 begin a", "3601 end a"]);
}

#[tokio::test(start_paused = true)]
async fn an_end_waits_for_what_is_under_way() {
    let house = House::new();
    let plan = script([Act::FinishDuring(change("a", 9))]);
    house.driver().start(operation("a"), plan).await.unwrap();
    assert_eq!(house.events().await, ["0 intended #0 a", "9 succeeded #0", "9 finished done"]);
}

#[tokio::test(start_paused = true)]
async fn an_effect_context_names_the_operation_the_number_and_the_fence() {
    let house = House::new();
    let plan = script([perform([change("a", 1)]), perform([change("b", 1)])]);
    house.driver().start(operation("named"), plan).await.unwrap();
    let contexts = house.stage.contexts.lock().unwrap().clone();
    assert_eq!(contexts.len(), 2);
    for (number, context) in (0..).zip(contexts) {
        assert_eq!((context.operation.as_str(), context.id.0), ("named", number));
        assert_eq!(context.fence, Fence(1));
        let left = context.deadline.duration_since(house.stage.began).as_secs();
        assert_eq!(left, 60 + number as i64);
    }
}

// Cores with bugs

async fn stuck(act: Act) -> String {
    let house = House::new();
    let (error, touched) = error_of(house.driver().start(operation("a"), script([act])).await);
    assert!(matches!(error, Error::Stuck { .. }), "{error}");
    assert_eq!(touched, !house.stage.notes().is_empty());
    error.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_core_that_performs_nothing_is_stuck() {
    assert!(stuck(Act::PerformNothing).await.ends_with("it decided to perform nothing"));
}

#[tokio::test(start_paused = true)]
async fn a_core_that_waits_when_nothing_is_under_way_is_stuck() {
    let why = stuck(Act::WaitForNothing).await;
    assert!(why.ends_with("it waits for an event, but nothing is under way"));
}

#[tokio::test(start_paused = true)]
async fn a_core_that_waits_for_the_past_is_stuck() {
    assert!(stuck(Act::WaitForThePast).await.ends_with("which has passed"));
}

#[tokio::test(start_paused = true)]
async fn a_core_that_asks_for_ever_is_stuck() {
    assert!(stuck(Act::AskForEver).await.contains("10000 times in a row"));
}

#[tokio::test(start_paused = true)]
async fn a_core_that_begins_for_ever_is_stuck_but_has_touched() {
    let house = House::new();
    let plan = script([Act::Repeat(change("a", 1))]);
    let (error, touched) = error_of(house.driver().start(operation("a"), plan).await);
    assert!(error.to_string().contains("10000 times in a row"), "{error}");
    assert!(touched);
}
