//! Identifiers: which operation, which effect of it, and how new the driver is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The name of one operation, such as `canary-20261123T031038Z-7f3a`.
///
/// One to 128 characters out of `a-z A-Z 0-9 . _ -`, so that it can stand in a file name, a tag and a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OperationId(String);

impl OperationId {
    /// Checks `name` and makes it an operation id.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] when it is empty, too long, or has a character outside the allowed set.
    pub fn new(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.len() > 128 || !name.chars().all(allowed) {
            return Err(Error::invalid(
                "operation id",
                name,
                "1 to 128 characters out of a-z A-Z 0-9 . _ -",
            ));
        }
        Ok(Self(name))
    }

    /// That of a simulation, made of allowed characters only.
    pub(crate) fn simulated(seed: u64) -> Self {
        Self(format!("simulation-{seed}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for OperationId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl TryFrom<String> for OperationId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl From<OperationId> for String {
    fn from(id: OperationId) -> String {
        id.0
    }
}

/// The number of an effect within its operation, counted from 0 over all its drivers.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EffectId(pub u64);

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A fencing number: every new holder of a lease gets a higher one than all holders before it, so that whoever
/// receives a command can refuse one from a driver that has been replaced without knowing it.
///
/// See Martin Kleppmann, *How to do distributed locking* (2016), "Making the lock safe with fencing".
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Fence(pub u64);

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
