//! The course that one deployment takes, stage by stage.

use super::*;

/// How long a stage takes in which nothing is waited for.
const MOMENT: Duration = Duration::from_secs(1);
/// So many failed tasks, and the platform gives up.
const TOLERATED: usize = 3;

#[derive(Debug)]
pub(super) struct Course {
    pub(super) deployment: NativeDeployment,
    /// What served before.
    before: RevisionId,
    pub(super) status: DeploymentStatus,
    pub(super) stage: Option<LifecycleStage>,
    pub(super) weight: PerMille,
    pub(super) pause: Option<Pause>,
    pub(super) answered: Vec<String>,
    pub(super) failed_hooks: Vec<String>,
    pub(super) circuit_breaker: Monitor,
    pub(super) alarmed: bool,
    pub(super) reason: Option<String>,
    /// How many shifts were made.
    shifts: usize,
    /// Since when it is at its stage, or goes back.
    since: Timestamp,
}

fn after(time: Timestamp, span: Duration) -> Timestamp {
    time.saturating_add(span).unwrap_or(Timestamp::MAX)
}

fn minutes(count: u32) -> Duration {
    Duration::from_secs(60 * u64::from(count))
}

impl Course {
    pub(super) fn new(deployment: NativeDeployment, before: RevisionId, now: Timestamp) -> Self {
        Self {
            deployment,
            before,
            status: DeploymentStatus::Pending,
            stage: None,
            weight: PerMille::ZERO,
            pause: None,
            answered: Vec::new(),
            failed_hooks: Vec::new(),
            circuit_breaker: Monitor::Monitoring,
            alarmed: false,
            reason: None,
            shifts: 0,
            since: now,
        }
    }

    pub(super) fn stop(&mut self, now: Timestamp) {
        self.status = DeploymentStatus::Stopped;
        self.reason = Some("replaced by a newer deployment".to_owned());
        self.pause = None;
        self.since = now;
    }

    pub(super) fn go_back(&mut self, now: Timestamp, reason: &str) {
        self.status = DeploymentStatus::RollbackRequested;
        self.reason = Some(reason.to_owned());
        self.pause = None;
        self.since = now;
    }

    pub(super) fn answer(&mut self, now: Timestamp) {
        if let Some(pause) = self.pause.take() {
            self.answered.push(pause.hook);
            self.since = now;
        }
    }

    fn enter(&mut self, stage: LifecycleStage, at: Timestamp) {
        self.stage = Some(stage);
        self.since = at;
        if let Some(limit) = self.deployment.pause_minutes
            && LifecycleStage::PAUSED.contains(&stage)
        {
            let hook = format!("pause-{}-{}", stage, self.shifts);
            self.pause = Some(Pause { hook, expires_at: Some(after(at, minutes(limit))) });
        }
    }

    /// How long the stage takes by itself.
    fn holds(&self, steps: &[PerMille]) -> Duration {
        match self.stage {
            Some(LifecycleStage::ProductionTrafficShift) if self.shifts < steps.len() => {
                minutes(self.deployment.strategy.step_bake_minutes())
            }
            Some(LifecycleStage::BakeTime) => minutes(self.deployment.bake_minutes),
            _ => MOMENT,
        }
    }

    /// What a hook of this stage did: when it was done, or that it was not.
    fn hooked(
        &self,
        hooks: &BTreeMap<LifecycleStage, HookBehaviour>,
    ) -> Result<Timestamp, Timestamp> {
        let Some(stage) = self.stage else { return Ok(self.since) };
        let mut of_stage = self.deployment.hooks.iter().filter(|hook| hook.stages.contains(&stage));
        let Some(hook) = of_stage.next() else { return Ok(self.since) };
        match hooks.get(&stage) {
            None => Ok(self.since),
            Some(HookBehaviour::Agrees(took)) => Ok(after(self.since, *took)),
            Some(HookBehaviour::Refuses) => Err(after(self.since, MOMENT)),
            Some(HookBehaviour::Silent) => Err(after(self.since, minutes(hook.timeout_minutes))),
        }
    }
}

impl World {
    /// Lets the next thing happen that is due; `false` if there is none.
    pub(super) fn happens(&mut self, cloud: &MemoryCloud, now: Timestamp) -> bool {
        let id = self.newest.clone();
        let Some(mut course) = self.courses.remove(&id) else { return false };
        let happened = match course.status {
            DeploymentStatus::Pending => {
                let due = after(course.since, MOMENT);
                if due <= now {
                    course.status = DeploymentStatus::InProgress;
                    course.enter(LifecycleStage::PreScaleUp, due);
                }
                due <= now
            }
            DeploymentStatus::InProgress => self.goes_on(&mut course, cloud, now),
            DeploymentStatus::RollbackRequested | DeploymentStatus::RollbackInProgress => {
                self.goes_back(&mut course, cloud, now)
            }
            _ => false,
        };
        self.courses.insert(id, course);
        happened
    }

