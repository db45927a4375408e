//! What surrounds a driver: observers and event streams, abort handles, approvers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{
    AbortHandle, AbortRequest, Answer, Approver, AutoApprover, ChannelApprover, EventStream,
    FileApprover, NobodyApproves, Question, Recorded,
};

mod support;
use support::*;

// Observers

#[tokio::test(start_paused = true)]
async fn an_event_stream_gives_every_record_in_order_and_ends_with_the_driver() {
    let house = House::new();
    let (observer, stream) = EventStream::new();
    let driver = house.driver().observer(observer);
    let plan = script([perform([change("a", 1), change("b", 2)])]);
    let looking_on = tokio::spawn(stream.collect::<Vec<_>>());
    driver.start(operation("a"), plan).await.unwrap();
    tokio::task::yield_now().await;
    assert!(!looking_on.is_finished(), "the driver is still there");
    drop(driver);
    assert_eq!(looking_on.await.unwrap(), house.records().await);
}

#[tokio::test(start_paused = true)]
async fn a_slow_event_stream_loses_nothing_and_holds_nothing_up() {
    let house = House::new();
    let (observer, mut stream) = EventStream::new();
    let driver = house.driver().observer(observer);
    let plan = script([perform([change("a", 1)]), perform([change("b", 1)])]);
    driver.start(operation("a"), plan).await.unwrap();
    drop(driver);
    for expected in house.records().await {
        assert_eq!(stream.next().await, Some(expected));
    }
    assert_eq!(EventStream::next(&mut stream).await, None);
    assert_eq!(stream.next().await, None, "and stays at its end");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_does_not_stop_the_driver() {
    let house = House::new();
    let (observer, stream) = EventStream::new();
    drop(stream);
    let plan = script([perform([change("a", 1)])]);
    house.driver().observer(observer).start(operation("a"), plan).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_observer_sees_the_state_after_each_record_once_it_is_in_the_journal() {
    let house = House::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (notes, journal) = (Arc::clone(&seen), Arc::clone(&house.journal));
    let watch = move |_: &Script, recorded: &Recorded<_>, state: &State| {
        let held =
            journal.durabilities.lock().unwrap().iter().map(|(_, count)| count).sum::<usize>();
        assert!(recorded.seq < held as u64, "a record is seen when it is written");
        notes.lock().unwrap().push((word(&recorded.event), state.results.len()));
    };
    let plan = script([perform([change("a", 1), change("b", 2)])]);
    house.driver().observer(Arc::new(watch)).start(operation("a"), plan).await.unwrap();
    let expected = [
        ("intended #0 a", 0),
        ("intended #1 b", 0),
        ("succeeded #0", 1),
        ("succeeded #1", 2),
        ("finished done", 2),
    ];
    assert_eq!(*seen.lock().unwrap(), expected.map(|(word, count)| (word.to_owned(), count)));
}

// Abort handles

#[test]
fn of_several_abort_requests_the_first_counts() {
    let handle = AbortHandle::new();
    let other = handle.clone();
    assert_eq!(other.requested(), None);
    handle.abort("first", "it burns");
    other.abort("second", "me too");
    let first = AbortRequest { by: "first".to_owned(), reason: "it burns".to_owned() };
    assert_eq!(handle.requested(), Some(first.clone()));
    assert_eq!(other.requested(), Some(first));
}

#[test]
fn of_racing_abort_requests_one_counts_for_all_handles() {
    for _ in 0..50 {
        let handle = AbortHandle::new();
        std::thread::scope(|scope| {
            for name in ["a", "b", "c", "d"] {
                let handle = handle.clone();
                scope.spawn(move || {
                    handle.abort(name, name);
                    let request = handle.requested().unwrap();
                    assert_eq!(request.by, request.reason, "never a mixture");
                    assert_eq!(handle.requested(), Some(request), "never replaced");
                });
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_abort_request_is_no_second_event() {
    let house = House::new();
    let abort = AbortHandle::new();
    let driver = house.driver().abort(abort.clone());
    let people = async {
        house.after(5).await;
        abort.abort("first", "it burns");
        house.after(6).await;
        abort.abort("second", "it still burns");
    };
    let plan = script([perform([change("a", 10)])]);
    let (ended, ()) = tokio::join!(driver.start(operation("a"), plan), people);
    ended.unwrap();
    let events = house.events().await;
    let aborts: Vec<_> = events.iter().filter(|event| event.contains("abort by")).collect();
    assert_eq!(aborts, ["5 abort by first"]);
}

// Approvers

fn question(key: &str) -> Question {
    Question { key: key.to_owned(), text: format!("{key}?"), deadline: Timestamp::MAX }
}

#[test]
fn an_auto_approver_says_yes_in_the_name_it_was_given() {
    let approver = AutoApprover { by: "the pipeline".to_owned() };
    let answer = approver.ask(&question("go on")).now_or_never();
    assert_eq!(answer, Some(Answer::yes("the pipeline")));
}

#[test]
fn nobody_says_no() {
    let answer = NobodyApproves.ask(&question("go on")).now_or_never().unwrap();
    assert!(!answer.approved);
    assert_eq!(
        (answer.by.as_str(), answer.reason.as_str()),
        ("nobody", "no approver is configured")
    );
}

#[tokio::test]
async fn a_channel_approver_passes_questions_on_and_answers_back() {
    let (approver, mut questions) = ChannelApprover::new();
    let (first, second) = (question("first"), question("second"));
    let person = async {
        let (one, one_place) = questions.recv().await.unwrap();
        let (two, two_place) = questions.recv().await.unwrap();
        assert_eq!((one.key.as_str(), two.key.as_str()), ("first", "second"));
        // In the other order.
        two_place.send(Answer::no("ops", "not this")).unwrap();
        one_place.send(Answer::yes("ops")).unwrap();
    };
    let (one, two, ()) = tokio::join!(approver.ask(&first), approver.ask(&second), person);
    assert_eq!((one, two), (Answer::yes("ops"), Answer::no("ops", "not this")));
}

#[test]
fn a_channel_approver_never_answers_for_somebody_who_is_gone() {
    let (approver, questions) = ChannelApprover::new();
    drop(questions);
    assert_eq!(approver.ask(&question("a")).now_or_never(), None);

    // Somebody who takes the question and lets it fall.
    let (approver, mut questions) = ChannelApprover::new();
    let question = question("b");
    let mut asking = approver.ask(&question);
    assert!(asking.as_mut().now_or_never().is_none());
    drop(questions.try_recv().unwrap());
    assert!(asking.as_mut().now_or_never().is_none());
}

/// A file approver with its clock, and what `person` does.
async fn with_file<T, F: Future<Output = T>>(
    run: impl FnOnce(FileApprover, std::path::PathBuf, Arc<SimClock>) -> F,
) -> T {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimClock::new(Timestamp::UNIX_EPOCH));
    let path = directory.path().join("answer");
    run(FileApprover::new(&path, clock.clone()), path, clock).await
}

#[tokio::test]
async fn a_file_approver_reads_the_word_and_the_reason() {
    for (text, expected) in [
        ("approve", Some((true, ""))),
        ("approve it looks good \n", Some((true, "it looks good"))),
        ("  deny\ttoo many errors\nsecond line", Some((false, "too many errors"))),
        ("", None),
        ("\napprove", None),
        ("approved", None),
        ("Approve", None),
        ("yes", None),
        ("appr", None),
        ("no approve", None),
    ] {
        with_file(async |approver, path, clock| {
            let question = question("go on");
            let mut asking = approver.ask(&question);
            assert!(asking.as_mut().now_or_never().is_none());
            std::fs::write(&path, text).unwrap();
            clock.advance(Duration::from_secs(1));
            let answer = asking.as_mut().now_or_never();
            let found = answer.map(|answer| {
                assert_eq!(answer.by, format!("file {}", path.display()));
                (answer.approved, answer.reason)
            });
            let expected = expected.map(|(approved, reason)| (approved, reason.to_owned()));
            assert_eq!(found, expected, "{text:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_file_approver_looks_once_a_second() {
    with_file(async |approver, path, clock| {
        let question = question("go on");
        let mut asking = approver.ask(&question);
        assert!(asking.as_mut().now_or_never().is_none());
        std::fs::write(&path, "approve").unwrap();
        clock.advance(Duration::from_millis(999));
        assert!(asking.as_mut().now_or_never().is_none());
        clock.advance(Duration::from_millis(1));
        assert!(asking.as_mut().now_or_never().unwrap().approved);
    })
    .await;
}

#[tokio::test]
async fn an_old_answer_in_the_file_never_counts() {
    with_file(async |approver, path, clock| {
        std::fs::write(&path, "approve the last one").unwrap();
        let question = question("go on");
        let mut asking = approver.ask(&question);
        assert!(asking.as_mut().now_or_never().is_none());
        assert!(!path.exists());
        clock.advance(Duration::from_secs(3));
        assert!(asking.as_mut().now_or_never().is_none());
    })
    .await;
}

#[tokio::test]
async fn an_old_answer_that_can_not_be_removed_does_not_count_either() {
    with_file(async |approver, path, clock| {
        // A directory is not removed like a file.
        std::fs::create_dir(&path).unwrap();
        let question = question("go on");
        let mut asking = approver.ask(&question);
        assert!(asking.as_mut().now_or_never().is_none());
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, "approve").unwrap();
        clock.advance(Duration::from_secs(3));
        assert!(asking.as_mut().now_or_never().is_none());
    })
    .await;
}

#[tokio::test]
async fn one_answer_in_the_file_counts_for_one_question() {
    with_file(async |approver, path, clock| {
        let (first, second) = (question("first"), question("second"));
        let (mut one, mut two) = (approver.ask(&first), approver.ask(&second));
        assert!(one.as_mut().now_or_never().is_none());
        assert!(two.as_mut().now_or_never().is_none());
        std::fs::write(&path, "approve the first").unwrap();
        clock.advance(Duration::from_secs(1));
        assert!(two.as_mut().now_or_never().is_none(), "it is not asked yet");
        assert_eq!(one.as_mut().now_or_never().unwrap().reason, "the first");
        clock.advance(Duration::from_secs(1));
        assert!(two.as_mut().now_or_never().is_none());
        std::fs::write(&path, "deny the second").unwrap();
        clock.advance(Duration::from_secs(1));
        assert_eq!(two.as_mut().now_or_never().unwrap().reason, "the second");
    })
    .await;
}
