//! What a source knows of a long time with gaps in it: the parts that it knows, found by asking for less and less.
//!
//! What is made of it, an error budget, is `spending.rs`.

use std::time::Duration;

use jiff::Timestamp;

use super::evaluate::{period_of, together};
use super::{Events, Objective, Slo};
use crate::{Error, MetricSource, Observation, Subject, Window};

/// A part that is unknown is not looked into when it is no longer than the period divided by that.
const PARTS: u32 = 120;
/// Questions for one subject.
const QUESTIONS: usize = 40;

/// What was counted of one subject, in parts that do not overlap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Counted {
    /// From the first to the last moment that is counted.
    pub(super) window: Window,
    /// How much of it is.
    pub(super) time: Duration,
    /// What there was.
    pub(super) events: Events,
}

impl Counted {
    pub(super) fn of(window: Window, events: Events) -> Self {
        Self { window, time: window.length(), events }
    }

    /// Both together; what can't be added up stays as it was.
    pub(super) fn and(self, parts: Vec<(Window, Events)>) -> Self {
        parts.into_iter().fold(self, |sum, (window, events)| match sum.events.and(events) {
            Some(events) => Self {
                window: Window {
                    from: sum.window.from.min(window.from),
                    to: sum.window.to.max(window.to),
                },
                time: sum.time + window.length(),
                events,
            },
            None => sum,
        })
    }
}

/// The parts that are known from `begin` to where `counted` begins.
///
/// # Errors
/// That of a source which may know, and did not answer.
pub(super) async fn before(
    source: &dyn MetricSource,
    slo: &Slo,
    objective: &Objective,
    subject: &Subject,
    begin: Timestamp,
    counted: &Counted,
    now: Timestamp,
) -> Result<Vec<(Window, Events)>, Error> {
    let step = period_of(source);
    let smallest = (slo.period() / PARTS).max(step);
    let mut found = Vec::new();
    let mut questions = QUESTIONS;
    let mut open = vec![Window { from: begin, to: counted.window.from }];
    open.retain(|window| window.length() >= step);
    while !open.is_empty() {
        // The latest first, and of all the same length: what is given up is the least.
        open.sort_by_key(|window| std::cmp::Reverse(window.to));
        open.truncate(questions);
        questions -= open.len();
        let asked = open.iter().map(|window| source.observe(subject, *window, now));
        let answers = together(asked).await;
        let mut next = Vec::new();
        for (window, answer) in open.into_iter().zip(answers) {
            let known = match answer {
                Ok(answer) => part(objective, subject, window, &answer),
                Err(error) if error.is_retryable() => return Err(error),
                Err(_) => None,
            };
            match known {
                Some((part, events)) => {
                    found.push((part, events));
                    next.push(Window { from: window.from, to: part.from });
                    next.push(Window { from: part.to, to: window.to });
                }
                None if window.length() >= smallest * 2 => next.extend(halves(window, step)),
                None => {}
            }
        }
        open = next.into_iter().filter(|window| window.length() >= smallest).collect();
    }
    Ok(found)
}

/// What an answer says of a part of the window.
fn part(
    objective: &Objective,
    subject: &Subject,
    window: Window,
    answer: &Observation,
) -> Option<(Window, Events)> {
    let about = answer.subject == *subject && !answer.window.is_empty();
    let events = objective.events(answer).filter(|_| about && window.covers(&answer.window));
    events.map(|events| (answer.window, events))
}

/// Both halves, which meet on a multiple of the source's periods.
fn halves(window: Window, step: Duration) -> [Window; 2] {
    let half = window.from.checked_add(window.length() / 2).unwrap_or(window.to);
    let first = Window { from: window.from, to: half };
    let middle = first.closed(step, Duration::ZERO, half).to;
    [Window { from: window.from, to: middle }, Window { from: middle, to: window.to }]
}
