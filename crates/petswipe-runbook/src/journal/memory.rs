//! A journal in memory: for tests, documentation and operations that need not survive.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{Durability, Journal, Record, check_append};
use crate::Error;

/// A journal that lives as long as the value does.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    records: Mutex<Vec<Record>>,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn append(
        &self,
        expected: u64,
        records: &[Record],
        _durability: Durability,
    ) -> Result<(), Error> {
        let mut held = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let last_fence = held.last().map(|record| record.fence);
        check_append("memory", held.len() as u64, last_fence, expected, records)?;
        held.extend_from_slice(records);
        Ok(())
    }

    async fn read(&self) -> Result<Vec<Record>, Error> {
        Ok(self.records.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn location(&self) -> String {
        "memory".to_owned()
    }
}
