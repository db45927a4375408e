//! Calls to the outside at fixed points of a rollout.

use std::time::Duration;

use async_trait::async_trait;
use jiff::fmt::serde::unsigned_duration::friendly::compact::required as span;
use petswipe_runbook::OperationId;
use serde::{Deserialize, Serialize};

use crate::{Environment, Error, Percent};

/// The points, in the order and with the names of the lifecycle stages of Amazon ECS blue/green deployments.
///
/// Source: Amazon ECS Developer Guide, "Lifecycle hooks for Amazon ECS service deployments".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HookPoint {
    /// After the first look, before any change.
    ReconcileService,
    /// Before the new version is started.
    PreScaleUp,
    /// When its first tasks are healthy.
    PostScaleUp,
    /// When test traffic is about to reach it.
    TestTrafficShift,
    /// When the smoke test has passed.
    PostTestTrafficShift,
    /// Before each shift of production traffic.
    ProductionTrafficShift,
    /// After each stage has been judged well.
    PostProductionTrafficShift,
    /// Before the bake.
    BakeTime,
    /// Before the old side is scaled down.
    CleanUp,
}

impl HookPoint {
    /// Whether a rolling update comes to this point: it shifts no traffic and has no test route.
    pub(crate) fn is_in_rolling(self) -> bool {
        match self {
            Self::ReconcileService
            | Self::PreScaleUp
            | Self::PostScaleUp
            | Self::BakeTime
            | Self::CleanUp => true,
            Self::TestTrafficShift
            | Self::PostTestTrafficShift
            | Self::ProductionTrafficShift
            | Self::PostProductionTrafficShift => false,
        }
    }
}

impl std::fmt::Display for HookPoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ReconcileService => "RECONCILE_SERVICE",
            Self::PreScaleUp => "PRE_SCALE_UP",
            Self::PostScaleUp => "POST_SCALE_UP",
            Self::TestTrafficShift => "TEST_TRAFFIC_SHIFT",
            Self::PostTestTrafficShift => "POST_TEST_TRAFFIC_SHIFT",
            Self::ProductionTrafficShift => "PRODUCTION_TRAFFIC_SHIFT",
            Self::PostProductionTrafficShift => "POST_PRODUCTION_TRAFFIC_SHIFT",
            Self::BakeTime => "BAKE_TIME",
            Self::CleanUp => "CLEAN_UP",
        })
    }
}

/// A hook that is to be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookPlan {
    /// When.
    pub point: HookPoint,
    /// How long it may take.
    #[serde(with = "span")]
    pub timeout: Duration,
    /// What an answer that does not come in time means.
    pub on_timeout: TimeoutAction,
}

impl HookPlan {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        if self.timeout.is_zero() {
            let field = format!("timeout of hook {}", self.point);
            return Err(Error::invalid(field, "0", "a positive time"));
        }
        Ok(())
    }
}

/// What it means when a hook does not answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeoutAction {
    /// Go on as if it had agreed.
    Continue,
    /// Go back.
    RollBack,
}

/// One call of a hook. When it is called again, after a failure or a crash, everything in it is the same, and no other
/// call of an operation is: whoever must not act twice can keep the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCall {
    /// The operation.
    pub operation: OperationId,
    /// When it is called.
    pub point: HookPoint,
    /// Where the new version runs.
    pub candidate: Environment,
    /// Its share of production traffic after this point.
    pub weight: Percent,
}

/// What a hook says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookAnswer {
    /// Go on.
    Continue,
    /// Go back.
    Reject {
        /// Why.
        reason: String,
    },
}

/// Somebody who is called at the points of a plan. A call may be made again after a crash.
///
/// # Contract
/// - `a_hook_may_be_called_again`: the same call again gives an answer again and does no harm.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Hooks: Send + Sync {
    /// Calls the hook and waits for its answer.
    ///
    /// # Errors
    /// That it could not be called; then it is tried again, and after the last attempt the rollout goes back.
    async fn call(&self, call: &HookCall) -> Result<HookAnswer, Error>;
}

/// A hook that always agrees, for rehearsals and tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysContinue;

#[async_trait]
impl Hooks for AlwaysContinue {
    async fn call(&self, _call: &HookCall) -> Result<HookAnswer, Error> {
        Ok(HookAnswer::Continue)
    }
}
