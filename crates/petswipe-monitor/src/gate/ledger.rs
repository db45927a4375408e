//! Which windows of a step a gate has counted, and which it has to ask for again.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Carried, Comparison, Step, about};
use crate::Window;

/// So many windows are asked for again at most. Of more, the oldest two become one where they meet, and else the oldest is given
/// up.
const MOST: usize = 8;

/// What a gate that counts each moment of a step once has counted so far. It is part of what the gate carries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// When the present step began.
    step: Option<Timestamp>,
    /// From where to where something was counted in it.
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    /// Up to when there was an answer, whether it could be counted or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answered: Option<Timestamp>,
    /// Windows with an answer that could not be counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pending: Vec<Pending>,
    /// When was looked last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    looked: Option<Timestamp>,
    /// Windows of the steps before that were not known yet when those ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<Pending>,
    /// How many windows of all steps were given up.
    #[serde(default, skip_serializing_if = "is_zero")]
    lost: u64,
    /// Bad requests that are known of in them.
    #[serde(default, skip_serializing_if = "is_zero")]
    lost_bad: u64,
}

/// A window with an answer that could not be counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pending {
    window: Window,
    /// Bad requests that are known of in it.
    #[serde(default, skip_serializing_if = "is_zero")]
    bad: u64,
}

/// Which step an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// The present one.
    Now,
    /// One before, with other weights.
    Before,
}

