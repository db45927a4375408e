//! Reasons not to begin that only a backend knows.

use std::time::Duration;

use async_trait::async_trait;
use jiff::fmt::serde::unsigned_duration::friendly::compact::required as span;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::rollout::{Plan, Strategy};

/// Examines the system before anything is changed: rules that shadow others, sessions that stick, alarms that fire already.
///
/// # Contract
/// - `an_examination_changes_nothing`: afterwards everything is as it was.
/// - `a_sound_system_has_no_objection`: where a rollout would go well, there is no objection but to impatient plans.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Preflight: Send + Sync {
    /// Everything that speaks against a rollout now, each with what it speaks against.
    ///
    /// # Errors
    /// That the system could not be examined.
    async fn objections(&self) -> Result<Vec<Objection>, Error>;
}

/// Something that speaks against a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    /// Against which rollouts.
    pub concern: Concern,
    /// What was found, and what is allowed.
    pub text: String,
}

/// Against which rollouts something speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Concern {
    /// All.
    Any,
    /// Those that move traffic from one side to the other.
    MovedTraffic,
    /// Those that for a time divide traffic between both sides.
    DividedTraffic,
    /// Those that lead test traffic to the new version, for a smoke test or a hook.
    TestTraffic,
    /// Those that wait less than this for tasks to become healthy.
    Readiness(#[serde(with = "span")] Duration),
    /// Those that wait less than this for evidence after a step, its own time included.
    Evidence(#[serde(with = "span")] Duration),
}

impl Objection {
    /// Against every rollout.
    pub fn new(text: impl Into<String>) -> Self {
        Self::against(Concern::Any, text)
    }

    /// Against some.
    pub fn against(concern: Concern, text: impl Into<String>) -> Self {
        Self { concern, text: text.into() }
    }

    /// Whether it speaks against this one.
    pub fn concerns(&self, plan: &Plan) -> bool {
        let moves = !matches!(plan.strategy, Strategy::Rolling { .. });
        match self.concern {
            Concern::Any => true,
            Concern::MovedTraffic => moves,
            Concern::DividedTraffic => plan.stages.iter().any(|stage| stage.weight.get() < 100),
            Concern::TestTraffic => moves && plan.has_test_traffic(),
            Concern::Readiness(needed) => plan.capacity.deadline < needed,
            Concern::Evidence(needed) => {
                let shortest = plan.stages.iter().map(|stage| stage.duration).min();
                plan.patience + shortest.unwrap_or(plan.bake) < needed
            }
        }
    }
}

/// Several examinations as one.
#[async_trait]
impl Preflight for Vec<std::sync::Arc<dyn Preflight>> {
    async fn objections(&self) -> Result<Vec<Objection>, Error> {
        let all = self.iter().map(|one| one.objections());
        let all = futures_util::future::try_join_all(all).await?;
        Ok(all.into_iter().flatten().collect())
    }
}
