//! The one shape every long operation has: a plan, a state folded from events, and two pure functions.

use std::fmt::Debug;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::approval::{Answer, Question};
use crate::{EffectId, Error, Fence};

/// A long operation: the implementing type is its *plan*.
///
/// `decide` and `evolve` are pure. They read no clock, do not sleep, and touch nothing: `now` and `at` are parameters,
/// and whatever happens in the world reaches them as an [`Event`]. So the same code runs in production, in the
/// simulator and in a dry run, and folding the journal gives exactly the state that was left.
///
/// The crate-level documentation builds a small one.
pub trait Runbook: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static {
    /// What is folded from events. Never stored: it is rebuilt from the journal.
    type State: Clone + Debug + Send + Sync;
    /// An idempotent command or an observation: "the weights are 95/5", never "5 more".
    type Effect: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync;
    /// What a successful effect answers.
    type Output: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync;
    /// How the operation ends.
    type Outcome: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync;

    /// The kind of operation, written into the journal so that another kind refuses to resume it.
    const KIND: &'static str;
    /// The version of plan and events. Raise it when a journal of the old one can't be resumed by the new code.
    const VERSION: u32;

    /// Checks the plan before anything is touched.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] with the field, its value and what is allowed.
    fn validate(&self) -> Result<(), Error>;

    /// The state before the first event.
    fn begin(&self, at: Timestamp) -> Self::State;

    /// What to do next. It is asked again after every event, so it must not ask again for what is under way.
    fn decide(&self, state: &Self::State, now: Timestamp) -> Decision<Self::Effect, Self::Outcome>;

    /// Takes a fact into the state.
    fn evolve(&self, state: &mut Self::State, event: &EventOf<Self>, at: Timestamp);
}

/// The event type of a runbook.
pub type EventOf<R> =
    Event<<R as Runbook>::Effect, <R as Runbook>::Output, <R as Runbook>::Outcome>;

/// What the core wants next.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision<E, O> {
    /// Perform these at the same time, at least one. Their intent is journaled before any of them begins.
    Perform(Vec<Step<E>>),
    /// Ask a person, and go on deciding meanwhile. Asking again with the key of an open question replaces that one.
    Ask(Question),
    /// Wait for what is under way, but not beyond this time, which lies ahead.
    WaitUntil(Timestamp),
    /// Wait for what is under way; everything under way has a deadline of its own.
    WaitForEvent,
    /// Stop here without an end: nothing more can be done until a person has mended something. The operation keeps
    /// its journal, and resuming it goes on.
    Suspend {
        /// What has to be mended, and what state the system is in meanwhile.
        why: String,
    },
    /// It is over. What is under way is let come to its end first, and then the core is asked once more.
    Finish(O),
}

/// An effect with the bounds within which it is performed.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<E> {
    /// What to do.
    pub effect: E,
    /// After this long without an answer its outcome is unknown: [`FailureKind::TimedOut`].
    pub timeout: Duration,
    /// Whether it may be dropped half-way when the operation is aborted. Say yes for observations and waits, no for
    /// changes: a change must not arrive after its own undo.
    pub interruptible: bool,
}

impl<E> Step<E> {
    /// A change: it is never interrupted.
    pub fn change(effect: E, timeout: Duration) -> Self {
        Self { effect, timeout, interruptible: false }
    }

    /// An observation: it is dropped when the operation is aborted.
    pub fn observation(effect: E, timeout: Duration) -> Self {
        Self { effect, timeout, interruptible: true }
    }
}

/// A fact of an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event<E, T, O> {
    /// An effect is about to be performed.
    Intended {
        /// Its number.
        id: EffectId,
        /// What.
        effect: E,
        /// When its outcome counts as unknown.
        deadline: Timestamp,
    },
    /// An effect was performed.
    Succeeded {
        /// Its number.
        id: EffectId,
        /// What it answered.
        output: T,
    },
    /// An effect failed, or its outcome is unknown.
    Failed {
        /// Its number.
        id: EffectId,
        /// How.
        failure: Failure,
    },
    /// A person is being asked.
    Asked {
        /// What.
        question: Question,
    },
    /// A person answered.
    Answered {
        /// The key of the question.
        key: String,
        /// What they said.
        answer: Answer,
    },
    /// Nobody answered before the deadline of the question.
    Unanswered {
        /// The key of the question.
        key: String,
    },
    /// Somebody wants the operation to end and leave things safe. Every open question is withdrawn with it: no answer
    /// to it will come, nor [`Unanswered`](Self::Unanswered).
    AbortRequested {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// A new driver goes on. Every effect that was under way has an unknown outcome, every question is open again.
    Resumed {
        /// Who drives now.
        holder: String,
        /// With which fence.
        fence: Fence,
    },
    /// It is over.
    Finished {
        /// How.
        outcome: O,
    },
}

