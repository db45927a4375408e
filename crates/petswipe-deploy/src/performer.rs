//! The shell around the real world: performs the effects of a rollout through the backend traits. No decisions here.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::{join, join_all, try_join_all};
use petswipe_monitor::{
    Gate, Judgement, MetricSource, Reference, Step as JudgedStep, Subject, explain,
    observe_and_judge,
};
use petswipe_runbook::{EffectContext, Failure, FailureKind, Performer};

use crate::rollout::{
    Effect, JudgeRequest, Look, Output, Plan, Seen, SeenSide, Survey, SurveyedSide, Target,
};
use crate::{
    Authority, AutoScaling, Compute, Concern, Environment, Error, HookCall, HookPoint, Hooks,
    Image, Objection, Preflight, SmokeTest, TrafficRouter,
};

/// Everything a rollout acts through.
#[derive(Clone)]
pub struct RolloutPerformer {
    /// Runs revisions.
    pub compute: Arc<dyn Compute>,
    /// Divides traffic.
    pub router: Arc<dyn TrafficRouter>,
    /// Scales; suspended while the rollout moves.
    pub scaling: Arc<dyn AutoScaling>,
    /// Knows what the versions did.
    pub metrics: Arc<dyn MetricSource>,
    /// Judges it.
    pub gate: Arc<dyn Gate>,
    /// Sends requests through the test route.
    pub smoke: Arc<dyn SmokeTest>,
    /// Is called at the points of the plan. With nobody here a plan that names any is refused at the first look.
    pub hooks: Option<Arc<dyn Hooks>>,
    /// Examines what else speaks against a rollout, before it begins.
    pub preflight: Option<Arc<dyn Preflight>>,
}

impl RolloutPerformer {
    /// A performer for a cloud that is all backends in one, judged by `gate`, without hooks.
    pub fn new<C>(cloud: Arc<C>, gate: Arc<dyn Gate>) -> Self
    where
        C: Compute + TrafficRouter + AutoScaling + MetricSource + SmokeTest + 'static,
    {
        Self {
            compute: cloud.clone(),
            router: cloud.clone(),
            scaling: cloud.clone(),
            metrics: cloud.clone(),
            gate,
            smoke: cloud,
            hooks: None,
            preflight: None,
        }
    }

    /// With somebody who examines the system first.
    #[must_use]
    pub fn preflight(mut self, preflight: Arc<dyn Preflight>) -> Self {
        self.preflight = Some(preflight);
        self
    }

    /// With somebody who is called at the points of the plan.
    #[must_use]
    pub fn hooks(mut self, hooks: Arc<dyn Hooks>) -> Self {
        self.hooks = Some(hooks);
        self
    }

    /// What a rollout would find if it began now. Reads only.
    ///
    /// # Errors
    /// What could not be read or does not exist.
    pub async fn first_look(&self, plan: &Plan) -> Result<Survey, Error> {
        let image = match &plan.target {
            Target::Image(image) => Some(image),
            Target::Revision(_) => None,
        };
        let preflight = plan.undoes.is_none();
        self.survey(&plan.all_environments(), image, &plan.hook_points(), preflight).await
    }

    async fn survey(
        &self,
        environments: &[Environment],
        image: Option<&Image>,
        hooks: &[HookPoint],
        preflight: bool,
    ) -> Result<Survey, Error> {
        if let Some(point) = hooks.first() {
            self.hooked(*point)?;
        }
        let image = match image {
            Some(image) => Some(self.compute.resolve(image).await?),
            None => None,
        };
        let sides = try_join_all(environments.iter().map(|environment| async move {
            let side = SurveyedSide {
                service: self.compute.service(environment).await?,
                health: self.router.health(environment).await?,
                scaling: self.scaling.scaling(environment).await?,
            };
            Ok::<_, Error>((environment.clone(), side))
        }));
        let (route, sides) = join(self.router.route(), sides).await;
        let (route, sides) = (route?, BTreeMap::from_iter(sides?));
        let objections = if preflight { self.objections().await? } else { Vec::new() };
        Ok(Survey { route, sides, image, objections })
    }

    async fn objections(&self) -> Result<Vec<Objection>, Error> {
        // A period that began before a step says nothing about it, and its end is known only after the lag.
        let needed = 2 * self.metrics.resolution() + self.metrics.lag();
        let text = format!(
            "{} knows the first whole period after a step only {needed:?} later; allowed: a shortest stage and a patience of \
             at least that together",
            self.metrics.name()
        );
        let mut objections = vec![Objection::against(Concern::Evidence(needed), text)];
        if let Some(preflight) = &self.preflight {
            objections.extend(preflight.objections().await?);
        }
        Ok(objections)
    }

