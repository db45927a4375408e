//! Aborts: before the start, during anything that may be under way, and after the end.

use std::sync::Arc;

use petswipe_runbook::{AbortHandle, ChannelApprover};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn an_abort_before_the_start_is_the_first_event() {
    let house = House::new();
    let abort = AbortHandle::new();
    abort.abort("ops", "not today");
    let plan = script([perform([change("a", 1)])]);
    let done = house.driver().abort(abort).start(operation("a"), plan).await.unwrap();
    assert_eq!(done.outcome, "aborted");
    assert_eq!(house.events().await[0], "0 abort by ops");
    assert_eq!(house.stage.notes(), ["0 begin undo", "1 end undo"]);
}

/// Starts `plan` and aborts it after so many seconds.
async fn aborted(house: &House, plan: Script, seconds: u64) -> String {
    let abort = AbortHandle::new();
    let driver = house.driver().abort(abort.clone());
    let story = driver.start(operation("a"), plan);
    let person = async {
        house.after(seconds).await;
        abort.abort("ops", "it burns");
    };
    tokio::join!(story, person).0.unwrap().outcome
}

#[tokio::test(start_paused = true)]
async fn an_abort_drops_observations_and_lets_changes_come_to_their_end() {
    let house = House::new();
    let plan = script([perform([look("look", 50), change("change", 20)])]);
    assert_eq!(aborted(&house, plan, 5).await, "aborted");
    assert_eq!(
        house.events().await,
        [
            "0 intended #0 look",
            "0 intended #1 change",
            "5 abort by ops",
            "5 failed #0 Interrupted",
            "20 succeeded #1",
            "20 intended #2 undo",
            "21 succeeded #2",
            "21 finished aborted",
        ]
    );
    assert!(!house.stage.notes().contains(&"50 end look".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_abort_ends_a_wait_at_once() {
    let house = House::new();
    aborted(&house, script([Act::Pause(3600)]), 5).await;
    assert_eq!(house.events().await[0], "5 abort by ops");
    assert_eq!(house.stage.seconds(), 6);
}

#[tokio::test(start_paused = true)]
async fn an_abort_withdraws_open_questions() {
    let house = House::new();
    let abort = AbortHandle::new();
    let (approver, mut questions) = ChannelApprover::new();
    let driver = house.driver().abort(abort.clone()).approver(Arc::new(approver));
    let story = driver.start(operation("a"), script([Act::Ask("go on".to_owned(), 600)]));
    let person = async {
        let (_, mut place) = questions.recv().await.unwrap();
        house.after(5).await;
        abort.abort("ops", "it burns");
        place.closed().await;
        house.stage.seconds()
    };
    let (ended, withdrawn) = tokio::join!(story, person);
    assert_eq!(ended.unwrap().outcome, "aborted");
    assert_eq!(withdrawn, 5);
    let events = house.events().await;
    assert!(!events.iter().any(|event| event.contains("answered")), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn an_abort_while_an_intent_is_being_written_is_not_lost() {
    let house = House::new();
    *house.journal.slow.lock().unwrap() = Some((1, 10));
    aborted(&house, script([perform([look("look", 50)])]), 5).await;
    let events = house.events().await;
    assert_eq!(
        events[..3],
        ["0 intended #0 look", "10 abort by ops", "10 failed #0 Interrupted"].map(str::to_owned)
    );
}

#[tokio::test(start_paused = true)]
async fn an_abort_after_the_end_changes_nothing() {
    let house = House::new();
    let abort = AbortHandle::new();
    let plan = script([perform([change("a", 1)])]);
    house.driver().abort(abort.clone()).start(operation("a"), plan).await.unwrap();
    let before = house.events().await;
    abort.abort("ops", "too late");
    let again = house.driver().abort(abort).resume().await.unwrap();
    assert_eq!((again.outcome.as_str(), again.already), ("done", true));
    assert_eq!(house.events().await, before);
}

#[tokio::test(start_paused = true)]
async fn an_abort_that_was_recorded_is_not_recorded_again() {
    let house = House::new();
    let abort = AbortHandle::new();
    abort.abort("ops", "it burns");
    // The record of the undo's outcome fails.
    *house.journal.fails_from.lock().unwrap() = Some(3);
    let driver = house.driver().abort(abort.clone());
    error_of(driver.start(operation("a"), script([Act::Pause(9)])).await);
    *house.journal.fails_from.lock().unwrap() = None;
    assert_eq!(house.driver().abort(abort).resume().await.unwrap().outcome, "aborted");
    let aborts = house.events().await.iter().filter(|event| event.contains("abort by")).count();
    assert_eq!(aborts, 1);
}

#[tokio::test(start_paused = true)]
async fn an_abort_before_a_resume_follows_the_resumption() {
    let house = House::new();
    *house.journal.fails_from.lock().unwrap() = Some(2);
    let plan = script([perform([change("a", 1)])]);
    error_of(house.driver().start(operation("a"), plan).await);
    *house.journal.fails_from.lock().unwrap() = None;
    let abort = AbortHandle::new();
    abort.abort("ops", "enough");
    house.driver().abort(abort).resume().await.unwrap();
    let events = house.events().await;
    assert_eq!(
        events[..3],
        ["0 intended #0 a", "1 resumed with 2", "1 abort by ops"].map(str::to_owned)
    );
}