/// Why an effect did not succeed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What the core can do about it.
    pub kind: FailureKind,
    /// For people: names the resource and the remedy.
    pub message: String,
}

impl Failure {
    /// A failure of `kind`.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// Kinds of failure, by what can be done about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Trying again later can help. Whether it took effect is unknown.
    Transient,
    /// Trying again can't help: it was understood and refused. It did not take effect.
    Refused,
    /// The state was changed by somebody else. It did not take effect.
    Conflict,
    /// This driver has been replaced. It did not take effect, and the driver stops.
    Fenced,
    /// No answer in time. Whether it took effect is unknown.
    TimedOut,
    /// Dropped half-way because of an abort. Whether it took effect is unknown.
    Interrupted,
}

impl FailureKind {
    /// Whether the effect may have happened nevertheless.
    pub fn is_unknown(self) -> bool {
        matches!(self, Self::Transient | Self::TimedOut | Self::Interrupted)
    }
}

/// A fact with its time: one line of an operation's history.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded<E> {
    /// Its position in the journal.
    pub seq: u64,
    /// When it was recorded, by the driver's clock.
    pub at: Timestamp,
    /// The fence of the driver that recorded it.
    pub fence: Fence,
    /// The fact.
    pub event: E,
}

/// What is under way, kept from events: the part of a state that every core needs.
///
/// ```
/// use petswipe_runbook::{EffectId, Event, InFlight};
/// let mut in_flight = InFlight::<&str>::default();
/// let at = jiff::Timestamp::UNIX_EPOCH;
/// let event: Event<&str, u32, ()> = Event::Intended { id: EffectId(0), effect: "count", deadline: at };
/// assert_eq!(in_flight.observe(&event, at), None);
/// assert!(in_flight.any(|underway| underway.effect == "count"));
/// let event: Event<&str, u32, ()> = Event::Succeeded { id: EffectId(0), output: 3 };
/// let (settled, result) = in_flight.observe(&event, at).unwrap();
/// assert_eq!((settled.effect, result), ("count", Ok(&3)));
/// assert!(in_flight.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct InFlight<E> {
    effects: Vec<Underway<E>>,
}

/// An effect that is under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Underway<E> {
    /// Its number.
    pub id: EffectId,
    /// When its intent was recorded: whatever it observes is no older, unless the observation is a stale one.
    pub began: Timestamp,
    /// What.
    pub effect: E,
}

impl<E> Default for InFlight<E> {
    fn default() -> Self {
        Self { effects: Vec::new() }
    }
}

impl<E: Clone> InFlight<E> {
    /// Takes an event in; when it settles an effect, gives that effect back with how it ended.
    pub fn observe<'a, T, O>(
        &mut self,
        event: &'a Event<E, T, O>,
        at: Timestamp,
    ) -> Option<(Underway<E>, Result<&'a T, &'a Failure>)> {
        let (id, result) = match event {
            Event::Intended { id, effect, .. } => {
                self.effects.push(Underway { id: *id, began: at, effect: effect.clone() });
                return None;
            }
            Event::Resumed { .. } => {
                self.effects.clear();
                return None;
            }
            Event::Succeeded { id, output } => (id, Ok(output)),
            Event::Failed { id, failure } => (id, Err(failure)),
            _ => return None,
        };
        let index = self.effects.iter().position(|underway| underway.id == *id)?;
        Some((self.effects.swap_remove(index), result))
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }

    /// Whether something is under way for which `test` holds.
    pub fn any(&self, test: impl Fn(&Underway<E>) -> bool) -> bool {
        self.effects.iter().any(test)
    }
}
