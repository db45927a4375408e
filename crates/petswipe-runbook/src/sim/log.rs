//! A history that can lose its driver at any record.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::journal::Durability;
use crate::log::{EventLog, History, Opening};
use crate::runbook::{Event, EventOf, Recorded, Runbook};
use crate::{EffectId, Error};

/// No operation that ends has so many.
pub(super) const MOST_RECORDS: usize = 100_000;

pub(super) struct SimLog<R: Runbook> {
    state: Mutex<State<R>>,
}

struct State<R: Runbook> {
    history: Option<History<R>>,
    /// How many records survive a power cut.
    durable: usize,
    /// The intents among those.
    intended: HashSet<EffectId>,
    /// How many records there were after each append that returned.
    ends: Vec<usize>,
    appends: u64,
    /// The append around which the process dies, and how much of it is written then, from 0 to 1.
    crash: Option<(u64, f64)>,
    crashed: bool,
    crashes: u32,
}

impl<R: Runbook> SimLog<R> {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                history: None,
                durable: 0,
                intended: HashSet::new(),
                ends: Vec::new(),
                appends: 0,
                crash: None,
                crashed: false,
                crashes: 0,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process dies `appends` appends from now. Of the records of that append it writes a share of `written`, but
    /// never hears of it.
    pub(super) fn crash_in(&self, appends: u64, written: f64) {
        let mut state = self.state();
        state.crash = Some((state.appends + appends, written));
    }

    pub(super) fn crashed(&self) -> bool {
        self.state().crashed
    }

    pub(super) fn crashes(&self) -> u32 {
        self.state().crashes
    }

    /// Whether an intent is written down so that it survives a power cut.
    pub(super) fn is_intended(&self, id: EffectId) -> bool {
        self.state().intended.contains(&id)
    }

    /// The machine comes back: up to `lost` of the records that were not yet durable are gone.
    pub(super) fn recover(&self, lost: usize) {
        let mut state = self.state();
        state.crashed = false;
        state.crash = None;
        let durable = state.durable;
        if let Some(history) = &mut state.history {
            let keep = history.records.len().saturating_sub(lost).max(durable);
            history.records.truncate(keep);
            state.ends.retain(|end| *end <= keep);
        }
    }

    /// What is left goes through `change`.
    pub(super) fn rewrite(
        &self,
        change: impl FnOnce(&History<R>) -> Result<History<R>, String>,
    ) -> Result<(), String> {
        let mut state = self.state();
        if let Some(history) = &state.history {
            state.history = Some(change(history)?);
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.state().history.as_ref().map_or(0, |history| history.records.len())
    }

    pub(super) fn is_open(&self) -> bool {
        self.state().history.is_some()
    }

    /// The history, which is gone here with that.
    pub(super) fn take(&self) -> Option<History<R>> {
        self.state().history.take()
    }

    /// Looks at the history, and at how many records there were after each append.
    pub(super) fn look<T>(&self, look: impl FnOnce(Option<&History<R>>, &[usize]) -> T) -> T {
        let state = self.state();
        look(state.history.as_ref(), &state.ends)
    }
}

impl<R: Runbook> State<R> {
    /// Counts an append. When the process dies around it, says how much of it is written.
    fn dies(&mut self) -> Option<f64> {
        self.appends += 1;
        let written = self.crash.and_then(|(at, share)| (self.appends >= at).then_some(share));
        if written.is_some() {
            self.crashed = true;
            self.crashes += 1;
        }
        written
    }

    fn seal(&mut self) {
        let Some(history) = &self.history else { return };
        for recorded in &history.records[self.durable..] {
            if let Event::Intended { id, .. } = &recorded.event {
                self.intended.insert(*id);
            }
        }
        self.durable = history.records.len();
    }
}

#[async_trait]
impl<R: Runbook> EventLog<R> for SimLog<R> {
    async fn load(&self) -> Result<Option<History<R>>, Error> {
        Ok(self.state().history.clone())
    }

    async fn open(&self, opening: &Opening<R>) -> Result<(), Error> {
        let mut state = self.state();
        if state.crashed {
            return Err(dead());
        }
        if let Some(history) = &state.history {
            return Err(conflict(0, history.records.len() as u64 + 1));
        }
        let died = state.dies();
        if died.is_none_or(|written| written >= 0.5) {
            state.history = Some(History { opening: opening.clone(), records: Vec::new() });
        }
        if died.is_some() { Err(dead()) } else { Ok(()) }
    }

