//! The state of a native deployment: folded from its events, never stored.

use jiff::Timestamp;
use petswipe_monitor::Carried;
use petswipe_runbook::InFlight;

use super::effect::{NativeEffect, NativeSurvey};
use super::plan::NativePlan;
use crate::native::types::{DeploymentId, NativeStatus, PerMille};
use crate::rollout::{Direction, Outcome, StageRecord};
use crate::{Environment, RevisionId};

/// What is done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Look at everything before the first change.
    Survey,
    /// Register the revision.
    Register,
    /// Begin the deployment.
    Begin,
    /// Watch it.
    Watch,
    /// Answer a pause.
    Proceed {
        /// Which.
        hook: String,
    },
    /// Find out whether it was begun.
    Find,
    /// Make it go back.
    Stop,
    /// Set back how the service is deployed.
    Restore,
    /// Look whether everything is as it should be.
    Settle,
}

/// The state of a native deployment.
#[derive(Clone, Debug)]
pub struct NativeState {
    /// Which way it goes.
    pub direction: Direction,
    /// What is done next.
    pub phase: Phase,
    /// How it was at first.
    pub before: Option<NativeSurvey>,
    /// The revision that is to serve, once it is known.
    pub revision: Option<RevisionId>,
    /// The deployment, once the platform has named it.
    pub deployment: Option<DeploymentId>,
    /// The new version's share of traffic as it was seen last.
    pub weight: PerMille,
    /// Every stage that was seen.
    pub stages: Vec<StageRecord>,
    /// What was seen of the deployment last.
    pub last_status: Option<NativeStatus>,
    /// What was surveyed last.
    pub last_survey: Option<NativeSurvey>,
    /// The end.
    pub ended: Option<Outcome>,
    /// Why a person is needed.
    pub suspended: Option<String>,
    /// Whether the beginning was, or may have been, commanded.
    pub(in crate::native) begun: bool,
    /// Since when the new version is waited for.
    pub(in crate::native) begun_at: Timestamp,
    /// Since when the new version is known to have its present share.
    pub(in crate::native) exposed_since: Option<Timestamp>,
    /// The platform counts its own waiting from no earlier than this.
    pub(in crate::native) counts_from: Timestamp,
    /// When the last look began that was answered.
    pub(in crate::native) last_seen: Option<Timestamp>,
    /// When the last look began.
    pub(in crate::native) last_look: Option<Timestamp>,
    pub(in crate::native) judged_until: Option<Timestamp>,
    pub(in crate::native) carried: Carried,
    /// Why the new version is not known to be healthy, if it is not.
    pub(in crate::native) doubt: Option<String>,
    /// When the last look began that said it is, at the present share.
    pub(in crate::native) last_pass: Option<Timestamp>,
    /// Whether it was judged well while it had everything.
    pub(in crate::native) passed_full: bool,
    /// The pause that is to be answered, and since when.
    pub(in crate::native) pause: Option<(String, Timestamp)>,
    /// Since when it goes back.
    pub(in crate::native) turned_at: Timestamp,
    /// The share from which it was let go on last.
    pub(in crate::native) allowed_from: Option<PerMille>,
    /// The pause before a shift that was answered last, and the share from which that shift goes on.
    pub(in crate::native) shifting: Option<(String, PerMille)>,
    /// How often the configuration was set back.
    pub(in crate::native) restores: u32,
    pub(in crate::native) failed: u32,
    pub(in crate::native) retry_at: Option<Timestamp>,
    pub(in crate::native) in_flight: InFlight<NativeEffect>,
    pub(in crate::native) aborted: Option<(String, String)>,
    /// The last task that failed, in words.
    pub(in crate::native) last_failure: Option<String>,
}

impl NativeState {
    pub(in crate::native) fn new(at: Timestamp) -> Self {
        Self {
            direction: Direction::Starting,
            phase: Phase::Survey,
            before: None,
            revision: None,
            deployment: None,
            weight: PerMille::ZERO,
            stages: Vec::new(),
            last_status: None,
            last_survey: None,
            ended: None,
            suspended: None,
            begun: false,
            begun_at: at,
            exposed_since: None,
            counts_from: at,
            last_seen: None,
            last_look: None,
            judged_until: None,
            carried: Carried::default(),
            doubt: None,
            last_pass: None,
            passed_full: false,
            pause: None,
            turned_at: at,
            allowed_from: None,
            shifting: None,
            restores: 0,
            failed: 0,
            retry_at: None,
            in_flight: InFlight::default(),
            aborted: None,
            last_failure: None,
        }
    }

    pub(in crate::native) fn is_back(&self) -> bool {
        matches!(self.direction, Direction::Back(_))
    }

    /// Does this next, with all attempts left.
    pub(in crate::native) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.failed = 0;
        self.retry_at = None;
    }
}

impl NativePlan {
    /// The side that does not serve: the new version gets it.
    pub(in crate::native) fn candidate<'a>(&'a self, live: &Environment) -> &'a Environment {
        let [a, b] = &self.sides;
        if a == live { b } else { a }
    }

    /// All reasons not to begin.
    pub(in crate::native) fn examine(&self, survey: &NativeSurvey) -> Vec<String> {
        let service = &survey.service;
        let environment = &self.environment;
        let mut reasons = Vec::new();
        if !self.sides.contains(&service.live) {
            let ([a, b], live) = (&self.sides, &service.live);
            reasons.push(format!("{environment} serves by {live}; allowed: {a} or {b}"));
        }
        if service.desired == 0 {
            reasons.push(format!("{environment} has a desired count of 0; allowed: at least 1"));
        }
        if service.running == 0 {
            reasons.push(format!("{environment} runs no task; allowed: at least 1"));
        }
        if service.in_progress {
            reasons.push(format!(
                "another deployment is in progress on {environment}; wait until it is done"
            ));
        }
        match (&service.revision, &self.target) {
            (None, _) => reasons.push(format!("{environment} runs no known revision")),
            (Some(serves), crate::Target::Revision(target)) if serves == target => {
                reasons.push(format!("{target} already serves"));
            }
            _ => {}
        }
        if let (Some(serves), Some(undoes)) = (&service.revision, &self.undoes)
            && serves != undoes
        {
            reasons.push(format!("{serves} serves, and this undoes {undoes}"));
        }
        if let Some(stage) = service.pauses.first() {
            reasons.push(format!(
                "a deployment of {environment} waits for somebody else at {stage}; remove that pause hook first"
            ));
        }
        reasons
    }
}
