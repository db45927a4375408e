//! The shell: effects become calls, and errors failures by what can be done about them.

use std::sync::Arc;

use async_trait::async_trait;
use petswipe_runbook::{Clock, EffectContext, Failure, FailureKind, Performer};

use super::backend::Remover;
use super::core::{Answer, Effect};
use super::plan::RemovalPlan;
use super::recheck::{Checked, Rechecker};
use crate::{Error, explain};

/// Carries a plan out.
pub struct RemovalPerformer {
    plan: RemovalPlan,
    recheck: Rechecker,
    remover: Arc<dyn Remover>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for RemovalPerformer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemovalPerformer").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl RemovalPerformer {
    /// Of that plan, by a look at the account and by what changes it.
    pub fn new(
        plan: RemovalPlan,
        recheck: Rechecker,
        remover: Arc<dyn Remover>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { plan, recheck, remover, clock }
    }

    async fn attempt(&self, context: &EffectContext, effect: &Effect) -> Result<Answer, Error> {
        let (Effect::Recheck(index) | Effect::Snapshot(index) | Effect::Act(index)) = effect;
        let step = self.plan.steps.get(*index);
        let step = step.ok_or_else(|| Error::invalid("step", index, "a step of the plan"))?;
        match (effect, step.action.snapshot_of()) {
            (Effect::Recheck(_), _) => {
                // Whoever has other credentials by now would act upon another account.
                let now = self.recheck.account().await?;
                if self.plan.account.as_ref() != Some(&now) {
                    let planned = self.plan.account.as_deref().unwrap_or("not known");
                    let why = format!("this is account {now}, and the plan is for {planned}");
                    return Ok(Answer::Changed { why });
                }
                Ok(match self.recheck.check(&self.plan, step, self.clock.now()).await? {
                    Checked::Holds => Answer::Holds,
                    Checked::Changed { why } => Answer::Changed { why },
                })
            }
            (Effect::Snapshot(_), Some(volume)) => {
                let token = format!("{}/{volume}", context.operation);
                let id = self.remover.snapshot(&step.region, volume, &token).await?;
                Ok(Answer::Snapshot { id })
            }
            (Effect::Snapshot(_), None) => {
                Err(Error::invalid("action", &step.action, "one that needs a snapshot"))
            }
            (Effect::Act(_), _) => {
                self.remover.act(&step.region, &step.action).await?;
                Ok(Answer::Done)
            }
        }
    }
}

#[async_trait]
impl Performer<RemovalPlan> for RemovalPerformer {
    async fn perform(&self, context: &EffectContext, effect: &Effect) -> Result<Answer, Failure> {
        self.attempt(context, effect).await.map_err(|error| {
            let kind = match &error {
                Error::Throttled { .. } | Error::Backend { .. } => FailureKind::Transient,
                Error::Conflict { .. } => FailureKind::Conflict,
                _ => FailureKind::Refused,
            };
            Failure::new(kind, explain(&error))
        })
    }
}