    async fn append(
        &self,
        batch: &[Recorded<EventOf<R>>],
        durability: Durability,
    ) -> Result<(), Error> {
        let mut state = self.state();
        if state.crashed {
            return Err(dead());
        }
        let position = state.history.as_ref().map_or(0, |history| history.records.len() as u64 + 1);
        let mut fence = state.history.as_ref().map(History::fence);
        for (expected, recorded) in (position..).zip(batch) {
            if recorded.seq != expected || position == 0 {
                return Err(conflict(recorded.seq, position));
            }
            if fence.is_some_and(|fence| recorded.fence < fence) {
                return Err(Error::LeaseLost {
                    key: "simulation".to_owned(),
                    fence: recorded.fence,
                    why: format!("fence {} wrote meanwhile", fence.unwrap_or_default()),
                });
            }
            fence = Some(recorded.fence);
        }
        if position > MOST_RECORDS as u64 {
            let why = format!("there are more than {MOST_RECORDS} records");
            return Err(Error::backend("writing the simulated journal", why));
        }
        let died = state.dies();
        let written = match died {
            // Any number of them from none to all, with equal chances.
            Some(share) => (share * (batch.len() + 1) as f64) as usize,
            None => batch.len(),
        };
        let Some(history) = &mut state.history else {
            return Ok(());
        };
        history.records.extend_from_slice(&batch[..written.min(batch.len())]);
        let end = history.records.len();
        if written >= batch.len() && durability == Durability::Durable {
            state.seal();
        }
        if died.is_some() {
            return Err(dead());
        }
        state.ends.push(end);
        Ok(())
    }

    fn location(&self) -> String {
        "simulation".to_owned()
    }
}

fn dead() -> Error {
    Error::backend("writing the simulated journal", "the simulated process died")
}

fn conflict(expected: u64, found: u64) -> Error {
    Error::Conflict { journal: "simulation".to_owned(), expected, found }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use jiff::Timestamp;

    use super::*;
    use crate::conformance::event_log::Sample;
    use crate::{Fence, OperationId};

    crate::event_log_conformance!(simulated_log, (SimLog::new(), ()));

    fn opened() -> SimLog<Sample> {
        let log = SimLog::new();
        let opening = Opening {
            operation: OperationId::new("a").unwrap(),
            plan: Sample { text: String::new(), share: 0.0, wait: std::time::Duration::ZERO },
            holder: String::new(),
            at: Timestamp::UNIX_EPOCH,
            fence: Fence(1),
        };
        log.open(&opening).now_or_never().unwrap().unwrap();
        log
    }

    fn append(log: &SimLog<Sample>, count: usize, how: Durability) -> Result<(), Error> {
        let first = log.len() as u64;
        let recorded = |number: usize| Recorded {
            seq: first + 1 + number as u64,
            at: Timestamp::UNIX_EPOCH,
            fence: Fence(1),
            event: Event::Intended {
                id: EffectId(first + number as u64),
                effect: (String::new(), None),
                deadline: Timestamp::UNIX_EPOCH,
            },
        };
        let batch: Vec<_> = (0..count).map(recorded).collect();
        log.append(&batch, how).now_or_never().unwrap()
    }

    #[test]
    fn a_crash_leaves_any_number_of_its_records() {
        for (share, left) in [(0.0, 0), (0.2, 0), (0.3, 1), (0.6, 2), (0.8, 3), (0.999, 3)] {
            let log = opened();
            log.crash_in(1, share);
            append(&log, 3, Durability::Durable).unwrap_err();
            assert_eq!((log.len(), log.crashes(), log.crashed()), (left, 1, true));
            append(&log, 1, Durability::Durable).unwrap_err();
            // Only a batch that is there to its end can have been made durable.
            assert_eq!(log.is_intended(EffectId(0)), left == 3);
            log.recover(0);
            assert_eq!((log.len(), log.crashed()), (left, false));
        }
    }

    #[test]
    fn a_power_cut_takes_only_what_was_not_durable() {
        for (lost, left) in [(0, 5), (1, 4), (2, 3), (3, 3), (100, 3)] {
            let log = opened();
            append(&log, 1, Durability::Buffered).unwrap();
            append(&log, 2, Durability::Durable).unwrap();
            append(&log, 2, Durability::Buffered).unwrap();
            log.recover(lost);
            assert_eq!(log.len(), left);
            for id in 0..5 {
                assert_eq!(log.is_intended(EffectId(id)), id < 3);
            }
        }
    }

    #[test]
    fn there_is_an_end_to_all_records() {
        let log = opened();
        append(&log, MOST_RECORDS, Durability::Buffered).unwrap();
        append(&log, 1, Durability::Buffered).unwrap_err();
        assert!(!log.crashed());
    }
}
