//! Deployments that the platform carries out by itself, decided by our gates: Amazon ECS's blue/green, linear and canary.
//!
//! The platform starts the new version beside the old one, moves the traffic and stops the old one. A [`NativePlan`] says
//! how; it is a [`Runbook`] like every other strategy, so a [`Driver`](petswipe_runbook::Driver) carries it out through a
//! [`NativePerformer`], with the same journal, lease, gates and [`Report`](crate::Report).
//!
//! # Who decides
//!
//! With [`Holding::Pauses`] the platform waits before every shift of production traffic and after the last one, and only a
//! pass of the gate at the present share lets it go on. Without an answer it goes back by itself, so neither missing data
//! nor a dead driver promotes anything. The bake time after the last shift is the platform's own: while somebody watches, a
//! failing verdict or too long a silence of the metrics makes it go back; when the driver dies in it, the pass that ended
//! the last pause has to do. With [`Holding::Watching`] the platform waits for nobody, and is told to go back before a step
//! is over for which there is no pass.
//!
//! # What is judged
//!
//! A service has two sides by which it may serve: for Amazon ECS the target group of its load balancer and the alternate
//! one, which take turns. [`NativePlan::sides`] names both as the source of metrics names them. Which one serves is read from
//! the platform at the first look; the other one takes the new version, and is compared with it.
//!
//! # The promises that apply
//!
//! 1. (Weights and capacity are the platform's.) 2. What serves is read, and a foreign deployment is left alone: the
//!    operation stops. 3. The old version runs until the bake is over, by the platform's doing. 4. The way back is one call.
//! 5. After going back, revision, side and deployment configuration are what they were. The configuration is also set back
//!    after a success: the pauses are this operation's. 6. to 10. as everywhere.

use jiff::Timestamp;
use petswipe_runbook::{Decision, Error as RunbookError, EventOf, Runbook};

mod backend;
mod core;
mod performer;
mod report;
mod types;

pub use self::core::{
    Holding, NativeEffect, NativeOutput, NativePlan, NativePreview, NativeSeen, NativeState,
    NativeStep, NativeSurvey, Phase,
};
#[cfg(feature = "mock")]
pub use backend::MockNativeDeployments;
pub use backend::NativeDeployments;
pub use performer::NativePerformer;
pub use types::{
    DeploymentId, DeploymentStatus, LambdaHook, LifecycleStage, Monitor, NativeDeployment,
    NativeService, NativeStatus, NativeStrategy, Pause, PerMille, ServiceConfiguration,
};

use crate::rollout::Outcome;

impl Runbook for NativePlan {
    type State = NativeState;
    type Effect = NativeEffect;
    type Output = NativeOutput;
    type Outcome = Outcome;

    const KIND: &'static str = "petswipe native deployment";
    const VERSION: u32 = 1;

    fn validate(&self) -> Result<(), RunbookError> {
        NativePlan::validate(self).map_err(|error| match error {
            crate::Error::InvalidPlan { field, value, allowed } => {
                RunbookError::InvalidPlan { field, value, allowed }
            }
            other => RunbookError::backend("checking the plan", other),
        })
    }

    fn begin(&self, at: Timestamp) -> NativeState {
        NativeState::new(at)
    }

    fn decide(&self, state: &NativeState, now: Timestamp) -> Decision<NativeEffect, Outcome> {
        self.next(state, now)
    }

    fn evolve(&self, state: &mut NativeState, event: &EventOf<Self>, at: Timestamp) {
        self.take(state, event, at);
    }
}
