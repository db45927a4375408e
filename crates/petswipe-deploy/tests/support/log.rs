//! A log in memory that can lose its driver at any append.

use std::sync::Mutex;

use async_trait::async_trait;
use petswipe_deploy::Plan;
use petswipe_runbook::journal::Durability;
use petswipe_runbook::{Error, EventLog, EventOf, History, Opening, Recorded};

/// When the process dies around an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// Before anything of it is written.
    Before,
    /// When it is written, before the driver hears of it.
    After,
}

/// Keeps a history; its driver dies when it is told to.
#[derive(Default)]
pub struct Log(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    history: Option<History<Plan>>,
    appends: usize,
    dies: Option<(usize, Death)>,
}

/// A rollout that writes more than this never ends.
const MOST_APPENDS: usize = 20_000;

impl Log {
    /// The driver dies at an append, counted from 0 over all drivers.
    pub fn dies_at(&self, append: usize, how: Death) {
        self.0.lock().unwrap().dies = Some((append, how));
    }

    pub fn appends(&self) -> usize {
        self.0.lock().unwrap().appends
    }

    pub fn clear(&self) {
        *self.0.lock().unwrap() = Inner::default();
    }

    pub fn history(&self) -> Option<History<Plan>> {
        self.0.lock().unwrap().history.clone()
    }
}

fn dead() -> Error {
    Error::backend("writing the journal", "the process died")
}

#[async_trait]
impl EventLog<Plan> for Log {
    async fn load(&self) -> Result<Option<History<Plan>>, Error> {
        Ok(self.history())
    }

    async fn open(&self, opening: &Opening<Plan>) -> Result<(), Error> {
        let history = History { opening: opening.clone(), records: Vec::new() };
        self.0.lock().unwrap().history = Some(history);
        Ok(())
    }

    async fn append(
        &self,
        batch: &[Recorded<EventOf<Plan>>],
        _durability: Durability,
    ) -> Result<(), Error> {
        let mut inner = self.0.lock().unwrap();
        assert!(inner.appends < MOST_APPENDS, "it does not come to an end");
        let dies = inner.dies.filter(|(at, _)| *at == inner.appends).map(|(_, how)| how);
        inner.appends += 1;
        if dies == Some(Death::Before) {
            return Err(dead());
        }
        let history = inner.history.as_mut().ok_or_else(dead)?;
        for recorded in batch {
            let found = 1 + history.records.len() as u64;
            if recorded.seq != found || recorded.fence < history.fence() {
                let journal = "test".to_owned();
                return Err(Error::Conflict { journal, expected: recorded.seq, found });
            }
            history.records.push(recorded.clone());
        }
        if dies.is_some() { Err(dead()) } else { Ok(()) }
    }

    fn location(&self) -> String {
        "test".to_owned()
    }
}
