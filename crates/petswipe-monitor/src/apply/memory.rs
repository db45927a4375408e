//! A store in memory: for tests and documentation.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{Definition, DefinitionStore};
use crate::Error;

/// Definitions in memory. Like CloudWatch it deletes nothing on which something else depends.
#[derive(Debug)]
pub struct MemoryStore {
    kind: String,
    held: Mutex<BTreeMap<String, Definition>>,
}

impl MemoryStore {
    /// An empty store of such things.
    pub fn new(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), held: Mutex::default() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Definition>) -> T) -> T {
        act(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl DefinitionStore for MemoryStore {
    fn kind(&self) -> &str {
        &self.kind
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Definition>, Error> {
        Ok(self.with(|held| {
            let found = held.values().filter(|held| held.name.starts_with(prefix));
            found.cloned().collect()
        }))
    }

    async fn put<'a>(
        &self,
        definition: &Definition,
        _held: Option<&'a Definition>,
    ) -> Result<(), Error> {
        self.with(|held| {
            if let Some(absent) =
                definition.depends_on.iter().find(|name| !held.contains_key(*name))
            {
                return Err(Error::NotFound { what: format!("{} {absent}", self.kind) });
            }
            let mut new = definition.clone();
            if let Some(before) = held.get(&new.name) {
                let mut tags = before.tags.clone();
                tags.append(&mut new.tags);
                new.tags = tags;
            }
            held.insert(new.name.clone(), new);
            Ok(())
        })
    }

    async fn delete(&self, doomed: &[Definition]) -> Result<(), Error> {
        self.with(|held| {
            for Definition { name, .. } in doomed {
                if !held.contains_key(name) {
                    return Err(Error::NotFound { what: format!("{} {name}", self.kind) });
                }
                if let Some(user) = held.values().find(|held| held.depends_on.contains(name)) {
                    let why = format!("{} depends on it", user.name);
                    return Err(Error::backend(format!("deletion of {name}"), why));
                }
            }
            for Definition { name, .. } in doomed {
                held.remove(name);
            }
            Ok(())
        })
    }

    fn together(&self) -> usize {
        100
    }
}
