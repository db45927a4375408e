//! Policies as data, so that a plan can carry them.

use serde::{Deserialize, Serialize};

use super::{AbsolutePolicy, All, BudgetPolicy, EvidencePolicy, Gate, LatencyRegression};
use crate::Error;

/// One of this crate's policies, as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Policy {
    /// Limits on what the new version does.
    Absolute(AbsolutePolicy),
    /// Evidence against the version beside it, at every tick and over all steps.
    Evidence(EvidencePolicy),
    /// A plain comparison of latency with the version beside it.
    LatencyRegression(LatencyRegression),
    /// A share of an error budget that the rollout may spend.
    Budget(BudgetPolicy),
}

impl Policy {
    /// What a rollout is judged by unless somebody says otherwise: the guide's limits, which have to be broken for certain, and
    /// evidence against the version beside it.
    pub fn standard(evidence: EvidencePolicy) -> Vec<Self> {
        vec![Self::Absolute(AbsolutePolicy::for_certain()), Self::Evidence(evidence)]
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the field, its value and what is allowed.
    pub fn validate(&self) -> Result<(), Error> {
        match self {
            Self::Absolute(policy) => policy.clone().validated().map(drop),
            Self::Evidence(policy) => policy.clone().validated().map(drop),
            Self::LatencyRegression(policy) => policy.clone().validated().map(drop),
            Self::Budget(policy) => policy.clone().validated().map(drop),
        }
    }

    /// The gate that all of these make together; see [`All`].
    ///
    /// ```
    /// use petswipe_monitor::{AbsolutePolicy, Gate, LatencyRegression, Policy};
    /// let gate = Policy::gate(&[
    ///     Policy::Absolute(AbsolutePolicy::default()),
    ///     Policy::LatencyRegression(LatencyRegression::default()),
    /// ]);
    /// assert_eq!(gate.name(), "absolute and latency regression");
    /// ```
    pub fn gate(policies: &[Policy]) -> All {
        let gate = |policy: &Policy| -> Box<dyn Gate> {
            match policy {
                Self::Absolute(policy) => Box::new(policy.clone()),
                Self::Evidence(policy) => Box::new(policy.clone()),
                Self::LatencyRegression(policy) => Box::new(policy.clone()),
                Self::Budget(policy) => Box::new(policy.clone()),
            }
        };
        All::new(policies.iter().map(gate).collect())
    }
}
