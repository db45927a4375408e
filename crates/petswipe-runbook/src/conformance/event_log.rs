//! The contract of [`EventLog`], sentence by sentence, and the smallest runbook to hold a log to it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::approval::{Answer, Question};
use crate::journal::Durability;
use crate::log::{EventLog, History, Opening};
use crate::runbook::{Decision, Event, EventOf, Failure, FailureKind, Recorded, Runbook};
use crate::{EffectId, Error, Fence, OperationId};

/// Makes a module of tests which hold a log to the contract of [`EventLog`].
///
/// The expression gives a new empty log of [`Sample`] operations, together with whatever must live as long as it does.
/// The calling crate needs `tokio` with `macros` and `rt-multi-thread`.
///
/// ```
/// use petswipe_runbook::{Journaled, journal::MemoryJournal};
/// petswipe_runbook::event_log_conformance!(
///     memory,
///     (Journaled(std::sync::Arc::new(MemoryJournal::new())), ())
/// );
/// ```
#[macro_export]
macro_rules! event_log_conformance {
    ($module:ident, $fresh:expr) => {
        $crate::conformance_tests!(
            $module,
            $fresh,
            $crate::conformance::event_log,
            $crate::EventLog<$crate::conformance::event_log::Sample>,
            [
                an_empty_log_loads_as_none,
                what_was_appended_is_loaded,
                an_opened_log_is_not_opened_again,
                another_position_is_refused,
                an_event_of_a_lower_fence_is_refused,
            ]
        );
    };
}

/// An operation that does nothing, but whose plan and effects have the shapes that a written form can get wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Text with everything in it that JSON escapes.
    pub text: String,
    /// A number that is none of the round ones.
    pub share: f64,
    /// A length of time.
    pub wait: Duration,
}

impl Runbook for Sample {
    type State = u64;
    type Effect = (String, Option<u64>);
    type Output = Vec<f64>;
    type Outcome = Result<String, ()>;
    const KIND: &'static str = "sample";
    const VERSION: u32 = 1;

    fn validate(&self) -> Result<(), Error> {
        Ok(())
    }

    fn begin(&self, _at: Timestamp) -> u64 {
        0
    }

    fn decide(&self, _: &u64, _: Timestamp) -> Decision<Self::Effect, Self::Outcome> {
        Decision::Finish(Err(()))
    }

    fn evolve(&self, state: &mut u64, _: &EventOf<Self>, _: Timestamp) {
        *state += 1;
    }
}

/// Loading a log in which nothing was written gives nothing, not an error.
pub async fn an_empty_log_loads_as_none(log: Arc<dyn EventLog<Sample>>) {
    assert_eq!(log.load().await.unwrap(), None);
    assert!(!log.location().is_empty());
}

/// The opening and all events are loaded again as they were, in order, with their times and fences.
pub async fn what_was_appended_is_loaded(log: Arc<dyn EventLog<Sample>>) {
    let opening = opening(3);
    log.open(&opening).await.unwrap();
    assert_eq!(
        log.load().await.unwrap(),
        Some(History { opening: opening.clone(), records: Vec::new() })
    );
    let records = one_of_each();
    let (first, rest) = records.split_at(1);
    let (second, third) = rest.split_at(4);
    log.append(first, Durability::Durable).await.unwrap();
    log.append(second, Durability::Buffered).await.unwrap();
    log.append(&[], Durability::Buffered).await.unwrap();
    log.append(third, Durability::Durable).await.unwrap();
    assert_eq!(log.load().await.unwrap(), Some(History { opening, records }));
}

/// A log that holds an operation is not opened for another: the answer is a conflict, and nothing is written.
pub async fn an_opened_log_is_not_opened_again(log: Arc<dyn EventLog<Sample>>) {
    let first = opening(1);
    log.open(&first).await.unwrap();
    let second = Opening { operation: OperationId::new("another").unwrap(), ..opening(2) };
    for records in [Vec::new(), vec![recorded(1, 1, Event::Unanswered { key: "a".to_owned() })]] {
        log.append(&records, Durability::Durable).await.unwrap();
        let error = log.open(&second).await.unwrap_err();
        assert!(matches!(error, Error::Conflict { expected: 0, .. }), "{error}");
        let opening = first.clone();
        assert_eq!(log.load().await.unwrap(), Some(History { opening, records }));
    }
}

