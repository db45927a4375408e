//! What is under way: effects and questions, and the wait for the first of them.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use jiff::Timestamp;

use crate::EffectId;
use crate::approval::Answer;
use crate::runbook::{Failure, FailureKind};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

struct Task<'a, T> {
    id: EffectId,
    deadline: Timestamp,
    interruptible: bool,
    work: Boxed<'a, Result<T, Failure>>,
}

struct Asking<'a> {
    key: String,
    deadline: Timestamp,
    answer: Boxed<'a, Answer>,
}

/// Effects and questions under way. They are few, so each wake-up simply polls all of them.
pub(super) struct Tasks<'a, T> {
    effects: Vec<Task<'a, T>>,
    questions: Vec<Asking<'a>>,
}

impl<'a, T> Tasks<'a, T> {
    pub(super) fn new() -> Self {
        Self { effects: Vec::new(), questions: Vec::new() }
    }

    pub(super) fn start(
        &mut self,
        id: EffectId,
        deadline: Timestamp,
        interruptible: bool,
        work: Boxed<'a, Result<T, Failure>>,
    ) {
        self.effects.push(Task { id, deadline, interruptible, work });
    }

    pub(super) fn ask(&mut self, key: String, deadline: Timestamp, answer: Boxed<'a, Answer>) {
        self.questions.retain(|asking| asking.key != key);
        self.questions.push(Asking { key, deadline, answer });
    }

    pub(super) fn no_effects(&self) -> bool {
        self.effects.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.effects.is_empty() && self.questions.is_empty()
    }

    /// The earliest time at which something under way is over even without an answer.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        let effects = self.effects.iter().map(|task| task.deadline);
        effects.chain(self.questions.iter().map(|asking| asking.deadline)).min()
    }

    /// Drops what may be dropped half-way, and gives its numbers.
    pub(super) fn interrupt(&mut self) -> Vec<EffectId> {
        self.questions.clear();
        let mut dropped = Vec::new();
        self.effects.retain(|task| {
            if task.interruptible {
                dropped.push(task.id);
            }
            !task.interruptible
        });
        dropped
    }

    /// Drops the questions whose time is up, and gives their keys.
    pub(super) fn unanswered(&mut self, now: Timestamp) -> Vec<String> {
        let mut expired = Vec::new();
        self.questions.retain(|asking| {
            let late = asking.deadline <= now;
            if late {
                expired.push(asking.key.clone());
            }
            !late
        });
        expired
    }

    /// Drops the effects whose time is up, and gives what that means for them.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<(EffectId, Failure)> {
        let mut expired = Vec::new();
        self.effects.retain(|task| {
            let late = task.deadline <= now;
            if late {
                let message = "no answer before its deadline; whether it took effect is unknown";
                expired.push((task.id, Failure::new(FailureKind::TimedOut, message)));
            }
            !late
        });
        expired
    }

    pub(super) fn poll_effect(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<(EffectId, Result<T, Failure>)> {
        for index in 0..self.effects.len() {
            if let Poll::Ready(result) = self.effects[index].work.as_mut().poll(context) {
                return Poll::Ready((self.effects.remove(index).id, result));
            }
        }
        Poll::Pending
    }

    pub(super) fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<(String, Answer)> {
        for index in 0..self.questions.len() {
            if let Poll::Ready(answer) = self.questions[index].answer.as_mut().poll(context) {
                return Poll::Ready((self.questions.remove(index).key, answer));
            }
        }
        Poll::Pending
    }
}