/// Why an answer can't be counted.
pub(super) struct Unknown {
    pub(super) why: String,
    /// Bad requests that it tells of all the same.
    pub(super) bad: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Ledger {
    /// Which windows to ask for: what is new, then those that could not be counted, then those of the steps before. `carried` is
    /// the whole state of the gate.
    pub(super) fn windows(carried: &Carried, step: &Step) -> Vec<Window> {
        // A state that can't be read is said when it is judged.
        Self::deserialize(&carried.0).unwrap_or_default().wanted(step)
    }

    fn wanted(&self, step: &Step) -> Vec<Window> {
        let same = self.step == Some(step.started);
        let known = self.answered().filter(|_| same);
        let from = known.unwrap_or(step.started).max(step.started);
        let news = Window { from, to: step.now.max(from) };
        let pending = self.pending.iter().filter(|_| same).map(|pending| pending.window);
        let earlier = self.earlier.iter().map(|earlier| earlier.window);
        std::iter::once(news).chain(pending).chain(earlier).chain(self.unanswered(step)).collect()
    }

    /// The end of the step before `step`, if that is a new one and the end was not known yet: a source publishes late. It ends with
    /// the last look at that step: the weights may have changed right after it.
    fn unanswered(&self, step: &Step) -> Option<Window> {
        let began = self.step.filter(|began| *began < step.started)?;
        let from = self.answered().unwrap_or(began);
        let to = self.looked?.min(step.started);
        Some(Window { from, to }).filter(|window| from < window.to)
    }

    /// Begins a step, if `step` is a new one, and says so. What is pending is given up.
    pub(super) fn enter(&mut self, step: &Step) -> bool {
        if self.step == Some(step.started) {
            return false;
        }
        self.give_up(|_| true);
        let unanswered = self.unanswered(step).map(|window| Pending { window, bad: 0 });
        self.earlier.extend(unanswered);
        self.step = Some(step.started);
        (self.from, self.until, self.answered, self.looked) = (None, None, None, None);
        true
    }

    /// Counts the answers, which are in the order of [`windows`](Self::windows). Says how the newest could be counted, if
    /// there is one.
    pub(super) fn take<T>(
        &mut self,
        step: &Step,
        stale_after: Duration,
        seen: &[Comparison],
        mut count: impl FnMut(&Comparison, When) -> Result<T, Unknown>,
    ) -> Option<Result<T, String>> {
        let wanted = self.wanted(step);
        let (news, again) = seen.split_first()?;
        self.looked = self.looked.max(Some(step.now));
        let waiting = std::mem::take(&mut self.pending);
        let (again, earlier) = again.split_at(waiting.len().min(again.len()));
        self.take_earlier(earlier, |seen| count(seen, When::Before).map(drop));
        for (index, mut pending) in waiting.into_iter().enumerate() {
            let answer = again.get(index).filter(|seen| {
                // What is known of a part of it now is all that there will be.
                about(pending.window, &seen.candidate).is_some()
            });
            match answer.map(|seen| (seen.candidate.window, count(seen, When::Now))) {
                Some((part, Ok(_))) => {
                    self.counted(part);
                    if part != pending.window {
                        self.lose(0);
                    }
                }
                Some((_, Err(unknown))) => {
                    pending.bad = pending.bad.max(unknown.bad);
                    self.pending.push(pending);
                }
                None => self.pending.push(pending),
            }
        }
        let counted = about(wanted[0], &news.candidate).map(|candidate| {
            let window = candidate.window;
            let before = Window { from: wanted[0].from, to: window.from };
            // In the first window of a step a period may have begun before it.
            if self.answered().is_some() && !before.is_empty() {
                self.pending.push(Pending { window: before, bad: 0 });
            }
            self.answered = Some(window.to);
            match count(news, When::Now) {
                Ok(counted) => {
                    self.counted(window);
                    Ok(counted)
                }
                Err(Unknown { why, bad }) => {
                    self.pending.push(Pending { window, bad });
                    Err(why)
                }
            }
        });
        let old = step.now.saturating_sub(stale_after).unwrap_or(Timestamp::MIN);
        self.give_up(|pending| pending.window.to < old);
        self.forget_earlier(old);
        while self.pending.len() > MOST {
            let (first, second) = (self.pending.remove(0), &mut self.pending[0]);
            if first.window.to == second.window.from {
                second.window.from = first.window.from;
                second.bad = second.bad.saturating_add(first.bad);
            } else {
                self.lose(first.bad);
            }
        }
        counted
    }

    /// Counts what is known by now of the steps before, each moment once.
    fn take_earlier(
        &mut self,
        seen: &[Comparison],
        mut count: impl FnMut(&Comparison) -> Result<(), Unknown>,
    ) {
        for (one, seen) in self.earlier.iter_mut().zip(seen) {
            if about(one.window, &seen.candidate).is_none() {
                continue;
            }
            match count(seen) {
                Ok(()) => {
                    *one = Pending {
                        window: Window { from: seen.candidate.window.to, to: one.window.to },
                        bad: 0,
                    }
                }
                Err(unknown) => one.bad = one.bad.max(unknown.bad),
            }
        }
        self.earlier.retain(|one| !one.window.is_empty());
    }

    /// Gives up what ended before `old`, and the oldest of too many. What is left of a period in which a step began is always among
    /// them: nothing is known of a part of a period.
    fn forget_earlier(&mut self, old: Timestamp) {
        let surplus = self.earlier.len().saturating_sub(MOST);
        for (index, one) in std::mem::take(&mut self.earlier).into_iter().enumerate() {
            if index < surplus || one.window.to < old {
                self.lost_bad = self.lost_bad.saturating_add(one.bad);
            } else {
                self.earlier.push(one);
            }
        }
    }

    /// Up to when there was an answer in the step. A state that was written before this was known has what was counted.
    fn answered(&self) -> Option<Timestamp> {
        self.until.max(self.answered)
    }

    fn counted(&mut self, window: Window) {
        self.from = Some(self.from.map_or(window.from, |from| from.min(window.from)));
        self.until = self.until.max(Some(window.to));
    }

    /// Gives a window up, of which so many bad requests are known.
    fn lose(&mut self, bad: u64) {
        self.lost = self.lost.saturating_add(1);
        self.lost_bad = self.lost_bad.saturating_add(bad);
    }

    fn give_up(&mut self, which: impl Fn(&Pending) -> bool) {
        for pending in std::mem::take(&mut self.pending) {
            if which(&pending) {
                self.lose(pending.bad);
            } else {
                self.pending.push(pending);
            }
        }
    }

    /// When what was counted last in the step ended.
    pub(super) fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// From where to where something was counted in the step.
    pub(super) fn covered(&self, step: &Step) -> Window {
        match (self.from, self.until) {
            (Some(from), Some(to)) => Window { from, to },
            _ => Window::empty(step.started),
        }
    }

    /// The first window that has to be asked for again.
    pub(super) fn pending(&self) -> Option<Window> {
        self.pending.first().map(|pending| pending.window)
    }

    /// How many windows of all steps were given up, because it never became known what was in them.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// Bad requests that are known of in windows that could not be counted.
    pub(super) fn bad(&self) -> u64 {
        let pending = self.pending.iter().chain(&self.earlier).map(|pending| pending.bad);
        pending.fold(self.lost_bad, u64::saturating_add)
    }
}
