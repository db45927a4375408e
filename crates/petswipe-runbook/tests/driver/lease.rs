//! How a driver holds its lease: renewed in time, given up when it is lost, and given back at the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use petswipe_runbook::journal::{Journal, MemoryJournal};
use petswipe_runbook::lease::{LeaseStore, MemoryLeases};
use petswipe_runbook::{Driver, Error, FailureKind, Fence, LeaseTerms};

use crate::leases::{KEY, Leases};
use crate::support::*;

fn leased(house: &House, leases: &Arc<Leases>) -> Driver<Script> {
    let ttl = Duration::from_secs(30);
    house.driver().lease(LeaseTerms { store: leases.clone(), key: KEY.to_owned(), ttl })
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_renewed_after_each_third_of_its_time_and_released_at_the_end() {
    let house = House::new();
    let leases = Leases::new(&house);
    let plan = script([perform([change("a", 35)]), Act::Pause(30)]);
    leased(&house, &leases).start(operation("a"), plan).await.unwrap();
    assert_eq!(leases.renewed(), [10, 20, 30, 40, 50, 60]);
    assert_eq!(leases.released(), [65]);
    assert_eq!(leases.current(KEY, house.clock.now()).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_short_operation_renews_nothing() {
    let house = House::new();
    let leases = Leases::new(&house);
    leased(&house, &leases).start(operation("a"), script([Act::Pause(9)])).await.unwrap();
    assert!(leases.renewed().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_takes_long_is_followed_by_the_next_before_the_lease_ends() {
    let house = House::new();
    let leases = Leases::new(&house);
    leases.renewal_takes.store(12, Ordering::Relaxed);
    leased(&house, &leases).start(operation("a"), script([Act::Pause(90)])).await.unwrap();
    // Asked at 10 it comes at 22 and holds until 40. The next one takes as long, so there is no time to lose.
    assert_eq!(leases.renewed(), [10, 25, 40, 55, 70, 85]);
}

#[tokio::test(start_paused = true)]
async fn effects_go_on_while_a_renewal_is_under_way() {
    let house = House::new();
    let leases = Leases::new(&house);
    leases.renewal_takes.store(15, Ordering::Relaxed);
    let plan = script([perform([change("a", 12)]), perform([change("b", 1)])]);
    leased(&house, &leases).start(operation("a"), plan).await.unwrap();
    assert_eq!(house.stage.notes(), ["0 begin a", "12 end a", "12 begin b", "13 end b"]);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_is_tried_again_before_the_lease_ends() {
    let house = House::new();
    let leases = Leases::new(&house);
    leases.renewals_fail.store(3, Ordering::Relaxed);
    leased(&house, &leases).start(operation("a"), script([Act::Pause(40)])).await.unwrap();
    assert_eq!(leases.renewed(), [10, 13, 16, 19, 29, 39]);
}

#[tokio::test(start_paused = true)]
async fn a_driver_whose_lease_can_not_be_renewed_stops_when_it_ends() {
    let house = House::new();
    let leases = Leases::new(&house);
    leases.renewals_fail.store(u64::MAX, Ordering::Relaxed);
    let plan = script([perform([change("a", 29)]), perform([change("b", 5)])]);
    let halted = leased(&house, &leases).start(operation("a"), plan).await.unwrap_err();
    assert_eq!(house.stage.seconds(), 30);
    assert!(matches!(&halted.error, Error::LeaseLost { key, .. } if key == KEY));
    assert!(halted.error.to_string().contains("could not be renewed"), "{}", halted.error);
    assert!(halted.touched);
    assert_eq!(house.stage.notes(), ["0 begin a", "29 end a", "29 begin b"]);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_never_answers_stops_the_driver_when_the_lease_ends() {
    let house = House::new();
    let leases = Leases::new(&house);
    leases.renewal_takes.store(1_000_000, Ordering::Relaxed);
    let (error, _) =
        error_of(leased(&house, &leases).start(operation("a"), script([Act::Pause(90)])).await);
    assert!(matches!(error, Error::LeaseLost { .. }), "{error}");
    assert_eq!((house.stage.seconds(), leases.renewed()), (30, vec![10]));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_taken_stops_the_driver_at_its_next_renewal() {
    let house = House::new();
    let leases = Leases::new(&house);
    let driver = leased(&house, &leases);
    let plan = script([perform([change("a", 50)])]);
    let thief = async {
        house.after(12).await;
        leases.ask("a").await.unwrap()
    };
    let (stopped, stolen) = tokio::join!(driver.start(operation("a"), plan), thief);
    let (error, touched) = error_of(stopped);
    assert!(matches!(error, Error::LeaseLost { fence: Fence(1), .. }), "{error}");
    assert!(touched);
    assert_eq!(house.stage.seconds(), 20);
    let current = leases.current(KEY, house.clock.now()).await.unwrap();
    assert_eq!(current, Some(stolen), "what is another's is not released");
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_when_writing_its_intent_outlasted_the_lease() {
    let house = House::new();
    let leases = Leases::new(&house);
    *house.journal.slow.lock().unwrap() = Some((1, 31));
    let plan = script([perform([change("a", 1)])]);
    let (error, touched) = error_of(leased(&house, &leases).start(operation("a"), plan).await);
    assert!(matches!(error, Error::LeaseLost { .. }), "{error}");
    assert!(!touched);
    assert_eq!(house.stage.seconds(), 30);
    assert!(house.stage.notes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn another_operation_is_refused_while_the_lease_is_held() {
    let house = House::new();
    let leases = Leases::new(&house);
    leases.ask("other").await.unwrap();
    let plan = script([perform([change("a", 1)])]);
    let (error, touched) = error_of(leased(&house, &leases).start(operation("a"), plan).await);
    assert!(matches!(&error, Error::Held { operation, .. } if operation.as_str() == "other"));
    assert!(!touched);
    assert!(house.journal.read().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_resume_that_is_refused_says_what_an_earlier_driver_did() {
    let house = House::new();
    let leases = Leases::new(&house);
    for (plan, was_touched) in
        [(script([perform([change("a", 1)]), Act::Suspend]), true), (script([Act::Suspend]), false)]
    {
        let house = House::on(Arc::clone(&house.clock));
        error_of(leased(&house, &leases).start(operation("a"), plan.clone()).await);
        let other = leases.ask("other").await.unwrap();
        let halted = leased(&house, &leases).resume().await.unwrap_err();
        assert!(matches!(halted.error, Error::Held { .. }), "{}", halted.error);
        assert_eq!(halted.touched, was_touched);
        assert_eq!(halted.operation, Some(operation("a")));
        assert_eq!(halted.left.unwrap().0, plan);
        leases.release(&other).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_suspended_operation_gives_its_lease_back() {
    let house = House::new();
    let leases = Leases::new(&house);
    let plan = script([perform([change("a", 1)]), Act::Suspend]);
    error_of(leased(&house, &leases).start(operation("a"), plan).await);
    assert_eq!(leases.released(), [1]);
    leases.ask("other").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_halt_before_anything_was_touched_gives_the_lease_back() {
    let house = House::new();
    let leases = Leases::new(&house);
    error_of(leased(&house, &leases).start(operation("a"), script([Act::WaitForNothing])).await);
    assert_eq!(leases.released(), [0]);
}

#[tokio::test(start_paused = true)]
async fn an_opening_that_can_not_be_written_gives_the_lease_back() {
    let house = House::new();
    let leases = Leases::new(&house);
    *house.journal.fails_from.lock().unwrap() = Some(0);
    error_of(leased(&house, &leases).start(operation("a"), script([Act::Pause(1)])).await);
    assert_eq!(leases.released(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_halt_half_way_keeps_the_lease_until_it_ends_but_not_from_its_own_operation() {
    let house = House::new();
    let leases = Leases::new(&house);
    let plan = script([perform([change("a", 1)]), Act::WaitForNothing]);
    error_of(leased(&house, &leases).start(operation("a"), plan).await);
    assert!(leases.released().is_empty());
    assert!(matches!(leases.ask("other").await, Err(Error::Held { .. })));
    let (error, _) = error_of(leased(&house, &leases).resume().await);
    assert!(matches!(error, Error::Stuck { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_finished_operation_is_looked_at_without_the_lease() {
    let house = House::new();
    let leases = Leases::new(&house);
    leased(&house, &leases).start(operation("a"), script([Act::Pause(1)])).await.unwrap();
    leases.ask("other").await.unwrap();
    assert!(leased(&house, &leases).resume().await.unwrap().already);
}

#[tokio::test(start_paused = true)]
async fn fences_rise_from_driver_to_driver_even_when_the_store_forgot_them() {
    let house = House::new();
    let plan = script([Act::Suspend, Act::Suspend, Act::Suspend, perform([change("a", 1)])]);
    error_of(house.driver().start(operation("a"), plan).await);
    error_of(house.driver().resume().await);
    // So far without a lease, with fences 1 and 2. The store begins at 1.
    let leases = Leases::new(&house);
    error_of(leased(&house, &leases).resume().await);
    assert_eq!(leases.ask("a").await.unwrap().fence, Fence(4));
    let forgetful = Leases::new(&house);
    leased(&house, &forgetful).resume().await.unwrap();
    let events = house.events().await;
    let resumed: Vec<_> = events.iter().filter(|event| event.contains("resumed")).collect();
    assert_eq!(resumed, ["0 resumed with 2", "0 resumed with 3", "0 resumed with 4"]);
    let fences: Vec<_> =
        house.stage.contexts.lock().unwrap().iter().map(|context| context.fence).collect();
    assert_eq!(fences, [Fence(4)]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_far_behind_the_journal_is_refused() {
    let house = House::new();
    let leases = Leases::new(&house);
    error_of(house.driver().start(operation("a"), script([Act::Suspend])).await);
    // Somebody with a very high fence.
    let mut record = house.journal.read().await.unwrap()[0].clone();
    record.seq = 1;
    record.fence = Fence(1_000_000);
    record.payload =
        serde_json::value::to_raw_value(&serde_json::json!({"unanswered": {"key": "a"}})).unwrap();
    house
        .journal
        .append(1, &[record], petswipe_runbook::journal::Durability::Durable)
        .await
        .unwrap();
    let (error, _) = error_of(leased(&house, &leases).resume().await);
    assert!(matches!(error, Error::LeaseLost { .. }), "{error}");
}

/// What a driver writes that does not know yet that it has been replaced: the records behind `from` of a history in
/// which the operation went on undisturbed.
async fn late_writes(
    plan: &Script,
    from: u64,
    count: usize,
) -> Vec<petswipe_runbook::journal::Record> {
    let undisturbed = House::new();
    let leases = Leases::new(&undisturbed);
    leased(&undisturbed, &leases).start(operation("a"), plan.clone()).await.unwrap();
    let records = undisturbed.journal.read().await.unwrap();
    records.into_iter().filter(|record| record.seq >= from).take(count).collect()
}

/// A journal that breaks off after the first intent, and the next append to it comes after `late` ones of the driver
/// before.
async fn taken_over(plan: &Script, late: usize) -> (House, Arc<Leases>) {
    let house = House::new();
    let leases = Leases::new(&house);
    *house.journal.fails_from.lock().unwrap() = Some(2);
    error_of(leased(&house, &leases).start(operation("a"), plan.clone()).await);
    *house.journal.fails_from.lock().unwrap() = None;
    *house.journal.intruder.lock().unwrap() = Some((2, late_writes(plan, 2, late).await));
    (house, leases)
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_takes_over_goes_by_what_the_one_before_it_still_wrote() {
    let plan = script([perform([change("a", 1)]), perform([change("b", 1)])]);
    let (house, leases) = taken_over(&plan, 1).await;
    let done = leased(&house, &leases).resume().await.unwrap();
    assert_eq!(done.state.results, ["a: ok", "b: ok"]);
    let words: Vec<_> = house.records().await.iter().map(|each| word(&each.event)).collect();
    assert_eq!(
        words[..4],
        ["intended #0 a", "succeeded #0", "resumed with 2", "intended #1 b"].map(str::to_owned)
    );
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_takes_over_from_one_that_just_finished_does_nothing() {
    let plan = script([perform([change("a", 1)])]);
    let (house, leases) = taken_over(&plan, 2).await;
    let done = leased(&house, &leases).resume().await.unwrap();
    assert!(done.already);
    assert_eq!(leases.current(KEY, house.clock.now()).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn without_a_lease_the_one_who_writes_first_goes_on() {
    let plan = script([perform([change("a", 1)]), perform([change("b", 1)])]);
    let (house, _) = taken_over(&plan, 1).await;
    let (error, touched) = error_of(house.driver().resume().await);
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    assert!(touched);
}

#[tokio::test(start_paused = true)]
async fn a_fenced_effect_names_the_lease() {
    let house = House::new();
    let leases = Leases::new(&house);
    let plan = script([perform([failing("a", FailureKind::Fenced)])]);
    let (error, _) = error_of(leased(&house, &leases).start(operation("a"), plan).await);
    assert!(matches!(&error, Error::LeaseLost { key, .. } if key == KEY), "{error}");
}

#[test]
fn a_boxed_store_and_a_shared_journal_are_as_good_as_their_insides() {
    let store: Box<dyn LeaseStore> = Box::new(MemoryLeases::new());
    let _: LeaseTerms =
        LeaseTerms { store: Arc::new(store), key: KEY.to_owned(), ttl: Duration::from_secs(30) };
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let _: Arc<dyn Journal> = Arc::new(journal);
}
