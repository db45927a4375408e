//! A history that can lose its driver at any record.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::journal::Durability;
use crate::log::{EventLog, History, Opening};
use crate::runbook::{Event, EventOf, Recorded, Runbook};
use crate::{EffectId, Error, OperationId};

/// When the process dies around an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crash {
    /// Before anything of it is written.
    Before,
    /// When it is written, before the driver hears of it.
    After,
}

pub(super) struct SimLog<R: Runbook> {
    state: Mutex<State<R>>,
}

struct State<R: Runbook> {
    history: Option<History<R>>,
    /// How many records survive a power cut.
    durable: usize,
    /// The intents among those.
    intended: HashSet<EffectId>,
    appends: u64,
    crash: Option<(u64, Crash)>,
    crashed: bool,
}

impl<R: Runbook> SimLog<R> {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                history: None,
                durable: 0,
                intended: HashSet::new(),
                appends: 0,
                crash: None,
                crashed: false,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process dies `appends` appends from now.
    pub(super) fn crash_in(&self, appends: u64, how: Crash) {
        let mut state = self.state();
        state.crash = Some((state.appends + appends, how));
    }

    /// No crash comes after all.
    pub(super) fn disarm(&self) {
        self.state().crash = None;
    }

    pub(super) fn crashed(&self) -> bool {
        self.state().crashed
    }

    /// Whether an intent is written down so that it survives a power cut.
    pub(super) fn is_intended(&self, id: EffectId) -> bool {
        self.state().intended.contains(&id)
    }

    /// The machine comes back: up to `lost` of the records that were not yet durable are gone, and what is left went
    /// through its written form.
    pub(super) fn recover(&self, lost: usize) -> Result<(), String> {
        let mut state = self.state();
        state.crashed = false;
        state.crash = None;
        let durable = state.durable;
        if let Some(history) = &mut state.history {
            let keep = history.records.len().saturating_sub(lost).max(durable);
            history.records.truncate(keep);
            *history = reread(history)?;
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.state().history.as_ref().map_or(0, |history| history.records.len())
    }

    pub(super) fn operation(&self) -> Option<OperationId> {
        self.state().history.as_ref().map(|history| history.opening.operation.clone())
    }

    pub(super) fn with_history<T>(&self, look: impl FnOnce(Option<&History<R>>) -> T) -> T {
        look(self.state().history.as_ref())
    }
}

impl<R: Runbook> State<R> {
    /// Counts an append and says whether the process dies around it.
    fn dies(&mut self) -> Result<Option<Crash>, Error> {
        if self.crashed {
            return Err(dead());
        }
        self.appends += 1;
        let how = self.crash.and_then(|(at, how)| (self.appends >= at).then_some(how));
        self.crashed = how.is_some();
        if how == Some(Crash::Before) { Err(dead()) } else { Ok(how) }
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
        let crash = state.dies()?;
        state.history = Some(History { opening: opening.clone(), records: Vec::new() });
        if crash.is_some() { Err(dead()) } else { Ok(()) }
    }

    async fn append(
        &self,
        batch: &[Recorded<EventOf<R>>],
        durability: Durability,
    ) -> Result<(), Error> {
        let mut state = self.state();
        let crash = state.dies()?;
        let Some(history) = &mut state.history else {
            return Err(dead());
        };
        let found = 1 + history.records.len() as u64;
        for recorded in batch {
            let journal = "simulation".to_owned();
            if recorded.seq != 1 + history.records.len() as u64 {
                return Err(Error::Conflict { journal, expected: recorded.seq, found });
            }
            if recorded.fence < history.fence() {
                let why = format!("fence {} wrote meanwhile", history.fence());
                return Err(Error::LeaseLost { key: journal, fence: recorded.fence, why });
            }
            history.records.push(recorded.clone());
        }
        if durability == Durability::Durable {
            state.seal();
        }
        if crash.is_some() { Err(dead()) } else { Ok(()) }
    }

    fn location(&self) -> String {
        "simulation".to_owned()
    }
}

fn dead() -> Error {
    Error::backend("writing the simulated journal", "the simulated process died")
}

/// Writes and reads a history, as a real journal does.
fn reread<R: Runbook>(history: &History<R>) -> Result<History<R>, String> {
    let problem = |what: &str, error: serde_json::Error| {
        format!("{what} does not survive its journal: {error}")
    };
    let text = serde_json::to_string(&history.opening.plan).map_err(|e| problem("the plan", e))?;
    let plan: R = serde_json::from_str(&text).map_err(|e| problem("the plan", e))?;
    let mut records = Vec::with_capacity(history.records.len());
    for recorded in &history.records {
        let text = serde_json::to_string(&recorded.event).map_err(|e| problem("an event", e))?;
        let event: EventOf<R> = serde_json::from_str(&text).map_err(|e| problem("an event", e))?;
        if event != recorded.event {
            return Err(format!("an event comes back changed: {text}"));
        }
        records.push(Recorded { event, ..*recorded });
    }
    Ok(History { opening: Opening { plan, ..history.opening.clone() }, records })
}