    fn hooked(&self, point: HookPoint) -> Result<&dyn Hooks, Error> {
        self.hooks.as_deref().ok_or_else(|| Error::Unsupported {
            what: format!("hook {point}"),
            backend: "a performer that was given no hooks".to_owned(),
        })
    }

    async fn look(&self, look: &Look) -> Seen {
        let sides = join_all(look.environments.iter().map(|environment| async move {
            let service = self.compute.service(environment);
            join(service, self.router.health(environment)).await
        }));
        let judgement = async {
            match &look.judge {
                Some(request) => Some(judge(&*self.metrics, &*self.gate, request).await),
                None => None,
            }
        };
        let ((route, sides), judgement) = join(join(self.router.route(), sides), judgement).await;
        let mut seen = Seen { judgement, ..Seen::default() };
        seen.route = noted(route, &mut seen.problems);
        for (environment, (service, health)) in look.environments.iter().zip(sides) {
            seen.sides.push(SeenSide {
                environment: environment.clone(),
                service: noted(service, &mut seen.problems),
                health: noted(health, &mut seen.problems),
            });
        }
        seen
    }
}

/// Reads the metrics that `request` names and lets `gate` judge them.
pub(crate) async fn judge(
    source: &dyn MetricSource,
    gate: &dyn Gate,
    request: &JudgeRequest,
) -> Judgement {
    let step = JudgedStep {
        started: request.started,
        judged_until: request.judged_until,
        now: request.now,
        weight: request.weight.get(),
        reference_weight: request.reference_weight.get(),
    };
    let candidate = Subject {
        environment: request.candidate.to_string(),
        revision: request.revision.as_ref().map(ToString::to_string),
    };
    let before = request.before.as_ref().map(|before| &before.environment);
    let subject = request.reference.as_ref().or(before);
    let subject = subject.map(|environment| Subject::environment(environment.as_str()));
    let reference = match (&subject, &request.reference, &request.before) {
        (Some(subject), Some(_), _) => Some(Reference::Beside(subject)),
        (Some(subject), None, Some(before)) => Some(Reference::Before(subject, before.window)),
        _ => None,
    };
    observe_and_judge(source, gate, &step, &candidate, reference, &request.carried).await
}

pub(crate) fn noted<T>(read: Result<T, Error>, problems: &mut Vec<String>) -> Option<T> {
    read.map_err(|error| problems.push(explain(&error))).ok()
}

#[async_trait]
impl Performer<Plan> for RolloutPerformer {
    async fn perform(&self, context: &EffectContext, effect: &Effect) -> Result<Output, Failure> {
        let authority = Authority { operation: context.operation.clone(), fence: context.fence };
        let done = match effect {
            Effect::Survey { environments, image, hooks, preflight } => {
                let survey = self.survey(environments, image.as_ref(), hooks, *preflight).await;
                return survey.map(Output::Surveyed).map_err(failure);
            }
            Effect::Look(look) => return Ok(Output::Seen(self.look(look).await)),
            Effect::SuspendScaling { environment } => {
                self.scaling.suspend(&authority, environment).await
            }
            Effect::RestoreScaling { environment, state } => {
                self.scaling.restore(&authority, environment, state).await
            }
            Effect::Register { from, image } => {
                let registered = self.compute.register(&authority, from, image).await;
                return registered.map(Output::Registered).map_err(failure);
            }
            Effect::Deploy { environment, deployment } => {
                self.compute.deploy(&authority, environment, deployment).await
            }
            Effect::SetBack { environment, replacement } => {
                self.compute.set_back(&authority, environment, replacement).await
            }
            Effect::Scale { environment, desired } => {
                self.compute.scale(&authority, environment, *desired).await
            }
            Effect::Shift { expected, to } => self.router.set_split(&authority, expected, to).await,
            Effect::TestRoute { to } => self.router.set_test_route(&authority, to.as_ref()).await,
            Effect::Probe { environment } => {
                let probed = self.smoke.probe(environment).await;
                return probed.map(Output::Probed).map_err(failure);
            }
            Effect::Hook { point, candidate, weight } => {
                let call = HookCall {
                    operation: context.operation.clone(),
                    point: *point,
                    candidate: candidate.clone(),
                    weight: *weight,
                };
                let hooks = self.hooked(*point).map_err(failure)?;
                return hooks.call(&call).await.map(Output::Hook).map_err(failure);
            }
        };
        done.map(|()| Output::Done).map_err(failure)
    }
}

/// An error as an event.
pub(crate) fn failure(error: Error) -> Failure {
    let kind = match &error {
        Error::Conflict { .. } => FailureKind::Conflict,
        Error::Fenced { .. } => FailureKind::Fenced,
        Error::TimedOut { .. } => FailureKind::TimedOut,
        error if error.is_retryable() => FailureKind::Transient,
        _ => FailureKind::Refused,
    };
    Failure::new(kind, explain(&error))
}