    fn goes_on(&mut self, course: &mut Course, cloud: &MemoryCloud, now: Timestamp) -> bool {
        if !course.deployment.alarms.is_empty() && !self.alarms.is_empty() {
            course.alarmed = true;
            course.go_back(now, "an alarm went off");
            return true;
        }
        if let Some(pause) = &course.pause {
            let Some(expires) = pause.expires_at.filter(|expires| *expires <= now) else {
                return false;
            };
            course.go_back(expires, "nobody answered a pause in time");
            return true;
        }
        let hooked = match course.hooked(&self.hooks) {
            Ok(done) => done,
            Err(failed) if failed > now => return false,
            Err(failed) => {
                let stage = course.stage.map_or("", LifecycleStage::as_str);
                course
                    .failed_hooks
                    .push(format!("{} at {stage}", course.deployment.hooks[0].function));
                course.go_back(failed, "a hook failed");
                return true;
            }
        };
        let steps = course.deployment.strategy.steps();
        let due = after(course.since, course.holds(&steps)).max(hooked);
        if due > now {
            return false;
        }
        let (live, candidate) = (self.sides[self.live].clone(), self.candidate().clone());
        let Some(stage) = course.stage else { return false };
        let next = match stage {
            LifecycleStage::ReconcileService => LifecycleStage::PreScaleUp,
            LifecycleStage::PreScaleUp => {
                cloud.redeploy_revision(&candidate, course.deployment.revision.clone());
                cloud.rescale(&candidate, self.desired);
                LifecycleStage::ScaleUp
            }
            LifecycleStage::ScaleUp => {
                if cloud.healthy(&candidate) < self.desired {
                    let side = Compute::service(cloud, &candidate).now_or_never();
                    let failed = side.and_then(Result::ok).map_or(0, |side| side.failures.len());
                    if failed >= TOLERATED {
                        course.circuit_breaker = Monitor::Triggered;
                        course.go_back(now, "the circuit breaker found too many failed tasks");
                    }
                    return failed >= TOLERATED;
                }
                // It was not known to be ready before.
                course.enter(LifecycleStage::PostScaleUp, now);
                return true;
            }
            LifecycleStage::PostScaleUp => LifecycleStage::TestTrafficShift,
            LifecycleStage::TestTrafficShift => LifecycleStage::PostTestTrafficShift,
            LifecycleStage::PostTestTrafficShift => LifecycleStage::PreProductionTrafficShift,
            LifecycleStage::PreProductionTrafficShift => {
                course.weight = steps.get(course.shifts).copied().unwrap_or(PerMille::FULL);
                course.shifts += 1;
                cloud.meddle(Split::between(candidate, course.weight.whole(), live));
                LifecycleStage::ProductionTrafficShift
            }
            LifecycleStage::ProductionTrafficShift if course.shifts < steps.len() => {
                LifecycleStage::PreProductionTrafficShift
            }
            LifecycleStage::ProductionTrafficShift => LifecycleStage::PostProductionTrafficShift,
            LifecycleStage::PostProductionTrafficShift => LifecycleStage::BakeTime,
            LifecycleStage::BakeTime => {
                cloud.rescale(&live, 0);
                LifecycleStage::CleanUp
            }
            LifecycleStage::CleanUp => {
                course.status = DeploymentStatus::Successful;
                self.live = 1 - self.live;
                return true;
            }
        };
        course.enter(next, due);
        true
    }

    fn goes_back(&mut self, course: &mut Course, cloud: &MemoryCloud, now: Timestamp) -> bool {
        let due = after(course.since, MOMENT);
        let (live, candidate) = (self.sides[self.live].clone(), self.candidate().clone());
        if due > now {
            return false;
        }
        if course.status == DeploymentStatus::RollbackRequested {
            course.status = DeploymentStatus::RollbackInProgress;
            course.since = due;
            self.revision = course.before.clone();
            cloud.rescale(&live, self.desired);
            return true;
        }
        if cloud.healthy(&live) < self.desired {
            return false;
        }
        if course.weight > PerMille::ZERO {
            course.weight = PerMille::ZERO;
            cloud.meddle(Split::all_to(live));
            course.since = now;
            return true;
        }
        if self.cannot_go_back {
            course.status = DeploymentStatus::RollbackFailed;
            return true;
        }
        cloud.rescale(&candidate, 0);
        course.status = DeploymentStatus::RollbackSuccessful;
        true
    }
}