/// Events whose first number is not how many records the log has, counting the opening, are a conflict, and nothing is
/// written.
pub async fn another_position_is_refused(log: Arc<dyn EventLog<Sample>>) {
    let event = || Event::Unanswered { key: "a".to_owned() };
    let error = log.append(&[recorded(1, 1, event())], Durability::Durable).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { expected: 1, found: 0, .. }), "{error}");
    assert_eq!(log.load().await.unwrap(), None);

    log.open(&opening(1)).await.unwrap();
    let held = vec![recorded(1, 1, event())];
    log.append(&held, Durability::Durable).await.unwrap();
    for wrong in [1, 3, 100] {
        let batch = [recorded(wrong, 1, event()), recorded(wrong + 1, 1, event())];
        let error = log.append(&batch, Durability::Durable).await.unwrap_err();
        match error {
            Error::Conflict { expected, found, .. } => assert_eq!((expected, found), (wrong, 2)),
            other => panic!("a conflict, not {other:?}"),
        }
        assert_eq!(log.load().await.unwrap().unwrap().records, held);
    }
}

/// An event with a lower fence than the last record's is refused with `LeaseLost`, and nothing of its batch is written.
pub async fn an_event_of_a_lower_fence_is_refused(log: Arc<dyn EventLog<Sample>>) {
    let event = || Event::Unanswered { key: "a".to_owned() };
    log.open(&opening(3)).await.unwrap();
    let lower = [recorded(1, 2, event())];
    let falling = [recorded(1, 4, event()), recorded(2, 3, event())];
    for batch in [lower.as_slice(), &falling] {
        let error = log.append(batch, Durability::Durable).await.unwrap_err();
        assert!(matches!(error, Error::LeaseLost { .. }), "{error}");
        assert_eq!(log.load().await.unwrap().unwrap().records, []);
    }
    let rising = [recorded(1, 3, event()), recorded(2, 7, event())];
    log.append(&rising, Durability::Durable).await.unwrap();
    assert_eq!(log.load().await.unwrap().unwrap().fence(), Fence(7));
}

fn opening(fence: u64) -> Opening<Sample> {
    Opening {
        operation: OperationId::new("sample-1").unwrap(),
        plan: Sample {
            text: "line\nfeed \u{0} \u{1f600} \"/\\".to_owned(),
            share: 0.1 + 0.2,
            wait: Duration::new(3, 999_999_999),
        },
        holder: "host 1, process 2".to_owned(),
        at: "2026-11-23T03:10:38.123456789Z".parse().unwrap(),
        fence: Fence(fence),
    }
}

fn recorded(seq: u64, fence: u64, event: EventOf<Sample>) -> Recorded<EventOf<Sample>> {
    let at = Timestamp::new(1_800_000_000 + seq as i64, 1).unwrap();
    Recorded { seq, at, fence: Fence(fence), event }
}

fn one_of_each() -> Vec<Recorded<EventOf<Sample>>> {
    let id = EffectId(u64::MAX);
    let question = Question {
        key: "go on".to_owned(),
        text: "yes or\nno".to_owned(),
        deadline: Timestamp::UNIX_EPOCH,
    };
    let text = || "why \u{2028}".to_owned();
    let events = [
        Event::Intended {
            id,
            effect: (text(), None),
            deadline: "2026-11-23T03:10:38.123456789Z".parse().unwrap(),
        },
        Event::Succeeded { id, output: vec![1.0, -0.0, 1e300, 5e-324] },
        Event::Failed { id, failure: Failure::new(FailureKind::TimedOut, text()) },
        Event::Asked { question },
        Event::Answered { key: "go on".to_owned(), answer: Answer::no("somebody", text()) },
        Event::Unanswered { key: String::new() },
        Event::AbortRequested { by: "somebody".to_owned(), reason: text() },
        Event::Resumed { holder: "host 2".to_owned(), fence: Fence(4) },
        Event::Finished { outcome: Err(()) },
    ];
    let numbered = (1..).zip(events);
    numbered.map(|(seq, event)| recorded(seq, if seq < 8 { 3 } else { 4 }, event)).collect()
}
